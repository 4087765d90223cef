//! The node of a program: its state machines with sockets, a clock and tasks round them.
//!
//! Journey: remote signal: route -> **session** -> socket, and socket -> **session** -> route. Connections are tasks of the
//! scheduler (scheduler/tasks.rs), so that what a packet brings runs on the thread that has read it. What is decided is
//! decided in connections.rs, handshake.rs and session.rs.
//!
//! The parts: connections (which there are), link (one of them), dial (from a name to a connection), listen (becoming a node), mapper (the port
//! mapper's sockets), cookie (the cookie's file), surroundings (what it takes of its program), network (a simulated one in place of
//! sockets, for a cluster that is explored).
//!
//! Always: one order of locks: control, delivery of one connection, names, moves, then either its inner lock, or the node's table
//! and then an inner lock; that of monitors of nodes is last, and slots come after the delivery lock and that of names. A connection that is down holds up nobody who does not use it.

mod arrival;
mod bonds;
mod connections;
mod cookie;
mod departure;
mod dial;
mod handover;
mod link;
mod listen;
pub mod mapper;
mod moves;
mod names;
pub(crate) mod network;
mod passing;
mod past;
mod paths;
mod settling;
#[cfg(test)]
mod simulation;
mod standalone;
mod surroundings;
mod unsent;

pub(crate) use network::Seat;
pub use standalone::{list_port_mapper, run_port_mapper};
pub use surroundings::Surroundings;

use super::Time;
use super::complaints::Complaints;
use super::connections::{Connection, Connections};
use super::cookie::Key;
use super::held::TooMany;
use super::hello::{Hello, Refusal};
use super::name::NodeName;
use super::outgoing::Refused;
use super::session::Sent;
use super::signal::{Answer as WireAnswer, Hash, Signal as Wire, Target};
use super::translate::{self, Incoming, Outgoing};
use super::watchers::Watchers;
use crate::codec::{DecodeError, Message, ModuleSource};
use crate::process::signal::{Answer, Question, Signal};
use crate::sync::Mutex;
use link::{Link, Stage};
use rlua_machine::value::{Pid, Runtime};
use rlua_machine::vm::load::{Literals, Module};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::task::Waker;
use unsent::Waiting;

/// Modules that came from others and are kept.
const CODE_MAX: usize = 4096;

/// What becomes of a signal for a process elsewhere.
#[derive(Debug)]
pub enum Sending {
    /// It is on its way.
    Sent,
    /// The sender is to wait for the answer to its question.
    Wait,
    /// It cannot be sent.
    Failed(String),
}

/// What has become of a signal that was to go to where its receiver was born.
enum Straight {
    /// It was queued; or it is refused, or the session has ended.
    Queued(Option<Result<Sent, Refused>>),
    /// It waits for a connection.
    Waits,
    /// There is no connection, and none to be had.
    NoWay,
}

/// The node of a program, if it has become one.
#[derive(Default)]
pub struct Node {
    online: RwLock<Option<Arc<Online>>>,
    /// An `init` is under way.
    starting: AtomicBool,
    settings: Mutex<Settings>,
    /// What the last node has left.
    past: Mutex<past::Past>,
}

/// What is set before a program becomes a node.
#[derive(Default, Clone, Debug)]
pub struct Settings {
    /// The cookie, if it was given.
    pub cookie: Option<Vec<u8>>,
    /// Where it lies, if not at the default place.
    pub cookie_file: Option<std::path::PathBuf>,
    /// Addresses of hosts, before any other way of finding them.
    pub hosts: Vec<(String, std::net::IpAddr)>,
    /// The address to listen on, if not that of the name's host.
    pub listen: Option<std::net::IpAddr>,
}

impl Settings {
    /// The key of the cookie. Blocks for as long as its file takes, and longer for one that somebody has thought of.
    pub fn key(&self) -> Result<Key, String> {
        let secret = match &self.cookie {
            Some(cookie) => cookie.clone(),
            None => cookie::read(self.cookie_file.as_deref())?,
        };
        if super::cookie::is_short(&secret) {
            report!("rlua-actor: the cookie has fewer than 16 bytes: it can be guessed");
        }
        super::cookie::key(&secret).map_err(|e| e.to_string())
    }
}

