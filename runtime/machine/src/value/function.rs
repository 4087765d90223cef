//! Functions with state: Lua closures, their variables, and native functions with upvalues.
//!
//! Journey: prototype -> **closure** -> frame. An [`Upvalue`] is *open* while its variable lives in a coroutine's
//! stack (it points there, and the coroutine's list of open upvalues holds it) and *closed* afterwards (it points at
//! its own cell).

use super::{Ref, Value};
use crate::heap::Header;
use crate::vm::load::Proto;
use crate::vm::native::Native;
use crate::vm::thread::Thread;
use std::cell::Cell;

/// A variable that closures share.
#[repr(C)]
pub struct Upvalue {
    pub(crate) header: Header,
    /// Where the value is: a stack slot of `owner`, or `closed`.
    pub location: Cell<*mut Value>,
    /// The value, when closed. When open, words in its place: the coroutine whose stack holds the variable, and that
    /// coroutine's next open upvalue, further down its stack.
    closed: Cell<Value>,
}

impl Upvalue {
    /// Whether the variable still lives in a stack.
    #[inline]
    pub fn is_open(&self) -> bool {
        !std::ptr::eq(self.location.get(), self.closed.as_ptr())
    }
    /// One that is closed. Before it is used [`Upvalue::close`] gives it its value, where it is to stay.
    pub(crate) fn new(header: Header) -> Upvalue {
        Upvalue { header, location: Cell::new(std::ptr::null_mut()), closed: Cell::new(Value::NIL) }
    }
    /// The variable lives in a coroutine's stack, whose next open upvalue is another one or null.
    pub fn open(&self, location: *mut Value, owner: *mut Thread, next: *mut Upvalue) {
        self.location.set(location);
        self.closed.set(Value { tag: owner as u64, bits: next as u64 });
    }
    /// It has its value itself from now on.
    #[inline]
    pub fn close(&self, v: Value) {
        self.closed.set(v);
        self.location.set(self.closed.as_ptr());
    }
    /// The coroutine whose stack holds the variable; null when closed.
    pub fn owner(&self) -> *mut Thread {
        if self.is_open() { self.closed.get().tag as *mut Thread } else { std::ptr::null_mut() }
    }
    /// Of an open one, the next open one of its coroutine, or null.
    pub(crate) fn next_open(&self) -> *mut Upvalue {
        debug_assert!(self.is_open());
        self.closed.get().bits as *mut Upvalue
    }
    /// Of an open one, sets what [`Upvalue::next_open`] says.
    pub fn set_next_open(&self, next: *mut Upvalue) {
        debug_assert!(self.is_open());
        self.closed.set(Value { bits: next as u64, ..self.closed.get() });
    }
    /// Its value.
    pub fn get(&self) -> Value {
        // SAFETY: `location` is this object's own cell or a slot of a live stack (stack growth re-points it).
        unsafe { self.location.get().read() }
    }
    /// Sets its value. Who does this to one that is not new tells the collector (`Heap::write_barrier`).
    pub fn set(&self, v: Value) {
        // SAFETY: as in `get`.
        unsafe { self.location.get().write(v) }
    }
}

/// A Lua function: a prototype and its upvalues, which follow it.
#[repr(C)]
pub struct Closure {
    /// What every object begins with.
    pub header: Header,
    /// The prototype, of a module that the heap keeps.
    pub proto: *const Proto,
    /// Number of upvalues.
    pub count: usize,
}

impl Closure {
    /// The prototype, in execution form.
    pub fn proto(&self) -> &Proto {
        // SAFETY: a closure's module is kept by its process while the closure lives.
        unsafe { &*self.proto }
    }
    /// Where the upvalues begin: `count` of them.
    #[inline(always)]
    pub fn cells(&self) -> *mut *mut Upvalue {
        // SAFETY: `count` pointers follow every closure.
        unsafe { (self as *const Closure).add(1) as *mut *mut Upvalue }
    }
    /// Number of upvalues.
    pub fn upvalue_count(&self) -> usize {
        self.count
    }
    /// The `i`-th upvalue, from 0.
    pub fn upvalue(&self, i: usize) -> Ref<Upvalue> {
        assert!(i < self.count);
        // SAFETY: in range, and every cell is set when the closure is made.
        unsafe { Ref::new(*self.cells().add(i)) }
    }
    /// Replaces the `i`-th upvalue. Who does this to a closure that is not new tells the collector.
    pub fn set_upvalue(&self, i: usize, u: Ref<Upvalue>) {
        assert!(i < self.count);
        // SAFETY: in range.
        unsafe { *self.cells().add(i) = u.as_ptr() }
    }
}

/// A native function with upvalues, which follow it.
#[repr(C)]
pub struct NativeClosure {
    /// What every object begins with.
    pub header: Header,
    /// The function.
    pub native: &'static Native,
    /// Number of upvalues.
    pub count: usize,
}

impl NativeClosure {
    /// The function.
    pub fn native(&self) -> &'static Native {
        self.native
    }
    pub(crate) fn cells(&self) -> *mut Value {
        // SAFETY: `count` values follow every native closure.
        unsafe { (self as *const NativeClosure).add(1) as *mut Value }
    }
    /// The upvalues. Who sets one of a function that is not new tells the collector.
    pub fn upvalues(&self) -> &[Cell<Value>] {
        // SAFETY: `count` initialised values follow, and Cell<Value> has Value's layout.
        unsafe { std::slice::from_raw_parts(self.cells().cast(), self.count) }
    }
}
