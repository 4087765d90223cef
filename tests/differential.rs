//! The reference implementation as a judge: scripts of lua-tests and generated programs give the same output and the
//! same error there and here.
//!
//! Both print into a string: addresses in it are replaced, since they differ from run to run. Generated programs run in
//! batches, one process of ours for each, since starting a process costs more than running one program.
//! `DIFFERENTIAL_CASES=n` sets how many programs are generated (200), `DIFFERENTIAL_SEED=n` which; `DIFFERENTIAL_ALL=1`
//! shows every program that differs, not only the shortest.

mod generate;

use libtest_mimic::{Arguments, Failed, Trial};
use mlua::{Lua, LuaOptions, StdLib};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Programs that one process of ours runs.
const BATCH: u64 = 100;
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
local function seal(s) return (s:gsub('0x%x%x%x%x%x%x+', '0x')) end
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
    let mut trials = Vec::new();
    for script in scripts(&root) {
        let root = root.clone();
        trials.push(Trial::test(format!("differential/{script}"), move || compare_script(&root, &script)));
    }
    let cases = setting("DIFFERENTIAL_CASES", 200);
    let seed = setting("DIFFERENTIAL_SEED", 1);
    for first in (0..cases).step_by(BATCH as usize) {
        let count = BATCH.min(cases - first);
        trials.push(Trial::test(format!("generated/{}", seed + first), move || compare_generated(seed + first, count)));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
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
    let mut stdin = child.stdin.take().expect("it is piped");
    let feeder = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, driver.as_bytes()));
    let output = child.wait_with_output()?;
    feeder.join().expect("the writer ends")?;
    let mut rest = output.stdout.as_slice();
    let mut all = Vec::new();
    for _ in programs {
        let Some(end) = rest.iter().position(|&b| b == b'\n') else { break };
        let n: usize = std::str::from_utf8(&rest[..end])?.parse()?;
        all.push(rest[end + 1..end + 1 + n].to_vec());
        rest = &rest[end + 1 + n..];
    }
    if all.len() < programs.len() || !output.status.success() {
        let (text, _) = &programs[all.len().min(programs.len() - 1)];
        let (err, text) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(text));
        return Err(format!("ended with {}\n{err}\n--- program\n{text}", output.status).into());
    }
    Ok(all)
}

fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for &b in bytes {
        match b {
            b'"' | b'\\' => text.extend(['\\', b as char]),
            b' '..=b'~' => text.push(b as char),
            _ => text.push_str(&format!("\\{b:03}")),
        }
    }
    text.push('"');
    text
}

fn compare(text: &[u8], reference: &[u8], ours: &[u8]) -> Result<(), Failed> {
    if reference == ours {
        return Ok(());
    }
    let (r, o) = (String::from_utf8_lossy(reference), String::from_utf8_lossy(ours));
    let at = r.lines().zip(o.lines()).position(|(a, b)| a != b).unwrap_or(r.lines().count().min(o.lines().count()));
    let line = |s: &str| s.lines().nth(at).unwrap_or("(ends)").to_string();
    let shown = if text.len() > 20_000 { String::new() } else { String::from_utf8_lossy(text).into_owned() };
    let message =
        format!("line {} differs\n--- reference\n{}\n--- ours\n{}\n--- program\n{shown}", at + 1, line(&r), line(&o));
    Err(message.into())
}

fn compare_script(root: &Path, script: &str) -> Result<(), Failed> {
    let text = std::fs::read(root.join(script))?;
    let name = format!("@{script}");
    let expected = reference(&text, &name)?;
    let got = ours(&[(text.clone(), name)], root)?;
    compare(&text, &expected, &got[0])
}

fn compare_generated(seed: u64, count: u64) -> Result<(), Failed> {
    let programs: Vec<(Vec<u8>, String)> =
        (seed..seed + count).map(|n| (generate::program(n).into_bytes(), "=generated".to_string())).collect();
    let got = ours(&programs, Path::new("."))?;
    let mut failures = Vec::new();
    for ((text, name), got) in programs.iter().zip(&got) {
        let expected = reference(text, name)?;
        if let Err(e) = compare(text, &expected, got) {
            failures.push(e.message().unwrap_or_default().to_string());
        }
    }
    if failures.is_empty() {
        return Ok(());
    }
    failures.sort_by_key(String::len);
    let shown = if std::env::var_os("DIFFERENTIAL_ALL").is_some() { failures.len() } else { 1 };
    Err(format!("{} programs differ; the shortest:\n{}", failures.len(), failures[..shown].join("\n")).into())
}
