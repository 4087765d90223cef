//! The `concurrent` library: what Lua programs see of processes.
//!
//! Journey: message: **send** -> encode -> mailbox -> receive -> **decode**. Each function is a native that leaves the
//! interpreter with a request number; [`answer`] does what it asks for, in the slice of the process that asked, and
//! gives the results. So the VM knows nothing of processes, and a process that waits is suspended in a native like any
//! other. What each function does, returns and raises stands in spec/processes.md.
//!
//! The parts follow the manual: spawn, message, time (scheduling), link (links and monitors), names, options.

pub mod link;
pub mod message;
pub mod names;
pub mod options;
pub mod schedule;
pub mod spawn;

use crate::codec::{self, Message};
use crate::process::options::{KEYS, Setting};
use crate::process::{Process, Slot, Wait};
use crate::scheduler::Scheduler;
use rlua_machine::stdlib;
use rlua_machine::value::{Kind, Pid, Ref, Str, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Native, Raise, Result, Step};
use std::sync::Arc;

/// What answering a request comes to.
pub enum Answer {
    /// Answered: the process goes on.
    Go,
    /// Not yet: the process waits and the request is answered again when it is woken.
    Wait,
    /// Answered, and the slice is over: signals come first.
    Later,
    /// The process ends itself: the reason, encoded and as a value.
    Exit(Message, Value),
    /// The program ends with this status.
    Program(i32),
}

macro_rules! requests {
    ($($id:ident = $number:literal, $static:ident, $enter:ident, $name:literal, $wait:expr;)*) => {
        /// Request numbers.
        pub mod request {
            $(#[doc = concat!("`", $name, "`")] pub const $id: u32 = $number;)*
        }
        $(
            fn $enter(_: &mut Vm, _: u32) -> Result<Step> {
                Ok(Step::Request(request::$id))
            }
            static $static: Native = Native::steps(concat!("concurrent.", $name), $enter);
        )*
        /// All functions of the module but `receive`, which has steps of its own.
        pub static NATIVES: &[(&str, &Native)] = &[$(($name, &$static),)*];
        /// What a request waits for.
        pub fn wait_of(number: u32) -> Wait {
            match number {
                $($number => $wait,)*
                message::RECEIVE | message::RECEIVE_NEXT | message::RECEIVE_TAKE => Wait::Message,
                _ => Wait::Time,
            }
        }
    };
}

requests! {
    SPAWN = 1, SPAWN_FN, spawn_enter, "spawn", Wait::Time;
    SPAWNLINK = 2, SPAWNLINK_FN, spawnlink_enter, "spawnlink", Wait::Time;
    SPAWNMONITOR = 3, SPAWNMONITOR_FN, spawnmonitor_enter, "spawnmonitor", Wait::Time;
    SELF = 4, SELF_FN, self_enter, "self", Wait::Time;
    ISPROCESSALIVE = 5, ISPROCESSALIVE_FN, isprocessalive_enter, "isprocessalive", Wait::Time;
    ISALIVE = 6, ISALIVE_FN, isalive_enter, "isalive", Wait::Time;
    EXIT = 7, EXIT_FN, exit_enter, "exit", Wait::Time;
    KILL = 8, KILL_FN, kill_enter, "kill", Wait::Time;
    SEND = 9, SEND_FN, send_enter, "send", Wait::Time;
    SLEEP = 10, SLEEP_FN, sleep_enter, "sleep", Wait::Time;
    LOOP = 11, LOOP_FN, loop_enter, "loop", Wait::Loop;
    STEP = 12, STEP_FN, step_enter, "step", Wait::Step;
    TICK = 13, TICK_FN, tick_enter, "tick", Wait::Time;
    INTERRUPT = 14, INTERRUPT_FN, interrupt_enter, "interrupt", Wait::Time;
    SETOPTION = 15, SETOPTION_FN, setoption_enter, "setoption", Wait::Time;
    GETOPTION = 16, GETOPTION_FN, getoption_enter, "getoption", Wait::Time;
    REGISTER = 17, REGISTER_FN, register_enter, "register", Wait::Time;
    UNREGISTER = 18, UNREGISTER_FN, unregister_enter, "unregister", Wait::Time;
    WHEREIS = 19, WHEREIS_FN, whereis_enter, "whereis", Wait::Time;
    REGISTERED = 20, REGISTERED_FN, registered_enter, "registered", Wait::Time;
    LINK = 21, LINK_FN, link_enter, "link", Wait::Time;
    UNLINK = 22, UNLINK_FN, unlink_enter, "unlink", Wait::Time;
    MONITOR = 23, MONITOR_FN, monitor_enter, "monitor", Wait::Time;
    DEMONITOR = 24, DEMONITOR_FN, demonitor_enter, "demonitor", Wait::Time;
    PROCESSES = 25, PROCESSES_FN, processes_enter, "processes", Wait::Time;
    PROCESSINFO = 26, PROCESSINFO_FN, processinfo_enter, "processinfo", Wait::Time;
    TIME = 27, TIME_FN, time_enter, "time", Wait::Time;
    METATABLE = 28, METATABLE_FN, metatable_enter, "metatable", Wait::Time;
    NODE = 29, NODE_FN, node_enter, "node", Wait::Time;
    NODES = 30, NODES_FN, nodes_enter, "nodes", Wait::Time;
    ISNODEALIVE = 31, ISNODEALIVE_FN, isnodealive_enter, "isnodealive", Wait::Time;
}

/// The modules that are there without a file, and what opens them.
pub static MODULES: [(&str, &Native); 2] = [("concurrent", &OPEN), ("concurrent.time", &OPEN_TIME)];
// Their names are from when they were of the library `package`; a stable name is kept for ever.
static OPEN: Native = Native::leaf("package.open_concurrent", open);
static OPEN_TIME: Native = Native::leaf("package.open_concurrent_time", |vm| Ok(time_module(vm)));

/// The native with a stable name, of all that a process may hold: the library's, the codec's, and these.
pub fn find_native(name: &str) -> Option<&'static Native> {
    let singles = [&codec::PLACEHOLDER_USED, &message::RECEIVE_FN, &OPEN, &OPEN_TIME];
    let others = || NATIVES.iter().map(|(_, n)| *n).chain(singles).find(|n| n.name == name);
    stdlib::find_native(name).or_else(others)
}

