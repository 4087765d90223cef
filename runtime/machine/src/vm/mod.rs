//! The virtual machine of one process: its heap, its coroutines, and the way in and out of the interpreter.
//!
//! Journey: closure -> **frame** -> value. [`Vm::run`] executes until the reductions of a slice are used up, the main
//! function ends, or a native asks for something that only the surroundings can do ([`Exit`]). Between two runs the
//! [`Vm`] is plain data: no Rust frame holds any of its state.
//!
//! The parts: load (bytecode made ready), execute (the instructions), call, raise, coroutine and finalizer (the state
//! machine around the instructions), metamethod, arith, error and debug (messages), native (what library functions see),
//! hook (`debug.sethook`).
//!
//! Reductions are counted in `fuel`, at calls and backward jumps alone. Whoever wants the interpreter to stop soon
//! (the allocator for a collection, a limit, a signal) moves the rest of the fuel to `saved_fuel`; the cold path at
//! the next check finds out why.

pub mod access;
pub mod arith;
mod attached;
pub mod call;
pub mod coroutine;
pub mod debug;
pub mod error;
pub mod execute;
pub mod finalizer;
pub mod hook;
pub mod load;
pub mod long;
pub mod metamethod;
pub mod native;
pub mod op;
pub mod operation;
pub mod raise;
pub mod thread;
pub mod work;

use crate::heap::{Heap, Image, PIECE, Roots, STRING_METATABLE, Stress, UNITS_A_REDUCTION, Whole, look_ahead};
use crate::value::table::TableError;
use crate::value::{Ref, Table, Value, tag};
pub use attached::{Attachable, Attached, Attachment};
use load::{Literals, Module};
use native::{Native, Natives};
use std::any::Any;
use std::cell::Cell;
use std::sync::Arc;
use thread::{Continue, EXTRA_SLOTS, Frame, FrameKind, MAX_FRAMES, MAX_SLOTS, SLACK, Status, Thread};

/// Why [`Vm::run`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The slice is used up, or the process is to be looked at; run again to go on.
    Preempted,
    /// The main function returned; its results are [`Vm::results`].
    Finished,
    /// An error reached the bottom; it is [`Vm::error_value`].
    Failed,
    /// A native asks for something (its own number).
    Request(u32),
}

/// What the dispatch loop was left for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The check of reductions.
    Safepoint,
    /// `finished`, `failed` or `request` say it.
    Exit(Exit),
}

/// Results of `main` and the process-wide state a native or an embedder may use.
///
/// What every slice touches comes first, so that it lies together: a process that runs for a microsecond pays for each
/// line of the cache.
#[repr(C)]
pub struct Vm {
    // The interpreter's registers, of the running coroutine.
    /// Top frame.
    pub frame: *mut Frame,
    /// Reductions left until the next check.
    pub(crate) fuel: i64,
    /// A frame whose registers end past this needs a larger stack.
    pub(crate) stack_end: *mut Value,
    /// Past the last frame that fits.
    pub(crate) frames_end: *mut Frame,
    /// End of an open list of values; in a native, of its registers.
    pub(crate) top: *mut Value,
    /// Register 0 of the running native.
    pub base: *mut Value,
    /// The running coroutine.
    pub thread: *mut Thread,
    /// What executes instructions of the running coroutine (hook.rs).
    pub(crate) handlers: *const execute::Handlers,
    /// Set while a leaf native runs: it has no frame of its own, and this is its function's slot.
    pub(crate) leaf: *mut Value,
    /// What it was left for.
    pub left: Left,
    /// What a leaf that is not enough asks of the surroundings before it goes on as a state machine.
    pub(crate) asked: Option<u32>,
    /// It is run under its hook.
    pub(crate) hooked: bool,
    /// Stop at the next check (set by the surroundings between runs, or by natives).
    pub(crate) stop: bool,
    /// A native wanted more in one piece than its process may have in all.
    past_most: bool,
    /// `error` is to be raised before anything else.
    pub(crate) raising: bool,
    /// An unwinding that no catcher stops: the process is being ended.
    pub exiting: bool,
    /// A finalizer is running.
    pub in_finalizer: bool,
    pub(crate) saved_fuel: i64,
    /// The first coroutine.
    pub main: *mut Thread,
    /// Bytes that the system has said to have, in this slice.
    asked_for: usize,
    /// What whoever runs it hangs on it.
    pub attached: Attached,
    /// The heap.
    pub heap: Heap,

