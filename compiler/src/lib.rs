//! Lua 5.4 source text to register bytecode: pure, and knows nothing of the runtime.
//!
//! Journey: source text -> tokens ([`compile`]: `lexer`) -> prototype (`parser` drives `codegen`) -> the runtime's
//! loader. The reader might expect a syntax tree between parser and generator: as in the reference implementation
//! there is none, one pass reads a token and emits code. So errors come in the reference's order, memory is bounded
//! by the code that comes out, and nothing recurses without counting.
//!
//! Always: [`compile`] answers any bytes with a chunk that passes [`verify`] or with an error, and never panics.
//!
//! Not here: reading files, `load`'s text-or-binary choice, execution (all in the runtime).
#![forbid(unsafe_code)]

mod codegen;
mod disassemble;
mod dump;
mod error;
mod lexer;
mod lines;
mod number;
pub mod opcode;
mod parser;
pub mod prototype;
mod verify;

pub use disassemble::disassemble;
pub use dump::{LoadError, dump, extract, hash, undump};
pub use error::{CompileError, Diagnostic, short_source};
pub use lines::Lines;
pub use number::{Number, parse_number};
pub use prototype::{Chunk, Prototype};
pub use verify::{VerifyError, captured_registers, verify};

/// Compiles a source text. `chunk_name` is as `load` takes it: `@file`, `=name` or the text itself.
///
/// ```
/// let chunk = rlua_compiler::compile(b"return 1 + 1", b"=example").unwrap();
/// assert_eq!(chunk.prototypes.len(), 1);
/// let error = rlua_compiler::compile(b"x = = 1", b"=example").unwrap_err();
/// assert_eq!(error.message, b"example:1: unexpected symbol near '='");
/// ```
pub fn compile(source: &[u8], chunk_name: &[u8]) -> Result<Chunk, CompileError> {
    parser::Parser::compile(source, chunk_name).map_err(|error| *error)
}

/// All errors of a source text that can be told apart, at most `limit` of them; none if it compiles. They come in the
/// order in which the parser finds them, so the first is that of [`compile`], and a goto without a label comes at the
/// end of its function. After an error the parser goes on at the next statement, and rather keeps quiet than report
/// what is only a consequence.
///
/// ```
/// let errors = rlua_compiler::check(b"x = = 1\ngoto nowhere\n", 100);
/// assert_eq!(errors.len(), 2);
/// assert_eq!((errors[0].line, errors[0].column, errors[0].length), (1, 5, 1));
/// assert_eq!(errors[0].message, b"unexpected symbol near '='");
/// assert_eq!((errors[1].line, errors[1].column, errors[1].length), (2, 6, 7));
/// ```
pub fn check(source: &[u8], limit: usize) -> Vec<Diagnostic> {
    parser::Parser::check_text(source, limit)
}

/// The text without a UTF-8 byte order mark and without the content of a first line that starts with `#`. The line's
/// end stays, so that lines keep their numbers.
///
/// ```
/// assert_eq!(rlua_compiler::skip_shebang(b"#!/usr/bin/rlua\nreturn"), b"\nreturn");
/// ```
pub fn skip_shebang(source: &[u8]) -> &[u8] {
    let source = source.strip_prefix(b"\xef\xbb\xbf").unwrap_or(source);
    if source.first() != Some(&b'#') {
        return source;
    }
    let end = source.iter().position(|&b| b == b'\n').unwrap_or(source.len());
    match source.get(end + 1) {
        // Bytecode begins with its first byte; text keeps the line's end, and so its numbers.
        Some(0x1b) => &source[end + 1..],
        _ => &source[end..],
    }
}