/// `require 'concurrent'` also sets the global of that name.
fn open(vm: &mut Vm) -> Result<Value> {
    let m = module(vm);
    let globals = vm.globals();
    stdlib::field(vm, globals, "concurrent", m);
    Ok(m)
}

/// The module's table, for `require`.
pub fn module(vm: &mut Vm) -> Value {
    let t = vm.heap.table_sized(0, NATIVES.len() + 1);
    for (name, native) in NATIVES {
        let key = vm.heap.name(name.as_bytes());
        t.set(&mut vm.heap, key, Value::native(native)).expect("a name is a key");
    }
    let key = vm.heap.name(b"receive");
    t.set(&mut vm.heap, key, Value::native(&message::RECEIVE_FN)).expect("a name is a key");
    Value::table(t)
}

/// The table of `require 'concurrent.time'`.
pub fn time_module(vm: &mut Vm) -> Value {
    let t = vm.heap.table_sized(0, 2);
    for (name, native) in [("time", &TIME_FN), ("sleep", &SLEEP_FN)] {
        let key = vm.heap.name(name.as_bytes());
        t.set(&mut vm.heap, key, Value::native(native)).expect("a name is a key");
    }
    Value::table(t)
}

/// Answers a request of the process on hand.
pub fn answer(scheduler: &Arc<Scheduler>, p: &mut Process, number: u32) -> Answer {
    let outcome = match number {
        request::SPAWN => spawn::spawn(scheduler, p, spawn::Tie::None),
        request::SPAWNLINK => spawn::spawn(scheduler, p, spawn::Tie::Link),
        request::SPAWNMONITOR => spawn::spawn(scheduler, p, spawn::Tie::Monitor),
        request::SELF => go(p, Value::pid(p.slot.pid)),
        request::ISPROCESSALIVE | request::ISALIVE => link::is_alive(scheduler, p, number == request::ISALIVE),
        request::EXIT => link::exit(p),
        request::KILL => link::kill(scheduler, p),
        request::SEND => message::send(scheduler, p),
        message::RECEIVE | message::RECEIVE_NEXT | message::RECEIVE_TAKE => message::receive(scheduler, p, number),
        request::SLEEP => schedule::sleep(scheduler, p),
        request::LOOP => schedule::run_loop(scheduler, p),
        request::STEP => schedule::step(scheduler, p),
        request::TICK => schedule::tick(scheduler, p),
        request::INTERRUPT => schedule::interrupt(scheduler, p),
        request::SETOPTION => options::set(scheduler, p),
        request::GETOPTION => options::get(scheduler, p),
        request::REGISTER => names::register(scheduler, p),
        request::UNREGISTER => names::unregister(scheduler, p),
        request::WHEREIS => names::whereis(scheduler, p),
        request::REGISTERED => names::registered(scheduler, p),
        request::LINK => link::link(scheduler, p),
        request::UNLINK => link::unlink(scheduler, p),
        request::MONITOR => link::monitor(scheduler, p),
        request::DEMONITOR => link::demonitor(scheduler, p),
        request::PROCESSES => {
            let pids: Vec<Value> = scheduler.pids().into_iter().map(Value::pid).collect();
            let t = array(p, &pids);
            go(p, t)
        }
        request::PROCESSINFO => link::process_info(scheduler, p),
        request::TIME => go(p, Value::float(schedule::now_ms())),
        request::METATABLE => message::register_metatable(p),
        request::NODE => go(p, Value::NIL),
        request::NODES => {
            let t = array(p, &[]);
            go(p, t)
        }
        request::ISNODEALIVE => go(p, Value::FALSE),
        u32::MAX => {
            if stdlib::host::host(&mut p.vm).close {
                return Answer::Exit(Message::string(b"normal"), Value::NIL);
            }
            return Answer::Program(stdlib::host::exit_status(&mut p.vm));
        }
        _ => unreachable!("no native makes this request"),
    };
    match outcome {
        Ok(answer) => answer,
        Err(Raise) => {
            let error = p.vm.error_value();
            p.vm.fail_request(error);
            Answer::Go
        }
    }
}

