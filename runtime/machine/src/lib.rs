//! The Lua machine: values, their heap, the interpreter and the standard library. It knows no process, message or
//! scheduler; what it cannot answer itself it leaves as a request ([`vm::Exit::Request`]).
//!
//! Journey: prototype -> **closure -> frame -> value**. Modules refer downwards only: stdlib -> vm -> value -> heap. Below
//! stdlib they are one thing in three parts: an object of the heap is a value's, and the collector knows coroutines and
//! modules by their layout.
//!
//! **This crate is internal to rlua-runtime and promises nothing to anyone else**, neither stable names nor safety: a
//! [`value::Ref`] that is kept over a collection is a use after free, and no `unsafe` block warns of it. Its safe
//! functions are safe only for a caller who keeps the rules of [`heap`]. To run Lua programs, use `rlua_runtime::Program`.

/// Writes a line on standard error, in one piece and whatever bytes it has.
pub fn report(text: impl AsRef<[u8]>) {
    use std::io::Write;
    let line = [text.as_ref(), b"\n"].concat();
    // If it is closed, nobody is left to be told.
    let _ = std::io::stderr().write_all(&line);
}

pub mod heap;
pub mod stdlib;
pub mod value;
pub mod vm;
