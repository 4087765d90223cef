//! Tables (manual 6.6).
//!
//! Journey: value. Every function has two ways: raw, for a table without a metatable, which is nearly every one; and
//! through [`access`], for the others. On either way others get their turn after some elements, whatever a `__len` or a
//! border promises: what is done is then in registers. sort.rs has `sort`.

mod sort;

pub use sort::SortState;

use super::NativeState;
use super::access::{self, Access};
use super::text::{go_on, return_text};
use crate::value::{Ref, Table, Value, number};
use crate::vm::Vm;
use crate::vm::metamethod::Event;
use crate::vm::native::{Native, Result, Step};
use crate::vm::operation::MAX_STRING;
use crate::vm::work::{COPIED, ELEMENTS, LEAF};
use sort::sort;

/// The library's functions.
pub static NATIVES: &[Native] = &[
    Native::steps("table.concat", concat),
    Native::steps("table.insert", insert),
    Native::steps("table.move", move_),
    Native::quick("table.pack", pack, pack_steps),
    Native::steps("table.remove", remove),
    Native::steps("table.sort", sort),
    Native::steps("table.unpack", unpack),
];

/// Reductions that a function may spend before others get their turn.
struct Budget {
    left: usize,
    /// Elements of an array part that are not a reduction yet.
    elements: usize,
    spent: usize,
}
impl Budget {
    fn new(vm: &Vm) -> Budget {
        Budget { left: vm.allowance(1), elements: 0, spent: 0 }
    }
    /// How many elements of an array part may be moved at once.
    fn elements(&self) -> usize {
        self.left * ELEMENTS
    }
    fn is_spent(&self) -> bool {
        self.left == 0
    }
    /// Notes elements of an array part.
    fn take_elements(&mut self, n: usize) {
        self.elements += n;
        self.take(self.elements / ELEMENTS);
        self.elements %= ELEMENTS;
    }
    /// Notes other work; an access through metamethods, or to a hash part, is a reduction.
    fn take(&mut self, reductions: usize) {
        self.left = self.left.saturating_sub(reductions);
        self.spent += reductions;
    }
    fn pay(&mut self, vm: &mut Vm) {
        vm.charge(std::mem::take(&mut self.spent));
    }
}

/// Builds the library's table.
pub fn open(vm: &mut Vm) -> Value {
    Value::table(super::library(vm, NATIVES, "table."))
}

/// The argument as a table without metamethods that matter, if it is one.
fn raw(vm: &Vm, i: usize) -> Option<Ref<Table>> {
    vm.arg(i).as_table().filter(|t| t.metatable().is_none())
}
/// A table, or something with the metamethods that make it one.
fn check_like_table(vm: &mut Vm, i: usize, events: &[Event]) -> Result<()> {
    let v = vm.arg(i);
    if v.as_table().is_some() {
        return Ok(());
    }
    if vm.metatable_of(v).is_some() && events.iter().all(|&e| !vm.metamethod(v, e).is_nil()) {
        return Ok(());
    }
    vm.check_table(i).map(|_| ())
}
fn set(vm: &mut Vm, t: Ref<Table>, i: i64, v: Value) -> Result<()> {
    match vm.raw_set_table(t, Value::integer(i), v) {
        Ok(()) => Ok(()),
        Err(e) => Err(vm.table_error(e, |vm, text| vm.error(text))),
    }
}
/// Does an access, or has it called: evaluates to the value; `$next` is the state in which the result is on top.
macro_rules! try_access {
    ($access:expr, $next:expr) => {
        match $access? {
            Access::Done(v) => v,
            Access::Call(function) => return Ok(Step::Call { function, results: 1, next: $next, catch: false }),
        }
    };
}
/// Takes the result of a called access off the registers.
fn pop(vm: &mut Vm) -> Value {
    let n = vm.count().saturating_sub(1);
    let v = vm.arg(n);
    vm.truncate(n);
    v
}
fn integer_register(vm: &Vm, i: usize) -> i64 {
    // Only a damaged frozen process has anything else there.
    vm.arg(i).as_integer().unwrap_or(0)
}
/// The length of a like-table as an integer.
fn to_length(vm: &mut Vm, v: Value) -> Result<i64> {
    match vm.to_integer(v) {
        Some(n) => Ok(n),
        None => Err(vm.error("object length is not an integer")),
    }
}

