//! A message of a value.
//!
//! Journey: send -> **encode** -> mailbox. The graph is walked with a worklist; an error names the way from the message to
//! what cannot be sent. A small table in which nothing is an object of the heap, as most messages are, is two copies of
//! memory.

use super::super::snapshot::placeholder_of;
use super::super::wire::Write;
use super::super::{ManyNumbers, code, is_file, is_standard_stream, socket_name};
use super::{
    Form, KEPT_BYTES, LONG, Message, NodesHead, NotSendable, PIECE, PLAIN_TAGS, TEXT, TEXT_OF_UNIT, VALUE, Whole,
    classes, is_plain, more, run, short,
};
use rlua_machine::stdlib::NativeState;
use rlua_machine::value::function::NativeClosure;
use rlua_machine::value::hash::HashKey;
use rlua_machine::value::table::{Loose, Node};
use rlua_machine::value::{Closure, Kind, Ref, Table, Value, tag};
use rlua_machine::vm::Vm;
use rlua_machine::vm::load::Module;
use rlua_machine::vm::metamethod::{Event, name_value};
use rlua_machine::vm::native::Native;
use std::cell::Cell;
use std::sync::Arc;

/// What is being written. One that takes its last step is replaced by what follows it.
enum Open {
    /// A large table, before it is known how it is written: how much of it was looked at.
    Survey {
        survey: Survey,
        at: usize,
    },
    /// Nodes as they lie, if they are many.
    Nodes {
        survey: Survey,
        at: usize,
    },
    Items {
        survey: Survey,
        at: usize,
    },
    /// Keys and values; of nodes that were written as they lie, those that are objects.
    Fields {
        survey: Survey,
        at: usize,
        key_written: bool,
    },
    Closure {
        c: Ref<Closure>,
        at: usize,
    },
    Native {
        c: Ref<NativeClosure>,
        at: usize,
    },
    /// Bytes of a long string.
    Text {
        s: Value,
        at: usize,
    },
}

/// What is known of a table before it is written.
#[derive(Clone, Copy)]
struct Survey {
    t: Ref<Table>,
    /// Items up to the last that is not nil.
    items: usize,
    fields: usize,
    /// Where a key lies follows from its value alone.
    by_value: bool,
    /// No key or value of a node is an object of the heap.
    is_plain: bool,
    /// The nodes are written as they lie.
    as_it_lies: bool,
}

#[derive(Default)]
struct Encoder {
    out: Vec<u8>,
    seen: Vec<u64>,
    /// Filled when there are too many to look through.
    numbers: ManyNumbers,
    stack: Vec<Open>,
    modules: Vec<Arc<Module>>,
    /// A weak table is being written: what it alone refers to must not go before it is, so there are no steps any more.
    at_once: bool,
}

thread_local! {
    /// Its buffers are used again.
    static ENCODER: Cell<Option<Box<Encoder>>> = const { Cell::new(None) };
}

/// A message of a value.
pub fn encode_message(vm: &Vm, v: Value) -> Result<Message, NotSendable> {
    let done = encode_message_within(vm, v, usize::MAX)?;
    Ok(done.expect("there is no end to what may be done"))
}

/// A message of a value, if that takes no more than so many units of work. Then it is a matter for [`Encoding`].
#[inline]
pub fn encode_message_within(vm: &Vm, v: Value, units: usize) -> Result<Option<Message>, NotSendable> {
    if let Some(m) = small(v) {
        return Ok(Some(m));
    }
    if let Some(t) = v.as_table()
        && let Some(m) = flat(&t)
    {
        return Ok(Some(m));
    }
    let mut e = ENCODER.take().unwrap_or_default();
    let mut left = units;
    let done = e.put(vm, v).and_then(|()| e.run(vm, &mut left)).map(|is_whole| {
        is_whole.then(|| {
            Message(if e.modules.is_empty() && e.out.len() <= KEPT_BYTES {
                Form::Bytes(e.out.as_slice().into())
            } else if e.out.len() > KEPT_BYTES {
                // Not copied once more.
                let (bytes, modules) = (std::mem::take(&mut e.out), std::mem::take(&mut e.modules));
                Form::Graph(Arc::new(Whole { bytes, start: 0, modules, pids: Vec::new() }))
            } else {
                let (bytes, modules) = (e.out.clone(), std::mem::take(&mut e.modules));
                Form::Graph(Arc::new(Whole { bytes, start: 0, modules, pids: Vec::new() }))
            })
        })
    });
    e.out.clear();
    e.seen.clear();
    e.stack.clear();
    e.modules.clear();
    e.at_once = false;
    if !e.numbers.is_empty() {
        e.numbers = ManyNumbers::default();
    }
    if e.out.capacity() + (e.seen.capacity() + e.stack.capacity()) * 16 <= KEPT_BYTES {
        ENCODER.set(Some(e));
    }
    done
}

