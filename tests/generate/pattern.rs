//! Patterns and subjects for `find`, `match`, `gmatch` and `gsub`; some patterns are malformed.

use super::value::position;
use super::{Random, call, lines, quoted};

/// The program of a seed.
pub fn program(random: &Random) -> String {
    lines(random, 20, |r| {
        let (s, p) = (subject(r), pattern(r));
        match r.below(10) {
            0..=2 => {
                let mut arguments = vec![s, p];
                if r.chance(40) {
                    arguments.push(position(r));
                    if r.chance(25) {
                        arguments.push(r.pick(&["true", "false", "nil", "1"]).to_string());
                    }
                }
                call(r, "string.find", &arguments)
            }
            3 | 4 => {
                let mut arguments = vec![s, p];
                if r.chance(40) {
                    arguments.push(position(r));
                }
                call(r, "string.match", &arguments)
            }
            5 | 6 => {
                let init = if r.chance(30) { format!(", {}", position(r)) } else { String::new() };
                format!("P(pcall(function() for a, b, c in ({s}):gmatch({p}{init}) do P(a, b, c) end end))")
            }
            _ => {
                let mut arguments = vec![s, p, replacement(r)];
                if r.chance(25) {
                    arguments.push(position(r));
                }
                call(r, "string.gsub", &arguments)
            }
        }
    })
}

const LETTERS: &[&str] =
    &["a", "a", "b", "b", "x", "y", "A", "B", "0", "1", "(", ")", ".", ",", " ", "_", "%", "-", "]", "[", "^"];

fn subject(r: &Random) -> String {
    let n = r.below(if r.chance(10) { 60 } else { 16 });
    let mut text = r.sequence(n, LETTERS).into_bytes();
    if r.chance(15) {
        for _ in 0..1 + r.below(3) {
            let (at, byte) = (r.below(text.len() + 1), [0, 0x80, 0xff, b'\n', 0xe9][r.below(5)]);
            text.insert(at, byte);
        }
    }
    if r.chance(2) { r.below(100000).to_string() } else { quoted(&text) }
}

/// A set, mostly closed.
fn set(r: &Random) -> String {
    let mut text = String::from(r.pick(&["[", "[", "[^", "[]", "[^]"]));
    for _ in 0..r.below(4) {
        text.push_str(r.pick(&[
            "a",
            "b",
            "x",
            "a-c",
            "0-9",
            "%a",
            "%d",
            "%s",
            "%W",
            "%]",
            "-",
            "^",
            "%",
            "b-",
            "-z",
            "%a-z",
            ".",
            "\0",
            "\u{1}-\u{7f}",
            "z-a",
            "(",
            "[",
            "[:alpha:]",
            "%-",
        ]));
    }
    if !r.chance(4) {
        text.push(']');
    }
    text
}

fn item(r: &Random) -> String {
    match r.below(16) {
        0..=4 => r.pick(LETTERS).to_string(),
        5..=7 => format!(
            "%{}",
            r.pick(&[
                "a", "d", "s", "w", "x", "p", "c", "l", "u", "g", "A", "D", "S", "W", "X", "U", ".", "(", ")", "%"
            ])
        ),
        8 | 9 => ".".to_string(),
        10 | 11 => set(r),
        12 => r.pick(&["%b()", "%bxy", "%baa", "%b[]", "%b", "%b("]).to_string(),
        13 => {
            let set = set(r);
            if r.chance(8) { "%f".to_string() } else { format!("%f{set}") }
        }
        14 => format!("%{}", r.below(4)),
        _ => r.pick(&["\0", "%z", "%y", "$", "^", "()", "%Z"]).to_string(),
    }
}

fn pattern(r: &Random) -> String {
    let mut text = String::new();
    if r.chance(20) {
        text.push('^');
    }
    let mut open = 0;
    for _ in 0..r.below(6) {
        if r.chance(15) {
            text.push('(');
            open += 1;
        }
        if r.chance(6) {
            text.push_str("()");
        }
        text.push_str(&item(r));
        if r.chance(40) {
            text.push_str(r.pick(&["*", "+", "-", "?"]));
        }
        if open > 0 && r.chance(50) {
            text.push(')');
            open -= 1;
        }
        if r.chance(2) {
            text.push_str(r.pick(&["(", ")", "%", "[", "[^", "[a-", "[%"]));
        }
    }
    if !r.chance(5) {
        text.push_str(&")".repeat(open));
    }
    if r.chance(1) {
        text.push_str(&"()".repeat(30 + r.below(4)));
    }
    if r.chance(15) {
        text.push('$');
    }
    quoted(&text.into_bytes())
}

fn replacement(r: &Random) -> String {
    match r.below(12) {
        0..=4 => {
            let n = r.below(4);
            let text = r.sequence(n, &["%0", "%1", "%2", "%%", "<", ">", "", "x", "\0", "%9"]);
            let odd = if r.chance(6) { r.pick(&["%", "%x", "%10", "% "]) } else { "" };
            quoted(format!("{text}{odd}").as_bytes())
        }
        5 | 6 => r
            .pick(&[
                "{ a = 'A', b = 1, x = false, y = 2.5, ['1'] = {}, aa = 'two' }",
                "{ a = true }",
                "{ 'one', 'two', 'three', 'four', a = 'A' }",
                "setmetatable({}, { __index = function(t, k) return k .. '!' end })",
                "setmetatable({}, { __index = function(t, k) error('at ' .. tostring(k), 0) end })",
                "obj",
            ])
            .to_string(),
        7..=10 => r
            .pick(&[
                "function(...) return select('#', ...) end",
                "function(a, b) return b end",
                "function(a) return '<' .. a .. '>' end",
                "function(a) if a == 'a' then return false end return a end",
                "function() end",
                "function(a) return {} end",
                "function(a) return true end",
                "function(a) error('bad ' .. tostring(a)) end",
                "function(a, b, c) P(a, b, c) return a end",
                "string.upper",
                "math.type",
                "tostring",
            ])
            .to_string(),
        _ => r.pick(&["1", "2.5", "nil", "true", "-0.0"]).to_string(),
    }
}
