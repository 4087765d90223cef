//! Tables that are filled when they are first used: what a process was spawned with costs nothing until it is touched.
//!
//! Journey: spawn -> snapshot -> **value**. A spawn snapshot is an [`Image`]: records outside every heap, which may be
//! those of many processes. A process begins with *unfilled* tables, which know the number of their record and where the
//! [`Lazy`] of their heap is. An unfilled table has no parts and says that it has a hash key, so every access goes the way
//! on which [`Table::touch`] waits; that makes what the record refers to (its tables unfilled in turn), and the table is
//! like any other from then on. So laziness ends at tables: functions and their variables are made at once. The table of
//! globals, the registry and the metatable of strings are not even made before somebody wants them (`Vm::globals`).
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
use smallvec::SmallVec;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

pub use super::objects::Objects as Maker;

/// Records that objects are made of. A value in a record whose tag has the heap's bit holds the number of a record.
pub trait Image: Send + Sync {
    /// Whether the third record is the metatable of strings, and a table that can be filled later.
    fn has_string_metatable(&self) -> bool;
    /// Makes the object of a record; it refers to nothing yet. None: it is a table that can be filled later.
    fn make(&self, n: u32, maker: &mut Maker) -> Option<Value>;
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

/// The first records: the table of globals, and the registry. They count as unfilled until they are made, and so does the
/// third, if it is the metatable of strings.
const ROOTS: u32 = 2;
/// The record of the metatable of strings, if [`Image::has_string_metatable`].
pub const STRING_METATABLE: u32 = ROOTS;

/// What a heap has of its image.
pub struct Lazy {
    image: Arc<dyn Image>,
    state: RefCell<State>,
    /// While the collector marks.
    marking: Cell<Option<Box<Marking>>>,
}

struct State {
    objects: Objects,
    made: Made,
}

/// An object and the number of its record, in twelve bytes: a process may have hundreds.
#[derive(Clone, Copy)]
#[repr(C, packed(4))]
struct Entry {
    record: u32,
    object: *mut Header,
}

/// Objects by their records.
#[derive(Default)]
struct Made {
    /// In the order in which they were made. Most processes that wait have made no more than lie here.
    list: SmallVec<[Entry; 3]>,
    /// Places in that, from 1 on, each where its record's number leads or after it, and zeros; once there are more than
    /// [`Made::FEW`]. A power of two of them.
    #[allow(clippy::box_collection, reason = "one word where there are few")]
    places: Option<Box<Vec<u32>>>,
    /// Those from here on are not complete.
    complete: u32,
    /// Unfilled tables there are, made or not.
    unfilled: u32,
}

impl Made {
    /// Objects among which a search through the list is fastest. Most processes have no more.
    const FEW: usize = 12;
    /// Objects from which on the list grows by quarters.
    const MANY: usize = 64;

