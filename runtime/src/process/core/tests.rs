//! What a core does with each signal, and what its ties come to.

use super::*;

const A: Pid = Pid::from_bits(1);
const B: Pid = Pid::from_bits(2);
const C: Pid = Pid::from_bits(3);

/// Two cores and the signals between them, in order each way.
struct Pair {
    cores: [Core; 2],
    wires: [std::collections::VecDeque<Signal>; 2],
    seen: [Vec<Effect>; 2],
}
impl Pair {
    fn new() -> Pair {
        Pair { cores: [Core::new(A), Core::new(B)], wires: Default::default(), seen: Default::default() }
    }
    fn act(&mut self, who: usize, f: impl FnOnce(&mut Core, &mut Vec<Effect>)) {
        let mut effects = Vec::new();
        f(&mut self.cores[who], &mut effects);
        for e in effects {
            match e {
                Effect::Route(to, s) => self.wires[(to == B) as usize].push_back(s),
                e => self.seen[who].push(e),
            }
        }
    }
    /// Handles the next signal that reaches one of the two.
    fn step(&mut self, who: usize) -> bool {
        let Some(s) = self.wires[who].pop_front() else { return false };
        self.act(who, |c, e| c.handle(s, e));
        true
    }
    fn settle(&mut self) {
        while self.step(0) || self.step(1) {}
    }
    fn linked(&self) -> [bool; 2] {
        [self.cores[0].links().contains(&B), self.cores[1].links().contains(&A)]
    }
}

