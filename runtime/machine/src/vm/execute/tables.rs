//! Reading and writing tables, and making them.
//!
//! Journey: frame -> **value**. A hot handler knows two cases: a string key that is found by its address, and an
//! integer key in the array part. What has a metatable, grows a table, or misses by other ways is a slow path's.
//!
//! SAFETY, beyond what every handler relies on (mod.rs):
//! * keys of GETTABUP, GETFIELD, SELF with a constant, and of the stores alike are constants that the verifier knows
//!   for strings; a string's hash is in its header.
//! * `mask` is below the number of nodes, of which there is always one, and `next` leads to a node of the same table or
//!   is 0; `array` has `asize` values (value/table.rs).
//! * what EXTRAARG names after NEWTABLE is a template of the module (load.rs), or none.
//! * a table does not change between the lookup and the access: nothing is called in between, and what `set`, `resize`
//!   and `reserve_array` move is found again after them.

use super::metamethods::{field, push_three, push_two};
use super::*;
use crate::heap::Header;
use crate::value::Ref;
use crate::value::hash::hash_word;
use crate::value::string::Str;
use crate::value::table::{Node, Table};
use crate::vm::load::template_at;
use crate::vm::metamethod::{Event, fast, name_address};
use crate::vm::thread::Continue;
use crate::vm::work::LEAF;

// Reads.

/// Whether a node has a constant's string as its key.
macro_rules! has_atom {
    ($n:ident, $key:expr) => {
        (*$n).key_bits == $key as u64 && (*$n).key_tag as u64 & tag::OUTSIDE_BIT != 0
    };
}
/// Goes along the chain in which a constant's string is, looking at addresses alone: the block sees the node. Where it is not
/// found, its bytes may still be there as another string.
macro_rules! find_atom {
    ($table:expr, $key:expr, |$n:ident| $hit:block) => {
        find_atom!($table, $key, |$n| $hit, false, {})
    };
    ($table:expr, $key:expr, |$n:ident| $hit:block, $is_other:expr, $other:expr) => {{
        let mut $n: *mut Node =
            (*$table).nodes.get().add(((*$key).header.serial.get() & (*$table).mask.get()) as usize);
        #[allow(clippy::never_loop, unreachable_code, reason = "the block may leave the loop, or the handler")]
        'missed: loop {
            while !has_atom!($n, $key) {
                // Mostly it is the first.
                cold_path();
                if $is_other {
                    $other
                }
                let next = (*$n).next;
                if next == 0 {
                    break 'missed;
                }
                $n = $n.offset(next as isize);
            }
            $hit
            break;
        }
    }};
}
/// As `find_atom`, and leaves for `$slow` if another string with such a hash is met.
macro_rules! find_atom_alone {
    ($table:expr, $key:expr, |$n:ident| $hit:block, $slow:expr) => {
        find_atom!($table, $key, |$n| $hit, (*$n).hash16 == upper_half($key), return $slow)
    };
}
/// The upper half of a string's hash, from memory each time: so it needs no register of its own.
#[inline(always)]
unsafe fn upper_half(key: *const Str) -> u16 {
    // SAFETY: a live string; its hash is a word in its header.
    unsafe { ((&raw const (*key).header.serial).cast::<u32>().read_volatile() >> 16) as u16 }
}
/// Looks a string key up by its address; on a hit copies the value and goes on. A miss is `$miss`'s.
macro_rules! get_field {
    ($i:ident, $pc:ident, $base:ident, $vm:ident, $k:ident, $t:ident, $object:expr, $key:expr, $a:expr, $miss:ident) => {{
        let object: *const Value = $object;
        if tag_of(object) != tag::TABLE {
            return $miss($i, $pc, $base, $vm, $k, $t);
        }
        let table = (*object).bits as *const Table;
        let key = (*($key as *const Value)).bits as *const Str;
        find_atom!(table, key, |n| {
            let vt = (*n).value_tag as u64;
            if vt <= tag::FROZEN {
                cold_path();
                return $miss($i, $pc, $base, $vm, $k, $t);
            }
            let a: *mut Value = $a;
            (*a).bits = (*n).value_bits;
            (*a).tag = vt;
            go!($pc, $base, $vm, $k, $t)
        });
        $miss($i, $pc, $base, $vm, $k, $t)
    }};
}
/// A string key in a table, or in the tables to which `__index` leads: stores it and goes on, or leaves for `$slow`.
/// If they lead to a Lua function, calls it after `$before`.
macro_rules! inherited {
    ($i:ident, $pc:ident, $base:ident, $vm:ident, $k:ident, $t:ident, $table:expr, $key:expr, $slow:ident, |$v:ident| $store:block, $before:block) => {{
        let mut table: *const Table = $table;
        let key = (*($key as *const Value)).bits as *const Str;
        let index = name_address(Event::Index);
        let mut left = 8;
        loop {
            find_atom_alone!(
                table,
                key,
                |n| {
                    if (*n).value_tag as u64 > tag::FROZEN {
                        let $v = ((*n).value_bits, (*n).value_tag as u64);
                        $store
                        go!($pc, $base, $vm, $k, $t)
                    }
                    break;
                },
                $slow($i, $pc, $base, $vm, $k, $t)
            );
            // Under a hash key it may be elsewhere; and a table that is still to be filled says that it has one.
            if (*table).is_keyed() {
                return $slow($i, $pc, $base, $vm, $k, $t);
            }
            let meta = (*table).metatable.get();
            if meta.is_null() || (*meta).header.flags.get() & (1 << Event::Index as u8) != 0 {
                let $v = (0, tag::NIL);
                $store
                go!($pc, $base, $vm, $k, $t)
            }
            let mut next: *const Table = std::ptr::null();
            let mut function: *const Closure = std::ptr::null();
            find_atom!(meta, index, |n| {
                if (*n).value_tag as u64 == tag::TABLE {
                    next = (*n).value_bits as *const Table;
                } else if (*n).value_tag as u64 == tag::CLOSURE {
                    function = (*n).value_bits as *const Closure;
                }
                break;
            });
            if !function.is_null() {
                let object = Value { tag: tag::TABLE, bits: table as u64 };
                let key = *($key as *const Value);
                $before
                if push_two($vm, $pc, function, object, key, Continue::Store) {
                    enter_top!($vm, $t)
                }
            }
            left -= 1;
            if next.is_null() || left == 0 {
                return $slow($i, $pc, $base, $vm, $k, $t);
            }
            table = next;
        }
    }};
}

