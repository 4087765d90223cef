//! Tables that are filled at their first use (heap/lazy.rs), as tables: how they look until then, and their parts in one go.
//!
//! Journey: spawn -> snapshot -> **value**. An unfilled table's `array` points to the [`Lazy`] of its heap, its border hint is
//! the number of its record, and it says that it has a hash key although it has no nodes: so lookups that find nothing
//! come to where it is filled.

use super::{EMPTY_NODE, KEYED, Node, Table, array_layout, key_node, node_layout};
use crate::heap::{Lazy, UNFILLED};
use crate::value::Value;
use crate::value::hash::HashKey;
use std::alloc::{Layout, alloc, handle_alloc_error};

/// A table's parts.
pub struct Parts<'p> {
    /// The array part.
    pub array: &'p [Value],
    /// The nodes.
    pub nodes: &'p [Node],
    /// The hash key by which they lie.
    pub hash_key: Option<HashKey>,
    /// All nodes from here on are taken.
    pub last_free: u32,
    /// A guess at the border within the array part.
    pub border_hint: u32,
}

impl Table {
    /// Whether it is still to be filled.
    #[inline(always)]
    pub(crate) fn is_unfilled(&self) -> bool {
        self.header.guard.get() & UNFILLED != 0
    }
    /// Fills it, if it is still to be filled.
    #[inline(always)]
    pub fn touch(&self) {
        if self.is_unfilled() {
            self.fill();
        }
    }
    /// Makes an empty table one that is filled later.
    pub(crate) fn make_unfilled(&self, lazy: &Lazy, record: u32) {
        debug_assert!(self.asize.get() == 0 && !self.has_nodes());
        self.array.set(std::ptr::from_ref(lazy).cast_mut().cast());
        self.border_hint.set(record);
        self.free.set(KEYED);
        self.header.guard.set(self.header.guard.get() | UNFILLED);
    }
    /// The number of the record that it is filled from.
    pub(crate) fn record(&self) -> u32 {
        self.border_hint.get()
    }
    #[cold]
    #[inline(never)]
    pub(super) fn fill(&self) {
        let (lazy, record) = (self.array.get().cast::<Lazy>(), self.record());
        self.array.set(std::ptr::null_mut());
        self.border_hint.set(0);
        self.free.set(0);
        self.header.guard.set(self.header.guard.get() & !UNFILLED);
        // SAFETY: an unfilled table points to its heap's, which lives as long as there is one such table.
        unsafe { (*lazy).fill(record, self) }
    }
    /// Gives an empty table these parts as they lie. Whoever does this answers for the chains, and counts the bytes.
    pub fn set_parts(&self, parts: &Parts<'_>) {
        assert!(self.asize.get() == 0 && !self.has_nodes() && !self.is_unfilled());
        let (asize, count) = (parts.array.len(), parts.nodes.len());
        assert!(asize < 1 << 31 && count < 1 << 31 && (count == 0 || count.is_power_of_two()));
        // SAFETY: the parts are allocated with the layouts that `asize`, `mask` and the hash key say from then on, and all of
        // them is written before anyone sees them.
        unsafe {
            if asize > 0 {
                let array = take(array_layout(asize as u32)).cast::<Value>();
                array.copy_from_nonoverlapping(parts.array.as_ptr(), asize);
                self.array.set(array);
                self.asize.set(asize as u32);
            }
            self.border_hint.set(parts.border_hint);
            if count > 0 {
                let nodes = take(node_layout(count + parts.hash_key.is_some() as usize)).cast::<Node>();
                nodes.copy_from_nonoverlapping(parts.nodes.as_ptr(), count);
                if let Some(own) = parts.hash_key {
                    nodes.add(count).write(key_node::of(own, false));
                }
                self.nodes.set(nodes);
                self.mask.set(count as u32 - 1);
                self.free.set(parts.last_free & !KEYED | if parts.hash_key.is_some() { KEYED } else { 0 });
            }
        }
        debug_assert!(count > 0 || std::ptr::eq(self.nodes.get(), &raw const EMPTY_NODE));
    }
    /// Changes all values and keys of a table whose parts were just set, each to what a function says.
    pub fn replace_all(&self, replace: impl Fn(Value) -> Value) {
        // SAFETY: in range; the table is new, and the function does not touch it.
        unsafe {
            for i in 0..self.asize.get() as usize {
                let slot = self.array.get().add(i);
                *slot = replace(*slot);
            }
            for i in 0..self.node_count() {
                let n = &mut *self.nodes.get().add(i);
                let (k, v) = (replace(n.key()), replace(n.value()));
                (n.key_tag, n.key_bits) = (k.tag as u8, k.bits);
                n.set_value(v);
            }
        }
    }
}

fn take(layout: Layout) -> *mut u8 {
    // SAFETY: no part is empty.
    let p = unsafe { alloc(layout) };
    if p.is_null() {
        handle_alloc_error(layout);
    }
    p
}
