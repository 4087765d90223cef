//! The binary formats of `string.pack`, `string.packsize` and `string.unpack` (manual §6.4.2).
//!
//! Step of the journey: values to bytes and back. [`Options`] reads a format string one [`Item`] at a
//! time; the library fetches the argument an item's [`Kind`] asks for and calls one of the item's
//! `pack_…` methods, or calls [`Item::unpack`] on the data.
//!
//! Design: the sizes are those of the reference on x86-64 Linux (`int` 4, `long` and `size_t` 8, natural
//! alignment 8, little endian), on every machine, so that a process which moves finds its data readable.
//! The alternative, the host's own sizes, would make `string.pack` depend on the node.
//!
//! Always: `pack` keeps the output buffer's length equal to the size packed so far, so the buffer's
//! length is the position alignment counts from. Data is hostile: no length in it is trusted.
//!
//! Not here: arguments, and the string position arithmetic of `string.unpack`'s third argument.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The most bytes an integer may take.
const INTEGER_BYTES_MAX: usize = 16;
/// The bytes of a Lua integer.
const LUA_INTEGER_BYTES: usize = 8;
/// The alignment of `!` without a number.
const ALIGNMENT_NATIVE: usize = 8;
/// The largest size a format may ask for or amount to.
const SIZE_MAX: usize = i32::MAX as usize;

/// Byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Endian {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// What an item reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `b h i l j`: a signed integer of the item's size.
    Integer,
    /// `B H I L J T`: an unsigned integer of the item's size.
    Unsigned,
    /// `f` (4 bytes), `d` and `n` (8 bytes).
    Float,
    /// `c`: a string of the item's size.
    Chars,
    /// `s`: a string after its length, which takes the item's size.
    String,
    /// `z`: a string before a zero.
    ZeroString,
    /// `x`: one byte of padding; no argument.
    Padding,
    /// `X`: alignment only; no argument.
    Align,
    /// Space, `<`, `>`, `=`, `!`: no bytes and no argument.
    Nothing,
}

/// One option of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// What it reads or writes.
    pub kind: Kind,
    /// Its bytes, without alignment; see [`Kind`] for what they hold.
    pub size: usize,
    /// The bytes of alignment before it.
    pub padding: usize,
    /// The byte order in force.
    pub endian: Endian,
}

/// A format string being read.
#[derive(Debug, Clone)]
pub struct Options<'a> {
    rest: &'a [u8],
    endian: Endian,
    alignment_max: usize,
}

/// How much of a format was read, and what holds from there on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Place {
    offset: usize,
    end: usize,
    endian: Endian,
    alignment_max: usize,
}

impl Place {
    /// The beginning of a format.
    pub fn new(format: &[u8]) -> Place {
        Options::new(format).place(format)
    }
}

impl<'a> Options<'a> {
    /// Starts with native byte order and no alignment. A zero byte ends the format, as in the
    /// reference.
    pub fn new(format: &'a [u8]) -> Self {
        let end = memchr::memchr(0, format).unwrap_or(format.len());
        Options { rest: &format[..end], endian: Endian::Little, alignment_max: 1 }
    }

    /// Goes on at a place of the same format; at the end, if there is no such place.
    pub fn resume(format: &'a [u8], place: &Place) -> Self {
        let rest = format.get(place.offset..place.end).unwrap_or_default();
        Options { rest, endian: place.endian, alignment_max: place.alignment_max.clamp(1, INTEGER_BYTES_MAX) }
    }

    /// Where it is in the format it was made of.
    pub fn place(&self, format: &[u8]) -> Place {
        let offset = (self.rest.as_ptr() as usize).saturating_sub(format.as_ptr() as usize);
        Place { offset, end: offset + self.rest.len(), endian: self.endian, alignment_max: self.alignment_max }
    }

    /// The next item, aligned for a position `total` bytes from the start; `None` at the end.
    pub fn next_item(&mut self, total: usize) -> Result<Option<Item>, PackError> {
        let Some((kind, size)) = self.option()? else {
            return Ok(None);
        };
        let mut alignment = size;
        if kind == Kind::Align {
            // The following option gives the alignment, and is spent by it.
            alignment = match self.option()? {
                Some((other, size)) if other != Kind::Chars && size > 0 => size,
                _ => return Err(PackError::AlignWithoutSize),
            };
        }
        let mut padding = 0;
        if alignment > 1 && kind != Kind::Chars {
            let alignment = alignment.min(self.alignment_max);
            if !alignment.is_power_of_two() {
                return Err(PackError::AlignmentNotPowerOfTwo);
            }
            padding = total.wrapping_neg() & (alignment - 1);
        }
        Ok(Some(Item { kind, size, padding, endian: self.endian }))
    }

