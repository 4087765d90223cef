//! UTF-8 (manual 6.5).
//!
//! Journey: value. Code points up to 2^31 as the manual has them, so the decoder is our own.

use super::NativeState;
use crate::value::Value;
use crate::vm::Vm;
use crate::vm::native::{Native, Result, Step};
use crate::vm::work::{COPIED, ELEMENTS, LEAF, SCANNED};

/// The library's functions.
pub static NATIVES: &[Native] = &[
    Native::quick("utf8.char", char_, char_steps),
    Native::steps("utf8.codepoint", codepoint),
    Native::steps("utf8.codes", codes),
    Native::steps("utf8.codes_next", |vm, s| codes_next(vm, s, true)),
    Native::steps("utf8.codes_next_lax", |vm, s| codes_next(vm, s, false)),
    Native::steps("utf8.len", len),
    Native::quick("utf8.offset", offset, offset_steps),
];

/// Builds the library's table.
pub fn open(vm: &mut Vm) -> Value {
    let t = vm.heap.table_sized(0, 6);
    for n in NATIVES {
        if let Some(name) = n.name.strip_prefix("utf8.").filter(|n| !n.starts_with("codes_")) {
            super::field(vm, t, name, Value::native(n));
        }
    }
    let pattern = vm.heap.atom(b"[\0-\x7F\xC2-\xFD][\x80-\xBF]*");
    super::field(vm, t, "charpattern", pattern);
    Value::table(t)
}

/// Appends a code point, up to 2^31 - 1.
pub fn encode(out: &mut Vec<u8>, code: u32) {
    if code < 0x80 {
        out.push(code as u8);
        return;
    }
    let (mut rest, mut bytes, mut limit) = (code, [0u8; 6], 0x3fu32);
    let mut i = bytes.len();
    while rest > limit {
        i -= 1;
        bytes[i] = 0x80 | (rest & 0x3f) as u8;
        rest >>= 6;
        limit >>= 1;
    }
    i -= 1;
    bytes[i] = ((!limit << 1) | rest) as u8;
    out.extend_from_slice(&bytes[i..]);
}
/// The code point at the beginning of some bytes, and its length.
fn decode(s: &[u8], strict: bool) -> Option<(u32, usize)> {
    const SMALLEST: [u32; 6] = [0, 0x80, 0x800, 0x10000, 0x20_0000, 0x400_0000];
    let first = *s.first()? as u32;
    if first < 0x80 {
        return Some((first, 1));
    }
    if first & 0x40 == 0 || first >= 0xfe {
        return None;
    }
    let count = (first as u8).leading_ones() as usize;
    let mut code = first & (0x7f >> count);
    for i in 1..count {
        let b = *s.get(i)? as u32;
        if b & 0xc0 != 0x80 {
            return None;
        }
        code = code << 6 | b & 0x3f;
    }
    if code < SMALLEST[count - 1] || (strict && (code > 0x10_ffff || (0xd800..=0xdfff).contains(&code))) {
        return None;
    }
    Some((code, count))
}
fn is_continuation(s: &[u8], i: i64) -> bool {
    usize::try_from(i).ok().and_then(|i| s.get(i)).is_some_and(|b| b & 0xc0 == 0x80)
}
fn position(i: i64, len: usize) -> i64 {
    if i >= 0 {
        i
    } else if i < -(len as i64) {
        0
    } else {
        len as i64 + i + 1
    }
}

