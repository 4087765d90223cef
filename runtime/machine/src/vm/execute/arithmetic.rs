//! Arithmetic, bits, length and concatenation.
//!
//! Journey: frame -> **value** (manual 3.4.1, 3.4.2, 3.4.6, 3.4.7). Hot: two integers, two floats, and both mixed.
//! Strings that are numerals, metamethods and errors are `Vm::arith_slow`'s (operation.rs).
//!
//! SAFETY, beyond what every handler relies on (mod.rs): nothing but the payload of a number is read as a number, and
//! that may be any bits; lengths are read behind a check of the tag.

use super::*;
use crate::value::number;
use crate::value::string::Str;
use crate::value::table::Table;
use crate::vm::metamethod::{Event, fast};

/// Operand `c` of an operation that comes in two forms: a register (`base`) or a constant (`k`).
macro_rules! third {
    (base $i:ident $base:ident $k:ident) => {
        rc!($i, $base) as *const Value
    };
    (k $i:ident $base:ident $k:ident) => {
        rc!($i, $k)
    };
}

/// Two numbers of a kind go on in place; one of each kind is an outline's.
macro_rules! arith_op {
    ($name:ident, $mixed:ident, $slow:ident, $event:ident, |$x:ident, $y:ident| $int:expr, |$fx:ident, $fy:ident| $float:expr) => {
        op! { $name(i, pc, base, vm, k, t) {
            let (b, c) = (rb!(i, base) as *const Value, rc!(i, base) as *const Value);
            let tb = tag_of(b);
            if tb != tag_of(c) {
                return $mixed(i, pc, base, vm, k, t);
            }
            if tb == tag::INT {
                let ($x, $y) = (int_of(b), int_of(c));
                set_int(ra!(i, base), $int);
                let pc = barrier(pc);
                go!(pc, base, vm, k, t)
            }
            if tb == tag::FLOAT {
                let ($fx, $fy) = (float_of(b), float_of(c));
                set_float(ra!(i, base), $float);
                let pc = barrier(pc);
                go!(pc, base, vm, k, t)
            }
            $mixed(i, pc, base, vm, k, t)
        } }
        outline! { $mixed(i, pc, base, vm, k, t) {
            let (b, c) = (rb!(i, base) as *const Value, rc!(i, base) as *const Value);
            let ($fx, $fy) = if tag_of(b) == tag::FLOAT && tag_of(c) == tag::INT {
                (float_of(b), int_of(c) as f64)
            } else if tag_of(b) == tag::INT && tag_of(c) == tag::FLOAT {
                (int_of(b) as f64, float_of(c))
            } else {
                call_metamethod!(vm, pc, t, Event::$event, *b, *c, Store);
                return $slow(i, pc, base, vm, k, t);
            };
            set_float(ra!(i, base), $float);
            go!(pc, base, vm, k, t)
        } }
        slow! { $slow(i, pc, base, vm, k, t) {
            (*vm).arith_slow(Event::$event, (*rb!(i, base), register(i >> 32)), (*rc!(i, base), register(i >> 48)))
        } }
    };
}
/// Two forms: the constant is an integer, or a float (load.rs sees which).
macro_rules! arith_k_op {
    ($name:ident, $name_float:ident, $slow:ident, $event:ident, |$x:ident, $y:ident| $int:expr, |$fx:ident, $fy:ident| $float:expr) => {
        op! { $name(i, pc, base, vm, k, t) {
            let (b, c) = (rb!(i, base) as *const Value, rc!(i, k));
            if tag_of(b) == tag::INT {
                let ($x, $y) = (int_of(b), int_of(c));
                set_int(ra!(i, base), $int);
                let pc = barrier(pc);
                go!(pc, base, vm, k, t)
            }
            if tag_of(b) == tag::FLOAT {
                let ($fx, $fy) = (float_of(b), int_of(c) as f64);
                set_float(ra!(i, base), $float);
                let pc = barrier(pc);
                go!(pc, base, vm, k, t)
            }
            $slow(i, pc, base, vm, k, t)
        } }
        op! { $name_float(i, pc, base, vm, k, t) {
            let (b, c) = (rb!(i, base) as *const Value, rc!(i, k));
            if tag_of(b) == tag::FLOAT {
                let ($fx, $fy) = (float_of(b), float_of(c));
                set_float(ra!(i, base), $float);
                let pc = barrier(pc);
                go!(pc, base, vm, k, t)
            }
            if tag_of(b) == tag::INT {
                let ($fx, $fy) = (int_of(b) as f64, float_of(c));
                set_float(ra!(i, base), $float);
                let pc = barrier(pc);
                go!(pc, base, vm, k, t)
            }
            $slow(i, pc, base, vm, k, t)
        } }
        slow! { $slow(i, pc, base, vm, k, t) {
            let (mut b, mut c) = ((*rb!(i, base), register(i >> 32)), (*rc!(i, k), Operand::Constant(*rc!(i, k))));
            if (i >> 8) as u8 != 0 {
                std::mem::swap(&mut b, &mut c);
            }
            (*vm).arith_slow(Event::$event, b, c)
        } }
    };
}
arith_op!(op_add, mixed_add, slow_add, Add, |x, y| x.wrapping_add(y), |a, b| a + b);
arith_op!(op_sub, mixed_sub, slow_sub, Sub, |x, y| x.wrapping_sub(y), |a, b| a - b);
arith_op!(op_mul, mixed_mul, slow_mul, Mul, |x, y| x.wrapping_mul(y), |a, b| a * b);
arith_k_op!(op_addk, op_addkf, slow_addk, Add, |x, y| x.wrapping_add(y), |a, b| a + b);
arith_k_op!(op_subk, op_subkf, slow_subk, Sub, |x, y| x.wrapping_sub(y), |a, b| a - b);
arith_k_op!(op_mulk, op_mulkf, slow_mulk, Mul, |x, y| x.wrapping_mul(y), |a, b| a * b);

