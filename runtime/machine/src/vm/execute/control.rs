//! Jumps, tests and comparisons, and loops.
//!
//! Journey: frame -> **value** (manual 3.3.4, 3.3.5, 3.4.4). A jump backwards charges a reduction, so that a loop comes
//! to a safepoint.
//!
//! SAFETY, beyond what every handler relies on (mod.rs):
//! * a test is followed by a jump (the verifier), so that the instruction after next is there, too.
//! * a loop owns four registers from A on, a generic one those of its values after them; what they hold is looked at
//!   anew each time, as altered bytecode may have put anything there.

use super::*;
use crate::value::number;
use crate::value::table::{Entry, Table};
use crate::vm::long::{is_long, is_long_order};
use crate::vm::metamethod::{Event, fast};
use crate::vm::native::{IPAIRS_NEXT, NEXT, Native, PLACES, Raise};

// Jumps and tests.

op! { op_jmp(i, pc, base, vm, k, t) {
    go!(pc.offset(i as isize >> 32), base, vm, k, t)
} }
op! { op_jmp_back(i, pc, base, vm, k, t) {
    let left = (*vm).fuel - 1;
    (*vm).fuel = left;
    if left < 0 {
        return safepoint_again(i, pc, base, vm, k, t);
    }
    go!(pc.offset(i as isize >> 32), base, vm, k, t)
} }
/// The test's condition holds as its `k` wants: take the jump.
macro_rules! jump_if {
    ($condition:expr, $i:ident, $pc:ident, $base:ident, $vm:ident, $k:ident, $t:ident) => {{
        if $condition {
            let to = barrier($pc.offset(($i >> 48) as i16 as isize));
            go!(to, $base, $vm, $k, $t)
        }
        go!($pc.add(1), $base, $vm, $k, $t)
    }};
}
macro_rules! compare_op {
    ($name0:ident, $name1:ident, $slow:ident, $slower:ident, $cmp:tt, $or_equal:literal) => {
        compare_op! { @one $name0, $slow, $cmp, false }
        compare_op! { @one $name1, $slow, $cmp, true }
        // An integer and a float, strings, and what metamethods compare.
        outline! { $slow(i, pc, base, vm, k, t) {
            let (a, b) = (*ra!(i, base), *rb!(i, base));
            let truth = compared(vm, a, b, $or_equal);
            if truth >= 0 {
                jump_if!((truth != 0) == ((i >> 8) as u8 != 0), i, pc, base, vm, k, t)
            }
            let event = if $or_equal { Event::Le } else { Event::Lt };
            call_metamethod!(vm, pc, t, event, a, b, Condition);
            $slower(i, pc, base, vm, k, t)
        } }
        slow! { $slower(i, pc, base, vm, k, t) {
            (*vm).compare_slow(*ra!(i, base), *rb!(i, base), $or_equal)
        } }
    };
    (@one $name:ident, $slow:ident, $cmp:tt, $k:literal) => {
        op! { $name(i, pc, base, vm, k, t) {
            let (a, b) = (ra!(i, base), rb!(i, base));
            if tag_of(a) == tag::INT && tag_of(b) == tag::INT {
                jump_if!((int_of(a) $cmp int_of(b)) == $k, i, pc, base, vm, k, t)
            }
            if tag_of(a) == tag::FLOAT && tag_of(b) == tag::FLOAT {
                jump_if!((float_of(a) $cmp float_of(b)) == $k, i, pc, base, vm, k, t)
            }
            $slow(i, pc, base, vm, k, t)
        } }
    };
}
compare_op!(op_lt0, op_lt1, slow_lt, slower_lt, <, false);
compare_op!(op_le0, op_le1, slow_le, slower_le, <=, true);
/// Whether `a` is less than `b`, or equal: 0 or 1; -1 if that is not for numbers and short strings to say.
#[inline(never)]
unsafe fn compared(vm: *mut Vm, a: Value, b: Value, or_equal: bool) -> i32 {
    // SAFETY: `vm` is this machine (1).
    unsafe {
        if is_long_order(a, b) {
            return -1;
        }
        (*vm).compare(a, b, or_equal).map_or(-1, |truth| truth as i32)
    }
}

