//! Worker threads: places, sleep, and calls of the system.
//!
//! Journey: every process's life: queue -> **worker** -> slice. There are as many *places* as processes may run at once;
//! a thread that has one runs processes, or sleeps in the reactor of `async-io`, so that the earliest timer, a wake by
//! another worker and (for nodes) a packet end the same wait. The thread of a place is started when there is something
//! for it to do.
//!
//! A call of the system that may take long is announced ([`Outside`]): another thread takes the place until it is over,
//! so that files and terminals hold up nobody but the process that uses them. Its context stays in the slot, where
//! signals are handled: it can be asked, linked, and killed; a thread that finds its process gone lets go of it. Threads
//! that nobody needs end after a while. Under a seed nobody else runs during such a call, since how long it takes would
//! decide what comes next.
//!
//! Always: a place has one thread, or none and is in the list of free ones or of sleepers.

use super::Scheduler;
use super::queue::Turns;
use super::tasks::Tasks;
use crate::process::context::Context;
use crate::process::core::Time;
use crate::process::inbox::RunState;
use crate::process::signal::{Signal, Wake};
use crate::process::slot::Slot;
use crate::sync::{Condvar, Mutex, MutexGuard};
use rlua_machine::stdlib::host::Outside;
use std::any::Any;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

/// Bytes of a worker's stack. No Lua program needs more: calls of Lua are not calls here.
const WORKER_STACK: usize = 2 << 20;
/// How long a thread without a place waits for one before it ends.
const SPARE_TIME: Duration = Duration::from_secs(2);
/// Nanoseconds between two looks at the reactor of a worker that has much to do.
const REACTOR_TIME: Time = 1_000_000;
/// Short slices between two looks at the clock, while timers are set.
const CLOCK_TURNS: u32 = 16;

/// What wakes the thread of a place.
pub(super) enum Waker {
    /// Nothing yet: it is to be started.
    Start,
    /// It sleeps in the reactor.
    Sleeper(std::task::Waker),
}

/// Threads and places.
pub(super) struct Threads {
    state: Mutex<State>,
    /// Wakes threads that wait for a place.
    spare: Condvar,
    /// Wakes who waits for the end of the program.
    over: Condvar,
    /// Threads in calls of the system for processes that live, and those that have come back and have no place yet.
    without_place: AtomicUsize,
}
struct State {
    /// Threads that have not ended.
    threads: usize,
    /// Of them, those in a call of the system.
    blocked: usize,
    /// Of them, those that wait for a place.
    waiting: usize,
    /// Places that a thread is to take.
    free: Vec<usize>,
}

