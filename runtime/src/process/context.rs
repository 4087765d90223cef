//! What a process has besides its machine: core, mailbox, options, and the scheduler it is run by.
//!
//! Journey: message: send -> encode -> **mailbox -> receive** -> decode. It hangs in the machine's surroundings, where the
//! natives of `concurrent` find it: so a send or a receive that need not wait never leaves the interpreter.
//!
//! Always: owned by whoever runs the process; while that is in a call of the system, it lies in the slot, and who sends
//! signals has them handled there (scheduler/worker.rs).

use super::again;
use super::core::{Core, Effect, Time};
use super::exit::{Ending, Stage};
use super::mailbox::Mailbox;
use super::options::{OwnOptions, Setting, key};
use super::seldom::{List, Seldom};
use super::signal::{Answer, Info, Question, Signal, Status, Wake};
use super::slot::Slot;
use super::trace::Tracing;
use super::waits::Waiting;
use crate::node::name::NodeName;
use crate::scheduler::timer::{Due, TimerKey};
use crate::scheduler::{Scheduler, Waits};
use crate::socket::Sockets;
use rlua_machine::value::{Pid, Runtime, Value};
use rlua_machine::vm::{Attachable, Attachment, Surroundings, Vm};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What a waiting process waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// A message, or the end of a time.
    Message,
    /// A signal: the end of a time, an answer, what the root is woken by.
    Signal,
}

/// All of a process but its machine.
// In this order, what each slice touches lies together.
#[repr(C)]
pub struct Context {
    /// Messages that wait.
    pub mailbox: Mailbox,
    /// Who runs it.
    pub scheduler: Arc<Scheduler>,
    /// The slot others know.
    pub slot: Arc<Slot>,
    /// Reductions used so far.
    pub reductions: u64,
    /// What the runner has to see to before the process goes on.
    pub urgent: List<Effect>,
    /// It ends itself, or is to be written down, because a native asked for it.
    pub leaving: Option<Box<Leaving>>,
    /// How it is ending, if it is.
    pub ending: Option<Box<Ending>>,
    /// What the wait under way is for.
    pub wait: Wait,
    /// What it waits for may have come.
    pub resume: bool,
    /// Its uncaught error was reported.
    pub reported: bool,
    /// It has asked to be told when a node goes.
    pub watches_nodes: bool,
    /// The runtime to whose processes it sends the quick way: its own, or none if it is traced (trace.rs).
    pub sends_to: Runtime,
    /// Links, monitors, names, waits.
    pub core: Core,
    seldom: Seldom<Rest>,
    /// Timer of the wait under way, and its time by the runtime's clock.
    timer: Option<(TimerKey, Time)>,
}
const _: () = assert!(size_of::<Context>() <= 224, "an idle process is small");

/// What most processes do without.
#[derive(Default)]
struct Rest {
    /// Options it set for itself.
    options: OwnOptions,
    /// How often it has moved to another node.
    epoch: u64,
    /// What its own clock is ahead of the runtime's, modulo 2^64: deadlines in its natives' registers go by its own, which
    /// moves with it.
    clock_ahead: u64,
    /// The question under way, and whom it was asked.
    asked: Option<(u64, Pid)>,
    tracing: Tracing,
    /// What came after a kill.
    unhandled: List<Signal>,
    /// What has come of a checkpoint or a move: why it could not be.
    refused: Option<Vec<u8>>,
    /// What a native is in the middle of, and its number. It is of this machine's heap and of no other.
    progress: Option<Progress>,
    progress_number: i64,
    /// Its sockets.
    sockets: Option<Box<Sockets>>,
    /// The wait under way is for one.
    at_socket: Option<Waits>,
}

/// What a process wants of its runner.
pub enum Leaving {
    /// `concurrent.exit`: the reason, encoded; as a value it is on top of the native's registers.
    Exit(crate::codec::Message),
    /// `concurrent.checkpoint`: the path.
    Checkpoint(Vec<u8>),
    /// `concurrent.migrate`: the node.
    Migrate(NodeName),
    /// `concurrent.migratable`.
    Migratable,
}

