//! Calls: a request to a process, and what comes of it.
//!
//! Journey: message: **send** -> encode -> route, and signal: answer -> **core** -> decode. A call is a number that its caller
//! makes: it monitors the process under it, and only an answer to that number, or the end of the process, is its outcome. So
//! what comes after a call was given up finds nothing (Erlang's process aliases, here without an address of their own: who
//! answers has the caller's pid and the number). Outcomes are kept beside the mailbox (process/core.rs), so nothing of a
//! call is ever in it.
//!
//! Not here: what the behaviours make of it, in Lua (behaviours/call.lua). The natives but `reply` are known there alone.

use super::message::{Encoded, Post, Posted, decode_in_steps, encode_kept, post_elsewhere, sent, state};
use super::node::{self, Found};
use super::{Process, expected, may_wait, process_argument, refuse as refused, schedule, wait};
use crate::process::context::{Wait, context};
use crate::process::core::{Called, Outcome};
use crate::process::signal::{Signal, Wake};
use rlua_machine::stdlib::field;
use rlua_machine::value::{Pid, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Native, Result, Step};
use std::ops::ControlFlow;

/// What behaviours/call.lua is given, in this order.
pub(super) static NATIVES: &[Native] = &[
    steps!("concurrent.call.ask", ask),
    steps!("concurrent.call.answer", answer),
    leaf!("concurrent.call.keep", keep),
    leaf!("concurrent.call.give_up", give_up),
    steps!("concurrent.call.refuse", refuse),
    leaf!("concurrent.call.is_awaited", is_awaited),
];

/// Registers of `ask` at first: process, request, what for (a string or nil), limit (milliseconds or nil). Then the process's
/// pid, the message, two of the sending, and these.
const NUMBER: usize = 4;
const DEADLINE: usize = 5;

/// Sends a request. Its number; nil if nobody has the name; nil and a text if the process cannot be reached; false and a text if
/// the request cannot be sent.
fn ask(vm: &mut Vm, at: u32) -> Result<Step> {
    if !matches!(at, state::SENDING | state::CONVERTING | state::ENCODING) {
        let to = match node::find(vm, 0, at, NUMBER)? {
            Ok(Found::Process(pid)) => pid,
            Ok(Found::AsItIs) => match process_argument(vm, 0)? {
                Process::Pid(pid) => pid,
                _ => return vm.return_one(Value::NIL),
            },
            Ok(Found::Nobody(..)) => return vm.return_one(Value::NIL),
            Ok(Found::Unreachable(_, _, why)) => {
                return refused(vm, Value::NIL, why.as_deref().unwrap_or("the connection is lost"));
            }
            Err(step) => return Ok(step),
        };
        may_wait(vm)?;
        let limit = if vm.arg(3).is_nil() { None } else { Some(super::time_argument(vm, 3)?) };
        let cx = context(vm);
        cx.begin_native();
        if cx.slot.is_root {
            cx.scheduler.open_gate();
        }
        let (id, own, deadline) = (cx.core.next_id(), cx.pid(), schedule::deadline_value(cx, limit));
        let (request, control) = (vm.arg(1), vm.arg(2));
        let t = vm.heap.table_sized(0, if control.is_nil() { 4 } else { 5 });
        let call = vm.heap.name(b"CALL");
        field(vm, t, "signal", call);
        field(vm, t, "from", Value::pid(own));
        field(vm, t, "to", Value::integer(id as i64));
        field(vm, t, "request", request);
        if !control.is_nil() {
            field(vm, t, "control", control);
        }
        vm.truncate(0);
        vm.push_all([Value::pid(to), Value::table(t), Value::NIL, Value::NIL, Value::integer(id as i64), deadline]);
    }
    let Some(to) = vm.arg(0).as_pid() else { return Err(vm.error("the state of a native function is damaged")) };
    let number = vm.arg(NUMBER);
    let id = number.as_integer().unwrap_or(0) as u64;
    let post = Post::Call { id, deadline: vm.arg(DEADLINE).as_integer().map(|n| n as u64) };
    let posted = match at {
        state::SENDING => sent(vm),
        state::CONVERTING if let Some(conversion) = super::message::conversion(vm) => {
            post_elsewhere(vm, Process::Pid(to), conversion, post)
        }
        _ => {
            let v = vm.arg(1);
            let message = match encode_kept(vm, v, at)? {
                Encoded::Whole(m) => m,
                Encoded::Further(step) => return Ok(step),
                Encoded::Not(why) => return refused(vm, Value::FALSE, why),
            };
            super::message::post(vm, to, message, post)
        }
    };
    match posted {
        // That there is no such process is told by the monitor.
        Posted::Sent | Posted::Nobody => vm.return_one(number),
        Posted::Wait(step) => Ok(step),
        Posted::Failed(why) => {
            context(vm).act(|core, effects| core.give_up_call(id, effects));
            refused(vm, Value::NIL, why)
        }
    }
}

