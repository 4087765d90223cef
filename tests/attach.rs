//! `attach`, `ps` and `top` as their users have them, from a pipe.
//!
//! Journey: input -> process of the node -> output, end to end.

use crate::user::{Started, User, path, text};
use std::io::Write;
use std::process::{Command, Stdio};

const NODE: &str = "shop@localhost";

fn node(user: &User) -> Started {
    let mut node = user.start(&["run", &path("tests/nodes/attached.lua")]);
    assert_eq!(node.line(), "ready");
    node
}
/// What the prompt writes on standard output and on standard error.
fn attach(user: &User, input: &str) -> (String, String) {
    let run = user.run_with_input(&["attach", NODE], input);
    assert_eq!(run.status.code(), Some(0), "{run:?}");
    (text(&run.stdout), text(&run.stderr))
}
/// A prompt that goes on while other things happen, with this input.
fn prompt(user: &User, input: &str) -> Started {
    let mut command = user.command(&["attach", NODE]);
    command.stdin(Stdio::piped());
    let mut prompt = Started::new(command);
    let mut stdin = prompt.child.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).expect("it can be written");
    prompt
}
/// A signal for the program, which is the child of what was started.
fn signal(started: &Started, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(started.program()).status();
    assert!(sent.expect("kill runs").success());
}

#[test]
fn what_is_typed_runs_in_the_node() {
    let user = User::new("attach");
    let _node = node(&user);
    let (out, errors) = attach(
        &user,
        "1 + 1\n\
         concurrent.node(), stock, total()\n\
         stock.apples = 100\n\
         total()\n\
         print('printed', nil, 1.5) io.write('written', 1, '\\n')\n\
         for i = 1, 2 do\n\
         io.stdout:write(i, ' ')\n\
         end print()\n\
         send('counter', { what = 'plums', n = 1 })\n\
         send('counter', { ask = concurrent.self() })\n\
         concurrent.receive().stock\n\
         info('counter').name, info('counter').status, process(2) == concurrent.whereis 'counter'\n\
         kill 'counter'\n\
         concurrent.whereis 'counter'\n",
    );
    assert_eq!(errors, "");
    let wanted = [
        "2",
        "\"shop@localhost\"\t{ apples = 3, pears = 5 }\t8",
        // The prompt has a copy of the globals, and changes that.
        "105",
        "printed\tnil\t1.5",
        "written1",
        "1 2 ",
        "true",
        "true",
        "{ apples = 3, pears = 5, plums = 1 }",
        "\"counter\"\t\"waiting\"\ttrue",
        "true",
        "nil",
    ];
    assert_eq!(out.lines().collect::<Vec<_>>(), wanted);
}

#[test]
fn errors_are_shown_and_the_prompt_goes_on() {
    let user = User::new("attach-errors");
    let _node = node(&user);
    let (out, errors) = attach(
        &user,
        "error 'oops'\n\
         local function f() stock.x.y = 1 end f()\n\
         error(setmetatable({}, { __tostring = function() return 'an object' end }))\n\
         x = = 1\n\
         coroutine.yield()\n\
         os.exit()\n\
         kill(12345)\n\
         io.read()\n\
         concurrent.exit 'bye'\n\
         'still here', concurrent.node()\n",
    );
    assert_eq!(out, "\"still here\"\t\"shop@localhost\"\n");
    let mut at = 0;
    for part in [
        "stdin:1: oops\nstack traceback:\n\t[C]: in function 'error'\n\tstdin:1: in main chunk",
        "stdin:1: attempt to index a nil value (field 'x')\nstack traceback:\n\tstdin:1: in local 'f'",
        "an object\n",
        "stdin:1: unexpected symbol near '='",
        "attempt to yield from outside a coroutine",
        "that would end the node shop@localhost",
        "no process 12345",
        "there is no standard input at this prompt",
        "the process of the prompt has ended (bye); a new one begins",
    ] {
        let found = errors[at..].find(part);
        at += found.unwrap_or_else(|| panic!("{part:?} is not where it should be in {errors}"));
    }
}

