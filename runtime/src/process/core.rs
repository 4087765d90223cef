//! What a signal, a timer or a call does to a process: its links, monitors, names and waits.
//!
//! Journey: signal: route -> inbox -> **core** -> effects. A pure state machine: no lock, clock or thread in it. A signal
//! or an operation of the process itself goes in, [`Effect`]s come out, and whoever runs the process carries them out
//! in their order. The workers, the seeded driver and the simulated network drive this same core.
//!
//! Always: only the process's own signals and calls change it. A link is counted at both ends or will be: an unlink that
//! was not acknowledged hides all that its link may still bring (Erlang's protocol, "Distribution Protocol", link
//! protocol). A DOWN message comes once for each monitor, and none after `demonitor`. A call has one outcome: the first answer
//! to its number, or the end of whom it was made to; what comes after it, or after it was given up, is dropped (Erlang's
//! process aliases, and monitors that take them back).
//!
//! Not here: queues and states of running (inbox.rs), Lua's part of an end (exit.rs), the mailbox (mailbox.rs).

use super::few::Few;
use super::order::Order;
use super::seldom::Seldom;
use super::signal::{Answer, Bond, Name, Question, Signal, Status, Wake};
use crate::codec::Message;
use crate::migration::frozen::Record;
use crate::node::name::NodeName;
use crate::node::ties::Tie;
use crate::node::translate::SpawnRequest;
use rlua_machine::value::Pid;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Nanoseconds since the runtime began, by its clock.
pub type Time = u64;

/// Hashes pids, which nobody chooses.
#[derive(Default, Debug)]
pub struct PidHasher(u64);
impl Hasher for PidHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("pids are hashed as words")
    }
    fn write_u64(&mut self, n: u64) {
        let wide = u128::from(n ^ self.0) * 0x9e37_79b9_7f4a_7c15;
        self.0 = wide as u64 ^ (wide >> 64) as u64;
    }
}
type Pids<T> = Few<Pid, T, PidHasher>;
type Numbers<T> = HashMap<u64, T, BuildHasherDefault<PidHasher>>;

/// What is to be done because of an event.
#[derive(Debug)]
pub enum Effect {
    /// A signal for another process.
    Route(Pid, Signal),
    /// A message for the end of the mailbox.
    Deliver(Message),
    /// What the process waits for may have come: its native looks again.
    Resume,
    /// An end in which Lua runs begins: an exit signal that is not trapped.
    Exit(Message),
    /// The process ends without running Lua.
    Kill {
        /// What the others are told.
        reason: Message,
        /// It is to be reported.
        limit: bool,
    },
    /// An error is raised where the process is.
    Interrupt,
    /// Whoever runs the process tells what is known of it.
    Describe {
        /// Whom.
        to: Pid,
        /// Number of the question.
        id: u64,
        /// What it was doing when it was asked.
        status: Status,
    },
    /// Heap and mailbox are to be compared with the limit.
    CheckLimit,
    /// A process is to be made, as if by this one, for another node.
    Spawn(Box<SpawnRequest>),
    /// A name was taken away, unless it has been given back since.
    NameLost(Name),
    /// Another process wants this one to move (order.rs).
    Order {
        /// Who.
        to: Pid,
        /// Number of the question.
        id: u64,
        /// Where to.
        node: NodeName,
    },
    /// The time is over in which the move that another process wants was to begin.
    OrderLate,
    /// A question was lost, and who has asked it is told: after all that was answered before.
    Lost {
        /// Who.
        to: Pid,
        /// Number of the question.
        id: u64,
    },
    /// Of whom the process has asked something, and waits for the answer, is asked whether that has come.
    AskAgain,
    /// Whoever runs the process tells whether it could move.
    Migratable {
        /// Whom.
        to: Pid,
        /// Number of the question.
        id: u64,
    },
}

/// One end of a link.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    /// Signals over it count.
    active: bool,
    /// Number of the last unlink that was not acknowledged; 0: none.
    unlinking: u64,
}

/// Links, monitors and names: most processes have few or none.
#[derive(Default, Debug)]
struct Relations {
    links: Pids<Link>,
    /// Who monitors it, under which number: one process may several times, by its calls.
    watchers: Few<(Pid, u64), (), PidHasher>,
    watched: Pids<u64>,
    /// With the order in which they came.
    names: Seldom<HashMap<Name, u64>>,
}

/// A wait under way.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    number: u64,
    timed_out: bool,
}

