//! A process is handed over to another node: who has it at which moment.
//!
//! Journey: a stopped process -> **offer -> ready -> commit -> running** -> a process that goes on. The origin offers the
//! frozen process, the target thaws it and says that it is ready, and with the commit it is the target's. Each try has a
//! number of its own, made by the origin, and what speaks of another is ignored.
//!
//! Always: until the commit enters the session's queue the process is the origin's, which goes on with it if anything fails;
//! from then on the origin never runs it. The target runs it at a commit and at nothing else. So it never runs twice; if
//! the session is lost between commit and its arrival it is lost with it, and who is tied to it is told.

use crate::node::Time;
use rlua_machine::value::{Pid, Runtime};
use std::collections::HashMap;

/// How long a move may take before the commit.
const MOVE_TIME: Time = 30_000_000_000;

/// What the origin does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The process leaves: the commit is to be sent.
    Commit(Pid, u64, Runtime),
    /// The process goes on here; why. With a number the target is to be told to forget its try.
    GoOn(Pid, String, Option<(Runtime, u64)>),
    /// It runs there.
    Over(Pid),
}

struct Leaving {
    pid: Pid,
    target: Runtime,
    deadline: Time,
    committed: bool,
}

/// Moves that are under way: those from here by their numbers, those to here by origin and number. `T`: a process that is
/// ready to run.
pub struct Handover<T> {
    last: u64,
    leaving: HashMap<u64, Leaving>,
    ready: HashMap<(Runtime, u64), (Pid, u64, T)>,
}

impl<T> Default for Handover<T> {
    fn default() -> Self {
        Handover { last: 0, leaving: HashMap::new(), ready: HashMap::new() }
    }
}

impl<T> Handover<T> {
    // At the origin.

    /// A process is to move; the number of the try.
    pub fn begin(&mut self, pid: Pid, target: Runtime, now: Time) -> u64 {
        self.last += 1;
        self.leaving.insert(self.last, Leaving { pid, target, deadline: now + MOVE_TIME, committed: false });
        self.last
    }
    /// The target is ready.
    pub fn is_ready(&mut self, from: Runtime, number: u64) -> Option<Origin> {
        let l = self.leaving.get_mut(&number).filter(|l| l.target == from && !l.committed)?;
        l.committed = true;
        Some(Origin::Commit(l.pid, number, from))
    }
    /// The target does not want it, or the commit could not be sent.
    pub fn refused(&mut self, from: Runtime, number: u64, why: String) -> Option<Origin> {
        self.leaving.get(&number).filter(|l| l.target == from)?;
        let l = self.leaving.remove(&number)?;
        Some(Origin::GoOn(l.pid, why, None))
    }
    /// The process runs at the target.
    pub fn runs(&mut self, from: Runtime, number: u64) -> Option<Origin> {
        self.leaving.get(&number).filter(|l| l.target == from && l.committed)?;
        self.leaving.remove(&number).map(|l| Origin::Over(l.pid))
    }

    // At the target.

    /// A process was made from what was offered.
    pub fn made(&mut self, origin: Runtime, number: u64, pid: Pid, epoch: u64, process: T) {
        self.ready.insert((origin, number), (pid, epoch, process));
    }
    /// It is committed: it runs here.
    pub fn committed(&mut self, origin: Runtime, number: u64) -> Option<(Pid, u64, T)> {
        self.ready.remove(&(origin, number))
    }
    /// Whether a process is ready here for its so manieth move.
    pub fn is_due(&self, pid: Pid, epoch: u64) -> bool {
        self.ready.values().any(|(p, e, _)| (*p, *e) == (pid, epoch))
    }
    /// The origin goes on with it.
    pub fn aborted(&mut self, origin: Runtime, number: u64) -> Option<T> {
        self.ready.remove(&(origin, number)).map(|(_, _, process)| process)
    }

    // At both.

