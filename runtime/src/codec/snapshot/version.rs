//! Versions of what a spawner's globals reach.
//!
//! Journey: spawn -> **records** -> the child's heap. A [`Graph`] has the records as they were taken first, which never change,
//! and beside them what was written later: for each record that has changed its *segments*, which are whole records, and
//! behind each of those single slots and nodes, all under the number of the version that has them first. A [`View`] is the
//! graph at one version, and what a child begins with. So what a spawner writes between two spawns costs what was written,
//! in time and in memory, and children share the rest. The reader might expect a tree that copies paths: each version of it
//! would take a kilobyte, where this takes 32 bytes for a slot.
//!
//! Only the spawner makes versions. When the changes of a graph take more than the graph itself, it takes all anew, so a
//! process that lives long keeps no more than twice what it began with, and what is taken anew was paid for by as many writes.
//!
//! Always: what a view shows of its graph never changes; a segment has no more single changes than its table has places, so
//! that filling a table costs in proportion to its size.

use super::{Record, Records, Weight};
use crate::sync::{Mutex, MutexGuard};
use rlua_machine::value::Value;
use rlua_machine::value::table::Node;
use rlua_machine::vm::load::Module;
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Records, and what has changed of them.
pub(super) struct Graph {
    pub records: Records,
    pub modules: Vec<Arc<Module>>,
    /// Of strings and of the other types.
    pub metatables: [Value; 7],
    /// Objects with finalizers, in the order of their list.
    pub finalizable: Box<[Value]>,
    /// It is thawed as a whole.
    pub whole: bool,
    /// Bit by record: it has changed.
    changed: Box<[AtomicU64]>,
    changes: Mutex<Changes>,
    weight: Weight,
}

#[derive(Default)]
struct Changes {
    version: u32,
    changed: HashMap<u32, History>,
    /// Of records that were added, which follow the first ones.
    added: Vec<History>,
    modules: Vec<Arc<Module>>,
    bytes: usize,
}

/// What a record was, one segment after the other.
struct History {
    first: Segment,
    later: Vec<Segment>,
}

struct Segment {
    /// The version that has it first.
    from: u32,
    /// None is the graph's own record.
    record: Option<Arc<Record>>,
    redone: Redone,
}

/// Single changes of a table, one after the other.
struct Redone {
    list: Vec<Redo>,
    /// As the latest version has it.
    head: Head,
}

/// A slot or a node from a version on.
#[derive(Clone, Copy)]
struct Redo {
    version: u32,
    /// A slot of the array part, or behind those a node, or [`HEAD`].
    place: u32,
    /// A slot's value, and the head where a key would be; a node; the head alone.
    node: Node,
}
/// In [`Redo::place`].
const HEAD: u32 = u32::MAX;

/// What else changes when a table is written.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Head {
    last_free: u32,
    border_hint: u32,
}
impl Head {
    fn of(r: &Record) -> Head {
        match r {
            Record::Table { last_free, border_hint, .. } => Head { last_free: *last_free, border_hint: *border_hint },
            _ => Head::default(),
        }
    }
    fn word(self) -> u64 {
        (self.last_free as u64) << 32 | self.border_hint as u64
    }
}

/// What was written of a table that is noted by its places.
pub(super) struct Places {
    /// Its record.
    pub number: u32,
    pub last_free: u32,
    pub border_hint: u32,
    /// Slots as values of nodes, and nodes.
    pub changed: Vec<(u32, Node)>,
}

/// A record that was found.
pub(super) enum Found<'g> {
    First(&'g Record),
    Later(Arc<Record>),
}
impl Deref for Found<'_> {
    type Target = Record;
    fn deref(&self) -> &Record {
        match self {
            Found::First(r) => r,
            Found::Later(r) => r,
        }
    }
}

impl History {
    fn new(from: u32, record: Option<Arc<Record>>, head: Head) -> History {
        History { first: Segment::new(from, record, head), later: Vec::new() }
    }
    fn at(&self, version: u32) -> &Segment {
        match self.later.partition_point(|s| s.from <= version) {
            0 => &self.first,
            n => &self.later[n - 1],
        }
    }
}

