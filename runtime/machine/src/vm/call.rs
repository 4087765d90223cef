//! Calls, returns, errors and coroutine switches: the state machine around the instructions.
//!
//! Journey: closure -> **frame** -> value. An instruction's slow path makes an [`Act`]; [`Vm::drive`] carries it out,
//! and those that follow from it, in a loop without recursion, until a Lua frame is on top (the instructions go on) or
//! the interpreter is to be left. What happens to a frame's results is in the frame ([`Continue`]), so a process
//! suspended anywhere in here is data.
//!
//! Errors: [`Act::Raise`] looks for the nearest native that catches (`pcall`), calls a message handler on top of the
//! failing frames if there is one, pops the frames, runs `__close` handlers one by one, and enters the catcher again.

#![allow(clippy::undocumented_unsafe_blocks, reason = "blocks inside unsafe functions; what holds is in the header")]

use super::error::Operand;
use super::metamethod::Event;
use super::native::{ERROR, Function, Raise, ResumeKind, Step};
use super::thread::{Continue, Frame, FrameKind, Status, Thread, flags};
use super::{Exit, Left, Vm};
use crate::value::{Closure, Ref, Value, tag};

/// Longest chain of `__index` or `__newindex` tables, and of `__call`.
pub(crate) const MAX_CHAIN: usize = 2000;
/// Coroutines that may be resumed inside each other, as the reference's limit of C calls.
pub const MAX_RESUMES: u32 = 195;
/// Catchers (`pcall`) inside each other. An error that passes through them all, each adding to its message, must not
/// take for ever; the reference allows some 200.
const MAX_CATCHERS: u32 = 12_000;
/// Errors in message handlers while a message handler runs.
const MAX_HANDLERS: usize = 10;
/// State of a native frame whose next step is to return its last (state & 0xffff) registers.
pub const RETURN: u32 = 1 << 30;
/// State of a native frame whose next step is to raise its last register.
pub const RAISE: u32 = 1 << 29;

/// What is to be done next.
#[derive(Clone, Copy)]
pub(crate) enum Act {
    /// Go on with the instructions of the top frame.
    Run,
    /// Leave the interpreter; `left` says why.
    Leave,
    /// Call the function in a slot with the arguments above it, up to `top`.
    Call { function: *mut Value, results: i16, then: Continue },
    /// The top frame returns.
    Return { first: *mut Value, n: usize },
    /// Enter the native of the top frame.
    Native,
    /// Raise `error`.
    Raise,
    /// Go on closing variables of the top frame's callees, then tell the catcher.
    Unwind,
}

impl Vm {
    /// Carries out an act and those that follow; true: go on with the instructions.
    pub(crate) unsafe fn drive(&mut self, mut act: Act) -> bool {
        unsafe {
            loop {
                act = match act {
                    Act::Run => return true,
                    Act::Leave => return false,
                    Act::Call { function, results, then } => self.do_call(function, results, then),
                    Act::Return { first, n } => self.do_return(first, n),
                    Act::Native => self.do_native(),
                    Act::Raise => self.do_raise(),
                    Act::Unwind => self.do_unwind(),
                };
            }
        }
    }
    /// What to do when the interpreter is entered.
    pub(crate) unsafe fn entry(&mut self) -> Act {
        unsafe {
            if self.frame_count() == 0 && self.exiting {
                return Act::Unwind;
            }
            if std::mem::take(&mut self.raising) && self.frame_count() > 0 {
                return Act::Raise;
            }
            if self.frame_count() == 0 {
                let function = (*self.thread).stack;
                return Act::Call { function, results: -1, then: Continue::Coroutine };
            }
            match (*self.frame).kind {
                FrameKind::Lua => Act::Run,
                FrameKind::Native => Act::Native,
            }
        }
    }

    // Calls.