#[test]
fn what_runs_away_is_interrupted_and_then_ended() {
    let user = User::new("attach-interrupt");
    let _node = node(&user);
    let mut prompt = prompt(
        &user,
        "print 'begun' while true do end\n\
         print 'begun' concurrent.receive()\n\
         print 'begun' while true do pcall(function() while true do end end) print 'caught' end\n\
         for i = 1, math.huge do print(i) end\n\
         'after'\n",
    );
    assert_eq!(prompt.line(), "begun");
    signal(&prompt, "INT");
    assert_eq!(prompt.line(), "begun");
    signal(&prompt, "INT");
    assert_eq!(prompt.line(), "begun");
    // The first is caught; the second ends the process. (Two at once may be one to the system.)
    signal(&prompt, "INT");
    assert_eq!(prompt.line(), "caught");
    signal(&prompt, "INT");
    for i in 1..=1000 {
        assert_eq!(prompt.line(), i.to_string());
    }
    signal(&prompt, "INT");
    loop {
        match &prompt.line()[..] {
            "\"after\"" => break,
            line => assert!(line.parse::<u32>().is_ok(), "{line}"),
        }
    }
    assert_eq!(prompt.rest().1, Some(0));
}

/// In `nodes()`, at the port mapper and among the processes there is nothing of a visit, nor is there afterwards.
#[test]
fn a_visit_leaves_no_trace() {
    let user = User::new("attach-trace");
    let _node = node(&user);
    let look = "send(1, { ask = concurrent.self() })\nconcurrent.receive()\nconcurrent.nodes()\n";
    for _ in 0..3 {
        // The root and the counter; what is typed, and what ends it with the connection.
        assert_eq!(attach(&user, look).0, "true\n{ nodes = {}, processes = 4 }\n{}\n");
        assert_eq!(text(&user.run(&["pmd", "--list"]).stdout).lines().count(), 1);
        wait_for_two(&user);
    }
    // One whose client is gone in the middle of something.
    let mut prompt = prompt(&user, "print 'begun' concurrent.setoption('trapexit', true) while true do end\n");
    assert_eq!(prompt.line(), "begun");
    signal(&prompt, "KILL");
    wait_for_two(&user);
}
fn wait_for_two(user: &User) {
    while text(&user.run(&["ps", NODE]).stdout).lines().count() != 3 {}
}

#[test]
fn ps_prints_a_table() {
    let user = User::new("ps");
    let _node = node(&user);
    let run = user.run(&["ps", NODE]);
    assert_eq!((run.status.code(), text(&run.stderr)), (Some(0), String::new()));
    let out = text(&run.stdout);
    let lines: Vec<Vec<&str>> = out.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["PID", "NAME", "STATUS", "MAILBOX", "HEAP", "REDUCTIONS", "CURRENT"]);
    assert_eq!((lines[1][0], lines[1][1], lines[2][0], lines[2][1]), ("1", "-", "2", "counter"), "{out}");
    assert_eq!((lines[2][2], lines[2][3]), ("waiting", "0"));
    assert!(lines[2][6].contains("attached.lua:12") && lines.len() == 3, "{out}");
    let run = user.run(&["ps", "--sort", "name", "-n", "1", NODE]);
    let out = text(&run.stdout);
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines.len() == 3 && lines[1].contains(" - ") && lines[2] == "(1 of 2)", "{out}");
}

