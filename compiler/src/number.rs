//! Numerals: the text of a number to its value, for the lexer, `tonumber` and the coercions of strings.
//!
//! Journey: source text -> **tokens**. The grammar is checked by hand; decimal floats then go through `str::parse`,
//! which rounds correctly, and hexadecimal floats are rounded here (half to even, subnormals included), as C's
//! `strtod` does.
//!
//! Always: hexadecimal integers wrap around modulo 2^64; decimal integers that do not fit become floats; `inf` and
//! `nan` are not numerals. A text of megabytes takes a few passes of many bytes at a time ([`run`]): nothing can
//! interrupt this, so it must be about as fast as a copy.

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
    let text = &text[run(text, is_space)..];
    let text = &text[..text.len() - run_back(text, is_space)];
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    match digits {
        [b'0', b'x' | b'X', hex @ ..] => parse_hex(hex, negative),
        _ => parse_decimal(digits, negative),
    }
}

/// Bytes looked at together.
const BLOCK: usize = 64;

/// How many bytes at the front are of a class.
#[inline]
fn run(text: &[u8], class: impl Fn(u8) -> bool) -> usize {
    // No early exit within a block, so that its bytes are compared together.
    let whole = |block: &[u8; BLOCK]| block.iter().fold(true, |all, &b| all & class(b));
    let blocks = match text.len() < BLOCK {
        true => 0,
        false => BLOCK * text.as_chunks().0.iter().take_while(|block| whole(block)).count(),
    };
    blocks + text[blocks..].iter().take_while(|&&b| class(b)).count()
}
/// How many bytes at the end are of a class.
#[inline]
fn run_back(text: &[u8], class: impl Fn(u8) -> bool) -> usize {
    let whole = |block: &[u8; BLOCK]| block.iter().fold(true, |all, &b| all & class(b));
    let blocks = match text.len() < BLOCK {
        true => 0,
        false => BLOCK * text.as_rchunks().1.iter().rev().take_while(|block| whole(block)).count(),
    };
    blocks + text[..text.len() - blocks].iter().rev().take_while(|&&b| class(b)).count()
}
fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}
fn is_zero(byte: u8) -> bool {
    byte == b'0'
}

/// Digits past which a decimal numeral is made shorter first; its value depends on fewer.
const DIGITS_MAX: usize = 800;

fn parse_decimal(digits: &[u8], negative: bool) -> Option<Number> {
    let (whole, rest) = digits.split_at(run(digits, is_digit));
    if rest.is_empty() && !whole.is_empty() {
        let significant = &whole[run(whole, is_zero)..];
        // Accumulated below zero, where there is room for the least integer.
        let value = match significant.len() <= 19 {
            true => significant.iter().try_fold(0i64, |sum, &d| sum.checked_mul(10)?.checked_sub((d - b'0').into())),
            false => None,
        };
        let value = if negative { value } else { value.and_then(i64::checked_neg) };
        if let Some(value) = value {
            return Some(Number::Integer(value));
        }
    }
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => rest.split_at(run(rest, is_digit)),
        _ => (&rest[..0], rest),
    };
    if whole.len() + fraction.len() == 0 {
        return None;
    }
    let mut exponent = None;
    if let [b'e' | b'E', power @ ..] = rest {
        let (minus, power) = match power {
            [b'-', power @ ..] => (true, power),
            [b'+', power @ ..] => (false, power),
            power => (false, power),
        };
        if power.is_empty() || run(power, is_digit) != power.len() {
            return None;
        }
        exponent = Some((minus, power));
    } else if !rest.is_empty() {
        return None;
    }
    let value: f64 = match digits.len() <= DIGITS_MAX {
        true => std::str::from_utf8(digits).ok()?.parse().ok()?,
        false => shortened(whole, fraction, exponent).parse().ok()?,
    };
    Some(Number::Float(if negative { -value } else { value }))
}

/// A numeral of the same value as one of very many digits.
fn shortened(whole: &[u8], fraction: &[u8], exponent: Option<(bool, &[u8])>) -> String {
    let power = match exponent {
        None => 0,
        Some((minus, digits)) => {
            let power = decimal_saturating(digits);
            if minus { -power } else { power }
        }
    };
    let mut whole = &whole[run(whole, is_zero)..];
    let mut fraction = fraction;
    // The place of the decimal point, counted from the first digit that is not zero.
    let mut point = whole.len() as i64;
    if whole.is_empty() {
        let zeros = run(fraction, is_zero);
        fraction = &fraction[zeros..];
        point = -(zeros as i64);
    }
    let mut kept = Vec::with_capacity(DIGITS_MAX + 1);
    for digits in [&mut whole, &mut fraction] {
        let (first, rest) = digits.split_at(digits.len().min(DIGITS_MAX - kept.len()));
        kept.extend_from_slice(first);
        *digits = rest;
    }
    // Whatever follows counts only as more than nothing.
    let more = run(whole, is_zero) < whole.len() || run(fraction, is_zero) < fraction.len();
    if more {
        kept.push(b'1');
    }
    let power = power.saturating_add(point - kept.len() as i64).clamp(-60_000, 60_000);
    kept.insert(0, b'0');
    format!("{}e{power}", String::from_utf8_lossy(&kept))
}
/// The value of decimal digits, cut to what decides nothing any more.
fn decimal_saturating(digits: &[u8]) -> i64 {
    let digits = &digits[run(digits, is_zero)..];
    match digits.len() <= 17 {
        true => digits.iter().fold(0, |sum, &d| sum * 10 + i64::from(d - b'0')),
        false => 100_000_000_000_000_000,
    }
}

