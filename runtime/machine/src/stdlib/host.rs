//! What surrounds a machine: standard streams, open files, and the wish to end the program.
//!
//! Journey: value -> outside world. The library functions that touch the world find it here; a frozen process leaves it
//! behind and gets another one.

use super::io::Files;
use crate::vm::{Surroundings, Vm};
use std::any::Any;
use std::sync::Arc;

/// What a native tells whoever runs its process.
pub trait Outside: Send + Sync {
    /// A call of the system begins that may take long: others need this thread's place.
    fn begin_blocking(&self);
    /// It is over. Does not return if the program is over, too.
    fn end_blocking(&self);
    /// Lets the other processes run from now on.
    fn open_gate(&self);
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
    let surroundings: &mut dyn Any = &mut *vm.host;
    surroundings.downcast_mut().expect("the machine was made with a Host")
}

/// Surroundings with the standard streams of this OS process.
pub fn new() -> Box<dyn Surroundings> {
    with(Files::new())
}
/// Surroundings with these files.
pub fn with(files: Files) -> Box<dyn Surroundings> {
    Box::new(Host { outside: None, terminal: None, files, exit: None, close: false })
}

/// Surroundings for a process that this one spawns: the standard streams, no other files.
pub fn child(vm: &mut Vm) -> Box<dyn Surroundings> {
    let parent = host(vm);
    let (files, outside) = (parent.files.child(), parent.outside.clone());
    Box::new(Host { outside, terminal: None, files, exit: None, close: false })
}

/// Does what may block for long, while another thread takes over this one's other duties.
pub fn blocking<T>(vm: &mut Vm, work: impl FnOnce(&mut Host) -> T) -> T {
    let host = host(vm);
    let Some(outside) = host.outside.clone() else { return work(host) };
    outside.begin_blocking();
    // Also when the work panics.
    struct End(Arc<dyn Outside>);
    impl Drop for End {
        fn drop(&mut self) {
            self.0.end_blocking();
        }
    }
    let _end = End(outside);
    work(host)
}

/// Writes out what is buffered.
pub fn flush(vm: &mut Vm) {
    host(vm).flush();
}

/// The status that `os.exit` asked for.
pub fn exit_status(vm: &mut Vm) -> i32 {
    host(vm).exit.unwrap_or(0)
}
