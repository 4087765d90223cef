//! Numbers as text and the arithmetic Lua defines beyond the machine's own (manual §3.4.1 to §3.4.3).
//!
//! Step of the journey: value. The interpreter and the libraries call these functions with plain
//! `i64` and `f64`; nothing here knows a Lua value.
//!
//! Design: text is built in a fixed buffer on the stack, so that `tostring` allocates only the final
//! string. The alternative a reader would expect, Rust's `Display` for `f64`, prints the shortest text
//! that reads back equal, while Lua prints C's `%.14g`. Comparisons between an integer and a float are
//! exact, as the manual demands: neither side is rounded first.
//!
//! Not here: text to number (the compiler's lexer owns it) and `string.format` (`stdlib/string/format`).

use std::fmt::Write;

/// The text of one number, on the stack.
#[derive(Clone, Copy)]
pub struct NumberText {
    bytes: [u8; NumberText::CAPACITY],
    length: u8,
}

impl NumberText {
    /// More than the longest text: `-1.2345678901234e-308` has 21 bytes, `-9223372036854775808` 20.
    pub const CAPACITY: usize = 32;

    const fn empty() -> Self {
        NumberText { bytes: [0; Self::CAPACITY], length: 0 }
    }

    fn push(&mut self, bytes: &[u8]) {
        let from = usize::from(self.length);
        self.bytes[from..from + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len() as u8;
    }

    /// The text. Always ASCII.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// The text as a `str`.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("number text is ASCII")
    }
}

impl Write for NumberText {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        if usize::from(self.length) + text.len() > Self::CAPACITY {
            return Err(std::fmt::Error);
        }
        self.push(text.as_bytes());
        Ok(())
    }
}

impl std::fmt::Debug for NumberText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_str().fmt(f)
    }
}

/// The decimal text of an integer, as `tostring` gives it.
pub fn integer_to_text(integer: i64) -> NumberText {
    let mut text = NumberText::empty();
    push_integer(&mut text, integer);
    text
}

/// The text of a float as `tostring` gives it: C's `%.14g`, with `.0` added to what would read back as
/// an integer. The sign of a NaN is shown, as C does: `0/0` is `-nan` on x86-64.
pub fn float_to_text(float: f64) -> NumberText {
    let mut text = NumberText::empty();
    let truncated = float as i64;
    // Below 10^14 `%.14g` prints every digit of an integral float.
    if truncated as f64 == float && truncated.unsigned_abs() < 100_000_000_000_000 {
        if truncated == 0 && float.is_sign_negative() {
            text.push(b"-");
        }
        push_integer(&mut text, truncated);
        text.push(b".0");
    } else if float.is_finite() {
        push_14g(&mut text, float);
    } else {
        if float.is_sign_negative() {
            text.push(b"-");
        }
        text.push(if float.is_nan() { b"nan" } else { b"inf" });
    }
    text
}

/// `00` to `99`, so that digits are made two at a time.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut i = 0;
    while i < 100 {
        pairs[i] = [b'0' + (i / 10) as u8, b'0' + (i % 10) as u8];
        i += 1;
    }
    pairs
};

fn push_integer(text: &mut NumberText, integer: i64) {
    let mut digits = [0_u8; 20];
    let mut from = digits.len();
    let mut rest = integer.unsigned_abs();
    while rest >= 100 {
        from -= 2;
        digits[from..from + 2].copy_from_slice(&PAIRS[(rest % 100) as usize]);
        rest /= 100;
    }
    if rest >= 10 {
        from -= 2;
        digits[from..from + 2].copy_from_slice(&PAIRS[rest as usize]);
    } else {
        from -= 1;
        digits[from] = b'0' + rest as u8;
    }
    if integer < 0 {
        text.push(b"-");
    }
    text.push(&digits[from..]);
}

