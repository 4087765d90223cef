//! Natives that call Lua, switch between coroutines, or are called by one that does.
//!
//! Journey: closure -> **frame** -> value. A native's first step and all that follow are entered from the instructions, and
//! what it mostly wants (to return, to have a Lua function called, to go on in another coroutine) is done in place. The
//! reader might expect an [`Act`] each time: a comparator of `table.sort` would pass through six of them for one comparison.
//! What is seldom wanted is an act.
//!
//! SAFETY, beyond what every handler relies on (mod.rs): what always holds between acts (call.rs, 1 to 4) holds whenever a
//! native is entered here.

use super::*;
use crate::vm::call::{COLLECT, MAX_CATCHERS};
use crate::vm::native::{self, ERROR, Function, Step};
use crate::vm::thread::{Continue, Frame, FrameKind, flags};

/// Enters a native that is a state machine, in a frame for which there is room, and does what it wants then; true: the
/// instructions go on.
#[inline(never)]
pub(super) unsafe fn call_first_step(
    f: fn(&mut Vm, u32) -> native::Result<Step>,
    vm: *mut Vm,
    function: *mut Value,
    wanted: i16,
) -> bool {
    // SAFETY: `function` is the slot of the native, its arguments above it up to `top`; the caller has seen that a frame
    // fits. What the step wants is done as after any other.
    unsafe {
        let vm = &mut *vm;
        vm.push_frame(function, FrameKind::Native, wanted, Continue::Plain);
        vm.base = function.add(1);
        let step = f(vm, 0);
        if let Ok(Step::Return(n)) = step
            && !vm.hooked
        {
            let n = n.min(vm.count() + 1);
            let first = vm.top.sub(n);
            let to = (*vm.frame).base.sub(1);
            vm.frame = vm.frame.sub(1);
            vm.move_results(first, n, to, wanted);
            return true;
        }
        take_step(vm, &step)
    }
}
/// Enters the native on top again, for which what it has called has brought its results, and does what it wants then; true:
/// the instructions go on.
#[inline(never)]
unsafe fn go_on(vm: *mut Vm) -> bool {
    // SAFETY: the native's frame is on top, its registers up to `top`; the slot below a native frame's registers holds
    // the native.
    unsafe {
        let vm = &mut *vm;
        if vm.heap.wants_collection() {
            vm.interrupt();
        }
        let f = &mut *vm.frame;
        let function = f.base.sub(1);
        if vm.fuel < 0
            || vm.hooked
            || f.state & (COLLECT | ERROR) != 0
            || (tag_of(function) != tag::NATIVE && tag_of(function) != tag::NATIVE_CLOSURE)
        {
            return vm.drive(Act::Native);
        }
        let (Function::Steps(enter) | Function::Quick(_, enter)) = (*native_at(function)).function else {
            return vm.drive(Act::Native);
        };
        vm.base = f.base;
        let seen = f.flags;
        if seen & (flags::NO_YIELD | flags::CATCH) != 0 {
            (*vm.thread).no_yield -= (seen & flags::NO_YIELD != 0) as u32;
            (*vm.thread).catchers -= (seen & flags::CATCH != 0) as u32;
            f.flags = seen & !(flags::NO_YIELD | flags::CATCH | flags::HANDLER);
        }
        let step = enter(vm, f.state);
        if let Ok(Step::Call { function, results, next, catch }) = step
            && function < vm.count()
            && call_closure(vm, function, results, next, catch)
        {
            return true;
        }
        take_step(vm, &step)
    }
}
/// Does what the native on top wants, and goes on with the natives that have called it; true: the instructions go on.
#[inline(never)]
unsafe fn take_step(vm: &mut Vm, step: &native::Result<Step>) -> bool {
    // SAFETY: the native's frame is on top, its registers from `base` up to `top`; what a step names of them was pushed. A
    // frame that returns has one below it that waits for the results, of the kind that it says.
    unsafe {
        let returned = match *step {
            Ok(Step::Return(n)) => {
                // A native that was thawed in the middle of its work may have found fewer registers than it left.
                let n = n.min(vm.count() + 1);
                Act::Return { first: vm.top.sub(n), n }
            }
            Ok(Step::Call { function, results, next, catch }) if function < vm.count() => {
                if call_closure(vm, function, results, next, catch) {
                    return true;
                }
                return acts(vm, step);
            }
            Ok(Step::Yield) => vm.do_yield(),
            Ok(Step::Resume(kind)) => vm.do_resume(kind),
            _ => return acts(vm, step),
        };
        let Act::Return { first, n } = returned else { return vm.drive(returned) };
        let f = &*vm.frame;
        if vm.hooked {
            return vm.drive(returned);
        }
        let (to, wanted) = (f.function_slot(), f.results);
        match f.then {
            Continue::Plain => {
                vm.frame = vm.frame.sub(1);
                vm.move_results(first, n, to, wanted);
                true
            }
            _ => vm.drive(returned),
        }
    }
}
/// What a native wants, by acts.
#[cold]
#[inline(never)]
unsafe fn acts(vm: &mut Vm, step: &native::Result<Step>) -> bool {
    // SAFETY: as in `take_step`.
    unsafe {
        let act = match *step {
            Ok(step) => vm.step_taken(step),
            Err(raise) => vm.raised(raise),
        };
        vm.drive(act)
    }
}
/// Pushes the frame of a Lua function that the native on top calls; false, and nothing is done, if it is none, or there is
/// more to it.
#[inline(always)]
unsafe fn call_closure(vm: &mut Vm, function: usize, results: i16, next: u32, catch: bool) -> bool {
    // SAFETY: the register is one of the native's; a frame is written only after the checks that it fits.
    unsafe {
        let f = vm.frame;
        let a = (*f).base.add(function);
        if tag_of(a) != tag::CLOSURE || vm.hooked {
            return false;
        }
        let p = (*((*a).bits as *const Closure)).proto;
        let new_base = a.add(1);
        let callee = f.add(1);
        if new_base.add((*p).registers as usize) > vm.stack_end
            || callee >= vm.frames_end
            || catch && (*vm.thread).catchers >= MAX_CATCHERS
        {
            return false;
        }
        // As every call does.
        vm.fuel -= 1;
        (*f).state = next;
        // Where the call is, for the frozen form.
        (*f).pc = function as *const u64;
        if catch {
            (*f).flags |= flags::CATCH;
            (*vm.thread).catchers += 1;
        }
        if !(*native_at((*f).base.sub(1))).yieldable {
            (*f).flags |= flags::NO_YIELD;
            (*vm.thread).no_yield += 1;
        }
        let given = vm.top.offset_from(new_base) as usize;
        for n in given..(*p).parameters as usize {
            (*new_base.add(n)).tag = tag::NIL;
        }
        callee.write(Frame {
            pc: (*p).code,
            base: new_base,
            k: (*p).k,
            results,
            kind: FrameKind::Lua,
            then: Continue::Native,
            shift: 0,
            state: given as u32,
            flags: 0,
        });
        vm.frame = callee;
        true
    }
}

