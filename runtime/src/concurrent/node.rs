//! Nodes: `init`, `shutdown`, `node`, `nodes`, `isnodealive`, `monitornode`, cookies; and who has a name elsewhere.
//!
//! Journey: remote signal: **name** -> route -> session. A native that has to wait for another node asks its own node, and
//! waits for the answer as for that of a process: when it is thawed in between, it asks again.

use super::{DONE, Process, array, expected, may_wait, process_argument, refuse, wait};
use crate::node::cookie::COOKIE_MAX;
use crate::node::name::NodeName;
use crate::node::transport::Online;
use crate::process::context::{Context, context};
use crate::process::core::Core;
use crate::process::signal::Answer;
use rlua_machine::value::{Pid, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Result, Step};
use std::sync::Arc;

/// State: the node was asked who has a name elsewhere. Its register, the first past the arguments, has the number of the
/// question.
const RESOLVING: u32 = 60;
/// State: the node was asked something else.
const ASKED: u32 = 61;

/// What to wait for.
pub(super) const NO_NODE: &str = "no connection: this runtime is not a node (concurrent.init makes it one)";

/// Asks the node, once; `Err`: the native waits, to be entered again at `state`.
pub(super) fn ask(
    vm: &mut Vm,
    register: usize,
    asked: bool,
    state: u32,
    question: impl FnOnce(&mut Core, &Arc<Online>, (Pid, u64)),
) -> std::result::Result<Answer, Step> {
    let kept = if asked { vm.arg(register).as_integer().unwrap_or(0) as u64 } else { 0 };
    let cx = context(vm);
    let answer = if asked { cx.node_answer(kept) } else { Err(None) };
    let id = match answer {
        Ok(answer) => return Ok(answer),
        Err(Some(id)) => id,
        Err(None) => {
            let Some(online) = cx.scheduler.node.online() else { return Ok(Answer::Lost) };
            cx.ask_node(|core, _, asker| question(core, &online, asker))
        }
    };
    vm.set_arg(register, Value::integer(id as i64));
    Err(wait(context(vm), state))
}

/// Who has the name by which an argument names a process of another node.
pub(super) enum Found {
    /// It names none in this way.
    AsItIs,
    /// This process.
    Process(Pid),
    /// Nobody has it there.
    Nobody(Vec<u8>, NodeName),
    /// The node cannot be asked: why, if that is known.
    Unreachable(Vec<u8>, NodeName, Option<String>),
}
/// Asks a node who has the name there by which an argument names a process. `Err` in it: the native waits, to be entered again at
/// a state for which [`is_finding`] is true.
pub(super) fn find(vm: &mut Vm, i: usize, state: u32, register: usize) -> Result<std::result::Result<Found, Step>> {
    let named = matches!(vm.arg(i).as_table(), Some(t) if t.get_integer(1).as_string().is_some());
    if !named && state == 0 {
        return Ok(Ok(Found::AsItIs));
    }
    let Process::Elsewhere(name, node) = process_argument(vm, i)? else { return Ok(Ok(Found::AsItIs)) };
    if state == 0 {
        may_wait(vm)?;
    }
    let answer = ask(vm, register, is_finding(state), RESOLVING, |_, online, asker| {
        online.ask(node.clone(), Some(&name), asker);
    });
    let answer = match answer {
        Ok(answer) => answer,
        Err(step) => return Ok(Err(step)),
    };
    vm.truncate(register);
    Ok(Ok(match answer {
        Answer::Alive(pid) => Found::Process(pid),
        Answer::Dead => Found::Nobody(name, node),
        Answer::Done(Err(why)) => Found::Unreachable(name, node, Some(why)),
        _ => Found::Unreachable(name, node, None),
    }))
}
/// Whether a native is entered again to go on with [`find`].
pub(super) fn is_finding(state: u32) -> bool {
    state == RESOLVING
}
/// Where an argument names a process of another node by its name, finds out its pid, which takes the argument's place; the
/// state to go on with. The place of a name that nobody has there, or of which that is not known, is taken by a pid that no
/// process has. `Err` in it: the native waits, or returns.
pub(super) fn resolve(vm: &mut Vm, i: usize, state: u32, register: usize) -> Result<std::result::Result<u32, Step>> {
    if state != 0 && !is_finding(state) {
        return Ok(Ok(state));
    }
    let pid = match find(vm, i, state, register)? {
        Ok(Found::AsItIs) => return Ok(Ok(0)),
        Ok(Found::Process(pid)) => pid,
        Ok(Found::Nobody(name, node) | Found::Unreachable(name, node, _)) => {
            Pid::absent(context(vm).scheduler.runtime, &[&name[..], b"@", node.as_str().as_bytes()].concat())
        }
        Err(step) => return Ok(Err(step)),
    };
    vm.set_arg(i, Value::pid(pid));
    Ok(Ok(0))
}

/// A node's name: an argument.
pub(super) fn node_argument(vm: &mut Vm, i: usize) -> Result<NodeName> {
    let Some(text) = vm.arg(i).as_string() else { return Err(expected(vm, i, "name of a node (a string)")) };
    match NodeName::parse_bytes(text.bytes()) {
        Ok(name) => Ok(name),
        Err(e) => Err(vm.arg_error(i, format!("no name of a node: {e}"))),
    }
}

