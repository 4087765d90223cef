//! What an object refers to: marking and tracing.
//!
//! Journey: value -> freed, the collector's first part. To mark is to make a white object gray, to trace is to mark what
//! a gray one refers to and to make it black. When, and how much at a time, is collect.rs's business.

#![allow(clippy::undocumented_unsafe_blocks, reason = "blocks inside unsafe functions; what holds is in collect.rs")]

use super::collect::Phase;
use super::{Header, Heap, MARKED, ObjectKind};
use crate::value::function::{Closure, NativeClosure, Upvalue};
use crate::value::string::Str;
use crate::value::table::Node;
use crate::value::userdata::Userdata;
use crate::value::{Table, Value, tag};
use crate::vm::load::Module;
use crate::vm::thread::{Status, Thread};

/// Entries past which a table is traced in parts.
const LARGE: usize = 1000;
/// Slots that are looked at for a unit of work.
pub(super) const SLOTS_A_UNIT: usize = 4;

impl Heap {
    /// Marks what a value keeps alive.
    #[inline(always)]
    pub(crate) unsafe fn mark(&mut self, v: Value) {
        if v.tag & tag::KEEPS_BITS != 0 {
            unsafe { self.mark_keeping(v) }
        }
    }
    // Into the loop over a table's entries as well, so that one entry's memory is waited for beside the next one's.
    #[inline(always)]
    unsafe fn mark_keeping(&mut self, v: Value) {
        unsafe {
            if v.tag & tag::HEAP_BIT != 0 {
                self.mark_object(v.bits as *mut Header);
            } else {
                let owner = (*(v.bits as *const Str)).header.next.get() as *const Module;
                self.modules.mark(owner);
            }
        }
    }
    #[inline(always)]
    pub(crate) unsafe fn mark_object(&mut self, o: *mut Header) {
        unsafe {
            let m = (*o).mark.get();
            if m & MARKED != 0 {
                return;
            }
            (*o).mark.set(m | MARKED);
            self.work += 1;
            if (*o).kind != ObjectKind::String {
                self.gray.push(o);
            }
        }
    }
    pub(super) unsafe fn trace(&mut self, o: *mut Header) {
        unsafe {
            match (*o).kind {
                ObjectKind::String | ObjectKind::Buffer => {}
                ObjectKind::Table => self.trace_table(o.cast()),
                ObjectKind::Closure => {
                    let c = &*o.cast::<Closure>();
                    c.header.set_black(true);
                    self.modules.mark((*c.proto).module);
                    for i in 0..c.count {
                        let u = *c.cells().add(i);
                        if !u.is_null() {
                            self.mark_object(u.cast());
                        }
                    }
                }
                ObjectKind::NativeClosure => {
                    let c = &*o.cast::<NativeClosure>();
                    c.header.set_black(true);
                    for i in 0..c.count {
                        self.mark(*c.cells().add(i));
                    }
                }
                ObjectKind::Userdata => {
                    let u = &*o.cast::<Userdata>();
                    u.header.set_black(true);
                    if !u.metatable.get().is_null() {
                        self.mark_object(u.metatable.get().cast());
                    }
                    self.mark(u.user_value.get());
                }
                ObjectKind::Upvalue => {
                    let u = &*o.cast::<Upvalue>();
                    u.header.set_black(true);
                    if u.is_open() {
                        // An open upvalue keeps its coroutine, whose stack holds the value.
                        self.mark_object(u.owner().cast());
                    } else {
                        self.mark(u.get());
                    }
                }
                ObjectKind::Thread => self.trace_thread(o.cast()),
            }
        }
    }
    /// The running one stays gray. The others change only when they run again.
    pub(super) unsafe fn trace_thread(&mut self, t: *mut Thread) {
        unsafe {
            self.work += (*t).trace(self) / (4 * SLOTS_A_UNIT);
            if (*t).status == Status::Running {
                (*t).header.set_black(false);
                self.rest.rescan.push(t);
            } else {
                (*t).header.set_black(true);
            }
        }
    }
    unsafe fn trace_table(&mut self, t: *mut Table) {
        unsafe {
            let meta = (*t).metatable.get();
            if !meta.is_null() {
                self.mark_object(meta.cast());
                if !(*t).is_unfilled() && self.is_weak(t) {
                    if self.phase == Phase::End {
                        self.trace_weak(t)
                    } else {
                        self.rest.weak.found.push(t)
                    }
                    return;
                }
            }
            self.trace_strong(t);
        }
    }
    /// Traces a table that is not weak. From now on its stores are guarded.
    pub(super) unsafe fn trace_strong(&mut self, t: *mut Table) {
        unsafe {
            (*t).header.set_black(true);
            if (*t).is_unfilled() {
                self.reach_record((*t).record());
                return;
            }
            if (*t).is_shared() {
                // Nothing in it is an object of this heap.
                return;
            }
            if (*t).asize.get() as usize + (*t).node_count() > LARGE {
                self.rest.large.push_back(t);
            } else {
                self.trace_entries(t, 0, usize::MAX);
            }
        }
    }
    /// Traces the entries of these numbers, those of the array part first; true if the last one was among them.
    pub(super) unsafe fn trace_entries(&mut self, t: *mut Table, from: usize, to: usize) -> bool {
        unsafe {
            let asize = (*t).asize.get() as usize;
            let all = asize + (*t).node_count();
            let end = to.min(all);
            for i in from..end.min(asize) {
                self.mark(*(*t).array.get().add(i));
            }
            for i in from.max(asize)..end {
                let n = (*t).nodes.get().add(i - asize);
                if (*n).value_tag == 0 {
                    bury(n);
                } else {
                    self.mark((*n).key());
                    self.mark((*n).value());
                }
            }
            self.work += end.saturating_sub(from) / SLOTS_A_UNIT;
            end == all
        }
    }
}

/// Whether a heap object was not reached.
#[inline(always)]
pub(super) fn is_dead(v: Value) -> bool {
    // SAFETY: heap tags are objects that were not freed yet.
    v.tag & tag::HEAP_BIT != 0 && unsafe { (*(v.bits as *const Header)).mark.get() & MARKED == 0 }
}

/// Marks the key of a node without a value as dead, if it is an object that may go.
pub(super) unsafe fn bury(n: *mut Node) {
    unsafe {
        if (*n).key_tag as u64 & tag::HEAP_BIT != 0 || (*n).key_tag as u64 == tag::MODULE_STRING {
            (*n).key_tag = tag::DEAD_KEY as u8;
        }
    }
}
