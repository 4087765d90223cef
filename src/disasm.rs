//! `rlua-actor disasm`: what the compiler makes of a program, for people.

use clap::Args;

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
            print!("{}", rlua_compiler::disassemble(&chunk));
            0
        }
        Err(message) => {
            eprintln!("rlua-actor: {message}");
            1
        }
    }
}