fn pack(vm: &mut Vm) -> Result<Option<Value>> {
    let n = vm.count();
    if n > LEAF / ELEMENTS {
        return Ok(None);
    }
    let t = vm.heap.table_sized(n, 1);
    for i in 0..n {
        let v = vm.arg(i);
        set(vm, t, i as i64 + 1, v)?;
    }
    super::field(vm, t, "n", Value::integer(n as i64));
    Ok(Some(Value::table(t)))
}
/// Registers: the values, the table, how many are in it.
fn pack_steps(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == 0 {
        if let Some(t) = pack(vm)? {
            return vm.return_one(t);
        }
        let n = vm.count();
        vm.check_room(n * size_of::<Value>())?;
        let t = vm.heap.table_sized(n, 1);
        vm.push(Value::table(t));
        vm.push(Value::integer(0));
    }
    let n = vm.count().saturating_sub(2);
    let (Some(t), done) = (vm.arg(n).as_table(), integer_register(vm, n + 1)) else { return Err(vm.damaged()) };
    let done = usize::try_from(done).map_or(n, |done| done.min(n));
    let end = done + vm.allowance(ELEMENTS).min(n - done);
    for i in done..end {
        let v = vm.arg(i);
        set(vm, t, i as i64 + 1, v)?;
    }
    vm.pay(end - done, ELEMENTS);
    if end < n {
        vm.set_arg(n + 1, Value::integer(end as i64));
        return Ok(Step::Again(1));
    }
    super::field(vm, t, "n", Value::integer(n as i64));
    vm.return_one(Value::table(t))
}

// Registers: t, i, j, and the length's result at first. States: 0 begin, 1 length known, 2 an element is on top.
fn unpack(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == 0 {
        let i = vm.opt_integer(1, 1)?;
        let t = vm.arg(0);
        let end = vm.arg(2);
        let j = if end.is_nil() {
            vm.truncate(1);
            vm.set_arg(1, Value::integer(i));
            let n = try_access!(access::length(vm, t), 1);
            to_length(vm, n)?
        } else {
            vm.check_integer(2)?
        };
        return unpack_from(vm, i, j);
    }
    if state == 1 {
        let n = pop(vm);
        let (i, j) = (integer_register(vm, 1), to_length(vm, n)?);
        return unpack_from(vm, i, j);
    }
    unpack_rest(vm)
}
fn unpack_from(vm: &mut Vm, i: i64, j: i64) -> Result<Step> {
    if i > j {
        return Ok(Step::Return(0));
    }
    let n = (j as u64).wrapping_sub(i as u64);
    if n >= i32::MAX as u64 || !vm.reserve(n as usize + 1 + 8) {
        return Err(vm.error("too many results to unpack"));
    }
    let n = n as usize + 1;
    if let Some(t) = raw(vm, 0)
        && n <= LEAF
    {
        for k in 0..n {
            let v = t.get_integer(i.wrapping_add(k as i64));
            vm.push(v);
        }
        vm.pay_for_values(n);
        return Ok(Step::Return(n));
    }
    vm.truncate(1);
    vm.set_arg(1, Value::integer(i));
    vm.set_arg(2, Value::integer(j));
    unpack_rest(vm)
}
fn unpack_rest(vm: &mut Vm) -> Result<Step> {
    let (i, j) = (integer_register(vm, 1), integer_register(vm, 2));
    let n = (j as u64).wrapping_sub(i as u64).saturating_add(1);
    let mut have = vm.count().saturating_sub(3);
    if (have as u64) < n && (n > i32::MAX as u64 || !vm.reserve(n as usize - have)) {
        return Err(vm.error("too many results to unpack"));
    }
    let mut budget = Budget::new(vm);
    while (have as u64) < n {
        if budget.is_spent() {
            budget.pay(vm);
            return Ok(Step::Again(2));
        }
        let key = i.wrapping_add(have as i64);
        let v = match raw(vm, 0) {
            Some(t) => {
                budget.take_elements(1);
                t.get_integer(key)
            }
            None => {
                budget.take(1);
                let t = vm.arg(0);
                try_access!(access::index(vm, t, Value::integer(key)), 2)
            }
        };
        vm.push(v);
        have += 1;
    }
    budget.pay(vm);
    Ok(Step::Return(have))
}

/// `t`, the length, and what follows it on: begins a function that needs the length of its first argument.
fn length_of_first(vm: &mut Vm, next: u32) -> Result<std::result::Result<i64, Step>> {
    if let Some(t) = raw(vm, 0) {
        return Ok(Ok(t.length()));
    }
    let t = vm.arg(0);
    match access::length(vm, t)? {
        Access::Done(v) => to_length(vm, v).map(Ok),
        Access::Call(function) => Ok(Err(Step::Call { function, results: 1, next, catch: false })),
    }
}