/// `%.14g` of a finite float, plus `.0` if neither point nor exponent shows.
fn push_14g(text: &mut NumberText, float: f64) {
    const PRECISION: i32 = 14;
    let mut scientific = NumberText::empty();
    write!(scientific, "{:.13e}", float.abs()).expect("14 digits and an exponent fit");
    let scientific = scientific.as_bytes();
    // d.ddddddddddddde[-]x: the point is at 1 and the `e` at 15.
    let mut digits = [0_u8; PRECISION as usize];
    digits[0] = scientific[0];
    digits[1..].copy_from_slice(&scientific[2..15]);
    let exponent = small_exponent(&scientific[16..]);
    let significant = digits.iter().rposition(|&d| d != b'0').map_or(1, |i| i + 1);
    let digits = &digits[..significant];

    if float.is_sign_negative() {
        text.push(b"-");
    }
    if !(-4..PRECISION).contains(&exponent) {
        text.push(&digits[..1]);
        if significant > 1 {
            text.push(b".");
            text.push(&digits[1..]);
        }
        text.push(if exponent < 0 { b"e-" } else { b"e+" });
        if exponent.abs() < 10 {
            text.push(b"0");
        }
        push_integer(text, i64::from(exponent.abs()));
    } else if exponent < 0 {
        text.push(b"0.");
        text.push(&b"000"[..(-exponent - 1) as usize]);
        text.push(digits);
    } else {
        let integral = exponent as usize + 1;
        if significant > integral {
            text.push(&digits[..integral]);
            text.push(b".");
            text.push(&digits[integral..]);
        } else {
            text.push(digits);
            for _ in significant..integral {
                text.push(b"0");
            }
            text.push(b".0");
        }
    }
}

/// Reads the exponent that Rust's `{:e}` wrote.
fn small_exponent(text: &[u8]) -> i32 {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let magnitude = digits.iter().fold(0, |value, digit| value * 10 + i32::from(digit - b'0'));
    if negative { -magnitude } else { magnitude }
}

/// `a // b` on integers, rounding towards minus infinity; `None` when `b` is zero. `mininteger // -1`
/// wraps around.
#[inline]
pub fn int_floor_div(a: i64, b: i64) -> Option<i64> {
    if b == 0 {
        return None;
    }
    let quotient = a.wrapping_div(b);
    let inexact = a.wrapping_rem(b) != 0;
    Some(if inexact && (a ^ b) < 0 { quotient - 1 } else { quotient })
}

/// `a % b` on integers, with the sign of `b`; `None` when `b` is zero.
#[inline]
pub fn int_mod(a: i64, b: i64) -> Option<i64> {
    if b == 0 {
        return None;
    }
    let remainder = a.wrapping_rem(b);
    Some(if remainder != 0 && (remainder ^ b) < 0 { remainder + b } else { remainder })
}

/// `a // b` on floats.
#[inline]
pub fn float_floor_div(a: f64, b: f64) -> f64 {
    (a / b).floor()
}

/// `a % b` on floats, with the sign of `b`.
#[inline]
pub fn float_mod(a: f64, b: f64) -> f64 {
    let remainder = a % b;
    let other_sign = if remainder > 0.0 { b < 0.0 } else { remainder < 0.0 && b != remainder && b > 0.0 };
    if other_sign { remainder + b } else { remainder }
}

/// `a ^ b`.
#[inline]
pub fn pow(a: f64, b: f64) -> f64 {
    if b == 2.0 { a * a } else { a.powf(b) }
}

/// `a << b`: a logical shift, to the right when `b` is negative, and zero once every bit left.
#[inline]
pub fn shift_left(a: i64, b: i64) -> i64 {
    let bits = a as u64;
    (match b {
        0..=63 => bits << b,
        -63..=-1 => bits >> -b,
        _ => 0,
    }) as i64
}

/// `a >> b`, the mirror of [`shift_left`].
#[inline]
pub fn shift_right(a: i64, b: i64) -> i64 {
    shift_left(a, b.wrapping_neg())
}

/// 2^63, the first float above every integer.
const INTEGER_END: f64 = 9_223_372_036_854_775_808.0;

/// The integer a float is equal to, if there is one.
#[inline]
pub fn float_to_integer(float: f64) -> Option<i64> {
    // The cast saturates, so 2^63 itself must be refused by its value.
    let integer = float as i64;
    (integer as f64 == float && float < INTEGER_END).then_some(integer)
}

