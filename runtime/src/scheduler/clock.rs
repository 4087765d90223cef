//! Time and chance: all that differs from run to run goes through here.
//!
//! Journey: none of its own. A real clock is that of the system. A virtual one, under a seed, moves with the work that
//! is done and jumps to the next timer when there is none; random numbers then come from the seed.

use super::queue::next_random;
use crate::process::core::Time;
use crate::sync::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Nanoseconds of virtual time that a reduction takes.
const REDUCTION_NS: u64 = 20;
/// Nanoseconds of virtual time that a look at the clock takes, so that a loop that waits for a time ends.
const LOOK_NS: u64 = 100;
/// Where virtual time begins: 2000-01-01 00:00 UTC, in nanoseconds since 1970.
const VIRTUAL_START_NS: u64 = 946_684_800_000_000_000;

/// The clock of a runtime.
pub enum Clock {
    /// The system's.
    Real {
        /// When the runtime began.
        start: Instant,
    },
    /// One that runs the same each time.
    Virtual {
        /// Nanoseconds since the runtime began; all programs of a cluster have one.
        now: Arc<AtomicU64>,
        /// State of the random numbers.
        random: Mutex<u64>,
    },
}

impl Clock {
    /// The system's clock; with a seed, a virtual one.
    pub fn new(seed: Option<u64>) -> Clock {
        match seed {
            None => Clock::Real { start: Instant::now() },
            Some(seed) => Clock::Virtual { now: Arc::default(), random: Mutex::new(!seed) },
        }
    }
    /// A virtual clock that goes with this time, with random numbers of its own.
    pub fn with_time(now: Arc<AtomicU64>, seed: u64) -> Clock {
        Clock::Virtual { now, random: Mutex::new(!seed) }
    }
    /// Nanoseconds since the runtime began.
    pub fn now(&self) -> Time {
        match self {
            Clock::Real { start } => start.elapsed().as_nanos() as u64,
            Clock::Virtual { now, .. } => now.fetch_add(LOOK_NS, Ordering::Relaxed),
        }
    }
    /// As [`Clock::now`], and no virtual time passes by the look.
    pub fn seen(&self) -> Time {
        match self {
            Clock::Real { .. } => self.now(),
            Clock::Virtual { now, .. } => now.load(Ordering::Relaxed),
        }
    }
    /// Time since 1970.
    pub fn since_1970(&self) -> Duration {
        match self {
            Clock::Real { .. } => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            Clock::Virtual { .. } => Duration::from_nanos(VIRTUAL_START_NS + self.now()),
        }
    }
    /// The instant of a time, to sleep until; none: it is beyond all times. (Virtual time passes as real time does where
    /// somebody waits for the world.)
    pub fn instant(&self, at: Time) -> Option<Instant> {
        match self {
            Clock::Real { start } => start.checked_add(Duration::from_nanos(at)),
            Clock::Virtual { now, .. } => {
                let left = at.saturating_sub(now.load(Ordering::Relaxed));
                Instant::now().checked_add(Duration::from_nanos(left))
            }
        }
    }
    /// Work was done: virtual time passes.
    pub fn worked(&self, reductions: u64) {
        if let Clock::Virtual { now, .. } = self {
            now.fetch_add(reductions * REDUCTION_NS, Ordering::Relaxed);
        }
    }
    /// Nobody has anything to do before a time: virtual time jumps there. False: real time has to pass.
    pub fn jump(&self, to: Time) -> bool {
        match self {
            Clock::Real { .. } => false,
            Clock::Virtual { now, .. } => {
                now.fetch_max(to, Ordering::Relaxed);
                true
            }
        }
    }
    /// Random bits: the system's, or the next of the seed's.
    pub fn random(&self) -> u64 {
        match self {
            Clock::Real { .. } => {
                use std::hash::{BuildHasher, RandomState};
                RandomState::new().hash_one(0)
            }
            Clock::Virtual { random, .. } => next_random(&mut random.lock().unwrap_or_else(|e| e.into_inner())),
        }
    }
}
