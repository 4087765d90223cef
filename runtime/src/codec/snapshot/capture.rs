//! A snapshot is taken.
//!
//! Journey: spawn -> **records** -> the child's heap. First what the spawner's globals and registry reach, and the body: the
//! graph below, which is kept beside the numbers of its objects. Each of those is marked, so that a store into it is noted
//! (heap/captured.rs in the machine). The next spawn takes what was written since, and variables that live in a stack and have
//! changed, as another version of the same graph (version.rs); all is taken anew when a collection has ended, or when the
//! changes take more than the graph. Then what the body and the arguments reach beyond that.
//!
//! What must be thawed as a whole is taken as a whole, in one graph, for one child.

use super::super::{ManyNumbers, Numbers, is_file, is_standard_stream, socket_name};
use super::version::{Graph, Places, View};
use super::{Arguments, PIECE, Record, Records, Snapshot};
use rlua_machine::heap::{Header, Lazy, ObjectKind, WHOLE, Written, value_of};
use rlua_machine::stdlib::NativeState;
use rlua_machine::value::function::{NativeClosure, Upvalue};
use rlua_machine::value::string::Str;
use rlua_machine::value::table::Node;
use rlua_machine::value::userdata::{Buffer, Userdata};
use rlua_machine::value::{Closure, Table, Value, tag};
use rlua_machine::vm::Vm;
use rlua_machine::vm::load::Module;
use rlua_machine::vm::metamethod::{Event, name_value};
use std::sync::Arc;

/// A view of what a spawner's globals reach, and what says whether it is so still.
struct Kept {
    view: Arc<View>,
    numbers: ManyNumbers,
    modules: Numbers,
    /// Variables that lived in a stack, and their values.
    open: Vec<(*mut Upvalue, Value)>,
    epoch: u32,
    metatables: [*mut Table; 7],
    /// It is what the process itself began with: others make its versions.
    inherited: bool,
    /// Objects that were made of that when their numbers were learnt.
    made: usize,
    /// Functions that were bodies of late and have no number, the latest first, by address. One that comes again is taken
    /// into the graph.
    bodies: [u64; BODIES],
}
/// Bodies without a number that are remembered: so many functions may be spawned in turn.
const BODIES: usize = 4;

// SAFETY: it points to objects of one heap, and is moved between threads with that alone (heap/mod.rs, rule 3).
unsafe impl Send for Kept {}

/// What a heap keeps from one spawn to the next, until a collection ends.
enum Known {
    /// A view.
    View(Box<Kept>),
    /// What the globals reach is to be taken as a whole.
    Whole,
}

impl Known {
    fn keep(self, vm: &mut Vm) {
        let room = match &self {
            Known::View(kept) if kept.inherited => 0,
            Known::View(kept) => kept.view.graph.room(),
            Known::Whole => usize::MAX,
        };
        vm.heap.keep_captured(Box::new(self), room);
    }
}

impl Kept {
    /// Learns the numbers of what was made of it.
    fn know(&mut self, lazy: &Lazy) {
        if self.made != lazy.made_count() {
            self.made = lazy.made_count();
            lazy.each_made(&mut |address, n| {
                if (n as usize) < self.view.len() {
                    // It may be known.
                    let _ = self.numbers.insert(address, n);
                }
            });
        }
    }
    /// Whether it can serve, with what was written since.
    fn can_serve(&self, vm: &Vm) -> bool {
        self.epoch == vm.heap.capture_epoch() && self.metatables == metatables(vm)
    }
    /// Whether a variable that lived in a stack is what it was. No collection has ended since it was taken.
    fn is_same(&(variable, then): &(*mut Upvalue, Value)) -> bool {
        // SAFETY: it was live then, and nothing was freed since (the caller's promise).
        let now = unsafe { (*variable).get() };
        // An integer equals its float, and is another value.
        now.tag == then.tag && (now.bits == then.bits || now.tag != tag::FLOAT && now.raw_equals(then))
    }
    /// A body has no number: it is remembered.
    fn note_body(&mut self, body: Value) {
        if body.tag & tag::HEAP_BIT != 0 && self.numbers.get(body.bits).is_none() {
            self.bodies.rotate_right(1);
            self.bodies[0] = body.bits;
        }
    }
}

