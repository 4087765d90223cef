//! Registering: `register`, `unregister`, `whereis`, `registered`.
//!
//! Journey: send, by name. The table of names says who has one; the process is told of its names by signals, so that it
//! gives them back at its end.

use super::information::{ASKED, lives, target};
use super::{Process, process_argument, refuse};
use crate::process::context::context;
use crate::process::signal::{Name, Signal};
use rlua_machine::value::Value;
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Result, Step};

/// Registers of a `register` that waits: the question, and who has the name.
const QUESTION: usize = 2;

pub(super) fn register(vm: &mut Vm, mut state: u32) -> Result<Step> {
    let name: Name = super::name_argument(vm, 0)?.bytes().into();
    let own = context(vm).pid();
    let target = if vm.arg(1).is_nil() { Some(own) } else { process_argument(vm, 1)?.pid() };
    // One that is about to end, perhaps by the caller's own kill, gives the name back first.
    loop {
        let asked = if state == ASKED { vm.arg(QUESTION + 1).as_pid() } else { None };
        let Some(holder) = asked.or_else(|| context(vm).scheduler.names.find(&name)) else {
            let Some(target) = target else { return refuse(vm, Value::FALSE, "no such process") };
            if context(vm).scheduler.names.insert(name.clone(), target) {
                break;
            }
            continue;
        };
        let lives = match lives(vm, holder, state, QUESTION) {
            Ok(lives) => lives,
            Err(step) => return Ok(step),
        };
        if !lives {
            // Somebody may just have given it the name, not knowing that it has ended.
            context(vm).scheduler.names.remove_of(&name, holder);
        } else if asked.is_none() {
            return refuse(vm, Value::FALSE, taken(&name));
        }
        state = 0;
    }
    let cx = context(vm);
    match target {
        Some(target) if target != own => {
            if !cx.scheduler.route(target, Signal::Named(name)) {
                return refuse(vm, Value::FALSE, "no such process");
            }
        }
        _ => cx.core.add_name(name),
    }
    vm.return_one(Value::TRUE)
}
fn taken(name: &[u8]) -> Vec<u8> {
    [b"name '", name, b"' is taken"].concat()
}

pub(super) fn unregister(vm: &mut Vm, _: u32) -> Result<Step> {
    let names: Vec<Name> =
        if vm.arg(0).is_nil() { context(vm).core.names() } else { vec![super::name_argument(vm, 0)?.bytes().into()] };
    vm.charge(names.len());
    let cx = context(vm);
    let mut any = false;
    for name in names {
        if let Some(holder) = cx.scheduler.names.remove(&name) {
            any = true;
            if holder == cx.pid() {
                cx.core.remove_name(&name);
            } else {
                cx.scheduler.route(holder, Signal::Unnamed(name));
            }
        }
    }
    vm.return_one(Value::boolean(any))
}

pub(super) fn whereis(vm: &mut Vm, state: u32) -> Result<Step> {
    let v = vm.arg(0);
    if v.as_pid().is_some() {
        return vm.return_one(v);
    }
    let Process::Pid(pid) = target(vm, state, 1)? else { return vm.return_one(Value::NIL) };
    match lives(vm, pid, state, 1) {
        Ok(true) => vm.return_one(Value::pid(pid)),
        Ok(false) => vm.return_one(Value::NIL),
        Err(step) => Ok(step),
    }
}

pub(super) fn registered(vm: &mut Vm) -> Result<Value> {
    let names = context(vm).scheduler.names.names();
    vm.charge(names.len());
    let names: Vec<Value> = names.iter().map(|n| vm.heap.string(n)).collect();
    Ok(super::array(vm, &names))
}
