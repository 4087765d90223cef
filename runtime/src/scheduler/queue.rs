//! Run queues: which ready process runs next.
//!
//! Journey: every process's life: ready -> **queue** -> slice. Each worker has a queue of its own and a place for a
//! process that it has woken or spawned, which runs next: a message and its answer stay on one core and take no lock of a queue. A
//! process that waits for a message is even taken out of its slot by who sends it one, and put there together with it.
//! What comes from no worker, or would make a queue too long, goes to the injector, which all look at. A worker whose
//! queue is empty takes half of another's. With a seed there is one list, from which a generator draws, or a schedule (schedule.rs).
//!
//! Always: a process is in at most one place of one queue (inbox.rs: who moves it to `Queued` puts it there). No process
//! waits for ever: the woken ones go ahead of a queue that is not empty a few times in a row at most, and the injector is
//! looked at every 64th turn.
//!
//! Locks: a queue's lock is taken under no other but the gate's, and two queues are never locked at once.

use super::schedule::Schedule;
use super::worker::Handed;
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
    /// What draws an order that can be repeated.
    seeded: Option<Mutex<Seeded>>,
    /// What tells processes apart in it.
    key: fn(&T) -> u64,
}

/// What draws an order that can be repeated.
enum Seeded {
    /// A generator, of which each is as likely as the others.
    Evenly(u64),
    /// Decisions that can be explored.
    Explored(Arc<Mutex<Schedule>>),
}

struct Local<T> {
    queue: Mutex<VecDeque<T>>,
    /// Its length, so that an empty one needs no lock.
    len: AtomicUsize,
}

/// What a worker keeps to itself.
pub struct Turns<T = Arc<Slot>, H = Handed> {
    /// Woken or spawned by what runs here, and runs next.
    next: Option<Next<T, H>>,
    ahead: u32,
    turns: u32,
}

/// What a worker is to run.
#[derive(Debug)]
pub enum Next<T, H> {
    /// A process that was queued.
    Queued(T),
    /// One that was taken without being queued.
    Handed(H),
}

/// What was taken without being queued can be queued after all.
pub trait Queue<T> {
    /// It is, by its new state; its place in a queue is the caller's to find.
    fn queue(self) -> T;
}

