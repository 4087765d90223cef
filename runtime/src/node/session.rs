//! A session: two nodes that know each other, from the handshake's end to the first fault, silence or close.
//!
//! Journey: remote signal: signal -> **session** -> frame -> connection -> frame -> **session** -> signal. The session
//! joins what waits for the peer (outgoing.rs), what arrives (frame.rs), and the times of both. Its two directions can
//! be driven alone: only `receive` tells the other one something, that a ping wants its answer.
//!
//! Always: after its end it gives out no signal and no byte; nothing of it survives. Whatever a peer sends is a signal,
//! or ends the session with a reason for people.

use super::Time;
use super::frame::{
    Deframer, Fault, Item, Limits, Opener, PAYLOAD_MAX, Reassembler, Seal, Sealer, TAG, next_item, write_item,
};
use super::handshake::Established;
use super::hello::Hello;
use super::name::NodeName;
use super::outgoing::{Made, Outgoing, Payer, Refused, Wanted};
use super::signal::{Bytes, SERIAL_BITS, Signal, WirePid};
use crate::codec::{ModuleSource, NoModules};
use rlua_machine::value::{Pid, Runtime};
use std::collections::VecDeque;
use std::fmt;

/// How long a peer may be silent of which it is said that it is no more.
const PROBE: Time = 5 * super::SECOND;
/// Bytes of the reason in the last item.
const REASON_MAX: usize = 1000;

/// Why a session has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// This side has closed it.
    Closed(String),
    /// The peer has, and says why.
    ByPeer(String),
    /// The connection was closed or has failed.
    Lost(String),
    /// The peer has said nothing for so long (milliseconds).
    Silent(u64),
    /// The peer breaks the protocol.
    Fault(Fault),
    /// What this node has to tell the peer has reached its bound.
    Full,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            End::Closed(why) => write!(f, "closed: {why}"),
            End::ByPeer(why) => write!(f, "closed by the other node: {why:?}"),
            End::Lost(why) => write!(f, "connection lost: {why}"),
            End::Silent(ms) => write!(f, "nothing was heard of it for {ms} ms"),
            End::Fault(fault) => write!(f, "it breaks the protocol: {fault}"),
            End::Full => Refused::Full.fmt(f),
        }
    }
}

/// What has happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A signal has arrived.
    Signal(Signal<Pid>),
    /// The peer speaks of a runtime, and knows the way home for its processes.
    Met(Runtime, NodeName),
    /// Less waits for the peer: this process, which [`Session::send`] has suspended, goes on.
    Resume(Pid),
    /// The session has ended; the last event.
    Ended(End),
}

/// What was done with a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// It is queued.
    Queued,
    /// It is queued, and its sender waits for [`Event::Resume`].
    Suspend,
}

/// The direction from the peer.
struct Incoming {
    opener: Opener,
    deframer: Deframer,
    reassembler: Reassembler,
    limits: Limits,
    table: Vec<Runtime>,
}

/// The session.
pub struct Session {
    peer: Hello,
    version: u16,
    incoming: Incoming,
    outgoing: Outgoing,
    sealer: Sealer,
    /// How long silence may last; none: for ever.
    keepalive: Option<Time>,
    heard: Time,
    /// A ping was sent since.
    pinged: bool,
    ping_due: bool,
    pong_due: bool,
    /// When it is down if nothing is heard of it.
    probed: Option<Time>,
    events: VecDeque<Event>,
    /// It has ended; why the peer is told, until that has left.
    ended: bool,
    farewell: Option<String>,
}

