//! The heap of one process: objects, their bytes, and the collector.
//!
//! Journey: value. Every object begins with a [`Header`] and hangs in the list of all, or in that of those still to be
//! swept. Collection is mark and sweep in pieces (collect.rs), of one process alone, at a safepoint (a call or a backward
//! jump that the interpreter suspends at), never inside a native function or an instruction.
//!
//! Our own, and not gc-arena as first planned: see ARCHITECTURE.md for the figures (a small object takes twice to three
//! times as long there, there is no count of bytes, and what weak tables keep is a loop of its finalizations, right in one order
//! only). It is what this one is checked by (oracle.rs).
//!
//! Rules, each the reason of many a SAFETY comment:
//! 1. A pointer to an object is good until the next safepoint; past one, only what the roots reach is.
//! 2. Roots are: the running coroutine (which reaches its resumers), the main one, globals, the registry, the string
//!    metatable, the error in flight, the finalizer queue. A coroutine's stack is live up to its top; the rest of it is
//!    set to nil in each collection, so that no stale pointer is ever found there.
//!    Whatever stores a reference into an object that a collection may have seen tells it (`Heap::write_barrier`,
//!    `Heap::thread_runs`); objects that were made since the last safepoint need none.
//! 3. A heap belongs to one process, and one thread at a time touches it.

mod ahead;
mod captured;
mod collect;
pub mod growth;
mod lazy;
mod mark;
mod modules;
mod objects;
pub mod reserve;
mod seldom;
pub mod surplus;
mod weak;

use crate::value::function::{Closure, NativeClosure, Upvalue};
use crate::value::hash::{HashKey, hash_word, known_hash};
use crate::value::string::{Str, find_atom};
use crate::value::userdata::{Buffer, State, Userdata};
use crate::value::{Ref, Table, Value, tag};
use crate::vm::load::{Module, Proto};
use crate::vm::native::Native;
use crate::vm::thread::Thread;
pub use ahead::look_ahead;
use captured::Captured;
pub(crate) use captured::LARGE as LARGE_CAPTURED;
pub use captured::{WHOLE, Written};
use collect::Phase;
pub use collect::Stress;
pub(crate) use collect::{PIECE, Roots, UNITS_A_REDUCTION, Whole};
pub use lazy::{Image, Lazy, Maker, STRING_METATABLE};
use modules::Modules;
use objects::{Objects, closure_layout, native_closure_layout};
use seldom::Seldom;
use std::alloc::{Layout, alloc, dealloc};
use std::cell::Cell;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::sync::Arc;
use weak::WeakTables;

/// What an object is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ObjectKind {
    /// [`Str`]
    String,
    /// [`Table`]
    Table,
    /// [`Closure`]
    Closure,
    /// [`NativeClosure`]
    NativeClosure,
    /// [`Userdata`]
    Userdata,
    /// [`Thread`]
    Thread,
    /// [`Upvalue`]
    Upvalue,
    /// [`Buffer`]
    Buffer,
}

/// What every object begins with.
#[repr(C)]
pub struct Header {
    /// The next object of the list this one is in.
    pub next: Cell<*mut Header>,
    /// What it is.
    pub kind: ObjectKind,
    /// [`MARKED`], [`FINALIZER`]; from [`BLOCK_SHIFT`] on the words that a table's block has behind the table.
    pub(crate) mark: Cell<u8>,
    /// Of the kind's own use.
    pub(crate) flags: Cell<u8>,
    /// Not 0: a store must take the slow way: [`BLACK`], [`SHARED`], [`UNFILLED`], [`CAPTURED`].
    pub(crate) guard: Cell<u8>,
    /// Serial number for hashing and `%p`, 0 until it is needed; a string's hash.
    pub serial: Cell<u32>,
}

// Bits of [`Header::mark`].

/// Reached in this collection.
pub(crate) const MARKED: u8 = 1;
/// In the list of objects with a finalizer, or in the queue.
pub(crate) const FINALIZER: u8 = 2;
/// Where the size of what lies behind a table begins (value/table/block.rs).
pub(crate) const BLOCK_SHIFT: u32 = 2;

// Bits of [`Header::guard`].

