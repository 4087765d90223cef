//! Compile errors, worded as the reference implementation words them.
//!
//! Journey: source text -> tokens -> prototype; this is what comes out instead when the text is not Lua. The message
//! is complete (`file:line: what near 'token'`), since that is what `load` returns and what scripts match on. It is
//! bytes and not a `String`, because it quotes the source, which may be anything.
//!
//! Always: the first error in the order of the text wins, as in the reference's single pass.

use std::fmt;

/// Why a source text did not compile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    /// The complete message as the reference's `load` gives it.
    pub message: Vec<u8>,
    /// Line where the compiler stood, from 1.
    pub line: u32,
    /// Byte column of the offending token in its line, from 1.
    pub column: u32,
    /// What of the text is wrong, for [`crate::check`].
    pub(crate) place: Place,
}

/// A piece of the source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub start: usize,
    pub end: usize,
    /// Line where it starts, from 1.
    pub line: u32,
}

/// One of the errors that [`crate::check`] finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Line where the offending piece of the text starts, from 1.
    pub line: u32,
    /// Its byte column there, from 1.
    pub column: u32,
    /// Its bytes in that line; 0 at the end of the text.
    pub length: u32,
    /// The reference implementation's message, without the `file:line:` before it.
    pub message: Vec<u8>,
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.message))
    }
}

impl std::error::Error for CompileError {}

/// Boxed, because it travels through every function of the compiler.
pub(crate) type Result<T> = std::result::Result<T, Box<CompileError>>;

/// Space for a chunk's name in messages, counting a terminator (`LUA_IDSIZE`).
const SHORT_SOURCE_SIZE: usize = 60;

/// A chunk's name as messages show it: `=name` bare, `@file` with its end kept, a source text as
/// `[string "first line..."]`; never longer than 59 bytes.
///
/// ```
/// assert_eq!(rlua_compiler::short_source(b"@a.lua"), b"a.lua");
/// assert_eq!(rlua_compiler::short_source(b"return 1"), b"[string \"return 1\"]");
/// ```
pub fn short_source(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(SHORT_SOURCE_SIZE);
    match name.first() {
        Some(b'=') => {
            let rest = &name[1..];
            out.extend_from_slice(&rest[..rest.len().min(SHORT_SOURCE_SIZE - 1)]);
        }
        Some(b'@') => {
            let rest = &name[1..];
            if rest.len() < SHORT_SOURCE_SIZE {
                out.extend_from_slice(rest);
            } else {
                out.extend_from_slice(b"...");
                out.extend_from_slice(&rest[rest.len() - (SHORT_SOURCE_SIZE - 4)..]);
            }
        }
        _ => {
            let room = SHORT_SOURCE_SIZE - br#"[string "..."]"#.len() - 1;
            let end = name.iter().position(|&b| b == b'\n' || b == 0).filter(|&i| name[i] == b'\n');
            out.extend_from_slice(br#"[string ""#);
            if end.is_none() && name.len() < room {
                out.extend_from_slice(name);
            } else {
                let length = end.unwrap_or(name.len()).min(room);
                out.extend_from_slice(&name[..length]);
                out.extend_from_slice(b"...");
            }
            out.extend_from_slice(br#""]"#);
        }
    }
    if let Some(zero) = out.iter().position(|&b| b == 0) {
        out.truncate(zero); // the reference formats it as a C string
    }
    out
}
