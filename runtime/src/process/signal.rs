//! All that can reach a process.
//!
//! Journey: message and signal. One enum, so that the order between a message and an exit signal of the same sender is
//! the order of one queue, here and, later, between nodes.

use crate::codec::Message;
use rlua_machine::value::Pid;

/// A signal.
#[derive(Clone, Debug)]
pub enum Signal {
    /// A message.
    Message(Message),
    /// A linked process ended (Erlang: exit signal).
    Exit {
        /// Which.
        from: Pid,
        /// Why.
        reason: Message,
    },
    /// A monitored process ended.
    Down {
        /// Which.
        from: Pid,
        /// Why.
        reason: Message,
    },
    /// An error is raised wherever the process is (Ctrl-C at a prompt).
    Interrupt,
    /// Untrappable end.
    Kill {
        /// Why.
        reason: Message,
    },
}

impl Signal {
    /// Whether it wakes a process that waits for messages only.
    pub fn is_message(&self) -> bool {
        matches!(self, Signal::Message(_) | Signal::Down { .. })
    }
}
