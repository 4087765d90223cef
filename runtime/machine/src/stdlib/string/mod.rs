//! Strings (manual 6.4): the natives around the pure algorithms in pattern, format and pack.
//!
//! Journey: value. Matching runs with a budget of steps; when that is used up the matcher goes to a buffer in a register
//! and the native lets others run. In the usual case no buffer is made.

pub mod format;
pub mod pack;
pub mod pattern;

use super::NativeState;
use super::access::{self, Access};
use super::base::{check_text, to_text};
use crate::value::{Kind, Ref, Table, Value, number};
use crate::vm::Vm;
use crate::vm::arith::ArithError;
use crate::vm::metamethod::Event;
use crate::vm::native::{Native, Result, Step};
use crate::vm::operation::{DIVIDE_BY_ZERO, MAX_STRING, MODULO_BY_ZERO};
use pattern::{Capture, Matcher, Mode};
use serde::{Deserialize, Serialize};

/// The library's functions, and the arithmetic of the string metatable.
pub static NATIVES: &[Native] = &[
    Native::steps("string.byte", byte),
    Native::leaf("string.char", char_),
    Native::leaf("string.dump", dump),
    Native::steps("string.find", |vm, s| find(vm, s, true)),
    Native::steps("string.format", format_),
    Native::leaf("string.gmatch", gmatch),
    Native::steps("string.gmatch_next", gmatch_next),
    Native::steps("string.gsub", gsub),
    Native::leaf("string.len", len),
    Native::leaf("string.lower", lower),
    Native::steps("string.match", |vm, s| find(vm, s, false)),
    Native::leaf("string.pack", pack_),
    Native::leaf("string.packsize", packsize),
    Native::leaf("string.rep", rep),
    Native::leaf("string.reverse", reverse),
    Native::leaf("string.sub", sub),
    Native::steps("string.unpack", unpack),
    Native::leaf("string.upper", upper),
    Native::steps("string.__add", |vm, s| arithmetic(vm, s, Event::Add)),
    Native::steps("string.__sub", |vm, s| arithmetic(vm, s, Event::Sub)),
    Native::steps("string.__mul", |vm, s| arithmetic(vm, s, Event::Mul)),
    Native::steps("string.__mod", |vm, s| arithmetic(vm, s, Event::Mod)),
    Native::steps("string.__pow", |vm, s| arithmetic(vm, s, Event::Pow)),
    Native::steps("string.__div", |vm, s| arithmetic(vm, s, Event::Div)),
    Native::steps("string.__idiv", |vm, s| arithmetic(vm, s, Event::IDiv)),
    Native::steps("string.__unm", |vm, s| arithmetic(vm, s, Event::Unm)),
];

fn native(name: &str) -> &'static Native {
    NATIVES.iter().find(|n| n.name == name).expect("it is in the list")
}

/// Builds the library's table.
pub fn open(vm: &mut Vm) -> Value {
    let t = vm.heap.table_sized(0, NATIVES.len());
    for n in NATIVES {
        match n.name.strip_prefix("string.") {
            Some(name) if !name.starts_with("__") && name != "gmatch_next" => {
                super::field(vm, t, name, Value::native(n));
            }
            _ => {}
        }
    }
    Value::table(t)
}
/// Sets the metatable of strings.
pub fn metatable(vm: &mut Vm, library: Ref<Table>) {
    let t = vm.heap.table_sized(0, 9);
    super::field(vm, t, "__index", Value::table(library));
    for n in NATIVES {
        if let Some(name) = n.name.strip_prefix("string.")
            && name.starts_with("__")
        {
            super::field(vm, t, name, Value::native(n));
        }
    }
    vm.set_string_metatable(Some(t));
}

