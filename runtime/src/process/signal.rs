//! All that can reach a process.
//!
//! Journey: message and signal: **send** -> route -> inbox -> core. One enum, so that the order between a message and an
//! exit signal of the same sender is the order of one queue, here and between nodes. Erlang's signals (reference manual,
//! "Processes", section 13) are the model: nobody writes another process's lists, a signal asks the process to do it.
//!
//! Always: signals of one sender to one receiver are handled in the order sent. What was sent to a process that has
//! ended is answered for it ([`Signal::bounce`]).

use super::waits::Waiting;
use crate::codec::Message;
use crate::node::name::NodeName;
use crate::node::translate::SpawnRequest;
use rlua_machine::value::Pid;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A name of a process.
pub type Name = Arc<[u8]>;

/// A signal.
#[derive(Clone, Debug)]
pub enum Signal {
    /// A message.
    Message(Message),
    /// A linked process ended.
    Exit {
        /// Which.
        from: Pid,
        /// Why.
        reason: Message,
        /// It only drops the link: the end was a normal one.
        normal: bool,
    },
    /// The sender has linked itself.
    Link {
        /// Who.
        from: Pid,
    },
    /// The sender has taken the link away, and ignores what comes over it until its acknowledgement has.
    Unlink {
        /// Who.
        from: Pid,
        /// Made by the sender, and named by the acknowledgement.
        id: u64,
    },
    /// An unlink was handled.
    UnlinkAck {
        /// By whom.
        from: Pid,
        /// Which.
        id: u64,
    },
    /// The sender wants to know of the end.
    Monitor {
        /// Who.
        from: Pid,
        /// Made by the sender, and named by [`Signal::Down`].
        id: u64,
    },
    /// The sender does not want to know any more.
    Demonitor {
        /// Who.
        from: Pid,
        /// Which.
        id: u64,
    },
    /// A monitored process ended.
    Down {
        /// Which.
        from: Pid,
        /// The monitor's.
        id: u64,
        /// Why.
        reason: Message,
    },
    /// The answer to a call, which the receiver has made under this number.
    Response {
        /// Who answers.
        from: Pid,
        /// Made by the caller.
        id: u64,
        /// It was called itself, and its caller's monitor of it goes with the answer.
        over: bool,
        /// The call is refused: the value says why.
        refused: bool,
        /// What it answers.
        value: Message,
    },
    /// A name was given to the receiver by another process.
    Named(Name),
    /// A name was taken away from the receiver by another process.
    Unnamed(Name),
    /// Untrappable end.
    Kill {
        /// Why.
        reason: Message,
        /// Who did it is a limit, which is reported.
        limit: bool,
    },
    /// An error is raised wherever the process is (Ctrl-C at a prompt, `interrupt`).
    Interrupt,
    /// Somebody asks something that is answered in the order of signals.
    Ask {
        /// Who.
        from: Pid,
        /// Made by the asker, and named by the reply.
        id: u64,
        /// What.
        question: Question,
    },
    /// How the sender believes to be tied to the receiver, which says so if it is not: said when a process has moved, after all
    /// that it has sent before, for something of it may have been lost.
    Tied {
        /// Who.
        from: Pid,
        /// How.
        bond: Bond,
    },
    /// It has come here by a move, with all that followed it: the other ends of its ties are asked whether they are there.
    Arrived {
        /// Something that it has sent may have been lost.
        torn: bool,
    },
    /// The answer.
    Reply {
        /// To which question.
        id: u64,
        /// What it is.
        answer: Answer,
    },
    /// The time of a wait is over.
    Timeout {
        /// Number of the wait.
        wait: u64,
    },
    /// What is waited for, and is no message, may have come.
    Wake(Wake),
    /// Heap and mailbox have passed `maxheap`: the process is to look whether a collection helps.
    OverLimit,
    /// What happens to the process is to be told another one here, or not any more.
    Trace {
        /// Whom.
        tracer: Pid,
        /// Whether from now on.
        is_on: bool,
    },
    /// Another node wants a process to be made, as if by the receiver, which is the root.
    Spawn(Box<SpawnRequest>),
}

/// How a process is tied to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Bond {
    /// 0: they are linked.
    Link,
    /// 1: it monitors the other, under this id.
    Watches(u64),
    /// 2: the other monitors it, under this id.
    WatchedUnder(u64),
    /// 3: not at all, perhaps: an unlink of the other's may have been lost, or its acknowledgement.
    Torn,
}

/// What one process asks another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Question {
    /// Does it live, once it has handled all that came before?
    Alive,
    /// What is known of it? What it was doing before the question reached it.
    Info(Status),
    /// Will it move to a node? Answered when it goes on there, or here.
    Migrate(NodeName),
    /// Could it move?
    Migratable,
    /// Has what was asked under this number come, and will it be answered? The answer is [`Answer::Lost`] if not, and comes after
    /// the other if it was.
    Again,
}

