//! What the simulated network has found once, each as a case of its own.
//!
//! Journey: remote signal. No chance but in delays: a few hosts, and what is done in which order.

use super::super::super::{SECOND, Time};
use super::super::Surroundings;
use super::program::{Program, Want};
use super::{MILLISECOND, Plan, World};
use crate::process::inbox::RunState;
use crate::process::signal::{Answer, Signal};
use rlua_machine::value::Pid;
use std::sync::Arc;

pub(super) fn world(seed: u64, hosts: usize, connects_all: bool, delay: Time) -> World {
    let plan = Plan { hosts, acts: 0, faults: 0, moves: false, connects_all, keepalive: 60 * SECOND, delay };
    let mut world = World::new(seed, plan);
    world.calm = true;
    (0..hosts).for_each(|i| world.start(i));
    world
}
/// Three hosts, of which each is connected with each.
pub(super) fn triangle(seed: u64, connects_all: bool, delay: Time) -> World {
    let mut world = world(seed, 3, connects_all, delay);
    (0..3).for_each(|i| world.connect(i, (i + 1) % 3));
    world
}
impl World {
    /// Something breaks in it: what is sent may be lost.
    pub(super) fn losing(mut self) -> World {
        self.plan.faults = 1;
        self
    }
    pub(super) fn wait(&mut self, time: Time) {
        self.run_until(self.now() + time);
    }
    pub(super) fn program(&self, i: usize) -> Arc<Program> {
        self.hosts[i].program.clone().expect("it is up")
    }
    pub(super) fn root(&self, i: usize) -> Pid {
        Pid::new(self.program(i).runtime, 1)
    }
    /// The root of a host does something.
    pub(super) fn does(&mut self, i: usize, f: impl FnOnce(&mut super::program::Process, &Arc<Program>)) {
        let program = self.program(i);
        program.act(self.root(i), |p, program| {
            f(p, program);
            None
        });
        self.follow_up();
        self.look_soon(i);
    }
    /// Two hosts are connected.
    pub(super) fn connect(&mut self, a: usize, b: usize) {
        let node = self.hosts[b].name.clone();
        self.does(a, |p, program| p.ask_node(&program.online().expect("it is a node"), node, None));
        self.wait(SECOND);
        assert!(!self.waits(a), "it has its answer");
    }
    pub(super) fn waits(&self, i: usize) -> bool {
        self.program(i).processes()[&self.root(i)].wants.is_some()
    }
    fn sessions(&self, i: usize) -> usize {
        self.online(i).map_or(0, |o| o.nodes().len())
    }
}

