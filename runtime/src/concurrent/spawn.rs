//! Creating processes: `spawn`, `spawnlink`, `spawnmonitor`.
//!
//! Journey: a process's beginning. The spawner takes a snapshot of what the body can reach; the child is born from it
//! on the worker that runs it first. Child and parent know of their tie before the child can run.

use super::message::encode_in_steps;
use super::{expected, node, refuse};
use crate::codec;
use crate::node::signal::{Body, Bytes};
use crate::node::translate;
use crate::process::birth::Birth;
use crate::process::chore::OBJECTS;
use crate::process::context::{Progress, context};
use crate::process::signal::Answer;
use crate::socket::handover;
use rlua_machine::stdlib;
use rlua_machine::value::{Kind, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Result, Step};
use std::ops::ControlFlow;

/// How parent and child are tied from the first moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tie {
    /// Not at all.
    None,
    /// Linked.
    Link,
    /// The parent monitors the child.
    Monitor,
}

/// State: another node was asked for a process. Register 1 has the number of the question.
const ASKED: u32 = 2;
/// State: the arguments for another node, in register 2, are being encoded; 3 has the number of that.
const ENCODING: u32 = 3;

/// State: the globals that the functions among the arguments in register 2 name are looked for; 3 has the number of that.
const NAMING: u32 = 4;
/// Objects and slots that are a reduction.
const PASSED: usize = 16;
/// Those that are passed in one go at least.
const QUICK_PASSED: usize = 16 * 1024;

/// Puts the globals that functions name beside the arguments, as `globals`; a step: it is not done yet.
fn take_globals(vm: &mut Vm, state: u32) -> Option<Step> {
    let arguments = vm.arg(2);
    let kept = if state == NAMING { vm.arg(3) } else { Value::NIL };
    let mut naming = match context(vm).take_progress(kept) {
        Some(Progress::Naming(naming)) => naming,
        _ => Box::new(codec::Naming::new(arguments)),
    };
    let mut units = vm.allowance(PASSED).max(QUICK_PASSED);
    let all = units;
    let done = naming.step(vm, &mut units);
    vm.pay(all - units, PASSED);
    vm.truncate(3);
    if !done {
        let number = context(vm).keep_progress(Progress::Naming(naming));
        vm.set_arg(3, number);
        return Some(Step::Again(NAMING));
    }
    let found = naming.found();
    if let Some(t) = arguments.as_table().filter(|_| !found.is_empty()) {
        let globals = vm.heap.table_sized(0, found.len());
        stdlib::field(vm, t, "globals", Value::table(globals));
        for (name, v) in found {
            let name = vm.heap.string(&name);
            globals.set(&mut vm.heap, name, v).expect("a string is a key");
        }
    }
    None
}

/// `spawn(node, body, ...)`.
fn spawn_elsewhere(vm: &mut Vm, tie: Tie, state: u32) -> Result<Step> {
    let node = node::node_argument(vm, 0)?;
    if super::own_node(vm).is_none() {
        return refuse(vm, Value::NIL, node::NO_NODE);
    }
    let named = vm.arg(1).as_string();
    if state == 0 {
        super::may_wait(vm)?;
        let first = if named.is_some() { 2 } else { 1 };
        let n = vm.count().saturating_sub(first);
        let t = vm.heap.table_sized(n, 1);
        for i in 0..n {
            let v = vm.arg(first + i);
            t.set_integer(&mut vm.heap, i as i64 + 1, v).expect("a small integer is a key");
        }
        stdlib::field(vm, t, "n", Value::integer(n as i64));
        vm.pay_for_values(n);
        vm.set_arg(2, Value::table(t));
        vm.truncate(3);
    }
    if (state == 0 || state == NAMING)
        && named.is_none()
        && let Some(step) = take_globals(vm, state)
    {
        return Ok(step);
    }
    if matches!(state, 0 | NAMING | ENCODING) {
        let arguments = vm.arg(2);
        let arguments = match encode_in_steps(vm, arguments, 3, state, ENCODING)? {
            ControlFlow::Continue(m) => m,
            ControlFlow::Break(step) => return Ok(step),
        };
        let named = named.map(|s| Bytes(s.bytes().to_vec()));
        let cx = context(vm);
        let monitor = (tie == Tie::Monitor).then(|| cx.core.next_id());
        let body = named.map_or(Body::Function, Body::Named);
        vm.truncate(1);
        let asked = node::ask(vm, 1, false, ASKED, |core, online, (parent, id)| {
            core.spawns(id, tie == Tie::Link, monitor);
            let out = translate::spawn(parent, id, body, tie == Tie::Link, monitor, &arguments);
            online.spawn(node, out, (parent, id));
        });
        return match asked {
            Ok(_) => refuse(vm, Value::NIL, "noconnection"),
            Err(step) => Ok(step),
        };
    }
    let id = vm.arg(1).as_integer().unwrap_or(0) as u64;
    let cx = context(vm);
    match cx.node_answer(id) {
        Ok(Answer::Spawned(child)) => vm.return_one(Value::pid(child)),
        Ok(Answer::NotSpawned(why)) => refuse(vm, Value::NIL, why),
        Ok(Answer::Done(Err(why))) => refuse(vm, Value::NIL, why),
        Err(Some(_)) => Ok(super::wait(cx, ASKED)),
        // After a thaw nobody knows of the request: what has come of it cannot be said.
        Ok(_) | Err(None) => refuse(vm, Value::NIL, "noconnection"),
    }
}

