//! What the runtime's total (scheduler/memory.rs) knows of one process: its bytes, and by which order it is listed.
//!
//! Journey: none of its own. It stands in the slot, under its lock: who makes the process grow or shrink notes it, and
//! tells the total after the lock.

/// Bytes of one process, as the total knows of them; in its slot.
#[derive(Default, Debug)]
pub struct Account {
    bytes: usize,
    /// The order by which it is listed; 0: it is not.
    listed: u32,
}

/// What is to be told of an account that has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub struct Grown {
    by: isize,
    moved: bool,
}

impl Account {
    /// Compares what the process takes with what the total knows of. Small differences wait, so that the total, which
    /// all share, is seldom written.
    pub fn note(&mut self, now: usize) -> Option<Grown> {
        let by = now as isize - self.bytes as isize;
        if by.unsigned_abs() <= 1024 + self.bytes / 16 { None } else { self.set(now) }
    }
    /// The process takes nothing any more.
    pub fn close(&mut self) -> Option<Grown> {
        if self.bytes == 0 && self.listed == 0 { None } else { self.set(0) }
    }
    fn set(&mut self, now: usize) -> Option<Grown> {
        let by = now as isize - self.bytes as isize;
        self.bytes = now;
        Some(Grown { by, moved: order(now) != self.listed })
    }
    /// The order by which it was listed, and that by which it is from now on.
    pub fn list(&mut self) -> (u32, u32) {
        let new = order(self.bytes);
        (std::mem::replace(&mut self.listed, new), new)
    }
}

impl Grown {
    /// So many bytes more than before.
    pub fn by(self) -> isize {
        self.by
    }
    /// Whether it is listed by an order that it had.
    pub fn is_listed_elsewhere(self) -> bool {
        self.moved
    }
}

/// Of processes smaller than this there is no list.
const LISTED: usize = 8 * 1024;
fn order(bytes: usize) -> u32 {
    if bytes < LISTED { 0 } else { usize::BITS - bytes.leading_zeros() }
}
