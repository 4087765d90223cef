//! Processes that move between nodes, as their users have them.
//!
//! Journey: a stopped process -> another node -> a process that goes on, end to end.

use crate::user::{User, path, text};
use std::collections::BTreeSet;

/// From wherever a process may be: it prints what it would have printed had it stayed, a part of it at the other node.
#[test]
fn a_process_moves_from_wherever_it_was() {
    let user = User::new("move");
    let script = path("tests/checkpoint/where.lua");
    let source = std::fs::read_to_string(&script).expect("it is there");
    let named = source.lines().filter_map(|l| l.strip_prefix("function cases.")?.strip_suffix("()"));
    let metamethods = source.split_inclusive('=').filter_map(|part| {
        let name = part.strip_suffix(" =")?.rsplit([' ', '{']).next()?;
        name.starts_with("__").then_some(name)
    });
    // What only the main script can do, or what a checkpoint loses.
    let left_out = ["__close", "__mode", "links", "a_child", "options"];
    let cases: BTreeSet<&str> = named.chain(metamethods).filter(|c| !left_out.contains(c)).collect();
    assert!(cases.len() > 25, "{cases:?}");
    let mut there = user.start(&["node", "there@localhost"]);
    user.wait_for("there");
    for case in cases {
        let stayed = user.run(&["run", &script, case, "nothing"]);
        assert_eq!(text(&stayed.stderr), "", "{case}");
        let moved = user.run(&["run", &script, case, "migrate there@localhost"]);
        assert_eq!(text(&moved.stderr), "", "{case}");
        let (expected, mut all) = (text(&stayed.stdout), text(&moved.stdout));
        while all.lines().count() < expected.lines().count() {
            all += &(there.line() + "\n");
        }
        assert_eq!(all, expected, "{case}");
        assert!(moved.stdout.len() < stayed.stdout.len(), "{case}: it went on there");
    }
}

#[test]
fn what_is_sent_follows_in_order() {
    let user = User::new("order");
    let _b = user.start(&["node", "b@localhost"]);
    let _c = user.start(&["node", "c@localhost"]);
    user.wait_for("b");
    user.wait_for("c");
    let run = user.run(&["run", &path("tests/migration/order.lua"), "2000", "20"]);
    assert_eq!((text(&run.stdout), text(&run.stderr)), ("all arrived\tc@localhost\n".to_string(), String::new()));
}

#[test]
fn an_agent_visits_nodes_and_comes_home() {
    let user = User::new("agent");
    let mut selene = user.start(&["node", "selene@localhost"]);
    let mut eos = user.start(&["node", "eos@localhost"]);
    user.wait_for("selene");
    user.wait_for("eos");
    let run = user.run(&["run", &path("examples/migration/agent.lua"), "selene", "nowhere", "eos"]);
    assert_eq!(text(&run.stderr), "");
    let expected = "selene@localhost\t2 processes\neos@localhost\t2 processes\nagent ended\tnormal\n";
    assert_eq!(text(&run.stdout), expected);
    assert_eq!(selene.line(), "agent 1 of 3 has come from gaia@localhost to selene@localhost");
    assert!(selene.line().starts_with("cannot go to nowhere@localhost: no connection"));
    assert_eq!(eos.line(), "agent 3 of 3 has come from selene@localhost to eos@localhost");
}

#[test]
fn a_process_is_moved_by_others() {
    let user = User::new("others");
    let _there = user.start(&["node", "there@localhost"]);
    let _third = user.start(&["node", "third@localhost"]);
    user.wait_for("there");
    user.wait_for("third");
    let run = user.run(&["run", &path("tests/migration/others.lua")]);
    assert_eq!((text(&run.stdout), text(&run.stderr)), ("all is well\n".to_string(), String::new()));
}

/// Each of lua-tests/migration/ in a process that moves to and fro all the while, wherever it is.
#[test]
fn a_process_goes_on_with_all_that_it_had() {
    let user = User::new("driven");
    let _there = user.start(&["node", "there@localhost"]);
    user.wait_for("there");
    let folder = std::fs::read_dir(path("lua-tests/migration")).expect("it is there");
    let mut files: Vec<String> = folder.map(|e| e.expect("an entry").path().display().to_string()).collect();
    files.sort_unstable();
    assert!(files.len() >= 25, "{files:?}");
    let is_large = |f: &String| f.ends_with("/large_heap.lua") || f.ends_with("/deep_frames.lua");
    let (large, small): (Vec<String>, Vec<String>) = files.into_iter().partition(is_large);
    for (least, files) in [("100", small), ("10", large)] {
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let run = user.run(&[&["run", &path("tests/migration/driven.lua"), least], &files[..]].concat());
        assert_eq!((text(&run.stdout), text(&run.stderr)), ("all is well\n".to_string(), String::new()));
    }
}

/// All that can move goes on elsewhere, what cannot is named, and in the end the node.
/// Some are on their way while the one that wants it is still being connected with the other node.
#[test]
fn a_node_with_thousands_of_processes_is_drained() {
    let user = User::new("many");
    let _new = user.start(&["node", "new@localhost"]);
    user.wait_for("new");
    let mut old = user.start(&["run", &path("tests/migration/many.lua")]);
    assert_eq!(old.line(), "ready");
    let run = user.run(&["drain", "old@localhost", "--to", "new@localhost"]);
    let said = (text(&run.stdout), text(&run.stderr));
    assert_eq!(said, ("moved 3001 processes: 3001 to new@localhost\n".to_string(), String::new()));
    let asked = user.run(&["run", &path("tests/migration/ask.lua")]);
    assert_eq!((text(&asked.stdout), text(&asked.stderr)), ("new@localhost\t3000\n".to_string(), String::new()));
}

