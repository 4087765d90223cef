//! What a process has sent that is still at its node when it is about to leave.
//!
//! Journey: a stopped process -> offer, ready, **all that it has sent has left**, commit, running -> a process that goes on. A
//! signal may wait for a connection, or be held back until a mark is out (migration/routes.rs). What the process sends from its
//! next place could overtake that. So the commit waits for it; the process stands still, and sends nothing new.
//!
//! Of what is held back it is not always known who has sent it: then all that was held back by then is waited for.
//!
//! Always: what is waited for waits for no move, and has a deadline: a connection comes or not, a hold ends.

use super::super::signal::{Signal as Wire, sender};
use super::moves::{After, Held, Moves};
use super::{Online, Waiting};
use crate::migration::handover::Decision;
use crate::node::name::NodeName;
use crate::node::names::Names;
use crate::process::signal::Signal;
use rlua_machine::value::{Pid, Runtime};

/// What a process waits for that is to leave.
#[derive(Debug)]
pub struct Unsent {
    /// Nodes that are to be connected.
    nodes: Vec<NodeName>,
    /// Processes for which something is held back, and the number of each hold.
    holds: Vec<(Pid, u64)>,
    /// Processes that are on their way, perhaps, and get what is sent to them when that is known.
    doubts: Vec<(Pid, u64)>,
}

/// Whether a process may have sent this.
fn may_be_of(pid: Pid, held: &Held) -> bool {
    let Held::Own(signal) = held else { return false };
    match signal {
        Signal::Exit { from, .. }
        | Signal::Link { from }
        | Signal::Unlink { from, .. }
        | Signal::UnlinkAck { from, .. }
        | Signal::Monitor { from, .. }
        | Signal::Demonitor { from, .. }
        | Signal::Down { from, .. }
        | Signal::Ask { from, .. } => *from == pid,
        _ => true,
    }
}
fn waits_for(pid: Pid, waiting: &Waiting) -> bool {
    match &waiting.signal {
        Some(((Wire::Move(_), _), Some(signal))) => may_be_of(pid, &Held::Own(signal.clone())),
        Some(((wire, _), _)) => sender(wire) == Some(pid),
        None => false,
    }
}

impl Online {
    /// What of a process has not left yet.
    pub(super) fn unsent(&self, moves: &Moves, pid: Pid) -> Option<Unsent> {
        let table = self.table();
        let nodes = table.waiting.iter().filter(|(_, all)| all.iter().any(|w| waits_for(pid, w)));
        let mut nodes: Vec<NodeName> = nodes.map(|(node, _)| node.clone()).collect();
        drop(table);
        nodes.sort();
        let holds = moves.routes.holds(|held| may_be_of(pid, held));
        let doubts = moves.handover.keeps(|held| may_be_of(pid, held));
        let waits = !(nodes.is_empty() && holds.is_empty() && doubts.is_empty());
        waits.then_some(Unsent { nodes, holds, doubts })
    }
    /// Something was waited for that has left, or has come to nothing: those go whose last it was.
    pub(super) fn leave_at_last(&self) {
        if self.moves_if_any().is_none_or(|moves| moves.ready.is_empty()) {
            return;
        }
        let mut after = After::default();
        let global = self.global();
        let names = global.as_ref().map(super::names::Global::names);
        let mut guard = self.moves();
        let moves = &mut *guard;
        let mut still = Vec::new();
        for (target, number, pid, mut unsent) in std::mem::take(&mut moves.ready) {
            {
                let table = self.table();
                let waits =
                    |node: &NodeName| table.waiting.get(node).is_some_and(|all| all.iter().any(|w| waits_for(pid, w)));
                unsent.nodes.retain(waits);
            }
            unsent.holds.retain(|(to, id)| moves.routes.is_held(*to, *id));
            unsent.doubts.retain(|(to, number)| moves.handover.is_in_doubt(*to, *number));
            if unsent.nodes.is_empty() && unsent.holds.is_empty() && unsent.doubts.is_empty() {
                self.is_ready(moves, names, (target, number, pid), &mut after);
            } else {
                still.push((target, number, pid, unsent));
            }
        }
        moves.ready = still;
        drop(guard);
        drop(global);
        self.see_to(after);
    }
    /// The target is ready, and the process can leave; or the move is over, and the target is to forget it.
    pub(super) fn is_ready(
        &self,
        moves: &mut Moves,
        names: Option<&Names>,
        (target, number, pid): (Runtime, u64, Pid),
        after: &mut After,
    ) {
        match moves.handover.is_ready(target, number, pid) {
            Some(Decision::Commit(pid, number, target)) => self.commit(moves, names, (pid, number, target), after),
            decided => self.decided(moves, decided, after),
        }
    }
}