macro_rules! compare_i_op {
    ($name0:ident, $name1:ident, $slow:ident, $cmp:tt, $or_equal:literal, $swap:literal) => {
        compare_i_op! { @one $name0, $slow, $cmp, false }
        compare_i_op! { @one $name1, $slow, $cmp, true }
        slow! { $slow(i, pc, base, vm, k, t) {
            let n = (i >> 32) as i16;
            // EQI to GEI lose whether the source had a float; the canonical instruction's C knows.
            let frame = &*(*vm).frame;
            let is_float = frame.proto().is_some_and(|p| p.canonical().code[frame.current_pc() as usize].c() != 0);
            let n = if is_float { Value::float(n as f64) } else { Value::integer(n as i64) };
            let (x, y) = if $swap { (n, *ra!(i, base)) } else { (*ra!(i, base), n) };
            (*vm).compare_slow(x, y, $or_equal)
        } }
    };
    (@one $name:ident, $slow:ident, $cmp:tt, $k:literal) => {
        op! { $name(i, pc, base, vm, k, t) {
            let a = ra!(i, base);
            let n = (i >> 32) as i16;
            if tag_of(a) == tag::INT {
                jump_if!((int_of(a) $cmp n as i64) == $k, i, pc, base, vm, k, t)
            }
            if tag_of(a) == tag::FLOAT {
                jump_if!((float_of(a) $cmp n as f64) == $k, i, pc, base, vm, k, t)
            }
            $slow(i, pc, base, vm, k, t)
        } }
    };
}
compare_i_op!(op_lti0, op_lti1, slow_lti, <, false, false);
compare_i_op!(op_lei0, op_lei1, slow_lei, <=, true, false);
compare_i_op!(op_gti0, op_gti1, slow_gti, >, false, true);
compare_i_op!(op_gei0, op_gei1, slow_gei, >=, true, true);

macro_rules! eq_op {
    ($name:ident, $k:literal) => {
        op! { $name(i, pc, base, vm, k, t) {
            let (a, b) = (ra!(i, base), rb!(i, base));
            if tag_of(a) == tag_of(b) && tag_of(a) != tag::FLOAT {
                if (*a).bits == (*b).bits || tag_of(a) < tag::INT {
                    jump_if!($k, i, pc, base, vm, k, t)
                }
                if tag_of(a) == tag::INT || tag_of(a) == tag::ATOM {
                    jump_if!(!$k, i, pc, base, vm, k, t)
                }
            }
            slow_eq(i, pc, base, vm, k, t)
        } }
    };
}
eq_op!(op_eq0, false);
eq_op!(op_eq1, true);
outline! { slow_eq(i, pc, base, vm, k, t) {
    let (a, b) = (*ra!(i, base), *rb!(i, base));
    if a.tag == tag::TABLE && b.tag == tag::TABLE {
        let (x, y) = (a.bits as *const Table, b.bits as *const Table);
        if fast((*x).metatable.get(), Event::Eq).is_nil() && fast((*y).metatable.get(), Event::Eq).is_nil() {
            jump_if!((x == y) == ((i >> 8) as u8 != 0), i, pc, base, vm, k, t)
        }
        call_metamethod!(vm, pc, t, Event::Eq, a, b, Condition);
        return slower_eq(i, pc, base, vm, k, t);
    }
    if is_long(a, b) {
        return slower_eq(i, pc, base, vm, k, t);
    }
    let truth = a.raw_equals(b);
    if !truth && a.tag == b.tag && a.tag == tag::USERDATA {
        return slower_eq(i, pc, base, vm, k, t);
    }
    jump_if!(truth == ((i >> 8) as u8 != 0), i, pc, base, vm, k, t)
} }
slow! { slower_eq(i, pc, base, vm, k, t) {
    (*vm).equal_slow(*ra!(i, base), *rb!(i, base))
} }
macro_rules! eqk_op {
    ($name:ident, $k:literal) => {
        op! { $name(i, pc, base, vm, k, t) {
            let (a, b) = (ra!(i, base) as *const Value, rb!(i, k));
            if tag_of(a) == tag_of(b) && ((*a).bits == (*b).bits || tag_of(a) < tag::INT) && tag_of(a) != tag::FLOAT {
                jump_if!($k, i, pc, base, vm, k, t)
            }
            slow_eqk(i, pc, base, vm, k, t)
        } }
    };
}
eqk_op!(op_eqk0, false);
eqk_op!(op_eqk1, true);
// Nil and booleans are told by their tags.
macro_rules! eqtag_op {
    ($name:ident, $k:literal) => {
        op! { $name(i, pc, base, vm, k, t) {
            let (a, b) = (ra!(i, base) as *const Value, rb!(i, k));
            jump_if!((tag_of(a) == tag_of(b)) == $k, i, pc, base, vm, k, t)
        } }
    };
}
eqtag_op!(op_eqtag0, false);
eqtag_op!(op_eqtag1, true);
// A string of the source: mostly an atom, which no other atom is equal to.
macro_rules! eqstr_op {
    ($name:ident, $k:literal) => {
        op! { $name(i, pc, base, vm, k, t) {
            let (a, b) = (ra!(i, base) as *const Value, rb!(i, k));
            if tag_of(a) & 0xf != tag::STRING_TYPE {
                jump_if!(!$k, i, pc, base, vm, k, t)
            }
            if (*a).bits == (*b).bits {
                jump_if!($k, i, pc, base, vm, k, t)
            }
            if tag_of(a) == tag::ATOM && tag_of(b) == tag::ATOM {
                jump_if!(!$k, i, pc, base, vm, k, t)
            }
            slow_eqk(i, pc, base, vm, k, t)
        } }
    };
}
eqstr_op!(op_eqstr0, false);
eqstr_op!(op_eqstr1, true);
outline! { slow_eqk(i, pc, base, vm, k, t) {
    if is_long(*ra!(i, base), *rb!(i, k)) {
        return slower_eqk(i, pc, base, vm, k, t);
    }
    let truth = (*ra!(i, base)).raw_equals(*rb!(i, k));
    jump_if!(truth == ((i >> 8) as u8 != 0), i, pc, base, vm, k, t)
} }
slow! { slower_eqk(i, pc, base, vm, k, t) {
    (*vm).equal_slow(*ra!(i, base), *rb!(i, k))
} }
macro_rules! eqi_op {
    ($name:ident, $k:literal) => {
        op! { $name(i, pc, base, vm, k, t) {
            let a = ra!(i, base);
            let n = (i >> 32) as i16;
            if tag_of(a) == tag::INT {
                jump_if!((int_of(a) == n as i64) == $k, i, pc, base, vm, k, t)
            }
            let truth = tag_of(a) == tag::FLOAT && float_of(a) == n as f64;
            jump_if!(truth == $k, i, pc, base, vm, k, t)
        } }
    };
}
eqi_op!(op_eqi0, false);
eqi_op!(op_eqi1, true);

