//! Random programs over this heap and over one of gc-arena at once: the same objects die in both.
//!
//! Journey: value -> freed. A program makes tables, stores them into each other under numbers and under tables, gives them
//! metatables (weak in any way, with a finalizer, or a table of the graph), holds some in registers, and goes where it gets to
//! from its roots alone. In between both heaps do pieces of collections, of any size and each at its own times. After whole
//! collections the same tables must be there, with the same entries, and the same finalizers wait in the same order. When this
//! heap has marked, what gc-arena can still reach must be marked: so a fault is found before freed memory is touched.
//!
//! gc-arena has weak pointers and neither ephemerons nor the order of the manual (2.5.3, 2.5.4). Both are played here with
//! its finalization: a value is resurrected when its key is not dead, until nothing changes; then values of weak tables go,
//! dead tables with a finalizer are queued and resurrected, and then keys go.
//!
//! What is not here: strings, functions, userdata and coroutines, but for the main one; finalizers beside pieces, since a table
//! may be found dead in one heap and be reached again before the other one has looked.
//!
//! `RLUA_HEAP_SEEDS=100000 cargo test --release -p rlua-machine oracle` runs many seeds.

use super::collect::Phase;
use super::tests::{machine, roots};
use super::*;
use crate::vm::Vm;
use gc_arena::arena::CollectionPhase;
use gc_arena::metrics::Pacing;
use gc_arena::{Arena, Collect, Finalization, Gc, GcWeak, Mutation, RefLock, Rootable};
use std::collections::{BTreeMap, BTreeSet};

/// What is weak in a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Collect)]
#[collect(require_static)]
enum Mode {
    Strong,
    Values,
    Keys,
    Both,
}
const MODES: [(Mode, &[u8]); 4] = [(Mode::Strong, b""), (Mode::Values, b"v"), (Mode::Keys, b"k"), (Mode::Both, b"kv")];

/// A key, by what both heaps call it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Collect)]
#[collect(require_static)]
enum Name {
    Number(i64),
    Table(u32),
}

type Pointer<'gc> = Gc<'gc, RefLock<Node<'gc>>>;

/// A table of the oracle.
#[derive(Collect)]
#[collect(no_drop)]
struct Node<'gc> {
    id: u32,
    mode: Mode,
    /// Its metatable, if that is one of the graph.
    metatable: Option<Pointer<'gc>>,
    /// It has a finalizer that was not called yet.
    has_finalizer: bool,
    entries: BTreeMap<Name, Entry<'gc>>,
}
#[derive(Clone, Copy, Collect)]
#[collect(no_drop)]
struct Entry<'gc> {
    key: Option<Link<'gc>>,
    value: Link<'gc>,
}
#[derive(Clone, Copy, Collect)]
#[collect(no_drop)]
enum Link<'gc> {
    Strong(Pointer<'gc>),
    Weak(GcWeak<'gc, RefLock<Node<'gc>>>),
}
impl<'gc> Link<'gc> {
    fn new(to: Pointer<'gc>, is_weak: bool) -> Link<'gc> {
        if is_weak { Link::Weak(Gc::downgrade(to)) } else { Link::Strong(to) }
    }
    fn find(self, mc: &Mutation<'gc>) -> Option<Pointer<'gc>> {
        match self {
            Link::Strong(p) => Some(p),
            Link::Weak(w) => w.upgrade(mc),
        }
    }
    fn is_dead(self, fc: &Finalization<'gc>) -> bool {
        matches!(self, Link::Weak(w) if w.is_dead(fc))
    }
}
impl<'gc> Entry<'gc> {
    /// As a table of this mode has it. A value under a table is an ephemeron's where keys are weak.
    fn new(mode: Mode, key: Option<Pointer<'gc>>, value: Pointer<'gc>) -> Entry<'gc> {
        let has_weak_keys = matches!(mode, Mode::Keys | Mode::Both);
        let is_weak = matches!(mode, Mode::Values | Mode::Both) || mode == Mode::Keys && key.is_some();
        Entry { key: key.map(|k| Link::new(k, has_weak_keys)), value: Link::new(value, is_weak) }
    }
}

/// All that the oracle knows.
#[derive(Collect)]
#[collect(no_drop)]
struct World<'gc> {
    top: Pointer<'gc>,
    registers: [Option<Pointer<'gc>>; REGISTERS],
    /// Every table that was not found to be gone.
    all: Vec<(u32, GcWeak<'gc, RefLock<Node<'gc>>>)>,
    /// Those with a finalizer, first marked first, and those whose finalizer waits.
    finalizable: Vec<GcWeak<'gc, RefLock<Node<'gc>>>>,
    queue: Vec<Pointer<'gc>>,
}
type Root<'gc> = Gc<'gc, RefLock<World<'gc>>>;

const REGISTERS: usize = 4;
/// Entries that are stored at once, now and then: a table of so many is traced in parts.
const MANY: usize = 1500;

/// SplitMix64.
struct Chance(u64);
impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) >> 11) as usize % n
    }
    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

