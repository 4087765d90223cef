//! Creating processes: `spawn`, `spawnlink`, `spawnmonitor`.
//!
//! Journey: a process's beginning. The spawner takes a snapshot of what the body can reach; the child is born from it
//! on the worker that runs it first. Child and parent know of their tie before the child can run.

use super::{expected, refuse};
use crate::codec;
use crate::process::context::context;
use crate::process::{Birth, Process};
use rlua_machine::stdlib;
use rlua_machine::value::{Kind, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Result, Step};

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

pub(super) fn spawn(vm: &mut Vm, tie: Tie) -> Result<Step> {
    let names_node = vm.arg(0).as_string().is_some_and(|s| s.bytes().contains(&b'@'));
    if names_node && (vm.arg(1).is_function() || vm.arg(1).as_string().is_some()) {
        return refuse(vm, Value::NIL, "no connection: this runtime is not a node");
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
    let arguments: Vec<Value> = (1..vm.count()).map(|i| vm.arg(i)).collect();
    let snapshot = codec::snapshot(vm, body, &arguments);
    vm.charge(snapshot.objects() / 4);
    let host = stdlib::host::child(vm);
    let cx = context(vm);
    let own = cx.pid();
    let scheduler = cx.scheduler.clone();
    let (slot, mut child) = scheduler.new_process(Some(own));
    let pid = slot.pid;
    match tie {
        Tie::None => {}
        Tie::Link => {
            cx.core.linked_child(pid);
            child.core.linked_parent(own);
        }
        Tie::Monitor => {
            let id = cx.core.monitored_child(pid);
            child.core.monitored_by_parent(own, id);
        }
    }
    child.set_limits();
    let process = new_process(host, child, Some(Box::new(Birth { snapshot })));
    scheduler.enter(slot, process);
    vm.return_one(Value::pid(pid))
}

/// A process that has not run yet.
pub(crate) fn new_process(
    host: Box<stdlib::host::Host>,
    context: Box<crate::process::context::Context>,
    birth: Option<Box<Birth>>,
) -> Box<Process> {
    let scheduler = context.scheduler.clone();
    let mut vm = Vm::new(host, super::find_native);
    vm.attached.set(context);
    scheduler.config.set_up(&mut vm);
    Box::new(Process { vm, waiting: None, birth })
}
