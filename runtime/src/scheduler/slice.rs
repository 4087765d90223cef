//! One slice of a process: signals first, then reductions, then what its end or its wait asks for.
//!
//! Journey: signal -> process. A slice begins with the signals that have arrived, in order; requests of natives
//! (concurrent/) are answered within the slice; it ends when the reductions are used, the process waits, or it is over.

use super::Scheduler;
use crate::codec;
use crate::concurrent::{self, Answer};
use crate::process::exit::Stage;
use crate::process::signal::Signal;
use crate::process::{Process, Slot, Status, Wait};
use rlua_machine::report;
use rlua_machine::value::{Pid, Value};
use rlua_machine::vm::Exit;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What a slice ends with.
enum Outcome {
    /// To the end of the queue.
    Ready,
    /// Waits; the slot's status says for what.
    Waiting,
    /// Over.
    Over,
}

impl Scheduler {
    pub(super) fn run_slice(self: &Arc<Self>, slot: Arc<Slot>) {
        let taken = slot.process.lock().unwrap_or_else(|e| e.into_inner()).take();
        let Some(mut process) = taken else { unreachable!("a ready process is in its slot") };
        slot.lock().status = Status::Running;
        // A bug of ours ends the process, not the node.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.slice(&mut process)));
        slot.lock().reductions = process.reductions;
        if matches!(outcome, Ok(Outcome::Ready | Outcome::Waiting)) {
            self.note_heap(&slot, process.vm.heap.bytes());
        }
        match outcome {
            Ok(Outcome::Ready) => {
                *slot.process.lock().unwrap_or_else(|e| e.into_inner()) = Some(process);
                slot.lock().status = Status::Ready;
                self.slice_over(&slot, true);
            }
            Ok(Outcome::Waiting) => {
                // The wait began under the slot's lock; what has arrived since must not be missed.
                let wait = process.waits_for();
                *slot.process.lock().unwrap_or_else(|e| e.into_inner()) = Some(process);
                let mut s = slot.lock();
                let arrived = match wait {
                    Wait::Message => !s.inbox.is_empty(),
                    _ => s.inbox.iter().any(|signal| !signal.is_message()),
                };
                let ready = arrived || s.timed_out || self.loop_is_over(&slot, wait);
                s.status = if ready { Status::Ready } else { Status::Waiting(wait) };
                drop(s);
                self.slice_over(&slot, ready);
            }
            Ok(Outcome::Over) => self.slice_over(&slot, false),
            Err(_) => {
                report!("rlua-actor: process {} was ended by an internal error", slot.pid);
                let reason = codec::Message::string(b"internal error");
                // Its heap may be in any state: it is left as it is.
                std::mem::forget(process);
                self.end(&slot, reason, true);
                if slot.is_root {
                    self.finish(1);
                }
                self.slice_over(&slot, false);
            }
        }
    }
    /// Whether what `loop` waits for has happened already.
    fn loop_is_over(&self, slot: &Slot, wait: Wait) -> bool {
        match wait {
            Wait::Loop => self.live.load(Ordering::Acquire) == 0 || self.interrupted.load(Ordering::Acquire),
            Wait::Step => slot.is_root && self.step_is_over(),
            _ => false,
        }
    }
    fn step_is_over(&self) -> bool {
        let q = self.lock();
        q.stepping == 0
    }
    fn slice(self: &Arc<Self>, p: &mut Process) -> Outcome {
        if p.birth.is_some() {
            concurrent::spawn::be_born(p);
        }
        if let Some(outcome) = self.handle_signals(p) {
            return outcome;
        }
        let mut left = self.config.slice;
        let freezing = self.config.stress.freeze.is_some();
        // What it waited for may have come.
        if let Some(request) = p.pending.take() {
            p.vm.enter_request();
            if let Some(outcome) = self.answer(p, request) {
                return outcome;
            }
        }
        loop {
            let exit = p.vm.run(left);
            let used = left - p.vm.fuel_left();
            p.reductions += used.max(0) as u64;
            left -= used;
            if let Some(e) = &mut p.ending {
                e.budget = e.budget.saturating_sub(used.max(0) as u64);
                if e.budget == 0 {
                    return self.over(p);
                }
            }
            match exit {
                Exit::Preempted => {
                    if let Some(outcome) = self.check_limits(p) {
                        return outcome;
                    }
                    if freezing {
                        self.freeze_and_thaw(p);
                    }
                    if left <= 0 {
                        rlua_machine::stdlib::io::flush_printed(&mut p.vm);
                        return Outcome::Ready;
                    }
                    if p.vm.stop_requested() {
                        return Outcome::Ready;
                    }
                }
                Exit::Finished | Exit::Failed if p.ending.is_some() => {
                    let finalizing = p.ending.as_ref().is_some_and(|e| e.stage == Stage::Finalize);
                    if finalizing || !p.begin_finalizers() {
                        return self.over(p);
                    }
                }
                Exit::Finished => {
                    if !p.begin_end(codec::Message::string(b"normal"), false, None) {
                        return self.over(p);
                    }
                }
                Exit::Failed => {
                    let error = p.vm.error_value();
                    self.report(p, error);
                    let reason = p.encode_reason(error);
                    p.begin_end(reason, true, Some(error));
                }
                Exit::Request(request) => {
                    p.vm.enter_request();
                    if let Some(outcome) = self.answer(p, request) {
                        return outcome;
                    }
                    if freezing {
                        self.freeze_and_thaw(p);
                    }
                    if left <= 0 {
                        return Outcome::Ready;
                    }
                }
            }
        }
    }
    /// Answers a native's request; an outcome if the slice is over.
    fn answer(self: &Arc<Self>, p: &mut Process, request: u32) -> Option<Outcome> {
        match concurrent::answer(self, p, request) {
            Answer::Go => None,
            Answer::Wait => {
                p.pending = Some(request);
                rlua_machine::stdlib::io::flush_printed(&mut p.vm);
                if self.config.stress.freeze.is_some() {
                    self.freeze_and_thaw(p);
                }
                Some(Outcome::Waiting)
            }
            Answer::Later => Some(Outcome::Ready),
            Answer::Exit(reason, value) => {
                let normal = reason.is_string(b"normal");
                p.begin_end(reason, !normal, Some(value));
                None
            }
            Answer::Program(status) => {
                self.finish(status);
                Some(Outcome::Over)
            }
        }
    }
    /// Handles the signals that have arrived; an outcome if they end the process.
    fn handle_signals(self: &Arc<Self>, p: &mut Process) -> Option<Outcome> {
        let signals: VecDeque<Signal> = std::mem::take(&mut p.slot.lock().inbox);
        for signal in signals {
            match signal {
                Signal::Message(m) => p.deliver(m),
                Signal::Down { from, reason } => {
                    let mut s = p.slot.lock();
                    match s.watching.iter().position(|&w| w == from) {
                        Some(i) => {
                            s.watching.swap_remove(i);
                        }
                        None => {
                            s.messages -= 1;
                            continue;
                        }
                    }
                    drop(s);
                    p.deliver(codec::Message::system(b"DOWN", from, reason));
                }
                Signal::Exit { from, reason } => {
                    let mut s = p.slot.lock();
                    if let Some(i) = s.links.iter().position(|&l| l == from) {
                        s.links.swap_remove(i);
                    }
                    drop(s);
                    if p.ending.is_some() {
                        continue;
                    }
                    if concurrent::option_flag(self, p, "trapexit") {
                        p.slot.lock().messages += 1;
                        p.deliver(codec::Message::system(b"EXIT", from, reason));
                    } else {
                        let value = codec::decode_message(&mut p.vm, &reason);
                        p.begin_end(reason, true, Some(value));
                    }
                }
                Signal::Interrupt => {
                    if p.ending.is_some() {
                        continue;
                    }
                    let error = p.vm.heap.string(b"interrupted!");
                    if p.pending.take().is_some() {
                        concurrent::message::end_wait(p);
                        p.vm.fail_request(error);
                    } else {
                        p.vm.raise_next(error);
                    }
                }
                Signal::Kill { reason } => {
                    for limit in ["mailboxlimit", "heaplimit"] {
                        if reason.is_string(limit.as_bytes()) {
                            self.report_limit(p, limit);
                        }
                    }
                    return Some(self.kill(p, reason));
                }
            }
        }
        None
    }
    /// Ends a process without running Lua.
    fn kill(self: &Arc<Self>, p: &mut Process, reason: codec::Message) -> Outcome {
        let slot = p.slot.clone();
        self.end(&slot, reason, true);
        if slot.is_root {
            self.finish(1);
        }
        Outcome::Over
    }
    /// The end of an end.
    fn over(self: &Arc<Self>, p: &mut Process) -> Outcome {
        let e = p.ending.take().expect("the process is ending");
        // What `os.exit` asked for, if it began this end.
        let asked = rlua_machine::stdlib::host::host(&mut p.vm).exit;
        let slot = p.slot.clone();
        self.end(&slot, e.reason, e.abnormal);
        if slot.is_root {
            self.warn_never_entered();
            self.finish(asked.unwrap_or(e.abnormal as i32));
        } else if let Some(status) = asked {
            self.finish(status);
        }
        Outcome::Over
    }
    /// The main chunk ended with spawned processes that never ran.
    fn warn_never_entered(&self) {
        let q = self.lock();
        if q.gate == super::Gate::Closed && !q.held.is_empty() {
            report!(
                "rlua-actor: {} spawned processes never ran: the main chunk ended without calling concurrent.loop()",
                q.held.len()
            );
        }
    }
    /// The node's part of an end: monitors, links, names, and then nobody reaches it any more.
    fn end(self: &Arc<Self>, slot: &Arc<Slot>, reason: codec::Message, abnormal: bool) {
        let telling = slot.telling.lock().unwrap_or_else(|e| e.into_inner());
        // From here on nobody can link, watch, name or reach it.
        let (links, watchers, watching, names) = {
            let mut s = slot.lock();
            if s.status == Status::Dead {
                return;
            }
            s.status = Status::Dead;
            s.inbox.clear();
            (
                std::mem::take(&mut s.links),
                std::mem::take(&mut s.watchers),
                std::mem::take(&mut s.watching),
                std::mem::take(&mut s.names),
            )
        };
        for name in &names {
            self.names.remove_of(name, slot.pid);
        }
        self.tell(slot.pid, &links, &watchers, &reason, abnormal);
        for watched in watching {
            if let Some(w) = self.find(watched) {
                let mut s = w.lock();
                if let Some(i) = s.watchers.iter().position(|&p| p == slot.pid) {
                    s.watchers.swap_remove(i);
                }
            }
        }
        drop(telling);
        self.forget(slot);
        if !slot.is_root
            && self.live.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(root) = self.root()
        {
            self.wake_from(&root, Wait::Loop);
        }
    }
    fn tell(&self, from: Pid, links: &[Pid], watchers: &[Pid], reason: &codec::Message, abnormal: bool) {
        for &watcher in watchers {
            if let Some(w) = self.find(watcher) {
                self.signal(&w, Signal::Down { from, reason: reason.clone() });
            }
        }
        for &link in links {
            if let Some(l) = self.find(link) {
                if abnormal {
                    self.signal(&l, Signal::Exit { from, reason: reason.clone() });
                } else {
                    let mut s = l.lock();
                    if let Some(i) = s.links.iter().position(|&p| p == from) {
                        s.links.swap_remove(i);
                    }
                }
            }
        }
    }
    /// Limits of heap bytes.
    fn check_limits(self: &Arc<Self>, p: &mut Process) -> Option<Outcome> {
        let limit = concurrent::option_number(self, p, "maxheap");
        if limit > 0.0 && p.vm.heap.bytes() as f64 > limit {
            p.vm.collect_now();
            if p.vm.heap.bytes() as f64 > limit {
                self.report_limit(p, "heaplimit");
                return Some(self.kill(p, codec::Message::string(b"heaplimit")));
            }
        }
        None
    }
    /// An uncaught error on standard error.
    fn report(&self, p: &mut Process, error: Value) {
        let text = p.vm.shown_text(error);
        let text = p.vm.traceback(None, Some(&text), 0);
        let text = String::from_utf8_lossy(&text).into_owned();
        self.flush_output(p);
        if p.slot.is_root {
            report!("rlua-actor: {text}");
        } else {
            report!("rlua-actor: process {}{} died: {text}", p.slot.pid, self.names_text(p));
        }
    }
    fn report_limit(&self, p: &mut Process, limit: &str) {
        self.flush_output(p);
        report!("rlua-actor: process {}{} died: {limit}", p.slot.pid, self.names_text(p));
    }
    fn names_text(&self, p: &Process) -> String {
        let names: Vec<String> = p.slot.lock().names.iter().map(|n| String::from_utf8_lossy(n).into_owned()).collect();
        if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
    }
    fn flush_output(&self, p: &mut Process) {
        rlua_machine::stdlib::host::flush(&mut p.vm);
    }
    /// The freeze mode: the process goes on in a fresh heap made from its frozen bytes.
    fn freeze_and_thaw(&self, p: &mut Process) {
        let Some(budget) = self.config.stress.freeze else { return };
        let n = p.reductions;
        let spent = self.frozen_bytes.load(Ordering::Relaxed);
        if n > budget.first && budget.every == 0 {
            // Past the first ones: at growing distances, further apart as the budget is used up.
            let step = 1 + n / 64 + if spent > budget.bytes { n * (spent / budget.bytes.max(1)) } else { 0 };
            if !n.is_multiple_of(step) {
                return;
            }
        }
        let bytes = match codec::freeze(&mut p.vm) {
            Ok(bytes) => bytes,
            // Nothing is left of it that could be frozen.
            Err(codec::FreezeError::Ended) => return,
            Err(e) => panic!("freeze mode: {e}"),
        };
        self.frozen_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let host = std::mem::replace(&mut p.vm.host, Box::new(()));
        match codec::thaw(&bytes, host, p.vm.natives, &p.vm.heap.modules().to_vec()) {
            Ok(mut vm) => {
                self.config.set_up(&mut vm);
                p.vm = vm;
            }
            Err(e) => panic!("freeze mode: {e}"),
        }
    }
}

impl Process {
    /// What its pending request waits for.
    fn waits_for(&self) -> Wait {
        concurrent::wait_of(self.pending.expect("a waiting process has a request"))
    }
}
