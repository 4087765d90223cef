//! How a runtime is to behave.
//!
//! Journey: none of its own: what an embedder or the command line chooses before a program starts.

use super::history::Exploration;
use crate::migration::handover::Phase;
use rlua_machine::heap::Stress as CollectorStress;
use rlua_machine::vm::Vm;

/// Reductions of a slice.
pub const SLICE: i64 = 4000;

/// How a runtime is to behave.
///
/// ```
/// use rlua_runtime::Config;
///
/// // The same order of events each time, with virtual time.
/// let config = Config { seed: Some(7), ..Config::default() };
/// assert_eq!(config.workers, 1);
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// Threads that run processes.
    pub workers: usize,
    /// Reductions of a slice.
    pub slice: i64,
    /// Bytes of all heaps and mailboxes together. A process that needs more alone gets a Lua error; past it the largest
    /// one ends.
    pub max_memory: usize,
    /// One worker runs everything in an order that follows from this number alone, in virtual time.
    pub seed: Option<u64>,
    /// With a seed: the order, slices and delays of timers are drawn so as to find what goes wrong in few of them, or given.
    pub exploration: Option<Exploration>,
    /// The program is a tool that looks at nodes: `init` makes it a visitor, which no node counts as one. It listens on no
    /// port, is in nobody's `nodes()` and has no part in global names.
    pub visitor: bool,
    /// Test modes.
    pub stress: Stress,
}

/// Test modes.
#[derive(Clone, Debug, Default)]
pub struct Stress {
    /// A whole collection at every safepoint.
    pub collect: bool,
    /// A small piece of a collection at every safepoint.
    pub collect_pieces: bool,
    /// Code is dumped, verified and loaded again before it runs.
    pub reload: bool,
    /// Freeze and thaw processes at safepoints: how many are done at every one, and a budget of bytes for the rest, at
    /// growing distances. Slices are of one reduction.
    pub freeze: Option<FreezeBudget>,
    /// That, by the form in which a process moves to another node: all that it has, and not its machine alone.
    pub moves: bool,
    /// Slices of more reductions are reported on standard error.
    pub long_slice: Option<u64>,
    /// Called at each phase of a move, with what the node has to say by then written.
    pub at_phase: Option<fn(Phase)>,
}

/// How often the freeze mode freezes.
#[derive(Clone, Copy, Debug)]
pub struct FreezeBudget {
    /// Safepoints of a process that are all used.
    pub first: u64,
    /// Past them, use every so many reductions, whatever the budget; 0: at growing distances.
    pub every: u64,
    /// Bytes of frozen state for a whole run, past which distances grow.
    pub bytes: u64,
}

impl Config {
    /// Threads that run processes.
    pub(crate) fn places(&self) -> usize {
        if self.seed.is_some() { 1 } else { self.workers.max(1) }
    }
    /// Sets a fresh machine up: test modes, limits.
    pub(crate) fn set_up(&self, vm: &mut Vm) {
        vm.reload = self.stress.reload;
        vm.heap.set_limit(self.max_memory);
        if let Some(seed) = self.seed {
            vm.heap.set_seed(seed);
        }
        if self.stress.collect {
            vm.heap.set_stress(CollectorStress::Whole);
        } else if self.stress.collect_pieces {
            vm.heap.set_stress(CollectorStress::Pieces);
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            workers: 1,
            slice: SLICE,
            max_memory: usize::MAX,
            seed: None,
            exploration: None,
            visitor: false,
            stress: Stress::default(),
        }
    }
}
