//! Coroutines: a value stack and a stack of call frames, both plain data.
//!
//! Journey: closure -> **frame** -> value. The process's main line of execution is a coroutine like any other. A
//! suspended coroutine holds nothing but its two arrays, so preemption, freezing and migration need no help from it.
//!
//! Always: every slot of the stack holds a valid value (the collector clears what lies above the top); the frames'
//! `base` pointers and open upvalues' locations point into the stack and are moved when it grows; open upvalues are
//! listed from the top of the stack downwards. The running coroutine's frame pointer and top are cached in the [`Vm`].
//!
//! [`Vm`]: super::Vm

use super::load::Proto;
use crate::heap::{Header, Heap};
use crate::value::function::Upvalue;
use crate::value::{Closure, Value, tag};
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};

/// What a coroutine is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Status {
    /// Not started, or waiting in `yield`.
    Suspended,
    /// Running now.
    Running,
    /// Has resumed another one.
    Normal,
    /// Ended, or ended with an error.
    Dead,
}

/// What a frame executes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum FrameKind {
    /// A Lua function; `pc` is the next instruction.
    Lua,
    /// A native function; `state` says where it goes on.
    Native,
}

/// What happens to the results of a frame when it returns: the caller's continuation, as data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Continue {
    /// A call of a Lua function: results to the function's slot and up.
    Plain,
    /// A call that a native made: results to the function's slot, then the native goes on.
    Native,
    /// A metamethod: the result goes to register `A` of the caller's instruction.
    Store,
    /// A comparison's metamethod: the result's truth against the instruction's `k` decides the jump.
    Condition,
    /// The result is thrown away.
    Discard,
    /// `__concat`: the result replaces two operands and the concatenation goes on.
    Concat,
    /// `__close` at the end of a block or at a return: the caller's instruction is executed once more.
    CloseAgain,
    /// `__close` while an error travels to its catcher, or a coroutine is being closed.
    CloseUnwind,
    /// The message handler of `xpcall`: the result is the new error value.
    Handler,
    /// `__gc` at a safepoint: nothing; the integer below the function is the top to restore.
    Finalizer,
    /// The first function of a coroutine.
    Coroutine,
    /// A hook: nothing; what it interrupted goes on (hook.rs).
    Hook,
    /// As Condition, and the result is negated: `__lt` with its operands turned round in place of `__le`.
    NotCondition,
}

/// A call in progress.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Frame {
    /// Next instruction (execution form).
    pub pc: *const u64,
    /// Register 0. The function is in the slot below.
    pub base: *mut Value,
    /// Constants.
    pub k: *const Value,
    /// Results the caller wants; -1: all.
    pub results: i16,
    /// What it executes.
    pub kind: FrameKind,
    /// What happens to its results.
    pub then: Continue,
    /// Slots between the function's original place and `base - 1` (a vararg function moves up).
    pub shift: u32,
    /// Native: where it goes on. Lua: number of arguments (until VARARGPREP), then scratch of a continuation.
    pub state: u32,
    /// [`flags`].
    pub flags: u32,
}

/// Bits of [`Frame::flags`].
pub mod flags {
    /// A native that catches errors of what it calls (`pcall`).
    pub const CATCH: u32 = 1;
    /// With CATCH: register 1 is a message handler.
    pub const HANDLER: u32 = 2;
    /// It was entered by a tail call.
    pub const TAIL: u32 = 4;
    /// A native that may not be suspended by `yield` is waiting for what it called.
    pub const NO_YIELD: u32 = 8;
    /// A catcher on its way to the error case: it runs `__close` handlers first.
    pub const UNWINDING: u32 = 16;
    /// The hook knows of this call.
    pub const SEEN: u32 = 32;
    /// The hook knows of this return.
    pub const RETURN_SEEN: u32 = 64;
}

