//! The house's own rules, as a test: which module may use which, how long a file may be, how it opens.
//!
//! Journey: none. What each rule is for stands in ARCHITECTURE.md (*Boundaries*).

use std::path::{Path, PathBuf};

/// Lines of the longest file that may be.
const LINES: usize = 1000;

/// What of the machine lies below its library: one thing in three parts.
const BELOW: [&str; 3] = ["heap/", "value/", "vm/"];

/// Pure files: they decide, and touch neither locks, clocks, threads nor what is above them.
const PURE: [&str; 6] = [
    "runtime/src/process/core.rs",
    "runtime/src/process/inbox.rs",
    "runtime/src/process/mailbox.rs",
    "runtime/src/process/signal.rs",
    "runtime/src/process/options.rs",
    "runtime/src/scheduler/timer.rs",
];
/// The protocol of nodes: bytes, times and chance are parameters.
const PURE_FOLDER: &str = "runtime/src/node/";
/// Its sockets.
const SHELL: &str = "runtime/src/node/transport/";
/// What pure files do without.
const IMPURE: [&str; 7] =
    ["Mutex", "Atomic", "Instant", "SystemTime", "std::thread", "crate::scheduler", "crate::concurrent"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
fn rust_files() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["src", "compiler", "runtime", "tests", "fuzz/fuzz_targets", "benches/second/src"] {
        collect(&root().join(folder), &mut found);
    }
    assert!(found.len() > 100, "the sources are where they were");
    found
}
fn collect(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let name = path.strip_prefix(root()).expect("below the root").display().to_string();
            let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
            found.push((name, text));
        }
    }
}
/// The part of a file that is no test of its own.
fn code(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}
fn check(faults: Vec<String>) {
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_file_says_what_it_is() {
    let faults = rust_files()
        .into_iter()
        .filter(|(name, text)| !text.starts_with("//!") && !text.starts_with("#!") && !name.starts_with("fuzz/"));
    check(faults.map(|(name, _)| format!("{name} does not open with what it is")).collect());
}
#[test]
fn no_file_holds_two_ideas() {
    let long = rust_files().into_iter().map(|(name, text)| (name, text.lines().count())).filter(|(_, n)| *n > LINES);
    check(long.map(|(name, n)| format!("{name} has {n} lines")).collect());
}
#[test]
fn arrows_point_down() {
    let mut faults = Vec::new();
    for (name, text) in rust_files() {
        let mut refuse = |what: &str| {
            if code(&text).lines().any(|l| !l.trim_start().starts_with("//") && l.contains(what)) {
                faults.push(format!("{name} uses {what}"));
            }
        };
        if name.starts_with("compiler/src") {
            refuse("rlua_machine");
            refuse("rlua_runtime");
        }
        if let Some(rest) = name.strip_prefix("runtime/machine/src/") {
            refuse("rlua_runtime");
            if BELOW.iter().any(|l| rest.starts_with(l)) {
                refuse("crate::stdlib");
            }
        }
        if name.starts_with("runtime/src/codec/") {
            for above in ["crate::process", "crate::scheduler", "crate::concurrent"] {
                refuse(above);
            }
        }
        if PURE.contains(&name.as_str()) || name.starts_with(PURE_FOLDER) && !name.starts_with(SHELL) {
            IMPURE.iter().for_each(|what| refuse(what));
        }
    }
    check(faults);
}
/// The tables of spec/behaviours.md and the tests that print their rows.
#[test]
fn every_row_of_a_conformance_table_is_a_test() {
    let spec = std::fs::read_to_string(root().join("spec/behaviours.md")).expect("the behaviours are specified");
    let mut faults = Vec::new();
    let mut tables = 0;
    for part in spec.split("\nTests: ").skip(1) {
        tables += 1;
        let mut lines = part.lines();
        let file = lines.next().unwrap_or_default().trim();
        let printed = std::fs::read_to_string(root().join(file).with_extension("out"))
            .unwrap_or_else(|e| panic!("{file}, which spec/behaviours.md names, prints its rows: {e}"));
        let table = lines.skip_while(|l| !l.starts_with("| ")).take_while(|l| l.starts_with("| ")).skip(2);
        let rows: Vec<&str> = table.filter_map(|l| l[2..].split(" | ").next()).collect();
        let tested: Vec<&str> = printed.lines().collect();
        faults.extend(rows.iter().filter(|r| !tested.contains(r)).map(|r| format!("{file}: no test of '{r}'")));
        faults.extend(tested.iter().filter(|t| !rows.contains(t)).map(|t| format!("{file}: no row '{t}'")));
    }
    assert!(tables >= 3, "the tables are where they were");
    check(faults);
}
