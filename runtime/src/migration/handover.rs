//! A process is handed over to another node: who has it at which moment.
//!
//! Journey: a stopped process -> **offer -> ready -> commit -> running** -> a process that goes on. The origin offers the
//! frozen process, the target thaws it and says that it is ready, and with the commit it is the target's. Each try has a
//! number of its own, made by the origin, and what speaks of another is ignored.
//!
//! Always: until the commit enters the session's queue the process is the origin's, which goes on with it if anything fails;
//! from then on the origin never runs it. The target runs it at a commit and at nothing else. So it never runs twice.
//!
//! **A session that is lost between the two** leaves both in doubt. Each keeps what it has: the target the process, the origin
//! that the try is committed, and all that it has sent after the commit or would have. They see to it that they are
//! connected again, and ask: a target that is ready, whether it is committed; the origin, whether it runs. A target that was
//! ready has handled nothing of what followed the commit, so it gets all of it again, in order; one that runs gets only what
//! was never sent. What answers nothing within a time, or is another runtime when it comes back, is given up for lost: the
//! origin waits for longer than the target, which so never runs what the origin has called lost, but for a commit that
//! it has had already.

use crate::node::{SECOND, Time};
use rlua_machine::value::{Pid, Runtime};
use std::collections::BTreeMap;

/// How long a move may take before the commit.
pub const MOVE_TIME: Time = 30 * SECOND;
/// How long a target that is ready, and has lost the origin, keeps the process.
pub const READY_TIME: Time = 60 * SECOND;
/// How long an origin that has committed, and lost the target, keeps what it knows.
pub const COMMITTED_TIME: Time = 90 * SECOND;
/// The pause between attempts to be connected again.
const REDIAL_TIME: Time = SECOND;

/// The moments of a move between which a node may end or a connection be lost: a test stops a node at each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// The origin has the frozen process.
    Frozen,
    /// The origin has sent the offer.
    Offered,
    /// The origin has got the answer that the target is ready.
    HeardReady,
    /// The origin has sent the commit.
    Committed,
    /// The origin has got the news that the process runs.
    HeardRunning,
    /// The target has got the offer.
    HeardOffer,
    /// The target has said that it is ready.
    Made,
    /// The target has got the commit.
    HeardCommit,
    /// The process is at the target, and the origin was not told.
    Arrived,
    /// The target has said that it runs.
    Told,
}

/// What is decided. `T`: a process that is ready to run; `K`: what is sent to one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision<T, K> {
    // At the origin.
    /// The process leaves: the commit is to be sent.
    Commit(Pid, u64, Runtime),
    /// The process goes on here; why. With a number the target is to be told to forget its try.
    GoOn(Pid, String, Option<(Runtime, u64)>),
    /// It runs there. Whether the session has been lost since the commit, and what was not sent yet.
    Over(Pid, bool, Vec<K>),
    /// The target was ready and has lost the commit: that is to be sent again, and then all this.
    Again(Pid, u64, Runtime, Vec<K>),
    /// It was committed for its so manieth move, and nobody knows what has become of it. What it was to get.
    GiveUp(Pid, u64, Vec<K>),
    /// The target asks for what is not held here: it is to be told to forget its try.
    Abort(Pid, u64, Runtime),

    // At the target.
    /// The process is here.
    Arrive(Ready<T, K>),
    /// The process that was made is of no use: it goes on elsewhere.
    Discard(Ready<T, K>),
    /// The same, and nobody knows whether it was committed.
    DiscardInDoubt(Ready<T, K>),

    // At both.
    /// The origin is to be asked whether a try was committed.
    AskOrigin(Pid, u64, Runtime),
    /// The target is to be asked whether the process runs, for its so manieth move.
    AskTarget(Pid, u64, u64, Runtime),
    /// A connection with that runtime is wanted.
    Dial(Runtime),
}

/// Since a session was lost.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Cut {
    /// When it is given up.
    until: Time,
    /// When a connection is wanted next.
    dial: Time,
}
impl Cut {
    fn new(now: Time, time: Time) -> Cut {
        Cut { until: now + time, dial: now }
    }
}

/// A process that leaves.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Leaving<K> {
    pid: Pid,
    epoch: u64,
    target: Runtime,
    stage: Stage<K>,
}
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Stage<K> {
    /// The target has not said yet that it is ready.
    Offered { deadline: Time },
    /// It is the target's: all that was sent to it since, the first `sent` of it over the session with the target.
    Committed { kept: Vec<K>, sent: usize, cut: Option<Cut> },
}

