//! What a process waits for, as far as that is known; and who waits for each other.
//!
//! Journey: process -> **wait** -> graph. A process that waits is a native with registers: what they and the context say is what is
//! known. Who receives whatever comes waits for nobody in particular; who receives by a match waits for the processes that the
//! table, or a variable of the function, names; who has asked waits for whom it has asked.

use super::Process;
use super::context::{Wait, context};
use rlua_machine::value::{Pid, Ref, Table, Value};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Slots of tables to match that are looked at for processes, and variables of a function.
const SLOTS: usize = 256;
/// Processes that are named at most.
const NAMED: usize = 16;
/// Register of `receive` with the table or function to match.
const MATCH: usize = 1;

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum What {
    /// Nothing, or it is not known.
    #[default]
    Nothing,
    /// A message.
    Message,
    /// The answer to a question about, or to, a process.
    Answer,
    /// The end of a time.
    Time,
    /// What the node has to do first: a connection, a name, room to send.
    Node,
    /// A socket.
    Socket,
    /// That others end, or that a round of them is over: the root in `loop` or `step`.
    Processes,
}

impl What {
    /// As programs have it.
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            What::Nothing => return None,
            What::Message => "message",
            What::Answer => "answer",
            What::Time => "time",
            What::Node => "node",
            What::Socket => "socket",
            What::Processes => "processes",
        })
    }
}

/// What a process waits for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Waiting {
    /// What.
    pub what: What,
    /// Of whom, as far as that is known: of one of these.
    pub whom: Vec<Pid>,
    /// It goes on by itself after some time.
    pub timed: bool,
}

impl Process {
    /// What it waits for, while nobody runs it.
    pub fn waits(&mut self) -> Waiting {
        if self.waiting.is_none() {
            return Waiting::default();
        }
        self.vm.enter_request();
        let cx = context(&mut self.vm);
        let timed = cx.timer_at().is_some();
        let (own, is_root) = (cx.pid(), cx.slot.is_root);
        let called = cx.core.called_now();
        let (what, whom) = match (cx.wait, cx.asked()) {
            (Wait::Message, _) => {
                let filter = if self.vm.count() > MATCH { self.vm.arg(MATCH) } else { Value::NIL };
                (What::Message, named(filter))
            }
            (Wait::Signal, _) if cx.waits_at_socket() => (What::Socket, Vec::new()),
            (Wait::Signal, Some((_, whom))) if whom != own => (What::Answer, vec![whom]),
            (Wait::Signal, None) if called.is_some() => (What::Answer, called.into_iter().collect()),
            (Wait::Signal, Some(_)) => (What::Node, Vec::new()),
            (Wait::Signal, None) if is_root => (What::Processes, Vec::new()),
            (Wait::Signal, None) if timed => (What::Time, Vec::new()),
            (Wait::Signal, None) => (What::Nothing, Vec::new()),
        };
        Waiting { what, whom, timed }
    }
}

/// The processes that a table or function to match names.
fn named(filter: Value) -> Vec<Pid> {
    let mut found = Vec::new();
    let mut tables: Vec<Ref<Table>> = Vec::new();
    let mut look = |v: Value, tables: &mut Vec<Ref<Table>>| {
        if let Some(pid) = v.as_pid() {
            if found.len() < NAMED && !found.contains(&pid) {
                found.push(pid);
            }
        } else if let Some(t) = v.as_table() {
            tables.push(t);
        }
    };
    let mut left = SLOTS;
    if let Some(f) = filter.as_closure() {
        for i in 0..f.upvalue_count().min(left) {
            // Tables that a function uses may hold anybody.
            look(f.upvalue(i).get(), &mut Vec::new());
        }
    } else {
        look(filter, &mut tables);
    }
    while let Some(t) = tables.pop() {
        let values = t.array_part().iter().copied().chain(t.node_part().iter().map(|n| n.value()));
        for v in values.take(left) {
            left -= 1;
            look(v, &mut tables);
        }
        if left == 0 {
            break;
        }
    }
    found
}

