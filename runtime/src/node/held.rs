//! Code of one session: what the peer may ask for, and signals that wait for what was asked of it.
//!
//! Journey: remote signal: session -> **code** -> route. A message names its modules by their hashes. Who does not have one
//! asks, and holds back all signals of that sender to that receiver until it has come, so that their order stays; those of
//! others go on. Short code is sent along the first time: nobody has to ask, and it is there even if the sender's node leaves
//! right after.
//!
//! Always: a signal waits in one queue at most; how many wait is bounded ([`HELD_MAX`]); past that the session ends.

use super::signal::{Hash, Signal, Target, sender};
use rlua_machine::value::Pid;
use rlua_machine::vm::load::Module;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// Signals that may wait for code in a session.
const HELD_MAX: usize = 100_000;
/// Modules that are kept for the peer to ask for.
const PINNED_MAX: usize = 65_536;

/// More signals wait for code than may.
#[derive(Debug)]
pub struct TooMany;

/// See the module's header.
#[derive(Default)]
pub struct Held {
    pinned: HashMap<Hash, Arc<Module>>,
    /// What the peer was sent, or sent, in this session.
    passed: HashSet<Hash>,
    wanted: HashSet<Hash>,
    /// What has come when it was asked for, the first time that it passed: it may have been sent along before the question
    /// reached the peer, whose answer is still to come then.
    once_more: HashSet<Hash>,
    waiting: HashMap<Key, VecDeque<Signal<Pid>>>,
    count: usize,
}

/// A sender and its receiver: a process, or who has a name. None: the node.
type Key = (Option<Pid>, Option<Target<Pid>>);

fn key(signal: &Signal<Pid>) -> Key {
    let to = match signal {
        Signal::Send { to, .. }
        | Signal::Link { to, .. }
        | Signal::Unlink { to, .. }
        | Signal::Monitor { to, .. }
        | Signal::Demonitor { to, .. }
        | Signal::Kill { to, .. }
        | Signal::Interrupt { to, .. }
        | Signal::Ask { to, .. } => Some(to.clone()),
        Signal::Exit { to, .. }
        | Signal::Down { to, .. }
        | Signal::Response { to, .. }
        | Signal::UnlinkAck { to, .. } => Some(Target::Pid(*to)),
        _ => None,
    };
    (sender(signal), to)
}

impl Held {
    /// Keeps what the peer may ask for.
    pub fn pin(&mut self, modules: Vec<Arc<Module>>) {
        for m in modules {
            if self.pinned.len() < PINNED_MAX {
                self.pinned.insert(*m.hash(), m);
            }
        }
    }
    /// Whether a module is the first time one that the peer is to have.
    pub fn passes(&mut self, hash: &Hash) -> bool {
        self.passed.len() < PINNED_MAX && self.passed.insert(*hash)
    }
    /// What the peer asks for.
    pub fn pinned(&self, hash: &Hash) -> Option<Arc<Module>> {
        self.pinned.get(hash).cloned()
    }
    /// The peer has it.
    pub fn unpin(&mut self, hash: &Hash) {
        self.pinned.remove(hash);
    }
    /// Whether signals wait.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
    /// Whether a signal has to wait behind another of its sender to its receiver; it is taken then.
    pub fn follows(&mut self, signal: Signal<Pid>) -> Result<Option<Signal<Pid>>, TooMany> {
        if self.waiting.is_empty() {
            return Ok(Some(signal));
        }
        match self.waiting.get_mut(&key(&signal)) {
            None => Ok(Some(signal)),
            Some(_) if self.count >= HELD_MAX => Err(TooMany),
            Some(queue) => {
                queue.push_back(signal);
                self.count += 1;
                Ok(None)
            }
        }
    }
    /// A signal waits for a module; true: that is to be asked for.
    pub fn hold(&mut self, signal: Signal<Pid>, hash: Hash) -> bool {
        self.waiting.entry(key(&signal)).or_default().push_front(signal);
        self.count += 1;
        self.wanted.insert(hash)
    }
    /// A module has come, or will not; false: nobody had asked for it.
    pub fn answered(&mut self, hash: &Hash) -> bool {
        self.wanted.remove(hash)
    }
    /// A module has come, asked for or along with what needs it; false: unasked for the second time, or too many.
    pub fn came(&mut self, hash: &Hash) -> bool {
        let is_first = self.passes(hash);
        if !self.answered(hash) {
            return is_first || self.once_more.remove(hash);
        }
        if is_first {
            self.once_more.insert(*hash);
        }
        true
    }
    /// All that waits, each queue in its order: it is tried again.
    pub fn take(&mut self) -> Vec<VecDeque<Signal<Pid>>> {
        self.count = 0;
        std::mem::take(&mut self.waiting).into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::signal::Contents;
    use super::*;

    /// What needs a module may overtake it where it is sent along: then it is asked for, and comes twice.
    #[test]
    fn code_may_cross_the_question_for_it() {
        let mut held = Held::default();
        let pid = Pid::from_bits(1);
        let signal = || Signal::Kill { from: pid, to: Target::Pid(pid), contents: Contents::new(Vec::new()) };
        let hash = [7; 32];
        assert!(held.hold(signal(), hash), "it is asked for");
        assert!(held.came(&hash) && held.came(&hash), "along, and as the answer");
        assert!(!held.came(&hash), "but not a third time");
        assert!(held.came(&[8; 32]) && !held.came(&[8; 32]), "along, and unasked");
    }
}
