//! Pairs of instructions that often follow each other, as one handler each: it does what the first says, and goes on with
//! the second without dispatch.
//!
//! Journey: frame -> **value**. load.rs puts a pair's operation into the word of its first instruction, whose operands stay
//! as they are, and leaves the second word alone: a jump may lead there, and whatever is slow, suspended or an error in a
//! pair is so in one of its two instructions, with the `pc` of that one. Under a hook pairs are taken apart (`UNFUSED`).
//!
//! SAFETY, beyond what every handler relies on (mod.rs), and the chapters of both instructions: the instruction after the
//! first of a pair is the second (load.rs), so the word at `pc` is that.

use super::*;
use crate::value::string::Str;
use crate::value::table::{Node, Table};

/// The second word of a pair. It is read where it is wanted: were it read earlier, a register would have to be saved for it.
#[inline(always)]
unsafe fn second_word(pc: *const u64) -> u64 {
    // SAFETY: there is one, as the header says.
    unsafe { pc.read_volatile() }
}
/// Goes on with the instruction at `pc`, whose operation is known.
macro_rules! then {
    ($op:ident, $pc:expr, $base:expr, $vm:expr, $k:expr, $t:expr) => {{
        let pc: *const u64 = $pc;
        let word = *pc;
        return $op(word, pc.add(1), $base, $vm, $k, $t);
    }};
}

/// A pair whose first instruction can do nothing but what it does.
macro_rules! simple {
    ($name:ident, $second:ident, |$i:ident, $base:ident, $k:ident| $first:expr) => {
        op! { $name($i, pc, $base, vm, $k, t) {
            $first;
            then!($second, pc, $base, vm, $k, t)
        } }
    };
}
macro_rules! after_move {
    ($($name:ident $second:ident)*) => {
        $(simple!($name, $second, |i, base, k| copy(ra!(i, base), rb!(i, base)));)*
    };
}
after_move! {
    op_move_move op_move
    op_move_call op_call
    op_move_loadi op_loadi
    op_move_loadk op_loadk
    op_move_gettable op_gettable
    op_move_getfield op_getfield
    op_move_addi op_addi
}
macro_rules! after_getupval {
    ($($name:ident $second:ident)*) => {
        $(simple!($name, $second, |i, base, k| {
            copy(ra!(i, base), (*upvalue_at(base, (i >> 32) as u16)).location.get())
        });)*
    };
}
after_getupval! {
    op_getupval_move op_move
    op_getupval_gettable op_gettable
    op_getupval_getfield op_getfield
    op_getupval_getupval op_getupval
    op_getupval_addi op_addi
    op_getupval_subk op_subk
    op_getupval_add op_add
    op_getupval_loadk op_loadk
    op_getupval_loadi op_loadi
    op_getupval_mod op_mod
}
macro_rules! after_loadi {
    ($($name:ident $second:ident)*) => {
        $(simple!($name, $second, |i, base, k| set_int(ra!(i, base), i as i64 >> 32));)*
    };
}
after_loadi! {
    op_loadi_call op_call
    op_loadi_loadi op_loadi
    op_loadi_move op_move
}
macro_rules! after_loadk {
    ($($name:ident $second:ident)*) => {
        $(simple!($name, $second, |i, base, k| copy(ra!(i, base), k.byte_add((i >> 32) as usize)));)*
    };
}
after_loadk! {
    op_loadk_move op_move
    op_loadk_call op_call
}

/// Arithmetic on two registers, then another instruction.
macro_rules! arith_then {
    ($name:ident, $alone:ident, $second:ident, |$x:ident, $y:ident| $int:expr, |$fx:ident, $fy:ident| $float:expr) => {
        op! { $name(i, pc, base, vm, k, t) {
            let (b, c) = (rb!(i, base) as *const Value, rc!(i, base) as *const Value);
            let tb = tag_of(b);
            if tb == tag_of(c) {
                if tb == tag::INT {
                    let ($x, $y) = (int_of(b), int_of(c));
                    set_int(ra!(i, base), $int);
                    then!($second, barrier(pc), base, vm, k, t)
                }
                if tb == tag::FLOAT {
                    let ($fx, $fy) = (float_of(b), float_of(c));
                    set_float(ra!(i, base), $float);
                    then!($second, barrier(pc), base, vm, k, t)
                }
            }
            $alone(i, pc, base, vm, k, t)
        } }
    };
}
arith_then!(op_add_forloop, op_add, op_forloop, |x, y| x.wrapping_add(y), |a, b| a + b);
arith_then!(op_add_return1, op_add, op_return1, |x, y| x.wrapping_add(y), |a, b| a + b);
arith_then!(op_add_gettable, op_add, op_gettable, |x, y| x.wrapping_add(y), |a, b| a + b);