/// The groups in which everybody waits, directly or over others of the group, for everybody: each in the order of waiting as far as
/// there is one, the least first. (Tarjan's algorithm, without recursion.)
///
/// ```
/// use std::collections::BTreeMap;
///
/// let waits = BTreeMap::from([('a', vec!['b']), ('b', vec!['c', 'a']), ('c', vec!['x']), ('d', vec!['d'])]);
/// assert_eq!(rlua_runtime::cycles(&waits), [vec!['a', 'b'], vec!['d']]);
/// ```
pub fn cycles<K: Ord + Clone>(waits: &BTreeMap<K, Vec<K>>) -> Vec<Vec<K>> {
    #[derive(Clone, Copy)]
    struct Seen {
        number: usize,
        least: usize,
        is_open: bool,
    }
    let none = Vec::new();
    let next_of = |k: &K| waits.get(k).unwrap_or(&none);
    let mut seen: BTreeMap<&K, Seen> = BTreeMap::new();
    let (mut open, mut groups): (Vec<&K>, Vec<Vec<K>>) = (Vec::new(), Vec::new());
    for start in waits.keys() {
        if seen.contains_key(start) {
            continue;
        }
        let mut path: Vec<(&K, usize)> = vec![(start, 0)];
        while let Some((at, edge)) = path.last_mut() {
            let (at, count) = (*at, seen.len());
            let own = *seen.entry(at).or_insert_with(|| {
                open.push(at);
                Seen { number: count, least: count, is_open: true }
            });
            let mut least = own.least;
            if let Some(next) = next_of(at).get(*edge) {
                match seen.get(next) {
                    None => {
                        path.push((next, 0));
                        continue;
                    }
                    Some(s) if s.is_open => least = least.min(s.least),
                    Some(_) => {}
                }
                *edge += 1;
                seen.insert(at, Seen { least, ..own });
                continue;
            }
            path.pop();
            if own.least < own.number {
                continue;
            }
            let from = open.iter().rposition(|k| *k == at).expect("it is open");
            let group: Vec<&K> = open.split_off(from);
            for k in &group {
                seen.insert(k, Seen { is_open: false, ..seen[k] });
            }
            if group.len() > 1 || next_of(at).contains(at) {
                groups.push(in_order(group, &next_of));
            }
        }
    }
    groups.sort();
    groups
}
/// A group from its least on, each followed by one that it waits for, as far as that goes.
fn in_order<'k, K: Ord + Clone>(group: Vec<&'k K>, next_of: &impl Fn(&K) -> &'k Vec<K>) -> Vec<K> {
    let mut left: BTreeSet<&K> = group.into_iter().collect();
    let mut ordered = Vec::new();
    let mut next = left.first().copied();
    while let Some(at) = next {
        left.remove(at);
        ordered.push(at.clone());
        next = next_of(at).iter().find(|k| left.contains(k)).or(left.first().copied());
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycles_of(edges: &[(u32, u32)]) -> Vec<Vec<u32>> {
        let mut waits: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for &(a, b) in edges {
            waits.entry(a).or_default().push(b);
        }
        cycles(&waits)
    }

    #[test]
    fn groups_that_wait_for_themselves_are_found() {
        assert_eq!(cycles_of(&[]), Vec::<Vec<u32>>::new());
        assert_eq!(cycles_of(&[(1, 2), (2, 3), (4, 3)]), Vec::<Vec<u32>>::new());
        assert_eq!(cycles_of(&[(1, 2), (2, 1)]), [[1, 2]]);
        assert_eq!(cycles_of(&[(3, 1), (1, 5), (5, 3), (9, 1)]), [[1, 5, 3]]);
        assert_eq!(cycles_of(&[(1, 2), (2, 1), (3, 4), (4, 3), (2, 3)]), [[1, 2], [3, 4]]);
        assert_eq!(cycles_of(&[(1, 2), (2, 3), (3, 1), (3, 4), (4, 2)]), [[1, 2, 3, 4]]);
        // A long one needs no stack of ours.
        let long: Vec<(u32, u32)> = (0..100_000).map(|i| (i, (i + 1) % 100_000)).collect();
        assert_eq!(cycles_of(&long)[0].len(), 100_000);
    }
    #[test]
    fn they_are_those_that_reach_themselves() {
        // All graphs of four, compared with reaching by steps.
        for bits in 0..1u32 << 16 {
            let edges: Vec<(u32, u32)> = (0..16).filter(|i| bits >> i & 1 == 1).map(|i| (i / 4, i % 4)).collect();
            let mut reach = [[false; 4]; 4];
            for &(a, b) in &edges {
                reach[a as usize][b as usize] = true;
            }
            for (k, i, j) in (0..64).map(|n| (n / 16, n / 4 % 4, n % 4)) {
                reach[i][j] |= reach[i][k] && reach[k][j];
            }
            let mut expected: Vec<Vec<u32>> = Vec::new();
            for (i, from_i) in reach.iter().enumerate() {
                if from_i[i] {
                    let group: Vec<u32> = (0..4).filter(|&j| from_i[j as usize] && reach[j as usize][i]).collect();
                    if !expected.contains(&group) {
                        expected.push(group);
                    }
                }
            }
            let mut found = cycles_of(&edges);
            found.iter_mut().for_each(|g| g.sort());
            assert_eq!(found, expected, "{edges:?}");
        }
    }
}
