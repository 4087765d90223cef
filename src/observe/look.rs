//! What is to be seen, under the parameters of a request.
//!
//! Journey: question -> **figures of all nodes** -> JSON. The observed program is looked at from here (rlua_runtime::Observer), the others by a
//! visit (visitor.rs); what comes of both is one [`Snapshot`], whose texts and figures are of bounded size (spec/observe.md).

use super::visitor::{Over, Visitor};
use crate::node::Reach;
use crate::top::quoted;
use crate::top::snapshot::{Node, Snapshot, Text};
use crate::top::waits::Graph;
use rlua_runtime::{Observer, Question};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Instant;

/// Processes of a node that are listed if the question does not say how many, and the most of them.
const FEW: usize = 50;
const MOST: usize = 1000;
/// Messages of the process that is looked at, and processes about which is asked because others wait for them.
const HEADS: usize = 20;
const ABOUT: usize = 50;
/// Bytes of a filter, and of a pid or a node's name as it is shown.
const FILTER: usize = 100;
const NAME: usize = 300;

/// Gets what is to be seen.
pub struct Looker {
    observer: Observer,
    reach: Reach,
    visitor: Option<Visitor>,
    /// Who waits for whom, at the last look that asked for it.
    graph: Graph,
}

/// A question for all nodes, and what is the server's part of it.
struct Asked {
    question: Question,
    /// The node whose processes are listed; none: all.
    scope: Option<String>,
}

impl Asked {
    /// Of these parameters; those that are none are left out.
    fn new(parameters: &[(String, String)]) -> Asked {
        let of = |name: &str, most: usize| {
            let found = parameters.iter().find(|(k, v)| k == name && !v.is_empty() && v.len() <= most);
            found.map(|(_, v)| v.clone())
        };
        let words = ["reductions", "memory", "mailbox", "messages", "age", "waits"];
        Asked {
            question: Question {
                by: of("by", 20).filter(|by| words.contains(&&by[..])).unwrap_or_else(|| "reductions".to_string()),
                most: of("most", 20).and_then(|n| n.parse().ok()).unwrap_or(FEW).min(MOST),
                filter: of("filter", FILTER).unwrap_or_default(),
                detail: of("process", NAME),
                heads: HEADS,
                about: Vec::new(),
            },
            scope: of("node", NAME),
        }
    }
    /// As client.lua takes it.
    fn for_others(&self, nodes: &[String]) -> String {
        let list = |all: &[String]| all.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ");
        let q = &self.question;
        let mut text = format!("{{ by = '{}', most = {}, nodes = {{ {} }}", q.by, q.most, list(nodes));
        for (field, value) in [("filter", Some(&q.filter)), ("scope", self.scope.as_ref())] {
            if let Some(value) = value.filter(|v| !v.is_empty()) {
                text.push_str(&format!(", {field} = {}", quoted(value)));
            }
        }
        if let Some(pid) = &q.detail {
            text.push_str(&format!(", detail = {{ pid = {}, heads = {} }}", quoted(pid), q.heads));
        }
        if !q.about.is_empty() {
            text.push_str(&format!(", about = {{ {} }}", list(&q.about)));
        }
        text + " }"
    }
}

impl Looker {
    /// Of a program, which reaches others so.
    pub fn new(observer: Observer, reach: Reach) -> Looker {
        Looker { observer, reach, visitor: None, graph: Graph::default() }
    }
    /// What is to be seen now, as JSON.
    pub fn look(&mut self, parameters: &[(String, String)]) -> Vec<u8> {
        let mut asked = Asked::new(parameters);
        let is_of_waits = asked.question.by == "waits";
        if is_of_waits {
            asked.question.about = self.graph.unknown().take(ABOUT).map(str::to_string).collect();
        }
        let others = self.observer.nodes();
        let mut snapshot = Snapshot { nodes: vec![self.own(&asked, others.is_some())], failed: None };
        if let Some(others) = others.filter(|others| !others.is_empty()) {
            match self.others(&asked, &others) {
                Ok(mut nodes) => {
                    nodes.sort_by(|a, b| a.name.0.cmp(&b.name.0));
                    snapshot.nodes.append(&mut nodes);
                }
                Err(why) => snapshot.failed = Some(why),
            }
        }
        if is_of_waits {
            self.graph = Graph::new(&snapshot.nodes);
        }
        let waits = if is_of_waits { self.graph.values() } else { Value::Null };
        json!({ "nodes": snapshot.nodes, "failed": snapshot.failed, "waits": waits }).to_string().into_bytes()
    }
    /// The observed program.
    fn own(&mut self, asked: &Asked, is_node: bool) -> Node {
        let began = Instant::now();
        let mut question = asked.question.clone();
        if is_node && asked.scope.is_some() && asked.scope != self.observer.name() {
            question.most = 0;
        }
        let sight = serde_json::to_value(self.observer.look(&question)).unwrap_or_default();
        let mut node = Node::deserialize(sight).unwrap_or_default();
        node.took = began.elapsed().as_secs_f64() * 1000.0;
        node
    }
    /// The nodes that it is connected with.
    fn others(&mut self, asked: &Asked, nodes: &[String]) -> Result<Vec<Node>, Text> {
        let question = asked.for_others(nodes);
        let mut answer = Err(Over::Ended);
        // The last visit has ended if nobody has asked for a while; a new one does not.
        for _ in 0..2 {
            let Some(visitor) = self.visitor.take().or_else(|| Visitor::begin(self.reach.settings())) else { break };
            answer = visitor.ask(&question);
            match &answer {
                Ok(_) => self.visitor = Some(visitor),
                Err(Over::Ended) => continue,
                Err(Over::Late) => {}
            }
            break;
        }
        let Ok(answer) = answer else { return Err(Text("the other nodes cannot be asked".to_string())) };
        let Snapshot { mut nodes, failed } = Snapshot::read(&answer);
        if let Some(why) = failed {
            return Err(why);
        }
        // The first one is the visit itself.
        Ok(nodes.split_off(nodes.len().min(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&str, &str)]) -> Asked {
        Asked::new(&pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect::<Vec<_>>())
    }

    #[test]
    fn parameters_are_bounded_and_quoted() {
        let a = asked(&[("by", "memory"), ("most", "7"), ("filter", "x'] y"), ("process", "<a.1>"), ("node", "a@b")]);
        assert_eq!(
            a.for_others(&["c@d".to_string()]),
            "{ by = 'memory', most = 7, nodes = { 'c\\064d' }, filter = 'x\\039\\093\\032y', scope = 'a\\064b', \
             detail = { pid = '\\060a\\0461\\062', heads = 20 } }"
        );
        let a = asked(&[("by", "' .. os.exit()"), ("most", "-1"), ("filter", &"x".repeat(1000)), ("more", "y")]);
        assert_eq!(a.for_others(&[]), "{ by = 'reductions', most = 50, nodes = {  } }");
        assert_eq!(asked(&[("most", "99999999999")]).question.most, MOST);
    }
}
