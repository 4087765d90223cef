//! Calls of library functions with arguments of every kind, mostly wrong ones, and too many or too few of them: how many
//! results there are, which, and what is complained about first.

use super::{PRELUDE, Random, call};

/// Functions that may be called with anything.
const FUNCTIONS: &[&str] = &[
    "assert",
    "error",
    "getmetatable",
    "ipairs",
    "load",
    "next",
    "pairs",
    "pcall",
    "rawequal",
    "rawget",
    "rawlen",
    "rawset",
    "select",
    "setmetatable",
    "tonumber",
    "tostring",
    "type",
    "xpcall",
    "coroutine.close",
    "coroutine.create",
    "coroutine.isyieldable",
    "coroutine.resume",
    "coroutine.status",
    "coroutine.wrap",
    "coroutine.yield",
    "string.byte",
    "string.char",
    "string.find",
    "string.format",
    "string.gmatch",
    "string.gsub",
    "string.len",
    "string.lower",
    "string.match",
    "string.pack",
    "string.packsize",
    "string.reverse",
    "string.sub",
    "string.unpack",
    "string.upper",
    "table.concat",
    "table.insert",
    "table.pack",
    "table.remove",
    "table.sort",
    "table.unpack",
    "utf8.char",
    "utf8.codepoint",
    "utf8.codes",
    "utf8.len",
    "utf8.offset",
    "math.abs",
    "math.ceil",
    "math.floor",
    "math.fmod",
    "math.ldexp",
    "math.max",
    "math.min",
    "math.modf",
    "math.tointeger",
    "math.type",
    "math.ult",
    "io.type",
    "os.difftime",
    "os.getenv",
    "debug.getmetatable",
    "debug.getupvalue",
    "debug.setupvalue",
    "debug.getuservalue",
    "debug.setuservalue",
    "collectgarbage",
];
/// Functions of which a number might ask for a loop without end.
const SMALL: &[&str] = &["table.move", "string.rep"];
const ARGUMENTS: &[&str] = &[
    "nil",
    "nil",
    "0",
    "1",
    "2",
    "3",
    "-1",
    "2.5",
    "4.0",
    "1e308",
    "-(0/0)",
    "'abc'",
    "''",
    "'10'",
    "'%d'",
    "'()b'",
    "'x y'",
    "'setpause'",
    "'setstepmul'",
    "'#'",
    "{}",
    "{ 1, 2, 3 }",
    "{ 'x', n = 1 }",
    "type",
    "f",
    "true",
    "false",
    "co",
    "io.stdout",
    "obj",
    "named",
];
const EXTREMES: &[&str] = &[
    "math.mininteger",
    "math.mininteger + 1",
    "math.maxinteger",
    "math.maxinteger - 1",
    "1 << 31",
    "(1 << 32) + 1",
    "-(1 << 31)",
    "math.huge",
];

/// The program of a seed.
pub fn program(r: &Random) -> String {
    let mut text = String::from(PRELUDE);
    // Older names, which only we have, would be found first for messages.
    text.push_str("unpack, loadstring = nil\ncollectgarbage('incremental', 200, 100)\n");
    text.push_str("local up = 5\nlocal function f(...) if up then return ... end end\n");
    for _ in 0..20 {
        text.push_str("do local co = coroutine.create(function(...) return ... end) ");
        text.push_str(&line(r));
        text.push_str(" end\n");
    }
    text
}

fn line(r: &Random) -> String {
    let small = r.chance(4);
    let function = r.pick(if small { SMALL } else { FUNCTIONS });
    let arguments: Vec<String> = (0..r.below(5))
        .map(|_| if !small && r.chance(15) { r.pick(EXTREMES) } else { r.pick(ARGUMENTS) }.to_string())
        .collect();
    call(r, function, &arguments)
}
