//! Connections of the simulated network, and what breaks them.
//!
//! Journey: remote signal: session -> **bytes, late and in pieces** -> session. One connection is two queues; of different
//! connections nothing is in order. What is written here for the tasks of link.rs, dial.rs and listen.rs does what they do,
//! with the same functions.

use super::super::super::connections::Connection;
use super::super::super::handshake::Failure;
use super::super::super::name::NodeName;
use super::super::super::{MILLISECOND, SECOND, Time};
use super::super::Online;
use super::super::link::Link;
use super::{Event, World};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes that may be under way before nothing more can be written.
const WINDOW: usize = 256 << 10;
/// How long a connection to nobody takes.
const PATIENCE: Time = 5 * SECOND;

/// What comes at an end.
enum Chunk {
    Bytes(Vec<u8>),
    Closed,
}

/// One end of a connection.
struct Socket {
    host: usize,
    peer_host: usize,
    online: Arc<Online>,
    link: Arc<Link>,
    /// The other end.
    other: usize,
    inbound: VecDeque<Chunk>,
    /// When the last of them comes.
    last: Time,
    held: usize,
    /// Nothing is written any more.
    closed: bool,
    /// Nothing is read any more.
    read: bool,
    /// It was a session at some time.
    was_session: bool,
    /// It has dialled.
    dialled: bool,
}

/// An attempt under way.
struct Dial {
    host: usize,
    online: Arc<Online>,
    c: Connection,
    node: NodeName,
    fails: Option<String>,
}

/// Frames of what was written at once.
fn frames(mut bytes: &[u8]) -> u64 {
    let mut n = 0;
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        bytes = rest.get(usize::from(u16::from_be_bytes(*length))..).unwrap_or_default();
        n += 1;
    }
    n
}

/// All connections.
#[derive(Default)]
pub struct Network {
    sockets: Vec<Socket>,
    /// Those of a host that are in use.
    active: BTreeMap<usize, Vec<usize>>,
    dials: Vec<Option<Dial>>,
    /// Until when two hosts do not reach each other.
    parted: BTreeMap<(usize, usize), Time>,
    /// When a connection of two hosts was lost, or could not be made.
    lost: Vec<(Time, usize, usize)>,
    /// Sessions that nodes have seen ending.
    pub lost_sessions: u64,
    /// Frames and bytes that were written.
    pub written: (u64, u64),
}

impl Network {
    /// Whether something between two hosts was lost at a time or later.
    pub fn lost_since(&self, at: Time, a: usize, b: usize) -> bool {
        self.lost.iter().any(|&(t, x, y)| t >= at && ((x, y) == (a, b) || (x, y) == (b, a)))
    }
    /// All nodes that had connections and have left the network, by name.
    pub fn former_nodes(&self) -> Vec<(NodeName, Arc<Online>)> {
        let mut all: Vec<(NodeName, Arc<Online>)> = Vec::new();
        for socket in &self.sockets {
            let has_left = socket.online.over.load(Ordering::SeqCst);
            if has_left && !all.iter().any(|(_, o)| Arc::ptr_eq(o, &socket.online)) {
                all.push((socket.online.name.clone(), socket.online.clone()));
            }
        }
        all
    }
    /// Connections of a host that are not over.
    pub fn open(&self, host: usize) -> usize {
        self.active.get(&host).map_or(0, Vec::len)
    }
}

impl World {
    fn parted(&self, a: usize, b: usize) -> Option<Time> {
        let until = *self.network.parted.get(&(a.min(b), a.max(b)))?;
        (until > self.now()).then_some(until)
    }
    /// Two hosts do not reach each other for a time.
    pub(super) fn part(&mut self, a: usize, b: usize, time: Time) {
        let until = self.now() + time;
        self.trace(|| format!("hosts {a} and {b} are parted for {} ms", time / MILLISECOND));
        self.network.parted.insert((a.min(b), a.max(b)), until);
    }
    /// All reach each other again, and what waited for that comes.
    pub(super) fn heal(&mut self) {
        self.network.parted.clear();
        let (now, delay) = (self.now(), self.plan.delay);
        let late = self.events.extract_if((now + delay, u64::MAX).., |_, e| matches!(e, Event::Arrive(_)));
        let late: Vec<Event> = late.map(|(_, e)| e).collect();
        for event in late {
            self.soon(delay, event);
        }
    }
    fn host_named(&self, node: &NodeName) -> Option<usize> {
        self.hosts.iter().position(|h| h.name == *node)
    }
    pub(super) fn has_lost(&mut self, a: usize, b: usize) {
        let now = self.now();
        self.common().ledger.has_losses = true;
        self.network.lost.push((now, a, b));
    }

    /// Whether no attempt to connect is under way.
    pub(super) fn nobody_dials(&self) -> bool {
        self.network.dials.iter().all(Option::is_none)
    }

