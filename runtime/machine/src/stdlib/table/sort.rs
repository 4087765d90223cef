//! `table.sort`: the reference's quicksort as a state machine.
//!
//! Journey: value. What a sort is doing is a [`SortState`] in a buffer among its registers, so it can be suspended in each
//! of its comparisons and in each access to a table with metamethods. Accesses and comparisons come in the reference's
//! order, one at a time: what a `__newindex` sees are the states in between. A table without a metatable, and elements
//! that need no call to be compared, take short ways through the same states.
//!
//! Always: the values that are compared are kept in registers, so what a comparator does to the table changes nothing that
//! is written. Numbers in a state may be any, as in a damaged frozen process.

use super::super::NativeState;
use super::super::access::{self, Access};
use super::{check_like_table, length_of_first, pop, raw, set, to_length};
use crate::value::{Ref, Table, Value, tag};
use crate::vm::Vm;
use crate::vm::long;
use crate::vm::metamethod::Event;
use crate::vm::native::{Result, Step};
use serde::{Deserialize, Serialize};

/// Where a `sort` is.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct SortState {
    /// Ranges that wait, the larger halves.
    ranges: Vec<(u32, u32)>,
    lo: u32,
    up: u32,
    i: u32,
    j: u32,
    at: At,
    /// What is to be written, and what comes after it.
    writes: [(u32, u8); 2],
    after: At,
}

/// What a sort does next, or waits for. `a` is what is sorted, `P` the pivot.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Take the next range, if this one is done.
    Begin,
    /// x = a[lo]
    Low,
    /// y = a[up]
    High,
    /// y < x: exchange them.
    Ends,
    /// Two elements are done; else i is the middle.
    Middle,
    /// x = a[i]
    MiddleGet,
    /// y = a[lo]
    MiddleLow,
    /// x < y: exchange them.
    MiddleLowLess,
    /// y = a[up]
    MiddleHigh,
    /// y < x: exchange them.
    MiddleHighLess,
    /// Three elements are done; else P = a[i].
    Pivot,
    /// y = a[up - 1]; P goes there, y to i.
    Last,
    /// i goes up, from lo + 1, while x < P.
    NextUp,
    /// x = a[i]
    Up,
    /// x < P
    UpLess,
    /// j goes down, from up - 2, while P < y.
    NextDown,
    /// y = a[j]
    Down,
    /// P < y
    DownLess,
    /// x and y, unless i and j have met: then P and x.
    Exchange,
    /// P is at i, where it belongs: the smaller half is next.
    Split,
    /// The first of two writes.
    WriteFirst,
    /// The second.
    WriteSecond,
}

// Registers: table, comparator or nil, buffer, P, x, y; i, j and up while a range is divided by a comparator that is called;
// above them a call.
const BUFFER: usize = 2;
const PIVOT: usize = 3;
const X: usize = 4;
const Y: usize = 5;
const I: usize = 6;
const J: usize = 7;
const END: usize = 8;
const CALL: usize = 9;

/// State: begin.
const BEGIN: u32 = 0;
/// State: the length is on top.
const LENGTH: u32 = 1;
/// State: the comparison's answer is on top.
const ANSWER: u32 = 2;
/// State: go on.
const GO_ON: u32 = 3;
/// State: an element of a table with metamethods is on top.
const FETCHED: u32 = 4;
/// State: one was stored.
const STORED: u32 = 5;
/// State: whether x < P is on top, what `divide` has asked.
const UP: u32 = 6;
/// State: whether P < y is on top, likewise.
const DOWN: u32 = 7;

