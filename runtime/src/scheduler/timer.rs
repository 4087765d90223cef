//! Timers of waiting processes: a hierarchical wheel.
//!
//! Journey: receive with a timeout, sleep: wait -> **timer** -> signal. Pure: the time is a parameter. Setting and
//! cancelling take the same few steps however many there are, and a timer that is cancelled is gone: a receive that
//! gets its message before the timeout leaves nothing behind. (A heap, which the reader might expect, would keep or
//! search what is cancelled.)
//!
//! A level has 64 slots, each a list; a slot of one level is as long as all 64 of the level below. The slot of a
//! deadline is found by the highest bit in which it differs from the wheel's time. When that time reaches a slot of a
//! higher level, its timers move down. Always: no timer fires before its deadline; timers of one tick fire by deadline,
//! and those of one deadline in the order in which they were set.

use crate::process::core::Time;
use rlua_machine::value::Pid;

/// Nanoseconds of a tick (a power of two), the bottom level's slot: 16 us.
const TICK_BITS: u32 = 14;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// Enough for all 64 bits of a time.
const LEVELS: usize = (64 - TICK_BITS as usize).div_ceil(SLOT_BITS as usize);
const NONE: u32 = u32::MAX;

/// Names a timer, to cancel it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimerKey {
    index: u32,
    generation: u32,
}

/// A timer whose time has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Due {
    /// Whose.
    pub pid: Pid,
    /// Number of the wait that it ends.
    pub wait: u64,
}

#[derive(Clone, Copy)]
struct Entry {
    deadline: Time,
    order: u64,
    due: Due,
    generation: u32,
    /// Neighbours in the slot's list; in a free entry, `next` is the next free one.
    next: u32,
    previous: u32,
    /// Level and slot; none for a free entry.
    place: Option<(u8, u8)>,
}

/// The wheel.
pub struct Timers {
    entries: Vec<Entry>,
    free: u32,
    /// First entry of each slot.
    first: Box<[[u32; SLOTS]; LEVELS]>,
    /// Which slots have entries, a bit each.
    used: [u64; LEVELS],
    /// The tick that the wheel has come to: all earlier ones have fired.
    tick: u64,
    count: usize,
    order: u64,
    /// Generation of an entry that was never used.
    first_generation: u32,
}

impl Default for Timers {
    fn default() -> Self {
        Timers {
            entries: Vec::new(),
            free: NONE,
            first: Box::new([[NONE; SLOTS]; LEVELS]),
            used: [0; LEVELS],
            tick: 0,
            count: 0,
            order: 0,
            first_generation: 0,
        }
    }
}

