//! A running program as it is seen from another thread of its OS process: what `survey` reports, as values.
//!
//! Journey: process -> figures -> **values**. The figures are those of scheduler/survey.rs, read as they lie; no process runs
//! for it, so that a program can be looked at whose gate is closed, whose workers are all busy, or which is not a node.
//! (The reader might expect a process of the program that answers, as `top` has in nodes: it would be one of those that are seen.)

use crate::concurrent::information::{split_place, status_name};
use crate::process::waits::Waiting;
use crate::scheduler::Scheduler;
use crate::scheduler::survey::{Figures, FrameSeen, Glimpse, Order, Survey, glimpses};
use rlua_machine::value::Pid;
use serde::Serialize;
use std::sync::Arc;

/// What can look at a running program, from any thread. A look costs the program a few locks for each process that it is told of;
/// who does not look costs nothing.
///
/// ```
/// use rlua_runtime::{Config, Program, Question, Start};
///
/// let script = rlua_compiler::compile(b"require('concurrent').sleep(100)", b"@sleeper").expect("it compiles");
/// let program = Program::new(Config::default());
/// let mut observer = program.observer();
/// std::thread::scope(|s| {
///     s.spawn(move || program.run(Start { script: Some(script), ..Start::default() }));
///     let question = Question { most: 1, ..Question::default() };
///     // The first look may come before there is a process.
///     while !observer.look(&question).rows.iter().any(|p| p.status == "waiting") {
///         std::thread::yield_now();
///     }
/// });
/// ```
#[derive(Clone)]
pub struct Observer {
    scheduler: Arc<Scheduler>,
    since: Vec<u8>,
}

/// What is asked.
#[derive(Clone, Default, Debug)]
pub struct Question {
    /// By what processes are chosen: a word of `survey`'s option `by`; any other counts as `age`.
    pub by: String,
    /// How many.
    pub most: usize,
    /// Only those whose pid, name or place contains this.
    pub filter: String,
    /// The process that is looked at, as its pid is shown.
    pub detail: Option<String>,
    /// Messages of it that are shown.
    pub heads: usize,
    /// Processes of which more is to be known.
    pub about: Vec<String>,
}

/// A node at a moment: as the table of `survey` (spec/processes.md).
#[derive(Clone, Default, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Sight {
    pub name: String,
    pub processes: u64,
    pub ready: u64,
    pub running: u64,
    pub waiting: u64,
    pub blocked: u64,
    pub mailbox: u64,
    pub memory: u64,
    pub recent: u64,
    pub came: u64,
    pub elapsed: f64,
    pub workers: u64,
    pub rows: Vec<Seen>,
    pub nodes: Vec<Traffic>,
    pub moves: Vec<Move>,
    pub detail: Option<Seen>,
    pub about: Vec<Seen>,
}

/// A process at a moment: as a row of `survey`.
#[derive(Clone, Default, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Seen {
    pub pid: String,
    pub name: String,
    pub status: &'static str,
    pub current: String,
    pub line: i64,
    pub func: String,
    pub mailbox: u64,
    pub memory: u64,
    pub reductions: u64,
    pub recent: u64,
    pub came: u64,
    pub senders: Vec<Sender>,
    pub frames: Vec<Frame>,
    pub parent: String,
    pub heads: Vec<String>,
    pub links: Vec<String>,
    pub monitors: Vec<String>,
    pub waits: &'static str,
    pub waitsfor: Vec<String>,
    pub waitstimed: bool,
}

/// Bytes to and from a node.
#[derive(Clone, Default, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Traffic {
    pub name: String,
    pub sent: u64,
    pub received: u64,
    pub waiting: u64,
}

/// A process that has come or gone.
#[derive(Clone, Default, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Move {
    pub number: u64,
    pub ago: f64,
    pub pid: String,
    pub name: String,
    pub node: String,
    pub arrived: bool,
}

/// Who fills a mailbox, and which part of that, in percent.
#[derive(Clone, Default, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Sender {
    pub pid: String,
    pub share: u64,
}

/// A function that a process is in.
#[derive(Clone, Default, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Frame {
    pub current: String,
    pub line: i64,
    pub func: String,
    pub variables: Vec<Variable>,
}

/// A local variable, and what it holds in a few words.
#[derive(Clone, Default, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Variable {
    pub name: String,
    pub value: String,
}

