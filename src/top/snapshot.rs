//! What nodes have answered: figures at a moment.
//!
//! Journey: answer -> **figures** -> lines. Comes from other programs, so anything may be in it: what is no figure counts as none,
//! and texts are made such as can be shown.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Bytes of a text that are kept.
const TEXT: usize = 512;

/// A text that can be shown: no character in it moves the cursor.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Debug)]
pub struct Text(pub String);

/// A text of which only what can be shown is left.
pub fn shown(text: &str) -> String {
    text.chars().take(TEXT).map(|c| if rlua_runtime::is_shown(c) { c } else { '?' }).collect()
}
impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Text, D::Error> {
        Ok(match Value::deserialize(from)? {
            Value::String(text) => Text(shown(&text)),
            _ => Text::default(),
        })
    }
}
/// A figure; what is none, or negative, counts as 0.
fn figure<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Value::deserialize(from)?.as_f64().filter(|n| n.is_finite()).unwrap_or(0.0).max(0.0))
}
/// A list; what cannot be read of it is left out.
fn list<'de, D: Deserializer<'de>, T: for<'a> Deserialize<'a>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Array(all) => all.into_iter().filter_map(|v| T::deserialize(v).ok()).collect(),
        _ => Vec::new(),
    })
}
fn detail<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Process>, D::Error> {
    Ok(Process::deserialize(Value::deserialize(from)?).ok())
}

fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    Ok(Value::deserialize(from)?.as_bool().unwrap_or(false))
}

/// What has come of a question.
#[derive(Clone, Default, Deserialize, Serialize, Debug)]
#[serde(default)]
pub struct Snapshot {
    /// The nodes; the one that was asked first.
    #[serde(deserialize_with = "list")]
    pub nodes: Vec<Node>,
    /// Why there is no answer.
    pub failed: Option<Text>,
}

/// A node.
#[derive(Clone, Default, Deserialize, Serialize, Debug)]
#[serde(default)]
pub struct Node {
    /// Its name.
    pub name: Text,
    /// Why there are no figures of it.
    pub failed: Option<Text>,
    /// Processes.
    #[serde(deserialize_with = "figure")]
    pub processes: f64,
    /// Those that wait for a worker.
    #[serde(deserialize_with = "figure")]
    pub ready: f64,
    /// Those that a worker runs.
    #[serde(deserialize_with = "figure")]
    pub running: f64,
    /// Those in a call of the system.
    #[serde(deserialize_with = "figure")]
    pub blocked: f64,
    /// Messages that wait.
    #[serde(deserialize_with = "figure")]
    pub mailbox: f64,
    /// Bytes of heaps and mailboxes.
    #[serde(deserialize_with = "figure")]
    pub memory: f64,
    /// Reductions since the last look, and milliseconds since then; 0: it is the first.
    #[serde(deserialize_with = "figure")]
    pub recent: f64,
    #[serde(deserialize_with = "figure")]
    pub elapsed: f64,
    /// Threads that run processes.
    #[serde(deserialize_with = "figure")]
    pub workers: f64,
    /// Milliseconds that the look has taken there.
    #[serde(deserialize_with = "figure")]
    pub took: f64,
    /// The first of its processes.
    #[serde(deserialize_with = "list")]
    pub rows: Vec<Process>,
    /// Messages that have come to its processes since the last look.
    #[serde(deserialize_with = "figure")]
    pub came: f64,
    /// Which processes have come and gone of late, oldest first.
    #[serde(deserialize_with = "list")]
    pub moves: Vec<Move>,
    /// What has gone to other nodes and come from them.
    #[serde(deserialize_with = "list")]
    pub nodes: Vec<Traffic>,
    /// The process that is looked at, if it is there.
    #[serde(deserialize_with = "detail")]
    pub detail: Option<Process>,
    /// Processes about which was asked, if they are there.
    #[serde(deserialize_with = "list")]
    pub about: Vec<Process>,
}

/// Bytes to and from a node, since there is a connection.
#[derive(Clone, Default, Deserialize, Serialize, Debug)]
#[serde(default)]
pub struct Traffic {
    /// The other node.
    pub name: Text,
    #[serde(deserialize_with = "figure")]
    pub sent: f64,
    #[serde(deserialize_with = "figure")]
    pub received: f64,
    /// Bytes that wait to be sent.
    #[serde(deserialize_with = "figure")]
    pub waiting: f64,
}

