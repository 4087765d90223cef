//! Moves that other processes want: `concurrent.migrate(process, node)`.
//!
//! Journey: signal: ask -> route -> **order** -> a stopped process -> another node. A process that is asked to move goes on
//! until the node is connected and it has come to a point at which it can be written down; whoever asked is answered when it
//! goes on there, or here.
//!
//! Always: one order at a time, and it is answered once: by the process, wherever it is, or for it when it has ended.

use super::context::Context;
use super::core::{Effect, Time};
use super::inbox::RunState;
use super::signal::{Answer, Signal};
use crate::node::hello::is_visitor;
use crate::node::name::NodeName;
use crate::scheduler::timer::Due;
use rlua_machine::value::Pid;

/// How long a call of the system may hold up a move.
const CALL_TIME: Time = 1_000_000_000;
/// How long after that it may take until the process is on its way.
const BEGIN_TIME: Time = 10_000_000_000;

/// Why a process does not move whose call of the system takes long.
pub const IN_CALL: &str = "it is in a call of the system";
/// Why a process does not whose program lets none run.
pub const NOT_BORN: &str = "it has not begun: the main script has not called loop, receive or sleep";
/// Why one does not that runs its last handlers.
pub const IS_ENDING: &str = "it is ending";
/// Why one does not that a visitor has spawned, which is connected with this node alone.
pub const SERVES_VISITOR: &str = "it serves a visitor (attach, ps, drain) of this node";
/// Why the root does not.
pub const IS_ROOT: &str = "the main script's process stays where its program is";

/// A move that another process wants.
#[derive(Debug)]
pub struct Order {
    /// Its own number: of the question whether the node is connected, and of its timer.
    pub id: u64,
    /// Where to.
    pub node: NodeName,
    /// Who wants it, and the number of the question.
    pub asker: (Pid, u64),
    /// The node is connected.
    pub is_connected: bool,
    /// The first of its times is over.
    is_late: bool,
}

impl Order {
    /// The process stays; why.
    pub fn refused(self, why: String) -> Effect {
        let (to, answer) = answered(self.asker, Err(why));
        Effect::Route(to, answer)
    }
    /// The process goes on there.
    pub fn done(asker: (Pid, u64)) -> Effect {
        let (to, answer) = answered(asker, Ok(()));
        Effect::Route(to, answer)
    }
}
fn answered((to, id): (Pid, u64), result: Result<(), String>) -> (Pid, Signal) {
    (to, Signal::Reply { id, answer: Answer::Done(result) })
}

impl Context {
    /// Another process wants this one to move.
    pub fn take_order(&mut self, asker: (Pid, u64), node: NodeName) {
        let online = self.scheduler.node.online();
        let hindrance = self.hindrance().or(self.core.ending.then_some(IS_ENDING));
        let why = if let Some(why) = hindrance {
            why.to_string()
        } else if self.core.order.is_some() {
            "it is moving already".to_string()
        } else {
            match online {
                None => "its runtime is not a node".to_string(),
                Some(online) if online.name == node => format!("the process is at {node} already"),
                Some(online) => {
                    let id = self.core.next_id();
                    let order = Order { id, node: node.clone(), asker, is_connected: false, is_late: false };
                    self.core.order = Some(Box::new(order));
                    self.set_order_timer(id, CALL_TIME);
                    return online.ask(node, None, (self.pid(), id));
                }
            }
        };
        let (to, answer) = answered(asker, Err(why));
        self.scheduler.route(to, answer);
    }
    /// What it is that never moves, if it is that.
    pub fn hindrance(&self) -> Option<&'static str> {
        if self.slot.is_root {
            Some(IS_ROOT)
        } else if is_visitor(self.slot.parent.runtime().id()) {
            Some(SERVES_VISITOR)
        } else {
            self.ending.is_some().then_some(IS_ENDING)
        }
    }
    fn set_order_timer(&self, id: u64, time: Time) {
        let due = Due { pid: self.pid(), wait: id };
        self.scheduler.set_timer(self.scheduler.clock.now() + time, due);
    }
    /// A time of the order is over.
    pub fn order_is_late(&mut self) {
        let in_call = matches!(self.slot.lock().inbox.state(), RunState::Blocked | RunState::BlockedQueued);
        let Some(order) = &mut self.core.order else { return };
        if in_call {
            self.refuse_order(IN_CALL.to_string());
        } else if order.is_late {
            let why = match order.is_connected {
                false => format!("no connection to {}: it takes too long", order.node),
                true => "it waits for an answer of its own node".to_string(),
            };
            self.refuse_order(why);
        } else {
            order.is_late = true;
            let id = order.id;
            self.set_order_timer(id, BEGIN_TIME);
        }
    }
    /// The process stays where it is, if it was to move; why.
    pub fn refuse_order(&mut self, why: String) {
        if let Some(order) = self.core.order.take() {
            let (to, answer) = answered(order.asker, Err(why));
            self.scheduler.route(to, answer);
        }
    }
    /// Whether another process wants it to move, and it can be sent.
    pub fn is_ordered(&self) -> bool {
        self.core.order.as_ref().is_some_and(|o| o.is_connected)
    }
    /// Whether all that is under way would go along.
    pub fn is_at_rest(&self) -> bool {
        let asks_own_node = self.asked().is_some_and(|(_, whom)| whom == self.pid());
        // What answers a question that was given up is nobody's.
        let is_told = self.asked().is_some_and(|(id, _)| self.core.is_answered(id));
        let is_called = !self.urgent.is_empty() || self.has_unhandled() || self.leaving.is_some();
        !(asks_own_node || is_told || is_called)
    }
}