    unsafe fn do_call(&mut self, mut function: *mut Value, results: i16, then: Continue) -> Act {
        unsafe {
            let mut chain = 0;
            loop {
                match (*function).tag {
                    tag::CLOSURE => return self.call_lua(function, results, then),
                    tag::NATIVE | tag::NATIVE_CLOSURE => return self.call_native(function, results, then),
                    _ => {
                        let mm = self.metamethod(*function, Event::Call);
                        chain += 1;
                        if mm.is_nil() || chain > MAX_CHAIN {
                            return self.call_error(function, then);
                        }
                        // The called value becomes the first argument.
                        let offset = function.offset_from((*self.thread).stack);
                        if self.ensure_slots(1).is_err() {
                            return self.stack_overflow();
                        }
                        function = (*self.thread).stack.offset(offset);
                        let mut p = self.top;
                        while p > function {
                            *p = *p.sub(1);
                            p = p.sub(1);
                        }
                        *function = mm;
                        self.top = self.top.add(1);
                    }
                }
            }
        }
    }
    #[cold]
    unsafe fn call_error(&mut self, function: *mut Value, then: Continue) -> Act {
        unsafe {
            let v = *function;
            let raise = if then == Continue::CloseUnwind || then == Continue::CloseAgain {
                let mut text = b"attempt to call a ".to_vec();
                text.extend_from_slice(&self.type_name_of(v));
                text.extend_from_slice(b" value");
                if then == Continue::CloseAgain {
                    text.extend_from_slice(b" (metamethod 'close')");
                }
                self.runtime_error(text)
            } else if self.frame_count() > 0
                && (*self.frame).kind == FrameKind::Lua
                && let Continue::Store
                | Continue::Condition
                | Continue::NotCondition
                | Continue::Discard
                | Continue::Concat = then
            {
                // What was to be called is a metamethod.
                let mut text = b"attempt to call a ".to_vec();
                text.extend_from_slice(&self.type_name_of(v));
                text.extend_from_slice(b" value");
                let frame = &*self.frame;
                let p = frame.proto().expect("a Lua frame has a prototype");
                if let Some((kind, name)) = super::debug::called_name(p.canonical(), frame.current_pc()) {
                    text.extend_from_slice(&[b" (", kind.as_bytes(), b" '", &name, b"')"].concat());
                }
                self.runtime_error(text)
            } else if self.frame_count() > 0 && (*self.frame).kind == FrameKind::Lua && then == Continue::Plain {
                let frame = &*self.frame;
                let p = frame.proto().expect("a Lua frame has a prototype");
                let i = super::load::canonical_instruction(p, frame.current_pc());
                if i.is_some_and(|i| i.opcode() == rlua_compiler::opcode::Opcode::TForCall) {
                    let mut text = b"attempt to call a ".to_vec();
                    text.extend_from_slice(&self.type_name_of(v));
                    text.extend_from_slice(b" value (for iterator 'for iterator')");
                    self.runtime_error(text)
                } else {
                    let register = function.offset_from(frame.base) as u32;
                    self.operand_error("call", v, Operand::Register(register))
                }
            } else {
                self.operand_error("call", v, Operand::Unknown)
            };
            self.raised(raise)
        }
    }
    #[inline]
    unsafe fn call_lua(&mut self, mut function: *mut Value, results: i16, then: Continue) -> Act {
        unsafe {
            let closure = (*function).bits as *const Closure;
            let p = &*(*closure).proto;
            let arguments = self.top.offset_from(function) as usize - 1;
            if self.stack_end.offset_from(function) < p.registers as isize + 1 {
                let offset = function.offset_from((*self.thread).stack);
                let needed = p.registers as usize + 1;
                let top = self.top;
                self.top = function;
                if self.ensure_slots(needed).is_err() {
                    self.top = (*self.thread).stack.offset(offset);
                    return self.stack_overflow();
                }
                let moved = top.offset_from(function);
                function = (*self.thread).stack.offset(offset);
                self.top = function.offset(moved);
            }
            if self.ensure_frame(&mut function).is_err() {
                return self.stack_overflow();
            }
            self.push_frame(function, FrameKind::Lua, results, then);
            let f = &mut *self.frame;
            f.pc = p.code;
            f.k = p.k;
            f.state = arguments as u32;
            let mut i = arguments;
            while i < p.parameters as usize {
                *f.base.add(i) = Value::NIL;
                i += 1;
            }
            if !matches!(then, Continue::Plain | Continue::Native) {
                // Not a call that was charged: a metamethod's, say, of which a program can be made entirely.
                self.fuel -= 1;
                if self.fuel < 0 {
                    self.left = Left::Safepoint;
                    return Act::Leave;
                }
            }
            Act::Run
        }
    }
    #[inline]
    unsafe fn call_native(&mut self, function: *mut Value, results: i16, then: Continue) -> Act {
        unsafe {
            let native = Vm::native_in(*function).expect("the tag says native");
            match native.function {
                Function::Leaf(f) if !self.hooked => {
                    self.base = function.add(1);
                    self.leaf = function;
                    let outcome = f(self);
                    let function = self.leaf;
                    self.leaf = std::ptr::null_mut();
                    match outcome {
                        Ok(v) => {
                            *function = v;
                            self.deliver(function, 1, function, results, then)
                        }
                        Err(raise) => {
                            // A frame of its own, for tracebacks.
                            let mut function = function;
                            if self.ensure_frame(&mut function).is_ok() {
                                self.push_frame(function, FrameKind::Native, results, then);
                            }
                            self.raised(raise)
                        }
                    }
                }
                _ => {
                    let mut function = function;
                    if self.ensure_frame(&mut function).is_err() {
                        return self.stack_overflow();
                    }
                    self.push_frame(function, FrameKind::Native, results, then);
                    if self.hooked
                        && let Some(act) = self.native_called()
                    {
                        return act;
                    }
                    self.do_native()
                }
            }
        }
    }
    #[cold]
    pub(crate) fn stack_overflow(&mut self) -> Act {
        if std::mem::take(&mut self.overflowed_again) {
            // There is no room for another message handler.
            self.error = self.heap.string(b"error in error handling");
            self.unhandled = true;
            return Act::Raise;
        }
        let raise = self.runtime_error("stack overflow");
        self.raised(raise)
    }
    #[inline(always)]
    pub(crate) fn raised(&mut self, _: Raise) -> Act {
        Act::Raise
    }
    /// Sets up a call of a metamethod above everything in use.
    pub(crate) unsafe fn call_metamethod(
        &mut self,
        f: Value,
        arguments: &[Value],
        results: i16,
        then: Continue,
    ) -> Act {
        unsafe {
            let function = self.free_slot();
            self.top = function;
            if self.ensure_slots(arguments.len() + 1).is_err() {
                return self.stack_overflow();
            }
            let function = self.top;
            *function = f;
            for (i, &a) in arguments.iter().enumerate() {
                *function.add(1 + i) = a;
            }
            self.top = function.add(1 + arguments.len());
            Act::Call { function, results, then }
        }
    }
    /// The first slot above the registers of the top frame.
    pub(crate) unsafe fn free_slot(&self) -> *mut Value {
        unsafe {
            if self.frame_count() == 0 {
                return self.top;
            }
            match (*self.frame).proto() {
                Some(p) => (*self.frame).base.add(p.registers as usize),
                None => self.top,
            }
        }
    }

