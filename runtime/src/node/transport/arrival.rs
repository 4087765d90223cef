//! A process comes to this node, and ends here.
//!
//! Journey: a stopped process -> offer, ready, commit, **running** -> a process that goes on.
//!
//! Always: a process that comes does not run before all nodes to which it may have sent from its last place have handled that, or
//! cannot be waited for (settling.rs).

use super::super::hello::Refusal;
use super::super::name::NodeName;
use super::super::signal::{Bytes, MoveSignal, Signal as Wire, Stamp};
use super::super::ties::Ties;
use super::Online;
use super::link::Link;
use super::moves::{After, Brought, Held, Moves};
use super::names::Global;
use super::surroundings::Guest;
use crate::migration::arrivals::Arrival;
use crate::migration::handover::{Decision, Ready};
use crate::migration::routes::Place;
use rlua_machine::value::{Pid, Runtime};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Online {
    pub(super) fn arrive(
        &self,
        moves: &mut Moves,
        link: &Arc<Link>,
        Ready { pid, epoch, process, kept, .. }: Ready<Guest, Held>,
        (names, global): (Vec<(Bytes, Option<Stamp>)>, Option<&mut Global>),
        nodes: Vec<NodeName>,
        after: &mut After,
    ) {
        let own = self.program.runtime();
        let ties = (process.enter)();
        // Before anybody hears that it is here: who knows that believes its last place no more, which says its names until it hears that
        // it runs.
        self.names_have_come(pid, names, global, after);
        if let Some(last) = link.peer_name() {
            self.program.moved(pid, None, &last, true);
        }
        let Brought { heard, relayed, without } = moves.brought.remove(&pid).unwrap_or_default();
        moves.heard.insert(pid, heard);
        // Before what may end them.
        for (other, tie) in ties {
            let at = moves.whereabouts(other);
            if at == own {
                continue;
            }
            let ties = Ties::of_arrived(pid, other, tie);
            match self.link_to(at) {
                Some(l) => _ = l.with_ties(|t| t.add(ties)),
                None => self.drift(moves, at, ties, after),
            }
        }
        for held in kept {
            self.pass_here(moves, pid, held, after);
        }
        let was_here = pid.runtime() == own || moves.routes.place(pid).is_some();
        // Those here were tied over the connection with its last place.
        let links = self.sessions();
        let believed = self.take_there(moves, pid);
        self.learn(moves, pid, Place { epoch, runtime: own }, after);
        self.compare_here(moves, &believed, after);
        // Those that are not connected with its last place hear of it from here. So do all if it was here before: what it sends
        // now is told from what it has sent then.
        let known: HashSet<&NodeName> = nodes.iter().collect();
        for l in links.iter().filter(|l| l.number != link.number) {
            let Some(name) = l.peer_name() else { continue };
            if !known.contains(&name) {
                let runtime = own.id().to_be_bytes();
                self.send_move(l, MoveSignal::Moved { pid, epoch, runtime, node: self.name.clone() });
            } else if was_here {
                self.send_found(l, pid, Place { epoch, runtime: own }, self.name.clone());
            }
        }
        if was_here {
            self.send_found(link, pid, Place { epoch, runtime: own }, self.name.clone());
        }
        let connected: HashSet<NodeName> = links.iter().filter_map(|l| l.peer_name()).collect();
        let can_tell = |n: &NodeName| connected.contains(n) || relayed.contains(n);
        let (waited_for, others): (BTreeSet<_>, BTreeSet<_>) = nodes.into_iter().partition(can_tell);
        let late = without.iter().filter(|n| connected.contains(*n) && !waited_for.contains(*n)).cloned().collect();
        let others = others.into_iter().chain(without.into_iter().filter(|n| !waited_for.contains(n)));
        let arrival = Arrival { pid, epoch, last: link.peer_runtime().unwrap_or(own) };
        moves.arrivals.comes(arrival, waited_for.clone(), others.collect::<Vec<_>>(), self.now());
        self.tell_unsettled(pid, Place { epoch, runtime: own }, &late);
        self.start_settled(moves, after);
    }
    /// Processes for which nothing is waited for any more run.
    pub(super) fn start_settled(&self, moves: &mut Moves, after: &mut After) {
        for (pid, nodes) in moves.arrivals.take_settled(self.now()) {
            // Also those that are not connected, and may be told by others.
            #[cfg(test)]
            nodes.iter().for_each(|node| self.program.goes_on_without(pid, Some(node.clone())));
            if let Some(place) = moves.routes.place(pid) {
                self.tell_unsettled(pid, place, &nodes);
                if !nodes.is_empty() {
                    self.tell_all_goes_on(pid, place.epoch, &nodes);
                }
            }
            self.has_arrived(moves, pid, !nodes.is_empty(), after);
            self.program.starts(pid);
        }
    }
    /// Whether it is known that a process has moved so often, or more often: its names are said by where it is.
    pub(super) fn is_known(&self, pid: Pid, epoch: u64) -> bool {
        let moves = self.moves_if_any();
        moves.is_some_and(|m| m.routes.place(pid).is_some_and(|p| p.epoch >= epoch) || m.routes.has_ended(pid, epoch))
    }
    /// A process that has come monitors a node: it is told if there is no connection, or when that ends.
    pub(super) fn watch_on(&self, node: NodeName) {
        if self.over.load(Ordering::SeqCst) {
            self.node_is_down(&node, &Refusal::Closing.to_string());
        } else if node != self.name {
            self.want_connection(node);
        }
    }
    /// A session stands: its node is asked first what was left in doubt, and hears of the processes that have moved here, and of its
    /// marks.
    pub(super) fn tell_of_guests(&self, moves: &mut Moves, link: &Arc<Link>, peer: Runtime) {
        for question in moves.handover.connected(peer) {
            let signal = match question {
                Decision::AskOrigin(pid, number, _) => MoveSignal::WasCommitted { number, pid },
                Decision::AskTarget(pid, number, epoch, _) => MoveSignal::DoesRun { number, pid, epoch },
                _ => unreachable!("a session that stands is asked over"),
            };
            self.send_move(link, signal);
        }
        let own = self.program.runtime();
        let peer_name = link.peer_name();
        for (pid, epoch) in moves.routes.all_at(own) {
            let (runtime, node) = (own.id().to_be_bytes(), self.name.clone());
            // The one says that nothing is to come of it from elsewhere.
            let waits = peer_name.as_ref().is_some_and(|peer| moves.arrivals.waits_for(pid, peer));
            let said = if waits {
                MoveSignal::Found { pid, epoch, runtime, node }
            } else {
                MoveSignal::Moved { pid, epoch, runtime, node }
            };
            link.send_along((Wire::Move(said), Vec::new()), pid, self);
        }
        // What is still to come of them there is late.
        for pid in peer_name.map_or(Vec::new(), |node| moves.arrivals.without(&node)) {
            if let Some(place) = moves.routes.place(pid).filter(|p| p.runtime == own) {
                self.tell_goes_on(link, pid, place.epoch);
            }
        }
        self.say_settled_to(moves, link, peer);
        for (_, pid, id, epoch) in moves.marked.extract_if(.., |m| m.0 == peer) {
            self.send_move(link, MoveSignal::Marked { pid, id, epoch });
        }
    }
    /// A process that had moved has ended here.
    pub(crate) fn process_ended(&self, pid: Pid) {
        let mut after = After::default();
        let mut moves = self.moves();
        moves.heard.remove(&pid);
        moves.arrivals.forget(pid);
        let Some(place) = moves.routes.place(pid) else { return };
        moves.routes.remember_end(pid, place.epoch, Some(self.program.runtime()));
        // What it has asked is answered to its birthplace, if at all.
        self.forget_ties(&mut moves, pid);
        for l in self.sessions() {
            self.send_move(&l, MoveSignal::Ended { pid, epoch: place.epoch, lost: false });
        }
        self.forget_route(&mut moves, pid, &mut after);
        // Marks of this node were held back behind what was for it.
        self.let_go_marked(&mut moves, &mut after);
        drop(moves);
        self.see_to(after);
    }
}
