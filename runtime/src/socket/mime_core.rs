//! The module `mime.core`: filters over strings, as LuaSocket's `mime.lua` wants them.
//!
//! Journey: value -> bytes -> **value**. A text of any length is gone through in steps: what was made of it so far is in a
//! buffer in a register.

use super::mime::{Coding, Lines, STATE};
use rlua_machine::stdlib::text::{go_on, return_text};
use rlua_machine::stdlib::{NativeState, field, library};
use rlua_machine::value::Value;
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Native, Result, Step};
use rlua_machine::vm::work::SCANNED;

/// The functions.
pub(super) static NATIVES: &[Native] = &[
    Native::steps("mime.b64", |vm, state| code(vm, state, Coding::Base64)),
    Native::steps("mime.unb64", |vm, state| code(vm, state, Coding::FromBase64)),
    Native::steps("mime.qp", |vm, state| code(vm, state, Coding::Quoted)),
    Native::steps("mime.unqp", |vm, state| code(vm, state, Coding::FromQuoted)),
    Native::steps("mime.wrp", |vm, state| break_lines(vm, state, Lines::Wrap)),
    Native::steps("mime.qpwrp", |vm, state| break_lines(vm, state, Lines::WrapQuoted)),
    Native::steps("mime.eol", |vm, state| break_lines(vm, state, Lines::Ends)),
    Native::steps("mime.dot", |vm, state| break_lines(vm, state, Lines::Dots)),
    Native::leaf("package.open mime.core", open),
];

/// The table of `require 'mime.core'`.
fn open(vm: &mut Vm) -> Result<Value> {
    let t = library(vm, NATIVES, "mime.");
    let version = vm.heap.atom(b"MIME 1.0.3");
    field(vm, t, "_VERSION", version);
    Ok(Value::table(t))
}

/// Registers after the three arguments: what was made, bytes that were looked at, and the filter's state.
const MADE: usize = 3;
const AT: usize = 4;
const KEPT: usize = 5;
/// States: it goes on; the text becomes a string.
const FILTER: u32 = 1;
const FINISH: u32 = 2;

/// Bytes that one byte becomes at most, if a marker is not longer.
const WIDEST: usize = 4;
/// Bytes of the longest end of a line that can be asked for.
const LONGEST_MARKER: usize = 1000;

fn marker_argument(vm: &mut Vm, i: usize) -> Result<Vec<u8>> {
    let marker = vm.opt_string(i)?.map_or(b"\r\n".to_vec(), |s| s.bytes().to_vec());
    if marker.len() > LONGEST_MARKER {
        return Err(vm.arg_error(i, "marker too long"));
    }
    Ok(marker)
}
fn begin(vm: &mut Vm, kept: Value) {
    let buffer = vm.heap.buffer(NativeState::Bytes(Vec::new()));
    vm.truncate(MADE);
    vm.set_arg(MADE, Value::buffer(buffer));
    vm.set_arg(AT, Value::integer(0));
    vm.set_arg(KEPT, kept);
}
/// Where the native is, and what was made so far.
fn taken(vm: &mut Vm) -> Result<(usize, Vec<u8>)> {
    let at = vm.arg(AT).as_integer().and_then(|n| usize::try_from(n).ok());
    let (Some(at), Some(buffer)) = (at, vm.arg(MADE).as_buffer()) else { return Err(vm.damaged()) };
    match &mut *NativeState::of(&buffer) {
        NativeState::Bytes(bytes) => Ok((at, std::mem::take(bytes))),
        _ => Err(vm.damaged()),
    }
}
/// There is more to do: it is kept.
fn keep(vm: &mut Vm, at: usize, made: Vec<u8>, kept: Value) -> Result<Step> {
    let Some(buffer) = vm.arg(MADE).as_buffer() else { return Err(vm.damaged()) };
    *NativeState::of(&buffer) = NativeState::Bytes(made);
    vm.set_arg(AT, Value::integer(at as i64));
    vm.set_arg(KEPT, kept);
    Ok(Step::Again(FILTER))
}