    // Returns.

    unsafe fn do_return(&mut self, first: *mut Value, n: usize) -> Act {
        unsafe {
            if self.hooked
                && let Some(act) = self.returning(first, n)
            {
                return act;
            }
            let f = *self.frame;
            self.frame = self.frame.wrapping_sub(1);
            if self.hooked {
                self.returned();
            }
            self.deliver(first, n, f.function_slot(), f.results, f.then)
        }
    }
    /// Gives results to whoever waits for them. The frame that made them is gone.
    #[inline]
    pub(crate) unsafe fn deliver(
        &mut self,
        first: *mut Value,
        n: usize,
        function: *mut Value,
        results: i16,
        then: Continue,
    ) -> Act {
        unsafe {
            match then {
                Continue::Plain => {
                    self.move_results(first, n, function, results);
                    Act::Run
                }
                Continue::Native => {
                    self.move_results(first, n, function, results);
                    if results >= 0 {
                        self.top = function.add(results as usize);
                    }
                    Act::Native
                }
                Continue::Store => {
                    let v = if n > 0 { *first } else { Value::NIL };
                    let f = &*self.frame;
                    let a = (*f.pc.sub(1) >> 16) as u16;
                    *f.base.byte_add(a as usize) = v;
                    Act::Run
                }
                Continue::Condition | Continue::NotCondition => {
                    let truth = (n > 0 && !(*first).is_false()) == (then == Continue::Condition);
                    let f = &mut *self.frame;
                    let k = (*f.pc.sub(1) >> 8) as u8 != 0;
                    if truth != k {
                        f.pc = f.pc.add(1);
                    }
                    Act::Run
                }
                Continue::Discard => Act::Run,
                Continue::Concat => {
                    let v = if n > 0 { *first } else { Value::NIL };
                    let f = &*self.frame;
                    let a = f.base.byte_add((*f.pc.sub(1) >> 16) as u16 as usize);
                    let total = f.state as usize;
                    *a.add(total - 1) = v;
                    self.concat(a, total)
                }
                Continue::CloseAgain => {
                    if self.hooked {
                        self.current_hook().again = true;
                    }
                    let f = &mut *self.frame;
                    f.pc = f.pc.sub(1);
                    let word = *f.pc;
                    // A return up to the top finds its values again.
                    self.top = f.base.byte_add((word >> 16) as u16 as usize).add(f.state as usize);
                    Act::Run
                }
                Continue::CloseUnwind => {
                    // The error in flight was kept below the handler's function.
                    self.error = *function.sub(1);
                    Act::Unwind
                }
                Continue::Handler => {
                    self.error = if n > 0 { *first } else { Value::NIL };
                    self.unwind_to_catcher()
                }
                Continue::Finalizer => self.finalizer_done(function),
                Continue::Hook => self.hook_done(function),
                Continue::Coroutine => self.coroutine_done(first, n),
            }
        }
    }
    /// Moves results to their place; -1: all, and `top` tells how many.
    #[inline(always)]
    unsafe fn move_results(&mut self, first: *mut Value, n: usize, to: *mut Value, wanted: i16) {
        unsafe {
            match wanted {
                0 => {}
                1 => *to = if n > 0 { *first } else { Value::NIL },
                -1 => {
                    if n > 64 {
                        self.fuel -= n as i64 / 16;
                    }
                    for i in 0..n {
                        *to.add(i) = *first.add(i);
                    }
                    self.top = to.add(n);
                }
                _ => {
                    let wanted = wanted as usize;
                    for i in 0..n.min(wanted) {
                        *to.add(i) = *first.add(i);
                    }
                    for i in n..wanted {
                        *to.add(i) = Value::NIL;
                    }
                }
            }
        }
    }

