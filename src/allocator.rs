//! The allocator: mimalloc, but for large blocks, which come from the system one by one.
//!
//! Journey: none; below all of them. What takes long with a large block holds up a worker: to fill it with zeros, to copy it
//! when it grows. The system has zeros that cost nothing until they are touched, and moves pages instead of bytes;
//! mimalloc has neither, since it uses memory again before the system knows that it is free.
//!
//! What is not large comes from a reserve when the system refuses it (a limit of the shell's, say): addresses without memory
//! that are given up then. So the programs can be told, and end with an error of Lua's instead of all at once.

use crate::mimalloc::MiMalloc;
use std::alloc::{GlobalAlloc, Layout};

/// mimalloc, and the system for large blocks.
pub struct Allocator;

#[cfg(target_os = "linux")]
mod large {
    use rustix::mm::{Advice, MapFlags, MremapFlags, ProtFlags, madvise, mmap_anonymous, mremap, munmap};
    use std::alloc::Layout;
    use std::ffi::c_void;
    use std::ptr::null_mut;
    use std::sync::atomic::{AtomicPtr, Ordering};

    /// Bytes from which on a block is large. Below, mimalloc fills and copies in some milliseconds, and uses memory again
    /// that is in the processor's caches: a program that makes one long string after the other is several times faster.
    pub const LARGE: usize = 8 << 20;
    /// The largest alignment that every page has.
    const ALIGN: usize = 4096;
    /// The largest page, but for those that the system makes of many.
    pub const PAGE: usize = 64 << 10;

    #[inline]
    pub fn is_large(layout: Layout) -> bool {
        layout.size() >= LARGE && layout.align() <= ALIGN
    }
    /// A block of zeros.
    pub fn alloc(size: usize) -> *mut u8 {
        // SAFETY: a new place, where nothing is.
        match unsafe { mmap_anonymous(null_mut(), size, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) } {
            Ok(p) => advised(p, size),
            Err(_) => null_mut(),
        }
    }
    /// Addresses that are kept, or null.
    static RESERVE: AtomicPtr<u8> = AtomicPtr::new(null_mut());
    /// Enough for what all workers take before they look whether memory is low.
    const RESERVE_BYTES: usize = 64 << 20;

    /// Keeps addresses in reserve; false: the system does not have so many.
    pub fn keep_reserve() -> bool {
        // SAFETY: a new place, where nothing is.
        let kept = unsafe { mmap_anonymous(null_mut(), RESERVE_BYTES, ProtFlags::empty(), MapFlags::PRIVATE) };
        let Ok(p) = kept else { return false };
        let before = RESERVE.swap(p.cast(), Ordering::Relaxed);
        if !before.is_null() {
            // SAFETY: it was kept here, and nobody else has it any more.
            unsafe { dealloc(before, RESERVE_BYTES) };
        }
        true
    }
    /// Gives the reserve up; false: there is none.
    #[cold]
    pub fn give_up_reserve() -> bool {
        let p = RESERVE.swap(null_mut(), Ordering::Relaxed);
        if p.is_null() {
            return false;
        }
        // SAFETY: as above.
        unsafe { dealloc(p, RESERVE_BYTES) };
        rlua_runtime::reserve_is_used(keep_reserve);
        true
    }
    /// Gives a block another size.
    ///
    /// # Safety
    /// It came from here, has the size `old`, and nobody uses it at its old place afterwards.
    pub unsafe fn realloc(p: *mut u8, old: usize, new: usize) -> *mut u8 {
        // SAFETY: a mapping of its own (the caller's promise).
        match unsafe { mremap(p.cast(), old, new, MremapFlags::MAYMOVE) } {
            Ok(p) => p.cast(),
            Err(_) => null_mut(),
        }
    }
    /// Gives a block back.
    ///
    /// # Safety
    /// It came from here, has this size, and nobody uses it any more.
    pub unsafe fn dealloc(p: *mut u8, size: usize) {
        // SAFETY: a mapping of its own (the caller's promise). It cannot fail for a whole mapping; if it does, the memory is
        // lost and nothing else.
        let _ = unsafe { munmap(p.cast(), size) };
    }
    fn advised(p: *mut c_void, size: usize) -> *mut u8 {
        // SAFETY: the mapping that was just made. Advice changes nothing that can be seen, so an error is none.
        let _ = unsafe { madvise(p, size, Advice::LinuxHugepage) };
        p.cast()
    }
}

