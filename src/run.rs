//! `rlua-actor run`: a program in its root process, with the options of the reference's `lua`.

use crate::program::STANDARD_INPUT;
use crate::{output, program, repl};
use clap::{ArgMatches, Args};
use rlua_runtime::{Action, Config, FreezeBudget, Phase, Program, SLICE, Start, Stress};
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::os::unix::ffi::OsStrExt;

/// Arguments of `run`.
#[derive(Args, Default)]
pub struct Arguments {
    /// Run a Lua text first
    #[arg(short, value_name = "TEXT", allow_hyphen_values = true)]
    execute: Vec<OsString>,
    /// Require a module into a global first: MODULE, or GLOBAL=MODULE
    #[arg(short, value_name = "MODULE")]
    library: Vec<OsString>,
    /// Show a prompt after the program
    #[arg(short)]
    interactive: bool,
    /// Show the version, and that of the language
    #[arg(short = 'v')]
    lua_version: bool,
    /// Turn warnings on
    #[arg(short = 'W')]
    warnings: bool,
    /// Ignore the environment variables LUA_INIT and LUA_PATH
    #[arg(short = 'E')]
    ignore_environment: bool,
    /// Threads that run processes [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Memory for all processes together: bytes, or with K, M or G [default: 80% of what there is]
    #[arg(long, value_name = "SIZE", value_parser = crate::memory::parse)]
    max_memory: Option<usize>,
    /// Run in an order that follows from this number alone, on one worker and in virtual time
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Reductions of a slice, for tests
    #[arg(long, hide = true, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    slice: Option<i64>,
    /// Test modes: collect, collect-pieces, reload, freeze, freeze-all
    #[arg(long, hide = true, value_name = "MODE", value_delimiter = ',')]
    stress: Vec<StressMode>,
    /// Freeze and thaw at every N-th safepoint, for tests
    #[arg(long, hide = true, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    freeze_every: Option<u64>,
    /// Report slices of more than N reductions, for tests
    #[arg(long, hide = true, value_name = "N")]
    long_slice: Option<u64>,
    /// Stop, as by SIGSTOP, when a move comes to this phase, for tests
    #[arg(long, hide = true, value_name = "PHASE")]
    stop_at: Option<String>,
    #[command(flatten)]
    node: crate::node::Options,
    #[command(flatten)]
    observe: crate::observe::Observe,
    /// Become this node first: NAME@HOST, or NAME@HOST:PORT, which needs no port mapper
    #[arg(long = "node", value_name = "NAME@HOST")]
    node_name: Option<String>,
    /// The program (source text or bytecode), or - for standard input; then its arguments
    #[arg(trailing_var_arg = true, value_name = "FILE [ARGUMENTS]")]
    file: Vec<OsString>,
}

impl Arguments {
    /// Those of a program and its arguments, without options.
    pub fn of_program(file: Vec<OsString>) -> Arguments {
        Arguments { file, ..Arguments::default() }
    }
}

/// A test mode.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum StressMode {
    /// A whole collection at every safepoint.
    Collect,
    /// A small piece of a collection at every safepoint.
    CollectPieces,
    /// Code is dumped, verified and loaded again before it runs.
    Reload,
    /// Freeze and thaw at safepoints, within a budget.
    Freeze,
    /// Freeze and thaw at every safepoint.
    FreezeAll,
    /// As freeze, in the form in which processes move to other nodes.
    Move,
}

