//! Frames: what two nodes write into their connection, and the items inside.
//!
//! Journey: remote signal: outgoing -> **frame** -> connection -> **frame** -> session. A frame is its length (16 bits,
//! big-endian) and a Noise transport message; its plain text is a row of items in postcard, at most 65,000 bytes. A
//! signal whose contents are long is an item with its head and items with parts of its contents, so that parts of
//! several can interleave. (One frame for one signal, which the reader might expect, would let a long message hold up a
//! ping.)
//!
//! Always: a length is compared with a limit before anything is kept for it; memory for a long signal grows with what
//! has arrived, not with what was promised.

use super::name::NodeName;
use super::signal::{Bytes, Seen, Signal, WirePid};
use crate::codec::ModuleSource;
use rlua_machine::value::Runtime;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use snow::StatelessTransportState;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Bytes of a frame's plain text at most.
pub const PAYLOAD_MAX: usize = 65_000;
/// Bytes that encryption adds.
pub const TAG: usize = 16;
/// Bytes of the length before a frame.
pub const LENGTH: usize = 2;

/// Bytes of a signal under way that is not moved any more.
const LARGE: usize = 1 << 20;

/// A part of a frame.
#[derive(PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Item<'a> {
    /// 0: a whole signal.
    Signal(Signal<WirePid>),
    /// 1: a signal whose contents follow in parts; here they are empty.
    Begin {
        /// Which of the signals under way; free before, taken until its last part.
        slot: u32,
        /// Bytes of the contents.
        total: u64,
        /// The rest of the signal.
        head: Signal<WirePid>,
    },
    /// 2: the next bytes of the contents.
    Part {
        /// Of which signal.
        slot: u32,
        /// At least one.
        #[serde(borrow)]
        bytes: Slice<'a>,
    },
    /// 3: a runtime gets the next index in the table for [`WirePid`].
    Runtime {
        /// Its identity, big-endian.
        id: [u8; 16],
        /// Its node, if the sender knows: the way home for its processes.
        node: Option<NodeName>,
    },
    /// 4: is anybody there?
    Ping,
    /// 5: yes.
    Pong,
    /// 6: the last item of a session, and why it ends: a text for people.
    Close(Bytes),
}

/// Bytes in place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slice<'a>(pub &'a [u8]);

impl Serialize for Slice<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(self.0)
    }
}
impl<'de: 'a, 'a> Deserialize<'de> for Slice<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Slice<'a>, D::Error> {
        <&'de [u8]>::deserialize(d).map(Slice)
    }
}

/// What is wrong with what a peer has sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A frame of so many bytes.
    Length(usize),
    /// A frame that does not open.
    Sealed,
    /// An item that cannot be read.
    Item,
    /// A part of no signal, or a signal in a taken place.
    Slot(u32),
    /// A long signal without room for contents, with some already, or with none to come.
    Head,
    /// A signal longer than was agreed on.
    Long(u64),
    /// Signals under way that are longer together than was agreed on.
    Partial(u64),
    /// A process of a runtime that was not announced, or with a serial number that none has.
    Pid,
    /// More runtimes than a session may have.
    Runtimes,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Fault::Length(n) => write!(f, "a frame of {n} bytes"),
            Fault::Sealed => f.write_str("a frame was altered, lost, repeated or written under another cookie"),
            Fault::Item => f.write_str("an item that is malformed or of a newer protocol"),
            Fault::Slot(n) => write!(f, "a part of signal {n}, which is not under way, or a second one of that number"),
            Fault::Head => f.write_str("a long signal without contents"),
            Fault::Long(n) => write!(f, "a signal of {n} bytes is too long"),
            Fault::Partial(n) => write!(f, "unfinished signals of {n} bytes together are too much"),
            Fault::Pid => f.write_str("a process of an unknown runtime"),
            Fault::Runtimes => f.write_str("too many runtimes in one session"),
        }
    }
}
impl std::error::Error for Fault {}

/// What one side accepts; each tells the other in its hello.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of a signal's contents.
    pub signal: u64,
    /// Bytes of the contents of all signals under way.
    pub partial: u64,
    /// Signals under way.
    pub slots: u32,
    /// Runtimes in the table.
    pub runtimes: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { signal: 1 << 30, partial: 1 << 30, slots: 64, runtimes: 1 << 16 }
    }
}
impl Limits {
    /// Whether a signal of every length that is accepted can be sent at all.
    pub fn are_possible(&self) -> bool {
        self.slots > 0 && self.runtimes > 1 && self.signal <= self.partial
    }
}

