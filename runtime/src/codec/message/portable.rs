//! The portable form: a message for another runtime, and one from it, without a machine.
//!
//! Journey: mailbox -> **bytes for outside** -> mailbox. One walk over a message's bytes copies what is the same everywhere
//! and puts names for addresses; the same walk, which then writes nothing, is what bytes from outside have to pass before
//! they are a message (arriving.rs). Decoding believes them no more than before; but a message that is in a mailbox is known to be
//! whole, so that it is refused where it came from and not where it is received.
//!
//! Always: a fault in what was made here is a bug; in what comes from outside it is an error.

use super::super::wire::{Fault, Reader, Write};
use super::super::{NoModules, code};
use super::run::Run;
use super::{Form, Message, NodesHead, SHORT, Source, TEXT, TEXT_OF_UNIT, VALUE, more};
use rlua_machine::stdlib::NativeState;
use rlua_machine::value::table::Node;
use rlua_machine::value::{Kind, Pid, Runtime, Value, tag};
use rlua_machine::vm::load::Module;
use rlua_machine::vm::native::Native;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Version of the portable form; its first byte.
pub(super) const VERSION: u8 = 1;
/// The head of a message without modules and pids.
const HEAD: [u8; 3] = [VERSION, 0, 0];
/// Runtimes of a message whose nodes are told along with it. To reach the processes of more, one has to hear of them otherwise.
const RUNTIMES: usize = 16;
/// Pids that are found by looking; more are by hashing.
const FEW_PIDS: usize = 8;
/// What the system tells, by its code.
pub(super) const SYSTEM_NAMES: [&[u8]; 2] = [b"EXIT", b"DOWN"];

/// A message for another runtime.
#[derive(Clone)]
pub struct PortableMessage {
    /// All of it; modules are named by their hashes.
    pub bytes: Vec<u8>,
    /// Those modules, for a runtime that does not have them.
    pub modules: Vec<Arc<Module>>,
    /// One process of each runtime whose processes it speaks of; of [`RUNTIMES`] at most.
    pub runtimes: Vec<Pid>,
}

impl Message {
    /// Its portable form.
    pub fn to_portable(&self) -> PortableMessage {
        let mut no_end = usize::MAX;
        Conversion::new(self).step(&mut no_end).expect("there is no end to what may be done")
    }
    /// Its portable form, if that is little work, as of most messages.
    pub fn to_portable_at_once(&self) -> Option<PortableMessage> {
        let room = |bytes: usize| {
            let mut out = Vec::with_capacity(HEAD.len() + bytes);
            out.run(&HEAD);
            Walk::new(out)
        };
        let walk = match &self.0 {
            Form::Small(v) => {
                let mut walk = room(48);
                walk.plain(*v);
                walk
            }
            Form::Short { len, bytes } => {
                let mut walk = room(SHORT + 2);
                walk.string(&bytes[..*len as usize]);
                walk
            }
            Form::Table(t) => {
                let nodes = || t.nodes().iter().filter(|n| n.value_tag as u64 != tag::NIL);
                // Most names have fewer bytes.
                let mut walk = room(8 + 16 * t.nodes().len());
                walk.out.run(&[more::TABLE, 0]);
                walk.out.number(nodes().count() as u64);
                for n in nodes() {
                    walk.plain(n.key());
                    walk.plain(n.value());
                }
                walk
            }
            _ => return None,
        };
        Some(walk.into_message(&[], false))
    }
    /// A message of a table with these fields, all texts.
    pub fn record(fields: &[(&[u8], &[u8])]) -> Message {
        let mut bytes = [&HEAD[..], &[more::TABLE, 0]].concat();
        bytes.number(fields.len() as u64);
        for text in fields.iter().flat_map(|(k, v)| [k, v]) {
            bytes.byte(more::STRING);
            bytes.text(text);
        }
        Message::from_portable(&bytes, &NoModules, &|_| None).expect("it is well formed")
    }
    /// `{ signal = 'NAMECONFLICT', name = name, winner = winner }`.
    pub fn name_conflict(name: &[u8], winner: Pid) -> Message {
        let mut bytes = vec![VERSION, 0, 1];
        bytes.run(&winner.runtime().id().to_le_bytes());
        bytes.number(winner.serial());
        bytes.run(&[more::TABLE, 0, 3]);
        for text in [&b"signal"[..], b"NAMECONFLICT", b"name", name, b"winner"] {
            bytes.byte(more::STRING);
            bytes.text(text);
        }
        bytes.run(&[code::PID, 0]);
        Message::from_portable(&bytes, &NoModules, &Runtime::find).expect("it is well formed")
    }
}

