//! Tasks beside the processes: the connections of a node.
//!
//! Journey: remote: signal -> frame -> session -> **transport**. They are `async-task` tasks in a queue of their own, run
//! by the workers: a few at each turn, however many processes are ready, and all that wakes them (a packet, a timer of
//! the reactor) ends a worker's sleep. So what a packet brings runs on the thread that read it. (The reader might expect
//! an executor of `async-executor`. That one wakes another thread for each task that it runs, in case the task takes
//! long; ours are short, and such a wake costs more than a packet.)
//!
//! Always: who queues a task then looks at the sleepers; who is about to sleep looks at the queue after it is one of them.

use super::Scheduler;
use super::worker;
use crate::sync::Mutex;
use async_task::Runnable;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::time::Duration;

/// Tasks that are run between two slices.
const TURN: usize = 8;

/// Tasks of a runtime.
#[derive(Default)]
pub(crate) struct Tasks {
    ready: Mutex<VecDeque<Runnable>>,
    /// How many are ready, so that an empty queue needs no lock.
    count: AtomicUsize,
    /// There has been one.
    active: AtomicBool,
    /// Those that have not ended.
    live: Arc<AtomicUsize>,
    /// Who runs them at the end of the program.
    last: Mutex<Option<Waker>>,
}

thread_local! {
    /// Tasks that go on when this worker has nothing else to do.
    static IDLE: RefCell<Vec<Waker>> = const { RefCell::new(Vec::new()) };
}

/// Waits until the worker that runs this has nothing else to do, and would sleep; or it has had something for a while.
pub(crate) async fn idle() {
    let mut has_waited = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_waited, true) || !worker::is_worker() {
            return Poll::Ready(());
        }
        IDLE.with_borrow_mut(|idle| idle.push(cx.waker().clone()));
        Poll::Pending
    })
    .await
}
/// Lets tasks go on that have waited for this worker to be idle; false: there are none.
pub(super) fn wake_idle() -> bool {
    let any = IDLE.with_borrow(|idle| !idle.is_empty());
    if any {
        // What they wait for may need this core.
        std::thread::yield_now();
        wake_waiting();
    }
    any
}
/// Lets them go on although it is not: a worker that always has something else to do would never be.
pub(super) fn wake_waiting() {
    IDLE.take().into_iter().for_each(Waker::wake);
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
    /// Whether one is ready.
    #[inline]
    pub fn any_ready(&self) -> bool {
        self.count.load(Ordering::SeqCst) > 0
    }
    fn push(&self, task: Runnable) {
        let mut ready = self.ready.lock().unwrap_or_else(|e| e.into_inner());
        ready.push_back(task);
        self.count.store(ready.len(), Ordering::SeqCst);
    }
    fn pop(&self) -> Option<Runnable> {
        if !self.any_ready() {
            return None;
        }
        let mut ready = self.ready.lock().unwrap_or_else(|e| e.into_inner());
        let task = ready.pop_front();
        self.count.store(ready.len(), Ordering::SeqCst);
        task
    }
    /// Runs some of those that are ready.
    pub(super) fn turn(&self) {
        for _ in 0..TURN.min(self.count.load(Ordering::SeqCst)) {
            let Some(task) = self.pop() else { return };
            task.run();
        }
    }
    /// Runs them, at the end of the program, until all have ended or the time is over.
    pub(super) fn finish(&self, time: Duration) {
        if !self.is_active() {
            return;
        }
        let ended = poll_fn(|cx| {
            *self.last.lock().unwrap_or_else(|e| e.into_inner()) = Some(cx.waker().clone());
            while let Some(task) = self.pop() {
                task.run();
            }
            if self.live.load(Ordering::SeqCst) == 0 { Poll::Ready(()) } else { Poll::Pending }
        });
        let late = async {
            async_io::Timer::after(time).await;
        };
        async_io::block_on(futures_lite::future::or(ended, late));
    }
    /// At the end of the program no worker is left.
    fn wake_last(&self) {
        if let Some(last) = self.last.lock().unwrap_or_else(|e| e.into_inner()).take() {
            last.wake();
        }
    }
}

impl Scheduler {
    /// Starts a task, which nobody waits for. Those that are left end with the program.
    pub(crate) fn start_task(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.live.fetch_add(1, Ordering::SeqCst);
        let counted = Counted(self.tasks.live.clone());
        let this = Arc::downgrade(self);
        let schedule = move |task| {
            // Without a scheduler it is dropped, and has ended.
            if let Some(scheduler) = this.upgrade() {
                scheduler.tasks.push(task);
                scheduler.task_ready();
            }
        };
        let body = async move {
            let _counted = counted;
            task.await
        };
        let (ready, task) = async_task::spawn(body, schedule);
        task.detach();
        self.tasks.active.store(true, Ordering::SeqCst);
        ready.schedule();
    }
    /// A task was queued. A worker that runs looks at the queue by itself, before its next slice; one that sleeps in the
    /// reactor, and was woken by it, is the right one to wake.
    fn task_ready(self: &Arc<Self>) {
        match worker::place_in(self.runtime) {
            Some(place) => self.wake_own(place),
            None if self.status().is_some() => self.tasks.wake_last(),
            None => self.wake_one(),
        }
    }
}
