//! Checkpoints: a process is written down, goes on, and goes on again in another program from the file.
//!
//! Journey: a stopped process -> bytes -> file -> a process that goes on, end to end.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A user with a home folder, and a folder for files.
struct User(PathBuf);

impl User {
    fn new(name: &str) -> User {
        let home = std::env::temp_dir().join(format!("rlua-checkpoint-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&home).expect("a folder can be made");
        User(home)
    }
    fn run(&self, arguments: &[&str]) -> Output {
        // What hangs is ended, and fails its test.
        let mut command = Command::new("timeout");
        command.args(["-k", "5", "60", env!("CARGO_BIN_EXE_rlua-actor")]).args(arguments);
        command.env("HOME", &self.0).current_dir(&self.0).stdin(Stdio::null()).output().expect("it runs")
    }
    /// A program that can be killed.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rlua-actor"));
        command.args(arguments).env("HOME", &self.0).current_dir(&self.0).stdin(Stdio::null());
        command
    }
    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}
impl Drop for User {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
fn source(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name).display().to_string()
}
fn out(o: &Output) -> String {
    assert!(o.status.success() && o.stderr.is_empty(), "{}", String::from_utf8_lossy(&o.stderr));
    String::from_utf8_lossy(&o.stdout).into_owned()
}
fn complaint(o: &Output) -> String {
    assert_eq!(o.status.code(), Some(1));
    let text = String::from_utf8_lossy(&o.stderr).into_owned();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

/// What is large is written while it is made; cut off or altered it is refused like all others.
#[test]
fn a_large_process_goes_on() {
    let user = User::new("large");
    let file = user.path("file");
    let script = source("tests/checkpoint/large.lua");
    assert_eq!(out(&user.run(&["run", &script, &file])), "true\t1800030000\t8\n");
    let mut bytes = std::fs::read(&file).expect("it was written");
    assert!(bytes.len() > 8 << 20, "{} bytes", bytes.len());
    assert_eq!(out(&user.run(&["resume", &file])), "resumed\t1800030000\t8\n");
    let last = bytes.len() - 1;
    std::fs::write(&file, &bytes[..last]).expect("it can be written");
    assert!(complaint(&user.run(&["resume", &file])).contains("changed or cut off"));
    bytes[last / 2] ^= 1;
    std::fs::write(&file, &bytes).expect("it can be written");
    assert!(complaint(&user.run(&["resume", &file])).contains("changed or cut off"));
}

/// The program goes on, and so does what was made from its file, twice; all print the same but for what `checkpoint` has
/// returned to them.
#[test]
fn a_process_goes_on_from_wherever_it_was() {
    let script = source("tests/checkpoint/where.lua");
    let text = std::fs::read_to_string(&script).expect("it is there");
    let named = text.lines().filter_map(|l| l.strip_prefix("function cases.")?.strip_suffix("()"));
    let metamethods = text.split_inclusive('=').filter_map(|part| {
        let name = part.strip_suffix(" =")?.rsplit([' ', '{']).next()?;
        name.starts_with("__").then_some(name)
    });
    let cases: BTreeSet<&str> = named.chain(metamethods.filter(|m| !matches!(*m, "__close" | "__mode"))).collect();
    assert!(cases.len() > 30, "{cases:?}");
    for case in cases {
        let user = User::new(case);
        let file = user.path("file");
        let first = out(&user.run(&["run", &script, case, &file]));
        assert!(!first.is_empty() && first.contains("true"), "{case}: {first}");
        for _ in 0..2 {
            // What was printed before is not printed again.
            let again = out(&user.run(&["resume", &file]));
            let expected = match case {
                "own_pid" => "resumed\tme\ttrue\ttrue\t1\n".to_string(),
                "links" => "resumed\tnoconnection\tnoconnection\tnil\tfalse\tfalse\n".to_string(),
                "values" => first.replacen("true", "resumed", 1),
                "__lt" | "__le" | "__eq" => "nil\ttrue\tresumed\n".to_string(),
                _ => first.replace("true", "resumed"),
            };
            let expected = match case {
                "options" => "resumed\ttrue\n".to_string(),
                "weak" => "resumed\ttrue\tnil\n".to_string(),
                "a_child" => "resumed\ttrue\na child of its own\n".to_string(),
                _ => expected,
            };
            assert_eq!(again, expected, "{case}");
        }
        let text = out(&user.run(&["inspect", &file]));
        assert!(text.contains("seal        of this cookie") && text.contains("stack traceback:"), "{case}: {text}");
    }
}

/// A long computation that is killed goes on from where it was last written down.
#[test]
fn a_killed_program_goes_on() {
    let user = User::new("killed");
    let script = source("examples/checkpoint/primes.lua");
    let whole = out(&user.run(&["run", &script, "20000", "none"]));
    assert!(whole.ends_with("2262\n"), "{whole}");
    let mut running = user.command(&["run", &script, "20000"]).stdout(Stdio::piped()).spawn().expect("it starts");
    let lines = BufReader::new(running.stdout.take().expect("it is piped")).lines();
    // In the middle, as hard as a program can be ended.
    let until = lines.map_while(Result::ok).find(|l| l.starts_with("6000\t"));
    running.kill().expect("it can be killed");
    running.wait().expect("it has ended");
    assert!(until.is_some());
    let rest = out(&user.run(&["resume", "primes.checkpoint"]));
    assert!(rest.ends_with("2262\n") && rest.contains("goes on from here") && rest.len() < whole.len() + 17, "{rest}");
}

#[test]
fn what_is_no_checkpoint_is_refused_with_a_line() {
    let user = User::new("refused");
    let file = user.path("file");
    let script = source("tests/checkpoint/where.lua");
    out(&user.run(&["run", &script, "locals", &file]));
    let whole = std::fs::read(&file).expect("it was written");
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(user.path(name), bytes).expect("it can be written");
        complaint(&user.run(&["resume", name]))
    };
    assert!(write("png", b"\x89PNG\r\n\x1a\n").contains("it is no checkpoint"));
    assert!(write("empty", b"").contains("it is no checkpoint"));
    assert!(write("cut", &whole[..whole.len() / 2]).contains("changed or cut off"));
    assert!(complaint(&user.run(&["resume", "absent"])).contains("No such file"));
    // Another user's cookie.
    let other = User::new("other");
    assert!(complaint(&other.run(&["resume", &file])).contains("another cookie"));
    let shown = out(&other.run(&["inspect", &file]));
    assert!(shown.contains("another cookie") && shown.contains("where.lua"), "{shown}");
}

/// What cannot be written down is named, and the process goes on.
#[test]
fn what_lies_outside_is_named() {
    let user = User::new("outside");
    let text = "local c = require 'concurrent'\n\
        local function say(...) print((select(2, ...))) end\n\
        log = io.open('log', 'w') say(c.checkpoint 'f')\n\
        local held = { { file = log } } log = nil say(c.checkpoint 'f')\n\
        local function use() return held end held = nil\n\
        do local file = io.open('log', 'w') held = function() return file end end\n\
        say(c.checkpoint 'f') held().close(held()) print(c.checkpoint 'f')\n\
        print(c.checkpoint 'no/such/folder')\n\
        print(pcall(c.checkpoint, 'a\\0b')) print(pcall(c.checkpoint, {}))\n\
        setmetatable({}, { __gc = function() print(pcall(c.checkpoint, 'f')) end }) collectgarbage()";
    let said = out(&user.run(&["run", "-e", text]));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "cannot freeze <0.1>: global 'log' holds an open file");
    assert_eq!(lines[1], "cannot freeze <0.1>: local 'held[1].file' holds an open file");
    assert_eq!(lines[2], "cannot freeze <0.1>: local 'held', upvalue 'file' holds an open file");
    assert_eq!(lines[3], "true");
    assert_eq!(lines[4], "nil\tcannot write no/such/folder: No such file or directory");
    assert!(lines[5].starts_with("false") && lines[5].contains("zero bytes"));
    assert!(lines[6].contains("path (a string) expected, got table"));
    assert!(lines[7].contains("inside a finalizer"));
}