/// A process that was made here.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ready<T, K> {
    /// Which.
    pub pid: Pid,
    /// How often it will have moved.
    pub epoch: u64,
    /// It.
    pub process: T,
    /// What has come for it.
    pub kept: Vec<K>,
    cut: Option<Cut>,
}

/// What becomes of something that is sent to a process that leaves.
#[derive(PartialEq, Eq, Debug)]
pub enum Following<K> {
    /// It is kept, and sent when it is known what has become of the process.
    Kept,
    /// It is to be sent.
    Send(K),
}

/// Moves that are under way: those from here by their numbers, those to here by origin and number.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Handover<T, K> {
    last: u64,
    leaving: BTreeMap<u64, Leaving<K>>,
    ready: BTreeMap<(Runtime, u64), Ready<T, K>>,
}

impl<T, K> Default for Handover<T, K> {
    fn default() -> Self {
        Handover { last: 0, leaving: BTreeMap::new(), ready: BTreeMap::new() }
    }
}

impl<T, K: Clone> Handover<T, K> {
    /// The number of the last try.
    pub fn last(&self) -> u64 {
        self.last
    }
    /// Tries are numbered from there on: those before may still be asked about.
    pub fn go_on_from(&mut self, last: u64) {
        self.last = last;
    }

    // At the origin.

    /// A process is to move, for the so manieth time; the number of the try.
    pub fn begin(&mut self, pid: Pid, epoch: u64, target: Runtime, now: Time) -> u64 {
        self.last += 1;
        let stage = Stage::Offered { deadline: now + MOVE_TIME };
        self.leaving.insert(self.last, Leaving { pid, epoch, target, stage });
        self.last
    }
    /// The target is ready.
    pub fn is_ready(&mut self, from: Runtime, number: u64, pid: Pid) -> Option<Decision<T, K>> {
        let Some(l) = self.leaving.get_mut(&number).filter(|l| l.target == from) else {
            return Some(Decision::Abort(pid, number, from));
        };
        if !matches!(l.stage, Stage::Offered { .. }) {
            return None;
        }
        l.stage = Stage::Committed { kept: Vec::new(), sent: 0, cut: None };
        Some(Decision::Commit(l.pid, number, from))
    }
    /// The commit could not be sent: the process goes on.
    pub fn stays(&mut self, number: u64, why: String) -> Option<Decision<T, K>> {
        let l = self.leaving.remove(&number)?;
        Some(Decision::GoOn(l.pid, why, Some((l.target, number))))
    }
    /// The target does not want it; or, asked whether it runs, has not got it.
    pub fn refused(&mut self, from: Runtime, number: u64, why: String) -> Option<Decision<T, K>> {
        self.leaving.get(&number).filter(|l| l.target == from)?;
        let l = self.leaving.remove(&number)?;
        Some(match l.stage {
            Stage::Offered { .. } => Decision::GoOn(l.pid, why, None),
            Stage::Committed { kept, .. } => Decision::GiveUp(l.pid, l.epoch, kept),
        })
    }
    /// The process runs at the target.
    pub fn runs(&mut self, from: Runtime, number: u64) -> Option<Decision<T, K>> {
        let l = self.leaving.get(&number).filter(|l| l.target == from)?;
        if !matches!(l.stage, Stage::Committed { .. }) {
            return None;
        }
        self.over(number)
    }
    fn over(&mut self, number: u64) -> Option<Decision<T, K>> {
        let l = self.leaving.remove(&number)?;
        let Stage::Committed { mut kept, sent, cut } = l.stage else { return None };
        Some(Decision::Over(l.pid, cut.is_some(), kept.split_off(sent.min(kept.len()))))
    }
    /// The target asks whether a try was committed.
    pub fn asked(&mut self, from: Runtime, number: u64, pid: Pid) -> Decision<T, K> {
        match self.leaving.get_mut(&number).filter(|l| l.target == from) {
            Some(Leaving { pid, stage: Stage::Committed { kept, sent, cut }, .. }) => {
                (*sent, *cut) = (kept.len(), None);
                Decision::Again(*pid, number, from, kept.clone())
            }
            _ => Decision::Abort(pid, number, from),
        }
    }
    /// Something is sent to a process.
    pub fn follows(&mut self, pid: Pid, what: K) -> Following<K> {
        let mut stages = self.leaving.values_mut().filter(|l| l.pid == pid).filter_map(|l| match &mut l.stage {
            Stage::Committed { kept, sent, cut } => Some((kept, sent, cut)),
            Stage::Offered { .. } => None,
        });
        let Some((kept, sent, cut)) = stages.next() else { return Following::Send(what) };
        kept.push(what.clone());
        if cut.is_some() {
            return Following::Kept;
        }
        *sent = kept.len();
        Following::Send(what)
    }
    /// Processes that have left, and for which something like this is kept that was not sent; and the numbers of the tries.
    pub fn keeps(&self, like: impl Fn(&K) -> bool) -> Vec<(Pid, u64)> {
        let unsent = self.leaving.iter().filter(|(_, l)| match &l.stage {
            Stage::Committed { kept, sent, .. } => kept.iter().skip(*sent).any(&like),
            Stage::Offered { .. } => false,
        });
        unsent.map(|(number, l)| (l.pid, *number)).collect()
    }
    /// Whether a process that has left may not have arrived, and what is sent to it waits.
    pub fn is_in_doubt(&self, pid: Pid, number: u64) -> bool {
        let l = self.leaving.get(&number).filter(|l| l.pid == pid);
        l.is_some_and(|l| matches!(l.stage, Stage::Committed { cut: Some(_), .. }))
    }
    /// Whether a process has left here for a runtime, and nobody knows yet whether it has arrived.
    pub fn is_on_its_way(&self, pid: Pid, target: Option<Runtime>) -> bool {
        let is_it = |l: &Leaving<K>| l.pid == pid && Some(l.target) == target;
        self.leaving.values().any(|l| is_it(l) && matches!(l.stage, Stage::Committed { .. }))
    }
    /// A process is known to be somewhere since its so manieth move: earlier ones that are in doubt are over, and what was
    /// made of it here is of no use if it is elsewhere.
    pub fn is_known(&mut self, pid: Pid, epoch: u64, elsewhere: bool) -> Vec<Decision<T, K>> {
        let committed = |l: &Leaving<K>| matches!(l.stage, Stage::Committed { .. });
        let of = |l: &Leaving<K>| l.pid == pid && l.epoch <= epoch && committed(l);
        let numbers: Vec<u64> = self.leaving.iter().filter(|(_, l)| of(l)).map(|(n, _)| *n).collect();
        let mut decided: Vec<_> = numbers.into_iter().filter_map(|n| self.over(n)).collect();
        if elsewhere {
            let useless = self.ready.extract_if(.., |_, r| r.pid == pid && r.epoch <= epoch);
            decided.extend(useless.map(|(_, r)| Decision::Discard(r)));
        }
        decided
    }

