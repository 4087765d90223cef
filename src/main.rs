//! The command line of rlua-actor: one file per subcommand.
//!
//! Journey: where it begins (a file's name) and ends (an exit status).

mod check;
mod compile;
mod disasm;
mod memory;
mod repl;
mod run;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::io::Write;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Lua 5.4 with Erlang's processes.
///
/// Programs run unchanged; `require 'concurrent'` gives them processes that share no memory, talk by messages, links
/// and monitors, and run on all cores.
#[derive(Parser)]
#[command(
    version,
    after_help = "`rlua-actor FILE ...` is `rlua-actor run FILE ...`.\n\
    Without arguments: a prompt, if standard input is a terminal; otherwise the program that it reads from there."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run a Lua program
    #[command(after_help = "Examples:\n  rlua-actor run hello.lua\n  rlua-actor run --workers 4 server.lua 8080\n  \
                            echo 'print(1)' | rlua-actor run -\n  rlua-actor run -e 'print(_VERSION)'")]
    Run(run::Arguments),
    /// Find the errors of Lua programs without running them
    ///
    /// Reads each file and reports all errors that it can find: `file:line:column: message`, the line, and a mark
    /// under the place. Prints nothing and exits with 0 if there are none, else with 1.
    #[command(after_help = "Examples:\n  rlua-actor check program.lua\n  rlua-actor check src/*.lua\n  \
                            cat program.lua | rlua-actor check -")]
    Check(check::Arguments),
    /// Translate a Lua program to bytecode, which `run` runs as well
    ///
    /// The file is complete or not written at all. Other implementations of Lua cannot read it.
    #[command(after_help = "Examples:\n  rlua-actor compile program.lua       writes program.luac\n  \
                            rlua-actor run program.luac          runs it\n  \
                            rlua-actor compile -s -o small.luac program.lua")]
    Compile(compile::Arguments),
    /// Print the bytecode of a Lua program
    Disasm(disasm::Arguments),
}

fn main() -> std::process::ExitCode {
    let matches = Cli::command().get_matches_from(arguments());
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|e| e.exit());
    let status = match cli.command {
        Some(Command::Run(arguments)) => run::run(arguments, matches.subcommand_matches("run")),
        Some(Command::Check(arguments)) => check::run(arguments),
        Some(Command::Compile(arguments)) => compile::run(arguments),
        Some(Command::Disasm(arguments)) => disasm::run(arguments),
        None => run::run(run::Arguments::default(), None),
    };
    std::process::ExitCode::from(status)
}

/// The command line. What does not begin with a command is `run`'s, so that this program can stand where `lua` stood.
fn arguments() -> Vec<std::ffi::OsString> {
    let mut all: Vec<_> = std::env::args_os().collect();
    let own = ["run", "check", "compile", "disasm", "help", "-h", "--help", "-V", "--version"];
    if let Some(first) = all.get(1)
        && !own.iter().any(|word| first == word)
    {
        all.insert(1, "run".into());
    }
    all
}

/// Reads a program: a file, or standard input for `-`. Errors are one line with the file's name.
fn read_program(path: &str) -> Result<Vec<u8>, String> {
    let read = if path == "-" {
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut text).map(|_| text)
    } else {
        std::fs::read(path)
    };
    let shown = if path == "-" { "standard input" } else { path };
    read.map_err(|e| format!("cannot read {shown}: {}", rlua_runtime::reason(&e)))
}

/// The chunk of a program, or the message that says why there is none.
fn load_program(path: &str) -> Result<rlua_compiler::prototype::Chunk, String> {
    let text = read_program(path)?;
    let shown = if path == "-" { "stdin" } else { path };
    if text.starts_with(b"\x1b") {
        return rlua_compiler::undump(&text).map_err(|e| format!("{shown}: {e}"));
    }
    let name = if path == "-" { b"=stdin".to_vec() } else { format!("@{path}").into_bytes() };
    rlua_compiler::compile(rlua_compiler::skip_shebang(&text), &name)
        .map_err(|e| String::from_utf8_lossy(&e.message).into_owned())
}

/// A line on standard error, whether or not somebody listens.
fn complain(message: &str) {
    let _ = writeln!(std::io::stderr(), "rlua-actor: {message}");
}