impl<T, H> Default for Turns<T, H> {
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
            seeded: seed.map(|s| Mutex::new(Seeded::Evenly(s ^ 0x9e37_79b9_7f4a_7c15))),
            key: |_| 0,
        }
    }
    /// One list, from which a schedule draws, which may be that of several; `key` tells apart what is queued.
    pub fn explored(schedule: Arc<Mutex<Schedule>>, key: fn(&T) -> u64) -> Queues<T> {
        Queues { seeded: Some(Mutex::new(Seeded::Explored(schedule))), key, ..Queues::new(1, None) }
    }
    /// Asks the schedule, if there is one.
    pub fn decide<R>(&self, f: impl FnOnce(&mut Schedule) -> R) -> Option<R> {
        match &mut *self.seeded.as_ref()?.lock().unwrap_or_else(|e| e.into_inner()) {
            Seeded::Evenly(_) => None,
            Seeded::Explored(schedule) => Some(f(&mut schedule.lock().unwrap_or_else(|e| e.into_inner()))),
        }
    }
    /// Queues a process that a worker's process has woken or spawned, to run next there, unless another one is to; true if there is
    /// something that another worker could do.
    pub fn push_next<H>(&self, worker: usize, turns: &mut Turns<T, H>, item: T) -> bool {
        if self.seeded.is_some() {
            self.injector.push(item);
            return false;
        }
        if turns.next.is_some() {
            self.push(worker, item);
            return true;
        }
        turns.next = Some(Next::Queued(item));
        false
    }
    /// Whether what a worker's process wakes may be taken, to run next there ([`Turns::hand`]).
    #[inline]
    pub fn may_hand<H>(&self, turns: &Turns<T, H>) -> bool {
        turns.next.is_none() && self.seeded.is_none()
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
    pub fn share<H: Queue<T>>(&self, worker: usize, turns: &mut Turns<T, H>) -> bool {
        match turns.next.take() {
            Some(next) => {
                self.push(worker, next.queue());
                true
            }
            None => false,
        }
    }
    /// The process that a worker is to run.
    #[inline]
    pub fn pop<H: Queue<T>>(&self, worker: usize, turns: &mut Turns<T, H>) -> Option<Next<T, H>> {
        turns.turns = turns.turns.wrapping_add(1);
        if turns.next.is_some() && !turns.turns.is_multiple_of(INJECTOR_TURNS) {
            turns.ahead += 1;
            if turns.ahead <= AHEAD || self.locals[worker].len() == 0 {
                return turns.next.take();
            }
        }
        self.pop_queued(worker, turns)
    }
    fn pop_queued<H: Queue<T>>(&self, worker: usize, turns: &mut Turns<T, H>) -> Option<Next<T, H>> {
        if let Some(seed) = &self.seeded {
            return self.draw(&mut seed.lock().unwrap_or_else(|e| e.into_inner())).map(Next::Queued);
        }
        if turns.turns.is_multiple_of(INJECTOR_TURNS)
            && let Some(item) = self.injector.pop()
        {
            return Some(Next::Queued(item));
        }
        let local = &self.locals[worker];
        if let Some(next) = turns.next.take() {
            if turns.ahead <= AHEAD || local.len() == 0 {
                return Some(next);
            }
            self.push(worker, next.queue());
        }
        turns.ahead = 0;
        let queued = local.pop().or_else(|| self.fill(worker, &self.injector)).or_else(|| {
            let n = self.locals.len();
            (1..n).find_map(|i| self.fill(worker, &self.locals[(worker + i) % n]))
        });
        queued.map(Next::Queued)
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
    fn draw(&self, seeded: &mut Seeded) -> Option<T> {
        let mut q = self.injector.queue.lock().unwrap_or_else(|e| e.into_inner());
        if q.is_empty() {
            return None;
        }
        let item = match seeded {
            Seeded::Evenly(state) => {
                let i = (next_random(state) % q.len() as u64) as usize;
                q.swap_remove_front(i)
            }
            Seeded::Explored(schedule) => {
                let mut schedule = schedule.lock().unwrap_or_else(|e| e.into_inner());
                let i = schedule.pick(q.len(), |i| (self.key)(&q[i]));
                q.remove(i)
            }
        };
        self.injector.len.store(q.len(), Ordering::SeqCst);
        item
    }
    /// What tells those apart that are in the list from which a schedule draws: the longest there first.
    pub fn keys(&self) -> Vec<u64> {
        let q = self.injector.queue.lock().unwrap_or_else(|e| e.into_inner());
        q.iter().map(self.key).collect()
    }
    /// Takes one of them.
    pub fn take(&self, i: usize) -> Option<T> {
        let mut q = self.injector.queue.lock().unwrap_or_else(|e| e.into_inner());
        let item = q.remove(i);
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

impl<T, H> Turns<T, H> {
    /// A worker's process has woken another, which it has taken, and which runs next ([`Queues::may_hand`]).
    #[inline]
    pub fn hand(&mut self, taken: H) {
        self.next = Some(Next::Handed(taken));
    }
}

impl<T, H: Queue<T>> Next<T, H> {
    /// As one that is queued.
    pub fn queue(self) -> T {
        match self {
            Next::Queued(item) => item,
            Next::Handed(taken) => taken.queue(),
        }
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

    /// One that is handed on.
    #[derive(Debug)]
    struct Taken(u32);
    impl Queue<u32> for Taken {
        fn queue(self) -> u32 {
            self.0
        }
    }
    type Turns = super::Turns<u32, Taken>;
    fn pop(q: &Queues<u32>, worker: usize, t: &mut Turns) -> Option<u32> {
        q.pop(worker, t).map(Next::queue)
    }

    #[test]
    fn woken_ones_do_not_starve_the_queue() {
        let q = Queues::new(1, None);
        let mut t = Turns::default();
        q.push(0, 1);
        // 2 and 3 wake each other for ever.
        q.push_next(0, &mut t, 2);
        let mut runs = 0;
        loop {
            let n = pop(&q, 0, &mut t).expect("something is queued");
            if n == 1 {
                break;
            }
            if runs % 2 == 0 {
                q.push_next(0, &mut t, 5 - n);
            } else {
                assert!(q.may_hand(&t));
                t.hand(Taken(5 - n));
            }
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
        while pop(&q, 0, &mut t).inspect(|&n| {
            if n > 0 {
                q.push(0, n)
            }
        }) != Some(0)
        {
            turns += 1;
            assert!(turns <= INJECTOR_TURNS);
        }
    }
    /// The first that is woken runs next, others after those that wait; what was handed on is there for others when its worker
    /// does not look.
    #[test]
    fn one_runs_next_and_no_other_is_handed_on() {
        let q = Queues::new(2, None);
        let (mut a, mut b) = (Turns::default(), Turns::default());
        q.push(0, 1);
        assert!(q.may_hand(&a));
        a.hand(Taken(2));
        assert!(!q.may_hand(&a));
        assert!(q.push_next(0, &mut a, 3));
        assert!(matches!(q.pop(0, &mut a), Some(Next::Handed(Taken(2)))));
        a.hand(Taken(4));
        assert!(q.share(0, &mut a));
        let others: Vec<_> = std::iter::from_fn(|| pop(&q, 1, &mut b)).collect();
        assert_eq!(others, [1, 3, 4]);
        assert!(!Queues::new(1, Some(1)).may_hand(&a), "a seed decides");
    }
    #[test]
    fn half_is_stolen() {
        let q = Queues::new(2, None);
        let (mut a, mut b) = (Turns::default(), Turns::default());
        for i in 0..10 {
            q.push(0, i);
        }
        assert_eq!(pop(&q, 1, &mut b), Some(0));
        assert_eq!(q.locals[1].len(), 4);
        assert_eq!(pop(&q, 0, &mut a), Some(5));
        assert_eq!(q.len(), 8);
    }
    #[test]
    fn a_seed_gives_one_order() {
        let order = |seed| {
            let q = Queues::new(1, Some(seed));
            let mut t = Turns::default();
            (0..20).for_each(|i| q.push(0, i));
            std::iter::from_fn(|| pop(&q, 0, &mut t)).collect::<Vec<_>>()
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }
}
