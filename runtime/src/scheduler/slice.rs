//! One slice of a process: signals first, then reductions, then what its end or its wait asks for.
//!
//! Journey: signal -> **process**. A slice begins with the signals that have arrived, in order; natives of `concurrent` do
//! what they do inside it; it ends when the reductions are used, the process waits, or it is over. While the gate is
//! closed to the process it is signals alone.

use super::Scheduler;
use super::end::End;
use super::schedule::Schedule;
use super::table::Table;
use super::worker::{Abandoned, Handed};
use crate::codec;
use crate::node::connections::Connection;
use crate::node::name::NodeName;
use crate::node::translate::SpawnRequest;
use crate::process::Process;
use crate::process::account::Grown;
use crate::process::birth::Birth;
use crate::process::chore::{Chore, Done, MESSAGES, OBJECTS};
use crate::process::context::{self, Context, Leaving, Wait, context, reason_text};
use crate::process::core::Effect;
use crate::process::exit::Stage;
use crate::process::inbox::Inbox;
use crate::process::order;
use crate::process::signal::{Answer, Signal};
use crate::process::slot::{Found, Instead, Slot};
use rlua_machine::stdlib::host::host;
use rlua_machine::value::{Pid, Value};
use rlua_machine::vm::Exit;
use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes of an exit reason past which it is decoded in steps.
const QUICK_REASON: usize = 16 * 1024;

/// What a slice ends with.
pub(super) enum Outcome {
    /// To the end of the queue.
    Ready,
    /// Ready, but the gate is closed to it.
    Held,
    /// Waits.
    Waiting(Wait),
    /// Moves to another node.
    Moving(NodeName),
    /// Over.
    Over(End),
}

thread_local! {
    /// A list that is used again.
    static SIGNALS: Cell<Vec<Signal>> = const { Cell::new(Vec::new()) };
}

