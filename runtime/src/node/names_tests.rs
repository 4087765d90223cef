//! Names on nodes that join, split and register at the same time, in every order that seeds choose.
//!
//! Journey: register. The links between two nodes keep their order, as sessions do; nothing else is in order.

use super::name::NodeName;
use super::names::{Action, Denied, Names, Session};
use super::signal::{NameEntry, NameSignal, Stamp};
use super::{SECOND, Time};
use rlua_machine::value::{Pid, Runtime};
use std::collections::{BTreeMap, VecDeque};

const NODES: usize = 4;

type Link = (Session, VecDeque<NameSignal<Pid>>);

struct World {
    nodes: Vec<Names>,
    /// By pair: the session's number, if the two are connected; and what is on its way to the second of them.
    links: BTreeMap<(usize, usize), Link>,
    next: Session,
    now: Time,
    random: u64,
    done: BTreeMap<(usize, u64), Result<(), Denied>>,
    conflicts: usize,
}

impl World {
    fn new(seed: u64) -> World {
        let name = |i: usize| NodeName::parse(&format!("n{i}@h")).expect("it is valid");
        let nodes = (0..NODES).map(|i| Names::new(name(i))).collect();
        let (links, done) = Default::default();
        World { nodes, links, next: 0, now: 0, random: seed, done, conflicts: 0 }
    }
    fn below(&mut self, n: usize) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as usize % n
    }
    fn act(&mut self, node: usize, f: impl FnOnce(&mut Names, &mut Vec<Action>)) {
        let mut actions = Vec::new();
        f(&mut self.nodes[node], &mut actions);
        for action in actions {
            match action {
                Action::Send(s, signal) => {
                    let link = self.links.iter_mut().find(|((from, _), (n, _))| *from == node && *n == s);
                    link.expect("signals are for sessions that stand").1.1.push_back(signal);
                }
                Action::Done(number, result) => {
                    assert!(self.done.insert((node, number), result).is_none(), "a registration ends once");
                }
                Action::Conflict { .. } => self.conflicts += 1,
                Action::Fault(_) => panic!("nobody goes past bounds"),
            }
        }
    }
    fn join(&mut self, a: usize, b: usize) {
        if a == b || self.links.contains_key(&(a, b)) {
            return;
        }
        self.next += 1;
        let s = self.next;
        for (x, y) in [(a, b), (b, a)] {
            self.links.insert((x, y), (s, VecDeque::new()));
        }
        for (x, y) in [(a, b), (b, a)] {
            let other = NodeName::parse(&format!("n{y}@h")).expect("it is valid");
            self.act(x, |n, out| n.joined(s, other, out));
        }
    }
    fn split(&mut self, a: usize, b: usize) {
        let Some((s, _)) = self.links.remove(&(a, b)) else { return };
        self.links.remove(&(b, a));
        self.act(a, |n, out| n.left(s, out));
        self.act(b, |n, out| n.left(s, out));
    }
    fn deliver(&mut self) -> bool {
        let ready: Vec<(usize, usize)> =
            self.links.iter().filter(|(_, (_, q))| !q.is_empty()).map(|(pair, _)| *pair).collect();
        if ready.is_empty() {
            return false;
        }
        let pair = ready[self.below(ready.len())];
        let random = self.below(1 << 30) as u64;
        let Some((s, queue)) = self.links.get_mut(&pair) else { return false };
        let s = *s;
        if let Some(signal) = queue.pop_front() {
            let now = self.now;
            self.act(pair.1, |n, out| n.receive(s, signal, now, random, out));
        }
        true
    }
    fn deliver_some(&mut self, steps: usize) {
        for _ in 0..steps {
            self.deliver();
        }
    }
    fn settle(&mut self) {
        loop {
            while self.deliver() {}
            let Some(next) = self.nodes.iter().filter_map(Names::next_timeout).min() else { return };
            self.now = self.now.max(next);
            let now = self.now;
            (0..NODES).for_each(|i| self.act(i, |n, out| n.timeout(now, out)));
        }
    }
    fn register(&mut self, node: usize, name: &[u8], serial: u64) -> u64 {
        let runtime = Runtime::find(500 + node as u128).expect("there is room");
        let deadline = self.now + 10 * SECOND;
        let mut number = 0;
        self.act(node, |n, out| number = n.register(name, Pid::new(runtime, serial), deadline, out));
        number
    }
}

