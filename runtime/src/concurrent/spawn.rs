//! Creating processes: `spawn`, `spawnlink`, `spawnmonitor`.
//!
//! Journey: a process's beginning. The spawner takes a snapshot of what the body can reach; the child is born from it
//! on the worker that runs it first.

use super::{Answer, go, refuse};
use crate::codec;
use crate::process::options::OwnOptions;
use crate::process::{Birth, Process, Slot};
use crate::scheduler::Scheduler;
use rlua_machine::stdlib;
use rlua_machine::value::{Kind, Pid, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::Result;
use std::collections::VecDeque;
use std::sync::Arc;

/// How parent and child are tied from the first moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tie {
    /// Not at all.
    None,
    /// Linked.
    Link,
    /// The parent monitors the child.
    Monitor,
}

pub(super) fn spawn(scheduler: &Arc<Scheduler>, p: &mut Process, tie: Tie) -> Result<Answer> {
    let mut first = 0;
    if p.vm.arg(0).as_string().is_some() && (p.vm.arg(1).is_function() || p.vm.arg(1).as_string().is_some()) {
        let name = p.vm.check_string(0)?;
        if name.bytes().contains(&b'@') {
            return refuse(p, Value::NIL, "no connection: this runtime is not a node");
        }
    }
    let mut body = p.vm.arg(0);
    if let Kind::String(name) = body.kind() {
        let text = String::from_utf8_lossy(name.bytes()).into_owned();
        body = p.vm.globals().get_str(name);
        if !body.is_function() {
            return refuse(p, Value::NIL, &format!("no global function '{text}'"));
        }
    }
    if !body.is_function() {
        return Err(p.vm.type_error(0, "function"));
    }
    first += 1;
    let arguments: Vec<Value> = (first..p.vm.count()).map(|i| p.vm.arg(i)).collect();
    let snapshot = codec::snapshot(&mut p.vm, body, &arguments);
    let pid = scheduler.new_pid();
    let slot = Slot::new(pid, p.slot.pid, false);
    match tie {
        Tie::None => {}
        Tie::Link => {
            slot.lock().links.push(p.slot.pid);
            p.slot.lock().links.push(pid);
        }
        Tie::Monitor => {
            slot.lock().watchers.push(p.slot.pid);
            p.slot.lock().watching.push(pid);
        }
    }
    // Its own options begin as the node's.
    let limit = scheduler.options.read().unwrap_or_else(|e| e.into_inner()).maxmailbox;
    slot.lock().max_mailbox = limit as usize;
    let host = stdlib::host::child(&mut p.vm);
    let mut vm = Vm::new(host, p.vm.natives);
    scheduler.config.set_up(&mut vm);
    scheduler.enter(new_process(slot, vm, Some(Box::new(Birth { snapshot }))));
    go(p, Value::pid(pid))
}

/// A process that has not run yet.
pub fn new_process(slot: Arc<Slot>, vm: Vm, birth: Option<Box<Birth>>) -> Box<Process> {
    Box::new(Process {
        slot,
        vm,
        mailbox: VecDeque::new(),
        next_number: 0,
        options: OwnOptions::default(),
        reductions: 0,
        ending: None,
        pending: None,
        birth,
    })
}

/// Thaws what a new process starts from.
pub fn be_born(p: &mut Process) {
    let Some(birth) = p.birth.take() else { return };
    let (body, arguments) = codec::thaw_snapshot(&birth.snapshot, &mut p.vm);
    p.vm.start(body, &arguments);
}

/// Identity of the root process.
pub const ROOT: Pid = Pid(1);
