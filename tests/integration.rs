//! The program as its users have it, in one executable of tests: each is optimised and linked as a whole, and of twenty small
//! ones that took longer than their tests.
//!
//! Journey: none of its own; each file says its own. `cargo test --test integration nodes::` runs those of one file.

mod attach;
mod behaviours;
mod check;
mod checkpoint;
mod cli;
mod explore;
mod fairness;
mod handover;
mod litmus;
mod migration;
mod nodes;
mod observe;
mod prompt;
mod protocol;
mod refusals;
mod seed;
mod services;
mod tidy;
mod user;