/// A process that has come from another node, or gone there.
#[derive(Clone, Default, Deserialize, Serialize, Debug)]
#[serde(default)]
pub struct Move {
    #[serde(deserialize_with = "figure")]
    pub number: f64,
    /// Milliseconds since then.
    #[serde(deserialize_with = "figure")]
    pub ago: f64,
    pub pid: Text,
    pub name: Text,
    pub node: Text,
    #[serde(deserialize_with = "flag")]
    pub arrived: bool,
}

/// Who fills a mailbox that does not keep up.
#[derive(Clone, Default, Deserialize, Serialize, Debug)]
#[serde(default)]
pub struct Sender {
    pub pid: Text,
    /// Which part of that, in percent.
    #[serde(deserialize_with = "figure")]
    pub share: f64,
}

/// A function that a process is in.
#[derive(Clone, Default, Deserialize, Serialize, Debug)]
#[serde(default)]
pub struct Frame {
    pub current: Text,
    #[serde(deserialize_with = "figure")]
    pub line: f64,
    pub func: Text,
    #[serde(deserialize_with = "list")]
    pub variables: Vec<Variable>,
}

/// A local variable, and what it holds.
#[derive(Clone, Default, Deserialize, Serialize, Debug)]
#[serde(default)]
pub struct Variable {
    pub name: Text,
    pub value: Text,
}

/// A process.
#[derive(Clone, Default, Deserialize, Serialize, Debug)]
#[serde(default)]
pub struct Process {
    /// As it is shown, which is also what it is asked for by.
    pub pid: Text,
    pub name: Text,
    pub status: Text,
    /// Where it is: source, line, function.
    pub current: Text,
    #[serde(deserialize_with = "figure")]
    pub line: f64,
    pub func: Text,
    #[serde(deserialize_with = "figure")]
    pub mailbox: f64,
    #[serde(deserialize_with = "figure")]
    pub memory: f64,
    #[serde(deserialize_with = "figure")]
    pub reductions: f64,
    #[serde(deserialize_with = "figure")]
    pub recent: f64,
    /// Messages that have come since the last look.
    #[serde(deserialize_with = "figure")]
    pub came: f64,
    /// Who fills its mailbox.
    #[serde(deserialize_with = "list")]
    pub senders: Vec<Sender>,
    /// The functions that it is in, the innermost first.
    #[serde(deserialize_with = "list")]
    pub frames: Vec<Frame>,
    /// What its oldest messages begin with.
    #[serde(deserialize_with = "list")]
    pub heads: Vec<Text>,
    #[serde(deserialize_with = "list")]
    pub links: Vec<Text>,
    #[serde(deserialize_with = "list")]
    pub monitors: Vec<Text>,
    pub parent: Text,
    /// What it waits for, whose message or answer that is as far as that is known, and whether it goes on after a time.
    pub waits: Text,
    #[serde(deserialize_with = "list")]
    pub waitsfor: Vec<Text>,
    #[serde(deserialize_with = "flag")]
    pub waitstimed: bool,
}

impl Snapshot {
    /// The answer that these bytes are.
    pub fn read(json: &[u8]) -> Snapshot {
        serde_json::from_slice(json).unwrap_or_else(|e| Snapshot {
            failed: Some(Text(format!("the answer cannot be read: {e}"))),
            ..Snapshot::default()
        })
    }
}

impl Frame {
    /// Where it is, as one text.
    pub fn place(&self) -> String {
        place(&self.current, self.line, &self.func)
    }
}
impl Process {
    /// Where it is, as one text.
    pub fn place(&self) -> String {
        place(&self.current, self.line, &self.func)
    }
}
fn place(current: &Text, line: f64, func: &Text) -> String {
    let mut text = current.0.clone();
    if !text.is_empty() && line > 0.0 {
        text.push_str(&format!(":{line}"));
    }
    if !func.0.is_empty() {
        text.push_str(" in ");
        text.push_str(&func.0);
    }
    text
}
