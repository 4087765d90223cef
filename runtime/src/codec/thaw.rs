//! Bytes to a process.
//!
//! Journey: **bytes** -> a [`Vm`] that goes on where the frozen one stopped. The directory says what objects there are,
//! so they are all made first, empty; bodies then refer to any of them. What the bytes say about frames is collected and
//! proven legal (legal.rs) before a frame is installed; tables' chains are checked when all keys are there.
//!
//! The bytes are hostile. Sizes in the directory are paid for from a budget of the bytes that there are, so memory is a
//! fixed multiple of the input. An error drops the half-made heap, which is consistent at every moment.

use super::blocks::Blocks;
use super::legal::{self, FrameRecord, ThreadRecord};
use super::spent::Spent;
use super::wire::{Fault, Reader};
use super::{EARLIER, EARLIER_VERSION, KEYED, VERSION, code, find_native, kind, words, words::WORDS};
use rlua_machine::heap::Header;
use rlua_machine::stdlib::{NativeState, find_library};
use rlua_machine::value::function::{NativeClosure, Upvalue};
use rlua_machine::value::hash::HashKey;
use rlua_machine::value::table::Node;
use rlua_machine::value::userdata::Userdata;
use rlua_machine::value::{Closure, Kind, Pid, Ref, Runtime, Table, Value, tag};
use rlua_machine::vm::hook::Hook;
use rlua_machine::vm::load::{Literals, Module};
use rlua_machine::vm::native::{Function, Native, Natives};
use rlua_machine::vm::thread::{Continue, FrameKind, Status, Thread, flags};
use rlua_machine::vm::{Exit, Left, Surroundings, Vm};
use std::fmt;
use std::sync::Arc;

/// Where a node finds modules that it has already.
pub trait ModuleSource {
    /// The module of this hash.
    fn find(&self, hash: &[u8; 32]) -> Option<Arc<Module>>;
}

/// Knows no module: all code comes with the bytes.
pub struct NoModules;

impl ModuleSource for NoModules {
    fn find(&self, _: &[u8; 32]) -> Option<Arc<Module>> {
        None
    }
}

impl ModuleSource for [Arc<Module>] {
    fn find(&self, hash: &[u8; 32]) -> Option<Arc<Module>> {
        self.iter().find(|m| m.hash() == hash).cloned()
    }
}

impl ModuleSource for Vec<Arc<Module>> {
    fn find(&self, hash: &[u8; 32]) -> Option<Arc<Module>> {
        self.as_slice().find(hash)
    }
}

/// Why bytes are no process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThawError {
    /// They are of another version of the format.
    Version(u8),
    /// They are damaged, or made to harm: where, and the rule that is broken.
    Damaged {
        /// Offset of the byte after what was read last.
        at: usize,
        /// The rule.
        what: &'static str,
    },
    /// A native function that this runtime does not have.
    UnknownNative(String),
    /// A table of the library that this runtime does not have.
    UnknownLibrary(String),
    /// A module that neither came along nor is known here.
    UnknownModule([u8; 32]),
    /// A module's code is damaged or unsafe.
    Code(String),
}

impl fmt::Display for ThawError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ThawError::Version(n) => write!(f, "frozen by another version: expected {VERSION}, found {n}"),
            ThawError::Damaged { at, what } => write!(f, "damaged at byte {at}: {what}"),
            ThawError::UnknownNative(name) => write!(f, "the native function '{name}' is unknown here"),
            ThawError::UnknownLibrary(name) => write!(f, "the library table '{name}' is unknown here"),
            ThawError::UnknownModule(hash) => {
                f.write_str("the module ")?;
                for b in hash {
                    write!(f, "{b:02x}")?;
                }
                f.write_str(" is unknown here")
            }
            ThawError::Code(what) => write!(f, "damaged code: {what}"),
        }
    }
}

impl std::error::Error for ThawError {}

/// The process that [`super::freeze`] wrote. `host` is attached to it; its resources are what the frozen one's were.
/// Functions are found among `natives`, and modules that came without their code among `modules`.
pub fn thaw(
    bytes: &[u8],
    host: Box<dyn Surroundings>,
    natives: Natives,
    modules: &dyn ModuleSource,
) -> Result<Vm, ThawError> {
    thaw_renamed(bytes, host, natives, modules, None)
}

