//! Ties with processes that move, compared at both ends.
//!
//! Journey: remote signal: **session** -> inbox -> core. An end of a tie hangs on a session, and is told when that is lost. When a
//! process moves, both its ends come to hang on another, each at its time; and what has made or ended the tie goes by a path
//! of which some connection may be lost. So an end that has come to hang somewhere else asks the other whether it is there, in the
//! order of all that its process has sent to it: the other core answers by what ends a tie if it is not (process/core.rs). The
//! reader might expect that whoever loses a connection tells the other end; but that is told over connections that may be
//! lost as well.
//!
//! Always: an end hangs on the session with where the other is, as far as is known, and has asked over it. So two ends that believe
//! to be tied hang on the same session, or one of them hears that it is not so. Who sends to a process by a node that it
//! has left is told by that where it is.

use super::super::connections::Connection;
use super::super::signal::{MoveSignal, Signal as Wire};
use super::super::ties::Ties;
use super::super::translate;
use super::Online;
use super::link::Link;
use super::moves::{After, Held, Moves};
use crate::codec::Message;
use crate::migration::routes::{Place, Sent};
use crate::node::name::NodeName;
use crate::process::signal::{Bond, Signal};
use rlua_machine::value::{Pid, Runtime};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Link {
    /// What a signal that has come over it has made does not hang on it, though it may have been noted so.
    pub(super) fn takes_back(&self, to: Pid, made: Option<Signal>) {
        let answer = made.and_then(|made| made.bounce(to));
        if let Some((wire, _)) = answer.and_then(|(other, answer)| translate::outgoing(other, &answer)) {
            self.with_ties(|t| t.passes(&wire));
        }
    }
}

