//! The instructions: one handler each, written once, and the two ways to get from one to the next.
//!
//! Journey: frame -> **value**. A handler takes the machine's hot state in six arguments, which stay in registers, and
//! ends by dispatching the next instruction. Built with `cfg(tail_dispatch)` (build.rs: optimised, x86-64 or aarch64, no
//! sanitizer) that is a call in tail position through a table, which the compiler turns into a jump; otherwise handlers
//! return their new state to a loop with one `match`, which needs nothing from the optimiser.
//!
//! Rules for hot handlers: no call but in tail position (what is slow is a `#[cold]` function of the same
//! signature); never copy a `Value` as a whole right after it was written as two words (`copy` reads the tag apart: a
//! 16-byte load would wait for both stores); both arms of a data-dependent jump end in `barrier`, or the compiler merges
//! them into a conditional move and every fetch waits for the comparison.
//!
//! Always: `pc` is the next instruction; a slow path saves it in the frame first; operands are byte offsets (load.rs).
//! SAFETY of every handler: the code was made by the compiler or passed the verifier, so registers, constants, upvalues
//! and jumps are in range, and the frame's registers lie in the stack.

#![cfg_attr(
    not(tail_dispatch),
    allow(
        unused_variables,
        improper_ctypes_definitions,
        clippy::all,
        reason = "the loop form passes on less, and to no foreign code"
    )
)]
#![allow(clippy::undocumented_unsafe_blocks, reason = "the safety argument of all handlers is in the header")]

use super::call::Act;
use super::error::Operand;
use super::load::Proto;
use super::metamethod::Event;
use super::native::Function;
use super::op::with_ops;
use super::thread::{Continue, Frame, FrameKind, Thread, flags};
use super::{Left, Vm};
use crate::heap::Header;
use crate::value::function::Upvalue;
use crate::value::string::Str;
use crate::value::table::{Node, Table};
use crate::value::{Closure, Ref, Value, number, tag};

#[cfg(tail_dispatch)]
type Flow = ();
#[cfg(tail_dispatch)]
type Handler = unsafe extern "C-unwind" fn(u64, *const u64, *mut Value, *mut Vm, *const Value, *const Handlers) -> Flow;
#[cfg(tail_dispatch)]
#[repr(transparent)]
pub(crate) struct Handlers([Handler; 256]);

#[cfg(not(tail_dispatch))]
struct Flow {
    pc: *const u64,
    base: *mut Value,
    k: *const Value,
}
#[cfg(not(tail_dispatch))]
pub(crate) struct Handlers;

/// Dispatches the instruction at `pc`.
#[cfg(tail_dispatch)]
macro_rules! go {
    ($pc:expr, $base:expr, $vm:expr, $k:expr, $t:expr) => {{
        let pc = $pc;
        let word = *pc;
        return (*(*$t).0.as_ptr().add((word & 0xff) as usize))(word, pc.add(1), $base, $vm, $k, $t);
    }};
}
#[cfg(not(tail_dispatch))]
macro_rules! go {
    ($pc:expr, $base:expr, $vm:expr, $k:expr, $t:expr) => {{
        let _ = $t;
        return Flow { pc: $pc, base: $base, k: $k };
    }};
}
/// Leaves the interpreter.
#[cfg(tail_dispatch)]
macro_rules! leave {
    () => {
        return
    };
}
#[cfg(not(tail_dispatch))]
macro_rules! leave {
    () => {
        return Flow { pc: std::ptr::null(), base: std::ptr::null_mut(), k: std::ptr::null() }
    };
}

