//! Processes that move between this node and others: what migration/ decides, carried out.
//!
//! Journey: a stopped process -> **offer, ready, commit, running** -> a process that goes on; and remote signal: route ->
//! **where it is now** -> session. All that has to do with one process goes over each session in that process's stream, so
//! the commit comes before what follows the process, and what it has sent before it left comes before the news that it has.
//!
//! Always: what is decided about moves is queued for the sessions under the lock of moves, so in its order. That lock comes
//! after that of names, and before the node's table. A process that comes does not run before all nodes to which it may
//! have sent from its last place have handled that, or cannot be waited for.

use super::super::connections::Connection;
use super::super::hello::Refusal;
use super::super::name::NodeName;
use super::super::names::Names;
use super::super::signal::{Bytes, Carried, Contents, MoveSignal, Signal as Wire, receiver, sender};
use super::super::ties::Ties;
use super::super::watchers::CARRIED_MAX;
use super::super::{Time, translate};
use super::link::Link;
use super::paths::{Behind, Heard, Hop, Way};
use super::settling::{SETTLE_TIME, Settling};
use super::surroundings::Guest;
use super::unsent::Unsent;
use super::unsent::Waiting;
use super::{Online, names};
use crate::migration::frozen::Fault;
use crate::migration::handover::{Decision, Following, Handover, Phase, Ready};
use crate::migration::routes::{Mark, Place, Routes, Sent};
use crate::process::signal::{Answer, Name, Signal};
use crate::scheduler::{Departed, Parcel};
use crate::sync::MutexGuard;
use rlua_machine::value::{Pid, Runtime};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Marks at most that wait for the connection with their asker.
const MARKED_MAX: usize = 4096;

/// What is known of processes that move or have moved.
#[derive(Default)]
pub struct Moves {
    pub(super) handover: Handover<Guest, Held>,
    pub(super) routes: Routes<Held>,
    /// Processes that have come and do not run yet: which nodes are waited for, and until when.
    pub(super) settling: BTreeMap<Pid, (BTreeSet<NodeName>, Time)>,
    /// Nodes that have settled before the commit has come, by process and epoch.
    pub(super) early: HashMap<(Pid, u64), HashSet<NodeName>>,
    /// Moves between others, and what is to be where it was to before this node says that it has settled.
    pub(super) settling_others: Settling,
    /// What hangs between processes here and such as have moved to nodes that are not connected yet: by node, and its program.
    pub(super) adrift: BTreeMap<(NodeName, Runtime), Ties>,
    /// Who was told where a process is, since it has sent something to it by here: as of which move.
    pub(super) told: BTreeMap<(Pid, Connection), u64>,
    /// Marks that have come out, and whose askers are not connected yet.
    marked: Vec<(Runtime, Pid, u64, Option<u64>)>,
    /// Moves from here whose targets are ready, and whose processes have sent what is still here: target, number, process.
    pub(super) ready: Vec<(Runtime, u64, Pid, Unsent)>,
    /// Those that have left and may not run yet.
    pub(super) leaving: HashMap<Pid, Left>,
    /// By which paths something has come to processes that are here.
    pub(super) heard: HashMap<Pid, Heard>,
    /// Processes of which something may still come by a connection with where they were.
    pub(super) behind: BTreeMap<(Connection, Pid), Behind>,
    /// Processes that have gone on though this node had not got all that they had sent before: as of which move.
    pub(super) ahead: BTreeMap<Pid, u64>,
    /// The same of those that will be, by their last places.
    pub(super) brought: HashMap<Pid, Heard>,
    /// The session with a runtime: what is over with another is over already.
    pub(super) sessions: HashMap<Runtime, Connection>,
}

/// What is kept of a process that has left until it runs elsewhere.
pub(super) struct Left {
    /// Its names.
    pub names: Vec<Name>,
    /// The commit, which may have to be sent again.
    pub commit: MoveSignal<Pid>,
    /// By which paths something had come to it: goes before the commit.
    pub heard: Vec<Hop>,
    /// What hung between it and processes here when the session was lost.
    pub ties: Ties,
}

impl Moves {
    /// What hangs between processes here and such as have moved to nodes that are not connected.
    pub(super) fn take_adrift(&mut self) -> Vec<Ties> {
        std::mem::take(&mut self.adrift).into_values().collect()
    }
    /// When something is to be decided though nothing comes.
    pub(super) fn next_timeout(&self) -> Option<Time> {
        let settling = self.settling.values().map(|(_, until)| *until).min();
        [self.handover.next_timeout(), self.routes.next_timeout(), settling].into_iter().flatten().min()
    }
    /// The runtime where a process is, as far as is known.
    pub(super) fn whereabouts(&self, pid: Pid) -> Runtime {
        self.routes.place(pid).map_or(pid.runtime(), |p| p.runtime)
    }
}

