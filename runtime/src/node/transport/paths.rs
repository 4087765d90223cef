//! By which paths signals come to a process that has moved, so that none overtakes another where a mark cannot see to it.
//!
//! Journey: remote signal: route -> session -> **order of paths** -> inbox. As long as nothing is lost marks keep the order
//! (migration/routes.rs). But a connection on the way of a mark may be lost, or a mark may take too long; what went before it
//! may still be on its way by others then. So each node numbers its paths to a process, whenever it sends by another, and what
//! it sends or sends on bears the number. Where the process is, the greatest of each node is kept, and goes along when it moves;
//! what bears a smaller one is late, and does not reach it any more. The reader might expect numbers of signals, by sender;
//! there are many more senders than nodes.
//!
//! Always: a node's later path to a process has a greater number. What a node was sent straight, by who knows the process only
//! from its birthplace, has number 0.

use super::super::hello::features;
use super::super::signal::{Carried, MoveSignal, Signal as Wire};
use super::super::translate::Outgoing;
use super::Online;
use super::bonds::makes_tie;
use super::link::Link;
use super::moves::{After, Moves};
use crate::codec::Message;
use crate::migration::routes::Place;
use crate::process::signal::{Bond, Question, Signal};
use rlua_machine::value::{Pid, Runtime};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// A node that has sent something on, by the identity of its runtime, and the number of its path.
pub type Hop = ([u8; 16], u64);

/// Nodes at most whose paths to a process are remembered.
pub const HEARD_MAX: usize = 4096;

/// Processes at most of which it is remembered that they have gone on without this node.
const AHEAD_MAX: usize = 4096;

/// A place of a process from which something of it may still come.
pub struct Behind {
    /// How often it had moved when it came there.
    epoch: u64,
    /// It has gone on without that.
    is_late: bool,
}

/// Which way something has come.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Way {
    hops: Vec<Hop>,
    /// Of a message: who has sent it, and how often that had moved then, if that is known.
    sender: Option<(Pid, u64)>,
    /// This node's path is among these already; or it is none of its: it was in the inbox of a process that has left here, and follows it.
    has_path: bool,
    /// The same of one that has come here: it was in the inbox of the process at its last place.
    has_followed: bool,
}

impl Way {
    /// As it was said.
    pub fn of(hops: Vec<Hop>) -> Way {
        Way { has_followed: hops.is_empty(), hops, ..Way::default() }
    }
    /// Of what had come to a process before it left here.
    pub fn of_inbox() -> Way {
        Way { has_path: true, ..Way::default() }
    }
    /// The same, of somebody's message.
    pub fn sent_by(self, sender: Option<(Pid, u64)>) -> Way {
        Way { sender, ..self }
    }
    /// Who has sent it, if it is a message, and how often that had moved then.
    pub fn sender(&self) -> Option<(Pid, u64)> {
        self.sender
    }
    /// Whether it has come straight from its sender's node: what other nodes have sent on to that, or was in the inbox of a process that has
    /// followed from there, may have been sent from anywhere.
    pub fn is_straight(&self) -> bool {
        self.hops.len() == 1
    }
    /// Which nodes have sent it on, by which paths.
    pub fn hops(self) -> Vec<Hop> {
        self.hops
    }
    /// By a path of a node as well, which comes last.
    fn by(mut self, runtime: Runtime, path: u64) -> Way {
        let id = runtime.id().to_be_bytes();
        self.hops.retain(|(r, _)| *r != id);
        self.hops.push((id, path));
        self.has_followed = false;
        self
    }
    /// The same, though this node has a later path.
    pub(super) fn by_older(self, runtime: Runtime, path: u64) -> Way {
        Way { has_path: true, ..self.by(runtime, path) }
    }
}

impl Way {
    /// Whether it was sent before all that a node holds back for the process, which is there: that has sent it on by a path before, or the
    /// process had it in its inbox.
    pub(super) fn is_ahead_at(&self, runtime: Runtime) -> bool {
        self.has_followed || self.path_of(runtime).is_some()
    }
    /// The last path of a node by which it has been sent on.
    fn path_of(&self, runtime: Runtime) -> Option<u64> {
        let id = runtime.id().to_be_bytes();
        self.hops.iter().find(|(r, _)| *r == id).map(|(_, path)| *path)
    }
    /// Whether it has been sent on by a path of a node.
    pub(super) fn has(&self, runtime: Runtime, path: u64) -> bool {
        path > 0 && self.hops.contains(&(runtime.id().to_be_bytes(), path))
    }
}