impl Session {
    /// After a handshake. `limits` are those of the own hello; `keepalive` is the time of silence after which the peer
    /// is down.
    pub fn new(from: Established, limits: Limits, keepalive: Option<Time>, now: Time) -> Session {
        let Established { peer, version, sealer, opener, deframer } = from;
        let outgoing = Outgoing::new(peer.limits);
        let reassembler = Reassembler::new(limits);
        let incoming = Incoming { opener, deframer, reassembler, limits, table: Vec::new() };
        let mut session = Session {
            peer,
            version,
            incoming,
            outgoing,
            sealer,
            keepalive,
            heard: now,
            pinged: false,
            ping_due: false,
            pong_due: false,
            probed: None,
            events: VecDeque::new(),
            ended: false,
            farewell: None,
        };
        // What has arrived with the last bytes of the handshake.
        session.receive(&[], now, &NoModules);
        session
    }
    /// Who the peer is.
    pub fn peer(&self) -> &Hello {
        &self.peer
    }
    /// The protocol's version.
    pub fn version(&self) -> u16 {
        self.version
    }
    /// What has happened and was not asked for yet.
    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
    /// The next thing that has happened, if it is a signal.
    pub fn poll_signal(&mut self) -> Option<Signal<Pid>> {
        match self.events.pop_front()? {
            Event::Signal(signal) => Some(signal),
            other => {
                self.events.push_front(other);
                None
            }
        }
    }
    /// Whether something has happened that was not asked for yet.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }
    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.ended
    }
    /// Bytes that wait for the peer.
    pub fn waiting(&self) -> usize {
        self.outgoing.waiting()
    }

    // To the peer.

    /// Queues a signal of a stream: of a process, or of the node. `node_of` tells which node a runtime is, if known.
    pub fn send(
        &mut self,
        stream: Option<Pid>,
        payer: Payer,
        signal: Signal<Pid>,
        node_of: &dyn Fn(Runtime) -> Option<NodeName>,
    ) -> Result<Sent, Refused> {
        if self.ended {
            return Ok(Sent::Queued);
        }
        match self.outgoing.push(stream, payer, signal, node_of) {
            Ok(false) => Ok(Sent::Queued),
            Ok(true) => Ok(Sent::Suspend),
            Err(Refused::Full) => {
                self.end(End::Full);
                Err(Refused::Full)
            }
            Err(why) => Err(why),
        }
    }
    /// Whether [`Session::transmit`] has something to write.
    pub fn wants_to_write(&self) -> bool {
        self.farewell.is_some() || !self.ended && (self.ping_due || self.pong_due || !self.outgoing.is_empty())
    }
    /// Whether the peer waits for a word of the session itself.
    pub fn has_to_answer(&self) -> bool {
        self.farewell.is_some() || !self.ended && self.pong_due
    }
    /// As [`Outgoing::wanted`].
    pub fn wanted(&self) -> Option<Wanted> {
        self.outgoing.wanted()
    }
    /// As [`Outgoing::supply`].
    pub fn supply(&mut self, made: Made) {
        self.outgoing.supply(made);
    }
    /// Makes the plain text of the next frame, if something waits. It is to be encrypted before it is written, and all
    /// frames are to be written in their order; others may queue signals meanwhile.
    pub fn next_frame(&mut self, plain: &mut Vec<u8>) -> Option<Seal> {
        if !self.wants_to_write() {
            return None;
        }
        plain.clear();
        if let Some(why) = self.farewell.take() {
            write_item(&Item::Close(why.as_bytes()[..why.len().min(REASON_MAX)].into()), plain);
            return Some(self.sealer.next_seal());
        }
        if std::mem::take(&mut self.pong_due) {
            write_item(&Item::Pong, plain);
        }
        if std::mem::take(&mut self.ping_due) {
            write_item(&Item::Ping, plain);
        }
        self.outgoing.fill(plain);
        self.events.extend(self.outgoing.take_resumed().into_iter().map(Event::Resume));
        assert!(!plain.is_empty(), "of what waits, something can always leave");
        Some(self.sealer.next_seal())
    }
    /// Appends frames, about as many bytes as `budget` and one frame more at most; none if nothing waits.
    pub fn transmit(&mut self, out: &mut Vec<u8>, budget: usize) {
        let start = out.len();
        let mut plain = Vec::new();
        while out.len() - start < budget
            && let Some(seal) = self.next_frame(&mut plain)
        {
            seal.seal(&plain, out);
        }
    }

    /// Appends a frame with any plain text: for tests of what the peer does with it.
    #[doc(hidden)]
    #[cfg(any(test, fuzzing))]
    pub fn seal_raw(&mut self, plain: &[u8], out: &mut Vec<u8>) {
        self.sealer.next_seal().seal(plain, out);
    }

    // From the peer.

    /// Bytes from the peer. Messages that come in parts are looked through meanwhile, as far as their code is among
    /// `modules`.
    pub fn receive(&mut self, bytes: &[u8], now: Time, modules: &dyn ModuleSource) {
        if self.ended {
            return;
        }
        self.incoming.deframer.push(bytes);
        loop {
            let opened = match self.incoming.deframer.next(TAG + 1, PAYLOAD_MAX + TAG) {
                Ok(None) => return,
                Ok(Some(frame)) => self.incoming.opener.open(frame),
                Err(fault) => Err(fault),
            };
            // Only what was written by the peer is a sign of life.
            let handled = opened.and_then(|mut plain| {
                self.heard = now;
                self.pinged = false;
                self.probed = None;
                while let Some(item) = next_item(&mut plain)? {
                    let incoming = (&mut self.incoming.reassembler, &mut self.incoming.table, self.incoming.limits);
                    match handle(item, incoming, &mut self.events, modules)? {
                        Told::Nothing => {}
                        Told::Ping => self.pong_due = true,
                        Told::Close(why) => return Ok(Some(End::ByPeer(why))),
                    }
                }
                Ok(None)
            });
            match handled {
                Ok(None) => {}
                Ok(Some(end)) => return self.end(end),
                Err(fault) => return self.end(End::Fault(fault)),
            }
        }
    }
    /// The connection was closed or has failed.
    pub fn lost(&mut self, why: &str) {
        self.end(End::Lost(why.into()));
    }
    /// This side ends the session: the peer is told, what waits is dropped.
    pub fn close(&mut self, why: &str) {
        self.end(End::Closed(why.into()));
    }
    fn end(&mut self, end: End) {
        if self.ended {
            return;
        }
        self.ended = true;
        self.farewell = match &end {
            End::ByPeer(_) | End::Lost(_) => None,
            // A text of ours, so that whoever runs the peer learns it, too.
            other => Some(other.to_string()),
        };
        self.incoming.reassembler = Reassembler::new(self.incoming.limits);
        self.incoming.deframer = Deframer::default();
        self.events.extend(self.outgoing.clear().into_iter().map(Event::Resume));
        self.events.push_back(Event::Ended(end));
    }

    // Time.

    /// Sets how long silence may last (the options `keepalive` and `keepalivetimeout`).
    pub fn set_keepalive(&mut self, keepalive: Option<Time>) {
        self.keepalive = keepalive;
    }
    /// Somebody says that the peer is no more: it is asked, and has five seconds to say anything.
    pub fn probe(&mut self, now: Time) {
        if !self.ended && self.probed.is_none() {
            self.probed = Some(now.saturating_add(PROBE));
            self.ping_due = true;
        }
    }
    /// When [`Session::timeout`] is to be called.
    pub fn next_timeout(&self) -> Option<Time> {
        if self.ended {
            return None;
        }
        let silence = |keepalive: Time| if self.pinged { keepalive } else { keepalive / 4 };
        let silent = self.keepalive.map(|keepalive| self.heard.saturating_add(silence(keepalive)));
        silent.into_iter().chain(self.probed).min()
    }
    /// Time has passed.
    pub fn timeout(&mut self, now: Time) {
        let silence = now.saturating_sub(self.heard);
        if self.probed.is_some_and(|at| at <= now) {
            return self.end(End::Silent(silence / super::MILLISECOND));
        }
        let Some(keepalive) = self.keepalive.filter(|_| !self.ended) else { return };
        if silence >= keepalive {
            self.end(End::Silent(keepalive / super::MILLISECOND));
        } else if silence >= keepalive / 4 && !self.pinged {
            self.pinged = true;
            self.ping_due = true;
        }
    }
}

