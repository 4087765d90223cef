//! The collector: mark from the roots, settle weak tables and finalizers, sweep.
//!
//! Journey: value -> freed. Stop-the-world over one process's heap; the order of the weak passes is the reference
//! implementation's (weak values, ephemerons, resurrection by finalizers, weak keys).
//!
//! Always: between marking and the sweep no Lua runs; a string is never weak (it is marked when a weak table holds it).

#![allow(clippy::undocumented_unsafe_blocks, reason = "blocks inside unsafe functions; what holds is in the header")]

use super::{Header, Heap, ObjectKind, mark, value_of};
use crate::value::function::{Closure, NativeClosure, Upvalue};
use crate::value::string::Str;
use crate::value::userdata::Userdata;
use crate::value::{Table, Value, tag};
use crate::vm::load::Module;
use crate::vm::thread::Thread;

impl Heap {
    /// Runs one whole collection. `roots` marks the process's roots.
    pub(crate) fn collect(&mut self, roots: impl Fn(&mut Heap)) {
        // SAFETY: at a safepoint all pointers in the roots and in live objects are to live objects (rules 1 and 2).
        unsafe {
            self.modules.begin();
            roots(self);
            // The queue of finalizers is a root.
            let mut o = self.to_finalize;
            while !o.is_null() {
                self.mark_object(o);
                o = (*o).next.get();
            }
            self.propagate();
            self.converge();
            // Values of weak tables that died go now, before objects are resurrected for their finalizers.
            let (weak, all) = (self.weak_values.len(), self.all_weak.len());
            self.clear_values(0, 0);
            self.separate_finalizable();
            let mut o = self.to_finalize;
            while !o.is_null() {
                self.mark_object(o);
                o = (*o).next.get();
            }
            self.propagate();
            self.converge();
            self.clear_keys();
            self.clear_values(weak, all);
            self.weak_values.clear();
            self.ephemerons.clear();
            self.all_weak.clear();
            self.sweep();
        }
        self.modules.drop_unseen();
        self.set_threshold();
        if self.gray.capacity() > 64 {
            self.gray = Vec::new();
        }
    }