/// The text of a value without regard to `__tostring` (but to `__name`).
pub fn basic_text(vm: &mut Vm, v: Value) -> Vec<u8> {
    match v.kind() {
        Kind::Nil => b"nil".to_vec(),
        Kind::Boolean(b) => b.to_string().into_bytes(),
        Kind::Integer(_) | Kind::Float(_) => number::number_text(v).as_bytes().to_vec(),
        Kind::String(s) => s.bytes().to_vec(),
        Kind::Pid(pid) => pid.to_string().into_bytes(),
        _ => {
            let mut text = vm.own_name(v).unwrap_or_else(|| v.type_name().as_bytes().to_vec());
            let address = vm.heap.address_of(v);
            text.extend_from_slice(format!(": 0x{address:x}").as_bytes());
            text
        }
    }
}

/// A start position as `string.sub` and its kin take it: from 1, negative from the end.
fn start_position(i: i64, len: usize) -> usize {
    if i > 0 {
        i as usize
    } else if i == 0 || i < -(len as i64) {
        1
    } else {
        (len as i64 + i + 1) as usize
    }
}
/// An end position, at most `len`.
fn end_position(i: i64, len: usize) -> usize {
    if i > len as i64 {
        len
    } else if i >= 0 {
        i as usize
    } else if i < -(len as i64) {
        0
    } else {
        (len as i64 + i + 1) as usize
    }
}
fn too_large(vm: &mut Vm) -> crate::vm::native::Raise {
    vm.error("resulting string too large")
}

fn len(vm: &mut Vm) -> Result<Value> {
    Ok(Value::integer(vm.check_string(0)?.bytes().len() as i64))
}
fn sub(vm: &mut Vm) -> Result<Value> {
    let s = vm.check_string(0)?;
    let n = s.bytes().len();
    let i = start_position(vm.check_integer(1)?, n);
    let j = end_position(vm.opt_integer(2, -1)?, n);
    if i > j {
        return Ok(vm.heap.string(b""));
    }
    if i == 1 && j == n {
        return Ok(vm.arg(0));
    }
    Ok(vm.heap.string(&s.bytes()[i - 1..j]))
}
fn map(vm: &mut Vm, f: fn(&u8) -> u8) -> Result<Value> {
    let s = vm.check_string(0)?;
    Ok(vm.heap.string_with(s.bytes().len(), |to| {
        for (d, b) in to.iter_mut().zip(s.bytes()) {
            *d = f(b);
        }
    }))
}
fn upper(vm: &mut Vm) -> Result<Value> {
    map(vm, u8::to_ascii_uppercase)
}
fn lower(vm: &mut Vm) -> Result<Value> {
    map(vm, u8::to_ascii_lowercase)
}
fn reverse(vm: &mut Vm) -> Result<Value> {
    let s = vm.check_string(0)?;
    Ok(vm.heap.string_with(s.bytes().len(), |to| {
        for (d, b) in to.iter_mut().zip(s.bytes().iter().rev()) {
            *d = *b;
        }
    }))
}
fn rep(vm: &mut Vm) -> Result<Value> {
    let s = vm.check_string(0)?;
    let n = vm.check_integer(1)?;
    let separator = vm.opt_string(2)?;
    if n <= 0 {
        return Ok(vm.heap.string(b""));
    }
    let (l, d) = (s.bytes().len(), separator.map_or(0, |d| d.bytes().len()));
    let total = (l as u128 + d as u128) * n as u128 - d as u128;
    if total >= MAX_STRING as u128 {
        return Err(too_large(vm));
    }
    vm.check_room(total as usize)?;
    vm.charge(total as usize / 256);
    let (s, total) = (s.bytes(), total as usize);
    Ok(vm.heap.string_with(total, |to| {
        if let [b] = s
            && d == 0
        {
            to.fill(*b);
            return;
        }
        let mut at = 0;
        while at < total {
            to[at..at + l].copy_from_slice(s);
            at += l;
            if at < total {
                if let Some(d) = &separator {
                    to[at..at + d.bytes().len()].copy_from_slice(d.bytes());
                    at += d.bytes().len();
                }
            } else {
                break;
            }
            if l + d == 0 {
                break;
            }
        }
    }))
}
fn byte(vm: &mut Vm, _: u32) -> Result<Step> {
    let s = vm.check_string(0)?;
    let n = s.bytes().len();
    let first = vm.opt_integer(1, 1)?;
    let i = start_position(first, n);
    let j = end_position(vm.opt_integer(2, first)?, n);
    if i > j {
        return Ok(Step::Return(0));
    }
    let count = j - i + 1;
    if !vm.reserve(count) {
        return Err(vm.error("string slice too long"));
    }
    for &b in &s.bytes()[i - 1..j] {
        vm.push(Value::integer(b as i64));
    }
    Ok(Step::Return(count))
}
fn char_(vm: &mut Vm) -> Result<Value> {
    let n = vm.count();
    let mut text = Vec::with_capacity(n);
    for i in 0..n {
        match u8::try_from(vm.check_integer(i)?) {
            Ok(b) => text.push(b),
            Err(_) => return Err(vm.arg_error(i, "value out of range")),
        }
    }
    Ok(vm.heap.string(&text))
}
fn dump(vm: &mut Vm) -> Result<Value> {
    let f = vm.check_function(0)?;
    let strip = !vm.arg(1).is_false();
    let Some(c) = f.as_closure() else { return Err(vm.error("unable to dump given function")) };
    let p = c.proto();
    let bytes = match rlua_compiler::extract(p.module().chunk(), p.index()) {
        Some(chunk) => rlua_compiler::dump(&chunk, strip),
        None => return Err(vm.error("unable to dump given function")),
    };
    Ok(vm.heap.string(&bytes))
}

