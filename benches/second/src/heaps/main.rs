//! Our heap beside gc-arena's, doing the same work: `heaps [ROUNDS [WORD]]` prints a table of time and bytes for an object;
//! of the work with this word in its name alone.
//!
//! Each round does every piece of work with both, one right after the other, the first one by turns; times are processor time
//! of the thread, ratios are taken round by round, and the table shows medians. Both allocate by the allocator of rlua-actor.
//! Both collect in one go when what they keep has doubled (gc-arena's `STOP_THE_WORLD`, our pause of 200 %), but where it
//! says otherwise. A variable is one value, 16 bytes, that can be set: the smallest object of a Lua machine. A table is ours as it
//! is, with two or four slots in its block; and for gc-arena a metatable and a `Vec` of values, which is less than a table of
//! Lua needs (ours has a hash part too).

mod counting;
#[expect(dead_code, reason = "what only the program needs")]
#[path = "../../../../src/mimalloc.rs"]
mod mimalloc;
mod ours;
mod theirs;

use cpu_time::ThreadTime;
use std::time::Duration;

/// What was measured in one run of a piece of work.
struct Run {
    /// Processor time of what counts.
    time: Duration,
    /// Objects, or stores.
    n: usize,
}
type Work = fn(usize) -> Run;

/// A piece of work: its name, how many objects, and how it is done with either heap.
const WORK: [(&str, usize, Work, Work); 9] = [
    ("variables that are garbage at once", 2_000_000, ours::variables, theirs::variables),
    ("tables of two values, garbage at once", 1_000_000, ours::tables, theirs::tables),
    ("a list of variables is made, dropped and collected", 500_000, ours::list, theirs::list),
    ("a list of tables is made, dropped and collected", 300_000, ours::table_list, theirs::table_list),
    ("a graph of tables with four links is made", 200_000, ours::graph, theirs::graph),
    ("a whole collection that keeps the graph", 200_000, ours::whole, theirs::whole),
    ("garbage variables beside the graph", 1_000_000, ours::beside, theirs::beside),
    ("stores into the graph, no collection under way", 1_000_000, ours::stores, theirs::stores),
    ("stores into the graph half marked, and the rest of the cycle", 1_000_000, ours::marking, theirs::marking),
];
/// Tables of the graph that other work is done beside.
const GRAPH: usize = 200_000;
/// Objects that are allocated before it is asked again whether a collection is due.
const BATCH: usize = 256;

fn timed(f: impl FnOnce()) -> Duration {
    let start = ThreadTime::now();
    f();
    start.elapsed()
}
/// Numbers below `n` by chance, the same for both.
fn chances(n: usize) -> impl FnMut() -> usize {
    let mut seed = 7u64;
    move || {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as usize % n
    }
}
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let rounds: usize = std::env::args().nth(1).map_or(7, |n| n.parse().expect("a number of rounds"));
    let word = std::env::args().nth(2).unwrap_or_default();
    println!("| work | ours, ns each | gc-arena, ns each | gc-arena / ours |\n| --- | ---: | ---: | ---: |");
    for (name, n, ours, theirs) in WORK.into_iter().filter(|w| w.0.contains(&word)) {
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..rounds {
            for i in [round % 2, 1 - round % 2] {
                let run = [ours, theirs][i](n);
                times[i].push(run.time.as_secs_f64() * 1e9 / run.n as f64);
            }
        }
        let ratios: Vec<f64> = times[0].iter().zip(&times[1]).map(|(a, b)| b / a).collect();
        let least = ratios.iter().copied().fold(f64::MAX, f64::min);
        let most = ratios.iter().copied().fold(0.0, f64::max);
        let [a, b] = times.map(median);
        println!("| {name} | {a:.1} | {b:.1} | {:.2} ({least:.2}–{most:.2}) |", median(ratios));
    }
    println!();
    println!("| bytes, asked for (and given by the allocator) | ours | gc-arena |\n| --- | ---: | ---: |");
    for (name, ours, theirs) in [
        ("an empty heap", ours::empty_bytes(), theirs::empty_bytes()),
        ("a variable", ours::variable_bytes(), theirs::variable_bytes()),
        ("an empty table", ours::table_bytes(0), theirs::table_bytes(0)),
        ("a table of two values", ours::table_bytes(2), theirs::table_bytes(2)),
        ("a table of four values", ours::table_bytes(4), theirs::table_bytes(4)),
    ] {
        println!("| {name} | {} ({}) | {} ({}) |", ours.0, ours.1, theirs.0, theirs.1);
    }
}