/// A portable form that is made in steps.
pub struct Conversion {
    message: Message,
    /// Finds the processes that a large message names, so that the head can come first.
    survey: Option<Walk<Nowhere>>,
    walk: Walk<Vec<u8>>,
    /// What is written begins with the head that it is to have.
    has_head: bool,
}

impl Conversion {
    /// Begins with a message.
    pub fn new(message: &Message) -> Conversion {
        let is_large = message.size() > TEXT;
        let mut out = Vec::with_capacity(if is_large { 0 } else { message.size() + HEAD.len() + 8 });
        // The head is this, most of the time.
        out.run(&HEAD);
        Conversion {
            message: message.clone(),
            survey: is_large.then(|| Walk::new(Nowhere)),
            walk: Walk::new(out),
            has_head: false,
        }
    }
    /// What is converted.
    pub fn message(&self) -> &Message {
        &self.message
    }
    /// Does so many units of work; the portable form, if it is whole.
    pub fn step(&mut self, units: &mut usize) -> Option<PortableMessage> {
        let none = Source { bytes: &[], modules: &[], pids: &[], local: true };
        let source = self.message.source().unwrap_or(none);
        if let Some(survey) = &mut self.survey {
            if !survey.go_on_with(&self.message, source, units) {
                return None;
            }
            self.walk.pids = std::mem::take(&mut survey.pids);
            self.walk.pid_numbers = std::mem::take(&mut survey.pid_numbers);
            self.walk.out = Vec::with_capacity(self.message.size() + HEAD.len() + 8);
            write_head(&mut self.walk.out, source.modules, &self.walk.pids);
            self.survey = None;
            self.has_head = true;
        }
        if !self.walk.go_on_with(&self.message, source, units) {
            return None;
        }
        let walk = std::mem::replace(&mut self.walk, Walk::new(Vec::new()));
        Some(walk.into_message(source.modules, self.has_head))
    }
}

fn write_head(out: &mut Vec<u8>, modules: &[Arc<Module>], pids: &[Pid]) {
    out.byte(VERSION);
    out.number(modules.len() as u64);
    for m in modules {
        out.run(m.hash());
    }
    out.number(pids.len() as u64);
    for pid in pids {
        out.run(&pid.runtime().id().to_le_bytes());
        out.number(pid.serial());
    }
}

/// Takes what is written, and forgets it.
pub(super) struct Nowhere;

impl Write for Nowhere {
    fn byte(&mut self, _: u8) {}
    fn number(&mut self, _: u64) {}
    fn run(&mut self, _: &[u8]) {}
}

/// What has a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbered {
    Value,
    Variable,
}

/// What is being read.
#[derive(Clone)]
enum Open {
    Items {
        left: usize,
        then: Then,
    },
    /// Values one after the other: keys and values of fields.
    Values {
        left: usize,
    },
    /// Nodes as they lie; what is an object in them follows.
    Nodes {
        nodes: Range<usize>,
        key_written: bool,
    },
    Closure {
        left: usize,
    },
    Native {
        left: usize,
    },
    /// Bytes of a long string.
    Text {
        left: usize,
    },
}

#[derive(Clone)]
enum Then {
    Values(usize),
    /// Where they lie in the bytes.
    Nodes(Range<usize>),
}

