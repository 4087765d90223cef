//! Numbers of objects by their addresses.
//!
//! Journey: value -> **bytes or records**. A walk over a graph numbers what it comes to, so that what it comes to again is
//! known.

use super::blocks::Blocks;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

/// Hashes addresses, which are distinct and trusted.
#[derive(Default)]
pub struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("addresses are hashed as words")
    }
    #[inline]
    fn write_u64(&mut self, n: u64) {
        let wide = n as u128 * 0x9e37_79b9_7f4a_7c15;
        self.0 = wide as u64 ^ (wide >> 64) as u64;
    }
}

/// Numbers of objects by their addresses.
pub type Numbers = HashMap<u64, u32, BuildHasherDefault<AddressHasher>>;

/// Numbers of any amount of objects. A large table takes long to grow, in one go; so what comes when there are many goes to
/// one of many small ones.
#[derive(Default)]
pub struct ManyNumbers {
    first: Numbers,
    more: Vec<Numbers>,
}

impl ManyNumbers {
    const MANY: usize = 1 << 14;
    const SHARDS: usize = 1 << 10;

    fn shard(address: u64) -> usize {
        let wide = address as u128 * 0xd6e8_feb8_6659_fd93;
        (wide >> 64) as usize % ManyNumbers::SHARDS
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }
    /// The number of an object.
    pub fn get(&self, address: u64) -> Option<u32> {
        let of_many = || self.more.get(ManyNumbers::shard(address))?.get(&address);
        self.first.get(&address).or_else(of_many).copied()
    }
    /// Gives an object a number; `Err` is the one that it has already.
    #[inline]
    pub fn insert(&mut self, address: u64, number: u32) -> Result<(), u32> {
        if self.first.len() < ManyNumbers::MANY {
            return put(&mut self.first, address, number);
        }
        if let Some(&n) = self.first.get(&address) {
            return Err(n);
        }
        if self.more.is_empty() {
            self.more.resize_with(ManyNumbers::SHARDS, Numbers::default);
        }
        put(&mut self.more[ManyNumbers::shard(address)], address, number)
    }
}
#[inline]
fn put(numbers: &mut Numbers, address: u64, number: u32) -> Result<(), u32> {
    match numbers.entry(address) {
        Entry::Occupied(e) => Err(*e.get()),
        Entry::Vacant(e) => {
            e.insert(number);
            Ok(())
        }
    }
}

/// Objects in the order in which they were come to, and which of them one is. Of a heap of small objects a hash table of all is much
/// beside the heap itself, and each look at it leads somewhere else in memory. Here objects that lie together are together: for
/// each piece of memory with objects in it there is a row of places. All in all it takes 8 bytes for each object, and a seventh
/// of such pieces. A few objects, which may be anywhere, are in a hash table.
#[derive(Default)]
pub struct Ordered {
    order: Blocks<u64>,
    /// All, as long as they are few.
    few: Numbers,
    /// Which row is that of a piece of memory, by the piece's number.
    pieces: Numbers,
    rows: Blocks<[u32; ROW]>,
    /// The piece that was looked at last, and its row.
    last: (u64, u32),
    /// Those whose place in a row another has: objects are larger than what a place stands for, but nothing here relies on it.
    others: Numbers,
}

/// How many are few.
const FEW: usize = 1 << 12;
/// Places of a row; bytes of memory that one stands for.
const ROW: usize = 32;
const GRAIN: u64 = 32;

