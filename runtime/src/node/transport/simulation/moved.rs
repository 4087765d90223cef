//! What the simulated network has found once of processes that move, each as a case of its own.
//!
//! Journey: a stopped process -> another node, and remote signal. No chance but in delays.

use super::super::Surroundings;
use super::late::messages;
use super::program::{Process, Program};
use super::scenarios::{triangle, world};
use super::{MILLISECOND, SECOND, World};
use crate::codec::Message;
use crate::process::inbox::RunState;
use crate::process::signal::Signal;
use rlua_machine::value::Pid;
use std::sync::Arc;

impl World {
    /// A new process on a host.
    pub(super) fn born(&mut self, host: usize) -> Pid {
        let before: Vec<Pid> = self.program(host).processes().keys().copied().collect();
        self.does(host, |p, program| program.spawn(p, false, false));
        self.wait(SECOND);
        let born = self.program(host).processes().keys().find(|pid| !before.contains(pid)).copied();
        born.expect("it was born")
    }
    /// A process does something where it is; how it ends, if it does.
    pub(super) fn lets(
        &mut self,
        pid: Pid,
        host: usize,
        f: impl FnOnce(&mut Process, &Arc<Program>) -> Option<(Message, bool)>,
    ) {
        self.program(host).act(pid, f);
        self.follow_up();
        self.look_soon(host);
    }
    pub(super) fn moves(&mut self, pid: Pid, from: usize, to: usize) {
        let node = self.hosts[to].name.clone();
        self.lets(pid, from, |p, program| {
            p.migrate(&program.online().expect("it is a node"), node);
            None
        });
    }
    /// It moves, and is there.
    pub(super) fn moved(&mut self, pid: Pid, from: usize, to: usize) {
        self.moves(pid, from, to);
        self.wait(2 * SECOND);
        assert!(self.program(to).processes().contains_key(&pid), "it has come");
    }
    /// Until it runs there.
    pub(super) fn runs(&mut self, pid: Pid, host: usize) {
        let program = self.program(host);
        while program.inner().inbox(pid).is_none_or(|inbox| inbox.state() == RunState::Moving) {
            self.step();
        }
    }
    pub(super) fn asks_for_child(&mut self, parent: Pid, host: usize, at: usize) {
        let node = self.hosts[at].name.clone();
        self.lets(parent, host, |p, program| {
            p.spawn_at(&program.online().expect("it is a node"), node, true, true);
            None
        });
    }
    /// A host has lost its connections with another.
    pub(super) fn breaks(&mut self, host: usize, peer: usize) {
        self.has_lost(host, peer);
        let (online, name) = (self.online(host).expect("it is a node"), self.hosts[peer].name.clone());
        let links: Vec<_> = online.table().links.values().cloned().collect();
        for link in links.iter().filter(|l| l.peer_name().as_ref() == Some(&name)) {
            link.closed("it is cut");
            online.drain(link);
        }
        self.follow_up();
        self.look_soon(host);
    }
    /// All that holds when all is quiet.
    pub(super) fn ends_well(mut self) {
        self.calm = false;
        self.finish();
        let violations = std::mem::take(&mut self.common().ledger.violations);
        assert!(violations.is_empty(), "{}", violations.join("\n"));
    }
}
fn bad() -> Option<(Message, bool)> {
    Some((Message::string(b"bad"), true))
}