/// Objects of its image up to which a process looks whether it can pass that on: it looks at all of them.
const FEW: usize = 1000;

/// Those of a list that is looked through at each spawn.
const FEW_LISTED: usize = 256;

/// What the process itself began with, if it has not written to any of that.
fn inherited(vm: &Vm) -> Option<Box<Kept>> {
    let lazy = vm.heap.lazy().filter(|l| l.made_count() <= FEW && vm.heap.captured_writes() == 0)?;
    let own = lazy.image().into_any().downcast::<View>().ok()?;
    let is_same = own.metatables().map(|m| lazy.pointer(m)) == metatables(vm);
    let mut kept = Box::new(Kept {
        view: own.below(),
        numbers: ManyNumbers::default(),
        modules: Numbers::default(),
        open: Vec::new(),
        epoch: vm.heap.capture_epoch(),
        metatables: metatables(vm),
        inherited: true,
        made: 0,
        bodies: [0; BODIES],
    });
    kept.know(lazy);
    is_same.then_some(kept)
}

/// The metatables of types.
fn metatables(vm: &Vm) -> [*mut Table; 7] {
    let [a, b, c, d, e, f] = vm.type_metatables();
    [vm.string_metatable(), a, b, c, d, e, f]
}

/// What is being taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// What the globals reach.
    Below,
    /// What was written of that.
    Changes,
    /// What is on top of that.
    Above,
    /// All, in one graph.
    Whole,
}

struct Taker {
    /// What is below, if this is on top of it.
    kept: Option<Box<Kept>>,
    /// The number of the first record, as it were: those that have one already come before that.
    first: u32,
    /// Objects are marked, so that a store into them is noticed.
    marks: bool,
    open: Vec<(*mut Upvalue, Value)>,
    /// It has to be thawed as a whole.
    whole: bool,
    /// What was written makes others weak, perhaps.
    anew: bool,
    numbers: ManyNumbers,
    objects: Vec<*mut Header>,
    modules: Vec<*const Module>,
    /// All modules that are known by their addresses.
    known_modules: Numbers,
    /// The table that was taken last is large: its parts are still to be copied.
    large: bool,
    /// The table that was translated last has dead keys.
    dead_keys: bool,
    /// A weak table was taken: what it alone refers to must not go before it is taken, so there are no steps any more.
    at_once: bool,
}

