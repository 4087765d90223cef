//! The value of a message.
//!
//! Journey: mailbox -> receive -> **decode**. Containers are made before their contents and filled from a worklist. Bytes
//! from outside may say anything: what they announce is compared with what is left of them.

use super::super::wire::{Fault, Reader};
use super::super::{code, find_native};
use super::run::Run;
use super::{
    DecodeError, Form, KEPT_BYTES, LAID_BY_KEY, Message, NodesHead, PIECE, Source, TEXT, TEXT_OF_UNIT, VALUE, classes,
    more,
};
use rlua_machine::stdlib::NativeState;
use rlua_machine::value::function::{NativeClosure, Upvalue};
use rlua_machine::value::string::{Str, find_atom};
use rlua_machine::value::table::Node;
use rlua_machine::value::{Closure, Pid, Ref, Table, Value, tag};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::Native;
use std::cell::Cell;
use std::sync::OnceLock;

/// What is being filled.
enum Fill {
    /// Nodes as they lie, if they are many.
    Nodes {
        t: Ref<Table>,
        at: usize,
        items: usize,
    },
    /// Items; then come fields, or objects of nodes that lie there already.
    Items {
        t: Ref<Table>,
        at: usize,
        items: usize,
        then: After,
    },
    Fields {
        t: Ref<Table>,
        left: usize,
        key: Option<Value>,
    },
    /// Nodes in which an object is missing.
    Objects {
        t: Ref<Table>,
        at: usize,
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
        left: usize,
    },
}

/// What follows a table's items.
#[derive(Clone, Copy)]
enum After {
    Nothing,
    Fields(usize),
    Objects,
}

#[derive(Default)]
struct Decoder {
    objects: Vec<Value>,
    stack: Vec<Fill>,
    /// The value, once it is begun.
    root: Option<Value>,
    /// Bytes that are read.
    at: usize,
    /// Entries of tables that were announced.
    announced: usize,
    /// The heap keeps the modules already.
    kept: bool,
}

thread_local! {
    /// Its buffers are used again.
    static DECODER: Cell<Option<Box<Decoder>>> = const { Cell::new(None) };
}

/// The value of a message, in a receiver's heap.
#[inline]
pub fn decode_message(vm: &mut Vm, message: &Message) -> Result<Value, DecodeError> {
    match &message.0 {
        Form::Small(v) => return Ok(*v),
        Form::Short { len, bytes } => return Ok(vm.heap.string(&bytes[..*len as usize])),
        Form::Bytes(b) => {
            if let Some(v) = flat(vm, b) {
                return Ok(v);
            }
        }
        Form::System(m) => {
            // A reason is no system message itself, so this goes one deep.
            let reason = decode_reason(vm, &m.2);
            return Ok(system(vm, m.0, m.1, reason));
        }
        Form::Table(t) => return Ok(Value::table(t.clone().join(&mut vm.heap))),
        Form::Graph(_) | Form::Foreign(_) => {}
    }
    let source = message.source().expect("all other forms are bytes");
    let mut d = DECODER.take().unwrap_or_default();
    let mut no_end = usize::MAX;
    let done = d.run(vm, source, &mut no_end);
    let root = d.root.unwrap_or(Value::NIL);
    d.reset();
    if (d.objects.capacity() + d.stack.capacity()) * 32 <= KEPT_BYTES {
        DECODER.set(Some(d));
    }
    done.map(|_| root)
}

/// As [`decode_message`], of a message that nobody needs any more: a small table becomes the receiver's as it is.
#[inline]
pub fn take_message(vm: &mut Vm, message: Message) -> Result<Value, DecodeError> {
    take_whole(vm, message).or_else(|m| decode_message(vm, &m))
}
/// As [`take_message`], of what nothing can be wrong with; anything else is given back.
#[inline(always)]
pub fn take_whole(vm: &mut Vm, message: Message) -> Result<Value, Message> {
    match message.0 {
        Form::Small(v) => Ok(v),
        Form::Table(t) => Ok(Value::table(t.join(&mut vm.heap))),
        form => Err(Message(form)),
    }
}

/// The value of an exit reason; of one that cannot be made here, the text that says why.
pub fn decode_reason(vm: &mut Vm, reason: &Message) -> Value {
    decode_message(vm, reason).unwrap_or_else(|e| vm.heap.string(e.to_string().as_bytes()))
}