// Registers: t, (pos,) value; then 3: position counted down. States: 0, 1 length, 2 got t[e-1], 3 stored, 4 last stored, 5 go on.
fn insert(vm: &mut Vm, state: u32) -> Result<Step> {
    let length = match state {
        0 => {
            check_like_table(vm, 0, &[Event::Index, Event::NewIndex, Event::Len])?;
            match length_of_first(vm, 1)? {
                Ok(n) => n,
                Err(step) => return Ok(step),
            }
        }
        1 => {
            let v = pop(vm);
            to_length(vm, v)?
        }
        2 => {
            let v = pop(vm);
            let e = integer_register(vm, 3);
            let t = vm.arg(0);
            try_access!(access::new_index(vm, t, Value::integer(e), v), 3);
            return insert_shift(vm, e.wrapping_sub(1));
        }
        3 => {
            pop(vm);
            let e = integer_register(vm, 3);
            return insert_shift(vm, e.wrapping_sub(1));
        }
        5 => {
            let e = integer_register(vm, 3);
            return insert_shift(vm, e);
        }
        _ => return Ok(Step::Return(0)),
    };
    let e = length.wrapping_add(1);
    match vm.count() {
        2 => {
            let v = vm.arg(1);
            if let Some(t) = raw(vm, 0) {
                set(vm, t, e, v)?;
                return Ok(Step::Return(0));
            }
            let t = vm.arg(0);
            try_access!(access::new_index(vm, t, Value::integer(e), v), 4);
            Ok(Step::Return(0))
        }
        3 => {
            let position = vm.check_integer(1)?;
            if (position as u64).wrapping_sub(1) >= e as u64 {
                return Err(vm.arg_error(1, "position out of bounds"));
            }
            vm.set_arg(1, Value::integer(position));
            insert_shift(vm, e)
        }
        _ => Err(vm.error("wrong number of arguments to 'insert'")),
    }
}
fn insert_shift(vm: &mut Vm, mut e: i64) -> Result<Step> {
    let position = integer_register(vm, 1);
    let mut budget = Budget::new(vm);
    loop {
        if let Some(t) = raw(vm, 0) {
            shift_up(vm, t, position, &mut e, &mut budget)?;
            if e <= position {
                let v = vm.arg(2);
                set(vm, t, position, v)?;
                budget.pay(vm);
                return Ok(Step::Return(0));
            }
        }
        vm.set_arg(3, Value::integer(e));
        if budget.is_spent() {
            budget.pay(vm);
            return Ok(Step::Again(5));
        }
        budget.take(1);
        let t = vm.arg(0);
        if e <= position {
            let v = vm.arg(2);
            try_access!(access::new_index(vm, t, Value::integer(position), v), 4);
            return Ok(Step::Return(0));
        }
        let v = try_access!(access::index(vm, t, Value::integer(e - 1)), 2);
        try_access!(access::new_index(vm, t, Value::integer(e), v), 3);
        e -= 1;
    }
}

/// Moves the elements from `position` to below `e` up by one, from the last one on, as far as the budget goes; `e` comes
/// down to where that is.
fn shift_up(vm: &mut Vm, t: Ref<Table>, position: i64, e: &mut i64, budget: &mut Budget) -> Result<()> {
    while *e > position && !budget.is_spent() {
        let n = e.saturating_sub(position).min(budget.elements() as i64);
        if t.copy_slots(&mut vm.heap, *e - n, &t, *e - n + 1, n as usize) {
            budget.take_elements(n as usize);
            *e -= n;
        } else {
            budget.take(1);
            let v = t.get_integer(*e - 1);
            set(vm, t, *e, v)?;
            *e -= 1;
        }
    }
    Ok(())
}
/// Moves the elements after `p` to `size` down by one, as far as the budget goes; `p` goes up to where that is.
fn shift_down(vm: &mut Vm, t: Ref<Table>, p: &mut i64, size: i64, budget: &mut Budget) -> Result<()> {
    while *p < size && !budget.is_spent() {
        // As many as lie in the array part.
        let there = (t.asize.get() as i64).saturating_sub(*p).max(1);
        let n = size.saturating_sub(*p).min(there).min(budget.elements() as i64);
        if t.copy_slots(&mut vm.heap, *p + 1, &t, *p, n as usize) {
            budget.take_elements(n as usize);
            *p += n;
        } else {
            budget.take(1);
            let v = t.get_integer(*p + 1);
            set(vm, t, *p, v)?;
            *p += 1;
        }
    }
    Ok(())
}

