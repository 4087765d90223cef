//! Messages and spawn snapshots: a value and what it reaches, as bytes that another heap of this runtime reads.
//!
//! Journey: message: send -> **encode** -> mailbox -> receive -> **decode**. Contents, not layouts: a table is its
//! entries. Atoms and natives go by address, since these bytes never leave the OS process; modules go beside the bytes.
//! A snapshot is the same with metatables, and with the globals and the registry as further roots; what cannot be
//! copied becomes a placeholder there, and is an error in a message, with the path to it.
//!
//! Always: no recursion: an object is named where it is first met and its contents follow in the order of meeting;
//! references met again are numbers, so cycles and shared references come out as they were.

use crate::stdlib;
use crate::value::{Closure, Kind, Pid, Ref, Table, Value, tag};
use crate::vm::Vm;
use crate::vm::load::Module;
use crate::vm::native::{Native, Result as NativeResult};
use std::collections::HashMap;
use std::sync::Arc;

/// A value on its way to another process.
#[derive(Clone, Debug)]
pub enum Message {
    /// A value without a heap: nil, a boolean, a number, a pid, a native function, an atom.
    Small(Small),
    /// Anything else.
    Graph(Arc<Graph>),
    /// What the system tells: `{ signal = name, from = pid, reason = reason }`.
    System(Arc<(&'static [u8], Pid, Message)>),
}

/// A value that needs no heap.
#[derive(Clone, Copy, Debug)]
pub struct Small(Value);

// SAFETY: made of values whose payload is no pointer, or one to what is immutable and never freed (atoms, natives).
unsafe impl Send for Small {}
// SAFETY: as above.
unsafe impl Sync for Small {}

/// Encoded bytes and the modules that they name.
#[derive(Debug)]
pub struct Graph {
    bytes: Box<[u8]>,
    modules: Vec<Arc<Module>>,
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "module {}", String::from_utf8_lossy(&self.chunk().name))
    }
}

/// Why a value cannot be sent.
#[derive(Debug, Clone)]
pub struct NotSendable(String);

impl std::fmt::Display for NotSendable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a new process starts from.
#[derive(Debug)]
pub struct Snapshot(Graph);

/// Field of the registry that maps names to metatables and metatables to names (`concurrent.metatable`).
const METATABLES: &str = "concurrent.metatables";

mod code {
    pub const NIL: u8 = 0;
    pub const FALSE: u8 = 1;
    pub const TRUE: u8 = 2;
    pub const INTEGER: u8 = 3;
    pub const FLOAT: u8 = 4;
    pub const NATIVE: u8 = 5;
    pub const PID: u8 = 6;
    pub const ATOM: u8 = 7;
    pub const STRING: u8 = 8;
    /// An object met before, by its number.
    pub const AGAIN: u8 = 9;
    pub const TABLE: u8 = 10;
    pub const CLOSURE: u8 = 11;
    pub const NATIVE_CLOSURE: u8 = 12;
    pub const UPVALUE: u8 = 13;
    /// The receiver's globals.
    pub const GLOBALS: u8 = 14;
    /// A standard stream, by its index.
    pub const STREAM: u8 = 15;
    /// What cannot be copied, by its name.
    pub const PLACEHOLDER: u8 = 16;
    /// Ends a table's entries.
    pub const END: u8 = 17;
    pub const FIELD: u8 = 18;
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Message,
    Snapshot,
}

/// Numbers of objects by address: a list while there are few.
#[derive(Default)]
struct Numbers {
    list: Vec<u64>,
    map: HashMap<u64, u32>,
}
impl Numbers {
    fn find(&self, address: u64) -> Option<u32> {
        if self.map.is_empty() {
            return self.list.iter().position(|&a| a == address).map(|i| i as u32);
        }
        self.map.get(&address).copied()
    }
    fn add(&mut self, address: u64) -> u32 {
        let n = self.list.len() as u32;
        self.list.push(address);
        if n >= 8 {
            if self.map.is_empty() {
                self.map = self.list.iter().enumerate().map(|(i, &a)| (a, i as u32)).collect();
            }
            self.map.insert(address, n);
        }
        n
    }
}

