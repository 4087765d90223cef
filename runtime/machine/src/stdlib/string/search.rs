//! `find`, `match`, `gmatch`, `gsub`: the natives around the matcher (manual 6.4).
//!
//! Journey: value. Matching runs with a budget of steps; when that is used up the matcher goes to a buffer in a register
//! and the native lets others run. In the usual case no buffer is made.

use super::super::NativeState;
use super::super::access::{self, Access};
use super::super::text::{go_on, return_text};
use super::native;
use super::pattern::{self, Capture, Matcher, Mode, Outcome, STEPS_MAX, Short};
use super::start_position;
use crate::value::{Ref, Str, Value, number};
use crate::vm::Vm;
use crate::vm::native::{Result, Step};
use crate::vm::operation::MAX_STRING;
use crate::vm::work::COPIED;
use serde::{Deserialize, Serialize};

/// A match in progress.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct PatternState {
    matcher: Matcher,
    /// `gsub`: the output, how much of the subject is in it, and the replacements so far.
    output: Vec<u8>,
    copied: usize,
    count: i64,
    /// `gsub`: the match whose replacement is being made.
    found: (usize, usize),
    /// `gsub`: that replacement is a text, which is in the output up to this offset.
    expanded: Option<usize>,
    /// `gsub`: something was replaced.
    changed: bool,
}

/// Steps of the matcher that are one reduction.
const STEPS: usize = 4;
/// What a match costs in steps, besides those that find it.
const MATCH: u64 = 8;
/// Bytes of output that are one step.
const OUTPUT: usize = COPIED / STEPS;

/// The steps that a native may do now.
struct Budget {
    given: u64,
    left: u64,
}
impl Budget {
    fn new(vm: &Vm) -> Budget {
        let given = vm.allowance(STEPS) as u64;
        Budget { given, left: given }
    }
    fn spend(&mut self, steps: u64) {
        self.left = self.left.saturating_sub(steps);
    }
    fn pay(&self, vm: &mut Vm) {
        vm.pay((self.given - self.left) as usize, STEPS);
    }
}

/// Runs a matcher; none if the budget is used up.
fn run(
    vm: &mut Vm,
    m: &mut Matcher,
    s: &[u8],
    p: &[u8],
    budget: &mut Budget,
) -> Result<Option<Option<(usize, usize)>>> {
    match m.run(s, p, &mut budget.left) {
        pattern::Step::Matched { start, end } => Ok(Some(Some((start, end)))),
        pattern::Step::Failed => Ok(Some(None)),
        pattern::Step::OutOfBudget => Ok(None),
        pattern::Step::Error(e) => Err(vm.error(e.to_string())),
    }
}
fn capture(vm: &mut Vm, m: &Matcher, s: &[u8], i: usize, budget: &mut Budget) -> Result<Value> {
    match m.capture(i) {
        Ok(Capture::Span(a, b)) => {
            budget.spend(((b - a) / OUTPUT) as u64);
            Ok(vm.heap.string(&s[a..b]))
        }
        Ok(Capture::Position(n)) => Ok(Value::integer(n as i64)),
        Err(e) => Err(vm.error(e.to_string())),
    }
}
/// It is large, and moves between a register and the native that runs: as a pointer.
fn fresh(matcher: Matcher) -> Box<PatternState> {
    let found = (0, 0);
    Box::new(PatternState { matcher, output: Vec::new(), copied: 0, count: 0, found, expanded: None, changed: false })
}
/// Keeps a state in a register.
fn keep(vm: &mut Vm, register: usize, state: Box<PatternState>) {
    if let Some(b) = vm.arg(register).as_buffer() {
        *NativeState::of(&b) = NativeState::Pattern(state);
        return;
    }
    let b = vm.heap.buffer(NativeState::Pattern(state));
    vm.set_arg(register, Value::buffer(b));
}
/// Takes the state out of its register; leaves an empty one.
fn take(vm: &mut Vm, register: usize) -> Result<Box<PatternState>> {
    let state = vm.arg(register).as_buffer().map(|b| {
        let mut state = NativeState::of(&b);
        std::mem::replace(&mut *state, NativeState::Bytes(Vec::new()))
    });
    let (Some(s), Some(p)) = (subject(vm), pattern_of(vm)) else { return Err(vm.damaged()) };
    match state {
        // A frozen process may have been damaged on its way.
        Some(NativeState::Pattern(state)) if state.fits(&s, &p) => Ok(state),
        _ => Err(vm.damaged()),
    }
}
/// Subject and pattern of the running native: its upvalues (`gmatch`) or its first registers.
fn subject(vm: &Vm) -> Option<Ref<Str>> {
    vm.native_upvalue(0).as_string().or_else(|| vm.arg(0).as_string())
}
fn pattern_of(vm: &Vm) -> Option<Ref<Str>> {
    vm.native_upvalue(1).as_string().or_else(|| vm.arg(1).as_string())
}
impl PatternState {
    /// Whether all offsets lie within these texts, in order.
    fn fits(&self, s: &Str, p: &Str) -> bool {
        let n = s.bytes().len();
        self.copied <= n
            && self.found.0 <= self.found.1
            && self.found.1 <= n
            && self.matcher.is_valid_for(s.bytes(), p.bytes())
    }
}