/// The same, with the second process named wherever the frozen one names the first. In a table with that as a key the
/// entry is found under the new one, at another place: a traversal that is in the middle of such a table may pass over
/// entries or come to some twice.
pub fn thaw_renamed(
    bytes: &[u8],
    host: Box<dyn Surroundings>,
    natives: Natives,
    modules: &dyn ModuleSource,
    renamed: Option<(Pid, Pid)>,
) -> Result<Vm, ThawError> {
    thaw_from(Reader::new(bytes), host, natives, modules, renamed, None)
}

/// As [`thaw`], of bytes that nobody needs any more: while they are read, the memory of what was goes back to the system, so
/// that not both are there as a whole. What the bytes are afterwards is not said.
pub fn thaw_spent(
    bytes: &mut [u8],
    host: Box<dyn Surroundings>,
    natives: Natives,
    modules: &dyn ModuleSource,
) -> Result<Vm, ThawError> {
    let spent = Spent::new(bytes);
    // SAFETY: the thawer replaces its reader, which alone has it, when it gives something back.
    let reader = Reader::new(unsafe { spent.bytes() });
    thaw_from(reader, host, natives, modules, None, Some(spent))
}

fn thaw_from<'b>(
    reader: Reader<'b>,
    host: Box<dyn Surroundings>,
    natives: Natives,
    modules: &dyn ModuleSource,
    renamed: Option<(Pid, Pid)>,
    spent: Option<Spent<'b>>,
) -> Result<Vm, ThawError> {
    let mut thawer = Thawer {
        budget: reader.left(),
        is_current: true,
        give_back_at: spent.as_ref().map_or(usize::MAX, Spent::due),
        reader,
        spent,
        vm: Vm::new(host, natives),
        modules: Vec::new(),
        natives: Vec::new(),
        pids: Vec::new(),
        objects: Objects::default(),
        threads: Vec::new(),
        open: Vec::new(),
        words: Vec::new(),
        until_collection: 0,
        renamed,
        rekeyed: Vec::new(),
        error: None,
    };
    match thawer.process(modules) {
        Ok(()) => {
            thawer.vm.heap.set_until_collection(thawer.until_collection);
            Ok(thawer.vm)
        }
        Err(what) => Err(thawer.error.take().unwrap_or(ThawError::Damaged { at: thawer.reader.position(), what })),
    }
}

struct Thawer<'b> {
    reader: Reader<'b>,
    /// What it reads, if that may be given back, and when something is to be.
    spent: Option<Spent<'b>>,
    /// Whether it is of the version that is written, or of the one before.
    is_current: bool,
    give_back_at: usize,
    /// Slots, nodes and frames that the rest of the directory may still ask for.
    budget: usize,
    vm: Vm,
    modules: Vec<Arc<Module>>,
    natives: Vec<&'static Native>,
    pids: Vec<Pid>,
    /// By number.
    objects: Objects,
    threads: Vec<ThreadRecord>,
    /// Number of the coroutine, slot, variable.
    open: Vec<(u32, u32, *mut Upvalue)>,
    /// Words that were met and are no atoms, by their numbers.
    words: Vec<Value>,
    /// Bytes until the next collection.
    until_collection: usize,
    /// The process that is named otherwise.
    renamed: Option<(Pid, Pid)>,
    /// Tables that have it as a key.
    rekeyed: Vec<Ref<Table>>,
    /// What is to be reported instead of a fault.
    error: Option<ThawError>,
}

/// Objects by their numbers; the tag is the kind. As values they would take twice as much, which is much beside small objects.
#[derive(Default)]
struct Objects {
    tags: Blocks<u8>,
    bits: Blocks<u64>,
}

impl Objects {
    fn push(&mut self, v: Value) {
        debug_assert!(v.tag <= u64::from(u8::MAX), "tags are small");
        self.tags.push(v.tag as u8);
        self.bits.push(v.bits);
    }
    #[inline]
    fn get(&self, n: usize) -> Option<Value> {
        Some(Value { tag: u64::from(*self.tags.get(n)?), bits: *self.bits.get(n)? })
    }
    fn all(&self) -> impl Iterator<Item = Value> {
        self.tags.iter().zip(self.bits.iter()).map(|(tag, bits)| Value { tag: u64::from(*tag), bits: *bits })
    }
}

