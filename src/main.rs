//! The command line of rlua-actor: one file per subcommand.
//!
//! Journey: where it begins (a file's name) and ends (an exit status).

#[cfg(feature = "mimalloc")]
mod allocator;
mod attach;
mod check;
mod compile;
mod disasm;
mod drain;
mod explore;
mod memory;
#[cfg(feature = "mimalloc")]
mod mimalloc;
mod node;
mod observe;
mod output;
mod pmd;
mod program;
mod ps;
mod repl;
mod resume;
mod run;
mod top;
mod trace;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::io::Write;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

/// The whole command line.
#[derive(Parser)]
#[command(
    version,
    about = "Lua 5.4 with Erlang's processes.\n\n\
             Programs run unchanged; `require 'concurrent'` gives them processes that share no memory, talk by\n\
             messages, links and monitors, and run on all cores.",
    long_about = None,
    args_conflicts_with_subcommands = true,
    override_usage = "rlua-actor [OPTIONS] [FILE [ARGUMENTS]]\n       rlua-actor COMMAND ...",
    after_help = "`rlua-actor FILE` is `rlua-actor run FILE`; all options here are those of `run`.\n\
                  Without arguments: a prompt, if standard input is a terminal; otherwise the program that it\n\
                  reads from there.\n\n\
                  Examples:\n  rlua-actor hello.lua one two     runs a program with two arguments\n  \
                  rlua-actor -e 'print(1 + 1)'     runs a text\n  \
                  rlua-actor -l json -i            loads a module, then shows a prompt\n  \
                  rlua-actor check src/*.lua       finds errors without running anything\n  \
                  rlua-actor help run              tells more about a command"
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::Arguments,
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
    /// Be a node without a program, for those that others spawn here
    #[command(
        after_help = "Examples:\n  rlua-actor node worker@gaia\n  rlua-actor node worker@gaia:4000   needs no port mapper"
    )]
    Node(node::Arguments),
    /// Show a prompt inside a running node
    ///
    /// What is typed runs in a process of the node: it lists processes, inspects one, sends, kills, and evaluates Lua. Its
    /// globals are a copy of those of the node's main script. The node does not count the prompt as a node.
    #[command(after_help = "Examples:\n  rlua-actor attach worker@localhost\n  \
                            echo \"ps('heap', 5)\" | rlua-actor attach worker@localhost")]
    Attach(attach::Arguments),
    /// Print the processes of a running node
    #[command(after_help = "Examples:\n  rlua-actor ps worker@localhost\n  \
                            rlua-actor ps --sort heap -n 10 worker@localhost\n  \
                            rlua-actor ps --waits worker@localhost")]
    Ps(ps::Arguments),
    /// Watch what the processes of running nodes do
    ///
    /// A screen of the node, and of those that it is connected with: which processes take most, whose mailboxes grow, how much goes
    /// between nodes. `?` shows the keys. Looking costs a node little: no process is asked for it.
    #[command(after_help = "Examples:\n  rlua-actor top worker@localhost\n  \
                            rlua-actor top --once --sort mailbox worker@localhost | head -20")]
    Top(top::Arguments),
    /// Tell what happens to a process of a running node: messages, links, monitors, spawns, its end
    ///
    /// A line for each; what is sent and received is shown by what it begins with. It ends with the process, or by Ctrl-C.
    #[command(after_help = "Examples:\n  rlua-actor trace worker@localhost sink\n  \
                            rlua-actor trace --seconds 5 --json sink.json worker@localhost 17")]
    Trace(trace::Arguments),
    /// Move the processes of a running node to others, so that it can be ended or replaced
    ///
    /// They go on there in the middle of whatever they do, with their pids, mailboxes, links and names; who talks to them notices
    /// nothing. The main script's process stays. A line for each other that cannot move says why; then, and if the node cannot be
    /// reached, the exit status is 1, else 0. Processes that are spawned at the node meanwhile are moved, too, but those that
    /// come later stay: let others spawn elsewhere first, or end the node with --stop.
    #[command(after_help = "Examples:\n  rlua-actor drain old@localhost --to new@localhost --stop\n  \
                            rlua-actor drain worker@gaia        to all nodes that it is connected with")]
    Drain(drain::Arguments),
    /// Run the port mapper of this host, or ask it for the nodes that run here
    ///
    /// A node starts one inside itself if none runs; so this is for hosts that want one of its own.
    Pmd(pmd::Arguments),
    /// Go on with a process that was written down in a file (`concurrent.checkpoint`)
    #[command(after_help = "Example:\n  rlua-actor resume work.checkpoint")]
    Resume(resume::Arguments),
    /// Show what is in a checkpoint: the process, where it stands, what takes how much
    Inspect(resume::InspectArguments),
    /// Run a program under many orders of its processes, until one fails
    ///
    /// Each order is drawn from a seed, and the same seed gives the same order again. Time is virtual: sleeping costs nothing. A run
    /// fails if its exit status is not 0 (an error of the main script, `os.exit(false)`), or if it takes too long. The least seed
    /// that fails is reported, with what the program has written; the exit status is 1 then. Of all that was decided in that order as much is left
    /// out as can be, and what happened is shown: a column a process, an arrow a message.
    #[command(after_help = "Examples:\n  rlua-actor explore --seeds 0..1000 races.lua\n  \
                            rlua-actor explore --seed 17 races.lua\n  \
                            rlua-actor explore --seed 17 --diagram --schedule 12:1,30/40 races.lua")]
    Explore(explore::Arguments),
    /// Print the bytecode of a Lua program
    Disasm(disasm::Arguments),
}

