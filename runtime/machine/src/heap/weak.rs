//! Weak tables at the end of marking: what they keep alive, and which of their entries go.
//!
//! Journey: value -> freed. A weak table that is reached is only noted, since a store into it is guarded by nothing. Its
//! entries are looked at once in pieces, when nothing else is gray, so that most of what they keep alive is marked then;
//! and once in one go at the end, by the metatable that it has then.
//!
//! An ephemeron's value is alive if its key is. Those whose key is white are noted by that key, so that each entry is
//! looked at once however they hang together.

#![allow(clippy::undocumented_unsafe_blocks, reason = "blocks inside unsafe functions; what holds is in collect.rs")]

use super::mark::{SLOTS_A_UNIT, bury, is_dead};
use super::{Header, Heap};
use crate::value::{Table, Value, tag};
use crate::vm::metamethod::{Event, name_value};
use std::collections::HashMap;

/// What the collector knows of weak tables in this cycle.
#[derive(Default)]
pub(super) struct WeakTables {
    /// Those that were reached while marking went on.
    pub found: Vec<*mut Table>,
    /// The first of them whose entries were not looked at, and the number of the entry to go on with.
    looked: (usize, usize),
    /// By what is weak in them, since the end of marking: values,
    values: Vec<*mut Table>,
    /// keys,
    ephemerons: Vec<*mut Table>,
    /// both.
    both: Vec<*mut Table>,
    /// How many of the ephemeron tables were traced.
    traced: usize,
    /// By a white key: the last of its values in `chained`.
    pending: HashMap<*mut Header, usize>,
    /// Values whose key is white, each with the next of the same key; `usize::MAX` ends them.
    chained: Vec<(Value, usize)>,
}

/// What is weak in a table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Strong,
    Values,
    Keys,
    Both,
}

