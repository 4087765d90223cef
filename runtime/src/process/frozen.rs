//! A process to its frozen form, and back.
//!
//! Journey: a stopped process -> **record and machine** -> bytes (migration/frozen.rs), and back to a process that goes on
//! where the other stopped. The deadlines in its natives' registers go by the process's own clock, which is set to the time
//! at which the frozen one stood.
//!
//! Always: freezing changes nothing that the process could notice, so that it goes on if the bytes come to nothing. While the
//! bytes of a large one are made, piece by piece, it is [`Standing`], and nobody else has it.

use super::Process;
use super::context::{Context, Wait, context};
use super::core::{Core, Time};
use super::exit::{Ending, Stage};
use super::mailbox::Mailbox;
use super::options::Setting;
use super::order::Order;
use super::signal::Name;
use super::slot::{Instead, Slot};
use crate::codec::{self, ModuleSource};
use crate::migration::frozen::{CallRecord, Choice, EndingRecord, Fault, Read, Record};
use crate::node::signal::Bytes;
use crate::scheduler::Scheduler;
use rlua_machine::value::Pid;
use rlua_machine::vm::load::Module;
use rlua_machine::vm::{Exit, Left, Surroundings, Vm};
use std::collections::HashMap;
use std::sync::Arc;

/// What a process has besides its machine, and the modules of that.
pub type Beside = (Record<Pid>, Vec<Arc<Module>>);

/// The stages of an end by their numbers.
const STAGES: [Stage; 3] = [Stage::Return, Stage::Close, Stage::Finalize];

