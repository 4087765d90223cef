//! What a spawned process starts with: all that its body and arguments reach, as it is at the spawn.
//!
//! Journey: spawn -> **records** -> the child's heap. A snapshot is the spawner's objects copied once more, with numbers
//! where addresses of its heap were; the child copies them again and puts its own addresses in. Tables keep their nodes
//! where they lie (hashes go by value and by serial number, and serial numbers are kept), so a table of the library, in
//! which there are only atoms and natives, is a copy of memory. The reader might expect bytes: a snapshot never leaves
//! the runtime, so addresses of atoms, natives and modules may stay in it.
//!
//! What cannot be copied (a coroutine, an open file) becomes a placeholder: a userdata that names it in an error at its
//! first use. Standard streams stay, by their index.
//!
//! Always: a value in a record whose tag has the heap's bit holds the number of a record. Not here yet: sharing between
//! snapshots, and thawing objects when they are first used.

use super::{Numbers, is_file, is_standard_stream};
use rlua_machine::heap::{Header, ObjectKind};
use rlua_machine::stdlib::NativeState;
use rlua_machine::value::function::{NativeClosure, Upvalue};
use rlua_machine::value::hash::HashKey;
use rlua_machine::value::string::Str;
use rlua_machine::value::table::Node;
use rlua_machine::value::userdata::{Buffer, Userdata};
use rlua_machine::value::{Closure, Kind, Ref, Table, Value, tag};
use rlua_machine::vm::Vm;
use rlua_machine::vm::load::{Module, Proto};
use rlua_machine::vm::metamethod::{Event, name_value};
use rlua_machine::vm::native::{Native, Result as NativeResult};
use std::fmt;
use std::sync::Arc;

/// What a new process starts from. Immutable; any number of processes can start from it.
pub struct Snapshot {
    records: Vec<Record>,
    modules: Vec<Arc<Module>>,
    body: Value,
    arguments: Box<[Value]>,
    string_metatable: Value,
    type_metatables: [Value; 6],
    /// The spawner's counter of serial numbers.
    serials: u32,
    /// Objects with finalizers, in the order of their list.
    finalizable: Box<[Value]>,
}

// SAFETY: a snapshot is immutable, and what its records point to is atoms and natives (immutable and never freed) and
// prototypes and strings of the modules that it keeps, which are immutable.
unsafe impl Send for Snapshot {}
// SAFETY: as above; there is no cell in a record (`NativeState` is plain data).
unsafe impl Sync for Snapshot {}

/// Slots and nodes that are translated in one go.
const PIECE: usize = 4096;
/// The numbers of the first records.
const GLOBALS: usize = 0;
const REGISTRY: usize = 1;

enum Record {
    String(Box<[u8]>),
    Table {
        serial: u32,
        /// nil or a table.
        metatable: Value,
        hash_key: Option<HashKey>,
        last_free: u32,
        border_hint: u32,
        array: Box<[Value]>,
        nodes: Box<[Node]>,
        /// Whether a value or key in it is a record.
        refers: bool,
    },
    Closure {
        serial: u32,
        proto: *const Proto,
        upvalues: Box<[u32]>,
    },
    NativeClosure {
        serial: u32,
        native: &'static Native,
        upvalues: Box<[Value]>,
    },
    Userdata {
        serial: u32,
        metatable: Value,
        resource: u64,
        user_value: Value,
    },
    Upvalue {
        serial: u32,
        value: Value,
    },
    Buffer(Box<NativeState>),
    /// What cannot be copied.
    Placeholder {
        serial: u32,
        what: &'static [u8],
    },
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({} objects)", self.records.len())
    }
}

impl Record {
    /// What it takes, in values or so.
    fn size(&self) -> usize {
        match self {
            Record::String(bytes) => 1 + bytes.len() / 64,
            Record::Table { array, nodes, .. } => 2 + (array.len() + nodes.len()) / 4,
            Record::Closure { upvalues, .. } => 1 + upvalues.len(),
            Record::NativeClosure { upvalues, .. } => 1 + upvalues.len(),
            _ => 1,
        }
    }
}