/// `find` and `match`. Registers: subject, pattern, init, plain; 4: the matcher, when suspended.
pub(super) fn find(vm: &mut Vm, state: u32, positions: bool) -> Result<Step> {
    let s = vm.check_string(0)?;
    let p = vm.check_string(1)?;
    let mut m = if state == 0 {
        let init = start_position(vm.opt_integer(2, 1)?, s.bytes().len());
        if init > s.bytes().len() + 1 {
            return vm.return_one(Value::NIL);
        }
        let mode = match positions {
            true if !vm.arg(3).is_false() => Mode::Plain,
            true => Mode::Find,
            false => Mode::Match,
        };
        if let Some(step) = find_short(vm, &s, &p, init - 1, mode)? {
            return Ok(step);
        }
        Matcher::new(p.bytes(), init - 1, mode)
    } else {
        take(vm, 4)?.matcher
    };
    let mut budget = Budget::new(vm);
    let found = run(vm, &mut m, s.bytes(), p.bytes(), &mut budget)?;
    let step = match found {
        None => {
            keep(vm, 4, fresh(m));
            Step::Again(1)
        }
        Some(None) => {
            vm.push(Value::NIL);
            Step::Return(1)
        }
        Some(Some((start, end))) => {
            let mut n = 0;
            let captures = if positions {
                vm.push(Value::integer(start as i64 + 1));
                vm.push(Value::integer(end as i64));
                n += 2;
                m.capture_count()
            } else {
                m.value_count()
            };
            for i in 0..captures {
                let v = capture(vm, &m, s.bytes(), i, &mut budget)?;
                vm.push(v);
            }
            Step::Return(n + captures)
        }
    };
    budget.pay(vm);
    Ok(step)
}
/// A search that is over soon; none if it may not be.
#[inline]
fn find_short(vm: &mut Vm, s: &Str, p: &Str, init: usize, mode: Mode) -> Result<Option<Step>> {
    let (s, p) = (s.bytes(), p.bytes());
    if matches!(mode, Mode::Plain | Mode::Find) && (mode == Mode::Plain || !pattern::has_specials(p, false)) {
        let rest = &s[init.min(s.len())..];
        if p.is_empty() || p.len() > SHORT || rest.len() > SHORT {
            return Ok(None);
        }
        let mut from = 0;
        while let Some(offset) = memchr::memchr(p[0], &rest[from..]) {
            let at = from + offset;
            if rest[at..].starts_with(p) {
                let start = (init + at) as i64 + 1;
                vm.push(Value::integer(start));
                vm.push(Value::integer(start - 1 + p.len() as i64));
                return Ok(Some(Step::Return(2)));
            }
            from = at + 1;
        }
        vm.push(Value::NIL);
        return Ok(Some(Step::Return(1)));
    }
    let steps = Budget::new(vm).left.min(STEPS_MAX);
    let Some(mut short) = Short::new(s, p, steps) else { return Ok(None) };
    let outcome = short.search(init, p.first() == Some(&b'^'), None);
    vm.pay((steps - short.steps()) as usize, STEPS);
    Ok(match outcome {
        Outcome::GivenUp => None,
        Outcome::Nowhere => {
            vm.push(Value::NIL);
            Some(Step::Return(1))
        }
        Outcome::Found { start, end } => {
            if mode == Mode::Find {
                vm.push(Value::integer(start as i64 + 1));
                vm.push(Value::integer(end as i64));
                push_captures(vm, &short, s)?;
                Some(Step::Return(2 + short.level()))
            } else {
                Some(Step::Return(push_values(vm, &short, s, start, end)?))
            }
        }
    })
}
/// Bytes that are looked through at once for a substring, and those of such a one: all that can be compared in that are some
/// microseconds' worth.
const SHORT: usize = 512;
/// Pushes the captures of a short match.
fn push_captures(vm: &mut Vm, short: &Short, s: &[u8]) -> Result<()> {
    for i in 0..short.level() {
        let v = match short.capture(i) {
            Ok(Capture::Span(a, b)) => {
                vm.pay(b - a, COPIED);
                vm.heap.string(&s[a..b])
            }
            Ok(Capture::Position(n)) => Value::integer(n as i64),
            Err(e) => return Err(vm.error(e.to_string())),
        };
        vm.push(v);
    }
    Ok(())
}
/// Pushes the captures of a short match, or all of it if there are none; how many.
fn push_values(vm: &mut Vm, short: &Short, s: &[u8], start: usize, end: usize) -> Result<usize> {
    if short.level() > 0 {
        push_captures(vm, short, s)?;
        return Ok(short.level());
    }
    vm.pay(end - start, COPIED);
    let v = vm.heap.string(&s[start..end]);
    vm.push(v);
    Ok(1)
}
/// The iterator's upvalues: subject, pattern, next start, end of the last match or -1.
pub(super) fn gmatch(vm: &mut Vm) -> Result<Value> {
    let s = vm.check_string(0)?;
    vm.check_string(1)?;
    let n = s.bytes().len();
    let init = start_position(vm.opt_integer(2, 1)?, n).min(n + 2);
    let upvalues = [vm.arg(0), vm.arg(1), Value::integer(init as i64 - 1), Value::integer(-1)];
    Ok(Value::native_closure(vm.heap.native_closure(native("string.gmatch_next"), &upvalues)))
}
pub(super) fn gmatch_next(vm: &mut Vm, state: u32) -> Result<Step> {
    let (Some(s), Some(p)) = (vm.native_upvalue(0).as_string(), vm.native_upvalue(1).as_string()) else {
        return vm.return_one(Value::NIL);
    };
    let mut m = if state == 0 {
        vm.truncate(0);
        let at = vm.native_upvalue(2).as_integer().unwrap_or(0);
        let last = vm.native_upvalue(3).as_integer().unwrap_or(-1);
        if at < 0 || at as usize > s.bytes().len() {
            return Ok(Step::Return(0));
        }
        let last = usize::try_from(last).ok();
        let steps = Budget::new(vm).left.min(STEPS_MAX);
        if let Some(mut short) = Short::new(s.bytes(), p.bytes(), steps) {
            let outcome = short.search(at as usize, false, last);
            vm.pay((steps - short.steps()) as usize, STEPS);
            match outcome {
                Outcome::GivenUp => {}
                Outcome::Nowhere => {
                    vm.set_native_upvalue(2, Value::integer(-1));
                    return Ok(Step::Return(0));
                }
                Outcome::Found { start, end } => {
                    let n = push_values(vm, &short, s.bytes(), start, end)?;
                    vm.set_native_upvalue(2, Value::integer(end as i64));
                    vm.set_native_upvalue(3, Value::integer(end as i64));
                    return Ok(Step::Return(n));
                }
            }
        }
        Matcher::new(p.bytes(), at as usize, Mode::Repeated).with_last_end(last)
    } else {
        take(vm, 0)?.matcher
    };
    let mut budget = Budget::new(vm);
    let found = run(vm, &mut m, s.bytes(), p.bytes(), &mut budget)?;
    let step = match found {
        None => {
            keep(vm, 0, fresh(m));
            Step::Again(1)
        }
        Some(None) => {
            vm.set_native_upvalue(2, Value::integer(-1));
            Step::Return(0)
        }
        Some(Some(_)) => {
            let n = m.value_count();
            for i in 0..n {
                let v = capture(vm, &m, s.bytes(), i, &mut budget)?;
                vm.push(v);
            }
            m.advance();
            vm.set_native_upvalue(2, Value::integer(m.start() as i64));
            vm.set_native_upvalue(3, Value::integer(m.last_end().map_or(-1, |e| e as i64)));
            Step::Return(n)
        }
    };
    budget.pay(vm);
    Ok(step)
}

