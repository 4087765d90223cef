//! The protocol between nodes as spec/protocol.md has it: a peer in Python that was written from the specification alone.
//!
//! Journey: remote signal, end to end. `protocol/peer.py` is the peer, `protocol/talk.py` what it says to a node that runs
//! `protocol/program.lua`; both need python3 and nothing beside it. `protocol/session.txt` is a session that was captured so, and
//! `session.out` what it decodes to. `BLESS=1` makes both anew.

use crate::user::{User, path, text};
use std::process::{Command, Output};

fn python(arguments: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    // No folder of compiled files beside the sources.
    command.args(["-k", "5", "200", "python3", "-B"]).args(arguments);
    let output = command.output().expect("timeout runs");
    assert_ne!(output.status.code(), Some(127), "these tests need python3: {}", text(&output.stderr));
    output
}

#[test]
fn a_node_talks_with_a_peer_that_was_written_from_the_specification() {
    let user = User::new("protocol");
    let cookie = user.home.join(".rlua-actor.cookie");
    let digits: String = (0..64).map(|i| format!("{:x}", i * 7 % 16)).collect();
    std::fs::write(&cookie, format!("rlua-{digits}\n")).expect("it can be written");
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&cookie, permissions).expect("it can be the owner's alone");
    let mut node = user.start(&["run", &path("tests/protocol/program.lua"), "lua@127.0.0.1"]);
    assert_eq!(node.line(), "ready");
    let (talk, cookie, port) = (path("tests/protocol/talk.py"), cookie.to_string_lossy(), user.port.to_string());
    let session = path("tests/protocol/session.txt");
    let mut arguments = vec![talk.as_str(), &cookie, &port];
    let bless = std::env::var_os("BLESS").is_some();
    if bless {
        arguments.push(&session);
    }
    let peer = python(&arguments);
    assert_eq!(text(&peer.stdout), "all is well\n", "{}\nthe node: {}", text(&peer.stderr), node.errors());
    if bless {
        std::fs::write(path("tests/protocol/session.out"), decoded()).expect("it can be written");
    }
}

#[test]
fn a_captured_session_is_decoded_without_a_node() {
    let expected = std::fs::read_to_string(path("tests/protocol/session.out")).expect("it is there");
    assert_eq!(decoded(), expected);
}
fn decoded() -> String {
    let output = python(&[&path("tests/protocol/peer.py"), &path("tests/protocol/session.txt")]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}
