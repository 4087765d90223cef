//! Calls, returns and natives: the state machine around the instructions.
//!
//! Journey: closure -> **frame** -> value. An instruction's slow path makes an [`Act`]; [`Vm::drive`] carries it out,
//! and those that follow from it, in a loop without recursion, until a Lua frame is on top (the instructions go on) or
//! the interpreter is to be left. What happens to a frame's results is in the frame ([`Continue`]), so a process
//! suspended anywhere in here is data.
//!
//! Not here: what an error does (raise.rs), switches between coroutines (coroutine.rs), calls of `__gc` (finalizer.rs).
//!
//! Always, from one act to the next, and what the SAFETY comments of these four files refer to by number:
//! 1. `thread` is live, every slot of its stack holds a value, and `top` points into it or to its end.
//! 2. `frame` is its top frame, or one below `frames` if there is none. A frame's function is in the slot below `base`;
//!    the registers of a Lua function, and SLACK slots above them, lie in the stack, as do a native's from `base` to
//!    `top`.
//! 3. The slots of an act are in the running stack, which nothing moves between the making of an act and its carrying
//!    out; whatever else makes the stack grow finds its slots again by their offset. The arguments of a call lie from
//!    above the function up to `top`. Results that are given lie at or above the slot to which they go.
//! 4. A frame that waits for results by a continuation of an instruction (Store, Condition, NotCondition, Discard,
//!    Concat, CloseAgain) is a Lua function's, and its `pc` is behind that instruction.
//!
//! The compiler or the verifier holds all this for code, codec/legal.rs for frames that were thawed.

use super::error::Operand;
use super::metamethod::Event;
use super::native::{ERROR, Function, Raise, Step};
use super::thread::{Continue, FrameKind, flags};
use super::{Exit, Left, Vm};
use crate::value::{Closure, Value, tag};