/// What a native has begun and will go on with when it is entered again. It can be begun anew.
pub enum Progress {
    /// A message is being made.
    Encoding(crate::codec::Encoding),
    /// A message is made bytes for another node.
    Conversion(Box<crate::codec::Conversion>),
    /// A message is being read.
    Decoding(crate::codec::Decoding),
    /// What a new process begins with is taken.
    Capture(Box<crate::codec::Capture>),
    /// A message that fits a pattern is looked for.
    Search(Box<Search>),
    /// The globals that functions name are looked for.
    Naming(Box<crate::codec::Naming>),
    /// Figures of all processes are gathered.
    Survey(Box<crate::scheduler::survey::Survey>),
}

/// A table to match, and the comparison under way.
pub struct Search {
    /// The table.
    pub pattern: crate::codec::Pattern,
    /// Whether all of it is known.
    pub is_ready: bool,
    /// The message that is being compared.
    pub matching: crate::codec::Matching,
}

/// Lines of memory that each slice touches, from its beginning.
pub const LINES: usize = 5;

// SAFETY: nothing else is ever attached to a machine.
unsafe impl Attachment for Context {
    const NUMBER: NonZeroU32 = NonZeroU32::new(1).unwrap();
    fn surroundings(&self) -> Option<Box<dyn Surroundings>> {
        Some(self.scheduler.surroundings())
    }
}