impl Threads {
    pub(super) fn new() -> Threads {
        Threads {
            state: Mutex::new(State { threads: 0, blocked: 0, waiting: 0, free: Vec::new() }),
            spare: Condvar::new(),
            over: Condvar::new(),
            without_place: AtomicUsize::new(0),
        }
    }
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// What a thread keeps for itself.
struct Local {
    /// Its place; none: it is or was in a call of the system.
    place: Option<usize>,
    turns: Turns,
    /// The process that is in a call of the system here.
    blocked: Option<Arc<Slot>>,
    /// Under a seed: what belongs to it.
    kept: Option<Box<dyn Any + Send>>,
}
thread_local! {
    static LOCAL: RefCell<Option<Local>> = const { RefCell::new(None) };
}

/// Whether this thread runs processes at the moment.
pub(super) fn is_worker() -> bool {
    LOCAL.with_borrow(|l| l.as_ref().is_some_and(|l| l.place.is_some()))
}

/// Thrown through a native whose process was ended while it was in a call of the system.
pub(super) struct Abandoned;

impl Scheduler {
    /// Queues a process that what runs here has woken.
    #[inline]
    pub(super) fn enqueue_next(self: &Arc<Self>, slot: Arc<Slot>) {
        let share = LOCAL.with_borrow_mut(|local| match local {
            Some(Local { place: Some(place), turns, .. }) => self.queues.push_next(*place, turns, slot),
            _ => {
                self.queues.inject(slot);
                true
            }
        });
        if share {
            self.wake_one();
        }
    }
    /// Queues a process.
    pub(super) fn enqueue(self: &Arc<Self>, slot: Arc<Slot>) {
        LOCAL.with_borrow_mut(|local| match local {
            Some(Local { place: Some(place), .. }) => self.queues.push(*place, slot),
            _ => self.queues.inject(slot),
        });
        self.wake_one();
    }
    /// Queues the process whose slice is over here: this worker goes on with it if nothing else is there.
    pub(super) fn enqueue_again(self: &Arc<Self>, slot: Arc<Slot>) {
        let alone = LOCAL.with_borrow_mut(|local| match local {
            Some(Local { place: Some(place), .. }) => {
                let alone = self.queues.is_empty();
                self.queues.push(*place, slot);
                alone
            }
            _ => {
                self.queues.inject(slot);
                false
            }
        });
        if !alone {
            self.wake_one();
        }
    }
    /// Wakes a worker that sleeps, if one does.
    #[inline]
    pub(super) fn wake_one(self: &Arc<Self>) {
        if let Some((place, waker)) = self.sleepers.take_one() {
            self.wake(place, waker);
        }
    }
    fn wake(self: &Arc<Self>, place: usize, waker: Waker) {
        match waker {
            Waker::Sleeper(w) => w.wake(),
            Waker::Start => {
                let mut t = self.threads.lock();
                self.give_place(&mut t, place);
            }
        }
    }
    /// Wakes all that sleep or wait.
    pub(super) fn wake_all(&self) {
        for (_, waker) in self.sleepers.take_all() {
            if let Waker::Sleeper(w) = waker {
                w.wake();
            }
        }
        // Its lock orders this with a thread's decision to wait.
        drop(self.threads.lock());
        self.threads.spare.notify_all();
        self.threads.over.notify_all();
    }
    /// Runs processes until the program ends; the status it ends with. The first worker begins by calling `first`: what
    /// a process is made of is best allocated by a thread that runs it. A thread that is in a call of the system at the
    /// end is not waited for; it never runs its process again.
    pub fn run(self: &Arc<Self>, first: impl FnOnce() + Send + 'static) -> i32 {
        for place in (1..self.config.places()).rev() {
            self.sleepers.enter(place, Waker::Start);
        }
        let mut t = self.threads.lock();
        self.start_thread(&mut t, Some(0), first);
        loop {
            if let Some(status) = self.status()
                && t.threads == t.blocked
            {
                return status;
            }
            t = self.threads.over.wait(t).unwrap_or_else(|e| e.into_inner());
        }
    }
    /// Finds a thread for a place.
    fn give_place(self: &Arc<Self>, t: &mut State, place: usize) {
        t.free.push(place);
        if t.waiting >= t.free.len() {
            self.threads.spare.notify_one();
        } else {
            t.free.pop();
            self.start_thread(t, Some(place), || ());
        }
    }
    fn start_thread(self: &Arc<Self>, t: &mut State, place: Option<usize>, first: impl FnOnce() + Send + 'static) {
        let this = self.clone();
        let started =
            std::thread::Builder::new().name("worker".to_string()).stack_size(WORKER_STACK).spawn(move || {
                LOCAL.set(Some(Local { place, turns: Turns::default(), blocked: None, kept: None }));
                let work = || {
                    first();
                    this.work();
                };
                // What a panic here leaves behind is nobody's: the program cannot go on without it.
                if std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err() {
                    this.finish(1);
                }
                LOCAL.set(None);
                let mut t = this.threads.lock();
                t.threads -= 1;
                drop(t);
                this.threads.over.notify_all();
            });
        match started {
            Ok(_) => t.threads += 1,
            Err(e) => {
                // Without one there is no program; without one more it is slower while this one blocks.
                assert!(t.threads > 0, "the system gives no thread: {e}");
                t.free.extend(place);
            }
        }
    }
    fn work(self: &Arc<Self>) {
        let mut since_clock = 0;
        let mut reactor_look = 0;
        loop {
            if self.is_done.load(Ordering::Acquire) {
                return;
            }
            if since_clock >= CLOCK_TURNS {
                since_clock = 0;
                self.look_at_timers();
                if self.tasks.is_active() && self.clock.now() >= reactor_look {
                    Tasks::look_at_reactor();
                    reactor_look = self.clock.now() + REACTOR_TIME;
                }
            }
            if self.tasks.is_active() && is_worker() {
                self.tasks.turn();
            }
            let (place, next) = LOCAL.with_borrow_mut(|l| match l {
                Some(Local { place: Some(place), turns, .. }) => (Some(*place), self.queues.pop(*place, turns)),
                _ => (None, None),
            });
            match (place, next) {
                (_, Some(slot)) => since_clock += self.run_slice(slot),
                (Some(place), None) => {
                    self.sleep(place);
                    since_clock = CLOCK_TURNS;
                }
                (None, None) => {
                    if !self.find_place() {
                        return;
                    }
                }
            }
        }
    }
    /// Waits for a place; false: nobody needs this thread any more.
    fn find_place(self: &Arc<Self>) -> bool {
        self.threads.without_place.fetch_sub(1, Ordering::SeqCst);
        // This thread may have been the only hope of those that wait for messages.
        self.wake_one();
        let mut t = self.threads.lock();
        t.waiting += 1;
        let mut late = false;
        let place = loop {
            if let Some(place) = t.free.pop() {
                break Some(place);
            }
            if late || self.is_done.load(Ordering::SeqCst) {
                break None;
            }
            let waited = self.threads.spare.wait_timeout(t, SPARE_TIME);
            let (guard, timeout) = waited.unwrap_or_else(|e| e.into_inner());
            t = guard;
            late = timeout.timed_out();
        };
        t.waiting -= 1;
        drop(t);
        LOCAL.with_borrow_mut(|l| l.as_mut().expect("a worker has a local part").place = place);
        place.is_some()
    }
    /// Sleeps until there is something to do, a timer is due, or the program ends.
    fn sleep(self: &Arc<Self>, place: usize) {
        let look = self.next_look.load(Ordering::Relaxed);
        if look != Time::MAX {
            // Nothing else will happen before: in virtual time, it is then.
            if self.clock.jump(look) {
                self.fire_timers(look);
                return;
            }
            let now = self.clock.now();
            if now >= look {
                self.fire_timers(now);
                return;
            }
        }
        let deadline = if look == Time::MAX { None } else { self.clock.instant(look) };
        let mut timer = deadline.map(async_io::Timer::at);
        let mut entered = false;
        let mut task = std::pin::pin!(self.tasks.next());
        async_io::block_on(poll_fn(|cx| {
            if entered && !self.sleepers.contains(place) {
                return Poll::Ready(());
            }
            entered = true;
            let entry = self.sleepers.enter(place, Waker::Sleeper(cx.waker().clone()));
            let timers = self.next_look.load(Ordering::SeqCst);
            if !self.queues.is_empty() || self.is_done.load(Ordering::SeqCst) || timers < look {
                return Poll::Ready(());
            }
            if timers == Time::MAX && self.sleepers.all_since(entry, self.config.places()) && self.tell_deadlock() {
                return Poll::Ready(());
            }
            if self.tasks.is_active() && task.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            match &mut timer {
                Some(timer) => Pin::new(timer).poll(cx).map(|_| ()),
                None => Poll::Pending,
            }
        }));
        self.sleepers.leave(place);
    }
    /// All workers sleep and no timer is set: if nothing else can happen either, the root is told.
    fn tell_deadlock(self: &Arc<Self>) -> bool {
        if self.threads.without_place.load(Ordering::SeqCst) > 0
            || self.tasks.is_active()
            || self.has_timers()
            || self.deadlock_told.swap(true, Ordering::SeqCst)
        {
            return false;
        }
        self.root().is_some_and(|root| self.route(root, Signal::Wake(Wake::Deadlock)))
    }
    /// The process that a thread is in a call of the system for has ended: nobody waits for what the call may bring.
    pub(super) fn abandon_call(&self) {
        self.threads.without_place.fetch_sub(1, Ordering::SeqCst);
    }
    /// Starts a task beside the processes.
    pub(crate) fn start_task(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.start(task);
        self.wake_one();
    }
    /// Something happens again.
    pub(super) fn no_deadlock(&self) {
        if self.deadlock_told.load(Ordering::Relaxed) {
            self.deadlock_told.store(false, Ordering::SeqCst);
        }
    }
}

/// The scheduler as natives see it.
pub(crate) struct Handle(pub Arc<Scheduler>);

impl Outside for Handle {
    fn begin_blocking(&self, process: Option<Box<dyn Any + Send>>) {
        let this = &self.0;
        if this.config.seed.is_some() {
            // How long it takes is chance: nobody else runs meanwhile.
            LOCAL.with_borrow_mut(|l| l.as_mut().expect("a worker has a local part").kept = process);
            return;
        }
        let cx = process.and_then(|p| p.downcast::<Context>().ok());
        let place = LOCAL.with_borrow_mut(|l| {
            let l = l.as_mut().expect("a worker has a local part");
            if let Some(place) = l.place {
                this.queues.share(place, &mut l.turns);
            }
            l.blocked = cx.as_ref().map(|cx| cx.slot.clone());
            l.place.take()
        });
        if let Some(cx) = cx {
            let slot = cx.slot.clone();
            let mut s = slot.lock();
            s.context = Some(cx);
            let urgent = s.inbox.block();
            drop(s);
            if urgent {
                this.enqueue(slot);
            }
        }
        let mut t = this.threads.lock();
        t.blocked += 1;
        this.threads.without_place.fetch_add(place.is_some() as usize, Ordering::SeqCst);
        if let Some(place) = place {
            this.give_place(&mut t, place);
        }
        drop(t);
        if this.is_done.load(Ordering::SeqCst) {
            this.threads.over.notify_all();
        }
    }
    fn end_blocking(&self) -> Option<Box<dyn Any + Send>> {
        let this = &self.0;
        if this.config.seed.is_some() {
            return LOCAL.with_borrow_mut(|l| l.as_mut().and_then(|l| l.kept.take()));
        }
        let mut t = this.threads.lock();
        if this.is_done.load(Ordering::SeqCst) {
            // The program is over, and with it this process: nobody waits for this thread.
            drop(t);
            loop {
                std::thread::park();
            }
        }
        t.blocked -= 1;
        drop(t);
        let slot = LOCAL.with_borrow_mut(|l| l.as_mut().and_then(|l| l.blocked.take()));
        let slot = slot?;
        loop {
            let mut s = slot.lock();
            match s.context.take() {
                Some(cx) => {
                    let alive = s.inbox.unblock();
                    debug_assert!(alive);
                    return Some(cx);
                }
                // A worker is handling its signals at this moment.
                None if matches!(s.inbox.state(), RunState::Blocked | RunState::BlockedQueued) => {
                    drop(s);
                    std::thread::yield_now();
                }
                None => {
                    drop(s);
                    this.threads.without_place.fetch_add(1, Ordering::SeqCst);
                    std::panic::resume_unwind(Box::new(Abandoned));
                }
            }
        }
    }
    fn open_gate(&self) {
        self.0.open_gate();
    }
    fn since_1970(&self) -> Duration {
        self.0.clock.since_1970()
    }
    fn random(&self) -> u64 {
        self.0.clock.random()
    }
    fn virtual_time(&self) -> Option<Duration> {
        self.0.config.seed.map(|_| Duration::from_nanos(self.0.clock.now()))
    }
}
