//! Chooses how the interpreter gets from one instruction to the next (vm/execute/mod.rs): tail calls where the optimiser is
//! known to turn them into jumps, a loop elsewhere. `RLUA_DISPATCH=match` or `tail` overrides.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(tail_dispatch)");
    println!("cargo::rerun-if-env-changed=RLUA_DISPATCH");
    let var = |name: &str| std::env::var(name).unwrap_or_default();
    let flags = var("CARGO_ENCODED_RUSTFLAGS");
    let optimised = matches!(var("OPT_LEVEL").as_str(), "2" | "3");
    let known = matches!(var("CARGO_CFG_TARGET_ARCH").as_str(), "x86_64" | "aarch64");
    let instrumented = flags.contains("sanitizer=") || flags.contains("instrument-coverage");
    let tail = match var("RLUA_DISPATCH").as_str() {
        "match" => false,
        "tail" => true,
        // With debug assertions, what should be a jump may stay a call.
        _ => optimised && known && !instrumented && std::env::var_os("CARGO_CFG_DEBUG_ASSERTIONS").is_none(),
    };
    if tail {
        println!("cargo::rustc-cfg=tail_dispatch");
    }
}