fn system(vm: &mut Vm, name: &'static [u8], from: Pid, reason: Value) -> Value {
    /// The addresses of the atoms, which are never freed.
    static KEYS: OnceLock<[u64; 3]> = OnceLock::new();
    let keys = KEYS.get_or_init(|| [&b"signal"[..], b"from", b"reason"].map(|key| vm.heap.atom(key).bits));
    let name = vm.heap.atom(name);
    let t = vm.heap.table_sized(0, 3);
    for (bits, v) in keys.iter().zip([name, Value::pid(from), reason]) {
        t.set(&mut vm.heap, Value { tag: tag::ATOM, bits: *bits }, v).expect("a name is a key");
    }
    Value::table(t)
}

/// A small table whose parts lie there, and that is all.
#[inline]
fn flat(vm: &mut Vm, bytes: &[u8]) -> Option<Value> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    let [more::LAYOUT, items, bits, last_free] = *head else { return None };
    if items >= 0x80 || last_free >= 0x80 || bits >= LAID_BY_KEY {
        return None;
    }
    let nodes = if bits == 0 { 0 } else { size_of::<Node>() << (bits - 1) };
    let (nodes, rest) = rest.split_at_checked(nodes)?;
    let items = match rest.split_first_chunk::<2>() {
        Some(([more::PLAIN, n], rest)) if *n == items && rest.len() == items as usize * size_of::<Value>() => rest,
        None if rest.is_empty() && items == 0 => rest,
        _ => return None,
    };
    // SAFETY: bytes of this form were made here, of a table without a hash key; and nothing follows the parts, so nothing
    // in them stands for an object.
    Some(Value::table(unsafe { Table::from_bytes(&mut vm.heap, items, nodes, last_free as u32) }))
}

/// A message whose value is made in steps.
pub struct Decoding {
    message: Message,
    decoder: Box<Decoder>,
}

// SAFETY: it points to objects of one heap, and is moved between threads with that alone (heap/mod.rs, rule 3).
unsafe impl Send for Decoding {}

impl Decoding {
    /// Begins with a message that is bytes; none: it is small.
    pub fn new(message: &Message) -> Option<Decoding> {
        message.source()?;
        Some(Decoding { message: message.clone(), decoder: Box::default() })
    }
    /// Does so many units of work; the value, if it is whole.
    pub fn step(&mut self, vm: &mut Vm, units: &mut usize) -> Result<Option<Value>, DecodeError> {
        let source = self.message.source().expect("it is bytes");
        let done = self.decoder.run(vm, source, units);
        let Form::System(m) = &self.message.0 else { return Ok(done?.then(|| self.root())) };
        let reason = match done {
            Ok(false) => return Ok(None),
            Ok(true) => self.root(),
            Err(e) => vm.heap.string(e.to_string().as_bytes()),
        };
        Ok(Some(system(vm, m.0, m.1, reason)))
    }
    /// What there is of the value: all objects that were made are reached from it. Whoever takes the steps keeps it.
    pub fn root(&self) -> Value {
        self.decoder.root.unwrap_or(Value::NIL)
    }
}

impl Decoder {
    fn reset(&mut self) {
        self.objects.clear();
        self.stack.clear();
        (self.root, self.at, self.announced, self.kept) = (None, 0, 0, false);
    }
    /// Goes on as long as there are units left; whether all is made.
    fn run(&mut self, vm: &mut Vm, source: Source<'_>, units: &mut usize) -> Result<bool, DecodeError> {
        let mut reader = Reader::new(source.bytes);
        reader.skip(self.at);
        let mut work = Work { d: self, reader, source, error: None };
        let done = work.decode(vm, units).map_err(|what| work.error.take().unwrap_or(DecodeError::Damaged(what)));
        let at = work.reader.position();
        self.at = at;
        done
    }
}

struct Work<'d, 'm> {
    d: &'d mut Decoder,
    reader: Reader<'m>,
    source: Source<'m>,
    error: Option<DecodeError>,
}

