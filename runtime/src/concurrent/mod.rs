//! The `concurrent` library: what Lua programs see of processes.
//!
//! Journey: message: **send** -> encode -> mailbox -> receive -> **decode**. Each function is a native that finds its
//! process in the machine's surroundings (process/context.rs) and acts on its core; what follows is routed. A function
//! that waits leaves the interpreter with the state in which it is to be entered again, and looks again then: what a
//! frozen process has asked is asked again, not trusted. What each function does, returns and raises stands in
//! spec/processes.md.
//!
//! The parts follow the manual: spawn, message (send, receive), matching (selective receive), link (lives and ends),
//! information (`isprocessalive`, `processinfo`), survey (figures of a node), names, schedule (time, `loop`, `step`),
//! options; and call, which is under calls. What is built of these, in Lua, is in behaviours.

// Natives of a process. A machine may be without one: one that was thawed and that nobody has taken in.
macro_rules! leaf {
    ($name:literal, $f:expr) => {
        Native::leaf($name, |vm| $crate::concurrent::in_process(vm).and_then(|()| $f(vm)))
    };
}
macro_rules! steps {
    ($name:literal, $f:expr) => {
        Native::steps($name, |vm, state| $crate::concurrent::in_process(vm).and_then(|()| $f(vm, state)))
    };
}
macro_rules! quick {
    ($name:literal, $quick:expr, $f:expr) => {
        Native::quick(
            $name,
            |vm| $crate::concurrent::in_process(vm).and_then(|()| $quick(vm)),
            |vm, state| $crate::concurrent::in_process(vm).and_then(|()| $f(vm, state)),
        )
    };
}
mod behaviours;
mod call;
mod chunk;
pub(crate) mod information;
mod link;
mod matching;
mod message;
mod migration;
mod names;
mod node;
mod options;
mod schedule;
pub(crate) mod spawn;
mod survey;

pub(crate) use chunk::{Chunk, open_chunk};
pub(crate) use message::answer_receive;
pub(crate) use migration::{CHECKPOINT_WRITTEN, MIGRATABLE_KNOWN, MIGRATE_REFUSED};
pub(crate) use schedule::pause_for;

use crate::node::name::NodeName;
use crate::process::context::{Context, context};
use rlua_machine::value::{Kind, Pid, Ref, Str, Table, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Native, Result, Step};
use rlua_machine::vm::work::COPIED;
use std::cell::RefCell;

#[inline(always)]
pub(crate) fn in_process(vm: &mut Vm) -> Result<()> {
    if vm.attached.get::<Context>().is_some() {
        Ok(())
    } else {
        Err(vm.error("there is no process around this machine"))
    }
}

/// All functions of the module.
pub(crate) static NATIVES: &[Native] = &[
    steps!("concurrent.checkpoint", migration::checkpoint),
    steps!("concurrent.demonitor", link::demonitor),
    steps!("concurrent.demonitornode", node::demonitor_node),
    steps!("concurrent.exit", link::exit),
    leaf!("concurrent.getcookie", node::get_cookie),
    leaf!("concurrent.getoption", options::get),
    steps!("concurrent.init", node::init),
    steps!("concurrent.interrupt", link::interrupt),
    steps!("concurrent.isalive", information::is_alive),
    steps!("concurrent.isnodealive", node::is_node_alive),
    steps!("concurrent.isprocessalive", information::is_process_alive),
    steps!("concurrent.kill", link::kill),
    steps!("concurrent.link", link::link),
    steps!("concurrent.loop", schedule::run_loop),
    leaf!("concurrent.metatable", message::register_metatable),
    steps!("concurrent.migratable", migration::migratable),
    steps!("concurrent.migrate", migration::migrate),
    steps!("concurrent.monitor", link::monitor),
    steps!("concurrent.monitornode", node::monitor_node),
    leaf!("concurrent.node", node::own_name),
    leaf!("concurrent.nodes", node::nodes),
    steps!("concurrent.processes", information::processes),
    steps!("concurrent.processinfo", information::process_info),
    quick!("concurrent.receive", message::receive_quick, message::receive),
    steps!("concurrent.register", names::register),
    leaf!("concurrent.registered", names::registered),
    steps!("concurrent.reply", call::reply),
    leaf!("concurrent.self", (|vm: &mut Vm| Ok(Value::pid(context(vm).pid())))),
    quick!("concurrent.send", message::send_quick, message::send),
    steps!("concurrent.setcookie", node::set_cookie),
    leaf!("concurrent.setoption", options::set),
    steps!("concurrent.shutdown", node::shutdown),
    steps!("concurrent.sleep", schedule::sleep),
    steps!("concurrent.spawn", (|vm: &mut Vm, state: u32| spawn::spawn(vm, spawn::Tie::None, state))),
    steps!("concurrent.spawnlink", (|vm: &mut Vm, state: u32| spawn::spawn(vm, spawn::Tie::Link, state))),
    steps!("concurrent.spawnmonitor", (|vm: &mut Vm, state: u32| spawn::spawn(vm, spawn::Tie::Monitor, state))),
    steps!("concurrent.step", schedule::step),
    steps!("concurrent.survey", survey::survey),
    steps!("concurrent.tick", schedule::tick),
    leaf!("concurrent.time", (|vm: &mut Vm| Ok(Value::float(schedule::now_ms(context(vm)))))),
    leaf!("concurrent.trace", survey::trace),
    steps!("concurrent.unlink", link::unlink),
    steps!("concurrent.unregister", names::unregister),
    steps!("concurrent.whereis", names::whereis),
];

