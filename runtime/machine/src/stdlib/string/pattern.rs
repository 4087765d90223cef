//! The matcher for Lua patterns (manual §6.4.1), which can be interrupted at any step.
//!
//! Step of the journey: value. `string.find`, `match`, `gmatch` and `gsub` drive one [`Matcher`] each;
//! it sees bytes and offsets only.
//!
//! Design: a backtracking machine over the pattern's own bytes, with an explicit stack of choices. The
//! reference recurses in C; here a match must neither exhaust the native stack nor hold up a scheduler,
//! so [`Matcher::run`] takes a budget of steps, and its state is a handful of offsets that serde can
//! write. The other alternative, compiling the pattern first, is not taken: the reference reports a
//! malformed pattern only when the match arrives at the fault, and most patterns run once.
//!
//! A repetition is one entry on the stack however many bytes it spans, so the stack never outgrows the
//! pattern. Three shortcuts change speed and nothing else: a pattern without specials is a substring
//! search; start positions where the first item cannot match are skipped; and where a literal byte
//! follows a repetition, only positions holding that byte are tried.
//!
//! Nothing is done in one go that grows with the subject or the pattern, except for copies: looking whether a pattern
//! has specials, preparing a long substring (`pattern/needle`) and reading a long set have their place in the state.
//!
//! Always: after [`Step::OutOfBudget`] the same subject and pattern must be given again. Every call makes
//! progress, even with a budget of one. State that came from outside must pass [`Matcher::is_valid_for`]
//! before it runs; a state that passes may match nonsense but never panics.
//!
//! Not here: the backtracking itself (`pattern/attempt`), what a single byte may match (`pattern/item`),
//! `init` arithmetic, what captures become.

mod attempt;
mod item;
mod needle;
mod short;

use std::cell::Cell;
use std::fmt;

use memchr::{memchr, memmem};
use serde::{Deserialize, Serialize};

use item::{ByteSet, SetReader, Single};
use needle::{Found, LongNeedle};
pub(super) use short::{Outcome, STEPS_MAX, Short};

/// The most captures a pattern may have (`LUA_MAXCAPTURES`).
const CAPTURES_MAX: usize = 32;
/// The most pending choices: the reference's bound of 200 nested calls (`MAXCCALLS`), which there is about its native
/// stack.
const CHOICES_MAX: usize = 199;
/// Bytes that one step of budget pays for: searched for one byte,
const FOUND_PER_STEP: usize = 64;
/// compared with as many others,
const COMPARED_PER_STEP: usize = 64;
/// or looked at one by one.
const SCANNED_PER_STEP: usize = 4;
/// The longest pattern that is looked through for specials at once.
const SPECIALS_AT_ONCE: usize = if cfg!(test) { 2 } else { 256 };
/// The longest substring that is left to `memmem`, which prepares all of it anew for each window.
const NEEDLE_MAX: usize = if cfg!(test) { 3 } else { 2048 };
/// Sets that are kept as bit maps.
const SETS_MAX: usize = if cfg!(test) { 2 } else { 16 };

/// How a pattern is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `string.find`: a leading `^` anchors the match, and a stray `)` is an ordinary byte as long as the
    /// pattern has no other special, as in the reference.
    Find,
    /// `string.match` and `string.gsub`: a leading `^` anchors the match.
    Match,
    /// `string.gmatch`: a leading `^` is an ordinary byte.
    Repeated,
    /// `string.find` with `plain`: the pattern is the substring to find.
    Plain,
}

/// The outcome of [`Matcher::run`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The next match: the bytes `start..end` of the subject.
    Matched {
        /// Where it starts.
        start: usize,
        /// Where it ends.
        end: usize,
    },
    /// There is no further match.
    Failed,
    /// The budget is spent; run again to continue.
    OutOfBudget,
    /// The pattern is malformed.
    Error(PatternError),
}

/// The value of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capture {
    /// The bytes of the subject from the first offset up to the second.
    Span(usize, usize),
    /// The position of `()`, counted from one as Lua counts.
    Position(usize),
}

