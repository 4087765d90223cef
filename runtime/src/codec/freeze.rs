//! A process to bytes.
//!
//! Journey: a stopped [`Vm`] -> **bytes**. Objects are numbered as they are found, breadth first: the coroutine of the
//! main function is 0, the globals 1, the registry 2. Each has an entry in the directory (its kind and sizes; strings and
//! buffers are there whole) and a body. The bytes are header, directory, bodies, roots; spec/format.md has them one by
//! one.
//!
//! Always: tables are written as they lie, node by node, so that a traversal in progress goes on. A dead key is written
//! last of all, when it is known whether its object still lives.

use super::wire::Write;
use super::{KEYED, Numbers, VERSION, code, kind, words};
use rlua_machine::heap::{Header, ObjectKind};
use rlua_machine::stdlib::NativeState;
use rlua_machine::value::function::{NativeClosure, Upvalue};
use rlua_machine::value::string::Str;
use rlua_machine::value::table::Node;
use rlua_machine::value::userdata::{Buffer, Userdata};
use rlua_machine::value::{Closure, Pid, Table, Value, tag};
use rlua_machine::vm::load::{Literals, Module};
use rlua_machine::vm::thread::{Thread, flags};
use rlua_machine::vm::{Exit, Left, Vm};
use std::fmt;

/// Why a process cannot be frozen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FreezeError {
    /// Its main function has returned or failed.
    Ended,
    /// It has more than 2^32 objects.
    TooLarge,
    /// The state of a native cannot be written; its name.
    Native(String),
}

impl fmt::Display for FreezeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FreezeError::Ended => f.write_str("the process has ended"),
            FreezeError::TooLarge => f.write_str("the process has too many objects"),
            FreezeError::Native(what) => write!(f, "the state of a native function cannot be written: {what}"),
        }
    }
}

impl std::error::Error for FreezeError {}

/// The bytes of a process that is stopped between two runs. The process itself stays as it is.
pub fn freeze(vm: &mut Vm) -> Result<Vec<u8>, FreezeError> {
    Freezer::new(true).process(vm)
}

/// As [`freeze`], but modules are named by their hashes alone: whoever thaws must know them.
pub fn freeze_without_code(vm: &mut Vm) -> Result<Vec<u8>, FreezeError> {
    Freezer::new(false).process(vm)
}

struct Freezer {
    with_code: bool,
    numbers: Numbers,
    objects: Vec<*mut Header>,
    directory: Vec<u8>,
    bodies: Vec<u8>,
    natives: Numbers,
    native_names: Vec<u8>,
    pids: Numbers,
    /// Their runtimes and serial numbers.
    pid_list: Vec<u8>,
    modules: Vec<*const Module>,
    /// Places of modules in that list, by their addresses.
    module_places: Numbers,
    failure: Option<FreezeError>,
}

