//! The directives of `string.format` (manual §6.4, `string.format`): reading them, and writing one
//! argument as a directive asks.
//!
//! Step of the journey: value to text. [`Pieces`] cuts the format into literal text and
//! [`Directive`]s; the library fetches the argument a directive's [`Conversion`] asks for and calls
//! one of the `format_…` functions, which append to a byte buffer.
//!
//! Design: the reference hands each directive to C's `sprintf`. Here the digits come from Rust's exact,
//! correctly rounded conversion of floats, and what is C's own (flags, `%g`, `%a`) is written on top, so
//! the output equals glibc's byte for byte and depends on no locale. Checking is in two stages because
//! the reference checks in two: the letter ([`Directive::conversion`]) before the argument is fetched,
//! the modifiers ([`Directive::spec`]) after it.
//!
//! Always: width and precision are at most 99, so one directive never grows the output by more than its
//! argument and some hundred bytes (a float by about 310 more).
//!
//! Not here: which argument belongs to a directive, `__tostring` and addresses for `%p`, which need
//! values.

use std::fmt;
use std::io::Write;

/// A stretch of a format string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text to copy (`%%` arrives as the literal `%`).
    Literal(&'a [u8]),
    /// A directive, which consumes one argument.
    Directive(Directive<'a>),
}

/// The pieces of a format string, in order.
///
/// Reading never fails: a wrong directive is reported by [`Directive::conversion`], after which the
/// caller stops. The position is a plain offset, so a caller that is suspended between two pieces
/// stores [`Pieces::offset`] and goes on with [`Pieces::resume`].
#[derive(Debug, Clone)]
pub struct Pieces<'a> {
    format: &'a [u8],
    offset: usize,
}

impl<'a> Pieces<'a> {
    /// Starts at the beginning of `format`.
    pub fn new(format: &'a [u8]) -> Self {
        Self::resume(format, 0)
    }

    /// Goes on at an offset that [`Pieces::offset`] gave; past the end, there are no pieces.
    pub fn resume(format: &'a [u8], offset: usize) -> Self {
        Pieces { format, offset }
    }

    /// Where the next piece starts.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let rest = self.format.get(self.offset..)?;
        let (length, piece) = match rest {
            [] => return None,
            [b'%', b'%', ..] => (2, Piece::Literal(&rest[..1])),
            [b'%', modifiers @ ..] => {
                let span = modifiers.iter().take_while(|byte| b"-+ #.0123456789".contains(byte)).count();
                let length = (1 + span + 1).min(rest.len());
                let text = &rest[..length];
                (length, Piece::Directive(Directive { text }))
            }
            _ => {
                let length = memchr::memchr(b'%', rest).unwrap_or(rest.len());
                (length, Piece::Literal(&rest[..length]))
            }
        };
        self.offset += length;
        Some(piece)
    }
}

/// One directive as written: `%`, modifiers and, unless the format ends first, a conversion letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Directive<'a> {
    text: &'a [u8],
}

/// What a directive asks of its argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// `%c`: an integer, written as one byte.
    Char,
    /// `%d %i %u %o %x %X`: an integer.
    Integer,
    /// `%a %A %e %E %f %g %G`: a float.
    Float,
    /// `%p`: the address of a collectable value.
    Pointer,
    /// `%q`: a literal the Lua reader understands; never has modifiers.
    Quoted,
    /// `%s`: any value, through `tostring`.
    String,
}

impl<'a> Directive<'a> {
    /// The longest directive the reference accepts, with its `%`.
    const LENGTH_MAX: usize = 22;