/// Registers of `answer`: number, time (milliseconds or nil), when that is over; as of `receive`, what is being decoded and its
/// number.
const UNTIL: usize = 2;
/// State of `answer`: look whether there is an outcome.
const LOOK: u32 = 1;

/// Waits for the outcome of a call, which is given up when its own limit is over, and only then. True and the answer; 'refused'
/// and what was said; 'ended' and the reason; 'unread' and why the answer cannot be received; 'late' if the call was given up;
/// nothing if the time is over.
fn answer(vm: &mut Vm, at: u32) -> Result<Step> {
    let id = vm.arg(0).as_integer().unwrap_or(0) as u64;
    if !matches!(at, LOOK | state::DECODING) {
        let time = if vm.arg(1).is_nil() { None } else { Some(super::time_argument(vm, 1)?) };
        let cx = context(vm);
        cx.begin_native();
        if cx.slot.is_root {
            cx.scheduler.open_gate();
        }
        let until = schedule::deadline_value(cx, time);
        vm.set_arg(1, Value::NIL);
        vm.set_arg(UNTIL, until);
    }
    let heap_bytes = vm.heap.bytes();
    let cx = context(vm);
    cx.poll(heap_bytes);
    let (kind, m): (&[u8], _) = match cx.core.called(id) {
        Called::Over(Outcome::Answered { refused: false, value }) => (b"", value.clone()),
        Called::Over(Outcome::Answered { refused: true, value }) => (b"refused", value.clone()),
        Called::Over(Outcome::Ended(reason)) => (b"ended", reason.clone()),
        Called::Unknown => return one(vm, b"late"),
        Called::Open(deadline) => return wait_further(vm, id, deadline),
    };
    cx.end_wait();
    // It stays where it is until it is a value.
    let (kind, v) = match decode_in_steps(vm, &m, at) {
        Ok(ControlFlow::Break(step)) => return Ok(step),
        Ok(ControlFlow::Continue(v)) if kind.is_empty() => (Value::TRUE, v),
        Ok(ControlFlow::Continue(v)) => (vm.heap.name(kind), v),
        Err(e) => (vm.heap.name(b"unread"), vm.heap.string(e.to_string().as_bytes())),
    };
    context(vm).act(|core, effects| core.give_up_call(id, effects));
    vm.push(kind);
    vm.push(v);
    Ok(Step::Return(2))
}
/// Nothing has come yet.
fn wait_further(vm: &mut Vm, id: u64, limit: Option<u64>) -> Result<Step> {
    let until = vm.arg(UNTIL).as_integer().map(|n| n as u64);
    let cx = context(vm);
    if !cx.urgent.is_empty() {
        return Ok(wait(cx, LOOK));
    }
    let first = match (limit, until) {
        (Some(limit), Some(until)) => Some(limit.min(until)),
        (limit, until) => limit.or(until),
    };
    let deadline = first.map_or(Value::FALSE, |at| Value::integer(at as i64));
    if schedule::is_over(cx, deadline) {
        cx.end_wait();
        if first != limit {
            return Ok(Step::Return(0));
        }
        cx.act(|core, effects| core.give_up_call(id, effects));
        return one(vm, b"late");
    }
    may_wait(vm)?;
    let cx = context(vm);
    if first.is_none() && cx.slot.is_root && cx.take_wake() == Some(Wake::Deadlock) {
        cx.act(|core, effects| core.give_up_current(effects));
        return Err(schedule::deadlock_error(vm));
    }
    cx.wait_until(Wait::Signal, first);
    Ok(wait(cx, LOOK))
}
fn one(vm: &mut Vm, kind: &[u8]) -> Result<Step> {
    context(vm).end_wait();
    let kind = vm.heap.name(kind);
    vm.return_one(kind)
}

