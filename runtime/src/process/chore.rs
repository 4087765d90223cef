//! What whoever runs a process does for it, in steps, before it goes on.
//!
//! Journey: signal -> **process**. Signals and errors ask for what may take long: a reason to be made a message, or a value; a
//! copy for a process that another node asks for. Nothing of the process runs until it is done, so nothing changes what
//! is copied, and nothing is collected.

use super::Process;
use super::context::reason_text;
use crate::codec::{Capture, Decoding, Encoding, Message, Snapshot};
use crate::node::translate::SpawnRequest;
use rlua_machine::value::Value;
use rlua_machine::vm::Vm;

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
        capture: Capture,
    },
}

/// What a chore has come to.
pub enum Done {
    /// The process ends for this reason, with this value.
    End(Message, Value),
    /// A process can be made.
    Spawn(Box<SpawnRequest>, Snapshot),
}

impl Chore {
    /// Does so many units of work; what is left to be done is given back.
    pub fn step(self: Box<Self>, vm: &mut Vm, units: &mut usize) -> Result<Done, Box<Chore>> {
        match *self {
            Chore::Failed { error, mut encoding } => match encoding.step(vm, units) {
                Ok(Some(reason)) => Ok(Done::End(reason, error)),
                Ok(None) => Err(Box::new(Chore::Failed { error, encoding })),
                Err(_) => Ok(Done::End(reason_text(vm, error), error)),
            },
            Chore::Exit { reason, mut decoding } => match decoding.step(vm, units) {
                Ok(Some(value)) => Ok(Done::End(reason, value)),
                Ok(None) => Err(Box::new(Chore::Exit { reason, decoding })),
                Err(e) => {
                    let text = vm.heap.string(e.to_string().as_bytes());
                    Ok(Done::End(reason, text))
                }
            },
            Chore::Spawn { request, mut capture } => match capture.step(vm, units) {
                Some(snapshot) => Ok(Done::Spawn(request, snapshot)),
                None => Err(Box::new(Chore::Spawn { request, capture })),
            },
        }
    }
    /// How many units of its work are a reduction, and how many are done at least.
    pub fn rate(&self) -> (usize, usize) {
        match self {
            Chore::Failed { .. } | Chore::Exit { .. } => MESSAGES,
            Chore::Spawn { .. } => OBJECTS,
        }
    }
}

/// Units of a message's work that are a reduction, and that are done in one go at least.
pub const MESSAGES: (usize, usize) = (8, 16 * 1024);
/// As [`MESSAGES`], for objects that are copied for another process.
pub const OBJECTS: (usize, usize) = (4, 2048);

impl Process {
    /// Whether something has to be done before it runs.
    pub fn is_busy(&self) -> bool {
        self.birth.is_some() || self.chore.is_some()
    }
}
