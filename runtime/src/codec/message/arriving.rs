//! A message from outside: what its bytes have to pass before they are one.
//!
//! Journey: session -> **message** -> mailbox. Nothing of the bytes is believed. A long message is looked through as it
//! comes, part by part: when its last part is there little is left to do, and who shares its connection does not wait.
//!
//! Always: what is found does not depend on the parts in which the bytes come. A part is read again only from the value on
//! that it ended in.

use super::super::wire::{Fault, Reader};
use super::super::{ModuleSource, code};
use super::encode::bits_of;
use super::portable::{Nowhere, SYSTEM_NAMES, VERSION, Walk};
use super::{DecodeError, Form, Message, Source, Whole, more};
use rlua_machine::value::string::find_atom;
use rlua_machine::value::table::Loose;
use rlua_machine::value::{Pid, Runtime, Value, tag};
use rlua_machine::vm::load::Module;
use std::fmt;
use std::sync::Arc;

/// Bytes of a text that is not copied once more, when it has come.
const LARGE: usize = 4096;
/// Fields of a table that is made as it comes, at most.
const FLAT: usize = 16;

/// Says what the runtime of an identity is here ([`Runtime::find`], or what a node thinks of runtimes that it does not know).
type FindRuntime<'a> = &'a dyn Fn(u128) -> Option<Runtime>;

impl Message {
    /// The message that came as bytes, of which nothing is believed. Modules are found among `modules`, and `runtime` says
    /// what the runtime of an identity is here ([`Runtime::find`], or what a node thinks of runtimes that it does not know).
    pub fn from_portable(
        bytes: &[u8],
        modules: &dyn ModuleSource,
        runtime: FindRuntime,
    ) -> Result<Message, DecodeError> {
        Message::from_portable_renamed(bytes, modules, runtime, None)
    }
    /// The same, with the second process named where the bytes name the first.
    pub fn from_portable_renamed(
        bytes: &[u8],
        modules: &dyn ModuleSource,
        runtime: FindRuntime,
        renamed: Option<(Pid, Pid)>,
    ) -> Result<Message, DecodeError> {
        let arriving = Arriving { renamed, ..Arriving::default() };
        arriving.finish(bytes.to_vec(), modules, runtime).map_err(|(e, _)| e)
    }
    /// As [`Message::from_portable`]; the bytes become part of the message, or come back.
    pub fn from_portable_bytes(
        bytes: Vec<u8>,
        modules: &dyn ModuleSource,
        runtime: FindRuntime,
    ) -> Result<Message, (DecodeError, Vec<u8>)> {
        Arriving::default().finish(bytes, modules, runtime)
    }
}

/// A message of which the beginning has come.
#[derive(Default)]
pub struct Arriving {
    stage: Stage,
    /// Where what was not read yet begins; the value, when that is reached.
    at: usize,
    modules: Vec<Arc<Module>>,
    pids: Vec<Pid>,
    renamed: Option<(Pid, Pid)>,
    /// What the system tells with the value, if it does.
    system: Option<(&'static [u8], Pid)>,
    walk: Option<Box<Walk<Nowhere>>>,
    /// What is wrong with it.
    fault: Option<Fault>,
}

/// What is read next.
#[derive(Clone, Copy, Default)]
enum Stage {
    #[default]
    Version,
    Modules(usize),
    PidCount,
    Pids(usize),
    System,
    Value,
}

/// Why a message cannot be read, or not yet.
enum Stop {
    Damaged(Fault),
    UnknownModule([u8; 32]),
}
impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Damaged(fault)
    }
}