    /// The session with a runtime is lost: what the origin does, and processes (with the epochs they would have had) that
    /// were made here and are never committed, or have been and nobody will ever know.
    pub fn lost(&mut self, runtime: Runtime) -> (Vec<Origin>, Vec<(Pid, u64, T)>) {
        let numbers: Vec<u64> = self.leaving.iter().filter(|(_, l)| l.target == runtime).map(|(n, _)| *n).collect();
        let left = numbers.into_iter().filter_map(|n| self.leaving.remove(&n));
        let origin = left.map(|l| match l.committed {
            true => Origin::Over(l.pid),
            false => Origin::GoOn(l.pid, "the connection was lost".to_string(), None),
        });
        let origin = origin.collect();
        let keys: Vec<_> = self.ready.keys().filter(|(r, _)| *r == runtime).copied().collect();
        (origin, keys.into_iter().filter_map(|k| self.ready.remove(&k)).collect())
    }
    /// When [`Handover::timeout`] is to be called.
    pub fn next_timeout(&self) -> Option<Time> {
        self.leaving.values().filter(|l| !l.committed).map(|l| l.deadline).min()
    }
    /// Time has passed.
    pub fn timeout(&mut self, now: Time) -> Vec<Origin> {
        let late: Vec<u64> =
            self.leaving.iter().filter(|(_, l)| !l.committed && l.deadline <= now).map(|(n, _)| *n).collect();
        let left = late.into_iter().filter_map(|n| Some((n, self.leaving.remove(&n)?)));
        left.map(|(n, l)| Origin::GoOn(l.pid, "the other node took too long".to_string(), Some((l.target, n))))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All orders of what may happen to one move: the process is at one of the two, or was lost with the session after the
    /// commit; never at both.
    #[test]
    fn a_process_is_in_one_place() {
        let (a, b) = (Runtime::find(0x7100).expect("room"), Runtime::find(0x7101).expect("room"));
        let pid = Pid::new(a, 1);
        // Each digit: what happens next.
        for program in 0..5u32.pow(7) {
            let (mut origin, mut target): (Handover<()>, Handover<()>) = Default::default();
            let number = origin.begin(pid, b, 0);
            let (mut here, mut there, mut up) = (true, false, true);
            let (mut to_b, mut to_a) = (vec!["offer"], Vec::<&str>::new());
            let mut rest = program;
            for _ in 0..7 {
                let mut happened = Vec::new();
                match rest % 5 {
                    0 if up && !to_b.is_empty() => match to_b.remove(0) {
                        "offer" => {
                            target.made(a, number, pid, 1, ());
                            to_a.push("ready");
                        }
                        "commit" => {
                            if target.committed(a, number).is_some() {
                                there = true;
                                to_a.push("running");
                            }
                        }
                        _ => {
                            target.aborted(a, number);
                        }
                    },
                    1 if up && !to_a.is_empty() => match to_a.remove(0) {
                        "ready" => happened.extend(origin.is_ready(b, number)),
                        "running" => happened.extend(origin.runs(b, number)),
                        _ => happened.extend(origin.refused(b, number, String::new())),
                    },
                    2 if up => {
                        up = false;
                        happened.extend(origin.lost(b).0);
                        target.lost(a);
                    }
                    3 => happened.extend(origin.timeout(MOVE_TIME)),
                    // Somebody answers to what was not asked.
                    4 => happened.extend(origin.runs(a, number).or(origin.is_ready(b, number + 1))),
                    _ => {}
                }
                rest /= 5;
                for o in happened {
                    match o {
                        Origin::Commit(..) => {
                            here = false;
                            to_b.push("commit");
                        }
                        Origin::GoOn(_, _, told) => {
                            assert!(here, "program {program}");
                            to_b.extend(told.map(|_| "abort"));
                        }
                        Origin::Over(_) => assert!(!here, "program {program}"),
                    }
                }
                assert!(!(here && there), "program {program}");
            }
            assert!(here || there || !up || to_b.contains(&"commit"), "program {program}");
        }
    }
}
