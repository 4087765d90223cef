//! Whether all that a process had sent before it moved has come, so that it may run where it is.
//!
//! Journey: a process that has come -> **what it has sent from its last place is where it was to** -> it runs. The nodes that its
//! last place had sessions with say so when they have got all of it. Of that they may have sent something on, to a process that had
//! moved itself, or hold it back; then they say so when that has come out as well: a mark goes behind it. What is sent on has
//! not always a name of its sender on it, so marks go to all for which something of that place has gone on since the last.
//!
//! Always: a mark goes behind the same things once. Who waits for something that is lost waits in vain, and the process for it until
//! its time is over.

use super::super::Time;
use super::super::connections::Connection;
use super::super::hello::features;
use super::super::name::NodeName;
use super::super::signal::MoveSignal;
use super::Online;
use super::link::Link;
use super::moves::{After, Held, Left, Moves};
use crate::migration::arrivals::SETTLE_TIME;
use crate::migration::routes::{Place, Sent};
use rlua_machine::value::{Pid, Runtime};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Moves at most whose targets are told later that this node has settled.
const UNSAID_MAX: usize = 4096;

/// What this node has to tell the targets of moves between others.
#[derive(Default)]
pub struct Settling {
    /// Processes for which something has come over a connection and has gone on, or is held back; the number of the mark behind it.
    passed: BTreeMap<Connection, BTreeMap<Pid, Option<u64>>>,
    /// Marks that are not out, by number.
    marks: BTreeMap<u64, (Connection, Pid)>,
    /// Moves of which it has heard, and what is to come out before it says so.
    unsaid: VecDeque<Unsaid>,
}

/// A move whose target has not been told yet that this node has settled.
struct Unsaid {
    target: Runtime,
    /// The connection with its last place, which passes it on.
    last: Connection,
    pid: Pid,
    epoch: u64,
    /// When the target does not wait any more.
    until: Time,
    /// Numbers of marks that are not out.
    marks: BTreeSet<u64>,
}

impl Settling {
    /// Marks may be lost: of what is to come out nothing is known.
    pub(super) fn loses_marks(&mut self) {
        self.passed.values_mut().flat_map(BTreeMap::values_mut).for_each(|mark| *mark = None);
    }
    /// A connection is over.
    pub(super) fn forget_connection(&mut self, c: Connection) {
        self.passed.remove(&c);
    }
    /// A process has ended.
    pub(super) fn forget(&mut self, pid: Pid) {
        self.passed.values_mut().for_each(|passed| _ = passed.remove(&pid));
    }
    /// Those that have waited for long enough do not wait any more.
    fn times_are_over(&mut self, now: Time) {
        while self.unsaid.front().is_some_and(|u| u.until <= now) || self.unsaid.len() >= UNSAID_MAX {
            for id in self.unsaid.pop_front().into_iter().flat_map(|u| u.marks) {
                if let Some((c, to)) = self.marks.remove(&id)
                    && let Some(mark) = self.passed.get_mut(&c).and_then(|passed| passed.get_mut(&to))
                {
                    *mark = mark.filter(|last| *last != id);
                }
            }
        }
    }
    /// A mark has come out; whether it was waited for.
    fn comes_out(&mut self, id: u64) -> bool {
        let Some((c, to)) = self.marks.remove(&id) else { return false };
        if let Some(passed) = self.passed.get_mut(&c)
            && passed.get(&to) == Some(&Some(id))
        {
            passed.remove(&to);
        }
        self.unsaid.iter_mut().for_each(|u| _ = u.marks.remove(&id));
        true
    }
    /// Moves of which all has come out, and whose targets can be told.
    fn take_settled(&mut self, can_be_told: impl Fn(&Unsaid) -> bool) -> Vec<Unsaid> {
        let all = std::mem::take(&mut self.unsaid);
        let (settled, unsaid) = all.into_iter().partition(|u| u.marks.is_empty() && can_be_told(u));
        self.unsaid = unsaid;
        Vec::from(settled)
    }
}

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
        moves.settling_others.passed.entry(link.number).or_default().insert(to, None);
    }
    /// Over a connection has come that a process has left from there: its target is told when all that was before that is where it was to.
    pub(super) fn settles(&self, moves: &mut Moves, link: &Link, (pid, place): (Pid, Place), after: &mut After) {
        let now = self.now();
        moves.settling_others.times_are_over(now);
        let passed = moves.settling_others.passed.get(&link.number).into_iter().flatten();
        let passed: Vec<(Pid, Option<u64>)> = passed.map(|(to, mark)| (*to, *mark)).collect();
        let teller = self.teller(place.runtime, link.number);
        if let (true, Some(teller)) = (passed.is_empty(), &teller) {
            self.send_move(teller, MoveSignal::Settled { pid, epoch: place.epoch });
            return;
        }
        let (mut marks, mut sent) = (BTreeSet::new(), Vec::new());
        for (to, mark) in passed {
            let id = mark.unwrap_or_else(|| {
                let id = moves.routes.next_number();
                sent.push((to, id));
                id
            });
            let settling = &mut moves.settling_others;
            settling.passed.entry(link.number).or_default().insert(to, Some(id));
            settling.marks.insert(id, (link.number, to));
            marks.insert(id);
        }
        let (target, last, epoch) = (place.runtime, link.number, place.epoch);
        let unsaid = Unsaid { target, last, pid, epoch, until: now + SETTLE_TIME, marks };
        moves.settling_others.unsaid.push_back(unsaid);
        for (to, id) in sent {
            if let Err(id) = self.mark_goes_behind(moves, to, id, after) {
                self.has_come_out(moves, id);
            }
        }
    }
    /// A mark of this node goes behind all that it has sent on to a process, or holds back. Err: there is nothing before it.
    fn mark_goes_behind(&self, moves: &mut Moves, to: Pid, id: u64, after: &mut After) -> Result<(), u64> {
        let own = self.program.runtime();
        let mark = Held::Mark { asker: own, id };
        match moves.routes.place(to) {
            None => moves.handover.awaits(to, mark).map_err(|_| id),
            Some(place) if place.runtime == own => moves.routes.hold_back(to, None, mark).map_err(|_| id),
            Some(_) => {
                if let Sent::To(runtime, mark) = moves.routes.send(to, mark) {
                    self.pass(moves, runtime, to, mark, after);
                }
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
