//! Strings: immutable bytes with a header that caches the hash; a long one keeps its hash under a hash key behind them.
//!
//! Journey: value. One layout serves strings of a heap, constants of a module and atoms; the value's tag tells them
//! apart. Strings are not interned per process (the reader might expect PUC's string table): equality compares
//! addresses first, then hashes where both are known, then bytes. Literals of files and of the libraries are *atoms*,
//! made once per runtime and never freed, so that a lookup by a literal key nearly always ends at the address.
//!
//! Always: `hash` is 0 until it is computed, and never 0 afterwards; equal bytes have equal hashes on every machine
//! (tables travel with their layout).

use super::hash::hash_bytes;
use crate::heap::Header;
use std::alloc::Layout;
use std::borrow::Borrow;
use std::cell::Cell;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::{OnceLock, RwLock};

/// A string object; its bytes follow it.
#[repr(C)]
pub struct Str {
    /// `serial` is the cached hash.
    pub header: Header,
    /// Number of bytes; they follow.
    pub len: usize,
}

impl Str {
    /// The bytes.
    #[inline(always)]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `len` bytes follow every Str (alloc_size, init).
        unsafe { std::slice::from_raw_parts((self as *const Str).add(1).cast(), self.len) }
    }
    /// The hash, computed at the first use.
    #[inline(always)]
    pub fn hash(&self) -> u32 {
        let h = self.header.serial.get();
        if h != 0 { h } else { self.compute_hash() }
    }
    #[inline(never)]
    fn compute_hash(&self) -> u32 {
        let h = hash_bytes(self.bytes());
        self.header.serial.set(h);
        h
    }
    /// Whether both have the same bytes.
    pub fn equals(&self, other: &Str) -> bool {
        if std::ptr::eq(self, other) {
            return true;
        }
        if self.len != other.len {
            return false;
        }
        let (a, b) = (self.header.serial.get(), other.header.serial.get());
        if a != 0 && b != 0 && a != b {
            return false;
        }
        self.bytes() == other.bytes()
    }
    pub(crate) fn layout(len: usize) -> Layout {
        let kept = if len < KEEPS_HASH { 0 } else { kept_hash_offset(len) - len + size_of::<u32>() };
        Layout::from_size_align(size_of::<Str>() + len + kept, align_of::<Str>()).expect("a string's size fits")
    }
    /// Where the hash under the heap's hash key is kept, 0 until it is known; in long strings, which are of a heap.
    #[inline]
    pub(crate) fn kept_hash(&self) -> Option<&Cell<u32>> {
        // SAFETY: in a string of this length a word follows the bytes (layout), made 0 by `init_kept_hash` before anyone
        // sees the string. Only its heap's thread touches it: in strings outside of a heap, which threads share, nobody
        // does.
        (self.len >= KEEPS_HASH && self.header.flags.get() & SHARED == 0)
            .then(|| unsafe { &*(self as *const Str).add(1).cast::<u8>().add(kept_hash_offset(self.len)).cast() })
    }
    /// Makes the kept hash unknown.
    ///
    /// # Safety
    /// `s` has the layout of its length, and nobody else sees it yet.
    pub(crate) unsafe fn init_kept_hash(s: *mut Str) {
        // SAFETY: the caller's promise; the offset is that of the layout.
        unsafe {
            let len = (*s).len;
            if len >= KEEPS_HASH {
                s.add(1).cast::<u8>().add(kept_hash_offset(len)).cast::<u32>().write(0);
            }
        }
    }
    /// Allocates a string outside every heap, its hash computed. `owner` is the module it belongs to, or null.
    pub(crate) fn new_shared(bytes: &[u8], owner: *const ()) -> *mut Str {
        // SAFETY: the layout is not empty, and every field and byte is written before use.
        unsafe {
            let layout = Self::layout(bytes.len());
            let s = std::alloc::alloc(layout).cast::<Str>();
            if s.is_null() {
                std::alloc::handle_alloc_error(layout);
            }
            s.write(Str { header: Header::new(crate::heap::ObjectKind::String), len: bytes.len() });
            (*s).header.next.set(owner as *mut Header);
            (*s).header.flags.set(SHARED);
            Self::init_kept_hash(s);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), s.add(1).cast(), bytes.len());
            (*s).compute_hash();
            s
        }
    }
    /// Frees what `new_shared` made.
    ///
    /// # Safety
    /// Nothing refers to it any more.
    pub(crate) unsafe fn free_shared(s: *mut Str) {
        // SAFETY: `new_shared` allocated it with the layout of its length, which does not change, and nothing refers to
        // it (the caller's promise).
        unsafe { std::alloc::dealloc(s.cast(), Self::layout((*s).len)) }
    }
}