impl Snapshot {
    /// How many objects it has.
    pub fn objects(&self) -> usize {
        self.records.len()
    }
}

struct Taker {
    numbers: Numbers,
    objects: Vec<*mut Header>,
    modules: Vec<*const Module>,
    /// Places of modules in that list, by their addresses.
    module_places: Numbers,
    /// The table that was taken last is large, and not translated yet.
    large: bool,
    /// A weak table was taken: what it alone refers to must not go before it is taken, so there are no steps any more.
    at_once: bool,
}

impl Taker {
    /// The value with a number for an address.
    #[inline]
    fn value(&mut self, v: Value) -> Value {
        if v.tag & tag::KEEPS_BITS == 0 {
            return v;
        }
        if v.tag == tag::MODULE_STRING {
            // Stays where it is; its module is kept.
            let s = v.bits as *const Str;
            // SAFETY: a string of a module is live while a value holds it, and its `next` is its module.
            self.keep(unsafe { (*s).header.next.get() } as *const Module);
            return v;
        }
        let bits = self.number(v.bits as *mut Header) as u64;
        // A placeholder is a userdata.
        Value { tag: if v.tag == tag::THREAD { tag::USERDATA } else { v.tag }, bits }
    }
    fn number(&mut self, o: *mut Header) -> u32 {
        let next = self.objects.len() as u32;
        match self.numbers.entry(o as u64) {
            std::collections::hash_map::Entry::Occupied(e) => *e.get(),
            std::collections::hash_map::Entry::Vacant(e) => {
                e.insert(next);
                self.objects.push(o);
                next
            }
        }
    }
    fn keep(&mut self, m: *const Module) {
        let next = self.modules.len() as u32;
        if self.modules.last() != Some(&m) && *self.module_places.entry(m as u64).or_insert(next) == next {
            self.modules.push(m);
        }
    }
    fn table_or_nil(&mut self, t: *mut Table) -> Value {
        if t.is_null() { Value::NIL } else { Value { tag: tag::TABLE, bits: self.number(t.cast()) as u64 } }
    }
    /// Puts numbers for addresses; whether there are any.
    fn translate_array(&mut self, array: &mut [Value]) -> bool {
        let mut refers = false;
        for v in array {
            if v.tag & tag::KEEPS_BITS != 0 {
                *v = self.value(*v);
                refers = true;
            }
        }
        refers
    }
    /// As above; a dead key's address is left, and counts.
    fn translate_nodes(&mut self, nodes: &mut [Node]) -> bool {
        let mut refers = false;
        for n in nodes {
            let (k, v) = (n.key(), n.value());
            if v.is_nil() && k.tag & tag::KEEPS_BITS != 0 {
                // Perhaps nobody else has the key, and then it may be gone.
                n.key_tag = tag::DEAD_KEY as u8;
                refers = true;
            } else if (k.tag | v.tag) & tag::KEEPS_BITS != 0 {
                let k = self.value(k);
                (n.key_tag, n.key_bits) = (k.tag as u8, k.bits);
                n.set_value(self.value(v));
                refers = true;
            } else if k.tag == tag::DEAD_KEY {
                refers = true;
            }
        }
        refers
    }
    unsafe fn record(&mut self, o: *mut Header) -> Record {
        // SAFETY: the caller gives a live object, whose kind says what it is.
        unsafe {
            let serial = (*o).serial.get();
            match (*o).kind {
                ObjectKind::String => Record::String((*o.cast::<Str>()).bytes().into()),
                ObjectKind::Table => {
                    let t = &*o.cast::<Table>();
                    let metatable = self.table_or_nil(t.metatable.get());
                    let mut array: Box<[Value]> = t.array_part().into();
                    let mut nodes: Box<[Node]> = t.node_part().into();
                    let mut refers = false;
                    // SAFETY: a metatable that is set is live as long as its table.
                    let mode = t.metatable.get().as_ref().map_or(Value::NIL, |m| m.get(name_value(Event::Mode)));
                    self.at_once |= !mode.is_nil();
                    if array.len() + nodes.len() > PIECE {
                        self.large = true;
                    } else {
                        refers |= self.translate_array(&mut array);
                        refers |= self.translate_nodes(&mut nodes);
                    }
                    Record::Table {
                        serial,
                        metatable,
                        hash_key: t.hash_key(),
                        last_free: t.last_free(),
                        border_hint: t.border_hint.get(),
                        array,
                        nodes,
                        refers,
                    }
                }
                ObjectKind::Closure => {
                    let c = &*o.cast::<Closure>();
                    self.keep((*c.proto).module);
                    let upvalues = (0..c.count).map(|i| self.number((*c.cells().add(i)).cast())).collect();
                    Record::Closure { serial, proto: c.proto, upvalues }
                }
                ObjectKind::NativeClosure => {
                    let c = &*o.cast::<NativeClosure>();
                    let upvalues = c.upvalues().iter().map(|u| self.value(u.get())).collect();
                    Record::NativeClosure { serial, native: c.native, upvalues }
                }
                ObjectKind::Userdata => {
                    let u = &*o.cast::<Userdata>();
                    // A closed file, or a value of another library, is no resource.
                    let open = u.resource.get() != u64::MAX;
                    if is_file(u) && !is_standard_stream(u) && open {
                        return Record::Placeholder { serial, what: b"an open file" };
                    }
                    let metatable = self.table_or_nil(u.metatable.get());
                    let user_value = self.value(u.user_value.get());
                    Record::Userdata { serial, metatable, resource: u.resource.get(), user_value }
                }
                // An open variable is copied by its value.
                ObjectKind::Upvalue => {
                    let v = (*o.cast::<Upvalue>()).get();
                    Record::Upvalue { serial, value: self.value(v) }
                }
                ObjectKind::Buffer => Record::Buffer(Box::new(NativeState::of(&*o.cast::<Buffer>()).clone())),
                ObjectKind::Thread => Record::Placeholder { serial, what: b"a coroutine" },
            }
        }
    }
}