    /// Value of the error being raised.
    pub error: Value,
    /// Null as long as it is not made (heap/lazy.rs), as is the next.
    globals: Cell<*mut Table>,
    registry: Cell<*mut Table>,
    /// The metatable of strings, or null: then there is none, or it is not made.
    pub(crate) string_metatable: Cell<*mut Table>,
    /// Of nil, booleans, numbers, functions, coroutines, pids; most machines have none.
    type_metatables: Option<Box<[*mut Table; 6]>>,
    /// The metatable of strings is what the image says, and not made (heap/lazy.rs).
    string_metatable_unmade: Cell<bool>,
    /// Test mode: code is dumped, verified and loaded again before it runs.
    pub reload: bool,
    /// Warnings are printed (`warn("@on")`).
    pub warnings: bool,
    /// The last overflow of the stack was one of the room that is left to handle an overflow.
    pub(crate) overflowed_again: bool,
    /// The error being raised has no message handler.
    pub(crate) unhandled: bool,
    /// What is around it: standard streams, open files. None: nobody has asked for it yet.
    surroundings: Option<Box<dyn Surroundings>>,
    /// The natives that its values may be.
    pub natives: Natives,
}

/// A whole collection under way between two runs.
pub struct Collection {
    /// A program waits for one, too.
    is_shared: bool,
}

/// What is around a machine: streams and files, kept for the libraries. The machine itself asks little of it.
pub trait Surroundings: Any + Send {
    /// Writes out what is buffered: something else is about to be printed.
    fn flush(&mut self);
}
/// Nothing around it.
impl Surroundings for () {
    fn flush(&mut self) {}
}

// SAFETY: a Vm and its heap move between threads as a whole (heap/mod.rs, rule 3); everything else is Send.
unsafe impl Send for Vm {}

