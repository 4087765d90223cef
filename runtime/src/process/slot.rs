//! A process as others have it: its identity, and its inbox behind a lock.
//!
//! Journey: signal: route -> **slot** -> inbox -> core.
//!
//! Locks: a slot's lock is held for a few instructions, and no other lock is taken under it. What only statistics and
//! limits read lies beside it, written by the owner alone.

use super::Process;
use super::account::Grown;
use super::birth::Birth;
use super::context::Context;
use super::inbox::{Delivered, Given, Held, Inbox, RunState};
use super::signal::Signal;
use crate::codec::Message;
use crate::scheduler::Telling;
use crate::sync::{Mutex, MutexGuard};
use rlua_machine::value::Pid;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Bytes of an inbox that a delivery need not count.
const SMALL_INBOX: usize = 1024;
/// Messages that may wait for a process before those who send it more are slowed down.
pub const CROWD: usize = 512;

/// A process as others see it.
// In this order, what each message touches lies together.
#[repr(C)]
pub struct Slot {
    /// Its identity.
    pub pid: Pid,
    /// Whether it is the main script's.
    pub is_root: bool,
    /// Whether signals wait.
    pub pending: Pending,
    shared: Mutex<Shared>,
    /// What its owner says of it.
    pub published: Published,
    /// Who spawned it.
    pub parent: Pid,
}

// With the counts of its references it is as large as a block of the allocator.
const _: () = assert!(cfg!(any(shuttle, rlua_sanitize)) || size_of::<Slot>() <= 176, "an idle process is small");

/// What a slot's lock protects.
#[repr(C)]
pub struct Shared {
    /// The process, while nobody runs it.
    pub process: Option<Box<Process>>,
    /// Signals and state.
    pub inbox: Inbox,
    /// What there is in place of a process.
    pub(crate) instead: Instead,
}

/// What a slot has instead of a process.
#[derive(Default)]
pub(crate) enum Instead {
    /// Nothing.
    #[default]
    Nothing,
    /// What it will be made of when a worker comes to it.
    Birth(Box<Birth>),
    /// What handles its signals, while it is in a call of the system.
    Context(Box<Context>),
    /// What is left to be told of its end.
    Telling(Box<Telling>),
}

/// What came of a message.
pub enum Sent {
    /// Nothing: it is not that simple.
    Refused,
    /// It is in the inbox.
    Queued(Queued),
    /// It is where it was. The process waited for it, and is to be run, or queued, by who has sent it.
    Begun(Option<Box<Process>>),
}

/// A message in an inbox: what is asked of who has sent it.
#[derive(Default)]
pub struct Queued {
    /// To put the process in a run queue.
    pub wakes: bool,
    /// What the runtime's total has to be told of.
    pub grown: Option<Grown>,
    /// To be slowed down: so many messages, or a few less, wait before it. 0: not many.
    pub crowd: usize,
}

/// Figures that the owner of a process keeps up to date. Only the owner writes; others may read a value of a moment ago.
#[derive(Default)]
pub struct Published {
    /// Messages of the mailbox.
    pub messages: AtomicUsize,
    /// Bytes of heap and mailbox.
    pub bytes: AtomicUsize,
    /// Reductions used.
    pub reductions: AtomicU64,
}

/// Whether the inbox holds something; changed under the slot's lock. The owner looks here to save itself the lock.
#[derive(Default)]
pub struct Pending(AtomicBool);