// Registers: t, position, size, the removed value. States: 0, 1 length, 2 removed value, 3 got t[p+1], 4 stored,
// 5 last stored, 6 go on.
fn remove(vm: &mut Vm, state: u32) -> Result<Step> {
    let size = match state {
        0 => {
            check_like_table(vm, 0, &[Event::Index, Event::NewIndex, Event::Len])?;
            match length_of_first(vm, 1)? {
                Ok(n) => n,
                Err(step) => return Ok(step),
            }
        }
        1 => {
            let v = pop(vm);
            to_length(vm, v)?
        }
        2 => {
            let v = pop(vm);
            vm.set_arg(3, v);
            return remove_shift(vm);
        }
        3 => {
            let v = pop(vm);
            let p = integer_register(vm, 1);
            let t = vm.arg(0);
            try_access!(access::new_index(vm, t, Value::integer(p), v), 4);
            vm.set_arg(1, Value::integer(p.wrapping_add(1)));
            return remove_shift(vm);
        }
        4 => {
            pop(vm);
            let p = integer_register(vm, 1);
            vm.set_arg(1, Value::integer(p.wrapping_add(1)));
            return remove_shift(vm);
        }
        6 => return remove_shift(vm),
        _ => {
            vm.truncate(4);
            return Ok(Step::Return(1));
        }
    };
    let position = vm.opt_integer(1, size)?;
    // Any position from 1 to the size plus one; for an empty table, 0 too.
    if position != size && (position as u64).wrapping_sub(1) > size as u64 {
        return Err(vm.arg_error(1, "position out of bounds"));
    }
    if let Some(t) = raw(vm, 0) {
        let removed = t.get_integer(position);
        let (mut p, mut budget) = (position, Budget::new(vm));
        shift_down(vm, t, &mut p, size, &mut budget)?;
        budget.pay(vm);
        if p >= size {
            if !(removed.is_nil() && p > size && t.get_integer(p).is_nil()) {
                set(vm, t, p, Value::NIL)?;
            }
            return vm.return_one(removed);
        }
        vm.truncate(1);
        vm.set_arg(1, Value::integer(p));
        vm.set_arg(2, Value::integer(size));
        vm.set_arg(3, removed);
        return Ok(Step::Again(6));
    }
    vm.truncate(1);
    vm.set_arg(1, Value::integer(position));
    vm.set_arg(2, Value::integer(size));
    let t = vm.arg(0);
    let v = try_access!(access::index(vm, t, Value::integer(position)), 2);
    vm.set_arg(3, v);
    remove_shift(vm)
}
fn remove_shift(vm: &mut Vm) -> Result<Step> {
    let mut budget = Budget::new(vm);
    loop {
        let (mut p, size) = (integer_register(vm, 1), integer_register(vm, 2));
        if let Some(t) = raw(vm, 0) {
            shift_down(vm, t, &mut p, size, &mut budget)?;
            vm.set_arg(1, Value::integer(p));
        }
        if budget.is_spent() {
            budget.pay(vm);
            return Ok(Step::Again(6));
        }
        budget.take(1);
        let t = vm.arg(0);
        if p >= size {
            try_access!(access::new_index(vm, t, Value::integer(p), Value::NIL), 5);
            vm.truncate(4);
            return Ok(Step::Return(1));
        }
        let v = try_access!(access::index(vm, t, Value::integer(p + 1)), 3);
        try_access!(access::new_index(vm, t, Value::integer(p), v), 4);
        vm.set_arg(1, Value::integer(p + 1));
    }
}