// The oracle.

struct Oracle(Arena<Rootable![Root<'_>]>);

impl Oracle {
    fn new() -> Oracle {
        let arena = Arena::<Rootable![Root<'_>]>::new(|mc| {
            let top = new_node(mc, 0);
            let world = World {
                top,
                registers: [None; REGISTERS],
                all: vec![(0, Gc::downgrade(top))],
                finalizable: Vec::new(),
                queue: Vec::new(),
            };
            Gc::new(mc, RefLock::new(world))
        });
        // Every piece is asked for.
        arena.metrics().set_pacing(Pacing { min_sleep: 0, sleep_factor: 0.0, ..Pacing::DEFAULT });
        Oracle(arena)
    }
    /// Does a piece of a collection.
    fn piece(&mut self, chance: &mut Chance) {
        self.0.metrics().adjust_debt(chance.below(40) as f64);
        if self.0.collection_phase() == CollectionPhase::Sweeping {
            self.0.cycle_debt();
        } else if self.0.mark_debt().is_some() {
            self.end_marking();
        }
    }
    /// Runs a whole collection, after the one at hand.
    fn collect(&mut self) {
        let cycles = if self.0.collection_phase() == CollectionPhase::Sleeping { 1 } else { 2 };
        for _ in 0..cycles {
            if self.0.collection_phase() != CollectionPhase::Sweeping {
                self.end_marking();
            }
            self.0.finish_cycle();
        }
    }
    /// From the end of marking to the beginning of the sweep.
    fn end_marking(&mut self) {
        while self.finalize(resurrect_values) {}
        self.finalize(clear_values);
        self.finalize(queue_finalizers);
        while self.finalize(resurrect_values) {}
        self.finalize(clear_keys);
        self.finalize(clear_values);
        self.0.finish_marking().expect("no sweep goes on").start_sweeping();
    }
    /// Looks at what is dead, with all that is reached marked.
    fn finalize<T>(&mut self, f: impl for<'gc> FnOnce(&'gc Finalization<'gc>, Root<'gc>) -> T) -> T {
        self.0.finish_marking().expect("no sweep goes on").finalize(|fc, world| f(fc, *world))
    }
    /// The tables that were not freed.
    fn alive(&mut self) -> BTreeSet<u32> {
        self.0.mutate(|mc, world| {
            let mut world = world.borrow_mut(mc);
            world.all.retain(|(_, w)| !w.is_dropped());
            world.all.iter().map(|(id, _)| *id).collect()
        })
    }
}

