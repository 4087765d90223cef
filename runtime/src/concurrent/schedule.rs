//! Scheduling: `sleep`, `loop`, `step`, `tick`, `interrupt`, and the clock.
//!
//! Journey: none of its own. The root process waits in `loop` and `step` like any process in `receive`.

use super::{may_wait, time_argument, wait};
use crate::process::context::{Context, Wait, context};
use crate::process::inbox::RunState;
use crate::process::options::key;
use crate::process::signal::{Signal, Wake};
use crate::process::waits::cycles;
use rlua_machine::value::{Pid, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Raise, Result, Step};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// Milliseconds since 1970.
pub(super) fn now_ms(cx: &Context) -> f64 {
    cx.scheduler.clock.since_1970().as_secs_f64() * 1000.0
}
/// A deadline as a native keeps it in a register: nanoseconds of the process's clock, or false for none.
pub(super) fn deadline_value(cx: &Context, timeout_ms: Option<f64>) -> Value {
    match timeout_ms {
        Some(0.0) => Value::integer(0),
        // Beyond a century is for ever, but no reason to report a deadlock.
        Some(ms) => Value::integer(cx.now().saturating_add((ms.min(3.2e12) * 1e6) as u64) as i64),
        None => Value::FALSE,
    }
}
/// Whether a deadline has passed: by the wait that is under way, else by the clock.
pub(super) fn is_over(cx: &Context, deadline: Value) -> bool {
    match deadline.as_integer() {
        None => false,
        Some(0) => true,
        Some(at) => match cx.core.wait_state() {
            Some(timed_out) => timed_out,
            None => cx.now() >= at as u64,
        },
    }
}

/// State: look whether it is over.
const LOOK: u32 = 1;
/// State of `step`: its slices are under way.
const STEPPING: u32 = 2;
/// Register: when it is over.
const DEADLINE: usize = 1;

/// Waits for as many milliseconds as `ms` says.
fn pause(vm: &mut Vm, state: u32, ms: impl FnOnce(&mut Vm) -> Result<f64>) -> Result<Step> {
    if state == 0 {
        let ms = ms(vm)?;
        may_wait(vm)?;
        let cx = context(vm);
        cx.begin_native();
        // A time of 0 is a wait, too: others run.
        let at = cx.now().saturating_add((ms.min(3.2e12) * 1e6) as u64).max(1);
        vm.truncate(DEADLINE);
        vm.set_arg(DEADLINE, Value::integer(at as i64));
    }
    let at = vm.arg(DEADLINE).as_integer().unwrap_or(0) as u64;
    let cx = context(vm);
    if cx.wait_until(Wait::Signal, Some(at)) {
        cx.end_wait();
        return Ok(Step::Return(0));
    }
    Ok(wait(cx, LOOK))
}
pub(super) fn sleep(vm: &mut Vm, state: u32) -> Result<Step> {
    pause_for(vm, state, |vm| time_argument(vm, 0))
}
/// As `sleep`, for as many milliseconds as `ms` says.
pub(crate) fn pause_for(vm: &mut Vm, state: u32, ms: impl FnOnce(&mut Vm) -> Result<f64>) -> Result<Step> {
    pause(vm, state, |vm| {
        let ms = ms(vm)?;
        let cx = context(vm);
        if cx.slot.is_root {
            cx.scheduler.open_gate();
        }
        Ok(ms)
    })
}
pub(super) fn tick(vm: &mut Vm, state: u32) -> Result<Step> {
    pause(vm, state, |vm| {
        root_only(vm, "tick")?;
        Ok(context(vm).option_number(key::TICK))
    })
}
fn root_only(vm: &mut Vm, name: &str) -> Result<()> {
    if context(vm).slot.is_root {
        return Ok(());
    }
    Err(vm.error(format!("'{name}' can be called by the main script only")))
}

pub(super) fn run_loop(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == 0 {
        root_only(vm, "loop")?;
        let timeout = if vm.arg(0).is_nil() { None } else { Some(time_argument(vm, 0)?) };
        may_wait(vm)?;
        let cx = context(vm);
        cx.begin_native();
        cx.scheduler.open_gate();
        let deadline = deadline_value(cx, timeout);
        vm.set_arg(DEADLINE, deadline);
    }
    let deadline = vm.arg(DEADLINE);
    let cx = context(vm);
    let wake = cx.take_wake();
    let interrupted = cx.scheduler.interrupted.swap(false, Ordering::AcqRel);
    let none_left = cx.scheduler.live.load(Ordering::Acquire) == 0;
    // Others may still spawn processes at a node.
    let stays = !deadline.is_false() && cx.scheduler.node.online().is_some();
    if none_left && !stays || interrupted || is_over(cx, deadline) {
        cx.end_wait();
        return vm.return_one(Value::boolean(none_left));
    }
    if deadline.is_false() && wake == Some(Wake::Deadlock) {
        return Err(deadlock_error(vm));
    }
    cx.wait_until(Wait::Signal, deadline.as_integer().map(|n| n as u64));
    Ok(wait(cx, LOOK))
}