// Modulo and division by a constant power of two, which load.rs has found.
op! { op_modk2(i, pc, base, vm, k, t) {
    let b = rb!(i, base);
    if tag_of(b) != tag::INT {
        return op_modk(i, pc, base, vm, k, t);
    }
    set_int(ra!(i, base), int_of(b) & (int_of(rc!(i, k)) - 1));
    go!(pc, base, vm, k, t)
} }
op! { op_idivk2(i, pc, base, vm, k, t) {
    let b = rb!(i, base);
    if tag_of(b) != tag::INT {
        return op_idivk(i, pc, base, vm, k, t);
    }
    set_int(ra!(i, base), int_of(b) >> (i >> 8 & 63));
    go!(pc, base, vm, k, t)
} }

op! { op_addi(i, pc, base, vm, k, t) {
    let b = rb!(i, base);
    let n = i as i64 >> 48;
    if tag_of(b) == tag::INT {
        set_int(ra!(i, base), int_of(b).wrapping_add(n));
        go!(pc, base, vm, k, t)
    }
    if tag_of(b) == tag::FLOAT {
        set_float(ra!(i, base), float_of(b) + n as f64);
        go!(pc, base, vm, k, t)
    }
    slow_addi(i, pc, base, vm, k, t)
} }
slow! { slow_addi(i, pc, base, vm, k, t) {
    let mut b = (*rb!(i, base), register(i >> 32));
    let mut c = (Value::integer(i as i64 >> 48), Operand::Unknown);
    if (i >> 8) as u8 != 0 {
        std::mem::swap(&mut b, &mut c);
    }
    (*vm).arith_slow(Event::Add, b, c)
} }

