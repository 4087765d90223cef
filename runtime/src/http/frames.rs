//! What websocket.lua asks of the machine (websocket.rs) that a socket has with it, and how it waits.
//!
//! Journey: bytes -> **value** -> bytes. The machine is the socket's: it ends with it, is handed over with it, and keeps its process where
//! it is.

use super::websocket::{Event, Kind, MOST_PING, MOST_REASON, Machine, Refusal};
use crate::concurrent::{may_wait, wait};
use crate::process::context::{Wait, context};
use crate::socket::{Readiness, attached, readiness};
use rlua_machine::value::Value;
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Result, Step};
use rlua_machine::vm::work::{COPIED, SCANNED};
use sha1::{Digest, Sha1};

fn machine(vm: &mut Vm) -> Result<Option<&mut Machine>> {
    Ok(attached(vm)?.and_then(|a| a.as_mut()).and_then(|a| a.downcast_mut()))
}
/// `upgrade(socket, is_server, most)`: it speaks WebSocket from now on.
pub(super) fn upgrade(vm: &mut Vm) -> Result<Step> {
    let is_server = !vm.arg(1).is_false();
    let most = super::size(vm, 2)?;
    if let Some(place) = attached(vm)? {
        *place = Some(Box::new(Machine::new(is_server, most)));
    }
    vm.return_one(Value::TRUE)
}
/// `feed(socket[, bytes])`: these have come; without bytes: no more will.
pub(super) fn feed(vm: &mut Vm) -> Result<Step> {
    let bytes = vm.opt_string(1)?;
    let len = bytes.as_ref().map_or(0, |b| b.bytes().len());
    vm.check_room(len)?;
    if let Some(machine) = machine(vm)? {
        match bytes {
            Some(bytes) => machine.receive(bytes.bytes()),
            None => machine.end_of_input(),
        }
    }
    vm.pay(len, COPIED);
    vm.return_one(Value::TRUE)
}
/// `event(socket)`: a kind and a message, or `'closed'`, a code and a reason; nil: more has to come.
pub(super) fn event(vm: &mut Vm) -> Result<Step> {
    let event = match machine(vm)? {
        Some(machine) => machine.event(),
        None => Some(Event::Closed(1006, "the socket is closed".to_string())),
    };
    match event {
        None => vm.return_one(Value::NIL),
        Some(Event::Message(kind, bytes)) => {
            vm.check_room(bytes.len())?;
            vm.pay(bytes.len(), SCANNED);
            let name: &[u8] = match kind {
                Kind::Text => b"text",
                Kind::Binary => b"binary",
                Kind::Ping => b"ping",
                Kind::Pong => b"pong",
            };
            let (name, message) = (vm.heap.name(name), vm.heap.string(&bytes));
            vm.push_all([name, message]);
            Ok(Step::Return(2))
        }
        Some(Event::Closed(code, reason)) => {
            let (name, reason) = (vm.heap.name(b"closed"), vm.heap.string(reason.as_bytes()));
            vm.push_all([name, Value::integer(code.into()), reason]);
            Ok(Step::Return(3))
        }
    }
}
fn outcome(vm: &mut Vm, outcome: std::result::Result<(), Refusal>) -> Result<Step> {
    let (i, why) = match outcome {
        Ok(()) => return vm.return_one(Value::TRUE),
        Err(Refusal::Closed) => return vm.return_one(Value::FALSE),
        Err(Refusal::NoText(at)) => (2, format!("a text is UTF-8, and byte {} is not; send it as 'binary'", at + 1)),
        Err(Refusal::TooLong(n)) => {
            (2, format!("{n} bytes are too many: {MOST_PING} of a ping, {MOST_REASON} of a reason at the most"))
        }
        Err(Refusal::Code(code)) => {
            (1, format!("code {code} is not for programs: 1000, 1001, 1003, 1007 to 1014, or 3000 to 4999"))
        }
    };
    Err(vm.arg_error(i, why))
}
/// `transmit(socket, kind, message)`: takes it to send; false: it has ended.
pub(super) fn transmit(vm: &mut Vm) -> Result<Step> {
    let kind = match vm.check_string(1)?.bytes() {
        b"text" => Kind::Text,
        b"binary" => Kind::Binary,
        b"ping" => Kind::Ping,
        b"pong" => Kind::Pong,
        _ => return Err(vm.arg_error(1, "'text', 'binary', 'ping' or 'pong' expected")),
    };
    let message = vm.check_string(2)?;
    let len = message.bytes().len();
    vm.check_room(len)?;
    vm.pay(len, SCANNED);
    let sent = machine(vm)?.map_or(Err(Refusal::Closed), |m| m.send(kind, message.bytes()));
    outcome(vm, sent)
}
/// `close(socket, code, reason)`: begins the end; false: it has begun.
pub(super) fn close(vm: &mut Vm) -> Result<Step> {
    let code = vm.check_integer(1)?;
    let reason = vm.check_string(2)?;
    let code = u16::try_from(code).map_err(|_| vm.arg_error(1, "a code is a number of four digits"))?;
    let reason = String::from_utf8_lossy(reason.bytes()).to_string();
    let closed = machine(vm)?.map_or(Err(Refusal::Closed), |m| m.close(code, &reason));
    outcome(vm, closed)
}
/// `outgoing(socket)`: the bytes that are to be sent, or nil.
pub(super) fn outgoing(vm: &mut Vm) -> Result<Step> {
    let bytes = machine(vm)?.map_or(Vec::new(), Machine::take_outgoing);
    if bytes.is_empty() {
        return vm.return_one(Value::NIL);
    }
    vm.check_room(bytes.len())?;
    vm.pay(bytes.len(), COPIED);
    let s = vm.heap.string(&bytes);
    vm.return_one(s)
}

