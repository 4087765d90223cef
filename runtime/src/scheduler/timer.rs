//! Timers of waiting processes.
//!
//! Journey: receive with a timeout, sleep. A heap by deadline; a timer whose wait is over stays until its time and is
//! then ignored (its number no longer fits), which is cheaper than finding it.

use crate::process::Slot;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Instant;

/// The end of a wait.
pub struct Timer {
    /// When.
    pub deadline: Instant,
    /// Number of the wait.
    pub wait: u64,
    /// Whose.
    pub slot: Arc<Slot>,
}

struct Entry(Instant, u64, Timer);
impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

/// All timers, earliest first; of equal deadlines, the one set first.
#[derive(Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
    count: u64,
}

impl Timers {
    /// Adds one.
    pub fn insert(&mut self, timer: Timer) {
        self.count += 1;
        self.heap.push(Reverse(Entry(timer.deadline, self.count, timer)));
    }
    fn drop_stale(&mut self) {
        while let Some(Reverse(Entry(_, _, t))) = self.heap.peek() {
            if t.slot.lock().wait == t.wait {
                return;
            }
            self.heap.pop();
        }
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
    /// The earliest deadline of a wait that still lasts.
    pub fn next_deadline(&mut self) -> Option<Instant> {
        self.drop_stale();
        self.heap.peek().map(|Reverse(e)| e.0)
    }
    /// Takes the earliest, if its time has come.
    pub fn take_due(&mut self, now: Instant) -> Option<Timer> {
        if self.heap.peek().is_some_and(|Reverse(e)| e.0 <= now) {
            return self.heap.pop().map(|Reverse(e)| e.2);
        }
        None
    }
}