    /// Somebody wants to connect.
    pub(super) fn dial(&mut self, host: usize, online: Arc<Online>, c: Connection, node: NodeName) {
        let mut time = 1 + self.below(2 * self.plan.delay);
        let target = self.host_named(&node);
        let fails = match target {
            None => Some("unknown host".to_string()),
            Some(t) if self.parted(host, t).is_some() => {
                time = PATIENCE;
                Some("no answer in time".to_string())
            }
            Some(_) => None,
        };
        self.trace(|| format!("{} dials {node} as {c}", online.name));
        self.network.dials.push(Some(Dial { host, online, c, node, fails }));
        let at = self.now() + time;
        self.at(at, Event::Reach(self.network.dials.len() - 1));
    }
    /// An attempt comes to where it is for.
    pub(super) fn reach(&mut self, dial: usize) {
        let Some(Dial { host, online, c, node, fails }) = self.network.dials[dial].take() else { return };
        let target = self.host_named(&node);
        let listening = target.and_then(|t| self.online(t));
        let why = match (&fails, &listening) {
            (Some(why), _) => Some(why.clone()),
            (None, None) => Some("connection refused".to_string()),
            (None, Some(_)) => None,
        };
        if let Some(why) = why {
            self.trace(|| format!("{} cannot reach {node} as {c}: {why}", online.name));
            if let Some(t) = target {
                self.has_lost(host, t);
            }
            online.attempt_failed(c, Failure::Unreachable(why));
            return self.look_soon(host);
        }
        let (Some(target), Some(listening)) = (target, listening) else { return };
        let mine = self.common().random.key();
        let theirs = self.common().random.key();
        let Some(link) = online.connected(c, &node, mine) else { return self.trace(|| format!("{c} was given up")) };
        let other = listening.accepted(format!("host{host}:{c}"), theirs);
        let first = self.network.sockets.len();
        let socket = |host, peer_host, online, link, other, dialled| Socket {
            host,
            peer_host,
            online,
            link,
            other,
            inbound: VecDeque::new(),
            last: 0,
            held: 0,
            closed: false,
            read: false,
            was_session: false,
            dialled,
        };
        self.network.sockets.push(socket(host, target, online, link, first + 1, true));
        self.network.sockets.push(socket(target, host, listening, other, first, false));
        for (i, s) in [(host, first), (target, first + 1)] {
            self.network.active.entry(i).or_default().push(s);
            self.look_soon(i);
        }
    }
    /// Something comes at an end of a connection.
    pub(super) fn arrive(&mut self, s: usize) {
        let (host, peer) = (self.network.sockets[s].host, self.network.sockets[s].peer_host);
        if let Some(until) = self.parted(host, peer) {
            return self.at(until, Event::Arrive(s));
        }
        let socket = &mut self.network.sockets[s];
        let Some(chunk) = socket.inbound.pop_front() else { return };
        if socket.read {
            return;
        }
        let (online, link) = (socket.online.clone(), socket.link.clone());
        match chunk {
            Chunk::Bytes(bytes) => {
                socket.held -= bytes.len();
                let other = socket.other;
                let writer = self.network.sockets[other].host;
                link.receive(&bytes, online.now(), &online);
                // There is room again.
                self.look_soon(writer);
            }
            Chunk::Closed => {
                socket.read = true;
                link.closed("closed by the other side");
            }
        }
        online.drain(&link);
        self.look_soon(host);
        self.look_at_sessions(host);
    }
    /// Writes what a host has to write, and sees to the times of its connections.
    pub(super) fn pump(&mut self, host: usize) {
        let now = self.now();
        if self.hosts[host].pump.is_some_and(|t| t <= now) {
            self.hosts[host].pump = None;
        }
        let mut next: Option<Time> = None;
        let active = self.network.active.get(&host).cloned().unwrap_or_default();
        for s in active {
            let at = self.pump_socket(s);
            next = [next, at].into_iter().flatten().min();
        }
        let sockets = &self.network.sockets;
        if let Some(active) = self.network.active.get_mut(&host) {
            active.retain(|&s| !sockets[s].closed || !sockets[s].read);
        }
        let wanted = self.online(host).and_then(|o| o.next_timeout());
        if let Some(at) = next.map(|t| t.max(now + 1))
            && self.hosts[host].pump.is_none_or(|t| t > at)
        {
            self.hosts[host].pump = Some(at);
            self.at(at, Event::Pump(host));
        }
        if let Some(at) = wanted.map(|t| t.max(now + 1))
            && self.hosts[host].see.is_none_or(|t| t > at)
        {
            self.hosts[host].see = Some(at);
            self.at(at, Event::See(host));
        }
        self.check_wakes(host);
        if self.online(host).is_some_and(|o| o.is_wanted()) {
            self.look_soon(host);
        }
        self.look_at_sessions(host);
    }
    /// As the writing task of a connection; when it looks again.
    fn pump_socket(&mut self, s: usize) -> Option<Time> {
        loop {
            let socket = &self.network.sockets[s];
            if socket.closed {
                return None;
            }
            let (online, link, other) = (socket.online.clone(), socket.link.clone(), socket.other);
            let writable = self.network.sockets[other].held < WINDOW;
            let turn = link.lock().turn(online.now(), writable);
            online.drain(&link);
            if turn.over && !writable {
                link.lock().end();
            }
            let written = turn.bytes.len();
            if written > 0 {
                self.network.written.0 += frames(&turn.bytes);
                self.network.written.1 += turn.bytes.len() as u64;
                self.send(other, turn.bytes);
            }
            if turn.over {
                // Both directions end.
                self.network.sockets[s].closed = true;
                self.network.sockets[s].read = true;
                let socket = &self.network.sockets[s];
                if socket.dialled && !socket.was_session {
                    let (a, b) = (socket.host, socket.peer_host);
                    self.has_lost(a, b);
                }
                self.put(other, Chunk::Closed);
                return None;
            }
            if written == 0 {
                return turn.next;
            }
        }
    }
    /// Bytes are under way to an end of a connection.
    fn send(&mut self, to: usize, bytes: Vec<u8>) {
        let pieces = if bytes.len() > 1 && self.one_in(4) { 1 + self.below(3) as usize } else { 1 };
        let size = bytes.len().div_ceil(pieces);
        for piece in bytes.chunks(size) {
            self.put(to, Chunk::Bytes(piece.to_vec()));
        }
    }
    fn put(&mut self, to: usize, chunk: Chunk) {
        let delay = 1 + self.below(self.plan.delay);
        let at = self.now() + delay;
        let socket = &mut self.network.sockets[to];
        if let Chunk::Bytes(bytes) = &chunk {
            socket.held += bytes.len();
        }
        socket.last = socket.last.max(at);
        socket.inbound.push_back(chunk);
        let at = socket.last;
        self.at(at, Event::Arrive(to));
    }