/// What is wrong with a pattern or a replacement. `Display` gives the reference's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternError {
    /// `%` ends the pattern.
    EndsWithEscape,
    /// A set has no `]`.
    MissingBracket,
    /// `%f` is not followed by a set.
    MissingFrontierSet,
    /// `%b` is not followed by two bytes.
    MissingBalanceArguments,
    /// `)` closes nothing.
    InvalidCapture,
    /// A capture is never closed.
    UnfinishedCapture,
    /// `%N` names no capture that is complete.
    InvalidCaptureIndex(u8),
    /// `%` in a replacement is followed by neither a digit nor `%`.
    InvalidReplacement,
    /// More than 32 captures.
    TooManyCaptures,
    /// Too many pending choices.
    TooComplex,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            PatternError::EndsWithEscape => "malformed pattern (ends with '%')",
            PatternError::MissingBracket => "malformed pattern (missing ']')",
            PatternError::MissingFrontierSet => "missing '[' after '%f' in pattern",
            PatternError::MissingBalanceArguments => "malformed pattern (missing arguments to '%b')",
            PatternError::InvalidCapture => "invalid pattern capture",
            PatternError::UnfinishedCapture => "unfinished capture",
            PatternError::InvalidCaptureIndex(index) => {
                return write!(f, "invalid capture index %{index}");
            }
            PatternError::InvalidReplacement => "invalid use of '%' in replacement string",
            PatternError::TooManyCaptures => "too many captures",
            PatternError::TooComplex => "pattern too complex",
        };
        f.write_str(text)
    }
}

impl std::error::Error for PatternError {}

/// A search for the matches of one pattern in one subject, from left to right.
///
/// [`run`](Matcher::run) finds the first match; [`advance`](Matcher::advance) steps behind it, so that
/// `run` finds the next. An empty match right behind the previous match does not count (manual §6.4,
/// `string.gmatch`).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Matcher {
    /// Whether the pattern is the substring to find; none: not known yet, as only its first `checked` bytes were looked
    /// at.
    plain: Option<bool>,
    checked: usize,
    /// A `)` is special by itself.
    strict: bool,
    /// The search for a long substring.
    needle: Option<Box<LongNeedle>>,
    /// The pattern may match at the first start position only.
    anchored: bool,
    /// No start position is left.
    exhausted: bool,
    /// The start position being tried.
    start: usize,
    /// The end of the match, once there is one.
    end: usize,
    /// The end of the match before: an attempt ending here found nothing new.
    last_end: Option<usize>,

    /// An attempt at `start` is under way, and what follows is its state.
    attempting: bool,
    /// The attempt must take the next choice rather than go on.
    backtracking: bool,
    /// The subject's next byte.
    at: usize,
    /// The pattern's next item.
    item: usize,
    /// Bytes from `at` that the item at hand already went over.
    scanned: usize,
    /// The open brackets of a `%b` among those bytes.
    depth: usize,
    /// How many of `captures` exist.
    level: usize,
    captures: [Slot; CAPTURES_MAX],
    choices: Vec<Choice>,

    /// Sets met so far, made into bit maps, and the next one to give way to another.
    sets: Vec<CompiledSet>,
    oldest: usize,
    /// A set that is being read.
    reading: Option<SetReader>,
}

/// A capture: `start` and `end` in the subject, or `start` and one of the marks below.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Slot {
    start: usize,
    end: usize,
}

impl Slot {
    const UNFINISHED: usize = usize::MAX;
    const POSITION: usize = usize::MAX - 1;

    fn value(self) -> Result<Capture, PatternError> {
        match self.end {
            Slot::UNFINISHED => Err(PatternError::UnfinishedCapture),
            Slot::POSITION => Ok(Capture::Position(self.start + 1)),
            end => Ok(Capture::Span(self.start, end.max(self.start))),
        }
    }
    fn is_valid_for(&self, subject: usize) -> bool {
        let span = self.start <= self.end && self.end <= subject;
        span || (self.start <= subject && self.end >= Self::POSITION)
    }
}

/// A `[set]` of the pattern as a bit map.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct CompiledSet {
    item: usize,
    after: usize,
    bytes: ByteSet,
}

/// What to do when the pattern fails behind this point.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Choice {
    /// Take back the opening of the last capture.
    Open,
    /// Take back the closing of a capture.
    Close { index: usize },
    /// `?` took its byte: go on at `at` without it.
    Optional { after: usize, at: usize },
    /// `*` or `+` could have ended anywhere in `low..=high`; the longest first.
    Greedy { after: usize, low: usize, high: usize },
    /// `-` ended at `at`: let it take one byte more.
    Lazy { item: usize, after: usize, at: usize },
}

/// Why an attempt stops short of a result.
enum Stop {
    OutOfBudget,
    Error(PatternError),
}

impl From<PatternError> for Stop {
    fn from(error: PatternError) -> Self {
        Stop::Error(error)
    }
}

thread_local! {
    /// The stack of choices of a search that is over, empty: most searches need one, and few are large.
    static SPARE: Cell<Vec<Choice>> = const { Cell::new(Vec::new()) };
}
/// The largest stack that is kept, in choices.
const SPARE_MAX: usize = 256;

