//! Tables: an array part and a hash part of chained nodes with Brent's variation, as in the reference implementation.
//!
//! Journey: value. Measured against a SwissTable (hashbrown), the node form is faster and smaller up to 16 entries,
//! which is what most tables are, and keys that die during a traversal cost nothing (see [`Table::next`]).
//!
//! Always:
//! * a key's place follows from its value alone: numbers and strings by content, objects by a serial number that the
//!   heap hands out at first use, never by address. So a table can be written to bytes node by node and read back
//!   elsewhere without rehashing, and a `pairs` in progress goes on;
//! * no chain grows past [`MAX_CHAIN`]: keys that were chosen to meet make the table take a random hash key
//!   ([`HashKey`]; the tables of a heap share one as long as that is enough), which lies behind its nodes and is part of the layout. Lookups of strings begin where the fixed
//!   hash says, as in any table (what is found anywhere is found); only a miss asks whether there is a hash key;
//! * a node that is not in its main position is in the chain of the node that is;
//! * a node's value may be nil while its key remains, until the next rehash; a collected key becomes `DEAD_KEY`;
//! * `asize` array slots are all initialised; every key from 1 to `asize` is there and nowhere else;
//! * bytes of both parts are counted by whoever allocates them, through [`Table::bytes`].

mod block;
mod captured;
mod layout;
mod shared;
mod sizes;
mod traversal;
mod unfilled;

pub use block::Loose;
pub(crate) use block::{Template, block_layout};
pub use shared::Library;
pub(crate) use traversal::Entry;
pub use unfilled::Parts;

use super::hash::{HashKey, hash_bytes, hash_word, known_hash, normalize};
use super::{Ref, Str, Value, tag};
use crate::heap::{Header, Heap, SHARED, UNFILLED};
use std::alloc::{Layout, dealloc};
use std::cell::Cell;

/// One entry of the hash part.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Node {
    /// Payload of the value.
    pub value_bits: u64,
    /// Payload of the key.
    pub key_bits: u64,
    /// Offset in nodes to the next of the chain; 0 ends it.
    pub next: i32,
    /// The value's tag; all of them fit.
    pub value_tag: u8,
    /// The key's tag.
    pub key_tag: u8,
    /// Upper half of a string key's hash in this table; lets a lookup pass over other keys without reading them.
    pub hash16: u16,
}

impl Node {
    /// A node without key and value.
    pub const EMPTY: Node = Node { value_bits: 0, key_bits: 0, next: 0, value_tag: 0, key_tag: 0, hash16: 0 };
    /// The value.
    #[inline(always)]
    pub fn value(&self) -> Value {
        Value { tag: self.value_tag as u64, bits: self.value_bits }
    }
    /// The key.
    #[inline(always)]
    pub fn key(&self) -> Value {
        Value { tag: self.key_tag as u64, bits: self.key_bits }
    }
    /// Sets the value.
    #[inline(always)]
    pub fn set_value(&mut self, v: Value) {
        self.value_bits = v.bits;
        self.value_tag = v.tag as u8;
    }
}

/// The hash part of a table without one. Never written.
static EMPTY_NODE: Node = Node::EMPTY;

/// A table.
#[repr(C)]
pub struct Table {
    /// `flags`: bit n set says that metamethod n is absent (when this is a metatable). `guard`: not 0 when the collector
    /// must be told of stores; every store tests it.
    pub header: Header,
    pub(crate) array: Cell<*mut Value>,
    pub(crate) nodes: Cell<*mut Node>,
    /// The metatable, or null.
    pub metatable: Cell<*mut Table>,
    /// Number of slots of the array part.
    pub asize: Cell<u32>,
    /// Number of nodes less one.
    pub mask: Cell<u32>,
    /// All nodes from here on are taken; and the bit [`KEYED`].
    free: Cell<u32>,
    /// A guess at the border within the array part.
    pub border_hint: Cell<u32>,
}

