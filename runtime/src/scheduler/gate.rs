//! The gate: whether processes other than the root run (spec/processes.md, *the gate*).
//!
//! Journey: every process's life: ready -> **gate** -> queue. Closed, it holds what becomes ready; a `step` lets each that
//! is held have one slice; open, it is open for good and costs one load. A held process still handles its signals, in
//! a slice without Lua: a kill reaches it, a question is answered.
//!
//! Locks: the gate's lock is taken before a slot's and before a queue's.

use super::Scheduler;
use crate::process::signal::{Signal, Wake};
use crate::process::slot::Slot;
use crate::sync::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The gate.
#[derive(Default)]
pub struct Gate {
    open: AtomicBool,
    state: Mutex<State>,
}
#[derive(Default)]
struct State {
    /// Held processes, and some that were held and have ended or are handling signals.
    held: Vec<Arc<Slot>>,
    /// Slices of a `step` that are not over.
    stepping: usize,
    /// The root waits for something to be held.
    awaited: bool,
}

impl Gate {
    /// Whether all run.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }
}

impl Scheduler {
    /// Opens the gate for good.
    pub(crate) fn open_gate(self: &Arc<Self>) {
        if self.gate.is_open() {
            return;
        }
        let mut g = self.gate.state.lock().unwrap_or_else(|e| e.into_inner());
        self.gate.open.store(true, Ordering::Release);
        let held = std::mem::take(&mut g.held);
        let freed: Vec<_> = held.into_iter().filter(|s| s.lock().inbox.let_run(false)).collect();
        drop(g);
        for slot in freed {
            self.enqueue(slot);
        }
    }
    /// Queues a process that has become ready while the gate was closed, if it has signals to handle; else holds it.
    pub(super) fn hold(self: &Arc<Self>, slot: Arc<Slot>) {
        let mut g = self.gate.state.lock().unwrap_or_else(|e| e.into_inner());
        // Opened meanwhile, or there is something that it has to do at once.
        if self.gate.is_open() || !slot.lock().inbox.hold() {
            drop(g);
            return self.enqueue(slot);
        }
        g.held.push(slot);
        self.something_held(g.awaited && g.stepping == 0, &mut g);
    }
    fn something_held(self: &Arc<Self>, tell: bool, state: &mut State) {
        if tell {
            state.awaited = false;
            if let Some(root) = self.root() {
                self.route(root, Signal::Wake(Wake::Step));
            }
        }
    }
    /// Lets every process that is held have one slice; how many there are. When all slices are over the root is woken.
    pub(crate) fn begin_step(self: &Arc<Self>) -> usize {
        let mut g = self.gate.state.lock().unwrap_or_else(|e| e.into_inner());
        let held = std::mem::take(&mut g.held);
        let freed: Vec<_> = held.into_iter().filter(|s| s.lock().inbox.let_run(true)).collect();
        g.stepping = freed.len();
        g.awaited = freed.is_empty();
        drop(g);
        let n = freed.len();
        for slot in freed {
            self.enqueue(slot);
        }
        n
    }
    /// The root does not wait for the end of a `step`, or for something to be held, any more.
    pub(crate) fn end_step(&self) {
        self.gate.state.lock().unwrap_or_else(|e| e.into_inner()).awaited = false;
    }
    /// Whether the slices of the `step` are over.
    pub(crate) fn step_is_over(&self) -> bool {
        self.gate.state.lock().unwrap_or_else(|e| e.into_inner()).stepping == 0
    }
    /// A slice that a `step` let a process have is over.
    pub(super) fn stepped(self: &Arc<Self>) {
        let mut g = self.gate.state.lock().unwrap_or_else(|e| e.into_inner());
        g.stepping = g.stepping.saturating_sub(1);
        let over = g.stepping == 0;
        drop(g);
        if over && let Some(root) = self.root() {
            self.route(root, Signal::Wake(Wake::Step));
        }
    }
    /// How many are held.
    pub(crate) fn held(&self) -> usize {
        self.gate.state.lock().unwrap_or_else(|e| e.into_inner()).held.len()
    }
    pub(super) fn close_gate(&self) {
        self.gate.state.lock().unwrap_or_else(|e| e.into_inner()).held.clear();
    }
}