impl Context {
    /// Of a new process.
    pub fn new(scheduler: Arc<Scheduler>, slot: Arc<Slot>) -> Box<Context> {
        let runtime = scheduler.runtime;
        Box::new(Context {
            core: Core::new(slot.pid),
            scheduler,
            slot,
            mailbox: Mailbox::default(),
            reductions: 0,
            ending: None,
            wait: Wait::Signal,
            timer: None,
            urgent: List::default(),
            resume: false,
            leaving: None,
            reported: false,
            watches_nodes: false,
            sends_to: runtime,
            seldom: Seldom::default(),
        })
    }
    /// The process's pid.
    pub fn pid(&self) -> Pid {
        self.slot.pid
    }
    /// Handles signals in their order. What only the runner can do is left in `urgent`; after a kill nothing is handled
    /// any more, and what came later stays in the list.
    pub fn handle(&mut self, signals: &mut Vec<Signal>) {
        if self.is_traced() {
            self.trace_arrivals(signals);
        }
        // By far the most: one message.
        if let [Signal::Message(_)] = signals[..]
            && let Some(Signal::Message(m)) = signals.pop()
        {
            self.mailbox.push(m);
            self.resume = true;
            return;
        }
        // The kill may have been handled in an earlier part of the slice.
        if self.urgent.iter().any(|e| matches!(e, Effect::Kill { .. })) {
            return;
        }
        let end = signals.iter().position(|s| matches!(s, Signal::Kill { .. })).map_or(signals.len(), |i| i + 1);
        self.mailbox.reserve(end);
        for signal in signals.drain(..end) {
            match signal {
                Signal::Message(m) => {
                    self.mailbox.push(m);
                    self.resume = true;
                    continue;
                }
                Signal::Trace { tracer, is_on } => {
                    let tracing = Tracing { tracer: is_on.then_some(tracer), dropped: 0, ..self.tracing() };
                    self.set_tracing(tracing);
                    continue;
                }
                Signal::Exit { .. } => self.core.trapexit = self.option_flag(key::TRAPEXIT),
                _ => {}
            }
            self.act(|core, effects| core.handle(signal, effects));
        }
    }
    /// How it is traced.
    pub fn tracing(&self) -> Tracing {
        self.seldom.get().map_or(Tracing::default(), |s| s.tracing)
    }
    /// Notes how it is traced.
    pub(super) fn keep_tracing(&mut self, tracing: Tracing) {
        self.seldom.change().tracing = tracing;
    }
    /// Keeps signals that came after a kill.
    #[inline]
    pub fn keep_unhandled(&mut self, signals: &mut Vec<Signal>) {
        if !signals.is_empty() {
            self.seldom.change().unhandled.append(signals);
        }
    }
    /// Takes what came after a kill.
    pub fn take_unhandled(&mut self) -> Vec<Signal> {
        self.seldom.get_mut().map_or(Vec::new(), |s| s.unhandled.take())
    }
    /// Whether something came after a kill.
    pub fn has_unhandled(&self) -> bool {
        self.seldom.get().is_some_and(|s| !s.unhandled.is_empty())
    }
    /// Carries out effects of the core; the list is empty afterwards.
    pub fn carry_out(&mut self, effects: &mut Vec<Effect>) {
        for effect in effects.drain(..) {
            match effect {
                Effect::Route(to, signal) => {
                    if self.is_traced() {
                        self.trace_signal(to, &signal);
                    }
                    self.scheduler.route(to, signal);
                }
                Effect::Deliver(m) => self.mailbox.push(m),
                Effect::Resume => self.resume = true,
                Effect::Order { to, id, node } => self.take_order((to, id), node),
                Effect::OrderLate => self.order_is_late(),
                Effect::AskAgain => {
                    if let Some((id, whom)) = self.asked().filter(|(id, _)| !self.core.is_answered(*id)) {
                        let (from, question) = (self.slot.pid, Question::Again);
                        if whom != from {
                            self.scheduler.route(whom, Signal::Ask { from, id, question });
                        }
                    }
                }
                Effect::NameLost(name) => {
                    if self.scheduler.names.find(&name) != Some(self.slot.pid) {
                        self.core.remove_name(&name);
                    }
                }
                e @ (Effect::Exit(_)
                | Effect::Kill { .. }
                | Effect::Interrupt
                | Effect::CheckLimit
                | Effect::Spawn(_)
                | Effect::Migratable { .. }
                | Effect::Lost { .. }
                | Effect::Describe { .. }) => self.urgent.push(e),
            }
        }
    }
    /// Does something with the core, and what follows from it.
    pub fn act<T>(&mut self, f: impl FnOnce(&mut Core, &mut Vec<Effect>) -> T) -> T {
        again::with_effects(|effects| {
            let result = f(&mut self.core, effects);
            self.carry_out(effects);
            result
        })
    }
    /// Handles what has arrived since the slice began. The lock is taken only if there is something.
    #[inline]
    pub fn poll(&mut self, heap_bytes: usize) {
        if self.slot.pending.any() {
            self.take_arrived(heap_bytes);
        }
    }
    #[inline(never)]
    fn take_arrived(&mut self, heap_bytes: usize) {
        again::with_signals(|signals| {
            self.slot.take_signals(signals);
            if !signals.is_empty() {
                self.handle(signals);
                self.publish(heap_bytes);
                self.keep_unhandled(signals);
            }
        });
    }
    /// Tells others how much the process holds.
    #[inline]
    pub fn publish(&self, heap_bytes: usize) {
        let p = &self.slot.published;
        p.messages.store(self.mailbox.len(), Ordering::Relaxed);
        p.bytes.store(heap_bytes + self.held_bytes(), Ordering::Relaxed);
        p.reductions.store(self.reductions, Ordering::Relaxed);
    }
    /// Bytes that wait for the process: messages, and what its calls have come to.
    #[inline]
    pub fn held_bytes(&self) -> usize {
        self.mailbox.bytes() + self.core.outcome_bytes()
    }
    /// What is known of the process besides where it is.
    pub fn describe(&self, status: Status, heap_bytes: usize) -> Info {
        Info {
            name: self.core.first_name(),
            status,
            place: Vec::new(),
            function: Vec::new(),
            messages: self.mailbox.len(),
            links: self.core.links(),
            monitors: self.core.watched(),
            heap_bytes,
            reductions: self.reductions,
            parent: (!self.slot.is_root).then_some(self.slot.parent),
            waits: Waiting::default(),
        }
    }