/// Runs the program; its exit status. `matches` know the order of the options.
pub fn run(arguments: Arguments, matches: Option<&ArgMatches>) -> u8 {
    if arguments.lua_version {
        let status = output::print(concat!("rlua-actor ", env!("CARGO_PKG_VERSION"), " (Lua 5.4)\n"));
        if status != 0 {
            return status;
        }
    }
    match start(&arguments, matches) {
        Ok(start) => run_from(start, &arguments),
        Err(message) => {
            output::complain(message);
            1
        }
    }
}
fn start(arguments: &Arguments, matches: Option<&ArgMatches>) -> Result<Start, Vec<u8>> {
    let mut actions = Vec::new();
    if !arguments.ignore_environment {
        actions.extend(initial_action()?);
    }
    actions.extend(arguments.node_name.as_deref().map(crate::node::becoming));
    // Options and their places on the command line.
    let indices = |name: &str| matches.and_then(|m| m.indices_of(name)).into_iter().flatten();
    let texts = arguments
        .execute
        .iter()
        .map(|text| Action::Execute { text: text.as_bytes().to_vec(), name: b"=(command line)".to_vec() });
    let modules = arguments.library.iter().map(|l| required(l.as_bytes()));
    let mut options: Vec<(usize, Action)> =
        indices("execute").zip(texts).chain(indices("library").zip(modules)).collect();
    options.sort_by_key(|(place, _)| *place);
    let no_options = options.is_empty() && !arguments.lua_version;
    actions.extend(options.into_iter().map(|(_, action)| action));

    // Alone, or with options that say nothing about what to run: the terminal's prompt, or a program from a pipe.
    let on_terminal = std::io::stdin().is_terminal();
    let prompt = arguments.interactive || (arguments.file.is_empty() && no_options && on_terminal);
    let path = match arguments.file.first() {
        Some(path) => Some(path.as_os_str()),
        None if no_options && !prompt => Some(OsStr::new(STANDARD_INPUT)),
        None => None,
    };
    let script = path.map(program::load).transpose()?;
    let mut all: Vec<Vec<u8>> = std::env::args_os().map(|a| a.as_bytes().to_vec()).collect();
    if all.get(1).is_some_and(|word| word == b"run") {
        // So that `arg[-1]` is what runs Lua programs, as under the reference.
        all.remove(1);
    }
    let (name, before) = match path {
        Some(path) => {
            let before = all.len().saturating_sub(arguments.file.len().max(1));
            (path.as_bytes().to_vec(), all[..before].to_vec())
        }
        // Without a script, `arg[0]` is the interpreter, as in the reference.
        None => (all.first().cloned().unwrap_or_default(), Vec::new()),
    };
    Ok(Start {
        actions,
        script,
        name,
        arguments: arguments.file.iter().skip(1).map(|a| a.as_bytes().to_vec()).collect(),
        before,
        warnings: arguments.warnings,
        environment: !arguments.ignore_environment,
        prompt,
        evaluator: None,
        terminal: if prompt { repl::terminal() } else { None },
        when_output_closed: Some(output::nobody_reads),
    })
}
/// A program with its arguments, as `run` would begin it without options.
pub fn start_of(file: &[OsString]) -> Result<Start, Vec<u8>> {
    let mut start = start(&Arguments { file: file.to_vec(), ..Arguments::default() }, None)?;
    start.before.truncate(1);
    Ok(start)
}
/// What LUA_INIT asks for: a text, or `@` and a file's name.
fn initial_action() -> Result<Option<Action>, Vec<u8>> {
    for name in ["LUA_INIT_5_4", "LUA_INIT"] {
        let Some(value) = std::env::var_os(name) else { continue };
        let value = value.as_bytes();
        let text = match value.strip_prefix(b"@") {
            Some(path) => program::read_to_compile(OsStr::from_bytes(path))?,
            None => value.to_vec(),
        };
        let name = if value.starts_with(b"@") { value.to_vec() } else { format!("={name}").into_bytes() };
        return Ok(Some(Action::Execute { text: rlua_compiler::skip_shebang(&text).to_vec(), name }));
    }
    Ok(None)
}
/// `-l MODULE` and `-l GLOBAL=MODULE`. A version after a hyphen is no part of the global's name.
fn required(option: &[u8]) -> Action {
    match option.iter().position(|&c| c == b'=') {
        Some(i) => Action::Require { global: option[..i].to_vec(), module: option[i + 1..].to_vec() },
        None => {
            let end = option.iter().position(|&c| c == b'-').unwrap_or(option.len());
            Action::Require { global: option[..end].to_vec(), module: option.to_vec() }
        }
    }
}
fn run_from(start: Start, arguments: &Arguments) -> u8 {
    let has = |mode| arguments.stress.contains(&mode);
    let freeze = if let Some(every) = arguments.freeze_every {
        Some(FreezeBudget { first: 0, every, bytes: u64::MAX })
    } else if has(StressMode::FreezeAll) {
        Some(FreezeBudget { first: u64::MAX, every: 1, bytes: u64::MAX })
    } else if has(StressMode::Freeze) || has(StressMode::Move) {
        Some(FreezeBudget { first: 200, every: 0, bytes: 20_000_000 })
    } else {
        None
    };
    let default_slice = match freeze {
        Some(FreezeBudget { every: every @ 2.., .. }) => every as i64,
        Some(_) => 1,
        None => SLICE,
    };
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let config = Config {
        workers: arguments.workers.map_or(cores, usize::from),
        max_memory: arguments.max_memory.unwrap_or_else(crate::memory::default_limit),
        slice: arguments.slice.unwrap_or(default_slice),
        seed: arguments.seed,
        exploration: None,
        visitor: false,
        stress: Stress {
            collect: has(StressMode::Collect),
            collect_pieces: has(StressMode::CollectPieces),
            reload: has(StressMode::Reload),
            freeze,
            moves: has(StressMode::Move),
            long_slice: arguments.long_slice,
            at_phase: arguments.stop_at.clone().map(stop_at),
        },
    };
    let program = Program::new(config);
    program.set_node(arguments.node.settings());
    if !arguments.observe.begin(&program, arguments.node.reach()) {
        return 1;
    }
    if start.prompt {
        repl::greet();
        repl::interrupt_by_keyboard(program.interrupter());
    }
    (program.run(start) & 0xff) as u8
}

/// The phase of a move at which the program stops.
static STOP_AT: std::sync::OnceLock<String> = std::sync::OnceLock::new();

/// What stops it there, once it has said so.
fn stop_at(phase: String) -> fn(Phase) {
    let _ = STOP_AT.set(phase);
    |phase| {
        if STOP_AT.get().is_some_and(|p| *p == format!("{phase:?}")) {
            let _ = output::print(format!("stopped at {phase:?}\n"));
            #[cfg(unix)]
            let _ = signal_hook::low_level::raise(signal_hook::consts::SIGSTOP);
        }
    }
}
