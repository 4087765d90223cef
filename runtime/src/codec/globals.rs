//! The globals that functions name: what a function takes along to another node, besides its upvalues.
//!
//! Journey: spawn elsewhere -> **names -> values** -> message. A walk over all that a value reaches; each function's code
//! is searched for reads of a global by a constant name, and what such a name stands for is walked in turn. The library
//! is everywhere, so what is still the library's stays behind. The reader might expect the code generator to list names
//! beside each prototype: that would be one more thing to verify in code from elsewhere, and is seldom asked for.
//!
//! Always: no recursion on the depth of the data; a global is named once. What a table of globals is asked by a computed
//! name (`_ENV[x]`) is not seen.

use rlua_compiler::opcode::Opcode;
use rlua_machine::value::{Kind, Ref, Table, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::load::Proto;
use std::collections::HashSet;
use std::sync::Arc;

/// Tables of the library, as they are named.
const LIBRARIES: [&[u8]; 9] =
    [b"coroutine", b"table", b"io", b"os", b"string", b"math", b"utf8", b"debug", b"concurrent"];
/// Names that are never taken along: they stand for what a process has of its own.
const OWN: [&[u8]; 3] = [b"_G", b"_VERSION", b"package"];

/// A walk that is done in steps, in whose course nothing that it passes is changed; whoever takes them keeps the value.
pub struct Naming {
    seen: HashSet<u64>,
    waiting: Vec<Value>,
    known: HashSet<Arc<[u8]>>,
    found: Vec<(Arc<[u8]>, Value)>,
}

// SAFETY: it points to objects of one heap, and is moved between threads with that alone (heap/mod.rs, rule 3).
unsafe impl Send for Naming {}

impl Naming {
    /// Of all functions that a value reaches.
    pub fn new(v: Value) -> Naming {
        Naming { seen: HashSet::new(), waiting: vec![v], known: HashSet::new(), found: Vec::new() }
    }
    /// Does so many units of work; true if all is found.
    pub fn step(&mut self, vm: &mut Vm, units: &mut usize) -> bool {
        while let Some(v) = self.waiting.pop() {
            if *units == 0 {
                self.waiting.push(v);
                return false;
            }
            *units = units.saturating_sub(1 + self.visit(vm, v));
        }
        true
    }
    /// The names and what they stand for.
    pub fn found(self) -> Vec<(Arc<[u8]>, Value)> {
        self.found
    }
    /// How much work it was.
    fn visit(&mut self, vm: &mut Vm, v: Value) -> usize {
        let is_new =
            matches!(v.kind(), Kind::Table(_) | Kind::Closure(_) | Kind::NativeClosure(_)) && self.seen.insert(v.bits);
        if !is_new {
            return 0;
        }
        match v.kind() {
            // It becomes that of the receiver, wherever it is met.
            Kind::Table(t) if t == vm.globals() => 0,
            Kind::Table(t) => {
                let before = self.waiting.len();
                let of_interest =
                    |v: &Value| matches!(v.kind(), Kind::Table(_) | Kind::Closure(_) | Kind::NativeClosure(_));
                self.waiting.extend(t.entries().flat_map(|(k, v)| [k, v]).filter(of_interest));
                t.array_part().len() + t.node_count() + self.waiting.len() - before
            }
            Kind::NativeClosure(c) => {
                self.waiting.extend(c.upvalues().iter().map(|u| u.get()));
                c.upvalues().len()
            }
            Kind::Closure(c) => {
                let globals = Value::table(vm.globals());
                let upvalues: Vec<Value> = (0..c.upvalue_count()).map(|i| c.upvalue(i).get()).collect();
                let environments: Vec<u32> =
                    (0..).zip(&upvalues).filter(|(_, v)| v.raw_equals(globals)).map(|(i, _)| i).collect();
                self.waiting.extend(upvalues);
                if environments.is_empty() {
                    return c.upvalue_count();
                }
                let prototypes = c.proto().module().protos();
                let mut work = 0;
                for name in names(prototypes, c.proto().index(), environments, &mut work) {
                    self.name(vm, name);
                }
                work
            }
            _ => 0,
        }
    }
    fn name(&mut self, vm: &mut Vm, name: &[u8]) {
        if self.known.contains(name) {
            return;
        }
        let name: Arc<[u8]> = name.into();
        self.known.insert(name.clone());
        let globals = vm.globals();
        let v = globals.get_field(&mut vm.heap, &name);
        if !v.is_nil() && !is_of_the_library(vm, &name, v) {
            self.found.push((name, v));
            self.waiting.push(v);
        }
    }
}

/// The names by which a function, and those inside it, read the tables of globals that are these upvalues of it.
fn names<'a>(all: &'a [Proto], index: u32, environments: Vec<u32>, work: &mut usize) -> Vec<&'a [u8]> {
    let mut found = Vec::new();
    let mut waiting = vec![(index, environments)];
    while let Some((index, environments)) = waiting.pop() {
        let Some(proto) = all.get(index as usize) else { continue };
        let (p, constant) = (proto.canonical(), |i| proto.text(i));
        *work += p.code.len() / 4;
        // Names past the 256th constant are read from the table in a register, by a key in another.
        let (mut table, mut key) = (None, None);
        for i in &p.code {
            match i.opcode() {
                Opcode::GetTabUp if environments.contains(&i.b()) => found.extend(constant(i.c())),
                Opcode::GetUpval if environments.contains(&i.b()) => table = Some(i.a()),
                Opcode::LoadK => key = Some((i.a(), i.bx())),
                Opcode::GetField if table == Some(i.b()) => found.extend(constant(i.c())),
                Opcode::GetTable if table == Some(i.b()) => {
                    found.extend(key.filter(|k| k.0 == i.c()).and_then(|k| constant(k.1)));
                }
                _ => {}
            }
        }
        for &nested in &p.nested {
            let Some(inner) = all.get(nested as usize) else { continue };
            let passed = |(_, u): &(u32, &rlua_compiler::prototype::UpvalueOrigin)| {
                !u.in_stack && environments.contains(&u32::from(u.index))
            };
            let inherited: Vec<u32> = (0..).zip(&inner.canonical().upvalues).filter(passed).map(|(i, _)| i).collect();
            if !inherited.is_empty() {
                waiting.push((nested, inherited));
            }
        }
    }
    found
}

/// Whether a global is what it was when the process began.
fn is_of_the_library(vm: &mut Vm, name: &[u8], v: Value) -> bool {
    if OWN.contains(&name) {
        return true;
    }
    match v.kind() {
        Kind::Native(n) => n.name.as_bytes() == name,
        Kind::Table(t) => LIBRARIES.contains(&name) && is_unchanged(vm, name, t),
        _ => false,
    }
}
/// Whether a library's table holds what a library has, and nothing else.
fn is_unchanged(vm: &mut Vm, library: &[u8], t: Ref<Table>) -> bool {
    let registry = vm.registry();
    let loaded = registry.get_field(&mut vm.heap, b"_LOADED").as_table();
    if loaded.map(|l| l.get_field(&mut vm.heap, library).as_table()) != Some(Some(t)) {
        return false;
    }
    t.entries().all(|(k, v)| match (k.as_string(), v.kind()) {
        (Some(key), Kind::Native(n)) => n.name.as_bytes() == [library, b".", key.bytes()].concat(),
        (Some(_), Kind::Integer(_) | Kind::Float(_) | Kind::String(_) | Kind::Userdata(_)) => true,
        _ => false,
    })
}
