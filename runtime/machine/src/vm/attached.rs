//! What whoever runs a machine hangs on it for its own natives: the rest of a process.
//!
//! Journey: none of its own. Natives ask for it many times in a call, so its type is known by a number, which is compared in
//! one instruction. The reader might expect `Box<dyn Any>` alone: its `downcast` costs a call through a table each time, and
//! two `TypeId`s are four words.

use crate::heap::look_ahead;
use std::any::{Any, TypeId};
use std::ptr::NonNull;

/// What can be attached.
///
/// # Safety
/// No other type has its number.
pub unsafe trait Attachment: Any + Send {
    /// The number of this type.
    const NUMBER: std::num::NonZeroU32;
}

/// A box of some type, or nothing.
#[repr(C)]
pub struct Attached {
    /// Where it is, if there is something.
    pointer: NonNull<()>,
    /// The number of its type; 0: there is nothing.
    number: u32,
    // Owned: a `Box` would be borrowed anew by each use through `pointer`.
    owner: Option<NonNull<dyn Any + Send>>,
    /// The type of what was attached last, and its number.
    last: Option<(TypeId, u32)>,
}

impl Default for Attached {
    fn default() -> Attached {
        Attached { pointer: NonNull::dangling(), number: 0, owner: None, last: None }
    }
}

impl Attached {
    /// Attaches something; what was attached before is dropped.
    pub fn set<T: Attachment>(&mut self, value: Box<T>) {
        self.last = Some((TypeId::of::<T>(), T::NUMBER.get()));
        self.put_back(value);
    }
    /// Attaches again what was taken away.
    ///
    /// # Panics
    /// If it is of another type than what was attached last.
    pub fn put_back(&mut self, value: Box<dyn Any + Send>) {
        self.take();
        match self.last {
            Some((type_id, number)) if type_id == (*value).type_id() => {
                let owner = NonNull::from(Box::leak(value));
                self.owner = Some(owner);
                self.pointer = owner.cast();
                self.number = number;
            }
            _ => panic!("nothing of this type was attached"),
        }
    }
    /// It is looked at soon: so many lines of it are brought from memory meanwhile.
    #[inline]
    pub fn look_ahead(&self, lines: usize) {
        look_ahead(self.pointer.as_ptr(), lines);
    }
    /// Takes it away.
    pub fn take(&mut self) -> Option<Box<dyn Any + Send>> {
        self.number = 0;
        // SAFETY: `owner` came from a box, in `put_back`, and is given back once: the field is empty afterwards.
        self.owner.take().map(|owner| unsafe { Box::from_raw(owner.as_ptr()) })
    }
    /// What is attached, if it is of this type.
    #[inline(always)]
    pub fn get<T: Attachment>(&mut self) -> Option<&mut T> {
        if self.number != T::NUMBER.get() {
            return None;
        }
        // SAFETY: a number that is not 0 is that of the type of what `pointer` points to (`set` has it of the type, `put_back`
        // compares the types), and `T` alone has this one. It is alive as long as it is held here, and borrowed as this is.
        Some(unsafe { self.pointer.cast().as_mut() })
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;
    use std::sync::Arc;

    // SAFETY: these three are the only ones here, and have a number each.
    unsafe impl Attachment for i32 {
        const NUMBER: NonZeroU32 = NonZeroU32::new(1).unwrap();
    }
    // SAFETY: as above.
    unsafe impl Attachment for Arc<i32> {
        const NUMBER: NonZeroU32 = NonZeroU32::new(2).unwrap();
    }
    // SAFETY: as above.
    unsafe impl Attachment for u8 {
        const NUMBER: NonZeroU32 = NonZeroU32::new(3).unwrap();
    }

    #[test]
    fn type_and_life() {
        let counted = Arc::new(5);
        let mut a = Attached::default();
        assert!(a.get::<i32>().is_none());
        a.set(Box::new(counted.clone()));
        assert!(a.get::<i32>().is_none());
        assert_eq!(a.get::<Arc<i32>>().map(|n| **n), Some(5));
        let taken = a.take().expect("something is attached");
        assert!(a.get::<Arc<i32>>().is_none());
        a.put_back(taken);
        assert_eq!(a.get::<Arc<i32>>().map(|n| **n), Some(5));
        a.set(Box::new(7u8));
        assert_eq!(Arc::strong_count(&counted), 1);
        assert_eq!(a.take().and_then(|b| b.downcast().ok()), Some(Box::new(7u8)));
        assert!(a.take().is_none());
    }
    #[test]
    #[should_panic(expected = "nothing of this type")]
    fn only_what_was_there_comes_back() {
        let mut a = Attached::default();
        a.set(Box::new(7u8));
        a.put_back(Box::new(7i32));
    }
}