    // At the target.

    /// A process was made from what was offered.
    pub fn made(&mut self, origin: Runtime, number: u64, pid: Pid, epoch: u64, process: T) {
        self.ready.insert((origin, number), Ready { pid, epoch, process, kept: Vec::new(), cut: None });
    }
    /// It is committed: it runs here.
    pub fn committed(&mut self, origin: Runtime, number: u64) -> Option<Decision<T, K>> {
        self.ready.remove(&(origin, number)).map(Decision::Arrive)
    }
    /// Whether a process is ready here for its so manieth move.
    pub fn is_due(&self, pid: Pid, epoch: u64) -> bool {
        self.ready.values().any(|r| (r.pid, r.epoch) == (pid, epoch))
    }
    /// Something has come for a process that is not known to be anywhere: it is kept if the process is ready here.
    pub fn awaits(&mut self, pid: Pid, what: K) -> Result<(), K> {
        match self.ready.values_mut().filter(|r| r.pid == pid).max_by_key(|r| r.epoch) {
            Some(r) => r.kept.push(what),
            None => return Err(what),
        }
        Ok(())
    }
    /// The origin goes on with it.
    pub fn aborted(&mut self, origin: Runtime, number: u64) -> Option<Decision<T, K>> {
        self.ready.remove(&(origin, number)).map(Decision::Discard)
    }
    /// Whether a try is ready here, for who is asked whether it runs.
    pub fn is_waiting(&self, origin: Runtime, number: u64) -> bool {
        self.ready.contains_key(&(origin, number))
    }

    // At both.

