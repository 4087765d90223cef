//! The scheduler: which process runs when, on which worker.
//!
//! Journey: message: mailbox -> **receive**; and every process's life. Workers (threads) take ready processes from one
//! queue in the order they became ready and run each for a slice of reductions. The root process is one of them; the
//! *gate* says whether the others run at all (spec/processes.md: the gate).
//!
//! The reader might expect `async` tasks: a process is not a future, it is data that a worker runs a slice of. The queue
//! is one for all workers here; per-worker queues with stealing can replace it behind [`Scheduler::make_ready`] and
//! [`Scheduler::next`].
//!
//! A call of the system that may take long is announced ([`Outside`]): another thread takes the worker's place until it
//! is over, so that files and terminals hold up nobody but the process that uses them.
//!
//! Always: a process is in the queue, held by the gate, with a worker, or waiting; the idle worker that finds nobody
//! else busy and no timer set reports a deadlock.

pub mod slice;
pub mod timer;

use crate::process::options::Options;
use crate::process::registry::Registry;
use crate::process::signal::Signal;
use crate::process::{Process, Slot, Status, Wait};
use rlua_machine::stdlib::host::Outside;
use rlua_machine::value::Pid;
use rlua_machine::vm::Vm;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, RwLock};
use std::time::Instant;
use timer::{Timer, Timers};

/// Bytes of a worker's stack. No Lua program needs more: calls of Lua are not calls here.
const WORKER_STACK: usize = 2 << 20;
/// Reductions of a slice.
pub const SLICE: i64 = 4000;

/// How a runtime is to behave.
///
/// ```
/// use rlua_runtime::{Config, Program, Start};
///
/// // What needs too much memory gets a Lua error.
/// let config = Config { workers: 2, max_memory: 16 << 20, ..Config::default() };
/// let text = b"local ok, e = pcall(string.rep, 'x', 32 << 20) assert(not ok and e == 'not enough memory')";
/// let script = rlua_compiler::compile(text, b"=limit").expect("it compiles");
/// assert_eq!(Program::new(config).run(Start { script: Some(script), ..Start::default() }), 0);
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// Threads that run processes.
    pub workers: usize,
    /// Reductions of a slice.
    pub slice: i64,
    /// Bytes of all heaps together. A process that needs more alone gets a Lua error; past it the largest one ends.
    pub max_memory: usize,
    /// Test modes.
    pub stress: Stress,
}

/// Test modes.
#[derive(Clone, Debug, Default)]
pub struct Stress {
    /// A collection at every allocation.
    pub collect: bool,
    /// Code is dumped, verified and loaded again before it runs.
    pub reload: bool,
    /// Freeze and thaw processes at safepoints: how many are done at every one, and a budget of bytes for the rest, at
    /// growing distances. Slices are of one reduction.
    pub freeze: Option<FreezeBudget>,
}

/// How often the freeze mode freezes.
#[derive(Clone, Copy, Debug)]
pub struct FreezeBudget {
    /// Safepoints of a process that are all used.
    pub first: u64,
    /// Past them, use every so many reductions, whatever the budget; 0: at growing distances.
    pub every: u64,
    /// Bytes of frozen state for a whole run, past which distances grow.
    pub bytes: u64,
}

impl Config {
    /// Sets a fresh machine up: test modes, limits.
    pub(crate) fn set_up(&self, vm: &mut Vm) {
        vm.reload = self.stress.reload;
        vm.heap.set_limit(self.max_memory);
        if self.stress.collect {
            vm.heap.set_stress();
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Config { workers: 1, slice: SLICE, max_memory: usize::MAX, stress: Stress::default() }
    }
}

/// When the others run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gate {
    /// Not at all.
    Closed,
    /// One slice each, of those counted.
    Step,
    /// Always.
    Open,
}

