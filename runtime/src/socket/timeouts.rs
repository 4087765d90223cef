//! How long calls of a socket may wait (`settimeout`).
//!
//! Journey: none of its own. Pure: the time is a parameter. LuaSocket's manual: a *block* timeout limits each single wait of a
//! call, a *total* timeout the whole call. (LuaSocket itself counts the block timeout from the call's beginning.)

use crate::process::core::Time;

/// Seconds; negative: no limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timeouts {
    /// Of one wait.
    pub block: f64,
    /// Of a call.
    pub total: f64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts { block: -1.0, total: -1.0 }
    }
}

/// Nanoseconds of some seconds: none, if that is no limit.
pub fn nanoseconds(seconds: f64) -> Option<Time> {
    // Some centuries are for ever.
    (seconds >= 0.0).then_some((seconds * 1e9).min(1e19) as Time)
}

impl Timeouts {
    /// No call waits at all.
    pub fn is_zero(&self) -> bool {
        self.block == 0.0 || self.total == 0.0
    }
    /// When a call that begins now is over.
    pub fn end_of_call(&self, now: Time) -> Option<Time> {
        nanoseconds(self.total).map(|ns| now.saturating_add(ns))
    }
    /// When a wait that begins now, of a call that is over at a time, is over.
    pub fn end_of_wait(&self, now: Time, end_of_call: Option<Time>) -> Option<Time> {
        let block = nanoseconds(self.block).map(|ns| now.saturating_add(ns));
        match (block, end_of_call) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_end_counts() {
        let mut t = Timeouts::default();
        assert_eq!(t.end_of_wait(5, t.end_of_call(5)), None);
        t.block = 2e-9;
        assert_eq!(t.end_of_wait(5, t.end_of_call(5)), Some(7));
        assert_eq!(t.end_of_wait(9, t.end_of_call(5)), Some(11), "each wait begins anew");
        t.total = 5e-9;
        assert_eq!(t.end_of_wait(5, t.end_of_call(5)), Some(7));
        assert_eq!(t.end_of_wait(9, t.end_of_call(5)), Some(10), "the call does not");
        t.block = -1.0;
        assert_eq!(t.end_of_wait(9, t.end_of_call(5)), Some(10));
        assert!(!t.is_zero());
        t.total = 0.0;
        assert!(t.is_zero());
    }
    #[test]
    fn any_number_is_a_time() {
        assert_eq!(nanoseconds(f64::INFINITY), Some(10_000_000_000_000_000_000));
        assert_eq!(nanoseconds(f64::NAN), None);
        assert_eq!(nanoseconds(-0.5), None);
        let t = Timeouts { block: 1e300, total: 1e300 };
        assert_eq!(t.end_of_wait(Time::MAX - 1, t.end_of_call(Time::MAX - 1)), Some(Time::MAX));
    }
}
