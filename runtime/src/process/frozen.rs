//! A process to its frozen form, and back.
//!
//! Journey: a stopped process -> **record and machine** -> bytes (migration/frozen.rs), and back to a process that goes on
//! where the other stopped. The deadlines in its natives' registers go by the process's own clock, which is set to the time
//! at which the frozen one stood.
//!
//! Always: freezing changes nothing that the process could notice, so that it goes on if the bytes come to nothing.

use super::Process;
use super::context::{Context, Wait, context};
use super::core::Core;
use super::exit::{Ending, Stage};
use super::mailbox::Mailbox;
use super::options::Setting;
use super::slot::Slot;
use crate::codec::{self, ModuleSource};
use crate::migration::frozen::{Choice, EndingRecord, Fault, Read, Record};
use crate::node::signal::Bytes;
use crate::scheduler::Scheduler;
use rlua_machine::stdlib::host::Host;
use rlua_machine::value::Pid;
use rlua_machine::vm::load::Module;
use rlua_machine::vm::{Exit, Left};
use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// The stages of an end by their numbers.
const STAGES: [Stage; 3] = [Stage::Return, Stage::Close, Stage::Finalize];

impl Process {
    /// The whole process as bytes, code included; or why not, as in `cannot freeze <0.17>: upvalue 'log' holds an open file`.
    /// It stays as it is. What it has not handled yet (signals, an answer) is not in them: whoever calls has seen to it.
    pub fn freeze(&mut self) -> Result<Vec<u8>, Vec<u8>> {
        self.be_born();
        if let Some(what) = codec::held_outside(&mut self.vm) {
            return Err(what);
        }
        let machine = codec::freeze(&mut self.vm).map_err(|e| e.to_string().into_bytes())?;
        let mut modules: HashMap<[u8; 32], Arc<Module>> = HashMap::new();
        let mut portable = |m: &codec::Message| {
            let m = m.to_portable();
            modules.extend(m.modules.into_iter().map(|m| (*m.hash(), m)));
            Bytes(m.bytes)
        };
        let cx = context(&mut self.vm);
        let runtime_now = cx.scheduler.clock.now();
        let stage_number = |stage| STAGES.iter().position(|s| *s == stage).unwrap_or(0) as u8;
        let ending = cx.ending.as_ref().map(|e| EndingRecord {
            reason: portable(&e.reason),
            abnormal: e.abnormal,
            stage: stage_number(e.stage),
            budget: e.budget,
            remaining: e.deadline.saturating_sub(runtime_now),
        });
        let is_root = cx.slot.is_root;
        // The root's are the program's.
        let options = if is_root { cx.scheduler.chosen_options() } else { cx.options.all().to_vec() };
        let choice = |setting| match setting {
            Setting::Flag(b) => Choice::Flag(b),
            Setting::Number(n) => Choice::Number(n),
        };
        let mut record = Record {
            pid: cx.pid(),
            parent: cx.slot.parent,
            is_root,
            gate_was_open: cx.scheduler.gate_is_open(),
            now: cx.now(),
            reductions: cx.reductions,
            options: options.into_iter().map(|(key, setting)| (key, choice(setting))).collect(),
            links: Vec::new(),
            watchers: Vec::new(),
            watched: Vec::new(),
            names: Vec::new(),
            last_id: 0,
            waiting: None,
            remaining: cx.timer_at().map(|at| at.saturating_sub(runtime_now)),
            asked: cx.asked(),
            spawning: None,
            progress: cx.progress_number(),
            ending,
            reported: cx.reported,
            messages: cx.mailbox.all().map(|(n, m)| (*n, portable(m))).collect(),
            next_message: cx.mailbox.next_number(),
        };
        cx.core.freeze(&mut record, cx.wait == Wait::Message);
        let mut modules: Vec<Arc<Module>> = modules.into_values().collect();
        modules.sort_unstable_by_key(|m| *m.hash());
        Ok(record.write(&modules, &machine))
    }
    /// The process of these bytes, of which nothing is believed; with `renamed` it is one of another pid. It has no slot in
    /// any table yet.
    pub fn thaw(
        bytes: &[u8],
        known: &dyn ModuleSource,
        scheduler: &Arc<Scheduler>,
        host: Box<Host>,
        renamed: Option<Pid>,
        is_root: bool,
    ) -> Result<Thawed, Fault> {
        let Read { record, old, messages, reason, machine, .. } = Read::new(bytes, known, renamed)?;
        let vm = codec::thaw_renamed(machine, host, scheduler.natives, known, renamed.map(|new| (old, new)));
        let mut vm = vm.map_err(|e| Fault::Machine(e.to_string()))?;
        scheduler.config.set_up(&mut vm);
        let slot = Slot::new(record.pid, record.parent, is_root);
        let mut cx = Context::new(scheduler.clone(), slot.clone());
        cx.core = Core::thaw(&record);
        cx.mailbox = Mailbox::from_all(messages, record.next_message);
        for (key, choice) in &record.options {
            let setting = match choice {
                Choice::Flag(b) => Setting::Flag(*b),
                Choice::Number(n) => Setting::Number(*n),
            };
            if is_root {
                scheduler.options.write().unwrap_or_else(|e| e.into_inner()).set(*key as usize, setting);
            } else {
                cx.options.set(*key as usize, setting);
            }
        }
        cx.reductions = record.reductions;
        cx.reported = record.reported;
        cx.wait = if record.waiting.is_some_and(|w| w.2) { Wait::Message } else { Wait::Signal };
        cx.go_on(record.now, record.asked, record.progress, record.remaining);
        let runtime_now = scheduler.clock.now();
        cx.ending = record.ending.as_ref().zip(reason).map(|(e, reason)| Ending {
            reason,
            abnormal: e.abnormal,
            stage: STAGES[usize::from(e.stage).min(2)],
            budget: e.budget,
            deadline: runtime_now + e.remaining,
        });
        let waiting = match vm.left {
            Left::Exit(Exit::Request(state)) => Some(state),
            _ => None,
        };
        vm.attached.set(cx);
        let process = Box::new(Process { vm, waiting, birth: None, spawns: VecDeque::new(), capture: None });
        Ok(Thawed { slot, process, gate_is_open: record.gate_was_open || !record.is_root })
    }
}

/// A process that is about to go on.
pub struct Thawed {
    /// By which others will reach it.
    pub slot: Arc<Slot>,
    /// It.
    pub process: Box<Process>,
    /// Whether the processes of its program run.
    pub gate_is_open: bool,
}
