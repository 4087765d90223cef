//! Blocks that grow by zeros.
//!
//! Journey: value. What an array part has at its end is nil, which is zeros, and most of it is not used for long: it grows by
//! doubling. An allocator that has its large blocks from the system gets zeros there that cost neither time nor memory
//! until they are touched; the interface of allocators does not have that, so one that can says so here.

use std::alloc::{Layout, realloc};
use std::sync::OnceLock;

/// Gives a block of this layout another, larger size, and zeros in what is new; null, and the block is as it was, if there is
/// no memory.
pub type GrowZeroed = unsafe fn(*mut u8, Layout, usize) -> *mut u8;

static GROW: OnceLock<GrowZeroed> = OnceLock::new();

/// Blocks grow so from now on. The first one that is told holds.
///
/// # Safety
/// It does what [`GrowZeroed`] says, for blocks of the global allocator.
pub unsafe fn set(grow: GrowZeroed) {
    let _ = GROW.set(grow);
}
/// Gives a block a larger size, and zeros in what is new; null if there is no memory.
///
/// # Safety
/// The block has this layout, and the new size is one that a layout of its alignment may have.
pub(crate) unsafe fn grow_zeroed(p: *mut u8, layout: Layout, size: usize) -> *mut u8 {
    // SAFETY: the caller's promise; what is new in the block is inside it.
    unsafe {
        if let Some(grow) = GROW.get() {
            return grow(p, layout, size);
        }
        let p = realloc(p, layout, size);
        if !p.is_null() {
            p.add(layout.size()).write_bytes(0, size - layout.size());
        }
        p
    }
}
