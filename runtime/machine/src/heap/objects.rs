//! The objects of a heap, as they are allocated: their list and their bytes.
//!
//! Journey: value. Besides a heap, tables that are filled at their first use have such a list, which the heap takes over
//! (lazy.rs).

use super::{BLOCK_SHIFT, Header, ObjectKind};
use crate::value::function::{Closure, NativeClosure, Upvalue};
use crate::value::string::Str;
use crate::value::table::block_layout;
use crate::value::userdata::{Buffer, State, Userdata};
use crate::value::{Ref, Table, Value, tag};
use crate::vm::load::Proto;
use crate::vm::native::Native;
use crate::vm::thread::Thread;
use std::alloc::{Layout, alloc, alloc_zeroed, handle_alloc_error};
use std::cell::{Cell, RefCell};

/// Objects in the order in which they were made, the latest first.
pub struct Objects {
    pub(super) first: *mut Header,
    /// Bytes of them and their parts.
    pub(super) bytes: usize,
}

impl Objects {
    pub(super) const NONE: Objects = Objects { first: std::ptr::null_mut(), bytes: 0 };

    #[inline(always)]
    unsafe fn link(&mut self, object: *mut Header, bytes: usize) {
        // SAFETY: the caller has just written the object in full; nobody else knows it yet.
        unsafe { (*object).next.set(self.first) };
        self.first = object;
        self.bytes += bytes;
    }
    #[inline(always)]
    unsafe fn allocate<T>(&mut self, layout: Layout) -> *mut T {
        // SAFETY: no object has size 0.
        let p = unsafe { alloc(layout) };
        if p.is_null() {
            handle_alloc_error(layout);
        }
        p.cast()
    }
    /// An empty table.
    #[inline]
    pub fn table(&mut self) -> Ref<Table> {
        // SAFETY: written in full before it is linked.
        unsafe {
            let t = self.allocate::<Table>(Layout::new::<Table>());
            t.write(Table::init(Header::new(ObjectKind::Table)));
            self.link(t.cast(), size_of::<Table>());
            Ref::new(t)
        }
    }
    /// An empty table in a block that has so many words behind it (value/table/block.rs), which are still to be written.
    #[inline(always)]
    pub(crate) fn table_in_block(&mut self, words: usize) -> Ref<Table> {
        let layout = block_layout(words);
        // SAFETY: the table is written in full before it is linked; what is behind it is nobody's until it says so.
        unsafe {
            let t = self.allocate::<Table>(layout);
            t.write(Table::init(Header::new(ObjectKind::Table)));
            (*t).header.mark.set((words as u8) << BLOCK_SHIFT);
            self.link(t.cast(), layout.size());
            Ref::new(t)
        }
    }
    /// Takes over a table that was made apart, as a new object.
    #[inline(always)]
    pub(crate) fn take_table(&mut self, t: Ref<Table>) {
        // SAFETY: the caller has just made it, and nobody else knows it.
        unsafe { self.link(t.as_ptr().cast(), t.block_layout().size()) }
    }
    /// A string: the atom if there is one, else a new object.
    pub fn string(&mut self, bytes: &[u8]) -> Value {
        if bytes.len() <= 1 {
            return single(bytes);
        }
        self.new_string(bytes)
    }
    pub(super) fn new_string(&mut self, bytes: &[u8]) -> Value {
        // SAFETY: header and bytes are written before the object is linked.
        unsafe {
            let layout = Str::layout(bytes.len());
            let s = self.allocate::<Str>(layout);
            s.write(Str { header: Header::new(ObjectKind::String), len: bytes.len() });
            Str::init_kept_hash(s);
            s.add(1).cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            self.link(s.cast(), layout.size());
            Value::object(tag::STRING, s)
        }
    }
    /// A string whose bytes, all zero at first, are still to be written ([`Heap::write_string`]): a long one, made piece
    /// by piece. Nothing may ask for its hash before that is done.
    pub(super) fn unfinished_string(&mut self, len: usize) -> Value {
        // SAFETY: the header is written before the object is linked; zeros are bytes.
        unsafe {
            let layout = Str::layout(len);
            // Of the system's memory, zeros cost nothing until they are touched.
            let s = alloc_zeroed(layout).cast::<Str>();
            if s.is_null() {
                handle_alloc_error(layout);
            }
            s.write(Str { header: Header::new(ObjectKind::String), len });
            self.link(s.cast(), layout.size());
            Value::object(tag::STRING, s)
        }
    }
    /// A string of these parts.
    pub(super) fn string_of(&mut self, parts: &[&[u8]]) -> Value {
        let len = parts.iter().map(|p| p.len()).sum();
        if len <= 1 {
            return single(parts.iter().find(|p| !p.is_empty()).copied().unwrap_or_default());
        }
        // SAFETY: header and bytes are written before the object is linked; the parts are `len` bytes together.
        unsafe {
            let layout = Str::layout(len);
            let s = self.allocate::<Str>(layout);
            s.write(Str { header: Header::new(ObjectKind::String), len });
            Str::init_kept_hash(s);
            let mut to = s.add(1).cast::<u8>();
            for part in parts {
                to.copy_from_nonoverlapping(part.as_ptr(), part.len());
                to = to.add(part.len());
            }
            self.link(s.cast(), layout.size());
            Value::object(tag::STRING, s)
        }
    }
    /// A string of `len` bytes that `fill` writes; the bytes it finds are zero.
    pub(super) fn string_with(&mut self, len: usize, fill: impl FnOnce(&mut [u8])) -> Value {
        // SAFETY: header and bytes are written before the object is linked.
        unsafe {
            let layout = Str::layout(len);
            let s = self.allocate::<Str>(layout);
            s.write(Str { header: Header::new(ObjectKind::String), len });
            Str::init_kept_hash(s);
            let bytes = s.add(1).cast::<u8>();
            bytes.write_bytes(0, len);
            fill(std::slice::from_raw_parts_mut(bytes, len));
            self.link(s.cast(), layout.size());
            Value::object(tag::STRING, s)
        }
    }
    /// A Lua closure whose upvalues are all to be set by the caller before the next safepoint.
    pub fn closure(&mut self, proto: *const Proto, count: usize) -> Ref<Closure> {
        // SAFETY: written in full, the cells null; the caller sets them.
        unsafe {
            let layout = closure_layout(count);
            let c = self.allocate::<Closure>(layout);
            c.write(Closure { header: Header::new(ObjectKind::Closure), proto, count });
            c.add(1).cast::<*mut Upvalue>().write_bytes(0, count);
            self.link(c.cast(), layout.size());
            Ref::new(c)
        }
    }
    /// A native function with upvalues.
    pub fn native_closure(&mut self, native: &'static Native, upvalues: &[Value]) -> Ref<NativeClosure> {
        // SAFETY: written in full.
        unsafe {
            let layout = native_closure_layout(upvalues.len());
            let c = self.allocate::<NativeClosure>(layout);
            c.write(NativeClosure { header: Header::new(ObjectKind::NativeClosure), native, count: upvalues.len() });
            std::ptr::copy_nonoverlapping(upvalues.as_ptr(), c.add(1).cast(), upvalues.len());
            self.link(c.cast(), layout.size());
            Ref::new(c)
        }
    }
    /// A closed upvalue.
    pub fn upvalue(&mut self, v: Value) -> Ref<Upvalue> {
        // SAFETY: written in full, where it stays.
        unsafe {
            let u = self.allocate::<Upvalue>(Layout::new::<Upvalue>());
            u.write(Upvalue::new(Header::new(ObjectKind::Upvalue)));
            (*u).close(v);
            self.link(u.cast(), size_of::<Upvalue>());
            Ref::new(u)
        }
    }
    /// A userdata.
    pub fn userdata(&mut self, resource: u64, metatable: Option<Ref<Table>>) -> Ref<Userdata> {
        // SAFETY: written in full.
        unsafe {
            let u = self.allocate::<Userdata>(Layout::new::<Userdata>());
            u.write(Userdata {
                header: Header::new(ObjectKind::Userdata),
                metatable: Cell::new(metatable.map_or(std::ptr::null_mut(), Ref::as_ptr)),
                resource: Cell::new(resource),
                user_value: Cell::new(Value::NIL),
            });
            self.link(u.cast(), size_of::<Userdata>());
            Ref::new(u)
        }
    }
    /// A buffer for a native's state.
    pub fn buffer(&mut self, state: impl State) -> Ref<Buffer> {
        // SAFETY: written in full.
        unsafe {
            let bytes = size_of::<Buffer>() + size_of_val(&state);
            let b = self.allocate::<Buffer>(Layout::new::<Buffer>());
            b.write(Buffer { header: Header::new(ObjectKind::Buffer), state: RefCell::new(Box::new(state)) });
            self.link(b.cast(), bytes);
            Ref::new(b)
        }
    }
    /// A coroutine with an empty stack.
    pub fn thread(&mut self) -> Ref<Thread> {
        // SAFETY: written in full.
        unsafe {
            let t = self.allocate::<Thread>(Layout::new::<Thread>());
            t.write(Thread::new(Header::new(ObjectKind::Thread)));
            let bytes = size_of::<Thread>() + (*t).bytes();
            self.link(t.cast(), bytes);
            Ref::new(t)
        }
    }
}

pub(super) fn closure_layout(count: usize) -> Layout {
    Layout::from_size_align(size_of::<Closure>() + count * size_of::<*mut Upvalue>(), 8).expect("at most 255 upvalues")
}
pub(super) fn native_closure_layout(count: usize) -> Layout {
    Layout::from_size_align(size_of::<NativeClosure>() + count * size_of::<Value>(), 8).expect("few upvalues")
}

/// The empty string and the strings of one byte: atoms.
fn single(bytes: &[u8]) -> Value {
    use std::sync::OnceLock;
    struct Singles([*mut Str; 257]);
    // SAFETY: atoms are immutable and never freed.
    unsafe impl Send for Singles {}
    // SAFETY: as above.
    unsafe impl Sync for Singles {}
    static SINGLES: OnceLock<Singles> = OnceLock::new();
    let all = SINGLES.get_or_init(|| {
        Singles(std::array::from_fn(|i| {
            let byte = [i as u8];
            let bytes: &[u8] = if i == 256 { &[] } else { &byte };
            crate::value::string::make_atom(bytes).expect("the atom table has room for the single bytes")
        }))
    });
    let index = bytes.first().map_or(256, |&b| b as usize);
    Value::object(tag::ATOM, all.0[index])
}