#[test]
fn top_prints_a_screen_of_all_nodes() {
    let user = User::new("top");
    let _node = node(&user);
    let mut other = user.start(&[
        "run",
        "--node",
        "depot@localhost",
        "-e",
        "local c = require 'concurrent'
         c.register('idle', (c.spawn(c.receive)))
         assert(c.isnodealive 'shop@localhost')
         print 'ready' io.stdout:flush() c.receive()",
    ]);
    assert_eq!(other.line(), "ready");
    let top = |more: &[&str]| {
        let run = user.run(&[&["top", "--once", "--interval", "0.1"], more, &[NODE]].concat());
        assert_eq!((run.status.code(), text(&run.stderr)), (Some(0), String::new()));
        text(&run.stdout)
    };
    let out = top(&["--sort", "age"]);
    let lines: Vec<Vec<&str>> = out.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["rlua-actor", "top", NODE, "all", "2", "nodes"], "{out}");
    assert_eq!((lines[2][0], lines[2][1], lines[3][0], lines[3][1]), (NODE, "2", "depot@localhost", "2"), "{out}");
    assert_eq!(lines[5][..3], ["PID", "NAME", "STATUS"], "{out}");
    let of = |lines: &[Vec<&str>], name: &str| lines.iter().any(|l| l.len() > 2 && l[1] == name && l[2] == "waiting");
    assert!(lines.len() == 10 && of(&lines, "counter") && of(&lines, "idle"), "the tool itself is not listed: {out}");
    assert!(out.contains("attached.lua:12 in function <"), "{out}");
    let out = top(&["--filter", "counter"]);
    assert!(out.lines().count() == 7 && out.contains("<shop@localhost.2>"), "{out}");
    // Nothing stays.
    wait_for_two(&user);
    let run = user.run(&["top", NODE]);
    assert_eq!((run.status.code(), text(&run.stdout)), (Some(2), String::new()));
    assert!(text(&run.stderr).contains("--once"), "{run:?}");
}

#[test]
fn who_waits_for_whom_is_told_over_all_nodes() {
    let user = User::new("waits");
    let _node = node(&user);
    let mut other = user.start(&[
        "run",
        "--node",
        "depot@localhost",
        "-e",
        "local c = require 'concurrent'
         local root = c.self()
         local function wait(name) c.register(name) c.send(root, name) c.receive(nil, { from = c.receive() }) end
         local near = c.spawn(wait, 'near')
         local far = c.spawn('shop@localhost', wait, 'far')
         local last = c.spawn(wait, 'last')
         for i = 1, 3 do c.receive() end
         c.send(near, far) c.send(far, near) c.send(last, near)
         local function waits(p) return (c.processinfo(p).waitsfor or {})[1] end
         while waits(far) ~= near or waits(last) ~= near do end
         local behind = c.spawn(function(boss) c.send(boss, 'behind') c.receive(nil, { from = boss }) end, root)
         c.receive()
         print(last, behind, root) io.stdout:flush() c.receive()",
    ]);
    let pids = other.line();
    let [last, behind, root] = pids.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{pids}") };
    // One of two may still be about to wait.
    let out = loop {
        let run = user.run(&["ps", "--waits", NODE]);
        assert_eq!((run.status.code(), text(&run.stderr)), (Some(0), String::new()));
        if text(&run.stdout).contains(&format!("{behind} for")) {
            break text(&run.stdout);
        }
    };
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "IN A CIRCLE, each waits for the next", "{out}");
    let (a, b) = (lines[1].contains("'far' -> <"), lines[1].contains("'near' -> <"));
    assert!(a && b && lines[1].matches("<depot@localhost.").count() >= 1, "{out}");
    assert!(lines.iter().any(|l| l.starts_with(&format!("{last} 'last' for <")) && l.contains("'near'")), "{out}");
    assert!(lines.iter().any(|l| l.contains(&format!("1  {root}  waiting for a message at"))), "{out}");
}

