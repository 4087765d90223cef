//! The instructions: one handler each, written once, and the two ways to get from one to the next.
//!
//! Journey: frame -> **value**. A handler takes the machine's hot state in six arguments, which stay in registers, and
//! ends by dispatching the next instruction. Built with `cfg(tail_dispatch)` (build.rs: optimised, x86-64 or aarch64,
//! no sanitizer) that is a call in tail position through a table, which the compiler turns into a jump; otherwise
//! handlers return their new state to a loop with one `match`, which needs nothing from the optimiser.
//!
//! Here: what handlers are made of, dispatch, and safepoints. The handlers, by chapter: registers (loads, upvalues,
//! closures), tables, arithmetic, control (jumps, tests, loops), calls (and returns, varargs). They come in three
//! kinds: `op!` is hot; `outline!` is a way that hot handlers leave to, or an instruction that has no hot way; `slow!`
//! makes an act (call.rs) for everything that cannot be done in place.
//!
//! Rules for hot handlers: no call but in tail position (what is slow is a function of its own with the same
//! signature); never copy a `Value` as a whole right after it was written as two words (`copy` reads the tag apart: a
//! 16-byte load would wait for both stores); both arms of a data-dependent jump end in `barrier`, or the compiler
//! merges them into a conditional move and every fetch waits for the comparison. What outlines call keeps no stack
//! either: no address of a local variable may be alive where a handler ends, or its jump becomes a call.
//!
//! Always, and what the SAFETY comments of this folder refer to by number:
//! 1. `vm` is the machine that runs, borrowed by nobody else; `t` is its table of handlers.
//! 2. `pc` is the next instruction, and there is one: code ends in a return. A slow path saves it in the frame first.
//! 3. The code was made by the compiler or passed the verifier, so registers, constants, upvalues, nested prototypes
//!    and jumps are in range; operands are byte offsets (load.rs).
//! 4. `base` and `k` are the top frame's: its registers lie in the stack, its closure is in the slot below `base`. What
//!    makes the stack grow moves `base`; whoever calls that reads it again from the frame.
//! 5. A value's tag tells what its payload points to, and what registers hold is live.

#![cfg_attr(
    not(tail_dispatch),
    allow(
        unused_variables,
        improper_ctypes_definitions,
        clippy::all,
        reason = "the loop form passes on less, and to no foreign code"
    )
)]

use super::call::Act;
use super::error::Operand;
use super::op::{Op, UNFUSED, with_ops};
use super::{Left, Vm};
use crate::value::function::Upvalue;
use crate::value::{Closure, Value, tag};
use arithmetic::*;
use calls::*;
use control::*;
use fused::*;
use natives::*;
use registers::*;
use std::hint::cold_path;
use tables::*;

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

