//! What is kept for the moment at which the system refuses memory.
//!
//! Journey: value. A small object, a stack, a message that is being made: where such things find no memory, nobody can return
//! an error. An allocator that keeps a reserve goes on with that, and says so here; then every heap counts as full until
//! the reserve is whole again: it is collected at its next safepoint, and what needs more than is left gets the error
//! `not enough memory`. Without such an allocator the program ends.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

static IS_USED: AtomicBool = AtomicBool::new(false);
static REFILL: OnceLock<fn() -> bool> = OnceLock::new();

/// The reserve is being used: the system has refused memory. `refill` puts it back together; false: the system still has
/// nothing. Takes no memory.
pub fn is_used(refill: fn() -> bool) {
    // Set already, if this is not the first time.
    let _ = REFILL.set(refill);
    IS_USED.store(true, Ordering::Relaxed);
}
/// Whether memory is low.
#[inline(always)]
pub(crate) fn is_low() -> bool {
    IS_USED.load(Ordering::Relaxed)
}
/// Whether memory is low, and the reserve cannot be put back together either.
#[inline]
pub(crate) fn is_low_still() -> bool {
    is_low() && {
        refill();
        is_low()
    }
}
/// Tries to put the reserve back together.
#[cold]
pub(super) fn refill() {
    if REFILL.get().is_some_and(|refill| refill()) {
        IS_USED.store(false, Ordering::Relaxed);
    }
}
