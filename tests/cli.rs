//! The command line: bad input is one line on standard error and status 1; limits are errors, never crashes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Seconds that one program may take, before it counts as hanging.
const LIMIT: Duration = Duration::from_secs(60);

/// What a finished program left.
struct Finished {
    /// `None`: a signal ended it.
    status: Option<i32>,
    out: String,
    err: String,
}

fn finish(command: &mut Command, stdin: &[u8]) -> Finished {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = child.stdin.take().expect("it is piped");
    let stdin = stdin.to_vec();
    // A program that does not read its input closes the pipe; that is no failure.
    std::thread::spawn(move || input.write_all(&stdin).ok());
    let out = read_all(child.stdout.take().expect("it is piped"));
    let err = read_all(child.stderr.take().expect("it is piped"));
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("the child can be waited for") {
            break status;
        }
        if begun.elapsed() > LIMIT {
            child.kill().expect("the child can be killed");
            child.wait().expect("a killed child ends");
            panic!("still running after {LIMIT:?}");
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    Finished {
        status: status.code(),
        out: out.join().expect("the reader ends"),
        err: err.join().expect("the reader ends"),
    }
}
fn read_all(mut from: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        from.read_to_end(&mut all).expect("the pipe can be read");
        String::from_utf8_lossy(&all).into_owned()
    })
}

fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_rlua-actor"))
}
/// Runs a program that comes by standard input.
#[track_caller]
fn run(program: &str) -> Finished {
    let f = finish(binary().args(["run", "-"]), program.as_bytes());
    assert!(f.status.is_some(), "a signal ended it: {}", f.err);
    f
}
/// Runs a program that must succeed; what it printed.
#[track_caller]
fn ok(program: &str) -> String {
    let f = run(program);
    assert_eq!((f.status, f.err.as_str()), (Some(0), ""), "{}", f.out);
    f.out
}
/// A folder of its own for a test's files.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&path).expect("the folder can be made");
    path
}
/// A file with this content is refused: one line with its name, status 1, no output.
#[track_caller]
fn refused(name: &str, content: &[u8]) -> String {
    let path = folder("bad-input").join(name);
    std::fs::write(&path, content).expect("the file can be written");
    refused_path(&path)
}
#[track_caller]
fn refused_path(path: &Path) -> String {
    let f = finish(binary().arg("run").arg(path), b"");
    assert_eq!(f.status, Some(1), "{}", f.err);
    assert_eq!(f.out, "");
    assert_eq!(f.err.lines().count(), 1, "{}", f.err);
    let name = path.file_name().expect("a file has a name").to_string_lossy();
    assert!(f.err.contains(&*name), "the file is not named: {}", f.err);
    assert!(!f.err.contains("panicked"), "{}", f.err);
    f.err
}

