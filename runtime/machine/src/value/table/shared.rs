//! Tables of the library: their nodes are the same in every process, and lie outside every heap until somebody writes one.
//!
//! Journey: value. A table of functions that nobody has written to has its own identity, metatable and serial number, but
//! its nodes are those of a [`Library`], which are made once and never change. The guard bit [`SHARED`] sends every store
//! the slow way, which copies the nodes first ([`Table::own`]): they keep their places, so a `pairs` in progress goes on.
//! Reads need not know of it. Wherever such a table is written down (frozen, in a snapshot) it is its name.
//!
//! Always: a shared table has no array part, no hash key, and in its nodes nothing but atoms, natives, numbers and
//! booleans; `array` points to its library.

use super::{Node, Table};
use crate::heap::{Heap, SHARED};
use crate::value::{Ref, tag};
use std::sync::{PoisonError, RwLock};

/// The nodes that a table of the library has as long as nobody writes to it.
pub struct Library {
    name: &'static str,
    nodes: Box<[Node]>,
    last_free: u32,
}

// SAFETY: it is immutable, and what its nodes point to is atoms and natives, which are immutable and never freed.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

static ALL: RwLock<Vec<&'static Library>> = RwLock::new(Vec::new());

impl Library {
    /// Its name, by which it is known in every process of every runtime.
    pub fn name(&self) -> &'static str {
        self.name
    }
    /// The library of a name, if a table was shared under it.
    pub fn find(name: &[u8]) -> Option<&'static Library> {
        let all = ALL.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|l| l.name.as_bytes() == name).copied()
    }
}

impl Table {
    /// Makes the table one of the library: the first one under a name says what its nodes are. A table with other nodes, or
    /// with something that is of a heap, stays as it is.
    pub fn share(&self, heap: &mut Heap, name: &'static str) {
        let keeps =
            |n: &Node| (n.key_tag | n.value_tag) as u64 & tag::KEEPS_BITS != 0 || n.key_tag as u64 == tag::DEAD_KEY;
        let may = self.header.guard.get() == 0 && self.asize.get() == 0 && self.has_nodes() && !self.is_keyed();
        if !may || self.node_part().iter().any(keeps) {
            return;
        }
        let known = Library::find(name.as_bytes()).unwrap_or_else(|| {
            let mut all = ALL.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(&known) = all.iter().find(|l| l.name == name) {
                return known;
            }
            let nodes = self.node_part().into();
            all.push(Box::leak(Box::new(Library { name, nodes, last_free: self.last_free() })));
            all[all.len() - 1]
        });
        let same = |(a, b): (&Node, &Node)| {
            (a.key_bits, a.value_bits, a.key_tag, a.value_tag, a.next)
                == (b.key_bits, b.value_bits, b.key_tag, b.value_tag, b.next)
        };
        let own = self.node_part();
        if own.len() == known.nodes.len() && own.iter().zip(&known.nodes).all(same) {
            heap.sub_bytes(self.bytes());
            // SAFETY: the nodes are replaced at once.
            unsafe { self.free_parts() };
            self.use_library(known);
        }
    }
    /// Makes an empty table one of the library.
    pub fn use_library(&self, library: &'static Library) {
        self.array.set((library as *const Library).cast_mut().cast());
        self.nodes.set(library.nodes.as_ptr().cast_mut());
        self.mask.set(library.nodes.len() as u32 - 1);
        self.free.set(library.last_free);
        self.header.guard.set(self.header.guard.get() | SHARED);
    }
    /// A new table of the library.
    pub fn of_library(heap: &mut Heap, library: &'static Library) -> Ref<Table> {
        let t = heap.table();
        t.use_library(library);
        t
    }
    /// Whether its nodes are a library's.
    #[inline(always)]
    pub(crate) fn is_shared(&self) -> bool {
        self.header.guard.get() & SHARED != 0
    }
    /// The library whose nodes it has, if nobody has written to it.
    pub fn library(&self) -> Option<&'static Library> {
        // SAFETY: a shared table's `array` is its library, which is never freed.
        self.is_shared().then(|| unsafe { &*self.array.get().cast::<Library>() })
    }
    /// Gives a shared table nodes of its own, before the first of them is written.
    #[cold]
    #[inline(never)]
    pub(crate) fn own(&self, heap: &mut Heap) {
        let Some(library) = self.library() else { return };
        let nodes: *mut [Node] = Box::into_raw(library.nodes.clone());
        self.array.set(std::ptr::null_mut());
        // A box of nodes has the layout that `free_parts` frees.
        self.nodes.set(nodes.cast());
        self.header.guard.set(self.header.guard.get() & !SHARED);
        heap.add_bytes(self.bytes());
    }
}