// Registers: a1, f, e, t, a2, done, backwards. States: 0, 1 got, 2 stored, 3 go on.
fn move_(vm: &mut Vm, state: u32) -> Result<Step> {
    match state {
        0 => {
            let (f, e, t) = (vm.check_integer(1)?, vm.check_integer(2)?, vm.check_integer(3)?);
            check_like_table(vm, 0, &[Event::Index])?;
            if vm.arg(4).is_nil() {
                check_like_table(vm, 0, &[Event::NewIndex])?;
            } else {
                check_like_table(vm, 4, &[Event::NewIndex])?;
            }
            let to = if vm.arg(4).is_nil() { 0 } else { 4 };
            if e < f {
                let v = vm.arg(to);
                return vm.return_one(v);
            }
            if !(f > 0 || e < i64::MAX + f) {
                return Err(vm.arg_error(2, "too many elements to move"));
            }
            let n = e - f + 1;
            if t > i64::MAX - n + 1 {
                return Err(vm.arg_error(3, "destination wrap around"));
            }
            let same = to == 0 || vm.arg(0).raw_equals(vm.arg(4));
            let forwards = t > e || t <= f || !same;
            let mut done = 0;
            if let (Some(from), Some(into)) = (raw(vm, 0), raw(vm, to)) {
                let mut budget = Budget::new(vm);
                move_raw(vm, (from, f), (into, t), n, !forwards, &mut done, &mut budget)?;
                budget.pay(vm);
                if done == n {
                    return vm.return_one(Value::table(into));
                }
            }
            let into = vm.arg(to);
            vm.truncate(4);
            for (i, n) in [(1, f), (2, e), (3, t)] {
                vm.set_arg(i, Value::integer(n));
            }
            vm.set_arg(4, into);
            vm.set_arg(5, Value::integer(done));
            vm.set_arg(6, Value::boolean(!forwards));
        }
        1 => {
            let v = pop(vm);
            let (_, to) = move_indices(vm);
            let into = vm.arg(4);
            try_access!(access::new_index(vm, into, Value::integer(to), v), 2);
            move_next(vm);
        }
        2 => {
            pop(vm);
            move_next(vm);
        }
        _ => {}
    }
    let mut budget = Budget::new(vm);
    loop {
        let (f, e) = (integer_register(vm, 1), integer_register(vm, 2));
        if let (Some(from), Some(into)) = (raw(vm, 0), raw(vm, 4)) {
            let (t, mut done) = (integer_register(vm, 3), integer_register(vm, 5).max(0));
            let backwards = !vm.arg(6).is_false();
            let n = e.wrapping_sub(f).saturating_add(1);
            move_raw(vm, (from, f), (into, t), n, backwards, &mut done, &mut budget)?;
            vm.set_arg(5, Value::integer(done));
        }
        if integer_register(vm, 5) > e.wrapping_sub(f) {
            budget.pay(vm);
            let v = vm.arg(4);
            return vm.return_one(v);
        }
        if budget.is_spent() {
            budget.pay(vm);
            return Ok(Step::Again(3));
        }
        budget.take(1);
        let (from, to) = move_indices(vm);
        let t = vm.arg(0);
        let v = try_access!(access::index(vm, t, Value::integer(from)), 1);
        let into = vm.arg(4);
        try_access!(access::new_index(vm, into, Value::integer(to), v), 2);
        move_next(vm);
    }
}
/// Moves `n` elements from a place of a table to one of a table, in either order, as far as the budget goes; `done` of them
/// are there already.
fn move_raw(
    vm: &mut Vm,
    (from, f): (Ref<Table>, i64),
    (into, t): (Ref<Table>, i64),
    n: i64,
    backwards: bool,
    done: &mut i64,
    budget: &mut Budget,
) -> Result<()> {
    while *done < n && !budget.is_spent() {
        let mut many = (n - *done).min(budget.elements() as i64);
        if !backwards {
            // As many as lie in the array parts.
            let there = |table: &Table, first: i64| {
                (table.asize.get() as i64).saturating_sub(first.wrapping_add(*done)).saturating_add(1).max(1)
            };
            many = many.min(there(&from, f)).min(there(&into, t));
        }
        let i = if backwards { n - *done - many } else { *done };
        if from.copy_slots(&mut vm.heap, f.wrapping_add(i), &into, t.wrapping_add(i), many as usize) {
            budget.take_elements(many as usize);
            *done += many;
        } else {
            budget.take(1);
            let i = if backwards { n - 1 - *done } else { *done };
            let v = from.get_integer(f.wrapping_add(i));
            set(vm, into, t.wrapping_add(i), v)?;
            *done += 1;
        }
    }
    Ok(())
}
fn move_next(vm: &mut Vm) {
    let done = integer_register(vm, 5);
    vm.set_arg(5, Value::integer(done.saturating_add(1)));
}
fn move_indices(vm: &Vm) -> (i64, i64) {
    let (f, e, t, done) =
        (integer_register(vm, 1), integer_register(vm, 2), integer_register(vm, 3), integer_register(vm, 5));
    let i = if vm.arg(6).is_false() { done } else { e.wrapping_sub(f).wrapping_sub(done) };
    (f.wrapping_add(i), t.wrapping_add(i))
}

