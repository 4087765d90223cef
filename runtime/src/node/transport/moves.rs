//! Processes that move between this node and others: what migration/ decides, carried out.
//!
//! Journey: a stopped process -> **offer, ready, commit, running** -> a process that goes on; and remote signal: route ->
//! **where it is now** -> session. All that has to do with one process goes over each session in that process's stream, so
//! the commit comes before what follows the process, and what it has sent before it left comes before the news that it has.
//!
//! Here are what is kept of moves, and what becomes of each signal about one. The steps: departure, arrival, passing (what is sent to
//! one that has moved), handover (what is decided), unsent and settling (what is waited for), paths (what comes too late), bonds.
//!
//! Always: what is decided about moves is queued for the sessions under the lock of moves, so in its order. That lock comes
//! after that of names, and before the node's table.

use super::super::connections::Connection;
use super::super::name::NodeName;
use super::super::signal::{MoveSignal, Signal as Wire};
use super::super::ties::Ties;
use super::super::watchers::CARRIED_MAX;
use super::super::{Time, translate};
use super::link::Link;
use super::paths::{Behind, Heard, Hop, Way};
use super::surroundings::Guest;
use super::unsent::Unsent;
use super::{Online, names};
use crate::migration::arrivals::Arrivals;
use crate::migration::frozen::Fault;
use crate::migration::handover::{Decision, Handover, Phase};
use crate::migration::routes::{Place, Routes, Sent};
use crate::migration::settling::Settling;
use crate::process::signal::{Answer, Name, Signal};
use crate::sync::MutexGuard;
use rlua_machine::value::{Pid, Runtime};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What is known of processes that move or have moved.
#[derive(Default)]
pub struct Moves {
    pub(super) handover: Handover<Guest, Held>,
    pub(super) routes: Routes<Held>,
    /// Processes that have come, and who has not settled.
    pub(super) arrivals: Arrivals,
    /// Moves between others, and what is to be where it was to before this node says that it has settled.
    pub(super) settling_others: Settling,
    /// What hangs between processes here and such as have moved to nodes that are not connected yet: by node, and its program.
    pub(super) adrift: BTreeMap<(NodeName, Runtime), Ties>,
    /// Who was told where a process is, since it has sent something to it by here: as of which move.
    pub(super) told: BTreeMap<(Pid, Connection), u64>,
    /// Marks that have come out, and whose askers are not connected yet.
    pub(super) marked: Vec<(Runtime, Pid, u64, Option<u64>)>,
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
    /// What is known of those that will be here before their commits.
    pub(super) brought: HashMap<Pid, Brought>,
    /// The session with a runtime: what is over with another is over already.
    pub(super) sessions: HashMap<Runtime, Connection>,
}

/// What is said of a process before its commit.
#[derive(Default)]
pub(super) struct Brought {
    /// By which paths something had come to it.
    pub heard: Heard,
    /// Nodes for which its last place passes on that they have settled.
    pub relayed: BTreeSet<NodeName>,
    /// Nodes that have not settled after the move before.
    pub without: BTreeSet<NodeName>,
}

/// What is kept of a process that has left until it runs elsewhere.
pub(super) struct Left {
    /// Its names.
    pub names: Vec<Name>,
    /// The commit, which may have to be sent again.
    pub commit: MoveSignal<Pid>,
    /// By which paths something had come to it, and what else goes before the commit.
    pub heard: Vec<Hop>,
    /// Nodes for which this one passes on that they have settled.
    pub relayed: Vec<NodeName>,
    /// Nodes that have not settled since it came here.
    pub without: Vec<NodeName>,
    /// What hung between it and processes here when the session was lost.
    pub ties: Ties,
}

impl Moves {
    /// What hangs on no session: until one with where the other end is stands, or stands again.
    pub(super) fn unmoored(&mut self) -> impl Iterator<Item = &mut Ties> {
        self.adrift.values_mut().chain(self.leaving.values_mut().map(|left| &mut left.ties))
    }
    /// What hangs between processes here and such as have moved to nodes that are not connected.
    pub(super) fn take_adrift(&mut self) -> Vec<Ties> {
        std::mem::take(&mut self.adrift).into_values().collect()
    }
    /// When something is to be decided though nothing comes.
    pub(super) fn next_timeout(&self) -> Option<Time> {
        [self.handover.next_timeout(), self.routes.next_timeout(), self.arrivals.next_timeout()]
            .into_iter()
            .flatten()
            .min()
    }
    /// The runtime where a process is, as far as is known.
    pub(super) fn whereabouts(&self, pid: Pid) -> Runtime {
        self.routes.place(pid).map_or(pid.runtime(), |p| p.runtime)
    }
}

