//! Random programs that print what they compute, for the differential test: one generator a file, each in its own part
//! of the language or of the libraries.
//!
//! Always: a program follows from its seed alone, it ends soon, needs little memory, and prints nothing that the manual
//! leaves open or that spec/lua.md says differs (addresses, the order of a table's fields, very long strings).

mod border;
mod call;
mod date;
mod file;
mod format;
mod number;
mod pack;
mod pattern;
mod program;
mod source;
mod table;
mod text;
mod value;

use std::cell::Cell;

/// A generator of programs.
pub struct Generator {
    /// As in the names of tests.
    pub name: &'static str,
    /// Programs in a run of bounded length.
    pub cases: u64,
    make: fn(&Random) -> String,
}

/// All of them.
pub const GENERATORS: &[Generator] = &[
    Generator { name: "program", cases: 400, make: program::program },
    Generator { name: "format", cases: 300, make: format::program },
    Generator { name: "pattern", cases: 300, make: pattern::program },
    Generator { name: "number", cases: 300, make: number::program },
    Generator { name: "table", cases: 300, make: table::program },
    Generator { name: "border", cases: 200, make: border::program },
    Generator { name: "pack", cases: 300, make: pack::program },
    Generator { name: "text", cases: 300, make: text::program },
    Generator { name: "date", cases: 200, make: date::program },
    Generator { name: "source", cases: 300, make: source::program },
    Generator { name: "call", cases: 400, make: call::program },
    Generator { name: "file", cases: 300, make: file::program },
];

impl Generator {
    /// The program of a seed.
    pub fn program(&self, seed: u64) -> String {
        (self.make)(&Random::new(seed))
    }
}

/// Pseudorandom numbers: a linear congruential generator, of which the upper bits count.
pub struct Random(Cell<u64>);

impl Random {
    fn new(seed: u64) -> Random {
        let random = Random(Cell::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1));
        random.next();
        random
    }
    fn next(&self) -> u64 {
        self.0.set(self.0.get().wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407));
        self.0.get() >> 33
    }
    /// 64 random bits.
    fn bits(&self) -> u64 {
        (self.next() << 42) ^ (self.next() << 21) ^ self.next()
    }
    /// 0 to n - 1.
    fn below(&self, n: usize) -> usize {
        self.next() as usize % n
    }
    fn chance(&self, percent: usize) -> bool {
        self.below(100) < percent
    }
    fn pick<'a>(&self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
    /// Some of a list, `n` times, joined.
    fn sequence(&self, n: usize, list: &[&str]) -> String {
        (0..n).map(|_| self.pick(list)).collect()
    }
}

/// What programs of single calls begin with: `P` prints its arguments so that nothing of them is lost, `obj` has
/// metamethods.
const PRELUDE: &str = "local function q(v)
  if type(v) == 'string' or type(v) == 'number' then return (string.format('%q', v)) end
  return tostring(v)
end
local function P(...)
  local t = table.pack(...)
  for i = 1, t.n do t[i] = q(t[i]) end
  print(table.concat(t, ' '))
end
local obj = setmetatable({}, { __name = 'Object', __tostring = function() return 'object' end })
local named = setmetatable({}, { __name = 'Named' })
";

/// A program of `n` lines after the prelude, each by itself.
fn lines(random: &Random, n: usize, line: impl Fn(&Random) -> String) -> String {
    let mut text = String::from(PRELUDE);
    for _ in 0..n {
        text.push_str(&line(random));
        text.push('\n');
    }
    text
}

/// A line that calls a library function and prints its results or its error, in one of the ways that give the function
/// another name in messages.
fn call(random: &Random, function: &str, arguments: &[String]) -> String {
    let all = arguments.join(", ");
    let short = function.rsplit('.').next().unwrap_or(function);
    match random.below(20) {
        0..=3 => {
            let comma = if all.is_empty() { "" } else { ", " };
            format!("P(pcall({function}{comma}{all}))")
        }
        4 => format!("P(pcall(function() local f = {function} return (f({all})) end))"),
        5..=7 if function.starts_with("string.") && !arguments.is_empty() => {
            format!("P(pcall(function() return ({}):{short}({}) end))", arguments[0], arguments[1..].join(", "))
        }
        _ => format!("P(pcall(function() local r = table.pack({function}({all})) return table.unpack(r, 1, r.n) end))"),
    }
}

/// A string literal of Lua.
pub fn quoted(bytes: &[u8]) -> String {
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
