//! The scheduler: which process runs when, on which worker.
//!
//! Journey: signal: **route** -> inbox; and every process's life: ready -> queue -> slice -> wait -> end.
//!
//! The parts: config (how it is to behave), queue (run queues), gate (whether others than the root run), worker (threads,
//! their sleep, calls of the system), readiness (who waits for a socket), sleep (who is to be woken), slice (one slice of a
//! process), end (the node's part of an end), schedule and history (orders to be explored, what happens in them), timer, clock (time and chance), table (slots by pid), memory (who takes how
//! much), survey (figures of all processes), lately (moves, and who floods whom), stress (test modes), turns (a program of a
//! simulated cluster).
//!
//! The reader might expect each process to be an `async` task. Its slot has the states of one anyway (inbox.rs), decided
//! under the same lock as the queue of signals; a task around it would keep them a second time. ARCHITECTURE.md has
//! the figures. Tasks are for connections.
//!
//! Always: one order of locks (sync.rs). All that reaches a process goes through [`Scheduler::route`].

mod checkpoint;
mod clock;
mod config;
mod end;
mod gate;
mod history;
mod lately;
mod memory;
mod moving;
mod queue;
mod readiness;
mod schedule;
#[cfg(all(test, shuttle))]
mod schedules;
mod sleep;
mod slice;
mod stress;
pub(crate) mod survey;
mod table;
pub(crate) mod tasks;
pub(crate) mod timer;
mod turns;
mod worker;

pub use config::{Config, FreezeBudget, SLICE, Stress};
pub(crate) use end::Telling;
pub use history::{Event, Exploration, History};
pub use moving::{Departed, Parcel};
pub(crate) use readiness::Waits;
pub(crate) use schedule::Schedule;
pub use schedule::{Decision, Kind as DecisionKind};
pub(crate) use tasks::idle;
pub(crate) use turns::Shared;
pub(crate) use worker::{Handle, is_worker};

use crate::codec::Message;
use crate::node::hello::{VISITOR_SERIAL_BITS, visitor_id};
use crate::node::transport::{Node, Seat};
use crate::process::account::Grown;
use crate::process::birth::Birth;
use crate::process::core::Time;
use crate::process::inbox::{Delivered, RunState};
use crate::process::options::{KEYS, Options, Setting};
use crate::process::registry::Registry;
use crate::process::signal::{Signal, Status};
use crate::process::slot::{Instead, Queued, Slot};
use crate::process::{Process, context};
use crate::sync::{Mutex, MutexGuard};
use clock::Clock;
use rlua_machine::stdlib::host::{self, Host};
use rlua_machine::stdlib::io::Files;
use rlua_machine::value::{Pid, Runtime};
use rlua_machine::vm::native::Natives;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, RwLock, RwLockReadGuard};
use timer::{Due, TimerKey, Timers};

/// What a process in a state is doing; none: it has ended.
fn status(state: RunState) -> Option<Status> {
    match state {
        RunState::Dead => None,
        RunState::Waiting { .. } => Some(Status::Waiting),
        RunState::Blocked | RunState::BlockedQueued => Some(Status::Blocked),
        RunState::Running => Some(Status::Running),
        RunState::Moving => Some(Status::Moving),
        RunState::Queued | RunState::Held | RunState::Telling => Some(Status::Ready),
    }
}

/// How long the end of a program waits for the last words to its peers.
const GOODBYE: std::time::Duration = std::time::Duration::from_millis(500);