// A return of one value, in register A, to whoever does not wait for it as an instruction's result.
outline! { return1_elsewhere(i, pc, base, vm, k, t) {
    let f = (*vm).frame;
    if (*vm).hooked {
        return return1_by_act(i, pc, base, vm, k, t);
    }
    if (*f).then == Continue::Native && matches!((*f).results, 1 | -1) {
        let to = (*f).function_slot();
        copy(to, ra!(i, base));
        (*vm).top = to.add(1);
        (*vm).frame = f.sub(1);
        return to_native(i, pc, base, vm, k, t);
    }
    match (*f).then {
        Continue::Store => {
            let caller = f.sub(1);
            (*vm).frame = caller;
            let to = (*caller).base.byte_add((*(*caller).pc.sub(1) >> 16) as u16 as usize);
            copy(to, ra!(i, base));
            go!((*caller).pc, (*caller).base, vm, (*caller).k, t)
        }
        Continue::Condition => {
            let caller = f.sub(1);
            (*vm).frame = caller;
            let truth = tag_of(ra!(i, base)) > tag::FALSE;
            let (pc, wanted) = ((*caller).pc, (*(*caller).pc.sub(1) >> 8) as u8 != 0);
            let pc = if truth != wanted { pc.add(1) } else { pc };
            go!(pc, (*caller).base, vm, (*caller).k, t)
        }
        Continue::Discard => {
            let caller = f.sub(1);
            (*vm).frame = caller;
            go!((*caller).pc, (*caller).base, vm, (*caller).k, t)
        }
        _ => return1_by_act(i, pc, base, vm, k, t),
    }
} }
outline! { return1_by_act(i, pc, base, vm, k, t) {
    let act = Act::Return { first: ra!(i, base), n: 1 };
    carry_out!(act, vm, t)
} }
// A return of no value, likewise.
outline! { return0_elsewhere(i, pc, base, vm, k, t) {
    let f = (*vm).frame;
    if (*vm).hooked {
        return return0_by_act(i, pc, base, vm, k, t);
    }
    match (*f).then {
        Continue::Native if (*f).results == 1 => {
            let to = (*f).function_slot();
            (*to).tag = tag::NIL;
            (*vm).top = to.add(1);
        }
        Continue::Native if (*f).results <= 0 => (*vm).top = (*f).function_slot(),
        Continue::CloseAgain => {
            // The instruction again, for what is still to be closed; as in `deliver`.
            let caller = f.sub(1);
            (*vm).frame = caller;
            let again = (*caller).pc.sub(1);
            (*vm).top = (*caller).base.byte_add((*again >> 16) as u16 as usize).add((*caller).state as usize);
            go!(again, (*caller).base, vm, (*caller).k, t)
        }
        Continue::Discard => {
            let caller = f.sub(1);
            (*vm).frame = caller;
            go!((*caller).pc, (*caller).base, vm, (*caller).k, t)
        }
        _ => return return0_by_act(i, pc, base, vm, k, t),
    }
    (*vm).frame = f.sub(1);
    to_native(i, pc, base, vm, k, t)
} }
slow! { return0_by_act(i, pc, base, vm, k, t) {
    Act::Return { first: base, n: 0 }
} }
// Goes on with the native on top, which has the results that it waited for.
outline! { to_native(i, pc, base, vm, k, t) {
    if !go_on(vm) {
        leave!()
    }
    let (f, t) = ((*vm).frame, (*vm).handlers);
    go!((*f).pc, (*f).base, vm, (*f).k, t)
} }
// A return of some values to a native, which lie from register A up.
outline! { return_elsewhere(i, pc, base, vm, k, t) {
    let f = (*vm).frame;
    let (to, wanted) = ((*f).function_slot(), (*f).results);
    let a = ra!(i, base);
    let b = (i >> 32) as u16 as usize;
    let n = if b == 0 { (*vm).top.offset_from(a) as usize } else { b - 1 };
    (*vm).frame = f.sub(1);
    (*vm).move_results(a, n, to, wanted);
    if wanted >= 0 {
        (*vm).top = to.add(wanted as usize);
    }
    to_native(i, pc, base, vm, k, t)
} }
