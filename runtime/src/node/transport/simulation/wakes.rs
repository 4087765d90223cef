//! Nobody forgets to wake the task that sees to a node's deadlines.
//!
//! Journey: an event -> a node -> **is its task told?** The simulator looks at a node's deadlines after every event by
//! itself, and would see one in time of which the task of a real node never hears. So it takes that task's place among
//! those that are woken, and compares.

use super::{Host, Online, World};
use crate::node::Time;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

#[derive(Default)]
struct Woken(AtomicBool);
impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst)
    }
}

/// What the task of a node waits for.
#[derive(Default)]
pub(super) struct Waits(Option<(Arc<Online>, Arc<Woken>, Option<Time>)>);

impl Host {
    /// Its task looks at everything again.
    pub(super) fn task_looks(&mut self) {
        self.waits.0 = None;
    }
}
impl World {
    /// An event was handled at a host: there is no deadline before that for which its task waits, unless it was woken.
    pub(super) fn check_wakes(&mut self, host: usize) {
        let Some(online) = self.online(host) else { return self.hosts[host].task_looks() };
        let next = online.next_timeout();
        if let Some((of, woken, due)) = &self.hosts[host].waits.0
            && Arc::ptr_eq(of, &online)
            && !woken.0.load(Ordering::SeqCst)
        {
            let sooner = next.filter(|t| due.is_none_or(|d| *t < d));
            if let Some(at) = sooner {
                self.violation(format!("{} is not woken for what is due at {at}, but at {due:?}", online.name));
            } else if online.is_wanted() {
                self.violation(format!("{} is not woken for a connection that is wanted", online.name));
            } else {
                return;
            }
        }
        // It is about to look.
        if online.is_wanted() {
            return self.hosts[host].task_looks();
        }
        let woken = Arc::new(Woken::default());
        online.wakers.lock().unwrap_or_else(|e| e.into_inner()).push(Waker::from(woken.clone()));
        let next = online.looks_next();
        self.hosts[host].waits.0 = Some((online, woken, next));
    }
}
