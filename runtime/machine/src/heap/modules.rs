//! The modules whose code or constants a heap may hold.
//!
//! Journey: prototype -> closure, and its end. A module lies outside every heap and is shared, so what a collection has
//! reached of them is noted here. A program that keeps what `load` gives has as many as it likes, so each is found by its
//! address.

use super::seldom::Seldom;
use crate::vm::load::Module;
use foldhash::fast::RandomState;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;

/// Modules up to which a search through the list is fastest.
const FEW: usize = 8;

/// See the module's header.
pub(super) struct Modules {
    /// Most heaps keep one.
    list: SmallVec<[Arc<Module>; 1]>,
    rest: Seldom<Rest>,
    /// While a collection goes on.
    marking: Option<Box<Marking>>,
}

/// What most heaps do without.
#[derive(Default)]
struct Rest {
    /// Places by address, once there are more than a few.
    places: HashMap<*const Module, u32, RandomState>,
    /// Bytes of those that this heap has loaded itself, which count as its own. What it shares with others from the
    /// beginning, or was sent, counts nowhere.
    loaded: HashMap<*const Module, usize, RandomState>,
}

/// What a collection has seen.
struct Marking {
    /// By place in the list: reached in this collection, or kept since it began.
    seen: Vec<bool>,
    /// What was marked last.
    last: *const Module,
}

impl Modules {
    pub fn new() -> Modules {
        Modules { list: SmallVec::new(), rest: Seldom::default(), marking: None }
    }
    pub fn list(&self) -> &[Arc<Module>] {
        &self.list
    }
    #[inline]
    fn place(&self, module: *const Module) -> Option<usize> {
        if self.list.len() <= FEW {
            return self.list.iter().position(|m| Arc::as_ptr(m) == module);
        }
        self.rest.places.get(&module).map(|&i| i as usize)
    }
    pub fn find(&self, module: *const Module) -> Option<&Arc<Module>> {
        self.place(module).map(|i| &self.list[i])
    }
    pub fn keep(&mut self, module: &Arc<Module>) {
        let address = Arc::as_ptr(module);
        if let Some(i) = self.place(address) {
            if let Some(marking) = &mut self.marking {
                marking.seen[i] = true;
            }
            return;
        }
        self.list.push(module.clone());
        if let Some(marking) = &mut self.marking {
            marking.seen.push(true);
        }
        if self.list.len() > FEW + 1 {
            self.rest.places.insert(address, self.list.len() as u32 - 1);
        } else if self.list.len() == FEW + 1 {
            self.note_places();
        }
    }
    /// A module that it keeps counts as loaded by this heap; its bytes, if it has not counted so far.
    pub fn count(&mut self, module: &Module) -> usize {
        let bytes = module.bytes();
        let before = self.rest.loaded.insert(std::ptr::from_ref(module), bytes);
        if before.is_none() { bytes } else { 0 }
    }
    /// A collection begins.
    pub fn begin(&mut self) {
        self.marking = Some(Box::new(Marking { seen: vec![false; self.list.len()], last: std::ptr::null() }));
    }
    /// Something of a module is reached.
    #[inline]
    pub fn mark(&mut self, module: *const Module) {
        if self.marking.as_ref().is_some_and(|m| m.last != module) {
            self.mark_another(module);
        }
    }
    fn mark_another(&mut self, module: *const Module) {
        let place = self.place(module);
        if let Some(marking) = &mut self.marking {
            marking.last = module;
            if let Some(i) = place {
                marking.seen[i] = true;
            }
        }
    }
    /// Lets go of modules that nothing has reached: marking is over. How many bytes those had that have counted.
    pub fn drop_unseen(&mut self) -> usize {
        let Some(marking) = self.marking.take() else { return 0 };
        let before = self.list.len();
        let mut seen = marking.seen.iter();
        let mut loaded = self.rest.made().map(|r| &mut r.loaded).filter(|l| !l.is_empty());
        let mut bytes = 0;
        self.list.retain(|m| {
            let keep = *seen.next().expect("there is one for each");
            if !keep && let Some(loaded) = &mut loaded {
                bytes += loaded.remove(&Arc::as_ptr(m)).unwrap_or(0);
            }
            keep
        });
        if self.list.len() < before {
            self.note_places();
        }
        bytes
    }
    fn note_places(&mut self) {
        if self.list.len() > FEW {
            self.rest.places = self.list.iter().enumerate().map(|(i, m)| (Arc::as_ptr(m), i as u32)).collect();
        } else if let Some(rest) = self.rest.made() {
            rest.places.clear();
            if rest.loaded.is_empty() {
                self.rest.clear();
            }
        }
    }
}
