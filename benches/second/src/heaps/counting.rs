//! The allocator of rlua-actor, which counts bytes while it is asked to.

use crate::mimalloc::MiMalloc;
use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::Relaxed};

struct Counting;
#[global_allocator]
static ALLOCATOR: Counting = Counting;
static IS_ON: AtomicBool = AtomicBool::new(false);
static ASKED: AtomicIsize = AtomicIsize::new(0);
static GIVEN: AtomicIsize = AtomicIsize::new(0);

/// Bytes for each of `n` that `make` leaves allocated, as asked for and as given.
pub fn bytes_each<T>(n: usize, make: impl FnOnce() -> T) -> (usize, usize) {
    ASKED.store(0, Relaxed);
    GIVEN.store(0, Relaxed);
    IS_ON.store(true, Relaxed);
    let made = make();
    IS_ON.store(false, Relaxed);
    let each = |total: &AtomicIsize| (total.load(Relaxed) as f64 / n as f64).round() as usize;
    drop(made);
    (each(&ASKED), each(&GIVEN))
}

#[cold]
fn count(block: *mut u8, size: usize, sign: isize) {
    // SAFETY: the block was just given out by mimalloc, or is about to be given back.
    let given = unsafe { libmimalloc_sys::mi_usable_size(block.cast()) };
    ASKED.fetch_add(sign * size as isize, Relaxed);
    GIVEN.fetch_add(sign * given as isize, Relaxed);
}

// SAFETY: all is mimalloc's; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that mimalloc wants.
        let block = unsafe { MiMalloc.alloc(layout) };
        if IS_ON.load(Relaxed) {
            count(block, layout.size(), 1);
        }
        block
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let block = unsafe { MiMalloc.alloc_zeroed(layout) };
        if IS_ON.load(Relaxed) {
            count(block, layout.size(), 1);
        }
        block
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if IS_ON.load(Relaxed) {
            count(block, layout.size(), -1);
        }
        // SAFETY: as above.
        unsafe { MiMalloc.dealloc(block, layout) }
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if IS_ON.load(Relaxed) {
            count(block, layout.size(), -1);
        }
        // SAFETY: as above.
        let block = unsafe { MiMalloc.realloc(block, layout, size) };
        if IS_ON.load(Relaxed) {
            count(block, size, 1);
        }
        block
    }
}
