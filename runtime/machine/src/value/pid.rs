//! Process identifiers: what a value holds of a process, and how it prints.
//!
//! Journey: value. To this crate a pid is an identity and no more: it is compared, hashed and printed here, and never
//! followed.

use std::fmt;

/// A process identifier as a value holds it: the index of its runtime in the node's table (0 is this runtime) in the
/// upper 16 bits, its serial number there in the lower 48.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Pid(pub u64);

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "<{}.{}>", self.0 >> 48, self.0 & ((1 << 48) - 1))
    }
}
