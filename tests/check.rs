//! The subcommands `check` and `compile`, as they are used: exact output, files good and bad.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_rlua-actor"))
}

/// A new empty folder for a test's files.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("check").join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("the folder can be made");
    path
}

/// Runs a command in a folder, with this standard input.
fn run(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = binary()
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut pipe = child.stdin.take().expect("it is piped");
    let _ = pipe.write_all(input); // a program that does not read it closes the pipe
    drop(pipe);
    child.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Status, standard output and standard error.
fn outcome(folder: &Path, arguments: &[&str], input: &[u8]) -> (Option<i32>, String, String) {
    let output = run(folder, arguments, input);
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    std::fs::write(folder.join(name), content).expect("the file can be written");
}

/// What `check` says about a program called `a.lua`, which must have errors.
#[track_caller]
fn checked(name: &str, program: impl AsRef<[u8]>) -> String {
    let folder = folder(name);
    write(&folder, "a.lua", program);
    let (status, out, err) = outcome(&folder, &["check", "a.lua"], b"");
    assert_eq!((status, out.as_str()), (Some(1), ""), "{err}");
    err
}

/// Runs `check` on each program and compares what it says.
#[test]
fn typical_mistakes() {
    for (program, expected) in [
        (
            "local function f(x)\n  if x then\n    return 1\nend\nprint(f(1))\n",
            "a.lua:6:1: 'end' expected (to close 'function' at line 1) near <eof>\n 6 |\n   | ^\n",
        ),
        ("if x\n  print(x)\nend\n", "a.lua:2:3: 'then' expected near 'print'\n 2 |   print(x)\n   |   ^^^^^\n"),
        (
            "if (x == 1 then\n  f()\nend\n",
            "a.lua:1:12: ')' expected near 'then'\n 1 | if (x == 1 then\n   |            ^^^^\n",
        ),
        ("local a = 1\na = a @ 2\n", "a.lua:2:7: unexpected symbol near '@'\n 2 | a = a @ 2\n   |       ^\n"),
        (
            "local s = \"abc\nprint(s)\n",
            "a.lua:1:11: unfinished string near '\"abc'\n 1 | local s = \"abc\n   |           ^^^^\n",
        ),
        ("x = 12abc + 1\n", "a.lua:1:5: malformed number near '12abc'\n 1 | x = 12abc + 1\n   |     ^^^^^\n"),
        ("if x = 1 then\n  f()\nend\n", "a.lua:1:6: 'then' expected near '='\n 1 | if x = 1 then\n   |      ^\n"),
        (
            "local function (a)\n  return a\nend\n",
            "a.lua:1:16: <name> expected near '('\n 1 | local function (a)\n   |                ^\n",
        ),
        (
            "for i = 1, 3 do\n  goto next\nend\n",
            "a.lua:2:8: no visible label 'next' for <goto> at line 2\n 2 |   goto next\n   |        ^^^^\n",
        ),
        (
            "local limit <const> = 1\nlimit = 2\n",
            "a.lua:2:1: attempt to assign to const variable 'limit'\n 2 | limit = 2\n   | ^^^^^\n",
        ),
        ("f(1, 2\ng()\n", "a.lua:2:1: ')' expected (to close '(' at line 1) near 'g'\n 2 | g()\n   | ^\n"),
        ("x += 1\n", "a.lua:1:3: syntax error near '+'\n 1 | x += 1\n   |   ^\n"),
        ("::a::\n::a:: f()\n", "a.lua:1:3: label 'a' already defined on line 2\n 1 | ::a::\n   |   ^\n"),
    ] {
        assert_eq!(checked("typical", program), expected, "{program}");
    }
}

#[test]
fn several_errors() {
    let program = "\
local t = {
  a = 1
  b = 2,
}
function t.f(x y)
  if x = 1 then
    return ...
  end
end
for i = 1, 10
  print(i)
end
local s = 'abc
local c <const> = 3x
c = 4
return t
print(t)
";
    let expected = "\
a.lua:3:3: '}' expected (to close '{' at line 1) near 'b'
 3 |   b = 2,
   |   ^
a.lua:5:16: ')' expected near 'y'
 5 | function t.f(x y)
   |                ^
a.lua:6:8: 'then' expected near '='
 6 |   if x = 1 then
   |        ^
a.lua:11:3: 'do' expected near 'print'
 11 |   print(i)
    |   ^^^^^
a.lua:13:11: unfinished string near ''abc'
 13 | local s = 'abc
    |           ^^^^
a.lua:14:19: malformed number near '3x'
 14 | local c <const> = 3x
    |                   ^^
a.lua:15:1: attempt to assign to const variable 'c'
 15 | c = 4
    | ^
a.lua:17:1: <eof> expected near 'print'
 17 | print(t)
    | ^^^^^
";
    assert_eq!(checked("several", program), expected);
}

