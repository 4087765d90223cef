//! Global names: one holder for each among the nodes that are connected.
//!
//! Journey: register: name -> **locks -> announcement** -> whereis. A registration locks the name at the least node
//! concerned, where who comes later waits in a queue, then at all others at once, and then announces it. What two
//! halves of a network gave apart is settled when they meet: the smaller stamp stays. (A vote of the majority, which
//! the reader might expect, would leave the smaller half without names.)
//!
//! Always: each node says only which names its own processes have, and keeps what each peer has said until the session
//! with it ends; who has a name is the smallest stamp of all that were said. So the order in which announcements of
//! different nodes come changes nothing. A lock belongs to a session and falls with it.

use super::name::NodeName;
use super::signal::{Bytes, NAME_MAX, NameEntry, NameSignal, Stamp};
use super::{MILLISECOND, Time};
use rlua_machine::value::Pid;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Names that a peer may announce; locks of a node; places in the queues of all of them.
const PEER_MAX: usize = 1 << 16;
/// Entries in a part of a list.
const LIST_PART: usize = 12;
/// Names that peers have taken back and that are remembered.
const WITHDRAWN_MAX: usize = 1024;
/// The longest pause after a refused lock, before the next attempt.
const PAUSE: Time = 50 * MILLISECOND;

/// A session.
pub type Session = u64;
/// A session, or this node itself.
type Who = Option<Session>;

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// A signal for a peer, on the node's own stream.
    Send(Session, NameSignal<Pid>),
    /// A registration is over: the process has the name, or why not.
    Done(u64, Result<(), Denied>),
    /// A process of this node has lost a name to another that had it first elsewhere.
    Conflict {
        /// The name.
        name: Vec<u8>,
        /// Who had it.
        loser: Pid,
        /// Who has it.
        winner: Pid,
    },
    /// A peer goes past its bounds: its session is to end.
    Fault(Session),
}

/// Why a process does not get a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Denied {
    /// Another has it.
    Taken,
    /// The nodes did not agree in time.
    Timeout,
}

/// What was said of a name.
#[derive(Clone)]
struct Said {
    stamp: Stamp,
    pid: Pid,
    /// The how manieth thing it was that was said.
    at: u64,
}
impl Said {
    fn rank(&self) -> (&Stamp, Pid) {
        (&self.stamp, self.pid)
    }
}
/// A session with a node of the same network.
struct Peer {
    node: NodeName,
    /// Names that it has announced.
    count: usize,
    /// When its list was whole: as [`Said::at`].
    listed: Option<u64>,
}
struct Lock {
    holder: (Who, u64),
    queue: VecDeque<(Who, u64)>,
}
enum Phase {
    /// Waits for the least node.
    First(Who),
    /// Waits for these others.
    Rest(BTreeSet<Who>),
    /// Tries again later.
    Pause(Time),
}
struct Registration {
    name: Vec<u8>,
    pid: Pid,
    deadline: Time,
    /// Number of its locks: another for each attempt.
    lock: u64,
    phase: Phase,
}

/// What a node knows of names.
pub struct Names {
    own: NodeName,
    counter: u64,
    sessions: BTreeMap<Session, Peer>,
    /// For each name what was said of it, and by whom.
    entries: BTreeMap<Vec<u8>, BTreeMap<Who, Said>>,
    /// How much has been said.
    said: u64,
    locks: BTreeMap<Vec<u8>, Lock>,
    registrations: BTreeMap<u64, Registration>,
    next: u64,
    /// What peers have taken back of late, of whom: that such a process has come there may be heard later, from where it was before.
    withdrawn: VecDeque<(Session, Pid, Vec<u8>)>,
}