    /// The directive as written.
    pub fn text(&self) -> &'a [u8] {
        self.text
    }

    /// Whether nothing stands between `%` and the letter. A bare `%s` copies its argument whole, zeros
    /// included; with modifiers the argument must not contain zeros.
    pub fn is_bare(&self) -> bool {
        self.text.len() == 2
    }

    /// Whether the reference checks the modifiers before a wrong argument: `%a` and `%A` alone among those of numbers.
    pub fn is_checked_first(&self) -> bool {
        matches!(self.letter(), b'a' | b'A')
    }

    fn letter(&self) -> u8 {
        match self.text {
            [_, .., letter] => *letter,
            _ => 0,
        }
    }

    /// What kind of argument is wanted. The reference does this after checking that there is a next
    /// argument and before looking at it.
    pub fn conversion(&self) -> Result<Conversion, FormatError> {
        if self.modifiers().len() + 2 > Self::LENGTH_MAX {
            return Err(FormatError::TooLong);
        }
        match self.letter() {
            b'c' => Ok(Conversion::Char),
            b'd' | b'i' | b'u' | b'o' | b'x' | b'X' => Ok(Conversion::Integer),
            b'a' | b'A' | b'e' | b'E' | b'f' | b'g' | b'G' => Ok(Conversion::Float),
            b'p' => Ok(Conversion::Pointer),
            b'q' if self.is_bare() => Ok(Conversion::Quoted),
            b'q' => Err(FormatError::ModifiedQuote),
            b's' => Ok(Conversion::String),
            _ => Err(FormatError::Conversion(self.text.to_vec())),
        }
    }

    fn modifiers(&self) -> &'a [u8] {
        let rest = &self.text[1..];
        match rest.last() {
            Some(last) if !b"-+ #.0123456789".contains(last) => &rest[..rest.len() - 1],
            _ => rest,
        }
    }

    /// The modifiers, checked against what the conversion allows. For an integer or a float the
    /// reference does this after the argument proved right, but for `%c`, `%a` and `%A`, where it comes
    /// first; for `%p` and `%s` it makes no difference.
    pub fn spec(&self) -> Result<Spec, FormatError> {
        let letter = self.letter();
        let (allowed, precision_allowed): (&[u8], bool) = match letter {
            b'd' | b'i' => (b"-+ 0", true),
            b'u' => (b"-0", true),
            b'o' | b'x' | b'X' => (b"-#0", true),
            b'c' | b'p' => (b"-", false),
            b's' => (b"-", true),
            _ => (b"-+ #0", true),
        };
        let mut spec = Spec { letter, ..Spec::default() };
        let mut rest = &self.text[1..];
        while let [flag, tail @ ..] = rest
            && allowed.contains(flag)
        {
            match flag {
                b'-' => spec.left = true,
                b'+' => spec.plus = true,
                b' ' => spec.space = true,
                b'#' => spec.alternate = true,
                _ => spec.zero = true,
            }
            rest = tail;
        }
        // A zero that is no flag here begins no width either.
        if rest.first() != Some(&b'0') {
            spec.width = two_digits(&mut rest).unwrap_or(0);
            if let [b'.', tail @ ..] = rest
                && precision_allowed
            {
                rest = tail;
                spec.precision = Some(two_digits(&mut rest).unwrap_or(0));
            }
        }
        match rest {
            [last] if last.is_ascii_alphabetic() => Ok(spec),
            _ => Err(FormatError::Specification(self.text.to_vec())),
        }
    }
}

/// Takes up to two digits from the front.
fn two_digits(rest: &mut &[u8]) -> Option<usize> {
    let count = rest.iter().take(2).take_while(|d| d.is_ascii_digit());
    let count = count.count();
    let (digits, tail) = rest.split_at(count);
    *rest = tail;
    (count > 0).then(|| digits.iter().fold(0, |value, digit| value * 10 + usize::from(digit - b'0')))
}

/// A checked directive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spec {
    /// The conversion letter.
    pub letter: u8,
    /// `-`: pad on the right.
    pub left: bool,
    /// `+`: show the sign of positive numbers.
    pub plus: bool,
    /// Space: a space for the sign of positive numbers.
    pub space: bool,
    /// `#`: the alternate form.
    pub alternate: bool,
    /// `0`: pad numbers with zeros.
    pub zero: bool,
    /// The least number of bytes to write, at most 99.
    pub width: usize,
    /// The precision, at most 99.
    pub precision: Option<usize>,
}

