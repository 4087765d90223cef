//! What a heap needs seldom: made at the first use, so that most heaps do without its bytes.
//!
//! Journey: none of its own.

use std::cell::OnceCell;
use std::ops::{Deref, DerefMut};

/// A value that is made when it is first looked at.
#[derive(Default)]
pub(super) struct Seldom<T>(OnceCell<Box<T>>);

impl<T: Default> Seldom<T> {
    /// The value, if it was made.
    pub fn made(&mut self) -> Option<&mut T> {
        self.0.get_mut().map(|b| &mut **b)
    }
    /// Makes it as new.
    pub fn clear(&mut self) {
        self.0.take();
    }
    /// As [`Seldom::made`], to be looked at.
    #[inline]
    pub fn if_made(&self) -> Option<&T> {
        self.0.get().map(|made| &**made)
    }
}
impl<T: Default> Deref for Seldom<T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.0.get_or_init(Box::default)
    }
}
impl<T: Default> DerefMut for Seldom<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_init(Box::default);
        self.0.get_mut().expect("it was just made")
    }
}