/// A handler; the arguments are always the same six.
macro_rules! op {
    ($(#[$m:meta])* $name:ident ($i:ident, $pc:ident, $base:ident, $vm:ident, $k:ident, $t:ident) $body:block) => {
        $(#[$m])*
        #[cfg_attr(not(tail_dispatch), inline(always))]
        #[allow(unused_variables)]
        unsafe extern "C-unwind" fn $name($i: u64, $pc: *const u64, $base: *mut Value, $vm: *mut Vm, $k: *const Value, $t: *const Handlers) -> Flow {
            unsafe { $body }
        }
    };
}
/// A slow path: saves `pc`, makes an act and carries it out.
macro_rules! slow {
    ($name:ident ($i:ident, $pc:ident, $base:ident, $vm:ident, $k:ident, $t:ident) $act:block) => {
        #[cold]
        #[inline(never)]
        #[allow(unused_variables)]
        unsafe extern "C-unwind" fn $name(
            $i: u64,
            $pc: *const u64,
            $base: *mut Value,
            $vm: *mut Vm,
            $k: *const Value,
            $t: *const Handlers,
        ) -> Flow {
            unsafe {
                (*(*$vm).frame).pc = $pc;
                let act: Act = $act;
                carry_out!(act, $vm, $t)
            }
        }
    };
}
/// Carries out an act and goes on with the frame that is on top then.
macro_rules! carry_out {
    ($act:expr, $vm:ident, $t:ident) => {{
        if (*$vm).drive($act) {
            let (f, t) = ((*$vm).frame, (*$vm).handlers);
            let _ = $t;
            go!((*f).pc, (*f).base, $vm, (*f).k, t)
        } else {
            leave!()
        }
    }};
}

/// Operand `a`: a register.
macro_rules! ra {
    ($i:expr, $base:expr) => {
        $base.byte_add(($i >> 16) as u16 as usize)
    };
}
/// Operand `b`: a register or constant.
macro_rules! rb {
    ($i:expr, $base:expr) => {
        $base.byte_add(($i >> 32) as u16 as usize)
    };
}
/// Operand `c`: a register or constant.
macro_rules! rc {
    ($i:expr, $base:expr) => {
        $base.byte_add(($i >> 48) as usize)
    };
}

/// Operand `c` of an operation that comes in two forms: a register (`base`) or a constant (`k`).
macro_rules! third {
    (base $i:ident $base:ident $k:ident) => {
        rc!($i, $base) as *const Value
    };
    (k $i:ident $base:ident $k:ident) => {
        rc!($i, $k)
    };
}

#[inline(always)]
unsafe fn tag_of(p: *const Value) -> u64 {
    unsafe { (*p).tag }
}
#[inline(always)]
unsafe fn int_of(p: *const Value) -> i64 {
    unsafe { (*p).bits as i64 }
}
#[inline(always)]
unsafe fn float_of(p: *const Value) -> f64 {
    unsafe { f64::from_bits((*p).bits) }
}
/// Copies a value in two words.
#[inline(always)]
unsafe fn copy(to: *mut Value, from: *const Value) {
    unsafe {
        let bits = (*from).bits;
        let tag = (&raw const (*from).tag).read_volatile();
        (*to).bits = bits;
        (*to).tag = tag;
    }
}
#[inline(always)]
unsafe fn set_int(to: *mut Value, n: i64) {
    unsafe {
        (*to).bits = n as u64;
        (*to).tag = tag::INT;
    }
}
#[inline(always)]
unsafe fn set_float(to: *mut Value, n: f64) {
    unsafe {
        (*to).bits = n.to_bits();
        (*to).tag = tag::FLOAT;
    }
}
/// Keeps the two arms of a jump apart.
#[inline(always)]
fn barrier(pc: *const u64) -> *const u64 {
    #[cfg(not(miri))]
    {
        let mut address = pc as usize;
        // SAFETY: no instruction at all; the value goes through unchanged.
        unsafe { std::arch::asm!("/* {0} */", inout(reg) address, options(nomem, nostack, preserves_flags, pure)) };
        address as *const u64
    }
    #[cfg(miri)]
    pc
}
/// The function of the frame whose registers begin at `base`.
#[inline(always)]
unsafe fn closure_of(base: *const Value) -> *const Closure {
    unsafe { (*base.sub(1)).bits as *const Closure }
}
/// An upvalue by its byte offset.
#[inline(always)]
unsafe fn upvalue_at(base: *const Value, offset: u16) -> *mut Upvalue {
    unsafe { *(closure_of(base).add(1) as *const *mut Upvalue).byte_add(offset as usize) }
}
/// The registers of an operand for a message.
fn register(offset: u64) -> Operand {
    Operand::Register((offset as u16 / 16) as u32)
}

impl Vm {
    /// Runs until a safepoint that must be acted on, or an exit.
    pub(crate) fn execute(&mut self) -> Left {
        // SAFETY: see the module's header.
        unsafe {
            let act = self.entry();
            if self.drive(act) {
                let f = &*self.frame;
                run(f.pc, f.base, self, f.k);
            }
        }
        self.left
    }
}

#[cfg(tail_dispatch)]
unsafe fn run(pc: *const u64, base: *mut Value, vm: *mut Vm, k: *const Value) {
    unsafe {
        let word = *pc;
        let t = (*vm).handlers;
        (*t).0[(word & 0xff) as usize](word, pc.add(1), base, vm, k, t)
    }
}
/// The handlers for a coroutine with or without a hook.
#[cfg(tail_dispatch)]
pub(super) fn handlers(hooked: bool) -> *const Handlers {
    if hooked { &HOOKED } else { &HANDLERS }
}
#[cfg(not(tail_dispatch))]
pub(super) fn handlers(_: bool) -> *const Handlers {
    &Handlers
}
#[cfg(tail_dispatch)]
static HOOKED: Handlers = Handlers([op_hooked; 256]);
/// Any instruction of a coroutine with a hook.
#[cfg(tail_dispatch)]
#[cold]
#[inline(never)]
unsafe extern "C-unwind" fn op_hooked(
    i: u64,
    pc: *const u64,
    base: *mut Value,
    vm: *mut Vm,
    k: *const Value,
    t: *const Handlers,
) -> Flow {
    unsafe {
        if let Some(act) = (*vm).before_instruction(i, pc) {
            carry_out!(act, vm, t)
        }
        HANDLERS.0[(i & 0xff) as usize](i, pc, base, vm, k, t)
    }
}
#[cfg(tail_dispatch)]
static HANDLERS: Handlers = {
    let mut all: [Handler; 256] = [op_extraarg; 256];
    macro_rules! fill {
        ($($name:ident => $handler:ident,)*) => { $(all[super::op::Op::$name as usize] = $handler;)* };
    }
    with_ops!(fill);
    Handlers(all)
};

#[cfg(not(tail_dispatch))]
unsafe fn run(mut pc: *const u64, mut base: *mut Value, vm: *mut Vm, mut k: *const Value) {
    let t: *const Handlers = &Handlers;
    unsafe {
        loop {
            let word = *pc;
            if (*vm).hooked
                && let Some(act) = (*vm).before_instruction(word, pc.add(1))
            {
                if !(*vm).drive(act) {
                    return;
                }
                let f = &*(*vm).frame;
                (pc, base, k) = (f.pc, f.base, f.k);
                continue;
            }
            macro_rules! dispatch {
                ($($name:ident => $handler:ident,)*) => {
                    match (word & 0xff) as u8 {
                        $(n if n == super::op::Op::$name as u8 => $handler(word, pc.add(1), base, vm, k, t),)*
                        _ => unreachable!("load.rs makes known operations only"),
                    }
                };
            }
            let flow = with_ops!(dispatch);
            if flow.pc.is_null() {
                return;
            }
            (pc, base, k) = (flow.pc, flow.base, flow.k);
        }
    }
}

// Loads.

op! { op_move(i, pc, base, vm, k, t) {
    copy(ra!(i, base), rb!(i, base));
    go!(pc, base, vm, k, t)
} }
op! { op_loadi(i, pc, base, vm, k, t) {
    set_int(ra!(i, base), i as i64 >> 32);
    go!(pc, base, vm, k, t)
} }
op! { op_loadf(i, pc, base, vm, k, t) {
    set_float(ra!(i, base), (i as i64 >> 32) as f64);
    go!(pc, base, vm, k, t)
} }
op! { op_loadk(i, pc, base, vm, k, t) {
    copy(ra!(i, base), k.byte_add((i >> 32) as usize));
    go!(pc, base, vm, k, t)
} }
op! { op_loadkx(i, pc, base, vm, k, t) {
    copy(ra!(i, base), k.byte_add((i >> 32) as usize));
    go!(pc.add(1), base, vm, k, t)
} }
op! { op_loadfalse(i, pc, base, vm, k, t) {
    (*ra!(i, base)).tag = tag::FALSE;
    go!(pc, base, vm, k, t)
} }
op! { op_lfalseskip(i, pc, base, vm, k, t) {
    (*ra!(i, base)).tag = tag::FALSE;
    go!(pc.add(1), base, vm, k, t)
} }
op! { op_loadtrue(i, pc, base, vm, k, t) {
    (*ra!(i, base)).tag = tag::TRUE;
    go!(pc, base, vm, k, t)
} }
op! { op_loadnil(i, pc, base, vm, k, t) {
    let mut a = ra!(i, base);
    let mut n = (i >> 32) as u16;
    loop {
        (*a).tag = tag::NIL;
        a = a.add(1);
        if n == 0 {
            break;
        }
        n -= 1;
    }
    go!(pc, base, vm, k, t)
} }

// Upvalues.

op! { op_getupval(i, pc, base, vm, k, t) {
    let u = upvalue_at(base, (i >> 32) as u16);
    copy(ra!(i, base), (*u).location.get());
    go!(pc, base, vm, k, t)
} }
op! { op_setupval(i, pc, base, vm, k, t) {
    let u = upvalue_at(base, (i >> 32) as u16);
    if (*u).header.guard.get() != 0 {
        return slow_setupval(i, pc, base, vm, k, t);
    }
    copy((*u).location.get(), ra!(i, base));
    go!(pc, base, vm, k, t)
} }
slow! { slow_setupval(i, pc, base, vm, k, t) {
    // A snapshot holds this variable's value: it is not the same any more.
    let u = upvalue_at(base, (i >> 32) as u16);
    (*u).header.guard.set(0);
    *(*u).location.get() = *ra!(i, base);
    Act::Run
} }

// Table reads.

/// Looks a string key up by its address; on a hit copies the value and goes on, on a certain miss in a table without
/// metatable stores nil; everything else is slow.
macro_rules! get_field {
    ($i:ident, $pc:ident, $base:ident, $vm:ident, $k:ident, $t:ident, $object:expr, $key:expr, $a:expr, $slow:ident) => {{
        let object: *const Value = $object;
        if tag_of(object) != tag::TABLE {
            return $slow($i, $pc, $base, $vm, $k, $t);
        }
        let table = (*object).bits as *const Table;
        let key = (*($key as *const Value)).bits as *const Str;
        let hash = (*key).header.serial.get();
        let mut n: *const Node = (*table).nodes.get().add((hash & (*table).mask.get()) as usize);
        loop {
            if (*n).key_bits == key as u64 && (*n).key_tag as u64 & 0xf == tag::STRING_TYPE {
                let vt = (*n).value_tag as u64;
                if vt <= tag::FROZEN {
                    return $slow($i, $pc, $base, $vm, $k, $t);
                }
                let a: *mut Value = $a;
                (*a).bits = (*n).value_bits;
                (*a).tag = vt;
                go!($pc, $base, $vm, $k, $t)
            }
            if (*n).hash16 == (hash >> 16) as u16 && (*n).key_tag as u64 & 0xf == tag::STRING_TYPE {
                return $slow($i, $pc, $base, $vm, $k, $t);
            }
            let next = (*n).next;
            if next == 0 {
                break;
            }
            n = n.offset(next as isize);
        }
        if !(*table).metatable.get().is_null() {
            return $slow($i, $pc, $base, $vm, $k, $t);
        }
        (*$a).tag = tag::NIL;
        go!($pc, $base, $vm, $k, $t)
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
/// Methods and inherited fields: follows `__index` tables before it gives up.
#[inline(never)]
unsafe extern "C-unwind" fn slow_getfield(
    i: u64,
    pc: *const u64,
    base: *mut Value,
    vm: *mut Vm,
    k: *const Value,
    t: *const Handlers,
) -> Flow {
    unsafe {
        if let Some(v) = inherited(*rb!(i, base), *rc!(i, k)) {
            let a = ra!(i, base);
            (*a).bits = v.bits;
            (*a).tag = v.tag;
            go!(pc, base, vm, k, t)
        }
        slower_getfield(i, pc, base, vm, k, t)
    }
}
/// A string key's value in a table or in the tables that `__index` leads to; none if that is not all there is to it.
#[inline(always)]
unsafe fn inherited(mut object: Value, key: Value) -> Option<Value> {
    unsafe {
        let s = key.bits as *const Str;
        for _ in 0..8 {
            if object.tag != tag::TABLE {
                return None;
            }
            let table = object.bits as *const Table;
            let n = (*table).find_str_node(&*s);
            if !n.is_null() && (*n).value_tag as u64 > tag::FROZEN {
                return Some((*n).value());
            }
            let meta = (*table).metatable.get();
            if meta.is_null() {
                return Some(Value::NIL);
            }
            object = super::metamethod::fast(meta, Event::Index);
            if object.is_nil() {
                return Some(Value::NIL);
            }
        }
        None
    }
}
slow! { slower_getfield(i, pc, base, vm, k, t) {
    (*vm).index(*rb!(i, base), *rc!(i, k), register(i >> 32))
} }
op! { op_self_k(i, pc, base, vm, k, t) {
    let b = rb!(i, base);
    let a = ra!(i, base);
    if tag_of(b) != tag::TABLE {
        return slow_self_k(i, pc, base, vm, k, t);
    }
    let table = (*b).bits as *const Table;
    let key = (*rc!(i, k)).bits as *const Str;
    let hash = (*key).header.serial.get();
    let n: *const Node = (*table).nodes.get().add((hash & (*table).mask.get()) as usize);
    if (*n).key_bits != key as u64 || (*n).value_tag as u64 <= tag::FROZEN || (*n).key_tag as u64 & 0xf != tag::STRING_TYPE {
        return slow_self_k(i, pc, base, vm, k, t);
    }
    copy(a.add(1), b);
    (*a).bits = (*n).value_bits;
    (*a).tag = (*n).value_tag as u64;
    go!(pc, base, vm, k, t)
} }
#[inline(never)]
unsafe extern "C-unwind" fn slow_self_k(
    i: u64,
    pc: *const u64,
    base: *mut Value,
    vm: *mut Vm,
    k: *const Value,
    t: *const Handlers,
) -> Flow {
    unsafe {
        let object = *rb!(i, base);
        if let Some(v) = inherited(object, *rc!(i, k)) {
            let a = ra!(i, base);
            *a.add(1) = object;
            (*a).bits = v.bits;
            (*a).tag = v.tag;
            go!(pc, base, vm, k, t)
        }
        slower_self(i, pc, base, vm, k, t)
    }
}
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
        return slow_gettable(i, pc, base, vm, k, t);
    }
    let table = (*b).bits as *const Table;
    let index = ((*c).bits).wrapping_sub(1);
    if index >= (*table).asize.get() as u64 {
        return slow_gettable(i, pc, base, vm, k, t);
    }
    let slot = (*table).array.get().add(index as usize);
    if (*slot).tag <= tag::FROZEN {
        return slow_gettable(i, pc, base, vm, k, t);
    }
    copy(ra!(i, base), slot);
    go!(pc, base, vm, k, t)
} }
#[inline(never)]
unsafe extern "C-unwind" fn slow_gettable(
    i: u64,
    pc: *const u64,
    base: *mut Value,
    vm: *mut Vm,
    k: *const Value,
    t: *const Handlers,
) -> Flow {
    unsafe {
        let object = *rb!(i, base);
        if object.tag == tag::TABLE {
            let table = object.bits as *const Table;
            let v = (*table).get(*rc!(i, base));
            if !v.is_nil() || (*table).metatable.get().is_null() {
                let a = ra!(i, base);
                (*a).bits = v.bits;
                (*a).tag = v.tag;
                go!(pc, base, vm, k, t)
            }
        }
        slower_gettable(i, pc, base, vm, k, t)
    }
}
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
        return slow_geti(i, pc, base, vm, k, t);
    }
    copy(ra!(i, base), slot);
    go!(pc, base, vm, k, t)
} }
slow! { slow_geti(i, pc, base, vm, k, t) {
    (*vm).index(*rb!(i, base), Value::integer((i >> 48) as i64), register(i >> 32))
} }

