//! What is sent and still at its node: when its sender is about to leave, and when its receiver has.
//!
//! Journey: a stopped process -> offer, ready, **all that it has sent has left**, commit, running -> a process that goes on. A
//! signal may wait for a connection, or be held back until a mark is out (migration/routes.rs). What the process sends from its
//! next place could overtake that. So the commit waits for it; the process stands still, and sends nothing new. It waits, too, until all
//! that was sent to it by this node before it came here has come.
//!
//! Of what is held back it is not always known who has sent it: then all that was held back by then is waited for.
//!
//! Always: what is waited for waits for no move, and has a deadline: a connection comes or not, a hold ends.

use super::super::session::Sent;
use super::super::signal::{Carried, MoveSignal, Signal as Wire, sender};
use super::super::translate::{self, Outgoing};
use super::moves::{After, Held, Moves};
use super::paths::Way;
use super::{Online, Table};
use crate::codec::{Message, ModuleSource};
use crate::migration::handover::Decision;
use crate::node::name::NodeName;
use crate::node::names::Names;
use crate::process::signal::{Answer, Signal};
use rlua_machine::value::{Pid, Runtime};
use rlua_machine::vm::load::Module;
use std::sync::Arc;

/// What waits for a connection.
pub(super) struct Waiting {
    pub to: Option<Pid>,
    /// The runtime where that is: another that has taken the node's name is not it.
    pub at: Option<Runtime>,
    pub signal: Option<(Outgoing, Option<Signal>)>,
    /// Who waits, and the number of its question.
    pub asker: Option<(Pid, u64)>,
}

impl Table {
    pub(super) fn want(&mut self, node: NodeName, waiting: Waiting) {
        self.wanted.push(node.clone());
        self.waiting.entry(node).or_default().push(waiting);
    }
}

/// What the sender of a signal is told whose receiver cannot be reached.
pub(super) fn lost(to: Pid, signal: Signal) -> Option<(Pid, Signal)> {
    match signal {
        // Already an answer, for who has asked.
        Signal::Reply { .. } => Some((to, signal)),
        other => other.unreachable(to),
    }
}

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
    let Held::Own(signal, sender) = held else { return false };
    match signal {
        Signal::Exit { from, .. }
        | Signal::Link { from }
        | Signal::Unlink { from, .. }
        | Signal::UnlinkAck { from, .. }
        | Signal::Monitor { from, .. }
        | Signal::Demonitor { from, .. }
        | Signal::Down { from, .. }
        | Signal::Response { from, .. }
        | Signal::Ask { from, .. } => *from == pid,
        _ => sender.is_none_or(|from| from == pid),
    }
}
fn waits_for(pid: Pid, waiting: &Waiting) -> bool {
    match &waiting.signal {
        Some(((Wire::Move(MoveSignal::Mark { .. }), _), _)) => false,
        Some(((Wire::Move(MoveSignal::ForwardOf { from, .. }), _), _)) => *from == pid,
        Some(((Wire::Move(_), _), Some(signal))) => may_be_of(pid, &Held::Own(signal.clone(), None)),
        // A message that has waited for another connection before.
        Some(((Wire::Move(_), _), None)) => true,
        Some(((wire, _), _)) => sender(wire) == Some(pid),
        None => false,
    }
}

