//! Any text compiles or is refused; what compiles passes the verifier and survives its binary form.
#![no_main]

mod seeds;

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: seeds::write(seeds::scripts), |text: &[u8]| {
    if let Ok(chunk) = rlua_compiler::compile(rlua_compiler::skip_shebang(text), b"=fuzz") {
        let bytes = rlua_compiler::dump(&chunk, false);
        let again = rlua_compiler::undump(&bytes).unwrap_or_else(|e| panic!("compiled code is refused: {e}"));
        assert!(again == chunk, "a chunk differs from itself after its binary form");
        rlua_compiler::undump(&rlua_compiler::dump(&chunk, true)).expect("stripped code passes the verifier");
        rlua_compiler::disassemble(&chunk);
    }
});