/// A walk over a message's bytes, between its steps.
pub(super) struct Walk<W> {
    out: W,
    stack: SmallVec<[Open; 4]>,
    numbered: SmallVec<[Numbered; 16]>,
    announced: usize,
    pids: Vec<Pid>,
    pid_numbers: HashMap<Pid, u64>,
    /// Bytes that are read.
    at: usize,
    has_begun: bool,
}

/// Where a walk was.
struct Mark {
    position: usize,
    has_begun: bool,
    depth: usize,
    top: Option<Open>,
    numbered: usize,
    announced: usize,
}

/// A step of a walk.
struct Walking<'w, 'm, W> {
    walk: &'w mut Walk<W>,
    reader: Reader<'m>,
    source: Source<'m>,
}

impl Walk<Vec<u8>> {
    /// What was written so far, without a head.
    pub(super) fn written(&self) -> &[u8] {
        &self.out
    }
    /// The processes that it names, by their places.
    pub(super) fn named(&self) -> &[Pid] {
        &self.pids
    }
    /// The message that was written: behind the head of one without modules and pids, or the one that it is to have.
    fn into_message(self, modules: &[Arc<Module>], has_head: bool) -> PortableMessage {
        let (mut bytes, pids) = (self.out, self.pids);
        if !(has_head || modules.is_empty() && pids.is_empty()) {
            let mut head = Vec::with_capacity(32 * (modules.len() + pids.len()) + 16);
            write_head(&mut head, modules, &pids);
            bytes.splice(..HEAD.len(), head);
        }
        let mut runtimes = Vec::new();
        for &pid in &pids {
            if runtimes.len() < RUNTIMES && runtimes.iter().all(|known: &Pid| known.runtime() != pid.runtime()) {
                runtimes.push(pid);
            }
        }
        PortableMessage { bytes, modules: modules.to_vec(), runtimes }
    }
}

impl<W: Write> Walk<W> {
    pub(super) fn new(out: W) -> Walk<W> {
        Walk {
            out,
            stack: SmallVec::new(),
            numbered: SmallVec::new(),
            announced: 0,
            pids: Vec::new(),
            pid_numbers: HashMap::new(),
            at: 0,
            has_begun: false,
        }
    }
    /// How many bytes of the value are read.
    pub(super) fn position(&self) -> usize {
        self.at
    }
    /// A step through a message that was made here; whether it was the last.
    pub(super) fn go_on_with(&mut self, message: &Message, source: Source<'_>, units: &mut usize) -> bool {
        let system = if let Form::System(m) = &message.0 { Some(m) } else { None };
        if let Some(m) = system.filter(|_| !self.has_begun) {
            let name = SYSTEM_NAMES.iter().position(|name| *name == m.0).expect("the system tells of ends alone");
            self.out.byte(more::SYSTEM);
            self.out.byte(name as u8);
            let n = self.pid_number(m.1);
            self.out.number(n);
        }
        match system.map_or(&message.0, |m| &m.2.0) {
            Form::Small(v) => self.plain(*v),
            Form::Short { len, bytes } => self.string(&bytes[..*len as usize]),
            _ => {
                let reader = Reader::new(source.bytes);
                return self.go_on(reader, source, units).expect("what is in a mailbox is whole");
            }
        }
        true
    }
    /// Copies of the value, of which the source has what has come, what so many units of work allow; whether that was all,
    /// and nothing follows it.
    pub(super) fn go_on<'m>(
        &mut self,
        mut reader: Reader<'m>,
        source: Source<'m>,
        units: &mut usize,
    ) -> Result<bool, Fault> {
        reader.skip(self.at);
        let mut walking = Walking { walk: self, reader, source };
        let is_whole = walking.go_on(units)?;
        let at = walking.reader.position();
        self.at = at;
        Ok(is_whole)
    }
    /// A value that is no object.
    fn plain(&mut self, v: Value) {
        match v.kind() {
            Kind::Nil => self.out.byte(code::NIL),
            Kind::Boolean(b) => self.out.byte(if b { code::TRUE } else { code::FALSE }),
            Kind::Integer(n) => {
                self.out.byte(code::INTEGER);
                self.out.signed(n);
            }
            Kind::Float(n) => {
                self.out.byte(code::FLOAT);
                self.out.run(&n.to_bits().to_le_bytes());
            }
            Kind::Pid(pid) => self.pid(pid),
            Kind::Native(native) => self.native(native.name.as_bytes()),
            Kind::String(s) => self.string(s.bytes()),
            _ => unreachable!("tag {:#x} lies in a message", v.tag),
        }
    }
    fn string(&mut self, text: &[u8]) {
        self.out.byte(more::STRING);
        self.out.text(text);
    }
    fn native(&mut self, name: &[u8]) {
        self.out.byte(code::NATIVE);
        self.out.text(name);
    }
    fn pid(&mut self, pid: Pid) {
        let n = self.pid_number(pid);
        self.out.byte(code::PID);
        self.out.number(n);
    }
    fn pid_number(&mut self, pid: Pid) -> u64 {
        let next = self.pids.len() as u64;
        if self.pids.len() < FEW_PIDS {
            let found = self.pids.iter().position(|p| *p == pid);
            return found.map_or_else(
                || {
                    self.pids.push(pid);
                    next
                },
                |n| n as u64,
            );
        }
        if self.pid_numbers.is_empty() {
            self.pid_numbers.extend(self.pids.iter().zip(0..).map(|(&p, n)| (p, n)));
        }
        *self.pid_numbers.entry(pid).or_insert_with(|| {
            self.pids.push(pid);
            next
        })
    }
    fn table(&mut self, items: usize, fields: usize, then: Then) {
        self.out.byte(more::TABLE);
        self.contents(items, fields, then);
    }
    fn contents(&mut self, items: usize, fields: usize, then: Then) {
        self.numbered.push(Numbered::Value);
        self.out.number(items as u64);
        self.out.number(fields as u64);
        self.stack.push(Open::Items { left: items, then });
    }
}

