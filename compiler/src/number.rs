//! Numerals: the text of a number to its value, for the lexer, `tonumber` and the coercions of strings.
//!
//! Journey: source text -> **tokens**. The grammar is checked by hand; decimal floats then go through `str::parse`,
//! which rounds correctly, and hexadecimal floats are rounded here (half to even, subnormals included), as C's
//! `strtod` does.
//!
//! Always: hexadecimal integers wrap around modulo 2^64; decimal integers that do not fit become floats; `inf` and
//! `nan` are not numerals.

/// A Lua number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer.
    Integer(i64),
    /// A float.
    Float(f64),
}

/// Whether Lua's lexer takes this byte for white space.
pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// The value of a hexadecimal digit.
pub(crate) fn hex_value(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}

/// The number that a text denotes: white space, a sign, a numeral, white space. `None` if it is anything else.
///
/// ```
/// use rlua_compiler::{Number, parse_number};
/// assert_eq!(parse_number(b" 0x10 "), Some(Number::Integer(16)));
/// assert_eq!(parse_number(b"-1e1"), Some(Number::Float(-10.0)));
/// assert_eq!(parse_number(b"nan"), None);
/// ```
pub fn parse_number(text: &[u8]) -> Option<Number> {
    let start = text.iter().position(|&b| !is_space(b))?;
    let end = text.iter().rposition(|&b| !is_space(b))? + 1;
    let (negative, digits) = match &text[start..end] {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    match digits {
        [b'0', b'x' | b'X', hex @ ..] => parse_hex(hex, negative),
        _ => parse_decimal(digits, negative),
    }
}

fn parse_decimal(digits: &[u8], negative: bool) -> Option<Number> {
    if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
        // Accumulated below zero, where there is room for the least integer.
        let value = digits.iter().try_fold(0i64, |sum, &d| sum.checked_mul(10)?.checked_sub((d - b'0').into()));
        let value = if negative { value } else { value.and_then(i64::checked_neg) };
        if let Some(value) = value {
            return Some(Number::Integer(value));
        }
    }
    let (whole, rest) = take_digits(digits);
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => take_digits(rest),
        _ => (0, rest),
    };
    if whole + fraction == 0 {
        return None;
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
        if exponent.is_empty() || !exponent.iter().all(u8::is_ascii_digit) {
            return None;
        }
    } else if !rest.is_empty() {
        return None;
    }
    let value: f64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(Number::Float(if negative { -value } else { value }))
}

fn take_digits(text: &[u8]) -> (usize, &[u8]) {
    let count = text.iter().take_while(|b| b.is_ascii_digit()).count();
    (count, &text[count..])
}

fn parse_hex(digits: &[u8], negative: bool) -> Option<Number> {
    if !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit) {
        let value = digits.iter().try_fold(0u64, |sum, &d| Some(sum << 4 | u64::from(hex_value(d)?)))?;
        let value = if negative { value.wrapping_neg() } else { value };
        return Some(Number::Integer(value as i64));
    }
    let mut mantissa = 0u64; // the first digits that fit
    let mut sticky = false; // whether anything but zeros follows them
    let mut exponent = 0i64;
    let mut seen_digit = false;
    let mut seen_dot = false;
    let mut rest = digits;
    while let [first, after @ ..] = rest {
        if *first == b'.' && !seen_dot {
            seen_dot = true;
        } else if let Some(digit) = hex_value(*first) {
            seen_digit = true;
            if mantissa >> 60 == 0 {
                mantissa = mantissa << 4 | u64::from(digit);
                exponent -= if seen_dot { 4 } else { 0 };
            } else {
                sticky |= digit != 0;
                exponent += if seen_dot { 0 } else { 4 };
            }
        } else {
            break;
        }
        rest = after;
    }
    if !seen_digit {
        return None;
    }
    if let [b'p' | b'P', tail @ ..] = rest {
        let (minus, tail) = match tail {
            [b'-', tail @ ..] => (true, tail),
            [b'+', tail @ ..] => (false, tail),
            tail => (false, tail),
        };
        if tail.is_empty() || !tail.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let power = tail.iter().fold(0i64, |sum, &d| sum.saturating_mul(10).saturating_add((d - b'0').into()));
        exponent = exponent.saturating_add(if minus { power.saturating_neg() } else { power });
    } else if !rest.is_empty() {
        return None;
    }
    let value = scale(mantissa, sticky, exponent);
    Some(Number::Float(if negative { -value } else { value }))
}

