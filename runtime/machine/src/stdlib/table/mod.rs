//! Tables (manual 6.6).
//!
//! Journey: value. Every function has two ways: raw, in one step, for a table without a metatable, which is nearly
//! every one; and step by step, through [`access`], for the others. sort.rs has `sort`.

mod sort;

pub use sort::SortState;

use super::NativeState;
use super::access::{self, Access};
use crate::value::{Ref, Table, Value, number};
use crate::vm::Vm;
use crate::vm::metamethod::Event;
use crate::vm::native::{Native, Result, Step};
use sort::sort;

/// The library's functions.
pub static NATIVES: &[Native] = &[
    Native::steps("table.concat", concat),
    Native::steps("table.insert", insert),
    Native::steps("table.move", move_),
    Native::leaf("table.pack", pack),
    Native::steps("table.remove", remove),
    Native::steps("table.sort", sort),
    Native::steps("table.unpack", unpack),
];

/// Elements that are moved before others get their turn, however many a `__len` promises.
const AT_ONCE: i64 = 1 << 14;

/// Counts an element; true when others should get their turn.
fn took_long(vm: &mut Vm, steps: &mut i64) -> bool {
    *steps += 1;
    if *steps < AT_ONCE {
        return false;
    }
    *steps = 0;
    vm.charge((AT_ONCE / 8) as usize)
}

/// Builds the library's table.
pub fn open(vm: &mut Vm) -> Value {
    Value::table(super::library(vm, NATIVES, "table."))
}

