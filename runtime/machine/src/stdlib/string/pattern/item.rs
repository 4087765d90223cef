//! The items of a Lua pattern that match a single byte: a literal, `.`, a class such as `%a`, a `[set]`
//! (manual §6.4.1, "Character Class").
//!
//! Step of the journey: value; read by the matcher alone. Classes and sets become bit maps, so that a
//! repetition tests a byte with one shift instead of reading the set again.
//!
//! Not here: how items combine, and what follows one (`pattern`).

use memchr::memchr;
use serde::{Deserialize, Serialize};

use super::{FOUND_PER_STEP, PatternError, SCANNED_PER_STEP};

/// What a single-byte item matches.
#[derive(Debug, Clone, Copy)]
pub(super) enum Single {
    Any,
    Byte(u8),
    Set(ByteSet),
}

impl Single {
    pub(super) fn is_any(&self) -> bool {
        matches!(self, Single::Any)
    }

    #[inline]
    pub(super) fn has(&self, byte: u8) -> bool {
        match self {
            Single::Any => true,
            Single::Byte(expected) => *expected == byte,
            Single::Set(set) => set.has(byte),
        }
    }

    /// The first byte that matches.
    pub(super) fn find(&self, bytes: &[u8]) -> Option<usize> {
        match self {
            Single::Any if bytes.is_empty() => None,
            Single::Any => Some(0),
            Single::Byte(expected) => memchr(*expected, bytes),
            Single::Set(set) => bytes.iter().position(|&byte| set.has(byte)),
        }
    }

    /// Bytes that `find` passes in a step.
    pub(super) fn found_per_step(&self) -> usize {
        if matches!(self, Single::Set(_)) { SCANNED_PER_STEP } else { FOUND_PER_STEP }
    }

    /// Bytes that `run_length` passes in a step.
    pub(super) fn run_per_step(&self) -> usize {
        if self.is_any() { FOUND_PER_STEP } else { SCANNED_PER_STEP }
    }

    /// How many bytes match from the first on.
    pub(super) fn run_length(&self, bytes: &[u8]) -> usize {
        let end = match self {
            Single::Any => None,
            Single::Byte(expected) => bytes.iter().position(|byte| byte != expected),
            Single::Set(set) => bytes.iter().position(|&byte| !set.has(byte)),
        };
        end.unwrap_or(bytes.len())
    }
}

/// A set of bytes, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct ByteSet([u64; 4]);

impl ByteSet {
    const EMPTY: ByteSet = ByteSet([0; 4]);

    #[inline]
    pub(super) const fn has(&self, byte: u8) -> bool {
        self.0[(byte >> 6) as usize] >> (byte & 63) & 1 != 0
    }

    const fn insert(&mut self, byte: u8) {
        self.0[(byte >> 6) as usize] |= 1 << (byte & 63);
    }

    pub(super) const fn of(bytes: &[u8]) -> ByteSet {
        let mut set = ByteSet::EMPTY;
        let mut index = 0;
        while index < bytes.len() {
            set.insert(bytes[index]);
            index += 1;
        }
        set
    }

    const fn complement(self) -> ByteSet {
        let [a, b, c, d] = self.0;
        ByteSet([!a, !b, !c, !d])
    }

    fn union(&mut self, other: ByteSet) {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word |= other;
        }
    }
}

/// The set of a class such as `%a`, by its lower-case letter; bytes above 127 belong to none, as in the
/// C locale.
const fn class(letter: u8) -> ByteSet {
    let mut set = ByteSet::EMPTY;
    let mut byte = 0_u8;
    while byte < 128 {
        let inside = match letter {
            b'a' => byte.is_ascii_alphabetic(),
            b'c' => byte.is_ascii_control(),
            b'd' => byte.is_ascii_digit(),
            b'g' => byte.is_ascii_graphic(),
            b'l' => byte.is_ascii_lowercase(),
            b'p' => byte.is_ascii_punctuation(),
            b's' => matches!(byte, b' ' | 9..=13),
            b'u' => byte.is_ascii_uppercase(),
            b'w' => byte.is_ascii_alphanumeric(),
            b'x' => byte.is_ascii_hexdigit(),
            // Not in the manual any more, but in the reference.
            b'z' => byte == 0,
            _ => false,
        };
        if inside {
            set.insert(byte);
        }
        byte += 1;
    }
    set
}