#[test]
fn an_answer_of_who_has_seen_its_end_counts_where_nobody_knows_that_it_moved() {
    let mut w = world(1, 3, false, MILLISECOND);
    let pid = w.born(1);
    w.connect(1, 2);
    w.moved(pid, 1, 2);
    w.connect(0, 1);
    // Its birthplace does not know of its end when it sends the question on.
    w.part(1, 2, SECOND);
    w.lets(pid, 2, |_, _| bad());
    w.does(0, |p, program| program.core(p, |core, effects| core.monitor(pid, effects)));
    w.wait(5 * SECOND);
    assert!(w.program(0).processes()[&w.root(0)].core.all_watched().is_empty(), "it was told");
    w.ends_well();
}
#[test]
fn a_process_leaves_when_all_that_it_has_sent_has_left() {
    let mut w = world(1, 3, false, 100 * MILLISECOND);
    let pid = w.born(0);
    w.connect(0, 1);
    let there = w.root(2);
    Surroundings::met(&w.program(0), there.runtime(), &w.hosts[2].name.clone());
    // That waits until its node is connected with the third.
    w.lets(pid, 0, |p, program| {
        program.core(p, |core, effects| core.link(there, effects));
        None
    });
    w.moves(pid, 0, 1);
    while !w.program(1).processes().contains_key(&pid) {
        w.step();
    }
    let has_left = w.program(2).processes()[&there].core.links().contains(&pid);
    w.lets(pid, 1, |p, program| {
        program.core(p, |core, effects| core.unlink(there, effects));
        None
    });
    w.wait(10 * SECOND);
    assert!(!w.program(2).processes()[&there].core.links().contains(&pid), "the second is handled after the first");
    assert!(has_left, "the first was there before it had moved");
    w.ends_well();
}
#[test]
fn a_process_leaves_when_what_was_held_back_has_left() {
    let mut w = world(1, 4, false, 20 * MILLISECOND).losing();
    for (a, b) in [(0, 1), (1, 2), (0, 3), (2, 3)] {
        w.connect(a, b);
    }
    let (pid, receiver) = (w.born(0), w.born(1));
    // The mark comes out where nobody can say so to who has asked.
    w.part(0, 2, 3600 * SECOND);
    w.moved(receiver, 1, 2);
    w.lets(pid, 0, |p, program| {
        program.core(p, |core, effects| core.link(receiver, effects));
        None
    });
    w.moves(pid, 0, 3);
    w.wait(5 * SECOND);
    assert!(w.program(0).processes().contains_key(&pid), "it waits for what is held back");
    w.heal();
    w.breaks(0, 1);
    while !w.program(3).processes().contains_key(&pid) {
        w.step();
    }
    w.lets(pid, 3, |p, program| {
        program.core(p, |core, effects| core.unlink(receiver, effects));
        None
    });
    w.wait(10 * SECOND);
    assert!(!w.program(2).processes()[&receiver].core.links().contains(&pid), "the second is handled after the first");
    w.ends_well();
}
#[test]
fn a_child_is_told_that_its_parent_was_killed_where_it_has_moved() {
    let mut w = triangle(1, true, MILLISECOND);
    let parent = w.born(2);
    w.moved(parent, 2, 1);
    w.asks_for_child(parent, 1, 0);
    while w.program(0).processes().len() < 2 {
        w.step();
    }
    // The kill has come, and is not handled when the answer comes.
    let there = w.program(1);
    assert!(Surroundings::route(&there, parent, Signal::Kill { reason: Message::string(b"killed"), limit: false }));
    let woken = std::mem::take(&mut w.common().woken);
    w.wait(SECOND);
    w.common().woken = woken;
    w.follow_up();
    w.ends_well();
}
#[test]
fn a_spawn_is_answered_though_the_parents_birthplace_knows_of_its_end() {
    for seed in 0..20 {
        let mut w = world(seed, 2, true, MILLISECOND);
        w.connect(0, 1);
        let parent = w.born(0);
        w.moved(parent, 0, 1);
        w.asks_for_child(parent, 1, 0);
        w.lets(parent, 1, |_, _| bad());
        w.ends_well();
    }
}
#[test]
fn what_has_ended_meanwhile_waits_for_no_answer() {
    let mut w = world(1, 3, false, MILLISECOND);
    let pid = w.born(0);
    w.connect(0, 1);
    w.moved(pid, 0, 1);
    let there = w.root(2);
    // The question waits for a connection when who has asked it ends.
    w.lets(pid, 1, |p, program| {
        p.ask(program, there, crate::process::signal::Question::Alive);
        None
    });
    w.lets(pid, 1, |_, _| bad());
    w.ends_well();
}
#[test]
fn monitors_of_nodes_go_along() {
    let mut w = world(1, 3, false, MILLISECOND).losing();
    (0..2).for_each(|i| w.connect(i, 2));
    w.connect(0, 1);
    let pid = w.born(0);
    for node in [w.hosts[2].name.clone(), w.hosts[1].name.clone()] {
        w.lets(pid, 0, |p, program| {
            program.online().expect("it is a node").monitor_node(pid, &node);
            *p.node_monitors.entry(node.to_string()).or_default() += 1;
            None
        });
    }
    w.moved(pid, 0, 1);
    assert!(w.online(0).expect("it is a node").watchers().all().is_empty());
    w.crash(2, false);
    w.wait(SECOND);
    let told = |w: &World, node: &str| w.common().ledger.node_downs.get(&(pid, node.to_string())).copied();
    assert_eq!((told(&w, "n2@sim"), told(&w, "n1@sim")), (Some(1), None));
    w.ends_well();
}
#[test]
fn what_hangs_between_a_process_here_and_one_that_has_come_back_hangs_there() {
    let mut w = world(1, 3, false, MILLISECOND).losing();
    w.connect(0, 1);
    w.connect(1, 2);
    let (here, pid) = (w.root(0), w.born(1));
    w.does(0, |p, program| program.core(p, |core, effects| core.link(pid, effects)));
    w.wait(SECOND);
    // Where it goes cannot be connected with yet, and when that is, it is back.
    w.part(0, 2, 30 * SECOND);
    w.moved(pid, 1, 2);
    w.moved(pid, 2, 1);
    w.heal();
    w.wait(60 * SECOND);
    w.connect(0, 2);
    assert!(w.program(1).processes()[&pid].core.links().contains(&here));
    w.does(0, |p, program| program.core(p, |core, effects| core.unlink(pid, effects)));
    w.wait(SECOND);
    w.ends_well();
}
#[test]
fn a_node_that_leaves_and_is_one_again_knows_its_guests() {
    let mut w = world(1, 2, true, MILLISECOND).losing();
    w.connect(0, 1);
    let (guest, own) = (w.born(0), w.born(1));
    w.moved(guest, 0, 1);
    w.moved(own, 1, 0);
    w.leave(1);
    w.wait(SECOND);
    // What is here is reached also while that is no node.
    w.does(1, |p, program| program.core(p, |core, effects| core.link(guest, effects)));
    w.wait(SECOND);
    let there = w.root(1);
    assert!(w.program(1).processes()[&guest].core.links().contains(&there));
    let program = w.program(1);
    w.become_node(&program);
    w.connect(0, 1);
    for pid in [guest, own] {
        w.does(1, |p, program| program.core(p, |core, effects| core.monitor(pid, effects)));
        w.wait(SECOND);
        assert!(program.processes()[&there].core.all_watched().iter().any(|(p, _)| *p == pid), "{pid} is found");
    }
    w.ends_well();
}
#[test]
fn a_node_that_leaves_in_the_middle_of_a_move_and_is_one_again_finds_the_process() {
    for is_ready in [false, true] {
        let mut w = world(1, 2, false, MILLISECOND).losing();
        w.connect(0, 1);
        let (pid, root) = (w.born(0), w.root(0));
        w.moves(pid, 0, 1);
        while is_ready && w.program(0).processes().contains_key(&pid) {
            w.step();
        }
        w.leave(0);
        w.wait(SECOND);
        let program = w.program(0);
        w.become_node(&program);
        // Before it has heard anything.
        w.does(0, |p, program| program.core(p, |core, effects| core.monitor(pid, effects)));
        w.wait(SECOND);
        let is_watched = program.processes()[&root].core.all_watched().iter().any(|(p, _)| *p == pid);
        assert!(is_watched, "ready {is_ready}: it is found");
        assert_eq!(w.program(1).processes().contains_key(&pid), is_ready);
        w.ends_well();
    }
}
#[test]
fn a_mark_for_a_process_that_has_ended_comes_out_once() {
    let mut w = world(1, 3, false, MILLISECOND);
    w.connect(0, 1);
    w.connect(0, 2);
    let pid = w.born(0);
    w.moves(pid, 0, 2);
    while w.program(0).processes().contains_key(&pid) {
        w.step();
    }
    // Who hears late of the move asks where it was born when that knows of the end, and is not told of it by anybody.
    w.part(0, 1, SECOND);
    w.wait(500 * MILLISECOND);
    w.lets(pid, 2, |_, _| bad());
    w.wait(5 * SECOND);
    let before = w.network.written.0;
    w.wait(5 * SECOND);
    assert!(w.network.written.0 - before < 10, "nothing goes round");
    assert!(w.online(1).expect("it is a node").waiting_for().is_empty());
    w.ends_well();
}
#[test]
fn a_process_that_has_come_home_is_told_that_its_node_leaves() {
    let mut w = world(1, 2, true, MILLISECOND).losing();
    w.connect(0, 1);
    let (pid, there) = (w.born(0), w.root(1));
    w.moved(pid, 0, 1);
    w.moved(pid, 1, 0);
    w.lets(pid, 0, |p, program| {
        program.core(p, |core, effects| core.monitor(there, effects));
        None
    });
    w.wait(SECOND);
    w.leave(0);
    w.wait(SECOND);
    assert!(w.program(0).processes()[&pid].core.all_watched().is_empty(), "it was told");
    w.ends_well();
}
#[test]
fn what_waits_for_a_node_that_its_receiver_has_left_follows_it() {
    let mut w = world(1, 3, false, MILLISECOND);
    w.connect(1, 2);
    w.connect(0, 2);
    let (pid, here) = (w.born(1), w.root(0));
    Surroundings::met(&w.program(0), pid.runtime(), &w.hosts[1].name.clone());
    w.part(0, 1, 60 * SECOND);
    w.does(0, |p, program| program.core(p, |core, effects| core.link(pid, effects)));
    w.does(0, |p, program| p.send(program, pid, 10));
    w.moved(pid, 1, 2);
    assert!(w.program(2).processes()[&pid].core.links().contains(&here), "it was not waited for");
    assert!(!w.waits(0), "the message has been sent");
    w.does(0, |p, program| program.core(p, |core, effects| core.unlink(pid, effects)));
    w.wait(SECOND);
    w.ends_well();
}
#[test]
fn who_asks_a_process_that_is_on_from_where_it_is_asked_for_is_told_that_it_cannot_be_reached() {
    let mut w = world(1, 3, false, MILLISECOND).losing();
    w.connect(1, 2);
    let pid = w.born(1);
    w.moved(pid, 1, 2);
    w.cut();
    w.wait(SECOND);
    w.connect(0, 1);
    w.does(0, |p, program| p.ask(program, pid, crate::process::signal::Question::Alive));
    w.wait(SECOND);
    assert!(!w.waits(0), "it was told");
    w.ends_well();
}
#[test]
fn what_was_lost_on_the_way_leaves_no_tie_with_one_end() {
    let mut w = triangle(1, false, MILLISECOND).losing();
    let (pid, here) = (w.born(1), w.root(0));
    // What it sends before it leaves does not come, and nobody says that it has left.
    w.part(0, 1, 30 * SECOND);
    w.lets(pid, 1, |p, program| {
        program.core(p, |core, effects| core.monitor(here, effects));
        p.ask(program, here, crate::process::signal::Question::Alive);
        None
    });
    let node = w.hosts[2].name.clone();
    w.lets(pid, 1, |p, program| {
        p.wants = None;
        p.migrate(&program.online().expect("it is a node"), node);
        None
    });
    // Until it is not waited for any more, and then what was sent to it by its last place.
    w.wait(15 * SECOND);
    let there = w.program(2);
    assert!(there.processes()[&pid].core.all_watched().is_empty(), "it was told");
    assert_eq!(w.program(0).processes()[&here].core.all_watchers(), vec![]);
    w.wait(30 * SECOND);
    w.ends_well();
}
#[test]
fn who_has_seen_the_end_of_a_guest_before_it_left_the_network_says_so_to_its_own() {
    let mut w = world(1, 2, true, MILLISECOND).losing();
    w.connect(0, 1);
    let (pid, there) = (w.born(0), w.root(0));
    w.moved(pid, 0, 1);
    w.lets(pid, 1, |p, program| {
        program.core(p, |core, effects| core.link(there, effects));
        None
    });
    w.wait(SECOND);
    w.leave(1);
    w.wait(SECOND);
    let program = w.program(1);
    assert!(!program.processes().contains_key(&pid), "it has ended with the session");
    w.become_node(&program);
    w.connect(0, 1);
    // Its birthplace believes that it is where the question comes from.
    w.does(1, |p, program| program.core(p, |core, effects| core.monitor(pid, effects)));
    w.does(1, |p, program| p.ask(program, pid, crate::process::signal::Question::Alive));
    w.wait(SECOND);
    assert!(!w.waits(1), "it was told");
    w.ends_well();
}
#[test]
fn what_is_sent_to_one_that_moves_all_the_time_is_in_order() {
    for seed in 0..40 {
        let mut w = triangle(seed, true, 10 * MILLISECOND);
        let (pid, mut sent) = (w.born(0), 0);
        for n in 0..20 {
            let (at, to) = (n % 3, (n + 1) % 3);
            w.moves(pid, at, to);
            while w.program(to).inner().inbox(pid).is_none_or(|inbox| inbox.state() == RunState::Moving) {
                let host = w.below(3) as usize;
                w.does(host, |p, program| p.send(program, pid, 10));
                sent += 1;
                for _ in 0..w.below(4) {
                    w.step();
                }
            }
        }
        w.wait(5 * SECOND);
        assert_eq!(messages(&w.program(20 % 3), pid), sent, "seed {seed}");
        w.ends_well();
    }
}
/// They were linked; the session is lost before the second leaves, too.
#[test]
fn nothing_is_kept_of_one_that_leaves_after_one_that_is_in_doubt() {
    let mut w = triangle(1, false, MILLISECOND).losing();
    let (first, second) = (w.born(0), w.born(0));
    w.lets(first, 0, |p, program| {
        program.core(p, |core, effects| core.link(second, effects));
        None
    });
    w.wait(SECOND);
    w.moves(first, 0, 1);
    while w.program(0).processes().contains_key(&first) {
        w.step();
    }
    // The commit does not come.
    w.breaks(0, 1);
    w.breaks(1, 0);
    w.part(0, 1, 5 * SECOND);
    w.moved(second, 0, 2);
    w.wait(20 * SECOND);
    assert!(w.program(1).processes().contains_key(&first), "it has come after all");
    assert!(w.program(2).processes()[&second].core.links().contains(&first), "nobody was told of a loss");
    w.ends_well();
}
/// It was known where that had ended, and it is asked for where it was born.
#[test]
fn the_end_of_one_that_was_asked_for_elsewhere_ends_the_tie_everywhere() {
    let mut w = world(1, 4, false, MILLISECOND).losing();
    for (a, b) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
        w.connect(a, b);
    }
    let (pid, other) = (w.born(1), w.born(2));
    w.moved(other, 2, 0);
    w.lets(pid, 1, |p, program| {
        p.core.trapexit = true;
        program.core(p, |core, effects| core.link(other, effects));
        None
    });
    w.wait(SECOND);
    // One node does not hear that it moves, and loses the connection with where it was: the other ends before it runs.
    w.part(0, 1, 10 * SECOND);
    w.moves(pid, 1, 3);
    while !w.program(3).processes().contains_key(&pid) {
        w.step();
    }
    w.breaks(0, 1);
    w.wait(SECOND);
    assert!(!w.program(0).processes().contains_key(&other), "it has ended");
    w.wait(5 * SECOND);
    assert!(w.program(3).processes()[&pid].core.links().is_empty(), "and the end is known");
    w.ends_well();
}
/// It ends where the other comes to, which was not known for sure to be anywhere by then.
#[test]
fn the_end_of_one_that_was_held_back_until_the_other_came_ends_the_tie() {
    let mut w = triangle(1, false, MILLISECOND).losing();
    let (pid, other) = (w.born(2), w.born(2));
    w.lets(pid, 2, |p, program| {
        p.core.trapexit = true;
        program.core(p, |core, effects| core.link(other, effects));
        None
    });
    w.wait(SECOND);
    w.moved(other, 2, 0);
    // It is not heard that the mark has come out.
    w.part(0, 1, 30 * SECOND);
    w.moved(pid, 2, 1);
    w.moved(pid, 1, 2);
    w.runs(pid, 2);
    w.lets(other, 0, |_, _| bad());
    w.moved(pid, 2, 0);
    assert!(w.program(0).processes()[&pid].core.links().contains(&other), "the end is held back");
    w.wait(10 * SECOND);
    assert!(w.program(0).processes()[&pid].core.links().is_empty(), "it is known");
    let links: Vec<_> = w.online(0).expect("it is a node").table().links.values().cloned().collect();
    let ties: Vec<String> = links.iter().filter_map(|l| l.with_ties(|t| t.describe())).flatten().collect();
    assert!(ties.is_empty(), "nothing hangs anywhere: {ties:?}");
    w.ends_well();
}
/// The answer of the one goes nowhere: the other is known to have ended, too, by who was told of that by a third node.
#[test]
fn nothing_hangs_on_a_link_that_comes_when_both_have_ended() {
    let mut w = triangle(1, false, MILLISECOND).losing();
    let (pid, other) = (w.born(2), w.born(2));
    w.moved(pid, 2, 0);
    w.part(0, 2, 10 * SECOND);
    w.lets(pid, 0, |p, program| {
        program.core(p, |core, effects| core.link(other, effects));
        None
    });
    w.wait(SECOND);
    w.lets(pid, 0, |_, _| bad());
    w.lets(other, 2, |_, _| bad());
    w.wait(SECOND);
    // It goes to where that was born, which still believes it to be where it was.
    w.does(1, |p, program| p.send(program, pid, 10));
    w.wait(SECOND);
    assert!(!w.online(2).expect("it is a node").has_moved(pid), "it has heard of its end");
    w.wait(10 * SECOND);
    let links: Vec<_> = w.online(2).expect("it is a node").table().links.values().cloned().collect();
    let ties: Vec<String> = links.iter().filter_map(|l| l.with_ties(|t| t.describe())).flatten().collect();
    assert!(ties.is_empty(), "nothing hangs anywhere: {ties:?}");
    w.ends_well();
}