/// What a table does not have: nil, or what an `__index` function of it gives; all else is `$slow`'s.
macro_rules! index_missed {
    ($i:ident, $pc:ident, $base:ident, $vm:ident, $k:ident, $t:ident, $table:ident, $key:expr, $slow:ident) => {{
        let meta: *mut Table = (*$table).metatable.get();
        if meta.is_null() || (*meta).header.flags.get() & (1 << Event::Index as u8) != 0 {
            (*ra!($i, $base)).tag = tag::NIL;
            go!($pc, $base, $vm, $k, $t)
        }
        let mm = field(meta, name_address(Event::Index));
        if mm.tag == tag::CLOSURE {
            let object = Value { tag: tag::TABLE, bits: $table as u64 };
            if push_two($vm, $pc, mm.bits as *const Closure, object, $key, Continue::Store) {
                enter_top!($vm, $t)
            }
        }
        return $slow($i, $pc, $base, $vm, $k, $t);
    }};
}

op! { op_gettabup(i, pc, base, vm, k, t) {
    let u = upvalue_at(base, (i >> 32) as u16);
    get_field!(i, pc, base, vm, k, t, (*u).location.get(), rc!(i, k), ra!(i, base), slow_gettabup)
} }
slow! { slow_gettabup(i, pc, base, vm, k, t) {
    let u = (i >> 32) as u16;
    let object = *(*upvalue_at(base, u)).location.get();
    (*vm).index(object, *rc!(i, k), Operand::Upvalue(u as u32 / 8))
} }
op! { op_getfield(i, pc, base, vm, k, t) {
    get_field!(i, pc, base, vm, k, t, rb!(i, base), rc!(i, k), ra!(i, base), slow_getfield)
} }
// Fields that are not there, and inherited ones.
outline! { slow_getfield(i, pc, base, vm, k, t) {
    let b = rb!(i, base);
    if tag_of(b) != tag::TABLE {
        return slower_getfield(i, pc, base, vm, k, t);
    }
    inherited!(i, pc, base, vm, k, t, (*b).bits as *const Table, rc!(i, k), slower_getfield, |v| {
        let a = ra!(i, base);
        (*a).bits = v.0;
        (*a).tag = v.1;
    }, {})
} }
slow! { slower_getfield(i, pc, base, vm, k, t) {
    (*vm).index(*rb!(i, base), *rc!(i, k), register(i >> 32))
} }
// A method is seldom the object's own, and mostly its class's, to which the metatable's `__index` leads.
op! { op_self_k(i, pc, base, vm, k, t) {
    let b = rb!(i, base);
    if tag_of(b) != tag::TABLE {
        return self_of_string(i, pc, base, vm, k, t);
    }
    let key = (*rc!(i, k)).bits as *const Str;
    find_atom_alone!(
        (*b).bits as *const Table,
        key,
        |n| { return self_inherited(i, pc, base, vm, k, t) },
        self_inherited(i, pc, base, vm, k, t)
    );
    let table = (*rb!(anew(i), base)).bits as *const Table;
    let meta = (*table).metatable.get();
    // Under a hash key it may be elsewhere; and a table that is still to be filled says that it has one.
    if (*table).is_keyed() || meta.is_null() {
        return self_inherited(i, pc, base, vm, k, t);
    }
    self_of_class(i, pc, base, vm, k, t)
} }
/// A method in the class to which a metatable's `__index` leads; what is found in another way is `$slow`'s.
macro_rules! method_of {
    ($i:ident, $pc:ident, $base:ident, $vm:ident, $k:ident, $t:ident, $meta:expr, $slow:ident) => {{
        let meta: *const Table = $meta;
        let index = name_address(Event::Index);
        find_atom!(meta, index, |n| {
            if (*n).value_tag as u64 != tag::TABLE {
                return $slow($i, $pc, $base, $vm, $k, $t);
            }
            let class = (*n).value_bits as *const Table;
            let key = (*rc!($i, $k)).bits as *const Str;
            find_atom!(class, key, |n| {
                if (*n).value_tag as u64 <= tag::FROZEN {
                    cold_path();
                    return $slow($i, $pc, $base, $vm, $k, $t);
                }
                let $i = anew($i);
                let a = ra!($i, $base);
                copy(a.add(1), rb!($i, $base));
                let n = anew(n as u64) as *const Node;
                (*a).bits = (*n).value_bits;
                (*a).tag = (*n).value_tag as u64;
                go!($pc, $base, $vm, $k, $t)
            });
            return $slow($i, $pc, $base, $vm, $k, $t);
        });
        $slow($i, $pc, $base, $vm, $k, $t)
    }};
}
// A method that the object itself does not have.
outline! { self_of_class(i, pc, base, vm, k, t) {
    method_of!(i, pc, base, vm, k, t, (*((*rb!(i, base)).bits as *const Table)).metatable.get(), self_inherited)
} }
// A method that is looked for from table to table.
outline! { self_inherited(i, pc, base, vm, k, t) {
    let b = rb!(i, base);
    inherited!(i, pc, base, vm, k, t, (*b).bits as *const Table, rc!(i, k), slower_self, |v| {
        let a = ra!(i, base);
        copy(a.add(1), rb!(i, base));
        (*a).bits = v.0;
        (*a).tag = v.1;
    }, {
        copy(ra!(i, base).add(1), rb!(i, base));
    })
} }
// A method of a string, which its metatable's `__index` has.
outline! { self_of_string(i, pc, base, vm, k, t) {
    let meta: *const Table = (*vm).string_metatable.get();
    if tag_of(rb!(i, base)) & 0xf != tag::STRING_TYPE || meta.is_null() {
        return slower_self(i, pc, base, vm, k, t);
    }
    method_of!(i, pc, base, vm, k, t, meta, string_inherited)
} }
// A method of a string that is looked for from table to table.
outline! { string_inherited(i, pc, base, vm, k, t) {
    let meta: *const Table = (*vm).string_metatable.get();
    let index = name_address(Event::Index);
    find_atom!(meta, index, |n| {
        if (*n).value_tag as u64 != tag::TABLE {
            return slower_self(i, pc, base, vm, k, t);
        }
        inherited!(i, pc, base, vm, k, t, (*n).value_bits as *const Table, rc!(i, k), slower_self, |v| {
            let a = ra!(i, base);
            copy(a.add(1), rb!(i, base));
            (*a).bits = v.0;
            (*a).tag = v.1;
        }, {
            copy(ra!(i, base).add(1), rb!(i, base));
        })
    });
    slower_self(i, pc, base, vm, k, t)
} }
slow! { slower_self(i, pc, base, vm, k, t) {
    let object = *rb!(i, base);
    let key = *rc!(i, k);
    *ra!(i, base).add(1) = object;
    (*vm).index(object, key, register(i >> 32))
} }
slow! { op_self_r(i, pc, base, vm, k, t) {
    let object = *rb!(i, base);
    let key = *rc!(i, base);
    *ra!(i, base).add(1) = object;
    (*vm).index(object, key, register(i >> 32))
} }
op! { op_gettable(i, pc, base, vm, k, t) {
    let b = rb!(i, base);
    let c = rc!(i, base);
    if tag_of(b) != tag::TABLE || tag_of(c) != tag::INT {
        return gettable_by_name(i, pc, base, vm, k, t);
    }
    let table = (*b).bits as *const Table;
    let index = ((*c).bits).wrapping_sub(1);
    if index >= (*table).asize.get() as u64 {
        return gettable_in_nodes(i, pc, base, vm, k, t);
    }
    let slot = (*table).array.get().add(index as usize);
    if (*slot).tag <= tag::FROZEN {
        cold_path();
        return slow_gettable(i, pc, base, vm, k, t);
    }
    copy(ra!(i, base), slot);
    go!(pc, base, vm, k, t)
} }
// By an integer that is not in the array part.
outline! { gettable_in_nodes(i, pc, base, vm, k, t) {
    let table = (*rb!(i, base)).bits as *const Table;
    let key = (*rc!(i, base)).bits;
    let mut n: *const Node = (*table).nodes.get().add((hash_word(key) & (*table).mask.get()) as usize);
    loop {
        if (*n).key_bits == key && (*n).key_tag as u64 == tag::INT {
            let vt = (*n).value_tag as u64;
            if vt <= tag::FROZEN {
                break;
            }
            let a = ra!(i, base);
            (*a).bits = (*n).value_bits;
            (*a).tag = vt;
            go!(pc, base, vm, k, t)
        }
        let next = (*n).next;
        if next == 0 {
            break;
        }
        n = n.offset(next as isize);
    }
    slow_gettable(i, pc, base, vm, k, t)
} }
// By a string: that very one is looked for first, and one that is equal to it elsewhere.
outline! { gettable_by_name(i, pc, base, vm, k, t) {
    let b = rb!(i, base);
    let c = rc!(i, base);
    if tag_of(b) != tag::TABLE || tag_of(c) & 0xf != tag::STRING_TYPE {
        return slow_gettable(i, pc, base, vm, k, t);
    }
    let table = (*b).bits as *const Table;
    let key = (*c).bits as *const Str;
    // Without a hash, which is 0 then, it is hardly in a table yet.
    let mut n: *const Node =
        (*table).nodes.get().add(((*key).header.serial.get() & (*table).mask.get()) as usize);
    loop {
        if (*n).key_bits == key as u64 && (*n).key_tag as u64 & 0xf == tag::STRING_TYPE {
            let vt = (*n).value_tag as u64;
            if vt <= tag::FROZEN {
                break;
            }
            let a = ra!(i, base);
            (*a).bits = (*n).value_bits;
            (*a).tag = vt;
            go!(pc, base, vm, k, t)
        }
        let next = (*n).next;
        if next == 0 {
            break;
        }
        n = n.offset(next as isize);
    }
    slow_gettable(i, pc, base, vm, k, t)
} }
outline! { slow_gettable(i, pc, base, vm, k, t) {
    let (b, c) = (rb!(i, base), rc!(i, base));
    if tag_of(b) != tag::TABLE {
        return slower_gettable(i, pc, base, vm, k, t);
    }
    let table = (*b).bits as *const Table;
    let a = ra!(i, base);
    if tag_of(c) == tag::INT {
        let v = (*table).get_integer((*c).bits as i64);
        if v.tag > tag::FROZEN {
            (*a).bits = v.bits;
            (*a).tag = v.tag;
            go!(pc, base, vm, k, t)
        }
    } else {
        let n = if tag_of(c) & 0xf == tag::STRING_TYPE {
            let key = (*c).bits as *const Str;
            if (*key).len > LEAF {
                return slower_gettable(i, pc, base, vm, k, t);
            }
            let n = (*table).find_str_node(&*key);
            if !n.is_null() {
                // The table's own string from now on, which is found by its address where this one is used again.
                (*c).bits = (*n).key_bits;
                (*c).tag = (*n).key_tag as u64;
            }
            n
        } else if tag_of(c) >= tag::HEAP_BIT {
            (*table).find_object_node(*c)
        } else if tag_of(c) == tag::FLOAT {
            let v = (*table).get(*c);
            if v.tag > tag::FROZEN {
                (*a).bits = v.bits;
                (*a).tag = v.tag;
                go!(pc, base, vm, k, t)
            }
            std::ptr::null_mut()
        } else {
            return slower_gettable(i, pc, base, vm, k, t);
        };
        if !n.is_null() && (*n).value_tag as u64 > tag::FROZEN {
            (*a).bits = (*n).value_bits;
            (*a).tag = (*n).value_tag as u64;
            go!(pc, base, vm, k, t)
        }
    }
    index_missed!(i, pc, base, vm, k, t, table, *c, slower_gettable)
} }
slow! { slower_gettable(i, pc, base, vm, k, t) {
    (*vm).index(*rb!(i, base), *rc!(i, base), register(i >> 32))
} }
op! { op_geti(i, pc, base, vm, k, t) {
    let b = rb!(i, base);
    if tag_of(b) != tag::TABLE {
        return slow_geti(i, pc, base, vm, k, t);
    }
    let table = (*b).bits as *const Table;
    let index = (i >> 48).wrapping_sub(1);
    if index >= (*table).asize.get() as u64 {
        return slow_geti(i, pc, base, vm, k, t);
    }
    let slot = (*table).array.get().add(index as usize);
    if (*slot).tag <= tag::FROZEN {
        cold_path();
        return slow_geti(i, pc, base, vm, k, t);
    }
    copy(ra!(i, base), slot);
    go!(pc, base, vm, k, t)
} }
outline! { slow_geti(i, pc, base, vm, k, t) {
    let b = rb!(i, base);
    if tag_of(b) == tag::TABLE {
        let table = (*b).bits as *const Table;
        let v = (*table).get_integer((i >> 48) as i64);
        if !v.is_nil() {
            let a = ra!(i, base);
            (*a).bits = v.bits;
            (*a).tag = v.tag;
            go!(pc, base, vm, k, t)
        }
        index_missed!(i, pc, base, vm, k, t, table, Value::integer((i >> 48) as i64), slower_geti)
    }
    slower_geti(i, pc, base, vm, k, t)
} }
slow! { slower_geti(i, pc, base, vm, k, t) {
    (*vm).index(*rb!(i, base), Value::integer((i >> 48) as i64), register(i >> 32))
} }

