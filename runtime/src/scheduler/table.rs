//! Slots of live processes by pid.
//!
//! Journey: signal: **route** -> inbox. Serial numbers are divided into blocks, blocks among shards with a lock each; a
//! thread keeps the slots that it has looked up last, so that a message to a process that it knows takes no lock here.
//! What is kept may be dead: its inbox says so.
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

const SHARDS: usize = 64;
/// Serial numbers of a block.
const BLOCK: u64 = 1024;
/// Slots that a thread keeps.
const KEPT: usize = 1024;

thread_local! {
    /// Empty but on a worker's thread. Not dropped by itself, so that a look at it need not ask whether it was.
    static RECENT: RefCell<ManuallyDrop<Vec<Option<Arc<Slot>>>>> = const { RefCell::new(ManuallyDrop::new(Vec::new())) };
}

type Shard = BTreeMap<u64, Arc<Slot>>;

/// The table.
pub struct Table {
    shards: Box<[Mutex<Shard>]>,
    /// Processes that have moved here, by pid: also those that have come back.
    guests: Mutex<BTreeMap<Pid, Arc<Slot>>>,
}

impl Default for Table {
    fn default() -> Self {
        Table { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), guests: Mutex::default() }
    }
}

impl Table {
    fn shard(&self, serial: u64) -> MutexGuard<'_, Shard> {
        self.shards[(serial / BLOCK) as usize % SHARDS].lock().unwrap_or_else(|e| e.into_inner())
    }
    /// Enters a process.
    pub fn insert(&self, slot: Arc<Slot>) {
        self.shard(slot.pid.serial()).insert(slot.pid.serial(), slot);
    }
    /// Removes a process.
    pub fn remove(&self, pid: Pid) {
        self.shard(pid.serial()).remove(&pid.serial());
    }
    /// The slot of a process of this runtime, if it has not been removed.
    pub fn find(&self, pid: Pid) -> Option<Arc<Slot>> {
        self.shard(pid.serial()).get(&pid.serial()).cloned()
    }
    fn lock_guests(&self) -> MutexGuard<'_, BTreeMap<Pid, Arc<Slot>>> {
        self.guests.lock().unwrap_or_else(|e| e.into_inner())
    }
    /// Enters a process that has moved here.
    pub fn insert_guest(&self, slot: Arc<Slot>) {
        self.lock_guests().insert(slot.pid, slot);
    }
    /// Removes one; false: there is none.
    pub fn remove_guest(&self, pid: Pid) -> bool {
        self.lock_guests().remove(&pid).is_some()
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
        let next =
            (0..SHARDS as u64).filter_map(|i| self.shard(i * BLOCK).range(from..).next().map(|(&n, _)| n)).min()?;
        let end = (next / BLOCK + 1) * BLOCK;
        Some((self.shard(next).range(next..end).map(|(_, s)| s.clone()).collect(), end))
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
            all.extend(std::mem::take(&mut *shard.lock().unwrap_or_else(|e| e.into_inner())).into_values());
        }
        all
    }
}