/// One running program.
pub struct Scheduler {
    /// How it behaves.
    pub config: Config,
    /// All natives that a process may hold.
    pub(crate) natives: Natives,
    /// Time and chance.
    pub(crate) clock: Clock,
    /// Which runtime it is, among all that there are.
    pub(crate) runtime: Runtime,
    /// Options of the node.
    pub(crate) options: RwLock<Options>,
    /// Some of them are for processes from their spawn on ([`Options::of_new`]).
    options_of_new: AtomicBool,
    /// Names.
    pub(crate) names: Registry,
    pub(crate) table: table::Table,
    gate: gate::Gate,
    queues: queue::Queues,
    /// Where what happens is written down, for people.
    history: Option<Arc<std::sync::Mutex<History>>>,
    sleepers: sleep::Sleepers<worker::Waker>,
    threads: worker::Threads,
    /// Connections.
    pub(crate) tasks: tasks::Tasks,
    /// Processes that wait for sockets.
    readiness: readiness::Readiness,
    /// What it is among others.
    pub(crate) node: Node,
    /// Its place in a simulated network, if it is in one.
    pub(crate) seat: Option<Seat>,
    timers: Mutex<Timers>,
    /// No later than when the timers are to be looked at; `Time::MAX`: there are none.
    next_look: AtomicU64,
    memory: memory::Memory,
    serial: AtomicU64,
    root: OnceLock<Pid>,
    /// Processes other than the root that have not ended.
    pub(crate) live: AtomicUsize,
    /// `interrupt()` was called.
    pub(crate) interrupted: AtomicBool,
    /// The root was told that nothing can happen any more, and nothing has happened since.
    deadlock_told: AtomicBool,
    /// The standard streams, for processes that no process here has spawned.
    files: OnceLock<Files>,
    /// Exit status of the program, once it is known.
    done: Mutex<Option<i32>>,
    is_done: AtomicBool,
    /// Large processes that move.
    sending: moving::AllSending,
    /// What has happened of late, for who looks.
    lately: Mutex<lately::Lately>,
    /// Frozen bytes so far, in the freeze mode.
    frozen_bytes: AtomicU64,
}

