//! A long substring to find, in linear time and in steps: the two-way algorithm (Crochemore and Perrin, 1991).
//!
//! Step of the journey: value; read by the matcher alone, for needles so long that nobody could wait for
//! `memmem` to prepare them. The needle is cut at a critical position; what is right of it is compared first, then
//! what is left of it, and the place of the first difference says how far to move on.
//!
//! Always: a handful of numbers is all there is to keep. Numbers that came from outside pass
//! [`LongNeedle::is_valid_for`]; wrong ones may find nonsense, and never panic.

use memchr::memchr;
use serde::{Deserialize, Serialize};

use super::{charge, scan_window};

/// Bytes compared in one step.
const COMPARED: usize = 4;

/// A search for a needle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct LongNeedle {
    stage: Stage,
    /// Where the needle is cut.
    cut: usize,
    /// The period, or how far to move on after a difference on the left.
    period: usize,
    /// The needle repeats its beginning with that period: what is known of the next place is remembered.
    periodic: bool,
    /// The place in the subject being compared, and how much of the needle is known to be there.
    at: usize,
    known: usize,
    /// The next byte of the needle to compare: on the right going up, then on the left going down.
    next: usize,
    leftwards: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Stage {
    /// The greatest suffix in one order of bytes, then in the other; the first one's cut and period.
    Suffix {
        reversed: bool,
        left: usize,
        right: usize,
        offset: usize,
        period: usize,
        first: (usize, usize),
    },
    /// Does the needle begin with what comes a period later? So many bytes do.
    Period {
        same: usize,
    },
    Search,
}

/// What a step of the search comes to.
pub(super) enum Found {
    At(usize),
    Nowhere,
    OutOfBudget,
}

impl LongNeedle {
    pub(super) fn new() -> LongNeedle {
        LongNeedle {
            stage: Stage::Suffix { reversed: false, left: 0, right: 1, offset: 0, period: 1, first: (0, 0) },
            cut: 0,
            period: 1,
            periodic: false,
            at: 0,
            known: 0,
            next: 0,
            leftwards: false,
        }
    }
    pub(super) fn is_valid_for(&self, needle: usize) -> bool {
        let stage = match self.stage {
            Stage::Suffix { left, right, offset, period, first, .. } => {
                let cut = |(cut, period): (usize, usize)| cut <= needle && period <= needle;
                left < right && right <= needle && offset < needle && (1..=needle).contains(&period) && cut(first)
            }
            Stage::Period { same } => same <= needle,
            Stage::Search => true,
        };
        stage
            && self.cut <= needle
            && (1..=needle).contains(&self.period)
            && self.known <= needle
            && self.next <= needle
    }
    /// Looks for the needle from `*start` on, which is where it goes on if the budget is used up.
    pub(super) fn find(&mut self, subject: &[u8], needle: &[u8], start: &mut usize, budget: &mut u64) -> Found {
        loop {
            let before = *budget;
            match self.stage {
                Stage::Suffix { .. } => self.suffix(needle, budget),
                Stage::Period { .. } => self.compare_period(needle, budget),
                Stage::Search => {
                    if self.at != *start {
                        // A new search of the same needle.
                        self.at = *start;
                        self.known = 0;
                        self.begin_place();
                    }
                    let found = self.search(subject, needle, budget);
                    *start = self.at;
                    if let Some(found) = found {
                        return found;
                    }
                }
            }
            // Any budget makes progress, and none is endless.
            *budget = (*budget).min(before.saturating_sub(1));
            if *budget == 0 {
                return Found::OutOfBudget;
            }
        }
    }