impl Spec {
    fn sign(&self, negative: bool) -> &'static [u8] {
        match (negative, self.plus, self.space) {
            (true, _, _) => b"-",
            (false, true, _) => b"+",
            (false, false, true) => b" ",
            (false, false, false) => b"",
        }
    }

    /// Appends `prefix` and `body`, filling up to the width: at the right, between the two with zeros,
    /// or at the left.
    fn pad(&self, prefix: &[u8], body: &[u8], fill: Fill, out: &mut Vec<u8>) {
        let missing = self.width.saturating_sub(prefix.len() + body.len());
        let zeros = fill == Fill::Zeros && self.zero && !self.left;
        if !self.left && !zeros {
            out.resize(out.len() + missing, b' ');
        }
        out.extend_from_slice(prefix);
        if zeros {
            out.resize(out.len() + missing, b'0');
        }
        out.extend_from_slice(body);
        if self.left {
            out.resize(out.len() + missing, b' ');
        }
    }
}

/// Whether the flag `0` counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fill {
    Zeros,
    Spaces,
}

/// What is wrong with a directive. [`FormatError::message`] gives the reference's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormatError {
    /// More modifiers than any directive can use.
    TooLong,
    /// An unknown conversion letter; holds the directive.
    Conversion(Vec<u8>),
    /// Modifiers the conversion does not allow; holds the directive.
    Specification(Vec<u8>),
    /// `%q` with modifiers.
    ModifiedQuote,
}

impl FormatError {
    /// The error message, without position. Bytes, since the directive may be no UTF-8.
    pub fn message(&self) -> Vec<u8> {
        let quoted = |before: &[u8], text: &[u8], after: &[u8]| {
            // The reference's directive is a C string, which a zero ends.
            let end = memchr::memchr(0, text).unwrap_or(text.len());
            [before, &text[..end], after].concat()
        };
        match self {
            FormatError::TooLong => b"invalid format (too long)".to_vec(),
            FormatError::Conversion(text) => quoted(b"invalid conversion '", text, b"' to 'format'"),
            FormatError::Specification(text) => quoted(b"invalid conversion specification: '", text, b"'"),
            FormatError::ModifiedQuote => b"specifier '%q' cannot have modifiers".to_vec(),
        }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.message()))
    }
}

impl std::error::Error for FormatError {}

/// `%d %i %u %o %x %X`.
pub fn format_integer(spec: &Spec, integer: i64, out: &mut Vec<u8>) {
    let signed = matches!(spec.letter, b'd' | b'i');
    let mut digits = Vec::with_capacity(24);
    let result = match spec.letter {
        b'o' => write!(digits, "{integer:o}"),
        b'x' => write!(digits, "{integer:x}"),
        b'X' => write!(digits, "{integer:X}"),
        b'u' => write!(digits, "{}", integer as u64),
        _ => write!(digits, "{}", integer.unsigned_abs()),
    };
    result.expect("writing to a vector");
    if spec.precision == Some(0) && integer == 0 {
        digits.clear();
    }
    let mut zeros = spec.precision.unwrap_or(0).saturating_sub(digits.len());
    let mut prefix: &[u8] = if signed { spec.sign(integer < 0) } else { b"" };
    if spec.alternate {
        match spec.letter {
            // C: the precision grows until the first digit is a zero.
            b'o' if zeros == 0 && digits.first() != Some(&b'0') => zeros = 1,
            b'x' if integer != 0 => prefix = b"0x",
            b'X' if integer != 0 => prefix = b"0X",
            _ => {}
        }
    }
    digits.splice(..0, std::iter::repeat_n(b'0', zeros));
    let fill = match spec.precision {
        Some(_) => Fill::Spaces,
        None => Fill::Zeros,
    };
    spec.pad(prefix, &digits, fill, out);
}

