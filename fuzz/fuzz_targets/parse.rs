//! Any text compiles or is refused; what compiles passes the verifier and survives its binary form. What is refused has
//! errors to show, and the first is the compiler's.
#![no_main]

mod seeds;

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: seeds::write(seeds::scripts), |text: &[u8]| {
    let text = rlua_compiler::skip_shebang(text);
    let compiled = rlua_compiler::compile(text, b"=fuzz");
    let errors = rlua_compiler::check(text, 100);
    match (&compiled, errors.first()) {
        (Ok(_), None) => {}
        (Err(error), Some(first)) => assert!(error.message.ends_with(&first.message), "another first error"),
        (_, first) => panic!("check and compile disagree: {first:?}"),
    }
    for error in &errors {
        assert!(error.line >= 1 && error.column >= 1 && (error.length as usize) <= text.len(), "a place in no text");
    }
    if let Ok(chunk) = compiled {
        let bytes = rlua_compiler::dump(&chunk, false);
        let again = rlua_compiler::undump(&bytes).unwrap_or_else(|e| panic!("compiled code is refused: {e}"));
        assert!(again == chunk, "a chunk differs from itself after its binary form");
        rlua_compiler::undump(&rlua_compiler::dump(&chunk, true)).expect("stripped code passes the verifier");
        rlua_compiler::disassemble(&chunk);
    }
});
