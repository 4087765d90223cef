//! Strong mobility: a process as plain data, that goes on elsewhere.
//!
//! Journey: a stopped process -> **bytes** -> a process that goes on. The parts: frozen (the form of a whole process),
//! handover (which node has it when), arrivals (when it runs there), settling (what is waited for before that),
//! routes (where those are that have moved, and the order of what is sent to them),
//! checkpoint (the form in a file, which nobody but who has the cookie can make), inspect (what is in it, for people).
//!
//! Not here: the machine's part of the form (codec/freeze.rs, codec/thaw.rs), and when a process stops for it
//! (scheduler/checkpoint.rs, scheduler/moving.rs).

pub mod arrivals;
pub mod checkpoint;
pub mod frozen;
pub mod handover;
#[cfg(test)]
mod handover_model;
pub mod inspect;
pub mod routes;
#[cfg(test)]
mod routes_model;
pub mod settling;
