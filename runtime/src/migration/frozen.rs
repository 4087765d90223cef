//! A whole process as bytes: its machine, and what it has besides (spec/format.md, "A whole process").
//!
//! Journey: a stopped process -> **record** -> bytes -> **record** -> a process that goes on. Pure: process/frozen.rs takes
//! the record from a process and makes one of it.
//!
//! The bytes are hostile until [`Read::new`] has looked at all of them but the machine, which thawing looks at; every
//! number that another number depends on is compared with it there.

use crate::codec::{self, DecodeError, Message, ModuleSource, ThawError};
use crate::node::signal::{Bytes, NAME_MAX};
use crate::process::core::Outcome;
use crate::process::options::{KEYS, Options, Setting};
use rlua_machine::value::{Pid, Runtime};
use rlua_machine::vm::load::{Literals, Module};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Version of the form; its first byte. The first had no calls, the second one spawn at most whose answer has not come; both are
/// read as well.
pub const VERSION: u8 = 3;
/// The version that is written where it says all: older builds read it.
const COMMON_VERSION: u8 = 2;

/// A process, but for its machine. `P` is how a process is named in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record<P> {
    /// Which it is.
    pub pid: P,
    /// Who spawned it.
    pub parent: P,
    /// Whether it was a program's main script.
    pub is_root: bool,
    /// Whether the processes of its program ran, as they do once the root has entered the scheduler.
    pub gate_was_open: bool,
    /// How often it has moved.
    pub epoch: u64,
    /// Nanoseconds of its own clock, by which deadlines in its natives' registers go.
    pub now: u64,
    /// Reductions used.
    pub reductions: u64,
    /// What it set for itself: index of the key, true or false or a number.
    pub options: Vec<(u8, Choice)>,
    /// Links: with whom, whether signals over it count, the last unlink that was not acknowledged (0: none).
    pub links: Vec<(P, bool, u64)>,
    /// Who monitors it, under which number.
    pub watchers: Vec<(P, u64)>,
    /// Whom it monitors, under which number.
    pub watched: Vec<(P, u64)>,
    /// Its names, the oldest first.
    pub names: Vec<Bytes>,
    /// The greatest number that it has made.
    pub last_id: u64,
    /// The wait under way: its number, whether its time is over, whether a message ends it.
    pub waiting: Option<(u64, bool, bool)>,
    /// Nanoseconds until its time is over.
    pub remaining: Option<u64>,
    /// The question under way: its number, and whom it was asked.
    pub asked: Option<(u64, P)>,
    /// The process that another node was asked for: number of the question, linked, number of the monitor.
    pub spawning: Option<(u64, bool, Option<u64>)>,
    /// Calls that it has made and whose outcome it has not taken, by their numbers. They stand behind the rest.
    #[serde(skip, default = "Vec::new")]
    pub calls: Vec<CallRecord<P>>,
    /// The number of the one that it waits for.
    #[serde(skip)]
    pub current_call: Option<u64>,
    /// As `spawning`: those asked for before it, in order, whose answers it has given up waiting for. They stand last.
    #[serde(skip, default = "Vec::new")]
    pub more_spawning: Vec<(u64, bool, Option<u64>)>,
    /// Numbers that were given to what natives have begun.
    pub progress: i64,
    /// An end under way.
    pub ending: Option<EndingRecord>,
    /// Its uncaught error was reported.
    pub reported: bool,
    /// Messages in portable form, with the numbers that they got on arrival.
    pub messages: Vec<(u64, Bytes)>,
    /// The number that the next message gets.
    pub next_message: u64,
    /// Who has wanted it to move and is to be told that it has, and the number of the question.
    pub wanted_by: Option<(P, u64)>,
}

/// A setting of an option.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Choice {
    /// True or false.
    Flag(bool),
    /// A number.
    Number(f64),
}

/// A call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CallRecord<P> {
    /// Its number.
    pub id: u64,
    /// Whom it was made to.
    pub peer: P,
    /// When it is to be given up, by the process's own clock.
    pub deadline: Option<u64>,
    /// What it has come to: 0 an answer, 1 it is refused, 2 the end of whom it was made to; a message in portable form.
    pub outcome: Option<(u8, Bytes)>,
}

/// An end under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndingRecord {
    /// The reason, a message in portable form.
    pub reason: Bytes,
    /// Whether links are signalled.
    pub abnormal: bool,
    /// 0 returns, 1 closes, 2 finalizes.
    pub stage: u8,
    /// Reductions left.
    pub budget: u64,
    /// Nanoseconds left.
    pub remaining: u64,
}