/// Division and modulo: integers have an error case, floats a library function.
macro_rules! divide_op {
    ($name:ident, $mixed:ident, $slow:ident, $from:ident, $event:ident, $int:path, $float:path) => {
        op! { $name(i, pc, base, vm, k, t) {
            let (b, c) = (rb!(i, base) as *const Value, third!($from i base k));
            if tag_of(b) == tag::INT && tag_of(c) == tag::INT {
                let (x, y) = (int_of(b), int_of(c));
                // 0 and -1 are the slow path's.
                if (y as u64).wrapping_add(1) > 1 {
                    set_int(ra!(i, base), $int(x, y));
                    go!(pc, base, vm, k, t)
                }
            }
            $mixed(i, pc, base, vm, k, t)
        } }
        // With floats there is a call.
        outline! { $mixed(i, pc, base, vm, k, t) {
            let (b, c) = (rb!(i, base) as *const Value, third!($from i base k));
            let (x, y) = if tag_of(b) == tag::FLOAT && tag_of(c) == tag::FLOAT {
                (float_of(b), float_of(c))
            } else if tag_of(b) == tag::FLOAT && tag_of(c) == tag::INT {
                (float_of(b), int_of(c) as f64)
            } else if tag_of(b) == tag::INT && tag_of(c) == tag::FLOAT {
                (int_of(b) as f64, float_of(c))
            } else {
                call_metamethod!(vm, pc, t, Event::$event, *b, *c, Store);
                return $slow(i, pc, base, vm, k, t);
            };
            set_float(ra!(i, base), $float(x, y));
            go!(pc, base, vm, k, t)
        } }
        slow! { $slow(i, pc, base, vm, k, t) {
            let c = *third!($from i base k);
            (*vm).arith_slow(Event::$event, (*rb!(i, base), register(i >> 32)), (c, operand_of(stringify!($from), i, c)))
        } }
    };
}
fn operand_of(from: &str, i: u64, v: Value) -> Operand {
    if from == "k" { Operand::Constant(v) } else { register(i >> 48) }
}
#[inline(always)]
fn floor_mod(x: i64, y: i64) -> i64 {
    if (x | y) as u64 >> 32 == 0 {
        return (x as u32 % y as u32) as i64;
    }
    let r = x.wrapping_rem(y);
    if r != 0 && (r ^ y) < 0 { r + y } else { r }
}
#[inline(always)]
fn floor_div(x: i64, y: i64) -> i64 {
    let q = x.wrapping_div(y);
    if (x ^ y) < 0 && q.wrapping_mul(y) != x { q - 1 } else { q }
}
divide_op!(op_mod, mixed_mod, slow_mod, base, Mod, floor_mod, number::float_mod);
divide_op!(op_modk, mixed_modk, slow_modk, k, Mod, floor_mod, number::float_mod);
divide_op!(op_idiv, mixed_idiv, slow_idiv, base, IDiv, floor_div, number::float_floor_div);
divide_op!(op_idivk, mixed_idivk, slow_idivk, k, IDiv, floor_div, number::float_floor_div);

macro_rules! float_op {
    ($name:ident, $mixed:ident, $other:ident, $slow:ident, $from:ident, $event:ident, |$x:ident, $y:ident| $float:expr, $mixed_float:expr) => {
        op! { $name(i, pc, base, vm, k, t) {
            let (b, c) = (rb!(i, base) as *const Value, third!($from i base k));
            if tag_of(b) == tag::FLOAT && tag_of(c) == tag::FLOAT {
                let ($x, $y) = (float_of(b), float_of(c));
                if let Some(z) = $float {
                    set_float(ra!(i, base), z);
                    go!(pc, base, vm, k, t)
                }
            }
            $mixed(i, pc, base, vm, k, t)
        } }
        outline! { $mixed(i, pc, base, vm, k, t) {
            let (b, c) = (rb!(i, base) as *const Value, third!($from i base k));
            let (tb, tc) = (tag_of(b), tag_of(c));
            if (tb | 1) != tag::FLOAT || (tc | 1) != tag::FLOAT {
                return $other(i, pc, base, vm, k, t);
            }
            let x = if tb == tag::FLOAT { float_of(b) } else { int_of(b) as f64 };
            let y = if tc == tag::FLOAT { float_of(c) } else { int_of(c) as f64 };
            let f: fn(f64, f64) -> f64 = $mixed_float;
            set_float(ra!(i, base), f(x, y));
            go!(pc, base, vm, k, t)
        } }
        outline! { $other(i, pc, base, vm, k, t) {
            let (b, c) = (rb!(i, base) as *const Value, third!($from i base k));
            call_metamethod!(vm, pc, t, Event::$event, *b, *c, Store);
            $slow(i, pc, base, vm, k, t)
        } }
        slow! { $slow(i, pc, base, vm, k, t) {
            let c = *third!($from i base k);
            (*vm).arith_slow(Event::$event, (*rb!(i, base), register(i >> 32)), (c, operand_of(stringify!($from), i, c)))
        } }
    };
}
/// A power, of which squares need no call.
fn power(x: f64, y: f64) -> f64 {
    if y == 2.0 { x * x } else { number::pow(x, y) }
}
float_op!(op_div, mixed_div, other_div, slow_div, base, Div, |x, y| Some(x / y), |x, y| x / y);
float_op!(op_divk, mixed_divk, other_divk, slow_divk, k, Div, |x, y| Some(x / y), |x, y| x / y);
float_op!(op_pow, mixed_pow, other_pow, slow_pow, base, Pow, |x, y| (y == 2.0).then_some(x * x), power);
float_op!(op_powk, mixed_powk, other_powk, slow_powk, k, Pow, |x, y| (y == 2.0).then_some(x * x), power);

