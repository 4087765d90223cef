//! A process to bytes.
//!
//! Journey: a stopped [`Vm`] -> **bytes**. Objects are numbered as they are found, breadth first: the coroutine of the
//! main function is 0, the globals 1, the registry 2. Each has an entry in the directory (its kind and sizes; strings and
//! buffers are there whole) and a body. The bytes are header, directory, bodies, roots; spec/format.md has them one by
//! one.
//!
//! What is short is kept as it is written, in one walk. Of what is long the first walk finds out what there is and how long it will
//! be, and a second one makes the bytes piece by piece, so that they are never there as a whole. The machine stands still
//! until then: a [`Freezing`] has it. (To thaw what has come before all is there, the reader might expect, would save no
//! more: the bytes are given back while they are thawed, spent.rs.)
//!
//! Always: tables are written as they lie, node by node, so that a traversal in progress goes on. A dead key is written
//! last of all, when it is known whether its object still lives. Both ways give the same bytes.

mod objects;

use super::VERSION;
use super::wire::{Length, Write};
use objects::Writer;
use rlua_machine::heap::Header;
use rlua_machine::value::{Table, tag};
use rlua_machine::vm::load::Literals;
use rlua_machine::vm::{Exit, Left, Vm};
use std::borrow::Cow;
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

/// What has a machine that nobody else has.
pub trait Owner {
    /// The machine.
    fn vm(&mut self) -> &mut Vm;
}
impl Owner for &mut Vm {
    fn vm(&mut self) -> &mut Vm {
        self
    }
}

/// The bytes of a process that is stopped between two runs. The process itself stays as it is.
pub fn freeze(vm: &mut Vm) -> Result<Vec<u8>, FreezeError> {
    whole(vm, true)
}

/// As [`freeze`], but modules are named by their hashes alone: whoever thaws must know them.
pub fn freeze_without_code(vm: &mut Vm) -> Result<Vec<u8>, FreezeError> {
    whole(vm, false)
}

fn whole(vm: &mut Vm, with_code: bool) -> Result<Vec<u8>, FreezeError> {
    match Freezing::new(vm).begin(with_code, usize::MAX)? {
        Begun::Whole(bytes) => Ok(bytes),
        Begun::Long(_) => unreachable!("it may have any length"),
    }
}

/// Whether a process can be frozen.
pub fn freezable(vm: &mut Vm) -> Result<(), FreezeError> {
    Freezing::new(vm).begin(false, 0).map(drop)
}

/// What a machine has come to when it was gone through.
pub enum Begun {
    /// Its bytes.
    Whole(Vec<u8>),
    /// They are many, so many, and are made by [`Freezing::piece`].
    Long(u64),
}

/// A machine that is written down. It is here meanwhile, so that nobody touches it.
pub struct Freezing<O> {
    owner: O,
    writer: Writer,
    /// What comes before the directory, and after the bodies.
    head: Vec<u8>,
    roots: Vec<u8>,
    stage: Stage,
    /// Bytes that are still to be made.
    left: u64,
    /// Of an entry's text, what is written yet, and how much of it was.
    text: Cow<'static, [u8]>,
    text_at: usize,
}

/// What is written next: from which byte, entry, or body and part of it on.
#[derive(Clone, Copy)]
enum Stage {
    /// Nothing is known yet, or all is written.
    None,
    Head(usize),
    Directory(usize),
    Bodies(usize, usize),
    Roots(usize),
}

impl<O: Owner> Freezing<O> {
    /// Nothing is done yet.
    pub fn new(owner: O) -> Freezing<O> {
        Freezing {
            owner,
            writer: Writer::default(),
            head: Vec::new(),
            roots: Vec::new(),
            stage: Stage::None,
            left: 0,
            text: Cow::Borrowed(&[]),
            text_at: 0,
        }
    }
    /// Gives it back, as it was.
    pub fn into_owner(self) -> O {
        self.owner
    }
    /// What comes before the directory, when the bytes are many.
    pub fn head(&self) -> &[u8] {
        &self.head
    }
    /// Goes through the machine. What is written meanwhile is kept as long as it is not more than `most`.
    pub fn begin(&mut self, with_code: bool, most: usize) -> Result<Begun, FreezeError> {
        let vm = self.owner.vm();
        if matches!(vm.left, Left::Exit(Exit::Finished | Exit::Failed)) {
            return Err(FreezeError::Ended);
        }
        vm.save_thread();
        let (mut roots, mut w) = (Vec::new(), Writer::new(most));
        for first in [vm.main as *mut Header, vm.globals().as_ptr().cast(), vm.registry().as_ptr().cast()] {
            w.number(first);
        }
        let running = w.number(vm.thread.cast());
        roots.number(running as u64);
        for t in std::iter::once(vm.string_metatable()).chain(vm.type_metatables()) {
            let n = w.optional(t.cast());
            roots.number(n);
        }
        w.value(&mut roots, vm.error);
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
                let n = w.number(v.bits as *mut Header);
                roots.number(n as u64);
            }
        }
        let bodies = bodies(&mut w)?;
        let head = head(&w, with_code);
        let Some(passed) = w.passed else { return Ok(Begun::Whole(joined(w, head, bodies, roots))) };
        let length = head.len() as u64 + passed + roots.len() as u64;
        w.begin_again();
        (self.writer, self.head, self.roots, self.stage, self.left) = (w, head, roots, Stage::Head(0), length);
        Ok(Begun::Long(length))
    }
    /// Appends the next bytes, about as many as that if there are so many left. False: there are none.
    pub fn piece(&mut self, out: &mut Vec<u8>, about: usize) -> bool {
        let from = out.len();
        let end = from + about;
        while out.len() < end && !matches!(self.stage, Stage::None) {
            self.step(out, end);
        }
        let made = (out.len() - from) as u64;
        assert!(made <= self.left, "what is written again is as long as it was");
        self.left -= made;
        assert!(self.left == 0 || !matches!(self.stage, Stage::None), "what is written again is as long as it was");
        made > 0
    }
    fn step(&mut self, out: &mut Vec<u8>, end: usize) {
        if self.text_at < self.text.len() {
            self.text_at += copy(&self.text[self.text_at..], out, end);
            return;
        }
        let w = &mut self.writer;
        self.stage = match self.stage {
            Stage::None => Stage::None,
            Stage::Head(at) if at < self.head.len() => Stage::Head(at + copy(&self.head[at..], out, end)),
            Stage::Head(_) => Stage::Directory(0),
            Stage::Directory(n) => match w.objects.at(n) {
                Some(o) => {
                    // SAFETY: it was live when it was come to, and nobody has touched the machine, which is here, since.
                    self.text = unsafe { w.entry(o as *mut Header, out) };
                    self.text_at = 0;
                    Stage::Directory(n + 1)
                }
                None => Stage::Bodies(0, 0),
            },
            Stage::Bodies(n, from) => match w.objects.at(n) {
                // SAFETY: as above.
                Some(o) => match unsafe { w.body(o as *mut Header, from, out) } {
                    Some(next) => Stage::Bodies(n, next),
                    None => Stage::Bodies(n + 1, 0),
                },
                None => Stage::Roots(0),
            },
            Stage::Roots(at) if at < self.roots.len() => Stage::Roots(at + copy(&self.roots[at..], out, end)),
            Stage::Roots(_) => Stage::None,
        };
    }
}