/// A process by its place in the list of runtimes, and its serial number there.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Place(u32, u64);

/// What goes before the record.
#[derive(Serialize, Deserialize)]
struct Head {
    /// Identities of runtimes, and the names of their nodes if they are known.
    runtimes: Vec<(u128, Option<Bytes>)>,
    /// Binary chunks of the functions in messages.
    code: Vec<Bytes>,
    record: Record<Place>,
}

/// Why bytes are no process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// They are of another version of the form.
    Version(u8),
    /// They are damaged, or made to harm.
    Damaged(&'static str),
    /// A message among them.
    Message(String),
    /// Code of a message.
    Code(String),
    /// The machine.
    Machine(String),
    /// There is not enough memory for it here.
    NoRoom,
    /// A module that neither came along nor is known here.
    UnknownModule([u8; 32]),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Fault::Version(n) => write!(f, "made by another version: expected {VERSION}, found {n}"),
            Fault::Damaged(what) => write!(f, "damaged: {what}"),
            Fault::Message(what) => write!(f, "damaged message: {what}"),
            Fault::Code(what) => write!(f, "damaged code: {what}"),
            Fault::Machine(what) => f.write_str(what),
            Fault::NoRoom => f.write_str("not enough memory for it there (--max-memory)"),
            Fault::UnknownModule(hash) => f.write_str(&ThawError::UnknownModule(*hash).to_string()),
        }
    }
}
impl std::error::Error for Fault {}

/// A process that was read: the record, and the messages and modules that it speaks of.
pub struct Read {
    /// The record.
    pub record: Record<Pid>,
    /// The pid that the bytes give it.
    pub old: Pid,
    /// Its messages, in order.
    pub messages: Vec<(u64, Message)>,
    /// The reason of the end under way.
    pub reason: Option<Message>,
    /// What its calls have come to, in their order.
    pub outcomes: Vec<Option<Outcome>>,
    /// Modules that came along.
    pub modules: Vec<Arc<Module>>,
    /// Where the machine begins, as codec/freeze.rs wrote it.
    pub machine: usize,
}

impl Record<Pid> {
    /// The whole form; `modules` are those of the messages. The machine's bytes become part of it, so that they are there once.
    pub fn write(self, modules: &[Arc<Module>], mut machine: Vec<u8>) -> Vec<u8> {
        let head = self.head(modules, &machine);
        machine.splice(0..0, head);
        machine
    }
    /// What comes before the machine, which begins so.
    pub fn head(self, modules: &[Arc<Module>], machine: &[u8]) -> Vec<u8> {
        let mut runtimes: Vec<(u128, Option<Bytes>)> = Vec::new();
        let mut places: HashMap<Runtime, u32> = HashMap::new();
        let record = self.map(&mut |pid| {
            let runtime = pid.runtime();
            let place = *places.entry(runtime).or_insert_with(|| {
                runtimes.push((runtime.id(), runtime.name().map(|n| n.as_bytes().into())));
                runtimes.len() as u32 - 1
            });
            Ok::<_, ()>(Place(place, pid.serial()))
        });
        let mut record = record.expect("every process has a place");
        // So that they are found where it goes on.
        let outcomes = record.calls.iter().filter_map(|c| c.outcome.as_ref()).map(|(_, m)| m);
        let all = record.messages.iter().map(|(_, m)| m).chain(outcomes);
        let spoken_of = all.flat_map(|m| codec::runtimes_in(&m.0, false).unwrap_or_default());
        for id in spoken_of.chain(codec::runtimes_in(machine, true).unwrap_or_default()) {
            let name = Runtime::find(id).and_then(|r| r.name());
            if let Some(name) = name.filter(|_| runtimes.iter().all(|(known, _)| *known != id)) {
                runtimes.push((id, Some(name.as_bytes().into())));
            }
        }
        let code = modules.iter().map(|m| Bytes(m.dump())).collect();
        let calls = (std::mem::take(&mut record.calls), record.current_call);
        let more_spawning = std::mem::take(&mut record.more_spawning);
        let version = if more_spawning.is_empty() { COMMON_VERSION } else { VERSION };
        let head = postcard::to_extend(&Head { runtimes, code, record }, vec![version]).expect("it has lengths");
        let head = postcard::to_extend(&calls, head).expect("it has lengths");
        if version == COMMON_VERSION {
            return head;
        }
        postcard::to_extend(&more_spawning, head).expect("it has lengths")
    }
}

