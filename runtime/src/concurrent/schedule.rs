//! Scheduling: `sleep`, `loop`, `step`, `tick`, `interrupt`, and the clock.
//!
//! Journey: none of its own. The root process waits in `loop` and `step` like any process in `receive`.

use super::message::{begin_wait, end_wait};
use super::{Answer, go, time_argument};
use crate::process::{Process, Status, Wait};
use crate::scheduler::Scheduler;
use rlua_machine::value::Value;
use rlua_machine::vm::native::{Raise, Result};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64() * 1000.0)
}

/// Whether the wait under way ended by its timer; begins it if there is none.
fn timer_is_over(scheduler: &Scheduler, p: &mut Process, ms: f64) -> bool {
    let (timed_out, waiting) = {
        let s = p.slot.lock();
        (s.timed_out, s.has_timer)
    };
    if timed_out {
        end_wait(p);
        return true;
    }
    if !waiting {
        begin_wait(scheduler, p, ms);
    }
    false
}

pub(super) fn sleep(scheduler: &Arc<Scheduler>, p: &mut Process) -> Result<Answer> {
    let ms = time_argument(p, 0)?;
    if p.slot.is_root {
        scheduler.open_gate();
    }
    if timer_is_over(scheduler, p, ms) {
        p.vm.finish_request(&[]);
        return Ok(Answer::Go);
    }
    Ok(Answer::Wait)
}

fn root_only(p: &mut Process, name: &str) -> Result<()> {
    if p.slot.is_root {
        return Ok(());
    }
    Err(p.vm.error(format!("'{name}' can be called by the main script only")))
}

pub(super) fn run_loop(scheduler: &Arc<Scheduler>, p: &mut Process) -> Result<Answer> {
    root_only(p, "loop")?;
    let timeout = if p.vm.arg(0).is_nil() { None } else { Some(time_argument(p, 0)?) };
    scheduler.open_gate();
    let finish = |p: &mut Process, none_left: bool| {
        end_wait(p);
        go(p, Value::boolean(none_left))
    };
    if scheduler.live.load(Ordering::Acquire) == 0 {
        scheduler.interrupted.store(false, Ordering::Release);
        return finish(p, true);
    }
    if scheduler.interrupted.swap(false, Ordering::AcqRel) {
        return finish(p, false);
    }
    match timeout {
        Some(ms) => {
            if timer_is_over(scheduler, p, ms) {
                return finish(p, false);
            }
        }
        None => {
            if scheduler.take_deadlock() {
                return Err(deadlock_error(scheduler, p));
            }
        }
    }
    Ok(Answer::Wait)
}

/// State of a `step` in progress: register 1 is set once its round has begun.
pub(super) fn step(scheduler: &Arc<Scheduler>, p: &mut Process) -> Result<Answer> {
    root_only(p, "step")?;
    let timeout = if p.vm.arg(0).is_nil() { 0.0 } else { time_argument(p, 0)? };
    let remain = |s: &Scheduler| Value::boolean(s.live.load(Ordering::Acquire) > 0);
    let begun = p.vm.arg(1).as_integer() == Some(1);
    if begun {
        end_wait(p);
        return go(p, remain(scheduler));
    }
    p.vm.set_arg(0, Value::float(timeout));
    if scheduler.begin_step() > 0 {
        end_wait(p);
        p.vm.set_arg(1, Value::integer(1));
        return Ok(Answer::Wait);
    }
    if timeout > 0.0 && scheduler.live.load(Ordering::Acquire) > 0 && !timer_is_over(scheduler, p, timeout) {
        return Ok(Answer::Wait);
    }
    end_wait(p);
    go(p, remain(scheduler))
}

pub(super) fn tick(scheduler: &Arc<Scheduler>, p: &mut Process) -> Result<Answer> {
    root_only(p, "tick")?;
    let ms = super::option_number(scheduler, p, "tick");
    if timer_is_over(scheduler, p, ms) {
        p.vm.finish_request(&[]);
        return Ok(Answer::Go);
    }
    Ok(Answer::Wait)
}

pub(super) fn interrupt(scheduler: &Arc<Scheduler>, p: &mut Process) -> Result<Answer> {
    scheduler.interrupted.store(true, Ordering::Release);
    if let Some(root) = scheduler.root() {
        scheduler.wake_from(&root, Wait::Loop);
    }
    p.vm.finish_request(&[]);
    Ok(Answer::Go)
}

/// `deadlock: N processes wait for messages that cannot come`, and where up to ten of them wait.
pub(super) fn deadlock_error(scheduler: &Arc<Scheduler>, p: &mut Process) -> Raise {
    let mut waiting = Vec::new();
    for pid in scheduler.pids() {
        let Some(slot) = scheduler.find(pid) else { continue };
        let is_waiting = slot.pid == p.slot.pid || matches!(slot.lock().status, Status::Waiting(_));
        if is_waiting {
            waiting.push(slot);
        }
    }
    let others: Vec<_> = waiting.iter().filter(|s| s.pid != p.slot.pid).collect();
    let n = if others.is_empty() { 1 } else { others.len() };
    let mut text =
        format!("deadlock: {n} process{} for messages that cannot come", if n == 1 { " waits" } else { "es wait" });
    for slot in others.iter().take(10) {
        let place = match &*slot.process.lock().unwrap_or_else(|e| e.into_inner()) {
            Some(other) => String::from_utf8_lossy(&other.vm.where_it_is()).into_owned(),
            None => String::new(),
        };
        text.push_str(&format!("\n\t{} at {}", slot.pid, place));
    }
    if others.len() > 10 {
        text.push_str(&format!("\n\t... and {} more", others.len() - 10));
    }
    end_wait(p);
    p.vm.error(text)
}