/// Encodes an argument.
fn encode_argument(vm: &mut Vm, i: usize, out: &mut Vec<u8>) -> Result<()> {
    let n = vm.check_integer(i)?;
    if !(0..=0x7fff_ffff).contains(&n) {
        return Err(vm.arg_error(i, "value out of range"));
    }
    encode(out, n as u32);
    Ok(())
}
fn char_(vm: &mut Vm) -> Result<Option<Value>> {
    if vm.count() > LEAF / ELEMENTS {
        return Ok(None);
    }
    let mut out = Vec::new();
    for i in 0..vm.count() {
        encode_argument(vm, i, &mut out)?;
    }
    Ok(Some(vm.heap.string(&out)))
}
/// Registers: the arguments, the output, how many are in it.
fn char_steps(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == 0 {
        if let Some(s) = char_(vm)? {
            return vm.return_one(s);
        }
        let buffer = vm.heap.buffer(NativeState::Bytes(Vec::new()));
        vm.push(Value::buffer(buffer));
        vm.push(Value::integer(0));
    }
    let n = vm.count().saturating_sub(2);
    let (Some(buffer), Some(done)) = (vm.arg(n).as_buffer(), vm.arg(n + 1).as_integer()) else {
        return Err(vm.damaged());
    };
    let done = usize::try_from(done).map_or(n, |done| done.min(n));
    let end = done + vm.allowance(ELEMENTS).min(n - done);
    let mut state = NativeState::of(&buffer);
    let NativeState::Bytes(out) = &mut *state else { return Err(vm.damaged()) };
    for i in done..end {
        encode_argument(vm, i, out)?;
    }
    vm.pay(end - done, ELEMENTS);
    if end < n {
        vm.set_arg(n + 1, Value::integer(end as i64));
        return Ok(Step::Again(1));
    }
    vm.pay(out.len(), COPIED);
    let s = vm.heap.string(out);
    vm.return_one(s)
}
/// Registers: the string, where it goes on, the end, lax; from register 4 on the results.
fn codepoint(vm: &mut Vm, state: u32) -> Result<Step> {
    let s = vm.check_string(0)?;
    let n = s.bytes().len();
    let (mut at, mut j);
    if state == 0 {
        let i = vm.opt_integer(1, 1)?;
        let i = position(i, n);
        j = vm.opt_integer(2, i)?;
        j = position(j, n);
        if i < 1 {
            return Err(vm.arg_error(1, "out of bounds"));
        }
        if j > n as i64 {
            return Err(vm.arg_error(2, "out of bounds"));
        }
        at = i as usize - 1;
        vm.truncate(4);
        vm.set_arg(3, vm.arg(3));
        vm.set_arg(2, Value::integer(j));
    } else {
        at = vm.arg(1).as_integer().map_or(n, |at| at as usize);
        j = vm.arg(2).as_integer().unwrap_or(0).min(n as i64);
    }
    let strict = vm.arg(3).is_false();
    let mut left = vm.allowance(ELEMENTS);
    let given = left;
    while (at as i64) < j && at < n {
        if left == 0 {
            vm.pay(given, ELEMENTS);
            vm.set_arg(1, Value::integer(at as i64));
            return Ok(Step::Again(1));
        }
        left -= 1;
        let Some((code, size)) = decode(&s.bytes()[at..], strict) else {
            return Err(vm.error("invalid UTF-8 code"));
        };
        if !vm.reserve(1) {
            return Err(vm.error("string slice too long"));
        }
        vm.push(Value::integer(code as i64));
        at += size;
    }
    vm.pay(given - left, ELEMENTS);
    Ok(Step::Return(vm.count() - 4))
}
/// Registers: the string, where it goes on, the end, lax, characters so far.
fn len(vm: &mut Vm, state: u32) -> Result<Step> {
    let s = vm.check_string(0)?;
    let n = s.bytes().len() as i64;
    let (mut i, mut j, mut count);
    if state == 0 {
        i = vm.opt_integer(1, 1)?;
        i = position(i, n as usize);
        j = vm.opt_integer(2, -1)?;
        j = position(j, n as usize);
        if !(1 <= i && i - 1 <= n) {
            return Err(vm.arg_error(1, "initial position out of bounds"));
        }
        if j > n {
            return Err(vm.arg_error(2, "final position out of bounds"));
        }
        i -= 1;
        count = 0;
    } else {
        let number = |i: usize| vm.arg(i).as_integer().unwrap_or(0);
        (i, j, count) = (number(1).clamp(0, n), number(2).min(n), number(4));
    }
    let strict = vm.arg(3).is_false();
    let first = i;
    let end = i.saturating_add(vm.allowance(SCANNED) as i64).min(j);
    while i < end {
        match decode(&s.bytes()[i as usize..], strict) {
            Some((_, size)) => i += size as i64,
            None => {
                vm.push(Value::NIL);
                vm.push(Value::integer(i + 1));
                return Ok(Step::Return(2));
            }
        }
        count += 1;
    }
    vm.pay((i - first) as usize, SCANNED);
    if i >= j {
        return vm.return_one(Value::integer(count));
    }
    for (register, n) in [(1, i), (2, j), (4, count)] {
        vm.set_arg(register, Value::integer(n));
    }
    Ok(Step::Again(1))
}

