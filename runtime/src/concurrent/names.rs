//! Registering: `register`, `unregister`, `whereis`, `registered`.
//!
//! Journey: send, by name.

use super::{Answer, go, refuse};
use crate::process::{Process, Status};
use crate::scheduler::Scheduler;
use rlua_machine::value::{Kind, Value};
use rlua_machine::vm::native::Result;
use std::sync::Arc;

pub(super) fn register(scheduler: &Arc<Scheduler>, p: &mut Process) -> Result<Answer> {
    let name = super::name_argument(p, 0)?;
    let name: Arc<[u8]> = name.bytes().into();
    let slot = if p.vm.arg(1).is_nil() {
        Some(p.slot.clone())
    } else {
        match p.vm.arg(1).kind() {
            Kind::Pid(pid) => scheduler.find(pid),
            _ => super::slot_argument(scheduler, p, 1)?,
        }
    };
    let Some(slot) = slot else { return super::link::no_such(p) };
    let mut s = slot.lock();
    if s.status == Status::Dead {
        drop(s);
        return super::link::no_such(p);
    }
    if !scheduler.names.insert(name.clone(), slot.pid) {
        drop(s);
        let text = format!("name '{}' is taken", String::from_utf8_lossy(&name));
        return refuse(p, Value::FALSE, &text);
    }
    s.names.push(name);
    drop(s);
    go(p, Value::TRUE)
}

pub(super) fn unregister(scheduler: &Arc<Scheduler>, p: &mut Process) -> Result<Answer> {
    let names: Vec<Arc<[u8]>> = if p.vm.arg(0).is_nil() {
        p.slot.lock().names.clone()
    } else {
        vec![super::name_argument(p, 0)?.bytes().into()]
    };
    let mut any = false;
    for name in names {
        if let Some(pid) = scheduler.names.remove(&name) {
            any = true;
            if let Some(slot) = scheduler.find(pid) {
                slot.lock().names.retain(|n| *n != name);
            }
        }
    }
    go(p, Value::boolean(any))
}

pub(super) fn whereis(scheduler: &Arc<Scheduler>, p: &mut Process) -> Result<Answer> {
    let v = p.vm.arg(0);
    if v.as_pid().is_some() {
        return go(p, v);
    }
    let found = super::process_argument(scheduler, p, 0)?;
    go(p, found.map_or(Value::NIL, Value::pid))
}

pub(super) fn registered(scheduler: &Arc<Scheduler>, p: &mut Process) -> Result<Answer> {
    let names: Vec<Value> = scheduler.names.names().iter().map(|n| p.vm.heap.string(n)).collect();
    let t = super::array(p, &names);
    go(p, t)
}
