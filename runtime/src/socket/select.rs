//! `select(to receive, to send[, seconds])`: which of some sockets are ready.
//!
//! Journey: value -> outside world -> **value**. The system is asked about all of them at once; if none is ready, each tells the
//! process when it is, as in a call that waits at one. An object that is no socket is asked for one by its method `getfd`.

use super::class::Class;
use super::timeouts::nanoseconds;
use super::wait::{Direction, SYSTEM_CALL, register, time_value, waker};
use crate::concurrent::{may_wait, wait};
use crate::process::context::{Wait, context};
use rlua_machine::stdlib::access::{Access, index};
use rlua_machine::value::{Ref, Table, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Result, Step};
use rlua_machine::vm::work::ELEMENTS;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;

/// Registers: the two lists, when the time is over; what objects that are no sockets have said, those of them that are to be
/// asked, and how many were.
const LISTS: [usize; 2] = [0, 1];
const DEADLINE: usize = 2;
const KNOWN: usize = 3;
const ASKED: usize = 4;
const COUNT: usize = 5;
/// Register: the method that is called, or what it returns.
const CALL: usize = 6;
/// States: it goes on; a method is there; it has returned.
const LOOK: u32 = 1;
const FOUND: u32 = 2;
const SAID: u32 = 3;

/// A socket of one of the lists.
struct Wanted {
    value: Value,
    id: u64,
    direction: Direction,
}

/// See above.
pub(super) fn select(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == 0 {
        for list in LISTS {
            if !vm.arg(list).is_nil() {
                vm.check_table(list)?;
            }
        }
        let seconds = if vm.arg(DEADLINE).is_nil() { -1.0 } else { vm.check_float(DEADLINE)? };
        let cx = context(vm);
        cx.begin_native();
        let now = cx.now();
        let deadline = match nanoseconds(seconds) {
            None => Value::FALSE,
            Some(0) => Value::integer(0),
            Some(ns) => time_value(now.saturating_add(ns)),
        };
        vm.truncate(DEADLINE);
        vm.set_arg(DEADLINE, deadline);
        let (known, asked) = (vm.heap.table(), vm.heap.table());
        vm.push_all([Value::table(known), Value::table(asked), Value::integer(0)]);
        let objects = objects(vm);
        for (object, i) in objects.into_iter().zip(1..) {
            asked.set_integer(&mut vm.heap, i, object).expect("a small integer is a key");
        }
    }
    if state != LOOK
        && let Some(step) = ask_objects(vm, state)?
    {
        return Ok(step);
    }
    look(vm)
}
fn table_in(vm: &Vm, register: usize) -> Option<Ref<Table>> {
    vm.arg(register).as_table()
}
/// What is in a list.
fn listed(vm: &Vm, list: usize) -> impl Iterator<Item = Value> + use<> {
    let t = table_in(vm, list);
    (1..).map_while(move |i| t.map(|t| t.get_integer(i)).filter(|v| !v.is_nil()))
}
/// What is in the lists and no socket.
fn objects(vm: &Vm) -> Vec<Value> {
    LISTS.into_iter().flat_map(|list| listed(vm, list)).filter(|v| Class::of(*v).is_none()).collect()
}
/// Asks those objects for their sockets, one after the other; none: all have answered.
fn ask_objects(vm: &mut Vm, mut state: u32) -> Result<Option<Step>> {
    let (Some(known), Some(asked)) = (table_in(vm, KNOWN), table_in(vm, ASKED)) else { return Err(vm.damaged()) };
    let mut n = vm.check_integer(COUNT)?;
    loop {
        let answer = vm.arg(CALL);
        match state {
            FOUND if !answer.is_nil() => {
                vm.truncate(CALL + 1);
                vm.push(asked.get_integer(n));
                return Ok(Some(Step::Call { function: CALL, results: 1, next: SAID, catch: false }));
            }
            SAID => {
                let object = asked.get_integer(n);
                if let Some(fd) = vm.to_integer(answer) {
                    known.set(&mut vm.heap, object, Value::integer(fd)).map_err(|_| vm.out_of_memory())?;
                }
            }
            _ => {}
        }
        n += 1;
        let object = asked.get_integer(n);
        vm.truncate(COUNT);
        vm.push(Value::integer(n));
        if object.is_nil() {
            return Ok(None);
        }
        let name = vm.heap.atom(b"getfd");
        state = FOUND;
        match index(vm, object, name)? {
            // It is looked at as the answer of a metamethod would be.
            Access::Done(method) => vm.push(method),
            Access::Call(function) => return Ok(Some(Step::Call { function, results: 1, next: FOUND, catch: false })),
        }
        if vm.arg(CALL).is_nil() {
            continue;
        }
        vm.push(object);
        return Ok(Some(Step::Call { function: CALL, results: 1, next: SAID, catch: false }));
    }
}