impl Vm {
    /// A fresh machine with an empty table of globals, and the natives that what comes from outside may name.
    pub fn new(surroundings: Box<dyn Surroundings>, natives: Natives) -> Vm {
        let mut vm = Vm::unborn(Some(surroundings), natives);
        vm.make_roots();
        vm
    }
    /// One that will get its globals and registry. Without surroundings, what is attached gives it some when they are needed
    /// ([`Attachment::surroundings`]).
    pub fn unborn(surroundings: Option<Box<dyn Surroundings>>, natives: Natives) -> Vm {
        let mut vm = Vm::bare(surroundings, natives);
        vm.begin();
        vm
    }
    /// As [`Vm::unborn`], before [`Vm::begin`]: so it can be put where it will stay, without a copy.
    #[inline(always)]
    pub fn bare(surroundings: Option<Box<dyn Surroundings>>, natives: Natives) -> Vm {
        Vm {
            frame: std::ptr::null_mut(),
            fuel: 0,
            stack_end: std::ptr::null_mut(),
            frames_end: std::ptr::null_mut(),
            top: std::ptr::null_mut(),
            base: std::ptr::null_mut(),
            thread: std::ptr::null_mut(),
            left: Left::Safepoint,
            asked: None,
            handlers: execute::handlers(false),
            hooked: false,
            leaf: std::ptr::null_mut(),
            heap: Heap::new(),
            error: Value::NIL,
            saved_fuel: 0,
            main: std::ptr::null_mut(),
            globals: Cell::new(std::ptr::null_mut()),
            registry: Cell::new(std::ptr::null_mut()),
            string_metatable: Cell::new(std::ptr::null_mut()),
            string_metatable_unmade: Cell::new(false),
            type_metatables: None,
            stop: false,
            in_finalizer: false,
            reload: false,
            warnings: false,
            overflowed_again: false,
            unhandled: false,
            asked_for: 0,
            past_most: false,
            raising: false,
            exiting: false,
            surroundings,
            attached: Attached::default(),
            natives,
        }
    }
    /// Gives a bare machine its main coroutine.
    pub fn begin(&mut self) {
        assert!(self.main.is_null(), "a machine begins once");
        let main = self.heap.thread().as_ptr();
        self.main = main;
        // The interpreter reads one of them where it lies.
        metamethod::name_value(metamethod::Event::Index);
        // SAFETY: `main` is a fresh thread of this heap.
        unsafe {
            (*main).status = Status::Running;
            self.load_thread(main);
        }
    }
    /// It runs soon: what a run begins with is brought from memory meanwhile, and so many lines of what is attached.
    #[inline]
    pub fn look_ahead(&self, attached_lines: usize) {
        look_ahead(self.thread, 1);
        look_ahead(self.frame, 1);
        look_ahead(self.top, 1);
        self.attached.look_ahead(attached_lines);
    }
    /// The table of globals.
    pub fn globals(&self) -> Ref<Table> {
        self.root(&self.globals, 0)
    }
    /// The registry: what the libraries keep, by name.
    pub fn registry(&self) -> Ref<Table> {
        self.root(&self.registry, 1)
    }
    #[inline]
    fn root(&self, root: &Cell<*mut Table>, record: u32) -> Ref<Table> {
        if root.get().is_null() {
            let made = self.heap.lazy().and_then(|l| l.object(record).as_table());
            root.set(made.expect("it is born").as_ptr());
        }
        // SAFETY: a root.
        unsafe { Ref::new(root.get()) }
    }
    /// Both tables, as empty ones.
    pub fn make_roots(&mut self) {
        let (globals, registry) = (self.heap.table(), self.heap.table());
        self.set_roots(globals, registry);
    }
    /// Whether there is nothing in either table.
    pub fn has_empty_roots(&self) -> bool {
        let is_empty = |t: *mut Table| {
            // SAFETY: a root, if it is not null.
            let t = unsafe { t.as_ref() };
            t.is_none_or(|t| t.asize.get() == 0 && !t.has_nodes() && t.metatable().is_none())
        };
        let roots = [self.globals.get(), self.registry.get()];
        (roots[0] != roots[1] || roots[0].is_null()) && roots.into_iter().all(is_empty)
    }
    /// Begins with an image instead of both tables.
    pub fn begin_lazy(&mut self, image: Arc<dyn Image>) {
        self.globals.set(std::ptr::null_mut());
        self.registry.set(std::ptr::null_mut());
        let has_string_metatable = image.has_string_metatable();
        self.string_metatable_unmade.set(has_string_metatable);
        self.heap.begin_lazy(image, has_string_metatable);
    }
    /// Replaces both tables.
    pub fn set_roots(&mut self, globals: Ref<Table>, registry: Ref<Table>) {
        self.globals.set(globals.as_ptr());
        self.registry.set(registry.as_ptr());
    }
    /// The metatable of strings.
    pub fn set_string_metatable(&mut self, t: Option<Ref<Table>>) {
        self.set_string_metatable_pointer(t.map_or(std::ptr::null_mut(), Ref::as_ptr));
    }
    /// As [`Vm::set_string_metatable`]; null: none.
    pub fn set_string_metatable_pointer(&mut self, t: *mut Table) {
        self.string_metatable.set(t);
        self.string_metatable_unmade.set(false);
    }
    /// The metatable of strings, or null.
    #[inline]
    pub fn string_metatable(&self) -> *mut Table {
        if self.string_metatable_unmade.get() {
            self.make_string_metatable();
        }
        self.string_metatable.get()
    }
    #[cold]
    fn make_string_metatable(&self) {
        let made = self.heap.lazy().and_then(|l| l.object(STRING_METATABLE).as_table());
        self.string_metatable.set(made.expect("the image has it").as_ptr());
        self.string_metatable_unmade.set(false);
    }
    /// Whether the metatable of strings is that of the image, and nobody has wanted it yet.
    pub fn has_unmade_string_metatable(&self) -> bool {
        self.string_metatable_unmade.get()
    }
    /// The metatable of a type other than table and userdata (`debug.setmetatable`).
    pub fn set_type_metatable(&mut self, v: Value, t: Option<Ref<Table>>) {
        let pointer = t.map_or(std::ptr::null_mut(), Ref::as_ptr);
        let index = match v.tag & 0xf {
            0 => 0,
            2 | 3 => 1,
            4 | 5 => 2,
            6 | 10 | 11 => 3,
            13 => 4,
            7 => 5,
            8 => {
                self.set_string_metatable_pointer(pointer);
                return;
            }
            _ => return,
        };
        let mut all = self.type_metatables();
        all[index] = pointer;
        self.set_type_metatables(all);
    }
    /// The metatables of nil, booleans, numbers, functions, coroutines, pids, or null.
    #[inline]
    pub fn type_metatables(&self) -> [*mut Table; 6] {
        self.type_metatables.as_deref().copied().unwrap_or([std::ptr::null_mut(); 6])
    }
    /// Whether there is one.
    pub fn has_type_metatables(&self) -> bool {
        self.type_metatables.is_some()
    }
    /// Sets them.
    pub fn set_type_metatables(&mut self, all: [*mut Table; 6]) {
        self.type_metatables = all.iter().any(|t| !t.is_null()).then(|| Box::new(all));
    }
    /// What is around it.
    pub fn surroundings(&mut self) -> &mut dyn Surroundings {
        let attached = &self.attached;
        &mut **self.surroundings.get_or_insert_with(|| attached.surroundings().unwrap_or_else(|| Box::new(())))
    }
    /// What is around it, if it has been asked for.
    pub fn known_surroundings(&mut self) -> Option<&mut dyn Surroundings> {
        match &mut self.surroundings {
            Some(s) => Some(&mut **s),
            None => None,
        }
    }
    /// Takes it away, for another machine.
    pub fn take_surroundings(&mut self) -> Box<dyn Surroundings> {
        self.surroundings();
        self.surroundings.take().expect("it was just made")
    }
    /// Compiles source text, or loads bytecode, into a function. The error is the message `load` returns.
    pub fn load(
        &mut self,
        text: &[u8],
        name: &[u8],
        mode: LoadMode,
        literals: Literals,
        env: Value,
    ) -> Result<Value, Vec<u8>> {
        let module = Vm::compile(text, name, mode, literals, self.reload)?;
        Ok(self.load_own(&module, env))
    }
    /// As [`Vm::load`], to what any machine can load. This takes long for a long text, and needs no machine.
    pub fn compile(
        text: &[u8],
        name: &[u8],
        mode: LoadMode,
        literals: Literals,
        reload: bool,
    ) -> Result<Arc<Module>, Vec<u8>> {
        let binary = text.first() == Some(&0x1b);
        let chunk = if binary {
            if mode == LoadMode::Text {
                return Err(b"attempt to load a binary chunk (mode is 't')".to_vec());
            }
            let mut message = match name.first() {
                Some(b'@' | b'=') => name[1..].to_vec(),
                Some(0x1b) => b"binary string".to_vec(),
                _ => name.to_vec(),
            };
            rlua_compiler::undump(text).map_err(|e| {
                message.extend_from_slice(format!(": {e}").as_bytes());
                message
            })?
        } else {
            if mode == LoadMode::Binary {
                return Err(b"attempt to load a text chunk (mode is 'b')".to_vec());
            }
            let chunk = rlua_compiler::compile(text, name).map_err(|e| e.message)?;
            if reload { Vm::through_bytes(chunk) } else { chunk }
        };
        Ok(Module::new(chunk, if binary { Literals::Owned } else { literals }))
    }
    /// In the test mode, a chunk after a round trip through bytes and the verifier.
    pub fn reloaded(&self, chunk: rlua_compiler::prototype::Chunk) -> rlua_compiler::prototype::Chunk {
        if self.reload { Vm::through_bytes(chunk) } else { chunk }
    }
    fn through_bytes(chunk: rlua_compiler::prototype::Chunk) -> rlua_compiler::prototype::Chunk {
        match rlua_compiler::undump(&rlua_compiler::dump(&chunk, false)) {
            Ok(again) => again,
            Err(e) => panic!("compiled code does not pass the verifier: {e}"),
        }
    }
    /// Sets up the main coroutine to call a function; [`Vm::run`] starts it.
    pub fn start(&mut self, function: Value, arguments: &[Value]) {
        // SAFETY: the main coroutine is empty; the slots are within its grown stack.
        unsafe {
            self.top = (*self.thread).stack;
            self.ensure_slots(arguments.len() + 1).ok();
            let base = self.top;
            *base = function;
            for (i, &a) in arguments.iter().enumerate() {
                *base.add(1 + i) = a;
            }
            self.top = base.add(1 + arguments.len());
        }
    }
    /// Whether it has run since it was started.
    pub fn has_begun(&self) -> bool {
        self.frame_count() > 0 || matches!(self.left, Left::Exit(_))
    }
    /// Makes the next run raise an error where the last one stopped.
    pub fn raise_next(&mut self, error: Value) {
        self.error = error;
        self.raising = true;
    }
    /// Whether the main function is returning, and what closes its variables runs. Only while the main coroutine or one
    /// that it has resumed is stopped.
    #[inline]
    pub fn main_returns(&mut self) -> bool {
        // SAFETY: the main coroutine is live; with two frames, the second lies above the first.
        let may_return = unsafe {
            let main = &*self.main;
            let top = if self.thread == self.main { self.frame } else { main.frame };
            top.offset_from(main.frames) >= 1 && (*main.frames.add(1)).then == Continue::CloseAgain
        };
        may_return && self.main_is_returning()
    }
    #[cold]
    fn main_is_returning(&mut self) -> bool {
        use rlua_compiler::opcode::Opcode;
        self.save_thread();
        // SAFETY: the main coroutine is live; its frames lie between `frames` and `frame`.
        unsafe {
            let main = &*self.main;
            if main.frame.offset_from(main.frames) < 1 {
                return false;
            }
            let (body, closing) = (&*main.frames, &*main.frames.add(1));
            let Some(p) = body.proto().filter(|_| closing.then == Continue::CloseAgain) else { return false };
            let op = p.canonical().code.get(body.current_pc() as usize).map(|i| i.opcode());
            matches!(op, Some(Opcode::Return | Opcode::Return0 | Opcode::Return1 | Opcode::TailCall))
        }
    }
    /// The error that ended the last run.
    pub fn error_value(&self) -> Value {
        self.error
    }
    /// The values that the main function returned.
    pub fn results(&self) -> Vec<Value> {
        // SAFETY: between the bottom of the main stack and its top.
        unsafe {
            let t = &*self.main;
            (0..self.top.offset_from(t.stack)).map(|i| *t.stack.offset(i)).collect()
        }
    }
    /// Runs for at most `reductions`.
    pub fn run(&mut self, reductions: i64) -> Exit {
        self.fuel = reductions;
        self.saved_fuel = 0;
        self.stop = false;
        self.asked_for = 0;
        self.heap.adopt();
        self.look_at_reserve();
        if self.heap.wants_collection() {
            if self.heap.stress().is_some() || self.raising {
                self.interrupt();
            } else {
                // What was allocated at one stroke is worked off first.
                self.collect_due();
                if self.fuel <= 0 {
                    return Exit::Preempted;
                }
            }
        }
        loop {
            match self.execute() {
                Left::Exit(exit) => {
                    self.save_thread();
                    return exit;
                }
                Left::Safepoint => {
                    self.fuel += self.saved_fuel;
                    self.saved_fuel = 0;
                    self.look_at_reserve();
                    if self.heap.wants_collection() {
                        self.collect_due();
                    } else if self.fuel <= 0 && self.heap.is_collecting() && !self.heap.is_stopped() {
                        // A cycle ends even if nothing is allocated: what it has seen is slower to write to.
                        self.collect_piece(PIECE / 4);
                    }
                    let finalizes = self.heap.has_finalizers_waiting() && !self.in_finalizer && !self.raising;
                    if finalizes && !self.is_in_native() {
                        self.push_finalizer();
                    }
                    if self.fuel <= 0 || self.stop {
                        self.save_thread();
                        return Exit::Preempted;
                    }
                }
            }
        }
    }
    /// At a safepoint: whether the system has memory makes the heap full, or no longer.
    #[inline(always)]
    fn look_at_reserve(&mut self) {
        let is_low = crate::heap::reserve::is_low();
        if is_low != self.heap.knows_low() {
            self.heap.note_reserve(is_low);
        }
    }
    /// Whether a native is in the middle of its work. No finalizer runs then: what a native reads from step to step is
    /// changed by nobody. `collectgarbage` calls those that it has found itself.
    fn is_in_native(&self) -> bool {
        // SAFETY: with a frame, `frame` is that.
        self.frame_count() > 0 && unsafe { (*self.frame).kind } == FrameKind::Native
    }
    /// Notes that finalizers run, without hooks, or that they are over.
    pub(crate) fn set_in_finalizer(&mut self, runs: bool) {
        self.in_finalizer = runs;
        self.refresh_hook();
    }
    /// Whether a finalizer is running.
    pub fn in_finalizer(&self) -> bool {
        self.in_finalizer
    }
    /// Reductions that the last run did not use.
    pub fn fuel_left(&self) -> i64 {
        self.fuel + self.saved_fuel
    }
    /// Makes the interpreter come to the next safepoint soon. If it is due, it is not put off.
    #[inline]
    pub(crate) fn interrupt(&mut self) {
        if self.fuel >= 0 {
            self.saved_fuel += self.fuel;
            self.fuel = 0;
        }
    }
    /// Ends the slice at the next safepoint.
    pub fn request_stop(&mut self) {
        self.stop = true;
        self.interrupt();
    }
    /// Whether the slice was ended on request.
    pub fn stop_requested(&self) -> bool {
        self.stop
    }
    /// The error of a full heap. As in the reference no message handler sees it.
    pub fn out_of_memory(&mut self) -> native::Raise {
        self.error = self.heap.atom(b"not enough memory");
        self.unhandled = true;
        native::Raise
    }
    /// An error if so many bytes more are past the heap's limit, or more than the system has; for what a program can make
    /// large at one stroke.
    pub fn check_room(&mut self, n: usize) -> native::Result<()> {
        if n < 1 << 16 || n <= self.heap.most && self.heap.has_room(n) && self.can_allocate(n) {
            return Ok(());
        }
        if n > self.heap.most {
            self.past_most = true;
            self.request_stop();
        }
        Err(self.out_of_memory())
    }
    /// An error if memory is low, for what takes some that is not the heap's.
    pub fn check_reserve(&mut self) -> native::Result<()> {
        if crate::heap::reserve::is_low_still() {
            return Err(self.out_of_memory());
        }
        Ok(())
    }
    /// Whether the system has so much. What grows bit by bit asks once in a slice for each doubling, since that takes time.
    fn can_allocate(&mut self, n: usize) -> bool {
        if n <= self.asked_for {
            return true;
        }
        let double = n.checked_next_power_of_two().unwrap_or(n);
        let most = [double, n].into_iter().find(|&n| crate::heap::can_allocate(n));
        self.asked_for = most.unwrap_or(0);
        most.is_some()
    }
    /// Frees so many objects of a machine that is to do nothing any more; true if none is left. So the end of a large heap
    /// can be in pieces, too.
    pub fn release(&mut self, most: usize) -> bool {
        self.heap.release(most)
    }
    /// Raises what a table says that cannot take an entry.
    pub(crate) fn table_error(
        &mut self,
        e: TableError,
        raise: impl FnOnce(&mut Vm, &str) -> native::Raise,
    ) -> native::Raise {
        if e == TableError::Memory {
            return self.out_of_memory();
        }
        raise(self, e.message())
    }
    /// Whether a native wanted more in one piece than its process may have in all: nothing of it is to run any more.
    pub fn is_past_most(&self) -> bool {
        self.past_most
    }
    /// Begins a whole collection between two runs, for [`Vm::collect_between`].
    pub fn begin_collection(&mut self) -> Collection {
        Collection { is_shared: self.heap.whole.replace(Whole::Waits).is_some() }
    }
    /// Goes on with it, for so many units of work; true if it is over.
    pub fn collect_between(&mut self, collection: &Collection, units: &mut usize) -> bool {
        while self.heap.whole != Some(Whole::Done) {
            if *units == 0 {
                return false;
            }
            let roots = self.roots();
            let done = self.heap.collect_piece(&roots, PIECE.min(*units));
            *units = units.saturating_sub(done);
        }
        // Who waits for another one has had it, too.
        self.heap.whole = collection.is_shared.then_some(Whole::Done);
        true
    }
    /// Whether [`Vm::start_finalizers`] would find some.
    pub fn has_finalizers(&self) -> bool {
        self.heap.has_finalizers()
    }
    /// At the end of a process: queues all finalizers and sets up the main coroutine to call `run`, a native that calls
    /// them one by one. False if there are none.
    pub fn start_finalizers(&mut self, run: &'static Native) -> bool {
        self.heap.finalize_all();
        if !self.heap.has_finalizers_waiting() {
            return false;
        }
        self.exiting = false;
        self.set_in_finalizer(true);
        self.error = Value::NIL;
        // SAFETY: the main coroutine's frames are gone or not needed any more.
        unsafe {
            let main = self.main;
            (*main).frame = (*main).frames.wrapping_sub(1);
            (*main).top = (*main).stack;
            (*main).to_close.clear();
            (*main).no_yield = 0;
            (*main).catchers = 0;
            (*main).close_upvalues(&mut self.heap, (*main).stack);
            (*main).status = Status::Running;
            self.load_thread(main);
        }
        self.start(Value::native(run), &[]);
        true
    }
    /// What a report of an uncaught error says: its text with a traceback, or, as `lua` has it, only what the value's own
    /// `__tostring` makes of it, within a bound of reductions.
    pub fn report_text(&mut self, error: Value) -> Vec<u8> {
        let mm = self.metamethod(error, metamethod::Event::ToString);
        if !(error.is_string() || error.is_number())
            && mm.is_function()
            && let Some(text) = self.call_aside(mm, &[error]).and_then(|r| r.as_string())
        {
            return text.bytes().to_vec();
        }
        let text = self.error_text(error);
        self.traceback(None, Some(&text), 0)
    }
    /// Calls a function while the process has failed and its frames are kept; its first result. It may not ask its
    /// surroundings for anything, and is given up after a million reductions.
    fn call_aside(&mut self, f: Value, arguments: &[Value]) -> Option<Value> {
        self.save_thread();
        let (main, thread, error) = (self.main, self.thread, self.error);
        let registry = self.registry();
        // SAFETY: both are live; the registry keeps them so while another coroutine is the main one.
        let kept = unsafe { [Value::thread(Ref::new(main)), Value::thread(Ref::new(thread)), error] };
        for (i, v) in kept.into_iter().enumerate() {
            registry.set_integer(&mut self.heap, i as i64 + 1, v).expect("a small integer is a key");
        }
        let aside = self.new_coroutine(f).as_ptr();
        // SAFETY: a fresh coroutine of this heap, then the one that was running.
        unsafe {
            (*aside).status = Status::Running;
            self.main = aside;
            self.load_thread(aside);
            self.start(f, arguments);
            let mut result = None;
            for _ in 0..100 {
                match self.run(10_000) {
                    Exit::Preempted => {}
                    Exit::Finished => {
                        result = self.results().first().copied();
                        break;
                    }
                    Exit::Failed | Exit::Request(_) => break,
                }
            }
            self.save_thread();
            self.main = main;
            self.load_thread(thread);
            self.error = error;
            for i in 1..=3 {
                registry.set_integer(&mut self.heap, i, Value::NIL).expect("a small integer is a key");
            }
            result
        }
    }
    /// Runs a whole collection now. Only between instructions, when no native holds a value.
    pub fn collect_garbage(&mut self) {
        let roots = self.roots();
        self.heap.collect(&roots);
    }
    /// Runs the pieces of a collection that are due, as many as the reductions left pay for, and the error if the heap is
    /// full in spite of it. At a safepoint.
    fn collect_due(&mut self) {
        match self.heap.stress() {
            Some(Stress::Whole) => {
                self.collect_garbage();
            }
            Some(Stress::Pieces) => {
                self.collect_piece(16);
            }
            None => {
                while self.heap.wants_collection() && self.fuel > 0 {
                    self.collect_piece(PIECE);
                    if self.heap.take_exhausted() && self.frame_count() > 0 {
                        self.out_of_memory();
                        self.raising = true;
                        return;
                    }
                }
            }
        }
    }
    /// Runs a piece of a collection, of so many units of work, and charges for it.
    fn collect_piece(&mut self, units: usize) {
        let roots = self.roots();
        let done = self.heap.collect_piece(&roots, units);
        self.charge(done / UNITS_A_REDUCTION);
    }
    /// As a program asks for it: true if a cycle has ended since the last time, here or at a safepoint.
    pub(crate) fn collect_step(&mut self, units: usize) -> bool {
        self.collect_piece(units);
        std::mem::take(&mut self.heap.has_ended)
    }
    /// Asks for a whole collection, for [`Vm::collect_whole`].
    pub(crate) fn begin_whole(&mut self) {
        self.heap.whole = Some(Whole::Waits);
    }
    /// Goes on with a whole collection; true when it is over, false if others should get their turn.
    pub(crate) fn collect_whole(&mut self) -> bool {
        if self.heap.whole.is_none() {
            // The process was frozen and thawed in the middle of it. At once: the thawing took as long.
            self.collect_garbage();
            return true;
        }
        while self.heap.whole != Some(Whole::Done) {
            self.collect_piece(PIECE);
            if self.fuel <= 0 && self.heap.whole != Some(Whole::Done) {
                return false;
            }
        }
        self.heap.whole = None;
        self.heap.has_ended = false;
        true
    }
    fn roots(&mut self) -> Roots {
        self.save_thread();
        let [a, b, c, d, e, f] = self.type_metatables();
        // What was made for a function's variable is a root, too.
        let root = |root: &Cell<*mut Table>, record| {
            if let Some(lazy) = self.heap.lazy().filter(|_| root.get().is_null()) {
                root.set(lazy.made_root(record));
            }
            root.get()
        };
        if self.string_metatable_unmade.get() {
            self.string_metatable_unmade.set(root(&self.string_metatable, STRING_METATABLE).is_null());
        }
        let strings = self.string_metatable.get();
        Roots {
            threads: [self.main, self.thread],
            tables: [root(&self.globals, 0), root(&self.registry, 1), strings, a, b, c, d, e, f],
            error: self.error,
        }
    }

