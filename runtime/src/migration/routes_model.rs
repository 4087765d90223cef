//! What is sent to a process while it and its senders move, step by step: the machines of routes.rs, arrivals.rs and settling.rs on three
//! nodes, under a model checker.
//!
//! Journey: none, a test. The steps are those of node/transport/passing.rs, departure.rs, arrival.rs and settling.rs: what comes is given
//! to the machines, and what they decide is sent. No connection is lost, and no time passes: so nothing may be late, what is sent to the
//! process comes in its sender's order and once, and when nothing is under way any more nobody waits for anything. The search is depth
//! first, and all of the space: no symmetry, no hashing of parts.
//!
//! Bounds: three nodes, all connected; a process that is sent to, and one or two that send to it, from wherever they are, also from its
//! own node; moves and messages as each test says, at any step; more of both with `RLUA_MODEL_MORE=1`. Who has a process that is on its way, and what becomes of it when a
//! session is lost, is in handover_model.rs; here the target is ready, and the commit comes.

use super::arrivals::{Arrival, Arrivals};
use super::routes::{Mark, Place, Routes, Sent};
use super::settling::{Settling, Unsaid};
use crate::node::name::NodeName;
use rlua_machine::value::{Pid, Runtime};
use stateright::{Checker, Model, Property};
use std::collections::BTreeMap;

const NODES: usize = 3;
/// Who is sent to; the others send.
const RECEIVER: usize = 0;

/// A message: of which process, its number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Message {
    from: usize,
    n: u8,
}
/// By which nodes it was sent on, and by which of their paths.
type Hops = Vec<(usize, u64)>;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Held {
    Own(Message),
    /// Of others. With its own path among these it bears an older one.
    Passing(Message, Hops, bool),
    /// The same of one that was in the inbox of a process that leaves.
    Following(Message),
    Mark(usize, u64),
}
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Packet {
    Straight(Message),
    Forward(Message, Hops),
    Mark(usize, usize, u64),
    Marked(usize, u64, Option<u64>),
    Moved(usize, u64, usize),
    Found(usize, u64, usize),
    Commit(usize, Process),
    Settled(usize, u64),
}
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Process {
    epoch: u64,
    /// All nodes have settled since it came.
    runs: bool,
    /// It stands still, to move there; what comes waits.
    moving: Option<(usize, Vec<Message>)>,
    /// The last of each sender.
    got: Vec<u8>,
    /// What it has sent.
    sent: u8,
}
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Node {
    routes: Routes<Held>,
    arrivals: Arrivals,
    settling: Settling,
    here: BTreeMap<usize, Process>,
    /// Those that will come, and what has come for them.
    ready: BTreeMap<usize, (u64, Vec<Held>)>,
    /// Which node was told where a process is, as of which move.
    told: BTreeMap<(usize, usize), u64>,
}
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct State {
    nodes: Vec<Node>,
    /// By sender and receiver.
    wires: BTreeMap<(usize, usize), Vec<Packet>>,
    /// Moves that each process may still make, and messages that each may send.
    left: Vec<(u8, u8)>,
    /// Marks of a node that are out at it.
    out: Vec<(usize, u64)>,
    wrong: Option<&'static str>,
}
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Action {
    Send(usize, usize),
    Stop(usize, usize, usize),
    Commit(usize, usize),
    Deliver(usize, usize),
}
/// Where each process is born, how often it moves, and what it sends.
struct Sending(Vec<(usize, u8, u8)>);

fn runtime(node: usize) -> Runtime {
    Runtime::find(0x7300 + node as u128).expect("there is room")
}
fn node_of(runtime: Runtime) -> usize {
    (runtime.id() - 0x7300) as usize
}
fn name(node: usize) -> NodeName {
    NodeName::parse(&format!("n{node}@test")).expect("it is a name")
}
fn others(node: usize) -> impl Iterator<Item = usize> {
    (0..NODES).filter(move |n| *n != node)
}

