//! Maps that mostly have few keys: links and monitors.
//!
//! Journey: none of its own. Most processes have one or two of each, which lie in a list that is looked through: that takes no
//! hash, and no block of its own. A process with a million has a map.

use smallvec::SmallVec;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// Keys up to which a list is looked through.
const FEW: usize = 8;

/// A map; its keys are hashed by `H` when they are many.
#[derive(Debug)]
pub enum Few<K, V, H> {
    /// In no order.
    List(SmallVec<[(K, V); 1]>),
    /// There were more.
    #[allow(clippy::box_collection, reason = "as large as the list")]
    Map(Box<HashMap<K, V, BuildHasherDefault<H>>>),
}

impl<K, V, H> Default for Few<K, V, H> {
    fn default() -> Self {
        Few::List(SmallVec::new())
    }
}

impl<K: Copy + Eq + Hash, V, H: Hasher + Default> Few<K, V, H> {
    /// The value of a key.
    #[inline]
    pub fn get(&self, key: &K) -> Option<&V> {
        match self {
            Few::List(list) => list.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            Few::Map(map) => map.get(key),
        }
    }
    /// As [`Few::get`], to be changed.
    #[inline]
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match self {
            Few::List(list) => list.iter_mut().find(|(k, _)| k == key).map(|(_, v)| v),
            Few::Map(map) => map.get_mut(key),
        }
    }
    /// Whether there is a key.
    pub fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }
    /// Sets the value of a key; the one before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(v) = self.get_mut(&key) {
            return Some(std::mem::replace(v, value));
        }
        self.add(key, value);
        None
    }
    fn add(&mut self, key: K, value: V) {
        if let Few::List(list) = self {
            if list.len() < FEW {
                return list.push((key, value));
            }
            *self = Few::Map(Box::new(std::mem::take(list).into_iter().collect()));
        }
        if let Few::Map(map) = self {
            map.insert(key, value);
        }
    }
    /// Takes a key out; its value.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        match self {
            Few::List(list) => list.iter().position(|(k, _)| k == key).map(|i| list.swap_remove(i).1),
            Few::Map(map) => map.remove(key),
        }
    }
    /// Takes all out.
    pub fn clear(&mut self) {
        *self = Few::default();
    }
    /// All, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (list, map) = match self {
            Few::List(list) => (Some(list), None),
            Few::Map(map) => (None, Some(map)),
        };
        list.into_iter().flatten().map(|(k, v)| (k, v)).chain(map.into_iter().flat_map(|m| m.iter()))
    }
    /// The keys, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(k, _)| k)
    }
    /// Keeps those that are to be kept, and changes them.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        match self {
            Few::List(list) => list.retain(|(k, v)| keep(k, v)),
            Few::Map(map) => map.retain(keep),
        }
    }
}

impl<K: Copy + Eq + Hash, V: Default, H: Hasher + Default> Few<K, V, H> {
    /// The value of a key, which gets one if it has none.
    pub fn or_default(&mut self, key: K) -> &mut V {
        if !self.contains(&key) {
            self.add(key, V::default());
        }
        self.get_mut(&key).expect("it has one")
    }
}

impl<K: Copy + Eq + Hash, V, H: Hasher + Default> FromIterator<(K, V)> for Few<K, V, H> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(all: I) -> Self {
        let mut few = Few::default();
        all.into_iter().for_each(|(k, v)| _ = few.insert(k, v));
        few
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::DefaultHasher;

    /// A list and a map say the same, whatever is put in and taken out.
    #[test]
    fn as_a_map() {
        let mut random = 1u64;
        for most in [3, 7, 8, 9, 40] {
            let (mut few, mut map) = (Few::<u64, u64, DefaultHasher>::default(), HashMap::new());
            for n in 0..2000 {
                random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                let key = (random >> 33) % most;
                match (random >> 60) % 4 {
                    0 => assert_eq!(few.remove(&key), map.remove(&key)),
                    1 => {
                        *few.or_default(key) += n;
                        *map.entry(key).or_default() += n;
                    }
                    _ => assert_eq!(few.insert(key, n), map.insert(key, n)),
                }
                assert_eq!(few.keys().count(), map.len());
                assert_eq!(few.get(&key), map.get(&key));
                if n % 500 == 499 {
                    few.retain(|k, _| k % 3 != 0);
                    map.retain(|k, _| k % 3 != 0);
                }
            }
            let again: Few<u64, u64, DefaultHasher> = few.iter().map(|(k, v)| (*k, *v)).collect();
            assert!(again.keys().count() == map.len() && map.iter().all(|(k, v)| again.get(k) == Some(v)));
            few.clear();
            assert_eq!(few.keys().count(), 0);
        }
    }
}
