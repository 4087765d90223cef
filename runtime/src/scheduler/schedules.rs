//! Queues, sleep and inboxes under all schedules of threads that a checker (shuttle) comes upon.
//!
//! Journey: signal: route -> inbox; ready -> queue -> slice. Built under `--cfg shuttle` alone, where the locks and
//! atomics of sync.rs are the checker's. The models do what worker.rs, slice.rs and mod.rs do with these structures, in
//! the same order, without machines and reactor. A thread that sleeps for ever is a deadlock, which the checker reports.
//! (Mind: its timed waits never time out. None is used.)

use super::queue::{self, Next, Queue, Queues};
use super::sleep::Sleepers;
use crate::codec::Message;
use crate::process::inbox::{Delivered, RunState};
use crate::process::signal::Signal;
use crate::process::slot::{Instead, Queued, Sent, Slot};
use rlua_machine::value::Pid;
use shuttle::sync::{Condvar, Mutex, atomic::AtomicBool, atomic::AtomicUsize};
use shuttle::thread;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Schedules that each model is run under.
const SCHEDULES: usize = 3000;

fn check(model: impl Fn() + Send + Sync + 'static) {
    let model = Arc::new(model);
    let other = model.clone();
    shuttle::check_random(move || model(), SCHEDULES);
    shuttle::check_pct(move || other(), SCHEDULES, 3);
}

/// In these models nothing is handed to a worker that is not queued, but for what says so.
struct Never;
impl<T> Queue<T> for Never {
    fn queue(self) -> T {
        unreachable!("nobody hands it on")
    }
}
type Turns<T> = queue::Turns<T, Never>;

/// What a sleeper waits for.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    wakes: Condvar,
}
impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap() = true;
        self.wakes.notify_one();
    }
    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.wakes.wait(rung).unwrap();
        }
    }
}

/// Workers as worker.rs has them; `T` is what they run.
struct Workers<T> {
    queues: Queues<T>,
    sleepers: Sleepers<Arc<Bell>>,
    workers: usize,
    over: AtomicBool,
}
impl<T: Send + 'static> Workers<T> {
    fn new(workers: usize) -> Arc<Workers<T>> {
        let (queues, sleepers) = (Queues::new(workers, None), Sleepers::default());
        Arc::new(Workers { queues, sleepers, workers, over: AtomicBool::new(false) })
    }
    fn wake_one(&self) {
        if let Some((_, bell)) = self.sleepers.take_one() {
            bell.ring();
        }
    }
    fn inject(&self, item: T) {
        self.queues.inject(item);
        self.wake_one();
    }
    fn push(&self, worker: usize, item: T) {
        self.queues.push(worker, item);
        self.wake_one();
    }
    fn push_next(&self, worker: usize, turns: &mut Turns<T>, item: T) {
        if self.queues.push_next(worker, turns, item) {
            self.wake_one();
        }
    }
    fn finish(&self) {
        self.over.store(true, Ordering::SeqCst);
        for (_, bell) in self.sleepers.take_all() {
            bell.ring();
        }
    }
    /// As `Scheduler::work`; `idle` is called when all workers are known to sleep.
    fn work(&self, worker: usize, run: impl Fn(&mut Turns<T>, T), idle: impl Fn()) {
        let mut turns = Turns::default();
        while !self.over.load(Ordering::SeqCst) {
            match self.queues.pop(worker, &mut turns) {
                Some(Next::Queued(item)) => run(&mut turns, item),
                Some(Next::Handed(never)) => run(&mut turns, never.queue()),
                None => {
                    self.sleep(worker, &idle);
                }
            }
        }
    }
    /// As `Scheduler::sleep`.
    fn sleep(&self, worker: usize, idle: impl Fn()) {
        let bell = Arc::new(Bell::default());
        let entry = self.sleepers.enter(worker, bell.clone());
        if self.queues.is_empty() && !self.over.load(Ordering::SeqCst) {
            if self.sleepers.all_since(entry, self.workers) {
                idle();
            }
            if !self.over.load(Ordering::SeqCst) {
                bell.wait();
            }
        }
        self.sleepers.leave(worker);
    }
}

/// Runs workers, and on the first thread what is not a worker's.
fn with_workers<T: Send + 'static>(
    all: &Arc<Workers<T>>,
    run: impl Fn(usize, &mut Turns<T>, T) + Send + Sync + Clone + 'static,
    idle: impl Fn() + Send + Sync + Clone + 'static,
    outside: impl FnOnce(),
) {
    let threads: Vec<_> = (0..all.workers)
        .map(|i| {
            let (all, run, idle) = (all.clone(), run.clone(), idle.clone());
            thread::spawn(move || all.work(i, |turns, item| run(i, turns, item), idle))
        })
        .collect();
    outside();
    for t in threads {
        t.join().unwrap();
    }
}