impl Freezer {
    fn new(with_code: bool) -> Freezer {
        Freezer {
            with_code,
            numbers: Numbers::default(),
            objects: Vec::new(),
            directory: Vec::new(),
            bodies: Vec::with_capacity(1024),
            natives: Numbers::default(),
            native_names: Vec::new(),
            pids: Numbers::default(),
            pid_list: Vec::new(),
            modules: Vec::new(),
            module_places: Numbers::default(),
            failure: None,
        }
    }
    fn process(mut self, vm: &mut Vm) -> Result<Vec<u8>, FreezeError> {
        if matches!(vm.left, Left::Exit(Exit::Finished | Exit::Failed)) {
            return Err(FreezeError::Ended);
        }
        vm.save_thread();
        let mut roots = Vec::new();
        for first in [vm.main as *mut Header, vm.globals().as_ptr().cast(), vm.registry().as_ptr().cast()] {
            self.number(first);
        }
        let running = self.number(vm.thread.cast());
        roots.number(running as u64);
        for t in std::iter::once(vm.string_metatable()).chain(vm.type_metatables()) {
            let n = self.optional(t.cast());
            roots.number(n);
        }
        self.value(&mut roots, vm.error);
        let bits = vm.in_finalizer as u8 | (vm.warnings as u8) << 1 | (vm.exiting as u8) << 2;
        roots.byte(bits | (vm.heap.is_stopped() as u8) << 3);
        roots.number(match vm.left {
            Left::Exit(Exit::Request(n)) => n as u64 + 1,
            _ => 0,
        });
        roots.number(vm.heap.pause as u64);
        roots.number(vm.heap.until_collection() as u64);
        roots.number(vm.heap.serial_counter() as u64);
        let (finalizable, queue) = vm.heap.finalizable_values();
        for list in [finalizable, queue] {
            roots.number(list.len() as u64);
            for v in list {
                let n = self.number(v.bits as *mut Header);
                roots.number(n as u64);
            }
        }
        // Bodies in the order of numbers; writing one may number more.
        let mut next = 0;
        let mut dead_keys = Vec::new();
        while next < self.objects.len() {
            let o = self.objects[next];
            next += 1;
            // SAFETY: reached from the roots without a safepoint since, so live (heap/mod.rs, rule 1).
            unsafe { self.body(o, &mut dead_keys) };
            if let Some(e) = self.failure.take() {
                return Err(e);
            }
        }
        let mut head = Vec::new();
        head.byte(VERSION);
        head.number(self.modules.len() as u64);
        for &m in &self.modules {
            // SAFETY: a closure of this heap keeps its module.
            let m = unsafe { &*m };
            head.byte((m.literals() == Literals::Atoms) as u8);
            head.run(m.hash());
            if self.with_code {
                head.text(&rlua_compiler::dump(m.chunk(), false));
            } else {
                head.byte(0);
            }
        }
        head.number(self.natives.len() as u64);
        head.run(&self.native_names);
        head.number(self.pids.len() as u64);
        head.run(&self.pid_list);
        head.number(self.objects.len() as u64);
        let dead_keys: Vec<(usize, Option<u32>)> =
            dead_keys.into_iter().map(|(at, address)| (at, self.numbers.get(&address).copied())).collect();
        // What is large is written down once: the directory, which most of the bytes are, becomes the whole.
        (self.objects, self.numbers) = Default::default();
        let mut bytes = self.directory;
        bytes.splice(0..0, head);
        bytes.reserve_exact(self.bodies.len() + roots.len() + 8 * dead_keys.len());
        // Dead keys in between, where their nodes are.
        let mut from = 0;
        for (at, number) in dead_keys {
            bytes.run(&self.bodies[from..at]);
            from = at;
            match number {
                Some(n) => {
                    bytes.byte(code::DEAD_OBJECT);
                    bytes.number(n as u64);
                }
                None => bytes.byte(code::DEAD),
            }
        }
        bytes.run(&self.bodies[from..]);
        bytes.run(&roots);
        Ok(bytes)
    }
    /// The number of an object, given at the first call.
    fn number(&mut self, o: *mut Header) -> u32 {
        let next = self.objects.len() as u32;
        match self.numbers.entry(o as u64) {
            std::collections::hash_map::Entry::Occupied(e) => *e.get(),
            std::collections::hash_map::Entry::Vacant(e) => {
                if next == u32::MAX {
                    self.failure = Some(FreezeError::TooLarge);
                    return 0;
                }
                e.insert(next);
                self.objects.push(o);
                // SAFETY: live, as its body's.
                unsafe { self.entry(o) };
                next
            }
        }
    }
    /// 0 for null, else the number and 1.
    fn optional(&mut self, o: *mut Header) -> u64 {
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
    /// The entry in the directory.
    unsafe fn entry(&mut self, o: *mut Header) {
        // SAFETY: the caller gives a live object, whose kind says what it is.
        unsafe {
            match (*o).kind {
                ObjectKind::String => {
                    let bytes = (*o.cast::<Str>()).bytes();
                    match words::find(bytes) {
                        Some(word) => {
                            self.directory.byte(kind::WORD);
                            self.directory.number(word);
                        }
                        None => {
                            self.directory.byte(kind::STRING);
                            self.directory.text(bytes);
                        }
                    }
                }
                ObjectKind::Table => {
                    let t = &*o.cast::<Table>();
                    t.touch();
                    if let Some(library) = t.library() {
                        self.directory.byte(kind::LIBRARY);
                        self.directory.text(library.name().as_bytes());
                        return;
                    }
                    self.directory.byte(kind::TABLE);
                    self.directory.number(t.asize.get() as u64);
                    let bits = if t.has_nodes() { (t.mask.get() + 1).trailing_zeros() + 1 } else { 0 };
                    match t.hash_key() {
                        None => self.directory.byte(bits as u8),
                        Some(own) => {
                            self.directory.byte(bits as u8 | KEYED);
                            self.directory.run(&own.word().to_le_bytes());
                        }
                    }
                }
                ObjectKind::Closure => {
                    let c = &*o.cast::<Closure>();
                    let module = self.module((*c.proto).module);
                    self.directory.byte(kind::CLOSURE);
                    self.directory.number(module);
                    self.directory.number((*c.proto).index as u64);
                }
                ObjectKind::NativeClosure => {
                    let c = &*o.cast::<NativeClosure>();
                    let native = self.native(c.native as *const _ as u64);
                    self.directory.byte(kind::NATIVE_CLOSURE);
                    self.directory.number(native);
                    self.directory.number(c.count as u64);
                }
                ObjectKind::Userdata => self.directory.byte(kind::USERDATA),
                ObjectKind::Thread => {
                    let t = &*o.cast::<Thread>();
                    self.directory.byte(kind::THREAD);
                    self.directory.number(t.slots_in_use() as u64);
                    self.directory.number(t.depth_of_frames() as u64);
                }
                ObjectKind::Upvalue => self.directory.byte(kind::UPVALUE),
                ObjectKind::Buffer => {
                    let b = &*o.cast::<Buffer>();
                    self.directory.byte(kind::BUFFER);
                    match postcard::to_allocvec(&*NativeState::of(b)) {
                        Ok(bytes) => self.directory.text(&bytes),
                        Err(e) => self.failure = Some(FreezeError::Native(e.to_string())),
                    }
                }
            }
        }
    }
    unsafe fn body(&mut self, o: *mut Header, dead_keys: &mut Vec<(usize, u64)>) {
        // SAFETY: as in `entry`.
        unsafe {
            let mut out = std::mem::take(&mut self.bodies);
            if !matches!((*o).kind, ObjectKind::String | ObjectKind::Buffer) {
                out.number((*o).serial.get() as u64);
            }
            match (*o).kind {
                ObjectKind::String | ObjectKind::Buffer => {}
                ObjectKind::Table => {
                    let t = &*o.cast::<Table>();
                    let meta = self.optional(t.metatable.get().cast());
                    out.number(meta);
                    if t.library().is_none() {
                        out.number(t.last_free() as u64);
                        out.number(t.border_hint.get() as u64);
                        for &v in t.array_part() {
                            self.value(&mut out, v);
                        }
                        for n in t.node_part() {
                            self.node(&mut out, n, dead_keys);
                        }
                    }
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
                        self.value(&mut out, v.get());
                    }
                }
                ObjectKind::Userdata => {
                    let u = &*o.cast::<Userdata>();
                    let meta = self.optional(u.metatable.get().cast());
                    out.number(meta);
                    out.number(u.resource.get());
                    self.value(&mut out, u.user_value.get());
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
                        self.value(&mut out, u.get());
                    }
                }
                ObjectKind::Thread => self.thread(&mut out, &*o.cast::<Thread>()),
            }
            self.bodies = out;
        }
    }
    fn node(&mut self, out: &mut Vec<u8>, n: &Node, dead_keys: &mut Vec<(usize, u64)>) {
        match n.key_tag as u64 {
            tag::NIL => return out.byte(code::EMPTY),
            // Its code is put here at the end.
            tag::DEAD_KEY => dead_keys.push((out.len(), n.key_bits)),
            _ => self.value(out, n.key()),
        }
        self.value(out, n.value());
        out.signed(n.next as i64);
    }
    unsafe fn thread(&mut self, out: &mut Vec<u8>, t: &Thread) {
        // SAFETY: the pointers of a live coroutine's frames are into its code and stack.
        unsafe {
            out.byte(t.status as u8 | (t.failed as u8) << 2 | (t.closing as u8) << 3);
            out.number(t.no_yield as u64);
            let on_chain = matches!(
                t.status,
                rlua_machine::vm::thread::Status::Running | rlua_machine::vm::thread::Status::Normal
            );
            out.number(if on_chain { t.depth as u64 } else { 0 });
            let resumer = self.optional(t.resumer.cast());
            out.number(resumer);
            out.number(t.top.offset_from(t.stack) as u64);
            for &v in t.slots(t.slots_in_use()) {
                self.value(out, v);
            }
            for f in t.frame_slice() {
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
    }
    fn value(&mut self, out: &mut Vec<u8>, v: Value) {
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
