//! A program that runs in turns with others, on one thread that asks for each turn: those of a simulated cluster (cluster.rs).
//!
//! Journey: every process's life: queue -> **worker** -> slice. There are no workers: what theirs do when they look for something to do is
//! asked for here, a piece at a time, so that who asks decides the order of everything.

use super::clock::Clock;
use super::queue::{Queues, next_random};
use super::schedule::Schedule;
use super::{Config, Scheduler, Seat};
use crate::process::core::Time;
use crate::process::signal::{Signal, Wake};
use crate::process::slot::Slot;
use crate::sync::Mutex;
use rlua_machine::vm::native::Natives;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the programs of a cluster have together.
#[derive(Clone)]
pub(crate) struct Shared {
    /// Nanoseconds since it began.
    pub now: Arc<AtomicU64>,
    /// What draws the order of all their processes.
    pub schedule: Arc<Mutex<Schedule>>,
}

/// Tells processes of all programs apart.
fn key(slot: &Arc<Slot>) -> u64 {
    next_random(&mut (slot.pid.runtime().id() as u64 ^ slot.pid.serial()))
}

impl Scheduler {
    /// A program of a cluster.
    pub(crate) fn in_turns(config: Config, natives: Natives, shared: &Shared, seat: Seat) -> Arc<Scheduler> {
        let clock = Clock::with_time(shared.now.clone(), config.seed.unwrap_or(0));
        let queues = Queues::explored(shared.schedule.clone(), key);
        Scheduler::with(config, natives, clock, queues, Some(seat))
    }
    /// Does something as its worker would.
    pub(crate) fn in_its_turn<T>(self: &Arc<Self>, f: impl FnOnce() -> T) -> T {
        let result = self.as_worker(f);
        self.node.slice_is_over();
        result
    }
    /// What tells those apart that are ready: the longest first.
    pub(crate) fn ready(&self) -> Vec<u64> {
        self.queues.keys()
    }
    /// Runs a slice of one of them.
    pub(crate) fn run_ready(self: &Arc<Self>, i: usize) {
        if let Some(slot) = self.queues.take(i) {
            self.in_its_turn(|| self.run_slice(slot));
        }
    }
    /// When its timers are to be looked at; none: there are none.
    pub(crate) fn next_timer(&self) -> Option<Time> {
        Some(self.next_look.load(Ordering::Relaxed)).filter(|at| *at != Time::MAX)
    }
    /// Looks at them.
    pub(crate) fn look_at_timers_at(self: &Arc<Self>, now: Time) {
        self.in_its_turn(|| self.fire_timers(now));
    }
    /// Whether one of its processes waits for the world beyond a socket.
    pub(crate) fn waits_for_the_world(&self) -> bool {
        self.readiness.any_waits()
    }
    /// This program, and those of all others of its cluster that is simulated.
    pub(crate) fn programs(self: &Arc<Self>) -> Vec<Arc<Scheduler>> {
        self.seat.as_ref().map_or_else(|| vec![self.clone()], |seat| seat.programs())
    }
    /// Tells its root that nothing can happen any more.
    pub(crate) fn nothing_can_happen(self: &Arc<Self>) {
        if let Some(root) = self.root() {
            self.route(root, Signal::Wake(Wake::Deadlock));
        }
    }
}