impl Scheduler {
    /// A scheduler without processes.
    pub fn new(config: Config, natives: Natives) -> Arc<Scheduler> {
        let queues = match (&config.exploration, config.seed) {
            (Some(e), Some(seed)) => {
                let schedule = schedule::Schedule::new(seed, config.slice, e.given.as_deref());
                queue::Queues::explored(Arc::new(Mutex::new(schedule)), |slot: &Arc<Slot>| slot.pid.serial())
            }
            _ => queue::Queues::new(config.places(), config.seed),
        };
        let clock = Clock::new(config.seed);
        Scheduler::with(config, natives, clock, queues, None)
    }
    /// One with these queues, by this clock; perhaps with a place in a simulated network.
    fn with(
        config: Config,
        natives: Natives,
        clock: Clock,
        queues: queue::Queues,
        seat: Option<Seat>,
    ) -> Arc<Scheduler> {
        // A visitor's identity is one of few, and told from those before it by serial numbers.
        let (id, serial) = match config.visitor {
            true => (visitor_id(clock.random() as u16), clock.random() >> (64 - VISITOR_SERIAL_BITS)),
            false => ((clock.random() as u128) << 64 | clock.random() as u128, 1),
        };
        Arc::new(Scheduler {
            runtime: Runtime::find(id).expect("an OS process starts fewer than a million programs"),
            clock,
            options: RwLock::new(Options::default()),
            options_of_new: AtomicBool::new(false),
            names: Registry::default(),
            table: table::Table::default(),
            gate: gate::Gate::default(),
            queues,
            history: config.exploration.as_ref().and_then(|e| e.history.clone()),
            sleepers: sleep::Sleepers::default(),
            threads: worker::Threads::new(),
            tasks: tasks::Tasks::default(),
            readiness: readiness::Readiness::default(),
            node: Node::default(),
            seat,
            timers: Mutex::new(Timers::default()),
            next_look: AtomicU64::new(Time::MAX),
            memory: memory::Memory::default(),
            serial: AtomicU64::new(serial),
            root: OnceLock::new(),
            live: AtomicUsize::new(0),
            interrupted: AtomicBool::new(false),
            deadlock_told: AtomicBool::new(false),
            files: OnceLock::new(),
            done: Mutex::new(None),
            is_done: AtomicBool::new(false),
            sending: moving::AllSending::default(),
            lately: Mutex::default(),
            frozen_bytes: AtomicU64::new(0),
            natives,
            config,
        })
    }
    /// A pid that no process of this runtime has had.
    pub(crate) fn new_pid(&self) -> Pid {
        Pid::new(self.runtime, self.serial.fetch_add(1, Ordering::Relaxed))
    }
    /// Whether the others run.
    pub(crate) fn gate_is_open(&self) -> bool {
        self.gate.is_open()
    }
    /// The root process.
    pub(crate) fn root(&self) -> Option<Pid> {
        self.root.get().copied()
    }
    /// Enters a process; it is ready.
    pub(crate) fn enter(self: &Arc<Self>, slot: Arc<Slot>, process: Box<Process>) {
        self.insert(&slot, process);
        self.begin(slot);
    }
    /// A process can be found from now on, and does not run before [`Scheduler::begin`].
    fn insert(&self, slot: &Arc<Slot>, process: Box<Process>) {
        slot.lock().process = Some(process);
        self.insert_slot(slot.clone());
    }
    /// As [`Scheduler::insert`], a process that another one spawns.
    pub(crate) fn insert_child(&self, pid: Pid, parent: Pid, mut birth: Box<Birth>) -> Arc<Slot> {
        let of_new = self.has_options_of_new().then(|| self.read_options().of_new()).flatten();
        birth.is_told_in_lines = of_new.is_some_and(|(.., lines)| lines);
        let slot = Slot::new(pid, parent, false, Instead::Birth(birth));
        if let Some((messages, bytes, lines)) = of_new {
            let inbox = &mut slot.lock().inbox;
            inbox.set_limits((messages, bytes));
            inbox.set_traced(lines);
        }
        self.insert_slot(slot.clone());
        slot
    }
    fn insert_slot(&self, slot: Arc<Slot>) {
        self.tell_history(|h, at| h.begins(at, slot.pid, slot.is_root));
        if slot.is_root {
            self.root.set(slot.pid).expect("there is one root process");
        } else {
            self.live.fetch_add(1, Ordering::AcqRel);
        }
        self.table.insert(slot);
    }
    /// A process that was entered runs from now on.
    pub(crate) fn begin(self: &Arc<Self>, slot: Arc<Slot>) {
        if slot.is_root {
            // Whoever begins a program goes on with it: it needs no other thread.
            self.enqueue_again(slot);
        } else {
            // Who spawns one and waits for it wakes no other worker.
            self.schedule(slot);
        }
    }
    /// Gives a process a signal. False: there is no such process; what it would have answered then comes back to the
    /// sender, as a signal too.
    pub(crate) fn route(self: &Arc<Self>, to: Pid, signal: Signal) -> bool {
        let mut next = Some((to, signal));
        let mut reached = None;
        while let Some((to, signal)) = next.take() {
            self.tell_history(|h, at| h.sent(at, to, &signal, self.natives));
            if to.runtime() != self.runtime {
                let sent = self.route_beyond(to, signal);
                reached.get_or_insert(sent.is_ok());
                next = sent.err().and_then(|signal| signal.unreachable(to));
                continue;
            }
            let mut signal = Some(signal);
            let outcome = self.table.with(to, |slot| {
                let (delivered, grown) = slot.deliver(signal.take().expect("it is given once"));
                let slot = (grown.is_some() || matches!(delivered, Delivered::Wake)).then(|| slot.clone());
                (delivered, grown, slot)
            });
            let refused = match outcome {
                None => signal.take(),
                Some((delivered, grown, slot)) => {
                    if let Some(slot) = slot {
                        self.see_to_delivered(slot, matches!(delivered, Delivered::Wake), grown);
                    }
                    match delivered {
                        Delivered::Refused(signal) => Some(signal),
                        Delivered::Queued | Delivered::Wake => None,
                    }
                }
            };
            reached.get_or_insert(refused.is_none());
            if let Some(signal) = refused {
                if self.may_be_elsewhere(to) {
                    let sent = self.route_beyond(to, signal);
                    reached = Some(sent.is_ok());
                    next = sent.err().and_then(|signal| signal.unreachable(to));
                    continue;
                }
                if let Signal::Named(name) = &signal {
                    self.names.remove_of(name, to);
                }
                if self.node.online().is_none_or(|online| !online.asks_where_it_ended(to, &signal)) {
                    next = signal.bounce(to);
                }
            }
        }
        reached.unwrap_or(false)
    }
    /// Gives a process that need not be of this runtime, or here, a signal; `Err`: it cannot be reached.
    fn route_beyond(self: &Arc<Self>, to: Pid, signal: Signal) -> Result<(), Signal> {
        match self.node.online().filter(|_| !moving::is_of_here(&signal)) {
            Some(online) => online.route(to, signal),
            // What is of this runtime alone is for who is here, whatever the node thinks of where that is. And those that have come
            // are here also when this is no node any more.
            None => self.deliver_here(to, signal),
        }
    }
    /// Gives a process of this runtime a message: how many wait before it, if they are many, otherwise 0. None: there is
    /// no such process.
    #[inline]
    pub(crate) fn send_here(self: &Arc<Self>, from: Pid, to: Pid, message: Message) -> Option<usize> {
        if self.config.exploration.is_some() {
            // What is sent is noted there. Whether it is makes no difference to the program.
            return self.send_on(from, to, Signal::Message(message)).then_some(0);
        }
        let mut message = Some(message);
        let sent = self.table.with(to, |slot| {
            let Queued { wakes, grown, crowd } = self.deliver_or_hand(slot, &mut message)?;
            Some((crowd, (wakes || grown.is_some()).then(|| (slot.clone(), wakes, grown))))
        });
        let Some((crowd, asked)) = sent.flatten() else {
            return self.send_on(from, to, Signal::Message(message.expect("nobody has it"))).then_some(0);
        };
        // It may look for other processes, which nothing does while it is in the table.
        if let Some((slot, wakes, grown)) = asked {
            self.see_to_delivered(slot, wakes, grown);
        }
        Some(crowd)
    }
    /// Does what a delivery has asked for.
    #[inline]
    fn see_to_delivered(self: &Arc<Self>, slot: Arc<Slot>, wakes: bool, grown: Option<Grown>) {
        self.tell_grown(&slot, grown);
        if wakes {
            self.schedule(slot);
        }
    }
    #[inline]
    fn tell_grown(self: &Arc<Self>, slot: &Arc<Slot>, grown: Option<Grown>) {
        if let Some(grown) = grown {
            self.grown(slot, grown);
        }
    }
    /// Whether a process has ended; none: that may be decided and not yet done, so it has to be asked.
    pub(crate) fn known_dead(&self, pid: Pid) -> Option<bool> {
        if pid.runtime() != self.runtime {
            let may_live = self.node.online().is_some() || self.table.guest(pid).is_some();
            return if may_live { None } else { Some(true) };
        }
        // One that has left may have left after the look here, and is known to have by who finds it gone.
        let known = self.table.with(pid, |slot| slot.known_dead()).unwrap_or(Some(true));
        known.filter(|is_dead| !is_dead || !self.may_be_elsewhere(pid))
    }
    /// What a process of this runtime is doing; none: it has ended.
    pub(crate) fn status_of(&self, pid: Pid) -> Option<Status> {
        status(self.slot(pid)?.lock().inbox.state())
    }
    /// Whether the snapshots of spawns take half of what all may take together: then no more are taken. (They are of no process
    /// alone, so nobody's end would free them for certain.)
    pub(crate) fn has_too_many_snapshots(&self) -> bool {
        crate::codec::snapshot_bytes() > self.config.max_memory / 2
    }
    /// Bytes of all processes, and of what they begin with.
    fn memory_in_use(&self) -> usize {
        self.memory.total() + crate::codec::snapshot_bytes()
    }
    /// Notes that a process takes more or less; if all together take too much, the largest one is to end.
    fn grown(self: &Arc<Self>, slot: &Arc<Slot>, grown: Grown) {
        self.memory.note(slot, grown);
        if grown.by() > 0
            && self.memory_in_use() > self.config.max_memory
            && let Some(largest) = self.memory.largest()
        {
            let reason = crate::codec::Message::string(b"heaplimit");
            self.route(largest.pid, Signal::Kill { reason, limit: true });
        }
    }
    /// Queues a process that a signal has woken, or that was spawned, or holds it.
    fn schedule(self: &Arc<Self>, slot: Arc<Slot>) {
        if slot.is_root || self.gate.is_open() {
            self.enqueue_next(slot);
        } else {
            self.hold(slot);
        }
    }