    /// The session with a runtime is lost.
    pub fn lost(&mut self, runtime: Runtime, now: Time) -> Vec<Decision<T, K>> {
        let offered = |l: &Leaving<K>| l.target == runtime && matches!(l.stage, Stage::Offered { .. });
        let left = self.leaving.extract_if(.., |_, l| offered(l));
        let why = || "the connection was lost".to_string();
        let decided = left.map(|(_, l)| Decision::GoOn(l.pid, why(), None)).collect();
        for l in self.leaving.values_mut().filter(|l| l.target == runtime) {
            if let Stage::Committed { cut, .. } = &mut l.stage {
                *cut = Some(Cut::new(now, COMMITTED_TIME));
            }
        }
        for (_, r) in self.ready.iter_mut().filter(|((origin, _), _)| *origin == runtime) {
            r.cut = Some(Cut::new(now, READY_TIME));
        }
        decided
    }
    /// A session with a runtime stands: what was lost with the one before is asked for. There is no deadline while it
    /// stands.
    pub fn connected(&mut self, runtime: Runtime) -> Vec<Decision<T, K>> {
        let mut asked = Vec::new();
        for ((_, number), r) in self.ready.iter_mut().filter(|((origin, _), _)| *origin == runtime) {
            if r.cut.take().is_some() {
                asked.push(Decision::AskOrigin(r.pid, *number, runtime));
            }
        }
        for (number, l) in self.leaving.iter_mut().filter(|(_, l)| l.target == runtime) {
            if let Stage::Committed { cut: Some(cut), .. } = &mut l.stage {
                // What is sent is kept until there is an answer.
                *cut = Cut { until: Time::MAX, dial: Time::MAX };
                asked.push(Decision::AskTarget(l.pid, *number, l.epoch, runtime));
            }
        }
        asked
    }
    /// Another runtime has its place: it is no more.
    pub fn gone(&mut self, runtime: Runtime) -> Vec<Decision<T, K>> {
        let left = self.leaving.extract_if(.., |_, l| l.target == runtime);
        let mut decided: Vec<_> = left.map(|(_, l)| give_up(l)).collect();
        let ready = self.ready.extract_if(.., |k, _| k.0 == runtime);
        decided.extend(ready.map(|(_, r)| Decision::DiscardInDoubt(r)));
        decided
    }
    /// Whether any move is under way.
    #[cfg(test)]
    pub fn is_busy(&self) -> bool {
        !self.leaving.is_empty() || !self.ready.is_empty()
    }
    /// The runtimes with which moves are in doubt since a session was lost.
    pub fn missed(&self) -> Vec<Runtime> {
        let leaving = self.leaving.values().filter(|l| matches!(l.stage, Stage::Committed { cut: Some(_), .. }));
        let ready = self.ready.iter().filter(|(_, r)| r.cut.is_some());
        let mut all: Vec<Runtime> = leaving.map(|l| l.target).chain(ready.map(|(k, _)| k.0)).collect();
        all.sort();
        all.dedup();
        all
    }
    fn cuts(&mut self) -> impl Iterator<Item = (Runtime, &mut Cut)> {
        let leaving = self.leaving.values_mut().filter_map(|l| match &mut l.stage {
            Stage::Committed { cut: Some(cut), .. } => Some((l.target, cut)),
            _ => None,
        });
        leaving.chain(self.ready.iter_mut().filter_map(|(k, r)| Some((k.0, r.cut.as_mut()?))))
    }
    /// When [`Handover::timeout`] is to be called.
    pub fn next_timeout(&self) -> Option<Time> {
        let leaving = self.leaving.values().filter_map(|l| match &l.stage {
            Stage::Offered { deadline } => Some(*deadline),
            Stage::Committed { cut, .. } => cut.map(|c| c.until.min(c.dial)),
        });
        leaving.chain(self.ready.values().filter_map(|r| r.cut.map(|c| c.until.min(c.dial)))).min()
    }
    /// Time has passed.
    pub fn timeout(&mut self, now: Time) -> Vec<Decision<T, K>> {
        let late = self.leaving.extract_if(.., |_, l| match &l.stage {
            Stage::Offered { deadline } => *deadline <= now,
            Stage::Committed { cut, .. } => cut.is_some_and(|c| c.until <= now),
        });
        let late: Vec<_> = late.collect();
        let mut decided: Vec<_> = late
            .into_iter()
            .map(|(number, l)| match &l.stage {
                Stage::Offered { .. } => {
                    let why = "the other node took too long".to_string();
                    Decision::GoOn(l.pid, why, Some((l.target, number)))
                }
                Stage::Committed { .. } => give_up(l),
            })
            .collect();
        let late = self.ready.extract_if(.., |_, r| r.cut.is_some_and(|c| c.until <= now));
        decided.extend(late.map(|(_, r)| Decision::DiscardInDoubt(r)));
        let mut wanted: Vec<Runtime> = Vec::new();
        for (runtime, cut) in self.cuts().filter(|(_, c)| c.dial <= now) {
            cut.dial = now + REDIAL_TIME;
            wanted.push(runtime);
        }
        wanted.sort();
        wanted.dedup();
        decided.extend(wanted.into_iter().map(Decision::Dial));
        decided
    }
}

fn give_up<T, K>(l: Leaving<K>) -> Decision<T, K> {
    match l.stage {
        Stage::Offered { .. } => Decision::GoOn(l.pid, "the other node has ended".to_string(), None),
        Stage::Committed { kept, .. } => Decision::GiveUp(l.pid, l.epoch, kept),
    }
}
