//! Any bytes load as bytecode or are refused; what loads runs without harm, collects, freezes and thaws.
#![no_main]

mod machine;
mod seeds;

use libfuzzer_sys::fuzz_target;
use rlua_machine::value::Value;
use rlua_machine::vm::load::{Literals, Module};

fuzz_target!(init: seeds::write(seeds::bytecode), |bytes: &[u8]| {
    let Ok(chunk) = rlua_compiler::undump(bytes) else { return };
    let again = rlua_compiler::dump(&chunk, false);
    assert!(rlua_compiler::undump(&again).expect("a verified chunk verifies") == chunk);
    let mut vm = machine::machine();
    let module = Module::new(chunk, Literals::Owned);
    let env = Value::table(vm.globals());
    let f = vm.load_module(&module, env);
    vm.start(f, &[]);
    machine::run(vm);
});
