//! `rlua-actor explore`: a program under many orders of its processes, each drawn from a seed, until one fails; what of that
//! order matters, and what happened in it.
//!
//! Journey: seeds -> **runs** -> the first seed that fails -> fewer decisions (shrink) -> a diagram. Each failure is looked for in processes of
//! the system that run many seeds in a row (batch), and seen again in one that runs it alone. Under a seed time is
//! virtual: a program that sleeps costs nothing, and one that takes long is in a loop.

mod batch;
mod diagram;
mod shrink;

use crate::output;
use clap::Args;
use rlua_runtime::{Cluster, Config, Decision, Exploration, History, Program};
use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Seeds that a process of the system runs, one after the other.
const BATCH: u64 = 50;
/// How long a schedule is shrunk.
const SHRINKING: Duration = Duration::from_secs(5);
/// Decisions that are shown; more are only counted.
const SHOWN: usize = 40;

/// Arguments of `explore`.
#[derive(Args)]
pub struct Arguments {
    /// The seeds: A..B, from A to before B
    #[arg(long, value_name = "A..B", value_parser = parse_range, default_value = "0..1000", conflicts_with = "seed")]
    seeds: Range<u64>,
    /// Run the program under this seed alone, and show what it writes
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// With --seed: these decisions instead of all that the seed would make, as a failure shows them
    #[arg(long, value_name = "DECISIONS", requires = "seed", value_parser = parse_decisions)]
    schedule: Option<Decisions>,
    /// With --seed: show what happened as a diagram, too
    #[arg(long, requires = "seed")]
    diagram: bool,
    #[command(flatten)]
    cluster: Nodes,
    /// Seconds after which a run counts as failed
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// Run these seeds in this process until one fails, and say so in the file of --report
    #[arg(long, hide = true, value_name = "A..B", value_parser = parse_range, requires = "report")]
    batch: Option<Range<u64>>,
    /// Where to write what was decided and what happened, or which seed has failed
    #[arg(long, hide = true, value_name = "FILE")]
    report: Option<PathBuf>,
    /// The program, then its arguments
    #[arg(trailing_var_arg = true, required = true, value_name = "FILE [ARGUMENTS]")]
    file: Vec<OsString>,
}

/// Of which nodes a program is run.
#[derive(Args, Clone, Copy)]
struct Nodes {
    /// Run the program at each node of a simulated cluster, n1@sim, n2@sim and so on, until that of the first ends
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=32))]
    nodes: Option<u64>,
    /// With --nodes: connections are lost, nodes do not reach each other for a time, and all but the first are ended and begin again
    #[arg(long, requires = "nodes")]
    faults: bool,
}
impl Nodes {
    /// As they were given.
    fn options(self) -> Vec<String> {
        let Some(n) = self.nodes else { return Vec::new() };
        let faults = self.faults.then(|| "--faults".to_string());
        ["--nodes".to_string(), n.to_string()].into_iter().chain(faults).collect()
    }
}

/// What is decided otherwise than of oneself.
#[derive(Clone, Debug, Default)]
struct Decisions(Vec<Decision>);

impl std::fmt::Display for Decisions {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let all: Vec<String> = self.0.iter().map(Decision::to_string).collect();
        f.write_str(&if all.is_empty() { "none".to_string() } else { all.join(",") })
    }
}
fn parse_decisions(text: &str) -> Result<Decisions, String> {
    if text == "none" {
        return Ok(Decisions::default());
    }
    text.split(',').map(str::parse).collect::<Result<_, _>>().map(Decisions)
}
fn parse_range(text: &str) -> Result<Range<u64>, String> {
    let bounds = text.split_once("..").and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    match bounds {
        Some((a, b)) if a < b => Ok(a..b),
        _ => Err("two numbers as in 0..1000, the first less than the second, expected".to_string()),
    }
}

