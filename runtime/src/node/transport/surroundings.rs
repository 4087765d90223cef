//! What a node takes of the program that it belongs to: its processes, its clock and chance, its connections.
//!
//! Journey: remote signal: route -> **node** -> session, and session -> **node** -> route. All that a node decides it
//! decides through this, so that a simulated network (simulation/) can be the program: there, time is a number, a
//! connection two queues of bytes, and a seed decides everything.

use super::super::Time;
use super::super::connections::Connection;
use super::super::name::NodeName;
use super::super::ties::Tie;
use super::names::time_of;
use super::{Online, dial};
use crate::codec::{Message, ModuleSource};
use crate::migration::frozen::Fault;
use crate::migration::handover::Phase;
use crate::process::options::{Setting, key};
use crate::process::signal::{Name, Signal, Status};
use crate::scheduler::{Departed, Scheduler};
use rlua_machine::value::{Pid, Runtime};
use std::sync::Arc;

/// A process that was made of what was frozen elsewhere, and that nobody knows yet.
pub struct Guest {
    /// Which it is.
    pub pid: Pid,
    /// How often it will have moved.
    pub epoch: u64,
    /// Enters it, without running it; what it is tied to.
    pub enter: Box<dyn FnOnce() -> Vec<(Pid, Tie)> + Send>,
}

/// The program of a node.
pub trait Surroundings: Send + Sync {
    /// Its runtime.
    fn runtime(&self) -> Runtime;
    /// The time, by its clock.
    fn now(&self) -> Time;
    /// Random bits.
    fn random(&self) -> u64;
    /// Gives a process a signal, wherever it is. False: there is no such process.
    fn route(&self, to: Pid, signal: Signal) -> bool;
    /// What one of its processes is doing, if that can be seen.
    fn status(&self, _: Pid) -> Status {
        Status::Unknown
    }
    /// The process for which processes are made that others want.
    fn root(&self) -> Option<Pid>;
    /// Who here has a name.
    fn find(&self, name: &[u8]) -> Option<Pid>;
    /// Gives a process that is here a name that nobody has. False: there is no such process.
    fn give_name(&self, name: Name, pid: Pid) -> bool;
    /// Takes a name from the process here that has it. False: none has, or it has just left.
    fn take_name(&self, name: &[u8]) -> bool;
    /// A process that has moved here has a name; if names are not global another may have it here, which keeps it.
    fn adopt_name(&self, name: Name, pid: Pid);
    /// A process that has moved away has a name no more, as far as this program's own list goes. False: it had not.
    fn drop_name(&self, name: &[u8], pid: Pid) -> bool;
    /// Gives a process that is here, wherever it was born, a signal. Err: it is not.
    fn deliver_here(&self, to: Pid, signal: Signal) -> Result<(), Signal>;
    /// Whether a process is here, wherever it was born.
    fn is_here(&self, pid: Pid) -> bool;
    /// A process that was to move goes on; why.
    fn goes_on(&self, pid: Pid, why: String);
    /// A process leaves for good. Err: why it stays.
    fn departs(&self, pid: Pid) -> Result<Departed, String>;
    /// Makes a process of what was frozen elsewhere.
    fn unpack(&self, frozen: &mut [u8], modules: &dyn ModuleSource) -> Result<Guest, Fault>;
    /// A process that was entered runs.
    fn starts(&self, pid: Pid);
    /// A process has gone to a node, or has come from there: for who looks.
    fn moved(&self, _pid: Pid, _name: Option<&[u8]>, _node: &NodeName, _arrived: bool) {}
    /// A process elsewhere has sent one here a message: for who looks, if that one does not keep up.
    fn crowds(&self, _from: Pid, _to: Pid) {}
    /// Who has sent what comes now: for who looks.
    fn comes_from(&self, _from: Option<Pid>) {}
    /// What follows on this thread works on so many bytes in one go: others are not to wait for it.
    fn takes_long(&self, _bytes: usize) {}
    /// What is called at each phase of a move, if a test wants it.
    fn at_phase(&self) -> Option<fn(Phase)> {
        None
    }
    /// How long nodes may take to agree on a name.
    fn register_timeout(&self) -> Time;
    /// The node of another runtime, if it was met.
    fn node_of(&self, runtime: Runtime) -> Option<NodeName>;
    /// Another runtime is that of a node.
    fn met(&self, runtime: Runtime, node: &NodeName);
    /// How long a peer may be silent.
    fn keepalive(&self) -> Option<Time>;
    /// Whether the network is to be fully connected.
    fn connects_all(&self) -> bool;
    /// A line for whoever runs the node.
    fn report(&self, line: &str);
    /// Whether it is to be told what goes over connections.
    #[cfg(test)]
    fn is_traced(&self) -> bool {
        false
    }
    /// A process has come here, and goes on though this node has not said that what it has sent before has come.
    #[cfg(test)]
    fn goes_on_without(&self, _: Pid, _: Option<NodeName>) {}
    /// What is sent to a process is held back no longer, though it is not known that what was sent before has come.
    #[cfg(test)]
    fn is_held_no_longer(&self, _: Pid) {}
    /// Begins to connect: [`Online::connected`] or [`Online::attempt_failed`] follows.
    fn dial(&self, online: Arc<Online>, c: Connection, node: NodeName);
}

