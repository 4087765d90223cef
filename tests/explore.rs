//! `rlua-actor explore`: a race is found, its seed shows it again, and what is mended is not blamed.
//!
//! Journey: none; the command as its users have it.

mod user;

use user::{User, path, text};

#[test]
fn a_race_is_found_and_shown_again() {
    let user = User::new("explore");
    let script = path("examples/explore/lost_update.lua");
    let found = user.run(&["explore", "--seeds", "0..200", &script]);
    let said = text(&found.stdout);
    assert_eq!((text(&found.stderr), found.status.code()), (String::new(), Some(1)), "{said}");
    let (seed, rest) = said.strip_prefix("seed ").and_then(|s| s.split_once(" fails: exit status 1\n")).expect(&said);
    assert!(rest.contains("an update is lost: the number is 1"), "{said}");
    assert!(said.ends_with(&format!("again: rlua-actor explore --seed {seed} {script}\n")), "{said}");
    // No seed before it fails, and it fails again.
    let n: u64 = seed.parse().expect("a number");
    if n > 0 {
        let before = user.run(&["explore", "--seeds", &format!("0..{n}"), &script]);
        let ending = if n == 1 { "" } else { "s" };
        assert_eq!(text(&before.stdout), format!("no failure under {n} seed{ending}\n"));
    }
    let again = user.run(&["explore", "--seed", seed, &script]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("an update is lost"));
    let mended = user.run(&["explore", "--seeds", "0..200", &script, "mended"]);
    assert_eq!((text(&mended.stdout).as_str(), mended.status.code()), ("no failure under 200 seeds\n", Some(0)));
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
fn wrong_seeds_are_refused() {
    let user = User::new("seeds");
    for seeds in ["5", "5..5", "a..b", "7..3"] {
        let run = user.run(&["explore", "--seeds", seeds, "x.lua"]);
        assert!(text(&run.stderr).contains("two numbers as in 0..1000"), "{}", text(&run.stderr));
        assert_ne!(run.status.code(), Some(0));
    }
}