/// The greatest integer not above `float`; `None` outside the range of integers and for NaN.
#[inline]
pub fn float_to_integer_floor(float: f64) -> Option<i64> {
    float_to_integer(float.floor())
}

/// The least integer not below `float`; `None` outside the range of integers and for NaN.
#[inline]
pub fn float_to_integer_ceil(float: f64) -> Option<i64> {
    float_to_integer(float.ceil())
}

/// Whether the conversion of `integer` to a float is certainly exact.
#[inline]
fn fits_float(integer: i64) -> bool {
    const EXACT: i64 = 1 << 53;
    (-EXACT..=EXACT).contains(&integer)
}

/// `integer == float`, exactly.
#[inline]
pub fn int_eq_float(integer: i64, float: f64) -> bool {
    float_to_integer(float) == Some(integer)
}

/// `integer < float`, exactly.
#[inline]
pub fn int_lt_float(integer: i64, float: f64) -> bool {
    if fits_float(integer) {
        return (integer as f64) < float;
    }
    match float_to_integer_ceil(float) {
        Some(bound) => integer < bound,
        None => float > 0.0,
    }
}

/// `integer <= float`, exactly.
#[inline]
pub fn int_le_float(integer: i64, float: f64) -> bool {
    if fits_float(integer) {
        return integer as f64 <= float;
    }
    match float_to_integer_floor(float) {
        Some(bound) => integer <= bound,
        None => float > 0.0,
    }
}

/// `float < integer`, exactly.
#[inline]
pub fn float_lt_int(float: f64, integer: i64) -> bool {
    if fits_float(integer) {
        return float < integer as f64;
    }
    match float_to_integer_floor(float) {
        Some(bound) => bound < integer,
        None => float < 0.0,
    }
}

/// `float <= integer`, exactly.
#[inline]
pub fn float_le_int(float: f64, integer: i64) -> bool {
    if fits_float(integer) {
        return float <= integer as f64;
    }
    match float_to_integer_ceil(float) {
        Some(bound) => bound <= integer,
        None => float < 0.0,
    }
}

/// Text of a number value, as `tostring` gives it.
pub fn number_text(v: super::Value) -> NumberText {
    match v.as_integer() {
        Some(n) => integer_to_text(n),
        None => float_to_text(v.number_as_float().unwrap_or(f64::NAN)),
    }
}

