//! Nodes as their users have them: programs that find each other by a port mapper, on this host alone.
//!
//! Journey: remote signal, end to end. Each test has a home folder and a port mapper of its own.

use crate::user::{Started, User, path, text};

/// The thesis, section 5.1.4.
#[test]
fn ping_and_pong() {
    let user = User::new("ping");
    let hosts = ["run", "--host", "gaia=127.0.0.1", "--host", "selene=127.0.0.1"];
    let with = |file: &str| -> Vec<String> { hosts.iter().map(|h| h.to_string()).chain([path(file)]).collect() };
    let (pong, ping) = (with("examples/nodes/pong.lua"), with("examples/nodes/ping.lua"));
    let pong = user.start(&pong.iter().map(String::as_str).collect::<Vec<_>>());
    user.wait_for("pong");
    let ping = user.run(&ping.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(text(&ping.stdout), "ping received pong\n".repeat(3) + "ping finished\n", "{}", text(&ping.stderr));
    let all = pong.rest().0;
    assert_eq!(all, "pong received ping\n".repeat(3) + "pong finished\n");
}

#[test]
fn all_that_works_between_processes_works_between_nodes() {
    let user = User::new("all");
    for workers in ["1", "2"] {
        let mut server = user.start(&["run", "--workers", workers, &path("tests/nodes/server.lua")]);
        assert_eq!(server.line(), "ready");
        let client = user.run(&["run", "--workers", workers, &path("tests/nodes/client.lua")]);
        assert_eq!(text(&client.stderr), "");
        assert_eq!(text(&client.stdout), "all is well\n");
    }
}

#[test]
fn names_are_those_of_all_nodes() {
    let user = User::new("global");
    for workers in ["1", "2"] {
        let mut a = user.start(&["run", "--workers", workers, &path("tests/nodes/named.lua")]);
        assert_eq!(a.line(), "ready");
        let b = user.run(&["run", "--workers", workers, &path("tests/nodes/names.lua")]);
        assert_eq!((text(&b.stdout), text(&b.stderr)), ("all is well\n".to_string(), String::new()));
        assert_eq!(a.line(), "NAMECONFLICT\tclash\ttrue");
    }
}

#[test]
fn a_node_without_a_program_takes_spawns() {
    let user = User::new("empty");
    let _node = user.start(&["node", "worker@localhost"]);
    user.wait_for("worker");
    let program = "local c = require 'concurrent'
        local p = c.spawnmonitor('worker@localhost', function() require('concurrent').exit(6 * 7) end)
        print(c.receive().reason)";
    let run = user.run(&["run", "--node", "asker@localhost", "-e", program]);
    assert_eq!((text(&run.stdout), text(&run.stderr)), ("42\n".to_string(), String::new()));
}

/// The port mapper ends while it is asked for a name, and the one that takes its place, too: the node is the third.
#[test]
fn a_mapper_that_ends_as_a_node_starts() {
    let user = User::new("ending");
    let mapper = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, user.port)).expect("the port is free");
    let mut node = user.start(&["run", "--node", "a@localhost", "-e", "print(require('concurrent').node())"]);
    for _ in 0..2 {
        drop(mapper.accept().expect("the node asks"));
    }
    drop(mapper);
    assert_eq!(node.line(), "a@localhost", "{}", node.errors());
}

/// A function whose node leaves right after it was sent is there all the same.
#[test]
fn what_was_sent_before_a_node_leaves_arrives() {
    let user = User::new("leaves");
    let receive = "local c = require 'concurrent' c.init 'taker@localhost' c.register 'taker' print 'ready'
        print(c.receive()(41))";
    let mut taker = user.start(&["run", "-e", receive]);
    assert_eq!(taker.line(), "ready");
    let send = "local c = require 'concurrent' c.init 'giver@localhost'
        c.send({ 'taker', 'taker@localhost' }, function(n) return n + 1 end) c.shutdown()";
    let run = user.run(&["run", "-e", send]);
    assert_eq!(text(&run.stderr), "");
    assert_eq!(taker.line(), "42");
}

#[test]
fn a_node_s_loop_lasts_as_long_as_it_says() {
    let user = User::new("loop");
    let node = "local c = require 'concurrent' function f(who) c.send(who, 'made') end c.init 'short@localhost'
        local t = c.time() print 'ready' print(c.loop(1500), c.time() - t >= 1500)";
    let mut node = user.start(&["run", "-e", node]);
    assert_eq!(node.line(), "ready");
    let spawn = "local c = require 'concurrent' c.spawn('short@localhost', 'f', c.self()) print(c.receive())";
    assert_eq!(text(&user.run(&["run", "--node", "x@localhost", "-e", spawn]).stdout), "made\n");
    assert_eq!(node.line(), "true\ttrue");
}