// Writes. A store to a place that holds a value needs no metamethod; a guarded table takes the slow way.

macro_rules! set_field {
    ($i:ident, $pc:ident, $base:ident, $vm:ident, $k:ident, $t:ident, $object:expr, $key:expr, $value:expr, $slow:ident) => {{
        let object: *const Value = $object;
        if tag_of(object) != tag::TABLE {
            return $slow($i, $pc, $base, $vm, $k, $t);
        }
        let table = (*object).bits as *const Table;
        let key = (*($key as *const Value)).bits as *const Str;
        find_atom!(table, key, |n| {
            let $i = anew($i);
            let object: *const Value = $object;
            let table = (*object).bits as *const Table;
            if (*table).header.guard.get() != 0 {
                return $slow($i, $pc, $base, $vm, $k, $t);
            }
            if (*n).value_tag as u64 <= tag::FROZEN {
                // A constructor's field, most of the time: the key has its place already.
                cold_path();
                if (*n).value_tag as u64 != tag::NIL || !(*table).metatable.get().is_null() {
                    return $slow($i, $pc, $base, $vm, $k, $t);
                }
                (*table).header.flags.set(0);
            }
            let v: *const Value = $value;
            (*n).value_bits = (*v).bits;
            (*n).value_tag = (*v).tag as u8;
            go!($pc, $base, $vm, $k, $t)
        });
        $slow($i, $pc, $base, $vm, $k, $t)
    }};
}
/// Whether a store into a guarded table is slow for no other reason than that the collector is to be told of it.
#[cold]
#[inline(never)]
unsafe fn is_guarded_store(table: *const Table, key: Value) -> bool {
    // SAFETY: the caller has found a live table.
    unsafe { !(*table).get(key).is_nil() }
}
/// Stores into a table without `__newindex`, the usual way to a new key.
macro_rules! slow_set {
    ($name:ident, $slower:ident ($i:ident, $pc:ident, $base:ident, $vm:ident, $k:ident, $t:ident) $object:expr, $key:expr, $value:expr, $operand:expr) => {
        outline! { $name($i, $pc, $base, $vm, $k, $t) {
            let object = $object;
            if object.tag == tag::TABLE {
                let table = object.bits as *const Table;
                let mm = fast((*table).metatable.get(), Event::NewIndex);
                if mm.is_nil() || (*table).header.guard.get() != 0 && is_guarded_store(table, $key) {
                    (*$vm).pay_for_key($key);
                    let set = (*table).set(&mut (*$vm).heap, $key, $value);
                    if set.is_ok() {
                        if (*$vm).heap.wants_collection() {
                            (*$vm).interrupt();
                        }
                        go!($pc, $base, $vm, $k, $t)
                    }
                } else if mm.tag == tag::CLOSURE && (*table).get($key).is_nil() {
                    (*$vm).pay_for_key($key);
                    let (f, all) = (mm.bits as *const Closure, [object, $key, $value]);
                    if push_three($vm, $pc, f, all, Continue::Discard) {
                        enter_top!($vm, $t)
                    }
                }
            }
            $slower($i, $pc, $base, $vm, $k, $t)
        } }
        slow! { $slower($i, $pc, $base, $vm, $k, $t) {
            (*$vm).new_index($object, $key, $value, $operand)
        } }
    };
}