pub(super) fn sort(vm: &mut Vm, state: u32) -> Result<Step> {
    match state {
        UP | DOWN => divide(vm, state == UP),
        _ => other_steps(vm, state),
    }
}
#[inline(never)]
fn other_steps(vm: &mut Vm, state: u32) -> Result<Step> {
    match state {
        BEGIN => {
            check_like_table(vm, 0, &[Event::Index, Event::NewIndex, Event::Len])?;
            match length_of_first(vm, LENGTH)? {
                Ok(n) => begin(vm, n),
                Err(step) => Ok(step),
            }
        }
        LENGTH => {
            let v = pop(vm);
            let n = to_length(vm, v)?;
            begin(vm, n)
        }
        ANSWER => {
            let answer = !pop(vm).is_false();
            go_on(vm, Arrived::Answer(answer))
        }
        FETCHED => {
            let v = pop(vm);
            go_on(vm, Arrived::Element(v))
        }
        STORED => {
            pop(vm);
            go_on(vm, Arrived::Stored)
        }
        _ => go_on(vm, Arrived::Nothing),
    }
}
fn begin(vm: &mut Vm, n: i64) -> Result<Step> {
    if n < 2 {
        return Ok(Step::Return(0));
    }
    if n >= i32::MAX as i64 {
        return Err(vm.arg_error(0, "array too big"));
    }
    if !vm.arg(1).is_nil() {
        vm.check_function(1)?;
    }
    vm.truncate(2);
    let state = SortState {
        ranges: Vec::new(),
        lo: 1,
        up: n as u32,
        i: 0,
        j: 0,
        at: At::Begin,
        writes: [(0, 0); 2],
        after: At::Begin,
    };
    let buffer = vm.heap.buffer(NativeState::Sort(state));
    vm.set_arg(BUFFER, Value::buffer(buffer));
    vm.set_arg(END, Value::NIL);
    go_on(vm, Arrived::Nothing)
}

/// What a call has brought.
#[derive(Clone, Copy)]
enum Arrived {
    Nothing,
    Answer(bool),
    Element(Value),
    Stored,
}
#[inline(always)]
fn take(arrived: &mut Arrived) -> Arrived {
    std::mem::replace(arrived, Arrived::Nothing)
}

/// A comparison without a call, or the call.
enum Less {
    Answer(bool),
    Call(Step),
}
#[inline]
fn less(vm: &mut Vm, x: Value, y: Value) -> Result<Less> {
    let comparator = vm.arg(1);
    let f = if comparator.is_nil() {
        if x.tag == tag::INT && y.tag == tag::INT {
            return Ok(Less::Answer((x.bits as i64) < y.bits as i64));
        }
        if long::is_long_order(x, y) {
            long::operator(long::LESS)
        } else {
            if let Some(answer) = vm.compare(x, y, false) {
                vm.pay_for_key(x);
                return Ok(Less::Answer(answer));
            }
            let mut mm = vm.metamethod(x, Event::Lt);
            if mm.is_nil() {
                mm = vm.metamethod(y, Event::Lt);
            }
            if mm.is_nil() {
                return Err(vm.compare_error(x, y));
            }
            mm
        }
    } else {
        comparator
    };
    let function = vm.count();
    vm.push(f);
    vm.push(x);
    vm.push(y);
    Ok(Less::Call(Step::Call { function, results: 1, next: ANSWER, catch: false }))
}
/// Stores an element of a table without a metatable.
#[inline]
fn put(vm: &mut Vm, t: Ref<Table>, i: u32, v: Value) -> Result<()> {
    if (i.wrapping_sub(1) as u64) < t.asize.get() as u64 {
        t.set_slot(&mut vm.heap, i, v);
        return Ok(());
    }
    set(vm, t, i as i64, v)
}

const INVALID_ORDER: &str = "invalid order function for sorting";

/// Comparisons and accesses after which the work is charged.
const CHARGED: u32 = 512;
/// How many of them are a reduction.
const PER_REDUCTION: u32 = 8;

