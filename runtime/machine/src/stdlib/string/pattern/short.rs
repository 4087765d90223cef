//! Short searches: most are over before one could be interrupted, and need neither a state nor a stack of choices.
//!
//! Step of the journey: value. This is the reference's matcher, which recurses for each item of the pattern; so it is for
//! short patterns, and gives up after some steps. Whoever asked then begins anew with the [`Matcher`], as with `%b`, `%f`,
//! back references, and all that is malformed: those are not known here.
//!
//! [`Matcher`]: super::Matcher

use super::item::CLASSES;
use super::{Capture, PatternError, Slot};

/// The longest pattern.
pub(super) const PATTERN_MAX: usize = 64;
/// Most captures: they are made anew for each search.
const CAPTURES: usize = 8;
/// The steps after which it gives up. One is an item tried at a place, or some bytes of a run.
pub(in crate::stdlib::string) const STEPS_MAX: u64 = 1024;
/// Bytes of a run that are a step.
const RUN: usize = 8;

/// Ends of matches that are none.
const NOTHING: usize = usize::MAX;
const GIVEN_UP: usize = usize::MAX - 1;

/// The outcome of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::stdlib::string) enum Outcome {
    /// A match.
    Found {
        /// Where it starts.
        start: usize,
        /// Where it ends.
        end: usize,
    },
    /// There is none.
    Nowhere,
    /// It is not known.
    GivenUp,
}

/// A search, with the captures of the match that it has found.
pub(in crate::stdlib::string) struct Short<'t> {
    subject: &'t [u8],
    pattern: &'t [u8],
    /// Steps that are left.
    steps: u64,
    level: usize,
    captures: [Slot; CAPTURES],
}

/// Classes of each byte, a bit for each letter.
static CLASS_BITS: [u32; 256] = {
    let mut bits = [0; 256];
    let mut letter = 0;
    while letter < 26 {
        let mut byte = 0;
        while byte < 256 {
            if CLASSES[letter].has(byte as u8) {
                bits[byte] |= 1 << letter;
            }
            byte += 1;
        }
        letter += 1;
    }
    bits
};
/// The letters that name a class.
const LETTERS: u32 = {
    let (letters, mut bits, mut i) = (b"acdglpsuwxz", 0, 0);
    while i < letters.len() {
        bits |= 1 << (letters[i] - b'a');
        i += 1;
    }
    bits
};

/// An item that matches a byte.
#[derive(Clone, Copy)]
enum Item {
    Any,
    Byte(u8),
    /// The class's bit, and whether its complement is meant.
    Class(u32, bool),
    /// What lies between the brackets, past a `^`, and whether there is one.
    Set(usize, usize, bool),
}

/// What `%` and a byte match.
#[inline(always)]
fn escaped(letter: u8) -> Item {
    let lower = letter | 0x20;
    if lower.is_ascii_lowercase() && LETTERS >> (lower - b'a') & 1 != 0 {
        Item::Class(1 << (lower - b'a'), letter != lower)
    } else {
        Item::Byte(letter)
    }
}