    /// Marks what a value keeps alive.
    #[inline(always)]
    pub(crate) unsafe fn mark(&mut self, v: Value) {
        if v.tag & tag::KEEPS_BITS != 0 {
            unsafe { self.mark_keeping(v) }
        }
    }
    unsafe fn mark_keeping(&mut self, v: Value) {
        unsafe {
            if v.tag & tag::HEAP_BIT != 0 {
                self.mark_object(v.bits as *mut Header);
            } else {
                let owner = (*(v.bits as *const Str)).header.next.get() as *const Module;
                self.mark_module(owner);
            }
        }
    }
    fn mark_module(&mut self, module: *const Module) {
        self.modules.mark(module);
    }
    pub(crate) unsafe fn mark_object(&mut self, o: *mut Header) {
        unsafe {
            let m = (*o).mark.get();
            if m & mark::MARKED != 0 {
                return;
            }
            (*o).mark.set(m | mark::MARKED);
            if (*o).kind != ObjectKind::String {
                self.gray.push(o);
            }
        }
    }
    unsafe fn propagate(&mut self) {
        while let Some(o) = self.gray.pop() {
            // SAFETY: only live objects become gray.
            unsafe { self.trace(o) }
        }
    }
    unsafe fn trace(&mut self, o: *mut Header) {
        unsafe {
            match (*o).kind {
                ObjectKind::String | ObjectKind::Buffer => {}
                ObjectKind::Table => self.trace_table(o.cast()),
                ObjectKind::Closure => {
                    let c = &*o.cast::<Closure>();
                    self.mark_module((*c.proto).module);
                    for i in 0..c.count {
                        let u = *c.cells().add(i);
                        if !u.is_null() {
                            self.mark_object(u.cast());
                        }
                    }
                }
                ObjectKind::NativeClosure => {
                    let c = &*o.cast::<NativeClosure>();
                    for i in 0..c.count {
                        self.mark(*c.cells().add(i));
                    }
                }
                ObjectKind::Userdata => {
                    let u = &*o.cast::<Userdata>();
                    if !u.metatable.get().is_null() {
                        self.mark_object(u.metatable.get().cast());
                    }
                    self.mark(u.user_value.get());
                }
                ObjectKind::Upvalue => {
                    let u = &*o.cast::<Upvalue>();
                    if u.owner.get().is_null() {
                        self.mark(u.closed.get());
                    } else {
                        // An open upvalue keeps its coroutine, whose stack holds the value.
                        self.mark_object(u.owner.get().cast());
                    }
                }
                ObjectKind::Thread => (*o.cast::<Thread>()).trace(self),
            }
        }
    }
    unsafe fn trace_table(&mut self, t: *mut Table) {
        unsafe {
            let meta = (*t).metatable.get();
            let (mut weak_keys, mut weak_values) = (false, false);
            if !meta.is_null() {
                self.mark_object(meta.cast());
                if let Some(s) = (*meta).get(self.mode_key).as_string() {
                    weak_keys = s.bytes().contains(&b'k');
                    weak_values = s.bytes().contains(&b'v');
                }
            }
            match (weak_keys, weak_values) {
                (false, false) => {
                    for i in 0..(*t).asize.get() as usize {
                        self.mark(*(*t).array.get().add(i));
                    }
                    for i in 0..(*t).node_count() {
                        let n = (*t).nodes.get().add(i);
                        if (*n).value_tag == 0 {
                            bury(n);
                        } else {
                            self.mark((*n).key());
                            self.mark((*n).value());
                        }
                    }
                }
                (false, true) => {
                    for i in 0..(*t).node_count() {
                        let n = (*t).nodes.get().add(i);
                        if (*n).value_tag == 0 {
                            bury(n);
                        } else {
                            self.mark((*n).key());
                        }
                    }
                    self.weak_values.push(t);
                }
                (true, false) => {
                    for i in 0..(*t).asize.get() as usize {
                        self.mark(*(*t).array.get().add(i));
                    }
                    self.ephemerons.push(t);
                    self.trace_ephemeron(t);
                }
                (true, true) => {
                    for i in 0..(*t).node_count() {
                        let n = (*t).nodes.get().add(i);
                        if (*n).value_tag == 0 {
                            bury(n);
                        }
                    }
                    self.all_weak.push(t);
                }
            }
        }
    }
    /// Marks the values whose keys are alive; true if that marked anything.
    unsafe fn trace_ephemeron(&mut self, t: *mut Table) -> bool {
        let mut marked = false;
        unsafe {
            for i in 0..(*t).node_count() {
                let n = (*t).nodes.get().add(i);
                if (*n).value_tag == 0 {
                    bury(n);
                } else if !self.is_dead_weak((*n).key()) && is_dead((*n).value()) {
                    self.mark((*n).value());
                    marked = true;
                } else if !is_dead((*n).key()) {
                    // A module's string is no heap object, but keeps its module.
                    self.mark((*n).value());
                }
            }
        }
        marked
    }
    unsafe fn converge(&mut self) {
        loop {
            let mut changed = false;
            let mut i = 0;
            while i < self.ephemerons.len() {
                let t = self.ephemerons[i];
                unsafe {
                    if self.trace_ephemeron(t) {
                        changed = true;
                        self.propagate();
                    }
                }
                i += 1;
            }
            if !changed {
                return;
            }
        }
    }
    /// Whether a key or value of a weak table is to go. Marks strings, which are values and not objects to a program.
    unsafe fn is_dead_weak(&mut self, v: Value) -> bool {
        if v.is_string() {
            unsafe { self.mark(v) };
            return false;
        }
        is_dead(v)
    }
    unsafe fn clear_values(&mut self, first_weak: usize, first_all: usize) {
        let tables: Vec<*mut Table> =
            self.weak_values[first_weak..].iter().chain(&self.all_weak[first_all..]).copied().collect();
        for t in tables {
            unsafe {
                for i in 0..(*t).asize.get() as usize {
                    let slot = (*t).array.get().add(i);
                    if self.is_dead_weak(*slot) {
                        *slot = Value::NIL;
                    }
                }
                for i in 0..(*t).node_count() {
                    let n = (*t).nodes.get().add(i);
                    if (*n).value_tag != 0 && self.is_dead_weak((*n).value()) {
                        (*n).set_value(Value::NIL);
                    }
                    if (*n).value_tag == 0 {
                        bury(n);
                    }
                }
            }
        }
    }
    unsafe fn clear_keys(&mut self) {
        let tables: Vec<*mut Table> = self.ephemerons.iter().chain(&self.all_weak).copied().collect();
        for t in tables {
            unsafe {
                for i in 0..(*t).node_count() {
                    let n = (*t).nodes.get().add(i);
                    if (*n).value_tag != 0 && self.is_dead_weak((*n).key()) {
                        (*n).set_value(Value::NIL);
                    }
                    if (*n).value_tag == 0 {
                        bury(n);
                    }
                }
            }
        }
    }
    /// Moves dead objects with a finalizer to the end of the queue, latest marked first.
    unsafe fn separate_finalizable(&mut self) {
        unsafe {
            let mut last: *mut *mut Header = &mut self.to_finalize;
            while !(*last).is_null() {
                last = (**last).next.as_ptr();
            }
            let mut link: *mut *mut Header = &mut self.finalizable;
            while !(*link).is_null() {
                let o = *link;
                if (*o).mark.get() & mark::MARKED == 0 {
                    *link = (*o).next.get();
                    (*o).next.set(std::ptr::null_mut());
                    *last = o;
                    last = (*o).next.as_ptr();
                } else {
                    link = (*o).next.as_ptr();
                }
            }
        }
    }
    unsafe fn sweep(&mut self) {
        unsafe {
            let mut link: *mut *mut Header = &mut self.all;
            while !(*link).is_null() {
                let o = *link;
                let m = (*o).mark.get();
                if m & mark::MARKED != 0 {
                    (*o).mark.set(m & !mark::MARKED);
                    link = (*o).next.as_ptr();
                } else {
                    *link = (*o).next.get();
                    self.free(o);
                }
            }
            for list in [self.finalizable, self.to_finalize] {
                let mut o = list;
                while !o.is_null() {
                    (*o).mark.set((*o).mark.get() & !mark::MARKED);
                    o = (*o).next.get();
                }
            }
        }
    }
    /// The object lists' members as values, for the codec.
    pub fn finalizable_values(&self) -> (Vec<Value>, Vec<Value>) {
        let walk = |mut o: *mut Header| {
            let mut all = Vec::new();
            while !o.is_null() {
                // SAFETY: list walk over live objects.
                unsafe {
                    all.push(value_of(o));
                    o = (*o).next.get();
                }
            }
            all
        };
        (walk(self.finalizable), walk(self.to_finalize))
    }
}

/// Whether a heap object was not reached.
#[inline(always)]
fn is_dead(v: Value) -> bool {
    // SAFETY: heap tags are objects that were not freed yet.
    v.tag & tag::HEAP_BIT != 0 && unsafe { (*(v.bits as *const Header)).mark.get() & mark::MARKED == 0 }
}

/// Marks the key of a node without a value as dead, if it is an object that may go.
unsafe fn bury(n: *mut crate::value::table::Node) {
    unsafe {
        if (*n).key_tag as u64 & tag::HEAP_BIT != 0 || (*n).key_tag as u64 == tag::MODULE_STRING {
            (*n).key_tag = tag::DEAD_KEY as u8;
        }
    }
}
