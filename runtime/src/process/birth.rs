//! How a process begins: what it starts from becomes its own.
//!
//! Journey: a process's life: spawn -> snapshot -> ready -> **slice**. Until a worker comes to it there is no more of it than its
//! slot and this. Whoever runs it first makes the rest, in steps: a process that begins with much holds up nobody, and can be
//! killed on the way.

use super::Process;
use super::context::Context;
use super::slot::Slot;
use super::trace::Tracing;
use crate::codec::{Decoding, Message, Snapshot, Thawing, decode_message};
use crate::scheduler::Scheduler;
use crate::socket::handover::{self, Handed};
use rlua_machine::value::Value;
use rlua_machine::vm::Vm;
use std::sync::Arc;

/// Most arguments that come from another node.
const MOST_ARGUMENTS: i64 = 200_000;

/// What a process starts from.
pub struct Birth {
    stage: Stage,
    /// From another node: an array of the arguments, the first of which is the body if that is nil; their number as `n`;
    /// perhaps globals that the body names, as `globals`.
    arguments: Option<Message>,
    /// Sockets among the arguments of its spawn.
    sockets: Vec<Handed>,
    /// Its spawner is linked with it.
    pub is_linked: bool,
    /// Under which number its spawner monitors it, if it does.
    pub watched_under: Option<u64>,
    /// What happens to it is told in lines.
    pub is_told_in_lines: bool,
}

enum Stage {
    Thawing(Thawing),
    /// The body is there, and the arguments that come from another node are on the way.
    Decoding(Value, Box<Decoding>),
}

impl Birth {
    /// From a snapshot of its body and arguments, and sockets that are to be among these.
    pub fn new(snapshot: Snapshot, sockets: Vec<Handed>) -> Box<Birth> {
        let stage = Stage::Thawing(Thawing::new(snapshot));
        Box::new(Birth {
            stage,
            arguments: None,
            sockets,
            is_linked: false,
            watched_under: None,
            is_told_in_lines: false,
        })
    }
    /// From a snapshot of its body, or nil, and arguments from another node.
    pub fn with_arguments(snapshot: Snapshot, arguments: Message) -> Box<Birth> {
        Box::new(Birth { arguments: Some(arguments), ..*Birth::new(snapshot, Vec::new()) })
    }
    /// The process whose slot this is, as it begins. That is put off until a worker comes to it: what is spawned before it runs
    /// takes little, and what it is made of is allocated, and mostly freed, by the thread that runs it.
    pub fn begin(self: Box<Self>, scheduler: &Arc<Scheduler>, slot: &Arc<Slot>) -> Box<Process> {
        let mut cx = Context::new(scheduler.clone(), slot.clone());
        if self.is_linked {
            cx.core.linked_parent(slot.parent);
        }
        if let Some(id) = self.watched_under {
            cx.core.monitored_by_parent(slot.parent, id);
        }
        if self.is_told_in_lines {
            cx.set_tracing(Tracing { lines: true, ..Tracing::default() });
        }
        Process::new(None, cx, Some(self))
    }
    /// Frees about so many objects of one that will not go on; true if none is left.
    pub fn release(&mut self, most: usize) -> bool {
        match &mut self.stage {
            Stage::Thawing(t) => t.release(most),
            Stage::Decoding(..) => true,
        }
    }
    /// Does so many units of work; true if the machine is ready to run.
    fn step(&mut self, vm: &mut Vm, units: &mut usize) -> bool {
        if let Stage::Thawing(thawing) = &mut self.stage {
            let Some((body, mut arguments)) = thawing.step(vm, units) else { return false };
            let Some(message) = &self.arguments else {
                if !self.sockets.is_empty() {
                    handover::enter(vm, std::mem::take(&mut self.sockets), &mut arguments);
                }
                vm.start(body, &arguments);
                return true;
            };
            match Decoding::new(message) {
                Some(decoding) => self.stage = Stage::Decoding(body, Box::new(decoding)),
                None => {
                    let v = decode_message(vm, message).map_err(|e| e.to_string());
                    start(vm, body, v);
                    return true;
                }
            }
        }
        let Stage::Decoding(body, decoding) = &mut self.stage else { unreachable!("the snapshot is thawed") };
        let done = match decoding.step(vm, units) {
            Ok(None) => return false,
            Ok(Some(v)) => Ok(v),
            Err(e) => Err(e.to_string()),
        };
        start(vm, *body, done);
        true
    }
}

impl Process {
    /// Frees so many objects of one that has ended; true if none is left.
    pub fn release(&mut self, most: usize) -> bool {
        self.birth.as_mut().is_none_or(|b| b.release(most)) && self.vm.release(most)
    }
    /// Goes on being born, for so many units of work; true if it is.
    pub fn be_born(&mut self, units: &mut usize) -> bool {
        let Some(birth) = &mut self.birth else { return true };
        let is_born = birth.step(&mut self.vm, units);
        if is_born {
            self.birth = None;
        }
        is_born
    }
}

/// Starts a body with arguments from another node, or with the error that there are none.
fn start(vm: &mut Vm, body: Value, arguments: Result<Value, String>) {
    match arguments.map(Value::as_table) {
        Ok(Some(t)) => {
            let n = t.get_field(&mut vm.heap, b"n").as_integer().unwrap_or(0).clamp(0, MOST_ARGUMENTS);
            let mut values: Vec<Value> = (1..=n).map(|i| t.get_integer(i)).collect();
            let body = if body.is_nil() && !values.is_empty() { values.remove(0) } else { body };
            // What its code names, where it was written, counts before what this node's main script has made of it.
            let brought = t.get_field(&mut vm.heap, b"globals").as_table();
            let globals = vm.globals();
            for (name, v) in brought.iter().flat_map(|t| t.entries()) {
                if name.is_string() {
                    globals.set(&mut vm.heap, name, v).expect("a string is a key");
                }
            }
            vm.start(body, &values);
        }
        other => {
            let why = other.err().unwrap_or_else(|| "they are damaged".to_string());
            let text = vm.heap.string(format!("cannot take the arguments of a spawn: {why}").as_bytes());
            start_with_error(vm, text);
        }
    }
}
/// In place of its body a process raises an error.
pub fn start_with_error(vm: &mut Vm, error: Value) {
    let raise = rlua_machine::stdlib::find_native("error").expect("the library has it");
    vm.start(Value::native(raise), &[error, Value::integer(0)]);
}
