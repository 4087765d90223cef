//! All that one node tells another once their session stands: the wire form of signals.
//!
//! Journey: remote signal: signal -> **wire form** -> frame -> session -> **wire form** -> signal. One enum, in
//! postcard: the variant's number, then its fields. It is generic over what names a process: [`Pid`] here, [`WirePid`]
//! in bytes, where the 128 bits of a runtime were sent once and are an index from then on. What may be long is
//! *contents*: bytes that this file does not look into (messages, reasons, arguments, code). A signal has at most one,
//! which travels apart from the rest when it is long, so that it is copied neither into a queue nor out of the
//! reassembled bytes.
//!
//! Always: the number of a variant never changes; new ones are added at the end under a new protocol version or a
//! feature of the hello. A number that a node does not know ends the session. Migration's signals come after the last
//! one here.

use super::later::Later;
pub use super::move_signal::{Carried, MoveSignal};
use super::name::NodeName;
use crate::codec::Arriving;
use crate::process::signal::Bond;
use rlua_machine::value::Pid;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Bits of a process's serial number.
pub const SERIAL_BITS: u32 = 44;
/// Bytes of the longest registered name, or name of a function, in a signal.
pub const NAME_MAX: usize = 4096;

/// A process on the wire: index of its runtime in the session's table, serial number there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WirePid {
    /// Counted from 0 in the order in which the sender has announced runtimes in this session.
    pub runtime: u32,
    /// Below 2^44.
    pub serial: u64,
}

/// Bytes as postcard writes them: their number, then themselves.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(pub Vec<u8>);

/// What may be long.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Contents<P> {
    /// Processes that the bytes speak of, by their index here; the bytes themselves hold no identity of a runtime.
    pub pids: Vec<P>,
    /// For whom the signal is for.
    pub bytes: Bytes,
    /// What is known of them, if they are a message that came in parts.
    #[serde(skip)]
    pub seen: Seen,
    /// They are made when they can be sent, and `bytes` are empty.
    #[serde(skip)]
    pub later: Option<Later>,
}

/// A message that was looked through as it came. Only where it has come: a copy knows nothing.
#[derive(Default, Debug)]
pub struct Seen(pub Option<Box<Arriving>>);

impl Clone for Seen {
    fn clone(&self) -> Seen {
        Seen::default()
    }
}
impl PartialEq for Seen {
    fn eq(&self, _: &Seen) -> bool {
        true
    }
}
impl Eq for Seen {}

/// To whom.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Target<P> {
    /// A process.
    Pid(P),
    /// Who has this name at the node that is told.
    Name(Bytes),
}

