//! Hooks (manual 4.7, `debug.sethook`): a function that is called at calls, returns, new lines, and every so many
//! instructions of one coroutine.
//!
//! Journey: frame -> value. A coroutine without a hook pays nothing: one with a hook is run through other handlers
//! (execute/), which look here before each instruction. A hook's call is an ordinary frame ([`Continue::Hook`]) above
//! the function that was interrupted; when it returns, the interrupted instruction is executed after all, so that a
//! process can be suspended and frozen in a hook as anywhere else.
//!
//! Always: while a hook runs, its coroutine is not hooked. Below the function of a hook's frame lie three integers: the
//! top to restore, the first slot of the values being returned (or -1), and how many they are.
//! What else always holds is in call.rs; the SAFETY comments refer to it by number.

use super::Vm;
use super::call::Act;
use super::long::is_operator;
use super::native::PLACES;
use super::op::Op;
use super::thread::{Continue, FrameKind, Thread, flags};
use crate::value::{Ref, Value};

/// Events, as bits.
pub mod mask {
    /// A function is called.
    pub const CALL: u8 = 1;
    /// A function is about to return.
    pub const RETURN: u8 = 2;
    /// A new line begins.
    pub const LINE: u8 = 4;
    /// So many instructions were executed.
    pub const COUNT: u8 = 8;
}

/// The hook of a coroutine.
#[derive(Clone)]
pub struct Hook {
    /// What is called.
    pub function: Value,
    /// At which events.
    pub mask: u8,
    /// Instructions between two count events.
    pub count: u32,
    /// Instructions until the next one.
    pub left: u32,
    /// The instruction before this one, for the line event; past the code: none.
    pub old_pc: u32,
    /// Events of the instruction at hand that were told already.
    pub told: u8,
    /// The instruction at hand is executed once more: its events were told.
    pub again: bool,
    /// It is running.
    pub running: bool,
    /// While it runs for a call or return: the first value handed over, as a local variable's number, and how many.
    pub transfer: (u32, u32),
}

/// No instruction: the next one begins a line.
const FRESH: u32 = u32::MAX;