impl Read {
    /// Reads the form. With `renamed` the process gets another pid, here and in its messages. Modules are looked for among
    /// `known` too.
    pub fn new(bytes: &[u8], known: &dyn ModuleSource, renamed: Option<Pid>) -> Result<Read, Fault> {
        let (&version, rest) = bytes.split_first().ok_or(Fault::Damaged("nothing is there"))?;
        if version == 0 || version > VERSION {
            return Err(Fault::Version(version));
        }
        let damaged = |_| Fault::Damaged("what comes before the machine");
        let (mut head, mut machine): (Head, _) = postcard::take_from_bytes(rest).map_err(damaged)?;
        if version > 1 {
            let (calls, rest) = postcard::take_from_bytes(machine).map_err(damaged)?;
            (head.record.calls, head.record.current_call) = calls;
            machine = rest;
        }
        if version > COMMON_VERSION {
            (head.record.more_spawning, machine) = postcard::take_from_bytes(machine).map_err(damaged)?;
        }
        let mut runtimes = Vec::new();
        for (id, name) in head.runtimes {
            let runtime = Runtime::find(id).ok_or(Fault::Damaged("too many runtimes are known"))?;
            if let Some(name) = name.filter(|_| runtime.name().is_none()) {
                let name = crate::node::name::NodeName::parse_bytes(&name.0);
                runtime.set_name(Some(name.map_err(|_| Fault::Damaged("no name of a node"))?.as_str().into()));
            }
            runtimes.push(runtime);
        }
        let Place(old_runtime, old_serial) = head.record.pid;
        let mut record = head.record.map(&mut |Place(runtime, serial)| {
            let runtime = *runtimes.get(runtime as usize).ok_or(Fault::Damaged("no such runtime"))?;
            let pid = Pid::new(runtime, serial);
            if pid.serial() == serial { Ok(pid) } else { Err(Fault::Damaged("a process has no such number")) }
        })?;
        let old = Pid::new(runtimes[old_runtime as usize], old_serial);
        record.check()?;
        let mut modules = Vec::new();
        for chunk in &head.code {
            let chunk = rlua_compiler::undump(&chunk.0).map_err(|e| Fault::Code(e.to_string()))?;
            modules.push(Module::new(chunk, Literals::Owned));
        }
        let both = Both(&modules, known);
        let message = |bytes: &Bytes| {
            let m = Message::from_portable_renamed(&bytes.0, &both, &Runtime::find, renamed.map(|new| (old, new)));
            m.map_err(|e| match e {
                DecodeError::UnknownModule(hash) => Fault::UnknownModule(hash),
                e => Fault::Message(e.to_string()),
            })
        };
        let listed = std::mem::take(&mut record.messages);
        let messages = listed.iter().map(|(n, m)| Ok((*n, message(m)?))).collect::<Result<_, Fault>>()?;
        let reason = record.ending.as_ref().map(|e| message(&e.reason)).transpose()?;
        let outcome = |o: &(u8, Bytes)| {
            Ok(match (o.0, message(&o.1)?) {
                (0, value) => Outcome::Answered { refused: false, value },
                (1, value) => Outcome::Answered { refused: true, value },
                (_, reason) => Outcome::Ended(reason),
            })
        };
        let outcomes = record.calls.iter().map(|c| c.outcome.as_ref().map(outcome).transpose());
        let outcomes = outcomes.collect::<Result<_, Fault>>()?;
        record.calls.iter_mut().for_each(|c| c.outcome = None);
        if let Some(new) = renamed {
            let all = [&mut record.pid, &mut record.parent];
            all.into_iter().filter(|p| **p == old).for_each(|p| *p = new);
        }
        let machine = bytes.len() - machine.len();
        Ok(Read { record, old, messages, reason, outcomes, modules, machine })
    }
}

/// Modules that came along, and those that are known.
struct Both<'a>(&'a [Arc<Module>], &'a dyn ModuleSource);
impl ModuleSource for Both<'_> {
    fn find(&self, hash: &[u8; 32]) -> Option<Arc<Module>> {
        self.0.find(hash).or_else(|| self.1.find(hash))
    }
}