    /// Whether it is ending, and how has been decided.
    pub fn is_past_return(&self) -> bool {
        self.ending.as_ref().is_some_and(|e| e.stage != Stage::Return)
    }

    // Options.

    /// An option, as it is for this process: its own setting, else the node's.
    pub fn option(&self, key: usize) -> Setting {
        let node = || self.scheduler.options.read().unwrap_or_else(|e| e.into_inner()).get(key);
        self.seldom.get().and_then(|s| s.options.get(key)).unwrap_or_else(node)
    }
    /// Sets an option for this process alone.
    pub fn set_option(&mut self, key: usize, setting: Setting) {
        self.seldom.change().options.set(key, setting);
    }
    /// All options that it has set for itself.
    pub fn own_options(&self) -> &[(u8, Setting)] {
        self.seldom.get().map_or(&[], |s| s.options.all())
    }
    /// An option that is true or false.
    pub fn option_flag(&self, key: usize) -> bool {
        self.option(key) == Setting::Flag(true)
    }
    /// An option that is a number.
    pub fn option_number(&self, key: usize) -> f64 {
        match self.option(key) {
            Setting::Number(n) => n,
            Setting::Flag(_) => 0.0,
        }
    }
    /// Bytes of heap and mailbox past which it ends; 0: no limit.
    #[inline]
    pub fn limit_bytes(&self) -> usize {
        // Most have none, and nothing of their own.
        if self.seldom.get().is_none() && !self.scheduler.has_options_of_new() {
            return 0;
        }
        self.option_number(key::MAXHEAP) as usize
    }

    /// Messages and bytes that deliveries are to keep.
    pub fn limits(&self) -> (usize, usize) {
        (self.option_number(key::MAXMAILBOX) as usize, self.limit_bytes())
    }
    /// Tells the inbox of the limits that deliveries are to keep.
    pub fn set_limits(&mut self) {
        if self.slot.is_root {
            return;
        }
        let [messages, bytes, debug] = {
            let node = self.scheduler.options.read().unwrap_or_else(|e| e.into_inner());
            let own = |key| self.seldom.get().and_then(|s| s.options.get(key));
            [key::MAXMAILBOX, key::MAXHEAP, key::DEBUG].map(|key| own(key).unwrap_or_else(|| node.get(key)))
        };
        let lines = debug == Setting::Flag(true);
        if lines != self.tracing().lines {
            self.set_tracing(Tracing { lines, ..self.tracing() });
        }
        let number = |setting| if let Setting::Number(n) = setting { n as usize } else { 0 };
        let (messages, bytes) = (number(messages), number(bytes));
        let mut s = self.slot.lock();
        s.inbox.set_limits((messages, bytes));
        let is_past = messages > 0 && s.inbox.messages() + self.mailbox.len() > messages;
        drop(s);
        if is_past {
            let reason = crate::codec::Message::string(b"mailboxlimit");
            self.scheduler.route(self.slot.pid, Signal::Kill { reason, limit: true });
        }
    }

    // Waits.

