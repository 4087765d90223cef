//! Whether it pays to look for a packet again and again rather than to sleep until one comes.
//!
//! Journey: remote signal: connection -> **when to look** -> frame. To sleep and to be woken can take longer than a peer
//! needs to answer. So a reader whose peer answers at once may look on for a short while, as long as its worker has nothing
//! else to do. Whether that is faster depends on who else wants the cores: who looks may lose its core to others, and who
//! sleeps is woken ahead of them. So both are measured, and the slower one is tried again now and then.
//!
//! Always: of all the time in which nothing comes, a small part is spent looking: what was tried in vain is tried again
//! after twice as many packets as the last time.

use super::Time;

/// How long to look on (nanoseconds).
pub const LOOK: Time = 150_000;
/// Who waits longer than this on average, asleep, need not try to look.
const SOON: Time = 400_000;
/// More than this counts as this.
const LONGEST: Time = 2_000_000;
/// Packets of a trial.
const TRIAL: u32 = 8;
/// Packets before the first trial, and before one after many that were in vain.
const FIRST: u32 = 16;
const LAST: u32 = 1 << 14;
/// Failures in a row that end it.
const FAILURES: u32 = 3;

/// What is known of a peer.
#[derive(Debug)]
pub struct Eager {
    looks: bool,
    /// The mean times until something came, while it slept and while it looked.
    asleep: Time,
    looking: Time,
    /// Packets until the other way is tried, or until the trial is over.
    left: u32,
    is_trial: bool,
    /// Packets from one trial to the next.
    pause: u32,
    failures: u32,
}

impl Default for Eager {
    fn default() -> Eager {
        Eager { looks: false, asleep: LONGEST, looking: 0, left: FIRST, is_trial: false, pause: FIRST, failures: 0 }
    }
}

fn mix(mean: &mut Time, now: Time) {
    *mean = (*mean * 7 + now.min(LONGEST)) / 8;
}

impl Eager {
    /// Whether to look on.
    pub fn looks(&self) -> bool {
        self.looks
    }
    /// Something came, so long after there was nothing; whether it was looked for all the time.
    pub fn came(&mut self, after: Time, looked: bool) {
        if looked {
            self.failures = 0;
            mix(&mut self.looking, after);
        } else {
            mix(&mut self.asleep, after);
        }
        if self.looks && self.looking > self.asleep {
            return self.sleep();
        }
        self.left -= 1;
        match (self.left == 0, self.is_trial) {
            (false, _) => {}
            // It was better, or it would have ended.
            (true, true) if self.looks => self.settle(true, FIRST),
            (true, true) if self.asleep < self.looking => self.settle(false, FIRST),
            (true, true) => self.settle(true, (self.pause * 2).min(LAST)),
            (true, false) if !self.looks && self.asleep > SOON => self.left = self.pause,
            (true, false) => {
                self.looks = !self.looks;
                (self.is_trial, self.left) = (true, TRIAL);
                if self.looks {
                    self.looking = self.asleep;
                }
            }
        }
    }
    /// Nothing came while it was looked for.
    pub fn failed(&mut self) {
        self.failures += 1;
        if self.failures >= FAILURES {
            self.sleep();
        }
    }
    /// Looking was in vain.
    fn sleep(&mut self) {
        self.settle(false, (self.pause * 2).min(LAST));
    }
    fn settle(&mut self, looks: bool, pause: u32) {
        (self.looks, self.is_trial, self.left, self.pause, self.failures) = (looks, false, pause, pause, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often of so many packets it looks, if they come so long after there was nothing.
    fn looks(e: &mut Eager, packets: u32, looking: Time, asleep: Time) -> u32 {
        let mut looked = 0;
        for _ in 0..packets {
            match e.looks() {
                true if looking > LOOK => {
                    looked += 1;
                    e.failed();
                    e.came(looking, false);
                }
                true => {
                    looked += 1;
                    e.came(looking, true);
                }
                false => e.came(asleep, false),
            }
        }
        looked
    }
    #[test]
    fn the_faster_way_is_found_and_found_again() {
        let mut e = Eager::default();
        assert!(looks(&mut e, 1000, 10_000, 40_000) > 800);
        // Others want the cores.
        assert!(looks(&mut e, 1000, 45_000, 30_000) < 200);
        assert!(looks(&mut e, 10_000, 10_000, 40_000) > 5000);
    }
    #[test]
    fn what_is_in_vain_costs_little() {
        let mut e = Eager::default();
        assert!(looks(&mut e, 1_000_000, LOOK + 1, 40_000) < 1000);
        let mut e = Eager::default();
        assert_eq!(looks(&mut e, 1000, 10, SOON * 2), 0, "a peer that takes long");
    }
}
