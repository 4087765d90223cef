//! `rlua-actor explore`: a race is found, its seed shows it again, and what is mended is not blamed.
//!
//! Journey: none; the command as its users have it. `explore/` has ten races as they are made most often, each with its mended
//! twin (argument `mended`).

use crate::user::{User, path, text};

/// What is found by trying seeds, with what the failure says; nothing under 1,000 seeds if it is mended.
fn is_found(name: &str, says: &str) {
    let user = User::new(name);
    let script = path(&format!("tests/explore/{name}.lua"));
    let found = user.run(&["explore", "--seeds", "0..1000", &script]);
    let said = text(&found.stdout);
    assert_eq!((text(&found.stderr), found.status.code()), (String::new(), Some(1)), "{said}");
    assert!(said.contains(says), "{said}");
    // What happened: columns, arrows, and which decisions matter.
    let (_, shown) = said.split_once("\nwhat happens with ").expect(&said);
    assert!(shown.contains('▶') || shown.contains('◀'), "{said}");
    let alone = shown.lines().find_map(|l| l.strip_prefix("with these alone: rlua-actor "));
    let alone: Vec<&str> = alone.unwrap_or_else(|| panic!("few decisions matter: {said}")).split(' ').collect();
    let again = user.run(&alone);
    assert!(text(&again.stderr).contains(says), "{}", text(&again.stderr));
    let mended = user.run(&["explore", "--seeds", "0..1000", &script, "mended"]);
    assert_eq!(text(&mended.stdout), "no failure under 1000 seeds\n", "{}", text(&mended.stderr));
}
macro_rules! races {
    ($($name:ident $says:literal)*) => {
        $(#[test]
        fn $name() {
            is_found(stringify!($name), $says);
        })*
    };
}
races! {
    lost_update "an update is lost"
    name_twice "2 believe that they lead"
    late_reply ", and was told "
    early_restart "the name is taken by the one before"
    whereis_then_send "does not answer"
    two_senders "a line before the log was opened"
    lost_wakeup "it was never woken"
    double_spend "the balance is -60"
    late_monitor "the result is lost: noproc"
    shutdown_order " were made, and "
}

#[test]
fn a_race_is_found_and_shown_again() {
    let user = User::new("explore");
    let script = path("examples/explore/lost_update.lua");
    let found = user.run(&["explore", "--seeds", "0..200", &script]);
    let said = text(&found.stdout);
    assert_eq!((text(&found.stderr), found.status.code()), (String::new(), Some(1)), "{said}");
    let (seed, rest) = said.strip_prefix("seed ").and_then(|s| s.split_once(" fails: exit status 1\n")).expect(&said);
    assert!(rest.contains("an update is lost: the number is 1"), "{said}");
    assert!(rest.contains("calls 'get'") && rest.contains("calls { 'set', 1 }"), "{said}");
    assert!(said.ends_with(&format!("again: rlua-actor explore --seed {seed} {script}\n")), "{said}");
    // No seed before it fails, and it fails again.
    let n: u64 = seed.parse().expect("a number");
    if n > 0 {
        let before = user.run(&["explore", "--seeds", &format!("0..{n}"), &script]);
        let ending = if n == 1 { "" } else { "s" };
        assert_eq!(text(&before.stdout), format!("no failure under {n} seed{ending}\n"));
    }
    let again = user.run(&["explore", "--seed", seed, "--diagram", &script]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("an update is lost"));
    assert!(text(&again.stdout).contains('▶'), "{}", text(&again.stdout));
    let mended = user.run(&["explore", "--seeds", "0..200", &script, "mended"]);
    assert_eq!((text(&mended.stdout).as_str(), mended.status.code()), ("no failure under 200 seeds\n", Some(0)));
}

/// A script at three nodes: what goes wrong only when a connection is lost or a node begins again.
#[test]
fn what_breaks_in_a_cluster_shows_what_does_not_stand_it() {
    let user = User::new("cluster");
    let script = path("examples/explore/retry.lua");
    let run =
        |options: &[&str], last: &[&str]| user.run(&[&["explore", "--nodes", "3"], options, &[&script], last].concat());
    let found = run(&["--faults", "--seeds", "0..200"], &[]);
    let said = text(&found.stdout);
    assert_eq!((text(&found.stderr), found.status.code()), (String::new(), Some(1)), "{said}");
    assert!(said.contains("retry.lua:24: the balance is "), "{said}");
    // Of what broke, what matters is left; a message is seen leaving and arriving.
    assert!(said.contains("n1@sim") && said.contains(" leaves for bank") && said.contains(" arrives"), "{said}");
    assert!(
        ["is lost", "is ended", "do not reach each other", "with its machine"].iter().any(|s| said.contains(s)),
        "{said}"
    );
    let alone = said.lines().find_map(|l| l.strip_prefix("with these alone: rlua-actor ")).expect(&said);
    let again = user.run(&alone.split(' ').collect::<Vec<_>>());
    assert!(alone.contains('@') && text(&again.stderr).contains("the balance is "), "{alone}: {}", text(&again.stderr));
    let again = said.lines().find_map(|l| l.strip_prefix("again: rlua-actor ")).expect(&said);
    let again = user.run(&again.split(' ').collect::<Vec<_>>());
    assert!(text(&again.stderr).contains("the balance is "), "{}", text(&again.stderr));
    // Where nothing breaks nothing is wrong, and what is mended stands all of it.
    for (options, last) in [(&["--seeds", "0..100"][..], &[][..]), (&["--faults", "--seeds", "0..100"], &["mended"])] {
        let run = run(options, last);
        assert_eq!(text(&run.stdout), "no failure under 100 seeds\n", "{}", text(&run.stderr));
    }
}