/// What is queued from outside while all sleep, or are about to, is run.
#[test]
fn no_wake_up_is_lost() {
    check(|| {
        const ITEMS: usize = 4;
        let all = Workers::new(2);
        let done = Arc::new(AtomicUsize::new(0));
        let (w, d) = (all.clone(), done.clone());
        let run = move |_, _: &mut Turns<usize>, _| {
            if d.fetch_add(1, Ordering::SeqCst) + 1 == ITEMS {
                w.finish();
            }
        };
        with_workers(&all, run, || (), || (0..ITEMS).for_each(|i| all.inject(i)));
        assert_eq!(done.load(Ordering::SeqCst), ITEMS);
    });
}

/// Each item is run once, wherever it is queued and whoever takes it; and only when all is done do all workers sleep.
#[test]
fn all_is_run_once_and_only_then_all_sleep() {
    check(|| {
        const ITEMS: usize = 13;
        let all = Workers::new(3);
        let done: Arc<Vec<AtomicUsize>> = Arc::new((0..ITEMS).map(|_| AtomicUsize::new(0)).collect());
        let w = all.clone();
        let d = done.clone();
        // A tree: each item makes three others.
        let run = move |worker, turns: &mut Turns<usize>, item: usize| {
            d[item].fetch_add(1, Ordering::SeqCst);
            for (nth, child) in (3 * item + 1..3 * item + 4).enumerate().filter(|(_, c)| *c < ITEMS) {
                match nth {
                    0 => w.push_next(worker, turns, child),
                    1 => w.push(worker, child),
                    _ => {
                        w.push_next(worker, turns, child);
                        // A call of the system: the place's next thread takes over the queue.
                        w.queues.share(worker, turns);
                    }
                }
            }
        };
        let (w, d) = (all.clone(), done.clone());
        let idle = move || {
            let open = d.iter().filter(|n| n.load(Ordering::SeqCst) == 0).count();
            assert!(open == 0, "all sleep, and {open} were not run");
            w.finish();
        };
        all.inject(0);
        with_workers(&all, run, idle, || ());
        assert!(done.iter().all(|n| n.load(Ordering::SeqCst) == 1));
    });
}

/// A signal with its sender and number in it; of every third one nobody is woken who waits for messages only.
fn signal(sender: u64, number: u64) -> Signal {
    match number % 3 {
        0 => Signal::Message(Message::string(&[sender as u8, number as u8])),
        1 => Signal::Timeout { wait: sender << 8 | number },
        _ => Signal::Link { from: Pid::from_bits(sender << 8 | number) },
    }
}
fn origin(s: &Signal) -> (u64, u64) {
    match s {
        Signal::Message(m) => m.text().map(|t| (u64::from(t[0]), u64::from(t[1]))).expect("it is a text"),
        Signal::Timeout { wait } => (wait >> 8, wait & 255),
        Signal::Link { from } => (from.bits() >> 8, from.bits() & 255),
        _ => unreachable!("nobody sends it"),
    }
}

/// What a model's process does in a slice, besides handling signals.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slice {
    /// It waits for messages.
    Waits,
    /// It has more to do now and then.
    Goes,
    /// It makes a call of the system.
    Blocks,
}

/// What a worker of [`deliveries`] is to run.
enum Ready {
    Queued(Arc<Slot>),
    /// Whoever has sent the message has taken the process.
    Taken(Arc<Slot>, Message),
}

