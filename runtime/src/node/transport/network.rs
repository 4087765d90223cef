//! A simulated network between the nodes of one OS process: connections are two queues of bytes that come late, in pieces, or not any
//! more.
//!
//! Journey: remote signal: session -> **bytes under way** -> session. All that a node does over sockets (link.rs, dial.rs, listen.rs)
//! is done here with the same functions, at times that a seed draws. Who drives it (cluster.rs) tells it the time. The network of the tests
//! (simulation/) breaks in more ways, has programs without machines, and checks what must hold; this one is for users' programs.
//!
//! Always: what is drawn for one piece of one connection depends on nothing else, so that a run with fewer decisions meets the same network.

use super::super::chance::Random;
use super::super::connections::Connection;
use super::super::cookie::{Key, generate, key};
use super::super::frame::Limits;
use super::super::handshake::Failure;
use super::super::hello::{Hello, VERSIONS, features};
use super::super::name::NodeName;
use super::super::{MILLISECOND, SECOND, Time};
use super::link::Link;
use super::{Online, Settings, Surroundings};
use crate::scheduler::Scheduler;
use crate::sync::{Mutex, MutexGuard};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

/// Bytes that may be under way before nothing more can be written.
const WINDOW: usize = 256 << 10;
/// How long a connection to a host that does not answer takes to fail.
const PATIENCE: Time = 5 * SECOND;
/// How long bytes are under way, at least.
const LEAST: Time = 20_000;

/// The node of a host wants to be connected with another.
type Wish = (usize, Arc<Online>, Connection, NodeName);

/// What nodes want of the network, and who they are: by host.
struct Seats {
    nodes: Mutex<Vec<Option<Arc<Online>>>>,
    /// Nodes or none, as long as they are there.
    programs: Mutex<Vec<Weak<Scheduler>>>,
    dials: Mutex<Vec<Wish>>,
    key: Key,
}

/// The place of a program in the network.
pub(crate) struct Seat {
    host: usize,
    all: Arc<Seats>,
}

impl Seats {
    fn nodes(&self) -> MutexGuard<'_, Vec<Option<Arc<Online>>>> {
        self.nodes.lock().unwrap_or_else(|e| e.into_inner())
    }
    fn online(&self, host: usize) -> Option<Arc<Online>> {
        self.nodes()[host].clone().filter(|online| !online.over.load(Ordering::SeqCst))
    }
    /// The host of a node.
    fn host_of(&self, name: &NodeName) -> Option<usize> {
        let is_it = |online: &Arc<Online>| online.name == *name && !online.over.load(Ordering::SeqCst);
        self.nodes().iter().position(|online| online.as_ref().is_some_and(is_it))
    }
}

impl Seat {
    /// The program becomes a node.
    pub(crate) fn become_node(&self, scheduler: &Arc<Scheduler>, name: NodeName) -> Result<(), String> {
        if let Some(online) = scheduler.node.online() {
            return Err(format!("this runtime is the node {} already", online.name));
        }
        if self.all.host_of(&name).is_some() {
            return Err(format!("the name '{name}' is taken in this cluster"));
        }
        let hello = Hello {
            versions: VERSIONS,
            features: features::ALL | if scheduler.connects_all() { features::CONNECT_ALL } else { 0 },
            name: name.clone(),
            runtime: scheduler.runtime.id().to_be_bytes(),
            creation: scheduler.clock.since_1970().as_millis() as u64,
            limits: Limits::default(),
        };
        let online = Online::new(Box::new(scheduler.clone()), hello, self.all.key.clone(), Settings::default());
        let past = std::mem::take(&mut *scheduler.node.past.lock().unwrap_or_else(|e| e.into_inner()));
        online.recall(past);
        scheduler.runtime.set_name(Some(name.as_str().into()));
        *scheduler.node.online.write().unwrap_or_else(|e| e.into_inner()) = Some(online.clone());
        self.all.nodes()[self.host] = Some(online.clone());
        online.adopt_names(scheduler.names.all().into_iter());
        Ok(())
    }
    /// The programs of all hosts that have one.
    pub(crate) fn programs(&self) -> Vec<Arc<Scheduler>> {
        self.all.programs.lock().unwrap_or_else(|e| e.into_inner()).iter().filter_map(Weak::upgrade).collect()
    }
    /// Its node wants to be connected.
    pub(super) fn dial(&self, online: Arc<Online>, c: Connection, node: NodeName) {
        self.all.dials.lock().unwrap_or_else(|e| e.into_inner()).push((self.host, online, c, node));
    }
}

