//! Lives and ends: `exit`, `kill`, `interrupt`, links, monitors.
//!
//! Journey: exit signal: process -> **links, monitors** -> others. The core decides (process/core.rs); what it asks for is
//! routed.

use super::message::encode_reason_in_steps;
use super::{DONE, Process, done, information, node, process_argument};
use crate::codec::Message;
use crate::process::context::{Context, Leaving, context};
use crate::process::signal::Signal;
use rlua_machine::value::{Pid, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Result, Step};
use std::ops::ControlFlow;

/// State of `exit` and `kill`: the reason is being encoded. Of `kill`, the process to kill is in register 0 then.
const ENCODING: u32 = 3;
/// Registers: reason; the number of the encoding; at the end, the reason once more.
pub(super) fn exit(vm: &mut Vm, state: u32) -> Result<Step> {
    if vm.arg(0).is_nil() {
        let reason = vm.heap.name(b"exit");
        vm.set_arg(0, reason);
    }
    let reason = vm.arg(0);
    let encoded = match encode_reason_in_steps(vm, reason, 1, state, ENCODING)? {
        ControlFlow::Continue(m) => m,
        ControlFlow::Break(step) => return Ok(step),
    };
    vm.push(reason);
    let cx = context(vm);
    cx.leaving = Some(Box::new(Leaving::Exit(encoded)));
    Ok(Step::Request(DONE))
}

/// Registers: process, reason; 2 and 3: a question, or the number of the encoding.
pub(super) fn kill(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == DONE {
        return Ok(Step::Return(1));
    }
    let state = match node::resolve(vm, 0, state, 2)? {
        Ok(state) => state,
        Err(step) => return Ok(step),
    };
    let Process::Pid(target) = information::target(vm, state, 2)? else { return vm.return_one(Value::FALSE) };
    let own = context(vm).pid();
    if state != ENCODING {
        match information::lives(vm, target, state, 2) {
            Ok(true) => {}
            Ok(false) => return vm.return_one(Value::FALSE),
            Err(step) => return Ok(step),
        }
    }
    let reason = match vm.arg(1) {
        v if v.is_nil() => Message::string(b"killed"),
        v => {
            vm.set_arg(0, Value::pid(target));
            match encode_reason_in_steps(vm, v, 2, state, ENCODING)? {
                ControlFlow::Continue(m) => m,
                ControlFlow::Break(step) => return Ok(step),
            }
        }
    };
    let cx = context(vm);
    let reached = match cx.scheduler.node.online().filter(|_| target.runtime() != cx.scheduler.runtime) {
        Some(online) => online.kill(own, target, &reason),
        None => cx.scheduler.route(target, Signal::Kill { reason, limit: false }),
    };
    if target == own {
        return done(vm, Value::boolean(reached));
    }
    vm.return_one(Value::boolean(reached))
}

/// `interrupt()` ends the root's `loop`; `interrupt(process)` raises an error where that process is.
pub(super) fn interrupt(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == DONE {
        return Ok(Step::Return(1));
    }
    if vm.count() == 0 {
        super::schedule::end_loop(context(vm));
        return Ok(Step::Return(0));
    }
    let state = match node::resolve(vm, 0, state, 1)? {
        Ok(state) => state,
        Err(step) => return Ok(step),
    };
    let Process::Pid(target) = information::target(vm, state, 1)? else { return vm.return_one(Value::FALSE) };
    let cx = context(vm);
    let reached = match cx.scheduler.node.online().filter(|_| target.runtime() != cx.scheduler.runtime) {
        Some(online) => online.interrupt(cx.pid(), target),
        None => cx.scheduler.route(target, Signal::Interrupt),
    };
    done(vm, Value::boolean(reached))
}

/// A process that may be absent by name: then a pid that no process has, the same for the same name.
fn peer(vm: &mut Vm) -> Result<Pid> {
    Ok(match process_argument(vm, 0)? {
        Process::Pid(pid) => pid,
        // One of another node was looked up there before.
        Process::Absent(name) | Process::Elsewhere(name, _) => Pid::absent(context(vm).scheduler.runtime, &name),
    })
}
fn act(vm: &mut Vm, state: u32, f: impl FnOnce(&mut Context, Pid)) -> Result<Step> {
    if state == DONE {
        return Ok(Step::Return(1));
    }
    if let Err(step) = node::resolve(vm, 0, state, 1)? {
        return Ok(step);
    }
    let pid = peer(vm)?;
    f(context(vm), pid);
    done(vm, Value::TRUE)
}
pub(super) fn link(vm: &mut Vm, state: u32) -> Result<Step> {
    act(vm, state, |cx, pid| cx.act(|core, effects| core.link(pid, effects)))
}
pub(super) fn unlink(vm: &mut Vm, state: u32) -> Result<Step> {
    act(vm, state, |cx, pid| cx.act(|core, effects| core.unlink(pid, effects)))
}
pub(super) fn monitor(vm: &mut Vm, state: u32) -> Result<Step> {
    act(vm, state, |cx, pid| cx.act(|core, effects| core.monitor(pid, effects)))
}
pub(super) fn demonitor(vm: &mut Vm, state: u32) -> Result<Step> {
    let mut looked_at = 0;
    let step = act(vm, state, |cx, pid| {
        cx.act(|core, effects| core.demonitor(pid, effects));
        // Also that of a monitor before this one.
        looked_at = cx.mailbox.remove_system(b"DOWN", pid);
    })?;
    vm.charge(looked_at / 16);
    Ok(step)
}