/// Two senders, two workers, one process: each signal is handled once, in its sender's order, by one worker at a time;
/// none is left when the process waits.
fn deliveries(slices: [Slice; 3]) {
    const EACH: u64 = 3;
    check(move || {
        let all: Arc<Workers<Ready>> = Workers::new(2);
        let slot = Slot::new(Pid::from_bits(1), Pid::from_bits(1), false, Instead::Nothing);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let running = Arc::new(AtomicBool::new(false));
        let slice_number = Arc::new(AtomicUsize::new(0));
        // Whether the context lies in the slot. Written under the slot's lock alone.
        let context = Arc::new(AtomicBool::new(false));
        let w = all.clone();
        let handled = seen.clone();
        let handle = move |signals: &mut Vec<Signal>| {
            let mut all_seen = handled.lock().unwrap();
            all_seen.extend(signals.drain(..).map(|s| origin(&s)));
            if all_seen.len() as u64 == 2 * EACH {
                w.finish();
            }
        };
        let w = all.clone();
        let run = move |worker, _: &mut Turns<Ready>, ready: Ready| {
            let mut signals = Vec::new();
            let (slot, blocked) = match ready {
                Ready::Queued(slot) => {
                    let mut s = slot.lock();
                    let blocked = matches!(s.inbox.state(), RunState::BlockedQueued);
                    match slot.begin_with_message(&mut s) {
                        Some(m) => signals.push(Signal::Message(m)),
                        None if slot.begin_slice(&mut s, &mut signals).is_none() => return,
                        None => {}
                    }
                    assert_eq!(context.swap(false, Ordering::SeqCst), blocked);
                    drop(s);
                    (slot, blocked)
                }
                Ready::Taken(slot, message) => {
                    signals.push(Signal::Message(message));
                    if slot.pending.any() {
                        slot.take_signals(&mut signals);
                    }
                    (slot, false)
                }
            };
            assert!(!running.swap(true, Ordering::SeqCst), "two handle its signals at once");
            handle(&mut signals);
            running.store(false, Ordering::SeqCst);
            if blocked {
                let mut s = slot.lock();
                context.store(true, Ordering::SeqCst);
                let more = s.inbox.blocked_handled();
                drop(s);
                if more {
                    w.inject(Ready::Queued(slot));
                }
                return;
            }
            let n = slice_number.fetch_add(1, Ordering::SeqCst);
            let what = slices[n % slices.len()];
            if what == Slice::Blocks {
                let mut s = slot.lock();
                context.store(true, Ordering::SeqCst);
                let urgent = s.inbox.block();
                drop(s);
                if urgent {
                    w.inject(Ready::Queued(slot.clone()));
                }
                // Whoever handles its signals at this moment is waited for.
                let mut s = slot.lock();
                while !context.load(Ordering::SeqCst) {
                    drop(s);
                    thread::yield_now();
                    s = slot.lock();
                }
                context.store(false, Ordering::SeqCst);
                assert!(s.inbox.unblock());
            }
            let mut s = slot.lock();
            let waits = what != Slice::Goes && s.inbox.wait(true);
            if what == Slice::Goes {
                s.inbox.requeue();
            }
            drop(s);
            if !waits {
                w.push(worker, Ready::Queued(slot));
            }
        };
        let outside = || {
            all.inject(Ready::Queued(slot.clone()));
            let senders: Vec<_> = (0..2)
                .map(|sender| {
                    let (all, slot) = (all.clone(), slot.clone());
                    thread::spawn(move || {
                        for number in 0..EACH {
                            // A message the quick way, where that is one; one of the senders takes the process where it can.
                            let signal = match signal(sender, number) {
                                Signal::Message(m) => {
                                    let mut message = Some(m);
                                    match slot.deliver_message(&mut message, sender == 1) {
                                        Sent::Queued(Queued { wakes, .. }) => {
                                            if wakes {
                                                all.inject(Ready::Queued(slot.clone()));
                                            }
                                            continue;
                                        }
                                        Sent::Begun(_) => {
                                            let message = message.take().expect("it is where it was");
                                            all.inject(Ready::Taken(slot.clone(), message));
                                            continue;
                                        }
                                        Sent::Refused => Signal::Message(message.take().expect("it is where it was")),
                                    }
                                }
                                signal => signal,
                            };
                            match slot.deliver(signal).0 {
                                Delivered::Wake => all.inject(Ready::Queued(slot.clone())),
                                Delivered::Queued => {}
                                Delivered::Refused(_) => panic!("it lives"),
                            }
                        }
                    })
                })
                .collect();
            senders.into_iter().for_each(|t| t.join().unwrap());
        };
        with_workers(&all, run, || (), outside);
        let seen = seen.lock().unwrap();
        for sender in 0..2 {
            let numbers: Vec<u64> = seen.iter().filter(|s| s.0 == sender).map(|s| s.1).collect();
            assert_eq!(numbers, (0..EACH).collect::<Vec<_>>());
        }
    });
}
#[test]
fn each_signal_is_handled_once_and_in_order() {
    deliveries([Slice::Waits; 3]);
}
#[test]
fn a_process_in_calls_of_the_system_misses_none() {
    deliveries([Slice::Blocks, Slice::Waits, Slice::Blocks]);
}
#[test]
fn a_process_that_goes_on_misses_none() {
    deliveries([Slice::Waits, Slice::Goes, Slice::Waits]);
}
