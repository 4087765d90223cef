//! Length and traversal: the border of a list, and the entries of a table one after the other.
//!
//! Journey: value. The order is that of the parts as they lie: the array part, then the nodes. A position counts through
//! both, so that whoever goes through a table can be suspended between two entries.

use super::{Node, Table};
use crate::value::{Value, tag};

impl Table {
    /// A border (manual 3.4.7); no metamethods.
    ///
    /// Where a list has holes there are several; the one found is the reference's (`luaH_getn`), which looks around the
    /// last one found first.
    pub fn length(&self) -> i64 {
        let asize = self.asize.get();
        // SAFETY: all reads are below asize.
        let is_nil = |i: u32| unsafe { (*self.array.get().add(i as usize)).is_nil() };
        // A border in low..high, where `low` is none that is nil, and `high` is nil.
        let search = |mut low: u32, mut high: u32| {
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                if is_nil(middle - 1) {
                    high = middle;
                } else {
                    low = middle;
                }
            }
            low
        };
        let limit = self.border_hint.get().min(asize);
        if limit > 0 && is_nil(limit - 1) {
            if limit >= 2 && !is_nil(limit - 2) {
                if asize.is_power_of_two() && !(limit - 1).is_power_of_two() {
                    self.border_hint.set(limit - 1);
                }
                return limit as i64 - 1;
            }
            let border = search(0, limit);
            if asize.is_power_of_two() && border > asize / 2 {
                self.border_hint.set(border);
            }
            return border as i64;
        }
        if limit < asize {
            if is_nil(limit) {
                return limit as i64;
            }
            if limit + 1 < asize && is_nil(limit + 1) {
                // One was appended.
                self.border_hint.set(limit + 1);
                return limit as i64 + 1;
            }
            if is_nil(asize - 1) {
                let border = search(limit, asize);
                self.border_hint.set(border);
                return border as i64;
            }
        }
        let first = asize as i64 + 1;
        if self.is_unfilled() {
            self.fill();
            return self.length();
        }
        if !self.has_nodes() || self.get_integer_hashed(first).is_nil() {
            return asize as i64;
        }
        // Unbound search in the hash part.
        let mut high = (asize as i64).max(1);
        let mut low;
        loop {
            low = high;
            if high > i64::MAX / 2 {
                high = i64::MAX;
                if self.get_integer(high).is_nil() {
                    break;
                }
                return high;
            }
            high *= 2;
            if self.get_integer(high).is_nil() {
                break;
            }
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.get_integer(middle).is_nil() {
                high = middle;
            } else {
                low = middle;
            }
        }
        low
    }
    /// Position after `key` in the order of traversal, for [`Table::entry_from`]; none if the key is not in the table.
    pub(crate) fn position_after(&self, key: Value) -> Option<usize> {
        self.touch();
        if key.is_nil() {
            return Some(0);
        }
        // A float stands for no integer here: it is never what the traversal gave.
        if let Some(i) = key.as_integer()
            && i >= 1
            && i as u64 <= self.asize.get() as u64
        {
            return Some(i as usize);
        }
        let mut n = self.find_node(key);
        if n.is_null() && key.tag > 0xf && self.has_nodes() {
            // It may have been marked dead while the traversal still holds it. It stays in its chain.
            let is_dead = |n: &Node| n.key_tag as u64 == tag::DEAD_KEY && n.key_bits == key.bits;
            n = self.find_from(self.known_hash(key), is_dead);
        }
        if n.is_null() {
            return None;
        }
        // SAFETY: a found node is inside the node array.
        let index = unsafe { n.offset_from(self.nodes.get()) } as usize;
        Some(self.asize.get() as usize + index + 1)
    }
    /// Positions of a traversal: those of the array part, and the nodes.
    pub(crate) fn places(&self) -> usize {
        self.asize.get() as usize + self.node_count()
    }
    /// The first entry at or after a position, if it is among the next `most` places.
    #[inline]
    pub(crate) fn entry_within(&self, position: usize, most: usize) -> Entry {
        let asize = self.asize.get() as usize;
        let all = self.places();
        if all == 0 && self.is_unfilled() {
            self.fill();
            return self.entry_within(position, most);
        }
        let end = position.saturating_add(most).min(all);
        for i in position..end.min(asize) {
            // SAFETY: in range.
            let v = unsafe { *self.array.get().add(i) };
            if !v.is_nil() {
                return Entry::At { next: i + 1, key: Value::integer(i as i64 + 1), value: v };
            }
        }
        for i in position.max(asize)..end {
            // SAFETY: in range.
            let n = unsafe { &*self.nodes.get().add(i - asize) };
            if n.value_tag as u64 != tag::NIL {
                return Entry::At { next: i + 1, key: n.key(), value: n.value() };
            }
        }
        if end == all { Entry::End } else { Entry::Further(end) }
    }
    /// The first entry at or after a position, with the position after it.
    #[inline]
    pub(crate) fn entry_from(&self, position: usize) -> Option<(usize, Value, Value)> {
        match self.entry_within(position, usize::MAX) {
            Entry::At { next, key, value } => Some((next, key, value)),
            _ => None,
        }
    }
    /// The entry after `key` (manual 6.1, `next`): `Ok(None)` at the end, `Err` if the key is not in the table.
    #[allow(clippy::result_unit_err)]
    pub fn next(&self, key: Value) -> Result<Option<(Value, Value)>, ()> {
        let position = self.position_after(key).ok_or(())?;
        Ok(self.entry_from(position).map(|(_, k, v)| (k, v)))
    }
    /// All entries, in the order of traversal.
    pub fn entries(&self) -> impl Iterator<Item = (Value, Value)> + '_ {
        let mut position = 0;
        std::iter::from_fn(move || {
            let (next, k, v) = self.entry_from(position)?;
            position = next;
            Some((k, v))
        })
    }
}

/// What a look for the next entry of a traversal comes to.
pub(crate) enum Entry {
    /// It is there; the position after it.
    At { next: usize, key: Value, value: Value },
    /// There is none.
    End,
    /// None was found up to this position.
    Further(usize),
}
