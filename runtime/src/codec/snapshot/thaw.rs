//! A snapshot's contents, made in a fresh machine.
//!
//! Journey: spawn -> records -> **the child's heap**. Mostly little is made: tables are filled when they are first used
//! (image.rs). What has to be thawed as a whole: first all objects are made, empty; then they are filled, so that each
//! may refer to any other. Both in steps: the machine runs nothing before the last one, so nothing is collected meanwhile.

use super::placeholder::placeholder;
use super::version::View;
use super::{Arguments, GLOBALS, PIECE, REGISTRY, Record, Records, Snapshot};
use rlua_machine::heap::Header;
use rlua_machine::value::function::{NativeClosure, Upvalue};
use rlua_machine::value::table::Node;
use rlua_machine::value::{Ref, Table, Value, tag};
use rlua_machine::vm::Vm;

/// A process that is being made of a snapshot, part of which is gone when it is made.
pub struct Thawing {
    snapshot: Snapshot,
    stage: Stage,
}

enum Stage {
    /// Nothing is made.
    New,
    /// Tables are filled when they are first used.
    Lazy,
    /// All is made.
    Whole(Box<Whole>),
}

/// What was made of a snapshot that is thawed as a whole.
#[derive(Default)]
struct Whole {
    /// By number; empty as long as they are not filled.
    objects: Vec<Value>,
    /// Records whose objects are filled, and how much of the next one's is.
    filled: usize,
    inside: usize,
    /// A fresh machine's own tables are used if they are as empty as they should be.
    own: Option<[Ref<Table>; 2]>,
    /// Objects with finalizers that are listed.
    listed: usize,
}

// SAFETY: it points to objects of one heap, and is moved between threads with that alone (heap/mod.rs, rule 3).
unsafe impl Send for Thawing {}

impl Thawing {
    /// Begins with a snapshot.
    pub fn new(snapshot: Snapshot) -> Thawing {
        Thawing { snapshot, stage: Stage::New }
    }
    /// Does so many units of work in the machine whose globals and registry these will be; the body and its arguments, if
    /// all is made.
    pub fn step(&mut self, vm: &mut Vm, units: &mut usize) -> Option<(Value, Arguments)> {
        if matches!(self.stage, Stage::New) {
            self.begin(vm, units);
        }
        let s = &mut self.snapshot;
        match &mut self.stage {
            Stage::Whole(whole) => whole.step(s, vm, units),
            _ => vm.heap.complete_lazy(units).then(|| {
                let lazy = vm.heap.lazy().expect("begun");
                let mut arguments = std::mem::take(&mut s.arguments);
                arguments.iter_mut().for_each(|v| *v = lazy.value(*v));
                (lazy.value(s.body), arguments)
            }),
        }
    }
    fn begin(&mut self, vm: &mut Vm, units: &mut usize) {
        let s = &self.snapshot;
        vm.heap.set_serial_counter(vm.heap.serial_counter().max(s.serials));
        let has_empty_roots = vm.has_empty_roots();
        if has_empty_roots && !s.view.is_whole() {
            self.stage = Stage::Lazy;
            vm.begin_lazy(s.view.clone());
            let lazy = vm.heap.lazy().expect("begun");
            let first = (!vm.has_unmade_string_metatable()).then(|| lazy.pointer(s.view.metatables()[0]));
            let has_others = s.view.has_type_metatables();
            let others = has_others.then(|| {
                let [_, others @ ..] = s.view.metatables();
                others.map(|m| lazy.pointer(m))
            });
            lazy.value(s.body);
            for &v in &s.arguments {
                lazy.value(v);
            }
            *units = units.saturating_sub(s.arguments.len());
            if let Some(first) = first {
                vm.set_string_metatable_pointer(first);
            }
            if let Some(others) = others {
                vm.set_type_metatables(others);
            }
            return;
        }
        let mut whole = Box::<Whole>::default();
        if has_empty_roots {
            vm.make_roots();
            whole.own = Some([vm.globals(), vm.registry()]);
        }
        s.view.each_module(&mut |m| vm.heap.keep_module(m));
        whole.objects = Vec::with_capacity(s.objects());
        self.stage = Stage::Whole(whole);
    }
    /// Frees about so many records of one that will not go on; true if none is left.
    pub fn release(&mut self, mut most: usize) -> bool {
        // Whoever has it, too, frees it.
        let Some(records) = View::own_records(&mut self.snapshot.view) else { return true };
        while let Some(part) = records.parts.pop() {
            if most < part.len() {
                return false;
            }
            most -= part.len();
        }
        true
    }
}

