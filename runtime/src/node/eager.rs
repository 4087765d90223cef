//! Whether it pays to look for a packet again and again rather than to sleep until one comes.
//!
//! Journey: remote signal: connection -> **when to look** -> frame. To sleep and to be woken takes longer than many a peer
//! needs to answer. So a reader whose peer answers at once looks on for a short while, as long as its worker has nothing
//! else to do; one whose peer takes longer sleeps, and is slow to try again.
//!
//! Always: of all the time in which nothing comes, a small part is spent looking: each failure doubles what has to come
//! in quick succession before the next try.

use super::Time;

/// How long to look on (nanoseconds).
pub const LOOK: Time = 50_000;
/// A packet that comes so soon would have been seen, if nobody had had to be woken for it or for what it answers.
const SOON: Time = 150_000;
/// Packets that have to come soon before the first try.
const FIRST: u32 = 8;
/// And before one after many failures.
const LAST: u32 = 1 << 14;
/// Failures in a row that end it.
const FAILURES: u32 = 3;

/// What is known of a peer.
#[derive(Debug)]
pub struct Eager {
    looks: bool,
    /// Packets that came soon, in a row.
    soon: u32,
    /// So many are needed.
    needed: u32,
    failures: u32,
}

impl Default for Eager {
    fn default() -> Eager {
        Eager { looks: false, soon: 0, needed: FIRST, failures: 0 }
    }
}

impl Eager {
    /// Whether to look on.
    pub fn looks(&self) -> bool {
        self.looks
    }
    /// Something came while it was looked for, for so long.
    pub fn found(&mut self, after: Time) {
        if after > 2 * LOOK {
            // Somebody else had the core meanwhile: who sleeps is woken earlier.
            return self.failed();
        }
        self.failures = 0;
        self.needed = (self.needed / 2).max(FIRST);
    }
    /// Something came while nobody looked, so long after there was nothing.
    pub fn came(&mut self, after: Time) {
        self.soon = if after > SOON { 0 } else { self.soon + 1 };
        self.looks |= self.soon >= self.needed;
    }
    /// Nothing came while it was looked for.
    pub fn failed(&mut self) {
        self.failures += 1;
        if self.failures >= FAILURES {
            let needed = (self.needed * 2).min(LAST);
            *self = Eager { needed, ..Eager::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_answers_at_once_is_looked_for() {
        let mut e = Eager::default();
        for _ in 0..FIRST {
            assert!(!e.looks());
            e.came(SOON);
        }
        assert!(e.looks());
        for _ in 0..10 {
            e.failed();
            e.came(SOON + 1);
            e.failed();
            e.found(1);
            assert!(e.looks());
        }
    }
    #[test]
    fn one_that_does_not_costs_little() {
        let mut e = Eager::default();
        let mut looked = 0;
        // As bad as can be: it comes soon exactly when nobody looks.
        for _ in 0..1_000_000 {
            if e.looks() {
                looked += 1;
                e.failed();
            } else {
                e.came(SOON);
            }
        }
        assert!(looked < 1000, "{looked}");
        e.came(SOON + 1);
        assert!(!e.looks());
    }
}