/// What an item tells the session itself.
enum Told {
    Nothing,
    Ping,
    Close(String),
}

fn handle(
    item: Item,
    (reassembler, table, limits): (&mut Reassembler, &mut Vec<Runtime>, Limits),
    events: &mut VecDeque<Event>,
    modules: &dyn ModuleSource,
) -> Result<Told, Fault> {
    match item {
        Item::Signal(signal) => events.push_back(Event::Signal(known(signal, table)?)),
        Item::Begin { slot, total, head } => reassembler.begin(slot, total, head)?,
        Item::Part { slot, bytes } => {
            if let Some(signal) = reassembler.part(slot, bytes.0, modules)? {
                events.push_back(Event::Signal(known(signal, table)?));
            }
        }
        Item::Runtime { id, node } => {
            if table.len() as u64 >= u64::from(limits.runtimes) {
                return Err(Fault::Runtimes);
            }
            let runtime = Runtime::find(u128::from_be_bytes(id)).ok_or(Fault::Runtimes)?;
            table.push(runtime);
            events.extend(node.map(|n| Event::Met(runtime, n)));
        }
        Item::Ping => return Ok(Told::Ping),
        Item::Pong => {}
        Item::Close(Bytes(why)) => {
            let why = &why[..why.len().min(REASON_MAX)];
            return Ok(Told::Close(String::from_utf8_lossy(why).into_owned()));
        }
    }
    Ok(Told::Nothing)
}

/// A signal with pids as this OS process has them.
fn known(signal: Signal<WirePid>, table: &[Runtime]) -> Result<Signal<Pid>, Fault> {
    signal.map(&mut |p: WirePid| {
        let runtime = table.get(p.runtime as usize).ok_or(Fault::Pid)?;
        if p.serial >> SERIAL_BITS != 0 {
            return Err(Fault::Pid);
        }
        Ok(Pid::new(*runtime, p.serial))
    })
}