/// A process that another node was asked for.
#[derive(Clone, Copy, Debug)]
struct Spawning {
    /// Number of the question.
    id: u64,
    link: bool,
    /// Number of the monitor.
    monitor: Option<u64>,
}

/// A call that it has made, until its outcome is taken.
#[derive(Debug)]
struct Call {
    /// Whom it has called, and monitors until there is an outcome.
    peer: Pid,
    /// When it is to be given up, by the process's own clock.
    deadline: Option<Time>,
    outcome: Option<Outcome>,
}

/// What a call has come to.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// An answer.
    Answered {
        /// The value says why there is none.
        refused: bool,
        /// What was answered.
        value: Message,
    },
    /// Whom it was made to has ended, or cannot be reached: why.
    Ended(Message),
}

/// What is known of a call.
pub enum Called<'a> {
    /// It was given up, or its outcome taken.
    Unknown,
    /// Nothing has come; when it is to be given up, by the process's own clock.
    Open(Option<Time>),
    /// What it has come to.
    Over(&'a Outcome),
}

/// What other processes and nodes answer.
#[derive(Default, Debug)]
struct Answers {
    /// Calls by their numbers.
    calls: Numbers<Call>,
    /// The call that the process waits for, and gives up if it is interrupted.
    current: Option<u64>,
    /// Bytes of outcomes that were not taken.
    bytes: usize,
    /// To the question of this number.
    reply: Option<(u64, Answer)>,
    /// What other nodes were asked for, in order: several if an interrupt ended the waits for those before the last.
    spawning: Vec<Spawning>,
}

/// The core of a process.
// In this order, what each slice touches lies together.
#[repr(C)]
#[derive(Debug)]
pub struct Core {
    waiting: Option<Waiting>,
    last_id: u64,
    /// What the root was woken by.
    wake: Option<Wake>,
    /// It is ending: exit signals do not matter any more.
    pub ending: bool,
    /// Exit signals become messages.
    pub trapexit: bool,
    pid: Pid,
    relations: Option<Box<Relations>>,
    answers: Seldom<Answers>,
    /// The move that another process wants.
    pub order: Option<Box<Order>>,
}

/// What is left to be told when a process has ended, in the order in which it is told.
#[derive(Default, Debug)]
pub struct Farewell {
    names: Vec<Name>,
    signals: Vec<(Pid, Told)>,
}
#[derive(Clone, Copy, Debug)]
enum Told {
    Down(u64),
    Exit,
    Demonitor(u64),
}

