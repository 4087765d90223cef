//! Workers that have nothing to do, and how they are woken.
//!
//! Journey: every process's life: **waits for something to be ready**. A worker that finds nothing notes itself here, looks
//! once more, and only then sleeps; who queues a process looks here afterwards. One of the two sees the other, so no
//! process is queued while all sleep. While nobody sleeps a look is one load, and no call of the system.
//!
//! Always: a worker that was taken out of the list was woken, and looks at the queues again.
//!
//! Locks: under the queues' lock or alone; nothing is taken under it. Wakers are called outside it.

use crate::sync::{AtomicUsize, Mutex, MutexGuard, fence};
use std::sync::atomic::Ordering;

/// The list of sleepers; `W` wakes one.
pub struct Sleepers<W> {
    list: Mutex<List<W>>,
    count: AtomicUsize,
}
struct List<W> {
    sleepers: Vec<(usize, W)>,
    /// How often one has left or was taken: while it stays the same nobody has run anything.
    left: u64,
}
/// When a worker was noted.
#[derive(Clone, Copy, Debug)]
pub struct Entry(u64);

impl<W> Default for Sleepers<W> {
    fn default() -> Self {
        Sleepers { list: Mutex::new(List { sleepers: Vec::new(), left: 0 }), count: AtomicUsize::new(0) }
    }
}

impl<W> Sleepers<W> {
    fn lock(&self) -> MutexGuard<'_, List<W>> {
        self.list.lock().unwrap_or_else(|e| e.into_inner())
    }
    /// Notes that a worker is about to sleep. It has to look at the queues after this.
    pub fn enter(&self, worker: usize, waker: W) -> Entry {
        let mut list = self.lock();
        match list.sleepers.iter_mut().find(|(w, _)| *w == worker) {
            Some(entry) => entry.1 = waker,
            None => list.sleepers.push((worker, waker)),
        }
        self.count.store(list.sleepers.len(), Ordering::SeqCst);
        let entry = Entry(list.left);
        drop(list);
        fence(Ordering::SeqCst);
        entry
    }
    /// Whether all of so many workers sleep, and have done so since an entry: what was seen since then still holds.
    pub fn all_since(&self, entry: Entry, workers: usize) -> bool {
        let list = self.lock();
        list.sleepers.len() == workers && list.left == entry.0
    }
    /// Notes that a worker does not sleep after all; false: somebody has woken it already.
    pub fn leave(&self, worker: usize) -> bool {
        let mut list = self.lock();
        let Some(i) = list.sleepers.iter().position(|(w, _)| *w == worker) else { return false };
        list.sleepers.swap_remove(i);
        list.left += 1;
        self.count.store(list.sleepers.len(), Ordering::SeqCst);
        true
    }
    /// Takes one to be woken, because something was queued.
    #[inline]
    pub fn take_one(&self) -> Option<(usize, W)> {
        fence(Ordering::SeqCst);
        if self.count.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let mut list = self.lock();
        let taken = list.sleepers.pop();
        list.left += 1;
        self.count.store(list.sleepers.len(), Ordering::SeqCst);
        taken
    }
    /// Takes a certain one to be woken, if it sleeps.
    pub fn take(&self, worker: usize) -> Option<W> {
        let mut list = self.lock();
        let i = list.sleepers.iter().position(|(w, _)| *w == worker)?;
        list.left += 1;
        let (_, waker) = list.sleepers.swap_remove(i);
        self.count.store(list.sleepers.len(), Ordering::SeqCst);
        Some(waker)
    }
    /// Takes all, to be woken.
    pub fn take_all(&self) -> Vec<(usize, W)> {
        let mut list = self.lock();
        list.left += 1;
        self.count.store(0, Ordering::SeqCst);
        std::mem::take(&mut list.sleepers)
    }
}