/// From one call of a comparator to the next, where a range of a plain table is divided: most of a sort is that. `up`: the
/// answer is whether x < P, else whether P < y. What `state` says of i, j and the place is only brought up to date when
/// more is to be done.
fn divide(vm: &mut Vm, mut up: bool) -> Result<Step> {
    let Some([table, comparator, _, pivot, x, y, i, j, end, answer]) = vm.registers() else {
        return Err(vm.damaged());
    };
    let (mut i, mut j, end, answer) = (i.bits as u32, j.bits as u32, end.bits as u32, !answer.is_false());
    vm.truncate(CALL);
    let list = table.as_table().filter(|t| t.metatable().is_none());
    let plain = match list {
        Some(t) => t,
        None => return leave(vm, i, j, up, Arrived::Answer(answer)),
    };
    match (up, answer) {
        (true, true) if i != end.wrapping_sub(1) => {}
        (true, false) => up = false,
        (false, true) if j >= i => {}
        (false, false) if j >= i && i.max(j) <= plain.asize.get() && i.min(j) > 0 => {
            plain.set_slot(&mut vm.heap, i, y);
            plain.set_slot(&mut vm.heap, j, x);
            up = true;
        }
        _ => return leave(vm, i, j, up, Arrived::Answer(answer)),
    }
    let next = if up {
        i = i.wrapping_add(1);
        let x = plain.get_integer(i as i64);
        vm.set_arg(X, x);
        vm.set_arg(I, Value::integer(i as i64));
        vm.push_all([comparator, x, pivot]);
        UP
    } else {
        j = j.wrapping_sub(1);
        let y = plain.get_integer(j as i64);
        vm.set_arg(Y, y);
        vm.set_arg(J, Value::integer(j as i64));
        vm.push_all([comparator, pivot, y]);
        DOWN
    };
    Ok(Step::Call { function: CALL, results: 1, next, catch: false })
}
/// From `go_on` to `divide`, if what is called is a comparator.
fn divided(vm: &mut Vm, s: &SortState, step: Step, next: u32) -> Step {
    match step {
        Step::Call { function: CALL, results, catch, .. } if !vm.arg(1).is_nil() => {
            for (register, n) in [(I, s.i), (J, s.j), (END, s.up)] {
                vm.set_arg(register, Value::integer(n as i64));
            }
            Step::Call { function: CALL, results, next, catch }
        }
        other => other,
    }
}
/// From `divide` to `go_on`.
#[cold]
fn leave(vm: &mut Vm, i: u32, j: u32, up: bool, arrived: Arrived) -> Result<Step> {
    let Some(buffer) = vm.arg(BUFFER).as_buffer() else { return Err(vm.damaged()) };
    if let NativeState::Sort(s) = &mut *NativeState::of(&buffer) {
        (s.i, s.j, s.at) = (i, j, if up { At::UpLess } else { At::DownLess });
    }
    go_on(vm, arrived)
}