impl Process {
    /// The whole process as bytes, code included.
    pub fn freeze(&mut self) -> Result<Vec<u8>, Vec<u8>> {
        let (record, modules) = self.beside_machine()?;
        match Standing::new(&mut self.vm).begin(record, Some(&modules), usize::MAX) {
            Ok(Written::Whole(bytes)) => Ok(bytes),
            Ok(Written::Long(_)) => unreachable!("it may have any length"),
            Err(why) => Err(why.to_string().into_bytes()),
        }
    }
    /// What it has besides its machine, and the modules of that, if the machine can be written down; why not, if not. What it has
    /// not handled yet (signals, an answer) is not in that: whoever calls has seen to it.
    pub fn beside_machine(&mut self) -> Result<Beside, Vec<u8>> {
        self.holds_nothing_outside()?;
        Ok(self.record())
    }
    /// The same for a place where code can be asked for. The modules are those that may be asked for; the process will have
    /// moved so often.
    pub fn beside_machine_to_move(&mut self, epoch: u64) -> Result<Beside, Vec<u8>> {
        let (mut record, mut modules) = self.beside_machine()?;
        record.epoch = epoch;
        record.wanted_by = context(&mut self.vm).core.order.as_ref().map(|o| o.asker);
        modules.extend_from_slice(self.vm.heap.modules());
        Ok((record, modules))
    }
    /// Whether its machine could be written down; why not, if not.
    pub fn check_outside(&mut self) -> Result<(), Vec<u8>> {
        self.holds_nothing_outside()?;
        codec::freezable(&mut self.vm).map_err(|e| e.to_string().into_bytes())
    }
    /// What is not of the heap cannot be written down, as in `upvalue 'log' holds an open file`.
    fn holds_nothing_outside(&mut self) -> Result<(), Vec<u8>> {
        debug_assert!(!self.is_busy(), "it is born, and nothing is being done for it");
        let has_sockets = context(&mut self.vm).has_sockets();
        let is_open = |vm: &mut Vm, id| context(vm).has_socket(id);
        codec::held_outside(&mut self.vm, has_sockets, is_open).map_or(Ok(()), Err)
    }
    /// What the process has besides its machine, and the modules of that.
    fn record(&mut self) -> (Record<Pid>, Vec<Arc<Module>>) {
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
        let options = if is_root { cx.scheduler.chosen_options() } else { cx.own_options().to_vec() };
        let choice = |setting| match setting {
            Setting::Flag(b) => Choice::Flag(b),
            Setting::Number(n) => Choice::Number(n),
        };
        let mut record = Record {
            pid: cx.pid(),
            parent: cx.slot.parent,
            is_root,
            gate_was_open: cx.scheduler.gate_is_open(),
            epoch: cx.epoch(),
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
            calls: cx.core.calls().into_iter().map(|c| CallRecord::new(c, &mut portable)).collect(),
            current_call: None,
            more_spawning: Vec::new(),
            progress: cx.progress_number(),
            ending,
            reported: cx.reported,
            messages: cx.mailbox.all().map(|(n, m)| (*n, portable(m))).collect(),
            next_message: cx.mailbox.next_number(),
            wanted_by: None,
        };
        cx.core.freeze(&mut record, cx.wait == Wait::Message);
        let mut modules: Vec<Arc<Module>> = modules.into_values().collect();
        modules.sort_unstable_by_key(|m| *m.hash());
        (record, modules)
    }
    /// The process of these bytes, of which nothing is believed; with `renamed` it is one of another pid. It has no slot in
    /// any table yet.
    pub fn thaw(
        bytes: &[u8],
        known: &dyn ModuleSource,
        scheduler: &Arc<Scheduler>,
        host: Box<dyn Surroundings>,
        renamed: Option<Pid>,
        is_root: bool,
    ) -> Result<Thawed, Fault> {
        let read = Read::new(bytes, known, renamed)?;
        let renamed = renamed.map(|new| (read.old, new));
        let vm = codec::thaw_renamed(&bytes[read.machine..], host, scheduler.natives, known, renamed);
        Process::complete(read, vm, scheduler, renamed.is_some(), is_root)
    }
    /// The same of one that has come here, whose bytes nobody needs afterwards (see [`codec::thaw_spent`]); but if a module is
    /// unknown they are what they were.
    pub fn thaw_spent(
        bytes: &mut [u8],
        known: &dyn ModuleSource,
        scheduler: &Arc<Scheduler>,
        host: Box<dyn Surroundings>,
    ) -> Result<Thawed, Fault> {
        let read = Read::new(bytes, known, None)?;
        let vm = codec::thaw_spent(&mut bytes[read.machine..], host, scheduler.natives, known);
        Process::complete(read, vm, scheduler, false, false)
    }
    /// With all that it has besides its machine.
    fn complete(
        Read { record, messages, reason, outcomes, .. }: Read,
        vm: Result<Vm, codec::ThawError>,
        scheduler: &Arc<Scheduler>,
        is_renamed: bool,
        is_root: bool,
    ) -> Result<Thawed, Fault> {
        let mut vm = vm.map_err(|e| match e {
            codec::ThawError::UnknownModule(hash) => Fault::UnknownModule(hash),
            e => Fault::Machine(e.to_string()),
        })?;
        scheduler.config.set_up(&mut vm);
        let slot = Slot::new(record.pid, record.parent, is_root, Instead::Nothing);
        let mut cx = Context::new(scheduler.clone(), slot.clone());
        cx.core = Core::thaw(&record, outcomes);
        cx.mailbox = Mailbox::from_all(messages, record.next_message);
        for (key, choice) in &record.options {
            let setting = match choice {
                Choice::Flag(b) => Setting::Flag(*b),
                Choice::Number(n) => Setting::Number(*n),
            };
            if is_root {
                scheduler.set_option(*key as usize, setting);
            } else {
                cx.set_option(*key as usize, setting);
            }
        }
        cx.set_epoch(record.epoch);
        cx.reductions = record.reductions;
        cx.reported = record.reported;
        // It tells by itself, before it goes on.
        cx.urgent.extend(record.wanted_by.filter(|_| !is_renamed).map(Order::done));
        cx.wait = if record.waiting.is_some_and(|w| w.2) { Wait::Message } else { Wait::Signal };
        cx.go_on(record.now, record.asked, record.progress);
        let runtime_now = scheduler.clock.now();
        cx.ending = record.ending.as_ref().zip(reason).map(|(e, reason)| {
            Box::new(Ending {
                reason,
                abnormal: e.abnormal,
                stage: STAGES[usize::from(e.stage).min(2)],
                budget: e.budget,
                deadline: runtime_now + e.remaining,
            })
        });
        let waiting = match vm.left {
            Left::Exit(Exit::Request(state)) => Some(state),
            _ => None,
        };
        vm.attached.set(cx);
        let process = Box::new(Process { vm, waiting, birth: None, chore: None });
        let names = record.names.iter().map(|n| n.0[..].into()).collect();
        let wait_until = record.remaining.map(|t| runtime_now.saturating_add(t));
        let gate_is_open = record.gate_was_open || !record.is_root;
        Ok(Thawed { slot, process, names, epoch: record.epoch, wait_until, gate_is_open })
    }
}