/// What is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Signal<P> {
    /// 0: a message.
    Send {
        /// By whom.
        from: P,
        /// To whom.
        to: Target<P>,
        /// The message.
        contents: Contents<P>,
    },
    /// 1: a linked process has ended.
    Exit {
        /// Which.
        from: P,
        /// Who is linked with it.
        to: P,
        /// It only drops the link: the end was a normal one.
        normal: bool,
        /// The reason, a message.
        contents: Contents<P>,
    },
    /// 2: the sender has linked itself.
    Link {
        /// Who.
        from: P,
        /// With whom.
        to: Target<P>,
        /// Made by the sender.
        id: u64,
    },
    /// 3: the sender has taken the link away, and ignores what comes over it until the acknowledgement.
    Unlink {
        /// Who.
        from: P,
        /// From whom.
        to: Target<P>,
        /// Made by the sender.
        id: u64,
    },
    /// 4: an unlink was handled.
    UnlinkAck {
        /// By whom.
        from: P,
        /// Whose it was.
        to: P,
        /// Its id.
        id: u64,
    },
    /// 5: the sender wants to know of the end.
    Monitor {
        /// Who.
        from: P,
        /// Of whose.
        to: Target<P>,
        /// Made by the sender, named by the answer.
        id: u64,
    },
    /// 6: the sender does not want to know any more.
    Demonitor {
        /// Who.
        from: P,
        /// Of whose.
        to: Target<P>,
        /// The monitor's.
        id: u64,
    },
    /// 7: a monitored process has ended.
    Down {
        /// Which.
        from: P,
        /// Who has monitored it.
        to: P,
        /// The monitor's id.
        id: u64,
        /// The reason, a message.
        contents: Contents<P>,
    },
    /// 8: which process a link or monitor by name has reached.
    Reached {
        /// It.
        from: P,
        /// Who asked.
        to: P,
        /// The id of the link or monitor.
        id: u64,
    },
    /// 9: untrappable end.
    Kill {
        /// By whom.
        from: P,
        /// Whose.
        to: Target<P>,
        /// The reason, a message.
        contents: Contents<P>,
    },
    /// 10: how a process that has moved, or a process with one that has, believes to be tied to the receiver; answered by what
    /// ends that if it is not so.
    Tied {
        /// Who believes it.
        from: P,
        /// The other end.
        to: P,
        /// What.
        bond: Bond,
    },
    /// 11: a process is to be made.
    Spawn {
        /// For whom.
        parent: P,
        /// Made by the parent's node, named by the answer.
        id: u64,
        /// What it runs.
        body: Body,
        /// Linked with the parent from its first moment.
        link: bool,
        /// Monitored by the parent from its first moment: under this id.
        monitor: Option<u64>,
        /// The function if it is not named, and the arguments.
        contents: Contents<P>,
    },
    /// 12: a spawn was handled.
    Spawned {
        /// The parent.
        to: P,
        /// The spawn's.
        id: u64,
        /// The child, or why there is none.
        result: Result<P, Bytes>,
    },
    /// 13: somebody asks what is answered in the order of signals.
    Ask {
        /// Who.
        from: P,
        /// Whom.
        to: Target<P>,
        /// Made by the asker, named by the answer.
        id: u64,
        /// What.
        question: Question,
    },
    /// 14: the answer.
    Answer {
        /// To whom.
        to: P,
        /// The question's.
        id: u64,
        /// What.
        answer: Answer<P>,
    },
    /// 15: code is needed.
    CodeWanted(Hash),
    /// 16: here it is.
    Code {
        /// SHA-256 of the contents.
        hash: Hash,
        /// A chunk (spec/bytecode.md); no pids.
        contents: Contents<P>,
    },
    /// 17: code that was wanted is not there.
    CodeMissing(Hash),
    /// 18: code has arrived, was verified and is kept.
    CodeKept(Hash),
    /// 19: nodes with which the sender is connected, sent in parts when the session begins.
    Nodes {
        /// Some of them.
        names: Vec<NodeName>,
        /// These were the last.
        last: bool,
    },
    /// 20: about global names.
    Name(NameSignal<P>),
    /// 21: an error is to be raised in a process, wherever it is.
    Interrupt {
        /// By whom.
        from: P,
        /// Whose.
        to: Target<P>,
    },
    /// 22: about a process that moves.
    Move(MoveSignal<P>),
    /// 23: a call is answered.
    Response {
        /// By whom.
        from: P,
        /// Who has called.
        to: P,
        /// The call's, which is that of the caller's monitor.
        id: u64,
        /// Who answers was called itself: the monitor goes with it.
        over: bool,
        /// There is no answer: the contents say why.
        refused: bool,
        /// What is answered, a message.
        contents: Contents<P>,
    },
}

/// SHA-256 of what it names.
pub type Hash = [u8; 32];

/// What a spawned process runs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Body {
    /// A global function of the node's main script.
    Named(Bytes),
    /// A function that came along in the contents.
    Function,
}

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Question {
    /// 0: does it live?
    Alive,
    /// 1: what is known of it?
    Info,
    /// 2: will it move to this node?
    Migrate(NodeName),
    /// 3: could it move?
    Migratable,
    /// 4: has what was asked under this id come? If not, the answer is that it is lost.
    Again,
}

/// What is answered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Answer<P> {
    /// 0: the process lives.
    Alive(P),
    /// 1: there is none.
    Dead,
    /// 2: what is known of it, a message.
    Info(Contents<P>),
    /// 3: it has moved, or could; or why not.
    Done(Result<(), Bytes>),
    /// 4: it was elsewhere, and cannot be reached there.
    Lost,
}

/// When a name was registered: smaller ones stay. No two registrations have the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Stamp {
    /// One more than all that its node had seen.
    pub counter: u64,
    /// The node that registered it.
    pub node: NodeName,
}

/// A name and who has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NameEntry<P> {
    /// The name.
    pub name: Bytes,
    /// Who has it: a process that lives at the node that says so.
    pub pid: P,
    /// Since when.
    pub stamp: Stamp,
}