/// Largest number of array slots or nodes (log2).
const MAX_BITS: u32 = 30;
/// Slots and nodes past which a part is taken as zeros: nil, and no key.
const LARGE: usize = 4096;
const _: () = assert!(tag::NIL == 0);
/// Nodes of a chain past which the table gets a hash key of its own. Among a million keys that nobody chose there is a
/// longer one with a probability of one in ten thousand, and then nothing is wrong either: lookups cost twice as much.
/// Keys that were chosen to make many chains as long as is allowed cost about as much.
const MAX_CHAIN: u32 = 12;
/// In `free`: the table has a hash key, in the node after the last one.
const KEYED: u32 = 1 << 31;

/// The node behind the last one, in which a table's hash key lies.
mod key_node {
    use super::{HashKey, Node};

    /// Its value: the key is the heap's.
    pub const KEPT: u64 = 1;
    /// Its value: there is no key, but the hashes of an earlier format.
    pub const EARLIER: u64 = 2;

    pub fn of(own: HashKey, is_heaps: bool) -> Node {
        let value_bits = if own.is_earlier() { EARLIER } else { is_heaps as u64 * KEPT };
        Node { key_bits: own.word(), value_bits, ..Node::EMPTY }
    }
}

/// How long the chain is that a key came into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Chain {
    /// Within [`MAX_CHAIN`].
    Fair,
    /// Past it.
    Long,
}

impl Chain {
    /// The longer of both.
    #[inline(always)]
    fn join(&mut self, other: Chain) {
        if other == Chain::Long {
            *self = Chain::Long;
        }
    }
}

/// Why a table cannot take an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableError {
    /// The key is nil.
    NilKey,
    /// The key is NaN.
    NanKey,
    /// It would pass the largest size.
    Overflow,
    /// The system has no memory for it.
    Memory,
}

impl TableError {
    /// The message of the reference implementation.
    pub fn message(self) -> &'static str {
        match self {
            TableError::NilKey => "table index is nil",
            TableError::NanKey => "table index is NaN",
            TableError::Overflow => "table overflow",
            TableError::Memory => "not enough memory",
        }
    }
}

impl Table {
    pub(crate) fn init(header: Header) -> Table {
        Table {
            header,
            array: Cell::new(std::ptr::null_mut()),
            nodes: Cell::new(&raw const EMPTY_NODE as *mut Node),
            metatable: Cell::new(std::ptr::null_mut()),
            asize: Cell::new(0),
            mask: Cell::new(0),
            free: Cell::new(0),
            border_hint: Cell::new(0),
        }
    }
    /// Whether there is a node part.
    #[inline(always)]
    pub fn has_nodes(&self) -> bool {
        !std::ptr::eq(self.nodes.get(), &raw const EMPTY_NODE)
    }
    /// Number of nodes of the hash part, taken or not.
    pub fn node_count(&self) -> usize {
        if self.has_nodes() { self.mask.get() as usize + 1 } else { 0 }
    }
    /// Whether keys lie where a hash key of this table says.
    #[inline(always)]
    pub(crate) fn is_keyed(&self) -> bool {
        self.free.get() & KEYED != 0
    }
    /// The table's own hash key.
    pub fn hash_key(&self) -> Option<HashKey> {
        self.touch();
        // SAFETY: a keyed table has one node more than the mask says, and its key in there.
        self.is_keyed().then(|| unsafe {
            let n = &*self.nodes.get().add(self.node_count());
            match n.value_bits {
                key_node::EARLIER => HashKey::earlier(),
                key_node::KEPT => HashKey::new(n.key_bits).kept(),
                _ => HashKey::new(n.key_bits),
            }
        })
    }
    /// All nodes from here on are taken.
    pub fn last_free(&self) -> u32 {
        self.free.get() & !KEYED
    }
    /// Says where free nodes are to be looked for.
    pub fn set_last_free(&self, n: u32) {
        debug_assert!(n & KEYED == 0);
        self.free.set(n | self.free.get() & KEYED);
    }
    /// Nodes that are allocated for this table: one more if there is a hash key, none if they are a library's or in its block.
    fn allocated_nodes(&self) -> usize {
        if self.header.guard.get() & (SHARED | UNFILLED) != 0 || self.is_inside(self.nodes.get()) {
            return 0;
        }
        self.node_count() + self.is_keyed() as usize
    }
    /// Slots of the array part that are allocated apart.
    fn allocated_slots(&self) -> u32 {
        if self.is_inside(self.array.get()) { 0 } else { self.asize.get() }
    }
    /// Bytes of both parts, as far as they are not in the table's block.
    pub(crate) fn bytes(&self) -> usize {
        self.allocated_slots() as usize * size_of::<Value>() + self.allocated_nodes() * size_of::<Node>()
    }
    /// Frees both parts.
    ///
    /// # Safety
    /// The table is not used any more.
    pub(crate) unsafe fn free_parts(&self) {
        // SAFETY: `asize` and `mask` say with what layouts the parts were allocated; without an array or nodes of its
        // own nothing was. Nothing uses them any more (the caller's promise).
        unsafe {
            if self.allocated_slots() > 0 {
                dealloc(self.array.get().cast(), array_layout(self.asize.get()));
            }
            let nodes = self.allocated_nodes();
            if nodes > 0 {
                dealloc(self.nodes.get().cast(), node_layout(nodes));
            }
        }
    }
    /// The metatable.
    pub fn metatable(&self) -> Option<Ref<Table>> {
        let m = self.metatable.get();
        // SAFETY: a metatable that is set is live as long as this table.
        (!m.is_null()).then(|| unsafe { Ref::new(m) })
    }

