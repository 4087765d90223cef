//! Signals between their form in this runtime and their wire form.
//!
//! Journey: remote signal: signal -> **wire form** -> session, and session -> **signal** -> route. What is long in a signal (a message, a
//! reason) is turned into the portable form of spec/format.md, and what comes is checked to be one before anybody else
//! sees it. Code that a message needs and that is not here is named by the error.
//!
//! Always: what comes from outside becomes a signal of a kind that one process may send another, or an error.

use super::connections::Connection;
use super::signal::{self as wire, Body, Carried, Contents, Signal, Target};
use crate::codec::{DecodeError, Message, ModuleSource, PortableMessage};
use crate::process::signal::{Answer, Info, Question, Signal as Local, Status};
use crate::process::waits::{Waiting, What};
use rlua_machine::value::{Pid, Runtime};
use rlua_machine::vm::load::Module;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A signal for the wire, and the code that it needs there.
pub type Outgoing = (Signal<Pid>, Vec<Arc<Module>>);

/// A message for a node that knows where these processes are; of others it is told.
fn contents(m: &Message, known: &[Pid]) -> (Contents<Pid>, Vec<Arc<Module>>) {
    contents_of(m.to_portable(), known)
}
fn contents_of(m: PortableMessage, known: &[Pid]) -> (Contents<Pid>, Vec<Arc<Module>>) {
    let PortableMessage { bytes, modules, runtimes: mut pids } = m;
    pids.retain(|pid| known.iter().all(|known| known.runtime() != pid.runtime()));
    (Contents { pids, ..Contents::new(bytes) }, modules)
}

/// A message for a process there.
pub fn message(from: Pid, to: Target<Pid>, m: PortableMessage) -> Outgoing {
    let known = [from, if let Target::Pid(to) = to { to } else { from }];
    let (contents, modules) = contents_of(m, &known);
    (Signal::Send { from, to, contents }, modules)
}
/// The answer to a call of a process there.
pub fn response(from: Pid, to: Pid, id: u64, over: bool, refused: bool, m: PortableMessage) -> Outgoing {
    let (contents, modules) = contents_of(m, &[from, to]);
    (Signal::Response { from, to, id, over, refused, contents }, modules)
}
/// An untrappable end for a process there.
pub fn kill(from: Pid, to: Pid, reason: &Message) -> Outgoing {
    let (contents, modules) = contents(reason, &[from, to]);
    (Signal::Kill { from, to: Target::Pid(to), contents }, modules)
}
/// An error in a process there.
pub fn interrupt(from: Pid, to: Pid) -> Outgoing {
    (Signal::Interrupt { from, to: Target::Pid(to) }, Vec::new())
}
/// A process that is to be made there: what it runs, and a message of its arguments.
pub fn spawn(parent: Pid, id: u64, body: Body, link: bool, monitor: Option<u64>, arguments: &Message) -> Outgoing {
    let (contents, modules) = contents(arguments, &[parent]);
    (Signal::Spawn { parent, id, body, link, monitor, contents }, modules)
}

