//! Processes that move away, and that come: the scheduler's part.
//!
//! Journey: a stopped process -> **held -> gone**, and **made -> entered -> running**. When which of it happens is decided in
//! migration/ and carried out by the node (node/transport/moves.rs, handover.rs).
//!
//! Always: of a process that moves, what comes waits in its inbox until it goes on here or what came follows it. A process
//! that has moved is in the table of guests, also where it was born, so that all that is sent to it goes through the node.

use super::Scheduler;
use super::slice::Outcome;
use crate::codec::ModuleSource;
use crate::migration::frozen::Fault;
use crate::node::name::NodeName;
use crate::node::ties::Tie;
use crate::process::Process;
use crate::process::context::context;
use crate::process::frozen::{Frozen, Thawed};
use crate::process::inbox::Delivered;
use crate::process::order;
use crate::process::signal::{Name, Signal, Wake};
use crate::process::slot::Slot;
use rlua_machine::value::Pid;
use rlua_machine::vm::load::Module;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A process that is about to move, as bytes.
pub struct Parcel {
    /// Where to.
    pub node: NodeName,
    /// How often it will have moved then.
    pub epoch: u64,
    /// It, without its code.
    pub frozen: Vec<u8>,
    /// What the other node may ask for.
    pub modules: Vec<Arc<Module>>,
}

/// What is left here of a process that has moved.
pub struct Departed {
    /// What has come for it since it stopped.
    pub signals: Vec<Signal>,
    /// How it is tied to which others.
    pub ties: Vec<(Pid, Tie)>,
    /// Its names.
    pub names: Vec<Name>,
    /// How often it has moved now.
    pub epoch: u64,
    /// Who is to be woken.
    pub wakes: Option<(Pid, Signal)>,
}

/// Whether a signal is of this runtime alone, and a process that leaves gets another where it goes if it has to.
fn is_of_here(signal: &Signal) -> bool {
    matches!(signal, Signal::Timeout { .. } | Signal::OverLimit | Signal::Arrived { .. } | Signal::Trace { .. })
}