/// Takes what a function and its arguments reach, and the globals and the registry, for a process that will begin with
/// them.
pub fn snapshot(vm: &mut Vm, body: Value, arguments: &[Value]) -> Snapshot {
    let mut capture = Capture::new(vm, body, arguments);
    loop {
        if let Some(s) = capture.step(vm, &mut { usize::MAX }) {
            return s;
        }
    }
}

/// A snapshot that is taken in steps, in whose course nothing that it takes is changed; whoever takes them keeps the body and
/// the arguments.
pub struct Capture {
    taker: Taker,
    records: Vec<Record>,
    /// Slots and nodes of the last record that are translated, if it is a large table.
    translated: Option<usize>,
    body: Value,
    arguments: Box<[Value]>,
    string_metatable: Value,
    type_metatables: [Value; 6],
}

// SAFETY: it points to objects of one heap, and is moved between threads with that alone (heap/mod.rs, rule 3).
unsafe impl Send for Capture {}

impl Capture {
    /// Begins with the roots.
    pub fn new(vm: &mut Vm, body: Value, arguments: &[Value]) -> Capture {
        let mut t = Taker {
            numbers: Numbers::default(),
            objects: Vec::new(),
            modules: Vec::new(),
            module_places: Numbers::default(),
            large: false,
            at_once: false,
        };
        t.number(vm.globals().as_ptr().cast());
        t.number(vm.registry().as_ptr().cast());
        let string_metatable = t.table_or_nil(vm.string_metatable);
        let type_metatables = vm.type_metatables.map(|m| t.table_or_nil(m));
        let body = t.value(body);
        let arguments = arguments.iter().map(|&v| t.value(v)).collect();
        let records = Vec::with_capacity(64);
        Capture { taker: t, records, translated: None, body, arguments, string_metatable, type_metatables }
    }
    /// Does so many units of work, one for an object or a slot; the snapshot, if it is whole.
    pub fn step(&mut self, vm: &mut Vm, units: &mut usize) -> Option<Snapshot> {
        let t = &mut self.taker;
        while self.records.len() < t.objects.len() || self.translated.is_some() {
            if *units == 0 && !t.at_once {
                return None;
            }
            if let Some(at) = self.translated {
                let Some(Record::Table { array, nodes, refers, .. }) = self.records.last_mut() else {
                    unreachable!("only tables are large")
                };
                let end = (at + PIECE).min(array.len() + nodes.len());
                let (middle, from_node) = (end.min(array.len()), at.saturating_sub(array.len()));
                *refers |= t.translate_array(&mut array[at.min(middle)..middle]);
                *refers |= t.translate_nodes(&mut nodes[from_node..end.saturating_sub(middle).max(from_node)]);
                self.translated = (end < array.len() + nodes.len()).then_some(end);
                *units = units.saturating_sub(end - at);
                continue;
            }
            let o = t.objects[self.records.len()];
            // SAFETY: reached from roots of this heap, which still reach it: nobody has changed anything on the way, and
            // what a weak table refers to is taken before the next safepoint (heap/mod.rs, rule 1).
            let record = unsafe { t.record(o) };
            *units = units.saturating_sub(record.size());
            self.records.push(record);
            self.translated = std::mem::take(&mut t.large).then_some(0);
        }
        Some(self.finish(vm))
    }
    fn finish(&mut self, vm: &mut Vm) -> Snapshot {
        let t = &self.taker;
        let mut records = std::mem::take(&mut self.records);
        // Dead keys, now that it is known what lives.
        for r in &mut records {
            if let Record::Table { nodes, refers: true, .. } = r {
                for n in nodes.iter_mut().filter(|n| n.key_tag as u64 == tag::DEAD_KEY) {
                    n.key_bits = t.numbers.get(&n.key_bits).map_or(u64::MAX, |&n| n as u64);
                }
            }
        }
        let (listed, _) = vm.heap.finalizable_values();
        let finalizable = listed
            .into_iter()
            .filter_map(|v| {
                let bits = *t.numbers.get(&v.bits)? as u64;
                // A standard stream is the runtime's: no process is the one to finalize it.
                let stream = v.as_userdata().is_some_and(|u| is_standard_stream(&u));
                let copied = !matches!(records[bits as usize], Record::Placeholder { .. });
                (copied && !stream).then_some(Value { tag: v.tag, bits })
            })
            .collect();
        let modules = t
            .modules
            .iter()
            .map(|&m| vm.heap.module_at(m).expect("a heap keeps the modules of its functions").clone())
            .collect();
        Snapshot {
            records,
            modules,
            body: self.body,
            arguments: std::mem::take(&mut self.arguments),
            string_metatable: self.string_metatable,
            type_metatables: self.type_metatables,
            serials: vm.heap.serial_counter(),
            finalizable,
        }
    }
}

