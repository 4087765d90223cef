//! A program of the simulated network: processes that are the shipped core and inbox, without a machine in them.
//!
//! Journey: signal: route -> inbox -> core -> effects, and remote signal: route -> **node** -> route. What of the scheduler
//! is between (scheduler/mod.rs `route`, scheduler/end.rs) is done again here, in one thread and without time.

use super::super::super::connections::Connection;
use super::super::super::name::NodeName;
use super::super::super::translate::SpawnRequest;
use super::super::past::Past;
use super::super::surroundings::Guest;
use super::super::{Online, Surroundings};
use super::ledger::Ledger;
use super::{Random, SECOND, Time};
use crate::codec::{Message, ModuleSource};
use crate::migration::frozen::Fault;
use crate::process::core::{Core, Effect};
use crate::process::inbox::{Delivered, Held, Inbox, take_questions};
use crate::process::mailbox::Mailbox;
use crate::process::signal::{Answer, Info, Name, Question, Signal};
use crate::scheduler::Departed;
use rlua_machine::value::{Pid, Runtime};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

/// What all programs of a world have in common.
pub struct Common {
    /// The time.
    pub now: Time,
    /// Chance.
    pub random: Random,
    /// Who wants to connect with whom.
    pub dials: Vec<(usize, Arc<Online>, Connection, NodeName)>,
    /// Processes that are to run.
    pub woken: Vec<(Arc<Program>, Pid)>,
    /// What was sent and seen.
    pub ledger: Ledger,
    /// All processes that there have been.
    pub pids: Vec<Pid>,
    /// What happens is printed.
    pub traced: bool,
    /// Of how long a silence peers are down.
    pub keepalive: Option<Time>,
    /// Networks are fully connected.
    pub connects_all: bool,
}
impl Common {
    /// Prints what happens, if that is wanted.
    pub fn trace(&self, what: impl FnOnce() -> String) {
        if self.traced {
            eprintln!("{:>13.6} {}", self.now as f64 / 1e9, what());
        }
    }
}

/// A program, from its start to its end.
pub struct Program {
    /// Its host, by number.
    pub host: usize,
    /// Its runtime.
    pub runtime: Runtime,
    common: Arc<Mutex<Common>>,
    inner: Mutex<Inner>,
    processes: Mutex<BTreeMap<Pid, Process>>,
}
/// What all threads of a program would have behind locks.
pub struct Inner {
    online: Option<Arc<Online>>,
    /// What the last node has left.
    pub past: Past,
    /// Of processes that were born here and never left.
    pub inboxes: BTreeMap<Pid, Inbox>,
    /// Of processes that have moved here, also of those that have come back.
    pub guests: BTreeMap<Pid, Inbox>,
    names: BTreeMap<Name, Pid>,
    /// Nodes of other runtimes.
    pub met: HashMap<Runtime, NodeName>,
    serial: u64,
    root: Pid,
}
impl Inner {
    /// The inbox of a process that is here.
    pub fn inbox(&mut self, pid: Pid) -> Option<&mut Inbox> {
        self.inboxes.get_mut(&pid).or_else(|| self.guests.get_mut(&pid))
    }
    /// A process does not have a name any more; whether it had.
    fn remove_name_of(&mut self, name: &[u8], pid: Pid) -> bool {
        self.names.get(name) == Some(&pid) && self.names.remove(name).is_some()
    }
}

/// What a process waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Want {
    /// The node's answer to a send of this message.
    Sent(u64),
    /// An answer of a process, or about it; of which, if it was asked itself.
    Answer(Option<Pid>),
    /// A connection with a node, and then to be there.
    Move(NodeName),
    /// A process at another node.
    Spawned,
}

/// A process.
pub struct Process {
    /// Its links, monitors and waits.
    pub core: Core,
    /// Messages that it has.
    pub mailbox: Mailbox,
    /// How often it has moved.
    pub epoch: u64,
    /// What it waits for, under which number.
    pub wants: Option<(u64, Want)>,
    /// NODEDOWN that it has asked for, by node.
    pub node_monitors: BTreeMap<String, u32>,
}

