//! A table's parts as they lie, for the codec: seen, filled, and checked when they come from outside.
//!
//! Journey: value <-> **bytes**. What the codec reads and writes here are slots and nodes where they are; nothing is placed
//! anew.

use super::{Node, Table};
use crate::value::hash::normalize;
use crate::value::{Str, Value, tag};

impl Table {
    /// The array slots.
    pub fn array_part(&self) -> &[Value] {
        match self.asize.get() as usize {
            0 => &[],
            // SAFETY: `asize` initialised slots.
            n => unsafe { std::slice::from_raw_parts(self.array.get(), n) },
        }
    }
    /// The nodes, taken or not.
    pub fn node_part(&self) -> &[Node] {
        // SAFETY: `node_count` initialised nodes; with none the pointer is to the static one.
        unsafe { std::slice::from_raw_parts(self.nodes.get(), self.node_count()) }
    }
    /// Sets an array slot; nobody may hold `array_part` meanwhile. Here and in the next two the table is new: no collection
    /// has seen it.
    pub fn put_slot(&self, i: usize, v: Value) {
        assert!(i < self.asize.get() as usize);
        debug_assert!(self.header.guard.get() == 0);
        // SAFETY: in range.
        unsafe { *self.array.get().add(i) = v }
    }
    /// Sets a node; nobody may hold `node_part` meanwhile. Whoever does this answers for the chains.
    pub fn put_node(&self, i: usize, n: Node) {
        assert!(i < self.node_count());
        debug_assert!(self.header.guard.get() == 0);
        // SAFETY: in range, and `node_count` is 0 for the static node.
        unsafe { *self.nodes.get().add(i) = n }
    }
    /// Upper half of a string's hash in this table, for its node.
    pub fn hash16(&self, key: &Str) -> u16 {
        let hash = self.hash_key().map_or_else(|| key.hash(), |own| own.hash_str(key));
        (hash >> 16) as u16
    }
    /// Copies both parts from where they lay in another table of the same sizes.
    pub fn fill(&self, array: &[Value], nodes: &[Node]) {
        assert!(array.len() == self.asize.get() as usize && nodes.len() == self.node_count());
        debug_assert!(self.header.guard.get() == 0);
        // SAFETY: the sizes are the same, and nothing is written to the static node.
        unsafe {
            if !array.is_empty() {
                std::ptr::copy_nonoverlapping(array.as_ptr(), self.array.get(), array.len());
            }
            std::ptr::copy_nonoverlapping(nodes.as_ptr(), self.nodes.get(), nodes.len());
        }
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
