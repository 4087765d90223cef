//! What this node has to wait for before it says of a process that has left another node that all which that had sent has come.
//!
//! Journey: a process that has come -> **what it has sent from its last place is where it was to** -> it runs (arrivals.rs). Of what has come
//! from its last place some may have been sent on, to a process that had moved itself, or be held back: a mark goes behind it, and the
//! target is told when that has come out as well. Who carries the marks is node/transport/settling.rs.
//!
//! Always: a mark goes behind the same things once. What waits for a mark that is lost waits until its time is over.

use super::arrivals::SETTLE_TIME;
use crate::node::Time;
use crate::node::connections::Connection;
use rlua_machine::value::{Pid, Runtime};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Moves at most whose targets are told later that this node has settled.
const UNSAID_MAX: usize = 4096;

/// What this node has to tell the targets of moves between others.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Settling {
    /// Processes for which something has come over a connection and has gone on, or is held back; the number of the mark behind it.
    passed: BTreeMap<Connection, BTreeMap<Pid, Option<u64>>>,
    /// Marks that are not out, by number.
    marks: BTreeMap<u64, (Connection, Pid)>,
    /// Moves of which it has heard, and what is to come out before it says so.
    unsaid: VecDeque<Unsaid>,
}

/// A move whose target has not been told yet that this node has settled.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Unsaid {
    /// Where the process is.
    pub target: Runtime,
    /// The connection with its last place, which passes it on.
    pub last: Connection,
    /// Which process.
    pub pid: Pid,
    /// Its how manieth move that was.
    pub epoch: u64,
    /// When the target does not wait any more.
    until: Time,
    /// Numbers of marks that are not out.
    marks: BTreeSet<u64>,
}

impl Unsaid {
    /// Of a move, of which is heard now.
    pub fn new(target: Runtime, last: Connection, (pid, epoch): (Pid, u64), now: Time) -> Unsaid {
        Unsaid { target, last, pid, epoch, until: now + SETTLE_TIME, marks: BTreeSet::new() }
    }
}

impl Settling {
    /// Marks may be lost: of what is to come out nothing is known.
    pub fn loses_marks(&mut self) {
        self.passed.values_mut().flat_map(BTreeMap::values_mut).for_each(|mark| *mark = None);
    }
    /// A connection is over.
    pub fn forget_connection(&mut self, c: Connection) {
        self.passed.remove(&c);
    }
    /// A process has ended.
    pub fn forget(&mut self, pid: Pid) {
        self.passed.values_mut().for_each(|passed| _ = passed.remove(&pid));
    }
    /// Something for a process has come over a connection, and goes on or is held back.
    pub fn passes(&mut self, c: Connection, to: Pid) {
        self.passed.entry(c).or_default().insert(to, None);
    }
    /// Over a connection has come that a process has left from there. The marks that are to be sent before its target is told: behind all
    /// that is for which process, with which number of those that `number` gives. Err: there is nothing to wait for.
    pub fn hears(
        &mut self,
        mut unsaid: Unsaid,
        now: Time,
        can_be_told: bool,
        mut number: impl FnMut() -> u64,
    ) -> Result<Vec<(Pid, u64)>, Unsaid> {
        self.times_are_over(now);
        let c = unsaid.last;
        let passed = self.passed.get_mut(&c).filter(|passed| !passed.is_empty());
        if passed.is_none() && can_be_told {
            return Err(unsaid);
        }
        let mut sent = Vec::new();
        for (to, mark) in passed.into_iter().flatten() {
            let id = *mark.get_or_insert_with(|| {
                let id = number();
                sent.push((*to, id));
                id
            });
            self.marks.insert(id, (c, *to));
            unsaid.marks.insert(id);
        }
        self.unsaid.push_back(unsaid);
        Ok(sent)
    }
    /// Those that have waited for long enough do not wait any more.
    fn times_are_over(&mut self, now: Time) {
        while self.unsaid.front().is_some_and(|u| u.until <= now) || self.unsaid.len() >= UNSAID_MAX {
            for id in self.unsaid.pop_front().into_iter().flat_map(|u| u.marks) {
                if let Some((c, to)) = self.marks.remove(&id)
                    && let Some(mark) = self.passed.get_mut(&c).and_then(|passed| passed.get_mut(&to))
                {
                    *mark = mark.filter(|last| *last != id);
                }
            }
        }
    }
    /// A mark has come out; whether it was waited for.
    pub fn comes_out(&mut self, id: u64) -> bool {
        let Some((c, to)) = self.marks.remove(&id) else { return false };
        if let Some(passed) = self.passed.get_mut(&c)
            && passed.get(&to) == Some(&Some(id))
        {
            passed.remove(&to);
        }
        self.unsaid.iter_mut().for_each(|u| _ = u.marks.remove(&id));
        true
    }
    /// Moves of which all has come out, and whose targets can be told.
    pub fn take_settled(&mut self, can_be_told: impl Fn(&Unsaid) -> bool) -> Vec<Unsaid> {
        let all = std::mem::take(&mut self.unsaid);
        let (settled, unsaid) = all.into_iter().partition(|u| u.marks.is_empty() && can_be_told(u));
        self.unsaid = unsaid;
        Vec::from(settled)
    }
}