impl Online {
    /// Ends of these ties hang elsewhere from now on: the others are asked. `torn`: something of what was sent may be lost.
    pub(super) fn compare(&self, moves: &mut Moves, which: &dyn Fn(Pid, Pid) -> bool, torn: bool, after: &mut After) {
        let links = self.sessions();
        let asked: Vec<(Pid, Signal)> =
            links.iter().filter_map(|l| l.with_ties(|t| t.bonds(which))).flatten().collect();
        for (to, signal) in asked {
            self.ask_end(moves, to, signal, after);
        }
        if torn {
            self.unlink_again(which, after);
        }
    }
    /// Links were taken away, and it is not known whether that has come.
    pub(super) fn unlink_again(&self, which: &dyn Fn(Pid, Pid) -> bool, after: &mut After) {
        let links = self.sessions();
        let unlinks = links.iter().filter_map(|l| l.with_ties(|t| t.take_unlinks(which))).flatten();
        after.told.extend(unlinks.map(|(here, from)| (here, Signal::Tied { from, bond: Bond::Torn })));
    }
    /// The same of ties with one process: what was sent to it is lost, or has come by a way of which nothing is known.
    pub(super) fn compare_torn(&self, moves: &mut Moves, pid: Pid, after: &mut After) {
        self.compare(moves, &|_, there| there == pid, true, after);
    }
    pub(super) fn ask_end(&self, moves: &mut Moves, to: Pid, signal: Signal, after: &mut After) {
        match moves.routes.send(to, Held::Compared(signal)) {
            Sent::Held => {}
            Sent::To(runtime, held) => self.pass(moves, runtime, to, held, after),
            Sent::Home(Held::Compared(signal)) if self.asks_at_end(moves, to, &signal) => {}
            Sent::Home(Held::Compared(signal))
                if to.runtime() != self.program.runtime() && !self.has_ended_here(moves, to) =>
            {
                // In the stream of who asks, as all that it sends there.
                let link = self.link_to(to.runtime());
                if let Some((link, out)) = link.zip(translate::outgoing(to, &signal)) {
                    link.send(out, None, self);
                }
            }
            Sent::Home(held) => _ = self.pass_here(moves, to, held, after),
            Sent::By(..) => unreachable!("it is not sent on"),
        }
    }
    /// A process here asks something of one that has ended elsewhere: it is answered there, behind all that the other has sent before it
    /// ended and may be held back there; by way of where that was born the question could be lost, and nobody would tell it. False: there
    /// is no connection, or the other has not.
    pub(crate) fn asks_where_it_ended(&self, to: Pid, signal: &Signal) -> bool {
        let Some(moves) = self.moves_if_any().filter(|_| asker(signal).is_some()) else { return false };
        if !self.has_ended_here(&moves, to) {
            return self.asks_at_end(&moves, to, signal);
        }
        drop(moves);
        let answer = signal.clone().bounce(to);
        answer.into_iter().for_each(|(from, answer)| _ = self.program.route(from, answer));
        true
    }
    fn has_ended_here(&self, moves: &Moves, pid: Pid) -> bool {
        moves.routes.ended_at(pid) == Some(self.program.runtime())
    }
    fn asks_at_end(&self, moves: &Moves, to: Pid, signal: &Signal) -> bool {
        let Some(from) = asker(signal) else { return false };
        if moves.routes.place(to).is_some() || !self.is_here(moves, from) {
            return false;
        }
        let link = moves.routes.ended_at(to).and_then(|at| self.link_to(at));
        let out = translate::outgoing(to, signal);
        link.zip(out).is_some_and(|(link, out)| matches!(link.send(out, None, self), Some(Ok(_))))
    }
    /// A process runs where it has come: when all that has followed it is there, it asks the other ends of its ties.
    pub(super) fn has_arrived(&self, moves: &mut Moves, pid: Pid, torn: bool, after: &mut After) {
        if torn {
            // Those are said again.
            self.sessions().iter().for_each(|l| _ = l.with_ties(|t| t.take_unlinks(&|here, _| here == pid)));
        }
        self.ask_end(moves, pid, Signal::Arrived { torn }, after);
    }
    /// A process has come to where others are that believe to be tied to it: what they have sent may still be on its way back.
    pub(super) fn compare_here(&self, moves: &mut Moves, believed: &Ties, after: &mut After) {
        for (to, signal) in believed.bonds(&|_, _| true) {
            self.ask_end(moves, to, signal, after);
        }
    }
    /// A node has said of a process that it cannot be reached, and one end of a tie goes because of that: the other is told. Who
    /// has said it may not reach it where others do, and then it would hear of that from nobody.
    pub(super) fn breaks(&self, moves: &mut Moves, to: Pid, signal: &Signal, after: &mut After) {
        let (other, told) = match signal {
            Signal::Exit { from, reason, normal: false } if is_noconnection(reason) => {
                (*from, Signal::Exit { from: to, reason: reason.clone(), normal: false })
            }
            Signal::Down { from, id, reason } if is_noconnection(reason) => {
                (*from, Signal::Demonitor { from: to, id: *id })
            }
            _ => return,
        };
        self.ask_end(moves, other, told, after);
    }
    /// Something for a process that has moved has come over a connection: who has sent it by that is told where it is.
    pub(super) fn tell_of_place(&self, moves: &mut Moves, link: &Arc<Link>, pid: Pid) {
        let Some(place) = moves.routes.place(pid) else { return };
        let Some(node) = self.program.node_of(place.runtime) else { return };
        // By the next epoch it may be told again.
        if link.peer_runtime() == Some(place.runtime)
            || moves.told.insert((pid, link.number), place.epoch).is_some_and(|told| told >= place.epoch)
        {
            return;
        }
        self.send_found(link, pid, place, node);
    }
    /// Where a process is that goes on though these nodes have not said that all that it has sent before has come.
    pub(super) fn tell_unsettled(&self, pid: Pid, place: Place, nodes: &BTreeSet<NodeName>) {
        for node in nodes {
            let Some(link) = self.table().by_name.get(node).cloned() else { continue };
            self.send_found(&link, pid, place, self.name.clone());
            self.tell_goes_on(&link, pid, place.epoch);
        }
    }
    /// A process goes on though not all nodes have said so: those that have learn it too, since they may get something of before from
    /// the others.
    pub(super) fn tell_all_goes_on(&self, pid: Pid, epoch: u64, but: &BTreeSet<NodeName>) {
        for link in self.sessions() {
            if link.peer_name().is_some_and(|name| !but.contains(&name)) {
                self.send_move(&link, MoveSignal::GoesOn { pid, epoch });
            }
        }
    }
    /// The same of a node that knows where it is.
    pub(super) fn tell_goes_on(&self, link: &Arc<Link>, pid: Pid, epoch: u64) {
        #[cfg(test)]
        self.program.goes_on_without(pid, link.peer_name());
        self.send_move(link, MoveSignal::GoesOn { pid, epoch });
    }
    pub(super) fn send_found(&self, link: &Arc<Link>, pid: Pid, Place { epoch, runtime }: Place, node: NodeName) {
        let runtime = runtime.id().to_be_bytes();
        self.send_move(link, MoveSignal::Found { pid, epoch, runtime, node });
    }
    /// A process is known to be somewhere, from who is at the other end of a connection.
    pub(super) fn found(
        &self,
        moves: &mut Moves,
        link: &Link,
        (pid, place): (Pid, Place),
        node: NodeName,
        after: &mut After,
    ) {
        let Place { epoch, runtime } = place;
        self.program.met(runtime, &node);
        self.table().homes.insert(runtime, node);
        let here = runtime == self.program.runtime();
        let known = moves.handover.is_known(pid, epoch, !here);
        self.decided(moves, known, after);
        if moves.routes.has_ended(pid, epoch) {
            // What was sent to it since may have gone to where it is not any more.
            return after.told.extend(self.take_there(moves, pid).lost());
        }
        if here || moves.routes.place(pid).is_some_and(|p| p.epoch > epoch) {
            return;
        }
        let ties = self.take_there(moves, pid);
        match self.link_to(runtime) {
            Some(target) => _ = target.with_ties(|t| t.add(ties)),
            None => self.drift(moves, runtime, ties, after),
        }
        // If it cannot be seen that all has come that was sent by the way before.
        let before = moves.whereabouts(pid);
        if let Some(there) = self.link_to(before).filter(|there| before != runtime && there.number != link.number) {
            let epoch = moves.routes.place(pid).map_or(0, |p| p.epoch);
            self.may_still_come(moves, &there, pid, epoch);
        }
        let torn = before != runtime && before != self.program.runtime() && self.link_to(before).is_none();
        self.learn(moves, pid, place, after);
        self.compare(moves, &|_, there| there == pid, torn, after);
    }
    /// A connection is over: who has sent by it is told anew by another.
    pub(super) fn forget_told(&self, moves: &mut Moves, c: Connection) {
        moves.told.retain(|(_, over), _| *over != c);
        moves.behind.retain(|(over, _), _| *over != c);
        moves.settling_others.forget_connection(c);
    }
    /// A signal has made a tie that hangs on another connection than that over which it has come.
    pub(super) fn has_come_round(
        &self,
        moves: &mut Moves,
        to: Pid,
        signal: &Signal,
        over: Option<Runtime>,
        after: &mut After,
    ) {
        let (Signal::Link { from } | Signal::Monitor { from, .. }) = signal else { return };
        if Some(moves.whereabouts(*from)) != over {
            self.compare(moves, &|here, there| (here, there) == (to, *from), false, after);
        }
    }

