//! Finalizers: calls of `__gc` at safepoints (manual 2.5.3).
//!
//! Journey: closure -> **frame** -> value. The collector queues what is to be finalized; a safepoint puts a frame for
//! one `__gc` above all that the running coroutine uses, whatever that is in the middle of, and the next run executes
//! it. An error in it is a warning.
//!
//! Always: one finalizer at a time, and it may not yield; below its function's slot lies the top to restore, as an
//! integer. What else always holds is in call.rs; the SAFETY comments refer to it by number.

use super::Vm;
use super::call::Act;
use super::metamethod::Event;
use super::thread::{Continue, Frame, MAX_FRAMES, MAX_SLOTS, flags};
use crate::value::Value;

impl Vm {
    /// Sets up the call of the next waiting finalizer, at a safepoint.
    pub(crate) fn push_finalizer(&mut self) {
        // Where the stack is almost full it would overflow: later.
        const ROOM: usize = 1000;
        // SAFETY: the running coroutine is live.
        let slots = unsafe { (*self.thread).extent_of(self.frame, self.top).offset_from((*self.thread).stack) };
        if slots as usize + ROOM > MAX_SLOTS || self.frame_count() + ROOM > MAX_FRAMES {
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
    pub(super) unsafe fn finalizer_done(&mut self, function: *mut Value) -> Act {
        // SAFETY: push_finalizer has put the old top below the function, and the stack does not become smaller than
        // what was in use then.
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
    pub(super) unsafe fn finalizer_failed(&mut self, finalizer: *mut Frame) -> Act {
        // SAFETY: `finalizer` is a frame of the running coroutine, and all from the top one down to it are popped, with
        // what each counted. The coroutine goes on below it with the registers it had.
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
                match (*self.frame).then {
                    Continue::Hook => self.hook_over(),
                    Continue::Handler => (*self.thread).no_yield -= 1,
                    _ => {}
                }
                self.frame = self.frame.wrapping_sub(1);
            }
            (*self.thread).to_close.retain(|i| i < index);
            (*self.thread).close_upvalues(&mut self.heap, function);
            self.finalizer_done(function)
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
        self.surroundings().flush();
        crate::report([b"Lua warning: error in __gc (".as_slice(), &text, b")"].concat());
    }
}
