//! `rlua-actor disasm`: what the compiler makes of a program, for people.

use clap::Args;
use std::io::Write;

/// Arguments of `disasm`.
#[derive(Args)]
pub struct Arguments {
    /// The program, source text or bytecode; `-` for standard input
    file: String,
}

/// Prints the listing.
pub fn run(arguments: Arguments) -> u8 {
    match crate::load_program(&arguments.file) {
        Ok(chunk) => {
            let listing = rlua_compiler::disassemble(&chunk);
            // A reader that has seen enough closes the pipe.
            u8::from(std::io::stdout().write_all(listing.as_bytes()).is_err())
        }
        Err(message) => {
            crate::complain(&message);
            1
        }
    }
}
