//! Sockets among the arguments of a spawn: they go to the new process.
//!
//! Journey: spawn -> **the child's heap**. A file cannot be an argument, but `concurrent.spawn(serve, client)` is what every
//! server wants. A connection is handed over, as `controlling_process` does in Erlang: for the spawner it is closed. A socket
//! that listens is shared: several processes may accept, and the port is free when the last of them has closed it. (Sharing
//! all would leave a connection open until its spawner's garbage is collected, and its peer would wait for the end.)
//!
//! Not here: what stands in the child for sockets that it reaches by other ways (codec/snapshot).

use super::class::{self, Class};
use super::failure::words;
use super::open::{CLOSED, Socket};
use crate::process::context::context;
use rlua_machine::value::{Ref, Userdata, Value};
use rlua_machine::vm::Vm;

/// A socket for a process that is about to be born.
pub struct Handed {
    socket: Box<Socket>,
    class: Class,
    /// Which arguments it is, from 0.
    places: Vec<usize>,
}

/// What stands for an argument in a snapshot.
pub fn without_socket(vm: &mut Vm, v: Value) -> Value {
    match Class::of(v) {
        Some((u, _)) if context(vm).has_socket(u.resource.get()) => Value::NIL,
        _ => v,
    }
}

/// Takes the sockets among the registers from `first` on, which are arguments. `Err`: why one cannot be shared; then all stay.
pub fn take(vm: &mut Vm, first: usize) -> Result<Vec<Handed>, String> {
    struct Found {
        u: Ref<Userdata>,
        class: Class,
        places: Vec<usize>,
        /// It is there twice from now on.
        shared: Option<Box<Socket>>,
    }
    let mut all: Vec<Found> = Vec::new();
    for i in first..vm.count() {
        let Some((u, class)) = Class::of(vm.arg(i)) else { continue };
        let place = i - first;
        if let Some(known) = all.iter_mut().find(|f| f.u == u) {
            known.places.push(place);
        } else if let Some(socket) = context(vm).sockets().get(u.resource.get()) {
            let shared = match class {
                Class::SERVER => Some(Box::new(socket.share().map_err(|e| words(&e))?)),
                _ => None,
            };
            all.push(Found { u, class, places: vec![place], shared });
        }
    }
    let handed = all.into_iter().filter_map(|f| {
        let socket = f.shared.or_else(|| context(vm).sockets().take(f.u.resource.replace(CLOSED)))?;
        Some(Handed { socket, class: f.class, places: f.places })
    });
    Ok(handed.collect())
}

/// Puts them among the arguments of the process whose machine this is.
pub fn enter(vm: &mut Vm, handed: Vec<Handed>, arguments: &mut [Value]) {
    for Handed { socket, class, places } in handed {
        let v = class::make(vm, socket, class);
        for place in places {
            arguments[place] = v;
        }
    }
}
