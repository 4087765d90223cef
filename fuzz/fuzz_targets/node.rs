//! Any bytes from a stranger end a handshake or wait for more; any plain text of a peer is signals or ends the session; any
//! bytes to a port mapper are answered or close the connection. What is read is written as it was.
#![no_main]

mod seeds;

use libfuzzer_sys::fuzz_target;
use rlua_runtime::node::cookie::{Key, generate, key};
use rlua_runtime::codec::NoModules;
use rlua_runtime::node::frame::{Item, Limits, Reassembler, next_item, write_item};
use rlua_runtime::node::handshake::{Event, Handshake, Verdict};
use rlua_runtime::node::hello::{Hello, Opening, Reply, VERSIONS};
use rlua_runtime::node::mapper::{Access, Action, Client, Mapper, Request};
use rlua_runtime::node::name::NodeName;
use rlua_runtime::node::session::Session;
use rlua_runtime::node::signal::{Bytes, Carried, Contents, MoveSignal, Signal, Target, WirePid};
use std::sync::OnceLock;

fn name(text: &str) -> NodeName {
    NodeName::parse(text).expect("it is valid")
}
fn hello(id: u8, of: &str) -> Hello {
    let limits = Limits { signal: 5000, partial: 9000, slots: 4, runtimes: 9 };
    Hello { versions: VERSIONS, features: 1, name: name(of), runtime: [id; 16], creation: 1, limits }
}
fn cookie() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(|| key(generate([1; 32]).as_bytes()).expect("it is a cookie"))
}
/// A session of a responder, and what seals frames for it: its peer's half of the handshake.
fn sessions() -> [Session; 2] {
    let mut a = Handshake::initiate(cookie(), hello(1, "a@h"), name("b@h"), [1; 32], 0);
    let mut b = Handshake::accept(cookie(), hello(2, "b@h"), [2; 32], 0);
    for _ in 0..2 {
        b.receive(&a.take_output(), 0);
        b.answer(Verdict::Ok);
        a.receive(&b.take_output(), 0);
    }
    [a, b].map(|h| Session::new(h.finish().expect("it stands"), hello(1, "a@h").limits, Some(100), 0))
}

fuzz_target!(init: seeds::write(all_seeds), |bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 5 {
        0 => stranger(bytes),
        1 => plain_text(bytes),
        2 => mapper(bytes),
        3 => {
            // Sealed by one who has the cookie, and read by a session.
            let [mut a, mut b] = sessions();
            let mut frames = Vec::new();
            for part in bytes.chunks(200) {
                a.seal_raw(part, &mut frames);
            }
            b.receive(&frames, 1, &NoModules);
            while b.poll().is_some() {}
            let mut out = Vec::new();
            b.transmit(&mut out, 1 << 20);
            a.receive(&out, 2, &NoModules);
        }
        _ => {
            let _ = NodeName::parse_bytes(bytes);
            if let Ok(opening) = postcard_opening(bytes) {
                let _ = hello(2, "b@h").accept(&opening);
            }
            let [_, mut b] = sessions();
            b.receive(bytes, 1, &NoModules);
        }
    }
});

fn postcard_opening(bytes: &[u8]) -> Result<Opening, postcard::Error> {
    let _ = postcard::from_bytes::<Reply>(bytes);
    postcard::from_bytes(bytes)
}
fn stranger(bytes: &[u8]) {
    let mut h = Handshake::accept(cookie(), hello(2, "b@h"), [2; 32], 0);
    for part in bytes.chunks(64) {
        h.receive(part, 0);
        while let Some(event) = h.poll() {
            assert!(!matches!(event, Event::Established), "nobody guesses the cookie");
        }
        h.take_output();
    }
    h.closed();
}
fn plain_text(bytes: &[u8]) {
    let mut reassembler = Reassembler::new(hello(1, "a@h").limits);
    let mut rest = bytes;
    while let Ok(Some(item)) = next_item(&mut rest) {
        let mut again = Vec::new();
        write_item(&item, &mut again);
        let mut slice = &again[..];
        assert_eq!(next_item(&mut slice).as_ref(), Ok(&Some(item)), "an item is written as it was read");
        let mut slice = &again[..];
        let result = match next_item(&mut slice) {
            Ok(Some(Item::Begin { slot, total, head })) => reassembler.begin(slot, total, head).map(|_| None),
            Ok(Some(Item::Part { slot, bytes })) => reassembler.part(slot, bytes.0, &NoModules),
            _ => Ok(None),
        };
        if result.is_err() {
            return;
        }
    }
}
fn mapper(bytes: &[u8]) {
    let mut m = Mapper::new(0);
    let mut actions = Vec::new();
    m.connected(1, Access::Full, 0, &mut actions);
    m.receive(1, &Client::default().request(&Request::List), 0, &mut actions);
    let mut client = Client::default();
    for part in bytes.chunks(50) {
        m.receive(1, part, 0, &mut actions);
        for action in std::mem::take(&mut actions) {
            if let Action::Dial(c, _) = action {
                m.dialled(c, part.len() % 2 == 0, 0, &mut actions);
            }
        }
        let _ = client.receive(part);
        while let Ok(Some(_)) = client.reply() {}
    }
    m.timeout(u64::MAX, &mut actions);
}

/// An item of each kind that is not trivial, and a request.
fn all_seeds() -> Vec<Vec<u8>> {
    let pid = WirePid { runtime: 0, serial: 5 };
    let contents = || Contents { pids: vec![pid], ..Contents::new(b"text".to_vec()) };
    let items = [
        Item::Runtime { id: [7; 16], node: Some(name("a@h")) },
        Item::Signal(Signal::Send { from: pid, to: Target::Pid(pid), contents: contents() }),
        Item::Signal(Signal::Monitor { from: pid, to: Target::Name("x".into()), id: 3 }),
        Item::Signal(Signal::Nodes { names: vec![name("a@h")], last: true }),
        Item::Signal(Signal::Move(MoveSignal::ForwardBy {
            to: pid,
            by: vec![([7; 16], 0), ([8; 16], 3)],
            carried: Carried::Message(contents()),
        })),
        Item::Signal(Signal::Move(MoveSignal::Paths { number: 1, pid, heard: vec![([7; 16], 2)] })),
        Item::Ping,
        Item::Close("why".into()),
    ];
    let mut seeds = Vec::new();
    for kind in [1, 3] {
        let mut all = vec![kind];
        items.iter().for_each(|item| write_item(item, &mut all));
        seeds.push(all);
    }
    let request = Request::Register { name: "ping".into(), runtime: [1; 16], port: 5 };
    seeds.push([vec![2], Client::default().request(&request)].concat());
    let opening = Opening { hello: hello(1, "a@h"), dialled: name("b@h") };
    seeds.push([vec![4], postcard::to_stdvec(&opening).expect("it has a length")].concat());
    let mut h = Handshake::initiate(cookie(), hello(1, "a@h"), name("b@h"), [1; 32], 0);
    seeds.push([vec![0], h.take_output()].concat());
    seeds
}
