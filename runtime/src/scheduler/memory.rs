//! Bytes of all processes together, and who takes most.
//!
//! Journey: none of its own. Heaps and mailboxes are counted where they grow: by the owner at the end of a slice, by the
//! sender at a delivery. The total is written when a process has grown or shrunk by a sixteenth (process/account.rs), so
//! ordinary messages never touch what all share.
//!
//! The victim, when the limit is passed, is found without visiting all processes: they are listed by the binary order
//! of their size, which changes seldom.
//!
//! Who grows is counted in its slot under the slot's lock, and told here after it: so what two tell may come in either
//! order, and the total may be below zero for a moment. The list is not told, it looks: at what the slot says when its
//! turn has come.
//!
//! Lock: before a slot's.

use crate::process::account::Grown;
use crate::process::slot::Slot;
use crate::sync::Mutex;
use rlua_machine::value::Pid;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Arc, Weak};

/// Processes of the largest order that are compared with each other.
const COMPARED: usize = 64;

/// The book.
#[derive(Default)]
pub struct Memory {
    total: AtomicIsize,
    listed: Mutex<Listed>,
}
#[derive(Default)]
struct Listed {
    /// By order of size, the largest last.
    orders: BTreeMap<u32, BTreeMap<Pid, Weak<Slot>>>,
}

impl Memory {
    /// Notes that a process has grown or shrunk by so many bytes; the new total.
    pub fn note(&self, slot: &Arc<Slot>, grown: Grown) -> usize {
        if grown.is_listed_elsewhere() {
            let mut l = self.listed.lock().unwrap_or_else(|e| e.into_inner());
            let (old, new) = slot.lock().inbox.account.list();
            if old != new {
                if let Some(members) = l.orders.get_mut(&old) {
                    members.remove(&slot.pid);
                    if members.is_empty() {
                        l.orders.remove(&old);
                    }
                }
                if new > 0 {
                    l.orders.entry(new).or_default().insert(slot.pid, Arc::downgrade(slot));
                }
            }
        }
        self.total.fetch_add(grown.by(), Ordering::Relaxed);
        self.total()
    }
    /// Bytes of all processes.
    pub fn total(&self) -> usize {
        self.total.load(Ordering::Relaxed).max(0) as usize
    }
    /// The process that takes most, or nearly so.
    pub fn largest(&self) -> Option<Arc<Slot>> {
        let l = self.listed.lock().unwrap_or_else(|e| e.into_inner());
        let (_, members) = l.orders.last_key_value()?;
        let candidates = members.values().take(COMPARED).filter_map(Weak::upgrade).collect::<Vec<_>>();
        drop(l);
        candidates.into_iter().max_by_key(|s| s.published.bytes.load(Ordering::Relaxed) + s.lock().inbox.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::slot::Instead;
    use rlua_machine::value::Runtime;

    fn slot(serial: u64) -> Arc<Slot> {
        let pid = Pid::new(Runtime::find(1).expect("there is room"), serial);
        Slot::new(pid, pid, false, Instead::Nothing)
    }

    /// One tells that it has grown, another that it has ended; the second comes first.
    #[test]
    fn what_is_told_late_is_no_limit_passed_and_nothing_stays_listed() {
        let memory = Memory::default();
        let (one, other) = (slot(1), slot(2));
        let grown = one.lock().inbox.account.note(100_000).unwrap();
        let ended = one.lock().inbox.account.close().unwrap();
        assert_eq!(memory.note(&one, ended), 0);
        let beside = other.lock().inbox.account.note(20_000).unwrap();
        assert_eq!(memory.note(&other, beside), 0);
        assert_eq!(memory.note(&one, grown), 20_000);
        assert_eq!(memory.largest().map(|s| s.pid), Some(other.pid));
        let ended = other.lock().inbox.account.close().unwrap();
        assert_eq!(memory.note(&other, ended), 0);
        assert!(memory.largest().is_none());
        assert!(memory.listed.lock().unwrap().orders.is_empty());
    }
}