/// Two times arithmetic, the second with the result of the first as operand `c` or `b`: it is taken from where it is. It is
/// stored, too: a variable may be meant.
macro_rules! arith_arith {
    ($name:ident, $alone:ident, $second:ident, $other:ident, |$x:ident, $y:ident| $int:expr, |$fx:ident, $fy:ident| $float:expr,
        |$u:ident, $v:ident| $int2:expr, |$fu:ident, $fv:ident| $float2:expr) => {
        op! { $name(i, pc, base, vm, k, t) {
            let (b, c) = (rb!(i, base) as *const Value, rc!(i, base) as *const Value);
            let tb = tag_of(b);
            if tb != tag_of(c) {
                return $alone(i, pc, base, vm, k, t);
            }
            if tb == tag::FLOAT {
                let ($fx, $fy) = (float_of(b), float_of(c));
                let $fu = $float;
                set_float(ra!(i, base), $fu);
                let next = second_word(pc);
                let other = $other!(next, base) as *const Value;
                if tag_of(other) != tag::FLOAT {
                    then!($second, pc, base, vm, k, t)
                }
                let $fv = float_of(other);
                set_float(ra!(next, base), $float2);
                go!(barrier(pc.add(1)), base, vm, k, t)
            }
            if tb == tag::INT {
                let ($x, $y) = (int_of(b), int_of(c));
                let $u = $int;
                set_int(ra!(i, base), $u);
                let next = second_word(pc);
                let other = $other!(next, base) as *const Value;
                if tag_of(other) != tag::INT {
                    then!($second, pc, base, vm, k, t)
                }
                let $v = int_of(other);
                set_int(ra!(next, base), $int2);
                go!(barrier(pc.add(1)), base, vm, k, t)
            }
            $alone(i, pc, base, vm, k, t)
        } }
    };
}
arith_arith!(
    op_mul_add_c,
    op_mul,
    op_add,
    rb,
    |x, y| x.wrapping_mul(y),
    |a, b| a * b,
    |u, v| v.wrapping_add(u),
    |f, g| g + f
);
arith_arith!(
    op_mul_add_b,
    op_mul,
    op_add,
    rc,
    |x, y| x.wrapping_mul(y),
    |a, b| a * b,
    |u, v| u.wrapping_add(v),
    |f, g| f + g
);
arith_arith!(
    op_mul_sub_c,
    op_mul,
    op_sub,
    rb,
    |x, y| x.wrapping_mul(y),
    |a, b| a * b,
    |u, v| v.wrapping_sub(u),
    |f, g| g - f
);
arith_arith!(
    op_mul_sub_b,
    op_mul,
    op_sub,
    rc,
    |x, y| x.wrapping_mul(y),
    |a, b| a * b,
    |u, v| u.wrapping_sub(v),
    |f, g| f - g
);
arith_arith!(
    op_mul_mul_b,
    op_mul,
    op_mul,
    rc,
    |x, y| x.wrapping_mul(y),
    |a, b| a * b,
    |u, v| u.wrapping_mul(v),
    |f, g| f * g
);
arith_arith!(
    op_add_add_b,
    op_add,
    op_add,
    rc,
    |x, y| x.wrapping_add(y),
    |a, b| a + b,
    |u, v| u.wrapping_add(v),
    |f, g| f + g
);
arith_arith!(
    op_sub_add_b,
    op_sub,
    op_add,
    rc,
    |x, y| x.wrapping_sub(y),
    |a, b| a - b,
    |u, v| u.wrapping_add(v),
    |f, g| f + g
);

/// An element of a list, then arithmetic with it as operand `c`.
macro_rules! gettable_arith {
    ($name:ident, $second:ident, |$x:ident, $y:ident| $int:expr, |$fx:ident, $fy:ident| $float:expr) => {
        op! { $name(i, pc, base, vm, k, t) {
            let (b, c) = (rb!(i, base), rc!(i, base));
            if tag_of(b) != tag::TABLE || tag_of(c) != tag::INT {
                return op_gettable(i, pc, base, vm, k, t);
            }
            let table = (*b).bits as *const Table;
            let index = (*c).bits.wrapping_sub(1);
            if index >= (*table).asize.get() as u64 {
                return op_gettable(i, pc, base, vm, k, t);
            }
            let slot = (*table).array.get().add(index as usize) as *const Value;
            if tag_of(slot) == tag::FLOAT {
                let $fy = float_of(slot);
                set_float(ra!(i, base), $fy);
                let next = second_word(pc);
                let other = rb!(next, base) as *const Value;
                if tag_of(other) != tag::FLOAT {
                    then!($second, pc, base, vm, k, t)
                }
                let $fx = float_of(other);
                set_float(ra!(next, base), $float);
                go!(barrier(pc.add(1)), base, vm, k, t)
            }
            if tag_of(slot) == tag::INT {
                let $y = int_of(slot);
                set_int(ra!(i, base), $y);
                let next = second_word(pc);
                let other = rb!(next, base) as *const Value;
                if tag_of(other) != tag::INT {
                    then!($second, pc, base, vm, k, t)
                }
                let $x = int_of(other);
                set_int(ra!(next, base), $int);
                go!(barrier(pc.add(1)), base, vm, k, t)
            }
            op_gettable(i, pc, base, vm, k, t)
        } }
    };
}
gettable_arith!(op_gettable_add, op_add, |x, y| x.wrapping_add(y), |a, b| a + b);
gettable_arith!(op_gettable_sub, op_sub, |x, y| x.wrapping_sub(y), |a, b| a - b);
gettable_arith!(op_gettable_mul, op_mul, |x, y| x.wrapping_mul(y), |a, b| a * b);

