//! Who monitors which node (`monitornode`).
//!
//! Journey: remote signal: session -> **who is told of its end**. Monitors of nodes go along with a process that moves, so they
//! are apart from the machine that decides which node is up (connections.rs): it says that a node is down, and whoever
//! watches it here is told once for each of its monitors.
//!
//! Always: a monitor is here, on its way with its process, or has been told.

use super::name::NodeName;
use rlua_machine::value::Pid;
use std::collections::BTreeMap;

/// Monitors of nodes that one process may take along when it moves.
pub const CARRIED_MAX: u64 = 1 << 16;

/// The monitors.
#[derive(Default)]
pub struct Watchers(BTreeMap<NodeName, BTreeMap<Pid, u32>>);

impl Watchers {
    /// A process monitors a node so many times more.
    pub fn add(&mut self, watcher: Pid, node: &NodeName, times: u32) {
        let count = self.0.entry(node.clone()).or_default().entry(watcher).or_default();
        *count = count.saturating_add(times);
    }
    /// It takes one monitor back; false: there was none.
    pub fn remove(&mut self, watcher: Pid, node: &NodeName) -> bool {
        let Some(of_node) = self.0.get_mut(node) else { return false };
        let Some(count) = of_node.get_mut(&watcher) else { return false };
        *count -= 1;
        if *count == 0 {
            of_node.remove(&watcher);
        }
        if of_node.is_empty() {
            self.0.remove(node);
        }
        true
    }
    /// How many monitors a process has.
    pub fn count(&self, watcher: Pid) -> u64 {
        self.0.values().filter_map(|w| w.get(&watcher)).map(|n| u64::from(*n)).sum()
    }
    /// It has left, or has ended: the nodes that it monitored, and how many times.
    pub fn take_of(&mut self, watcher: Pid) -> Vec<(NodeName, u32)> {
        let taken = self.0.iter_mut().filter_map(|(node, w)| Some((node.clone(), w.remove(&watcher)?))).collect();
        self.0.retain(|_, w| !w.is_empty());
        taken
    }
    /// A node is down: who is told, and how many times.
    pub fn take(&mut self, node: &NodeName) -> Vec<(Pid, u32)> {
        self.0.remove(node).map_or(Vec::new(), |w| w.into_iter().collect())
    }
    /// All nodes that somebody monitors.
    pub fn nodes(&self) -> Vec<NodeName> {
        self.0.keys().cloned().collect()
    }
    /// Who monitors any node.
    #[cfg(test)]
    pub fn all(&self) -> Vec<Pid> {
        self.0.values().flat_map(|w| w.keys().copied()).collect()
    }
    /// How many times a process monitors a node.
    #[cfg(test)]
    pub fn times(&self, watcher: Pid, node: &str) -> u32 {
        let of_node = self.0.iter().find(|(n, _)| n.as_str() == node);
        of_node.and_then(|(_, w)| w.get(&watcher).copied()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_monitor_is_told_once_or_goes_along() {
        let (a, b) = (Pid::from_bits(1), Pid::from_bits(2));
        let node = |text: &str| NodeName::parse(text).expect("it is valid");
        let mut w = Watchers::default();
        w.add(a, &node("x@h"), 1);
        w.add(a, &node("x@h"), 1);
        w.add(a, &node("y@h"), 1);
        w.add(b, &node("x@h"), 1);
        assert!(w.remove(b, &node("x@h")) && !w.remove(b, &node("x@h")) && !w.remove(b, &node("z@h")));
        assert_eq!(w.count(a), 3);
        assert_eq!(w.take_of(a), [(node("x@h"), 2), (node("y@h"), 1)]);
        assert!(w.nodes().is_empty());
        w.add(a, &node("x@h"), u32::MAX);
        w.add(a, &node("x@h"), 2);
        assert_eq!((w.take(&node("x@h")), w.take(&node("x@h"))), (vec![(a, u32::MAX)], vec![]));
    }
}