impl State {
    fn put(&mut self, from: usize, to: usize, packet: Packet) {
        self.wires.entry((from, to)).or_default().push(packet);
    }
    /// A process takes a message.
    fn deliver(&mut self, at: usize, m: Message) {
        let Some(p) = self.nodes[at].here.get_mut(&RECEIVER) else {
            self.wrong = Some("a message is for nobody");
            return;
        };
        match &mut p.moving {
            Some((_, waits)) => waits.push(m),
            None => self.takes(at, m),
        }
    }
    fn takes(&mut self, at: usize, m: Message) {
        let p = self.nodes[at].here.get_mut(&RECEIVER).expect("it is there");
        if p.got[m.from] + 1 != m.n {
            self.wrong = Some("a message is out of order, lost, or comes twice");
        }
        p.got[m.from] = m.n;
    }
}

/// The steps of the nodes, for processes whose pids are these.
struct Steps<'a>(&'a mut State, &'a [Pid]);

impl Steps<'_> {
    fn node(&mut self, at: usize) -> &mut Node {
        &mut self.0.nodes[at]
    }
    fn place(&mut self, at: usize, p: usize) -> Option<Place> {
        let pid = self.1[p];
        self.node(at).routes.place(pid)
    }
    fn pass(&mut self, at: usize, to: Runtime, p: usize, held: Held) {
        let to = node_of(to);
        if to == at {
            return self.pass_here(at, p, held);
        }
        let path = self.0.nodes[at].routes.path(self.1[p]);
        let by = |mut hops: Hops| {
            hops.retain(|(n, _)| *n != at);
            hops.push((at, path));
            hops
        };
        let packet = match held {
            Held::Own(m) => Packet::Forward(m, by(Vec::new())),
            Held::Passing(m, hops, true) => Packet::Forward(m, hops),
            Held::Passing(m, hops, false) => Packet::Forward(m, by(hops)),
            Held::Following(m) => Packet::Forward(m, Vec::new()),
            Held::Mark(asker, id) => Packet::Mark(p, asker, id),
        };
        self.0.put(at, to, packet);
    }
    fn goes_on(&mut self, at: usize, p: usize, sent: Sent<Held>) -> Option<Held> {
        match sent {
            Sent::To(to, held) => self.pass(at, to, p, held),
            Sent::By(to, path, Held::Passing(m, mut hops, _)) => {
                hops.retain(|(n, _)| *n != at);
                hops.push((at, path));
                self.pass(at, to, p, Held::Passing(m, hops, true));
            }
            Sent::By(to, _, held) => self.pass(at, to, p, held),
            Sent::Held => {}
            Sent::Home(held) => return Some(held),
        }
        None
    }
    fn pass_here(&mut self, at: usize, p: usize, held: Held) {
        match held {
            Held::Mark(asker, id) => self.answer_mark(at, p, asker, id),
            Held::Own(m) | Held::Passing(m, ..) | Held::Following(m) => self.0.deliver(at, m),
        }
    }
    fn answer_mark(&mut self, at: usize, p: usize, asker: usize, id: u64) {
        let epoch = self.place(at, p).filter(|place| place.runtime == runtime(at)).map(|place| place.epoch);
        match asker == at {
            true => self.0.out.push((p, id)),
            false => self.0.put(at, asker, Packet::Marked(p, id, epoch)),
        }
    }
    fn mark_waits_or_is_out(&mut self, at: usize, p: usize, asker: usize, id: u64) {
        match self.node(at).ready.get_mut(&p) {
            Some((_, kept)) => kept.push(Held::Mark(asker, id)),
            None => self.answer_mark(at, p, asker, id),
        }
    }
    fn let_go_marked(&mut self, at: usize) {
        while let Some((p, id)) = self.0.out.pop() {
            self.comes_out(at, id);
            let pid = self.1[p];
            if let Some(more) = self.node(at).routes.mark_again(pid, id) {
                self.mark(at, p, more);
            } else {
                self.marked(at, p, id);
            }
        }
    }
    fn marked(&mut self, at: usize, p: usize, id: u64) {
        let pid = self.1[p];
        if let Some((to, held)) = self.node(at).routes.marked(pid, id) {
            held.into_iter().for_each(|held| self.pass(at, to, p, held));
        }
    }
    fn mark(&mut self, at: usize, p: usize, mark: Mark) {
        self.0.put(at, node_of(mark.via), Packet::Mark(p, at, mark.id));
    }
    fn learn(&mut self, at: usize, p: usize, place: Place) {
        let pid = self.1[p];
        let mark = match place.runtime == runtime(at) {
            true => self.node(at).routes.arrived(pid, place, 0, |r| r != runtime(at)),
            false => self.node(at).routes.learn(pid, place, 0, |r| r != runtime(at)),
        };
        mark.into_iter().for_each(|mark| self.mark(at, p, mark));
    }
    fn found(&mut self, at: usize, p: usize, place: Place) {
        if place.runtime != runtime(at) && self.place(at, p).is_none_or(|known| known.epoch <= place.epoch) {
            self.learn(at, p, place);
        }
    }
    fn tell_of_place(&mut self, at: usize, other: usize, p: usize) {
        let Some(place) = self.place(at, p) else { return };
        let is_told = |told: u64| told >= place.epoch;
        if node_of(place.runtime) != other && !self.node(at).told.insert((p, other), place.epoch).is_some_and(is_told) {
            self.0.put(at, other, Packet::Found(p, place.epoch, node_of(place.runtime)));
        }
    }
    fn has_passed(&mut self, at: usize, from: usize, p: usize) {
        let pid = self.1[p];
        self.node(at).settling.passes(from as u64, pid);
    }
    /// All that came from a node before it said that a process has left there.
    fn settles(&mut self, at: usize, from: usize, p: usize, place: Place) {
        let unsaid = Unsaid::new(place.runtime, from as u64, (self.1[p], place.epoch), 0);
        let Node { settling, routes, .. } = &mut self.0.nodes[at];
        match settling.hears(unsaid, 0, true, || routes.next_number()) {
            Err(_) => self.0.put(at, node_of(place.runtime), Packet::Settled(p, place.epoch)),
            Ok(marks) => {
                for (pid, id) in marks {
                    let to = self.1.iter().position(|known| *known == pid).expect("it is one of these");
                    self.goes_behind(at, to, id);
                }
            }
        }
    }
    fn goes_behind(&mut self, at: usize, p: usize, id: u64) {
        let (pid, mark) = (self.1[p], Held::Mark(at, id));
        match self.node(at).routes.send_on(pid, None, false, mark) {
            Sent::Home(mark) => match self.node(at).ready.get_mut(&p) {
                Some((_, kept)) => kept.push(mark),
                None => self.comes_out(at, id),
            },
            Sent::To(to, _) if to == runtime(at) => self.comes_out(at, id),
            sent => _ = self.goes_on(at, p, sent),
        }
    }
    fn comes_out(&mut self, at: usize, id: u64) {
        if self.node(at).settling.comes_out(id) {
            for Unsaid { target, pid, epoch, .. } in self.node(at).settling.take_settled(|_| true) {
                let p = self.1.iter().position(|known| *known == pid).expect("it is one of these");
                self.0.put(at, node_of(target), Packet::Settled(p, epoch));
            }
        }
    }
    fn start_settled(&mut self, at: usize) {
        for (pid, _) in self.node(at).arrivals.take_settled(0) {
            let p = self.1.iter().position(|known| *known == pid).expect("it is one of these");
            self.node(at).here.get_mut(&p).expect("it has come").runs = true;
        }
    }
    fn sends(&mut self, at: usize, m: Message) {
        let pid = self.1[RECEIVER];
        match self.node(at).routes.send(pid, Held::Own(m)) {
            Sent::Held => {}
            Sent::To(to, held) => self.pass(at, to, RECEIVER, held),
            Sent::Home(_) if pid.runtime() == runtime(at) => self.0.deliver(at, m),
            Sent::Home(_) => self.0.put(at, node_of(pid.runtime()), Packet::Straight(m)),
            Sent::By(..) => unreachable!("it is not sent on"),
        }
    }
    fn leaves(&mut self, at: usize, p: usize) {
        let mut process = self.node(at).here.remove(&p).expect("it is there");
        let (to, waits) = process.moving.take().expect("it stands still");
        (process.epoch, process.runs) = (process.epoch + 1, false);
        let (pid, epoch) = (self.1[p], process.epoch);
        if !self.node(at).routes.left(pid, Place { epoch, runtime: runtime(to) }).is_empty() {
            self.0.wrong = Some("something was held back for who leaves");
        }
        self.node(at).arrivals.forget(pid);
        self.0.put(at, to, Packet::Commit(p, process));
        for m in waits {
            self.pass(at, runtime(to), p, Held::Following(m));
        }
        others(at).filter(|n| *n != to).for_each(|n| self.0.put(at, n, Packet::Moved(p, epoch, to)));
    }
    fn arrives(&mut self, at: usize, from: usize, p: usize, process: Process) {
        let (pid, epoch) = (self.1[p], process.epoch);
        let (_, kept) = self.node(at).ready.remove(&p).expect("it was ready");
        self.node(at).here.insert(p, process);
        kept.into_iter().for_each(|held| self.pass_here(at, p, held));
        let was_here = pid.runtime() == runtime(at) || self.place(at, p).is_some();
        self.learn(at, p, Place { epoch, runtime: runtime(at) });
        if was_here {
            let elsewhere = others(at).filter(|n| *n != from).chain([from]);
            elsewhere.for_each(|n| self.0.put(at, n, Packet::Found(p, epoch, at)));
        }
        let nodes = others(at).filter(|n| *n != from).map(name).collect();
        self.node(at).arrivals.comes(Arrival { pid, epoch, last: runtime(from) }, nodes, [], 0);
        self.start_settled(at);
    }
    fn receive(&mut self, at: usize, from: usize, packet: Packet) {
        let own = runtime(at);
        match packet {
            Packet::Straight(m) => {
                let (pid, passing) = (self.1[RECEIVER], Held::Passing(m, vec![(from, 0)], false));
                let Some(place) = self.place(at, RECEIVER) else { return self.0.deliver(at, m) };
                if place.runtime != own {
                    self.tell_of_place(at, from, RECEIVER);
                    self.has_passed(at, from, RECEIVER);
                }
                match self.node(at).routes.send_on(pid, Some(runtime(from)), false, passing) {
                    Sent::To(to, held) if to == own => self.pass_here(at, RECEIVER, held),
                    sent => {
                        self.has_passed(at, from, RECEIVER);
                        _ = self.goes_on(at, RECEIVER, sent);
                    }
                }
            }
            Packet::Forward(m, hops) => self.forwarded(at, from, m, hops),
            Packet::Mark(p, asker, id) => {
                let (pid, mark) = (self.1[p], Held::Mark(asker, id));
                let key = (pid, runtime(asker), id);
                match self.place(at, p) {
                    None => self.mark_waits_or_is_out(at, p, asker, id),
                    Some(place) if place.runtime == own && asker == at => self.answer_mark(at, p, asker, id),
                    Some(place) => {
                        let routes = &mut self.node(at).routes;
                        let is_round = routes.has_passed(key);
                        let sent = match asker == at {
                            true => routes.own_mark(pid).map_or(Sent::Held, |to| Sent::To(to, mark)),
                            false => routes.send_on(pid, Some(runtime(from)), is_round, mark),
                        };
                        let comes_to_it = place.runtime == own && matches!(sent, Sent::To(..));
                        if !comes_to_it && !routes.mark_passes(key) {
                            self.mark_waits_or_is_out(at, p, asker, id);
                        } else {
                            _ = self.goes_on(at, p, sent);
                        }
                    }
                }
            }
            Packet::Marked(p, id, epoch) => {
                self.comes_out(at, id);
                let pid = self.1[p];
                let place = epoch.map(|epoch| Place { epoch, runtime: runtime(from) });
                let routes = &mut self.node(at).routes;
                let more = routes.mark_again(pid, id);
                match more.or_else(|| place.and_then(|place| routes.mark_on(pid, id, place, 0))) {
                    Some(mark) => self.mark(at, p, mark),
                    None => self.marked(at, p, id),
                }
            }
            Packet::Moved(p, epoch, to) => {
                let place = Place { epoch, runtime: runtime(to) };
                self.found(at, p, place);
                self.settles(at, from, p, place);
            }
            Packet::Found(p, epoch, to) => self.found(at, p, Place { epoch, runtime: runtime(to) }),
            Packet::Commit(p, process) => self.arrives(at, from, p, process),
            Packet::Settled(p, epoch) => {
                let pid = self.1[p];
                let node = self.node(at);
                if node.ready.get(&p).is_some_and(|(due, _)| *due == epoch) {
                    node.arrivals.settles_early(pid, epoch, name(from));
                } else {
                    node.arrivals.settles(pid, epoch, &name(from));
                    self.start_settled(at);
                }
            }
        }
        self.let_go_marked(at);
    }
    fn forwarded(&mut self, at: usize, from: usize, m: Message, hops: Hops) {
        let (pid, own) = (self.1[RECEIVER], runtime(at));
        let path_of = hops.iter().find(|(n, _)| *n == at).map(|(_, path)| *path);
        let is_here = self.node(at).here.contains_key(&RECEIVER);
        if is_here {
            let is_round = hops.is_empty() || path_of.is_some();
            let passing = Held::Passing(m, hops, false);
            match self.node(at).routes.send_on(pid, Some(runtime(from)), is_round, passing) {
                Sent::To(_, held) | Sent::Home(held) => self.pass_here(at, RECEIVER, held),
                sent => {
                    self.has_passed(at, from, RECEIVER);
                    _ = self.goes_on(at, RECEIVER, sent);
                }
            }
            return;
        }
        let path = self.node(at).routes.path(pid);
        if path > 0 && path_of == Some(path) {
            match self.node(at).ready.get_mut(&RECEIVER) {
                Some((_, kept)) => kept.push(Held::Passing(m, hops, false)),
                None => self.0.wrong = Some("a message goes round"),
            }
            return;
        }
        if path_of.is_some_and(|old| old < path) && !self.node(at).routes.has_hold(pid) {
            self.0.wrong = Some("a message is late");
        }
        debug_assert!(self.place(at, RECEIVER).is_none_or(|place| place.runtime != own));
        self.tell_of_place(at, from, RECEIVER);
        self.has_passed(at, from, RECEIVER);
        let passing = Held::Passing(m, hops, false);
        let sent = self.node(at).routes.send_on(pid, Some(runtime(from)), false, passing);
        if let Some(held) = self.goes_on(at, RECEIVER, sent) {
            match self.node(at).ready.get_mut(&RECEIVER) {
                Some((_, kept)) => kept.push(held),
                None => self.0.wrong = Some("a message is for nobody"),
            }
        }
    }
}