/// The message that was to be sent, or the answer to a call.
pub(super) fn local_of(wire: &Wire<Pid>, modules: &[Arc<Module>]) -> Option<Signal> {
    let contents = match wire {
        Wire::Response { contents, .. } => contents,
        Wire::Send { contents, .. }
        | Wire::Move(
            MoveSignal::ForwardBy { carried: Carried::Message(contents), .. }
            | MoveSignal::ForwardOf { carried: Carried::Message(contents), .. },
        ) => contents,
        _ => return None,
    };
    let message = Message::from_portable(&contents.bytes.0, &Along(modules), &Runtime::find).expect("it was made here");
    Some(match wire {
        Wire::Response { from, id, over, refused, .. } => {
            Signal::Response { from: *from, id: *id, over: *over, refused: *refused, value: message }
        }
        _ => Signal::Message(message),
    })
}
/// The code that goes along with a signal.
struct Along<'a>(&'a [Arc<Module>]);
impl ModuleSource for Along<'_> {
    fn find(&self, hash: &[u8; 32]) -> Option<Arc<Module>> {
        self.0.iter().find(|m| m.hash() == hash).cloned()
    }
}
fn not_sent(asker: Option<(Pid, u64)>) -> Option<(Pid, Signal)> {
    let why = "the process has moved to where no connection is".to_string();
    asker.map(|(who, id)| (who, Signal::Reply { id, answer: Answer::Done(Err(why)) }))
}