/// A signal of a process here for one there. None: it is of a kind that stays in its runtime.
pub fn outgoing(to: Pid, signal: &Local) -> Option<Outgoing> {
    let plain = |s| Some((s, Vec::new()));
    match signal {
        Local::Exit { from, reason, normal } => {
            let (contents, modules) = contents(reason, &[*from, to]);
            Some((Signal::Exit { from: *from, to, normal: *normal, contents }, modules))
        }
        Local::Down { from, id, reason } => {
            let (contents, modules) = contents(reason, &[*from, to]);
            Some((Signal::Down { from: *from, to, id: *id, contents }, modules))
        }
        Local::Response { from, id, over, refused, value } => {
            Some(response(*from, to, *id, *over, *refused, value.to_portable()))
        }
        Local::Link { from } => plain(Signal::Link { from: *from, to: Target::Pid(to), id: 0 }),
        Local::Unlink { from, id } => plain(Signal::Unlink { from: *from, to: Target::Pid(to), id: *id }),
        Local::UnlinkAck { from, id } => plain(Signal::UnlinkAck { from: *from, to, id: *id }),
        Local::Monitor { from, id } => plain(Signal::Monitor { from: *from, to: Target::Pid(to), id: *id }),
        Local::Demonitor { from, id } => plain(Signal::Demonitor { from: *from, to: Target::Pid(to), id: *id }),
        Local::Tied { from, bond } => plain(Signal::Tied { from: *from, to, bond: *bond }),
        Local::Ask { from, id, question } => {
            plain(Signal::Ask { from: *from, to: Target::Pid(to), id: *id, question: question_of(question) })
        }
        Local::Reply { id, answer } => match answer {
            Answer::Spawned(child) => plain(Signal::Spawned { to, id: *id, result: Ok(*child) }),
            Answer::NotSpawned(why) => plain(Signal::Spawned { to, id: *id, result: Err(why[..].into()) }),
            other => plain(Signal::Answer { to, id: *id, answer: answer_of(other)? }),
        },
        Local::Message(_)
        | Local::Kill { .. }
        | Local::Spawn(_)
        | Local::Named(_)
        | Local::Unnamed(_)
        | Local::Interrupt
        | Local::Timeout { .. }
        | Local::Arrived { .. }
        | Local::Wake(_)
        | Local::OverLimit
        | Local::Trace { .. } => None,
    }
}