op! { op_settabup(i, pc, base, vm, k, t) {
    let u = upvalue_at(base, (i >> 16) as u16);
    set_field!(i, pc, base, vm, k, t, (*u).location.get(), rb!(i, k), rc!(i, base), slow_settabup)
} }
op! { op_settabup_k(i, pc, base, vm, k, t) {
    let u = upvalue_at(base, (i >> 16) as u16);
    set_field!(i, pc, base, vm, k, t, (*u).location.get(), rb!(i, k), rc!(i, k), slow_settabup_k)
} }
slow_set! { slow_settabup, slower_settabup(i, pc, base, vm, k, t)
    *(*upvalue_at(base, (i >> 16) as u16)).location.get(), *rb!(i, k), *rc!(i, base), Operand::Upvalue((i >> 16) as u16 as u32 / 8)
}
slow_set! { slow_settabup_k, slower_settabup_k(i, pc, base, vm, k, t)
    *(*upvalue_at(base, (i >> 16) as u16)).location.get(), *rb!(i, k), *rc!(i, k), Operand::Upvalue((i >> 16) as u16 as u32 / 8)
}
op! { op_setfield(i, pc, base, vm, k, t) {
    set_field!(i, pc, base, vm, k, t, ra!(i, base), rb!(i, k), rc!(i, base), slow_setfield)
} }
op! { op_setfield_k(i, pc, base, vm, k, t) {
    set_field!(i, pc, base, vm, k, t, ra!(i, base), rb!(i, k), rc!(i, k), slow_setfield_k)
} }
slow_set! { slow_setfield, slower_setfield(i, pc, base, vm, k, t)
    *ra!(i, base), *rb!(i, k), *rc!(i, base), register(i >> 16)
}
slow_set! { slow_setfield_k, slower_setfield_k(i, pc, base, vm, k, t)
    *ra!(i, base), *rb!(i, k), *rc!(i, k), register(i >> 16)
}