#[test]
fn a_node_is_drained_and_ends() {
    let user = User::new("drain");
    let unreached = user.run(&["drain", "old@localhost", "--to", "new@localhost"]);
    assert_eq!((text(&unreached.stdout), unreached.status.code()), (String::new(), Some(1)));
    let mut old = user.start(&["run", &path("tests/migration/drained.lua")]);
    assert_eq!(old.line(), "ready");
    let said = |arguments: &[&str]| {
        let run = user.run(&[&["drain", "old@localhost"], arguments].concat());
        (text(&run.stdout), text(&run.stderr), run.status.code())
    };
    let alone = "rlua-actor: old@localhost is connected with no other node: --to says where its processes are to go\n";
    assert_eq!(said(&[]), (String::new(), alone.to_string(), Some(1)));
    let (_, why, status) = said(&["--to", "new@localhost"]);
    assert_eq!((why.as_str(), status), ("rlua-actor: old@localhost has no connection to new@localhost\n", Some(1)));
    let (_, why, _) = said(&["--to", "old@localhost"]);
    assert_eq!(why, "rlua-actor: the processes of old@localhost are there already\n");

    let _new = user.start(&["node", "new@localhost"]);
    user.wait_for("new");
    let (out, why, status) = said(&["--to", "new@localhost", "--stop"]);
    assert_eq!((why.as_str(), status), ("", Some(1)), "{out}");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "moved 22 processes: 22 to new@localhost");
    assert!(
        lines[1].starts_with("stayed <old@localhost.") && lines[1].contains("> (holder): cannot migrate <"),
        "{out}"
    );
    assert!(lines[1].ends_with(">: local 'log' holds an open file"), "{out}");
    assert_eq!(lines[2..], ["old@localhost was not ended"]);
    let listed = |node: &str| text(&user.run(&["ps", node]).stdout);
    assert!(listed("new@localhost").contains("idle20") && listed("new@localhost").contains("busy"));
    assert!(!listed("old@localhost").contains("idle") && listed("old@localhost").contains("holder"));

    // Through the node where they were, and by their names.
    let asked = user.run_with_input(
        &["attach", "old@localhost"],
        "concurrent.send('idle7', { from = concurrent.self() })\nconcurrent.receive(5000, { i = 7 }).at\n\
         concurrent.send('holder', 'enough')\n",
    );
    assert_eq!(
        (text(&asked.stdout), text(&asked.stderr)),
        ("true\n\"new@localhost\"\ntrue\n".to_string(), String::new())
    );
    let (out, why, status) = said(&["--stop"]);
    assert_eq!((out.as_str(), why.as_str(), status), ("moved 0 processes\nold@localhost has ended\n", "", Some(0)));
    assert_eq!(old.rest(), (String::new(), Some(0)));
    assert!(listed("new@localhost").contains("idle20"));
}

/// The commands of examples/upgrade/upgrade.sh.
#[test]
fn a_node_is_replaced_and_its_client_notices_nothing() {
    let user = User::new("upgrade");
    let program = env!("CARGO_BIN_EXE_rlua-actor");
    let mut command = std::process::Command::new("timeout");
    command.args(["-k", "5", "100", "sh", &path("examples/upgrade/upgrade.sh")]);
    command.env("HOME", &user.home).env("RLUA_PMD_PORT", user.port.to_string());
    let run = command.env("RLUA_OLD", program).env("RLUA_NEW", program).output().expect("it runs");
    let out = text(&run.stdout);
    assert_eq!(run.status.code(), Some(0), "{out}{}", text(&run.stderr));
    assert!(out.contains("answer 1 comes from old@localhost\n"), "{out}");
    // The client's lines come in between.
    assert!(
        out.contains("moved 1 process: 1 to new@localhost\n") && out.contains("old@localhost has ended\n"),
        "{out}"
    );
    assert!(out.contains(" comes from new@localhost\n") && out.contains("300 answers, none missing"), "{out}");
}

/// It goes on where it is, and is told why.
#[test]
fn a_process_that_cannot_move_goes_on() {
    let user = User::new("refused");
    let other_cookie = user.home.join("other").display().to_string();
    let wait = "while true do require('concurrent').receive() end";
    let _there = user.start(&["node", "there@localhost"]);
    let _mortal = user.start(&["node", "mortal@localhost"]);
    let _other = user.start(&["node", "other@localhost", "--cookie-file", &other_cookie]);
    let _small = user.start(&["run", "--max-memory", "16M", "--node", "small@localhost", "-e", wait]);
    for node in ["there", "mortal", "other", "small"] {
        user.wait_for(node);
    }
    let run = user.run(&["run", &path("tests/migration/refused.lua")]);
    let cookie = "rlua-actor: connection with other@localhost: cookie? (it seems to have another one)\n";
    assert_eq!((text(&run.stdout).as_str(), text(&run.stderr).as_str()), ("all is well\n", cookie));
}

/// An interrupt, a kill and an exit signal reach a process on its way, and where it has gone.
#[test]
fn what_ends_a_process_follows_it() {
    let user = User::new("ends");
    let _there = user.start(&["node", "there@localhost"]);
    user.wait_for("there");
    let run = user.run(&["run", &path("tests/migration/ends.lua")]);
    // Those that an interrupt has ended are reported.
    assert_eq!(text(&run.stdout), "all is well\n", "{}", text(&run.stderr));
}