/// `%a %A %e %E %f %g %G`, byte for byte as glibc prints them.
pub fn format_float(spec: &Spec, float: f64, out: &mut Vec<u8>) {
    let sign = spec.sign(float.is_sign_negative());
    let magnitude = float.abs();
    let upper = spec.letter.is_ascii_uppercase();
    if !float.is_finite() {
        let name: &[u8] = match (float.is_nan(), upper) {
            (true, false) => b"nan",
            (true, true) => b"NAN",
            (false, false) => b"inf",
            (false, true) => b"INF",
        };
        return spec.pad(sign, name, Fill::Spaces, out);
    }
    let mut body = Vec::with_capacity(32);
    let mut prefix = sign.to_vec();
    match spec.letter.to_ascii_lowercase() {
        b'a' => {
            prefix.extend_from_slice(b"0x");
            hexadecimal(magnitude, spec.precision, spec.alternate, &mut body);
        }
        b'e' => {
            let (digits, exponent) = significant(magnitude, spec.precision.unwrap_or(6) + 1);
            scientific(&digits, exponent, spec.alternate, &mut body);
        }
        b'f' => {
            let precision = spec.precision.unwrap_or(6);
            write!(body, "{magnitude:.precision$}").expect("writing to a vector");
            if precision == 0 && spec.alternate {
                body.push(b'.');
            }
        }
        _ => general(magnitude, spec, &mut body),
    }
    if upper {
        body.make_ascii_uppercase();
        prefix.make_ascii_uppercase();
    }
    spec.pad(&prefix, &body, Fill::Zeros, out);
}

/// `count` significant digits of a finite float, correctly rounded, and the exponent of the first.
fn significant(magnitude: f64, count: usize) -> (Vec<u8>, i32) {
    let precision = count - 1;
    let mut digits = Vec::with_capacity(count + 8);
    write!(digits, "{magnitude:.precision$e}").expect("writing to a vector");
    let letter = digits.iter().rposition(|&byte| byte == b'e');
    let letter = letter.expect("scientific notation has an exponent");
    let exponent = std::str::from_utf8(&digits[letter + 1..])
        .ok()
        .and_then(|text| text.parse().ok())
        .expect("the exponent is a small number");
    digits.truncate(letter);
    if digits.len() > 1 {
        digits.remove(1);
    }
    (digits, exponent)
}

fn scientific(digits: &[u8], exponent: i32, point: bool, body: &mut Vec<u8>) {
    body.push(digits[0]);
    if digits.len() > 1 || point {
        body.push(b'.');
    }
    body.extend_from_slice(&digits[1..]);
    let sign = if exponent < 0 { '-' } else { '+' };
    write!(body, "e{sign}{:02}", exponent.abs()).expect("writing to a vector");
}

/// `%g`: scientific notation for small and large exponents, else positional; trailing zeros go, unless
/// the alternate form keeps them.
fn general(magnitude: f64, spec: &Spec, body: &mut Vec<u8>) {
    let precision = spec.precision.unwrap_or(6).max(1);
    let (mut digits, exponent) = significant(magnitude, precision);
    if !spec.alternate {
        let kept = digits.iter().rposition(|&digit| digit != b'0');
        digits.truncate(kept.map_or(1, |last| last + 1));
    }
    if exponent < -4 || exponent >= precision as i32 {
        return scientific(&digits, exponent, spec.alternate, body);
    }
    if exponent < 0 {
        body.extend_from_slice(b"0.");
        body.resize(body.len() + (-exponent - 1) as usize, b'0');
        body.extend_from_slice(&digits);
        return;
    }
    let integral = exponent as usize + 1;
    if digits.len() > integral {
        body.extend_from_slice(&digits[..integral]);
        body.push(b'.');
        body.extend_from_slice(&digits[integral..]);
    } else {
        body.extend_from_slice(&digits);
        body.resize(integral, b'0');
        if spec.alternate {
            body.push(b'.');
        }
    }
}