/// What comes at an end of a connection.
enum Chunk {
    Bytes(Vec<u8>),
    Closed,
}

/// One end of a connection.
struct Socket {
    host: usize,
    peer: usize,
    online: Arc<Online>,
    link: Arc<Link>,
    /// The other end.
    other: usize,
    inbound: VecDeque<Chunk>,
    /// When the last of them comes.
    last: Time,
    /// Bytes of them.
    held: usize,
    /// How many there have been.
    chunks: u64,
    /// Nothing is written any more.
    closed: bool,
    /// Nothing is read any more.
    read: bool,
}

/// An attempt under way.
struct Dial {
    host: usize,
    online: Arc<Online>,
    c: Connection,
    node: NodeName,
    fails: Option<String>,
}

/// What happens next.
enum Event {
    /// Something comes at an end of a connection.
    Arrive(usize),
    /// An attempt to connect reaches a host, or fails.
    Reach(usize),
}

/// All connections.
pub(crate) struct Network {
    seats: Arc<Seats>,
    /// What all is drawn with.
    salt: u64,
    /// How long bytes are under way, at most.
    delay: Time,
    sockets: Vec<Socket>,
    /// Those of each host that are in use.
    active: Vec<Vec<usize>>,
    dials: Vec<Option<Dial>>,
    /// Until when two hosts do not reach each other.
    parted: BTreeMap<(usize, usize), Time>,
    /// When the connections of a host look at their time by themselves.
    looks: Vec<Option<Time>>,
    events: BTreeMap<(Time, u64), Event>,
    sequence: u64,
}