impl Vm {
    /// Sets or removes the hook of a coroutine.
    pub fn set_hook(&mut self, thread: Ref<Thread>, hook: Option<(Value, u8, u32)>) {
        // SAFETY: a live coroutine, which only this process touches; its frames' flags are data.
        unsafe {
            let t = thread.as_ptr();
            self.save_thread();
            self.pay((*t).depth_of_frames(), PLACES);
            // A hook that sets another one goes on under the old one's name.
            let (running, transfer) = (*t).hook.as_ref().map_or((false, (0, 0)), |h| (h.running, h.transfer));
            (*t).hook = match hook {
                None if !running => None,
                hook => {
                    let (function, mask, count) = hook.unwrap_or((Value::NIL, 0, 0));
                    let mut f = (*t).frame;
                    while f >= (*t).frames {
                        if (*f).kind == FrameKind::Lua {
                            (*f).flags |= flags::SEEN;
                        }
                        f = f.wrapping_sub(1);
                    }
                    let old_pc = (*t).hook.as_ref().map_or(FRESH, |h| h.old_pc);
                    let hook =
                        Hook { function, mask, count, left: count, old_pc, told: 0, again: false, running, transfer };
                    Some(Box::new(hook))
                }
            };
        }
        let function = hook.map_or(Value::NIL, |(function, ..)| function);
        self.heap.write_barrier(&thread.header, function);
        self.refresh_hook();
    }
    /// The hook of a coroutine.
    pub fn hook(&self, thread: Ref<Thread>) -> Option<Hook> {
        // SAFETY: a live coroutine.
        unsafe { (*thread.as_ptr()).hook.as_deref().filter(|h| h.mask != 0).cloned() }
    }
    /// Decides anew whether the running coroutine is run under its hook.
    pub(crate) fn refresh_hook(&mut self) {
        // SAFETY: the running coroutine is live.
        let hook = unsafe { (*self.thread).hook.as_deref() };
        self.hooked = !self.in_finalizer && hook.is_some_and(|h| h.mask != 0 && !h.running);
        self.handlers = super::execute::handlers(self.hooked);
    }
    pub(crate) unsafe fn current_hook<'a>(&mut self) -> &'a mut Hook {
        // SAFETY: the running coroutine is live (1). No two of these references are used at the same time.
        unsafe { (*self.thread).hook.as_deref_mut().expect("a hooked coroutine has a hook") }
    }
    /// Called before an instruction of a hooked coroutine: an act to be carried out in its place, or none.
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn before_instruction(&mut self, word: u64, pc: *const u64) -> Option<Act> {
        // SAFETY: the top frame is a Lua function's, and `word` the instruction before `pc`, so that A is a register
        // (the verifier), the function if it is a call, with its arguments above it.
        unsafe {
            let told = std::mem::take(&mut self.current_hook().again);
            if !told && let Some(act) = self.tell_events(word, pc) {
                return Some(act);
            }
            let h = self.current_hook();
            h.told = 0;
            // Calls and returns take the way on which hooks are called.
            let op = (word & 0xff) as u8;
            let f = &mut *self.frame;
            f.pc = pc;
            let a = f.base.byte_add((word >> 16) as u16 as usize);
            if op == Op::Return0 as u8 {
                return Some(Act::Return { first: f.base, n: 0 });
            }
            if op == Op::Return1 as u8 {
                return Some(Act::Return { first: a, n: 1 });
            }
            if op == Op::Call as u8 && self.fuel > 0 {
                self.fuel -= 1;
                self.top = a.byte_add((word >> 32) as u16 as usize);
                let results = (((word >> 48) as u16).wrapping_sub(1)) as i16;
                return Some(Act::Call { function: a, results, then: Continue::Plain });
            }
            None
        }
    }
    /// The call of the hook for the next event of an instruction that was not told yet.
    unsafe fn tell_events(&mut self, word: u64, pc: *const u64) -> Option<Act> {
        // SAFETY: the top frame is a Lua function's, of whose code `pc` is part; its prototype lives as long as its closure.
        unsafe {
            let h = self.current_hook();
            let op = (word & 0xff) as u8;
            let f = &mut *self.frame;
            f.pc = pc;
            let p: &super::load::Proto = &*std::ptr::from_ref(f.proto().expect("instructions are a Lua function's"));
            if f.flags & flags::SEEN == 0 {
                if op == Op::VarArgPrep as u8 {
                    // The arguments are not in their places yet.
                    return None;
                }
                f.flags |= flags::SEEN;
                h.old_pc = FRESH;
                h.told = 0;
                if h.mask & mask::CALL != 0 {
                    let event = if f.flags & flags::TAIL != 0 { "tail call" } else { "call" };
                    return Some(self.call_hook(event, None, (1, p.parameters), None));
                }
            }
            if h.mask & mask::COUNT != 0 && h.told & mask::COUNT == 0 {
                h.left = h.left.saturating_sub(1);
                if h.left == 0 {
                    h.left = h.count;
                    h.told |= mask::COUNT;
                    return Some(self.call_hook("count", None, (0, 0), None));
                }
            }
            if h.mask & mask::LINE != 0 && h.told & mask::LINE == 0 {
                let at = f.current_pc();
                let old = h.old_pc;
                h.old_pc = at;
                let canonical = p.canonical();
                let line = canonical.line(at);
                // A jump back begins a line, even the same one.
                if old == FRESH || old as usize >= canonical.code.len() || at <= old || canonical.line(old) != line {
                    h.told |= mask::LINE;
                    return Some(self.call_hook("line", line, (0, 0), None));
                }
            }
            None
        }
    }
    /// The hook of a native function's call, whose frame was just pushed; none if calls are not hooked.
    pub(crate) unsafe fn native_called(&mut self) -> Option<Act> {
        // SAFETY: a native's frame is on top (2).
        unsafe {
            let native = Vm::native_in((*self.frame).function());
            if self.current_hook().mask & mask::CALL == 0 || native.is_some_and(is_operator) {
                return None;
            }
            let arguments = self.top.offset_from((*self.frame).base) as u32;
            Some(self.call_hook("call", None, (1, arguments), None))
        }
    }
    /// The hook of a return from the top frame; none if it was called already or returns are not hooked.
    pub(crate) unsafe fn returning(&mut self, first: *mut Value, n: usize) -> Option<Act> {
        // SAFETY: the frame that returns is on top (2); what it returns are slots (3).
        unsafe {
            let f = &mut *self.frame;
            if self.current_hook().mask & mask::RETURN == 0 || f.flags & flags::RETURN_SEEN != 0 {
                return None;
            }
            if f.kind == FrameKind::Native && Vm::native_in(f.function()).is_some_and(is_operator) {
                return None;
            }
            let number = (first.offset_from(f.base) + 1).max(0) as u32;
            Some(self.call_hook("return", None, (number, n as u32), Some((first, n))))
        }
    }
    /// After a return of a hooked coroutine: the caller goes on with its line.
    pub(crate) unsafe fn returned(&mut self) {
        // SAFETY: `frame` is read where there is one (2).
        unsafe {
            if self.frame_count() > 0 && (*self.frame).kind == FrameKind::Lua {
                self.current_hook().old_pc = (*self.frame).current_pc();
            }
        }
    }
    unsafe fn call_hook(
        &mut self,
        event: &str,
        line: Option<u32>,
        transfer: (u32, u32),
        returns: Option<(*mut Value, usize)>,
    ) -> Act {
        // SAFETY: both the registers of the top frame and the values that it returns lie below `free`, which is in the
        // stack; there is room for the call above it before it is written.
        unsafe {
            let stack = |vm: &Vm, p: *mut Value| p.offset_from((*vm.thread).stack) as i64;
            let mut free = (*self.thread).extent_of(self.frame, self.top);
            let top = stack(self, self.top);
            let (mut first, mut count) = (-1, 0);
            if let Some((values, n)) = returns {
                free = free.max(values.add(n));
                first = stack(self, values);
                count = n as i64;
            }
            self.top = free;
            if self.ensure_slots(6).is_err() {
                return self.stack_overflow();
            }
            let event = self.heap.name(event.as_bytes());
            let h = self.current_hook();
            h.running = true;
            h.transfer = if transfer.1 == 0 { (0, 0) } else { transfer };
            let line = line.map_or(Value::NIL, |l| Value::integer(l as i64));
            let values = [Value::integer(top), Value::integer(first), Value::integer(count), h.function, event, line];
            for v in values {
                *self.top = v;
                self.top = self.top.add(1);
            }
            (*self.thread).no_yield += 1;
            self.refresh_hook();
            Act::Call { function: self.top.sub(3), results: 0, then: Continue::Hook }
        }
    }
    /// A hook has returned: goes on with what it interrupted.
    pub(crate) unsafe fn hook_done(&mut self, function: *mut Value) -> Act {
        // SAFETY: `call_hook` has left the three integers below the function, the first two as indices of slots; below
        // the hook's frame there is the one that it interrupted.
        unsafe {
            let integer = |i: usize| (*function.sub(i)).as_integer().unwrap_or(0);
            let (top, first, n) = (integer(3), integer(2), integer(1));
            let stack = (*self.thread).stack;
            self.top = stack.offset(top as isize);
            self.hook_over();
            if first >= 0 {
                (*self.frame).flags |= flags::RETURN_SEEN;
                return Act::Return { first: stack.offset(first as isize), n: n as usize };
            }
            match (*self.frame).kind {
                FrameKind::Native => Act::Native,
                FrameKind::Lua => {
                    (*self.frame).pc = (*self.frame).pc.sub(1);
                    Act::Run
                }
            }
        }
    }
    /// The frame of a hook is gone, by a return or an error.
    pub(crate) unsafe fn hook_over(&mut self) {
        // SAFETY: the running coroutine is live (1), and the hook's call has counted in `no_yield`.
        unsafe {
            (*self.thread).no_yield -= 1;
            if let Some(h) = &mut (*self.thread).hook {
                h.running = false;
                if h.mask == 0 {
                    // It was removed while it ran.
                    (*self.thread).hook = None;
                }
            }
            self.refresh_hook();
        }
    }
}
