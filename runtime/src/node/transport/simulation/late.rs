//! What the simulated network has found once of signals that come later than others that were sent after them, each as a case
//! of its own.
//!
//! Journey: remote signal. No chance but in delays.

use super::super::super::signal::Target;
use super::super::Surroundings;
use super::program::Program;
use super::scenarios::{triangle, world};
use super::{MILLISECOND, SECOND, World};
use crate::codec::Message;
use crate::process::signal::Question;
use rlua_machine::value::Pid;
use std::sync::Arc;

pub(super) fn messages(program: &Arc<Program>, pid: Pid) -> usize {
    program.processes()[&pid].mailbox.all().count()
}

#[test]
fn what_was_sent_by_an_earlier_path_and_comes_late_is_left_out() {
    let mut w = triangle(1, false, MILLISECOND).losing();
    let pid = w.born(1);
    // It waits on its way; so does the news that its receiver has left, and then the mark.
    w.part(0, 1, 30 * SECOND);
    w.does(0, |p, program| p.send(program, pid, 10));
    w.does(0, |p, program| program.core(p, |core, effects| core.link(pid, effects)));
    w.moved(pid, 1, 2);
    w.wait(SECOND);
    w.does(0, |p, program| p.send(program, pid, 10));
    w.wait(15 * SECOND);
    assert_eq!(messages(&w.program(2), pid), 1, "the second has come");
    w.wait(15 * SECOND);
    assert_eq!(messages(&w.program(2), pid), 1, "the first does not come after it");
    let (here, there) = (w.root(0), w.program(2));
    let linked = w.program(0).processes()[&here].core.links().contains(&pid);
    assert_eq!(there.processes()[&pid].core.links().contains(&here), linked, "both ends agree");
    // What comes from there now is in order.
    w.does(0, |p, program| p.send(program, pid, 10));
    w.wait(SECOND);
    assert_eq!(messages(&w.program(2), pid), 2);
    w.ends_well();
}
#[test]
fn which_paths_have_been_heard_of_goes_along() {
    let mut w = triangle(1, false, MILLISECOND).losing();
    let pid = w.born(1);
    w.part(0, 1, 30 * SECOND);
    w.does(0, |p, program| p.send(program, pid, 10));
    w.moved(pid, 1, 2);
    w.wait(12 * SECOND);
    w.does(0, |p, program| p.send(program, pid, 10));
    w.wait(SECOND);
    assert_eq!(messages(&w.program(2), pid), 1, "the second has come");
    // To where the first comes.
    w.moved(pid, 2, 1);
    w.wait(30 * SECOND);
    assert_eq!(messages(&w.program(1), pid), 1, "the first does not come after it");
    w.ends_well();
}
#[test]
fn what_a_process_has_sent_from_where_it_was_and_comes_late_is_left_out() {
    let mut w = triangle(1, false, MILLISECOND).losing();
    let (pid, root) = (w.born(1), w.root(0));
    let before = messages(&w.program(0), root);
    w.part(0, 1, 30 * SECOND);
    w.lets(pid, 1, |p, program| {
        p.core.trapexit = true;
        p.send(program, root, 10);
        program.core(p, |core, effects| core.link(root, effects));
        None
    });
    w.moved(pid, 1, 2);
    w.wait(2 * SECOND);
    w.lets(pid, 2, |p, program| {
        p.send(program, root, 10);
        None
    });
    w.wait(SECOND);
    assert_eq!(messages(&w.program(0), root), before + 1, "the second has come");
    w.wait(30 * SECOND);
    assert_eq!(messages(&w.program(0), root), before + 1, "the first does not come after it");
    // Back where it was it is heard again.
    w.moved(pid, 2, 1);
    w.lets(pid, 1, |p, program| {
        p.send(program, root, 10);
        None
    });
    w.wait(SECOND);
    assert_eq!(messages(&w.program(0), root), before + 2);
    w.ends_well();
}
#[test]
fn what_it_has_sent_comes_late_though_it_was_there_again_since() {
    let mut w = triangle(1, false, MILLISECOND).losing();
    let (pid, root) = (w.born(1), w.root(0));
    let before = messages(&w.program(0), root);
    let healed = w.now() + 15 * SECOND;
    w.part(0, 1, 15 * SECOND);
    says(&mut w, pid, 1, root);
    w.wait(SECOND);
    w.moved(pid, 1, 2);
    w.wait(2 * SECOND);
    says(&mut w, pid, 2, root);
    w.wait(SECOND);
    assert_eq!(messages(&w.program(0), root), before + 1, "the second has come");
    w.moved(pid, 2, 1);
    // It has gone there once more, and not gone on yet, when the first comes.
    w.run_until(healed - SECOND);
    w.moved(pid, 1, 2);
    w.wait(30 * SECOND);
    assert_eq!(messages(&w.program(0), root), before + 1, "the first does not come after it");
    w.ends_well();
}
#[test]
fn what_a_process_has_sent_when_it_was_there_again_comes_late_too() {
    let mut w = triangle(1, false, MILLISECOND).losing();
    let (pid, root) = (w.born(1), w.root(0));
    let before = messages(&w.program(0), root);
    w.part(0, 1, 30 * SECOND);
    w.moved(pid, 1, 2);
    w.wait(SECOND);
    w.moved(pid, 2, 1);
    w.wait(SECOND);
    says(&mut w, pid, 1, root);
    w.wait(SECOND);
    w.moved(pid, 1, 2);
    w.wait(SECOND);
    says(&mut w, pid, 2, root);
    w.wait(SECOND);
    assert_eq!(messages(&w.program(0), root), before + 1, "the second has come");
    // The news that it has left comes before the first does: it has left twice.
    w.wait(30 * SECOND);
    assert_eq!(messages(&w.program(0), root), before + 1, "the first does not come after it");
    w.ends_well();
}
#[test]
fn a_process_runs_when_what_it_has_sent_before_was_sent_on_as_well() {
    let mut w = world(1, 4, false, MILLISECOND);
    for (a, b) in [(0, 1), (0, 3), (1, 2), (1, 3), (2, 3)] {
        w.connect(a, b);
    }
    let (pid, receiver) = (w.born(0), w.born(1));
    w.moved(receiver, 1, 2);
    // Where it is sent on it takes some time.
    w.part(1, 2, SECOND);
    w.lets(pid, 0, |p, program| {
        p.send(program, receiver, 10);
        None
    });
    w.moves(pid, 0, 3);
    w.runs(pid, 3);
    w.lets(pid, 3, |p, program| {
        p.send(program, receiver, 10);
        None
    });
    w.wait(5 * SECOND);
    assert_eq!(messages(&w.program(2), receiver), 2, "both have come");
    w.ends_well();
}
#[test]
fn what_is_long_and_was_sent_on_is_not_overtaken_by_the_news_that_its_sender_has_left() {
    for seed in 0..20 {
        let mut w = triangle(seed, false, 100 * MILLISECOND);
        let (pid, receiver) = (w.born(0), w.born(1));
        w.moved(receiver, 1, 2);
        w.lets(pid, 0, |p, program| {
            p.send(program, receiver, 600_000);
            None
        });
        let target = if seed % 2 == 0 { 1 } else { 2 };
        w.moves(pid, 0, target);
        w.runs(pid, target);
        w.lets(pid, target, |p, program| {
            p.send(program, receiver, 10);
            None
        });
        w.wait(5 * SECOND);
        assert_eq!(messages(&w.program(2), receiver), 2, "both have come");
        w.ends_well();
    }
}
#[test]
fn what_is_to_be_sent_on_waits_for_a_connection() {
    let mut w = triangle(1, false, MILLISECOND).losing();
    let pid = w.born(1);
    w.part(0, 1, 10 * SECOND);
    w.moved(pid, 1, 2);
    w.breaks(1, 2);
    w.breaks(2, 1);
    w.does(0, |p, program| p.send(program, pid, 10));
    w.wait(30 * SECOND);
    assert_eq!(messages(&w.program(2), pid), 1, "it has come");
    w.ends_well();
}
#[test]
fn who_asks_by_a_node_that_does_not_know_of_an_end_is_told() {
    let mut w = triangle(1, false, MILLISECOND).losing();
    let pid = w.born(0);
    w.moved(pid, 0, 2);
    w.part(0, 2, 10 * SECOND);
    w.lets(pid, 2, |_, _| Some((Message::string(b"bad"), true)));
    w.wait(SECOND);
    // By where it was born, which is not told of the end any more.
    w.does(1, |p, program| p.ask(program, pid, Question::Alive));
    w.does(1, |p, program| program.core(p, |core, effects| core.monitor(pid, effects)));
    w.breaks(0, 2);
    w.wait(20 * SECOND);
    assert!(!w.waits(1), "it has its answer");
    assert!(w.program(1).processes()[&w.root(1)].core.all_watched().is_empty(), "and knows of the end");
    w.ends_well();
}
#[test]
fn late_news_of_a_move_bring_back_no_name() {
    let mut w = triangle(1, true, MILLISECOND).losing();
    let pid = w.born(1);
    w.lets(pid, 1, |p, program| {
        p.register(program, program.online().as_ref(), b"name", pid);
        None
    });
    w.wait(SECOND);
    assert_eq!(w.program(0).find_name(b"name"), Some(pid));
    w.part(0, 1, 30 * SECOND);
    w.moved(pid, 1, 2);
    w.wait(2 * SECOND);
    w.lets(pid, 2, |p, program| {
        p.unregister(program, program.online().as_ref(), b"name");
        None
    });
    w.wait(30 * SECOND);
    assert_eq!(w.program(0).find_name(b"name"), None);
    w.ends_well();
}
#[test]
fn who_asks_by_a_third_node_is_told_that_its_host_was_started_again() {
    for (silent, connected) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut w = world(1, 3, false, MILLISECOND).losing();
        w.connect(0, 1);
        w.connect(0, 2);
        if connected {
            w.connect(1, 2);
        }
        let pid = w.born(0);
        w.moved(pid, 0, 2);
        w.crash(2, silent);
        w.does(1, |p, program| p.ask(program, pid, Question::Alive));
        w.does(1, |p, program| program.core(p, |core, effects| core.link(pid, effects)));
        w.start(2);
        w.wait(150 * SECOND);
        assert!(!w.waits(1), "it has its answer");
        assert!(w.program(1).processes()[&w.root(1)].core.links().is_empty(), "and knows of the end");
        w.ends_well();
    }
}
#[test]
fn a_parent_that_gives_up_two_spawns_and_moves_has_children_that_know_it() {
    for seed in 0..20 {
        let mut w = triangle(seed, true, 100 * MILLISECOND);
        let parent = w.born(0);
        for _ in 0..2 {
            w.asks_for_child(parent, 0, 2);
            w.lets(parent, 0, |p, _| {
                p.wants = None;
                None
            });
            let pause = w.below(200 * MILLISECOND);
            w.wait(pause);
        }
        w.moved(parent, 0, 1);
        w.wait(SECOND);
        let children = w.program(2).processes().len() - 1;
        assert_eq!((children, w.program(1).processes()[&parent].core.links().len()), (2, 2), "seed {seed}");
        w.ends_well();
    }
}