impl Scheduler {
    /// Runs a slice of a process that was queued; how long it was, in looks at the clock that it is worth.
    pub(super) fn run_slice(self: &Arc<Self>, slot: Arc<Slot>) -> u32 {
        let mut s = slot.lock();
        if (slot.is_root || self.gate.is_open())
            && let Some(message) = slot.begin_with_message(&mut s)
        {
            let found = s.take_process();
            drop(s);
            let mut process = self.process_of(found, &slot);
            process.vm.look_ahead(context::LINES);
            let cx = context(&mut process.vm);
            cx.mailbox.push(message);
            cx.resume = true;
            return self.run_process(Some(slot), process, &mut Vec::new(), true);
        }
        let mut signals = SIGNALS.take();
        if let Some(telling) = s.take_telling() {
            drop(s);
            SIGNALS.set(signals);
            self.go_on_telling(slot, *telling);
            return 4;
        }
        let Some(permit) = slot.begin_slice(&mut s, &mut signals) else {
            drop(s);
            SIGNALS.set(signals);
            return 0;
        };
        let found = s.take_process();
        let blocked = if found.is_none() { s.take_context() } else { None };
        s.inbox.stepping |= permit;
        drop(s);
        let stepping = permit.then(|| slot.clone());
        if let Some(cx) = blocked {
            self.handle_for_blocked(slot, cx, &mut signals);
            signals.clear();
            SIGNALS.set(signals);
            return 1;
        }
        let process = self.process_of(found, &slot);
        let may_run = permit || slot.is_root || self.gate.is_open();
        let weight = self.run_process(Some(slot), process, &mut signals, may_run);
        signals.clear();
        SIGNALS.set(signals);
        if let Some(slot) = stepping
            && std::mem::take(&mut slot.lock().inbox.stepping)
        {
            self.stepped();
        }
        weight
    }
    /// The process that is to run, which begins if it has not.
    #[inline]
    fn process_of(self: &Arc<Self>, found: Option<Found>, slot: &Arc<Slot>) -> Box<Process> {
        match found {
            Some(Found::Process(process)) => process,
            Some(Found::Birth(birth)) => birth.begin(self, slot),
            None => unreachable!("a queued process is in its slot"),
        }
    }
    /// Runs a slice of a process that whoever has sent it a message has taken.
    pub(super) fn run_handed(self: &Arc<Self>, handed: Handed) -> u32 {
        let Handed(mut process) = handed;
        process.vm.look_ahead(context::LINES);
        let cx = context(&mut process.vm);
        if !cx.slot.pending.any() {
            return self.run_process(None, process, &mut Vec::new(), true);
        }
        // Something has come after the message.
        let mut signals = SIGNALS.take();
        cx.slot.take_signals(&mut signals);
        let weight = self.run_process(None, process, &mut signals, true);
        signals.clear();
        SIGNALS.set(signals);
        weight
    }
    /// Reductions of the slice that begins.
    #[inline]
    fn slice_length(&self) -> i64 {
        self.queues.decide(Schedule::slice).unwrap_or(self.config.slice)
    }
    /// Runs the slice, and sees to what comes of it. Without a slot, it is one that was taken.
    #[inline]
    fn run_process(
        self: &Arc<Self>,
        slot: Option<Arc<Slot>>,
        mut process: Box<Process>,
        signals: &mut Vec<Signal>,
        may_run: bool,
    ) -> u32 {
        self.no_deadlock();
        self.tell_history(|h, _| h.runs(context(&mut process.vm).pid()));
        let before = context(&mut process.vm).reductions;
        // A bug of ours ends the process, not the node.
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| self.slice(&mut process, signals, may_run)));
        match outcome {
            Ok(outcome) => {
                let cx = context(&mut process.vm);
                let used = cx.reductions - before;
                self.clock.worked(used);
                self.look_at_length(&mut process, used);
                self.slice_over(slot, process, outcome);
                1 + (used / 128) as u32
            }
            Err(thrown) => {
                self.slice_thrown(slot, process, thrown);
                1
            }
        }
    }
    #[inline]
    fn slice_over(self: &Arc<Self>, slot: Option<Arc<Slot>>, mut process: Box<Process>, outcome: Outcome) {
        let (heap_bytes, is_full) = (process.vm.heap.bytes(), process.vm.heap.is_past_limit());
        let cx = context(&mut process.vm);
        // A full heap is collected at once when it runs next, and then has room, or an error.
        let held_bytes = (!is_full).then(|| heap_bytes + cx.held_bytes());
        let own = |p: &mut Process| context(&mut p.vm).slot.clone();
        let more = match outcome {
            Outcome::Over(end) => {
                let slot = slot.unwrap_or_else(|| own(&mut process));
                return self.end(slot, Some(process), end);
            }
            Outcome::Waiting(wait) => {
                cx.publish(heap_bytes);
                let rest =
                    |slot: &Arc<Slot>, process| put_back(slot, process, held_bytes, |i| i.wait(wait == Wait::Message));
                match slot {
                    Some(slot) => rest(&slot, process),
                    // The process keeps its slot alive, until it is put there and another worker has it.
                    None => match Table::with_kept(cx.slot.pid.serial(), Arc::as_ptr(&cx.slot), process, rest) {
                        Ok(more) => more,
                        Err(mut process) => rest(&own(&mut process), process),
                    },
                }
            }
            outcome => {
                cx.publish(heap_bytes);
                let slot = slot.unwrap_or_else(|| own(&mut process));
                if let Outcome::Moving(node) = outcome {
                    return self.set_off(slot, process, node);
                }
                let more = put_back(&slot, process, held_bytes, |i| {
                    i.requeue();
                    false
                });
                if matches!(outcome, Outcome::Held) {
                    // The gate may open before it is held.
                    if let Some((slot, _, grown)) = more {
                        self.tell_grown(&slot, grown);
                        self.hold(slot);
                    }
                    return;
                }
                more
            }
        };
        let Some((slot, rests, grown)) = more else { return };
        self.tell_grown(&slot, grown);
        if rests {
            return;
        }
        if slot.is_root || self.gate.is_open() {
            self.enqueue_again(slot);
        } else {
            self.hold(slot);
        }
    }
    /// A panic came through the interpreter: a bug of ours, or the process was ended while it was in a call of the system.
    pub(super) fn slice_thrown(
        self: &Arc<Self>,
        slot: Option<Arc<Slot>>,
        mut process: Box<Process>,
        thrown: Box<dyn std::any::Any + Send>,
    ) {
        if thrown.is::<Abandoned>() {
            // All have been told; its machine was left between two steps of a native.
            drop(process);
            return;
        }
        let cx = process.vm.attached.take().and_then(context::detached);
        let slot = slot.or_else(|| cx.as_ref().map(|cx| cx.slot.clone()));
        let Some(slot) = slot else {
            report!("rlua-actor: a process was ended by an internal error");
            return self.finish(1);
        };
        report!("rlua-actor: process {} was ended by an internal error", slot.pid);
        // Its heap may be in any state: it is left as it is.
        std::mem::forget(process);
        let Some(cx) = cx else { return self.finish(1) };
        let reason = codec::Message::string(b"internal error");
        self.end_context(slot, cx, End::kill(reason, false));
    }
    #[inline]
    fn slice(self: &Arc<Self>, p: &mut Process, signals: &mut Vec<Signal>, may_run: bool) -> Outcome {
        if signals.is_empty() && may_run {
            // Most wait in a `receive` for the one message that has come.
            let cx = context(&mut p.vm);
            let is_free = cx.urgent.is_empty() && !cx.is_ordered();
            if is_free
                && !p.is_busy()
                && let Some(state) = p.waiting
                && let Some(used) = crate::concurrent::answer_receive(&mut p.vm, state)
            {
                p.waiting = None;
                let cx = context(&mut p.vm);
                cx.resume = false;
                cx.reductions += used as u64;
                return self.reduce(p, (self.slice_length() - used as i64).max(1));
            }
        }
        self.whole_slice(p, signals, may_run)
    }
    #[inline(never)]
    fn whole_slice(self: &Arc<Self>, p: &mut Process, signals: &mut Vec<Signal>, may_run: bool) -> Outcome {
        if !signals.is_empty() {
            let cx = context(&mut p.vm);
            cx.handle(signals);
            cx.keep_unhandled(signals);
        }
        // Some may be left from a call of the system, during which others have handled its signals.
        if let Some(end) = self.see_to_urgent(p) {
            return Outcome::Over(end);
        }
        let mut left = self.slice_length();
        if p.is_busy()
            && may_run
            && let Some(outcome) = self.see_to_chores(p, &mut left)
        {
            return outcome;
        }
        if let Some(outcome) = self.move_as_ordered(p, may_run) {
            return outcome;
        }
        let cx = context(&mut p.vm);
        if p.waiting.is_some() && !cx.resume {
            return Outcome::Waiting(cx.wait);
        }
        if !may_run {
            return Outcome::Held;
        }
        cx.resume = false;
        if let Some(state) = p.waiting.take() {
            p.vm.continue_request(state);
        }
        if left <= 0 {
            return Outcome::Ready;
        }
        self.reduce(p, left)
    }
    /// Does what has to be done before a process goes on; none: it is done.
    fn see_to_chores(self: &Arc<Self>, p: &mut Process, left: &mut i64) -> Option<Outcome> {
        while p.is_busy() {
            if *left <= 0 {
                return Some(Outcome::Ready);
            }
            let (rate, least) = p.chore.as_ref().map_or(OBJECTS, |c| c.rate());
            let all = (*left as usize * rate).max(least);
            let mut units = all;
            let is_born = p.be_born(&mut units);
            match p.chore.take().map(|c| c.step(&mut p.vm, &mut units)) {
                None => {}
                Some(Err(chore)) => p.chore = Some(chore),
                Some(Ok(Done::End(reason, value))) => {
                    p.begin_end(reason, true, Some(value));
                }
                Some(Ok(Done::Spawn(request, snapshot))) => self.spawn_with(*request, snapshot),
                Some(Ok(Done::Collected)) if is_past_limit(p) => return Some(Outcome::Over(End::heap_limit())),
                Some(Ok(Done::Collected)) => {}
            }
            let used = (all - units) / rate;
            *left -= used as i64;
            let cx = context(&mut p.vm);
            cx.reductions += used as u64;
            let is_past = is_past_limit(p);
            if !is_born && is_past {
                return Some(Outcome::Over(End::heap_limit()));
            }
            // What had to wait for this.
            if !p.is_busy()
                && let Some(end) = self.see_to_urgent(p)
            {
                return Some(Outcome::Over(end));
            }
        }
        self.leave(p)
    }
    /// Does what the process has asked for that its machine cannot do: an end, a checkpoint, a move. Nothing, if a signal
    /// has ended it, or its request, before. None: it goes on.
    fn leave(self: &Arc<Self>, p: &mut Process) -> Option<Outcome> {
        if matches!(context(&mut p.vm).leaving.as_deref(), Some(Leaving::Checkpoint(_) | Leaving::Migrate(_))) {
            rlua_machine::stdlib::io::flush_printed(&mut p.vm);
            // What has come belongs to it.
            let heap_bytes = p.vm.heap.bytes();
            context(&mut p.vm).poll(heap_bytes);
            if let Some(end) = self.see_to_urgent(p) {
                return Some(Outcome::Over(end));
            }
            if p.is_busy() {
                return Some(Outcome::Ready);
            }
        }
        let leaving = context(&mut p.vm).leaving.take().filter(|_| p.waiting.is_some())?;
        let (refused, state) = match *leaving {
            Leaving::Exit(reason) => {
                let normal = reason.is_string(b"normal");
                p.vm.enter_request();
                let last = p.vm.count().saturating_sub(1);
                let value = p.vm.arg(last);
                p.begin_end(reason, !normal, Some(value));
                return None;
            }
            Leaving::Checkpoint(path) => (self.checkpoint(p, &path).err(), crate::concurrent::CHECKPOINT_WRITTEN),
            Leaving::Migratable => (self.hindrance(p).err(), crate::concurrent::MIGRATABLE_KNOWN),
            Leaving::Migrate(node) => {
                context(&mut p.vm).refuse_order("it is moving already".to_string());
                return Some(Outcome::Moving(node));
            }
        };
        context(&mut p.vm).set_refused(refused);
        p.waiting = None;
        p.vm.continue_request(state);
        None
    }
    /// Reductions.
    fn reduce(self: &Arc<Self>, p: &mut Process, mut left: i64) -> Outcome {
        let freezing = self.config.stress.freeze.is_some();
        loop {
            let exit = p.vm.run(left);
            if p.vm.is_past_most() {
                return Outcome::Over(End::heap_limit());
            }
            let used = (left - p.vm.fuel_left()).max(0);
            left -= used;
            let cx = context(&mut p.vm);
            cx.reductions += used as u64;
            if let Some(e) = &mut cx.ending {
                e.budget = e.budget.saturating_sub(used as u64);
                if e.budget == 0 || cx.scheduler.clock.now() > e.deadline {
                    return Outcome::Over(self.over(p));
                }
            }
            match exit {
                Exit::Preempted => {
                    if let Some(end) = self.see_to_urgent(p) {
                        return Outcome::Over(end);
                    }
                    check_limit(p);
                    if p.is_busy() {
                        return Outcome::Ready;
                    }
                    if freezing {
                        self.freeze_and_thaw(p);
                    }
                    if left <= 0 {
                        p.notice_return();
                        rlua_machine::stdlib::io::flush_printed(&mut p.vm);
                        return Outcome::Ready;
                    }
                    if p.vm.stop_requested() {
                        return Outcome::Ready;
                    }
                }
                Exit::Finished | Exit::Failed if context(&mut p.vm).is_past_return() => {
                    let stage = context(&mut p.vm).ending.as_ref().map(|e| e.stage);
                    if stage == Some(Stage::Finalize) || !p.begin_finalizers() {
                        return Outcome::Over(self.over(p));
                    }
                }
                Exit::Finished if context(&mut p.vm).ending.is_none() && !p.vm.has_finalizers() => {
                    return Outcome::Over(self.returned(p));
                }
                Exit::Finished => {
                    if !p.begin_end(codec::Message::string(b"normal"), false, None) {
                        return Outcome::Over(self.over(p));
                    }
                }
                Exit::Failed => {
                    let error = p.vm.error_value();
                    self.report_error(p, error);
                    match codec::encode_message_within(&p.vm, error, MESSAGES.1) {
                        Ok(Some(reason)) => {
                            p.begin_end(reason, true, Some(error));
                        }
                        Ok(None) if let Ok(encoding) = codec::Encoding::new(&p.vm, error) => {
                            p.chore = Some(Box::new(Chore::Failed { error, encoding }));
                            return Outcome::Ready;
                        }
                        _ => {
                            let reason = reason_text(&mut p.vm, error);
                            p.begin_end(reason, true, Some(error));
                        }
                    }
                }
                Exit::Request(rlua_machine::stdlib::os::EXIT) => {
                    if !host(&mut p.vm).close {
                        let status = rlua_machine::stdlib::host::exit_status(&mut p.vm);
                        self.finish(status);
                        return Outcome::Ready;
                    }
                    p.vm.enter_request();
                    p.begin_end(codec::Message::string(b"normal"), false, Some(rlua_machine::value::Value::NIL));
                }
                Exit::Request(state) => {
                    p.waiting = Some(state);
                    // Most only wait.
                    let cx = context(&mut p.vm);
                    let is_more = !cx.urgent.is_empty() || cx.leaving.is_some() || cx.is_ordered() || cx.resume;
                    let wait = cx.wait;
                    if !is_more && !p.is_busy() && !freezing && !rlua_machine::stdlib::io::has_printed() {
                        return Outcome::Waiting(wait);
                    }
                    if let Some(end) = self.see_to_urgent(p) {
                        return Outcome::Over(end);
                    }
                    if p.is_busy() {
                        return Outcome::Ready;
                    }
                    // A signal may have ended it, or raised an error: then the request is gone, and what it wanted with it.
                    if let Some(outcome) = self.leave(p) {
                        return outcome;
                    }
                    if p.waiting.is_some() {
                        if freezing {
                            self.freeze_and_thaw(p);
                        }
                        // May take long, and what is waited for come meanwhile.
                        rlua_machine::stdlib::io::flush_printed(&mut p.vm);
                        if let Some(end) = self.see_to_urgent(p) {
                            return Outcome::Over(end);
                        }
                        if p.is_busy() {
                            return Outcome::Ready;
                        }
                        if p.waiting.is_some() {
                            if let Some(outcome) = self.move_as_ordered(p, true) {
                                return outcome;
                            }
                            let cx = context(&mut p.vm);
                            if !std::mem::take(&mut cx.resume) {
                                return Outcome::Waiting(cx.wait);
                            }
                            p.waiting = None;
                            p.vm.continue_request(state);
                        }
                    }
                    if left <= 0 {
                        return Outcome::Ready;
                    }
                }
            }
        }
    }
    /// Sees to what signals ask of the runner: the end of the process, if one of them ends it.
    pub(super) fn see_to_urgent(self: &Arc<Self>, p: &mut Process) -> Option<End> {
        if context(&mut p.vm).urgent.is_empty() {
            return None;
        }
        let mut urgent = context(&mut p.vm).urgent.take().into_iter();
        let mut kept = Vec::new();
        while let Some(effect) = urgent.next() {
            match effect {
                Effect::Kill { reason, limit } => {
                    // Its end sees to the others.
                    kept.extend(urgent);
                    context(&mut p.vm).urgent.put_first(kept);
                    return Some(End::kill(reason, limit));
                }
                Effect::Describe { to, id, status } => {
                    let info = p.describe(status);
                    self.route(to, Signal::Reply { id, answer: Answer::Info(Box::new(info)) });
                }
                Effect::Migratable { to, id } => {
                    let result = self.hindrance(p).map_err(|why| String::from_utf8_lossy(&why).into_owned());
                    self.route(to, Signal::Reply { id, answer: Answer::Done(result) });
                }
                Effect::Lost { to, id } => _ = self.route(to, Signal::Reply { id, answer: Answer::Lost }),
                Effect::Route(to, signal) => _ = self.route(to, signal),
                // Nothing changes in the machine meanwhile.
                e if p.is_busy() => kept.push(e),
                Effect::Exit(reason) => {
                    if context(&mut p.vm).ending.is_some() {
                        continue;
                    }
                    match codec::Decoding::new(&reason).filter(|_| reason.size() > QUICK_REASON) {
                        Some(decoding) => p.chore = Some(Box::new(Chore::Exit { reason, decoding })),
                        None => {
                            let value = codec::decode_reason(&mut p.vm, &reason);
                            p.begin_end(reason, true, Some(value));
                        }
                    }
                }
                Effect::Interrupt => {
                    if context(&mut p.vm).ending.is_some() {
                        continue;
                    }
                    let error = p.vm.heap.string(b"interrupted!");
                    // Nobody waits for what it has called any more.
                    context(&mut p.vm).act(|core, effects| core.give_up_current(effects));
                    if !p.vm.has_begun() {
                        crate::process::birth::start_with_error(&mut p.vm, error);
                    } else if p.waiting.take().is_some() {
                        context(&mut p.vm).end_wait();
                        p.vm.fail_request(error);
                    } else {
                        p.vm.raise_next(error);
                    }
                }
                Effect::Spawn(request) => self.begin_spawn(p, request),
                Effect::CheckLimit => check_limit(p),
                Effect::Deliver(_)
                | Effect::Resume
                | Effect::NameLost(_)
                | Effect::AskAgain
                | Effect::Order { .. }
                | Effect::OrderLate => unreachable!("the context has carried it out"),
            }
        }
        context(&mut p.vm).urgent.put_first(kept);
        None
    }
    /// Begins to make a process for another node: a child of this one, the root, but for its parent.
    fn begin_spawn(self: &Arc<Self>, p: &mut Process, request: Box<SpawnRequest>) {
        let vm = &mut p.vm;
        let body = match &request.name {
            None => Value::NIL,
            Some(name) => {
                let key = vm.heap.string(name);
                vm.globals().get(key)
            }
        };
        if let Some(name) = request.name.as_ref().filter(|_| !body.is_function()) {
            let why = [b"no global function '", &name[..], b"' there"].concat();
            let answer = Answer::NotSpawned(why.into());
            self.answer_spawn((request.over, request.parent, request.id), answer);
            return;
        }
        let capture = Box::new(codec::Capture::new(vm, body, codec::Arguments::new()));
        p.chore = Some(Box::new(Chore::Spawn { request, capture }));
    }
    /// Answers who has asked for a process, over the connection by which it did. False: that is over.
    pub(super) fn answer_spawn(&self, (over, parent, id): (Connection, Pid, u64), answer: Answer) -> bool {
        self.node.online().is_some_and(|online| online.answer_spawn(over, parent, id, answer))
    }
    /// Makes it, of what it begins with.
    fn spawn_with(self: &Arc<Self>, request: SpawnRequest, snapshot: codec::Snapshot) {
        let SpawnRequest { parent, id, over, link, monitor, arguments, .. } = request;
        let pid = self.new_pid();
        let mut birth = Birth::with_arguments(snapshot, arguments);
        birth.is_linked = link;
        birth.watched_under = monitor;
        // The parent finds it as soon as it knows of it, and knows of it before anything that it does.
        let slot = self.insert_child(pid, parent, birth);
        if !self.answer_spawn((over, parent, id), Answer::Spawned(pid)) {
            // Who cannot be told believes that there is none.
            self.route(pid, Signal::Kill { reason: codec::Message::string(b"noconnection"), limit: false });
        }
        self.begin(slot);
    }
    /// Handles the signals of a process that is in a call of the system.
    fn handle_for_blocked(self: &Arc<Self>, slot: Arc<Slot>, mut cx: Box<Context>, signals: &mut Vec<Signal>) {
        let bytes = slot.published.bytes.load(Ordering::Relaxed).saturating_sub(cx.held_bytes());
        cx.handle(signals);
        cx.keep_unhandled(signals);
        let mut urgent = cx.urgent.take().into_iter();
        let mut kept = Vec::new();
        while let Some(effect) = urgent.next() {
            match effect {
                Effect::Kill { reason, limit } => {
                    kept.extend(urgent);
                    cx.urgent.put_first(kept);
                    self.abandon_call();
                    // Its slice of a `step` ends here, whenever the call does.
                    let stepping = std::mem::take(&mut slot.lock().inbox.stepping);
                    self.end_context(slot, cx, End::kill(reason, limit));
                    if stepping {
                        self.stepped();
                    }
                    return;
                }
                Effect::Describe { to, id, status } => {
                    let info = cx.describe(status, bytes);
                    self.route(to, Signal::Reply { id, answer: Answer::Info(Box::new(info)) });
                }
                Effect::Migratable { to, id } => {
                    let result = Err(format!("cannot migrate {}: {}", slot.pid, order::IN_CALL));
                    self.route(to, Signal::Reply { id, answer: Answer::Done(result) });
                }
                // Seen to when the call is over: Lua may have to run.
                e => kept.push(e),
            }
        }
        cx.urgent.put_first(kept);
        let mut s = slot.lock();
        s.instead = Instead::Context(cx);
        let more = s.inbox.blocked_handled();
        drop(s);
        if more {
            self.enqueue(slot);
        }
    }
}

