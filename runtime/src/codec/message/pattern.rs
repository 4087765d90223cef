//! Selective receive by a table: whether all fields of it are equal in a message, asked of the message's bytes.
//!
//! Journey: mailbox -> **receive**. The pattern is surveyed once: it must not contain itself, and of each of its tables is
//! known how many fields it has. A message is then read from its beginning, and what is read is looked up in the pattern: so a
//! message that is not the one is left at the first field that differs, and nothing is made of it in the heap. A table
//! that comes a second time in a message is compared where it came first.
//!
//! Always: both parts go on in steps, the message's place and the pattern's are plain numbers and addresses in between;
//! nobody changes the pattern meanwhile, and whoever takes the steps keeps it. Bytes from outside are believed nothing:
//! what is damaged is not the one.

use super::super::wire::{Fault, Reader};
use super::super::{Numbers, code, is_standard_stream};
use super::run::Run;
use super::{Form, Message, NodesHead, PIECE, Source, VALUE, more};
use rlua_machine::value::table::Node;
use rlua_machine::value::{Pid, Ref, Table, Value, tag};
use rlua_machine::vm::native::Native;
use std::collections::HashSet;

/// The table to match contains itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cyclic;

/// A table to match.
pub struct Pattern {
    tables: Vec<Wanted>,
    /// Filled when there are too many to look through.
    places: Numbers,
    /// Tables being looked at, each in the one before it: the place of its next slot or node.
    open: Vec<(u32, usize)>,
}

struct Wanted {
    t: Ref<Table>,
    fields: usize,
    has_integers: bool,
    is_open: bool,
}

// SAFETY: it points to objects of one heap, and is moved between threads with that alone (heap/mod.rs, rule 3).
unsafe impl Send for Pattern {}

impl Pattern {
    /// Of a table, not looked at yet.
    pub fn new(t: Ref<Table>) -> Pattern {
        let first = Wanted { t, fields: 0, has_integers: false, is_open: true };
        Pattern { tables: vec![first], places: Numbers::default(), open: vec![(0, 0)] }
    }
    /// Looks at it as long as there are units left; whether it knows all.
    pub fn step(&mut self, units: &mut usize) -> Result<bool, Cyclic> {
        while let Some((place, at)) = self.open.last_mut() {
            if *units == 0 {
                return Ok(false);
            }
            *units = units.saturating_sub(VALUE);
            let place = *place as usize;
            let wanted = &mut self.tables[place];
            let (items, nodes) = (wanted.t.array_part(), wanted.t.node_part());
            let end = at.saturating_add(PIECE).min(items.len() + nodes.len());
            let from = *at;
            let mut inner = None;
            while *at < end && inner.is_none() {
                let (key, v) = match items.get(*at) {
                    Some(v) => (tag::INT, *v),
                    None => (nodes[*at - items.len()].key_tag as u64, nodes[*at - items.len()].value()),
                };
                *at += 1;
                if !v.is_nil() {
                    wanted.fields += 1;
                    wanted.has_integers |= key == tag::INT;
                    inner = v.as_table();
                }
            }
            *units = units.saturating_sub((*at - from) / 4);
            let at_end = inner.is_none() && end == items.len() + nodes.len();
            let known = inner.and_then(|t| self.place_of(t));
            match inner.map(|t| (t, known)) {
                None if at_end => {
                    self.tables[place].is_open = false;
                    self.open.pop();
                }
                None => {}
                Some((_, Some(known))) if self.tables[known as usize].is_open => return Err(Cyclic),
                Some((_, Some(_))) => {}
                Some((t, None)) => {
                    let next = self.tables.len() as u32;
                    if !self.places.is_empty() {
                        self.places.insert(t.as_ptr() as u64, next);
                    }
                    self.tables.push(Wanted { t, fields: 0, has_integers: false, is_open: true });
                    self.open.push((next, 0));
                }
            }
        }
        Ok(true)
    }
    fn place_of(&mut self, t: Ref<Table>) -> Option<u32> {
        const FEW: usize = 8;
        if self.tables.len() <= FEW {
            return self.tables.iter().position(|w| w.t == t).map(|i| i as u32);
        }
        if self.places.is_empty() {
            let all = self.tables.iter().enumerate();
            self.places.extend(all.map(|(i, w)| (w.t.as_ptr() as u64, i as u32)));
        }
        self.places.get(&(t.as_ptr() as u64)).copied()
    }
    fn known(&self, t: Ref<Table>) -> Option<u32> {
        match self.places.get(&(t.as_ptr() as u64)) {
            Some(n) => Some(*n),
            None => self.tables.iter().take(16).position(|w| w.t == t).map(|i| i as u32),
        }
    }
}