/// A process of the first host that has sent to the third goes to the second, which is not connected with that.
fn goes_where_no_connection_is(apart: super::Time) -> (World, Pid, Pid) {
    let mut w = world(1, 4, false, MILLISECOND).losing();
    for (a, b) in [(0, 1), (0, 2), (1, 3), (2, 3)] {
        w.connect(a, b);
    }
    let (pid, root) = (w.born(0), w.root(2));
    Surroundings::met(&w.program(1), root.runtime(), &w.hosts[2].name.clone());
    w.part(0, 2, apart);
    says(&mut w, pid, 0, root);
    w.moves(pid, 0, 1);
    w.runs(pid, 1);
    (w, pid, root)
}
fn says(w: &mut World, pid: Pid, host: usize, to: Pid) {
    w.lets(pid, host, |p, program| {
        p.send(program, to, 10);
        None
    });
}
#[test]
fn what_was_sent_to_a_node_that_is_not_connected_yet_comes_first() {
    let (mut w, pid, root) = goes_where_no_connection_is(SECOND);
    assert!(w.now() > SECOND, "it has waited for that");
    let before = messages(&w.program(2), root);
    says(&mut w, pid, 1, root);
    w.wait(5 * SECOND);
    assert_eq!(messages(&w.program(2), root), before + 1, "the first was there before");
    w.ends_well();
}
#[test]
fn what_has_not_come_when_a_node_gets_connected_comes_no_more() {
    for goes_on in [false, true] {
        let (mut w, pid, root) = goes_where_no_connection_is(30 * SECOND);
        let before = messages(&w.program(2), root);
        // From the last it is connected.
        let last = if goes_on { 3 } else { 1 };
        if goes_on {
            w.moved(pid, 1, 3);
        }
        says(&mut w, pid, last, root);
        w.wait(5 * SECOND);
        assert_eq!(messages(&w.program(2), root), before + 1, "the second has come");
        w.wait(30 * SECOND);
        assert_eq!(messages(&w.program(2), root), before + 1, "the first does not come after it");
        w.ends_well();
    }
}
/// By its own node, or by the one that the receiver has left.
#[test]
fn what_was_sent_on_before_its_sender_went_on_comes_no_more() {
    for by_another in [false, true] {
        let mut w = world(1, 4, false, MILLISECOND).losing();
        for (a, b) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
            w.connect(a, b);
        }
        let (pid, receiver) = (w.born(0), w.born(1));
        if by_another {
            // It is still believed to be there.
            w.part(0, 1, SECOND);
            w.moves(receiver, 1, 2);
            while !w.program(2).processes().contains_key(&receiver) {
                w.step();
            }
            w.part(1, 2, 30 * SECOND);
        } else {
            w.moved(receiver, 1, 2);
            w.part(0, 2, 30 * SECOND);
        }
        says(&mut w, pid, 0, receiver);
        w.moves(pid, 0, 3);
        w.runs(pid, 3);
        says(&mut w, pid, 3, receiver);
        w.wait(15 * SECOND);
        assert_eq!(messages(&w.program(2), receiver), 1, "the second has come");
        w.wait(30 * SECOND);
        assert_eq!(messages(&w.program(2), receiver), 1, "the first does not come after it");
        w.ends_well();
    }
}