// Patterns.

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
    /// `gsub`: something was replaced.
    changed: bool,
}

/// Steps of the matcher in one go, and how many of them are one reduction.
const BUDGET: u64 = 20_000;
const STEPS_PER_REDUCTION: u64 = 16;

/// Runs a matcher; none if the budget is used up.
fn run(vm: &mut Vm, m: &mut Matcher, s: &[u8], p: &[u8]) -> Result<Option<Option<(usize, usize)>>> {
    let mut budget = BUDGET.min((vm.fuel_now().max(64) as u64) * STEPS_PER_REDUCTION);
    let given = budget;
    let step = m.run(s, p, &mut budget);
    vm.charge(((given - budget) / STEPS_PER_REDUCTION) as usize);
    match step {
        pattern::Step::Matched { start, end } => Ok(Some(Some((start, end)))),
        pattern::Step::Failed => Ok(Some(None)),
        pattern::Step::OutOfBudget => Ok(None),
        pattern::Step::Error(e) => Err(vm.error(e.to_string())),
    }
}
fn capture(vm: &mut Vm, m: &Matcher, s: &[u8], i: usize) -> Result<Value> {
    match m.capture(i) {
        Ok(Capture::Span(a, b)) => Ok(vm.heap.string(&s[a..b])),
        Ok(Capture::Position(n)) => Ok(Value::integer(n as i64)),
        Err(e) => Err(vm.error(e.to_string())),
    }
}
fn fresh(matcher: Matcher) -> PatternState {
    PatternState { matcher, output: Vec::new(), copied: 0, count: 0, found: (0, 0), changed: false }
}
/// Keeps a state in a register.
fn keep(vm: &mut Vm, register: usize, state: PatternState) {
    if let Some(b) = vm.arg(register).as_buffer() {
        *NativeState::of(&b) = NativeState::Pattern(Box::new(state));
        return;
    }
    let b = vm.heap.buffer(NativeState::Pattern(Box::new(state)));
    vm.set_arg(register, Value::buffer(b));
}
/// Takes the state out of its register; leaves an empty one.
fn take(vm: &mut Vm, register: usize) -> Result<PatternState> {
    let state = vm.arg(register).as_buffer().map(|b| {
        let mut state = NativeState::of(&b);
        std::mem::replace(&mut *state, NativeState::Bytes(Vec::new()))
    });
    let (Some(s), Some(p)) = (subject(vm), pattern_of(vm)) else { return Err(damaged(vm)) };
    match state {
        // A frozen process may have been damaged on its way.
        Some(NativeState::Pattern(state)) if state.fits(&s, &p) => Ok(*state),
        _ => Err(damaged(vm)),
    }
}
fn damaged(vm: &mut Vm) -> crate::vm::native::Raise {
    vm.error_plain("the state of a native function is damaged")
}
/// Subject and pattern of the running native: its upvalues (`gmatch`) or its first registers.
fn subject(vm: &Vm) -> Option<Ref<crate::value::Str>> {
    vm.native_upvalue(0).as_string().or_else(|| vm.arg(0).as_string())
}
fn pattern_of(vm: &Vm) -> Option<Ref<crate::value::Str>> {
    vm.native_upvalue(1).as_string().or_else(|| vm.arg(1).as_string())
}
impl PatternState {
    /// Whether all offsets lie within these texts, in order.
    fn fits(&self, s: &crate::value::Str, p: &crate::value::Str) -> bool {
        let n = s.bytes().len();
        self.copied <= n
            && self.found.0 <= self.found.1
            && self.found.1 <= n
            && self.matcher.is_valid_for(s.bytes(), p.bytes())
    }
}

