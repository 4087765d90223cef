//! One value, copied for another process (spec/processes.md).
//!
//! Journey: send -> **encode** -> mailbox -> receive -> **decode**. nil, booleans, numbers, pids, natives, atoms and short
//! strings are the message themselves. All else is bytes: the graph in the order in which a reader builds it, containers
//! before their contents, a number for what comes a second time. Tables are written by content, not by layout: the
//! receiver makes them of the right size. spec/format.md has the bytes.
//!
//! A message for a process of the same runtime names atoms and natives by address, which costs the reader nothing; a
//! portable one has their bytes and names. The two differ in nothing else, and [`Message::from_wire`] is the only way in
//! for bytes from outside, whose decoding takes no address and believes no size.
//!
//! Always: bounded by worklists, not by the Rust stack; the first eight objects are found by looking, more by hashing.

use super::wire::{Fault, Reader, Write};
use super::{Numbers, code, find_native};
use rlua_machine::stdlib::NativeState;
use rlua_machine::value::function::{NativeClosure, Upvalue};
use rlua_machine::value::string::{Str, find_atom, make_atom};
use rlua_machine::value::{Closure, Kind, Pid, Ref, Table, Value, tag};
use rlua_machine::vm::Vm;
use rlua_machine::vm::load::Module;
use rlua_machine::vm::native::Native;
use std::cell::Cell;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Codes that only messages have; the others are [`code`]'s.
mod more {
    pub const STRING: u8 = 11;
    /// A string that is numbered, so that it comes once.
    pub const LONG_STRING: u8 = 12;
    pub const TABLE: u8 = 13;
    /// A table with a registered metatable; its name comes first.
    pub const CLASS: u8 = 14;
    pub const CLOSURE: u8 = 15;
    pub const NATIVE_CLOSURE: u8 = 16;
    /// A variable of a function.
    pub const CELL: u8 = 17;
    /// As a variable's value: the receiver's table of globals.
    pub const GLOBALS: u8 = 18;
    /// As an upvalue of a native: its state.
    pub const BUFFER: u8 = 19;
    /// The address of an atom.
    pub const ATOM: u8 = 20;
    /// The address of a native.
    pub const NATIVE_ADDRESS: u8 = 21;
    /// A standard stream, by its index.
    pub const STREAM: u8 = 22;
}

/// Longest string that a message holds without an allocation.
const SHORT: usize = 22;
/// Strings past this length are numbered.
const LONG: usize = 40;
/// Buffers that are kept for the next message are not larger than this.
const KEPT_BYTES: usize = 64 * 1024;

/// A value on its way to another process. Cheap to clone.
#[derive(Clone)]
pub struct Message(Form);

/// Bytes and the modules that they name.
type Whole = (Box<[u8]>, Vec<Arc<Module>>);

