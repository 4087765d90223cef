//! Lives and ends: `isprocessalive`, `exit`, `kill`, links, monitors, `processinfo`.
//!
//! Journey: exit signal: process -> links, monitors -> others.

use super::{Answer, go, process_argument, refuse, slot_argument};
use crate::codec::Message;
use crate::process::signal::Signal;
use crate::process::{Process, Slot, Status};
use crate::scheduler::Scheduler;
use rlua_machine::value::{Pid, Value};
use rlua_machine::vm::native::Result;
use std::sync::Arc;

pub(super) fn is_alive(scheduler: &Arc<Scheduler>, p: &mut Process, node_too: bool) -> Result<Answer> {
    if node_too && p.vm.arg(0).as_string().is_some_and(|s| s.bytes().contains(&b'@')) {
        return go(p, Value::FALSE);
    }
    let alive = slot_argument(scheduler, p, 0)?.is_some_and(|s| s.is_alive());
    go(p, Value::boolean(alive))
}

pub(super) fn exit(p: &mut Process) -> Result<Answer> {
    let reason = match p.vm.arg(0) {
        v if v.is_nil() => p.vm.heap.name(b"exit"),
        v => v,
    };
    let encoded = p.encode_reason(reason);
    Ok(Answer::Exit(encoded, reason))
}

pub(super) fn kill(scheduler: &Arc<Scheduler>, p: &mut Process) -> Result<Answer> {
    let target = slot_argument(scheduler, p, 0)?;
    let reason = match p.vm.arg(1) {
        v if v.is_nil() => Message::string(b"killed"),
        v => p.encode_reason(v),
    };
    let done = match target {
        Some(slot) => {
            let own = slot.pid == p.slot.pid;
            let done = scheduler.signal(&slot, Signal::Kill { reason });
            if own {
                // Its own kill takes effect at once.
                p.vm.finish_request(&[Value::TRUE]);
                return Ok(Answer::Later);
            }
            done
        }
        None => false,
    };
    go(p, Value::boolean(done))
}

/// Adds a pid to a list once.
fn add(list: &mut Vec<Pid>, pid: Pid) -> bool {
    if list.contains(&pid) {
        return false;
    }
    list.push(pid);
    true
}
fn remove(list: &mut Vec<Pid>, pid: Pid) -> bool {
    match list.iter().position(|&p| p == pid) {
        Some(i) => {
            list.swap_remove(i);
            true
        }
        None => false,
    }
}
/// Adds a pid to a list of another process, if that lives.
fn add_to(slot: &Slot, pid: Pid, list: fn(&mut crate::process::Shared) -> &mut Vec<Pid>) -> bool {
    let mut s = slot.lock();
    if s.status == Status::Dead {
        return false;
    }
    add(list(&mut s), pid);
    true
}
pub(super) fn link(scheduler: &Arc<Scheduler>, p: &mut Process) -> Result<Answer> {
    let pid = process_argument(scheduler, p, 0)?;
    if pid == Some(p.slot.pid) {
        return go(p, Value::TRUE);
    }
    if let Some(slot) = pid.and_then(|pid| scheduler.find(pid)) {
        add(&mut p.slot.lock().links, slot.pid);
        if add_to(&slot, p.slot.pid, |s| &mut s.links) {
            return go(p, Value::TRUE);
        }
        remove(&mut p.slot.lock().links, slot.pid);
    }
    // Linking a dead process: its exit signal.
    let own = p.slot.clone();
    scheduler.signal(&own, Signal::Exit { from: pid.unwrap_or(Pid(0)), reason: Message::string(b"noproc") });
    p.vm.finish_request(&[Value::TRUE]);
    Ok(Answer::Later)
}

pub(super) fn unlink(scheduler: &Arc<Scheduler>, p: &mut Process) -> Result<Answer> {
    if let Some(pid) = process_argument(scheduler, p, 0)? {
        if let Some(slot) = scheduler.find(pid) {
            remove(&mut slot.lock().links, p.slot.pid);
        }
        let mut s = p.slot.lock();
        remove(&mut s.links, pid);
        // An exit signal that is on its way does not count any more.
        s.inbox.retain(|signal| !matches!(signal, Signal::Exit { from, .. } if *from == pid));
    }
    go(p, Value::TRUE)
}