/// A walk over the characters of a string, byte by byte.
struct Walk {
    /// Characters that are left, forwards or backwards; of a walk to the beginning of a character, 0.
    n: i64,
    /// The offset at hand.
    i: i64,
    /// In the middle of a character.
    inside: bool,
}
impl Walk {
    /// Walks at most so many bytes; whether it has arrived.
    fn go(&mut self, b: &[u8], most: usize) -> bool {
        let len = b.len() as i64;
        for _ in 0..most {
            if !self.inside && (self.n == 0 || if self.n < 0 { self.i <= 0 } else { self.i >= len }) {
                return true;
            }
            if self.n > 0 {
                self.i += 1;
                self.inside = is_continuation(b, self.i);
            } else {
                self.i -= 1;
                self.inside = self.i > 0 && is_continuation(b, self.i);
            }
            if !self.inside {
                self.n -= self.n.signum();
            }
        }
        false
    }
    fn value(&self) -> Value {
        if self.n == 0 { Value::integer(self.i + 1) } else { Value::NIL }
    }
}
/// The walk that the arguments ask for.
fn walk(vm: &mut Vm) -> Result<Walk> {
    let s = vm.check_string(0)?;
    let (b, len) = (s.bytes(), s.bytes().len() as i64);
    let n = vm.check_integer(1)?;
    let default = if n >= 0 { 1 } else { len + 1 };
    let i = vm.opt_integer(2, default)?;
    let i = position(i, len as usize) - 1;
    if !(0 <= i && i <= len) {
        return Err(vm.arg_error(2, "position out of bounds"));
    }
    let inside = is_continuation(b, i);
    if n == 0 {
        return Ok(Walk { n, i, inside: i > 0 && inside });
    }
    if inside {
        return Err(vm.error("initial position is a continuation byte"));
    }
    Ok(Walk { n: if n > 0 { n - 1 } else { n }, i, inside: false })
}
fn offset(vm: &mut Vm) -> Result<Option<Value>> {
    let mut walk = walk(vm)?;
    let s = vm.check_string(0)?;
    Ok(walk.go(s.bytes(), LEAF).then(|| walk.value()))
}
/// Registers: the string, the walk.
fn offset_steps(vm: &mut Vm, state: u32) -> Result<Step> {
    let s = vm.check_string(0)?;
    let mut walk = if state == 0 {
        walk(vm)?
    } else {
        let number = |i: usize| vm.arg(i).as_integer().unwrap_or(0);
        Walk { n: number(1), i: number(2).clamp(0, s.bytes().len() as i64), inside: !vm.arg(3).is_false() }
    };
    let most = vm.allowance(SCANNED);
    vm.pay(most, SCANNED);
    if walk.go(s.bytes(), most) {
        let v = walk.value();
        return vm.return_one(v);
    }
    vm.set_arg(1, Value::integer(walk.n));
    vm.set_arg(2, Value::integer(walk.i));
    vm.set_arg(3, Value::boolean(walk.inside));
    Ok(Step::Again(1))
}
fn codes(vm: &mut Vm, _: u32) -> Result<Step> {
    let s = vm.check_string(0)?;
    let lax = !vm.arg(1).is_false();
    if is_continuation(s.bytes(), 0) {
        return Err(vm.arg_error(0, "invalid UTF-8 code"));
    }
    let name = if lax { "utf8.codes_next_lax" } else { "utf8.codes_next" };
    let f = NATIVES.iter().find(|n| n.name == name).expect("it is in the list");
    let subject = vm.arg(0);
    vm.push(Value::native(f));
    vm.push(subject);
    vm.push(Value::integer(0));
    Ok(Step::Return(3))
}
/// Registers: the string, the position; 2: where it goes on.
fn codes_next(vm: &mut Vm, state: u32, strict: bool) -> Result<Step> {
    let s = vm.check_string(0)?;
    let b = s.bytes();
    let position = vm.arg(if state == 0 { 1 } else { 2 });
    let n = vm.to_integer(position).unwrap_or(0);
    // A negative position is past the end, as in the reference, where it is unsigned.
    let mut i = usize::try_from(n).unwrap_or(b.len());
    // From the first byte of the last character (position n) to the next one.
    let most = vm.allowance(SCANNED);
    let first = i;
    while i < b.len() && b[i] & 0xc0 == 0x80 {
        i += 1;
        if i - first == most {
            vm.pay(most, SCANNED);
            vm.set_arg(2, Value::integer(i as i64));
            return Ok(Step::Again(1));
        }
    }
    if i >= b.len() {
        return Ok(Step::Return(0));
    }
    match decode(&b[i..], strict) {
        Some((code, size)) if !is_continuation(b, (i + size) as i64) => {
            vm.push(Value::integer(i as i64 + 1));
            vm.push(Value::integer(code as i64));
            Ok(Step::Return(2))
        }
        _ => Err(vm.error("invalid UTF-8 code")),
    }
}
