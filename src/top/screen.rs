//! What `top` shows, and what keys do to it: no terminal, no clock, no node.
//!
//! Journey: (figures, key) -> **lines**. The shell (mod.rs) asks what the screen wants to know, gives it what came, and puts
//! the lines on a terminal or a pipe.

use super::snapshot::{Node, Process, Snapshot, Traffic, shown};
use super::waits::Graph;
use std::collections::HashMap;

/// Messages of a process whose beginnings are shown.
const HEADS: usize = 12;
/// Lines of nodes at most, above the processes.
const NODES: usize = 8;
/// Processes of a node of which it is asked for whom they wait, and those about which is asked because of that.
const WAITS: usize = 900;
const ABOUT: usize = 50;
/// Bytes of a filter.
const FILTER: usize = 60;

/// How a piece of a line looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    Plain,
    /// What the line is about.
    Strong,
    /// Heads of columns.
    Head,
    /// What the processes are sorted by.
    Sorted,
    /// Where the keys go.
    Selected,
    /// To be read last.
    Faint,
    /// Something is wrong.
    Wrong,
}

/// Pieces of a line.
pub type Line = Vec<(Look, String)>;

/// A key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Key {
    Char(char),
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Escape,
    Backspace,
    /// Ctrl-C.
    Interrupt,
}

/// What follows from a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// The screen may look different.
    Draw,
    /// It wants to know something else.
    Ask,
    /// It is over.
    Quit,
}

/// By what processes are sorted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    Reductions,
    Memory,
    Mailbox,
    Messages,
    Age,
}

impl Order {
    /// The word for it that nodes know.
    pub fn word(self) -> &'static str {
        match self {
            Order::Reductions => "reductions",
            Order::Memory => "memory",
            Order::Mailbox => "mailbox",
            Order::Messages => "messages",
            Order::Age => "age",
        }
    }
    /// The order of a word.
    pub fn of(word: &str) -> Option<Order> {
        let all = [Order::Reductions, Order::Memory, Order::Mailbox, Order::Messages, Order::Age];
        all.into_iter().find(|o| o.word() == word)
    }
}

/// What is shown below the nodes.
#[derive(Clone, PartialEq, Eq, Debug)]
enum View {
    Processes,
    /// One process, by its pid.
    Detail(String),
    Traffic,
    /// Who waits for whom.
    Waits,
    Help,
}

/// The screen.
pub struct Screen {
    order: Order,
    filter: String,
    /// The filter while it is typed.
    typed: Option<String>,
    /// The node whose processes are shown; none: all.
    scope: Option<String>,
    view: View,
    /// The pid of the selected process.
    selected: Option<String>,
    is_paused: bool,
    snapshot: Snapshot,
    rows: Vec<Row>,
    links: Vec<(String, Traffic)>,
    graph: Graph,
    /// Messages that waited at the last look, by pid; bytes to and from nodes.
    mailboxes: HashMap<String, f64>,
    traffic: HashMap<(String, String), (f64, f64)>,
    /// Lines for processes.
    room: usize,
}

/// A process as it is listed.
struct Row {
    process: Process,
    /// Reductions in a second, if two looks have seen it.
    rate: Option<f64>,
    /// Messages by which its mailbox has grown in a second.
    growth: Option<f64>,
    /// Messages that have come in a second, if two looks have seen it.
    arrivals: Option<f64>,
}