    fn option(&mut self) -> Result<Option<(Kind, usize)>, PackError> {
        let Some((&letter, rest)) = self.rest.split_first() else {
            return Ok(None);
        };
        self.rest = rest;
        Ok(Some(match letter {
            b'b' => (Kind::Integer, 1),
            b'B' => (Kind::Unsigned, 1),
            b'h' => (Kind::Integer, 2),
            b'H' => (Kind::Unsigned, 2),
            b'i' => (Kind::Integer, self.integral_size(4)?),
            b'I' => (Kind::Unsigned, self.integral_size(4)?),
            b'l' | b'j' => (Kind::Integer, 8),
            b'L' | b'J' | b'T' => (Kind::Unsigned, 8),
            b'f' => (Kind::Float, 4),
            b'd' | b'n' => (Kind::Float, 8),
            b's' => (Kind::String, self.integral_size(8)?),
            b'c' => (Kind::Chars, self.number().ok_or(PackError::MissingSize)?),
            b'z' => (Kind::ZeroString, 0),
            b'x' => (Kind::Padding, 1),
            b'X' => (Kind::Align, 0),
            b' ' => (Kind::Nothing, 0),
            b'<' | b'=' => {
                self.endian = Endian::Little;
                (Kind::Nothing, 0)
            }
            b'>' => {
                self.endian = Endian::Big;
                (Kind::Nothing, 0)
            }
            b'!' => {
                self.alignment_max = self.integral_size(ALIGNMENT_NATIVE)?;
                (Kind::Nothing, 0)
            }
            _ => return Err(PackError::InvalidOption(letter)),
        }))
    }

    /// A decimal number; stops before the digit that could exceed [`SIZE_MAX`].
    fn number(&mut self) -> Option<usize> {
        let mut value = None;
        while let Some((&digit @ b'0'..=b'9', rest)) = self.rest.split_first()
            && value.unwrap_or(0) <= (SIZE_MAX - 9) / 10
        {
            value = Some(value.unwrap_or(0) * 10 + usize::from(digit - b'0'));
            self.rest = rest;
        }
        value
    }

    fn integral_size(&mut self, default: usize) -> Result<usize, PackError> {
        match self.number().unwrap_or(default) {
            size @ 1..=INTEGER_BYTES_MAX => Ok(size),
            size => Err(PackError::IntegralSize(size)),
        }
    }
}

/// What `string.packsize` returns: the bytes a format without variable parts takes. Reads at most so many options and adds
/// to a total; whether that was all.
pub fn packed_size(options: &mut Options, total: &mut usize, most: usize) -> Result<bool, PackError> {
    for _ in 0..most {
        let Some(item) = options.next_item(*total)? else { return Ok(true) };
        if matches!(item.kind, Kind::String | Kind::ZeroString) {
            return Err(PackError::VariableLength);
        }
        let size = item.padding + item.size;
        if size > SIZE_MAX || *total > SIZE_MAX - size {
            return Err(PackError::ResultTooLarge);
        }
        *total += size;
    }
    Ok(false)
}

/// A value read from packed data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unpacked<'a> {
    /// From [`Kind::Integer`] and [`Kind::Unsigned`].
    Integer(i64),
    /// From [`Kind::Float`].
    Float(f64),
    /// From the string kinds; a part of the data.
    String(&'a [u8]),
}

impl Item {
    /// Whether the item consumes an argument when packing and gives a value when unpacking.
    pub fn has_value(&self) -> bool {
        !matches!(self.kind, Kind::Padding | Kind::Align | Kind::Nothing)
    }

    fn align(&self, out: &mut Vec<u8>) {
        out.resize(out.len() + self.padding, 0);
    }

    /// Packs an item that takes no argument.
    pub fn pack_nothing(&self, out: &mut Vec<u8>) {
        out.resize(out.len() + self.padding + self.size, 0);
    }