impl Sending {
    fn pids(&self) -> Vec<Pid> {
        self.0.iter().enumerate().map(|(p, (born, ..))| Pid::new(runtime(*born), p as u64 + 1)).collect()
    }
}

impl Model for Sending {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let process = Process { epoch: 0, runs: true, moving: None, got: vec![0; self.0.len()], sent: 0 };
        let mut nodes = vec![Node::default(); NODES];
        for (p, (born, ..)) in self.0.iter().enumerate() {
            nodes[*born].here.insert(p, process.clone());
        }
        let left = self.0.iter().map(|(_, moves, messages)| (*moves, *messages)).collect();
        vec![State { nodes, wires: BTreeMap::new(), left, out: Vec::new(), wrong: None }]
    }
    fn actions(&self, s: &State, actions: &mut Vec<Action>) {
        actions.extend(s.wires.keys().map(|(from, to)| Action::Deliver(*from, *to)));
        for (at, node) in s.nodes.iter().enumerate() {
            for (p, process) in &node.here {
                // It leaves when all that it has sent has, and all has come that was sent to it by here before it came.
                let is_own = |held: &Held| matches!(held, Held::Own(m) if m.from == *p);
                if process.moving.is_some() {
                    if node.routes.holds(is_own).is_empty() && !node.routes.has_hold(self.pids()[*p]) {
                        actions.push(Action::Commit(*p, at));
                    }
                } else if process.runs {
                    let (moves, messages) = s.left[*p];
                    if messages > 0 {
                        actions.push(Action::Send(*p, at));
                    }
                    if moves > 0 {
                        actions.extend(others(at).map(|to| Action::Stop(*p, at, to)));
                    }
                }
            }
        }
    }
    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut s = before.clone();
        let pids = self.pids();
        match action {
            Action::Send(p, at) => {
                s.left[p].1 -= 1;
                let process = s.nodes[at].here.get_mut(&p)?;
                process.sent += 1;
                let m = Message { from: p, n: process.sent };
                Steps(&mut s, &pids).sends(at, m);
            }
            Action::Stop(p, at, to) => {
                s.left[p].0 -= 1;
                let process = s.nodes[at].here.get_mut(&p)?;
                process.moving = Some((to, Vec::new()));
                let epoch = process.epoch + 1;
                s.nodes[to].ready.insert(p, (epoch, Vec::new()));
            }
            Action::Commit(p, at) => Steps(&mut s, &pids).leaves(at, p),
            Action::Deliver(from, to) => {
                let packet = s.wires.get_mut(&(from, to))?.remove(0);
                Steps(&mut s, &pids).receive(to, from, packet);
            }
        }
        s.wires.retain(|_, w| !w.is_empty());
        Some(s)
    }
    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("what comes is in order, once, and for the process", |_: &Sending, s: &State| {
                s.wrong.is_none()
            }),
            Property::always("in the end nobody waits, and all has come", |m: &Sending, s: &State| {
                let processes = || s.nodes.iter().flat_map(|n| &n.here);
                if !s.wires.is_empty() || processes().any(|(_, p)| p.moving.is_some()) {
                    return true;
                }
                let is_still = |n: &Node| n.routes.next_timeout().is_none() && n.arrivals.next_timeout().is_none();
                let got = processes().find(|(p, _)| **p == RECEIVER).map(|(_, p)| &p.got);
                let is_all = processes().all(|(p, process)| got.is_some_and(|got| got[*p] == process.sent));
                processes().count() == m.0.len() && s.nodes.iter().all(is_still) && is_all
            }),
        ]
    }
}

