//! What a target starts from: with the environment variable SEEDS, it fills that folder and ends.
#![allow(dead_code)]

use std::path::Path;

/// Fills the folder that SEEDS names.
pub fn write(make: fn() -> Vec<Vec<u8>>) {
    let Some(folder) = std::env::var_os("SEEDS") else { return };
    for (i, seed) in make().into_iter().enumerate() {
        std::fs::write(Path::new(&folder).join(format!("{i:04}")), seed).expect("the folder can be written");
    }
    std::process::exit(0);
}

/// The scripts of lua-tests.
pub fn scripts() -> Vec<Vec<u8>> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../lua-tests");
    let mut all = Vec::new();
    for area in std::fs::read_dir(root).expect("lua-tests is there").flatten() {
        for file in std::fs::read_dir(area.path()).into_iter().flatten().flatten() {
            if file.path().extension().is_some_and(|e| e == "lua") {
                all.push(std::fs::read(file.path()).expect("a script can be read"));
            }
        }
    }
    all
}

/// Scripts and small programs as bytecode.
pub fn bytecode() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = scripts();
    // The parts of a script between empty lines are smaller and reach as far.
    let parts: Vec<Vec<u8>> = all
        .iter()
        .flat_map(|s| String::from_utf8_lossy(s).split("\n\n").map(|p| p.as_bytes().to_vec()).collect::<Vec<_>>())
        .collect();
    let mut chunks = Vec::new();
    for text in parts {
        if let Ok(chunk) = rlua_compiler::compile(&text, b"=seed") {
            let bytes = rlua_compiler::dump(&chunk, true);
            if bytes.len() < 2000 {
                chunks.push(bytes);
            }
        }
    }
    chunks.truncate(2000);
    chunks
}