/// Puts a process back into its slot, and does with the inbox what its slice has ended with: true, if it rests now. Something:
/// what is to be done besides, since it does not rest or has grown (`bytes`, besides its inbox).
#[inline]
fn put_back(
    slot: &Arc<Slot>,
    process: Box<Process>,
    bytes: Option<usize>,
    rests: impl FnOnce(&mut Inbox) -> bool,
) -> Option<(Arc<Slot>, bool, Option<Grown>)> {
    let mut s = slot.lock();
    s.process = Some(process);
    let rests = rests(&mut s.inbox);
    let inbox_bytes = s.inbox.bytes();
    let grown = bytes.and_then(|bytes| s.inbox.account.note(bytes + inbox_bytes));
    drop(s);
    (!rests || grown.is_some()).then(|| (slot.clone(), rests, grown))
}
/// Whether heap and mailbox are past the option `maxheap`.
fn is_past_limit(p: &mut Process) -> bool {
    let limit = context(&mut p.vm).limit_bytes();
    p.vm.heap.set_most(limit);
    limit > 0 && p.vm.heap.bytes() + context(&mut p.vm).held_bytes() > limit
}
/// If they are, a collection may help.
fn check_limit(p: &mut Process) {
    if is_past_limit(p) && p.chore.is_none() {
        p.chore = Some(Box::new(Chore::Collect(p.vm.begin_collection())));
    }
}
