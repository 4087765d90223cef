//! Memory that is looked at soon is brought meanwhile.
//!
//! Journey: none of its own. Of many processes that each run for a microsecond, what is waited for is memory: whoever
//! knows which comes next says so.

/// Bytes that memory brings at a time.
const LINE: usize = 64;

/// Says that this many lines of memory from an address on are looked at soon.
#[inline(always)]
pub fn look_ahead<T>(at: *const T, lines: usize) {
    #[cfg(target_arch = "x86_64")]
    for i in 0..lines {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast::<i8>().wrapping_add(i * LINE)) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (at, lines);
}
