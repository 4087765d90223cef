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
//! decide what comes next. So it is with what is done in one go to many bytes (a process is frozen or thawed, a message from
//! another node is looked through): its thread gives its place up.
//!
//! Always: a place has one thread, or none and is in the list of free ones or of sleepers.

use super::Scheduler;
use super::queue::{Next, Queue, Turns};
use super::sleep::Entry;
use super::table::Table;
use super::tasks;
use crate::codec::Message;
use crate::process::Process;
use crate::process::context::{context, detached};
use crate::process::core::Time;
use crate::process::inbox::RunState;
use crate::process::signal::{Signal, Wake};
use crate::process::slot::{Instead, Queued, Sent, Slot};
use crate::sync::{Condvar, Mutex, MutexGuard};
use rlua_machine::stdlib::host::Outside;
use rlua_machine::value::Runtime;
use rlua_machine::vm::Attachable;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{self, Poll};
use std::time::Duration;

/// Bytes of a worker's stack. No Lua program needs more: calls of Lua are not calls here.
const WORKER_STACK: usize = 2 << 20;
/// How long a thread without a place waits for one before it ends.
const SPARE_TIME: Duration = Duration::from_secs(2);
/// Nanoseconds between two looks at the reactor of a worker that has much to do.
const REACTOR_TIME: Time = 1_000_000;
/// Bytes that a thread with a place works on in one go: some milliseconds.
const LONG: usize = 4 << 20;
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
    /// Whose it is.
    runtime: Runtime,
    /// Its place; none: it is or was in a call of the system.
    place: Option<usize>,
    turns: Turns,
    /// The process that is in a call of the system here.
    blocked: Option<Arc<Slot>>,
    /// Under a seed: what belongs to it.
    kept: Option<Box<dyn Attachable>>,
}
/// A process that whoever has sent it a message has taken out of its slot, to be run next; its state says that it runs. The
/// message is in its mailbox.
pub(super) struct Handed(pub Box<Process>);

impl Queue<Arc<Slot>> for Handed {
    fn queue(self) -> Arc<Slot> {
        let Handed(mut process) = self;
        let heap_bytes = process.vm.heap.bytes();
        let cx = context(&mut process.vm);
        cx.publish(heap_bytes);
        let slot = cx.slot.clone();
        let mut s = slot.lock();
        s.process = Some(process);
        s.inbox.requeue();
        drop(s);
        slot
    }
}

thread_local! {
    /// Not dropped by itself, so that a look at it need not ask whether it was: the thread does it, where it ends.
    static LOCAL: RefCell<Option<ManuallyDrop<Local>>> = const { RefCell::new(None) };
}
/// The local part of this thread, which is none but on a worker's.
#[inline(always)]
fn with_local<T>(f: impl FnOnce(Option<&mut Local>) -> T) -> T {
    LOCAL.with_borrow_mut(|local| f(local.as_deref_mut()))
}

/// Whether this thread runs processes at the moment.
pub(crate) fn is_worker() -> bool {
    with_local(|l| l.is_some_and(|l| l.place.is_some()))
}
/// The place of this thread, if it runs processes of this runtime at the moment.
pub(super) fn place_in(runtime: Runtime) -> Option<usize> {
    with_local(|l| l.filter(|l| l.runtime == runtime).and_then(|l| l.place))
}

/// What a worker remembers between two turns.
#[derive(Default)]
struct Turn {
    /// Slices since it has looked at the clock, by their weight.
    since_clock: u32,
    /// When it is to look at the reactor.
    reactor_look: Time,
    /// It is noted as a sleeper.
    asleep: Option<usize>,
    /// Ends its sleep.
    timer: Option<(Time, async_io::Timer)>,
}

/// Thrown through a native whose process was ended while it was in a call of the system.
pub(super) struct Abandoned;

