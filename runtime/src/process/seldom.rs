//! What most processes do without most of the time: a word each, until it is needed.
//!
//! Journey: none of its own. There may be a million processes that wait, and each has one of these for what it does seldom.

use std::ops::Deref;

/// A value that is as new until it is changed.
#[derive(Debug)]
pub struct Seldom<T>(Option<Box<T>>);

/// A list that is mostly empty.
#[derive(Debug)]
pub struct List<T>(Seldom<Vec<T>>);

impl<T> Default for Seldom<T> {
    fn default() -> Self {
        Seldom(None)
    }
}
impl<T: Default> Seldom<T> {
    /// What it is, if it has been changed.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        self.0.as_deref()
    }
    /// As [`Seldom::get`], to be changed further.
    #[inline]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }
    /// To be changed.
    #[inline]
    pub fn change(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
    /// Takes out what it is, if it has been changed: it is as new again.
    pub fn take(&mut self) -> Option<T> {
        self.0.take().map(|b| *b)
    }
    /// It is as new again.
    pub fn clear(&mut self) {
        self.0 = None;
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        List(Seldom(None))
    }
}
impl<T> List<T> {
    /// Whether there is nothing.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.get().is_none_or(Vec::is_empty)
    }
    /// Adds something at the end.
    pub fn push(&mut self, item: T) {
        self.0.change().push(item);
    }
    /// Adds all of another list at the end, which is empty afterwards.
    #[inline]
    pub fn append(&mut self, items: &mut Vec<T>) {
        if !items.is_empty() {
            self.0.change().append(items);
        }
    }
    /// Adds something before all else.
    pub fn put_first(&mut self, items: Vec<T>) {
        if !items.is_empty() {
            self.0.change().splice(..0, items);
        }
    }
    /// Takes all out.
    pub fn take(&mut self) -> Vec<T> {
        self.0.0.take().map_or(Vec::new(), |list| *list)
    }
}
impl<T> Extend<T> for List<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}
impl<T> Deref for List<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        self.0.get().map_or(&[], |list| list)
    }
}
