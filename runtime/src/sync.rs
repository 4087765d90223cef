//! The locks of the process system; under `--cfg shuttle` those of a model checker of schedules (tests/schedules.rs).
//!
//! Journey: none. One order of locks: gate, slot; gate, queues; queues, sleepers. Timers, the process table, names and memory are locked
//! alone.

#[cfg(shuttle)]
pub use shuttle::sync::{Mutex, MutexGuard};
#[cfg(not(shuttle))]
pub use std::sync::{Mutex, MutexGuard};