    /// A native that may wait begins: what a native before it left behind when it raised an error is not its own.
    #[inline]
    pub fn begin_native(&mut self) {
        self.wait = Wait::Signal;
        self.give_up_question();
        self.core.take_wake();
    }
    /// Begins a wait, until a time if there is one; goes on with one under way. True: its time is over.
    #[inline]
    pub fn wait_until(&mut self, wait: Wait, deadline: Option<Time>) -> bool {
        self.wait = wait;
        match self.core.wait_state() {
            Some(timed_out) => timed_out,
            None => {
                let number = self.core.begin_wait();
                if let Some(at) = deadline {
                    let at = at.wrapping_sub(self.clock_ahead());
                    // A time that has passed may be before the runtime's beginning.
                    self.set_timer(number, if at > Time::MAX / 2 { 0 } else { at });
                }
                false
            }
        }
    }
    fn set_timer(&mut self, wait: u64, at: Time) {
        let due = Due { pid: self.slot.pid, wait };
        self.timer = Some((self.scheduler.set_timer(at, due), at));
    }
    /// The time by the process's own clock.
    pub fn now(&self) -> Time {
        self.scheduler.clock.now().wrapping_add(self.clock_ahead())
    }
    fn clock_ahead(&self) -> u64 {
        self.seldom.get().map_or(0, |s| s.clock_ahead)
    }
    /// Ends the wait under way.
    #[inline]
    pub fn end_wait(&mut self) {
        if self.core.wait_state().is_some() {
            if self.timer.is_some() {
                self.cancel_timer();
            }
            if let Some(seldom) = self.seldom.get_mut() {
                seldom.at_socket = None;
            }
            self.core.end_wait();
        }
    }
    fn cancel_timer(&mut self) {
        if let Some((key, _)) = self.timer.take() {
            self.scheduler.cancel_timer(key);
        }
    }
    /// Keeps what a native has begun; the number by which it will ask for it.
    pub fn keep_progress(&mut self, progress: Progress) -> Value {
        let seldom = self.seldom.change();
        seldom.progress = Some(progress);
        seldom.progress_number += 1;
        Value::integer(seldom.progress_number)
    }
    /// Nobody waits for the answer to what was asked last.
    #[inline]
    pub fn give_up_question(&mut self) {
        if let Some(seldom) = self.seldom.get_mut() {
            seldom.asked = None;
        }
        self.end_wait();
    }
    /// What was kept under a number, if nothing has come in between.
    pub fn take_progress(&mut self, number: Value) -> Option<Progress> {
        let seldom = self.seldom.get_mut()?;
        let kept = seldom.progress.take();
        kept.filter(|_| number.as_integer() == Some(seldom.progress_number))
    }
    /// Its sockets.
    pub fn sockets(&mut self) -> &mut Sockets {
        self.seldom.change().sockets.get_or_insert_default()
    }
    /// Whether it has a socket of a number.
    pub fn has_socket(&self, id: u64) -> bool {
        self.seldom.get().and_then(|s| s.sockets.as_ref()).is_some_and(|s| s.has(id))
    }
    /// Whether it has any.
    pub fn has_sockets(&self) -> bool {
        self.seldom.get().and_then(|s| s.sockets.as_ref()).is_some_and(|s| !s.is_empty())
    }
    /// Whether the wait under way is for a socket.
    pub fn waits_at_socket(&self) -> bool {
        self.seldom.get().is_some_and(|s| s.at_socket.is_some())
    }
    /// As [`Context::wait_until`], for a socket that will tell it.
    pub fn wait_at_socket(&mut self, deadline: Option<Time>) {
        self.wait_until(Wait::Signal, deadline);
        if self.seldom.change().at_socket.is_none() {
            let waits = self.scheduler.waits_for_socket();
            self.seldom.change().at_socket = Some(waits);
        }
    }
    /// The process goes on in another machine: what was begun in this one is no more.
    pub fn leave_machine(&mut self) {
        if let Some(seldom) = self.seldom.get_mut() {
            seldom.progress = None;
        }
    }
    /// How often it has moved to another node.
    pub fn epoch(&self) -> u64 {
        self.seldom.get().map_or(0, |s| s.epoch)
    }
    /// It has moved so often.
    pub fn set_epoch(&mut self, epoch: u64) {
        if epoch != self.epoch() {
            self.seldom.change().epoch = epoch;
        }
    }
    /// A checkpoint or a move has come to this: why it could not be, or nothing.
    pub fn set_refused(&mut self, why: Option<Vec<u8>>) {
        if why.is_some() || self.seldom.get().is_some_and(|s| s.refused.is_some()) {
            self.seldom.change().refused = why;
        }
    }
    /// Why the last checkpoint or move could not be; once.
    pub fn take_refused(&mut self) -> Option<Vec<u8>> {
        self.seldom.get_mut()?.refused.take()
    }
    // Frozen.

