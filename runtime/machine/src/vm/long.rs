//! Operators on long strings: comparison and concatenation piece by piece.
//!
//! Journey: frame -> value. An instruction that meets strings of more than [`LONG`] bytes calls one of these natives, as it
//! would call a metamethod: so it can be interrupted and frozen like any call. The result goes where a metamethod's goes.
//! Programs see nothing of that: no hook tells of it, and nothing else runs in it.

use super::Vm;
use super::native::{Native, Result, Step};
use super::work::COPIED;
use crate::value::{Ref, Str, Value, number};
use std::cmp::Ordering;

/// Bytes that an instruction compares or copies by itself.
pub const LONG: usize = 1 << 16;
/// Bytes of each of two strings that are a reduction to compare.
const COMPARED: usize = COPIED / 2;

/// The operators.
pub static NATIVES: &[Native] = &[
    Native::steps("operator.eq", equal),
    Native::steps("operator.lt", |vm, s| order(vm, s, |o| o == Ordering::Less)),
    Native::steps("operator.le", |vm, s| order(vm, s, |o| o != Ordering::Greater)),
    Native::steps("operator.concat", concat),
];
/// `a == b`
pub const EQUAL: usize = 0;
/// `a < b`
pub const LESS: usize = 1;
/// `a <= b`
pub const LESS_EQUAL: usize = 2;
/// `a .. b ..`
pub const CONCAT: usize = 3;

/// An operator as a value.
pub fn operator(which: usize) -> Value {
    Value::native(&NATIVES[which])
}
/// Whether a native is one of them.
pub(crate) fn is_operator(native: &Native) -> bool {
    NATIVES.as_ptr_range().contains(&std::ptr::from_ref(native))
}

/// Whether two values are strings so long that comparing them for equality takes time: nothing else tells them apart.
#[inline]
pub fn is_long(a: Value, b: Value) -> bool {
    match (a.as_string(), b.as_string()) {
        (Some(x), Some(y)) => x.len > LONG && x.len == y.len && x != y && agree(&x, &y),
        _ => false,
    }
}
/// As `is_long`, for `<` and `<=`.
#[inline]
pub fn is_long_order(a: Value, b: Value) -> bool {
    match (a.as_string(), b.as_string()) {
        (Some(x), Some(y)) => x.len > LONG && y.len > LONG && x != y && x.bytes()[..LONG] == y.bytes()[..LONG],
        _ => false,
    }
}
#[cold]
fn agree(x: &Ref<Str>, y: &Ref<Str>) -> bool {
    let (a, b) = (x.header.serial.get(), y.header.serial.get());
    (a == 0 || b == 0 || a == b) && x.bytes()[..LONG] == y.bytes()[..LONG]
}

/// The pieces of two strings to compare now, and where they begin. Registers: the two, and how much of them is the same.
fn pieces(vm: &mut Vm, state: u32) -> Result<(Ref<Str>, Ref<Str>, usize, usize)> {
    if state == 0 {
        vm.set_arg(2, Value::integer(0));
        vm.truncate(3);
    }
    let at = vm.arg(2).as_integer().and_then(|n| usize::try_from(n).ok());
    let (Some(x), Some(y), Some(at)) = (vm.arg(0).as_string(), vm.arg(1).as_string(), at) else {
        return Err(vm.damaged());
    };
    let both = x.len.min(y.len);
    if at > both {
        return Err(vm.damaged());
    }
    let end = at + vm.allowance(COMPARED).min(both - at);
    vm.pay(end - at, COMPARED);
    Ok((x, y, at, end))
}
/// Whether two strings have the same bytes.
pub fn equal(vm: &mut Vm, state: u32) -> Result<Step> {
    let (x, y, at, end) = pieces(vm, state)?;
    let same = x.len == y.len && x.bytes()[at..end] == y.bytes()[at..end];
    if !same || end == x.len {
        return vm.return_one(Value::boolean(same));
    }
    vm.set_arg(2, Value::integer(end as i64));
    Ok(Step::Again(1))
}
fn order(vm: &mut Vm, state: u32, answer: fn(Ordering) -> bool) -> Result<Step> {
    let (x, y, at, end) = pieces(vm, state)?;
    let mut order = x.bytes()[at..end].cmp(&y.bytes()[at..end]);
    if order.is_eq() {
        if end < x.len.min(y.len) {
            vm.set_arg(2, Value::integer(end as i64));
            return Ok(Step::Again(1));
        }
        order = x.len.cmp(&y.len);
    }
    vm.return_one(Value::boolean(answer(order)))
}

/// Registers: the operands, strings and numbers; the result.
fn concat(vm: &mut Vm, state: u32) -> Result<Step> {
    let (n, mut out);
    if state == 0 {
        n = vm.count();
        let mut total = 0;
        for i in 0..n {
            total += with_text(vm.arg(i), |text| text.len());
        }
        out = vm.begin_string(n, total)?;
    } else {
        n = vm.count().saturating_sub(2);
        out = vm.unfinished(n)?;
    }
    let todo = out.left().min(vm.allowance(COPIED));
    let mut left = todo;
    // The operand at hand, and where it begins.
    let (mut i, mut begin) = (0, 0);
    while left > 0 {
        if i >= n {
            return Err(vm.damaged());
        }
        let operand = vm.arg(i);
        left -= with_text(operand, |text| {
            let rest = text.get(out.at() - begin..).unwrap_or_default();
            let piece = &rest[..rest.len().min(left)];
            let end = begin + text.len();
            out.write(vm, piece)?;
            if out.at() >= end {
                (i, begin) = (i + 1, end);
            }
            Ok(piece.len())
        })?;
    }
    vm.pay(todo, COPIED);
    if out.left() == 0 {
        return vm.return_one(out.finish());
    }
    out.keep(vm);
    Ok(Step::Again(1))
}
/// Does something with the text of an operand.
fn with_text<T>(v: Value, f: impl FnOnce(&[u8]) -> T) -> T {
    match v.as_string() {
        Some(s) => f(s.bytes()),
        None if v.is_number() => f(number::number_text(v).as_bytes()),
        None => f(b""),
    }
}
