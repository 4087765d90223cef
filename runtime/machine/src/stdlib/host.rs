//! What surrounds a machine: standard streams, open files, and the wish to end the program.
//!
//! Journey: value -> outside world. The library functions that touch the world find it here; a frozen process leaves it
//! behind and gets another one.

use super::io::Files;
use crate::vm::{Attachable, Surroundings, Vm};
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

/// What a native tells whoever runs its process.
pub trait Outside: Send + Sync {
    /// A call of the system begins that may take long: others need this thread's place.
    /// What hangs on the machine (`Vm::attached`) is given away until the call is over.
    fn begin_blocking(&self, process: Option<Box<dyn Attachable>>);
    /// It is over; what belongs to the process. Does not return if the program is over, or the process was ended
    /// meanwhile: then it unwinds.
    fn end_blocking(&self) -> Option<Box<dyn Attachable>>;
    /// Lets the other processes run from now on.
    fn open_gate(&self);
    /// Time since 1970.
    fn since_1970(&self) -> Duration;
    /// Random bits.
    fn random(&self) -> u64;
    /// Time since the program began, if time is virtual: the same in each run.
    fn virtual_time(&self) -> Option<Duration>;
}

/// The surroundings of one process.
pub struct Host {
    /// Who runs it, if somebody is to be told.
    pub outside: Option<Arc<dyn Outside>>,
    /// The terminal of an interactive program.
    pub terminal: Option<Box<dyn super::standalone::Terminal>>,
    /// Open files; the first three are the standard streams.
    pub files: Files,
    /// The status that `os.exit` asked for.
    pub exit: Option<i32>,
    /// Whether pending variables and finalizers run first (`os.exit(code, true)`).
    pub close: bool,
}

impl Surroundings for Host {
    fn flush(&mut self) {
        self.files.flush();
    }
}

/// The surroundings of a machine.
///
/// # Panics
/// If the machine was made without them.
pub fn host(vm: &mut Vm) -> &mut Host {
    let surroundings: &mut dyn Any = vm.surroundings();
    surroundings.downcast_mut().expect("the machine was made with a Host")
}

/// Surroundings with the standard streams of this OS process.
pub fn new() -> Box<dyn Surroundings> {
    with(Files::new(None))
}
/// Surroundings with these files.
pub fn with(files: Files) -> Box<Host> {
    Box::new(Host { outside: None, terminal: None, files, exit: None, close: false })
}

/// Does what may block for long, while another thread takes over this one's other duties.
pub fn blocking<T>(vm: &mut Vm, work: impl FnOnce(&mut Host) -> T) -> T {
    blocking_with_machine(vm, |vm| work(host(vm)))
}
/// The same of what needs the machine, without what hangs on it.
pub fn blocking_with_machine<T>(vm: &mut Vm, work: impl FnOnce(&mut Vm) -> T) -> T {
    let Some(outside) = host(vm).outside.clone() else { return work(vm) };
    outside.begin_blocking(vm.attached.take());
    // Also when the work panics.
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(vm)));
    if let Some(attached) = outside.end_blocking() {
        vm.attached.set(attached);
    }
    result.unwrap_or_else(|thrown| std::panic::resume_unwind(thrown))
}

/// Writes out what is buffered.
pub fn flush(vm: &mut Vm) {
    host(vm).flush();
}

/// The status that `os.exit` asked for.
pub fn exit_status(vm: &mut Vm) -> i32 {
    asked_status(vm).unwrap_or(0)
}
/// As [`exit_status`]; none: nobody has asked.
pub fn asked_status(vm: &mut Vm) -> Option<i32> {
    vm.known_surroundings()?;
    host(vm).exit
}