impl Taker {
    /// The value with a number for an address.
    #[inline]
    fn value(&mut self, v: Value) -> Value {
        if v.tag & tag::KEEPS_BITS == 0 {
            return v;
        }
        if v.tag == tag::MODULE_STRING {
            // Stays where it is; its module is kept.
            let s = v.bits as *const Str;
            // SAFETY: a string of a module is live while a value holds it, and its `next` is its module.
            self.keep(unsafe { (*s).header.next.get() } as *const Module);
            return v;
        }
        let bits = self.number(v.bits as *mut Header) as u64;
        // A placeholder is a userdata.
        Value { tag: if v.tag == tag::THREAD { tag::USERDATA } else { v.tag }, bits }
    }
    fn new(kept: Option<Box<Kept>>, marks: bool) -> Taker {
        Taker {
            first: kept.as_ref().map_or(0, |k| k.view.len() as u32),
            kept,
            marks,
            open: Vec::new(),
            whole: false,
            anew: false,
            numbers: ManyNumbers::default(),
            objects: Vec::new(),
            modules: Vec::new(),
            known_modules: Numbers::default(),
            large: false,
            dead_keys: false,
            at_once: false,
        }
    }
    /// Fills a table before it is taken, and learns the numbers of what was made for that.
    fn know_made(&mut self, vm: &Vm, o: *mut Header) {
        let (Some(lazy), Some(kept)) = (vm.heap.lazy(), &mut self.kept) else { return };
        // SAFETY: the object is live, and its kind says what it is.
        unsafe {
            if (*o).kind == ObjectKind::Table {
                (*o.cast::<Table>()).touch();
            }
        }
        kept.know(lazy);
    }
    /// The number of an object that has one.
    fn find(&self, address: u64) -> Option<u32> {
        self.kept.as_ref().and_then(|k| k.numbers.get(address)).or_else(|| self.numbers.get(address))
    }
    fn number(&mut self, o: *mut Header) -> u32 {
        if let Some(known) = self.kept.as_ref().and_then(|k| k.numbers.get(o as u64)) {
            return known;
        }
        let next = self.first.wrapping_add(self.objects.len() as u32);
        match self.numbers.insert(o as u64, next) {
            Err(known) => known,
            Ok(()) => {
                self.objects.push(o);
                next
            }
        }
    }
    fn keep(&mut self, m: *const Module) {
        if self.modules.last() != Some(&m)
            && !self.kept.as_ref().is_some_and(|k| k.modules.contains_key(&(m as u64)))
            && self.known_modules.insert(m as u64, 0).is_none()
        {
            self.modules.push(m);
        }
    }
    fn table_or_nil(&mut self, t: *mut Table) -> Value {
        if t.is_null() { Value::NIL } else { Value { tag: tag::TABLE, bits: self.number(t.cast()) as u64 } }
    }
    /// Puts numbers for addresses; whether there are any.
    fn translate_array(&mut self, array: &mut [Value]) -> bool {
        let mut refers = false;
        for v in array {
            if v.tag & tag::KEEPS_BITS != 0 {
                *v = self.value(*v);
                refers = true;
            }
        }
        refers
    }
    /// As above; a dead key's address is left, and counts.
    fn translate_nodes(&mut self, nodes: &mut [Node]) -> bool {
        let mut refers = false;
        for n in nodes {
            let (k, v) = (n.key(), n.value());
            if v.is_nil() && k.tag & tag::KEEPS_BITS != 0 {
                // Perhaps nobody else has the key, and then it may be gone.
                n.key_tag = tag::DEAD_KEY as u8;
                (refers, self.dead_keys) = (true, true);
            } else if (k.tag | v.tag) & tag::KEEPS_BITS != 0 {
                let k = self.value(k);
                (n.key_tag, n.key_bits) = (k.tag as u8, k.bits);
                n.set_value(self.value(v));
                refers = true;
            } else if k.tag == tag::DEAD_KEY {
                (refers, self.dead_keys) = (true, true);
            }
        }
        refers
    }
    unsafe fn record(&mut self, o: *mut Header) -> Record {
        // SAFETY: the caller gives a live object, whose kind says what it is.
        unsafe {
            let serial = (*o).serial.get();
            if self.marks && !matches!((*o).kind, ObjectKind::String | ObjectKind::Buffer | ObjectKind::Thread) {
                (*o).set_captured();
            }
            match (*o).kind {
                ObjectKind::String => Record::String((*o.cast::<Str>()).bytes().into()),
                ObjectKind::Table => {
                    let t = &*o.cast::<Table>();
                    self.whole |= (*o).has_finalizer();
                    let metatable = self.table_or_nil(t.metatable.get());
                    if let Some(library) = t.library() {
                        return Record::Library { serial, metatable, library };
                    }
                    let (slots, node_count) = (t.array_part().len(), t.node_count());
                    let (mut array, mut nodes) = (Vec::with_capacity(slots), Vec::with_capacity(node_count));
                    let mut refers = false;
                    // SAFETY: a metatable that is set is live as long as its table.
                    let mode = t.metatable.get().as_ref().map_or(Value::NIL, |m| m.get(name_value(Event::Mode)));
                    self.at_once |= !mode.is_nil();
                    self.whole |= !mode.is_nil();
                    if slots + node_count > PIECE {
                        self.large = true;
                    } else {
                        array.extend_from_slice(t.array_part());
                        nodes.extend_from_slice(t.node_part());
                        refers |= self.translate_array(&mut array);
                        refers |= self.translate_nodes(&mut nodes);
                    }
                    Record::Table {
                        serial,
                        metatable,
                        hash_key: t.hash_key(),
                        last_free: t.last_free(),
                        border_hint: t.border_hint.get(),
                        array,
                        nodes,
                        refers,
                    }
                }
                ObjectKind::Closure => {
                    let c = &*o.cast::<Closure>();
                    self.keep((*c.proto).module);
                    let upvalues = (0..c.count).map(|i| self.number((*c.cells().add(i)).cast())).collect();
                    Record::Closure { serial, proto: c.proto, upvalues }
                }
                ObjectKind::NativeClosure => {
                    let c = &*o.cast::<NativeClosure>();
                    let upvalues = c.upvalues().iter().map(|u| self.value(u.get())).collect();
                    Record::NativeClosure { serial, native: c.native, upvalues }
                }
                ObjectKind::Userdata => {
                    let u = &*o.cast::<Userdata>();
                    // A closed file, or a value of another library, is no resource.
                    let open = u.resource.get() != u64::MAX;
                    if is_file(u) && !is_standard_stream(u) && open {
                        self.whole = true;
                        return Record::Placeholder { serial, what: b"an open file" };
                    }
                    let is_socket = socket_name(u).is_some();
                    if is_socket && open {
                        // A userdata of the metatable of placeholders, which each socket has with it.
                        let metatable = Some(u.user_value.get()).filter(|v| v.as_table().is_some());
                        let metatable = metatable.map_or(Value::NIL, |v| self.value(v));
                        return Record::Userdata { serial, metatable, resource: u64::MAX, user_value: Value::NIL };
                    }
                    // A standard stream is the runtime's: no process is the one to finalize it. A closed socket needs none.
                    self.whole |= (*o).has_finalizer() && !is_standard_stream(u) && !is_socket;
                    let metatable = self.table_or_nil(u.metatable.get());
                    let user_value = self.value(u.user_value.get());
                    Record::Userdata { serial, metatable, resource: u.resource.get(), user_value }
                }
                // An open variable is copied by its value.
                ObjectKind::Upvalue => {
                    let u = o.cast::<Upvalue>();
                    let v = (*u).get();
                    if self.marks && (*u).is_open() {
                        self.open.push((u, v));
                    }
                    Record::Upvalue { serial, value: self.value(v) }
                }
                ObjectKind::Buffer => {
                    // Nobody is told when it changes.
                    self.whole = true;
                    Record::Buffer(Box::new(NativeState::of(&*o.cast::<Buffer>()).clone()))
                }
                ObjectKind::Thread => {
                    self.whole = true;
                    Record::Placeholder { serial, what: b"a coroutine" }
                }
            }
        }
    }
}