macro_rules! test_op {
    ($test:ident, $set:ident, $k:literal) => {
        op! { $test(i, pc, base, vm, k, t) {
            let truth = tag_of(ra!(i, base)) > tag::FALSE;
            jump_if!(truth == $k, i, pc, base, vm, k, t)
        } }
        op! { $set(i, pc, base, vm, k, t) {
            let b = rb!(i, base);
            let truth = tag_of(b) > tag::FALSE;
            if truth == $k {
                copy(ra!(i, base), b);
                let to = barrier(pc.offset((i >> 48) as i16 as isize));
                go!(to, base, vm, k, t)
            }
            go!(pc.add(1), base, vm, k, t)
        } }
    };
}
test_op!(op_test0, op_testset0, false);
test_op!(op_test1, op_testset1, true);

// Loops.

op! { op_forloop(i, pc, base, vm, k, t) {
    let a = ra!(i, base);
    let left = (*vm).fuel - 1;
    (*vm).fuel = left;
    if left < 0 {
        return safepoint_again(i, pc, base, vm, k, t);
    }
    if tag_of(a.add(2)) == tag::INT && tag_of(a) == tag::INT {
        // R[A+1] counts the iterations that are left.
        let count = (*a.add(1)).bits;
        if count > 0 {
            let index = int_of(a).wrapping_add(int_of(a.add(2)));
            // Its tag, too: altered code or frames may have put an object there, whose address this must not become.
            set_int(a.add(1), (count - 1) as i64);
            (*a).bits = index as u64;
            set_int(a.add(3), index);
            let to = barrier(pc.sub((i >> 32) as usize));
            go!(to, base, vm, k, t)
        }
        go!(pc, base, vm, k, t)
    }
    cold_path();
    forloop_float(i, pc, base, vm, k, t)
} }
outline! { forloop_float(i, pc, base, vm, k, t) {
    let a = ra!(i, base);
    if tag_of(a) == tag::FLOAT && tag_of(a.add(1)) == tag::FLOAT && tag_of(a.add(2)) == tag::FLOAT {
        let (step, limit) = (float_of(a.add(2)), float_of(a.add(1)));
        let index = float_of(a) + step;
        if if step > 0.0 { index <= limit } else { limit <= index } {
            set_float(a, index);
            set_float(a.add(3), index);
            go!(pc.sub((i >> 32) as usize), base, vm, k, t)
        }
    }
    // Anything else comes from altered bytecode, and ends the loop.
    go!(pc, base, vm, k, t)
} }
op! { op_forprep(i, pc, base, vm, k, t) {
    let a = ra!(i, base);
    // By one and upwards, most of the time.
    if tag_of(a) == tag::INT && tag_of(a.add(1)) == tag::INT && tag_of(a.add(2)) == tag::INT && int_of(a.add(2)) == 1 {
        let first = int_of(a);
        if first <= int_of(a.add(1)) {
            (*a.add(1)).bits = (*a.add(1)).bits.wrapping_sub(first as u64);
            set_int(a.add(3), first);
            go!(pc, base, vm, k, t)
        }
        go!(pc.add((i >> 32) as usize + 1), base, vm, k, t)
    }
    forprep_other(i, pc, base, vm, k, t)
} }
slow! { forprep_other(i, pc, base, vm, k, t) {
    match for_prepare(&mut *vm, ra!(i, base)) {
        Ok(true) => Act::Run,
        Ok(false) => {
            (*(*vm).frame).pc = pc.add((i >> 32) as usize + 1);
            Act::Run
        }
        Err(raise) => (*vm).raised(raise),
    }
} }
/// Prepares a numeric loop (manual 3.3.5): false if it does not run.
unsafe fn for_prepare(vm: &mut Vm, a: *mut Value) -> Result<bool, Raise> {
    // SAFETY: `a` is the first of the loop's four registers (the verifier), and nothing that is called here moves the
    // stack: conversions and messages run no Lua code.
    unsafe {
        let (init, limit, step) = (*a, *a.add(1), *a.add(2));
        if let (Some(first), Some(s)) = (init.as_integer(), step.as_integer()) {
            if s == 0 {
                return Err(vm.runtime_error("'for' step is zero"));
            }
            let last = match limit.as_integer() {
                Some(n) => n,
                None => {
                    let Some(f) = vm.loop_number(limit) else {
                        return Err(vm.for_type_error("limit", limit));
                    };
                    match f {
                        Ok(n) => n,
                        Err(f) => {
                            let clipped = if s < 0 {
                                number::float_to_integer_ceil(f)
                            } else {
                                number::float_to_integer_floor(f)
                            };
                            match clipped {
                                Some(n) => n,
                                None if f > 0.0 => {
                                    if s < 0 {
                                        return Ok(false);
                                    }
                                    i64::MAX
                                }
                                // Below all integers; and NaN, as in the reference.
                                None => {
                                    if s > 0 {
                                        return Ok(false);
                                    }
                                    i64::MIN
                                }
                            }
                        }
                    }
                }
            };
            if if s > 0 { first > last } else { first < last } {
                return Ok(false);
            }
            let count = if s > 0 {
                (last as u64).wrapping_sub(first as u64) / s as u64
            } else {
                (first as u64).wrapping_sub(last as u64) / ((s.wrapping_add(1)).wrapping_neg() as u64 + 1)
            };
            set_int(a.add(1), count as i64);
            set_int(a.add(3), first);
            return Ok(true);
        }
        let Some(l) = vm.loop_number(limit) else { return Err(vm.for_type_error("limit", limit)) };
        let Some(s) = vm.loop_number(step) else { return Err(vm.for_type_error("step", step)) };
        let Some(x) = vm.loop_number(init) else { return Err(vm.for_type_error("initial value", init)) };
        let float = |n: Result<i64, f64>| match n {
            Ok(n) => n as f64,
            Err(f) => f,
        };
        let (l, s, x) = (float(l), float(s), float(x));
        if s == 0.0 {
            return Err(vm.runtime_error("'for' step is zero"));
        }
        if if s > 0.0 { l < x } else { x < l } {
            return Ok(false);
        }
        set_float(a.add(1), l);
        set_float(a.add(2), s);
        set_float(a, x);
        set_float(a.add(3), x);
        Ok(true)
    }
}
impl Vm {
    /// `Ok` an integer, `Err` a float; none if it is no number.
    fn loop_number(&mut self, v: Value) -> Option<Result<i64, f64>> {
        match v.tag {
            tag::INT => Some(Ok(v.bits as i64)),
            tag::FLOAT => Some(Err(f64::from_bits(v.bits))),
            // A numeral counts as a float here, as in the reference.
            _ => {
                self.pay_for_numeral(v);
                self.to_number(v)?.number_as_float().map(Err)
            }
        }
    }
    fn for_type_error(&mut self, what: &str, v: Value) -> Raise {
        let text = [b"bad 'for' ", what.as_bytes(), b" (number expected, got ", &self.type_name_of(v), b")"].concat();
        self.runtime_error(text)
    }
}
slow! { op_tforprep(i, pc, base, vm, k, t) {
    let slot = ra!(i, base).add(3);
    match (*vm).mark_to_close(slot) {
        Ok(()) => {
            (*(*vm).frame).pc = pc.add((i >> 32) as usize);
            Act::Run
        }
        Err(raise) => (*vm).raised(raise),
    }
} }
/// Places that a loop looks at by itself for the next entry.
const NEAR: usize = 256;
/// `next` for a loop: writes `wanted` values to `to`, or leaves it to the native. A function of its own: a handler that has
/// a value's address taken could not end in a jump.
#[inline(never)]
unsafe fn next_entry(vm: *mut Vm, table: *const Table, key: *const Value, to: *mut Value, wanted: i16) -> bool {
    // SAFETY: the caller has seen the tag of `table`; `key` is a register of the loop, `to` the first of its `wanted`
    // ones, of which there is one at least (the verifier).
    unsafe {
        let Some(position) = (*table).position_after(*key) else { return false };
        let (key, value) = match (*table).entry_within(position, NEAR) {
            Entry::At { next, key, value } => {
                if next - position > PLACES {
                    (*vm).pay(next - position, PLACES);
                }
                (key, value)
            }
            Entry::End => (Value::NIL, Value::NIL),
            Entry::Further(_) => return false,
        };
        *to = key;
        if wanted > 1 {
            *to.add(1) = value;
            for j in 2..wanted as usize {
                (*to.add(j)).tag = tag::NIL;
            }
        }
        true
    }
}
outline! { op_tforcall(i, pc, base, vm, k, t) {
    let a = ra!(i, base);
    let left = (*vm).fuel - 1;
    (*vm).fuel = left;
    if left < 0 {
        return safepoint_again(i, pc, base, vm, k, t);
    }
    let to = a.add(4);
    let wanted = (i >> 48) as i16;
    if tag_of(a) == tag::NATIVE && tag_of(a.add(1)) == tag::TABLE {
        // pairs and ipairs: without a call.
        let table = (*a.add(1)).bits as *const Table;
        if std::ptr::eq((*a).bits as *const Native, &NEXT) {
            if next_entry(vm, table, a.add(2), to, wanted) {
                go!(pc, base, vm, k, t)
            }
        } else if std::ptr::eq((*a).bits as *const Native, &IPAIRS_NEXT) && tag_of(a.add(2)) == tag::INT && wanted == 2 {
            let index = (*a.add(2)).bits;
            if index < (*table).asize.get() as u64 {
                let slot = (*table).array.get().add(index as usize);
                if (*slot).tag > tag::FROZEN {
                    set_int(to, index as i64 + 1);
                    copy(to.add(1), slot);
                    go!(pc, base, vm, k, t)
                }
            }
        }
    }
    copy(to, a);
    copy(to.add(1), a.add(1));
    copy(to.add(2), a.add(2));
    (*vm).top = to.add(3);
    // As a call of the copy, which is in the fifth register.
    let call = i & 0xffff | ((i >> 16) as u16 as u64 + 4 * size_of::<Value>() as u64) << 16 | (wanted as u64 + 1) << 48;
    if tag_of(to) != tag::CLOSURE {
        return call_native(call, pc, base, vm, k, t);
    }
    if (*vm).hooked {
        return call_made(call, pc, base, vm, k, t);
    }
    call_lua(call, pc, base, vm, k, t)
} }
op! { op_tforloop(i, pc, base, vm, k, t) {
    let a = ra!(i, base);
    if tag_of(a.add(4)) != tag::NIL {
        // Altered bytecode may come here without the TFORCALL, and must not loop for nothing.
        let left = (*vm).fuel - 1;
        (*vm).fuel = left;
        if left < 0 {
            return safepoint_again(i, pc, base, vm, k, t);
        }
        copy(a.add(2), a.add(4));
        let to = barrier(pc.sub((i >> 32) as usize));
        go!(to, base, vm, k, t)
    }
    go!(pc, base, vm, k, t)
} }
