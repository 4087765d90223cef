//! Registering: `register`, `unregister`, `whereis`, `registered`.
//!
//! Journey: send, by name. The table of names says who here has one, the node who elsewhere has; the process is told of
//! its names by signals, so that it gives them back at its end. On a node whose names are global all nodes agree on a new
//! one first (node/names.rs), and the native waits for that.

use super::information::{ASKED, lives, target};
use super::{Process, node, process_argument, refuse};
use crate::process::context::context;
use crate::process::signal::{Answer, Name, Signal};
use rlua_machine::value::{Pid, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Result, Step};

/// Registers of a `register` that waits: the question, and who has the name.
const QUESTION: usize = 2;
/// State: the nodes are agreeing, or another node was asked to see to it.
const AGREEING: u32 = 2;

pub(super) fn register(vm: &mut Vm, mut state: u32) -> Result<Step> {
    let name: Name = super::name_argument(vm, 0)?.bytes().into();
    let own = context(vm).pid();
    let target = if vm.arg(1).is_nil() { Some(own) } else { process_argument(vm, 1)?.pid() };
    // One that is about to end, perhaps by the caller's own kill, gives the name back first.
    let target = loop {
        if state != AGREEING && !is_free(vm, &name, &mut state)? {
            return Ok(match state {
                ASKED => super::wait(context(vm), ASKED),
                _ => return refuse(vm, Value::FALSE, taken(&name)),
            });
        }
        let Some(target) = target else { return refuse(vm, Value::FALSE, "no such process") };
        let scheduler = context(vm).scheduler.clone();
        let online = scheduler.node.online();
        let is_here = scheduler.holds(target);
        if state == AGREEING || online.as_ref().is_some_and(|o| o.names_are_global() || !is_here) {
            if state != AGREEING {
                super::may_wait(vm)?;
            }
            return agree(vm, state, |online, asker| match is_here {
                true => online.register_name(&name, target, asker),
                false => online.request_name(&name, target, true, asker),
            });
        }
        // Somebody may have got it meanwhile, and lose it again.
        if scheduler.names.insert(name.clone(), target) {
            scheduler.tell_history(|h, at| h.named(at, target, &name));
            break target;
        }
    };
    let cx = context(vm);
    if target == own {
        cx.core.add_name(name.clone());
    } else if !cx.scheduler.route(target, Signal::Named(name.clone())) {
        return refuse(vm, Value::FALSE, "no such process");
    }
    // It may have become a node in between.
    if let Some(online) = cx.scheduler.node.online() {
        online.adopt_names([(name, target)].into_iter());
    }
    vm.return_one(Value::TRUE)
}
/// Whether nobody has a name, who has it being asked whether it lives. False, and the state `ASKED`: the answer is to be
/// waited for.
fn is_free(vm: &mut Vm, name: &[u8], state: &mut u32) -> Result<bool> {
    loop {
        let asked = if *state == ASKED { vm.arg(QUESTION + 1).as_pid() } else { None };
        let Some(holder) = asked.or_else(|| context(vm).scheduler.find_name(name)) else { return Ok(true) };
        let answer = lives(vm, holder, *state, QUESTION);
        let scheduler = &context(vm).scheduler;
        match answer {
            Err(_) => {
                *state = ASKED;
                return Ok(false);
            }
            // It may have lost it meanwhile.
            Ok(true) if asked.is_none() || scheduler.find_name(name) == Some(holder) => {
                *state = 0;
                return Ok(false);
            }
            Ok(true) => {}
            // Somebody may just have given it the name, not knowing that it has ended.
            Ok(false) if scheduler.holds(holder) => _ = scheduler.free_name(name, holder),
            // Its node says that the name is free before it says that the process is dead.
            Ok(false) => {
                *state = 0;
                return Ok(true);
            }
        }
        *state = 0;
    }
}
fn taken(name: &[u8]) -> Vec<u8> {
    [b"name '", name, b"' is taken"].concat()
}
/// Asks the node, and returns what it answers.
fn agree(vm: &mut Vm, state: u32, question: impl FnOnce(&crate::node::transport::Online, (Pid, u64))) -> Result<Step> {
    match node::ask(vm, QUESTION, state == AGREEING, AGREEING, |_, online, asker| question(online, asker)) {
        Ok(Answer::Done(Ok(()))) => vm.return_one(Value::TRUE),
        Ok(Answer::Done(Err(why))) => refuse(vm, Value::FALSE, why),
        Ok(_) => refuse(vm, Value::FALSE, "noconnection"),
        Err(step) => Ok(step),
    }
}

pub(super) fn unregister(vm: &mut Vm, state: u32) -> Result<Step> {
    let names: Vec<Name> =
        if vm.arg(0).is_nil() { context(vm).core.names() } else { vec![super::name_argument(vm, 0)?.bytes().into()] };
    vm.charge(names.len());
    let cx = context(vm);
    let mut any = false;
    for name in names {
        if state == AGREEING {
            return agree(vm, state, |online, (from, id)| {
                // Thawed in the middle of it: who has it may have changed.
                match online.find_name(&name) {
                    Some(holder) => online.request_name(&name, holder, false, (from, id)),
                    None => online.request_name(&name, from, false, (from, id)),
                }
            });
        }
        let Some(holder) = cx.scheduler.find_name(&name) else { continue };
        if !cx.scheduler.holds(holder) {
            super::may_wait(vm)?;
            return agree(vm, state, |online, asker| online.request_name(&name, holder, false, asker));
        }
        if !cx.scheduler.free_name(&name, holder) {
            continue;
        }
        any = true;
        if holder == cx.pid() {
            cx.core.remove_name(&name);
        } else {
            cx.scheduler.route(holder, Signal::Unnamed(name));
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
    let scheduler = context(vm).scheduler.clone();
    let mut names: Vec<Vec<u8>> = scheduler.names.names().iter().map(|n| n.to_vec()).collect();
    if let Some(online) = scheduler.node.online() {
        names.extend(online.all_names());
        names.sort_unstable();
        names.dedup();
    }
    vm.charge(names.len());
    let names: Vec<Value> = names.iter().map(|n| vm.heap.string(n)).collect();
    Ok(super::array(vm, &names))
}