impl Screen {
    /// The screen before the first look.
    pub fn new(order: Order, filter: &str) -> Screen {
        Screen {
            order,
            filter: filter.to_string(),
            typed: None,
            scope: None,
            view: View::Processes,
            selected: None,
            is_paused: false,
            snapshot: Snapshot::default(),
            rows: Vec::new(),
            links: Vec::new(),
            graph: Graph::default(),
            mailboxes: HashMap::new(),
            traffic: HashMap::new(),
            room: 20,
        }
    }
    /// The screen of who waits for whom.
    pub fn of_waits() -> Screen {
        Screen { view: View::Waits, ..Screen::new(Order::Age, "") }
    }
    /// What it wants to know: the fields of a question, in Lua.
    pub fn question(&self) -> String {
        let (by, most) = match self.view {
            View::Waits => ("waits", WAITS),
            _ => (self.order.word(), self.room),
        };
        let mut text = format!("{{ by = '{by}', most = {most}");
        for (field, value) in [("filter", Some(&self.filter)), ("scope", self.scope.as_ref())] {
            if let Some(value) = value.filter(|v| !v.is_empty()) {
                text.push_str(&format!(", {field} = {}", quoted(value)));
            }
        }
        if let View::Detail(pid) = &self.view {
            text.push_str(&format!(", detail = {{ pid = {}, heads = {HEADS} }}", quoted(pid)));
        }
        if self.view == View::Waits {
            let about: Vec<String> = self.graph.unknown().take(ABOUT).map(quoted).collect();
            text.push_str(&format!(", about = {{ {} }}", about.join(", ")));
        }
        text.push_str(" }");
        text
    }
    /// Whether new figures are wanted when it is time for them.
    pub fn is_paused(&self) -> bool {
        self.is_paused
    }
    /// Milliseconds that the look has taken where it took longest.
    pub fn took_ms(&self) -> f64 {
        self.snapshot.nodes.iter().map(|n| n.took).fold(0.0, f64::max)
    }
    /// Takes what came.
    pub fn take(&mut self, mut snapshot: Snapshot) {
        // They have answered in any order.
        if let [_, others @ ..] = &mut snapshot.nodes[..] {
            others.sort_by(|a, b| a.name.0.cmp(&b.name.0));
        }
        if snapshot.failed.is_some() && !self.snapshot.nodes.is_empty() {
            // What was known stays, under the message.
            self.snapshot.failed = snapshot.failed;
            return;
        }
        let mut mailboxes = HashMap::new();
        let mut traffic = HashMap::new();
        self.rows.clear();
        self.links.clear();
        for node in &snapshot.nodes {
            let seconds = Some(node.elapsed / 1000.0).filter(|s| *s > 0.0);
            for p in &node.rows {
                let then = self.mailboxes.get(&p.pid.0);
                let growth = seconds.zip(then).map(|(s, then)| (p.mailbox - then) / s);
                mailboxes.insert(p.pid.0.clone(), p.mailbox);
                let (rate, arrivals) = (seconds.map(|s| p.recent / s), seconds.map(|s| p.came / s));
                self.rows.push(Row { process: p.clone(), rate, growth, arrivals });
            }
            for t in &node.nodes {
                let key = (node.name.0.clone(), t.name.0.clone());
                let then = self.traffic.get(&key).copied();
                let per_second =
                    |now: f64, then: Option<f64>| seconds.zip(then).map_or(0.0, |(s, then)| (now - then).max(0.0) / s);
                let rates = Traffic {
                    name: t.name.clone(),
                    sent: per_second(t.sent, then.map(|t| t.0)),
                    received: per_second(t.received, then.map(|t| t.1)),
                    waiting: t.waiting,
                };
                traffic.insert(key, (t.sent, t.received));
                self.links.push((node.name.0.clone(), rates));
            }
        }
        (self.mailboxes, self.traffic) = (mailboxes, traffic);
        if self.view == View::Waits {
            self.graph = Graph::new(&snapshot.nodes);
        }
        let order = self.order;
        let key = move |r: &Row| match order {
            Order::Reductions => r.process.recent,
            Order::Memory => r.process.memory,
            Order::Mailbox => r.process.mailbox,
            Order::Messages => r.process.came,
            Order::Age => 0.0,
        };
        self.rows.sort_by(|a, b| key(b).total_cmp(&key(a)));
        self.rows.truncate(self.room);
        self.snapshot = snapshot;
        if self.selection().is_none() {
            self.selected = None;
        }
    }
    fn selection(&self) -> Option<usize> {
        let pid = self.selected.as_ref()?;
        self.rows.iter().position(|r| r.process.pid.0 == *pid)
    }

