//! Processes that move from one simulated program to another.
//!
//! Journey: a process -> **record -> bytes -> record** -> a process elsewhere. What of the scheduler is between the node and
//! a process that moves (scheduler/moving.rs) is done again here. The record, its bytes and the core in it are those that
//! ship; in the place of the machine is what a process of this network has instead.
//!
//! Always: it is noted who runs a process that has moved so often ([`super::ledger::Ledger::runs`]), so that two that run
//! the same one are noticed.

use super::super::super::signal::{Bytes, Contents};
use super::super::super::ties::Tie;
use super::super::super::translate;
use super::super::surroundings::Guest;
use super::program::{Process, Program, Want};
use crate::codec::ModuleSource;
use crate::migration::frozen::{CallRecord, Fault, Read, Record};
use crate::node::name::NodeName;
use crate::process::core::Core;
use crate::process::inbox::{Delivered, Held, Inbox};
use crate::process::mailbox::Mailbox;
use crate::process::signal::Signal;
use crate::scheduler::{Departed, Parcel};
use rlua_machine::value::{Pid, Runtime};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a process has besides its core and its mailbox.
#[derive(Serialize, Deserialize)]
struct Rest {
    trapexit: bool,
    node_monitors: BTreeMap<String, u32>,
    /// The nodes of runtimes that the record speaks of: what ships has them beside each runtime.
    homes: Vec<(u128, NodeName)>,
}

impl Program {
    /// Whether a process of this runtime has moved, or one of another may be anywhere.
    pub(super) fn may_be_elsewhere(&self, pid: Pid) -> bool {
        self.moved_to(pid).is_some() || pid.runtime() != self.runtime && !self.inner().guests.contains_key(&pid)
    }
    /// Whether a process is here, as far as is known.
    pub(super) fn holds(&self, pid: Pid) -> bool {
        self.moved_to(pid).unwrap_or(pid.runtime()) == self.runtime
    }
    /// As [`super::super::Node::moved_to`].
    fn moved_to(&self, pid: Pid) -> Option<Runtime> {
        if let Some(online) = self.online().or_else(|| self.inner().past.leaving()) {
            return online.moved_to(pid);
        }
        self.inner().past.runtime_of(pid)
    }
    /// The node of a runtime, if it is known.
    fn node_of_any(&self, runtime: Runtime) -> Option<NodeName> {
        if runtime == self.runtime {
            Some(self.online()?.name.clone())
        } else {
            self.inner().met.get(&runtime).cloned()
        }
    }
    /// A process that is connected with where it wants to go stops, and its parcel is sent.
    pub(super) fn send_off(self: &Arc<Self>, process: Process, node: &NodeName) {
        let (pid, epoch) = (process.core.pid(), process.epoch + 1);
        let frozen = Contents::new(process.freeze(self, epoch));
        self.common().trace(|| format!("{pid} is to move to {node}, for the {epoch}th time"));
        self.processes().insert(pid, process);
        self.inner().inbox(pid).expect("it is here").begin_move();
        let begun = match self.online() {
            Some(online) => online.begin_move(pid, Parcel { node: node.clone(), epoch, frozen, modules: Vec::new() }),
            None => Err("this runtime is not a node".to_string()),
        };
        if let Err(why) = begun {
            self.stays(pid, &why);
        }
    }
    pub(super) fn stays(self: &Arc<Self>, pid: Pid, why: &str) {
        self.common().trace(|| format!("{pid} stays: {why}"));
        if !self.inner().inbox(pid).is_some_and(Inbox::end_move) {
            return;
        }
        if let Some(process) = self.processes().get_mut(&pid) {
            process.wants = None;
        }
        self.common().woken.push((self.clone(), pid));
    }
    pub(super) fn leaves(self: &Arc<Self>, pid: Pid) -> Result<Departed, String> {
        let mut inner = self.inner();
        let inbox = inner.inbox(pid).ok_or("it is not here")?;
        let signals = inbox.waiting_to_follow().ok_or("it does not move")?;
        let follows = |s: &Signal| {
            matches!(s, Signal::Timeout { .. } | Signal::OverLimit | Signal::Arrived { .. } | Signal::Trace { .. })
                || translate::carry(s).is_some()
        };
        if !signals.iter().all(follows) {
            return Err("it was given a name, or asked for something, meanwhile".to_string());
        }
        let signals = inbox.leave();
        if inner.guests.remove(&pid).is_none() {
            inner.inboxes.remove(&pid);
        }
        drop(inner);
        let Some(process) = self.processes().remove(&pid) else { return Err("it is not here".to_string()) };
        let mut ties = process.core.ties();
        ties.extend(process.asked().map(|(id, whom)| (whom, Tie::Asked(id))));
        let (names, epoch) = (process.core.names(), process.epoch + 1);
        self.common().trace(|| format!("{pid} leaves host {}, and {} signals follow it", self.host, signals.len()));
        Ok(Departed { signals, ties, names, epoch, wakes: None })
    }
    pub(super) fn made(self: &Arc<Self>, frozen: &[u8], modules: &dyn ModuleSource) -> Result<Guest, Fault> {
        let Read { record, messages, outcomes, machine, .. } = Read::new(frozen, modules, None)?;
        let rest: Rest =
            postcard::from_bytes(&frozen[machine..]).map_err(|_| Fault::Damaged("it is no process of this network"))?;
        for (id, node) in rest.homes {
            if let Some(runtime) = Runtime::find(id).filter(|r| *r != self.runtime) {
                self.inner().met.entry(runtime).or_insert(node);
            }
        }
        let mut core = Core::thaw(&record, outcomes);
        core.trapexit = rest.trapexit;
        let (pid, epoch) = (record.pid, record.epoch);
        let mut process = Process::new(core);
        process.epoch = epoch;
        process.mailbox = Mailbox::from_all(messages, record.next_message);
        process.node_monitors = rest.node_monitors;
        process.wants = record.asked.map(|(id, whom)| (id, Want::Answer(Some(whom))));
        let names: Vec<_> = record.names.iter().map(|n| n.0[..].into()).collect();
        let program = self.clone();
        let enter = move || {
            names.into_iter().for_each(|name| process.core.add_name(name));
            let mut ties = process.core.ties();
            ties.extend(process.asked().map(|(id, whom)| (whom, Tie::Asked(id))));
            program.common().trace(|| format!("{pid} has come to host {}", program.host));
            let mut inbox = Inbox::new();
            inbox.begin_move();
            let mut inner = program.inner();
            inner.inboxes.remove(&pid);
            let before = inner.guests.insert(pid, inbox);
            drop(inner);
            let twice = before.is_some() | program.processes().insert(pid, process).is_some();
            if twice {
                program.common().ledger.violation(format!("{pid} comes to host {}, where it is", program.host));
            }
            ties
        };
        Ok(Guest { pid, epoch, enter: Box::new(enter) })
    }
    pub(super) fn goes(self: &Arc<Self>, pid: Pid) {
        if self.inner().guests.get_mut(&pid).is_some_and(Inbox::end_move) {
            self.common().woken.push((self.clone(), pid));
        }
    }
    pub(super) fn take(self: &Arc<Self>, to: Pid, signal: Signal) -> Result<(), Signal> {
        let mut inner = self.inner();
        let Some(inbox) = inner.inbox(to) else { return Err(signal) };
        let delivered = inbox.deliver(signal, Held::default());
        drop(inner);
        match delivered {
            Delivered::Wake => self.common().woken.push((self.clone(), to)),
            Delivered::Queued => {}
            Delivered::Refused(signal) => return Err(signal),
        }
        Ok(())
    }
}