/// The latest paths by which something has come to a process.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Heard(BTreeMap<[u8; 16], u64>);

impl Heard {
    /// As it was said by where the process was before.
    pub fn of(hops: Vec<Hop>) -> Heard {
        Heard(hops.into_iter().take(HEARD_MAX).collect())
    }
    /// To be said to where it goes.
    pub fn into_hops(self) -> Vec<Hop> {
        self.0.into_iter().collect()
    }
    /// Something has come. False: after something that was sent later, by a later path.
    pub fn takes(&mut self, way: &Way) -> bool {
        let is_late = |(id, path): &Hop| self.0.get(id).is_some_and(|last| last > path);
        if way.hops.iter().any(is_late) {
            return false;
        }
        for (id, path) in way.hops.iter().filter(|(_, path)| *path > 0) {
            if self.0.len() < HEARD_MAX || self.0.contains_key(id) {
                self.0.insert(*id, *path);
            }
        }
        true
    }
}

impl Link {
    /// What is said of moves as its peer knows it: one that numbers no paths is told nothing of them. None: it says nothing then.
    pub(super) fn as_known_there(&self, (wire, modules): Outgoing) -> Option<Outgoing> {
        let has = |feature| self.peer().is_none_or(|p| p.features & feature != 0);
        let numbers_paths = has(features::PATHS);
        let wire = if has(features::SENDERS) { wire } else { wire.without_sender() };
        let wire = if numbers_paths { Some(wire) } else { wire.without_paths() };
        wire.map(|wire| (wire, modules))
    }
}