    fn suffix(&mut self, needle: &[u8], budget: &mut u64) {
        let Stage::Suffix { reversed, left, right, offset, period, first } = &mut self.stage else { return };
        let mut steps = scan_window(*budget, needle.len(), COMPARED);
        charge(budget, steps, COMPARED);
        while let (Some(&a), Some(&b)) = (needle.get(*right + *offset), needle.get(*left + *offset)) {
            if steps == 0 {
                return;
            }
            steps -= 1;
            if (a < b) != *reversed && a != b {
                // The suffix is smaller: its period is all that was compared so far.
                *right += *offset + 1;
                *offset = 0;
                *period = *right - *left;
            } else if a == b {
                if *offset + 1 == *period {
                    *right += *offset + 1;
                    *offset = 0;
                } else {
                    *offset += 1;
                }
            } else {
                // The suffix is greater.
                *left = *right;
                *right += 1;
                *offset = 0;
                *period = 1;
            }
        }
        let this = (*left, *period);
        if !*reversed {
            self.stage = Stage::Suffix { reversed: true, left: 0, right: 1, offset: 0, period: 1, first: this };
            return;
        }
        (self.cut, self.period) = if first.0 > this.0 { *first } else { this };
        self.stage = Stage::Period { same: 0 };
    }
    fn compare_period(&mut self, needle: &[u8], budget: &mut u64) {
        let Stage::Period { same } = &mut self.stage else { return };
        let left = needle.get(*same..self.cut).unwrap_or_default();
        let right = needle.get(self.period + *same..).unwrap_or_default();
        let window = scan_window(*budget, left.len(), super::COMPARED_PER_STEP);
        charge(budget, window, super::COMPARED_PER_STEP);
        let differs = right.len() < window || left[..window] != right[..window];
        if !differs && window < left.len() {
            *same += window;
            return;
        }
        self.periodic = !differs;
        if differs {
            self.period = self.cut.max(needle.len() - self.cut) + 1;
            self.period = self.period.min(needle.len());
        }
        // Compares as equal to no start, so the search begins anew.
        self.at = usize::MAX;
        self.stage = Stage::Search;
    }
    /// Begins to compare at a new place.
    fn begin_place(&mut self) {
        self.next = self.cut.max(self.known);
        self.leftwards = false;
    }
    fn search(&mut self, subject: &[u8], needle: &[u8], budget: &mut u64) -> Option<Found> {
        let mut steps = scan_window(*budget, usize::MAX, COMPARED);
        let given = steps;
        let found = loop {
            if self.at > subject.len() || subject.len() - self.at < needle.len() {
                break Some(Found::Nowhere);
            }
            let here = &subject[self.at..self.at + needle.len()];
            if !self.leftwards && self.next == self.cut && self.known == 0 && self.cut < needle.len() {
                // Nothing is known of this place: on to the next one with the first byte to compare.
                let last = subject.len() - needle.len() + self.cut;
                let rest = &subject[self.at + self.cut..=last];
                let window = scan_window(*budget, rest.len(), super::FOUND_PER_STEP);
                let skipped = memchr(needle[self.cut], &rest[..window]);
                charge(budget, skipped.unwrap_or(window), super::FOUND_PER_STEP);
                match skipped {
                    Some(0) => {}
                    Some(n) => {
                        self.at += n;
                        continue;
                    }
                    None => {
                        self.at += window;
                        if *budget == 0 {
                            break None;
                        }
                        continue;
                    }
                }
            }
            if !self.leftwards {
                while steps > 0 && self.next < needle.len() && needle[self.next] == here[self.next] {
                    self.next += 1;
                    steps -= 1;
                }
                if steps == 0 {
                    break None;
                }
                if self.next < needle.len() {
                    self.at += self.next + 1 - self.cut.min(self.next);
                    self.known = 0;
                    self.begin_place();
                    steps -= 1;
                    continue;
                }
                self.leftwards = true;
                self.next = self.cut;
            }
            let known = if self.periodic { self.known.min(self.cut) } else { 0 };
            while steps > 0 && self.next > known && needle[self.next - 1] == here[self.next - 1] {
                self.next -= 1;
                steps -= 1;
            }
            if steps == 0 {
                break None;
            }
            if self.next <= known {
                // To be found again from here if it is asked for again.
                self.known = 0;
                self.begin_place();
                break Some(Found::At(self.at));
            }
            self.at += self.period;
            self.known = if self.periodic { needle.len() - self.period } else { 0 };
            self.begin_place();
            steps -= 1;
        };
        charge(budget, given - steps, COMPARED);
        found
    }
}
