//! The collector: in pieces between which Lua runs. Its phases, its pace, and the barrier.
//!
//! Journey: value -> freed. Mark and sweep over one process's heap. Objects are white (not reached), gray (reached, and
//! what they refer to is still to be looked at: in `gray`, `large`, `rescan` or `weak`) or black. A cycle marks from the
//! roots in pieces, ends that in one go (see [`Heap::end_marking`]), and sweeps in pieces. The passes over weak tables
//! and finalizers are in the order of the reference implementation (weak values, ephemerons, resurrection by
//! finalizers, weak keys). What an object refers to is in mark.rs, weak tables are in weak.rs.
//!
//! Always:
//! * While marking goes on, no black object refers to a white one. A black object has its `guard` set, which every store
//!   tests anyway; a guarded store marks what it stores ([`Heap::write_barrier`]). A store forward of the front, so that
//!   nothing is traced twice, however large it is; the reference takes tables back instead, and traces them again at the end.
//! * A coroutine is black only while it does not run: whatever makes it run puts it into `rescan`
//!   ([`Heap::thread_runs`]). Weak tables stay gray until the end of marking.
//! * New objects are white. While marking goes on, what they hold is found through the stack; the rest dies young. Once
//!   the sweep has begun they are in the list `all`, which it does not visit.
//! * No mark and no list of this outlives its cycle, so freezing knows nothing of it: a thawed heap begins a new one.
//! * A string is never weak (it is marked when a weak table holds it).
//!
//! Pace: a piece is so much work, whatever the clock says, and allows the program to allocate so many bytes
//! ([`BYTES_A_UNIT`]) before the next; what was allocated at one stroke is worked off before the program goes on, with
//! other processes in between. The work of a cycle is at most one unit for some ten bytes of the heap, so that the heap
//! does not double before it is over.

#![allow(clippy::undocumented_unsafe_blocks, reason = "blocks inside unsafe functions; what holds is in the header")]

use super::{FIRST_THRESHOLD, Header, Heap, MARKED, MIN_PAUSE, value_of};
use crate::value::{Table, Value, tag};
use crate::vm::thread::Thread;

/// Units of work in one piece: an object reached or swept is about one, which is some 50 ns where memory is slow.
pub(crate) const PIECE: usize = 8000;
/// Units for which a process is charged a reduction.
pub(crate) const UNITS_A_REDUCTION: usize = 4;
/// Bytes that may be allocated for a unit of work done.
const BYTES_A_UNIT: usize = 8;
/// Work that may be left for the end of marking, which is done in one go; more goes back into pieces.
const END: usize = 2000;
/// Of a heap's limit, what it may be past that after an error has said so.
const GRACE: usize = 16;
/// How often it goes back: a program that makes garbage faster than it is found does not keep a cycle from its end.
const ATTEMPTS: u32 = 16;
/// Slots of a table that are traced at once.
const PART: usize = 256;

/// What the collector is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Nothing.
    Idle,
    /// Marking, in pieces.
    Mark,
    /// The end of marking: no Lua runs until it is over.
    End,
    /// Sweeping, in pieces.
    Sweep,
}

/// A whole collection that was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Whole {
    /// It waits for the end of the cycle at hand.
    Waits,
    /// Its cycle has begun.
    Begun,
    /// It is over.
    Done,
}

/// Test modes of the collector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stress {
    /// A whole collection at every safepoint.
    Whole,
    /// A small piece of one at every safepoint.
    Pieces,
}

/// What is reached first. All are live, or null.
pub(crate) struct Roots {
    /// The first and the running coroutine.
    pub threads: [*mut Thread; 2],
    /// Globals, the registry, metatables of types.
    pub tables: [*mut Table; 9],
    /// The error in flight.
    pub error: Value,
}

