//! What whoever runs a machine hangs on it for its own natives: the rest of a process.
//!
//! Journey: none of its own. Natives ask for it many times in a call, so its type is looked at without a call through a
//! table. The reader might expect `Box<dyn Any>` alone: its `downcast` costs such a call each time.

use crate::heap::look_ahead;
use std::any::{Any, TypeId};
use std::ptr::NonNull;

/// A box of some type, or nothing.
#[derive(Default)]
pub struct Attached(Option<Held>);

#[repr(C)]
struct Held {
    pointer: NonNull<()>,
    type_id: TypeId,
    // Owned: a `Box` would be borrowed anew by each use through `pointer`.
    owner: NonNull<dyn Any + Send>,
}

impl Attached {
    /// Attaches something; what was attached before is dropped.
    pub fn set(&mut self, value: Box<dyn Any + Send>) {
        self.take();
        let type_id = (*value).type_id();
        let owner = NonNull::from(Box::leak(value));
        self.0 = Some(Held { owner, pointer: owner.cast(), type_id });
    }
    /// It is looked at soon: so many lines of it are brought from memory meanwhile.
    #[inline]
    pub fn look_ahead(&self, lines: usize) {
        if let Some(held) = &self.0 {
            look_ahead(held.pointer.as_ptr(), lines);
        }
    }
    /// Takes it away.
    pub fn take(&mut self) -> Option<Box<dyn Any + Send>> {
        // SAFETY: `owner` came from a box, in `set`, and is given back once: the field is empty afterwards.
        self.0.take().map(|held| unsafe { Box::from_raw(held.owner.as_ptr()) })
    }
    /// What is attached, if it is of this type.
    #[inline(always)]
    pub fn get<T: Any>(&mut self) -> Option<&mut T> {
        match &mut self.0 {
            // SAFETY: `pointer` is that of a box whose contents are of the type that `type_id` names, which is `T`; it is
            // alive as long as it is held here, and borrowed as this is.
            Some(held) if held.type_id == TypeId::of::<T>() => Some(unsafe { held.pointer.cast().as_mut() }),
            _ => None,
        }
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

    #[test]
    fn type_and_life() {
        let counted = Arc::new(5);
        let mut a = Attached::default();
        assert!(a.get::<i32>().is_none());
        a.set(Box::new(counted.clone()));
        assert!(a.get::<i32>().is_none());
        assert_eq!(a.get::<Arc<i32>>().map(|n| **n), Some(5));
        a.set(Box::new(7u8));
        assert_eq!(Arc::strong_count(&counted), 1);
        assert_eq!(a.take().and_then(|b| b.downcast().ok()), Some(Box::new(7u8)));
        assert!(a.take().is_none());
    }
}