pub(super) fn step(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == 0 {
        root_only(vm, "step")?;
        let timeout = if vm.arg(0).is_nil() { 0.0 } else { time_argument(vm, 0)? };
        may_wait(vm)?;
        context(vm).begin_native();
        let deadline = deadline_value(context(vm), Some(timeout));
        vm.set_arg(DEADLINE, deadline);
    }
    let deadline = vm.arg(DEADLINE);
    let cx = context(vm);
    cx.take_wake();
    let mut begun = state == STEPPING;
    if !begun && cx.scheduler.gate_is_open() {
        // All run anyway: as many turns as there are processes that wait for one.
        cx.end_wait();
        let remain = cx.scheduler.live.load(Ordering::Acquire) > 0;
        return vm.return_one(Value::boolean(remain));
    }
    if !begun && cx.scheduler.begin_step() > 0 {
        cx.end_wait();
        begun = true;
    }
    let over = if begun {
        cx.scheduler.step_is_over()
    } else {
        cx.scheduler.live.load(Ordering::Acquire) == 0 || is_over(cx, deadline)
    };
    if over {
        cx.end_wait();
        cx.scheduler.end_step();
        let remain = cx.scheduler.live.load(Ordering::Acquire) > 0;
        return vm.return_one(Value::boolean(remain));
    }
    let until = if begun { None } else { deadline.as_integer().map(|n| n as u64) };
    cx.wait_until(Wait::Signal, until);
    Ok(wait(cx, if begun { STEPPING } else { LOOK }))
}

/// The root's `loop` returns.
pub(super) fn end_loop(cx: &Context) {
    cx.scheduler.interrupted.store(true, Ordering::Release);
    if let Some(root) = cx.scheduler.root() {
        cx.scheduler.route(root, Signal::Wake(Wake::Loop));
    }
}

/// Circles of processes that a report of a deadlock names.
const CYCLES: usize = 3;
const HOW_TO_SEE: &[u8] =
    b"\n\t(while a node runs, `rlua-actor ps --waits name@host` shows who waits for whom, at all nodes)";

/// `deadlock: N processes wait for messages that cannot come`, and where up to ten of them wait.
pub(super) fn deadlock_error(vm: &mut Vm) -> Raise {
    let cx = context(vm);
    cx.end_wait();
    let (scheduler, own) = (cx.scheduler.clone(), cx.pid());
    let (mut n, mut shown, mut graph) = (0, Vec::new(), BTreeMap::new());
    for program in scheduler.programs() {
        let mut from = 0;
        while let Some((pids, next)) = program.table.next_block(from) {
            from = next;
            for pid in pids.into_iter().filter(|&p| p != own) {
                let Some(slot) = program.table.find(pid) else { continue };
                let mut s = slot.lock();
                if !matches!(s.inbox.state(), RunState::Waiting { .. }) {
                    continue;
                }
                n += 1;
                let Some(p) = s.process.as_mut() else { continue };
                let whom = p.waits().whom;
                if shown.len() < 10 {
                    shown.push((pid, p.vm.where_it_is(), whom.clone()));
                }
                if !whom.is_empty() {
                    graph.insert(pid, whom);
                }
            }
        }
    }
    let more = n - shown.len();
    let (count, waits) = if n <= 1 { (1, " waits") } else { (n, "es wait") };
    let mut text = format!("deadlock: {count} process{waits} for messages that cannot come").into_bytes();
    let named = |pids: &[Pid], between: &str| pids.iter().map(Pid::to_string).collect::<Vec<_>>().join(between);
    for (pid, place, whom) in shown {
        text.extend_from_slice(format!("\n\t{pid} at ").as_bytes());
        text.extend_from_slice(&place);
        if !whom.is_empty() {
            text.extend_from_slice(format!(", for {}", named(&whom, " or ")).as_bytes());
        }
    }
    if more > 0 {
        text.extend_from_slice(format!("\n\t... and {more} more").as_bytes());
    }
    for cycle in cycles(&graph).into_iter().take(CYCLES) {
        let (first, shown) = (cycle[0], &cycle[..cycle.len().min(10)]);
        let dots = if shown.len() < cycle.len() { "... -> " } else { "" };
        text.extend_from_slice(format!("\n\tin a circle: {} -> {dots}{first}", named(shown, " -> ")).as_bytes());
    }
    if n > 1 {
        text.extend_from_slice(HOW_TO_SEE);
    }
    vm.error(text)
}
