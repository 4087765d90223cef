//! What a spawned process starts with: all that its body and arguments reach, as it is at the spawn.
//!
//! Journey: spawn -> **records** -> the child's heap. A snapshot is the spawner's objects copied once more, with numbers
//! where addresses of its heap were; the child copies them again and puts its own addresses in (thaw.rs). Tables keep their nodes
//! where they lie (hashes go by value and by serial number, and serial numbers are kept), so a table of the library, in
//! which there are only atoms and natives, is a copy of memory. The reader might expect bytes: a snapshot never leaves
//! the runtime, so addresses of atoms, natives and modules may stay in it.
//!
//! What cannot be copied (a coroutine, an open file) becomes a placeholder: a userdata that names it in an error at its
//! first use. Standard streams stay, by their index.
//!
//! Always: a value in a record whose tag has the heap's bit holds the number of a record; both copies are made in steps,
//! and what grows with them grows in small parts. Not here yet: sharing between snapshots, and thawing objects when they are
//! first used.

mod placeholder;
mod thaw;

pub use placeholder::PLACEHOLDER_USED;
pub(super) use placeholder::placeholder_of;
pub use thaw::Thawing;

use super::{ManyNumbers, Numbers, is_file, is_standard_stream};
use rlua_machine::heap::{Header, ObjectKind, value_of};
use rlua_machine::stdlib::NativeState;
use rlua_machine::value::function::{NativeClosure, Upvalue};
use rlua_machine::value::hash::HashKey;
use rlua_machine::value::string::Str;
use rlua_machine::value::table::{Library, Node};
use rlua_machine::value::userdata::{Buffer, Userdata};
use rlua_machine::value::{Closure, Table, Value, tag};
use rlua_machine::vm::Vm;
use rlua_machine::vm::load::{Module, Proto};
use rlua_machine::vm::metamethod::{Event, name_value};
use rlua_machine::vm::native::Native;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// What a new process starts from. Immutable.
pub struct Snapshot {
    records: Records,
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

/// Records in parts: none of them is ever moved, and they can be freed part by part.
#[derive(Default)]
struct Records {
    parts: VecDeque<Vec<Record>>,
    len: usize,
}

impl Records {
    /// Records of a part.
    const PART: usize = 1024;