impl Pending {
    /// Whether there may be something. A signal that is being delivered at this moment may not count yet.
    #[inline]
    pub fn any(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
    #[inline]
    fn set(&self, any: bool) {
        if self.0.load(Ordering::Relaxed) != any {
            self.0.store(any, Ordering::Release);
        }
    }
}

impl Shared {
    /// Takes out the process, or what it is to be made of, if one of them is here.
    #[inline]
    pub(crate) fn take_process(&mut self) -> Option<Found> {
        match self.process.take() {
            Some(process) => Some(Found::Process(process)),
            None => self.take_birth(),
        }
    }
    #[cold]
    fn take_birth(&mut self) -> Option<Found> {
        match std::mem::take(&mut self.instead) {
            Instead::Birth(birth) => Some(Found::Birth(birth)),
            other => {
                self.instead = other;
                None
            }
        }
    }
    /// Takes out what handles the signals of a process that is in a call of the system, if it is here.
    pub fn take_context(&mut self) -> Option<Box<Context>> {
        match std::mem::take(&mut self.instead) {
            Instead::Context(cx) => Some(cx),
            other => {
                self.instead = other;
                None
            }
        }
    }
    /// Takes out what is left to be told of its end, if something is.
    #[inline]
    pub(crate) fn take_telling(&mut self) -> Option<Box<Telling>> {
        if !matches!(self.instead, Instead::Telling(_)) {
            return None;
        }
        match std::mem::take(&mut self.instead) {
            Instead::Telling(telling) => Some(telling),
            _ => unreachable!("it was just seen"),
        }
    }
}

/// What was taken out of a slot to be run.
pub(crate) enum Found {
    /// A process.
    Process(Box<Process>),
    /// One that has not begun.
    Birth(Box<Birth>),
}

impl Published {
    fn held(&self) -> Held {
        Held { messages: self.messages.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }
}

impl Slot {
    /// The slot of a new process.
    pub(crate) fn new(pid: Pid, parent: Pid, is_root: bool, instead: Instead) -> Arc<Slot> {
        Arc::new(Slot {
            pid,
            is_root,
            parent,
            shared: Mutex::new(Shared { inbox: Inbox::new(), process: None, instead }),
            published: Published::default(),
            pending: Pending::default(),
        })
    }
    /// Locks what is shared.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(|e| e.into_inner())
    }
    /// Messages that wait, as far as is known.
    pub fn messages(&self) -> usize {
        self.published.messages.load(Ordering::Relaxed) + self.lock().inbox.messages()
    }
    /// Gives it a signal; what is asked of the caller, and what the runtime's total has to be told of.
    pub fn deliver(&self, signal: Signal) -> (Delivered, Option<Grown>) {
        let mut s = self.lock();
        let held = self.published.held();
        let delivered = s.inbox.deliver(signal, held);
        self.pending.set(s.inbox.has_signals());
        if matches!(delivered, Delivered::Refused(_)) {
            return (delivered, None);
        }
        let now = held.bytes + s.inbox.bytes();
        (delivered, s.inbox.account.note(now))
    }
    /// As [`Slot::deliver`], of a message where that is simple ([`Inbox::deliver_message`]): what came of it, and what the
    /// runtime's total has to be told of.
    #[inline]
    pub fn deliver_message(&self, message: &mut Option<Message>, may_begin: bool) -> Sent {
        let mut s = self.lock();
        let given = s.inbox.deliver_message(message, may_begin);
        match given {
            Given::Begun => return Sent::Begun(s.process.take()),
            Given::Refused => return Sent::Refused,
            Given::Wake => {
                if let Some(process) = &s.process {
                    process.look_ahead();
                }
            }
            Given::Queued => {}
        }
        self.pending.set(true);
        // Less is within what the total may be wrong by, and seen to by the owner.
        let mut queued = Queued { wakes: given == Given::Wake, ..Queued::default() };
        let bytes = s.inbox.bytes();
        if bytes > SMALL_INBOX {
            let held = self.published.held();
            queued.grown = s.inbox.account.note(held.bytes + bytes);
            let messages = held.messages + s.inbox.messages();
            queued.crowd = if messages > CROWD { messages } else { 0 };
        }
        Sent::Queued(queued)
    }
    /// Takes all signals out, for the owner who runs the process.
    pub fn take_signals(&self, into: &mut Vec<Signal>) {
        let mut s = self.lock();
        s.inbox.take(into);
        self.pending.set(false);
    }
    /// A worker begins to run it; the lock is kept. See [`Inbox::begin_slice`].
    pub fn begin_slice(&self, s: &mut Shared, into: &mut Vec<Signal>) -> Option<bool> {
        let permit = s.inbox.begin_slice(into);
        if permit.is_some() {
            self.pending.set(false);
        }
        permit
    }
    /// As [`Slot::begin_slice`], if a message is all that there is ([`Inbox::begin_with_message`]).
    #[inline]
    pub fn begin_with_message(&self, s: &mut Shared) -> Option<Message> {
        let m = s.inbox.begin_with_message()?;
        self.pending.set(false);
        Some(m)
    }
    /// Whether it is dead for certain; none: it has to be asked.
    pub fn known_dead(&self) -> Option<bool> {
        let s = self.lock();
        match s.inbox.state() {
            RunState::Dead => Some(true),
            _ if s.inbox.may_be_ending() => None,
            _ => Some(false),
        }
    }
}
