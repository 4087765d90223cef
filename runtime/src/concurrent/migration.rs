//! Strong mobility: `migrate`, `migratable`, `checkpoint`.
//!
//! Journey: a stopped process -> bytes -> another node, or a file. The native leaves the interpreter at the state in which
//! a process that is made from the bytes is entered; the one that goes on here is entered at another.

use super::{Process, expected, may_wait, node, process_argument, refuse, wait};
use crate::process::context::{Leaving, context};
use crate::process::order::{IS_ENDING, IS_ROOT};
use crate::process::signal::{Answer, Question};
use rlua_machine::value::{Pid, Value};
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
        CHECKPOINT_WRITTEN => match context(vm).take_refused() {
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
            context(vm).leaving = Some(Box::new(Leaving::Checkpoint(path)));
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
/// State: another process was asked. Register 2 has the number of the question, register 3 whom.
const ASKED: u32 = 6;

/// `migrate(node)`, or `migrate(process, node)`.
pub(super) fn migrate(vm: &mut Vm, state: u32) -> Result<Step> {
    match state {
        MOVED => return vm.return_one(Value::TRUE),
        MIGRATE_REFUSED => {
            let why = context(vm).take_refused().unwrap_or_else(|| b"it was stopped on its way".to_vec());
            return refuse(vm, Value::NIL, why);
        }
        CONNECTING => return migrate_self(vm, true),
        0 if vm.count() < 2 => return migrate_self(vm, false),
        0 => vm.truncate(2),
        _ => {}
    }
    let target = node::node_argument(vm, 1)?;
    if state == 0 {
        may_move(vm)?;
    }
    let state = match node::resolve(vm, 0, state, 2)? {
        Ok(state) => state,
        Err(step) => return Ok(step),
    };
    let pid = match asked(vm, state)? {
        Ok(pid) => pid,
        Err(why) => return refuse(vm, Value::NIL, why),
    };
    if state == 0 {
        if pid == context(vm).pid() {
            let node = vm.arg(1);
            vm.set_arg(0, node);
            vm.truncate(1);
            return migrate_self(vm, false);
        }
        if super::own_node(vm).is_none() {
            return refuse(vm, Value::NIL, node::NO_NODE);
        }
    }
    match ask(vm, pid, state, Question::Migrate(target)) {
        Ok(Ok(())) => vm.return_one(Value::TRUE),
        Ok(Err(why)) => refuse(vm, Value::NIL, why),
        Err(step) => Ok(step),
    }
}
/// The caller; its node is register 0.
fn migrate_self(vm: &mut Vm, is_connecting: bool) -> Result<Step> {
    let target = node::node_argument(vm, 0)?;
    if !is_connecting {
        may_move(vm)?;
        if context(vm).slot.is_root {
            return refuse(vm, Value::NIL, IS_ROOT);
        }
        match super::own_node(vm) {
            None => return refuse(vm, Value::NIL, node::NO_NODE),
            Some(own) if own == target => return refuse(vm, Value::NIL, format!("the process is at {own} already")),
            Some(_) => {}
        }
    }
    let asked = node::ask(vm, 1, is_connecting, CONNECTING, |_, online, asker| online.ask(target.clone(), None, asker));
    match asked {
        Ok(Answer::Done(Ok(()))) => {
            context(vm).leaving = Some(Box::new(Leaving::Migrate(target)));
            Ok(Step::Request(MOVED))
        }
        Ok(Answer::Done(Err(why))) => refuse(vm, Value::NIL, why),
        Ok(_) => refuse(vm, Value::NIL, "noconnection"),
        Err(step) => Ok(step),
    }
}
/// Raises an error where a process neither moves nor waits for another that does.
fn may_move(vm: &mut Vm) -> Result<()> {
    may_wait(vm)?;
    match vm.in_finalizer() {
        true => Err(vm.error("cannot migrate inside a finalizer")),
        false => Ok(()),
    }
}

/// State: whether the caller could move is known.
pub(crate) const MIGRATABLE_KNOWN: u32 = 7;

/// Whether a process could move now; the caller, if none is named.
pub(super) fn migratable(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == MIGRATABLE_KNOWN {
        return match context(vm).take_refused() {
            None => vm.return_one(Value::TRUE),
            Some(why) => refuse(vm, Value::FALSE, why),
        };
    }
    let own = context(vm).pid();
    if state == 0 {
        vm.truncate(1);
        if vm.count() == 0 {
            vm.push(Value::pid(own));
        }
    }
    let state = match node::resolve(vm, 0, state, 2)? {
        Ok(state) => state,
        Err(step) => return Ok(step),
    };
    let pid = match asked(vm, state)? {
        Ok(pid) => pid,
        Err(why) => return refuse(vm, Value::FALSE, why),
    };
    if pid == own {
        if vm.in_finalizer() {
            return refuse(vm, Value::FALSE, format!("cannot migrate {own}: it is inside a finalizer"));
        }
        if crate::process::exit::notice_return(vm) || context(vm).core.ending {
            return refuse(vm, Value::FALSE, format!("cannot migrate {own}: {IS_ENDING}"));
        }
        context(vm).leaving = Some(Box::new(Leaving::Migratable));
        return Ok(Step::Request(MIGRATABLE_KNOWN));
    }
    if state == 0 {
        may_wait(vm)?;
    }
    match ask(vm, pid, state, Question::Migratable) {
        Ok(Ok(())) => vm.return_one(Value::TRUE),
        Ok(Err(why)) => refuse(vm, Value::FALSE, why),
        Err(step) => Ok(step),
    }
}

/// The process that the first argument names, or that was asked already; `Err`: nobody has the name.
fn asked(vm: &mut Vm, state: u32) -> Result<std::result::Result<Pid, Vec<u8>>> {
    if state == ASKED
        && let Some(pid) = vm.arg(3).as_pid()
    {
        return Ok(Ok(pid));
    }
    Ok(match process_argument(vm, 0)? {
        Process::Pid(pid) => Ok(pid),
        Process::Absent(name) => Err([b"no process is named '", &name[..], b"'"].concat()),
        Process::Elsewhere(name, node) => {
            Err([b"no process is named '", &name[..], b"' at ", node.as_str().as_bytes()].concat())
        }
    })
}
/// Asks another process; `Err`: the native waits, to be entered again at [`ASKED`].
fn ask(
    vm: &mut Vm,
    pid: Pid,
    state: u32,
    question: Question,
) -> std::result::Result<std::result::Result<(), String>, Step> {
    let id = vm.arg(2).as_integer().unwrap_or(0) as u64;
    let cx = context(vm);
    let answer = match state == ASKED {
        true => cx.answer(id, pid, question),
        false => Err(cx.ask(pid, question)),
    };
    match answer {
        Ok(Answer::Done(result)) => Ok(result),
        Ok(Answer::Lost) => Ok(Err(format!("noconnection: the node of {pid} cannot be reached"))),
        Ok(_) => Ok(Err(format!("noproc: {pid} has ended"))),
        Err(id) => {
            vm.truncate(2);
            if vm.count() < 2 {
                vm.push(Value::NIL);
            }
            vm.push(Value::integer(id as i64));
            vm.push(Value::pid(pid));
            Err(wait(context(vm), ASKED))
        }
    }
}