/// The object is black: the collector is told what is stored into it (collect.rs).
pub(crate) const BLACK: u8 = 1;
/// The table's nodes are a library's: it gets its own before the store (value/table/shared.rs).
pub(crate) const SHARED: u8 = 2;
/// The table is still to be filled (lazy.rs).
pub(crate) const UNFILLED: u8 = 4;
/// The object is as a spawn snapshot has it that can serve again; a store into it is noted (captured.rs).
pub(crate) const CAPTURED: u8 = 8;

impl Header {
    /// Marks the object as one that is as a snapshot has it.
    pub fn set_captured(&self) {
        self.guard.set(self.guard.get() | CAPTURED);
    }
    /// Makes the object black, or not.
    #[inline(always)]
    pub(crate) fn set_black(&self, is_black: bool) {
        let others = self.guard.get() & !BLACK;
        self.guard.set(if is_black { others | BLACK } else { others });
    }
    /// Whether it is in the list of objects with a finalizer, or in the queue.
    pub fn has_finalizer(&self) -> bool {
        self.mark.get() & FINALIZER != 0
    }
    pub(crate) fn new(kind: ObjectKind) -> Header {
        Header {
            next: Cell::new(std::ptr::null_mut()),
            kind,
            mark: Cell::new(0),
            flags: Cell::new(0),
            guard: Cell::new(0),
            serial: Cell::new(0),
        }
    }
}

/// Bytes a fresh heap may take before its first collection.
const FIRST_THRESHOLD: usize = 64 * 1024;
/// The least pause that has an effect: the next collection must not follow at once.
const MIN_PAUSE: u32 = 120;

/// The heap of one process.
// What every slice looks at comes first; then by size, so that nothing lies empty.
#[repr(C)]
pub struct Heap {
    objects: Objects,
    /// Bytes at which a collection, or the next piece of one, is due.
    threshold: usize,
    /// Bytes past which allocations fail (checked at safepoints, and before large ones).
    limit: usize,
    /// While memory is low: the limit that there is otherwise.
    usual_limit: Option<NonZeroUsize>,
    /// Objects that this cycle's sweep has still to look at.
    sweeping: *mut Header,
    /// Bytes past which its process ends, as far as an allocation has to know: a larger one is not made.
    pub(crate) most: usize,
    /// The hash key that tables take, and under which long strings keep their hashes.
    hash_key: Option<HashKey>,
    /// Units of work of the piece at hand.
    work: usize,
    /// Objects to be traced.
    gray: Vec<*mut Header>,
    rest: Seldom<Rest>,
    /// Modules whose code or constants this heap may hold.
    modules: Modules,
    /// What unfilled tables are filled from (lazy.rs), or null.
    lazy: *mut Lazy,
    /// Size at which the next collection starts, in per cent of what was not dead when the last one had marked.
    pub pause: u32,
    serial: u32,
    /// Times that the end of marking was tried in this cycle.
    attempts: u32,
    /// Objects of the queue that are marked, from its end on.
    queue_marked: u32,
    /// Changes when objects may have been freed.
    capture_epoch: u32,
    /// How often an object that was captured was written.
    captured_writes: u32,
    /// Collect at every safepoint.
    stress: Option<Stress>,
    /// `collectgarbage("stop")`.
    stopped: bool,
    phase: Phase,
    /// The cycle at hand, or the next one, is done in one piece.
    at_once: bool,
    /// The heap was past its limit when the cycle at hand began.
    begun_full: bool,
    /// It was so still when that ended.
    exhausted: bool,
    /// A cycle has ended since somebody asked.
    pub(crate) has_ended: bool,
    /// A whole collection was asked for.
    pub(crate) whole: Option<Whole>,
}

/// What most heaps do without, outside a collection.
#[derive(Default)]
struct Rest {
    /// Objects whose metatable has `__gc`, first marked first.
    finalizable: Vec<*mut Header>,
    /// Dead objects whose `__gc` is still to run, first in line first.
    to_finalize: VecDeque<*mut Header>,
    /// State of the generator of random words; none takes them from the system.
    seed: Option<u64>,
    /// Bytes past the limit that it is let have after an error about it.
    grace: usize,
    /// Large tables to be traced in parts; of the first one, the entries up to `cursor` were.
    large: VecDeque<*mut Table>,
    cursor: usize,
    /// Coroutines to be traced again, since they have run.
    rescan: Vec<*mut Thread>,
    weak: Seldom<WeakTables>,
    /// What whoever captures keeps (captured.rs).
    captured: Seldom<Captured>,
    /// Bytes when the marking at hand had ended, less those that its sweep has freed: what was not dead then.
    left: usize,
}