/// State of `spawn`: a snapshot is being taken, and kept under the number in the last register.
const CAPTURE: u32 = 1;
/// Registers: body, arguments; the number of the capture.
pub(super) fn spawn(vm: &mut Vm, tie: Tie, state: u32) -> Result<Step> {
    if matches!(state, ASKED | ENCODING | NAMING) {
        return spawn_elsewhere(vm, tie, state);
    }
    let names_node = vm.arg(0).as_string().is_some_and(|s| s.bytes().contains(&b'@'));
    if names_node && (vm.arg(1).is_function() || vm.arg(1).as_string().is_some()) {
        return spawn_elsewhere(vm, tie, state);
    }
    let mut body = vm.arg(0);
    if let Kind::String(name) = body.kind() {
        body = vm.globals().get_str(name);
        if !body.is_function() {
            return refuse(vm, Value::NIL, [b"no global function '", name.bytes(), b"'"].concat());
        }
    }
    if !body.is_function() {
        return Err(expected(vm, 0, "function, or name of a global function"));
    }
    vm.check_reserve()?;
    let quick = match state {
        CAPTURE => None,
        _ => {
            let arguments = arguments(vm);
            codec::Snapshot::again(vm, body, arguments)
        }
    };
    let snapshot = match quick {
        Some(snapshot) => snapshot,
        None => match capture(vm, body, state) {
            Ok(snapshot) => snapshot,
            Err(step) => return Ok(step),
        },
    };
    if context(vm).scheduler.has_too_many_snapshots() {
        return Err(vm.out_of_memory());
    }
    let mut sockets = Vec::new();
    if context(vm).has_sockets() {
        match handover::take(vm, 1) {
            Ok(taken) => sockets = taken,
            Err(why) => return refuse(vm, Value::NIL, why),
        }
    }
    let cx = context(vm);
    let pid = cx.scheduler.new_pid();
    let mut birth = Birth::new(snapshot, sockets);
    match tie {
        Tie::None => {}
        Tie::Link => {
            cx.core.linked_child(pid);
            birth.is_linked = true;
        }
        Tie::Monitor => birth.watched_under = Some(cx.core.monitored_child(pid)),
    }
    let slot = cx.scheduler.insert_child(pid, cx.slot.pid, birth);
    cx.scheduler.begin(slot);
    cx.trace("spawned", Some(pid), None);
    vm.return_one(Value::pid(pid))
}
/// The arguments of the body, with something else in place of sockets.
#[inline]
fn arguments(vm: &mut Vm) -> codec::Arguments {
    let has_sockets = context(vm).has_sockets();
    let mut arguments = codec::Arguments::new();
    for i in 1..vm.count() {
        let v = vm.arg(i);
        arguments.push(if has_sockets { handover::without_socket(vm, v) } else { v });
    }
    arguments
}
/// Takes what the body and the arguments reach; `Err`: it goes on in another step.
fn capture(vm: &mut Vm, body: Value, state: u32) -> std::result::Result<codec::Snapshot, Step> {
    let kept = match state {
        CAPTURE => {
            let last = vm.count().saturating_sub(1);
            let kept = vm.arg(last);
            vm.truncate(last);
            context(vm).take_progress(kept)
        }
        _ => None,
    };
    let mut capture = match kept {
        Some(Progress::Capture(capture)) => capture,
        _ => {
            let arguments = arguments(vm);
            Box::new(codec::Capture::new(vm, body, arguments))
        }
    };
    let mut units = vm.allowance(OBJECTS.0).max(OBJECTS.1);
    let all = units;
    let done = capture.step(vm, &mut units);
    vm.pay(all - units, OBJECTS.0);
    done.ok_or_else(|| {
        let number = context(vm).keep_progress(Progress::Capture(capture));
        vm.push(number);
        Step::Again(CAPTURE)
    })
}
