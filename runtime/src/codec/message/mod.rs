//! One value, copied for another process (spec/processes.md).
//!
//! Journey: send -> **encode** -> mailbox -> receive -> **decode**. nil, booleans, numbers, pids, natives, atoms and short
//! strings are the message themselves. All else is bytes: the graph in the order in which a reader builds it, containers
//! before their contents, a number for what comes a second time. Runs of integers and of floats have one code for all.
//! spec/format.md has the bytes.
//!
//! A message for a process of the same runtime names atoms and natives by address, and holds the nodes of most tables as they
//! lie: what has a place by its value has the same one in any heap. In the portable form ([`Message::to_portable`]), which
//! is made from the other one without a machine, atoms have their bytes, natives their names, pids their places in a list,
//! and tables are written by content. [`Message::from_portable`] is the only way in for bytes from outside; their
//! decoding takes no address and believes no size.
//!
//! Here: the form that a message has on its way, and the classes; encode.rs and decode.rs make and read it, portable.rs
//! is the way out and arriving.rs the way in, brief.rs shows the beginning to people, pattern.rs compares bytes with what is waited for.
//!
//! Always: bounded by worklists, not by the Rust stack; what is large is done in steps; the first eight objects are found by
//! looking, more by hashing.

mod arriving;
mod brief;
mod decode;
mod encode;
mod pattern;
mod portable;
mod run;

pub use arriving::Arriving;
pub use brief::{brief_value, is_shown};
pub use decode::{Decoding, decode_message, decode_reason, take_message, take_whole};
pub(in crate::codec) use encode::write_key;
pub use encode::{Encoding, encode_message, encode_message_within};
pub use pattern::{Cyclic, Matching, Pattern};
pub use portable::{Conversion, PortableMessage};

use super::wire::{Fault, Reader, Write};
use rlua_machine::heap::look_ahead;
use rlua_machine::value::hash::HashKey;
use rlua_machine::value::string::make_atom;
use rlua_machine::value::table::Loose;
use rlua_machine::value::{Pid, Ref, Table, Value, tag};
use rlua_machine::vm::Vm;
use rlua_machine::vm::load::Module;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Codes that only messages have; the others are [`code`]'s.
mod more {
    pub const STRING: u8 = 11;
    /// A string that is numbered, so that it comes once.
    pub const LONG_STRING: u8 = 12;
    pub const TABLE: u8 = 13;
    /// A table with a registered metatable; its name comes first.
    pub const CLASS: u8 = 14;
    pub const CLOSURE: u8 = 15;
    pub const NATIVE_CLOSURE: u8 = 16;
    /// A variable of a function.
    pub const CELL: u8 = 17;
    /// As a variable's value: the receiver's table of globals.
    pub const GLOBALS: u8 = 18;
    /// As an upvalue of a native: its state.
    pub const BUFFER: u8 = 19;
    /// The address of an atom.
    pub const ATOM: u8 = 20;
    /// The address of a native.
    pub const NATIVE_ADDRESS: u8 = 21;
    /// A standard stream, by its index.
    pub const STREAM: u8 = 22;
    /// A table whose nodes follow as they lie.
    pub const LAYOUT: u8 = 23;
    /// Among items: integers, all of one width.
    pub const INTEGERS: u8 = 24;
    /// Among items: floats.
    pub const FLOATS: u8 = 25;
    /// Among items: values as they lie, none of which is an object of a heap.
    pub const PLAIN: u8 = 26;
    /// What the system tells.
    pub const SYSTEM: u8 = 27;
}

/// Tags of values that are the same in every heap of a runtime.
const PLAIN_TAGS: u64 = 1 << tag::NIL
    | 1 << tag::FALSE
    | 1 << tag::TRUE
    | 1 << tag::INT
    | 1 << tag::FLOAT
    | 1 << tag::NATIVE
    | 1 << tag::PID
    | 1 << tag::ATOM;
#[inline(always)]
fn is_plain(t: u64) -> bool {
    t < 64 && PLAIN_TAGS >> t & 1 != 0
}

/// In the size of nodes that lie as they lay: they do so by a hash key, which follows.
const LAID_BY_KEY: u8 = 0x80;

/// What stands before nodes that lie as they lay: how many they are, from where on all are taken, by what key they lie.
struct NodesHead {
    count: usize,
    last_free: u32,
    hash_key: Option<HashKey>,
}