impl Core {
    /// The core of a new process.
    pub fn new(pid: Pid) -> Core {
        Core {
            pid,
            relations: None,
            trapexit: false,
            ending: false,
            last_id: 0,
            waiting: None,
            answers: Seldom::default(),
            wake: None,
            order: None,
        }
    }
    fn relations(&mut self) -> &mut Relations {
        self.relations.get_or_insert_default()
    }
    /// Whose it is.
    #[cfg(test)]
    pub fn pid(&self) -> Pid {
        self.pid
    }
    /// Monitors that it has, those of calls as well, and their numbers.
    #[cfg(test)]
    pub fn all_watched(&self) -> Vec<(Pid, u64)> {
        let watched = self.relations.iter().flat_map(|r| r.watched.iter().map(|(p, id)| (*p, *id)));
        watched.chain(self.open_calls()).collect()
    }
    /// Who monitors it, under which numbers.
    #[cfg(test)]
    pub fn all_watchers(&self) -> Vec<(Pid, u64)> {
        self.relations.iter().flat_map(|r| r.watchers.keys().copied()).collect()
    }
    /// A number that this process has not used yet.
    #[inline]
    pub fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Handles one signal.
    pub fn handle(&mut self, signal: Signal, effects: &mut Vec<Effect>) {
        match signal {
            Signal::Message(m) => {
                effects.push(Effect::Deliver(m));
                effects.push(Effect::Resume);
            }
            Signal::Exit { from, reason, normal } => self.exit_signal(from, reason, normal, effects),
            Signal::Link { from } => {
                let link = self.relations().links.or_default(from);
                // Before the acknowledgement: the sender's end goes when it handles the unlink.
                if link.unlinking == 0 {
                    link.active = true;
                }
            }
            Signal::Unlink { from, id } => {
                if let Some(link) = self.relations().links.get_mut(&from) {
                    link.active = false;
                }
                self.forget_link(from);
                effects.push(Effect::Route(from, Signal::UnlinkAck { from: self.pid, id }));
            }
            Signal::UnlinkAck { from, id } => {
                if let Some(link) = self.relations().links.get_mut(&from)
                    && link.unlinking == id
                {
                    link.unlinking = 0;
                    self.forget_link(from);
                }
            }
            Signal::Monitor { from, id } => {
                self.relations().watchers.insert((from, id), ());
            }
            Signal::Demonitor { from, id } => {
                self.relations().watchers.remove(&(from, id));
            }
            Signal::Down { from, id, reason } => {
                let watched = &mut self.relations().watched;
                if watched.get(&from) == Some(&id) {
                    watched.remove(&from);
                    effects.push(Effect::Deliver(Message::system(b"DOWN", from, reason)));
                    effects.push(Effect::Resume);
                } else if self.settle_call(id, Outcome::Ended(reason)).is_some() {
                    effects.push(Effect::Resume);
                }
            }
            Signal::Response { id, over, refused, value, .. } => {
                let Some(peer) = self.settle_call(id, Outcome::Answered { refused, value }) else { return };
                if !over {
                    effects.push(Effect::Route(peer, Signal::Demonitor { from: self.pid, id }));
                }
                effects.push(Effect::Resume);
            }
            Signal::Named(name) => self.add_name(name),
            Signal::Unnamed(name) => effects.push(Effect::NameLost(name)),
            Signal::Kill { reason, limit } => effects.push(Effect::Kill { reason, limit }),
            Signal::Interrupt => {
                if !self.ending {
                    effects.push(Effect::Interrupt);
                }
            }
            Signal::Tied { from, bond } => self.compare(from, bond, effects),
            Signal::Arrived { torn } => self.ask_ends(torn, effects),
            Signal::Ask { from, id, question: Question::Again }
                if self.order.as_ref().is_some_and(|o| o.asker == (from, id)) => {}
            Signal::Ask { from, id, question } => effects.push(match question {
                Question::Alive => Effect::Route(from, Signal::Reply { id, answer: Answer::Alive(self.pid) }),
                Question::Info(status) => Effect::Describe { to: from, id, status },
                Question::Migrate(node) => Effect::Order { to: from, id, node },
                Question::Migratable => Effect::Migratable { to: from, id },
                Question::Again => Effect::Lost { to: from, id },
            }),
            // Whether the node is connected that it is to move to.
            Signal::Reply { id, answer } if self.order.as_ref().is_some_and(|o| o.id == id) => {
                let Some(mut order) = self.order.take() else { return };
                match answer {
                    Answer::Done(Ok(())) => {
                        order.is_connected = true;
                        self.order = Some(order);
                    }
                    Answer::Done(Err(why)) => effects.push(order.refused(why)),
                    _ => effects.push(order.refused("noconnection".to_string())),
                }
            }
            Signal::Reply { id, answer } => {
                // Before anything else that the child may have sent is handled.
                if let Some(answers) = self.answers.get_mut()
                    && let Some(spawning) = answers.spawning.iter().position(|s| s.id == id)
                    && let spawning = answers.spawning.remove(spawning)
                    && let Answer::Spawned(child) = answer
                {
                    if spawning.link {
                        self.child_is_known(child, effects);
                    }
                    if let Some(id) = spawning.monitor {
                        self.relations().watched.insert(child, id);
                    }
                }
                // To what was asked last: the answer to a question that was given up (`interrupt`) may come after it.
                let reply = &mut self.answers.change().reply;
                if reply.as_ref().is_none_or(|r| r.0 < id) {
                    *reply = Some((id, answer));
                }
                effects.push(Effect::Resume);
            }
            Signal::Timeout { wait } => {
                if let Some(w) = &mut self.waiting
                    && w.number == wait
                {
                    w.timed_out = true;
                    effects.push(Effect::Resume);
                } else if self.order.as_ref().is_some_and(|o| o.id == wait) {
                    effects.push(Effect::OrderLate);
                }
            }
            Signal::Wake(Wake::Ready) => effects.push(Effect::Resume),
            Signal::Wake(wake) => {
                self.wake = Some(wake);
                effects.push(Effect::Resume);
            }
            Signal::OverLimit => effects.push(Effect::CheckLimit),
            // The context has seen to it.
            Signal::Trace { .. } => {}
            Signal::Spawn(request) => effects.push(Effect::Spawn(request)),
        }
    }
    fn exit_signal(&mut self, from: Pid, reason: Message, normal: bool, effects: &mut Vec<Effect>) {
        match self.relations().links.get_mut(&from) {
            // The partner ended before it handled our unlink: what comes over the old link does not count.
            Some(link) if link.active && link.unlinking == 0 => link.active = false,
            _ => return,
        }
        self.forget_link(from);
        self.partner_has_ended(from, reason, normal, effects);
    }
    /// What the end of a linked process brings about.
    fn partner_has_ended(&mut self, from: Pid, reason: Message, normal: bool, effects: &mut Vec<Effect>) {
        if normal || self.ending {
            return;
        }
        if self.trapexit {
            effects.push(Effect::Deliver(Message::system(b"EXIT", from, reason)));
            effects.push(Effect::Resume);
        } else {
            effects.push(Effect::Exit(reason));
        }
    }
    /// Those to whom it is tied are asked whether they are to it.
    fn ask_ends(&mut self, torn: bool, effects: &mut Vec<Effect>) {
        let from = self.pid;
        let tied = |(to, bond)| Effect::Route(to, Signal::Tied { from, bond });
        effects.extend(self.open_calls().map(|(p, id)| tied((p, Bond::Watches(id)))));
        if let Some(r) = &self.relations {
            let links = r.links.iter().filter(|(_, l)| l.active).map(|(p, _)| (*p, Bond::Link));
            let watched = r.watched.iter().map(|(p, id)| (*p, Bond::Watches(*id)));
            let watchers = r.watchers.keys().map(|(p, id)| (*p, Bond::WatchedUnder(*id)));
            let asked = links.chain(watched).chain(watchers);
            effects.extend(asked.map(tied));
            let unlinked = r.links.iter().filter(|(_, l)| torn && !l.active).map(|(p, _)| *p);
            for peer in unlinked.collect::<Vec<Pid>>() {
                self.compare(peer, Bond::Torn, effects);
            }
        }
        effects.push(Effect::AskAgain);
    }
    /// Another believes to be tied to this process: it is told if that is not so. A link is then taken away from here, too, so that
    /// one that the other makes meanwhile goes with it.
    fn compare(&mut self, peer: Pid, bond: Bond, effects: &mut Vec<Effect>) {
        let (from, id) = (self.pid, self.last_id + 1);
        let noconnection = || Message::string(b"noconnection");
        let is_called = matches!(bond, Bond::WatchedUnder(id) if self.open_calls().any(|call| call == (peer, id)));
        let relations = self.relations();
        let link = relations.links.get_mut(&peer);
        match bond {
            // What was taken away from here and is not acknowledged goes by that.
            Bond::Link if link.as_ref().is_some_and(|l| l.active || l.unlinking > 0) => {}
            Bond::Link => {
                relations.links.insert(peer, Link { active: false, unlinking: id });
                self.last_id = id;
                effects.push(Effect::Route(peer, Signal::Exit { from, reason: noconnection(), normal: false }));
                effects.push(Effect::Route(peer, Signal::Unlink { from, id }));
            }
            Bond::Watches(id) => {
                if !relations.watchers.contains(&(peer, id)) {
                    effects.push(Effect::Route(peer, Signal::Down { from, id, reason: noconnection() }));
                }
            }
            Bond::WatchedUnder(id) => {
                // It may be a child that is not known yet.
                let is_child = self.answers.get_mut().is_some_and(|a| a.spawning.iter().any(|s| s.monitor == Some(id)));
                let relations = self.relations();
                if !is_called && !is_child && relations.watched.get(&peer) != Some(&id) {
                    effects.push(Effect::Route(peer, Signal::Demonitor { from, id }));
                }
            }
            Bond::Torn => {
                if let Some(link) = link.filter(|l| !l.active && l.unlinking > 0) {
                    link.unlinking = id;
                    self.last_id = id;
                    effects.push(Effect::Route(peer, Signal::Unlink { from, id }));
                }
            }
        }
    }
    /// Drops the entry of a link that is neither active nor being undone.
    fn forget_link(&mut self, peer: Pid) {
        let links = &mut self.relations().links;
        if links.get(&peer).is_some_and(|l| !l.active && l.unlinking == 0) {
            links.remove(&peer);
        }
    }