/// A number as an integer, if it has such a value.
#[inline(always)]
unsafe fn whole(v: *const Value) -> Option<i64> {
    // SAFETY: an operand, of which nothing but a number is read.
    unsafe {
        match tag_of(v) {
            tag::INT => Some(int_of(v)),
            tag::FLOAT => number::float_to_integer(float_of(v)),
            _ => None,
        }
    }
}
macro_rules! bit_op {
    ($name:ident, $whole:ident, $slow:ident, $from:ident, $event:ident, |$x:ident, $y:ident| $int:expr) => {
        op! { $name(i, pc, base, vm, k, t) {
            let (b, c) = (rb!(i, base) as *const Value, third!($from i base k));
            if tag_of(b) == tag::INT && tag_of(c) == tag::INT {
                let ($x, $y) = (int_of(b), int_of(c));
                set_int(ra!(i, base), $int);
                go!(pc, base, vm, k, t)
            }
            $whole(i, pc, base, vm, k, t)
        } }
        // Floats with an integer value, and what metamethods do.
        outline! { $whole(i, pc, base, vm, k, t) {
            let (b, c) = (rb!(i, base) as *const Value, third!($from i base k));
            if let (Some($x), Some($y)) = (whole(b), whole(c)) {
                set_int(ra!(i, base), $int);
                go!(pc, base, vm, k, t)
            }
            if stringify!($from) == "base" {
                call_metamethod!(vm, pc, t, Event::$event, *b, *c, Store);
            }
            $slow(i, pc, base, vm, k, t)
        } }
        slow! { $slow(i, pc, base, vm, k, t) {
            let c = *third!($from i base k);
            let (mut b, mut c) = ((*rb!(i, base), register(i >> 32)), (c, operand_of(stringify!($from), i, c)));
            if stringify!($from) == "k" && (i >> 8) as u8 != 0 {
                std::mem::swap(&mut b, &mut c);
            }
            (*vm).arith_slow(Event::$event, b, c)
        } }
    };
}
bit_op!(op_band, whole_band, slow_band, base, BAnd, |x, y| x & y);
bit_op!(op_bor, whole_bor, slow_bor, base, BOr, |x, y| x | y);
bit_op!(op_bxor, whole_bxor, slow_bxor, base, BXor, |x, y| x ^ y);
bit_op!(op_bandk, whole_bandk, slow_bandk, k, BAnd, |x, y| x & y);
bit_op!(op_bork, whole_bork, slow_bork, k, BOr, |x, y| x | y);
bit_op!(op_bxork, whole_bxork, slow_bxork, k, BXor, |x, y| x ^ y);
bit_op!(op_shl, whole_shl, slow_shl, base, Shl, |x, y| number::shift_left(x, y));
bit_op!(op_shr, whole_shr, slow_shr, base, Shr, |x, y| number::shift_right(x, y));