/// `find` and `match`. Registers: subject, pattern, init, plain; 4: the matcher, when suspended.
fn find(vm: &mut Vm, state: u32, positions: bool) -> Result<Step> {
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
        Matcher::new(p.bytes(), init - 1, mode)
    } else {
        take(vm, 4)?.matcher
    };
    match run(vm, &mut m, s.bytes(), p.bytes())? {
        None => {
            keep(vm, 4, fresh(m));
            Ok(Step::Again(1))
        }
        Some(None) => vm.return_one(Value::NIL),
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
                let v = capture(vm, &m, s.bytes(), i)?;
                vm.push(v);
            }
            Ok(Step::Return(n + captures))
        }
    }
}
/// The iterator's upvalues: subject, pattern, next start, end of the last match or -1.
fn gmatch(vm: &mut Vm) -> Result<Value> {
    let s = vm.check_string(0)?;
    vm.check_string(1)?;
    let n = s.bytes().len();
    let init = start_position(vm.opt_integer(2, 1)?, n).min(n + 2);
    let upvalues = [vm.arg(0), vm.arg(1), Value::integer(init as i64 - 1), Value::integer(-1)];
    Ok(Value::native_closure(vm.heap.native_closure(native("string.gmatch_next"), &upvalues)))
}
fn gmatch_next(vm: &mut Vm, state: u32) -> Result<Step> {
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
        Matcher::new(p.bytes(), at as usize, Mode::Repeated).with_last_end(usize::try_from(last).ok())
    } else {
        take(vm, 0)?.matcher
    };
    match run(vm, &mut m, s.bytes(), p.bytes())? {
        None => {
            keep(vm, 0, fresh(m));
            Ok(Step::Again(1))
        }
        Some(None) => {
            vm.set_native_upvalue(2, Value::integer(-1));
            Ok(Step::Return(0))
        }
        Some(Some(_)) => {
            let n = m.value_count();
            for i in 0..n {
                let v = capture(vm, &m, s.bytes(), i)?;
                vm.push(v);
            }
            m.advance();
            vm.set_native_upvalue(2, Value::integer(m.start() as i64));
            vm.set_native_upvalue(3, Value::integer(m.last_end().map_or(-1, |e| e as i64)));
            Ok(Step::Return(n))
        }
    }
}

