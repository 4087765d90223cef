//! What has happened lately that nobody can see afterwards: which processes have moved, and who sends to those that cannot keep up.
//!
//! Journey: send, move -> **note** -> figures. Both are noted where they are seldom and dear anyway: a move is milliseconds, and who sends to a
//! process before which hundreds of messages wait is slowed down for it. Of those messages each seventh counts: a sample of them says whose they
//! are. (The reader might expect the sender in each message: that would be eight bytes in all of them, for the few that are asked about.)
//!
//! Always: a bounded number of notes; the oldest, or the least, gives way.

use crate::process::core::Time;
use rlua_machine::value::Pid;
use std::collections::VecDeque;

/// Moves that are kept.
const MOVES: usize = 64;
/// Pairs of sender and receiver that are kept.
const PAIRS: usize = 64;
/// Notes after which all count half, so that what was long ago counts little.
const HALVE: u64 = 1024;
/// Bytes of a name that are kept.
const NAME: usize = 100;

/// A move of a process.
#[derive(Clone, Debug)]
pub struct Moved {
    /// Moves before it.
    pub number: u64,
    /// When.
    pub at: Time,
    /// Who.
    pub pid: Pid,
    /// One of its names, if it has any; cut.
    pub name: Vec<u8>,
    /// The other node.
    pub node: String,
    /// It has come from there; else it has gone there.
    pub arrived: bool,
}

/// What is noted.
#[derive(Default)]
pub struct Lately {
    moves: VecDeque<Moved>,
    moved: u64,
    /// Receiver, sender, how many notes.
    pairs: Vec<(Pid, Pid, u64)>,
    noted: u64,
}

impl Lately {
    /// A process has moved.
    pub fn moved(&mut self, at: Time, pid: Pid, name: &[u8], node: &str, arrived: bool) {
        if self.moves.len() == MOVES {
            self.moves.pop_front();
        }
        let (name, node) = (name[..name.len().min(NAME)].to_vec(), node.to_string());
        self.moves.push_back(Moved { number: self.moved, at, pid, name, node, arrived });
        self.moved += 1;
    }
    /// The moves that are kept, oldest first.
    pub fn moves(&self) -> Vec<Moved> {
        self.moves.iter().cloned().collect()
    }
    /// A message was sent to a process that does not keep up.
    pub fn crowds(&mut self, from: Pid, to: Pid) {
        self.noted += 1;
        if self.noted.is_multiple_of(HALVE) {
            self.pairs.iter_mut().for_each(|p| p.2 /= 2);
            self.pairs.retain(|p| p.2 > 0);
        }
        if let Some(pair) = self.pairs.iter_mut().find(|p| (p.0, p.1) == (to, from)) {
            pair.2 += 1;
        } else if self.pairs.len() < PAIRS {
            self.pairs.push((to, from, 1));
        } else if let Some(least) = self.pairs.iter_mut().min_by_key(|p| p.2) {
            // Who comes often gets in, since the least counts one more each time.
            *least = (to, from, least.2 + 1);
        }
    }
    /// Who has sent to a process of late while it did not keep up, and which part of that, in percent: most first.
    pub fn senders(&self, to: Pid) -> Vec<(Pid, u64)> {
        let mut all: Vec<(Pid, u64)> = self.pairs.iter().filter(|p| p.0 == to).map(|p| (p.1, p.2)).collect();
        let sum: u64 = all.iter().map(|p| p.1).sum();
        all.sort_by_key(|p| std::cmp::Reverse(p.1));
        all.into_iter().map(|(pid, n)| (pid, n * 100 / sum.max(1))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pid(serial: u64) -> Pid {
        Pid::new(rlua_machine::value::Runtime::find(78).expect("there is room"), serial)
    }

    #[test]
    fn who_sends_most_is_known_among_many() {
        let mut l = Lately::default();
        for i in 0..10_000 {
            // One half from one, a quarter from another, the rest from as many as there are.
            let from = match i % 4 {
                0 | 1 => 1,
                2 => 2,
                _ => 100 + i,
            };
            l.crowds(pid(from), pid(9));
        }
        let senders = l.senders(pid(9));
        assert_eq!((senders[0].0, senders[1].0), (pid(1), pid(2)));
        assert!((40..=60).contains(&senders[0].1), "{senders:?}");
        assert!(l.pairs.len() <= PAIRS && l.senders(pid(8)).is_empty());
        // What was is forgotten.
        (0..20_000).for_each(|_| l.crowds(pid(3), pid(8)));
        assert_eq!(l.senders(pid(8)), [(pid(3), 100)]);
        assert!(l.senders(pid(9)).len() < 2);
    }
    #[test]
    fn the_last_moves_are_kept() {
        let mut l = Lately::default();
        for i in 0..100 {
            l.moved(i, pid(i), &[b'x'; 1000], "a@b", i % 2 == 0);
        }
        let moves = l.moves();
        assert_eq!((moves.len(), moves[0].number, moves[63].number, moves[0].name.len()), (MOVES, 36, 99, NAME));
    }
}