#[test]
fn good_files() {
    let folder = folder("good");
    write(&folder, "a.lua", "#!/usr/bin/env rlua-actor\nlocal x <const> = 1\ngoto done\n::done::\nreturn x, ...\n");
    write(&folder, "empty.lua", "");
    write(&folder, "zero.lua", "return 'a\0b'");
    let none = (Some(0), String::new(), String::new());
    assert_eq!(outcome(&folder, &["check", "a.lua", "empty.lua", "zero.lua"], b""), none);
    assert_eq!(outcome(&folder, &["check", "-"], b"print(1)"), none);
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    for file in std::fs::read_dir(examples).expect("there are examples").flatten() {
        if file.path().extension().is_some_and(|e| e == "lua") {
            let path = file.path().to_string_lossy().into_owned();
            assert_eq!(outcome(&folder, &["check", &path], b""), none, "{path}");
        }
    }
}

#[test]
fn one_bad_file_does_not_hide_the_next() {
    let folder = folder("files");
    std::fs::create_dir(folder.join("d.lua")).expect("the folder can be made");
    write(&folder, "picture.lua", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    write(&folder, "code.luac", b"\x1bRLua\x01");
    write(&folder, "good.lua", "return 1");
    write(&folder, "bad.lua", "#!x\ny = = 1");
    let files = ["check", "missing.lua", "d.lua", "picture.lua", "code.luac", "good.lua", "bad.lua", "-"];
    let expected = "\
rlua-actor: cannot read missing.lua: No such file or directory
rlua-actor: cannot read d.lua: Is a directory
rlua-actor: picture.lua: this is a binary file, not Lua
rlua-actor: code.luac: this is bytecode; check reads source text
bad.lua:2:5: unexpected symbol near '='
 2 | y = = 1
   |     ^
stdin:1:2: syntax error near <eof>
 1 | x
   |  ^
";
    assert_eq!(outcome(&folder, &files, b"x"), (Some(1), String::new(), expected.to_string()));
}

/// What is no program is found out by its beginning, however long it is; `check` needs no more of it, nor do the others.
#[cfg(unix)]
#[test]
fn no_more_is_read_than_needed() {
    let folder = folder("endless");
    // 300 MB of zeros that take no room, and as much memory as there is for them.
    let zeros = std::fs::File::create(folder.join("zeros.lua")).expect("the file can be made");
    zeros.set_len(300 << 20).expect("it can be that long");
    let limited = |arguments: &str, input: Stdio| {
        let script = format!("ulimit -v 2000000; exec \"$0\" {arguments}");
        let output = Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_rlua-actor")])
            .current_dir(&folder)
            .stdin(input)
            .output()
            .expect("the program runs");
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let refused = |message: &str| (Some(1), String::new(), format!("rlua-actor: {message}\n"));
    for file in ["zeros.lua", "/dev/zero"] {
        let checked = limited(&format!("check {file}"), Stdio::null());
        assert_eq!(checked, refused(&format!("{file}: this is a binary file, not Lua")));
        for command in ["run", "compile -o out", "disasm"] {
            let outcome = limited(&format!("{command} {file}"), Stdio::null());
            assert_eq!(outcome, refused(&format!("{file}:1: unexpected symbol")), "{command}");
        }
    }
    let zero = || Stdio::from(std::fs::File::open("/dev/zero").expect("there is one"));
    assert_eq!(limited("run -", zero()), refused("stdin:1: unexpected symbol"));
    assert_eq!(limited("check -", zero()), refused("stdin: this is a binary file, not Lua"));
    let program =
        "'for _, f in ipairs { loadfile, dofile } do print(select(-1, pcall(f, [[/dev/zero]]))) end print(loadfile())'";
    let out = "/dev/zero:1: unexpected symbol\n".repeat(2) + "nil\tstdin:1: unexpected symbol\n";
    assert_eq!(limited(&format!("-e {program}"), zero()), (Some(0), out, String::new()));
    // Bytecode is known by its first bytes, too.
    let begun = "{ printf '\\033Lua'; cat /dev/zero; } | \"$0\" run -";
    let output = Command::new("sh").args(["-c", begun, env!("CARGO_BIN_EXE_rlua-actor")]).output().expect("it runs");
    assert_eq!(text(&output.stderr), "rlua-actor: stdin: bad binary format (version mismatch)\n");
    // A text without end that is wrong, and one that is not: that is read as far as a program may go.
    for (command, message) in
        [("run", "stdin:2: syntax error near 'y'"), ("check", "stdin: more than 100 errors; the others are not shown")]
    {
        let endless = format!("yes | \"$0\" {command} -");
        let output =
            Command::new("sh").args(["-c", &endless, env!("CARGO_BIN_EXE_rlua-actor")]).output().expect("it runs");
        assert!(text(&output.stderr).ends_with(&format!("{message}\n")), "{}", text(&output.stderr));
    }
    let endless = "yes '' | \"$0\" run -";
    let output = Command::new("sh").args(["-c", endless, env!("CARGO_BIN_EXE_rlua-actor")]).output().expect("it runs");
    assert_eq!(text(&output.stderr), "rlua-actor: cannot read standard input: File too large\n");
}

/// What is long is checked to its end, and what comes through a pipe as what is a file.
#[cfg(unix)]
#[test]
fn long_programs_and_named_pipes() {
    let folder = folder("long-programs");
    write(
        &folder,
        "long.lua",
        "x = 1\n".repeat(400_000) + "y = = 2\n" + &"x = 1\n".repeat(400_000) + "z = = 3\ngoto a",
    );
    let (status, out, err) = outcome(&folder, &["check", "long.lua"], b"");
    assert_eq!((status, out.as_str()), (Some(1), ""));
    let heads: Vec<&str> = err.lines().filter(|l| l.starts_with("long.lua:")).collect();
    let wanted = [
        "long.lua:400001:5: unexpected symbol near '='",
        "long.lua:800002:5: unexpected symbol near '='",
        "long.lua:800003:6: no visible label 'a' for <goto> at line 800003",
    ];
    assert_eq!(heads, wanted);
    // The label of the first line's goto comes late.
    write(&folder, "label.lua", "goto a\n".to_string() + &"x = 1\n".repeat(400_000) + "::a:: print 'ran'");
    assert_eq!(outcome(&folder, &["check", "label.lua"], b""), (Some(0), String::new(), String::new()));
    assert_eq!(outcome(&folder, &["run", "label.lua"], b""), (Some(0), "ran\n".to_string(), String::new()));
    let made = Command::new("mkfifo").arg(folder.join("pipe")).status().expect("there is a mkfifo");
    assert!(made.success());
    for (command, program, wanted) in [
        ("run", "print 'ran'", (Some(0), "ran\n", "")),
        ("check", "x = = 1", (Some(1), "", "pipe:1:5: unexpected symbol near '='\n 1 | x = = 1\n   |     ^\n")),
    ] {
        let pipe = folder.join("pipe");
        let writer = std::thread::spawn(move || std::fs::write(pipe, program));
        let (status, out, err) = outcome(&folder, &[command, "pipe"], b"");
        assert_eq!((status, out.as_str(), err.as_str()), wanted);
        writer.join().expect("the writer ends").expect("somebody reads");
    }
}

#[test]
fn the_mark_stays_under_its_place() {
    assert_eq!(
        checked("tabs", "if x then\n\t\ty =\t= 1\nend"),
        "a.lua:2:7: unexpected symbol near '='\n 2 |         y = = 1\n   |             ^\n"
    );
    assert_eq!(
        checked("wide", "t = '\u{4f60}\u{597d}e\u{301}' = 2"),
        "a.lua:1:12: unexpected symbol near '='\n 1 | t = '\u{4f60}\u{597d}e\u{301}' = 2\n   |             ^\n"
    );
    assert_eq!(
        checked("bytes", b"s = 'h\xe9 \x1b[31m \xe2\x80\xae' = caf\xe9"),
        "a.lua:1:18: unexpected symbol near '='\n 1 | s = 'h\\xe9 \\x1b[31m \\u{202e}' = caf\\xe9\n   |                               ^\n"
    );
    let long = format!("x = '{}' = '{}'", "a".repeat(1_000_000), "b".repeat(1_000_000));
    let shown = checked("long", long);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[0], "a.lua:1:1000008: unexpected symbol near '='");
    assert!(
        lines[1].starts_with(" 1 | ...aaa") && lines[1].ends_with("bbb...") && lines[1].len() < 120,
        "{}",
        lines[1]
    );
    assert_eq!(lines[1].find('='), lines[2].find('^'));
    let token = checked("token", format!("x {}", "y".repeat(100_000)));
    assert!(token.lines().all(|line| line.len() < 250), "{}", token.len());
}

#[test]
fn not_too_many_errors() {
    let shown = checked("many", "x = = 1\n".repeat(105));
    assert_eq!(shown.lines().count(), 301);
    assert!(shown.ends_with("a.lua: more than 100 errors; the others are not shown\n"));
}

#[test]
fn compile_and_run() {
    let folder = folder("compile");
    write(&folder, "a.lua", "print('hello', ...)\nlocal t\nt.x = 1\n");
    assert_eq!(outcome(&folder, &["compile", "a.lua"], b""), (Some(0), String::new(), String::new()));
    let (status, out, err) = outcome(&folder, &["run", "a.luac", "one"], b"");
    assert_eq!((status, out.as_str()), (Some(1), "hello\tone\n"));
    assert!(err.contains("a.lua:3: attempt to index a nil value (local 't')"), "{err}");
    assert_eq!(outcome(&folder, &["compile", "-s", "-o", "small.luac", "a.lua"], b"").0, Some(0));
    let (status, out, err) = outcome(&folder, &["run", "small.luac"], b"");
    assert_eq!((status, out.as_str()), (Some(1), "hello\n"));
    assert!(!err.contains("a.lua"), "{err}");
    let size = |name: &str| std::fs::metadata(folder.join(name)).expect("it is there").len();
    assert!(size("small.luac") < size("a.luac"));
    let bytes = run(&folder, &["compile", "-"], b"print(1 + 1)").stdout;
    assert_eq!(outcome(&folder, &["run", "-"], &bytes), (Some(0), "2\n".to_string(), String::new()));
    let bytes = run(&folder, &["compile", "-o", "-", "a.lua"], b"").stdout;
    assert_eq!(bytes, std::fs::read(folder.join("a.luac")).expect("it can be read"));
}

#[test]
fn a_failed_compilation_leaves_the_old_file() {
    let folder = folder("old");
    write(&folder, "a.lua", "x = = 1");
    write(&folder, "a.luac", "precious");
    let (status, out, err) = outcome(&folder, &["compile", "a.lua"], b"");
    assert_eq!(
        (status, out.as_str(), err.as_str()),
        (Some(1), "", "rlua-actor: a.lua:1: unexpected symbol near '='\n")
    );
    assert_eq!(std::fs::read(folder.join("a.luac")).expect("it can be read"), b"precious");
    write(&folder, "b.lua", "return 1");
    for (arguments, message) in [
        (&["compile", "-o", "b.lua", "b.lua"][..], "b.lua is the program itself; name another file with -o"),
        (&["compile", "-o", "no/b.luac", "b.lua"], "cannot write no/b.luac: No such file or directory"),
        (&["compile", "-o", ".", "b.lua"], "cannot write .: Is a directory"),
        (&["compile", "no.lua"], "cannot read no.lua: No such file or directory"),
        (&["compile", "a.luac"], "a.luac:1: syntax error near <eof>"),
    ] {
        let (status, out, err) = outcome(&folder, arguments, b"");
        assert_eq!((status, out, err), (Some(1), String::new(), format!("rlua-actor: {message}\n")));
    }
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .expect("it can be read")
        .flatten()
        .map(|file| file.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["a.lua", "a.luac", "b.lua"]);
}

#[cfg(unix)]
#[test]
fn links_and_devices_stay_what_they_are() {
    let folder = folder("links");
    write(&folder, "a.lua", "print 'ran'");
    write(&folder, "target.luac", "old");
    std::os::unix::fs::symlink("target.luac", folder.join("a.luac")).expect("the link can be made");
    assert_eq!(outcome(&folder, &["compile", "a.lua"], b"").0, Some(0));
    assert!(folder.join("a.luac").is_symlink());
    assert_eq!(outcome(&folder, &["run", "target.luac"], b"").1, "ran\n");
    assert_eq!(
        outcome(&folder, &["compile", "-o", "/dev/null", "a.lua"], b""),
        (Some(0), String::new(), String::new())
    );
    assert_eq!(std::fs::read("/dev/null").expect("it can be read"), b"");
}

#[test]
fn help_for_newcomers() {
    let folder = folder("help");
    let (status, out, _) = outcome(&folder, &["compile", "--help"], b"");
    assert!(status == Some(0) && out.contains(".luac") && out.contains("Examples:"), "{out}");
    let (status, out, _) = outcome(&folder, &["check", "--help"], b"");
    assert!(status == Some(0) && out.contains("file:line:column") && out.contains("Examples:"), "{out}");
    assert_eq!(outcome(&folder, &["check"], b"").0, Some(2));
}
