//! The node of a program: its state machines with sockets, a clock and tasks round them.
//!
//! Journey: remote signal: route -> **session** -> socket, and socket -> **session** -> route. Connections are tasks of the
//! scheduler (scheduler/tasks.rs), so that what a packet brings runs on the thread that has read it. What is decided is
//! decided in connections.rs, handshake.rs and session.rs.
//!
//! The parts: link (one connection), dial (from a name to a connection), listen (becoming a node), mapper (the port
//! mapper's sockets), cookie (the cookie's file).
//!
//! Always: one order of locks: control, delivery of one connection, then either its inner lock, or the node's table and
//! then an inner lock; slots after the delivery lock. A connection that is down holds up nobody who does not use it.

mod cookie;
mod dial;
mod link;
mod listen;
pub mod mapper;
mod standalone;

pub use standalone::{list_port_mapper, run_port_mapper};

use super::connections::{Action, Connection, Connections};
use super::cookie::Key;
use super::handshake::{Event as Shaken, Failure, Verdict};
use super::held::TooMany;
use super::hello::Hello;
use super::name::NodeName;
use super::peer::Event;
use super::session::Sent;
use super::signal::{Answer as WireAnswer, Hash, Signal as Wire, Target};
use super::translate::{self, Incoming, Outgoing};
use super::{MILLISECOND, Time};
use crate::codec::{DecodeError, Message, ModuleSource};
use crate::process::options::{Setting, key};
use crate::process::signal::{Answer, Signal};
use crate::scheduler::Scheduler;
use crate::sync::Mutex;
use link::{Happened, Link, Stage};
use rlua_machine::value::{Pid, Runtime};
use rlua_machine::vm::load::{Literals, Module};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::task::Waker;

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

/// The node of a program, if it has become one.
#[derive(Default)]
pub struct Node {
    online: RwLock<Option<Arc<Online>>>,
    /// An `init` is under way.
    starting: AtomicBool,
    settings: Mutex<Settings>,
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
    pub(crate) scheduler: Arc<Scheduler>,
    /// Its name.
    pub name: NodeName,
    hello: Hello,
    key: Key,
    settings: Settings,
    /// Held while a decision about connections is made and carried out.
    control: Mutex<Connections>,
    table: Mutex<Table>,
    /// Code that has come from others, by hash, oldest first.
    code: Mutex<Code>,
    over: AtomicBool,
    /// Wakes the tasks that the node has besides its connections.
    wakers: Mutex<Vec<Waker>>,
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
}

/// What waits for a connection.
struct Waiting {
    to: Option<Pid>,
    signal: Option<(Outgoing, Option<Signal>)>,
    /// Who waits, and the number of its question.
    asker: Option<(Pid, u64)>,
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
    /// Gives a process elsewhere a signal; `Err`: it cannot be reached.
    pub fn route(&self, to: Pid, signal: Signal) -> Result<(), Signal> {
        match self.online() {
            Some(online) => online.route(to, signal),
            None => Err(signal),
        }
    }
    /// The end of the program: the others are told, and nothing is waited for.
    pub fn close(&self) {
        if let Some(online) = self.online.write().unwrap_or_else(|e| e.into_inner()).take() {
            online.close();
        }
    }
}

