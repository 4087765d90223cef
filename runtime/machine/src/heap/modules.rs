//! The modules whose code or constants a heap may hold.
//!
//! Journey: prototype -> closure, and its end. A module lies outside every heap and is shared, so what a collection has
//! reached of them is noted here. A program that keeps what `load` gives has as many as it likes, so each is found by its
//! address.

use super::seldom::Seldom;
use crate::vm::load::Module;
use std::collections::HashMap;
use std::sync::Arc;

/// Modules up to which a search through the list is fastest.
const FEW: usize = 8;

/// See the module's header.
pub(super) struct Modules {
    list: Vec<Arc<Module>>,
    /// By place in `list`: reached in this collection, or kept since it began.
    seen: Vec<bool>,
    /// Places by address, once there are more than a few.
    places: Seldom<HashMap<*const Module, u32>>,
    /// What was marked last.
    last: *const Module,
}

impl Modules {
    pub fn new() -> Modules {
        Modules { list: Vec::new(), seen: Vec::new(), places: Seldom::default(), last: std::ptr::null() }
    }
    pub fn list(&self) -> &[Arc<Module>] {
        &self.list
    }
    #[inline]
    fn place(&self, module: *const Module) -> Option<usize> {
        if self.list.len() <= FEW {
            return self.list.iter().position(|m| Arc::as_ptr(m) == module);
        }
        self.places.get(&module).map(|&i| i as usize)
    }
    pub fn find(&self, module: *const Module) -> Option<&Arc<Module>> {
        self.place(module).map(|i| &self.list[i])
    }
    pub fn keep(&mut self, module: &Arc<Module>) {
        let address = Arc::as_ptr(module);
        if let Some(i) = self.place(address) {
            self.seen[i] = true;
            return;
        }
        self.list.push(module.clone());
        self.seen.push(true);
        if self.list.len() > FEW + 1 {
            self.places.insert(address, self.list.len() as u32 - 1);
        } else if self.list.len() == FEW + 1 {
            self.note_places();
        }
    }
    /// A collection begins.
    pub fn begin(&mut self) {
        self.seen.fill(false);
        self.last = std::ptr::null();
    }
    /// Something of a module is reached.
    #[inline]
    pub fn mark(&mut self, module: *const Module) {
        if self.last != module {
            self.last = module;
            if let Some(i) = self.place(module) {
                self.seen[i] = true;
            }
        }
    }
    /// Lets go of modules that nothing has reached.
    pub fn drop_unseen(&mut self) {
        let mut seen = self.seen.iter();
        self.list.retain(|_| *seen.next().expect("there is one for each"));
        if self.list.len() == self.seen.len() {
            return;
        }
        self.seen.clear();
        self.seen.resize(self.list.len(), true);
        self.note_places();
    }
    fn note_places(&mut self) {
        self.places.clear();
        if self.list.len() > FEW {
            *self.places = self.list.iter().enumerate().map(|(i, m)| (Arc::as_ptr(m), i as u32)).collect();
        }
    }
}
