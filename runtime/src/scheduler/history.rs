//! What happens in a run under an exploring schedule, for people: who sends whom what, and who ends how.
//!
//! Journey: signal: **route** -> inbox. One process runs at a time then, so what is sent is sent by that one, and is in its
//! receiver's inbox at once: the order of what is noted here is the order of everything.

use super::schedule::Decision;
use crate::codec::Message;
use crate::process::core::Time;
use crate::process::signal::Signal;
use rlua_machine::value::{Kind, Pid, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::Natives;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

/// Events that are kept, the latest.
const MOST: usize = 20_000;
/// Characters of a message that are shown.
const SHOWN: usize = 60;

/// A schedule to be explored, instead of the one that a seed gives otherwise.
#[derive(Clone, Debug, Default)]
pub struct Exploration {
    /// What is decided otherwise than of oneself; none: it is drawn from the seed.
    pub given: Option<Vec<Decision>>,
    /// Where what happens, and what was decided, is written down.
    pub history: Option<Arc<Mutex<History>>>,
}

/// What has happened.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// What was decided otherwise than of oneself.
    pub decisions: Vec<Decision>,
    /// Oldest first; of very many the latest.
    pub events: Vec<Event>,
    /// Processes, in the order in which they began, as they are shown: with their first name if they have had one.
    pub processes: Vec<String>,
    /// Events that are not kept.
    pub forgotten: usize,
    numbers: HashMap<Pid, usize>,
    current: Option<usize>,
    /// What is noted comes from another node.
    arrives: bool,
    /// Nothing is noted.
    silent: bool,
}

/// Something that has happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Nanoseconds of virtual time.
    pub at: u64,
    /// The process that does it, by its place in the list; none: time, or the runtime.
    pub from: Option<usize>,
    /// The other one that it concerns.
    pub to: Option<usize>,
    /// What it is.
    pub text: String,
}

impl History {
    /// The number of a process.
    fn number(&mut self, pid: Pid) -> usize {
        let next = self.processes.len();
        *self.numbers.entry(pid).or_insert_with(|| {
            self.processes.push(if next == 0 { "main".to_string() } else { pid.to_string() });
            next
        })
    }
    fn note(&mut self, at: Time, from: Option<usize>, to: Option<usize>, text: String) {
        if self.silent {
            return;
        }
        if self.events.len() >= 2 * MOST {
            self.events.drain(..MOST);
            self.forgotten += MOST;
        }
        self.events.push(Event { at, from, to, text });
    }
    /// Something happens that no process does.
    pub(crate) fn happens(&mut self, at: Time, text: String) {
        self.note(at, None, None, text);
    }
    /// From now on nothing is noted, or all again.
    pub(crate) fn set_silent(&mut self, silent: bool) {
        self.silent = silent;
    }
    /// What is noted from now on comes from another node, or does so no more.
    pub(crate) fn set_arriving(&mut self, arrives: bool) {
        self.arrives = arrives;
        self.current = None;
    }
    /// The one who has sent what comes.
    pub(crate) fn comes_from(&mut self, pid: Option<Pid>) {
        if self.arrives {
            self.current = pid.map(|pid| self.number(pid));
        }
    }
    /// A message leaves for another node.
    pub(crate) fn leaves(&mut self, at: Time, to: impl fmt::Display, m: &Message, natives: Natives) {
        let text = format!("{} leaves for {to}", shown(m, natives));
        self.note(at, self.current, None, text);
    }
    /// The main script of a node begins.
    pub(crate) fn begins_node(&mut self, at: Time, pid: Pid, node: &str) {
        let number = self.number(pid);
        self.processes[number] = node.to_string();
        self.note(at, None, Some(number), "begins".to_string());
    }
    /// It is ended, with its node.
    pub(crate) fn ends_node(&mut self, at: Time, pid: Pid) {
        let number = self.number(pid);
        self.note(at, Some(number), None, "ends with its node".to_string());
    }
    /// A process runs from now on.
    pub(super) fn runs(&mut self, pid: Pid) {
        self.current = Some(self.number(pid));
    }
    /// A process was made.
    pub(super) fn begins(&mut self, at: Time, pid: Pid, is_root: bool) {
        let from = self.current;
        let to = self.number(pid);
        if !is_root {
            self.note(at, from, Some(to), "spawns".to_string());
        }
    }
    /// A process ends.
    pub(super) fn ends(&mut self, at: Time, pid: Pid, reason: &Message, natives: Natives) {
        let from = self.number(pid);
        let text = match shown(reason, natives) {
            s if s == "'normal'" => "ends".to_string(),
            s => format!("ends: {s}"),
        };
        self.note(at, Some(from), None, text);
    }
    /// A process has got a name.
    pub(crate) fn named(&mut self, at: Time, pid: Pid, name: &[u8]) {
        let number = self.number(pid);
        let name = String::from_utf8_lossy(name).into_owned();
        self.note(
            at,
            self.current,
            Some(number).filter(|n| Some(*n) != self.current),
            format!("gives the name '{name}'"),
        );
        if number > 0 && self.processes[number].starts_with('<') {
            self.processes[number] = name;
        }
    }
    /// A signal is on its way.
    pub(super) fn sent(&mut self, at: Time, to: Pid, signal: &Signal, natives: Natives) {
        let shown = |m: &Message| shown(m, natives);
        let (from, text) = match signal {
            Signal::Message(m) => (self.current, shown(m)),
            Signal::Response { from, value, refused, .. } => {
                let how = if *refused { "refuses" } else { "replies" };
                (Some(self.number(*from)), format!("{how} {}", shown(value)))
            }
            Signal::Exit { from, reason, normal: false } => {
                (Some(self.number(*from)), format!("exit {}", shown(reason)))
            }
            Signal::Down { from, reason, .. } => (Some(self.number(*from)), format!("DOWN {}", shown(reason))),
            Signal::Kill { reason, .. } => (self.current, format!("kills: {}", shown(reason))),
            Signal::Monitor { from, .. } => (Some(self.number(*from)), "monitors".to_string()),
            Signal::Link { from } => (Some(self.number(*from)), "links".to_string()),
            Signal::Interrupt => (self.current, "interrupts".to_string()),
            Signal::Timeout { .. } => (None, "its time is over".to_string()),
            _ => return,
        };
        let to = self.number(to);
        let text =
            if self.arrives && !matches!(signal, Signal::Timeout { .. }) { format!("{text} arrives") } else { text };
        self.note(at, from, Some(to), text);
    }
}

