//! Strong mobility: `migrate`, `checkpoint`.
//!
//! Journey: a stopped process -> bytes -> another node, or a file. The native leaves the interpreter at the state in which
//! a process that is made from the bytes is entered; the one that goes on here is entered at another.

use super::{expected, may_wait, node, refuse};
use crate::process::context::{Leaving, context};
use crate::process::signal::Answer;
use rlua_machine::value::Value;
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Result, Step};

/// State: the process was made from the file.
const RESUMED: u32 = 1;
/// State: the file was written, or not.
pub(crate) const CHECKPOINT_WRITTEN: u32 = 2;

pub(super) fn checkpoint(vm: &mut Vm, state: u32) -> Result<Step> {
    match state {
        RESUMED => {
            let text = vm.heap.string(b"resumed");
            vm.return_one(text)
        }
        CHECKPOINT_WRITTEN => match context(vm).refused.take() {
            None => vm.return_one(Value::TRUE),
            Some(why) => refuse(vm, Value::NIL, why),
        },
        _ => {
            let Some(path) = vm.arg(0).as_string() else { return Err(expected(vm, 0, "path (a string)")) };
            let path = path.bytes().to_vec();
            if path.contains(&0) {
                return Err(vm.arg_error(0, "a path has no zero bytes"));
            }
            may_wait(vm)?;
            if vm.in_finalizer() {
                return Err(vm.error("cannot write a checkpoint inside a finalizer"));
            }
            context(vm).leaving = Some(Leaving::Checkpoint(path));
            Ok(Step::Request(RESUMED))
        }
    }
}

/// State: the process is at the other node.
const MOVED: u32 = 3;
/// State: it could not move, and goes on.
pub(crate) const MIGRATE_REFUSED: u32 = 4;
/// State: a connection is being made. Register 1 has the number of the question.
const CONNECTING: u32 = 5;

pub(super) fn migrate(vm: &mut Vm, state: u32) -> Result<Step> {
    match state {
        MOVED => return vm.return_one(Value::TRUE),
        MIGRATE_REFUSED => {
            let why = context(vm).refused.take().unwrap_or_else(|| b"it was stopped on its way".to_vec());
            return refuse(vm, Value::NIL, why);
        }
        _ => {}
    }
    let target = node::node_argument(vm, 0)?;
    if state != CONNECTING {
        may_wait(vm)?;
        if vm.in_finalizer() {
            return Err(vm.error("cannot migrate inside a finalizer"));
        }
        if context(vm).slot.is_root {
            return refuse(vm, Value::NIL, "the main script's process stays where its program is");
        }
        match super::own_node(vm) {
            None => return refuse(vm, Value::NIL, node::NO_NODE),
            Some(own) if own == target => return refuse(vm, Value::NIL, format!("the process is at {own} already")),
            Some(_) => {}
        }
    }
    let asked =
        node::ask(vm, 1, state == CONNECTING, CONNECTING, |_, online, asker| online.ask(target.clone(), None, asker));
    match asked {
        Ok(Answer::Done(Ok(()))) => {
            context(vm).leaving = Some(Leaving::Migrate(target));
            Ok(Step::Request(MOVED))
        }
        Ok(Answer::Done(Err(why))) => refuse(vm, Value::NIL, why),
        Ok(_) => refuse(vm, Value::NIL, "noconnection"),
        Err(step) => Ok(step),
    }
}
