//! What was sent and what was seen, and whether that may be.
//!
//! Journey: none. Each signal that one process sends another is written down, and found again when the receiver handles
//! it: later than all that this sender's signals before it were, once, or never, and then there must be an excuse.

use super::super::super::Time;
use super::super::super::name::NodeName;
use crate::codec::Message;
use crate::process::signal::{Answer, Question, Signal};
use rlua_machine::value::Pid;
use std::collections::{BTreeMap, BTreeSet};

/// What begins the text of a message; its number follows.
const MARK: &[u8] = b"#message:";
/// Digits of the number.
const DIGITS: usize = 10;

/// What a signal is recognised by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sign {
    Message,
    Exit,
    Link,
    Unlink(u64),
    Monitor(u64),
    Demonitor(u64),
    Down(u64),
    Ask(u64),
    Response(u64),
}

impl Sign {
    /// None: what a node may have said as well as a process.
    fn of(signal: &Signal) -> Option<(Sign, Pid)> {
        Some(match signal {
            Signal::Exit { from, reason, .. } if !from_node(reason) => (Sign::Exit, *from),
            Signal::Down { from, id, reason } if !from_node(reason) => (Sign::Down(*id), *from),
            Signal::Link { from } => (Sign::Link, *from),
            Signal::Unlink { from, id } => (Sign::Unlink(*id), *from),
            Signal::Monitor { from, id } => (Sign::Monitor(*id), *from),
            Signal::Demonitor { from, id } => (Sign::Demonitor(*id), *from),
            // A node's.
            Signal::Ask { question: Question::Again, .. } => return None,
            Signal::Ask { from, id, .. } => (Sign::Ask(*id), *from),
            Signal::Response { from, id, .. } => (Sign::Response(*id), *from),
            _ => return None,
        })
    }
    /// Whether it has to arrive: others are dropped where nobody waits for them any more.
    fn has_to_arrive(self) -> bool {
        !matches!(self, Sign::Exit | Sign::Down(_) | Sign::Demonitor(_) | Sign::Response(_))
    }
}

/// Whether a reason is a node's, and no process's.
fn from_node(reason: &Message) -> bool {
    is_noconnection(reason) || says(reason, b"noproc")
}
/// Whether a message is about a lost connection.
pub fn is_noconnection(reason: &Message) -> bool {
    says(reason, b"noconnection")
}
fn says(m: &Message, text: &[u8]) -> bool {
    m.is_string(text) || contains(&m.to_portable().bytes, text)
}
/// Whether bytes have others in them.
pub fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|w| w == text)
}

struct Sent {
    number: u64,
    sign: Sign,
    at: Since,
    arrived: bool,
    /// The sender was told that it is not sent.
    failed: bool,
    /// The sender was told that the connection, or the way of a question, is lost.
    may_be_lost: bool,
}

/// When something was sent, and from which host.
pub type Since = (Time, usize);

/// Something that has not arrived.
pub struct Missing {
    /// Who has sent it.
    pub from: Pid,
    /// To whom.
    pub to: Pid,
    /// When and where; or when and where one was that looks like it, and may have been taken for it when it came.
    pub since: Vec<Since>,
    /// What it is.
    pub what: String,
}

/// The book of all that goes from process to process.
#[derive(Default)]
pub struct Ledger {
    next: u64,
    pairs: BTreeMap<(Pid, Pid), Vec<Sent>>,
    /// Number of the last signal from one to the other that was handled.
    last: BTreeMap<(Pid, Pid), u64>,
    /// The same of messages for a name. Others are not in order with them where the receiver has moved: they may be on their way to
    /// where it was.
    last_named: BTreeMap<(Pid, Pid), u64>,
    /// Who has sent a message that was for a name.
    named: BTreeMap<u64, Pid>,
    /// To whom each numbered message was sent.
    messages: BTreeMap<u64, (Pid, Pid)>,
    downs: BTreeSet<(Pid, u64)>,
    /// Calls that there have been: who has made each, under which number.
    pub calls: Vec<(Pid, u64)>,
    /// What must not be.
    pub violations: Vec<String>,
    /// Signals that were handled.
    pub handled: u64,
    /// A connection was lost: nodes take monitors back themselves, as their processes would.
    pub has_losses: bool,
    /// NODEDOWN by watcher and node.
    pub node_downs: BTreeMap<(Pid, String), u32>,
    /// Processes that have ended.
    pub ended: BTreeSet<Pid>,
    /// How often each process had moved when it last did something, and on which host that was.
    places: BTreeMap<Pid, (u64, usize)>,
    /// When a process has gone on without which nodes having what it had sent before.
    pub unsettled: Vec<(Time, Pid, NodeName)>,
    /// When something was sent to a process though it was not known that what was sent before had come, and from which host.
    pub overtaken: Vec<(Time, Pid, usize)>,
    /// Hosts on which those have been that have moved.
    pub visited: BTreeMap<Pid, BTreeSet<usize>>,
}

