//! Races of two processes, each many times: only what the rules allow is ever seen (tests/litmus/races.lua has the list).
//!
//! Journey: none of its own. Under seeds, in virtual time, one program for each seed; and with real workers, many rounds in
//! one program. `RLUA_LITMUS_SEEDS` and `RLUA_LITMUS_ROUNDS` say how many (the full run: 1000 each); `LITMUS_SHOW=1`
//! prints how often each result was seen. `RLUA_LITMUS_FIRST` is the first seed.

use rlua_runtime::{Config, Program, Start};
use std::sync::mpsc;
use std::time::Duration;

/// Seconds that one program may take, before it counts as hanging.
const LIMIT: Duration = Duration::from_secs(600);

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Runs all races so many times.
#[track_caller]
fn races(config: Config, rounds: u64, jitter: u64, what: &str) {
    let text = include_bytes!("litmus/races.lua");
    let script = rlua_compiler::compile(text, b"@races.lua").expect("the races compile");
    let arguments = vec![rounds.to_string().into_bytes(), jitter.to_string().into_bytes()];
    let start = Start { script: Some(script), name: b"races.lua".to_vec(), arguments, ..Start::default() };
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || tell.send(Program::new(config).run(start)));
    match told.recv_timeout(LIMIT) {
        Ok(0) => {}
        Ok(status) => panic!("{what}: status {status}"),
        Err(_) => panic!("{what}: hangs"),
    }
}

#[test]
fn under_seeds() {
    let first = number("RLUA_LITMUS_FIRST", 1);
    for seed in first..first + number("RLUA_LITMUS_SEEDS", 50) {
        // Slices of all lengths, so that each operation is cut off at each place.
        let slice = 1 + (seed * 7 % 60) as i64;
        races(Config { seed: Some(seed), slice, ..Config::default() }, 1, seed, &format!("seed {seed}, slice {slice}"));
    }
}
#[test]
fn with_two_workers() {
    let rounds = number("RLUA_LITMUS_ROUNDS", 100);
    races(Config { workers: 2, slice: 20, ..Config::default() }, rounds, 2, "two workers");
}
#[test]
fn with_two_workers_and_whole_slices() {
    let rounds = number("RLUA_LITMUS_ROUNDS", 100);
    races(Config { workers: 2, ..Config::default() }, rounds, 3, "two workers, whole slices");
}
#[test]
fn with_four_workers() {
    let rounds = number("RLUA_LITMUS_ROUNDS", 100);
    races(Config { workers: 4, slice: 20, ..Config::default() }, rounds, 4, "four workers");
}
/// Processes that handle a signal at the moment in which the gate opens run all the same. It opens once in a program.
#[test]
fn while_the_gate_opens() {
    let text = b"
        local c = require 'concurrent'
        local root = c.self()
        local all = {}
        for i = 1, 30 do
            all[i] = c.spawn(function() c.receive() c.send(root, i) end)
            c.send(all[i], 'go')
        end
        for i = 1, 30 do c.register('p' .. i, all[i]) end
        for _ = 1, 30 do assert(c.receive(60000), 'all answer') end";
    let script = rlua_compiler::compile(text, b"=gate").expect("it compiles");
    for _ in 0..number("RLUA_LITMUS_ROUNDS", 100) * 3 {
        let start = Start { script: Some(script.clone()), name: b"gate".to_vec(), ..Start::default() };
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || tell.send(Program::new(Config { workers: 2, ..Config::default() }).run(start)));
        assert_eq!(told.recv_timeout(LIMIT), Ok(0));
    }
}