    // Lookup.

    #[inline(always)]
    fn node_at(&self, hash: u32) -> *mut Node {
        // SAFETY: the mask keeps the index inside the node array.
        unsafe { self.nodes.get().add((hash & self.mask.get()) as usize) }
    }
    /// Hash of a normalised key in this table; none for objects without a serial number.
    fn known_hash(&self, key: Value) -> Option<u32> {
        match self.hash_key() {
            None => known_hash(key),
            Some(own) => own.hash(key),
        }
    }
    /// The value at an integer key (manual 2.1), nil if absent.
    #[inline(always)]
    pub fn get_integer(&self, key: i64) -> Value {
        let i = (key as u64).wrapping_sub(1);
        if i < self.asize.get() as u64 {
            // SAFETY: in range.
            return unsafe { *self.array.get().add(i as usize) };
        }
        self.get_integer_hashed(key)
    }
    fn get_integer_hashed(&self, key: i64) -> Value {
        if self.is_unfilled() {
            self.fill();
            return self.get_integer(key);
        }
        let n = self.find_integer_node(key);
        // SAFETY: a found node is inside the node array.
        if n.is_null() { Value::NIL } else { unsafe { (*n).value() } }
    }
    pub(crate) fn find_integer_node(&self, key: i64) -> *mut Node {
        if !self.has_nodes() {
            return std::ptr::null_mut();
        }
        if self.is_keyed() {
            return self.find_keyed(Value::integer(key));
        }
        // SAFETY: chains stay inside the node array (invariant of `next`).
        unsafe {
            let mut n = self.node_at(hash_word(key as u64));
            loop {
                if (*n).key_bits == key as u64 && (*n).key_tag as u64 == tag::INT {
                    return n;
                }
                let next = (*n).next;
                if next == 0 {
                    return std::ptr::null_mut();
                }
                n = n.offset(next as isize);
            }
        }
    }
    /// The value at a string key, nil if absent.
    #[inline]
    pub fn get_str(&self, key: Ref<Str>) -> Value {
        let n = self.find_str_node(&key);
        // SAFETY: a found node is inside the node array.
        if n.is_null() { Value::NIL } else { unsafe { (*n).value() } }
    }
    #[inline]
    pub(crate) fn find_str_node(&self, key: &Str) -> *mut Node {
        let hash = key.hash();
        let address = key as *const Str as u64;
        // SAFETY: chains stay inside the node array; a string-tagged key is a live string (dead ones are DEAD_KEY).
        unsafe {
            let mut n = self.node_at(hash);
            loop {
                if (*n).key_tag as u64 & 0xf == tag::STRING_TYPE {
                    if (*n).key_bits == address {
                        return n;
                    }
                    if (*n).hash16 == (hash >> 16) as u16 && (*((*n).key_bits as *const Str)).equals(key) {
                        return n;
                    }
                }
                let next = (*n).next;
                if next == 0 {
                    break;
                }
                n = n.offset(next as isize);
            }
        }
        if self.is_keyed() { self.find_keyed_str(key) } else { std::ptr::null_mut() }
    }
    /// The value at a string key of these bytes, nil if absent.
    pub fn get_bytes(&self, key: &[u8]) -> Value {
        let hash = self.hash_key().map_or_else(|| hash_bytes(key), |own| own.hash_bytes(key));
        let n = self.find_from(Some(hash), |n| {
            n.key_tag as u64 & 0xf == tag::STRING_TYPE
                && n.hash16 == (hash >> 16) as u16
                // SAFETY: a string-tagged key is a live string.
                && unsafe { &*(n.key_bits as *const Str) }.bytes() == key
        });
        // SAFETY: a found node is inside the node array.
        if n.is_null() { Value::NIL } else { unsafe { (*n).value() } }
    }
    /// As [`Table::find_str_node`], in a table with a hash key.
    #[cold]
    #[inline(never)]
    fn find_keyed_str(&self, key: &Str) -> *mut Node {
        if self.is_unfilled() {
            self.fill();
            return self.find_str_node(key);
        }
        let Some(hash) = self.hash_key().map(|own| own.hash_str(key)) else { return std::ptr::null_mut() };
        self.find_from(Some(hash), |n| {
            n.key_tag as u64 & 0xf == tag::STRING_TYPE
                && n.hash16 == (hash >> 16) as u16
                // SAFETY: a string-tagged key is a live string.
                && unsafe { &*(n.key_bits as *const Str) }.equals(key)
        })
    }
    /// Node of a normalised key that is no string, in a table with a hash key.
    #[cold]
    #[inline(never)]
    fn find_keyed(&self, key: Value) -> *mut Node {
        self.find_from(self.known_hash(key), |n| n.key_bits == key.bits && n.key_tag as u64 == key.tag)
    }
    /// Node of a key that is an object of the heap and no string, or null.
    pub(crate) fn find_object_node(&self, key: Value) -> *mut Node {
        debug_assert!(key.tag & tag::HEAP_BIT != 0 && !key.is_string());
        if self.is_keyed() {
            self.touch();
            return self.find_node(key);
        }
        // SAFETY: the tag says that it is a live object, and those begin with a header.
        let serial = unsafe { (*(key.bits as *const Header)).serial.get() };
        let hash = (serial != 0).then(|| hash_word(serial as u64));
        self.find_from(hash, |n| n.key_bits == key.bits && n.key_tag as u64 == key.tag)
    }
    /// The first node that fits in the chain of a hash, or null.
    #[inline(always)]
    fn find_from(&self, hash: Option<u32>, fits: impl Fn(&Node) -> bool) -> *mut Node {
        let Some(hash) = hash else { return std::ptr::null_mut() };
        // SAFETY: chains stay inside the node array.
        unsafe {
            let mut n = self.node_at(hash);
            loop {
                if fits(&*n) {
                    return n;
                }
                let next = (*n).next;
                if next == 0 {
                    return std::ptr::null_mut();
                }
                n = n.offset(next as isize);
            }
        }
    }
    /// The value at any key, nil if absent; no metamethods.
    pub fn get(&self, key: Value) -> Value {
        if key.tag == tag::INT {
            return self.get_integer(key.bits as i64);
        }
        if let Some(s) = key.as_string() {
            return self.get_str(s);
        }
        let n = self.find_node(normalize(key));
        if n.is_null() {
            if let Some(i) = normalize(key).as_integer() {
                return self.get_integer(i);
            }
            Value::NIL
        } else {
            // SAFETY: `find_node` gives null or a node of this table.
            unsafe { (*n).value() }
        }
    }
    /// Node of a normalised key in the hash part, or null.
    pub(crate) fn find_node(&self, key: Value) -> *mut Node {
        match key.tag {
            tag::INT => self.find_integer_node(key.bits as i64),
            tag::NIL => std::ptr::null_mut(),
            _ if key.is_string() => match key.as_string() {
                Some(s) => self.find_str_node(&s),
                None => std::ptr::null_mut(),
            },
            _ if self.is_keyed() => self.find_keyed(key),
            _ => self.find_from(known_hash(key), |n| n.key_bits == key.bits && n.key_tag as u64 == key.tag),
        }
    }

