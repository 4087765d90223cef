//! Objects to bytes: what is written of each.
//!
//! Journey: a stopped machine -> **entries and bodies** -> bytes. An object is numbered when it is first come to; its entry in the
//! directory says what it is, its body what it refers to. A large body, and a long text, is written in parts, so that whoever
//! writes can stop between two of them.
//!
//! Always: written again, an object gives the same bytes, as long as nobody has touched the machine in between. The addresses
//! are good as long as that holds: whoever has a [`Writer`] sees to it (freeze.rs).

use super::super::wire::{Counts, Length, Write};
use super::super::{EARLIER, KEYED, Numbers, code, kind, numbers::Ordered, words};
use super::FreezeError;
use rlua_machine::heap::{Header, ObjectKind};
use rlua_machine::stdlib::NativeState;
use rlua_machine::value::function::{NativeClosure, Upvalue};
use rlua_machine::value::string::Str;
use rlua_machine::value::table::Node;
use rlua_machine::value::userdata::{Buffer, Userdata};
use rlua_machine::value::{Closure, Pid, Table, Value, tag};
use rlua_machine::vm::Vm;
use rlua_machine::vm::load::Module;
use rlua_machine::vm::thread::{Status, Thread, flags};
use std::borrow::Cow;
use std::ops::Range;

/// Slots, nodes or frames of a part of a body: 64 KB at most.
pub(super) const PART: usize = 2048;

/// What was come to, and where it is in which list.
#[derive(Default)]
pub(super) struct Writer {
    pub objects: Ordered,
    /// The object that is come to next, if it is one for the first time; the last one, while it is not known which that is.
    next: usize,
    pub natives: Numbers,
    pub native_names: Vec<u8>,
    pub pids: Numbers,
    /// Their runtimes and serial numbers.
    pub pid_list: Vec<u8>,
    pub modules: Vec<*const Module>,
    /// Places of modules in that list, by their addresses.
    module_places: Numbers,
    /// Entries of objects, as they are come to, as long as they are kept.
    pub directory: Vec<u8>,
    /// How many bytes of them and of bodies are kept at most.
    pub most: usize,
    /// Since there were more: how many bytes of both were not kept.
    pub passed: Option<u64>,
    /// Dead keys, for which nothing is written yet: where in the bodies, and their addresses.
    pub dead_keys: Vec<(usize, u64)>,
    /// All have been come to.
    pub is_again: bool,
    pub failure: Option<FreezeError>,
}

// SAFETY: modules are shared by all threads, and kept by the machine; the other addresses are looked at by who has that alone.
unsafe impl Send for Writer {}