    // Keys.

    /// A key was pressed.
    pub fn press(&mut self, key: Key) -> Then {
        if key == Key::Interrupt {
            return Then::Quit;
        }
        if let Some(typed) = &mut self.typed {
            match key {
                Key::Enter => {
                    self.filter = self.typed.take().unwrap_or_default();
                    return Then::Ask;
                }
                Key::Escape => self.typed = None,
                Key::Backspace => _ = typed.pop(),
                Key::Char(c) if typed.len() < FILTER && rlua_runtime::is_shown(c) => typed.push(c),
                _ => {}
            }
            return Then::Draw;
        }
        match key {
            Key::Char('q') => return Then::Quit,
            Key::Escape if self.view == View::Processes => self.filter.clear(),
            Key::Escape | Key::Backspace => self.view = View::Processes,
            Key::Char('?' | 'h') => self.view = View::Help,
            Key::Char('t') => self.view = View::Traffic,
            Key::Char('w') => self.view = View::Waits,
            Key::Char(c) if self.sort(c) => {}
            Key::Char('/') => {
                self.typed = Some(self.filter.clone());
                self.view = View::Processes;
                return Then::Draw;
            }
            Key::Char('n') => self.next_scope(),
            Key::Char('p' | ' ') => {
                self.is_paused = !self.is_paused;
                return if self.is_paused { Then::Draw } else { Then::Ask };
            }
            Key::Enter => match self.selection().or((!self.rows.is_empty()).then_some(0)) {
                Some(i) => self.view = View::Detail(self.rows[i].process.pid.0.clone()),
                None => return Then::Draw,
            },
            Key::Up | Key::Char('k') => self.select(-1),
            Key::Down | Key::Char('j') => self.select(1),
            Key::PageUp => self.select(-10),
            Key::PageDown => self.select(10),
            Key::Home => self.select(i64::MIN),
            Key::End => self.select(i64::MAX),
            _ => return Then::Draw,
        }
        if matches!(
            key,
            Key::Up | Key::Down | Key::PageUp | Key::PageDown | Key::Home | Key::End | Key::Char('j' | 'k')
        ) {
            return Then::Draw;
        }
        Then::Ask
    }
    fn sort(&mut self, c: char) -> bool {
        self.order = match c {
            'r' => Order::Reductions,
            'm' => Order::Memory,
            'b' => Order::Mailbox,
            's' => Order::Messages,
            'a' => Order::Age,
            _ => return false,
        };
        self.view = View::Processes;
        true
    }
    fn next_scope(&mut self) {
        let names: Vec<&String> = self.snapshot.nodes.iter().map(|n| &n.name.0).collect();
        self.scope = match &self.scope {
            None => names.first().map(|n| n.to_string()),
            Some(scope) => {
                let at = names.iter().position(|n| *n == scope);
                at.and_then(|i| names.get(i + 1)).map(|n| n.to_string())
            }
        };
        self.view = View::Processes;
    }
    fn select(&mut self, by: i64) {
        if self.rows.is_empty() {
            return;
        }
        let last = self.rows.len() as i64 - 1;
        let to = match self.selection() {
            Some(at) => (at as i64).saturating_add(by).clamp(0, last),
            None if by < 0 && by != i64::MIN => last,
            None => 0,
        };
        self.selected = Some(self.rows[to as usize].process.pid.0.clone());
    }

    // Lines.