/// `b64(first[, second[, marker]])`: the encoding of as much of both as can be encoded, and the rest of them; without a second
/// part all is, and the rest is nil.
fn code(vm: &mut Vm, state: u32, coding: Coding) -> Result<Step> {
    if state == FINISH {
        return go_on(vm, FINISH);
    }
    let Some(first) = vm.opt_string(0)? else {
        vm.push_all([Value::NIL, Value::NIL]);
        return Ok(Step::Return(2));
    };
    let second = vm.opt_string(1)?;
    let marker = marker_argument(vm, 2)?;
    if state == 0 {
        let none = vm.heap.string(b"");
        begin(vm, none);
    }
    let (mut at, mut made) = taken(vm)?;
    let Some(mut kept) = vm.arg(KEPT).as_string().map(|s| s.bytes().to_vec()).filter(|s| s.len() <= STATE) else {
        return Err(vm.damaged());
    };
    let rest = second.as_ref().map_or(&[][..], |s| s.bytes());
    let all = first.bytes().len() + rest.len();
    let end = all.min(at + vm.allowance(SCANNED));
    vm.check_room(made.len() + (end.saturating_sub(at)) * (WIDEST + marker.len()))?;
    vm.pay(end.saturating_sub(at), SCANNED);
    for i in at..end {
        let byte = first.bytes().get(i).copied().unwrap_or_else(|| rest[i - first.bytes().len()]);
        coding.take(byte, &mut kept, &marker, &mut made);
    }
    at = end;
    if at < all {
        let kept = vm.heap.string(&kept);
        return keep(vm, at, made, kept);
    }
    let left = match second {
        Some(_) => vm.heap.string(&kept),
        None => {
            coding.finish(&kept, &mut made);
            if made.is_empty() {
                vm.push_all([Value::NIL, Value::NIL]);
                return Ok(Step::Return(2));
            }
            Value::NIL
        }
    };
    return_text(vm, made, Some(left), FINISH)
}

/// `wrp(left[, text[, length]])`, `eol(last[, text[, marker]])`, `dot(state[, text])`: the text, and the state after it.
fn break_lines(vm: &mut Vm, state: u32, filter: Lines) -> Result<Step> {
    if state == FINISH {
        return go_on(vm, FINISH);
    }
    let begun = vm.check_integer(0)?;
    let wraps = matches!(filter, Lines::Wrap | Lines::WrapQuoted);
    let length = if wraps { vm.opt_integer(2, 76)? } else { 0 };
    let marker = if filter == Lines::Ends { marker_argument(vm, 2)? } else { Vec::new() };
    let Some(text) = vm.opt_string(1)? else {
        let end: &[u8] = if filter == Lines::Wrap { b"\r\n" } else { b"=\r\n" };
        let last = if wraps && begun < length { vm.heap.string(end) } else { Value::NIL };
        let state = if wraps { length } else { 2 * i64::from(filter == Lines::Dots) };
        vm.push_all([last, Value::integer(state)]);
        return Ok(Step::Return(2));
    };
    if state == 0 {
        begin(vm, Value::integer(begun));
    }
    let (at, mut made) = taken(vm)?;
    let mut kept = vm.check_integer(KEPT)?;
    let all = text.bytes().len();
    let end = all.min(at + vm.allowance(SCANNED));
    let bytes = text.bytes().get(at..end).unwrap_or(&[]);
    vm.check_room(made.len() + bytes.len() * (WIDEST + marker.len()))?;
    vm.pay(bytes.len(), SCANNED);
    for &byte in bytes {
        filter.take(byte, &mut kept, length, &marker, &mut made);
    }
    if end < all {
        return keep(vm, end, made, Value::integer(kept));
    }
    return_text(vm, made, Some(Value::integer(kept)), FINISH)
}