/// Divides a stream of bytes into frames.
#[derive(Default)]
pub struct Deframer {
    held: Vec<u8>,
    /// Where in `held` the next frame begins.
    at: usize,
}

impl Deframer {
    /// Takes bytes as they arrive. Between two calls all frames are to be taken out, so that less than one is held.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.drain(..self.at);
        self.at = 0;
        self.held.extend_from_slice(bytes);
    }
    /// The next whole frame without its length, if it has arrived; an error if it is longer or shorter than allowed.
    pub fn next(&mut self, least: usize, most: usize) -> Result<Option<&[u8]>, Fault> {
        let rest = &self.held[self.at..];
        let Some(length) = rest.first_chunk::<LENGTH>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes(*length));
        if !(least..=most).contains(&length) {
            return Err(Fault::Length(length));
        }
        let Some(frame) = rest.get(LENGTH..LENGTH + length) else { return Ok(None) };
        self.at += LENGTH + length;
        Ok(Some(frame))
    }
    /// Bytes of the frame that has not arrived whole.
    pub fn held(&self) -> usize {
        self.held.len() - self.at
    }
}

/// Writes frames.
pub struct Sealer {
    transport: Arc<StatelessTransportState>,
    nonce: u64,
}
/// Reads frames.
pub struct Opener {
    transport: Arc<StatelessTransportState>,
    nonce: u64,
    plain: Vec<u8>,
}

/// Both, after the handshake.
pub fn transport(transport: StatelessTransportState) -> (Sealer, Opener) {
    let transport = Arc::new(transport);
    let opener = Opener { transport: transport.clone(), nonce: 0, plain: vec![0; PAYLOAD_MAX + TAG] };
    (Sealer { transport, nonce: 0 }, opener)
}

/// Encrypts one frame.
pub struct Seal {
    transport: Arc<StatelessTransportState>,
    nonce: u64,
}

impl Sealer {
    /// For the next frame.
    pub fn next_seal(&mut self) -> Seal {
        self.nonce += 1;
        Seal { transport: self.transport.clone(), nonce: self.nonce - 1 }
    }
}
impl Seal {
    /// Appends the frame.
    pub fn seal(self, payload: &[u8], out: &mut Vec<u8>) {
        assert!(payload.len() <= PAYLOAD_MAX, "payloads are made to fit");
        let start = out.len();
        let length = payload.len() + TAG;
        out.extend_from_slice(&(length as u16).to_be_bytes());
        out.resize(start + LENGTH + length, 0);
        let written = self.transport.write_message(self.nonce, payload, &mut out[start + LENGTH..]);
        assert_eq!(written.ok(), Some(length), "there is room, and fewer than 2^64 frames");
    }
}
impl Opener {
    /// The plain text of the next frame.
    pub fn open(&mut self, frame: &[u8]) -> Result<&[u8], Fault> {
        if frame.len() > PAYLOAD_MAX + TAG {
            return Err(Fault::Length(frame.len()));
        }
        let n = self.transport.read_message(self.nonce, frame, &mut self.plain).map_err(|_| Fault::Sealed)?;
        self.nonce += 1;
        Ok(&self.plain[..n])
    }
}

/// Reads the next item of a frame's plain text, which becomes shorter.
pub fn next_item<'a>(plain: &mut &'a [u8]) -> Result<Option<Item<'a>>, Fault> {
    if plain.is_empty() {
        return Ok(None);
    }
    let (item, rest) = postcard::take_from_bytes(plain).map_err(|_| Fault::Item)?;
    *plain = rest;
    Ok(Some(item))
}

/// Appends what postcard makes of a value. (Its own way into a vector goes byte by byte.)
pub fn append(value: &impl Serialize, out: &mut Vec<u8>) {
    struct Appender<'v>(&'v mut Vec<u8>);
    impl postcard::ser_flavors::Flavor for Appender<'_> {
        type Output = ();
        fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
            self.0.push(byte);
            Ok(())
        }
        fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
            self.0.extend_from_slice(bytes);
            Ok(())
        }
        fn finalize(self) -> postcard::Result<()> {
            Ok(())
        }
    }
    postcard::serialize_with_flavor(value, Appender(out)).expect("what is written has lengths, and a vector takes all");
}
/// Appends an item.
pub fn write_item(item: &Item, out: &mut Vec<u8>) {
    append(item, out);
}

