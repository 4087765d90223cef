//! Global names, between the machine that decides on them (../names.rs), the sessions and the processes of this node.
//!
//! Journey: register: name -> **locks -> announcement** -> whereis. Names are global if both ends of a session keep the network
//! fully connected. The program's own list says which names the processes here have, and is looked at first.
//!
//! Always: what the machine has to say to peers is queued under its lock, so in its order; processes are told after that,
//! but for a name that they get, which they have before anybody else hears of it. The lock comes after that of a
//! delivery, and before the node's table.

use super::super::connections::Connection;
use super::super::names::{Action, Denied, Names};
use super::super::signal::{Bytes, NameSignal, Signal as Wire, Stamp};
use super::super::{MILLISECOND, Time};
use super::Online;
use super::link::{Link, Stage};
use super::moves::After;
use crate::codec::Message;
use crate::process::signal::{Answer, Name, Signal};
use crate::sync::MutexGuard;
use rlua_machine::value::{Pid, Runtime};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The machine, and who waits for what it does.
pub struct Global {
    names: Names,
    registering: BTreeMap<u64, Registering>,
}

/// A registration under way.
struct Registering {
    name: Name,
    pid: Pid,
    /// Who waits, and the number of its question.
    asker: (Pid, u64),
    /// The connection over which it has asked, if it is elsewhere.
    over: Option<Connection>,
}

impl Global {
    /// Of a node that is connected with nobody.
    pub fn new(own: super::NodeName) -> Global {
        Global { names: Names::new(own), registering: BTreeMap::new() }
    }
    /// The machine.
    pub fn names(&self) -> &Names {
        &self.names
    }
}

/// What follows from a decision.
struct Decided {
    /// Signals for processes.
    told: Vec<(Pid, Signal)>,
    /// Connections whose peers go past their bounds.
    faults: Vec<Connection>,
}

/// Why a name is not given, as `register` tells it.
pub fn denied(name: &[u8], why: Denied) -> String {
    let name = String::from_utf8_lossy(name);
    match why {
        Denied::Taken => format!("name '{name}' is taken"),
        Denied::Timeout => format!("the nodes did not agree on the name '{name}' in time (option registertimeout)"),
    }
}

#[cfg(test)]
impl Global {
    /// What is under way.
    pub fn waiting_for(&self) -> Vec<String> {
        let mut all = self.names.waiting_for();
        all.extend(self.registering.values().map(|r| format!("{:?} waits for the name {:?}", r.asker, r.name)));
        all
    }
}