    /// All lines of a screen of this size. Lines may be longer than it is wide.
    pub fn lines(&mut self, width: usize, height: usize) -> Vec<Line> {
        let mut lines = vec![self.title()];
        if let Some(why) = &self.snapshot.failed {
            lines.push(vec![(Look::Wrong, why.0.clone())]);
        }
        self.nodes(&mut lines);
        lines.push(Line::new());
        let room = height.saturating_sub(lines.len() + 2).max(1);
        // What is asked for next is what can be shown.
        self.room = room.min(500);
        match &self.view {
            View::Processes => self.processes(&mut lines, room, width),
            View::Detail(pid) => self.detail(&mut lines, pid, width),
            View::Traffic => self.links(&mut lines),
            View::Waits => lines.extend(self.graph.lines()),
            View::Help => lines.extend(HELP.lines().map(|l| vec![(Look::Plain, l.to_string())])),
        }
        lines.truncate(height.saturating_sub(1));
        while lines.len() + 1 < height {
            lines.push(Line::new());
        }
        lines.push(self.foot());
        lines
    }
    /// The lines as a text, for a pipe: without those that only fill, and what keys do.
    pub fn text(&mut self, width: usize, height: usize) -> String {
        let mut lines = self.lines(width, height);
        lines.pop();
        while lines.last().is_some_and(Vec::is_empty) {
            lines.pop();
        }
        let line = |l: Line| {
            let text: String = l.into_iter().map(|(_, part)| part).collect();
            let cut: String = text.chars().take(width).collect();
            cut.trim_end().to_string() + "\n"
        };
        lines.into_iter().map(line).collect()
    }
    /// Who waits for whom, as a text, and which nodes do not say.
    pub fn waits_text(&self) -> String {
        let mut lines = Vec::new();
        lines.extend(self.snapshot.failed.iter().map(|why| vec![(Look::Wrong, why.0.clone())]));
        for n in &self.snapshot.nodes {
            lines.extend(n.failed.iter().map(|why| vec![(Look::Wrong, format!("{}: {}", n.name.0, why.0))]));
        }
        lines.extend(self.graph.lines());
        let line = |l: Line| l.into_iter().map(|(_, part)| part).collect::<String>().trim_end().to_string() + "\n";
        lines.into_iter().map(line).collect()
    }
    fn title(&self) -> Line {
        let scope = match (&self.scope, self.snapshot.nodes.len()) {
            (Some(scope), _) => shown(scope),
            (None, 0..=1) => String::new(),
            (None, n) => format!("all {n} nodes"),
        };
        let first = self.snapshot.nodes.first().map_or("", |n| &n.name.0);
        let mut line = vec![(Look::Strong, format!("rlua-actor top {first}")), (Look::Plain, format!("  {scope}"))];
        if !self.filter.is_empty() {
            line.push((Look::Sorted, format!("  only '{}'", self.filter)));
        }
        if self.is_paused {
            line.push((Look::Wrong, "  paused".to_string()));
        }
        line
    }
    fn nodes(&self, lines: &mut Vec<Line>) {
        let all = &self.snapshot.nodes;
        let wide = all.iter().map(|n| n.name.0.chars().count()).max().unwrap_or(0).clamp(4, 40);
        let head = format!(
            "{:<wide$} {:>9} {:>7} {:>5} {:>7} {:>8} {:>8} {:>8} {:>8} {:>8}",
            "NODE", "PROCESSES", "READY", "RUN", "BLOCKED", "REDS/S", "MEMORY", "MAILBOX", "SENT/S", "RECV/S"
        );
        lines.push(vec![(Look::Head, head)]);
        for n in all.iter().take(NODES) {
            lines.push(self.node(n, wide));
        }
        if all.len() > NODES {
            lines.push(vec![(Look::Faint, format!("... and {} more nodes", all.len() - NODES))]);
        }
    }
    fn node(&self, n: &Node, wide: usize) -> Line {
        let name = format!("{:<wide$}", cut(&n.name.0, wide));
        if let Some(why) = &n.failed {
            return vec![(Look::Plain, name), (Look::Wrong, format!(" {}", why.0))];
        }
        let own = self.links.iter().filter(|(node, _)| *node == n.name.0);
        let (sent, received) = own.fold((0.0, 0.0), |(s, r), (_, t)| (s + t.sent, r + t.received));
        let rate = if n.elapsed > 0.0 { short(n.recent / n.elapsed * 1000.0) } else { "-".to_string() };
        let figures = format!(
            " {:>9} {:>7} {:>5} {:>7} {:>8} {:>8} {:>8} {:>8} {:>8}",
            short(n.processes),
            short(n.ready),
            format!("{}/{}", n.running, n.workers),
            short(n.blocked),
            rate,
            bytes(n.memory),
            short(n.mailbox),
            bytes(sent),
            bytes(received)
        );
        let look = if self.scope.as_ref() == Some(&n.name.0) { Look::Strong } else { Look::Plain };
        vec![(look, name), (Look::Plain, figures)]
    }
    fn processes(&self, lines: &mut Vec<Line>, room: usize, width: usize) {
        let rows = &self.rows[..self.rows.len().min(room)];
        let most = |of: fn(&Process) -> &str, least: usize, cap: usize| {
            rows.iter().map(|r| of(&r.process).chars().count()).max().unwrap_or(0).clamp(least, cap)
        };
        let pid = most(|p| &p.pid.0, 3, 30);
        let name = most(|p| &p.name.0, 4, 24);
        let head = |order, text: String| (if self.order == order { Look::Sorted } else { Look::Head }, text);
        lines.push(vec![
            head(Order::Age, format!("{:<pid$}", "PID")),
            (Look::Head, format!(" {:<name$} {:<7}", "NAME", "STATUS")),
            head(Order::Reductions, format!(" {:>8} {:>8}", "REDS/S", "REDS")),
            head(Order::Memory, format!(" {:>8}", "MEMORY")),
            head(Order::Mailbox, format!(" {:>8} {:>8}", "MAILBOX", "GROWS/S")),
            head(Order::Messages, format!(" {:>8}", "MSGS/S")),
            (Look::Head, " CURRENT".to_string()),
        ]);
        for (i, r) in rows.iter().enumerate() {
            let p = &r.process;
            let growth = match r.growth {
                Some(g) if g >= 0.5 => format!("+{}", short(g)),
                Some(g) if g <= -0.5 => format!("-{}", short(-g)),
                _ => "-".to_string(),
            };
            let text = format!(
                "{:<pid$} {:<name$} {:<7} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {}",
                cut(&p.pid.0, pid),
                cut(if p.name.0.is_empty() { "-" } else { &p.name.0 }, name),
                cut(&p.status.0, 7),
                r.rate.map_or("-".to_string(), short),
                short(p.reductions),
                bytes(p.memory),
                short(p.mailbox),
                growth,
                r.arrivals.map_or("-".to_string(), short),
                p.place()
            );
            let is_selected = self.selection() == Some(i);
            let look = if is_selected { Look::Selected } else { Look::Plain };
            let text = if is_selected { format!("{text:<width$}") } else { text };
            lines.push(vec![(look, text)]);
        }
        if rows.is_empty() {
            let why = if self.filter.is_empty() { "no processes" } else { "no process fits the filter" };
            lines.push(vec![(Look::Faint, why.to_string())]);
        }
    }
    fn detail(&self, lines: &mut Vec<Line>, pid: &str, width: usize) {
        let found = self.snapshot.nodes.iter().find_map(|n| Some((n, n.detail.as_ref()?)));
        let Some((node, p)) = found.filter(|(_, p)| p.pid.0 == pid) else {
            let is_asked = self.snapshot.nodes.iter().any(|n| n.detail.is_some());
            let text = if is_asked { "..." } else { "has ended, or is not known yet" };
            lines.push(vec![(Look::Strong, shown(pid)), (Look::Faint, format!("  {text}"))]);
            return;
        };
        let named = if p.name.0.is_empty() { String::new() } else { format!("  '{}'", p.name.0) };
        lines.push(vec![(Look::Strong, format!("{pid}{named}")), (Look::Plain, format!("  on {}", node.name.0))]);
        let row = self.rows.iter().find(|r| r.process.pid == p.pid);
        let rate = row.and_then(|r| r.rate).map_or(String::new(), |r| format!(" ({} a second)", short(r)));
        let growth = row.and_then(|r| r.growth).filter(|g| g.abs() >= 0.5);
        let growth = growth
            .map_or(String::new(), |g| format!(" ({}{} a second)", if g > 0.0 { "+" } else { "-" }, short(g.abs())));
        let mut put = |name: &str, text: String| {
            lines.push(vec![(Look::Head, format!("{name:<11}")), (Look::Plain, text)]);
        };
        let place = p.place();
        put("status", if place.is_empty() { p.status.0.clone() } else { format!("{} at {place}", p.status.0) });
        put("reductions", format!("{}{rate}", p.reductions));
        put("memory", format!("{}B", bytes(p.memory)));
        let arrivals = row.and_then(|r| r.arrivals);
        let arrivals = arrivals.map_or(String::new(), |a| format!(", {} come in a second", short(a)));
        put("mailbox", format!("{}{growth}{arrivals}", p.mailbox));
        if !p.senders.is_empty() {
            let of = |s: &super::snapshot::Sender| format!("{} ({} %)", s.pid.0, s.share);
            put("filled by", p.senders.iter().map(of).collect::<Vec<_>>().join(", "));
        }
        if !p.parent.0.is_empty() {
            put("parent", p.parent.0.clone());
        }
        for (name, pids) in [("links", &p.links), ("monitors", &p.monitors)] {
            if pids.is_empty() {
                continue;
            }
            let mut text = format!("{}:", pids.len());
            for pid in pids {
                if text.chars().count() + pid.0.chars().count() + 12 > width.max(40) {
                    text.push_str(" ...");
                    break;
                }
                text.push(' ');
                text.push_str(&pid.0);
            }
            put(name, text);
        }
        for (i, f) in p.frames.iter().enumerate() {
            if i == 0 {
                lines.push(Line::new());
                lines.push(vec![(Look::Head, "FUNCTIONS, the innermost first, and their variables".to_string())]);
            }
            lines.push(vec![(Look::Plain, f.place())]);
            let of = |v: &super::snapshot::Variable| vec![(Look::Faint, format!("    {} = {}", v.name.0, v.value.0))];
            lines.extend(f.variables.iter().map(of));
        }
        if !p.heads.is_empty() {
            lines.push(Line::new());
            lines.push(vec![(Look::Head, "MESSAGES, the oldest first".to_string())]);
            lines.extend(p.heads.iter().map(|m| vec![(Look::Plain, m.0.clone())]));
            let more = p.mailbox - p.heads.len() as f64;
            if more >= 1.0 {
                lines.push(vec![(Look::Faint, format!("... and {more} more"))]);
            }
        }
    }
    fn links(&self, lines: &mut Vec<Line>) {
        let head = format!("{:<24} {:<24} {:>8} {:>8} {:>8}", "NODE", "PEER", "SENT/S", "RECV/S", "WAITING");
        lines.push(vec![(Look::Head, head)]);
        for (node, t) in &self.links {
            let text = format!(
                "{:<24} {:<24} {:>8} {:>8} {:>8}",
                cut(node, 24),
                cut(&t.name.0, 24),
                bytes(t.sent),
                bytes(t.received),
                bytes(t.waiting)
            );
            lines.push(vec![(if t.waiting > 0.0 { Look::Wrong } else { Look::Plain }, text)]);
        }
        if self.links.is_empty() {
            lines.push(vec![(Look::Faint, "no connections".to_string())]);
        }
    }
    fn foot(&self) -> Line {
        match &self.typed {
            Some(typed) => vec![
                (Look::Strong, format!("filter: {typed}_")),
                (Look::Faint, "  Enter sets it, Escape leaves it".into()),
            ],
            None => vec![(Look::Faint, FOOT.to_string())],
        }
    }
}