impl Scheduler {
    /// The slot of a process that is here.
    pub(crate) fn slot(&self, pid: Pid) -> Option<Arc<Slot>> {
        let own = if pid.runtime() == self.runtime { self.table.find(pid) } else { None };
        own.or_else(|| self.table.guest(pid))
    }
    /// Whether a process is here, as far as is known: one that was born here may have ended.
    pub(crate) fn holds(&self, pid: Pid) -> bool {
        self.node.moved_to(pid).unwrap_or(pid.runtime()) == self.runtime
    }
    /// Whether a process of this runtime has moved, or one of another may be anywhere.
    pub(crate) fn may_be_elsewhere(&self, pid: Pid) -> bool {
        self.node.moved_to(pid).is_some() || pid.runtime() != self.runtime && self.table.guest(pid).is_none()
    }
    /// Makes the parcel of a process that wants to move, or says why it cannot.
    pub(super) fn pack(self: &Arc<Self>, p: &mut Process, node: &NodeName) -> Result<Parcel, Vec<u8>> {
        let cx = context(&mut p.vm);
        let (who, epoch) = (cx.pid().to_string(), cx.epoch() + 1);
        self.takes_long(p.vm.heap.bytes());
        let packed = p.freeze_to_move(epoch);
        let Frozen { bytes: frozen, modules } =
            packed.map_err(|why| [b"cannot migrate ", who.as_bytes(), b": ", &why].concat())?;
        Ok(Parcel { node: node.clone(), epoch, frozen, modules })
    }
    /// Moves a process that another wants to move, if it is time. None: it goes on.
    pub(super) fn move_as_ordered(self: &Arc<Self>, p: &mut Process, may_run: bool) -> Option<Outcome> {
        if !context(&mut p.vm).is_ordered() {
            return None;
        }
        if p.is_busy() {
            if !may_run {
                context(&mut p.vm).refuse_order(order::NOT_BORN.to_string());
            }
            return None;
        }
        // May take long, and what ends it come meanwhile.
        rlua_machine::stdlib::io::flush_printed(&mut p.vm);
        let cx = context(&mut p.vm);
        if !cx.is_at_rest() {
            return None;
        }
        if cx.ending.is_some() {
            cx.refuse_order(order::IS_ENDING.to_string());
            return None;
        }
        let node = cx.core.order.as_ref()?.node.clone();
        match self.pack(p, &node) {
            Ok(parcel) => Some(Outcome::Moving(Box::new(parcel))),
            Err(why) => {
                context(&mut p.vm).refuse_order(String::from_utf8_lossy(&why).into_owned());
                None
            }
        }
    }
    /// Whether a process could move, or what holds it.
    pub(super) fn hindrance(&self, p: &mut Process) -> Result<(), Vec<u8>> {
        let busy = p.is_busy();
        let cx = context(&mut p.vm);
        let who = cx.pid().to_string();
        let why = if let Some(why) = cx.hindrance() {
            why
        } else if busy && !self.gate_is_open() {
            order::NOT_BORN
        } else if busy {
            // It moves when that is done.
            return Ok(());
        } else {
            return p.check_outside().map_err(|why| [b"cannot migrate ", who.as_bytes(), b": ", &why].concat());
        };
        Err(format!("cannot migrate {who}: {why}").into_bytes())
    }
    /// Sends the parcel of a process that was stopped; it goes on if that cannot be done.
    pub(super) fn send_off(self: &Arc<Self>, pid: Pid, parcel: Parcel) {
        let begun = match self.node.online() {
            Some(online) => online.begin_move(pid, parcel),
            None => Err("this runtime is not a node".to_string()),
        };
        if let Err(why) = begun {
            self.goes_on(pid, why);
        }
    }
    /// A process that was to move goes on here.
    pub(crate) fn goes_on(self: &Arc<Self>, pid: Pid, why: String) {
        let Some(slot) = self.slot(pid) else { return };
        let mut s = slot.lock();
        if !s.inbox.end_move() {
            return;
        }
        if let Some(p) = &mut s.process {
            let cx = context(&mut p.vm);
            match cx.core.order.take() {
                // It tells by itself: here a lock may be held.
                Some(order) => cx.urgent.push(order.refused(why)),
                None => {
                    cx.set_refused(Some(why.into_bytes()));
                    p.waiting = None;
                    p.vm.continue_request(crate::concurrent::MIGRATE_REFUSED);
                }
            }
        }
        drop(s);
        self.enqueue(slot);
    }
    /// A process leaves for good: it is nobody's here any more. Err: it has to stay, because of what has come for it.
    pub(crate) fn departs(self: &Arc<Self>, pid: Pid) -> Result<Departed, String> {
        let Some(slot) = self.slot(pid) else { return Err("it is not here".to_string()) };
        let mut s = slot.lock();
        let Some(signals) = s.inbox.waiting_to_follow() else { return Err("it does not move".to_string()) };
        let follows = |s: &Signal| is_of_here(s) || crate::node::translate::carry(s).is_some();
        if !signals.iter().all(follows) {
            return Err("it was given a name, or asked for something, meanwhile".to_string());
        }
        let signals = s.inbox.leave();
        let freed = s.inbox.account.close();
        let process = s.process.take();
        drop(s);
        let Some(mut process) = process else { return Err("it is not here".to_string()) };
        if !self.table.remove_guest(pid) {
            self.table.remove(pid);
        }
        if let Some(freed) = freed {
            self.memory.note(&slot, freed);
        }
        let cx = context(&mut process.vm);
        cx.end_wait();
        let mut ties = cx.core.ties();
        ties.extend(cx.asked().map(|(id, whom)| (whom, Tie::Asked(id))));
        let (names, epoch) = (cx.core.names(), cx.epoch() + 1);
        // Its finalizers are the other's to run.
        drop(process);
        let was_last = self.live.fetch_sub(1, Ordering::AcqRel) == 1;
        let wakes = self.root().filter(|_| was_last).map(|root| (root, Signal::Wake(Wake::Loop)));
        let signals = signals.into_iter().filter(|s| !is_of_here(s)).collect();
        Ok(Departed { signals, ties, names, epoch, wakes })
    }
    /// The process of a parcel, of which nothing is believed, and which is of no use afterwards unless a module is unknown. It
    /// does not run.
    pub(crate) fn unpack(self: &Arc<Self>, frozen: &mut [u8], modules: &dyn ModuleSource) -> Result<Thawed, Fault> {
        let room = self.config.max_memory.saturating_sub(self.memory_in_use());
        if frozen.len() > room {
            return Err(Fault::NoRoom);
        }
        self.takes_long(frozen.len());
        let host = self.surroundings();
        let mut thawed = Process::thaw_spent(frozen, modules, self, host)?;
        let vm = &mut thawed.process.vm;
        match vm.heap.bytes() + context(vm).mailbox.bytes() > room {
            true => Err(Fault::NoRoom),
            false => Ok(thawed),
        }
    }
    /// Enters a process that has come; it does not run yet, and what comes for it waits. What it is tied to.
    pub(crate) fn arrives(self: &Arc<Self>, mut thawed: Thawed) -> Vec<(Pid, Tie)> {
        let cx = context(&mut thawed.process.vm);
        let limits = cx.limits();
        for name in &thawed.names {
            cx.core.add_name(name.clone());
        }
        let mut ties = cx.core.ties();
        ties.extend(cx.asked().map(|(id, whom)| (whom, Tie::Asked(id))));
        self.live.fetch_add(1, Ordering::AcqRel);
        let mut s = thawed.slot.lock();
        s.inbox.begin_move();
        s.inbox.set_limits(limits);
        s.process = Some(thawed.process);
        drop(s);
        self.table.insert_guest(thawed.slot);
        ties
    }
    /// A process that has come runs from now on.
    pub(crate) fn starts(self: &Arc<Self>, pid: Pid) {
        let Some(slot) = self.table.guest(pid) else { return };
        let mut s = slot.lock();
        let moving = s.inbox.end_move();
        let tells = s.process.as_mut().is_some_and(|p| !context(&mut p.vm).urgent.is_empty());
        drop(s);
        if moving {
            if self.gate.is_open() || tells {
                self.enqueue(slot);
            } else {
                self.hold(slot);
            }
        }
    }
    /// Gives a process here a signal, whatever the node thinks of where it is; Err: it is not here.
    pub(crate) fn deliver_here(self: &Arc<Self>, to: Pid, signal: Signal) -> Result<(), Signal> {
        let Some(slot) = self.slot(to) else { return Err(signal) };
        match slot.deliver(signal) {
            (Delivered::Refused(signal), _) => Err(signal),
            (delivered, grown) => {
                self.see_to_delivered(slot, matches!(delivered, Delivered::Wake), grown);
                Ok(())
            }
        }
    }
    /// A process that had moved has ended here.
    pub(super) fn guest_ended(&self, pid: Pid) {
        if let Some(online) = self.node.online() {
            online.process_ended(pid);
        }
    }
}