macro_rules! set_index {
    ($i:ident, $pc:ident, $base:ident, $vm:ident, $k:ident, $t:ident, $index:expr, $value:expr, $slow:ident) => {{
        let a = ra!($i, $base);
        if tag_of(a) != tag::TABLE {
            return $slow($i, $pc, $base, $vm, $k, $t);
        }
        let table = (*a).bits as *const Table;
        let index: u64 = $index;
        if index >= (*table).asize.get() as u64 {
            return $slow($i, $pc, $base, $vm, $k, $t);
        }
        let slot = (*table).array.get().add(index as usize);
        if ((*slot).tag <= tag::FROZEN && !(*table).metatable.get().is_null()) || (*table).header.guard.get() != 0 {
            return $slow($i, $pc, $base, $vm, $k, $t);
        }
        copy(slot, $value);
        go!($pc, $base, $vm, $k, $t)
    }};
}
op! { op_settable(i, pc, base, vm, k, t) {
    let b = rb!(i, base);
    if tag_of(b) != tag::INT {
        return settable_in_nodes(i, pc, base, vm, k, t);
    }
    set_index!(i, pc, base, vm, k, t, (*b).bits.wrapping_sub(1), rc!(i, base), settable_in_nodes)
} }
op! { op_settable_k(i, pc, base, vm, k, t) {
    let b = rb!(i, base);
    if tag_of(b) != tag::INT {
        return settable_k_in_nodes(i, pc, base, vm, k, t);
    }
    set_index!(i, pc, base, vm, k, t, (*b).bits.wrapping_sub(1), rc!(i, k), settable_k_in_nodes)
} }
/// A store to a node that has this very string, or this integer, as its key, and a value.
macro_rules! set_in_nodes {
    ($name:ident, $slow:ident, |$i:ident, $base:ident, $k:ident| $value:expr) => {
        outline! { $name($i, pc, $base, vm, $k, t) {
            let (a, b) = (ra!($i, $base), rb!($i, $base));
            let is_string = tag_of(b) & 0xf == tag::STRING_TYPE;
            if tag_of(a) != tag::TABLE || !(is_string || tag_of(b) == tag::INT) {
                return $slow($i, pc, $base, vm, $k, t);
            }
            let table = (*a).bits as *const Table;
            let key = (*b).bits;
            // A string without a hash, which is 0 then, is hardly in a table yet.
            let hash = if is_string { (*(key as *const Str)).header.serial.get() } else { hash_word(key) };
            let mut n: *mut Node = (*table).nodes.get().add((hash & (*table).mask.get()) as usize);
            while !((*n).key_bits == key && ((*n).key_tag as u64 & 0xf == tag::STRING_TYPE) == is_string) {
                let next = (*n).next;
                if next == 0 {
                    return $slow($i, pc, $base, vm, $k, t);
                }
                n = n.offset(next as isize);
            }
            // The integer may be the address of an object.
            let is_it = is_string || (*n).key_tag as u64 == tag::INT;
            if !is_it || (*n).value_tag as u64 <= tag::FROZEN || (*table).header.guard.get() != 0 {
                return $slow($i, pc, $base, vm, $k, t);
            }
            let v: *const Value = $value;
            (*n).value_bits = (*v).bits;
            (*n).value_tag = (*v).tag as u8;
            go!(pc, $base, vm, $k, t)
        } }
    };
}
set_in_nodes!(settable_in_nodes, slow_settable, |i, base, k| rc!(i, base));
set_in_nodes!(settable_k_in_nodes, slow_settable_k, |i, base, k| rc!(i, k));
slow_set! { slow_settable, slower_settable(i, pc, base, vm, k, t)
    *ra!(i, base), *rb!(i, base), *rc!(i, base), register(i >> 16)
}
slow_set! { slow_settable_k, slower_settable_k(i, pc, base, vm, k, t)
    *ra!(i, base), *rb!(i, base), *rc!(i, k), register(i >> 16)
}
op! { op_seti(i, pc, base, vm, k, t) {
    set_index!(i, pc, base, vm, k, t, ((i >> 32) as u16 as u64).wrapping_sub(1), rc!(i, base), slow_seti)
} }
op! { op_seti_k(i, pc, base, vm, k, t) {
    set_index!(i, pc, base, vm, k, t, ((i >> 32) as u16 as u64).wrapping_sub(1), rc!(i, k), slow_seti_k)
} }
slow_set! { slow_seti, slower_seti(i, pc, base, vm, k, t)
    *ra!(i, base), Value::integer((i >> 32) as u16 as i64), *rc!(i, base), register(i >> 16)
}
slow_set! { slow_seti_k, slower_seti_k(i, pc, base, vm, k, t)
    *ra!(i, base), Value::integer((i >> 32) as u16 as i64), *rc!(i, k), register(i >> 16)
}

