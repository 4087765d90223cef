//! mimalloc, as it is asked for blocks.
//!
//! Journey: none; below all of them. A plain `mi_malloc` aligns to 16 bytes, more than almost anything here asks for. The
//! crate `mimalloc`, which the reader might expect, asks for each alignment by name: what is no power of two in size then
//! now and then takes a way that is several times longer, and a larger block.
//!
//! Always: a block that was given out is aligned as its layout asks, however it came about; `mi_free` takes them all.

use libmimalloc_sys as mi;
use std::alloc::{GlobalAlloc, Layout};

/// Bytes to which every block of at least this size is aligned; a smaller one to 8.
const ALIGNED: usize = 16;
/// Up to which a block whose size is a power of two is aligned to its size.
const NATURAL: usize = 4096;

/// mimalloc.
pub struct MiMalloc;

#[inline]
fn is_aligned_anyway(layout: Layout) -> bool {
    let size = layout.size();
    layout.align() <= 8
        || layout.align() <= ALIGNED && size >= ALIGNED
        || size.is_power_of_two() && layout.align() <= size && size <= NATURAL
}

// SAFETY: blocks come from mimalloc, as large and as aligned as the layout asks: by its guarantee for its plain functions
// (ALIGNED), else because it is asked for. It does not unwind.
unsafe impl GlobalAlloc for MiMalloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: any size and any power of two may be asked for.
        unsafe {
            if is_aligned_anyway(layout) {
                mi::mi_malloc(layout.size()).cast()
            } else {
                mi::mi_malloc_aligned(layout.size(), layout.align()).cast()
            }
        }
    }
    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe {
            if is_aligned_anyway(layout) {
                mi::mi_zalloc(layout.size()).cast()
            } else {
                mi::mi_zalloc_aligned(layout.size(), layout.align()).cast()
            }
        }
    }
    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        // SAFETY: the caller gives back what this allocator has given out.
        unsafe { mi::mi_free(block.cast()) }
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let new = Layout::from_size_align(size, layout.align());
        // SAFETY: as above; the new block is as aligned as the old one has to be.
        unsafe {
            if new.is_ok_and(is_aligned_anyway) {
                mi::mi_realloc(block.cast(), size).cast()
            } else {
                mi::mi_realloc_aligned(block.cast(), size, layout.align()).cast()
            }
        }
    }
}

// The crate declares it only together with all else that is not for every allocator.
unsafe extern "C" {
    fn mi_collect(force: bool);
}

/// Gives the system what nobody uses. Without this mimalloc does so a second later.
pub fn give_back() {
    // SAFETY: mimalloc's function has this signature, and concerns what nobody uses.
    unsafe { mi_collect(true) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned() {
        for align in [1, 2, 4, 8, 16, 32, 64, 4096] {
            for size in (1..200).chain([256, 512, 1000, 1024, 2048, 4096, 5000, 8192, 70_000, 3_000_000]) {
                let layout = Layout::from_size_align(size, align).expect("it is one");
                // SAFETY: the layout is not empty; each block is given back once, with its layout.
                unsafe {
                    let block = MiMalloc.alloc(layout);
                    let zeroed = MiMalloc.alloc_zeroed(layout);
                    assert!(*zeroed == 0 && *zeroed.add(size - 1) == 0);
                    assert!(block.addr().is_multiple_of(align) && zeroed.addr().is_multiple_of(align), "{layout:?}");
                    *block = 7;
                    let grown = MiMalloc.realloc(block, layout, size * 3);
                    assert!(grown.addr().is_multiple_of(align) && *grown == 7, "{layout:?}");
                    MiMalloc.dealloc(zeroed, layout);
                    MiMalloc.dealloc(grown, Layout::from_size_align(size * 3, align).expect("it is one"));
                }
            }
        }
    }
}
