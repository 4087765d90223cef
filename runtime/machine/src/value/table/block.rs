//! Tables that have their first part in one block with them.
//!
//! Journey: value. Most tables are made with all that they will ever have: a constructor says its sizes, a message's table
//! is as it was sent. Such a table is one allocation, and freed as one. A part that is made anew leaves its place in the
//! block, which nobody uses any more until the table is freed.
//!
//! What a constructor's fields are is known before it runs: its nodes are copied from a [`Template`], where the keys have
//! their places. A table on its way between two heaps is [`Loose`].

use super::{Chain, Node, Table, TableError, array_layout};
use crate::heap::{BLOCK_SHIFT, Header, Heap, ObjectKind};
use crate::value::hash::known_hash;
use crate::value::{Ref, Value, tag};
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

const WORD: usize = 8;
/// Words that a block can have behind its table.
const MOST: usize = (1 << (8 - BLOCK_SHIFT)) - 1;
const NODE_WORDS: usize = size_of::<Node>() / WORD;
const SLOT_WORDS: usize = size_of::<Value>() / WORD;
/// Nodes that fit into a block.
const MOST_NODES: usize = MOST / NODE_WORDS;
/// Array slots that fit into a block.
const MOST_SLOTS: usize = MOST / SLOT_WORDS;

/// The layout of a table with so many words behind it.
#[inline(always)]
pub(crate) const fn block_layout(words: usize) -> Layout {
    // SAFETY: far from the largest size, and tables are aligned as words are.
    unsafe { Layout::from_size_align_unchecked(size_of::<Table>() + words * WORD, align_of::<Table>()) }
}
const _: () = assert!(align_of::<Table>() == WORD && align_of::<Node>() == WORD && align_of::<Value>() == WORD);

impl Table {
    /// Words behind it in its block.
    #[inline(always)]
    fn block_words(&self) -> usize {
        (self.header.mark.get() >> BLOCK_SHIFT) as usize
    }
    /// The layout with which it was allocated.
    #[inline(always)]
    pub(crate) fn block_layout(&self) -> Layout {
        block_layout(self.block_words())
    }
    /// Whether a part is in its block.
    #[inline(always)]
    pub(super) fn is_inside<T>(&self, part: *mut T) -> bool {
        // Without words behind it another block may begin there.
        part as usize == std::ptr::from_ref(self) as usize + size_of::<Table>() && self.block_words() != 0
    }
    /// As `resize_array`, of an array part that is in the block.
    pub(super) fn resize_inside(&self, heap: &mut Heap, asize: u32) -> Result<(), TableError> {
        let old = self.asize.get() as usize;
        let fits = asize as usize * SLOT_WORDS <= self.block_words();
        // SAFETY: the old slots are in the block, and what fits is, too; otherwise the new part is another block, of a
        // size that is not 0. All slots of the new size are written before anyone sees them.
        unsafe {
            let mut array = self.array.get();
            if !fits {
                array = alloc(array_layout(asize)).cast();
                if array.is_null() {
                    return Err(TableError::Memory);
                }
                array.copy_from_nonoverlapping(self.array.get(), old);
                heap.add_bytes(asize as usize * size_of::<Value>());
            }
            for i in old..asize as usize {
                array.add(i).write(Value::NIL);
            }
            self.array.set(if asize == 0 { std::ptr::null_mut() } else { array });
        }
        self.asize.set(asize);
        self.border_hint.set(asize);
        Ok(())
    }
}

/// Takes the words behind a table for its nodes, which whoever calls this writes before anyone looks.
///
/// # Safety
/// The table is new and empty, and its block has room for them.
#[inline(always)]
unsafe fn use_nodes(t: Ref<Table>, count: usize, last_free: u32) -> *mut Node {
    debug_assert!(count * NODE_WORDS <= t.block_words());
    // SAFETY: the words are part of the table's block.
    let nodes = unsafe { t.as_ptr().add(1).cast::<Node>() };
    t.nodes.set(nodes);
    t.mask.set(count as u32 - 1);
    t.free.set(last_free);
    nodes
}
/// As [`use_nodes`], for its array part.
///
/// # Safety
/// As there.
#[inline(always)]
unsafe fn use_slots(t: Ref<Table>, count: usize) -> *mut Value {
    debug_assert!(count * SLOT_WORDS <= t.block_words());
    // SAFETY: the words are part of the table's block.
    let array = unsafe { t.as_ptr().add(1).cast::<Value>() };
    t.array.set(array);
    t.asize.set(count as u32);
    t.border_hint.set(count as u32);
    array
}