/// tests/golden/README.md says what these are and how they are made.
#[test]
fn files_of_earlier_builds_go_on() {
    use std::os::unix::fs::PermissionsExt;
    let user = User::new("earlier");
    let cookie = user.path(".rlua-actor.cookie");
    std::fs::copy(source("tests/golden/cookie"), &cookie).expect("it is there");
    std::fs::set_permissions(&cookie, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    let entries = std::fs::read_dir(source("tests/golden")).expect("it is there").map(|e| e.expect("an entry").path());
    let scripts: Vec<PathBuf> = entries.filter(|p| p.extension().is_some_and(|e| e == "lua")).collect();
    assert!(scripts.len() >= 4);
    for script in scripts {
        let (file, expected) = (script.with_extension("checkpoint"), script.with_extension("out"));
        let bless = std::env::var_os("BLESS").is_some() && !file.exists();
        let path = |p: &Path| p.display().to_string();
        if bless {
            // Names alone are written down, not where the files lie.
            let name = |p: &Path| p.file_name().expect("it has one").to_string_lossy().into_owned();
            std::fs::copy(&script, user.path(&name(&script))).expect("it can be copied");
            let run = user.run(&["run", &name(&script), &name(&file)]);
            assert!(run.status.success() && run.stderr.is_empty(), "{}", String::from_utf8_lossy(&run.stderr));
            std::fs::copy(user.path(&name(&file)), &file).expect("it can be copied");
        }
        let said = out(&user.run(&["resume", &path(&file)]));
        if bless {
            std::fs::write(&expected, &said).expect("it can be written");
        }
        assert_eq!(said, std::fs::read_to_string(&expected).expect("it is there"), "{}", script.display());
        assert_eq!(said, out(&user.run(&["resume", &path(&file)])), "a second time");
        assert!(out(&user.run(&["inspect", &path(&file)])).contains("seal        of this cookie"));
    }
}