/// An element of a list, then another instruction.
macro_rules! gettable_then {
    ($($name:ident $second:ident)*) => {
        $(op! { $name(i, pc, base, vm, k, t) {
            let (b, c) = (rb!(i, base), rc!(i, base));
            if tag_of(b) != tag::TABLE || tag_of(c) != tag::INT {
                return op_gettable(i, pc, base, vm, k, t);
            }
            let table = (*b).bits as *const Table;
            let index = (*c).bits.wrapping_sub(1);
            if index >= (*table).asize.get() as u64 {
                return op_gettable(i, pc, base, vm, k, t);
            }
            let slot = (*table).array.get().add(index as usize);
            if (*slot).tag <= tag::FROZEN {
                cold_path();
                return op_gettable(i, pc, base, vm, k, t);
            }
            copy(ra!(i, base), slot);
            then!($second, pc, base, vm, k, t)
        } })*
    };
}
gettable_then! {
    op_gettable_gettable op_gettable
    op_gettable_test0 op_test0
    op_gettable_test1 op_test1
}

/// A store into a list, then the end of a loop.
macro_rules! settable_forloop {
    ($name:ident, $alone:ident, |$base:ident, $k:ident| $from:expr) => {
        op! { $name(i, pc, $base, vm, $k, t) {
            let (a, b) = (ra!(i, $base), rb!(i, $base));
            if tag_of(a) != tag::TABLE || tag_of(b) != tag::INT {
                return $alone(i, pc, $base, vm, $k, t);
            }
            let table = (*a).bits as *const Table;
            let index = (*b).bits.wrapping_sub(1);
            if index >= (*table).asize.get() as u64 {
                return $alone(i, pc, $base, vm, $k, t);
            }
            let slot = (*table).array.get().add(index as usize);
            if ((*slot).tag <= tag::FROZEN && !(*table).metatable.get().is_null()) || (*table).header.guard.get() != 0 {
                return $alone(i, pc, $base, vm, $k, t);
            }
            copy(slot, rc!(i, $from));
            then!(op_forloop, pc, $base, vm, $k, t)
        } }
    };
}
settable_forloop!(op_settable_forloop, op_settable, |base, k| base);
settable_forloop!(op_settable_k_forloop, op_settable_k, |base, k| k);

/// A field, then another instruction.
macro_rules! getfield_then {
    ($name:ident, $alone:ident, $second:ident, |$i:ident, $base:ident| $object:expr) => {
        op! { $name($i, pc, $base, vm, k, t) {
            let object: *const Value = $object;
            if tag_of(object) != tag::TABLE {
                return $alone($i, pc, $base, vm, k, t);
            }
            let table = (*object).bits as *const Table;
            let key = (*rc!($i, k)).bits as *const Str;
            let mut n: *const Node =
                (*table).nodes.get().add(((*key).header.serial.get() & (*table).mask.get()) as usize);
            while !((*n).key_bits == key as u64 && (*n).key_tag as u64 & tag::OUTSIDE_BIT != 0) {
                cold_path();
                let next = (*n).next;
                if next == 0 {
                    return $alone($i, pc, $base, vm, k, t);
                }
                n = n.offset(next as isize);
            }
            let vt = (*n).value_tag as u64;
            if vt <= tag::FROZEN {
                cold_path();
                return $alone($i, pc, $base, vm, k, t);
            }
            let a = ra!($i, $base);
            (*a).bits = (*n).value_bits;
            (*a).tag = vt;
            then!($second, pc, $base, vm, k, t)
        } }
    };
}
getfield_then!(op_getfield_getfield, op_getfield, op_getfield, |i, base| rb!(i, base));
getfield_then!(op_getfield_move, op_getfield, op_move, |i, base| rb!(i, base));
getfield_then!(op_getfield_call, op_getfield, op_call, |i, base| rb!(i, base));
getfield_then!(op_getfield_gettable, op_getfield, op_gettable, |i, base| rb!(i, base));
getfield_then!(op_gettabup_getfield, op_gettabup, op_getfield, |i, base| {
    (*upvalue_at(base, (i >> 32) as u16)).location.get()
});
getfield_then!(op_gettabup_move, op_gettabup, op_move, |i, base| {
    (*upvalue_at(base, (i >> 32) as u16)).location.get()
});

op! { op_addi_jmp_back(i, pc, base, vm, k, t) {
    let b = rb!(i, base);
    if tag_of(b) != tag::INT {
        return op_addi(i, pc, base, vm, k, t);
    }
    set_int(ra!(i, base), int_of(b).wrapping_add(i as i64 >> 48));
    then!(op_jmp_back, pc, base, vm, k, t)
} }
op! { op_loadtrue_return1(i, pc, base, vm, k, t) {
    (*ra!(i, base)).tag = tag::TRUE;
    then!(op_return1, pc, base, vm, k, t)
} }
