//! The services of examples/services/, whose parts are killed at random while a client checks what they promise.
//!
//! Journey: none of its own; all of them, end to end. The client (tests/services/) kills processes itself, and asks for whole nodes to
//! be killed with `restart NAME`: by kill -9, and started again. `RLUA_SERVICE_SEEDS=100` runs more seeds.

use crate::user::{Started, User, path, text};
use std::path::Path;
use std::process::Command;

/// Parts that are killed in each run.
const KILLS: &str = "8";

/// A program of the service at a node, and how it is started once more.
struct Part {
    name: &'static str,
    first: String,
    again: String,
    /// What it is resumed from, if that is there.
    checkpoint: Option<String>,
}

fn start(user: &User, part: &Part, is_first: bool) -> Started {
    let script = if is_first { &part.first } else { &part.again };
    let mut command = match &part.checkpoint {
        Some(file) if Path::new(file).exists() => user.command(&["resume", file]),
        Some(_) => user.command(&["run", "-e", script]),
        None => user.command(&["run", "--node", &format!("{}@localhost", part.name), "-e", script]),
    };
    Started::new(with_path(&mut command))
}
fn with_path(command: &mut Command) -> Command {
    command.env("LUA_PATH", path("examples/services/?.lua"));
    std::mem::replace(command, Command::new("true"))
}
/// A service keeps its promises.
fn survives(service: &str, parts: impl Fn(&User) -> Vec<Part>) {
    let seeds = std::env::var("RLUA_SERVICE_SEEDS").map_or(3, |n| n.parse().expect("a number of seeds"));
    for seed in 1..=seeds {
        let user = User::new(&format!("{service}-{seed}"));
        let _mapper = user.start(&["pmd"]);
        let parts = parts(&user);
        let mut running = Vec::new();
        for part in &parts {
            running.push(start(&user, part, true));
            user.wait_for(part.name);
        }
        let script = path(&format!("tests/services/{service}.lua"));
        let mut client = user.command(&["run", &script, &seed.to_string(), KILLS]);
        let mut client = Started::new(with_path(&mut client));
        let mut said = client.line();
        while let Some(name) = said.strip_prefix("restart ") {
            let i = parts.iter().position(|p| p.name == name).expect("a part of the service");
            kill(&mut running[i]);
            wait_until_gone(&user, name);
            running[i] = start(&user, &parts[i], false);
            said = client.line();
        }
        if said != "all is well" {
            let parts =
                parts.iter().zip(running).map(|(part, running)| format!("\n{}: {}", part.name, running.errors()));
            panic!("{service}, seed {seed}: {said}\n{}{}", client.errors(), parts.collect::<String>());
        }
    }
}
/// By kill -9, once it has begun; one that has ended by itself is left.
fn kill(part: &mut Started) {
    while part.child.try_wait().expect("it can be waited for").is_none() {
        let program = part.program();
        if !program.is_empty() {
            let _ = Command::new("kill").args(["-9", &program]).status();
            let _ = part.child.wait();
            return;
        }
        std::thread::yield_now();
    }
}
fn wait_until_gone(user: &User, node: &str) {
    loop {
        let listed = user.run(&["pmd", "--list"]);
        if !text(&listed.stdout).lines().any(|l| l.split('\t').next() == Some(node)) {
            return;
        }
        std::thread::yield_now();
    }
}
/// Two nodes, of which each is told of the other when it is started again.
fn two_nodes(service: &str) -> Vec<Part> {
    let serve = |other: &str| format!("require('{service}').serve({other})");
    let part =
        |name, first: &str, again: &str| Part { name, first: serve(first), again: serve(again), checkpoint: None };
    vec![part("a", "", "'b@localhost'"), part("b", "'a@localhost'", "'a@localhost'")]
}

#[test]
fn a_store_loses_nothing_that_it_has_answered() {
    survives("store", |_| two_nodes("store"));
}
#[test]
fn each_job_has_its_result() {
    survives("jobs", |user| {
        let file = |name: &str| user.home.join(name).display().to_string();
        let serve = format!("require('jobs').serve('{}')", file("journal"));
        let mut parts = vec![Part { name: "q", first: serve.clone(), again: serve, checkpoint: None }];
        for name in ["w1", "w2"] {
            let checkpoint = file(&format!("{name}.checkpoint"));
            let work = format!("require('jobs').work('{name}@localhost', 'q@localhost', '{checkpoint}')");
            parts.push(Part { name, first: work.clone(), again: work, checkpoint: Some(checkpoint) });
        }
        parts
    });
}
#[test]
fn each_line_of_a_chat_is_heard_once_by_all() {
    survives("chat", |_| two_nodes("chat"));
}