impl Network {
    /// A network of hosts without programs.
    pub(crate) fn new(hosts: usize, seed: u64) -> Network {
        let mut random = Random(seed ^ 0x3c6e_f372_fe94_f82b);
        let seats = Seats {
            nodes: Mutex::new((0..hosts).map(|_| None).collect()),
            programs: Mutex::new((0..hosts).map(|_| Weak::new()).collect()),
            dials: Mutex::default(),
            key: key(generate([3; 32]).as_bytes()).expect("it is a cookie"),
        };
        Network {
            seats: Arc::new(seats),
            delay: [MILLISECOND / 5, 2 * MILLISECOND, 50 * MILLISECOND][random.below(3) as usize],
            salt: random.next(),
            sockets: Vec::new(),
            active: vec![Vec::new(); hosts],
            dials: Vec::new(),
            parted: BTreeMap::new(),
            looks: vec![None; hosts],
            events: BTreeMap::new(),
            sequence: 0,
        }
    }
    /// The place of a host's program.
    pub(crate) fn seat(&self, host: usize) -> Seat {
        Seat { host, all: self.seats.clone() }
    }
    /// A program begins at a host.
    pub(crate) fn enter(&self, host: usize, program: &Arc<Scheduler>) {
        self.seats.programs.lock().unwrap_or_else(|e| e.into_inner())[host] = Arc::downgrade(program);
    }
    /// What is drawn for something that has this number.
    fn drawn(&self, what: u64, number: u64) -> Random {
        let mut random = Random(self.salt ^ what << 40);
        Random(random.next() ^ number)
    }
    fn at(&mut self, at: Time, event: Event) {
        self.sequence += 1;
        self.events.insert((at, self.sequence), event);
    }
    /// When something happens next; none: nothing is under way, and nobody looks at a time.
    pub(crate) fn next(&self) -> Option<Time> {
        let looks = self.looks.iter().flatten().min();
        self.events.first_key_value().map(|((at, _), _)| at).into_iter().chain(looks).min().copied()
    }
    /// Does the first thing that has come due; the hosts that it concerns. None: nothing is due.
    pub(crate) fn step(&mut self, now: Time) -> Option<Vec<usize>> {
        if let Some(host) = self.looks.iter().position(|at| at.is_some_and(|at| at <= now)) {
            self.looks[host] = None;
            if let Some(online) = self.seats.online(host) {
                online.see_to_wanted();
            }
            return Some(vec![host]);
        }
        let event = self.events.first_entry().filter(|e| e.key().0 <= now)?.remove();
        Some(match event {
            Event::Arrive(socket) => self.arrive(socket, now),
            Event::Reach(dial) => self.reach(dial),
        })
    }
    /// Until when two hosts do not reach each other, if they do not.
    fn parted(&self, a: usize, b: usize, now: Time) -> Option<Time> {
        let until = *self.parted.get(&(a.min(b), a.max(b)))?;
        (until > now).then_some(until)
    }
    /// After something has happened at a host: what its connections have to write is on its way, what it wants is begun, and it is
    /// known when it looks again.
    pub(crate) fn see_to(&mut self, host: usize, now: Time) {
        let mut next;
        loop {
            let mut is_done = true;
            if let Some(online) = self.seats.online(host).filter(|online| online.is_wanted()) {
                online.see_to_wanted();
                is_done = false;
            }
            next = None;
            for s in self.active[host].clone() {
                let (wrote, at) = self.write(s, now);
                is_done &= !wrote;
                next = [next, at].into_iter().flatten().min();
            }
            let dials = std::mem::take(&mut *self.seats.dials.lock().unwrap_or_else(|e| e.into_inner()));
            for (host, online, c, node) in dials {
                self.dial(host, online, c, node, now);
            }
            if is_done {
                break;
            }
        }
        let sockets = &self.sockets;
        self.active[host].retain(|&s| !sockets[s].closed || !sockets[s].read);
        let wanted = self.seats.online(host).and_then(|online| online.next_timeout());
        self.looks[host] = [next, wanted].into_iter().flatten().min().map(|at| at.max(now + 1));
    }
    fn dial(&mut self, host: usize, online: Arc<Online>, c: Connection, node: NodeName, now: Time) {
        let number = self.dials.len();
        let mut time = LEAST + self.drawn(1, number as u64).below(2 * self.delay);
        let target = self.seats.host_of(&node);
        let fails = match target {
            None => Some(format!("no node '{}' in this cluster at the moment", node.short())),
            Some(t) if self.parted(host, t, now).is_some() => {
                time = PATIENCE;
                Some("no answer in time".to_string())
            }
            Some(_) => None,
        };
        self.dials.push(Some(Dial { host, online, c, node, fails }));
        self.at(now + time, Event::Reach(number));
    }
    fn reach(&mut self, number: usize) -> Vec<usize> {
        let Some(Dial { host, online, c, node, fails }) = self.dials[number].take() else { return Vec::new() };
        let target = self.seats.host_of(&node);
        let listening = target.and_then(|t| Some((t, self.seats.online(t)?)));
        let (target, listening) = match (fails, listening) {
            (None, Some(listening)) => listening,
            (fails, _) => {
                let why = fails.unwrap_or_else(|| "connection refused".to_string());
                online.attempt_failed(c, Failure::Unreachable(why));
                return vec![host];
            }
        };
        let mut random = self.drawn(2, number as u64);
        let Some(link) = online.connected(c, &node, random.key()) else { return vec![host] };
        let other = listening.accepted(format!("{}:{c}", online.name), random.key());
        let first = self.sockets.len();
        let socket = |host, peer, online, link, other| Socket {
            host,
            peer,
            online,
            link,
            other,
            inbound: VecDeque::new(),
            last: 0,
            held: 0,
            chunks: 0,
            closed: false,
            read: false,
        };
        self.sockets.push(socket(host, target, online, link, first + 1));
        self.sockets.push(socket(target, host, listening, other, first));
        self.active[host].push(first);
        self.active[target].push(first + 1);
        vec![host, target]
    }
    fn arrive(&mut self, s: usize, now: Time) -> Vec<usize> {
        let Socket { host, peer, .. } = self.sockets[s];
        if let Some(until) = self.parted(host, peer, now) {
            self.at(until, Event::Arrive(s));
            return Vec::new();
        }
        let socket = &mut self.sockets[s];
        let Some(chunk) = socket.inbound.pop_front() else { return Vec::new() };
        if socket.read {
            return Vec::new();
        }
        let (online, link) = (socket.online.clone(), socket.link.clone());
        match chunk {
            Chunk::Bytes(bytes) => {
                socket.held -= bytes.len();
                link.receive(&bytes, now, &online);
            }
            Chunk::Closed => {
                socket.read = true;
                link.closed("closed by the other side");
            }
        }
        online.drain(&link);
        // The other side has room again.
        vec![host, peer]
    }
    /// What an end has to write is on its way; whether there was something, and when it looks at its time again.
    fn write(&mut self, s: usize, now: Time) -> (bool, Option<Time>) {
        let mut wrote = false;
        loop {
            let socket = &self.sockets[s];
            if socket.closed {
                return (wrote, None);
            }
            let (online, link, other) = (socket.online.clone(), socket.link.clone(), socket.other);
            let has_room = self.sockets[other].held < WINDOW;
            let turn = link.lock().turn(now, has_room);
            online.drain(&link);
            if turn.over && !has_room {
                // It was cut off: nothing can follow.
                link.lock().end();
            }
            let written = turn.bytes.len();
            if written > 0 {
                wrote = true;
                self.put(other, Chunk::Bytes(turn.bytes), now);
            }
            if turn.over {
                let socket = &mut self.sockets[s];
                (socket.closed, socket.read) = (true, true);
                self.put(other, Chunk::Closed, now);
                return (true, None);
            }
            if written == 0 {
                return (wrote, turn.next);
            }
        }
    }
    /// Something is under way to an end, after what is under way already.
    fn put(&mut self, to: usize, chunk: Chunk, now: Time) {
        let mut random = self.drawn(3, (to as u64) << 32 | self.sockets[to].chunks);
        let at = now + LEAST + random.below(self.delay);
        let socket = &mut self.sockets[to];
        if let Chunk::Bytes(bytes) = &chunk {
            socket.held += bytes.len();
        }
        socket.chunks += 1;
        socket.last = socket.last.max(at);
        socket.inbound.push_back(chunk);
        let at = socket.last;
        self.at(at, Event::Arrive(to));
    }