    // What the process itself does.

    /// Links another process; linked already: nothing.
    pub fn link(&mut self, peer: Pid, effects: &mut Vec<Effect>) {
        let own = self.pid;
        if peer == own {
            return;
        }
        let link = self.relations().links.or_default(peer);
        if !std::mem::replace(&mut link.active, true) {
            // A new link: the acknowledgement of an unlink before it does not matter to it.
            link.unlinking = 0;
            effects.push(Effect::Route(peer, Signal::Link { from: own }));
        }
    }
    /// Takes a link away: nothing that comes over it counts any more.
    pub fn unlink(&mut self, peer: Pid, effects: &mut Vec<Effect>) {
        let id = self.last_id + 1;
        let own = self.pid;
        if let Some(link) = self.relations().links.get_mut(&peer)
            && std::mem::take(&mut link.active)
        {
            link.unlinking = id;
            self.last_id = id;
            effects.push(Effect::Route(peer, Signal::Unlink { from: own, id }));
        }
    }
    /// Monitors another process; monitored already: nothing.
    pub fn monitor(&mut self, peer: Pid, effects: &mut Vec<Effect>) {
        let (own, id) = (self.pid, self.last_id + 1);
        let watched = &mut self.relations().watched;
        if !watched.contains(&peer) {
            watched.insert(peer, id);
            self.last_id = id;
            effects.push(Effect::Route(peer, Signal::Monitor { from: own, id }));
        }
    }
    /// Ends a monitor. False: there is none.
    pub fn demonitor(&mut self, peer: Pid, effects: &mut Vec<Effect>) -> bool {
        let own = self.pid;
        match self.relations().watched.remove(&peer) {
            Some(id) => {
                effects.push(Effect::Route(peer, Signal::Demonitor { from: own, id }));
                true
            }
            None => false,
        }
    }
    /// Calls another process under a new number, which it monitors under that until there is an outcome; until a time by the
    /// process's clock. What is asked is sent behind that. A call that was waited for before is given up.
    pub fn call(&mut self, id: u64, peer: Pid, deadline: Option<Time>, effects: &mut Vec<Effect>) {
        self.give_up_current(effects);
        let answers = self.answers.change();
        answers.calls.insert(id, Call { peer, deadline, outcome: None });
        answers.current = Some(id);
        effects.push(Effect::Route(peer, Signal::Monitor { from: self.pid, id }));
    }
    /// A call has an outcome; whom it was made to, unless it had one already or was given up.
    fn settle_call(&mut self, id: u64, outcome: Outcome) -> Option<Pid> {
        let answers = self.answers.get_mut()?;
        let call = answers.calls.get_mut(&id).filter(|call| call.outcome.is_none())?;
        answers.bytes += outcome.bytes();
        call.outcome = Some(outcome);
        Some(call.peer)
    }
    /// What is known of a call.
    pub fn called(&self, id: u64) -> Called<'_> {
        match self.answers.get().and_then(|a| a.calls.get(&id)) {
            None => Called::Unknown,
            Some(Call { outcome: None, deadline, .. }) => Called::Open(*deadline),
            Some(Call { outcome: Some(outcome), .. }) => Called::Over(outcome),
        }
    }
    /// Nobody wants a call's outcome any more, or it was taken: what still comes of it is dropped.
    pub fn give_up_call(&mut self, id: u64, effects: &mut Vec<Effect>) {
        let Some(answers) = self.answers.get_mut() else { return };
        let Some(Call { peer, outcome, .. }) = answers.calls.remove(&id) else { return };
        if answers.current == Some(id) {
            answers.current = None;
        }
        match outcome {
            None => effects.push(Effect::Route(peer, Signal::Demonitor { from: self.pid, id })),
            Some(outcome) => answers.bytes -= outcome.bytes(),
        }
    }
    /// As [`Core::give_up_call`], of the call that is waited for.
    pub fn give_up_current(&mut self, effects: &mut Vec<Effect>) {
        if let Some(id) = self.current_call() {
            self.give_up_call(id, effects);
        }
    }
    /// The call that is waited for: an interrupt gives it up.
    pub fn current_call(&self) -> Option<u64> {
        self.answers.get()?.current
    }
    /// Whom the call that is waited for was made to, as long as nothing has come of it.
    pub fn called_now(&self) -> Option<Pid> {
        let answers = self.answers.get()?;
        answers.calls.get(&answers.current?).filter(|call| call.outcome.is_none()).map(|call| call.peer)
    }
    /// The call that was waited for is kept, to be asked about later.
    pub fn keep_call(&mut self) {
        if let Some(answers) = self.answers.get_mut() {
            answers.current = None;
        }
    }
    /// Bytes of what calls have come to and nobody has taken.
    pub fn outcome_bytes(&self) -> usize {
        self.answers.get().map_or(0, |a| a.bytes)
    }
    fn open_calls(&self) -> impl Iterator<Item = (Pid, u64)> {
        let calls = self.answers.get().into_iter().flat_map(|a| &a.calls);
        calls.filter(|(_, call)| call.outcome.is_none()).map(|(id, call)| (call.peer, *id))
    }
    /// It answers a call: whether it was called itself, and its caller monitors it because of that; no more from now on.
    pub fn answers(&mut self, caller: Pid, id: u64) -> bool {
        self.relations.as_mut().is_some_and(|r| r.watchers.remove(&(caller, id)).is_some())
    }
    /// Whether a caller still waits, as far as it is known here.
    pub fn is_awaited(&self, caller: Pid, id: u64) -> bool {
        self.relations.as_ref().is_some_and(|r| r.watchers.contains(&(caller, id)))
    }
    /// The tie to a process that it has just spawned, which knows of it from its birth.
    pub fn linked_child(&mut self, child: Pid) {
        self.relations().links.insert(child, Link { active: true, unlinking: 0 });
    }
    /// The same when another node has made it. The child may have moved, asked whether it is linked, and been told that it is not
    /// (`compare`), since nobody knew it yet: then the link is lost, and both ends are told so.
    fn child_is_known(&mut self, child: Pid, effects: &mut Vec<Effect>) {
        let link = self.relations().links.or_default(child);
        if link.unlinking == 0 {
            link.active = true;
            return;
        }
        let (from, noconnection) = (self.pid, Message::string(b"noconnection"));
        effects.push(Effect::Route(child, Signal::Exit { from, reason: noconnection.clone(), normal: false }));
        self.partner_has_ended(child, noconnection, false, effects);
    }
    /// As [`Core::linked_child`], for a monitor; its number.
    pub fn monitored_child(&mut self, child: Pid) -> u64 {
        let id = self.next_id();
        self.relations().watched.insert(child, id);
        id
    }
    /// It asks another node for a process, to which it is tied as soon as the answer to this question comes.
    pub fn spawns(&mut self, id: u64, link: bool, monitor: Option<u64>) {
        self.answers.change().spawning.push(Spawning { id, link, monitor });
    }
    /// The same, at the child: it is linked with its parent.
    pub fn linked_parent(&mut self, parent: Pid) {
        self.linked_child(parent);
    }
    /// The same, at the child: its parent monitors it.
    pub fn monitored_by_parent(&mut self, parent: Pid, id: u64) {
        self.relations().watchers.insert((parent, id), ());
    }
    /// It has got a name.
    pub fn add_name(&mut self, name: Name) {
        let order = self.next_id();
        self.relations().names.change().entry(name).or_insert(order);
    }
    /// It has lost a name.
    pub fn remove_name(&mut self, name: &[u8]) {
        if let Some(names) = self.relations().names.get_mut() {
            names.remove(name);
        }
    }
    /// Its names, the oldest first.
    pub fn names(&self) -> Vec<Name> {
        self.relations.as_ref().and_then(|r| r.names.get()).map_or(Vec::new(), |names| in_order(names.clone()))
    }
    /// The name that it has had for longest.
    pub fn first_name(&self) -> Option<Name> {
        self.relations.as_ref()?.names.get()?.iter().min_by_key(|(_, order)| **order).map(|(name, _)| name.clone())
    }
    /// Linked processes, by age.
    pub fn links(&self) -> Vec<Pid> {
        let links = self.relations.iter().flat_map(|r| r.links.iter());
        let mut all: Vec<Pid> = links.filter(|(_, l)| l.active).map(|(p, _)| *p).collect();
        all.sort_unstable();
        all
    }
    /// Processes that it monitors, by age.
    pub fn watched(&self) -> Vec<Pid> {
        let mut all: Vec<Pid> = self.relations.iter().flat_map(|r| r.watched.keys().copied()).collect();
        all.sort_unstable();
        all
    }

    // Frozen.

    /// Writes down what it has.
    pub fn freeze(&self, into: &mut Record<Pid>, waits_for_messages: bool) {
        if let Some(r) = &self.relations {
            into.links = r.links.iter().map(|(p, l)| (*p, l.active, l.unlinking)).collect();
            into.watchers = r.watchers.keys().copied().collect();
            into.watched = r.watched.iter().map(|(p, id)| (*p, *id)).collect();
            // The same bytes for the same process.
            into.links.sort_unstable();
            into.watchers.sort_unstable();
            into.watched.sort_unstable();
        }
        into.names = self.names().iter().map(|n| n[..].into()).collect();
        into.last_id = self.last_id;
        into.waiting = self.waiting.map(|w| (w.number, w.timed_out, waits_for_messages));
        let mut spawning = self.answers.get().into_iter().flat_map(|a| &a.spawning).map(|s| (s.id, s.link, s.monitor));
        into.spawning = spawning.next_back();
        into.more_spawning = spawning.collect();
        into.current_call = self.current_call();
    }
    /// Its calls, in order: number, whom, when it is to be given up, what it has come to.
    pub fn calls(&self) -> Vec<(u64, Pid, Option<Time>, Option<Outcome>)> {
        let calls = self.answers.get().into_iter().flat_map(|a| &a.calls);
        let mut all: Vec<_> = calls.map(|(id, c)| (*id, c.peer, c.deadline, c.outcome.clone())).collect();
        all.sort_unstable_by_key(|c| c.0);
        all
    }
    /// The core that a record describes, but for its names; what its calls have come to is read already.
    pub fn thaw(from: &Record<Pid>, outcomes: Vec<Option<Outcome>>) -> Core {
        let mut core = Core::new(from.pid);
        core.last_id = from.last_id;
        core.ending = from.ending.is_some();
        core.waiting = from.waiting.map(|(number, timed_out, _)| Waiting { number, timed_out });
        for &(id, link, monitor) in from.more_spawning.iter().chain(&from.spawning) {
            core.spawns(id, link, monitor);
        }
        if !from.calls.is_empty() {
            let answers = core.answers.change();
            answers.bytes = outcomes.iter().flatten().map(Outcome::bytes).sum();
            let calls = from.calls.iter().zip(outcomes);
            answers.calls =
                calls.map(|(c, outcome)| (c.id, Call { peer: c.peer, deadline: c.deadline, outcome })).collect();
            answers.current = from.current_call;
        }
        if !(from.links.is_empty() && from.watchers.is_empty() && from.watched.is_empty()) {
            let r = core.relations();
            r.links = from.links.iter().map(|&(p, active, unlinking)| (p, Link { active, unlinking })).collect();
            r.watchers = from.watchers.iter().map(|&w| (w, ())).collect();
            r.watched = from.watched.iter().copied().collect();
        }
        core
    }
    /// How it is tied to which others.
    pub fn ties(&self) -> Vec<(Pid, Tie)> {
        let asked = self.order.iter().map(|o| (o.asker.0, Tie::AskedBy(o.asker.1)));
        let asked = asked.chain(self.open_calls().map(|(p, id)| (p, Tie::Watches(id))));
        let Some(r) = &self.relations else { return asked.collect() };
        let links = r.links.iter().flat_map(|(p, l)| {
            let linked = l.active.then_some((*p, Tie::Link));
            linked.into_iter().chain((l.unlinking > 0).then_some((*p, Tie::Unlink(l.unlinking))))
        });
        let watched = r.watched.iter().map(|(p, id)| (*p, Tie::Watches(*id)));
        let watchers = r.watchers.keys().map(|(p, id)| (*p, Tie::WatchedUnder(*id)));
        links.chain(watched).chain(watchers).chain(asked).collect()
    }
    /// Nobody whom it was tied to can be reached, as after a checkpoint: what it is to be told.
    pub fn loses_all(&mut self) -> Vec<Signal> {
        let noconnection = || Message::string(b"noconnection");
        let down = |(from, id)| Signal::Down { from, id, reason: noconnection() };
        let calls: Vec<Signal> = self.open_calls().map(down).collect();
        let Some(r) = self.relations.as_mut() else { return calls };
        r.watchers.clear();
        r.names.clear();
        r.links.retain(|_, l| {
            l.unlinking = 0;
            l.active
        });
        let exits = r.links.keys().map(|p| Signal::Exit { from: *p, reason: noconnection(), normal: false });
        let downs = r.watched.iter().map(|(p, id)| Signal::Down { from: *p, id: *id, reason: noconnection() });
        exits.chain(downs).chain(calls).collect()
    }

    // Waits.

    /// Whether it was told something that it has not looked at.
    pub fn is_told_something(&self) -> bool {
        self.reply().is_some() || self.wake.is_some()
    }
    /// Begins a wait; its number, by which a timer ends it.
    #[inline]
    pub fn begin_wait(&mut self) -> u64 {
        let number = self.next_id();
        self.waiting = Some(Waiting { number, timed_out: false });
        number
    }
    /// The number of the wait under way.
    pub fn wait_number(&self) -> Option<u64> {
        self.waiting.map(|w| w.number)
    }
    /// Ends the wait under way, if there is one.
    #[inline]
    pub fn end_wait(&mut self) {
        self.waiting = None;
    }
    /// Whether a wait is under way, and whether its time is over.
    #[inline]
    pub fn wait_state(&self) -> Option<bool> {
        self.waiting.map(|w| w.timed_out)
    }
    /// The answer to a question, if it has come.
    pub fn take_reply(&mut self, id: u64) -> Option<Answer> {
        let reply = self.answers.get_mut()?.reply.take();
        reply.filter(|r| r.0 == id).map(|r| r.1)
    }
    /// Whether the answer to a question has come.
    pub fn is_answered(&self, id: u64) -> bool {
        self.reply().is_some_and(|r| r.0 == id)
    }
    fn reply(&self) -> Option<&(u64, Answer)> {
        self.answers.get()?.reply.as_ref()
    }
    /// What the root was woken by, once.
    #[inline]
    pub fn take_wake(&mut self) -> Option<Wake> {
        self.wake.take()
    }

    // The end.

    /// Whether nobody is to be told when the process ends: it has been tied to none.
    pub fn is_alone(&self) -> bool {
        self.relations.is_none() && self.answers.get().is_none() && self.order.is_none()
    }
    /// Takes all that has to be told when the process has ended.
    pub fn farewell(&mut self) -> Farewell {
        if self.relations.is_none() && self.answers.get().is_none() {
            // Most have nobody to tell.
            return Farewell::default();
        }
        let calls: Vec<(Pid, Told)> = self.open_calls().map(|(p, id)| (p, Told::Demonitor(id))).collect();
        if let Some(answers) = self.answers.get_mut() {
            answers.calls.clear();
        }
        let mut r = self.relations.take().unwrap_or_default();
        let mut signals: Vec<(Pid, Told)> = Vec::new();
        signals.extend(r.watchers.keys().map(|&(p, id)| (p, Told::Down(id))));
        let exits = r.links.iter().filter(|(_, l)| l.active);
        signals.extend(exits.map(|(p, _)| (*p, Told::Exit)));
        signals.extend(r.watched.iter().map(|(&p, &id)| (p, Told::Demonitor(id))));
        signals.extend(calls);
        // Taken from the end; the order of hashing is nobody's business.
        signals.sort_unstable_by_key(|(p, told)| {
            let id = if let Told::Down(id) | Told::Demonitor(id) = told { *id } else { 0 };
            std::cmp::Reverse((matches!(told, Told::Demonitor(_)), matches!(told, Told::Exit), *p, id))
        });
        let mut names = r.names.take().map_or(Vec::new(), in_order);
        names.reverse();
        Farewell { names, signals }
    }
}

