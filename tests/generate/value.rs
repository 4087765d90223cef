//! Random values as expressions of Lua: the ordinary ones and those at the limits.

use super::{Random, quoted};

/// An integer: small, near a power of two, or any.
pub fn integer(r: &Random) -> String {
    match r.below(10) {
        0..=4 => (r.below(24) as i64 - 6).to_string(),
        5 | 6 => r
            .pick(&[
                "math.maxinteger",
                "math.mininteger",
                "255",
                "256",
                "65535",
                "1000000",
                "0x7fffffff",
                "-0x80000000",
            ])
            .to_string(),
        7 => format!("(math.maxinteger - {})", r.below(4)),
        8 => {
            let near = (1i64 << r.below(63)).wrapping_add(r.below(5) as i64 - 2);
            if r.chance(50) { format!("(-{near})") } else { near.to_string() }
        }
        _ => format!("0x{:x}", r.bits()),
    }
}

/// An integer that is mostly small: a position or a count.
pub fn position(r: &Random) -> String {
    if r.chance(80) { (r.below(14) as i64 - 5).to_string() } else { integer(r) }
}

/// A float, with infinities, NaNs, zeros of both signs and denormals.
pub fn float(r: &Random) -> String {
    match r.below(10) {
        0..=2 => format!("{}.{}", r.below(2000) as i64 - 1000, r.below(1000)),
        3 | 4 => r
            .pick(&[
                "0.0",
                "-0.0",
                "(1/0)",
                "(-1/0)",
                "(0/0)",
                "(-(0/0))",
                "5e-324",
                "2.2250738585072014e-308",
                "1.7976931348623157e308",
                "2^53",
                "2^63",
                "-2^63",
                "2^64",
                "0.1",
                "1e15",
                "1e16",
                "1e100",
                "123456789012345.6",
                "math.pi",
                "1e-5",
            ])
            .to_string(),
        5 => format!("{}.0", r.below(100) as i64 - 50),
        6 => format!("(2.0^53 + {})", r.below(7) as i64 - 3),
        7 => format!("{}e{}", r.below(1000000), r.below(640) as i64 - 330),
        8 => format!("0x{}.{:x}p{}", r.below(2), r.bits() >> 12, r.below(2100) as i64 - 1060),
        _ => {
            let sign = if r.chance(30) { "-" } else { "" };
            format!("{sign}0x1.{:x}p{}", r.bits() >> 12, r.below(140) as i64 - 70)
        }
    }
}

/// An integer or a float.
pub fn number(r: &Random) -> String {
    if r.chance(50) { integer(r) } else { float(r) }
}

/// A short string of any bytes.
pub fn bytes(r: &Random, most: usize) -> Vec<u8> {
    let n = r.below(most + 1);
    (0..n)
        .map(|_| match r.below(12) {
            0 => 0,
            1 => (128 + r.below(128)) as u8,
            2 => b"\n\r\t\"\\'%"[r.below(7)],
            3 => b'0' + r.below(10) as u8,
            4 => r.below(256) as u8,
            _ => b'a' + r.below(26) as u8,
        })
        .collect()
}

/// A string, sometimes a numeral.
pub fn string(r: &Random) -> String {
    match r.below(10) {
        0 | 1 => quoted(numeral(r).as_bytes()),
        2 => "''".to_string(),
        3 => format!("('{}'):rep({})", r.pick(&["x", "ab", "\\0", "\\n"]), r.below(130)),
        _ => quoted(&bytes(r, 12)),
    }
}

/// A text that is a numeral, or nearly one.
pub fn numeral(r: &Random) -> String {
    let mut text = String::new();
    if r.chance(15) {
        text.push_str(r.pick(&[" ", "\t", "\n ", "  ", "\u{b}"]));
    }
    text.push_str(r.pick(&["", "", "", "", "-", "+", "- ", "--"]));
    let hexadecimal = r.chance(40);
    if hexadecimal {
        text.push_str(r.pick(&["0x", "0X", "0x", "0x", "0x0"]));
    }
    let digits = |r: &Random, most: usize| -> String {
        let n = if r.chance(10) { r.below(40) } else { r.below(most) };
        (0..n)
            .map(|_| {
                if hexadecimal {
                    b"0123456789abcdefABCDEF"[r.below(22)] as char
                } else {
                    (b'0' + r.below(10) as u8) as char
                }
            })
            .collect()
    };
    text.push_str(&digits(r, 8));
    if r.chance(40) {
        text.push('.');
        text.push_str(&digits(r, 6));
    }
    if r.chance(35) {
        text.push_str(if hexadecimal { r.pick(&["p", "P", "p", "e"]) } else { r.pick(&["e", "E", "e", "p"]) });
        text.push_str(r.pick(&["", "", "-", "+"]));
        if r.chance(90) {
            text.push_str(&r.below(if r.chance(30) { 2000 } else { 30 }).to_string());
        }
    }
    if r.chance(10) {
        text.push_str(r.pick(&["_", "x", ".", " ", "L", "\0", " 1", "inf", "nan", "f", "-", "\n"]));
    }
    match r.below(40) {
        0 => r
            .pick(&["inf", "nan", "-inf", "0x", "1e", "", " ", ".", "0x.", "0x.p1", "-", "1e+", "infinity"])
            .to_string(),
        1 => r
            .pick(&[
                "9223372036854775807",
                "9223372036854775808",
                "-9223372036854775808",
                "-9223372036854775809",
                "0xffffffffffffffff",
                "0x1ffffffffffffffff",
                "18446744073709551616",
                "1e308",
                "1e309",
                "0x1p1023",
                "0x1p1024",
                "0x1p-1074",
                "0x1p-1075",
                "2.4703282292062328e-324",
                "2.4703282292062327e-324",
                "1.7976931348623158079e308",
                "0x1.fffffffffffff8p1023",
                "9007199254740993",
                "9007199254740992.99999999999999999999",
            ])
            .to_string(),
        _ => text,
    }
}

/// Any value.
pub fn any(r: &Random) -> String {
    match r.below(20) {
        0..=4 => integer(r),
        5..=8 => float(r),
        9..=13 => string(r),
        14 => "nil".to_string(),
        15 => r.pick(&["true", "false"]).to_string(),
        16 => "obj".to_string(),
        17 => "named".to_string(),
        18 => r.pick(&["{}", "print", "io.stdout"]).to_string(),
        _ => quoted(numeral(r).as_bytes()),
    }
}