/// A handler: the arguments are always the same six.
macro_rules! handler {
    ($(#[$m:meta])* $name:ident ($i:ident, $pc:ident, $base:ident, $vm:ident, $k:ident, $t:ident) $body:block) => {
        $(#[$m])*
        #[allow(unused_variables)]
        pub(in crate::vm::execute) unsafe extern "C-unwind" fn $name(
            $i: u64,
            $pc: *const u64,
            $base: *mut Value,
            $vm: *mut Vm,
            $k: *const Value,
            $t: *const Handlers,
        ) -> Flow {
            // SAFETY: 1 to 5, which dispatch keeps from one handler to the next; what else a handler relies on is in
            // the header of its chapter.
            unsafe { $body }
        }
    };
}
/// A hot handler.
macro_rules! op {
    ($name:ident $arguments:tt $body:block) => {
        handler! { #[cfg_attr(not(tail_dispatch), inline(always))] $name $arguments $body }
    };
}
/// A handler that hot ones leave to, or an instruction without a hot way.
macro_rules! outline {
    ($(#[$m:meta])* $name:ident $arguments:tt $body:block) => {
        handler! { $(#[$m])* #[inline(never)] $name $arguments $body }
    };
}
/// A slow path: saves `pc`, makes an act and carries it out.
macro_rules! slow {
    ($name:ident ($i:ident, $pc:ident, $base:ident, $vm:ident, $k:ident, $t:ident) $act:block) => {
        handler! { #[cold] #[inline(never)] $name($i, $pc, $base, $vm, $k, $t) {
            (*(*$vm).frame).pc = $pc;
            let act: Act = $act;
            carry_out!(act, $vm, $t)
        } }
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

/// Goes to a safepoint if a collection is due, after an instruction that allocates.
macro_rules! after_allocation {
    ($i:ident, $pc:ident, $base:ident, $vm:ident, $k:ident, $t:ident) => {{
        if (*$vm).heap.wants_collection() {
            return safepoint($i, $pc, $base, $vm, $k, $t);
        }
        go!($pc, $base, $vm, $k, $t)
    }};
}

// After the macros, which the chapters use.
mod metamethods;
use metamethods::{call_metamethod, enter_top};

mod arithmetic;
mod calls;
mod control;
mod fused;
mod natives;
mod registers;
mod tables;

impl Vm {
    /// Runs until a safepoint that must be acted on, or an exit.
    pub(crate) fn execute(&mut self) -> Left {
        // SAFETY: `drive` has left a Lua frame on top, ready to go on; the frame has `pc`, `base` and `k` (2, 4), and
        // for the time of the run `vm` is used through this pointer alone (1).
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
    // SAFETY: `pc` is in verified code (2, 3), and the table has an entry for each value of a byte.
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
// Any instruction of a coroutine with a hook.
#[cfg(tail_dispatch)]
outline! { #[cold] op_hooked(i, pc, base, vm, k, t) {
    if let Some(act) = (*vm).before_instruction(i, pc) {
        carry_out!(act, vm, t)
    }
    HANDLERS.0[UNFUSED[(i & 0xff) as usize] as usize](i, pc, base, vm, k, t)
} }
// Never executed: the instruction before an EXTRAARG passes over it.
outline! { #[cold] #[allow(unused_unsafe, reason = "as all handlers are declared")] op_extraarg(i, pc, base, vm, k, t) {
    unreachable!("an EXTRAARG is passed over by the instruction before it")
} }
#[cfg(tail_dispatch)]
static HANDLERS: Handlers = {
    let mut all: [Handler; 256] = [op_extraarg; 256];
    macro_rules! fill {
        ($($name:ident => $handler:ident,)*) => { $(all[Op::$name as usize] = $handler;)* };
    }
    with_ops!(fill);
    Handlers(all)
};

#[cfg(not(tail_dispatch))]
unsafe fn run(mut pc: *const u64, mut base: *mut Value, vm: *mut Vm, mut k: *const Value) {
    let t: *const Handlers = &Handlers;
    // SAFETY: `pc` is in verified code (2, 3): first the caller's, then what a handler returns or the frame holds, on
    // which `drive` says to go on.
    unsafe {
        loop {
            let mut word = *pc;
            if (*vm).hooked {
                if let Some(act) = (*vm).before_instruction(word, pc.add(1)) {
                    if !(*vm).drive(act) {
                        return;
                    }
                    let f = &*(*vm).frame;
                    (pc, base, k) = (f.pc, f.base, f.k);
                    continue;
                }
                word = word & !0xff | UNFUSED[(word & 0xff) as usize] as u64;
            }
            macro_rules! dispatch {
                ($($name:ident => $handler:ident,)*) => {
                    match (word & 0xff) as u8 {
                        $(n if n == Op::$name as u8 => $handler(word, pc.add(1), base, vm, k, t),)*
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

// Safepoints.

// Stops before the instruction that found the reductions used up; it will be executed again, and charge then.
outline! { #[cold] safepoint_again(i, pc, base, vm, k, t) {
    (*vm).fuel += 1;
    if (*vm).hooked {
        (*vm).current_hook().again = true;
    }
    (*(*vm).frame).pc = pc.sub(1);
    (*vm).left = Left::Safepoint;
    leave!()
} }
// Stops before the next instruction.
outline! { #[cold] safepoint(i, pc, base, vm, k, t) {
    (*(*vm).frame).pc = pc;
    (*vm).left = Left::Safepoint;
    leave!()
} }

// Values, operands.

#[inline(always)]
unsafe fn tag_of(p: *const Value) -> u64 {
    // SAFETY: `p` is a register, a constant or a slot of a table (3), which all hold values.
    unsafe { (*p).tag }
}
#[inline(always)]
unsafe fn int_of(p: *const Value) -> i64 {
    // SAFETY: as tag_of; any payload is an integer.
    unsafe { (*p).bits as i64 }
}
#[inline(always)]
unsafe fn float_of(p: *const Value) -> f64 {
    // SAFETY: as tag_of; any payload is a float.
    unsafe { f64::from_bits((*p).bits) }
}
/// Copies a value in two words.
#[inline(always)]
unsafe fn copy(to: *mut Value, from: *const Value) {
    // SAFETY: as tag_of, for both; the tag is in memory like any other, so that a volatile read of it does.
    unsafe {
        let bits = (*from).bits;
        let tag = (&raw const (*from).tag).read_volatile();
        (*to).bits = bits;
        (*to).tag = tag;
    }
}
#[inline(always)]
unsafe fn set_int(to: *mut Value, n: i64) {
    // SAFETY: `to` is a register, or a slot that was found in a table, and an integer refers to nothing.
    unsafe {
        (*to).bits = n as u64;
        (*to).tag = tag::INT;
    }
}
#[inline(always)]
unsafe fn set_float(to: *mut Value, n: f64) {
    // SAFETY: as set_int.
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
/// The same word, though the compiler does not know that: what it was taken for before is worked out anew, instead of being kept
/// in a register that would have to be saved.
#[inline(always)]
fn anew(word: u64) -> u64 {
    #[cfg(not(miri))]
    {
        let mut word = word;
        // SAFETY: no instruction at all; the value goes through unchanged.
        unsafe { std::arch::asm!("/* {0} */", inout(reg) word, options(nomem, nostack, preserves_flags, pure)) };
        word
    }
    #[cfg(miri)]
    word
}
/// The function of the frame whose registers begin at `base`.
#[inline(always)]
unsafe fn closure_of(base: *const Value) -> *const Closure {
    // SAFETY: the slot below the top frame's registers holds its closure (4).
    unsafe { (*base.sub(1)).bits as *const Closure }
}
/// An upvalue by its byte offset.
#[inline(always)]
unsafe fn upvalue_at(base: *const Value, offset: u16) -> *mut Upvalue {
    // SAFETY: the cells follow the closure, and the offset is one of the verified upvalues' (3).
    unsafe { *(closure_of(base).add(1) as *const *mut Upvalue).byte_add(offset as usize) }
}
/// The registers of an operand for a message.
fn register(offset: u64) -> Operand {
    Operand::Register((offset as u16 / 16) as u32)
}