/// A message that is made in steps. What it is made of is reached from the value, which whoever takes the steps keeps, and
/// is not changed by anybody in between.
pub struct Encoding(Box<Encoder>);

// SAFETY: it points to objects of one heap, and is moved between threads with that alone (heap/mod.rs, rule 3).
unsafe impl Send for Encoding {}

impl Encoding {
    /// Begins with a value.
    pub fn new(vm: &Vm, v: Value) -> Result<Encoding, NotSendable> {
        let mut e = Box::<Encoder>::default();
        e.put(vm, v)?;
        Ok(Encoding(e))
    }
    /// Bytes that the message has so far, and that it will at least have soon.
    pub fn bytes(&self) -> usize {
        let soon = match self.0.stack.last() {
            Some(Open::Survey { survey, .. }) => size_of_val(survey.t.node_part()) + survey.items,
            Some(Open::Text { s, at }) => s.as_string().map_or(0, |s| s.len) - at,
            _ => 0,
        };
        self.0.out.len() + soon
    }
    /// Does so many units of work; the message, if it is whole.
    pub fn step(&mut self, vm: &Vm, units: &mut usize) -> Result<Option<Message>, NotSendable> {
        let e = &mut *self.0;
        Ok(e.run(vm, units)?.then(|| {
            let (bytes, modules) = (std::mem::take(&mut e.out), std::mem::take(&mut e.modules));
            Message(Form::Graph(Arc::new(Whole { bytes, start: 0, modules, pids: Vec::new() })))
        }))
    }
}

/// The message of a value that is no object, or a short string.
#[inline(always)]
fn small(v: Value) -> Option<Message> {
    match v.tag {
        tag::NIL | tag::FALSE | tag::TRUE | tag::INT | tag::FLOAT | tag::NATIVE | tag::PID | tag::ATOM => {
            Some(Message(Form::Small(v)))
        }
        tag::STRING | tag::MODULE_STRING => short(v.as_string()?.bytes()),
        _ => None,
    }
}

/// The message of a small table in which nothing is an object of the heap: its parts as they lie.
#[inline]
fn flat(t: &Table) -> Option<Message> {
    const MOST: usize = 16;
    let (items, nodes) = (t.array_part(), t.node_part());
    if items.len() > MOST || nodes.len() > MOST || t.metatable().is_some() || t.hash_key().is_some() {
        return None;
    }
    // All tags in one: each is a bit.
    let (mut tags, mut fields) = (0, 0);
    for n in nodes {
        tags |= bit_of(n.key_tag as u64) | bit_of(n.value_tag as u64);
        fields += (n.value_tag as u64 != tag::NIL) as usize;
    }
    for v in items {
        tags |= bit_of(v.tag);
    }
    if tags & !PLAIN_TAGS != 0 || !is_of_right_size(nodes.len(), fields) {
        return None;
    }
    let head = [more::LAYOUT, items.len() as u8, bits_of(nodes.len()), t.last_free() as u8];
    if items.is_empty() {
        // SAFETY: the tags of its nodes are those of plain values.
        let copy = unsafe { Loose::copy(t, head) };
        return copy.map(|copy| Message(Form::Table(copy)));
    }
    let (item_bytes, node_bytes) = (size_of_val(items), t.node_bytes());
    let len = 4 + node_bytes.len() + if items.is_empty() { 0 } else { 2 + item_bytes };
    let mut bytes = Arc::<[u8]>::new_uninit_slice(len);
    let to = Arc::get_mut(&mut bytes)?.as_mut_ptr().cast::<u8>();
    // SAFETY: `len` bytes are there, and all of them are written: four, the nodes, and for items two and the items. Values
    // and nodes have no padding.
    unsafe {
        to.copy_from_nonoverlapping(head.as_ptr(), 4);
        to.add(4).copy_from_nonoverlapping(node_bytes.as_ptr(), node_bytes.len());
        if !items.is_empty() {
            let to = to.add(4 + node_bytes.len());
            to.copy_from_nonoverlapping([more::PLAIN, items.len() as u8].as_ptr(), 2);
            to.add(2).copy_from_nonoverlapping(items.as_ptr().cast(), item_bytes);
        }
        Some(Message(Form::Bytes(bytes.assume_init())))
    }
}
/// The bit of a tag in a set. Of an object of the heap it is one that no plain tag has.
#[inline(always)]
const fn bit_of(t: u64) -> u64 {
    1u64.wrapping_shl(t as u32)
}
const _: () = {
    let mut t = tag::HEAP_BIT;
    while t < tag::HEAP_BIT + 16 {
        assert!(bit_of(t) & PLAIN_TAGS == 0 || t < tag::STRING);
        t += 1;
    }
};
/// Whether a table with so many nodes would be made for so many fields.
#[inline(always)]
fn is_of_right_size(nodes: usize, fields: usize) -> bool {
    nodes == 0 || (fields > 0 && nodes <= 2 * fields)
}
/// 0 without nodes, else log2 of their number and 1.
pub(super) fn bits_of(nodes: usize) -> u8 {
    if nodes == 0 { 0 } else { nodes.trailing_zeros() as u8 + 1 }
}