impl Drop for Matcher {
    fn drop(&mut self) {
        if (1..=SPARE_MAX).contains(&self.choices.capacity()) {
            let mut choices = std::mem::take(&mut self.choices);
            choices.clear();
            SPARE.set(choices);
        }
    }
}

impl Matcher {
    /// A search from the offset `init`; past the end of the subject it finds nothing.
    pub fn new(pattern: &[u8], init: usize, mode: Mode) -> Self {
        let anchored = matches!(mode, Mode::Find | Mode::Match) && pattern.first() == Some(&b'^');
        let strict = matches!(mode, Mode::Match | Mode::Repeated);
        let plain = match mode {
            Mode::Plain => Some(true),
            _ if pattern.len() <= SPECIALS_AT_ONCE => Some(!has_specials(pattern, strict)),
            _ => None,
        };
        Matcher {
            plain,
            checked: 0,
            strict,
            needle: None,
            anchored,
            exhausted: false,
            start: init,
            end: init,
            last_end: None,
            attempting: false,
            backtracking: false,
            at: init,
            item: usize::from(anchored),
            scanned: 0,
            depth: 0,
            level: 0,
            captures: [Slot::default(); CAPTURES_MAX],
            choices: SPARE.take(),
            sets: Vec::new(),
            oldest: 0,
            reading: None,
        }
    }

    /// Sets the end of the match before `init`, for a caller that stores only offsets between two matches
    /// (see [`Matcher::start`] and [`Matcher::last_end`]).
    pub fn with_last_end(mut self, last_end: Option<usize>) -> Self {
        self.last_end = last_end;
        self
    }

    /// The start position being tried. A search begun anew here, with the same
    /// [`last_end`](Matcher::last_end), has the same outcome.
    pub fn start(&self) -> usize {
        self.start
    }

    /// The end of the last match that [`advance`](Matcher::advance) left behind.
    pub fn last_end(&self) -> Option<usize> {
        self.last_end
    }

    /// Steps behind the match just found.
    pub fn advance(&mut self) {
        self.last_end = Some(self.end);
        self.start = self.end;
        self.attempting = false;
        self.exhausted |= self.anchored;
    }

    /// Whether every offset lies within a subject and a pattern of these lengths, as it always does
    /// unless the state was read from outside.
    pub fn is_valid_for(&self, subject: &[u8], pattern: &[u8]) -> bool {
        let (subject, pattern) = (subject.len(), pattern.len());
        // An attempt never goes back behind its start.
        let offset = |offset: usize| self.start <= offset && offset <= subject;
        let choice = |choice: &Choice| match *choice {
            Choice::Open => true,
            Choice::Close { index } => index < CAPTURES_MAX,
            Choice::Optional { after, at } => after <= pattern && offset(at),
            Choice::Greedy { after, low, high } => after <= pattern && low <= high && offset(low) && offset(high),
            Choice::Lazy { item, after, at } => item < pattern && after <= pattern && offset(at),
        };
        // `init` past the end is lawful, but nothing is attempted there.
        let idle = !self.attempting && self.scanned == 0;
        (idle || offset(self.at))
            && self.scanned <= subject.saturating_sub(self.at)
            && self.item <= pattern
            && self.depth <= self.scanned
            && self.level <= CAPTURES_MAX
            && self.captures[..self.level].iter().all(|slot| slot.is_valid_for(subject))
            && self.choices.len() <= CHOICES_MAX
            && self.checked <= pattern
            && self.needle.as_ref().is_none_or(|needle| needle.is_valid_for(pattern))
            && self.sets.len() <= SETS_MAX
            && self.sets.iter().all(|set| set.after <= pattern)
            && self.reading.as_ref().is_none_or(|set| set.is_valid_for(pattern))
            && (!self.attempting || self.choices.iter().all(choice))
    }

    /// Looks for the next match, for at most `budget` steps, which it counts down. One step is one item
    /// of the pattern tried at one place, or some bytes scanned: of the order of 5 ns.
    pub fn run(&mut self, subject: &[u8], pattern: &[u8], budget: &mut u64) -> Step {
        match self.search(subject, pattern, budget) {
            Ok(Some(end)) => {
                self.end = end;
                Step::Matched { start: self.start, end }
            }
            Ok(None) => Step::Failed,
            Err(Stop::OutOfBudget) => Step::OutOfBudget,
            Err(Stop::Error(error)) => Step::Error(error),
        }
    }

    /// How many captures the match has.
    pub fn capture_count(&self) -> usize {
        self.level
    }

    /// How many values the match gives where a pattern without captures gives the whole match
    /// (`string.match`, `string.gmatch`, the function and table of `string.gsub`).
    pub fn value_count(&self) -> usize {
        self.level.max(1)
    }