impl Program {
    /// A program with its root process.
    pub fn new(host: usize, runtime: Runtime, common: Arc<Mutex<Common>>) -> Arc<Program> {
        let root = Pid::new(runtime, 1);
        let inner = Inner {
            online: None,
            past: Past::default(),
            inboxes: BTreeMap::new(),
            guests: BTreeMap::new(),
            names: BTreeMap::new(),
            met: HashMap::new(),
            serial: 1,
            root,
        };
        let program =
            Arc::new(Program { host, runtime, common, inner: Mutex::new(inner), processes: Mutex::default() });
        let mut core = Core::new(root);
        core.trapexit = true;
        program.enter(core);
        program
    }
    /// What it shares with the world.
    pub fn common(&self) -> MutexGuard<'_, Common> {
        self.common.lock().expect("nobody panics with it")
    }
    /// What is behind its lock.
    pub fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nobody panics with it")
    }
    /// The node that it is.
    pub fn online(&self) -> Option<Arc<Online>> {
        self.inner().online.clone()
    }
    /// Becomes a node, or is none any more.
    pub fn set_online(&self, online: Option<Arc<Online>>) -> Option<Arc<Online>> {
        std::mem::replace(&mut self.inner().online, online)
    }
    /// Its processes.
    pub fn processes(&self) -> MutexGuard<'_, BTreeMap<Pid, Process>> {
        self.processes.lock().expect("nobody panics with it")
    }
    fn next_pid(&self) -> Pid {
        let mut inner = self.inner();
        inner.serial += 1;
        Pid::new(self.runtime, inner.serial)
    }
    fn enter(self: &Arc<Self>, core: Core) {
        let pid = core.pid();
        self.processes().insert(pid, Process::new(core));
        self.inner().inboxes.insert(pid, Inbox::new());
        let mut common = self.common();
        common.pids.push(pid);
        common.woken.push((self.clone(), pid));
    }
    /// Names that processes here have.
    pub fn names(&self) -> BTreeMap<Name, Pid> {
        self.inner().names.clone()
    }
    /// Who has a name, here or elsewhere.
    pub fn find_name(&self, name: &[u8]) -> Option<Pid> {
        let here = self.inner().names.get(name).copied();
        here.or_else(|| self.online()?.find_name(name))
    }
    /// A process has a name that no other node was asked about.
    pub fn keep_name(&self, name: &[u8], pid: Pid) {
        self.inner().names.insert(name.into(), pid);
        if let Some(online) = self.online() {
            online.adopt_names([(name.into(), pid)].into_iter());
        }
    }
    /// A process gives a name back.
    pub fn free_name(&self, name: &[u8], pid: Pid) -> bool {
        let had = self.inner().remove_name_of(name, pid);
        self.common().trace(|| format!("{pid} gives the name {:?} back: {had}", String::from_utf8_lossy(name)));
        if had && let Some(online) = self.online() {
            online.name_is_free(name);
        }
        had
    }
    /// Whether a process is known to be dead; none: it has to be asked.
    pub fn known_dead(&self, pid: Pid) -> Option<bool> {
        if pid.runtime() != self.runtime {
            let may_live = self.online().is_some() || self.inner().guests.contains_key(&pid);
            return if may_live { None } else { Some(true) };
        }
        if self.may_be_elsewhere(pid) {
            return None;
        }
        match self.inner().inboxes.get(&pid) {
            None => Some(true),
            Some(inbox) if inbox.may_be_ending() => None,
            Some(_) => Some(false),
        }
    }

    /// Runs a process: what has come is handled.
    pub fn run(self: &Arc<Self>, pid: Pid) {
        let mut signals = Vec::new();
        let begun = self.inner().inbox(pid).and_then(|i| i.begin_slice(&mut signals));
        if begun.is_none() {
            return;
        }
        let Some(mut process) = self.processes().remove(&pid) else { return };
        self.common().ledger.runs(pid, process.epoch, self.host);
        match self.handle(&mut process, &mut signals) {
            Some((reason, abnormal)) => self.end(process, signals, &reason, abnormal),
            None => {
                if let Some(node) = process.look_for_answer(self) {
                    return self.send_off(process, &node);
                }
                self.processes().insert(pid, process);
                let mut inner = self.inner();
                let rests = inner.inbox(pid).is_none_or(|inbox| inbox.wait(true));
                drop(inner);
                if !rests {
                    self.common().woken.push((self.clone(), pid));
                }
            }
        }
    }
    /// Lets a process do something, and sees to what follows. `f` says whether it ends, and how.
    pub fn act(self: &Arc<Self>, pid: Pid, f: impl FnOnce(&mut Process, &Arc<Program>) -> Option<(Message, bool)>) {
        let Some(mut process) = self.processes().remove(&pid) else { return };
        self.common().ledger.runs(pid, process.epoch, self.host);
        match f(&mut process, self) {
            Some((reason, abnormal)) => self.end(process, Vec::new(), &reason, abnormal),
            None => {
                self.processes().insert(pid, process);
            }
        }
    }
    /// Handles signals; the end that they bring about.
    fn handle(self: &Arc<Self>, process: &mut Process, signals: &mut Vec<Signal>) -> Option<(Message, bool)> {
        let mut end = None;
        let mut effects = Vec::new();
        let last = signals.iter().position(|s| matches!(s, Signal::Kill { .. })).map_or(signals.len(), |i| i + 1);
        for signal in signals.drain(..last) {
            let pid = process.core.pid();
            let mut common = self.common();
            common.trace(|| format!("{pid} handles {}", brief(&signal)));
            common.ledger.handled(pid, &signal);
            if let Signal::Down { from, id, .. } = &signal
                && process.core.all_watched().contains(&(*from, *id))
            {
                common.ledger.told_of_end(pid, *from, *id);
            }
            drop(common);
            process.core.handle(signal, &mut effects);
            self.carry_out(process, &mut effects, &mut end);
        }
        end
    }
    /// Carries out what follows of an event.
    fn carry_out(
        self: &Arc<Self>,
        process: &mut Process,
        effects: &mut Vec<Effect>,
        end: &mut Option<(Message, bool)>,
    ) {
        for effect in effects.drain(..) {
            match effect {
                Effect::Route(to, signal) => {
                    let mut common = self.common();
                    let from_here = (common.now, self.host);
                    common.ledger.sent(to, &signal, from_here);
                    drop(common);
                    self.route(to, signal);
                }
                Effect::Deliver(m) => process.mailbox.push(m),
                Effect::Resume | Effect::CheckLimit => {}
                // What it waits for is answered later, when it waits for something else.
                Effect::Interrupt => process.wants = None,
                Effect::NameLost(name) => {
                    if self.find(&name) != Some(process.core.pid()) {
                        process.core.remove_name(&name);
                    }
                }
                Effect::Exit(reason) => _ = end.get_or_insert((reason, true)),
                Effect::Kill { reason, .. } => _ = end.get_or_insert((reason, true)),
                Effect::Describe { to, id, .. } => {
                    let answer = Answer::Info(Box::new(Info { links: process.core.links(), ..Info::default() }));
                    self.route(to, Signal::Reply { id, answer });
                }
                Effect::Spawn(request) => self.spawn_for(*request),
                Effect::AskAgain => {
                    if let Some((id, whom)) = process.asked().filter(|(id, _)| !process.core.is_answered(*id)) {
                        self.route(whom, Signal::Ask { from: process.core.pid(), id, question: Question::Again });
                    }
                }
                Effect::Lost { to, id } => _ = self.route(to, Signal::Reply { id, answer: Answer::Lost }),
                Effect::Order { .. } | Effect::OrderLate | Effect::Migratable { .. } => {
                    unreachable!("nobody asks this here")
                }
            }
        }
    }
    /// Does something with a process's core.
    pub fn core<T>(self: &Arc<Self>, process: &mut Process, f: impl FnOnce(&mut Core, &mut Vec<Effect>) -> T) -> T {
        let (mut effects, mut end) = (Vec::new(), None);
        let result = f(&mut process.core, &mut effects);
        self.carry_out(process, &mut effects, &mut end);
        assert!(end.is_none(), "no call ends its own process");
        result
    }
    fn spawn_for(self: &Arc<Self>, request: SpawnRequest) {
        let SpawnRequest { parent, id, over, name, link, monitor, .. } = request;
        let answer = |answer| self.online().is_some_and(|online| online.answer_spawn(over, parent, id, answer));
        if name.is_some_and(|name| name != b"body") {
            answer(Answer::NotSpawned(b"no global function of that name there"[..].into()));
            return;
        }
        let mut core = Core::new(self.next_pid());
        let pid = core.pid();
        if link {
            core.linked_parent(parent);
        }
        if let Some(id) = monitor {
            core.monitored_by_parent(parent, id);
        }
        if answer(Answer::Spawned(pid)) {
            self.enter(core);
        }
    }
    /// A process spawns another here.
    pub fn spawn(self: &Arc<Self>, parent: &mut Process, link: bool, monitor: bool) {
        let mut core = Core::new(self.next_pid());
        let (own, pid) = (parent.core.pid(), core.pid());
        if link {
            parent.core.linked_child(pid);
            core.linked_parent(own);
        }
        if monitor {
            core.monitored_by_parent(own, parent.core.monitored_child(pid));
        }
        self.enter(core);
    }
    fn end(self: &Arc<Self>, mut process: Process, unhandled: Vec<Signal>, reason: &Message, abnormal: bool) {
        let pid = process.core.pid();
        self.common()
            .trace(|| format!("{pid} ends: {:?}", reason.text().map(|t| String::from_utf8_lossy(&t).into_owned())));
        let mut left = unhandled;
        left.extend(self.inner().inbox(pid).map(Inbox::end).unwrap_or_default());
        process.core.ending = true;
        if !process.node_monitors.is_empty()
            && let Some(online) = self.online()
        {
            online.forget_watcher(pid);
        }
        let mut questions = take_questions(&mut left);
        self.handle(&mut process, &mut left);
        let mut farewell = process.core.farewell();
        while let Some(name) = farewell.next_name() {
            self.free_name(&name, pid);
        }
        while let Some((to, signal)) = farewell.next_signal(pid, reason, abnormal) {
            let mut common = self.common();
            let from_here = (common.now, self.host);
            common.ledger.sent(to, &signal, from_here);
            drop(common);
            self.route(to, signal);
        }
        self.common().ledger.ended.insert(pid);
        loop {
            let first = self.inner().inbox(pid).and_then(|inbox| inbox.bury(pid, &mut questions));
            let Some(first) = first else { break };
            for (to, answer) in first {
                self.route(to, answer);
            }
        }
        let mut inner = self.inner();
        let was_guest = inner.guests.remove(&pid).is_some();
        inner.inboxes.remove(&pid);
        let online = inner.online.clone().filter(|_| was_guest);
        drop(inner);
        if let Some(online) = online {
            online.process_ended(pid);
        }
        for (to, answer) in questions.into_iter().filter_map(|s| s.bounce(pid)) {
            self.route(to, answer);
        }
    }
}

