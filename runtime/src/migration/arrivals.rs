//! Processes that have come, and which nodes have not said that they have all that was sent from the last place.
//!
//! Journey: a stopped process -> offer, ready, commit -> **these nodes have settled** -> it runs. It does not run before all have said so that
//! can: those that are connected with it, and those for which its last place passes that on. Those that have not when its time is over,
//! and those that cannot, are remembered: one of them that gets connected is told first that what comes from the last place is late.
//!
//! Always: a process waits once for each move, and [`SETTLE_TIME`] at most. A node that has settled is remembered no more.

use crate::node::Time;
use crate::node::name::NodeName;
use rlua_machine::value::{Pid, Runtime};
use std::collections::{BTreeMap, BTreeSet};

/// How long a process that has come waits for the nodes that it may have sent to.
pub const SETTLE_TIME: Time = 2_000_000_000;
/// Processes at most that are remembered to have gone on without a node.
const WITHOUT_MAX: usize = 4096;

/// A process that does not run yet.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Waits {
    nodes: BTreeSet<NodeName>,
    /// Its last place, which passes on what others say.
    last: Runtime,
    until: Time,
}

/// A move to this node.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Of which process.
    pub pid: Pid,
    /// Its how manieth move that is.
    pub epoch: u64,
    /// From which runtime.
    pub last: Runtime,
}

/// See the module's header.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Arrivals {
    /// How often those had moved that are here.
    epochs: BTreeMap<Pid, u64>,
    waiting: BTreeMap<Pid, Waits>,
    /// Nodes that have settled before the commit has come.
    early: BTreeMap<(Pid, u64), BTreeSet<NodeName>>,
    /// Processes here that go on without these nodes.
    without: BTreeMap<NodeName, BTreeSet<Pid>>,
}