impl NodesHead {
    fn of(t: &Table) -> NodesHead {
        NodesHead { count: t.node_count(), last_free: t.last_free(), hash_key: t.hash_key() }
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.byte(encode::bits_of(self.count) | if self.hash_key.is_some() { LAID_BY_KEY } else { 0 });
        out.number(self.last_free as u64);
        if let Some(own) = self.hash_key {
            out.run(&own.word().to_le_bytes());
        }
    }
    fn read(reader: &mut Reader<'_>) -> Result<NodesHead, Fault> {
        let bits = reader.byte()?;
        let last_free = reader.number32()?;
        let hash_key = if bits & LAID_BY_KEY != 0 { Some(HashKey::new(reader.word()?)) } else { None };
        let count = match bits & !LAID_BY_KEY {
            0 => 0,
            bits @ 1..=31 => 1 << (bits - 1),
            _ => return Err("a table is too large"),
        };
        Ok(NodesHead { count, last_free, hash_key })
    }
}

/// Longest string that a message holds without an allocation.
const SHORT: usize = 22;
/// Strings past this length are numbered.
const LONG: usize = 40;
/// Buffers that are kept for the next message are not larger than this.
const KEPT_BYTES: usize = 64 * 1024;
/// Units of work for a value: so much of a run's elements is done meanwhile.
const VALUE: usize = 4;
/// Nodes and slots that are looked at or copied in one go.
const PIECE: usize = 4096;
/// Bytes of a string that are copied in one go; a longer one is copied in pieces.
const TEXT: usize = 64 * 1024;
/// Bytes of a string that are copied in a unit of work.
const TEXT_OF_UNIT: usize = 16;

/// A value on its way to another process. Cheap to clone.
#[derive(Clone)]
pub struct Message(Form);

/// Bytes, and what they name by places in lists.
struct Whole {
    bytes: Vec<u8>,
    /// Where the value begins in them.
    start: usize,
    modules: Vec<Arc<Module>>,
    /// Only of one that came from outside.
    pids: Vec<Pid>,
}

/// What is decoded: bytes, and how to read them.
#[derive(Clone, Copy)]
struct Source<'m> {
    bytes: &'m [u8],
    modules: &'m [Arc<Module>],
    pids: &'m [Pid],
    /// Made in this runtime: addresses in it are good.
    local: bool,
}