    // What breaks.

    /// Two hosts do not reach each other for a time. What is under way comes afterwards.
    pub(crate) fn part(&mut self, a: usize, b: usize, time: Time, now: Time) {
        self.parted.insert((a.min(b), a.max(b)), now + time);
    }
    /// The connections of two hosts break: of what is under way to each end the last part is lost, as `random` says.
    pub(crate) fn cut(&mut self, a: usize, b: usize, random: &mut Random, now: Time) {
        for s in self.active[a].clone() {
            if self.sockets[s].peer == b && !self.sockets[s].closed {
                self.break_off(s, random, now);
                self.break_off(self.sockets[s].other, random, now);
            }
        }
    }
    /// Of what is under way to an end some comes, and then its end.
    fn break_off(&mut self, end: usize, random: &mut Random, now: Time) {
        let socket = &mut self.sockets[end];
        if socket.read || socket.inbound.iter().any(|c| matches!(c, Chunk::Closed)) {
            return;
        }
        let kept = random.below(socket.inbound.len() as u64 + 1) as usize;
        for chunk in socket.inbound.drain(kept..) {
            if let Chunk::Bytes(bytes) = chunk {
                socket.held -= bytes.len();
            }
        }
        self.put(end, Chunk::Closed, now);
    }
    /// A host's program is no more, and says nothing. Its peers see their connections end, or (`silent`, as when a machine stops) nothing.
    pub(crate) fn lose(&mut self, host: usize, silent: bool, random: &mut Random, now: Time) {
        self.seats.nodes()[host] = None;
        self.looks[host] = None;
        self.dials.iter_mut().filter(|d| d.as_ref().is_some_and(|d| d.host == host)).for_each(|d| *d = None);
        for s in std::mem::take(&mut self.active[host]) {
            let socket = &mut self.sockets[s];
            (socket.closed, socket.read) = (true, true);
            let other = socket.other;
            if !silent {
                self.break_off(other, random, now);
            }
        }
    }
}

impl Drop for Network {
    /// Nodes and their places hold each other.
    fn drop(&mut self) {
        self.seats.nodes().iter_mut().for_each(|online| *online = None);
    }
}
