//! The work, with an arena of gc-arena.

use crate::counting::bytes_each;
use crate::{BATCH, GRAPH, Run, chances, timed};
use gc_arena::metrics::Pacing;
use gc_arena::{Arena, Collect, Gc, Lock, Mutation, RefLock, Rootable};
use std::hint::black_box;

#[derive(Clone, Copy, Collect)]
#[collect(no_drop)]
enum Value<'gc> {
    Nil,
    Integer(i64),
    Variable(Gc<'gc, Lock<Value<'gc>>>),
    Table(Pointer<'gc>),
}
type Pointer<'gc> = Gc<'gc, RefLock<Table<'gc>>>;
#[derive(Collect)]
#[collect(no_drop)]
struct Table<'gc> {
    metatable: Option<Pointer<'gc>>,
    array: Vec<Value<'gc>>,
}
impl<'gc> Table<'gc> {
    fn of(slots: usize) -> Table<'gc> {
        Table { metatable: None, array: vec![Value::Nil; slots] }
    }
}
/// The only root.
type Root<'gc> = Gc<'gc, Lock<Value<'gc>>>;
type Heap = Arena<Rootable![Root<'_>]>;

fn arena() -> Heap {
    const _: () = assert!(size_of::<Value<'static>>() == 16);
    let arena = Heap::new(|mc| Gc::new(mc, Lock::new(Value::Nil)));
    // Our first threshold, 64 KB, in variables.
    arena.metrics().set_pacing(Pacing { min_sleep: 64 * 1024 / 40, ..Pacing::STOP_THE_WORLD });
    arena
}
fn variable<'gc>(mc: &Mutation<'gc>, v: Value<'gc>) -> Value<'gc> {
    Value::Variable(Gc::new(mc, Lock::new(v)))
}
fn table<'gc>(mc: &Mutation<'gc>, slots: usize) -> Pointer<'gc> {
    Gc::new(mc, RefLock::new(Table::of(slots)))
}
/// Does something `n` times and collects what is due.
fn repeat(arena: &mut Heap, n: usize, mut f: impl for<'gc> FnMut(&'gc Mutation<'gc>, Root<'gc>, usize)) {
    for first in (0..n).step_by(BATCH) {
        arena.mutate(|mc, root| {
            for i in first..n.min(first + BATCH) {
                f(mc, *root, i);
            }
        });
        if arena.metrics().allocation_debt() > 0.0 {
            arena.collect_debt();
        }
    }
}
fn elements<'gc>(list: Pointer<'gc>) -> Vec<Pointer<'gc>> {
    let table = |v: &Value<'gc>| if let Value::Table(t) = v { Some(*t) } else { None };
    list.borrow().array.iter().filter_map(table).collect()
}
fn list_of(root: Root<'_>) -> Pointer<'_> {
    let Value::Table(list) = root.get() else { unreachable!("the root is the list") };
    list
}
/// A graph of tables, each with four links to others, which the root keeps.
fn make_graph(arena: &mut Heap, n: usize) {
    arena.mutate(|mc, root| root.set(mc, Value::Table(table(mc, n))));
    let mut chance = chances(n);
    repeat(arena, n, |mc, root, i| {
        let list = list_of(root);
        let t = table(mc, 4);
        list.borrow_mut(mc).array[i] = Value::Table(t);
        for k in 0..4 {
            let other = list.borrow().array[chance() % (i + 1)];
            t.borrow_mut(mc).array[k] = other;
        }
    });
}

pub fn variables(n: usize) -> Run {
    let mut arena = arena();
    let time = timed(|| {
        repeat(&mut arena, n, |mc, _, i| {
            black_box(Gc::new(mc, Lock::new(Value::Integer(i as i64))));
        })
    });
    Run { time, n }
}
pub fn tables(n: usize) -> Run {
    let mut arena = arena();
    let time = timed(|| {
        repeat(&mut arena, n, |mc, _, i| {
            let t = table(mc, 2);
            t.borrow_mut(mc).array[0] = Value::Integer(i as i64);
            t.borrow_mut(mc).array[1] = Value::Integer(1);
            black_box(t);
        })
    });
    Run { time, n }
}
pub fn list(n: usize) -> Run {
    let mut arena = arena();
    let time = timed(|| {
        repeat(&mut arena, n, |mc, root, _| root.set(mc, variable(mc, root.get())));
        arena.mutate(|mc, root| root.set(mc, Value::Nil));
        arena.finish_cycle();
    });
    Run { time, n }
}
pub fn table_list(n: usize) -> Run {
    let mut arena = arena();
    let time = timed(|| {
        repeat(&mut arena, n, |mc, root, i| {
            let t = table(mc, 2);
            t.borrow_mut(mc).array[0] = Value::Integer(i as i64);
            t.borrow_mut(mc).array[1] = root.get();
            root.set(mc, Value::Table(t));
        });
        arena.mutate(|mc, root| root.set(mc, Value::Nil));
        arena.finish_cycle();
    });
    Run { time, n }
}
pub fn graph(n: usize) -> Run {
    let mut arena = arena();
    Run { time: timed(|| make_graph(&mut arena, n)), n }
}
pub fn whole(n: usize) -> Run {
    let mut arena = arena();
    make_graph(&mut arena, n);
    Run { time: timed(|| arena.finish_cycle()), n }
}
pub fn beside(n: usize) -> Run {
    let mut arena = arena();
    make_graph(&mut arena, GRAPH);
    arena.finish_cycle();
    let time = timed(|| {
        repeat(&mut arena, n, |mc, _, i| {
            black_box(Gc::new(mc, Lock::new(Value::Integer(i as i64))));
        })
    });
    Run { time, n }
}
fn store<'gc>(mc: &Mutation<'gc>, all: &[Pointer<'gc>], n: usize) {
    let mut chance = chances(usize::MAX);
    for _ in 0..n {
        let (into, what) = (all[chance() % all.len()], all[chance() % all.len()]);
        into.borrow_mut(mc).array[chance() % 4] = Value::Table(what);
    }
}
pub fn stores(n: usize) -> Run {
    let mut arena = arena();
    make_graph(&mut arena, GRAPH);
    arena.finish_cycle();
    let time = arena.mutate(|mc, root| {
        let all = elements(list_of(*root));
        timed(|| store(mc, &all, n))
    });
    Run { time, n }
}
pub fn marking(n: usize) -> Run {
    let mut arena = arena();
    make_graph(&mut arena, GRAPH);
    arena.finish_cycle();
    // To mark and to trace a table pays half a unit of what is owed.
    arena.metrics().set_pacing(Pacing { sleep_factor: 0.0, min_sleep: 0, ..Pacing::DEFAULT });
    arena.finish_cycle();
    arena.metrics().adjust_debt(GRAPH as f64 / 4.0);
    assert!(arena.mark_debt().is_none(), "half of the graph is marked");
    let stores = arena.mutate(|mc, root| {
        let all = elements(list_of(*root));
        timed(|| store(mc, &all, n))
    });
    let rest = timed(|| arena.finish_cycle());
    Run { time: stores + rest, n }
}

pub fn empty_bytes() -> (usize, usize) {
    type Empty = Arena<Rootable![()]>;
    let (asked, given) = bytes_each(1, || Empty::new(|_| ()));
    (asked + size_of::<Empty>(), given + size_of::<Empty>())
}
/// What `make` allocates for each call in an arena.
fn bytes(make: impl for<'gc> Fn(&'gc Mutation<'gc>)) -> (usize, usize) {
    const N: usize = 10_000;
    bytes_each(N, || {
        let arena = arena();
        arena.mutate(|mc, _| (0..N).for_each(|_| make(mc)));
        arena
    })
}
pub fn variable_bytes() -> (usize, usize) {
    bytes(|mc| _ = variable(mc, Value::Nil))
}
pub fn table_bytes(slots: usize) -> (usize, usize) {
    bytes(|mc| _ = table(mc, slots))
}
