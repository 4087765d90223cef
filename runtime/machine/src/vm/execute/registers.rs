//! Loads, upvalues and closures: what moves values between registers, constants and captured variables.
//!
//! Journey: prototype -> **closure**, and frame -> **value**.
//!
//! SAFETY, beyond what every handler relies on (mod.rs):
//! * a closure has as many cells as its prototype has upvalues, all set when it is made, and each is a live upvalue;
//!   `location` is a slot of the stack while the upvalue is open, its own cell afterwards.
//! * a module outlives its prototypes, which point to nested ones of the same module.

use super::*;
use crate::vm::load::Proto;
use crate::vm::thread::Thread;

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
outline! { slow_setupval(i, pc, base, vm, k, t) {
    let u = upvalue_at(base, (i >> 32) as u16);
    let v = *ra!(i, base);
    (*vm).heap.barrier(&(*u).header, v);
    *(*u).location.get() = v;
    go!(pc, base, vm, k, t)
} }

// Closures.

outline! { op_closure(i, pc, base, vm, k, t) {
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
} }

const _: () = assert!(std::mem::offset_of!(Upvalue, header) == 0);
