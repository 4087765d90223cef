//! What can be known of processes: `isprocessalive`, `isalive`, `processinfo`, `processes`.
//!
//! Journey: question: **ask** -> route -> core -> reply. A question is a signal: whoever is asked has handled all that the
//! asker sent it before (Erlang's barrier). Where nothing is under way that could end the process, no question is
//! needed.

use super::{Process, node, process_argument, wait};
use crate::process::context::context;
use crate::process::describe;
use crate::process::signal::{Answer, Info, Question, Status};
use crate::process::waits::Waiting;
use rlua_machine::value::{Pid, Ref, Table, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Result, Step};

/// State: a question was asked. A register has its number, the next one who was asked: what a name stands for may have
/// changed meanwhile.
pub(super) const ASKED: u32 = 1;

/// The process that a native's first argument names; of one that waits for an answer, the one that was asked.
pub(super) fn target(vm: &mut Vm, state: u32, register: usize) -> Result<Process> {
    match vm.arg(register + 1).as_pid() {
        Some(pid) if state == ASKED => Ok(Process::Pid(pid)),
        _ => process_argument(vm, 0),
    }
}
/// Whether a process lives, once it has handled what it was sent; `Err`: the native waits, to be entered again at the
/// state [`ASKED`]. The question is kept in `register` and the next one.
pub(super) fn lives(vm: &mut Vm, pid: Pid, state: u32, register: usize) -> std::result::Result<bool, Step> {
    let cx = context(vm);
    if pid == cx.pid() {
        return Ok(true);
    }
    let answer = if state == ASKED {
        let id = vm.arg(register).as_integer().unwrap_or(0) as u64;
        context(vm).answer(id, pid, Question::Alive)
    } else {
        match cx.scheduler.known_dead(pid) {
            Some(dead) => return Ok(!dead),
            None => Err(cx.ask(pid, Question::Alive)),
        }
    };
    match answer {
        Ok(answer) => Ok(matches!(answer, Answer::Alive(_))),
        Err(id) => {
            vm.set_arg(register, Value::integer(id as i64));
            vm.set_arg(register + 1, Value::pid(pid));
            Err(wait(context(vm), ASKED))
        }
    }
}

pub(super) fn is_process_alive(vm: &mut Vm, state: u32) -> Result<Step> {
    // `isprocessalive(whereis 'x')` is always an answer.
    if vm.arg(0).is_nil() && vm.count() > 0 {
        return vm.return_one(Value::FALSE);
    }
    let state = match node::resolve(vm, 0, state, 1)? {
        Ok(state) => state,
        Err(step) => return Ok(step),
    };
    let Process::Pid(pid) = target(vm, state, 1)? else { return vm.return_one(Value::FALSE) };
    match lives(vm, pid, state, 1) {
        Ok(alive) => vm.return_one(Value::boolean(alive)),
        Err(step) => Ok(step),
    }
}
pub(super) fn is_alive(vm: &mut Vm, state: u32) -> Result<Step> {
    if vm.arg(0).as_string().is_some_and(|s| s.bytes().contains(&b'@')) {
        return node::is_node_alive(vm, state);
    }
    is_process_alive(vm, state)
}