    /// Packs the argument of [`Kind::Integer`] or [`Kind::Unsigned`], which must fit the size.
    pub fn pack_integer(&self, value: i64, out: &mut Vec<u8>) -> Result<(), PackError> {
        let signed = self.kind == Kind::Integer;
        if self.size < LUA_INTEGER_BYTES {
            let bits = 8 * self.size as u32;
            if signed {
                let limit = 1_i64 << (bits - 1);
                if value < -limit || value >= limit {
                    return Err(PackError::IntegerOverflow);
                }
            } else if value as u64 >= 1_u64 << bits {
                return Err(PackError::UnsignedOverflow);
            }
        }
        self.align(out);
        let fill = if signed && value < 0 { 0xff } else { 0 };
        push_integer(out, value, fill, self.size, self.endian);
        Ok(())
    }

    /// Packs the argument of [`Kind::Float`].
    pub fn pack_float(&self, value: f64, out: &mut Vec<u8>) {
        self.align(out);
        match (self.size, self.endian) {
            (4, Endian::Little) => out.extend_from_slice(&(value as f32).to_le_bytes()),
            (4, Endian::Big) => out.extend_from_slice(&(value as f32).to_be_bytes()),
            (_, Endian::Little) => out.extend_from_slice(&value.to_le_bytes()),
            (_, Endian::Big) => out.extend_from_slice(&value.to_be_bytes()),
        }
    }

    /// Packs the argument of [`Kind::Chars`], [`Kind::String`] or [`Kind::ZeroString`]; the zeros that are to follow, which
    /// may be very many.
    pub fn pack_string(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, PackError> {
        match self.kind {
            Kind::Chars => {
                if bytes.len() > self.size {
                    return Err(PackError::StringLongerThanSize);
                }
                self.align(out);
                out.extend_from_slice(bytes);
                return Ok(self.size - bytes.len());
            }
            Kind::ZeroString => {
                if memchr::memchr(0, bytes).is_some() {
                    return Err(PackError::StringContainsZeros);
                }
                self.align(out);
                out.extend_from_slice(bytes);
                out.push(0);
            }
            _ => {
                let fits = self.size >= LUA_INTEGER_BYTES || (bytes.len() as u64) < 1_u64 << (8 * self.size as u32);
                if !fits {
                    return Err(PackError::LengthDoesNotFit);
                }
                self.align(out);
                push_integer(out, bytes.len() as i64, 0, self.size, self.endian);
                out.extend_from_slice(bytes);
            }
        }
        Ok(0)
    }

    /// Reads the item from `data` at `position`, which moves past it; `None` for an item without a
    /// value. `position` must not be past the end of `data`.
    pub fn unpack<'d>(&self, data: &'d [u8], position: &mut usize) -> Result<Option<Unpacked<'d>>, PackError> {
        let rest = data.get(*position..).unwrap_or(&[]);
        let fixed = rest.get(self.padding..self.padding + self.size).ok_or(PackError::DataTooShort)?;
        let rest = &rest[self.padding + self.size..];
        let mut consumed = self.padding + self.size;
        let value = match self.kind {
            Kind::Integer => Unpacked::Integer(unpack_integer(fixed, self.endian, self.kind)?),
            Kind::Unsigned => Unpacked::Integer(unpack_integer(fixed, self.endian, self.kind)?),
            Kind::Float => Unpacked::Float(unpack_float(fixed, self.endian)),
            Kind::Chars => Unpacked::String(fixed),
            Kind::String => {
                let length = unpack_integer(fixed, self.endian, Kind::Unsigned)? as u64;
                let length = usize::try_from(length).map_err(|_| PackError::DataTooShort)?;
                consumed += length.min(rest.len());
                Unpacked::String(rest.get(..length).ok_or(PackError::DataTooShort)?)
            }
            Kind::ZeroString => {
                let length = memchr::memchr(0, rest).ok_or(PackError::UnfinishedString)?;
                consumed += length + 1;
                Unpacked::String(&rest[..length])
            }
            Kind::Padding | Kind::Align | Kind::Nothing => {
                *position += consumed;
                return Ok(None);
            }
        };
        *position += consumed;
        Ok(Some(value))
    }
}

/// Appends `size` bytes of an integer; those beyond a Lua integer are `fill`.
fn push_integer(out: &mut Vec<u8>, value: i64, fill: u8, size: usize, endian: Endian) {
    let mut bytes = [fill; INTEGER_BYTES_MAX];
    bytes[..LUA_INTEGER_BYTES].copy_from_slice(&value.to_le_bytes());
    let bytes = &mut bytes[..size];
    if endian == Endian::Big {
        bytes.reverse();
    }
    out.extend_from_slice(bytes);
}