/// A node.
pub struct Online {
    program: Box<dyn Surroundings>,
    /// Its name.
    pub name: NodeName,
    hello: Hello,
    /// Of the cookie, for connections that are made from now on.
    key: RwLock<Key>,
    settings: Settings,
    /// Held while a decision about connections is made and carried out.
    control: Mutex<Connections>,
    /// Names, if they are those of all connected nodes.
    global: Mutex<Option<names::Global>>,
    /// Processes that move or have moved.
    moves: Mutex<moves::Moves>,
    /// There are such.
    any_moved: AtomicBool,
    /// When this node has dialled last, or a connection has come up.
    met_at: AtomicU64,
    table: Mutex<Table>,
    /// Code that has come from others, by hash, oldest first.
    code: Mutex<Code>,
    /// Of connections that have come to nothing.
    complaints: Mutex<Complaints>,
    /// Who monitors nodes.
    watchers: Mutex<Watchers>,
    over: AtomicBool,
    /// Wakes the task that looks after connections and deadlines.
    wakers: Mutex<Vec<Waker>>,
    /// When that looks by itself.
    looks_at: AtomicU64,
    /// Wakes the tasks that wait for the node's end, besides their own business.
    enders: Mutex<Vec<Waker>>,
}

/// Modules by hash, and the hashes by age.
#[derive(Default)]
struct Code {
    modules: HashMap<Hash, Arc<Module>>,
    ages: VecDeque<Hash>,
}

#[derive(Default)]
struct Table {
    links: HashMap<Connection, Arc<Link>>,
    by_name: HashMap<NodeName, Arc<Link>>,
    by_runtime: HashMap<Runtime, Arc<Link>>,
    homes: HashMap<Runtime, NodeName>,
    waiting: HashMap<NodeName, Vec<Waiting>>,
    /// Nodes with which somebody wants to be connected.
    wanted: Vec<NodeName>,
    /// Nodes that others are connected with.
    listed: Vec<NodeName>,
    /// Nobody waits any more.
    closed: bool,
}

impl Node {
    /// What the node is, if this program is one.
    pub fn online(&self) -> Option<Arc<Online>> {
        self.online.read().unwrap_or_else(|e| e.into_inner()).clone()
    }
    /// Its settings.
    pub fn settings(&self) -> crate::sync::MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(|e| e.into_inner())
    }
    /// Writes what the slice that is over has sent.
    #[inline]
    pub fn slice_is_over(&self) {
        link::write_marked();
    }
    /// The end of the program: the others are told, and nothing is waited for.
    pub fn close(&self) {
        // Who is told of the end may be a process that has moved here: it is known at every moment that it is.
        let mut past = self.past.lock().unwrap_or_else(|e| e.into_inner());
        let online = self.online.write().unwrap_or_else(|e| e.into_inner()).take();
        if let Some(online) = online {
            *past = past::Past::of_leaving(online.clone());
            drop(past);
            online.close();
            *self.past.lock().unwrap_or_else(|e| e.into_inner()) = online.past();
        }
    }
}