impl Online {
    /// What of a process has not left yet.
    pub(super) fn unsent(&self, moves: &Moves, pid: Pid) -> Option<Unsent> {
        let table = self.table();
        let nodes = table.waiting.iter().filter(|(_, all)| all.iter().any(|w| waits_for(pid, w)));
        let mut nodes: Vec<NodeName> = nodes.map(|(node, _)| node.clone()).collect();
        drop(table);
        nodes.sort();
        let mut holds = moves.routes.holds(|held| may_be_of(pid, held));
        // What others have sent may still be on its way round to here (migration/routes.rs).
        holds.extend(moves.routes.hold_of(pid).map(|id| (pid, id)));
        let doubts = moves.handover.keeps(|held| may_be_of(pid, held));
        let waits = !(nodes.is_empty() && holds.is_empty() && doubts.is_empty());
        waits.then_some(Unsent { nodes, holds, doubts })
    }
    /// A process is known to be elsewhere: what waits for a connection with where it was before follows it, before all that
    /// is sent to it from now on.
    pub(super) fn go_after(&self, moves: &mut Moves, pid: Pid, runtime: Runtime, after: &mut After) {
        let is_for_it = |w: &mut Waiting| w.to == Some(pid) && w.at.is_some_and(|at| at != runtime);
        let found: Vec<Waiting> = {
            let mut table = self.table();
            table.waiting.values_mut().flat_map(|all| all.extract_if(.., is_for_it)).collect()
        };
        for Waiting { signal, asker, .. } in found {
            let Some(((wire, modules), signal)) = signal else { continue };
            if let Wire::Move(MoveSignal::Mark { asker, id, .. }) = wire {
                let asker = Runtime::find(u128::from_be_bytes(asker)).expect("it is a mark of this node's table");
                self.pass(moves, runtime, pid, Held::Mark { asker, id }, after);
                continue;
            }
            let done = asker.map(|(who, id)| (who, Signal::Reply { id, answer: Answer::Done(Ok(())) }));
            if runtime == self.program.runtime() {
                let signal = signal.or_else(|| local_of(&wire, &modules));
                signal.iter().for_each(|signal| self.ends_tie(moves, pid, signal, after));
                if let Some(Err(signal)) = signal.map(|signal| self.program.deliver_here(pid, signal)) {
                    after.told.extend(signal.bounce(pid));
                }
                after.told.extend(done);
                continue;
            }
            let (carried, way) = match (wire, &signal) {
                (Wire::Send { from, contents, .. }, _) => {
                    let sender = self.sender_at(moves, Some(from), Some(self.program.runtime()));
                    (Some((Carried::Message(contents), modules)), Way::default().sent_by(sender))
                }
                (Wire::Move(MoveSignal::ForwardOf { carried, by, from, epoch, .. }), _) => {
                    (Some((carried, modules)), Way::of(by).sent_by(Some((from, epoch))))
                }
                (Wire::Move(MoveSignal::ForwardBy { carried, by, .. }), _) => (Some((carried, modules)), Way::of(by)),
                (_, Some(signal)) => (translate::carry(signal), Way::default()),
                (wire, None) => (local_of(&wire, &modules).and_then(|s| translate::carry(&s)), Way::default()),
            };
            let Some((carried, modules)) = carried else { continue };
            let out = (self.forward_by(moves, pid, carried, way), modules);
            if let Some(link) = self.link_to(runtime) {
                signal.iter().for_each(|signal| self.leaves_by(&link, pid, signal));
                match (link.as_known_there(out).and_then(|out| link.send(out, asker, self)), signal) {
                    (Some(Ok(Sent::Queued)), _) => after.told.extend(done),
                    (Some(Ok(Sent::Suspend)), _) => {}
                    (_, Some(signal)) => after.told.extend(signal.unreachable(pid)),
                    (_, None) => after.told.extend(not_sent(asker)),
                }
                continue;
            }
            let mut table = self.table();
            match self.way_home(&table, runtime) {
                Some(home) => {
                    let (to, at, signal) = (Some(pid), Some(runtime), Some((out, signal)));
                    table.want(home, Waiting { to, at, signal, asker });
                    drop(table);
                    self.wake();
                }
                None => after.told.extend(signal.map_or_else(|| not_sent(asker), |s| s.unreachable(pid))),
            }
        }
    }
    /// A signal for a process waits for a connection with where that is, if the node can be found.
    pub(super) fn waits_there(
        &self,
        moves: &Moves,
        runtime: Runtime,
        to: Pid,
        (signal, way): (Signal, Way),
        after: &mut After,
    ) {
        let home = self.way_home(&self.table(), runtime);
        match (home, translate::carry(&signal)) {
            (Some(home), Some((carried, modules))) => {
                let out = (self.forward_by(moves, to, carried, way), modules);
                let (to, at, signal) = (Some(to), Some(runtime), Some((out, Some(signal))));
                self.table().want(home, Waiting { to, at, signal, asker: None });
                self.wake();
            }
            _ => after.told.extend(signal.unreachable(to)),
        }
    }
    /// A mark waits behind what waits so; if nothing does, it has come out.
    pub(super) fn mark_waits_there(
        &self,
        moves: &mut Moves,
        runtime: Runtime,
        to: Pid,
        (asker, id): (Runtime, u64),
        after: &mut After,
    ) {
        let mut table = self.table();
        let home = self.way_home(&table, runtime);
        let waiting = home.and_then(|home| table.waiting.get_mut(&home));
        if let Some(waiting) = waiting.filter(|all| all.iter().any(|w| w.to == Some(to))) {
            let mark = Wire::Move(MoveSignal::Mark { pid: to, asker: asker.id().to_be_bytes(), id });
            let signal = Some(((mark, Vec::new()), None));
            return waiting.push(Waiting { to: Some(to), at: Some(runtime), signal, asker: None });
        }
        drop(table);
        self.answer_mark(moves, to, asker, id, after);
    }
    /// A mark that has waited for a connection comes no further.
    pub(super) fn mark_is_out(&self, mark: &Wire<Pid>) {
        let Wire::Move(MoveSignal::Mark { pid, asker, id }) = mark else { return };
        let Some(asker) = Runtime::find(u128::from_be_bytes(*asker)) else { return };
        let mut after = After::default();
        let mut moves = self.moves();
        self.answer_mark(&mut moves, *pid, asker, *id, &mut after);
        self.let_go_marked(&mut moves, &mut after);
        drop(moves);
        self.see_to(after);
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
            let waits = !(unsent.nodes.is_empty() && unsent.holds.is_empty() && unsent.doubts.is_empty());
            // What a hold has let go may wait for a connection now.
            match if waits { Some(unsent) } else { self.unsent(moves, pid) } {
                Some(unsent) => still.push((target, number, pid, unsent)),
                None => self.is_ready(moves, names, (target, number, pid), &mut after),
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