/// Runs the program; the exit status: 1 if it fails under a seed.
pub fn run(arguments: Arguments) -> u8 {
    if let (Some(seeds), Some(report)) = (&arguments.batch, &arguments.report) {
        let limit = Duration::from_secs(arguments.limit);
        return batch::run(seeds.clone(), report, limit, arguments.cluster, &arguments.file);
    }
    if let Some(seed) = arguments.seed {
        return alone(&arguments, seed);
    }
    // A program that cannot be read fails under no seed.
    if let Err(message) = crate::run::start_of(&arguments.file) {
        output::complain(message);
        return 1;
    }
    match search(&arguments) {
        Ok(status) => status,
        Err(e) => {
            output::complain(format!("cannot run this program once more: {}", rlua_runtime::reason(&e)));
            1
        }
    }
}
/// Runs a seed in this process.
fn alone(arguments: &Arguments, seed: u64) -> u8 {
    let history = Arc::new(Mutex::new(History::default()));
    let given = arguments.schedule.clone().map(|d| d.0);
    let kept = (arguments.diagram || arguments.report.is_some()).then(|| history.clone());
    let status = match program(&arguments.file, arguments.cluster, seed, Exploration { given, history: kept }) {
        Ok(status) => status,
        Err(message) => {
            output::complain(message);
            return 1;
        }
    };
    let history = lock(&history);
    if arguments.diagram {
        output::print(drawn(&history));
    }
    if let Some(report) = &arguments.report {
        let text = format!("{}\n{}", Decisions(history.decisions.clone()), drawn(&history));
        if let Err(e) = std::fs::write(report, text) {
            output::complain(format!("cannot write {}: {}", report.display(), rlua_runtime::reason(&e)));
        }
    }
    status
}
fn drawn(history: &History) -> String {
    diagram::draw(&history.events, &history.processes, history.forgotten)
}
/// Runs the program under a seed; its exit status, or why it cannot begin.
fn program(file: &[OsString], cluster: Nodes, seed: u64, exploration: Exploration) -> Result<u8, Vec<u8>> {
    let max_memory = crate::memory::default_limit();
    if let Some(nodes) = cluster.nodes {
        let nodes = nodes as usize;
        let cluster = Cluster { seed, nodes, faults: cluster.faults, exploration, max_memory: max_memory / nodes };
        return Ok((cluster.run(&mut || crate::run::start_of(file))? & 0xff) as u8);
    }
    let start = crate::run::start_of(file)?;
    let config = Config { seed: Some(seed), exploration: Some(exploration), max_memory, ..Config::default() };
    Ok((Program::new(config).run(start) & 0xff) as u8)
}
fn lock<T>(m: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A run that has failed, alone in a process of the system.
struct Failure {
    how: String,
    out: Vec<u8>,
    errors: Vec<u8>,
    decisions: Decisions,
    diagram: String,
}

/// Files of this search, which go with it.
struct Scratch(PathBuf);
impl Scratch {
    fn new() -> std::io::Result<Scratch> {
        let folder = std::env::temp_dir().join(format!("rlua-actor-explore.{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Scratch(folder))
    }
    fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}
impl Drop for Scratch {
    fn drop(&mut self) {
        // Whatever is left there is in nobody's way.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn search(arguments: &Arguments) -> std::io::Result<u8> {
    let scratch = Scratch::new()?;
    let Some(seed) = first_failing(arguments, &scratch)? else {
        let n = arguments.seeds.end - arguments.seeds.start;
        return Ok(output::print(format!("no failure under {n} seed{}\n", if n == 1 { "" } else { "s" })));
    };
    let Some(mut failure) = try_alone(arguments, seed, None, &scratch)? else {
        output::complain(format!(
            "seed {seed} fails after others, and not alone: the program keeps something outside of itself, such as a file"
        ));
        return Ok(1);
    };
    let all = failure.decisions.0.len();
    let until = Instant::now() + SHRINKING;
    let how = failure.how.clone();
    let mut broken = None;
    // One that runs too long has nothing to be shown, and takes too long to be tried again.
    if !failure.diagram.is_empty() {
        shrink::shrink(failure.decisions.0.clone(), &mut |fewer| {
            if Instant::now() > until || broken.is_some() {
                return None;
            }
            match try_alone(arguments, seed, Some(Decisions(fewer.to_vec())), &scratch) {
                Ok(Some(f)) if f.how == how && !f.diagram.is_empty() => {
                    let left = f.decisions.0.clone();
                    failure = f;
                    Some(Some(left))
                }
                Ok(_) => Some(None),
                Err(e) => {
                    broken = Some(e);
                    None
                }
            }
        });
    }
    if let Some(e) = broken {
        return Err(e);
    }
    let options = arguments.cluster.options().into_iter();
    let file = options.chain(arguments.file.iter().map(|f| f.to_string_lossy().into_owned()));
    let file = file.collect::<Vec<_>>().join(" ");
    let head = format!("seed {seed} fails: {how}\n");
    let mut tail = String::new();
    if !failure.diagram.is_empty() {
        let n = failure.decisions.0.len();
        tail = format!("\nwhat happens with {n} of its {all} decisions:\n\n{}\n", failure.diagram);
        if n <= SHOWN {
            let decisions = &failure.decisions;
            tail += &format!("with these alone: rlua-actor explore --seed {seed} --schedule {decisions} {file}\n");
        }
    }
    tail += &format!("again: rlua-actor explore --seed {seed} {file}\n");
    let status = output::print([head.as_bytes(), &failure.out, &failure.errors, tail.as_bytes()].concat());
    Ok(if status == 0 { 1 } else { status })
}
/// The first seed that fails.
fn first_failing(arguments: &Arguments, scratch: &Scratch) -> std::io::Result<Option<u64>> {
    let next = AtomicU64::new(arguments.seeds.start);
    let first: Mutex<Option<u64>> = Mutex::new(None);
    let broken: Mutex<Option<std::io::Error>> = Mutex::new(None);
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let begin = next.fetch_add(BATCH, Ordering::Relaxed);
                    // Seeds before the one that has failed are still of interest.
                    let end = lock(&first).unwrap_or(arguments.seeds.end).min(begin.saturating_add(BATCH));
                    if begin >= end || lock(&broken).is_some() {
                        return;
                    }
                    match try_batch(arguments, begin..end, scratch) {
                        Ok(Some(seed)) => {
                            let mut first = lock(&first);
                            if first.is_none_or(|f| f > seed) {
                                *first = Some(seed);
                            }
                        }
                        Ok(None) => {}
                        Err(e) => *lock(&broken) = Some(e),
                    }
                }
            });
        }
    });
    match lock(&broken).take() {
        Some(e) => Err(e),
        None => Ok(*lock(&first)),
    }
}
fn command(arguments: &Arguments, report: &Path) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("explore").arg("--report").arg(report).arg("--limit").arg(arguments.limit.to_string());
    command.args(arguments.cluster.options());
    command.stdin(Stdio::null());
    Ok(command)
}
/// Runs seeds in a process of the system; the first that fails.
fn try_batch(arguments: &Arguments, seeds: Range<u64>, scratch: &Scratch) -> std::io::Result<Option<u64>> {
    let report = scratch.file(format!("batch.{}", seeds.start));
    let mut command = command(arguments, &report)?;
    command.arg("--batch").arg(format!("{}..{}", seeds.start, seeds.end)).arg("--").args(&arguments.file);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    if status.success() {
        return Ok(None);
    }
    // Whatever has ended it: the seed that it was at.
    let said = std::fs::read_to_string(&report).unwrap_or_default();
    Ok(Some(said.trim().parse().unwrap_or(seeds.start)))
}
/// Runs a seed alone; how it fails, if it does.
fn try_alone(
    arguments: &Arguments,
    seed: u64,
    decisions: Option<Decisions>,
    scratch: &Scratch,
) -> std::io::Result<Option<Failure>> {
    let [report, out, errors] = ["report", "out", "errors"].map(|name| scratch.file(name));
    let _ = std::fs::remove_file(&report);
    let mut command = command(arguments, &report)?;
    command.arg("--seed").arg(seed.to_string());
    if let Some(decisions) = &decisions {
        command.arg("--schedule").arg(decisions.to_string());
    }
    command.arg("--").args(&arguments.file);
    command.stdout(std::fs::File::create(&out)?).stderr(std::fs::File::create(&errors)?);
    let mut child = command.spawn()?;
    let until = Instant::now() + Duration::from_secs(arguments.limit);
    let mut status = None;
    let mut pause = Duration::from_millis(1);
    while status.is_none() && Instant::now() < until {
        status = child.try_wait()?;
        if status.is_none() {
            std::thread::sleep(pause);
            pause = (2 * pause).min(Duration::from_millis(50));
        }
    }
    let how = match status {
        Some(status) if status.success() => return Ok(None),
        Some(status) => told(status),
        None => {
            child.kill()?;
            child.wait()?;
            format!("it runs for more than {} s", arguments.limit)
        }
    };
    let said = std::fs::read_to_string(&report).unwrap_or_default();
    let (decisions, diagram) = said.split_once('\n').unwrap_or(("none", ""));
    Ok(Some(Failure {
        how,
        out: std::fs::read(&out)?,
        errors: std::fs::read(&errors)?,
        decisions: parse_decisions(decisions).unwrap_or_default(),
        diagram: diagram.to_string(),
    }))
}
fn told(status: ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |n| format!("exit status {n}"))
}
