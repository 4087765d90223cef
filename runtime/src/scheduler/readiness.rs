//! Processes that wait for sockets.
//!
//! Journey: packet -> **signal** -> process. A socket is registered with the reactor that workers sleep in; what wakes is the
//! process itself: the waker sends it a signal, upon which its native tries again. So a wait costs no task and no thread, and
//! the worker that read the event from the system runs the process. (The reader might expect a task for each wait, as
//! connections of nodes are: the process is one already.)
//!
//! Always: while a process waits so, it is counted: then nothing is a deadlock, and virtual time does not jump.

use super::{Scheduler, worker};
use crate::process::signal::{Signal, Wake};
use rlua_machine::value::Pid;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task;

/// What a scheduler knows of them.
#[derive(Default)]
pub(crate) struct Readiness {
    /// There has been one.
    is_used: AtomicBool,
    waiting: Arc<AtomicUsize>,
}

impl Readiness {
    /// Whether workers have to look at the reactor now and then while they have much to do.
    #[inline]
    pub fn is_used(&self) -> bool {
        self.is_used.load(Ordering::Relaxed)
    }
    /// Whether a process waits for a socket.
    pub fn any_waits(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }
}

/// Counts a process while it waits for a socket.
pub(crate) struct Waits(Arc<AtomicUsize>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Tells a process that a socket may be ready. It may be kept by the reactor for longer than there is a program.
struct Teller {
    scheduler: Weak<Scheduler>,
    pid: Pid,
}

impl task::Wake for Teller {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(scheduler) = self.scheduler.upgrade() {
            scheduler.socket_is_ready(self.pid);
        }
    }
}

impl Scheduler {
    /// A process is about to wait for a socket.
    pub(crate) fn waits_for_socket(&self) -> Waits {
        self.readiness.is_used.store(true, Ordering::Relaxed);
        self.readiness.waiting.fetch_add(1, Ordering::SeqCst);
        Waits(self.readiness.waiting.clone())
    }
    /// What tells a process that one of its sockets may be ready.
    pub(crate) fn socket_waker(self: &Arc<Self>, pid: Pid) -> task::Waker {
        task::Waker::from(Arc::new(Teller { scheduler: Arc::downgrade(self), pid }))
    }
    fn socket_is_ready(self: &Arc<Self>, pid: Pid) {
        // One that has moved away, or ended, has left its sockets behind.
        let _ = self.deliver_here(pid, Signal::Wake(Wake::Ready));
        // A worker that reads events from the reactor is asleep as far as it knows.
        if let Some(place) = worker::place_in(self.runtime) {
            self.wake_own(place);
        }
    }
}
