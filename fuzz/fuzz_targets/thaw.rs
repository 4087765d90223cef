//! Any bytes are a frozen process or are refused; what thaws runs without harm, collects, freezes and thaws again.
#![no_main]

mod machine;
mod seeds;

use libfuzzer_sys::fuzz_target;
use rlua_machine::stdlib::host;
use rlua_machine::vm::load::Module;
use std::sync::{Arc, OnceLock};

fuzz_target!(init: seeds::write(machine::frozen), |bytes: &[u8]| {
    static MODULES: OnceLock<Vec<Arc<Module>>> = OnceLock::new();
    let modules = MODULES.get_or_init(machine::modules);
    if machine::reaches_out(bytes) {
        return;
    }
    if let Ok(vm) = rlua_runtime::codec::thaw(bytes, host::new(), rlua_runtime::find_native, modules) {
        machine::run(vm);
    }
});