impl Heap {
    /// A table with room for so many elements and fields; sizes past the largest leave it empty, which is only slower.
    #[inline]
    pub(crate) fn table_of_size(&mut self, array: u32, fields: u32) -> Ref<Table> {
        let (slots, nodes) = (array as usize, fields.checked_next_power_of_two().unwrap_or(u32::MAX) as usize);
        if fields > 0 && nodes <= MOST_NODES {
            let t = self.objects().table_in_block(nodes * NODE_WORDS);
            // SAFETY: they fit, and are written at once.
            unsafe {
                let to = use_nodes(t, nodes, nodes as u32);
                for i in 0..nodes {
                    to.add(i).write(Node::EMPTY);
                }
            }
            if array > 0 {
                let _ = t.grow_array(self, array);
            }
            t
        } else if fields == 0 && array > 0 && slots <= MOST_SLOTS {
            let t = self.objects().table_in_block(slots * SLOT_WORDS);
            // SAFETY: they fit, and are written at once.
            unsafe {
                let to = use_slots(t, slots);
                for i in 0..slots {
                    to.add(i).write(Value::NIL);
                }
            }
            t
        } else {
            let t = self.table();
            if array | fields != 0 {
                let _ = t.resize(self, array, fields);
            }
            t
        }
    }
    /// A table whose nodes are a template's, with room for so many elements.
    #[inline(always)]
    pub(crate) fn table_of_template(&mut self, template: &Template, array: u32) -> Ref<Table> {
        let count = template.nodes.len();
        let t = self.objects().table_in_block(count * NODE_WORDS);
        // SAFETY: a template's nodes fit into a block; all of them are written at once.
        unsafe { use_nodes(t, count, template.last_free).copy_from_nonoverlapping(template.nodes.as_ptr(), count) }
        if array > 0 {
            let _ = t.grow_array(self, array);
        }
        t
    }
}

/// The nodes of a constructor's table: its keys where they belong, without values.
pub(crate) struct Template {
    nodes: Box<[Node]>,
    last_free: u32,
}

impl Template {
    /// That of a constructor that makes so many nodes, for strings that are different and not more; none if they do not fit
    /// into a block, or want a hash key.
    pub(crate) fn new(count: usize, keys: &[Value]) -> Option<Template> {
        if count > MOST_NODES || !count.is_power_of_two() {
            return None;
        }
        let mut nodes = vec![Node::EMPTY; count].into_boxed_slice();
        let t = Table::init(Header::new(ObjectKind::Table));
        t.nodes.set(nodes.as_mut_ptr());
        t.mask.set(count as u32 - 1);
        t.free.set(count as u32);
        for &key in keys {
            let hash = known_hash(key).filter(|_| key.is_string())?;
            let entry = Node { key_bits: key.bits, key_tag: key.tag as u8, hash16: (hash >> 16) as u16, ..Node::EMPTY };
            if t.place_at(hash, entry, known_hash) != Some(Chain::Fair) {
                return None;
            }
        }
        Some(Template { nodes, last_free: t.last_free() })
    }
    /// Whether the other one is the same.
    pub(crate) fn is_same(&self, other: &Template) -> bool {
        let same = |(a, b): (&Node, &Node)| (a.key_bits, a.next) == (b.key_bits, b.next);
        self.nodes.len() == other.nodes.len() && self.nodes.iter().zip(&other.nodes).all(same)
    }
}

/// A small table that is in no heap, on its way to one: nothing in it is an object of a heap. Before it is a table, its bytes
/// can be read: four that whoever makes it chooses, and its nodes.
pub struct Loose(NonNull<Table>);

// SAFETY: nobody else knows the block, and nothing in it is of one thread or heap.
unsafe impl Send for Loose {}
// SAFETY: as above; a shared reference only reads.
unsafe impl Sync for Loose {}

impl Loose {
    /// Bytes before the nodes that are read with them. They lie where a table has its `border_hint`, which an empty array part
    /// does not need.
    const HEAD: usize = 4;

