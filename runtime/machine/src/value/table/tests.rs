//! Keys that were chosen to meet, counted in nodes of a chain.

use super::*;

/// As many keys as the tests use.
const N: i64 = 5000;

/// Nodes of the longest chain.
fn longest_chain(t: &Table) -> usize {
    let nodes = t.node_part();
    let mut reached = vec![false; nodes.len()];
    for (i, n) in nodes.iter().enumerate().filter(|(_, n)| n.next != 0) {
        reached[(i as i64 + n.next as i64) as usize] = true;
    }
    let mut longest = 0;
    for first in (0..nodes.len()).filter(|&i| !reached[i] && nodes[i].key_tag != 0) {
        let (mut i, mut length) = (first, 1);
        while nodes[i].next != 0 {
            i = (i as i64 + nodes[i].next as i64) as usize;
            length += 1;
        }
        longest = longest.max(length);
    }
    longest
}

/// Integers whose fixed hashes have the same low 13 bits.
fn chosen_integer(i: i64) -> i64 {
    (i + 1).wrapping_mul(66_557_611 << 25)
}
/// Strings of one length with the same fixed hash: their first word makes a product 0, whatever follows it.
fn chosen_string(i: i64, length: usize) -> Vec<u8> {
    let first = if length < 16 { 0x2d35_8dcc_aa6c_78a5 ^ 0x8bb8_4b93_962e_acc9 ^ length as u64 } else { length as u64 };
    let mut text = first.to_le_bytes().to_vec();
    text.extend_from_slice(&i.to_le_bytes()[..(length - 8).min(8)]);
    text.resize(length, b'.');
    text
}

/// Fills a table with keys, looks each up and others that are not there, goes through it, and empties it.
#[track_caller]
fn fill(what: &str, mut key: impl FnMut(&mut Heap, i64) -> Value) -> (Heap, Ref<Table>) {
    let mut heap = Heap::new();
    let t = heap.table();
    let mut keys = Vec::new();
    for i in 0..N {
        let k = key(&mut heap, i);
        t.set(&mut heap, k, Value::integer(i)).expect("it is a key");
        keys.push(k);
        if i.count_ones() == 1 {
            assert_eq!(t.check_layout(), Ok(()), "{what}: after {i} keys");
        }
    }
    assert_eq!(t.check_layout(), Ok(()), "{what}");
    for (i, &k) in keys.iter().enumerate() {
        assert_eq!(t.get(k).as_integer(), Some(i as i64), "{what}: key {i}");
        // Again, as a string of its own.
        if let Some(s) = k.as_string() {
            let same = heap.string(s.bytes());
            assert_eq!(t.get(same).as_integer(), Some(i as i64), "{what}: the text of key {i}");
        }
    }
    for i in N..N + 100 {
        let k = key(&mut heap, i);
        assert!(t.get(k).is_nil(), "{what}: a key that is not there");
    }
    let mut seen = 0;
    let mut k = Value::NIL;
    while let Some((next, _)) = t.next(k).expect("a key of the table") {
        (k, seen) = (next, seen + 1);
    }
    assert_eq!(seen, N, "{what}");
    (heap, t)
}

#[test]
fn chosen_keys_do_not_make_long_chains() {
    type MakeKey = fn(&mut Heap, i64) -> Value;
    let kinds: [(&str, MakeKey); 7] = [
        ("integers", |_, i| Value::integer(chosen_integer(i))),
        ("floats", |_, i| Value::float((((i + 1) * 276_778_813) << 10) as f64 + 0.5)),
        ("strings of 12 bytes", |heap, i| heap.string(&chosen_string(i, 12))),
        ("strings of 16 bytes", |heap, i| heap.string(&chosen_string(i, 16))),
        ("strings of 40 bytes", |heap, i| heap.string(&chosen_string(i, 40))),
        ("strings of 101 bytes", |heap, i| heap.string(&chosen_string(i, 101))),
        ("light userdata", |_, i| Value { tag: tag::LIGHT, bits: chosen_integer(i) as u64 }),
    ];
    for (what, key) in kinds {
        let (_heap, t) = fill(what, key);
        assert!(t.is_keyed(), "{what}: chosen well enough to make a difference");
        assert!(longest_chain(&t) <= MAX_CHAIN as usize, "{what}: {}", longest_chain(&t));
    }
    // All together in one table, as others come to those that made it take a key.
    let mut turn = 0;
    let (_heap, t) = fill("a mixture", |heap, i| {
        turn += 1;
        kinds[turn % kinds.len()].1(heap, i)
    });
    assert!(t.is_keyed() && longest_chain(&t) <= MAX_CHAIN as usize);
}