/// Makes a snapshot's contents in a fresh machine, whose globals and registry they become; the body and its arguments.
pub fn thaw_snapshot(s: &Snapshot, vm: &mut Vm) -> (Value, Vec<Value>) {
    for m in &s.modules {
        vm.heap.keep_module(m);
    }
    vm.heap.set_serial_counter(vm.heap.serial_counter().max(s.serials));
    // A fresh machine's own tables are used if they are as empty as they should be.
    let own = [vm.globals(), vm.registry()];
    let fresh = own[0] != own[1] && own.iter().all(|t| t.asize.get() == 0 && !t.has_nodes() && t.metatable().is_none());
    let mut objects: Vec<Value> = Vec::with_capacity(s.records.len());
    for (n, r) in s.records.iter().enumerate() {
        let v = match r {
            Record::String(bytes) => vm.heap.string(bytes),
            Record::Table { hash_key, array, nodes, .. } => {
                let t = if n <= REGISTRY && fresh { own[n] } else { vm.heap.table() };
                if !array.is_empty() || !nodes.is_empty() {
                    let (array, nodes) = (array.len() as u32, nodes.len() as u32);
                    let resized = match hash_key {
                        None => t.resize(&mut vm.heap, array, nodes),
                        Some(own) => t.resize_keyed(&mut vm.heap, array, nodes, *own),
                    };
                    resized.expect("as large as it was");
                }
                Value::table(t)
            }
            Record::Closure { proto, upvalues, .. } => Value::closure(vm.heap.closure(*proto, upvalues.len())),
            Record::NativeClosure { native, upvalues, .. } => {
                Value::native_closure(vm.heap.native_closure(native, upvalues))
            }
            Record::Userdata { resource, .. } => Value::userdata(vm.heap.userdata(*resource, None)),
            Record::Upvalue { .. } => Value::object(tag::UPVALUE, vm.heap.upvalue(Value::NIL).as_ptr()),
            Record::Buffer(state) => Value::buffer(vm.heap.buffer((**state).clone())),
            Record::Placeholder { what, .. } => placeholder(vm, what),
        };
        objects.push(v);
    }
    let value = |v: Value| if v.tag & tag::HEAP_BIT != 0 { objects[v.bits as usize] } else { v };
    let table = |v: Value| value(v).as_table();
    let pointer = |v: Value| table(v).map_or(std::ptr::null_mut(), Ref::as_ptr);
    for (r, &o) in s.records.iter().zip(&objects) {
        let header = o.bits as *const Header;
        match r {
            Record::Table { serial, metatable, last_free, border_hint, array, nodes, refers, .. } => {
                let t = o.as_table().expect("made above");
                t.fill(array, nodes);
                if *refers {
                    for (i, &v) in array.iter().enumerate() {
                        if v.tag & tag::HEAP_BIT != 0 {
                            t.put_slot(i, value(v));
                        }
                    }
                    for (i, n) in nodes.iter().enumerate() {
                        let (k, v) = (n.key(), n.value());
                        if (k.tag | v.tag) & tag::HEAP_BIT == 0 && k.tag != tag::DEAD_KEY {
                            continue;
                        }
                        let mut n = *n;
                        if k.tag == tag::DEAD_KEY {
                            n.key_bits = objects.get(k.bits as usize).map_or(0, |o| o.bits);
                        } else {
                            let k = value(k);
                            (n.key_tag, n.key_bits) = (k.tag as u8, k.bits);
                        }
                        n.set_value(value(v));
                        t.put_node(i, n);
                    }
                }
                t.set_last_free(*last_free);
                t.border_hint.set(*border_hint);
                t.metatable.set(pointer(*metatable));
                t.header.serial.set(*serial);
            }
            Record::Closure { serial, upvalues, .. } => {
                let c = o.as_closure().expect("made above");
                for (i, &u) in upvalues.iter().enumerate() {
                    // SAFETY: a closure's upvalues are upvalues.
                    c.set_upvalue(i, unsafe { Ref::new(objects[u as usize].bits as *mut Upvalue) });
                }
                c.header.serial.set(*serial);
            }
            Record::NativeClosure { serial, upvalues, .. } => {
                // SAFETY: made above, as are the next ones.
                let c = unsafe { &*(o.bits as *const NativeClosure) };
                for (to, &v) in c.upvalues().iter().zip(upvalues) {
                    to.set(value(v));
                }
                c.header.serial.set(*serial);
            }
            Record::Userdata { serial, metatable, user_value, .. } => {
                let u = o.as_userdata().expect("made above");
                u.metatable.set(pointer(*metatable));
                u.user_value.set(value(*user_value));
                u.header.serial.set(*serial);
            }
            // SAFETY: made above, from a record of this kind.
            Record::Upvalue { serial, value: v } => unsafe {
                (*(o.bits as *const Upvalue)).set(value(*v));
                (*header).serial.set(*serial);
            },
            // SAFETY: made above.
            Record::Placeholder { serial, .. } => unsafe { (*header).serial.set(*serial) },
            Record::String(_) | Record::Buffer(_) => {}
        }
    }
    let roots = [GLOBALS, REGISTRY].map(|n| objects[n].as_table().expect("the first records are tables"));
    vm.set_roots(roots[0], roots[1]);
    vm.string_metatable = pointer(s.string_metatable);
    vm.type_metatables = s.type_metatables.map(pointer);
    if !s.finalizable.is_empty() {
        let listed: Vec<Value> = s.finalizable.iter().map(|&v| value(v)).collect();
        let set = vm.heap.set_finalizer_lists(&listed, &[]);
        debug_assert!(set, "the spawner's list has each object once");
    }
    (value(s.body), s.arguments.iter().map(|&v| value(v)).collect())
}

