//! What is decided about moves (migration/handover.rs), carried out; sessions and time as they concern moves.
//!
//! Journey: a stopped process -> offer, ready, **commit, or a question after a lost session**, running -> a process that goes
//! on. What is tied to a process that has left and may not have arrived is kept with it: it is told of the loss of the
//! session only if the process ran by then, or is given up.
//!
//! Always: all of it happens under the lock of moves.

use super::super::Time;
use super::super::connections::Connection;
use super::super::name::NodeName;
use super::super::signal::{MoveSignal, sender};
use super::super::ties::Ties;
use super::super::translate;
use super::Online;
use super::link::Link;
use super::moves::{After, Held, Moves};
use super::surroundings::Guest;
use crate::migration::handover::{Decision, Phase, Ready};
use crate::migration::routes::Place;
use crate::process::signal::Signal;
use rlua_machine::value::{Pid, Runtime};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Online {
    /// Carries out what was decided, but for commits and arrivals.
    pub(super) fn decided(
        &self,
        moves: &mut Moves,
        decided: impl IntoIterator<Item = Decision<Guest, Held>>,
        after: &mut After,
    ) {
        for decision in decided {
            match decision {
                Decision::Commit(..) | Decision::Arrive(_) => unreachable!("these are seen to by who asks for them"),
                Decision::GoOn(pid, why, abort) => {
                    if let Some((runtime, number)) = abort {
                        self.tell_runtime(moves, runtime, MoveSignal::Abort { number, pid });
                    }
                    self.program.goes_on(pid, why);
                }
                Decision::Over(pid, was_lost, rest) => {
                    if let Some(left) = moves.leaving.remove(&pid) {
                        after.gone.push((pid, left.names));
                        // It ran when the session was lost, and was told of that, too.
                        after.told.extend(if was_lost { left.ties.lost() } else { Vec::new() });
                    }
                    let at = moves.whereabouts(pid);
                    self.let_go(moves, pid, at, rest, after);
                }
                Decision::Again(pid, number, runtime, kept) => {
                    self.commit_again(moves, (pid, number, runtime), kept, after)
                }
                Decision::GiveUp(pid, epoch, kept) => {
                    let name = self.program.node_of(moves.whereabouts(pid));
                    let name = name.map_or(String::new(), |n| format!(" to {n}"));
                    self.program
                        .report(&format!("{pid} was lost on its way{name}: nobody knows whether it has arrived"));
                    if let Some(left) = moves.leaving.remove(&pid) {
                        after.gone.push((pid, left.names));
                        after.told.extend(left.ties.lost());
                    }
                    let held = moves.routes.ended(pid);
                    self.lose(moves, pid, epoch, kept.into_iter().chain(held), after);
                }
                Decision::Abort(pid, number, runtime) => {
                    self.tell_runtime(moves, runtime, MoveSignal::Abort { number, pid })
                }
                Decision::Discard(Ready { pid, epoch, process, kept, .. }) => {
                    drop(process);
                    moves.arrivals.is_discarded(pid, epoch);
                    moves.brought.remove(&pid);
                    self.undelivered(moves, pid, kept, after, |signal| self.sent_home(pid, signal));
                }
                Decision::DiscardInDoubt(Ready { pid, epoch, process, kept, .. }) => {
                    drop(process);
                    moves.arrivals.is_discarded(pid, epoch);
                    moves.brought.remove(&pid);
                    self.lose(moves, pid, epoch, kept, after);
                }
                Decision::AskOrigin(pid, number, runtime) => {
                    self.tell_runtime(moves, runtime, MoveSignal::WasCommitted { number, pid });
                }
                Decision::AskTarget(pid, number, epoch, runtime) => {
                    self.tell_runtime(moves, runtime, MoveSignal::DoesRun { number, pid, epoch });
                }
                Decision::Dial(runtime) => {
                    let home = {
                        let table = self.table();
                        let is_connected = table.by_runtime.contains_key(&runtime);
                        if is_connected { None } else { self.way_home(&table, runtime) }
                    };
                    home.into_iter().for_each(|home| self.want_connection(home));
                }
            }
        }
    }
    /// What was kept for a process that has not come goes to where it was born. Nothing hangs here because of that: it is not of this
    /// node. What is to be said here instead.
    fn sent_home(&self, pid: Pid, signal: Signal) -> Option<(Pid, Signal)> {
        let Some((link, out)) = self.link_to(pid.runtime()).zip(translate::outgoing(pid, &signal)) else {
            return Some((pid, signal));
        };
        let from = sender(&out.0).filter(|from| !self.program.is_here(*from));
        let sent = matches!(link.send(out, None, self), Some(Ok(_)));
        from.into_iter().for_each(|from| _ = link.with_ties(|t| t.forget_here(from)));
        if sent { None } else { signal.unreachable(pid) }
    }
    /// The connection with a runtime, though it may be known for no other purpose yet.
    fn session_with(&self, moves: &Moves, runtime: Runtime) -> Option<Arc<Link>> {
        self.table().links.get(moves.sessions.get(&runtime)?).cloned()
    }
    fn tell_runtime(&self, moves: &Moves, runtime: Runtime, signal: MoveSignal<Pid>) {
        if let Some(link) = self.session_with(moves, runtime) {
            self.send_move(&link, signal);
        }
    }
    /// The target was ready when the session was lost, and has handled nothing of what followed.
    fn commit_again(
        &self,
        moves: &mut Moves,
        (pid, number, runtime): (Pid, u64, Runtime),
        kept: Vec<Held>,
        after: &mut After,
    ) {
        let (Some(link), Some(left)) = (self.session_with(moves, runtime), moves.leaving.get_mut(&pid)) else { return };
        let ties = std::mem::take(&mut left.ties);
        link.with_ties(|t| t.add(ties));
        debug_assert!(matches!(&left.commit, MoveSignal::Commit { number: n, .. } if *n == number));
        self.send_move(&link, MoveSignal::Paths { number, pid, heard: left.heard.clone() });
        self.say_unheard(&link, number, pid, left);
        self.send_move(&link, left.commit.clone());
        for held in kept {
            self.pass_there(moves, runtime, pid, held, after);
        }
    }
    /// A process is lost: what was held back for it is answered, and all nodes are told.
    fn lose(&self, moves: &mut Moves, pid: Pid, epoch: u64, held: impl IntoIterator<Item = Held>, after: &mut After) {
        self.undelivered(moves, pid, held, after, |signal| signal.unreachable(pid));
        for l in self.sessions() {
            self.send_move(&l, MoveSignal::Ended { pid, epoch, lost: true });
        }
    }

    /// A move has come to a phase.
    pub(super) fn reaches(&self, phase: Phase) {
        if let Some(f) = self.program.at_phase() {
            super::link::write_marked();
            f(phase);
        }
    }

    // Sessions and time.

    /// Something about moves comes or goes over a session, perhaps before anybody could say that it stands.
    pub(super) fn join_moves(&self, link: &Arc<Link>) {
        let Some(runtime) = link.peer_runtime() else { return };
        let mut moves = self.moves();
        if moves.sessions.get(&runtime) == Some(&link.number) {
            return;
        }
        let Some(peer) = link.peer().filter(|p| !p.visits()) else { return };
        if let Some(after) = self.session_stands(&mut moves, link, runtime, &peer.name) {
            self.tell_of_guests(&mut moves, link, runtime);
            drop(moves);
            self.see_to(after);
        }
    }
    /// A session stands: what was under way over the one before is lost, and who had its node's name before is no more. None:
    /// that is known, or it is over already.
    pub(super) fn session_stands(
        &self,
        moves: &mut Moves,
        link: &Arc<Link>,
        runtime: Runtime,
        name: &NodeName,
    ) -> Option<After> {
        let before = moves.sessions.get(&runtime).copied();
        if before == Some(link.number) || !self.table().links.contains_key(&link.number) {
            return None;
        }
        let mut after = After::default();
        if before.is_some() {
            self.session_over(moves, runtime, Some(name), &mut after);
        }
        moves.sessions.insert(runtime, link.number);
        let others = moves.handover.missed().into_iter().filter(|r| *r != runtime);
        let replaced: Vec<Runtime> = others.filter(|r| self.program.node_of(*r).as_ref() == Some(name)).collect();
        for runtime in replaced {
            let decided = moves.handover.gone(runtime);
            self.decided(moves, decided, &mut after);
        }
        self.let_go_marked(moves, &mut after);
        Some(after)
    }
    /// A session is over: who is tied by it is told, but for what is tied to processes of which it is not known where they
    /// are.
    pub(super) fn tell_of_loss(&self, link: &Link, mut ties: Ties) {
        if !self.any_moved.load(Ordering::Acquire) {
            link.lock().end();
            return self.tell(ties.lost());
        }
        let mut after = After::default();
        let mut guard = self.moves();
        let moves = &mut *guard;
        // What has come to hang on it since the session has ended.
        let mut late = link.with_ties(std::mem::take);
        let runtime = link.peer_runtime();
        link.lock().end();
        for ties in [Some(&mut ties), late.as_mut()].into_iter().flatten() {
            for (pid, left) in &mut moves.leaving {
                if moves.handover.is_on_its_way(*pid, runtime) {
                    left.ties.add(ties.take_there(*pid));
                }
            }
        }
        let told: Vec<(Pid, Signal)> = late.map(Ties::lost).into_iter().flatten().chain(ties.lost()).collect();
        for (here, signal) in &told {
            let (Signal::Exit { from, .. } | Signal::Down { from, .. }) = signal else { continue };
            // What has made the tie may still be on its way by another path, behind which this one's end waits.
            if moves.routes.has_hold(*from) {
                self.breaks(moves, *here, signal, &mut after);
            }
        }
        drop(guard);
        self.tell(told);
        self.see_to(after);
    }
    /// A session is over, and who was tied by it has been told.
    pub(super) fn leave_moves(&self, c: Connection, runtime: Option<Runtime>, name: Option<NodeName>) {
        let Some(runtime) = runtime else { return };
        let mut guard = self.moves();
        let moves = &mut *guard;
        // Another stands already, and this was seen to.
        if moves.sessions.get(&runtime).is_some_and(|s| *s != c) {
            return;
        }
        moves.sessions.remove(&runtime);
        self.forget_told(moves, c);
        let mut after = After::default();
        self.session_over(moves, runtime, name.as_ref(), &mut after);
        let due = moves.handover.next_timeout();
        drop(guard);
        self.see_to(after);
        self.leave_at_last();
        due.into_iter().for_each(|due| self.wake_before(due));
    }
    fn session_over(&self, moves: &mut Moves, runtime: Runtime, name: Option<&NodeName>, after: &mut After) {
        let decided = moves.handover.lost(runtime, self.now());
        self.decided(moves, decided, after);
        moves.settling_others.loses_marks();
        for (pid, to, held) in moves.routes.lost(runtime) {
            self.let_go(moves, pid, to, held, after);
            self.compare_torn(moves, pid, after);
        }
        if let Some(name) = name {
            let table = self.table();
            moves.arrivals.session_lost(name, runtime, |node| table.by_name.contains_key(node));
        }
        self.start_settled(moves, after);
        self.let_go_marked(moves, after);
    }
    /// It is a node no more: nobody is waited for, processes that have come run, and what is in doubt is lost.
    pub(super) fn close_moves(&self) {
        let Some(mut guard) = self.moves_if_any() else { return };
        let moves = &mut *guard;
        let mut after = After::default();
        let leaving = moves.leaving.keys().filter_map(|pid| Some((*pid, moves.routes.place(*pid)?)));
        let leaving: Vec<(Pid, Place)> = leaving.collect();
        self.times_are_over(moves, Time::MAX, &mut after);
        // What was sent over the session with where it goes may still come there: it is there, if anywhere, when this is a node once more.
        leaving.into_iter().for_each(|(pid, place)| moves.routes.recall(pid, place));
        moves.arrivals.stop_waiting();
        self.start_settled(moves, &mut after);
        self.let_go_marked(moves, &mut after);
        after.told.extend(moves.take_adrift().into_iter().flat_map(Ties::lost));
        drop(guard);
        self.see_to(after);
    }
    pub(super) fn next_timeout_of_moves(&self) -> Option<Time> {
        self.moves().next_timeout()
    }
    pub(super) fn timeout_of_moves(&self) {
        let mut after = After::default();
        let mut guard = self.moves();
        let moves = &mut *guard;
        self.times_are_over(moves, self.now(), &mut after);
        self.start_settled(moves, &mut after);
        self.let_go_marked(moves, &mut after);
        drop(guard);
        self.see_to(after);
        self.leave_at_last();
    }
    /// What waits until now at the latest waits no longer.
    fn times_are_over(&self, moves: &mut Moves, now: Time, after: &mut After) {
        let decided = moves.handover.timeout(now);
        self.decided(moves, decided, after);
        for (pid, to, held) in moves.routes.timeout(now) {
            #[cfg(test)]
            self.program.is_held_no_longer(pid);
            self.let_go(moves, pid, to, held, after);
            self.compare_torn(moves, pid, after);
        }
    }
}