impl Writer {
    /// Keeps so many bytes of what it writes at most.
    pub fn new(most: usize) -> Writer {
        Writer { most, ..Writer::default() }
    }
    /// The number of an object, given at the first call.
    #[inline]
    pub fn number(&mut self, o: *mut Header) -> u32 {
        if self.is_again {
            return self.number_again(o as u64);
        }
        let (number, is_new) = self.objects.insert(o as u64);
        if is_new {
            self.come_to(o);
        }
        number
    }
    /// Most are come to once: in the order in which they were.
    #[inline]
    fn number_again(&mut self, address: u64) -> u32 {
        if self.objects.at(self.next) == Some(address) {
            self.next += 1;
            return self.next as u32 - 1;
        }
        self.objects.get(address).expect("nothing has changed since it was come to")
    }
    /// All have been come to: they are written again, from the first on.
    pub fn begin_again(&mut self) {
        (self.is_again, self.next) = (true, 0);
    }
    fn come_to(&mut self, o: *mut Header) {
        if self.objects.len() >= u32::MAX as usize {
            self.failure = Some(FreezeError::TooLarge);
        }
        if self.passed.is_some() {
            let mut length = Length::default();
            // SAFETY: live, as its body's.
            let text = unsafe { self.entry(o, &mut length) };
            self.pass(length.0 + text.len() as u64);
            return;
        }
        let mut out = std::mem::take(&mut self.directory);
        // SAFETY: as above.
        let text = unsafe { self.entry(o, &mut out) };
        if out.len() + text.len() > self.most {
            self.pass((out.len() + text.len()) as u64);
        } else {
            out.run(&text);
            self.directory = out;
        }
    }
    /// So much was written, and is not kept.
    pub fn pass(&mut self, bytes: u64) {
        self.passed = Some(self.passed.unwrap_or(0) + bytes);
    }
    /// 0 for null, else the number and 1.
    pub fn optional(&mut self, o: *mut Header) -> u64 {
        if o.is_null() { 0 } else { self.number(o) as u64 + 1 }
    }
    fn native(&mut self, bits: u64) -> u64 {
        let next = self.natives.len() as u32;
        match self.natives.entry(bits) {
            std::collections::hash_map::Entry::Occupied(e) => *e.get() as u64,
            std::collections::hash_map::Entry::Vacant(e) => {
                e.insert(next);
                let native = Vm::native_in(Value { tag: tag::NATIVE, bits }).expect("a native");
                self.native_names.text(native.name.as_bytes());
                next as u64
            }
        }
    }
    fn pid(&mut self, pid: Pid) -> u64 {
        let next = self.pids.len() as u32;
        match self.pids.entry(pid.bits()) {
            std::collections::hash_map::Entry::Occupied(e) => *e.get() as u64,
            std::collections::hash_map::Entry::Vacant(e) => {
                e.insert(next);
                self.pid_list.run(&pid.runtime().id().to_le_bytes());
                self.pid_list.number(pid.serial());
                next as u64
            }
        }
    }
    fn module(&mut self, m: *const Module) -> u64 {
        let next = self.modules.len() as u32;
        let place = *self.module_places.entry(m as u64).or_insert(next);
        if place == next {
            self.modules.push(m);
        }
        place as u64
    }
    /// The entry in the directory, and the text that ends it.
    pub unsafe fn entry(&mut self, o: *mut Header, out: &mut impl Counts) -> Cow<'static, [u8]> {
        // SAFETY: the caller gives a live object, whose kind says what it is, and stays as it is for as long as it says.
        unsafe {
            match (*o).kind {
                ObjectKind::String => {
                    let bytes = (*o.cast::<Str>()).bytes();
                    match words::find(bytes) {
                        Some(word) => {
                            out.byte(kind::WORD);
                            out.number(word);
                        }
                        None => {
                            out.byte(kind::STRING);
                            out.number(bytes.len() as u64);
                            return Cow::Borrowed(bytes);
                        }
                    }
                }
                ObjectKind::Table => {
                    let t = &*o.cast::<Table>();
                    t.touch();
                    if let Some(library) = t.library() {
                        out.byte(kind::LIBRARY);
                        out.text(library.name().as_bytes());
                        return Cow::Borrowed(&[]);
                    }
                    out.byte(kind::TABLE);
                    out.number(t.asize.get() as u64);
                    let bits = if t.has_nodes() { (t.mask.get() + 1).trailing_zeros() + 1 } else { 0 };
                    match t.hash_key() {
                        None => out.byte(bits as u8),
                        Some(own) if own.is_earlier() => out.byte(bits as u8 | EARLIER),
                        Some(own) => {
                            out.byte(bits as u8 | KEYED);
                            out.run(&own.word().to_le_bytes());
                        }
                    }
                }
                ObjectKind::Closure => {
                    let c = &*o.cast::<Closure>();
                    let module = self.module((*c.proto).module);
                    out.byte(kind::CLOSURE);
                    out.number(module);
                    out.number((*c.proto).index as u64);
                }
                ObjectKind::NativeClosure => {
                    let c = &*o.cast::<NativeClosure>();
                    let native = self.native(c.native as *const _ as u64);
                    out.byte(kind::NATIVE_CLOSURE);
                    out.number(native);
                    out.number(c.count as u64);
                }
                ObjectKind::Userdata => out.byte(kind::USERDATA),
                ObjectKind::Thread => {
                    let t = &*o.cast::<Thread>();
                    out.byte(kind::THREAD);
                    out.number(t.slots_in_use() as u64);
                    out.number(t.depth_of_frames() as u64);
                }
                ObjectKind::Upvalue => out.byte(kind::UPVALUE),
                ObjectKind::Buffer => {
                    let b = &*o.cast::<Buffer>();
                    out.byte(kind::BUFFER);
                    match postcard::to_allocvec(&*NativeState::of(b)) {
                        Ok(bytes) => {
                            out.number(bytes.len() as u64);
                            return Cow::Owned(bytes);
                        }
                        Err(e) => self.failure = Some(FreezeError::Native(e.to_string())),
                    }
                }
            }
        }
        Cow::Borrowed(&[])
    }
    /// Writes a part of a body, from what has that number in it on: [`PART`] slots, nodes or frames at most. Where the next part
    /// begins; none: that was the last.
    pub unsafe fn body(&mut self, o: *mut Header, from: usize, out: &mut impl Counts) -> Option<usize> {
        // SAFETY: as in `entry`.
        unsafe {
            if from == 0 && !matches!((*o).kind, ObjectKind::String | ObjectKind::Buffer) {
                out.number((*o).serial.get() as u64);
            }
            match (*o).kind {
                ObjectKind::String | ObjectKind::Buffer => {}
                ObjectKind::Table => {
                    let t = &*o.cast::<Table>();
                    if from == 0 {
                        let meta = self.optional(t.metatable.get().cast());
                        out.number(meta);
                        if t.library().is_some() {
                            return None;
                        }
                        out.number(t.last_free() as u64);
                        out.number(t.border_hint.get() as u64);
                    }
                    let (array, nodes) = (t.array_part(), t.node_part());
                    let both = (array.len(), nodes.len());
                    for &v in &array[part(from, 0, both.0)] {
                        self.value(out, v);
                    }
                    for n in &nodes[part(from, both.0, both.1)] {
                        self.node(out, n);
                    }
                    return next_part(from, both.0 + both.1);
                }
                ObjectKind::Closure => {
                    let c = &*o.cast::<Closure>();
                    for i in 0..c.count {
                        let n = self.number((*c.cells().add(i)).cast());
                        out.number(n as u64);
                    }
                }
                ObjectKind::NativeClosure => {
                    for v in (*o.cast::<NativeClosure>()).upvalues() {
                        self.value(out, v.get());
                    }
                }
                ObjectKind::Userdata => {
                    let u = &*o.cast::<Userdata>();
                    let meta = self.optional(u.metatable.get().cast());
                    out.number(meta);
                    out.number(u.resource.get());
                    self.value(out, u.user_value.get());
                }
                ObjectKind::Upvalue => {
                    let u = &*o.cast::<Upvalue>();
                    if u.is_open() {
                        let owner = u.owner();
                        let n = self.number(owner.cast());
                        out.byte(1);
                        out.number(n as u64);
                        out.number(u.location.get().offset_from((*owner).stack) as u64);
                    } else {
                        out.byte(0);
                        self.value(out, u.get());
                    }
                }
                ObjectKind::Thread => return self.thread(out, &*o.cast::<Thread>(), from),
            }
        }
        None
    }
    /// A dead key, when all that lives is known.
    pub fn dead_key(&self, out: &mut impl Counts, address: u64) {
        match self.objects.get(address) {
            Some(n) => {
                out.byte(code::DEAD_OBJECT);
                out.number(n as u64);
            }
            None => out.byte(code::DEAD),
        }
    }
    fn node(&mut self, out: &mut impl Counts, n: &Node) {
        match n.key_tag as u64 {
            tag::NIL => return out.byte(code::EMPTY),
            tag::DEAD_KEY if self.is_again => self.dead_key(out, n.key_bits),
            // Its code is put here at the end.
            tag::DEAD_KEY => self.dead_keys.push((out.written(), n.key_bits)),
            _ => self.value(out, n.key()),
        }
        self.value(out, n.value());
        out.signed(n.next as i64);
    }
    unsafe fn thread(&mut self, out: &mut impl Counts, t: &Thread, from: usize) -> Option<usize> {
        // SAFETY: the pointers of a live coroutine's frames are into its code and stack.
        unsafe {
            if from == 0 {
                out.byte(t.status as u8 | (t.failed as u8) << 2 | (t.closing as u8) << 3);
                out.number(t.no_yield as u64);
                let on_chain = matches!(t.status, Status::Running | Status::Normal);
                out.number(if on_chain { t.depth as u64 } else { 0 });
                let resumer = self.optional(t.resumer.cast());
                out.number(resumer);
                out.number(t.top.offset_from(t.stack) as u64);
            }
            let (slots, frames) = (t.slots(t.slots_in_use()), t.frame_slice());
            for &v in &slots[part(from, 0, slots.len())] {
                self.value(out, v);
            }
            for f in &frames[part(from, slots.len(), frames.len())] {
                let pc = match f.proto() {
                    Some(p) => f.pc.offset_from(p.code) as u64,
                    // A native's register for an error; without a meaning unless it catches.
                    None if f.flags & (flags::CATCH | flags::UNWINDING) != 0 => f.pc as u64,
                    None => 0,
                };
                out.byte(f.kind as u8);
                out.byte(f.then as u8);
                out.number(pc);
                out.number(f.base.offset_from(t.stack) as u64);
                out.signed(f.results as i64);
                out.number(f.shift as u64);
                out.number(f.state as u64);
                out.number(f.flags as u64);
            }
            if let Some(next) = next_part(from, slots.len() + frames.len()) {
                return Some(next);
            }
            out.number(t.to_close.len() as u64);
            for &i in t.to_close.iter() {
                out.number(i as u64);
            }
            match &t.hook {
                None => out.byte(0),
                Some(h) => {
                    out.byte(1 | (h.again as u8) << 1);
                    self.value(out, h.function);
                    out.byte(h.mask);
                    out.byte(h.told);
                    for n in [h.count, h.left, h.old_pc, h.transfer.0, h.transfer.1] {
                        out.number(n as u64);
                    }
                }
            }
        }
        None
    }
    pub fn value(&mut self, out: &mut impl Counts, v: Value) {
        match v.tag {
            tag::NIL => out.byte(code::NIL),
            tag::FALSE => out.byte(code::FALSE),
            tag::TRUE => out.byte(code::TRUE),
            tag::INT => {
                out.byte(code::INTEGER);
                out.signed(v.bits as i64);
            }
            tag::FLOAT => {
                out.byte(code::FLOAT);
                out.run(&v.bits.to_le_bytes());
            }
            tag::NATIVE => {
                let native = Vm::native_in(v).expect("a native");
                match words::find(native.name.as_bytes()) {
                    Some(word) => {
                        out.byte(code::NATIVE_WORD);
                        out.number(word);
                    }
                    None => {
                        let n = self.native(v.bits);
                        out.byte(code::NATIVE);
                        out.number(n);
                    }
                }
            }
            tag::PID => {
                let n = self.pid(Pid::from_bits(v.bits));
                out.byte(code::PID);
                out.number(n);
            }
            tag::LIGHT => {
                out.byte(code::LIGHT);
                out.number(v.bits);
            }
            // The reader of spawn snapshots does not leave any yet.
            tag::FROZEN => unreachable!("a reference into a snapshot"),
            _ => {
                let atom = v.as_string().filter(|_| v.tag == tag::ATOM);
                if let Some(word) = atom.and_then(|s| words::find(s.bytes())) {
                    out.byte(code::WORD);
                    out.number(word);
                    return;
                }
                let n = self.number(v.bits as *mut Header);
                out.byte(code::OBJECT);
                out.number(n as u64);
            }
        }
    }
}

/// Which of `count` things belong to a part that begins with number `from`, if so many come before them.
fn part(from: usize, before: usize, count: usize) -> Range<usize> {
    let place = |n: usize| n.saturating_sub(before).min(count);
    place(from)..place(from + PART)
}
/// Where the next part begins.
fn next_part(from: usize, count: usize) -> Option<usize> {
    Some(from + PART).filter(|next| *next < count)
}