/// Answers with one value.
fn go(p: &mut Process, v: Value) -> Result<Answer> {
    p.vm.finish_request(&[v]);
    Ok(Answer::Go)
}
/// Answers `false, message` or `nil, message`: a failure of the world.
fn refuse(p: &mut Process, first: Value, message: &str) -> Result<Answer> {
    let text = p.vm.heap.string(message.as_bytes());
    p.vm.finish_request(&[first, text]);
    Ok(Answer::Go)
}
fn array(p: &mut Process, values: &[Value]) -> Value {
    let t = p.vm.heap.table_sized(values.len(), 0);
    for (i, &v) in values.iter().enumerate() {
        t.set_integer(&mut p.vm.heap, i as i64 + 1, v).expect("a small integer is a key");
    }
    Value::table(t)
}

/// The process that an argument names: a pid, a name, `{ pid, node }` or `{ name, node }`. `Ok(None)`: there is none.
fn process_argument(scheduler: &Scheduler, p: &mut Process, i: usize) -> Result<Option<Pid>> {
    let v = p.vm.arg(i);
    let first = match v.kind() {
        Kind::Table(t) => t.get_integer(1),
        _ => v,
    };
    match first.kind() {
        Kind::Pid(pid) => Ok(Some(pid)),
        Kind::String(name) => Ok(scheduler.names.find(name.bytes())),
        _ => {
            if matches!(v.kind(), Kind::Table(_)) {
                return Err(p
                    .vm
                    .arg_error(i, "process expected, got a table that does not begin with a pid or a name"));
            }
            Err(p.vm.type_error(i, "process"))
        }
    }
}
/// The slot of the process that an argument names.
fn slot_argument(scheduler: &Scheduler, p: &mut Process, i: usize) -> Result<Option<Arc<Slot>>> {
    Ok(process_argument(scheduler, p, i)?.and_then(|pid| scheduler.find(pid)))
}
/// A name: a string, and no number.
fn name_argument(p: &mut Process, i: usize) -> Result<Ref<Str>> {
    match p.vm.arg(i).as_string() {
        Some(s) => Ok(s),
        None => Err(p.vm.type_error(i, "string")),
    }
}
/// A time in milliseconds.
fn time_argument(p: &mut Process, i: usize) -> Result<f64> {
    let ms = p.vm.check_float(i)?;
    if ms.is_nan() || ms < 0.0 {
        return Err(p.vm.arg_error(i, "time must not be negative"));
    }
    Ok(ms)
}

fn option(scheduler: &Scheduler, p: &Process, key: &str) -> Setting {
    let index = KEYS.iter().position(|k| *k == key).expect("a known option");
    p.options.get(index).unwrap_or_else(|| scheduler.options.read().unwrap_or_else(|e| e.into_inner()).get(index))
}
/// An option that is true or false, as it is for this process.
pub fn option_flag(scheduler: &Scheduler, p: &Process, key: &str) -> bool {
    matches!(option(scheduler, p, key), Setting::Flag(true))
}
/// An option that is a number, as it is for this process.
pub fn option_number(scheduler: &Scheduler, p: &Process, key: &str) -> f64 {
    match option(scheduler, p, key) {
        Setting::Number(n) => n,
        Setting::Flag(_) => 0.0,
    }
}
