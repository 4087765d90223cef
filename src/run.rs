//! `rlua-actor run`: a program in its root process.

use clap::Args;
use rlua_runtime::program::{Program, Start};
use rlua_runtime::scheduler::{Config, FreezeBudget, SLICE, Stress};

/// Arguments of `run`.
#[derive(Args)]
pub struct Arguments {
    /// Threads that run processes [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Reductions of a slice, for tests
    #[arg(long, hide = true, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    slice: Option<i64>,
    /// Test modes: collect, reload, freeze, freeze-all
    #[arg(long, hide = true, value_name = "MODE", value_delimiter = ',')]
    stress: Vec<StressMode>,
    /// The program (source text or bytecode), or - for standard input; then its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "FILE [ARGUMENTS]")]
    file: Vec<std::ffi::OsString>,
}

/// A test mode.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum StressMode {
    /// A collection at every allocation.
    Collect,
    /// Code is dumped, verified and loaded again before it runs.
    Reload,
    /// Freeze and thaw at safepoints, within a budget.
    Freeze,
    /// Freeze and thaw at every safepoint.
    FreezeAll,
}

/// Runs the program; its exit status.
pub fn run(arguments: Arguments) -> u8 {
    let path = arguments.file[0].to_string_lossy().into_owned();
    let chunk = match crate::load_program(&path) {
        Ok(chunk) => chunk,
        Err(message) => {
            crate::complain(&message);
            return 1;
        }
    };
    let has = |mode| arguments.stress.contains(&mode);
    let freeze = if has(StressMode::FreezeAll) {
        Some(FreezeBudget { first: u64::MAX, bytes: u64::MAX })
    } else if has(StressMode::Freeze) {
        Some(FreezeBudget { first: 200, bytes: 20_000_000 })
    } else {
        None
    };
    let default_slice = if freeze.is_some() { 1 } else { SLICE };
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let config = Config {
        workers: arguments.workers.map_or(cores, usize::from),
        slice: arguments.slice.unwrap_or(default_slice),
        stress: Stress { collect: has(StressMode::Collect), reload: has(StressMode::Reload), freeze },
    };
    let start = Start {
        script: path.into_bytes(),
        arguments: arguments.file[1..].iter().map(|a| a.as_encoded_bytes().to_vec()).collect(),
    };
    (Program::new(config).run(chunk, start) & 0xff) as u8
}