struct Encoder<'v> {
    vm: &'v mut Vm,
    out: Vec<u8>,
    mode: Mode,
    numbers: Numbers,
    /// Objects whose contents are still to be written.
    queue: Vec<Value>,
    next: usize,
    modules: Vec<Arc<Module>>,
    /// For messages: the object in whose contents each was met, and the key there.
    parents: Vec<(u32, Value)>,
    at: (u32, Value),
}

impl Encoder<'_> {
    fn new(vm: &mut Vm, mode: Mode) -> Encoder<'_> {
        Encoder {
            vm,
            out: Vec::with_capacity(64),
            mode,
            numbers: Numbers::default(),
            queue: Vec::new(),
            next: 0,
            modules: Vec::new(),
            parents: Vec::new(),
            at: (u32::MAX, Value::NIL),
        }
    }
    fn word(&mut self, n: u64) {
        self.out.extend_from_slice(&n.to_le_bytes());
    }
    fn number(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.out.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.out.push(n as u8);
    }
    fn text(&mut self, s: &[u8]) {
        self.number(s.len() as u64);
        self.out.extend_from_slice(s);
    }
    fn value(&mut self, v: Value) -> Result<(), NotSendable> {
        match v.kind() {
            Kind::Nil => self.out.push(code::NIL),
            Kind::Boolean(b) => self.out.push(code::FALSE + b as u8),
            Kind::Integer(n) => {
                self.out.push(code::INTEGER);
                self.number((n << 1 ^ n >> 63) as u64);
            }
            Kind::Float(n) => {
                self.out.push(code::FLOAT);
                self.word(n.to_bits());
            }
            Kind::Native(_) => {
                self.out.push(code::NATIVE);
                self.word(v.bits);
            }
            Kind::Pid(pid) => {
                self.out.push(code::PID);
                self.number(pid.0);
            }
            Kind::String(s) => {
                if v.tag == tag::ATOM {
                    self.out.push(code::ATOM);
                    self.word(v.bits);
                } else {
                    self.out.push(code::STRING);
                    self.text(s.bytes());
                }
            }
            Kind::Table(t) => {
                if self.mode == Mode::Message && t == self.vm.globals() {
                    self.out.push(code::GLOBALS);
                    return Ok(());
                }
                self.object(v, code::TABLE);
            }
            Kind::Closure(c) => {
                if self.object(v, code::CLOSURE) {
                    let module = self.module_of(c);
                    self.number(module as u64);
                    self.number(c.proto().index() as u64);
                }
            }
            Kind::NativeClosure(c) => {
                if self.object(v, code::NATIVE_CLOSURE) {
                    self.word(std::ptr::from_ref(c.native()) as u64);
                    self.number(c.upvalues().len() as u64);
                }
            }
            Kind::Userdata(u) => {
                let index = u.resource.get();
                if index < 3 {
                    self.out.push(code::STREAM);
                    self.number(index);
                    return Ok(());
                }
                return self.cannot("an open file");
            }
            Kind::Thread(_) => return self.cannot("a coroutine"),
            Kind::Buffer(_) => self.out.push(code::NIL),
        }
        Ok(())
    }
    fn cannot(&mut self, what: &str) -> Result<(), NotSendable> {
        if self.mode == Mode::Snapshot {
            self.out.push(code::PLACEHOLDER);
            self.text(what.as_bytes());
            return Ok(());
        }
        Err(NotSendable(format!("cannot send {what} (at {})", self.path())))
    }
    /// Where in the message the value is that is being written.
    fn path(&mut self) -> String {
        let mut keys = Vec::new();
        let mut at = self.at;
        while at.0 != u32::MAX {
            keys.push(at.1);
            at = self.parents[at.0 as usize];
        }
        let mut text = "message".to_string();
        for key in keys.into_iter().rev() {
            match key.kind() {
                Kind::String(s) => {
                    let s = String::from_utf8_lossy(s.bytes()).into_owned();
                    let name = s.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
                        && s.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                    if name {
                        text.push('.');
                        text.push_str(&s);
                    } else {
                        text.push_str(&format!("[{s:?}]"));
                    }
                }
                _ => {
                    let shown = stdlib::string::basic_text(self.vm, key);
                    text.push_str(&format!("[{}]", String::from_utf8_lossy(&shown)));
                }
            }
        }
        text
    }
    /// Writes a reference; true if the object is met for the first time.
    fn object(&mut self, v: Value, first: u8) -> bool {
        if let Some(n) = self.numbers.find(v.bits) {
            self.out.push(code::AGAIN);
            self.number(n as u64);
            return false;
        }
        self.numbers.add(v.bits);
        self.queue.push(v);
        self.parents.push(self.at);
        self.out.push(first);
        true
    }
    fn module_of(&mut self, c: Ref<Closure>) -> usize {
        let pointer = std::ptr::from_ref(c.proto().module());
        if let Some(i) = self.modules.iter().position(|m| std::ptr::eq(Arc::as_ptr(m), pointer)) {
            return i;
        }
        let found = self.vm.heap.modules().iter().find(|m| std::ptr::eq(Arc::as_ptr(m), pointer)).cloned();
        self.modules.push(found.expect("a closure's module is kept by its heap"));
        self.modules.len() - 1
    }
    /// Writes the contents of all objects met, in the order of meeting.
    fn contents(&mut self) -> Result<(), NotSendable> {
        while self.next < self.queue.len() {
            let v = self.queue[self.next];
            let number = self.next as u32;
            self.next += 1;
            match v.tag {
                tag::UPVALUE => {
                    self.at = self.parents[number as usize];
                    // SAFETY: a queued upvalue is a live object of this heap.
                    let inner = unsafe { (*(v.bits as *const crate::value::Upvalue)).get() };
                    self.value(inner)?;
                }
                _ => match v.kind() {
                    Kind::Table(t) => self.table(t, number)?,
                    Kind::Closure(c) => {
                        let names = &c.proto().canonical().upvalues;
                        for i in 0..c.upvalue_count() {
                            let name = names.get(i).map_or(Vec::new(), |u| u.name.to_vec());
                            let key = self.vm.heap.string(&name);
                            self.at = (number, key);
                            let u = c.upvalue(i);
                            self.object(Value::object(tag::UPVALUE, u.as_ptr()), code::UPVALUE);
                        }
                    }
                    Kind::NativeClosure(c) => {
                        for (i, u) in c.upvalues().iter().enumerate() {
                            self.at = (number, Value::integer(i as i64 + 1));
                            self.value(u.get())?;
                        }
                    }
                    _ => unreachable!("no other object has contents"),
                },
            }
        }
        Ok(())
    }
    fn table(&mut self, t: Ref<Table>, number: u32) -> Result<(), NotSendable> {
        match (t.metatable(), self.mode) {
            (None, _) => self.out.push(code::NIL),
            (Some(m), Mode::Snapshot) => self.value(Value::table(m))?,
            (Some(m), Mode::Message) => match registered_name(self.vm, m) {
                Some(name) => self.value(name)?,
                None => {
                    self.at = self.parents[number as usize];
                    let path = self.path();
                    return Err(NotSendable(format!(
                        "cannot send a table with a metatable (at {path}); register it with concurrent.metatable"
                    )));
                }
            },
        }
        let asize = t.asize.get();
        let mut used = asize as i64;
        while used > 0 && t.get_integer(used).is_nil() {
            used -= 1;
        }
        self.number(used as u64);
        for i in 1..=used {
            self.at = (number, Value::integer(i));
            let v = t.get_integer(i);
            self.value(v)?;
        }
        // How many fields there are, so that the reader makes room for them at once.
        let fields = t.entries().filter(|(k, _)| k.as_integer().is_none_or(|i| i < 1 || i > used)).count();
        self.number(fields as u64);
        let mut position = 0;
        while let Some((next, k, v)) = t.entry_from(position) {
            position = next;
            if k.as_integer().is_some_and(|i| i >= 1 && i <= used) {
                continue;
            }
            self.at = (number, k);
            self.out.push(code::FIELD);
            self.value(k)?;
            self.value(v)?;
        }
        self.out.push(code::END);
        Ok(())
    }
    fn finish(self) -> Graph {
        Graph { bytes: self.out.into_boxed_slice(), modules: self.modules }
    }
}

