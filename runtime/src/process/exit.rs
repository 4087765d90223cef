//! How a process ends (spec/processes.md: ends of processes).
//!
//! Journey: exit signal: ending -> links and monitors -> freed. An end has two parts: Lua's (`__close` of all frames,
//! then `__gc` of all objects, within a budget of reductions) and the node's (names freed, links signalled, monitors
//! told, slot dead), in this order. A kill has only the second.

use super::Process;
use crate::codec::Message;
use rlua_machine::value::Value;

/// Reductions that the handlers that run at an end may use.
pub const END_BUDGET: u64 = 10_000_000;

/// A process on its way out.
pub struct Ending {
    /// What the others will be told.
    pub reason: Message,
    /// Whether links are signalled.
    pub abnormal: bool,
    /// Which part is under way.
    pub stage: Stage,
    /// Reductions left.
    pub budget: u64,
}

/// The part of an end that is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// `__close` handlers of the frames that are left.
    Close,
    /// `__gc` of all objects.
    Finalize,
}

impl Process {
    /// Encodes an exit reason; what cannot be sent becomes its text.
    pub fn encode_reason(&mut self, reason: Value) -> Message {
        match crate::codec::encode_message(&self.vm, reason) {
            Ok(m) => m,
            Err(_) => {
                let text = rlua_machine::stdlib::string::basic_text(&mut self.vm, reason);
                Message::string(&text)
            }
        }
    }
    /// Begins an end in which Lua runs; false if there is nothing to run. With `unwind`, frames are left, whose
    /// variables are to be closed first.
    pub fn begin_end(&mut self, reason: Message, abnormal: bool, unwind: Option<Value>) -> bool {
        self.pending = None;
        let stage = if unwind.is_some() { Stage::Close } else { Stage::Finalize };
        self.ending = Some(Ending { reason, abnormal, stage, budget: END_BUDGET });
        match unwind {
            Some(value) => {
                self.vm.begin_exit(value);
                true
            }
            None => self.begin_finalizers(),
        }
    }
    /// Sets up the call that runs all finalizers; false if there are none.
    pub fn begin_finalizers(&mut self) -> bool {
        if let Some(e) = &mut self.ending {
            e.stage = Stage::Finalize;
        }
        self.vm.start_finalizers(&rlua_machine::stdlib::base::RUN_FINALIZERS)
    }
}
