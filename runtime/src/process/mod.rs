//! A process: a virtual machine, a mailbox, and the slot by which others reach it.
//!
//! Journey: message: send -> encode -> **mailbox -> receive** -> decode. A [`Process`] is owned by whoever runs it; others
//! only see its [`Slot`]: an identity and a queue of signals under a lock that is held for a few instructions. (The
//! reader might expect an actor framework's channels: a slot is smaller, and links, monitors and the waking of a
//! receiver are decided under the same lock.)
//!
//! Always: signals of one sender to one receiver are handled in the order sent; a process is in a run queue, being
//! run, or waiting, never two of them ([`Status`]); two slots are never locked at the same time.
//!
//! Not here: when it runs (scheduler/), what Lua sees (concurrent/).

pub mod exit;
pub mod options;
pub mod registry;
pub mod signal;

use crate::codec::Message;
use options::OwnOptions;
use rlua_machine::value::Pid;
use rlua_machine::vm::Vm;
use signal::Signal;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

/// Where a process is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// In a run queue, or held back by the gate.
    Ready,
    /// A worker runs it.
    Running,
    /// Waits for something.
    Waiting(Wait),
    /// Ends: signals were sent, nothing reaches it any more.
    Dead,
}

/// What wakes a waiting process, besides an exit signal and its timer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// A message.
    Message,
    /// Nothing else (`sleep`).
    Time,
    /// The end of all other processes, or `interrupt` (`loop`).
    Loop,
    /// The end of the round (`step`).
    Step,
}

/// A process as others see it.
pub struct Slot {
    /// Its identity.
    pub pid: Pid,
    /// Whether it is the main script's.
    pub is_root: bool,
    /// Who spawned it.
    pub parent: Pid,
    shared: Mutex<Shared>,
    /// Held while the others are told of its end, so that who sees it dead has been told.
    pub(crate) telling: Mutex<()>,
    /// The process itself, while nobody runs it.
    pub(crate) process: Mutex<Option<Box<Process>>>,
}

/// What the lock of a slot protects.
pub struct Shared {
    /// Its life.
    pub status: Status,
    /// Signals that it has not handled yet, oldest first.
    pub inbox: VecDeque<Signal>,
    /// Number of the wait it is in; a timer of an earlier wait is stale.
    pub wait: u64,
    /// The wait ended by its timer.
    pub timed_out: bool,
    /// The wait has a timer.
    pub has_timer: bool,
    /// Linked processes.
    pub links: Vec<Pid>,
    /// Who monitors it.
    pub watchers: Vec<Pid>,
    /// Whom it monitors.
    pub watching: Vec<Pid>,
    /// Its registered names.
    pub names: Vec<Arc<[u8]>>,
    /// Messages in inbox and mailbox.
    pub messages: usize,
    /// Messages past which it dies; 0: no limit.
    pub max_mailbox: usize,
    /// Bytes of its heap at the end of its last slice.
    pub heap_bytes: usize,
    /// Reductions it had used by then.
    pub reductions: u64,
}

/// A process as its runner has it.
pub struct Process {
    /// The slot others know.
    pub slot: Arc<Slot>,
    /// Its virtual machine.
    pub vm: Vm,
    /// Messages in the order of arrival, each with the number it got then: a search that is interrupted goes on by it.
    pub mailbox: VecDeque<(u64, Message)>,
    /// Number of the next message.
    pub next_number: u64,
    /// Options it set for itself.
    pub options: OwnOptions,
    /// Reductions used so far.
    pub reductions: u64,
    /// How it is ending, if it is.
    pub ending: Option<exit::Ending>,
    /// The request of the native that it waits in, to be looked at again when it is woken.
    pub pending: Option<u32>,
    /// Spawned and not yet begun: what it starts from.
    pub birth: Option<Box<Birth>>,
}

/// What a process starts from; it is thawed by whoever runs it first.
pub struct Birth {
    /// Body and arguments.
    pub snapshot: crate::codec::Snapshot,
}

impl Slot {
    /// A slot for a process that is ready.
    pub fn new(pid: Pid, parent: Pid, is_root: bool) -> Arc<Slot> {
        Arc::new(Slot {
            pid,
            is_root,
            parent,
            shared: Mutex::new(Shared {
                status: Status::Ready,
                inbox: VecDeque::new(),
                wait: 0,
                timed_out: false,
                has_timer: false,
                links: Vec::new(),
                watchers: Vec::new(),
                watching: Vec::new(),
                names: Vec::new(),
                messages: 0,
                max_mailbox: 0,
                heap_bytes: 0,
                reductions: 0,
            }),
            telling: Mutex::new(()),
            process: Mutex::new(None),
        })
    }
    /// Locks what is shared.
    pub fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(|e| e.into_inner())
    }
    /// Whether it has not ended. Waits, while it is ending, until all have been told.
    pub fn is_alive(&self) -> bool {
        if self.lock().status != Status::Dead {
            return true;
        }
        drop(self.telling.lock().unwrap_or_else(|e| e.into_inner()));
        false
    }
}

impl Process {
    /// Puts a message at the end of the mailbox.
    pub fn deliver(&mut self, m: Message) {
        self.mailbox.push_back((self.next_number, m));
        self.next_number += 1;
    }
}