/// A cookie counts for connections that are made after it was set.
#[test]
fn the_cookie_can_change() {
    let user = User::new("change");
    let node = "local c = require 'concurrent' c.init 'server@localhost' c.setcookie 'a cookie that was thought of'
        print 'ready' c.receive()";
    let mut node = user.start(&["run", "-e", node]);
    assert_eq!(node.line(), "ready");
    let ask = "local c = require 'concurrent' print(c.isnodealive 'server@localhost')
        print(c.setcookie 'a cookie that was thought of', c.getcookie(), c.isnodealive 'server@localhost')";
    let run = user.run(&["run", "--node", "asker@localhost", "-e", ask]);
    assert_eq!(text(&run.stdout), "false\ntrue\ta cookie that was thought of\ttrue\n", "{run:?}");
}

/// Small messages do not wait for a large one.
#[test]
fn a_large_message_holds_up_nobody() {
    let user = User::new("large");
    for workers in ["1", "2"] {
        let mut server = user.start(&["run", "--workers", workers, &path("tests/nodes/server.lua")]);
        assert_eq!(server.line(), "ready");
        let file = path("tests/nodes/large.lua");
        let run = user.run(&["run", "--workers", workers, "--node", "asker@localhost", &file, "20000000"]);
        assert_eq!((text(&run.stdout), text(&run.stderr)), ("all is well\n".to_string(), String::new()));
    }
}

/// Answers are read although a process never stops to count: their reader waited for a worker that had nothing else to do.
#[test]
fn a_busy_worker_reads_what_comes() {
    let user = User::new("busy");
    let _server = user.start(&["node", "server@localhost"]);
    user.wait_for("server");
    for workers in ["1", "2"] {
        let file = path("tests/nodes/busy.lua");
        let run = user.run(&["run", "--workers", workers, "--node", "asker@localhost", &file]);
        assert_eq!(
            (text(&run.stdout), text(&run.stderr)),
            (
                "all is well
"
                .to_string(),
                String::new()
            )
        );
    }
}

/// A peer that the system has stopped is noticed; until then who sends to it waits, and nobody else does.
#[test]
fn a_stopped_peer_suspends_who_sends_to_it() {
    let user = User::new("stopped");
    let _nodes = ["stopped@localhost", "other@localhost"].map(|name| user.start(&["node", name]));
    user.wait_for("stopped");
    user.wait_for("other");
    let run = user.run(&["run", "--node", "asker@localhost", &path("tests/nodes/stopped.lua")]);
    assert_eq!(text(&run.stderr), "");
    assert_eq!(text(&run.stdout), "nothing was heard of it for 2000 ms\nall is well\n");
}

/// Nodes that start at once, each with names of its own, form a full network and see the same processes under the names.
#[test]
fn many_nodes_agree_on_names() {
    let user = User::new("mesh");
    let (nodes, names) = ("8", "5");
    let start = |i: usize| {
        let (name, first) = (format!("n{i}@localhost"), if i == 0 { "" } else { "n0@localhost" });
        let mut command =
            user.command(&["run", "--workers", "1", &path("benches/actor/mesh.lua"), &name, first, nodes, names]);
        command.stdin(std::process::Stdio::piped());
        Started::new(command)
    };
    let mut all: Vec<_> = (0..8).map(start).collect();
    let mut said: Vec<_> = all.iter_mut().map(|node| (node.line(), node.line())).collect();
    for (joined, agreed) in &mut said {
        assert!(joined.starts_with("joined "), "{joined}");
        // The last word stands for what it sees.
        *agreed = agreed.strip_prefix("agreed ").and_then(|a| a.split(' ').nth(1)).expect("it agrees").to_string();
    }
    assert!(said.iter().all(|(_, agreed)| *agreed == said[0].1), "{said:?}");
}

/// A process of a node that nobody here has met comes in a message, and can be sent to.
#[test]
fn a_pid_says_where_it_is() {
    let user = User::new("third");
    let apart = "local c = require 'concurrent' c.setoption('connectall', false) ";
    let first = format!(
        "{apart} c.init 'first@localhost' c.register 'first' print 'ready'
        local p = c.receive() print(c.send(p, {{ from = c.self() }})) print(c.receive())"
    );
    let mut first = user.start(&["run", "-e", &first]);
    assert_eq!(first.line(), "ready");
    let _third = user.start(&["node", "third@localhost"]);
    user.wait_for("third");
    let second = format!(
        "{apart} c.init 'second@localhost'
        local p = c.spawn('third@localhost', function()
          local c = require 'concurrent'
          c.send(c.receive().from, 'from the third')
          c.receive()
        end)
        print(c.send({{ 'first', 'first@localhost' }}, p))"
    );
    let second = user.run(&["run", "-e", &second]);
    assert_eq!((text(&second.stdout), text(&second.stderr)), ("true\n".to_string(), String::new()));
    assert_eq!((first.line(), first.line()), ("true".to_string(), "from the third".to_string()));
}