/// The call that was made last is kept, to be asked about later: an interrupt does not give it up.
fn keep(vm: &mut Vm) -> Result<Value> {
    context(vm).core.keep_call();
    Ok(Value::NIL)
}
/// Nobody wants a call's outcome.
fn give_up(vm: &mut Vm) -> Result<Value> {
    let id = vm.check_integer(0)?;
    context(vm).act(|core, effects| core.give_up_call(id as u64, effects));
    Ok(Value::NIL)
}

/// Who has made a call, and its number: what the process that is called receives.
fn call_argument(vm: &mut Vm) -> Result<(Pid, u64)> {
    let call = vm.arg(0).as_table().and_then(|t| {
        let from = t.get_field(&mut vm.heap, b"from").as_pid()?;
        Some((from, t.get_field(&mut vm.heap, b"to").as_integer()? as u64))
    });
    call.ok_or_else(|| expected(vm, 0, "call"))
}
/// Whether a call that came to this process is still waited for.
fn is_awaited(vm: &mut Vm) -> Result<Value> {
    let (caller, id) = call_argument(vm)?;
    let heap_bytes = vm.heap.bytes();
    let cx = context(vm);
    cx.poll(heap_bytes);
    Ok(Value::boolean(cx.core.is_awaited(caller, id)))
}

/// Registers: call, value, two of the sending.
pub(super) fn reply(vm: &mut Vm, at: u32) -> Result<Step> {
    respond(vm, at, false)
}
/// Refuses a call. Arguments: call, text, reason.
fn refuse(vm: &mut Vm, at: u32) -> Result<Step> {
    if at == 0 {
        let (text, reason) = (vm.arg(1), vm.arg(2));
        let t = vm.heap.table_sized(0, 2);
        field(vm, t, "failed", text);
        field(vm, t, "reason", reason);
        vm.truncate(1);
        vm.push(Value::table(t));
    }
    respond(vm, at, true)
}
fn respond(vm: &mut Vm, at: u32, is_refused: bool) -> Result<Step> {
    let (caller, id) = call_argument(vm)?;
    let post = Post::Response { id, refused: is_refused };
    let posted = match at {
        state::SENDING => sent(vm),
        state::CONVERTING if let Some(conversion) = super::message::conversion(vm) => {
            post_elsewhere(vm, Process::Pid(caller), conversion, post)
        }
        _ => {
            let v = vm.arg(1);
            let message = match encode_kept(vm, v, at)? {
                Encoded::Whole(m) => m,
                Encoded::Further(step) => return Ok(step),
                Encoded::Not(why) => return Err(vm.arg_error(1, why)),
            };
            super::message::post(vm, caller, message, post)
        }
    };
    match posted {
        Posted::Sent => vm.return_one(Value::TRUE),
        Posted::Wait(step) => Ok(step),
        Posted::Nobody => refused(vm, Value::FALSE, "no such process"),
        Posted::Failed(why) => refused(vm, Value::FALSE, why),
    }
}

impl Post {
    /// The signal that it is, when it leaves for a process: what the sender has to do with it is done.
    pub(super) fn signal(self, vm: &mut Vm, to: Pid, message: crate::codec::Message) -> Signal {
        let cx = context(vm);
        match self {
            Post::Message => Signal::Message(message),
            Post::Call { id, deadline } => {
                cx.act(|core, effects| core.call(id, to, deadline, effects));
                Signal::Message(message)
            }
            Post::Response { id, refused } => {
                let over = cx.core.answers(to, id);
                Signal::Response { from: cx.pid(), id, over, refused, value: message }
            }
        }
    }
}