impl Whole {
    fn step(&mut self, s: &mut Snapshot, vm: &mut Vm, units: &mut usize) -> Option<(Value, Arguments)> {
        while self.objects.len() < s.objects() {
            if *units == 0 {
                return None;
            }
            self.make(s, vm, units);
        }
        while self.filled < s.objects() {
            if *units == 0 {
                return None;
            }
            self.fill(s, units);
        }
        // In the order of the list from its end on, as whoever lists them wants them.
        while self.listed < s.view.finalizable().len() {
            if *units == 0 {
                return None;
            }
            let end = s.view.finalizable().len() - self.listed;
            let piece = &s.view.finalizable()[end.saturating_sub(PIECE)..end];
            let listed: Vec<Value> = piece.iter().map(|&v| value(&self.objects, v)).collect();
            let set = vm.heap.set_finalizer_lists(&listed, &[]);
            debug_assert!(set, "the spawner's list has each object once");
            self.listed += listed.len();
            *units = units.saturating_sub(listed.len());
        }
        let objects = &self.objects;
        let roots = [GLOBALS, REGISTRY].map(|n| objects[n].as_table().expect("the first records are tables"));
        vm.set_roots(roots[0], roots[1]);
        let [first, others @ ..] = s.view.metatables().map(|m| pointer(objects, m));
        vm.set_string_metatable_pointer(first);
        vm.set_type_metatables(others);
        Some((value(objects, s.body), s.arguments.iter().map(|&v| value(objects, v)).collect()))
    }
    /// Makes the object of the next record, empty.
    fn make(&mut self, s: &Snapshot, vm: &mut Vm, units: &mut usize) {
        let n = self.objects.len();
        let mut work = 1;
        let v = match &*s.view.head(n as u32) {
            Record::String(bytes) => {
                work += bytes.len() / 64;
                vm.heap.string(bytes)
            }
            Record::Table { hash_key, array, nodes, .. } => {
                let t = match self.own {
                    Some(own) if n <= REGISTRY => own[n],
                    _ => vm.heap.table(),
                };
                if !array.is_empty() || !nodes.is_empty() {
                    work += (array.len() + nodes.len()) / 16;
                    let (array, nodes) = (array.len() as u32, nodes.len() as u32);
                    let resized = match hash_key {
                        None => t.resize(&mut vm.heap, array, nodes),
                        Some(own) => t.resize_keyed(&mut vm.heap, array, nodes, *own),
                    };
                    resized.expect("as large as it was");
                }
                Value::table(t)
            }
            Record::Library { library, .. } => Value::table(Table::of_library(&mut vm.heap, library)),
            Record::Closure { proto, upvalues, .. } => Value::closure(vm.heap.closure(*proto, upvalues.len())),
            Record::NativeClosure { native, upvalues, .. } => {
                Value::native_closure(vm.heap.native_closure(native, upvalues))
            }
            Record::Userdata { resource, .. } => Value::userdata(vm.heap.userdata(*resource, None)),
            Record::Upvalue { .. } => Value::object(tag::UPVALUE, vm.heap.upvalue(Value::NIL).as_ptr()),
            Record::Buffer(state) => Value::buffer(vm.heap.buffer((**state).clone())),
            Record::Placeholder { what, .. } => placeholder(vm, what),
        };
        self.objects.push(v);
        *units = units.saturating_sub(work);
    }
    /// Fills the object of the next record, or a piece of it.
    fn fill(&mut self, s: &mut Snapshot, units: &mut usize) {
        let (objects, o) = (&self.objects[..], self.objects[self.filled]);
        let header = o.bits as *const Header;
        let found = s.view.record(self.filled as u32);
        *units = units.saturating_sub(1);
        match &*found {
            Record::Table { serial, metatable, last_free, border_hint, array, nodes, refers, .. } => {
                let t = o.as_table().expect("made from this record");
                let all = array.len() + nodes.len();
                let end = (self.inside + PIECE).min(all);
                let (middle, from_node) = (end.min(array.len()), self.inside.saturating_sub(array.len()));
                let from_slot = self.inside.min(middle);
                let slots = &array[from_slot..middle];
                if *refers {
                    t.put_slots(from_slot, slots.iter().map(|&v| value(objects, v)));
                } else {
                    t.put_slots(from_slot, slots.iter().copied());
                }
                let nodes = &nodes[from_node..end.saturating_sub(array.len()).max(from_node)];
                t.put_nodes(from_node, nodes);
                if *refers {
                    refer_nodes(&t, from_node, nodes, objects);
                }
                *units = units.saturating_sub((end - self.inside) / 2);
                self.inside = end;
                if end < all {
                    return;
                }
                t.set_last_free(*last_free);
                t.border_hint.set(*border_hint);
                t.metatable.set(pointer(objects, *metatable));
                t.header.serial.set(*serial);
            }
            Record::Library { serial, metatable, .. } => {
                let t = o.as_table().expect("made from this record");
                t.metatable.set(pointer(objects, *metatable));
                t.header.serial.set(*serial);
            }
            Record::Closure { serial, upvalues, .. } => {
                let c = o.as_closure().expect("made from this record");
                for (i, &u) in upvalues.iter().enumerate() {
                    // SAFETY: a closure's upvalues are upvalues.
                    c.set_upvalue(i, unsafe { Ref::new(objects[u as usize].bits as *mut Upvalue) });
                }
                c.header.serial.set(*serial);
            }
            Record::NativeClosure { serial, upvalues, .. } => {
                // SAFETY: made from this record, as are the next ones.
                let c = unsafe { &*(o.bits as *const NativeClosure) };
                for (to, &v) in c.upvalues().iter().zip(upvalues) {
                    to.set(value(objects, v));
                }
                c.header.serial.set(*serial);
            }
            Record::Userdata { serial, metatable, user_value, .. } => {
                let u = o.as_userdata().expect("made from this record");
                u.metatable.set(pointer(objects, *metatable));
                u.user_value.set(value(objects, *user_value));
                u.header.serial.set(*serial);
            }
            // SAFETY: made from a record of this kind.
            Record::Upvalue { serial, value: v } => unsafe {
                (*(o.bits as *const Upvalue)).set(value(objects, *v));
                (*header).serial.set(*serial);
            },
            // SAFETY: as above.
            Record::Placeholder { serial, .. } => unsafe { (*header).serial.set(*serial) },
            Record::String(_) | Record::Buffer(_) => {}
        }
        (self.filled, self.inside) = (self.filled + 1, 0);
        if self.filled.is_multiple_of(Records::PART) {
            // Nobody looks at its records any more.
            if s.view.is_whole()
                && let Some(records) = View::own_records(&mut s.view)
            {
                records.parts[self.filled / Records::PART - 1] = Vec::new();
            }
        }
    }
}

/// A record's value as one of the heap.
#[inline(always)]
fn value(objects: &[Value], v: Value) -> Value {
    if v.tag & tag::HEAP_BIT != 0 { objects[v.bits as usize] } else { v }
}
fn pointer(objects: &[Value], v: Value) -> *mut Table {
    value(objects, v).as_table().map_or(std::ptr::null_mut(), Ref::as_ptr)
}
/// Puts objects where nodes, which lie in the table already, refer to them.
fn refer_nodes(t: &Table, from: usize, nodes: &[Node], objects: &[Value]) {
    for (i, n) in nodes.iter().enumerate() {
        let (k, v) = (n.key(), n.value());
        if (k.tag | v.tag) & tag::HEAP_BIT == 0 && k.tag != tag::DEAD_KEY {
            continue;
        }
        let mut n = *n;
        if k.tag == tag::DEAD_KEY {
            n.key_bits = objects.get(k.bits as usize).map_or(0, |o| o.bits);
        } else {
            let k = value(objects, k);
            (n.key_tag, n.key_bits) = (k.tag as u8, k.bits);
        }
        n.set_value(value(objects, v));
        t.put_node(from + i, n);
    }
}
