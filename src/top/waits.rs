//! Who waits for whom, over all nodes: circles, and who holds up how many.
//!
//! Journey: figures -> **graph** -> lines. A process that waits for one of several is listed with all of them; that it stands in a
//! circle then does not mean that it is stuck, and the line says so.

use super::screen::{Line, Look};
use super::snapshot::{Node, Process};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Lines of each kind.
const LINES: usize = 200;
/// Processes of a circle that are named.
const NAMED: usize = 12;

/// The graph.
#[derive(Default)]
pub struct Graph {
    /// What is known, by pid.
    known: BTreeMap<String, Process>,
    /// For whom each waits of whom that is known.
    waits: BTreeMap<String, Vec<String>>,
    circles: Vec<Vec<String>>,
    /// Who is waited for and does not wait for anybody known, and how many wait for it, directly or not: most first.
    holders: Vec<(String, usize)>,
}

impl Graph {
    /// Of what nodes have answered.
    pub fn new(nodes: &[Node]) -> Graph {
        let mut known = BTreeMap::new();
        let mut waits = BTreeMap::new();
        for p in nodes.iter().flat_map(|n| n.rows.iter().chain(&n.about)).filter(|p| !p.pid.0.is_empty()) {
            let whom: Vec<String> = p.waitsfor.iter().map(|pid| pid.0.clone()).filter(|pid| !pid.is_empty()).collect();
            if !whom.is_empty() {
                waits.insert(p.pid.0.clone(), whom);
            }
            known.insert(p.pid.0.clone(), p.clone());
        }
        let mut behind: BTreeMap<&String, Vec<&String>> = BTreeMap::new();
        for (who, whom) in &waits {
            whom.iter().for_each(|pid| behind.entry(pid).or_default().push(who));
        }
        let mut holders: Vec<(String, usize)> = behind
            .keys()
            .filter(|pid| !waits.contains_key(**pid))
            .map(|pid| ((*pid).clone(), held_up(&[pid], &behind)))
            .collect();
        holders.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let circles = rlua_runtime::cycles(&waits);
        Graph { known, circles, holders, waits }
    }
    /// Those of whom more is to be asked.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.holders.iter().map(|(pid, _)| &pid[..])
    }
    /// As values, for a page: the circles, who holds up how many, and each.
    pub fn values(&self) -> Value {
        let circles: Vec<Value> = self.circles.iter().take(LINES).map(|circle| {
            let (is_timed, looks_out) = self.may_go_on(circle);
            json!({ "pids": circle.iter().take(LINES).collect::<Vec<_>>(), "length": circle.len(), "timed": is_timed, "outside": looks_out })
        }).collect();
        let holders: Vec<Value> = self.holders.iter().take(LINES).map(|(pid, n)| {
            json!({ "pid": pid, "holds": n, "state": self.known.get(pid).map_or("not known".to_string(), state) })
        }).collect();
        let waits: Vec<Value> = self.waits.iter().take(LINES).map(|(pid, whom)| {
            let p = self.known.get(pid);
            json!({ "pid": pid, "whom": whom, "state": p.map_or(String::new(), state), "timed": p.is_some_and(|p| p.waitstimed) })
        }).collect();
        let mut names = BTreeMap::new();
        for p in self.known.values().filter(|p| !p.name.0.is_empty()) {
            names.insert(&p.pid.0, &p.name.0);
        }
        json!({ "circles": circles, "holders": holders, "waits": waits, "all": self.waits.len(), "names": names })
    }
    /// Whether some of a circle wait until a time is over, or for others as well.
    fn may_go_on(&self, circle: &[String]) -> (bool, bool) {
        let members: BTreeSet<&String> = circle.iter().collect();
        let is_timed = circle.iter().any(|pid| self.known.get(pid).is_some_and(|p| p.waitstimed));
        (is_timed, circle.iter().any(|pid| self.waits[pid].iter().any(|whom| !members.contains(whom))))
    }
    fn named(&self, pid: &str) -> String {
        match self.known.get(pid).map(|p| &p.name.0).filter(|name| !name.is_empty()) {
            Some(name) => format!("{pid} '{name}'"),
            None => pid.to_string(),
        }
    }
    /// As lines of a screen.
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for circle in self.circles.iter().take(LINES) {
            if lines.is_empty() {
                lines.push(vec![(Look::Head, "IN A CIRCLE, each waits for the next".to_string())]);
            }
            let shown: Vec<String> = circle.iter().take(NAMED).map(|pid| self.named(pid)).collect();
            let dots =
                if circle.len() > NAMED { format!("... {} more -> ", circle.len() - NAMED) } else { String::new() };
            let mut line = vec![(Look::Wrong, format!("{} -> {dots}{}", shown.join(" -> "), circle[0]))];
            let (is_timed, looks_out) = self.may_go_on(circle);
            if is_timed {
                line.push((Look::Faint, "  (until a time is over)".to_string()));
            } else if looks_out {
                line.push((Look::Faint, "  (or for another outside)".to_string()));
            }
            lines.push(line);
        }
        for (i, (pid, n)) in self.holders.iter().take(LINES).enumerate() {
            if i == 0 {
                lines.push(vec![(Look::Head, "HOLDS UP how many, directly or not".to_string())]);
            }
            let what = self.known.get(pid).map_or("not known".to_string(), state);
            lines
                .push(vec![(Look::Strong, format!("{n:>6}  {}", self.named(pid))), (Look::Plain, format!("  {what}"))]);
        }
        for (i, (pid, whom)) in self.waits.iter().take(LINES).enumerate() {
            if i == 0 {
                lines.push(vec![(Look::Head, "WAITS for whom".to_string())]);
            }
            let whom: Vec<String> = whom.iter().map(|pid| self.named(pid)).collect();
            let what = self.known.get(pid).map_or(String::new(), |p| {
                let time = if p.waitstimed { ", until a time" } else { "" };
                format!("  {}{time}{}", p.waits.0, at(p))
            });
            lines.push(vec![
                (Look::Plain, format!("{} for {}", self.named(pid), whom.join(" or "))),
                (Look::Faint, what),
            ]);
        }
        if self.waits.len() > LINES {
            lines.push(vec![(Look::Faint, format!("... and {} more", self.waits.len() - LINES))]);
        }
        if lines.is_empty() {
            lines.push(vec![(Look::Faint, "nobody waits for a process that is known".to_string())]);
        }
        lines
    }
}
/// What a process does, in a few words.
fn state(p: &Process) -> String {
    match &p.waits.0[..] {
        "" => format!("{}{}", p.status.0, at(p)),
        "processes" => format!("{} for others to end{}", p.status.0, at(p)),
        what => format!("{} for a {what}{}", p.status.0, at(p)),
    }
}
fn at(p: &Process) -> String {
    let place = p.place();
    if place.is_empty() { place } else { format!(" at {place}") }
}
/// How many wait for some of these, directly or over others.
fn held_up(who: &[&String], behind: &BTreeMap<&String, Vec<&String>>) -> usize {
    let mut seen: BTreeSet<&String> = BTreeSet::new();
    let mut next: Vec<&String> = who.to_vec();
    while let Some(pid) = next.pop() {
        next.extend(behind.get(pid).into_iter().flatten().filter(|pid| seen.insert(pid)));
    }
    seen.len()
}

