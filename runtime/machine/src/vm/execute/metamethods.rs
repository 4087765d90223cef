//! Metamethods that are Lua functions, called by the instruction that needs them.
//!
//! Journey: frame -> **frame** -> value (manual 2.4). Where an operand has a metamethod and that is a Lua function, its frame is
//! pushed here and the instructions go on in it; what it returns goes to where the frame says (natives.rs). The reader might
//! expect that all metamethods pass through acts (operation.rs), as those do that are natives or called objects, or for which
//! there is no room: half of the time of such a call went there.
//!
//! SAFETY, beyond what every handler relies on (mod.rs): the slots above the registers of the frame on top are free.

use super::*;
use crate::value::string::Str;
use crate::value::table::Table;
use crate::vm::metamethod::{Event, name_address};
use crate::vm::thread::{Continue, Frame, FrameKind};

/// The metamethod of two operands, if it is one of a table and a Lua function; null if the usual way has to look.
#[inline(always)]
pub(super) unsafe fn closure_of_tables(event: Event, a: Value, b: Value) -> *const Closure {
    // SAFETY: a tag says that an operand is a live table, whose metatable is live, too; names of events are atoms.
    unsafe {
        for v in [a, b] {
            if v.tag == tag::TABLE {
                let meta: *const Table = (*(v.bits as *const Table)).metatable.get();
                if !meta.is_null() {
                    let mm = field(meta, name_address(event));
                    if mm.tag != tag::NIL {
                        return if mm.tag == tag::CLOSURE { mm.bits as *const Closure } else { std::ptr::null() };
                    }
                }
            } else if !v.is_number() {
                break;
            }
        }
        std::ptr::null()
    }
}
/// A field of a metatable by its name, an atom.
#[inline(always)]
pub(super) unsafe fn field(meta: *const Table, name: *const Str) -> Value {
    // SAFETY: as in tables.rs.
    unsafe {
        let n = (*meta).find_str_node(&*name);
        if n.is_null() { Value::NIL } else { (*n).value() }
    }
}

/// Pushes the frame of a metamethod with two arguments; false, and nothing is done, if there is more to it.
#[inline(never)]
pub(super) unsafe fn push_two(
    vm: *mut Vm,
    pc: *const u64,
    f: *const Closure,
    a: Value,
    b: Value,
    then: Continue,
) -> bool {
    // SAFETY: as in `push`; there is room for two arguments where that has found room for the registers and three more.
    unsafe {
        let first = push(vm, pc, f, 2, then);
        if first.is_null() {
            return false;
        }
        *first = a;
        *first.add(1) = b;
        true
    }
}
/// The same with three arguments.
#[inline(never)]
pub(super) unsafe fn push_three(
    vm: *mut Vm,
    pc: *const u64,
    f: *const Closure,
    all: [Value; 3],
    then: Continue,
) -> bool {
    // SAFETY: as in `push_two`.
    unsafe {
        let first = push(vm, pc, f, 3, then);
        if first.is_null() {
            return false;
        }
        first.cast::<[Value; 3]>().write(all);
        true
    }
}
/// Pushes the frame of a Lua function whose arguments are still to be written: where; null, and nothing is done, if there
/// is more to it.
#[inline(always)]
unsafe fn push(vm: *mut Vm, pc: *const u64, closure: *const Closure, given: usize, then: Continue) -> *mut Value {
    // SAFETY: the frame on top is a Lua function's, the instruction's. What is written is in the stack and in the list of
    // frames, which is looked at first.
    unsafe {
        let vm = &mut *vm;
        let f = vm.frame;
        let p = (*closure).proto;
        let Some(caller) = (*f).proto() else { return std::ptr::null_mut() };
        let function = (*f).base.add(caller.registers as usize);
        let (base, callee) = (function.add(1), f.add(1));
        let needed = (*p).registers as usize + 3;
        if vm.hooked || vm.fuel <= 0 || base.wrapping_add(needed) > vm.stack_end || callee >= vm.frames_end {
            return std::ptr::null_mut();
        }
        // As every metamethod does.
        vm.fuel -= 1;
        (*f).pc = pc;
        (*function).bits = closure as u64;
        (*function).tag = tag::CLOSURE;
        for n in given..(*p).parameters as usize {
            (*base.add(n)).tag = tag::NIL;
        }
        vm.top = base.add(given);
        callee.write(Frame {
            pc: (*p).code,
            base,
            k: (*p).k,
            results: !matches!(then, Continue::Discard | Continue::CloseAgain) as i16,
            kind: FrameKind::Lua,
            then,
            shift: 0,
            state: given as u32,
            flags: 0,
        });
        vm.frame = callee;
        base
    }
}
/// Calls a metamethod of two operands, if it is a Lua function of a table; else goes on behind this.
macro_rules! call_metamethod {
    ($vm:ident, $pc:ident, $t:ident, $event:expr, $a:expr, $b:expr, $then:ident) => {{
        let f = $crate::vm::execute::metamethods::closure_of_tables($event, $a, $b);
        if !f.is_null()
            && $crate::vm::execute::metamethods::push_two($vm, $pc, f, $a, $b, $crate::vm::thread::Continue::$then)
        {
            enter_top!($vm, $t)
        }
    }};
}
pub(super) use call_metamethod;
/// Goes on in the frame that was pushed.
macro_rules! enter_top {
    ($vm:ident, $t:ident) => {{
        let f = (*$vm).frame;
        go!((*f).pc, (*f).base, $vm, (*f).k, $t)
    }};
}
pub(super) use enter_top;