/// Longest chain of `__index` or `__newindex` tables, and of `__call`.
pub(crate) const MAX_CHAIN: usize = 2000;
/// Catchers (`pcall`) inside each other. An error that passes through them all, each adding to its message, must not
/// take for ever; the reference allows some 200.
pub(crate) const MAX_CATCHERS: u32 = 12_000;
/// State of a native frame whose next step is to return its last (state & 0xffff) registers.
pub const RETURN: u32 = 1 << 30;
/// State of a native frame whose next step is to raise its last register.
pub const RAISE: u32 = 1 << 29;
/// Added to the state at which a native goes on after a whole collection.
pub const COLLECT: u32 = RETURN | RAISE;

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
        // SAFETY: the slots of each act are in the running stack, as nothing happens between its making and this (3).
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
    /// Brings an act that was made outside the loop to a state from which `entry` goes on.
    pub(super) unsafe fn pending(&mut self, mut act: Act) {
        // SAFETY: as in `drive`.
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
    /// What to do when the interpreter is entered.
    pub(crate) unsafe fn entry(&mut self) -> Act {
        // SAFETY: with no frame the first slot of the stack is the coroutine's function (`start`, `new_coroutine`);
        // else `frame` is one (2).
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

    pub(super) unsafe fn do_call(&mut self, mut function: *mut Value, results: i16, then: Continue) -> Act {
        // SAFETY: `function` to `top` are slots (3). They move up by the length of the chain, for which there is room; the
        // stack that moved for it has `function` at the same offset.
        unsafe {
            loop {
                match (*function).tag {
                    tag::CLOSURE => return self.call_lua(function, results, then),
                    tag::NATIVE | tag::NATIVE_CLOSURE => return self.call_native(function, results, then),
                    _ => {}
                }
                // The called value becomes the first argument, as do all values but the last of a chain of `__call`.
                let (mut last, mut chain) = (*function, 0);
                while !last.is_function() {
                    let mm = self.metamethod(last, Event::Call);
                    chain += 1;
                    if mm.is_nil() || chain > MAX_CHAIN {
                        *function = last;
                        return self.call_error(function, then);
                    }
                    last = mm;
                }
                let offset = function.offset_from((*self.thread).stack);
                if self.ensure_slots(chain).is_err() {
                    return self.stack_overflow();
                }
                function = (*self.thread).stack.offset(offset);
                let n = self.top.offset_from(function) as usize;
                std::ptr::copy(function, function.add(chain), n);
                self.top = self.top.add(chain);
                self.fuel -= chain as i64 - 1;
                self.pay_for_values(n);
                for i in (0..chain).rev() {
                    *function.add(i) = self.metamethod(*function.add(i + 1), Event::Call);
                }
            }
        }
    }
    #[cold]
    unsafe fn call_error(&mut self, function: *mut Value, then: Continue) -> Act {
        // SAFETY: `function` is a slot (3), a register of the frame on top if that is a Lua function's and calls
        // plainly; `frame` is read where there is one (2).
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
                if let Some((kind, name)) = super::debug::called_name(p, frame.current_pc()) {
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
        // SAFETY:
        // * the tag says that the slot holds a closure, which is live, as its slot is in use; prototypes outlive
        //   closures.
        // * there is room for the registers and a frame before either is written; `function` and `top` are found again
        //   after the stack has moved.
        // * parameters are registers (the verifier).
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
        // SAFETY: `function` is a slot with its arguments above it, up to `top` (3). If the leaf makes the stack grow,
        // `leaf` moves with it; if a frame does, `ensure_frame` moves `function`.
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
                        Err(raise) => self.leaf_raised(function, results, then, raise),
                    }
                }
                Function::Quick(f, _) if !self.hooked => {
                    self.base = function.add(1);
                    self.leaf = function;
                    let outcome = f(self);
                    let function = self.leaf;
                    self.leaf = std::ptr::null_mut();
                    match outcome {
                        Ok(Some(v)) => {
                            *function = v;
                            self.deliver(function, 1, function, results, then)
                        }
                        Ok(None) => self.call_steps(function, results, then),
                        Err(raise) => self.leaf_raised(function, results, then, raise),
                    }
                }
                _ => self.call_steps(function, results, then),
            }
        }
    }
    /// A leaf has raised an error: it gets a frame of its own, for tracebacks.
    unsafe fn leaf_raised(&mut self, mut function: *mut Value, results: i16, then: Continue, raise: Raise) -> Act {
        // SAFETY: the slot of the called function (3), which `ensure_frame` moves along with the stack.
        unsafe {
            if self.ensure_frame(&mut function).is_ok() {
                self.push_frame(function, FrameKind::Native, results, then);
            }
            self.raised(raise)
        }
    }
    /// Calls a native with a frame of its own.
    pub(crate) unsafe fn call_steps(&mut self, mut function: *mut Value, results: i16, then: Continue) -> Act {
        // SAFETY: as in `leaf_raised`; the frame on top is then this native's.
        unsafe {
            let asked = self.asked.take();
            if self.ensure_frame(&mut function).is_err() {
                return self.stack_overflow();
            }
            self.push_frame(function, FrameKind::Native, results, then);
            if let Some(request) = asked {
                self.left = Left::Exit(Exit::Request(request));
                return Act::Leave;
            }
            if self.hooked
                && let Some(act) = self.native_called()
            {
                return act;
            }
            self.do_native()
        }
    }
    /// Sets up a call of a metamethod above everything in use.
    pub(crate) unsafe fn call_metamethod(
        &mut self,
        f: Value,
        arguments: &[Value],
        results: i16,
        then: Continue,
    ) -> Act {
        // SAFETY: the first free slot is in the stack (2). There is room for the function and its arguments above it
        // before they are written.
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
            if f.tag != tag::CLOSURE || self.hooked {
                return Act::Call { function, results, then };
            }
            self.call_lua(function, results, then)
        }
    }
    /// The first slot above the registers of the top frame.
    pub(crate) unsafe fn free_slot(&self) -> *mut Value {
        // SAFETY: a frame's registers, to their end, are in the stack (2).
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

    pub(super) unsafe fn do_return(&mut self, first: *mut Value, n: usize) -> Act {
        // SAFETY: a frame returns, so there is one (2); it is copied before it is popped.
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
        // SAFETY:
        // * `first` and the `n` results from it are slots, and `function`, the slot of what was called, is one (3).
        // * by a continuation of an instruction, the frame on top is a Lua function's, and A of the instruction before
        //   its `pc` a register (4); a concatenation has its operands, `state` many, from A on; a return that closes
        //   has its values, `state` many, there.
        // * below the function of a `__close` that unwinds lies the error: do_unwind has put it there.
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
                    (*self.thread).no_yield -= 1;
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
    pub(crate) unsafe fn move_results(&mut self, first: *mut Value, n: usize, to: *mut Value, wanted: i16) {
        // SAFETY: `n` results from `first`, at or above `to` (3), so that copying upwards reads each before it is
        // overwritten; all that are `wanted` fit, as they are registers of a Lua caller, or few enough for the SLACK
        // above a native's.
        unsafe {
            match wanted {
                0 => {}
                1 => *to = if n > 0 { *first } else { Value::NIL },
                -1 => {
                    self.pay_for_values(n);
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
        // SAFETY:
        // * the top frame is a native's (the act says so): `function` in the slot below `base`, its registers up to
        //   `top` (2).
        // * `state` tells of values to return or raise only when they were pushed (`finish_request`, `fail_request`);
        //   of a step's, no more are taken than there are.
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
            if state & COLLECT != 0 && state & ERROR == 0 {
                if state & COLLECT == COLLECT {
                    if !self.collect_whole() {
                        self.left = Left::Safepoint;
                        return Act::Leave;
                    }
                    f.state = state & !COLLECT;
                    self.shrink_stack();
                    return Act::Native;
                }
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
                Function::Steps(function) | Function::Quick(_, function) => function(self, state),
            };
            match step {
                Ok(step) => self.step_taken(step),
                Err(raise) => self.raised(raise),
            }
        }
    }
    /// What the native on top wants.
    pub(crate) unsafe fn step_taken(&mut self, step: Step) -> Act {
        // SAFETY:
        // * the native's frame is on top, its registers from `base` up to `top` (2); of a step's values, no more are taken
        //   than there are.
        // * no frame is written to after what may make the frames move.
        unsafe {
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
                    if !Vm::native_in(f.function()).is_some_and(|native| native.yieldable) {
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
                    f.state = next | COLLECT;
                    self.begin_whole();
                    Act::Native
                }
                Step::CollectPiece { units, next } => {
                    f.state = next;
                    // No frame moves meanwhile.
                    let ended = self.collect_step(units);
                    self.push(Value::boolean(ended));
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
    #[inline]
    pub fn finish_request(&mut self, values: &[Value]) {
        for &v in values {
            self.push(v);
        }
        // SAFETY: a request leaves its native's frame on top.
        unsafe { (*self.frame).state = RETURN | values.len() as u32 };
    }
    /// As [`Vm::finish_request`], by one value: a Lua function that has called the native plainly has it at once.
    #[inline]
    pub fn finish_request_with(&mut self, v: Value) {
        // SAFETY: a request leaves its native's frame on top (2); what returns plainly has a Lua frame below it, whose
        // register the native's slot is (3).
        unsafe {
            let f = &*self.frame;
            if f.then != Continue::Plain || f.flags != 0 || self.hooked || !matches!(f.results, 0 | 1) {
                return self.finish_request(&[v]);
            }
            if f.results == 1 {
                *f.function_slot() = v;
            }
            self.frame = self.frame.sub(1);
        }
    }
    /// Fulfils the request by an error.
    pub fn fail_request(&mut self, error: Value) {
        self.push(error);
        // SAFETY: the frame of the native that made the request is on top.
        unsafe { (*self.frame).state = RAISE };
    }
    /// Makes the native that made the request go on at a state.
    pub fn continue_request(&mut self, state: u32) {
        // SAFETY: the frame of the native that made the request is on top.
        unsafe { (*self.frame).state = state };
    }
    /// Makes the registers of the native on top accessible, between two runs.
    pub fn enter_request(&mut self) {
        // SAFETY: the frame of the native that made the request is on top.
        self.base = unsafe { (*self.frame).base };
    }
}
