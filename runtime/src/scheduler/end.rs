//! The node's part of an end: names, monitors, links, and then nobody reaches the process any more.
//!
//! Journey: exit signal: process -> **names, monitors, links** -> freed. Lua's part is over or left out (process/exit.rs).
//! Whatever has to be told is told in pieces, as is the heap freed: a process with a million watchers, or objects, holds
//! up its worker no longer than any other slice.
//!
//! Always: whoever wants an answer of it (whether it lives; a link, a monitor) gets it when all others have been told.

use super::Scheduler;
use crate::codec::Message;
use crate::process::Process;
use crate::process::account::Grown;
use crate::process::context::{Context, context, detached};
use crate::process::core::{Effect, Farewell};
use crate::process::inbox::take_questions;
use crate::process::mailbox::Mailbox;
use crate::process::signal::{Answer, Question, Signal, Wake};
use crate::process::slot::{Instead, Slot};
use rlua_machine::value::Value;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Names and signals of a piece.
const PIECE: usize = 500;
/// Objects, and messages, that are freed in a piece.
const FREED: usize = 5000;

/// How a process ends.
pub(crate) struct End {
    /// What others are told.
    pub reason: Message,
    /// Whether links are signalled.
    pub abnormal: bool,
    /// What the program ends with, if it ends with this process; a root that was killed: 1.
    pub status: Option<i32>,
    /// A limit has ended it, which is reported.
    pub limit: bool,
}

impl End {
    /// An end in which no Lua runs: with the reason `'normal'` it takes nobody along.
    pub(super) fn kill(reason: Message, limit: bool) -> End {
        End { abnormal: !reason.is_string(b"normal"), reason, status: None, limit }
    }
    /// The end of a process that takes more than it may.
    pub(super) fn heap_limit() -> End {
        End::kill(Message::string(b"heaplimit"), true)
    }
}

/// What is left to be told of an end, and to be freed.
pub(crate) struct Telling {
    farewell: Farewell,
    reason: Message,
    abnormal: bool,
    questions: Vec<Signal>,
    process: Option<Box<Process>>,
    mailbox: Mailbox,
    status: Option<i32>,
}

impl Telling {
    /// Frees a piece of what is left of the process; true if nothing is left.
    fn release(&mut self) -> bool {
        self.mailbox.release(FREED) && self.process.as_mut().is_none_or(|p| p.release(FREED))
    }
}