#[cfg(test)]
mod tests {
    use super::super::snapshot::Snapshot;
    use super::*;

    fn text(json: &str) -> Vec<String> {
        let graph = Graph::new(&Snapshot::read(json.as_bytes()).nodes);
        graph.lines().into_iter().map(|l| l.into_iter().map(|(_, part)| part).collect()).collect()
    }

    #[test]
    fn circles_and_who_holds_up_others_are_named() {
        let nodes = r#"{"nodes":[
            {"rows":[{"pid":"<a.1>","name":"left","waitsfor":["<b.1>"],"waits":"message","current":"x.lua","line":3},
                     {"pid":"<a.2>","waitsfor":["<b.2>"],"waits":"answer"},
                     {"pid":"<a.3>","waitsfor":["<a.2>"],"waits":"message","waitstimed":true}]},
            {"rows":[{"pid":"<b.1>","name":"right","waitsfor":["<a.1>"],"waits":"message"},
                     {"pid":"<b.3>","waitsfor":["<b.3>","<c.1>"],"waits":"message"}],
             "about":[{"pid":"<b.2>","name":"slow","status":"running","current":"slow.lua","line":9}]}]}"#;
        assert_eq!(
            text(nodes),
            [
                "IN A CIRCLE, each waits for the next",
                "<a.1> 'left' -> <b.1> 'right' -> <a.1>",
                "<b.3> -> <b.3>  (or for another outside)",
                "HOLDS UP how many, directly or not",
                "     2  <b.2> 'slow'  running at slow.lua:9",
                "     1  <c.1>  not known",
                "WAITS for whom",
                "<a.1> 'left' for <b.1> 'right'  message at x.lua:3",
                "<a.2> for <b.2> 'slow'  answer",
                "<a.3> for <a.2>  message, until a time",
                "<b.1> 'right' for <a.1> 'left'  message",
                "<b.3> for <b.3> or <c.1>  message",
            ]
        );
        assert_eq!(text("{}"), ["nobody waits for a process that is known"]);
    }
}