impl Heap {
    /// Runs one whole collection, after the cycle at hand.
    pub(crate) fn collect(&mut self, roots: &Roots) {
        let kept = self.whole.replace(Whole::Waits);
        while self.whole != Some(Whole::Done) {
            self.collect_piece(roots, usize::MAX);
        }
        // Who waits for another one has had it, too.
        self.whole = kept.map(|_| Whole::Done);
    }
    /// Does a piece of a collection, and begins one if none is under way: so many units of work, or a little more. How
    /// many were done.
    pub(crate) fn collect_piece(&mut self, roots: &Roots, units: usize) -> usize {
        self.work = 0;
        self.adopt();
        let budget = if self.at_once { usize::MAX } else { units };
        let mut ended = false;
        // SAFETY: at a safepoint all pointers in the roots and in live objects are to live objects (rules 1 and 2).
        unsafe {
            while self.work < budget && !ended {
                match self.phase {
                    Phase::Idle => self.begin(),
                    Phase::Mark => self.mark_some(roots, budget),
                    Phase::Sweep => {
                        let before = self.objects.bytes;
                        ended = self.sweep(budget);
                        self.rest.left -= before - self.objects.bytes;
                    }
                    Phase::End => unreachable!("the end of marking is not left in the middle"),
                }
            }
        }
        if ended {
            self.cycle_over();
        } else if self.stress.is_none() && !self.stopped {
            // What the sweep frees is no allowance: or a cycle would let the program allocate as much as it frees, and leave
            // the heap as large as it found it.
            let from = self.threshold.min(self.objects.bytes);
            self.threshold = from.saturating_add(self.work.saturating_mul(BYTES_A_UNIT)).min(self.bound());
        }
        self.work
    }
    /// Whether a cycle is under way.
    pub(crate) fn is_collecting(&self) -> bool {
        self.phase != Phase::Idle
    }
    /// Whether a whole cycle was of no use: the heap was past its limit before and is so still. Told once.
    pub(crate) fn take_exhausted(&mut self) -> bool {
        std::mem::take(&mut self.exhausted)
    }
    fn begin(&mut self) {
        self.modules.begin();
        self.lazy_begins();
        self.phase = Phase::Mark;
        self.attempts = 0;
        self.queue_marked = 0;
        self.threshold = self.threshold.min(self.objects.bytes);
        self.begun_full = self.is_full();
        self.exhausted = false;
        if self.whole == Some(Whole::Waits) {
            self.whole = Some(Whole::Begun);
        }
        self.work += 1;
    }
    fn cycle_over(&mut self) {
        self.phase = Phase::Idle;
        self.at_once = false;
        self.has_ended = true;
        self.drop_lazy();
        self.exhausted = self.begun_full && self.is_full();
        if self.knows_low() {
            super::reserve::refill();
        }
        // Whoever handles the error needs some memory for that; once.
        if self.exhausted && self.grace() == 0 {
            self.rest.grace = self.limit / GRACE;
        } else if self.objects.bytes < self.limit {
            self.end_grace();
        }
        // What was allocated during the sweep does not count: most of it is garbage by now, and a heap would grow by that.
        let left = self.rest.left;
        if self.rest.made().is_some_and(|r| r.is_empty()) {
            self.rest.clear();
        }
        if self.whole == Some(Whole::Begun) {
            self.whole = Some(Whole::Done);
        }
        self.set_threshold_after(left);
    }
    /// Bytes at which the next piece is due.
    pub(super) fn set_threshold(&mut self) {
        self.set_threshold_after(self.objects.bytes);
    }
    fn set_threshold_after(&mut self, left: usize) {
        self.threshold = if self.stopped {
            self.bound()
        } else if self.stress.is_some() {
            0
        } else if self.is_collecting() {
            self.objects.bytes.min(self.bound())
        } else {
            (left / 100 * self.pause.max(MIN_PAUSE) as usize).max(FIRST_THRESHOLD).min(self.bound())
        };
    }

    // Marking.

