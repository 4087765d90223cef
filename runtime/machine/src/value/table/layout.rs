//! A table's parts as they lie, for the codec: seen, filled, and checked when they come from outside.
//!
//! Journey: value <-> **bytes**. What the codec reads and writes here are slots and nodes where they are; nothing is placed
//! anew.

use super::{KEYED, MAX_BITS, Node, Table, TableError, key_node, node_layout};
use crate::heap::Heap;
use crate::value::hash::{HashKey, known_hash, normalize};
use crate::value::{Ref, Str, Value, tag};
use std::alloc::{handle_alloc_error, realloc};

const _: () = assert!(size_of::<Node>() == 8 + 8 + 4 + 1 + 1 + 2, "nodes have no padding");

impl Table {
    /// The array slots.
    pub fn array_part(&self) -> &[Value] {
        self.touch();
        match self.asize.get() as usize {
            0 => &[],
            // SAFETY: `asize` initialised slots.
            n => unsafe { std::slice::from_raw_parts(self.array.get(), n) },
        }
    }
    /// The nodes, taken or not.
    pub fn node_part(&self) -> &[Node] {
        self.touch();
        // SAFETY: `node_count` initialised nodes; with none the pointer is to the static one.
        unsafe { std::slice::from_raw_parts(self.nodes.get(), self.node_count()) }
    }
    /// Sets an array slot; nobody may hold `array_part` meanwhile. Here and in the next two the table is new: no collection
    /// has seen it.
    pub fn put_slot(&self, i: usize, v: Value) {
        assert!(i < self.asize.get() as usize);
        debug_assert!(self.header.guard.get() == 0, "the table is new");
        // SAFETY: in range.
        unsafe { *self.array.get().add(i) = v }
    }
    /// Sets a node; nobody may hold `node_part` meanwhile. Whoever does this answers for the chains.
    pub fn put_node(&self, i: usize, n: Node) {
        assert!(i < self.node_count());
        debug_assert!(self.header.guard.get() == 0, "the table is new");
        // SAFETY: in range, and `node_count` is 0 for the static node.
        unsafe { *self.nodes.get().add(i) = n }
    }
    /// Sets nodes from one on; as above.
    pub fn put_nodes(&self, from: usize, nodes: &[Node]) {
        assert!(from <= self.node_count() && nodes.len() <= self.node_count() - from);
        debug_assert!(self.header.guard.get() == 0, "the table is new");
        // SAFETY: in range, nodes of this table are nobody else's, and with none nothing is written to the static node.
        unsafe { std::ptr::copy_nonoverlapping(nodes.as_ptr(), self.nodes.get().add(from), nodes.len()) }
    }
    /// Sets array slots from one on; nobody may hold `array_part` meanwhile.
    #[inline]
    pub fn put_slots(&self, from: usize, values: impl ExactSizeIterator<Item = Value>) {
        let end = self.asize.get() as usize;
        assert!(from <= end && values.len() <= end - from);
        for (i, v) in values.enumerate() {
            assert!(i < end - from);
            // SAFETY: in range.
            unsafe { *self.array.get().add(from + i) = v }
        }
    }
    /// Gives a table without an array part, which has no keys that belong there, one of this size.
    pub fn grow_array(&self, heap: &mut Heap, asize: u32) -> Result<(), TableError> {
        if asize > 1 << MAX_BITS {
            return Err(TableError::Overflow);
        }
        assert!(self.asize.get() == 0);
        if asize > 0 {
            // SAFETY: no entry has to move between the parts.
            unsafe { self.resize_array(heap, asize)? };
        }
        Ok(())
    }
    /// The nodes as bytes: all of a node is written.
    pub fn node_bytes(&self) -> &[u8] {
        let nodes = self.node_part();
        // SAFETY: nodes have no padding (the assertion below), and any bytes are bytes.
        unsafe { std::slice::from_raw_parts(nodes.as_ptr().cast(), size_of_val(nodes)) }
    }
    /// Sets nodes from one on, as [`Table::node_bytes`] gave them.
    ///
    /// # Safety
    /// The bytes are whole nodes of a table of the same number of nodes, in which nothing is an object of a heap, or what
    /// [`Table::put_node`] is to replace has the tag FROZEN.
    pub unsafe fn put_node_bytes(&self, from: usize, bytes: &[u8]) {
        let n = bytes.len() / size_of::<Node>();
        assert!(from <= self.node_count() && n <= self.node_count() - from);
        // SAFETY: in range, nodes of this table are nobody else's, and the bytes are nodes (the caller's promise).
        unsafe {
            let to = self.nodes.get().add(from).cast::<u8>();
            to.copy_from_nonoverlapping(bytes.as_ptr(), n * size_of::<Node>());
        }
    }
    /// A table without a hash key whose parts lie as bytes say: array slots, and nodes as [`Table::node_bytes`] gave them.
    ///
    /// # Safety
    /// `array` is whole values, and `nodes` all nodes of a table; nothing in them is an object of a heap. `last_free` is
    /// that table's.
    #[inline]
    pub unsafe fn from_bytes(heap: &mut Heap, array: &[u8], nodes: &[u8], last_free: u32) -> Ref<Table> {
        let (asize, count) = (array.len() / size_of::<Value>(), nodes.len() / size_of::<Node>());
        assert!(asize <= 1 << MAX_BITS && count <= 1 << MAX_BITS && (count == 0 || count.is_power_of_two()));
        let t = heap.table_of_size(asize as u32, count as u32);
        assert!(t.asize.get() as usize == asize && t.node_count() == count, "no memory for a small table");
        // SAFETY: the parts are of these sizes, and new; what is copied are values and nodes (the caller's promise).
        unsafe {
            if asize > 0 {
                t.array.get().cast::<u8>().copy_from_nonoverlapping(array.as_ptr(), asize * size_of::<Value>());
            }
            if count > 0 {
                t.nodes.get().cast::<u8>().copy_from_nonoverlapping(nodes.as_ptr(), count * size_of::<Node>());
                t.free.set(last_free & !KEYED);
            }
        }
        t
    }
    /// Upper half of a string's hash in this table, for its node.
    pub fn hash16(&self, key: &Str) -> u16 {
        let hash = self.hash_key().map_or_else(|| key.hash(), |own| own.hash_str(key));
        (hash >> 16) as u16
    }
    /// Says of a table that came from an earlier format, if its keys have other fixed hashes now, that they lie by those which they had.
    pub fn lies_as_earlier(&self, heap: &mut Heap) {
        let earlier = HashKey::earlier();
        let has_key = |n: &Node| n.key_tag != 0 && n.key_tag as u64 != tag::DEAD_KEY;
        let is_moved = |n: &Node| has_key(n) && known_hash(n.key()) != earlier.hash(n.key());
        if self.is_keyed() || !self.node_part().iter().any(is_moved) {
            return;
        }
        let count = self.node_count();
        // SAFETY: the nodes are the table's own and lie apart, since thawing made them; there is one more now, with the key in it.
        unsafe {
            assert!(self.allocated_nodes() == count);
            let nodes =
                realloc(self.nodes.get().cast(), node_layout(count), node_layout(count + 1).size()).cast::<Node>();
            if nodes.is_null() {
                handle_alloc_error(node_layout(count + 1));
            }
            nodes.add(count).write(key_node::of(earlier, false));
            self.nodes.set(nodes);
        }
        self.free.set(self.free.get() | KEYED);
        heap.add_bytes(size_of::<Node>());
    }
    /// Whether every key is where lookups find it: chains stay inside the nodes, do not meet and have no circles, and
    /// each live key's chain passes its main position before it. Asked of tables that came as bytes.
    pub fn check_layout(&self) -> Result<(), &'static str> {
        let nodes = self.node_part();
        let count = nodes.len();
        const NONE: u32 = u32::MAX;
        // Per node: whether a link leads to it; the first node of its chain; its place there.
        let mut reached = vec![false; count];
        let mut place = vec![(NONE, 0u32); count];
        for (i, n) in nodes.iter().enumerate() {
            if n.next != 0 {
                let to = i as i64 + n.next as i64;
                if n.key_tag == 0 || to < 0 || to >= count as i64 {
                    return Err("a link of a table leads out of it");
                }
                if std::mem::replace(&mut reached[to as usize], true) {
                    return Err("two chains of a table meet");
                }
            }
        }
        for (first, _) in reached.iter().enumerate().filter(|(_, is_reached)| !**is_reached) {
            let (mut i, mut depth) = (first, 0);
            loop {
                place[i] = (first as u32, depth);
                if nodes[i].next == 0 {
                    break;
                }
                i = (i as i64 + nodes[i].next as i64) as usize;
                depth += 1;
            }
        }
        for (i, n) in nodes.iter().enumerate() {
            if place[i].0 == NONE {
                return Err("a chain of a table is a circle");
            }
            if n.key_tag == 0 {
                if reached[i] || n.value_tag != 0 {
                    return Err("a node of a table has no key");
                }
                continue;
            }
            if n.key_tag as u64 == tag::DEAD_KEY {
                if n.value_tag != 0 {
                    return Err("a dead key has a value");
                }
                continue;
            }
            let key = n.key();
            match key.tag {
                tag::FLOAT if normalize(key).tag != tag::FLOAT || f64::from_bits(key.bits).is_nan() => {
                    return Err("a float cannot be this key");
                }
                tag::INT if key.bits.wrapping_sub(1) < self.asize.get() as u64 => {
                    return Err("a key of the array part is in the hash part");
                }
                _ => {}
            }
            let Some(hash) = self.known_hash(key) else { return Err("a key has no serial number") };
            let main = place[(hash & self.mask.get()) as usize];
            if main.0 != place[i].0 || main.1 > place[i].1 {
                return Err("a key of a table is not where lookups find it");
            }
        }
        Ok(())
    }
}