#[test]
fn what_a_parted_network_held_up_comes_as_soon_as_it_is_whole() {
    let mut w = world(1, 2, true, MILLISECOND);
    w.connect(0, 1);
    w.part(0, 1, 50 * SECOND);
    let (here, there) = (w.root(0), w.root(1));
    w.does(0, |p, program| program.core(p, |core, effects| core.link(there, effects)));
    w.wait(SECOND);
    let linked = |w: &World| w.program(1).processes()[&there].core.links().contains(&here);
    assert!(!linked(&w));
    w.heal();
    w.wait(SECOND);
    assert!(linked(&w));
}
#[test]
fn a_process_that_has_moved_has_its_names_where_it_is() {
    let mut w = triangle(1, true, MILLISECOND);
    w.does(0, |p, program| program.spawn(p, false, false));
    w.wait(SECOND);
    let (home, there, node) = (w.program(0), w.program(1), w.hosts[1].name.clone());
    let pid = Pid::new(home.runtime, 2);
    let acts = |w: &mut World, program: &Arc<Program>, f: &mut dyn FnMut(&mut super::program::Process)| {
        program.act(pid, |p, _| {
            f(p);
            None
        });
        w.follow_up();
        w.look_soon(program.host);
        w.wait(SECOND);
    };
    let online = |p: &Program| p.online().expect("it is a node");
    acts(&mut w, &home, &mut |p| p.migrate(&online(&home), node.clone()));
    assert!(there.processes().contains_key(&pid) && !home.processes().contains_key(&pid));
    acts(&mut w, &there, &mut |p| p.register(&there, there.online().as_ref(), b"name", pid));
    assert_eq!(there.names().get(&b"name"[..]), Some(&pid));
    assert_eq!((home.find_name(b"name"), w.program(2).find_name(b"name")), (Some(pid), Some(pid)));
    // A name of it is given by another node, which knows where it is, and taken.
    w.does(2, |p, program| p.register(program, program.online().as_ref(), b"other", pid));
    w.wait(SECOND);
    assert_eq!(there.names().get(&b"other"[..]), Some(&pid));
    w.does(0, |p, program| p.unregister(program, program.online().as_ref(), b"other"));
    w.wait(SECOND);
    assert_eq!((there.find_name(b"other"), home.find_name(b"other")), (None, None));
    acts(&mut w, &there, &mut |p| p.unregister(&there, there.online().as_ref(), b"name"));
    assert_eq!((there.find_name(b"name"), home.find_name(b"name")), (None, None));
}
#[test]
fn an_answer_of_its_last_node_does_not_follow_a_process_for_ever() {
    let mut w = world(1, 2, true, MILLISECOND);
    w.connect(0, 1);
    w.does(0, |p, program| program.spawn(p, false, false));
    w.wait(SECOND);
    let (home, node) = (w.program(0), w.hosts[1].name.clone());
    let pid = Pid::new(home.runtime, 2);
    home.act(pid, |p, program| {
        p.migrate(&program.online().expect("it is a node"), node);
        None
    });
    w.follow_up();
    w.look_soon(0);
    w.wait(SECOND);
    assert!(w.program(1).processes().contains_key(&pid));
    // To a question that it has given up before it left: it is of this node alone.
    let answer = Signal::Reply { id: 99, answer: Answer::Done(Ok(())) };
    Surroundings::route(&home, pid, answer);
    w.wait(SECOND);
    assert!(w.program(1).processes().contains_key(&pid));
}
#[test]
fn a_process_that_comes_to_a_node_that_leaves_runs() {
    let mut w = triangle(1, true, 100 * MILLISECOND);
    w.does(0, |p, program| program.spawn(p, false, false));
    w.wait(SECOND);
    let (home, there, node) = (w.program(0), w.program(1), w.hosts[1].name.clone());
    let pid = Pid::new(home.runtime, 2);
    home.act(pid, |p, program| {
        p.migrate(&program.online().expect("it is a node"), node);
        None
    });
    w.follow_up();
    w.look_soon(0);
    // It waits there until the third node has heard of the move.
    while !there.processes().contains_key(&pid) {
        w.step();
    }
    assert_eq!(there.inner().inbox(pid).map(|i| i.state()), Some(RunState::Moving));
    w.leave(1);
    w.wait(SECOND);
    assert_eq!(there.inner().inbox(pid).map(|i| i.state()), Some(RunState::Waiting { messages: true }));
}
#[test]
fn two_that_dial_each_other_at_once_keep_one_session() {
    for seed in 0..200 {
        let mut w = world(seed, 2, true, 50 * MILLISECOND);
        for (a, b) in [(0, 1), (1, 0)] {
            let node = w.hosts[b].name.clone();
            w.does(a, |p, program| p.ask_node(&program.online().expect("it is a node"), node, None));
            let pause = w.below(80 * MILLISECOND);
            w.wait(pause);
        }
        w.wait(10 * SECOND);
        assert_eq!((w.sessions(0), w.sessions(1)), (1, 1), "seed {seed}");
        assert_eq!(w.network.lost_sessions, 0, "seed {seed}: none has ended");
    }
}
#[test]
fn what_is_for_a_program_that_has_ended_does_not_wait_for_it() {
    let mut w = world(1, 2, true, MILLISECOND);
    w.connect(0, 1);
    let former = w.root(1);
    w.crash(1, false);
    w.wait(SECOND);
    w.start(1);
    w.connect(0, 1);
    w.does(0, |p, program| program.core(p, |core, effects| core.monitor(former, effects)));
    w.wait(SECOND);
    let program = w.program(0);
    assert!(program.processes()[&w.root(0)].core.all_watched().is_empty(), "it was told");
    assert!(w.online(0).expect("it is a node").waiting_for().is_empty());
}
#[test]
fn who_waits_for_a_connection_is_answered_when_the_node_leaves() {
    let mut w = world(1, 2, true, MILLISECOND);
    w.part(0, 1, 3600 * SECOND);
    let node = w.hosts[1].name.clone();
    w.does(0, |p, program| p.ask_node(&program.online().expect("it is a node"), node, None));
    w.wait(SECOND);
    assert!(w.waits(0));
    w.leave(0);
    w.wait(SECOND);
    assert!(!w.waits(0));
}
#[test]
fn a_name_at_a_node_whose_names_are_its_own_is_given_there() {
    let mut w = world(1, 2, false, MILLISECOND);
    w.connect(0, 1);
    let there = w.root(1);
    w.does(0, |p, program| {
        p.register(program, program.online().as_ref(), b"name", there);
        assert!(matches!(p.wants, Some((_, Want::Answer(_)))));
    });
    w.wait(SECOND);
    assert!(!w.waits(0));
    assert_eq!((w.sessions(0), w.sessions(1)), (1, 1), "the session stands");
    assert_eq!(w.program(1).find_name(b"name"), Some(there));
}
#[test]
fn a_name_is_held_though_who_has_asked_for_it_is_gone() {
    // The asker's session ends when the request has come, and the registration waits for the third.
    let mut w = world(1, 3, true, MILLISECOND);
    w.connect(0, 1);
    w.connect(0, 2);
    w.wait(SECOND);
    w.part(0, 1, 30 * SECOND);
    let there = w.root(1);
    w.does(2, |p, program| p.register(program, program.online().as_ref(), b"name", there));
    w.wait(100 * MILLISECOND);
    w.crash(2, false);
    w.wait(100 * SECOND);
    let (found, held) = (w.program(0).find_name(b"name"), w.program(1).names().get(&b"name"[..]).copied());
    assert_eq!(found, held, "what is known of is held");
}
#[test]
fn a_process_is_not_made_for_who_believes_that_it_is_not() {
    let mut w = world(1, 2, true, MILLISECOND);
    w.connect(0, 1);
    let (parent, node) = (w.root(0), w.hosts[1].name.clone());
    w.does(0, |p, program| p.spawn_at(&program.online().expect("it is a node"), node, true, false));
    // As soon as the request has come, and before the root of the other has handled it.
    while !w.common().woken.iter().any(|(_, pid)| pid.runtime() != parent.runtime())
        && !w.events.values().any(|e| matches!(e, super::Event::Run(_, pid) if *pid == w.root(1)))
    {
        w.step();
    }
    let online = w.online(1).expect("it is a node");
    let links: Vec<_> = online.table().links.values().cloned().collect();
    for link in links {
        link.closed("it is cut");
        online.drain(&link);
    }
    w.wait(SECOND);
    assert_eq!(w.program(1).processes().len(), 1, "there is the root alone");
    w.cut();
    w.wait(SECOND);
    assert!(!w.waits(0), "it was told");
}
#[test]
fn a_child_is_told_that_its_parent_has_ended_before_it_could_know() {
    let mut w = world(1, 2, true, MILLISECOND);
    w.connect(0, 1);
    w.does(0, |p, program| program.spawn(p, false, false));
    w.wait(SECOND);
    let (program, node) = (w.program(0), w.hosts[1].name.clone());
    let parent = Pid::new(program.runtime, 2);
    program.act(parent, |p, program| {
        p.spawn_at(&program.online().expect("it is a node"), node, true, false);
        None
    });
    program.act(parent, |_, _| Some((crate::codec::Message::string(b"bad"), true)));
    w.look_soon(0);
    w.wait(SECOND);
    assert_eq!(w.program(1).processes().len(), 1, "the child has ended with its parent");
}
#[test]
fn ten_thousand_who_say_nothing_hold_up_nobody() {
    let mut w = world(1, 2, true, MILLISECOND);
    let online = w.online(1).expect("it is a node");
    for i in 0..10_000u64 {
        let random = w.common().random.key();
        online.accepted(format!("10.0.0.1:{i}"), random);
        assert!(online.table().links.len() <= super::super::connections::STRANGERS_MAX);
    }
    // One of the address with most of them makes room.
    w.connect(0, 1);
    assert_eq!((w.sessions(0), w.sessions(1)), (1, 1));
}