/// Bytes from which on a string keeps its hash under a hash key: shorter ones are hashed as fast as it is found.
const KEEPS_HASH: usize = 48;
/// In the flags: the string is outside of every heap.
const SHARED: u8 = 1;
/// From the bytes of a string of this length to its kept hash, which is aligned.
fn kept_hash_offset(len: usize) -> usize {
    len.next_multiple_of(align_of::<u32>())
}

/// Longest literal that becomes an atom, in bytes.
pub(crate) const MAX_ATOM_BYTES: usize = 40;
/// Atoms past which a literal stays its module's string.
const MAX_ATOMS: usize = 1 << 20;

/// An atom, which is found by its bytes.
struct AtomPointer(*mut Str);
// SAFETY: atoms are immutable after they are made (the hash is computed then) and never freed.
unsafe impl Send for AtomPointer {}
// SAFETY: as above.
unsafe impl Sync for AtomPointer {}

/// The hash that strings have anyway, spread over a word. It can be chosen, but atoms are made of the literals of files alone,
/// and who writes those has better ways to take time.
#[derive(Default)]
struct AtomHasher(u64);
impl Hasher for AtomHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.write_u32(hash_bytes(bytes));
    }
    /// A slice's length, which is part of its hash already.
    fn write_usize(&mut self, _: usize) {}
    /// The hash of bytes.
    fn write_u32(&mut self, hash: u32) {
        self.0 = (hash as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

impl Borrow<[u8]> for AtomPointer {
    fn borrow(&self) -> &[u8] {
        // SAFETY: atoms are never freed.
        unsafe { (*self.0).bytes() }
    }
}
impl Hash for AtomPointer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // SAFETY: atoms are never freed.
        state.write_u32(unsafe { (*self.0).hash() });
    }
}
impl PartialEq for AtomPointer {
    fn eq(&self, other: &Self) -> bool {
        Borrow::<[u8]>::borrow(self) == Borrow::<[u8]>::borrow(other)
    }
}
impl Eq for AtomPointer {}

type Atoms = HashSet<AtomPointer, BuildHasherDefault<AtomHasher>>;
/// Atoms that there is room for at first: those of the libraries, and of a small program.
const FIRST_ATOMS: usize = 800;

fn atoms() -> &'static RwLock<Atoms> {
    static ATOMS: OnceLock<RwLock<Atoms>> = OnceLock::new();
    ATOMS.get_or_init(|| RwLock::new(Atoms::with_capacity_and_hasher(FIRST_ATOMS, BuildHasherDefault::default())))
}

/// Atoms that a thread has found last.
const KNOWN: usize = 256;
thread_local! {
    /// By a hash that is cheap, and that may be chosen: then the table is asked.
    static KNOWN_ATOMS: [Cell<*mut Str>; KNOWN] = const { [const { Cell::new(std::ptr::null_mut()) }; KNOWN] };
}

/// The atom with these bytes, if there is one.
pub fn find_atom(bytes: &[u8]) -> Option<*mut Str> {
    if bytes.len() > MAX_ATOM_BYTES {
        return None;
    }
    let place = bytes.iter().fold(bytes.len(), |h, &b| h.wrapping_mul(31) ^ b as usize) % KNOWN;
    let known = KNOWN_ATOMS.with(|all| all[place].get());
    // SAFETY: atoms are never freed.
    if !known.is_null() && unsafe { (*known).bytes() } == bytes {
        return Some(known);
    }
    let found = atoms().read().unwrap_or_else(|e| e.into_inner()).get(bytes).map(|a| a.0);
    if let Some(atom) = found {
        KNOWN_ATOMS.with(|all| all[place].set(atom));
    }
    found
}

/// The atom with these bytes, made if need be; none if they are too long or there are too many atoms.
pub fn make_atom(bytes: &[u8]) -> Option<*mut Str> {
    if let Some(found) = find_atom(bytes) {
        return Some(found);
    }
    if bytes.len() > MAX_ATOM_BYTES {
        return None;
    }
    let mut all = atoms().write().unwrap_or_else(|e| e.into_inner());
    if let Some(found) = all.get(bytes) {
        return Some(found.0);
    }
    if all.len() >= MAX_ATOMS {
        return None;
    }
    let s = Str::new_shared(bytes, std::ptr::null());
    all.insert(AtomPointer(s));
    Some(s)
}
