//! Nobody starves: what library functions and operators are charged for, and how much of it they do in one go.
//!
//! Journey: none of its own. Every case of benches/fairness.lua runs under a seed, so time is reductions and each run is the
//! same. It is charged for what it touches, no slice is much longer than it may be, and a kill ends it.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

/// Reductions of a slice.
const SLICE: usize = 200;
/// Most reductions that one may have: a native does some work in one go, whatever the slice (a small message, a piece of a
/// collection).
const MOST: usize = 3000;
/// Megabytes of the cases.
const SIZE: &str = "0.5";

/// Cases in which a slice may be longer, how long, and why. Each kind stands in spec/processes.md.
const EXCEPTIONS: &[(&str, usize, &str)] = &[
    ("table constructor", 51_000, VALUES),
    ("char", 26_000, VALUES),
    ("table.pack", 26_000, VALUES),
    ("table.unpack", 26_000, VALUES),
    ("table.unpack proxy", 26_000, VALUES),
    ("pcall", 51_000, VALUES),
    ("select", 26_000, VALUES),
    ("select all", 26_000, VALUES),
    ("coroutines", 51_000, VALUES),
    ("math.max", 26_000, VALUES),
    ("math.min", 26_000, VALUES),
    ("utf8.char", 26_000, VALUES),
    ("deep recursion", 5_000, STACK),
    ("stack overflow", 5_000, STACK),
    ("traceback", 5_000, STACK),
    ("coroutine.close", 5_000, STACK),
    ("table.concat of one long", 4_000, COPY),
    ("send string", 4_000, COPY),
    ("warn", 4_000, COPY),
    ("os.rename", 4_000, COPY),
    ("io.write", 4_000, OUTSIDE),
    ("dump", 9_000, OUTSIDE),
    ("load, binary", 9_000, OUTSIDE),
    ("require", 20_000, OUTSIDE),
];
/// 200,000 values as arguments or results.
const VALUES: &str = "values are moved on the stack in one go";
const STACK: &str = "a stack grows in one go";
const COPY: &str = "two copies of 0.5 MB";
const OUTSIDE: &str = "the work is done while another thread has the worker's place, and charged afterwards";

/// The lines that the program prints with these arguments, with the reports of long slices among them.
fn run(name: &str, milliseconds: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fairness-{name}.txt"));
    let file = File::create(&path).expect("a file can be made");
    let status = Command::new(env!("CARGO_BIN_EXE_rlua-actor"))
        .args(["run", "--seed", "1", "--slice", &SLICE.to_string(), "--long-slice", &MOST.to_string()])
        .args(["benches/fairness.lua", milliseconds, SIZE])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .stdout(file.try_clone().expect("a file can be shared"))
        .stderr(file)
        .status()
        .expect("the program runs");
    let output = std::fs::read(&path).expect("its output can be read");
    let output = String::from_utf8_lossy(&output);
    assert!(status.success(), "{output}");
    output.lines().map(str::to_string).collect()
}
/// The name of a case, in the line that tells of it.
fn case(line: &str) -> &str {
    line.get(..26).unwrap_or(line).trim_end()
}
/// What stands after some words.
fn number<'l>(line: &'l str, after: &str) -> Option<&'l str> {
    line.split(after).nth(1)?.split_whitespace().next()
}

#[test]
fn work_is_charged_and_slices_end() {
    let allowed: HashMap<_, _> = EXCEPTIONS.iter().map(|&(name, most, why)| (name, (most, why))).collect();
    let (mut faults, mut cases, mut longest) = (Vec::new(), 0, 0);
    for line in run("charges", "0") {
        if let Some(n) = number(&line, "a slice of ") {
            longest = longest.max(n.parse().expect("reductions"));
            continue;
        }
        cases += 1;
        let name = case(&line);
        let (most, why) = allowed.get(name).copied().unwrap_or((MOST, "no reason is known"));
        if longest > most {
            faults.push(format!("{name}: a slice of {longest} reductions, expected at most {most} ({why})"));
        }
        longest = 0;
    }
    assert!(cases > 120, "only {cases} cases");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// In virtual milliseconds, each of which is 50,000 reductions.
#[test]
fn a_kill_ends_each() {
    let (mut faults, mut cases) = (Vec::new(), 0);
    for line in run("kills", "2") {
        let Some(killed) = number(&line, "killed in ") else { continue };
        cases += 1;
        if killed.parse::<f64>().expect("milliseconds") > 1.0 {
            faults.push(line);
        }
    }
    assert!(cases > 120, "only {cases} cases");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_receiver_keeps_up_with_its_senders() {
    let program = r#"
        local concurrent = require 'concurrent'
        local senders, each = 50, 4000
        local function receiver(root)
          local most = 0
          for i = 1, senders * each do
            concurrent.receive()
            if i % 500 == 0 then most = math.max(most, concurrent.processinfo(concurrent.self()).mailbox) end
          end
          concurrent.send(root, most)
        end
        local to = concurrent.spawn(receiver, concurrent.self())
        for kind = 1, senders do
          concurrent.spawn(function()
            local message = ({ 1, { kind, 'a table' }, 'text' })[kind % 3 + 1]
            for _ = 1, each do concurrent.send(to, message) end
          end)
        end
        print(concurrent.receive())"#;
    let output = Command::new(env!("CARGO_BIN_EXE_rlua-actor"))
        .args(["run", "--seed", "1", "-e", program])
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    let (most, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let most: usize = most.trim().parse().unwrap_or_else(|_| panic!("{most}{complaints}"));
    assert!(most < 20_000, "{most} of 200,000 messages waited at once");
}