impl Online {
    /// A node that is connected with nobody.
    fn new(program: Box<dyn Surroundings>, hello: Hello, key: Key, settings: Settings) -> Arc<Online> {
        Arc::new(Online {
            program,
            name: hello.name.clone(),
            key: RwLock::new(key),
            settings,
            control: Mutex::new(Connections::new(hello.clone())),
            global: Mutex::new(hello.connects_all().then(|| names::Global::new(hello.name.clone()))),
            hello,
            moves: Mutex::default(),
            any_moved: AtomicBool::new(false),
            met_at: AtomicU64::new(0),
            table: Mutex::default(),
            code: Mutex::default(),
            complaints: Mutex::default(),
            watchers: Mutex::default(),
            over: AtomicBool::new(false),
            wakers: Mutex::default(),
            looks_at: AtomicU64::new(Time::MAX),
            enders: Mutex::default(),
        })
    }
    fn key(&self) -> Key {
        self.key.read().unwrap_or_else(|e| e.into_inner()).clone()
    }
    /// Takes another cookie's key, for connections that are made from now on.
    pub fn set_key(&self, key: Key) {
        *self.key.write().unwrap_or_else(|e| e.into_inner()) = key;
    }
    fn now(&self) -> Time {
        self.program.now()
    }
    fn table(&self) -> crate::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(|e| e.into_inner())
    }
    /// The node of a runtime, if it is known.
    fn home(&self, runtime: Runtime) -> Option<NodeName> {
        if runtime == self.program.runtime() {
            return Some(self.name.clone());
        }
        // The lock of a connection is held: the table's comes before it.
        self.program.node_of(runtime)
    }
    /// The node with which to connect to reach a runtime that no session reaches. None: it is not known, another runtime
    /// has its name now, or this is no node any more.
    fn way_home(&self, table: &Table, runtime: Runtime) -> Option<NodeName> {
        let home = table.homes.get(&runtime).cloned().or_else(|| self.program.node_of(runtime));
        home.filter(|home| !table.closed && *home != self.name && !table.by_name.contains_key(home))
    }
    /// Nodes with which it is connected, sorted.
    pub fn nodes(&self) -> Vec<NodeName> {
        self.control.lock().unwrap_or_else(|e| e.into_inner()).nodes()
    }

    // To others.

    /// Gives a process elsewhere a signal; `Err`: it cannot be reached.
    pub fn route(&self, to: Pid, signal: Signal) -> Result<(), Signal> {
        let signal = match self.any_moved.load(Ordering::Acquire) {
            true => match self.send_to_moved(to, signal, None) {
                Ok(_) => return Ok(()),
                Err(signal) => signal,
            },
            false => signal,
        };
        if self.asks_where_it_ended(to, &signal) {
            return Ok(());
        }
        let Some(out) = translate::outgoing(to, &signal) else { return Err(signal) };
        self.passes(&out.0, None);
        let waits = !signal.asks_end();
        match self.send_straight(to, out, Some(&signal), None, waits) {
            Ok(Straight::Queued(Some(Ok(_))) | Straight::Waits) => Ok(()),
            Ok(Straight::NoWay) if !waits => Ok(()),
            Ok(Straight::Queued(_) | Straight::NoWay) => Err(signal),
            Err(_) => self.route(to, signal),
        }
    }
    /// Sends to where a process was born, in one go with the look whether it has moved: whoever hears that it has sends a mark behind
    /// all that has gone straight, and nothing is to come behind that. `waits`: for a connection, if there is none. Err: it has moved.
    fn send_straight(
        &self,
        to: Pid,
        out: Outgoing,
        local: Option<&Signal>,
        asker: Option<(Pid, u64)>,
        waits: bool,
    ) -> Result<Straight, Box<Outgoing>> {
        let moves = self.moves_if_any();
        if moves.as_ref().is_some_and(|m| m.routes.place(to).is_some()) {
            return Err(Box::new(out));
        }
        // Before the first mark is queued it is known that one has moved.
        let is_right = || moves.is_some() || !self.any_moved.load(Ordering::Acquire);
        let link = {
            let mut table = self.table();
            match table.by_runtime.get(&to.runtime()) {
                Some(link) => link.clone(),
                None if !waits => return Ok(Straight::NoWay),
                None if is_right() => {
                    let Some(home) = self.way_home(&table, to.runtime()) else { return Ok(Straight::NoWay) };
                    let (to, at, signal) = (Some(to), Some(to.runtime()), Some((out, local.cloned())));
                    table.want(home, Waiting { to, at, signal, asker });
                    drop(table);
                    self.wake();
                    return Ok(Straight::Waits);
                }
                None => {
                    drop(table);
                    return self.send_straight(to, out, local, asker, waits);
                }
            }
        };
        match link.send_if(out, asker, self, is_right) {
            Ok(sent) => Ok(Straight::Queued(sent)),
            Err(out) => self.send_straight(to, *out, local, asker, waits),
        }
    }
    /// Gives a process that has moved a message of one that is here. Err: it is not known to have moved.
    pub fn send_on(&self, from: Pid, to: Pid, message: Signal) -> Result<bool, Signal> {
        if self.any_moved.load(Ordering::Acquire) { self.send_to_moved(to, message, Some(from)) } else { Err(message) }
    }
    /// Sends for a process, which may have to wait for room, or for a connection: then the answer to its question says
    /// what has come of it.
    pub fn send(&self, node: Option<NodeName>, to: Option<Pid>, out: Outgoing, asker: (Pid, u64)) -> Sending {
        self.passes(&out.0, None);
        let sent = match (node, to) {
            (_, Some(to)) => match self.send_straight(to, out, None, Some(asker), true) {
                Ok(Straight::Queued(sent)) => sent,
                Ok(Straight::Waits) => return Sending::Wait,
                Ok(Straight::NoWay) => return Sending::Failed("no connection to the process's node".into()),
                Err(out) => return self.send_after_all(to, asker.0, *out),
            },
            (Some(node), None) => {
                let mut table = self.table();
                let link = table.by_name.get(&node).cloned();
                let Some(link) = link else {
                    if table.closed {
                        return Sending::Failed("no connection to the process's node".into());
                    }
                    table.want(node, Waiting { to: None, at: None, signal: Some((out, None)), asker: Some(asker) });
                    drop(table);
                    self.wake();
                    return Sending::Wait;
                };
                drop(table);
                link.send(out, Some(asker), self)
            }
            (None, None) => return Sending::Failed("no connection to the process's node".into()),
        };
        match sent {
            Some(Ok(Sent::Queued)) => Sending::Sent,
            Some(Ok(Sent::Suspend)) => Sending::Wait,
            Some(Err(why)) => Sending::Failed(why.to_string()),
            None => Sending::Failed("the connection is lost".into()),
        }
    }
    /// The same of a process of which it has been heard meanwhile that it has moved.
    fn send_after_all(&self, to: Pid, from: Pid, (wire, modules): Outgoing) -> Sending {
        let signal = unsent::local_of(&wire, &modules).expect("it is a message, or an answer");
        let sent = self.send_to_moved(to, signal, Some(from));
        if sent.unwrap_or_else(|signal| self.program.route(to, signal)) {
            Sending::Sent
        } else {
            Sending::Failed("noconnection".into())
        }
    }
    /// Asks a node who has a name there, or nothing but to be connected: the answer is that of the question.
    pub fn ask(&self, node: NodeName, name: Option<&[u8]>, asker: (Pid, u64)) {
        let (from, id) = asker;
        let question = super::signal::Question::Alive;
        let signal = name.map(|name| (Wire::Ask { from, to: Target::Name(name.into()), id, question }, Vec::new()));
        self.ask_by(node, signal, asker);
    }
    fn ask_by(&self, node: NodeName, mut signal: Option<Outgoing>, (from, id): (Pid, u64)) {
        let link = {
            let mut table = self.table();
            let link = table.by_name.get(&node).cloned();
            if link.is_none() && !table.closed {
                let asker = signal.is_none().then_some((from, id));
                let lost = Signal::Reply { id, answer: Answer::Lost };
                let signal = signal.take().map(|out| (out, Some(lost)));
                table.want(node, Waiting { to: Some(from), at: None, signal, asker });
                drop(table);
                return self.wake();
            }
            link
        };
        let answer = match (link, signal) {
            (None, _) => Answer::Lost,
            (Some(_), None) => Answer::Done(Ok(())),
            (Some(link), Some(out)) => match link.send(out, None, self) {
                Some(Ok(_)) => return,
                _ => Answer::Lost,
            },
        };
        self.program.route(from, Signal::Reply { id, answer });
    }
    /// Makes a process at a node; the answer is that of the question.
    pub fn spawn(&self, node: NodeName, out: Outgoing, asker: (Pid, u64)) {
        self.ask_by(node, Some(out), asker);
    }
    /// Ends a process elsewhere; false: it cannot be reached.
    pub fn kill(&self, from: Pid, to: Pid, reason: &Message) -> bool {
        let moved = || Signal::Kill { reason: reason.clone(), limit: false };
        self.tell_wherever(to, translate::kill(from, to, reason), moved)
    }
    /// Raises an error in a process elsewhere; false: it cannot be reached.
    pub fn interrupt(&self, from: Pid, to: Pid) -> bool {
        self.tell_wherever(to, translate::interrupt(from, to), || Signal::Interrupt)
    }
    /// Sends a signal to where a process was born, or if it has moved, another form of it to where it is.
    fn tell_wherever(&self, to: Pid, straight: Outgoing, moved: impl FnOnce() -> Signal) -> bool {
        match self.send_straight(to, straight, None, None, false) {
            Ok(sent) => matches!(sent, Straight::Queued(Some(Ok(_)))),
            Err(_) => self.program.route(to, moved()),
        }
    }
    /// A process monitors a node.
    pub fn monitor_node(self: &Arc<Self>, watcher: Pid, node: &NodeName) {
        self.decide(|c, actions| {
            self.watchers().add(watcher, node, 1);
            c.monitor(node, actions);
        });
    }
    /// It takes a monitor back; false: there was none.
    pub fn demonitor_node(&self, watcher: Pid, node: &NodeName) -> bool {
        self.watchers().remove(watcher, node)
    }
    /// A process has ended: it is told of nodes no more.
    pub fn forget_watcher(&self, watcher: Pid) {
        self.watchers().take_of(watcher);
    }
    fn watchers(&self) -> crate::sync::MutexGuard<'_, Watchers> {
        self.watchers.lock().unwrap_or_else(|e| e.into_inner())
    }
    /// A node is down: who monitors it is told.
    fn node_is_down(&self, node: &NodeName, why: &str) {
        let told = self.watchers().take(node);
        for (pid, times) in told {
            for _ in 0..times {
                let (node, reason) = (node.as_str().as_bytes(), why.as_bytes());
                let m = Message::record(&[(b"signal", b"NODEDOWN"), (b"from", node), (b"reason", reason)]);
                self.program.route(pid, Signal::Message(m));
            }
        }
    }

    // From others.

    /// A signal answers nothing that is waited for in its session, but perhaps something in another: its sender or its receiver has
    /// moved.
    fn arrived_unasked(self: &Arc<Self>, link: &Arc<Link>, signal: Wire<Pid>) {
        #[cfg(test)]
        self.trace(link, || link.peer_name(), "gets unasked", &signal);
        if self.is_for_somebody(&signal) {
            self.arrived(link, signal, true);
        }
    }
    /// A signal has arrived. `holds`: others wait for code, perhaps those that it has to follow; whether some do
    /// afterwards.
    fn arrived(self: &Arc<Self>, link: &Arc<Link>, signal: Wire<Pid>, holds: bool) -> bool {
        if !holds {
            return self.handle(link, signal);
        }
        let follows = link.lock().held.follows(signal);
        match follows {
            Ok(Some(signal)) => {
                self.handle(link, signal);
            }
            Ok(None) => {}
            Err(TooMany) => self.fault(link, "too many signals wait for code"),
        }
        true
    }
    fn fault(&self, link: &Link, why: &str) {
        if let Stage::Session(p) = &mut link.lock().stage {
            p.close(why);
        }
    }
    /// Tells a simulation what goes over a connection.
    #[cfg(test)]
    fn trace(&self, link: &Link, peer: impl FnOnce() -> Option<NodeName>, how: &str, signal: &Wire<Pid>) {
        if self.program.is_traced() {
            let peer = peer().map_or(String::new(), |n| n.to_string());
            let text: String = signal.describe().chars().take(200).collect();
            self.program.report(&format!("    {} {how} over {} with {peer}: {text}", self.name, link.number));
        }
    }
    /// Whether signals may wait for code afterwards.
    fn handle(self: &Arc<Self>, link: &Arc<Link>, mut signal: Wire<Pid>) -> bool {
        #[cfg(test)]
        self.trace(link, || link.peer_name(), "gets", &signal);
        // What answers something has found it.
        if matches!(signal, Wire::Unlink { .. } | Wire::Demonitor { .. }) {
            self.passes(&signal, Some(link));
        }
        let from = super::signal::sender(&signal);
        self.program.comes_from(from);
        if let Some(contents) = signal.message_mut()
            && contents.seen.0.is_none()
        {
            self.program.takes_long(contents.bytes.0.len());
        }
        match translate::incoming(signal, &**self) {
            Ok(Incoming::For(to, local)) => {
                if let (Some(from), Signal::Message(_)) = (from, &local) {
                    self.program.crowds(from, to);
                }
                let Some(local) = self.unless_late_from(link, from, to, local) else { return false };
                let child = match &local {
                    Signal::Reply { answer: Answer::Spawned(child), .. } => Some(*child),
                    _ => None,
                };
                if let (false, Some(child)) = (self.deliver(link, from, to, local), child) {
                    self.tell(self.orphaned(to, child));
                }
            }
            Ok(Incoming::ForName(name, m)) => {
                let Some(pid) = self.program.find(&name) else { return false };
                if let Some(from) = from {
                    self.program.crowds(from, pid);
                }
                if let Some(m) = self.unless_late_from(link, from, pid, Signal::Message(m)) {
                    self.program.route(pid, m);
                }
            }
            Ok(Incoming::Where { from, id, name }) => {
                let answer = match self.program.find(&name) {
                    Some(pid) => WireAnswer::Alive(pid),
                    None => WireAnswer::Dead,
                };
                link.send((Wire::Answer { to: from, id, answer }, Vec::new()), None, self);
            }
            Ok(Incoming::Spawn(mut request)) => {
                request.over = link.number;
                let (parent, id) = (request.parent, request.id);
                let root = self.program.root();
                if !root.is_some_and(|root| self.program.route(root, Signal::Spawn(request))) {
                    let answer = Answer::NotSpawned(b"the node is ending"[..].into());
                    self.answer_spawn(link.number, parent, id, answer);
                }
            }
            Ok(Incoming::Node(signal)) => {
                self.for_node(link, signal);
                return true;
            }
            Err((DecodeError::UnknownModule(hash), signal)) => {
                if link.lock().held.hold(*signal, hash) {
                    link.send((Wire::CodeWanted(hash), Vec::new()), None, self);
                }
                return true;
            }
            Err((e, _)) => self.fault(link, &format!("a signal that cannot be read: {e}")),
        }
        false
    }
    /// Gives a signal to a process here; what is for one that was never here is answered as for a dead one. False: it
    /// has ended.
    fn deliver(&self, link: &Arc<Link>, from: Option<Pid>, to: Pid, mut signal: Signal) -> bool {
        if let Signal::Ask { question: Question::Info(status), .. } = &mut signal {
            *status = self.program.status(to);
        }
        let signal = match self.any_moved.load(Ordering::Acquire) {
            true => match self.pass_on(link, from, to, signal) {
                Ok(reached) => return reached,
                Err(signal) => signal,
            },
            false => signal,
        };
        // The answer of one that has ended need not go over this connection, if who has sent that has moved, nor anywhere, if that
        // has ended.
        let made = bonds::makes_tie(&signal);
        let reached = if to.runtime() == self.program.runtime() {
            self.program.route(to, signal)
        } else {
            let answer = signal.bounce(to);
            answer.into_iter().for_each(|(to, answer)| _ = self.program.route(to, answer));
            false
        };
        link.takes_back(to, made.filter(|_| !reached));
        reached
    }
    fn for_node(self: &Arc<Self>, link: &Arc<Link>, signal: Wire<Pid>) {
        match signal {
            Wire::CodeWanted(hash) => {
                let module = link.lock().held.pinned(&hash).or_else(|| self.find(&hash));
                let answer = match module {
                    Some(m) => {
                        let bytes = m.dump();
                        Wire::Code { hash, contents: super::signal::Contents::new(bytes) }
                    }
                    None => Wire::CodeMissing(hash),
                };
                link.send((answer, Vec::new()), None, self);
            }
            Wire::Code { hash, contents } => {
                if !link.lock().held.came(&hash) {
                    return self.fault(link, "code that nobody has asked for");
                }
                if self.find(&hash).is_some() {
                    link.send((Wire::CodeKept(hash), Vec::new()), None, self);
                    return self.try_again(link);
                }
                let chunk = match rlua_compiler::undump(&contents.bytes.0) {
                    Ok(chunk) if rlua_compiler::hash(&chunk) == hash => chunk,
                    Ok(_) => return self.fault(link, "code that is not what its hash says"),
                    Err(e) => return self.fault(link, &format!("code that is none: {e}")),
                };
                self.keep(Module::new(chunk, Literals::Owned));
                link.send((Wire::CodeKept(hash), Vec::new()), None, self);
                self.try_again(link);
            }
            Wire::CodeMissing(hash) => {
                if link.lock().held.answered(&hash) {
                    self.fault(link, "code of a message is nowhere");
                }
            }
            Wire::CodeKept(hash) => link.lock().held.unpin(&hash),
            Wire::Nodes { names, .. } => {
                self.table().listed.extend(names);
                self.wake();
            }
            Wire::Name(signal) => {
                if !self.name_signal(link, signal) {
                    self.fault(link, "names, though they are not global here");
                }
            }
            Wire::Move(signal) => self.move_signal(link, signal),
            _ => self.fault(link, "a signal that this node does not handle"),
        }
    }
    /// What has waited for code is handled, or waits for more.
    fn try_again(self: &Arc<Self>, link: &Arc<Link>) {
        let queues = link.lock().held.take();
        for queue in queues {
            for signal in queue {
                self.arrived(link, signal, true);
            }
        }
    }
    fn keep(&self, module: Arc<Module>) {
        let mut code = self.code.lock().unwrap_or_else(|e| e.into_inner());
        let hash = *module.hash();
        if code.modules.insert(hash, module).is_none() {
            code.ages.push_back(hash);
        }
        while code.ages.len() > CODE_MAX {
            let oldest = code.ages.pop_front();
            oldest.and_then(|h| code.modules.remove(&h));
        }
    }

    // Its own tasks.

    fn wake(&self) {
        for w in std::mem::take(&mut *self.wakers.lock().unwrap_or_else(|e| e.into_inner())) {
            w.wake();
        }
    }
    /// The same if something is due before it looks by itself.
    fn wake_before(&self, due: Time) {
        if due < self.looks_at.load(Ordering::SeqCst) {
            self.wake();
        }
    }
    /// The task that looks after deadlines is about to sleep: until when. What is due from now on is seen, or wakes it.
    fn looks_next(&self) -> Option<Time> {
        self.looks_at.store(Time::MAX, Ordering::SeqCst);
        let next = self.next_timeout();
        self.looks_at.store(next.unwrap_or(Time::MAX), Ordering::SeqCst);
        next
    }
    /// It is a node no more.
    fn close(self: &Arc<Self>) {
        self.over.store(true, Ordering::SeqCst);
        self.close_names();
        // What was sent before still leaves.
        for link in self.table().links.values() {
            link.lock().flush();
        }
        self.decide(|connections, actions| connections.close(actions));
        let waiting: Vec<NodeName> = {
            let mut table = self.table();
            table.closed = true;
            table.wanted.clear();
            table.listed.clear();
            table.waiting.keys().cloned().collect()
        };
        for node in waiting {
            self.unreachable(node, &Refusal::Closing.to_string());
        }
        self.close_moves();
        let links: Vec<Arc<Link>> = std::mem::take(&mut self.table().links).into_values().collect();
        for link in links {
            link.lock().end();
        }
        let watched = self.watchers().nodes();
        watched.iter().for_each(|node| self.node_is_down(node, "shutdown"));
        self.wake();
        std::mem::take(&mut *self.enders.lock().unwrap_or_else(|e| e.into_inner())).into_iter().for_each(Waker::wake);
    }
}

impl ModuleSource for Online {
    fn find(&self, hash: &[u8; 32]) -> Option<Arc<Module>> {
        self.code.lock().unwrap_or_else(|e| e.into_inner()).modules.get(hash).cloned()
    }
}