impl Online {
    /// The way of what has come straight from a node.
    pub(super) fn way_from(&self, link: &Link) -> Way {
        // One that does not number its paths is not measured by them.
        let peer = link.peer().filter(|p| p.features & features::PATHS != 0);
        peer.and_then(|p| p.runtime()).map_or(Way::default(), |runtime| Way::default().by(runtime, 0))
    }
    /// What is sent on to a process that has moved.
    pub(super) fn forward_by(&self, moves: &Moves, to: Pid, carried: Carried<Pid>, way: Way) -> Wire<Pid> {
        let sender = way.sender.filter(|_| matches!(carried, Carried::Message(_)));
        let way = if way.has_path { way } else { way.by(self.program.runtime(), moves.routes.path(to)) };
        let by = way.hops;
        Wire::Move(match sender {
            Some((from, epoch)) => MoveSignal::ForwardOf { to, by, from, epoch, carried },
            None => MoveSignal::ForwardBy { to, by, carried },
        })
    }
    /// Who has sent a message, if it is known, and how often that has moved: of a process of this runtime, or of the one that the message
    /// has come from.
    pub(super) fn sender_at(&self, moves: &Moves, from: Option<Pid>, at: Option<Runtime>) -> Option<(Pid, u64)> {
        let from = from.filter(|from| Some(moves.whereabouts(*from)) == at)?;
        Some((from, moves.routes.last_move_of(from).unwrap_or(0)))
    }
    /// Whether a message that was sent on was sent before its sender went on without the node that has sent it on.
    pub(super) fn is_of_before(&self, moves: &Moves, way: &Way) -> bool {
        way.sender.is_some_and(|(from, epoch)| moves.ahead.get(&from).is_some_and(|ahead| *ahead > epoch))
    }
    /// Whether something that is to be given to a process here comes in the order in which it was sent.
    fn is_in_order(&self, moves: &mut Moves, to: Pid, way: &Way) -> bool {
        match moves.heard.get_mut(&to) {
            Some(heard) => heard.takes(way),
            None if moves.routes.place(to).is_none() => true,
            None => moves.heard.entry(to).or_default().takes(way),
        }
    }
    /// A process of this node sends to one that is here: that is the last path.
    pub(super) fn is_of_here(&self, moves: &mut Moves, to: Pid) {
        let way = Way::default().by(self.program.runtime(), moves.routes.path(to));
        self.is_in_order(moves, to, &way);
    }
    /// What becomes of something that was sent on to a process, which is here: itself, or if it is late what is given to the
    /// process instead, as if the connection with its sender had been lost before.
    pub(super) fn unless_late(
        &self,
        moves: &mut Moves,
        to: Pid,
        (signal, way): (Signal, Way),
        after: &mut After,
    ) -> Option<Signal> {
        if self.is_in_order(moves, to, &way) { Some(signal) } else { self.instead(to, signal, after) }
    }
    /// The same of something that is to be sent on from here once more: what this node has sent later by another path is held back no
    /// longer.
    pub(super) fn unless_overtaken(
        &self,
        moves: &Moves,
        to: Pid,
        (signal, way): (Signal, &Way),
        after: &mut After,
    ) -> Option<Signal> {
        let is_old = |path| path < moves.routes.path(to);
        let is_late = way.path_of(self.program.runtime()).is_some_and(is_old) && !moves.routes.has_hold(to);
        if is_late { self.instead(to, signal, after) } else { Some(signal) }
    }
    /// What a process is given instead of a signal that comes too late.
    fn instead(&self, to: Pid, signal: Signal, after: &mut After) -> Option<Signal> {
        let noconnection = || Message::string(b"noconnection");
        match signal {
            // Nothing of its sender is to follow, or what follows does not hang on it.
            Signal::Exit { .. }
            | Signal::Down { .. }
            | Signal::Demonitor { .. }
            | Signal::UnlinkAck { .. }
            | Signal::Reply { .. }
            | Signal::Tied { .. }
            | Signal::Ask { question: Question::Again, .. } => Some(signal),
            // Its sender believes to be tied, unless it has taken that back since or made it anew.
            Signal::Link { from } => Some(Signal::Tied { from, bond: Bond::Link }),
            Signal::Monitor { from, id } => Some(Signal::Tied { from, bond: Bond::Watches(id) }),
            Signal::Response { from, id, over: true, .. } => Some(Signal::Down { from, id, reason: noconnection() }),
            // The sender may have made the link anew.
            Signal::Unlink { from, .. } => {
                let lost = |from| Signal::Exit { from, reason: noconnection(), normal: false };
                after.told.extend(signal.unreachable(to));
                after.told.push((from, lost(to)));
                Some(lost(from))
            }
            other => {
                after.told.extend(other.unreachable(to));
                None
            }
        }
    }

    // Those that move and send.