op! { op_shri(i, pc, base, vm, k, t) {
    let b = rb!(i, base);
    if tag_of(b) == tag::INT {
        set_int(ra!(i, base), number::shift_right(int_of(b), i as i64 >> 48));
        go!(pc, base, vm, k, t)
    }
    slow_shri(i, pc, base, vm, k, t)
} }
slow! { slow_shri(i, pc, base, vm, k, t) {
    let b = (*rb!(i, base), register(i >> 32));
    let n = i as i64 >> 48;
    if (i >> 8) as u8 != 0 {
        (*vm).arith_slow(Event::Shl, b, (Value::integer(-n), Operand::Unknown))
    } else {
        (*vm).arith_slow(Event::Shr, b, (Value::integer(n), Operand::Unknown))
    }
} }
op! { op_shli(i, pc, base, vm, k, t) {
    let b = rb!(i, base);
    if tag_of(b) == tag::INT {
        set_int(ra!(i, base), number::shift_left(i as i64 >> 48, int_of(b)));
        go!(pc, base, vm, k, t)
    }
    slow_shli(i, pc, base, vm, k, t)
} }
slow! { slow_shli(i, pc, base, vm, k, t) {
    (*vm).arith_slow(Event::Shl, (Value::integer(i as i64 >> 48), Operand::Unknown), (*rb!(i, base), register(i >> 32)))
} }
op! { op_unm(i, pc, base, vm, k, t) {
    let b = rb!(i, base);
    if tag_of(b) == tag::INT {
        set_int(ra!(i, base), int_of(b).wrapping_neg());
        go!(pc, base, vm, k, t)
    }
    if tag_of(b) == tag::FLOAT {
        set_float(ra!(i, base), -float_of(b));
        go!(pc, base, vm, k, t)
    }
    other_unm(i, pc, base, vm, k, t)
} }
outline! { other_unm(i, pc, base, vm, k, t) {
    let b = rb!(i, base);
    call_metamethod!(vm, pc, t, Event::Unm, *b, *b, Store);
    slow_unm(i, pc, base, vm, k, t)
} }
slow! { slow_unm(i, pc, base, vm, k, t) {
    let b = (*rb!(i, base), register(i >> 32));
    (*vm).arith_slow(Event::Unm, b, b)
} }
op! { op_bnot(i, pc, base, vm, k, t) {
    let b = rb!(i, base);
    if tag_of(b) == tag::INT {
        set_int(ra!(i, base), !int_of(b));
        go!(pc, base, vm, k, t)
    }
    slow_bnot(i, pc, base, vm, k, t)
} }
slow! { slow_bnot(i, pc, base, vm, k, t) {
    let b = (*rb!(i, base), register(i >> 32));
    (*vm).arith_slow(Event::BNot, b, b)
} }
op! { op_not(i, pc, base, vm, k, t) {
    let falsy = tag_of(rb!(i, base)) <= tag::FALSE;
    (*ra!(i, base)).tag = tag::FALSE + falsy as u64;
    go!(pc, base, vm, k, t)
} }
op! { op_len(i, pc, base, vm, k, t) {
    let b = rb!(i, base);
    if tag_of(b) == tag::TABLE {
        let table = (*b).bits as *const Table;
        if (*table).metatable.get().is_null() {
            let hint = (*table).border_hint.get();
            if hint > 0 && hint < (*table).asize.get() {
                // An unfilled table has no array, so that its hint, which is none, is not looked at.
                let slot = (*table).array.get().add(hint as usize);
                if (*slot).tag == tag::NIL && (*slot.sub(1)).tag != tag::NIL {
                    set_int(ra!(i, base), hint as i64);
                    go!(pc, base, vm, k, t)
                }
            }
            return len_table(i, pc, base, vm, k, t);
        }
    }
    if tag_of(b) & 0xf == tag::STRING_TYPE {
        set_int(ra!(i, base), (*((*b).bits as *const Str)).len as i64);
        go!(pc, base, vm, k, t)
    }
    other_len(i, pc, base, vm, k, t)
} }
outline! { len_table(i, pc, base, vm, k, t) {
    let n = (*((*rb!(i, base)).bits as *const Table)).length();
    set_int(ra!(i, base), n);
    go!(pc, base, vm, k, t)
} }
outline! { other_len(i, pc, base, vm, k, t) {
    let b = rb!(i, base);
    if tag_of(b) == tag::TABLE && fast((*((*b).bits as *const Table)).metatable.get(), Event::Len).is_nil() {
        return len_table(i, pc, base, vm, k, t);
    }
    call_metamethod!(vm, pc, t, Event::Len, *b, *b, Store);
    slow_len(i, pc, base, vm, k, t)
} }
slow! { slow_len(i, pc, base, vm, k, t) {
    (*vm).length_slow(*rb!(i, base), register(i >> 32))
} }
outline! { op_concat(i, pc, base, vm, k, t) {
    if (*vm).concat_short(ra!(i, base), (i >> 32) as u16 as usize) {
        go!(pc, base, vm, k, t)
    }
    slow_concat(i, pc, base, vm, k, t)
} }
slow! { slow_concat(i, pc, base, vm, k, t) {
    (*vm).concat(ra!(i, base), (i >> 32) as u16 as usize)
} }