/// What a place may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Lua values.
    Value,
    /// A native's state, too.
    Register,
}

type Check<T> = Result<T, Fault>;

impl Thawer<'_> {
    fn process(&mut self, modules: &dyn ModuleSource) -> Check<()> {
        let version = self.reader.byte()?;
        self.is_current = version == VERSION;
        if !self.is_current && version != EARLIER_VERSION {
            self.error = Some(ThawError::Version(version));
            return Err("version");
        }
        self.read_modules(modules)?;
        for _ in 0..self.reader.count()? {
            let name = self.reader.text()?;
            match find_native(self.vm.natives, name) {
                Some(n) => self.natives.push(n),
                None => {
                    self.error = Some(ThawError::UnknownNative(String::from_utf8_lossy(name).into_owned()));
                    return Err("native");
                }
            }
        }
        for _ in 0..self.reader.count()? {
            let id = u128::from_le_bytes(self.reader.run(16)?.try_into().expect("16 bytes"));
            let serial = self.reader.number()?;
            let pid = Pid::new(Runtime::find(id).ok_or("too many runtimes are known")?, serial);
            if pid.serial() != serial {
                return Err("a process has no such number");
            }
            self.pids.push(pid);
        }
        let count = self.reader.count()?;
        if count > u32::MAX as usize {
            return Err("too many objects");
        }
        for n in 0..count {
            let v = self.entry(n)?;
            self.objects.push(v);
            self.give_back();
        }
        if count < 3 {
            return Err("the first three objects are missing");
        }
        let mut serials = 0;
        for n in 0..count {
            self.body(n, &mut serials)?;
            self.give_back();
        }
        self.roots(serials)?;
        if self.reader.left() != 0 {
            return Err("there are bytes after the end");
        }
        for v in self.objects.all() {
            if let Some(t) = v.as_table().filter(|t| t.library().is_none()) {
                if !self.is_current {
                    t.lies_as_earlier(&mut self.vm.heap);
                }
                t.check_layout()?;
            }
        }
        self.rename_keys();
        self.install_threads()?;
        self.vm.heap.set_stopped(self.vm.heap.is_stopped());
        Ok(())
    }
    /// Gives back the memory of what was read, if that is much and allowed.
    #[inline]
    fn give_back(&mut self) {
        let read = self.reader.position();
        if read >= self.give_back_at
            && let Some(spent) = &mut self.spent
        {
            // Nothing else has a part of it: what is read is copied.
            self.reader = Reader::new(&[]);
            spent.give_back(read);
            self.give_back_at = spent.due();
            // SAFETY: as before, this reader alone has it.
            self.reader = Reader::new(unsafe { spent.bytes() });
            self.reader.skip(read);
        }
    }
    /// After the tables were found to be whole.
    fn rename_keys(&mut self) {
        let Some((old, new)) = self.renamed else { return };
        let (old, new) = (Value::pid(old), Value::pid(new));
        for t in std::mem::take(&mut self.rekeyed) {
            let v = t.get(old);
            let mut set = |k, v| t.set(&mut self.vm.heap, k, v).expect("a pid is a key");
            set(old, Value::NIL);
            // Also where the value is nil: a traversal may stand there.
            set(new, Value::TRUE);
            set(new, v);
        }
    }
    fn read_modules(&mut self, modules: &dyn ModuleSource) -> Check<()> {
        for _ in 0..self.reader.count()? {
            let literals = match self.reader.byte()? {
                0 => Literals::Owned,
                1 => Literals::Atoms,
                _ => return Err("no such kind of literals"),
            };
            let hash: &[u8; 32] = self.reader.run(32)?.try_into().expect("32 bytes");
            let code = self.reader.text()?;
            let module = match modules.find(hash) {
                Some(m) => m,
                None if code.is_empty() => {
                    self.error = Some(ThawError::UnknownModule(*hash));
                    return Err("module");
                }
                None => {
                    let chunk = rlua_compiler::undump(code).map_err(|e| {
                        self.error = Some(ThawError::Code(e.to_string()));
                        "code"
                    })?;
                    // Named by its content, so that a wrong name cannot stand for other code later.
                    if rlua_compiler::hash(&chunk) != *hash {
                        return Err("a module's hash is not its code's");
                    }
                    Module::new(chunk, literals)
                }
            };
            self.vm.heap.keep_module(&module);
            self.modules.push(module);
        }
        Ok(())
    }
    /// Takes from the budget.
    fn pay(&mut self, n: u64) -> Check<usize> {
        match usize::try_from(n) {
            Ok(n) if n <= self.budget => {
                self.budget -= n;
                Ok(n)
            }
            _ => Err("more things are announced than there are bytes"),
        }
    }
    /// Makes the object of a directory entry, empty.
    fn entry(&mut self, n: usize) -> Check<Value> {
        let k = self.reader.byte()?;
        let expected = match n {
            0 => kind::THREAD,
            1 | 2 => kind::TABLE,
            _ => k,
        };
        if k != expected {
            return Err("the first three objects are a coroutine and two tables");
        }
        Ok(match k {
            kind::STRING => {
                let bytes = self.reader.text()?;
                if bytes.len() <= 1 { self.vm.heap.string(bytes) } else { self.vm.heap.name(bytes) }
            }
            kind::WORD => self.word()?,
            kind::TABLE => {
                let asize = self.reader.number()?;
                let asize = self.pay(asize)?;
                let bits = self.reader.byte()?;
                let own = match bits & (KEYED | EARLIER) {
                    0 => None,
                    how if bits == how => return Err("a table without nodes has no hash key"),
                    KEYED => Some(HashKey::new(self.reader.word()?)),
                    EARLIER if self.is_current => Some(HashKey::earlier()),
                    _ => return Err("a table has no such hash key"),
                };
                let count = match bits & !(KEYED | EARLIER) {
                    0 => 0,
                    bits @ 1..=31 => self.pay(1 << (bits - 1))?,
                    _ => return Err("a table is too large"),
                };
                let t = match n {
                    1 => self.vm.globals(),
                    2 => self.vm.registry(),
                    _ => self.vm.heap.table(),
                };
                let asize = u32::try_from(asize).map_err(|_| "a table is too large")?;
                let resized = match own {
                    None => t.resize(&mut self.vm.heap, asize, count as u32),
                    Some(own) => t.resize_keyed(&mut self.vm.heap, asize, count as u32, own),
                };
                resized.map_err(|_| "a table is too large")?;
                Value::table(t)
            }
            kind::LIBRARY => {
                let name = self.reader.text()?;
                match find_library(name) {
                    Some(library) => Value::table(Table::of_library(&mut self.vm.heap, library)),
                    None => {
                        self.error = Some(ThawError::UnknownLibrary(String::from_utf8_lossy(name).into_owned()));
                        return Err("library");
                    }
                }
            }
            kind::CLOSURE => {
                let module = self.reader.count_below(self.modules.len())?;
                let index = self.reader.number32()?;
                let module = self.modules[module].clone();
                let proto = module.proto(index as usize).ok_or("no such prototype")?;
                let count = self.pay(proto.canonical().upvalues.len() as u64)?;
                Value::closure(self.vm.heap.closure(proto, count))
            }
            kind::NATIVE_CLOSURE => {
                let native = self.reader.count_below(self.natives.len())?;
                let count = self.reader.number()?;
                let count = self.pay(count)?;
                Value::native_closure(self.vm.heap.native_closure(self.natives[native], &vec![Value::NIL; count]))
            }
            kind::USERDATA => Value::userdata(self.vm.heap.userdata(0, None)),
            kind::THREAD => {
                let slots = self.reader.number()?;
                let slots = self.pay(slots)?;
                let frames = self.reader.number()?;
                let frames = self.pay(frames)?;
                let t = if n == 0 { self.vm.main } else { self.vm.heap.thread().as_ptr() };
                // SAFETY: an empty coroutine of this heap.
                if !unsafe { (*t).make_room(&mut self.vm.heap, slots, frames) } {
                    return Err("a stack is too large");
                }
                self.threads.push(ThreadRecord {
                    number: n as u32,
                    slots,
                    frame_count: frames,
                    ..ThreadRecord::default()
                });
                Value::object(tag::THREAD, t)
            }
            kind::UPVALUE => Value::object(tag::UPVALUE, self.vm.heap.upvalue(Value::NIL).as_ptr()),
            kind::BUFFER => {
                let bytes = self.reader.text()?;
                let (state, rest): (NativeState, _) =
                    postcard::take_from_bytes(bytes).map_err(|_| "the state of a native function is damaged")?;
                if !rest.is_empty() {
                    return Err("the state of a native function is damaged");
                }
                Value::buffer(self.vm.heap.buffer(state))
            }
            _ => return Err("no such kind of object"),
        })
    }
    fn body(&mut self, n: usize, serials: &mut u32) -> Check<()> {
        let object = self.objects.get(n).expect("one of the directory");
        if object.is_string() || object.tag == tag::BUFFER {
            return Ok(());
        }
        let serial = self.reader.number32()?;
        *serials = (*serials).max(serial);
        // SAFETY: all other tags are objects of this heap, made by `entry`.
        unsafe { (*(object.bits as *const Header)).serial.set(serial) };
        match object.tag {
            tag::TABLE => self.table(object.as_table().expect("a table")),
            tag::CLOSURE => {
                let c = object.bits as *const Closure;
                // SAFETY: made by `entry`.
                let count = unsafe { (*c).count };
                for i in 0..count {
                    let u = self.object()?;
                    if u.tag != tag::UPVALUE {
                        return Err("an upvalue of a function is none");
                    }
                    // SAFETY: `entry` made it with `count` cells.
                    unsafe { *(*c).cells().add(i) = u.bits as *mut Upvalue };
                }
                Ok(())
            }
            tag::NATIVE_CLOSURE => {
                // SAFETY: made by `entry`.
                let c = unsafe { Ref::new(object.bits as *mut NativeClosure) };
                for u in c.upvalues() {
                    u.set(self.value(Place::Register)?);
                }
                Ok(())
            }
            tag::USERDATA => {
                // SAFETY: made by `entry`.
                let u = unsafe { Ref::new(object.bits as *mut Userdata) };
                u.metatable.set(self.optional_table()?);
                u.resource.set(self.reader.number()?);
                u.user_value.set(self.value(Place::Value)?);
                Ok(())
            }
            tag::UPVALUE => {
                let u = object.bits as *mut Upvalue;
                match self.reader.byte()? {
                    // SAFETY: made by `entry`.
                    0 => unsafe { (*u).close(self.value(Place::Value)?) },
                    1 => {
                        let owner = self.reader.number32()?;
                        let slot = self.reader.number32()?;
                        self.open.push((owner, slot, u));
                    }
                    _ => return Err("a variable is neither open nor closed"),
                }
                Ok(())
            }
            tag::THREAD => self.thread(n, object.bits as *mut Thread),
            _ => unreachable!("`entry` makes no other objects"),
        }
    }
    fn table(&mut self, t: Ref<Table>) -> Check<()> {
        t.metatable.set(self.optional_table()?);
        if t.library().is_some() {
            return Ok(());
        }
        let last_free = self.reader.number32()?;
        let hint = self.reader.number32()?;
        if last_free as usize > t.node_count() || hint > t.asize.get() {
            return Err("a table's marks pass its end");
        }
        for i in 0..t.asize.get() as usize {
            t.put_slot(i, self.value(Place::Value)?);
        }
        for i in 0..t.node_count() {
            let mut node = Node::EMPTY;
            let key = match self.reader.byte()? {
                code::EMPTY => continue,
                code::NIL => return Err("nil cannot be a key"),
                code::DEAD => Value { tag: tag::DEAD_KEY, bits: 0 },
                code::DEAD_OBJECT => Value { tag: tag::DEAD_KEY, bits: self.object()?.bits },
                code::PID => {
                    let pid = self.pids[self.reader.count_below(self.pids.len())?];
                    if self.renamed.is_some_and(|(old, _)| old == pid) {
                        self.rekeyed.push(t);
                    }
                    Value::pid(pid)
                }
                code => self.value_of(code, Place::Value)?,
            };
            (node.key_bits, node.key_tag) = (key.bits, key.tag as u8);
            if let Some(s) = key.as_string() {
                node.hash16 = t.hash16(&s);
            }
            node.set_value(self.value(Place::Value)?);
            node.next = i32::try_from(self.reader.signed()?).map_err(|_| "a link of a table leads out of it")?;
            t.put_node(i, node);
        }
        // After the resizing that `entry` did.
        t.set_last_free(last_free);
        t.border_hint.set(hint);
        Ok(())
    }
    fn thread(&mut self, n: usize, t: *mut Thread) -> Check<()> {
        let place = self.threads.binary_search_by_key(&(n as u32), |r| r.number).expect("each coroutine has a record");
        let mut record = std::mem::take(&mut self.threads[place]);
        let bits = self.reader.byte()?;
        record.status = match bits & 3 {
            0 => Status::Suspended,
            1 => Status::Running,
            2 => Status::Normal,
            _ => Status::Dead,
        };
        record.failed = bits & 4 != 0;
        record.closing = bits & 8 != 0;
        if bits > 15 {
            return Err("no such status of a coroutine");
        }
        record.no_yield = self.reader.number32()?;
        record.depth = self.reader.number32()?;
        record.resumer = self.optional_number()?;
        record.top = self.reader.number32()? as usize;
        for i in 0..record.slots {
            let v = self.value(Place::Register)?;
            // SAFETY: `make_room` made at least that many slots.
            unsafe { *(*t).stack.add(i) = v };
        }
        let mut frames = Vec::with_capacity(record.frame_count);
        for _ in 0..record.frame_count {
            let kind = match self.reader.byte()? {
                0 => FrameKind::Lua,
                1 => FrameKind::Native,
                _ => return Err("no such kind of frame"),
            };
            let then = *CONTINUES.get(self.reader.byte()? as usize).ok_or("no such continuation")?;
            let pc = self.reader.number()?;
            let base = self.reader.number32()? as usize;
            let results = i16::try_from(self.reader.signed()?).map_err(|_| "too many results are wanted")?;
            let shift = self.reader.number32()?;
            let state = self.reader.number32()?;
            let flags = self.reader.number32()?;
            frames.push(FrameRecord { kind, then, pc, base, results, shift, state, flags });
        }
        record.frames = frames;
        let pending = self.reader.count()?;
        record.to_close = (0..pending).map(|_| self.reader.number32()).collect::<Check<_>>()?;
        record.hook = self.hook()?;
        self.threads[place] = record;
        Ok(())
    }
    fn hook(&mut self) -> Check<Option<Box<Hook>>> {
        let bits = self.reader.byte()?;
        if bits == 0 {
            return Ok(None);
        }
        if bits & !3 != 0 || bits & 1 == 0 {
            return Err("no such state of a hook");
        }
        let function = self.value(Place::Value)?;
        let (mask, told) = (self.reader.byte()?, self.reader.byte()?);
        if mask > 15 || told > 15 || (!function.is_function() && mask != 0) {
            return Err("a hook is a function for some events");
        }
        let mut numbers = [0; 5];
        for n in &mut numbers {
            *n = self.reader.number32()?;
        }
        let [count, left, old_pc, first, n] = numbers;
        let (again, transfer) = (bits & 2 != 0, (first, n));
        Ok(Some(Box::new(Hook { function, mask, count, left, old_pc, told, again, running: false, transfer })))
    }
    /// A string that is a word: one for all its places.
    fn word(&mut self) -> Check<Value> {
        let n = self.reader.count_below(WORDS.len())?;
        if let Some(met) = self.words.get(n).filter(|met| !met.is_nil()) {
            return Ok(*met);
        }
        let name = words::name(&mut self.vm.heap, n);
        if name.tag != tag::ATOM {
            self.words.resize(WORDS.len(), Value::NIL);
            self.words[n] = name;
        }
        Ok(name)
    }
    /// A record, by its number.
    fn object(&mut self) -> Check<Value> {
        let n = self.reader.number()?;
        self.objects.get(usize::try_from(n).unwrap_or(usize::MAX)).ok_or("no such object")
    }
    fn optional_number(&mut self) -> Check<Option<u32>> {
        Ok(self.reader.number32()?.checked_sub(1))
    }
    fn optional_table(&mut self) -> Check<*mut Table> {
        match self.optional_number()? {
            None => Ok(std::ptr::null_mut()),
            Some(n) => match self.objects.get(n as usize).and_then(|v| v.as_table()) {
                Some(t) => Ok(t.as_ptr()),
                None => Err("a metatable is no table"),
            },
        }
    }
    fn value(&mut self, place: Place) -> Check<Value> {
        let code = self.reader.byte()?;
        self.value_of(code, place)
    }
    fn value_of(&mut self, code: u8, place: Place) -> Check<Value> {
        Ok(match code {
            code::NIL => Value::NIL,
            code::FALSE => Value::FALSE,
            code::TRUE => Value::TRUE,
            code::INTEGER => Value::integer(self.reader.signed()?),
            code::FLOAT => Value::float(f64::from_bits(self.reader.word()?)),
            code::NATIVE => Value::native(self.natives[self.reader.count_below(self.natives.len())?]),
            code::PID => {
                let pid = self.pids[self.reader.count_below(self.pids.len())?];
                Value::pid(self.renamed.filter(|(old, _)| *old == pid).map_or(pid, |(_, new)| new))
            }
            code::LIGHT => Value::light(self.reader.number()?),
            code::WORD => self.word()?,
            code::NATIVE_WORD => {
                let word = self.reader.count_below(WORDS.len())?;
                match words::native(self.vm.natives, word) {
                    Some(n) => Value::native(n),
                    None => {
                        self.error = Some(ThawError::UnknownNative(WORDS[word].to_string()));
                        return Err("native");
                    }
                }
            }
            code::OBJECT => {
                let v = self.object()?;
                if v.tag == tag::UPVALUE || (v.tag == tag::BUFFER && place == Place::Value) {
                    return Err("an internal object is no value");
                }
                v
            }
            _ => return Err("no such kind of value"),
        })
    }
    fn roots(&mut self, serials: u32) -> Check<()> {
        let running = self.object()?;
        let Some(running) = running.as_thread() else { return Err("what runs is no coroutine") };
        self.vm.thread = running.as_ptr();
        let strings = self.optional_table()?;
        self.vm.set_string_metatable_pointer(strings);
        let mut metatables = self.vm.type_metatables();
        for t in &mut metatables {
            *t = self.optional_table()?;
        }
        self.vm.set_type_metatables(metatables);
        self.vm.error = self.value(Place::Value)?;
        let bits = self.reader.byte()?;
        if bits > 15 {
            return Err("no such state of a process");
        }
        self.vm.in_finalizer = bits & 1 != 0;
        self.vm.warnings = bits & 2 != 0;
        self.vm.exiting = bits & 4 != 0;
        let stopped = bits & 8 != 0;
        self.vm.left = match self.reader.number32()? {
            0 => Left::Safepoint,
            n => Left::Exit(Exit::Request(n - 1)),
        };
        let pause = self.reader.number32()?;
        if pause > 1_000_000 {
            return Err("the collector's pause is too long");
        }
        self.vm.heap.pause = pause;
        self.until_collection = usize::try_from(self.reader.number()?).unwrap_or(usize::MAX);
        self.vm.heap.set_stopped(stopped);
        let counter = self.reader.number32()?;
        if counter < serials {
            return Err("a serial number was not given yet");
        }
        self.vm.heap.set_serial_counter(counter);
        let mut lists = [Vec::new(), Vec::new()];
        for list in &mut lists {
            for _ in 0..self.reader.count()? {
                let v = self.object()?;
                if !matches!(v.tag, tag::TABLE | tag::USERDATA) {
                    return Err("only tables and userdata have finalizers");
                }
                list.push(v);
            }
        }
        if !self.vm.heap.set_finalizer_lists(&lists[0], &lists[1]) {
            return Err("an object is finalized once");
        }
        Ok(())
    }
    /// Proves all coroutines legal and puts them together.
    fn install_threads(&mut self) -> Check<()> {
        // Variables of each stack from the top down, each slot once.
        self.open.sort_by_key(|&(owner, slot, _)| (owner, std::cmp::Reverse(slot)));
        if self.open.windows(2).any(|w| (w[0].0, w[0].1) == (w[1].0, w[1].1)) {
            return Err("a slot has two variables");
        }
        let mut rest = &self.open[..];
        for record in &mut self.threads {
            let n = rest.iter().take_while(|o| o.0 == record.number).count();
            record.open = rest[..n].iter().rev().map(|o| o.1).collect();
            rest = &rest[n..];
        }
        if !rest.is_empty() {
            return Err("a variable's stack is no coroutine");
        }
        let running = Value::object(tag::THREAD, self.vm.thread);
        let number_of_running = self.objects.all().position(|v| v.raw_equals(running)).expect("the running one") as u32;
        let whole =
            legal::Process { running: number_of_running, in_finalizer: self.vm.in_finalizer, exiting: self.vm.exiting };
        legal::check_chain(&self.threads, &whole)?;
        let mut at = 0;
        for record in &mut self.threads {
            let t = self.objects.get(record.number as usize).expect("it was made").bits as *mut Thread;
            // SAFETY: `t` was made by `entry` and has `slots` slots; `check` proves that all indices are inside the
            // stack, after which `make_room` has made it large enough for every frame's registers.
            unsafe {
                let extent = legal::check(record, (*t).slots(record.slots), &whole)?;
                if !(*t).make_room(&mut self.vm.heap, extent.max(record.slots), record.frames.len()) {
                    return Err("a stack is too large");
                }
                let t = &mut *t;
                for (i, f) in record.frames.iter().enumerate() {
                    let frame = t.frames.add(i);
                    frame.write(f.frame(t.stack));
                    t.frame = frame;
                }
                t.top = t.stack.add(record.top);
                t.status = record.status;
                t.failed = record.failed;
                t.closing = record.closing;
                t.no_yield = record.no_yield;
                t.catchers = record.frames.iter().filter(|f| f.flags & flags::CATCH != 0).count() as u32;
                t.hook = record.hook.take();
                if let Some(h) = &mut t.hook {
                    h.running = record.frames.iter().any(|f| f.then == Continue::Hook);
                }
                t.depth = record.depth;
                t.to_close = std::mem::take(&mut record.to_close).into();
                t.resumer = match record.resumer {
                    Some(n) => self.objects.get(n as usize).expect("it was found before").bits as *mut Thread,
                    None => std::ptr::null_mut(),
                };
                // The list goes from the top of the stack down, as `open` is sorted.
                let mut next = std::ptr::null_mut();
                for &(_, slot, u) in self.open[at..at + record.open.len()].iter().rev() {
                    (*u).open(t.stack.add(slot as usize), t, next);
                    next = u;
                }
                t.open = next;
                at += record.open.len();
            }
        }
        // SAFETY: the running coroutine is installed.
        unsafe {
            let t = self.vm.thread;
            self.vm.load_thread(t);
            if (*t).depth_of_frames() > 0 {
                self.vm.base = (*self.vm.frame).base;
            }
        }
        Ok(())
    }
}

/// The continuations by their numbers.
const CONTINUES: [Continue; 13] = [
    Continue::Plain,
    Continue::Native,
    Continue::Store,
    Continue::Condition,
    Continue::Discard,
    Continue::Concat,
    Continue::CloseAgain,
    Continue::CloseUnwind,
    Continue::Handler,
    Continue::Finalizer,
    Continue::Coroutine,
    Continue::Hook,
    Continue::NotCondition,
];
const _: () = {
    let mut i = 0;
    while i < CONTINUES.len() {
        assert!(CONTINUES[i] as usize == i);
        i += 1;
    }
};

/// Whether a value is a native that can have a frame that is entered again.
pub(crate) fn has_steps(v: Value) -> bool {
    match v.kind() {
        Kind::Native(n) => !matches!(n.function, Function::Leaf(_)),
        Kind::NativeClosure(c) => !matches!(c.native().function, Function::Leaf(_)),
        _ => false,
    }
}