impl Process {
    /// A process that has done nothing yet.
    pub fn new(core: Core) -> Process {
        let (mailbox, node_monitors) = Default::default();
        Process { core, mailbox, epoch: 0, wants: None, node_monitors }
    }
    /// Whether the answer that it waits for has come; the node that it moves to because of it.
    fn look_for_answer(&mut self, program: &Program) -> Option<NodeName> {
        let (id, want) = self.wants.clone()?;
        let answer = self.core.take_reply(id)?;
        self.wants = None;
        match (want, answer) {
            (Want::Sent(number), Answer::Done(Err(_))) => program.common().ledger.failed(number),
            (Want::Move(node), Answer::Done(Ok(()))) => {
                self.wants = Some((id, Want::Move(node.clone())));
                return Some(node);
            }
            _ => {}
        }
        None
    }
    /// The question under way, and whom it was asked.
    pub fn asked(&self) -> Option<(u64, Pid)> {
        match self.wants {
            Some((id, Want::Answer(Some(whom)))) => Some((id, whom)),
            _ => None,
        }
    }
    /// Asks a process something.
    pub fn ask(&mut self, program: &Arc<Program>, whom: Pid, question: Question) {
        let (id, from) = (self.core.next_id(), self.core.pid());
        self.wants = Some((id, Want::Answer(Some(whom))));
        let signal = Signal::Ask { from, id, question };
        let mut common = program.common();
        let from_here = (common.now, program.host);
        common.ledger.sent(whom, &signal, from_here);
        drop(common);
        program.route(whom, signal);
    }
}