impl Scheduler {
    /// What the process's own end comes to whose body has returned, if no Lua is left to run.
    pub(super) fn returned(&self, p: &mut Process) -> End {
        let asked = rlua_machine::stdlib::host::asked_status(&mut p.vm);
        let status = if context(&mut p.vm).slot.is_root { Some(asked.unwrap_or(0)) } else { asked };
        End { reason: Message::string(b"normal"), abnormal: false, status, limit: false }
    }
    /// What the process's own end comes to, when Lua's part is over.
    pub(super) fn over(self: &Arc<Self>, p: &mut Process) -> End {
        // What `os.exit` asked for, if it began this end.
        let asked = rlua_machine::stdlib::host::asked_status(&mut p.vm);
        let is_root = context(&mut p.vm).slot.is_root;
        let e = context(&mut p.vm).ending.take().expect("the process is ending");
        let status = if is_root { Some(asked.unwrap_or(e.abnormal as i32)) } else { asked };
        End { reason: e.reason, abnormal: e.abnormal, status, limit: false }
    }
    /// Ends a process.
    pub(super) fn end(self: &Arc<Self>, slot: Arc<Slot>, mut process: Option<Box<Process>>, end: End) {
        let cx = process.as_mut().and_then(|p| p.vm.attached.take());
        let Some(cx) = cx.and_then(detached) else { unreachable!("a process has a context") };
        self.end_with(slot, cx, process, end);
    }
    /// Ends a process of which there is only the context at hand.
    pub(super) fn end_context(self: &Arc<Self>, slot: Arc<Slot>, cx: Box<Context>, end: End) {
        self.end_with(slot, cx, None, end);
    }
    fn end_with(self: &Arc<Self>, slot: Arc<Slot>, mut cx: Box<Context>, process: Option<Box<Process>>, end: End) {
        if end.limit {
            self.report_limit(&cx, &end.reason);
        }
        cx.trace("ended:", None, Some(&end.reason));
        self.tell_history(|h, at| h.ends(at, slot.pid, &end.reason, self.natives));
        let mut left = cx.take_unhandled();
        cx.end_wait();
        cx.core.ending = true;
        let mut s = slot.lock();
        if left.is_empty() && is_quiet(&slot, &mut cx, process.as_deref(), &end) && s.inbox.end_at_once() {
            let freed = s.inbox.account.close();
            drop(s);
            return self.strike_off(&slot, freed);
        }
        left.append(&mut s.inbox.end());
        drop(s);
        if (cx.watches_nodes || cx.epoch() > 0)
            && let Some(online) = self.node.online()
        {
            online.forget_watcher(slot.pid);
        }
        let mut questions = take_questions(&mut left);
        if let Some(order) = cx.core.order.take() {
            let (from, id) = order.asker;
            questions.push(Signal::Ask { from, id, question: Question::Migrate(order.node) });
        }
        // Most have nothing left to be handled.
        if !left.is_empty() || !cx.urgent.is_empty() {
            cx.handle(&mut left);
            self.answer_unseen(&mut cx, &mut questions);
        }
        let farewell = cx.core.farewell();
        let status = end.status.or(slot.is_root.then_some(1));
        if slot.is_root && !cx.reported {
            self.report_root(&end);
        }
        let mailbox = std::mem::take(&mut cx.mailbox);
        drop(cx);
        let telling =
            Telling { farewell, reason: end.reason, abnormal: end.abnormal, questions, process, mailbox, status };
        self.go_on_telling(slot, telling);
    }
    /// What the process would have answered at the end of the slice in which it has ended.
    fn answer_unseen(&self, cx: &mut Context, questions: &mut Vec<Signal>) {
        for effect in cx.urgent.take() {
            match effect {
                Effect::Describe { to: from, id, .. }
                | Effect::Migratable { to: from, id }
                | Effect::Lost { to: from, id } => questions.push(Signal::Ask { from, id, question: Question::Alive }),
                Effect::Route(to, signal) => _ = cx.scheduler.route(to, signal),
                Effect::Spawn(request) => {
                    let whom = (request.over, request.parent, request.id);
                    self.answer_spawn(whom, Answer::NotSpawned(b"the node is ending"[..].into()));
                }
                // These want something of it alone.
                _ => {}
            }
        }
    }
    /// Tells a piece of what is left to be told, then frees a piece of the heap.
    pub(super) fn go_on_telling(self: &Arc<Self>, slot: Arc<Slot>, mut t: Telling) {
        let mut left = PIECE;
        while left > 0
            && let Some(name) = t.farewell.next_name()
        {
            self.free_name(&name, slot.pid);
            left -= 1;
        }
        while left > 0
            && let Some((to, signal)) = t.farewell.next_signal(slot.pid, &t.reason, t.abnormal)
        {
            self.route(to, signal);
            left -= 1;
        }
        let is_over = t.farewell.is_over() && t.release();
        if !is_over {
            slot.lock().instead = Instead::Telling(Box::new(t));
            return self.enqueue(slot);
        }
        self.bury(slot, t);
    }
    fn bury(self: &Arc<Self>, slot: Arc<Slot>, t: Telling) {
        // Who has tied itself to it meanwhile is told before anybody can know that it is dead; who asks whether it is, after
        // that.
        let mut questions = t.questions;
        let freed = loop {
            let mut s = slot.lock();
            let Some(first) = s.inbox.bury(slot.pid, &mut questions) else {
                break s.inbox.account.close();
            };
            drop(s);
            for (to, answer) in first {
                self.route(to, answer);
            }
        };
        self.strike_off(&slot, freed);
        for (to, answer) in questions.into_iter().filter_map(|s| s.bounce(slot.pid)) {
            self.route(to, answer);
        }
        drop(t.process);
        if let Some(status) = t.status {
            if slot.is_root {
                self.warn_never_entered();
            }
            self.finish(status);
        }
    }
    /// Nobody finds one that is dead any more.
    fn strike_off(self: &Arc<Self>, slot: &Arc<Slot>, freed: Option<Grown>) {
        if self.table.remove_guest(slot.pid) {
            self.guest_ended(slot.pid);
        } else {
            self.table.remove(slot.pid);
        }
        if let Some(freed) = freed {
            self.memory.note(slot, freed);
        }
        // Who is told that it is dead finds nothing of it in `loop` either.
        if !slot.is_root
            && self.live.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(root) = self.root()
        {
            self.route(root, Signal::Wake(Wake::Loop));
        }
    }
    /// The main chunk ended with spawned processes that never ran.
    fn warn_never_entered(&self) {
        let held = self.held();
        if !self.gate.is_open() && held > 0 {
            report!(
                "rlua-actor: {held} spawned processes never ran: the main chunk ended without calling concurrent.loop()"
            );
        }
    }

    // Reports on standard error.