impl Timers {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
    /// Number of timers.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.count
    }
    /// Sets a timer.
    pub fn insert(&mut self, deadline: Time, due: Due) -> TimerKey {
        let index = match self.free {
            NONE => {
                self.entries.push(Entry {
                    deadline,
                    order: 0,
                    due,
                    generation: self.first_generation,
                    next: NONE,
                    previous: NONE,
                    place: None,
                });
                self.entries.len() as u32 - 1
            }
            free => {
                self.free = self.entries[free as usize].next;
                free
            }
        };
        self.order += 1;
        let e = &mut self.entries[index as usize];
        (e.deadline, e.due, e.order) = (deadline, due, self.order);
        let generation = e.generation;
        self.count += 1;
        self.place(index);
        TimerKey { index, generation }
    }
    /// Cancels a timer; false if it has fired already.
    pub fn cancel(&mut self, key: TimerKey) -> bool {
        match self.entries.get(key.index as usize) {
            Some(e) if e.generation == key.generation && e.place.is_some() => {
                self.unlink(key.index);
                self.release(key.index);
                true
            }
            _ => false,
        }
    }
    /// A time at which to look again: no later than the earliest deadline, and that itself when it is near.
    pub fn next_look(&self) -> Option<Time> {
        for level in 0..LEVELS {
            if self.used[level] == 0 {
                continue;
            }
            let shift = SLOT_BITS * level as u32;
            let now = (self.tick >> shift) as usize % SLOTS;
            let ahead = self.used[level].rotate_right(now as u32).trailing_zeros();
            if level == 0 {
                let slot = (now + ahead as usize) % SLOTS;
                let mut earliest = Time::MAX;
                let mut i = self.first[0][slot];
                while i != NONE {
                    earliest = earliest.min(self.entries[i as usize].deadline);
                    i = self.entries[i as usize].next;
                }
                return Some(earliest);
            }
            let tick = ((self.tick >> shift) + u64::from(ahead)) << shift;
            return Some(tick << TICK_BITS);
        }
        None
    }
    /// Takes the timers whose time has come, in their order.
    pub fn take_due(&mut self, now: Time, due: &mut Vec<Due>) {
        let mut fired: Vec<(Time, u64, Due)> = Vec::new();
        let target = now >> TICK_BITS;
        loop {
            // All of the tick that the wheel is at that are due.
            let mut i = self.first[0][self.tick as usize % SLOTS];
            while i != NONE {
                let e = self.entries[i as usize];
                if e.deadline <= now {
                    fired.push((e.deadline, e.order, e.due));
                    self.unlink(i);
                    self.release(i);
                }
                i = e.next;
            }
            if self.tick >= target {
                break;
            }
            self.advance(target);
        }
        fired.sort_unstable_by_key(|&(deadline, order, _)| (deadline, order));
        due.extend(fired.into_iter().map(|(_, _, d)| d));
    }
    /// Moves the wheel on to the next tick that has something, or to the target.
    fn advance(&mut self, target: u64) {
        let mut next = target;
        for level in 0..LEVELS {
            let shift = SLOT_BITS * level as u32;
            let now = (self.tick >> shift) as usize % SLOTS;
            // The slot it is at was emptied when it came there (a level above), or has just been looked at.
            let used = self.used[level] & !(1 << now);
            if used != 0 {
                let ahead = used.rotate_right(now as u32).trailing_zeros();
                next = next.min(((self.tick >> shift) + u64::from(ahead)) << shift);
            }
        }
        self.tick = next.max(self.tick + 1);
        // What begins with this tick on a higher level moves down.
        for level in (1..LEVELS).rev() {
            let shift = SLOT_BITS * level as u32;
            if self.tick.trailing_zeros() >= shift {
                let slot = (self.tick >> shift) as usize % SLOTS;
                let mut i = self.first[level][slot];
                while i != NONE {
                    let next = self.entries[i as usize].next;
                    self.unlink(i);
                    self.place(i);
                    i = next;
                }
            }
        }
    }
    fn place(&mut self, index: u32) {
        let tick = (self.entries[index as usize].deadline >> TICK_BITS).max(self.tick);
        let differs = 63 - ((tick ^ self.tick) | 1).leading_zeros();
        let level = (differs / SLOT_BITS) as usize;
        let slot = (tick >> (SLOT_BITS * level as u32)) as usize % SLOTS;
        let first = self.first[level][slot];
        if first != NONE {
            self.entries[first as usize].previous = index;
        }
        let e = &mut self.entries[index as usize];
        (e.next, e.previous, e.place) = (first, NONE, Some((level as u8, slot as u8)));
        self.first[level][slot] = index;
        self.used[level] |= 1 << slot;
    }
    fn unlink(&mut self, index: u32) {
        let e = self.entries[index as usize];
        let (level, slot) = e.place.map(|(l, s)| (l as usize, s as usize)).expect("the timer is set");
        match e.previous {
            NONE => self.first[level][slot] = e.next,
            p => self.entries[p as usize].next = e.next,
        }
        if e.next != NONE {
            self.entries[e.next as usize].previous = e.previous;
        }
        if self.first[level][slot] == NONE {
            self.used[level] &= !(1 << slot);
        }
    }
    fn release(&mut self, index: u32) {
        let e = &mut self.entries[index as usize];
        e.generation = e.generation.wrapping_add(1);
        (e.place, e.next) = (None, self.free);
        self.free = index;
        self.count -= 1;
        if self.count == 0 && self.entries.len() > 1024 {
            // Room that a crowd took. Later generations are numbers that no key has.
            let last = self.entries.iter().map(|e| e.generation).max().unwrap_or(0);
            self.first_generation = last.wrapping_add(1);
            self.entries = Vec::new();
            self.free = NONE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        *state >> 11
    }
    /// Against a sorted list: deadlines near and far, cancellations, steps of time of all sizes.
    #[test]
    fn fires_what_is_due_and_nothing_else() {
        for seed in 0..200 {
            let mut s = seed;
            let mut wheel = Timers::default();
            let mut list: Vec<(Time, u64, TimerKey)> = Vec::new();
            let mut now = random(&mut s) % (1 << 50);
            let mut number = 0;
            wheel.take_due(now, &mut Vec::new());
            for _ in 0..400 {
                match random(&mut s) % 4 {
                    0 | 1 => {
                        let distance = random(&mut s) >> (random(&mut s) % 50 + 3);
                        number += 1;
                        let due = Due { pid: Pid::from_bits(1), wait: number };
                        let key = wheel.insert(now + distance, due);
                        list.push((now + distance, number, key));
                    }
                    2 if !list.is_empty() => {
                        let (_, _, key) = list.remove(random(&mut s) as usize % list.len());
                        assert!(wheel.cancel(key));
                        assert!(!wheel.cancel(key));
                    }
                    _ => {
                        now += random(&mut s) >> (random(&mut s) % 50 + 3);
                        let mut due = Vec::new();
                        wheel.take_due(now, &mut due);
                        list.sort_by_key(|&(at, n, _)| (at, n));
                        let split = list.partition_point(|&(at, _, _)| at <= now);
                        let wanted: Vec<u64> = list.drain(..split).map(|(_, n, _)| n).collect();
                        assert_eq!(due.iter().map(|d| d.wait).collect::<Vec<_>>(), wanted, "seed {seed}");
                    }
                }
                assert_eq!(wheel.len(), list.len());
                let earliest = list.iter().map(|l| l.0).min();
                assert_eq!(wheel.next_look().is_some(), earliest.is_some());
                if let (Some(look), Some(earliest)) = (wheel.next_look(), earliest) {
                    assert!(look <= earliest, "seed {seed}: look at {look}, earliest {earliest}");
                }
            }
        }
    }
    /// Looking when it says so finds the earliest in a few looks.
    #[test]
    fn looks_come_to_the_deadline() {
        let mut wheel = Timers::default();
        let deadline = 123_456_789_012_345;
        wheel.insert(deadline, Due { pid: Pid::from_bits(1), wait: 1 });
        let mut looks = 0;
        let mut due = Vec::new();
        while due.is_empty() {
            let at = wheel.next_look().expect("there is a timer");
            wheel.take_due(at, &mut due);
            looks += 1;
            assert!(looks <= LEVELS + 1);
        }
    }
}
