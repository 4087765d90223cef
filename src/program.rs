//! Programs as the command line names them: read, and compiled.
//!
//! Journey: a file's name -> **bytes** -> prototype. The name is an operating system's, so any bytes.

use rlua_compiler::prototype::Chunk;
use rlua_runtime::source::{self, MAX_BYTES};
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;

/// The name that stands for standard input.
pub const STANDARD_INPUT: &str = "-";

/// Bytes of a program from which on it is worth a look at what is left behind when it is compiled.
const LARGE: usize = 256 << 10;

/// A program's name as messages show it.
pub fn shown(path: &OsStr) -> &[u8] {
    if path == STANDARD_INPUT { b"stdin" } else { path.as_bytes() }
}

/// Reads a program: a file, or standard input for `-`; all of it, or a beginning that is enough. Errors are one line with
/// the file's name.
pub fn read(path: &OsStr, is_enough: impl FnMut(&[u8]) -> bool) -> Result<Vec<u8>, Vec<u8>> {
    let (name, read) = if path == STANDARD_INPUT {
        (&b"standard input"[..], source::read(std::io::stdin().lock(), MAX_BYTES, is_enough))
    } else {
        (path.as_bytes(), File::open(path).and_then(|file| source::read_file(file, MAX_BYTES, is_enough)))
    };
    read.map_err(|e| [b"cannot read ", name, b": ", rlua_runtime::reason(&e).as_bytes()].concat())
}

/// The text of a program that is to be compiled.
pub fn read_to_compile(path: &OsStr) -> Result<Vec<u8>, Vec<u8>> {
    read(path, source::is_hopeless)
}

/// The chunk of a program, or the message that says why there is none.
pub fn load(path: &OsStr) -> Result<Chunk, Vec<u8>> {
    let bytes = read_to_compile(path)?;
    let text = rlua_compiler::skip_shebang(&bytes);
    if text.starts_with(b"\x1b") {
        return rlua_compiler::undump(text).map_err(|e| [shown(path), b": ", e.to_string().as_bytes()].concat());
    }
    let mark: &[u8] = if path == STANDARD_INPUT { b"=" } else { b"@" };
    let chunk = rlua_compiler::compile(text, &[mark, shown(path)].concat()).map_err(|e| e.message);
    if bytes.len() >= LARGE {
        drop(bytes);
        rlua_runtime::give_back();
    }
    chunk
}