impl Encoder {
    /// Goes on as long as there are units left; whether all is written.
    fn run(&mut self, vm: &Vm, units: &mut usize) -> Result<bool, NotSendable> {
        while let Some(top) = self.stack.last_mut() {
            if *units == 0 && !self.at_once {
                return Ok(false);
            }
            *units = units.saturating_sub(VALUE);
            let next = match top {
                Open::Items { survey, at } => {
                    if *at == survey.items {
                        let survey = *survey;
                        *top = Open::Fields { survey, at: 0, key_written: false };
                        if survey.as_it_lies && survey.is_plain {
                            self.stack.pop();
                        }
                        continue;
                    }
                    let items = &survey.t.array_part()[*at..survey.items];
                    let run = run::write(&mut self.out, items);
                    if run > 0 {
                        *at += run;
                        *units = units.saturating_sub(run / 4);
                        continue;
                    }
                    *at += 1;
                    Some(items[0])
                }
                Open::Fields { survey, at, key_written } if *key_written => {
                    let v = survey.t.node_part()[*at].value();
                    *at += 1;
                    *key_written = false;
                    if survey.as_it_lies && is_plain(v.tag) {
                        continue;
                    }
                    Some(v)
                }
                Open::Fields { survey, at, key_written } => {
                    let nodes = survey.t.node_part();
                    let end = nodes.len().min(*at + PIECE);
                    let from = *at;
                    let of_interest = |n: &Node| {
                        n.value_tag as u64 != tag::NIL
                            && !(survey.as_it_lies && is_plain(n.key_tag as u64) && is_plain(n.value_tag as u64))
                    };
                    while *at < end && !of_interest(&nodes[*at]) {
                        *at += 1;
                    }
                    *units = units.saturating_sub((*at - from) / 4);
                    if *at == end {
                        if end == nodes.len() {
                            self.stack.pop();
                        }
                        continue;
                    }
                    *key_written = true;
                    let key = nodes[*at].key();
                    if survey.as_it_lies && is_plain(key.tag) {
                        continue;
                    }
                    Some(key)
                }
                Open::Survey { survey, at } => {
                    *units = units.saturating_sub(PIECE / 4);
                    if !survey.look(at) {
                        continue;
                    }
                    let survey = *survey;
                    self.stack.pop();
                    self.begin_table(survey);
                    continue;
                }
                Open::Nodes { survey, at } => {
                    *units = units.saturating_sub(PIECE / 2);
                    let survey = *survey;
                    let from = *at;
                    *at = survey.t.node_count().min(from + PIECE);
                    let piece = from..*at;
                    if piece.end == survey.t.node_count() {
                        *top = Open::Items { survey, at: 0 };
                    }
                    self.nodes(&survey, piece);
                    continue;
                }
                Open::Native { c, at } => {
                    *at += 1;
                    c.upvalues().get(*at - 1).map(|u| u.get())
                }
                Open::Text { s, at } => {
                    let s = s.as_string().expect("it is one");
                    let rest = &s.bytes()[*at..];
                    let piece = &rest[..rest.len().min(TEXT)];
                    *at += piece.len();
                    *units = units.saturating_sub(piece.len() / TEXT_OF_UNIT);
                    self.out.run(piece);
                    if piece.len() == rest.len() {
                        self.stack.pop();
                    }
                    continue;
                }
                Open::Closure { c, at } => {
                    if *at == c.count {
                        None
                    } else {
                        let u = c.upvalue(*at);
                        *at += 1;
                        if let Err(n) = self.number(u.as_ptr() as u64) {
                            self.out.byte(code::OBJECT);
                            self.out.number(n as u64);
                            continue;
                        }
                        self.out.byte(more::CELL);
                        let v = u.get();
                        if v.as_table() == Some(vm.globals()) {
                            self.out.byte(more::GLOBALS);
                            continue;
                        }
                        Some(v)
                    }
                }
            };
            match next {
                Some(v) => {
                    if let Some(s) = v.as_string() {
                        *units = units.saturating_sub(s.len.min(TEXT) / TEXT_OF_UNIT);
                    }
                    self.put(vm, v)?;
                }
                None => {
                    self.stack.pop();
                }
            }
        }
        Ok(true)
    }
    /// Numbers an object; `Err` is the number it has already.
    #[inline]
    fn number(&mut self, address: u64) -> Result<(), u32> {
        const FEW: usize = 8;
        if self.seen.len() <= FEW {
            if let Some(i) = self.seen.iter().position(|&a| a == address) {
                return Err(i as u32);
            }
        } else {
            if self.numbers.is_empty() {
                for (i, &a) in self.seen.iter().enumerate() {
                    self.numbers.insert(a, i as u32)?;
                }
            }
            self.numbers.insert(address, self.seen.len() as u32)?;
        }
        self.seen.push(address);
        Ok(())
    }
    fn put(&mut self, vm: &Vm, v: Value) -> Result<(), NotSendable> {
        match v.tag {
            tag::NIL => self.out.byte(code::NIL),
            tag::FALSE => self.out.byte(code::FALSE),
            tag::TRUE => self.out.byte(code::TRUE),
            tag::INT => {
                self.out.byte(code::INTEGER);
                self.out.signed(v.bits as i64);
            }
            tag::FLOAT => {
                self.out.byte(code::FLOAT);
                self.out.run(&v.bits.to_le_bytes());
            }
            tag::PID => {
                self.out.byte(code::PID);
                self.out.run(&v.bits.to_le_bytes());
            }
            tag::ATOM => {
                self.out.byte(more::ATOM);
                self.out.run(&v.bits.to_le_bytes());
            }
            tag::STRING | tag::MODULE_STRING => self.string(v),
            tag::NATIVE => self.native(Vm::native_in(v).expect("a native")),
            tag::TABLE | tag::CLOSURE | tag::NATIVE_CLOSURE => {
                if let Err(n) = self.number(v.bits) {
                    self.out.byte(code::OBJECT);
                    self.out.number(n as u64);
                    return Ok(());
                }
                match v.kind() {
                    Kind::Table(t) => self.table(vm, t)?,
                    Kind::Closure(c) => {
                        let module = self.module(vm, c.proto().module());
                        self.out.byte(more::CLOSURE);
                        self.out.number(module as u64);
                        self.out.number(c.proto().index() as u64);
                        self.stack.push(Open::Closure { c, at: 0 });
                    }
                    Kind::NativeClosure(c) => {
                        self.out.byte(more::NATIVE_CLOSURE);
                        self.native(c.native());
                        self.out.number(c.count as u64);
                        self.stack.push(Open::Native { c, at: 0 });
                    }
                    _ => unreachable!("the tag is one of three"),
                }
            }
            tag::BUFFER => {
                let b = v.as_buffer().expect("the tag says so");
                match postcard::to_allocvec(&*NativeState::of(&b)) {
                    Ok(bytes) => {
                        self.out.byte(more::BUFFER);
                        self.out.text(&bytes);
                    }
                    Err(_) => return Err(self.refuse(b"a native function in progress", b"")),
                }
            }
            tag::THREAD => return Err(self.refuse(b"a coroutine", b"")),
            tag::USERDATA if v.as_userdata().is_some_and(|u| is_standard_stream(&u)) => {
                self.out.byte(more::STREAM);
                self.out.number(v.as_userdata().expect("the tag says so").resource.get());
            }
            tag::USERDATA => {
                let u = v.as_userdata().expect("the tag says so");
                return Err(match placeholder_of(&u) {
                    Some(what) => self.refuse(&what, b""),
                    None if is_file(&u) => self.refuse(b"an open file", b""),
                    None if socket_name(&u).is_some() => self.refuse(b"a socket", b""),
                    None => self.refuse(b"a userdata", b""),
                });
            }
            tag::LIGHT => return Err(self.refuse(b"a light userdata", b"")),
            // The tags that are left never stand in a slot of a table, function or message.
            _ => unreachable!("tag {:#x} in a message", v.tag),
        }
        Ok(())
    }
    #[inline]
    fn string(&mut self, v: Value) {
        let s = v.as_string().expect("the tag says so");
        if s.len > LONG {
            if let Err(n) = self.number(v.bits) {
                self.out.byte(code::OBJECT);
                return self.out.number(n as u64);
            }
            self.out.byte(more::LONG_STRING);
            if s.len > TEXT {
                self.out.number(s.len as u64);
                // In one piece, so that what is written does not have to be copied when there is more.
                self.out.reserve(s.len);
                return self.stack.push(Open::Text { s: v, at: 0 });
            }
        } else {
            self.out.byte(more::STRING);
        }
        self.out.text(s.bytes());
    }
    fn native(&mut self, n: &'static Native) {
        self.out.byte(more::NATIVE_ADDRESS);
        self.out.run(&(n as *const Native as u64).to_le_bytes());
    }
    fn module(&mut self, vm: &Vm, module: &Module) -> usize {
        if let Some(i) = self.modules.iter().position(|m| std::ptr::eq(&**m, module)) {
            return i;
        }
        let kept = vm.heap.module_at(module);
        self.modules.push(kept.expect("a heap keeps the modules of its functions").clone());
        self.modules.len() - 1
    }
    #[inline]
    fn table(&mut self, vm: &Vm, t: Ref<Table>) -> Result<(), NotSendable> {
        // A class is written here, since it may be unknown; and then its table by content.
        let mut survey = Survey::new(t);
        if let Some(m) = t.metatable() {
            match classes(vm).and_then(|c| c.get(Value::table(m)).as_string()) {
                Some(name) => {
                    self.out.byte(more::CLASS);
                    self.out.text(name.bytes());
                    survey.by_value = false;
                    self.at_once |= !m.get(name_value(Event::Mode)).is_nil();
                }
                None => {
                    return Err(self.refuse(b"a table with a metatable", b"; register it with concurrent.metatable"));
                }
            }
        }
        let mut at = 0;
        if survey.items + t.node_count() <= PIECE {
            while !survey.look(&mut at) {}
            self.begin_table(survey);
        } else {
            self.stack.push(Open::Survey { survey, at });
        }
        Ok(())
    }
    /// Writes the head of a table that was looked at.
    fn begin_table(&mut self, mut survey: Survey) {
        let t = survey.t;
        survey.as_it_lies = survey.by_value && is_of_right_size(t.node_count(), survey.fields);
        let is_class = t.metatable().is_some();
        if !survey.as_it_lies {
            if !is_class {
                self.out.byte(more::TABLE);
            }
            self.out.number(survey.items as u64);
            self.out.number(survey.fields as u64);
            return self.stack.push(Open::Items { survey, at: 0 });
        }
        self.out.byte(more::LAYOUT);
        self.out.number(survey.items as u64);
        NodesHead::of(&t).write(&mut self.out);
        if t.node_count() <= PIECE {
            self.nodes(&survey, 0..t.node_count());
            if survey.items > 0 || !survey.is_plain {
                self.stack.push(Open::Items { survey, at: 0 });
            }
        } else {
            // In one piece, so that what is written does not have to be copied when there is more.
            self.out.reserve(size_of_val(t.node_part()) + survey.items);
            self.stack.push(Open::Nodes { survey, at: 0 });
        }
    }
    /// Writes nodes as they lie; what is an object comes later, and has the tag FROZEN here.
    fn nodes(&mut self, survey: &Survey, piece: std::ops::Range<usize>) {
        let size = size_of::<Node>();
        self.out.run(&survey.t.node_bytes()[piece.start * size..piece.end * size]);
        if survey.is_plain {
            return;
        }
        let at = self.out.len() - piece.len() * size;
        let nodes = &survey.t.node_part()[piece];
        for (to, n) in self.out[at..].chunks_exact_mut(size).zip(nodes) {
            let mut written = *n;
            if n.value_tag as u64 == tag::NIL {
                // A place in a chain; the key may be an object that nobody else has.
                if !is_plain(n.key_tag as u64) {
                    (written.key_tag, written.key_bits) = (tag::DEAD_KEY as u8, 0);
                }
            } else {
                if !is_plain(n.key_tag as u64) {
                    (written.key_tag, written.key_bits) = (tag::FROZEN as u8, 0);
                }
                if !is_plain(n.value_tag as u64) {
                    (written.value_tag, written.value_bits) = (tag::FROZEN as u8, 0);
                }
            }
            write_node(to, &written);
        }
    }
    /// The error, with the way from the message to what is being written.
    #[cold]
    fn refuse(&self, what: &[u8], advice: &[u8]) -> NotSendable {
        let mut text = [b"cannot send ".as_slice(), what, b" (at "].concat();
        let mut path = b"message".to_vec();
        for open in &self.stack {
            match open {
                // A key itself is being written.
                Open::Fields { key_written: true, .. } => path.extend_from_slice(b"'s key"),
                Open::Fields { survey, at, .. } => write_key(&mut path, survey.t.node_part()[at - 1].key()),
                Open::Items { at, .. } => path.extend_from_slice(format!("[{at}]").as_bytes()),
                Open::Survey { .. } | Open::Nodes { .. } | Open::Text { .. } => {}
                Open::Closure { c, at } => {
                    path.extend_from_slice(b"'s upvalue '");
                    let name = c.proto().canonical().upvalues.get(at - 1).map(|u| u.name.clone());
                    path.extend_from_slice(name.as_deref().unwrap_or(b"?"));
                    path.push(b'\'');
                }
                Open::Native { at, .. } => path.extend_from_slice(format!("'s upvalue {at}").as_bytes()),
            }
        }
        text.extend_from_slice(&path);
        text.push(b')');
        text.extend_from_slice(advice);
        NotSendable(text)
    }
}

