//! Messages: `send`, `receive`, `metatable`.
//!
//! Journey: **send -> encode -> mailbox -> receive -> decode**. A receive with a `match` function is a loop between the
//! native below, which has the function called, and the answers, which hand out one message after the other: the
//! position in the mailbox is in the native's registers, so the receive can be suspended anywhere.

use super::{Answer, go, refuse, slot_argument, time_argument};
use crate::codec;
use crate::process::Process;
use crate::process::signal::Signal;
use crate::scheduler::Scheduler;
use rlua_machine::value::{Kind, Ref, Table, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Native, Result, Step};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Request: the first receive of a call. Registers: timeout, match.
pub const RECEIVE: u32 = 100;
/// Request: the message whose number is in register 2 was not accepted.
pub const RECEIVE_NEXT: u32 = 101;
/// Request: the message whose number is in register 2 was accepted; it is in register 3.
pub const RECEIVE_TAKE: u32 = 102;
/// State of the native: a message is in register 3, ask the function.
const ASK: u32 = 1;
/// State of the native: the function's answer is in register 4.
const ANSWERED: u32 = 2;

/// `concurrent.receive`.
pub static RECEIVE_FN: Native = Native::steps("concurrent.receive", receive_steps);

fn receive_steps(vm: &mut Vm, state: u32) -> Result<Step> {
    match state {
        ASK => {
            let (f, message) = (vm.arg(1), vm.arg(3));
            vm.truncate(4);
            vm.push(f);
            vm.push(message);
            Ok(Step::Call { function: 4, results: 1, next: ANSWERED, catch: false })
        }
        ANSWERED => {
            let accepted = !vm.arg(4).is_false();
            vm.truncate(4);
            Ok(Step::Request(if accepted { RECEIVE_TAKE } else { RECEIVE_NEXT }))
        }
        _ => Ok(Step::Request(RECEIVE)),
    }
}

pub(super) fn send(scheduler: &Arc<Scheduler>, p: &mut Process) -> Result<Answer> {
    let to = slot_argument(scheduler, p, 0)?;
    let v = p.vm.arg(1);
    if v.is_nil() {
        return Err(p.vm.arg_error(1, "message expected, got nil"));
    }
    let message = match codec::encode_message(&p.vm, v) {
        Ok(m) => m,
        Err(e) => return Err(p.vm.error(e.to_string())),
    };
    match to {
        Some(slot) if scheduler.signal(&slot, Signal::Message(message)) => go(p, Value::TRUE),
        _ => refuse(p, Value::FALSE, "no such process"),
    }
}

/// Moves messages that arrived during the slice to the mailbox. Other signals wait for the next slice.
fn fetch(p: &mut Process) -> bool {
    let slot = p.slot.clone();
    let mut s = slot.lock();
    while let Some(Signal::Message(_)) = s.inbox.front() {
        if let Some(Signal::Message(m)) = s.inbox.pop_front() {
            p.deliver(m);
        }
    }
    !s.inbox.is_empty()
}

/// Begins a wait with a time limit, or looks whether the one under way is over.
pub(super) fn begin_wait(scheduler: &Scheduler, p: &mut Process, ms: f64) {
    let mut s = p.slot.lock();
    s.wait += 1;
    s.timed_out = false;
    s.has_timer = true;
    let wait = s.wait;
    drop(s);
    // Beyond a century is for ever.
    if ms < 3.2e12 {
        let deadline = Instant::now() + Duration::from_nanos((ms * 1e6) as u64);
        scheduler.set_timer(&p.slot, wait, deadline);
    }
}
/// Ends the wait under way.
pub(crate) fn end_wait(p: &mut Process) {
    let mut s = p.slot.lock();
    s.wait += 1;
    s.timed_out = false;
    s.has_timer = false;
}

pub(super) fn receive(scheduler: &Arc<Scheduler>, p: &mut Process, request: u32) -> Result<Answer> {
    if p.slot.is_root {
        scheduler.open_gate();
    }
    let timeout = if p.vm.arg(0).is_nil() { None } else { Some(time_argument(p, 0)?) };
    let filter = p.vm.arg(1);
    if !filter.is_nil() && !filter.is_function() && filter.as_table().is_none() {
        return Err(p.vm.type_error(1, "function or table"));
    }
    // Number of the message with which the search goes on. Not a place in the mailbox: a `match` function may receive.
    let mut number = match p.vm.arg(2).as_integer() {
        Some(n) if p.vm.count() > 2 => n as u64,
        _ => 0,
    };
    match request {
        RECEIVE_TAKE => {
            let v = p.vm.arg(3);
            if let Some(i) = p.mailbox.iter().position(|(n, _)| *n == number) {
                take(p, i);
            }
            end_wait(p);
            return go(p, v);
        }
        RECEIVE_NEXT => number += 1,
        _ => {}
    }
    let others = fetch(p);
    let mut i = p.mailbox.partition_point(|(n, _)| *n < number);
    while i < p.mailbox.len() {
        if filter.is_nil() {
            let m = take(p, i);
            let v = codec::decode_message(&mut p.vm, &m);
            end_wait(p);
            return go(p, v);
        }
        let v = codec::decode_message(&mut p.vm, &p.mailbox[i].1);
        number = p.mailbox[i].0;
        match filter.as_table() {
            Some(t) => {
                if fields_match(t, v) {
                    take(p, i);
                    end_wait(p);
                    return go(p, v);
                }
                i += 1;
                number += 1;
            }
            None => {
                p.vm.set_arg(2, Value::integer(number as i64));
                p.vm.truncate(3);
                p.vm.push(v);
                p.vm.continue_request(ASK);
                return Ok(Answer::Go);
            }
        }
    }
    p.vm.set_arg(2, Value::integer(number as i64));
    p.vm.truncate(3);
    let (timed_out, waiting) = {
        let s = p.slot.lock();
        (s.timed_out, s.has_timer)
    };
    if let Some(ms) = timeout {
        if timed_out || ms == 0.0 {
            if others {
                // Signals that came before the time was over may hold the message.
                return Ok(Answer::Wait);
            }
            end_wait(p);
            return go(p, Value::NIL);
        }
        if !waiting {
            begin_wait(scheduler, p, ms);
        }
    } else if p.slot.is_root && scheduler.take_deadlock() {
        return Err(super::schedule::deadlock_error(scheduler, p));
    }
    Ok(Answer::Wait)
}

fn take(p: &mut Process, position: usize) -> codec::Message {
    p.slot.lock().messages -= 1;
    p.mailbox.remove(position).expect("the caller has found it there").1
}

/// Whether all fields of a pattern are equal in a value; nested tables alike.
fn fields_match(pattern: Ref<Table>, v: Value) -> bool {
    let mut work = vec![(pattern, v)];
    let mut left = 100_000;
    while let Some((pattern, v)) = work.pop() {
        let Some(t) = v.as_table() else { return false };
        for (key, wanted) in pattern.entries() {
            left -= 1;
            if left == 0 {
                // A pattern that contains itself matches nothing that a message can be.
                return false;
            }
            let found = t.get(key);
            match (wanted.kind(), found.kind()) {
                (Kind::Table(a), Kind::Table(_)) => work.push((a, found)),
                _ if wanted.raw_equals(found) => {}
                _ => return false,
            }
        }
    }
    true
}

pub(super) fn register_metatable(p: &mut Process) -> Result<Answer> {
    super::name_argument(p, 0)?;
    let name = p.vm.arg(0);
    let t = p.vm.check_table(1)?;
    codec::register_metatable(&mut p.vm, name, t);
    go(p, Value::table(t))
}
