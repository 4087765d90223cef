//! Hashes of table keys: the same on every machine and in every run, since tables travel with their layout.
//!
//! Journey: value. There is one fixed function and no secret seed: tables, atoms and frozen processes are older than any
//! seed that two nodes could agree on. So keys can be chosen to meet in one place. A table that this happens to gets a
//! random [`HashKey`] (table.rs), which goes wherever the table goes (spec/format.md). The reader might expect
//! a key in every table; then no hash could be computed ahead, and constant names are most of what is looked up.
//!
//! Always: a hash follows from the value alone, and under a key from the value and the key: from all bytes of a string,
//! as strings can be chosen to have the same fixed hash.

use super::{Kind, Pid, Str, Value, number, tag};
use crate::heap::Header;

const K0: u64 = 0x2d35_8dcc_aa6c_78a5;
const K1: u64 = 0x8bb8_4b93_962e_acc9;

/// The product of two words, folded.
#[inline(always)]
fn mix(a: u64, b: u64) -> u64 {
    let wide = a as u128 * b as u128;
    wide as u64 ^ (wide >> 64) as u64
}

/// The fixed hash of one word.
pub(crate) fn hash_word(x: u64) -> u32 {
    mix(x ^ 0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93) as u32
}

/// The fixed hash of strings.
pub fn hash_bytes(bytes: &[u8]) -> u32 {
    let h = mix_bytes(bytes, K0 ^ bytes.len() as u64, K0, K1);
    ((h ^ h >> 32) as u32).max(1)
}

/// 16 bytes at a time, from a start; what is left as two words that may overlap.
#[inline(always)]
fn mix_bytes(bytes: &[u8], mut h: u64, k0: u64, k1: u64) -> u64 {
    let mut chunks = bytes.chunks_exact(16);
    for chunk in &mut chunks {
        let a = u64::from_le_bytes(chunk[..8].try_into().expect("8 bytes"));
        let b = u64::from_le_bytes(chunk[8..].try_into().expect("8 bytes"));
        h = mix(a ^ k0 ^ h, b ^ k1);
    }
    let rest = chunks.remainder();
    let (a, b) = match rest.len() {
        0 => (0, 0),
        n @ 1..=3 => (rest[0] as u64 | (rest[n / 2] as u64) << 8 | (rest[n - 1] as u64) << 16, 0),
        n @ 4..=7 => {
            let lo = u32::from_le_bytes(rest[..4].try_into().expect("4 bytes")) as u64;
            let hi = u32::from_le_bytes(rest[n - 4..].try_into().expect("4 bytes")) as u64;
            (lo | hi << 32, 0)
        }
        n => (
            u64::from_le_bytes(rest[..8].try_into().expect("8 bytes")),
            u64::from_le_bytes(rest[n - 8..].try_into().expect("8 bytes")),
        ),
    };
    mix(a ^ k1 ^ h, b ^ k0)
}

/// The random hash key of a table. Whoever chooses keys without knowing it cannot say where they will meet.
#[derive(Clone, Copy, Debug)]
pub struct HashKey {
    word: u64,
    /// Follows from `word`; odd.
    factor: u64,
    /// Long strings of the table's heap keep their hashes under this key, and under no other.
    is_kept: bool,
}

