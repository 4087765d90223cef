//! `table.sort`: the reference's quicksort as a state machine.
//!
//! Journey: value. What a sort is doing is a [`SortState`] in a buffer among its registers, so it can be suspended in each
//! of its comparisons.

use super::super::NativeState;
use super::super::access::{self, Access};
use super::{Budget, check_like_table, integer_register, length_of_first, pop, raw, set, to_length, try_access};
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
}

/// Which comparison a sort waits for.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// None: take the next range.
    Begin,
    /// a[up] < a[lo]
    Ends,
    /// a[p] < a[lo]
    MiddleLow,
    /// a[up] < a[p]
    MiddleUp,
    /// a[i] < P
    Up,
    /// P < a[j]
    Down,
}

/// Registers: t, comparator or nil, buffer, pivot, x, y. States: 0 begin, 1 length, 2 the comparison's answer is on top,
/// 3 go on, 4.. accesses of tables with metamethods.
pub(super) fn sort(vm: &mut Vm, state: u32) -> Result<Step> {
    match state {
        0 => {
            check_like_table(vm, 0, &[Event::Index, Event::NewIndex, Event::Len])?;
            let n = match length_of_first(vm, 1)? {
                Ok(n) => n,
                Err(step) => return Ok(step),
            };
            begin_sort(vm, n)
        }
        1 => {
            let v = pop(vm);
            let n = to_length(vm, v)?;
            begin_sort(vm, n)
        }
        2 => {
            let answer = !pop(vm).is_false();
            sort_on(vm, Some(answer))
        }
        3 => sort_on(vm, None),
        FETCH => {
            // An element of a table with metamethods arrived; it goes to the copy.
            let v = pop(vm);
            let i = integer_register(vm, 4);
            let Some(copy) = vm.arg(5).as_table() else { return Err(vm.damaged()) };
            set(vm, copy, i, v)?;
            fetch_on(vm, i + 1)
        }
        STORE => {
            pop(vm);
            let i = integer_register(vm, 4);
            store_on(vm, i + 1)
        }
        FETCH_ON => {
            let i = integer_register(vm, 4);
            fetch_on(vm, i)
        }
        STORE_ON => {
            let i = integer_register(vm, 4);
            store_on(vm, i)
        }
        _ => sort_on(vm, None),
    }
}
const FETCH: u32 = 4;
const STORE: u32 = 5;
const FETCH_ON: u32 = 6;
const STORE_ON: u32 = 7;
/// Comparisons before others get their turn, and those that are a reduction.
const AT_ONCE: usize = 256;
const COMPARISONS: usize = 4;

fn begin_sort(vm: &mut Vm, n: i64) -> Result<Step> {
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
    vm.set_arg(1, vm.arg(1));
    let state = SortState { ranges: Vec::new(), lo: 1, up: n as u32, i: 0, j: 0, at: At::Begin };
    let buffer = vm.heap.buffer(NativeState::Sort(state));
    vm.set_arg(2, Value::buffer(buffer));
    vm.set_arg(3, Value::NIL);
    if raw(vm, 0).is_none() {
        // A table with metamethods is read into a copy, which is sorted and written back.
        // What `__len` says is no reason to take memory.
        let copy = vm.heap.table_sized(n.min(1024) as usize, 0);
        vm.set_arg(4, Value::integer(1));
        vm.set_arg(5, Value::table(copy));
        vm.set_arg(6, Value::integer(n));
        return fetch_on(vm, 1);
    }
    vm.set_arg(4, Value::NIL);
    vm.set_arg(5, Value::NIL);
    vm.set_arg(6, Value::integer(n));
    sort_on(vm, None)
}
fn fetch_on(vm: &mut Vm, mut i: i64) -> Result<Step> {
    let n = integer_register(vm, 6);
    let mut budget = Budget::new(vm);
    while i <= n {
        vm.set_arg(4, Value::integer(i));
        if budget.is_spent() {
            budget.pay(vm);
            return Ok(Step::Again(FETCH_ON));
        }
        budget.take(1);
        let t = vm.arg(0);
        let v = try_access!(access::index(vm, t, Value::integer(i)), FETCH);
        let Some(copy) = vm.arg(5).as_table() else { return Err(vm.damaged()) };
        set(vm, copy, i, v)?;
        i += 1;
    }
    sort_on(vm, None)
}
fn store_on(vm: &mut Vm, mut i: i64) -> Result<Step> {
    let n = integer_register(vm, 6);
    let mut budget = Budget::new(vm);
    while i <= n {
        vm.set_arg(4, Value::integer(i));
        if budget.is_spent() {
            budget.pay(vm);
            return Ok(Step::Again(STORE_ON));
        }
        budget.take(1);
        let t = vm.arg(0);
        let Some(copy) = vm.arg(5).as_table() else { return Err(vm.damaged()) };
        let v = copy.get_integer(i);
        try_access!(access::new_index(vm, t, Value::integer(i), v), STORE);
        i += 1;
    }
    Ok(Step::Return(0))
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
    Ok(Less::Call(Step::Call { function, results: 1, next: 2, catch: false }))
}