    // The running coroutine's cached registers.

    /// Writes the interpreter's registers back to the running coroutine.
    pub fn save_thread(&mut self) {
        // SAFETY: the running coroutine is live.
        unsafe {
            (*self.thread).frame = self.frame;
            (*self.thread).top = self.top;
        }
    }
    /// Makes a coroutine the running one and loads the interpreter's registers from it.
    ///
    /// # Safety
    /// It is a live coroutine of this heap, and what it holds is in range.
    pub unsafe fn load_thread(&mut self, t: *mut Thread) {
        // SAFETY: `t` is a live coroutine of this heap (the caller's promise).
        unsafe {
            self.heap.thread_runs(t);
            self.thread = t;
            self.frame = (*t).frame;
            self.top = (*t).top;
            self.refresh_limits();
            self.refresh_hook();
        }
    }
    pub(crate) unsafe fn refresh_limits(&mut self) {
        // SAFETY: the running coroutine is live; both ends are within one past its arrays, of which the stack has SLACK
        // slots at the least.
        unsafe {
            let t = &*self.thread;
            self.stack_end = t.stack.add(t.stack_len() - SLACK);
            self.frames_end = t.frames.add(t.frames_len());
        }
    }
    /// Slots of the running stack that are in use.
    pub(crate) fn slots_used(&self) -> usize {
        // SAFETY: within one allocation.
        unsafe { self.top.offset_from((*self.thread).stack) as usize }
    }
    /// Makes sure that `n` slots are free above the top. `Err`: stack overflow.
    pub(crate) fn ensure_slots(&mut self, n: usize) -> Result<(), ()> {
        // SAFETY: within one allocation; growth moves all pointers that count (thread.rs).
        unsafe {
            if self.stack_end.offset_from(self.top) >= n as isize {
                return Ok(());
            }
            let needed = self.slots_used() + n + SLACK;
            let handling = (*self.thread).stack_len() >= MAX_SLOTS + EXTRA_SLOTS;
            let limit = if handling { MAX_SLOTS + EXTRA_SLOTS } else { MAX_SLOTS };
            if needed > limit {
                self.overflowed_again = handling;
                if !handling {
                    // Room for the message handler and its like.
                    self.resize_stack(MAX_SLOTS + EXTRA_SLOTS);
                }
                return Err(());
            }
            let doubled = ((*self.thread).stack_len() * 2).min(limit);
            self.resize_stack(doubled.max(needed));
            Ok(())
        }
    }
    /// Gives back most of what the running coroutine's stack and frames do not use, if that is much.
    pub(crate) fn shrink_stack(&mut self) {
        // Frames that are looked through: a process that is idle has few.
        const FEW: usize = 64;
        // SAFETY: the running coroutine is live. All registers of its frames lie below `end`, and SLACK slots are left above them.
        unsafe {
            let thread = &*self.thread;
            let depth = self.frame_count();
            if depth > FEW {
                return;
            }
            let mut end = self.slots_used();
            for f in std::slice::from_raw_parts(thread.frames, depth) {
                let registers = f.proto().map_or(0, |p| p.registers as usize);
                end = end.max(f.base.offset_from(thread.stack) as usize + registers);
            }
            let (slots, frames) = (end + 2 * SLACK, depth + 2);
            if thread.stack_len() >= 2 * slots || thread.frames_len() >= 4 * frames {
                self.resize(slots.min(thread.stack_len()), frames.min(thread.frames_len()), &mut std::ptr::null_mut());
            }
        }
    }
    unsafe fn resize_stack(&mut self, slots: usize) {
        // SAFETY: the running coroutine is live.
        unsafe { self.resize(slots, (*self.thread).frames_len(), &mut std::ptr::null_mut()) }
    }
    /// Moves the running coroutine's stack and frames, and what is known of them here; `slot` is a place in the stack.
    unsafe fn resize(&mut self, slots: usize, frames: usize, slot: &mut *mut Value) {
        // SAFETY: the running coroutine is live, and what it uses fits the new sizes (the callers grow). The old
        // addresses are only computed with, not followed.
        unsafe {
            self.save_thread();
            let old = (*self.thread).stack;
            (*self.thread).resize(&mut self.heap, slots, frames);
            let new = (*self.thread).stack;
            let moved = |p: *mut Value| {
                if p.is_null() {
                    p
                } else {
                    (new as usize).wrapping_add((p as usize).wrapping_sub(old as usize)) as *mut Value
                }
            };
            self.base = moved(self.base);
            self.leaf = moved(self.leaf);
            *slot = moved(*slot);
            let t = self.thread;
            self.load_thread(t);
        }
    }
    #[cold]
    pub(crate) fn grow_for_native(&mut self, n: usize) {
        // A native's few registers always fit: past the largest size there are EXTRA_SLOTS, and `reserve` is asked for
        // more. SAFETY: as in ensure_slots.
        unsafe {
            let needed = self.slots_used() + n + 2 * SLACK;
            let doubled = ((*self.thread).stack_len() * 2).min(MAX_SLOTS);
            self.resize_stack(doubled.max(needed));
        }
    }
    /// Makes sure that a frame can be pushed for the function in a slot, which may move with the stack. `Err`: stack
    /// overflow.
    #[inline(always)]
    pub(crate) fn ensure_frame(&mut self, function: &mut *mut Value) -> Result<(), ()> {
        if self.frame.wrapping_add(1) < self.frames_end { Ok(()) } else { self.grow_frames(function) }
    }
    #[cold]
    fn grow_frames(&mut self, function: &mut *mut Value) -> Result<(), ()> {
        // SAFETY: the running coroutine is live.
        unsafe {
            let len = (*self.thread).frames_len();
            let handling = len > MAX_FRAMES;
            if len >= MAX_FRAMES + 1000 || (len >= MAX_FRAMES && !handling) {
                self.overflowed_again = handling;
                if !handling {
                    self.resize((*self.thread).stack_len(), MAX_FRAMES + 1000, function);
                }
                return Err(());
            }
            self.resize((*self.thread).stack_len(), (len * 2).min(MAX_FRAMES), function);
            Ok(())
        }
    }
    /// Pushes a frame for a function whose slot is `function`, its arguments above it up to `top`.
    #[inline]
    pub(crate) unsafe fn push_frame(&mut self, function: *mut Value, kind: FrameKind, results: i16, then: Continue) {
        // SAFETY: the caller has made sure that the frame fits (`ensure_frame`); the function is in a slot.
        unsafe {
            let f = self.frame.wrapping_add(1);
            f.write(Frame {
                pc: std::ptr::null(),
                base: function.add(1),
                k: std::ptr::null(),
                results,
                kind,
                then,
                shift: 0,
                state: 0,
                flags: 0,
            });
            self.frame = f;
        }
    }
    /// Number of frames of the running coroutine.
    pub(crate) fn frame_count(&self) -> usize {
        // SAFETY: `frame` is one below `frames` or inside.
        unsafe { self.frame.offset_from((*self.thread).frames.wrapping_sub(1)) as usize }
    }
    /// The native function in a slot.
    pub fn native_in(v: Value) -> Option<&'static Native> {
        match v.tag {
            // SAFETY: the payload of NATIVE is a `&'static Native`.
            tag::NATIVE => Some(unsafe { &*(v.bits as *const Native) }),
            tag::NATIVE_CLOSURE => match v.kind() {
                crate::value::Kind::NativeClosure(c) => Some(c.native()),
                _ => None,
            },
            _ => None,
        }
    }
}

/// What `load` accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoadMode {
    /// Source text only.
    Text,
    /// Bytecode only.
    Binary,
    /// Both.
    Both,
}