/// Reads an integer of 1 to 16 bytes, extending the sign of a [`Kind::Integer`]. Bytes beyond a Lua
/// integer must only extend it.
pub fn unpack_integer(bytes: &[u8], endian: Endian, kind: Kind) -> Result<i64, PackError> {
    let size = bytes.len();
    let signed = kind == Kind::Integer;
    let at = |index: usize| match endian {
        Endian::Little => bytes[index],
        Endian::Big => bytes[size - 1 - index],
    };
    let mut value = 0_u64;
    for index in 0..size.min(LUA_INTEGER_BYTES) {
        value |= u64::from(at(index)) << (8 * index);
    }
    if size < LUA_INTEGER_BYTES {
        let unused = 64 - 8 * size as u32;
        return Ok(if signed && size > 0 { (value << unused) as i64 >> unused } else { value as i64 });
    }
    let value = value as i64;
    let fill = if signed && value < 0 { 0xff } else { 0 };
    if (LUA_INTEGER_BYTES..size).any(|index| at(index) != fill) {
        return Err(PackError::IntegerTooLarge(size));
    }
    Ok(value)
}

/// Reads a float of 4 or 8 bytes.
fn unpack_float(bytes: &[u8], endian: Endian) -> f64 {
    let mut ordered = [0; 8];
    ordered[..bytes.len()].copy_from_slice(bytes);
    if endian == Endian::Big {
        ordered[..bytes.len()].reverse();
    }
    if bytes.len() == 4 {
        let [a, b, c, d, ..] = ordered;
        f64::from(f32::from_le_bytes([a, b, c, d]))
    } else {
        f64::from_le_bytes(ordered)
    }
}

/// What can go wrong. [`PackError::message`] gives the reference's words and [`PackError::culprit`] the
/// argument it blames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackError {
    /// An unknown option letter.
    InvalidOption(u8),
    /// `c` without a number.
    MissingSize,
    /// The size of an integer or an alignment is not within 1 and 16.
    IntegralSize(usize),
    /// `X` before nothing, or before an option without alignment.
    AlignWithoutSize,
    /// Alignment to a size that is no power of two.
    AlignmentNotPowerOfTwo,
    /// `s` or `z` in `string.packsize`.
    VariableLength,
    /// The size does not fit a C `int`.
    ResultTooLarge,
    /// A signed argument does not fit its size.
    IntegerOverflow,
    /// An unsigned argument does not fit its size.
    UnsignedOverflow,
    /// The argument of `c` is longer than its size.
    StringLongerThanSize,
    /// The length of the argument of `s` does not fit its size.
    LengthDoesNotFit,
    /// The argument of `z` contains a zero.
    StringContainsZeros,
    /// The data ends before the item.
    DataTooShort,
    /// No zero ends the string of `z`.
    UnfinishedString,
    /// An integer of so many bytes does not fit a Lua integer.
    IntegerTooLarge(usize),
}

/// Which argument the reference names in its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Culprit {
    /// None: the message is a plain error.
    Nobody,
    /// The first argument, the format.
    Format,
    /// The argument being packed.
    Value,
    /// The second argument of `string.unpack`, the data.
    Data,
}

impl PackError {
    /// Whom to blame: a plain error, or `bad argument #n to '…' (message)`.
    pub fn culprit(&self) -> Culprit {
        match self {
            PackError::InvalidOption(_)
            | PackError::MissingSize
            | PackError::IntegralSize(_)
            | PackError::IntegerTooLarge(_) => Culprit::Nobody,
            PackError::AlignWithoutSize
            | PackError::AlignmentNotPowerOfTwo
            | PackError::VariableLength
            | PackError::ResultTooLarge => Culprit::Format,
            PackError::IntegerOverflow
            | PackError::UnsignedOverflow
            | PackError::StringLongerThanSize
            | PackError::LengthDoesNotFit
            | PackError::StringContainsZeros => Culprit::Value,
            PackError::DataTooShort | PackError::UnfinishedString => Culprit::Data,
        }
    }