    /// When the wait under way is over, by the runtime's clock.
    pub fn timer_at(&self) -> Option<Time> {
        self.timer.map(|(_, at)| at)
    }
    /// The question under way.
    pub fn asked(&self) -> Option<(u64, Pid)> {
        self.seldom.get()?.asked
    }
    /// Numbers that were given to what natives have begun.
    pub fn progress_number(&self) -> i64 {
        self.seldom.get().map_or(0, |s| s.progress_number)
    }
    /// The process was thawed: its clock goes on from a time.
    pub fn go_on(&mut self, now: Time, asked: Option<(u64, Pid)>, progress: i64) {
        let runtime_now = self.scheduler.clock.now();
        let seldom = self.seldom.change();
        seldom.clock_ahead = now.wrapping_sub(runtime_now);
        seldom.asked = asked;
        seldom.progress_number = progress;
        // What it waits for may have come meanwhile.
        self.resume = true;
    }
    /// The wait under way, of a process that was thawed, is over at a time by the runtime's clock. Call this when the process can be
    /// found: the timer may be due at once, and what it then sends is sent once.
    pub fn wait_on(&mut self, until: Option<Time>) {
        if let (Some(number), Some(until)) = (self.core.wait_number(), until) {
            self.set_timer(number, until);
        }
    }
    /// Asks another process; the number of the question.
    pub fn ask(&mut self, whom: Pid, question: Question) -> u64 {
        let id = self.core.next_id();
        self.seldom.change().asked = Some((id, whom));
        self.wait = Wait::Signal;
        self.core.begin_wait();
        let from = self.slot.pid;
        self.scheduler.route(whom, Signal::Ask { from, id, question });
        id
    }
    /// The answer to a question; none: it has not come yet. A question that nobody knows of (the process was thawed in
    /// the middle of it) is asked again.
    pub fn answer(&mut self, id: u64, whom: Pid, question: Question) -> Result<Answer, u64> {
        if self.asked() != Some((id, whom)) {
            return Err(self.ask(whom, question));
        }
        if let Some(answer) = self.core.take_reply(id) {
            self.seldom.change().asked = None;
            self.core.end_wait();
            return Ok(answer);
        }
        self.wait = Wait::Signal;
        Err(id)
    }
    /// Asks the node something, by `ask`, which is given who asks and the number of the question.
    pub fn ask_node(&mut self, ask: impl FnOnce(&mut Core, &Arc<Scheduler>, (Pid, u64))) -> u64 {
        let (id, own) = (self.core.next_id(), self.slot.pid);
        self.seldom.change().asked = Some((id, own));
        self.wait = Wait::Signal;
        self.core.begin_wait();
        ask(&mut self.core, &self.scheduler, (own, id));
        id
    }
    /// The answer to what the node was asked; `Err`: it has not come yet, or, with no number, nobody knows of the question
    /// (the process was thawed in the middle of it).
    pub fn node_answer(&mut self, id: u64) -> Result<Answer, Option<u64>> {
        if self.asked() != Some((id, self.slot.pid)) {
            return Err(None);
        }
        if let Some(answer) = self.core.take_reply(id) {
            self.seldom.change().asked = None;
            self.core.end_wait();
            return Ok(answer);
        }
        self.wait = Wait::Signal;
        Err(Some(id))
    }
    /// What the root was woken by.
    pub fn take_wake(&mut self) -> Option<Wake> {
        self.core.take_wake()
    }
}

/// The context of the process whose machine this is.
///
/// # Panics
/// If the machine is not a process's.
#[inline(always)]
pub fn context(vm: &mut Vm) -> &mut Context {
    vm.attached.get().expect("a process's machine has a context")
}

/// A context that was attached to a machine.
pub fn detached(attached: Box<dyn Attachable>) -> Option<Box<Context>> {
    let any: Box<dyn std::any::Any + Send> = attached;
    any.downcast().ok()
}

/// The text of an exit reason that cannot be sent.
pub fn reason_text(vm: &mut Vm, reason: Value) -> crate::codec::Message {
    let text = rlua_machine::stdlib::string::basic_text(vm, reason);
    crate::codec::Message::string(&text)
}