impl Heap {
    unsafe fn mode_of(&self, t: *mut Table) -> Mode {
        unsafe {
            let meta = (*t).metatable.get();
            if meta.is_null() {
                return Mode::Strong;
            }
            if (*meta).is_unfilled() {
                // Whoever makes a table another's metatable fills it, and a snapshot with a weak table has no unfilled ones.
                return Mode::Strong;
            }
            let Some(s) = (*meta).get(name_value(Event::Mode)).as_string() else { return Mode::Strong };
            match (s.bytes().contains(&b'k'), s.bytes().contains(&b'v')) {
                (false, false) => Mode::Strong,
                (false, true) => Mode::Values,
                (true, false) => Mode::Keys,
                (true, true) => Mode::Both,
            }
        }
    }
    pub(super) unsafe fn is_weak(&self, t: *mut Table) -> bool {
        unsafe { self.mode_of(t) != Mode::Strong }
    }
    /// Marks what weak tables keep alive as far as that is known already; true if that was done for all of them. A table
    /// may change meanwhile: it will be traced at the end.
    pub(super) unsafe fn look_into_weak_tables(&mut self, budget: usize) -> bool {
        unsafe {
            while let Some(&t) = self.rest.weak.found.get(self.rest.weak.looked.0) {
                let mode = self.mode_of(t);
                let (asize, count) = ((*t).asize.get() as usize, (*t).node_count());
                let mut i = self.rest.weak.looked.1;
                while i < asize + count && self.work < budget {
                    // The array part has values alone.
                    if i < asize {
                        if matches!(mode, Mode::Keys | Mode::Strong) {
                            self.mark(*(*t).array.get().add(i));
                        }
                    } else {
                        let n = (*t).nodes.get().add(i - asize);
                        if (*n).value_tag != 0 {
                            if matches!(mode, Mode::Values | Mode::Strong) {
                                self.mark((*n).key());
                            }
                            if mode == Mode::Strong || mode == Mode::Keys && !is_dead((*n).key()) {
                                self.mark((*n).value());
                            }
                        }
                    }
                    i += 1;
                    self.work += i.is_multiple_of(SLOTS_A_UNIT) as usize;
                }
                if i < asize + count {
                    self.rest.weak.looked.1 = i;
                    return false;
                }
                self.rest.weak.looked = (self.rest.weak.looked.0 + 1, 0);
                self.work += 1;
            }
        }
        true
    }
    /// Traces the weak tables that were found, as what they are now.
    pub(super) unsafe fn decide_weak_tables(&mut self) {
        for t in std::mem::take(&mut self.rest.weak.found) {
            unsafe {
                let meta = (*t).metatable.get();
                if !meta.is_null() {
                    self.mark_object(meta.cast());
                }
                self.trace_weak(t);
            }
        }
    }
    /// Traces a table as what it is now, at the end of marking.
    pub(super) unsafe fn trace_weak(&mut self, t: *mut Table) {
        unsafe {
            match self.mode_of(t) {
                Mode::Strong => self.trace_strong(t),
                Mode::Values => {
                    for i in 0..(*t).node_count() {
                        let n = (*t).nodes.get().add(i);
                        if (*n).value_tag == 0 {
                            bury(n);
                        } else {
                            self.mark((*n).key());
                        }
                    }
                    self.rest.weak.values.push(t);
                }
                Mode::Keys => {
                    for i in 0..(*t).asize.get() as usize {
                        self.mark(*(*t).array.get().add(i));
                    }
                    self.rest.weak.ephemerons.push(t);
                }
                Mode::Both => {
                    for i in 0..(*t).node_count() {
                        let n = (*t).nodes.get().add(i);
                        if (*n).value_tag == 0 {
                            bury(n);
                        }
                    }
                    self.rest.weak.both.push(t);
                }
            }
        }
    }
    /// Marks the values whose keys are alive, and notes those of the others.
    unsafe fn trace_ephemerons(&mut self, t: *mut Table) {
        unsafe {
            for i in 0..(*t).node_count() {
                let n = (*t).nodes.get().add(i);
                if (*n).value_tag == 0 {
                    bury(n);
                } else if !self.is_dead_weak((*n).key()) {
                    self.mark((*n).value());
                } else if (*n).value().tag & tag::KEEPS_BITS != 0 {
                    let weak = &mut *self.rest.weak;
                    let last = weak.pending.insert((*n).key_bits as *mut Header, weak.chained.len());
                    weak.chained.push(((*n).value(), last.unwrap_or(usize::MAX)));
                }
            }
        }
    }
    /// Traces all that is gray, and the ephemerons that this brings to life, until nothing is left.
    pub(super) unsafe fn converge(&mut self) {
        unsafe {
            loop {
                while let Some(o) = self.gray.pop() {
                    if !self.rest.weak.pending.is_empty()
                        && let Some(mut i) = self.rest.weak.pending.remove(&o)
                    {
                        while i != usize::MAX {
                            let (v, next) = self.rest.weak.chained[i];
                            self.mark(v);
                            i = next;
                        }
                    }
                    self.trace(o);
                }
                if self.trace_large_part() || self.trace_records() {
                    continue;
                }
                let Some(&t) = self.rest.weak.ephemerons.get(self.rest.weak.traced) else { return };
                self.rest.weak.traced += 1;
                self.trace_ephemerons(t);
            }
        }
    }
    /// Whether a key or value of a weak table is to go. Marks strings, which are values and not objects to a program.
    unsafe fn is_dead_weak(&mut self, v: Value) -> bool {
        if v.is_string() {
            unsafe { self.mark(v) };
            return false;
        }
        is_dead(v)
    }
    /// Takes dead values out of the tables past so many of each list; how many there are.
    pub(super) unsafe fn clear_values(&mut self, (first_values, first_both): (usize, usize)) -> (usize, usize) {
        let seen = (self.rest.weak.values.len(), self.rest.weak.both.len());
        let values = (first_values..seen.0).map(|i| (false, i));
        for (is_both, i) in values.chain((first_both..seen.1).map(|i| (true, i))) {
            let t = if is_both { self.rest.weak.both[i] } else { self.rest.weak.values[i] };
            unsafe {
                for i in 0..(*t).asize.get() as usize {
                    let slot = (*t).array.get().add(i);
                    if self.is_dead_weak(*slot) {
                        *slot = Value::NIL;
                    }
                }
                for i in 0..(*t).node_count() {
                    let n = (*t).nodes.get().add(i);
                    if (*n).value_tag != 0 && self.is_dead_weak((*n).value()) {
                        (*n).set_value(Value::NIL);
                    }
                    if (*n).value_tag == 0 {
                        bury(n);
                    }
                }
            }
        }
        seen
    }
    /// Takes entries with dead keys out of all tables with weak keys.
    pub(super) unsafe fn clear_keys(&mut self) {
        let ephemerons = (0..self.rest.weak.ephemerons.len()).map(|i| (false, i));
        for (is_both, i) in ephemerons.chain((0..self.rest.weak.both.len()).map(|i| (true, i))) {
            let t = if is_both { self.rest.weak.both[i] } else { self.rest.weak.ephemerons[i] };
            unsafe {
                for i in 0..(*t).node_count() {
                    let n = (*t).nodes.get().add(i);
                    if (*n).value_tag != 0 && self.is_dead_weak((*n).key()) {
                        (*n).set_value(Value::NIL);
                    }
                    if (*n).value_tag == 0 {
                        bury(n);
                    }
                }
            }
        }
    }
    pub(super) fn forget_weak_tables(&mut self) {
        self.rest.weak.clear();
    }
}
