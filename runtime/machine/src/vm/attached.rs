//! What whoever runs a machine hangs on it for its own natives: the rest of a process.
//!
//! Journey: none of its own. Natives ask for it many times in a call, so its type is known by a number, which is compared in
//! one instruction. The reader might expect `Box<dyn Any>` alone: its `downcast` costs a call through a table each time.

use super::Surroundings;
use crate::heap::look_ahead;
use std::any::Any;
use std::num::NonZeroU32;
use std::ptr::NonNull;

/// What can be attached.
///
/// # Safety
/// No other type has its number.
pub unsafe trait Attachment: Any + Send {
    /// The number of this type.
    const NUMBER: NonZeroU32;
    /// Surroundings for the machine that it hangs on, which was made without.
    fn surroundings(&self) -> Option<Box<dyn Surroundings>> {
        None
    }
}

/// An [`Attachment`] of some type.
pub trait Attachable: Any + Send {
    /// The number of its type.
    fn number(&self) -> NonZeroU32;
    /// See [`Attachment::surroundings`].
    fn own_surroundings(&self) -> Option<Box<dyn Surroundings>>;
}
impl<T: Attachment> Attachable for T {
    fn number(&self) -> NonZeroU32 {
        T::NUMBER
    }
    fn own_surroundings(&self) -> Option<Box<dyn Surroundings>> {
        self.surroundings()
    }
}

/// A box of some type, or nothing.
#[derive(Default)]
#[repr(C)]
pub struct Attached {
    // Owned: a `Box` would be borrowed anew by each use through the pointer.
    owner: Option<NonNull<dyn Attachable>>,
    /// The number of its type; 0: there is nothing.
    number: u32,
}

impl Attached {
    /// Attaches something; what was attached before is dropped.
    pub fn set(&mut self, value: Box<dyn Attachable>) {
        self.take();
        self.number = (*value).number().get();
        self.owner = Some(NonNull::from(Box::leak(value)));
    }
    /// It is looked at soon: so many lines of it are brought from memory meanwhile.
    #[inline]
    pub fn look_ahead(&self, lines: usize) {
        if let Some(owner) = self.owner {
            look_ahead(owner.as_ptr().cast::<()>(), lines);
        }
    }
    /// Takes it away.
    pub fn take(&mut self) -> Option<Box<dyn Attachable>> {
        self.number = 0;
        // SAFETY: `owner` came from a box, in `set`, and is given back once: the field is empty afterwards.
        self.owner.take().map(|owner| unsafe { Box::from_raw(owner.as_ptr()) })
    }
    /// What is attached, if it is of this type.
    #[inline(always)]
    pub fn get<T: Attachment>(&mut self) -> Option<&mut T> {
        if self.number != T::NUMBER.get() {
            return None;
        }
        // SAFETY: a number that is not 0 is that of the type of what `owner` points to (`set` has it of the value itself), and
        // `T` alone has this one. It is alive as long as it is held here, and borrowed as this is.
        unsafe { self.owner.map(|owner| owner.cast().as_mut()) }
    }
    /// Surroundings for the machine, of what is attached.
    pub(super) fn surroundings(&self) -> Option<Box<dyn Surroundings>> {
        // SAFETY: it is alive as long as it is held here.
        self.owner.and_then(|owner| unsafe { owner.as_ref() }.own_surroundings())
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
        a.set(taken);
        assert_eq!(a.get::<Arc<i32>>().map(|n| **n), Some(5));
        a.set(Box::new(7u8));
        assert_eq!(Arc::strong_count(&counted), 1);
        assert!(a.get::<Arc<i32>>().is_none());
        let taken: Option<Box<dyn Any + Send>> = a.take().map(|t| t as _);
        assert_eq!(taken.and_then(|b| b.downcast().ok()), Some(Box::new(7u8)));
        assert!(a.take().is_none());
    }
}