/// What the queue's lock protects.
struct Queue {
    ready: VecDeque<Arc<Slot>>,
    /// Ready, but the gate is closed to them.
    held: VecDeque<Arc<Slot>>,
    gate: Gate,
    /// Processes whose slice of a `step` is not over.
    stepping: usize,
    /// Workers with a process.
    running: usize,
    /// Worker threads that have not ended.
    threads: usize,
    /// Those that run processes or look for one: as many as were asked for, except for moments.
    active: usize,
    /// Of them, those that found nothing to do.
    idle: usize,
    /// Those in a call of the system that may take long ([`Outside`]).
    blocked: usize,
    /// Those that wait to take the place of one that blocks, and how many of them are called for.
    spare: usize,
    called: usize,
    timers: Timers,
    /// A worker that found nothing to do tells the root.
    deadlock_told: bool,
}

/// One running program.
pub struct Scheduler {
    /// How it behaves.
    pub config: Config,
    /// Options of the node.
    pub options: RwLock<Options>,
    /// Names.
    pub names: Registry,
    queue: Mutex<Queue>,
    wake: Condvar,
    /// Wakes spare workers.
    calls: Condvar,
    /// Wakes who waits for the end of the program.
    over: Condvar,
    slots: RwLock<HashMap<u64, Arc<Slot>>>,
    serial: AtomicU64,
    /// Processes other than the root that have not ended.
    pub live: AtomicUsize,
    /// Processes ever spawned.
    pub spawned: AtomicU64,
    /// `interrupt()` was called.
    pub interrupted: AtomicBool,
    /// Exit status of the program, once it is known.
    done: Mutex<Option<i32>>,
    /// Bytes of all heaps, as of the ends of their last slices.
    heap_bytes: AtomicUsize,
    /// Frozen bytes so far, in the freeze mode.
    pub(crate) frozen_bytes: AtomicU64,
}