impl Outcome {
    fn bytes(&self) -> usize {
        match self {
            Outcome::Answered { value: m, .. } | Outcome::Ended(m) => m.size(),
        }
    }
}

/// Names by age.
fn in_order(names: HashMap<Name, u64>) -> Vec<Name> {
    let mut names: Vec<(Name, u64)> = names.into_iter().collect();
    names.sort_unstable_by_key(|(_, order)| *order);
    names.into_iter().map(|(name, _)| name).collect()
}

impl Farewell {
    /// The next name that is free now.
    pub fn next_name(&mut self) -> Option<Name> {
        self.names.pop()
    }
    /// The next signal that an end sends: monitors are told first, then links, then those whom it monitored.
    pub fn next_signal(&mut self, from: Pid, reason: &Message, abnormal: bool) -> Option<(Pid, Signal)> {
        let (to, told) = self.signals.pop()?;
        let signal = match told {
            Told::Down(id) => Signal::Down { from, id, reason: reason.clone() },
            Told::Exit => Signal::Exit { from, reason: reason.clone(), normal: !abnormal },
            Told::Demonitor(id) => Signal::Demonitor { from, id },
        };
        Some((to, signal))
    }
    /// Whether all is told.
    pub fn is_over(&self) -> bool {
        self.names.is_empty() && self.signals.is_empty()
    }
}

#[cfg(test)]
mod tests;
