//! Run queues: which ready process runs next.
//!
//! Journey: every process's life: ready -> **queue** -> slice. Each worker has a queue of its own and a place for the
//! process that it woke last, which runs next: a message and its answer stay on one core and take no lock of a queue.
//! What comes from no worker, or would make a queue too long, goes to the injector, which all look at. A worker whose
//! queue is empty takes half of another's. With a seed there is one list, from which a generator draws.
//!
//! Always: a process is in at most one place of one queue (inbox.rs: who moves it to `Queued` puts it there). No process
//! waits for ever: the woken ones go ahead of a queue that is not empty a few times in a row at most, and the injector is
//! looked at every 64th turn.
//!
//! Locks: a queue's lock is taken under no other but the gate's, and two queues are never locked at once.

use crate::process::slot::Slot;
use crate::sync::{AtomicUsize, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Processes that a worker's own queue holds; more go to the injector.
const LOCAL: usize = 256;
/// How often in a row a woken process may run ahead of the queue.
const AHEAD: u32 = 16;
/// Turns after which the injector comes first.
const INJECTOR_TURNS: u32 = 64;

/// All queues.
pub struct Queues<T = Arc<Slot>> {
    locals: Box<[Local<T>]>,
    injector: Local<T>,
    /// The generator of an order that can be repeated.
    seeded: Option<Mutex<u64>>,
}

struct Local<T> {
    queue: Mutex<VecDeque<T>>,
    /// Its length, so that an empty one needs no lock.
    len: AtomicUsize,
}

/// What a worker keeps to itself.
pub struct Turns<T = Arc<Slot>> {
    /// Woken last by what runs here.
    next: Option<T>,
    ahead: u32,
    turns: u32,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Turns { next: None, ahead: 0, turns: 0 }
    }
}

impl<T> Local<T> {
    fn new() -> Local<T> {
        Local { queue: Mutex::new(VecDeque::new()), len: AtomicUsize::new(0) }
    }
    fn push(&self, item: T) {
        let mut q = self.queue.lock().unwrap_or_else(|e| e.into_inner());
        q.push_back(item);
        self.len.store(q.len(), Ordering::SeqCst);
    }
    fn pop(&self) -> Option<T> {
        if self.len.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let mut q = self.queue.lock().unwrap_or_else(|e| e.into_inner());
        let item = q.pop_front();
        if q.is_empty() && q.capacity() > 4096 {
            *q = VecDeque::new();
        }
        self.len.store(q.len(), Ordering::SeqCst);
        item
    }
    /// Takes the older half, at most so many.
    fn take_half(&self, most: usize) -> VecDeque<T> {
        if self.len.load(Ordering::SeqCst) == 0 {
            return VecDeque::new();
        }
        let mut q = self.queue.lock().unwrap_or_else(|e| e.into_inner());
        let n = q.len().div_ceil(2).min(most);
        let taken: VecDeque<T> = q.drain(..n).collect();
        self.len.store(q.len(), Ordering::SeqCst);
        taken
    }
    fn len(&self) -> usize {
        self.len.load(Ordering::SeqCst)
    }
}

