//! Where processes are that have moved, and the order of what is sent to them.
//!
//! Journey: remote signal: **route** -> session. A process that never moved is where it was born, and not in here. When a
//! node learns that one has moved, what it sends from then on could overtake what it has sent by the old path; so it holds
//! that back, sends a mark by the old path, and lets go when the mark has come out at the new place. The place itself
//! does the same for its own processes.
//!
//! Always: a place counts for more than another of the same process if its epoch is greater, and for nothing otherwise. A
//! hold ends: by the mark, by the loss of the connection that the mark went over, or by a deadline.

use crate::node::Time;
use rlua_machine::value::{Pid, Runtime};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How long a mark may take.
const HOLD_TIME: Time = 10_000_000_000;

/// Processes at most whose end is remembered.
const ENDED_MAX: usize = 4096;

/// Where a process is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    /// How often it had moved when it came there.
    pub epoch: u64,
    /// The runtime there.
    pub runtime: Runtime,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Hold<T> {
    id: u64,
    /// The old path: the mark went there first.
    via: Runtime,
    /// Its number.
    by: u64,
    until: Time,
    /// What waits for the mark: what this node has to send and, if the process is here, what has come from others.
    held: Vec<T>,
    /// What others have sent has gone by the old path, behind the mark.
    has_more: bool,
}
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Route<T> {
    place: Place,
    /// It is here.
    is_here: bool,
    /// Number of the path by which something goes there: greater than that of any path before.
    path: u64,
    hold: Option<Hold<T>>,
    /// Where it went from here, if it was here.
    onward: Option<Runtime>,
}

/// What is known of processes that have moved. `T`: what is sent to one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Routes<T> {
    routes: BTreeMap<Pid, Route<T>>,
    /// Those for which something is held back. Few, where many processes have moved.
    holding: BTreeSet<Pid>,
    last_id: u64,
    /// Processes that have ended, how often they had moved then, and where if it is known: news of earlier places may come later. The
    /// oldest go first.
    ended: BTreeMap<Pid, (u64, Option<Runtime>)>,
    ended_by_age: VecDeque<Pid>,
    /// Marks that have gone on from here, the oldest first, and by which path.
    passed: VecDeque<(MarkOf, u64)>,
}

/// A mark: to which process, of which runtime, its number there.
pub type MarkOf = (Pid, Runtime, u64);

/// A mark that is to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// By the old path: to this runtime.
    pub via: Runtime,
    /// About which process.
    pub pid: Pid,
    /// By which the answer names it.
    pub id: u64,
}

/// Marks at most that are remembered to have gone on.
const PASSED_MAX: usize = 256;

/// What becomes of something that is sent.
#[derive(PartialEq, Eq, Debug)]
pub enum Sent<T> {
    /// It is held back.
    Held,
    /// It goes there.
    To(Runtime, T),
    /// It goes there, by an older path of this number.
    By(Runtime, u64, T),
    /// The process has not moved: it is where it was born, or nowhere.
    Home(T),
}

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Routes {
            routes: BTreeMap::new(),
            holding: BTreeSet::new(),
            last_id: 0,
            ended: BTreeMap::new(),
            ended_by_age: VecDeque::new(),
            passed: VecDeque::new(),
        }
    }
}