/// A view that has a body already, with all that it reaches as it is now, and what the body is there.
fn view_with(vm: &Vm, body: Value) -> Option<(Arc<View>, Value)> {
    let known = vm.heap.captured().and_then(|(known, is_written)| match known.downcast_ref()? {
        Known::View(kept) if !is_written && !kept.inherited => Some(kept),
        _ => None,
    });
    if let Some(kept) = known {
        let is_same = kept.can_serve(vm) && kept.open.iter().all(Kept::is_same);
        let number =
            || if body.tag & tag::HEAP_BIT == 0 { Some(body.bits) } else { kept.numbers.get(body.bits).map(u64::from) };
        return number().filter(|_| is_same).map(|bits| (kept.view.clone(), Value { bits, ..body }));
    }
    // What the process itself began with, and what was on top of that.
    let lazy = vm.heap.lazy().filter(|l| l.made_count() <= FEW_LISTED && vm.heap.captured_writes() == 0)?;
    let bits = if body.tag & tag::HEAP_BIT == 0 { body.bits } else { u64::from(lazy.number_of(body.bits)?) };
    let own = lazy.image().into_any().downcast::<View>().ok()?;
    let has_same_strings = || lazy.pointer(own.metatables()[0]) == vm.string_metatable();
    let has_same_others = || {
        let [_, others @ ..] = own.metatables();
        others.map(|m| lazy.pointer(m)) == vm.type_metatables()
    };
    // Most have none of the others.
    let has_others = own.has_type_metatables() || vm.has_type_metatables();
    let is_same = (vm.has_unmade_string_metatable() || has_same_strings()) && (!has_others || has_same_others());
    is_same.then_some((own, Value { bits, ..body }))
}