/// The record with single changes.
fn merged(record: &Record, redo: &[Redo]) -> Record {
    let mut record = record.clone();
    if let Record::Table { array, nodes, last_free, border_hint, refers, .. } = &mut record {
        *refers |= !redo.is_empty();
        for r in redo {
            let at = r.place as usize;
            if at >= array.len() && r.place != HEAD {
                nodes[at - array.len()] = r.node;
                continue;
            }
            if r.place != HEAD {
                array[at] = r.node.value();
            }
            (*last_free, *border_hint) = ((r.node.key_bits >> 32) as u32, r.node.key_bits as u32);
        }
    }
    record
}
/// The places in which a table differs; none if more than that has changed.
fn difference(old: &Record, new: &Record) -> Option<Vec<(u32, Node)>> {
    let Record::Table { serial, metatable, hash_key, array, nodes, .. } = old else { return None };
    let Record::Table { serial: s, metatable: m, hash_key: h, array: a, nodes: n, .. } = new else { return None };
    let key = |k: &Option<rlua_machine::value::hash::HashKey>| k.map(|k| k.word());
    let same = (serial, array.len(), nodes.len(), key(hash_key)) == (s, a.len(), n.len(), key(h));
    if !same || !metatable.raw_equals(*m) {
        return None;
    }
    let is_same = |a: Value, b: Value| (a.tag, a.bits) == (b.tag, b.bits);
    let slots = array.iter().zip(a).enumerate().filter(|(_, (x, y))| !is_same(**x, **y));
    let slots =
        slots.map(|(i, (_, &y))| (i as u32, Node { value_bits: y.bits, value_tag: y.tag as u8, ..Node::EMPTY }));
    let differs = |x: &Node, y: &Node| {
        (x.next, x.hash16) != (y.next, y.hash16) || !is_same(x.key(), y.key()) || !is_same(x.value(), y.value())
    };
    let nodes = nodes.iter().zip(n).enumerate().filter(|(_, (x, y))| differs(x, y));
    let nodes = nodes.map(|(i, (_, &y))| ((i + a.len()) as u32, y));
    Some(slots.chain(nodes).collect())
}

impl Segment {
    fn new(from: u32, record: Option<Arc<Record>>, head: Head) -> Segment {
        Segment { from, record, redone: Redone { list: Vec::new(), head } }
    }
}
impl Redone {
    /// Takes single changes, unless there are too many.
    fn take(&mut self, version: u32, head: Head, changed: &[(u32, Node)], slots: usize, places: usize) -> bool {
        /// Even of a table with fewer places.
        const SOME: usize = 8;
        if self.list.len() + changed.len() > places.max(SOME) {
            return false;
        }
        for &(place, mut node) in changed {
            if (place as usize) < slots {
                node.key_bits = head.word();
                self.head = head;
            }
            self.list.push(Redo { version, place, node });
        }
        if self.head != head {
            self.head = head;
            self.list.push(Redo { version, place: HEAD, node: Node { key_bits: head.word(), ..Node::EMPTY } });
        }
        true
    }
}

impl Graph {
    /// Past the size of the graph, what its changes may take.
    const MORE: usize = 8192;

