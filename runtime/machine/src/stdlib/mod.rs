//! The standard library: one file per library (manual, section 6).
//!
//! Journey: frame -> value. Library functions are natives with stable names ([`find_native`]), since a frozen process
//! refers to them by name. What they keep between steps is in their registers; what the libraries keep for a process is
//! in its registry.

pub mod base;
pub mod coroutine;
pub mod debug;
pub mod host;
pub mod io;
pub mod math;
pub mod os;
pub mod package;
pub mod source;
pub mod standalone;
mod state;
pub mod string;
pub mod table;
pub mod text;
pub mod utf8;

pub use crate::vm::access;
pub use state::NativeState;

use crate::value::table::Library;
use crate::value::{Ref, Table, Value};
use crate::vm::load::Literals;
use crate::vm::long;
use crate::vm::native::{self, Native};
use crate::vm::{LoadMode, Vm};
use std::collections::HashMap;
use std::sync::OnceLock;

/// Opens all libraries in a fresh machine. `environment`: whether LUA_PATH counts. `modules`: the names of modules that are
/// there without a file, and what opens them (`package.preload`).
pub fn open(vm: &mut Vm, environment: bool, modules: &[(&str, &'static Native)]) {
    let registry = vm.registry();
    let loaded = vm.heap.table();
    field(vm, registry, "_LOADED", Value::table(loaded));
    let globals = vm.globals();
    base::open(vm);
    field(vm, loaded, "_G", Value::table(globals));
    type Open = fn(&mut Vm) -> Value;
    let libraries: [(&str, Open); 9] = [
        ("package", package::open),
        ("coroutine", coroutine::open),
        ("table", table::open),
        ("io", io::open),
        ("os", os::open),
        ("string", string::open),
        ("math", math::open),
        ("utf8", utf8::open),
        ("debug", debug::open),
    ];
    for (name, open) in libraries {
        let t = open(vm);
        if let Some(t) = t.as_table() {
            t.share(&mut vm.heap, name);
        }
        field(vm, globals, name, t);
        field(vm, loaded, name, t);
        if name == "package" {
            package::preload(vm, modules);
            if environment {
                package::path_from_environment(vm);
            }
        }
        if name == "string"
            && let Some(t) = t.as_table()
        {
            string::metatable(vm, t);
        }
    }
}

/// The library's native with a stable name.
pub fn find_native(name: &str) -> Option<&'static Native> {
    static ALL: OnceLock<HashMap<&'static str, &'static Native>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let lists: [&'static [Native]; 12] = [
            long::NATIVES,
            base::NATIVES,
            coroutine::NATIVES,
            debug::NATIVES,
            io::NATIVES,
            math::NATIVES,
            os::NATIVES,
            package::NATIVES,
            standalone::NATIVES,
            string::NATIVES,
            table::NATIVES,
            utf8::NATIVES,
        ];
        let singles: [&'static Native; 4] =
            [&native::NEXT, &native::IPAIRS_NEXT, &base::RUN_FINALIZERS, &coroutine::WRAPPED];
        lists.into_iter().flatten().chain(singles).map(|n| (n.name, n)).collect()
    });
    all.get(name).copied()
}

/// What makes the libraries of others, once one is asked for that nobody has made.
static MORE: OnceLock<fn()> = OnceLock::new();
/// Says what makes the tables of libraries other than the standard ones, should a process come that has one. The first word counts.
pub fn more_libraries(make: fn()) {
    MORE.get_or_init(|| make);
}
/// The library table of a name, which tables are that nobody has written to.
pub fn find_library(name: &[u8]) -> Option<&'static Library> {
    Library::find(name).or_else(|| {
        static OPENED: OnceLock<()> = OnceLock::new();
        OPENED.get_or_init(|| {
            open(&mut Vm::new(Box::new(()), find_native), false, &[]);
            if let Some(make) = MORE.get() {
                make();
            }
        });
        Library::find(name)
    })
}

/// A table of a library's functions, their names without the prefix.
pub fn library(vm: &mut Vm, natives: &'static [Native], prefix: &str) -> Ref<Table> {
    let t = vm.heap.table_sized(0, natives.len());
    for n in natives {
        if let Some(name) = n.name.strip_prefix(prefix) {
            field(vm, t, name, Value::native(n));
        }
    }
    t
}

/// Sets a field whose name is likely an atom.
pub fn field(vm: &mut Vm, t: Ref<Table>, name: &str, v: Value) {
    let key = vm.heap.atom(name.as_bytes());
    t.set(&mut vm.heap, key, v).expect("a name is a key");
}

/// Source text, or bytecode, past which compiling it is announced as something that takes long: of the order of half a
/// millisecond.
const LONG_TEXT: usize = 8 << 10;
/// Reductions for a byte that is compiled.
const COMPILED: usize = 3;

/// As [`Vm::load`], without holding up others for long: the compiler cannot be interrupted.
fn load_chunk(
    vm: &mut Vm,
    text: &[u8],
    name: &[u8],
    mode: LoadMode,
    literals: Literals,
    env: Value,
) -> Result<Value, Vec<u8>> {
    if text.len() <= LONG_TEXT {
        vm.charge(text.len() * COMPILED);
        return vm.load(text, name, mode, literals, env);
    }
    let reload = vm.reload;
    let module = host::blocking(vm, |_| Vm::compile(text, name, mode, literals, reload))?;
    Ok(vm.load_own(&module, env))
}

/// Two random words: of whoever runs the process, else of the system.
pub(crate) fn random_seed(vm: &mut Vm) -> (u64, u64) {
    use std::hash::{BuildHasher, RandomState};
    match &host::host(vm).outside {
        Some(outside) => (outside.random(), outside.random()),
        None => (RandomState::new().hash_one(0), RandomState::new().hash_one(1)),
    }
}