    /// The copy of a table with nodes and without array part, metatable and hash key; none if it is larger than such a block.
    ///
    /// # Safety
    /// Nothing in it is an object of a heap.
    #[inline]
    pub unsafe fn copy(t: &Table, head: [u8; Loose::HEAD]) -> Option<Loose> {
        let count = t.node_count();
        debug_assert!(t.asize.get() == 0 && t.metatable.get().is_null() && !t.is_keyed());
        if count == 0 || count > MOST_NODES {
            return None;
        }
        // SAFETY: as many nodes as fit are written at once.
        let loose = unsafe {
            let (loose, nodes) = Loose::with_room(count, t.last_free());
            nodes.copy_from_nonoverlapping(t.nodes.get(), count);
            loose
        };
        loose.table().border_hint.set(u32::from_ne_bytes(head));
        Some(loose)
    }
    /// One with room for so many nodes, and where they are to be.
    ///
    /// # Safety
    /// They fit into a block, and whoever calls this writes them before anyone looks.
    #[inline]
    unsafe fn with_room(count: usize, last_free: u32) -> (Loose, *mut Node) {
        let layout = block_layout(count * NODE_WORDS);
        // SAFETY: the table is written in full, into a block of its own with room for the nodes behind it.
        unsafe {
            let new = alloc(layout).cast::<Table>();
            let Some(block) = NonNull::new(new) else { handle_alloc_error(layout) };
            new.write(Table::init(Header::new(ObjectKind::Table)));
            (*new).header.mark.set(((count * NODE_WORDS) as u8) << BLOCK_SHIFT);
            (Loose(block), use_nodes(Ref::new(new), count, last_free))
        }
    }
    /// The table of these fields, with the head for so many nodes and such a [`Table::last_free`]. None if it is larger than
    /// such a block, or if a key is nil or a float, comes twice, or has no value.
    ///
    /// # Safety
    /// Nothing in it is an object of a heap.
    pub unsafe fn of_fields(
        fields: &[(Value, Value)],
        head: impl FnOnce(usize, u32) -> [u8; Loose::HEAD],
    ) -> Option<Loose> {
        let count = fields.len().checked_next_power_of_two().filter(|n| *n <= MOST_NODES && !fields.is_empty())?;
        // SAFETY: as many nodes as fit are written at once.
        let loose = unsafe {
            let (loose, nodes) = Loose::with_room(count, count as u32);
            for i in 0..count {
                nodes.add(i).write(Node::EMPTY);
            }
            loose
        };
        let t = loose.table();
        for (i, &(key, v)) in fields.iter().enumerate() {
            let is_twice = fields[..i].iter().any(|(other, _)| (other.tag, other.bits) == (key.tag, key.bits));
            if is_twice || key.is_nil() || key.tag == tag::FLOAT || v.is_nil() {
                return None;
            }
            let hash = known_hash(key)?;
            let entry = Node {
                key_bits: key.bits,
                key_tag: key.tag as u8,
                value_bits: v.bits,
                value_tag: v.tag as u8,
                hash16: (hash >> 16) as u16,
                ..Node::EMPTY
            };
            if t.place_at(hash, entry, known_hash) != Some(Chain::Fair) {
                return None;
            }
        }
        t.border_hint.set(u32::from_ne_bytes(head(count, t.last_free())));
        Some(loose)
    }
    #[inline(always)]
    fn table(&self) -> &Table {
        // SAFETY: it is there as long as this is.
        unsafe { self.0.as_ref() }
    }
    /// Bytes of its block.
    #[inline(always)]
    pub fn size(&self) -> usize {
        self.table().block_layout().size()
    }
    /// What was said at its making, and its nodes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        const _: () = assert!(std::mem::offset_of!(Table, border_hint) + Loose::HEAD == size_of::<Table>());
        // SAFETY: the last four bytes of the table, and what is behind it; all of that was written, and has no padding.
        unsafe {
            let first = self.0.as_ptr().add(1).cast::<u8>().sub(Loose::HEAD);
            std::slice::from_raw_parts(first, Loose::HEAD + self.table().block_words() * WORD)
        }
    }
    /// Its nodes.
    #[inline]
    pub fn nodes(&self) -> &[Node] {
        self.table().node_part()
    }
    /// The address of its block, for what brings memory near.
    #[inline(always)]
    pub fn address(&self) -> *const u8 {
        self.0.as_ptr().cast()
    }
    /// The table, as an object of a heap.
    #[inline(always)]
    pub fn join(self, heap: &mut Heap) -> Ref<Table> {
        // SAFETY: nobody else knows it; it is the heap's from now on.
        let t = unsafe { Ref::new(self.0.as_ptr()) };
        std::mem::forget(self);
        t.border_hint.set(0);
        heap.objects().take_table(t);
        t
    }
}

impl Clone for Loose {
    fn clone(&self) -> Loose {
        // SAFETY: it is the copy of a table in which nothing is an object of a heap.
        let copy = unsafe { Loose::copy(self.table(), self.table().border_hint.get().to_ne_bytes()) };
        copy.expect("it has the size of such a block")
    }
}

impl Drop for Loose {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout, and nobody uses it any more.
        unsafe { dealloc(self.0.as_ptr().cast(), self.table().block_layout()) }
    }
}