impl Rest {
    /// Whether it is as new.
    fn is_empty(&self) -> bool {
        let has_objects = !self.finalizable.is_empty() || !self.to_finalize.is_empty() || !self.large.is_empty();
        let has_notes = self.captured.if_made().is_some() || self.weak.if_made().is_some() || !self.rescan.is_empty();
        !has_objects && !has_notes && self.seed.is_none() && self.grace == 0
    }
}

// SAFETY: rule 3: a heap and all it points to move between threads as a whole; modules and atoms, which it shares with
// others, are immutable and counted atomically.
unsafe impl Send for Heap {}

impl Default for Heap {
    fn default() -> Self {
        Heap::new()
    }
}

impl Heap {
    /// An empty heap.
    #[inline(always)]
    pub fn new() -> Heap {
        Heap {
            objects: Objects::NONE,
            sweeping: std::ptr::null_mut(),
            threshold: FIRST_THRESHOLD,
            limit: usize::MAX,
            usual_limit: None,
            most: usize::MAX,
            stress: None,
            stopped: false,
            pause: 200,
            serial: 0,
            hash_key: None,
            phase: Phase::Idle,
            work: 0,
            at_once: false,
            begun_full: false,
            exhausted: false,
            has_ended: false,
            whole: None,
            attempts: 0,
            queue_marked: 0,
            gray: Vec::new(),
            rest: Seldom::default(),
            modules: Modules::new(),
            lazy: std::ptr::null_mut(),
            capture_epoch: 0,
            captured_writes: 0,
        }
    }
    /// Bytes of all objects.
    pub fn bytes(&self) -> usize {
        self.objects.bytes + self.lazy_bytes()
    }
    /// Whether a collection is due.
    #[inline(always)]
    pub fn wants_collection(&self) -> bool {
        self.objects.bytes >= self.threshold
    }
    /// Sets the bytes past which allocations fail.
    pub fn set_limit(&mut self, bytes: usize) {
        self.limit = bytes;
        self.threshold = self.threshold.min(bytes);
    }
    /// Memory is low, or no longer: the heap is full as it is, or has its limit again.
    #[cold]
    pub(crate) fn note_reserve(&mut self, is_low: bool) {
        if is_low {
            self.usual_limit.get_or_insert(NonZeroUsize::new(self.limit).unwrap_or(NonZeroUsize::MIN));
            self.limit = self.limit.min(self.objects.bytes);
            self.threshold = self.threshold.min(self.limit);
        } else if let Some(limit) = self.usual_limit.take() {
            self.limit = limit.get();
            self.end_grace();
            self.set_threshold();
        }
    }
    /// Whether it was told that memory is low.
    #[inline(always)]
    pub(crate) fn knows_low(&self) -> bool {
        self.usual_limit.is_some()
    }
    /// Sets the bytes past which its process ends; 0: none.
    pub fn set_most(&mut self, bytes: usize) {
        self.most = if bytes == 0 { usize::MAX } else { bytes };
    }
    /// Bytes that may be allocated before the next collection; 0 in the middle of one.
    pub fn until_collection(&self) -> usize {
        if self.is_collecting() { 0 } else { self.threshold.saturating_sub(self.objects.bytes) }
    }
    /// As `until_collection`, for a heap that was just thawed: one that is frozen often must come to its collections.
    /// So one that is due is done in one piece: that takes no longer than the thawing.
    pub fn set_until_collection(&mut self, n: usize) {
        if !self.stopped {
            self.threshold = self.objects.bytes.saturating_add(n).min(self.bound());
            self.at_once = n == 0;
        }
    }
    /// Whether it has grown past its limit.
    pub fn is_past_limit(&self) -> bool {
        self.objects.bytes >= self.limit
    }
    /// Whether it has grown past what it is let have.
    pub(crate) fn is_full(&self) -> bool {
        self.objects.bytes >= self.bound()
    }
    fn bound(&self) -> usize {
        self.limit.saturating_add(self.grace())
    }
    fn grace(&self) -> usize {
        self.rest.if_made().map_or(0, |r| r.grace)
    }
    fn end_grace(&mut self) {
        if let Some(rest) = self.rest.made() {
            rest.grace = 0;
        }
    }
    /// Bytes up to the limit.
    pub(crate) fn room(&self) -> usize {
        self.limit.saturating_sub(self.objects.bytes)
    }
    /// Whether so many bytes more are within the limit.
    pub(crate) fn has_room(&self, n: usize) -> bool {
        n < self.limit.saturating_sub(self.objects.bytes)
    }
    /// Collects at every safepoint from now on, for tests.
    pub fn set_stress(&mut self, stress: Stress) {
        self.stress = Some(stress);
        self.threshold = 0;
    }
    /// The test mode.
    pub(crate) fn stress(&self) -> Option<Stress> {
        self.stress
    }
    /// Stops or restarts collections that nobody asked for.
    pub fn set_stopped(&mut self, stopped: bool) {
        self.stopped = stopped;
        self.set_threshold();
    }
    /// Whether collections are stopped.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }
    pub(crate) fn add_bytes(&mut self, n: usize) {
        self.objects.bytes += n;
    }
    pub(crate) fn sub_bytes(&mut self, n: usize) {
        if n > self.objects.bytes {
            self.adopt();
        }
        self.objects.bytes -= n;
    }
    /// The serial number of an object, given at the first call.
    pub(crate) fn serial_of(&mut self, header: &Header) -> u32 {
        if header.serial.get() == 0 {
            self.serial = self.serial.wrapping_add(1).max(1);
            header.serial.set(self.serial);
            self.written(header);
        }
        header.serial.get()
    }
    /// A random word, for a hash key.
    pub(crate) fn random_word(&mut self) -> u64 {
        match self.rest.made().and_then(|r| r.seed.as_mut()) {
            None => RandomState::new().hash_one(0),
            // SplitMix64.
            Some(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let z = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
                z ^ z >> 31
            }
        }
    }
    /// The hash key for a table that has this one or none and needs another: the heap's, or one of the table's own.
    pub(crate) fn other_hash_key(&mut self, than: Option<HashKey>) -> HashKey {
        match self.hash_key {
            Some(own) if than.is_none_or(|k| k.word() != own.word()) => own,
            _ => HashKey::new(self.random_word()),
        }
    }
    /// Whether a table's hash key is the heap's: the first one becomes that.
    pub(crate) fn is_own_hash_key(&mut self, key: HashKey) -> bool {
        self.hash_key.get_or_insert(key).word() == key.word()
    }
    /// Makes all random words from now on follow from a seed.
    pub fn set_seed(&mut self, seed: u64) {
        self.rest.seed = Some(seed);
    }
    /// The serial number that was given last.
    pub fn serial_counter(&self) -> u32 {
        self.serial
    }
    /// Sets it: a thawed heap goes on counting.
    pub fn set_serial_counter(&mut self, n: u32) {
        self.serial = n;
    }
    /// Hash of a normalised key.
    pub(crate) fn hash_of(&mut self, key: Value) -> u32 {
        match known_hash(key) {
            Some(h) => h,
            None => {
                debug_assert!(key.tag & tag::HEAP_BIT != 0 && !key.is_string());
                // SAFETY: the tag says that it is a live heap object.
                let header = unsafe { &*(key.bits as *const Header) };
                hash_word(self.serial_of(header) as u64)
            }
        }
    }
    /// The number that `%p` prints for an object: the same on every machine the process moves to.
    pub fn address_of(&mut self, v: Value) -> u64 {
        let serial = if v.tag & tag::HEAP_BIT != 0 && !v.is_string() {
            // SAFETY: the tag says that it is a heap object, and a value's object is live (rule 1).
            self.serial_of(unsafe { &*(v.bits as *const Header) }) as u64
        } else if let Some(s) = v.as_string()
            && s.len > crate::value::string::MAX_ATOM_BYTES
        {
            // Long strings of the same contents are different objects.
            return v.bits;
        } else {
            match known_hash(v) {
                Some(h) => h as u64,
                None => 0,
            }
        };
        0x5500_0000_0000 + serial * 32
    }