#[test]
fn what_a_process_sends_from_where_it_has_come_back_to_is_not_late() {
    let mut w = world(1, 3, false, MILLISECOND);
    let (pid, root) = (w.born(1), w.root(0));
    w.connect(1, 2);
    w.moved(pid, 1, 2);
    // Of what it has sent from there nothing is to come.
    w.connect(0, 1);
    w.connect(0, 2);
    w.moved(pid, 2, 0);
    w.moved(pid, 0, 1);
    let before = messages(&w.program(0), root);
    says(&mut w, pid, 1, root);
    w.wait(SECOND);
    assert_eq!(messages(&w.program(0), root), before + 1, "it has come");
    w.ends_well();
}

/// It was sent straight by who had not heard of the move when it looked.
#[test]
fn what_was_to_go_straight_goes_to_where_its_receiver_is_when_it_is_queued() {
    let mut w = triangle(1, false, MILLISECOND);
    let pid = w.born(1);
    w.moved(pid, 1, 2);
    w.part(0, 1, 10 * SECOND);
    w.does(0, |p, program| {
        let online = program.online().expect("it is a node");
        let (number, m) = {
            let mut common = program.common();
            let from_here = (common.now, 0);
            common.ledger.message(p.core.pid(), Some(pid), 10, from_here)
        };
        p.send_elsewhere(program, &online, None, Some(pid), Target::Pid(pid), &m, number);
    });
    w.wait(SECOND);
    assert_eq!(messages(&w.program(2), pid), 1, "it has not gone by where the receiver was");
    w.ends_well();
}

