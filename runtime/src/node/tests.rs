//! Nodes in one thread: handshakes and sessions over pipes of bytes that come late, in pieces, altered, twice or never.
//!
//! Journey: remote signal, all of it but the sockets. Each test runs for many seeds, and a seed decides everything.

use super::chance::Random;
use super::cookie::{Key, key};
use super::frame::{Fault, Limits};
use super::handshake::{Event as Step, Failure, Handshake, STRANGER_MAX, STRANGER_TIME, Verdict};
use super::hello::{Hello, Refusal, VERSIONS};
use super::name::NodeName;
use super::outgoing::Payer;
use super::session::{End, Event, Sent, Session};
use super::signal::{Contents, Signal, Target};
use super::{MILLISECOND, SECOND, Time};
use crate::codec::NoModules;
use rlua_machine::value::{Pid, Runtime};
use std::collections::VecDeque;

fn name(text: &str) -> NodeName {
    NodeName::parse(text).expect("it is valid")
}
fn hello(id: u128, of: &str) -> Hello {
    let runtime = id.to_be_bytes();
    Hello { versions: VERSIONS, features: 1, name: name(of), runtime, creation: 7, limits: Limits::default() }
}
fn cookie() -> Key {
    key(super::cookie::generate([3; 32]).as_bytes()).expect("it is a cookie")
}
/// Moves what two handshakes write, a few bytes at a time, until nothing moves; `verdict` answers the responder.
fn shake(a: &mut Handshake, b: &mut Handshake, random: &mut Random, verdict: &Verdict) -> [Vec<Step>; 2] {
    let mut pipes: [VecDeque<u8>; 2] = Default::default();
    let mut seen: [Vec<Step>; 2] = Default::default();
    loop {
        pipes[1].extend(a.take_output());
        pipes[0].extend(b.take_output());
        while let Some(event) = a.poll() {
            seen[0].push(event);
        }
        while let Some(event) = b.poll() {
            if matches!(event, Step::Asked(_)) {
                b.answer(verdict.clone());
            }
            seen[1].push(event);
        }
        pipes[0].extend(b.take_output());
        if pipes.iter().all(VecDeque::is_empty) {
            return seen;
        }
        let to = random.below(2) as usize;
        let n = (1 + random.below(60) as usize).min(pipes[to].len());
        let bytes: Vec<u8> = pipes[to].drain(..n).collect();
        [&mut *a, &mut *b][to].receive(&bytes, 0);
    }
}
fn pair(random: &mut Random) -> [Session; 2] {
    let key = cookie();
    let mut a = Handshake::initiate(&key, hello(101, "a@h"), name("b@h"), random.key(), 0);
    let mut b = Handshake::accept(&key, hello(102, "b@h"), random.key(), 0);
    let seen = shake(&mut a, &mut b, random, &Verdict::Ok);
    assert_eq!(seen[0], [Step::Established]);
    assert!(matches!(&seen[1][..], [Step::Asked(o), Step::Established] if o.hello.name == name("a@h")));
    [a, b].map(|h| {
        let established = h.finish().expect("it stands");
        Session::new(established, Limits::default(), Some(60 * SECOND), 0)
    })
}
fn failure(steps: &[Step]) -> Option<Failure> {
    steps.iter().find_map(|s| if let Step::Failed(f) = s { Some(f.clone()) } else { None })
}
fn pid(id: u128, serial: u64) -> Pid {
    Pid::new(Runtime::find(id).expect("there is room"), serial)
}
fn message(from: Pid, to: Pid, bytes: Vec<u8>) -> Signal<Pid> {
    Signal::Send { from, to: Target::Pid(to), contents: Contents::new(bytes) }
}
fn events(s: &mut Session) -> Vec<Event> {
    std::iter::from_fn(|| s.poll()).collect()
}

