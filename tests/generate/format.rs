//! Calls of `string.format`: random flags, widths, precisions and conversions; arguments that mostly suit them.

use super::value::{any, float, integer, number, string};
use super::{Random, call, lines, quoted};

/// The program of a seed.
pub fn program(random: &Random) -> String {
    lines(random, 20, |r| {
        let (mut format, mut arguments) = (Vec::new(), Vec::new());
        for _ in 0..1 + r.below(3) {
            directive(r, &mut format, &mut arguments);
        }
        if r.chance(3) {
            format.push(b'%');
        }
        if r.chance(5) && !arguments.is_empty() {
            arguments.pop();
        }
        arguments.insert(0, quoted(&format));
        call(r, "string.format", &arguments)
    })
}

fn directive(r: &Random, format: &mut Vec<u8>, arguments: &mut Vec<String>) {
    if r.chance(40) {
        format.extend_from_slice(r.pick(&["", "x", " ", "a=", "|", "\0", "%%", "\n"]).as_bytes());
    }
    let conversion = match r.below(40) {
        0 => b"ynLhlFDUSBv*\0 %$"[r.below(16)],
        n => b"diuxXocsqaAeEgGfdisxgefacgpsqcdgaxiosq"[n % 38],
    };
    format.push(b'%');
    if r.chance(50) {
        for _ in 0..r.below(if r.chance(3) { 8 } else { 3 }) {
            format.push(b"-+ #0"[r.below(5)]);
        }
    }
    if r.chance(50) {
        let width = r.below(if r.chance(6) { 1200 } else { 25 });
        format.extend_from_slice(width.to_string().as_bytes());
    }
    if r.chance(45) {
        format.push(b'.');
        if r.chance(85) {
            let precision = r.below(if r.chance(10) { 130 } else { 22 });
            format.extend_from_slice(precision.to_string().as_bytes());
        }
    }
    if conversion != b'q' || r.chance(8) {
        format.push(conversion);
    } else {
        // Modifiers are an error with %q.
        let at = format.iter().rposition(|&b| b == b'%').expect("a directive begins with it");
        format.truncate(at + 1);
        format.push(b'q');
    }
    if conversion == b'%' {
        return;
    }
    let argument = if r.chance(15) && conversion != b'p' {
        sealed_any(r)
    } else {
        match conversion {
            b'd' | b'i' | b'x' | b'X' | b'o' | b'u' => {
                if r.chance(75) {
                    integer(r)
                } else {
                    number(r)
                }
            }
            b'c' => r.below(256).to_string(),
            b's' => {
                if r.chance(60) {
                    string(r)
                } else {
                    sealed_any(r)
                }
            }
            b'q' => match r.below(3) {
                0 => string(r),
                1 => number(r),
                _ => any(r),
            },
            b'p' => r.pick(&["nil", "1", "2.5", "true"]).to_string(),
            _ => {
                if r.chance(80) {
                    float(r)
                } else {
                    number(r)
                }
            }
        }
    };
    arguments.push(argument);
}

/// Any value whose text has no address, of which a precision might leave a part.
fn sealed_any(r: &Random) -> String {
    let v = any(r);
    if matches!(v.as_str(), "{}" | "print" | "io.stdout" | "named") { "obj".to_string() } else { v }
}
