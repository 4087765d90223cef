//! Modules of the library that are Lua.
//!
//! Journey: name -> **module** -> closure. `require` finds them by the names of the natives that open them, without an entry in
//! `package.preload`; a module is compiled when the first process of the OS process needs it.

use rlua_machine::value::Value;
use rlua_machine::vm::load::{Literals, Module};
use rlua_machine::vm::native::{Native, Result, Step};
use rlua_machine::vm::{LoadMode, Vm};
use std::sync::{Arc, OnceLock};

/// The text of a module, and its code once some process has needed it.
pub(crate) struct Chunk {
    /// The module's name.
    pub name: &'static str,
    text: &'static str,
    /// What it is called with.
    pub given: &'static [Native],
    module: OnceLock<Arc<Module>>,
}

impl Chunk {
    /// The module of this name and text.
    pub const fn new(name: &'static str, text: &'static str) -> Chunk {
        Chunk::with(name, text, &[])
    }
    /// As [`Chunk::new`]; its chunk is called with these.
    pub const fn with(name: &'static str, text: &'static str, given: &'static [Native]) -> Chunk {
        Chunk { name, text, given, module: OnceLock::new() }
    }
}

/// Runs a module's chunk, which returns its table. State 1: it has.
pub(crate) fn open_chunk(vm: &mut Vm, state: u32, chunk: &'static Chunk) -> Result<Step> {
    if state != 0 {
        return Ok(Step::Return(1));
    }
    let module = chunk.module.get_or_init(|| {
        let name = [b"=", chunk.name.as_bytes()].concat();
        let compiled = Vm::compile(chunk.text.as_bytes(), &name, LoadMode::Text, Literals::Atoms, false);
        compiled.unwrap_or_else(|e| panic!("a part of this program compiles: {}", String::from_utf8_lossy(&e)))
    });
    let globals = Value::table(vm.globals());
    let main = vm.load_module(module, globals);
    vm.truncate(0);
    vm.push(main);
    chunk.given.iter().for_each(|n| vm.push(Value::native(n)));
    Ok(Step::Call { function: 0, results: 1, next: 1, catch: false })
}