// Constructors.

outline! { op_newtable(i, pc, base, vm, k, t) {
    let array = (i >> 32) as u32;
    let hash = (i >> 8) as u8;
    // EXTRAARG follows.
    let template = template_at(*pc);
    let pc = pc.add(1);
    let table = if !template.is_null() {
        (*vm).heap.table_of_template(&*template, array)
    } else if array | hash as u32 == 0 {
        (*vm).heap.table()
    } else {
        let fields = if hash == 0 { 0 } else { 1u32 << (hash - 1) };
        (*vm).heap.table_of_size(array, fields)
    };
    let a = ra!(i, base);
    (*a).bits = table.as_ptr() as u64;
    (*a).tag = tag::TABLE;
    after_allocation!(i, pc, base, vm, k, t)
} }
outline! { op_setlist(i, pc, base, vm, k, t) {
    let a = ra!(i, base);
    let mut n = (i >> 8) as u8 as usize;
    if n == 0 {
        n = (*vm).top.offset_from(a) as usize - 1;
    }
    let bits = (i >> 32) as u32;
    let first = bits >> 1;
    let pc = if bits & 1 != 0 { pc.add(1) } else { pc };
    let last = first as u64 + n as u64;
    if tag_of(a) == tag::TABLE && last < 1 << 30 {
        let table = Ref::<Table>::new((*a).bits as *mut Table);
        if last > table.asize.get() as u64 {
            let _ = table.reserve_array(&mut (*vm).heap, last as u32);
        }
        if last <= table.asize.get() as u64 {
            let slots = table.array.get().add(first as usize);
            for j in 0..n {
                copy(slots.add(j), a.add(1 + j));
                (*vm).heap.write_barrier(&table.header, *a.add(1 + j));
            }
            (*vm).pay_for_values(n);
            after_allocation!(i, pc, base, vm, k, t)
        }
    }
    setlist_error(i, pc, base, vm, k, t)
} }
slow! { setlist_error(i, pc, base, vm, k, t) {
    let raise = (*vm).runtime_error("table overflow");
    (*vm).raised(raise)
} }

const _: () = {
    assert!(std::mem::offset_of!(Table, header) == 0);
    assert!(size_of::<Header>() == 16 && size_of::<Node>() == 24 && size_of::<Table>() == 56);
};