    // Allocation.

    /// An empty table.
    #[inline]
    pub fn table(&mut self) -> Ref<Table> {
        self.objects.table()
    }
    /// The objects, for what makes some in a way of its own.
    #[inline(always)]
    pub(crate) fn objects(&mut self) -> &mut Objects {
        &mut self.objects
    }
    /// A string: the atom if there is one, else a new object.
    pub fn string(&mut self, bytes: &[u8]) -> Value {
        self.objects.string(bytes)
    }
    /// A string whose bytes, all zero at first, are still to be written ([`Heap::write_string`]): a long one, made piece
    /// by piece. Nothing may ask for its hash before that is done.
    pub fn unfinished_string(&mut self, len: usize) -> Value {
        self.objects.unfinished_string(len)
    }
    /// A string of `len` bytes that `fill` writes; the bytes it finds are zero.
    pub(crate) fn string_with(&mut self, len: usize, fill: impl FnOnce(&mut [u8])) -> Value {
        self.objects.string_with(len, fill)
    }
    /// A Lua closure whose upvalues are all to be set by the caller before the next safepoint.
    pub fn closure(&mut self, proto: *const Proto, count: usize) -> Ref<Closure> {
        self.objects.closure(proto, count)
    }
    /// A native function with upvalues.
    pub fn native_closure(&mut self, native: &'static Native, upvalues: &[Value]) -> Ref<NativeClosure> {
        self.objects.native_closure(native, upvalues)
    }
    /// A closed upvalue.
    pub fn upvalue(&mut self, v: Value) -> Ref<Upvalue> {
        self.objects.upvalue(v)
    }
    /// A userdata.
    pub fn userdata(&mut self, resource: u64, metatable: Option<Ref<Table>>) -> Ref<Userdata> {
        self.objects.userdata(resource, metatable)
    }
    /// A buffer for a native's state.
    pub fn buffer(&mut self, state: impl State) -> Ref<Buffer> {
        self.objects.buffer(state)
    }
    /// A coroutine with an empty stack.
    pub fn thread(&mut self) -> Ref<Thread> {
        self.objects.thread()
    }
    /// A table with room for `array` and `fields` entries. Sizes past the largest are cut.
    pub fn table_sized(&mut self, array: usize, fields: usize) -> Ref<Table> {
        let cut = |n: usize| n.min(1 << 26) as u32;
        self.table_of_size(cut(array), cut(fields))
    }
    /// A name that is likely an atom.
    pub fn name(&mut self, bytes: &[u8]) -> Value {
        match find_atom(bytes) {
            Some(s) => Value::object(tag::ATOM, s),
            None => self.objects.new_string(bytes),
        }
    }
    /// A name that becomes an atom: for the libraries' own, which are finite.
    pub fn atom(&mut self, bytes: &[u8]) -> Value {
        match crate::value::string::make_atom(bytes) {
            Some(s) => Value::object(tag::ATOM, s),
            None => self.objects.new_string(bytes),
        }
    }
    /// Writes some bytes of an unfinished string. False, and nothing is written, if it is none or they do not fit: what a
    /// frozen process says of itself may be wrong.
    pub fn write_string(&mut self, string: Value, at: usize, bytes: &[u8]) -> bool {
        let Some(s) = string.as_string().filter(|s| string.tag == tag::STRING && s.header.serial.get() == 0) else {
            return false;
        };
        let end = s.bytes().as_ptr_range().end as usize;
        let source = bytes.as_ptr_range();
        let apart = source.start as usize >= end || source.end as usize <= s.bytes().as_ptr() as usize;
        if !apart || at.checked_add(bytes.len()).is_none_or(|end| end > s.len) {
            return false;
        }
        // SAFETY:
        // * a live string of this heap, alone: no module and no other heap shares it.
        // * its bytes follow it, and the place is inside.
        // * `bytes` is elsewhere, so no reference to what is written is alive: the caller holds none to the string's bytes.
        unsafe {
            let to = s.as_ptr().add(1).cast::<u8>().add(at);
            to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
        true
    }
    /// A string of these parts.
    #[inline]
    pub(crate) fn joined_string(&mut self, parts: &[&[u8]]) -> Value {
        self.objects.string_of(parts)
    }
    /// Keeps a module while this heap may hold its code or constants.
    pub fn keep_module(&mut self, module: &Arc<Module>) {
        self.modules.keep(module);
    }
    /// A module that it keeps was loaded by its process: it takes as much as that. So what `load` makes and nobody keeps is
    /// collected like other garbage.
    pub fn count_loaded(&mut self, module: &Module) {
        self.objects.bytes += self.modules.count(module);
    }
    /// The module at an address, if it keeps that.
    pub fn module_at(&self, module: *const Module) -> Option<&Arc<Module>> {
        self.modules.find(module)
    }
    /// The modules that it keeps.
    pub fn modules(&self) -> &[Arc<Module>] {
        self.modules.list()
    }
    /// Notes an object whose metatable has just got `__gc`.
    pub(crate) fn set_finalizable(&mut self, object: *mut Header) {
        // SAFETY: `object` is live.
        let mark = unsafe { &(*object).mark };
        if mark.get() & FINALIZER == 0 {
            mark.set(mark.get() | FINALIZER);
            self.rest.finalizable.push(object);
        }
    }
    /// Fills the list of objects with finalizers, latest marked first, and the queue; false if an object comes twice.
    pub fn set_finalizer_lists(&mut self, finalizable: &[Value], queue: &[Value]) -> bool {
        for v in finalizable.iter().chain(queue) {
            debug_assert!(matches!(v.tag, tag::TABLE | tag::USERDATA));
            // SAFETY: the tag says that it is a live object.
            let mark = unsafe { &(*(v.bits as *const Header)).mark };
            if mark.get() & FINALIZER != 0 {
                return false;
            }
            mark.set(mark.get() | FINALIZER);
        }
        if !finalizable.is_empty() {
            self.rest.finalizable.extend(finalizable.iter().rev().map(|v| v.bits as *mut Header));
        }
        if !queue.is_empty() {
            self.rest.to_finalize.extend(queue.iter().map(|v| v.bits as *mut Header));
        }
        true
    }
    /// Takes the next object whose finalizer is to run; it becomes an ordinary one.
    pub(crate) fn take_finalizable(&mut self) -> Option<Value> {
        let object = self.rest.made()?.to_finalize.pop_front()?;
        // SAFETY: objects of the queue are live.
        unsafe {
            (*object).mark.set((*object).mark.get() & !FINALIZER);
            Some(value_of(object))
        }
    }
    /// Whether finalizers wait.
    #[inline]
    pub(crate) fn has_finalizers_waiting(&self) -> bool {
        self.rest.if_made().is_some_and(|r| !r.to_finalize.is_empty())
    }
    /// Whether there are objects with finalizers.
    pub(crate) fn has_finalizers(&self) -> bool {
        self.has_finalizers_waiting() || self.rest.if_made().is_some_and(|r| !r.finalizable.is_empty())
    }
    /// Queues every object with a finalizer, at the end of a process (manual 2.5.3: in reverse order of marking).
    pub(crate) fn finalize_all(&mut self) {
        if let Some(rest) = self.rest.made() {
            rest.to_finalize.extend(rest.finalizable.drain(..).rev());
        }
        // None of them is marked yet, if a collection goes on.
        self.queue_marked = 0;
    }
    /// Frees one object.
    ///
    /// # Safety
    /// It is out of every list and nothing refers to it.
    unsafe fn free(&mut self, object: *mut Header) {
        // SAFETY: nothing refers to the object (the caller's promise), so its parts and then its block go.
        unsafe {
            let (layout, parts) = extent(object);
            match (*object).kind {
                ObjectKind::Table => {
                    let t = &*object.cast::<Table>();
                    if t.is_unfilled() {
                        self.unfilled_freed();
                    }
                    t.free_parts();
                }
                ObjectKind::Thread => std::ptr::drop_in_place(object.cast::<Thread>()),
                ObjectKind::Buffer => std::ptr::drop_in_place(object.cast::<Buffer>()),
                _ => {}
            }
            self.objects.bytes -= layout.size() + parts;
            dealloc(object.cast(), layout);
        }
    }
}

impl Heap {
    /// Objects by what they are: their number, and bytes with their parts.
    pub fn census(&self) -> Vec<(ObjectKind, usize, usize)> {
        let mut kinds: Vec<(ObjectKind, usize, usize)> = Vec::new();
        for mut object in [self.objects.first, self.sweeping, self.lazy_first()] {
            while !object.is_null() {
                // SAFETY: an object in a list of the heap was not freed.
                let (kind, bytes, next) = unsafe {
                    let (layout, parts) = extent(object);
                    ((*object).kind, layout.size() + parts, (*object).next.get())
                };
                match kinds.iter_mut().find(|k| k.0 == kind) {
                    Some(k) => (k.1, k.2) = (k.1 + 1, k.2 + bytes),
                    None => kinds.push((kind, 1, bytes)),
                }
                object = next;
            }
        }
        kinds
    }
    /// Frees so many objects of a heap that is not used any more; true if none is left.
    pub(crate) fn release(&mut self, mut most: usize) -> bool {
        self.adopt();
        loop {
            let list = if self.objects.first.is_null() { &mut self.sweeping } else { &mut self.objects.first };
            let object = *list;
            if object.is_null() {
                return true;
            }
            if most == 0 {
                return false;
            }
            most -= 1;
            // SAFETY: each object is in exactly one list, and nobody refers to those of a heap that is not used any more.
            unsafe {
                *list = (*object).next.get();
                self.free(object);
            }
        }
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        self.release(usize::MAX);
        self.free_lazy();
    }
}

/// The layout with which an object was allocated, and the bytes of its parts.
///
/// # Safety
/// It is live, or nothing of it was freed yet.
#[inline(always)]
unsafe fn extent(object: *mut Header) -> (Layout, usize) {
    // SAFETY: the kind, which is written once, says what the object is.
    unsafe {
        match (*object).kind {
            ObjectKind::String => (Str::layout((*object.cast::<Str>()).len), 0),
            ObjectKind::Table => {
                let t = &*object.cast::<Table>();
                (t.block_layout(), t.bytes())
            }
            ObjectKind::Closure => (closure_layout((*object.cast::<Closure>()).count), 0),
            ObjectKind::NativeClosure => (native_closure_layout((*object.cast::<NativeClosure>()).count), 0),
            ObjectKind::Userdata => (Layout::new::<Userdata>(), 0),
            ObjectKind::Upvalue => (Layout::new::<Upvalue>(), 0),
            ObjectKind::Thread => (Layout::new::<Thread>(), (*object.cast::<Thread>()).bytes()),
            ObjectKind::Buffer => (Layout::new::<Buffer>(), size_of_val(&**(*object.cast::<Buffer>()).state.as_ptr())),
        }
    }
}
/// Whether the system has so many bytes in one piece now, and some more. Asked before large blocks are taken where no
/// error can be returned; nothing is touched, so it costs about two calls of the system. Blocks that are not large are
/// taken on trust.
pub(crate) fn can_allocate(n: usize) -> bool {
    const LARGE: usize = 1 << 20;
    /// What an allocator may want beside the block itself.
    const MORE: usize = 16 << 20;
    if n < LARGE {
        return true;
    }
    let Ok(layout) = Layout::array::<u8>(n.saturating_add(MORE)) else { return false };
    // SAFETY: the size is not 0; the block is given back at once, with its layout.
    unsafe {
        let p = std::hint::black_box(alloc(layout));
        if p.is_null() {
            return false;
        }
        dealloc(p, layout);
    }
    true
}

/// The value that names an object.
///
/// # Safety
/// `object` is live.
pub unsafe fn value_of(object: *mut Header) -> Value {
    // SAFETY: the object is live (the caller's promise), and begins with its header.
    let tag = match unsafe { (*object).kind } {
        ObjectKind::String => tag::STRING,
        ObjectKind::Table => tag::TABLE,
        ObjectKind::Closure => tag::CLOSURE,
        ObjectKind::NativeClosure => tag::NATIVE_CLOSURE,
        ObjectKind::Userdata => tag::USERDATA,
        ObjectKind::Thread => tag::THREAD,
        ObjectKind::Upvalue => tag::UPVALUE,
        ObjectKind::Buffer => tag::BUFFER,
    };
    Value::object(tag, object)
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
