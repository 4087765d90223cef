//! A process: a virtual machine, a mailbox, its relations to others, and the slot by which others reach it.
//!
//! Journey: signal: send -> route -> **inbox -> core** -> mailbox -> receive. A [`Process`] is owned by whoever runs it;
//! others only see its [`slot::Slot`]: an identity and an inbox of signals under a lock that is held for a few
//! instructions. What a signal does is decided in two pure state machines: [`inbox`] (queue and state of running, under
//! the lock) and [`core`] (links, monitors, names, waits: the owner's).
//!
//! Always: signals of one sender to one receiver are handled in the order sent; two slots are never locked at the same
//! time.
//!
//! Not here: when it runs (scheduler/), what Lua sees (concurrent/).

pub mod context;
pub mod core;
pub mod exit;
pub mod frozen;
pub mod inbox;
pub mod mailbox;
pub mod options;
pub mod registry;
pub mod signal;
pub mod slot;

use crate::codec;
use crate::node::translate::SpawnRequest;
use rlua_machine::stdlib::host::Host;
use rlua_machine::value::Value;
use rlua_machine::vm::Vm;
use signal::{Info, Status};
use std::collections::VecDeque;

/// A process as its runner has it. All but the machine is in its [`context::Context`], which the machine's natives
/// reach, too.
pub struct Process {
    /// Its virtual machine.
    pub vm: Vm,
    /// The state in which the native that it waits in goes on, if it waits.
    pub waiting: Option<u32>,
    /// Spawned and not yet begun: what it starts from.
    pub birth: Option<Box<Birth>>,
    /// Processes that other nodes want; of the first, what was taken so far of what it will start from.
    pub spawns: VecDeque<SpawnRequest>,
    /// It is of this machine's heap, which nothing changes as long as there is one.
    pub capture: Option<Box<codec::Capture>>,
}

impl Process {
    /// A process that has not run yet.
    pub fn new(host: Box<Host>, context: Box<context::Context>, birth: Option<Box<Birth>>) -> Box<Process> {
        let scheduler = context.scheduler.clone();
        let mut vm = Vm::new(host, scheduler.natives);
        vm.attached.set(context);
        scheduler.config.set_up(&mut vm);
        Box::new(Process { vm, waiting: None, birth, spawns: VecDeque::new(), capture: None })
    }
    /// What is known of it.
    pub fn describe(&mut self, status: Status) -> Info {
        describe(&mut self.vm, status)
    }
    /// Thaws what a process starts from, before its first slice.
    pub fn be_born(&mut self) {
        let Some(birth) = self.birth.take() else { return };
        let (body, arguments) = codec::thaw_snapshot(&birth.snapshot, &mut self.vm);
        let Some(message) = birth.arguments else { return self.vm.start(body, &arguments) };
        match codec::decode_message(&mut self.vm, &message).map(|v| v.as_table()) {
            Ok(Some(t)) => {
                let n = t.get_field(&mut self.vm.heap, b"n").as_integer().unwrap_or(0).clamp(0, 200_000);
                let mut values: Vec<Value> = (1..=n).map(|i| t.get_integer(i)).collect();
                let body = if body.is_nil() && !values.is_empty() { values.remove(0) } else { body };
                self.vm.start(body, &values);
            }
            other => {
                let why = other.err().map_or("they are damaged".to_string(), |e| e.to_string());
                let text = self.vm.heap.string(format!("cannot take the arguments of a spawn: {why}").as_bytes());
                self.begin_with_error(text);
            }
        }
    }
    /// In place of its body it raises an error.
    pub fn begin_with_error(&mut self, error: Value) {
        let raise = rlua_machine::stdlib::find_native("error").expect("the library has it");
        self.vm.start(Value::native(raise), &[error, Value::integer(0)]);
    }
}

/// What is known of the process whose machine this is, and where it is.
pub fn describe(vm: &mut Vm, status: Status) -> Info {
    let (place, function, bytes) = (vm.where_it_is(), vm.function_it_is_in(), vm.heap.bytes());
    Info { place, function, ..context::context(vm).describe(status, bytes) }
}

/// What a process starts from; it is thawed by whoever runs it first.
pub struct Birth {
    /// Body and arguments.
    pub snapshot: codec::Snapshot,
    /// From another node: an array of the arguments, the first of which is the body if that is nil, and their number
    /// as `n`.
    pub arguments: Option<codec::Message>,
}
