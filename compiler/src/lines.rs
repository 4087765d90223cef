//! The lines of a prototype's instructions.
//!
//! Journey: **prototype**. A byte for each instruction, the distance from the line before, as most are in the same line or
//! the next: a table that is written down has hundreds of thousands. Bytecode has them as a plain list of lines.
//!
//! Always: the same lines are held in the same way, however they came about. Where a distance does not fit, and every
//! so often, the line itself is noted, so that it is found in a few steps.

use crate::codegen::push;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A line is noted for each instruction whose pc is a multiple of this, but not for the first.
const EVERY: usize = 128;

/// A line for each instruction, or none at all.
#[derive(Clone, Default, PartialEq)]
pub struct Lines {
    /// From the line of the instruction before, or from 0; 0 where the line is noted.
    distances: Vec<i8>,
    /// Notes: pc and line, in ascending order.
    noted: Vec<(u32, u32)>,
    /// The last line.
    last: u32,
}

impl Lines {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.distances.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.distances.is_empty()
    }

    /// The line of an instruction.
    pub fn get(&self, pc: usize) -> Option<u32> {
        if pc >= self.len() {
            return None;
        }
        let next = self.noted.partition_point(|&(at, _)| at as usize <= pc);
        let (first, line) = match next.checked_sub(1) {
            Some(note) => (self.noted[note].0 as usize + 1, self.noted[note].1),
            None => (0, 0),
        };
        let distance: i32 = self.distances[first..=pc].iter().map(|&d| i32::from(d)).sum(); // of 128 at most
        Some(line.wrapping_add_signed(distance))
    }

    /// All lines from that of an instruction on.
    pub fn from(&self, pc: usize) -> impl Iterator<Item = u32> {
        let mut next = self.noted.partition_point(|&(at, _)| (at as usize) < pc);
        let mut line = pc.checked_sub(1).and_then(|before| self.get(before)).unwrap_or(0);
        (pc..self.len()).map(move |pc| {
            line = match self.noted.get(next) {
                Some(&(at, line)) if at as usize == pc => {
                    next += 1;
                    line
                }
                _ => line.wrapping_add_signed(self.distances[pc].into()),
            };
            line
        })
    }

    /// Appends a line.
    #[inline]
    pub fn push(&mut self, line: u32) {
        // Around the end of the numbers, as where they are added up.
        let distance = line.wrapping_sub(self.last).cast_signed();
        let pc = self.len();
        self.last = line;
        match i8::try_from(distance) {
            Ok(distance) if pc == 0 || !pc.is_multiple_of(EVERY) => push(&mut self.distances, distance),
            _ => {
                self.noted.push((pc as u32, line)); // a prototype's code is far shorter
                push(&mut self.distances, 0);
            }
        }
    }

    /// Changes the last line.
    #[inline]
    pub fn set_last(&mut self, line: u32) {
        if line != self.last && self.pop().is_some() {
            self.push(line);
        }
    }

    /// Removes the last line.
    pub fn pop(&mut self) -> Option<u32> {
        let popped = self.last;
        let distance = self.distances.pop()?;
        if self.noted.pop_if(|&mut (at, _)| at as usize == self.distances.len()).is_some() {
            self.last = self.len().checked_sub(1).and_then(|pc| self.get(pc)).unwrap_or(0);
        } else {
            self.last = popped.wrapping_add_signed(-i32::from(distance));
        }
        Some(popped)
    }

    /// Gives back what has been allocated and is not needed.
    pub fn shrink_to_fit(&mut self) {
        self.distances.shrink_to_fit();
        self.noted.shrink_to_fit();
    }
}

impl FromIterator<u32> for Lines {
    fn from_iter<I: IntoIterator<Item = u32>>(lines: I) -> Self {
        let mut all = Lines::default();
        lines.into_iter().for_each(|line| all.push(line));
        all
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.from(0)).finish()
    }
}

impl Serialize for Lines {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq;
        let mut list = serializer.serialize_seq(Some(self.len()))?;
        self.from(0).try_for_each(|line| list.serialize_element(&line))?;
        list.end()
    }
}

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Lines;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of lines")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Lines, A::Error> {
                // It grows with what is read: the length that is claimed may be anything.
                let mut lines = Lines::default();
                while let Some(line) = list.next_element()? {
                    lines.push(line);
                }
                Ok(lines)
            }
        }
        deserializer.deserialize_seq(List)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_what_was_pushed() {
        let mut seed = 1u64;
        let mut random = |n: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % n
        };
        for _ in 0..200 {
            let (mut lines, mut plain) = (Lines::default(), Vec::new());
            for _ in 0..random(1000) {
                let last = plain.last().copied().unwrap_or(0u32);
                match random(20) {
                    0 => assert_eq!(lines.pop(), plain.pop()),
                    1 if !plain.is_empty() => {
                        lines.set_last(last / 2);
                        *plain.last_mut().unwrap() = last / 2;
                    }
                    2 => {
                        let line = random(1 << 32) as u32;
                        lines.push(line);
                        plain.push(line);
                    }
                    n => {
                        let line = last.wrapping_add_signed(n as i32 * 15 - 150);
                        lines.push(line);
                        plain.push(line);
                    }
                }
            }
            assert_eq!(lines.len(), plain.len());
            assert!((0..plain.len()).all(|pc| lines.get(pc) == Some(plain[pc])));
            assert_eq!(lines.get(plain.len()), None);
            for from in [0, plain.len() / 3, plain.len()] {
                assert!(lines.from(from).eq(plain[from..].iter().copied()));
            }
            assert!(lines == plain.iter().copied().collect(), "held in the same way");
            let bytes = postcard::to_allocvec(&lines).unwrap();
            assert_eq!(bytes, postcard::to_allocvec(&plain).unwrap());
            assert!(postcard::from_bytes::<Lines>(&bytes).unwrap() == lines);
        }
    }
}
