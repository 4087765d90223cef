//! What whoever runs a process does for it, in steps, before it goes on.
//!
//! Journey: signal -> **process**. Signals, errors and limits ask for what may take long: a reason to be made a message, or a
//! value; a copy for a process that another node asks for; a collection. Nothing of the process runs until it is done, so
//! nothing changes what is copied; and there is one at a time, so nothing of that is collected.

use super::Process;
use super::context::reason_text;
use crate::codec::{Capture, Decoding, Encoding, Message, Snapshot};
use crate::node::translate::SpawnRequest;
use rlua_machine::value::Value;
use rlua_machine::vm::{Collection, Vm};

/// Something to be done.
pub enum Chore {
    /// The reason of an uncaught error becomes a message.
    Failed {
        /// The reason.
        error: Value,
        /// Its message.
        encoding: Encoding,
    },
    /// The reason of an exit signal becomes a value.
    Exit {
        /// The reason.
        reason: Message,
        /// Its value.
        decoding: Decoding,
    },
    /// What a process for another node begins with is taken.
    Spawn {
        /// What was asked for.
        request: Box<SpawnRequest>,
        /// What it begins with.
        capture: Box<Capture>,
    },
    /// A process that has more than it may is collected.
    Collect(Collection),
}

/// What a chore has come to.
pub enum Done {
    /// The process ends for this reason, with this value.
    End(Message, Value),
    /// A process can be made.
    Spawn(Box<SpawnRequest>, Snapshot),
    /// What is left is all needed.
    Collected,
}

impl Chore {
    /// Does so many units of work; what is left to be done is given back.
    pub fn step(mut self: Box<Self>, vm: &mut Vm, units: &mut usize) -> Result<Done, Box<Chore>> {
        let snapshot = match &mut *self {
            Chore::Failed { error, encoding } => match encoding.step(vm, units) {
                Ok(Some(reason)) => return Ok(Done::End(reason, *error)),
                Ok(None) => None,
                Err(_) => return Ok(Done::End(reason_text(vm, *error), *error)),
            },
            Chore::Exit { reason, decoding } => match decoding.step(vm, units) {
                Ok(Some(value)) => return Ok(Done::End(reason.clone(), value)),
                Ok(None) => None,
                Err(e) => {
                    let text = vm.heap.string(e.to_string().as_bytes());
                    return Ok(Done::End(reason.clone(), text));
                }
            },
            Chore::Spawn { capture, .. } => capture.step(vm, units),
            Chore::Collect(collection) => match vm.collect_between(collection, units) {
                true => return Ok(Done::Collected),
                false => None,
            },
        };
        let Some(snapshot) = snapshot else { return Err(self) };
        let Chore::Spawn { request, .. } = *self else { unreachable!("nothing else takes a snapshot") };
        Ok(Done::Spawn(request, snapshot))
    }
    /// How many units of its work are a reduction, and how many are done at least.
    pub fn rate(&self) -> (usize, usize) {
        match self {
            Chore::Failed { .. } | Chore::Exit { .. } => MESSAGES,
            Chore::Spawn { .. } | Chore::Collect(_) => OBJECTS,
        }
    }
}

/// Units of a message's work that are a reduction, and that are done in one go at least.
pub const MESSAGES: (usize, usize) = (8, 16 * 1024);
/// As [`MESSAGES`], for objects that are copied for another process, or collected.
pub const OBJECTS: (usize, usize) = (4, 2048);

impl Process {
    /// Whether something has to be done before it runs.
    pub fn is_busy(&self) -> bool {
        self.birth.is_some() || self.chore.is_some()
    }
}