impl Survey {
    fn new(t: Ref<Table>) -> Survey {
        let items = t.array_part().len();
        Survey {
            t,
            items,
            fields: 0,
            by_value: !t.hash_key().is_some_and(HashKey::is_earlier),
            is_plain: true,
            as_it_lies: false,
        }
    }
    /// Looks at a piece, of the array part from its end and then of the nodes; whether all was seen.
    fn look(&mut self, at: &mut usize) -> bool {
        let (items, nodes) = (self.t.array_part(), self.t.node_part());
        if *at == 0 && self.items > 0 {
            let end = self.items.saturating_sub(PIECE);
            while self.items > end && items[self.items - 1].is_nil() {
                self.items -= 1;
            }
            if self.items > 0 && self.items == end {
                return false;
            }
        }
        let end = nodes.len().min(*at + PIECE);
        for n in &nodes[*at..end] {
            let (key, value) = (n.key_tag as u64, n.value_tag as u64);
            if value != tag::NIL {
                self.fields += 1;
                self.by_value &= is_plain(key) || key & 0xf == tag::STRING_TYPE;
                self.is_plain &= is_plain(value);
            }
            self.is_plain &= is_plain(key);
        }
        *at = end;
        end == nodes.len()
    }
}

/// Writes a node as it lies.
fn write_node(to: &mut [u8], n: &Node) {
    assert!(to.len() == size_of::<Node>());
    // SAFETY: there is room for a node, of any alignment.
    unsafe { to.as_mut_ptr().cast::<Node>().write_unaligned(*n) }
}

/// `.name`, `[n]` or `["x y"]`.
pub(in crate::codec) fn write_key(path: &mut Vec<u8>, key: Value) {
    match key.as_string() {
        Some(s) => {
            let name = s.bytes();
            let plain = name.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
                && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
            if plain {
                path.push(b'.');
                path.extend_from_slice(name);
            } else {
                path.extend_from_slice(b"[\"");
                for &b in name.iter().take(40) {
                    if matches!(b, b'"' | b'\\') {
                        path.push(b'\\');
                    }
                    path.push(b);
                }
                path.extend_from_slice(if name.len() > 40 { b"...\"]" } else { b"\"]" });
            }
        }
        None => {
            path.push(b'[');
            match key.kind() {
                Kind::Integer(_) | Kind::Float(_) => rlua_machine::value::number::write_number(path, key),
                Kind::Boolean(b) => path.extend_from_slice(if b { b"true" } else { b"false" }),
                _ => path.extend_from_slice(key.type_name().as_bytes()),
            }
            path.push(b']');
        }
    }
}