impl Ledger {
    /// Notes what must not be.
    pub fn violation(&mut self, what: String) {
        self.violations.push(what);
    }
    /// A process that has moved so often does something on a host.
    pub fn runs(&mut self, pid: Pid, epoch: u64, host: usize) {
        match self.places.insert(pid, (epoch, host)) {
            Some((then, there)) if then > epoch || then == epoch && there != host => self.violation(format!(
                "{pid} runs on host {host} (move {epoch}), and on host {there} (move {then}) as well"
            )),
            before => {
                if epoch > 0 {
                    let visited = self.visited.entry(pid).or_default();
                    visited.extend(before.map(|(_, there)| there));
                    visited.insert(host);
                }
            }
        }
    }
    fn record(&mut self, from: Pid, to: Pid, sign: Sign, at: Since) -> u64 {
        self.next += 1;
        let sent = Sent { number: self.next, sign, at, arrived: false, failed: false, may_be_lost: false };
        self.pairs.entry((from, to)).or_default().push(sent);
        self.next
    }
    /// A process sends a signal.
    pub fn sent(&mut self, to: Pid, signal: &Signal, at: Since) {
        if let Some((sign, from)) = Sign::of(signal) {
            self.record(from, to, sign, at);
        }
    }
    /// A process sends a message, to a process or (none) to a name; the message, with its number in it.
    pub fn message(&mut self, from: Pid, to: Option<Pid>, bytes: usize, at: Since) -> (u64, Message) {
        let number = match to {
            Some(to) => {
                let number = self.record(from, to, Sign::Message, at);
                self.messages.insert(number, (from, to));
                number
            }
            None => {
                self.next += 1;
                self.named.insert(self.next, from);
                self.next
            }
        };
        let mut text = [MARK, format!("{number:0width$}", width = DIGITS).as_bytes()].concat();
        text.resize(text.len() + bytes, b'.');
        (number, Message::string(&text))
    }
    /// A signal was not sent: the node knows no way to its receiver, or has none any more.
    pub fn refused(&mut self, to: Pid, signal: &Signal) {
        let Some((sign, from)) = Sign::of(signal) else { return };
        let all = self.pairs.get_mut(&(from, to)).into_iter().flatten();
        if let Some(sent) = all.filter(|s| s.sign == sign && !s.arrived).last() {
            sent.failed = true;
        }
    }
    /// The sender of a message was told that it could not be sent.
    pub fn failed(&mut self, number: u64) {
        if let Some(pair) = self.messages.get(&number)
            && let Some(sent) = self.pairs.get_mut(pair).and_then(|all| all.iter_mut().find(|s| s.number == number))
        {
            if sent.arrived {
                self.violations
                    .push(format!("message {number} has arrived, and its sender was told that it cannot be sent"));
            }
            sent.failed = true;
        }
    }
    /// A process handles a signal.
    pub fn handled(&mut self, to: Pid, signal: &Signal) {
        self.handled += 1;
        if let Signal::Message(m) = signal {
            return self.got(to, m);
        }
        if let Signal::Exit { from, reason, .. } = signal
            && is_noconnection(reason)
        {
            // Its request for a link may be lost, if it was under way.
            for sent in self.pairs.get_mut(&(to, *from)).into_iter().flatten() {
                sent.may_be_lost |= sent.sign == Sign::Link && !sent.arrived;
            }
        }
        if let Signal::Reply { id, answer: Answer::Lost } = signal {
            let asked = self.pairs.iter_mut().filter(|((from, _), _)| *from == to);
            for sent in asked.flat_map(|(_, sent)| sent) {
                sent.may_be_lost |= sent.sign == Sign::Ask(*id);
            }
        }
        let Some((sign, from)) = Sign::of(signal) else { return };
        let last = self.last.get(&(from, to)).copied().unwrap_or(0);
        let all = self.pairs.entry((from, to)).or_default();
        let found = all.iter_mut().find(|s| s.sign == sign && s.number > last && !s.arrived && !s.failed);
        match found {
            Some(sent) => {
                sent.arrived = true;
                let number = sent.number;
                // This may be the node's, and its sender's still on its way.
                if !(self.has_losses && matches!(sign, Sign::Demonitor(_))) {
                    self.last.insert((from, to), number);
                }
            }
            // A node takes monitors back whose session is lost.
            None if matches!(sign, Sign::Demonitor(_)) => {}
            None => {
                let known: Vec<_> = all.iter().map(|s| (s.number, s.sign, s.arrived)).collect();
                let what =
                    format!("{to} handles {sign:?} of {from} twice, or out of order: after {last}, of {known:?}");
                self.violation(what);
            }
        }
    }
    /// A process gets a DOWN for one of its monitors: of several that come for it the others are dropped.
    pub fn told_of_end(&mut self, to: Pid, of: Pid, id: u64) {
        if !self.downs.insert((to, id)) {
            self.violation(format!("{to} is told twice of the end of {of}, for its monitor {id}"));
        }
    }
    fn got(&mut self, to: Pid, m: &Message) {
        let bytes = m.to_portable().bytes;
        if contains(&bytes, b"NODEDOWN") {
            let at = bytes.windows(4).position(|w| w == b"@sim").unwrap_or(2);
            let node = String::from_utf8_lossy(&bytes[at - 2..at + 4]).into_owned();
            *self.node_downs.entry((to, node)).or_default() += 1;
            return;
        }
        let Some(at) = bytes.windows(MARK.len()).position(|w| w == MARK) else { return };
        let digits = &bytes[at + MARK.len()..][..DIGITS];
        let number: u64 = std::str::from_utf8(digits).ok().and_then(|d| d.parse().ok()).expect("digits were written");
        let from = match (self.messages.get(&number), self.named.get(&number)) {
            (Some(&(from, meant)), _) => {
                if meant != to {
                    self.violation(format!("message {number} for {meant} comes to {to}"));
                }
                from
            }
            (None, Some(from)) => *from,
            (None, None) => return self.violation(format!("message {number} was never sent")),
        };
        let is_apart = self.named.contains_key(&number) && self.visited.contains_key(&to);
        let last = if is_apart { &mut self.last_named } else { &mut self.last };
        let last = last.insert((from, to), number).unwrap_or(0);
        if last >= number {
            self.violation(format!("{to} handles message {number} of {from} twice, or out of order: after {last}"));
        }
        let sent = self.pairs.get_mut(&(from, to)).and_then(|all| all.iter_mut().find(|s| s.number == number));
        if let Some(sent) = sent {
            sent.arrived = true;
            if sent.failed {
                let what = format!("message {number} arrives, and its sender was told that it cannot be sent");
                self.violation(what);
            }
        }
    }
    /// All that was sent and has not arrived, but for what the sender was told may be lost, if that can be.
    pub fn missing(&self, has_faults: bool) -> Vec<Missing> {
        let mut all = Vec::new();
        for ((from, to), sent) in &self.pairs {
            // One link looks like the next: with one that may be lost, another that has come may have been taken for it.
            let unclear = sent.iter().any(|s| s.sign == Sign::Link && s.may_be_lost);
            let has_to_arrive = |s: &&Sent| match s.sign {
                Sign::Link => !unclear,
                Sign::Ask(_) => !(has_faults && s.may_be_lost),
                sign => sign.has_to_arrive(),
            };
            for s in sent.iter().filter(has_to_arrive).filter(|s| !s.arrived && !s.failed) {
                let what = format!("{:?} number {}", s.sign, s.number);
                let may_be_it = |other: &&Sent| {
                    other.number == s.number || s.sign == Sign::Link && other.sign == s.sign && other.number < s.number
                };
                let since = sent.iter().filter(may_be_it).map(|s| s.at).collect();
                all.push(Missing { from: *from, to: *to, since, what });
            }
        }
        all
    }
}