impl Online {
    fn now(&self) -> Time {
        self.scheduler.clock.now()
    }
    fn table(&self) -> crate::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(|e| e.into_inner())
    }
    /// The node of a runtime, if it is known.
    fn home(&self, runtime: Runtime) -> Option<NodeName> {
        if runtime == self.scheduler.runtime {
            return Some(self.name.clone());
        }
        // The lock of a connection is held: the table's comes before it.
        runtime.name().and_then(|n| NodeName::parse(&n).ok())
    }
    fn keepalive(&self) -> Option<Time> {
        let options = self.scheduler.options.read().unwrap_or_else(|e| e.into_inner());
        let ms = options.keepalivetimeout;
        (options.keepalive && ms > 0.0).then_some((ms * MILLISECOND as f64) as Time)
    }
    /// Nodes with which it is connected, sorted.
    pub fn nodes(&self) -> Vec<NodeName> {
        self.control.lock().unwrap_or_else(|e| e.into_inner()).nodes()
    }

    // To others.

    /// Gives a process elsewhere a signal; `Err`: it cannot be reached.
    fn route(&self, to: Pid, signal: Signal) -> Result<(), Signal> {
        let Some(out) = translate::outgoing(self.scheduler.runtime, to, &signal) else { return Err(signal) };
        let link = {
            let mut table = self.table();
            match table.by_runtime.get(&to.runtime()) {
                Some(link) => link.clone(),
                None => {
                    let Some(home) = table.homes.get(&to.runtime()).cloned() else { return Err(signal) };
                    table.want(home, Waiting { to: Some(to), signal: Some((out, Some(signal))), asker: None });
                    drop(table);
                    self.wake();
                    return Ok(());
                }
            }
        };
        match link.send(out, None, self) {
            Some(Ok(_)) => Ok(()),
            Some(Err(_)) | None => Err(signal),
        }
    }
    /// Sends for a process, which may have to wait for room, or for a connection: then the answer to its question says
    /// what has come of it.
    pub fn send(&self, node: Option<NodeName>, to: Option<Pid>, out: Outgoing, asker: (Pid, u64)) -> Sending {
        let link = {
            let mut table = self.table();
            let link = match (&node, to) {
                (_, Some(to)) => table.by_runtime.get(&to.runtime()),
                (Some(node), None) => table.by_name.get(node),
                (None, None) => None,
            };
            match link {
                Some(link) => link.clone(),
                None => {
                    let home = to.and_then(|to| table.homes.get(&to.runtime()).cloned()).or(node);
                    let Some(home) = home else { return Sending::Failed("no connection to the process's node".into()) };
                    table.want(home, Waiting { to, signal: Some((out, None)), asker: Some(asker) });
                    drop(table);
                    self.wake();
                    return Sending::Wait;
                }
            }
        };
        match link.send(out, Some(asker), self) {
            Some(Ok(Sent::Queued)) => Sending::Sent,
            Some(Ok(Sent::Suspend)) => Sending::Wait,
            Some(Err(why)) => Sending::Failed(why.to_string()),
            None => Sending::Failed("the connection is lost".into()),
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
            match table.by_name.get(&node) {
                Some(link) => Some(link.clone()),
                None => {
                    let asker = signal.is_none().then_some((from, id));
                    let lost = Signal::Reply { id, answer: Answer::Lost };
                    let signal = signal.take().map(|out| (out, Some(lost)));
                    table.want(node, Waiting { to: Some(from), signal, asker });
                    None
                }
            }
        };
        let Some(link) = link else { return self.wake() };
        let answer = match signal {
            None => Answer::Done(Ok(())),
            Some(out) => match link.send(out, None, self) {
                Some(Ok(_)) => return,
                _ => Answer::Lost,
            },
        };
        self.scheduler.route(from, Signal::Reply { id, answer });
    }
    /// Makes a process at a node; the answer is that of the question.
    pub fn spawn(&self, node: NodeName, out: Outgoing, asker: (Pid, u64)) {
        self.ask_by(node, Some(out), asker);
    }
    /// Ends a process elsewhere; false: it cannot be reached.
    pub fn kill(&self, from: Pid, to: Pid, reason: &Message) -> bool {
        let link = self.table().by_runtime.get(&to.runtime()).cloned();
        link.is_some_and(|link| matches!(link.send(translate::kill(from, to, reason), None, self), Some(Ok(_))))
    }
    /// A process monitors a node.
    pub fn monitor_node(self: &Arc<Self>, watcher: Pid, node: &NodeName) {
        self.decide(|c, actions| c.monitor(watcher, node, actions));
    }
    /// It takes a monitor back; false: there was none.
    pub fn demonitor_node(&self, watcher: Pid, node: &NodeName) -> bool {
        self.control.lock().unwrap_or_else(|e| e.into_inner()).demonitor(watcher, node)
    }

    // Connections.

    /// Decides something about connections, and carries it out.
    fn decide(self: &Arc<Self>, f: impl FnOnce(&mut Connections, &mut Vec<Action>)) {
        let mut actions = Vec::new();
        let mut control = self.control.lock().unwrap_or_else(|e| e.into_inner());
        f(&mut control, &mut actions);
        for action in actions {
            self.carry_out(action);
        }
    }
    fn carry_out(self: &Arc<Self>, action: Action) {
        match action {
            Action::Dial(c, node) => self.scheduler.start_task(dial::dial(self.clone(), c, node)),
            Action::Abandon(c) => {
                if let Some(link) = self.forget(c) {
                    link.lock().end();
                }
            }
            Action::Answer(c, verdict) => {
                let Some(link) = self.table().links.get(&c).cloned() else { return };
                let mut inner = link.lock();
                inner.with_handshake(|h| {
                    h.answer(verdict.clone());
                    // What it says to that is known here.
                    while h.poll().is_some() {}
                });
                match verdict {
                    Verdict::Ok => inner.become_session(self.keepalive(), self.now()),
                    Verdict::Wait => {}
                    Verdict::Refuse(why) => {
                        drop(inner);
                        report!("rlua-actor: refused a connection from {}: {why}", link.address);
                        self.forget(c);
                    }
                }
            }
            Action::End(c, why) => {
                let Some(link) = self.forget(c) else { return };
                let delivery = link.delivery.lock().unwrap_or_else(|e| e.into_inner());
                if let Stage::Session(p) = &mut link.lock().stage {
                    p.close(&why);
                }
                while let Some(happened) = link.poll() {
                    if let Happened::Session(Event::Lost(_, told)) = happened {
                        self.tell(told);
                        link.lock().end();
                    }
                }
                drop(delivery);
            }
            Action::Up(c, node) => self.up(c, node),
            Action::Unreachable(node, why) => self.unreachable(node, &why),
            Action::NodeDown(pid, node, why, times) => {
                for _ in 0..times {
                    let (node, reason) = (node.as_str().as_bytes(), why.as_bytes());
                    let m = Message::record(&[(b"signal", b"NODEDOWN"), (b"from", node), (b"reason", reason)]);
                    self.scheduler.route(pid, Signal::Message(m));
                }
            }
        }
    }
    fn up(self: &Arc<Self>, c: Connection, node: NodeName) {
        let mut table = self.table();
        let Some(link) = table.links.get(&c).cloned() else { return };
        let runtime = match &link.lock().stage {
            Stage::Session(p) => p.session().peer().runtime(),
            _ => None,
        };
        let Some(runtime) = runtime else { return };
        runtime.set_name(Some(node.as_str().into()));
        table.homes.insert(runtime, node.clone());
        table.by_name.insert(node.clone(), link.clone());
        table.by_runtime.insert(runtime, link.clone());
        let waiting = table.waiting.remove(&node).unwrap_or_default();
        let mut answers = Vec::new();
        // Before anybody else can send there.
        for Waiting { to, signal, asker } in waiting {
            let sent = match signal {
                None => Ok(Sent::Queued),
                Some((out, local)) => match link.send(out, asker, self) {
                    Some(Ok(sent)) => Ok(sent),
                    Some(Err(why)) => Err((why.to_string(), local)),
                    None => Err(("the connection is lost".to_string(), local)),
                },
            };
            match (sent, asker) {
                (Ok(Sent::Queued), Some((pid, id))) => {
                    answers.push((pid, Signal::Reply { id, answer: Answer::Done(Ok(())) }))
                }
                (Ok(_), _) => {}
                (Err((why, _)), Some((pid, id))) => {
                    answers.push((pid, Signal::Reply { id, answer: Answer::Done(Err(why)) }))
                }
                (Err((_, local)), None) => answers.extend(to.zip(local).and_then(|(to, s)| lost(to, s))),
            }
        }
        let connects_all = self.hello.connects_all();
        let names: Vec<NodeName> = table.by_name.keys().filter(|n| **n != node).cloned().collect();
        drop(table);
        if connects_all {
            link.send((Wire::Nodes { names, last: true }, Vec::new()), None, self);
        }
        for (to, signal) in answers {
            self.scheduler.route(to, signal);
        }
    }
    fn unreachable(&self, node: NodeName, why: &str) {
        let waiting = self.table().waiting.remove(&node).unwrap_or_default();
        for Waiting { to, signal, asker } in waiting {
            let local = signal.and_then(|(_, local)| local);
            let told = match asker {
                Some((pid, id)) => {
                    let why = format!("no connection to {node}: {why}");
                    Some((pid, Signal::Reply { id, answer: Answer::Done(Err(why)) }))
                }
                None => to.zip(local).and_then(|(to, s)| lost(to, s)),
            };
            if let Some((to, signal)) = told {
                self.scheduler.route(to, signal);
            }
        }
    }
    /// A connection is in no table any more.
    fn forget(&self, c: Connection) -> Option<Arc<Link>> {
        let mut table = self.table();
        let link = table.links.remove(&c)?;
        table.by_name.retain(|_, l| l.number != c);
        table.by_runtime.retain(|_, l| l.number != c);
        Some(link)
    }
    fn tell(&self, told: Vec<(Pid, Signal)>) {
        for (to, signal) in told {
            self.scheduler.route(to, signal);
        }
    }
    /// Hands on all that a connection has to say.
    fn drain(self: &Arc<Self>, link: &Arc<Link>) {
        loop {
            let delivery = link.delivery.lock().unwrap_or_else(|e| e.into_inner());
            let Some(happened) = link.poll() else { return };
            match happened {
                Happened::Handshake(Shaken::Asked(opening)) => {
                    drop(delivery);
                    let c = link.number;
                    self.decide(|connections, actions| connections.asked(c, &opening, actions));
                }
                Happened::Handshake(Shaken::Waiting) => {}
                Happened::Handshake(Shaken::Established) => {
                    link.lock().become_session(self.keepalive(), self.now());
                    let peer = match &link.lock().stage {
                        Stage::Session(p) => Some(p.session().peer().clone()),
                        _ => None,
                    };
                    drop(delivery);
                    if let Some(peer) = peer {
                        self.decide(|connections, actions| connections.established(link.number, &peer, actions));
                    }
                }
                Happened::Handshake(Shaken::Failed(failure)) => {
                    link.lock().end();
                    drop(delivery);
                    if let Some(text) = link::complaint(link, &failure) {
                        report!("{text}");
                    }
                    self.attempt_failed(link.number, failure);
                }
                Happened::Session(Event::Signal(signal)) => self.arrived(link, signal),
                Happened::Session(Event::Met(runtime, node)) => {
                    if runtime != self.scheduler.runtime {
                        runtime.set_name(Some(node.as_str().into()));
                        self.table().homes.insert(runtime, node);
                    }
                }
                Happened::Session(Event::Resume(pid)) => {
                    let id = link.lock().resumed(pid);
                    if let Some(id) = id {
                        self.scheduler.route(pid, Signal::Reply { id, answer: Answer::Done(Ok(())) });
                    }
                }
                Happened::Session(Event::Lost(end, told)) => {
                    self.forget(link.number);
                    link.lock().end();
                    self.tell(told);
                    drop(delivery);
                    let why = end.to_string();
                    self.decide(|connections, actions| connections.ended(link.number, &why, actions));
                }
            }
        }
    }
    /// An attempt, or a connection from outside, has come to nothing.
    fn attempt_failed(self: &Arc<Self>, c: Connection, failure: Failure) {
        self.forget(c);
        let (now, random) = (self.now(), self.scheduler.clock.random());
        self.decide(|connections, actions| connections.failed(c, &failure, now, random, actions));
        // There may be a pause to be timed.
        self.wake();
    }

    // From others.

    fn arrived(self: &Arc<Self>, link: &Arc<Link>, signal: Wire<Pid>) {
        let follows = link.lock().held.follows(signal);
        match follows {
            Ok(Some(signal)) => self.handle(link, signal),
            Ok(None) => {}
            Err(TooMany) => self.fault(link, "too many signals wait for code"),
        }
    }
    fn fault(&self, link: &Link, why: &str) {
        if let Stage::Session(p) = &mut link.lock().stage {
            p.close(why);
        }
    }
    fn handle(self: &Arc<Self>, link: &Arc<Link>, signal: Wire<Pid>) {
        match translate::incoming(signal.clone(), self) {
            Ok(Incoming::For(to, local)) => self.deliver(to, local),
            Ok(Incoming::ForName(name, m)) => {
                if let Some(pid) = self.scheduler.names.find(&name) {
                    self.scheduler.route(pid, Signal::Message(m));
                }
            }
            Ok(Incoming::Where { from, id, name }) => {
                let answer = match self.scheduler.names.find(&name) {
                    Some(pid) => WireAnswer::Alive(pid),
                    None => WireAnswer::Dead,
                };
                link.send((Wire::Answer { to: from, id, answer }, Vec::new()), None, self);
            }
            Ok(Incoming::Spawn(request)) => {
                let (parent, id) = (request.parent, request.id);
                let root = self.scheduler.root();
                if !root.is_some_and(|root| self.scheduler.route(root, Signal::Spawn(request))) {
                    let answer = Answer::NotSpawned(b"the node is ending".to_vec());
                    self.scheduler.route(parent, Signal::Reply { id, answer });
                }
            }
            Ok(Incoming::Node(signal)) => self.for_node(link, signal),
            Err(DecodeError::UnknownModule(hash)) => {
                if link.lock().held.hold(signal, hash) {
                    link.send((Wire::CodeWanted(hash), Vec::new()), None, self);
                }
            }
            Err(e) => self.fault(link, &format!("a signal that cannot be read: {e}")),
        }
    }
    /// Gives a signal to a process here; what is for one that was never here is answered as for a dead one.
    fn deliver(&self, to: Pid, signal: Signal) {
        if to.runtime() == self.scheduler.runtime {
            self.scheduler.route(to, signal);
        } else if let Some((to, answer)) = signal.bounce(to) {
            self.scheduler.route(to, answer);
        }
    }
    fn for_node(self: &Arc<Self>, link: &Arc<Link>, signal: Wire<Pid>) {
        match signal {
            Wire::CodeWanted(hash) => {
                let module = link.lock().held.pinned(&hash).or_else(|| self.find(&hash));
                let answer = match module {
                    Some(m) => {
                        let bytes = rlua_compiler::dump(m.chunk(), false);
                        Wire::Code { hash, contents: super::signal::Contents::new(bytes) }
                    }
                    None => Wire::CodeMissing(hash),
                };
                link.send((answer, Vec::new()), None, self);
            }
            Wire::Code { hash, contents } => {
                if !link.lock().held.answered(&hash) {
                    return self.fault(link, "code that nobody has asked for");
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
            _ => self.fault(link, "a signal that this node does not handle"),
        }
    }
    /// What has waited for code is handled, or waits for more.
    fn try_again(self: &Arc<Self>, link: &Arc<Link>) {
        let queues = link.lock().held.take();
        for queue in queues {
            for signal in queue {
                self.arrived(link, signal);
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
    /// It is a node no more.
    fn close(self: &Arc<Self>) {
        self.over.store(true, Ordering::SeqCst);
        // What was sent before still leaves.
        for link in self.table().links.values() {
            link.lock().flush();
        }
        self.decide(|connections, actions| connections.close(actions));
        let links: Vec<Arc<Link>> = self.table().links.drain().map(|(_, l)| l).collect();
        for link in links {
            link.lock().end();
        }
        self.wake();
    }
    /// Whether the option says that the network is to be fully connected.
    fn connects_all(scheduler: &Scheduler) -> bool {
        let options = scheduler.options.read().unwrap_or_else(|e| e.into_inner());
        options.get(key::CONNECTALL) == Setting::Flag(true)
    }
}

impl Table {
    fn want(&mut self, node: NodeName, waiting: Waiting) {
        self.wanted.push(node.clone());
        self.waiting.entry(node).or_default().push(waiting);
    }
}

/// What the sender of a signal is told whose receiver cannot be reached.
fn lost(to: Pid, signal: Signal) -> Option<(Pid, Signal)> {
    match signal {
        // Already an answer, for who has asked.
        Signal::Reply { .. } => Some((to, signal)),
        other => other.unreachable(to),
    }
}

impl ModuleSource for Arc<Online> {
    fn find(&self, hash: &[u8; 32]) -> Option<Arc<Module>> {
        self.code.lock().unwrap_or_else(|e| e.into_inner()).modules.get(hash).cloned()
    }
}
