//! All that can happen to moves, step by step: the machine of handover.rs on three nodes, under a model checker.
//!
//! Journey: none, a test. The steps are those of node/transport/: what comes is given to [`Handover`], and what that decides is
//! sent, as node/transport/handover.rs does. What is checked in every state that can be reached: a process is in one place at most,
//! what was sent to it arrived in order and once, and when nothing is under way any more it is in one place or everybody was
//! told. The search is depth first, and all of the space: no symmetry, no hashing of parts.
//!
//! Bounds: three nodes; one process or two; moves, cuts of any session, restarts of any node, expiries of any time and messages as
//! each test says, at any step. `RLUA_MODEL_MORE=1` adds a move to each. Messages follow a process by the path on which
//! it went, so it does not come back to their sender here: where to send what, when there is a choice, is decided in routes.rs.

use super::handover::{COMMITTED_TIME, Decision, Following, Handover, MOVE_TIME, READY_TIME};
use rlua_machine::value::{Pid, Runtime};
use stateright::{Checker, Model, Property};
use std::collections::BTreeMap;

const NODES: usize = 3;

/// A process: how often it has moved, and which messages it has got.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
struct Process {
    epoch: u64,
    got: Vec<u8>,
}
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Message {
    Offer(u64, usize, Process),
    Ready(u64, usize),
    Refused(u64),
    Commit(u64, usize),
    Abort(u64, usize),
    Running(u64),
    WasCommitted(u64, usize),
    DoesRun(u64, usize, u64),
    Forward(usize, u8),
}
/// A process that is at a node: it stands still while it may leave, and what comes waits.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Here {
    process: Process,
    moving: Option<Vec<u8>>,
}
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Node {
    /// How often it was started.
    life: usize,
    handover: Handover<Process, u8>,
    here: BTreeMap<usize, Here>,
    /// Where processes are that were here: the epoch, the node.
    places: BTreeMap<usize, (u64, usize)>,
    /// The session with each other node, by its number.
    sessions: [Option<u8>; NODES],
}
/// What was sent from one node to another: under which session, by which life of the sender.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Packet {
    session: u8,
    life: usize,
    message: Message,
}
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct State {
    nodes: Vec<Node>,
    /// By sender and receiver.
    wires: BTreeMap<(usize, usize), Vec<Packet>>,
    /// The connection of a pair, if there is one, and how many there were.
    connections: BTreeMap<(usize, usize), (Option<u8>, u8)>,
    /// Processes that somebody was told are lost.
    told: Vec<bool>,
    /// What is left of the bounds.
    left: Bounds,
    sent: u8,
}
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Bounds {
    moves: u8,
    cuts: u8,
    restarts: u8,
    expiries: u8,
    messages: u8,
}
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Action {
    Move(usize, usize, usize),
    Send,
    Deliver(usize, usize),
    Cut(usize, usize),
    Notice(usize, usize),
    Connect(usize, usize),
    Restart(usize),
    Expire(usize, u64),
}

struct Moves {
    /// Where each process is at first.
    born: Vec<usize>,
    bounds: Bounds,
}

fn runtime(node: usize, life: usize) -> Runtime {
    Runtime::find(0x7200 + (node * 16 + life) as u128).expect("there is room")
}
fn node_of(runtime: Runtime) -> usize {
    ((runtime.id() - 0x7200) / 16) as usize
}
fn pid(process: usize) -> Pid {
    Pid::new(Runtime::find(0x71ff).expect("there is room"), process as u64)
}
fn process_of(pid: Pid) -> usize {
    pid.serial() as usize
}
fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