impl Ordered {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }
    /// The so manieth.
    #[inline]
    pub fn at(&self, number: usize) -> Option<u64> {
        self.order.get(number).copied()
    }
    #[inline]
    fn place(address: u64) -> (u64, usize) {
        let grain = address / GRAIN;
        (grain / ROW as u64, grain as usize % ROW)
    }
    /// Which of them it is.
    pub fn get(&self, address: u64) -> Option<u32> {
        if self.len() <= FEW {
            return self.few.get(&address).copied();
        }
        let (piece, place) = Ordered::place(address);
        let row = self.rows.get(*self.pieces.get(&piece)? as usize)?;
        let number = row[place].checked_sub(1)?;
        if self.at(number as usize) == Some(address) {
            return Some(number);
        }
        self.others.get(&address).copied()
    }
    /// Which of them it is, and whether it is new: then it is the last. There may be 2^32 less two.
    #[inline]
    pub fn insert(&mut self, address: u64) -> (u32, bool) {
        let next = self.order.len() as u32;
        if next as usize <= FEW {
            match self.few.entry(address) {
                Entry::Occupied(e) => return (*e.get(), false),
                Entry::Vacant(e) => _ = e.insert(next),
            }
            self.order.push(address);
            if self.len() > FEW {
                self.become_many();
            }
            return (next, true);
        }
        let new = self.put(address, next);
        if new.1 {
            self.order.push(address);
        }
        new
    }
    #[cold]
    fn become_many(&mut self) {
        self.few = Numbers::default();
        for number in 0..self.len() {
            let address = self.order.get(number).copied().expect("it is one of them");
            self.put(address, number as u32);
        }
    }
    /// Which it is, and whether it is new: then it is to be that one.
    #[inline]
    fn put(&mut self, address: u64, next: u32) -> (u32, bool) {
        let (piece, place) = Ordered::place(address);
        if self.last.0 != piece || self.rows.len() == 0 {
            self.last = (piece, self.row(piece));
        }
        let found = &mut self.rows.get_mut(self.last.1 as usize).expect("it was made")[place];
        if *found == 0 {
            *found = next + 1;
        } else {
            let number = *found - 1;
            if self.order.get(number as usize) == Some(&address) {
                return (number, false);
            }
            match self.others.entry(address) {
                Entry::Occupied(e) => return (*e.get(), false),
                Entry::Vacant(e) => _ = e.insert(next),
            }
        }
        (next, true)
    }
    #[inline(never)]
    fn row(&mut self, piece: u64) -> u32 {
        let next = self.rows.len() as u32;
        match self.pieces.entry(piece) {
            Entry::Occupied(e) => *e.get(),
            Entry::Vacant(e) => {
                e.insert(next);
                self.rows.push([0; ROW]);
                next
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_come_to_is_found_in_its_order() {
        let mut all = Ordered::default();
        assert_eq!((all.get(16), all.len()), (None, 0));
        let address = |i: u64| 0x7f00_0000_0000 + (i * 40503 % 200_003) * 48;
        for i in 0..200_003 {
            assert_eq!(all.insert(address(i)), (i as u32, true));
            assert_eq!(all.insert(address(i / 2)), ((i / 2) as u32, false));
        }
        for i in 0..200_003 {
            assert_eq!((all.at(i), all.get(address(i as u64))), (Some(address(i as u64)), Some(i as u32)));
        }
        assert_eq!((all.at(200_003), all.get(8)), (None, None));
        // More of them than there are places.
        for i in 0..1000 {
            assert_eq!(all.insert(0x8000 + i * 8), (200_003 + i as u32, true));
            assert_eq!(all.insert(0x8000 + i / 3 * 8), (200_003 + (i / 3) as u32, false));
        }
        assert!((0..1000).all(|i| all.get(0x8000 + i * 8) == Some(200_003 + i as u32)));
    }

    #[test]
    fn each_once() {
        let mut numbers = ManyNumbers::default();
        assert!(numbers.is_empty());
        let all = || (0..3 * ManyNumbers::MANY as u64).map(|i| 0x7f00_0000_0000 + i * 48);
        for (n, address) in all().enumerate() {
            assert_eq!(numbers.get(address), None);
            assert_eq!(numbers.insert(address, n as u32), Ok(()));
        }
        for (n, address) in all().enumerate() {
            assert_eq!(numbers.insert(address, 0), Err(n as u32));
            assert_eq!(numbers.get(address), Some(n as u32));
        }
    }
}