/// `mantissa * 2^exponent`, rounded half to even; `sticky` says that the true mantissa is a little more.
fn scale(mantissa: u64, sticky: bool, exponent: i64) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    let zeros = mantissa.leading_zeros();
    let mantissa = mantissa << zeros;
    // The value is mantissa * 2^low with the top bit of mantissa set; it lies in [2^(low+63), 2^(low+64)).
    let low = exponent.saturating_sub(zeros.into());
    let top = low.saturating_add(63);
    if top > 1023 {
        return f64::INFINITY;
    }
    if top < -1075 {
        return 0.0;
    }
    // Bits to drop: 11 for a normal number, more for a subnormal one, whose last bit is worth 2^-1074.
    let drop = if top >= -1022 { 11 } else { (-1074 - low) as u32 };
    let (kept, half, below) = if drop >= 64 {
        (0, mantissa >> 63, mantissa << 1)
    } else {
        (mantissa >> drop, mantissa >> (drop - 1) & 1, mantissa << (64 - drop) << 1)
    };
    let round_up = half == 1 && (below != 0 || sticky || kept & 1 == 1);
    let kept = kept + u64::from(round_up);
    // `kept` may have grown to the next power of two: adding it to the exponent field carries by itself.
    let field = if top >= -1022 { (top + 1022) as u64 } else { 0 };
    f64::from_bits((field << 52) + kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerals() {
        use Number::{Float, Integer};
        let cases: &[(&str, Option<Number>)] = &[
            ("0", Some(Integer(0))),
            ("9223372036854775807", Some(Integer(i64::MAX))),
            ("9223372036854775808", Some(Float(9223372036854775808.0))),
            ("-9223372036854775808", Some(Integer(i64::MIN))),
            ("0xffffffffffffffff", Some(Integer(-1))),
            ("0x1ffffffffffffffff", Some(Integer(-1))),
            ("-0x10", Some(Integer(-16))),
            ("0x.8p1", Some(Float(1.0))),
            ("0xA.8", Some(Float(10.5))),
            ("0x1p-1074", Some(Float(f64::from_bits(1)))),
            ("0x1p-1075", Some(Float(0.0))),
            ("0x1.8p-1075", Some(Float(f64::from_bits(1)))),
            ("0x1.fffffffffffff8p1023", Some(Float(f64::INFINITY))),
            ("0x1.fffffffffffffp1023", Some(Float(f64::MAX))),
            ("0x1.00000000000008p0", Some(Float(1.0))),
            ("0x1.000000000000080000000000001p0", Some(Float(1.0000000000000002))),
            ("0x0.fffffffffffffp-1022", Some(Float(f64::from_bits((1 << 52) - 1)))),
            ("0x1p99999999999999999999", Some(Float(f64::INFINITY))),
            ("3.", Some(Float(3.0))),
            (".5e1", Some(Float(5.0))),
            ("\t 1e+2\n", Some(Float(100.0))),
            ("", None),
            (" ", None),
            (".", None),
            ("0x", None),
            ("0x.", None),
            ("0x1p", None),
            ("1e", None),
            ("- 1", None),
            ("1 2", None),
            ("inf", None),
            ("nan", None),
            ("1\0", None),
            ("--1", None),
        ];
        for (text, want) in cases {
            assert_eq!(parse_number(text.as_bytes()), *want, "{text:?}");
        }
    }
}