impl Frame {
    /// The slot where the function was when it was called, to which results go.
    #[inline(always)]
    pub(crate) unsafe fn function_slot(&self) -> *mut Value {
        // SAFETY: the function's slot, and where it moved from, are below the registers in the same stack.
        unsafe { self.base.sub(1 + self.shift as usize) }
    }
    /// The function.
    pub(crate) fn function(&self) -> Value {
        // SAFETY: the slot below a frame's base holds its function.
        unsafe { *self.base.sub(1) }
    }
    pub(crate) fn closure(&self) -> Option<&Closure> {
        // SAFETY: the tag says so, and a frame's function is live.
        (self.kind == FrameKind::Lua && self.function().tag == tag::CLOSURE)
            .then(|| unsafe { &*(self.function().bits as *const Closure) })
    }
    /// The prototype that a frame of a Lua function executes.
    pub fn proto(&self) -> Option<&Proto> {
        self.closure().map(|c| {
            // SAFETY: a closure's prototype lives as long as the closure.
            unsafe { &*c.proto }
        })
    }
    /// Index of the instruction being executed (the one before `pc`).
    pub(crate) fn current_pc(&self) -> u32 {
        match self.proto() {
            // SAFETY: `pc` points into the prototype's code.
            Some(p) => (unsafe { self.pc.offset_from(p.code) } - 1).max(0) as u32,
            None => 0,
        }
    }
}

/// Slots of a fresh stack.
const FIRST_SLOTS: usize = 15;
/// Frames of a fresh coroutine.
const FIRST_FRAMES: usize = 2;
/// Slots past which a Lua program has overflowed its stack, as in the reference.
pub(crate) const MAX_SLOTS: usize = 1_000_000;
/// Slots that are left to handle the overflow.
pub(crate) const EXTRA_SLOTS: usize = 8_000;
/// Frames past which the stack has overflowed.
pub(crate) const MAX_FRAMES: usize = 400_000;
/// Slots always free above any frame's registers: room for metamethod calls.
pub(crate) const SLACK: usize = 8;

/// Stack indices; one word where there are none, as in most coroutines.
#[derive(Default)]
#[allow(clippy::box_collection, reason = "one word")]
pub struct ToClose(Option<Box<Vec<u32>>>);

impl ToClose {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|list| list.is_empty())
    }
    pub(crate) fn push(&mut self, index: u32) {
        self.0.get_or_insert_default().push(index);
    }
    pub(crate) fn pop(&mut self) -> Option<u32> {
        self.0.as_mut()?.pop()
    }
    pub(crate) fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        if let Some(list) = &mut self.0 {
            list.retain(|&i| keep(i));
        }
    }
    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }
}
impl From<Vec<u32>> for ToClose {
    fn from(list: Vec<u32>) -> ToClose {
        ToClose((!list.is_empty()).then(|| Box::new(list)))
    }
}
impl std::ops::Deref for ToClose {
    type Target = [u32];
    fn deref(&self) -> &[u32] {
        self.0.as_deref().map_or(&[], |list| list)
    }
}

/// A coroutine.
#[repr(C)]
pub struct Thread {
    pub(crate) header: Header,
    /// The value stack.
    pub stack: *mut Value,
    stack_slots: u32,
    frames_room: u32,
    /// The stack of frames.
    pub frames: *mut Frame,
    /// The top frame; below `frames` if there is none.
    pub frame: *mut Frame,
    /// First slot above the values in use.
    pub top: *mut Value,
    /// The open upvalues, highest slot first.
    pub open: *mut Upvalue,
    /// Stack indices of pending to-be-closed variables, ascending.
    pub to_close: ToClose,
    /// Who resumed it, while it is running or normal.
    pub resumer: *mut Thread,
    /// What it is doing.
    pub status: Status,
    /// What is below and may not be suspended by `yield`: natives, message handlers, hooks, finalizers.
    pub no_yield: u32,
    /// Natives below that catch errors.
    pub catchers: u32,
    /// Resumes below it.
    pub depth: u32,
    /// It ended with an error, which is its topmost value.
    pub failed: bool,
    /// Its variables are being closed.
    pub closing: bool,
    /// Its hook, if it has one.
    pub hook: Option<Box<super::hook::Hook>>,
}