#[test]
fn missing_file() {
    assert!(refused_path(Path::new("no-such.lua")).contains("No such file or directory"));
}
#[test]
fn directory() {
    assert!(refused_path(&folder("a-directory.lua")).contains("Is a directory"));
}
#[cfg(unix)]
#[test]
fn unreadable_file() {
    use std::os::unix::fs::PermissionsExt;
    let path = folder("bad-input").join("unreadable.lua");
    std::fs::write(&path, "print(1)").expect("the file can be written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).expect("its mode can be set");
    // The superuser reads everything; there is nothing to see then.
    if std::fs::read(&path).is_err() {
        assert!(refused_path(&path).contains("Permission denied"));
    }
    std::fs::remove_file(&path).expect("the file can be removed");
}
#[test]
fn picture() {
    refused("picture.lua", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\x06\0\0\0\x1f\xf3\xffa");
}
#[test]
fn utf16_text() {
    let text: Vec<u8> = "print(1)\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    refused("utf16.lua", &text);
    refused("utf16-bom.lua", &[b"\xff\xfe", text.as_slice()].concat());
}
#[test]
fn lone_zero_byte() {
    refused("zero.lua", b"\0");
}
#[test]
fn bytecode_of_another_version() {
    assert!(refused("version.luac", b"\x1bLua\x53\0\x19\x93\r\n\x1a\n").contains("version mismatch"));
}
#[test]
fn bytecode_of_the_reference() {
    let message =
        refused("reference.luac", b"\x1bLua\x54\0\x19\x93\r\n\x1a\n\x04\x08\x08xV\0\0\0\0\0\0\0\0\0\0\0(w@\x01");
    assert!(message.contains("another Lua"), "{message}");
}
#[test]
fn truncated_and_damaged_bytecode() {
    let file = folder("bad-input").join("good.luac");
    let name = file.to_str().expect("a path of our own");
    ok(&format!("local f = assert(io.open('{name}', 'wb')) f:write(string.dump(load 'print(...)')) f:close()"));
    let good = std::fs::read(&file).expect("it was written");
    let f = finish(binary().args(["run", name, "one", "two"]), b"");
    assert_eq!((f.status, f.out.as_str()), (Some(0), "one\ttwo\n"), "{}", f.err);
    for cut in 1..good.len() {
        refused("cut.luac", &good[..cut]);
    }
    for i in 0..good.len() {
        let mut bad = good.clone();
        bad[i] ^= 0xff;
        let path = folder("bad-input").join("damaged.luac");
        std::fs::write(&path, &bad).expect("the file can be written");
        let f = finish(binary().arg("run").arg(&path), b"");
        assert!(matches!(f.status, Some(0 | 1)), "byte {i}: {:?} {}", f.status, f.err);
        assert!(!f.err.contains("panicked"), "byte {i}: {}", f.err);
    }
}
#[test]
fn syntax_error() {
    assert!(refused("syntax.lua", b"x = = 1\n").contains("syntax.lua:1: unexpected symbol near '='"));
}

#[test]
fn empty_files() {
    for (name, content) in
        [("empty.lua", &b""[..]), ("bom.lua", b"\xef\xbb\xbf"), ("shebang-only.lua", b"#!/usr/bin/rlua")]
    {
        let path = folder("good-input").join(name);
        std::fs::write(&path, content).expect("the file can be written");
        let f = finish(binary().arg("run").arg(&path), b"");
        assert_eq!((f.status, f.out.as_str(), f.err.as_str()), (Some(0), "", ""), "{name}");
    }
}
#[test]
fn shebang_line_and_arguments() {
    let path = folder("good-input").join("arguments.lua");
    std::fs::write(
        &path,
        "#!/usr/bin/env rlua-actor\nprint(#arg, ...) print(arg[0]:match '[^/]*$', arg[1])\nerror('here')",
    )
    .expect("the file can be written");
    let f = finish(binary().arg("run").arg(&path).args(["one", "--two", "-3"]), b"");
    assert_eq!((f.status, f.out.as_str()), (Some(1), "3\tone\t--two\t-3\narguments.lua\tone\n"));
    assert!(f.err.contains("arguments.lua:3: here"), "{}", f.err);
}
#[test]
fn standard_input() {
    let f = finish(binary().args(["run", "-", "a"]), b"#!x\nprint(arg[0], ...)");
    assert_eq!((f.status, f.out.as_str(), f.err.as_str()), (Some(0), "-\ta\n", ""));
    let f = finish(binary().args(["run", "-"]), b"x =");
    assert_eq!((f.status, f.out.as_str()), (Some(1), ""));
    assert!(f.err.contains("stdin:1: unexpected symbol near <eof>"), "{}", f.err);
}
#[test]
fn exit_statuses() {
    for (program, status) in [
        ("return 5", 0),
        ("os.exit()", 0),
        ("os.exit(true)", 0),
        ("os.exit(false)", 1),
        ("os.exit(3)", 3),
        ("os.exit(7, true)", 7),
        ("coroutine.wrap(function() os.exit(9) end)()", 9),
        ("pcall(os.exit, 4) print 'not reached'", 4),
        ("error('x')", 1),
        ("error({})", 1),
        ("error()", 1),
        ("local t = nil; t.x = 1", 1),
        ("io.write('no newline') os.exit(0)", 0),
    ] {
        let f = run(program);
        assert_eq!(f.status, Some(status), "{program}: {}", f.err);
        assert!(!f.out.contains("not reached"), "{program}");
        assert_eq!(f.out.contains("no newline"), program.contains("no newline"), "{program}");
    }
}
#[test]
fn uncaught_error_objects() {
    // As `lua`: what tells its own text has no traceback.
    let f = run("error(setmetatable({}, { __tostring = function() return 'my own text' end }))");
    assert_eq!((f.status, f.err.as_str()), (Some(1), "rlua-actor: my own text\n"));
    let f =
        run("coroutine.wrap(function() error(setmetatable({}, { __tostring = function() return 'inner' end })) end)()");
    assert_eq!((f.status, f.err.as_str()), (Some(1), "rlua-actor: inner\n"));
    for (object, kind) in [("{}", "table"), ("setmetatable({}, { __name = 'Named' })", "table"), ("nil", "nil")] {
        let f = run(&format!("error({object})"));
        let text = format!("rlua-actor: (error object is a {kind} value)\nstack traceback:\n");
        assert!(f.status == Some(1) && f.err.starts_with(&text), "{}", f.err);
    }
}

#[test]
fn help_and_version() {
    let f = finish(binary().arg("--help"), b"");
    assert_eq!((f.status, f.err.as_str()), (Some(0), ""));
    // All that a new user may look for: how a program is run, the options of `lua`, the commands.
    for wanted in [
        "rlua-actor [OPTIONS] [FILE",
        "-e <TEXT>",
        "-l <MODULE>",
        "-i ",
        "-v ",
        "-W ",
        "-E ",
        "--workers",
        "--max-memory",
        "run ",
        "check ",
        "compile ",
        "disasm ",
        "rlua-actor FILE",
        "rlua-actor hello.lua",
    ] {
        assert!(f.out.contains(wanted), "no {wanted} in {}", f.out);
    }
    assert!(!f.out.contains("--stress"), "{}", f.out);
    assert_eq!(finish(binary().arg("-h"), b"").out, f.out);
    assert!(finish(binary().arg("--version"), b"").out.starts_with("rlua-actor "));
    // What is no command is a program, as for `lua`.
    let f = finish(binary().arg("no-such-command"), b"");
    assert_eq!(f.status, Some(1));
    assert!(f.err.contains("cannot read no-such-command"), "{}", f.err);
    assert_eq!(finish(binary().args(["-e", "print(arg[0] ~= nil, ...)"]), b"").out, "true\n");
    assert_eq!(finish(binary().args(["run", "--workers", "0", "-"]), b"").status, Some(2));
}
/// A reader that goes away early, as in `rlua-actor run x.lua | head -1`: the program ends as `lua` and other programs
/// end, soon and without a word, whichever of its processes writes.
#[test]
fn closed_output() {
    use std::os::unix::process::ExitStatusExt;
    const BROKEN_PIPE: i32 = 13;
    let forever = [
        "for i = 1, math.huge do print(i) end",
        "while true do pcall(print, 1) end",
        "for i = 1, math.huge do io.write(i, '\\n') end",
        "io.stdout:setvbuf 'no' for i = 1, math.huge do io.write(i, '\\n') end",
        "io.stdout:setvbuf 'line' for i = 1, math.huge do io.stdout:write(i, '\\n') end",
        "local c = require 'concurrent'
         c.spawn(function() for i = 1, math.huge do print(i) end end)
         c.spawn(function() while true do end end) c.loop()",
        "print(1) io.stdout:flush() io.read() print(2) os.exit(0)",
        "print(1) io.stdout:flush() io.read() print(2)",
    ];
    for (program, workers) in forever.iter().flat_map(|p| [(p, "1"), (p, "2")]) {
        let mut child = binary()
            .args(["run", "--workers", workers, "-e", program])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut out = std::io::BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        std::io::BufRead::read_line(&mut out, &mut line).expect("the pipe can be read");
        assert_eq!(line, "1\n", "{program}");
        drop(out);
        drop(child.stdin.take());
        let err = read_all(child.stderr.take().expect("it is piped")).join().expect("the reader ends");
        let status = child.wait().expect("it ends");
        assert_eq!((status.signal(), err.as_str()), (Some(BROKEN_PIPE), ""), "{program}: {status}");
    }
    // A shell calls it 141.
    let f = finish(
        Command::new("sh").args([
            "-c",
            "{ \"$0\" disasm -; echo $? >&2; } | head -1",
            env!("CARGO_BIN_EXE_rlua-actor"),
        ]),
        "x = 1\n".repeat(100_000).as_bytes(),
    );
    assert_eq!((f.out.as_str(), f.err.as_str()), ("\n", "141\n"));
    // Another pipe whose reader is gone is an error of the write, and no more.
    let out = ok("local f = io.popen('true', 'w') f:setvbuf 'no'
         local fine, message repeat fine, message = f:write('x') until not fine print(message)");
    assert_eq!(out, "Broken pipe\n");
}

/// A full disk: a script is told by what it calls, as under the reference; what this program prints itself must not be
/// lost without a word.
#[cfg(target_os = "linux")]
#[test]
fn full_output() {
    let path = folder("full").join("a.lua");
    std::fs::write(&path, "return 1").expect("the file can be written");
    let path = path.to_str().expect("a path of our own");
    let to_full = |arguments: &[&str]| {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("there is one");
        let output = binary().args(arguments).stdin(Stdio::null()).stdout(full).output().expect("the program runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let told = (Some(1), "rlua-actor: cannot write standard output: No space left on device\n".to_string());
    for arguments in
        [&["disasm", path][..], &["compile", "-o", "-", path], &["--help"], &["help", "check"], &["-V"], &["-v"]]
    {
        assert_eq!(to_full(arguments), told, "{arguments:?}");
    }
    let program = "print(1) print(io.write('x')) print(io.stdout:flush())
        for i = 1, 1e4 do print(i) end
        io.stdout:setvbuf 'no'
        io.stderr:write(tostring(io.write('x')), ' ', tostring(select(2, io.write('y'))))";
    assert_eq!(to_full(&["-e", program]), (Some(0), "nil No space left on device".to_string()));
    // Nobody is left to be told of a standard error that is full.
    let full = std::fs::File::options().write(true).open("/dev/full").expect("there is one");
    let output =
        binary().args(["-e", "warn '@on' warn 'x' error 'y'"]).stderr(full).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
}

/// Texts and names are bytes. What is not UTF-8 stays what it is.
#[cfg(target_os = "linux")]
#[test]
fn bytes_that_are_not_utf8() {
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let folder = folder("bytes");
    let name = OsString::from_vec(b"n\xe9m.lua".to_vec());
    let bad = OsString::from_vec(b"b\xe9d.lua".to_vec());
    std::fs::write(folder.join(&name), b"print(arg[0], ..., debug.getinfo(1, 'S').short_src)").expect("a file of ours");
    std::fs::write(folder.join(&bad), b"x = 'h\xe9' \xe9").expect("a file of ours");
    let output = |arguments: &[&OsStr]| {
        let output = binary().current_dir(&folder).args(arguments).output().expect("the program runs");
        (output.status.code(), output.stdout, output.stderr)
    };
    let word = OsStr::new;
    let argument = OsStr::from_bytes(b"\xff");
    let printed = b"n\xe9m.lua\t\xff\tn\xe9m.lua\n".to_vec();
    assert_eq!(output(&[&name, argument]), (Some(0), printed.clone(), Vec::new()));
    assert_eq!(output(&[word("run"), &name, argument]), (Some(0), printed.clone(), Vec::new()));
    assert_eq!(output(&[word("check"), &name]), (Some(0), Vec::new(), Vec::new()));
    assert_eq!(output(&[word("compile"), &name]), (Some(0), Vec::new(), Vec::new()));
    let compiled = OsString::from_vec(b"n\xe9m.luac".to_vec());
    let printed = b"n\xe9m.luac\t\xff\tn\xe9m.lua\n".to_vec();
    assert_eq!(output(&[&compiled, argument]), (Some(0), printed, Vec::new()));
    // In a listing for people it is escaped.
    let (status, listing, _) = output(&[word("disasm"), &name]);
    assert!(status == Some(0) && listing.starts_with(b"\nmain <n\\xe9m.lua:0,0>"), "{}", listing.escape_ascii());
    // Syntax errors, with the file's name and what is wrong.
    let message = b"rlua-actor: b\xe9d.lua:1: unexpected symbol near '<\\233>'\n".to_vec();
    for command in ["run", "compile", "disasm"] {
        assert_eq!(output(&[word(command), &bad]), (Some(1), Vec::new(), message.clone()), "{command}");
    }
    let (_, _, shown) = output(&[word("check"), &bad]);
    assert!(
        shown.starts_with(b"b\xe9d.lua:1:10: unexpected symbol near '<\\233>'\n 1 | x = 'h\\xe9' \\xe9\n"),
        "{}",
        shown.escape_ascii()
    );
    let (_, _, message) = output(&[word("run"), OsStr::from_bytes(b"no\xff.lua")]);
    assert_eq!(message, b"rlua-actor: cannot read no\xff.lua: No such file or directory\n");
    let (_, _, message) = output(&[word("-e"), OsStr::from_bytes(b"x = '\xe9")]);
    assert_eq!(message, b"rlua-actor: (command line):1: unfinished string near <eof>\n");
    // Uncaught errors, and names of processes.
    let program = b"local c = require 'concurrent' c.spawn(function() c.register('\xfe', c.self()) error('\xff', 0) end) c.sleep(50) error('\xe9', 0)";
    let (status, _, message) = output(&[word("-e"), OsStr::from_bytes(program)]);
    let lines: Vec<&[u8]> = message.split(|&b| b == b'\n').filter(|l| l.starts_with(b"rlua-actor")).collect();
    assert_eq!(status, Some(1));
    assert!(lines[0].ends_with(b" (\xfe) died: \xff"), "{}", lines[0].escape_ascii());
    assert_eq!(lines[1..], [b"rlua-actor: \xe9"]);
    // Warnings, and what finalizers raise.
    let (_, _, message) = output(&[word("-e"), OsStr::from_bytes(b"warn '@on' warn('\xe9', 'x') setmetatable({}, { __gc = function() error('\xff', 0) end }) collectgarbage()")]);
    assert_eq!(message, b"Lua warning: \xe9x\nLua warning: error in __gc (\xff)\n");
    // Environment: a file to run first, and paths of modules.
    let mut command = binary();
    command.current_dir(&folder).args(["-l", "m=n"]).env("LUA_INIT", OsStr::from_bytes(b"@n\xe9m.lua"));
    command.env("LUA_PATH", OsStr::from_bytes(b"?\xe9m.lua"));
    let made = command.output().expect("the program runs");
    assert!(made.stdout.ends_with(b"\tn\tn\xe9m.lua\n") && made.stderr.is_empty(), "{}", made.stdout.escape_ascii());
    // The libraries.
    let program = b"local n = 'f\xe9' local f = assert(io.open(n, 'w')) f:write 'return ...' f:close()
        assert(loadfile(n)(1) == 1 and dofile(n) == nil) for l in io.lines(n) do assert(l == 'return ...') end
        assert(io.popen('cat f\xe9'):read 'a' == 'return ...' and os.execute('test -e f\xe9'))
        assert(os.rename(n, n .. '\xfe') and os.remove(n .. '\xfe'))
        local function says(message, ...) local _, text = ... assert(text:sub(-#message) == message, text) end
        says('f\xe9: No such file or directory', io.open(n)) says('f\xe9: No such file or directory', os.remove(n))
        says('cannot open f\xe9: No such file or directory', loadfile(n))
        says(\"module '\xe9' not found:\\n\\tno field package.preload['\xe9']\\n\\tno file '\xe9.x'\\n\\tno file '\xe9.y'\", pcall(function() package.path, package.cpath = '?.x', '?.y' require '\xe9' end))
        says(\"(invalid option '\xe9')\", pcall(collectgarbage, '\xe9'))
        says(\"(invalid option '\xe9')\", pcall(io.stdout.seek, io.stdout, '\xe9'))
        says(\"(invalid option '\xe9')\", pcall(io.stdout.setvbuf, io.stdout, '\xe9'))
        says(\"(invalid option '\xe9')\", pcall(os.setlocale, 'C', '\xe9'))
        local named = setmetatable({}, { __name = '\xe9' })
        says(\"bad 'for' limit (number expected, got \xe9)\", pcall(function() for i = 1, named do end end))";
    let (status, _, message) = output(&[word("-e"), OsStr::from_bytes(program)]);
    assert_eq!((status, message.escape_ascii().to_string().as_str()), (Some(0), ""));
}

#[test]
fn nested_pcalls() {
    let program =
        "local function f(n) if n == 0 then return 'bottom' end return select(2, pcall(f, n - 1)) end print(f(10000))";
    let out = ok(program);
    assert!(out == "bottom\n" || out.contains("overflow"), "{out}");
}
#[test]
fn nested_coroutines() {
    let program = "local function f(n) if n == 0 then return 'bottom' end return coroutine.wrap(f)(n - 1) end";
    assert_eq!(ok(&format!("{program} print(f(190))")), "bottom\n");
    let out = ok(&format!("{program} print(pcall(f, 100000))"));
    assert!(out.starts_with("true\tbottom") || out.contains("overflow"), "{out}");
}
#[test]
fn deep_recursion() {
    let program = "local function f(n) if n == 0 then return 0 end return 1 + f(n - 1) end";
    assert_eq!(ok(&format!("{program} print(f(150000))")), "150000\n");
    let out = ok("local function f() return 1 + f() end print(pcall(f))");
    assert!(out.contains("stack overflow"), "{out}");
}
#[test]
fn error_in_the_handler_of_an_overflow() {
    let out = ok("local function f() return 1 + f() end local function h(m) return f() end print(xpcall(f, h))");
    assert!(out.starts_with("false\t"), "{out}");
}
#[test]
fn recursive_metamethods_and_natives() {
    let out = ok(
        "local t = setmetatable({}, { __index = function(t, k) return t[k + 1] end }) print(pcall(function() return t[1] end))
         local s = setmetatable({}, { __tostring = function(s) return tostring(s) end }) print(pcall(tostring, s))
         local function g(s) return (s:gsub('.', g)) end print(pcall(g, 'a'))
         local function c(a, b) table.sort({ 1, 2, 3 }, c) return a < b end print(pcall(c, 1, 2))
         local loop = {} loop = setmetatable(loop, { __index = loop }) print(pcall(function() return loop.x end))",
    );
    assert_eq!(out.lines().filter(|l| l.starts_with("false\t")).count(), 5, "{out}");
}
#[test]
fn deep_message() {
    let out = ok("local concurrent = require 'concurrent'
         local function deep(n) local t = { 'bottom' } for i = 1, n do t = { t } end return t end
         local me = concurrent.self()
         local pid = concurrent.spawn(function() concurrent.send(me, concurrent.receive()) end)
         concurrent.send(pid, deep(50000))
         local t, n = concurrent.receive(), 0
         while type(t[1]) == 'table' do t, n = t[1], n + 1 end
         print(n, t[1])");
    assert_eq!(out, "50000\tbottom\n");
}
/// Each catcher adds to the message: their number must stay such that this ends.
#[test]
fn an_error_through_many_catchers() {
    let out = ok("local function nested() assert(pcall(nested)) end
         local fine, message = pcall(nested) print(fine, #message > 1000, message:match 'C stack overflow')");
    assert_eq!(out, "false\ttrue\tC stack overflow\n");
}
#[test]
fn deep_source_texts() {
    let out = ok(
        "for _, p in ipairs { '(', '{', 'return {', 'f(', 'a[', '-', 'not ', '~', 'do ', 'if x then ', 'function f() ',
           'while x do ', 'repeat ', 'for i=1,2 do ', 'x=function() ', 'return 1 ..', 'return 2 ^', 'local a <close> = ',
           '((a', 'a=b,', 'a.', 'a:b', '\"', '[[', '--[[', '::a' , 'goto a ' } do
           local f, m = load(p:rep(1000000)) print(p, f and 'compiles' or #m < 300) end
         print(pcall(load, ('a'):rep(3000000)))
         print(load('return ' .. ('('):rep(150) .. '1' .. (')'):rep(150))())",
    );
    assert!(!out.contains("\tfalse\n"), "{out}");
    assert!(out.ends_with("\n1\n"), "{out}");
}
#[test]
fn huge_strings_and_tables() {
    let out = ok("print(pcall(string.rep, 'x', 1 << 60)) print(pcall(string.rep, 'abc', math.maxinteger))
         print(pcall(table.unpack, {}, 1, 1e7)) print(pcall(table.concat, {}, 'x', 1, 1 << 50))
         print(pcall(string.format, '%99999d', 1))
         print(pcall(function() return select('#', table.unpack({}, 1, 1e6 + 1)) end))
         print(pcall(function() return ('x'):byte(1, -1), table.unpack({}, 1, 1e6) end))");
    assert_eq!(out.lines().filter(|l| l.starts_with("false\t")).count(), 7, "{out}");
}
/// What the system refuses is an error of Lua's, as with the reference.
#[test]
fn no_more_memory_from_the_system() {
    let programs = [
        "local t = {} while true do t[#t + 1] = 1 end",
        "local t = {} local i = 0 while true do i = i + 1.5 t[i] = 1 end",
        "local s = ('x'):rep(1000) while true do s = s .. s end",
        "return ('x'):rep(1 << 30)",
        "local s = ('x'):rep(1 << 23) local t = {} for i = 1, 1 << 7 do t[i] = s end return table.concat(t)",
        "return (('x'):rep(1 << 20):gsub('x', ('y'):rep(1 << 10)))",
    ];
    // What is small, or grows where no error can be returned, comes from a reserve then.
    let small = [
        "local t while true do t = { t } end",
        "local t while true do local o = t t = function() return o end end",
        "local t = {} for i = 1, 1 << 30 do t[i] = 'abc' .. i end",
        "local l = {} while true do l[#l + 1] = coroutine.create(print) end",
        "local t = {} for i = 1, 1000 do t[i] = i .. ('x'):rep(10000) end while true do C.send(C.self(), t) end",
        "local s = ('x'):rep(1 << 26) while true do C.send(C.self(), s) end",
        "while true do C.spawn(function() C.receive() end) end",
    ];
    let small = small.iter().filter(|_| cfg!(all(feature = "mimalloc", target_os = "linux")));
    for program in programs.iter().chain(small) {
        let program = format!(
            "C = require 'concurrent' local ok, m = pcall(function() {program} end) assert(not ok, 'it had enough') print(m)"
        );
        let f = finish(
            Command::new("sh")
                .args(["-c", "ulimit -v 700000; exec \"$0\" run --workers 1 --max-memory 100G -"])
                .arg(env!("CARGO_BIN_EXE_rlua-actor")),
            program.as_bytes(),
        );
        assert_eq!((f.status, f.out.as_str()), (Some(0), "not enough memory\n"), "{program}: {}", f.err);
    }
}
#[test]
fn small_system_stack() {
    let programs = [
        "local function f(n) if n == 0 then return 0 end return 1 + f(n - 1) end print(f(150000))",
        "local function f(n) if n == 0 then return 0 end return select(2, pcall(f, n - 1)) end print(f(10000))",
        "local function f(n) if n == 0 then return 0 end return coroutine.wrap(f)(n - 1) end print(pcall(f, 190))",
        "print(load(('('):rep(1000000)))",
        "print(load('return ' .. ('-'):rep(190) .. '1'))",
        "print(#string.match(string.rep('a', 200000), string.rep('a?', 20000)))",
        "local t = {} for i = 1, 50000 do t = { t } end t = nil collectgarbage()",
        "local c = require 'concurrent' local t = {} for i = 1, 50000 do t = { t } end c.send(c.self(), t) c.receive()",
        "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k + 1] end print(pcall(function() return t[1] end))",
    ];
    for workers in ["1", "2"] {
        for program in programs {
            let f = finish(
                Command::new("sh")
                    .args(["-c", "ulimit -s 256; exec \"$0\" run --workers \"$1\" -"])
                    .args([env!("CARGO_BIN_EXE_rlua-actor"), workers]),
                program.as_bytes(),
            );
            assert!(matches!(f.status, Some(0 | 1)), "{program}: {:?} {}", f.status, f.err);
            assert!(!f.err.contains("panicked"), "{program}: {}", f.err);
        }
    }
}

/// Every handler of an instruction must end in a jump: one that calls instead would, often enough in a loop without
/// reductions, use up the stack. This script makes them all go their slow ways.
#[test]
fn handlers_keep_no_stack() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/lua-tests/stress/long_slow_paths.lua");
    let f = finish(
        Command::new("sh")
            .args(["-c", "ulimit -s 256; exec \"$0\" run --workers 1 \"$1\" 200000"])
            .args([env!("CARGO_BIN_EXE_rlua-actor"), script]),
        b"",
    );
    assert_eq!((f.status, f.err.as_str()), (Some(0), ""));
}

#[test]
fn an_endless_loop_holds_nobody_up() {
    for workers in ["1", "2"] {
        let f = finish(
            binary().args(["run", "--workers", workers, "-"]),
            b"local concurrent = require 'concurrent'
              local loops = {}
              for i = 1, 3 do loops[i] = concurrent.spawn(function() while true do end end) end
              loops[4] = concurrent.spawn(function() repeat until false end)
              loops[5] = concurrent.spawn(function() ::a:: goto a end)
              loops[6] = concurrent.spawn(function() local function f() return f() end f() end)
              loops[7] = concurrent.spawn(function() while true do pcall(error) end end)
              local me = concurrent.self()
              local echo = concurrent.spawn(function() while true do local m = concurrent.receive() concurrent.send(me, m) end end)
              for i = 1, 20 do concurrent.send(echo, i) assert(concurrent.receive() == i) concurrent.sleep(1) end
              for _, pid in ipairs(loops) do concurrent.monitor(pid) concurrent.kill(pid) end
              for _ in ipairs(loops) do local m = concurrent.receive(10000) assert(m and m.signal == 'DOWN', 'no signal') end
              print 'over'",
        );
        assert_eq!((f.status, f.out.as_str(), f.err.as_str()), (Some(0), "over\n", ""), "{workers} workers");
    }
}

#[test]
fn options_of_lua() {
    let folder = folder("options");
    std::fs::write(folder.join("module.lua"), "return { name = ... }").expect("the folder is ours");
    std::fs::write(folder.join("script.lua"), "print('script', ...) print(arg[0], arg[-1], #arg)").expect("as above");
    let run_in = |arguments: &[&str], input: &str| {
        let mut command = binary();
        command.current_dir(&folder).env_remove("LUA_INIT").env_remove("LUA_PATH");
        finish(command.args(arguments), input.as_bytes())
    };
    // In their order, and before the script.
    let f = run_in(&["-e", "print(1)", "-lmodule", "-e", "print(module.name)", "script.lua", "-x", "--", "y"], "");
    assert_eq!((f.status, f.err.as_str()), (Some(0), ""));
    let last = f.out.lines().last().expect("it prints");
    assert!(f.out.starts_with("1\nmodule\nscript\t-x\t--\ty\n"), "{}", f.out);
    assert!(last.starts_with("script.lua\tprint(module.name)\t3"), "{last}");
    assert_eq!(run_in(&["-l", "m=module", "-e", "print(m.name, module)"], "").out, "module\tnil\n");
    // Alone, a script sees the interpreter before it, with `run` and without.
    for arguments in [&["script.lua"][..], &["run", "script.lua"], &["--", "script.lua"]] {
        let out = run_in(arguments, "").out;
        assert!(out.contains("rlua-actor\t0\n") || out.contains("--\t0\n"), "{out}");
    }
    // Text from standard input: named, or alone.
    assert_eq!(run_in(&["-", "a"], "print('in', ...)").out, "in\ta\n");
    assert_eq!(run_in(&[], "print('in', ...)").out, "in\n");
    // Warnings, the version, the environment.
    assert_eq!(run_in(&["-e", "warn('x')"], "").err, "");
    assert_eq!(run_in(&["-W", "-e", "warn('x', 'y')"], "").err, "Lua warning: xy\n");
    assert!(run_in(&["-v"], "").out.contains("Lua 5.4"));
    let with = |arguments: &[&str]| {
        finish(binary().current_dir(&folder).env("LUA_INIT", "print 'init'").args(arguments), b"").out
    };
    assert_eq!(with(&["-e", "print(2)"]), "init\n2\n");
    assert_eq!(with(&["-E", "-e", "print(2)"]), "2\n");
    let path = finish(binary().env("LUA_PATH", "?.x;;").args(["-e", "print(package.path)"]), b"").out;
    assert!(path.starts_with("?.x;/usr/local/share/lua/5.4/?.lua;"), "{path}");
    // Errors.
    let f = run_in(&["-e", "x ="], "");
    assert_eq!((f.status, f.err.as_str()), (Some(1), "rlua-actor: (command line):1: unexpected symbol near <eof>\n"));
    assert_eq!(run_in(&["-l", "no.such.module"], "").status, Some(1));
    assert_eq!(run_in(&["-x"], "").status, Some(2));
}

#[test]
fn the_prompt() {
    let input = "1 + 1\nx = { 1, 'two', y = { z = true } }\nx\nfor i = 1, 2 do\nprint(i)\nend\nerror 'oops'\n\
                 error(setmetatable({}, { __tostring = function() return 'object' end }))\n1 +\n2\nx y\n\
                 setmetatable({}, { __tostring = function() return 'shown' end })\nlocal t <const> = 1\n=t\n\
                 local c = require 'concurrent' local me = c.self() c.spawn(function() c.send(me, 'sent') end)\n\
                 concurrent.receive()\nos.exit(3)\n";
    let state = folder("prompt");
    let f = finish(binary().args(["run", "-i"]).env("XDG_STATE_HOME", &state), input.as_bytes());
    assert_eq!(f.status, Some(3), "{}", f.err);
    let shown: Vec<&str> = f.out.lines().skip(1).collect();
    let wanted = ["2", "{ 1, \"two\", y = { z = true } }", "1", "2", "3", "shown", "nil", "\"sent\""];
    assert_eq!(shown, wanted, "{}", f.err);
    assert!(f.err.contains("stdin:1: oops\nstack traceback:\n"), "{}", f.err);
    assert!(f.err.contains("\nobject\n") && f.err.contains("stdin:1: syntax error near 'y'"), "{}", f.err);
}

/// Lines for the prompt that come from a pipe: any bytes, shared with `io.read`, and the last statement may be cut.
#[test]
fn the_prompt_without_a_terminal() {
    let state = folder("prompt-pipe");
    let input = b"#'\xe9\xff'\nio.read()\nnot Lua at all\nerror '\xe9'\nx y\xe9\nfor i = 1, 2 do\n";
    let mut child = binary()
        .args(["run", "-i"])
        .env("XDG_STATE_HOME", &state)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("it is piped").write_all(input).expect("it is read");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(out.lines().skip(1).collect::<Vec<_>>(), ["2", "\"not Lua at all\"", ""]);
    let err = output.stderr.escape_ascii().to_string();
    let wanted = "stdin:1: \\xe9\\nstack traceback:";
    assert!(err.starts_with(wanted), "{err}");
    assert!(err.contains("\\nstdin:1: syntax error near \\'y\\'\\n"), "{err}");
    assert!(err.ends_with("\\nstdin:1: \\'end\\' expected near <eof>\\n"), "{err}");
}

/// A process that waits for standard input holds up nobody, and not the end of the program either.
#[test]
fn input_blocks_its_process_alone() {
    for workers in ["1", "2"] {
        let mut child = binary()
            .args(["run", "--workers", workers, "-e"])
            .arg(
                "local c = require 'concurrent'
                 local me = c.self()
                 local reader = c.spawn(function() c.send(me, 'reads') io.read() c.send(me, 'has read') end)
                 local echo = c.spawn(function() while true do c.send(me, c.receive()) end end)
                 assert(c.receive() == 'reads')
                 for i = 1, 20 do c.send(echo, i) assert(c.receive() == i) c.sleep(1) end
                 print(c.isprocessalive(reader)) os.exit(0)",
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // Kept open until the program has ended.
        let input = child.stdin.take();
        let out = read_all(child.stdout.take().expect("it is piped")).join().expect("the reader ends");
        assert_eq!((out.as_str(), child.wait().expect("it ends").code()), ("true\n", Some(0)), "{workers} workers");
        drop(input);
    }
}

/// Ctrl-C at the prompt, while a loop runs: an error, and the prompt again.
#[test]
fn an_interrupt_is_an_error_at_the_prompt() {
    let state = folder("interrupt");
    let mut child = binary()
        .args(["run", "-i"])
        .env("XDG_STATE_HOME", &state)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = child.stdin.take().expect("it is piped");
    let mut out = std::io::BufReader::new(child.stdout.take().expect("it is piped"));
    let mut line = String::new();
    let mut wait_for = |wanted: &str| {
        while !line.contains(wanted) {
            line.clear();
            let n = std::io::BufRead::read_line(&mut out, &mut line).expect("the pipe can be read");
            assert!(n > 0, "the program ended");
        }
    };
    writeln!(input, "print 'loop begins' while true do end").expect("it reads");
    wait_for("loop begins");
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupted.expect("there is a kill").success());
    writeln!(input, "print 'goes on'").expect("it reads");
    wait_for("goes on");
    drop(input);
    let err = read_all(child.stderr.take().expect("it is piped")).join().expect("the reader ends");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert!(err.contains("interrupted!\nstack traceback:"), "{err}");
}

#[test]
fn memory_has_a_limit() {
    let limited = |program: &str| finish(binary().args(["run", "--max-memory", "64M", "-"]), program.as_bytes());
    let f = limited(
        "local function try(f) print(pcall(f)) end
         try(function() local s = 'x' while true do s = s .. s end end)
         try(function() local t = {} while true do t[#t + 1] = {} end end)
         try(function() return ('x'):rep(1e9) end)
         try(function() local t = {} for i = 1, 1e9 do t[i] = i end end)
         try(function() return (('x'):rep(1e6):gsub('.', ('y'):rep(1000))) end)
         try(coroutine.wrap(function() local t = {} while true do t = { t } end end))
         print(xpcall(function() local t = {} while true do t[#t + 1] = {} end end, function() return 'handled' end))
         collectgarbage()
         print(collectgarbage 'count' < 1000)",
    );
    assert_eq!((f.status, f.err.as_str()), (Some(0), ""));
    assert_eq!(f.out, "false\tnot enough memory\n".repeat(7) + "true\n");
    // One process of many: it alone ends.
    let f = limited(
        "local c = require 'concurrent'
         local me = c.self()
         local hog = c.spawnmonitor(function() local t = {} while true do t[#t + 1] = {} end end)
         local other = c.spawn(function() while true do c.send(me, c.receive()) end end)
         local m = c.receive()
         print(m.signal, m.reason:match 'not enough memory' or m.reason, m.from == hog)
         c.send(other, 'alive') print(c.receive())",
    );
    assert_eq!(f.status, Some(0), "{}", f.err);
    assert!(
        f.out == "DOWN\tnot enough memory\ttrue\nalive\n" || f.out == "DOWN\theaplimit\ttrue\nalive\n",
        "{}",
        f.out
    );
    // A mailbox that fills up while its process sleeps.
    let f = limited(
        "local c = require 'concurrent'
         local p = c.spawn(function() c.sleep(600000) end)
         c.sleep(1)
         local text, sent = ('m'):rep(100000), 0
         for i = 1, 3000 do
           local ok, taken = pcall(c.send, p, text .. i)
           if not ok or not taken then break end
           sent = i
         end
         print(sent < 1000)
         os.exit(0)",
    );
    assert_eq!((f.status, f.out.as_str()), (Some(0), "true\n"), "{}", f.err);
    // What children begin with counts, too: here each has a snapshot of its own.
    let f = limited(
        "local c = require 'concurrent'
         data = {}
         for i = 1, 50000 do data[i] = { i } end
         local children = {}
         local function spawn() children[#children + 1] = c.spawn(function() c.receive() end) end
         print(pcall(function() while true do for i = 1, #data do data[i] = { i } end spawn() end end))
         print(#children < 50)
         for _, p in ipairs(children) do c.kill(p) end
         repeat until pcall(spawn)
         print 'again'
         os.exit()",
    );
    assert_eq!((f.out.as_str(), f.err.as_str()), ("false\tnot enough memory\ntrue\nagain\n", ""));
    assert_eq!(finish(binary().args(["run", "--max-memory", "lots", "-"]), b"").status, Some(2));
}

/// The slice of a step in which a process is killed while it is in a call of the system is over then, not when the call is.
#[test]
fn a_step_does_not_wait_for_the_dead() {
    let program = "local c = require 'concurrent'
        local p = c.spawn(function()
            local f = io.popen('exec sleep 5 2>/dev/null')
            f:read('a')
        end)
        local q = c.spawn(function()
            for _ = 1, 500 do end
            c.kill(p)
        end)
        local begun = c.time()
        repeat until not c.step()
        assert(c.time() - begun < 4000)
        print(c.isprocessalive(p), c.isprocessalive(q))";
    assert_eq!(ok(program), "false\tfalse\n");
}