/// What is held back for a process, or goes the way of all that is sent to it.
#[derive(Clone)]
pub enum Held {
    /// A signal of a process here; of which, if that is known and the signal does not say it.
    Own(Signal, Option<Pid>),
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
    /// The same as [`Online::holds`], by who has the lock.
    pub(super) fn is_here(&self, moves: &Moves, pid: Pid) -> bool {
        moves.whereabouts(pid) == self.program.runtime()
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

    /// Something about moves has come over a connection.
    pub(super) fn move_signal(self: &Arc<Self>, link: &Arc<Link>, mut signal: MoveSignal<Pid>) {
        let Some(from) = link.peer_runtime() else { return };
        self.join_moves(link);
        let mut after = After::default();
        let (mut watches, mut runs) = (Vec::new(), None);
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
        let mut global = matches!(signal, MoveSignal::Ready { .. } | MoveSignal::Commit { .. }).then(|| self.global());
        let global_names = global.as_mut().and_then(|g| g.as_mut());
        let mut guard = self.moves();
        let moves = &mut *guard;
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
                    let names = global_names.as_deref().map(names::Global::names);
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
                    self.arrive(moves, link, ready, (names, global_names), nodes, &mut after);
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
                if runtime == from {
                    self.has_settled_there(moves, pid, epoch);
                }
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
                    self.has_settled(moves, pid, epoch, node, &mut after);
                }
            }
            MoveSignal::Mark { pid, asker, id } => {
                let Some(asker) = Runtime::find(u128::from_be_bytes(asker)) else { return };
                let (own, key) = (self.program.runtime(), (pid, asker, id));
                match moves.routes.place(pid) {
                    None => self.mark_waits_or_is_out(moves, pid, (asker, id), &mut after),
                    Some(place) if place.runtime == own && asker == own => {
                        self.answer_mark(moves, pid, asker, id, &mut after);
                    }
                    Some(place) => {
                        let is_round = moves.routes.has_passed(key);
                        let mark = Held::Mark { asker, id };
                        let sent = match asker == own {
                            true => moves.routes.own_mark(pid).map_or(Sent::Held, |to| Sent::To(to, mark)),
                            false => moves.routes.send_on(pid, Some(from), is_round, mark),
                        };
                        let comes_to_it = place.runtime == own && matches!(sent, Sent::To(..));
                        if !comes_to_it && !moves.routes.mark_passes(key) {
                            self.mark_waits_or_is_out(moves, pid, (asker, id), &mut after);
                        } else {
                            _ = self.goes_on(moves, pid, sent, &mut after);
                        }
                    }
                }
            }
            MoveSignal::Marked { pid, id, epoch } => {
                self.has_come_out(moves, id);
                // It has gone on from where the mark came out: what was sent before goes with it, and so does the next mark.
                let stands = self.link_to(from).is_some();
                let at = epoch.filter(|_| stands).map(|epoch| Place { epoch, runtime: from });
                let more = moves.routes.mark_again(pid, id);
                let mark = more.or_else(|| at.and_then(|at| moves.routes.mark_on(pid, id, at, self.now())));
                if mark.is_some() {
                    self.mark(moves, pid, mark);
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
                    // Who says so need not be where that was.
                    let at = moves.routes.place(pid).filter(|p| p.epoch == epoch).map_or(from, |p| p.runtime);
                    moves.routes.remember_end(pid, epoch, Some(at));
                    // Nobody hears any more whether that was lost which has gone by the old path.
                    if moves.routes.has_hold(pid) {
                        self.unlink_again(&|_, there| there == pid, &mut after);
                    }
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
            MoveSignal::ForwardOf { to, by, from, epoch, carried } => {
                self.forwarded(moves, link, to, (carried, Way::of(by).sent_by(Some((from, epoch)))), &mut after)
            }
            MoveSignal::Paths { number, pid, heard } => {
                if moves.handover.is_waiting(from, number) {
                    moves.brought.entry(pid).or_default().heard = Heard::of(heard);
                }
            }
            MoveSignal::Unheard { number, pid, relayed, without } => {
                if moves.handover.is_waiting(from, number) {
                    let brought = moves.brought.entry(pid).or_default();
                    (brought.relayed, brought.without) = (BTreeSet::from_iter(relayed), BTreeSet::from_iter(without));
                }
            }
            MoveSignal::Relayed { pid, epoch, node } => self.has_settled(moves, pid, epoch, node, &mut after),
        }
        self.let_go_marked(moves, &mut after);
        let waits = !moves.ready.is_empty();
        let due = moves.next_timeout();
        drop(guard);
        drop(global);
        due.into_iter().for_each(|due| self.wake_before(due));
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
    pub(super) fn see_to(&self, after: After) {
        debug_assert!(after.marks.is_empty(), "they are let go under the lock");
        // What was asked over a connection may be answered here: also where nobody is known to have moved, by who has seen the
        // end of one.
        if !after.told.is_empty() {
            let mut moves = self.moves();
            for (to, signal) in &after.told {
                if self.is_here(&moves, *to)
                    && let Some((wire, _)) = translate::outgoing(*to, signal)
                {
                    self.is_waited_for(&mut moves, &wire);
                    self.undoes(&mut moves, &wire);
                }
            }
        }
        self.names_have_gone(after.gone);
        self.tell(after.told);
    }

    /// What is under way, or held back.
    #[cfg(test)]
    pub(super) fn unsettled_moves(&self) -> Vec<String> {
        let moves = self.moves();
        let mut all = Vec::new();
        let arrivals = moves.arrivals.waits().into_iter();
        for (what, is_left) in arrivals.chain([
            ("a move under way", moves.handover.is_busy()),
            ("signals that are held back for processes that have moved", moves.routes.next_timeout().is_some()),
            ("ties with processes at nodes that are not connected", !moves.adrift.is_empty()),
            ("processes that have left and are not known to run", !moves.leaving.is_empty()),
        ]) {
            if is_left {
                all.push(what.to_string());
            }
        }
        all
    }
}