    // Stores.

    /// Makes the parts of a guarded table such as may be written.
    #[inline(always)]
    fn make_own(&self, heap: &mut Heap) {
        self.touch();
        if self.is_shared() {
            heap.written(&self.header);
            self.own(heap);
        }
    }

    /// Sets `self[key] = value` without metamethods. Counts bytes and objects' serials on `heap`.
    pub fn set(&self, heap: &mut Heap, key: Value, value: Value) -> Result<(), TableError> {
        let key = normalize(key);
        self.header.flags.set(0);
        if self.header.guard.get() != 0 {
            self.make_own(heap);
            self.note_store(heap, key);
            heap.noted_barrier(&self.header, key);
            heap.noted_barrier(&self.header, value);
        }
        if key.tag == tag::INT {
            let i = (key.bits).wrapping_sub(1);
            if i < self.asize.get() as u64 {
                // SAFETY: in range.
                unsafe { *self.array.get().add(i as usize) = value };
                return Ok(());
            }
            if self.set_integer_node(key.bits, value) {
                return Ok(());
            }
        } else if key.tag == tag::ATOM && self.set_at_home(key, value) {
            return Ok(());
        }
        let n = self.find_node(key);
        if !n.is_null() {
            // SAFETY: a found node is inside the node array.
            unsafe { (*n).set_value(value) };
            return Ok(());
        }
        match key.tag {
            tag::NIL => return Err(TableError::NilKey),
            tag::FLOAT if f64::from_bits(key.bits).is_nan() => return Err(TableError::NanKey),
            _ => {}
        }
        if value.is_nil() {
            return Ok(());
        }
        self.insert_new(heap, key, value)
    }
    /// Sets an integer key of the hash part that is there, or whose main position has no value; true: that is done.
    #[inline(never)]
    fn set_integer_node(&self, key: u64, value: Value) -> bool {
        if !self.has_nodes() || self.is_keyed() || self.header.guard.get() != 0 {
            return false;
        }
        let main = self.node_at(hash_word(key));
        // SAFETY: chains stay inside the node array.
        unsafe {
            let mut n = main;
            loop {
                if (*n).key_bits == key && (*n).key_tag as u64 == tag::INT {
                    (*n).set_value(value);
                    return true;
                }
                if (*n).next == 0 {
                    break;
                }
                n = n.offset((*n).next as isize);
            }
            // As in `place_at`.
            if (*main).value_tag as u64 != tag::NIL || value.is_nil() {
                return value.is_nil();
            }
            let entry = Node { value_bits: value.bits, key_bits: key, ..Node::EMPTY };
            *main = Node { next: (*main).next, value_tag: value.tag as u8, key_tag: tag::INT as u8, ..entry };
        }
        true
    }
    /// Puts an atom in whose main position is free: then it is not there yet. Most fields of constructors are set so.
    #[inline(always)]
    fn set_at_home(&self, key: Value, value: Value) -> bool {
        if !self.has_nodes() || self.is_keyed() || value.is_nil() {
            return false;
        }
        let Some(hash) = key.as_string().map(|s| s.hash()) else { return false };
        let main = self.node_at(hash);
        // SAFETY: `main` is a node of this table. Without a key it is in no chain, so no chain of this key leads elsewhere.
        unsafe {
            if (*main).key_tag != 0 {
                return false;
            }
            *main = Node {
                value_bits: value.bits,
                key_bits: key.bits,
                next: 0,
                value_tag: value.tag as u8,
                key_tag: key.tag as u8,
                hash16: (hash >> 16) as u16,
            };
        }
        true
    }
    /// Sets an integer key; see [`Table::set`].
    pub fn set_integer(&self, heap: &mut Heap, key: i64, value: Value) -> Result<(), TableError> {
        let i = (key as u64).wrapping_sub(1);
        if i < self.asize.get() as u64 {
            self.slot_barrier(heap, i as usize, value);
            // SAFETY: in range.
            unsafe { *self.array.get().add(i as usize) = value };
            return Ok(());
        }
        self.set(heap, Value::integer(key), value)
    }
    /// Copies `n` elements with the keys from `from` on to the keys of a table from `to` on, as if all were read before any is
    /// written. False, and nothing is done, unless all of them are in the array parts.
    pub(crate) fn copy_slots(&self, heap: &mut Heap, from: i64, into: &Table, to: i64, n: usize) -> bool {
        let inside = |t: &Table, first: i64| {
            let first = (first as u64).wrapping_sub(1);
            first < t.asize.get() as u64 && n as u64 <= t.asize.get() as u64 - first
        };
        if !inside(self, from) || !inside(into, to) {
            return false;
        }
        if into.header.guard.get() != 0 {
            for (i, v) in self.array_part()[from as usize - 1..][..n].iter().enumerate() {
                into.slot_barrier(heap, to as usize - 1 + i, *v);
            }
        }
        // SAFETY: both ranges are in range; those of one table may overlap.
        unsafe {
            let source = self.array.get().add(from as usize - 1);
            std::ptr::copy(source, into.array.get().add(to as usize - 1), n);
        }
        true
    }
    /// Sets an array slot that is there.
    #[inline(always)]
    pub(crate) fn set_slot(&self, heap: &mut Heap, i: u32, v: Value) {
        assert!(i >= 1 && i <= self.asize.get());
        self.slot_barrier(heap, i as usize - 1, v);
        // SAFETY: in range.
        unsafe { *self.array.get().add(i as usize - 1) = v }
    }
    /// Sets the field of this name, making the name a string of `heap` if it is no atom.
    pub fn set_field(&self, heap: &mut Heap, name: &[u8], value: Value) -> Result<(), TableError> {
        let key = heap.string(name);
        self.set(heap, key, value)
    }
    /// The field of this name.
    pub fn get_field(&self, heap: &mut Heap, name: &[u8]) -> Value {
        let key = heap.string(name);
        self.get(key)
    }