    /// A capture of the match, counted from zero. Without captures, number zero is the whole match.
    pub fn capture(&self, index: usize) -> Result<Capture, PatternError> {
        if index >= self.level {
            return if index == 0 {
                Ok(Capture::Span(self.start, self.end.max(self.start)))
            } else {
                Err(PatternError::InvalidCaptureIndex(index as u8 + 1))
            };
        }
        self.captures[index].value()
    }

    /// Appends the replacement text of `string.gsub` for the match: `%0` to `%9` are captures and `%%`
    /// is a `%`. Begins at the offset `from` of the replacement; where it is to go on if the budget was used up or the
    /// output has passed `most` bytes, none at the end.
    pub fn expand(
        &self,
        subject: &[u8],
        replacement: &[u8],
        from: usize,
        out: &mut Vec<u8>,
        most: usize,
        budget: &mut u64,
    ) -> Result<Option<usize>, PatternError> {
        let span = |start: usize, end: usize| subject.get(start..end).unwrap_or_default();
        let mut rest = replacement.get(from..).unwrap_or_default();
        let mut before = out.len();
        while let Some(escape) = memchr(b'%', rest) {
            if *budget == 0 || out.len() > most {
                return Ok(Some(replacement.len() - rest.len()));
            }
            out.extend_from_slice(&rest[..escape]);
            match rest.get(escape + 1) {
                Some(b'%') => out.push(b'%'),
                Some(b'0') => out.extend_from_slice(span(self.start, self.end)),
                Some(digit @ b'1'..=b'9') => match self.capture(usize::from(digit - b'1'))? {
                    Capture::Span(start, end) => out.extend_from_slice(span(start, end)),
                    Capture::Position(position) => {
                        out.extend_from_slice(position.to_string().as_bytes());
                    }
                },
                _ => return Err(PatternError::InvalidReplacement),
            }
            rest = &rest[escape + 2..];
            *budget -= 1;
            charge(budget, out.len() - before, COMPARED_PER_STEP);
            before = out.len();
        }
        out.extend_from_slice(rest);
        charge(budget, rest.len(), COMPARED_PER_STEP);
        Ok(None)
    }

    /// Tries one start position after the other; the end of the first match, if any.
    fn search(&mut self, subject: &[u8], pattern: &[u8], budget: &mut u64) -> Result<Option<usize>, Stop> {
        let plain = match self.plain {
            Some(plain) => plain,
            None => self.look_for_specials(pattern, budget)?,
        };
        if plain {
            return self.search_plain(subject, pattern, budget);
        }
        let mut lead = None;
        loop {
            if !self.attempting {
                if self.exhausted || self.start > subject.len() {
                    return Ok(None);
                }
                if !self.anchored {
                    let lead = match lead {
                        Some(lead) => lead,
                        None => *lead.insert(self.lead(pattern, budget)?),
                    };
                    if let Some(single) = lead
                        && !self.seek(single, subject, budget)?
                    {
                        return Ok(None);
                    }
                }
                self.attempting = true;
                self.backtracking = false;
                self.at = self.start;
                self.item = usize::from(self.anchored);
                self.scanned = 0;
                self.level = 0;
                self.choices.clear();
            }
            let result = match self.attempt_short(subject, pattern, budget) {
                Some(result) => result,
                None => self.attempt(subject, pattern, budget)?,
            };
            self.attempting = false;
            if result.is_some() && result != self.last_end {
                return Ok(result);
            }
            if self.anchored {
                self.exhausted = true;
            }
            self.start += 1;
        }
    }

    /// A new attempt that is over soon: its result; none if it is not known.
    #[inline]
    fn attempt_short(&mut self, subject: &[u8], pattern: &[u8], budget: &mut u64) -> Option<Option<usize>> {
        // One that goes on has left its first place, or is about to leave it.
        let is_new = self.at == self.start && self.scanned == 0 && !self.backtracking && self.level == 0;
        let is_new = is_new && self.item == usize::from(self.anchored) && self.choices.is_empty();
        if !is_new || *budget < STEPS_MAX {
            return None;
        }
        let mut short = Short::new(subject, pattern, STEPS_MAX)?;
        let result = short.attempt(self.start, self.item);
        *budget -= STEPS_MAX - short.steps();
        let result = result.ok()?;
        self.level = short.level();
        self.captures[..self.level].copy_from_slice(short.captures());
        Some(result)
    }
    /// Whether the pattern is plain.
    #[cold]
    fn look_for_specials(&mut self, pattern: &[u8], budget: &mut u64) -> Result<bool, Stop> {
        let rest = &pattern[self.checked..];
        let window = scan_window(*budget, rest.len(), SCANNED_PER_STEP);
        let special = has_specials(&rest[..window], self.strict);
        charge(budget, window, SCANNED_PER_STEP);
        self.checked += window;
        if !special && window < rest.len() {
            return Err(Stop::OutOfBudget);
        }
        self.plain = Some(!special);
        Ok(!special)
    }