impl Surroundings for Arc<Scheduler> {
    fn runtime(&self) -> Runtime {
        self.runtime
    }
    fn now(&self) -> Time {
        self.clock.now()
    }
    fn random(&self) -> u64 {
        self.clock.random()
    }
    fn route(&self, to: Pid, signal: Signal) -> bool {
        Scheduler::route(self, to, signal)
    }
    fn status(&self, pid: Pid) -> Status {
        self.status_of(pid).unwrap_or_default()
    }
    fn root(&self) -> Option<Pid> {
        Scheduler::root(self)
    }
    fn find(&self, name: &[u8]) -> Option<Pid> {
        self.names.find(name)
    }
    fn give_name(&self, name: Name, pid: Pid) -> bool {
        let is_new = self.names.insert(name.clone(), pid);
        // It may have ended, or have moved while the nodes agreed.
        let given = is_new && Scheduler::deliver_here(self, pid, Signal::Named(name.clone())).is_ok();
        if is_new && !given {
            self.names.remove_of(&name, pid);
        }
        given
    }
    fn take_name(&self, name: &[u8]) -> bool {
        // One that has just left takes its names along.
        let Some(pid) = self.names.find(name).filter(|pid| self.slot(*pid).is_some()) else { return false };
        let had = self.names.remove_of(name, pid);
        if had {
            // One that has ended gives it back anyway.
            let _ = Scheduler::deliver_here(self, pid, Signal::Unnamed(name.into()));
        }
        had
    }
    fn adopt_name(&self, name: Name, pid: Pid) {
        if !self.names.insert(name.clone(), pid) {
            let winner = self.names.find(&name).unwrap_or(pid);
            // It is here, and waits until it may run.
            let _ = Scheduler::deliver_here(self, pid, Signal::Unnamed(name.clone()));
            let _ = Scheduler::deliver_here(self, pid, Signal::Message(Message::name_conflict(&name, winner)));
        }
    }
    fn drop_name(&self, name: &[u8], pid: Pid) -> bool {
        self.names.remove_of(name, pid)
    }
    fn deliver_here(&self, to: Pid, signal: Signal) -> Result<(), Signal> {
        Scheduler::deliver_here(self, to, signal)
    }
    fn is_here(&self, pid: Pid) -> bool {
        self.slot(pid).is_some()
    }
    fn goes_on(&self, pid: Pid, why: String) {
        Scheduler::goes_on(self, pid, why);
    }
    fn departs(&self, pid: Pid) -> Result<Departed, String> {
        Scheduler::departs(self, pid)
    }
    fn unpack(&self, frozen: &mut [u8], modules: &dyn ModuleSource) -> Result<Guest, Fault> {
        let thawed = Scheduler::unpack(self, frozen, modules)?;
        let (pid, epoch, scheduler) = (thawed.slot.pid, thawed.epoch, self.clone());
        Ok(Guest { pid, epoch, enter: Box::new(move || scheduler.arrives(thawed)) })
    }
    fn starts(&self, pid: Pid) {
        Scheduler::starts(self, pid);
    }
    fn moved(&self, pid: Pid, name: Option<&[u8]>, node: &NodeName, arrived: bool) {
        self.lately().moved(self.clock.now(), pid, name.unwrap_or_default(), node.as_str(), arrived);
    }
    fn crowds(&self, from: Pid, to: Pid) {
        Scheduler::crowds(self, from, to);
    }
    fn comes_from(&self, from: Option<Pid>) {
        self.tell_history(|h, _| h.comes_from(from));
    }
    fn takes_long(&self, bytes: usize) {
        Scheduler::takes_long(self, bytes);
    }
    fn at_phase(&self) -> Option<fn(Phase)> {
        self.config.stress.at_phase
    }
    fn register_timeout(&self) -> Time {
        time_of(self.options.read().unwrap_or_else(|e| e.into_inner()).registertimeout)
    }
    fn node_of(&self, runtime: Runtime) -> Option<NodeName> {
        runtime.name().and_then(|n| NodeName::parse(&n).ok())
    }
    fn met(&self, runtime: Runtime, node: &NodeName) {
        runtime.set_name(Some(node.as_str().into()));
    }
    fn keepalive(&self) -> Option<Time> {
        let options = self.options.read().unwrap_or_else(|e| e.into_inner());
        let ms = options.keepalivetimeout;
        (options.keepalive && ms > 0.0).then_some(time_of(ms))
    }
    fn connects_all(&self) -> bool {
        let options = self.options.read().unwrap_or_else(|e| e.into_inner());
        options.get(key::CONNECTALL) == Setting::Flag(true)
    }
    fn report(&self, line: &str) {
        report!("rlua-actor: {line}");
    }
    fn dial(&self, online: Arc<Online>, c: Connection, node: NodeName) {
        match &self.seat {
            Some(seat) => seat.dial(online, c, node),
            None => self.start_task(dial::dial(self.clone(), online, c, node)),
        }
    }
}