impl<T> Routes<T> {
    /// Whether any process is known to have moved.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }
    /// Where a process is, if it has moved.
    pub fn place(&self, pid: Pid) -> Option<Place> {
        self.routes.get(&pid).map(|r| r.place)
    }
    /// All places.
    pub fn places(&self) -> impl Iterator<Item = (Pid, Place)> {
        self.routes.iter().map(|(pid, r)| (*pid, r.place))
    }
    /// The number of the last mark, or path.
    pub fn last(&self) -> u64 {
        self.last_id
    }
    /// Marks and paths are numbered from there on.
    pub fn go_on_from(&mut self, last: u64) {
        self.last_id = last;
    }
    /// The process was somewhere when this runtime was a node before: nothing is under way to it.
    pub fn recall(&mut self, pid: Pid, place: Place) {
        let path = self.next_number();
        self.routes.insert(pid, Route { place, is_here: false, path, hold: None, onward: None });
    }
    /// A number that no mark and no path has had.
    pub fn next_number(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
    /// The number of the path by which something goes to a process; 0: it is not known to have moved.
    pub fn path(&self, pid: Pid) -> u64 {
        self.routes.get(&pid).map_or(0, |r| r.path)
    }
    /// All processes that have moved to a place, in order, and how often they had moved then.
    pub fn all_at(&self, runtime: Runtime) -> Vec<(Pid, u64)> {
        let there = self.routes.iter().filter(|(_, r)| r.place.runtime == runtime);
        there.map(|(pid, r)| (*pid, r.place.epoch)).collect()
    }
    /// Processes for which something like this is held back, and the number of each hold.
    pub fn holds(&self, like: impl Fn(&T) -> bool) -> Vec<(Pid, u64)> {
        self.all_holds().filter(|(_, h)| h.held.iter().any(&like)).map(|(pid, h)| (pid, h.id)).collect()
    }
    /// The number of the hold for a process: a mark of this node's is under way.
    pub fn hold_of(&self, pid: Pid) -> Option<u64> {
        self.routes.get(&pid).and_then(|r| r.hold.as_ref()).map(|h| h.id)
    }
    /// Whether anything is held back for a process, or may be: a mark of this node's is under way.
    pub fn has_hold(&self, pid: Pid) -> bool {
        self.holding.contains(&pid)
    }
    /// Whether that hold has not ended yet.
    pub fn is_held(&self, pid: Pid, id: u64) -> bool {
        self.hold_of(pid) == Some(id)
    }
    /// Something is sent to a process.
    pub fn send(&mut self, pid: Pid, what: T) -> Sent<T> {
        match self.routes.get_mut(&pid) {
            None => Sent::Home(what),
            Some(Route { hold: Some(hold), .. }) => {
                hold.held.push(what);
                Sent::Held
            }
            Some(r) => Sent::To(r.place.runtime, what),
        }
    }
    /// Something of others is for a process that is here, or goes on from here. What they have sent before has gone by this node's old
    /// path, as long as its mark is not out. If the process is elsewhere so does this, behind the mark, and another mark is to go behind it:
    /// no node waits for another's mark. If it is here this waits; but for what has come round (`is_round`: it was sent on from here
    /// before), or comes from where the old path goes.
    pub fn send_on(&mut self, pid: Pid, from: Option<Runtime>, is_round: bool, what: T) -> Sent<T> {
        let Some(r) = self.routes.get_mut(&pid) else { return Sent::Home(what) };
        match &mut r.hold {
            Some(hold) if !r.is_here => {
                hold.has_more = true;
                Sent::By(hold.via, hold.by, what)
            }
            // Where it had not been before nothing of others has gone by.
            Some(hold) if !(is_round || r.onward.is_none() || Some(hold.via) == from) => {
                hold.held.push(what);
                Sent::Held
            }
            _ => Sent::To(r.place.runtime, what),
        }
    }
    /// The process has left here: what comes for it goes there from now on, by the only path there has been. It leaves when nothing is
    /// held back for it.
    pub fn left(&mut self, pid: Pid, place: Place) -> Vec<T> {
        let held = self.ended(pid);
        let path = self.next_number();
        self.routes.insert(pid, Route { place, is_here: false, path, hold: None, onward: Some(place.runtime) });
        held
    }
    /// The process has come here. As [`Routes::learn`].
    pub fn arrived(&mut self, pid: Pid, place: Place, now: Time, up: impl Fn(Runtime) -> bool) -> Option<Mark> {
        let mark = self.learn(pid, place, now, up);
        if let Some(r) = self.routes.get_mut(&pid).filter(|r| r.place == place) {
            r.is_here = true;
        }
        mark
    }
    /// The process is somewhere: `up` says whether a connection stands. A mark is to be sent if there was another path that
    /// may still carry something.
    pub fn learn(&mut self, pid: Pid, place: Place, now: Time, up: impl Fn(Runtime) -> bool) -> Option<Mark> {
        if self.has_ended(pid, place.epoch) {
            return None;
        }
        let before = self.routes.remove(&pid);
        if let Some(r) = &before
            && r.place.epoch >= place.epoch
        {
            self.routes.extend(before.map(|r| (pid, r)));
            return None;
        }
        let via = before.as_ref().map_or(pid.runtime(), |r| r.place.runtime);
        let onward = before.as_ref().and_then(|r| r.onward);
        let by = before.as_ref().map_or(0, |r| r.path);
        let path = self.next_number();
        if let Some(Route { hold: Some(hold), .. }) = before {
            // The mark that is under way comes out behind the process, wherever it is.
            self.routes.insert(pid, Route { place, is_here: false, path, hold: Some(hold), onward });
            return None;
        }
        let marks = via != place.runtime && up(via);
        let hold = marks.then(|| {
            let (id, until) = (self.next_number(), now + HOLD_TIME);
            Hold { id, via, by, until, held: Vec::new(), has_more: false }
        });
        let mark = hold.as_ref().map(|h| Mark { via, pid, id: h.id });
        self.holding.extend(hold.as_ref().map(|_| pid));
        self.routes.insert(pid, Route { place, is_here: false, path, hold, onward });
        mark
    }
    /// A mark of this node has come back to it, though the process is not here: where it goes on, behind the process. What is
    /// held back waits for it, and it for nothing.
    pub fn own_mark(&self, pid: Pid) -> Option<Runtime> {
        self.routes.get(&pid).map(|r| r.onward.unwrap_or(r.place.runtime))
    }
    /// Whether a mark has gone on from here before.
    pub fn has_passed(&self, mark: MarkOf) -> bool {
        self.passed.iter().any(|(m, _)| *m == mark)
    }
    /// A mark goes on from here. False: it has come round, and nothing was heard of the process meanwhile, so that it comes nowhere. (Two
    /// nodes believe a process that was lost to be at the other.)
    pub fn mark_passes(&mut self, mark: MarkOf) -> bool {
        let path = self.path(mark.0);
        let before = self.passed.iter().position(|(m, _)| *m == mark).and_then(|i| self.passed.remove(i));
        if before.is_some_and(|(_, by)| by == path) {
            return false;
        }
        if self.passed.len() >= PASSED_MAX {
            self.passed.pop_front();
        }
        self.passed.push_back((mark, path));
        true
    }
    /// A mark has come out at a place from which the process has gone on: another is to be sent after it from there.
    pub fn mark_on(&mut self, pid: Pid, id: u64, at: Place, now: Time) -> Option<Mark> {
        let r = self.routes.get_mut(&pid)?;
        let has_gone_on = r.place.epoch > at.epoch && r.place.runtime != at.runtime;
        let hold = r.hold.as_mut().filter(|h| h.id == id && has_gone_on)?;
        self.last_id += 1;
        (hold.id, hold.via, hold.until) = (self.last_id, at.runtime, now + HOLD_TIME);
        Some(Mark { via: hold.via, pid, id: hold.id })
    }
    /// A mark has come out, and what others have sent has gone by the same path behind it: the next.
    pub fn mark_again(&mut self, pid: Pid, id: u64) -> Option<Mark> {
        let hold = self.routes.get_mut(&pid)?.hold.as_mut()?;
        if hold.id != id || !std::mem::take(&mut hold.has_more) {
            return None;
        }
        self.last_id += 1;
        hold.id = self.last_id;
        Some(Mark { via: hold.via, pid, id: hold.id })
    }
    /// A mark has come out; what was held back, and where it goes.
    pub fn marked(&mut self, pid: Pid, id: u64) -> Option<(Runtime, Vec<T>)> {
        let r = self.routes.get_mut(&pid)?;
        let hold = r.hold.take_if(|h| h.id == id)?;
        self.holding.remove(&pid);
        Some((r.place.runtime, hold.held))
    }
    /// The process has ended; what was held back for it.
    pub fn ended(&mut self, pid: Pid) -> Vec<T> {
        self.holding.remove(&pid);
        self.routes.remove(&pid).and_then(|r| r.hold).map_or(Vec::new(), |h| h.held)
    }
    /// It has ended where it was after so many moves: what is heard of earlier ones brings it back nowhere. Two nodes that each had
    /// heard last of another of its places would send what is for it to each other.
    pub fn remember_end(&mut self, pid: Pid, epoch: u64, at: Option<Runtime>) {
        if self.ended.insert(pid, (epoch, at)).is_none() {
            self.ended_by_age.push_back(pid);
        }
        while self.ended_by_age.len() > ENDED_MAX {
            let oldest = self.ended_by_age.pop_front();
            oldest.and_then(|pid| self.ended.remove(&pid));
        }
    }
    /// Processes that are known to have ended, the oldest end first, and how often they had moved.
    pub fn ends(&self) -> impl Iterator<Item = (Pid, u64)> {
        self.ended_by_age.iter().filter_map(|pid| Some((*pid, self.end_of(*pid)?)))
    }
    /// How often a process had moved when it ended, if it is known that it has.
    pub fn end_of(&self, pid: Pid) -> Option<u64> {
        self.ended.get(&pid).map(|(epoch, _)| *epoch)
    }
    /// Where it has ended, if that is known.
    pub fn ended_at(&self, pid: Pid) -> Option<Runtime> {
        self.ended.get(&pid).and_then(|(_, at)| *at)
    }
    /// How often a process has moved, or had when it ended, as far as is known.
    pub fn last_move_of(&self, pid: Pid) -> Option<u64> {
        self.place(pid).map(|p| p.epoch).or_else(|| self.end_of(pid))
    }
    /// Whether a process is known to have ended, having moved so often or more often.
    pub fn has_ended(&self, pid: Pid, epoch: u64) -> bool {
        self.end_of(pid).is_some_and(|at| at >= epoch)
    }
    /// A connection is lost: no mark comes over it any more. What was held back for which process, and where it goes.
    pub fn lost(&mut self, runtime: Runtime) -> Vec<(Pid, Runtime, Vec<T>)> {
        self.let_go(|hold| hold.via == runtime)
    }
    /// When [`Routes::timeout`] is to be called.
    pub fn next_timeout(&self) -> Option<Time> {
        self.all_holds().map(|(_, h)| h.until).min()
    }
    /// Time has passed. As [`Routes::lost`].
    pub fn timeout(&mut self, now: Time) -> Vec<(Pid, Runtime, Vec<T>)> {
        self.let_go(|hold| hold.until <= now)
    }
    fn let_go(&mut self, which: impl Fn(&Hold<T>) -> bool) -> Vec<(Pid, Runtime, Vec<T>)> {
        let mut all = Vec::new();
        self.holding.retain(|pid| {
            let Some(r) = self.routes.get_mut(pid) else { return false };
            let Some(hold) = r.hold.take_if(|h| which(h)) else { return r.hold.is_some() };
            all.push((*pid, r.place.runtime, hold.held));
            false
        });
        all
    }
    fn all_holds(&self) -> impl Iterator<Item = (Pid, &Hold<T>)> {
        self.holding.iter().filter_map(|pid| Some((*pid, self.routes.get(pid)?.hold.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime(n: u128) -> Runtime {
        Runtime::find(0x7000 + n).expect("there is room")
    }

    #[test]
    fn a_newer_place_counts_and_an_older_one_does_not() {
        let (a, b, c) = (runtime(1), runtime(2), runtime(3));
        let pid = Pid::new(a, 5);
        let mut routes: Routes<u32> = Routes::default();
        assert_eq!(routes.send(pid, 1), Sent::Home(1));
        let mark = routes.learn(pid, Place { epoch: 1, runtime: b }, 0, |_| true).expect("the old path was home");
        assert_eq!((mark.via, routes.send(pid, 2)), (a, Sent::Held));
        // It has moved on before the mark came out: one mark is enough.
        assert_eq!(routes.learn(pid, Place { epoch: 2, runtime: c }, 0, |_| true), None);
        assert_eq!(routes.learn(pid, Place { epoch: 1, runtime: b }, 0, |_| true), None);
        assert_eq!(routes.send(pid, 3), Sent::Held);
        assert_eq!(routes.marked(pid, mark.id + 1), None);
        assert_eq!(routes.marked(pid, mark.id), Some((c, vec![2, 3])));
        assert_eq!(routes.send(pid, 4), Sent::To(c, 4));
        assert!(routes.ended(pid).is_empty() && routes.is_empty());
    }
    #[test]
    fn a_mark_goes_round_once() {
        let (own, there) = (runtime(1), runtime(2));
        let pid = Pid::new(own, 6);
        let mut routes: Routes<u32> = Routes::default();
        routes.left(pid, Place { epoch: 1, runtime: there });
        assert!(routes.mark_passes((pid, there, 4)) && routes.mark_passes((pid, own, 4)));
        // Unless there was news of the process.
        routes.learn(pid, Place { epoch: 2, runtime: runtime(3) }, 0, |_| false);
        assert!(routes.mark_passes((pid, there, 4)) && !routes.mark_passes((pid, there, 4)));
    }
    #[test]
    fn a_mark_that_came_out_before_the_last_move_is_followed_by_another() {
        let (a, b, c) = (runtime(1), runtime(2), runtime(3));
        let pid = Pid::new(a, 8);
        let mut routes: Routes<u32> = Routes::default();
        let first = routes.learn(pid, Place { epoch: 1, runtime: b }, 0, |_| true).expect("there was a path");
        assert_eq!(routes.send(pid, 1), Sent::Held);
        routes.learn(pid, Place { epoch: 2, runtime: c }, 0, |_| true);
        let next = routes.mark_on(pid, first.id, Place { epoch: 1, runtime: b }, 5).expect("it has gone on from there");
        assert_eq!((next.via, routes.marked(pid, first.id)), (b, None));
        assert_eq!(routes.mark_on(pid, next.id, Place { epoch: 2, runtime: c }, 5), None);
        assert_eq!(routes.marked(pid, next.id), Some((c, vec![1])));
    }
    /// The process was at `own`, has gone on from there to `b`, and from there to `c`: what others send by here waits for no mark of this
    /// node, and goes by the path that it has gone by until now.
    #[test]
    fn what_others_send_by_here_goes_by_the_old_path() {
        let (own, b, c, x) = (runtime(1), runtime(2), runtime(3), runtime(4));
        let pid = Pid::new(own, 10);
        let mut routes: Routes<u32> = Routes::default();
        assert!(routes.left(pid, Place { epoch: 1, runtime: b }).is_empty());
        let by = routes.path(pid);
        let mark = routes.learn(pid, Place { epoch: 2, runtime: c }, 0, |_| true).expect("there was a path");
        assert_eq!((mark.via, routes.send(pid, 1)), (b, Sent::Held));
        for (n, from) in [c, b, x].into_iter().enumerate() {
            assert_eq!(routes.send_on(pid, Some(from), false, n as u32), Sent::By(b, by, n as u32));
        }
        // They have not come when the mark has.
        let next = routes.mark_again(pid, mark.id).expect("it is behind the first");
        assert_eq!((next.via, routes.marked(pid, mark.id)), (b, None));
        assert_eq!(routes.mark_again(pid, next.id), None);
        assert_eq!(routes.marked(pid, next.id), Some((c, vec![1])));
        assert_eq!(routes.send_on(pid, Some(c), false, 3), Sent::To(c, 3));
        // Back here it gets what was sent on from here before, and what comes from where it was; the rest waits.
        let mark = routes.arrived(pid, Place { epoch: 3, runtime: own }, 0, |_| true).expect("there was a path");
        assert_eq!((mark.via, routes.send(pid, 4)), (c, Sent::Held));
        assert_eq!(routes.send_on(pid, Some(b), true, 5), Sent::To(own, 5));
        assert_eq!(routes.send_on(pid, Some(c), false, 6), Sent::To(own, 6));
        assert_eq!((routes.send_on(pid, Some(b), false, 7), routes.mark_again(pid, mark.id)), (Sent::Held, None));
        assert_eq!(routes.marked(pid, mark.id), Some((own, vec![4, 7])));
        assert_eq!(routes.send_on(pid, Some(b), false, 8), Sent::To(own, 8));
    }
    #[test]
    fn where_it_was_not_before_all_comes_to_it() {
        let (home, own, x) = (runtime(1), runtime(2), runtime(3));
        let pid = Pid::new(home, 9);
        let mut routes: Routes<u32> = Routes::default();
        let mark = routes.arrived(pid, Place { epoch: 1, runtime: own }, 0, |_| true).expect("it comes from there");
        assert_eq!((mark.via, routes.send(pid, 1)), (home, Sent::Held));
        assert_eq!(routes.send_on(pid, Some(x), false, 2), Sent::To(own, 2));
        assert_eq!(routes.marked(pid, mark.id), Some((own, vec![1])));
    }
    #[test]
    fn late_news_do_not_bring_back_what_has_ended() {
        let (home, b) = (runtime(1), runtime(2));
        let pid = Pid::new(home, 10);
        let mut routes: Routes<u32> = Routes::default();
        routes.remember_end(pid, 2, Some(b));
        assert_eq!(routes.ended_at(pid), Some(b));
        assert_eq!(routes.learn(pid, Place { epoch: 1, runtime: b }, 0, |_| true), None);
        assert_eq!((routes.place(pid), routes.has_ended(pid, 3)), (None, false));
        // What is remembered is bounded.
        (0..ENDED_MAX as u64).for_each(|n| routes.remember_end(Pid::new(b, n + 1), 1, None));
        assert!(!routes.has_ended(pid, 1) && routes.has_ended(Pid::new(b, 1), 1));
    }
    #[test]
    fn a_hold_ends_without_its_mark() {
        let (a, b) = (runtime(1), runtime(2));
        let pid = Pid::new(a, 6);
        let mut routes: Routes<u32> = Routes::default();
        assert!(routes.learn(pid, Place { epoch: 1, runtime: b }, 7, |_| true).is_some());
        assert_eq!(routes.send(pid, 1), Sent::Held);
        assert!(routes.lost(b).is_empty());
        assert_eq!(routes.lost(a), vec![(pid, b, vec![1])]);
        // Nothing can come by a path that is no more: no mark.
        assert_eq!(routes.learn(pid, Place { epoch: 2, runtime: a }, 7, |r| r != b), None);
        assert!(routes.learn(pid, Place { epoch: 3, runtime: b }, 7, |_| true).is_some());
        assert_eq!(routes.next_timeout(), Some(7 + HOLD_TIME));
        assert_eq!(routes.timeout(7 + HOLD_TIME), vec![(pid, b, vec![])]);
    }
}