    /// The message, without position or argument. Bytes, since an option may be no UTF-8.
    pub fn message(&self) -> Vec<u8> {
        match self {
            PackError::InvalidOption(letter) => [b"invalid format option '", &[*letter][..], b"'"].concat(),
            PackError::MissingSize => b"missing size for format option 'c'".to_vec(),
            PackError::IntegralSize(size) => {
                format!("integral size ({size}) out of limits [1,{INTEGER_BYTES_MAX}]").into_bytes()
            }
            PackError::AlignWithoutSize => b"invalid next option for option 'X'".to_vec(),
            PackError::AlignmentNotPowerOfTwo => b"format asks for alignment not power of 2".to_vec(),
            PackError::VariableLength => b"variable-length format".to_vec(),
            PackError::ResultTooLarge => b"format result too large".to_vec(),
            PackError::IntegerOverflow => b"integer overflow".to_vec(),
            PackError::UnsignedOverflow => b"unsigned overflow".to_vec(),
            PackError::StringLongerThanSize => b"string longer than given size".to_vec(),
            PackError::LengthDoesNotFit => b"string length does not fit in given size".to_vec(),
            PackError::StringContainsZeros => b"string contains zeros".to_vec(),
            PackError::DataTooShort => b"data string too short".to_vec(),
            PackError::UnfinishedString => b"unfinished string for format 'z'".to_vec(),
            PackError::IntegerTooLarge(size) => {
                format!("{size}-byte integer does not fit into Lua Integer").into_bytes()
            }
        }
    }
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.message()))
    }
}

