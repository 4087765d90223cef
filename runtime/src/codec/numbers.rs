//! Numbers of objects by their addresses.
//!
//! Journey: value -> **bytes or records**. A walk over a graph numbers what it comes to, so that what it comes to again is
//! known.

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

#[cfg(test)]
mod tests {
    use super::*;

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