/// Stands for something that a snapshot cannot hold: every use of it is an error that names it. To be printed is no use.
fn placeholder(vm: &mut Vm, what: &[u8]) -> Value {
    let text = vm.heap.string(what);
    let f = Value::native_closure(vm.heap.native_closure(&PLACEHOLDER_USED, &[text]));
    let meta = vm.heap.table();
    const EVENTS: [&str; 23] = [
        "__index",
        "__newindex",
        "__call",
        "__len",
        "__concat",
        "__add",
        "__sub",
        "__mul",
        "__div",
        "__mod",
        "__pow",
        "__idiv",
        "__band",
        "__bor",
        "__bxor",
        "__shl",
        "__shr",
        "__unm",
        "__bnot",
        "__lt",
        "__le",
        "__close",
        "__pairs",
    ];
    for event in EVENTS {
        rlua_machine::stdlib::field(vm, meta, event, f);
    }
    // `what` has its article, which would read ill in `number expected, got ...`.
    let bare = what.iter().position(|&b| b == b' ').map_or(what, |i| &what[i + 1..]);
    let name = vm.heap.string(&[b"unusable ", bare, SPAWNER].concat());
    rlua_machine::stdlib::field(vm, meta, "__name", name);
    let u = vm.heap.userdata(u64::MAX, None);
    vm.set_userdata_metatable(u, Some(meta));
    Value::userdata(u)
}

/// The metamethod of placeholders; its upvalue names what one stands for.
pub static PLACEHOLDER_USED: Native = Native::leaf("concurrent.placeholder", placeholder_used);

/// Whose it is that a placeholder stands for.
const SPAWNER: &[u8] = b" of the spawning process";

/// What a userdata stands for, if it is a placeholder: `an open file of the spawning process`.
pub(super) fn placeholder_of(u: &Userdata) -> Option<Vec<u8>> {
    // SAFETY: a metatable that is set is live as long as its userdata.
    let meta = unsafe { u.metatable.get().as_ref() }?;
    let Kind::NativeClosure(f) = meta.get(name_value(Event::Call)).kind() else { return None };
    let what = f.upvalues().first()?.get().as_string().filter(|_| std::ptr::eq(f.native(), &PLACEHOLDER_USED))?;
    Some([what.bytes(), SPAWNER].concat())
}

fn placeholder_used(vm: &mut Vm) -> NativeResult<Value> {
    let what = vm.native_upvalue(0).as_string().map_or(b"an object".to_vec(), |s| s.bytes().to_vec());
    let text = [&what[..], SPAWNER, b" cannot be used in the spawned one"].concat();
    Err(vm.error(text))
}