#[derive(Clone)]
enum Form {
    /// Nothing of any heap.
    Small(Value),
    Short {
        len: u8,
        bytes: [u8; SHORT],
    },
    /// Made here: addresses in it are good.
    Bytes(Arc<[u8]>),
    /// A small table of fields in which nothing is of any heap: it becomes the receiver's without being copied.
    Table(Loose),
    /// Made here, with functions.
    Graph(Arc<Whole>),
    /// Came from outside.
    Foreign(Arc<Whole>),
    /// What the system tells: `{ signal = name, from = pid, reason = reason }`.
    System(Arc<(&'static [u8], Pid, Message)>),
}

// A message's size is a mailbox's.
const _: () = assert!(size_of::<Message>() == 24);

impl Message {
    /// Its bytes; none if it is small.
    fn source(&self) -> Option<Source<'_>> {
        let whole = |w, local| {
            let Whole { bytes, start, modules, pids }: &Whole = w;
            Source { bytes: &bytes[*start..], modules, pids, local }
        };
        Some(match &self.0 {
            Form::Small(_) | Form::Short { .. } => return None,
            Form::Bytes(bytes) => Source { bytes, modules: &[], pids: &[], local: true },
            Form::Table(t) => Source { bytes: t.bytes(), modules: &[], pids: &[], local: true },
            Form::Graph(w) => whole(w, true),
            Form::Foreign(w) => whole(w, false),
            Form::System(m) => return m.2.source(),
        })
    }
    /// A value that is the same in every heap, if it is one.
    #[inline]
    pub fn plain(v: Value) -> Option<Message> {
        is_plain(v.tag).then_some(Message(Form::Small(v)))
    }
    /// A text.
    pub fn string(text: &[u8]) -> Message {
        match short(text) {
            Some(m) => m,
            None => {
                let mut out = Vec::with_capacity(text.len() + 8);
                out.byte(more::LONG_STRING);
                out.text(text);
                Message(Form::Bytes(out.into()))
            }
        }
    }
    /// Whether it is this text.
    pub fn is_string(&self, text: &[u8]) -> bool {
        match &self.0 {
            Form::Small(v) => v.as_string().is_some_and(|s| s.bytes() == text),
            Form::Short { len, bytes } => &bytes[..*len as usize] == text,
            Form::System(_) => false,
            _ => self.long_text() == Some(text),
        }
    }
    /// The text that it is, if it is one in bytes.
    fn long_text(&self) -> Option<&[u8]> {
        let mut r = Reader::new(self.source()?.bytes);
        let is_text = matches!(r.byte(), Ok(more::STRING | more::LONG_STRING));
        if is_text { r.text().ok() } else { None }
    }
    /// `{ signal = name, from = pid, reason = reason }`.
    pub fn system(name: &'static [u8], from: Pid, reason: Message) -> Message {
        Message(Form::System(Arc::new((name, from, reason))))
    }
    /// Whether it is the system's message of this name about this process.
    pub fn is_system(&self, name: &[u8], about: Pid) -> bool {
        matches!(&self.0, Form::System(m) if m.0 == name && m.1 == about)
    }
    /// Whether it is a message of the system.
    #[inline]
    pub fn is_from_system(&self) -> bool {
        matches!(self.0, Form::System(_))
    }
    /// The text that it is, if it is one.
    pub fn text(&self) -> Option<Vec<u8>> {
        match &self.0 {
            Form::Small(v) => v.as_string().map(|s| s.bytes().to_vec()),
            Form::Short { len, bytes } => Some(bytes[..*len as usize].to_vec()),
            Form::System(_) => None,
            _ => self.long_text().map(<[u8]>::to_vec),
        }
    }
    /// Says that its bytes are looked at soon, so that memory can bring them.
    #[inline]
    pub fn look_ahead(&self) {
        match &self.0 {
            Form::Bytes(bytes) => look_ahead(bytes.as_ptr(), 2),
            Form::Table(t) => look_ahead(t.address(), 2),
            _ => {}
        }
    }
    /// Bytes it takes besides itself.
    #[inline]
    pub fn size(&self) -> usize {
        match &self.0 {
            Form::Small(_) | Form::Short { .. } => 0,
            Form::Bytes(b) => b.len(),
            Form::Table(t) => t.size(),
            Form::Graph(g) | Form::Foreign(g) => {
                g.bytes.capacity() + size_of_val(&**g) + size_of_val(&*g.modules) + size_of_val(&*g.pids)
            }
            Form::System(m) => size_of_val(&**m) + m.2.size(),
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Small(v) => write!(f, "Message({v:?})"),
            _ => write!(f, "Message({} bytes)", self.size()),
        }
    }
}

/// A value holds something that cannot be sent; what and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotSendable(Vec<u8>);

impl NotSendable {
    /// The message: `cannot send a coroutine (at message.job.co)`.
    pub fn message(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for NotSendable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl std::error::Error for NotSendable {}

/// Why a message cannot be made a value here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes break a rule.
    Damaged(&'static str),
    /// It refers to a native function that this runtime does not have.
    UnknownNative(String),
    /// Its functions are of a module that this runtime does not have.
    UnknownModule([u8; 32]),
    /// It has a table of a class that the receiver has not registered.
    UnknownClass(String),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Damaged(what) => write!(f, "damaged message: {what}"),
            DecodeError::UnknownNative(name) => write!(f, "the native function '{name}' is unknown here"),
            DecodeError::UnknownModule(hash) => {
                f.write_str("the module ")?;
                hash.iter().try_for_each(|b| write!(f, "{b:02x}"))?;
                f.write_str(" is unknown here")
            }
            DecodeError::UnknownClass(name) => write!(
                f,
                "a message has a table of the class '{name}', which the receiver has not registered with concurrent.metatable"
            ),
        }
    }
}

impl std::error::Error for DecodeError {}

fn short(text: &[u8]) -> Option<Message> {
    let mut bytes = [0; SHORT];
    bytes.get_mut(..text.len())?.copy_from_slice(text);
    Some(Message(Form::Short { len: text.len() as u8, bytes }))
}

/// Registers a class for messages: `concurrent.metatable(name, mt)`.
pub fn register_metatable(vm: &mut Vm, name: Value, t: Ref<Table>) {
    let all = classes(vm).unwrap_or_else(|| {
        let all = vm.heap.table();
        // A metatable that gave up its name to another one goes when nothing else has it.
        let meta = vm.heap.table();
        let mode = vm.heap.string(b"k");
        rlua_machine::stdlib::field(vm, meta, "__mode", mode);
        vm.set_metatable(all, Some(meta));
        let registry = vm.registry();
        rlua_machine::stdlib::field(vm, registry, CLASSES, Value::table(all));
        all
    });
    for (k, v) in [(name, Value::table(t)), (Value::table(t), name)] {
        vm.raw_set_table(all, k, v).expect("a string and a table are keys");
    }
}

/// Field of the registry.
const CLASSES: &str = "concurrent.metatables";

/// The table in the registry that maps names of classes to metatables and back.
fn classes(vm: &Vm) -> Option<Ref<Table>> {
    struct Key(Value);
    // SAFETY: an atom is immutable and never freed.
    unsafe impl Send for Key {}
    // SAFETY: as above.
    unsafe impl Sync for Key {}
    static KEY: OnceLock<Key> = OnceLock::new();
    let key = KEY.get_or_init(|| {
        let atom = make_atom(CLASSES.as_bytes()).expect("the atom table has room for the libraries");
        Key(Value::object(tag::ATOM, atom))
    });
    vm.registry().get(key.0).as_table()
}