impl Online {
    pub(super) fn global(&self) -> MutexGuard<'_, Option<Global>> {
        self.global.lock().unwrap_or_else(|e| e.into_inner())
    }
    /// Whether names are those of all connected nodes.
    pub fn names_are_global(&self) -> bool {
        self.hello.connects_all()
    }
    /// Who has a name, here or elsewhere.
    pub fn find_name(&self, name: &[u8]) -> Option<Pid> {
        self.global().as_ref()?.names.find(name)
    }
    /// All names.
    pub fn all_names(&self) -> Vec<Vec<u8>> {
        self.global().as_ref().map_or(Vec::new(), |g| g.names.names().map(<[u8]>::to_vec).collect())
    }
    /// Gives a process of this node a name, if no node knows of another that has it; the answer is that of the question.
    pub fn register_name(&self, name: &[u8], pid: Pid, asker: (Pid, u64)) {
        self.begin_registering(name, pid, asker, None);
        self.wake();
    }
    /// Wants a process elsewhere to get a name, or who has it to lose it; the answer is that of the question.
    pub fn request_name(&self, name: &[u8], of: Pid, gets: bool, (from, id): (Pid, u64)) {
        let runtime = self.runtime_of(of);
        let link = self.table().by_runtime.get(&runtime).cloned();
        let signal = NameSignal::Request { from, id, name: name.into(), pid: gets.then_some(of) };
        let sent =
            link.is_some_and(|link| matches!(link.send((Wire::Name(signal), Vec::new()), None, self), Some(Ok(_))));
        if !sent {
            self.program.route(from, Signal::Reply { id, answer: Answer::Lost });
        }
    }
    /// Names that were given before this was a node, or by who did not know yet that it is one.
    pub fn adopt_names(&self, names: impl Iterator<Item = (Name, Pid)>) {
        self.decide_names(|global, actions| {
            for (name, pid) in names {
                if global.names.find(&name).is_none() {
                    global.names.adopt(&name, pid, None, actions);
                }
            }
        });
    }
    /// A process has moved from one peer to another, which says its names from now on.
    pub(super) fn names_move(&self, from: &Link, pid: Pid, runtime: [u8; 16]) {
        let Some(runtime) = Runtime::find(u128::from_be_bytes(runtime)) else { return };
        let to = self.table().by_runtime.get(&runtime).map(|l| l.number);
        if let (Some(to), Some(global)) = (to, self.global().as_mut()) {
            global.names.moved(from.number, to, pid);
        }
    }
    /// Names of a process that has moved here, by who has the locks of moves and, if names are global, of these.
    pub(super) fn names_have_come(
        &self,
        pid: Pid,
        names: Vec<(Bytes, Option<Stamp>)>,
        global: Option<&mut Global>,
        after: &mut After,
    ) {
        // It may have had the same ones here before.
        let mut dropped = self.drop_names(std::mem::take(&mut after.gone));
        dropped.retain(|name| names.iter().all(|(kept, _)| kept.0[..] != name[..]));
        for (name, _) in &names {
            self.program.adopt_name(name.0[..].into(), pid);
        }
        let Some(global) = global else { return };
        let decided = self.decide_with(global, |global, actions| {
            dropped.iter().for_each(|name| _ = global.names.unregister(name, actions));
            for (name, stamp) in names {
                global.names.adopt(&name.0, pid, stamp, actions);
            }
        });
        after.told.extend(decided.told);
    }
    /// Names of processes that run elsewhere now, or are lost.
    pub(super) fn names_have_gone(&self, gone: Vec<(Pid, Vec<Name>)>) {
        self.drop_names(gone).iter().for_each(|name| self.name_is_free(name));
    }
    fn drop_names(&self, gone: Vec<(Pid, Vec<Name>)>) -> Vec<Name> {
        let all = gone.into_iter().flat_map(|(pid, names)| names.into_iter().map(move |name| (pid, name)));
        all.filter(|(pid, name)| self.program.drop_name(name, *pid)).map(|(_, name)| name).collect()
    }
    /// A process of this node does not have a name any more.
    pub fn name_is_free(&self, name: &[u8]) {
        self.decide_names(|global, actions| {
            global.names.unregister(name, actions);
        });
    }
    fn begin_registering(&self, name: &[u8], pid: Pid, asker: (Pid, u64), over: Option<Connection>) {
        let deadline = self.now().saturating_add(self.program.register_timeout());
        self.decide_names(|global, actions| {
            let mut begun = Vec::new();
            let number = global.names.register(name, pid, deadline, &mut begun);
            global.registering.insert(number, Registering { name: name.into(), pid, asker, over });
            actions.append(&mut begun);
        });
    }
    /// Names that are asked for are not given any more.
    pub(super) fn close_names(&self) {
        let closed = self.global().take();
        for r in closed.into_iter().flat_map(|g| g.registering.into_values()).filter(|r| r.over.is_none()) {
            let answer = Answer::Done(Err("this runtime is not a node any more".to_string()));
            self.program.route(r.asker.0, Signal::Reply { id: r.asker.1, answer });
        }
    }

    // Sessions.

    /// A session stands, or a name's signal has come over it before anybody could say so.
    pub(super) fn join_names(&self, link: &Link) {
        let node = match &link.lock().stage {
            Stage::Session(p) if p.session().peer().connects_all() => p.session().peer().name.clone(),
            _ => return,
        };
        self.decide_names(|global, actions| {
            // One that is over has been left, and must not be joined again.
            if self.table().links.contains_key(&link.number) && !global.names.is_joined(link.number) {
                global.names.joined(link.number, node, actions);
            }
        });
    }
    /// A session is over: after all that has come over it.
    pub(super) fn leave_names(&self, c: Connection) {
        // What was asked for over it goes on, and who has asked is not told: the name would be nobody's otherwise.
        self.decide_names(|global, actions| global.names.left(c, actions));
    }
    /// A signal about names has come; false: none should.
    pub(super) fn name_signal(&self, link: &Arc<Link>, signal: NameSignal<Pid>) -> bool {
        self.join_names(link);
        match signal {
            NameSignal::Request { from, id, name, pid: Some(pid) } if self.names_are_global() && self.holds(pid) => {
                self.begin_registering(&name.0, pid, (from, id), Some(link.number));
                self.wake();
            }
            NameSignal::Request { from, id, name, pid } => {
                let result = match pid {
                    None if self.program.take_name(&name.0) => {
                        self.name_is_free(&name.0);
                        Ok(())
                    }
                    // Names are this program's own.
                    Some(pid) if self.holds(pid) => {
                        let taken = self.program.find(&name.0).is_some();
                        let given = !taken && self.program.give_name(name.0.as_slice().into(), pid);
                        let why = if taken { denied(&name.0, Denied::Taken) } else { "no such process".to_string() };
                        if given { Ok(()) } else { Err(why.as_str().into()) }
                    }
                    _ => Err("no such process".into()),
                };
                link.send((Wire::Name(NameSignal::Done { to: from, id, result }), Vec::new()), None, self);
            }
            NameSignal::Done { to, id, result } => {
                let result = result.map_err(|why| String::from_utf8_lossy(&why.0).into_owned());
                self.program.route(to, Signal::Reply { id, answer: Answer::Done(result) });
            }
            other => {
                if !self.global().as_ref().is_some_and(|g| g.names.is_joined(link.number)) {
                    return false;
                }
                let (now, random) = (self.now(), self.program.random());
                self.decide_names(|global, actions| global.names.receive(link.number, other, now, random, actions));
                self.wake();
            }
        }
        true
    }

    // Time.

    pub(super) fn next_timeout_of_names(&self) -> Option<Time> {
        self.global().as_ref().and_then(|g| g.names.next_timeout())
    }
    pub(super) fn timeout_of_names(&self) {
        let now = self.now();
        self.decide_names(|global, actions| global.names.timeout(now, actions));
    }

    /// Decides something about names, and carries it out.
    fn decide_names(&self, f: impl FnOnce(&mut Global, &mut Vec<Action>)) {
        let mut guard = self.global();
        let Some(global) = guard.as_mut() else { return };
        let Decided { told, faults } = self.decide_with(global, f);
        drop(guard);
        for (to, signal) in told {
            self.program.route(to, signal);
        }
        for c in faults {
            let link = self.table().links.get(&c).cloned();
            link.inspect(|link| self.fault(link, "names past all bounds"));
        }
    }
    /// The same by who has the lock: what is left to do when that is given back.
    fn decide_with(&self, global: &mut Global, f: impl FnOnce(&mut Global, &mut Vec<Action>)) -> Decided {
        let (mut told, mut faults) = (Vec::new(), Vec::new());
        let mut actions = Vec::new();
        f(global, &mut actions);
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Send(c, signal) => self.send_name(c, signal),
                Action::Done(number, result) => {
                    let Some(r) = global.registering.remove(&number) else { continue };
                    let mut result = result.map_err(|why| denied(&r.name, why));
                    // It has the name before who has asked knows.
                    if result.is_ok() && !self.program.give_name(r.name.clone(), r.pid) {
                        let mut more = Vec::new();
                        global.names.unregister(&r.name, &mut more);
                        actions.extend(more);
                        result = Err("no such process".to_string());
                    }
                    let (to, id) = r.asker;
                    match r.over {
                        None => told.push((to, Signal::Reply { id, answer: Answer::Done(result) })),
                        Some(c) => {
                            let result = result.map_err(|why| why.as_str().into());
                            self.send_name(c, NameSignal::Done { to, id, result });
                        }
                    }
                }
                Action::Conflict { name, loser, winner } => {
                    if self.program.take_name(&name) {
                        told.push((loser, Signal::Message(Message::name_conflict(&name, winner))));
                    }
                }
                Action::Fault(c) => faults.push(c),
            }
        }
        Decided { told, faults }
    }
    fn send_name(&self, c: Connection, signal: NameSignal<Pid>) {
        let link = self.table().links.get(&c).cloned();
        // If it cannot be sent, the session is over, and is left.
        link.and_then(|link| link.send((Wire::Name(signal), Vec::new()), None, self));
    }
}

/// Milliseconds of an option as a time.
pub(super) fn time_of(ms: f64) -> Time {
    (ms * MILLISECOND as f64) as Time
}
