//! One attempt of a Lua pattern (manual §6.4.1): does it match at this start position?
//!
//! Step of the journey: value; the inner half of [`Matcher`]. Each method named after a construct of the
//! pattern answers where the attempt goes on, or that it must take back its last choice.
//!
//! Always: a method that stops for want of budget leaves the state such that calling it again goes on;
//! what it already went over is in `scanned`, or in the choice it was about to take.
//!
//! Not here: the start positions and the results (`pattern`).

use memchr::{memchr, memrchr};

use super::item::{ByteSet, SetReader, Single, escaped, required_byte};
use super::{
    CAPTURES_MAX, CHOICES_MAX, COMPARED_PER_STEP, Choice, CompiledSet, FOUND_PER_STEP, Matcher, PatternError,
    SCANNED_PER_STEP, SETS_MAX, Slot, Stop, charge, scan_window,
};

/// Where an attempt goes on: subject offset and pattern offset; `None` to backtrack.
type Next = Option<(usize, usize)>;

impl Matcher {
    /// Matches the pattern at `start`, or goes on doing so; the end of the match, if any.
    pub(super) fn attempt(&mut self, subject: &[u8], pattern: &[u8], budget: &mut u64) -> Result<Option<usize>, Stop> {
        loop {
            if *budget == 0 {
                return Err(Stop::OutOfBudget);
            }
            *budget -= 1;
            if self.backtracking {
                let Some((at, item)) = self.backtrack(subject, pattern, budget)? else {
                    return Ok(None);
                };
                self.backtracking = false;
                (self.at, self.item) = (at, item);
            }
            let (at, item) = (self.at, self.item);
            let next = match pattern.get(item) {
                None => return Ok(Some(at)),
                Some(b'(') => self.open(pattern, at, item)?,
                Some(b')') => self.close(at, item)?,
                Some(b'$') if item + 1 == pattern.len() => (at == subject.len()).then_some((at, item + 1)),
                Some(b'%') => match pattern.get(item + 1) {
                    Some(b'b') => self.balance(subject, pattern, budget)?,
                    Some(b'f') => self.frontier(subject, pattern, at, item, budget)?,
                    Some(digit @ b'0'..=b'9') => self.back_reference(subject, *digit, at, item, budget)?,
                    _ => self.repetition(subject, pattern, budget)?,
                },
                Some(_) => self.repetition(subject, pattern, budget)?,
            };
            // It was this item's, unless the state came from outside.
            self.scanned = 0;
            match next {
                Some((at, item)) => (self.at, self.item) = (at, item),
                None if self.choices.is_empty() => return Ok(None),
                None => self.backtracking = true,
            }
        }
    }

    fn open(&mut self, pattern: &[u8], at: usize, item: usize) -> Result<Next, Stop> {
        if self.level >= CAPTURES_MAX {
            return Err(PatternError::TooManyCaptures.into());
        }
        let position = pattern.get(item + 1) == Some(&b')');
        self.captures[self.level] = Slot { start: at, end: if position { Slot::POSITION } else { Slot::UNFINISHED } };
        self.level += 1;
        self.push_undo(Choice::Open)?;
        Ok(Some((at, item + if position { 2 } else { 1 })))
    }

    fn close(&mut self, at: usize, item: usize) -> Result<Next, Stop> {
        let open = self.captures[..self.level]
            .iter()
            .rposition(|slot| slot.end == Slot::UNFINISHED)
            .ok_or(PatternError::InvalidCapture)?;
        self.captures[open].end = at;
        self.push_undo(Choice::Close { index: open })?;
        Ok(Some((at, item + 1)))
    }

