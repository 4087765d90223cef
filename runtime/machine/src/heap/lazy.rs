//! Tables that are filled when they are first used: what a process was spawned with costs nothing until it is touched.
//!
//! Journey: spawn -> snapshot -> **value**. A spawn snapshot is an [`Image`]: records outside every heap, which may be
//! those of many processes. A process begins with *unfilled* tables, which know the number of their record and where the
//! [`Lazy`] of their heap is. An unfilled table has no parts and says that it has a hash key, so every access goes the way
//! on which [`Table::touch`] waits; that makes what the record refers to (its tables unfilled in turn), and the table is
//! like any other from then on. So laziness ends at tables: functions and their variables are made at once.
//!
//! Always:
//! * a record becomes one object at most: `made` knows it as long as it lives, and the collector lets an unfilled table
//!   keep alive all that its record reaches, made or not;
//! * nobody but the heap's thread touches a [`Lazy`]; it moves with its heap and lives as long as that has unfilled tables;
//! * objects are made here in a list of their own, since who reads a table has no hold on the heap; the heap takes them
//!   over before it collects ([`Heap::adopt`]).
//!
//! SAFETY, beyond the heap's rules: `Heap::lazy` is null or a box that the heap owns; unfilled tables of the heap point to
//! the same; it is used by shared references alone.

use super::objects::Objects;
use super::{Header, Heap, MARKED, ObjectKind, value_of};
use crate::value::{Ref, Table, Value, tag};
use crate::vm::load::Module;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

pub use super::objects::Objects as Maker;

/// Records that objects are made of. A value in a record whose tag has the heap's bit holds the number of a record.
pub trait Image: Send + Sync {
    /// Whether a record is a table that can be filled later.
    fn is_table(&self, n: u32) -> bool;
    /// Makes the object of another record; it refers to nothing yet.
    fn make(&self, n: u32, maker: &mut Maker) -> Value;
    /// Completes an object: of a table that is filled later, all but its parts.
    fn complete(&self, n: u32, object: Value, lazy: &Lazy);
    /// Fills a table.
    fn fill(&self, n: u32, table: Ref<Table>, lazy: &Lazy);
    /// The records that one refers to.
    fn refers(&self, n: u32, each: &mut dyn FnMut(u32));
    /// Itself, as what it is.
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
    /// The modules of all records.
    fn modules(&self, each: &mut dyn FnMut(&Arc<Module>));
}

