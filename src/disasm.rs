//! `rlua-actor disasm`: what the compiler makes of a program, for people.

use crate::output;
use clap::Args;
use std::ffi::OsString;

/// Arguments of `disasm`.
#[derive(Args)]
pub struct Arguments {
    /// The program, source text or bytecode; `-` for standard input
    file: OsString,
}

/// Prints the listing; the exit status.
pub fn run(arguments: Arguments) -> u8 {
    match crate::program::load(&arguments.file) {
        Ok(chunk) => output::print(rlua_compiler::disassemble(&chunk)),
        Err(message) => {
            output::complain(message);
            1
        }
    }
}
