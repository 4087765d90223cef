//! Connections of the node, as they come and go: what ../connections.rs decides is carried out.
//!
//! Journey: remote signal: name -> **which session** -> socket, and socket -> **session** -> its signals. What was dialled or
//! has been accepted has a handshake first; a session that stands gets what waited for its node.
//!
//! Always: a decision is made and carried out under the lock of control, so that each thread sees all of it or nothing.

use super::super::complaints::WINDOW;
use super::super::connections::{Action, Connection, Connections};
use super::super::handshake::{Event as Shaken, Failure, Handshake, Verdict};
use super::super::hello::Refusal;
use super::super::name::NodeName;
use super::super::peer::Event;
use super::super::session::Sent;
use super::super::signal::Signal as Wire;
use super::super::ties::Ties;
use super::super::{SECOND, Time};
use super::link::{self, Happened, Link, Stage};
use super::unsent::{Waiting, lost};
use super::{Online, moves};
use crate::process::signal::{Answer, Signal};
use rlua_machine::value::Pid;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Connections at a time that have not shown the cookie.
pub(super) const STRANGERS_MAX: usize = 64;
/// How long after this node has dialled, or was connected, another that dialled it at the same time may give that up.
const OUTRUN: Time = 2 * SECOND;

impl Online {
    /// What was dialled has answered: a handshake begins, unless the attempt was given up meanwhile.
    pub(super) fn connected(&self, c: Connection, node: &NodeName, random: [u8; 32]) -> Option<Arc<Link>> {
        let control = self.control.lock().unwrap_or_else(|e| e.into_inner());
        if !control.is_attempting(c) {
            return None;
        }
        self.met_at.store(self.now(), Ordering::Relaxed);
        let handshake = Handshake::initiate(&self.key(), self.hello.clone(), node.clone(), random, self.now());
        Some(self.enter(Link::new(c, node.to_string(), handshake)))
    }
    /// Somebody has connected from outside: a handshake begins. One of many who have not shown the cookie makes room.
    pub(super) fn accepted(&self, address: String, random: [u8; 32]) -> Arc<Link> {
        let strangers: Vec<Arc<Link>> = self.table().links.values().filter(|l| l.is_stranger()).cloned().collect();
        if strangers.len() >= STRANGERS_MAX {
            // Of the address that has most of them.
            let host = |l: &Link| l.address.rsplit_once(':').map_or(String::new(), |(host, _)| host.to_string());
            let mut hosts: HashMap<String, Vec<&Arc<Link>>> = HashMap::new();
            for l in &strangers {
                hosts.entry(host(l)).or_default().push(l);
            }
            let most = hosts.into_values().max_by_key(Vec::len).unwrap_or_default();
            let victim = most[self.program.random() as usize % most.len()];
            victim.lock().end();
            self.forget(victim.number);
        }
        let c = self.control.lock().unwrap_or_else(|e| e.into_inner()).number();
        let handshake = Handshake::accept(&self.key(), self.hello.clone(), random, self.now());
        self.enter(Link::new(c, address, handshake))
    }
    pub(super) fn enter(&self, link: Arc<Link>) -> Arc<Link> {
        self.table().links.insert(link.number, link.clone());
        link
    }
    /// Whether somebody wants something of connections.
    pub(super) fn is_wanted(&self) -> bool {
        let table = self.table();
        !table.wanted.is_empty() || !table.listed.is_empty()
    }
    /// Sees to what is wanted of connections, and to their pauses.
    pub(super) fn see_to_wanted(self: &Arc<Self>) {
        let (wanted, listed) = {
            let mut table = self.table();
            (std::mem::take(&mut table.wanted), std::mem::take(&mut table.listed))
        };
        let (now, random) = (self.now(), self.program.random());
        self.decide(|connections, actions| {
            for node in &wanted {
                connections.connect(node, actions);
            }
            connections.listed(&listed, actions);
            connections.timeout(now, random, actions);
        });
        self.timeout_of_names();
        self.timeout_of_moves();
        let left_out = self.complaints.lock().unwrap_or_else(|e| e.into_inner()).timeout(now);
        if let Some(n) = left_out {
            report!("rlua-actor: {n} more connections came to nothing in {} s", WINDOW / SECOND);
        }
    }
    /// Tells whoever runs the node of a connection that has come to nothing, unless there are too many.
    pub(super) fn complain(&self, text: &str) {
        let mut complaints = self.complaints.lock().unwrap_or_else(|e| e.into_inner());
        let may_say = complaints.may_say(self.now());
        let due = complaints.next_timeout();
        drop(complaints);
        if may_say {
            self.program.report(text);
        }
        due.into_iter().for_each(|due| self.wake_before(due));
    }
    /// When that is to be looked at, though nobody wants anything.
    pub(super) fn next_timeout(&self) -> Option<Time> {
        let next = self.control.lock().unwrap_or_else(|e| e.into_inner()).next_timeout();
        let left_out = self.complaints.lock().unwrap_or_else(|e| e.into_inner()).next_timeout();
        let others = [self.next_timeout_of_names(), self.next_timeout_of_moves(), left_out];
        next.into_iter().chain(others.into_iter().flatten()).min()
    }
    /// Decides something about connections, and carries it out.
    pub(super) fn decide(self: &Arc<Self>, f: impl FnOnce(&mut Connections, &mut Vec<Action>)) {
        let mut actions = Vec::new();
        let mut control = self.control.lock().unwrap_or_else(|e| e.into_inner());
        f(&mut control, &mut actions);
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            let stands = if let Action::Up(c, _) | Action::Visit(c) = action { Some(c) } else { None };
            self.carry_out(action);
            // It may have been over before it was accepted, and then nobody else tells of it.
            if let Some(c) = stands.filter(|c| !self.table().links.contains_key(c)) {
                let mut more = Vec::new();
                control.failed(c, &Failure::Closed, self.now(), 0, &mut more);
                actions.extend(more);
            }
        }
        let due = control.next_timeout();
        drop(control);
        due.into_iter().for_each(|due| self.wake_before(due));
    }
    pub(super) fn carry_out(self: &Arc<Self>, action: Action) {
        match action {
            Action::Dial(c, node) => self.program.dial(self.clone(), c, node),
            Action::Abandon(c) => {
                if let Some(link) = self.forget(c) {
                    link.lock().end();
                }
            }
            Action::Answer(c, verdict) => {
                let Some(link) = self.table().links.get(&c).cloned() else { return };
                let mut inner = link.lock();
                inner.with_handshake(|h| {
                    h.answer(verdict.clone());
                    // What it says to that is known here.
                    while h.poll().is_some() {}
                });
                match verdict {
                    Verdict::Ok => inner.become_session(self.program.keepalive(), self.now()),
                    Verdict::Wait => {}
                    Verdict::Refuse(why) => {
                        drop(inner);
                        // That two have dialled each other at the same time is nothing to tell.
                        if why != Refusal::Connected {
                            self.complain(&link::refused(&link, &why));
                        }
                        self.forget(c);
                    }
                }
            }
            Action::End(c, why) => {
                let Some(link) = self.forget(c) else { return };
                let delivery = link.delivery.lock().unwrap_or_else(|e| e.into_inner());
                let peer = (link.peer_runtime(), link.peer_name());
                if let Stage::Session(p) = &mut link.lock().stage {
                    p.close(&why);
                }
                while let Some(happened) = link.poll() {
                    if let Happened::Session(Event::Lost(_, ties)) = happened {
                        self.tell_of_loss(&link, *ties);
                    }
                }
                self.leave_names(c);
                self.leave_moves(c, peer.0, peer.1);
                drop(delivery);
            }
            Action::Up(c, node) => self.up(c, node),
            Action::Visit(c) => {
                let mut table = self.table();
                let Some(link) = table.links.get(&c).cloned() else { return };
                let Some((runtime, name)) = link.peer().and_then(|p| Some((p.runtime()?, p.name))) else { return };
                self.program.met(runtime, &name);
                table.by_runtime.insert(runtime, link);
            }
            Action::Probe(c) => {
                let link = self.table().links.get(&c).cloned();
                link.inspect(|link| link.probe(self.now()));
            }
            Action::List(c) => {
                let link = self.table().links.get(&c).cloned();
                link.inspect(|link| self.list(link));
            }
            Action::Unreachable(node, why) => self.unreachable(node, &why),
            Action::NodeDown(node, why) => self.node_is_down(&node, &why),
        }
    }
    pub(super) fn up(self: &Arc<Self>, c: Connection, node: NodeName) {
        self.met_at.store(self.now(), Ordering::Relaxed);
        let Some(link) = self.table().links.get(&c).cloned() else { return };
        let Some(runtime) = link.peer().and_then(|p| p.runtime()) else { return };
        let mut moves = self.moves_if_any();
        let after = moves.as_mut().and_then(|moves| self.session_stands(moves, &link, runtime, &node));
        let mut table = self.table();
        if !table.links.contains_key(&c) {
            drop((table, moves));
            return after.into_iter().for_each(|after| self.see_to(after));
        }
        self.program.met(runtime, &node);
        table.homes.insert(runtime, node.clone());
        table.by_name.insert(node.clone(), link.clone());
        table.by_runtime.insert(runtime, link.clone());
        let waiting = table.waiting.remove(&node).unwrap_or_default();
        let (mut answers, mut moored, mut lost_ties) = (Vec::new(), BTreeSet::new(), Ties::default());
        let mut marks = Vec::new();
        // Whoever is to answer one of them has to know where it is.
        if let Some(moves) = &mut moves {
            self.tell_of_guests(moves, &link, runtime);
            (moored, lost_ties) = self.moor(moves, (&node, runtime), &link);
        }
        drop(moves);
        // Before anybody else can send there.
        let mut gone: BTreeSet<Pid> = BTreeSet::new();
        for Waiting { to, at, signal, asker } in waiting {
            let sent = match signal {
                None => Ok(Sent::Queued),
                // Its program has ended, and another has taken the name.
                Some(((out, _), local)) if at.is_some_and(|at| at != runtime) => {
                    marks.extend(out.is_mark().then_some(out));
                    Err(("the process's program has ended".to_string(), local))
                }
                Some((out, local)) => {
                    match (&out.0, to, &local) {
                        (Wire::Move(_), Some(to), Some(local)) => self.leaves_by(&link, to, local),
                        // Who has ended meanwhile waits for no answer.
                        (wire, ..) => {
                            gone.extend(super::super::signal::sender(wire).filter(|from| !self.program.is_here(*from)))
                        }
                    }
                    match link.as_known_there(out).and_then(|out| link.send(out, asker, self)) {
                        Some(Ok(sent)) => Ok(sent),
                        Some(Err(why)) => Err((why.to_string(), local)),
                        None => Err(("the connection is lost".to_string(), local)),
                    }
                }
            };
            match (sent, asker) {
                (Ok(Sent::Queued), Some((pid, id))) => {
                    answers.push((pid, Signal::Reply { id, answer: Answer::Done(Ok(())) }))
                }
                (Ok(_), _) => {}
                (Err((why, _)), Some((pid, id))) => {
                    answers.push((pid, Signal::Reply { id, answer: Answer::Done(Err(why)) }))
                }
                (Err((_, local)), None) => answers.extend(to.zip(local).and_then(|(to, s)| lost(to, s))),
            }
        }
        gone.into_iter().for_each(|from| _ = link.with_ties(|t| t.forget_here(from)));
        drop(table);
        if self.hello.connects_all() {
            self.list(&link);
        }
        self.join_names(&link);
        after.into_iter().for_each(|after| self.see_to(after));
        if !moored.is_empty() {
            let mut after = moves::After::default();
            self.compare(&mut self.moves(), &|here, there| moored.contains(&(here, there)), true, &mut after);
            self.see_to(after);
        }
        marks.iter().for_each(|mark| self.mark_is_out(mark));
        answers.extend(lost_ties.lost());
        self.tell(answers);
        self.leave_at_last();
    }
    /// Tells a peer with whom else this node is connected.
    pub(super) fn list(&self, link: &Arc<Link>) {
        let mut names: Vec<NodeName> = {
            let table = self.table();
            table.by_name.iter().filter(|(_, l)| l.number != link.number).map(|(n, _)| n.clone()).collect()
        };
        names.sort();
        link.send((Wire::Nodes { names, last: true }, Vec::new()), None, self);
    }
    pub(super) fn unreachable(&self, node: NodeName, why: &str) {
        self.set_adrift_for_good(&node);
        let waiting = self.table().waiting.remove(&node).unwrap_or_default();
        let answer = || Answer::Done(Err(format!("no connection to {node}: {why}")));
        for Waiting { to, signal, asker, .. } in waiting {
            if let Some(((mark @ Wire::Move(_), _), None)) = &signal {
                self.mark_is_out(mark);
            }
            let local = signal.and_then(|(_, local)| local);
            let told = match (asker, to.zip(local)) {
                (Some((pid, id)), _) | (None, Some((pid, Signal::Reply { id, .. }))) => {
                    Some((pid, Signal::Reply { id, answer: answer() }))
                }
                (None, other) => other.and_then(|(to, s)| lost(to, s)),
            };
            if let Some((to, signal)) = told {
                self.program.route(to, signal);
            }
        }
        self.leave_at_last();
    }
    /// A connection is in no table any more.
    pub(super) fn forget(&self, c: Connection) -> Option<Arc<Link>> {
        let mut table = self.table();
        let link = table.links.remove(&c)?;
        table.by_name.retain(|_, l| l.number != c);
        table.by_runtime.retain(|_, l| l.number != c);
        Some(link)
    }
    pub(super) fn tell(&self, told: Vec<(Pid, Signal)>) {
        for (to, signal) in told {
            self.program.route(to, signal);
        }
    }
    /// Hands on all that a connection has to say.
    pub(super) fn drain(self: &Arc<Self>, link: &Arc<Link>) {
        let mut signals = Vec::new();
        loop {
            let delivery = link.delivery.lock().unwrap_or_else(|e| e.into_inner());
            let (mut holds, unasked) = link.take_signals(&mut signals);
            for signal in signals.drain(..) {
                holds = self.arrived(link, signal, holds);
            }
            if let Some(signal) = unasked {
                self.arrived_unasked(link, signal);
                continue;
            }
            let Some(happened) = link.poll() else { return };
            match happened {
                Happened::Handshake(Shaken::Asked(opening)) => {
                    drop(delivery);
                    let c = link.number;
                    self.decide(|connections, actions| connections.asked(c, &opening, actions));
                }
                Happened::Handshake(Shaken::Waiting) => {}
                Happened::Handshake(Shaken::Established) => {
                    link.lock().become_session(self.program.keepalive(), self.now());
                    drop(delivery);
                    if let Some(peer) = link.peer() {
                        self.decide(|connections, actions| connections.established(link.number, &peer, actions));
                    }
                }
                Happened::Handshake(Shaken::Failed(failure)) => {
                    let complaint = link::complaint(link, &failure).filter(|_| !self.is_outrun(&failure));
                    link.lock().end();
                    drop(delivery);
                    // A visitor has dialled, and is told by its call.
                    if let Some(text) = complaint.filter(|_| !self.hello.visits()) {
                        self.complain(&text);
                    }
                    self.attempt_failed(link.number, failure);
                }
                Happened::Session(Event::Signal(signal)) => {
                    self.arrived(link, signal, true);
                }
                Happened::Session(Event::Unasked(signal)) => self.arrived_unasked(link, signal),
                Happened::Session(Event::Met(runtime, node)) => {
                    // Nobody finds the way to a visitor by its name.
                    let is_visitor = link.peer().is_some_and(|p| p.visits() && p.runtime() == Some(runtime));
                    if runtime != self.program.runtime() && !is_visitor {
                        self.program.met(runtime, &node);
                        self.table().homes.insert(runtime, node);
                    }
                }
                Happened::Session(Event::Resume(pid)) => {
                    let id = link.lock().resumed(pid);
                    if let Some(id) = id {
                        self.program.route(pid, Signal::Reply { id, answer: Answer::Done(Ok(())) });
                    }
                }
                Happened::Session(Event::Lost(end, ties)) => {
                    let peer = (link.peer_runtime(), link.peer_name());
                    self.forget(link.number);
                    self.tell_of_loss(link, *ties);
                    self.leave_names(link.number);
                    self.leave_moves(link.number, peer.0, peer.1);
                    drop(delivery);
                    let why = end.to_string();
                    self.decide(|connections, actions| connections.ended(link.number, &why, actions));
                    self.want_again();
                }
            }
        }
    }
    /// Who began to wait when a session was lost, but its end was not decided on yet, was not seen to.
    pub(super) fn want_again(&self) {
        let mut table = self.table();
        if table.waiting.is_empty() {
            return;
        }
        let nodes: Vec<NodeName> = table.waiting.keys().cloned().collect();
        table.wanted.extend(nodes);
        drop(table);
        self.wake();
    }
    /// Whether a connection that was closed without an answer may be one of two that both ends have begun at the same time,
    /// of which one is given up: this node has dialled, or a connection has come up, not long ago.
    pub(super) fn is_outrun(&self, failure: &Failure) -> bool {
        let at = self.met_at.load(Ordering::Relaxed);
        *failure == Failure::ClosedEarly && at > 0 && self.now().saturating_sub(at) < OUTRUN
    }
    /// An attempt, or a connection from outside, has come to nothing.
    pub(super) fn attempt_failed(self: &Arc<Self>, c: Connection, failure: Failure) {
        self.forget(c);
        let (now, random) = (self.now(), self.program.random());
        self.decide(|connections, actions| connections.failed(c, &failure, now, random, actions));
        // There may be a pause to be timed.
        self.wake();
    }
}
