//! Bytes in and out: variable-length integers and runs of bytes.
//!
//! Journey: value -> **bytes** -> value. Numbers are LEB128, signed ones zigzag. The reader answers every malformed input
//! with an error; a length is compared with what is left before anything is allocated for it.

/// What is wrong with the bytes, for [`super::ThawError`].
pub(crate) type Fault = &'static str;

/// Appends to a vector, or whatever is written to.
pub(crate) trait Write {
    fn byte(&mut self, b: u8);
    fn number(&mut self, n: u64);
    fn run(&mut self, bytes: &[u8]);
    fn signed(&mut self, n: i64) {
        self.number((n << 1 ^ n >> 63) as u64)
    }
    fn text(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.run(bytes)
    }
}

/// Knows how many bytes were written to it.
pub(crate) trait Counts: Write {
    fn written(&self) -> usize;
}
impl Counts for Vec<u8> {
    fn written(&self) -> usize {
        self.len()
    }
}

impl Write for Vec<u8> {
    #[inline]
    fn byte(&mut self, b: u8) {
        self.push(b)
    }
    #[inline]
    fn number(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.push(n as u8)
    }
    #[inline]
    fn run(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes)
    }
}

/// So many bytes, which are not kept.
#[derive(Default)]
pub(crate) struct Length(pub u64);

impl Counts for Length {
    fn written(&self) -> usize {
        self.0 as usize
    }
}
impl Write for Length {
    #[inline]
    fn byte(&mut self, _: u8) {
        self.0 += 1
    }
    #[inline]
    fn number(&mut self, n: u64) {
        let bits = u64::BITS - (n | 1).leading_zeros();
        self.0 += u64::from(bits.div_ceil(7))
    }
    #[inline]
    fn run(&mut self, bytes: &[u8]) {
        self.0 += bytes.len() as u64
    }
}

/// Reads from a slice, which may be the beginning of what is to come.
pub(crate) struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    /// Bytes that are still to come.
    missing: usize,
    /// What was to be read is among them.
    is_early: bool,
}

impl<'b> Reader<'b> {
    pub fn new(bytes: &'b [u8]) -> Reader<'b> {
        Reader::of_beginning(bytes, bytes.len())
    }
    /// Reads what has come of so many bytes.
    pub fn of_beginning(bytes: &'b [u8], total: usize) -> Reader<'b> {
        Reader { bytes, at: 0, missing: total - bytes.len(), is_early: false }
    }
    /// The same at another place.
    pub fn at(&self, position: usize) -> Reader<'b> {
        Reader { at: position, is_early: false, ..*self }
    }
    /// Passes over bytes that were read before.
    pub fn skip(&mut self, n: usize) {
        self.at = (self.at + n).min(self.bytes.len());
    }
    /// How many bytes there are, with those still to come.
    pub fn total(&self) -> usize {
        self.bytes.len() + self.missing
    }
    /// How many bytes are left, with those still to come.
    pub fn left(&self) -> usize {
        self.total() - self.at
    }
    /// Whether more is still to come.
    pub fn is_of_beginning(&self) -> bool {
        self.missing > 0
    }
    /// Whether what has failed was to be read too early: what is missing may make it good.
    pub fn is_early(&self) -> bool {
        self.is_early
    }
    /// How many bytes were read.
    pub fn position(&self) -> usize {
        self.at
    }
    /// The next byte, without taking it.
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
    #[inline]
    pub fn byte(&mut self) -> Result<u8, Fault> {
        let Some(&b) = self.bytes.get(self.at) else { return Err(self.end()) };
        self.at += 1;
        Ok(b)
    }
    #[cold]
    fn end(&mut self) -> Fault {
        self.is_early = self.missing > 0;
        "the bytes end too early"
    }
    #[inline]
    pub fn number(&mut self) -> Result<u64, Fault> {
        let b = self.byte()?;
        if b < 0x80 { Ok(b as u64) } else { self.long_number(b) }
    }
    fn long_number(&mut self, first: u8) -> Result<u64, Fault> {
        let mut n = (first & 0x7f) as u64;
        let mut shift = 7;
        loop {
            let b = self.byte()?;
            let part = (b & 0x7f) as u64;
            if shift == 63 && part > 1 {
                return Err("a number has more than 64 bits");
            }
            n |= part << shift;
            if b < 0x80 {
                return Ok(n);
            }
            shift += 7;
            if shift > 63 {
                return Err("a number has more than 64 bits");
            }
        }
    }
    pub fn signed(&mut self) -> Result<i64, Fault> {
        let n = self.number()?;
        Ok((n >> 1) as i64 ^ -((n & 1) as i64))
    }
    pub fn number32(&mut self) -> Result<u32, Fault> {
        u32::try_from(self.number()?).map_err(|_| "a number has more than 32 bits")
    }
    /// An index.
    pub fn count_below(&mut self, end: usize) -> Result<usize, Fault> {
        match usize::try_from(self.number()?) {
            Ok(n) if n < end => Ok(n),
            _ => Err("an index passes the end of its list"),
        }
    }
    /// A count of things that take at least a byte each.
    pub fn count(&mut self) -> Result<usize, Fault> {
        match usize::try_from(self.number()?) {
            Ok(n) if n <= self.left() => Ok(n),
            _ => Err("a length passes the end of the bytes"),
        }
    }
    #[inline]
    pub fn run(&mut self, n: usize) -> Result<&'b [u8], Fault> {
        if n > self.bytes.len() - self.at {
            return Err(if n > self.left() { "a length passes the end of the bytes" } else { self.end() });
        }
        let run = &self.bytes[self.at..self.at + n];
        self.at += n;
        Ok(run)
    }
    #[inline]
    pub fn word(&mut self) -> Result<u64, Fault> {
        Ok(u64::from_le_bytes(self.run(8)?.try_into().expect("8 bytes")))
    }
    pub fn text(&mut self) -> Result<&'b [u8], Fault> {
        let n = self.count()?;
        self.run(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_that_of_the_bytes() {
        let (mut bytes, mut length) = (Vec::new(), Length::default());
        fn write(out: &mut impl Counts, n: u64) {
            out.number(n);
            out.signed(n as i64);
            out.text(&n.to_le_bytes()[..n as usize % 9]);
            out.byte(7);
        }
        for n in (0..64).flat_map(|bit| [(1 << bit) - 1, 1 << bit, u64::MAX >> bit]) {
            write(&mut bytes, n);
            write(&mut length, n);
            assert_eq!(length.written(), bytes.written(), "{n}");
        }
    }
}