impl Arrivals {
    /// A process has come. It waits for these nodes; the others cannot tell it that they have settled.
    pub fn comes(
        &mut self,
        Arrival { pid, epoch, last }: Arrival,
        nodes: BTreeSet<NodeName>,
        others: impl IntoIterator<Item = NodeName>,
        now: Time,
    ) {
        let early = self.early.remove(&(pid, epoch)).unwrap_or_default();
        self.forget(pid);
        self.epochs.insert(pid, epoch);
        others.into_iter().filter(|n| !early.contains(n)).for_each(|node| self.goes_without(node, pid));
        let nodes = nodes.into_iter().filter(|n| !early.contains(n)).collect();
        self.waiting.insert(pid, Waits { nodes, last, until: now + SETTLE_TIME });
    }
    fn goes_without(&mut self, node: NodeName, pid: Pid) {
        let pids = self.without.entry(node).or_default();
        if pids.len() < WITHOUT_MAX {
            pids.insert(pid);
        }
    }
    /// A node has settled, after the so manieth move of a process that is here.
    pub fn settles(&mut self, pid: Pid, epoch: u64, node: &NodeName) {
        if self.epochs.get(&pid) != Some(&epoch) {
            return;
        }
        if let Some(waits) = self.waiting.get_mut(&pid) {
            waits.nodes.remove(node);
        }
        if let Some(pids) = self.without.get_mut(node) {
            pids.remove(&pid);
            self.without.retain(|_, pids| !pids.is_empty());
        }
    }
    /// The same of a process that may come.
    pub fn settles_early(&mut self, pid: Pid, epoch: u64, node: NodeName) {
        self.early.entry((pid, epoch)).or_default().insert(node);
    }
    /// One that may come does not.
    pub fn is_discarded(&mut self, pid: Pid, epoch: u64) {
        self.early.remove(&(pid, epoch));
    }
    /// A process is here no more; the nodes without which it has gone on, which may still get something from its last place.
    pub fn forget(&mut self, pid: Pid) -> Vec<NodeName> {
        self.epochs.remove(&pid);
        self.waiting.remove(&pid);
        let mut nodes = Vec::new();
        self.without.retain(|node, pids| {
            if pids.remove(&pid) {
                nodes.push(node.clone());
            }
            !pids.is_empty()
        });
        nodes
    }
    /// A session is lost, with a node and its runtime: that says nothing any more, nor does it pass on what others say.
    pub fn session_lost(&mut self, node: &NodeName, runtime: Runtime, is_connected: impl Fn(&NodeName) -> bool) {
        let mut left = Vec::new();
        for (pid, waits) in &mut self.waiting {
            let is_silent = |n: &NodeName| n == node || waits.last == runtime && !is_connected(n);
            left.extend(waits.nodes.extract_if(.., |n| is_silent(n)).map(|n| (n, *pid)));
        }
        left.into_iter().for_each(|(node, pid)| self.goes_without(node, pid));
    }
    /// Nobody is waited for any more.
    pub fn stop_waiting(&mut self) {
        self.waiting.values_mut().for_each(|w| w.nodes.clear());
    }
    /// Processes that run from now on: all nodes have settled, or these have not in time.
    pub fn take_settled(&mut self, now: Time) -> Vec<(Pid, BTreeSet<NodeName>)> {
        let settled = self.waiting.extract_if(.., |_, w| w.nodes.is_empty() || w.until <= now);
        let settled: Vec<_> = settled.map(|(pid, w)| (pid, w.nodes)).collect();
        for (pid, nodes) in &settled {
            nodes.iter().for_each(|node| self.goes_without(node.clone(), *pid));
        }
        settled
    }
    /// Whether a process does not run before a node has settled.
    pub fn waits_for(&self, pid: Pid, node: &NodeName) -> bool {
        self.waiting.get(&pid).is_some_and(|w| w.nodes.contains(node))
    }
    /// Processes that go on without a node.
    pub fn without(&self, node: &NodeName) -> Vec<Pid> {
        self.without.get(node).into_iter().flatten().copied().collect()
    }
    /// When [`Arrivals::take_settled`] is to be called, though nobody settles.
    pub fn next_timeout(&self) -> Option<Time> {
        self.waiting.values().map(|w| w.until).min()
    }
    /// What is waited for.
    #[cfg(test)]
    pub fn waits(&self) -> [(&'static str, bool); 2] {
        [
            ("processes that have come and do not run", !self.waiting.is_empty()),
            ("nodes that have settled before the commit", !self.early.is_empty()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(n: u32) -> NodeName {
        NodeName::parse(&format!("n{n}@test")).expect("it is a name")
    }
    fn runtime(n: u128) -> Runtime {
        Runtime::find(0x7200 + n).expect("there is room")
    }
    /// It has come from the first runtime to wait for nodes 2 and 3; of node 4 nothing can be heard.
    fn come(arrivals: &mut Arrivals) -> Pid {
        let pid = Pid::new(runtime(1), 5);
        let nodes = BTreeSet::from([node(2), node(3)]);
        arrivals.comes(Arrival { pid, epoch: 2, last: runtime(1) }, nodes, [node(4)], 0);
        pid
    }

    #[test]
    fn it_runs_when_all_have_settled_of_its_last_move() {
        let mut arrivals = Arrivals::default();
        let pid = Pid::new(runtime(1), 5);
        arrivals.settles_early(pid, 2, node(3));
        come(&mut arrivals);
        arrivals.settles(pid, 1, &node(2));
        assert!(arrivals.take_settled(1).is_empty(), "that was of an earlier move");
        assert!(arrivals.waits_for(pid, &node(2)) && !arrivals.waits_for(pid, &node(3)));
        arrivals.settles(pid, 2, &node(2));
        assert_eq!(arrivals.take_settled(1), [(pid, BTreeSet::new())]);
        assert_eq!((arrivals.without(&node(2)), arrivals.without(&node(4))), (vec![], vec![pid]));
        // It may settle later all the same.
        arrivals.settles(pid, 2, &node(4));
        assert!(arrivals.without(&node(4)).is_empty() && arrivals.forget(pid).is_empty());
    }
    #[test]
    fn who_has_not_settled_in_time_is_remembered() {
        let mut arrivals = Arrivals::default();
        let pid = come(&mut arrivals);
        arrivals.settles(pid, 2, &node(2));
        assert!(arrivals.take_settled(SETTLE_TIME - 1).is_empty());
        assert_eq!(arrivals.next_timeout(), Some(SETTLE_TIME));
        assert_eq!(arrivals.take_settled(SETTLE_TIME), [(pid, BTreeSet::from([node(3)]))]);
        assert_eq!((arrivals.without(&node(3)), arrivals.without(&node(4))), (vec![pid], vec![pid]));
        assert_eq!(arrivals.forget(pid), [node(3), node(4)]);
        assert!(arrivals.without(&node(3)).is_empty());
    }
    #[test]
    fn who_is_cut_off_is_not_waited_for_and_remembered() {
        let mut arrivals = Arrivals::default();
        let pid = come(&mut arrivals);
        arrivals.session_lost(&node(2), runtime(2), |_| true);
        assert_eq!(arrivals.without(&node(2)), [pid]);
        // With its last place goes what is not connected.
        arrivals.session_lost(&node(1), runtime(1), |n| *n == node(3));
        assert!(arrivals.take_settled(0).is_empty(), "node 3 is connected");
        arrivals.session_lost(&node(1), runtime(1), |_| false);
        assert_eq!(arrivals.take_settled(0), [(pid, BTreeSet::new())]);
        assert_eq!(arrivals.without(&node(3)), [pid]);
    }
}
