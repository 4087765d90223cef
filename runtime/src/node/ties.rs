//! What hangs on one session: links, monitors, questions and spawns between processes here and there.
//!
//! Journey: remote signal: signal -> **session** -> transport. Each signal that passes, in either direction, is looked at once; when the
//! session is lost, all that was held by it alone is told of it, each once, as if the other end had answered
//! `noconnection`. The reader might expect each process to look through its own links; only those that are concerned are
//! touched here, and an end that is not told twice cannot be.
//!
//! Always: what a peer can make this keep is bounded by what it sends; an entry goes with the signal that ends it.

use super::signal::{NameSignal, Signal, Target};
use crate::codec::Message;
use crate::process::signal::{self as local, Bond, Question, Signal as Local};
use rlua_machine::value::Pid;
use std::collections::{BTreeMap, BTreeSet};

/// How a process is tied to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tie {
    /// Linked.
    Link,
    /// It has taken a link away, under this id, and waits for the acknowledgement.
    Unlink(u64),
    /// It monitors the other, under this id.
    Watches(u64),
    /// The other monitors it, under this id.
    WatchedUnder(u64),
    /// It has asked the other something.
    Asked(u64),
    /// The other has asked it something, and will be answered where it goes.
    AskedBy(u64),
}

/// Why a link is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Made {
    /// It was made, or has come along with its process.
    Made,
    /// Its process has asked the other end about it. That may have taken it away: what says so has come, and is in the inbox.
    Asked,
}

/// What hangs on one session. In each pair the process that is here comes first.
#[derive(Default, Debug)]
pub struct Ties {
    /// Whether each has been made, or is there because its process has asked the other end about it alone.
    links: BTreeMap<(Pid, Pid), Made>,
    /// Links that were taken away here, and whose acknowledgement has not come: by whom, its id.
    unlinks: BTreeMap<(Pid, u64), Pid>,
    /// Monitors of processes here, by their ids.
    watching: BTreeMap<(Pid, u64), Pid>,
    /// Monitors of processes there: who is watched here, by watcher and id.
    watched: BTreeMap<(Pid, u64), Pid>,
    /// Questions asked here that are not answered, and of whom if it is known.
    asked: BTreeMap<(Pid, u64), Option<Pid>>,
    /// Spawns that are not answered, by parent and number: linked, monitored under which number.
    spawns: BTreeMap<(Pid, u64), (bool, Option<u64>)>,
    /// The same, of parents there.
    requested: BTreeMap<(Pid, u64), (bool, Option<u64>)>,
}