fn parse_hex(digits: &[u8], negative: bool) -> Option<Number> {
    let whole = run(digits, |b| b.is_ascii_hexdigit());
    if whole == digits.len() && whole > 0 {
        // The digits before the last sixteen are shifted out.
        let last = &digits[whole.saturating_sub(16)..];
        let value = last.iter().try_fold(0u64, |sum, &d| Some(sum << 4 | u64::from(hex_value(d)?)))?;
        let value = if negative { value.wrapping_neg() } else { value };
        return Some(Number::Integer(value as i64));
    }
    let (fraction, rest) = match &digits[whole..] {
        [b'.', rest @ ..] => rest.split_at(run(rest, |b| b.is_ascii_hexdigit())),
        rest => (&rest[..0], rest),
    };
    if whole + fraction.len() == 0 {
        return None;
    }
    let mut mantissa = 0u64; // the first digits that fit
    let mut sticky = false; // whether anything but zeros follows them
    let mut exponent = 0i64;
    for (digits, in_fraction) in [(&digits[..whole], false), (fraction, true)] {
        let mut rest = digits;
        if mantissa == 0 {
            rest = &rest[run(rest, is_zero)..];
        }
        while let [first, after @ ..] = rest
            && mantissa >> 60 == 0
        {
            mantissa = mantissa << 4 | u64::from(hex_value(*first)?);
            rest = after;
        }
        sticky |= run(rest, is_zero) < rest.len();
        exponent += 4 * rest.len() as i64 - if in_fraction { 4 * digits.len() as i64 } else { 0 };
    }
    if let [b'p' | b'P', tail @ ..] = rest {
        let (minus, tail) = match tail {
            [b'-', tail @ ..] => (true, tail),
            [b'+', tail @ ..] => (false, tail),
            tail => (false, tail),
        };
        if tail.is_empty() || run(tail, is_digit) != tail.len() {
            return None;
        }
        let power = decimal_saturating(tail);
        exponent = exponent.saturating_add(if minus { -power } else { power });
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

    #[test]
    fn numerals_of_many_digits() {
        use Number::{Float, Integer};
        let zeros = |n: usize| "0".repeat(n);
        let cases: &[(String, Option<Number>)] = &[
            (format!("{}{}7{}", " ".repeat(1000), zeros(1000), "\n".repeat(1000)), Some(Integer(7))),
            (format!("-{}9223372036854775808", zeros(1000)), Some(Integer(i64::MIN))),
            (format!("{}9223372036854775808", zeros(1000)), Some(Float(9223372036854775808.0))),
            (format!("1{}", zeros(300)), Some(Float(1e300))),
            (format!("1{}", zeros(1000)), Some(Float(f64::INFINITY))),
            (format!("1{}e-100000", zeros(100_000)), Some(Float(1.0))),
            (format!("1{}e-100000x", zeros(100_000)), None),
            (format!("0.{}1e100000", zeros(99_999)), Some(Float(1.0))),
            (format!("{}.{}", zeros(1000), zeros(1000)), Some(Float(0.0))),
            (format!("-{}.{}", zeros(1000), zeros(1000)), Some(Float(-0.0))),
            (format!("1e{}2", zeros(1000)), Some(Float(100.0))),
            (format!("1e-{}", "9".repeat(1000)), Some(Float(0.0))),
            (format!("0e{}", "9".repeat(1000)), Some(Float(0.0))),
            // Half way between two floats, and a digit far away that decides.
            (format!("9007199254740993.{}", zeros(2000)), Some(Float(9007199254740992.0))),
            (format!("9007199254740993.{}1", zeros(2000)), Some(Float(9007199254740994.0))),
            (format!("9007199254740993{}1", zeros(2000)), Some(Float(f64::INFINITY))),
            (format!("0x{}ffffffffffffffff", "a".repeat(1000)), Some(Integer(-1))),
            (format!("0x{}1", zeros(1000)), Some(Integer(1))),
            (format!("0x.{}1p4004", zeros(1000)), Some(Float(1.0))),
            (format!("0x1{}p-4000", zeros(1000)), Some(Float(1.0))),
            (format!("0x1.00000000000008{}1p0", zeros(1000)), Some(Float(1.0000000000000002))),
            (format!("0x1.00000000000008{}p0", zeros(1000)), Some(Float(1.0))),
            (format!("{}.", " ".repeat(1000)), None),
            (format!("1{}1", " ".repeat(1000)), None),
            (format!("1{}e", zeros(1000)), None),
            (" ".repeat(1000), None),
        ];
        for (text, want) in cases {
            let got = parse_number(text.as_bytes());
            assert_eq!(got, *want, "{} bytes: {:?}", text.len(), &text[..text.len().min(40)]);
            if let (Some(Float(a)), Some(Float(b))) = (got, want) {
                assert_eq!(a.is_sign_negative(), b.is_sign_negative());
            }
        }
        // The same as of the standard library, wherever that has no limits of its own.
        let mut seed = 1u64;
        let mut random = |n: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % n
        };
        for _ in 0..300 {
            let mut digits = |n: u64| -> String { (0..n).map(|_| (b'0' + random(10) as u8) as char).collect() };
            let (before, after) = (digits(400), digits(900));
            let text =
                format!("{}.{after}e-{}", &before[..(before.as_bytes()[0] as usize * 3) % 400], before.as_bytes()[1]);
            assert_eq!(parse_number(text.as_bytes()), text.parse().ok().map(Float), "{text}");
        }
    }
}