const FOOT: &str = "r m b s a sort  / filter  n node  Enter process  w waits  t traffic  Space pause  ? help  q quit";
const HELP: &str = "\
r  by reductions per second     m  by memory     a  by age
b  by waiting messages          s  by messages that come in a second
/  only those whose pid, name or place contains a text; Escape: all again
n  the processes of the next node, or of all
up, down, j, k, page up, page down   select a process;   Enter  shows it;   Escape  goes back
w  who waits for whom: circles, and who holds up how many
t  bytes between nodes     Space  stands still, and goes on     q  quits

REDS/S   reductions in a second: calls and jumps backwards, which is how time is measured
READY    processes that wait for a worker; many of them say that the node has more to do than it can
BLOCKED  processes in a call of the system: a file, a pipe, a terminal
MAILBOX  messages that wait; GROWS/S: by how many more in a second. One that grows is flooded
MSGS/S   messages that come in a second
SENT/S, RECV/S  bytes to and from other nodes, encrypted";

/// A text as a literal of Lua.
pub fn quoted(text: &str) -> String {
    let bytes =
        text.bytes().map(|b| if b.is_ascii_alphanumeric() { (b as char).to_string() } else { format!("\\{b:03}") });
    format!("'{}'", bytes.collect::<String>())
}
/// A text in at most so many characters.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_string();
    }
    text.chars().take(most.saturating_sub(1)).chain(['~']).collect()
}
/// A figure in at most seven characters.
fn short(n: f64) -> String {
    scaled(n, 1000.0, ["", "k", "M", "G", "T", "P", "E"])
}
/// Bytes likewise.
fn bytes(n: f64) -> String {
    scaled(n, 1024.0, ["", "K", "M", "G", "T", "P", "E"])
}
fn scaled(n: f64, base: f64, units: [&str; 7]) -> String {
    if n < 10_000.0 {
        return format!("{n:.0}");
    }
    let (mut n, mut unit) = (n, 0);
    while n >= base && unit + 1 < units.len() {
        n /= base;
        unit += 1;
    }
    if n >= 100.0 { format!("{:.0}{}", n.min(99_999.0), units[unit]) } else { format!("{n:.1}{}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"{"nodes":[
        {"name":"a@localhost","processes":3,"workers":2,"running":1,"recent":2000000,"elapsed":1000,"memory":20480,"mailbox":1500,
         "rows":[{"pid":"<a.1>","status":"running","reductions":5000000,"recent":2000000,"memory":2048},
                 {"pid":"<a.2>","name":"sink","status":"ready","mailbox":1500,"memory":20000,"current":"flood.lua","line":7,
                  "func":"in function <flood.lua:5>","recent":10,"came":700},
                 {"pid":"<a.3>","status":"waiting","recent":5,"came":9000}],
         "nodes":[{"name":"b@localhost","sent":1000,"received":50}]},
        {"name":"b@localhost","processes":2,"workers":2,"recent":1,"elapsed":1000,
         "rows":[{"pid":"<b.1>","status":"waiting"}]},
        {"name":"c@localhost","failed":"does not answer"}]}"#;

    fn screen() -> Screen {
        let mut s = Screen::new(Order::Reductions, "");
        s.take(Snapshot::read(ANSWER.as_bytes()));
        s
    }
    fn press(s: &mut Screen, keys: &str) -> Then {
        keys.chars().map(|c| s.press(if c == '\n' { Key::Enter } else { Key::Char(c) })).last().expect("a key")
    }

    #[test]
    fn processes_of_all_nodes_are_sorted() {
        let mut s = screen();
        let text = s.text(200, 24);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].contains("all 3 nodes"), "{text}");
        assert!(
            lines[2].starts_with("a@localhost") && lines[2].contains(" 1/2 ") && lines[2].contains("2.0M"),
            "{text}"
        );
        assert!(lines[4].starts_with("c@localhost does not answer"), "{text}");
        assert!(
            lines[6].starts_with("PID") && lines[7].starts_with("<a.1>") && lines[8].starts_with("<a.2>"),
            "{text}"
        );
        assert!(lines[8].ends_with("flood.lua:7 in in function <flood.lua:5>"), "{text}");
        assert!(s.question().starts_with("{ by = 'reductions', most = "), "{}", s.question());
        assert_eq!(press(&mut s, "b"), Then::Ask);
        assert!(s.question().contains("'mailbox'"));
        s.take(Snapshot::read(
            ANSWER.replace("\"mailbox\":1500,\"memory\":20000", "\"mailbox\":21500,\"memory\":20000").as_bytes(),
        ));
        let text = s.text(200, 24);
        let line = text.lines().nth(7).expect("a line");
        assert!(
            line.starts_with("<a.2>") && line.contains("21.5k") && line.contains("+20.0k") && line.contains(" 700 "),
            "{text}"
        );
        // The most messages a second.
        assert_eq!(press(&mut s, "s"), Then::Ask);
        assert!(s.question().starts_with("{ by = 'messages'"), "{}", s.question());
        s.take(Snapshot::read(ANSWER.as_bytes()));
        let text = s.text(200, 24);
        let line = text.lines().nth(7).expect("a line");
        assert!(line.starts_with("<a.3>") && line.ends_with(" 9000"), "{text}");
    }
    #[test]
    fn keys_select_filter_and_show() {
        let mut s = screen();
        assert_eq!(press(&mut s, "jj"), Then::Draw);
        assert_eq!(s.selection(), Some(1));
        // A selection stays with its process.
        press(&mut s, "b");
        s.take(Snapshot::read(ANSWER.as_bytes()));
        assert_eq!(s.selection(), Some(0));
        assert_eq!(press(&mut s, "\n"), Then::Ask);
        assert!(s.question().contains("detail = { pid = '\\060a\\0462\\062', heads = 12 }"), "{}", s.question());
        let answer = ANSWER.replacen(
            "\"name\":\"a@localhost\"",
            r#""name":"a@localhost","detail":{"pid":"<a.2>","status":"ready",
            "mailbox":1500,"links":["<a.1>"],"parent":"<a.1>","heads":["{tag='job'}"]}"#,
            1,
        );
        s.take(Snapshot::read(answer.as_bytes()));
        let text = s.text(80, 24);
        assert!(text.contains("links      1: <a.1>") && text.contains("{tag='job'}\n... and 1499 more"), "{text}");
        press(&mut s, "/");
        assert_eq!(press(&mut s, "ab' .."), Then::Draw);
        assert_eq!(press(&mut s, "\n"), Then::Ask);
        assert!(s.question().contains("filter = 'ab\\039\\032\\046\\046'"), "{}", s.question());
        assert_eq!(press(&mut s, "n"), Then::Ask);
        assert!(s.question().contains("scope = 'a\\064localhost'"), "{}", s.question());
        press(&mut s, "nnn");
        assert!(!s.question().contains("scope"));
        assert_eq!(s.press(Key::Interrupt), Then::Quit);
    }
    #[test]
    fn what_others_answer_cannot_reach_the_terminal() {
        for answer in [
            r#"{"nodes":[{"name":"\u001b[2Ja","rows":[{"pid":"<\u001b.1>","name":"\u202e\u0007","current":"\u009b","heads":["\u001b"]}]}]}"#,
            r#"{"nodes":[{"name":7,"processes":"x","rows":{"pid":1},"memory":-5,"elapsed":1e400}]}"#,
            r#"{"nodes":[{"name":"a","rows":[7,null,{"pid":["x"],"memory":1e300,"reductions":1e308}],"nodes":[1]}]}"#,
            r#"{"nodes":7,"failed":["x"]}"#,
            r#"{"nodes":[{}],"failed":"\u001b]0;x\u0007"}"#,
            "[",
            "",
        ] {
            let mut s = Screen::new(Order::Memory, "");
            s.take(Snapshot::read(answer.as_bytes()));
            for view in ["b", "t", "?", "w", "\n"] {
                press(&mut s, view);
                for (width, height) in [(0, 0), (10, 3), (80, 24)] {
                    let lines = s.lines(width, height);
                    let all: String = lines.into_iter().flatten().map(|(_, text)| text).collect();
                    assert!(all.chars().all(rlua_runtime::is_shown), "{answer}: {all:?}");
                }
            }
        }
    }
}
