//! The graph codec: heaps, messages and spawn snapshots as plain data.
//!
//! Journey: value -> **bytes or records** -> value of another heap. Three uses of one walk over the object graph:
//!
//! * [`freeze`] and [`thaw`]: a whole process, every table node and frame as it lies, for migration and checkpoints.
//!   Bytes, documented in spec/format.md; hostile until proven legal (legal.rs, spec/bytecode.md).
//! * [`encode_message`] and [`decode_message`]: one value, copied for another process. Bytes too, but of contents and
//!   not of layouts, and smaller. A message for a process of the same runtime may hold addresses of atoms and natives.
//! * [`Capture`] and [`Thawing`]: what a spawned process starts with. It never leaves the runtime, so it is no
//!   bytes at all but copies of the tables with object numbers instead of addresses.
//!
//! Always: no recursion on the depth of the data (worklists); nothing is allocated by a length that was not compared
//! with the bytes that are there; nothing here collects garbage, so values in Rust variables stay good.
//!
//! Not here: who sends what when (process, node, migration), and files (they are indices into a table of resources).

mod blocks;
mod freeze;
mod globals;
mod legal;
mod message;
mod numbers;
mod outside;
mod snapshot;
mod spent;
mod thaw;
pub(crate) mod wire;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use numbers::{ManyNumbers, Numbers};

pub use freeze::{Begun, FreezeError, Freezing, Owner, freezable, freeze, freeze_without_code};
pub use globals::Naming;
pub use message::{
    Arriving, Conversion, Cyclic, DecodeError, Decoding, Encoding, Matching, Message, NotSendable, Pattern,
    PortableMessage, brief_value, decode_message, decode_reason, encode_message, encode_message_within, is_shown,
    register_metatable, take_message, take_whole,
};
pub use outside::held_outside;
pub use snapshot::{Arguments, Capture, PLACEHOLDER_USED, Snapshot, Thawing, placeholder_metatable, snapshot_bytes};
pub use thaw::{ModuleSource, NoModules, ThawError, thaw, thaw_renamed, thaw_spent};

use rlua_machine::value::{Ref, Str, Userdata, Value};
use rlua_machine::vm::metamethod::{Event, name_value};
use rlua_machine::vm::native::{Native, Natives};

/// Version of the frozen form; its first byte.
pub const VERSION: u8 = 4;
/// The version before, in which words had another hash. It is read as well.
pub(crate) const EARLIER_VERSION: u8 = 3;

/// The kinds of records of a frozen process.
pub(crate) mod kind {
    pub const STRING: u8 = 0;
    pub const TABLE: u8 = 1;
    pub const CLOSURE: u8 = 2;
    pub const NATIVE_CLOSURE: u8 = 3;
    pub const USERDATA: u8 = 4;
    pub const THREAD: u8 = 5;
    pub const UPVALUE: u8 = 6;
    pub const BUFFER: u8 = 7;
    /// A table of the library that nobody has written to.
    pub const LIBRARY: u8 = 8;
    /// A string that is a word (words.rs), and was an object of the heap.
    pub const WORD: u8 = 9;
}

/// In the size of a table's hash part: its hash key follows.
pub(crate) const KEYED: u8 = 0x40;
/// In the same: it lies by the hashes of [`EARLIER_VERSION`].
pub(crate) const EARLIER: u8 = 0x80;

/// How a value is written.
pub(crate) mod code {
    pub const NIL: u8 = 0;
    pub const FALSE: u8 = 1;
    pub const TRUE: u8 = 2;
    pub const INTEGER: u8 = 3;
    pub const FLOAT: u8 = 4;
    pub const NATIVE: u8 = 5;
    pub const PID: u8 = 6;
    /// A record, by its number.
    pub const OBJECT: u8 = 7;
    /// In a node: a dead key that nothing else refers to.
    pub const DEAD: u8 = 8;
    /// In a node: a dead key whose object is a record.
    pub const DEAD_OBJECT: u8 = 9;
    /// In a node: there is no key.
    pub const EMPTY: u8 = 10;
    pub const LIGHT: u8 = 11;
    /// A string that is a word, and was an atom: no dead key can be the same object.
    pub const WORD: u8 = 12;
    /// A native function whose name is a word.
    pub const NATIVE_WORD: u8 = 13;
}

/// A native function by its name, among those that a machine knows.
pub(crate) fn find_native(natives: Natives, name: &[u8]) -> Option<&'static Native> {
    natives(std::str::from_utf8(name).ok()?)
}

/// Whether a userdata is standard input, output or error, which every process has.
pub(crate) fn is_standard_stream(u: &Userdata) -> bool {
    u.resource.get() < 3 && is_file(u)
}
/// What the metatable of a userdata calls it.
fn name_of(u: &Userdata) -> Option<Ref<Str>> {
    // SAFETY: a metatable that is set is live as long as its userdata.
    let name = unsafe { u.metatable.get().as_ref() }.map(|m| m.get(name_value(Event::Name)));
    name.and_then(Value::as_string)
}
/// Whether a userdata is a file, open or closed.
pub(crate) fn is_file(u: &Userdata) -> bool {
    name_of(u).is_some_and(|n| n.bytes() == b"FILE*")
}
/// The names of the classes of sockets.
pub(crate) const SOCKETS: [&str; 6] =
    ["tcp{master}", "tcp{client}", "tcp{server}", "udp{unconnected}", "udp{connected}", "SSL:Connection"];
/// Which class of socket a userdata is of, open or closed; none: it is no socket.
pub(crate) fn socket_name(u: &Userdata) -> Option<usize> {
    let name = name_of(u)?;
    SOCKETS.iter().position(|s| s.as_bytes() == name.bytes())
}

/// The runtimes of the processes that a frozen process, or a message in portable form, speaks of.
pub fn runtimes_in(bytes: &[u8], is_process: bool) -> Result<Vec<u128>, wire::Fault> {
    let mut reader = wire::Reader::new(bytes);
    reader.byte()?;
    for _ in 0..reader.count()? {
        if is_process {
            reader.byte()?;
        }
        reader.run(32)?;
        if is_process {
            reader.text()?;
        }
    }
    if is_process {
        for _ in 0..reader.count()? {
            reader.text()?;
        }
    }
    let mut ids = Vec::new();
    for _ in 0..reader.count()? {
        let id = u128::from_le_bytes(reader.run(16)?.try_into().expect("16 bytes"));
        reader.number()?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}