    fn search_plain(&mut self, subject: &[u8], pattern: &[u8], budget: &mut u64) -> Result<Option<usize>, Stop> {
        if pattern.is_empty() && self.last_end == Some(self.start) {
            self.start += 1;
        }
        if pattern.len() > NEEDLE_MAX {
            let needle = self.needle.get_or_insert_with(|| Box::new(LongNeedle::new()));
            return match needle.find(subject, pattern, &mut self.start, budget) {
                Found::At(start) => Ok(Some(start + pattern.len())),
                Found::Nowhere => {
                    self.start = subject.len() + 1;
                    Ok(None)
                }
                Found::OutOfBudget => Err(Stop::OutOfBudget),
            };
        }
        loop {
            if self.start > subject.len() {
                return Ok(None);
            }
            // Windows overlap by all but one byte of the pattern.
            let rest = &subject[self.start..];
            let window = scan_window(*budget, rest.len(), FOUND_PER_STEP).saturating_add(pattern.len());
            let window = window.min(rest.len());
            let found = match pattern {
                [byte] => memchr(*byte, &rest[..window]),
                _ => memmem::find(&rest[..window], pattern),
            };
            charge(budget, found.unwrap_or(window), FOUND_PER_STEP);
            if let Some(offset) = found {
                self.start += offset;
                return Ok(Some(self.start + pattern.len()));
            }
            if window == rest.len() {
                self.start = subject.len() + 1;
                return Ok(None);
            }
            self.start += window - pattern.len() + 1;
            if *budget == 0 {
                return Err(Stop::OutOfBudget);
            }
        }
    }

    /// The single-byte item that every match begins with, if the pattern begins with one. The errors are
    /// those the first attempt would run into.
    fn lead(&mut self, pattern: &[u8], budget: &mut u64) -> Result<Option<Single>, Stop> {
        let mut item = 0;
        while item < CAPTURES_MAX && pattern.get(item) == Some(&b'(') && pattern.get(item + 1) != Some(&b')') {
            item += 1;
        }
        match pattern.get(item) {
            None | Some(b'(' | b')' | b'$') => return Ok(None),
            Some(b'%') if matches!(pattern.get(item + 1), Some(b'b' | b'f' | b'0'..=b'9')) => {
                return Ok(None);
            }
            _ => {}
        }
        let (single, after) = self.single(pattern, item, budget)?;
        Ok(match pattern.get(after) {
            Some(b'*' | b'?' | b'-') => None,
            _ => Some(single),
        })
    }

    /// Moves `start` to the next byte that `single` matches; false if there is none.
    fn seek(&mut self, single: Single, subject: &[u8], budget: &mut u64) -> Result<bool, Stop> {
        loop {
            let rest = &subject[self.start..];
            let rate = single.found_per_step();
            let window = scan_window(*budget, rest.len(), rate);
            let found = single.find(&rest[..window]);
            charge(budget, found.unwrap_or(window), rate);
            if let Some(offset) = found {
                self.start += offset;
                return Ok(true);
            }
            self.start += window;
            if window == rest.len() {
                self.exhausted = true;
                return Ok(false);
            }
            if *budget == 0 {
                return Err(Stop::OutOfBudget);
            }
        }
    }
}

/// How many of `length` bytes to scan at once, `rate` of them a step; at least one step's, so that any budget makes
/// progress.
fn scan_window(budget: u64, length: usize, rate: usize) -> usize {
    let steps = usize::try_from(budget).unwrap_or(usize::MAX);
    let bytes = steps.max(1).saturating_mul(rate);
    bytes.min(length)
}

/// Pays for scanning `bytes`.
fn charge(budget: &mut u64, bytes: usize, rate: usize) {
    *budget = budget.saturating_sub((bytes / rate) as u64);
}

/// Whether a pattern holds any byte with a meaning of its own, in the reference's reckoning, which leaves
/// out `)` unless it is `strict`.
pub(super) fn has_specials(pattern: &[u8], strict: bool) -> bool {
    const SPECIALS: ByteSet = ByteSet::of(b"^$*+?.([%-");
    pattern.iter().any(|&byte| SPECIALS.has(byte) || (strict && byte == b')'))
}

#[cfg(test)]
mod tests;
