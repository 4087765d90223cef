//! What nodes are asked for and cannot or must not do: one line that helps, and nobody else is held up.
//!
//! Journey: remote signal, as far as it comes.

use crate::user::{Started, User, path, port, text};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;

/// A node that listens on a port of its own, its name, and where it listens.
fn server(user: &User) -> (Started, String, SocketAddr) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port()));
    let name = format!("server@127.0.0.1:{}", address.port());
    let wait = "print 'ready' require('concurrent').receive()";
    let mut server = user.start(&["run", "--node", &name, "-e", wait]);
    assert_eq!(server.line(), "ready");
    (server, name, address)
}
/// Whether a node serves others.
fn serves(user: &User, name: &str) -> bool {
    let program = format!("print(require('concurrent').isnodealive '{name}')");
    let run = user.run(&["run", "--node", "asker@localhost", "-e", &program]);
    text(&run.stdout) == "true\n"
}
fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).expect("it listens")
}
/// Bytes that the program has of memory.
fn resident(started: &Started) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", started.program())).expect("it lives");
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("it has memory");
    let kilobytes: usize = line.split_whitespace().next().and_then(|n| n.parse().ok()).expect("a number");
    kilobytes << 10
}

/// Files and connections that the program has open.
fn open_files(started: &Started) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", started.program())).expect("it lives").count()
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

/// Who connects and says nothing, or nonsense, is dropped; the node serves others meanwhile.
#[test]
fn strangers_hold_up_nobody() {
    let user = User::new("silent");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port()));
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

/// Ten thousand connections that never become any: some say nothing, some stop in the middle of a handshake.
#[test]
fn half_open_connections_take_no_memory_and_no_lines() {
    let user = User::new("crowd");
    let (server, name, address) = server(&user);
    assert!(serves(&user, &name));
    let before = resident(&server);
    let mut open = std::collections::VecDeque::new();
    for i in 0..10_000 {
        let mut stream = connect(address);
        if i % 3 == 0 {
            // It may have been dropped already.
            let _ = stream.write_all(&[0, 48, 1, 2, 3]);
        }
        open.push_back(stream);
        if open.len() > 300 {
            open.pop_front();
        }
        if i % 2500 == 2499 {
            assert!(serves(&user, &name), "after {i}");
        }
    }
    let after = resident(&server);
    assert!(after < before + (32 << 20), "{before} bytes before, {after} after");
    drop(open);
    assert!(serves(&user, &name));
    let errors = server.errors();
    assert!(errors.lines().count() <= 60, "{errors}");
}

#[test]
fn noise_is_refused_with_a_line() {
    let user = User::new("noise");
    let (server, name, address) = server(&user);
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for _ in 0..300 {
        let mut stream = connect(address);
        let noise: Vec<u8> = (0..1 + next() % 3000).map(|_| next() as u8).collect();
        // It is closed in the middle, with or without a reset; one that is too short waits for more until it is closed.
        let _ = stream.write_all(&noise);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert!(serves(&user, &name));
    let errors = server.errors();
    let lines: Vec<&str> = errors.lines().collect();
    assert!((1..=20).contains(&lines.len()), "{errors}");
    assert!(lines[0].starts_with("rlua-actor: refused a connection from 127.0.0.1:"), "{errors}");
    assert!(lines[0].ends_with("it speaks another protocol"), "{errors}");
}

/// Two nodes of one name: the one that came first stays.
#[test]
fn a_second_node_of_a_name_is_refused() {
    let (user, other) = (User::new("twin"), User::new("other-twin"));
    let (server, name, _) = server(&user);
    let look = format!("local c = require 'concurrent' print(c.isnodealive '{name}') c.receive()");
    let mut first = user.start(&["run", "--node", "twin@localhost", "-e", &look]);
    assert_eq!(first.line(), "true");
    let open = open_files(&server);
    // The port mapper of another does not know of it.
    let other = User { home: user.home.clone(), port: other.port };
    let send = format!("local c = require 'concurrent' print(c.send({{ 'x', '{name}' }}, 1))");
    let run = other.run(&["run", "--node", "twin@localhost", "-e", &send]);
    let out = text(&run.stdout);
    assert!(out.contains("another node of this node's name is connected there"), "{out}");
    // The connection that was refused is gone. (The test has an end by the program's.)
    while open_files(&server) > open {
        std::thread::yield_now();
    }
    assert!(server.errors().contains("another node of its name is connected"));
}

#[test]
fn what_cannot_be_reached_says_why() {
    let user = User::new("unreached");
    let run = user.run(&["run", "--node", "asker@localhost", &path("tests/nodes/unreached.lua")]);
    assert_eq!((text(&run.stdout), text(&run.stderr)), ("all is well\n".to_string(), String::new()));
}

/// Another program on the port mapper's port.
#[test]
fn a_port_mapper_that_is_none_is_told() {
    let mut user = User::new("foreign");
    // A port that it holds: what was free a moment ago another test may have by now.
    let foreign = TcpListener::bind(("127.0.0.1", 0)).expect("there are ports");
    user.port = foreign.local_addr().expect("it has an address").port();
    std::thread::spawn(move || {
        for stream in foreign.incoming() {
            let _ = stream.and_then(|mut s| s.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        }
    });
    let run = user.run(&["run", "--node", "a@localhost", "-e", "print(1)"]);
    let errors = text(&run.stderr);
    assert_eq!((run.status.code(), text(&run.stdout), errors.lines().count()), (Some(1), String::new(), 1), "{errors}");
    assert!(errors.contains("another program") && errors.contains(&user.port.to_string()), "{errors}");
    let run = user.run(&["pmd", "--list"]);
    assert_eq!(run.status.code(), Some(1));
    assert!(text(&run.stderr).contains("another program"), "{}", text(&run.stderr));
    let run = user.run(&["pmd"]);
    assert_eq!(run.status.code(), Some(1));
    assert!(text(&run.stderr).contains("cannot listen on port"), "{}", text(&run.stderr));
}

#[test]
fn without_a_cookie_there_is_no_node() {
    let user = User::new("none");
    let empty = user.home.join("empty");
    std::fs::write(&empty, "\n").expect("it can be written");
    std::fs::set_permissions(&empty, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    let (empty, folder) = (empty.to_string_lossy().into_owned(), user.home.to_string_lossy().into_owned());
    for (file, why) in [(&empty[..], "is empty"), (&folder, "cookie"), ("/proc/no/such/place", "cannot")] {
        let run = user.run(&["run", "--cookie-file", file, "--node", "a@localhost", "-e", "print(1)"]);
        let errors = text(&run.stderr);
        assert_eq!((run.status.code(), text(&run.stdout), errors.lines().count()), (Some(1), String::new(), 1));
        assert!(errors.contains(why) && errors.contains(file), "{errors}");
    }
    let mut command = user.command(&["run", "--node", "a@localhost", "-e", "print(1)"]);
    let run = command.env_remove("HOME").output().expect("it runs");
    assert_eq!(run.status.code(), Some(1));
    assert!(text(&run.stderr).contains("--cookie-file"), "{}", text(&run.stderr));
}
