//! Messages: `send`, `receive`, `metatable`.
//!
//! Journey: **send -> encode -> mailbox -> receive -> decode**. A send, and a receive that finds a message, are done
//! without leaving the interpreter. A receive with a `match` function is a loop between the function and the native
//! below: the number of the message that it is at is in the native's registers, so it can be suspended anywhere.

use super::matching::{self, Found};
use super::{Process, expected, may_wait, process_argument, refuse, time_argument, wait};
use crate::codec;
use crate::node::signal::{Bytes, Target};
use crate::node::translate;
use crate::node::transport::Sending;
use crate::process::chore::MESSAGES;
use crate::process::context::{Progress, Wait, context, reason_text};
use crate::process::core::Time;
use crate::process::signal::{Answer, Wake};
use rlua_machine::value::{Pid, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Raise, Result, Step};
use std::ops::ControlFlow;

/// Bytes of a message that count as a reduction.
pub(super) const BYTES_PER_REDUCTION: usize = 128;

/// Messages waiting before the one that is sent that count as a reduction, and the most that they count.
const CROWD_PER_REDUCTION: usize = 16;
const MOST_FOR_A_CROWD: usize = 4_000;

/// Of the messages that wait before one that does not keep up, one of so many is noted with its sender (scheduler/lately.rs).
const SAMPLED: usize = 7;

/// Units of the codec's work that count as a reduction, and that are done at once before anything is done in steps.
const UNITS: usize = MESSAGES.0;
const QUICK_UNITS: usize = MESSAGES.1;
/// Bytes past which a message is decoded in steps.
const QUICK_BYTES: usize = 16 * 1024;

/// `send` to a pid that is there: most.
pub(super) fn send_quick(vm: &mut Vm) -> Result<Option<Value>> {
    let (to, v) = (vm.arg(0).as_pid(), vm.arg(1));
    let Some(to) = to.filter(|_| !v.is_nil()) else { return Ok(None) };
    if let Some(message) = codec::Message::plain(v) {
        let cx = context(vm);
        if to.runtime() != cx.sends_to {
            return Ok(None);
        }
        let sent = cx.scheduler.send_here(cx.pid(), to, message);
        return Ok(sent.map(|crowd| handed_over(vm, to, crowd)));
    }
    send_other(vm, to, v)
}
/// As [`send_quick`], of what is to be encoded.
#[inline(never)]
fn send_other(vm: &mut Vm, to: Pid, v: Value) -> Result<Option<Value>> {
    if to.runtime() != context(vm).sends_to {
        return Ok(None);
    }
    if v.is_string() {
        check_room(vm, v)?;
    }
    let message = match codec::encode_message_within(vm, v, QUICK_UNITS) {
        Ok(Some(m)) => m,
        Ok(None) => {
            vm.pay(QUICK_UNITS, UNITS);
            return Ok(None);
        }
        Err(e) => return Err(vm.error(e.message())),
    };
    vm.charge(message.size() / BYTES_PER_REDUCTION);
    let cx = context(vm);
    let sent = cx.scheduler.send_here(cx.pid(), to, message);
    Ok(sent.map(|crowd| handed_over(vm, to, crowd)))
}
/// The message is in a mailbox in which many wait before it, or a few. Who sends to one that cannot keep up pays for that with
/// reductions, so that its turns become short and those of the receiver come sooner. It is never suspended.
#[inline]
fn handed_over(vm: &mut Vm, to: Pid, crowd: usize) -> Value {
    if crowd > 0 {
        crowded(vm, to, crowd);
    }
    Value::TRUE
}
#[cold]
fn crowded(vm: &mut Vm, to: Pid, crowd: usize) {
    vm.charge((crowd / CROWD_PER_REDUCTION).min(MOST_FOR_A_CROWD));
    if crowd.is_multiple_of(SAMPLED) {
        let cx = context(vm);
        cx.scheduler.lately().crowds(cx.pid(), to);
    }
}
/// States of natives that send: of `send`, `reply` and the like.
pub(super) mod state {
    /// The message is being encoded.
    pub const ENCODING: u32 = 1;
    /// It waits for the connection, or for room.
    pub const SENDING: u32 = 2;
    /// The message is being made bytes for another node.
    pub const CONVERTING: u32 = 3;
    /// What was received is being decoded.
    pub const DECODING: u32 = super::DECODE;
}
use state::{CONVERTING, ENCODING, SENDING};

