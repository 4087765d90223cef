//! What waits for a peer, and which of it leaves next.
//!
//! Journey: remote signal: signal -> **queue -> items of a frame** -> connection. Short signals lie encoded, one after
//! the other, as plain texts of frames: all that is there when the connection can take a frame leaves together, and one
//! alone leaves at once. A process with a long signal has a queue of its own, and those queues take turns; of two
//! frames one at least is for short signals, if there are any. What of a long signal is made when it can be sent (later.rs) is made for the
//! next frame alone.
//!
//! Always: signals of one stream (a process, or the node itself) leave in their order: a stream with a queue of its own
//! puts everything there until that is empty, and the queue begins once all short signals before it have left. A
//! runtime is announced before the first signal that speaks of it. More than the high-water mark of short signals, or of
//! all, waits only by one signal of each sender, and by signals of the node up to a bound.

use super::frame::{Item, Limits, PAYLOAD_MAX, Slice, append, write_item};
use super::later::{Body, PIECE, Pieces};
use super::name::NodeName;
use super::signal::{Signal, WirePid};
use rlua_machine::value::{Pid, Runtime};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

/// Bytes that wait before senders are suspended.
pub const HIGH_WATER: usize = 1 << 20;
/// Bytes that wait when they go on.
pub const LOW_WATER: usize = 512 << 10;
/// Bytes of signals that suspend nobody.
pub const NODE_MAX: usize = 16 << 20;
/// Bytes of contents that still are short.
const SHORT_MAX: usize = 16 << 10;
/// Bytes of a signal without long contents, as an item.
const HEAD_MAX: usize = PAYLOAD_MAX - 64;
/// Room in a frame for which a part is not worth while.
const PART_MIN: usize = 256;
/// Bytes of an item with a part, besides the part, at most.
const PART_OVERHEAD: usize = 1 + 5 + 3;

/// Why a signal is not queued.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// It is longer than the peer accepts.
    TooLong,
    /// It speaks of more runtimes than the peer accepts in a session.
    TooManyRuntimes,
    /// Signals of the node have reached their bound: the session is to end.
    Full,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Refused::TooLong => "too long for the other node",
            Refused::TooManyRuntimes => "processes of too many runtimes for one connection",
            Refused::Full => "the other node takes too little of what it has to be told",
        })
    }
}
impl std::error::Error for Refused {}

/// Who pays for what waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Payer {
    /// A process, which is suspended past the high-water mark.
    Process(Pid),
    /// The node: signals that it has to send and that nobody can hold back.
    Node,
}

/// A signal that waits in a stream's own queue.
struct Waiting {
    /// The whole item, or the head of a long signal in postcard.
    head: Vec<u8>,
    /// Contents of a long signal; none: the item is whole.
    body: Option<Body>,
    of_node: bool,
    /// The how manieth signal it is of those in queues.
    number: u64,
    /// It waits until all that was queued before it, in whatever stream, has left: frames of short signals that have to
    /// have left before it.
    behind_all: Option<u64>,
}
/// A long signal that has begun.
struct Open {
    slot: u32,
    /// Bytes of the contents.
    total: u64,
}
struct Stream {
    signals: VecDeque<Waiting>,
    open: Option<Open>,
    /// The queue begins when so many frames of short signals have left.
    after: u64,
}
/// A long signal whose next part is still to be made.
pub struct Wanted {
    stream: Option<Pid>,
    number: u64,
    pieces: Arc<dyn Pieces>,
}
/// What was made of it.
pub struct Made {
    stream: Option<Pid>,
    number: u64,
    bytes: Vec<u8>,
    more: bool,
}
impl Wanted {
    /// Makes it.
    pub fn make(self) -> Made {
        let Wanted { stream, number, pieces } = self;
        let mut bytes = Vec::new();
        let more = pieces.next(&mut bytes, PIECE);
        Made { stream, number, bytes, more }
    }
}
/// The plain text of a frame of short signals.
#[derive(Default)]
struct Short {
    bytes: Vec<u8>,
    /// Bytes that the node pays for.
    of_node: usize,
}