/// What is being read: a container, and the place of what it is compared with.
enum Open {
    Items {
        wanted: Option<u32>,
        at: usize,
        items: usize,
        matched: usize,
        then: Then,
    },
    /// Keys and values; what is wanted at a key that was read.
    Fields {
        wanted: Option<u32>,
        left: usize,
        matched: usize,
        at_key: Option<Value>,
    },
    /// Nodes as they lie, from a place in the bytes on; objects in them follow.
    Nodes {
        wanted: Option<u32>,
        at: usize,
        end: usize,
        matched: usize,
        at_key: Option<Value>,
    },
    /// Upvalues: nothing is wanted of them.
    Closure {
        left: usize,
    },
    Native {
        left: usize,
    },
}

#[derive(Clone, Copy)]
enum Then {
    Fields(usize),
    Nodes { at: usize, end: usize },
}

/// The reading of messages, one after the other.
#[derive(Default)]
pub struct Matching {
    at: usize,
    begun: bool,
    open: Vec<Open>,
    /// Places of all objects that have a number, so far.
    numbered: Vec<usize>,
    /// The number of the next one; less than there are where something is read again.
    next: usize,
    /// Tables that are to be compared where they came first: what with, number.
    later: Vec<(u32, usize)>,
    compared: HashSet<(u32, usize)>,
}

/// Differs, or is damaged.
struct Differs;

impl From<Fault> for Differs {
    fn from(_: Fault) -> Differs {
        Differs
    }
}

impl Matching {
    /// Goes on with a message as long as there are units left: whether it is the one, if that is decided. Then another
    /// message can be begun.
    pub fn step(&mut self, pattern: &Pattern, m: &Message, units: &mut usize) -> Option<bool> {
        let done = self.go_on(pattern, m, units).unwrap_or(Some(false));
        if done.is_some() {
            (self.at, self.begun, self.next) = (0, false, 0);
            self.open.clear();
            self.numbered.clear();
            self.later.clear();
            if !self.compared.is_empty() {
                self.compared = HashSet::new();
            }
        }
        done
    }
    fn go_on(&mut self, pattern: &Pattern, m: &Message, units: &mut usize) -> Result<Option<bool>, Differs> {
        let root = pattern.tables[0].t;
        let (wanted, m) = match &m.0 {
            Form::System(system) => {
                let (signal, from) = (root.get_bytes(b"signal"), root.get_bytes(b"from"));
                let reason = root.get_bytes(b"reason");
                let fields = [signal, from, reason].iter().filter(|v| !v.is_nil()).count();
                let signal_is_right = signal.is_nil() || signal.as_string().is_some_and(|s| s.bytes() == system.0);
                let from_is_right = from.is_nil() || from.as_pid() == Some(system.1);
                if fields != pattern.tables[0].fields || !signal_is_right || !from_is_right {
                    return Err(Differs);
                }
                (reason, &system.2)
            }
            _ => (Value::table(root), m),
        };
        if wanted.is_nil() {
            return Ok(Some(true));
        }
        let Some(source) = m.source() else {
            return Ok(Some(match &m.0 {
                Form::Short { len, bytes } => wanted.as_string().is_some_and(|s| s.bytes() == &bytes[..*len as usize]),
                Form::Small(v) => wanted.raw_equals(*v),
                _ => false,
            }));
        };
        let mut reader = Reader::new(source.bytes);
        reader.skip(self.at);
        let mut read = Read { m: self, pattern, source, reader };
        if !read.m.begun {
            read.m.begun = true;
            read.value(Some(wanted))?;
        }
        let done = read.all(units)?;
        let at = read.reader.position();
        self.at = at;
        Ok(done.then_some(true))
    }
}