/// What a message is that is sent.
#[derive(Clone, Copy)]
pub(super) enum Post {
    /// A message.
    Message,
    /// A request.
    Call {
        /// The number of the call.
        id: u64,
        /// Until when it is waited for, by the process's own clock.
        deadline: Option<Time>,
    },
    /// The answer to a call.
    Response {
        /// Which.
        id: u64,
        /// It says why there is none.
        refused: bool,
    },
}
/// What has come of sending it.
pub(super) enum Posted {
    /// It is on its way.
    Sent,
    /// There is no such process.
    Nobody,
    /// It cannot be sent: why.
    Failed(String),
    /// The native waits, or goes on later.
    Wait(Step),
}
/// A message, if it is whole.
pub(super) enum Encoded {
    /// It.
    Whole(codec::Message),
    /// The native is entered again at the state [`ENCODING`].
    Further(Step),
    /// The value cannot be sent: why.
    Not(Vec<u8>),
}

/// Registers of natives that send: where a number of an encoding or conversion is kept, and one of a question to the node.
const KEPT: usize = 2;
const QUESTION: usize = 3;

/// Registers: process, message, number of the encoding or conversion, of the question to the node.
pub(super) fn send(vm: &mut Vm, state: u32) -> Result<Step> {
    let posted = send_on(vm, state)?;
    match posted {
        Posted::Sent => vm.return_one(Value::TRUE),
        Posted::Nobody => refuse(vm, Value::FALSE, "no such process"),
        Posted::Failed(why) => refuse(vm, Value::FALSE, why),
        Posted::Wait(step) => Ok(step),
    }
}
fn send_on(vm: &mut Vm, state: u32) -> Result<Posted> {
    if state == SENDING {
        return Ok(sent(vm));
    }
    let to = process_argument(vm, 0)?;
    let v = vm.arg(1);
    if v.is_nil() {
        return Err(vm.arg_error(1, "message expected, got nil"));
    }
    if state == CONVERTING
        && let Some(conversion) = conversion(vm)
    {
        return Ok(post_elsewhere(vm, to, conversion, Post::Message));
    }
    let message = match encode(vm, v, KEPT, state, ENCODING).map_err(|e| e.raise(vm))? {
        ControlFlow::Continue(m) => m,
        ControlFlow::Break(step) => return Ok(Posted::Wait(step)),
    };
    context(vm).trace("sent to", to.pid(), Some(&message));
    Ok(match to {
        Process::Pid(pid) => post(vm, pid, message, Post::Message),
        Process::Elsewhere(..) => post_elsewhere(vm, to, Leaving::Whole(message), Post::Message),
        Process::Absent(_) => Posted::Nobody,
    })
}
/// A message for another node.
pub(super) enum Leaving {
    /// None of it is converted.
    Whole(codec::Message),
    /// It is being made bytes.
    Begun(Box<codec::Conversion>),
}
impl Leaving {
    fn message(&self) -> codec::Message {
        match self {
            Leaving::Whole(m) => m.clone(),
            Leaving::Begun(conversion) => conversion.message().clone(),
        }
    }
}
/// As [`encode_in_steps`], of what is posted.
pub(super) fn encode_kept(vm: &mut Vm, v: Value, state: u32) -> Result<Encoded> {
    match encode(vm, v, KEPT, state, ENCODING) {
        Ok(ControlFlow::Continue(m)) => Ok(Encoded::Whole(m)),
        Ok(ControlFlow::Break(step)) => Ok(Encoded::Further(step)),
        Err(Refused::NotSendable(e)) => Ok(Encoded::Not(e.message().to_vec())),
        Err(Refused::Raised(raise)) => Err(raise),
    }
}
/// What has come of waiting for a connection or for room.
pub(super) fn sent(vm: &mut Vm) -> Posted {
    let id = vm.arg(QUESTION).as_integer().unwrap_or(0) as u64;
    match context(vm).node_answer(id) {
        // After a thaw nobody knows of the question. The message had been handed over before.
        Ok(Answer::Done(Ok(()))) | Err(None) => Posted::Sent,
        Ok(Answer::Done(Err(why))) => Posted::Failed(why),
        Ok(_) => Posted::Failed("the connection is lost".to_string()),
        Err(Some(_)) => Posted::Wait(wait(context(vm), SENDING)),
    }
}
/// The conversion under way, if the process has not been frozen in between.
pub(super) fn conversion(vm: &mut Vm) -> Option<Leaving> {
    let kept = vm.arg(KEPT);
    match context(vm).take_progress(kept)? {
        Progress::Conversion(conversion) => Some(Leaving::Begun(conversion)),
        _ => None,
    }
}
/// Sends to a process, wherever it is.
pub(super) fn post(vm: &mut Vm, to: Pid, message: codec::Message, post: Post) -> Posted {
    if to.runtime() != context(vm).scheduler.runtime {
        return post_elsewhere(vm, Process::Pid(to), Leaving::Whole(message), post);
    }
    let signal = post.signal(vm, to, message);
    let cx = context(vm);
    cx.scheduler.crowds(cx.pid(), to);
    if cx.scheduler.send_on(cx.pid(), to, signal) { Posted::Sent } else { Posted::Nobody }
}
/// Sends to a process of another node, or of one that has a name there.
pub(super) fn post_elsewhere(vm: &mut Vm, to: Process, message: Leaving, post: Post) -> Posted {
    let cx = context(vm);
    let (node, pid, target) = match to {
        Process::Elsewhere(name, node) => (Some(node), None, Target::Name(Bytes(name))),
        Process::Pid(to) => (None, Some(to), Target::Pid(to)),
        Process::Absent(_) => return Posted::Nobody,
    };
    let online = cx.scheduler.node.online();
    // One that has come here, perhaps when this was a node.
    let is_known = online.as_ref().is_none_or(|online| pid.is_some_and(|to| online.has_moved(to)));
    if let Some(to) = pid.filter(|_| is_known) {
        let signal = post.signal(vm, to, message.message());
        let cx = context(vm);
        let sent = cx.scheduler.send_on(cx.pid(), to, signal);
        return match online {
            _ if sent => Posted::Sent,
            Some(_) => Posted::Failed("noconnection".to_string()),
            None => Posted::Failed(super::node::NO_NODE.to_string()),
        };
    }
    let Some(online) = online else { return Posted::Failed(super::node::NO_NODE.to_string()) };
    if let Leaving::Whole(m) = &message {
        let scheduler = &context(vm).scheduler;
        scheduler.tell_history(|h, at| match (&target, pid) {
            (_, Some(to)) => h.leaves(at, to, m, scheduler.natives),
            (Target::Name(name), _) => h.leaves(at, String::from_utf8_lossy(&name.0), m, scheduler.natives),
            (Target::Pid(to), None) => h.leaves(at, to, m, scheduler.natives),
        });
    }
    let converted = match convert(vm, message) {
        Ok(converted) => converted,
        Err(conversion) => {
            let number = context(vm).keep_progress(Progress::Conversion(conversion));
            vm.set_arg(KEPT, number);
            return Posted::Wait(Step::Again(CONVERTING));
        }
    };
    let cx = context(vm);
    let own = cx.pid();
    let out = match (post, pid) {
        (Post::Response { id, refused }, Some(to)) => {
            translate::response(own, to, id, cx.core.answers(to, id), refused, converted)
        }
        (Post::Call { id, deadline }, Some(to)) => {
            cx.act(|core, effects| core.call(id, to, deadline, effects));
            translate::message(own, target, converted)
        }
        _ => translate::message(own, target, converted),
    };
    let mut sending = Sending::Sent;
    let id = cx.ask_node(|_, _, asker| sending = online.send(node, pid, out, asker));
    match sending {
        // Nothing waits at an end.
        Sending::Wait if !cx.core.ending => {
            vm.set_arg(QUESTION, Value::integer(id as i64));
            Posted::Wait(wait(context(vm), SENDING))
        }
        Sending::Sent | Sending::Wait => {
            cx.give_up_question();
            Posted::Sent
        }
        Sending::Failed(why) => {
            cx.give_up_question();
            Posted::Failed(why)
        }
    }
}
/// The portable form of a message, or how far it has come.
fn convert(vm: &mut Vm, message: Leaving) -> std::result::Result<codec::PortableMessage, Box<codec::Conversion>> {
    let mut conversion = match message {
        Leaving::Begun(conversion) => conversion,
        Leaving::Whole(m) => match m.to_portable_at_once() {
            Some(converted) => return Ok(converted),
            None => Box::new(codec::Conversion::new(&m)),
        },
    };
    step(vm, |_, units| conversion.step(units)).ok_or(conversion)
}
/// The message of a value, which is in a register of the native. One that is not whole yet is kept by the process under a
/// number, which is in `register`; the native is entered again at the state `next`. A process that was frozen in between
/// begins anew.
pub(super) fn encode_in_steps(
    vm: &mut Vm,
    v: Value,
    register: usize,
    state: u32,
    next: u32,
) -> Result<ControlFlow<Step, codec::Message>> {
    encode(vm, v, register, state, next).map_err(|e| e.raise(vm))
}
/// As [`encode_in_steps`], for an exit reason: what cannot be sent becomes its text.
pub(super) fn encode_reason_in_steps(
    vm: &mut Vm,
    reason: Value,
    register: usize,
    state: u32,
    next: u32,
) -> Result<ControlFlow<Step, codec::Message>> {
    match encode(vm, reason, register, state, next) {
        Err(Refused::NotSendable(_)) => Ok(ControlFlow::Continue(reason_text(vm, reason))),
        encoded => encoded.map_err(|e| e.raise(vm)),
    }
}
/// Why there is no message of a value.
enum Refused {
    NotSendable(codec::NotSendable),
    /// There is no memory for it.
    Raised(Raise),
}
impl Refused {
    fn raise(self, vm: &mut Vm) -> Raise {
        match self {
            Refused::NotSendable(e) => vm.error(e.message()),
            Refused::Raised(raise) => raise,
        }
    }
}
impl From<codec::NotSendable> for Refused {
    fn from(e: codec::NotSendable) -> Refused {
        Refused::NotSendable(e)
    }
}
impl From<Raise> for Refused {
    fn from(raise: Raise) -> Refused {
        Refused::Raised(raise)
    }
}
/// An error if there is no memory for a string in a message.
fn check_room(vm: &mut Vm, v: Value) -> Result<()> {
    vm.check_room(v.as_string().map_or(0, |s| s.bytes().len()))
}
fn encode(
    vm: &mut Vm,
    v: Value,
    register: usize,
    state: u32,
    next: u32,
) -> std::result::Result<ControlFlow<Step, codec::Message>, Refused> {
    if state != next {
        check_room(vm, v)?;
        if let Some(m) = codec::encode_message_within(vm, v, QUICK_UNITS)? {
            vm.charge(m.size() / BYTES_PER_REDUCTION);
            return Ok(ControlFlow::Continue(m));
        }
        vm.pay(QUICK_UNITS, UNITS);
        let encoding = codec::Encoding::new(vm, v)?;
        return Ok(ControlFlow::Break(keep_encoding(vm, encoding, register, next)));
    }
    encode_further(vm, v, register, state, next)
}
fn keep_encoding(vm: &mut Vm, encoding: codec::Encoding, register: usize, next: u32) -> Step {
    let number = context(vm).keep_progress(Progress::Encoding(encoding));
    vm.set_arg(register, number);
    Step::Again(next)
}
/// As [`encode_in_steps`], of a value that is known to be large.
fn encode_further(
    vm: &mut Vm,
    v: Value,
    register: usize,
    state: u32,
    next: u32,
) -> std::result::Result<ControlFlow<Step, codec::Message>, Refused> {
    let kept = if state == next { vm.arg(register) } else { Value::NIL };
    let mut encoding = match context(vm).take_progress(kept) {
        Some(Progress::Encoding(e)) => e,
        _ => codec::Encoding::new(vm, v)?,
    };
    // It may double when it grows.
    vm.check_room(2 * encoding.bytes())?;
    Ok(match step(vm, |vm, units| encoding.step(vm, units))? {
        Some(m) => ControlFlow::Continue(m),
        None => ControlFlow::Break(keep_encoding(vm, encoding, register, next)),
    })
}
/// Lets the codec do as many units of work as there is time for, and charges for those that it did.
fn step<T>(vm: &mut Vm, work: impl FnOnce(&mut Vm, &mut usize) -> T) -> T {
    let mut units = vm.allowance(UNITS).max(QUICK_UNITS);
    let all = units;
    let done = work(vm, &mut units);
    vm.pay(all - units, UNITS);
    done
}
/// The value of a message, in this process's heap.
fn decode(vm: &mut Vm, m: codec::Message) -> Result<Value> {
    decoded(vm, m).map_err(|e| vm.error(e.to_string()))
}
fn decoded(vm: &mut Vm, m: codec::Message) -> std::result::Result<Value, codec::DecodeError> {
    vm.charge(m.size() / BYTES_PER_REDUCTION);
    codec::take_message(vm, m)
}

