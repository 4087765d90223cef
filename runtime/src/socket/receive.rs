//! `client:receive([pattern[, prefix]])`.
//!
//! Journey: outside world -> bytes -> **value**. What the system has is read into a room of the thread, and what of it is not
//! asked for yet stays at the socket. A long string is made piece by piece.
//!
//! Limits: what is gathered counts against the memory of the process before it is a string.

use super::class::{check_client, socket_of};
use super::failure::{CLOSED, words};
use super::incoming::{Extent, Pattern};
use super::wait::{Direction, SYSTEM_CALL, Waiting, attempt, begin, has_moved, until_ready};
use rlua_machine::value::{Ref, Userdata, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Result, Step};
use rlua_machine::vm::work::{COPIED, SCANNED};
use std::cell::RefCell;

/// Registers: the socket, the pattern, what comes before; when the call is over; why it fails, if it does; source bytes of
/// the string that are still to be taken, and bytes that are dropped then; the string in the making.
const PATTERN: usize = 1;
const PREFIX: usize = 2;
const ENDS: usize = 3;
const WHY: usize = 4;
const LEFT: usize = 5;
const DROPPED: usize = 6;
const STRING: usize = 7;
/// States: it goes on; the string is being made, with or without the carriage returns.
const LOOK: u32 = 1;
const MAKING: u32 = 2;
const LEAVING_OUT: u32 = 3;

/// Bytes that are read at once.
const ROOM: usize = 64 << 10;
/// Bytes of a string that is made in one go.
const SHORT: usize = 64 << 10;
/// Bytes of a longer one that are made in one go at least.
const PIECE: usize = 16 << 10;