impl Observer {
    pub(crate) fn new(scheduler: Arc<Scheduler>) -> Observer {
        Observer { scheduler, since: Vec::new() }
    }
    /// The nodes that the program is connected with; none: it is no node.
    pub fn nodes(&self) -> Option<Vec<String>> {
        let online = self.scheduler.node.online()?;
        Some(online.nodes().iter().map(|n| n.as_str().to_string()).collect())
    }
    /// Its name as a node.
    pub fn name(&self) -> Option<String> {
        self.scheduler.node.online().map(|online| online.name.as_str().to_string())
    }
    /// Figures at this moment. Those that are of a time are of that since the last look of the same observer.
    pub fn look(&mut self, question: &Question) -> Sight {
        let s = &self.scheduler;
        let order = Order::of(question.by.as_bytes()).unwrap_or(Order::Age);
        let mut survey = Survey::new(order, question.most, question.filter.as_bytes(), &self.since, s.clock.now());
        while survey.step(s).is_some() {}
        let (t, chosen, left) = survey.finish();
        self.since = left;
        let s = &self.scheduler;
        let online = s.node.online();
        let nodes = online.as_ref().map_or(Vec::new(), |online| online.traffic());
        let nodes = nodes.into_iter().map(|(name, t)| Traffic {
            name: name.as_str().to_string(),
            sent: t.sent,
            received: t.received,
            waiting: t.waiting,
        });
        let detail = question.detail.as_deref().and_then(|pid| self.find(pid)).and_then(Figures::of);
        let about = question.about.iter().filter_map(|pid| self.find(pid)).filter_map(Figures::of).collect();
        Sight {
            name: online.map_or(String::new(), |online| online.name.as_str().to_string()),
            processes: t.processes,
            ready: t.ready,
            running: t.running,
            waiting: t.waiting,
            blocked: t.blocked,
            mailbox: t.messages,
            memory: t.bytes,
            recent: t.recent,
            came: t.came,
            elapsed: t.elapsed.map_or(0.0, |ns| ns as f64 / 1e6),
            workers: s.config.workers as u64,
            rows: self.seen(chosen, 0, false),
            nodes: nodes.collect(),
            moves: self.moves(),
            detail: self.seen(detail.into_iter().collect(), question.heads, true).pop(),
            about: self.seen(about, 0, false),
        }
    }
    fn moves(&self) -> Vec<Move> {
        let (moves, now) = (self.scheduler.lately().moves(), self.scheduler.clock.now());
        let shown = moves.into_iter().map(|m| Move {
            number: m.number,
            ago: now.saturating_sub(m.at) as f64 / 1e6,
            pid: m.pid.to_string(),
            name: String::from_utf8_lossy(&m.name).into_owned(),
            node: m.node,
            arrived: m.arrived,
        });
        shown.collect()
    }
    /// The process that is shown as this text, if it is here.
    fn find(&self, shown: &str) -> Option<Arc<crate::process::slot::Slot>> {
        let serial = shown.strip_suffix('>')?.rsplit('.').next()?.parse().ok()?;
        let table = &self.scheduler.table;
        let own = Pid::new(self.scheduler.runtime, serial);
        if own.to_string() == shown {
            return self.scheduler.slot(own);
        }
        table.guests().into_iter().find(|pid| pid.to_string() == shown).and_then(|pid| table.guest(pid))
    }
    fn seen(&self, chosen: Vec<Figures>, heads: usize, ties: bool) -> Vec<Seen> {
        let glimpses = glimpses(&self.scheduler, &chosen, heads, ties).0;
        chosen.iter().zip(glimpses).map(|(f, g)| seen(f, g)).collect()
    }
}

fn seen(f: &Figures, g: Glimpse) -> Seen {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pids = |all: &[Pid]| all.iter().map(Pid::to_string).collect();
    let (source, line) = split_place(&g.place);
    let Waiting { what, whom, timed } = &g.waits;
    Seen {
        pid: f.slot.pid.to_string(),
        name: g.name.as_deref().map_or(String::new(), text),
        status: status_name(f.status),
        current: text(source),
        line: line.unwrap_or(0),
        func: text(&g.function),
        mailbox: f.messages,
        memory: f.bytes,
        reductions: f.reductions,
        recent: f.recent,
        came: f.came,
        senders: g.senders.iter().map(|(pid, share)| Sender { pid: pid.to_string(), share: *share }).collect(),
        frames: g.frames.iter().map(frame).collect(),
        parent: if f.slot.is_root { String::new() } else { f.slot.parent.to_string() },
        heads: g.heads,
        links: pids(&g.links),
        monitors: pids(&g.monitors),
        waits: what.name().unwrap_or(""),
        waitsfor: pids(whom),
        waitstimed: *timed,
    }
}
fn frame(f: &FrameSeen) -> Frame {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (source, line) = split_place(&f.place);
    let variables = f.variables.iter().map(|(name, value)| Variable { name: text(name), value: value.clone() });
    Frame { current: text(source), line: line.unwrap_or(0), func: text(&f.function), variables: variables.collect() }
}