/// [`class`] of every letter.
pub(super) const CLASSES: [ByteSet; 26] = {
    let mut classes = [ByteSet::EMPTY; 26];
    let mut index = 0;
    while index < 26 {
        classes[index] = class(b'a' + index as u8);
        index += 1;
    }
    classes
};

/// What `%` and a byte match: a class, its complement for a capital letter, or the byte itself.
#[inline]
pub(super) fn escaped(letter: u8) -> Single {
    static TABLE: [ByteSet; 26] = CLASSES;
    match letter.to_ascii_lowercase() {
        lower @ (b'a' | b'c' | b'd' | b'g' | b'l' | b'p' | b's' | b'u' | b'w' | b'x' | b'z') => {
            let set = TABLE[usize::from(lower - b'a')];
            Single::Set(if letter == lower { set } else { set.complement() })
        }
        _ => Single::Byte(letter),
    }
}

/// A set being read: first its end is looked for, then its members. The two do not always agree on what a `%` belongs
/// to, as in the reference.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SetReader {
    item: usize,
    /// The next byte to look at, in either pass.
    index: usize,
    /// The offset behind the `]` that ends the set, once it is found.
    after: Option<usize>,
    /// The members so far.
    bytes: ByteSet,
}

impl SetReader {
    /// Of the set at `item`.
    pub(super) fn new(pattern: &[u8], item: usize) -> SetReader {
        let index = Self::inside(pattern, item);
        SetReader { item, index, after: None, bytes: ByteSet::EMPTY }
    }
    /// Where the members begin, past a `^`.
    fn inside(pattern: &[u8], item: usize) -> usize {
        if pattern.get(item + 1) == Some(&b'^') { item + 2 } else { item + 1 }
    }
    /// Whether it reads this set.
    pub(super) fn is_of(&self, item: usize) -> bool {
        self.item == item
    }
    /// Whether its offsets lie in a pattern of this length.
    pub(super) fn is_valid_for(&self, pattern: usize) -> bool {
        let ends = self.after.is_none_or(|after| after <= pattern && self.index < after);
        self.item < pattern && self.index > self.item && self.index <= pattern + 1 && ends
    }
    /// Reads on for at most `steps`, which it counts down: the set and where it ends, or none if there is more. A `]` in
    /// the first place is a member.
    pub(super) fn read(&mut self, pattern: &[u8], steps: &mut usize) -> Result<Option<(ByteSet, usize)>, PatternError> {
        while self.after.is_none() {
            if *steps == 0 {
                return Ok(None);
            }
            *steps -= 1;
            match pattern.get(self.index) {
                None => return Err(PatternError::MissingBracket),
                Some(b'%') => self.index += 2,
                Some(_) => self.index += 1,
            }
            if pattern.get(self.index) == Some(&b']') {
                self.after = Some(self.index + 1);
                self.index = Self::inside(pattern, self.item);
            }
        }
        let after = self.after.unwrap_or(pattern.len());
        loop {
            if *steps == 0 {
                return Ok(None);
            }
            *steps -= 1;
            let taken = match *pattern.get(self.index..after - 1).unwrap_or_default() {
                [] => break,
                [b'%', letter, ..] => {
                    match escaped(letter) {
                        Single::Set(class) => self.bytes.union(class),
                        _ => self.bytes.insert(letter),
                    }
                    2
                }
                // A range took the `%` before it: in the reference this one escapes the bracket that ends the set.
                [b'%'] => {
                    self.bytes.insert(b']');
                    break;
                }
                [first, b'-', last, ..] => {
                    (first..=last).for_each(|byte| self.bytes.insert(byte));
                    3
                }
                [byte, ..] => {
                    self.bytes.insert(byte);
                    1
                }
            };
            self.index += taken;
        }
        let complement = pattern.get(self.item + 1) == Some(&b'^');
        Ok(Some((if complement { self.bytes.complement() } else { self.bytes }, after)))
    }
}

/// The byte that must stand where the item at `item` begins, if that item is a literal which is not
/// optional.
pub(super) fn required_byte(pattern: &[u8], item: usize) -> Option<u8> {
    let (byte, after) = match *pattern.get(item)? {
        b'(' | b')' | b'.' | b'[' | b'$' => return None,
        b'%' => match *pattern.get(item + 1)? {
            letter if letter.is_ascii_alphanumeric() => return None,
            letter => (letter, item + 2),
        },
        byte => (byte, item + 1),
    };
    match pattern.get(after) {
        Some(b'*' | b'?' | b'-') => None,
        _ => Some(byte),
    }
}
