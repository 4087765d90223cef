//! Stores into a table that a spawn snapshot has, by their places (heap/captured.rs).
//!
//! Journey: spawn -> **snapshot**. A small table is noted as a whole. Of a large one each place that a store may change is
//! noted before it: so the next snapshot costs what was written, however large the table is. Whoever writes to a table in
//! another way than these tells of all of it ([`Heap::write_barrier`]).

use super::{Node, Table};
use crate::heap::{CAPTURED, Heap, LARGE_CAPTURED};
use crate::value::{Value, tag};

impl Table {
    /// Whether a captured table's places are noted one by one.
    fn notes_places(&self) -> bool {
        self.header.guard.get() & CAPTURED != 0 && self.places() > LARGE_CAPTURED
    }
    /// Places that can be written: slots of the array part, and nodes.
    pub fn layout_places(&self) -> usize {
        self.places()
    }
    /// To be called before a slot of the array part is written.
    #[inline(always)]
    pub(super) fn slot_barrier(&self, heap: &mut Heap, i: usize, v: Value) {
        if self.header.guard.get() != 0 {
            self.note_slot(heap, i);
            heap.noted_barrier(&self.header, v);
        }
    }
    #[cold]
    #[inline(never)]
    fn note_slot(&self, heap: &mut Heap, i: usize) {
        if self.notes_places() {
            heap.note_written(&self.header, i as u32);
        } else {
            heap.written(&self.header);
        }
    }
    fn note_node(&self, heap: &mut Heap, n: *const Node) {
        // SAFETY: the callers give nodes of this table.
        let i = unsafe { n.offset_from(self.nodes.get()) } as u32;
        heap.note_written(&self.header, self.asize.get() + i);
    }
    /// To be called before the value of a normalised key is set, and before a key that is not there gets its main position.
    #[cold]
    #[inline(never)]
    pub(super) fn note_store(&self, heap: &mut Heap, key: Value) {
        if !self.notes_places() {
            return heap.written(&self.header);
        }
        if key.tag == tag::INT && key.bits.wrapping_sub(1) < self.asize.get() as u64 {
            return heap.note_written(&self.header, key.bits as u32 - 1);
        }
        let n = self.find_node(key);
        if !n.is_null() {
            self.note_node(heap, n);
        } else if self.has_nodes()
            && let Some(hash) = self.known_hash(key)
        {
            self.note_node(heap, self.node_at(hash));
        }
    }
    /// To be called before a key is put where a hash says: notes its main position, and what has to give way there.
    pub(super) fn note_chain(&self, heap: &mut Heap, hash: u32) {
        if !self.notes_places() || !self.has_nodes() {
            return;
        }
        let main = self.node_at(hash);
        self.note_node(heap, main);
        // SAFETY: chains stay inside the node array; a free node is below the number of nodes.
        unsafe {
            if (*main).key_tag == 0 {
                return;
            }
            let mut free = (0..self.last_free() as usize).rev().map(|i| self.nodes.get().add(i));
            if let Some(free) = free.find(|&n| (*n).key_tag == 0) {
                self.note_node(heap, free);
            }
            let mut n = self.known_hash((*main).key()).map_or(main, |h| self.node_at(h));
            let mut left = self.node_count();
            while (*n).next != 0 && n != main && left > 0 {
                self.note_node(heap, n);
                n = n.offset((*n).next as isize);
                left -= 1;
            }
        }
    }
}