/// Hashes numbers of records.
#[derive(Default)]
struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("numbers are hashed as words")
    }
    fn write_u32(&mut self, n: u32) {
        self.0 = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// What a heap has of its image.
pub struct Lazy {
    image: Arc<dyn Image>,
    objects: RefCell<Objects>,
    /// Objects by their records.
    made: RefCell<HashMap<u32, *mut Header, BuildHasherDefault<NumberHasher>>>,
    /// Objects that are not complete.
    incomplete: RefCell<Vec<(u32, Value)>>,
    /// Unfilled tables there are.
    unfilled: Cell<usize>,
    /// While the collector marks.
    marking: Cell<Option<Box<Marking>>>,
}

#[derive(Default)]
struct Marking {
    /// Objects that were made meanwhile: they are gray.
    born: Vec<*mut Header>,
    /// Bit by record: it was or will be followed.
    seen: Vec<u64>,
    /// Records to be followed.
    gray: Vec<u32>,
}

impl Marking {
    fn reach(&mut self, n: u32) {
        let (word, bit) = (n as usize / 64, 1 << (n % 64));
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        if self.seen[word] & bit == 0 {
            self.seen[word] |= bit;
            self.gray.push(n);
        }
    }
}

impl Lazy {
    /// The image.
    pub fn image(&self) -> Arc<dyn Image> {
        self.image.clone()
    }
    /// How many objects there are of the image.
    pub fn made_count(&self) -> usize {
        self.made.borrow().len()
    }
    /// The addresses of the objects of the image, with the numbers of their records.
    pub fn each_made(&self, each: &mut dyn FnMut(u64, u32)) {
        self.made.borrow().iter().for_each(|(&n, &o)| each(o as u64, n));
    }
    /// A record's value as one of the heap.
    #[inline]
    pub fn value(&self, v: Value) -> Value {
        if v.tag & tag::HEAP_BIT != 0 { self.object(v.bits as u32) } else { v }
    }
    /// The table that a record's value is, or null.
    pub fn pointer(&self, v: Value) -> *mut Table {
        self.value(v).as_table().map_or(std::ptr::null_mut(), Ref::as_ptr)
    }
    /// The object of a record, made if need be.
    pub fn object(&self, n: u32) -> Value {
        if let Some(&o) = self.made.borrow().get(&n) {
            // SAFETY: what is noted there is alive.
            return unsafe { value_of(o) };
        }
        let v = if self.image.is_table(n) {
            let t = self.objects.borrow_mut().table();
            self.begin_table(n, t);
            Value::table(t)
        } else {
            self.image.make(n, &mut self.objects.borrow_mut())
        };
        if v.tag & tag::HEAP_BIT == 0 {
            return v;
        }
        self.note(n, v);
        v
    }
    fn begin_table(&self, n: u32, t: Ref<Table>) {
        t.make_unfilled(self, n);
        self.unfilled.set(self.unfilled.get() + 1);
    }
    fn note(&self, n: u32, v: Value) {
        let o = v.bits as *mut Header;
        // Until it is written it is what its record says.
        // SAFETY: it was just made.
        unsafe { (*o).set_captured() };
        self.made.borrow_mut().insert(n, o);
        self.marked(|marking| {
            // SAFETY: it was just made.
            unsafe { (*o).mark.set((*o).mark.get() | MARKED) };
            marking.born.push(o);
        });
        self.incomplete.borrow_mut().push((n, v));
    }
    /// Does something with what is known of marking, if that goes on.
    fn marked<T>(&self, f: impl FnOnce(&mut Marking) -> T) -> Option<T> {
        let mut marking = self.marking.take()?;
        let result = f(&mut marking);
        self.marking.set(Some(marking));
        Some(result)
    }
    /// Completes so many objects; true if none is left.
    fn complete(&self, most: &mut usize) -> bool {
        loop {
            if *most == 0 {
                return self.incomplete.borrow().is_empty();
            }
            let Some((n, v)) = self.incomplete.borrow_mut().pop() else { break };
            *most -= 1;
            self.image.complete(n, v, self);
        }
        // Most processes need it for a few objects, once.
        *self.incomplete.borrow_mut() = Vec::new();
        true
    }
    /// Fills a table that has just become an ordinary, empty one.
    pub(crate) fn fill(&self, n: u32, t: &Table) {
        self.unfilled.set(self.unfilled.get() - 1);
        // SAFETY: it is live.
        self.image.fill(n, unsafe { Ref::new(std::ptr::from_ref(t).cast_mut()) }, self);
        self.objects.borrow_mut().bytes += t.bytes();
        let mut all = usize::MAX;
        self.complete(&mut all);
    }
}

impl Heap {
    /// Begins with an image; `tables` become those of its first records.
    pub fn begin_lazy(&mut self, image: Arc<dyn Image>, tables: &[Ref<Table>]) {
        assert!(self.lazy.is_null(), "a heap begins once");
        image.modules(&mut |m| self.keep_module(m));
        let lazy = Box::new(Lazy {
            image,
            objects: RefCell::new(Objects::NONE),
            made: RefCell::default(),
            incomplete: RefCell::default(),
            unfilled: Cell::new(0),
            marking: Cell::default(),
        });
        self.lazy = Box::into_raw(lazy);
        let lazy = self.lazy().expect("there is one");
        for (n, &t) in tables.iter().enumerate() {
            lazy.begin_table(n as u32, t);
            lazy.note(n as u32, Value::table(t));
        }
    }
    /// What it has of its image, while it has unfilled tables.
    pub fn lazy(&self) -> Option<&Lazy> {
        // SAFETY: see the module's header.
        unsafe { self.lazy.as_ref() }
    }
    /// Completes so many of the objects that were asked of the image; true if all are complete.
    pub fn complete_lazy(&mut self, units: &mut usize) -> bool {
        self.lazy().is_none_or(|l| l.complete(units))
    }
    /// Takes over the objects that were made for unfilled tables.
    #[inline(always)]
    pub(crate) fn adopt(&mut self) {
        // No object is without bytes.
        if self.lazy_bytes() != 0 {
            self.adopt_made();
        }
    }
    #[inline(never)]
    fn adopt_made(&mut self) {
        let Some(lazy) = self.lazy() else { return };
        let made = lazy.objects.replace(Objects::NONE);
        let born = lazy.marked(|m| std::mem::take(&mut m.born));
        let mut last = made.first;
        // SAFETY: objects in a list are live, as are those that were born.
        unsafe {
            while !last.is_null() {
                let next = (*last).next.get();
                if next.is_null() {
                    (*last).next.set(self.objects.first);
                    self.objects.first = made.first;
                }
                last = next;
            }
            self.gray.extend(born.into_iter().flatten().filter(|&o| (*o).kind != ObjectKind::String));
        }
        self.objects.bytes += made.bytes;
    }
    /// An unfilled table is freed.
    pub(super) fn unfilled_freed(&self) {
        if let Some(l) = self.lazy() {
            l.unfilled.set(l.unfilled.get() - 1);
        }
    }
    /// Marking begins.
    pub(super) fn lazy_begins(&mut self) {
        if let Some(l) = self.lazy() {
            l.marking.set(Some(Box::default()));
        }
    }
    /// An unfilled table was reached.
    pub(super) fn reach_record(&mut self, n: u32) {
        if let Some(l) = self.lazy() {
            l.marked(|m| m.reach(n));
        }
    }
    /// Whether there are records to be followed.
    pub(super) fn has_records(&self) -> bool {
        self.lazy().is_some_and(|l| l.marked(|m| !m.gray.is_empty()) == Some(true))
    }
    /// Follows some records; false if there is none to be followed.
    pub(super) fn trace_records(&mut self) -> bool {
        /// Records that are followed at once.
        const SOME: usize = 64;
        if self.lazy.is_null() {
            return false;
        }
        let mut found = Vec::new();
        let Some(lazy) = self.lazy() else { return false };
        let has_some = lazy.marked(|marking| {
            let made = lazy.made.borrow();
            let has_some = !marking.gray.is_empty();
            for _ in 0..SOME {
                let Some(n) = marking.gray.pop() else { break };
                lazy.image.refers(n, &mut |m| match made.get(&m) {
                    Some(&o) => found.push(o),
                    None => marking.reach(m),
                });
            }
            has_some
        });
        if has_some != Some(true) {
            return false;
        }
        self.work += SOME / 4 + found.len() / 4;
        for o in found {
            // SAFETY: what is noted as made is alive.
            unsafe { self.mark_object(o) };
        }
        true
    }
    /// Marking is over: forgets what was not reached, which will be freed.
    pub(super) fn lazy_ends(&mut self) {
        let mut modules = Vec::new();
        if let Some(l) = self.lazy() {
            l.marking.set(None);
            // SAFETY: nothing of it was freed yet.
            l.made.borrow_mut().retain(|_, o| unsafe { (**o).mark.get() & MARKED != 0 });
            if l.unfilled.get() > 0 {
                l.image.modules(&mut |m| modules.push(Arc::as_ptr(m)));
            }
        }
        modules.into_iter().for_each(|m| self.modules.mark(m));
    }
    /// Lets go of the image if no table is left to be filled.
    pub(super) fn drop_lazy(&mut self) {
        if self.lazy().is_some_and(|l| l.unfilled.get() == 0) {
            self.free_lazy();
        }
    }
    /// Frees what it has of its image: no unfilled table is used any more.
    pub(super) fn free_lazy(&mut self) {
        self.adopt();
        let lazy = std::mem::replace(&mut self.lazy, std::ptr::null_mut());
        if !lazy.is_null() {
            // SAFETY: `begin_lazy` has made the box, and nobody points to it any more.
            drop(unsafe { Box::from_raw(lazy) });
        }
    }
    /// Bytes of objects that it has not taken over.
    #[inline(always)]
    pub(super) fn lazy_bytes(&self) -> usize {
        self.lazy().map_or(0, |l| l.objects.borrow().bytes)
    }
    /// The first of them.
    pub(super) fn lazy_first(&self) -> *mut Header {
        self.lazy().map_or(std::ptr::null_mut(), |l| l.objects.borrow().first)
    }
}