struct Decoder<'v, 'b> {
    vm: &'v mut Vm,
    bytes: &'b [u8],
    at: usize,
    modules: &'b [Arc<Module>],
    objects: Vec<Value>,
    next: usize,
}

/// Bytes made here are whole: what is missing is our bug.
const WHOLE: &str = "an encoded graph is whole";

impl Decoder<'_, '_> {
    fn byte(&mut self) -> u8 {
        let b = *self.bytes.get(self.at).expect(WHOLE);
        self.at += 1;
        b
    }
    fn word(&mut self) -> u64 {
        let end = self.at + 8;
        let n = u64::from_le_bytes(self.bytes[self.at..end].try_into().expect(WHOLE));
        self.at = end;
        n
    }
    fn number(&mut self) -> u64 {
        let (mut n, mut shift) = (0, 0);
        loop {
            let b = self.byte();
            n |= ((b & 0x7f) as u64) << shift;
            if b < 0x80 {
                return n;
            }
            shift += 7;
        }
    }
    fn text(&mut self) -> &[u8] {
        let n = self.number() as usize;
        let start = self.at;
        self.at += n;
        &self.bytes[start..start + n]
    }
    fn add(&mut self, v: Value) -> Value {
        self.objects.push(v);
        v
    }
    fn value(&mut self) -> Value {
        match self.byte() {
            code::NIL => Value::NIL,
            code::FALSE => Value::FALSE,
            code::TRUE => Value::TRUE,
            code::INTEGER => {
                let n = self.number();
                Value::integer((n >> 1) as i64 ^ -((n & 1) as i64))
            }
            code::FLOAT => Value::float(f64::from_bits(self.word())),
            code::NATIVE => Value { tag: tag::NATIVE, bits: self.word() },
            code::PID => Value::pid(Pid(self.number())),
            code::ATOM => Value { tag: tag::ATOM, bits: self.word() },
            code::STRING => {
                let n = self.number() as usize;
                let text = &self.bytes[self.at..self.at + n];
                self.at += n;
                self.vm.heap.name(text)
            }
            code::AGAIN => {
                let n = self.number() as usize;
                self.objects[n]
            }
            code::TABLE => {
                let t = self.vm.heap.table();
                self.add(Value::table(t))
            }
            code::CLOSURE => {
                let module = self.modules[self.number() as usize].clone();
                let index = self.number() as usize;
                self.vm.heap.keep_module(&module);
                let proto = module.proto(index).expect(WHOLE);
                let count = proto.canonical().upvalues.len();
                let c = self.vm.heap.closure(proto, count);
                self.add(Value::closure(c))
            }
            code::NATIVE_CLOSURE => {
                let native = Value { tag: tag::NATIVE, bits: self.word() };
                let Kind::Native(native) = native.kind() else { unreachable!("{WHOLE}") };
                let count = self.number() as usize;
                let c = self.vm.heap.native_closure(native, &vec![Value::NIL; count]);
                self.add(Value::native_closure(c))
            }
            code::UPVALUE => {
                let u = self.vm.heap.upvalue(Value::NIL);
                self.add(Value::object(tag::UPVALUE, u.as_ptr()))
            }
            code::GLOBALS => Value::table(self.vm.globals()),
            code::STREAM => {
                let index = self.number();
                stdlib::io::stream(self.vm, index)
            }
            code::PLACEHOLDER => {
                let what = self.text().to_vec();
                placeholder(self.vm, &what)
            }
            other => unreachable!("code {other} in an encoded graph"),
        }
    }
    fn contents(&mut self) {
        while self.next < self.objects.len() {
            let v = self.objects[self.next];
            self.next += 1;
            match v.tag {
                tag::UPVALUE => {
                    let inner = self.value();
                    // SAFETY: an upvalue that this decoder made; nothing was collected since.
                    unsafe { (*(v.bits as *const crate::value::Upvalue)).set(inner) };
                }
                tag::CLOSURE => {
                    let c = v.as_closure().expect(WHOLE);
                    for i in 0..c.upvalue_count() {
                        let u = self.value();
                        // SAFETY: as above.
                        c.set_upvalue(i, unsafe { Ref::new(u.bits as *mut crate::value::Upvalue) });
                    }
                }
                tag::NATIVE_CLOSURE => {
                    let Kind::NativeClosure(c) = v.kind() else { unreachable!("{WHOLE}") };
                    for u in c.upvalues() {
                        u.set(self.value());
                    }
                }
                tag::TABLE => self.table(v.as_table().expect(WHOLE)),
                _ => unreachable!("no other object has contents"),
            }
        }
    }
    fn table(&mut self, t: Ref<Table>) {
        let meta = self.value();
        let used = self.number();
        // The array part is made when the first item is there to fill it; each item takes a byte at least.
        assert!(used <= (self.bytes.len() - self.at) as u64, "{WHOLE}");
        if used > 0 {
            t.resize(&mut self.vm.heap, used as u32, 0).expect(WHOLE);
        }
        for i in 1..=used {
            let v = self.value();
            t.set_slot(i as u32, v);
        }
        let fields = self.number();
        assert!(fields <= (self.bytes.len() - self.at) as u64, "{WHOLE}");
        if fields > 0 {
            t.resize(&mut self.vm.heap, used as u32, fields as u32).expect(WHOLE);
        }
        while self.byte() == code::FIELD {
            let k = self.value();
            let v = self.value();
            if !k.is_nil() {
                t.set(&mut self.vm.heap, k, v).expect(WHOLE);
            }
        }
        match meta.kind() {
            Kind::Table(m) => self.vm.set_metatable(t, Some(m)),
            Kind::String(_) => {
                if let Some(m) = registered_metatable(self.vm, meta) {
                    self.vm.set_metatable(t, Some(m));
                }
            }
            _ => {}
        }
    }
}