/// A message in a few words.
fn shown(m: &Message, natives: Natives) -> String {
    let mut vm = Vm::new(Box::new(()), natives);
    let text = match crate::codec::decode_message(&mut vm, m) {
        Ok(v) => request(&mut vm, v).unwrap_or_else(|| text_of(&mut vm, v, 0)),
        Err(e) => format!("({e})"),
    };
    let mut cut: String = text.chars().take(SHOWN).map(|c| if c.is_control() { '?' } else { c }).collect();
    if cut.len() < text.len() {
        cut.push_str("...");
    }
    cut
}
/// That of a call or a cast.
fn request(vm: &mut Vm, v: Value) -> Option<String> {
    let t = v.as_table()?;
    let signal = t.get_field(&mut vm.heap, b"signal").as_string()?;
    let word = match signal.bytes() {
        b"CALL" => "calls",
        b"CAST" => "casts",
        _ => return None,
    };
    let control = t.get_field(&mut vm.heap, b"control").as_string();
    let request = t.get_field(&mut vm.heap, b"request");
    Some(match control {
        Some(control) => format!("{word} {}", String::from_utf8_lossy(control.bytes())),
        None => format!("{word} {}", text_of(vm, request, 0)),
    })
}
fn text_of(vm: &mut Vm, v: Value, depth: u32) -> String {
    match v.kind() {
        Kind::String(s) => format!("'{}'", String::from_utf8_lossy(&s.bytes()[..s.bytes().len().min(2 * SHOWN)])),
        Kind::Table(t) if depth < 2 => {
            let mut parts = Vec::new();
            let items = t.length().min(SHOWN as i64);
            for i in 1..=items {
                let item = t.get_integer(i);
                parts.push(text_of(vm, item, depth + 1));
            }
            let mut fields = Vec::new();
            let mut key = Value::NIL;
            while let Ok(Some((k, v))) = t.next(key) {
                key = k;
                match k.kind() {
                    Kind::Integer(i) if (1..=items).contains(&i) => {}
                    Kind::String(name) => {
                        let name = String::from_utf8_lossy(name.bytes()).into_owned();
                        fields.push(format!("{name} = {}", text_of(vm, v, depth + 1)));
                    }
                    _ => fields.push(format!("[{}] = {}", text_of(vm, k, 2), text_of(vm, v, depth + 1))),
                }
                if fields.len() > SHOWN {
                    break;
                }
            }
            fields.sort_unstable();
            parts.extend(fields);
            format!("{{ {} }}", parts.join(", ")).replace("{  }", "{}")
        }
        Kind::Table(_) => "{...}".to_string(),
        Kind::Closure(_) | Kind::Native(_) | Kind::NativeClosure(_) => "function".to_string(),
        _ => String::from_utf8_lossy(&rlua_machine::stdlib::string::basic_text(vm, v)).into_owned(),
    }
}