    // Natives.

    unsafe fn do_native(&mut self) -> Act {
        unsafe {
            let f = &mut *self.frame;
            self.base = f.base;
            let state = f.state;
            if f.flags & flags::NO_YIELD != 0 {
                f.flags &= !flags::NO_YIELD;
                (*self.thread).no_yield -= 1;
            }
            (*self.thread).catchers -= (f.flags & flags::CATCH != 0) as u32;
            f.flags &= !(flags::CATCH | flags::HANDLER);
            if self.fuel < 0 {
                // Natives that call each other must let others run, too.
                self.left = Left::Safepoint;
                return Act::Leave;
            }
            if state & (RETURN | RAISE) != 0 && state & ERROR == 0 {
                if state & RAISE != 0 {
                    self.error = *self.top.sub(1);
                    return Act::Raise;
                }
                let n = (state & 0xffff) as usize;
                return Act::Return { first: self.top.sub(n), n };
            }
            let native = Vm::native_in(f.function()).expect("a native frame's function is native");
            let step = match native.function {
                // Under a hook leaves have frames, too.
                Function::Leaf(leaf) => leaf(self).and_then(|v| self.return_one(v)),
                Function::Steps(function) => function(self, state),
            };
            let step = match step {
                Ok(step) => step,
                Err(raise) => return self.raised(raise),
            };
            let f = &mut *self.frame;
            if let Step::Call { catch: true, .. } | Step::CallWithHandler { .. } = step {
                if (*self.thread).catchers >= MAX_CATCHERS {
                    let raise = self.runtime_error("C stack overflow");
                    return self.raised(raise);
                }
                (*self.thread).catchers += 1;
            }
            if matches!(step, Step::Call { .. } | Step::CallWithHandler { .. }) {
                // As every call does: what is called may itself be free of them.
                self.fuel -= 1;
            }
            match step {
                // A native that was thawed in the middle of its work may have found fewer registers than it left.
                Step::Return(n) => {
                    let n = n.min(self.count() + 1);
                    Act::Return { first: self.top.sub(n), n }
                }
                Step::Call { function, .. } | Step::CallWithHandler { function, .. } if function >= self.count() => {
                    let raise = self.error("the state of a native function is damaged");
                    self.raised(raise)
                }
                Step::Call { function, results, next, catch } => {
                    f.state = next;
                    f.pc = function as *const u64;
                    if catch {
                        f.flags |= flags::CATCH;
                    }
                    if !native.yieldable {
                        f.flags |= flags::NO_YIELD;
                        (*self.thread).no_yield += 1;
                    }
                    Act::Call { function: f.base.add(function), results, then: Continue::Native }
                }
                Step::CallWithHandler { function, next } => {
                    f.state = next;
                    f.pc = function as *const u64;
                    f.flags |= flags::CATCH | flags::HANDLER;
                    Act::Call { function: f.base.add(function), results: -1, then: Continue::Native }
                }
                Step::Again(next) => {
                    f.state = next;
                    if self.fuel > 0 {
                        return Act::Native;
                    }
                    self.left = Left::Safepoint;
                    Act::Leave
                }
                Step::Collect(next) => {
                    f.state = next;
                    self.collect_garbage();
                    Act::Native
                }
                Step::Yield => self.do_yield(),
                Step::Resume(kind) => self.do_resume(kind),
                Step::CloseCoroutine => self.do_close_coroutine(),
                Step::Request(request) => {
                    self.left = Left::Exit(Exit::Request(request));
                    Act::Leave
                }
            }
        }
    }
    /// Fulfils the request that the process waits for: its native returns these values when the process runs again.
    pub fn finish_request(&mut self, values: &[Value]) {
        for &v in values {
            self.push(v);
        }
        // SAFETY: a request leaves its native's frame on top.
        unsafe { (*self.frame).state = RETURN | values.len() as u32 };
    }
    /// Fulfils the request by an error.
    pub fn fail_request(&mut self, error: Value) {
        self.push(error);
        // SAFETY: as above.
        unsafe { (*self.frame).state = RAISE };
    }
    /// Makes the native that made the request go on at a state.
    pub fn continue_request(&mut self, state: u32) {
        // SAFETY: as above.
        unsafe { (*self.frame).state = state };
    }
    /// Makes the registers of the native on top accessible, between two runs.
    pub fn enter_request(&mut self) {
        // SAFETY: as above.
        self.base = unsafe { (*self.frame).base };
    }

    // Errors.

