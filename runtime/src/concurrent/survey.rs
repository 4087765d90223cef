//! Figures of a node: `survey`; and what happens to one process: `trace`.
//!
//! Journey: process -> figures -> **table**. The processes are counted in pieces (scheduler/survey.rs), without a signal to any of
//! them; one that is frozen in the middle of it begins anew.

use super::{expected, information};
use crate::process::context::{Progress, context};
use crate::process::signal::Signal;
use crate::scheduler::survey::{Figures, FrameSeen, Order, Survey, Totals, glimpses};
use rlua_machine::stdlib::field;
use rlua_machine::value::{Pid, Ref, Table, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Result, Step};

/// Processes that a survey reports if it does not say how many, and the most of them.
const FEW: i64 = 20;
const MOST: i64 = 1000;
/// Messages of a process that are shown at most.
const HEADS: i64 = 100;
/// Looks at processes that count as a reduction.
const LOOKS: usize = 4;
/// State: a survey is under way.
const LOOKING: u32 = 1;
/// Registers: the options, the number under which the survey is kept.
const KEPT: usize = 1;

/// What is to be reported.
struct Wanted {
    order: Order,
    most: usize,
    filter: Vec<u8>,
    last: Vec<u8>,
    heads: usize,
    /// Nothing but this process.
    process: Option<Pid>,
}

fn wanted(vm: &mut Vm) -> Result<Wanted> {
    let given = vm.arg(0);
    if !given.is_nil() && given.as_table().is_none() {
        return Err(expected(vm, 0, "table of options"));
    }
    let mut option = |name: &str| given.as_table().map_or(Value::NIL, |t| t.get_field(&mut vm.heap, name.as_bytes()));
    let [by, most, filter, last, heads] = ["by", "most", "filter", "since", "heads"].map(&mut option);
    let process = option("process");
    if !process.is_nil() && process.as_pid().is_none() {
        return Err(vm.arg_error(0, "option 'process' is a pid"));
    }
    let text = |v: Value| v.as_string().map(|s| s.bytes().to_vec());
    let by = text(by).unwrap_or_else(|| if by.is_nil() { b"reductions".to_vec() } else { Vec::new() });
    let Some(order) = Order::of(&by) else {
        return Err(
            vm.arg_error(0, "option 'by' is one of 'reductions', 'memory', 'mailbox', 'age', 'waits', 'messages'")
        );
    };
    let number = |v: Value, default: i64, most: i64| {
        if v.is_nil() { Some(default) } else { v.as_integer().filter(|n| (0..=most).contains(n)) }
    };
    let Some(most) = number(most, FEW, MOST) else {
        return Err(vm.arg_error(0, format!("option 'most' is an integer from 0 to {MOST}")));
    };
    let Some(heads) = number(heads, 0, HEADS) else {
        return Err(vm.arg_error(0, format!("option 'heads' is an integer from 0 to {HEADS}")));
    };
    let mut texts = Vec::new();
    for (name, v) in [("filter", filter), ("since", last)] {
        match text(v) {
            Some(text) => texts.push(text),
            None if v.is_nil() => texts.push(Vec::new()),
            None => return Err(vm.arg_error(0, format!("option '{name}' is a string"))),
        }
    }
    let (last, filter) = (texts.pop().unwrap_or_default(), texts.pop().unwrap_or_default());
    Ok(Wanted { order, most: most as usize, filter, last, heads: heads as usize, process: process.as_pid() })
}