/// A signal for a process that is elsewhere now, as it goes on there. None: it is of a kind that stays in its runtime.
pub fn carry(signal: &Local) -> Option<(Carried<Pid>, Vec<Arc<Module>>)> {
    let with = |m: &Message, f: &dyn Fn(Contents<Pid>) -> Carried<Pid>| {
        let (contents, modules) = contents(m, &[]);
        Some((f(contents), modules))
    };
    let plain = |c| Some((c, Vec::new()));
    match signal {
        Local::Message(m) => with(m, &Carried::Message),
        Local::Exit { from, reason, normal } => {
            with(reason, &|contents| Carried::Exit { from: *from, normal: *normal, contents })
        }
        Local::Link { from } => plain(Carried::Link(*from)),
        Local::Unlink { from, id } => plain(Carried::Unlink(*from, *id)),
        Local::UnlinkAck { from, id } => plain(Carried::UnlinkAck(*from, *id)),
        Local::Monitor { from, id } => plain(Carried::Monitor(*from, *id)),
        Local::Demonitor { from, id } => plain(Carried::Demonitor(*from, *id)),
        Local::Down { from, id, reason } => with(reason, &|contents| Carried::Down { from: *from, id: *id, contents }),
        Local::Response { from, id, over, refused, value } => with(value, &|contents| Carried::Response {
            from: *from,
            id: *id,
            over: *over,
            refused: *refused,
            contents,
        }),
        Local::Kill { reason, .. } => with(reason, &Carried::Kill),
        Local::Ask { from, id, question } => plain(Carried::Ask(*from, *id, question_of(question))),
        Local::Reply { id, answer } => match answer {
            Answer::Spawned(child) => plain(Carried::Spawned(*id, Ok(*child))),
            Answer::NotSpawned(why) => plain(Carried::Spawned(*id, Err(why[..].into()))),
            other => plain(Carried::Answer(*id, answer_of(other)?)),
        },
        Local::Interrupt => plain(Carried::Interrupt),
        Local::Tied { from, bond } => plain(Carried::Tied(*from, *bond)),
        Local::Spawn(_)
        | Local::Named(_)
        | Local::Unnamed(_)
        | Local::Arrived { .. }
        | Local::Timeout { .. }
        | Local::Wake(_)
        | Local::OverLimit
        | Local::Trace { .. } => None,
    }
}
/// The signal that was carried. One that cannot be read comes back.
pub fn carried(
    mut signal: Carried<Pid>,
    modules: &dyn ModuleSource,
) -> Result<Local, (DecodeError, Box<Carried<Pid>>)> {
    let message = match signal.message_mut().map(|c| message_of(c, modules)).transpose() {
        Ok(message) => message,
        Err(e) => return Err((e, Box::new(signal))),
    };
    if let Some(message) = message {
        return Ok(match signal {
            Carried::Exit { from, normal, .. } => Local::Exit { from, reason: message, normal },
            Carried::Down { from, id, .. } => Local::Down { from, id, reason: message },
            Carried::Response { from, id, over, refused, .. } => {
                Local::Response { from, id, over, refused, value: message }
            }
            Carried::Kill(_) => Local::Kill { reason: message, limit: false },
            _ => Local::Message(message),
        });
    }
    Ok(match signal {
        Carried::Link(from) => Local::Link { from },
        Carried::Unlink(from, id) => Local::Unlink { from, id },
        Carried::UnlinkAck(from, id) => Local::UnlinkAck { from, id },
        Carried::Monitor(from, id) => Local::Monitor { from, id },
        Carried::Demonitor(from, id) => Local::Demonitor { from, id },
        Carried::Interrupt => Local::Interrupt,
        Carried::Tied(from, bond) => Local::Tied { from, bond },
        Carried::Ask(from, id, question) => Local::Ask { from, id, question: asked(question) },
        Carried::Answer(id, answer) => match answered(answer) {
            Ok(answer) => Local::Reply { id, answer },
            Err((e, answer)) => return Err((e, Box::new(Carried::Answer(id, answer)))),
        },
        Carried::Spawned(id, Ok(child)) => Local::Reply { id, answer: Answer::Spawned(child) },
        Carried::Spawned(id, Err(why)) => Local::Reply { id, answer: Answer::NotSpawned(why.0.into()) },
        Carried::Message(_)
        | Carried::Exit { .. }
        | Carried::Down { .. }
        | Carried::Response { .. }
        | Carried::Kill(_) => unreachable!("it has a message"),
    })
}
fn question_of(question: &Question) -> wire::Question {
    match question {
        Question::Alive => wire::Question::Alive,
        Question::Info(_) => wire::Question::Info,
        Question::Migrate(node) => wire::Question::Migrate(node.clone()),
        Question::Migratable => wire::Question::Migratable,
        Question::Again => wire::Question::Again,
    }
}
fn asked(question: wire::Question) -> Question {
    match question {
        wire::Question::Alive => Question::Alive,
        // Its own node sees what it does.
        wire::Question::Info => Question::Info(Status::Unknown),
        wire::Question::Migrate(node) => Question::Migrate(node),
        wire::Question::Migratable => Question::Migratable,
        wire::Question::Again => Question::Again,
    }
}
/// None: it is made here, or of a spawn.
fn answer_of(answer: &Answer) -> Option<wire::Answer<Pid>> {
    Some(match answer {
        Answer::Alive(pid) => wire::Answer::Alive(*pid),
        Answer::Dead => wire::Answer::Dead,
        Answer::Info(info) => {
            let told = (PortableInfo::new(info), PortableWaiting::new(&info.waits));
            let bytes = postcard::to_stdvec(&told).expect("it has lengths");
            wire::Answer::Info(Contents::new(bytes))
        }
        Answer::Done(result) => wire::Answer::Done(result.clone().map_err(|why| why.as_str().into())),
        Answer::Lost => wire::Answer::Lost,
        Answer::Spawned(_) | Answer::NotSpawned(_) => return None,
    })
}
/// One that cannot be read comes back.
fn answered(answer: wire::Answer<Pid>) -> Result<Answer, (DecodeError, wire::Answer<Pid>)> {
    Ok(match answer {
        wire::Answer::Alive(pid) => Answer::Alive(pid),
        wire::Answer::Dead => Answer::Dead,
        wire::Answer::Lost => Answer::Lost,
        wire::Answer::Done(result) => Answer::Done(result.map_err(|why| String::from_utf8_lossy(&why.0).into_owned())),
        wire::Answer::Info(c) => match postcard::take_from_bytes::<PortableInfo>(&c.bytes.0) {
            Ok((info, rest)) => {
                // Who does not tell it need not.
                let waits =
                    postcard::from_bytes::<PortableWaiting>(rest).map_or(Waiting::default(), PortableWaiting::known);
                Answer::Info(Box::new(Info { waits, ..info.known() }))
            }
            Err(_) => {
                let what = DecodeError::Damaged("what is told of a process is damaged");
                return Err((what, wire::Answer::Info(c)));
            }
        },
    })
}