/// What a process is doing, as others see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Status {
    /// Who asked could not see it.
    #[default]
    Unknown,
    /// It waits for a message, a time, an answer.
    Waiting,
    /// It is in a call of the system.
    Blocked,
    /// A worker runs it.
    Running,
    /// It waits for a worker, or for the gate.
    Ready,
    /// It is on its way to another node, or from one.
    Moving,
}

/// What it answers.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It lives. Who was asked by name is named by it.
    Alive(Pid),
    /// What is known of it.
    Info(Box<Info>),
    /// It has ended, or there is none of this name.
    Dead,
    /// The connection on which the answer was to come is lost, or there was none.
    Lost,
    /// A process was made at another node.
    Spawned(Pid),
    /// It was not: why.
    NotSpawned(Box<[u8]>),
    /// What was asked for is done, or why it is not.
    Done(Result<(), String>),
}

/// What `processinfo` tells.
#[derive(Clone, Debug, Default)]
pub struct Info {
    /// Its first name.
    pub name: Option<Name>,
    /// What it was doing.
    pub status: Status,
    /// `source:line` where it is.
    pub place: Vec<u8>,
    /// The function in which that is, as tracebacks describe it.
    pub function: Vec<u8>,
    /// Messages that wait.
    pub messages: usize,
    /// Linked processes, by age.
    pub links: Vec<Pid>,
    /// Processes that it monitors, by age.
    pub monitors: Vec<Pid>,
    /// Bytes of its heap.
    pub heap_bytes: usize,
    /// Reductions used so far.
    pub reductions: u64,
    /// Who spawned it.
    pub parent: Option<Pid>,
    /// What it waits for.
    pub waits: Waiting,
}

/// What may end a wait; all but the first one are for the root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wake {
    /// A socket that it waits for may be ready.
    Ready,
    /// No other process is left, or `interrupt` was called.
    Loop,
    /// The round of a `step` is over, or something has become ready for the next.
    Step,
    /// Nobody can ever send what all wait for.
    Deadlock,
}

impl Signal {
    /// Whether it becomes a message without more ado: such wake a process that waits for messages only, and neither end
    /// nor change it.
    pub fn is_message(&self) -> bool {
        matches!(self, Signal::Message(_))
    }
    /// Whether it may end the process, so that whether it lives is open until it was handled.
    pub fn may_end(&self) -> bool {
        matches!(self, Signal::Kill { .. } | Signal::Exit { normal: false, .. } | Signal::OverLimit)
    }
    /// Whether the sender is answered, be it by a process that has ended ([`Signal::bounce`]).
    pub fn wants_answer(&self) -> bool {
        matches!(
            self,
            Signal::Link { .. }
                | Signal::Unlink { .. }
                | Signal::Monitor { .. }
                | Signal::Ask { .. }
                | Signal::Tied { .. }
        )
    }
    /// Whether it asks the other end of a tie whether it is there: that waits for no connection, for where there is none the tie
    /// is asked about when there is.
    pub fn asks_end(&self) -> bool {
        matches!(self, Signal::Tied { .. } | Signal::Ask { question: Question::Again, .. })
    }
    /// Bytes that it takes besides itself.
    pub fn size(&self) -> usize {
        match self {
            Signal::Message(m) => m.size(),
            Signal::Exit { reason, .. } | Signal::Down { reason, .. } | Signal::Kill { reason, .. } => reason.size(),
            Signal::Response { value, .. } => value.size(),
            _ => 0,
        }
    }
    /// What a process that does not exist answers: to whom, and what.
    pub fn bounce(self, dead: Pid) -> Option<(Pid, Signal)> {
        self.answer_for(dead, b"noproc", Answer::Dead)
    }
    /// What is answered for a process that cannot be reached.
    pub fn unreachable(self, to: Pid) -> Option<(Pid, Signal)> {
        self.answer_for(to, b"noconnection", Answer::Lost)
    }
    fn answer_for(self, dead: Pid, reason: &[u8], answer: Answer) -> Option<(Pid, Signal)> {
        let noproc = || Message::string(reason);
        match self {
            Signal::Link { from } => Some((from, Signal::Exit { from: dead, reason: noproc(), normal: false })),
            Signal::Unlink { from, id } => Some((from, Signal::UnlinkAck { from: dead, id })),
            Signal::Monitor { from, id } => Some((from, Signal::Down { from: dead, id, reason: noproc() })),
            Signal::Ask { from, id, .. } => Some((from, Signal::Reply { id, answer })),
            Signal::Tied { from, bond } => {
                let answer = match bond {
                    Bond::Link => Signal::Exit { from: dead, reason: noproc(), normal: false },
                    Bond::Watches(id) => Signal::Down { from: dead, id, reason: noproc() },
                    Bond::WatchedUnder(id) => Signal::Demonitor { from: dead, id },
                    Bond::Torn => return None,
                };
                Some((from, answer))
            }
            _ => None,
        }
    }
}
