//! A simulated cluster: one script at several nodes, in one thread, under one clock and one seed, with or without what breaks in
//! real ones.
//!
//! Journey: every process's life and remote signal, all of both but threads and sockets. What ships is driven: each node is a whole program with
//! its scheduler (scheduler/turns.rs), its node, sessions with their encryption; between them is a simulated network
//! (node/transport/network.rs). What happens next is decided here: something that has come due, or a slice of a process of some node, which the
//! schedule draws from all that are ready. When nothing is, time jumps.
//!
//! Always: everything follows from the seed (and the decisions that are given): the same run again is the same to the last message.

use crate::concurrent;
use crate::node::chance::Random;
use crate::node::name::NodeName;
use crate::node::transport::network::Network;
use crate::node::{MILLISECOND, SECOND, Time};
use crate::program::{Start, enter_root};
use crate::scheduler::{Config, Exploration, History, Schedule, Scheduler, Shared};
use crate::sync::Mutex;
use rlua_machine::stdlib::io::Files;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What breaks in a run, at most.
const FAULTS: u64 = 6;
/// How long no process has run, and nothing but time has passed at connections, before nothing can happen any more: longer than whatever
/// nodes wait for.
const QUIET: Time = 600 * SECOND;
/// How long the world beyond a socket is waited for before it is looked at again.
const PAUSE: Duration = Duration::from_millis(1);

/// A simulated cluster.
///
/// ```
/// use rlua_runtime::{Cluster, Start};
///
/// let text = b"
///     local c = require 'concurrent'
///     if c.node() ~= 'n1@sim' then return c.receive() end
///     assert(c.isnodealive 'n2@sim' and #c.nodes() >= 1)
///     os.exit(c.isnodealive 'n4@sim' and 1 or 7)
/// ";
/// let script = || rlua_compiler::compile(text, b"=nodes").expect("the program compiles");
/// let cluster = Cluster { nodes: 3, ..Cluster::new(5) };
/// assert_eq!(cluster.run(&mut || Ok(Start { script: Some(script()), ..Start::default() })), Ok(7));
/// ```
#[derive(Clone, Debug)]
pub struct Cluster {
    /// All follows from this number.
    pub seed: u64,
    /// How many nodes there are: `n1@sim`, `n2@sim` and so on.
    pub nodes: usize,
    /// Connections are lost, nodes do not reach each other for a time, and nodes but the first are ended without a word and begin again.
    pub faults: bool,
    /// Decisions that are given, and where what happens is written down.
    pub exploration: Exploration,
    /// Bytes of all heaps and mailboxes of a node together.
    pub max_memory: usize,
}

/// A machine, with a program on it or none.
#[derive(Default)]
struct Host {
    program: Option<Arc<Scheduler>>,
    programs: u64,
}

/// Something that breaks.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The connection of two nodes.
    Lost(usize, usize),
    /// They do not reach each other.
    Parted(usize, usize, Time),
    /// A node is ended, its machine with it or not, and begins again after a time.
    Ended { host: usize, silent: bool, pause: Time },
}

/// From a millisecond to so many doublings of it, each as likely as the others.
fn span(random: &mut Random, doublings: u64) -> Time {
    let most = MILLISECOND << random.below(doublings);
    most + random.below(most)
}
fn name(host: usize) -> String {
    format!("n{}@sim", host + 1)
}

impl Fault {
    /// When what breaks, as a number says.
    fn of(number: u64, nodes: usize) -> (Time, Fault) {
        let mut random = Random(number);
        let at = span(&mut random, 14) - MILLISECOND;
        let a = random.below(nodes as u64) as usize;
        let b = (a + 1 + random.below(nodes as u64 - 1) as usize) % nodes;
        let fault = match random.below(3) {
            0 => Fault::Lost(a, b),
            1 => Fault::Parted(a, b, span(&mut random, 15)),
            // The first one is who checks what the others promise.
            _ => Fault::Ended { host: a.max(b), silent: random.one_in(4), pause: span(&mut random, 13) },
        };
        (at, fault)
    }
}
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let ms = |time: Time| time / MILLISECOND;
        match *self {
            Fault::Lost(a, b) => write!(f, "the connection of {} and {} is lost", name(a), name(b)),
            Fault::Parted(a, b, time) => {
                write!(f, "{} and {} do not reach each other for {} ms", name(a), name(b), ms(time))
            }
            Fault::Ended { host, silent, pause } => {
                let how = if silent { "stops with its machine" } else { "is ended" };
                write!(f, "{} {how}, and begins again in {} ms", name(host), ms(pause))
            }
        }
    }
}