#[cfg(target_os = "linux")]
// SAFETY: which of both allocators a block is of follows from its layout, which the caller gives back; `realloc` copies what
// goes from one to the other. Pages are aligned as `is_large` asks.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is passed on.
        if large::is_large(layout) { large::alloc(layout.size()) } else { again(|| unsafe { MiMalloc.alloc(layout) }) }
    }
    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if large::is_large(layout) {
            return large::alloc(layout.size());
        }
        // SAFETY: as above.
        again(|| unsafe { MiMalloc.alloc_zeroed(layout) })
    }
    #[inline]
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        // SAFETY: the layout is that of the allocation, so the block is of the same allocator.
        unsafe { if large::is_large(layout) { large::dealloc(p, layout.size()) } else { MiMalloc.dealloc(p, layout) } }
    }
    unsafe fn realloc(&self, p: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the new size is one that a layout of this alignment may have (the caller's promise).
        let new = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: the block is of the allocator that its layout says; where the new one is another's, what both sizes have
        // in common is copied to a block that is apart, and the old one is given back.
        unsafe {
            match (large::is_large(layout), large::is_large(new)) {
                (true, true) => large::realloc(p, layout.size(), new_size),
                (false, false) => again(|| MiMalloc.realloc(p, layout, new_size)),
                _ => {
                    let to = self.alloc(new);
                    if !to.is_null() {
                        to.copy_from_nonoverlapping(p, layout.size().min(new_size));
                        self.dealloc(p, layout);
                    }
                    to
                }
            }
        }
    }
}

/// Gives a block a larger size, and zeros in what is new. Those of a large block are the system's, which cost nothing until
/// they are touched.
///
/// # Safety
/// The block is of this allocator and has this layout; the new size is one that a layout of its alignment may have.
#[cfg(target_os = "linux")]
pub unsafe fn grow_zeroed(p: *mut u8, layout: Layout, size: usize) -> *mut u8 {
    let old = layout.size();
    // SAFETY: the caller's promise; all that is written or copied is inside the blocks.
    unsafe {
        let new = Layout::from_size_align_unchecked(size, layout.align());
        match (large::is_large(layout), large::is_large(new)) {
            (false, true) => {
                let to = Allocator.alloc_zeroed(new);
                if !to.is_null() {
                    to.copy_from_nonoverlapping(p, old);
                    Allocator.dealloc(p, layout);
                }
                to
            }
            (is_large, _) => {
                let to = Allocator.realloc(p, layout, size);
                if !to.is_null() {
                    // Pages that are new are zeros; the rest of the last old one may have been used.
                    let end = if is_large { old.next_multiple_of(large::PAGE).min(size) } else { size };
                    to.add(old).write_bytes(0, end - old);
                }
                to
            }
        }
    }
}

/// Keeps a reserve, from which small blocks come when the system refuses them; and says that large blocks can grow by zeros, and
/// how the system gets memory back.
#[cfg(target_os = "linux")]
pub fn begin() {
    large::keep_reserve();
    // SAFETY: it does what is asked for, and this is the global allocator.
    unsafe { rlua_runtime::set_zeroed_growth(grow_zeroed) }
    rlua_runtime::set_give_back(crate::mimalloc::give_back);
}
/// Tries once more with the reserve, if there was no memory.
#[cfg(target_os = "linux")]
#[inline]
fn again(allocate: impl Fn() -> *mut u8) -> *mut u8 {
    let p = allocate();
    if p.is_null() && large::give_up_reserve() { allocate() } else { p }
}

