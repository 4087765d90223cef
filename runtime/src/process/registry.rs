//! Names of processes.
//!
//! Journey: send, by name. One table per runtime; a name belongs to one live process. Names are chosen by programs, so
//! they are hashed under a random key.

use crate::sync::{Mutex, MutexGuard};
use rlua_machine::value::Pid;
use std::collections::HashMap;
use std::sync::Arc;

/// The table.
#[derive(Default)]
pub struct Registry(Mutex<HashMap<Arc<[u8]>, Pid>>);

impl Registry {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<[u8]>, Pid>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
    /// Who has a name.
    pub fn find(&self, name: &[u8]) -> Option<Pid> {
        self.lock().get(name).copied()
    }
    /// Gives a process a name; false if it is taken.
    pub fn insert(&self, name: Arc<[u8]>, pid: Pid) -> bool {
        use std::collections::hash_map::Entry;
        match self.lock().entry(name) {
            Entry::Occupied(_) => false,
            Entry::Vacant(v) => {
                v.insert(pid);
                true
            }
        }
    }
    /// Takes a name away if this process has it; false: it has not.
    pub fn remove_of(&self, name: &[u8], pid: Pid) -> bool {
        let mut all = self.lock();
        all.get(name) == Some(&pid) && all.remove(name).is_some()
    }
    /// All names, and who has them.
    pub fn all(&self) -> Vec<(Arc<[u8]>, Pid)> {
        self.lock().iter().map(|(name, pid)| (name.clone(), *pid)).collect()
    }
    /// All names, sorted.
    pub fn names(&self) -> Vec<Arc<[u8]>> {
        let mut names: Vec<_> = self.lock().keys().cloned().collect();
        names.sort_unstable();
        names
    }
}