/// The modules that are there without a file, and what opens them.
pub(crate) static MODULES: [(&str, &Native); 2] = [("concurrent", &OPEN), ("concurrent.time", &OPEN_TIME)];
// Their names are from when they were of the library `package`; a stable name is kept for ever.
static OPEN: Native = Native::leaf("package.open_concurrent", open);
static OPEN_TIME: Native = Native::leaf("package.open_concurrent_time", open_time);

/// The native with a stable name, of all that a process may hold: the library's, the codec's, and these.
pub fn find_native(name: &str) -> Option<&'static Native> {
    let singles = [&crate::codec::PLACEHOLDER_USED, &OPEN, &OPEN_TIME];
    let own = || NATIVES.iter().chain(singles).find(|n| n.name == name).or_else(|| behaviours::find_native(name));
    let others = || own().or_else(|| crate::socket::find_native(name)).or_else(|| crate::http::find_native(name));
    rlua_machine::stdlib::find_native(name).or_else(others)
}

const PREFIX: &str = "concurrent.";

fn library(vm: &mut Vm) -> Ref<Table> {
    let t = rlua_machine::stdlib::library(vm, NATIVES, PREFIX);
    for n in behaviours::NATIVES {
        rlua_machine::stdlib::field(vm, t, &n.name[PREFIX.len()..], Value::native(n));
    }
    t.share(&mut vm.heap, "concurrent");
    t
}
/// Has the module's tables made once a process comes that has them, or those of sockets: most programs see none.
pub(crate) fn know_libraries() {
    rlua_machine::stdlib::more_libraries(|| {
        let mut vm = Vm::new(Box::new(()), find_native);
        library(&mut vm);
        time_library(&mut vm);
        crate::socket::know_libraries(&mut vm);
    });
}
/// The module's table, which is a global, too.
fn open(vm: &mut Vm) -> Result<Value> {
    let t = library(vm);
    let globals = vm.globals();
    rlua_machine::stdlib::field(vm, globals, "concurrent", Value::table(t));
    Ok(Value::table(t))
}
/// The table of `require 'concurrent.time'`.
fn open_time(vm: &mut Vm) -> Result<Value> {
    Ok(Value::table(time_library(vm)))
}
fn time_library(vm: &mut Vm) -> Ref<Table> {
    let t = vm.heap.table_sized(0, 2);
    for n in NATIVES.iter().filter(|n| matches!(n.name, "concurrent.time" | "concurrent.sleep")) {
        rlua_machine::stdlib::field(vm, t, &n.name[PREFIX.len()..], Value::native(n));
    }
    t.share(&mut vm.heap, "concurrent.time");
    t
}

/// Returns `false, message` or `nil, message`: a failure of the world.
fn refuse(vm: &mut Vm, first: Value, message: impl AsRef<[u8]>) -> Result<Step> {
    let text = vm.heap.string(message.as_ref());
    vm.push(first);
    vm.push(text);
    Ok(Step::Return(2))
}
fn array(vm: &mut Vm, values: &[Value]) -> Value {
    let t = vm.heap.table_sized(values.len(), 0);
    for (i, &v) in values.iter().enumerate() {
        t.set_integer(&mut vm.heap, i as i64 + 1, v).expect("a small integer is a key");
    }
    Value::table(t)
}

/// What an argument says of a process.
enum Process {
    /// Its pid.
    Pid(Pid),
    /// A name that nobody has.
    Absent(Vec<u8>),
    /// Who has a name at another node.
    Elsewhere(Vec<u8>, NodeName),
}

impl Process {
    fn pid(&self) -> Option<Pid> {
        match self {
            Process::Pid(pid) => Some(*pid),
            Process::Absent(_) | Process::Elsewhere(..) => None,
        }
    }
}

