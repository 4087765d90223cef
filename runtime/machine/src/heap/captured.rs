//! What is written of what a spawn snapshot has that can serve again.
//!
//! Journey: spawn -> **snapshot**. Objects that such a snapshot has are marked [`CAPTURED`], and a store into one is noted here,
//! so that the next snapshot takes what was written and nothing else. An object is noted once, as a whole, and is not marked
//! any more; a table of more than [`LARGE`] places is noted by the places that were written, and stays marked. All that is
//! for whoever keeps something here ([`Heap::keep_captured`]): without that, stores are only counted.
//!
//! Always: addresses in the notes are live; whatever is kept goes when a collection finds that objects have died, since
//! others may come to lie where they were.

use super::{CAPTURED, Header, Heap};
use std::any::Any;

/// Places past which a table's writes are noted one by one.
pub(crate) const LARGE: usize = 256;
/// In [`Written`]: all of an object.
pub const WHOLE: u32 = u32::MAX;

/// A store into an object that was captured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Written {
    /// Into what.
    pub object: *mut Header,
    /// Where in a table: a slot of the array part, or behind those a node; [`WHOLE`].
    pub place: u32,
}

/// What is kept, and what was written since.
#[derive(Default)]
pub(super) struct Captured {
    kept: Option<Box<dyn Any + Send>>,
    written: Vec<Written>,
    /// Writes that may be noted yet: past that it is cheaper to take all anew.
    room: usize,
}

impl Heap {
    /// Another number as soon as objects may have been freed.
    pub fn capture_epoch(&self) -> u32 {
        self.capture_epoch
    }
    /// How often one of the objects that were marked so was written.
    pub fn captured_writes(&self) -> u32 {
        self.captured_writes
    }
    /// Keeps something until a collection ends, or until more than so many writes have come.
    pub fn keep_captured(&mut self, kept: Box<dyn Any + Send>, room: usize) {
        *self.rest.captured = Captured { kept: Some(kept), written: Vec::new(), room };
    }
    /// What is kept, and whether something was written since.
    pub fn captured(&self) -> Option<(&(dyn Any + Send), bool)> {
        let c = self.rest.if_made()?.captured.if_made()?;
        Some((c.kept.as_deref()?, !c.written.is_empty()))
    }
    /// Takes what is kept, and what was written since.
    pub fn take_captured(&mut self) -> Option<(Box<dyn Any + Send>, Vec<Written>)> {
        let c = self.rest.made()?.captured.made()?;
        Some((c.kept.take()?, std::mem::take(&mut c.written)))
    }
    /// Objects may have been freed.
    pub(super) fn forget_captured(&mut self) {
        self.capture_epoch = self.capture_epoch.wrapping_add(1);
        if let Some(rest) = self.rest.made() {
            rest.captured.clear();
        }
    }
    /// An object that is perhaps captured is written.
    #[inline]
    pub(crate) fn written(&mut self, object: &Header) {
        if object.guard.get() & CAPTURED != 0 {
            object.guard.set(object.guard.get() & !CAPTURED);
            self.note_written(object, WHOLE);
        }
    }
    /// A place of an object that is captured is written.
    #[cold]
    #[inline(never)]
    pub(crate) fn note_written(&mut self, object: &Header, place: u32) {
        self.captured_writes = self.captured_writes.saturating_add(1);
        match self.rest.made().and_then(|r| r.captured.made()).filter(|c| c.kept.is_some()) {
            None => object.guard.set(object.guard.get() & !CAPTURED),
            Some(c) if c.room == 0 => *c = Captured::default(),
            Some(c) => {
                c.room -= 1;
                c.written.push(Written { object: std::ptr::from_ref(object).cast_mut(), place });
            }
        }
    }
}