    pub fn new(records: Records, modules: Vec<Arc<Module>>, metatables: [Value; 7]) -> Graph {
        let weight = Weight::new(size_of::<Graph>() + records.bytes);
        let changed = (0..records.len.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Graph {
            records,
            modules,
            metatables,
            finalizable: Box::default(),
            whole: false,
            changed,
            changes: Mutex::default(),
            weight,
        }
    }
    /// It is thawed as a whole, with these finalizers.
    pub fn into_whole(self, finalizable: Box<[Value]>) -> Graph {
        Graph { whole: true, finalizable, ..self }
    }
    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(|e| e.into_inner())
    }
    /// Writes that are worth noting one by one, before all is taken anew.
    pub fn room(&self) -> usize {
        self.records.bytes / 256 + 64
    }
    /// Whether its changes take more than itself.
    pub fn is_worn(&self) -> bool {
        self.changes().bytes > self.records.bytes + Graph::MORE
    }
    #[inline]
    fn has_changed(&self, n: u32) -> bool {
        // Whoever looks at a version has got it from the spawner, which had set the bits by then.
        self.changed.get(n as usize / 64).is_none_or(|w| w.load(Ordering::Relaxed) & 1 << (n % 64) != 0)
    }
    /// Whether a table can take so many single changes more.
    pub fn has_room(&self, n: u32, changed: usize, places: usize) -> bool {
        let changes = self.changes();
        let history = match (n as usize).checked_sub(self.records.len) {
            None => changes.changed.get(&n),
            Some(i) => changes.added.get(i),
        };
        let taken = history.map_or(0, |h| h.later.last().unwrap_or(&h.first).redone.list.len());
        taken + changed < places
    }
    /// A record at a version; with its single changes or without them.
    #[cold]
    fn find(&self, n: u32, version: u32, with_redo: bool) -> Found<'_> {
        let first = (n as usize) < self.records.len;
        if first && !self.has_changed(n) {
            return Found::First(self.records.get(n as usize));
        }
        let changes = self.changes();
        let history = match first {
            true => changes.changed.get(&n),
            false => changes.added.get(n as usize - self.records.len),
        };
        let Some(segment) = history.map(|h| h.at(version)) else { return Found::First(self.records.get(n as usize)) };
        let redo = &segment.redone.list;
        let redo = &redo[..redo.partition_point(|r| r.version <= version)];
        let found = match &segment.record {
            Some(r) => Found::Later(r.clone()),
            None => Found::First(self.records.get(n as usize)),
        };
        if !with_redo || redo.is_empty() {
            return found;
        }
        let redo = redo.to_vec();
        drop(changes);
        Found::Later(Arc::new(merged(&found, &redo)))
    }
    /// Makes a version: records that are others now, records that are new, tables of which places were written.
    pub fn commit(
        self: &Arc<Self>,
        changed: Vec<(u32, Record)>,
        added: impl Iterator<Item = Record>,
        places: Vec<Places>,
        modules: Vec<Arc<Module>>,
    ) -> View {
        let mut changes = self.changes();
        let changes = &mut *changes;
        let version = changes.version + 1;
        changes.version = version;
        let mut bytes = 0;
        for (n, new) in changed {
            let (last, old) = self.last(changes, n, &mut bytes);
            let head = Head::of(&new);
            if let Record::Table { array, nodes, .. } = &new
                && array.len() + nodes.len() <= Places::FEW
                && let Some(d) = difference(&merged(old, &last.list), &new)
                && last.take(version, head, &d, array.len(), array.len() + nodes.len())
            {
                bytes += (d.len() + 1) * size_of::<Redo>();
                continue;
            }
            bytes += size_of::<Segment>() + new.bytes();
            let segment = Segment::new(version, Some(Arc::new(new)), head);
            self.history(changes, n).expect("it was looked at").later.push(segment);
        }
        for record in added {
            bytes += size_of::<History>() + record.bytes();
            let head = Head::of(&record);
            changes.added.push(History::new(version, Some(Arc::new(record)), head));
        }
        for p in places {
            let (last, old) = self.last(changes, p.number, &mut bytes);
            let Record::Table { array, nodes, .. } = old else { unreachable!("only tables have places") };
            let head = Head { last_free: p.last_free, border_hint: p.border_hint };
            let taken = last.take(version, head, &p.changed, array.len(), array.len() + nodes.len());
            assert!(taken, "there was room");
            bytes += (p.changed.len() + 1) * size_of::<Redo>();
        }
        changes.modules.extend(modules);
        changes.bytes += bytes;
        self.weight.add(bytes);
        self.view(changes)
    }
    fn history<'c>(&self, changes: &'c mut Changes, n: u32) -> Option<&'c mut History> {
        match (n as usize).checked_sub(self.records.len) {
            None => changes.changed.get_mut(&n),
            Some(i) => changes.added.get_mut(i),
        }
    }
    /// The last segment of a record that changes, and its record; counts bytes.
    fn last<'c>(&'c self, changes: &'c mut Changes, n: u32, bytes: &mut usize) -> (&'c mut Redone, &'c Record) {
        let first = |n| self.records.get(n as usize);
        if (n as usize) < self.records.len && !self.has_changed(n) {
            self.changed[n as usize / 64].fetch_or(1 << (n % 64), Ordering::Relaxed);
            changes.changed.insert(n, History::new(0, None, Head::of(first(n))));
            *bytes += size_of::<History>();
        }
        let h = self.history(changes, n).expect("a record that there is");
        let last = h.later.last_mut().unwrap_or(&mut h.first);
        (&mut last.redone, last.record.as_deref().unwrap_or_else(|| first(n)))
    }
    fn view(self: &Arc<Self>, changes: &Changes) -> View {
        View {
            graph: self.clone(),
            version: changes.version,
            len: (self.records.len + changes.added.len()) as u32,
            modules: changes.modules.len() as u32,
            above: None,
        }
    }
}