/// Registers: subject, pattern, replacement, limit, state. States: 0 begin, 1 go on, 2 the replacement is on top.
fn gsub(vm: &mut Vm, state: u32) -> Result<Step> {
    let mut g = match state {
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
            replace(vm, &mut g, v)?;
            g
        }
    };
    let limit = vm.arg(3).as_integer().unwrap_or(0);
    let s = vm.check_string(0)?;
    let p = vm.check_string(1)?;
    while g.count < limit {
        match run(vm, &mut g.matcher, s.bytes(), p.bytes())? {
            None => {
                keep(vm, 4, g);
                return Ok(Step::Again(1));
            }
            Some(None) => break,
            Some(Some(found)) => {
                g.found = found;
                g.output.extend_from_slice(s.bytes().get(g.copied..found.0).unwrap_or(&[]));
                let r = vm.arg(2);
                if let Some(text) = r.as_string() {
                    g.changed = true;
                    if let Err(e) = g.matcher.expand(s.bytes(), text.bytes(), &mut g.output) {
                        return Err(vm.error(e.to_string()));
                    }
                    next_match(vm, &mut g)?;
                    continue;
                }
                let first = capture(vm, &g.matcher, s.bytes(), 0)?;
                let v = if r.as_table().is_some() {
                    match access::index(vm, r, first)? {
                        Access::Done(v) => v,
                        Access::Call(function) => {
                            // The state goes below the call, whose values move up by what it needs.
                            return call_with_state(vm, function, g);
                        }
                    }
                } else {
                    let function = vm.count();
                    vm.push(r);
                    vm.push(first);
                    for i in 1..g.matcher.value_count() {
                        let v = capture(vm, &g.matcher, s.bytes(), i)?;
                        vm.push(v);
                    }
                    return call_with_state(vm, function, g);
                };
                replace(vm, &mut g, v)?;
            }
        }
    }
    if !g.changed {
        // The same string, not a copy.
        let v = vm.arg(0);
        vm.push(v);
    } else {
        g.output.extend_from_slice(&s.bytes()[g.copied..]);
        let v = vm.heap.string(&g.output);
        vm.push(v);
    }
    vm.push(Value::integer(g.count));
    Ok(Step::Return(2))
}
/// Puts the state in register 4 and has the function called that was pushed at `function`.
fn call_with_state(vm: &mut Vm, function: usize, g: PatternState) -> Result<Step> {
    if function < 5 {
        vm.push(Value::NIL);
        for i in (5..vm.count()).rev() {
            let v = vm.arg(i - 1);
            vm.set_arg(i, v);
        }
    }
    keep(vm, 4, g);
    Ok(Step::Call { function: 5, results: 1, next: 2, catch: false })
}
fn next_match(vm: &mut Vm, g: &mut PatternState) -> Result<()> {
    g.copied = g.found.1;
    g.count += 1;
    g.matcher.advance();
    if g.output.len() > MAX_STRING {
        return Err(too_large(vm));
    }
    // The output is one string more in the end.
    vm.check_room(2 * g.output.len())?;
    Ok(())
}
/// Appends the value that a function or table gave for the match.
fn replace(vm: &mut Vm, g: &mut PatternState, v: Value) -> Result<()> {
    let s = vm.check_string(0)?;
    if v.is_false() {
        g.output.extend_from_slice(&s.bytes()[g.found.0..g.found.1]);
        return next_match(vm, g);
    }
    g.changed = true;
    if let Some(text) = v.as_string() {
        g.output.extend_from_slice(text.bytes());
    } else if v.is_number() {
        g.output.extend_from_slice(number::number_text(v).as_bytes());
    } else {
        return Err(vm.error(format!("invalid replacement value (a {})", v.type_name())));
    }
    next_match(vm, g)
}

// format

