//! Processes that move between nodes, as their users have them.
//!
//! Journey: a stopped process -> another node -> a process that goes on, end to end.

mod user;

use std::collections::BTreeSet;
use user::{User, path, text};

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

/// It goes on where it is, and is told why.
#[test]
fn a_process_that_cannot_move_goes_on() {
    let user = User::new("refused");
    let _there = user.start(&["node", "there@localhost"]);
    user.wait_for("there");
    let run = user.run(&["run", &path("tests/migration/refused.lua")]);
    assert_eq!((text(&run.stdout), text(&run.stderr)), ("all is well\n".to_string(), String::new()));
}