    fn push(&mut self, r: Record) {
        if self.len.is_multiple_of(Records::PART) {
            // Most snapshots have no more.
            self.parts.push_back(Vec::with_capacity(if self.len == 0 { 64 } else { Records::PART }));
        }
        self.len += 1;
        self.parts.back_mut().expect("there is a part").push(r);
    }
    fn get(&self, i: usize) -> &Record {
        &self.parts[i / Records::PART][i % Records::PART]
    }
    fn get_mut(&mut self, i: usize) -> &mut Record {
        &mut self.parts[i / Records::PART][i % Records::PART]
    }
}

enum Record {
    String(Box<[u8]>),
    Table {
        serial: u32,
        /// nil or a table.
        metatable: Value,
        hash_key: Option<HashKey>,
        last_free: u32,
        border_hint: u32,
        array: Vec<Value>,
        nodes: Vec<Node>,
        /// Whether a value or key in it is a record.
        refers: bool,
    },
    /// A table of the library that nobody has written to.
    Library {
        serial: u32,
        metatable: Value,
        library: &'static Library,
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
        write!(f, "Snapshot({} objects)", self.records.len)
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
        self.records.len
    }
}

struct Taker {
    numbers: ManyNumbers,
    objects: Vec<*mut Header>,
    modules: Vec<*const Module>,
    /// Places of modules in that list, by their addresses.
    module_places: Numbers,
    /// The table that was taken last is large: its parts are still to be copied.
    large: bool,
    /// The table that was translated last has dead keys.
    dead_keys: bool,
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
        match self.numbers.insert(o as u64, next) {
            Err(known) => known,
            Ok(()) => {
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
                (refers, self.dead_keys) = (true, true);
            } else if (k.tag | v.tag) & tag::KEEPS_BITS != 0 {
                let k = self.value(k);
                (n.key_tag, n.key_bits) = (k.tag as u8, k.bits);
                n.set_value(self.value(v));
                refers = true;
            } else if k.tag == tag::DEAD_KEY {
                (refers, self.dead_keys) = (true, true);
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
                    if let Some(library) = t.library() {
                        return Record::Library { serial, metatable, library };
                    }
                    let (slots, node_count) = (t.array_part().len(), t.node_count());
                    let (mut array, mut nodes) = (Vec::with_capacity(slots), Vec::with_capacity(node_count));
                    let mut refers = false;
                    // SAFETY: a metatable that is set is live as long as its table.
                    let mode = t.metatable.get().as_ref().map_or(Value::NIL, |m| m.get(name_value(Event::Mode)));
                    self.at_once |= !mode.is_nil();
                    if slots + node_count > PIECE {
                        self.large = true;
                    } else {
                        array.extend_from_slice(t.array_part());
                        nodes.extend_from_slice(t.node_part());
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

/// What a function and its arguments reach, and the globals and the registry, taken in steps for a process that will begin
/// with them. In the course of that nothing that it takes is changed; whoever takes the steps keeps the body and the
/// arguments.
pub struct Capture {
    taker: Taker,
    records: Records,
    /// Slots and nodes of the last record that are copied, if it is a large table.
    translated: Option<usize>,
    /// Records of tables that have dead keys, and how many of the first one's nodes were looked at.
    with_dead_keys: Vec<u32>,
    looked_at: usize,
    /// What has a finalizer, by address, latest marked first, once it is asked for; how many of them were looked at.
    listed: Option<Vec<u64>>,
    finalizable: Vec<Value>,
    modules: Vec<Arc<Module>>,
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
            numbers: ManyNumbers::default(),
            objects: Vec::new(),
            modules: Vec::new(),
            module_places: Numbers::default(),
            large: false,
            dead_keys: false,
            at_once: false,
        };
        t.number(vm.globals().as_ptr().cast());
        t.number(vm.registry().as_ptr().cast());
        let string_metatable = t.table_or_nil(vm.string_metatable);
        let type_metatables = vm.type_metatables.map(|m| t.table_or_nil(m));
        let body = t.value(body);
        let arguments = arguments.iter().map(|&v| t.value(v)).collect();
        Capture {
            taker: t,
            records: Records::default(),
            translated: None,
            with_dead_keys: Vec::new(),
            looked_at: 0,
            listed: None,
            finalizable: Vec::new(),
            modules: Vec::new(),
            body,
            arguments,
            string_metatable,
            type_metatables,
        }
    }
    /// Does so many units of work, one for an object or a slot; the snapshot, if it is whole.
    pub fn step(&mut self, vm: &mut Vm, units: &mut usize) -> Option<Snapshot> {
        let is_whole = self.take(units)
            && self.settle_dead_keys(units)
            && self.look_at_finalizable(vm, units)
            && self.keep_modules(vm, units);
        is_whole.then(|| Snapshot {
            records: std::mem::take(&mut self.records),
            modules: std::mem::take(&mut self.modules),
            body: self.body,
            arguments: std::mem::take(&mut self.arguments),
            string_metatable: self.string_metatable,
            type_metatables: self.type_metatables,
            serials: vm.heap.serial_counter(),
            finalizable: std::mem::take(&mut self.finalizable).into(),
        })
    }
    /// Takes objects; true if all are taken.
    fn take(&mut self, units: &mut usize) -> bool {
        let t = &mut self.taker;
        while self.records.len < t.objects.len() || self.translated.is_some() {
            if *units == 0 && !t.at_once {
                return false;
            }
            let last = self.records.len.wrapping_sub(1);
            if let Some(at) = self.translated {
                let Record::Table { array, nodes, refers, .. } = self.records.get_mut(last) else {
                    unreachable!("only tables are large")
                };
                // SAFETY: as below.
                let table = unsafe { &*t.objects[last].cast::<Table>() };
                let slots = table.array_part();
                let end = (at + PIECE).min(slots.len() + table.node_count());
                let (from_slot, from_node) = (at.min(slots.len()), at.saturating_sub(slots.len()));
                let (to_slot, to_node) = (end.min(slots.len()), end.saturating_sub(slots.len()));
                array.extend_from_slice(&slots[from_slot..to_slot]);
                nodes.extend_from_slice(&table.node_part()[from_node..to_node]);
                *refers |= t.translate_array(&mut array[from_slot..]);
                *refers |= t.translate_nodes(&mut nodes[from_node..]);
                self.translated = (end < slots.len() + table.node_count()).then_some(end);
                *units = units.saturating_sub(end - at);
            } else {
                let o = t.objects[self.records.len];
                // SAFETY: reached from roots of this heap, which still reach it: nobody has changed anything on the way, and
                // what a weak table refers to is taken before the next safepoint (heap/mod.rs, rule 1).
                let record = unsafe { t.record(o) };
                *units = units.saturating_sub(record.size());
                self.records.push(record);
                self.translated = std::mem::take(&mut t.large).then_some(0);
            }
            if self.translated.is_none() && std::mem::take(&mut t.dead_keys) {
                self.with_dead_keys.push(self.records.len as u32 - 1);
            }
        }
        true
    }
    /// Gives dead keys their numbers, now that it is known what lives; true if all have theirs.
    fn settle_dead_keys(&mut self, units: &mut usize) -> bool {
        while let Some(&r) = self.with_dead_keys.last() {
            if *units == 0 {
                return false;
            }
            let Record::Table { nodes, .. } = self.records.get_mut(r as usize) else {
                unreachable!("only tables have keys")
            };
            let end = nodes.len().min(self.looked_at + PIECE);
            let piece = &mut nodes[self.looked_at..end];
            *units = units.saturating_sub(piece.len());
            for n in piece.iter_mut().filter(|n| n.key_tag as u64 == tag::DEAD_KEY) {
                n.key_bits = self.taker.numbers.get(n.key_bits).map_or(u64::MAX, |n| n as u64);
            }
            self.looked_at = end;
            if end == nodes.len() {
                self.with_dead_keys.pop();
                self.looked_at = 0;
            }
        }
        true
    }
    /// Finds what is to be finalized among the objects; true if all was looked at. What the collector finds dead meanwhile
    /// is none of them.
    fn look_at_finalizable(&mut self, vm: &Vm, units: &mut usize) -> bool {
        let listed = self.listed.get_or_insert_with(|| {
            let mut listed = vm.heap.finalizable_addresses();
            listed.reverse();
            listed
        });
        while let Some(address) = listed.pop() {
            if let Some(n) = self.taker.numbers.get(address) {
                let o = self.taker.objects[n as usize];
                // SAFETY: as in `take`: the objects are live.
                let v = unsafe { value_of(o) };
                // A standard stream is the runtime's: no process is the one to finalize it.
                let stream = v.as_userdata().is_some_and(|u| is_standard_stream(&u));
                let copied = !matches!(self.records.get(n as usize), Record::Placeholder { .. });
                if copied && !stream {
                    self.finalizable.push(Value { tag: v.tag, bits: n as u64 });
                }
            }
            *units = units.saturating_sub(1);
            if *units == 0 {
                return false;
            }
        }
        true
    }
    /// Keeps the modules of the functions; true if all are kept.
    fn keep_modules(&mut self, vm: &Vm, units: &mut usize) -> bool {
        while self.modules.len() < self.taker.modules.len() {
            if *units == 0 {
                return false;
            }
            *units -= 1;
            let kept = vm.heap.module_at(self.taker.modules[self.modules.len()]);
            self.modules.push(kept.expect("a heap keeps the modules of its functions").clone());
        }
        true
    }
}