#[derive(Clone)]
enum Form {
    /// Nothing of any heap.
    Small(Value),
    Short {
        len: u8,
        bytes: [u8; SHORT],
    },
    /// Made here: addresses in it are good.
    Bytes(Arc<[u8]>),
    /// Made here, with functions.
    Graph(Arc<Whole>),
    /// Came from outside.
    Foreign(Arc<Whole>),
    /// What the system tells: `{ signal = name, from = pid, reason = reason }`.
    System(Arc<(&'static [u8], Pid, Message)>),
}

// A message's size is a mailbox's.
const _: () = assert!(size_of::<Message>() == 24);

impl Message {
    /// A message that came as bytes, with the modules that its functions name, in order. Nothing about the bytes is
    /// believed.
    pub fn from_wire(bytes: Box<[u8]>, modules: Vec<Arc<Module>>) -> Message {
        Message(Form::Foreign(Arc::new((bytes, modules))))
    }
    /// A text.
    pub fn string(text: &[u8]) -> Message {
        match short(text) {
            Some(m) => m,
            None => {
                let mut out = Vec::with_capacity(text.len() + 8);
                out.byte(more::LONG_STRING);
                out.text(text);
                Message(Form::Bytes(out.into()))
            }
        }
    }
    /// Whether it is this text.
    pub fn is_string(&self, text: &[u8]) -> bool {
        match &self.0 {
            Form::Small(v) => v.as_string().is_some_and(|s| s.bytes() == text),
            Form::Short { len, bytes } => &bytes[..*len as usize] == text,
            Form::Bytes(b) => {
                let mut r = Reader::new(b);
                matches!(r.byte(), Ok(more::STRING | more::LONG_STRING)) && r.text() == Ok(text)
            }
            _ => false,
        }
    }
    /// `{ signal = name, from = pid, reason = reason }`.
    pub fn system(name: &'static [u8], from: Pid, reason: Message) -> Message {
        Message(Form::System(Arc::new((name, from, reason))))
    }
    /// Whether it is the system's message of this name about this process.
    pub fn is_system(&self, name: &[u8], about: Pid) -> bool {
        matches!(&self.0, Form::System(m) if m.0 == name && m.1 == about)
    }
    /// Whether it is a message of the system.
    pub fn is_from_system(&self) -> bool {
        matches!(self.0, Form::System(_))
    }
    /// The text that it is, if it is one.
    pub fn text(&self) -> Option<Vec<u8>> {
        match &self.0 {
            Form::Small(v) => v.as_string().map(|s| s.bytes().to_vec()),
            Form::Short { len, bytes } => Some(bytes[..*len as usize].to_vec()),
            Form::Bytes(b) => {
                let mut r = Reader::new(b);
                let is_text = matches!(r.byte(), Ok(more::STRING | more::LONG_STRING));
                if is_text { r.text().ok().map(<[u8]>::to_vec) } else { None }
            }
            _ => None,
        }
    }
    /// Bytes it takes besides itself.
    pub fn size(&self) -> usize {
        match &self.0 {
            Form::Small(_) | Form::Short { .. } => 0,
            Form::Bytes(b) => b.len(),
            Form::Graph(g) | Form::Foreign(g) => g.0.len() + size_of_val(&**g) + size_of_val(&*g.1),
            Form::System(m) => size_of_val(&**m) + m.2.size(),
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Small(v) => write!(f, "Message({v:?})"),
            _ => write!(f, "Message({} bytes)", self.size()),
        }
    }
}

/// A value holds something that cannot be sent; what and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotSendable(Vec<u8>);

impl NotSendable {
    /// The message: `cannot send a coroutine (at message.job.co)`.
    pub fn message(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for NotSendable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl std::error::Error for NotSendable {}

/// Why a message cannot be made a value here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes break a rule.
    Damaged(&'static str),
    /// It refers to a native function that this runtime does not have.
    UnknownNative(String),
    /// It has a table of a class that the receiver has not registered.
    UnknownClass(String),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Damaged(what) => write!(f, "damaged message: {what}"),
            DecodeError::UnknownNative(name) => write!(f, "the native function '{name}' is unknown here"),
            DecodeError::UnknownClass(name) => write!(
                f,
                "a message has a table of the class '{name}', which the receiver has not registered with concurrent.metatable"
            ),
        }
    }
}

impl std::error::Error for DecodeError {}

fn short(text: &[u8]) -> Option<Message> {
    let mut bytes = [0; SHORT];
    bytes.get_mut(..text.len())?.copy_from_slice(text);
    Some(Message(Form::Short { len: text.len() as u8, bytes }))
}

/// Registers a class for messages: `concurrent.metatable(name, mt)`.
pub fn register_metatable(vm: &mut Vm, name: Value, t: Ref<Table>) {
    let all = classes(vm).unwrap_or_else(|| {
        let all = vm.heap.table();
        let registry = vm.registry();
        rlua_machine::stdlib::field(vm, registry, CLASSES, Value::table(all));
        all
    });
    for (k, v) in [(name, Value::table(t)), (Value::table(t), name)] {
        vm.raw_set_table(all, k, v).expect("a string and a table are keys");
    }
}

/// Field of the registry.
const CLASSES: &str = "concurrent.metatables";

/// The table in the registry that maps names of classes to metatables and back.
fn classes(vm: &Vm) -> Option<Ref<Table>> {
    struct Key(Value);
    // SAFETY: an atom is immutable and never freed.
    unsafe impl Send for Key {}
    // SAFETY: as above.
    unsafe impl Sync for Key {}
    static KEY: OnceLock<Key> = OnceLock::new();
    let key = KEY.get_or_init(|| {
        let atom = make_atom(CLASSES.as_bytes()).expect("the atom table has room for the libraries");
        Key(Value::object(tag::ATOM, atom))
    });
    vm.registry().get(key.0).as_table()
}

/// What is being written.
enum Open {
    Table { t: Ref<Table>, array: usize, at: usize, key_written: bool },
    Closure { c: Ref<Closure>, at: usize },
    Native { c: Ref<NativeClosure>, at: usize },
}

#[derive(Default)]
struct Encoder {
    out: Vec<u8>,
    seen: Vec<u64>,
    /// Filled when there are too many to look through.
    numbers: Numbers,
    stack: Vec<Open>,
    modules: Vec<Arc<Module>>,
    portable: bool,
}

thread_local! {
    /// Buffers that are used again.
    static ENCODER: Cell<Option<Box<Encoder>>> = const { Cell::new(None) };
    static DECODER: Cell<Option<Box<Decoder>>> = const { Cell::new(None) };
}

/// A message of a value, for a process of this runtime.
pub fn encode_message(vm: &Vm, v: Value) -> Result<Message, NotSendable> {
    match v.tag {
        tag::NIL | tag::FALSE | tag::TRUE | tag::INT | tag::FLOAT | tag::NATIVE | tag::PID | tag::ATOM => {
            return Ok(Message(Form::Small(v)));
        }
        tag::STRING | tag::MODULE_STRING => {
            if let Some(m) = v.as_string().and_then(|s| short(s.bytes())) {
                return Ok(m);
            }
        }
        _ => {}
    }
    with_encoder(vm, v, false, |e| {
        Message(if e.modules.is_empty() {
            Form::Bytes(e.out.as_slice().into())
        } else {
            Form::Graph(Arc::new((e.out.as_slice().into(), std::mem::take(&mut e.modules))))
        })
    })
}

/// The bytes of a value for [`Message::from_wire`] in another runtime, and the modules that they name by their places in
/// the list.
pub fn encode_portable_message(vm: &Vm, v: Value) -> Result<(Vec<u8>, Vec<Arc<Module>>), NotSendable> {
    with_encoder(vm, v, true, |e| (e.out.clone(), std::mem::take(&mut e.modules)))
}

fn with_encoder<T>(
    vm: &Vm,
    v: Value,
    portable: bool,
    finish: impl FnOnce(&mut Encoder) -> T,
) -> Result<T, NotSendable> {
    let mut e = ENCODER.take().unwrap_or_default();
    e.portable = portable;
    let done = e.encode(vm, v).map(|()| finish(&mut e));
    e.out.clear();
    e.seen.clear();
    e.stack.clear();
    e.modules.clear();
    if !e.numbers.is_empty() {
        e.numbers = Numbers::default();
    }
    if e.out.capacity() + (e.seen.capacity() + e.stack.capacity()) * 16 <= KEPT_BYTES {
        ENCODER.set(Some(e));
    }
    done
}

impl Encoder {
    fn encode(&mut self, vm: &Vm, v: Value) -> Result<(), NotSendable> {
        self.put(vm, v)?;
        while let Some(top) = self.stack.last_mut() {
            let next = match top {
                Open::Table { t, array, at, key_written } => {
                    if at < array {
                        *at += 1;
                        Some(t.array_part()[*at - 1])
                    } else if *key_written {
                        *key_written = false;
                        *at += 1;
                        Some(t.node_part()[*at - 1 - *array].value())
                    } else {
                        let nodes = t.node_part();
                        let mut i = *at - *array;
                        while i < nodes.len() && nodes[i].value().is_nil() {
                            i += 1;
                        }
                        *at = i + *array;
                        *key_written = i < nodes.len();
                        nodes.get(i).map(|n| n.key())
                    }
                }
                Open::Native { c, at } => {
                    *at += 1;
                    c.upvalues().get(*at - 1).map(|u| u.get())
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
                Some(v) => self.put(vm, v)?,
                None => {
                    self.stack.pop();
                }
            }
        }
        Ok(())
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
                self.numbers.extend(self.seen.iter().enumerate().map(|(i, &a)| (a, i as u32)));
            }
            match self.numbers.entry(address) {
                std::collections::hash_map::Entry::Occupied(e) => return Err(*e.get()),
                std::collections::hash_map::Entry::Vacant(e) => e.insert(self.seen.len() as u32),
            };
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
            tag::ATOM if !self.portable => {
                self.out.byte(more::ATOM);
                self.out.run(&v.bits.to_le_bytes());
            }
            tag::ATOM | tag::STRING | tag::MODULE_STRING => self.string(v),
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
            tag::USERDATA if v.as_userdata().is_some_and(|u| super::is_standard_stream(&u)) => {
                self.out.byte(more::STREAM);
                self.out.number(v.as_userdata().expect("the tag says so").resource.get());
            }
            tag::USERDATA => {
                let file = v.as_userdata().is_some_and(|u| super::is_file(&u));
                return Err(self.refuse(if file { b"an open file" } else { b"a userdata" }, b""));
            }
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
        } else {
            self.out.byte(more::STRING);
        }
        self.out.text(s.bytes());
    }
    fn native(&mut self, n: &'static Native) {
        if self.portable {
            self.out.byte(code::NATIVE);
            self.out.text(n.name.as_bytes());
        } else {
            self.out.byte(more::NATIVE_ADDRESS);
            self.out.run(&(n as *const Native as u64).to_le_bytes());
        }
    }
    fn module(&mut self, vm: &Vm, module: &Module) -> usize {
        if let Some(i) = self.modules.iter().position(|m| std::ptr::eq(&**m, module)) {
            return i;
        }
        let kept = vm.heap.modules().iter().find(|m| std::ptr::eq(&***m, module));
        self.modules.push(kept.expect("a heap keeps the modules of its functions").clone());
        self.modules.len() - 1
    }
    #[inline]
    fn table(&mut self, vm: &Vm, t: Ref<Table>) -> Result<(), NotSendable> {
        match t.metatable() {
            None => self.out.byte(more::TABLE),
            Some(m) => match classes(vm).and_then(|c| c.get(Value::table(m)).as_string()) {
                Some(name) => {
                    self.out.byte(more::CLASS);
                    self.out.text(name.bytes());
                }
                None => {
                    return Err(self.refuse(b"a table with a metatable", b"; register it with concurrent.metatable"));
                }
            },
        }
        let items = t.array_part();
        let mut array = items.len();
        while array > 0 && items[array - 1].is_nil() {
            array -= 1;
        }
        let fields = t.node_part().iter().filter(|n| n.value_tag as u64 != tag::NIL).count();
        self.out.number(array as u64);
        self.out.number(fields as u64);
        self.stack.push(Open::Table { t, array, at: 0, key_written: false });
        Ok(())
    }
    /// The error, with the way from the message to what is being written.
    #[cold]
    fn refuse(&self, what: &[u8], advice: &[u8]) -> NotSendable {
        let mut text = [b"cannot send ".as_slice(), what, b" (at "].concat();
        let mut path = b"message".to_vec();
        for open in &self.stack {
            match open {
                // A key itself is being written.
                Open::Table { key_written: true, .. } => path.extend_from_slice(b"'s key"),
                Open::Table { at, array, .. } if at <= array => {
                    path.extend_from_slice(format!("[{at}]").as_bytes());
                }
                Open::Table { t, at, array, .. } => write_key(&mut path, t.node_part()[at - array - 1].key()),
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

/// `.name`, `[n]` or `["x y"]`.
fn write_key(path: &mut Vec<u8>, key: Value) {
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

/// What is being filled.
enum Fill {
    Table { t: Ref<Table>, at: usize, array: usize, fields: usize, key: Option<Value> },
    Closure { c: Ref<Closure>, at: usize },
    Native { c: Ref<NativeClosure>, at: usize },
}

#[derive(Default)]
struct Decoder {
    objects: Vec<Value>,
    stack: Vec<Fill>,
}

/// The value of a message that was made in this runtime, in a receiver's heap. A table of a class that the receiver has
/// not registered comes without its metatable, and one that came from outside and is damaged is nil; where that is not
/// good enough, [`try_decode_message`] tells.
pub fn decode_message(vm: &mut Vm, message: &Message) -> Value {
    decode(vm, message, false).unwrap_or(Value::NIL)
}

/// The value of a message, in a receiver's heap.
pub fn try_decode_message(vm: &mut Vm, message: &Message) -> Result<Value, DecodeError> {
    decode(vm, message, true)
}

fn decode(vm: &mut Vm, message: &Message, strict: bool) -> Result<Value, DecodeError> {
    let (bytes, modules, local): (&[u8], &[Arc<Module>], _) = match &message.0 {
        Form::Small(v) => return Ok(*v),
        Form::Short { len, bytes } => return Ok(vm.heap.string(&bytes[..*len as usize])),
        Form::Bytes(b) => (b, &[], true),
        Form::Graph(g) => (&g.0, &g.1, true),
        Form::Foreign(g) => (&g.0, &g.1, false),
        Form::System(m) => {
            // A reason is no system message itself, so this goes one deep.
            let reason = decode(vm, &m.2, strict)?;
            let name = vm.heap.atom(m.0);
            let t = vm.heap.table_sized(0, 3);
            for (key, v) in [("signal", name), ("from", Value::pid(m.1)), ("reason", reason)] {
                rlua_machine::stdlib::field(vm, t, key, v);
            }
            return Ok(Value::table(t));
        }
    };
    let mut d = DECODER.take().unwrap_or_default();
    let mut work = Work {
        d: &mut d,
        reader: Reader::new(bytes),
        budget: bytes.len(),
        modules,
        local,
        strict,
        error: None,
        kept: false,
    };
    let done = work.decode(vm).map_err(|what| work.error.take().unwrap_or(DecodeError::Damaged(what)));
    d.objects.clear();
    d.stack.clear();
    if (d.objects.capacity() + d.stack.capacity()) * 32 <= KEPT_BYTES {
        DECODER.set(Some(d));
    }
    done
}

struct Work<'m> {
    d: &'m mut Decoder,
    reader: Reader<'m>,
    /// Entries of tables that the rest may still announce.
    budget: usize,
    modules: &'m [Arc<Module>],
    /// It was made here: addresses are good.
    local: bool,
    /// A class that is not registered is an error.
    strict: bool,
    error: Option<DecodeError>,
    /// The heap keeps the modules already.
    kept: bool,
}

impl Work<'_> {
    fn decode(&mut self, vm: &mut Vm) -> Result<Value, Fault> {
        let root = self.value(vm)?;
        while let Some(top) = self.d.stack.last_mut() {
            match top {
                Fill::Table { t, at, array, .. } if *at < *array => {
                    let (t, i) = (*t, *at);
                    *at += 1;
                    let v = self.value(vm)?;
                    t.put_slot(i, v);
                }
                Fill::Table { t, key, fields, .. } => {
                    let t = *t;
                    let k = match key.take() {
                        Some(k) => k,
                        None if *fields == 0 => {
                            self.d.stack.pop();
                            continue;
                        }
                        None => {
                            *fields -= 1;
                            let depth = self.d.stack.len();
                            let k = self.value(vm)?;
                            if self.d.stack.len() > depth {
                                // The key is a container, whose contents come first.
                                if let Fill::Table { key, .. } = &mut self.d.stack[depth - 1] {
                                    *key = Some(k);
                                }
                                continue;
                            }
                            k
                        }
                    };
                    let v = self.value(vm)?;
                    t.set(&mut vm.heap, k, v).map_err(|e| e.message())?;
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
        Ok(root)
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
            more::NATIVE_ADDRESS if self.local => Ok(unsafe { &*(self.reader.word()? as *const Native) }),
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
    /// Takes entries from the budget.
    fn pay(&mut self) -> Result<usize, Fault> {
        match usize::try_from(self.reader.number()?) {
            Ok(n) if n <= self.budget => {
                self.budget -= n;
                Ok(n)
            }
            _ => Err("more things are announced than there are bytes"),
        }
    }
    /// The next value; a container is on the stack afterwards, to be filled.
    #[inline]
    fn value(&mut self, vm: &mut Vm) -> Result<Value, Fault> {
        Ok(match self.reader.byte()? {
            more::ATOM if self.local => Value::object(tag::ATOM, self.reader.word()? as *mut Str),
            code::INTEGER => Value::integer(self.reader.signed()?),
            code::NIL => Value::NIL,
            code::FALSE => Value::FALSE,
            code::TRUE => Value::TRUE,
            code::FLOAT => Value::float(f64::from_bits(self.reader.word()?)),
            code::PID => Value::pid(Pid::from_bits(self.reader.word()?)),
            c => self.other(vm, c)?,
        })
    }
    fn other(&mut self, vm: &mut Vm, c: u8) -> Result<Value, Fault> {
        Ok(match c {
            more::STRING => {
                let text = self.reader.text()?;
                let atom = if self.local || text.len() <= 1 { None } else { find_atom(text) };
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
            more::TABLE => self.table(vm, None)?,
            more::CLASS => {
                let name = self.reader.text()?;
                let key = vm.heap.string(name);
                match classes(vm).and_then(|c| c.get(key).as_table()) {
                    Some(m) => self.table(vm, Some(m))?,
                    None if !self.strict => self.table(vm, None)?,
                    None => {
                        self.error = Some(DecodeError::UnknownClass(String::from_utf8_lossy(name).into_owned()));
                        return Err("class");
                    }
                }
            }
            more::CLOSURE => {
                let module = self.reader.count_below(self.modules.len())?;
                let index = self.reader.number32()?;
                if !std::mem::replace(&mut self.kept, true) {
                    for m in self.modules {
                        vm.heap.keep_module(m);
                    }
                }
                let proto = self.modules[module].proto(index as usize).ok_or("no such prototype")?;
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
        self.d.stack.push(Fill::Table { t, at: 0, array, fields, key: None });
        Ok(Value::table(t))
    }
}
