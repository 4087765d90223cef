//! The port mapper: which port the nodes of this host listen on.
//!
//! Journey: remote signal: name -> **port** -> connection. One program of a host answers on port 9634, as `pmd` or
//! inside a node; a node registers over a connection and has its name while that is open, so that a crash frees it.
//! What is asked and answered is postcard behind a length, after a greeting that tells this protocol from another
//! program's. The mapper is trusted for being there only: who a node is, its session proves.
//!
//! Always: a client sends at most a request of 512 bytes at a time, and has to register, or ask, within 5 s; names and
//! connections are bounded. After a take-over a name is given only once its port was dialled, as old holders come back
//! then and anybody could be quicker.

use super::frame::Deframer;
use super::name::check_short;
use super::{SECOND, Time};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// The port.
pub const PORT: u16 = 9634;
/// The first bytes of both sides.
pub const GREETING: &[u8] = b"rlua-pmd 1\n";
/// Bytes of a request.
const REQUEST_MAX: usize = 512;
/// Bytes of a reply.
const REPLY_MAX: usize = 32_768;
/// Names in a reply.
const LIST_PART: usize = 256;
/// Characters of a reason that is passed on.
const WHY_MAX: usize = 200;
/// How long a client may be silent that has not registered.
const IDLE: Time = 5 * SECOND;
/// How long after a take-over ports are dialled.
const TAKE_OVER: Time = 2 * SECOND;
/// Clients at a time.
const CLIENTS_MAX: usize = 4096;

/// What a client asks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Request {
    /// 0: the name is this runtime's, while the connection is open.
    Register {
        /// The part before the `@`.
        name: String,
        /// The runtime's identity, big-endian.
        runtime: [u8; 16],
        /// Where it listens.
        port: u16,
    },
    /// 1: where does this name listen?
    Find(String),
    /// 2: all names.
    List,
}

/// What is answered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// 0: the name is registered.
    Registered,
    /// 1: another runtime has the name.
    Taken,
    /// 2: nobody listens on the port.
    NotListening,
    /// 3: here.
    Found {
        /// The runtime's identity, big-endian.
        runtime: [u8; 16],
        /// Where it listens.
        port: u16,
    },
    /// 4: nobody has the name.
    NotFound,
    /// 5: some of the names, with their ports; the last reply to a list says so.
    Names(Vec<(String, u16)>, bool),
    /// 6: the mapper does not do that; why, for people.
    Refused(String),
}

/// What is wrong with what a peer has sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It does not greet as a mapper does.
    Greeting,
    /// A message that cannot be read.
    Message,
}
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Fault::Greeting => "another program listens on the port mapper's port (RLUA_PMD_PORT sets another)",
            Fault::Message => "the port mapper's answer cannot be read",
        })
    }
}
impl std::error::Error for Fault {}

/// Divides what arrives into messages, after the greeting.
#[derive(Default)]
struct Reader {
    greeted: usize,
    deframer: Deframer,
}
impl Reader {
    fn push(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        let rest = &GREETING[self.greeted..];
        let n = rest.len().min(bytes.len());
        if bytes[..n] != rest[..n] {
            return Err(Fault::Greeting);
        }
        self.greeted += n;
        bytes = &bytes[n..];
        self.deframer.push(bytes);
        Ok(())
    }
    fn next<T: for<'de> Deserialize<'de>>(&mut self, most: usize) -> Result<Option<T>, Fault> {
        match self.deframer.next(1, most) {
            Ok(Some(bytes)) => postcard::from_bytes(bytes).map(Some).map_err(|_| Fault::Message),
            Ok(None) => Ok(None),
            Err(_) => Err(Fault::Message),
        }
    }
}

fn write<T: Serialize>(message: &T, out: &mut Vec<u8>) {
    let bytes = postcard::to_stdvec(message).expect("messages have lengths");
    assert!(bytes.len() <= REPLY_MAX, "lists are sent in parts");
    out.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
    out.extend_from_slice(&bytes);
}

/// A node's, or a person's, side.
#[derive(Default)]
pub struct Client {
    reader: Reader,
    greeted: bool,
}
impl Client {
    /// The bytes of a request.
    pub fn request(&mut self, request: &Request) -> Vec<u8> {
        let mut out = if std::mem::replace(&mut self.greeted, true) { Vec::new() } else { GREETING.to_vec() };
        write(request, &mut out);
        out
    }
    /// Bytes from the mapper.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.reader.push(bytes)
    }
    /// The next answer, if it has arrived.
    pub fn reply(&mut self) -> Result<Option<Reply>, Fault> {
        self.reader.next(REPLY_MAX)
    }
}