/// Objects are hashed by serial numbers, and a program can choose which of them to keep.
#[test]
fn chosen_objects() {
    let mut next = 0u32;
    let (_heap, t) = fill("objects", |heap, _| {
        let serial = (next + 1..).find(|&n| hash_word(n as u64) & 0x3ff == 0).expect("there are enough");
        next = serial;
        let object = heap.table();
        object.header.serial.set(serial);
        Value::table(object)
    });
    assert!(t.is_keyed() && longest_chain(&t) <= MAX_CHAIN as usize);
}

#[test]
fn keys_that_nobody_chose_need_no_hash_key() {
    type MakeKey = fn(&mut Heap, i64) -> Value;
    let kinds: [(&str, MakeKey); 23] = [
        ("multiples", |_, i| Value::integer(i * 1_000_003 - 7)),
        ("negative", |_, i| Value::integer(-i)),
        ("powers", |_, i| Value::integer(i << 40)),
        ("addresses", |_, i| Value::integer(0x7f00_0000_1000 + i * 64)),
        ("two to the fifth", |_, i| Value::integer(i << 5)),
        ("two to the ninth", |_, i| Value::integer(i << 9)),
        ("two to the twelfth", |_, i| Value::integer(i << 12)),
        ("thousands", |_, i| Value::integer(i * 1000)),
        ("one bit", |_, i| Value::integer(if i < 60 { 1 << i } else { -(i << 20) })),
        ("a grid by shifts", |_, i| Value::integer((i % 71) << 32 | (i / 71))),
        ("a grid by bytes", |_, i| Value::integer((i % 71) << 8 | (i / 71))),
        ("a grid by thousands", |_, i| Value::integer((i % 50) * 1000 + i / 50)),
        ("times", |_, i| Value::integer(1_700_000_000 + i * 3600)),
        ("whole floats", |_, i| Value::float(i as f64 * 1e300)),
        ("tenths", |_, i| Value::float((i * 10 + 1) as f64 / 100.0)),
        ("squares", |_, i| Value::integer(1_000_000 + i * i)),
        ("halves", |_, i| Value::float(i as f64 + 0.5)),
        ("thirds", |_, i| Value::float((3 * i + 1) as f64 / 3.0)),
        ("inverses", |_, i| Value::float(1.0 / (i + 3) as f64 + 1e-9)),
        ("names", |heap, i| heap.string(format!("name{i}").as_bytes())),
        ("long names", |heap, i| heap.string(format!("a longer name, with a number at its end: {i}").as_bytes())),
        ("words", |heap, i| heap.string(&(i as u32).to_le_bytes())),
        ("objects", |heap, _| Value::table(heap.table())),
    ];
    for (what, key) in kinds {
        let (_heap, t) = fill(what, key);
        assert!(!t.is_keyed() && longest_chain(&t) < 10, "{what}: {}", longest_chain(&t));
    }
}

/// Keys that meet only once the table has become smaller.
#[test]
fn a_table_that_shrinks() {
    let mut heap = Heap::new();
    let t = heap.table();
    // The low 16 bits of the hash are the same for all; a million other keys make room for more.
    t.resize(&mut heap, 0, 1 << 20).expect("there is room");
    for i in 0..10 {
        t.set(&mut heap, Value::integer(chosen_integer(i)), Value::TRUE).expect("it is a key");
    }
    assert!(!t.is_keyed());
    let mut all: Vec<i64> = (10..N).map(chosen_integer).collect();
    // Those of one place in the large table would be found at once.
    all.sort_by_key(|&k| hash_word(k as u64) >> 16 & 15);
    for &k in all.iter().step_by(all.len() / 80) {
        t.set(&mut heap, Value::integer(k), Value::TRUE).expect("it is a key");
    }
    t.resize(&mut heap, 0, 128).expect("there is room");
    assert!(t.is_keyed() && longest_chain(&t) <= MAX_CHAIN as usize);
    assert_eq!(t.check_layout(), Ok(()));
    assert_eq!(t.entries().count(), t.node_part().iter().filter(|n| n.value_tag != 0).count());
}

