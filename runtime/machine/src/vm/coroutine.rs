//! Coroutines: switches from one to another, and their ends (manual 2.6).
//!
//! Journey: closure -> **frame** -> value. A switch loads another stack and other frames into the machine's registers;
//! no Rust frame belongs to a coroutine. The native that resumed one waits with its frame on top of its own coroutine,
//! and `state` says what it makes of the values it is given.
//!
//! Always: `resumer` leads from the running coroutine to the main one, and all on the way are live, as each is marked
//! from the one above it. What else always holds is in call.rs; the SAFETY comments refer to it by number. What a
//! coroutine consists of is thread.rs.

use super::call::Act;
use super::native::ResumeKind;
use super::thread::{Continue, SLACK, Status, Thread};
use super::{Exit, Left, Vm};
use crate::value::{Ref, Value};

/// Coroutines that may be resumed inside each other, as the reference's limit of C calls.
pub const MAX_RESUMES: u32 = 195;
/// States of a native that has resumed a coroutine.
pub const RESUME: u32 = 1;
const RESUME_WRAP: u32 = 2;
/// As [`RESUME`], to close the coroutine.
pub const RESUME_CLOSE: u32 = 3;

impl Vm {
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
        // SAFETY: the running coroutine is live.
        self.may_yield(unsafe { Ref::new(self.thread) })
    }
    /// Whether a coroutine may yield: not across what must not be suspended, nor while it is being closed.
    pub fn may_yield(&self, t: Ref<Thread>) -> bool {
        t.as_ptr() != self.main && t.no_yield == 0 && !t.closing && !self.exiting
    }
    pub(super) unsafe fn do_yield(&mut self) -> Act {
        // SAFETY: the running coroutine is live (1); the values are the native's registers, from `base` to `top` (2),
        // and stay in this stack while the resumer's is loaded.
        unsafe {
            if self.thread == self.main {
                let raise = self.runtime_error("attempt to yield from outside a coroutine");
                return self.raised(raise);
            }
            if !self.is_yieldable() {
                let raise = self.runtime_error("attempt to yield across a C-call boundary");
                return self.raised(raise);
            }
            let (first, n) = (self.base, self.count());
            (*self.thread).status = Status::Suspended;
            self.save_thread();
            self.give_to_resumer(first, n, true)
        }
    }
    pub(super) unsafe fn do_resume(&mut self, kind: ResumeKind) -> Act {
        // SAFETY:
        // * `child` is live: a register holds it. It is suspended, so nobody else uses its stack.
        // * it has its function in the first slot, or the frame of the native that yielded on top, whose registers the
        //   values replace; its stack has room for them, and `to` is found again after it has moved.
        // * the arguments are registers of this native (2), whose stack does not move.
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
            self.pay_for_values(n);
            let first = self.base.add(1);
            let fresh = (*child).depth_of_frames() == 0;
            let to = if fresh { (*child).top } else { (*(*child).frame).base };
            let used = to.offset_from((*child).stack) as usize;
            if used + n + SLACK >= (*child).stack_len() {
                (*child).resize_stack(&mut self.heap, (used + n + 2 * SLACK).next_power_of_two());
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
    pub(super) unsafe fn do_close_coroutine(&mut self) -> Act {
        // SAFETY: the argument is live: a register holds it. A coroutine that has failed has its error as its topmost
        // value (coroutine_failed).
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
    unsafe fn switch_to(&mut self, child: *mut Thread) {
        // SAFETY: both are live: `thread` runs (1), and the caller has found `child` in a register.
        unsafe {
            self.save_thread();
            (*child).resumer = self.thread;
            (*child).depth = (*self.thread).depth + 1;
            (*self.thread).status = Status::Normal;
            (*child).status = Status::Running;
            self.load_thread(child);
        }
    }
    /// Switches back to the resumer and hands it values (or an error, as the only value).
    unsafe fn give_to_resumer(&mut self, first: *mut Value, n: usize, success: bool) -> Act {
        // SAFETY:
        // * a coroutine that ends or yields was resumed, and its resumer lives as long as it runs; the resumer's top
        //   frame is that of the native that resumed (do_resume, do_close_coroutine), below whose `base` its function's
        //   slot is free now.
        // * `first` and the `n` values from it lie in the other coroutine's stack, which does not move when this one's
        //   grows; room for them is made before they are written.
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
            self.pay_for_values(n);
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
    /// The first function of the running coroutine returned.
    pub(super) unsafe fn coroutine_done(&mut self, first: *mut Value, n: usize) -> Act {
        // SAFETY: the results are slots of this stack (3), at or above its first, where those of the main coroutine go.
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
    pub(super) unsafe fn coroutine_failed(&mut self) -> Act {
        // SAFETY: the error goes to a slot for which there is room, or replaces the topmost value; the resumer is live
        // and waits with a native's frame on top.
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
    /// Drops the running coroutine's frames and closes its variables.
    pub(super) unsafe fn begin_closing(&mut self) -> Act {
        // SAFETY: the running coroutine is live (1). That it has no frames is written as one below the first (2).
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
    pub(super) unsafe fn coroutine_closed(&mut self) -> Act {
        // SAFETY: the running coroutine is live, its stack has a first slot (1), and its resumer, if it has one, is
        // live too.
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
}