/// The sockets of the lists that are open.
fn wanted(vm: &mut Vm) -> Vec<Wanted> {
    let known = table_in(vm, KNOWN);
    let mut all = Vec::new();
    for (list, direction) in LISTS.into_iter().zip([Direction::Read, Direction::Write]) {
        for value in listed(vm, list) {
            let id = match Class::of(value) {
                Some((u, _)) => Some(u.resource.get()).filter(|id| context(vm).has_socket(*id)),
                None => {
                    let fd = known.and_then(|t| t.get(value).as_integer());
                    fd.and_then(|fd| context(vm).sockets().with_fd(fd))
                }
            };
            all.extend(id.map(|id| Wanted { value, id, direction }));
        }
    }
    all
}
/// Which of them are ready.
fn ready(vm: &mut Vm, wanted: &[Wanted]) -> io::Result<Vec<bool>> {
    let sockets = &*context(vm).sockets();
    let mut asked = Vec::with_capacity(wanted.len());
    let mut ready = Vec::with_capacity(wanted.len());
    for w in wanted {
        let socket = sockets.look(w.id);
        ready.push(w.direction == Direction::Read && socket.is_some_and(|s| !s.incoming.is_empty()));
        if let Some(io) = socket.and_then(|s| s.io.as_ref()) {
            let flags = if w.direction == Direction::Read { PollFlags::IN } else { PollFlags::OUT };
            asked.push((ready.len() - 1, PollFd::new(io, flags)));
        }
    }
    let (places, mut fds): (Vec<usize>, Vec<PollFd>) = asked.into_iter().unzip();
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    while let Err(e) = poll(&mut fds, Some(&now)) {
        if e != rustix::io::Errno::INTR {
            return Err(e.into());
        }
    }
    for (place, fd) in places.into_iter().zip(&fds) {
        // An error is something to be told of, too.
        ready[place] |= !fd.revents().is_empty();
    }
    Ok(ready)
}
fn look(vm: &mut Vm) -> Result<Step> {
    let wanted = wanted(vm);
    vm.charge(SYSTEM_CALL + wanted.len());
    let ready = match ready(vm, &wanted) {
        Ok(ready) => ready,
        Err(e) => return Err(vm.error(format!("select failed: {}", super::failure::words(&e)))),
    };
    let deadline = vm.arg(DEADLINE).as_integer();
    let any = ready.contains(&true);
    if any || deadline == Some(0) || context(vm).core.wait_state() == Some(true) {
        context(vm).end_wait();
        return give(vm, &wanted, &ready);
    }
    may_wait(vm)?;
    let waker = waker(vm);
    let cx = context(vm);
    for w in &wanted {
        let Some(io) = cx.sockets().look(w.id).and_then(|s| s.io.as_ref()) else { continue };
        if !matches!(register(io, w.direction, &waker), Ok(false)) {
            return Ok(Step::Again(LOOK));
        }
    }
    if cx.slot.is_root {
        cx.scheduler.open_gate();
    }
    let deadline = deadline.map(|at| at as u64);
    if wanted.is_empty() {
        cx.wait_until(Wait::Signal, deadline);
    } else {
        cx.wait_at_socket(deadline);
    }
    vm.pay(wanted.len(), ELEMENTS);
    Ok(wait(context(vm), LOOK))
}
/// Returns two tables of those that are ready, each by numbers and with numbers by the sockets; and `timeout`, if none is.
fn give(vm: &mut Vm, wanted: &[Wanted], ready: &[bool]) -> Result<Step> {
    for direction in [Direction::Read, Direction::Write] {
        let t = vm.heap.table();
        let mut n = 0;
        for (w, _) in wanted.iter().zip(ready).filter(|(w, ready)| w.direction == direction && **ready) {
            n += 1;
            let set = t.set_integer(&mut vm.heap, n, w.value);
            set.and_then(|()| t.set(&mut vm.heap, w.value, Value::integer(n))).map_err(|_| vm.out_of_memory())?;
        }
        vm.push(Value::table(t));
    }
    if ready.contains(&true) {
        return Ok(Step::Return(2));
    }
    let timeout = vm.heap.string(super::failure::TIMEOUT.as_bytes());
    vm.push(timeout);
    Ok(Step::Return(3))
}