/// The message that these are. They stay as they are if it cannot be read.
fn message_of(contents: &mut Contents<Pid>, modules: &dyn ModuleSource) -> Result<Message, DecodeError> {
    let bytes = std::mem::take(&mut contents.bytes.0);
    let read = match contents.seen.0.take() {
        Some(arriving) => arriving.finish(bytes, modules, &Runtime::find),
        None => Message::from_portable_bytes(bytes, modules, &Runtime::find),
    };
    read.map_err(|(e, bytes)| {
        contents.bytes.0 = bytes;
        e
    })
}

/// What a signal that has come is for.
pub enum Incoming {
    /// A signal for a process.
    For(Pid, Local),
    /// A message for who has a name here.
    ForName(Vec<u8>, Message),
    /// Somebody asks who has a name here.
    Where {
        /// Who.
        from: Pid,
        /// Number of the question.
        id: u64,
        /// The name.
        name: Vec<u8>,
    },
    /// A process is to be made here.
    Spawn(Box<SpawnRequest>),
    /// It is for the node, and not handled here.
    Node(Signal<Pid>),
}

/// A process that another node wants to be made.
#[derive(Clone, Debug)]
pub struct SpawnRequest {
    /// For whom.
    pub parent: Pid,
    /// Number of the request there.
    pub id: u64,
    /// The connection over which it has come, and the answer goes.
    pub over: Connection,
    /// The name of a global function; none: the first of the arguments is the function.
    pub name: Option<Vec<u8>>,
    /// Linked with the parent.
    pub link: bool,
    /// Monitored by the parent, under this number.
    pub monitor: Option<u64>,
    /// An array with the arguments, and their number as `n`.
    pub arguments: Message,
}

/// What a signal that has come means here. One that cannot be read comes back.
pub fn incoming(
    mut signal: Signal<Pid>,
    modules: &dyn ModuleSource,
) -> Result<Incoming, (DecodeError, Box<Signal<Pid>>)> {
    if let Signal::Move(_) = signal {
        return Ok(Incoming::Node(signal));
    }
    let message = match signal.message_mut().map(|c| message_of(c, modules)).transpose() {
        Ok(Some(message)) => message,
        Ok(None) => return without_message(signal),
        Err(e) => return Err((e, Box::new(signal))),
    };
    Ok(match signal {
        Signal::Send { to: Target::Pid(to), .. } => Incoming::For(to, Local::Message(message)),
        Signal::Send { to: Target::Name(name), .. } => Incoming::ForName(name.0, message),
        Signal::Exit { from, to, normal, .. } => Incoming::For(to, Local::Exit { from, reason: message, normal }),
        Signal::Down { from, to, id, .. } => Incoming::For(to, Local::Down { from, id, reason: message }),
        Signal::Response { from, to, id, over, refused, .. } => {
            Incoming::For(to, Local::Response { from, id, over, refused, value: message })
        }
        Signal::Kill { to: Target::Pid(to), .. } => Incoming::For(to, Local::Kill { reason: message, limit: false }),
        Signal::Spawn { parent, id, body, link, monitor, .. } => {
            let name = match body {
                Body::Named(name) => Some(name.0),
                Body::Function => None,
            };
            Incoming::Spawn(Box::new(SpawnRequest { parent, id, over: 0, name, link, monitor, arguments: message }))
        }
        other => Incoming::Node(other),
    })
}
fn without_message(signal: Signal<Pid>) -> Result<Incoming, (DecodeError, Box<Signal<Pid>>)> {
    Ok(match signal {
        Signal::Interrupt { to: Target::Pid(to), .. } => Incoming::For(to, Local::Interrupt),
        Signal::Link { from, to: Target::Pid(to), .. } => Incoming::For(to, Local::Link { from }),
        Signal::Unlink { from, to: Target::Pid(to), id } => Incoming::For(to, Local::Unlink { from, id }),
        Signal::UnlinkAck { from, to, id } => Incoming::For(to, Local::UnlinkAck { from, id }),
        Signal::Monitor { from, to: Target::Pid(to), id } => Incoming::For(to, Local::Monitor { from, id }),
        Signal::Demonitor { from, to: Target::Pid(to), id } => Incoming::For(to, Local::Demonitor { from, id }),
        Signal::Tied { from, to, bond } => Incoming::For(to, Local::Tied { from, bond }),
        Signal::Ask { from, to: Target::Pid(to), id, question } => {
            Incoming::For(to, Local::Ask { from, id, question: asked(question) })
        }
        Signal::Ask { from, to: Target::Name(name), id, .. } => Incoming::Where { from, id, name: name.0 },
        Signal::Answer { to, id, answer } => match answered(answer) {
            Ok(answer) => Incoming::For(to, Local::Reply { id, answer }),
            Err((e, answer)) => return Err((e, Box::new(Signal::Answer { to, id, answer }))),
        },
        Signal::Spawned { to, id, result } => {
            let answer = match result {
                Ok(child) => Answer::Spawned(child),
                Err(why) => Answer::NotSpawned(why.0.into()),
            };
            Incoming::For(to, Local::Reply { id, answer })
        }
        other => Incoming::Node(other),
    })
}