impl Process {
    /// For tests: it goes on as if it had moved to where it is. False: something is under way that does not move.
    pub fn move_in_place(&mut self) -> Option<usize> {
        let cx = context(&mut self.vm);
        let tells = cx.core.is_told_something() || !cx.urgent.is_empty() || cx.has_unhandled();
        if tells || cx.leaving.is_some() || cx.core.order.is_some() {
            return None;
        }
        let (scheduler, slot, resume) = (cx.scheduler.clone(), cx.slot.clone(), cx.resume);
        let bytes = self.freeze().ok()?;
        let known = self.vm.heap.modules().to_vec();
        let host = self.vm.take_surroundings();
        let thawed = Process::thaw(&bytes, &known, &scheduler, host, None, slot.is_root);
        let mut thawed = thawed.unwrap_or_else(|e| panic!("move mode: {e}"));
        context(&mut self.vm).end_wait();
        let cx = context(&mut thawed.process.vm);
        // Others know it by the slot that it has.
        (cx.slot, cx.resume) = (slot, resume);
        cx.wait_on(thawed.wait_until);
        thawed.names.into_iter().for_each(|name| cx.core.add_name(name));
        assert_eq!(thawed.process.waiting, self.waiting, "it waits where it waited");
        self.vm = thawed.process.vm;
        Some(bytes.len())
    }
}

impl codec::Owner for Box<Process> {
    fn vm(&mut self) -> &mut Vm {
        &mut self.vm
    }
}

/// Bytes of a process that are made in one go: what is there besides its heap is not much then.
pub const WHOLE: usize = 4 << 20;

/// What a process is written down as.
pub enum Written {
    /// Its bytes.
    Whole(Vec<u8>),
    /// They are many, so many, and are made by [`Standing::next`].
    Long(u64),
}

/// A process, or its machine, that stands still while it is written down: it is here, and nobody has it until it is given back.
pub struct Standing<P> {
    machine: codec::Freezing<P>,
    /// What comes before the machine's bytes, and how much of it was given away.
    head: Vec<u8>,
    gone: usize,
}

impl<P: codec::Owner> Standing<P> {
    /// Nothing is done yet.
    pub fn new(process: P) -> Standing<P> {
        Standing { machine: codec::Freezing::new(process), head: Vec::new(), gone: 0 }
    }
    /// Writes it down, with this beside its machine; if these are given, its code, and these modules of the rest. What is not
    /// more than `most` is there at once.
    pub fn begin(
        &mut self,
        record: Record<Pid>,
        modules: Option<&[Arc<Module>]>,
        most: usize,
    ) -> Result<Written, codec::FreezeError> {
        let with_code = modules.is_some();
        let modules = modules.unwrap_or_default();
        Ok(match self.machine.begin(with_code, most)? {
            codec::Begun::Whole(bytes) => Written::Whole(record.write(modules, bytes)),
            codec::Begun::Long(len) => {
                self.head = record.head(modules, self.machine.head());
                Written::Long(self.head.len() as u64 + len)
            }
        })
    }
    /// Appends the next bytes, about as many as that if there are so many left. False: there are none.
    pub fn next(&mut self, out: &mut Vec<u8>, about: usize) -> bool {
        if self.gone == self.head.len() {
            return self.machine.piece(out, about);
        }
        let part = &self.head[self.gone..];
        let part = &part[..part.len().min(about)];
        out.extend_from_slice(part);
        self.gone += part.len();
        true
    }
    /// Gives it back, as it was.
    pub fn into_process(self) -> P {
        self.machine.into_owner()
    }
}

/// A process that is about to go on.
pub struct Thawed {
    /// By which others will reach it.
    pub slot: Arc<Slot>,
    /// It.
    pub process: Box<Process>,
    /// Names that the frozen one had, the oldest first.
    pub names: Vec<Name>,
    /// How often it has moved.
    pub epoch: u64,
    /// When its wait is over ([`Context::wait_on`]).
    pub wait_until: Option<Time>,
    /// Whether the processes of its program run.
    pub gate_is_open: bool,
}

#[cfg(test)]
mod tests;
