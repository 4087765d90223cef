//! Files: what the formats of `read` and `lines` give, up to the end and past it, and what a file that is only written,
//! only read, closed or a folder answers.

use super::{PRELUDE, Random, quoted};

const PIECES: &[&str] = &[
    "a", "bc", "\n", "\n", "\r\n", "\0", " ", "12", "-3", "0x1f", "1e5", "1e", ".5", "nan", "+", "-", "0x", "7.",
    "\u{e9}",
];
const FORMATS: &[&str] = &[
    "'l'", "'L'", "'n'", "'a'", "0", "1", "2", "5", "'*l'", "'*n'", "'x'", "''", "nil", "2.0", "2.5", "true", "-1",
    "'l'", "'n'", "'line'",
];
const CALLS: &[&str] = &[
    "h:seek()",
    "h:seek('set')",
    "h:seek('set', 1)",
    "h:seek('end', -1)",
    "h:seek('end', 3)",
    "h:seek('cur', -1)",
    "h:seek('set', -1)",
    "h:seek('set', math.mininteger)",
    "h:seek('x')",
    "h:seek('set', 1.5)",
    "h:write()",
    "h:write('')",
    "h:write('xy')",
    "h:write(1, 2.5, -0.0, 'z')",
    "h:write('q', nil)",
    "h:write({})",
    "h:flush()",
    "h:setvbuf('no')",
    "h:setvbuf('full', 10)",
    "h:setvbuf('x')",
    "h:close()",
    "io.close(h)",
    "io.type(h)",
    "h.read()",
    "h:lines()",
];

/// The program of a seed.
pub fn program(r: &Random) -> String {
    let mut text = String::from(PRELUDE);
    text.push_str("local name = os.tmpname()\n");
    text.push_str("local function fill(s) local h = io.open(name, 'wb') h:write(s) h:close() end\n");
    text.push_str("local function tell(...) P((string.gsub(tostring((select('#', ...))), '0x%x+', '')), ...) end\n");
    for _ in 0..4 {
        let n = r.below(7);
        text.push_str(&format!("fill({})\n", quoted(r.sequence(n, PIECES).as_bytes())));
        match r.below(6) {
            0 => text.push_str(&lines(r)),
            1 => {
                text.push_str("io.input(name)\n");
                for _ in 0..3 {
                    text.push_str(&format!("tell(pcall(io.read{}))\n", formats(r)));
                }
                text.push_str("io.input():close() io.input(io.stdin)\n");
            }
            2 => text.push_str(&handle(r, "'/tmp'", "r")),
            _ => {
                let mode = r.pick(&["r", "r", "r", "rb", "r+", "w", "w+", "a", "a+"]);
                text.push_str(&handle(r, "name", mode));
            }
        }
    }
    text.push_str("os.remove(name)\n");
    text
}

fn formats(r: &Random) -> String {
    (0..r.below(4)).map(|_| format!(", {}", r.pick(FORMATS))).collect()
}
fn lines(r: &Random) -> String {
    let mut text = format!("do local ok, it, s, c, h = pcall(io.lines, name{}) P(ok, s, c, io.type(h))\n", formats(r));
    for _ in 0..2 + r.below(6) {
        text.push_str("  tell(pcall(it)) ");
    }
    text.push_str("P(io.type(h)) end\n");
    text
}
fn handle(r: &Random, name: &str, mode: &str) -> String {
    let mut text = format!("do local h = io.open({name}, '{mode}')\n");
    for _ in 0..3 + r.below(6) {
        match r.below(4) {
            0 | 1 => text.push_str(&format!("  tell(pcall(h.read, h{}))\n", formats(r))),
            2 => {
                text.push_str(&format!("  do local it = h:lines({})", formats(r).trim_start_matches(", ")));
                text.push_str(" tell(pcall(it)) tell(pcall(it)) end\n");
            }
            // To write after a read, or the other way round, is undefined in C unless one seeks in between.
            _ => match r.pick(CALLS) {
                call if call.starts_with("h:write") && mode.ends_with('+') => {}
                call => text.push_str(&format!("  tell(pcall(function() return {call} end))\n")),
            },
        }
    }
    text.push_str("  pcall(h.close, h)\nend\n");
    text
}
