//! The compiler alone, in one executable of tests (as the program's are: tests/integration.rs).
//!
//! Journey: none of its own; each file says its own.

mod check;
mod chunks;
mod errors;
mod limits;