    /// An uncaught error.
    pub(super) fn report_error(&self, p: &mut Process, error: Value) {
        let text = p.vm.report_text(error);
        rlua_machine::stdlib::host::flush(&mut p.vm);
        let cx = context(&mut p.vm);
        cx.reported = true;
        let who = if cx.slot.is_root { Vec::new() } else { [b"process ", &who(cx)[..], b" died: "].concat() };
        report_bytes(&[b"rlua-actor: ", &who, &text]);
    }
    fn report_limit(&self, cx: &Context, limit: &Message) {
        let reason = limit.text().unwrap_or_default();
        report_bytes(&[b"rlua-actor: process ", &who(cx), b" died: ", &reason]);
    }
    /// The root was ended by something that has not been told yet.
    fn report_root(&self, end: &End) {
        if end.abnormal && !end.limit {
            let reason = end.reason.text().unwrap_or_else(|| b"a value that is no text".to_vec());
            report_bytes(&[b"rlua-actor: the root process ended: ", &reason]);
        }
    }
}

/// A process's pid and names.
fn who(cx: &Context) -> Vec<u8> {
    let mut text = cx.pid().to_string().into_bytes();
    let names = cx.core.names();
    if !names.is_empty() {
        text.extend_from_slice(b" (");
        let names: Vec<&[u8]> = names.iter().map(|n| &**n).collect();
        text.extend_from_slice(&names.join(&b", "[..]));
        text.push(b')');
    }
    text
}

/// A line of these parts on standard error. One that is closed is no reason to fail.
fn report_bytes(parts: &[&[u8]]) {
    use std::io::Write;
    let mut line = parts.concat();
    line.push(b'\n');
    // Nobody is left to be told.
    let _ = std::io::stderr().write_all(&line);
}

/// Whether an end is of no concern to anybody, and what is to be freed is little: so most are.
fn is_quiet(slot: &Slot, cx: &mut Context, process: Option<&Process>, end: &End) -> bool {
    const LITTLE: usize = 64 * 1024;
    let is_born = |p: &Process| p.birth.is_none() && p.vm.heap.bytes() <= LITTLE;
    let is_little = process.is_some_and(is_born) && cx.mailbox.bytes() <= LITTLE;
    let is_known = slot.is_root || end.status.is_some() || cx.watches_nodes || cx.epoch() > 0;
    is_little && !is_known && cx.urgent.is_empty() && cx.core.is_alone()
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Scheduler};
    use super::*;
    use crate::process::signal::Status;
    use rlua_machine::value::Pid;

    /// Signals come one by one while a slice is under way, at the end of which the process ends; what is answered.
    /// Questions are those of the process that is given. `looks`: they are seen to before the end.
    fn answers(looks: bool, signals: impl FnOnce(Pid) -> Vec<Signal>) -> Vec<Answer> {
        let scheduler = Scheduler::new(Config::default(), crate::concurrent::find_native);
        let (asker, cx) = scheduler.new_process(None);
        scheduler.insert(&asker, Process::new(None, cx, None));
        let (slot, cx) = scheduler.new_process(Some(asker.pid));
        scheduler.insert(&slot, Process::new(None, cx, None));
        let mut s = slot.lock();
        slot.begin_slice(&mut s, &mut Vec::new());
        let mut p = s.process.take().expect("nobody runs it");
        drop(s);
        for signal in signals(asker.pid) {
            slot.deliver(signal);
            context(&mut p.vm).poll(0);
        }
        let killed = if looks { scheduler.see_to_urgent(&mut p) } else { None };
        scheduler.end(slot, Some(p), killed.unwrap_or(End::kill(Message::string(b"normal"), false)));
        let mut told = Vec::new();
        asker.take_signals(&mut told);
        told.into_iter()
            .filter_map(|s| if let Signal::Reply { answer, .. } = s { Some(answer) } else { None })
            .collect()
    }
    #[test]
    fn who_asks_in_the_slice_of_a_kill_is_answered() {
        let kill = || Signal::Kill { reason: Message::string(b"killed"), limit: false };
        let ask = |from, question| Signal::Ask { from, id: 1, question };
        let all = [Question::Alive, Question::Info(Status::Running), Question::Again];
        for question in all {
            let before = answers(true, |from| vec![ask(from, question.clone()), kill()]);
            assert_eq!(before.len(), 1, "{question:?} before the kill: {before:?}");
            let after = answers(true, |from| vec![kill(), ask(from, question.clone())]);
            assert!(matches!(after[..], [Answer::Dead]), "{question:?} after the kill: {after:?}");
        }
    }
    #[test]
    fn who_asks_in_the_last_slice_is_answered() {
        let ask = |from, question| Signal::Ask { from, id: 1, question };
        let info = Question::Info(Status::Running);
        let told = answers(false, |from| vec![ask(from, info)]);
        assert_eq!(told.len(), 1, "{told:?}");
    }
}