    /// A process was believed to be somewhere, and is elsewhere: what it has sent from there may come until that says that it has left. If
    /// that has not said so yet of the time before, it does first, and what comes until then was sent then.
    pub(super) fn may_still_come(&self, moves: &mut Moves, there: &Link, pid: Pid, epoch: u64) {
        if !moves.behind.contains_key(&(there.number, pid)) {
            self.may_follow(moves, there, pid, epoch);
        }
    }
    fn may_follow(&self, moves: &mut Moves, there: &Link, pid: Pid, epoch: u64) {
        let is_late = moves.ahead.get(&pid).is_some_and(|ahead| *ahead > epoch);
        moves.behind.insert((there.number, pid), Behind { epoch, is_late });
        if is_late {
            there.brings_late.store(true, Ordering::Release);
        }
    }
    /// All that a process has sent by a connection before it left from there, or came there last, has come.
    pub(super) fn has_followed(&self, moves: &mut Moves, link: &Link, pid: Pid, place: Place) {
        let last = moves.routes.last_move_of(pid);
        if Some(place.runtime) == link.peer_runtime() && last.is_some_and(|last| last > place.epoch) {
            // It was there once more, and is known to have gone on.
            self.may_follow(moves, link, pid, place.epoch);
        } else {
            moves.behind.remove(&(link.number, pid));
        }
    }
    /// A process has gone on as of a move, and had waited long enough for what it had sent from its places before.
    pub(super) fn goes_on_from(&self, moves: &mut Moves, pid: Pid, epoch: u64) {
        if moves.routes.last_move_of(pid).is_none_or(|last| last < epoch) {
            return;
        }
        if moves.ahead.len() >= AHEAD_MAX && !moves.ahead.contains_key(&pid) {
            moves.ahead.pop_first();
        }
        let ahead = moves.ahead.entry(pid).or_default();
        *ahead = epoch.max(*ahead);
        for ((c, _), behind) in moves.behind.iter_mut().filter(|((_, who), b)| *who == pid && b.epoch < epoch) {
            behind.is_late = true;
            let link = self.table().links.get(c).cloned();
            link.inspect(|link| link.brings_late.store(true, Ordering::Release));
        }
    }
    /// A process is where this node is not waited for: of what it has sent from its places before nothing that is still to come was to
    /// come here, or its time is over.
    pub(super) fn has_settled_there(&self, moves: &mut Moves, pid: Pid, epoch: u64) {
        if moves.behind.iter().any(|((_, who), b)| *who == pid && b.epoch < epoch) {
            self.goes_on_from(moves, pid, epoch);
        }
    }
    /// A signal has come from a process over a connection: itself, or what is given instead if it is late.
    pub(super) fn unless_behind(
        &self,
        moves: &Moves,
        link: &Link,
        from: Option<Pid>,
        to: Pid,
        (signal, after): (Signal, &mut After),
    ) -> Option<Signal> {
        let is_late = |from: &Pid| moves.behind.get(&(link.number, *from)).is_some_and(|b| b.is_late);
        let Some(from) = from.filter(|_| link.brings_late.load(Ordering::Acquire)).filter(is_late) else {
            return Some(signal);
        };
        // What it makes does not hang there. (What the birth of a process has made does, until that has said that it has left.)
        if moves.routes.place(from).is_some_and(|p| Some(p.runtime) != link.peer_runtime()) {
            link.takes_back(to, makes_tie(&signal));
        }
        self.instead(to, signal, after)
    }
    /// The same of one that has come straight.
    pub(super) fn unless_late_from(&self, link: &Link, from: Option<Pid>, to: Pid, signal: Signal) -> Option<Signal> {
        if !link.brings_late.load(Ordering::Acquire) {
            return Some(signal);
        }
        let mut after = After::default();
        let signal = self.unless_behind(&self.moves(), link, from, to, (signal, &mut after));
        self.see_to(after);
        signal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_by_an_earlier_path_comes_too_late() {
        let (a, b) = (Runtime::find(0x7101).expect("there is room"), Runtime::find(0x7102).expect("there is room"));
        let way = |hops: &[(Runtime, u64)]| hops.iter().fold(Way::default(), |way, (r, path)| way.by(*r, *path));
        let mut heard = Heard::default();
        assert!(heard.takes(&way(&[(a, 0), (b, 3)])) && heard.takes(&way(&[(a, 0), (b, 3)])));
        assert!(heard.takes(&way(&[(a, 2)])));
        assert!(!heard.takes(&way(&[(a, 0), (b, 3)])), "it was sent before the second");
        assert!(heard.takes(&way(&[(b, 3)])) && heard.takes(&way(&[(b, 4)])) && !heard.takes(&way(&[(b, 3)])));
        // Where it goes that is known, too.
        let mut there = Heard::of(heard.into_hops());
        assert!(!there.takes(&way(&[(a, 1)])) && there.takes(&way(&[(a, 2)])));
        // What has been on before, or was in the inbox, is before all that is held back.
        assert!(way(&[(a, 2), (b, 3)]).is_ahead_at(a) && !way(&[(b, 3)]).is_ahead_at(a));
        assert!(
            Way::of(vec![]).is_ahead_at(a)
                && !Way::default().is_ahead_at(a)
                && !Way::of(vec![]).by(b, 1).is_ahead_at(a)
        );
        // One who has sent it on twice has sent it last.
        assert_eq!(way(&[(a, 1), (b, 2), (a, 5)]), way(&[(b, 2), (a, 5)]));
    }
    #[test]
    fn what_is_remembered_is_bounded() {
        let mut heard = Heard::default();
        for n in 0..2 * HEARD_MAX as u128 {
            assert!(heard.takes(&Way::of(vec![(n.to_be_bytes(), 1)])));
        }
        assert_eq!(heard.into_hops().len(), HEARD_MAX);
    }
}
