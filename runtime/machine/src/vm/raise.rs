//! Errors: from the place where one is raised to the native that catches it.
//!
//! Journey: closure -> **frame** -> value. [`Act::Raise`] looks for the nearest native that catches (`pcall`), calls a
//! message handler on top of the failing frames if there is one, pops the frames, runs `__close` handlers one by one
//! ([`Act::Unwind`]), and enters the catcher again. Each step is an act or a frame, so that a process may be suspended,
//! and frozen, in a message handler or a `__close` handler as anywhere else. The end of a process is an error that
//! nothing catches.
//!
//! What always holds is in call.rs; the SAFETY comments refer to it by number.

use super::Vm;
use super::call::Act;
use super::metamethod::Event;
use super::native::{ERROR, Raise};
use super::thread::{Continue, MAX_FRAMES, MAX_SLOTS, flags};
use crate::value::Value;

/// Errors in message handlers while a message handler runs.
const MAX_HANDLERS: usize = 10;

impl Vm {
    #[inline(always)]
    pub(crate) fn raised(&mut self, _: Raise) -> Act {
        Act::Raise
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
    pub(super) unsafe fn do_raise(&mut self) -> Act {
        // SAFETY: from the top frame down to `frames` there are frames (2). One with HANDLER has its message handler in
        // register 1 (`Step::CallWithHandler`).
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
    /// Calls a message handler above everything, even what a native has pushed. Where there is no room for it, it is
    /// not called: the overflow of a handler that overflows would find no room for the next one, and so on for ever. So
    /// the call has a frame, or is a leaf's, and what it counts in `no_yield` ends with that.
    unsafe fn call_metamethod_at_top(&mut self, handler: Value, error: Value) -> Act {
        // SAFETY: there are ROOM slots above `top` and a frame before anything is written.
        unsafe {
            const ROOM: usize = 300;
            let nowhere = &mut std::ptr::null_mut();
            if !handler.is_function()
                || self.ensure_slots(ROOM).is_err() && self.ensure_slots(ROOM).is_err()
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
            (*self.thread).no_yield += 1;
            Act::Call { function, results: 1, then: Continue::Handler }
        }
    }
    /// Pops the frames above the nearest catcher and begins to close their variables.
    pub(super) unsafe fn unwind_to_catcher(&mut self) -> Act {
        // SAFETY: from the top frame down to `frames` there are frames (2), and none is read below. Each is popped with
        // what it counted.
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
                if !(found && self.frame == catcher) {
                    match f.then {
                        Continue::Hook => self.hook_over(),
                        Continue::Handler => (*self.thread).no_yield -= 1,
                        _ => {}
                    }
                } else {
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
    pub(super) unsafe fn do_unwind(&mut self) -> Act {
        // SAFETY:
        // * `to_close` holds indices of slots of this stack; the handler's call goes above the slot, where there is
        //   room for it: the frames that used what is there are popped.
        // * with a frame left, it is the catcher's: its registers are in the stack, and `pc` is the number of the
        //   register it called (do_native), so that the error value goes to a slot that was in use.
        // * a stack or an array of frames is made smaller when not half of what remains is used.
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
                (*t).close_upvalues(&mut self.heap, slot);
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
            (*t).close_upvalues(&mut self.heap, level);
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
            if (*t).stack_len() > MAX_SLOTS && self.slots_used() < MAX_SLOTS / 2 {
                self.shrink_after_overflow();
            }
            if (*t).frames_len() > MAX_FRAMES && self.frame_count() < MAX_FRAMES / 2 {
                self.save_thread();
                (*t).resize_frames(&mut self.heap, MAX_FRAMES);
                self.load_thread(t);
            }
            Act::Native
        }
    }
    unsafe fn shrink_after_overflow(&mut self) {
        // SAFETY: what is in use fits (the caller has looked); the registers are loaded again from where they moved to.
        unsafe {
            self.save_thread();
            let t = self.thread;
            (*t).resize_stack(&mut self.heap, MAX_SLOTS);
            self.load_thread(t);
            if self.frame_count() > 0 {
                self.base = (*self.frame).base;
            }
        }
    }
    /// Begins the end of the process: all frames of all coroutines on the resume chain go, `__close` handlers run. The
    /// next runs carry it out and end with [`Exit::Failed`](super::Exit::Failed).
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
