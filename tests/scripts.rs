//! The one script runner: every file of lua-tests/ in every mode, and every example, as named tests.
//!
//! A test is a `.lua` file with asserts inside and `x.out` beside it if it prints. Directives stand in its first comment
//! lines: `-- test: processes` (needs the module concurrent), `status=N` (exit status), `stderr=TEXT` (a text that
//! standard error must hold), `args=...`, `unordered` (lines of several processes: only the lines themselves count, not
//! their order). `BLESS=1` rewrites expected outputs; `RLUA_TEST_MODES=plain,collect` selects modes.
//!
//! The modes are those that keep the design honest: a collection at every safepoint, a piece of one at every safepoint, one reduction a slice, code
//! dumped and verified and loaded again, every process frozen to bytes and thawed into a fresh heap at its safepoints,
//! one worker and two; the behaviours also under seeds. The expected output is the same in all.

use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A mode's name and the options that make it.
const MODES: [(&str, &[&str]); 9] = [
    ("plain", &["--workers", "1"]),
    ("workers2", &["--workers", "2"]),
    ("collect", &["--workers", "1", "--stress", "collect"]),
    ("pieces", &["--workers", "1", "--stress", "collect-pieces"]),
    ("slice1", &["--workers", "1", "--slice", "1"]),
    ("slice1-workers2", &["--workers", "2", "--slice", "1"]),
    ("reload", &["--workers", "1", "--stress", "reload"]),
    ("freeze", &["--workers", "1", "--stress", "freeze"]),
    ("move", &["--workers", "1", "--stress", "move"]),
];
/// Modes of the behaviours alone: orders drawn from seeds. More of them: `rlua-actor run --seed N`.
const SEEDED: [(&str, &[&str]); 3] =
    [("seed1", &["--seed", "1"]), ("seed2", &["--seed", "2"]), ("seed3", &["--seed", "3"])];
/// Seconds that one script may take in one mode, before it counts as hanging.
const LIMIT: Duration = Duration::from_secs(120);

fn main() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let chosen = std::env::var("RLUA_TEST_MODES").ok();
    let bless = std::env::var_os("BLESS").is_some();
    let mut trials = Vec::new();
    let mut areas = folders(&root.join("lua-tests"));
    areas.push(("../examples".to_string(), root.join("examples")));
    for (area, folder) in areas {
        for file in scripts(&folder) {
            let seeded = SEEDED.iter().filter(|_| area == "behaviours");
            for &(mode, options) in MODES.iter().chain(seeded) {
                if chosen
                    .as_deref()
                    .is_some_and(|c| !c.split(',').any(|m| m == mode || (m == "seeded" && mode.starts_with("seed"))))
                    || (bless && mode != "plain")
                {
                    continue;
                }
                let script = format!("{area}/{file}");
                let root = root.join("lua-tests");
                let name = format!("{} {mode}", script.trim_start_matches("../"));
                trials.push(Trial::test(name, move || check(&root, &script, options, bless)));
            }
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn folders(root: &Path) -> Vec<(String, PathBuf)> {
    let mut all: Vec<_> = std::fs::read_dir(root)
        .expect("lua-tests is there")
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| p.is_dir() && !p.ends_with("modules"))
        .map(|p| (p.file_name().expect("a folder has a name").to_string_lossy().into_owned(), p))
        .collect();
    all.sort();
    all
}
fn scripts(folder: &Path) -> Vec<String> {
    let mut all: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .filter_map(|e| e.ok().map(|e| e.file_name().to_string_lossy().into_owned()))
        .filter(|n| n.ends_with(".lua"))
        .collect();
    all.sort();
    all
}

/// What the first comment lines ask for.
#[derive(Default)]
struct Directives {
    status: i32,
    stderr: Vec<String>,
    arguments: Vec<String>,
    unordered: bool,
}
fn directives(text: &str) -> Directives {
    let mut d = Directives::default();
    for line in text.lines().take_while(|l| l.starts_with("--") || l.starts_with('#')) {
        let Some(rest) = line.strip_prefix("-- test:") else { continue };
        let rest = rest.trim();
        if let Some(n) = rest.strip_prefix("status=") {
            d.status = n.trim().parse().expect("a status is a number");
        } else if let Some(s) = rest.strip_prefix("stderr=") {
            d.stderr.push(s.to_string());
        } else if let Some(a) = rest.strip_prefix("args=") {
            d.arguments = a.split_whitespace().map(String::from).collect();
        } else {
            for word in rest.split_whitespace() {
                match word {
                    "unordered" => d.unordered = true,
                    "processes" | "workers" => {}
                    other => panic!("unknown directive '{other}'"),
                }
            }
        }
    }
    d
}

fn check(root: &Path, script: &str, options: &[&str], bless: bool) -> Result<(), Failed> {
    let path = root.join(script);
    let text = std::fs::read(&path)?;
    let d = directives(&String::from_utf8_lossy(&text));
    let mut child = Command::new(binary())
        .arg("run")
        .args(options)
        .arg(script)
        .args(&d.arguments)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let out = read_all(child.stdout.take().expect("it is piped"));
    let err = read_all(child.stderr.take().expect("it is piped"));
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if begun.elapsed() > LIMIT {
            child.kill()?;
            child.wait()?;
            return Err(format!("still running after {LIMIT:?}").into());
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let out = out.join().expect("the reader ends");
    let err = String::from_utf8_lossy(&err.join().expect("the reader ends")).into_owned();
    if status.code() != Some(d.status) {
        return Err(format!("exit status {status}, expected {}\n{err}", d.status).into());
    }
    for wanted in &d.stderr {
        if !err.contains(wanted.as_str()) {
            return Err(format!("standard error lacks '{wanted}':\n{err}").into());
        }
    }
    if d.stderr.is_empty() && d.status == 0 && !err.is_empty() {
        return Err(format!("unexpected output on standard error:\n{err}").into());
    }
    let expected = path.with_extension("out");
    if bless {
        if out.is_empty() && !expected.exists() {
            return Ok(());
        }
        std::fs::write(&expected, &out)?;
        return Ok(());
    }
    let wanted = if expected.exists() { std::fs::read(&expected)? } else { Vec::new() };
    let same = if d.unordered { sorted(&out) == sorted(&wanted) } else { out == wanted };
    if !same {
        let (out, wanted) = (String::from_utf8_lossy(&out).into_owned(), String::from_utf8_lossy(&wanted).into_owned());
        return Err(format!("output differs\n--- expected\n{wanted}--- got\n{out}").into());
    }
    Ok(())
}
/// The program under test; `RLUA_TEST_BINARY` names another build of it, such as one with a sanitizer.
fn binary() -> std::ffi::OsString {
    std::env::var_os("RLUA_TEST_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_rlua-actor").into())
}
fn sorted(text: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = text.split(|&b| b == b'\n').collect();
    lines.sort();
    lines
}
fn read_all(mut from: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        // What could be read before an error is compared; the child's status tells the rest.
        let _ = from.read_to_end(&mut all);
        all
    })
}