pub(super) fn init(vm: &mut Vm, state: u32) -> Result<Step> {
    let Some(text) = vm.arg(0).as_string() else { return Err(expected(vm, 0, "name of a node (a string)")) };
    let text = String::from_utf8_lossy(text.bytes()).into_owned();
    let whole = if text.contains('@') { text } else { format!("{text}@{}", host(context(vm))) };
    let name = match NodeName::parse(&whole) {
        Ok(name) => name,
        Err(e) => return Err(vm.arg_error(0, format!("no name of a node: {e}"))),
    };
    let mut refused = None;
    let kept = vm.arg(1).as_integer().unwrap_or(0) as u64;
    let cx = context(vm);
    let answer = if state == ASKED { cx.node_answer(kept) } else { Err(None) };
    let id = match answer {
        Ok(Answer::Done(Err(why))) => return refuse(vm, Value::FALSE, why),
        Ok(_) => return vm.return_one(Value::TRUE),
        Err(Some(id)) => id,
        Err(None) => cx.ask_node(|_, scheduler, asker| refused = scheduler.node.init(scheduler, name, asker).err()),
    };
    if let Some(why) = refused {
        cx.end_wait();
        return refuse(vm, Value::FALSE, why);
    }
    vm.set_arg(1, Value::integer(id as i64));
    Ok(wait(context(vm), ASKED))
}
/// The name of this host, for a node whose name has none.
fn host(cx: &Context) -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    let short = cx.scheduler.options.read().unwrap_or_else(|e| e.into_inner()).shortnames;
    let name = if short { name.split('.').next().unwrap_or(name) } else { name };
    if name.is_empty() { "localhost".to_string() } else { name.to_string() }
}
pub(super) fn shutdown(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == DONE {
        return Ok(Step::Return(1));
    }
    let scheduler = context(vm).scheduler.clone();
    if scheduler.node.online().is_none() {
        return refuse(vm, Value::FALSE, "this runtime is not a node");
    }
    scheduler.node.close();
    scheduler.runtime.set_name(None);
    super::done(vm, Value::TRUE)
}

pub(super) fn own_name(vm: &mut Vm) -> Result<Value> {
    Ok(match super::own_node(vm) {
        Some(name) => vm.heap.string(name.as_str().as_bytes()),
        None => Value::NIL,
    })
}
pub(super) fn nodes(vm: &mut Vm) -> Result<Value> {
    let nodes = context(vm).scheduler.node.online().map_or(Vec::new(), |online| online.nodes());
    let names: Vec<Value> = nodes.iter().map(|n| vm.heap.string(n.as_str().as_bytes())).collect();
    Ok(array(vm, &names))
}
/// `isnodealive` of a node: connected, or can be.
pub(super) fn is_node_alive(vm: &mut Vm, state: u32) -> Result<Step> {
    let own = super::own_node(vm);
    if vm.arg(0).is_nil() {
        return vm.return_one(Value::boolean(own.is_some()));
    }
    let node = node_argument(vm, 0)?;
    if own.as_ref() == Some(&node) {
        return vm.return_one(Value::TRUE);
    }
    if state == 0 {
        may_wait(vm)?;
    }
    let answer = ask(vm, 1, state == ASKED, ASKED, |_, online, asker| online.ask(node.clone(), None, asker));
    match answer {
        Ok(answer) => vm.return_one(Value::boolean(matches!(answer, Answer::Done(Ok(()))))),
        Err(step) => Ok(step),
    }
}
pub(super) fn monitor_node(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == DONE {
        return Ok(Step::Return(1));
    }
    let node = node_argument(vm, 0)?;
    let cx = context(vm);
    let Some(online) = cx.scheduler.node.online() else { return refuse(vm, Value::FALSE, NO_NODE) };
    cx.watches_nodes = true;
    online.monitor_node(cx.pid(), &node);
    super::done(vm, Value::TRUE)
}
pub(super) fn demonitor_node(vm: &mut Vm, _: u32) -> Result<Step> {
    let node = node_argument(vm, 0)?;
    let cx = context(vm);
    let Some(online) = cx.scheduler.node.online() else { return refuse(vm, Value::FALSE, NO_NODE) };
    let had = online.demonitor_node(cx.pid(), &node);
    vm.return_one(Value::boolean(had))
}

/// For connections from now on; those that stand stay. A node waits until the key is made, which takes its time on purpose.
pub(super) fn set_cookie(vm: &mut Vm, state: u32) -> Result<Step> {
    let Some(text) = vm.arg(0).as_string() else { return Err(expected(vm, 0, "cookie (a string)")) };
    let cookie = text.bytes().to_vec();
    if cookie.is_empty() {
        return Err(vm.arg_error(0, "the cookie is empty"));
    }
    if state == 0 {
        if cookie.len() > COOKIE_MAX {
            return Err(vm.arg_error(0, format!("the cookie has more than {COOKIE_MAX} bytes")));
        }
        super::may_wait(vm)?;
        context(vm).scheduler.node.settings().cookie = Some(cookie);
        if context(vm).scheduler.node.online().is_none() {
            return vm.return_one(Value::TRUE);
        }
    }
    let scheduler = context(vm).scheduler.clone();
    let answer = ask(vm, 1, state == ASKED, ASKED, |_, online, asker| {
        scheduler.node.change_key(&scheduler, online.clone(), asker);
    });
    match answer {
        Ok(Answer::Done(Err(why))) => refuse(vm, Value::FALSE, why),
        Ok(_) => vm.return_one(Value::TRUE),
        Err(step) => Ok(step),
    }
}
/// The cookie that was set; nil: that of the file is used.
pub(super) fn get_cookie(vm: &mut Vm) -> Result<Value> {
    let cookie = context(vm).scheduler.node.settings().cookie.clone();
    Ok(cookie.map_or(Value::NIL, |c| vm.heap.string(&c)))
}
