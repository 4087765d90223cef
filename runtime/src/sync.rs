//! The locks and atomics of queues, sleep and inboxes; under `--cfg shuttle` those of a model checker of schedules
//! (schedules.rs).
//!
//! Journey: none. One order of locks: gate, slot; gate, queues; queues, sleepers. Timers, the process table, names and memory are locked
//! alone.

#[cfg(shuttle)]
pub use shuttle::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicUsize, fence},
};
#[cfg(not(shuttle))]
pub use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicUsize, fence},
};
