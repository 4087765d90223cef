//! What is for a process that has moved, on its way to where that is.
//!
//! Journey: remote signal: route -> **where it is now** -> session. It comes from a process here, or from another node, and goes to the process if
//! that is here, or on; or it is held back until a mark is out (migration/routes.rs). Its place among what others have sent is
//! decided by marks and, where these are lost, by numbers of paths (paths.rs).
//!
//! Always: what goes on to a process goes in that process's stream, and so do marks behind it.

use super::super::connections::Connection;
use super::super::name::NodeName;
use super::super::signal::{Carried, MoveSignal, Signal as Wire, receiver, sender};
use super::super::ties::Ties;
use super::super::translate;
use super::Online;
use super::bonds::makes_tie;
use super::link::Link;
use super::moves::{After, Held, Moves};
use super::paths::Way;
use super::unsent::Waiting;
use crate::codec::Message;
use crate::migration::handover::Following;
use crate::migration::routes::{Mark, Place, Sent};
use crate::process::signal::{Answer, Signal};
use rlua_machine::value::{Pid, Runtime};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Marks at most that wait for the connection with their asker.
const MARKED_MAX: usize = 4096;

impl Online {
    /// Gives a process that has moved, or is to be found by its birthplace alone, a signal of a process here. Err: it is
    /// where it was born.
    pub(super) fn send_to_moved(&self, to: Pid, signal: Signal, from: Option<Pid>) -> Result<bool, Signal> {
        let mut after = After::default();
        let mut moves = self.moves();
        let result = match moves.routes.send(to, Held::Own(signal, from)) {
            Sent::Held => Ok(true),
            Sent::Home(Held::Own(signal, _)) => Err(signal),
            Sent::Home(_) | Sent::By(..) => unreachable!("it is not sent on, and comes back"),
            Sent::To(runtime, held) => {
                self.pass(&mut moves, runtime, to, held, &mut after);
                Ok(after.told.is_empty())
            }
        };
        drop(moves);
        self.see_to(after);
        result
    }
    /// A signal has come for a process: whether it has reached it, or goes on. Err: it is not known to have moved.
    pub(super) fn pass_on(&self, link: &Arc<Link>, from: Option<Pid>, to: Pid, signal: Signal) -> Result<bool, Signal> {
        let mut after = After::default();
        let mut reached = true;
        let mut moves = self.moves();
        if self.is_here(&moves, to) {
            self.breaks(&mut moves, to, &signal, &mut after);
        }
        let way = |moves: &Moves| self.way_from(link).sent_by(self.sender_at(moves, from, link.peer_runtime()));
        match moves.routes.place(to) {
            None => {
                drop(moves);
                self.see_to(after);
                return Err(signal);
            }
            Some(place) => {
                let is_here = place.runtime == self.program.runtime();
                if !is_here {
                    link.with_ties(|t| t.forget_here(to));
                    self.tell_of_place(&mut moves, link, to);
                }
                let passing = Held::Passing(signal, way(&moves));
                match moves.routes.send_on(to, link.peer_runtime(), false, passing) {
                    Sent::To(_, held) if is_here => reached = self.pass_here(&mut moves, to, held, &mut after),
                    sent => {
                        self.has_passed(&mut moves, link, to);
                        _ = self.goes_on(&mut moves, to, sent, &mut after);
                    }
                }
            }
        }
        drop(moves);
        self.see_to(after);
        Ok(reached)
    }
    /// What others have sent goes on to where it is to go. What is for one that is not known to have moved comes back.
    pub(super) fn goes_on(&self, moves: &mut Moves, to: Pid, sent: Sent<Held>, after: &mut After) -> Option<Held> {
        match sent {
            Sent::To(runtime, held) => self.pass(moves, runtime, to, held, after),
            Sent::By(runtime, path, held) => {
                let held = match held {
                    Held::Passing(signal, way) => Held::Passing(signal, way.by_older(self.program.runtime(), path)),
                    held => held,
                };
                self.pass(moves, runtime, to, held, after);
            }
            Sent::Held => {}
            Sent::Home(held) => return Some(held),
        }
        None
    }
    /// Gives what is for a process to the runtime where it is, or keeps it if that is not known for sure.
    pub(super) fn pass(&self, moves: &mut Moves, runtime: Runtime, to: Pid, held: Held, after: &mut After) {
        if runtime == self.program.runtime() {
            self.pass_here(moves, to, held, after);
            return;
        }
        if let Following::Send(held) = moves.handover.follows(to, held) {
            self.pass_there(moves, runtime, to, held, after);
        }
    }
    /// Gives what is for a process to it: it is here. False: it has ended, or that comes too late.
    pub(super) fn pass_here(&self, moves: &mut Moves, to: Pid, held: Held, after: &mut After) -> bool {
        let signal = match held {
            Held::Mark { asker, id } => {
                self.answer_mark(moves, to, asker, id, after);
                return true;
            }
            Held::Passing(signal, way) => match self.unless_late(moves, to, (signal, way), after) {
                Some(signal) => signal,
                None => return false,
            },
            Held::Own(signal, _) => {
                self.is_of_here(moves, to);
                signal
            }
            Held::Compared(signal) => {
                // Also a question of a process here: what it has asked before by another path is behind it.
                if !matches!(signal, Signal::Arrived { .. }) {
                    self.is_of_here(moves, to);
                }
                signal
            }
        };
        self.ends_tie(moves, to, &signal, after);
        let delivered = self.program.deliver_here(to, signal);
        let reached = delivered.is_ok();
        if let Err(signal) = delivered {
            if let Signal::Reply { answer: Answer::Spawned(child), .. } = &signal {
                after.told.extend(self.orphaned(to, *child));
            }
            after.told.extend(signal.bounce(to));
        }
        reached
    }
    /// What ends a tie is given to a process that is here: it may hang on a connection, if one of its ends was elsewhere, or was
    /// believed to be.
    pub(super) fn ends_tie(&self, moves: &mut Moves, to: Pid, signal: &Signal, after: &mut After) {
        let nothing = || Message::string(b"");
        let end = match signal {
            Signal::Exit { from, normal, .. } => Signal::Exit { from: *from, reason: nothing(), normal: *normal },
            Signal::Down { from, id, .. } => Signal::Down { from: *from, id: *id, reason: nothing() },
            Signal::Response { from, id, over: true, refused, .. } => {
                Signal::Response { from: *from, id: *id, over: true, refused: *refused, value: nothing() }
            }
            Signal::Unlink { .. } | Signal::UnlinkAck { .. } | Signal::Demonitor { .. } => signal.clone(),
            _ => return,
        };
        if let Some((wire, _)) = translate::outgoing(to, &end) {
            self.comes(moves, &wire, after);
        }
    }
    pub(super) fn pass_there(&self, moves: &mut Moves, runtime: Runtime, to: Pid, held: Held, after: &mut After) {
        match (self.link_to(runtime), held) {
            (Some(link), Held::Own(signal, from)) => {
                // What it undoes may hang on another connection, by which it was sent.
                if let Some((wire, _)) = translate::outgoing(to, &signal) {
                    self.undoes(moves, &wire);
                }
                self.leaves_by(&link, to, &signal);
                let way = Way::default().sent_by(self.sender_at(moves, from, Some(self.program.runtime())));
                self.forward(moves, &link, to, signal, way, after);
            }
            (Some(link), Held::Passing(signal, way)) => self.forward(moves, &link, to, signal, way, after),
            (Some(link), Held::Compared(signal)) => self.forward(moves, &link, to, signal, Way::default(), after),
            (Some(link), Held::Mark { asker, id }) => {
                self.send_move(&link, MoveSignal::Mark { pid: to, asker: asker.id().to_be_bytes(), id });
            }
            (None, Held::Own(signal, _) | Held::Compared(signal)) if signal.asks_end() => {}
            (None, Held::Compared(signal)) => after.told.extend(signal.unreachable(to)),
            (None, Held::Own(signal, from)) => {
                let way = Way::default().sent_by(self.sender_at(moves, from, Some(self.program.runtime())));
                self.waits_there(moves, runtime, to, (signal, way), after);
            }
            (None, Held::Passing(signal, way)) => self.waits_there(moves, runtime, to, (signal, way), after),
            (None, Held::Mark { asker, id }) => self.mark_waits_there(moves, runtime, to, (asker, id), after),
        }
    }
    /// Sends on what is for a process elsewhere.
    pub(super) fn forward(
        &self,
        moves: &Moves,
        link: &Arc<Link>,
        to: Pid,
        signal: Signal,
        way: Way,
        after: &mut After,
    ) {
        let carried = translate::carry(&signal);
        let out = carried.map(|(carried, modules)| (self.forward_by(moves, to, carried, way), modules));
        let out = out.and_then(|out| link.as_known_there(out));
        if !out.is_some_and(|out| link.send_along(out, to, self)) {
            after.told.extend(signal.unreachable(to));
        }
    }
    pub(super) fn forwarded(
        &self,
        moves: &mut Moves,
        link: &Arc<Link>,
        to: Pid,
        (carried, way): (Carried<Pid>, Way),
        after: &mut After,
    ) {
        let signal = match translate::carried(carried, self) {
            Ok(signal) => signal,
            Err((crate::codec::DecodeError::UnknownModule(hash), carried)) => {
                let (sender, by, carried) = (way.sender(), way.hops(), *carried);
                let signal = match sender {
                    Some((from, epoch)) => MoveSignal::ForwardOf { to, by, from, epoch, carried },
                    None => MoveSignal::ForwardBy { to, by, carried },
                };
                if link.lock().held.hold(Wire::Move(signal), hash) {
                    link.send((Wire::CodeWanted(hash), Vec::new()), None, self);
                }
                return;
            }
            Err((e, _)) => return self.fault(link, &format!("a signal that cannot be read: {e}")),
        };
        let wire = translate::outgoing(to, &signal);
        let from = wire.and_then(|(wire, _)| sender(&wire)).or(way.sender().map(|(from, _)| from));
        let from = from.filter(|_| way.is_straight());
        if self.is_of_before(moves, &way) {
            return after.told.extend(signal.unreachable(to));
        }
        let Some(signal) = self.unless_behind(moves, link, from, to, (signal, after)) else { return };
        if self.is_here(moves, to) {
            let expected = match translate::outgoing(to, &signal) {
                Some((wire, _)) => self.comes(moves, &wire, after),
                None => true,
            };
            // Who sends on the answer to a spawn has seen that it is waited for.
            let is_spawned = matches!(signal, Signal::Reply { answer: Answer::Spawned(_), .. });
            let expected = expected || is_spawned;
            if !expected {
                return;
            }
            self.breaks(moves, to, &signal, after);
            let made = makes_tie(&signal);
            // What this node has sent on, or the process had in its inbox, was sent before all that comes by the old path.
            let is_round = way.is_ahead_at(self.program.runtime());
            match moves.routes.send_on(to, link.peer_runtime(), is_round, Held::Passing(signal, way)) {
                Sent::To(_, held) | Sent::Home(held) => _ = self.pass_here(moves, to, held, after),
                sent => {
                    self.has_passed(moves, link, to);
                    _ = self.goes_on(moves, to, sent, after);
                }
            }
            if is_spawned {
                // What hangs on that is known to the process alone.
                self.ask_end(moves, to, Signal::Arrived { torn: false }, after);
            }
            return made.into_iter().for_each(|made| self.has_come_round(moves, to, &made, link.peer_runtime(), after));
        }
        if way.has(self.program.runtime(), moves.routes.path(to)) {
            return self.goes_round(moves, to, (signal, way), after);
        }
        let Some(signal) = self.unless_overtaken(moves, to, (signal, &way), after) else { return };
        self.tell_of_place(moves, link, to);
        self.has_passed(moves, link, to);
        let sent = moves.routes.send_on(to, link.peer_runtime(), false, Held::Passing(signal, way));
        if let Some(held) = self.goes_on(moves, to, sent, after)
            && let Err(Held::Passing(signal, _)) = moves.handover.awaits(to, held)
        {
            moves.settling_others.forget(to);
            after.told.extend(signal.bounce(to));
        }
    }
    /// A signal has come back that this node has sent on, and nothing was heard of its receiver meanwhile. That is on its way here; or it is
    /// lost, and two nodes believe it to be at the other.
    fn goes_round(&self, moves: &mut Moves, to: Pid, (signal, way): (Signal, Way), after: &mut After) {
        if let Err(Held::Passing(signal, _)) = moves.handover.awaits(to, Held::Passing(signal, way)) {
            after.told.extend(signal.unreachable(to));
        }
    }
    /// A mark has come to where nothing is known of where it is to go: it waits if the process is on its way here.
    pub(super) fn mark_waits_or_is_out(
        &self,
        moves: &mut Moves,
        pid: Pid,
        (asker, id): (Runtime, u64),
        after: &mut After,
    ) {
        if moves.handover.awaits(pid, Held::Mark { asker, id }).is_err() {
            self.answer_mark(moves, pid, asker, id, after);
        }
    }
    /// A signal has come for a process here, by whatever way: what hangs on it. False: it answers nothing that is waited for.
    pub(super) fn comes(&self, moves: &mut Moves, wire: &Wire<Pid>, after: &mut After) -> bool {
        // What it answers hangs on one connection, which need not be the one with where its sender is now.
        if receiver(wire).is_some() {
            // A process that is here, or was, hangs on none; nor does one that it has asked.
            let is_here = sender(wire).is_none_or(|from| self.is_here(moves, from));
            return self.is_waited_for(moves, wire) || is_here;
        }
        // Also if its sender has ended since, and is not known to have been elsewhere any more.
        self.undoes(moves, wire);
        let Some(from) = sender(wire).filter(|from| !self.is_here(moves, *from)) else { return true };
        let runtime = moves.whereabouts(from);
        match self.link_to(runtime) {
            Some(link) => link.with_ties(|t| t.comes(wire)).unwrap_or(true),
            None => {
                let mut ties = Ties::default();
                ties.comes(wire);
                self.drift(moves, runtime, ties, after);
                true
            }
        }
    }
    /// Whether something hangs on any connection, or on none, that a signal answers: it is answered by it, wherever it hangs. (Of one
    /// who has ended it may be two: with where it was, and with where it was born, where it was asked for since.)
    pub(super) fn is_waited_for(&self, moves: &mut Moves, answer: &Wire<Pid>) -> bool {
        let mut is_it = false;
        self.sessions().iter().for_each(|l| is_it |= l.with_ties(|t| t.comes(answer)) == Some(true));
        moves.unmoored().for_each(|t| is_it |= t.comes(answer));
        is_it
    }
    /// The same of one that has come over a connection on which nothing hangs that it answers: also if it is to be passed on.
    pub(super) fn is_for_somebody(&self, answer: &Wire<Pid>) -> bool {
        // Also if nobody is known to have moved here: who has seen the end of one that had answers for it.
        let mut moves = self.moves();
        receiver(answer).is_some_and(|to| !self.is_here(&moves, to)) || self.is_waited_for(&mut moves, answer)
    }
    /// A mark has come out, where the process is or where it can go no further.
    pub(super) fn answer_mark(&self, moves: &mut Moves, pid: Pid, asker: Runtime, id: u64, after: &mut After) {
        let own = self.program.runtime();
        // Where it has ended there is no place, and no next mark is to come.
        let here = moves.routes.place(pid).filter(|p| p.runtime == own).map(|p| p.epoch);
        if asker == own {
            after.marks.push((pid, id));
        } else if let Some(link) = self.link_to(asker) {
            self.send_move(&link, MoveSignal::Marked { pid, id, epoch: here });
        } else if moves.marked.len() < MARKED_MAX {
            moves.marked.push((asker, pid, id, here));
        }
    }
    /// Marks of this node that have come out.
    pub(super) fn let_go_marked(&self, moves: &mut Moves, after: &mut After) {
        while let Some((pid, id)) = after.marks.pop() {
            self.has_come_out(moves, id);
            let more = moves.routes.mark_again(pid, id);
            if more.is_some() {
                self.mark(moves, pid, more);
            } else if let Some((runtime, held)) = moves.routes.marked(pid, id) {
                self.let_go(moves, pid, runtime, held, after);
            }
        }
    }
    /// A place was learnt: a mark goes by the old path, if there was one.
    pub(super) fn learn(&self, moves: &mut Moves, pid: Pid, place: Place, after: &mut After) {
        let up = |runtime| runtime != self.program.runtime() && self.link_to(runtime).is_some();
        let mark = match place.runtime == self.program.runtime() {
            true => moves.routes.arrived(pid, place, self.now(), up),
            false => moves.routes.learn(pid, place, self.now(), up),
        };
        self.any_moved.store(true, Ordering::Release);
        self.mark(moves, pid, mark);
        self.go_after(moves, pid, place.runtime, after);
    }
    /// A mark goes by a path, if it is not on its way already.
    pub(super) fn mark(&self, moves: &Moves, pid: Pid, mark: Option<Mark>) {
        if let Some(Mark { via, pid, id }) = mark
            && let Some(link) = self.link_to(via)
        {
            let asker = self.program.runtime().id().to_be_bytes();
            self.send_move(&link, MoveSignal::Mark { pid, asker, id });
        }
        // Where it comes out is to answer: also if the process has gone on since it was sent.
        if let Some(place) = moves.routes.place(pid).filter(|_| moves.routes.has_hold(pid))
            && place.runtime != self.program.runtime()
            && self.link_to(place.runtime).is_none()
        {
            let home = self.way_home(&self.table(), place.runtime);
            home.into_iter().for_each(|home| self.want_connection(home));
        }
    }
    pub(super) fn want_connection(&self, node: NodeName) {
        let mut table = self.table();
        if !table.by_name.contains_key(&node) {
            table.want(node, Waiting { to: None, at: None, signal: None, asker: None });
            drop(table);
            self.wake();
        }
    }
    pub(super) fn let_go(&self, moves: &mut Moves, pid: Pid, runtime: Runtime, held: Vec<Held>, after: &mut After) {
        for h in held {
            self.pass(moves, runtime, pid, h, after);
        }
    }
    /// A process has ended: what was held back for it is answered as for a dead one.
    pub(super) fn forget_route(&self, moves: &mut Moves, pid: Pid, after: &mut After) {
        let held = moves.routes.ended(pid);
        let told = moves.told.range((pid, 0)..=(pid, Connection::MAX)).map(|(key, _)| *key).collect::<Vec<_>>();
        told.iter().for_each(|key| _ = moves.told.remove(key));
        moves.settling_others.forget(pid);
        self.undelivered(moves, pid, held, after, |s| s.bounce(pid));
    }
    /// What was held back for a process does not get there: signals are answered so, marks come out.
    pub(super) fn undelivered(
        &self,
        moves: &mut Moves,
        pid: Pid,
        held: impl IntoIterator<Item = Held>,
        after: &mut After,
        answer: impl Fn(Signal) -> Option<(Pid, Signal)>,
    ) {
        for h in held {
            match h {
                Held::Own(s, _) => {
                    // Its sender has done with what it undoes, though it comes nowhere.
                    if let Some((wire, _)) = translate::outgoing(pid, &s) {
                        self.undoes(moves, &wire);
                    }
                    after.told.extend(answer(s));
                }
                Held::Passing(s, _) | Held::Compared(s) => after.told.extend(answer(s)),
                Held::Mark { asker, id } => self.answer_mark(moves, pid, asker, id, after),
            }
        }
    }
}