impl Scheduler {
    /// Queues a process that what runs here has woken.
    #[inline]
    pub(super) fn enqueue_next(self: &Arc<Self>, slot: Arc<Slot>) {
        let share = with_local(|local| match local {
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
    /// Gives a process a message; one that waits for it is taken, and runs next here, if no other does. What the delivery asks
    /// for; none: it is not that simple, and the message is still there.
    #[inline]
    pub(super) fn deliver_or_hand(self: &Arc<Self>, slot: &Arc<Slot>, message: &mut Option<Message>) -> Option<Queued> {
        let sent = with_local(|local| {
            let turns = match local {
                Some(Local { place: Some(_), turns, .. }) if self.queues.may_hand(turns) && self.gate_is_open() => {
                    Some(turns)
                }
                _ => None,
            };
            let sent = slot.deliver_message(message, turns.is_some());
            match (sent, turns) {
                (Sent::Begun(Some(mut process)), Some(turns)) => {
                    process.look_ahead();
                    let cx = context(&mut process.vm);
                    cx.mailbox.push(message.take().expect("it is where it was"));
                    cx.resume = true;
                    turns.hand(Handed(process));
                    Sent::Queued(Queued::default())
                }
                (sent, _) => sent,
            }
        });
        match sent {
            Sent::Queued(queued) => Some(queued),
            Sent::Refused => None,
            Sent::Begun(_) => unreachable!("a process that waits is in its slot"),
        }
    }
    /// Queues a process.
    pub(super) fn enqueue(self: &Arc<Self>, slot: Arc<Slot>) {
        with_local(|local| match local {
            Some(Local { place: Some(place), .. }) => self.queues.push(*place, slot),
            _ => self.queues.inject(slot),
        });
        self.wake_one();
    }
    /// Queues the process whose slice is over here: this worker goes on with it if nothing else is there.
    pub(super) fn enqueue_again(self: &Arc<Self>, slot: Arc<Slot>) {
        let alone = with_local(|local| match local {
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
    /// Wakes the worker of a place, if it sleeps.
    pub(super) fn wake_own(self: &Arc<Self>, place: usize) {
        if let Some(waker) = self.sleepers.take(place) {
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
    /// Does something as the only worker, on this thread, which runs other programs, too: in turns.
    pub(super) fn as_worker<T>(&self, f: impl FnOnce() -> T) -> T {
        let local = Local { runtime: self.runtime, place: Some(0), turns: Turns::default(), blocked: None, kept: None };
        LOCAL.set(Some(ManuallyDrop::new(local)));
        let result = f();
        drop(LOCAL.take().map(ManuallyDrop::into_inner));
        result
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
                let runtime = this.runtime;
                let local = Local { runtime, place, turns: Turns::default(), blocked: None, kept: None };
                LOCAL.set(Some(ManuallyDrop::new(local)));
                Table::remember();
                let work = || {
                    first();
                    let mut turn = Turn::default();
                    // A program that never waits needs no reactor. Where it waits, that is looked at again with a waker that wakes.
                    if this.work(&mut turn, &mut task::Context::from_waker(task::Waker::noop())).is_pending() {
                        // All its life in one: the reactor's own thread is told of every end of such a wait.
                        async_io::block_on(poll_fn(|cx| this.work(&mut turn, cx)));
                    }
                };
                // What a panic here leaves behind is nobody's: the program cannot go on without it.
                if std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err() {
                    this.finish(1);
                }
                with_local(|l| {
                    if let Some(Local { place: Some(place), turns, .. }) = l {
                        this.queues.share(*place, turns);
                    }
                });
                drop(LOCAL.take().map(ManuallyDrop::into_inner));
                Table::forget_recent();
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
    /// Runs processes and tasks until there are none, or until the reactor is to be looked at, which happens between two
    /// polls; ready at the end.
    fn work(self: &Arc<Self>, turn: &mut Turn, cx: &mut task::Context) -> Poll<()> {
        if let Some(place) = turn.asleep.take() {
            self.sleepers.leave(place);
            turn.since_clock = CLOCK_TURNS;
        }
        loop {
            if self.is_done.load(Ordering::Acquire) {
                self.node.slice_is_over();
                tasks::wake_idle();
                return Poll::Ready(());
            }
            let has_tasks = self.tasks.is_active();
            if turn.since_clock >= CLOCK_TURNS {
                turn.since_clock = 0;
                self.look_at_timers();
                if (has_tasks || self.readiness.is_used()) && self.clock.now() >= turn.reactor_look {
                    turn.reactor_look = self.clock.now() + REACTOR_TIME;
                    tasks::wake_waiting();
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            if has_tasks && is_worker() {
                self.tasks.turn();
                self.node.slice_is_over();
            }
            let (place, next) = with_local(|l| match l {
                Some(Local { place: Some(place), turns, .. }) => (Some(*place), self.queues.pop(*place, turns)),
                _ => (None, None),
            });
            match (place, next) {
                (_, Some(next)) => {
                    turn.since_clock += match next {
                        Next::Handed(handed) => self.run_handed(handed),
                        Next::Queued(slot) => self.run_slice(slot),
                    };
                    if has_tasks {
                        self.node.slice_is_over();
                    }
                }
                (Some(_), None) if has_tasks && tasks::wake_idle() => turn.since_clock = CLOCK_TURNS,
                (Some(place), None) => {
                    if self.sleep(place, turn, cx).is_pending() {
                        return Poll::Pending;
                    }
                    turn.since_clock = CLOCK_TURNS;
                }
                (None, None) => {
                    if !self.find_place() {
                        return Poll::Ready(());
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
        with_local(|l| l.expect("a worker has a local part").place = place);
        place.is_some()
    }
    /// Notes that this worker sleeps, until there is something to do, a timer is due, or the program ends. Ready: there is
    /// something at once.
    fn sleep(self: &Arc<Self>, place: usize, turn: &mut Turn, cx: &mut task::Context) -> Poll<()> {
        let look = self.next_look.load(Ordering::Relaxed);
        if look != Time::MAX {
            // Nothing else will happen before: in virtual time, it is then. But the world beyond a socket has its own time.
            if !self.readiness.any_waits() && self.clock.jump(look) {
                self.fire_timers(look);
                return Poll::Ready(());
            }
            let now = self.clock.now();
            if now >= look {
                self.fire_timers(now);
                return Poll::Ready(());
            }
        }
        let entry = self.sleepers.enter(place, Waker::Sleeper(cx.waker().clone()));
        if self.has_work(look) || self.may_be_deadlocked(entry) && self.tell_deadlock() {
            self.sleepers.leave(place);
            return Poll::Ready(());
        }
        // The reactor is told of a new time alone.
        if turn.timer.as_ref().is_none_or(|(at, _)| *at != look) {
            turn.timer =
                self.clock.instant(look).filter(|_| look != Time::MAX).map(|at| (look, async_io::Timer::at(at)));
        }
        if let Some((_, timer)) = &mut turn.timer
            && Pin::new(timer).poll(cx).is_ready()
        {
            turn.timer = None;
            self.sleepers.leave(place);
            self.clock.jump(look);
            return Poll::Ready(());
        }
        turn.asleep = Some(place);
        Poll::Pending
    }
    /// Whether something is to be done, or an earlier timer was set, since that was looked at.
    fn has_work(&self, look: Time) -> bool {
        !self.queues.is_empty()
            || self.tasks.any_ready()
            || self.is_done.load(Ordering::SeqCst)
            || self.next_look.load(Ordering::SeqCst) < look
    }
    fn may_be_deadlocked(&self, entry: Entry) -> bool {
        self.next_look.load(Ordering::SeqCst) == Time::MAX && self.sleepers.all_since(entry, self.config.places())
    }
    /// All workers sleep and no timer is set: if nothing else can happen either, the root is told.
    fn tell_deadlock(self: &Arc<Self>) -> bool {
        if self.threads.without_place.load(Ordering::SeqCst) > 0
            || self.tasks.is_active()
            || self.readiness.any_waits()
            || self.has_timers()
            || self.deadlock_told.swap(true, Ordering::SeqCst)
        {
            return false;
        }
        self.root().is_some_and(|root| self.route(root, Signal::Wake(Wake::Deadlock)))
    }
    /// What follows on this thread works on so many bytes in one go. If these are many, another thread takes its place meanwhile:
    /// nobody else waits for it. (Under a seed it would decide what comes next.)
    pub(crate) fn takes_long(self: &Arc<Self>, bytes: usize) {
        if bytes < LONG || self.config.seed.is_some() {
            return;
        }
        // What was sent before it leaves before it.
        self.node.slice_is_over();
        tasks::wake_idle();
        let place = with_local(|l| {
            let l = l?;
            let place = l.place.take()?;
            self.queues.share(place, &mut l.turns);
            Some(place)
        });
        let Some(place) = place else { return };
        let mut t = self.threads.lock();
        self.threads.without_place.fetch_add(1, Ordering::SeqCst);
        self.give_place(&mut t, place);
    }
    /// The process that a thread is in a call of the system for has ended: nobody waits for what the call may bring.
    pub(super) fn abandon_call(&self) {
        self.threads.without_place.fetch_sub(1, Ordering::SeqCst);
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
    fn begin_blocking(&self, process: Option<Box<dyn Attachable>>) {
        let this = &self.0;
        // What was sent before it leaves before it, and what waits for this worker waits for no system.
        this.node.slice_is_over();
        tasks::wake_idle();
        if this.config.seed.is_some() {
            // How long it takes is chance: nobody else runs meanwhile.
            with_local(|l| l.expect("a worker has a local part").kept = process);
            return;
        }
        let cx = process.and_then(detached);
        let place = with_local(|l| {
            let l = l.expect("a worker has a local part");
            if let Some(place) = l.place {
                this.queues.share(place, &mut l.turns);
            }
            l.blocked = cx.as_ref().map(|cx| cx.slot.clone());
            l.place.take()
        });
        if let Some(cx) = cx {
            let slot = cx.slot.clone();
            let mut s = slot.lock();
            s.instead = Instead::Context(cx);
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
    fn end_blocking(&self) -> Option<Box<dyn Attachable>> {
        let this = &self.0;
        if this.config.seed.is_some() {
            return with_local(|l| l.and_then(|l| l.kept.take()));
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
        let slot = with_local(|l| l.and_then(|l| l.blocked.take()));
        let slot = slot?;
        loop {
            let mut s = slot.lock();
            match s.take_context() {
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