#[test]
fn signals_arrive_once_and_in_the_order_of_their_sender() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let mut sessions = pair(&mut random);
        let mut pipes: [VecDeque<u8>; 2] = Default::default();
        let mut sent = [[0u64; 4]; 2];
        let mut got = [[0u64; 4]; 2];
        for step in 0..1500 {
            let who = random.below(2) as usize;
            if step < 300 {
                let process = random.below(4);
                let from = pid(101 + who as u128, process);
                let kinds = 3 + u64::from(random.below(8) == 0);
                let length = [9, 200, 20_000, 300_000][random.below(kinds) as usize];
                let mut bytes = vec![process as u8; length];
                let counter = &mut sent[who][process as usize];
                bytes[1..9].copy_from_slice(&counter.to_be_bytes());
                *counter += 1;
                let to = pid(102 - who as u128, 3);
                let payer = Payer::Process(from);
                sessions[who].send(Some(from), payer, message(from, to, bytes), &|_| None).expect("it is short enough");
            }
            if random.below(3) > 0 || step >= 1000 {
                let mut out = Vec::new();
                sessions[who].transmit(&mut out, 1 + random.below(200_000) as usize);
                pipes[1 - who].extend(out);
            }
            let n = (random.below(150_000) as usize).min(pipes[who].len());
            let bytes: Vec<u8> = pipes[who].drain(..n).collect();
            sessions[who].receive(&bytes, step, &NoModules);
            for event in events(&mut sessions[who]) {
                match event {
                    Event::Signal(Signal::Send { from, contents, .. }) => {
                        let bytes = contents.bytes.0;
                        let expected = &mut got[1 - who][from.serial() as usize];
                        assert_eq!(u64::from(bytes[0]), from.serial());
                        assert_eq!(bytes[1..9], expected.to_be_bytes());
                        assert!(bytes[9..].iter().all(|b| *b == bytes[0]));
                        *expected += 1;
                    }
                    Event::Met(..) | Event::Resume(_) => {}
                    other => panic!("seed {seed}: {other:?}"),
                }
            }
        }
        assert_eq!(sent, got, "seed {seed}");
        assert!(sessions.iter().all(|s| s.waiting() == 0 && !s.wants_to_write()));
    }
}
#[test]
fn an_altered_repeated_or_missing_frame_ends_the_session() {
    for seed in 0..200 {
        let mut random = Random(seed);
        let [mut a, mut b] = pair(&mut random);
        let mut frames = Vec::new();
        for i in 0..5 {
            let (from, to) = (pid(101, 1), pid(102, 2));
            a.send(Some(from), Payer::Node, message(from, to, vec![i; 50]), &|_| None).expect("it is short enough");
            let mut frame = Vec::new();
            a.transmit(&mut frame, 1);
            frames.push(frame);
        }
        let which = random.below(4) as usize;
        match seed % 3 {
            0 => {
                let at = 2 + random.below(frames[which].len() as u64 - 2) as usize;
                frames[which][at] ^= 1 << random.below(8);
            }
            1 => frames.insert(which + 1, frames[which].clone()),
            _ => drop(frames.remove(which)),
        }
        b.receive(&frames.concat(), 1, &NoModules);
        let seen = events(&mut b);
        let signals = seen.iter().filter(|e| matches!(e, Event::Signal(_))).count();
        assert_eq!(signals, which + (seed % 3 == 1) as usize, "all before it, none after");
        assert_eq!(seen.last(), Some(&Event::Ended(End::Fault(Fault::Sealed))));
        b.receive(&frames.concat(), 2, &NoModules);
        assert!(events(&mut b).is_empty());
        // The peer is told why.
        let mut out = Vec::new();
        b.transmit(&mut out, 1000);
        assert!(!b.wants_to_write());
        a.receive(&out, 3, &NoModules);
        assert!(matches!(&events(&mut a)[..], [Event::Ended(End::ByPeer(why))] if why.contains("altered")));
    }
}
#[test]
fn another_cookie_is_noticed_on_both_sides() {
    let mut random = Random(1);
    let other = key(b"something else").expect("it is a cookie");
    let mut a = Handshake::initiate(&cookie(), hello(101, "a@h"), name("b@h"), random.key(), 0);
    let mut b = Handshake::accept(&other, hello(102, "b@h"), random.key(), 0);
    let seen = shake(&mut a, &mut b, &mut random, &Verdict::Ok);
    assert_eq!(failure(&seen[0]), Some(Failure::Cookie));
    // The initiator closes the connection.
    b.closed();
    let last = b.poll();
    assert_eq!(last, Some(Step::Failed(Failure::ClosedEarly)));
    assert!(Failure::ClosedEarly.to_string().starts_with("cookie?"));
    assert!(a.take_output().is_empty() && a.finish().is_none() && b.finish().is_none());
}
#[test]
fn hellos_that_cannot_lead_to_a_session_are_refused_with_the_reason() {
    let mut random = Random(2);
    let mut check = |change: &dyn Fn(&mut Hello), dialled: &str, expected: Refusal| {
        let mut own = hello(101, "a@h");
        change(&mut own);
        let mut a = Handshake::initiate(&cookie(), own, name(dialled), random.key(), 0);
        let mut b = Handshake::accept(&cookie(), hello(102, "b@h"), random.key(), 0);
        let seen = shake(&mut a, &mut b, &mut random, &Verdict::Ok);
        assert_eq!(failure(&seen[0]), Some(Failure::Refused(expected.clone())));
        assert_eq!(failure(&seen[1]), Some(Failure::Refusing(expected)));
    };
    check(&|_| {}, "c@h", Refusal::OtherName(name("b@h")));
    check(&|h| h.runtime = 102u128.to_be_bytes(), "b@h", Refusal::Oneself);
    check(&|h| h.versions = (7, 9), "b@h", Refusal::Versions { spoken: VERSIONS });
    check(&|h| h.limits.slots = 0, "b@h", Refusal::Malformed);
    let mut a = Handshake::initiate(&cookie(), hello(101, "a@h"), name("b@h"), random.key(), 0);
    let mut b = Handshake::accept(&cookie(), hello(102, "b@h"), random.key(), 0);
    let seen = shake(&mut a, &mut b, &mut random, &Verdict::Refuse(Refusal::NameTaken));
    assert_eq!(failure(&seen[0]), Some(Failure::Refused(Refusal::NameTaken)));
}
#[test]
fn who_is_told_to_wait_gets_an_answer_later() {
    let mut random = Random(3);
    for verdict in [Verdict::Ok, Verdict::Refuse(Refusal::Connected)] {
        let mut a = Handshake::initiate(&cookie(), hello(101, "a@h"), name("b@h"), random.key(), 0);
        let mut b = Handshake::accept(&cookie(), hello(102, "b@h"), random.key(), 0);
        let seen = shake(&mut a, &mut b, &mut random, &Verdict::Wait);
        assert_eq!(seen[0], [Step::Waiting]);
        assert!(a.next_timeout() > Some(STRANGER_TIME) && b.next_timeout().is_none());
        b.answer(verdict.clone());
        a.receive(&b.take_output(), SECOND);
        let last = a.poll();
        match verdict {
            Verdict::Ok => assert_eq!(last, Some(Step::Established)),
            _ => assert_eq!(last, Some(Step::Failed(Failure::Refused(Refusal::Connected)))),
        }
    }
}
#[test]
fn a_stranger_has_a_kilobyte_and_five_seconds() {
    let mut random = Random(4);
    for seed in 0..500 {
        let mut b = Handshake::accept(&cookie(), hello(102, "b@h"), random.key(), 0);
        let mut fed = 0;
        let last = loop {
            let n = 1 + random.below(100) as usize;
            let mut bytes: Vec<u8> = (0..n).map(|_| random.next() as u8).collect();
            if fed == 0 && seed % 2 == 0 {
                // The length of a first message, so that the rest is looked at.
                bytes.splice(..0, [0, 48]);
            }
            fed += bytes.len();
            b.receive(&bytes, 0);
            if let Some(event) = b.poll() {
                break event;
            }
            assert!(fed <= STRANGER_MAX + 102);
        };
        assert_eq!(last, Step::Failed(Failure::Stranger));
    }
    let mut b = Handshake::accept(&cookie(), hello(102, "b@h"), random.key(), 10);
    assert_eq!(b.next_timeout(), Some(10 + STRANGER_TIME));
    b.timeout(9 + STRANGER_TIME);
    assert_eq!(b.poll(), None);
    b.timeout(10 + STRANGER_TIME);
    assert_eq!(b.poll(), Some(Step::Failed(Failure::Timeout)));
}
#[test]
fn who_stalls_in_the_middle_of_a_handshake_is_given_up() {
    // The key has come, the hello does not; and the responder's key does not.
    let mut random = Random(8);
    let mut a = Handshake::initiate(&cookie(), hello(101, "a@h"), name("b@h"), random.key(), 0);
    let mut b = Handshake::accept(&cookie(), hello(102, "b@h"), random.key(), 0);
    b.receive(&a.take_output(), SECOND);
    assert!(!b.take_output().is_empty() && b.is_stranger());
    for h in [&mut a, &mut b] {
        assert_eq!(h.next_timeout(), Some(STRANGER_TIME), "what has come gives it no more time");
        h.timeout(STRANGER_TIME);
        assert_eq!(h.poll(), Some(Step::Failed(Failure::Timeout)));
        assert!(h.has_failed() && h.take_output().is_empty());
    }
}
#[test]
fn a_signal_that_says_it_has_four_gigabytes_ends_the_session() {
    let mut random = Random(9);
    let [mut a, mut b] = pair(&mut random);
    let to = pid(102, 1);
    a.send(None, Payer::Node, message(pid(101, 1), to, vec![0; 100]), &|_| None).expect("it is short enough");
    let mut out = Vec::new();
    a.transmit(&mut out, 1000);
    b.receive(&out, 1, &NoModules);
    events(&mut b);
    // Item 1: slot 0, 2^32 bytes; then the head of a message.
    let wire = super::signal::WirePid { runtime: 0, serial: 1 };
    let head = Signal::Send { from: wire, to: Target::Pid(wire), contents: Contents::new(Vec::new()) };
    let mut plain = Vec::new();
    super::frame::write_item(&super::frame::Item::Begin { slot: 0, total: 1 << 32, head }, &mut plain);
    out.clear();
    a.seal_raw(&plain, &mut out);
    b.receive(&out, 2, &NoModules);
    assert_eq!(events(&mut b), [Event::Ended(End::Fault(Fault::Long(1 << 32)))]);
}
#[test]
fn bits_that_change_during_a_handshake_end_it() {
    for seed in 0..300 {
        let mut random = Random(seed);
        let mut a = Handshake::initiate(&cookie(), hello(101, "a@h"), name("b@h"), random.key(), 0);
        let mut b = Handshake::accept(&cookie(), hello(102, "b@h"), random.key(), 0);
        let target = random.below(4);
        for message in 0..4 {
            let from_a = message % 2 == 0;
            let mut bytes = if from_a { a.take_output() } else { b.take_output() };
            if bytes.is_empty() {
                break;
            }
            if message == target {
                let at = 2 + random.below(bytes.len() as u64 - 2) as usize;
                bytes[at] ^= 1 << random.below(8);
            }
            let to = if from_a { &mut b } else { &mut a };
            to.receive(&bytes, 0);
            if from_a {
                b.answer(Verdict::Ok);
            }
        }
        let a_steps: Vec<Step> = std::iter::from_fn(|| a.poll()).collect();
        let b_steps: Vec<Step> = std::iter::from_fn(|| b.poll()).collect();
        assert!(!a_steps.contains(&Step::Established), "seed {seed}");
        assert!(failure(&a_steps).is_some() || failure(&b_steps).is_some(), "seed {seed}");
    }
}
#[test]
fn who_is_said_to_be_no_more_has_to_say_something_soon() {
    for (answers, keepalive) in [(true, Some(60 * SECOND)), (false, Some(60 * SECOND)), (false, None)] {
        let [mut a, mut b] = pair(&mut Random(6));
        a.set_keepalive(keepalive);
        a.probe(SECOND);
        // Who says so once more gives it no more time.
        a.probe(4 * SECOND);
        assert_eq!(a.next_timeout(), Some(6 * SECOND));
        let mut out = Vec::new();
        a.transmit(&mut out, 1000);
        b.receive(&out, 4 * SECOND, &NoModules);
        let mut back = Vec::new();
        b.transmit(&mut back, 1000);
        if answers {
            a.receive(&back, 5 * SECOND, &NoModules);
            assert_eq!(a.next_timeout(), Some(20 * SECOND));
        }
        a.timeout(6 * SECOND);
        assert_eq!(a.has_ended(), !answers);
    }
}
#[test]
fn silence_is_noticed_and_a_ping_ends_it() {
    let mut random = Random(5);
    let [mut a, mut b] = pair(&mut random);
    assert_eq!(a.next_timeout(), Some(15 * SECOND));
    a.timeout(15 * SECOND);
    let mut out = Vec::new();
    a.transmit(&mut out, 1000);
    b.receive(&out, 16 * SECOND, &NoModules);
    let mut back = Vec::new();
    b.transmit(&mut back, 1000);
    assert!(!back.is_empty());
    a.receive(&back, 17 * SECOND, &NoModules);
    assert_eq!(a.next_timeout(), Some(32 * SECOND));
    a.timeout(32 * SECOND);
    assert_eq!(a.next_timeout(), Some(77 * SECOND));
    a.timeout(77 * SECOND - 1);
    assert!(!a.has_ended());
    a.timeout(77 * SECOND);
    assert_eq!(events(&mut a), [Event::Ended(End::Silent(60_000))]);
    assert_eq!(a.next_timeout(), None);
    a.set_keepalive(None);
    let _: (Time, Time) = (MILLISECOND, SECOND);
}
#[test]
fn an_end_wakes_who_was_suspended() {
    let mut random = Random(6);
    let [mut a, mut b] = pair(&mut random);
    let from = pid(101, 1);
    let big = message(from, pid(102, 2), vec![0; 2 << 20]);
    assert_eq!(a.send(Some(from), Payer::Process(from), big, &|_| Some(name("a@h"))), Ok(Sent::Suspend));
    let mut out = Vec::new();
    a.transmit(&mut out, 200_000);
    b.receive(&out, 0, &NoModules);
    assert!(events(&mut b).iter().all(|e| matches!(e, Event::Met(_, n) if *n == name("a@h"))));
    a.close("shutdown");
    assert_eq!(events(&mut a), [Event::Resume(from), Event::Ended(End::Closed("shutdown".into()))]);
    out.clear();
    a.transmit(&mut out, 1000);
    b.receive(&out, 0, &NoModules);
    assert_eq!(events(&mut b), [Event::Ended(End::ByPeer("closed: shutdown".into()))]);
}
#[test]
fn random_plain_text_under_the_right_key_is_a_fault_or_signals() {
    use super::frame::{next_item, write_item};
    let mut faults = 0;
    for seed in 0..20_000 {
        let mut random = Random(seed);
        let length = random.below(60);
        let bytes: Vec<u8> = (0..length)
            .map(|_| if random.below(2) == 0 { random.below(22) as u8 } else { random.next() as u8 })
            .collect();
        let mut rest = &bytes[..];
        loop {
            match next_item(&mut rest) {
                Ok(Some(item)) => {
                    let mut again = Vec::new();
                    write_item(&item, &mut again);
                    let mut slice = &again[..];
                    assert_eq!(next_item(&mut slice), Ok(Some(item)));
                }
                Ok(None) => break,
                Err(_) => {
                    faults += 1;
                    break;
                }
            }
        }
    }
    assert!(faults > 1000);
}