impl State {
    fn send(&mut self, from: usize, to: usize, message: Message) {
        let Some(session) = self.nodes[from].sessions[to] else { return };
        // What is sent by a connection that was cut arrives nowhere.
        if self.connections[&pair(from, to)].0 == Some(session) {
            let life = self.nodes[from].life;
            self.wires.entry((from, to)).or_default().push(Packet { session, life, message });
        }
    }
    fn tell(&mut self, at: usize, runtime: Runtime, message: Message) {
        let to = node_of(runtime);
        if runtime == self::runtime(to, self.nodes[to].life) {
            self.send(at, to, message);
        }
    }
    fn give(&mut self, at: usize, process: usize, n: u8) -> bool {
        let Some(here) = self.nodes[at].here.get_mut(&process) else { return false };
        match &mut here.moving {
            Some(waits) => waits.push(n),
            None => here.process.got.push(n),
        }
        true
    }
    fn pass(&mut self, at: usize, process: usize, n: u8) {
        if self.give(at, process, n) {
            return;
        }
        match self.nodes[at].places.get(&process).copied() {
            Some((_, to)) => {
                if let Following::Send(n) = self.nodes[at].handover.follows(pid(process), n) {
                    self.send(at, to, Message::Forward(process, n));
                }
            }
            None => _ = self.nodes[at].handover.awaits(pid(process), n),
        }
    }
    fn decided(&mut self, at: usize, decided: impl IntoIterator<Item = Decision<Process, u8>>) {
        for decision in decided {
            match decision {
                Decision::Commit(pid, number, target) => self.commit(at, process_of(pid), number, target),
                Decision::GoOn(pid, _, abort) => {
                    let process = process_of(pid);
                    if let Some((runtime, number)) = abort {
                        self.tell(at, runtime, Message::Abort(number, process));
                    }
                    let here = self.nodes[at].here.get_mut(&process).expect("who goes on is there");
                    here.process.got.extend(here.moving.take().expect("it stood still"));
                }
                Decision::Over(pid, _, rest) => {
                    for n in rest {
                        self.pass(at, process_of(pid), n);
                    }
                }
                Decision::Again(pid, number, runtime, kept) => {
                    self.tell(at, runtime, Message::Commit(number, process_of(pid)));
                    for n in kept {
                        self.tell(at, runtime, Message::Forward(process_of(pid), n));
                    }
                }
                Decision::GiveUp(pid, ..) => self.told[process_of(pid)] = true,
                Decision::Abort(pid, number, runtime) => {
                    self.tell(at, runtime, Message::Abort(number, process_of(pid)))
                }
                Decision::Arrive(ready) => {
                    let process = process_of(ready.pid);
                    self.nodes[at].places.remove(&process);
                    self.nodes[at].here.insert(process, Here { process: ready.process, moving: None });
                    for n in ready.kept {
                        self.give(at, process, n);
                    }
                }
                Decision::Discard(_) => {}
                Decision::DiscardInDoubt(ready) => self.told[process_of(ready.pid)] = true,
                Decision::AskOrigin(pid, number, runtime) => {
                    self.tell(at, runtime, Message::WasCommitted(number, process_of(pid)));
                }
                Decision::AskTarget(pid, number, epoch, runtime) => {
                    self.tell(at, runtime, Message::DoesRun(number, process_of(pid), epoch));
                }
                // Connections come back by themselves.
                Decision::Dial(_) => {}
            }
        }
    }
    fn commit(&mut self, at: usize, process: usize, number: u64, target: Runtime) {
        let here = self.nodes[at].here.remove(&process).expect("what is committed is there");
        let to = node_of(target);
        self.nodes[at].places.insert(process, (here.process.epoch + 1, to));
        self.tell(at, target, Message::Commit(number, process));
        for n in here.moving.expect("it stood still") {
            self.pass(at, process, n);
        }
    }
    fn receive(&mut self, at: usize, from: Runtime, message: Message) {
        let handover = &mut self.nodes[at].handover;
        match message {
            Message::Offer(number, process, frozen) => {
                handover.made(from, number, pid(process), frozen.epoch, frozen);
                self.tell(at, from, Message::Ready(number, process));
            }
            Message::Ready(number, process) => {
                let decided = handover.is_ready(from, number, pid(process));
                self.decided(at, decided);
            }
            Message::Refused(number) => {
                let decided = handover.refused(from, number, String::new());
                self.decided(at, decided);
            }
            Message::Commit(number, _) => match handover.committed(from, number) {
                Some(Decision::Arrive(ready)) => {
                    let before = handover.is_known(ready.pid, ready.epoch, false);
                    self.decided(at, before);
                    self.decided(at, Some(Decision::Arrive(ready)));
                    self.tell(at, from, Message::Running(number));
                }
                _ => self.tell(at, from, Message::Refused(number)),
            },
            Message::Abort(number, _) => {
                let decided = handover.aborted(from, number);
                self.decided(at, decided);
            }
            Message::Running(number) => {
                let decided = handover.runs(from, number);
                self.decided(at, decided);
            }
            Message::WasCommitted(number, process) => {
                let decided = handover.asked(from, number, pid(process));
                self.decided(at, Some(decided));
            }
            Message::DoesRun(number, process, epoch) => {
                let here = self.nodes[at].here.get(&process).map(|h| h.process.epoch);
                let known = here.or(self.nodes[at].places.get(&process).map(|p| p.0));
                if known.is_some_and(|e| e >= epoch) {
                    self.tell(at, from, Message::Running(number));
                } else if !self.nodes[at].handover.is_waiting(from, number) {
                    self.tell(at, from, Message::Refused(number));
                }
            }
            Message::Forward(process, n) => self.pass(at, process, n),
        }
    }
    /// A node learns that a session is over.
    fn notice(&mut self, at: usize, other: usize) {
        let Some(session) = self.nodes[at].sessions[other].take() else { return };
        if let Some(wire) = self.wires.get_mut(&(other, at)) {
            wire.retain(|p| p.session != session);
        }
        for life in 0..=self.nodes[other].life {
            let decided = self.nodes[at].handover.lost(runtime(other, life), 0);
            self.decided(at, decided);
        }
    }
    /// A node learns that there is a new one.
    fn join(&mut self, at: usize, other: usize, session: u8) {
        if self.nodes[at].sessions[other] == Some(session) {
            return;
        }
        self.notice(at, other);
        self.nodes[at].sessions[other] = Some(session);
        let life = self.nodes[other].life;
        for before in 0..life {
            let decided = self.nodes[at].handover.gone(runtime(other, before));
            self.decided(at, decided);
        }
        let asked = self.nodes[at].handover.connected(runtime(other, life));
        self.decided(at, asked);
    }
    fn places(&self, process: usize) -> usize {
        self.nodes.iter().filter(|n| n.here.contains_key(&process)).count()
    }
    /// Whether nothing happens any more without somebody doing something, and all are connected.
    fn is_quiet(&self) -> bool {
        self.wires.values().all(Vec::is_empty)
            && self.connections.iter().all(|((a, b), (c, _))| {
                c.is_some() && self.nodes[*a].sessions[*b] == *c && self.nodes[*b].sessions[*a] == *c
            })
    }
}