    /// `%bxy`.
    fn balance(&mut self, subject: &[u8], pattern: &[u8], budget: &mut u64) -> Result<Next, Stop> {
        let Some(&[open, close]) = pattern.get(self.item + 2..self.item + 4) else {
            return Err(PatternError::MissingBalanceArguments.into());
        };
        if self.scanned == 0 {
            if subject.get(self.at) != Some(&open) {
                return Ok(None);
            }
            self.depth = 1;
            self.scanned = 1;
        }
        let rest = &subject[self.at + self.scanned..];
        let window = scan_window(*budget, rest.len(), SCANNED_PER_STEP);
        charge(budget, window, SCANNED_PER_STEP);
        for (offset, &byte) in rest[..window].iter().enumerate() {
            if byte == close {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    let end = self.at + self.scanned + offset + 1;
                    self.scanned = 0;
                    return Ok(Some((end, self.item + 4)));
                }
            } else if byte == open {
                self.depth += 1;
            }
        }
        if window < rest.len() {
            self.scanned += window;
            return Err(Stop::OutOfBudget);
        }
        self.scanned = 0;
        self.depth = 0;
        Ok(None)
    }

    /// `%f[set]`. Outside the subject there are zeros.
    fn frontier(
        &mut self,
        subject: &[u8],
        pattern: &[u8],
        at: usize,
        item: usize,
        budget: &mut u64,
    ) -> Result<Next, Stop> {
        if pattern.get(item + 2) != Some(&b'[') {
            return Err(PatternError::MissingFrontierSet.into());
        }
        let (set, after) = self.set(pattern, item + 2, budget)?;
        let before = at.checked_sub(1).map_or(0, |index| subject[index]);
        let here = subject.get(at).copied().unwrap_or(0);
        Ok((!set.has(before) && set.has(here)).then_some((at, after)))
    }

    /// `%1` to `%9`: the bytes of a capture again. A position capture has none and never matches.
    fn back_reference(
        &mut self,
        subject: &[u8],
        digit: u8,
        at: usize,
        item: usize,
        budget: &mut u64,
    ) -> Result<Next, Stop> {
        let error = PatternError::InvalidCaptureIndex(digit - b'0');
        let index = usize::from(digit).checked_sub(usize::from(b'1'));
        let slot = index
            .and_then(|index| self.captures[..self.level].get(index))
            .filter(|slot| slot.end != Slot::UNFINISHED)
            .ok_or(error)?;
        let Some(captured) = subject.get(slot.start..slot.end) else {
            return Ok(None);
        };
        let (rest, there) = (captured.get(self.scanned..).unwrap_or_default(), &subject[at + self.scanned..]);
        let window = scan_window(*budget, rest.len(), COMPARED_PER_STEP);
        charge(budget, window, COMPARED_PER_STEP);
        if !there.starts_with(&rest[..window]) {
            return Ok(None);
        }
        if window < rest.len() {
            self.scanned += window;
            return Err(Stop::OutOfBudget);
        }
        Ok(Some((at + captured.len(), item + 2)))
    }

    /// A single-byte item with its repetition, at `self.at`.
    fn repetition(&mut self, subject: &[u8], pattern: &[u8], budget: &mut u64) -> Result<Next, Stop> {
        let (at, item) = (self.at, self.item);
        let (single, after) = self.single(pattern, item, budget)?;
        let matches = subject.get(at).is_some_and(|&byte| single.has(byte));
        match pattern.get(after) {
            Some(b'?') => {
                let after = after + 1;
                if !matches {
                    return Ok(Some((at, after)));
                }
                if after < pattern.len() {
                    self.push(Choice::Optional { after, at })?;
                }
                Ok(Some((at + 1, after)))
            }
            Some(b'*') => self.greedy(single, at, after + 1, subject, pattern, budget),
            Some(b'+') if !matches => Ok(None),
            Some(b'+') => self.greedy(single, at + 1, after + 1, subject, pattern, budget),
            Some(b'-') => {
                let after = after + 1;
                if after == pattern.len() {
                    return Ok(Some((at, after)));
                }
                self.push(Choice::Lazy { item, after, at })?;
                let possible = match required_byte(pattern, after) {
                    Some(byte) => subject.get(at) == Some(&byte),
                    None => true,
                };
                Ok(possible.then_some((at, after)))
            }
            _ => Ok(matches.then_some((at + 1, after))),
        }
    }

    /// Takes the longest run of `single`, which may end anywhere from `low` on.
    fn greedy(
        &mut self,
        single: Single,
        low: usize,
        after: usize,
        subject: &[u8],
        pattern: &[u8],
        budget: &mut u64,
    ) -> Result<Next, Stop> {
        let from = low.max(self.at + self.scanned);
        let rest = &subject[from..];
        let rate = single.run_per_step();
        let window = scan_window(*budget, rest.len(), rate);
        let run = single.run_length(&rest[..window]);
        charge(budget, run, rate);
        if run == window && window < rest.len() {
            self.scanned = from + run - self.at;
            return Err(Stop::OutOfBudget);
        }
        self.scanned = 0;
        let high = from + run;
        if high == low || after == pattern.len() {
            return Ok(Some((high, after)));
        }
        if required_byte(pattern, after).is_some() {
            self.push(Choice::Greedy { after, low, high })?;
            return Ok(None);
        }
        let next = high - 1;
        self.push(Choice::Greedy { after, low, high: next })?;
        Ok(Some((high, after)))
    }

    fn push(&mut self, choice: Choice) -> Result<(), PatternError> {
        if self.choices.len() >= CHOICES_MAX {
            return Err(PatternError::TooComplex);
        }
        self.choices.push(choice);
        Ok(())
    }

    /// Without a choice below, nothing will ever be taken back.
    fn push_undo(&mut self, choice: Choice) -> Result<(), PatternError> {
        if self.choices.is_empty() {
            return Ok(());
        }
        self.push(choice)
    }

    /// Takes the last choice that is left.
    fn backtrack(&mut self, subject: &[u8], pattern: &[u8], budget: &mut u64) -> Result<Next, Stop> {
        while let Some(choice) = self.choices.pop() {
            match choice {
                Choice::Open => self.level = self.level.saturating_sub(1),
                Choice::Close { index } => self.captures[index].end = Slot::UNFINISHED,
                Choice::Optional { after, at } => return Ok(Some((at, after))),
                Choice::Greedy { after, low, high } => {
                    if let Some(next) = self.shorten(after, low, high, subject, pattern, budget)? {
                        return Ok(Some(next));
                    }
                }
                Choice::Lazy { item, after, at } => {
                    if let Some(next) = self.lengthen(item, after, at, subject, pattern, budget)? {
                        return Ok(Some(next));
                    }
                }
            }
        }
        Ok(None)
    }

    /// The next shorter run of a greedy repetition.
    fn shorten(
        &mut self,
        after: usize,
        low: usize,
        high: usize,
        subject: &[u8],
        pattern: &[u8],
        budget: &mut u64,
    ) -> Result<Next, Stop> {
        let mut end = high;
        if let Some(byte) = required_byte(pattern, after) {
            let candidates = &subject[low..(high + 1).min(subject.len()).max(low)];
            let window = scan_window(*budget, candidates.len(), FOUND_PER_STEP);
            let from = candidates.len() - window;
            let found = memrchr(byte, &candidates[from..]);
            charge(budget, found.map_or(window, |offset| window - offset), FOUND_PER_STEP);
            match found {
                Some(offset) => end = low + from + offset,
                None if from == 0 => return Ok(None),
                None => {
                    let high = low + from - 1;
                    self.choices.push(Choice::Greedy { after, low, high });
                    return Err(Stop::OutOfBudget);
                }
            }
        }
        if end > low {
            let high = end - 1;
            self.choices.push(Choice::Greedy { after, low, high });
        }
        Ok(Some((end, after)))
    }

    /// The next longer run of a lazy repetition.
    fn lengthen(
        &mut self,
        item: usize,
        after: usize,
        at: usize,
        subject: &[u8],
        pattern: &[u8],
        budget: &mut u64,
    ) -> Result<Next, Stop> {
        let (single, _) = match self.single(pattern, item, budget) {
            Ok(read) => read,
            Err(stop) => {
                self.choices.push(Choice::Lazy { item, after, at });
                return Err(stop);
            }
        };
        let required = required_byte(pattern, after);
        let rest = &subject[at..];
        let rate = if single.is_any() && required.is_some() { FOUND_PER_STEP } else { SCANNED_PER_STEP };
        let window = scan_window(*budget, rest.len(), rate);
        let mut taken = 0;
        while let Some(&byte) = rest[..window].get(taken) {
            if !single.has(byte) {
                charge(budget, taken, rate);
                return Ok(None);
            }
            taken += 1;
            if single.is_any()
                && let Some(required) = required
            {
                // Everything up to the required byte can be taken at once.
                match memchr(required, &rest[taken..window]) {
                    Some(offset) => taken += offset,
                    None => {
                        taken = window;
                        break;
                    }
                }
            }
            let at = at + taken;
            if required.is_none_or(|byte| subject.get(at) == Some(&byte)) {
                charge(budget, taken, rate);
                self.choices.push(Choice::Lazy { item, after, at });
                return Ok(Some((at, after)));
            }
        }
        charge(budget, taken, rate);
        if window == rest.len() {
            return Ok(None);
        }
        // The last byte is taken again, as the byte behind it may be the required one.
        let at = at + window - 1;
        self.choices.push(Choice::Lazy { item, after, at });
        Err(Stop::OutOfBudget)
    }

    /// Reads the single-byte item at `item`: what it matches, and where it ends.
    #[inline]
    pub(super) fn single(&mut self, pattern: &[u8], item: usize, budget: &mut u64) -> Result<(Single, usize), Stop> {
        match pattern[item] {
            b'.' => Ok((Single::Any, item + 1)),
            b'%' => match pattern.get(item + 1) {
                Some(&letter) => Ok((escaped(letter), item + 2)),
                None => Err(PatternError::EndsWithEscape.into()),
            },
            b'[' => {
                let (set, after) = self.set(pattern, item, budget)?;
                Ok((Single::Set(set), after))
            }
            byte => Ok((Single::Byte(byte), item + 1)),
        }
    }

    /// The set at `item`, and where it ends.
    #[inline]
    fn set(&mut self, pattern: &[u8], item: usize, budget: &mut u64) -> Result<(ByteSet, usize), Stop> {
        match self.sets.iter().find(|set| set.item == item) {
            Some(set) => Ok((set.bytes, set.after)),
            None => self.read_set(pattern, item, budget),
        }
    }
    fn read_set(&mut self, pattern: &[u8], item: usize, budget: &mut u64) -> Result<(ByteSet, usize), Stop> {
        let mut reader = match self.reading.take() {
            Some(reader) if reader.is_of(item) => reader,
            _ => SetReader::new(pattern, item),
        };
        let window = scan_window(*budget, pattern.len(), SCANNED_PER_STEP);
        let mut left = window;
        let read = reader.read(pattern, &mut left)?;
        charge(budget, window - left, SCANNED_PER_STEP);
        let Some((bytes, after)) = read else {
            self.reading = Some(reader);
            return Err(Stop::OutOfBudget);
        };
        let set = CompiledSet { item, after, bytes };
        if self.sets.len() < SETS_MAX {
            self.sets.push(set);
        } else {
            self.oldest = (self.oldest + 1) % SETS_MAX;
            self.sets[self.oldest] = set;
        }
        Ok((bytes, after))
    }
}