    // Faults.

    /// A connection breaks: of what is under way to each end the last part is lost.
    pub(super) fn cut(&mut self) {
        let open: Vec<usize> = (0..self.network.sockets.len()).filter(|&s| !self.network.sockets[s].closed).collect();
        if open.is_empty() {
            return;
        }
        let s = open[self.below(open.len() as u64) as usize];
        let other = self.network.sockets[s].other;
        let (a, b) = (self.network.sockets[s].host, self.network.sockets[s].peer_host);
        self.trace(|| format!("a connection of hosts {a} and {b} breaks"));
        self.has_lost(a, b);
        for end in [s, other] {
            let left = self.network.sockets[end].inbound.len();
            let kept = self.below(left as u64 + 1) as usize;
            self.break_off(end, kept);
        }
    }
    /// Nothing of what is under way to an end comes, but so much and then its end.
    fn break_off(&mut self, end: usize, kept: usize) {
        let socket = &mut self.network.sockets[end];
        if socket.inbound.iter().any(|c| matches!(c, Chunk::Closed)) {
            return;
        }
        for chunk in socket.inbound.drain(kept..) {
            if let Chunk::Bytes(bytes) = chunk {
                socket.held -= bytes.len();
            }
        }
        self.put(end, Chunk::Closed);
    }
    /// A host loses its program. Its peers see their connections end, or (`silent`) nothing.
    pub(super) fn crash(&mut self, host: usize, silent: bool) {
        self.trace(|| format!("host {host} crashes{}", if silent { " silently" } else { "" }));
        self.forget_program(host);
        for peer in 0..self.hosts.len() {
            self.has_lost(host, peer);
        }
        // What it has dialled it dials no more.
        self.network.dials.iter_mut().filter(|d| d.as_ref().is_some_and(|d| d.host == host)).for_each(|d| *d = None);
        let mine = self.network.active.remove(&host).unwrap_or_default();
        for s in mine {
            let other = self.network.sockets[s].other;
            self.network.sockets[s].closed = true;
            self.network.sockets[s].read = true;
            if !silent {
                let left = self.network.sockets[other].inbound.len();
                let kept = self.below(left as u64 + 1) as usize;
                self.break_off(other, kept);
            }
        }
    }
    /// Notes which sessions a host has lost.
    pub(super) fn look_at_sessions(&mut self, host: usize) {
        let sessions: Vec<(NodeName, u64)> = match self.online(host) {
            Some(online) => {
                let control = online.control.lock().unwrap_or_else(|e| e.into_inner());
                control.nodes().into_iter().filter_map(|n| Some((n.clone(), control.session(&n)?))).collect()
            }
            None => Vec::new(),
        };
        if sessions == self.hosts[host].sessions {
            return;
        }
        let before = std::mem::replace(&mut self.hosts[host].sessions, sessions.clone());
        for (node, c) in before.iter().filter(|s| !sessions.contains(s)) {
            if let Some(peer) = self.host_named(node) {
                self.trace(|| format!("host {host} has no session {c} with {node} any more"));
                self.network.lost_sessions += 1;
                self.has_lost(host, peer);
            }
        }
        for (node, c) in sessions.iter().filter(|s| !before.contains(s)) {
            self.trace(|| format!("host {host} has session {c} with {node}"));
            let online = self.online(host);
            for &s in self.network.active.get(&host).into_iter().flatten() {
                let socket = &mut self.network.sockets[s];
                let same = online.as_ref().is_some_and(|o| Arc::ptr_eq(o, &socket.online));
                socket.was_session |= same && socket.link.number == *c;
            }
        }
    }
}