impl Snapshot {
    /// Of a body that is in what was captured before, and arguments that are no objects: nothing has to be copied. None: it
    /// has to be captured.
    pub fn again(vm: &Vm, body: Value, arguments: Arguments) -> Option<Snapshot> {
        if arguments.iter().any(|v| v.tag & tag::KEEPS_BITS != 0) {
            return None;
        }
        let (view, body) = view_with(vm, body)?;
        Some(Snapshot { view, body, arguments, serials: vm.heap.serial_counter() })
    }
}

/// What a function and its arguments reach, and the globals and the registry, taken in steps for a process that will begin
/// with them. In the course of that nothing that it takes is changed; whoever takes the steps keeps the body and the
/// arguments.
pub struct Capture {
    body: Value,
    arguments: Arguments,
    stage: Stage,
    /// What was written is being taken for this, and put into its graph.
    changing: Option<Box<Kept>>,
    /// And the body, which comes again.
    adds_body: bool,
    /// The numbers of the first objects, which have them already.
    changed: Vec<u32>,
    /// Tables of which places were written, those that are still to be looked at first; and what was written.
    written: Vec<Written>,
    places: Vec<Places>,
    taker: Taker,
    records: Records,
    /// Slots and nodes of the last record that are copied, if it is a large table.
    translated: Option<usize>,
    /// Records of tables that have dead keys, and how many of the first one's nodes were looked at.
    with_dead_keys: Vec<u32>,
    looked_at: usize,
    /// What has a finalizer, by address, latest marked first, once it is asked for; how many of them were looked at.
    listed: Option<Vec<u64>>,
    finalizable: Vec<Value>,
    modules: Vec<Arc<Module>>,
    /// By their numbers: body, arguments, metatables.
    numbered: (Value, Arguments, [Value; 7]),
}

// SAFETY: it points to objects of one heap, and is moved between threads with that alone (heap/mod.rs, rule 3).
unsafe impl Send for Capture {}

