//! The reference implementation as a judge: scripts of lua-tests and generated programs give the same output and the
//! same error there and here.
//!
//! Both print into a string: addresses in it are replaced, since they differ from run to run. Generated programs run in
//! batches, one process of ours for each, since starting a process costs more than running one program. A program that
//! differs is shrunk by leaving out lines, as long as the two still differ.
//!
//! `RLUA_DIFF_SEED=n` sets the first seed of every generator (1). `RLUA_DIFF_SECONDS=n` makes programs for that long,
//! the time divided among the generators, in place of a fixed number of programs. `RLUA_DIFF_ALL=1` shows every
//! difference, not only the shortest of each generator.

mod generate;

use generate::{GENERATORS, Generator, quoted};
use libtest_mimic::{Arguments, Failed, Trial};
use mlua::{Lua, LuaOptions, StdLib};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Programs that one process of ours runs.
const BATCH: usize = 100;
/// How long it may take for them, before it counts as hanging.
const LIMIT: Duration = Duration::from_secs(60);
/// Differences after which a generator stops.
const ENOUGH: usize = 40;
/// Scripts that differ by design, and why: they still run here (tests/scripts.rs), but there is nothing to compare.
const DIFFERENT: &[(&str, &str)] = &[
    ("errors/traceback.lua", "the embedded reference's stack begins in Rust, so its tracebacks end otherwise"),
    ("errors/traceback_long.lua", "as above: it counts lines to the bottom of the stack"),
    ("stdlib/io_lines.lua", "it writes past the captured functions, by way of the standard stream itself"),
];