impl Names {
    /// Of a node that is connected with nobody.
    pub fn new(own: NodeName) -> Names {
        Names {
            own,
            counter: 0,
            sessions: BTreeMap::new(),
            entries: BTreeMap::new(),
            said: 0,
            locks: BTreeMap::new(),
            registrations: BTreeMap::new(),
            next: 0,
            withdrawn: VecDeque::new(),
        }
    }
    /// What is under way.
    #[cfg(test)]
    pub fn waiting_for(&self) -> Vec<String> {
        let lossy = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let mut all: Vec<String> =
            self.registrations.values().map(|r| format!("a registration of {}", lossy(&r.name))).collect();
        all.extend(self.locks.iter().map(|(n, l)| format!("a lock on {}, held by {:?}", lossy(n), l.holder)));
        all
    }
    /// Who has a name.
    pub fn find(&self, name: &[u8]) -> Option<Pid> {
        self.entries.get(name)?.values().min_by_key(|said| said.rank()).map(|said| said.pid)
    }
    /// Since when a process of this node has a name.
    pub fn stamp_of(&self, name: &[u8]) -> Option<Stamp> {
        self.entries.get(name)?.get(&None).map(|said| said.stamp.clone())
    }
    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.entries.keys().map(Vec::as_slice)
    }

    /// Registers a name for a process of this node; [`Action::Done`] with the number that is returned ends it.
    pub fn register(&mut self, name: &[u8], pid: Pid, deadline: Time, actions: &mut Vec<Action>) -> u64 {
        self.next += 1;
        let number = self.next;
        let phase = Phase::Pause(0);
        self.registrations.insert(number, Registration { name: name.into(), pid, deadline, lock: 0, phase });
        self.attempt(number, actions);
        number
    }
    /// A name that was given without locks: it came along with a process, or stood before the node had a name.
    pub fn adopt(&mut self, name: &[u8], pid: Pid, stamp: Option<Stamp>, actions: &mut Vec<Action>) {
        let stamp = stamp.unwrap_or_else(|| self.stamp());
        self.counter = self.counter.max(stamp.counter);
        self.announce(name, pid, stamp, actions);
    }
    /// Takes a name from a process of this node; false: none has it.
    pub fn unregister(&mut self, name: &[u8], actions: &mut Vec<Action>) -> bool {
        let had = self.forget(name, None);
        if had {
            self.tell_all(&NameSignal::Withdraw { name: name.into() }, actions);
        }
        had
    }
    fn stamp(&mut self) -> Stamp {
        self.counter += 1;
        Stamp { counter: self.counter, node: self.own.clone() }
    }
    fn tell_all(&self, signal: &NameSignal<Pid>, actions: &mut Vec<Action>) {
        actions.extend(self.sessions.keys().map(|s| Action::Send(*s, signal.clone())));
    }
    fn announce(&mut self, name: &[u8], pid: Pid, stamp: Stamp, actions: &mut Vec<Action>) {
        self.said += 1;
        let own = Said { stamp: stamp.clone(), pid, at: self.said };
        self.entries.entry(name.into()).or_default().insert(None, own);
        self.tell_all(&NameSignal::Announce(NameEntry { name: name.into(), pid, stamp }), actions);
        self.settle(name, actions);
    }
    fn forget(&mut self, name: &[u8], who: Who) -> bool {
        let Some(said) = self.entries.get_mut(name) else { return false };
        let had = said.remove(&who).is_some();
        if said.is_empty() {
            self.entries.remove(name);
        }
        if let Some(peer) = who.and_then(|s| self.sessions.get_mut(&s)).filter(|_| had) {
            peer.count -= 1;
        }
        had
    }
    /// Gives a name of this node's up if another has it with a smaller stamp.
    fn settle(&mut self, name: &[u8], actions: &mut Vec<Action>) {
        let Some(said) = self.entries.get(name) else { return };
        let (Some(own), Some(least)) = (said.get(&None), said.values().min_by_key(|said| said.rank())) else { return };
        if own.rank() != least.rank() {
            let (loser, winner) = (own.pid, least.pid);
            self.unregister(name, actions);
            actions.push(Action::Conflict { name: name.into(), loser, winner });
        }
    }

    // One registration.

    fn attempt(&mut self, number: u64, actions: &mut Vec<Action>) {
        self.next += 1;
        let lock = self.next;
        let Some(r) = self.registrations.get_mut(&number) else { return };
        // No lock of an attempt before is held.
        r.phase = Phase::Pause(0);
        if self.entries.contains_key(&r.name) {
            return self.finish(number, Err(Denied::Taken), actions);
        }
        let least = self.sessions.iter().min_by_key(|(_, peer)| &peer.node).filter(|(_, peer)| peer.node < self.own);
        let first = least.map(|(s, _)| *s);
        (r.lock, r.phase) = (lock, Phase::First(first));
        let name = r.name.clone();
        self.ask(number, first, lock, &name, true, actions);
    }
    fn ask(&mut self, number: u64, whom: Who, id: u64, name: &[u8], first: bool, actions: &mut Vec<Action>) {
        match whom {
            Some(s) => actions.push(Action::Send(s, NameSignal::Lock { id, name: name.into(), first })),
            None => match self.lock(None, id, name, first) {
                Some(Ok(())) => self.granted(number, None, actions),
                Some(Err(taken)) => self.refused(number, taken, 0, actions),
                None => {}
            },
        }
    }
    fn by_lock(&self, lock: u64) -> Option<u64> {
        self.registrations.iter().find(|(_, r)| r.lock == lock).map(|(n, _)| *n)
    }
    fn granted(&mut self, number: u64, by: Who, actions: &mut Vec<Action>) {
        let Some(r) = self.registrations.get_mut(&number) else { return };
        match &mut r.phase {
            Phase::First(first) if *first == by => {
                let all = self.sessions.keys().map(|s| Some(*s)).chain([None]);
                let rest: BTreeSet<Who> = all.filter(|w| *w != by).collect();
                r.phase = Phase::Rest(rest.clone());
                let (lock, name) = (r.lock, r.name.clone());
                for whom in rest {
                    // The answer of this node itself may have ended the attempt.
                    if self.registrations.get(&number).is_some_and(|r| r.lock == lock) {
                        self.ask(number, whom, lock, &name, false, actions);
                    }
                }
            }
            Phase::Rest(rest) => {
                rest.remove(&by);
            }
            _ => return,
        }
        self.commit_if_all(number, actions);
    }
    fn commit_if_all(&mut self, number: u64, actions: &mut Vec<Action>) {
        let ready = |r: &Registration| matches!(&r.phase, Phase::Rest(rest) if rest.is_empty());
        if !self.registrations.get(&number).is_some_and(ready) {
            return;
        }
        let Some(r) = self.registrations.remove(&number) else { return };
        let stamp = self.stamp();
        actions.push(Action::Done(number, Ok(())));
        self.announce(&r.name, r.pid, stamp, actions);
        self.unlock(None, r.lock, &r.name, actions);
    }
    fn refused(&mut self, number: u64, taken: bool, random: u64, actions: &mut Vec<Action>) {
        if taken {
            return self.finish(number, Err(Denied::Taken), actions);
        }
        self.release(number, actions);
        if let Some(r) = self.registrations.get_mut(&number) {
            // An instant to come: `timeout` turns it into a time.
            r.phase = Phase::Pause(random % PAUSE);
            r.lock = 0;
        }
    }
    fn finish(&mut self, number: u64, result: Result<(), Denied>, actions: &mut Vec<Action>) {
        self.release(number, actions);
        self.registrations.remove(&number);
        actions.push(Action::Done(number, result));
    }
    /// Gives all locks of an attempt back, those too that were not answered yet.
    fn release(&mut self, number: u64, actions: &mut Vec<Action>) {
        let Some(r) = self.registrations.get(&number) else { return };
        let (lock, name) = (r.lock, r.name.clone());
        let asked: Vec<Who> = match &r.phase {
            Phase::First(first) => vec![*first],
            Phase::Rest(_) => self.sessions.keys().map(|s| Some(*s)).chain([None]).collect(),
            Phase::Pause(_) => return,
        };
        for whom in asked {
            match whom {
                Some(s) => actions.push(Action::Send(s, NameSignal::Unlock { id: lock, name: name.as_slice().into() })),
                None => self.unlock(None, lock, &name, actions),
            }
        }
    }

    // Locks at this node.

    /// Granted, or refused (true: the name is given); none: queued.
    fn lock(&mut self, who: Who, id: u64, name: &[u8], queue: bool) -> Option<Result<(), bool>> {
        if self.entries.contains_key(name) {
            return Some(Err(true));
        }
        let queued = |all: &BTreeMap<Vec<u8>, Lock>| all.values().map(|l| l.queue.len()).sum::<usize>();
        match self.locks.get(name) {
            None => {
                self.locks.insert(name.into(), Lock { holder: (who, id), queue: VecDeque::new() });
                Some(Ok(()))
            }
            // The least node's lock stands already when it is one of the rest, too.
            Some(lock) if lock.holder == (who, id) => Some(Ok(())),
            Some(_) if !queue || queued(&self.locks) >= PEER_MAX => Some(Err(false)),
            Some(_) => {
                self.locks.get_mut(name)?.queue.push_back((who, id));
                None
            }
        }
    }
    fn unlock(&mut self, who: Who, id: u64, name: &[u8], actions: &mut Vec<Action>) {
        let Some(lock) = self.locks.get_mut(name) else { return };
        if lock.holder != (who, id) {
            return lock.queue.retain(|w| *w != (who, id));
        }
        self.pass_on(name, actions);
    }
    /// The holder of a lock gives it up: the next in the queue gets it, or all learn that the name is given.
    fn pass_on(&mut self, name: &[u8], actions: &mut Vec<Action>) {
        let taken = self.entries.contains_key(name);
        loop {
            let Some(lock) = self.locks.get_mut(name) else { return };
            let Some((who, id)) = lock.queue.pop_front() else {
                self.locks.remove(name);
                return;
            };
            lock.holder = (who, id);
            match who {
                Some(s) if taken => actions.push(Action::Send(s, NameSignal::Refused { id, taken })),
                Some(s) => return actions.push(Action::Send(s, NameSignal::Granted { id })),
                None => match self.by_lock(id) {
                    Some(number) if taken => {
                        self.registrations.remove(&number);
                        actions.push(Action::Done(number, Err(Denied::Taken)));
                    }
                    Some(number) => return self.granted(number, None, actions),
                    None => {}
                },
            }
        }
    }

    // Sessions.

    /// Whether a session was said to stand.
    pub fn is_joined(&self, session: Session) -> bool {
        self.sessions.contains_key(&session)
    }
    /// A session with a node of the same network stands.
    pub fn joined(&mut self, session: Session, node: NodeName, actions: &mut Vec<Action>) {
        self.sessions.insert(session, Peer { node, count: 0, listed: None });
        let own = self.entries.iter().filter_map(|(name, said)| {
            let Said { stamp, pid, .. } = said.get(&None)?;
            Some(NameEntry { name: name.as_slice().into(), pid: *pid, stamp: stamp.clone() })
        });
        let own: Vec<NameEntry<Pid>> = own.collect();
        let send = |entries, last| Action::Send(session, NameSignal::List { entries, last });
        actions.extend(own.chunks(LIST_PART).map(|part| send(part.to_vec(), false)));
        actions.push(send(Vec::new(), true));
    }
    /// A process has moved from the peer of a session to that of another: what the one has said of its names is as if the
    /// other had said it, unless that has said something else already.
    pub fn moved(&mut self, from: Session, to: Session, pid: Pid) {
        let Some(listed) = self.sessions.get(&to).map(|peer| peer.listed) else { return };
        // What it says of that process when that comes back is another thing.
        self.withdrawn.retain(|w| (w.0, w.1) != (from, pid));
        // In the list of a session that is younger it stood, if it was there; it may have ended there since.
        let is_younger = |said: &Said| listed.is_none_or(|listed| listed > said.at);
        let withdrawn = |name: &[u8]| self.withdrawn.iter().any(|w| (w.0, w.1) == (to, pid) && w.2 == name);
        let mut moved = 0;
        for (name, all) in &mut self.entries {
            let Some(said) = all.get(&Some(from)).filter(|said| said.pid == pid) else { continue };
            // Where it was takes its word back itself.
            if all.contains_key(&Some(to)) || is_younger(said) || withdrawn(name) {
                continue;
            }
            if let Some(said) = all.remove(&Some(from)) {
                all.insert(Some(to), said);
                moved += 1;
            }
        }
        if let Some(peer) = self.sessions.get_mut(&from) {
            peer.count -= moved;
        }
        if let Some(peer) = self.sessions.get_mut(&to) {
            peer.count += moved;
        }
    }
    /// A session has ended.
    pub fn left(&mut self, session: Session, actions: &mut Vec<Action>) {
        if self.sessions.remove(&session).is_none() {
            return;
        }
        self.withdrawn.retain(|w| w.0 != session);
        let who = Some(session);
        self.entries.retain(|_, said| {
            said.remove(&who);
            !said.is_empty()
        });
        let mut held = Vec::new();
        for (name, lock) in &mut self.locks {
            lock.queue.retain(|w| w.0 != who);
            if lock.holder.0 == who {
                held.push(name.clone());
            }
        }
        held.iter().for_each(|name| self.pass_on(name, actions));
        let concerned: Vec<u64> = self.registrations.keys().copied().collect();
        for number in concerned {
            let Some(r) = self.registrations.get_mut(&number) else { continue };
            match &mut r.phase {
                Phase::First(first) if *first == who => self.attempt(number, actions),
                Phase::Rest(rest) => {
                    rest.remove(&who);
                    self.commit_if_all(number, actions);
                }
                _ => {}
            }
        }
    }
    /// A peer's signal; requests and their answers are not of this machine. `random` decides a pause.
    pub fn receive(
        &mut self,
        session: Session,
        signal: NameSignal<Pid>,
        now: Time,
        random: u64,
        actions: &mut Vec<Action>,
    ) {
        let who = Some(session);
        if !self.sessions.contains_key(&session) {
            return;
        }
        match signal {
            NameSignal::List { entries, last } => {
                entries.into_iter().for_each(|e| self.said(session, e, actions));
                if let Some(peer) = self.sessions.get_mut(&session).filter(|_| last) {
                    self.said += 1;
                    peer.listed = Some(self.said);
                }
            }
            NameSignal::Announce(entry) => {
                let name = entry.name.0.clone();
                self.said(session, entry, actions);
                if self.locks.get(&name).is_some_and(|l| l.holder.0 == who) {
                    self.pass_on(&name, actions);
                }
            }
            NameSignal::Withdraw { name } => {
                let Some(all) = self.entries.get(&name.0) else { return };
                let Some(said) = all.get(&who) else { return };
                let (pid, at) = (said.pid, said.at);
                // Else the process has gone on with its name.
                if all.values().all(|other| other.pid != pid || other.at <= at) {
                    self.withdrawn.push_back((session, pid, name.0.clone()));
                }
                self.forget(&name.0, who);
                if self.withdrawn.len() > WITHDRAWN_MAX {
                    self.withdrawn.pop_front();
                }
            }
            NameSignal::Lock { id, name: Bytes(name), first } => {
                if name.len() > NAME_MAX || self.locks.len() >= PEER_MAX {
                    return actions.push(Action::Send(session, NameSignal::Refused { id, taken: false }));
                }
                match self.lock(who, id, &name, first) {
                    Some(Ok(())) => actions.push(Action::Send(session, NameSignal::Granted { id })),
                    Some(Err(taken)) => actions.push(Action::Send(session, NameSignal::Refused { id, taken })),
                    None => {}
                }
            }
            NameSignal::Unlock { id, name } => self.unlock(who, id, &name.0, actions),
            NameSignal::Granted { id } => {
                if let Some(number) = self.by_lock(id) {
                    self.granted(number, who, actions);
                }
            }
            NameSignal::Refused { id, taken } => {
                if let Some(number) = self.by_lock(id).filter(|_| id != 0) {
                    self.refused(number, taken, random, actions);
                    self.begin_pause(number, now);
                }
            }
            NameSignal::Request { .. } | NameSignal::Done { .. } => {}
        }
    }
    fn begin_pause(&mut self, number: u64, now: Time) {
        if let Some(Registration { phase: Phase::Pause(until), .. }) = self.registrations.get_mut(&number) {
            *until += now;
        }
    }
    fn said(&mut self, session: Session, entry: NameEntry<Pid>, actions: &mut Vec<Action>) {
        let Some(peer) = self.sessions.get_mut(&session) else { return };
        // A counter near its end would leave no greater one.
        if peer.count >= PEER_MAX || entry.name.0.len() > NAME_MAX || entry.stamp.counter > u64::MAX / 2 {
            return actions.push(Action::Fault(session));
        }
        self.counter = self.counter.max(entry.stamp.counter);
        self.withdrawn.retain(|w| (w.0, w.1) != (session, entry.pid) || w.2 != entry.name.0);
        let said = self.entries.entry(entry.name.0.clone()).or_default();
        self.said += 1;
        let new = Said { stamp: entry.stamp, pid: entry.pid, at: self.said };
        if said.insert(Some(session), new).is_none() {
            peer.count += 1;
        }
        self.settle(&entry.name.0, actions);
    }

    // Time.

    /// When [`Names::timeout`] is to be called.
    pub fn next_timeout(&self) -> Option<Time> {
        let next = |r: &Registration| match r.phase {
            Phase::Pause(until) => until.min(r.deadline),
            _ => r.deadline,
        };
        self.registrations.values().map(next).min()
    }
    /// Time has passed.
    pub fn timeout(&mut self, now: Time, actions: &mut Vec<Action>) {
        let numbers: Vec<u64> = self.registrations.keys().copied().collect();
        for number in numbers {
            let Some(r) = self.registrations.get(&number) else { continue };
            match r.phase {
                _ if r.deadline <= now => self.finish(number, Err(Denied::Timeout), actions),
                Phase::Pause(until) if until <= now => self.attempt(number, actions),
                _ => {}
            }
        }
    }
}