/// Registers: format, arguments; when a `__tostring` is called, after them the output so far and where it goes on.
/// State: 0, or 1 + the argument whose text is on top.
fn format_(vm: &mut Vm, state: u32) -> Result<Step> {
    use format::{Conversion, Piece, Pieces};
    let mut out = Vec::new();
    let (mut offset, mut argument, mut text) = (0, 0usize, None);
    if state != 0 {
        let n = vm.count();
        if n < 4 || state < 2 {
            return Err(damaged(vm));
        }
        let v = vm.arg(n - 1);
        text = Some(check_text(vm, v)?);
        offset = vm.arg(n - 2).as_integer().unwrap_or(0) as usize;
        if let Some(b) = vm.arg(n - 3).as_buffer()
            && let NativeState::Bytes(o) = &mut *NativeState::of(&b)
        {
            out = std::mem::take(o);
        }
        vm.truncate(n - 3);
        argument = state as usize - 2;
    }
    let f = vm.check_string(0)?;
    let mut pieces = Pieces::resume(f.bytes(), offset);
    loop {
        let before = pieces.offset();
        let Some(piece) = pieces.next() else { break };
        let directive = match piece {
            Piece::Literal(bytes) => {
                out.extend_from_slice(bytes);
                continue;
            }
            Piece::Directive(d) => d,
        };
        argument += 1;
        macro_rules! spec {
            () => {
                match directive.spec() {
                    Ok(s) => s,
                    Err(e) => return Err(vm.error(e.message())),
                }
            };
        }
        if argument >= vm.count() {
            return Err(vm.arg_error(argument, "no value"));
        }
        let conversion = match directive.conversion() {
            Ok(c) => c,
            Err(e) => return Err(vm.error(e.message())),
        };
        match conversion {
            Conversion::Char => {
                let s = spec!();
                let n = vm.check_integer(argument)?;
                format::format_char(&s, n, &mut out);
            }
            Conversion::Integer => {
                let n = vm.check_integer(argument)?;
                format::format_integer(&spec!(), n, &mut out);
            }
            Conversion::Float => {
                if directive.is_checked_first() {
                    spec!();
                }
                let n = vm.check_float(argument)?;
                format::format_float(&spec!(), n, &mut out);
            }
            Conversion::Pointer => {
                let v = vm.arg(argument);
                let s = spec!();
                let address = match v.kind() {
                    Kind::Nil | Kind::Boolean(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Pid(_) => None,
                    _ => Some(vm.heap.address_of(v)),
                };
                format::format_pointer(&s, address, &mut out);
            }
            Conversion::Quoted => {
                let v = vm.arg(argument);
                if directive.text() != b"%q" {
                    return Err(vm.error("specifier '%q' cannot have modifiers"));
                }
                match v.kind() {
                    Kind::String(s) => format::quote_string(s.bytes(), &mut out),
                    Kind::Integer(n) => format::quote_integer(n, &mut out),
                    Kind::Float(n) => format::quote_float(n, &mut out),
                    Kind::Nil | Kind::Boolean(_) => {
                        let text = basic_text(vm, v);
                        out.extend_from_slice(&text);
                    }
                    _ => return Err(vm.arg_error(argument, "value has no literal form")),
                }
            }
            Conversion::String => {
                let v = vm.arg(argument);
                let s = match text.take() {
                    Some(s) => s,
                    None => {
                        let registers = vm.count();
                        match to_text(vm, v) {
                            Access::Done(s) => s,
                            Access::Call(_) => {
                                let (mm, object) = (vm.arg(registers), vm.arg(registers + 1));
                                vm.truncate(registers);
                                let b = vm.heap.buffer(NativeState::Bytes(out));
                                vm.push(Value::buffer(b));
                                vm.push(Value::integer(before as i64));
                                vm.push(mm);
                                vm.push(object);
                                let next = argument as u32 + 1;
                                return Ok(Step::Call { function: registers + 2, results: 1, next, catch: false });
                            }
                        }
                    }
                };
                let s = s.as_string().expect("a text is a string");
                if directive.is_bare() {
                    out.extend_from_slice(s.bytes());
                } else {
                    if s.bytes().contains(&0) {
                        return Err(vm.arg_error(argument, "string contains zeros"));
                    }
                    format::format_string(&spec!(), s.bytes(), &mut out);
                }
            }
        }
        if out.len() > MAX_STRING {
            return Err(too_large(vm));
        }
    }
    let v = vm.heap.string(&out);
    vm.return_one(v)
}

// pack

fn pack_error(vm: &mut Vm, e: pack::PackError, argument: usize) -> crate::vm::native::Raise {
    match e.culprit() {
        pack::Culprit::Nobody => vm.error(e.message()),
        pack::Culprit::Format => vm.arg_error(0, e.message()),
        pack::Culprit::Value => vm.arg_error(argument, e.message()),
        pack::Culprit::Data => vm.arg_error(1, e.message()),
    }
}
fn pack_(vm: &mut Vm) -> Result<Value> {
    let f = vm.check_string(0)?;
    let mut options = pack::Options::new(f.bytes());
    let (mut out, mut argument) = (Vec::new(), 0);
    // The reference keeps a mark behind the arguments: a missing one is nil to its messages.
    vm.push(Value::NIL);
    loop {
        let item = match options.next_item(out.len()) {
            Ok(Some(item)) => item,
            Ok(None) => return Ok(vm.heap.string(&out)),
            Err(e) => return Err(pack_error(vm, e, argument)),
        };
        if out.len() as u64 + item.size as u64 + item.padding as u64 > MAX_STRING as u64 {
            return Err(too_large(vm));
        }
        if !item.has_value() {
            item.pack_nothing(&mut out);
            continue;
        }
        argument += 1;
        let done = match item.kind {
            pack::Kind::Integer | pack::Kind::Unsigned => {
                let n = vm.check_integer(argument)?;
                item.pack_integer(n, &mut out)
            }
            pack::Kind::Float => {
                let n = vm.check_float(argument)?;
                item.pack_float(n, &mut out);
                Ok(())
            }
            _ => {
                let s = vm.check_string(argument)?;
                item.pack_string(s.bytes(), &mut out)
            }
        };
        if let Err(e) = done {
            return Err(pack_error(vm, e, argument));
        }
    }
}
fn packsize(vm: &mut Vm) -> Result<Value> {
    let f = vm.check_string(0)?;
    match pack::packed_size(f.bytes()) {
        Ok(n) => Ok(Value::integer(n as i64)),
        Err(e) => Err(pack_error(vm, e, 0)),
    }
}
fn unpack(vm: &mut Vm, _: u32) -> Result<Step> {
    let f = vm.check_string(0)?;
    let s = vm.check_string(1)?;
    let n = s.bytes().len();
    let mut position = start_position(vm.opt_integer(2, 1)?, n) - 1;
    if position > n {
        return Err(vm.arg_error(2, "initial position out of string"));
    }
    let mut options = pack::Options::new(f.bytes());
    let mut count = 0;
    loop {
        let item = match options.next_item(position) {
            Ok(Some(item)) => item,
            Ok(None) => break,
            Err(e) => return Err(pack_error(vm, e, 0)),
        };
        let value = match item.unpack(s.bytes(), &mut position) {
            Ok(v) => v,
            Err(e) => return Err(pack_error(vm, e, 0)),
        };
        let Some(value) = value else { continue };
        if !vm.reserve(2) {
            return Err(vm.error("too many results"));
        }
        let v = match value {
            pack::Unpacked::Integer(n) => Value::integer(n),
            pack::Unpacked::Float(n) => Value::float(n),
            pack::Unpacked::String(b) => vm.heap.string(b),
        };
        vm.push(v);
        count += 1;
    }
    vm.push(Value::integer(position as i64 + 1));
    Ok(Step::Return(count + 1))
}

// Arithmetic of strings. Instructions have it done without a call where they can (vm/operation.rs).

fn arithmetic(vm: &mut Vm, state: u32, event: Event) -> Result<Step> {
    if state != 0 {
        return Ok(Step::Return(1));
    }
    let (a, b) = (vm.arg(0), vm.arg(1));
    // One operand alone counts twice, and what changes its sign is the last one, as in the reference.
    let second = if vm.count() == 1 { a } else { b };
    let outcome = match event {
        Event::Unm if vm.to_number(a).is_none() => Err(ArithError::Operands),
        Event::Unm => vm.arith_coerced(event, second, second),
        _ => vm.arith_coerced(event, a, second),
    };
    match outcome {
        Ok(v) => vm.return_one(v),
        Err(ArithError::DivideByZero) => Err(vm.error_plain(DIVIDE_BY_ZERO)),
        Err(ArithError::ModuloByZero) => Err(vm.error_plain(MODULO_BY_ZERO)),
        Err(ArithError::Operands) => {
            let mm = if b.is_string() { Value::NIL } else { vm.metamethod(b, event) };
            if mm.is_nil() {
                let (verb, x, y) = (&event.name()[2..], a.type_name(), b.type_name());
                return Err(vm.error(format!("attempt to {verb} a '{x}' with a '{y}'")));
            }
            vm.truncate(0);
            for v in [a, b, mm, a, b] {
                vm.push(v);
            }
            Ok(Step::Call { function: 2, results: 1, next: 1, catch: false })
        }
    }
}
