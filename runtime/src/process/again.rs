//! Lists that are used again, so that a slice allocates none: each thread has its own.
//!
//! Journey: none of its own.

use super::core::Effect;
use super::signal::Signal;
use std::cell::Cell;

/// Entries for which an empty list keeps room.
const KEPT: usize = 1024;

thread_local! {
    static SIGNALS: Cell<Vec<Signal>> = const { Cell::new(Vec::new()) };
    static EFFECTS: Cell<Vec<Effect>> = const { Cell::new(Vec::new()) };
}

/// Does something with a list of signals, which is empty at first; what it has in the end is dropped.
#[inline]
pub fn with_signals<T>(f: impl FnOnce(&mut Vec<Signal>) -> T) -> T {
    let mut list = SIGNALS.take();
    let result = f(&mut list);
    list.clear();
    if list.capacity() <= KEPT {
        SIGNALS.set(list);
    }
    result
}
/// As [`with_signals`], with a list of effects.
#[inline]
pub fn with_effects<T>(f: impl FnOnce(&mut Vec<Effect>) -> T) -> T {
    let mut list = EFFECTS.take();
    let result = f(&mut list);
    list.clear();
    if list.capacity() <= KEPT {
        EFFECTS.set(list);
    }
    result
}