// Table writes. A store to a place that holds a value needs no metamethod; a guarded table takes the slow way.

macro_rules! set_field {
    ($i:ident, $pc:ident, $base:ident, $vm:ident, $k:ident, $t:ident, $object:expr, $key:expr, $value:expr, $slow:ident) => {{
        let object: *const Value = $object;
        if tag_of(object) != tag::TABLE {
            return $slow($i, $pc, $base, $vm, $k, $t);
        }
        let table = (*object).bits as *const Table;
        let key = (*($key as *const Value)).bits as *const Str;
        let hash = (*key).header.serial.get();
        let mut n: *mut Node = (*table).nodes.get().add((hash & (*table).mask.get()) as usize);
        loop {
            if (*n).key_bits == key as u64 && (*n).key_tag as u64 & 0xf == tag::STRING_TYPE {
                break;
            }
            let next = (*n).next;
            if next == 0 {
                return $slow($i, $pc, $base, $vm, $k, $t);
            }
            n = n.offset(next as isize);
        }
        if (*n).value_tag as u64 <= tag::FROZEN || (*table).header.guard.get() != 0 {
            return $slow($i, $pc, $base, $vm, $k, $t);
        }
        let v: *const Value = $value;
        (*n).value_bits = (*v).bits;
        (*n).value_tag = (*v).tag as u8;
        go!($pc, $base, $vm, $k, $t)
    }};
}
/// Inserts into a table without `__newindex`, the usual way to a new key.
macro_rules! slow_set {
    ($name:ident, $slower:ident ($i:ident, $pc:ident, $base:ident, $vm:ident, $k:ident, $t:ident) $object:expr, $key:expr, $value:expr, $operand:expr) => {
        #[inline(never)]
        unsafe extern "C-unwind" fn $name(
            $i: u64,
            $pc: *const u64,
            $base: *mut Value,
            $vm: *mut Vm,
            $k: *const Value,
            $t: *const Handlers,
        ) -> Flow {
            unsafe {
                let object = $object;
                if object.tag == tag::TABLE {
                    let table = object.bits as *const Table;
                    if (*table).metatable.get().is_null() && (*table).header.guard.get() == 0 {
                        let set = (*table).set(&mut (*$vm).heap, $key, $value);
                        if set.is_ok() {
                            if (*$vm).heap.wants_collection() {
                                (*$vm).interrupt();
                            }
                            go!($pc, $base, $vm, $k, $t)
                        }
                    }
                }
                $slower($i, $pc, $base, $vm, $k, $t)
            }
        }
        slow! { $slower($i, $pc, $base, $vm, $k, $t) {
            let object = $object;
            if object.tag == tag::TABLE {
                (*(object.bits as *const Table)).header.guard.set(0);
            }
            (*$vm).new_index(object, $key, $value, $operand)
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
slow_set! { slow_settabup, slower_settabup(i, pc, base, vm, k, t) *(*upvalue_at(base, (i >> 16) as u16)).location.get(), *rb!(i, k), *rc!(i, base), Operand::Upvalue((i >> 16) as u16 as u32 / 8) }
slow_set! { slow_settabup_k, slower_settabup_k(i, pc, base, vm, k, t) *(*upvalue_at(base, (i >> 16) as u16)).location.get(), *rb!(i, k), *rc!(i, k), Operand::Upvalue((i >> 16) as u16 as u32 / 8) }
op! { op_setfield(i, pc, base, vm, k, t) {
    set_field!(i, pc, base, vm, k, t, ra!(i, base), rb!(i, k), rc!(i, base), slow_setfield)
} }
op! { op_setfield_k(i, pc, base, vm, k, t) {
    set_field!(i, pc, base, vm, k, t, ra!(i, base), rb!(i, k), rc!(i, k), slow_setfield_k)
} }
slow_set! { slow_setfield, slower_setfield(i, pc, base, vm, k, t) *ra!(i, base), *rb!(i, k), *rc!(i, base), register(i >> 16) }
slow_set! { slow_setfield_k, slower_setfield_k(i, pc, base, vm, k, t) *ra!(i, base), *rb!(i, k), *rc!(i, k), register(i >> 16) }

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
        return slow_settable(i, pc, base, vm, k, t);
    }
    set_index!(i, pc, base, vm, k, t, (*b).bits.wrapping_sub(1), rc!(i, base), slow_settable)
} }
op! { op_settable_k(i, pc, base, vm, k, t) {
    let b = rb!(i, base);
    if tag_of(b) != tag::INT {
        return slow_settable_k(i, pc, base, vm, k, t);
    }
    set_index!(i, pc, base, vm, k, t, (*b).bits.wrapping_sub(1), rc!(i, k), slow_settable_k)
} }
slow_set! { slow_settable, slower_settable(i, pc, base, vm, k, t) *ra!(i, base), *rb!(i, base), *rc!(i, base), register(i >> 16) }
slow_set! { slow_settable_k, slower_settable_k(i, pc, base, vm, k, t) *ra!(i, base), *rb!(i, base), *rc!(i, k), register(i >> 16) }
op! { op_seti(i, pc, base, vm, k, t) {
    set_index!(i, pc, base, vm, k, t, ((i >> 32) as u16 as u64).wrapping_sub(1), rc!(i, base), slow_seti)
} }
op! { op_seti_k(i, pc, base, vm, k, t) {
    set_index!(i, pc, base, vm, k, t, ((i >> 32) as u16 as u64).wrapping_sub(1), rc!(i, k), slow_seti_k)
} }
slow_set! { slow_seti, slower_seti(i, pc, base, vm, k, t) *ra!(i, base), Value::integer((i >> 32) as u16 as i64), *rc!(i, base), register(i >> 16) }
slow_set! { slow_seti_k, slower_seti_k(i, pc, base, vm, k, t) *ra!(i, base), Value::integer((i >> 32) as u16 as i64), *rc!(i, k), register(i >> 16) }

/// Goes to a safepoint if a collection is due, after an instruction that allocates.
macro_rules! after_allocation {
    ($i:ident, $pc:ident, $base:ident, $vm:ident, $k:ident, $t:ident) => {{
        if (*$vm).heap.wants_collection() {
            return safepoint($i, $pc, $base, $vm, $k, $t);
        }
        go!($pc, $base, $vm, $k, $t)
    }};
}
#[inline(never)]
unsafe extern "C-unwind" fn op_newtable(
    i: u64,
    pc: *const u64,
    base: *mut Value,
    vm: *mut Vm,
    k: *const Value,
    t: *const Handlers,
) -> Flow {
    unsafe {
        let array = (i >> 32) as u32;
        let hash = (i >> 8) as u8;
        let table = (*vm).heap.table();
        let a = ra!(i, base);
        (*a).bits = table.as_ptr() as u64;
        (*a).tag = tag::TABLE;
        if array | hash as u32 != 0 {
            // Sizes are hints, and bytecode may say anything.
            let fields = if hash == 0 { 0 } else { 1u32 << (hash as u32 - 1).min(16) };
            let _ = table.resize(&mut (*vm).heap, array.min(1 << 16), fields);
        }
        // EXTRAARG follows.
        let pc = pc.add(1);
        after_allocation!(i, pc, base, vm, k, t)
    }
}
#[inline(never)]
unsafe extern "C-unwind" fn op_setlist(
    i: u64,
    pc: *const u64,
    base: *mut Value,
    vm: *mut Vm,
    k: *const Value,
    t: *const Handlers,
) -> Flow {
    unsafe {
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
                }
                after_allocation!(i, pc, base, vm, k, t)
            }
        }
        setlist_error(i, pc, base, vm, k, t)
    }
}
slow! { setlist_error(i, pc, base, vm, k, t) {
    let raise = (*vm).runtime_error("table overflow");
    (*vm).raised(raise)
} }
#[inline(never)]
unsafe extern "C-unwind" fn op_closure(
    i: u64,
    pc: *const u64,
    base: *mut Value,
    vm: *mut Vm,
    k: *const Value,
    t: *const Handlers,
) -> Flow {
    unsafe {
        let parent = closure_of(base);
        let proto: *const Proto = (*(*parent).proto).nested[(i >> 32) as usize];
        let origins = &(*proto).canonical().upvalues;
        let c = (*vm).heap.closure(proto, origins.len());
        let a = ra!(i, base);
        let cells = c.cells();
        for (j, origin) in origins.iter().enumerate() {
            *cells.add(j) = if origin.in_stack {
                let slot = base.add(origin.index as usize);
                Thread::find_upvalue((*vm).thread, &mut (*vm).heap, slot)
            } else {
                *(*parent).cells().add(origin.index as usize)
            };
        }
        (*a).bits = c.as_ptr() as u64;
        (*a).tag = tag::CLOSURE;
        after_allocation!(i, pc, base, vm, k, t)
    }
}

