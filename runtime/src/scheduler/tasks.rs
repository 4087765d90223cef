//! Tasks beside the processes: the connections of a node.
//!
//! Journey: remote: signal -> frame -> session -> **transport**. They are futures of `async-executor`, run by the workers:
//! a few at each turn, however many processes are ready, and all that wakes them (a packet, a timer of the reactor) ends a
//! worker's sleep. So what a packet brings runs on the thread that read it.

use async_executor::Executor;
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

/// Tasks that are run between two slices.
const TURN: usize = 8;

/// Tasks of a runtime.
#[derive(Default)]
pub(crate) struct Tasks {
    executor: Executor<'static>,
    /// There has been one.
    active: AtomicBool,
}

impl Tasks {
    /// Whether there has been a task: otherwise nobody need look.
    #[inline]
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }
    /// Starts a task, which nobody waits for. Those that are left end with the program.
    pub(super) fn start(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.executor.spawn(task).detach();
        self.active.store(true, Ordering::SeqCst);
    }
    /// Runs some of those that are ready.
    pub(super) fn turn(&self) {
        for _ in 0..TURN {
            if !self.executor.try_tick() {
                return;
            }
        }
    }
    /// Waits for one that is ready, and runs it.
    pub(super) async fn next(&self) {
        self.executor.tick().await
    }
    /// Lets the reactor see, from a worker that has much to do, what has come: it is polled only by threads that wait in
    /// it, and a helper that backs off.
    pub(super) fn look_at_reactor() {
        let mut looked = false;
        async_io::block_on(poll_fn(|cx| {
            if std::mem::replace(&mut looked, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
    }
}
