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
use super::super::signal::MoveSignal;
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
            let unlinks = links.iter().filter_map(|l| l.with_ties(|t| t.take_unlinks(which))).flatten();
            after.told.extend(unlinks.map(|(here, from)| (here, Signal::Tied { from, bond: Bond::Torn })));
        }
    }
    /// The same of ties with one process: what was sent to it is lost, or has come by a way of which nothing is known.
    pub(super) fn compare_torn(&self, moves: &mut Moves, pid: Pid, after: &mut After) {
        self.compare(moves, &|_, there| there == pid, true, after);
    }
    fn ask_end(&self, moves: &mut Moves, to: Pid, signal: Signal, after: &mut After) {
        match moves.routes.send(to, Held::Compared(signal)) {
            Sent::Held => {}
            Sent::To(runtime, held) => self.pass(moves, runtime, to, held, after),
            Sent::Home(Held::Compared(signal)) if to.runtime() != self.program.runtime() => {
                // In the stream of who asks, as all that it sends there.
                let link = self.link_to(to.runtime());
                if let Some((link, out)) = link.zip(translate::outgoing(to, &signal)) {
                    link.send(out, None, self);
                }
            }
            Sent::Home(held) => self.pass_here(moves, to, held, after),
        }
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
            let link = self.table().by_name.get(node).cloned();
            link.inspect(|link| self.send_found(link, pid, place, self.name.clone()));
        }
    }
    fn send_found(&self, link: &Arc<Link>, pid: Pid, Place { epoch, runtime }: Place, node: NodeName) {
        let runtime = runtime.id().to_be_bytes();
        self.send_move(link, MoveSignal::Found { pid, epoch, runtime, node });
    }
    /// A process is known to be somewhere.
    pub(super) fn found(&self, moves: &mut Moves, pid: Pid, place: Place, node: NodeName, after: &mut After) {
        let Place { epoch, runtime } = place;
        self.program.met(runtime, &node);
        self.table().homes.insert(runtime, node);
        let here = runtime == self.program.runtime();
        let known = moves.handover.is_known(pid, epoch, !here);
        self.decided(moves, known, after);
        if here || moves.routes.place(pid).is_some_and(|p| p.epoch > epoch) || moves.routes.has_ended(pid, epoch) {
            return;
        }
        let ties = self.take_there(moves, pid);
        match self.link_to(runtime) {
            Some(target) => _ = target.with_ties(|t| t.add(ties)),
            None => self.drift(moves, runtime, ties, after),
        }
        // If it cannot be seen that all has come that was sent by the way before.
        let before = moves.whereabouts(pid);
        let torn = before != runtime && before != self.program.runtime() && self.link_to(before).is_none();
        self.learn(moves, pid, place, after);
        self.compare(moves, &|_, there| there == pid, torn, after);
    }
    /// A connection is over: who has sent by it is told anew by another.
    pub(super) fn forget_told(&self, moves: &mut Moves, c: Connection) {
        moves.told.retain(|(_, over), _| *over != c);
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
}
fn is_noconnection(reason: &Message) -> bool {
    reason.is_string(b"noconnection")
}
