//! `--seed N`: the same output every time, byte by byte, and another one for another seed.
//!
//! Journey: none of its own. The programs in tests/seed/ use all that differs from run to run otherwise: time, chance,
//! addresses, the order of hashing, calls of the system, the moment at which a thread is woken.

use std::collections::HashSet;
use std::path::Path;
use std::process::{Command, Stdio};

/// How often each program runs with each seed.
const RUNS: usize = 20;

fn output(program: &str, seed: u64, slice: u64) -> (Vec<u8>, Vec<u8>) {
    let finished = Command::new(env!("CARGO_BIN_EXE_rlua-actor"))
        .args(["run", "--seed", &seed.to_string(), "--slice", &slice.to_string()])
        .arg(Path::new("tests/seed").join(program))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    assert_eq!(finished.status.code(), Some(0), "{program}: {}", String::from_utf8_lossy(&finished.stderr));
    (finished.stdout, finished.stderr)
}

/// The line in which two outputs begin to differ.
fn difference(a: &[u8], b: &[u8]) -> String {
    let (a, b) = (String::from_utf8_lossy(a), String::from_utf8_lossy(b));
    let differs = a.lines().zip(b.lines()).enumerate().find(|(_, (a, b))| a != b);
    differs.map_or("one is longer".to_string(), |(i, (a, b))| format!("line {}:\n{a}\n{b}", i + 1))
}

#[track_caller]
fn repeats(program: &str) {
    let mut seen = HashSet::new();
    for (seed, slice) in [(1, 4000), (2, 4000), (3, 50)] {
        let first = output(program, seed, slice);
        for run in 1..RUNS {
            let again = output(program, seed, slice);
            assert!(first.0 == again.0, "{program}, seed {seed}, run {run}: {}", difference(&first.0, &again.0));
            assert!(first.1 == again.1, "{program}, seed {seed}, run {run}: {}", difference(&first.1, &again.1));
        }
        assert!(seen.insert(first.0), "{program}: seed {seed} gives what another gave");
    }
}

#[test]
fn messages_timers_and_chance() {
    repeats("messages.lua");
}
#[test]
fn a_ring_with_files() {
    repeats("ring.lua");
}
#[test]
fn who_is_first() {
    repeats("shared.lua");
}
