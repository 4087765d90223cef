//! A call of a socket that waits.
//!
//! Journey: value -> outside world. A native tries what it wants of the system, which never blocks; if the system would, the
//! process waits until the socket is ready or a time is over, and the native is entered again and tries again. What it keeps
//! meanwhile is in its registers and at the socket. (Blocking calls on another thread, as files have, would cost a thread for
//! each connection.)

use super::failure::{CLOSED, TIMEOUT, words};
use super::open::{Io, Socket};
use crate::concurrent::{may_wait, wait};
use crate::process::context::context;
use crate::process::core::Time;
use rlua_machine::value::Value;
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Result, Step};
use std::io;
use std::task::{Context as TaskContext, Poll, Waker};

/// Reductions of a call of the system.
pub const SYSTEM_CALL: usize = 30;

/// What a socket is to be ready for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// There is something to read, or a connection to accept.
    Read,
    /// There is room for what is written, or it is connected.
    Write,
}

/// What comes of waiting.
pub enum Waiting {
    /// The native leaves so.
    Leave(Step),
    /// The call fails, for this reason.
    Over(String),
}
/// The time is over. LuaSec says what an encrypted connection has waited for.
fn timed_out(vm: &mut Vm, id: u64, direction: Direction) -> Result<Waiting> {
    let is_secured = context(vm).sockets().look(id).is_some_and(|s| s.secured.is_some());
    let why = match direction {
        _ if !is_secured => TIMEOUT,
        Direction::Read => "wantread",
        Direction::Write => "wantwrite",
    };
    Ok(Waiting::Over(why.to_string()))
}

/// A call begins that may wait at a socket: when it is over, for a register.
pub fn begin(vm: &mut Vm, id: u64) -> Value {
    let cx = context(vm);
    cx.begin_native();
    let now = cx.now();
    let Some(s) = cx.sockets().get(id) else { return Value::FALSE };
    if s.timeouts.total < 0.0 {
        return Value::FALSE;
    }
    s.timeouts.end_of_call(now).map_or(Value::FALSE, time_value)
}
/// A time in a register.
pub fn time_value(at: Time) -> Value {
    Value::integer(at.min(i64::MAX as Time) as i64)
}
fn time_in(v: Value) -> Option<Time> {
    v.as_integer().map(|at| at as Time)
}
/// The last wait has brought something: the next one begins anew.
pub fn has_moved(vm: &mut Vm) {
    context(vm).end_wait();
}

/// Waits until a socket of this process is ready; then the native is entered at `state`. `call_ends` is what [`begin`] said.
pub fn until_ready(vm: &mut Vm, id: u64, direction: Direction, call_ends: Value, state: u32) -> Result<Waiting> {
    if context(vm).core.wait_state() == Some(true) {
        context(vm).end_wait();
        return timed_out(vm, id, direction);
    }
    let cx = context(vm);
    let now = cx.now();
    let Some(s) = cx.sockets().get(id) else { return Ok(Waiting::Over(CLOSED.to_string())) };
    if s.timeouts.is_zero() {
        cx.end_wait();
        return timed_out(vm, id, direction);
    }
    let deadline = s.timeouts.end_of_wait(now, time_in(call_ends));
    s.incoming.rests();
    may_wait(vm)?;
    let waker = waker(vm);
    let cx = context(vm);
    let Some(io) = io_of(cx.sockets().get(id)) else { return Ok(Waiting::Over(CLOSED.to_string())) };
    match register(io, direction, &waker) {
        Ok(true) => {
            vm.charge(SYSTEM_CALL);
            return Ok(Waiting::Leave(Step::Again(state)));
        }
        Ok(false) => {}
        Err(e) => return Ok(Waiting::Over(words(&e))),
    }
    if cx.slot.is_root {
        cx.scheduler.open_gate();
    }
    cx.wait_at_socket(deadline);
    Ok(Waiting::Leave(wait(context(vm), state)))
}
/// What tells this process that one of its sockets may be ready.
pub fn waker(vm: &mut Vm) -> Waker {
    let cx = context(vm);
    let (scheduler, pid) = (cx.scheduler.clone(), cx.pid());
    cx.sockets().waker.get_or_insert_with(|| scheduler.socket_waker(pid)).clone()
}
/// Asks the reactor to tell when a socket is ready; true: it may be already.
pub fn register(io: &Io, direction: Direction, waker: &Waker) -> io::Result<bool> {
    let mut cx = TaskContext::from_waker(waker);
    // What it says first is often of the last wait, whose event was taken; then it asks the system, which knows what is there.
    for _ in 0..2 {
        let polled = match direction {
            Direction::Read => io.poll_readable(&mut cx),
            Direction::Write => io.poll_writable(&mut cx),
        };
        match polled {
            Poll::Ready(outcome) => outcome?,
            Poll::Pending => return Ok(false),
        }
    }
    Ok(true)
}
/// The outcome of a call of the system that never blocks; none: it would have.
pub fn attempt<T>(mut call: impl FnMut() -> io::Result<T>) -> Option<io::Result<T>> {
    loop {
        match call() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return None,
            outcome => return Some(outcome),
        }
    }
}

/// The system's socket of a number, if it is open.
pub fn io_of(s: Option<&mut Socket>) -> Option<&Io> {
    s.and_then(|s| s.io.as_ref())
}