/// A run.
struct Run<'a> {
    plan: Cluster,
    shared: Shared,
    network: Network,
    hosts: Vec<Host>,
    files: Files,
    start: &'a mut dyn FnMut() -> Result<Start, Vec<u8>>,
    /// What breaks, and which hosts begin again, by time.
    faults: BTreeMap<(Time, usize), Fault>,
    begins: BTreeMap<(Time, usize), ()>,
    /// The host whose process has run last, and when.
    last: (usize, Time),
    is_told: bool,
}

impl Cluster {
    /// One of two nodes, in which nothing breaks.
    pub fn new(seed: u64) -> Cluster {
        Cluster { seed, nodes: 2, faults: false, exploration: Exploration::default(), max_memory: usize::MAX }
    }
    /// Runs a script at each node until that of the first ends, or that of another fails; the exit status. `start` says what a node's root
    /// does, for each time that a node begins; `Err`: it has failed. Blocks.
    pub fn run(self, start: &mut dyn FnMut() -> Result<Start, Vec<u8>>) -> Result<i32, Vec<u8>> {
        concurrent::know_libraries();
        let mut schedule = Schedule::new(self.seed, Config::default().slice, self.exploration.given.as_deref());
        let numbers = if self.faults { schedule.faults(FAULTS) } else { Vec::new() };
        let faults = numbers.iter().enumerate().map(|(i, number)| {
            let (at, fault) = Fault::of(*number, self.nodes);
            ((at, i), fault)
        });
        let first = start()?;
        let mut run = Run {
            faults: faults.collect(),
            shared: Shared { now: Arc::new(AtomicU64::new(0)), schedule: Arc::new(Mutex::new(schedule)) },
            network: Network::new(self.nodes, self.seed),
            hosts: (0..self.nodes).map(|_| Host::default()).collect(),
            files: Files::new(first.when_output_closed),
            begins: BTreeMap::new(),
            last: (0, 0),
            is_told: false,
            start,
            plan: self,
        };
        run.begin(0, first);
        for host in 1..run.hosts.len() {
            let start = (run.start)()?;
            run.begin(host, start);
        }
        let result = run.go_on();
        run.end();
        result
    }
}

