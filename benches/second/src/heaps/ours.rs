//! The work, with the heap of rlua-machine. A `Ref` is kept over a collection only where the roots reach it.

use crate::counting::bytes_each;
use crate::{BATCH, GRAPH, Run, chances, timed};
use rlua_machine::heap::Heap;
use rlua_machine::value::{Ref, Table, Value, tag};
use rlua_machine::vm::Vm;
use std::hint::black_box;

fn machine() -> Vm {
    Vm::new(Box::new(()), |_| None)
}
fn collect_if_due(vm: &mut Vm) {
    if vm.heap.wants_collection() {
        vm.collect_garbage();
    }
}
/// The variable of this value, as one.
fn variable(heap: &mut Heap, v: Value) -> Value {
    Value::object(tag::UPVALUE, heap.upvalue(v).as_ptr())
}
/// Keeps a value as the only root.
fn keep(vm: &mut Vm, v: Value) {
    let globals = vm.globals();
    globals.set_integer(&mut vm.heap, 1, v).expect("it fits");
}
fn set(vm: &mut Vm, t: Ref<Table>, i: usize, v: Value) {
    t.set_integer(&mut vm.heap, i as i64, v).expect("it fits");
}
/// Does something `n` times and collects what is due.
fn repeat(vm: &mut Vm, n: usize, mut f: impl FnMut(&mut Vm, usize)) {
    for first in (0..n).step_by(BATCH) {
        for i in first..n.min(first + BATCH) {
            f(vm, i);
        }
        collect_if_due(vm);
    }
}
/// A graph of tables, each with four links to others, which the root keeps.
fn make_graph(vm: &mut Vm, n: usize) -> Vec<Ref<Table>> {
    let list = vm.heap.table_sized(n, 0);
    keep(vm, Value::table(list));
    let (mut chance, mut all) = (chances(n), Vec::with_capacity(n));
    repeat(vm, n, |vm, i| {
        let t = vm.heap.table_sized(4, 0);
        all.push(t);
        set(vm, list, i + 1, Value::table(t));
        for k in 1..=4 {
            set(vm, t, k, Value::table(all[chance() % all.len()]));
        }
    });
    all
}

pub fn variables(n: usize) -> Run {
    let mut vm = machine();
    let make = |vm: &mut Vm, i| {
        black_box(vm.heap.upvalue(Value::integer(i as i64)));
    };
    Run { time: timed(|| repeat(&mut vm, n, make)), n }
}
pub fn tables(n: usize) -> Run {
    let mut vm = machine();
    let make = |vm: &mut Vm, i| {
        let t = vm.heap.table_sized(2, 0);
        set(vm, t, 1, Value::integer(i as i64));
        set(vm, t, 2, Value::TRUE);
        black_box(t);
    };
    Run { time: timed(|| repeat(&mut vm, n, make)), n }
}
pub fn list(n: usize) -> Run {
    let mut vm = machine();
    let time = timed(|| {
        let mut last = Value::NIL;
        repeat(&mut vm, n, |vm, i| {
            last = variable(&mut vm.heap, last);
            if i % BATCH == BATCH - 1 {
                keep(vm, last);
            }
        });
        keep(&mut vm, Value::NIL);
        vm.collect_garbage();
    });
    Run { time, n }
}
pub fn table_list(n: usize) -> Run {
    let mut vm = machine();
    let time = timed(|| {
        let mut last = Value::NIL;
        repeat(&mut vm, n, |vm, i| {
            let t = vm.heap.table_sized(2, 0);
            set(vm, t, 1, Value::integer(i as i64));
            set(vm, t, 2, last);
            last = Value::table(t);
            if i % BATCH == BATCH - 1 {
                keep(vm, last);
            }
        });
        keep(&mut vm, Value::NIL);
        vm.collect_garbage();
    });
    Run { time, n }
}
pub fn graph(n: usize) -> Run {
    let mut vm = machine();
    let time = timed(|| {
        make_graph(&mut vm, n);
    });
    Run { time, n }
}
pub fn whole(n: usize) -> Run {
    let mut vm = machine();
    make_graph(&mut vm, n);
    Run { time: timed(|| vm.collect_garbage()), n }
}
pub fn beside(n: usize) -> Run {
    let mut vm = machine();
    make_graph(&mut vm, GRAPH);
    vm.collect_garbage();
    let make = |vm: &mut Vm, i| {
        black_box(vm.heap.upvalue(Value::integer(i as i64)));
    };
    Run { time: timed(|| repeat(&mut vm, n, make)), n }
}
fn store(vm: &mut Vm, all: &[Ref<Table>], n: usize) {
    let mut chance = chances(usize::MAX);
    for _ in 0..n {
        let (into, what) = (all[chance() % all.len()], all[chance() % all.len()]);
        set(vm, into, chance() % 4 + 1, Value::table(what));
    }
}
pub fn stores(n: usize) -> Run {
    let mut vm = machine();
    let all = make_graph(&mut vm, GRAPH);
    vm.collect_garbage();
    Run { time: timed(|| store(&mut vm, &all, n)), n }
}
pub fn marking(n: usize) -> Run {
    let mut vm = machine();
    let all = make_graph(&mut vm, GRAPH);
    vm.collect_garbage();
    let collection = vm.begin_collection();
    // A unit for each table, one for its four slots.
    let mut units = GRAPH;
    assert!(!vm.collect_between(&collection, &mut units), "half of the graph is marked");
    let time = timed(|| {
        store(&mut vm, &all, n);
        let mut units = usize::MAX;
        vm.collect_between(&collection, &mut units);
    });
    Run { time, n }
}

pub fn empty_bytes() -> (usize, usize) {
    let (asked, given) = bytes_each(1, Heap::new);
    (asked + size_of::<Heap>(), given + size_of::<Heap>())
}
pub fn variable_bytes() -> (usize, usize) {
    const N: usize = 10_000;
    bytes_each(N, || {
        let mut heap = Heap::new();
        (0..N).for_each(|_| _ = heap.upvalue(Value::NIL));
        heap
    })
}
pub fn table_bytes(slots: usize) -> (usize, usize) {
    const N: usize = 10_000;
    bytes_each(N, || {
        let mut heap = Heap::new();
        (0..N).for_each(|_| _ = heap.table_sized(slots, 0));
        heap
    })
}