impl<P> CallRecord<P> {
    fn map<Q, E>(self, f: &mut impl FnMut(P) -> Result<Q, E>) -> Result<CallRecord<Q>, E> {
        Ok(CallRecord { id: self.id, peer: f(self.peer)?, deadline: self.deadline, outcome: self.outcome })
    }
}
impl CallRecord<Pid> {
    /// Of a call; what it has come to is made bytes by `portable`.
    pub fn new(
        (id, peer, deadline, outcome): (u64, Pid, Option<u64>, Option<Outcome>),
        portable: &mut impl FnMut(&Message) -> Bytes,
    ) -> CallRecord<Pid> {
        let outcome = outcome.map(|o| match o {
            Outcome::Answered { refused, value } => (refused as u8, portable(&value)),
            Outcome::Ended(reason) => (2, portable(&reason)),
        });
        CallRecord { id, peer, deadline, outcome }
    }
}
impl<P> Record<P> {
    fn map<Q, E>(self, f: &mut impl FnMut(P) -> Result<Q, E>) -> Result<Record<Q>, E> {
        Ok(Record {
            pid: f(self.pid)?,
            parent: f(self.parent)?,
            is_root: self.is_root,
            gate_was_open: self.gate_was_open,
            epoch: self.epoch,
            now: self.now,
            reductions: self.reductions,
            options: self.options,
            links: self.links.into_iter().map(|(p, a, u)| Ok((f(p)?, a, u))).collect::<Result<_, E>>()?,
            watchers: self.watchers.into_iter().map(|(p, id)| Ok((f(p)?, id))).collect::<Result<_, E>>()?,
            watched: self.watched.into_iter().map(|(p, id)| Ok((f(p)?, id))).collect::<Result<_, E>>()?,
            names: self.names,
            last_id: self.last_id,
            waiting: self.waiting,
            remaining: self.remaining,
            asked: self.asked.map(|(id, p)| Ok((id, f(p)?))).transpose()?,
            spawning: self.spawning,
            calls: self.calls.into_iter().map(|c| c.map(f)).collect::<Result<_, E>>()?,
            current_call: self.current_call,
            more_spawning: self.more_spawning,
            progress: self.progress,
            ending: self.ending,
            reported: self.reported,
            messages: self.messages,
            next_message: self.next_message,
            wanted_by: self.wanted_by.map(|(p, id)| Ok((f(p)?, id))).transpose()?,
        })
    }
    /// The rules that a process keeps and bytes may break.
    fn check(&self) -> Result<(), Fault> {
        let rule = |holds: bool, what| if holds { Ok(()) } else { Err(Fault::Damaged(what)) };
        let far = 1 << 62;
        rule(self.now < far && self.remaining.is_none_or(|t| t < far), "a time is out of bounds")?;
        rule(self.ending.as_ref().is_none_or(|e| e.remaining < far && e.stage <= 2), "an end that there is not")?;
        rule(
            self.epoch < far && self.last_id < far && self.reductions < far && self.next_message < far,
            "a number is out of bounds",
        )?;
        rule((0..i64::MAX / 2).contains(&self.progress), "a number is out of bounds")?;
        let defaults = Options::default();
        for (key, choice) in &self.options {
            let same = match (KEYS.get(*key as usize).map(|_| defaults.get(*key as usize)), choice) {
                (Some(Setting::Flag(_)), Choice::Flag(_)) => true,
                (Some(Setting::Number(_)), Choice::Number(n)) => *n >= 0.0,
                _ => false,
            };
            rule(same, "an option that there is not")?;
        }
        rule(self.names.iter().all(|n| n.0.len() <= NAME_MAX), "a name is too long")?;
        let numbers = self.watched.iter().map(|w| w.1).chain(self.links.iter().map(|l| l.2));
        let more = self.waiting.map(|w| w.0).into_iter().chain(self.asked.iter().map(|a| a.0));
        let spawning = self.spawning.iter().chain(&self.more_spawning);
        let more = more.chain(spawning.flat_map(|s| [s.0, s.2.unwrap_or(0)]));
        let more = more.chain(self.calls.iter().map(|c| c.id));
        rule(numbers.chain(more).all(|n| n <= self.last_id), "a number that was not given yet")?;
        rule(self.calls.windows(2).all(|w| w[0].id < w[1].id), "calls are not in order")?;
        let is_call = |c: &CallRecord<P>| {
            c.deadline.is_none_or(|t| t < far) && c.outcome.as_ref().is_none_or(|(kind, _)| *kind <= 2)
        };
        rule(self.calls.iter().all(is_call), "a call that there is not")?;
        rule(self.current_call.is_none_or(|id| self.calls.iter().any(|c| c.id == id)), "a call that there is not")?;
        let grows = self.messages.windows(2).all(|w| w[0].0 < w[1].0);
        let last = self.messages.last().is_none_or(|m| m.0 < self.next_message);
        rule(grows && last, "messages are not in order")
    }
}
