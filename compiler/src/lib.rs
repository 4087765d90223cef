//! Lua 5.4 source text to register bytecode: pure, and knows nothing of the runtime.
#![forbid(unsafe_code)]

pub mod opcode;
pub mod prototype;
