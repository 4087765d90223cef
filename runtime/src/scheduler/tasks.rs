//! Tasks beside the processes: the connections of a node.
//!
//! Journey: remote: signal -> frame -> session -> **transport**. They are futures of `async-executor`, run by the workers:
//! a few at each turn, however many processes are ready, and all that wakes them (a packet, a timer of the reactor) ends a
//! worker's sleep. So what a packet brings runs on the thread that read it.

use async_executor::Executor;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

/// Tasks that are run between two slices.
const TURN: usize = 8;

/// Tasks of a runtime.
#[derive(Default)]
pub(crate) struct Tasks {
    executor: Executor<'static>,
    /// There has been one.
    active: AtomicBool,
    /// Those that have not ended.
    live: Arc<AtomicUsize>,
}

/// Counts a task while it is there.
struct Counted(Arc<AtomicUsize>);
impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Tasks {
    /// Whether there has been a task: otherwise nobody need look.
    #[inline]
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }
    /// Starts a task, which nobody waits for. Those that are left end with the program.
    pub(super) fn start(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.live.fetch_add(1, Ordering::SeqCst);
        let counted = Counted(self.live.clone());
        self.executor
            .spawn(async move {
                let _counted = counted;
                task.await
            })
            .detach();
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
    /// Runs them, at the end of the program, until all have ended or the time is over.
    pub(super) fn finish(&self, time: Duration) {
        if !self.is_active() {
            return;
        }
        let ended = async {
            while self.live.load(Ordering::SeqCst) > 0 {
                self.executor.tick().await;
            }
        };
        let late = async {
            async_io::Timer::after(time).await;
        };
        async_io::block_on(futures_lite::future::or(ended, late));
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