impl Process {
    /// As bytes; it will have moved so often.
    fn freeze(&self, program: &Arc<Program>, epoch: u64) -> Vec<u8> {
        let pid = self.core.pid();
        let mut record = Record {
            pid,
            parent: pid,
            is_root: false,
            gate_was_open: true,
            epoch,
            now: 0,
            reductions: 0,
            options: Vec::new(),
            links: Vec::new(),
            watchers: Vec::new(),
            watched: Vec::new(),
            names: Vec::new(),
            last_id: 0,
            waiting: None,
            remaining: None,
            asked: self.asked(),
            spawning: None,
            calls: self
                .core
                .calls()
                .into_iter()
                .map(|c| CallRecord::new(c, &mut |m| Bytes(m.to_portable().bytes)))
                .collect(),
            current_call: None,
            more_spawning: Vec::new(),
            progress: 0,
            ending: None,
            reported: false,
            messages: self.mailbox.all().map(|(n, m)| (*n, Bytes(m.to_portable().bytes))).collect(),
            next_message: self.mailbox.next_number(),
            wanted_by: None,
        };
        self.core.freeze(&mut record, true);
        let mut runtimes: Vec<Runtime> = self.core.ties().iter().map(|(other, _)| other.runtime()).collect();
        runtimes.extend(self.asked().map(|(_, whom)| whom.runtime()));
        runtimes.sort_unstable_by_key(|r| r.id());
        runtimes.dedup();
        let homes = runtimes.into_iter().filter_map(|r| Some((r.id(), program.node_of_any(r)?))).collect();
        let rest = Rest { trapexit: self.core.trapexit, node_monitors: self.node_monitors.clone(), homes };
        record.write(&[], postcard::to_stdvec(&rest).expect("it has lengths"))
    }
}