impl<W: Write> Walking<'_, '_, W> {
    /// Copies of the value what so many units of work allow, and what has come of it; whether that was all, and nothing
    /// follows it.
    fn go_on(&mut self, units: &mut usize) -> Result<bool, Fault> {
        while !self.walk.has_begun || !self.walk.stack.is_empty() {
            if *units == 0 {
                return Ok(false);
            }
            *units = units.saturating_sub(VALUE);
            if !self.reader.is_of_beginning() {
                self.step(units)?;
                continue;
            }
            let before = self.mark();
            if let Err(fault) = self.step(units) {
                if !self.reader.is_early() {
                    return Err(fault);
                }
                self.go_back(before);
                return Ok(false);
            }
        }
        if self.reader.left() != 0 {
            return Err("there are bytes after the end");
        }
        Ok(true)
    }
    /// Where it is, if nothing is written: a step changes nothing else before it has read all that it reads.
    fn mark(&self) -> Mark {
        Mark {
            position: self.reader.position(),
            has_begun: self.walk.has_begun,
            depth: self.walk.stack.len(),
            top: self.walk.stack.last().cloned(),
            numbered: self.walk.numbered.len(),
            announced: self.walk.announced,
        }
    }
    fn go_back(&mut self, to: Mark) {
        self.reader = self.reader.at(to.position);
        self.walk.has_begun = to.has_begun;
        self.walk.stack.truncate(to.depth);
        if let (Some(top), Some(was)) = (self.walk.stack.last_mut(), to.top) {
            *top = was;
        }
        self.walk.numbered.truncate(to.numbered);
        self.walk.announced = to.announced;
    }
    #[inline(always)]
    fn step(&mut self, units: &mut usize) -> Result<(), Fault> {
        if !std::mem::replace(&mut self.walk.has_begun, true) {
            return self.value();
        }
        if let Some(top) = self.walk.stack.last_mut() {
            match top {
                Open::Items { left: 0, then } => {
                    *top = match then.clone() {
                        Then::Values(left) => Open::Values { left },
                        Then::Nodes(nodes) => Open::Nodes { nodes, key_written: false },
                    }
                }
                Open::Items { left, .. } => {
                    if let Some(run) = Run::read(&mut self.reader, &self.source, *left)? {
                        *left -= run.len();
                        *units = units.saturating_sub(run.len() / 4);
                        self.run(&run);
                        return Ok(());
                    }
                    *left -= 1;
                    self.value()?;
                }
                Open::Values { left } | Open::Closure { left } | Open::Native { left } if *left == 0 => {
                    self.walk.stack.pop();
                }
                Open::Values { left } => {
                    *left -= 1;
                    self.value()?;
                }
                Open::Nodes { nodes, key_written } => {
                    let Some(node) = self.source.bytes[nodes.clone()].first_chunk::<{ size_of::<Node>() }>() else {
                        self.walk.stack.pop();
                        return Ok(());
                    };
                    // SAFETY: nodes lie in bytes that were made here alone, and all bytes of one were written.
                    let n = unsafe { node.as_ptr().cast::<Node>().read_unaligned() };
                    let v = if *key_written { n.value() } else { n.key() };
                    if n.value_tag as u64 == tag::NIL {
                        nodes.start += size_of::<Node>();
                        return Ok(());
                    }
                    if *key_written {
                        nodes.start += size_of::<Node>();
                    }
                    *key_written = !*key_written;
                    if v.tag == tag::FROZEN { self.value()? } else { self.walk.plain(v) }
                }
                Open::Text { left } => {
                    let n = TEXT.min(*left);
                    let piece = self.reader.run(n)?;
                    *left -= n;
                    if *left == 0 {
                        self.walk.stack.pop();
                    }
                    *units = units.saturating_sub(n / TEXT_OF_UNIT);
                    self.walk.out.run(piece);
                }
                Open::Native { left } => {
                    *left -= 1;
                    if self.reader.peek() == Some(more::BUFFER) {
                        self.reader.byte()?;
                        let state = self.reader.text()?;
                        let damaged = "the state of a native function is damaged";
                        let (_, rest) = postcard::take_from_bytes::<NativeState>(state).map_err(|_| damaged)?;
                        if !rest.is_empty() {
                            return Err(damaged);
                        }
                        self.walk.out.byte(more::BUFFER);
                        self.walk.out.text(state);
                    } else {
                        self.value()?;
                    }
                }
                Open::Closure { left } => {
                    *left -= 1;
                    match self.reader.byte()? {
                        code::OBJECT => self.object(Numbered::Variable)?,
                        more::CELL => {
                            self.walk.numbered.push(Numbered::Variable);
                            self.walk.out.byte(more::CELL);
                            if self.reader.peek() == Some(more::GLOBALS) {
                                self.reader.byte()?;
                                self.walk.out.byte(more::GLOBALS);
                            } else {
                                self.value()?;
                            }
                        }
                        _ => return Err("an upvalue of a function is none"),
                    }
                }
            }
        }
        Ok(())
    }
    fn run(&mut self, run: &Run) {
        if run.is_plain() {
            for i in 0..run.len() {
                self.walk.plain(run.item(i));
            }
        } else {
            run.copy(&mut self.walk.out);
        }
    }
    fn object(&mut self, expected: Numbered) -> Result<(), Fault> {
        let n = self.reader.number()?;
        match self.walk.numbered.get(usize::try_from(n).unwrap_or(usize::MAX)) {
            None => Err("no such object"),
            Some(&kind) if kind != expected => Err("an object is of another kind"),
            Some(_) => {
                self.walk.out.byte(code::OBJECT);
                self.walk.out.number(n);
                Ok(())
            }
        }
    }
    /// A native function, after its code.
    fn named_native(&mut self, c: u8) -> Result<(), Fault> {
        let name = match c {
            more::NATIVE_ADDRESS if self.source.local => {
                // SAFETY: a message that was made here holds addresses of natives, which are static.
                unsafe { &*(self.reader.word()? as *const Native) }.name.as_bytes()
            }
            code::NATIVE => self.reader.text()?,
            _ => return Err("a native function has no name"),
        };
        self.walk.native(name);
        Ok(())
    }
    fn pay(&mut self) -> Result<usize, Fault> {
        match usize::try_from(self.reader.number()?) {
            Ok(n) if n <= self.reader.total() - self.walk.announced => {
                self.walk.announced += n;
                Ok(n)
            }
            _ => Err("more things are announced than there are bytes"),
        }
    }
    /// The next value; if it is a container, its contents are still to come.
    fn value(&mut self) -> Result<(), Fault> {
        let c = self.reader.byte()?;
        match c {
            code::NIL | code::FALSE | code::TRUE => self.walk.out.byte(c),
            code::INTEGER => {
                let n = self.reader.signed()?;
                self.walk.plain(Value::integer(n));
            }
            code::FLOAT => {
                let bits = self.reader.word()?;
                self.walk.plain(Value::float(f64::from_bits(bits)));
            }
            code::PID if self.source.local => {
                let pid = Pid::from_bits(self.reader.word()?);
                self.walk.pid(pid);
            }
            code::PID => {
                let pid = self.source.pids[self.reader.count_below(self.source.pids.len())?];
                self.walk.pid(pid);
            }
            more::ATOM if self.source.local => {
                let atom = self.reader.word()?;
                self.walk.plain(Value { tag: tag::ATOM, bits: atom });
            }
            more::STRING => {
                let text = self.reader.text()?;
                self.walk.string(text);
            }
            more::LONG_STRING => {
                let len = self.reader.count()?;
                self.walk.numbered.push(Numbered::Value);
                self.walk.out.byte(c);
                self.walk.out.number(len as u64);
                if len > TEXT {
                    self.walk.stack.push(Open::Text { left: len });
                } else {
                    let text = self.reader.run(len)?;
                    self.walk.out.run(text);
                }
            }
            code::OBJECT => self.object(Numbered::Value)?,
            code::NATIVE | more::NATIVE_ADDRESS => self.named_native(c)?,
            more::LAYOUT if self.source.local => {
                let items = self.reader.number()? as usize;
                let count = NodesHead::read(&mut self.reader)?.count;
                let from = self.reader.position();
                let nodes = self.reader.run(count * size_of::<Node>())?;
                let fields = (0..count).filter(|i| node_value_tag(nodes, *i) as u64 != tag::NIL).count();
                self.walk.table(items, fields, Then::Nodes(from..self.reader.position()));
            }
            more::TABLE | more::CLASS => {
                if c == more::CLASS {
                    let name = self.reader.text()?;
                    self.walk.out.byte(c);
                    self.walk.out.text(name);
                }
                let (items, fields) = (self.pay()?, self.pay()?);
                let then = Then::Values(2 * fields);
                if c == more::TABLE {
                    self.walk.table(items, fields, then);
                } else {
                    self.walk.contents(items, fields, then);
                }
            }
            more::CLOSURE => {
                let module = self.reader.count_below(self.source.modules.len())?;
                let index = self.reader.number32()?;
                let proto = self.source.modules[module].proto(index as usize).ok_or("no such prototype")?;
                let left = proto.canonical().upvalues.len();
                if left > self.reader.left() {
                    return Err("a length passes the end of the bytes");
                }
                self.walk.numbered.push(Numbered::Value);
                self.walk.out.byte(c);
                self.walk.out.number(module as u64);
                self.walk.out.number(index as u64);
                self.walk.stack.push(Open::Closure { left });
            }
            more::NATIVE_CLOSURE => {
                self.walk.out.byte(c);
                let native = self.reader.byte()?;
                self.named_native(native)?;
                let left = self.reader.count()?;
                self.walk.numbered.push(Numbered::Value);
                self.walk.out.number(left as u64);
                self.walk.stack.push(Open::Native { left });
            }
            more::STREAM => {
                let index = self.reader.count_below(3)?;
                self.walk.out.byte(c);
                self.walk.out.number(index as u64);
            }
            _ => return Err("no such kind of value"),
        }
        Ok(())
    }
}

fn node_value_tag(nodes: &[u8], i: usize) -> u8 {
    nodes[i * size_of::<Node>() + std::mem::offset_of!(Node, value_tag)]
}