fn main() -> std::process::ExitCode {
    #[cfg(feature = "mimalloc")]
    allocator::begin();
    let mut given = arguments();
    // A program without options needs none of what knows the options, which is a fifth of what it takes to start.
    if given.get(1).is_some_and(|word| word == "run")
        && given.get(2).is_some_and(|file| !file.as_encoded_bytes().starts_with(b"-"))
    {
        return end(run::run(run::Arguments::of_program(given.split_off(2)), None));
    }
    let matches = match Cli::command().try_get_matches_from(given) {
        Ok(matches) => matches,
        Err(e) if e.use_stderr() => e.exit(),
        // Help, and the version.
        Err(e) => return output::status(e.print().and_then(|()| std::io::stdout().flush())).into(),
    };
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|e| e.exit());
    let status = match cli.command {
        Some(Command::Run(arguments)) => run::run(arguments, matches.subcommand_matches("run")),
        Some(Command::Check(arguments)) => check::run(arguments),
        Some(Command::Compile(arguments)) => compile::run(arguments),
        Some(Command::Node(arguments)) => node::run(arguments),
        Some(Command::Attach(arguments)) => attach::run(arguments),
        Some(Command::Ps(arguments)) => ps::run(arguments),
        Some(Command::Top(arguments)) => top::run(arguments),
        Some(Command::Trace(arguments)) => trace::run(arguments),
        Some(Command::Drain(arguments)) => drain::run(arguments),
        Some(Command::Pmd(arguments)) => pmd::run(arguments),
        Some(Command::Resume(arguments)) => resume::run(arguments),
        Some(Command::Inspect(arguments)) => resume::inspect(arguments),
        Some(Command::Explore(arguments)) => explore::run(arguments),
        Some(Command::Disasm(arguments)) => disasm::run(arguments),
        None => run::run(cli.run, Some(&matches)),
    };
    end(status)
}

/// Ends this OS process at once. mimalloc would give back its memory first, piece by piece, which the system does anyway; a
/// sanitizer, which looks for leaks then, runs without mimalloc.
#[cfg(feature = "mimalloc")]
fn end(status: u8) -> std::process::ExitCode {
    let _ = std::io::stdout().flush();
    signal_hook::low_level::exit(status.into())
}
#[cfg(not(feature = "mimalloc"))]
fn end(status: u8) -> std::process::ExitCode {
    status.into()
}

/// The command line. What does not begin with a command is `run`'s, so that this program can stand where `lua` stood.
fn arguments() -> Vec<OsString> {
    let mut all: Vec<_> = std::env::args_os().collect();
    let commands = [
        "run", "check", "compile", "node", "attach", "ps", "top", "trace", "drain", "pmd", "resume", "inspect",
        "explore", "disasm", "help",
    ];
    let own = [&commands[..], &["-h", "--help", "-V", "--version"]].concat();
    if let Some(first) = all.get(1)
        && !own.iter().any(|word| first == word)
    {
        all.insert(1, "run".into());
    }
    all
}