impl Arriving {
    /// Looks through what has come of a message of `total` bytes: all of it so far, each time. Takes time by what is new. What is
    /// wrong with it [`Arriving::finish`] tells.
    pub fn look(&mut self, bytes: &[u8], total: usize, modules: &dyn ModuleSource, runtime: FindRuntime) {
        if self.fault.is_some() || bytes.len() > total {
            return;
        }
        let mut reader = Reader::of_beginning(bytes, total).at(self.at);
        // A module that is not known now may be when the message is whole.
        if let Err(Stop::Damaged(fault)) = self.head(&mut reader, modules, runtime)
            && !reader.is_early()
        {
            self.fault = Some(fault);
        }
        if let Stage::Value = self.stage {
            let mut walk = self.walk.take().unwrap_or_else(|| Box::new(Walk::new(Nowhere)));
            self.fault = self.walk(&mut walk, bytes, total).err();
            self.walk = Some(walk);
        }
    }
    /// The message that the bytes are, of which some may have been looked through. Or the bytes come back.
    pub fn finish(
        mut self,
        bytes: Vec<u8>,
        modules: &dyn ModuleSource,
        runtime: FindRuntime,
    ) -> Result<Message, (DecodeError, Vec<u8>)> {
        let value = match self.fault {
            Some(fault) => Err(Stop::Damaged(fault)),
            None => self
                .head(&mut Reader::new(&bytes).at(self.at), modules, runtime)
                .and_then(|()| self.value(&bytes).map_err(Stop::Damaged)),
        };
        match value {
            Ok(Some(m)) => Ok(around(self.system, m)),
            Ok(None) => {
                let Arriving { modules, pids, at: start, system, .. } = self;
                let whole = Whole { bytes, start, modules, pids };
                Ok(around(system, Message(Form::Foreign(Arc::new(whole)))))
            }
            Err(Stop::Damaged(what)) => Err((DecodeError::Damaged(what), bytes)),
            Err(Stop::UnknownModule(hash)) => Err((DecodeError::UnknownModule(hash), bytes)),
        }
    }
    /// Reads what comes before the value, or as much of it as has come.
    #[inline]
    fn head(&mut self, reader: &mut Reader, modules: &dyn ModuleSource, runtime: FindRuntime) -> Result<(), Stop> {
        loop {
            self.stage = match self.stage {
                Stage::Version if reader.byte()? != VERSION => return Err("the version of the form is unknown".into()),
                Stage::Version => Stage::Modules(reader.count()?),
                Stage::Modules(0) => Stage::PidCount,
                Stage::Modules(left) => {
                    let hash: &[u8; 32] = reader.run(32)?.try_into().expect("32 bytes");
                    self.modules.push(modules.find(hash).ok_or(Stop::UnknownModule(*hash))?);
                    Stage::Modules(left - 1)
                }
                Stage::PidCount => Stage::Pids(reader.count()?),
                Stage::Pids(0) => Stage::System,
                Stage::Pids(left) => {
                    let pid = self.pid(reader, runtime)?;
                    self.pids.push(pid);
                    Stage::Pids(left - 1)
                }
                Stage::System => {
                    if reader.peek() == Some(more::SYSTEM) {
                        reader.byte()?;
                        let name = SYSTEM_NAMES[reader.count_below(SYSTEM_NAMES.len())?];
                        self.system = Some((name, self.pids[reader.count_below(self.pids.len())?]));
                    } else if reader.peek().is_none() {
                        reader.byte()?;
                    }
                    Stage::Value
                }
                Stage::Value => return Ok(()),
            };
            self.at = reader.position();
        }
    }
    #[inline]
    fn pid(&self, reader: &mut Reader, runtime: FindRuntime) -> Result<Pid, Fault> {
        let id = u128::from_le_bytes(reader.run(16)?.try_into().expect("16 bytes"));
        let runtime = runtime(id).ok_or("a process is of a runtime that cannot be known here")?;
        let serial = reader.number()?;
        let pid = Pid::new(runtime, serial);
        if pid.serial() != serial {
            return Err("a process has no such number");
        }
        Ok(self.renamed.filter(|(old, _)| *old == pid).map_or(pid, |(_, new)| new))
    }
    /// Looks through what has come of the value.
    fn walk(&self, walk: &mut Walk<Nowhere>, bytes: &[u8], total: usize) -> Result<(), Fault> {
        let value = &bytes[self.at..];
        let source = Source { bytes: value, modules: &self.modules, pids: &self.pids, local: false };
        let reader = Reader::of_beginning(value, total - self.at);
        walk.go_on(reader, source, &mut { usize::MAX }).map(|_| ())
    }
    /// The value, if it is small, of a message that has come whole.
    fn value(&mut self, bytes: &[u8]) -> Result<Option<Message>, Fault> {
        let value = &bytes[self.at..];
        if let Some(m) = self.flat(value) {
            return Ok(Some(m));
        }
        match self.walk.take() {
            Some(mut walk) => self.walk(&mut walk, bytes, bytes.len())?,
            None => self.walk(&mut Walk::new(Nowhere), bytes, bytes.len())?,
        }
        let mut r = Reader::new(value);
        let v = match r.byte()? {
            code::NIL => Value::NIL,
            code::FALSE => Value::FALSE,
            code::TRUE => Value::TRUE,
            code::INTEGER => Value::integer(r.signed()?),
            code::FLOAT => Value::float(f64::from_bits(r.word()?)),
            code::PID => Value::pid(self.pids[r.count_below(self.pids.len())?]),
            more::STRING | more::LONG_STRING if value.len() < LARGE => return Ok(Some(Message::string(r.text()?))),
            _ => return Ok(None),
        };
        Ok(Some(Message(Form::Small(v))))
    }
    /// The message of a small table of fields in which nothing is to be an object of a heap, as it would have been made
    /// here. None: it is something else, or there is a fault in it.
    fn flat(&self, bytes: &[u8]) -> Option<Message> {
        let mut r = Reader::new(bytes);
        if r.byte().ok()? != more::TABLE || r.number().ok()? != 0 {
            return None;
        }
        let mut fields = [(Value::NIL, Value::NIL); FLAT];
        let fields = fields.get_mut(..usize::try_from(r.number().ok()?).ok()?)?;
        for (k, v) in &mut *fields {
            *k = self.plain(&mut r)?;
            *v = self.plain(&mut r)?;
        }
        if r.left() != 0 {
            return None;
        }
        let head = |nodes, last_free| [more::LAYOUT, 0, bits_of(nodes), last_free as u8];
        // SAFETY: all of them are plain values.
        let t = unsafe { Loose::of_fields(fields, head) }?;
        Some(Message(Form::Table(t)))
    }
    /// The next value, if it is none that is to be made in a heap.
    #[inline]
    fn plain(&self, r: &mut Reader) -> Option<Value> {
        Some(match r.byte().ok()? {
            code::FALSE => Value::FALSE,
            code::TRUE => Value::TRUE,
            code::INTEGER => Value::integer(r.signed().ok()?),
            code::FLOAT => Value::float(f64::from_bits(r.word().ok()?)),
            code::PID => Value::pid(*self.pids.get(usize::try_from(r.number().ok()?).ok()?)?),
            more::STRING => Value::object(tag::ATOM, find_atom(r.text().ok()?)?),
            _ => return None,
        })
    }
}

impl fmt::Debug for Arriving {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Arriving({} bytes)", self.at + self.walk.as_ref().map_or(0, |w| w.position()))
    }
}

fn around(system: Option<(&'static [u8], Pid)>, m: Message) -> Message {
    match system {
        Some((name, from)) => Message::system(name, from, m),
        None => m,
    }
}
