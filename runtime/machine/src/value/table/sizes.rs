//! Sizes of both parts: how large they are to be when a key finds no place, and all entries placed anew.
//!
//! Journey: value. As in the reference, the array part is as large as the greatest power of two of which more than half would be
//! used, and the rest goes to the nodes.

use super::{
    Chain, EMPTY_NODE, KEYED, LARGE, MAX_BITS, Node, Table, TableError, array_layout, key_node, known_hash, node_layout,
};
use crate::heap::Heap;
use crate::heap::growth::grow_zeroed;
use crate::value::hash::HashKey;
use crate::value::{Value, tag};
use std::alloc::{alloc, alloc_zeroed, dealloc, handle_alloc_error, realloc};

impl Table {
    /// Makes room for one more key: counts the integer keys and chooses the array size n that is more than half used,
    /// as the reference does.
    #[cold]
    #[inline(never)]
    pub(super) fn rehash(&self, heap: &mut Heap, extra: Value) -> Result<(), TableError> {
        let mut counts = [0u32; 32];
        let mut integers = self.count_array(&mut counts);
        let mut total = integers;
        for i in 0..self.node_count() {
            // SAFETY: in range.
            let n = unsafe { &*self.nodes.get().add(i) };
            if n.value_tag as u64 != tag::NIL {
                integers += count_integer(n.key(), &mut counts);
                total += 1;
            }
        }
        integers += count_integer(extra, &mut counts);
        total += 1;
        let (asize, in_array) = array_size(&counts, integers);
        let mut hashed = total - in_array;
        if hashed as usize <= self.node_count() {
            // Keys without a value have filled it. As many nodes as there are keys would soon be full of such again, and all
            // entries would be placed anew for a few that come and go.
            hashed += hashed / 4;
        }
        self.resize(heap, asize, hashed)
    }
    fn count_array(&self, counts: &mut [u32; 32]) -> u32 {
        let asize = self.asize.get() as usize;
        let (mut total, mut i, mut limit) = (0, 0usize, 1usize);
        for slot in counts.iter_mut() {
            let end = limit.min(asize);
            let mut n = 0;
            while i < end {
                // SAFETY: in range.
                n += (unsafe { (*self.array.get().add(i)).tag } != tag::NIL) as u32;
                i += 1;
            }
            *slot += n;
            total += n;
            if i >= asize {
                break;
            }
            limit *= 2;
        }
        total
    }
    /// Gives the table `asize` array slots and room for `hsize` other keys, and places all entries anew.
    pub fn resize(&self, heap: &mut Heap, asize: u32, hsize: u32) -> Result<(), TableError> {
        match self.place_all(heap, asize, hsize, self.hash_key().filter(|own| !own.is_earlier()))? {
            Chain::Fair => Ok(()),
            Chain::Long => self.take_hash_key(heap),
        }
    }
    /// As [`Table::resize`], for an empty table that is to have this hash key.
    pub fn resize_keyed(&self, heap: &mut Heap, asize: u32, hsize: u32, own: HashKey) -> Result<(), TableError> {
        self.place_all(heap, asize, hsize, Some(own)).map(|_| ())
    }
    /// Makes both parts anew, of these sizes and under this hash key (none without nodes); whether a chain became long.
    pub(super) fn place_all(
        &self,
        heap: &mut Heap,
        asize: u32,
        hsize: u32,
        own: Option<HashKey>,
    ) -> Result<Chain, TableError> {
        let bits = if hsize == 0 { 0 } else { hsize.next_power_of_two().trailing_zeros() };
        if bits > MAX_BITS || asize > 1 << MAX_BITS {
            return Err(TableError::Overflow);
        }
        if self.header.guard.get() != 0 {
            self.make_own(heap);
            heap.written(&self.header);
            heap.table_moves(self);
        }
        let (old_nodes, old_count, old_allocated) = (self.nodes.get(), self.node_count(), self.allocated_nodes());
        let old_asize = self.asize.get();
        let mut longest = Chain::Fair;
        // SAFETY: new parts are fully initialised before they are installed; old nodes are freed once, after the
        // last read. Until both parts are allocated nothing is changed but that the array has more slots.
        unsafe {
            let count = 1usize << bits;
            let allocated = count + own.is_some() as usize;
            // Of the system's memory, zeros cost nothing until they are touched.
            let large = count > LARGE;
            let mut fresh = std::ptr::null_mut();
            if hsize > 0 {
                let layout = node_layout(allocated);
                fresh = if large { alloc_zeroed(layout) } else { alloc(layout) }.cast::<Node>();
                if fresh.is_null() {
                    return Err(TableError::Memory);
                }
            }
            if asize > old_asize && self.resize_array(heap, asize).is_err() {
                if hsize > 0 {
                    dealloc(fresh.cast(), node_layout(allocated));
                }
                return Err(TableError::Memory);
            }
            if hsize == 0 {
                self.nodes.set(&raw const EMPTY_NODE as *mut Node);
                self.mask.set(0);
                self.free.set(0);
            } else {
                for i in 0..if large { 0 } else { count } {
                    fresh.add(i).write(Node::EMPTY);
                }
                if let Some(own) = own {
                    let is_heaps = !own.is_earlier() && heap.is_own_hash_key(own);
                    fresh.add(count).write(key_node::of(own, is_heaps));
                }
                self.nodes.set(fresh);
                self.mask.set(count as u32 - 1);
                self.free.set(count as u32 | if own.is_some() { KEYED } else { 0 });
                heap.add_bytes(allocated * size_of::<Node>());
            }
            if asize < old_asize {
                let array = self.array.get();
                self.asize.set(asize);
                for i in asize..old_asize {
                    let v = *array.add(i as usize);
                    if !v.is_nil() {
                        longest.join(self.insert_moved(heap, Value::integer(i as i64 + 1), v));
                    }
                }
                self.asize.set(old_asize);
                if self.resize_array(heap, asize).is_err() {
                    handle_alloc_error(array_layout(asize));
                }
            }
            if old_count > 0 {
                for i in (0..old_count).rev() {
                    if old_count > LARGE {
                        self.look_ahead(old_nodes, i);
                    }
                    let n = &*old_nodes.add(i);
                    if n.value_tag as u64 != tag::NIL {
                        longest.join(self.insert_moved(heap, n.key(), n.value()));
                    }
                }
            }
            if old_allocated > 0 {
                dealloc(old_nodes.cast(), node_layout(old_allocated));
                heap.sub_bytes(old_allocated * size_of::<Node>());
            }
        }
        Ok(longest)
    }
    /// Says what memory is needed soon to place nodes anew, which are taken from an old part from its end on: their keys, and
    /// a little later the places that those will get. Without that each would wait for both.
    ///
    /// # Safety
    /// The nodes up to this one are there, with live keys where there is a value.
    unsafe fn look_ahead(&self, old: *const Node, i: usize) {
        const FAR: usize = 16;
        const NEAR: usize = 8;
        // SAFETY: both are before `i`, and the caller's promise.
        unsafe {
            if i >= FAR {
                let n = &*old.add(i - FAR);
                if n.key_tag as u64 & 0xf == tag::STRING_TYPE {
                    prefetch(n.key_bits as *const u8);
                }
            }
            if i >= NEAR && !self.is_keyed() {
                let n = &*old.add(i - NEAR);
                if n.value_tag as u64 != tag::NIL
                    && let Some(hash) = known_hash(n.key())
                {
                    prefetch(self.node_at(hash));
                }
            }
        }
    }
    fn insert_moved(&self, heap: &mut Heap, key: Value, value: Value) -> Chain {
        if key.tag == tag::INT {
            let i = key.bits.wrapping_sub(1);
            if i < self.asize.get() as u64 {
                // SAFETY: in range.
                unsafe { *self.array.get().add(i as usize) = value };
                return Chain::Fair;
            }
        }
        self.place(heap, key, value).expect("new sizes have room for all entries")
    }
    /// Changes the array part alone, without moving entries between the parts.
    pub(super) unsafe fn resize_array(&self, heap: &mut Heap, asize: u32) -> Result<(), TableError> {
        let old = self.asize.get();
        if self.is_inside(self.array.get()) {
            return self.resize_inside(heap, asize);
        }
        // Zeros are nil.
        let is_large = asize as usize > LARGE;
        // SAFETY: `asize`, as it was, says with what layout the array was allocated. The caller has moved out what lies
        // past a smaller size; what a larger one adds is set to nil before anyone sees it.
        unsafe {
            let array = if asize == 0 {
                dealloc(self.array.get().cast(), array_layout(old));
                std::ptr::null_mut()
            } else {
                let layout = array_layout(asize);
                let p = if old == 0 && is_large {
                    alloc_zeroed(layout)
                } else if old == 0 {
                    alloc(layout)
                } else if is_large && asize > old {
                    grow_zeroed(self.array.get().cast(), array_layout(old), layout.size())
                } else {
                    realloc(self.array.get().cast(), array_layout(old), layout.size())
                };
                if p.is_null() {
                    // The old one is as it was.
                    return Err(TableError::Memory);
                }
                p.cast::<Value>()
            };
            for i in if is_large { asize } else { old }..asize {
                array.add(i as usize).write(Value::NIL);
            }
            self.array.set(array);
            self.asize.set(asize);
            self.border_hint.set(asize);
        }
        heap.add_bytes(asize as usize * size_of::<Value>());
        heap.sub_bytes(old as usize * size_of::<Value>());
        Ok(())
    }
    /// Makes sure that the keys from 1 to `n` are in the array part.
    pub(crate) fn reserve_array(&self, heap: &mut Heap, n: u32) -> Result<(), TableError> {
        self.touch();
        let asize = self.asize.get();
        if n <= asize {
            return Ok(());
        }
        // All is copied: not for a few elements each time.
        let n = if asize as usize > LARGE { n.max((asize + asize / 4).min(1 << MAX_BITS)) } else { n };
        let used = (0..self.node_count())
            // SAFETY: in range.
            .filter(|&i| unsafe { (*self.nodes.get().add(i)).value_tag } != 0)
            .count();
        self.resize(heap, n, used as u32)
    }
}

fn count_integer(key: Value, counts: &mut [u32; 32]) -> u32 {
    match key.as_integer() {
        Some(k) if (1..=1 << MAX_BITS).contains(&k) => {
            counts[(64 - (k as u64 - 1).leading_zeros()) as usize] += 1;
            1
        }
        _ => 0,
    }
}

/// The largest n (a power of two) such that more than half the slots from 1 to n are used, and how many keys they hold.
fn array_size(counts: &[u32; 32], integers: u32) -> (u32, u32) {
    let (mut sum, mut best, mut in_array) = (0u32, 0u32, 0u32);
    let mut power: u64 = 1;
    for &c in counts {
        if integers as u64 <= power / 2 {
            break;
        }
        sum += c;
        if sum as u64 > power / 2 {
            best = power as u32;
            in_array = sum;
        }
        power *= 2;
    }
    (best, in_array)
}

/// Says that memory is needed soon.
#[inline(always)]
fn prefetch<T>(p: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing, whatever the address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(p.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}