#[test]
fn a_seed_of_a_cluster_is_the_same_to_the_last_message() {
    let user = User::new("same");
    let script = path("tests/explore/nodes.lua");
    for options in [&["--nodes", "3"][..], &["--nodes", "4", "--faults"]] {
        for seed in 0..10 {
            let run = || {
                let run =
                    user.run(&[&["explore", "--diagram", "--seed", &seed.to_string()], options, &[&script]].concat());
                assert_eq!(run.status.code(), Some(0), "seed {seed} {options:?}: {}", text(&run.stderr));
                (text(&run.stdout), text(&run.stderr))
            };
            assert_eq!(run(), run(), "seed {seed} {options:?}");
        }
    }
}

#[test]
fn a_cluster_in_which_nothing_can_happen_is_a_deadlock() {
    let user = User::new("stuck");
    let script = user.home.join("stuck.lua");
    let text_of =
        "local c = require 'concurrent' if c.node() == 'n1@sim' then assert(c.isnodealive 'n2@sim') end c.receive()";
    std::fs::write(&script, text_of).expect("it can be written");
    let script = script.display().to_string();
    for options in [&["--nodes", "2"][..], &["--nodes", "2", "--faults"]] {
        let run = user.run(&[&["explore", "--seed", "1"], options, &[&script]].concat());
        assert!(text(&run.stderr).contains("deadlock: 1 process waits"), "{}", text(&run.stderr));
        assert!(text(&run.stderr).contains("<n2@sim.1> at "), "{}", text(&run.stderr));
        assert_eq!(run.status.code(), Some(1));
    }
    // A node whose script fails is named.
    std::fs::write(&script, "local c = require 'concurrent' if c.node() == 'n2@sim' then os.exit(5) end c.receive()")
        .expect("it can be written");
    let run = user.run(&["explore", "--nodes", "2", "--seed", "1", &script]);
    assert_eq!(text(&run.stderr), "rlua-actor: the script of n2@sim has failed (exit status 5)\n");
    assert_eq!(run.status.code(), Some(5));
    for (options, says) in [(&["--faults"][..], "--nodes <N>"), (&["--nodes", "1"], "1 is not in 2..=32")] {
        let run = user.run(&[&["explore"], options, &[&script]].concat());
        assert!(text(&run.stderr).contains(says), "{}", text(&run.stderr));
    }
}

/// The service of examples/services, whose nodes are ended, lose each other and come back.
#[test]
fn replicas_of_a_store_agree_when_all_is_whole_again() {
    let user = User::new("replicas");
    let script = path("tests/explore/store.lua");
    let mut command = user.command(&["explore", "--nodes", "3", "--faults", "--seeds", "0..100", &script]);
    let run = command.env("LUA_PATH", path("examples/services/?.lua")).output().expect("it runs");
    assert_eq!(text(&run.stdout), "no failure under 100 seeds\n", "{}", text(&run.stderr));
}

#[test]
fn groups_of_nodes_that_meet_as_they_begin_are_whole() {
    let run =
        User::new("meeting").run(&["explore", "--nodes", "3", "--seeds", "0..300", &path("tests/explore/groups.lua")]);
    assert_eq!(text(&run.stdout), "no failure under 300 seeds\n", "{}", text(&run.stderr));
}

/// It fails under no seed.
#[test]
fn a_program_that_cannot_be_read_is_told_at_once() {
    let run = User::new("unread").run(&["explore", "--seeds", "0..10", "there is no such file"]);
    assert_eq!(run.status.code(), Some(1));
    assert_eq!(text(&run.stderr), "rlua-actor: cannot read there is no such file: No such file or directory\n");
    assert_eq!(text(&run.stdout), "");
}

#[test]
fn an_endless_loop_is_a_failure() {
    let user = User::new("endless");
    let script = user.home.join("endless.lua");
    std::fs::write(&script, "print 'begun' io.stdout:flush() while true do end").expect("it can be written");
    let script = script.display().to_string();
    let found = user.run(&["explore", "--seeds", "3..4", "--limit", "1", &script]);
    let expected =
        format!("seed 3 fails: it runs for more than 1 s\nbegun\nagain: rlua-actor explore --seed 3 {script}\n");
    assert_eq!((text(&found.stdout), found.status.code()), (expected, Some(1)));
}

#[test]
fn what_is_no_seed_and_no_schedule_is_refused() {
    let user = User::new("seeds");
    for seeds in ["5", "5..5", "a..b", "7..3"] {
        let run = user.run(&["explore", "--seeds", seeds, "x.lua"]);
        assert!(text(&run.stderr).contains("two numbers as in 0..1000"), "{}", text(&run.stderr));
        assert_ne!(run.status.code(), Some(0));
    }
    for schedule in ["5", "1:2,", "3-4"] {
        let run = user.run(&["explore", "--seed", "1", "--schedule", schedule, "x.lua"]);
        assert!(text(&run.stderr).contains("no decision: '"), "{}", text(&run.stderr));
        assert_ne!(run.status.code(), Some(0));
    }
}

/// The rows of spec/behaviours.md hold in other orders, too; a few of them here, 1,000 of each with a release build.
#[test]
fn behaviours_hold_in_other_orders() {
    let user = User::new("rows");
    for name in ["call", "server", "future", "channel", "group", "pool", "map"] {
        let script = path(&format!("lua-tests/behaviours/{name}.lua"));
        let mut command = user.command(&["explore", "--seeds", "0..6", &script]);
        let run = command.current_dir(path("lua-tests")).output().expect("it runs");
        assert_eq!(text(&run.stdout), "no failure under 6 seeds\n", "{name}: {}", text(&run.stderr));
    }
}