/// A signal in a line.
pub fn brief(signal: &Signal) -> String {
    let text = match signal {
        Signal::Message(m) => {
            format!("a message: {}", String::from_utf8_lossy(&m.to_portable().bytes).replace('\0', ""))
        }
        other => format!("{other:?}"),
    };
    text.chars().take(160).collect()
}

impl Surroundings for Arc<Program> {
    fn runtime(&self) -> Runtime {
        self.runtime
    }
    fn now(&self) -> Time {
        self.common().now
    }
    fn random(&self) -> u64 {
        self.common().random.next()
    }
    fn route(&self, to: Pid, signal: Signal) -> bool {
        self.common().trace(|| format!("host {} routes to {to}: {}", self.host, brief(&signal)));
        let mut next = Some((to, signal));
        let mut reached = None;
        while let Some((to, signal)) = next.take() {
            let mut signal = Some(signal);
            if to.runtime() == self.runtime {
                let mut inner = self.inner();
                let inbox = inner.inboxes.get_mut(&to);
                let delivered = inbox.and_then(|i| Some(i.deliver(signal.take()?, Held::default())));
                drop(inner);
                match delivered {
                    Some(Delivered::Queued) | None => {}
                    Some(Delivered::Wake) => self.common().woken.push((self.clone(), to)),
                    Some(Delivered::Refused(back)) => signal = Some(back),
                }
                reached.get_or_insert(signal.is_none());
            }
            let Some(signal) = signal else { break };
            if to.runtime() == self.runtime && !self.may_be_elsewhere(to) {
                if let Signal::Named(name) = &signal {
                    self.inner().remove_name_of(name, to);
                }
                if self.online().is_none_or(|online| !online.asks_where_it_ended(to, &signal)) {
                    next = signal.bounce(to);
                }
                continue;
            }
            let sent = match self.online() {
                Some(online) => online.route(to, signal),
                None => self.take(to, signal),
            };
            if let Err(signal) = &sent {
                self.common().ledger.refused(to, signal);
            }
            match to.runtime() == self.runtime {
                true => reached = Some(sent.is_ok()),
                false => _ = reached.get_or_insert(sent.is_ok()),
            }
            next = sent.err().and_then(|signal| signal.unreachable(to));
        }
        reached.unwrap_or(false)
    }
    fn root(&self) -> Option<Pid> {
        Some(self.inner().root)
    }
    fn find(&self, name: &[u8]) -> Option<Pid> {
        self.inner().names.get(name).copied()
    }
    fn give_name(&self, name: Name, pid: Pid) -> bool {
        self.common().trace(|| format!("{pid} is to get the name {:?}", String::from_utf8_lossy(&name)));
        let mut inner = self.inner();
        if inner.names.contains_key(&name) {
            return false;
        }
        inner.names.insert(name.clone(), pid);
        drop(inner);
        let given = self.take(pid, Signal::Named(name.clone())).is_ok();
        if !given {
            self.inner().remove_name_of(&name, pid);
        }
        given
    }
    fn take_name(&self, name: &[u8]) -> bool {
        self.common().trace(|| format!("host {} takes the name {:?}", self.host, String::from_utf8_lossy(name)));
        let mut inner = self.inner();
        let Some(pid) = inner.names.get(name).copied().filter(|pid| inner.inbox(*pid).is_some()) else { return false };
        inner.remove_name_of(name, pid);
        drop(inner);
        let _ = self.take(pid, Signal::Unnamed(name.into()));
        true
    }
    fn adopt_name(&self, name: Name, pid: Pid) {
        let winner = *self.inner().names.entry(name.clone()).or_insert(pid);
        if winner != pid {
            let _ = self.take(pid, Signal::Unnamed(name.clone()));
            let _ = self.take(pid, Signal::Message(Message::name_conflict(&name, winner)));
        }
    }
    fn drop_name(&self, name: &[u8], pid: Pid) -> bool {
        self.inner().remove_name_of(name, pid)
    }
    fn deliver_here(&self, to: Pid, signal: Signal) -> Result<(), Signal> {
        self.take(to, signal)
    }
    fn is_here(&self, pid: Pid) -> bool {
        self.inner().inbox(pid).is_some()
    }
    fn goes_on(&self, pid: Pid, why: String) {
        self.stays(pid, &why);
    }
    fn departs(&self, pid: Pid) -> Result<Departed, String> {
        self.leaves(pid)
    }
    fn unpack(&self, frozen: &mut [u8], modules: &dyn ModuleSource) -> Result<Guest, Fault> {
        self.made(frozen, modules)
    }
    fn starts(&self, pid: Pid) {
        self.goes(pid);
    }
    fn register_timeout(&self) -> Time {
        5 * SECOND
    }
    fn node_of(&self, runtime: Runtime) -> Option<NodeName> {
        self.inner().met.get(&runtime).cloned()
    }
    fn met(&self, runtime: Runtime, node: &NodeName) {
        self.inner().met.insert(runtime, node.clone());
    }
    fn keepalive(&self) -> Option<Time> {
        self.common().keepalive
    }
    fn connects_all(&self) -> bool {
        self.common().connects_all
    }
    fn report(&self, line: &str) {
        self.common().trace(|| line.to_string());
    }
    fn is_traced(&self) -> bool {
        self.common().traced
    }
    fn goes_on_without(&self, pid: Pid, node: Option<NodeName>) {
        let mut common = self.common();
        let now = common.now;
        common.trace(|| format!("{pid} goes on without {node:?}"));
        common.ledger.unsettled.extend(node.map(|node| (now, pid, node)));
    }
    fn is_held_no_longer(&self, pid: Pid) {
        let mut common = self.common();
        let now = common.now;
        common.trace(|| format!("host {} holds nothing back for {pid} any more", self.host));
        common.ledger.overtaken.push((now, pid, self.host));
    }
    fn dial(&self, online: Arc<Online>, c: Connection, node: NodeName) {
        self.common().dials.push((self.host, online, c, node));
    }
}