/// `accept_key(key)`: what a server answers a client's key with (RFC 6455, 1.3), before base64.
pub(super) fn accept_key(vm: &mut Vm) -> Result<Step> {
    let key = vm.check_string(0)?;
    if key.bytes().len() > 64 {
        return Err(vm.arg_error(0, "too long"));
    }
    let hash = Sha1::new().chain_update(key.bytes()).chain_update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    let hash = vm.heap.string(&hash);
    vm.return_one(hash)
}
/// `new_key()`: random bytes for a client's key, before base64.
pub(super) fn new_key(vm: &mut Vm) -> Result<Step> {
    let mut key = [0; 16];
    if let Err(e) = getrandom::fill(&mut key) {
        return Err(vm.error(format!("the system has no random bytes: {e}")));
    }
    let key = vm.heap.string(&key);
    vm.return_one(key)
}

/// `mail()`: how many messages lie in the mailbox.
pub(super) fn mail(vm: &mut Vm) -> Result<Step> {
    let n = context(vm).mailbox.len();
    vm.return_one(Value::integer(n as i64))
}
/// Registers of waiting: the socket, milliseconds, messages that are known; when it is over.
const KNOWN: usize = 2;
const ENDS: usize = 3;
/// State: it has waited. No `receive` is at such a state, which is given its message without being entered.
const WAITED: u32 = 9;
/// `await(socket, ms, known)`: waits until there is something to read (`'socket'`), or there are more messages than these in the mailbox
/// (`'mail'`); nil: neither has come within the time. A negative time is no limit.
pub(super) fn either(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == 0 {
        let ms = vm.check_float(1)?;
        vm.check_integer(KNOWN)?;
        let cx = context(vm);
        cx.begin_native();
        let ends = match ms {
            ms if ms < 0.0 || ms.is_nan() => Value::FALSE,
            ms => Value::integer(cx.now().saturating_add((ms * 1e6) as u64).min(i64::MAX as u64) as i64),
        };
        vm.truncate(ENDS);
        vm.set_arg(ENDS, ends);
    }
    let known = vm.check_integer(KNOWN)?;
    let answer = if context(vm).mailbox.len() as i64 > known {
        Some(&b"mail"[..])
    } else {
        match readiness(vm)? {
            Readiness::Ready => Some(&b"socket"[..]),
            Readiness::Perhaps => return Ok(Step::Again(WAITED)),
            Readiness::Told => None,
        }
    };
    let ends = vm.arg(ENDS).as_integer();
    let is_over = context(vm).core.wait_state() == Some(true) || ends.is_some_and(|at| at as u64 <= context(vm).now());
    if answer.is_some() || is_over {
        context(vm).end_wait();
        let v = answer.map_or(Value::NIL, |name| vm.heap.name(name));
        return vm.return_one(v);
    }
    may_wait(vm)?;
    let cx = context(vm);
    if cx.slot.is_root {
        cx.scheduler.open_gate();
    }
    cx.wait_at_socket(ends.map(|at| at as u64));
    cx.wait = Wait::Message;
    Ok(wait(cx, WAITED))
}
