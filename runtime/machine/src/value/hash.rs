//! Hashes of table keys: the same on every machine and in every run, since tables travel with their layout.
//!
//! Journey: value. There is one fixed function and no secret seed: tables, atoms and frozen processes are older than any
//! seed that two nodes could agree on. So keys can be chosen to meet in one place. A table that this happens to gets a
//! random [`HashKey`] (table.rs), which goes wherever the table goes (spec/format.md). The reader might expect
//! a key in every table; then no hash could be computed ahead, and constant names are most of what is looked up.
//!
//! Integers that lie near each other hash to places near each other, as most tables are gone through in order: blocks of
//! 1,024 lie anywhere, each in one piece. The same is so of floats with the same fraction, and of objects in the order in
//! which they got their serial numbers.
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

const WORD_FACTOR: u64 = 0xd6e8_feb8_6659_fd93;

/// The fixed hash of one word. Within 32 that lie one after the other the low bits differ as those of the words do; words
/// whose distance is a power of two differ in others, which the shift brings down.
#[inline]
pub(crate) fn hash_word(x: u64) -> u32 {
    let low = x as u32 & 0x3ff;
    mix(x >> 10, WORD_FACTOR) as u32 ^ low ^ low >> 5
}

/// The fixed hash of a float that is no integer.
fn hash_float(f: f64) -> u32 {
    let whole = f as i64;
    hash_word(whole as u64) ^ mix((f - whole as f64).to_bits() ^ K0, K1) as u32
}

/// The fixed hash of one word in tables of an earlier format.
fn earlier_hash_word(x: u64) -> u32 {
    mix(x ^ 0x9e37_79b9_7f4a_7c15, WORD_FACTOR) as u32
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
    /// Which of the kinds below.
    kind: KeyKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyKind {
    /// A table's own.
    Own,
    /// The one under which long strings of the table's heap keep their hashes.
    Kept,
    /// None: the table came from a process that was frozen when words had another fixed hash, and still lies so.
    Earlier,
}

impl HashKey {
    /// The key that a random word makes.
    pub fn new(word: u64) -> HashKey {
        HashKey { word, factor: mix(word ^ K0, K1) | 1, kind: KeyKind::Own }
    }
    /// This key, as the one under which the heap's strings keep hashes.
    pub(crate) fn kept(self) -> HashKey {
        HashKey { kind: KeyKind::Kept, ..self }
    }
    /// What says that a table lies by the fixed hashes of an earlier format.
    pub fn earlier() -> HashKey {
        HashKey { word: 0, factor: 0, kind: KeyKind::Earlier }
    }
    /// Whether it is that.
    pub fn is_earlier(self) -> bool {
        self.kind == KeyKind::Earlier
    }
    /// What it was made from.
    pub fn word(self) -> u64 {
        self.word
    }
    fn hash_word(self, x: u64) -> u32 {
        if self.is_earlier() {
            return earlier_hash_word(x);
        }
        mix(mix(x ^ self.word, self.factor) ^ self.factor, K1) as u32
    }
    /// Hash of bytes under this key.
    pub(crate) fn hash_bytes(self, bytes: &[u8]) -> u32 {
        if self.is_earlier() {
            return hash_bytes(bytes);
        }
        // Not `word ^ length`: the word would cancel itself, and who knows nothing could make a product 0.
        let start = mix(self.word ^ bytes.len() as u64, self.factor);
        mix(mix_bytes(bytes, start, self.word, self.factor) ^ self.factor, K1) as u32
    }
    /// Hash of a string under this key, which may be that of another heap.
    pub(crate) fn hash_str(self, s: &Str) -> u32 {
        if self.is_earlier() {
            return s.hash();
        }
        let is_kept = self.kind == KeyKind::Kept;
        let Some(kept) = s.kept_hash().filter(|_| is_kept) else { return self.hash_bytes(s.bytes()) };
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
            None => match word_of(key) {
                Some(word) => self.hash_word(word),
                None if self.is_earlier() => known_hash(key)?,
                None => self.hash_word(known_hash(key)?.into()),
            },
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
        tag::FLOAT => hash_float(f64::from_bits(key.bits)),
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
        let floats = [0.5, -0.1, 1e300, f64::INFINITY].map(hash_float);
        let earlier = [0, 1, -1, i64::MIN].map(|n| HashKey::earlier().hash(Value::integer(n)));
        let own_words = [0, 1, -1, i64::MIN].map(|n| own.hash(Value::integer(n)));
        assert_eq!(words, [0x0000_0000, 0x0000_0001, 0x37bf_97f3, 0xd70c_cb3f]);
        assert_eq!(floats, [0x7c04_c39a, 0x0467_675c, 0x3c34_432b, 0xe158_c161]);
        assert_eq!(earlier, [0x57d9_e055, 0xad33_e225, 0x601c_1d69, 0x1a8e_e39f].map(Some));
        assert_eq!(texts.map(hash_bytes), [0x171c_3d5e, 0x23dc_1fe9, 0x33ff_bb41, 0xddc6_075f, 0x1039_b7e3]);
        assert_eq!(own_words, [0xf67d_5dca, 0x8c33_1cc3, 0x041e_a031, 0x42ce_6c1e].map(Some));
        let own_texts = texts.map(|t| own.hash_bytes(t));
        assert_eq!(own_texts, [0xe438_11ca, 0x28c9_0323, 0xdef1_4fb0, 0x2b89_4a44, 0x1fa9_523b]);
    }
}
