//! UTF-8 (manual 6.5).
//!
//! Journey: value. Code points up to 2^31 as the manual has them, so the decoder is our own.

use crate::value::Value;
use crate::vm::Vm;
use crate::vm::native::{Native, Result, Step};

/// The library's functions.
pub static NATIVES: &[Native] = &[
    Native::leaf("utf8.char", char_),
    Native::steps("utf8.codepoint", codepoint),
    Native::steps("utf8.codes", codes),
    Native::steps("utf8.codes_next", |vm, _| codes_next(vm, true)),
    Native::steps("utf8.codes_next_lax", |vm, _| codes_next(vm, false)),
    Native::steps("utf8.len", len),
    Native::leaf("utf8.offset", offset),
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

fn char_(vm: &mut Vm) -> Result<Value> {
    let mut out = Vec::new();
    for i in 0..vm.count() {
        let n = vm.check_integer(i)?;
        if !(0..=0x7fff_ffff).contains(&n) {
            return Err(vm.arg_error(i, "value out of range"));
        }
        encode(&mut out, n as u32);
    }
    Ok(vm.heap.string(&out))
}
fn codepoint(vm: &mut Vm, _: u32) -> Result<Step> {
    let s = vm.check_string(0)?;
    let n = s.bytes().len();
    let i = vm.opt_integer(1, 1)?;
    let i = position(i, n);
    let j = vm.opt_integer(2, i)?;
    let j = position(j, n);
    let strict = vm.arg(3).is_false();
    if i < 1 {
        return Err(vm.arg_error(1, "out of bounds"));
    }
    if j > n as i64 {
        return Err(vm.arg_error(2, "out of bounds"));
    }
    let (mut at, mut count) = (i as usize - 1, 0);
    while (at as i64) < j {
        let Some((code, size)) = decode(&s.bytes()[at..], strict) else {
            return Err(vm.error("invalid UTF-8 code"));
        };
        if !vm.reserve(1) {
            return Err(vm.error("string slice too long"));
        }
        vm.push(Value::integer(code as i64));
        at += size;
        count += 1;
    }
    Ok(Step::Return(count))
}
fn len(vm: &mut Vm, _: u32) -> Result<Step> {
    let s = vm.check_string(0)?;
    let n = s.bytes().len() as i64;
    let i = vm.opt_integer(1, 1)?;
    let mut i = position(i, n as usize);
    let j = vm.opt_integer(2, -1)?;
    let j = position(j, n as usize);
    let strict = vm.arg(3).is_false();
    if !(1 <= i && i - 1 <= n) {
        return Err(vm.arg_error(1, "initial position out of bounds"));
    }
    if j > n {
        return Err(vm.arg_error(2, "final position out of bounds"));
    }
    i -= 1;
    let mut count = 0;
    while i < j {
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
    vm.return_one(Value::integer(count))
}
fn offset(vm: &mut Vm) -> Result<Value> {
    let s = vm.check_string(0)?;
    let (b, len) = (s.bytes(), s.bytes().len() as i64);
    let mut n = vm.check_integer(1)?;
    let default = if n >= 0 { 1 } else { len + 1 };
    let i = vm.opt_integer(2, default)?;
    let mut i = position(i, len as usize) - 1;
    if !(0 <= i && i <= len) {
        return Err(vm.arg_error(2, "position out of bounds"));
    }
    if n == 0 {
        while i > 0 && is_continuation(b, i) {
            i -= 1;
        }
        return Ok(Value::integer(i + 1));
    }
    if is_continuation(b, i) {
        return Err(vm.error("initial position is a continuation byte"));
    }
    if n < 0 {
        while n < 0 && i > 0 {
            loop {
                i -= 1;
                if !(i > 0 && is_continuation(b, i)) {
                    break;
                }
            }
            n += 1;
        }
    } else {
        n -= 1;
        while n > 0 && i < len {
            loop {
                i += 1;
                if !is_continuation(b, i) {
                    break;
                }
            }
            n -= 1;
        }
    }
    Ok(if n == 0 { Value::integer(i + 1) } else { Value::NIL })
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
fn codes_next(vm: &mut Vm, strict: bool) -> Result<Step> {
    let s = vm.check_string(0)?;
    let b = s.bytes();
    let position = vm.arg(1);
    let n = vm.to_integer(position).unwrap_or(0);
    // A negative position is past the end, as in the reference, where it is unsigned.
    let mut i = usize::try_from(n).unwrap_or(b.len());
    // From the first byte of the last character (position n) to the next one.
    while i < b.len() && b[i] & 0xc0 == 0x80 {
        i += 1;
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