    /// Inserts a normalised key that is not there, with a value that is not nil.
    fn insert_new(&self, heap: &mut Heap, key: Value, value: Value) -> Result<(), TableError> {
        match self.place(heap, key, value) {
            None => {
                self.rehash(heap, key)?;
                self.set(heap, key, value)
            }
            Some(Chain::Fair) => Ok(()),
            Some(Chain::Long) => self.take_hash_key(heap),
        }
    }
    /// Gives the table a new hash key, and places all entries anew.
    #[cold]
    #[inline(never)]
    fn take_hash_key(&self, heap: &mut Heap) -> Result<(), TableError> {
        let own = heap.other_hash_key(self.hash_key());
        // Should a chain be long again, the next insertion into it takes another key.
        self.place_all(heap, self.asize.get(), self.node_count() as u32, Some(own)).map(|_| ())
    }
    /// Puts in a normalised key that is not there, with a value that is not nil; none if no node is free.
    #[inline(always)]
    fn place(&self, heap: &mut Heap, key: Value, value: Value) -> Option<Chain> {
        let fixed = heap.hash_of(key);
        if !self.has_nodes() {
            return None;
        }
        let entry = Node {
            value_bits: value.bits,
            key_bits: key.bits,
            next: 0,
            value_tag: value.tag as u8,
            key_tag: key.tag as u8,
            hash16: if key.is_string() { (fixed >> 16) as u16 } else { 0 },
        };
        if self.is_keyed() {
            return self.place_keyed(heap, fixed, entry);
        }
        if self.header.guard.get() != 0 {
            self.tell_of_move(heap, fixed);
        }
        self.place_at(fixed, entry, known_hash)
    }
    /// Tells the collector that the entry in the main position of a hash may move: from where it would have been traced to
    /// where it will not.
    #[cold]
    fn tell_of_move(&self, heap: &mut Heap, hash: u32) {
        self.note_chain(heap, hash);
        if heap.is_in_part(self) {
            // SAFETY: a node of this table.
            let n = unsafe { *self.node_at(hash) };
            if n.value_tag as u64 != tag::NIL {
                heap.barrier(&self.header, n.key());
                heap.barrier(&self.header, n.value());
            }
        }
    }
    /// As [`Table::place`], in a table with a hash key.
    #[cold]
    #[inline(never)]
    fn place_keyed(&self, heap: &mut Heap, fixed: u32, mut entry: Node) -> Option<Chain> {
        let own = self.hash_key()?;
        let hash = own.hash(entry.key()).unwrap_or(fixed);
        self.tell_of_move(heap, hash);
        if entry.key().is_string() {
            entry.hash16 = (hash >> 16) as u16;
        }
        self.place_at(hash, entry, |key| own.hash(key))
    }
    /// Puts an entry where a hash says; `hash_of` is that of other keys.
    #[inline(always)]
    fn place_at(&self, hash: u32, entry: Node, hash_of: impl Fn(Value) -> Option<u32>) -> Option<Chain> {
        // SAFETY: all nodes touched are inside the node array; `free` is a node without a key.
        unsafe {
            let main = self.node_at(hash);
            if (*main).value_tag as u64 == tag::NIL {
                // Free, or a key without a value: that one's place is the new one's home, whatever chain it is in.
                let next = (*main).next;
                *main = Node { next, ..entry };
                return Some(Chain::Fair);
            }
            let free = self.free_node()?;
            let other = match hash_of((*main).key()) {
                Some(h) => self.node_at(h),
                // A dead key: its place is unknown, but it stays a link of its chain. Treat it as at home.
                None => main,
            };
            if std::ptr::eq(other, main) || !self.in_chain_of(other, main) {
                // The new key goes to the free place, behind the one at home.
                *free = entry;
                (*free).next =
                    if (*main).next != 0 { (main.offset((*main).next as isize).offset_from(free)) as i32 } else { 0 };
                (*main).next = free.offset_from(main) as i32;
                return Some(self.chain_from(free));
            }
            // The one found here belongs to another chain: it moves, and the new key takes its home.
            let mut previous = other;
            while previous.offset((*previous).next as isize) != main {
                previous = previous.offset((*previous).next as isize);
            }
            (*previous).next = free.offset_from(previous) as i32;
            *free = *main;
            if (*main).next != 0 {
                (*free).next += main.offset_from(free) as i32;
            }
            *main = entry;
        }
        Some(Chain::Fair)
    }
    /// Whether too many nodes follow the second one of a chain.
    #[inline(always)]
    unsafe fn chain_from(&self, second: *mut Node) -> Chain {
        let mut n = second;
        // SAFETY: the caller's node is in the node array, and chains stay inside it.
        unsafe {
            for _ in 2..=MAX_CHAIN {
                let next = (*n).next;
                if next == 0 {
                    return Chain::Fair;
                }
                n = n.offset(next as isize);
            }
        }
        Chain::Long
    }
    /// Whether `wanted` is reached from `first`. True for every live key's main position; asked because a thawed
    /// table's links are checked for range, not for meaning.
    unsafe fn in_chain_of(&self, first: *mut Node, wanted: *mut Node) -> bool {
        let mut n = first;
        let mut left = self.mask.get() as usize + 1;
        // SAFETY: `first` is a node of this table (the caller's promise), and links lead to nodes of the same table.
        unsafe {
            while (*n).next != 0 && left > 0 {
                n = n.offset((*n).next as isize);
                left -= 1;
                if n == wanted {
                    return true;
                }
            }
        }
        false
    }
    fn free_node(&self) -> Option<*mut Node> {
        let mut i = self.last_free();
        while i > 0 {
            i -= 1;
            // SAFETY: below the number of nodes.
            let n = unsafe { self.nodes.get().add(i as usize) };
            // SAFETY: as above; every node is initialised.
            if unsafe { (*n).key_tag } == 0 {
                self.set_last_free(i);
                return Some(n);
            }
        }
        self.set_last_free(0);
        None
    }
}

fn array_layout(n: u32) -> Layout {
    Layout::array::<Value>(n as usize).expect("at most 2^30 slots")
}
fn node_layout(n: usize) -> Layout {
    Layout::array::<Node>(n).expect("at most 2^30 nodes")
}

#[cfg(test)]
mod tests;
