//! Numbers: numerals in texts and in source, conversion, printing, arithmetic and comparison at the limits.

use super::value::{any, float, integer, number, numeral, position};
use super::{Random, call, lines, quoted};

/// The program of a seed.
pub fn program(random: &Random) -> String {
    lines(random, 25, line)
}

fn line(r: &Random) -> String {
    match r.below(17) {
        0 | 1 => {
            let text = quoted(numeral(r).as_bytes());
            call(r, "tonumber", &[text])
        }
        2 => {
            let n = r.below(14);
            let digits = r.sequence(n, &["0", "1", "2", "7", "9", "a", "f", "g", "z", "Z", "A"]);
            let text = format!(
                "{}{digits}{}",
                r.pick(&["", "", "-", " ", "+", "- ", "0x"]),
                r.pick(&["", "", "", " ", ".", "\0"])
            );
            let base = if r.chance(85) { (2 + r.below(35)).to_string() } else { number(r) };
            let text = if r.chance(93) { quoted(text.as_bytes()) } else { any(r) };
            call(r, "tonumber", &[text, base])
        }
        3 | 4 => {
            let text = quoted(numeral(r).as_bytes());
            format!(
                "P(pcall(function() local f, m = load('return ' .. {text}, '=numeral') if not f then return m end return f() end))"
            )
        }
        5 | 6 => {
            let (a, b) = (operand(r), operand(r));
            let op = match r.pick(&["+", "-", "*", "/", "//", "%", "^", "//", "%"]) {
                // The reference's compiler makes `x - 0` an addition, which is another thing for -0.0.
                "-" if b.trim().trim_start_matches(['-', '(']).starts_with('0') => "+",
                op => op,
            };
            format!("P(pcall(function() local a, b = {a}, {b} return a {op} b, {a} {op} b, a {op} {b} end))")
        }
        7 | 8 => {
            let (a, b) = (operand(r), operand(r));
            let op = r.pick(&["&", "|", "~", "<<", ">>"]);
            format!("P(pcall(function() local a, b = {a}, {b} return a {op} b, {a} {op} b, a {op} {b} end))")
        }
        9 | 10 => {
            let (a, b) = (edge(r), edge(r));
            let op = r.pick(&["<", "<=", ">", ">=", "==", "~="]);
            format!("P(pcall(function() local a, b = {a}, {b} return a {op} b, {a} {op} b, a {op} {b}, a == b end))")
        }
        11 => {
            let v = operand(r);
            let op = r.pick(&["-", "~", "not ", "- -", "~~"]);
            format!("P(pcall(function() local a = {v} return {op}a, {op} {v} end))")
        }
        12 => {
            let v = number(r);
            format!(
                "P(tostring({v}), {v} .. '', math.type({v}), math.tointeger({v}), string.format('%.14g %.17g', {v}, {v}))"
            )
        }
        13 | 14 => {
            let f = r.pick(&[
                "floor",
                "ceil",
                "abs",
                "fmod",
                "modf",
                "max",
                "min",
                "ult",
                "tointeger",
                "type",
                "sqrt",
                "exp",
                "log",
                "sin",
                "cos",
                "tan",
                "asin",
                "acos",
                "deg",
                "rad",
                "log",
                "fmod",
            ]);
            let n = if matches!(f, "fmod" | "max" | "min" | "ult" | "log") { 1 + r.below(3) } else { r.below(2) + 1 };
            let arguments: Vec<String> = (0..n).map(|_| operand(r)).collect();
            call(r, &format!("math.{f}"), &arguments)
        }
        15 => {
            let limit = |r: &Random| if r.chance(70) { number(r) } else { edge(r) };
            let (a, b) = (limit(r), limit(r));
            // A NaN as the limit of a loop downwards ends no loop of the reference.
            let b = if b.contains("0/0") { "3".to_string() } else { b };
            let c = match r.below(4) {
                0 => String::new(),
                1 => format!(", {}", limit(r)),
                2 => ", -1".to_string(),
                _ => format!(", {}", operand(r)),
            };
            format!(
                "P(pcall(function() local n, r = 0, {{}} for i = {a}, {b}{c} do n = n + 1 r[n] = i if n == 4 then break end end return table.unpack(r) end))"
            )
        }
        _ => {
            let (f, v, p) =
                (r.pick(&["string.rep", "string.sub", "string.char", "select", "math.random"]), float(r), position(r));
            match f {
                "string.rep" => format!("P(pcall(string.rep, '', {v} % 100))"),
                // Empty intervals and wrong arguments only: numbers drawn differ.
                "math.random" => {
                    let v = if v.contains("e") || v.contains("^") || v.contains("x") { "0.5".to_string() } else { v };
                    format!("P(pcall(function() return math.random({v}, {v} - 1) end))")
                }
                f => call(r, f, &[format!("'{}'", r.below(50)), v, p]),
            }
        }
    }
}

/// A number, a numeral as a string, or something else.
fn operand(r: &Random) -> String {
    match r.below(12) {
        0..=4 => integer(r),
        5..=8 => float(r),
        9 | 10 => format!("({})", quoted(numeral(r).as_bytes())),
        _ => any(r),
    }
}

/// A number near those at which floats and integers part.
fn edge(r: &Random) -> String {
    let power = r.pick(&["53", "63", "62", "54", "64"]);
    let d = r.below(5) as i64 - 2;
    let sign = r.pick(&["", "-"]);
    match r.below(6) {
        0 => format!("({sign}2.0^{power} + {d})"),
        1 => format!("(({sign}1 << {power}) + {d})"),
        2 => format!("(math.maxinteger - {})", r.below(3)),
        3 => format!("(math.mininteger + {}.0)", r.below(3)),
        4 => number(r),
        _ => any(r),
    }
}