impl<T> Queues<T> {
    /// Queues of so many workers; with a seed, one list.
    pub fn new(workers: usize, seed: Option<u64>) -> Queues<T> {
        Queues {
            locals: (0..workers).map(|_| Local::new()).collect(),
            injector: Local::new(),
            seeded: seed.map(|s| Mutex::new(s ^ 0x9e37_79b9_7f4a_7c15)),
        }
    }
    /// Queues a process that a worker's process has woken, to run next there. What it displaces goes to the queue; true
    /// if there is something that another worker could do.
    pub fn push_next(&self, worker: usize, turns: &mut Turns<T>, item: T) -> bool {
        if self.seeded.is_some() {
            self.injector.push(item);
            return false;
        }
        match turns.next.replace(item) {
            Some(displaced) => {
                self.push(worker, displaced);
                true
            }
            None => false,
        }
    }
    /// Queues a process at the end of a worker's queue.
    pub fn push(&self, worker: usize, item: T) {
        let local = &self.locals[worker];
        if self.seeded.is_some() || local.len() >= LOCAL {
            self.injector.push(item);
        } else {
            local.push(item);
        }
    }
    /// Queues a process from outside.
    pub fn inject(&self, item: T) {
        self.injector.push(item);
    }
    /// Whether nothing is queued; a worker's `next` does not count.
    pub fn is_empty(&self) -> bool {
        self.injector.len() == 0 && self.locals.iter().all(|l| l.len() == 0)
    }
    /// Number of processes that are queued.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.injector.len() + self.locals.iter().map(Local::len).sum::<usize>()
    }
    /// Gives what only this worker knows of to its queue: it will not look for a while. True if there was something.
    pub fn share(&self, worker: usize, turns: &mut Turns<T>) -> bool {
        match turns.next.take() {
            Some(item) => {
                self.push(worker, item);
                true
            }
            None => false,
        }
    }
    /// The process that a worker is to run.
    pub fn pop(&self, worker: usize, turns: &mut Turns<T>) -> Option<T> {
        if let Some(seed) = &self.seeded {
            return self.draw(&mut seed.lock().unwrap_or_else(|e| e.into_inner()));
        }
        turns.turns = turns.turns.wrapping_add(1);
        let local = &self.locals[worker];
        if turns.turns.is_multiple_of(INJECTOR_TURNS)
            && let Some(item) = self.injector.pop()
        {
            return Some(item);
        }
        if let Some(item) = turns.next.take() {
            turns.ahead += 1;
            if turns.ahead <= AHEAD || local.len() == 0 {
                return Some(item);
            }
            self.push(worker, item);
        }
        turns.ahead = 0;
        if let Some(item) = local.pop() {
            return Some(item);
        }
        if let Some(item) = self.fill(worker, &self.injector) {
            return Some(item);
        }
        let n = self.locals.len();
        (1..n).find_map(|i| self.fill(worker, &self.locals[(worker + i) % n]))
    }
    /// Takes half of what another queue has; the first of it.
    fn fill(&self, worker: usize, from: &Local<T>) -> Option<T> {
        let mut taken = from.take_half(LOCAL / 2);
        let first = taken.pop_front()?;
        for item in taken {
            self.locals[worker].push(item);
        }
        Some(first)
    }
    fn draw(&self, state: &mut u64) -> Option<T> {
        let mut q = self.injector.queue.lock().unwrap_or_else(|e| e.into_inner());
        if q.is_empty() {
            return None;
        }
        let i = (next_random(state) % q.len() as u64) as usize;
        let item = q.swap_remove_front(i);
        self.injector.len.store(q.len(), Ordering::SeqCst);
        item
    }
    /// Takes everything out.
    pub fn drain(&self) -> Vec<T> {
        let mut all = Vec::new();
        for q in self.locals.iter().chain([&self.injector]) {
            while let Some(item) = q.pop() {
                all.push(item);
            }
        }
        all
    }
}

/// The next number of a SplitMix64 generator.
pub fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn woken_ones_do_not_starve_the_queue() {
        let q = Queues::new(1, None);
        let mut t = Turns::default();
        q.push(0, 1);
        // 2 and 3 wake each other for ever.
        q.push_next(0, &mut t, 2);
        let mut runs = 0;
        loop {
            let n = q.pop(0, &mut t).expect("something is queued");
            if n == 1 {
                break;
            }
            q.push_next(0, &mut t, 5 - n);
            runs += 1;
            assert!(runs <= AHEAD + 1);
        }
    }
    #[test]
    fn the_injector_is_not_starved() {
        let q = Queues::new(1, None);
        let mut t = Turns::default();
        q.inject(0);
        q.push(0, 1);
        q.push(0, 2);
        let mut turns = 0;
        while q.pop(0, &mut t).inspect(|&n| {
            if n > 0 {
                q.push(0, n)
            }
        }) != Some(0)
        {
            turns += 1;
            assert!(turns <= INJECTOR_TURNS);
        }
    }
    #[test]
    fn half_is_stolen() {
        let q = Queues::new(2, None);
        let (mut a, mut b) = (Turns::default(), Turns::default());
        for i in 0..10 {
            q.push(0, i);
        }
        assert_eq!(q.pop(1, &mut b), Some(0));
        assert_eq!(q.locals[1].len(), 4);
        assert_eq!(q.pop(0, &mut a), Some(5));
        assert_eq!(q.len(), 8);
    }
    #[test]
    fn a_seed_gives_one_order() {
        let order = |seed| {
            let q = Queues::new(1, Some(seed));
            let mut t = Turns::default();
            (0..20).for_each(|i| q.push(0, i));
            std::iter::from_fn(|| q.pop(0, &mut t)).collect::<Vec<_>>()
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }
}