// Arithmetic.

macro_rules! arith_op {
    ($name:ident, $slow:ident, $event:ident, |$x:ident, $y:ident| $int:expr, |$fx:ident, $fy:ident| $float:expr) => {
        op! { $name(i, pc, base, vm, k, t) {
            let (b, c) = (rb!(i, base) as *const Value, rc!(i, base) as *const Value);
            arith_body!(i, pc, base, vm, k, t, b, c, $slow, |$x, $y| $int, |$fx, $fy| $float)
        } }
        slow! { $slow(i, pc, base, vm, k, t) {
            (*vm).arith_slow(Event::$event, (*rb!(i, base), register(i >> 32)), (*rc!(i, base), register(i >> 48)))
        } }
    };
}
macro_rules! arith_k_op {
    ($name:ident, $slow:ident, $event:ident, |$x:ident, $y:ident| $int:expr, |$fx:ident, $fy:ident| $float:expr) => {
        op! { $name(i, pc, base, vm, k, t) {
            let (b, c) = (rb!(i, base) as *const Value, rc!(i, k));
            arith_body!(i, pc, base, vm, k, t, b, c, $slow, |$x, $y| $int, |$fx, $fy| $float)
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
macro_rules! arith_body {
    ($i:ident, $pc:ident, $base:ident, $vm:ident, $k:ident, $t:ident, $b:ident, $c:ident, $slow:ident, |$x:ident, $y:ident| $int:expr, |$fx:ident, $fy:ident| $float:expr) => {{
        let (tb, tc) = (tag_of($b), tag_of($c));
        if tb == tag::INT && tc == tag::INT {
            let ($x, $y) = (int_of($b), int_of($c));
            set_int(ra!($i, $base), $int);
            go!($pc, $base, $vm, $k, $t)
        }
        let ($fx, $fy) = if tb == tag::FLOAT && tc == tag::FLOAT {
            (float_of($b), float_of($c))
        } else if tb == tag::FLOAT && tc == tag::INT {
            (float_of($b), int_of($c) as f64)
        } else if tb == tag::INT && tc == tag::FLOAT {
            (int_of($b) as f64, float_of($c))
        } else {
            return $slow($i, $pc, $base, $vm, $k, $t);
        };
        set_float(ra!($i, $base), $float);
        go!($pc, $base, $vm, $k, $t)
    }};
}
arith_op!(op_add, slow_add, Add, |x, y| x.wrapping_add(y), |a, b| a + b);
arith_op!(op_sub, slow_sub, Sub, |x, y| x.wrapping_sub(y), |a, b| a - b);
arith_op!(op_mul, slow_mul, Mul, |x, y| x.wrapping_mul(y), |a, b| a * b);
arith_k_op!(op_addk, slow_addk, Add, |x, y| x.wrapping_add(y), |a, b| a + b);
arith_k_op!(op_subk, slow_subk, Sub, |x, y| x.wrapping_sub(y), |a, b| a - b);
arith_k_op!(op_mulk, slow_mulk, Mul, |x, y| x.wrapping_mul(y), |a, b| a * b);

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
    ($name:ident, $slow:ident, $from:ident, $event:ident, $int:path, $float:path) => {
        op! { $name(i, pc, base, vm, k, t) {
            let (b, c) = (rb!(i, base) as *const Value, third!($from i base k));
            if tag_of(b) == tag::INT && tag_of(c) == tag::INT {
                let (x, y) = (int_of(b), int_of(c));
                // 0 and -1 are the slow path's.
                if (y as u64).wrapping_add(1) > 1 {
                    set_int(ra!(i, base), $int(x, y));
                    go!(pc, base, vm, k, t)
                }
            } else if tag_of(b) == tag::FLOAT && tag_of(c) == tag::FLOAT {
                set_float(ra!(i, base), $float(float_of(b), float_of(c)));
                go!(pc, base, vm, k, t)
            }
            $slow(i, pc, base, vm, k, t)
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
divide_op!(op_mod, slow_mod, base, Mod, floor_mod, number::float_mod);
divide_op!(op_modk, slow_modk, k, Mod, floor_mod, number::float_mod);
divide_op!(op_idiv, slow_idiv, base, IDiv, floor_div, number::float_floor_div);
divide_op!(op_idivk, slow_idivk, k, IDiv, floor_div, number::float_floor_div);

macro_rules! float_op {
    ($name:ident, $slow:ident, $from:ident, $event:ident, $float:expr) => {
        op! { $name(i, pc, base, vm, k, t) {
            let (b, c) = (rb!(i, base) as *const Value, third!($from i base k));
            let (tb, tc) = (tag_of(b), tag_of(c));
            if (tb | 1) != tag::FLOAT || (tc | 1) != tag::FLOAT {
                return $slow(i, pc, base, vm, k, t);
            }
            let x = if tb == tag::FLOAT { float_of(b) } else { int_of(b) as f64 };
            let y = if tc == tag::FLOAT { float_of(c) } else { int_of(c) as f64 };
            let f: fn(f64, f64) -> f64 = $float;
            set_float(ra!(i, base), f(x, y));
            go!(pc, base, vm, k, t)
        } }
        slow! { $slow(i, pc, base, vm, k, t) {
            let c = *third!($from i base k);
            (*vm).arith_slow(Event::$event, (*rb!(i, base), register(i >> 32)), (c, operand_of(stringify!($from), i, c)))
        } }
    };
}
float_op!(op_div, slow_div, base, Div, |x, y| x / y);
float_op!(op_divk, slow_divk, k, Div, |x, y| x / y);
float_op!(op_pow, slow_pow, base, Pow, |x, y| if y == 2.0 { x * x } else { number::pow(x, y) });
float_op!(op_powk, slow_powk, k, Pow, |x, y| if y == 2.0 { x * x } else { number::pow(x, y) });

macro_rules! bit_op {
    ($name:ident, $slow:ident, $from:ident, $event:ident, |$x:ident, $y:ident| $int:expr) => {
        op! { $name(i, pc, base, vm, k, t) {
            let (b, c) = (rb!(i, base) as *const Value, third!($from i base k));
            if tag_of(b) == tag::INT && tag_of(c) == tag::INT {
                let ($x, $y) = (int_of(b), int_of(c));
                set_int(ra!(i, base), $int);
                go!(pc, base, vm, k, t)
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
bit_op!(op_band, slow_band, base, BAnd, |x, y| x & y);
bit_op!(op_bor, slow_bor, base, BOr, |x, y| x | y);
bit_op!(op_bxor, slow_bxor, base, BXor, |x, y| x ^ y);
bit_op!(op_bandk, slow_bandk, k, BAnd, |x, y| x & y);
bit_op!(op_bork, slow_bork, k, BOr, |x, y| x | y);
bit_op!(op_bxork, slow_bxork, k, BXor, |x, y| x ^ y);
bit_op!(op_shl, slow_shl, base, Shl, |x, y| number::shift_left(x, y));
bit_op!(op_shr, slow_shr, base, Shr, |x, y| number::shift_right(x, y));

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
            return len_table(i, pc, base, vm, k, t);
        }
    }
    if tag_of(b) & 0xf == tag::STRING_TYPE {
        set_int(ra!(i, base), (*((*b).bits as *const Str)).len as i64);
        go!(pc, base, vm, k, t)
    }
    slow_len(i, pc, base, vm, k, t)
} }
#[inline(never)]
unsafe extern "C-unwind" fn len_table(
    i: u64,
    pc: *const u64,
    base: *mut Value,
    vm: *mut Vm,
    k: *const Value,
    t: *const Handlers,
) -> Flow {
    unsafe {
        let n = (*((*rb!(i, base)).bits as *const Table)).length();
        set_int(ra!(i, base), n);
        go!(pc, base, vm, k, t)
    }
}
slow! { slow_len(i, pc, base, vm, k, t) {
    (*vm).length_slow(*rb!(i, base), register(i >> 32))
} }
slow! { op_concat(i, pc, base, vm, k, t) {
    (*vm).concat(ra!(i, base), (i >> 32) as u16 as usize)
} }

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
        let to = barrier($pc.add(1));
        go!(to, $base, $vm, $k, $t)
    }};
}
macro_rules! compare_op {
    ($name0:ident, $name1:ident, $slow:ident, $cmp:tt, $or_equal:literal) => {
        compare_op! { @one $name0, $slow, $cmp, false }
        compare_op! { @one $name1, $slow, $cmp, true }
        slow! { $slow(i, pc, base, vm, k, t) {
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
compare_op!(op_lt0, op_lt1, slow_lt, <, false);
compare_op!(op_le0, op_le1, slow_le, <=, true);

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
                if tag_of(a) == tag::INT {
                    jump_if!(!$k, i, pc, base, vm, k, t)
                }
            }
            slow_eq(i, pc, base, vm, k, t)
        } }
    };
}
eq_op!(op_eq0, false);
eq_op!(op_eq1, true);
#[inline(never)]
unsafe extern "C-unwind" fn slow_eq(
    i: u64,
    pc: *const u64,
    base: *mut Value,
    vm: *mut Vm,
    k: *const Value,
    t: *const Handlers,
) -> Flow {
    unsafe {
        let (a, b) = (*ra!(i, base), *rb!(i, base));
        let truth = a.raw_equals(b);
        if !truth && a.tag == b.tag && (a.tag == tag::TABLE || a.tag == tag::USERDATA) {
            return slower_eq(i, pc, base, vm, k, t);
        }
        jump_if!(truth == ((i >> 8) as u8 != 0), i, pc, base, vm, k, t)
    }
}
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
#[inline(never)]
unsafe extern "C-unwind" fn slow_eqk(
    i: u64,
    pc: *const u64,
    base: *mut Value,
    vm: *mut Vm,
    k: *const Value,
    t: *const Handlers,
) -> Flow {
    unsafe {
        let truth = (*ra!(i, base)).raw_equals(*rb!(i, k));
        jump_if!(truth == ((i >> 8) as u8 != 0), i, pc, base, vm, k, t)
    }
}
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
            let to = barrier(pc.add(1));
            go!(to, base, vm, k, t)
        } }
    };
}
test_op!(op_test0, op_testset0, false);
test_op!(op_test1, op_testset1, true);