/// There is no reserve here, and mimalloc's blocks have no zeros that cost nothing.
#[cfg(not(target_os = "linux"))]
pub fn begin() {
    rlua_runtime::set_give_back(crate::mimalloc::give_back);
}

#[cfg(not(target_os = "linux"))]
// SAFETY: all is mimalloc's.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is passed on, here and below.
        unsafe { MiMalloc.alloc(layout) }
    }
    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }
    #[inline]
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { MiMalloc.dealloc(p, layout) }
    }
    unsafe fn realloc(&self, p: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe { MiMalloc.realloc(p, layout, new_size) }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// A block that grows and shrinks over the border keeps its bytes, and what is asked for as zeros is zeros again after
    /// it was written.
    #[test]
    fn both_sides_of_the_border() {
        let layout = |n| Layout::from_size_align(n, 16).expect("a layout");
        let sizes = [large::LARGE - 1, large::LARGE, 3 * large::LARGE + 5, large::LARGE + 1, 100, large::LARGE * 2];
        // SAFETY: each block is used inside its size, and given back once with its layout.
        unsafe {
            let mut p = Allocator.alloc(layout(100));
            let mut size = 100;
            for i in 0..100 {
                *p.add(i) = i as u8;
            }
            for new in sizes {
                p = Allocator.realloc(p, layout(size), new);
                assert!(!p.is_null() && p.addr() % 16 == 0);
                size = new;
                assert!((0..100).all(|i| *p.add(i) == i as u8));
            }
            Allocator.dealloc(p, layout(size));
            for n in [large::LARGE - 1, large::LARGE] {
                for _ in 0..2 {
                    let p = Allocator.alloc_zeroed(layout(n));
                    assert!(std::slice::from_raw_parts(p, n).iter().all(|&b| b == 0));
                    p.write_bytes(1, n);
                    Allocator.dealloc(p, layout(n));
                }
            }
        }
    }
    /// What is new is zeros, whatever was there before.
    #[test]
    fn growth_by_zeros() {
        let layout = |n| Layout::from_size_align(n, 16).expect("a layout");
        let sizes = [100, 5000, large::LARGE + 5, large::LARGE + 3000, 3 * large::LARGE, 5 * large::LARGE + 1];
        // SAFETY: each block is used inside its size, and given back once with its layout.
        unsafe {
            // One that was larger before has something behind its end.
            let mut p = Allocator.alloc(layout(4 * large::LARGE));
            p.write_bytes(7, 4 * large::LARGE);
            p = Allocator.realloc(p, layout(4 * large::LARGE), large::LARGE + 5);
            p = grow_zeroed(p, layout(large::LARGE + 5), 2 * large::LARGE);
            assert!(std::slice::from_raw_parts(p, 2 * large::LARGE)[large::LARGE + 5..].iter().all(|&b| b == 0));
            Allocator.dealloc(p, layout(2 * large::LARGE));
            let (mut p, mut size) = (Allocator.alloc_zeroed(layout(50)), 50);
            for new in sizes {
                p.write_bytes(7, size);
                p = grow_zeroed(p, layout(size), new);
                let bytes = std::slice::from_raw_parts(p, new);
                assert!(bytes[..size].iter().all(|&b| b == 7) && bytes[size..].iter().all(|&b| b == 0));
                size = new;
            }
            Allocator.dealloc(p, layout(size));
        }
    }
    /// What the system does not have is null, and not the end of the program.
    #[test]
    fn a_refusal_is_null() {
        let layout = Layout::from_size_align(isize::MAX as usize & !15, 16).expect("a layout");
        // SAFETY: the size is not 0, and nothing is there to be used.
        assert!(unsafe { Allocator.alloc(layout) }.is_null());
    }
}