/// Encodes a value for another process of this runtime.
pub fn encode_message(vm: &mut Vm, v: Value) -> Result<Message, NotSendable> {
    if v.tag & tag::KEEPS_BITS == 0 {
        return Ok(Message::Small(Small(v)));
    }
    let mut e = Encoder::new(vm, Mode::Message);
    e.value(v)?;
    e.contents()?;
    Ok(Message::Graph(Arc::new(e.finish())))
}

/// Makes the value of a message in a heap.
pub fn decode_message(vm: &mut Vm, m: &Message) -> Value {
    match m {
        Message::Small(small) => small.0,
        Message::Graph(g) => {
            let mut d = Decoder { vm, bytes: &g.bytes, at: 0, modules: &g.modules, objects: Vec::new(), next: 0 };
            let v = d.value();
            d.contents();
            v
        }
        Message::System(m) => {
            let (name, from, reason) = &**m;
            // A reason is no system message itself, so this goes one deep.
            let reason = decode_message(vm, reason);
            let t = vm.heap.table_sized(0, 3);
            let name = vm.heap.atom(name);
            for (key, v) in [("signal", name), ("from", Value::pid(*from)), ("reason", reason)] {
                stdlib::field(vm, t, key, v);
            }
            Value::table(t)
        }
    }
}