/// The tables that are not dead.
fn living<'gc>(fc: &Finalization<'gc>, world: Root<'gc>) -> Vec<Pointer<'gc>> {
    let world = world.borrow();
    world.all.iter().filter(|(_, w)| !w.is_dead(fc)).filter_map(|(_, w)| w.upgrade(fc)).collect()
}
/// Keeps values of ephemerons whose keys are alive; false if there was none to be kept.
fn resurrect_values<'gc>(fc: &'gc Finalization<'gc>, world: Root<'gc>) -> bool {
    let mut has_found = false;
    for p in living(fc, world).into_iter().filter(|p| p.borrow().mode == Mode::Keys) {
        for e in p.borrow().entries.values() {
            if let (Some(key), Link::Weak(value)) = (e.key, e.value)
                && !key.is_dead(fc)
                && value.is_dead(fc)
            {
                value.resurrect(fc).expect("an entry whose key is alive has its value");
                has_found = true;
            }
        }
    }
    has_found
}
fn clear_values<'gc>(fc: &'gc Finalization<'gc>, world: Root<'gc>) {
    for p in living(fc, world).into_iter().filter(|p| matches!(p.borrow().mode, Mode::Values | Mode::Both)) {
        p.borrow_mut(fc).entries.retain(|_, e| !e.value.is_dead(fc));
    }
}
fn clear_keys<'gc>(fc: &'gc Finalization<'gc>, world: Root<'gc>) {
    for p in living(fc, world).into_iter().filter(|p| matches!(p.borrow().mode, Mode::Keys | Mode::Both)) {
        p.borrow_mut(fc).entries.retain(|_, e| !e.key.is_some_and(|k| k.is_dead(fc)));
    }
}
/// Dead tables with a finalizer wait for it, latest marked first.
fn queue_finalizers<'gc>(fc: &'gc Finalization<'gc>, world: Root<'gc>) {
    let mut world = world.borrow_mut(fc);
    let (dead, kept): (Vec<_>, _) = std::mem::take(&mut world.finalizable).into_iter().partition(|w| w.is_dead(fc));
    world.finalizable = kept;
    let dead = dead.into_iter().rev().map(|w| w.resurrect(fc).expect("it is kept until its finalizer is called"));
    world.queue.extend(dead);
}
fn new_node<'gc>(mc: &Mutation<'gc>, id: u32) -> Pointer<'gc> {
    let (mode, metatable, has_finalizer) = (Mode::Strong, None, false);
    Gc::new(mc, RefLock::new(Node { id, mode, metatable, has_finalizer, entries: BTreeMap::new() }))
}

// This heap.

/// A table, in both heaps.
type Pair<'gc> = (Pointer<'gc>, Ref<Table>);

/// The number of a table, which lies in it under a key that no program uses.
fn id_of(t: Ref<Table>) -> Option<u32> {
    t.get_integer(0).as_integer().map(|id| id as u32)
}
/// What a table of the graph has of the graph.
fn entries_of(t: Ref<Table>) -> BTreeMap<Name, (Value, Ref<Table>)> {
    let name = |k: Value| match k.as_table() {
        Some(k) => Name::Table(id_of(k).expect("it is one of the graph")),
        None => Name::Number(k.as_integer().expect("a table or a number")),
    };
    t.entries().filter_map(|(k, v)| v.as_table().map(|v| (name(k), (k, v)))).collect()
}
/// The tables of the graph that were not freed, with whether they survive the cycle at hand.
fn tables_of(heap: &Heap) -> BTreeMap<u32, (Ref<Table>, bool)> {
    let mut found = BTreeMap::new();
    for (first, is_swept) in [(heap.objects.first, true), (heap.sweeping, false)] {
        let mut o = first;
        while !o.is_null() {
            // SAFETY: objects in a list of the heap were not freed.
            unsafe {
                if (*o).kind == ObjectKind::Table
                    && let t = Ref::<Table>::new(o.cast())
                    && let Some(id) = id_of(t)
                {
                    found.insert(id, (t, is_swept || (*o).mark.get() & MARKED != 0));
                }
                o = (*o).next.get();
            }
        }
    }
    found
}

/// One program.
struct Program {
    chance: Chance,
    vm: Vm,
    /// By their mode, without and with a finalizer.
    metatables: Vec<[Ref<Table>; 2]>,
    /// Tables get finalizers, and no piece of a collection is done.
    has_finalizers: bool,
    ids: u32,
}

impl Program {
    fn new(seed: u64) -> Program {
        let mut vm = machine();
        // The end of marking is in one go if little is left: here what little is.
        vm.heap.set_stress(Stress::Pieces);
        let registry = vm.registry();
        let mut metatable = |mode: &[u8], has_finalizer| {
            let m = vm.heap.table();
            let n = registry.length() + 1;
            registry.set_integer(&mut vm.heap, n, Value::table(m)).expect("it fits");
            let mode = vm.heap.string(mode);
            m.set_field(&mut vm.heap, b"__mode", mode).expect("it fits");
            if has_finalizer {
                m.set_field(&mut vm.heap, b"__gc", Value::TRUE).expect("it fits");
            }
            m
        };
        let metatables = MODES.iter().map(|(_, m)| [metatable(m, false), metatable(m, true)]).collect();
        let top = vm.heap.table();
        top.set_integer(&mut vm.heap, 0, Value::integer(0)).expect("it fits");
        vm.globals().set_field(&mut vm.heap, b"top", Value::table(top)).expect("it fits");
        // SAFETY: a new stack has more slots than that.
        unsafe {
            let stack = (*vm.main).stack;
            std::slice::from_raw_parts_mut(stack, REGISTERS).fill(Value::NIL);
            vm.top = stack.add(REGISTERS);
        }
        let mut chance = Chance(seed);
        let has_finalizers = chance.one_in(3);
        Program { chance, vm, metatables, has_finalizers, ids: 0 }
    }
    fn run(&mut self, oracle: &mut Oracle) {
        for _ in 0..self.chance.below(600) {
            match self.chance.below(40) {
                0 => self.collect(oracle),
                1..8 if !self.has_finalizers => self.piece(oracle),
                8..12 if !self.has_finalizers => oracle.piece(&mut self.chance),
                _ => oracle.0.mutate(|mc, world| self.act(mc, *world)),
            }
        }
        self.collect(oracle);
    }