impl Work<'_, '_> {
    fn decode(&mut self, vm: &mut Vm, units: &mut usize) -> Result<bool, Fault> {
        if self.d.root.is_none() {
            let v = self.value_in_pieces(vm)?;
            self.d.root = Some(v);
        }
        while let Some(top) = self.d.stack.last_mut() {
            if *units == 0 {
                return Ok(false);
            }
            *units = units.saturating_sub(VALUE);
            let container = match top {
                Fill::Items { t, .. } | Fill::Fields { t, .. } | Fill::Nodes { t, .. } | Fill::Objects { t, .. } => {
                    Value::table(*t)
                }
                Fill::Native { c, .. } => Value::native_closure(*c),
                Fill::Closure { c, .. } => Value::closure(*c),
                Fill::Text { .. } => Value::NIL,
            };
            if !container.is_nil() {
                vm.heap.goes_on_filling(container);
            }
            match top {
                Fill::Items { t, at, items, then } => {
                    let (t, i, left) = (*t, *at, *items - *at);
                    if left == 0 {
                        match *then {
                            After::Nothing => drop(self.d.stack.pop()),
                            After::Fields(left) => *top = Fill::Fields { t, left, key: None },
                            After::Objects => *top = Fill::Objects { t, at: 0 },
                        }
                        continue;
                    }
                    if let Some(run) = Run::read(&mut self.reader, &self.source, left)? {
                        *at += run.len();
                        *units = units.saturating_sub(run.len() / 4);
                        run.fill(t, i);
                        continue;
                    }
                    *at += 1;
                    let v = self.value_in_pieces(vm)?;
                    t.put_slot(i, v);
                }
                Fill::Fields { t, left, key } => {
                    let t = *t;
                    let k = match key.take() {
                        Some(k) => k,
                        None if *left == 0 => {
                            self.d.stack.pop();
                            continue;
                        }
                        None => {
                            *left -= 1;
                            let depth = self.d.stack.len();
                            let k = self.value(vm)?;
                            if !self.source.local && !t.get(k).is_nil() {
                                return Err("a key of a table comes twice");
                            }
                            if self.d.stack.len() > depth {
                                // The key is a container, whose contents come first; it is kept by its place.
                                t.set(&mut vm.heap, k, Value::FALSE).map_err(|e| e.message())?;
                                if let Fill::Fields { key, .. } = &mut self.d.stack[depth - 1] {
                                    *key = Some(k);
                                }
                                continue;
                            }
                            k
                        }
                    };
                    let v = self.value_in_pieces(vm)?;
                    if v.is_nil() {
                        return Err("a field of a table is nil");
                    }
                    t.set(&mut vm.heap, k, v).map_err(|e| e.message())?;
                }
                Fill::Nodes { t, at, items } => {
                    let (t, i, items) = (*t, *at, *items);
                    let n = PIECE.min(t.node_count() - i);
                    *at += n;
                    *units = units.saturating_sub(n / 2);
                    if i + n == t.node_count() {
                        *top = Fill::Items { t, at: 0, items, then: After::Objects };
                    }
                    let bytes = self.reader.run(n * size_of::<Node>())?;
                    // SAFETY: made here, as a piece of the nodes of a table of this size.
                    unsafe { t.put_node_bytes(i, bytes) };
                }
                Fill::Objects { t, at } => {
                    let (t, from) = (*t, *at);
                    let nodes = t.node_part();
                    let end = nodes.len().min(from + PIECE);
                    let frozen = tag::FROZEN as u8;
                    while *at < end && nodes[*at].key_tag != frozen && nodes[*at].value_tag != frozen {
                        *at += 1;
                    }
                    *units = units.saturating_sub((*at - from) / 4);
                    let i = *at;
                    if i == end {
                        if end == nodes.len() {
                            self.d.stack.pop();
                        }
                        continue;
                    }
                    let mut n = nodes[i];
                    if n.key_tag == frozen {
                        // A string: it is set with its value, which no step ends before.
                        let k = self.value(vm)?;
                        (n.key_tag, n.key_bits) = (k.tag as u8, k.bits);
                    }
                    if n.value_tag == frozen {
                        let v = self.value_in_pieces(vm)?;
                        n.set_value(v);
                    }
                    t.put_node(i, n);
                }
                Fill::Text { s, at, left } => {
                    let (s, from, n) = (*s, *at, (*left).min(TEXT));
                    (*at, *left) = (*at + n, *left - n);
                    if *left == 0 {
                        self.d.stack.pop();
                    }
                    *units = units.saturating_sub(n / TEXT_OF_UNIT);
                    if !vm.heap.write_string(s, from, self.reader.run(n)?) {
                        return Err("a string is no longer unfinished");
                    }
                }
                Fill::Native { c, at } => {
                    let (c, i) = (*c, *at);
                    *at += 1;
                    if i == c.count {
                        self.d.stack.pop();
                        continue;
                    }
                    let v = if self.reader.peek() == Some(more::BUFFER) { self.buffer(vm)? } else { self.value(vm)? };
                    c.upvalues()[i].set(v);
                }
                Fill::Closure { c, at } => {
                    let (c, i) = (*c, *at);
                    *at += 1;
                    if i == c.count {
                        self.d.stack.pop();
                        continue;
                    }
                    match self.reader.byte()? {
                        code::OBJECT => {
                            let u = self.object()?;
                            if u.tag != tag::UPVALUE {
                                return Err("an upvalue of a function is none");
                            }
                            // SAFETY: the tag says so, and the cell is in range.
                            unsafe { *c.cells().add(i) = u.bits as *mut Upvalue };
                        }
                        more::CELL => {
                            let u = vm.heap.upvalue(Value::NIL);
                            self.d.objects.push(Value::object(tag::UPVALUE, u.as_ptr()));
                            c.set_upvalue(i, u);
                            if self.reader.peek() == Some(more::GLOBALS) {
                                self.reader.byte()?;
                                u.set(Value::table(vm.globals()));
                            } else {
                                let v = self.value(vm)?;
                                u.set(v);
                            }
                        }
                        _ => return Err("an upvalue of a function is none"),
                    }
                }
            }
        }
        if self.reader.left() != 0 {
            return Err("there are bytes after the end");
        }
        Ok(true)
    }
    /// As [`Work::value`], where nobody asks for a string's hash before the next step: a long one is on the stack, too.
    #[inline]
    fn value_in_pieces(&mut self, vm: &mut Vm) -> Result<Value, Fault> {
        if self.reader.peek() == Some(more::LONG_STRING) && self.reader.left() > TEXT {
            return self.long_string(vm);
        }
        self.value(vm)
    }
    fn long_string(&mut self, vm: &mut Vm) -> Result<Value, Fault> {
        self.reader.byte()?;
        let len = self.reader.count()?;
        let s = if len > TEXT { vm.heap.unfinished_string(len) } else { vm.heap.string(self.reader.run(len)?) };
        self.d.objects.push(s);
        if len > TEXT {
            self.d.stack.push(Fill::Text { s, at: 0, left: len });
        }
        Ok(s)
    }
    fn object(&mut self) -> Result<Value, Fault> {
        let n = self.reader.number()?;
        self.d.objects.get(usize::try_from(n).unwrap_or(usize::MAX)).copied().ok_or("no such object")
    }
    fn buffer(&mut self, vm: &mut Vm) -> Result<Value, Fault> {
        self.reader.byte()?;
        let damaged = "the state of a native function is damaged";
        let (state, rest): (NativeState, _) = postcard::take_from_bytes(self.reader.text()?).map_err(|_| damaged)?;
        if !rest.is_empty() {
            return Err(damaged);
        }
        Ok(Value::buffer(vm.heap.buffer(state)))
    }
    fn native(&mut self, vm: &Vm, code: u8) -> Result<&'static Native, Fault> {
        match code {
            // SAFETY: a message that was made here holds addresses of natives, which are static.
            more::NATIVE_ADDRESS if self.source.local => Ok(unsafe { &*(self.reader.word()? as *const Native) }),
            code::NATIVE => {
                let name = self.reader.text()?;
                find_native(vm.natives, name).ok_or_else(|| {
                    self.error = Some(DecodeError::UnknownNative(String::from_utf8_lossy(name).into_owned()));
                    "native"
                })
            }
            _ => Err("a native function has no name"),
        }
    }
    /// A number of entries: all that are announced are no more than there are bytes.
    fn pay(&mut self) -> Result<usize, Fault> {
        match usize::try_from(self.reader.number()?) {
            Ok(n) if n <= self.source.bytes.len() - self.d.announced => {
                self.d.announced += n;
                Ok(n)
            }
            _ => Err("more things are announced than there are bytes"),
        }
    }
    /// The next value; a container is on the stack afterwards, to be filled.
    #[inline]
    fn value(&mut self, vm: &mut Vm) -> Result<Value, Fault> {
        Ok(match self.reader.byte()? {
            more::ATOM if self.source.local => Value::object(tag::ATOM, self.reader.word()? as *mut Str),
            code::INTEGER => Value::integer(self.reader.signed()?),
            code::NIL => Value::NIL,
            code::FALSE => Value::FALSE,
            code::TRUE => Value::TRUE,
            code::FLOAT => Value::float(f64::from_bits(self.reader.word()?)),
            code::PID if self.source.local => Value::pid(Pid::from_bits(self.reader.word()?)),
            c => self.other(vm, c)?,
        })
    }
    fn other(&mut self, vm: &mut Vm, c: u8) -> Result<Value, Fault> {
        Ok(match c {
            more::STRING => {
                let text = self.reader.text()?;
                let atom = if self.source.local || text.len() <= 1 { None } else { find_atom(text) };
                match atom {
                    Some(a) => Value::object(tag::ATOM, a),
                    None => vm.heap.string(text),
                }
            }
            more::LONG_STRING => {
                let text = self.reader.text()?;
                let v = vm.heap.string(text);
                self.d.objects.push(v);
                v
            }
            code::OBJECT => {
                let v = self.object()?;
                if v.tag == tag::UPVALUE {
                    return Err("an internal object is no value");
                }
                v
            }
            code::PID => Value::pid(self.source.pids[self.reader.count_below(self.source.pids.len())?]),
            more::LAYOUT if self.source.local => self.layout(vm)?,
            more::TABLE => self.table(vm, None)?,
            more::CLASS => {
                let name = self.reader.text()?;
                let key = vm.heap.string(name);
                match classes(vm).and_then(|c| c.get(key).as_table()) {
                    Some(m) => self.table(vm, Some(m))?,
                    None => {
                        self.error = Some(DecodeError::UnknownClass(String::from_utf8_lossy(name).into_owned()));
                        return Err("class");
                    }
                }
            }
            more::CLOSURE => {
                let module = self.reader.count_below(self.source.modules.len())?;
                let index = self.reader.number32()?;
                if !std::mem::replace(&mut self.d.kept, true) {
                    for m in self.source.modules {
                        vm.heap.keep_module(m);
                    }
                }
                let proto = self.source.modules[module].proto(index as usize).ok_or("no such prototype")?;
                // A cell takes a byte at least.
                let count = proto.canonical().upvalues.len();
                if count > self.reader.left() {
                    return Err("a length passes the end of the bytes");
                }
                let c = vm.heap.closure(proto, count);
                self.d.objects.push(Value::closure(c));
                self.d.stack.push(Fill::Closure { c, at: 0 });
                Value::closure(c)
            }
            more::NATIVE_CLOSURE => {
                let code = self.reader.byte()?;
                let native = self.native(vm, code)?;
                let count = self.reader.count()?;
                let c = vm.heap.native_closure(native, &vec![Value::NIL; count]);
                self.d.objects.push(Value::native_closure(c));
                self.d.stack.push(Fill::Native { c, at: 0 });
                Value::native_closure(c)
            }
            more::STREAM => {
                let index = self.reader.count_below(3)?;
                rlua_machine::stdlib::io::stream(vm, index as u64)
            }
            more::NATIVE_ADDRESS | code::NATIVE => Value::native(self.native(vm, c)?),
            _ => return Err("no such kind of value"),
        })
    }
    fn table(&mut self, vm: &mut Vm, meta: Option<Ref<Table>>) -> Result<Value, Fault> {
        let (array, fields) = (self.pay()?, self.pay()?);
        let t = vm.heap.table();
        if array | fields != 0 {
            let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            t.resize(&mut vm.heap, size(array), size(fields)).map_err(|e| e.message())?;
        }
        self.d.objects.push(Value::table(t));
        if let Some(m) = meta {
            vm.set_metatable(t, Some(m));
        }
        if array | fields != 0 {
            self.d.stack.push(Fill::Items { t, at: 0, items: array, then: After::Fields(fields) });
        }
        Ok(Value::table(t))
    }
    /// A table whose nodes lie in the bytes.
    fn layout(&mut self, vm: &mut Vm) -> Result<Value, Fault> {
        let items = self.pay()?;
        let NodesHead { count, last_free, hash_key } = NodesHead::read(&mut self.reader)?;
        let items_size = u32::try_from(items).map_err(|_| "table overflow")?;
        if count > PIECE || hash_key.is_some() {
            let t = vm.heap.table();
            match hash_key {
                None => t.resize(&mut vm.heap, items_size, count as u32),
                Some(own) => t.resize_keyed(&mut vm.heap, items_size, count as u32, own),
            }
            .map_err(|e| e.message())?;
            t.set_last_free(last_free);
            self.d.objects.push(Value::table(t));
            self.d.stack.push(Fill::Nodes { t, at: 0, items });
            return Ok(Value::table(t));
        }
        let nodes = self.reader.run(count * size_of::<Node>())?;
        // SAFETY: made here, of a table without a hash key; what stands for an object has the tag FROZEN, which a slot may
        // have, and is replaced.
        let t = unsafe { Table::from_bytes(&mut vm.heap, &[], nodes, last_free) };
        if items > 0 {
            // The nodes stay as they are, but are placed anew if both parts are made in one: so the array part alone.
            t.grow_array(&mut vm.heap, items_size).map_err(|e| e.message())?;
        }
        self.d.objects.push(Value::table(t));
        let frozen = tag::FROZEN as u8;
        let objects = t.node_part().iter().any(|n| n.key_tag == frozen || n.value_tag == frozen);
        if items > 0 || objects {
            let then = if objects { After::Objects } else { After::Nothing };
            self.d.stack.push(Fill::Items { t, at: 0, items, then });
        }
        Ok(Value::table(t))
    }
}
