//! What an allocator keeps of what was given back to it.
//!
//! Journey: prototype -> closure. To compile a large source takes lists that grow by doubling, and all that is gone once the
//! code is there to run. An allocator that keeps freed memory for a while, in case somebody asks for such blocks again, would
//! still have it when the program has made its own data; one that can let go of it says so here.

use std::sync::OnceLock;

static GIVE_BACK: OnceLock<fn()> = OnceLock::new();

/// From now on the system gets memory back so. The first one that is told holds.
pub fn set(give_back: fn()) {
    let _ = GIVE_BACK.set(give_back);
}
/// Gives the system what the allocator has and nobody uses, where that is known to be much.
pub fn give_back() {
    if let Some(give_back) = GIVE_BACK.get() {
        give_back();
    }
}