impl std::error::Error for PackError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(format: &[u8]) -> Result<Vec<Item>, PackError> {
        let mut options = Options::new(format);
        let (mut total, mut items) = (0, Vec::new());
        while let Some(item) = options.next_item(total)? {
            total += item.padding + item.size;
            items.push(item);
        }
        Ok(items)
    }

    /// The only item of a format.
    fn item(format: &str) -> Item {
        let mut items = items(format.as_bytes()).expect("the format is right");
        items.retain(Item::has_value);
        assert_eq!(items.len(), 1, "{format}");
        items[0]
    }

    #[test]
    fn sizes() {
        for (format, expected) in [
            ("!8 b Xd i8", Ok(16)),
            ("b Xi16 !16 Xi16", Ok(16)),
            ("!16 b Xi16", Ok(16)),
            ("!4 b d", Ok(12)),
            ("!2 b Xi3", Ok(2)),
            ("bhiljTfdn", Ok(51)),
            ("!bhiljTfdn", Ok(56)),
            ("c10xI7i", Ok(22)),
            ("b\0y", Ok(1)),
            ("c2147483639c8", Ok(2147483647)),
            ("c2147483639c9", Err("format result too large")),
            ("c2147483639c2147483639", Err("format result too large")),
            ("c2147483647", Err("invalid format option '7'")),
            ("s", Err("variable-length format")),
            ("z", Err("variable-length format")),
            ("i17", Err("integral size (17) out of limits [1,16]")),
            ("!17", Err("integral size (17) out of limits [1,16]")),
            ("i0", Err("integral size (0) out of limits [1,16]")),
            ("i99999999999", Err("integral size (999999999) out of limits [1,16]")),
            ("c", Err("missing size for format option 'c'")),
            ("y", Err("invalid format option 'y'")),
            ("X", Err("invalid next option for option 'X'")),
            ("Xz", Err("invalid next option for option 'X'")),
            ("Xc1", Err("invalid next option for option 'X'")),
            ("X<", Err("invalid next option for option 'X'")),
            ("!i3", Err("format asks for alignment not power of 2")),
            ("!3i3", Err("format asks for alignment not power of 2")),
        ] {
            let (mut options, mut size) = (Options::new(format.as_bytes()), 0);
            let done = packed_size(&mut options, &mut size, usize::MAX);
            let size = done.map(|_| size).map_err(|error| error.to_string());
            assert_eq!(size, expected.map_err(str::to_owned), "{format}");
        }
    }

    #[test]
    fn integers_go_there_and_back() {
        for (format, value, bytes) in [
            ("b", -1, &b"\xff"[..]),
            ("B", 255, b"\xff"),
            ("<i3", -2, b"\xfe\xff\xff"),
            (">I3", 0x010203, b"\x01\x02\x03"),
            ("h", -32768, b"\x00\x80"),
            ("j", i64::MIN, b"\0\0\0\0\0\0\0\x80"),
            (">J", -1, b"\xff\xff\xff\xff\xff\xff\xff\xff"),
            ("i9", -2, b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff"),
            ("I9", -1, b"\xff\xff\xff\xff\xff\xff\xff\xff\0"),
            (">i10", 1, b"\0\0\0\0\0\0\0\0\0\x01"),
        ] {
            let item = item(format);
            let mut out = Vec::new();
            item.pack_integer(value, &mut out).expect("the value fits");
            assert_eq!(out, bytes, "{format}");
            let mut position = 0;
            let unpacked = item.unpack(&out, &mut position);
            assert_eq!(unpacked, Ok(Some(Unpacked::Integer(value))), "{format}");
            assert_eq!(position, out.len());
        }
        for (format, value, error) in [
            ("i1", 128, PackError::IntegerOverflow),
            ("i1", -129, PackError::IntegerOverflow),
            ("I1", 256, PackError::UnsignedOverflow),
            ("I7", -1, PackError::UnsignedOverflow),
        ] {
            let packed = item(format).pack_integer(value, &mut Vec::new());
            assert_eq!(packed, Err(error), "{format}");
        }
        let error = item("i16").unpack(b"\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0", &mut 0);
        assert_eq!(
            error.map_err(|error| error.to_string()),
            Err("16-byte integer does not fit into Lua Integer".to_owned())
        );
    }

    #[test]
    fn floats_go_there_and_back() {
        for (format, value, bytes) in [
            ("<f", 1.5, &b"\0\0\xc0\x3f"[..]),
            (">f", 1.5, b"\x3f\xc0\0\0"),
            ("<d", -2.0, b"\0\0\0\0\0\0\0\xc0"),
            (">n", -2.0, b"\xc0\0\0\0\0\0\0\0"),
        ] {
            let item = item(format);
            let mut out = Vec::new();
            item.pack_float(value, &mut out);
            assert_eq!(out, bytes, "{format}");
            let unpacked = item.unpack(&out, &mut 0);
            assert_eq!(unpacked, Ok(Some(Unpacked::Float(value))), "{format}");
        }
    }

    #[test]
    fn strings_go_there_and_back() {
        for (format, value, bytes, back) in [
            ("c5", "abc", &b"abc\0\0"[..], "abc\0\0"),
            ("c0", "", b"", ""),
            ("s1", "abc", b"\x03abc", "abc"),
            (">s2", "abc", b"\0\x03abc", "abc"),
            ("s", "a\0", b"\x02\0\0\0\0\0\0\0a\0", "a\0"),
            ("z", "abc", b"abc\0", "abc"),
        ] {
            let item = item(format);
            let mut out = Vec::new();
            let zeros = item.pack_string(value.as_bytes(), &mut out).expect("the string fits");
            out.resize(out.len() + zeros, 0);
            assert_eq!(out, bytes, "{format}");
            let mut position = 0;
            let unpacked = item.unpack(&out, &mut position);
            assert_eq!(unpacked, Ok(Some(Unpacked::String(back.as_bytes()))), "{format}");
            assert_eq!(position, out.len(), "{format}");
        }
        for (format, value, error) in [
            ("c1", &b"aa"[..], PackError::StringLongerThanSize),
            ("z", b"a\0", PackError::StringContainsZeros),
            ("s1", &[b'x'; 256], PackError::LengthDoesNotFit),
        ] {
            let packed = item(format).pack_string(value, &mut Vec::new());
            assert_eq!(packed, Err(error), "{format}");
        }
        for (format, data, error) in [
            ("z", &b"abc"[..], PackError::UnfinishedString),
            ("s1", b"\x05abc", PackError::DataTooShort),
            ("s", b"\xff\xff\xff\xff\xff\xff\xff\xffabc", PackError::DataTooShort),
            ("i4", b"abc", PackError::DataTooShort),
            ("c2147483639", b"abc", PackError::DataTooShort),
        ] {
            assert_eq!(item(format).unpack(data, &mut 0), Err(error), "{format}");
        }
    }

    #[test]
    fn alignment_counts_from_the_start() {
        let mut options = Options::new(b"!4 b i2 xXi4 d");
        let mut out = Vec::new();
        while let Some(item) = options.next_item(out.len()).expect("the format is right") {
            match item.kind {
                Kind::Float => item.pack_float(0.0, &mut out),
                _ if item.has_value() => item.pack_integer(-1, &mut out).expect("-1 fits"),
                _ => item.pack_nothing(&mut out),
            }
        }
        assert_eq!(out, b"\xff\0\xff\xff\0\0\0\0\0\0\0\0\0\0\0\0");
    }
}