/// All short programs of links and unlinks by both sides, with all orders of delivery: never half a link, and one if
/// a link is the last that each has asked for.
#[test]
fn the_answer_to_a_question_that_was_given_up_does_not_hide_the_next() {
    let mut core = Core::new(A);
    let (first, second) = (core.next_id(), core.next_id());
    let mut effects = Vec::new();
    for id in [second, first] {
        core.handle(Signal::Reply { id, answer: Answer::Dead }, &mut effects);
    }
    assert!(matches!(core.take_reply(second), Some(Answer::Dead)));
}
#[test]
fn a_spawn_that_was_given_up_ties_its_child_though_another_has_begun() {
    let mut core = Core::new(A);
    let mut effects = Vec::new();
    core.spawns(2, true, Some(1));
    core.spawns(4, false, Some(3));
    for (id, child) in [(2, B), (4, C)] {
        core.handle(Signal::Reply { id, answer: Answer::Spawned(child) }, &mut effects);
    }
    assert_eq!(core.links(), [B]);
    assert_eq!(core.watched(), [B, C]);
}
/// The child has moved, and what tells of it comes later than what it says itself.
#[test]
fn a_child_that_asks_for_its_ties_before_it_is_known_has_them_or_its_parent_is_told() {
    let (mut core, mut effects) = (Core::new(A), Vec::new());
    core.trapexit = true;
    core.spawns(1, true, Some(2));
    core.handle(Signal::Tied { from: B, bond: Bond::WatchedUnder(2) }, &mut effects);
    assert!(effects.is_empty(), "it will be monitored");
    core.handle(Signal::Tied { from: B, bond: Bond::Link }, &mut effects);
    assert!(matches!(effects[..], [Effect::Route(B, Signal::Exit { .. }), Effect::Route(B, Signal::Unlink { .. })]));
    effects.clear();
    core.handle(Signal::Reply { id: 1, answer: Answer::Spawned(B) }, &mut effects);
    assert!(effects.iter().any(|e| matches!(e, Effect::Deliver(_))), "the link is lost");
    assert_eq!((core.links(), core.watched()), (vec![], vec![B]));
}
#[test]
fn a_link_has_two_ends_or_none() {
    // Each digit of a program: what happens next.
    const CHOICES: u32 = 6;
    for program in 0..CHOICES.pow(6) {
        let mut pair = Pair::new();
        let mut rest = program;
        let mut wishes = [false; 2];
        for _ in 0..6 {
            let who = (rest % 2) as usize;
            let other = [B, A][who];
            match rest % CHOICES / 2 {
                0 => pair.act(who, |c, e| c.link(other, e)),
                1 => pair.act(who, |c, e| c.unlink(other, e)),
                _ => {
                    pair.step(who);
                }
            }
            if rest % CHOICES < 4 {
                wishes[who] = rest % CHOICES < 2;
            }
            rest /= CHOICES;
        }
        pair.settle();
        let [a, b] = pair.linked();
        assert_eq!(a, b, "program {program}");
        assert!(a || wishes != [true, true], "program {program}");
        // Nothing is kept of a link that is gone.
        for core in &pair.cores {
            let kept = core.relations.as_ref().map_or(0, |r| r.links.keys().count());
            assert_eq!(kept, a as usize, "program {program}");
        }
    }
}
/// The same when one end is lost, and the other asks after all that it has sent.
#[test]
fn a_link_of_which_one_end_was_lost_has_two_ends_or_none_again() {
    const CHOICES: u32 = 6;
    for program in 0..CHOICES.pow(6) {
        let mut pair = Pair::new();
        pair.cores[0].linked_child(B);
        pair.wires[1].push_back(Signal::Tied { from: A, bond: Bond::Link });
        let mut rest = program;
        for _ in 0..6 {
            let who = (rest % 2) as usize;
            let other = [B, A][who];
            match rest % CHOICES / 2 {
                0 => pair.act(who, |c, e| c.link(other, e)),
                1 => pair.act(who, |c, e| c.unlink(other, e)),
                _ => _ = pair.step(who),
            }
            rest /= CHOICES;
        }
        pair.settle();
        let [a, b] = pair.linked();
        assert_eq!(a, b, "program {program}");
        for core in &pair.cores {
            let kept = core.relations.as_ref().map_or(0, |r| r.links.keys().count());
            assert_eq!(kept, a as usize, "program {program}");
        }
    }
}
#[test]
fn an_unlink_that_was_lost_is_said_again() {
    for lost in 0..2 {
        let mut pair = Pair::new();
        pair.act(0, |c, e| c.link(B, e));
        pair.settle();
        pair.act(0, |c, e| c.unlink(B, e));
        if lost == 1 {
            assert!(pair.step(1), "the acknowledgement is lost instead");
        }
        pair.wires.iter_mut().for_each(|wire| wire.clear());
        pair.act(0, |c, e| c.handle(Signal::Arrived { torn: true }, e));
        pair.settle();
        pair.act(1, |c, e| c.link(A, e));
        pair.settle();
        assert_eq!(pair.linked(), [true, true]);
    }
}
#[test]
fn a_monitor_of_which_one_end_was_lost_has_none() {
    let mut pair = Pair::new();
    pair.act(0, |c, e| c.monitor(B, e));
    pair.wires[1].clear();
    pair.act(0, |c, e| c.handle(Signal::Arrived { torn: false }, e));
    pair.settle();
    let told = pair.seen[0].iter().filter(|e| matches!(e, Effect::Deliver(_))).count();
    assert_eq!((told, pair.cores[0].all_watched()), (1, vec![]));
    // The other end.
    pair.act(0, |c, e| c.monitor(B, e));
    pair.settle();
    pair.act(0, |c, e| _ = c.demonitor(B, e));
    pair.wires[1].clear();
    pair.act(1, |c, e| c.handle(Signal::Arrived { torn: false }, e));
    pair.settle();
    assert_eq!(pair.cores[1].all_watchers(), vec![]);
}
#[test]
fn an_exit_over_a_link_that_is_gone_is_ignored() {
    let mut pair = Pair::new();
    pair.act(0, |c, e| c.link(B, e));
    pair.settle();
    // B ends while A's unlink is on its way.
    let mut farewell = pair.cores[1].farewell();
    let reason = Message::string(b"crash");
    while let Some((_, s)) = farewell.next_signal(B, &reason, true) {
        pair.wires[0].push_back(s);
    }
    pair.act(0, |c, e| c.unlink(B, e));
    assert!(pair.step(0));
    assert!(pair.seen[0].is_empty());
    // Linked again before the acknowledgement: the dead one answers both.
    pair.act(0, |c, e| c.link(B, e));
    while let Some(s) = pair.wires[1].pop_front() {
        pair.wires[0].extend(s.bounce(B).map(|(_, s)| s));
    }
    pair.settle();
    assert!(matches!(&pair.seen[0][..], [Effect::Exit(r)] if r.is_string(b"noproc")));
}
#[test]
fn a_monitor_tells_once() {
    let mut pair = Pair::new();
    pair.act(0, |c, e| c.monitor(B, e));
    pair.act(0, |c, e| c.monitor(B, e));
    pair.settle();
    pair.act(0, |c, e| assert!(c.demonitor(B, e)));
    pair.act(0, |c, e| c.monitor(B, e));
    pair.settle();
    let mut farewell = pair.cores[1].farewell();
    let reason = Message::string(b"over");
    let mut told = 0;
    while let Some((_, s)) = farewell.next_signal(B, &reason, true) {
        pair.wires[0].push_back(s);
        told += 1;
    }
    assert_eq!(told, 1);
    pair.settle();
    assert!(matches!(&pair.seen[0][..], [Effect::Deliver(_), Effect::Resume]));
    assert!(farewell.is_over());
}
/// The ends of a call's monitor, where one of them is lost.
#[test]
fn a_call_of_which_one_end_was_lost_ends_at_both() {
    for who_asks in 0..2 {
        for is_lost in [false, true] {
            let mut pair = Pair::new();
            let id = pair.cores[0].next_id();
            pair.act(0, |c, e| c.call(id, B, None, e));
            if is_lost && who_asks == 0 {
                pair.wires[1].clear();
            }
            pair.settle();
            if is_lost && who_asks == 1 {
                pair.act(0, |c, e| c.give_up_call(id, e));
                pair.wires[1].clear();
            }
            pair.act(who_asks, |c, e| c.handle(Signal::Arrived { torn: false }, e));
            pair.settle();
            let [caller, called] = [&pair.cores[0], &pair.cores[1]];
            assert_eq!(called.all_watchers(), if is_lost { vec![] } else { vec![(A, id)] });
            assert_eq!(caller.all_watched(), if is_lost { vec![] } else { vec![(B, id)] });
            let is_over = matches!(caller.called(id), Called::Over(Outcome::Ended(m)) if m.is_string(b"noconnection"));
            assert_eq!(is_over, is_lost && who_asks == 0);
        }
    }
}
/// The answers to a call, and the end of whom it was made to, in whatever order: the first is its outcome, the rest is
/// dropped, and neither end keeps anything.
#[test]
fn a_call_comes_to_one_thing() {
    let value = |text: &[u8]| Message::string(text);
    let response = |from, over, text| Signal::Response { from, id: 1, over, refused: false, value: value(text) };
    for program in 0..4u32.pow(4) {
        let mut pair = Pair::new();
        let id = pair.cores[0].next_id();
        pair.act(0, |c, e| c.call(id, B, None, e));
        // A monitor of its own stays beside it.
        pair.act(0, |c, e| c.monitor(B, e));
        pair.settle();
        let (mut is_given_up, mut has_ended) = (false, false);
        let mut rest = program;
        for _ in 0..4 {
            match rest % 4 {
                0 if !has_ended => {
                    let over = pair.cores[1].answers(A, id);
                    pair.wires[0].push_back(response(B, over, b"own"));
                }
                1 => pair.wires[0].push_back(response(Pid::from_bits(3), false, b"another's")),
                2 if !has_ended => {
                    has_ended = true;
                    let mut farewell = pair.cores[1].farewell();
                    while let Some((_, s)) = farewell.next_signal(B, &value(b"over"), true) {
                        pair.wires[0].push_back(s);
                    }
                }
                3 => {
                    let is_open = matches!(pair.cores[0].called(id), Called::Open(_));
                    is_given_up |= is_open;
                    pair.act(0, |c, e| c.give_up_call(id, e));
                }
                _ => {
                    pair.step(0);
                }
            }
            rest /= 4;
        }
        let first = pair.wires[0].front().map(|s| match s {
            Signal::Response { value, .. } => value.text(),
            Signal::Down { .. } => Some(b"over".to_vec()),
            _ => None,
        });
        let was_open = matches!(pair.cores[0].called(id), Called::Open(_));
        pair.settle();
        match pair.cores[0].called(id) {
            Called::Unknown => assert!(!was_open, "program {program}"),
            Called::Open(_) => assert!(first.is_none(), "program {program}"),
            Called::Over(outcome) => {
                let (Outcome::Answered { value: m, .. } | Outcome::Ended(m)) = outcome;
                assert!(!is_given_up, "program {program}");
                assert!(!was_open || Some(m.text()) == first, "program {program}");
            }
        }
        // Monitors agree: the own one, and the call's as long as it is open.
        if !has_ended {
            let mut ends = [pair.cores[0].all_watched(), pair.cores[1].all_watchers()];
            ends.iter_mut().for_each(|e| e.iter_mut().for_each(|m| m.0 = B));
            ends.iter_mut().for_each(|e| e.sort_unstable());
            assert_eq!(ends[0], ends[1], "program {program}");
        }
        let told = pair.seen[0].iter().filter(|e| matches!(e, Effect::Deliver(_))).count();
        assert_eq!(told, has_ended as usize, "the mailbox has the monitor's message alone: program {program}");
        pair.act(0, |c, e| c.give_up_call(id, e));
        assert_eq!(pair.cores[0].outcome_bytes(), 0);
    }
}
#[test]
fn an_interrupt_gives_up_the_call_that_is_waited_for_and_no_other() {
    let mut core = Core::new(A);
    let mut effects = Vec::new();
    let [kept, waited] = [0; 2].map(|_| core.next_id());
    core.call(kept, B, Some(5), &mut effects);
    core.keep_call();
    core.call(waited, B, None, &mut effects);
    effects.clear();
    core.give_up_current(&mut effects);
    assert!(matches!(&effects[..], [Effect::Route(B, Signal::Demonitor { id, .. })] if *id == waited));
    assert!(matches!(core.called(waited), Called::Unknown));
    assert!(matches!(core.called(kept), Called::Open(Some(5))));
}
#[test]
fn a_timeout_of_an_earlier_wait_is_stale() {
    let mut core = Core::new(A);
    let first = core.begin_wait();
    core.end_wait();
    let second = core.begin_wait();
    let mut effects = Vec::new();
    core.handle(Signal::Timeout { wait: first }, &mut effects);
    assert_eq!(core.wait_state(), Some(false));
    core.handle(Signal::Timeout { wait: second }, &mut effects);
    assert_eq!(core.wait_state(), Some(true));
}