impl HashKey {
    /// The key that a random word makes.
    pub fn new(word: u64) -> HashKey {
        HashKey { word, factor: mix(word ^ K0, K1) | 1, is_kept: false }
    }
    /// This key, as the one under which the heap's strings keep hashes.
    pub(crate) fn kept(self) -> HashKey {
        HashKey { is_kept: true, ..self }
    }
    /// What it was made from.
    pub fn word(self) -> u64 {
        self.word
    }
    fn hash_word(self, x: u64) -> u32 {
        mix(mix(x ^ self.word, self.factor) ^ self.factor, K1) as u32
    }
    /// Hash of bytes under this key.
    pub(crate) fn hash_bytes(self, bytes: &[u8]) -> u32 {
        // Not `word ^ length`: the word would cancel itself, and who knows nothing could make a product 0.
        let start = mix(self.word ^ bytes.len() as u64, self.factor);
        mix(mix_bytes(bytes, start, self.word, self.factor) ^ self.factor, K1) as u32
    }
    /// Hash of a string under this key, which may be that of another heap.
    pub(crate) fn hash_str(self, s: &Str) -> u32 {
        let Some(kept) = s.kept_hash().filter(|_| self.is_kept) else { return self.hash_bytes(s.bytes()) };
        if kept.get() == 0 {
            kept.set(self.hash_bytes(s.bytes()));
        }
        kept.get()
    }
    /// Hash of a normalised key under this one; none as of [`known_hash`].
    pub(crate) fn hash(self, key: Value) -> Option<u32> {
        Some(match key.as_string() {
            Some(s) => self.hash_str(&s),
            // Few other keys have no word of their own (booleans, natives), and nobody chooses their hashes.
            None => self.hash_word(word_of(key).or_else(|| known_hash(key).map(u64::from))?),
        })
    }
}

/// A float key with an integer value counts as that integer (manual 2.1); the payload of a boolean means nothing.
#[inline]
pub(crate) fn normalize(key: Value) -> Value {
    if key.tag < tag::INT {
        return Value { tag: key.tag, bits: 0 };
    }
    if key.tag == tag::FLOAT
        && let Some(n) = number::float_to_integer(f64::from_bits(key.bits))
    {
        return Value::integer(n);
    }
    key
}

/// The word that stands for a normalised key which is neither a string nor a native nor a boolean; none for an object
/// that has no serial number yet.
#[inline]
fn word_of(key: Value) -> Option<u64> {
    match key.tag {
        tag::INT | tag::LIGHT => Some(key.bits),
        tag::PID => Some(Pid::from_bits(key.bits).hash_bits()),
        tag::FLOAT => Some(key.bits ^ 0x5555),
        _ if key.tag & tag::HEAP_BIT != 0 && !key.is_string() => {
            // SAFETY: the tag says that it is a live object of the heap, and those begin with a header.
            let serial = unsafe { (*(key.bits as *const Header)).serial.get() };
            (serial != 0).then_some(serial as u64)
        }
        _ => None,
    }
}

/// The fixed hash of a normalised key, if it is known without a heap: objects that have no serial number yet are in no
/// table.
#[inline]
pub(crate) fn known_hash(key: Value) -> Option<u32> {
    if let Some(s) = key.as_string() {
        return Some(s.hash());
    }
    Some(match key.tag {
        tag::FALSE => 1,
        tag::TRUE => 2,
        tag::NATIVE => match key.kind() {
            Kind::Native(native) => native.hash(),
            _ => return None,
        },
        _ => hash_word(word_of(key)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These stand in spec/format.md: frozen tables of other machines depend on them.
    #[test]
    fn the_fixed_hashes_stay() {
        let texts = [&b""[..], b"a", b"name", b"a longer name", b"a string of more than 16 bytes"];
        let own = HashKey::new(42);
        let words = [0, 1, -1, i64::MIN].map(|n| hash_word(n as u64));
        let own_words = [0, 1, -1, i64::MIN].map(|n| own.hash(Value::integer(n)));
        assert_eq!(words, [0x57d9_e055, 0xad33_e225, 0x601c_1d69, 0x1a8e_e39f]);
        assert_eq!(texts.map(hash_bytes), [0x171c_3d5e, 0x23dc_1fe9, 0x33ff_bb41, 0xddc6_075f, 0x1039_b7e3]);
        assert_eq!(own_words, [0xf67d_5dca, 0x8c33_1cc3, 0x041e_a031, 0x42ce_6c1e].map(Some));
        let own_texts = texts.map(|t| own.hash_bytes(t));
        assert_eq!(own_texts, [0xe438_11ca, 0x28c9_0323, 0xdef1_4fb0, 0x2b89_4a44, 0x1fa9_523b]);
    }
}