impl Places {
    /// Places up to which a table is compared with what it was.
    const FEW: usize = 1024;
}

/// A graph at one version, and what is on top of it.
pub(super) struct View {
    pub graph: Arc<Graph>,
    version: u32,
    /// Records of the graph by then.
    len: u32,
    /// Modules that had been added by then.
    modules: u32,
    above: Option<Box<Above>>,
}

/// What only one body and its arguments reach.
struct Above {
    records: Records,
    modules: Vec<Arc<Module>>,
    _weight: Weight,
}

impl View {
    /// A graph as it was taken first.
    pub fn first(graph: Graph) -> View {
        let graph = Arc::new(graph);
        let changes = graph.changes();
        graph.view(&changes)
    }
    /// The same version without what is on top of it.
    pub fn below(self: &Arc<Self>) -> Arc<View> {
        match self.above {
            None => self.clone(),
            Some(_) => Arc::new(View { graph: self.graph.clone(), above: None, ..**self }),
        }
    }
    /// With something on top of it.
    pub fn with(&self, records: Records, modules: Vec<Arc<Module>>) -> View {
        let weight = Weight::new(size_of::<View>() + size_of::<Above>() + records.bytes);
        let above = Above { records, modules, _weight: weight };
        View { graph: self.graph.clone(), above: Some(Box::new(above)), ..*self }
    }
    /// How many records of its graph it has.
    pub fn len(&self) -> usize {
        self.len as usize
    }
    /// How many records there are, with those on top.
    pub fn objects(&self) -> usize {
        self.len() + self.above.as_ref().map_or(0, |a| a.records.len)
    }
    #[inline]
    fn find(&self, n: u32, with_redo: bool) -> Found<'_> {
        let graph = &*self.graph;
        // By far the most. Whoever asks has the number from a record of this view.
        if n < self.len && (n as usize) < graph.records.len && !graph.has_changed(n) {
            return Found::First(graph.records.get(n as usize));
        }
        self.find_later(n, with_redo)
    }
    #[inline(never)]
    fn find_later(&self, n: u32, with_redo: bool) -> Found<'_> {
        match &self.above {
            Some(above) if n >= self.len => Found::First(above.records.get((n - self.len) as usize)),
            _ => {
                assert!(n < self.len, "a record that there is");
                self.graph.find(n, self.version, with_redo)
            }
        }
    }
    /// A record, of a table all but its parts.
    #[inline]
    pub fn head(&self, n: u32) -> Found<'_> {
        self.find(n, false)
    }
    /// A record.
    pub fn record(&self, n: u32) -> Found<'_> {
        self.find(n, true)
    }
    /// The metatables of strings and of the other types.
    pub fn metatables(&self) -> [Value; 7] {
        self.graph.metatables
    }
    /// Whether a type other than strings has one.
    pub fn has_type_metatables(&self) -> bool {
        self.graph.metatables[1..].iter().any(|m| !m.is_nil())
    }
    pub fn finalizable(&self) -> &[Value] {
        &self.graph.finalizable
    }
    /// Whether it is thawed as a whole.
    pub fn is_whole(&self) -> bool {
        self.graph.whole
    }
    pub fn each_module(&self, each: &mut dyn FnMut(&Arc<Module>)) {
        self.graph.modules.iter().for_each(&mut *each);
        if self.modules > 0 {
            self.graph.changes().modules[..self.modules as usize].iter().for_each(&mut *each);
        }
        self.above.iter().flat_map(|a| &a.modules).for_each(each);
    }
    /// The records, if nobody else has them, and they are all there is.
    pub fn own_records(this: &mut Arc<View>) -> Option<&mut Records> {
        let view = Arc::get_mut(this).filter(|v| v.above.is_none())?;
        Arc::get_mut(&mut view.graph).map(|g| &mut g.records)
    }
}