/// Goes on with a sort, given the answer to the comparison it waits for.
fn sort_on(vm: &mut Vm, mut answer: Option<bool>) -> Result<Step> {
    let Some(buffer) = vm.arg(2).as_buffer() else { return Err(vm.damaged()) };
    let t = match vm.arg(5).as_table().or_else(|| raw(vm, 0)) {
        Some(t) => t,
        // A comparator gave the table a metatable: it is sorted raw, as far as that goes.
        None => vm.check_table(0)?,
    };
    let mut state = NativeState::of(&buffer);
    let NativeState::Sort(s) = &mut *state else { return Err(vm.damaged()) };
    let get = |i: u32| t.get_integer(i as i64);
    let mut steps = 0usize;
    // Asks for a comparison: goes on with the answer, or suspends at `$at`.
    macro_rules! ask {
        ($at:expr, $x:expr, $y:expr) => {
            match answer.take() {
                Some(a) => a,
                None => {
                    steps += 1;
                    if steps == AT_ONCE {
                        steps = 0;
                        if vm.pay(AT_ONCE, COMPARISONS) {
                            s.at = $at;
                            return Ok(Step::Again(3));
                        }
                    }
                    match less(vm, $x, $y)? {
                        Less::Answer(a) => a,
                        Less::Call(step) => {
                            s.at = $at;
                            return Ok(step);
                        }
                    }
                }
            }
        };
    }
    macro_rules! put {
        ($i:expr, $v:expr) => {
            if (($i - 1) as u64) < t.asize.get() as u64 && t.header.guard.get() == 0 {
                t.set_slot($i, $v);
            } else {
                let v = $v;
                set(vm, t, $i as i64, v)?;
            }
        };
    }
    loop {
        match s.at {
            At::Begin => {
                if s.lo >= s.up {
                    match s.ranges.pop() {
                        Some((lo, up)) => {
                            (s.lo, s.up) = (lo, up);
                            continue;
                        }
                        None => {
                            drop(state);
                            vm.pay(steps, COMPARISONS);
                            if vm.arg(5).is_nil() {
                                return Ok(Step::Return(0));
                            }
                            return store_on(vm, 1);
                        }
                    }
                }
                s.at = At::Ends;
            }
            At::Ends => {
                let (a, b) = (get(s.lo), get(s.up));
                if ask!(At::Ends, b, a) {
                    put!(s.lo, b);
                    put!(s.up, a);
                }
                if s.up - s.lo == 1 {
                    s.lo = s.up;
                    s.at = At::Begin;
                    continue;
                }
                s.i = s.lo + (s.up - s.lo) / 2;
                s.at = At::MiddleLow;
            }
            At::MiddleLow => {
                let (p, a) = (get(s.i), get(s.lo));
                if ask!(At::MiddleLow, p, a) {
                    put!(s.i, a);
                    put!(s.lo, p);
                    s.at = At::Begin;
                    sort_partition(vm, s, t)?;
                } else {
                    s.at = At::MiddleUp;
                }
            }
            At::MiddleUp => {
                let (p, b) = (get(s.i), get(s.up));
                if ask!(At::MiddleUp, b, p) {
                    put!(s.i, b);
                    put!(s.up, p);
                }
                sort_partition(vm, s, t)?;
            }
            At::Up => {
                // The pivot is in register 3; a[i] is compared.
                let pivot = vm.arg(3);
                loop {
                    let x = get(s.i);
                    if !ask!(At::Up, x, pivot) {
                        break;
                    }
                    if s.i == s.up - 1 {
                        return Err(vm.error("invalid order function for sorting"));
                    }
                    s.i += 1;
                }
                s.j -= 1;
                s.at = At::Down;
            }
            At::Down => {
                let pivot = vm.arg(3);
                loop {
                    let x = get(s.j);
                    if !ask!(At::Down, pivot, x) {
                        break;
                    }
                    if s.j < s.i {
                        return Err(vm.error("invalid order function for sorting"));
                    }
                    s.j -= 1;
                }
                if s.j < s.i {
                    // The pivot, at up-1, goes between the halves; the smaller one is done first.
                    let (a, b) = (get(s.up - 1), get(s.i));
                    put!(s.up - 1, b);
                    put!(s.i, a);
                    let (lo, up, p) = (s.lo, s.up, s.i);
                    if p - lo < up - p {
                        s.ranges.push((p + 1, up));
                        s.up = p - 1;
                    } else {
                        s.ranges.push((lo, p - 1));
                        s.lo = p + 1;
                    }
                    s.at = At::Begin;
                } else {
                    let (a, b) = (get(s.i), get(s.j));
                    put!(s.i, b);
                    put!(s.j, a);
                    s.i += 1;
                    s.at = At::Up;
                }
            }
        }
    }
}
/// The median of three is at `i`: either the range is done, or the pivot goes to up-1 and the partition begins.
fn sort_partition(vm: &mut Vm, s: &mut SortState, t: Ref<Table>) -> Result<()> {
    if s.up - s.lo == 2 {
        s.lo = s.up;
        s.at = At::Begin;
        return Ok(());
    }
    let (pivot, b) = (t.get_integer(s.i as i64), t.get_integer(s.up as i64 - 1));
    vm.set_arg(3, pivot);
    set(vm, t, s.i as i64, b)?;
    set(vm, t, s.up as i64 - 1, pivot)?;
    s.i = s.lo + 1;
    s.j = s.up - 1;
    s.at = At::Up;
    Ok(())
}