fn check(processes: &[(usize, u8, u8)]) {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let checker = Sending(processes.to_vec()).checker().threads(threads).spawn_dfs().join();
    println!("{processes:?}: {} states", checker.unique_state_count());
    for (what, path) in checker.discoveries() {
        println!("not so: {what}");
        for (state, action) in path.into_vec() {
            println!("  {:?}\n{action:?}", state.wires);
        }
    }
    checker.assert_properties();
    assert!(checker.is_done());
}

/// From its own node, and from others: where it goes, and where it was.
#[test]
fn a_process_that_moves_gets_all_in_order() {
    check(&[(0, 2, 0), (0, 0, 2)]);
    check(&[(0, 2, 0), (1, 0, 2)]);
    check(&[(0, 2, 0), (1, 0, 1), (2, 0, 1)]);
    if more() {
        check(&[(0, 3, 0), (0, 0, 2)]);
        check(&[(0, 3, 0), (1, 0, 2)]);
        check(&[(0, 2, 0), (1, 0, 2), (2, 0, 1)]);
    }
}
/// The sender moves as well, also to where the process is, or was.
#[test]
fn a_sender_moves() {
    check(&[(0, 1, 0), (1, 1, 2)]);
    check(&[(0, 1, 0), (0, 1, 2)]);
    if more() {
        check(&[(0, 1, 0), (1, 2, 2)]);
        check(&[(0, 2, 0), (1, 1, 2)]);
        check(&[(0, 2, 0), (0, 1, 2)]);
    }
}
fn more() -> bool {
    std::env::var_os("RLUA_MODEL_MORE").is_some()
}