    /// Where a record's place is looked for first.
    #[inline]
    fn first_place(n: u32, places: usize) -> usize {
        (n.wrapping_mul(0x9e37_79b1) >> (32 - places.trailing_zeros())) as usize
    }
    #[inline]
    fn find(&self, n: u32) -> Option<*mut Header> {
        let Some(places) = &self.places else {
            return self.list.iter().find(|e| e.record == n).map(|e| e.object);
        };
        let mut i = Made::first_place(n, places.len());
        loop {
            let entry = self.list[(places[i] as usize).checked_sub(1)?];
            if entry.record == n {
                return Some(entry.object);
            }
            i = (i + 1) & (places.len() - 1);
        }
    }
    fn insert(&mut self, n: u32, o: *mut Header) {
        let len = self.list.len();
        if len == self.list.capacity() && len >= Made::MANY {
            self.list.reserve_exact(len / 4);
        }
        self.list.push(Entry { record: n, object: o });
        match &mut self.places {
            // A quarter stays free.
            Some(places) if self.list.len() <= places.len() / 4 * 3 => Made::note(places, n, self.list.len()),
            None if self.list.len() <= Made::FEW => {}
            _ => self.note_places(),
        }
    }
    /// Notes the place of a record.
    fn note(places: &mut [u32], n: u32, place: usize) {
        let mut i = Made::first_place(n, places.len());
        while places[i] != 0 {
            i = (i + 1) & (places.len() - 1);
        }
        places[i] = place as u32;
    }
    fn note_places(&mut self) {
        let len = self.list.len();
        self.places = (len > Made::FEW).then(|| {
            let mut places = vec![0; (len + len / 2).next_power_of_two()];
            self.list.iter().zip(1..).for_each(|(e, place)| Made::note(&mut places, e.record, place));
            Box::new(places)
        });
    }
    /// Forgets objects; all are complete.
    fn retain(&mut self, keep: impl Fn(*mut Header) -> bool) {
        let before = self.list.len();
        self.list.retain(|e| keep(e.object));
        self.complete = self.list.len() as u32;
        if self.list.len() < before {
            self.note_places();
        }
    }
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

const _: () = assert!(size_of::<Lazy>() <= 112, "an idle process is small");

impl Lazy {
    /// The image.
    pub fn image(&self) -> Arc<dyn Image> {
        self.image.clone()
    }
    /// How many objects there are of the image.
    pub fn made_count(&self) -> usize {
        self.state.borrow().made.list.len()
    }
    /// The addresses of the objects of the image, with the numbers of their records.
    pub fn each_made(&self, each: &mut dyn FnMut(u64, u32)) {
        self.state.borrow().made.list.iter().for_each(|e| each(e.object as u64, e.record));
    }
    /// The number of the record of which an object was made.
    pub fn number_of(&self, address: u64) -> Option<u32> {
        self.state.borrow().made.list.iter().find(|e| e.object as u64 == address).map(|e| e.record)
    }
    /// The table of one of the first records, if it was made.
    pub(crate) fn made_root(&self, n: u32) -> *mut Table {
        self.state.borrow().made.find(n).map_or(std::ptr::null_mut(), |o| o.cast())
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
        let state = &mut *self.state.borrow_mut();
        if let Some(o) = state.made.find(n) {
            // SAFETY: what is noted there is alive.
            return unsafe { value_of(o) };
        }
        let v = self.image.make(n, &mut state.objects).unwrap_or_else(|| {
            let t = state.objects.table();
            t.make_unfilled(self, n);
            if n > ROOTS || n >= self.roots() {
                state.made.unfilled += 1;
            }
            Value::table(t)
        });
        if v.tag & tag::HEAP_BIT != 0 {
            let o = v.bits as *mut Header;
            // Until it is written it is what its record says.
            // SAFETY: it was just made.
            unsafe { (*o).set_captured() };
            state.made.insert(n, o);
            self.marked(|marking| {
                // SAFETY: it was just made.
                unsafe { (*o).mark.set((*o).mark.get() | MARKED) };
                marking.born.push(o);
            });
        }
        v
    }
    /// Records that count as unfilled until they are made.
    fn roots(&self) -> u32 {
        ROOTS + self.image.has_string_metatable() as u32
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
            let next = {
                let made = &mut self.state.borrow_mut().made;
                let Some(&next) = made.list.get(made.complete as usize) else { return true };
                if *most == 0 {
                    return false;
                }
                made.complete += 1;
                next
            };
            *most -= 1;
            // SAFETY: what is noted there is alive.
            self.image.complete(next.record, unsafe { value_of(next.object) }, self);
        }
    }
    /// Fills a table that has just become an ordinary, empty one.
    pub(crate) fn fill(&self, n: u32, t: &Table) {
        self.state.borrow_mut().made.unfilled -= 1;
        // SAFETY: it is live.
        self.image.fill(n, unsafe { Ref::new(std::ptr::from_ref(t).cast_mut()) }, self);
        self.state.borrow_mut().objects.bytes += t.bytes();
        let mut all = usize::MAX;
        self.complete(&mut all);
    }
}

impl Heap {
    /// Begins with an image, whose first records are the roots of the machine.
    pub(crate) fn begin_lazy(&mut self, image: Arc<dyn Image>, has_string_metatable: bool) {
        assert!(self.lazy.is_null(), "a heap begins once");
        image.modules(&mut |m| self.keep_module(m));
        let unfilled = ROOTS + has_string_metatable as u32;
        let state = State { objects: Objects::NONE, made: Made { unfilled, ..Made::default() } };
        self.lazy = Box::into_raw(Box::new(Lazy { image, state: RefCell::new(state), marking: Cell::default() }));
    }
    /// What it has of its image, while it has unfilled tables.
    pub fn lazy(&self) -> Option<&Lazy> {
        // SAFETY: see the module's header.
        unsafe { self.lazy.as_ref() }
    }
    /// Completes so many of the objects that were asked of the image; true if all are complete.
    pub fn complete_lazy(&mut self, units: &mut usize) -> bool {
        let Some(lazy) = self.lazy() else { return true };
        let is_complete = lazy.complete(units);
        if is_complete {
            // Most processes make no more of it.
            lazy.state.borrow_mut().made.list.shrink_to_fit();
        }
        is_complete
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
        let made = std::mem::replace(&mut lazy.state.borrow_mut().objects, Objects::NONE);
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
            l.state.borrow_mut().made.unfilled -= 1;
        }
    }
    /// Marking begins. Roots that were not made are reached, too.
    pub(super) fn lazy_begins(&mut self) {
        if let Some(l) = self.lazy() {
            let mut marking = Box::<Marking>::default();
            (0..l.roots()).filter(|&n| l.state.borrow().made.find(n).is_none()).for_each(|n| marking.reach(n));
            l.marking.set(Some(marking));
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
            let made = &lazy.state.borrow().made;
            let has_some = !marking.gray.is_empty();
            for _ in 0..SOME {
                let Some(n) = marking.gray.pop() else { break };
                lazy.image.refers(n, &mut |m| match made.find(m) {
                    Some(o) => found.push(o),
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
            l.state.borrow_mut().made.retain(|o| unsafe { (*o).mark.get() & MARKED != 0 });
            if l.state.borrow().made.unfilled > 0 {
                l.image.modules(&mut |m| modules.push(Arc::as_ptr(m)));
            }
        }
        modules.into_iter().for_each(|m| self.modules.mark(m));
    }
    /// Lets go of the image if no table is left to be filled.
    pub(super) fn drop_lazy(&mut self) {
        if self.lazy().is_some_and(|l| l.state.borrow().made.unfilled == 0) {
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
        self.lazy().map_or(0, |l| l.state.borrow().objects.bytes)
    }
    /// The first of them.
    pub(super) fn lazy_first(&self) -> *mut Header {
        self.lazy().map_or(std::ptr::null_mut(), |l| l.state.borrow().objects.first)
    }
}