#[test]
fn of_those_who_want_a_name_at_once_one_gets_it() {
    for seed in 0..2000 {
        let mut w = World::new(seed);
        for a in 0..NODES {
            (0..a).for_each(|b| w.join(a, b));
        }
        w.settle();
        let mut wanted = Vec::new();
        for serial in 0..6 {
            let node = w.below(NODES);
            wanted.push((node, w.register(node, b"x", serial)));
            let steps = w.below(6);
            w.deliver_some(steps);
        }
        w.settle();
        let got: Vec<_> = wanted.iter().filter(|k| w.done[*k] == Ok(())).collect();
        assert_eq!((got.len(), w.conflicts), (1, 0), "seed {seed}: {:?}", w.done);
        let holders: Vec<_> = w.nodes.iter().map(|n| n.find(b"x")).collect();
        assert!(holders[0].is_some() && holders.iter().all(|h| *h == holders[0]), "seed {seed}");
    }
}
#[test]
fn whatever_happens_a_whole_network_agrees() {
    for seed in 0..2000 {
        let mut w = World::new(seed);
        let mut wanted = Vec::new();
        for serial in 0..60 {
            let (a, b) = (w.below(NODES), w.below(NODES));
            let name = [b"x", b"y"][w.below(2)];
            match w.below(6) {
                0 | 1 => w.join(a, b),
                2 => w.split(a, b),
                3 => w.act(a, |n, out| {
                    n.unregister(name, out);
                }),
                _ => wanted.push((a, w.register(a, name, serial))),
            }
            let steps = w.below(8);
            w.deliver_some(steps);
        }
        for a in 0..NODES {
            (0..a).for_each(|b| w.join(a, b));
        }
        w.settle();
        for name in [b"x", b"y"] {
            let found: Vec<_> = w.nodes.iter().map(|n| n.find(name)).collect();
            assert!(found.iter().all(|p| *p == found[0]), "seed {seed}: {found:?}");
        }
        assert!(wanted.iter().all(|k| w.done.contains_key(k)), "seed {seed}: every registration ends");
        // No lock is left: any name can be registered.
        let number = w.register(w.now as usize % NODES, b"z", 1);
        let node = w.now as usize % NODES;
        w.settle();
        assert_eq!(w.done[&(node, number)], Ok(()), "seed {seed}");
    }
}
/// Where a process has come says its names, and where it was says that it has gone there, each in its own order.
#[test]
fn what_has_moved_is_what_both_say_in_whatever_order() {
    let node = |n: &str| NodeName::parse(n).expect("it is valid");
    let pid = Pid::new(Runtime::find(0x7201).expect("there is room"), 1);
    let (was, is): (Session, Session) = (1, 2);
    let stamp = Stamp { counter: 1, node: node("was@h") };
    let says = |n: &mut Names, s: Session, signal: NameSignal<Pid>| n.receive(s, signal, 0, 0, &mut Vec::new());
    let announce = || NameSignal::Announce(NameEntry { name: b"x"[..].into(), pid, stamp: stamp.clone() });
    let withdraw = || NameSignal::Withdraw { name: b"x"[..].into() };
    let join = |n: &mut Names, s: Session, name: &str| {
        n.joined(s, node(name), &mut Vec::new());
        says(n, s, NameSignal::List { entries: Vec::new(), last: true });
    };
    let begin = || {
        let mut n = Names::new(node("own@h"));
        join(&mut n, was, "was@h");
        join(&mut n, is, "is@h");
        says(&mut n, was, announce());
        n
    };
    // It has the name wherever it is.
    for order in [[0, 1, 2], [1, 0, 2], [1, 2, 0]] {
        let mut n = begin();
        for step in order {
            match step {
                0 => says(&mut n, is, announce()),
                1 => n.moved(was, is, pid),
                _ => says(&mut n, was, withdraw()),
            }
            assert_eq!(n.find(b"x"), Some(pid), "{order:?}");
        }
    }
    // It has given it back since, and nobody has it any more.
    for order in [[0, 1, 2, 3], [0, 1, 3, 2], [0, 2, 1, 3], [2, 0, 1, 3], [2, 3, 0, 1]] {
        let mut n = begin();
        for step in order {
            match step {
                0 => says(&mut n, is, announce()),
                1 => says(&mut n, is, withdraw()),
                2 => n.moved(was, is, pid),
                _ => says(&mut n, was, withdraw()),
            }
        }
        assert_eq!(n.find(b"x"), None, "{order:?}");
        // When it comes back there with the name, that is news.
        says(&mut n, was, announce());
        n.moved(is, was, pid);
        n.moved(was, is, pid);
        assert_eq!(n.find(b"x"), Some(pid), "{order:?}");
        says(&mut n, was, withdraw());
        assert_eq!(n.find(b"x"), Some(pid), "{order:?}");
    }
    // It comes back to where its name was taken back because it had gone on.
    let mut n = begin();
    n.adopt(b"x", pid, Some(stamp.clone()), &mut Vec::new());
    says(&mut n, was, withdraw());
    says(&mut n, is, announce());
    n.unregister(b"x", &mut Vec::new());
    n.moved(is, was, pid);
    says(&mut n, is, withdraw());
    assert_eq!(n.find(b"x"), Some(pid));
    says(&mut n, was, announce());
    says(&mut n, was, withdraw());
    assert_eq!(n.find(b"x"), None);
    // It had come and ended before there was a session with where it was.
    let mut n = Names::new(node("own@h"));
    join(&mut n, was, "was@h");
    says(&mut n, was, announce());
    join(&mut n, is, "is@h");
    n.moved(was, is, pid);
    says(&mut n, was, withdraw());
    assert_eq!(n.find(b"x"), None);
}
