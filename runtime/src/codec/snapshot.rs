//! What a spawned process starts with: all that its body and arguments reach, as it is at the spawn.
//!
//! Journey: spawn -> **records** -> the child's heap. A snapshot is the spawner's objects copied once more, with numbers
//! where addresses of its heap were; the child copies them again and puts its own addresses in (thaw.rs). Tables keep their nodes
//! where they lie (hashes go by value and by serial number, and serial numbers are kept), so a table of the library, in
//! which there are only atoms and natives, is a copy of memory. The reader might expect bytes: a snapshot never leaves
//! the runtime, so addresses of atoms, natives and modules may stay in it.
//!
//! What cannot be copied (a coroutine, an open file) becomes a placeholder: a userdata that names it in an error at its
//! first use. Standard streams stay, by their index.
//!
//! Most of what a process reaches, it never touches, and most of what it reaches all others that its spawner spawns reach,
//! too. So a snapshot is a [`View`] of a [`Graph`] (version.rs): below, all that the spawner's globals reach, which is taken
//! once, and of which each later spawn takes what was written since (capture.rs); above, what only this body and its
//! arguments reach. The child's tables are made of their records when they are first used (image.rs; heap/lazy.rs in the machine). What
//! that cannot be done with is copied as a whole: finalizers, weak tables, states of natives, and what has placeholders.
//!
//! Always: a value in a record whose tag has the heap's bit holds the number of a record; both copies are made in steps,
//! and what grows with them grows in small parts.

mod capture;
mod image;
mod placeholder;
mod thaw;
mod version;

pub use capture::Capture;
pub(super) use placeholder::placeholder_of;
pub use placeholder::{PLACEHOLDER_USED, placeholder_metatable};
pub use thaw::Thawing;
use version::View;

use rlua_machine::stdlib::NativeState;
use rlua_machine::value::Value;
use rlua_machine::value::hash::HashKey;
use rlua_machine::value::table::{Library, Node};
use rlua_machine::vm::load::Proto;
use rlua_machine::vm::native::Native;
use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a new process starts from.
pub struct Snapshot {
    view: Arc<View>,
    body: Value,
    arguments: Arguments,
    /// The spawner's counter of serial numbers.
    serials: u32,
}

/// Arguments of a body; most have few.
pub type Arguments = SmallVec<[Value; 3]>;

/// Bytes of all graphs of this OS process. They are outside every heap, and those of many processes at once.
static WEIGHT: AtomicUsize = AtomicUsize::new(0);
/// What one graph adds to them, as long as it is there.
#[derive(Default)]
struct Weight(AtomicUsize);
impl Weight {
    fn new(bytes: usize) -> Weight {
        let weight = Weight::default();
        weight.add(bytes);
        weight
    }
    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
        WEIGHT.fetch_add(bytes, Ordering::Relaxed);
    }
}
impl Drop for Weight {
    fn drop(&mut self) {
        WEIGHT.fetch_sub(*self.0.get_mut(), Ordering::Relaxed);
    }
}
/// Bytes that the snapshots of all spawned processes take together, beside their heaps.
pub fn snapshot_bytes() -> usize {
    WEIGHT.load(Ordering::Relaxed)
}

/// Slots and nodes that are translated in one go.
const PIECE: usize = 4096;
/// The numbers of the first records.
const GLOBALS: usize = 0;
const REGISTRY: usize = 1;

/// Records in parts: none of them is ever moved, and they can be freed part by part.
#[derive(Default)]
struct Records {
    parts: Vec<Vec<Record>>,
    len: usize,
    /// Bytes of all of them, without what is spare.
    bytes: usize,
}

impl Records {
    /// Records of a part.
    const PART: usize = 1024;

    fn push(&mut self, r: Record) {
        if self.len.is_multiple_of(Records::PART) {
            // Most snapshots have no more.
            self.parts.push(Vec::with_capacity(if self.len == 0 { 64 } else { Records::PART }));
        }
        self.len += 1;
        self.bytes += size_of::<Record>() + r.bytes_beside();
        self.parts.last_mut().expect("there is a part").push(r);
    }
    /// Gives back room that is not needed: a graph is kept for long.
    fn finish(mut self) -> Records {
        self.parts.shrink_to_fit();
        self.parts.iter_mut().for_each(Vec::shrink_to_fit);
        self
    }
    #[inline]
    fn get(&self, i: usize) -> &Record {
        &self.parts[i / Records::PART][i % Records::PART]
    }
    fn get_mut(&mut self, i: usize) -> &mut Record {
        &mut self.parts[i / Records::PART][i % Records::PART]
    }
}

/// What an object was.
#[derive(Clone)]
enum Record {
    String(Box<[u8]>),
    Table {
        serial: u32,
        /// nil or a table.
        metatable: Value,
        hash_key: Option<HashKey>,
        last_free: u32,
        border_hint: u32,
        array: Vec<Value>,
        nodes: Vec<Node>,
        /// Whether a value or key in it is a record.
        refers: bool,
    },
    /// A table of the library that nobody has written to.
    Library {
        serial: u32,
        metatable: Value,
        library: &'static Library,
    },
    Closure {
        serial: u32,
        proto: *const Proto,
        upvalues: Box<[u32]>,
    },
    NativeClosure {
        serial: u32,
        native: &'static Native,
        upvalues: Box<[Value]>,
    },
    Userdata {
        serial: u32,
        metatable: Value,
        resource: u64,
        user_value: Value,
    },
    Upvalue {
        serial: u32,
        value: Value,
    },
    Buffer(Box<NativeState>),
    /// What cannot be copied.
    Placeholder {
        serial: u32,
        what: &'static [u8],
    },
}

// SAFETY: a record is immutable, and what it points to is atoms and natives (immutable and never freed) and prototypes and
// strings of the modules that its graph keeps, which are immutable.
unsafe impl Send for Record {}
// SAFETY: as above; there is no cell in a record (`NativeState` is plain data).
unsafe impl Sync for Record {}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({} objects)", self.objects())
    }
}

impl Record {
    fn bytes(&self) -> usize {
        size_of::<Record>() + self.bytes_beside()
    }
    /// Bytes of what it owns.
    fn bytes_beside(&self) -> usize {
        match self {
            Record::String(bytes) => bytes.len(),
            Record::Table { array, nodes, .. } => Record::bytes_of_slots(array.len(), nodes.len()),
            Record::Closure { upvalues, .. } => size_of_val(&**upvalues),
            Record::NativeClosure { upvalues, .. } => size_of_val(&**upvalues),
            _ => 0,
        }
    }
    fn bytes_of_slots(slots: usize, nodes: usize) -> usize {
        slots * size_of::<Value>() + nodes * size_of::<Node>()
    }
    /// What it takes, in values or so.
    fn size(&self) -> usize {
        match self {
            Record::String(bytes) => 1 + bytes.len() / 64,
            Record::Table { array, nodes, .. } => 2 + (array.len() + nodes.len()) / 4,
            Record::Closure { upvalues, .. } => 1 + upvalues.len(),
            Record::NativeClosure { upvalues, .. } => 1 + upvalues.len(),
            _ => 1,
        }
    }
}

impl Snapshot {
    /// How many objects it has.
    pub fn objects(&self) -> usize {
        self.view.objects()
    }
}