impl Run<'_> {
    fn now(&self) -> Time {
        self.shared.now.load(Ordering::Relaxed)
    }
    fn tell_history(&self, f: impl FnOnce(&mut History, Time)) {
        if let Some(history) = &self.plan.exploration.history {
            f(&mut history.lock().unwrap_or_else(|e| e.into_inner()), self.now());
        }
    }
    /// A program begins at a host.
    fn begin(&mut self, i: usize, start: Start) {
        let host = &mut self.hosts[i];
        host.programs += 1;
        let seed = Random(self.plan.seed ^ (i as u64) << 48 ^ host.programs << 32).next();
        let exploration = Exploration { given: None, history: self.plan.exploration.history.clone() };
        let config = Config {
            seed: Some(seed),
            exploration: Some(exploration),
            max_memory: self.plan.max_memory,
            ..Config::default()
        };
        let program = Scheduler::in_turns(config, concurrent::find_native, &self.shared, self.network.seat(i));
        self.network.enter(i, &program);
        program.set_files(self.files.child());
        program.in_its_turn(|| enter_root(&program, start, self.files.child()));
        let node = name(i);
        let named = NodeName::parse(&node).expect("it is a node's name");
        if let Some(seat) = &program.seat {
            seat.become_node(&program, named).expect("nobody else has that name");
        }
        self.hosts[i].program = Some(program.clone());
        if let Some(root) = program.root() {
            self.tell_history(|h, at| h.begins_node(at, root, &node));
        }
        self.network.see_to(i, self.now());
    }
    /// The exit status.
    fn go_on(&mut self) -> Result<i32, Vec<u8>> {
        loop {
            if let Some(status) = self.look_for_ends() {
                return Ok(status);
            }
            let now = self.now();
            self.break_what_breaks(now);
            if let Some((&(at, host), _)) = self.begins.first_key_value()
                && at <= now
            {
                self.begins.pop_first();
                let start = (self.start)()?;
                self.begin(host, start);
            }
            if self.do_what_is_due(now) || self.run_one() {
                continue;
            }
            if self.programs().any(|(_, p)| p.waits_for_the_world()) {
                std::thread::sleep(PAUSE);
                self.shared.now.fetch_add(PAUSE.as_nanos() as u64, Ordering::Relaxed);
                continue;
            }
            let timers = self.programs().filter_map(|(_, p)| p.next_timer()).min();
            let breaks = self.faults.keys().chain(self.begins.keys()).map(|(at, _)| *at).min();
            let soon = [timers, breaks].into_iter().flatten().min();
            let next = [soon, self.network.next()].into_iter().flatten().min();
            let is_over = soon.is_none() && next.is_none_or(|at| at > self.last.1 + QUIET);
            match next {
                Some(at) if !is_over => _ = self.shared.now.fetch_max(at, Ordering::Relaxed),
                _ if std::mem::replace(&mut self.is_told, true) => {
                    report!("rlua-actor: nothing can happen any more at any node");
                    return Ok(1);
                }
                _ => {
                    if let Some(first) = &self.hosts[0].program {
                        first.nothing_can_happen();
                    }
                }
            }
        }
    }
    fn programs(&self) -> impl Iterator<Item = (usize, &Arc<Scheduler>)> {
        self.hosts.iter().enumerate().filter_map(|(i, host)| Some((i, host.program.as_ref()?)))
    }
    /// Takes programs away that have ended; the exit status, if that is the end of all.
    fn look_for_ends(&mut self) -> Option<i32> {
        let ended: Vec<(usize, i32)> = self.programs().filter_map(|(i, p)| Some((i, p.status()?))).collect();
        for (i, status) in ended {
            if i == 0 || status != 0 {
                if i > 0 {
                    report!("rlua-actor: the script of {} has failed (exit status {status})", name(i));
                }
                return Some(status);
            }
            if let Some(program) = self.hosts[i].program.take() {
                program.close();
                self.network.see_to(i, self.now());
            }
        }
        None
    }
    fn break_what_breaks(&mut self, now: Time) {
        while let Some(entry) = self.faults.first_entry().filter(|e| e.key().0 <= now) {
            let ((at, number), fault) = entry.remove_entry();
            let mut random = Random(at ^ number as u64);
            if matches!(fault, Fault::Ended { host, .. } if self.hosts[host].program.is_none()) {
                // It is ended already, or its script has returned: then it stays away.
                continue;
            }
            self.tell_history(|h, at| h.happens(at, fault.to_string()));
            match fault {
                Fault::Lost(a, b) => self.network.cut(a, b, &mut random, now),
                Fault::Parted(a, b, time) => self.network.part(a, b, time, now),
                Fault::Ended { host, silent, pause } => {
                    let Some(program) = self.hosts[host].program.take() else { continue };
                    self.network.lose(host, silent, &mut random, now);
                    self.tell_history(|h, at| {
                        program.root().into_iter().for_each(|root| h.ends_node(at, root));
                        h.set_silent(true);
                    });
                    program.close();
                    self.tell_history(|h, _| h.set_silent(false));
                    self.begins.insert((now + pause, host), ());
                }
            }
        }
    }
    /// Does what the network and timers have come due with; whether there was something.
    fn do_what_is_due(&mut self, now: Time) -> bool {
        self.tell_history(|h, _| h.set_arriving(true));
        let hosts = self.network.step(now);
        for host in hosts.iter().flatten() {
            self.network.see_to(*host, now);
        }
        self.tell_history(|h, _| h.set_arriving(false));
        let due: Vec<(usize, Arc<Scheduler>)> = self
            .programs()
            .filter(|(_, p)| p.next_timer().is_some_and(|at| at <= now))
            .map(|(i, p)| (i, p.clone()))
            .collect();
        for (i, program) in &due {
            program.look_at_timers_at(now);
            self.network.see_to(*i, now);
        }
        hosts.is_some() || !due.is_empty()
    }
    /// Runs a slice of a process that is ready at some node; false: none is.
    fn run_one(&mut self) -> bool {
        let n = self.hosts.len();
        let mut ready = Vec::new();
        for i in (0..n).map(|i| (self.last.0 + 1 + i) % n) {
            let keys = self.hosts[i].program.as_ref().map_or(Vec::new(), |p| p.ready());
            ready.extend(keys.into_iter().enumerate().map(|(place, key)| (key, i, place)));
        }
        if ready.is_empty() {
            return false;
        }
        let mut schedule = self.shared.schedule.lock().unwrap_or_else(|e| e.into_inner());
        let (_, i, place) = ready[schedule.pick(ready.len(), |at| ready[at].0)];
        drop(schedule);
        if let Some(program) = self.hosts[i].program.clone() {
            program.run_ready(place);
        }
        self.is_told = false;
        self.last = (i, self.now());
        self.network.see_to(i, self.now());
        true
    }
    /// All programs are over.
    fn end(&mut self) {
        let decisions = self.shared.schedule.lock().unwrap_or_else(|e| e.into_inner()).take_decisions();
        self.tell_history(|h, _| h.set_silent(true));
        for host in &mut self.hosts {
            if let Some(program) = host.program.take() {
                program.close();
            }
        }
        self.tell_history(|h, _| {
            h.set_silent(false);
            h.decisions = decisions;
        });
        self.files.flush_at_end();
    }
}