pub(super) fn process_info(vm: &mut Vm, state: u32) -> Result<Step> {
    if vm.arg(0).is_nil() && vm.count() > 0 {
        return vm.return_one(Value::NIL);
    }
    let state = match node::resolve(vm, 0, state, 1)? {
        Ok(state) => state,
        Err(step) => return Ok(step),
    };
    let Process::Pid(pid) = target(vm, state, 1)? else { return vm.return_one(Value::NIL) };
    if pid == context(vm).pid() {
        let info = describe(vm, Status::Running);
        let t = info_table(vm, pid, &info);
        return vm.return_one(t);
    }
    let answer = if state == ASKED {
        let id = vm.arg(1).as_integer().unwrap_or(0) as u64;
        // After a thaw it is asked again, and what it was doing before is not known any more.
        context(vm).answer(id, pid, Question::Info(Status::Unknown))
    } else {
        let cx = context(vm);
        let status = match cx.scheduler.status_of(pid) {
            // Its own node sees it.
            None if cx.scheduler.may_be_elsewhere(pid) => Status::Unknown,
            None => return vm.return_one(Value::NIL),
            Some(status) => status,
        };
        let id = cx.ask(pid, Question::Info(status));
        vm.truncate(1);
        vm.set_arg(2, Value::pid(pid));
        Err(id)
    };
    match answer {
        Ok(Answer::Info(info)) => {
            let t = info_table(vm, pid, &info);
            vm.return_one(t)
        }
        Ok(_) => vm.return_one(Value::NIL),
        Err(id) => {
            vm.set_arg(1, Value::integer(id as i64));
            Ok(wait(context(vm), ASKED))
        }
    }
}
fn info_table(vm: &mut Vm, pid: Pid, info: &Info) -> Value {
    let t = vm.heap.table();
    let pids = |vm: &mut Vm, all: &[Pid]| {
        vm.charge(all.len());
        let values: Vec<Value> = all.iter().copied().map(Value::pid).collect();
        super::array(vm, &values)
    };
    let links = pids(vm, &info.links);
    let monitors = pids(vm, &info.monitors);
    put_place(vm, t, &info.place, &info.function);
    put_waits(vm, t, &info.waits);
    let heap = &mut vm.heap;
    let fields: [(&str, Value); 9] = [
        ("pid", Value::pid(pid)),
        ("name", info.name.as_ref().map_or(Value::NIL, |n| heap.string(n))),
        ("status", heap.name(status_name(info.status).as_bytes())),
        ("mailbox", Value::integer(info.messages as i64)),
        ("links", links),
        ("monitors", monitors),
        ("heap", Value::integer(info.heap_bytes as i64)),
        ("reductions", Value::integer(info.reductions as i64)),
        ("parent", info.parent.map_or(Value::NIL, Value::pid)),
    ];
    for (key, v) in fields {
        rlua_machine::stdlib::field(vm, t, key, v);
    }
    Value::table(t)
}
/// What a process is doing, for programs.
pub(crate) fn status_name(status: Status) -> &'static str {
    match status {
        Status::Waiting => "waiting",
        Status::Blocked => "blocked",
        Status::Running => "running",
        Status::Moving => "moving",
        Status::Ready | Status::Unknown => "ready",
    }
}
/// The fields `current`, `line` and `func`, as far as they are known.
pub(super) fn put_place(vm: &mut Vm, t: Ref<Table>, place: &[u8], function: &[u8]) {
    let (source, line) = split_place(place);
    let heap = &mut vm.heap;
    let fields = [
        ("current", if place.is_empty() { Value::NIL } else { heap.string(source) }),
        ("line", line.map_or(Value::NIL, Value::integer)),
        ("func", if function.is_empty() { Value::NIL } else { heap.string(function) }),
    ];
    for (key, v) in fields {
        rlua_machine::stdlib::field(vm, t, key, v);
    }
}
/// The fields `waits`, `waitsfor` and `waitstimed`, if it is known what a process waits for.
pub(super) fn put_waits(vm: &mut Vm, t: Ref<Table>, waits: &Waiting) {
    let Some(what) = waits.what.name() else { return };
    let pids: Vec<Value> = waits.whom.iter().copied().map(Value::pid).collect();
    let whom = super::array(vm, &pids);
    let what = vm.heap.name(what.as_bytes());
    for (key, v) in [("waits", what), ("waitsfor", whom), ("waitstimed", Value::boolean(waits.timed))] {
        rlua_machine::stdlib::field(vm, t, key, v);
    }
}
/// `source` and `line` of `source:line`.
pub(crate) fn split_place(place: &[u8]) -> (&[u8], Option<i64>) {
    match place.iter().rposition(|&b| b == b':') {
        Some(i) => (&place[..i], std::str::from_utf8(&place[i + 1..]).ok().and_then(|s| s.parse().ok())),
        None => (place, None),
    }
}

/// `processes`: register 0 is the array so far, register 1 the serial number to go on with.
pub(super) fn processes(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == 0 {
        vm.truncate(0);
        let t = vm.heap.table();
        vm.push(Value::table(t));
        vm.push(Value::integer(0));
    }
    loop {
        let (all, from) = (vm.arg(0), vm.arg(1).as_integer().unwrap_or(0));
        let Some(t) = all.as_table() else { return Err(vm.error("the state of a native function is damaged")) };
        let table = &context(vm).scheduler.table;
        let block = if from < 0 { None } else { table.next_block(from as u64) };
        let (pids, next) = match block {
            Some((pids, next)) => (pids, next as i64),
            // Those that were born elsewhere, last.
            None if from >= 0 => (table.guests(), -1),
            None => return vm.return_one(all),
        };
        let n = t.length();
        for (i, &pid) in pids.iter().enumerate() {
            if t.set_integer(&mut vm.heap, n + 1 + i as i64, Value::pid(pid)).is_err() {
                return Err(vm.error("not enough memory"));
            }
        }
        vm.set_arg(1, Value::integer(next));
        if vm.charge(pids.len()) {
            return Ok(Step::Again(1));
        }
    }
}