    unsafe fn do_raise(&mut self) -> Act {
        unsafe {
            self.leaf = std::ptr::null_mut();
            let unhandled = std::mem::take(&mut self.unhandled);
            let frames = (*self.thread).frames;
            let (mut f, mut handlers) = (self.frame, 0);
            while f >= frames {
                if (*f).then == Continue::Finalizer {
                    return self.finalizer_failed(f);
                }
                if (*f).flags & (flags::CATCH | flags::UNWINDING) != 0 && !self.exiting {
                    break;
                }
                handlers += ((*f).then == Continue::Handler) as usize;
                f = f.sub(1);
            }
            if f >= frames && (*f).flags & flags::HANDLER != 0 && !unhandled {
                if handlers < MAX_HANDLERS {
                    let handler = *(*f).base.add(1);
                    let error = self.error;
                    self.top = (*self.thread).extent_of(self.frame, self.top);
                    return self.call_metamethod_at_top(handler, error);
                }
                self.error = self.heap.string(b"error in error handling");
            }
            self.unwind_to_catcher()
        }
    }
    /// Calls a message handler above everything, even what a native has pushed. Where there is no room for it, it is not
    /// called: the overflow of a handler that overflows would find no room for the next one, and so on for ever.
    unsafe fn call_metamethod_at_top(&mut self, handler: Value, error: Value) -> Act {
        unsafe {
            const ROOM: usize = 300;
            let nowhere = &mut std::ptr::null_mut();
            if self.ensure_slots(ROOM).is_err() && self.ensure_slots(ROOM).is_err()
                || self.ensure_frame(nowhere).is_err() && self.ensure_frame(nowhere).is_err()
            {
                self.overflowed_again = false;
                self.error = self.heap.string(b"error in error handling");
                return self.unwind_to_catcher();
            }
            let function = self.top;
            *function = handler;
            *function.add(1) = error;
            self.top = function.add(2);
            Act::Call { function, results: 1, then: Continue::Handler }
        }
    }
    /// Pops the frames above the nearest catcher and begins to close their variables.
    unsafe fn unwind_to_catcher(&mut self) -> Act {
        unsafe {
            let frames = (*self.thread).frames;
            let mut catcher = self.frame;
            if !self.exiting {
                while catcher >= frames && (*catcher).flags & (flags::CATCH | flags::UNWINDING) == 0 {
                    catcher = catcher.wrapping_sub(1);
                }
            }
            let found = catcher >= frames && !self.exiting;
            if !found && !self.exiting && !(*self.thread).closing {
                // The frames stay, for the traceback.
                return self.coroutine_failed();
            }
            loop {
                if self.frame < frames {
                    // No frame is left: the coroutine or the whole process is being closed.
                    (*self.thread).failed |= (*self.thread).closing;
                    return Act::Unwind;
                }
                let f = &mut *self.frame;
                if f.flags & flags::NO_YIELD != 0 {
                    f.flags &= !flags::NO_YIELD;
                    (*self.thread).no_yield -= 1;
                }
                if f.then == Continue::Hook && !(found && self.frame == catcher) {
                    self.hook_over();
                }
                if found && self.frame == catcher {
                    (*self.thread).catchers -= (f.flags & flags::CATCH != 0) as u32;
                    // Its message handler also serves the `__close` handlers that fail now.
                    f.flags = (f.flags & !flags::CATCH) | flags::UNWINDING;
                    return Act::Unwind;
                }
                self.frame = self.frame.wrapping_sub(1);
            }
        }
    }
    /// Calls the next `__close` handler of the frames that were popped, or tells the catcher.
    unsafe fn do_unwind(&mut self) -> Act {
        unsafe {
            let t = self.thread;
            let whole = self.frame < (*t).frames;
            let level = if whole { (*t).stack } else { (*self.frame).base };
            let limit = level.offset_from((*t).stack) as u32;
            while let Some(&index) = (*t).to_close.last() {
                if index < limit {
                    break;
                }
                (*t).to_close.pop();
                let slot = (*t).stack.add(index as usize);
                (*t).close_upvalues(slot);
                let object = *slot;
                let mm = self.metamethod(object, Event::Close);
                let error = self.error;
                self.top = slot.add(1);
                if self.ensure_slots(4).is_err() && self.ensure_slots(4).is_err() {
                    continue;
                }
                let at = self.top;
                *at = error;
                *at.add(1) = mm;
                *at.add(2) = object;
                *at.add(3) = if whole && !(*t).failed && !self.exiting { Value::NIL } else { error };
                self.top = at.add(4);
                return Act::Call { function: at.add(1), results: 0, then: Continue::CloseUnwind };
            }
            (*t).close_upvalues(level);
            if whole {
                return self.coroutine_closed();
            }
            let f = &mut *self.frame;
            f.flags &= !(flags::UNWINDING | flags::HANDLER);
            let at = f.base.add(f.pc as usize);
            *at = self.error;
            self.top = at.add(1);
            self.error = Value::NIL;
            f.state |= ERROR;
            // A stack that grew past its size to handle an overflow goes back.
            if (*t).stack_len > super::thread::MAX_SLOTS && self.slots_used() < super::thread::MAX_SLOTS / 2 {
                self.shrink_after_overflow();
            }
            if (*t).frames_len > super::thread::MAX_FRAMES && self.frame_count() < super::thread::MAX_FRAMES / 2 {
                self.save_thread();
                (*t).resize_frames(&mut self.heap, super::thread::MAX_FRAMES);
                self.load_thread(t);
            }
            Act::Native
        }
    }
    unsafe fn shrink_after_overflow(&mut self) {
        unsafe {
            self.save_thread();
            let t = self.thread;
            (*t).resize_stack(&mut self.heap, super::thread::MAX_SLOTS);
            self.load_thread(t);
            if self.frame_count() > 0 {
                self.base = (*self.frame).base;
            }
        }
    }

