//! How a process ends (spec/processes.md: ends of processes).
//!
//! Journey: exit signal: ending -> links and monitors -> freed. An end has two parts: Lua's (`__close` of all frames,
//! then `__gc` of all objects, within one budget of reductions and of time, which nothing resets) and the node's (names
//! freed, links signalled, monitors told, slot dead), in this order. A kill has only the second.

use super::Process;
use super::context::context;
use crate::codec::Message;
use crate::process::core::Time;
use rlua_machine::value::Value;
use rlua_machine::vm::Vm;

/// Reductions that the handlers that run at an end may use.
pub const END_BUDGET: u64 = 10_000_000;
/// Nanoseconds that they may take.
pub const END_TIME: Time = 5_000_000_000;

/// A process on its way out.
#[derive(Debug)]
pub struct Ending {
    /// What the others will be told.
    pub reason: Message,
    /// Whether links are signalled.
    pub abnormal: bool,
    /// Which part is under way.
    pub stage: Stage,
    /// Reductions left.
    pub budget: u64,
    /// When its time is over.
    pub deadline: Time,
}

/// The part of an end that is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// The body returns, and `__close` handlers of its variables run: it is not decided yet how it ends.
    Return,
    /// `__close` handlers of the frames that are left.
    Close,
    /// `__gc` of all objects.
    Finalize,
}

impl Process {
    /// Begins an end in which Lua runs; false if there is nothing to run. With `unwind`, frames are left, whose
    /// variables are to be closed first. A second end (an `exit` in a handler) takes over what the first one has left
    /// of its budget, and its stage.
    pub fn begin_end(&mut self, reason: Message, abnormal: bool, unwind: Option<Value>) -> bool {
        self.waiting = None;
        let cx = context(&mut self.vm);
        cx.end_wait();
        cx.core.ending = true;
        let now = cx.scheduler.clock.now();
        let left = cx.ending.as_ref().map(|e| (e.budget, e.deadline, e.stage));
        let stage = if unwind.is_some() { Stage::Close } else { Stage::Finalize };
        let (budget, deadline, before) = left.unwrap_or((END_BUDGET, now + END_TIME, stage));
        let before = if before == Stage::Return { stage } else { before };
        cx.ending = Some(Box::new(Ending { reason, abnormal, stage: before, budget, deadline }));
        match unwind {
            Some(value) => {
                self.vm.begin_exit(value);
                true
            }
            None => self.begin_finalizers(),
        }
    }
    /// Notices that the body is returning, so that what closes its variables counts as part of the end.
    pub fn notice_return(&mut self) {
        notice_return(&mut self.vm);
    }
    /// Sets up the call that runs all finalizers; false if there are none.
    pub fn begin_finalizers(&mut self) -> bool {
        if let Some(e) = &mut context(&mut self.vm).ending {
            e.stage = Stage::Finalize;
        }
        self.vm.start_finalizers(&rlua_machine::stdlib::base::RUN_FINALIZERS)
    }
}

/// As [`Process::notice_return`]; whether it is.
#[inline]
pub fn notice_return(vm: &mut Vm) -> bool {
    if context(vm).ending.is_some() || !vm.main_returns() {
        return false;
    }
    begin_return(vm);
    true
}
#[cold]
fn begin_return(vm: &mut Vm) {
    let cx = context(vm);
    cx.core.ending = true;
    let deadline = cx.scheduler.clock.now() + END_TIME;
    let reason = Message::string(b"normal");
    let ending = Ending { reason, abnormal: false, stage: Stage::Return, budget: END_BUDGET, deadline };
    cx.ending = Some(Box::new(ending));
}