pub(super) fn survey(vm: &mut Vm, state: u32) -> Result<Step> {
    let wanted = wanted(vm)?;
    if let Some(pid) = wanted.process {
        let figures: Vec<Figures> = context(vm).scheduler.slot(pid).and_then(Figures::of).into_iter().collect();
        let (t, rows) = (vm.heap.table(), rows(vm, &figures, wanted.heads, true));
        field(vm, t, "rows", rows);
        return vm.return_one(Value::table(t));
    }
    let kept = if state == LOOKING { vm.arg(KEPT) } else { Value::NIL };
    let now = context(vm).scheduler.clock.now();
    let mut survey = match context(vm).take_progress(kept) {
        Some(Progress::Survey(survey)) => survey,
        _ => Box::new(Survey::new(wanted.order, wanted.most, &wanted.filter, &wanted.last, now)),
    };
    let scheduler = context(vm).scheduler.clone();
    loop {
        vm.check_room(2 * survey.bytes())?;
        let Some(looked) = survey.step(&scheduler) else { break };
        // To look where a process is takes longer than to read its figures.
        let looks = if wanted.filter.is_empty() && wanted.order != Order::Waits { looked } else { looked * 8 };
        if vm.charge(looks / LOOKS) {
            let number = context(vm).keep_progress(Progress::Survey(survey));
            vm.truncate(KEPT);
            vm.set_arg(KEPT, number);
            return Ok(Step::Again(LOOKING));
        }
    }
    let (totals, chosen, left) = survey.finish();
    let t = table(vm, &totals);
    let rows = rows(vm, &chosen, wanted.heads, false);
    field(vm, t, "rows", rows);
    let nodes = traffic(vm);
    field(vm, t, "nodes", nodes);
    let moves = moves(vm);
    field(vm, t, "moves", moves);
    let left = vm.heap.string(&left);
    field(vm, t, "since", left);
    vm.return_one(Value::table(t))
}
/// `trace`: has the caller told what happens to a process, or not any more. False: it is not at this node.
pub(super) fn trace(vm: &mut Vm) -> Result<Value> {
    let Some(pid) = vm.arg(0).as_pid() else { return Err(expected(vm, 0, "pid")) };
    let is_on = vm.count() < 2 || !vm.arg(1).is_false();
    let cx = context(vm);
    let tracer = cx.pid();
    if pid == tracer {
        return Err(vm.arg_error(0, "a process cannot be told of itself"));
    }
    let is_here = cx.scheduler.slot(pid).is_some();
    Ok(Value::boolean(is_here && cx.scheduler.route(pid, Signal::Trace { tracer, is_on })))
}
fn table(vm: &mut Vm, totals: &Totals) -> Ref<Table> {
    let t = vm.heap.table();
    let all = [
        ("processes", totals.processes),
        ("ready", totals.ready),
        ("running", totals.running),
        ("waiting", totals.waiting),
        ("blocked", totals.blocked),
        ("mailbox", totals.messages),
        ("memory", totals.bytes),
        ("recent", totals.recent),
        ("came", totals.came),
        ("workers", context(vm).scheduler.config.workers as u64),
    ];
    for (name, n) in all {
        field(vm, t, name, Value::integer(n as i64));
    }
    if let Some(elapsed) = totals.elapsed {
        field(vm, t, "elapsed", Value::float(elapsed as f64 / 1e6));
    }
    t
}
fn rows(vm: &mut Vm, chosen: &[Figures], heads: usize, ties: bool) -> Value {
    let scheduler = context(vm).scheduler.clone();
    let (glimpses, looks) = glimpses(&scheduler, chosen, heads, ties);
    vm.charge(looks / LOOKS);
    vm.charge(chosen.len() * 8);
    let mut values = Vec::new();
    for (f, g) in chosen.iter().zip(glimpses) {
        let t = vm.heap.table();
        let status = vm.heap.name(information::status_name(f.status).as_bytes());
        field(vm, t, "pid", Value::pid(f.slot.pid));
        field(vm, t, "status", status);
        if let Some(name) = &g.name {
            let name = vm.heap.string(name);
            field(vm, t, "name", name);
        }
        information::put_place(vm, t, &g.place, &g.function);
        information::put_waits(vm, t, &g.waits);
        let figures = [
            ("mailbox", f.messages),
            ("memory", f.bytes),
            ("reductions", f.reductions),
            ("recent", f.recent),
            ("came", f.came),
        ];
        for (name, n) in figures {
            field(vm, t, name, Value::integer(n as i64));
        }
        if !f.slot.is_root {
            field(vm, t, "parent", Value::pid(f.slot.parent));
        }
        if !g.senders.is_empty() {
            let all = senders(vm, &g.senders);
            field(vm, t, "senders", all);
        }
        if heads > 0 {
            let texts: Vec<Value> = g.heads.iter().map(|text| vm.heap.string(text.as_bytes())).collect();
            let all = super::array(vm, &texts);
            field(vm, t, "heads", all);
        }
        if ties {
            vm.charge(g.links.len() + g.monitors.len());
            for (name, pids) in [("links", &g.links), ("monitors", &g.monitors)] {
                let pids: Vec<Value> = pids.iter().copied().map(Value::pid).collect();
                let all = super::array(vm, &pids);
                field(vm, t, name, all);
            }
            let frames = frames(vm, &g.frames);
            field(vm, t, "frames", frames);
        }
        values.push(Value::table(t));
    }
    super::array(vm, &values)
}
/// Who fills a mailbox: pids, and percents.
fn senders(vm: &mut Vm, senders: &[(Pid, u64)]) -> Value {
    let mut values = Vec::new();
    for (pid, share) in senders {
        let t = vm.heap.table();
        field(vm, t, "pid", Value::pid(*pid));
        field(vm, t, "share", Value::integer(*share as i64));
        values.push(Value::table(t));
    }
    super::array(vm, &values)
}
/// The functions that a process is in.
fn frames(vm: &mut Vm, frames: &[FrameSeen]) -> Value {
    let mut values = Vec::new();
    for f in frames {
        let t = vm.heap.table();
        information::put_place(vm, t, &f.place, &f.function);
        let mut variables = Vec::new();
        for (name, shown) in &f.variables {
            let v = vm.heap.table();
            for (key, text) in [("name", &name[..]), ("value", shown.as_bytes())] {
                let text = vm.heap.string(text);
                field(vm, v, key, text);
            }
            variables.push(Value::table(v));
        }
        let variables = super::array(vm, &variables);
        field(vm, t, "variables", variables);
        values.push(Value::table(t));
    }
    super::array(vm, &values)
}
/// Which processes have come and gone of late, oldest first.
fn moves(vm: &mut Vm) -> Value {
    let scheduler = context(vm).scheduler.clone();
    let (moves, now) = (scheduler.lately().moves(), scheduler.clock.now());
    let mut values = Vec::new();
    for m in moves {
        let t = vm.heap.table();
        let [name, node] = [&m.name[..], m.node.as_bytes()].map(|text| vm.heap.string(text));
        let ago = Value::float(now.saturating_sub(m.at) as f64 / 1e6);
        let fields = [
            ("number", Value::integer(m.number as i64)),
            ("ago", ago),
            ("pid", Value::pid(m.pid)),
            ("node", node),
            ("arrived", Value::boolean(m.arrived)),
        ];
        for (key, v) in fields {
            field(vm, t, key, v);
        }
        if !m.name.is_empty() {
            field(vm, t, "name", name);
        }
        values.push(Value::table(t));
    }
    super::array(vm, &values)
}
/// What has gone to the connected nodes, and come from them.
fn traffic(vm: &mut Vm) -> Value {
    let all = context(vm).scheduler.node.online().map_or(Vec::new(), |online| online.traffic());
    let mut values = Vec::new();
    for (node, traffic) in all {
        let t = vm.heap.table();
        let name = vm.heap.string(node.as_str().as_bytes());
        field(vm, t, "name", name);
        for (name, n) in [("sent", traffic.sent), ("received", traffic.received), ("waiting", traffic.waiting)] {
            field(vm, t, name, Value::integer(n as i64));
        }
        values.push(Value::table(t));
    }
    super::array(vm, &values)
}