thread_local! {
    static READ: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fn pattern_argument(vm: &mut Vm) -> Result<Pattern> {
    let v = vm.arg(PATTERN);
    if v.is_nil() {
        return Ok(Pattern::Line);
    }
    if let Some(n) = vm.to_number(v) {
        let n = n.number_as_float().unwrap_or(-1.0);
        if n < 0.0 || n.is_nan() {
            return Err(vm.arg_error(PATTERN, "invalid receive pattern"));
        }
        let n = n as usize;
        // The prefix is part of it.
        return Ok(Pattern::Count(n.saturating_sub(prefix_len(vm))));
    }
    let s = vm.check_string(PATTERN)?;
    match s.bytes().strip_prefix(b"*").unwrap_or(s.bytes()).first() {
        Some(b'l') => Ok(Pattern::Line),
        Some(b'a') => Ok(Pattern::All),
        _ => Err(vm.arg_error(PATTERN, "invalid receive pattern")),
    }
}
fn prefix_len(vm: &Vm) -> usize {
    vm.arg(PREFIX).as_string().map_or(0, |s| s.bytes().len())
}

/// See above.
pub(super) fn receive(vm: &mut Vm, state: u32) -> Result<Step> {
    let u = check_client(vm)?;
    if state == MAKING || state == LEAVING_OUT {
        return go_on_making(vm, u, state);
    }
    if state == 0 {
        vm.opt_string(PREFIX)?;
        let pattern = pattern_argument(vm)?;
        let ends = begin(vm, u.resource.get());
        vm.truncate(ENDS);
        vm.set_arg(ENDS, ends);
        if pattern == Pattern::Count(0) && prefix_len(vm) > 0 {
            // It is all there.
            let prefix = vm.arg(PREFIX);
            vm.push_all([prefix, Value::NIL, Value::NIL]);
            return Ok(Step::Return(3));
        }
    }
    let pattern = pattern_argument(vm)?;
    loop {
        let most = vm.allowance(SCANNED).max(PIECE);
        let Some(s) = socket_of(vm, &u) else { return fail(vm, u, Extent::default(), CLOSED) };
        let (found, looked_at) = s.incoming.find(pattern, most);
        if let Some(extent) = found {
            vm.pay(looked_at, SCANNED);
            return give(vm, u, extent, Value::NIL);
        }
        let is_searched = pattern != Pattern::Line || s.incoming.is_searched();
        if vm.pay(looked_at, SCANNED) || !is_searched {
            return Ok(Step::Again(LOOK));
        }
        match read(vm, u)? {
            Come::Bytes(n) => {
                has_moved(vm);
                if vm.charge(SYSTEM_CALL + n / COPIED) {
                    return Ok(Step::Again(LOOK));
                }
            }
            Come::Over(why) => {
                let Some(s) = socket_of(vm, &u) else { return fail(vm, u, Extent::default(), CLOSED) };
                let part = s.incoming.part(pattern);
                if pattern == Pattern::All && why == CLOSED && part.bytes > 0 {
                    return give(vm, u, part, Value::NIL);
                }
                return fail(vm, u, part, &why);
            }
            Come::Failed(why) => {
                let part = socket_of(vm, &u).map(|s| s.incoming.part(pattern)).unwrap_or_default();
                return fail(vm, u, part, &why);
            }
            Come::Nothing => {
                vm.charge(SYSTEM_CALL);
                let ends = vm.arg(ENDS);
                match until_ready(vm, u.resource.get(), Direction::Read, ends, LOOK)? {
                    Waiting::Leave(step) => return Ok(step),
                    Waiting::Over(why) => {
                        let part = socket_of(vm, &u).map(|s| s.incoming.part(pattern)).unwrap_or_default();
                        return fail(vm, u, part, &why);
                    }
                }
            }
        }
    }
}

/// What a read has brought.
enum Come {
    Bytes(usize),
    /// The peer sends no more.
    Over(String),
    Failed(String),
    /// Nothing yet.
    Nothing,
}
fn read(vm: &mut Vm, u: Ref<Userdata>) -> Result<Come> {
    READ.with_borrow_mut(|room| {
        room.resize(ROOM, 0);
        let Some(s) = socket_of(vm, &u) else { return Ok(Come::Over(CLOSED.to_string())) };
        if s.io.is_none() {
            return Ok(Come::Over(CLOSED.to_string()));
        }
        match attempt(|| s.read(room)) {
            None => Ok(Come::Nothing),
            Some(Ok(0)) => Ok(Come::Over(CLOSED.to_string())),
            Some(Ok(n)) => {
                let all = s.incoming.len() + n;
                s.incoming.push(&room[..n]);
                vm.check_room(all)?;
                Ok(Come::Bytes(n))
            }
            Some(Err(e)) => Ok(Come::Failed(words(&e))),
        }
    })
}

/// Returns `nil, why, part`.
fn fail(vm: &mut Vm, u: Ref<Userdata>, part: Extent, why: &str) -> Result<Step> {
    let why = vm.heap.string(why.as_bytes());
    give(vm, u, part, why)
}
/// Returns the string that is there, or, with `why`, that as what has come of it.
fn give(vm: &mut Vm, u: Ref<Userdata>, extent: Extent, why: Value) -> Result<Step> {
    has_moved(vm);
    let prefix = vm.arg(PREFIX).as_string();
    let before = prefix.as_ref().map_or(0, |s| s.bytes().len());
    let len = before + extent.len();
    vm.set_arg(WHY, why);
    if len > SHORT {
        vm.set_arg(LEFT, Value::integer(extent.bytes as i64));
        vm.set_arg(DROPPED, Value::integer(extent.end as i64));
        vm.begin_string(STRING, len)?;
        let state = if extent.returns > 0 { LEAVING_OUT } else { MAKING };
        return go_on_making(vm, u, state);
    }
    let mut joined = Vec::new();
    let (attached, heap) = (&mut vm.attached, &mut vm.heap);
    let s = attached.get::<crate::process::context::Context>().and_then(|cx| cx.sockets().get(u.resource.get()));
    let string = match s {
        None => heap.string(prefix.as_ref().map_or(&[][..], |s| s.bytes())),
        Some(s) => {
            let bytes = &s.incoming.rest()[..extent.bytes];
            // The one of a line's end is mostly all there is.
            let plain = match bytes.strip_suffix(b"\r") {
                Some(line) if extent.returns == 1 => Some(line),
                _ if extent.returns == 0 => Some(bytes),
                _ => None,
            };
            let string = match plain {
                Some(plain) if before == 0 => heap.string(plain),
                _ => {
                    joined.extend_from_slice(prefix.as_ref().map_or(&[][..], |s| s.bytes()));
                    s.incoming.piece(extent.bytes, extent.bytes, extent.returns > 0, &mut joined);
                    heap.string(&joined)
                }
            };
            s.received += (extent.bytes + extent.end) as u64;
            s.incoming.skip(extent.bytes + extent.end);
            string
        }
    };
    vm.pay(len, COPIED);
    Ok(returned(vm, string, why))
}
fn returned(vm: &mut Vm, string: Value, why: Value) -> Step {
    match why.is_nil() {
        true => vm.push_all([string, Value::NIL, Value::NIL]),
        false => vm.push_all([Value::NIL, why, string]),
    }
    Step::Return(3)
}
/// Goes on with a long string.
fn go_on_making(vm: &mut Vm, u: Ref<Userdata>, state: u32) -> Result<Step> {
    let mut string = vm.unfinished(STRING)?;
    let number = |vm: &mut Vm, register| vm.arg(register).as_integer().and_then(|n| usize::try_from(n).ok());
    let (Some(left), Some(dropped)) = (number(vm, LEFT), number(vm, DROPPED)) else { return Err(vm.damaged()) };
    let most = vm.allowance(COPIED).max(PIECE);
    let prefix = vm.arg(PREFIX).as_string();
    let before = prefix.as_ref().map_or(&[][..], |s| s.bytes());
    let mut used = 0;
    if string.at() < before.len() {
        let piece = &before[string.at()..before.len().min(string.at() + most)];
        string.write(vm, piece)?;
        used = piece.len();
    }
    if string.at() >= before.len() && string.left() > 0 {
        let mut piece = Vec::new();
        let Some(s) = socket_of(vm, &u) else { return Err(vm.damaged()) };
        let taken = s.incoming.piece(left, most - used.min(most - 1), state == LEAVING_OUT, &mut piece);
        if taken == 0 || piece.len() > string.left() {
            return Err(vm.damaged());
        }
        s.incoming.skip(taken);
        s.received += taken as u64;
        string.write(vm, &piece)?;
        vm.set_arg(LEFT, Value::integer((left - taken) as i64));
        used += taken;
    }
    vm.pay(used, COPIED);
    if string.left() > 0 {
        string.keep(vm);
        return Ok(Step::Again(state));
    }
    // Carriage returns may be left of it, and its end.
    let left = number(vm, LEFT).unwrap_or(0);
    if let Some(s) = socket_of(vm, &u) {
        s.incoming.skip(left + dropped);
        s.received += (left + dropped) as u64;
    }
    let why = vm.arg(WHY);
    let string = string.finish();
    Ok(returned(vm, string, why))
}