impl Capture {
    /// Begins with the roots.
    pub fn new(vm: &mut Vm, body: Value, arguments: Arguments) -> Capture {
        let mut c = Capture {
            body,
            arguments,
            stage: Stage::Whole,
            changing: None,
            adds_body: false,
            changed: Vec::new(),
            written: Vec::new(),
            places: Vec::new(),
            taker: Taker::new(None, false),
            records: Records::default(),
            translated: None,
            with_dead_keys: Vec::new(),
            looked_at: 0,
            listed: None,
            finalizable: Vec::new(),
            modules: Vec::new(),
            numbered: (Value::NIL, Arguments::new(), [Value::NIL; 7]),
        };
        let known = vm.heap.take_captured();
        match known.and_then(|(k, w)| Some((*k.downcast::<Known>().ok()?, w))) {
            Some((Known::Whole, _)) => {
                Known::Whole.keep(vm);
                c.begin(vm, Stage::Whole, None);
            }
            Some((Known::View(mut kept), written)) if kept.can_serve(vm) => {
                if kept.inherited {
                    vm.heap.lazy().iter().for_each(|l| kept.know(l));
                }
                c.begin_changes(vm, kept, written);
            }
            _ => match inherited(vm) {
                Some(kept) => c.begin(vm, Stage::Above, Some(kept)),
                None => c.begin(vm, Stage::Below, None),
            },
        }
        c
    }
    /// Begins with what was written since, if there is something.
    fn begin_changes(&mut self, vm: &Vm, mut kept: Box<Kept>, mut written: Vec<Written>) {
        // No collection has ended since (the epoch says so).
        let others = kept.open.iter().filter(|v| !Kept::is_same(v));
        written.extend(others.map(|v| Written { object: v.0.cast(), place: WHOLE }));
        let adds_body = !kept.inherited && kept.bodies.contains(&self.body.bits) && self.body.tag & tag::HEAP_BIT != 0;
        if written.is_empty() && !adds_body {
            return self.begin(vm, Stage::Above, Some(kept));
        }
        if kept.view.graph.is_worn() {
            return self.begin(vm, Stage::Below, None);
        }
        // By their objects; what was written as a whole comes last among what was written of it.
        written.sort_unstable();
        written.dedup();
        self.begin(vm, Stage::Changes, None);
        let t = &mut self.taker;
        std::mem::swap(&mut t.numbers, &mut kept.numbers);
        std::mem::swap(&mut t.known_modules, &mut kept.modules);
        for of_one in written.chunk_by(|a, b| a.object == b.object) {
            let (o, last) = (of_one[0].object, of_one[of_one.len() - 1]);
            // What was captured for another graph is not of this one.
            let Some(number) = t.numbers.get(o as u64) else { continue };
            // SAFETY: as above; only tables have places.
            let has_room =
                || kept.view.graph.has_room(number, of_one.len(), unsafe { (*o.cast::<Table>()).layout_places() });
            if last.place == WHOLE || !has_room() {
                self.changed.push(number);
                t.objects.push(o);
            } else {
                self.written.extend_from_slice(of_one);
            }
        }
        // What is open still will be noted again.
        kept.open.retain(|&(u, _)| t.objects.binary_search(&u.cast()).is_err());
        t.first = (kept.view.len() as u32).wrapping_sub(t.objects.len() as u32);
        self.adds_body = adds_body;
        if adds_body {
            t.number(self.body.bits as *mut Header);
        }
        self.changing = Some(kept);
    }
    /// Begins a graph, or what is on top of one.
    fn begin(&mut self, vm: &Vm, stage: Stage, kept: Option<Box<Kept>>) {
        self.stage = stage;
        self.changing = None;
        self.adds_body = false;
        self.changed.clear();
        self.written.clear();
        self.places.clear();
        self.taker = Taker::new(kept, matches!(stage, Stage::Below | Stage::Changes));
        self.records = Records::default();
        self.translated = None;
        self.with_dead_keys.clear();
        self.looked_at = 0;
        self.listed = None;
        self.finalizable.clear();
        self.modules.clear();
        let t = &mut self.taker;
        if matches!(stage, Stage::Below | Stage::Whole) {
            t.number(vm.globals().as_ptr().cast());
            t.number(vm.registry().as_ptr().cast());
            self.numbered.2 = metatables(vm).map(|m| t.table_or_nil(m));
        }
        if stage != Stage::Changes {
            self.numbered.0 = t.value(self.body);
        }
        if matches!(stage, Stage::Above | Stage::Whole) {
            self.numbered.1 = self.arguments.iter().map(|&v| t.value(v)).collect();
        }
    }
    /// Does so many units of work, one for an object or a slot; the snapshot, if it is whole.
    pub fn step(&mut self, vm: &mut Vm, units: &mut usize) -> Option<Snapshot> {
        loop {
            if self.changing.as_ref().is_some_and(|k| k.epoch != vm.heap.capture_epoch()) {
                // What was written may be gone.
                self.begin(vm, Stage::Below, None);
            }
            let is_taken = self.look_at_places(units)
                && self.take(vm, units)
                && self.settle_dead_keys(units)
                && self.look_at_finalizable(vm, units)
                && self.keep_modules(vm, units);
            if !is_taken {
                return None;
            }
            let kept = self.taker.kept.take();
            if self.stage != Stage::Whole && self.taker.whole {
                match kept {
                    // It is the body or the arguments: another spawn may have others.
                    Some(kept) => Known::View(kept).keep(vm),
                    None if self.adds_body => {}
                    None => Known::Whole.keep(vm),
                }
                self.begin(vm, Stage::Whole, None);
                continue;
            }
            let view = match (self.stage, kept) {
                (Stage::Changes, _) if self.taker.anew => {
                    self.begin(vm, Stage::Below, None);
                    continue;
                }
                (Stage::Below | Stage::Changes, _) => {
                    let kept = self.kept(vm);
                    self.begin(vm, Stage::Above, Some(kept));
                    continue;
                }
                (_, Some(mut kept)) => {
                    let view = match self.records.len {
                        0 => kept.view.clone(),
                        _ => Arc::new(kept.view.with(self.taken(), std::mem::take(&mut self.modules))),
                    };
                    kept.note_body(self.body);
                    if kept.epoch == vm.heap.capture_epoch() {
                        Known::View(kept).keep(vm);
                    }
                    view
                }
                (_, None) => {
                    let finalizable = std::mem::take(&mut self.finalizable).into();
                    Arc::new(View::first(self.graph().into_whole(finalizable)))
                }
            };
            let (body, arguments) = (self.numbered.0, std::mem::take(&mut self.numbered.1));
            return Some(Snapshot { view, body, arguments, serials: vm.heap.serial_counter() });
        }
    }
    fn taken(&mut self) -> Records {
        std::mem::take(&mut self.records).finish()
    }
    /// What was taken, as a graph.
    fn graph(&mut self) -> Graph {
        Graph::new(self.taken(), std::mem::take(&mut self.modules), self.numbered.2)
    }
    /// What was taken, as something to be kept: a new graph, or the next version of one.
    fn kept(&mut self, vm: &Vm) -> Box<Kept> {
        let (view, mut open, epoch) = match self.changing.take() {
            None => (View::first(self.graph()), Vec::new(), vm.heap.capture_epoch()),
            Some(kept) => {
                let changed = self.places.iter_mut().flat_map(|p| &mut p.changed);
                for (_, n) in changed.filter(|(_, n)| n.key_tag as u64 == tag::DEAD_KEY) {
                    n.key_bits = self.taker.numbers.get(n.key_bits).map_or(u64::MAX, |n| n as u64);
                }
                let mut records = std::mem::take(&mut self.records).parts.into_iter().flatten();
                let changed = std::mem::take(&mut self.changed).into_iter().zip(records.by_ref()).collect();
                let (places, modules) = (std::mem::take(&mut self.places), std::mem::take(&mut self.modules));
                (kept.view.graph.commit(changed, records, places, modules), kept.open, kept.epoch)
            }
        };
        open.append(&mut self.taker.open);
        Box::new(Kept {
            view: Arc::new(view),
            numbers: std::mem::take(&mut self.taker.numbers),
            modules: std::mem::take(&mut self.taker.known_modules),
            open,
            epoch,
            metatables: metatables(vm),
            inherited: false,
            made: 0,
            bodies: [0; BODIES],
        })
    }
    /// Takes what was written of large tables; true if all is taken.
    fn look_at_places(&mut self, units: &mut usize) -> bool {
        while let Some(&Written { object, place }) = self.written.last() {
            if *units == 0 {
                return false;
            }
            *units -= 1;
            self.written.pop();
            let t = &mut self.taker;
            let number = t.numbers.get(object as u64).expect("it was looked for");
            // SAFETY: as in `take`; only tables are noted by their places.
            let table = unsafe { &*object.cast::<Table>() };
            let mut node = match table.array_part().get(place as usize) {
                Some(v) => Node { value_bits: v.bits, value_tag: v.tag as u8, ..Node::EMPTY },
                None => table.node_part()[place as usize - table.array_part().len()],
            };
            t.translate_nodes(std::slice::from_mut(&mut node));
            t.dead_keys = false;
            if self.places.last().is_none_or(|p| p.number != number) {
                let (last_free, border_hint) = (table.last_free(), table.border_hint.get());
                self.places.push(Places { number, last_free, border_hint, changed: Vec::new() });
            }
            self.places.last_mut().expect("there is one").changed.push((place, node));
        }
        true
    }
    /// Takes objects; true if all are taken.
    fn take(&mut self, vm: &Vm, units: &mut usize) -> bool {
        let t = &mut self.taker;
        while self.records.len < t.objects.len() || self.translated.is_some() {
            if *units == 0 && !t.at_once {
                return false;
            }
            let last = self.records.len.wrapping_sub(1);
            if let Some(at) = self.translated {
                let Record::Table { array, nodes, refers, .. } = self.records.get_mut(last) else {
                    unreachable!("only tables are large")
                };
                // SAFETY: as below.
                let table = unsafe { &*t.objects[last].cast::<Table>() };
                let slots = table.array_part();
                let end = (at + PIECE).min(slots.len() + table.node_count());
                let (from_slot, from_node) = (at.min(slots.len()), at.saturating_sub(slots.len()));
                let (to_slot, to_node) = (end.min(slots.len()), end.saturating_sub(slots.len()));
                array.extend_from_slice(&slots[from_slot..to_slot]);
                nodes.extend_from_slice(&table.node_part()[from_node..to_node]);
                *refers |= t.translate_array(&mut array[from_slot..]);
                *refers |= t.translate_nodes(&mut nodes[from_node..]);
                self.records.bytes += Record::bytes_of_slots(to_slot - from_slot, to_node - from_node);
                self.translated = (end < slots.len() + table.node_count()).then_some(end);
                *units = units.saturating_sub(end - at);
            } else {
                let o = t.objects[self.records.len];
                if t.kept.as_ref().is_some_and(|k| k.inherited) {
                    t.know_made(vm, o);
                }
                if self.records.len < self.changed.len() {
                    // SAFETY: as below; its kind says what it is.
                    let table = unsafe { ((*o).kind == ObjectKind::Table).then(|| &*o.cast::<Table>()) };
                    // Tables may have it as their metatable that were not written.
                    t.anew |= table.is_some_and(|t| !t.get(name_value(Event::Mode)).is_nil());
                }
                // SAFETY: reached from roots of this heap, which still reach it: nobody has changed anything on the way, and
                // what a weak table refers to is taken before the next safepoint (heap/mod.rs, rule 1). What was written
                // and what that reaches: no collection has ended since all of it was reached (`step` asks).
                let record = unsafe { t.record(o) };
                *units = units.saturating_sub(record.size());
                self.records.push(record);
                self.translated = std::mem::take(&mut t.large).then_some(0);
            }
            if self.translated.is_none() && std::mem::take(&mut t.dead_keys) {
                self.with_dead_keys.push(self.records.len as u32 - 1);
            }
        }
        true
    }
    /// Gives dead keys their numbers, now that it is known what lives; true if all have theirs.
    fn settle_dead_keys(&mut self, units: &mut usize) -> bool {
        while let Some(&r) = self.with_dead_keys.last() {
            if *units == 0 {
                return false;
            }
            let Record::Table { nodes, .. } = self.records.get_mut(r as usize) else {
                unreachable!("only tables have keys")
            };
            let end = nodes.len().min(self.looked_at + PIECE);
            let piece = &mut nodes[self.looked_at..end];
            *units = units.saturating_sub(piece.len());
            for n in piece.iter_mut().filter(|n| n.key_tag as u64 == tag::DEAD_KEY) {
                n.key_bits = self.taker.find(n.key_bits).map_or(u64::MAX, |n| n as u64);
            }
            self.looked_at = end;
            if end == nodes.len() {
                self.with_dead_keys.pop();
                self.looked_at = 0;
            }
        }
        true
    }
    /// Finds what is to be finalized among the objects; true if all was looked at. What the collector finds dead meanwhile
    /// is none of them.
    fn look_at_finalizable(&mut self, vm: &Vm, units: &mut usize) -> bool {
        if self.stage != Stage::Whole {
            return true;
        }
        let listed = self.listed.get_or_insert_with(|| {
            let mut listed = vm.heap.finalizable_addresses();
            listed.reverse();
            listed
        });
        while let Some(address) = listed.pop() {
            if let Some(n) = self.taker.numbers.get(address) {
                let at = n as usize;
                let o = self.taker.objects[at];
                // SAFETY: as in `take`: the objects are live.
                let v = unsafe { value_of(o) };
                // A standard stream is the runtime's: no process is the one to finalize it.
                let stream = v.as_userdata().is_some_and(|u| is_standard_stream(&u) || socket_name(&u).is_some());
                let copied = !matches!(self.records.get(at), Record::Placeholder { .. });
                if copied && !stream {
                    self.finalizable.push(Value { tag: v.tag, bits: n as u64 });
                }
            }
            *units = units.saturating_sub(1);
            if *units == 0 {
                return false;
            }
        }
        true
    }
    /// Keeps the modules of the functions; true if all are kept.
    fn keep_modules(&mut self, vm: &Vm, units: &mut usize) -> bool {
        while self.modules.len() < self.taker.modules.len() {
            if *units == 0 {
                return false;
            }
            *units -= 1;
            let kept = vm.heap.module_at(self.taker.modules[self.modules.len()]);
            self.modules.push(kept.expect("a heap keeps the modules of its functions").clone());
        }
        true
    }
}
