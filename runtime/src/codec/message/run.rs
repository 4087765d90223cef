//! Runs of items of one kind: one code for all of them, and loops over memory on both sides.
//!
//! Journey: send -> **encode** -> mailbox -> receive -> **decode**. Integers of a run have as many bytes each as the widest
//! needs (1, 2, 4 or 8), so that lists of small numbers take little room.

use super::super::wire::{Fault, Reader, Write};
use super::{Source, is_plain, more};
use rlua_machine::value::{Ref, Table, Value, tag};

/// Fewest items of a run.
const FEWEST: usize = 4;
/// Most; a longer run is several.
pub const MOST: usize = 4096;

/// Writes the run that items begin with, if they do: how many it has.
#[inline]
pub fn write(out: &mut Vec<u8>, items: &[Value]) -> usize {
    let kind = match items.first() {
        Some(v) if matches!(v.tag, tag::INT | tag::FLOAT) => v.tag,
        _ => return 0,
    };
    let items = &items[..items.len().min(MOST)];
    let n = items.iter().take_while(|v| v.tag == kind).count();
    if n < FEWEST {
        return 0;
    }
    let items = &items[..n];
    if kind == tag::FLOAT {
        out.byte(more::FLOATS);
        out.number(n as u64);
        put::<8>(out, items);
        return n;
    }
    // All bits in which an integer differs from its sign.
    let spread = items.iter().fold(0, |all, v| all | (v.bits ^ (v.bits as i64 >> 63) as u64));
    out.byte(more::INTEGERS);
    out.number(n as u64);
    match spread {
        0..0x80 => {
            out.byte(1);
            put::<1>(out, items)
        }
        0x80..0x8000 => {
            out.byte(2);
            put::<2>(out, items)
        }
        0x8000..0x8000_0000 => {
            out.byte(4);
            put::<4>(out, items)
        }
        _ => {
            out.byte(8);
            put::<8>(out, items)
        }
    }
    n
}
#[inline]
fn put<const WIDTH: usize>(out: &mut Vec<u8>, items: &[Value]) {
    let at = out.len();
    out.resize(at + items.len() * WIDTH, 0);
    for (to, v) in out[at..].chunks_exact_mut(WIDTH).zip(items) {
        to.copy_from_slice(&v.bits.to_le_bytes()[..WIDTH]);
    }
}

/// A run as it stands in bytes.
pub struct Run<'m> {
    code: u8,
    width: usize,
    bytes: &'m [u8],
}

impl<'m> Run<'m> {
    /// The run that is read next, of at most so many items; none if no run follows.
    #[inline]
    pub fn read(reader: &mut Reader<'m>, source: &Source, most: usize) -> Result<Option<Run<'m>>, Fault> {
        let code = match reader.peek() {
            Some(code @ (more::INTEGERS | more::FLOATS)) => code,
            Some(code @ more::PLAIN) if source.local => code,
            _ => return Ok(None),
        };
        reader.byte()?;
        let n = reader.count()?;
        if n > most.min(MOST) {
            return Err("a run passes the end of a table");
        }
        let width = match code {
            more::FLOATS => 8,
            more::PLAIN => size_of::<Value>(),
            _ => match reader.byte()? {
                width @ (1 | 2 | 4 | 8) => width as usize,
                _ => return Err("an integer has no such width"),
            },
        };
        Ok(Some(Run { code, width, bytes: reader.run(n * width)? }))
    }
    /// Whether it is values as they lie, which are of this runtime alone.
    pub fn is_plain(&self) -> bool {
        self.code == more::PLAIN
    }
    /// Writes it again.
    pub fn copy(&self, out: &mut impl Write) {
        out.byte(self.code);
        out.number(self.len() as u64);
        if self.code == more::INTEGERS {
            out.byte(self.width as u8);
        }
        out.run(self.bytes);
    }
    /// How many items it has.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.width
    }
    /// The item of a number below the length.
    pub fn item(&self, i: usize) -> Value {
        let bytes = &self.bytes[i * self.width..(i + 1) * self.width];
        match (self.code, self.width) {
            (more::FLOATS, _) => float(bytes),
            (more::PLAIN, _) => plain(bytes),
            (_, 1) => integer::<1>(bytes),
            (_, 2) => integer::<2>(bytes),
            (_, 4) => integer::<4>(bytes),
            _ => integer::<8>(bytes),
        }
    }
    /// Sets a table's array slots, from one on.
    #[inline]
    pub fn fill(&self, t: Ref<Table>, from: usize) {
        match (self.code, self.width) {
            (more::FLOATS, _) => t.put_slots(from, self.bytes.chunks_exact(8).map(float)),
            (more::PLAIN, n) => t.put_slots(from, self.bytes.chunks_exact(n).map(plain)),
            (_, 1) => t.put_slots(from, self.bytes.chunks_exact(1).map(integer::<1>)),
            (_, 2) => t.put_slots(from, self.bytes.chunks_exact(2).map(integer::<2>)),
            (_, 4) => t.put_slots(from, self.bytes.chunks_exact(4).map(integer::<4>)),
            _ => t.put_slots(from, self.bytes.chunks_exact(8).map(integer::<8>)),
        }
    }
}

#[inline(always)]
fn integer<const WIDTH: usize>(bytes: &[u8]) -> Value {
    let mut word = [0; 8];
    word[8 - WIDTH..].copy_from_slice(bytes);
    Value::integer(i64::from_le_bytes(word) >> (64 - 8 * WIDTH))
}
#[inline(always)]
fn float(bytes: &[u8]) -> Value {
    Value::float(f64::from_bits(u64::from_le_bytes(bytes.try_into().expect("8 bytes"))))
}
/// A value as it lies in a message that was made here.
#[inline(always)]
pub fn plain(bytes: &[u8]) -> Value {
    let (tag, bits) = bytes.split_at(8);
    let word = |b: &[u8]| u64::from_ne_bytes(b.try_into().expect("8 bytes"));
    let v = Value { tag: word(tag), bits: word(bits) };
    debug_assert!(is_plain(v.tag));
    v
}