    // What the program does.

    fn act<'gc>(&mut self, mc: &Mutation<'gc>, world: Root<'gc>) {
        let table = self.walk(mc, world);
        match self.chance.below(32) {
            0..12 => {
                let value = self.new_table(mc, world);
                let (name, key) = self.key(mc, world);
                self.store(mc, table, name, key, Some(value));
            }
            12..19 => {
                let value = self.walk(mc, world);
                let (name, key) = self.key(mc, world);
                self.store(mc, table, name, key, Some(value));
            }
            19..24 => {
                let entries = self.entries(mc, table);
                if !entries.is_empty() {
                    let (name, key, _) = entries[self.chance.below(entries.len())];
                    self.store(mc, table, name, key, None);
                }
            }
            24..28 => self.set_metatable(mc, world, table),
            28..31 => {
                let held = (!self.chance.one_in(3)).then_some(table);
                self.hold(mc, world, held);
            }
            _ if self.chance.one_in(3) => {
                // Into the array part, or the nodes.
                let step = if self.chance.one_in(2) { 1 } else { 1000 };
                let first = self.entries(mc, table).len() as i64 + 1;
                let mut value = table;
                for n in first..first + self.chance.below(MANY) as i64 {
                    if self.chance.one_in(50) {
                        value = self.new_table(mc, world);
                    }
                    self.store(mc, table, Name::Number(n * step), None, Some(value));
                }
                self.hold(mc, world, Some(table));
            }
            _ => {
                for (name, key, _) in self.entries(mc, table) {
                    self.store(mc, table, name, key, None);
                }
            }
        }
    }
    fn hold<'gc>(&mut self, mc: &Mutation<'gc>, world: Root<'gc>, table: Option<Pair<'gc>>) {
        let i = self.chance.below(REGISTERS);
        world.borrow_mut(mc).registers[i] = table.map(|t| t.0);
        // SAFETY: in the stack, below its top.
        unsafe { *(*self.vm.main).stack.add(i) = table.map_or(Value::NIL, |t| Value::table(t.1)) };
    }
    /// A table that can be reached.
    fn walk<'gc>(&mut self, mc: &Mutation<'gc>, world: Root<'gc>) -> Pair<'gc> {
        let i = self.chance.below(2 * REGISTERS);
        let held = world.borrow().registers.get(i).copied().flatten();
        let mut at = match held {
            // SAFETY: in the stack, below its top.
            Some(p) => (p, unsafe { *(*self.vm.main).stack.add(i) }.as_table().expect("both have it")),
            None => {
                let globals = self.vm.globals();
                (world.borrow().top, globals.get_field(&mut self.vm.heap, b"top").as_table().expect("it is kept"))
            }
        };
        for _ in 0..self.chance.below(8) {
            let mut next: Vec<Pair> = Vec::new();
            for (_, key, value) in self.entries(mc, at) {
                next.extend(key);
                next.push(value);
            }
            let metatable = at.0.borrow().metatable;
            next.extend(metatable.map(|m| (m, at.1.metatable().expect("both have it"))));
            if next.is_empty() {
                break;
            }
            at = next[self.chance.below(next.len())];
        }
        at
    }
    /// The entries of a table that both heaps have: those of weak tables go sooner in one of them.
    fn entries<'gc>(&self, mc: &Mutation<'gc>, (p, t): Pair<'gc>) -> Vec<(Name, Option<Pair<'gc>>, Pair<'gc>)> {
        let ours = entries_of(t);
        let node = p.borrow();
        let id = node.id;
        assert!(id_of(t) == Some(id), "{id} is {:?}", id_of(t));
        if node.mode == Mode::Strong {
            assert!(ours.keys().eq(node.entries.keys()), "entries of {id}");
        }
        let both = |(&name, e): (&Name, &Entry<'gc>)| {
            let &(k, v) = ours.get(&name)?;
            let key = match e.key {
                None => None,
                Some(key) => Some((key.find(mc)?, k.as_table()?)),
            };
            let value = e.value.find(mc)?;
            assert!(id_of(v) == Some(value.borrow().id), "{name:?} of {id}");
            Some((name, key, (value, v)))
        };
        node.entries.iter().filter_map(both).collect()
    }
    fn new_table<'gc>(&mut self, mc: &Mutation<'gc>, world: Root<'gc>) -> Pair<'gc> {
        self.ids += 1;
        let t = match self.chance.below(3) {
            0 => self.vm.heap.table(),
            _ => self.vm.heap.table_sized(self.chance.below(5), self.chance.below(5)),
        };
        t.set_integer(&mut self.vm.heap, 0, Value::integer(self.ids as i64)).expect("it fits");
        let p = new_node(mc, self.ids);
        world.borrow_mut(mc).all.push((self.ids, Gc::downgrade(p)));
        (p, t)
    }
    fn key<'gc>(&mut self, mc: &Mutation<'gc>, world: Root<'gc>) -> (Name, Option<Pair<'gc>>) {
        match self.chance.below(5) {
            0 | 1 => (Name::Number(self.chance.below(6) as i64 + 1), None),
            2 => (Name::Number(self.chance.below(6) as i64 * 1000 - 3000 - 1), None),
            _ => {
                let key = self.walk(mc, world);
                (Name::Table(key.0.borrow().id), Some(key))
            }
        }
    }
    fn store<'gc>(
        &mut self,
        mc: &Mutation<'gc>,
        (p, t): Pair<'gc>,
        name: Name,
        key: Option<Pair<'gc>>,
        value: Option<Pair<'gc>>,
    ) {
        let k = match (name, key) {
            (Name::Number(n), _) => Value::integer(n),
            (_, Some((_, k))) => Value::table(k),
            _ => unreachable!("a table's name comes with the table"),
        };
        t.set(&mut self.vm.heap, k, value.map_or(Value::NIL, |v| Value::table(v.1))).expect("it fits");
        let mut node = p.borrow_mut(mc);
        match value {
            None => node.entries.remove(&name),
            Some((v, _)) => {
                let entry = Entry::new(node.mode, key.map(|k| k.0), v);
                node.entries.insert(name, entry)
            }
        };
    }
    fn set_metatable<'gc>(&mut self, mc: &Mutation<'gc>, world: Root<'gc>, table: Pair<'gc>) {
        let (p, t) = table;
        // What one heap has no longer goes from the other one, too: it may not be weak any more.
        let both = self.entries(mc, table);
        for (name, (k, _)) in entries_of(t) {
            if both.iter().all(|(n, ..)| *n != name) {
                t.set(&mut self.vm.heap, k, Value::NIL).expect("it is there");
            }
        }
        let i = self.chance.below(MODES.len());
        let mode = if self.chance.one_in(5) {
            let m = self.walk(mc, world);
            p.borrow_mut(mc).metatable = Some(m.0);
            self.vm.set_metatable(t, Some(m.1));
            Mode::Strong
        } else {
            let has_finalizer = self.has_finalizers && self.chance.one_in(2);
            p.borrow_mut(mc).metatable = None;
            self.vm.set_metatable(t, Some(self.metatables[i][has_finalizer as usize]));
            if has_finalizer && !std::mem::replace(&mut p.borrow_mut(mc).has_finalizer, true) {
                world.borrow_mut(mc).finalizable.push(Gc::downgrade(p));
            }
            MODES[i].0
        };
        let mut node = p.borrow_mut(mc);
        node.mode = mode;
        let entry = |(name, key, value): (Name, Option<Pair<'gc>>, Pair<'gc>)| {
            (name, Entry::new(mode, key.map(|k| k.0), value.0))
        };
        node.entries = both.into_iter().map(entry).collect();
    }

    // What the collectors do.

    /// Some pieces of a collection of this heap, as small as can be.
    fn piece(&mut self, oracle: &mut Oracle) {
        let most = if self.chance.one_in(3) { 60 } else { 4 };
        for _ in 0..self.chance.below(most) {
            self.smallest_piece(oracle);
        }
    }
    fn smallest_piece(&mut self, oracle: &mut Oracle) {
        let before = self.vm.heap.phase;
        let roots = roots(&mut self.vm);
        self.vm.heap.collect_piece(&roots, 1);
        if before == Phase::Mark && self.vm.heap.phase != Phase::Mark {
            self.check_marked(oracle);
        }
    }
    /// At the end of marking: what can be reached is not swept.
    fn check_marked(&mut self, oracle: &mut Oracle) {
        oracle.collect();
        let ours = tables_of(&self.vm.heap);
        let lost = |id: &u32| !ours.get(id).is_some_and(|t| t.1);
        let lost: Vec<u32> = oracle.alive().into_iter().filter(lost).collect();
        assert!(lost.is_empty(), "{lost:?} can be reached and were not marked");
    }
    /// Whole collections of both: the same is left.
    fn collect(&mut self, oracle: &mut Oracle) {
        while self.vm.heap.phase == Phase::Mark {
            self.smallest_piece(oracle);
        }
        let roots = roots(&mut self.vm);
        self.vm.heap.collect(&roots);
        oracle.collect();
        let mut ours = tables_of(&self.vm.heap);
        // A table whose values are weak keeps its keys. An entry may have gone in one of the heaps and not yet in the other
        // one, and what its key has kept goes a cycle later.
        while !self.has_finalizers {
            self.vm.heap.collect(&roots);
            let left = tables_of(&self.vm.heap);
            if left.len() == ours.len() {
                break;
            }
            ours = left;
        }
        let mut before = usize::MAX;
        while !self.has_finalizers && oracle.alive().len() < before {
            before = oracle.alive().len();
            oracle.collect();
        }
        let (alive, theirs) = (ours.keys().copied().collect::<BTreeSet<u32>>(), oracle.alive());
        let freed: Vec<_> = theirs.difference(&alive).collect();
        let kept: Vec<_> = alive.difference(&theirs).collect();
        assert!(freed.is_empty() && kept.is_empty(), "{freed:?} were freed, {kept:?} were not");
        let there: BTreeSet<_> = ours.values().map(|(t, _)| t.as_ptr()).collect();
        for (id, (t, _)) in &ours {
            let mut values = t.entries().flat_map(|(k, v)| [k, v]).filter_map(Value::as_table);
            assert!(values.all(|v| there.contains(&v.as_ptr())), "{id} has what was freed");
        }
        let (_, queued) = self.vm.heap.finalizable_values();
        let queued: Vec<_> = queued.into_iter().map(|v| v.as_table().and_then(id_of)).collect();
        oracle.0.mutate(|mc, world| {
            for (id, w) in &world.borrow().all {
                let p = w.upgrade(mc).expect("it is alive");
                let entries = p.borrow().entries.keys().copied().collect::<Vec<_>>();
                let found = entries_of(ours[id].0);
                assert!(found.keys().eq(&entries), "{id} has {:?}, not {entries:?}", found.keys());
                self.entries(mc, (p, ours[id].0));
            }
            let theirs: Vec<_> = world.borrow().queue.iter().map(|p| Some(p.borrow().id)).collect();
            assert!(queued == theirs, "{queued:?} are to be finalized, not {theirs:?}");
            if self.chance.one_in(2) {
                self.call_finalizers(mc, *world);
            }
        });
    }
    /// Finalizers drop their table, or store it somewhere.
    fn call_finalizers<'gc>(&mut self, mc: &Mutation<'gc>, world: Root<'gc>) {
        let queue = std::mem::take(&mut world.borrow_mut(mc).queue);
        for p in queue {
            let t = self.vm.heap.take_finalizable().and_then(Value::as_table).expect("both have it");
            p.borrow_mut(mc).has_finalizer = false;
            if self.chance.one_in(2) {
                let into = self.walk(mc, world);
                let name = Name::Number(self.chance.below(6) as i64 + 1);
                self.store(mc, into, name, None, Some((p, t)));
            }
        }
    }
}

/// Says the seed if its program fails.
struct Told(u64);
impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}", self.0);
        }
    }
}

#[test]
fn the_same_objects_die() {
    let seeds = std::env::var("RLUA_HEAP_SEEDS").map_or(300, |n| n.parse().expect("a number of seeds"));
    for seed in 0..seeds {
        let _told = Told(seed);
        Program::new(seed).run(&mut Oracle::new());
    }
}
