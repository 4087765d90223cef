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

use super::metamethods::push_two;
use super::*;
use crate::value::{NativeClosure, Table};
use crate::vm::Exit;
use crate::vm::metamethod::{Event, fast, name_address};
use crate::vm::native::{self, Function, Native};
use crate::vm::thread::{Continue, Frame, FrameKind, flags};

// Calls.

/// Writes the frame of a Lua function whose results go on plainly, and goes to its first instruction.
macro_rules! enter {
    ($p:expr, $callee:expr, $new_base:expr, $results:expr, $given:expr, $vm:ident, $t:ident) => {{
        let (p, callee, new_base) = ($p, $callee, $new_base);
        let code = (*p).code;
        let constants = (*p).k;
        (*callee).base = new_base;
        (*callee).k = constants;
        // results, kind, then: one word.
        (&raw mut (*callee).results).cast::<u64>().write($results);
        (&raw mut (*callee).state).cast::<u64>().write($given as u64);
        (*$vm).frame = callee;
        go!(code, new_base, $vm, constants, $t)
    }};
}

// The checks of reductions and room that every call makes, and a frame for a Lua function.
// What leaves from here once it is a Lua function that is called finds the caller's registers in its frame: so none has to be saved.
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
        return call_slow(i, pc, new_base, vm, std::ptr::null(), t);
    }
    let given = ((i >> 32) as u16 as u32 >> 4) - 1;
    if given < (*p).parameters {
        cold_path();
        return call_with_fewer(i, pc, new_base, vm, std::ptr::null(), t);
    }
    (*f).pc = pc;
    enter!(p, callee, new_base, (((i >> 48) as u16).wrapping_sub(1)) as u64, given, vm, t)
} }
outline! { call_slow(i, pc, base, vm, k, t) {
    let f = (*vm).frame;
    let (base, k) = ((*f).base, (*f).k);
    if (*vm).fuel < 0 {
        return safepoint_again(i, pc, base, vm, k, t);
    }
    call_any(i, pc, base, vm, k, t)
} }
// A call of a Lua function by fewer arguments than it has parameters, paid for and with room for its frame.
outline! { call_with_fewer(i, pc, base, vm, k, t) {
    let f = (*vm).frame;
    let a = ra!(i, (*f).base);
    let p = (*((*a).bits as *const Closure)).proto;
    let new_base = a.add(1);
    (*f).pc = pc;
    let given = ((i >> 32) as u16 as u32 >> 4) - 1;
    let mut n = given;
    while n < (*p).parameters {
        (*new_base.add(n as usize)).tag = tag::NIL;
        n += 1;
    }
    enter!(p, f.add(1), new_base, (((i >> 48) as u16).wrapping_sub(1)) as u64, given, vm, t)
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
// A call of something other than a Lua function, with a fixed number of arguments.
outline! { call_other(i, pc, base, vm, k, t) {
    let left = (*vm).fuel - 1;
    (*vm).fuel = left;
    if left < 0 {
        return safepoint_again(i, pc, base, vm, k, t);
    }
    (*vm).top = ra!(i, base).byte_add((i >> 32) as u16 as usize);
    call_native(i, pc, base, vm, k, t)
} }
/// Goes on behind a leaf: one result, in the slot of the function; where none is wanted that is nobody's any more.
macro_rules! leaf_done {
    ($i:ident, $vm:ident) => {{
        if (*$vm).heap.wants_collection() {
            (*$vm).interrupt();
        }
        let f = (*$vm).frame;
        let (base, t) = ((*f).base, (*$vm).handlers);
        let wanted = wanted($i);
        if wanted < 0 {
            (*$vm).top = ra!($i, base).add(1);
        }
        let mut j = 1;
        while j < wanted as isize {
            (*ra!($i, base).offset(j)).tag = tag::NIL;
            j += 1;
        }
        go!((*f).pc, base, $vm, (*f).k, t)
    }};
}
// A call of what is no Lua function, its arguments up to `top`, paid for. Natives are called right here.
outline! { call_native(i, pc, base, vm, k, t) {
    let a = ra!(i, base);
    if (tag_of(a) != tag::NATIVE && tag_of(a) != tag::NATIVE_CLOSURE) || (*vm).hooked {
        if tag_of(a) == tag::TABLE && !(*vm).hooked {
            return call_table(i, pc, base, vm, k, t);
        }
        return call_made(i, pc, base, vm, k, t);
    }
    (*(*vm).frame).pc = pc;
    match (*native_at(a)).function {
        Function::Leaf(_) => call_as_leaf(i, pc, base, vm, k, t),
        Function::Quick(..) => call_as_quick(i, pc, base, vm, k, t),
        Function::Steps(_) => call_as_steps(i, pc, base, vm, k, t),
    }
} }
// Behind a native's call all but the machine and the instruction is read from the frame again: so little has to be saved.
outline! { call_as_leaf(i, pc, base, vm, k, t) {
    let a = ra!(i, base);
    let Function::Leaf(f) = (*native_at(a)).function else { return call_made(i, pc, base, vm, k, t) };
    (*vm).base = a.add(1);
    (*vm).leaf = a;
    if !call_leaf(f, vm) {
        return leaf_left(i, std::ptr::null(), std::ptr::null_mut(), vm, std::ptr::null(), std::ptr::null());
    }
    leaf_done!(i, vm)
} }
outline! { call_as_quick(i, pc, base, vm, k, t) {
    let a = ra!(i, base);
    let Function::Quick(f, _) = (*native_at(a)).function else { return call_made(i, pc, base, vm, k, t) };
    (*vm).base = a.add(1);
    (*vm).leaf = a;
    match call_quick(f, vm) {
        Quick::Done => leaf_done!(i, vm),
        Quick::Failed => leaf_left(i, std::ptr::null(), std::ptr::null_mut(), vm, std::ptr::null(), std::ptr::null()),
        Quick::NotEnough => {
            let f = (*vm).frame;
            call_steps(i, (*f).pc, (*f).base, vm, (*f).k, (*vm).handlers)
        }
    }
} }
outline! { call_as_steps(i, pc, base, vm, k, t) {
    let a = ra!(i, base);
    let Function::Steps(f) = (*native_at(a)).function else { return call_made(i, pc, base, vm, k, t) };
    if (*vm).frame.add(1) >= (*vm).frames_end {
        return call_steps(i, pc, base, vm, k, t);
    }
    if !call_first_step(f, vm, a, wanted(i)) {
        leave!()
    }
    if (*vm).heap.wants_collection() {
        (*vm).interrupt();
    }
    let (f, t) = ((*vm).frame, (*vm).handlers);
    go!((*f).pc, (*f).base, vm, (*f).k, t)
} }
// A call of a table, its arguments up to `top`: of the Lua function that its metatable names, with the table in front.
outline! { call_table(i, pc, base, vm, k, t) {
    let a = ra!(i, base);
    let meta = (*((*a).bits as *const Table)).metatable.get();
    if !meta.is_null() && (*vm).top < (*vm).stack_end {
        let n = (*meta).find_str_node(&*name_address(Event::Call));
        if !n.is_null() && (*n).value_tag as u64 == tag::CLOSURE {
            let mut to = (*vm).top;
            (*vm).pay_for_values(to.offset_from(a) as usize);
            (*vm).top = to.add(1);
            while to > a {
                copy(to, to.sub(1));
                to = to.sub(1);
            }
            (*a).bits = (*n).value_bits;
            (*a).tag = tag::CLOSURE;
            return call_lua(i, pc, base, vm, k, t);
        }
    }
    call_made(i, pc, base, vm, k, t)
} }
/// The native in a slot.
#[inline(always)]
pub(super) unsafe fn native_at(a: *const Value) -> *const Native {
    // SAFETY: the caller has seen that the tag is that of a native, or of one with upvalues, which is live.
    unsafe {
        if tag_of(a) == tag::NATIVE {
            (*a).bits as *const Native
        } else {
            (*((*a).bits as *const NativeClosure)).native
        }
    }
}
outline! { call_steps(i, pc, base, vm, k, t) {
    // Of a leaf that waits only its frame is needed.
    if let Some(request) = (*vm).asked
        && (*vm).frame.add(1) < (*vm).frames_end
    {
        (*vm).asked = None;
        (*(*vm).frame).pc = pc;
        (*vm).push_frame(ra!(i, base), FrameKind::Native, wanted(i), Continue::Plain);
        (*vm).left = Left::Exit(Exit::Request(request));
        leave!()
    }
    call_steps_slow(i, pc, base, vm, k, t)
} }
slow! { call_steps_slow(i, pc, base, vm, k, t) {
    (*vm).call_steps(ra!(i, base), wanted(i), Continue::Plain)
} }
// A leaf that raises an error: the frame's registers once more.
outline! { #[cold] leaf_left(i, pc, base, vm, k, t) {
    let f = (*vm).frame;
    leaf_failed(i, (*f).pc, (*f).base, vm, (*f).k, (*vm).handlers)
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
    let b = (i >> 32) as u16 as usize;
    if b != 0 {
        (*vm).top = ra!(i, base).byte_add(b);
    }
    call_made(i, pc, base, vm, k, t)
} }
// Any call, its arguments up to `top`.
outline! { call_made(i, pc, base, vm, k, t) {
    (*(*vm).frame).pc = pc;
    let act = Act::Call { function: ra!(i, base), results: wanted(i), then: Continue::Plain };
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
    let a = ra!(i, base);
    let left = (*vm).fuel - 1;
    (*vm).fuel = left;
    if left < 0 {
        return safepoint_again(i, pc, base, vm, k, t);
    }
    if tag_of(a) != tag::CLOSURE {
        return call_native(i, pc, base, vm, k, t);
    }
    if (*vm).hooked {
        return call_made(i, pc, base, vm, k, t);
    }
    call_lua(i, pc, base, vm, k, t)
} }
// A call of a Lua function, its arguments up to `top`, paid for.
outline! { call_lua(i, pc, base, vm, k, t) {
    let a = ra!(i, base);
    let p = (*((*a).bits as *const Closure)).proto;
    let new_base = a.add(1);
    let f = (*vm).frame;
    let callee = f.add(1);
    let end = new_base.add((*p).registers as usize);
    if end > (*vm).stack_end || callee >= (*vm).frames_end {
        return call_made(i, pc, base, vm, k, t);
    }
    (*f).pc = pc;
    let given = (*vm).top.offset_from(new_base) as usize;
    let mut n = given;
    while n < (*p).parameters as usize {
        (*new_base.add(n)).tag = tag::NIL;
        n += 1;
    }
    enter!(p, callee, new_base, wanted(i) as u16 as u64, given, vm, t)
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
        // An ordinary call whose results the RETURN that follows gives back: all of them.
        return call_native(i & 0x0000_ffff_ffff_ffff, pc, base, vm, k, t);
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
    return1_elsewhere(i, pc, base, vm, k, t)
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
outline! { return_slow0(i, pc, base, vm, k, t) {
    let f = (*vm).frame;
    if (*f).then == Continue::Plain {
        // More than one result.
        for j in 0..(*f).results.max(0) as usize {
            (*base.sub(1).add(j)).tag = tag::NIL;
        }
        back_to_caller!(vm, t)
    }
    return0_elsewhere(i, pc, base, vm, k, t)
} }
op! { op_return(i, pc, base, vm, k, t) {
    let f = (*vm).frame;
    if (i >> 8) as u8 != 0 || (*f).then as u8 != Continue::Plain as u8 || (*vm).hooked {
        return return_other(i, pc, base, vm, k, t);
    }
    let mut from: *const Value = ra!(i, base);
    let b = (i >> 32) as u16 as usize;
    let n = if b == 0 { (*vm).top.offset_from(from) as usize } else { b - 1 };
    let mut wanted = (*f).results as isize;
    // The function's slot, below what it was given.
    let mut to = base.sub(1 + (*f).shift as usize);
    if wanted < 0 {
        (*vm).top = to.add(n);
        wanted = n as isize;
    }
    (*vm).pay_for_values(n.min(wanted as usize));
    let end = from.add(n);
    while wanted > 0 {
        if from < end {
            copy(to, from);
        } else {
            (*to).tag = tag::NIL;
        }
        to = to.add(1);
        from = from.add(1);
        wanted -= 1;
    }
    back_to_caller!(vm, t)
} }
outline! { return_other(i, pc, base, vm, k, t) {
    let f = (*vm).frame;
    if (i >> 8) as u8 != 0 {
        // No Lua is called unless a variable is to be closed; the hidden one of a loop is mostly nil, and not in the list.
        let thread = (*vm).thread;
        if (*thread).to_close.last().is_some_and(|&last| last >= base.offset_from((*thread).stack) as u32) {
            return return_slow(i, pc, base, vm, k, t);
        }
        (*thread).close_upvalues(&mut (*vm).heap, base);
    }
    if (*f).then != Continue::Plain || (*vm).hooked {
        if (*f).then == Continue::Native && !(*vm).hooked {
            return return_elsewhere(i, pc, base, vm, k, t);
        }
        return return_slow(i, pc, base, vm, k, t);
    }
    op_return(i & !0xff00, pc, base, vm, k, t)
} }
outline! { return_slow(i, pc, base, vm, k, t) {
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
outline! { op_close(i, pc, base, vm, k, t) {
    let level = ra!(i, base);
    let list = &(*(*vm).thread).to_close;
    let index = match list.last() {
        Some(&index) if index >= level.offset_from((*(*vm).thread).stack) as u32 => index,
        _ => {
            (*(*vm).thread).close_upvalues(&mut (*vm).heap, level);
            go!(pc, base, vm, k, t)
        }
    };
    let slot = (*(*vm).thread).stack.add(index as usize);
    let object = *slot;
    if object.tag == tag::TABLE {
        let mm = fast((*(object.bits as *const Table)).metatable.get(), Event::Close);
        if mm.tag == tag::CLOSURE
            && push_two(vm, pc, mm.bits as *const Closure, object, Value::NIL, Continue::CloseAgain)
        {
            (*(*vm).thread).to_close.pop();
            (*(*vm).thread).close_upvalues(&mut (*vm).heap, slot);
            (*(*vm).frame.sub(1)).state = 0;
            enter_top!(vm, t)
        }
    }
    slow_close(i, pc, base, vm, k, t)
} }
slow! { slow_close(i, pc, base, vm, k, t) {
    (*vm).top = base;
    match (*vm).close_one(ra!(i, base), 0) {
        Some(act) => act,
        None => Act::Run,
    }
} }
outline! { op_tbc(i, pc, base, vm, k, t) {
    let slot = ra!(i, base);
    let index = slot.offset_from((*(*vm).thread).stack) as u32;
    let list = &mut (*(*vm).thread).to_close;
    if tag_of(slot) == tag::TABLE
        && list.last().is_none_or(|&last| last < index)
        && !fast((*((*slot).bits as *const Table)).metatable.get(), Event::Close).is_nil()
    {
        list.push(index);
        go!(pc, base, vm, k, t)
    }
    slow_tbc(i, pc, base, vm, k, t)
} }
slow! { slow_tbc(i, pc, base, vm, k, t) {
    match (*vm).mark_to_close(ra!(i, base)) {
        Ok(()) => Act::Run,
        Err(raise) => (*vm).raised(raise),
    }
} }

// Varargs.

outline! { op_varargprep(i, pc, base, vm, k, t) {
    let f = (*vm).frame;
    let p = (*closure_of(base)).proto;
    let given = (*f).state as usize;
    let fixed = (*p).parameters as usize;
    // The function and its fixed parameters move above all that was given.
    let shift = given.max(fixed) + 1;
    let new_base = base.add(shift);
    if (*vm).stack_end.offset_from(new_base) < (*p).registers as isize + 1 {
        return varargprep_grow(i, pc, base, vm, k, t);
    }
    copy(new_base.sub(1), base.sub(1));
    for j in 0..fixed {
        copy(new_base.add(j), base.add(j));
        (*base.add(j)).tag = tag::NIL;
    }
    (*f).base = new_base;
    (*f).shift = shift as u32;
    (*vm).top = new_base.add(fixed);
    go!(pc, new_base, vm, k, t)
} }
slow! { varargprep_grow(i, pc, base, vm, k, t) {
    let f = (*vm).frame;
    let p = &*(*closure_of(base)).proto;
    let shift = ((*f).state as usize).max(p.parameters as usize) + 1;
    (*vm).top = base.add(shift);
    if (*vm).ensure_slots(p.registers as usize + 1).is_err() {
        (*vm).stack_overflow()
    } else {
        // Again, where there is room now.
        let f = &mut *(*vm).frame;
        f.pc = pc.sub(1);
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
