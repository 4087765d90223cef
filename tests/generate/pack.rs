//! `string.pack`, `packsize` and `unpack`: random formats, values that fit and some that do not, any bytes.

use super::value::{any, bytes, float, integer, position, string};
use super::{Random, call, lines, quoted};

/// The program of a seed.
pub fn program(random: &Random) -> String {
    lines(random, 16, |r| {
        let mut arguments = Vec::new();
        let format = quoted(format(r, &mut arguments).as_bytes());
        if r.chance(6) {
            arguments.pop();
        }
        match r.below(8) {
            0 => {
                // Large sizes cost nothing here alone.
                let large = ["", "c2147483647", "c2147483648", "c4294967296", "c9223372036854775807c9"][r.below(5)];
                call(r, "string.packsize", &[format!("{format} .. '{large}'")])
            }
            1 | 2 => {
                let mut all = vec![format, quoted(&bytes(r, 40))];
                if r.chance(40) {
                    all.push(position(r));
                }
                call(r, "string.unpack", &all)
            }
            3..=5 => {
                arguments.insert(0, format);
                call(r, "string.pack", &arguments)
            }
            _ => {
                let list: String = arguments.iter().map(|a| format!(", {a}")).collect();
                format!(
                    "P(pcall(function() local s = string.pack({format}{list}) P(#s, string.unpack({format}, s)) return string.packsize({format}) end))"
                )
            }
        }
    })
}

fn format(r: &Random, arguments: &mut Vec<String>) -> String {
    let mut text = String::new();
    for _ in 0..r.below(7) {
        let size = match r.below(6) {
            0 | 1 => String::new(),
            2..=4 => (1 + r.below(16)).to_string(),
            _ => r.pick(&["0", "17", "99", "2147483647", "2147483648", "99999999999999999999"]).to_string(),
        };
        let option = r.pick(&[
            "b", "B", "h", "H", "l", "L", "j", "J", "T", "i", "I", "i", "I", "f", "d", "n", "s", "s", "z", "x", "X",
            "<", ">", "=", "!", " ", "c",
        ]);
        text.push_str(option);
        match option {
            "b" | "B" | "h" | "H" | "l" | "L" | "j" | "J" | "T" => arguments.push(whole(r)),
            "i" | "I" => {
                text.push_str(&size);
                arguments.push(whole(r));
            }
            "f" | "d" | "n" => arguments.push(if r.chance(85) { float(r) } else { any(r) }),
            "s" => {
                // Sizes are small: a length of many bytes would be read as a very long string.
                text.push_str(&size);
                arguments.push(if r.chance(90) { string(r) } else { any(r) });
            }
            "z" => arguments.push(if r.chance(90) { string(r) } else { any(r) }),
            "c" => {
                if r.chance(95) {
                    text.push_str(&r.below(20).to_string());
                }
                arguments.push(string(r));
            }
            "X" => text.push_str(
                r.pick(&["b", "h", "i", "i4", "l", "d", "j", "i16", "i3", "s", "z", "c4", "x", " ", "", "X", "!"]),
            ),
            "!" => text.push_str(&size),
            _ => {}
        }
    }
    if r.chance(3) {
        text.push_str(r.pick(&["y", "\0", "i-1", "1", "é", "%"]));
    }
    text
}

fn whole(r: &Random) -> String {
    match r.below(10) {
        0..=5 => (r.below(300) as i64 - 140).to_string(),
        6..=8 => integer(r),
        _ => any(r),
    }
}