    // Finalizers.

    /// Sets up the call of the next waiting finalizer, at a safepoint.
    pub(crate) fn push_finalizer(&mut self) {
        // Where the stack is almost full it would overflow: later.
        const ROOM: usize = 1000;
        // SAFETY: the running coroutine is live.
        let slots = unsafe { (*self.thread).extent_of(self.frame, self.top).offset_from((*self.thread).stack) };
        if slots as usize + ROOM > super::thread::MAX_SLOTS || self.frame_count() + ROOM > super::thread::MAX_FRAMES {
            return;
        }
        while let Some(object) = self.heap.take_finalizable() {
            let mm = self.metamethod(object, Event::Gc);
            if !mm.is_function() {
                if !mm.is_nil() {
                    let text = [b"attempt to call a ".as_slice(), &self.type_name_of(mm), b" value"].concat();
                    let text = self.heap.string(&text);
                    self.warn_of_finalizer(text);
                }
                continue;
            }
            // SAFETY: a safepoint: the top frame's registers end at `extent`, and the call goes above them.
            unsafe {
                self.save_thread();
                let old_top = self.top.offset_from((*self.thread).stack) as i64;
                self.top = (*self.thread).extent();
                if self.ensure_slots(3).is_err() {
                    self.top = (*self.thread).stack.offset(old_top as isize);
                    continue;
                }
                *self.top = Value::integer(old_top);
                let function = self.top.add(1);
                *function = mm;
                *function.add(1) = object;
                self.top = function.add(2);
                self.set_in_finalizer(true);
                (*self.thread).no_yield += 1;
                let act = self.do_call(function, 0, Continue::Finalizer);
                self.pending(act);
                return;
            }
        }
    }
    /// Brings an act that was made outside the loop to a state from which `entry` goes on.
    unsafe fn pending(&mut self, mut act: Act) {
        unsafe {
            loop {
                act = match act {
                    Act::Run | Act::Leave | Act::Native => return,
                    Act::Call { function, results, then } => self.do_call(function, results, then),
                    Act::Return { first, n } => self.do_return(first, n),
                    Act::Raise => self.do_raise(),
                    Act::Unwind => self.do_unwind(),
                };
            }
        }
    }
    pub(crate) fn warn_of_finalizer(&mut self, error: Value) {
        if !self.warnings {
            return;
        }
        let text = match error.as_string() {
            Some(s) => s.bytes().to_vec(),
            None => b"error object is not a string".to_vec(),
        };
        self.host.flush();
        report!("Lua warning: error in __gc ({})", String::from_utf8_lossy(&text));
    }
    unsafe fn finalizer_done(&mut self, function: *mut Value) -> Act {
        unsafe {
            let old_top = (*function.sub(1)).as_integer().expect("the finalizer's frame keeps the top");
            self.top = (*self.thread).stack.offset(old_top as isize);
            self.set_in_finalizer(false);
            (*self.thread).no_yield -= 1;
            if self.heap.has_finalizers_waiting() {
                self.interrupt();
            }
            self.entry()
        }
    }
    /// An error in `__gc` is a warning.
    unsafe fn finalizer_failed(&mut self, finalizer: *mut Frame) -> Act {
        unsafe {
            let error = self.error;
            self.error = Value::NIL;
            self.warn_of_finalizer(error);
            let function = (*finalizer).function_slot();
            let index = function.offset_from((*self.thread).stack) as u32;
            while self.frame >= finalizer {
                if (*self.frame).flags & flags::NO_YIELD != 0 {
                    (*self.thread).no_yield -= 1;
                }
                if (*self.frame).then == Continue::Hook {
                    self.hook_over();
                }
                self.frame = self.frame.wrapping_sub(1);
            }
            (*self.thread).to_close.retain(|&i| i < index);
            (*self.thread).close_upvalues(function);
            self.finalizer_done(function)
        }
    }

    // Coroutines.