impl Model for Moves {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let node = |n: usize| {
            let here = self.born.iter().enumerate().filter(|(_, at)| **at == n);
            let process = Process { epoch: 0, got: Vec::new() };
            Node {
                life: 0,
                handover: Handover::default(),
                here: here.map(|(p, _)| (p, Here { process: process.clone(), moving: None })).collect(),
                places: BTreeMap::new(),
                sessions: std::array::from_fn(|other| (other != n).then_some(0)),
            }
        };
        let connections = (0..NODES).flat_map(|a| (a + 1..NODES).map(move |b| ((a, b), (Some(0), 0)))).collect();
        vec![State {
            nodes: (0..NODES).map(node).collect(),
            wires: BTreeMap::new(),
            connections,
            told: vec![false; self.born.len()],
            left: self.bounds,
            sent: 0,
        }]
    }
    fn actions(&self, s: &State, actions: &mut Vec<Action>) {
        let pairs = || (0..NODES).flat_map(|a| (0..NODES).map(move |b| (a, b))).filter(|(a, b)| a != b);
        for (a, b) in pairs() {
            if s.wires.get(&(a, b)).is_some_and(|w| !w.is_empty()) {
                actions.push(Action::Deliver(a, b));
            }
            let connection = s.connections[&pair(a, b)].0;
            if s.nodes[a].sessions[b].is_some() && s.nodes[a].sessions[b] != connection {
                actions.push(Action::Notice(a, b));
            }
            if connection.is_some() && s.nodes[a].sessions[b] != connection {
                actions.push(Action::Connect(a, b));
            }
            if a < b && connection.is_none() {
                actions.push(Action::Connect(a, b));
            }
            if a < b && connection.is_some() && s.left.cuts > 0 {
                actions.push(Action::Cut(a, b));
            }
            if s.left.moves > 0 && s.nodes[a].sessions[b].is_some() {
                let movable = s.nodes[a].here.iter().filter(|(_, h)| h.moving.is_none());
                let back = |p: usize| p == 0 && self.bounds.messages > 0 && b == self.born[0];
                actions.extend(movable.filter(|(p, _)| !back(**p)).map(|(p, _)| Action::Move(*p, a, b)));
            }
        }
        if s.left.messages > 0 {
            actions.push(Action::Send);
        }
        for n in 0..NODES {
            if s.left.restarts > 0 {
                actions.push(Action::Restart(n));
            }
            if s.left.expiries > 0 && s.nodes[n].handover.next_timeout().is_some() {
                actions.extend([MOVE_TIME, READY_TIME, COMMITTED_TIME].map(|t| Action::Expire(n, t)));
            }
        }
    }
    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut s = before.clone();
        match action {
            Action::Move(p, from, to) => {
                s.left.moves -= 1;
                let here = s.nodes[from].here.get_mut(&p)?;
                here.moving = Some(Vec::new());
                let frozen = Process { epoch: here.process.epoch + 1, got: here.process.got.clone() };
                let target = runtime(to, s.nodes[to].life);
                let number = s.nodes[from].handover.begin(pid(p), frozen.epoch, target, 0);
                s.send(from, to, Message::Offer(number, p, frozen));
            }
            Action::Send => {
                s.left.messages -= 1;
                s.sent += 1;
                let n = s.sent;
                s.pass(self.born[0], 0, n);
            }
            Action::Deliver(from, to) => {
                let packet = s.wires.get_mut(&(from, to))?.remove(0);
                // A session is joined before what comes over it is looked at.
                if s.nodes[to].sessions[from] != Some(packet.session) {
                    if s.connections[&pair(from, to)].0 != Some(packet.session) {
                        return Some(s);
                    }
                    s.join(to, from, packet.session);
                }
                s.receive(to, runtime(from, packet.life), packet.message);
            }
            Action::Cut(a, b) => {
                s.left.cuts -= 1;
                s.connections.get_mut(&(a, b))?.0 = None;
            }
            Action::Notice(at, other) => s.notice(at, other),
            Action::Connect(a, b) => {
                let (connection, last) = s.connections.get_mut(&pair(a, b))?;
                if connection.is_none() {
                    *last += 1;
                    *connection = Some(*last);
                }
                let session = (*connection)?;
                s.join(a, b, session);
            }
            Action::Restart(n) => {
                s.left.restarts -= 1;
                for p in s.nodes[n].here.clone().into_keys() {
                    // With its node, which those who monitor it see.
                    s.told[p] = true;
                }
                let life = s.nodes[n].life + 1;
                s.nodes[n] = Node {
                    life,
                    handover: Handover::default(),
                    here: BTreeMap::new(),
                    places: BTreeMap::new(),
                    sessions: [None; NODES],
                };
                for other in (0..NODES).filter(|o| *o != n) {
                    s.wires.remove(&(other, n));
                    s.connections.get_mut(&pair(n, other))?.0 = None;
                }
            }
            Action::Expire(n, time) => {
                s.left.expiries -= 1;
                let decided = s.nodes[n].handover.timeout(time);
                s.decided(n, decided);
            }
        }
        s.wires.retain(|_, w| !w.is_empty());
        Some(s)
    }
    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("it is in one place at most", |m: &Moves, s: &State| {
                (0..m.born.len()).all(|p| s.places(p) <= 1)
            }),
            Property::always("what comes is in order, and comes once", |_, s: &State| {
                let here = s.nodes.iter().flat_map(|n| n.here.values());
                here.into_iter().all(|h| h.process.got.is_sorted_by(|a, b| a < b))
            }),
            Property::always("in the end it is in one place, or somebody was told", |m: &Moves, s: &State| {
                !s.is_quiet() || (0..m.born.len()).all(|p| s.places(p) == 1 || s.told[p])
            }),
            Property::always("in the end nothing is in doubt", |_, s: &State| {
                let in_doubt = |n: &Node| n.handover.is_busy() || n.here.values().any(|h| h.moving.is_some());
                !s.is_quiet() || !s.nodes.iter().any(in_doubt)
            }),
            Property::always("without a fault nothing is lost", |m: &Moves, s: &State| {
                let faults = s.left.cuts < m.bounds.cuts || s.left.restarts < m.bounds.restarts;
                let got = s.nodes.iter().filter_map(|n| n.here.get(&0)).map(|h| h.process.got.len());
                faults || !s.is_quiet() || s.told[0] || got.sum::<usize>() == usize::from(s.sent)
            }),
        ]
    }
}