    unsafe fn mark_some(&mut self, roots: &Roots, budget: usize) {
        unsafe {
            if !self.propagate(budget) || !self.mark_queue(budget) || !self.look_into_weak_tables(budget) {
                return;
            }
            if !self.gray.is_empty() || self.has_large() || self.has_records() {
                return;
            }
            // Nothing is gray. What the program has done meanwhile is found from the roots; if that is little, marking ends.
            let (end, attempts) = if self.stress == Some(Stress::Pieces) { (8, 100) } else { (END, ATTEMPTS) };
            let end = if self.attempts >= attempts || budget == usize::MAX { usize::MAX } else { end };
            self.attempts += 1;
            let mut rescan = std::mem::take(&mut self.rest.rescan);
            let limit = self.work.saturating_add(end);
            while self.work < limit
                && let Some(t) = rescan.pop()
            {
                self.trace_thread(t);
            }
            let is_scanned = rescan.is_empty();
            self.rest.rescan.append(&mut rescan);
            self.mark_roots(roots);
            let limit = self.work.saturating_add(end);
            if is_scanned && self.propagate(limit) {
                self.end_marking();
            }
        }
    }
    unsafe fn mark_roots(&mut self, roots: &Roots) {
        unsafe {
            for t in roots.threads {
                self.mark_object(t.cast());
            }
            for t in roots.tables {
                if !t.is_null() {
                    self.mark_object(t.cast());
                }
            }
            self.mark(roots.error);
        }
    }
    /// The queue of finalizers is a root, from its end on, since its beginning is taken away; true if all is marked.
    unsafe fn mark_queue(&mut self, budget: usize) -> bool {
        while (self.queue_marked as usize) < self.rest.to_finalize.len() {
            if self.work >= budget {
                return false;
            }
            self.queue_marked += 1;
            self.work += 1;
            let o = self.rest.to_finalize[self.rest.to_finalize.len() - self.queue_marked as usize];
            unsafe { self.mark_object(o) }
        }
        true
    }
    /// From here to the sweep in one go. All that is bounded by [`END`] was marked already; what is not bounded: one look
    /// at each entry of weak tables and at each object with a finalizer, what only they keep alive (ephemerons'
    /// values that were not found before, what dead objects with a finalizer refer to), and the stacks of the running
    /// coroutines.
    unsafe fn end_marking(&mut self) {
        unsafe {
            self.phase = Phase::End;
            self.rest.rescan.clear();
            self.mark_queue(usize::MAX);
            self.decide_weak_tables();
            self.converge();
            // Values of weak tables that died go now, before objects are resurrected for their finalizers.
            let seen = self.clear_values((0, 0));
            let first = self.rest.to_finalize.len();
            self.separate_finalizable();
            for i in first..self.rest.to_finalize.len() {
                self.mark_object(self.rest.to_finalize[i]);
            }
            self.converge();
            self.clear_keys();
            self.clear_values(seen);
            self.forget_weak_tables();
            self.lazy_ends();
            self.objects.bytes -= self.modules.drop_unseen();
            self.forget_captured();
            debug_assert!(self.gray.is_empty() && !self.has_large() && self.sweeping.is_null());
            self.sweeping = std::mem::replace(&mut self.objects.first, std::ptr::null_mut());
            self.rest.left = self.objects.bytes;
            self.phase = Phase::Sweep;
        }
        const KEPT: usize = 64;
        if self.gray.capacity() > KEPT {
            self.gray = Vec::new();
        }
        self.rest.large.clear();
    }
    /// Moves dead objects with a finalizer to the end of the queue, latest marked first.
    unsafe fn separate_finalizable(&mut self) {
        let mut kept = self.rest.finalizable.len();
        for i in (0..kept).rev() {
            let o = self.rest.finalizable[i];
            if unsafe { (*o).mark.get() } & MARKED == 0 {
                self.rest.to_finalize.push_back(o);
            } else {
                kept -= 1;
                self.rest.finalizable[kept] = o;
            }
        }
        self.rest.finalizable.drain(..kept);
    }

    // Sweeping.

    /// Frees white objects and makes the others white; true if all is done.
    unsafe fn sweep(&mut self, budget: usize) -> bool {
        unsafe {
            while !self.sweeping.is_null() {
                if self.work >= budget {
                    return false;
                }
                let o = self.sweeping;
                self.sweeping = (*o).next.get();
                let m = (*o).mark.get();
                if m & MARKED != 0 {
                    (*o).mark.set(m & !MARKED);
                    (*o).set_black(false);
                    (*o).next.set(self.objects.first);
                    self.objects.first = o;
                    self.work += 1;
                } else {
                    self.free(o);
                    self.work += 2;
                }
            }
        }
        true
    }

    // The barrier.