    /// A coroutine that will call a function.
    pub fn new_coroutine(&mut self, f: Value) -> Ref<Thread> {
        let t = self.heap.thread();
        // SAFETY: a fresh thread has room for one slot.
        unsafe {
            *t.stack = f;
            (*t.as_ptr()).top = t.stack.add(1);
        }
        t
    }
    /// The status of a coroutine as `coroutine.status` names it.
    pub fn coroutine_status(&self, t: Ref<Thread>) -> &'static str {
        match t.status {
            Status::Running => "running",
            Status::Normal => "normal",
            Status::Suspended => "suspended",
            Status::Dead => "dead",
        }
    }
    /// The running coroutine, and whether it is the main one.
    pub fn running(&self) -> (Ref<Thread>, bool) {
        // SAFETY: the running coroutine is live.
        (unsafe { Ref::new(self.thread) }, self.thread == self.main)
    }
    /// Whether the running coroutine may yield.
    pub fn is_yieldable(&self) -> bool {
        // SAFETY: as above.
        self.thread != self.main && unsafe { (*self.thread).no_yield } == 0
    }
    unsafe fn do_yield(&mut self) -> Act {
        unsafe {
            if self.thread == self.main {
                let raise = self.runtime_error("attempt to yield from outside a coroutine");
                return self.raised(raise);
            }
            if (*self.thread).no_yield > 0 {
                let raise = self.runtime_error("attempt to yield across a C-call boundary");
                return self.raised(raise);
            }
            let (first, n) = (self.base, self.count());
            (*self.thread).status = Status::Suspended;
            self.save_thread();
            self.give_to_resumer(first, n, true)
        }
    }
    /// Switches back to the resumer and hands it values (or an error, as the only value).
    unsafe fn give_to_resumer(&mut self, first: *mut Value, n: usize, success: bool) -> Act {
        unsafe {
            let child = self.thread;
            let parent = (*child).resumer;
            (*child).resumer = std::ptr::null_mut();
            self.load_thread(parent);
            (*parent).status = Status::Running;
            let f = *self.frame;
            self.top = f.base;
            if self.ensure_slots(n + 1).is_err() {
                return self.stack_overflow();
            }
            let f = &mut *self.frame;
            for i in 0..n {
                *f.base.add(i) = *first.add(i);
            }
            self.top = f.base.add(n);
            self.base = f.base;
            let kind = f.state;
            if kind == RESUME_WRAP && !success {
                // As the reference: a message gets the position of the caller in front of it.
                let v = *f.base;
                self.error = match v.as_string() {
                    Some(s) => {
                        let mut text = self.position(1);
                        text.extend_from_slice(s.bytes());
                        self.heap.string(&text)
                    }
                    None => v,
                };
                return Act::Raise;
            }
            if kind == RESUME_WRAP {
                return Act::Return { first: f.base, n };
            }
            if kind == RESUME_CLOSE && success {
                *f.base.sub(1) = Value::TRUE;
                return Act::Return { first: f.base.sub(1), n: 1 };
            }
            *f.base.sub(1) = Value::boolean(success);
            Act::Return { first: f.base.sub(1), n: n + 1 }
        }
    }
    unsafe fn do_resume(&mut self, kind: ResumeKind) -> Act {
        unsafe {
            // The library has checked the argument, but not what a thawed wrapper holds.
            let Some(child) = self.arg(0).as_thread() else {
                let raise = self.type_error(0, "coroutine");
                return self.raised(raise);
            };
            let child = child.as_ptr();
            let f = &mut *self.frame;
            f.state = if kind == ResumeKind::Wrap { RESUME_WRAP } else { RESUME };
            let problem = match (*child).status {
                Status::Suspended if (*self.thread).depth >= MAX_RESUMES => Some("C stack overflow"),
                Status::Suspended => None,
                Status::Dead => Some("cannot resume dead coroutine"),
                _ => Some("cannot resume non-suspended coroutine"),
            };
            if let Some(text) = problem {
                if kind == ResumeKind::Wrap {
                    let raise = self.error(text);
                    return self.raised(raise);
                }
                let message = self.heap.string(text.as_bytes());
                self.push(Value::FALSE);
                self.push(message);
                return Act::Return { first: self.top.sub(2), n: 2 };
            }
            let n = self.count() - 1;
            let first = self.base.add(1);
            let fresh = (*child).depth_of_frames() == 0;
            let to = if fresh { (*child).top } else { (*(*child).frame).base };
            let used = to.offset_from((*child).stack) as usize;
            if used + n + super::thread::SLACK >= (*child).stack_len {
                (*child).resize_stack(&mut self.heap, (used + n + 2 * super::thread::SLACK).next_power_of_two());
            }
            let to = (*child).stack.add(used);
            for i in 0..n {
                *to.add(i) = *first.add(i);
            }
            (*child).top = to.add(n);
            self.switch_to(child);
            if fresh {
                Act::Call { function: (*child).stack, results: -1, then: Continue::Coroutine }
            } else {
                Act::Return { first: to, n }
            }
        }
    }
    unsafe fn switch_to(&mut self, child: *mut Thread) {
        unsafe {
            self.save_thread();
            (*child).resumer = self.thread;
            (*child).depth = (*self.thread).depth + 1;
            (*self.thread).status = Status::Normal;
            (*child).status = Status::Running;
            self.load_thread(child);
        }
    }
    /// The first function of the running coroutine returned.
    unsafe fn coroutine_done(&mut self, first: *mut Value, n: usize) -> Act {
        unsafe {
            let t = self.thread;
            (*t).status = Status::Dead;
            if t == self.main {
                let to = (*t).stack;
                for i in 0..n {
                    *to.add(i) = *first.add(i);
                }
                self.top = to.add(n);
                self.left = Left::Exit(Exit::Finished);
                return Act::Leave;
            }
            self.top = (*t).stack;
            self.save_thread();
            self.give_to_resumer(first, n, true)
        }
    }
    /// An error reached the bottom of the running coroutine. Its frames stay, for tracebacks.
    unsafe fn coroutine_failed(&mut self) -> Act {
        unsafe {
            let t = self.thread;
            if t == self.main {
                self.left = Left::Exit(Exit::Failed);
                return Act::Leave;
            }
            self.top = (*t).extent_of(self.frame, self.top);
            // The value must lie below the end that the collector looks at.
            if self.ensure_slots(1).is_err() {
                self.top = self.top.sub(1);
            }
            *self.top = self.error;
            self.top = self.top.add(1);
            (*t).status = Status::Dead;
            (*t).failed = true;
            let first = self.top.sub(1);
            self.error = Value::NIL;
            self.save_thread();
            let parent = (*t).resumer;
            if (*(*parent).frame).state == RESUME_WRAP && !(*t).to_close.is_empty() {
                // wrap closes the coroutine's variables before it raises the error again.
                self.error = *first;
                return self.begin_closing();
            }
            self.give_to_resumer(first, 1, false)
        }
    }
    unsafe fn do_close_coroutine(&mut self) -> Act {
        unsafe {
            let t = self.arg(0).as_thread().expect("the library checks the argument").as_ptr();
            (*self.frame).state = RESUME_CLOSE;
            if (*t).status != Status::Suspended && (*t).status != Status::Dead {
                let text = format!("cannot close a {} coroutine", self.coroutine_status(Ref::new(t)));
                let raise = self.error(text);
                return self.raised(raise);
            }
            if (*self.thread).depth >= MAX_RESUMES {
                let raise = self.error("C stack overflow");
                return self.raised(raise);
            }
            let error = if (*t).failed { *(*t).top.sub(1) } else { Value::NIL };
            self.switch_to(t);
            self.error = error;
            self.begin_closing()
        }
    }
    /// Drops the running coroutine's frames and closes its variables.
    unsafe fn begin_closing(&mut self) -> Act {
        unsafe {
            let t = self.thread;
            (*t).status = Status::Running;
            (*t).closing = true;
            (*t).no_yield = 0;
            (*t).catchers = 0;
            self.frame = (*t).frames.wrapping_sub(1);
            Act::Unwind
        }
    }
    /// All variables of the running coroutine are closed, and it has no frames.
    unsafe fn coroutine_closed(&mut self) -> Act {
        unsafe {
            let t = self.thread;
            (*t).closing = false;
            (*t).status = Status::Dead;
            let failed = std::mem::take(&mut (*t).failed);
            if (*t).resumer.is_null() {
                // The process is being ended and its main coroutine is done.
                self.top = (*t).stack;
                self.left = Left::Exit(Exit::Failed);
                return Act::Leave;
            }
            self.top = (*t).stack;
            *self.top = self.error;
            self.save_thread();
            let first = self.top;
            if self.exiting {
                // The end goes on in the resumer.
                let parent = (*t).resumer;
                (*t).resumer = std::ptr::null_mut();
                self.load_thread(parent);
                (*parent).status = Status::Running;
                return Act::Raise;
            }
            self.error = Value::NIL;
            if failed { self.give_to_resumer(first, 1, false) } else { self.give_to_resumer(first, 0, true) }
        }
    }
    /// Begins the end of the process: all frames of all coroutines on the resume chain go, `__close` handlers run. The
    /// next runs carry it out and end with [`Exit::Failed`].
    pub fn begin_exit(&mut self, reason: Value) {
        self.exiting = true;
        self.error = reason;
        self.leaf = std::ptr::null_mut();
        // SAFETY: between two runs; the state that `pending` leaves is one that `entry` goes on from.
        unsafe {
            let act = self.do_raise();
            if !matches!(act, Act::Leave) {
                self.pending(act);
            }
        }
    }
}

/// States of a native that has resumed a coroutine.
pub const RESUME: u32 = 1;
const RESUME_WRAP: u32 = 2;
/// As [`RESUME`], to close the coroutine.
pub const RESUME_CLOSE: u32 = 3;
