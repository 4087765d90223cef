//! Nodes as their users have them: programs that find each other by a port mapper, on this host alone.
//!
//! Journey: remote signal, end to end. Each test has a home folder and a port mapper of its own.

mod user;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use user::{User, path, text};

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

#[test]
fn another_cookie_is_refused_and_said_so() {
    let (user, stranger) = (User::new("cookie"), User::new("stranger"));
    let mut server = user.start(&["run", &path("tests/nodes/server.lua")]);
    assert_eq!(server.line(), "ready");
    let stranger = User { home: stranger.home.clone(), port: user.port };
    let program = "local c = require 'concurrent'
        print(c.isnodealive 'server@localhost')
        local ok, why = c.send({ 'echo', 'server@localhost' }, 1)
        print(ok, why)";
    let run = stranger.run(&["run", "--node", "asker@localhost", "-e", program]);
    assert!(text(&run.stdout).starts_with("false\nfalse\tno connection to server@localhost: cookie?"), "{run:?}");
}

#[test]
fn a_cookie_that_others_can_read_is_refused() {
    let user = User::new("mode");
    let file = user.home.join("cookie");
    std::fs::write(&file, "a secret of some length").expect("it can be written");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("it is ours");
    let file = file.to_string_lossy().into_owned();
    let run = user.run(&["run", "--cookie-file", &file, "--node", "a@localhost", "-e", "print(1)"]);
    assert_eq!((run.status.code(), text(&run.stdout)), (Some(1), String::new()));
    assert!(text(&run.stderr).contains(&format!("run chmod 600 {file}")), "{}", text(&run.stderr));
}

#[test]
fn a_name_is_given_once() {
    let user = User::new("names");
    let mut server = user.start(&["run", &path("tests/nodes/server.lua")]);
    assert_eq!(server.line(), "ready");
    let run = user.run(&["run", "--node", "server@localhost", "-e", "print(1)"]);
    assert_eq!(run.status.code(), Some(1));
    assert!(text(&run.stderr).contains("the name 'server' is taken on this host"), "{}", text(&run.stderr));
    let run = user.run(&["run", "--node", "x@no-such-host.invalid", "-e", "print(1)"]);
    assert!(text(&run.stderr).contains("unknown host 'no-such-host.invalid'"), "{}", text(&run.stderr));
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

/// Who connects and says nothing, or nonsense, is dropped; the node serves others meanwhile.
#[test]
fn strangers_hold_up_nobody() {
    use std::io::{Read, Write};
    let user = User::new("silent");
    let address = TcpListener::bind(("127.0.0.1", 0)).and_then(|l| l.local_addr()).expect("there are ports");
    let name = format!("server@127.0.0.1:{}", address.port());
    let wait = "print 'ready' require('concurrent').receive()";
    let mut server = user.start(&["run", "--node", &name, "-e", wait]);
    assert_eq!(server.line(), "ready");
    let connect = || std::net::TcpStream::connect(address).expect("it listens");
    let silent: Vec<_> = (0..200).map(|_| connect()).collect();
    let mut noisy = connect();
    noisy.write_all(&[0xff; 5000]).expect("it can be written");
    let mut answer = Vec::new();
    // It is closed, with or without a reset.
    let _ = noisy.read_to_end(&mut answer);
    assert!(answer.len() < 100);
    let program = format!("print(require('concurrent').isnodealive '{name}')");
    let run = user.run(&["run", "--node", "asker@localhost", "-e", &program]);
    assert_eq!(text(&run.stdout), "true\n", "{run:?}");
    // The last of those that say nothing have 5 seconds.
    for mut s in silent {
        let _ = s.read_to_end(&mut answer);
    }
    assert!(answer.len() < 100);
}