/// The error of a native whose registers hold what no run of it left there: a damaged frozen process.
fn damaged(vm: &mut Vm) -> crate::vm::native::Raise {
    vm.error_plain("the state of a native function is damaged")
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
        Err(e) => Err(vm.error(e.message())),
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

fn pack(vm: &mut Vm) -> Result<Value> {
    let n = vm.count();
    let t = vm.heap.table_sized(n, 1);
    for i in 0..n {
        let v = vm.arg(i);
        set(vm, t, i as i64 + 1, v)?;
    }
    super::field(vm, t, "n", Value::integer(n as i64));
    Ok(Value::table(t))
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
    if let Some(t) = raw(vm, 0) {
        for k in 0..n {
            let v = t.get_integer(i.wrapping_add(k as i64));
            vm.push(v);
        }
        vm.charge(n / 8);
        return Ok(Step::Return(n));
    }
    vm.truncate(1);
    vm.set_arg(1, Value::integer(i));
    vm.set_arg(2, Value::integer(j));
    unpack_rest(vm)
}
fn unpack_rest(vm: &mut Vm) -> Result<Step> {
    let (i, j) = (integer_register(vm, 1), integer_register(vm, 2));
    let n = ((j as u64).wrapping_sub(i as u64) as usize).wrapping_add(1);
    if n > i32::MAX as usize || !vm.reserve(n.saturating_sub(vm.count())) {
        return Err(damaged(vm));
    }
    loop {
        let have = vm.count().saturating_sub(3);
        if have >= n {
            return Ok(Step::Return(n));
        }
        let t = vm.arg(0);
        let v = try_access!(access::index(vm, t, Value::integer(i.wrapping_add(have as i64))), 2);
        vm.push(v);
    }
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
            if let Some(t) = raw(vm, 0) {
                let mut i = e;
                while i > position {
                    let v = t.get_integer(i - 1);
                    set(vm, t, i, v)?;
                    i -= 1;
                }
                let v = vm.arg(2);
                set(vm, t, position, v)?;
                vm.charge(((e - position) / 8) as usize);
                return Ok(Step::Return(0));
            }
            insert_shift(vm, e)
        }
        _ => Err(vm.error("wrong number of arguments to 'insert'")),
    }
}
fn insert_shift(vm: &mut Vm, mut e: i64) -> Result<Step> {
    let position = integer_register(vm, 1);
    let mut steps = 0;
    loop {
        vm.set_arg(3, Value::integer(e));
        if took_long(vm, &mut steps) {
            return Ok(Step::Again(5));
        }
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
        let mut p = position;
        while p < size {
            let v = t.get_integer(p + 1);
            set(vm, t, p, v)?;
            p += 1;
        }
        if !(removed.is_nil() && p > size && t.get_integer(p).is_nil()) {
            set(vm, t, p, Value::NIL)?;
        }
        vm.charge(((size - position).max(0) / 8) as usize);
        return vm.return_one(removed);
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
    let mut steps = 0;
    loop {
        if took_long(vm, &mut steps) {
            return Ok(Step::Again(6));
        }
        let (p, size) = (integer_register(vm, 1), integer_register(vm, 2));
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
            if let (Some(from), Some(into)) = (raw(vm, 0), raw(vm, to))
                && n <= AT_ONCE
            {
                for k in 0..n {
                    let i = if forwards { k } else { n - 1 - k };
                    let v = from.get_integer(f + i);
                    set(vm, into, t + i, v)?;
                }
                vm.charge((n / 8) as usize);
                return vm.return_one(Value::table(into));
            }
            let into = vm.arg(to);
            vm.truncate(4);
            vm.set_arg(4, into);
            vm.set_arg(5, Value::integer(0));
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
    let mut steps = 0;
    loop {
        if took_long(vm, &mut steps) {
            return Ok(Step::Again(3));
        }
        let (f, e) = (integer_register(vm, 1), integer_register(vm, 2));
        if integer_register(vm, 5) > e.wrapping_sub(f) {
            let v = vm.arg(4);
            return vm.return_one(v);
        }
        let (from, to) = move_indices(vm);
        let t = vm.arg(0);
        let v = try_access!(access::index(vm, t, Value::integer(from)), 1);
        let into = vm.arg(4);
        try_access!(access::new_index(vm, into, Value::integer(to), v), 2);
        move_next(vm);
    }
}
fn move_next(vm: &mut Vm) {
    let done = integer_register(vm, 5);
    vm.set_arg(5, Value::integer(done.wrapping_add(1)));
}
fn move_indices(vm: &Vm) -> (i64, i64) {
    let (f, e, t, done) =
        (integer_register(vm, 1), integer_register(vm, 2), integer_register(vm, 3), integer_register(vm, 5));
    let i = if vm.arg(6).is_false() { done } else { e.wrapping_sub(f).wrapping_sub(done) };
    (f.wrapping_add(i), t.wrapping_add(i))
}

// Registers: t, separator, i, j, buffer. States: 0, 1 length, 2 an element is on top.
fn concat(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == 2 {
        let v = pop(vm);
        let i = integer_register(vm, 2);
        return concat_rest(vm, Some((i, v)));
    }
    let length = match state {
        0 => {
            check_like_table(vm, 0, &[Event::Index, Event::Len])?;
            match length_of_first(vm, 1)? {
                Ok(n) => n,
                Err(step) => return Ok(step),
            }
        }
        _ => {
            let v = pop(vm);
            to_length(vm, v)?
        }
    };
    vm.opt_string(1)?;
    let i = vm.opt_integer(2, 1)?;
    let j = vm.opt_integer(3, length)?;
    if let Some(t) = raw(vm, 0) {
        let separator: Vec<u8> = vm.opt_string(1)?.map_or(Vec::new(), |s| s.bytes().to_vec());
        let mut text = Vec::new();
        let mut k = i;
        while k <= j {
            let v = t.get_integer(k);
            append(vm, &mut text, v, k)?;
            if k == j {
                break;
            }
            text.extend_from_slice(&separator);
            k += 1;
        }
        vm.charge(text.len() / 64);
        let s = vm.heap.string(&text);
        return vm.return_one(s);
    }
    vm.truncate(2);
    vm.set_arg(2, Value::integer(i));
    vm.set_arg(3, Value::integer(j));
    let buffer = vm.heap.buffer(NativeState::Bytes(Vec::new()));
    vm.set_arg(4, Value::buffer(buffer));
    concat_rest(vm, None)
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
    if text.len() > crate::vm::operation::MAX_STRING {
        return Err(vm.error("resulting string too large"));
    }
    vm.check_room(2 * text.len())?;
    Ok(())
}
fn concat_rest(vm: &mut Vm, mut got: Option<(i64, Value)>) -> Result<Step> {
    loop {
        let (i, j) = (integer_register(vm, 2), integer_register(vm, 3));
        let Some(buffer) = vm.arg(4).as_buffer() else { return Err(damaged(vm)) };
        if i > j && got.is_none() {
            let text = match &mut *NativeState::of(&buffer) {
                NativeState::Bytes(text) => std::mem::take(text),
                _ => Vec::new(),
            };
            let s = vm.heap.string(&text);
            return vm.return_one(s);
        }
        let v = match got.take() {
            Some((_, v)) => v,
            None => {
                let t = vm.arg(0);
                try_access!(access::index(vm, t, Value::integer(i)), 2)
            }
        };
        let separator = vm.opt_string(1)?;
        if let NativeState::Bytes(text) = &mut *NativeState::of(&buffer) {
            append(vm, text, v, i)?;
            if i < j
                && let Some(s) = separator
            {
                text.extend_from_slice(s.bytes());
            }
        }
        if i == i64::MAX {
            vm.set_arg(3, Value::integer(i64::MIN));
        } else {
            vm.set_arg(2, Value::integer(i + 1));
        }
    }
}