impl Scheduler {
    /// A scheduler without processes.
    pub fn new(config: Config) -> Arc<Scheduler> {
        Arc::new(Scheduler {
            config,
            options: RwLock::new(Options::default()),
            names: Registry::default(),
            queue: Mutex::new(Queue {
                ready: VecDeque::new(),
                held: VecDeque::new(),
                gate: Gate::Closed,
                stepping: 0,
                running: 0,
                threads: 0,
                active: 0,
                idle: 0,
                blocked: 0,
                spare: 0,
                called: 0,
                timers: Timers::default(),
                deadlock_told: false,
            }),
            wake: Condvar::new(),
            calls: Condvar::new(),
            over: Condvar::new(),
            slots: RwLock::new(HashMap::new()),
            serial: AtomicU64::new(1),
            live: AtomicUsize::new(0),
            spawned: AtomicU64::new(0),
            interrupted: AtomicBool::new(false),
            done: Mutex::new(None),
            heap_bytes: AtomicUsize::new(0),
            frozen_bytes: AtomicU64::new(0),
        })
    }
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(|e| e.into_inner())
    }
    /// A pid that no process of this runtime has had.
    pub fn new_pid(&self) -> Pid {
        Pid(self.serial.fetch_add(1, Ordering::Relaxed))
    }
    /// Enters a process; it is ready.
    pub fn enter(&self, process: Box<Process>) {
        let slot = process.slot.clone();
        if !slot.is_root {
            self.live.fetch_add(1, Ordering::AcqRel);
            self.spawned.fetch_add(1, Ordering::Relaxed);
        }
        self.slots.write().unwrap_or_else(|e| e.into_inner()).insert(slot.pid.0, slot.clone());
        *slot.process.lock().unwrap_or_else(|e| e.into_inner()) = Some(process);
        self.make_ready(slot);
    }
    /// The slot of a live process.
    pub fn find(&self, pid: Pid) -> Option<Arc<Slot>> {
        self.slots.read().unwrap_or_else(|e| e.into_inner()).get(&pid.0).cloned()
    }
    /// All live processes, by age.
    pub fn pids(&self) -> Vec<Pid> {
        let mut all: Vec<Pid> =
            self.slots.read().unwrap_or_else(|e| e.into_inner()).keys().map(|&serial| Pid(serial)).collect();
        all.sort_unstable();
        all
    }
    /// Notes what a process's heap has grown to; if all together are too large, the largest one is to end.
    pub(crate) fn note_heap(&self, slot: &Slot, bytes: usize) {
        let old = std::mem::replace(&mut slot.lock().heap_bytes, bytes);
        let before = self.heap_bytes.fetch_add(bytes.wrapping_sub(old), Ordering::Relaxed);
        if bytes > old && before.wrapping_add(bytes.wrapping_sub(old)) > self.config.max_memory {
            let slots: Vec<_> = self.slots.read().unwrap_or_else(|e| e.into_inner()).values().cloned().collect();
            if let Some(largest) = slots.into_iter().max_by_key(|s| s.lock().heap_bytes) {
                self.signal(&largest, Signal::Kill { reason: crate::codec::Message::string(b"heaplimit") });
            }
        }
    }
    pub(crate) fn forget(&self, slot: &Slot) {
        let bytes = std::mem::take(&mut slot.lock().heap_bytes);
        self.heap_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.slots.write().unwrap_or_else(|e| e.into_inner()).remove(&slot.pid.0);
    }
    /// Puts a process whose status was just set to ready in the queue.
    pub(crate) fn make_ready(&self, slot: Arc<Slot>) {
        let mut q = self.lock();
        if slot.is_root || q.gate == Gate::Open {
            q.ready.push_back(slot);
            drop(q);
            self.wake.notify_one();
        } else {
            q.held.push_back(slot);
        }
    }
    /// Gives a process a signal, and wakes it if it waits for one. False: it has ended.
    pub fn signal(&self, to: &Arc<Slot>, signal: Signal) -> bool {
        let mut s = to.lock();
        if s.status == Status::Dead {
            return false;
        }
        let is_message = signal.is_message();
        s.messages += is_message as usize;
        if s.max_mailbox > 0 && s.messages > s.max_mailbox {
            s.inbox.push_back(Signal::Kill { reason: crate::codec::Message::string(b"mailboxlimit") });
        } else {
            s.inbox.push_back(signal);
        }
        let wakes = match s.status {
            Status::Waiting(Wait::Message) => true,
            Status::Waiting(_) => !is_message,
            _ => false,
        };
        if wakes {
            s.status = Status::Ready;
            drop(s);
            self.make_ready(to.clone());
        }
        true
    }
    /// Wakes a process that waits in this way.
    pub(crate) fn wake_from(&self, slot: &Arc<Slot>, wait: Wait) {
        let mut s = slot.lock();
        if s.status == Status::Waiting(wait) {
            s.status = Status::Ready;
            drop(s);
            self.make_ready(slot.clone());
        }
    }
    /// The root process.
    pub fn root(&self) -> Option<Arc<Slot>> {
        self.find(crate::concurrent::spawn::ROOT)
    }
    /// Opens the gate for good.
    pub(crate) fn open_gate(&self) {
        let mut q = self.lock();
        if q.gate != Gate::Open {
            q.gate = Gate::Open;
            let held = std::mem::take(&mut q.held);
            q.ready.extend(held);
            drop(q);
            self.wake.notify_all();
        }
    }
    /// Lets every process that is ready now have one slice; returns how many there are.
    pub(crate) fn begin_step(&self) -> usize {
        let mut q = self.lock();
        if q.gate == Gate::Open {
            return q.ready.len();
        }
        let held = std::mem::take(&mut q.held);
        q.stepping = held.len();
        q.gate = if held.is_empty() { Gate::Closed } else { Gate::Step };
        let n = held.len();
        q.ready.extend(held);
        drop(q);
        self.wake.notify_all();
        n
    }
    /// Sets a timer for the wait a process is in.
    pub(crate) fn set_timer(&self, slot: &Arc<Slot>, wait: u64, deadline: Instant) {
        self.lock().timers.insert(Timer { deadline, wait, slot: slot.clone() });
        self.wake.notify_one();
    }
    /// Ends the program.
    pub(crate) fn finish(&self, status: i32) {
        let mut done = self.done.lock().unwrap_or_else(|e| e.into_inner());
        done.get_or_insert(status);
        drop(done);
        // The queue's lock orders this with a worker's decision to sleep.
        drop(self.lock());
        self.wake.notify_all();
        self.calls.notify_all();
        self.over.notify_all();
    }
    pub(crate) fn status(&self) -> Option<i32> {
        *self.done.lock().unwrap_or_else(|e| e.into_inner())
    }
    /// Runs processes until the program ends; the status it ends with. The first worker begins by calling `first`: what
    /// a process is made of is best allocated by a thread that runs it. A worker that is in a call of the system at the
    /// end is not waited for; it never runs its process again.
    pub fn run(self: &Arc<Self>, first: impl FnOnce() + Send + 'static) -> i32 {
        let mut q = self.lock();
        self.start_worker(&mut q, first);
        while q.active < self.workers() {
            self.start_worker(&mut q, || ());
        }
        loop {
            if let Some(status) = self.status()
                && q.threads == q.blocked
            {
                return status;
            }
            q = self.over.wait(q).unwrap_or_else(|e| e.into_inner());
        }
    }
    fn workers(&self) -> usize {
        self.config.workers.max(1)
    }
    fn start_worker(self: &Arc<Self>, q: &mut Queue, first: impl FnOnce() + Send + 'static) {
        let this = self.clone();
        let started =
            std::thread::Builder::new().name("worker".to_string()).stack_size(WORKER_STACK).spawn(move || {
                if std::panic::catch_unwind(std::panic::AssertUnwindSafe(first)).is_err() {
                    this.finish(1);
                }
                this.work()
            });
        match started {
            Ok(_) => {
                q.threads += 1;
                q.active += 1;
            }
            // Without one there is no program; without one more it is slower while this one blocks.
            Err(e) => assert!(q.threads > 0, "the system gives no thread: {e}"),
        }
    }
    /// Frees all processes that are left, at the end of the program.
    pub(crate) fn close(&self) {
        let slots: Vec<_> = self.slots.write().unwrap_or_else(|e| e.into_inner()).drain().map(|(_, s)| s).collect();
        let mut q = self.lock();
        q.ready.clear();
        q.held.clear();
        q.timers = Timers::default();
        drop(q);
        for slot in slots {
            *slot.process.lock().unwrap_or_else(|e| e.into_inner()) = None;
        }
    }
    fn work(self: &Arc<Self>) {
        while let Some(slot) = self.next() {
            self.run_slice(slot);
        }
        let mut q = self.lock();
        q.threads -= 1;
        drop(q);
        self.over.notify_all();
    }
    /// The next process to run, when there is one; none when the program has ended.
    fn next(&self) -> Option<Arc<Slot>> {
        let mut q = self.lock();
        let mut was_idle = false;
        loop {
            if self.status().is_some() {
                return None;
            }
            if q.active > self.workers() {
                if !was_idle && q.idle > 0 {
                    // One that is idle gives up its place instead.
                    self.wake.notify_one();
                } else {
                    q = self.be_spare(q);
                    was_idle = false;
                    continue;
                }
            }
            if !q.timers.is_empty() {
                let now = Instant::now();
                while let Some(timer) = q.timers.take_due(now) {
                    self.fire(&mut q, timer);
                }
            }
            if let Some(slot) = q.ready.pop_front() {
                q.running += 1;
                return Some(slot);
            }
            let deadline = q.timers.next_deadline();
            match deadline {
                Some(at) => {
                    let wait = at.saturating_duration_since(Instant::now());
                    q.idle += 1;
                    q = self.wake.wait_timeout(q, wait).unwrap_or_else(|e| e.into_inner()).0;
                    q.idle -= 1;
                    was_idle = true;
                }
                None => {
                    if q.running == 0
                        && !q.deadlock_told
                        && let Some(root) = self.root()
                    {
                        // Nobody runs, nobody is ready, no timer: if the root waits, nothing will ever happen. If it does
                        // not, it is being entered.
                        let mut s = root.lock();
                        if let Status::Waiting(_) = s.status {
                            q.deadlock_told = true;
                            s.status = Status::Ready;
                            drop(s);
                            q.ready.push_back(root);
                            continue;
                        }
                    }
                    q.idle += 1;
                    q = self.wake.wait(q).unwrap_or_else(|e| e.into_inner());
                    q.idle -= 1;
                    was_idle = true;
                }
            }
        }
    }
    /// Waits until a worker that blocks needs to be replaced, or the program ends.
    fn be_spare<'a>(&'a self, mut q: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        q.active -= 1;
        q.spare += 1;
        if !q.ready.is_empty() {
            // It may have been woken for this.
            self.wake.notify_one();
        }
        while q.called == 0 && self.status().is_none() {
            q = self.calls.wait(q).unwrap_or_else(|e| e.into_inner());
        }
        q.called = q.called.saturating_sub(1);
        q.spare -= 1;
        q.active += 1;
        q
    }
    /// Makes the process that runs, or waits, raise an error where it is: Ctrl-C at a prompt.
    pub fn interrupt_root(&self) {
        if let Some(root) = self.root() {
            self.signal(&root, Signal::Interrupt);
        }
    }
    fn fire(&self, q: &mut Queue, timer: Timer) {
        let mut s = timer.slot.lock();
        if s.wait != timer.wait {
            return;
        }
        // A process that is just about to wait looks at this before it does.
        s.timed_out = true;
        if let Status::Waiting(_) = s.status {
            s.status = Status::Ready;
            drop(s);
            if timer.slot.is_root || q.gate == Gate::Open {
                q.ready.push_back(timer.slot);
            } else {
                q.held.push_back(timer.slot);
            }
        }
    }
    /// Tells whether the root was woken because nothing can happen any more, and forgets it.
    pub(crate) fn take_deadlock(&self) -> bool {
        std::mem::take(&mut self.lock().deadlock_told)
    }
    /// A worker gives its process back.
    fn slice_over(&self, slot: &Arc<Slot>, ready: bool) {
        let mut q = self.lock();
        q.running -= 1;
        let mut round_over = false;
        if q.gate == Gate::Step && !slot.is_root {
            q.stepping = q.stepping.saturating_sub(1);
            if q.stepping == 0 {
                q.gate = Gate::Closed;
                round_over = true;
            }
        }
        if ready {
            if slot.is_root || q.gate == Gate::Open {
                q.ready.push_back(slot.clone());
            } else {
                q.held.push_back(slot.clone());
            }
        }
        let idle = q.ready.is_empty() && q.running == 0;
        drop(q);
        if round_over && let Some(root) = self.root() {
            self.wake_from(&root, Wait::Step);
        }
        if idle {
            // Another worker may be the one to notice that nothing can happen any more.
            self.wake.notify_all();
        }
    }
}

impl Outside for Handle {
    fn begin_blocking(&self) {
        let this = &self.0;
        let mut q = this.lock();
        q.blocked += 1;
        q.active -= 1;
        if q.active + q.called < this.workers() {
            if q.called < q.spare {
                q.called += 1;
                this.calls.notify_one();
            } else {
                this.start_worker(&mut q, || ());
            }
        }
        drop(q);
        if this.status().is_some() {
            this.over.notify_all();
        }
    }
    fn end_blocking(&self) {
        let this = &self.0;
        let mut q = this.lock();
        if this.status().is_some() {
            // The program is over, and with it this process: nobody waits for this thread.
            drop(q);
            loop {
                std::thread::park();
            }
        }
        q.blocked -= 1;
        q.active += 1;
    }
    fn open_gate(&self) {
        self.0.open_gate();
    }
}
/// The scheduler as natives see it.
pub struct Handle(pub Arc<Scheduler>);
