//! What a fully connected network costs: frames and bytes, by the number of its nodes.
//!
//! Journey: none. `RLUA_SIM_COST=64` prints the table up to 64 nodes; ARCHITECTURE.md has what follows from it.

use super::super::Online;
use super::{MILLISECOND, Plan, SECOND, Time, World};
use rlua_machine::value::Pid;
use std::sync::Arc;

/// Frames and bytes, and how long it took.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Cost {
    pub frames: u64,
    pub bytes: u64,
    pub time: Time,
}

/// What each step costs a network of so many nodes.
pub struct Costs {
    /// All start at the same time, and know one of them.
    pub forming: Cost,
    /// A name is registered.
    pub name: Cost,
    /// Nobody says anything for a minute.
    pub idle: Cost,
    /// One leaves, and comes back.
    pub joining: Cost,
}

impl World {
    fn spent(&self) -> Cost {
        let (frames, bytes) = self.network.written;
        Cost { frames, bytes, time: self.now() }
    }
    fn since(&self, before: Cost) -> Cost {
        let Cost { frames, bytes, time } = self.spent();
        Cost { frames: frames - before.frames, bytes: bytes - before.bytes, time: time - before.time }
    }
    fn is_whole(&self) -> bool {
        let n = self.hosts.len();
        (0..n).all(|i| self.online(i).is_some_and(|o| o.nodes().len() == n - 1))
    }
    fn run_until_whole(&mut self) {
        while !self.is_whole() {
            assert!(self.now() < 3600 * SECOND, "they find each other in an hour");
            self.run_until(self.now() + 10 * MILLISECOND);
        }
    }
    /// The root of a host does something.
    fn as_root(&mut self, i: usize, f: impl FnOnce(&Arc<Online>, Pid)) {
        let Some(program) = self.hosts[i].program.clone() else { return };
        if let Some(online) = program.online() {
            f(&online, Pid::new(program.runtime, 1));
        }
        self.look_soon(i);
    }
    fn meets_the_first(&mut self, i: usize) {
        let first = self.hosts[0].name.clone();
        self.as_root(i, |online, root| online.ask(first, None, (root, 1)));
    }
}

/// Lets a network of so many nodes form, and do what costs.
pub fn measure(n: usize) -> Costs {
    let (keepalive, delay) = (60 * SECOND, MILLISECOND);
    let mut world =
        World::new(1, Plan { hosts: n, acts: 0, faults: 0, moves: false, connects_all: true, keepalive, delay });
    world.calm = true;
    (0..n).for_each(|i| world.start(i));
    let before = world.spent();
    (1..n).for_each(|i| world.meets_the_first(i));
    world.run_until_whole();
    let forming = world.since(before);
    // Until the last list has been read.
    world.run_until(world.now() + SECOND);
    let before = world.spent();
    world.as_root(n / 2, |online, root| online.register_name(b"name", root, (root, 2)));
    world.run_until(world.now() + SECOND);
    let name = world.since(before);
    world.run_until(world.now() + keepalive);
    let before = world.spent();
    world.run_until(world.now() + keepalive);
    let idle = world.since(before);
    world.leave(n - 1);
    world.run_until(world.now() + 2 * SECOND);
    let before = world.spent();
    world.events.insert((world.now(), u64::MAX), super::Event::Rejoin(n - 1));
    world.run_until(world.now() + MILLISECOND);
    world.meets_the_first(n - 1);
    world.run_until_whole();
    let joining = world.since(before);
    Costs { forming, name, idle, joining }
}
