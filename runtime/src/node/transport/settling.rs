//! Whether all that a process had sent before it moved has come, so that it may run where it is.
//!
//! Journey: a process that has come -> **what it has sent from its last place is where it was to** -> it runs. The nodes that its
//! last place had sessions with say so when they have got all of it. Of that they may have sent something on, to a process that had
//! moved itself, or hold it back; then they say so when that has come out as well: a mark goes behind it. What is sent on has
//! not always a name of its sender on it, so marks go to all for which something of that place has gone on since the last. What is waited
//! for is decided in migration/settling.rs; here are the connections.
//!
//! Always: who waits for something that is lost waits in vain, and the process for it until its time is over.

use super::super::connections::Connection;
use super::super::hello::features;
use super::super::name::NodeName;
use super::super::signal::MoveSignal;
use super::Online;
use super::link::Link;
use super::moves::{After, Held, Left, Moves};
use crate::migration::routes::{Place, Sent};
use crate::migration::settling::Unsaid;
use rlua_machine::value::{Pid, Runtime};
use std::sync::Arc;

impl Link {
    /// Whether its peer passes on that others have settled.
    pub(super) fn relays_settled(&self) -> bool {
        self.peer().is_some_and(|p| p.features & features::RELAYS != 0 && !p.visits())
    }
}

impl Online {
    /// The connection by which the target of a move hears that this node has settled: its own, or that with the last place.
    fn teller(&self, target: Runtime, last: Connection) -> Option<Arc<Link>> {
        let last = || self.table().links.get(&last).filter(|l| l.relays_settled()).cloned();
        self.link_to(target).or_else(last)
    }
    /// A node has settled after a move to here, or after one from here: then where the process is hears of it.
    pub(super) fn has_settled(&self, moves: &mut Moves, pid: Pid, epoch: u64, node: NodeName, after: &mut After) {
        if moves.handover.is_due(pid, epoch) {
            return moves.arrivals.settles_early(pid, epoch, node);
        }
        let Some(place) = moves.routes.place(pid).filter(|p| p.epoch == epoch) else { return };
        if place.runtime == self.program.runtime() {
            moves.arrivals.settles(pid, epoch, &node);
            self.start_settled(moves, after);
        } else if let Some(target) = self.link_to(place.runtime).filter(|l| l.relays_settled()) {
            self.send_move(&target, MoveSignal::Relayed { pid, epoch, node });
        }
    }
    /// Before the commit of a process that leaves: of which nodes nothing else can be heard there.
    pub(super) fn say_unheard(&self, target: &Arc<Link>, number: u64, pid: Pid, left: &Left) {
        if target.relays_settled() {
            let (relayed, without) = (left.relayed.clone(), left.without.clone());
            self.send_move(target, MoveSignal::Unheard { number, pid, relayed, without });
        }
    }
    /// Nodes that have not settled since a process came here that leaves, and were not told that it has gone on.
    pub(super) fn has_not_settled(&self, moves: &mut Moves, pid: Pid) -> Vec<NodeName> {
        let mut nodes = moves.arrivals.forget(pid);
        let table = self.table();
        nodes.retain(|node| !table.by_name.contains_key(node));
        nodes
    }
    /// Something for a process has come over a connection, and goes on or is held back.
    pub(super) fn has_passed(&self, moves: &mut Moves, link: &Link, to: Pid) {
        moves.settling_others.passes(link.number, to);
    }
    /// Over a connection has come that a process has left from there: its target is told when all that was before that is where it was to.
    pub(super) fn settles(&self, moves: &mut Moves, link: &Link, (pid, place): (Pid, Place), after: &mut After) {
        let now = self.now();
        let teller = self.teller(place.runtime, link.number);
        let unsaid = Unsaid::new(place.runtime, link.number, (pid, place.epoch), now);
        let (settling, routes) = (&mut moves.settling_others, &mut moves.routes);
        match settling.hears(unsaid, now, teller.is_some(), || routes.next_number()) {
            Ok(sent) => {
                for (to, id) in sent {
                    if let Err(id) = self.mark_goes_behind(moves, to, id, after) {
                        self.has_come_out(moves, id);
                    }
                }
            }
            Err(Unsaid { pid, epoch, .. }) => {
                teller.into_iter().for_each(|link| _ = self.send_move(&link, MoveSignal::Settled { pid, epoch }));
            }
        }
    }
    /// A mark of this node goes behind all that it has sent on to a process. Err: there is nothing before it.
    fn mark_goes_behind(&self, moves: &mut Moves, to: Pid, id: u64, after: &mut After) -> Result<(), u64> {
        let own = self.program.runtime();
        let mark = Held::Mark { asker: own, id };
        match moves.routes.send_on(to, None, false, mark) {
            Sent::Home(mark) => moves.handover.awaits(to, mark).map_err(|_| id),
            Sent::To(runtime, _) if runtime == own => Err(id),
            sent => {
                _ = self.goes_on(moves, to, sent, after);
                Ok(())
            }
        }
    }
    /// A mark of this node has come out.
    pub(super) fn has_come_out(&self, moves: &mut Moves, id: u64) {
        if moves.settling_others.comes_out(id) {
            self.say_settled(moves);
        }
    }
    /// Targets are told that this node has settled, those that are connected.
    fn say_settled(&self, moves: &mut Moves) {
        let settled = moves.settling_others.take_settled(|u| self.teller(u.target, u.last).is_some());
        for Unsaid { target, last, pid, epoch, .. } in settled {
            if let Some(link) = self.teller(target, last) {
                self.send_move(&link, MoveSignal::Settled { pid, epoch });
            }
        }
    }
    /// The same of a target with which a session stands now: it may have believed itself connected before this node did.
    pub(super) fn say_settled_to(&self, moves: &mut Moves, link: &Arc<Link>, peer: Runtime) {
        for Unsaid { pid, epoch, .. } in moves.settling_others.take_settled(|u| u.target == peer) {
            self.send_move(link, MoveSignal::Settled { pid, epoch });
        }
    }
}