/// Takes what a function and its arguments reach, for a process that will begin with them.
pub fn snapshot(vm: &mut Vm, body: Value, arguments: &[Value]) -> Snapshot {
    let globals = Value::table(vm.globals());
    let registry = Value::table(vm.registry());
    let strings = vm.string_metatable_value();
    let mut e = Encoder::new(vm, Mode::Snapshot);
    e.number(arguments.len() as u64);
    for &v in [globals, registry, strings, body].iter().chain(arguments) {
        e.value(v).expect("a snapshot has a placeholder for everything");
    }
    e.contents().expect("a snapshot has a placeholder for everything");
    Snapshot(e.finish())
}

/// Makes a snapshot's contents in a fresh machine; the body and its arguments.
pub fn thaw_snapshot(s: &Snapshot, vm: &mut Vm) -> (Value, Vec<Value>) {
    let mut d = Decoder { vm, bytes: &s.0.bytes, at: 0, modules: &s.0.modules, objects: Vec::new(), next: 0 };
    let n = d.number();
    let (globals, registry, strings, body) = (d.value(), d.value(), d.value(), d.value());
    let arguments: Vec<Value> = (0..n).map(|_| d.value()).collect();
    if let (Some(g), Some(r)) = (globals.as_table(), registry.as_table()) {
        d.vm.set_roots(g, r);
    }
    d.vm.set_string_metatable(strings.as_table());
    d.contents();
    (body, arguments)
}