/// It had been there itself, and what it has sent from there would be late.
#[test]
fn what_a_process_has_sent_by_where_it_was_before_is_not_late() {
    for seed in 0..20 {
        let mut w = world(seed, 3, false, 100 * MILLISECOND);
        let (pid, receiver) = (w.born(0), w.born(0));
        w.connect(0, 1);
        w.moved(pid, 0, 1);
        // Who gets connected now hears that nothing is to come of it from there.
        w.connect(0, 2);
        w.connect(1, 2);
        w.moves(receiver, 0, 2);
        // It comes before the receiver leaves, and follows it, or after that, and is sent on.
        let pause = w.below(300 * MILLISECOND);
        w.wait(pause);
        w.lets(pid, 1, |p, program| {
            program.core(p, |core, effects| core.link(receiver, effects));
            p.ask(program, receiver, Question::Alive);
            None
        });
        w.wait(5 * SECOND);
        let is_linked = w.program(1).processes().get(&pid).is_some_and(|p| p.core.links().contains(&receiver));
        assert!(is_linked, "seed {seed}: nothing was lost");
        w.ends_well();
    }
}

/// It was to come out at a node that is connected, and comes out at one that is not.
#[test]
fn a_mark_that_follows_a_process_is_answered() {
    let mut w = world(1, 4, false, MILLISECOND);
    for (a, b) in [(0, 1), (0, 2), (1, 2), (1, 3)] {
        w.connect(a, b);
    }
    let pid = w.born(0);
    w.moves(pid, 0, 1);
    while !w.online(2).expect("it is a node").has_moved(pid) {
        w.step();
    }
    // Its mark is on its way when the process goes on.
    w.part(0, 2, 4 * SECOND);
    w.runs(pid, 1);
    w.moved(pid, 1, 3);
    let watcher = w.root(2);
    w.does(2, |p, program| program.core(p, |core, effects| core.monitor(pid, effects)));
    w.wait(5 * SECOND);
    let watchers = w.program(3).processes()[&pid].core.all_watchers();
    assert!(watchers.iter().any(|(other, _)| *other == watcher), "it is held back no longer");
    w.ends_well();
}