struct Partial {
    head: Signal<WirePid>,
    total: u64,
    bytes: Vec<u8>,
    /// What is known of them, if they are a message.
    seen: Seen,
}

/// Puts long signals together.
pub struct Reassembler {
    limits: Limits,
    partial: HashMap<u32, Partial>,
    /// Bytes that all of them will have.
    promised: u64,
}

impl Reassembler {
    /// With nothing under way.
    pub fn new(limits: Limits) -> Reassembler {
        Reassembler { limits, partial: HashMap::new(), promised: 0 }
    }
    /// A long signal begins.
    pub fn begin(&mut self, slot: u32, total: u64, mut head: Signal<WirePid>) -> Result<(), Fault> {
        if slot >= self.limits.slots || self.partial.contains_key(&slot) {
            return Err(Fault::Slot(slot));
        }
        if total == 0 || head.contents_mut().is_none_or(|c| !c.bytes.0.is_empty()) {
            return Err(Fault::Head);
        }
        if total > self.limits.signal {
            return Err(Fault::Long(total));
        }
        // No overflow: both are at most their limits, which are far from 2^64 on every sane node; saturating for
        // others.
        let promised = self.promised.saturating_add(total);
        if promised > self.limits.partial {
            return Err(Fault::Partial(promised));
        }
        self.promised = promised;
        let seen = Seen(head.message_mut().map(|_| Box::default()));
        self.partial.insert(slot, Partial { head, total, bytes: Vec::new(), seen });
        Ok(())
    }
    /// A part of one arrives. The signal, if it is whole now. Messages are looked through, as far as their code is among
    /// `modules`.
    pub fn part(
        &mut self,
        slot: u32,
        part: &[u8],
        modules: &dyn ModuleSource,
    ) -> Result<Option<Signal<WirePid>>, Fault> {
        let p = self.partial.get_mut(&slot).ok_or(Fault::Slot(slot))?;
        let left = p.total - p.bytes.len() as u64;
        if part.is_empty() || part.len() as u64 > left {
            return Err(Fault::Slot(slot));
        }
        if p.bytes.capacity() - p.bytes.len() < part.len() {
            // Twice what is there, so that growth costs little; never more than was promised. What is large already gets
            // all its room, which takes no memory before it is used: to move it would hold up what comes after it.
            let more = if p.bytes.len() >= LARGE { left } else { (p.bytes.len().max(part.len()) as u64).min(left) };
            p.bytes.try_reserve_exact(more as usize).map_err(|_| Fault::Partial(p.total))?;
        }
        p.bytes.extend_from_slice(part);
        if let (Some(arriving), Ok(total)) = (&mut p.seen.0, usize::try_from(p.total)) {
            arriving.look(&p.bytes, total, modules, &Runtime::find);
        }
        if (p.bytes.len() as u64) < p.total {
            return Ok(None);
        }
        let Some(Partial { mut head, total, bytes, seen }) = self.partial.remove(&slot) else { return Ok(None) };
        self.promised -= total;
        if let Some(contents) = head.contents_mut() {
            contents.bytes.0 = bytes;
            contents.seen = seen;
        }
        Ok(Some(head))
    }
}

#[cfg(test)]
mod tests {
    use super::super::signal::{Contents, Target};
    use super::*;
    use crate::codec::{Message, NoModules};