/// The process that an argument names: a pid, a name, `{ pid, node }` or `{ name, node }`.
fn process_argument(vm: &mut Vm, i: usize) -> Result<Process> {
    let v = vm.arg(i);
    let first = match v.kind() {
        Kind::Table(t) => t.get_integer(1),
        _ => v,
    };
    match first.kind() {
        Kind::Pid(pid) => Ok(Process::Pid(pid)),
        Kind::String(name) => {
            let name = name.bytes();
            if let Some(node) = node_of(vm, v)? {
                return Ok(Process::Elsewhere(name.to_vec(), node));
            }
            vm.pay(name.len(), COPIED);
            // A longer one is nobody's, and not worth a hash.
            let found = (name.len() <= MAX_NAME).then(|| context(vm).scheduler.find_name(name)).flatten();
            Ok(found.map_or_else(|| Process::Absent(name.to_vec()), Process::Pid))
        }
        Kind::Table(_) | Kind::Nil if matches!(v.kind(), Kind::Table(_)) => {
            Err(vm.arg_error(i, "process expected, got a table that does not begin with a pid or a name"))
        }
        _ => Err(expected(vm, i, "process (a pid, a name, or { pid or name, node })")),
    }
}
/// The other node that `{ name, node }` names; none: there is none in it, it is this one, or this runtime is no node.
fn node_of(vm: &mut Vm, process: Value) -> Result<Option<NodeName>> {
    thread_local! {
        /// Of many names in a row, most are the same.
        static LAST: RefCell<Option<NodeName>> = const { RefCell::new(None) };
    }
    let Some(named) = process.as_table().map(|t| t.get_integer(2)).filter(|v| !v.is_nil()) else { return Ok(None) };
    let Some(online) = context(vm).scheduler.node.online() else { return Ok(None) };
    let Some(text) = named.as_string() else {
        return Err(vm.error("no name of a node in { name, node }: a string expected"));
    };
    let is_text = |n: &NodeName| n.as_str().as_bytes() == text.bytes();
    if is_text(&online.name) {
        return Ok(None);
    }
    if let Some(last) = LAST.with_borrow(|last| last.clone().filter(is_text)) {
        return Ok(Some(last));
    }
    match NodeName::parse_bytes(text.bytes()) {
        Ok(name) => {
            LAST.set(Some(name.clone()));
            Ok(Some(name))
        }
        Err(e) => Err(vm.error(format!("no name of a node in {{ name, node }}: {e}"))),
    }
}
fn own_node(vm: &mut Vm) -> Option<NodeName> {
    context(vm).scheduler.node.online().map(|online| online.name.clone())
}
/// The error of a wrong argument: what was expected, and what came, shown.
fn expected(vm: &mut Vm, i: usize, what: &str) -> rlua_machine::vm::native::Raise {
    if i >= vm.count() {
        return vm.arg_error(i, format!("{what} expected, got no value"));
    }
    let text = [what.as_bytes(), b" expected, got ", &shown(vm, vm.arg(i))].concat();
    vm.arg_error(i, text)
}
/// A value as messages show it: its type, and itself if it is short.
fn shown(vm: &mut Vm, v: Value) -> Vec<u8> {
    let type_name = if v.as_pid().is_some() { b"pid".to_vec() } else { vm.type_name_of(v) };
    match v.kind() {
        Kind::Nil | Kind::Table(_) => type_name,
        Kind::String(s) => {
            let cut = &s.bytes()[..s.bytes().len().min(40)];
            let dots: &[u8] = if cut.len() < s.bytes().len() { b"..." } else { b"" };
            [&type_name[..], b" '", cut, dots, b"'"].concat()
        }
        Kind::Boolean(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Pid(_) => {
            let text = rlua_machine::stdlib::string::basic_text(vm, v);
            [&type_name[..], b" ", &text].concat()
        }
        _ => type_name,
    }
}
/// Bytes of the longest name of a process or a class: names are compared, hashed and sent as a whole.
const MAX_NAME: usize = 255;
/// A name: a string, and no number.
fn name_argument(vm: &mut Vm, i: usize) -> Result<Ref<Str>> {
    match vm.arg(i).as_string() {
        Some(s) if s.bytes().len() > MAX_NAME => {
            Err(vm.arg_error(i, format!("name of {} bytes; {MAX_NAME} are the most", s.bytes().len())))
        }
        Some(s) => Ok(s),
        None => Err(expected(vm, i, "name (a string)")),
    }
}
/// A time in milliseconds.
fn time_argument(vm: &mut Vm, i: usize) -> Result<f64> {
    let ms = match vm.arg(i).kind() {
        Kind::Integer(n) => n as f64,
        Kind::Float(n) => n,
        _ => vm.check_float(i)?,
    };
    if ms.is_nan() || ms < 0.0 {
        return Err(vm.arg_error(i, "time must not be negative"));
    }
    Ok(ms)
}
/// Raises an error if the process is ending: it may not wait any more.
pub(crate) fn may_wait(vm: &mut Vm) -> Result<()> {
    if context(vm).core.ending || crate::process::exit::notice_return(vm) {
        return Err(vm.error("cannot wait while the process ends"));
    }
    Ok(())
}
/// State of a native that has done its work: the result is in its last register.
const DONE: u32 = 99;

/// Returns a value, once the process has seen to signals that its own call has brought about: an exit over a link to a
/// dead process, its own kill. The native returns its last register when it is entered with [`DONE`].
fn done(vm: &mut Vm, v: Value) -> Result<Step> {
    let heap_bytes = vm.heap.bytes();
    let cx = context(vm);
    cx.poll(heap_bytes);
    if cx.urgent.is_empty() {
        return vm.return_one(v);
    }
    cx.resume = true;
    vm.push(v);
    Ok(Step::Request(DONE))
}
/// Leaves the interpreter to wait, to be entered again at a state; at once, if a signal has to be seen to first.
pub(crate) fn wait(cx: &mut Context, state: u32) -> Step {
    cx.resume = !cx.urgent.is_empty();
    Step::Request(state)
}
