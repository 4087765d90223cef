//! Bytes that are given back while they are read.
//!
//! Journey: **bytes** -> a machine that goes on. A process that comes from another node is there twice while it is thawed: as
//! bytes, and as far as it is made. Nobody needs the bytes that were read, so their memory goes back to the system piece
//! by piece, and both together take little more than the larger one.

use std::marker::PhantomData;

/// So much is read between two pieces that are given back.
const PIECE: usize = 1 << 20;
/// What is given back begins and ends at multiples of this, which no system's pages are larger than.
const ALIGN: usize = 1 << 16;

/// Bytes of which those that were read may change.
pub(super) struct Spent<'b> {
    start: *mut u8,
    len: usize,
    given: usize,
    owner: PhantomData<&'b mut [u8]>,
}

impl<'b> Spent<'b> {
    pub fn new(bytes: &'b mut [u8]) -> Spent<'b> {
        Spent { start: bytes.as_mut_ptr(), len: bytes.len(), given: 0, owner: PhantomData }
    }
    /// When so much was read, [`Spent::give_back`] is due.
    pub fn due(&self) -> usize {
        self.given + PIECE
    }
    /// All of the bytes. What was given back is not what it was.
    ///
    /// # Safety
    /// What this returns is used no more when [`Spent::give_back`] is called.
    pub unsafe fn bytes(&self) -> &'b [u8] {
        // SAFETY: the bytes are borrowed for 'b by this alone, and change only where the caller lets them.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
    /// The first `read` bytes are needed no more.
    pub fn give_back(&mut self, read: usize) {
        let address = self.start as usize;
        let from = (address + self.given).next_multiple_of(ALIGN);
        let to = (address + read.min(self.len)) / ALIGN * ALIGN;
        self.given = read;
        if from < to {
            // SAFETY: whole pages inside the bytes, which are this one's alone; nobody reads them again.
            unsafe { forget(self.start.add(from - address), to - from) }
        }
    }
}

/// # Safety
/// The bytes are the caller's, and whole pages; what they are afterwards is not said.
#[cfg(target_os = "linux")]
unsafe fn forget(start: *mut u8, len: usize) {
    // It does not matter if the system refuses.
    // SAFETY: as above; memory without a file behind it reads as zeros from then on.
    let _ = unsafe { rustix::mm::madvise(start.cast(), len, rustix::mm::Advice::LinuxDontNeed) };
}
/// # Safety
/// As on Linux. Here they stay.
#[cfg(not(target_os = "linux"))]
unsafe fn forget(_: *mut u8, _: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_stays() {
        let mut bytes: Vec<u8> = (0..5 * PIECE).map(|i| (i / 7) as u8 | 1).collect();
        let before = bytes.clone();
        let mut spent = Spent::new(&mut bytes[3..]);
        assert_eq!(spent.due(), PIECE);
        for read in [PIECE + 11, PIECE + 12, 3 * PIECE + 5] {
            spent.give_back(read);
            assert_eq!(spent.due(), read + PIECE);
            // SAFETY: it is used before the next call alone.
            assert!(unsafe { spent.bytes() }[read..] == before[3 + read..]);
        }
        if cfg!(target_os = "linux") {
            // SAFETY: nothing is given back any more.
            assert_eq!(unsafe { spent.bytes() }[2 * PIECE], 0);
        }
        spent.give_back(usize::MAX - PIECE);
    }
}
