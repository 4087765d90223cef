//! Slots of live processes by pid.
//!
//! Journey: signal: **route** -> inbox. Serial numbers are divided into blocks, blocks among shards with a lock each. A shard
//! has leaves of a few slots each, in which what is spawned one after the other costs a store. A thread keeps the slots that
//! it has looked up last, so that a message to a process that it knows takes no lock here. What is kept may be dead: its
//! inbox says so.
//!
//! Lock: a shard's, or that of the guests, taken alone.

use crate::process::inbox::RunState;
use crate::process::slot::Slot;
use crate::sync::{Mutex, MutexGuard};
use rlua_machine::value::Pid;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const SHARDS: usize = 64;
/// Serial numbers of a block.
const BLOCK: u64 = 1024;
/// Slots of a leaf. It is as large as a third of a process, if only one of them is left.
const LEAF: u64 = 64;
/// Slots that a thread keeps.
const KEPT: usize = 1024;

thread_local! {
    /// Empty but on a worker's thread. Not dropped by itself, so that a look at it need not ask whether it was.
    static RECENT: RefCell<ManuallyDrop<Vec<Option<Arc<Slot>>>>> = const { RefCell::new(ManuallyDrop::new(Vec::new())) };
}

/// Slots whose serial numbers follow each other.
struct Leaf {
    slots: [Option<Arc<Slot>>; LEAF as usize],
    /// How many there are.
    len: u32,
}
/// Leaves by their first serial number, divided by their size. Only the last may be empty: more are about to come.
#[derive(Default)]
struct Shard(BTreeMap<u64, Box<Leaf>>);

impl Shard {
    fn insert(&mut self, slot: Arc<Slot>) {
        let serial = slot.pid.serial();
        if let Some(leaf) = self.0.get_mut(&(serial / LEAF)) {
            leaf.len += leaf.slots[(serial % LEAF) as usize].replace(slot).is_none() as u32;
            return;
        }
        if let Some(last) = self.0.last_entry().filter(|e| e.get().len == 0) {
            last.remove();
        }
        let mut leaf = Box::new(Leaf { slots: [const { None }; LEAF as usize], len: 1 });
        leaf.slots[(serial % LEAF) as usize] = Some(slot);
        self.0.insert(serial / LEAF, leaf);
    }
    fn remove(&mut self, serial: u64) -> Option<Arc<Slot>> {
        let leaf = self.0.get_mut(&(serial / LEAF))?;
        let slot = leaf.slots[(serial % LEAF) as usize].take()?;
        leaf.len -= 1;
        if leaf.len == 0 && self.0.last_key_value().is_some_and(|(&last, _)| last != serial / LEAF) {
            self.0.remove(&(serial / LEAF));
        }
        Some(slot)
    }
    fn get(&self, serial: u64) -> Option<&Arc<Slot>> {
        self.0.get(&(serial / LEAF))?.slots[(serial % LEAF) as usize].as_ref()
    }
    /// The slots from a serial number on, by age.
    fn from(&self, serial: u64) -> impl Iterator<Item = &Arc<Slot>> {
        let leaves = self.0.range(serial / LEAF..).flat_map(|(_, leaf)| leaf.slots.iter().flatten());
        leaves.skip_while(move |slot| slot.pid.serial() < serial)
    }
}

/// The table.
pub struct Table {
    shards: Box<[Mutex<Shard>]>,
    /// Processes that have moved here, by pid: also those that have come back.
    guests: Mutex<BTreeMap<Pid, Arc<Slot>>>,
    /// How many there are. Who looks for one that it knows to have been there has seen it counted.
    guest_count: AtomicUsize,
}

impl Default for Table {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Table { shards, guests: Mutex::default(), guest_count: AtomicUsize::new(0) }
    }
}