// Calls and returns.

// The checks of reductions and room that every call makes, and a frame for a Lua function.
op! { op_call(i, pc, base, vm, k, t) {
    let a = ra!(i, base);
    if tag_of(a) != tag::CLOSURE {
        return call_other(i, pc, base, vm, k, t);
    }
    let left = (*vm).fuel - 1;
    (*vm).fuel = left;
    let p = (*((*a).bits as *const Closure)).proto;
    let new_base = a.add(1);
    let f = (*vm).frame;
    let callee = f.add(1);
    if left < 0 || new_base.add((*p).registers as usize) > (*vm).stack_end || callee >= (*vm).frames_end {
        return call_slow(i, pc, base, vm, k, t);
    }
    (*f).pc = pc;
    let given = ((i >> 32) as u16 as u32 >> 4) - 1;
    let mut n = given;
    while n < (*p).parameters {
        (*new_base.add(n as usize)).tag = tag::NIL;
        n += 1;
    }
    let code = (*p).code;
    let constants = (*p).k;
    (*callee).base = new_base;
    (*callee).k = constants;
    // results, kind, then: one word.
    (&raw mut (*callee).results).cast::<u64>().write((((i >> 48) as u16).wrapping_sub(1)) as u64);
    (&raw mut (*callee).state).cast::<u64>().write(given as u64);
    (*vm).frame = callee;
    go!(code, new_base, vm, constants, t)
} }
#[inline(never)]
unsafe extern "C-unwind" fn call_slow(
    i: u64,
    pc: *const u64,
    base: *mut Value,
    vm: *mut Vm,
    k: *const Value,
    t: *const Handlers,
) -> Flow {
    unsafe {
        if (*vm).fuel < 0 {
            return safepoint_again(i, pc, base, vm, k, t);
        }
        call_any(i, pc, base, vm, k, t)
    }
}
/// A call of something other than a Lua function, with a fixed number of arguments. Leaves are called right here.
#[inline(never)]
unsafe extern "C-unwind" fn call_other(
    i: u64,
    pc: *const u64,
    base: *mut Value,
    vm: *mut Vm,
    k: *const Value,
    t: *const Handlers,
) -> Flow {
    unsafe {
        let a = ra!(i, base);
        let left = (*vm).fuel - 1;
        (*vm).fuel = left;
        if left < 0 {
            return safepoint_again(i, pc, base, vm, k, t);
        }
        if tag_of(a) == tag::NATIVE && (i >> 48) as u16 == 2 {
            let native = &*((*a).bits as *const super::native::Native);
            if let Function::Leaf(f) = native.function {
                (*(*vm).frame).pc = pc;
                (*vm).top = a.byte_add((i >> 32) as u16 as usize);
                (*vm).base = a.add(1);
                (*vm).leaf = a;
                if call_leaf(f, vm) {
                    if (*vm).heap.wants_collection() {
                        (*vm).interrupt();
                    }
                    go!(pc, (*(*vm).frame).base, vm, k, t)
                }
                return leaf_failed(i, pc, base, vm, k, t);
            }
        }
        call_any(i, pc, base, vm, k, t)
    }
}
slow! { leaf_failed(i, pc, base, vm, k, t) {
    let mut function = (*vm).leaf;
    (*vm).leaf = std::ptr::null_mut();
    if (*vm).ensure_frame(&mut function).is_ok() {
        (*vm).push_frame(function, FrameKind::Native, 1, Continue::Plain);
    }
    Act::Raise
} }
/// Any call. Reductions are charged already.
#[inline(never)]
unsafe extern "C-unwind" fn call_any(
    i: u64,
    pc: *const u64,
    base: *mut Value,
    vm: *mut Vm,
    _k: *const Value,
    _t: *const Handlers,
) -> Flow {
    unsafe {
        (*(*vm).frame).pc = pc;
        let a = ra!(i, base);
        let b = (i >> 32) as u16 as usize;
        if b != 0 {
            (*vm).top = a.byte_add(b);
        }
        let results = (((i >> 48) as u16).wrapping_sub(1)) as i16;
        let act = Act::Call { function: a, results, then: Continue::Plain };
        let more = (*vm).drive(act);
        if (*vm).heap.wants_collection() {
            (*vm).interrupt();
        }
        if !more {
            leave!()
        }
        let (f, t) = ((*vm).frame, (*vm).handlers);
        go!((*f).pc, (*f).base, vm, (*f).k, t)
    }
}
#[inline(never)]
unsafe extern "C-unwind" fn op_call_open(
    i: u64,
    pc: *const u64,
    base: *mut Value,
    vm: *mut Vm,
    k: *const Value,
    t: *const Handlers,
) -> Flow {
    unsafe {
        let left = (*vm).fuel - 1;
        (*vm).fuel = left;
        if left < 0 {
            return safepoint_again(i, pc, base, vm, k, t);
        }
        call_any(i, pc, base, vm, k, t)
    }
}
#[inline(never)]
unsafe extern "C-unwind" fn op_tailcall(
    i: u64,
    pc: *const u64,
    base: *mut Value,
    vm: *mut Vm,
    k: *const Value,
    t: *const Handlers,
) -> Flow {
    unsafe {
        let a = ra!(i, base);
        let left = (*vm).fuel - 1;
        (*vm).fuel = left;
        if left < 0 {
            return safepoint_again(i, pc, base, vm, k, t);
        }
        let b = (i >> 32) as u16 as usize;
        if b != 0 {
            (*vm).top = a.byte_add(b);
        }
        if (i >> 8) as u8 != 0 {
            (*(*vm).thread).close_upvalues(base);
        }
        if tag_of(a) != tag::CLOSURE {
            // An ordinary call whose results the RETURN that follows gives back.
            (*(*vm).frame).pc = pc;
            let act = Act::Call { function: a, results: -1, then: Continue::Plain };
            carry_out!(act, vm, t)
        }
        let f = &mut *(*vm).frame;
        let p = &*(*((*a).bits as *const Closure)).proto;
        let n = (*vm).top.offset_from(a) as usize;
        let to = f.function_slot();
        if (*vm).stack_end.offset_from(to) < p.registers as isize + 1 {
            return tailcall_grow(i, pc, base, vm, k, t);
        }
        for j in 0..n {
            copy(to.add(j), a.add(j));
        }
        f.base = to.add(1);
        f.pc = p.code;
        f.k = p.k;
        f.shift = 0;
        f.state = n as u32 - 1;
        f.flags = (f.flags & !flags::SEEN) | flags::TAIL;
        for j in n - 1..p.parameters as usize {
            (*f.base.add(j)).tag = tag::NIL;
        }
        (*vm).top = to.add(n);
        go!(p.code, f.base, vm, p.k, t)
    }
}
slow! { tailcall_grow(i, pc, base, vm, k, t) {
    // Grow as for a call above the arguments, then do the instruction again.
    let needed = 256;
    (*vm).fuel += 1;
    if (*vm).hooked {
        (*vm).current_hook().again = true;
    }
    if (*vm).ensure_slots(needed).is_err() {
        (*vm).stack_overflow()
    } else {
        let f = &mut *(*vm).frame;
        f.pc = pc.sub(1);
        Act::Run
    }
} }
/// Returns to a Lua caller that waits for it plainly: the caller's registers are all in its frame.
macro_rules! back_to_caller {
    ($vm:ident, $t:ident) => {{
        let caller = (*$vm).frame.sub(1);
        (*$vm).frame = caller;
        go!((*caller).pc, (*caller).base, $vm, (*caller).k, $t)
    }};
}
op! { op_return1(i, pc, base, vm, k, t) {
    let f = (*vm).frame;
    if (*f).then as u8 != Continue::Plain as u8 || (*f).results != 1 {
        return return_slow1(i, pc, base, vm, k, t);
    }
    copy(base.sub(1), ra!(i, base));
    back_to_caller!(vm, t)
} }
#[inline(never)]
unsafe extern "C-unwind" fn return_slow1(
    i: u64,
    _pc: *const u64,
    base: *mut Value,
    vm: *mut Vm,
    _k: *const Value,
    t: *const Handlers,
) -> Flow {
    unsafe {
        let f = (*vm).frame;
        if (*f).then == Continue::Plain {
            let to = base.sub(1);
            match (*f).results {
                0 => {}
                -1 => {
                    copy(to, ra!(i, base));
                    (*vm).top = base;
                }
                n => {
                    copy(to, ra!(i, base));
                    for j in 1..n as usize {
                        (*to.add(j)).tag = tag::NIL;
                    }
                }
            }
            back_to_caller!(vm, t)
        }
        let act = Act::Return { first: ra!(i, base), n: 1 };
        carry_out!(act, vm, t)
    }
}
op! { op_return0(i, pc, base, vm, k, t) {
    let f = (*vm).frame;
    if (*f).then as u8 != Continue::Plain as u8 || (*f).results > 1 {
        return return_slow0(i, pc, base, vm, k, t);
    }
    (*vm).top = base.sub(1);
    if (*f).results == 1 {
        (*base.sub(1)).tag = tag::NIL;
    }
    back_to_caller!(vm, t)
} }
slow! { return_slow0(i, pc, base, vm, k, t) {
    Act::Return { first: base, n: 0 }
} }
#[inline(never)]
unsafe extern "C-unwind" fn op_return(
    i: u64,
    pc: *const u64,
    base: *mut Value,
    vm: *mut Vm,
    _k: *const Value,
    t: *const Handlers,
) -> Flow {
    unsafe {
        let a = ra!(i, base);
        let b = (i >> 32) as u16 as usize;
        let n = if b == 0 { (*vm).top.offset_from(a) as usize } else { b - 1 };
        (*(*vm).frame).pc = pc;
        let act = if (i >> 8) as u8 != 0 {
            (*vm).top = a.add(n);
            match (*vm).close_one(base, n) {
                Some(act) => act,
                None => Act::Return { first: a, n },
            }
        } else {
            Act::Return { first: a, n }
        };
        carry_out!(act, vm, t)
    }
}
slow! { op_close(i, pc, base, vm, k, t) {
    (*vm).top = base;
    match (*vm).close_one(ra!(i, base), 0) {
        Some(act) => act,
        None => Act::Run,
    }
} }
slow! { op_tbc(i, pc, base, vm, k, t) {
    match (*vm).mark_to_close(ra!(i, base)) {
        Ok(()) => Act::Run,
        Err(raise) => (*vm).raised(raise),
    }
} }

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
            set_int(a.add(1), count as i64 - 1);
            (*a).bits = index as u64;
            set_int(a.add(3), index);
            let to = barrier(pc.sub((i >> 32) as usize));
            go!(to, base, vm, k, t)
        }
        let to = barrier(pc);
        go!(to, base, vm, k, t)
    }
    forloop_float(i, pc, base, vm, k, t)
} }
#[inline(never)]
unsafe extern "C-unwind" fn forloop_float(
    i: u64,
    pc: *const u64,
    base: *mut Value,
    vm: *mut Vm,
    k: *const Value,
    t: *const Handlers,
) -> Flow {
    unsafe {
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
    }
}
slow! { op_forprep(i, pc, base, vm, k, t) {
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
unsafe fn for_prepare(vm: &mut Vm, a: *mut Value) -> Result<bool, super::native::Raise> {
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
    fn loop_number(&self, v: Value) -> Option<Result<i64, f64>> {
        match v.tag {
            tag::INT => Some(Ok(v.bits as i64)),
            tag::FLOAT => Some(Err(f64::from_bits(v.bits))),
            // A numeral counts as a float here, as in the reference.
            _ => self.to_number(v)?.number_as_float().map(Err),
        }
    }
    fn for_type_error(&mut self, what: &str, v: Value) -> super::native::Raise {
        let text =
            format!("bad 'for' {what} (number expected, got {})", String::from_utf8_lossy(&self.type_name_of(v)));
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
/// `next` for a loop: writes `wanted` values to `to`. A function of its own: a handler that has a value's address taken
/// could not end in a jump.
#[inline(never)]
unsafe fn next_entry(table: *const Table, key: *const Value, to: *mut Value, wanted: i16) -> bool {
    unsafe {
        let Ok(entry) = (*table).next(*key) else { return false };
        let (key, value) = entry.unwrap_or((Value::NIL, Value::NIL));
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
/// Calls a leaf; its result goes to its function's slot. As `next_entry`, a function of its own.
#[inline(never)]
unsafe fn call_leaf(f: fn(&mut Vm) -> super::native::Result<Value>, vm: *mut Vm) -> bool {
    unsafe {
        match f(&mut *vm) {
            Ok(v) => {
                *(*vm).leaf = v;
                (*vm).leaf = std::ptr::null_mut();
                true
            }
            Err(_) => false,
        }
    }
}
#[inline(never)]
unsafe extern "C-unwind" fn op_tforcall(
    i: u64,
    pc: *const u64,
    base: *mut Value,
    vm: *mut Vm,
    k: *const Value,
    t: *const Handlers,
) -> Flow {
    unsafe {
        let a = ra!(i, base);
        let left = (*vm).fuel - 1;
        (*vm).fuel = left;
        if left < 0 {
            return safepoint_again(i, pc, base, vm, k, t);
        }
        let to = a.add(4);
        let wanted = (i >> 48) as i16;
        if tag_of(a) == tag::NATIVE
            && tag_of(a.add(1)) == tag::TABLE
            && std::ptr::eq((*a).bits as *const super::native::Native, &super::native::NEXT)
        {
            // pairs: `next` without a call.
            let table = (*a.add(1)).bits as *const Table;
            if next_entry(table, a.add(2), to, wanted) {
                go!(pc, base, vm, k, t)
            }
        }
        copy(to, a);
        copy(to.add(1), a.add(1));
        copy(to.add(2), a.add(2));
        (*vm).top = to.add(3);
        (*(*vm).frame).pc = pc;
        let act = Act::Call { function: to, results: wanted, then: Continue::Plain };
        carry_out!(act, vm, t)
    }
}
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
    let to = barrier(pc);
    go!(to, base, vm, k, t)
} }

// Varargs.

slow! { op_varargprep(i, pc, base, vm, k, t) {
    let f = (*vm).frame;
    let p = &*(*closure_of(base)).proto;
    let given = (*f).state as usize;
    let fixed = p.parameters as usize;
    // The function and its fixed parameters move above all that was given.
    let shift = given.max(fixed) + 1;
    let offset = base.offset_from((*(*vm).thread).stack);
    (*vm).top = base.add(given.max(fixed));
    if (*vm).ensure_slots(p.registers as usize + 1).is_err() {
        (*vm).stack_overflow()
    } else {
        let base = (*(*vm).thread).stack.offset(offset);
        let function = base.sub(1);
        let new_function = function.add(shift);
        *new_function = *function;
        for j in 0..fixed {
            *new_function.add(1 + j) = *base.add(j);
            *base.add(j) = Value::NIL;
        }
        let f = (*vm).frame;
        (*f).base = new_function.add(1);
        (*f).shift = shift as u32;
        (*vm).top = new_function.add(1 + fixed);
        Act::Run
    }
} }
#[inline(never)]
unsafe extern "C-unwind" fn op_vararg(
    i: u64,
    pc: *const u64,
    base: *mut Value,
    vm: *mut Vm,
    k: *const Value,
    t: *const Handlers,
) -> Flow {
    unsafe {
        let f = &*(*vm).frame;
        let fixed = (*(*closure_of(base)).proto).parameters as usize;
        let extra = (f.shift as usize).saturating_sub(fixed + 1);
        let wanted = (i >> 48) as usize;
        let (mut base, n) = (base, if wanted == 0 { extra } else { wanted - 1 });
        if wanted == 0 {
            let a = ra!(i, base).offset_from(base);
            (*vm).top = ra!(i, base);
            if (*vm).ensure_slots(n).is_err() {
                return vararg_overflow(i, pc, base, vm, k, t);
            }
            base = (*(*vm).frame).base;
            (*vm).top = base.offset(a).add(n);
        }
        let a = ra!(i, base);
        // The extra arguments lie between the fixed ones' old place and the function's new one.
        let first = base.sub(1 + extra);
        for j in 0..n {
            if j < extra {
                copy(a.add(j), first.add(j));
            } else {
                (*a.add(j)).tag = tag::NIL;
            }
        }
        go!(pc, base, vm, k, t)
    }
}
slow! { vararg_overflow(i, pc, base, vm, k, t) {
    (*vm).stack_overflow()
} }
/// Never executed: the instruction before an EXTRAARG passes over it.
#[cold]
unsafe extern "C-unwind" fn op_extraarg(
    _i: u64,
    _pc: *const u64,
    _base: *mut Value,
    _vm: *mut Vm,
    _k: *const Value,
    _t: *const Handlers,
) -> Flow {
    unreachable!("an EXTRAARG is passed over by the instruction before it")
}

// Safepoints.

/// Stops before the instruction that found the reductions used up; it will be executed again, and charge then.
#[cold]
#[inline(never)]
unsafe extern "C-unwind" fn safepoint_again(
    _i: u64,
    pc: *const u64,
    _base: *mut Value,
    vm: *mut Vm,
    _k: *const Value,
    _t: *const Handlers,
) -> Flow {
    unsafe {
        (*vm).fuel += 1;
        if (*vm).hooked {
            (*vm).current_hook().again = true;
        }
        (*(*vm).frame).pc = pc.sub(1);
        (*vm).left = Left::Safepoint;
        leave!()
    }
}
/// Stops before the next instruction.
#[cold]
#[inline(never)]
unsafe extern "C-unwind" fn safepoint(
    _i: u64,
    pc: *const u64,
    _base: *mut Value,
    vm: *mut Vm,
    _k: *const Value,
    _t: *const Handlers,
) -> Flow {
    unsafe {
        (*(*vm).frame).pc = pc;
        (*vm).left = Left::Safepoint;
        leave!()
    }
}

// Layouts that the stores of op_call rely on.
const _: () = {
    assert!(std::mem::offset_of!(Frame, kind) == std::mem::offset_of!(Frame, results) + 2);
    assert!(std::mem::offset_of!(Frame, then) == std::mem::offset_of!(Frame, results) + 3);
    assert!(std::mem::offset_of!(Frame, shift) == std::mem::offset_of!(Frame, results) + 4);
    assert!(std::mem::offset_of!(Frame, flags) == std::mem::offset_of!(Frame, state) + 4);
    assert!(FrameKind::Lua as u8 == 0 && Continue::Plain as u8 == 0);
    assert!(std::mem::offset_of!(Upvalue, header) == 0 && std::mem::offset_of!(Table, header) == 0);
    assert!(size_of::<Header>() == 16 && size_of::<Node>() == 24 && size_of::<Table>() == 56);
};