pub(super) fn monitor(scheduler: &Arc<Scheduler>, p: &mut Process) -> Result<Answer> {
    let pid = process_argument(scheduler, p, 0)?;
    let named = pid.unwrap_or(Pid(0));
    if !add(&mut p.slot.lock().watching, named) {
        return go(p, Value::TRUE);
    }
    if let Some(slot) = pid.and_then(|pid| scheduler.find(pid))
        && add_to(&slot, p.slot.pid, |s| &mut s.watchers)
    {
        return go(p, Value::TRUE);
    }
    let own = p.slot.clone();
    scheduler.signal(&own, Signal::Down { from: named, reason: Message::string(b"noproc") });
    go(p, Value::TRUE)
}

pub(super) fn demonitor(scheduler: &Arc<Scheduler>, p: &mut Process) -> Result<Answer> {
    {
        // A name that nobody had was watched as no process.
        let pid = process_argument(scheduler, p, 0)?.unwrap_or(Pid(0));
        if let Some(slot) = scheduler.find(pid) {
            remove(&mut slot.lock().watchers, p.slot.pid);
        }
        let mut s = p.slot.lock();
        remove(&mut s.watching, pid);
        let before = s.inbox.len();
        s.inbox.retain(|signal| !matches!(signal, Signal::Down { from, .. } if *from == pid));
        let mut gone = before - s.inbox.len();
        let before = p.mailbox.len();
        p.mailbox.retain(|(_, m)| !m.is_system(b"DOWN", pid));
        gone += before - p.mailbox.len();
        s.messages -= gone;
    }
    go(p, Value::TRUE)
}

pub(super) fn process_info(scheduler: &Arc<Scheduler>, p: &mut Process) -> Result<Answer> {
    let Some(slot) = slot_argument(scheduler, p, 0)? else { return go(p, Value::NIL) };
    let own = slot.pid == p.slot.pid;
    let (status, messages, links, watching, names) = {
        let s = slot.lock();
        let status = match s.status {
            Status::Dead => return go(p, Value::NIL),
            Status::Ready => "ready",
            Status::Running => "running",
            Status::Waiting(_) => "waiting",
        };
        (status, s.messages, s.links.clone(), s.watching.clone(), s.names.first().cloned())
    };
    let (place, bytes, reductions) = if own {
        (p.vm.where_it_is(), p.vm.heap.bytes(), p.reductions)
    } else {
        match &*slot.process.lock().unwrap_or_else(|e| e.into_inner()) {
            Some(other) => (other.vm.where_it_is(), other.vm.heap.bytes(), other.reductions),
            // Another worker runs it: what its last slice left.
            None => {
                let s = slot.lock();
                (Vec::new(), s.heap_bytes, s.reductions)
            }
        }
    };
    let t = p.vm.heap.table();
    let links: Vec<Value> = links.into_iter().map(Value::pid).collect();
    let watching: Vec<Value> = watching.into_iter().map(Value::pid).collect();
    let links = super::array(p, &links);
    let watching = super::array(p, &watching);
    let (function, line) = split_place(&place);
    let heap = &mut p.vm.heap;
    let name = names.map_or(Value::NIL, |n| heap.string(&n));
    let fields: [(&str, Value); 11] = [
        ("pid", Value::pid(slot.pid)),
        ("name", name),
        ("status", heap.string(status.as_bytes())),
        ("current", if place.is_empty() { Value::NIL } else { heap.string(function) }),
        ("line", line.map_or(Value::NIL, Value::integer)),
        ("mailbox", Value::integer(messages as i64)),
        ("links", links),
        ("monitors", watching),
        ("heap", Value::integer(bytes as i64)),
        ("reductions", Value::integer(reductions as i64)),
        ("parent", if slot.is_root { Value::NIL } else { Value::pid(slot.parent) }),
    ];
    for (key, v) in fields {
        t.set_field(heap, key.as_bytes(), v).expect("a name is a key");
    }
    go(p, Value::table(t))
}
/// `source` and `line` of `source:line`.
fn split_place(place: &[u8]) -> (&[u8], Option<i64>) {
    match place.iter().rposition(|&b| b == b':') {
        Some(i) => (&place[..i], std::str::from_utf8(&place[i + 1..]).ok().and_then(|s| s.parse().ok())),
        None => (place, None),
    }
}

/// Used by names: the process must live.
pub(super) fn no_such(p: &mut Process) -> Result<Answer> {
    refuse(p, Value::FALSE, "no such process")
}