#[test]
fn what_happens_to_a_process_is_told() {
    let user = User::new("trace");
    let mut node = user.start(&[
        "run",
        "--node",
        NODE,
        "-e",
        "local c = require 'concurrent'
         local root = c.self()
         local echo = c.spawn(function()
           while true do
             local m = c.receive()
             if m == 'end' then break end
             c.monitor(root)
             c.demonitor(root)
             c.send(root, { echo = m })
             c.spawn(function() end)
           end
         end)
         c.register('echo', echo)
         c.spawn(function() while true do c.send(echo, { ping = 'a\\27b' }) c.sleep(20) end end)
         print 'ready' io.stdout:flush()
         while true do if c.receive().stop then c.send(echo, 'end') end end",
    ]);
    assert_eq!(node.line(), "ready");
    let file = user.home.join("trace.json");
    let name = file.to_string_lossy().into_owned();
    let run = user.run(&["trace", "--seconds", "1", "--json", &name, NODE, "echo"]);
    assert_eq!((run.status.code(), text(&run.stderr)), (Some(0), String::new()));
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&file).expect("it is there")).expect("it is JSON");
    let events = json["traceEvents"].as_array().expect("an array");
    let instants: Vec<_> = events.iter().filter(|e| e["ph"] == "i").collect();
    assert!(
        instants.iter().all(|e| e["ts"].as_u64().is_some_and(|t| t > 1_000_000_000_000) && e["tid"] == 2),
        "{json}"
    );
    for (name, value) in
        [("received", "{ping='a?b'}"), ("sent to", "{echo={ping='a?b'}}"), ("spawned", ""), ("tells: monitor", "")]
    {
        assert!(instants.iter().any(|e| e["name"] == name && e["args"]["value"] == value), "{name}: {json}");
    }
    // As lines, until its end.
    let mut tracing = user.start(&["trace", NODE, "2"]);
    assert!(tracing.line().contains("<shop@localhost.2> "));
    user.run_with_input(&["attach", NODE], "send(1, { stop = true })\n");
    let (rest, status) = tracing.rest();
    assert!(status == Some(0) && rest.lines().last().is_some_and(|l| l.ends_with("ended: 'normal'")), "{rest}");
    let run = user.run(&["trace", NODE, "echo"]);
    assert_eq!(run.status.code(), Some(1));
    assert!(text(&run.stderr).contains("has no process echo"), "{run:?}");
}

#[test]
fn debug_writes_what_happens_to_a_process() {
    let user = User::new("debug");
    let run = user.run(&[
        "run",
        "-e",
        "local c = require 'concurrent'
         local root = c.self()
         c.spawn(function()
           c.setoption('debug', true)
           c.send(root, 7)
           assert(c.receive() == 'one')
           c.setoption('debug', false)
           c.send(root, 'unseen')
         end)
         assert(c.receive() == 7)
         c.send('none', 1)
         for _, p in ipairs(c.processes()) do if p ~= root then c.send(p, 'one') end end
         assert(c.receive() == 'unseen')",
    ]);
    assert_eq!(run.status.code(), Some(0), "{run:?}");
    let errors = text(&run.stderr);
    let lines: Vec<&str> = errors.lines().map(|l| l.split_once(' ').expect("a time").1).collect();
    assert_eq!(lines, ["<0.2> sent to <0.1> 7", "<0.2> received 'one'"], "{errors}");
}

#[test]
fn a_node_that_cannot_be_reached_is_one_line() {
    let user = User::new("ps-nobody");
    let _node = node(&user);
    let secret = user.home.join("other");
    std::fs::write(&secret, "another secret of some length").expect("it can be written");
    let chmod = Command::new("chmod").arg("600").arg(&secret).status();
    assert!(chmod.expect("chmod runs").success());
    let secret = secret.to_string_lossy().into_owned();
    for (arguments, why) in [
        (vec!["nobody@localhost"], "no node 'nobody' on host 'localhost'"),
        (vec!["shop@no-such-host.invalid"], "unknown host 'no-such-host.invalid'"),
        (vec!["shop@localhost:9"], "onnection refused"),
        (vec!["--cookie-file", &secret, NODE], "cookie?"),
    ] {
        for command in [&["ps"][..], &["attach"], &["top", "--once"]] {
            let run = user.run(&[command, &arguments[..]].concat());
            let errors = text(&run.stderr);
            assert_eq!((run.status.code(), text(&run.stdout)), (Some(1), String::new()), "{run:?}");
            assert!(errors.contains(why) && errors.lines().count() == 1, "{errors}");
        }
    }
    let run = user.run(&["ps", "no name"]);
    assert_eq!(run.status.code(), Some(2));
}