    // What hangs where.

    /// Takes what hangs between processes here and one elsewhere, wherever that was believed to be.
    pub(super) fn take_there(&self, moves: &mut Moves, pid: Pid) -> Ties {
        let mut ties = Ties::default();
        self.sessions().iter().filter_map(|l| l.with_ties(|t| t.take_there(pid))).for_each(|t| ties.add(t));
        moves.adrift.values_mut().for_each(|t| ties.add(t.take_there(pid)));
        moves.adrift.retain(|_, t| !t.is_empty());
        ties
    }
    /// Ties with processes at a node that is not connected: it is to be.
    pub(super) fn drift(&self, moves: &mut Moves, runtime: Runtime, ties: Ties, after: &mut After) {
        if ties.is_empty() {
            return;
        }
        let Some(node) = self.way_home(&self.table(), runtime) else { return after.told.extend(ties.lost()) };
        moves.adrift.entry((node.clone(), runtime)).or_default().add(ties);
        self.want_connection(node);
    }
    /// A node is connected: what hangs between processes here and there; between which, and what is lost because the node is
    /// another program's now.
    pub(super) fn moor(
        &self,
        moves: &mut Moves,
        (node, runtime): (&NodeName, Runtime),
        link: &Link,
    ) -> (BTreeSet<(Pid, Pid)>, Ties) {
        let (mut pairs, mut lost) = (BTreeSet::new(), Ties::default());
        for ((_, at), ties) in moves.adrift.extract_if(.., |(n, _), _| n == node) {
            if at == runtime {
                pairs.extend(ties.pairs());
                link.with_ties(|t| t.add(ties));
            } else {
                lost.add(ties);
            }
        }
        (pairs, lost)
    }
    /// A node cannot be connected.
    pub(super) fn set_adrift_for_good(&self, node: &NodeName) {
        let Some(mut moves) = self.moves_if_any() else { return };
        let ties: Vec<Ties> = moves.adrift.extract_if(.., |(n, _), _| n == node).map(|(_, ties)| ties).collect();
        drop(moves);
        self.tell(ties.into_iter().flat_map(Ties::lost).collect());
    }
    /// A signal leaves or has come, and what it undoes may hang on any connection; but over which it has come, where what came after it
    /// has been seen as well.
    pub(super) fn passes(&self, wire: &Wire<Pid>, over: Option<&Link>) {
        let is_end = matches!(wire, Wire::Exit { .. } | Wire::Down { .. } | Wire::Response { over: true, .. });
        if !is_end && !matches!(wire, Wire::Unlink { .. } | Wire::Demonitor { .. }) {
            return;
        }
        if let Some(mut moves) = self.moves_if_any() {
            self.undoes_but(&mut moves, wire, over);
        }
    }
    pub(super) fn undoes(&self, moves: &mut Moves, wire: &Wire<Pid>) {
        self.undoes_but(moves, wire, None);
    }
    fn undoes_but(&self, moves: &mut Moves, wire: &Wire<Pid>, over: Option<&Link>) {
        let others = self.sessions().into_iter().filter(|l| over.is_none_or(|over| over.number != l.number));
        others.for_each(|l| _ = l.with_ties(|t| t.passes(wire)));
        moves.unmoored().for_each(|t| t.passes(wire));
    }
}
/// A signal once more, if it makes a tie.
pub(super) fn makes_tie(signal: &Signal) -> Option<Signal> {
    matches!(signal, Signal::Link { .. } | Signal::Monitor { .. }).then(|| signal.clone())
}
/// Who waits for the answer to a signal.
fn asker(signal: &Signal) -> Option<Pid> {
    match signal {
        Signal::Link { from } | Signal::Monitor { from, .. } | Signal::Ask { from, .. } | Signal::Tied { from, .. } => {
            Some(*from)
        }
        _ => None,
    }
}
fn is_noconnection(reason: &Message) -> bool {
    reason.is_string(b"noconnection")
}