impl Message {
    /// A text.
    pub fn string(text: &[u8]) -> Message {
        match crate::value::string::make_atom(text) {
            Some(a) => Message::Small(Small(Value::object(tag::ATOM, a))),
            None => {
                let mut out = vec![code::STRING];
                let mut n = text.len();
                while n >= 0x80 {
                    out.push(n as u8 | 0x80);
                    n >>= 7;
                }
                out.push(n as u8);
                out.extend_from_slice(text);
                Message::Graph(Arc::new(Graph { bytes: out.into_boxed_slice(), modules: Vec::new() }))
            }
        }
    }
    /// Whether it is this text (of at most 40 bytes).
    pub fn is_string(&self, text: &[u8]) -> bool {
        match self {
            Message::Small(Small(v)) => v.as_string().is_some_and(|s| s.bytes() == text),
            Message::Graph(g) => {
                g.bytes.len() == text.len() + 2 && g.bytes[0] == code::STRING && g.bytes.ends_with(text)
            }
            Message::System(_) => false,
        }
    }
    /// `{ signal = name, from = pid, reason = reason }`.
    pub fn system(name: &'static [u8], from: Pid, reason: Message) -> Message {
        Message::System(Arc::new((name, from, reason)))
    }
    /// Whether it is the system's message of this name about this process.
    pub fn is_system(&self, name: &[u8], about: Pid) -> bool {
        matches!(self, Message::System(m) if m.0 == name && m.1 == about)
    }
}

/// Registers a class for messages: `concurrent.metatable(name, mt)`.
pub fn register_metatable(vm: &mut Vm, name: Value, t: Ref<Table>) {
    let registry = vm.registry();
    let all = match registry.get_field(&mut vm.heap, METATABLES.as_bytes()).as_table() {
        Some(all) => all,
        None => {
            let all = vm.heap.table();
            stdlib::field(vm, registry, METATABLES, Value::table(all));
            all
        }
    };
    for (k, v) in [(name, Value::table(t)), (Value::table(t), name)] {
        vm.raw_set_table(all, k, v).expect("a string and a table are keys");
    }
}
fn registered_name(vm: &mut Vm, t: Ref<Table>) -> Option<Value> {
    let registry = vm.registry();
    let all = registry.get_field(&mut vm.heap, METATABLES.as_bytes()).as_table()?;
    let name = all.get(Value::table(t));
    name.is_string().then_some(name)
}
fn registered_metatable(vm: &mut Vm, name: Value) -> Option<Ref<Table>> {
    let registry = vm.registry();
    let all = registry.get_field(&mut vm.heap, METATABLES.as_bytes()).as_table()?;
    all.get(name).as_table()
}

/// Stands for something that a snapshot cannot hold: every use of it is an error that names it.
fn placeholder(vm: &mut Vm, what: &[u8]) -> Value {
    let text = vm.heap.string(what);
    let f = Value::native_closure(vm.heap.native_closure(&PLACEHOLDER_USED, &[text]));
    let meta = vm.heap.table();
    for event in ["__index", "__newindex", "__call", "__len", "__concat", "__add", "__close", "__pairs"] {
        stdlib::field(vm, meta, event, f);
    }
    let u = vm.heap.userdata(u64::MAX, None);
    vm.set_userdata_metatable(u, Some(meta));
    Value::userdata(u)
}
/// The metamethod of placeholders.
pub static PLACEHOLDER_USED: Native = Native::leaf("concurrent.placeholder", placeholder_used);
fn placeholder_used(vm: &mut Vm) -> NativeResult<Value> {
    let what = vm.native_upvalue(0).as_string().map_or(Vec::new(), |s| s.bytes().to_vec());
    let text = format!("{} of the spawning process cannot be used in the spawned one", String::from_utf8_lossy(&what));
    Err(vm.error(text))
}