const _: () = assert!(size_of::<Thread>() <= 112, "an idle process is small");

impl Thread {
    pub(crate) fn new(header: Header) -> Thread {
        // SAFETY: fresh arrays of the sizes noted; all slots are nil.
        unsafe {
            let (stack, frames) = allocate(FIRST_SLOTS, FIRST_FRAMES);
            Thread {
                header,
                stack,
                stack_slots: FIRST_SLOTS as u32,
                frames,
                frames_room: FIRST_FRAMES as u32,
                frame: frames.wrapping_sub(1),
                top: stack,
                open: std::ptr::null_mut(),
                to_close: ToClose::default(),
                resumer: std::ptr::null_mut(),
                status: Status::Suspended,
                no_yield: 0,
                catchers: 0,
                depth: 0,
                failed: false,
                closing: false,
                hook: None,
            }
        }
    }
    /// Slots of the stack; at most about a million.
    #[inline(always)]
    pub(crate) fn stack_len(&self) -> usize {
        self.stack_slots as usize
    }
    /// Frames there is room for.
    #[inline(always)]
    pub(crate) fn frames_len(&self) -> usize {
        self.frames_room as usize
    }
    /// Bytes of the two arrays.
    pub(crate) fn bytes(&self) -> usize {
        layout(self.stack_len(), self.frames_len()).size()
    }
    /// Number of frames.
    pub fn depth_of_frames(&self) -> usize {
        // SAFETY: `frame` is one below `frames` or inside.
        (unsafe { self.frame.offset_from(self.frames.wrapping_sub(1)) }) as usize
    }
    /// The status as `coroutine.status` names it.
    pub fn status(&self) -> Status {
        self.status
    }
    /// Makes the stack `slots` long. The frames move, too.
    pub(crate) unsafe fn resize_stack(&mut self, heap: &mut Heap, slots: usize) {
        // SAFETY: as in `resize`, which this is.
        unsafe { self.resize(heap, slots, self.frames_len()) }
    }
    /// Makes room for `count` frames. The stack moves, too.
    pub(crate) unsafe fn resize_frames(&mut self, heap: &mut Heap, count: usize) {
        // SAFETY: as in `resize`, which this is.
        unsafe { self.resize(heap, self.stack_len(), count) }
    }
    /// Moves both arrays to a block of another size, and all pointers into them.
    pub(crate) unsafe fn resize(&mut self, heap: &mut Heap, slots: usize, frames: usize) {
        // SAFETY:
        // * all that is in use fits the new sizes (the caller's promise), so that every pointer moves to a place in the
        //   new block; the old addresses are only computed with.
        // * the old block has the layout of the old lengths; it goes when both arrays are copied.
        // * slots past the old ones are set to nil; frames past the top one are written before they are read.
        // * open upvalues are live, as the list is part of the coroutine that they belong to.
        unsafe {
            let depth = self.depth_of_frames();
            debug_assert!(depth <= frames);
            let (old, old_len) = (self.stack, self.stack_len());
            let (new, new_frames) = allocate(slots, frames);
            std::ptr::copy_nonoverlapping(old, new, old_len.min(slots));
            std::ptr::copy_nonoverlapping(self.frames, new_frames, depth);
            dealloc(old.cast(), layout(old_len, self.frames_len()));
            heap.add_bytes(layout(slots, frames).size());
            heap.sub_bytes(layout(old_len, self.frames_len()).size());
            (self.stack, self.stack_slots) = (new, slots as u32);
            (self.frames, self.frames_room) = (new_frames, frames as u32);
            self.frame = new_frames.wrapping_add(depth).wrapping_sub(1);
            let moved =
                |p: *mut Value| (new as usize).wrapping_add((p as usize).wrapping_sub(old as usize)) as *mut Value;
            self.top = moved(self.top);
            for i in 0..depth {
                let f = new_frames.add(i);
                (*f).base = moved((*f).base);
            }
            let mut u = self.open;
            while !u.is_null() {
                (*u).location.set(moved((*u).location.get()));
                u = (*u).next_open();
            }
        }
    }
    /// Number of slots that hold something.
    pub fn slots_in_use(&self) -> usize {
        // SAFETY: both point into the stack.
        unsafe { self.extent().max(self.top).offset_from(self.stack) as usize }
    }
    /// The first `n` slots.
    pub fn slots(&self, n: usize) -> &[Value] {
        assert!(n <= self.stack_len());
        // SAFETY: all slots are initialised.
        unsafe { std::slice::from_raw_parts(self.stack, n) }
    }
    /// The frames, bottom first.
    pub fn frame_slice(&self) -> &[Frame] {
        // SAFETY: as many frames were pushed.
        unsafe { std::slice::from_raw_parts(self.frames, self.depth_of_frames()) }
    }
    /// Makes both arrays of an empty coroutine large enough for so many slots in use and frames; false if that is more
    /// than a coroutine may have.
    pub fn make_room(&mut self, heap: &mut Heap, slots: usize, frames: usize) -> bool {
        debug_assert!(self.depth_of_frames() == 0 && self.open.is_null());
        let (needed, frames) = (slots + SLACK, frames + 1);
        let len = if needed > MAX_SLOTS {
            if needed > MAX_SLOTS + EXTRA_SLOTS {
                return false;
            }
            MAX_SLOTS + EXTRA_SLOTS
        } else {
            needed.next_power_of_two().min(MAX_SLOTS)
        };
        if frames > MAX_FRAMES + 1000 {
            return false;
        }
        // SAFETY: the coroutine has no frames and no open upvalues.
        unsafe {
            if len > self.stack_len() {
                self.resize_stack(heap, len);
            }
            if frames > self.frames_len() {
                let len =
                    if frames > MAX_FRAMES { MAX_FRAMES + 1000 } else { frames.next_power_of_two().min(MAX_FRAMES) };
                self.resize_frames(heap, len);
            }
        }
        true
    }
    /// First slot that no frame uses.
    pub(crate) unsafe fn extent(&self) -> *mut Value {
        // SAFETY: a coroutine that does not run has its frame and top here.
        unsafe { self.extent_of(self.frame, self.top) }
    }
    /// As `extent`, with the frame and top that the running coroutine keeps elsewhere.
    pub(crate) unsafe fn extent_of(&self, frame: *const Frame, top: *mut Value) -> *mut Value {
        // SAFETY: from `frames` up, `frame` is a frame, whose registers lie in the stack; the stack has SLACK slots at
        // the least.
        unsafe {
            let mut end = top;
            if frame >= self.frames
                && let Some(p) = (*frame).proto()
            {
                end = end.max((*frame).base.add(p.registers as usize));
            }
            end.min(self.stack.add(self.stack_len() - SLACK))
        }
    }
    /// As `extent`, without those registers of a Lua function on top that nothing will read at the safepoint it is at.
    /// What they hold would be kept as long as the function runs a loop that does not use them.
    unsafe fn live_extent(&self) -> *mut Value {
        // SAFETY: as in `extent_of`; `pc` points into the prototype's code, `to_close` and open upvalues to slots of
        // this stack.
        unsafe {
            let end = self.extent();
            if self.frame < self.frames {
                return end;
            }
            let f = &*self.frame;
            let Some(p) = f.proto() else { return end };
            let Some(live) = super::load::live_registers(p, f.pc.offset_from(p.code) as usize) else { return end };
            let mut last = f.base.add(live);
            if let Some(&slot) = self.to_close.last() {
                last = last.max(self.stack.add(slot as usize + 1));
            }
            if !self.open.is_null() {
                last = last.max((*self.open).location.get().add(1));
            }
            // An open list of arguments lies past the registers.
            if self.top > f.base.add(p.registers as usize) { end } else { last.min(end) }
        }
    }
    /// Marks what the stack holds and clears the rest of it; how many slots were looked at.
    pub(crate) unsafe fn trace(&mut self, heap: &mut Heap) -> usize {
        // SAFETY: all slots up to the stack's length are initialised; those below the extent hold live values
        // (heap/mod.rs, rule 2), and the others are set to nil. The resumer and the open upvalues are live as long as
        // this.
        unsafe {
            let end = self.live_extent();
            let mut slot = self.stack;
            while slot < end {
                heap.mark(*slot);
                slot = slot.add(1);
            }
            let limit = self.stack.add(self.stack_len());
            while slot < limit {
                *slot = Value::NIL;
                slot = slot.add(1);
            }
            if !self.resumer.is_null() {
                heap.mark_object(self.resumer.cast());
            }
            if let Some(h) = &self.hook {
                heap.mark(h.function);
            }
            let mut u = self.open;
            while !u.is_null() {
                heap.mark_object(u.cast());
                u = (*u).next_open();
            }
            self.stack_len()
        }
    }
    /// The open upvalue of a slot, made if need be.
    pub(crate) unsafe fn find_upvalue(this: *mut Thread, heap: &mut Heap, slot: *mut Value) -> *mut Upvalue {
        // SAFETY: the coroutine is live, `slot` is one of its slots, and the list links live upvalues. The new one is
        // linked before anything can collect.
        unsafe {
            let (mut above, mut next) = (std::ptr::null_mut::<Upvalue>(), (*this).open);
            while !next.is_null() && (*next).location.get() >= slot {
                if (*next).location.get() == slot {
                    return next;
                }
                (above, next) = (next, (*next).next_open());
            }
            let u = heap.upvalue(Value::NIL).as_ptr();
            (*u).open(slot, this, next);
            match above.as_ref() {
                None => (*this).open = u,
                Some(above) => above.set_next_open(u),
            }
            u
        }
    }
    /// Closes the upvalues of all slots from `level` up.
    pub(crate) unsafe fn close_upvalues(&mut self, heap: &mut Heap, level: *mut Value) {
        // SAFETY: the list links live upvalues, whose locations are slots of this stack.
        unsafe {
            while !self.open.is_null() && (*self.open).location.get() >= level {
                let u = &*self.open;
                self.open = u.next_open();
                let v = u.get();
                u.close(v);
                heap.write_barrier(&u.header, v);
            }
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        // SAFETY: the block was allocated with this layout. Open upvalues that outlive the thread cannot be: they keep it.
        unsafe { dealloc(self.stack.cast(), layout(self.stack_len(), self.frames_len())) }
    }
}

/// The block of both arrays: the stack, then the frames. In blocks of their own both would begin at the same place of
/// a page, and a processor that tells addresses apart by their place in a page first would take each store to one for a
/// store to the other: calls were 15% slower.
fn layout(slots: usize, frames: usize) -> Layout {
    let size = slots * size_of::<Value>() + frames * size_of::<Frame>();
    Layout::from_size_align(size, align_of::<Value>()).expect("at most about a million slots")
}
unsafe fn allocate(slots: usize, frames: usize) -> (*mut Value, *mut Frame) {
    // SAFETY: the size is not 0, as a stack has slots; the frames begin behind the last slot, in the same block,
    // aligned as values are.
    unsafe {
        // Zeros are nil; of a large block they cost nothing until they are touched.
        let stack = alloc_zeroed(layout(slots, frames)).cast::<Value>();
        if stack.is_null() {
            handle_alloc_error(layout(slots, frames));
        }
        (stack, stack.add(slots).cast::<Frame>())
    }
}
const _: () = assert!(align_of::<Value>() >= align_of::<Frame>());