/// State of `receive`: look for a message.
const LOOK: u32 = 1;
/// State of `receive`: the match function has answered.
const ANSWERED: u32 = 2;
/// Register: the timeout.
const TIMEOUT: usize = 0;
/// Register: the match function or table.
const MATCH: usize = 1;
/// Register: number of the message with which the search goes on, or that the function was asked about.
const NUMBER: usize = 2;
/// Register: when the timeout is over, by the process's clock; false: never.
const DEADLINE: usize = 3;
/// Register: the message that the function was asked about.
const MESSAGE: usize = 4;
/// Register: the function, then its answer.
const ANSWER: usize = 5;
/// State of `receive`: a message is being decoded, and its value is in its register as far as it is made.
const DECODE: u32 = 3;
/// Register: the number under which the decoding is kept.
const DECODING: usize = 5;
/// Register: the number under which the search by a table is kept.
const SEARCH: usize = 5;

/// `receive` without a match, if there is a message.
pub(super) fn receive_quick(vm: &mut Vm) -> Result<Option<Value>> {
    let is_bare = vm.count() == 0;
    let cx = context(vm);
    // Most wait without more ado.
    if is_bare && cx.mailbox.is_empty() && !cx.slot.is_root && !cx.slot.pending.any() {
        wait_for_any(vm);
        return Ok(None);
    }
    receive_what_is_there(vm, is_bare)
}
#[inline(never)]
fn receive_what_is_there(vm: &mut Vm, is_bare: bool) -> Result<Option<Value>> {
    let is_plain = is_bare || (vm.arg(TIMEOUT).is_nil() || vm.arg(TIMEOUT).is_number()) && vm.arg(MATCH).is_nil();
    let heap_bytes = vm.heap.bytes();
    let cx = context(vm);
    if !is_plain || (cx.slot.is_root && !cx.scheduler.gate_is_open()) {
        return Ok(None);
    }
    if cx.mailbox.is_empty() {
        cx.poll(heap_bytes);
    }
    match cx.mailbox.first() {
        Some(m) if m.size() <= QUICK_BYTES => {
            let m = cx.mailbox.pop().expect("it was just seen");
            return decode(vm, m).map(Some);
        }
        None if is_bare => wait_for_any(vm),
        _ => {}
    }
    Ok(None)
}
/// `receive()` waits, unless there is something else to see to first: then it begins as a state machine.
#[inline]
fn wait_for_any(vm: &mut Vm) {
    let cx = context(vm);
    if cx.slot.is_root || !cx.urgent.is_empty() || cx.core.ending || crate::process::exit::notice_return(vm) {
        return;
    }
    // Up to DEADLINE.
    vm.push_all([Value::NIL, Value::NIL, Value::integer(0), Value::FALSE]);
    let cx = context(vm);
    cx.begin_native();
    cx.wait_until(Wait::Message, None);
    cx.resume = false;
    vm.ask_as_leaf(LOOK);
}
/// Something has come for a process that waits in a native which would be entered at a state. If that is a `receive` that
/// takes whatever comes first, and this is the only message, it is given the message's value, and need not be entered: how
/// many reductions that was. None: it is to be entered.
#[inline]
pub(crate) fn answer_receive(vm: &mut Vm, state: u32) -> Option<usize> {
    let cx = context(vm);
    if state != LOOK || cx.wait != Wait::Message || cx.mailbox.len() != 1 || !cx.resume {
        return None;
    }
    let size = cx.mailbox.first()?.size();
    // Only a `receive` waits for messages.
    vm.enter_request();
    if size > QUICK_BYTES || !vm.arg(MATCH).is_nil() {
        return None;
    }
    let m = context(vm).mailbox.pop()?;
    let v = match codec::take_whole(vm, m) {
        Ok(v) => v,
        // It may be damaged: the native finds it again, and raises the error.
        Err(m) => match codec::decode_message(vm, &m) {
            Ok(v) => v,
            Err(_) => {
                context(vm).mailbox.push(m);
                return None;
            }
        },
    };
    context(vm).end_wait();
    vm.finish_request_with(v);
    Some(size / BYTES_PER_REDUCTION)
}
pub(super) fn receive(vm: &mut Vm, state: u32) -> Result<Step> {
    match state {
        ANSWERED => {
            let (accepted, v) = (!vm.arg(ANSWER).is_false(), vm.arg(MESSAGE));
            let number = vm.arg(NUMBER).as_integer().unwrap_or(0);
            vm.truncate(MESSAGE);
            if accepted {
                // The function may have received it itself.
                context(vm).mailbox.take(number as u64);
                return vm.return_one(v);
            }
            vm.set_arg(NUMBER, Value::integer(number.saturating_add(1)));
        }
        LOOK if vm.arg(MATCH).is_nil() => {
            // What it has waited for, most of the time.
            let cx = context(vm);
            if cx.mailbox.first().is_some_and(|m| m.size() <= QUICK_BYTES)
                && let Some(m) = cx.mailbox.pop()
            {
                cx.end_wait();
                let v = decode(vm, m)?;
                return vm.return_one(v);
            }
        }
        LOOK | DECODE => {}
        _ => {
            begin(vm)?;
            if vm.arg(MATCH).is_nil() {
                let heap_bytes = vm.heap.bytes();
                let cx = context(vm);
                cx.poll(heap_bytes);
                if cx.mailbox.is_empty() {
                    return wait_for_more(vm);
                }
            }
        }
    }
    search(vm, state)
}
fn begin(vm: &mut Vm) -> Result<()> {
    let timeout = if vm.arg(TIMEOUT).is_nil() { None } else { Some(time_argument(vm, TIMEOUT)?) };
    let filter = vm.arg(MATCH);
    if !filter.is_nil() && !filter.is_function() && filter.as_table().is_none() {
        return Err(expected(vm, MATCH, "function or table"));
    }
    let cx = context(vm);
    cx.begin_native();
    if cx.slot.is_root {
        cx.scheduler.open_gate();
    }
    let deadline = super::schedule::deadline_value(context(vm), timeout);
    vm.truncate(NUMBER);
    vm.set_arg(NUMBER, Value::integer(0));
    vm.set_arg(DEADLINE, deadline);
    Ok(())
}
/// Looks through the mailbox from a number on; waits if nothing is accepted.
fn search(vm: &mut Vm, state: u32) -> Result<Step> {
    let filter = vm.arg(MATCH);
    let mut number = vm.arg(NUMBER).as_integer().unwrap_or(0) as u64;
    let mut polled = false;
    // A message fits the table to match.
    let mut is_found = false;
    loop {
        if let Some(pattern) = filter.as_table().filter(|_| state != DECODE && !is_found) {
            match step(vm, |vm, units| matching::find(vm, pattern, number, SEARCH, units))? {
                Found::Message(n) => {
                    number = n;
                    is_found = true;
                    continue;
                }
                Found::Nothing(n) => {
                    number = n;
                    break;
                }
                Found::Further(n) => {
                    vm.set_arg(NUMBER, Value::integer(n as i64));
                    return Ok(Step::Again(LOOK));
                }
            }
        }
        let Some((n, m)) = context(vm).mailbox.at_or_after(number) else {
            if polled {
                break;
            }
            polled = true;
            let heap_bytes = vm.heap.bytes();
            context(vm).poll(heap_bytes);
            continue;
        };
        number = n;
        if !filter.is_function() && m.size() <= QUICK_BYTES {
            let cx = context(vm);
            let Some(m) = cx.mailbox.take(n) else { continue };
            cx.end_wait();
            let v = decode(vm, m)?;
            return vm.return_one(v);
        }
        let m = m.clone();
        vm.set_arg(NUMBER, Value::integer(number as i64));
        // What a function waits for is a wait of its own.
        context(vm).end_wait();
        let is_taken = !filter.is_function();
        let v = match decode_in_steps(vm, &m, state) {
            Ok(ControlFlow::Continue(v)) => v,
            Ok(ControlFlow::Break(step)) => return Ok(step),
            Err(e) => {
                // Nobody will ever be able to receive it.
                if is_taken {
                    context(vm).mailbox.take(number);
                }
                return Err(vm.error(e.to_string()));
            }
        };
        if is_taken {
            context(vm).mailbox.take(number);
            return vm.return_one(v);
        }
        vm.truncate(MESSAGE);
        vm.push(v);
        vm.push(filter);
        vm.push(v);
        return Ok(Step::Call { function: ANSWER, results: 1, next: ANSWERED, catch: false });
    }
    vm.set_arg(NUMBER, Value::integer(number as i64));
    wait_for_more(vm)
}
/// The value of a message that stays where it is meanwhile: a process that is frozen in between begins anew.
pub(super) fn decode_in_steps(
    vm: &mut Vm,
    m: &codec::Message,
    state: u32,
) -> std::result::Result<ControlFlow<Step, Value>, codec::DecodeError> {
    if m.size() <= QUICK_BYTES {
        return decoded(vm, m.clone()).map(ControlFlow::Continue);
    }
    let kept = if state == DECODE { vm.arg(DECODING) } else { Value::NIL };
    let begun = match context(vm).take_progress(kept) {
        Some(Progress::Decoding(d)) => Some(d),
        _ => codec::Decoding::new(m),
    };
    let Some(mut decoding) = begun else { return decoded(vm, m.clone()).map(ControlFlow::Continue) };
    Ok(match step(vm, |vm, units| decoding.step(vm, units))? {
        Some(v) => ControlFlow::Continue(v),
        None => {
            vm.set_arg(MESSAGE, decoding.root());
            let number = context(vm).keep_progress(Progress::Decoding(decoding));
            vm.set_arg(DECODING, number);
            ControlFlow::Break(Step::Again(DECODE))
        }
    })
}
/// Nothing that has come so far is accepted.
fn wait_for_more(vm: &mut Vm) -> Result<Step> {
    let deadline = vm.arg(DEADLINE);
    if !context(vm).urgent.is_empty() {
        return Ok(wait(context(vm), LOOK));
    }
    if super::schedule::is_over(context(vm), deadline) {
        context(vm).end_wait();
        return vm.return_one(Value::NIL);
    }
    may_wait(vm)?;
    let cx = context(vm);
    if deadline.is_false() && cx.slot.is_root && cx.take_wake() == Some(Wake::Deadlock) {
        return Err(super::schedule::deadlock_error(vm));
    }
    cx.wait_until(Wait::Message, deadline.as_integer().map(|n| n as u64));
    Ok(wait(cx, LOOK))
}

/// `metatable`: a class for messages.
pub(super) fn register_metatable(vm: &mut Vm) -> std::result::Result<Value, Raise> {
    super::name_argument(vm, 0)?;
    let name = vm.arg(0);
    let t = vm.check_table(1)?;
    codec::register_metatable(vm, name, t);
    Ok(Value::table(t))
}