struct Read<'r, 'm> {
    m: &'r mut Matching,
    pattern: &'r Pattern,
    source: Source<'m>,
    reader: Reader<'m>,
}

impl Read<'_, '_> {
    /// Whether all was read that is to be compared.
    fn all(&mut self, units: &mut usize) -> Result<bool, Differs> {
        loop {
            while let Some(top) = self.m.open.last_mut() {
                if *units == 0 {
                    return Ok(false);
                }
                *units = units.saturating_sub(VALUE);
                match top {
                    Open::Items { wanted, at, items, matched, then } if at == items => {
                        let (wanted, matched) = (*wanted, *matched);
                        *top = match *then {
                            Then::Fields(left) => Open::Fields { wanted, left, matched, at_key: None },
                            Then::Nodes { at, end } => Open::Nodes { wanted, at, end, matched, at_key: None },
                        };
                    }
                    Open::Items { wanted, at, items, matched, .. } => {
                        let wanted_of = wanted.map(|w| &self.pattern.tables[w as usize]).filter(|w| w.has_integers);
                        if let Some(run) = Run::read(&mut self.reader, &self.source, *items - *at)? {
                            *units = units.saturating_sub(run.len() / 4);
                            for i in 0..if wanted_of.is_some() { run.len() } else { 0 } {
                                let w = wanted_of.map_or(Value::NIL, |w| w.t.get_integer((*at + i) as i64 + 1));
                                if !w.is_nil() {
                                    if !w.raw_equals(run.item(i)) {
                                        return Err(Differs);
                                    }
                                    *matched += 1;
                                }
                            }
                            *at += run.len();
                            continue;
                        }
                        *at += 1;
                        let w = wanted_of.map(|w| w.t.get_integer(*at as i64)).filter(|w| !w.is_nil());
                        *matched += w.is_some() as usize;
                        self.value(w)?;
                    }
                    Open::Fields { left, matched, at_key: Some(w), .. } => {
                        let w = Some(*w).filter(|w| !w.is_nil());
                        *left -= 1;
                        *matched += w.is_some() as usize;
                        if let Open::Fields { at_key, .. } = top {
                            *at_key = None;
                        }
                        self.value(w)?;
                    }
                    Open::Fields { wanted, left: 0, matched, .. } => {
                        if wanted.is_some_and(|w| self.pattern.tables[w as usize].fields != *matched) {
                            return Err(Differs);
                        }
                        self.m.open.pop();
                    }
                    Open::Fields { wanted, .. } => {
                        let (wanted, depth) = (*wanted, self.m.open.len());
                        let w = self.key(wanted)?;
                        if let Some(Open::Fields { at_key, .. }) = self.m.open.get_mut(depth - 1) {
                            *at_key = Some(w);
                        }
                    }
                    Open::Nodes { wanted, at, end, matched, .. } if at == end => {
                        if wanted.is_some_and(|w| self.pattern.tables[w as usize].fields != *matched) {
                            return Err(Differs);
                        }
                        self.m.open.pop();
                    }
                    Open::Nodes { wanted, at, matched, at_key, .. } => {
                        let n = node_at(self.source.bytes, *at);
                        if n.value_tag as u64 == tag::NIL {
                            *at += size_of::<Node>();
                            continue;
                        }
                        let w = match at_key.take() {
                            Some(w) => w,
                            None if n.key_tag as u64 == tag::FROZEN => {
                                let (wanted, depth) = (*wanted, self.m.open.len());
                                let w = self.key(wanted)?;
                                if let Some(Open::Nodes { at_key, .. }) = self.m.open.get_mut(depth - 1) {
                                    *at_key = Some(w);
                                }
                                continue;
                            }
                            None => wanted.map_or(Value::NIL, |w| self.pattern.tables[w as usize].t.get(n.key())),
                        };
                        *at += size_of::<Node>();
                        let w = Some(w).filter(|w| !w.is_nil());
                        *matched += w.is_some() as usize;
                        if n.value_tag as u64 == tag::FROZEN {
                            self.value(w)?;
                        } else if w.is_some_and(|w| !w.raw_equals(n.value())) {
                            return Err(Differs);
                        }
                    }
                    Open::Closure { left } | Open::Native { left } if *left == 0 => drop(self.m.open.pop()),
                    Open::Native { left } => {
                        *left -= 1;
                        if self.reader.peek() == Some(more::BUFFER) {
                            self.reader.byte()?;
                            self.reader.text()?;
                        } else {
                            self.value(None)?;
                        }
                    }
                    Open::Closure { left } => {
                        *left -= 1;
                        match self.reader.byte()? {
                            code::OBJECT => drop(self.reader.number()?),
                            more::CELL => {
                                self.number();
                                if self.reader.peek() == Some(more::GLOBALS) {
                                    self.reader.byte()?;
                                } else {
                                    self.value(None)?;
                                }
                            }
                            _ => return Err(Differs),
                        }
                    }
                }
            }
            // What came a second time, where it came first.
            let Some((wanted, number)) = self.m.later.pop() else { return Ok(true) };
            if self.m.compared.insert((wanted, number)) {
                let place = *self.m.numbered.get(number).ok_or(Differs)?;
                self.reader = Reader::new(self.source.bytes);
                self.reader.skip(place);
                self.m.next = number;
                self.value(Some(Value::table(self.pattern.tables[wanted as usize].t)))?;
            }
        }
    }
    /// The value that is about to be read, whose code was, has a number.
    fn number(&mut self) {
        if self.m.next == self.m.numbered.len() {
            self.m.numbered.push(self.reader.position() - 1);
        }
        self.m.next += 1;
    }
    /// Reads a key: what is wanted there, nil for nothing. A key that is a container is open afterwards.
    fn key(&mut self, wanted: Option<u32>) -> Result<Value, Differs> {
        let t = wanted.map(|w| self.pattern.tables[w as usize].t);
        let found = |text: &[u8]| t.map_or(Value::NIL, |t| t.get_bytes(text));
        match self.reader.peek() {
            Some(more::STRING) => {
                self.reader.byte()?;
                Ok(found(self.reader.text()?))
            }
            Some(more::LONG_STRING) => {
                self.reader.byte()?;
                self.number();
                Ok(found(self.reader.text()?))
            }
            Some(code::OBJECT) => {
                self.reader.byte()?;
                let n = self.reader.number()?;
                Ok(self.long_string(n).map_or(Value::NIL, found))
            }
            Some(code::NATIVE) => {
                self.reader.byte()?;
                let name = self.reader.text()?;
                let node = t.and_then(|t| t.node_part().iter().find(|n| native_name(n.key()) == Some(name)).copied());
                Ok(node.map_or(Value::NIL, |n| n.value()))
            }
            _ => match self.scalar()? {
                Some(key) => Ok(t.map_or(Value::NIL, |t| t.get(key))),
                None => {
                    self.value(None)?;
                    Ok(Value::NIL)
                }
            },
        }
    }
    /// The text of a long string that has come before.
    fn long_string(&self, n: u64) -> Option<&[u8]> {
        let place = *self.m.numbered.get(usize::try_from(n).ok()?)?;
        let mut r = Reader::new(self.source.bytes);
        r.skip(place);
        (r.byte() == Ok(more::LONG_STRING)).then(|| r.text().ok())?
    }
    /// The next value, if it is no string and no object; nothing is read if it is.
    fn scalar(&mut self) -> Result<Option<Value>, Differs> {
        let v = match self.reader.peek() {
            Some(code::NIL) => Value::NIL,
            Some(code::FALSE) => Value::FALSE,
            Some(code::TRUE) => Value::TRUE,
            Some(code::INTEGER) => {
                self.reader.byte()?;
                return Ok(Some(Value::integer(self.reader.signed()?)));
            }
            Some(code::FLOAT) => {
                self.reader.byte()?;
                return Ok(Some(Value::float(f64::from_bits(self.reader.word()?))));
            }
            Some(code::PID) => {
                self.reader.byte()?;
                let pid = if self.source.local {
                    Pid::from_bits(self.reader.word()?)
                } else {
                    self.source.pids[self.reader.count_below(self.source.pids.len())?]
                };
                return Ok(Some(Value::pid(pid)));
            }
            Some(more::ATOM) if self.source.local => {
                self.reader.byte()?;
                return Ok(Some(Value { tag: tag::ATOM, bits: self.reader.word()? }));
            }
            Some(more::NATIVE_ADDRESS) if self.source.local => {
                self.reader.byte()?;
                return Ok(Some(Value { tag: tag::NATIVE, bits: self.reader.word()? }));
            }
            _ => return Ok(None),
        };
        self.reader.byte()?;
        Ok(Some(v))
    }
    /// Reads the next value and compares it, if something is wanted; a container is open afterwards.
    fn value(&mut self, wanted: Option<Value>) -> Result<(), Differs> {
        let right = |is: bool| if is { Ok(()) } else { Err(Differs) };
        if let Some(v) = self.scalar()? {
            return right(wanted.is_none_or(|w| w.raw_equals(v)));
        }
        let is_text = |text: &[u8]| wanted.is_none_or(|w| w.as_string().is_some_and(|s| s.bytes() == text));
        let inner = wanted.and_then(Value::as_table).and_then(|t| self.pattern.known(t));
        let c = self.reader.byte()?;
        match c {
            more::STRING => right(is_text(self.reader.text()?)),
            more::LONG_STRING => {
                self.number();
                right(is_text(self.reader.text()?))
            }
            code::OBJECT => {
                let n = self.reader.number()?;
                if let Some(inner) = inner {
                    self.m.later.push((inner, usize::try_from(n).map_err(|_| Differs)?));
                    return Ok(());
                }
                right(wanted.is_none() || self.long_string(n).is_some_and(is_text))
            }
            code::NATIVE => {
                let name = self.reader.text()?;
                right(wanted.is_none_or(|w| native_name(w) == Some(name)))
            }
            more::STREAM => {
                let index = self.reader.number()?;
                let is_it =
                    |w: Value| w.as_userdata().is_some_and(|u| is_standard_stream(&u) && u.resource.get() == index);
                right(wanted.is_none_or(is_it))
            }
            more::LAYOUT if !self.source.local => Err(Differs),
            more::TABLE | more::CLASS | more::LAYOUT => {
                if wanted.is_some() && inner.is_none() {
                    return Err(Differs);
                }
                self.number();
                self.table(c, inner)
            }
            more::CLOSURE => {
                right(wanted.is_none())?;
                self.number();
                let module = self.reader.count_below(self.source.modules.len())?;
                let index = self.reader.number32()?;
                let proto = self.source.modules[module].proto(index as usize).ok_or(Differs)?;
                self.m.open.push(Open::Closure { left: proto.canonical().upvalues.len() });
                Ok(())
            }
            more::NATIVE_CLOSURE => {
                right(wanted.is_none())?;
                self.number();
                match self.reader.byte()? {
                    more::NATIVE_ADDRESS => drop(self.reader.word()?),
                    _ => drop(self.reader.text()?),
                }
                let left = self.reader.count()?;
                self.m.open.push(Open::Native { left });
                Ok(())
            }
            _ => Err(Differs),
        }
    }
    fn table(&mut self, c: u8, wanted: Option<u32>) -> Result<(), Differs> {
        if c == more::CLASS {
            self.reader.text()?;
        }
        let items = self.reader.number()? as usize;
        let then = if c == more::LAYOUT {
            let size = NodesHead::read(&mut self.reader)?.count * size_of::<Node>();
            let at = self.reader.position();
            self.reader.run(size)?;
            Then::Nodes { at, end: at + size }
        } else {
            Then::Fields(self.reader.number()? as usize)
        };
        self.m.open.push(Open::Items { wanted, at: 0, items, matched: 0, then });
        Ok(())
    }
}

fn native_name(v: Value) -> Option<&'static [u8]> {
    let native: &'static Native = rlua_machine::vm::Vm::native_in(v)?;
    Some(native.name.as_bytes())
}
fn node_at(bytes: &[u8], at: usize) -> Node {
    let node = &bytes[at..at + size_of::<Node>()];
    // SAFETY: nodes lie in bytes that were made here alone, and all bytes of one were written.
    unsafe { node.as_ptr().cast::<Node>().read_unaligned() }
}