/// What is held back for a process, or goes the way of all that is sent to it.
#[derive(Clone)]
pub enum Held {
    /// A signal of a process here.
    Own(Signal),
    /// One that came from elsewhere.
    Passing(Signal, Way),
    /// One of this node: whether a tie has two ends (bonds.rs).
    Compared(Signal),
    /// A mark.
    Mark {
        /// Of which runtime.
        asker: Runtime,
        /// Its number there.
        id: u64,
    },
}

/// What follows from a decision, done when the lock is given back.
#[derive(Default)]
pub(super) struct After {
    /// Signals for processes.
    pub told: Vec<(Pid, Signal)>,
    /// Marks of this node that have come out.
    pub marks: Vec<(Pid, u64)>,
    /// Processes that have left, and run elsewhere or are lost.
    pub gone: Vec<(Pid, Vec<Name>)>,
}

impl Online {
    pub(super) fn moves(&self) -> MutexGuard<'_, Moves> {
        self.moves.lock().unwrap_or_else(|e| e.into_inner())
    }
    /// The lock, if any process is known to have moved.
    pub(super) fn moves_if_any(&self) -> Option<MutexGuard<'_, Moves>> {
        self.any_moved.load(Ordering::Acquire).then(|| self.moves())
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
        for (pid, epoch) in moves.routes.all_at(own) {
            let (runtime, node) = (own.id().to_be_bytes(), self.name.clone());
            let moved = MoveSignal::Moved { pid, epoch, runtime, node };
            link.send_along((Wire::Move(moved), Vec::new()), pid, self);
        }
        self.say_settled_to(moves, link, peer);
        for (_, pid, id, epoch) in moves.marked.extract_if(.., |m| m.0 == peer) {
            self.send_move(link, MoveSignal::Marked { pid, id, epoch });
        }
    }
    /// Answers a parent that has asked for a process, over the connection by which it has: it was there when it asked, or on
    /// its way from there since. False: that is over, and the parent believes that there is none.
    pub fn answer_spawn(&self, over: Connection, parent: Pid, id: u64, answer: Answer) -> bool {
        let link = self.table().links.get(&over).cloned();
        let out = translate::outgoing(parent, &Signal::Reply { id, answer });
        link.zip(out).is_some_and(|(link, out)| matches!(link.send(out, None, self), Some(Ok(_))))
    }
    /// A process was made for a parent that has ended meanwhile: what the child is to be told.
    pub(super) fn orphaned(&self, parent: Pid, child: Pid) -> Vec<(Pid, Signal)> {
        self.sessions().iter().filter_map(|l| l.with_ties(|t| t.orphaned(parent, child))).flatten().collect()
    }
    /// Whether a process is here, as far as is known: one that was born here may have ended.
    pub fn holds(&self, pid: Pid) -> bool {
        self.runtime_of(pid) == self.program.runtime()
    }
    /// The runtime where a process is, as far as is known.
    pub(super) fn runtime_of(&self, pid: Pid) -> Runtime {
        match self.any_moved.load(Ordering::Acquire) {
            true => self.moves().whereabouts(pid),
            false => pid.runtime(),
        }
    }
    /// Whether a process is known to have moved.
    pub fn has_moved(&self, pid: Pid) -> bool {
        self.any_moved.load(Ordering::Acquire) && self.moves().routes.place(pid).is_some()
    }
    /// The connections with all nodes, by age.
    pub(super) fn sessions(&self) -> Vec<Arc<Link>> {
        let mut all: Vec<Arc<Link>> = self.table().by_runtime.values().cloned().collect();
        all.sort_unstable_by_key(|l| l.number);
        all
    }
    pub(super) fn link_to(&self, runtime: Runtime) -> Option<Arc<Link>> {
        self.table().by_runtime.get(&runtime).cloned()
    }
    pub(super) fn send_move(&self, link: &Arc<Link>, signal: MoveSignal<Pid>) -> bool {
        let out = link.as_known_there((Wire::Move(signal), Vec::new()));
        out.is_none_or(|out| matches!(link.send(out, None, self), Some(Ok(_))))
    }

    // At the origin.

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
        let number = moves.handover.begin(pid, epoch, target, self.now());
        let contents = Contents::new(frozen);
        let offer = Wire::Move(MoveSignal::Offer { number, pid, epoch, contents });
        if !link.send_along((offer, modules), pid, self) {
            moves.handover.stays(number, String::new());
            return Err(format!(
                "cannot move to {node}: it is too large for the other node, or the connection is lost"
            ));
        }
        self.reaches(Phase::Offered);
        drop(moves);
        self.wake();
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
        moves.routes.left(pid, Place { epoch, runtime: target });
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
        let left = Left { names: had, commit: commit.clone(), heard: heard.clone(), ties: Ties::default() };
        moves.leaving.insert(pid, left);
        self.send_move(&link, MoveSignal::Paths { number, pid, heard });
        // If it cannot be sent the session is over, and what follows is kept when that is known here.
        self.send_move(&link, commit);
        for signal in signals {
            self.leaves_here(moves, &link, pid, &signal);
            // It was here, and in its order.
            self.pass(moves, target, pid, Held::Passing(signal, Way::default()), after);
        }
        let runtime = target.id().to_be_bytes();
        for other in others {
            self.send_move(other, MoveSignal::Moved { pid, epoch, runtime, node: name.clone() });
        }
        self.reaches(Phase::Committed);
    }
    /// Nothing hangs here of a process any more that is here no more.
    fn forget_ties(&self, moves: &mut Moves, pid: Pid) {
        for l in self.sessions() {
            l.with_ties(|t| t.forget_here(pid));
        }
        moves.adrift.values_mut().for_each(|t| t.forget_here(pid));
    }
    /// Notes what hangs on a signal of a process here for one that is elsewhere now, as if it went to a process that was
    /// born there.
    fn leaves_here(&self, moves: &Moves, link: &Link, to: Pid, signal: &Signal) {
        if let Some((wire, _)) = translate::outgoing(to, signal)
            && sender(&wire).is_some_and(|from| self.is_here(moves, from))
        {
            link.with_ties(|t| t.leaves(&wire));
        }
    }
    /// The same of a signal of which it is known that a process here has sent it.
    pub(super) fn leaves_by(&self, link: &Link, to: Pid, signal: &Signal) {
        let Some((wire, _)) = translate::outgoing(to, signal) else { return };
        // What was held back may ask for an end that is not there any more.
        if signal.asks_end() {
            return;
        }
        // It may have ended while that was held back.
        let is_here = sender(&wire).is_none_or(|from| self.program.is_here(from));
        link.with_ties(|t| if is_here { t.leaves(&wire) } else { t.passes(&wire) });
    }
    fn is_here(&self, moves: &Moves, pid: Pid) -> bool {
        moves.whereabouts(pid) == self.program.runtime()
    }
    /// Sends on what is for a process elsewhere.
    fn forward(&self, moves: &Moves, link: &Arc<Link>, to: Pid, signal: Signal, way: Way, after: &mut After) {
        let carried = translate::carry(&signal);
        let out = carried.map(|(carried, modules)| (self.forward_by(moves, to, carried, way), modules));
        let out = out.and_then(|out| link.as_known_there(out));
        if !out.is_some_and(|out| link.send_along(out, to, self)) {
            after.told.extend(signal.unreachable(to));
        }
    }

    // On the way.

    /// Gives a process that has moved, or is to be found by its birthplace alone, a signal of a process here. Err: it is
    /// where it was born.
    pub(super) fn send_to_moved(&self, to: Pid, signal: Signal) -> Result<bool, Signal> {
        let mut after = After::default();
        let mut moves = self.moves();
        let result = match moves.routes.send(to, Held::Own(signal)) {
            Sent::Held => Ok(true),
            Sent::Home(Held::Own(signal)) => Err(signal),
            Sent::Home(_) => unreachable!("what was sent comes back"),
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
    pub(super) fn pass_on(&self, link: &Arc<Link>, to: Pid, signal: Signal) -> Result<bool, Signal> {
        let mut after = After::default();
        let mut reached = true;
        let mut moves = self.moves();
        if self.is_here(&moves, to) {
            self.breaks(&mut moves, to, &signal, &mut after);
        }
        match moves.routes.place(to) {
            None => {
                drop(moves);
                self.see_to(after);
                return Err(signal);
            }
            // It has come all the way: what is held back is what was sent here.
            Some(place) if place.runtime == self.program.runtime() => {
                // What has come here before, and has followed it, may still be on its way back.
                let passing = Held::Passing(signal, self.way_from(link));
                match moves.routes.hold_back(to, link.peer_runtime(), passing) {
                    Ok(()) => self.has_passed(&mut moves, link, to),
                    Err(held) => reached = self.pass_here(&mut moves, to, held, &mut after),
                }
            }
            Some(_) => {
                link.with_ties(|t| t.forget_here(to));
                self.tell_of_place(&mut moves, link, to);
                self.has_passed(&mut moves, link, to);
                let passing = Held::Passing(signal, self.way_from(link));
                if let Sent::To(runtime, held) = moves.routes.send(to, passing) {
                    self.pass(&mut moves, runtime, to, held, &mut after);
                }
            }
        }
        drop(moves);
        self.see_to(after);
        Ok(reached)
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
            Held::Own(signal) => {
                self.is_of_here(moves, to);
                signal
            }
            Held::Compared(signal) => signal,
        };
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
    pub(super) fn pass_there(&self, moves: &mut Moves, runtime: Runtime, to: Pid, held: Held, after: &mut After) {
        match (self.link_to(runtime), held) {
            (Some(link), Held::Own(signal)) => {
                // What it undoes may hang on another connection, by which it was sent.
                if let Some((wire, _)) = translate::outgoing(to, &signal) {
                    self.undoes(moves, &wire);
                }
                self.leaves_by(&link, to, &signal);
                self.forward(moves, &link, to, signal, Way::default(), after);
            }
            (Some(link), Held::Passing(signal, way)) => self.forward(moves, &link, to, signal, way, after),
            (Some(link), Held::Compared(signal)) => self.forward(moves, &link, to, signal, Way::default(), after),
            (Some(link), Held::Mark { asker, id }) => {
                self.send_move(&link, MoveSignal::Mark { pid: to, asker: asker.id().to_be_bytes(), id });
            }
            (None, Held::Own(signal) | Held::Compared(signal)) if signal.asks_end() => {}
            (None, Held::Compared(signal)) => after.told.extend(signal.unreachable(to)),
            (None, Held::Own(signal)) => self.waits_there(moves, runtime, to, (signal, Way::default()), after),
            (None, Held::Passing(signal, way)) => self.waits_there(moves, runtime, to, (signal, way), after),
            (None, Held::Mark { asker, id }) => self.mark_waits_there(moves, runtime, to, (asker, id), after),
        }
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
    /// A place was learnt: a mark goes by the old path, if there was one.
    pub(super) fn learn(&self, moves: &mut Moves, pid: Pid, place: Place, after: &mut After) {
        let up = |runtime| runtime != self.program.runtime() && self.link_to(runtime).is_some();
        let mark = moves.routes.learn(pid, place, self.now(), up);
        self.any_moved.store(true, Ordering::Release);
        self.mark(mark, place);
        self.go_after(moves, pid, place.runtime, after);
    }
    /// A mark goes by a path.
    fn mark(&self, mark: Option<Mark>, place: Place) {
        if let Some(Mark { via, pid, id }) = mark
            && let Some(link) = self.link_to(via)
        {
            let asker = self.program.runtime().id().to_be_bytes();
            self.send_move(&link, MoveSignal::Mark { pid, asker, id });
            // Where it comes out is to answer.
            if place.runtime != self.program.runtime() && self.link_to(place.runtime).is_none() {
                let home = self.way_home(&self.table(), place.runtime);
                home.into_iter().for_each(|home| self.want_connection(home));
            }
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
                Held::Own(s) => {
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
    pub(super) fn let_go(&self, moves: &mut Moves, pid: Pid, runtime: Runtime, held: Vec<Held>, after: &mut After) {
        for h in held {
            self.pass(moves, runtime, pid, h, after);
        }
    }

    // What has come.

    pub(super) fn move_signal(self: &Arc<Self>, link: &Arc<Link>, mut signal: MoveSignal<Pid>) {
        let Some(from) = link.peer_runtime() else { return };
        self.join_moves(link);
        let mut after = After::default();
        let (mut adopted, mut watches, mut runs) = (Vec::new(), Vec::new(), None);
        match &signal {
            MoveSignal::Offer { .. } => self.reaches(Phase::HeardOffer),
            MoveSignal::Ready { .. } => self.reaches(Phase::HeardReady),
            MoveSignal::Commit { .. } => self.reaches(Phase::HeardCommit),
            MoveSignal::Running { .. } => self.reaches(Phase::HeardRunning),
            _ => {}
        }
        // What takes long, and what has its place before the lock of moves.
        let unpacked = match &mut signal {
            MoveSignal::Offer { contents, .. } => Some(self.program.unpack(&mut contents.bytes.0, &**self)),
            _ => None,
        };
        if let MoveSignal::Moved { pid, epoch, runtime, .. } = &signal
            && !self.is_known(*pid, *epoch)
        {
            self.names_move(link, *pid, *runtime);
        }
        let global = matches!(signal, MoveSignal::Ready { .. }).then(|| self.global());
        let names = global.as_ref().and_then(|g| g.as_ref()).map(names::Global::names);
        let mut guard = self.moves();
        let moves = &mut *guard;
        let due = moves.next_timeout();
        match signal {
            MoveSignal::Offer { number, pid, epoch, contents } => match unpacked {
                Some(Ok(guest)) if guest.pid == pid && guest.epoch == epoch => {
                    // Whoever sees to sessions asks what has become of it.
                    self.any_moved.store(true, Ordering::Release);
                    moves.handover.made(from, number, pid, epoch, guest);
                    self.send_move(link, MoveSignal::Ready { number, pid });
                    self.reaches(Phase::Made);
                }
                Some(Err(Fault::UnknownModule(hash))) => {
                    let signal = Wire::Move(MoveSignal::Offer { number, pid, epoch, contents });
                    if link.lock().held.hold(signal, hash) {
                        link.send((Wire::CodeWanted(hash), Vec::new()), None, self);
                    }
                }
                Some(Err(why)) => {
                    let why = why.to_string().as_str().into();
                    self.send_move(link, MoveSignal::Refused { number, why });
                }
                _ => self.fault(link, "a process that is another than was offered"),
            },
            MoveSignal::Ready { number, pid } => {
                if let Some(unsent) = self.unsent(moves, pid) {
                    // It leaves when all that it has sent has.
                    moves.ready.push((from, number, pid, unsent));
                } else {
                    self.is_ready(moves, names, (from, number, pid), &mut after);
                }
            }
            MoveSignal::Refused { number, why } => {
                let why = String::from_utf8_lossy(&why.0).into_owned();
                let decided = moves.handover.refused(from, number, why);
                self.decided(moves, decided, &mut after);
            }
            MoveSignal::Running { number } => {
                let decided = moves.handover.runs(from, number);
                self.decided(moves, decided, &mut after);
            }
            MoveSignal::Commit { number, watched, .. }
                if watched.iter().map(|(_, times)| u64::from(*times)).sum::<u64>() > CARRIED_MAX =>
            {
                self.fault(link, &format!("process of move {number} monitors too many nodes"));
            }
            MoveSignal::Commit { number, pid, names, nodes, watched } => match moves.handover.committed(from, number) {
                Some(Decision::Arrive(ready)) => {
                    // If it was here before, that is over.
                    let before = moves.handover.is_known(pid, ready.epoch, false);
                    self.decided(moves, before, &mut after);
                    let pid = ready.pid;
                    for (node, times) in watched {
                        self.watchers().add(pid, &node, times);
                        watches.push(node);
                    }
                    self.arrive(moves, link, ready, nodes, &mut after);
                    adopted.extend(names.into_iter().map(|(name, stamp)| (name, pid, stamp)));
                    runs = Some(number);
                }
                _ => _ = self.send_move(link, MoveSignal::Refused { number, why: "it is not here".into() }),
            },
            MoveSignal::Abort { number, .. } => {
                let decided = moves.handover.aborted(from, number);
                self.decided(moves, decided, &mut after);
            }
            MoveSignal::WasCommitted { number, pid } => {
                let decided = moves.handover.asked(from, number, pid);
                self.decided(moves, Some(decided), &mut after);
            }
            MoveSignal::DoesRun { number, pid, epoch } => {
                let has_come = moves.routes.place(pid).is_some_and(|p| p.epoch >= epoch);
                // One that is ready asks itself.
                if has_come {
                    self.send_move(link, MoveSignal::Running { number });
                } else if !moves.handover.is_waiting(from, number) {
                    self.send_move(link, MoveSignal::Refused { number, why: "it is not here".into() });
                }
            }
            MoveSignal::Moved { pid, epoch, runtime, node } => {
                let Some(runtime) = Runtime::find(u128::from_be_bytes(runtime)) else { return };
                self.found(moves, link, (pid, Place { epoch, runtime }), node, &mut after);
                self.has_followed(moves, link, pid, Place { epoch, runtime });
                // Of what it has sent before its new place knows nothing.
                if runtime != from {
                    self.settles(moves, link, (pid, Place { epoch, runtime }), &mut after);
                }
            }
            MoveSignal::Found { pid, epoch, runtime, node } => {
                let Some(runtime) = Runtime::find(u128::from_be_bytes(runtime)) else { return };
                if let Some(epoch) = moves.routes.end_of(pid).filter(|end| *end >= epoch) {
                    // That was said of its end to this node alone, perhaps.
                    self.send_move(link, MoveSignal::Ended { pid, epoch, lost: false });
                }
                self.found(moves, link, (pid, Place { epoch, runtime }), node, &mut after);
                if runtime == from {
                    self.has_followed(moves, link, pid, Place { epoch, runtime });
                }
            }
            MoveSignal::GoesOn { pid, epoch } => self.goes_on_from(moves, pid, epoch),
            MoveSignal::Settled { pid, epoch } => {
                if let Some(node) = link.peer_name() {
                    match moves.settling.get_mut(&pid) {
                        Some((nodes, _)) => _ = nodes.remove(&node),
                        None if moves.handover.is_due(pid, epoch) => {
                            moves.early.entry((pid, epoch)).or_default().insert(node);
                        }
                        None => {}
                    }
                }
                self.start_settled(moves, &mut after);
            }
            MoveSignal::Mark { pid, asker, id } => {
                let Some(asker) = Runtime::find(u128::from_be_bytes(asker)) else { return };
                match moves.routes.place(pid) {
                    None => {
                        if moves.handover.awaits(pid, Held::Mark { asker, id }).is_err() {
                            self.answer_mark(moves, pid, asker, id, &mut after);
                        }
                    }
                    Some(place) if place.runtime == self.program.runtime() => {
                        let from = (asker != self.program.runtime()).then_some(from);
                        let held = from.map(|from| moves.routes.hold_back(pid, Some(from), Held::Mark { asker, id }));
                        if !matches!(held, Some(Ok(()))) {
                            self.answer_mark(moves, pid, asker, id, &mut after);
                        }
                    }
                    Some(_) if asker == self.program.runtime() => {
                        if let Some(runtime) = moves.routes.own_mark(pid) {
                            self.pass(moves, runtime, pid, Held::Mark { asker, id }, &mut after);
                        }
                    }
                    Some(_) => {
                        if let Sent::To(runtime, held) = moves.routes.send(pid, Held::Mark { asker, id }) {
                            self.pass(moves, runtime, pid, held, &mut after);
                        }
                    }
                }
            }
            MoveSignal::Marked { pid, id, epoch } => {
                self.has_come_out(moves, id);
                // It has gone on from where the mark came out: what was sent before goes with it, and so does the next mark.
                let stands = self.link_to(from).is_some();
                let at = epoch.filter(|_| stands).map(|epoch| Place { epoch, runtime: from });
                let mark = at.and_then(|at| moves.routes.mark_on(pid, id, at, self.now()));
                if let (Some(mark), Some(place)) = (mark, moves.routes.place(pid)) {
                    self.mark(Some(mark), place);
                } else if let Some((runtime, held)) = moves.routes.marked(pid, id) {
                    self.let_go(moves, pid, runtime, held, &mut after);
                    if epoch.is_none() {
                        self.compare_torn(moves, pid, &mut after);
                    }
                }
            }
            MoveSignal::Ended { pid, epoch, lost } => {
                // One that is lost may be somewhere nevertheless.
                if !lost {
                    moves.routes.remember_end(pid, epoch);
                }
                // A target that has given up says that as well, and the process may never have left where it was: that concerns who
                // knows it to be there, and who is told of it by where it is.
                let place = moves.routes.place(pid);
                let concerns = |p: Place| p.epoch == epoch || p.runtime == from;
                let concerned = !lost || place.map_or(pid.runtime() == from, concerns);
                if concerned && place.is_some_and(|p| p.epoch <= epoch) {
                    self.forget_route(moves, pid, &mut after);
                }
                if lost && concerned {
                    after.told.extend(self.take_there(moves, pid).lost());
                }
            }
            MoveSignal::Forward { to, carried } => {
                self.forwarded(moves, link, to, (carried, Way::default()), &mut after)
            }
            MoveSignal::ForwardBy { to, by, carried } => {
                self.forwarded(moves, link, to, (carried, Way::of(by)), &mut after)
            }
            MoveSignal::Paths { number, pid, heard } => {
                if moves.handover.is_waiting(from, number) {
                    moves.brought.insert(pid, Heard::of(heard));
                }
            }
        }
        self.let_go_marked(moves, &mut after);
        let waits = !moves.ready.is_empty();
        let sooner = moves.next_timeout().is_some_and(|at| due.is_none_or(|due| at < due));
        drop(guard);
        drop(global);
        if sooner {
            self.wake();
        }
        // One that has come back may have the same names.
        self.free_names(std::mem::take(&mut after.gone));
        self.names_have_come(adopted);
        watches.into_iter().for_each(|node| self.watch_on(node));
        // Once all know by whom its names are said, they need not be said by its last node any more.
        if let Some(number) = runs {
            self.reaches(Phase::Arrived);
            self.send_move(link, MoveSignal::Running { number });
            self.reaches(Phase::Told);
        }
        self.see_to(after);
        if waits {
            self.leave_at_last();
        }
    }
    /// Whether it is known that a process has moved so often, or more often: its names are said by where it is.
    fn is_known(&self, pid: Pid, epoch: u64) -> bool {
        let moves = self.moves_if_any();
        moves.is_some_and(|m| m.routes.place(pid).is_some_and(|p| p.epoch >= epoch) || m.routes.has_ended(pid, epoch))
    }
    /// A process that has come monitors a node: it is told if there is no connection, or when that ends.
    fn watch_on(&self, node: NodeName) {
        if self.over.load(Ordering::SeqCst) {
            self.node_is_down(&node, &Refusal::Closing.to_string());
        } else if node != self.name {
            self.want_connection(node);
        }
    }
    pub(super) fn see_to(&self, after: After) {
        // What was asked over a connection may be answered here: also where nobody is known to have moved, by who has seen the
        // end of one.
        if !after.told.is_empty() {
            let mut moves = self.moves();
            for (to, signal) in &after.told {
                if self.is_here(&moves, *to)
                    && let Some((wire, _)) = translate::outgoing(*to, signal)
                {
                    self.is_waited_for(&mut moves, &wire);
                    if matches!(signal, Signal::Demonitor { .. }) {
                        self.undoes(&mut moves, &wire);
                    }
                }
            }
        }
        self.free_names(after.gone);
        self.tell(after.told);
    }
    fn free_names(&self, gone: Vec<(Pid, Vec<Name>)>) {
        for (pid, names) in gone {
            names.iter().for_each(|name| self.program.free_name(name, pid));
        }
    }
    /// Marks of this node that have come out.
    pub(super) fn let_go_marked(&self, moves: &mut Moves, after: &mut After) {
        while let Some((pid, id)) = after.marks.pop() {
            self.has_come_out(moves, id);
            if let Some((runtime, held)) = moves.routes.marked(pid, id) {
                self.let_go(moves, pid, runtime, held, after);
            }
        }
    }
    fn forwarded(
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
                let signal = MoveSignal::ForwardBy { to, by: way.into(), carried: *carried };
                if link.lock().held.hold(Wire::Move(signal), hash) {
                    link.send((Wire::CodeWanted(hash), Vec::new()), None, self);
                }
                return;
            }
            Err((e, _)) => return self.fault(link, &format!("a signal that cannot be read: {e}")),
        };
        let wire = translate::outgoing(to, &signal);
        let from = wire.and_then(|(wire, _)| sender(&wire));
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
            let made = matches!(signal, Signal::Link { .. } | Signal::Monitor { .. }).then(|| signal.clone());
            match moves.routes.hold_back(to, link.peer_runtime(), Held::Passing(signal, way)) {
                Ok(()) => self.has_passed(moves, link, to),
                Err(held) => _ = self.pass_here(moves, to, held, after),
            }
            if is_spawned {
                // What hangs on that is known to the process alone.
                self.ask_end(moves, to, Signal::Arrived { torn: false }, after);
            }
            return made.into_iter().for_each(|made| self.has_come_round(moves, to, &made, link.peer_runtime(), after));
        }
        self.tell_of_place(moves, link, to);
        self.has_passed(moves, link, to);
        match moves.routes.send(to, Held::Passing(signal, way)) {
            Sent::To(runtime, held) => self.pass(moves, runtime, to, held, after),
            Sent::Held => {}
            Sent::Home(held) => {
                if let Err(Held::Passing(signal, _)) = moves.handover.awaits(to, held) {
                    moves.settling_others.forget(to);
                    after.told.extend(signal.bounce(to));
                }
            }
        }
    }

    /// A signal has come for a process here, by whatever way: what hangs on it. False: it answers nothing that is waited for.
    fn comes(&self, moves: &mut Moves, wire: &Wire<Pid>, after: &mut After) -> bool {
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

    /// Whether something hangs on any connection, or on none, that a signal answers: it is answered by it.
    fn is_waited_for(&self, moves: &mut Moves, answer: &Wire<Pid>) -> bool {
        self.sessions().iter().any(|l| l.with_ties(|t| t.comes(answer)) == Some(true))
            || moves.adrift.values_mut().any(|t| t.comes(answer))
    }
    /// The same of one that has come over a connection on which nothing hangs that it answers: also if it is to be passed on.
    pub(super) fn is_for_somebody(&self, answer: &Wire<Pid>) -> bool {
        // Also if nobody is known to have moved here: who has seen the end of one that had answers for it.
        let mut moves = self.moves();
        receiver(answer).is_some_and(|to| !self.is_here(&moves, to)) || self.is_waited_for(&mut moves, answer)
    }

    // At the target.

    pub(super) fn arrive(
        &self,
        moves: &mut Moves,
        link: &Arc<Link>,
        Ready { pid, epoch, process, kept, .. }: Ready<Guest, Held>,
        nodes: Vec<NodeName>,
        after: &mut After,
    ) {
        let own = self.program.runtime();
        let ties = (process.enter)();
        if let Some(last) = link.peer_name() {
            self.program.moved(pid, None, &last, true);
        }
        moves.heard.insert(pid, moves.brought.remove(&pid).unwrap_or_default());
        for held in kept {
            self.pass_here(moves, pid, held, after);
        }
        let was_here = pid.runtime() == own || moves.routes.place(pid).is_some();
        // Those here were tied over the connection with its last place.
        let links = self.sessions();
        let believed = self.take_there(moves, pid);
        self.learn(moves, pid, Place { epoch, runtime: own }, after);
        self.compare_here(moves, &believed, after);
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
        let connected: HashSet<NodeName> = links.iter().filter_map(|l| l.peer_name()).collect();
        let early = moves.early.remove(&(pid, epoch)).unwrap_or_default();
        let waited_for = nodes.into_iter().filter(|n| connected.contains(n) && !early.contains(n)).collect();
        moves.settling.insert(pid, (waited_for, self.now() + SETTLE_TIME));
        self.start_settled(moves, after);
    }
    /// Processes for which nothing is waited for any more run.
    pub(super) fn start_settled(&self, moves: &mut Moves, after: &mut After) {
        let now = self.now();
        let settled = moves.settling.extract_if(.., |_, (nodes, until)| nodes.is_empty() || *until <= now);
        let settled: Vec<_> = settled.map(|(pid, (nodes, _))| (pid, nodes)).collect();
        for (pid, nodes) in settled {
            if let Some(place) = moves.routes.place(pid) {
                self.tell_unsettled(pid, place, &nodes);
            }
            self.has_arrived(moves, pid, !nodes.is_empty(), after);
            self.program.starts(pid);
        }
    }
    /// A process that had moved has ended here.
    pub(crate) fn process_ended(&self, pid: Pid) {
        let mut after = After::default();
        let mut moves = self.moves();
        moves.heard.remove(&pid);
        let Some(place) = moves.routes.place(pid) else { return };
        moves.routes.remember_end(pid, place.epoch);
        // What it has asked is answered to its birthplace, if at all.
        self.forget_ties(&mut moves, pid);
        for l in self.sessions() {
            self.send_move(&l, MoveSignal::Ended { pid, epoch: place.epoch, lost: false });
        }
        self.forget_route(&mut moves, pid, &mut after);
        drop(moves);
        self.see_to(after);
    }

    /// What is under way, or held back.
    #[cfg(test)]
    pub(super) fn unsettled_moves(&self) -> Vec<String> {
        let moves = self.moves();
        let mut all = Vec::new();
        for (what, is_left) in [
            ("a move under way", moves.handover.is_busy()),
            ("signals that are held back for processes that have moved", moves.routes.next_timeout().is_some()),
            ("processes that have come and do not run", !moves.settling.is_empty()),
            ("nodes that have settled before the commit", !moves.early.is_empty()),
            ("ties with processes at nodes that are not connected", !moves.adrift.is_empty()),
            ("processes that have left and are not known to run", !moves.leaving.is_empty()),
        ] {
            if is_left {
                all.push(what.to_string());
            }
        }
        all
    }
}
