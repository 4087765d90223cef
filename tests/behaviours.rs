//! Behaviours between nodes, as their users have them: calls, servers and supervisors that move, maps, pools, groups.
//!
//! Journey: message, end to end, over spec/behaviours.md. What one node is enough for is in lua-tests/behaviours/.

use crate::user::{User, path, text};

/// Runs cases of tests/behaviours/near.lua beside a node without a program.
fn run(name: &str, workers: &str, cases: &[&str]) {
    let user = User::new(name);
    let _far = user.start(&["node", "--workers", workers, "far@localhost"]);
    user.wait_for("far");
    let near = path("tests/behaviours/near.lua");
    let run = user.run(&[&["run", "--workers", workers, &near], cases].concat());
    assert_eq!((text(&run.stdout), text(&run.stderr)), ("all is well\n".to_string(), String::new()), "{cases:?}");
}

#[test]
fn calls_reach_servers_of_other_nodes() {
    for workers in ["1", "2"] {
        let cases = ["unknown_node", "absent_name", "server_at_another_node", "order_of_large_casts_and_calls"];
        run("calls", workers, &cases);
    }
}

#[test]
fn maps_and_pools_work_at_several_nodes() {
    for workers in ["1", "2"] {
        run("maps", workers, &["futures_and_maps", "pool_over_nodes"]);
    }
}

#[test]
fn servers_supervisors_and_their_children_move() {
    for workers in ["1", "2"] {
        run("moving", workers, &["servers_and_supervisors_move", "callers_channels_and_pools_move"]);
    }
}

#[test]
fn groups_are_those_of_all_nodes() {
    let user = User::new("groups");
    for workers in ["1", "2"] {
        let far = user.start(&["node", "--workers", workers, "far@localhost"]);
        user.wait_for("far");
        let mut near = user.start(&["run", "--workers", workers, &path("tests/behaviours/near.lua"), "groups"]);
        assert_eq!(near.line(), "kill", "{}", near.errors());
        drop(far);
        assert_eq!(near.line(), "all is well", "{}", near.errors());
    }
}