/// Names a connection; whoever drives the mapper chooses it.
pub type Connection = u64;

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Bytes for a client.
    Write(Connection, Vec<u8>),
    /// After what was written, a connection is to be closed.
    Close(Connection),
    /// Does anybody listen on this port of this host? [`Mapper::dialled`] takes the answer.
    Dial(Connection, u16),
    /// The host's mapper is to be asked. [`Mapper::answered`] takes its answer.
    Ask(Connection, Request),
}

/// What a client may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// All: it is of this host.
    Full,
    /// Ask where a name listens: it is of another.
    Read,
}

struct Peer {
    access: Access,
    reader: Reader,
    /// The name that it has, or will have once its port was dialled.
    name: Option<String>,
    deadline: Option<Time>,
}
struct Entry {
    holder: Connection,
    runtime: [u8; 16],
    port: u16,
    /// The port is being dialled.
    unsure: bool,
}

/// The mapper itself.
pub struct Mapper {
    peers: HashMap<Connection, Peer>,
    names: BTreeMap<String, Entry>,
    /// Until when ports are dialled.
    careful: Time,
    /// It knows nothing itself.
    is_front: bool,
}

impl Mapper {
    /// One for other hosts, on an address of this one that they reach: it asks the host's mapper.
    pub fn front() -> Mapper {
        Mapper { is_front: true, ..Mapper::new(0) }
    }
    /// One that begins now; perhaps after another, whose names come back in a moment.
    pub fn new(now: Time) -> Mapper {
        let (peers, names) = Default::default();
        Mapper { peers, names, careful: now + TAKE_OVER, is_front: false }
    }
    /// A client has connected.
    pub fn connected(&mut self, c: Connection, access: Access, now: Time, actions: &mut Vec<Action>) {
        if self.peers.len() >= CLIENTS_MAX {
            actions.push(Action::Close(c));
            return;
        }
        let reader = Reader::default();
        self.peers.insert(c, Peer { access, reader, name: None, deadline: Some(now + IDLE) });
        actions.push(Action::Write(c, GREETING.to_vec()));
    }
    /// A client has closed its connection: its name is free.
    pub fn closed(&mut self, c: Connection) {
        if let Some(name) = self.peers.remove(&c).and_then(|p| p.name) {
            self.names.remove(&name);
        }
    }
    /// Bytes from a client.
    pub fn receive(&mut self, c: Connection, bytes: &[u8], now: Time, actions: &mut Vec<Action>) {
        let Some(peer) = self.peers.get_mut(&c) else { return };
        if peer.reader.push(bytes).is_err() {
            return self.drop_peer(c, actions);
        }
        loop {
            let Some(peer) = self.peers.get_mut(&c) else { return };
            match peer.reader.next::<Request>(REQUEST_MAX) {
                Ok(None) => return,
                Ok(Some(request)) => {
                    peer.deadline = peer.deadline.map(|_| now + IDLE);
                    self.handle(c, request, now, actions);
                }
                Err(_) => return self.drop_peer(c, actions),
            }
        }
    }
    fn drop_peer(&mut self, c: Connection, actions: &mut Vec<Action>) {
        self.closed(c);
        actions.push(Action::Close(c));
    }
    fn handle(&mut self, c: Connection, request: Request, now: Time, actions: &mut Vec<Action>) {
        let mut out = Vec::new();
        match request {
            Request::Find(_) | Request::List if self.is_front => return actions.push(Action::Ask(c, request)),
            Request::Register { name, runtime, port } => match self.register(c, name, runtime, port, now) {
                Some(reply) => write(&reply, &mut out),
                None => return actions.push(Action::Dial(c, port)),
            },
            Request::Find(name) => match self.names.get(&name).filter(|e| !e.unsure) {
                Some(e) => write(&Reply::Found { runtime: e.runtime, port: e.port }, &mut out),
                None => write(&Reply::NotFound, &mut out),
            },
            Request::List => {
                let sure = self.names.iter().filter(|(_, e)| !e.unsure);
                let all: Vec<(String, u16)> = sure.map(|(n, e)| (n.clone(), e.port)).collect();
                for part in all.chunks(LIST_PART) {
                    write(&Reply::Names(part.to_vec(), false), &mut out);
                }
                write(&Reply::Names(Vec::new(), true), &mut out);
            }
        }
        actions.push(Action::Write(c, out));
    }
    /// None: the answer comes when the port was dialled.
    fn register(&mut self, c: Connection, name: String, runtime: [u8; 16], port: u16, now: Time) -> Option<Reply> {
        let peer = self.peers.get_mut(&c)?;
        if peer.access == Access::Read {
            return Some(Reply::Refused("names are registered from the host itself".into()));
        }
        if peer.name.is_some() {
            return Some(Reply::Refused("this connection has a name already".into()));
        }
        if let Err(why) = check_short(&name) {
            return Some(Reply::Refused(why.to_string()));
        }
        if port == 0 {
            return Some(Reply::Refused("port 0 is none".into()));
        }
        if self.names.contains_key(&name) {
            return Some(Reply::Taken);
        }
        let unsure = now < self.careful;
        peer.name = Some(name.clone());
        peer.deadline = None;
        self.names.insert(name, Entry { holder: c, runtime, port, unsure });
        (!unsure).then_some(Reply::Registered)
    }
    /// Whether somebody listens on the port of an [`Action::Dial`].
    pub fn dialled(&mut self, c: Connection, listens: bool, now: Time, actions: &mut Vec<Action>) {
        let Some(peer) = self.peers.get_mut(&c) else { return };
        let Some(name) = peer.name.clone() else { return };
        let Some(entry) = self.names.get_mut(&name).filter(|e| e.holder == c && e.unsure) else { return };
        entry.unsure = false;
        let mut out = Vec::new();
        if listens {
            write(&Reply::Registered, &mut out);
        } else {
            self.names.remove(&name);
            peer.name = None;
            peer.deadline = Some(now + IDLE);
            write(&Reply::NotListening, &mut out);
        }
        actions.push(Action::Write(c, out));
    }
    /// What the host's mapper has said to an [`Action::Ask`], or why it has said nothing.
    pub fn answered(&mut self, c: Connection, replies: Result<Vec<Reply>, String>, actions: &mut Vec<Action>) {
        let mut out = Vec::new();
        match replies {
            Ok(replies) => replies.iter().for_each(|reply| write(reply, &mut out)),
            Err(why) => write(&Reply::Refused(why.chars().take(WHY_MAX).collect()), &mut out),
        }
        actions.push(Action::Write(c, out));
    }
    /// When [`Mapper::timeout`] is to be called.
    pub fn next_timeout(&self) -> Option<Time> {
        self.peers.values().filter_map(|p| p.deadline).min()
    }
    /// Time has passed.
    pub fn timeout(&mut self, now: Time, actions: &mut Vec<Action>) {
        let mut late: Vec<Connection> =
            self.peers.iter().filter(|(_, p)| p.deadline.is_some_and(|d| d <= now)).map(|(c, _)| *c).collect();
        late.sort_unstable();
        late.into_iter().for_each(|c| self.drop_peer(c, actions));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Host(Mapper, HashMap<Connection, Client>);
    impl Host {
        fn new(now: Time) -> Host {
            Host(Mapper::new(now), HashMap::new())
        }
        fn connect(&mut self, c: Connection, access: Access) {
            let mut actions = Vec::new();
            self.0.connected(c, access, 0, &mut actions);
            self.1.insert(c, Client::default());
            self.take(actions);
        }
        fn take(&mut self, actions: Vec<Action>) -> Vec<Action> {
            let mut rest = Vec::new();
            for a in actions {
                match a {
                    Action::Write(c, bytes) => {
                        let client = self.1.get_mut(&c).expect("it is connected");
                        for byte in bytes {
                            client.receive(&[byte]).expect("the mapper keeps its protocol");
                        }
                    }
                    other => rest.push(other),
                }
            }
            rest
        }
        fn ask(&mut self, c: Connection, request: Request, now: Time) -> Vec<Action> {
            let bytes = self.1.get_mut(&c).expect("it is connected").request(&request);
            let mut actions = Vec::new();
            for byte in bytes {
                self.0.receive(c, &[byte], now, &mut actions);
            }
            self.take(actions)
        }
        fn reply(&mut self, c: Connection) -> Option<Reply> {
            self.1.get_mut(&c).expect("it is connected").reply().expect("the mapper keeps its protocol")
        }
    }
    fn register(name: &str, port: u16) -> Request {
        Request::Register { name: name.into(), runtime: [port as u8; 16], port }
    }
    const LATER: Time = 10 * SECOND;

    #[test]
    fn a_name_is_held_by_its_connection() {
        let mut h = Host::new(0);
        h.connect(1, Access::Full);
        h.connect(2, Access::Full);
        assert!(h.ask(1, register("ping", 7), LATER).is_empty());
        assert_eq!(h.reply(1), Some(Reply::Registered));
        h.ask(2, register("ping", 8), LATER);
        assert_eq!(h.reply(2), Some(Reply::Taken));
        h.ask(2, Request::Find("ping".into()), LATER);
        assert_eq!(h.reply(2), Some(Reply::Found { runtime: [7; 16], port: 7 }));
        h.ask(1, register("other", 7), LATER);
        assert!(matches!(h.reply(1), Some(Reply::Refused(_))));
        h.0.closed(1);
        h.ask(2, Request::Find("ping".into()), LATER);
        assert_eq!(h.reply(2), Some(Reply::NotFound));
        h.ask(2, register("ping", 8), LATER);
        assert_eq!(h.reply(2), Some(Reply::Registered));
    }
    #[test]
    fn after_a_take_over_ports_are_dialled() {
        let mut h = Host::new(0);
        h.connect(1, Access::Full);
        h.connect(2, Access::Full);
        assert_eq!(h.ask(1, register("ping", 7), SECOND), [Action::Dial(1, 7)]);
        assert_eq!(h.reply(1), None);
        h.ask(2, register("ping", 8), SECOND);
        assert_eq!(h.reply(2), Some(Reply::Taken));
        h.ask(2, Request::Find("ping".into()), SECOND);
        assert_eq!(h.reply(2), Some(Reply::NotFound));
        let mut actions = Vec::new();
        h.0.dialled(1, false, SECOND, &mut actions);
        h.0.dialled(1, true, SECOND, &mut actions);
        h.take(actions);
        assert_eq!(h.reply(1), Some(Reply::NotListening));
        assert_eq!(h.ask(2, register("ping", 8), SECOND), [Action::Dial(2, 8)]);
        let mut actions = Vec::new();
        h.0.dialled(2, true, SECOND, &mut actions);
        h.take(actions);
        assert_eq!(h.reply(2), Some(Reply::Registered));
    }
    #[test]
    fn lists_come_in_parts() {
        let mut h = Host::new(0);
        for i in 0..600 {
            h.connect(i, Access::Full);
            h.ask(i, register(&format!("n{i}"), 1 + i as u16), LATER);
            assert_eq!(h.reply(i), Some(Reply::Registered));
        }
        h.connect(1000, Access::Read);
        h.ask(1000, register("x", 1), LATER);
        assert!(matches!(h.reply(1000), Some(Reply::Refused(_))));
        h.ask(1000, Request::List, LATER);
        let mut names = 0;
        loop {
            let Some(Reply::Names(part, last)) = h.reply(1000) else { panic!("a list is answered with names") };
            names += part.len();
            if last {
                break;
            }
        }
        assert_eq!(names, 600);
    }
    #[test]
    fn what_is_no_request_closes_the_connection() {
        for (bytes, closes) in [
            (&b"GET / HTTP/1.1\r\n"[..], true),
            (b"rlua-pmd 1\n\xff\xff", true),
            (b"rlua-pmd 1\n\x00\x00", true),
            (b"rlua-pmd 1\n\x00\x01\x07", true),
            (b"rlua-pmd 1\n\x00\x03\x01\xff\xff", true),
            (b"rlua-pmd 1\n\x00\x03\x01", false),
        ] {
            let mut m = Mapper::new(0);
            let mut actions = Vec::new();
            m.connected(1, Access::Full, 0, &mut actions);
            m.receive(1, bytes, 0, &mut actions);
            assert_eq!(actions.contains(&Action::Close(1)), closes, "{bytes:?}");
            assert_eq!(m.next_timeout(), (!closes).then_some(IDLE));
            m.timeout(IDLE, &mut actions);
            assert!(actions.contains(&Action::Close(1)) && m.peers.is_empty());
        }
    }
    #[test]
    fn a_front_asks_the_mapper_of_its_host() {
        let mut front = Host(Mapper::front(), HashMap::new());
        front.connect(1, Access::Read);
        let asked = front.ask(1, Request::Find("a".into()), LATER);
        assert_eq!(asked, [Action::Ask(1, Request::Find("a".into()))]);
        let found = Reply::Found { runtime: [1; 16], port: 7 };
        let mut actions = Vec::new();
        front.0.answered(1, Ok(vec![found.clone()]), &mut actions);
        front.0.answered(1, Err("nobody is there".into()), &mut actions);
        assert!(front.take(actions).is_empty());
        assert_eq!(front.reply(1), Some(found));
        assert_eq!(front.reply(1), Some(Reply::Refused("nobody is there".into())));
        front.ask(1, register("a", 7), LATER);
        assert!(matches!(front.reply(1), Some(Reply::Refused(_))));
    }
    #[test]
    fn another_program_is_told_from_a_mapper() {
        assert_eq!(Client::default().receive(b"SSH-2.0-OpenSSH"), Err(Fault::Greeting));
        for name in ["", "a b", "a\n", "1", "../x"] {
            let mut h = Host::new(0);
            h.connect(1, Access::Full);
            h.ask(1, register(name, 5), LATER);
            assert!(matches!(h.reply(1), Some(Reply::Refused(_))), "{name:?}");
        }
    }
}
