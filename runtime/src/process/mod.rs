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

pub mod account;
pub mod again;
pub mod birth;
pub mod chore;
pub mod context;
pub mod core;
pub mod exit;
pub mod few;
pub mod frozen;
pub mod inbox;
pub mod mailbox;
pub mod options;
pub mod order;
pub mod registry;
pub mod seldom;
pub mod signal;
pub mod slot;
pub mod trace;
pub mod waits;

use birth::Birth;
use chore::Chore;
use rlua_machine::stdlib::host::Host;
use rlua_machine::vm::{Surroundings, Vm};
use signal::{Info, Status};

/// A process as its runner has it. All but the machine is in its [`context::Context`], which the machine's natives
/// reach, too.
// In this order, what each slice touches lies together.
#[repr(C)]
pub struct Process {
    /// The state in which the native that it waits in goes on, if it waits.
    pub waiting: Option<u32>,
    /// Spawned and not yet born: what it starts from.
    pub birth: Option<Box<Birth>>,
    /// What is to be done before it goes on.
    pub chore: Option<Box<Chore>>,
    /// Its virtual machine.
    pub vm: Vm,
}

const _: () = assert!(size_of::<Process>() <= 448, "an idle process is small");

impl Process {
    /// A process that has not run yet.
    pub fn new(host: Option<Box<Host>>, context: Box<context::Context>, birth: Option<Box<Birth>>) -> Box<Process> {
        let natives = context.scheduler.natives;
        let has_roots = host.is_some() && birth.is_none();
        let surroundings = host.map(|host| host as Box<dyn Surroundings>);
        let vm = Vm::bare(surroundings, natives);
        let mut p = Box::write(Box::new_uninit(), Process { vm, waiting: None, birth, chore: None });
        p.vm.begin();
        if has_roots {
            p.vm.make_roots();
        }
        context.scheduler.config.set_up(&mut p.vm);
        p.vm.attached.set(context);
        p
    }
    /// It runs soon: what a slice begins with is brought from memory meanwhile.
    #[inline]
    pub fn look_ahead(&self) {
        rlua_machine::heap::look_ahead(self, 4);
    }
    /// What is known of it.
    pub fn describe(&mut self, status: Status) -> Info {
        Info { waits: self.waits(), ..describe(&mut self.vm, status) }
    }
}

/// What is known of the process whose machine this is, and where it is.
pub fn describe(vm: &mut Vm, status: Status) -> Info {
    let (place, function, bytes) = (vm.where_it_is(), vm.function_it_is_in(), vm.heap.bytes());
    Info { place, function, ..context::context(vm).describe(status, bytes) }
}