    /// Who has a name, here or at another node of the network.
    pub(crate) fn find_name(&self, name: &[u8]) -> Option<Pid> {
        self.names.find(name).or_else(|| self.node.online()?.find_name(name))
    }
    /// A process gives a name back; false: it does not have it.
    pub(crate) fn free_name(&self, name: &[u8], pid: Pid) -> bool {
        let had = self.names.remove_of(name, pid);
        if had && let Some(online) = self.node.online() {
            online.name_is_free(name);
        }
        had
    }
    /// The standard streams of all processes.
    pub(crate) fn set_files(&self, files: Files) {
        // The first ones are those of the program.
        let _ = self.files.set(files);
    }
    /// Surroundings for a process: the standard streams, no other files.
    pub(crate) fn surroundings(self: &Arc<Self>) -> Box<Host> {
        let files = self.files.get_or_init(|| Files::new(None)).child();
        self.surroundings_with(files)
    }
    /// As [`Scheduler::surroundings`], with these files.
    pub(crate) fn surroundings_with(self: &Arc<Self>, files: Files) -> Box<Host> {
        let mut host = host::with(files);
        host.outside = Some(Arc::new(Handle(self.clone())));
        host
    }
    /// Whether an option of the node is one that limits processes, or has lines told of them.
    #[inline]
    pub(crate) fn has_options_of_new(&self) -> bool {
        self.options_of_new.load(Ordering::Acquire)
    }
    fn read_options(&self) -> RwLockReadGuard<'_, Options> {
        self.options.read().unwrap_or_else(|e| e.into_inner())
    }
    /// Sets an option of the node.
    pub(crate) fn set_option(&self, key: usize, setting: Setting) {
        let mut options = self.options.write().unwrap_or_else(|e| e.into_inner());
        options.set(key, setting);
        self.options_of_new.store(options.of_new().is_some(), Ordering::Release);
    }
    /// Options that are not what they are without being set.
    pub(crate) fn chosen_options(&self) -> Vec<(u8, Setting)> {
        let (options, defaults) = (self.read_options(), Options::default());
        let all = (0..KEYS.len()).map(|key| (key as u8, options.get(key)));
        all.filter(|(key, setting)| *setting != defaults.get(*key as usize)).collect()
    }

    /// What has happened of late.
    pub(crate) fn lately(&self) -> MutexGuard<'_, lately::Lately> {
        self.lately.lock().unwrap_or_else(|e| e.into_inner())
    }
    /// Tells the history of something, and the time.
    #[inline]
    pub(crate) fn tell_history(&self, f: impl FnOnce(&mut History, Time)) {
        if let Some(history) = &self.history {
            f(&mut history.lock().unwrap_or_else(|e| e.into_inner()), self.clock.seen());
        }
    }

    // Timers.

    /// Sets a timer.
    pub(crate) fn set_timer(self: &Arc<Self>, deadline: Time, due: Due) -> TimerKey {
        let late = self.queues.decide(|s| s.late(deadline.saturating_sub(self.clock.seen())));
        let deadline = deadline.saturating_add(late.unwrap_or(0));
        let mut timers = self.timers.lock().unwrap_or_else(|e| e.into_inner());
        let key = timers.insert(deadline, due);
        self.next_look.fetch_min(deadline, Ordering::Relaxed);
        drop(timers);
        // A worker looks by itself; another thread has to make one look.
        if !worker::is_worker() {
            self.wake_one();
        }
        key
    }
    /// Cancels a timer, which may have fired.
    pub(crate) fn cancel_timer(&self, key: TimerKey) {
        let mut timers = self.timers.lock().unwrap_or_else(|e| e.into_inner());
        timers.cancel(key);
        if timers.is_empty() {
            self.next_look.store(Time::MAX, Ordering::Relaxed);
        }
    }
    /// Sends the timeouts whose time has come; when to look again.
    fn fire_timers(self: &Arc<Self>, now: Time) -> Time {
        let mut due = Vec::new();
        let look = {
            let mut timers = self.timers.lock().unwrap_or_else(|e| e.into_inner());
            timers.take_due(now, &mut due);
            let look = timers.next_look().unwrap_or(Time::MAX);
            self.next_look.store(look, Ordering::Relaxed);
            look
        };
        for Due { pid, wait } in due {
            self.route(pid, Signal::Timeout { wait });
        }
        look
    }
    /// As [`Scheduler::fire_timers`], by the clock, if one may be due.
    fn look_at_timers(self: &Arc<Self>) {
        let look = self.next_look.load(Ordering::Relaxed);
        if look != Time::MAX {
            let now = self.clock.now();
            if now >= look {
                self.fire_timers(now);
            }
        }
    }
    fn has_timers(&self) -> bool {
        !self.timers.lock().unwrap_or_else(|e| e.into_inner()).is_empty()
    }

    // The end of the program.

    /// Ends the program.
    pub(crate) fn finish(&self, status: i32) {
        self.done.lock().unwrap_or_else(|e| e.into_inner()).get_or_insert(status);
        self.is_done.store(true, Ordering::SeqCst);
        self.wake_all();
    }
    /// The status of the program, if it has ended.
    pub(crate) fn status(&self) -> Option<i32> {
        if !self.is_done.load(Ordering::SeqCst) {
            return None;
        }
        *self.done.lock().unwrap_or_else(|e| e.into_inner())
    }
    /// Frees all processes that are left, at the end of the program.
    pub(crate) fn close(&self) {
        // Those of a cluster are decisions of all its programs.
        if self.seat.is_none() {
            let decisions = self.queues.decide(schedule::Schedule::take_decisions);
            self.tell_history(|h, _| h.decisions = decisions.unwrap_or_default());
        }
        self.node.close();
        self.tasks.finish(GOODBYE);
        self.close_gate();
        *self.timers.lock().unwrap_or_else(|e| e.into_inner()) = Timers::default();
        drop(self.queues.drain());
        self.sending.clear();
        table::Table::forget_recent();
        for slot in self.table.drain() {
            let mut s = slot.lock();
            let kept = (s.process.take(), std::mem::take(&mut s.instead));
            drop(s);
            drop(kept);
        }
    }
    /// Makes the root process raise an error where it is: Ctrl-C at a prompt.
    pub(crate) fn interrupt_root(self: &Arc<Self>) {
        if let Some(root) = self.root() {
            self.route(root, Signal::Interrupt);
        }
    }
    /// The slot and the context of a new process.
    pub(crate) fn new_process(self: &Arc<Self>, parent: Option<Pid>) -> (Arc<Slot>, Box<context::Context>) {
        let pid = self.new_pid();
        let slot = Slot::new(pid, parent.unwrap_or(pid), parent.is_none(), Instead::Nothing);
        let cx = context::Context::new(self.clone(), slot.clone());
        (slot, cx)
    }
}
