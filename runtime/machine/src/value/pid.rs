//! Process identifiers: what a value holds of a process, how it is compared, hashed and printed.
//!
//! Journey: value. To this crate a pid is an identity and no more: it is never followed. The identity is that of the
//! runtime in which the process was born, 128 random bits, and a serial number; it stays when the process moves. A value
//! has 64 bits, so it holds the place of the runtime in a list of all runtimes that this OS process has heard of.
//!
//! Always: hash and order go by the identity, so they are the same on every node, and a table with pids as keys keeps its
//! layout when it moves. The list only grows.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, RwLock};

/// Bits of a serial number.
const SERIAL_BITS: u32 = 44;
const SERIAL_MASK: u64 = (1 << SERIAL_BITS) - 1;
/// Runtimes of a chunk of the list, and chunks.
const CHUNK: usize = 1024;
const CHUNKS: usize = 1 << (64 - SERIAL_BITS as usize - 10);

/// A runtime that this OS process has heard of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Runtime(u32);

struct Entry {
    id: u128,
    hash: u64,
    /// The name of its node, if it is one: for people.
    name: RwLock<Option<Arc<str>>>,
}

type Chunk = Box<[OnceLock<Entry>]>;
static ENTRIES: [OnceLock<Chunk>; CHUNKS] = [const { OnceLock::new() }; CHUNKS];
static BY_ID: Mutex<Option<HashMap<u128, u32>>> = Mutex::new(None);

/// Runtimes that a thread has found last: a connection names the same few in every signal.
const FOUND: usize = 16;
thread_local! {
    static LAST_FOUND: [Cell<(u128, Option<Runtime>)>; FOUND] = const { [const { Cell::new((0, None)) }; FOUND] };
}

impl Runtime {
    /// The runtime with an identity, which is entered in the list if it is new. None: the list is full (a million).
    pub fn find(id: u128) -> Option<Runtime> {
        let place = id as usize % FOUND;
        let (last, found) = LAST_FOUND.with(|all| all[place].get());
        if last == id && found.is_some() {
            return found;
        }
        let found = Runtime::find_in_list(id);
        LAST_FOUND.with(|all| all[place].set((id, found)));
        found
    }
    fn find_in_list(id: u128) -> Option<Runtime> {
        let mut by_id = BY_ID.lock().unwrap_or_else(|e| e.into_inner());
        let by_id = by_id.get_or_insert_default();
        let next = by_id.len();
        match by_id.entry(id) {
            std::collections::hash_map::Entry::Occupied(e) => Some(Runtime(*e.get())),
            std::collections::hash_map::Entry::Vacant(e) => {
                let chunk = ENTRIES.get(next / CHUNK)?;
                let chunk = chunk.get_or_init(|| (0..CHUNK).map(|_| OnceLock::new()).collect());
                let hash = mix(id as u64 ^ mix((id >> 64) as u64));
                chunk[next % CHUNK].get_or_init(|| Entry { id, hash, name: RwLock::new(None) });
                Some(Runtime(*e.insert(next as u32)))
            }
        }
    }
    fn entry(self) -> Option<&'static Entry> {
        ENTRIES.get(self.0 as usize / CHUNK)?.get()?[self.0 as usize % CHUNK].get()
    }
    /// Its identity.
    pub fn id(self) -> u128 {
        self.entry().map_or(0, |e| e.id)
    }
    /// The name of its node, if it is known.
    pub fn name(self) -> Option<Arc<str>> {
        self.entry().and_then(|e| e.name.read().unwrap_or_else(|e| e.into_inner()).clone())
    }
    /// Names its node, from now on, in what prints its processes.
    pub fn set_name(self, name: Option<Arc<str>>) {
        if let Some(e) = self.entry() {
            *e.name.write().unwrap_or_else(|e| e.into_inner()) = name;
        }
    }
}

/// A process identifier as a value holds it: the runtime in the upper 20 bits, the serial number in the lower 44.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Pid(u64);

impl Pid {
    /// The process with a serial number, of a runtime. Numbers past the largest are cut.
    pub const fn new(runtime: Runtime, serial: u64) -> Pid {
        Pid((runtime.0 as u64) << SERIAL_BITS | serial & SERIAL_MASK)
    }
    /// A pid of a name that nobody has: no process of the runtime ever has it, and it is the same for the same name.
    pub fn absent(runtime: Runtime, name: &[u8]) -> Pid {
        let hash = name.iter().fold(0, |h, &b| mix(h ^ u64::from(b)));
        Pid::new(runtime, hash | 1 << (SERIAL_BITS - 1))
    }
    /// As [`Pid::bits`] gave it, in this OS process.
    pub const fn from_bits(bits: u64) -> Pid {
        Pid(bits)
    }
    /// The word that a value holds.
    pub const fn bits(self) -> u64 {
        self.0
    }
    /// The runtime in which it was born.
    pub const fn runtime(self) -> Runtime {
        Runtime((self.0 >> SERIAL_BITS) as u32)
    }
    /// Its serial number there.
    pub const fn serial(self) -> u64 {
        self.0 & SERIAL_MASK
    }
    /// A word that goes by the identity alone.
    pub fn hash_bits(self) -> u64 {
        self.serial() ^ self.runtime().entry().map_or(0, |e| e.hash)
    }
}

impl Ord for Runtime {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.id().cmp(&other.id())
    }
}
impl PartialOrd for Runtime {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pid {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        if self.runtime() == other.runtime() {
            return self.serial().cmp(&other.serial());
        }
        (self.runtime().id(), self.serial()).cmp(&(other.runtime().id(), other.serial()))
    }
}
impl PartialOrd for Pid {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let name = self.runtime().name();
        write!(f, "<{}.{}>", name.as_deref().unwrap_or("0"), self.serial())
    }
}

fn mix(n: u64) -> u64 {
    let wide = u128::from(n ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
    wide as u64 ^ (wide >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_decides() {
        let (a, b) = (Runtime::find(7 << 64).expect("there is room"), Runtime::find(5 << 64).expect("there is room"));
        assert_eq!(Runtime::find(7 << 64), Some(a));
        assert_ne!(a, b);
        assert_eq!((a.id(), Pid::new(a, 9).serial(), Pid::new(a, 9).runtime()), (7 << 64, 9, a));
        assert!(Pid::new(b, 2) < Pid::new(a, 1), "order goes by the identity of the runtime, not by when it was met");
        assert!(Pid::new(a, 1) < Pid::new(a, 2));
        assert_ne!(Pid::new(a, 1).hash_bits(), Pid::new(b, 1).hash_bits());
        assert_eq!(Pid::new(a, 3).to_string(), "<0.3>");
        a.set_name(Some("gaia".into()));
        assert_eq!(Pid::new(a, 3).to_string(), "<gaia.3>");
    }
}
