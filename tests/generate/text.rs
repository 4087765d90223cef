//! String functions with extreme positions and counts, and the utf8 library with valid and broken texts.

use super::value::{any, bytes, integer, position, string};
use super::{Random, call, lines, quoted};

/// The program of a seed.
pub fn program(random: &Random) -> String {
    lines(random, 20, line)
}

fn line(r: &Random) -> String {
    let place = |r: &Random| if r.chance(93) { position(r) } else { any(r) };
    match r.below(16) {
        0 | 1 => {
            let mut arguments = vec![text(r), place(r)];
            if r.chance(75) {
                arguments.push(place(r));
            }
            call(r, "string.sub", &arguments)
        }
        2 => {
            let mut arguments = vec![text(r)];
            for _ in 0..r.below(3) {
                arguments.push(place(r));
            }
            call(r, "string.byte", &arguments)
        }
        3 => {
            let n = r.below(5);
            let arguments: Vec<String> =
                (0..n).map(|_| if r.chance(80) { r.below(258).to_string() } else { place(r) }).collect();
            call(r, "string.char", &arguments)
        }
        4 => {
            // Few, or too many for any memory. Zero bytes many times would be a long loop in the reference.
            let n = if r.chance(85) { (r.below(40) as i64 - 5).to_string() } else { any(r) };
            let (s, n) = match n.parse::<i64>() {
                Ok(few) if few < 40 => (string(r), n),
                _ => (
                    "'xyz'".to_string(),
                    r.pick(&[
                        "math.maxinteger",
                        "1 << 62",
                        "math.mininteger",
                        "2^53 * 2^9",
                        "1.5",
                        "'3'",
                        "'x'",
                        "{}",
                        "nil",
                        "-1",
                    ])
                    .to_string(),
                ),
            };
            let mut arguments = vec![s, n];
            if r.chance(30) {
                arguments.push(string(r));
            }
            call(r, "string.rep", &arguments)
        }
        5 => {
            let f = r.pick(&["string.upper", "string.lower", "string.len", "string.reverse"]);
            let s = if r.chance(80) { text(r) } else { any(r) };
            call(r, f, &[s])
        }
        6 => {
            let (a, b) = (text(r), text(r));
            let op = r.pick(&["<", "<=", "==", ".."]);
            format!("P(pcall(function() local a, b = {a}, {b} return a {op} b, b {op} a, #a end))")
        }
        7 | 8 => {
            let n = r.below(4);
            let arguments: Vec<String> = (0..n).map(|_| code_point(r)).collect();
            call(r, "utf8.char", &arguments)
        }
        9 | 10 => {
            let mut arguments = vec![text(r)];
            if r.chance(70) {
                arguments.push(place(r));
                if r.chance(70) {
                    arguments.push(place(r));
                    if r.chance(40) {
                        arguments.push(r.pick(&["true", "false", "nil", "1"]).to_string());
                    }
                }
            }
            let f = r.pick(&["utf8.codepoint", "utf8.len"]);
            call(r, f, &arguments)
        }
        11 | 12 => {
            let mut arguments = vec![text(r), place(r)];
            if r.chance(60) {
                arguments.push(place(r));
            }
            call(r, "utf8.offset", &arguments)
        }
        13 => {
            let lax = r.pick(&["", ", true", ", false"]);
            let s = text(r);
            format!("P(pcall(function() for p, c in utf8.codes({s}{lax}) do P(p, c) end end))")
        }
        14 => {
            let s = text(r);
            format!("P(pcall(function() for c in ({s}):gmatch(utf8.charpattern) do P(c) end end))")
        }
        _ => {
            let c = r.pick(&[
                "41",
                "7fffffff",
                "80000000",
                "D800",
                "10FFFF",
                "110000",
                "0",
                "",
                "g",
                "1F600",
                "ffffffffff",
            ]);
            let escape = r.pick(&["\\\\u{", "\\\\x", "\\\\", "\\\\u", "\\\\z "]);
            let close = r.pick(&["}", "}", "", "}x"]);
            format!(
                "P(pcall(function() local f, m = load('return \"{escape}{c}{close}\"', '=escape') if not f then return m end return f() end))"
            )
        }
    }
}

/// A text: ASCII, valid UTF-8, UTF-8 as extended by the library, or any bytes.
fn text(r: &Random) -> String {
    match r.below(10) {
        0 | 1 => string(r),
        2..=5 => {
            let n = r.below(7);
            let text = r.sequence(n, &["a", "é", "€", "\u{1F600}", "\u{10FFFF}", "\0", "z", "ß"]);
            let mut text = text.into_bytes();
            if r.chance(25) && !text.is_empty() {
                let at = r.below(text.len());
                text[at] = (r.below(256)) as u8;
            }
            quoted(&text)
        }
        6 | 7 => {
            let n = r.below(5);
            let text: String = (0..n)
                .map(|_| {
                    r.pick(&[
                        "\\xed\\xa0\\x80",
                        "\\xf4\\x90\\x80\\x80",
                        "\\xfd\\xbf\\xbf\\xbf\\xbf\\xbf",
                        "\\xc0\\x80",
                        "\\x80",
                        "\\xff",
                        "\\xfe",
                        "\\xe2\\x82",
                        "a",
                        "\\xf8\\x88\\x80\\x80\\x80",
                        "\\xe0\\x80\\x80",
                        "\\xc3",
                        "\\u{7FFFFFFF}",
                        "\\u{D800}",
                    ])
                })
                .collect();
            format!("\"{text}\"")
        }
        _ => quoted(&bytes(r, 8)),
    }
}

fn code_point(r: &Random) -> String {
    match r.below(6) {
        0 => r.below(128).to_string(),
        1 => r.below(0x110000).to_string(),
        2 => r.below(0x80000000).to_string(),
        3 => r
            .pick(&[
                "0x7f",
                "0x80",
                "0x7ff",
                "0x800",
                "0xffff",
                "0x10000",
                "0x1fffff",
                "0x200000",
                "0x3ffffff",
                "0x4000000",
                "0x7fffffff",
                "0x80000000",
                "-1",
            ])
            .to_string(),
        4 => integer(r),
        _ => any(r),
    }
}
