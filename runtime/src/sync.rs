//! The locks and atomics of the process system; under `--cfg shuttle` those of a model checker of schedules
//! (scheduler/schedules.rs), under `--cfg rlua_sanitize` locks that ThreadSanitizer sees.
//!
//! Journey: none. Those of nodes come before all others (node/transport/mod.rs has their order). One order of locks:
//! gate, slot; gate, queues; queues, sleepers; memory, slot. Timers, the process table, names and what has happened lately are locked
//! alone, the last also under those of nodes.

#[cfg(shuttle)]
pub use shuttle::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicUsize, fence},
};
#[cfg(not(shuttle))]
pub use std::sync::atomic::{AtomicUsize, fence};
#[cfg(not(any(shuttle, rlua_sanitize)))]
pub use std::sync::{Condvar, Mutex, MutexGuard};

#[cfg(rlua_sanitize)]
pub use seen::{Condvar, Mutex, MutexGuard};

/// ThreadSanitizer does not look into the standard library, where a lock is taken that somebody else has: an atomic
/// beside each lock, which every holder writes last and reads first, shows it the order.
#[cfg(rlua_sanitize)]
mod seen {
    use std::ops::{Deref, DerefMut};
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{LockResult, PoisonError, WaitTimeoutResult};
    use std::time::Duration;

    /// A lock.
    #[derive(Default, Debug)]
    pub struct Mutex<T> {
        order: AtomicU32,
        lock: std::sync::Mutex<T>,
    }
    /// A lock that is held.
    pub struct MutexGuard<'a, T> {
        order: &'a AtomicU32,
        held: Option<std::sync::MutexGuard<'a, T>>,
    }
    impl<T> Mutex<T> {
        /// Protects a value.
        pub fn new(value: T) -> Mutex<T> {
            Mutex { order: AtomicU32::new(0), lock: std::sync::Mutex::new(value) }
        }
        /// Waits for it.
        pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
            let held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            self.order.load(Ordering::Acquire);
            Ok(MutexGuard { order: &self.order, held: Some(held) })
        }
    }
    impl<T> Drop for MutexGuard<'_, T> {
        fn drop(&mut self) {
            self.order.store(1, Ordering::Release);
        }
    }
    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            self.held.as_ref().expect("it is held")
        }
    }
    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.held.as_mut().expect("it is held")
        }
    }

    /// A condition variable.
    #[derive(Default, Debug)]
    pub struct Condvar(std::sync::Condvar);
    impl Condvar {
        /// One that nobody waits for.
        pub fn new() -> Condvar {
            Condvar::default()
        }
        /// Wakes one.
        pub fn notify_one(&self) {
            self.0.notify_one();
        }
        /// Wakes all.
        pub fn notify_all(&self) {
            self.0.notify_all();
        }
        /// Waits without holding the lock.
        pub fn wait<'a, T>(&self, mut guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
            guard.order.store(1, Ordering::Release);
            let held = self.0.wait(guard.held.take().expect("it is held")).unwrap_or_else(PoisonError::into_inner);
            guard.order.load(Ordering::Acquire);
            guard.held = Some(held);
            Ok(guard)
        }
        /// As [`Condvar::wait`], for a time.
        pub fn wait_timeout<'a, T>(
            &self,
            mut guard: MutexGuard<'a, T>,
            time: Duration,
        ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
            guard.order.store(1, Ordering::Release);
            let waited = self.0.wait_timeout(guard.held.take().expect("it is held"), time);
            let (held, result) = waited.unwrap_or_else(PoisonError::into_inner);
            guard.order.load(Ordering::Acquire);
            guard.held = Some(held);
            Ok((guard, result))
        }
    }
}