fn check(born: &[usize], bounds: Bounds) {
    let more = u8::from(std::env::var_os("RLUA_MODEL_MORE").is_some());
    let bounds = Bounds { moves: bounds.moves + more, cuts: bounds.cuts + more, ..bounds };
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let checker = Moves { born: born.to_vec(), bounds }.checker().threads(threads).spawn_dfs().join();
    println!("{born:?} {bounds:?}: {} states", checker.unique_state_count());
    checker.assert_properties();
    assert!(checker.is_done());
}

/// Messages that follow a process from node to node, while sessions are cut.
#[test]
fn what_follows_a_process_is_in_order() {
    check(&[0], Bounds { moves: 2, cuts: 2, restarts: 0, expiries: 0, messages: 2 });
}
/// From anywhere to anywhere, and back.
#[test]
fn a_process_comes_back() {
    check(&[0], Bounds { moves: 3, cuts: 1, restarts: 0, expiries: 0, messages: 0 });
}
/// The origin gives up, tries another target, and a session may be lost at any step.
#[test]
fn abort_then_another_target() {
    check(&[0], Bounds { moves: 2, cuts: 1, restarts: 0, expiries: 2, messages: 1 });
}
/// A node ends at any step, and another takes its name.
#[test]
fn a_node_ends_and_another_has_its_name() {
    check(&[0], Bounds { moves: 2, cuts: 1, restarts: 1, expiries: 1, messages: 1 });
}
/// Two at once, from each other's nodes.
#[test]
fn two_processes_at_once() {
    check(&[0, 1], Bounds { moves: 2, cuts: 1, restarts: 0, expiries: 0, messages: 1 });
}