/// Who has found out the heap's hash key can choose keys for it; the table then takes one of its own. Strings that are
/// keys of both kinds of tables are found in both.
#[test]
fn chosen_for_the_hash_key_of_the_heap() {
    let (mut heap, first) = fill("strings", |heap, i| heap.string(&chosen_string(i, 100)));
    let known = first.hash_key().expect("it took one");
    let second = heap.table();
    let chosen = |i: &i64| known.hash(Value::integer(*i)).expect("a number has a hash") & 0x3ff == 0;
    let numbers: Vec<i64> = (1..).map(|i| -i).filter(chosen).take(1000).collect();
    for (i, &n) in numbers.iter().enumerate() {
        let long = heap.string(&chosen_string(n, 100));
        second.set(&mut heap, Value::integer(n), Value::integer(i as i64)).expect("it is a key");
        second.set(&mut heap, long, Value::TRUE).expect("it is a key");
        first.set(&mut heap, long, Value::FALSE).expect("it is a key");
    }
    assert!(longest_chain(&second) <= MAX_CHAIN as usize);
    assert_ne!(second.hash_key().expect("it took one").word(), known.word());
    assert_eq!(first.hash_key().expect("it has one").word(), known.word());
    assert_eq!((first.check_layout(), second.check_layout()), (Ok(()), Ok(())));
    for (i, &n) in numbers.iter().enumerate() {
        assert_eq!(second.get(Value::integer(n)).as_integer(), Some(i as i64));
        let long = heap.string(&chosen_string(n, 100));
        assert!(second.get(long).tag == tag::TRUE && first.get(long).tag == tag::FALSE);
        assert!(second.get(long).tag == tag::TRUE && first.get(long).tag == tag::FALSE);
    }
}

/// The bytes that the heap counts are those that are there, with the key's.
#[test]
fn bytes_are_counted() {
    let mut heap = Heap::new();
    let t = heap.table();
    let before = heap.bytes();
    for i in 0..N {
        t.set(&mut heap, Value::integer(chosen_integer(i)), Value::TRUE).expect("it is a key");
    }
    assert!(t.is_keyed());
    assert_eq!(heap.bytes() - before, t.bytes());
    assert_eq!(t.bytes(), (t.node_count() + 1) * size_of::<Node>());
}

/// A run with a seed can be repeated: nothing in the order of a traversal comes from elsewhere.
#[test]
fn a_seed_decides() {
    let order = |seed| {
        let mut heap = Heap::new();
        heap.set_seed(seed);
        let t = heap.table();
        for i in 0..N {
            t.set(&mut heap, Value::integer(chosen_integer(i)), Value::TRUE).expect("it is a key");
        }
        assert!(t.is_keyed());
        t.entries().map(|(k, _)| k.bits).collect::<Vec<_>>()
    };
    assert!(order(1) == order(1));
    assert!(order(1) != order(2));
}

/// Keys that come and go at the ends of a window take the places of those that went: the table stays as large as what is in it
/// asks for, lookups find what is there and nothing else, and each key is where the layout says.
#[test]
fn keys_that_come_and_go() {
    for width in [1, 3, 7, 8, 15, 100] {
        let mut heap = Heap::new();
        let t = heap.table();
        for i in 0..10_000i64 {
            // Not within the array part.
            let key = |i: i64| Value::integer(i * 5 + 1_000_000);
            t.set(&mut heap, key(i), Value::integer(i)).expect("a key");
            t.set(&mut heap, key(i - width), Value::NIL).expect("a key");
            assert_eq!(t.get(key(i)).as_integer(), Some(i));
            assert!(t.get(key(i - width)).is_nil());
            if i % 997 == 0 {
                t.check_layout().expect("lookups find each key");
                assert_eq!(t.entries().count() as i64, width.min(i + 1));
                assert!(t.node_count() as i64 <= 4 * width.max(2));
            }
        }
    }
}