/// A process, wherever it is.
type Anywhere = (u128, u64);

/// [`Info`] for another node.
#[derive(Serialize, Deserialize)]
struct PortableInfo {
    name: Option<Vec<u8>>,
    status: Status,
    place: Vec<u8>,
    function: Vec<u8>,
    messages: u64,
    links: Vec<Anywhere>,
    monitors: Vec<Anywhere>,
    heap_bytes: u64,
    reductions: u64,
    parent: Option<Anywhere>,
}

/// What follows it: [`Waiting`].
#[derive(Serialize, Deserialize)]
struct PortableWaiting {
    what: What,
    whom: Vec<Anywhere>,
    timed: bool,
}

impl PortableWaiting {
    fn new(waits: &Waiting) -> PortableWaiting {
        let whom = waits.whom.iter().map(|p| (p.runtime().id(), p.serial())).collect();
        PortableWaiting { what: waits.what, whom, timed: waits.timed }
    }
    fn known(self) -> Waiting {
        let known = |(id, serial): Anywhere| Runtime::find(id).map(|r| Pid::new(r, serial));
        Waiting { what: self.what, whom: self.whom.into_iter().filter_map(known).collect(), timed: self.timed }
    }
}

impl PortableInfo {
    fn new(info: &Info) -> PortableInfo {
        let all = |pids: &[Pid]| pids.iter().map(|p| (p.runtime().id(), p.serial())).collect();
        PortableInfo {
            name: info.name.as_ref().map(|n| n.to_vec()),
            status: info.status,
            place: info.place.clone(),
            function: info.function.clone(),
            messages: info.messages as u64,
            links: all(&info.links),
            monitors: all(&info.monitors),
            heap_bytes: info.heap_bytes as u64,
            reductions: info.reductions,
            parent: info.parent.map(|p| (p.runtime().id(), p.serial())),
        }
    }
    fn known(self) -> Info {
        let known = |(id, serial): Anywhere| Runtime::find(id).map(|r| Pid::new(r, serial));
        Info {
            name: self.name.map(Into::into),
            status: self.status,
            place: self.place,
            function: self.function,
            messages: self.messages as usize,
            links: self.links.into_iter().filter_map(known).collect(),
            monitors: self.monitors.into_iter().filter_map(known).collect(),
            heap_bytes: self.heap_bytes as usize,
            reductions: self.reductions,
            parent: self.parent.and_then(known),
            waits: Waiting::default(),
        }
    }
}