/// About global names (names.rs).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum NameSignal<P> {
    /// 0: names of processes that live at the sender, in parts when the session begins.
    List {
        /// Some of them.
        entries: Vec<NameEntry<P>>,
        /// These were the last.
        last: bool,
    },
    /// 1: may the sender register this name? Queued if somebody else may, at the node where all begin.
    Lock {
        /// Made by the sender, greater each time.
        id: u64,
        /// The name.
        name: Bytes,
        /// The receiver is the least of the nodes concerned: who asks waits in a queue here.
        first: bool,
    },
    /// 2: it may, until the name is announced, unlocked or the session ends.
    Granted {
        /// The lock's.
        id: u64,
    },
    /// 3: it may not.
    Refused {
        /// The lock's.
        id: u64,
        /// The name is given; else it is locked.
        taken: bool,
    },
    /// 4: the sender gives a lock, or its place in the queue, back.
    Unlock {
        /// The lock's.
        id: u64,
        /// The name.
        name: Bytes,
    },
    /// 5: a name is given, to a process that lives at the sender; its locks fall.
    Announce(NameEntry<P>),
    /// 6: a name is given no more.
    Withdraw {
        /// The name.
        name: Bytes,
    },
    /// 7: a process of the sender's wants a process that lives at the receiver to get a name, or to lose it.
    Request {
        /// Who waits for the answer.
        from: P,
        /// Made by the sender, named by the answer.
        id: u64,
        /// The name.
        name: Bytes,
        /// Who is to have it; none: it is to be taken away.
        pid: Option<P>,
    },
    /// 8: the answer; why not, if it is not done.
    Done {
        /// Who waits.
        to: P,
        /// The request's.
        id: u64,
        /// Done, or why not.
        result: Result<(), Bytes>,
    },
}

impl<P> Contents<P> {
    /// Of bytes that speak of no process.
    pub fn new(bytes: Vec<u8>) -> Contents<P> {
        Contents { pids: Vec::new(), bytes: Bytes(bytes), seen: Seen::default(), later: None }
    }
    /// Of bytes that speak of no process, and that are still to be made.
    pub fn made_later(later: Later) -> Contents<P> {
        Contents { later: Some(later), ..Contents::new(Vec::new()) }
    }
    pub(super) fn map<Q, E>(self, f: &mut impl FnMut(P) -> Result<Q, E>) -> Result<Contents<Q>, E> {
        let Contents { pids, bytes, seen, later } = self;
        Ok(Contents { pids: pids.into_iter().map(f).collect::<Result<_, E>>()?, bytes, seen, later })
    }
}
impl<P> Target<P> {
    fn map<Q, E>(self, f: &mut impl FnMut(P) -> Result<Q, E>) -> Result<Target<Q>, E> {
        Ok(match self {
            Target::Pid(p) => Target::Pid(f(p)?),
            Target::Name(n) => Target::Name(n),
        })
    }
}
impl<P> NameEntry<P> {
    fn map<Q, E>(self, f: &mut impl FnMut(P) -> Result<Q, E>) -> Result<NameEntry<Q>, E> {
        Ok(NameEntry { name: self.name, pid: f(self.pid)?, stamp: self.stamp })
    }
}
impl<P> NameSignal<P> {
    fn map<Q, E>(self, f: &mut impl FnMut(P) -> Result<Q, E>) -> Result<NameSignal<Q>, E> {
        use NameSignal::*;
        Ok(match self {
            List { entries, last } => {
                List { entries: entries.into_iter().map(|e| e.map(f)).collect::<Result<_, E>>()?, last }
            }
            Lock { id, name, first } => Lock { id, name, first },
            Granted { id } => Granted { id },
            Refused { id, taken } => Refused { id, taken },
            Unlock { id, name } => Unlock { id, name },
            Announce(e) => Announce(e.map(f)?),
            Withdraw { name } => Withdraw { name },
            Request { from, id, name, pid } => Request { from: f(from)?, id, name, pid: pid.map(f).transpose()? },
            Done { to, id, result } => Done { to: f(to)?, id, result },
        })
    }
}

