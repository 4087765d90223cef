//! A collection in pieces, by hand: how large they are, and that what is stored between them stays.

use super::*;
use crate::vm::load::Literals;
use crate::vm::{LoadMode, Vm};

fn list(heap: &mut Heap, n: usize) -> Ref<Table> {
    let list = heap.table();
    for i in 1..=n as i64 {
        let entry = Value::table(heap.table());
        list.set_integer(heap, i, entry).expect("it fits");
    }
    list
}
pub(super) fn roots(vm: &mut Vm) -> Roots {
    let (main, none) = (vm.main, std::ptr::null_mut());
    let (globals, registry) = (vm.globals().as_ptr(), vm.registry().as_ptr());
    vm.save_thread();
    Roots {
        threads: [main, main],
        tables: [globals, registry, none, none, none, none, none, none, none],
        error: Value::NIL,
    }
}
pub(super) fn machine() -> Vm {
    Vm::new(Box::new(()), |_| None)
}

#[test]
fn pieces_are_small_and_come_to_an_end() {
    let mut vm = machine();
    let t = list(&mut vm.heap, 100_000);
    let globals = vm.globals();
    globals.set_field(&mut vm.heap, b"t", Value::table(t)).expect("it fits");
    list(&mut vm.heap, 50_000);
    let before = vm.heap.bytes();
    let roots = roots(&mut vm);
    let mut pieces = 0;
    loop {
        let done = vm.heap.collect_piece(&roots, 1000);
        assert!(done < 10_000, "a piece of {done}");
        pieces += 1;
        if !vm.heap.is_collecting() {
            break;
        }
    }
    assert!((100..2000).contains(&pieces), "{pieces} pieces");
    assert!(vm.heap.bytes() < before - 50_000 * size_of::<Table>());
    assert!((1..=100_000).all(|i| t.get_integer(i).as_table().is_some_and(|e| e.length() == 0)));
}
#[test]
fn what_is_stored_while_marking_goes_on_stays() {
    let mut vm = machine();
    let t = list(&mut vm.heap, 3000);
    let globals = vm.globals();
    globals.set_field(&mut vm.heap, b"t", Value::table(t)).expect("it fits");
    let roots = roots(&mut vm);
    let mut n = 0;
    loop {
        vm.heap.collect_piece(&roots, 10);
        if !vm.heap.is_collecting() {
            break;
        }
        n += 1;
        let new = vm.heap.table();
        new.set_integer(&mut vm.heap, 1, Value::integer(n)).expect("it fits");
        // Each place is written to in turn, seen or not.
        t.set_integer(&mut vm.heap, n % 3000 + 1, Value::table(new)).expect("it fits");
        // What moves from a place that was not seen to one that was is not lost.
        let (i, j) = (n % 1499 + 1, 3000 - n % 1499);
        let (a, b) = (t.get_integer(i), t.get_integer(j));
        t.set_integer(&mut vm.heap, i, b).expect("it fits");
        t.set_integer(&mut vm.heap, j, a).expect("it fits");
    }
    assert!(n > 100);
    for i in 1..=3000 {
        let e = t.get_integer(i).as_table().expect("all are tables");
        assert!(matches!(e.length(), 0 | 1));
    }
}
/// Garbage is found as fast as it is made, whatever the sweep frees between two pieces.
#[test]
fn a_heap_does_not_grow_by_what_it_frees() {
    let mut vm = machine();
    let t = list(&mut vm.heap, 5000);
    let globals = vm.globals();
    globals.set_field(&mut vm.heap, b"t", Value::table(t)).expect("it fits");
    let live = vm.heap.bytes();
    let mut most = 0;
    for _ in 0..20_000 {
        let roots = roots(&mut vm);
        while vm.heap.wants_collection() {
            vm.heap.collect_piece(&roots, PIECE);
        }
        list(&mut vm.heap, 100);
        most = most.max(vm.heap.bytes());
    }
    assert!(most < 4 * live, "{most} bytes, and {live} live");
}
/// What `load` gives counts as long as it is kept, and is collected when it is not.
#[test]
fn loaded_code_counts() {
    let mut vm = machine();
    let globals = vm.globals();
    let text = "f('a string of this chunk alone', 1.5)\n".repeat(1000);
    let load = |vm: &mut Vm| {
        let text = text.replace("alone", &vm.heap.bytes().to_string());
        vm.load(text.as_bytes(), b"=text", LoadMode::Text, Literals::Owned, Value::table(globals)).expect("it is code")
    };
    let before = vm.heap.bytes();
    let kept = load(&mut vm);
    globals.set_field(&mut vm.heap, b"kept", kept).expect("it fits");
    let one = vm.heap.bytes() - before;
    assert!((20_000..200_000).contains(&one), "{one} bytes");
    let mut most = 0;
    for _ in 0..200 {
        load(&mut vm);
        let roots = roots(&mut vm);
        while vm.heap.wants_collection() {
            vm.heap.collect_piece(&roots, PIECE);
        }
        most = most.max(vm.heap.bytes());
    }
    assert!(most < before + 8 * one + FIRST_THRESHOLD, "{most} bytes at most, of {one} each");
    let roots = roots(&mut vm);
    vm.heap.collect(&roots);
    assert_eq!(vm.heap.modules().len(), 1);
    globals.set_field(&mut vm.heap, b"kept", Value::NIL).expect("it fits");
    vm.heap.collect(&roots);
    assert!(vm.heap.modules().is_empty() && vm.heap.bytes() <= before + 200, "{} bytes", vm.heap.bytes());
}
#[test]
fn a_heap_is_freed_in_pieces() {
    let mut heap = Heap::new();
    list(&mut heap, 1000);
    let mut pieces = 1;
    while !heap.release(100) {
        pieces += 1;
    }
    assert_eq!((pieces, heap.bytes()), (11, 0));
}