/// Copies as much as there is room for before `end`; how much that is.
fn copy(from: &[u8], out: &mut Vec<u8>, end: usize) -> usize {
    let n = from.len().min(end.saturating_sub(out.len()));
    out.run(&from[..n]);
    n
}

/// Writes the bodies in the order of numbers; writing one may number more. Nothing, if not all is kept.
fn bodies(w: &mut Writer) -> Result<Vec<u8>, FreezeError> {
    let mut bodies = Vec::with_capacity(1024);
    // Tables with dead keys.
    let mut with_dead_keys = Vec::new();
    let mut next = 0;
    while let Some(o) = w.objects.at(next) {
        let mut from = Some(0);
        while let Some(at) = from {
            let dead_keys = w.dead_keys.len();
            let mut length = Length::default();
            // SAFETY: reached from the roots without a safepoint since, so live (heap/mod.rs, rule 1).
            from = unsafe {
                match w.passed {
                    None => w.body(o as *mut Header, at, &mut bodies),
                    Some(_) => w.body(o as *mut Header, at, &mut length),
                }
            };
            if w.dead_keys.len() > dead_keys && with_dead_keys.last() != Some(&o) {
                with_dead_keys.push(o);
            }
            if w.passed.is_some() || bodies.len() + w.directory.len() > w.most {
                let kept = std::mem::take(&mut bodies).len() + std::mem::take(&mut w.directory).len();
                w.pass(kept as u64 + length.0);
                w.dead_keys.clear();
            }
        }
        if let Some(e) = w.failure.take() {
            return Err(e);
        }
        next += 1;
    }
    if w.passed.is_some() {
        let mut length = Length::default();
        for o in with_dead_keys {
            // SAFETY: a table that was just written.
            let table = unsafe { &*(o as *const Table) };
            for n in table.node_part().iter().filter(|n| n.key_tag as u64 == tag::DEAD_KEY) {
                w.dead_key(&mut length, n.key_bits);
            }
        }
        w.pass(length.0);
    }
    Ok(bodies)
}

fn head(w: &Writer, with_code: bool) -> Vec<u8> {
    let mut head = Vec::new();
    head.byte(VERSION);
    head.number(w.modules.len() as u64);
    for &m in &w.modules {
        // SAFETY: a closure of this heap keeps its module.
        let m = unsafe { &*m };
        head.byte((m.literals() == Literals::Atoms) as u8);
        head.run(m.hash());
        if with_code {
            head.text(&m.dump());
        } else {
            head.byte(0);
        }
    }
    head.number(w.natives.len() as u64);
    head.run(&w.native_names);
    head.number(w.pids.len() as u64);
    head.run(&w.pid_list);
    head.number(w.objects.len() as u64);
    head
}

/// All of it, in its order.
fn joined(mut w: Writer, head: Vec<u8>, bodies: Vec<u8>, roots: Vec<u8>) -> Vec<u8> {
    // What is large is written down once: the directory, which most of the bytes are, becomes the whole.
    let mut bytes = std::mem::take(&mut w.directory);
    bytes.splice(0..0, head);
    bytes.reserve_exact(bodies.len() + roots.len() + 8 * w.dead_keys.len());
    // Dead keys in between, where their nodes are.
    let mut from = 0;
    for &(at, address) in &w.dead_keys {
        bytes.run(&bodies[from..at]);
        from = at;
        w.dead_key(&mut bytes, address);
    }
    bytes.run(&bodies[from..]);
    bytes.run(&roots);
    bytes
}
