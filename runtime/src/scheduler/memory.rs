//! Bytes of all processes together, and who takes most.
//!
//! Journey: none of its own. Heaps and mailboxes are counted where they grow: by the owner at the end of a slice, by the
//! sender at a delivery. The total is written when a process has grown or shrunk by a sixteenth (inbox.rs, `account`), so
//! ordinary messages never touch what all share.
//!
//! The victim, when the limit is passed, is found without visiting all processes: they are listed by the binary order
//! of their size, which changes seldom.
//!
//! Lock: taken alone.

use crate::process::slot::Slot;
use crate::sync::Mutex;
use rlua_machine::value::Pid;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

/// Of processes smaller than this there is no list.
const LISTED: usize = 8 * 1024;
/// Processes of the largest order that are compared with each other.
const COMPARED: usize = 64;

/// The book.
#[derive(Default)]
pub struct Memory {
    total: AtomicUsize,
    listed: Mutex<Listed>,
}
#[derive(Default)]
struct Listed {
    /// By order of size, the largest last.
    orders: BTreeMap<u32, BTreeMap<Pid, Weak<Slot>>>,
}

fn order(bytes: usize) -> u32 {
    if bytes < LISTED { 0 } else { usize::BITS - bytes.leading_zeros() }
}

impl Memory {
    /// Notes that a process has grown or shrunk to so many bytes; the new total.
    pub fn note(&self, slot: &Arc<Slot>, difference: isize, now: usize) -> usize {
        let before = now.wrapping_add_signed(-difference);
        let (old, new) = (order(before), order(now));
        if old != new {
            let mut l = self.listed.lock().unwrap_or_else(|e| e.into_inner());
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
        self.total.fetch_add(difference as usize, Ordering::Relaxed).wrapping_add_signed(difference)
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