/// Goes on with a sort, with what the call that it waited for has brought.
fn go_on(vm: &mut Vm, mut arrived: Arrived) -> Result<Step> {
    let Some(buffer) = vm.arg(BUFFER).as_buffer() else { return Err(vm.damaged()) };
    if vm.count() <= Y {
        return Err(vm.damaged());
    }
    if vm.count() < CALL {
        // Thawed from what an earlier build froze, which kept all but these.
        vm.set_arg(END, Value::NIL);
    }
    // Looked at anew after every call, which may have given the table a metatable.
    let plain = raw(vm, 0);
    let mut state = NativeState::of(&buffer);
    let NativeState::Sort(s) = &mut *state else { return Err(vm.damaged()) };
    // An element: at hand, or by a call that comes back to the same place.
    macro_rules! get {
        ($i:expr) => {
            match (take(&mut arrived), plain) {
                (Arrived::Element(v), _) => v,
                (_, Some(t)) => t.get_integer($i as i64),
                (_, None) => {
                    let t = vm.arg(0);
                    match access::index(vm, t, Value::integer($i as i64))? {
                        Access::Done(v) => v,
                        Access::Call(function) => {
                            return Ok(Step::Call { function, results: 1, next: FETCHED, catch: false });
                        }
                    }
                }
            }
        };
    }
    // Whether x < y, likewise.
    macro_rules! less {
        ($x:expr, $y:expr) => {
            match take(&mut arrived) {
                Arrived::Answer(answer) => answer,
                _ => {
                    let (x, y) = ($x, $y);
                    match less(vm, x, y)? {
                        Less::Answer(answer) => answer,
                        Less::Call(step) => return Ok(step),
                    }
                }
            }
        };
    }
    // Two registers are written; then it goes on at `$after`.
    macro_rules! write {
        ($first:expr, $second:expr, $after:expr) => {{
            let ((i, x), (j, y)): ((u32, usize), (u32, usize)) = ($first, $second);
            match plain {
                Some(t) => {
                    let (x, y) = (vm.arg(x), vm.arg(y));
                    put(vm, t, i, x)?;
                    put(vm, t, j, y)?;
                    s.at = $after;
                }
                None => {
                    s.writes = [(i, x as u8), (j, y as u8)];
                    s.after = $after;
                    s.at = At::WriteFirst;
                }
            }
        }};
    }
    let mut work = 0;
    // The next element from below, and as many as need no call.
    macro_rules! up {
        () => {{
            s.i = s.i.wrapping_add(1);
            s.at = At::Up;
            let Some(t) = plain else { continue };
            let pivot = vm.arg(PIVOT);
            while work < CHARGED {
                let x = t.get_integer(s.i as i64);
                match less(vm, x, pivot)? {
                    Less::Answer(true) if s.i == s.up.wrapping_sub(1) => return Err(vm.error(INVALID_ORDER)),
                    Less::Answer(true) => s.i = s.i.wrapping_add(1),
                    Less::Answer(false) => {
                        vm.set_arg(X, x);
                        s.at = At::NextDown;
                        break;
                    }
                    Less::Call(step) => {
                        vm.set_arg(X, x);
                        s.at = At::UpLess;
                        return Ok(divided(vm, s, step, UP));
                    }
                }
                work += 1;
            }
        }};
    }
    // The next element from above, likewise.
    macro_rules! down {
        () => {{
            s.j = s.j.wrapping_sub(1);
            s.at = At::Down;
            let Some(t) = plain else { continue };
            let pivot = vm.arg(PIVOT);
            while work < CHARGED {
                let y = t.get_integer(s.j as i64);
                match less(vm, pivot, y)? {
                    Less::Answer(true) if s.j < s.i => return Err(vm.error(INVALID_ORDER)),
                    Less::Answer(true) => s.j = s.j.wrapping_sub(1),
                    Less::Answer(false) => {
                        vm.set_arg(Y, y);
                        s.at = At::Exchange;
                        break;
                    }
                    Less::Call(step) => {
                        vm.set_arg(Y, y);
                        s.at = At::DownLess;
                        return Ok(divided(vm, s, step, DOWN));
                    }
                }
                work += 1;
            }
        }};
    }
    loop {
        work += 1;
        if work >= CHARGED {
            work = 0;
            if vm.charge((CHARGED / PER_REDUCTION) as usize) {
                return Ok(Step::Again(GO_ON));
            }
        }
        match s.at {
            At::Begin => {
                if s.lo >= s.up {
                    match s.ranges.pop() {
                        Some(range) => (s.lo, s.up) = range,
                        None => {
                            vm.charge((work / PER_REDUCTION) as usize);
                            return Ok(Step::Return(0));
                        }
                    }
                    continue;
                }
                s.at = At::Low;
            }
            At::Low => {
                let v = get!(s.lo);
                vm.set_arg(X, v);
                s.at = At::High;
            }
            At::High => {
                let v = get!(s.up);
                vm.set_arg(Y, v);
                s.at = At::Ends;
            }
            At::Ends => {
                if less!(vm.arg(Y), vm.arg(X)) {
                    write!((s.lo, Y), (s.up, X), At::Middle);
                } else {
                    s.at = At::Middle;
                }
            }
            At::Middle => {
                let distance = s.up.wrapping_sub(s.lo);
                if distance == 1 {
                    s.lo = s.up;
                    s.at = At::Begin;
                    continue;
                }
                s.i = s.lo.wrapping_add(distance / 2);
                s.at = At::MiddleGet;
            }
            At::MiddleGet => {
                let v = get!(s.i);
                vm.set_arg(X, v);
                s.at = At::MiddleLow;
            }
            At::MiddleLow => {
                let v = get!(s.lo);
                vm.set_arg(Y, v);
                s.at = At::MiddleLowLess;
            }
            At::MiddleLowLess => {
                if less!(vm.arg(X), vm.arg(Y)) {
                    write!((s.i, Y), (s.lo, X), At::Pivot);
                } else {
                    s.at = At::MiddleHigh;
                }
            }
            At::MiddleHigh => {
                let v = get!(s.up);
                vm.set_arg(Y, v);
                s.at = At::MiddleHighLess;
            }
            At::MiddleHighLess => {
                if less!(vm.arg(Y), vm.arg(X)) {
                    write!((s.i, Y), (s.up, X), At::Pivot);
                } else {
                    s.at = At::Pivot;
                }
            }
            At::Pivot => {
                if s.up.wrapping_sub(s.lo) == 2 {
                    s.lo = s.up;
                    s.at = At::Begin;
                    continue;
                }
                let v = get!(s.i);
                vm.set_arg(PIVOT, v);
                s.at = At::Last;
            }
            At::Last => {
                let last = s.up.wrapping_sub(1);
                let v = get!(last);
                vm.set_arg(Y, v);
                write!((s.i, Y), (last, PIVOT), At::NextUp);
                (s.i, s.j) = (s.lo, last);
            }
            At::NextUp => up!(),
            At::Up => {
                let v = get!(s.i);
                vm.set_arg(X, v);
                s.at = At::UpLess;
            }
            At::UpLess => {
                if !less!(vm.arg(X), vm.arg(PIVOT)) {
                    s.at = At::NextDown;
                } else if s.i == s.up.wrapping_sub(1) {
                    return Err(vm.error(INVALID_ORDER));
                } else {
                    up!();
                }
            }
            At::NextDown => down!(),
            At::Down => {
                let v = get!(s.j);
                vm.set_arg(Y, v);
                s.at = At::DownLess;
            }
            At::DownLess => {
                if !less!(vm.arg(PIVOT), vm.arg(Y)) {
                    s.at = At::Exchange;
                } else if s.j < s.i {
                    return Err(vm.error(INVALID_ORDER));
                } else {
                    down!();
                }
            }
            At::Exchange => {
                if s.j < s.i {
                    write!((s.up.wrapping_sub(1), X), (s.i, PIVOT), At::Split);
                } else {
                    write!((s.i, Y), (s.j, X), At::NextUp);
                }
            }
            At::Split => {
                let (lo, up, p) = (s.lo, s.up, s.i);
                if p.wrapping_sub(lo) < up.wrapping_sub(p) {
                    s.ranges.push((p.wrapping_add(1), up));
                    s.up = p.wrapping_sub(1);
                } else {
                    s.ranges.push((lo, p.wrapping_sub(1)));
                    s.lo = p.wrapping_add(1);
                }
                s.at = At::Begin;
            }
            At::WriteFirst | At::WriteSecond => {
                let second = s.at == At::WriteSecond;
                if !matches!(take(&mut arrived), Arrived::Stored) {
                    let (i, register) = s.writes[second as usize];
                    let (t, v) = (vm.arg(0), vm.arg(register as usize));
                    if let Access::Call(function) = access::new_index(vm, t, Value::integer(i as i64), v)? {
                        return Ok(Step::Call { function, results: 1, next: STORED, catch: false });
                    }
                }
                s.at = if second { s.after } else { At::WriteSecond };
            }
        }
    }
}