// Registers: t, separator, i, j, buffer. States: 0, 1 length, 2 an element is on top, 3 go on.
/// State of `concat`: all is done, but that the text is no string yet.
const TEXT: u32 = 4;
fn concat(vm: &mut Vm, state: u32) -> Result<Step> {
    let length = match state {
        TEXT => return go_on(vm, TEXT),
        0 => {
            check_like_table(vm, 0, &[Event::Index, Event::Len])?;
            match length_of_first(vm, 1)? {
                Ok(n) => n,
                Err(step) => return Ok(step),
            }
        }
        1 => {
            let v = pop(vm);
            to_length(vm, v)?
        }
        _ => {
            let v = (state == 2).then(|| pop(vm));
            let text = match vm.arg(4).as_buffer() {
                Some(buffer) => match &mut *NativeState::of(&buffer) {
                    NativeState::Bytes(text) => std::mem::take(text),
                    _ => Vec::new(),
                },
                None => return Err(vm.damaged()),
            };
            let (i, j) = (integer_register(vm, 2), integer_register(vm, 3));
            return concat_on(vm, text, i, j, v);
        }
    };
    vm.opt_string(1)?;
    let i = vm.opt_integer(2, 1)?;
    let j = vm.opt_integer(3, length)?;
    vm.truncate(4);
    concat_on(vm, Vec::new(), i, j, None)
}
fn append(vm: &mut Vm, text: &mut Vec<u8>, v: Value, i: i64) -> Result<()> {
    if let Some(s) = v.as_string() {
        text.extend_from_slice(s.bytes());
    } else if v.is_number() {
        text.extend_from_slice(number::number_text(v).as_bytes());
    } else {
        let text = format!("invalid value ({}) at index {i} in table for 'concat'", v.type_name());
        return Err(vm.error(text));
    }
    Ok(())
}
/// Goes on at element `i`, whose value may be there already.
fn concat_on(vm: &mut Vm, mut text: Vec<u8>, mut i: i64, mut j: i64, mut got: Option<Value>) -> Result<Step> {
    let separator = vm.opt_string(1)?;
    let mut budget = Budget::new(vm);
    // What is kept while others have their turn, or while a metamethod is called.
    let keep = |vm: &mut Vm, text: Vec<u8>, i: i64, j: i64| {
        vm.set_arg(2, Value::integer(i));
        vm.set_arg(3, Value::integer(j));
        match vm.arg(4).as_buffer() {
            Some(buffer) => *NativeState::of(&buffer) = NativeState::Bytes(text),
            None => {
                let buffer = vm.heap.buffer(NativeState::Bytes(text));
                vm.set_arg(4, Value::buffer(buffer));
            }
        }
    };
    while i <= j {
        if budget.is_spent() && got.is_none() {
            budget.pay(vm);
            keep(vm, text, i, j);
            return Ok(Step::Again(3));
        }
        let v = match (got.take(), raw(vm, 0)) {
            (Some(v), _) => v,
            (None, Some(t)) => t.get_integer(i),
            (None, None) => {
                let t = vm.arg(0);
                match access::index(vm, t, Value::integer(i))? {
                    Access::Done(v) => v,
                    Access::Call(function) => {
                        budget.pay(vm);
                        // The call lies above what is kept.
                        let call: Vec<Value> = (function..vm.count()).map(|i| vm.arg(i)).collect();
                        vm.truncate(function);
                        keep(vm, text, i, j);
                        let function = vm.count();
                        for v in call {
                            vm.push(v);
                        }
                        return Ok(Step::Call { function, results: 1, next: 2, catch: false });
                    }
                }
            }
        };
        let before = text.len();
        append(vm, &mut text, v, i)?;
        if i < j
            && let Some(s) = separator
        {
            text.extend_from_slice(s.bytes());
        }
        if text.len() > MAX_STRING {
            return Err(vm.error("resulting string too large"));
        }
        vm.check_room(2 * text.len())?;
        budget.take_elements(ELEMENT);
        budget.take((text.len() - before) / COPIED);
        if i == i64::MAX {
            j = i64::MIN;
        } else {
            i += 1;
        }
    }
    budget.pay(vm);
    return_text(vm, text, None, TEXT)
}
/// What an element costs, besides its bytes, in elements that are moved.
const ELEMENT: usize = 4;