impl Ties {
    /// All of it, entry by entry.
    #[cfg(test)]
    pub fn describe(&self) -> Vec<String> {
        let mut all: Vec<String> = self.links.keys().map(|(here, there)| format!("link {here} {there}")).collect();
        all.extend(self.unlinks.iter().map(|((here, id), there)| format!("unlink {here} {there} {id}")));
        all.extend(self.watching.iter().map(|((here, id), there)| format!("watching {here} {there} {id}")));
        all.extend(self.watched.iter().map(|((there, id), here)| format!("watched {here} {there} {id}")));
        all.extend(self.asked.keys().map(|(here, id)| format!("asked {here} {id}")));
        all.extend(self.spawns.keys().map(|(here, id)| format!("spawn {here} {id}")));
        all.extend(self.requested.keys().map(|(there, id)| format!("requested {there} {id}")));
        all
    }
    /// A signal leaves.
    pub fn leaves(&mut self, s: &Signal<Pid>) {
        match s {
            Signal::Link { from, to: Target::Pid(to), .. } => {
                self.links.insert((*from, *to), Made::Made);
                // The acknowledgement of an unlink before it does not matter any more (process/core.rs).
                let before = self.unlinks.range((*from, 0)..=(*from, u64::MAX)).filter(|(_, there)| *there == to);
                let before: Vec<(Pid, u64)> = before.map(|(unlink, _)| *unlink).collect();
                before.iter().for_each(|unlink| _ = self.unlinks.remove(unlink));
            }
            Signal::Unlink { from, to: Target::Pid(to), id } => {
                self.links.remove(&(*from, *to));
                self.unlinks.insert((*from, *id), *to);
            }
            Signal::Exit { from, to, .. } => {
                self.links.remove(&(*from, *to));
            }
            // What has taken it away had come when its process asked about it; the other end has not made it anew since.
            Signal::UnlinkAck { from, to, .. } if self.links.get(&(*from, *to)) == Some(&Made::Asked) => {
                self.links.remove(&(*from, *to));
            }
            Signal::Monitor { from, to: Target::Pid(to), id } => {
                self.watching.insert((*from, *id), *to);
            }
            Signal::Demonitor { from, id, .. } => {
                self.watching.remove(&(*from, *id));
            }
            Signal::Down { to, id, .. } | Signal::Response { to, id, over: true, .. } => {
                self.watched.remove(&(*to, *id));
            }
            Signal::Ask { from, id, to: Target::Pid(to), .. } => {
                self.asked.insert((*from, *id), Some(*to));
            }
            Signal::Ask { from, id, .. } | Signal::Name(NameSignal::Request { from, id, .. }) => {
                self.asked.insert((*from, *id), None);
            }
            Signal::Spawn { parent, id, link, monitor, .. } => {
                self.spawns.insert((*parent, *id), (*link, *monitor));
            }
            // It asks whether the other end is there, since its own is.
            Signal::Tied { from, to, bond } => match bond {
                Bond::Link => _ = self.links.entry((*from, *to)).or_insert(Made::Asked),
                Bond::Watches(id) => _ = self.watching.insert((*from, *id), *to),
                Bond::WatchedUnder(id) => _ = self.watched.insert((*to, *id), *from),
                Bond::Torn => {}
            },
            Signal::Spawned { to, id, result } => {
                let Some((link, monitor)) = self.requested.remove(&(*to, *id)) else { return };
                let Ok(child) = result else { return };
                if link {
                    self.links.insert((*child, *to), Made::Made);
                }
                if let Some(id) = monitor {
                    self.watched.insert((*to, id), *child);
                }
            }
            _ => {}
        }
    }
    /// A signal has come. False: it answers nothing that is waited for (any more), and is to be dropped.
    pub fn comes(&mut self, s: &Signal<Pid>) -> bool {
        match s {
            Signal::Link { from, to: Target::Pid(to), .. } => {
                // Until an unlink is acknowledged a link of the other side goes with it (process/core.rs).
                let mut unlinks = self.unlinks.range((*to, 0)..=(*to, u64::MAX));
                if !unlinks.any(|(_, there)| there == from) {
                    self.links.insert((*to, *from), Made::Made);
                }
            }
            Signal::Unlink { from, to: Target::Pid(to), .. } => {
                self.links.remove(&(*to, *from));
            }
            // A link that is not there (any more) brings no exit.
            Signal::Exit { from, to, .. } => return self.links.remove(&(*to, *from)).is_some(),
            Signal::UnlinkAck { to, id, .. } => return self.unlinks.remove(&(*to, *id)).is_some(),
            Signal::Monitor { from, to: Target::Pid(to), id } => {
                self.watched.insert((*from, *id), *to);
            }
            Signal::Demonitor { from, id, .. } => {
                self.watched.remove(&(*from, *id));
            }
            Signal::Down { to, id, .. } | Signal::Response { to, id, over: true, .. } => {
                return self.watching.remove(&(*to, *id)).is_some();
            }
            Signal::Answer { to, id, .. } | Signal::Name(NameSignal::Done { to, id, .. }) => {
                return self.asked.remove(&(*to, *id)).is_some();
            }
            Signal::Spawn { parent, id, link, monitor, .. } => {
                self.requested.insert((*parent, *id), (*link, *monitor));
            }
            Signal::Spawned { to, id, result } => {
                let Some((link, monitor)) = self.spawns.remove(&(*to, *id)) else { return false };
                let Ok(child) = result else { return true };
                if link {
                    self.links.insert((*to, *child), Made::Made);
                }
                if let Some(id) = monitor {
                    self.watching.insert((*to, id), *child);
                }
            }
            _ => {}
        }
        true
    }
    /// A signal leaves or comes over another connection: nothing hangs here any more that it undoes.
    pub fn passes(&mut self, s: &Signal<Pid>) {
        match s {
            Signal::Exit { from, to, .. } | Signal::Unlink { from, to: Target::Pid(to), .. } => {
                self.links.remove(&(*from, *to));
                self.links.remove(&(*to, *from));
            }
            Signal::Down { to, id, .. } | Signal::Response { to, id, over: true, .. } => {
                self.watched.remove(&(*to, *id));
            }
            Signal::Demonitor { from, id, .. } => {
                self.watching.remove(&(*from, *id));
                self.watched.remove(&(*from, *id));
            }
            _ => {}
        }
    }
    /// A process was made there for a parent that has ended meanwhile: what the child is to be told.
    pub fn orphaned(&self, parent: Pid, child: Pid) -> Vec<(Pid, Local)> {
        let mut told = Vec::new();
        if self.links.contains_key(&(parent, child)) {
            let reason = Message::string(b"noproc");
            told.push((child, Local::Exit { from: parent, reason, normal: false }));
        }
        let watching = self.watching.range((parent, 0)..=(parent, u64::MAX)).filter(|(_, there)| **there == child);
        told.extend(watching.map(|((_, id), _)| (child, Local::Demonitor { from: parent, id: *id })));
        told
    }
    /// Whether nothing hangs on it.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
            && self.unlinks.is_empty()
            && self.watching.is_empty()
            && self.watched.is_empty()
            && self.asked.is_empty()
    }

    // Of processes that move.

    /// Takes what hangs here with a process there that is there no more.
    pub fn take_there(&mut self, there: Pid) -> Ties {
        let mut taken = Ties::default();
        taken.links.extend(self.links.extract_if(.., |l, _| l.1 == there));
        taken.unlinks.extend(self.unlinks.extract_if(.., |_, t| *t == there));
        taken.watching.extend(self.watching.extract_if(.., |_, t| *t == there));
        taken.watched.extend(self.watched.extract_if(.., |k, _| k.0 == there));
        taken.asked.extend(self.asked.extract_if(.., |_, t| *t == Some(there)));
        taken
    }
    /// What is to be compared at the other end of these: of whom, and with whom.
    pub fn bonds(&self, which: &dyn Fn(Pid, Pid) -> bool) -> Vec<(Pid, Local)> {
        let links = self.links.keys().map(|(here, there)| (*here, *there, Bond::Link));
        let watching = self.watching.iter().map(|((here, id), there)| (*here, *there, Bond::Watches(*id)));
        let watched = self.watched.iter().map(|((there, id), here)| (*here, *there, Bond::WatchedUnder(*id)));
        let bonds = links.chain(watching).chain(watched).filter(|(here, there, _)| which(*here, *there));
        let bonds = bonds.map(|(here, there, bond)| (there, Local::Tied { from: here, bond }));
        let asked = self.asked.iter().filter_map(|((here, id), there)| {
            let there = there.filter(|there| which(*here, *there))?;
            Some((there, Local::Ask { from: *here, id: *id, question: Question::Again }))
        });
        bonds.chain(asked).collect()
    }
    /// Takes links that were taken away and whose acknowledgement may have been lost: by whom, from whom.
    pub fn take_unlinks(&mut self, which: &dyn Fn(Pid, Pid) -> bool) -> Vec<(Pid, Pid)> {
        let taken = self.unlinks.extract_if(.., |(here, _), there| which(*here, *there));
        taken.map(|((here, _), there)| (here, there)).collect()
    }
    /// All pairs: here, there.
    pub fn pairs(&self) -> BTreeSet<(Pid, Pid)> {
        let mut all: BTreeSet<(Pid, Pid)> = self.links.keys().copied().collect();
        all.extend(self.unlinks.iter().map(|((here, _), there)| (*here, *there)));
        all.extend(self.watching.iter().map(|((here, _), there)| (*here, *there)));
        all.extend(self.watched.iter().map(|((there, _), here)| (*here, *there)));
        all.extend(self.asked.iter().filter_map(|((here, _), there)| Some((*here, (*there)?))));
        all
    }
    /// Forgets what hangs here of a process that is here no more.
    pub fn forget_here(&mut self, here: Pid) {
        self.links.retain(|l, _| l.0 != here);
        self.unlinks.retain(|k, _| k.0 != here);
        self.watching.retain(|k, _| k.0 != here);
        self.watched.retain(|_, h| *h != here);
        self.asked.retain(|k, _| k.0 != here);
    }
    /// What was taken hangs here from now on.
    pub fn add(&mut self, taken: Ties) {
        for (pair, made) in taken.links {
            let link = self.links.entry(pair).or_insert(made);
            if made == Made::Made {
                *link = made;
            }
        }
        self.unlinks.extend(taken.unlinks);
        self.watching.extend(taken.watching);
        self.watched.extend(taken.watched);
        self.asked.extend(taken.asked);
    }
    /// The ties of a process that has come here with another, by what it brings along (process/core.rs).
    pub fn of_arrived(here: Pid, there: Pid, tie: Tie) -> Ties {
        let mut ties = Ties::default();
        match tie {
            Tie::Link => _ = ties.links.insert((here, there), Made::Made),
            Tie::Unlink(id) => _ = ties.unlinks.insert((here, id), there),
            Tie::Watches(id) => _ = ties.watching.insert((here, id), there),
            Tie::WatchedUnder(id) => _ = ties.watched.insert((there, id), here),
            Tie::Asked(id) => _ = ties.asked.insert((here, id), Some(there)),
            // What is waited for there alone.
            Tie::AskedBy(_) => {}
        }
        ties
    }
    /// The same, seen from the other end.
    pub fn of_departed(there: Pid, here: Pid, tie: Tie) -> Ties {
        let mut ties = Ties::default();
        match tie {
            Tie::Link => _ = ties.links.insert((here, there), Made::Made),
            Tie::Watches(id) => _ = ties.watched.insert((there, id), here),
            Tie::WatchedUnder(id) => _ = ties.watching.insert((here, id), there),
            Tie::AskedBy(id) => _ = ties.asked.insert((here, id), Some(there)),
            // What is waited for there alone.
            Tie::Unlink(_) | Tie::Asked(_) => {}
        }
        ties
    }

    /// The session is lost: what those concerned here are to be told, always in the same order.
    pub fn lost(self) -> Vec<(Pid, Local)> {
        let reason = || Message::string(b"noconnection");
        let mut told = Vec::new();
        for (here, there) in self.links.into_keys() {
            told.push((here, Local::Exit { from: there, reason: reason(), normal: false }));
        }
        for ((here, id), there) in self.unlinks {
            told.push((here, Local::UnlinkAck { from: there, id }));
        }
        for ((here, id), there) in self.watching {
            told.push((here, Local::Down { from: there, id, reason: reason() }));
        }
        for ((there, id), here) in self.watched {
            told.push((here, Local::Demonitor { from: there, id }));
        }
        for (here, id) in self.asked.into_keys() {
            told.push((here, Local::Reply { id, answer: local::Answer::Lost }));
        }
        for (here, id) in self.spawns.into_keys() {
            told.push((here, Local::Reply { id, answer: local::Answer::NotSpawned(b"noconnection"[..].into()) }));
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::super::signal::{Body, Contents};
    use super::super::translate;
    use super::*;
    use rlua_machine::value::Runtime;

    fn pid(runtime: u128, serial: u64) -> Pid {
        Pid::new(Runtime::find(runtime).expect("there is room"), serial)
    }
    fn spawn(parent: Pid) -> Signal<Pid> {
        let contents = Contents::new(Vec::new());
        Signal::Spawn { parent, id: 3, body: Body::Function, link: true, monitor: Some(2), contents }
    }
    #[test]
    fn an_orphan_is_told_of_both_its_ties() {
        let (parent, child) = (pid(701, 4), pid(702, 5));
        let mut ties = Ties::default();
        ties.leaves(&spawn(parent));
        assert!(ties.comes(&Signal::Spawned { to: parent, id: 3, result: Ok(child) }));
        let told = ties.orphaned(parent, child);
        assert!(matches!(&told[..], [(_, Local::Exit { .. }), (_, Local::Demonitor { id: 2, .. })]));
        for (to, signal) in told {
            ties.leaves(&translate::outgoing(to, &signal).expect("it is of a kind that is sent").0);
        }
        assert!(ties.lost().is_empty(), "nothing hangs there any more");
    }
    #[test]
    fn a_link_that_crosses_an_unlink_goes_with_it() {
        let (here, there) = (pid(701, 7), pid(702, 8));
        let link = |from, to| Signal::Link { from, to: Target::Pid(to), id: 0 };
        let mut ties = Ties::default();
        ties.leaves(&link(here, there));
        ties.leaves(&Signal::Unlink { from: here, to: Target::Pid(there), id: 3 });
        ties.comes(&link(there, here));
        assert!(ties.comes(&Signal::UnlinkAck { from: there, to: here, id: 3 }));
        assert!(ties.is_empty(), "the other end has gone with the unlink");
        // One that is made anew is the other end's as well, if that has taken its own away meanwhile and makes it anew.
        ties.leaves(&link(here, there));
        ties.leaves(&Signal::Unlink { from: here, to: Target::Pid(there), id: 5 });
        ties.leaves(&link(here, there));
        ties.comes(&Signal::Unlink { from: there, to: Target::Pid(here), id: 9 });
        ties.comes(&link(there, here));
        assert!(!ties.comes(&Signal::UnlinkAck { from: there, to: here, id: 5 }), "that does not matter any more");
        assert_eq!(std::mem::take(&mut ties).lost().len(), 1);
        // It stays, whatever is acknowledged.
        ties.leaves(&link(here, there));
        ties.leaves(&Signal::Unlink { from: here, to: Target::Pid(there), id: 4 });
        ties.leaves(&link(here, there));
        ties.comes(&Signal::UnlinkAck { from: there, to: here, id: 4 });
        assert_eq!(ties.lost().len(), 1);
    }
    #[test]
    fn a_link_that_was_taken_away_before_it_was_asked_about_goes_with_the_acknowledgement() {
        let (here, there) = (pid(701, 9), pid(702, 10));
        let asks = Signal::Tied { from: here, to: there, bond: Bond::Link };
        let link = Signal::Link { from: there, to: Target::Pid(here), id: 0 };
        let unlink = Signal::Unlink { from: there, to: Target::Pid(here), id: 3 };
        let acknowledges = Signal::UnlinkAck { from: here, to: there, id: 3 };
        let mut ties = Ties::default();
        ties.comes(&link);
        ties.comes(&unlink);
        // Its process has not handled that yet.
        ties.leaves(&asks);
        ties.leaves(&acknowledges);
        assert!(ties.is_empty());
        // The other end has made it anew before that was acknowledged.
        ties.comes(&unlink);
        ties.leaves(&asks);
        ties.comes(&link);
        ties.leaves(&acknowledges);
        assert_eq!(ties.lost().len(), 1);
    }
    #[test]
    fn a_child_is_told_of_the_loss_of_its_parents_session() {
        let parent = pid(702, 6);
        let mut ties = Ties::default();
        assert!(ties.comes(&spawn(parent)));
        ties.leaves(&Signal::Spawned { to: parent, id: 3, result: Ok(pid(701, 1)) });
        assert_eq!(ties.lost().len(), 2, "of the link and the monitor");
    }
}