    fn head(bytes: &[u8]) -> Signal<WirePid> {
        let pid = WirePid { runtime: 0, serial: 1 };
        Signal::Send { from: pid, to: Target::Pid(pid), contents: Contents::new(bytes.to_vec()) }
    }
    #[test]
    fn frames_are_found_however_the_bytes_come() {
        let mut bytes = Vec::new();
        for n in 1..=40usize {
            bytes.extend((n as u16).to_be_bytes());
            bytes.extend(vec![n as u8; n]);
        }
        for step in 1..50 {
            let mut d = Deframer::default();
            let mut seen = 0;
            for piece in bytes.chunks(step) {
                d.push(piece);
                while let Some(frame) = d.next(1, 40).expect("lengths are allowed") {
                    seen += 1;
                    assert_eq!(frame, vec![seen as u8; seen]);
                }
                assert!(d.held() < 42);
            }
            assert_eq!(seen, 40);
        }
        let mut d = Deframer::default();
        d.push(&[0xff, 0xff]);
        assert_eq!(d.next(1, 40), Err(Fault::Length(65535)));
        let mut d = Deframer::default();
        d.push(&[0, 0]);
        assert_eq!(d.next(1, 40), Err(Fault::Length(0)));
    }
    #[test]
    fn long_signals_interleave() {
        let mut r = Reassembler::new(Limits::default());
        r.begin(0, 5, head(b"")).expect("slot 0 is free");
        r.begin(7, 3, head(b"")).expect("slot 7 is free");
        assert_eq!(r.part(0, b"he", &NoModules), Ok(None));
        assert_eq!(r.part(7, b"abc", &NoModules), Ok(Some(head(b"abc"))));
        assert_eq!(r.part(0, b"llo", &NoModules), Ok(Some(head(b"hello"))));
        assert_eq!(r.part(0, b"x", &NoModules), Err(Fault::Slot(0)));
        assert_eq!(r.promised, 0);
    }
    #[test]
    fn a_message_is_looked_through_as_it_comes() {
        for text in [&[b'x'; 90_000][..], b"short"] {
            let bytes = Message::record(&[(b"text", text), (b"more", b"yes")]).to_portable().bytes;
            let mut r = Reassembler::new(Limits::default());
            r.begin(0, bytes.len() as u64, head(b"")).expect("slot 0 is free");
            let parts = bytes.chunks(bytes.len() / 3 + 1);
            let mut came = parts.filter_map(|part| r.part(0, part, &NoModules).expect("it is one of it"));
            let mut signal = came.next().expect("it is whole");
            let contents = signal.message_mut().expect("it is a message");
            let arriving = contents.seen.0.take().expect("it came in parts");
            assert_eq!(
                format!("{arriving:?}"),
                format!("Arriving({} bytes)", bytes.len()),
                "nothing is left to look at"
            );
            let m = arriving.finish(contents.bytes.0.clone(), &NoModules, &Runtime::find);
            assert_eq!(m.expect("it is whole").to_portable().bytes, bytes);
        }
    }
    #[test]
    fn limits_come_before_memory() {
        let limits = Limits { signal: 1000, partial: 1500, slots: 3, runtimes: 9 };
        let mut r = Reassembler::new(limits);
        assert_eq!(r.begin(0, 1001, head(b"")), Err(Fault::Long(1001)));
        assert_eq!(r.begin(0, u64::MAX, head(b"")), Err(Fault::Long(u64::MAX)));
        assert_eq!(r.begin(3, 1, head(b"")), Err(Fault::Slot(3)));
        assert_eq!(r.begin(0, 0, head(b"")), Err(Fault::Head));
        assert_eq!(r.begin(0, 9, head(b"x")), Err(Fault::Head));
        assert_eq!(r.begin(0, 9, Signal::CodeWanted([0; 32])), Err(Fault::Head));
        r.begin(0, 1000, head(b"")).expect("it is within the limits");
        assert_eq!(r.begin(0, 1, head(b"")), Err(Fault::Slot(0)));
        assert_eq!(r.begin(1, 501, head(b"")), Err(Fault::Partial(1501)));
        r.begin(1, 500, head(b"")).expect("together they are at the limit");
        assert_eq!(r.part(1, &[0; 501], &NoModules), Err(Fault::Slot(1)));
        assert_eq!(r.part(1, b"", &NoModules), Err(Fault::Slot(1)));
        assert_eq!(r.partial[&0].bytes.capacity(), 0, "promises take no memory");
    }
    #[test]
    fn what_no_node_knows_is_refused() {
        for bytes in [&[7][..], &[0, 21], &[0, 20, 9], &[2, 0, 5, 1], &[3, 1], &[255; 20]] {
            let mut rest = bytes;
            assert_eq!(next_item(&mut rest), Err(Fault::Item), "{bytes:?}");
        }
    }
}