    /// To be called at a store of `v` into an object, before or after it.
    #[inline(always)]
    pub(crate) fn write_barrier(&mut self, container: &Header, v: Value) {
        if container.guard.get() != 0 {
            self.barrier(container, v);
        }
    }
    /// A store into an object that was black at a time.
    #[cold]
    #[inline(never)]
    pub(crate) fn barrier(&mut self, container: &Header, v: Value) {
        self.written(container);
        self.noted_barrier(container, v);
    }
    /// As above, for a store that was noted if the object is captured.
    pub(crate) fn noted_barrier(&mut self, container: &Header, v: Value) {
        if self.phase == Phase::Mark {
            // SAFETY: what is stored is live.
            unsafe { self.mark(v) }
        } else {
            container.set_black(false);
        }
    }
    /// To be called before an object that was made by a native is filled further, in a later step of that: it may be black
    /// by now, and what fills it tells nobody of its stores. It is traced again.
    #[inline(always)]
    pub fn goes_on_filling(&mut self, object: Value) {
        debug_assert!(object.tag & tag::HEAP_BIT != 0);
        let o = object.bits as *mut Header;
        // SAFETY: the tag says that it is an object of the heap, which the native keeps.
        let header = unsafe { &*o };
        if header.guard.get() != 0 {
            self.written(header);
            header.set_black(false);
            if self.phase == Phase::Mark {
                self.gray.push(o);
            }
        }
    }
    /// To be called when a coroutine becomes the running one.
    #[inline(always)]
    pub(crate) fn thread_runs(&mut self, t: *mut Thread) {
        // SAFETY: it is live.
        let header = unsafe { &(*t).header };
        if header.guard.get() != 0 {
            header.set_black(false);
            if self.phase == Phase::Mark {
                self.rest.rescan.push(t);
            }
        }
    }
    /// Whether a table is traced in parts and not all of them are.
    #[inline]
    pub(crate) fn is_in_part(&self, t: *const Table) -> bool {
        self.rest.if_made().is_some_and(|r| r.cursor > 0 && r.large.front().is_some_and(|&l| std::ptr::eq(l, t)))
    }
    /// A guarded table's entries are placed anew: those that were traced may be anywhere.
    #[cold]
    pub(crate) fn table_moves(&mut self, t: *const Table) {
        if self.is_in_part(t) {
            self.rest.cursor = 0;
        }
    }

    // Tracing.

    /// Traces gray objects; true if none is left.
    pub(super) unsafe fn propagate(&mut self, budget: usize) -> bool {
        unsafe {
            loop {
                while let Some(o) = self.gray.pop() {
                    self.trace(o);
                    if self.work >= budget {
                        return self.gray.is_empty() && !self.has_large() && !self.has_records();
                    }
                }
                if !self.trace_large_part() && !self.trace_records() {
                    return true;
                }
                if self.work >= budget {
                    return self.gray.is_empty() && !self.has_large() && !self.has_records();
                }
            }
        }
    }
    fn has_large(&self) -> bool {
        self.rest.if_made().is_some_and(|r| !r.large.is_empty())
    }
    /// Traces a part of a large table; false if there is none.
    pub(super) unsafe fn trace_large_part(&mut self) -> bool {
        let Some(&t) = self.rest.if_made().and_then(|r| r.large.front()) else { return false };
        let end = self.rest.cursor + PART;
        if unsafe { self.trace_entries(t, self.rest.cursor, end) } {
            self.rest.large.pop_front();
            self.rest.cursor = 0;
        } else {
            self.rest.cursor = end;
        }
        true
    }

    /// The objects with a finalizer, latest marked first, and those that wait for theirs, for the codec.
    pub fn finalizable_values(&self) -> (Vec<Value>, Vec<Value>) {
        // SAFETY: objects of both lists are live.
        let value = |&o: &*mut Header| unsafe { value_of(o) };
        (self.rest.finalizable.iter().rev().map(value).collect(), self.rest.to_finalize.iter().map(value).collect())
    }
    /// The addresses of objects with a finalizer, latest marked first.
    pub fn finalizable_addresses(&self) -> Vec<u64> {
        self.rest.finalizable.iter().rev().map(|&o| o as u64).collect()
    }
}