impl<P> Signal<P> {
    /// The same signal with its processes named otherwise.
    pub fn map<Q, E>(self, f: &mut impl FnMut(P) -> Result<Q, E>) -> Result<Signal<Q>, E> {
        use Signal::*;
        Ok(match self {
            Send { from, to, contents } => Send { from: f(from)?, to: to.map(f)?, contents: contents.map(f)? },
            Exit { from, to, normal, contents } => {
                Exit { from: f(from)?, to: f(to)?, normal, contents: contents.map(f)? }
            }
            Link { from, to, id } => Link { from: f(from)?, to: to.map(f)?, id },
            Unlink { from, to, id } => Unlink { from: f(from)?, to: to.map(f)?, id },
            UnlinkAck { from, to, id } => UnlinkAck { from: f(from)?, to: f(to)?, id },
            Monitor { from, to, id } => Monitor { from: f(from)?, to: to.map(f)?, id },
            Demonitor { from, to, id } => Demonitor { from: f(from)?, to: to.map(f)?, id },
            Down { from, to, id, contents } => Down { from: f(from)?, to: f(to)?, id, contents: contents.map(f)? },
            Reached { from, to, id } => Reached { from: f(from)?, to: f(to)?, id },
            Kill { from, to, contents } => Kill { from: f(from)?, to: to.map(f)?, contents: contents.map(f)? },
            Tied { from, to, bond } => Tied { from: f(from)?, to: f(to)?, bond },
            Spawn { parent, id, body, link, monitor, contents } => {
                Spawn { parent: f(parent)?, id, body, link, monitor, contents: contents.map(f)? }
            }
            Spawned { to, id, result } => Spawned {
                to: f(to)?,
                id,
                result: match result {
                    Ok(child) => Ok(f(child)?),
                    Err(why) => Err(why),
                },
            },
            Ask { from, to, id, question } => Ask { from: f(from)?, to: to.map(f)?, id, question },
            Answer { to, id, answer } => Answer { to: f(to)?, id, answer: answer.map(f)? },
            CodeWanted(hash) => CodeWanted(hash),
            Code { hash, contents } => Code { hash, contents: contents.map(f)? },
            CodeMissing(hash) => CodeMissing(hash),
            CodeKept(hash) => CodeKept(hash),
            Nodes { names, last } => Nodes { names, last },
            Name(s) => Name(s.map(f)?),
            Move(s) => Move(s.map(f)?),
            Interrupt { from, to } => Interrupt { from: f(from)?, to: to.map(f)? },
            Response { from, to, id, over, refused, contents } => {
                Response { from: f(from)?, to: f(to)?, id, over, refused, contents: contents.map(f)? }
            }
        })
    }
    /// The same for a peer that is not told who has sent a message.
    pub fn without_sender(self) -> Signal<P> {
        match self {
            Signal::Move(MoveSignal::ForwardOf { to, by, carried, .. }) => {
                Signal::Move(MoveSignal::ForwardBy { to, by, carried })
            }
            other => other,
        }
    }
    /// The same for a peer that does not number paths.
    pub fn without_paths(self) -> Option<Signal<P>> {
        match self {
            Signal::Move(MoveSignal::ForwardBy { to, carried, .. }) => {
                Some(Signal::Move(MoveSignal::Forward { to, carried }))
            }
            Signal::Move(MoveSignal::Paths { .. } | MoveSignal::GoesOn { .. }) => None,
            other => Some(other),
        }
    }
    /// Whether it says that all that was sent before it, by whatever process, has been sent: it leaves behind that.
    pub fn leaves_last(&self) -> bool {
        let is_last = |s: &MoveSignal<P>| {
            matches!(s, MoveSignal::Mark { .. } | MoveSignal::Moved { .. } | MoveSignal::Commit { .. })
        };
        matches!(self, Signal::Move(signal) if is_last(signal))
    }
    /// Whether it is a mark.
    pub fn is_mark(&self) -> bool {
        matches!(self, Signal::Move(MoveSignal::Mark { .. }))
    }
    /// Its message, or what it tells.
    pub fn message_mut(&mut self) -> Option<&mut Contents<P>> {
        match self {
            Signal::Send { contents, .. }
            | Signal::Exit { contents, .. }
            | Signal::Down { contents, .. }
            | Signal::Kill { contents, .. }
            | Signal::Spawn { contents, .. }
            | Signal::Response { contents, .. } => Some(contents),
            Signal::Move(
                MoveSignal::Forward { carried, .. }
                | MoveSignal::ForwardBy { carried, .. }
                | MoveSignal::ForwardOf { carried, .. },
            ) => carried.message_mut(),
            _ => None,
        }
    }
    /// What of it may be long.
    pub fn contents_mut(&mut self) -> Option<&mut Contents<P>> {
        match self {
            Signal::Code { contents, .. }
            | Signal::Move(MoveSignal::Offer { contents, .. })
            | Signal::Answer { answer: Answer::Info(contents), .. } => Some(contents),
            Signal::Move(
                MoveSignal::Forward { carried, .. }
                | MoveSignal::ForwardBy { carried, .. }
                | MoveSignal::ForwardOf { carried, .. },
            ) => carried.contents_mut(),
            other => other.message_mut(),
        }
    }
}
impl<P> Answer<P> {
    pub(super) fn map<Q, E>(self, f: &mut impl FnMut(P) -> Result<Q, E>) -> Result<Answer<Q>, E> {
        Ok(match self {
            Answer::Alive(p) => Answer::Alive(f(p)?),
            Answer::Dead => Answer::Dead,
            Answer::Info(c) => Answer::Info(c.map(f)?),
            Answer::Done(result) => Answer::Done(result),
            Answer::Lost => Answer::Lost,
        })
    }
}