/// State of `gsub`: all is done, but that the output is no string yet.
const TEXT: u32 = 3;
/// Registers: subject, pattern, replacement, limit, state. States: 0 begin, 1 go on, 2 the replacement is on top.
pub(super) fn gsub(vm: &mut Vm, state: u32) -> Result<Step> {
    let mut budget = Budget::new(vm);
    let mut g = match state {
        TEXT => return go_on(vm, TEXT),
        0 => {
            let s = vm.check_string(0)?;
            let p = vm.check_string(1)?;
            let r = vm.arg(2);
            let limit = vm.opt_integer(3, s.bytes().len() as i64 + 1)?;
            if !(r.is_number() || r.is_string() || r.is_function() || r.as_table().is_some()) {
                return Err(vm.type_error(2, "string/function/table"));
            }
            if r.is_number() {
                vm.check_string(2)?;
            }
            vm.set_arg(3, Value::integer(limit));
            vm.truncate(4);
            fresh(Matcher::new(p.bytes(), 0, Mode::Match))
        }
        1 => take(vm, 4)?,
        _ => {
            let v = vm.arg(vm.count().saturating_sub(1));
            let mut g = take(vm, 4)?;
            vm.truncate(5);
            replace(vm, &mut g, v, &mut budget)?;
            g
        }
    };
    let limit = vm.arg(3).as_integer().unwrap_or(0);
    let s = vm.check_string(0)?;
    let p = vm.check_string(1)?;
    let r = vm.arg(2);
    let step = loop {
        if let (Some(from), Some(text)) = (g.expanded, r.as_string()) {
            let end = g.matcher.expand(s.bytes(), text.bytes(), from, &mut g.output, MAX_STRING, &mut budget.left);
            match end {
                Ok(end) => g.expanded = end,
                Err(e) => return Err(vm.error(e.to_string())),
            }
            check_output(vm, &g)?;
            if g.expanded.is_some() {
                keep(vm, 4, g);
                break Step::Again(1);
            }
            next_match(&mut g);
        }
        if g.count >= limit {
            break finish(vm, g, s.bytes())?;
        }
        if budget.left == 0 {
            keep(vm, 4, g);
            break Step::Again(1);
        }
        let found = match run(vm, &mut g.matcher, s.bytes(), p.bytes(), &mut budget)? {
            None => {
                keep(vm, 4, g);
                break Step::Again(1);
            }
            Some(None) => break finish(vm, g, s.bytes())?,
            Some(Some(found)) => found,
        };
        g.found = found;
        let between = s.bytes().get(g.copied..found.0).unwrap_or(&[]);
        g.output.extend_from_slice(between);
        g.copied = found.0;
        budget.spend(MATCH + (between.len() / OUTPUT) as u64);
        if r.is_string() {
            g.changed = true;
            g.expanded = Some(0);
            continue;
        }
        let first = capture(vm, &g.matcher, s.bytes(), 0, &mut budget)?;
        let v = if r.as_table().is_some() {
            match access::index(vm, r, first)? {
                Access::Done(v) => v,
                Access::Call(function) => {
                    // The state goes below the call, whose values move up by what it needs.
                    break call_with_state(vm, function, g);
                }
            }
        } else {
            let function = vm.count();
            vm.push(r);
            vm.push(first);
            for i in 1..g.matcher.value_count() {
                let v = capture(vm, &g.matcher, s.bytes(), i, &mut budget)?;
                vm.push(v);
            }
            break call_with_state(vm, function, g);
        };
        replace(vm, &mut g, v, &mut budget)?;
    };
    budget.pay(vm);
    Ok(step)
}
fn finish(vm: &mut Vm, mut g: Box<PatternState>, s: &[u8]) -> Result<Step> {
    if !g.changed {
        // The same string, not a copy.
        let v = vm.arg(0);
        vm.push(v);
    } else {
        g.output.extend_from_slice(&s[g.copied..]);
        return return_text(vm, std::mem::take(&mut g.output), Some(Value::integer(g.count)), TEXT);
    }
    vm.push(Value::integer(g.count));
    Ok(Step::Return(2))
}
/// Puts the state in register 4 and has the function called that was pushed at `function`.
fn call_with_state(vm: &mut Vm, function: usize, g: Box<PatternState>) -> Step {
    if function < 5 {
        vm.insert(function, Value::NIL);
    }
    keep(vm, 4, g);
    Step::Call { function: 5, results: 1, next: 2, catch: false }
}
fn next_match(g: &mut PatternState) {
    g.copied = g.found.1;
    g.count += 1;
    g.matcher.advance();
}
fn check_output(vm: &mut Vm, g: &PatternState) -> Result<()> {
    if g.output.len() > MAX_STRING {
        return Err(vm.error("resulting string too large"));
    }
    // The output is one string more in the end.
    vm.check_room(2 * g.output.len())
}
/// Appends the value that a function or table gave for the match.
fn replace(vm: &mut Vm, g: &mut PatternState, v: Value, budget: &mut Budget) -> Result<()> {
    let before = g.output.len();
    if v.is_false() {
        let s = vm.check_string(0)?;
        g.output.extend_from_slice(&s.bytes()[g.found.0..g.found.1]);
    } else if let Some(text) = v.as_string() {
        g.changed = true;
        g.output.extend_from_slice(text.bytes());
    } else if v.is_number() {
        g.changed = true;
        g.output.extend_from_slice(number::number_text(v).as_bytes());
    } else {
        return Err(vm.error(format!("invalid replacement value (a {})", v.type_name())));
    }
    budget.spend(((g.output.len() - before) / OUTPUT) as u64);
    next_match(g);
    check_output(vm, g)
}