/// Runs a program `text` named `name`: `print` and `io.write` go into a string that is returned, followed by the error
/// message if there was one. The same text runs on both sides.
const HARNESS: &str = r#"
local text, name = ...
local out = {}
local real, stdout, output = io.write, io.stdout, io.output
local function write(...)
  if output() ~= stdout then return real(...) end
  for i = 1, select('#', ...) do
    local v = select(i, ...)
    if type(v) ~= 'string' and type(v) ~= 'number' then return real(...) end
    out[#out + 1] = tostring(v)
  end
  return stdout
end
local function show(...)
  for i = 1, select('#', ...) do
    if i > 1 then out[#out + 1] = '\t' end
    out[#out + 1] = tostring((select(i, ...)))
  end
  out[#out + 1] = '\n'
end
local function seal(s) return (s:gsub('(%a: )0[xX]%x%x%x%x%x%x+', '%10x'):gsub('%(0x%x%x%x%x%x%x+%)', '(0x)')) end
print, io.write = show, write
arg = { [0] = name:sub(2) }
os.exit = function(status) error('exit ' .. tostring(status), 0) end
local f, message = load(text, name)
if not f then return seal(message) end

local ok, message = pcall(f)
if not ok then out[#out + 1] = 'ERROR: ' .. tostring(message) .. '\n' end
return seal(table.concat(out))
"#;

fn main() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("lua-tests");
    // Scripts find their files relative to it, in the reference (which runs in this process) and in ours.
    std::env::set_current_dir(&root).expect("lua-tests is there");
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("TZ", "UTC") };
    let mut trials = Vec::new();
    for script in scripts(&root) {
        let root = root.clone();
        trials.push(Trial::test(format!("differential/{script}"), move || compare_script(&root, &script)));
    }
    let arguments = Arguments::from_args();
    let seed = setting("RLUA_DIFF_SEED", 1);
    let name = |g: &Generator| format!("generated/{}", g.name);
    let chosen = |g: &&Generator| arguments.filter.as_ref().is_none_or(|f| name(g).contains(f.as_str()));
    let share = setting("RLUA_DIFF_SECONDS", 0) as f64 / GENERATORS.iter().filter(chosen).count().max(1) as f64;
    let time = (share > 0.0).then(|| Duration::from_secs_f64(share));
    for generator in GENERATORS {
        trials.push(Trial::test(name(generator), move || compare_generated(generator, seed, time)));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |n| n.parse().unwrap_or_else(|_| panic!("{name} is not a number: {n}")))
}

/// Scripts that need no processes.
fn scripts(root: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for area in std::fs::read_dir(root).expect("lua-tests is there").flatten() {
        let area_name = area.file_name().to_string_lossy().into_owned();
        if !area.path().is_dir() || area_name == "modules" {
            continue;
        }
        for file in std::fs::read_dir(area.path()).expect("an area is a folder").flatten() {
            let script = format!("{area_name}/{}", file.file_name().to_string_lossy());
            if !script.ends_with(".lua") || DIFFERENT.iter().any(|(name, _)| *name == script) {
                continue;
            }
            let text = std::fs::read(file.path()).expect("a script can be read");
            let text = String::from_utf8_lossy(&text);
            let needs_processes = |l: &str| l.starts_with("-- test:") && l.contains("processes");
            // What a script does to the process as a whole cannot be seen from within.
            let ends_the_program = |l: &str| l.starts_with("-- test: status") || l.starts_with("-- test: args");
            if !text.lines().any(|l| needs_processes(l) || ends_the_program(l)) {
                all.push(script);
            }
        }
    }
    all.sort();
    all
}

/// What the reference makes of a program.
fn reference(text: &[u8], name: &str) -> Result<Vec<u8>, Failed> {
    // SAFETY: the tests' own programs may use the debug library.
    let lua = unsafe { Lua::unsafe_new_with(StdLib::ALL, LuaOptions::new()) };
    let text = lua.create_string(text)?;
    let name = lua.create_string(name)?;
    let out: mlua::LuaString = lua.load(HARNESS).set_name("=harness").call((text, name))?;
    Ok(out.as_bytes().to_vec())
}

/// What we make of them: one file that holds all programs as strings, and runs each with globals of its own in a fresh
/// process of ours per batch.
fn ours(programs: &[(Vec<u8>, String)], folder: &Path) -> Result<Vec<Vec<u8>>, Failed> {
    // A long string loses a first line end: the lines of the harness count in tracebacks.
    let mut driver = String::from("local real = io.write\nlocal harness = [==[\n");
    driver.push_str(HARNESS);
    driver.push_str("]==]\n");
    for (text, name) in programs {
        driver.push_str(&format!(
            "do local p, w = print, io.write local r = load(harness, '=harness')({}, {}) print, io.write = p, w \
             real(#r, '\\n', r) end\n",
            quoted(text),
            quoted(name.as_bytes())
        ));
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_rlua-actor"))
        .args(["run", "--workers", "1", "-"])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (mut stdin, mut stdout, mut stderr) = (
        child.stdin.take().expect("it is piped"),
        child.stdout.take().expect("it is piped"),
        child.stderr.take().expect("it is piped"),
    );
    // A program that ends early reads no further.
    let feeder = std::thread::spawn(move || drop(stdin.write_all(driver.as_bytes())));
    let errors = std::thread::spawn(move || {
        let mut text = Vec::new();
        stderr.read_to_end(&mut text).map(|_| text)
    });
    let (sender, receiver) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        let read = stdout.read_to_end(&mut text);
        let _ = sender.send(());
        read.map(|_| text)
    });
    let hangs = receiver.recv_timeout(LIMIT).is_err();
    if hangs {
        child.kill()?;
    }
    let status = child.wait()?;
    feeder.join().expect("the writer ends");
    let (stdout, stderr) = (reader.join().expect("the reader ends")?, errors.join().expect("the reader ends")?);
    let mut rest = stdout.as_slice();
    let mut all = Vec::new();
    for _ in programs {
        let Some(end) = rest.iter().position(|&b| b == b'\n') else { break };
        let n: usize = std::str::from_utf8(&rest[..end])?.parse()?;
        if rest.len() < end + 1 + n {
            break;
        }
        all.push(rest[end + 1..end + 1 + n].to_vec());
        rest = &rest[end + 1 + n..];
    }
    if all.len() < programs.len() || !status.success() {
        let (text, _) = &programs[all.len().min(programs.len() - 1)];
        let (err, text) = (String::from_utf8_lossy(&stderr), String::from_utf8_lossy(text));
        let how = if hangs { "hangs".to_string() } else { format!("ended with {status}") };
        return Err(format!("{how}\n{err}\n--- program\n{text}").into());
    }
    Ok(all)
}

fn compare(text: &[u8], reference: &[u8], ours: &[u8]) -> Result<(), Failed> {
    if reference == ours {
        return Ok(());
    }
    // Bytes that are no text are shown as escapes.
    let shown =
        |s: &[u8]| s.utf8_chunks().map(|c| format!("{}{}", c.valid(), c.invalid().escape_ascii())).collect::<String>();
    let (r, o) = (shown(reference), shown(ours));
    let at = r.lines().zip(o.lines()).position(|(a, b)| a != b).unwrap_or(r.lines().count().min(o.lines().count()));
    let line = |s: &str| s.lines().nth(at).unwrap_or("(ends)").to_string();
    let text = if text.len() > 20_000 { String::new() } else { shown(text) };
    let message =
        format!("line {} differs\n--- reference\n{}\n--- ours\n{}\n--- program\n{text}", at + 1, line(&r), line(&o));
    Err(message.into())
}

fn compare_script(root: &Path, script: &str) -> Result<(), Failed> {
    let text = std::fs::read(root.join(script))?;
    let name = format!("@{script}");
    let expected = reference(&text, &name)?;
    let got = ours(&[(text.clone(), name)], root)?;
    compare(&text, &expected, &got[0])
}

/// A fixed number of a generator's programs, or as many as there is time for.
fn compare_generated(generator: &Generator, first: u64, time: Option<Duration>) -> Result<(), Failed> {
    let start = Instant::now();
    let mut failures: Vec<String> = Vec::new();
    let mut seed = first;
    let more = |seed| time.map_or(seed < first + generator.cases, |t| start.elapsed() < t);
    while more(seed) && failures.len() < ENOUGH {
        let n = if time.is_some() { BATCH as u64 } else { (first + generator.cases - seed).min(BATCH as u64) };
        let texts: Vec<String> = (seed..seed + n).map(|s| generator.program(s)).collect();
        let got = match outputs(&texts) {
            Ok(got) => got,
            // Which of them it was is found by running each alone.
            Err(_) if n > 1 => texts
                .iter()
                .map(|t| outputs(std::slice::from_ref(t)).map(|mut g| g.remove(0)))
                .collect::<Result<_, _>>()?,
            Err(e) => return Err(e),
        };
        for (i, (text, got)) in texts.iter().zip(&got).enumerate() {
            let expected = reference(text.as_bytes(), "=generated")?;
            let Err(whole) = compare(text.as_bytes(), &expected, got) else { continue };
            if overflows(&expected) {
                continue;
            }
            let small = shrunk(text);
            let (expected, got) = (reference(small.as_bytes(), "=generated")?, outputs(std::slice::from_ref(&small))?);
            let error = compare(small.as_bytes(), &expected, &got[0]).err();
            let note = if error.is_none() { " (not always)" } else { "" };
            let error = error.unwrap_or(whole);
            let message = format!("{}{note}", error.message().unwrap_or_default());
            failures.push(format!("=== {} with seed {}: {message}", generator.name, seed + i as u64));
        }
        seed += n;
    }
    if time.is_some() {
        eprintln!("{}: {} programs from seed {first}, {} differ", generator.name, seed - first, failures.len());
    }
    if failures.is_empty() {
        return Ok(());
    }
    failures.sort_by_key(String::len);
    let shown = if std::env::var_os("RLUA_DIFF_ALL").is_some() { failures.len() } else { 1 };
    Err(format!("{} programs differ; the shortest:\n{}", failures.len(), failures[..shown].join("\n")).into())
}

/// Whether a program used up the stack, whose size differs.
fn overflows(output: &[u8]) -> bool {
    output.windows(14).any(|w| w == b"stack overflow")
}

fn outputs(texts: &[String]) -> Result<Vec<Vec<u8>>, Failed> {
    let programs: Vec<_> = texts.iter().map(|t| (t.clone().into_bytes(), "=generated".to_string())).collect();
    ours(&programs, Path::new("."))
}

/// A program with as few lines as can be, of which the outputs still differ.
fn shrunk(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let mut length = lines.len() / 2;
    while length > 0 {
        let candidates: Vec<Vec<&str>> = (0..=lines.len() - length.min(lines.len()))
            .map(|at| [&lines[..at], &lines[(at + length).min(lines.len())..]].concat())
            .collect();
        let smaller = candidates.chunks(BATCH).find_map(|some| {
            let texts: Vec<String> = some.iter().map(|c| c.join("\n")).collect();
            let got = outputs(&texts).ok()?;
            let differs = |t: &String, g: &Vec<u8>| {
                reference(t.as_bytes(), "=generated").is_ok_and(|r| r != *g && !overflows(&r))
            };
            texts.iter().zip(&got).position(|(t, g)| differs(t, g)).map(|i| some[i].clone())
        });
        match smaller {
            // The same length again: there may be more of them.
            Some(smaller) => lines = smaller,
            None => length -= if length > 8 { length / 4 } else { 1 },
        }
    }
    lines.join("\n")
}