impl Table {
    fn shard(&self, serial: u64) -> MutexGuard<'_, Shard> {
        self.shards[(serial / BLOCK) as usize % SHARDS].lock().unwrap_or_else(|e| e.into_inner())
    }
    /// Enters a process.
    pub fn insert(&self, slot: Arc<Slot>) {
        self.shard(slot.pid.serial()).insert(slot);
    }
    /// Removes a process.
    pub fn remove(&self, pid: Pid) {
        let removed = self.shard(pid.serial()).remove(pid.serial());
        drop(removed);
    }
    /// The slot of a process of this runtime, if it has not been removed.
    pub fn find(&self, pid: Pid) -> Option<Arc<Slot>> {
        self.shard(pid.serial()).get(pid.serial()).cloned()
    }
    fn lock_guests(&self) -> MutexGuard<'_, BTreeMap<Pid, Arc<Slot>>> {
        self.guests.lock().unwrap_or_else(|e| e.into_inner())
    }
    /// Enters a process that has moved here.
    pub fn insert_guest(&self, slot: Arc<Slot>) {
        let mut guests = self.lock_guests();
        guests.insert(slot.pid, slot);
        self.guest_count.store(guests.len(), Ordering::Relaxed);
    }
    /// Removes one; false: there is none.
    pub fn remove_guest(&self, pid: Pid) -> bool {
        if self.guest_count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut guests = self.lock_guests();
        let removed = guests.remove(&pid);
        self.guest_count.store(guests.len(), Ordering::Relaxed);
        drop(guests);
        removed.is_some()
    }
    /// The slot of a process that has moved here.
    pub fn guest(&self, pid: Pid) -> Option<Arc<Slot>> {
        self.lock_guests().get(&pid).cloned()
    }
    /// All of them, in order.
    pub fn guests(&self) -> Vec<Pid> {
        self.lock_guests().keys().copied().collect()
    }
    /// Does something with the slot of a process, which may have ended; none if there is none.
    #[inline]
    pub fn with<T>(&self, pid: Pid, f: impl FnOnce(&Arc<Slot>) -> T) -> Option<T> {
        RECENT.with_borrow_mut(|recent| {
            let Some(place) = recent.get_mut(pid.serial() as usize % KEPT) else {
                return self.find(pid).as_ref().map(f);
            };
            match place {
                Some(slot) if slot.pid == pid => Some(f(slot)),
                _ => Some(f(place.insert(self.find(pid)?))),
            }
        })
    }
    /// Does something with a slot and what is given, if this thread keeps the slot, which then need not be kept alive by what is
    /// given. `Err`: it does not keep it.
    #[inline]
    pub fn with_kept<A, T>(
        serial: u64,
        slot: *const Slot,
        given: A,
        f: impl FnOnce(&Arc<Slot>, A) -> T,
    ) -> Result<T, A> {
        RECENT.with_borrow(|recent| match recent.get(serial as usize % KEPT) {
            Some(Some(kept)) if Arc::as_ptr(kept) == slot => Ok(f(kept, given)),
            _ => Err(given),
        })
    }
    /// From now on this thread keeps slots, until it forgets them.
    pub fn remember() {
        RECENT.with_borrow_mut(|recent| recent.resize(KEPT, None));
    }
    /// Forgets what this thread keeps, before it ends.
    pub fn forget_recent() {
        drop(ManuallyDrop::into_inner(RECENT.take()));
    }
    /// Slots of the next block that has any, from a serial number on, by age; and the number to go on with.
    pub fn next_slots(&self, from: u64) -> Option<(Vec<Arc<Slot>>, u64)> {
        let first = |i| self.shard(i * BLOCK).from(from).next().map(|s| s.pid.serial());
        let next = (0..SHARDS as u64).filter_map(first).min()?;
        let end = (next / BLOCK + 1) * BLOCK;
        Some((self.shard(next).from(next).take_while(|s| s.pid.serial() < end).cloned().collect(), end))
    }
    /// The pids of [`Table::next_slots`].
    pub fn next_block(&self, from: u64) -> Option<(Vec<Pid>, u64)> {
        let (slots, end) = self.next_slots(from)?;
        // One that is known to be dead is in no list.
        let lives = |s: &&Arc<Slot>| s.lock().inbox.state() != RunState::Dead;
        let pids = slots.iter().filter(lives).map(|s| s.pid).collect();
        Some((pids, end))
    }
    /// Takes all slots out.
    pub fn drain(&self) -> Vec<Arc<Slot>> {
        let mut all = Vec::new();
        all.extend(std::mem::take(&mut *self.lock_guests()).into_values());
        for shard in &self.shards {
            let leaves = std::mem::take(&mut *shard.lock().unwrap_or_else(|e| e.into_inner())).0;
            all.extend(leaves.into_values().flat_map(|leaf| leaf.slots.into_iter().flatten()));
        }
        all
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
    fn leaves(table: &Table) -> usize {
        table.shards.iter().map(|s| s.lock().unwrap().0.len()).sum()
    }

    #[test]
    fn slots_are_found_by_age_and_leaves_go_with_the_last_of_them() {
        let table = Table::default();
        let last = 3 * BLOCK + 10;
        (1..=last).for_each(|n| table.insert(slot(n)));
        assert!((1..=last).all(|n| table.find(slot(n).pid).is_some_and(|s| s.pid.serial() == n)));
        assert!(table.find(slot(last + 1).pid).is_none());
        let kept: Vec<u64> = (1..=last).filter(|n| n % 1000 == 7 || *n == last).collect();
        (1..=last).filter(|n| !kept.contains(n)).for_each(|n| table.remove(slot(n).pid));
        let (mut from, mut seen) = (0, Vec::new());
        while let Some((slots, next)) = table.next_slots(from) {
            assert!(!slots.is_empty() && next > from);
            seen.extend(slots.iter().map(|s| s.pid.serial()));
            from = next;
        }
        assert_eq!(seen, kept);
        assert_eq!(table.next_slots(kept[0] + 1).map(|(slots, _)| slots[0].pid.serial()), Some(kept[1]));
        assert!(leaves(&table) <= kept.len() + SHARDS, "{} leaves", leaves(&table));
        kept.iter().for_each(|&n| table.remove(slot(n).pid));
        // One after the other.
        for n in last + 1..last + 100 * BLOCK {
            table.insert(slot(n));
            table.remove(slot(n).pid);
        }
        assert!(leaves(&table) <= SHARDS && table.next_slots(0).is_none());
        table.insert(slot(5));
        assert_eq!(table.drain().len(), 1);
    }
    #[test]
    fn guests_are_counted() {
        let table = Table::default();
        let guest = slot(3);
        assert!(!table.remove_guest(guest.pid));
        table.insert_guest(guest.clone());
        assert!(table.guest(guest.pid).is_some() && table.guests() == [guest.pid]);
        assert!(table.remove_guest(guest.pid) && !table.remove_guest(guest.pid));
    }
}
