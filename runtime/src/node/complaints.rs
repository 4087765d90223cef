//! What whoever runs a node is told of connections that come to nothing: the first few, and how many more there were.
//!
//! Journey: none of its own. Anybody can connect, so that a line for each connection would let anybody fill the log.
//!
//! Always: [`LINES`] lines and one number in each [`WINDOW`], whatever happens.

use super::{SECOND, Time};

/// Lines of a window.
const LINES: u32 = 5;
/// How long they are counted together, from the first on.
pub const WINDOW: Time = 10 * SECOND;

/// See the module's header.
#[derive(Default, Debug)]
pub struct Complaints {
    /// The end of the window, if there is one.
    until: Option<Time>,
    said: u32,
    left_out: u64,
}

impl Complaints {
    /// Whether a line may be written; else it is counted.
    pub fn may_say(&mut self, now: Time) -> bool {
        let is_open = self.until.is_some_and(|until| now < until) || self.left_out > 0;
        if !is_open {
            *self = Complaints { until: Some(now + WINDOW), said: 0, left_out: 0 };
        }
        self.said += 1;
        if self.said > LINES {
            self.left_out += 1;
            return false;
        }
        true
    }
    /// When [`Complaints::timeout`] is to be called.
    pub fn next_timeout(&self) -> Option<Time> {
        self.until.filter(|_| self.left_out > 0)
    }
    /// Time has passed: how many were left out, if their window is over.
    pub fn timeout(&mut self, now: Time) -> Option<u64> {
        let until = self.next_timeout()?;
        (now >= until).then(|| std::mem::take(self).left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_and_a_number() {
        let mut c = Complaints::default();
        assert_eq!((0..100).filter(|_| c.may_say(7)).count(), LINES as usize);
        assert_eq!((c.next_timeout(), c.timeout(8)), (Some(7 + WINDOW), None));
        assert_eq!(c.timeout(7 + WINDOW), Some(100 - u64::from(LINES)));
        assert_eq!((c.next_timeout(), c.timeout(2 * WINDOW)), (None, None));
        assert!(c.may_say(2 * WINDOW), "a window begins with its first line");
        assert_eq!(c.next_timeout(), None, "nothing was left out");
        assert!(c.may_say(5 * WINDOW) && c.may_say(5 * WINDOW + 1));
    }
}