#[cfg(test)]
impl Signal<Pid> {
    /// For people: without what is long.
    pub fn describe(&self) -> String {
        let mut brief = self.clone();
        if let Some(contents) = brief.contents_mut() {
            contents.bytes.0.truncate(40);
        }
        let text = format!("{brief:?}");
        // As pids are written elsewhere.
        let mut parts = text.split("Pid(");
        let mut all = parts.next().unwrap_or_default().to_string();
        for part in parts {
            let (bits, rest) = part.split_once(')').unwrap_or((part, ""));
            match bits.parse() {
                Ok(bits) => all += &format!("{}{rest}", Pid::from_bits(bits)),
                Err(_) => all += &format!("Pid({part}"),
            }
        }
        all
    }
}

/// The process that sends a signal: its stream, within which signals stay in order. None: the node itself.
pub fn sender(signal: &Signal<Pid>) -> Option<Pid> {
    match signal {
        Signal::Send { from, .. }
        | Signal::Link { from, .. }
        | Signal::Unlink { from, .. }
        | Signal::Monitor { from, .. }
        | Signal::Demonitor { from, .. }
        | Signal::Kill { from, .. }
        | Signal::Interrupt { from, .. }
        | Signal::Ask { from, .. }
        | Signal::Exit { from, .. }
        | Signal::Down { from, .. }
        | Signal::UnlinkAck { from, .. }
        | Signal::Reached { from, .. }
        | Signal::Tied { from, .. }
        | Signal::Response { from, .. }
        | Signal::Spawn { parent: from, .. } => Some(*from),
        Signal::Spawned { result: Ok(child), .. } => Some(*child),
        // In the order of what the process has sent, and was sent.
        Signal::Move(
            MoveSignal::Offer { pid, .. }
            | MoveSignal::Commit { pid, .. }
            | MoveSignal::Abort { pid, .. }
            | MoveSignal::Moved { pid, .. }
            | MoveSignal::Found { pid, .. }
            | MoveSignal::Mark { pid, .. }
            | MoveSignal::Paths { pid, .. }
            | MoveSignal::GoesOn { pid, .. }
            | MoveSignal::Unheard { pid, .. }
            | MoveSignal::Forward { to: pid, .. }
            | MoveSignal::ForwardBy { to: pid, .. }
            | MoveSignal::ForwardOf { to: pid, .. },
        ) => Some(*pid),
        _ => None,
    }
}

/// The process that a signal is for, of those that answer something.
pub fn receiver(signal: &Signal<Pid>) -> Option<Pid> {
    match signal {
        Signal::Exit { to, .. }
        | Signal::Down { to, .. }
        | Signal::UnlinkAck { to, .. }
        | Signal::Response { to, over: true, .. }
        | Signal::Answer { to, .. }
        | Signal::Spawned { to, .. }
        | Signal::Name(NameSignal::Done { to, .. }) => Some(*to),
        _ => None,
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(&self.0)
    }
}
impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Bytes, D::Error> {
        <&[u8]>::deserialize(d).map(|b| Bytes(b.into()))
    }
}
impl From<&[u8]> for Bytes {
    fn from(b: &[u8]) -> Bytes {
        Bytes(b.into())
    }
}
impl From<&str> for Bytes {
    fn from(b: &str) -> Bytes {
        Bytes(b.into())
    }
}
impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0[..self.0.len().min(64)]))
    }
}
