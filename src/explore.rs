//! `rlua-actor explore`: a program under many orders of its processes, each drawn from a seed, until one fails.
//!
//! Journey: seeds -> **runs** -> the first seed that fails. Each run is a process of the system, `rlua-actor run --seed N`, so that
//! what fails can do no harm to the others and is the same when it is run alone. Under a seed time is virtual: a program that
//! sleeps costs nothing, and one that takes long is in a loop.

use crate::output;
use clap::Args;
use std::ffi::OsString;
use std::io::Read;
use std::ops::Range;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

/// Arguments of `explore`.
#[derive(Args)]
pub struct Arguments {
    /// The seeds: A..B, from A to before B
    #[arg(long, value_name = "A..B", value_parser = parse_range, default_value = "0..1000", conflicts_with = "seed")]
    seeds: Range<u64>,
    /// Run the program under this seed alone, and show what it writes
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Seconds after which a run counts as failed
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// The program, then its arguments
    #[arg(trailing_var_arg = true, required = true, value_name = "FILE [ARGUMENTS]")]
    file: Vec<OsString>,
}

fn parse_range(text: &str) -> Result<Range<u64>, String> {
    let bounds = text.split_once("..").and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    match bounds {
        Some((a, b)) if a < b => Ok(a..b),
        _ => Err("two numbers as in 0..1000, the first less than the second, expected".to_string()),
    }
}

/// How a run has failed.
struct Failure {
    seed: u64,
    how: String,
    out: Vec<u8>,
    errors: Vec<u8>,
}

/// Runs the program; the exit status: 1 if it fails under a seed.
pub fn run(arguments: Arguments) -> u8 {
    if let Some(seed) = arguments.seed {
        return match command(&arguments, seed).and_then(|mut c| c.status()) {
            Ok(status) => status.code().and_then(|n| u8::try_from(n).ok()).unwrap_or(1),
            Err(e) => refuse(&e),
        };
    }
    let next = AtomicU64::new(arguments.seeds.start);
    let first: Mutex<Option<Failure>> = Mutex::new(None);
    let broken: Mutex<Option<std::io::Error>> = Mutex::new(None);
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    // Less seeds than the one that has failed are still of interest.
                    let is_past = lock(&first).as_ref().is_some_and(|f| f.seed < seed);
                    if seed >= arguments.seeds.end || is_past || lock(&broken).is_some() {
                        return;
                    }
                    match try_seed(&arguments, seed) {
                        Ok(None) => {}
                        Ok(Some(failure)) => {
                            let mut first = lock(&first);
                            if first.as_ref().is_none_or(|f| f.seed > seed) {
                                *first = Some(failure);
                            }
                        }
                        Err(e) => *lock(&broken) = Some(e),
                    }
                }
            });
        }
    });
    if let Some(e) = lock(&broken).take() {
        return refuse(&e);
    }
    let Some(failure) = lock(&first).take() else {
        let n = arguments.seeds.end - arguments.seeds.start;
        return output::print(format!("no failure under {n} seed{}\n", if n == 1 { "" } else { "s" }));
    };
    let file = arguments.file[0].to_string_lossy();
    let head = format!("seed {} fails: {}\n", failure.seed, failure.how);
    let again = format!("again: rlua-actor explore --seed {} {file}\n", failure.seed);
    let status = output::print([head.as_bytes(), &failure.out, &failure.errors, again.as_bytes()].concat());
    if status == 0 { 1 } else { status }
}
fn lock<T>(m: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}
fn refuse(e: &std::io::Error) -> u8 {
    output::complain(format!("cannot run this program once more: {}", rlua_runtime::reason(e)));
    1
}
fn command(arguments: &Arguments, seed: u64) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("run").arg("--seed").arg(seed.to_string()).arg("--").args(&arguments.file);
    Ok(command)
}
/// One run: how it has failed, if it has.
fn try_seed(arguments: &Arguments, seed: u64) -> std::io::Result<Option<Failure>> {
    let mut child =
        command(arguments, seed)?.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (send, receive) = mpsc::channel();
    let mut readers = Vec::new();
    let pipes: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|p| Box::new(p) as Box<dyn Read + Send>),
        child.stderr.take().map(|p| Box::new(p) as Box<dyn Read + Send>),
    ];
    for mut pipe in pipes.into_iter().flatten() {
        let send = send.clone();
        readers.push(std::thread::spawn(move || {
            let mut all = Vec::new();
            // What could be read before an error is shown.
            let _ = pipe.read_to_end(&mut all);
            let _ = send.send(());
            all
        }));
    }
    // It has ended when both of its streams have.
    let limit = Duration::from_secs(arguments.limit);
    let is_late = (0..readers.len()).any(|_| receive.recv_timeout(limit).is_err());
    if is_late {
        child.kill()?;
    }
    let status = child.wait()?;
    let mut texts = readers.into_iter().map(|r| r.join().unwrap_or_default());
    let (out, errors) = (texts.next().unwrap_or_default(), texts.next().unwrap_or_default());
    let how = if is_late { format!("it runs for more than {} s", arguments.limit) } else { told(status) };
    Ok((is_late || !status.success()).then_some(Failure { seed, how, out, errors }))
}
fn told(status: ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |n| format!("exit status {n}"))
}