/// Appends the text of a number value.
pub fn write_number(out: &mut Vec<u8>, v: super::Value) {
    out.extend_from_slice(number_text(v).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_the_reference_prints_them() {
        let cases: &[(f64, &str)] = &[
            (1e14, "1e+14"),
            (1e15, "1e+15"),
            (-1e15, "-1e+15"),
            (123456789012345.0, "1.2345678901234e+14"),
            (99999999999999.0, "99999999999999.0"),
            (99999999999999.5, "1e+14"),
            (-0.0, "-0.0"),
            (0.0, "0.0"),
            (3.0, "3.0"),
            (1e100, "1e+100"),
            (0.1, "0.1"),
            (1.0 / 3.0, "0.33333333333333"),
            (9007199254740992.0, "9.007199254741e+15"),
            (9223372036854775808.0, "9.2233720368548e+18"),
            (5e-324, "4.9406564584125e-324"),
            (1e-5, "1e-05"),
            (1e-4, "0.0001"),
            (123456.789e3, "123456789.0"),
            (f64::from_bits(0xfff8_0000_0000_0000), "-nan"),
            (f64::from_bits(0x7ff8_0000_0000_0000), "nan"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (1.23456789012345, "1.2345678901235"),
            (1e13 + 0.5, "10000000000000.0"),
            (1234567890123.25, "1234567890123.2"),
            (-f64::MAX, "-1.7976931348623e+308"),
            (0.00012345, "0.00012345"),
            (-12.5, "-12.5"),
        ];
        for &(float, expected) in cases {
            assert_eq!(float_to_text(float).as_str(), expected, "{float:e}");
        }
    }

    #[test]
    fn integers_print() {
        for integer in [0, 7, -7, 10, 99, 100, 101, 12345, i64::MAX, i64::MIN] {
            assert_eq!(integer_to_text(integer).as_str(), integer.to_string());
        }
    }

    #[test]
    fn division_and_modulo_round_down() {
        for (a, b, quotient, modulo) in [
            (7, 2, 3, 1),
            (-7, 2, -4, 1),
            (7, -2, -4, -1),
            (-7, -2, 3, -1),
            (6, -2, -3, 0),
            (i64::MIN, -1, i64::MIN, 0),
            (i64::MIN, 1, i64::MIN, 0),
            (5, i64::MIN, -1, i64::MIN + 5),
        ] {
            assert_eq!(int_floor_div(a, b), Some(quotient), "{a} // {b}");
            assert_eq!(int_mod(a, b), Some(modulo), "{a} % {b}");
        }
        assert_eq!(int_floor_div(1, 0), None);
        assert_eq!(int_mod(1, 0), None);
        let inf = f64::INFINITY;
        for (a, b, modulo) in [
            (5.5, 2.0, 1.5),
            (-5.5, 2.0, 0.5),
            (5.5, -2.0, -0.5),
            (-5.5, -2.0, -1.5),
            (1.0, inf, 1.0),
            (-1.0, inf, inf),
            (1.0, -inf, -inf),
            (-1.0, -inf, -1.0),
            (-6.0, 2.0, -0.0),
        ] {
            assert_eq!(float_mod(a, b).to_bits(), f64::to_bits(modulo), "{a} % {b}");
        }
        assert!(float_mod(1.0, 0.0).is_nan());
        assert_eq!(float_floor_div(-7.0, 2.0), -4.0);
    }

    #[test]
    fn shifts_are_logical() {
        assert_eq!(shift_left(1, 63), i64::MIN);
        assert_eq!(shift_left(1, 64), 0);
        assert_eq!(shift_left(-1, -63), 1);
        assert_eq!(shift_left(-1, -64), 0);
        assert_eq!(shift_left(-1, i64::MIN), 0);
        assert_eq!(shift_right(-1, 60), 15);
        assert_eq!(shift_right(1, i64::MIN), 0);
        assert_eq!(shift_right(3, -2), 12);
    }

    #[test]
    fn floats_become_integers_only_when_equal() {
        assert_eq!(float_to_integer(3.0), Some(3));
        assert_eq!(float_to_integer(3.5), None);
        assert_eq!(float_to_integer(-0.0), Some(0));
        assert_eq!(float_to_integer(-INTEGER_END), Some(i64::MIN));
        assert_eq!(float_to_integer(INTEGER_END), None);
        assert_eq!(float_to_integer(f64::NAN), None);
        assert_eq!(float_to_integer_floor(-1.5), Some(-2));
        assert_eq!(float_to_integer_ceil(-1.5), Some(-1));
        assert_eq!(float_to_integer_floor(f64::INFINITY), None);
    }

    #[test]
    fn mixed_comparisons_are_exact() {
        let end = INTEGER_END;
        let odd = (1_i64 << 53) + 1;
        let even = (1_i64 << 53) as f64;
        assert!(int_lt_float(i64::MAX, end) && int_le_float(i64::MAX, end));
        assert!(!float_le_int(end, i64::MAX) && !float_lt_int(end, i64::MAX));
        assert!(!int_eq_float(i64::MAX, end));
        assert!(float_lt_int(even, odd) && !int_le_float(odd, even));
        assert!(int_eq_float(i64::MIN, -end) && int_le_float(i64::MIN, -end));
        assert!(float_le_int(-end, i64::MIN) && !float_lt_int(-end, i64::MIN));
        assert!(float_lt_int(f64::NEG_INFINITY, i64::MIN));
        for integer in [0, i64::MAX, i64::MIN] {
            let nan = f64::NAN;
            assert!(!int_lt_float(integer, nan) && !int_le_float(integer, nan));
            assert!(!float_lt_int(nan, integer) && !float_le_int(nan, integer));
            assert!(!int_eq_float(integer, nan));
        }
    }

    #[test]
    fn powers() {
        assert_eq!(pow(3.0, 2.0), 9.0);
        assert_eq!(pow(2.0, 10.0), 1024.0);
        assert_eq!(pow(2.0, -1.0), 0.5);
        assert_eq!(pow(0.0, 0.0), 1.0);
    }
}
