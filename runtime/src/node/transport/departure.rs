//! A process leaves this node: it is offered to another, and becomes that one's.
//!
//! Journey: a stopped process -> **offer**, ready, **commit**, running -> a process that goes on. What is decided about it is decided in
//! migration/handover.rs; what it waits for before the commit is in unsent.rs.
//!
//! Always: from the commit on nothing hangs here on the process, and all that is for it goes where it is.

use super::super::names::Names;
use super::super::signal::{Bytes, MoveSignal, Signal as Wire, sender};
use super::super::ties::Ties;
use super::super::translate;
use super::super::watchers::CARRIED_MAX;
use super::Online;
use super::link::Link;
use super::moves::{After, Held, Left, Moves};
use super::paths::{Heard, Way};
use crate::migration::handover::{MOVE_TIME, Phase};
use crate::migration::routes::Place;
use crate::process::signal::Signal;
use crate::scheduler::{Departed, Parcel};
use rlua_machine::value::{Pid, Runtime};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Online {
    /// A process that was stopped is to move; Err: it cannot, and goes on.
    pub(crate) fn begin_move(&self, pid: Pid, parcel: Parcel) -> Result<(), String> {
        let Parcel { node, epoch, frozen, modules } = parcel;
        let link = self.table().by_name.get(&node).cloned();
        let link = link.ok_or_else(|| format!("no connection to {node}"))?;
        let target = link.peer_runtime().ok_or_else(|| format!("no connection to {node}"))?;
        self.reaches(Phase::Frozen);
        // Before it is gone: who finds it nowhere waits for the lock, and then knows where it is.
        self.any_moved.store(true, Ordering::Release);
        self.join_moves(&link);
        let mut moves = self.moves();
        let now = self.now();
        let number = moves.handover.begin(pid, epoch, target, now);
        let offer = Wire::Move(MoveSignal::Offer { number, pid, epoch, contents: frozen });
        if !link.send_along((offer, modules), pid, self) {
            moves.handover.stays(number, String::new());
            return Err(format!(
                "cannot move to {node}: it is too large for the other node, or the connection is lost"
            ));
        }
        self.reaches(Phase::Offered);
        drop(moves);
        self.wake_before(now + MOVE_TIME);
        Ok(())
    }
    pub(super) fn commit(
        &self,
        moves: &mut Moves,
        names: Option<&Names>,
        (pid, number, target): (Pid, u64, Runtime),
        after: &mut After,
    ) {
        let stay = |moves: &mut Moves, why: String, after: &mut After| {
            let decided = moves.handover.stays(number, why);
            self.decided(moves, decided, after);
        };
        let Some(link) = self.link_to(target) else { return stay(moves, "the connection was lost".to_string(), after) };
        let Some(name) = self.program.node_of(target) else {
            return stay(moves, "the node is unknown".to_string(), after);
        };
        if self.watchers().count(pid) > CARRIED_MAX {
            return stay(moves, format!("it monitors nodes more than {CARRIED_MAX} times"), after);
        }
        let Departed { signals, ties, names: had, epoch, wakes } = match self.program.departs(pid) {
            Ok(departed) => departed,
            Err(why) => return stay(moves, why, after),
        };
        // From here on it is the target's.
        self.program.moved(pid, had.first().map(|n| &n[..]), &name, false);
        after.told.extend(wakes);
        let held = moves.routes.left(pid, Place { epoch, runtime: target });
        let links = self.sessions();
        self.forget_ties(moves, pid);
        // What was to be said of the end of one that has ended here has been said.
        let hangs_here = |moves: &Moves, other| self.is_here(moves, other) && self.program.is_here(other);
        for (other, tie) in ties.into_iter().filter(|(other, _)| hangs_here(moves, *other)) {
            link.with_ties(|t| t.add(Ties::of_departed(pid, other, tie)));
        }
        let others: Vec<&Arc<Link>> = links.iter().filter(|l| l.number != link.number).collect();
        let nodes = others.iter().filter_map(|l| l.peer_name()).collect();
        let stamped = had.iter().map(|n| (Bytes::from(&n[..]), names.and_then(|all| all.stamp_of(n))));
        let names = stamped.collect();
        // Of what happens to those nodes from now on it is told there.
        let watched = self.watchers().take_of(pid);
        let commit = MoveSignal::Commit { number, pid, names, nodes, watched };
        let heard = moves.heard.remove(&pid).map_or(Vec::new(), Heard::into_hops);
        let relayed = others.iter().filter(|l| l.relays_settled()).filter_map(|l| l.peer_name()).collect();
        let without = self.has_not_settled(moves, pid);
        self.send_move(&link, MoveSignal::Paths { number, pid, heard: heard.clone() });
        let left = Left { names: had, commit: commit.clone(), heard, relayed, without, ties: Ties::default() };
        self.say_unheard(&link, number, pid, &left);
        moves.leaving.insert(pid, left);
        // If it cannot be sent the session is over, and what follows is kept when that is known here.
        self.send_move(&link, commit);
        for signal in signals {
            self.leaves_here(moves, &link, pid, &signal);
            // It was here, and in its order: before what this node holds back, and perhaps what it has sent by an earlier path.
            self.pass(moves, target, pid, Held::Passing(signal, Way::of_inbox()), after);
        }
        // It waits until there is nothing such, but for what has come to be held back meanwhile.
        self.let_go(moves, pid, target, held, after);
        let runtime = target.id().to_be_bytes();
        for other in others {
            self.send_move(other, MoveSignal::Moved { pid, epoch, runtime, node: name.clone() });
        }
        self.reaches(Phase::Committed);
    }
    /// Nothing hangs here of a process any more that is here no more.
    pub(super) fn forget_ties(&self, moves: &mut Moves, pid: Pid) {
        for l in self.sessions() {
            l.with_ties(|t| t.forget_here(pid));
        }
        moves.unmoored().for_each(|t| t.forget_here(pid));
    }
    /// Notes what hangs on a signal of a process here for one that is elsewhere now, as if it went to a process that was
    /// born there.
    pub(super) fn leaves_here(&self, moves: &Moves, link: &Link, to: Pid, signal: &Signal) {
        if let Some((wire, _)) = translate::outgoing(to, signal)
            && sender(&wire).is_some_and(|from| self.is_here(moves, from))
        {
            self.hangs_by(link, &wire);
        }
    }
    /// The same of a signal of which it is known that a process here has sent it.
    pub(super) fn leaves_by(&self, link: &Link, to: Pid, signal: &Signal) {
        let Some((wire, _)) = translate::outgoing(to, signal) else { return };
        // What was held back may ask for an end that is not there any more.
        if signal.asks_end() {
            return;
        }
        self.hangs_by(link, &wire);
    }
    /// What hangs on it from now on: nothing more if its sender has ended, here or elsewhere, since it has sent that.
    fn hangs_by(&self, link: &Link, wire: &Wire<Pid>) {
        let is_here = sender(wire).is_none_or(|from| self.program.is_here(from));
        link.with_ties(|t| if is_here { t.leaves(wire) } else { t.passes(wire) });
    }
}