impl<'t> Short<'t> {
    /// None if the pattern is too long.
    #[inline]
    pub(in crate::stdlib::string) fn new(subject: &'t [u8], pattern: &'t [u8], steps: u64) -> Option<Short<'t>> {
        let captures = [Slot::default(); CAPTURES];
        (pattern.len() <= PATTERN_MAX).then_some(Short { subject, pattern, steps, level: 0, captures })
    }
    /// Steps that are left.
    pub(in crate::stdlib::string) fn steps(&self) -> u64 {
        self.steps
    }
    /// How many captures the match has.
    pub(in crate::stdlib::string) fn level(&self) -> usize {
        self.level
    }
    /// The captures, as the [`Matcher`](super::Matcher) has them.
    pub(super) fn captures(&self) -> &[Slot] {
        &self.captures[..self.level]
    }
    /// A capture of the match, counted from zero.
    pub(in crate::stdlib::string) fn capture(&self, index: usize) -> Result<Capture, PatternError> {
        self.captures[index].value()
    }
    /// The first match from a place on that does not end at `last_end`.
    pub(in crate::stdlib::string) fn search(
        &mut self,
        from: usize,
        is_anchored: bool,
        last_end: Option<usize>,
    ) -> Outcome {
        let first = is_anchored as usize;
        for start in from..=self.subject.len() {
            match self.at(start, first) {
                GIVEN_UP => return Outcome::GivenUp,
                NOTHING => {}
                end if Some(end) == last_end => {}
                end => return Outcome::Found { start, end },
            }
            if is_anchored {
                break;
            }
        }
        Outcome::Nowhere
    }
    /// The end of a match of the pattern from an item on at one place.
    pub(super) fn at(&mut self, start: usize, item: usize) -> usize {
        self.level = 0;
        self.match_at(start, item)
    }
    /// Whether there is a match at one place: its end, or none; an error where it is not known.
    pub(super) fn attempt(&mut self, start: usize, item: usize) -> Result<Option<usize>, ()> {
        match self.at(start, item) {
            GIVEN_UP => Err(()),
            NOTHING => Ok(None),
            end => Ok(Some(end)),
        }
    }

    fn match_at(&mut self, mut at: usize, mut item: usize) -> usize {
        loop {
            if self.steps == 0 {
                return GIVEN_UP;
            }
            self.steps -= 1;
            let Some(&byte) = self.pattern.get(item) else { return at };
            match byte {
                b'(' => return self.open(at, item),
                b')' => return self.close(at, item),
                b'$' if item + 1 == self.pattern.len() => {
                    return if at == self.subject.len() { at } else { NOTHING };
                }
                b'%' if matches!(self.pattern.get(item + 1), None | Some(b'b' | b'f' | b'0'..=b'9')) => {
                    return GIVEN_UP;
                }
                _ => {}
            }
            let Some((single, after)) = self.single(byte, item) else { return GIVEN_UP };
            match self.pattern.get(after) {
                Some(b'?') => {
                    if self.subject.get(at).is_some_and(|&b| self.matches(single, b)) {
                        let end = self.match_at(at + 1, after + 1);
                        if end != NOTHING {
                            return end;
                        }
                    }
                    item = after + 1;
                }
                Some(b'*') => return self.longest(single, at, at, after + 1),
                Some(b'+') => {
                    if !self.subject.get(at).is_some_and(|&b| self.matches(single, b)) {
                        return NOTHING;
                    }
                    return self.longest(single, at + 1, at + 1, after + 1);
                }
                Some(b'-') => return self.shortest(single, at, after + 1),
                _ => {
                    if !self.subject.get(at).is_some_and(|&b| self.matches(single, b)) {
                        return NOTHING;
                    }
                    (at, item) = (at + 1, after);
                }
            }
        }
    }
    fn open(&mut self, at: usize, item: usize) -> usize {
        if self.level >= CAPTURES {
            return GIVEN_UP;
        }
        let is_position = self.pattern.get(item + 1) == Some(&b')');
        let end = if is_position { Slot::POSITION } else { Slot::UNFINISHED };
        self.captures[self.level] = Slot { start: at, end };
        self.level += 1;
        let end = self.match_at(at, item + 1 + is_position as usize);
        if end == NOTHING {
            self.level -= 1;
        }
        end
    }
    fn close(&mut self, at: usize, item: usize) -> usize {
        let open = self.captures[..self.level].iter().rposition(|slot| slot.end == Slot::UNFINISHED);
        let Some(open) = open else { return GIVEN_UP };
        self.captures[open].end = at;
        let end = self.match_at(at, item + 1);
        if end == NOTHING {
            self.captures[open].end = Slot::UNFINISHED;
        }
        end
    }
    /// The longest run of an item from `at` on behind which the rest matches.
    fn longest(&mut self, single: Item, low: usize, at: usize, after: usize) -> usize {
        let rest = &self.subject[at..];
        let most = self.steps as usize * RUN;
        let is_long = rest.len() > most && !matches!(single, Item::Any);
        let rest = if is_long { &rest[..most] } else { rest };
        let run = match single {
            Item::Any => rest.len(),
            Item::Byte(byte) => rest.iter().take_while(|&&b| b == byte).count(),
            Item::Class(bit, is_not) => {
                rest.iter().take_while(|&&b| (CLASS_BITS[b as usize] & bit != 0) != is_not).count()
            }
            Item::Set(..) => rest.iter().take_while(|&&b| self.matches(single, b)).count(),
        };
        if is_long && run == most {
            return GIVEN_UP;
        }
        self.steps = self.steps.saturating_sub((run / RUN) as u64);
        let mut end = at + run;
        if after == self.pattern.len() {
            return end;
        }
        loop {
            let found = self.match_at(end, after);
            if found != NOTHING {
                return found;
            }
            if end == low {
                return NOTHING;
            }
            end -= 1;
        }
    }
    fn shortest(&mut self, single: Item, mut at: usize, after: usize) -> usize {
        loop {
            let end = self.match_at(at, after);
            if end != NOTHING {
                return end;
            }
            if !self.subject.get(at).is_some_and(|&b| self.matches(single, b)) {
                return NOTHING;
            }
            at += 1;
        }
    }
    /// The item at a place that begins with a byte, and where the next one begins; none if it is malformed.
    #[inline(always)]
    fn single(&self, byte: u8, item: usize) -> Option<(Item, usize)> {
        Some(match byte {
            b'.' => (Item::Any, item + 1),
            b'%' => (escaped(*self.pattern.get(item + 1)?), item + 2),
            b'[' => {
                let is_not = self.pattern.get(item + 1) == Some(&b'^');
                let from = item + 1 + is_not as usize;
                let mut i = from;
                loop {
                    i += if *self.pattern.get(i)? == b'%' { 2 } else { 1 };
                    if self.pattern.get(i) == Some(&b']') {
                        break;
                    }
                }
                (Item::Set(from, i, is_not), i + 1)
            }
            _ => (Item::Byte(byte), item + 1),
        })
    }
    #[inline(always)]
    fn matches(&self, single: Item, byte: u8) -> bool {
        match single {
            Item::Any => true,
            Item::Byte(expected) => byte == expected,
            Item::Class(bit, is_not) => (CLASS_BITS[byte as usize] & bit != 0) != is_not,
            Item::Set(from, to, is_not) => self.is_member(from, to, byte) != is_not,
        }
    }
    /// Whether a byte is in a set.
    fn is_member(&self, from: usize, to: usize, byte: u8) -> bool {
        let mut rest = &self.pattern[from..to];
        loop {
            match *rest {
                [] => return false,
                [b'%', letter, ..] => {
                    let is_in = match escaped(letter) {
                        Item::Class(bit, is_not) => (CLASS_BITS[byte as usize] & bit != 0) != is_not,
                        _ => byte == letter,
                    };
                    if is_in {
                        return true;
                    }
                    rest = &rest[2..];
                }
                // As in the reference, this one escapes the bracket that ends the set.
                [b'%'] => return byte == b']',
                [first, b'-', last, ..] => {
                    if first <= byte && byte <= last {
                        return true;
                    }
                    rest = &rest[3..];
                }
                [one, ..] => {
                    if byte == one {
                        return true;
                    }
                    rest = &rest[1..];
                }
            }
        }
    }
}