/// The queue.
pub struct Outgoing {
    limits: Limits,
    table: HashMap<Runtime, u32>,
    /// The entry that was looked up last.
    last: Option<(Runtime, u32)>,
    /// Announcements of runtimes, as plain texts of frames.
    announced: VecDeque<Vec<u8>>,
    short: VecDeque<Short>,
    /// A buffer for the next.
    spare: Vec<u8>,
    /// Frames of short signals that have left.
    left: u64,
    streams: HashMap<Option<Pid>, Stream>,
    turns: VecDeque<Option<Pid>>,
    /// Signals that were given a queue so far.
    queued: u64,
    free_slots: BTreeSet<u32>,
    /// Bytes of the contents of long signals under way.
    under_way: u64,
    /// The last frame was one of short signals.
    short_was_last: bool,
    bytes: usize,
    /// Of them, those of short signals.
    short_bytes: usize,
    node_bytes: usize,
    /// Who waits for less of all, and who for fewer short signals.
    suspended: BTreeSet<Pid>,
    short_suspended: BTreeSet<Pid>,
    resumed: Vec<Pid>,
}

impl Outgoing {
    /// An empty one, for a peer that accepts so much.
    pub fn new(peer_limits: Limits) -> Outgoing {
        Outgoing {
            limits: peer_limits,
            table: HashMap::new(),
            last: None,
            announced: VecDeque::new(),
            short: VecDeque::new(),
            spare: Vec::new(),
            left: 0,
            streams: HashMap::new(),
            turns: VecDeque::new(),
            queued: 0,
            free_slots: (0..peer_limits.slots.min(64)).collect(),
            under_way: 0,
            short_was_last: false,
            bytes: 0,
            short_bytes: 0,
            node_bytes: 0,
            suspended: BTreeSet::new(),
            short_suspended: BTreeSet::new(),
            resumed: Vec::new(),
        }
    }
    /// Bytes that wait.
    pub fn waiting(&self) -> usize {
        self.bytes
    }
    /// Whether a frame can leave.
    pub fn is_empty(&self) -> bool {
        self.announced.is_empty() && self.short.is_empty() && self.streams.is_empty()
    }
    /// Queues a signal of a stream. True: whoever pays is suspended until [`Outgoing::take_resumed`] names it.
    pub fn push(
        &mut self,
        stream: Option<Pid>,
        payer: Payer,
        mut signal: Signal<Pid>,
        node_of: &dyn Fn(Runtime) -> Option<NodeName>,
    ) -> Result<bool, Refused> {
        let body = signal.contents_mut().and_then(|c| Body::of(c, SHORT_MAX));
        let long = body.as_ref().map_or(0, Body::left);
        if long > self.limits.signal {
            return Err(Refused::TooLong);
        }
        let is_last = signal.leaves_last();
        let signal = signal.map(&mut |p| self.wire(p, node_of))?;
        let of_node = payer == Payer::Node;
        // Short signals alone leave in their order.
        let is_behind = |stream| is_last || self.streams.contains_key(stream);
        let is_short = body.is_none() && (self.streams.is_empty() || !is_behind(&stream));
        if is_short {
            self.push_short(&Item::Signal(signal), of_node)?;
        } else {
            let mut head = Vec::with_capacity(64);
            if body.is_none() {
                write_item(&Item::Signal(signal), &mut head);
            } else {
                append(&signal, &mut head);
            }
            let size = self.admit(head.len(), long as usize, of_node)?;
            self.bytes += size;
            self.node_bytes += if of_node { size } else { 0 };
            let after = self.left + self.short.len() as u64;
            let queue = self.streams.entry(stream).or_insert_with(|| {
                self.turns.push_back(stream);
                Stream { signals: VecDeque::new(), open: None, after }
            });
            self.queued += 1;
            let behind_all = is_last.then_some(after);
            queue.signals.push_back(Waiting { head, body, of_node, number: self.queued, behind_all });
        }
        let Payer::Process(pid) = payer else { return Ok(false) };
        // What overtakes the long signals does not wait for them.
        let (waiting, suspended) = match is_short {
            true => (self.short_bytes, &mut self.short_suspended),
            false => (self.bytes, &mut self.suspended),
        };
        let is_past = waiting > HIGH_WATER;
        if is_past {
            suspended.insert(pid);
        }
        Ok(is_past)
    }
    /// The bytes of a signal, if it may be queued.
    fn admit(&self, head: usize, body: usize, of_node: bool) -> Result<usize, Refused> {
        let size = head + body;
        if head > HEAD_MAX {
            Err(Refused::TooLong)
        } else if of_node && self.node_bytes + size > NODE_MAX {
            Err(Refused::Full)
        } else {
            Ok(size)
        }
    }
    /// Queues an item at the end of the last frame, or of the next if that has no room.
    fn push_short(&mut self, item: &Item, of_node: bool) -> Result<(), Refused> {
        if self.short.is_empty() {
            self.short.push_back(Short { bytes: std::mem::take(&mut self.spare), of_node: 0 });
        }
        let last = self.short.len() - 1;
        let frame = &mut self.short[last].bytes;
        let start = frame.len();
        write_item(item, frame);
        let (end, is_full) = (frame.len(), frame.len() > PAYLOAD_MAX);
        let size = match self.admit(end - start, 0, of_node) {
            Ok(size) => size,
            Err(why) => {
                self.short[last].bytes.truncate(start);
                if start == 0 {
                    self.spare = self.short.pop_back().expect("it is there").bytes;
                }
                return Err(why);
            }
        };
        if is_full {
            let bytes = self.short[last].bytes.split_off(start);
            self.short.push_back(Short { bytes, of_node: 0 });
        }
        self.bytes += size;
        self.short_bytes += size;
        if of_node {
            self.node_bytes += size;
            self.short[last + is_full as usize].of_node += size;
        }
        Ok(())
    }
    /// A pid for the wire; its runtime is announced if it is new here.
    fn wire(&mut self, pid: Pid, node_of: &dyn Fn(Runtime) -> Option<NodeName>) -> Result<WirePid, Refused> {
        let runtime = pid.runtime();
        if let Some((_, index)) = self.last.filter(|(last, _)| *last == runtime) {
            return Ok(WirePid { runtime: index, serial: pid.serial() });
        }
        if let Some(&index) = self.table.get(&runtime) {
            self.last = Some((runtime, index));
            return Ok(WirePid { runtime: index, serial: pid.serial() });
        }
        let index = self.table.len() as u32;
        if index >= self.limits.runtimes {
            return Err(Refused::TooManyRuntimes);
        }
        let mut item = Vec::new();
        write_item(&Item::Runtime { id: runtime.id().to_be_bytes(), node: node_of(runtime) }, &mut item);
        match self.announced.back_mut() {
            Some(last) if last.len() + item.len() <= HEAD_MAX => last.extend_from_slice(&item),
            _ => self.announced.push_back(item),
        }
        self.table.insert(runtime, index);
        Ok(WirePid { runtime: index, serial: pid.serial() })
    }
    /// Fills the plain text of the next frame, after what is there already (an item of the session's own, far shorter
    /// than a frame). Nothing is added if nothing can leave.
    pub fn fill(&mut self, plain: &mut Vec<u8>) {
        if let Some(announced) = self.announced.pop_front() {
            plain.extend_from_slice(&announced);
            if !self.announced.is_empty() {
                return;
            }
        }
        let fits = self.short.front().is_some_and(|s| s.bytes.len() + plain.len() <= PAYLOAD_MAX);
        let short_now = fits && !(self.short_was_last && self.has_long());
        if short_now {
            self.fill_short(plain);
        }
        let before = plain.len();
        while self.fill_long(plain) {}
        self.short_was_last = short_now;
        if fits && !short_now && plain.len() == before {
            self.fill_short(plain);
        }
        if self.bytes <= LOW_WATER && !self.suspended.is_empty() {
            self.resumed.extend(std::mem::take(&mut self.suspended));
        }
        if self.short_bytes <= LOW_WATER && !self.short_suspended.is_empty() {
            self.resumed.extend(std::mem::take(&mut self.short_suspended));
        }
    }
    fn fill_short(&mut self, plain: &mut Vec<u8>) {
        if let Some(mut short) = self.short.pop_front() {
            self.left += 1;
            self.short_bytes -= short.bytes.len();
            self.forget(short.bytes.len(), short.of_node);
            if plain.is_empty() {
                std::mem::swap(plain, &mut short.bytes);
            } else {
                plain.extend_from_slice(&short.bytes);
            }
            short.bytes.clear();
            self.spare = short.bytes;
        }
    }
    /// Whether the queue of a stream may begin or go on.
    fn has_long(&self) -> bool {
        self.turns.iter().any(|key| self.streams.get(key).is_some_and(|s| self.left >= s.after))
    }
    /// Adds an item of the stream whose turn it is. False: none fits, or none is there.
    fn fill_long(&mut self, plain: &mut Vec<u8>) -> bool {
        for _ in 0..self.turns.len() {
            let Some(key) = self.turns.pop_front() else { return false };
            let Some(mut stream) = self.streams.remove(&key) else { continue };
            let moved = self.left >= stream.after && self.fill_from(&mut stream, plain);
            if !stream.signals.is_empty() {
                self.streams.insert(key, stream);
                // Whose turn did not come, because a frame was full, keeps it.
                if moved || PAYLOAD_MAX - plain.len() >= PART_MIN {
                    self.turns.push_back(key);
                } else {
                    self.turns.push_front(key);
                    return false;
                }
            }
            if moved {
                return true;
            }
        }
        false
    }
    fn fill_from(&mut self, stream: &mut Stream, plain: &mut Vec<u8>) -> bool {
        let Some(signal) = stream.signals.front() else { return false };
        if let Some(after) = signal.behind_all {
            let before = |s: &Stream| s.signals.front().is_some_and(|f| f.number < signal.number);
            if self.left < after || self.streams.values().any(before) {
                return false;
            }
        }
        let room = PAYLOAD_MAX - plain.len();
        let Some(signal) = stream.signals.front_mut() else { return false };
        let Some(body) = &mut signal.body else {
            if signal.head.len() > room {
                return false;
            }
            plain.extend_from_slice(&signal.head);
            let (size, of_node) = (signal.head.len(), signal.of_node);
            stream.signals.pop_front();
            self.forget(size, if of_node { size } else { 0 });
            return true;
        };
        let Some(open) = &stream.open else {
            let total = body.left();
            let allowed = self.under_way + total <= self.limits.partial;
            let slot = self.free_slots.first().copied().filter(|_| allowed && signal.head.len() + 20 <= room);
            let Some(slot) = slot else { return false };
            self.free_slots.remove(&slot);
            self.under_way += total;
            // As `Item::Begin`, whose head is encoded already.
            plain.push(1);
            append(&(slot, total), plain);
            plain.extend_from_slice(&signal.head);
            let (size, of_node) = (signal.head.len(), signal.of_node);
            stream.open = Some(Open { slot, total });
            self.forget(size, if of_node { size } else { 0 });
            return true;
        };
        if room < PART_MIN {
            return false;
        }
        let part = body.part(room - PART_OVERHEAD);
        write_item(&Item::Part { slot: open.slot, bytes: Slice(part) }, plain);
        let (size, of_node) = (part.len(), signal.of_node);
        if body.left() == 0 {
            self.free_slots.insert(open.slot);
            self.under_way -= open.total;
            stream.open = None;
            stream.signals.pop_front();
        }
        self.forget(size, if of_node { size } else { 0 });
        true
    }
    /// What is to be made before the next part of a long signal can leave. Who does not do that here, and then calls
    /// [`Outgoing::supply`], leaves it to [`Outgoing::fill`].
    pub fn wanted(&self) -> Option<Wanted> {
        let may_go = |key: &&Option<Pid>| self.streams.get(key).is_some_and(|s| self.left >= s.after);
        let stream = *self.turns.iter().find(may_go)?;
        let signal = self.streams.get(&stream)?.signals.front()?;
        let pieces = signal.body.as_ref()?.wants(PAYLOAD_MAX)?.clone();
        Some(Wanted { stream, number: signal.number, pieces })
    }
    /// It was made.
    pub fn supply(&mut self, made: Made) {
        let signal = self.streams.get_mut(&made.stream).and_then(|s| s.signals.front_mut());
        if let Some(body) = signal.filter(|s| s.number == made.number).and_then(|s| s.body.as_mut()) {
            body.supply(&made.bytes, made.more);
        }
    }
    fn forget(&mut self, bytes: usize, of_node: usize) {
        self.bytes -= bytes;
        self.node_bytes -= of_node;
    }
    /// Who is not suspended any more.
    pub fn take_resumed(&mut self) -> Vec<Pid> {
        std::mem::take(&mut self.resumed)
    }
    /// Drops all that waits; who was suspended goes on.
    pub fn clear(&mut self) -> Vec<Pid> {
        let mut resumed = self.take_resumed();
        resumed.extend(std::mem::take(&mut self.suspended));
        resumed.extend(std::mem::take(&mut self.short_suspended));
        *self = Outgoing::new(self.limits);
        resumed
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::next_item;
    use super::super::later::Later;
    use super::super::signal::{Contents, Target};
    use super::*;
    use crate::codec::NoModules;

    fn pid(serial: u64) -> Pid {
        Pid::new(Runtime::find(1 << 90).expect("there is room"), serial)
    }
    fn message(from: u64, bytes: Vec<u8>) -> Signal<Pid> {
        Signal::Send { from: pid(from), to: Target::Pid(pid(99)), contents: Contents::new(bytes) }
    }
    fn send(out: &mut Outgoing, from: u64, bytes: Vec<u8>) -> bool {
        let pushed = out.push(Some(pid(from)), Payer::Process(pid(from)), message(from, bytes), &|_| None);
        pushed.expect("it is within the limits")
    }
    fn frame(out: &mut Outgoing) -> Vec<u8> {
        let mut plain = Vec::new();
        out.fill(&mut plain);
        assert!(plain.len() <= PAYLOAD_MAX);
        plain
    }
    fn items(mut plain: &[u8]) -> Vec<Item<'_>> {
        let mut all = Vec::new();
        while let Some(item) = next_item(&mut plain).expect("items are well formed") {
            all.push(item);
        }
        all
    }
    #[test]
    fn what_is_ready_together_leaves_together() {
        let mut out = Outgoing::new(Limits::default());
        for i in 0..20 {
            send(&mut out, i, vec![i as u8; 100]);
        }
        let plain = frame(&mut out);
        assert_eq!(items(&plain).len(), 21, "a runtime and 20 signals");
        assert!(out.is_empty() && out.waiting() == 0);
        assert!(frame(&mut out).is_empty());
        send(&mut out, 1, b"alone".to_vec());
        assert_eq!(items(&frame(&mut out)).len(), 1);
    }
    #[test]
    fn a_long_signal_lets_short_ones_pass_and_keeps_its_own_order() {
        let mut out = Outgoing::new(Limits::default());
        send(&mut out, 1, b"first".to_vec());
        assert!(send(&mut out, 1, vec![7; 3_000_000]));
        send(&mut out, 1, b"last".to_vec());
        frame(&mut out);
        frame(&mut out);
        assert!(!send(&mut out, 2, b"ping".to_vec()), "who sends little waits for nobody's long signal");
        let plain = frame(&mut out);
        assert!(
            matches!(&items(&plain)[0], Item::Signal(Signal::Send { contents, .. }) if contents.bytes.0 == b"ping")
        );
        let mut frames = 0;
        let last = loop {
            let plain = frame(&mut out);
            frames += 1;
            if out.is_empty() {
                break plain;
            }
        };
        assert!((43..48).contains(&frames), "{frames}");
        let last = items(&last);
        assert!(
            matches!(last.last(), Some(Item::Signal(Signal::Send { contents, .. })) if contents.bytes.0 == b"last")
        );
        assert_eq!(out.take_resumed(), [pid(1)]);
    }
    #[test]
    fn long_signals_take_turns_and_short_ones_cannot_starve_them() {
        let mut out = Outgoing::new(Limits::default());
        for i in 1..=3 {
            send(&mut out, i, vec![i as u8; 200_000]);
        }
        let mut parts = [0; 3];
        for round in 0..14 {
            for _ in 0..60 {
                out.push(None, Payer::Node, message(9, vec![0; 1000]), &|_| None).expect("it is within the limits");
            }
            let plain = frame(&mut out);
            for item in items(&plain) {
                if let Item::Part { slot, bytes } = item {
                    parts[slot as usize] += bytes.0.len();
                }
            }
            assert!(round > 6 || parts.iter().max() <= parts.iter().min().map(|n| n + 130_000).as_ref(), "{parts:?}");
        }
        assert!(parts.iter().sum::<usize>() > 6 * 60_000, "{parts:?}");
    }
    /// Makes so many bytes, and no more.
    struct Makes(std::sync::Mutex<usize>);
    impl Pieces for Makes {
        fn next(&self, out: &mut Vec<u8>, about: usize) -> bool {
            let mut left = self.0.lock().expect("no panic");
            let n = about.min(*left);
            out.resize(out.len() + n, 7);
            *left -= n;
            n > 0
        }
    }
    /// What is made when it can be sent is sent like what was there, made by whoever writes or here; and all of what was
    /// promised, though no more is made.
    #[test]
    fn what_is_made_later_is_whole() {
        const LEN: usize = 700_001;
        for (makes, made_ahead) in [(LEN, true), (LEN, false), (300_000, true), (0, false)] {
            let mut out = Outgoing::new(Limits::default());
            let later = |len| Later { len, pieces: Arc::new(Makes(makes.into())) };
            let long = |len| Signal::Send {
                from: pid(1),
                to: Target::Pid(pid(99)),
                contents: Contents::made_later(later(len)),
            };
            let push = |out: &mut Outgoing, len| out.push(Some(pid(1)), Payer::Process(pid(1)), long(len), &|_| None);
            assert_eq!(push(&mut out, (1 << 30) + 1), Err(Refused::TooLong));
            assert_eq!(push(&mut out, LEN as u64), Ok(false));
            send(&mut out, 1, b"after".to_vec());
            assert!(out.waiting() > LEN);
            let mut r = super::super::frame::Reassembler::new(Limits::default());
            let (mut whole, mut passed) = (None, 0);
            while !out.is_empty() {
                while let Some(wanted) = out.wanted().filter(|_| made_ahead) {
                    out.supply(wanted.make());
                }
                if whole.is_none() {
                    send(&mut out, 2, b"passes".to_vec());
                    passed += 1;
                }
                let plain = frame(&mut out);
                for item in items(&plain) {
                    match item {
                        Item::Begin { slot, total, head } => r.begin(slot, total, head).expect("limits are kept"),
                        Item::Part { slot, bytes } => {
                            whole = r.part(slot, bytes.0, &NoModules).expect("parts follow their head").or(whole);
                        }
                        Item::Signal(Signal::Send { contents, .. }) if contents.bytes.0 == b"after" => {
                            assert!(whole.is_some(), "signals of a sender are in order");
                        }
                        _ => {}
                    }
                }
            }
            let Some(Signal::Send { contents, .. }) = whole else { panic!("it has come") };
            let expected: Vec<u8> = (0..LEN).map(|i| if i < makes { 7 } else { 0 }).collect();
            assert!(contents.bytes.0 == expected);
            assert!(passed >= 10, "others are not held up");
        }
    }
    #[test]
    fn promises_stay_within_what_the_peer_accepts() {
        let limits = Limits { signal: 100_000, partial: 150_000, slots: 9, runtimes: 2 };
        let mut out = Outgoing::new(limits);
        let refused = out.push(None, Payer::Node, message(1, vec![0; 100_001]), &|_| None);
        assert_eq!(refused, Err(Refused::TooLong));
        for i in 1..=3 {
            send(&mut out, i, vec![0; 90_000]);
        }
        let mut r = super::super::frame::Reassembler::new(limits);
        let mut whole = 0;
        while !out.is_empty() {
            let plain = frame(&mut out);
            for item in items(&plain) {
                match item {
                    Item::Begin { slot, total, head } => r.begin(slot, total, head).expect("limits are kept"),
                    Item::Part { slot, bytes } => {
                        whole += r.part(slot, bytes.0, &NoModules).expect("parts follow their head").is_some() as u32;
                    }
                    _ => {}
                }
            }
        }
        assert_eq!(whole, 3);
    }
    #[test]
    fn senders_are_suspended_and_the_node_is_bounded() {
        let mut out = Outgoing::new(Limits::default());
        let mut sent = 0;
        while !send(&mut out, 1, vec![0; 10_000]) {
            sent += 1;
        }
        assert!((100..=105).contains(&sent), "{sent}");
        while out.waiting() > LOW_WATER {
            assert!(out.take_resumed().is_empty());
            frame(&mut out);
        }
        assert_eq!(out.take_resumed(), [pid(1)]);
        let full = (0..2000).find_map(|_| out.push(None, Payer::Node, message(1, vec![0; 10_000]), &|_| None).err());
        assert_eq!(full, Some(Refused::Full));
        assert!(out.waiting() < NODE_MAX + HIGH_WATER);
    }
    #[test]
    fn a_runtime_is_announced_once_and_first() {
        let mut out = Outgoing::new(Limits { runtimes: 3, ..Limits::default() });
        let other = |id: u128| Pid::new(Runtime::find(id).expect("there is room"), 5);
        let name = NodeName::parse("a@b").expect("it is valid");
        for id in [3, 4, 3, 4] {
            let signal = Signal::Reached { from: other(id), to: other(3), id: 1 };
            out.push(None, Payer::Node, signal, &|_| Some(name.clone())).expect("two runtimes are allowed");
        }
        let plain = frame(&mut out);
        let seen = items(&plain);
        assert!(
            matches!(&seen[..2], [Item::Runtime { .. }, Item::Runtime { node: Some(n), .. }] if n.as_str() == "a@b")
        );
        assert_eq!(seen.len(), 6);
        let signal = Signal::Reached { from: other(5), to: other(6), id: 1 };
        assert_eq!(out.push(None, Payer::Node, signal, &|_| None), Err(Refused::TooManyRuntimes));
    }
}
