//! Calls, returns and varargs.
//!
//! Journey: closure -> **frame** -> value (manual 3.4.10, 3.4.11). Hot: a Lua function called by a fixed number of
//! arguments, and a return of at most one value to a Lua caller. Everything else is an act (call.rs). Every call
//! charges a reduction.
//!
//! SAFETY, beyond what every handler relies on (mod.rs):
//! * of a call, the function is in register A, its arguments above it: up to B, or up to `top` where the instruction
//!   before left an open list (the verifier knows these pairs).
//! * a frame is written only after the checks that it fits: `frames_end` for the frame, `stack_end` for its registers.
//! * a frame whose results go on plainly has a Lua frame below it; one below the first frame is never read.

use super::*;
use crate::vm::native::{self, Function, Native};
use crate::vm::thread::{Continue, Frame, FrameKind, flags};

// Calls.

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
outline! { call_slow(i, pc, base, vm, k, t) {
    if (*vm).fuel < 0 {
        return safepoint_again(i, pc, base, vm, k, t);
    }
    call_any(i, pc, base, vm, k, t)
} }
/// What came of a quick native.
enum Quick {
    Done,
    Failed,
    NotEnough,
}
/// As `call_leaf`, for a leaf that may not be enough.
///
/// # Safety
/// As `call_leaf`.
#[inline(never)]
unsafe fn call_quick(f: fn(&mut Vm) -> native::Result<Option<Value>>, vm: *mut Vm) -> Quick {
    // SAFETY: the caller has set `leaf` to the slot of the function that is called, inside the running stack; a native
    // that moves the stack moves `leaf` with it.
    unsafe {
        match f(&mut *vm) {
            Ok(Some(v)) => {
                *(*vm).leaf = v;
                (*vm).leaf = std::ptr::null_mut();
                Quick::Done
            }
            Ok(None) => {
                (*vm).leaf = std::ptr::null_mut();
                Quick::NotEnough
            }
            Err(_) => Quick::Failed,
        }
    }
}
/// Calls a leaf; its result goes to its function's slot. A function of its own, as `next_entry` is (control.rs).
#[inline(never)]
unsafe fn call_leaf(f: fn(&mut Vm) -> native::Result<Value>, vm: *mut Vm) -> bool {
    // SAFETY: `vm` is the running machine (1), lent to the leaf. `leaf` is the function's slot, which moves with the
    // stack while the leaf runs; when it comes back its arguments are not needed any more.
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
// A call of something other than a Lua function, with a fixed number of arguments. Leaves are called right here.
outline! { call_other(i, pc, base, vm, k, t) {
    let a = ra!(i, base);
    let left = (*vm).fuel - 1;
    (*vm).fuel = left;
    if left < 0 {
        return safepoint_again(i, pc, base, vm, k, t);
    }
    // Of no result or one: where none is wanted, the slot of the function is nobody's any more.
    if tag_of(a) == tag::NATIVE && matches!((i >> 48) as u16, 1 | 2) {
        let native = &*((*a).bits as *const Native);
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
        if let Function::Quick(f, _) = native.function {
            (*(*vm).frame).pc = pc;
            (*vm).top = a.byte_add((i >> 32) as u16 as usize);
            (*vm).base = a.add(1);
            (*vm).leaf = a;
            match call_quick(f, vm) {
                Quick::Done => {
                    if (*vm).heap.wants_collection() {
                        (*vm).interrupt();
                    }
                    go!(pc, (*(*vm).frame).base, vm, k, t)
                }
                Quick::Failed => return leaf_failed(i, pc, base, vm, k, t),
                Quick::NotEnough => return call_steps(i, pc, (*(*vm).frame).base, vm, k, t),
            }
        }
    }
    call_any(i, pc, base, vm, k, t)
} }
slow! { call_steps(i, pc, base, vm, k, t) {
    (*vm).call_steps(ra!(i, base), wanted(i), Continue::Plain)
} }
slow! { leaf_failed(i, pc, base, vm, k, t) {
    let mut function = (*vm).leaf;
    (*vm).leaf = std::ptr::null_mut();
    if (*vm).ensure_frame(&mut function).is_ok() {
        (*vm).push_frame(function, FrameKind::Native, wanted(i), Continue::Plain);
    }
    Act::Raise
} }
/// Results that a call wants; -1: all.
#[inline(always)]
fn wanted(i: u64) -> i16 {
    ((i >> 48) as u16).wrapping_sub(1) as i16
}
// Any call. Reductions are charged already.
outline! { call_any(i, pc, base, vm, k, t) {
    (*(*vm).frame).pc = pc;
    let a = ra!(i, base);
    let b = (i >> 32) as u16 as usize;
    if b != 0 {
        (*vm).top = a.byte_add(b);
    }
    let act = Act::Call { function: a, results: wanted(i), then: Continue::Plain };
    let more = (*vm).drive(act);
    if (*vm).heap.wants_collection() {
        (*vm).interrupt();
    }
    if !more {
        leave!()
    }
    let (f, t) = ((*vm).frame, (*vm).handlers);
    go!((*f).pc, (*f).base, vm, (*f).k, t)
} }
outline! { op_call_open(i, pc, base, vm, k, t) {
    let left = (*vm).fuel - 1;
    (*vm).fuel = left;
    if left < 0 {
        return safepoint_again(i, pc, base, vm, k, t);
    }
    call_any(i, pc, base, vm, k, t)
} }
outline! { op_tailcall(i, pc, base, vm, k, t) {
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
        (*(*vm).thread).close_upvalues(&mut (*vm).heap, base);
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
} }
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
// Returns.

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
outline! { return_slow1(i, pc, base, vm, k, t) {
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
} }
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
outline! { op_return(i, pc, base, vm, k, t) {
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
} }
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
outline! { op_vararg(i, pc, base, vm, k, t) {
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
        (*vm).pay_for_values(n);
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
} }
slow! { vararg_overflow(i, pc, base, vm, k, t) {
    (*vm).stack_overflow()
} }

// Layouts that the stores of op_call rely on.
const _: () = {
    assert!(std::mem::offset_of!(Frame, kind) == std::mem::offset_of!(Frame, results) + 2);
    assert!(std::mem::offset_of!(Frame, then) == std::mem::offset_of!(Frame, results) + 3);
    assert!(std::mem::offset_of!(Frame, shift) == std::mem::offset_of!(Frame, results) + 4);
    assert!(std::mem::offset_of!(Frame, flags) == std::mem::offset_of!(Frame, state) + 4);
    assert!(FrameKind::Lua as u8 == 0 && Continue::Plain as u8 == 0);
};
