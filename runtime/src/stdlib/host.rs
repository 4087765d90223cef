//! What surrounds a machine: standard streams, open files, and the wish to end the program.
//!
//! Journey: value -> outside world. The library functions that touch the world find it here; a frozen process leaves it
//! behind and gets another one.

use super::io::Files;
use crate::vm::Vm;
use std::any::Any;

/// The surroundings of one process.
pub struct Host {
    /// Open files; the first three are the standard streams.
    pub files: Files,
    /// The status that `os.exit` asked for.
    pub exit: Option<i32>,
    /// Whether pending variables and finalizers run first (`os.exit(code, true)`).
    pub close: bool,
}

/// The surroundings of a machine.
///
/// # Panics
/// If the machine was made without them.
pub fn host(vm: &mut Vm) -> &mut Host {
    vm.host.downcast_mut().expect("the machine was made with a Host")
}

/// Surroundings with the standard streams of this OS process.
pub fn new() -> Box<dyn Any + Send> {
    Box::new(Host { files: Files::new(), exit: None, close: false })
}

/// Surroundings for a process that this one spawns: the standard streams, no other files.
pub fn child(vm: &mut Vm) -> Box<dyn Any + Send> {
    let files = host(vm).files.child();
    Box::new(Host { files, exit: None, close: false })
}

/// Writes out what is buffered.
pub fn flush(vm: &mut Vm) {
    host(vm).files.flush();
}

/// The status that `os.exit` asked for.
pub fn exit_status(vm: &mut Vm) -> i32 {
    host(vm).exit.unwrap_or(0)
}