/// `%a` without its `0x`. A subnormal keeps the exponent -1022 and a leading zero; rounding, half to
/// even, may carry into the leading digit, which glibc leaves there.
fn hexadecimal(magnitude: f64, precision: Option<usize>, point: bool, body: &mut Vec<u8>) {
    const FRACTION_BITS: u32 = 52;
    const FRACTION_DIGITS: usize = 13;
    let bits = magnitude.to_bits();
    let biased = (bits >> FRACTION_BITS) as i32;
    let mut mantissa = bits & ((1 << FRACTION_BITS) - 1);
    let exponent = match (biased, mantissa) {
        (0, 0) => 0,
        (0, _) => -1022,
        _ => biased - 1023,
    };
    if biased != 0 {
        mantissa |= 1 << FRACTION_BITS;
    }
    if let Some(digits) = precision
        && digits < FRACTION_DIGITS
    {
        let dropped = 4 * (FRACTION_DIGITS - digits) as u32;
        let unit = 1_u64 << dropped;
        let rest = mantissa & (unit - 1);
        mantissa -= rest;
        let odd = mantissa & unit != 0;
        if rest > unit / 2 || (rest == unit / 2 && odd) {
            mantissa += unit;
        }
    }
    let leading = mantissa >> FRACTION_BITS;
    let fraction = mantissa & ((1 << FRACTION_BITS) - 1);
    let mut digits = format!("{fraction:013x}").into_bytes();
    match precision {
        Some(precision) => digits.resize(precision, b'0'),
        None => {
            let kept = digits.iter().rposition(|&digit| digit != b'0');
            digits.truncate(kept.map_or(0, |last| last + 1));
        }
    }
    body.push(b'0' + leading as u8);
    if !digits.is_empty() || point {
        body.push(b'.');
    }
    body.extend_from_slice(&digits);
    write!(body, "p{exponent:+}").expect("writing to a vector");
}

/// `%c`: the low byte of the argument.
pub fn format_char(spec: &Spec, integer: i64, out: &mut Vec<u8>) {
    spec.pad(b"", &[integer as u8], Fill::Spaces, out);
}

/// `%s`: at most `precision` bytes of the argument.
pub fn format_string(spec: &Spec, bytes: &[u8], out: &mut Vec<u8>) {
    let length = spec.precision.unwrap_or(bytes.len()).min(bytes.len());
    spec.pad(b"", &bytes[..length], Fill::Spaces, out);
}

/// `%p`: an address as C writes it, or `(null)` for a value that has none.
pub fn format_pointer(spec: &Spec, address: Option<u64>, out: &mut Vec<u8>) {
    let text = match address {
        Some(address) => format!("{address:#x}"),
        None => "(null)".to_owned(),
    };
    spec.pad(b"", text.as_bytes(), Fill::Spaces, out);
}

/// `%q` of a string: a quoted literal that reads back as the same bytes. Begins at the byte `from`; after `most` bytes at
/// the least it stops and tells where to go on, unless it is at the end.
pub fn quote_string(bytes: &[u8], from: usize, most: usize, out: &mut Vec<u8>) -> Option<usize> {
    if from == 0 {
        out.push(b'"');
    }
    let end = from.saturating_add(most.max(1)).min(bytes.len());
    for (index, &byte) in bytes.iter().enumerate().take(end).skip(from) {
        match byte {
            b'"' | b'\\' | b'\n' => out.extend_from_slice(&[b'\\', byte]),
            _ if byte.is_ascii_control() => {
                let digit_follows = bytes.get(index + 1).is_some_and(u8::is_ascii_digit);
                let result = if digit_follows { write!(out, "\\{byte:03}") } else { write!(out, "\\{byte}") };
                result.expect("writing to a vector");
            }
            _ => out.push(byte),
        }
    }
    if end < bytes.len() {
        return Some(end);
    }
    out.push(b'"');
    None
}

/// `%q` of an integer: decimal, but for the least one, whose decimal text would read as a float.
pub fn quote_integer(integer: i64, out: &mut Vec<u8>) {
    let result = if integer == i64::MIN { write!(out, "{integer:#x}") } else { write!(out, "{integer}") };
    result.expect("writing to a vector");
}

/// `%q` of a float: hexadecimal, which loses nothing, or an expression for what has no numeral.
pub fn quote_float(float: f64, out: &mut Vec<u8>) {
    if float.is_nan() {
        out.extend_from_slice(b"(0/0)");
    } else if float.is_infinite() {
        let text: &[u8] = if float > 0.0 { b"1e9999" } else { b"-1e9999" };
        out.extend_from_slice(text);
    } else {
        let spec = Spec { letter: b'a', ..Spec::default() };
        format_float(&spec, float, out);
    }
}

#[cfg(test)]
mod tests;
