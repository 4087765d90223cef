//! With whom a node is connected, and what becomes of each attempt.
//!
//! Journey: remote signal: name -> **which session**. Each outgoing attempt, connection from outside and session that
//! comes of either has one number for its life. The machine decides whom to dial, what an asking peer is answered,
//! which session ends; sockets and handshakes tell it what has come of that.
//!
//! Always: one session at most with a runtime and with a name; the session before has ended before the next stands. Of
//! two nodes that dial each other at the same time the attempt of the greater name goes on, if it can. A runtime whose
//! name another has taken since is not let in again.

use super::handshake::{Failure, Verdict};
use super::hello::{Hello, Opening, Refusal};
use super::name::NodeName;
use super::{MILLISECOND, SECOND, Time};
use std::collections::{BTreeMap, VecDeque};

/// Attempts before a node counts as unreachable, for who waits.
const TRIES: u32 = 3;
/// The same for nodes that others have told of.
const TRIES_LISTED: u32 = 8;
/// First and longest pause between attempts, before chance changes it.
const PAUSE: (Time, Time) = (100 * MILLISECOND, 10 * SECOND);
/// How often one of the nodes is told again with whom this one is connected: whatever has kept two apart, they hear of each
/// other.
const LIST: Time = 30 * SECOND;
/// Runtimes that are remembered as outdated.
const OUTDATED_MAX: usize = 4096;
/// Visits at a time.
const VISITS_MAX: usize = 64;
/// Sessions at most, and names that are attempted on a peer's word.
pub const SESSIONS_MAX: usize = 4096;

/// Names an attempt, a connection, a session.
pub type Connection = u64;

/// What is to be done, in this order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Connect, and begin a handshake.
    Dial(Connection, NodeName),
    /// An attempt is of no use any more: close its connection.
    Abandon(Connection),
    /// Answer a handshake ([`super::handshake::Handshake::answer`]).
    Answer(Connection, Verdict),
    /// End a session, completely, before the next action: reader stopped, links and monitors told, output dropped.
    End(Connection, String),
    /// A session stands under this number: what waits for the node goes there.
    Up(Connection, NodeName),
    /// A session with a visitor stands: its processes are reached there, and nobody else hears of it.
    Visit(Connection),
    /// Find out soon whether the peer of a session is still there ([`super::session::Session::probe`]).
    Probe(Connection),
    /// Tell a peer with whom this node is connected.
    List(Connection),
    /// What waits for the node fails.
    Unreachable(NodeName, String),
    /// The node is down, or cannot be reached: whoever monitors it is told.
    NodeDown(NodeName, String),
}

struct Attempt {
    /// The number of the one under way; none in a pause.
    number: Option<Connection>,
    /// When the next begins.
    next: Option<Time>,
    tries: u32,
    most: u32,
}
#[derive(Default)]
struct Peer {
    session: Option<(Connection, [u8; 16])>,
    /// The last number that was given to a connection before the session stood.
    before: Connection,
    attempt: Option<Attempt>,
    /// A connection of the peer's that was told to wait, and its runtime.
    waiting: Option<(Connection, [u8; 16])>,
    /// It is dialled when the session has ended, for it does not ask again: another runtime of this name was refused, most likely
    /// the node that has started again before its end was noticed; or the session never stood.
    has_heir: bool,
}
impl Peer {
    fn is_idle(&self) -> bool {
        self.session.is_none() && self.attempt.is_none() && self.waiting.is_none()
    }
}

/// The machine.
pub struct Connections {
    own: Hello,
    peers: BTreeMap<NodeName, Peer>,
    /// Sessions with visitors, and their runtimes.
    visits: BTreeMap<Connection, [u8; 16]>,
    /// The runtime that had a name last, and those before.
    last_runtime: BTreeMap<NodeName, [u8; 16]>,
    outdated: VecDeque<(NodeName, [u8; 16])>,
    next: Connection,
    /// When a peer is told of the others, if there are others.
    list_at: Option<Time>,
    closing: bool,
}

impl Connections {
    /// Of a node that is connected with nobody.
    pub fn new(own: Hello) -> Connections {
        let (peers, visits, last_runtime, outdated) = Default::default();
        Connections { own, peers, visits, last_runtime, outdated, next: 1, list_at: None, closing: false }
    }
    /// A number for a connection from outside.
    pub fn number(&mut self) -> Connection {
        self.next += 1;
        self.next
    }
    /// The session with a node.
    pub fn session(&self, node: &NodeName) -> Option<Connection> {
        self.peers.get(node)?.session.map(|(c, _)| c)
    }
    /// Whether an attempt is under way, and was not given up.
    pub fn is_attempting(&self, c: Connection) -> bool {
        self.peers.values().any(|p| p.attempt.as_ref().is_some_and(|a| a.number == Some(c)))
    }
    /// Peers of which it knows anything.
    #[cfg(test)]
    pub fn peers(&self) -> usize {
        self.peers.len()
    }
    /// Connected nodes, sorted.
    pub fn nodes(&self) -> Vec<NodeName> {
        self.peers.iter().filter(|(_, p)| p.session.is_some()).map(|(n, _)| n.clone()).collect()
    }
    /// Somebody needs a session: sooner or later `Up` or `Unreachable` comes, unless it stands.
    pub fn connect(&mut self, node: &NodeName, actions: &mut Vec<Action>) {
        if self.closing {
            return actions.push(Action::Unreachable(node.clone(), Refusal::Closing.to_string()));
        }
        if *node == self.own.name {
            return actions.push(Action::Unreachable(node.clone(), Refusal::Oneself.to_string()));
        }
        self.attempt(node, TRIES, actions);
    }
    /// A peer is connected with these; with `connectall` this node is to be, too.
    pub fn listed(&mut self, names: &[NodeName], actions: &mut Vec<Action>) {
        for node in names {
            if self.own.connects_all() && !self.closing && *node != self.own.name && self.peers.len() < SESSIONS_MAX {
                self.attempt(node, TRIES_LISTED, actions);
            }
        }
    }
    fn attempt(&mut self, node: &NodeName, most: u32, actions: &mut Vec<Action>) {
        let peer = self.peers.entry(node.clone()).or_default();
        if peer.session.is_some() || peer.attempt.is_some() || peer.waiting.is_some() {
            return;
        }
        self.next += 1;
        peer.attempt = Some(Attempt { number: Some(self.next), next: None, tries: 1, most });
        actions.push(Action::Dial(self.next, node.clone()));
    }
    /// A peer has shown the cookie and asks for a session.
    pub fn asked(&mut self, c: Connection, opening: &Opening, actions: &mut Vec<Action>) {
        let Hello { name, runtime, .. } = &opening.hello;
        let visits = opening.hello.visits();
        let outrun = || (!visits && self.is_outrun(c, name)).then_some(Refusal::Connected);
        if let Some(why) = self.refusal(name, runtime, visits).or_else(outrun) {
            let joins = self.own.connects_all() && opening.hello.connects_all();
            let is_taken = why == Refusal::NameTaken;
            actions.push(Action::Answer(c, Verdict::Refuse(why)));
            if let Some(peer) = self.peers.get_mut(name).filter(|_| is_taken) {
                peer.has_heir |= joins;
                // A machine that has failed ends no connection.
                actions.extend(peer.session.map(|(session, _)| Action::Probe(session)));
            }
            return;
        }
        if visits {
            self.visits.insert(c, *runtime);
            return actions.extend([Action::Answer(c, Verdict::Ok), Action::Visit(c)]);
        }
        self.end_runtime(*runtime, actions);
        let own_is_greater = self.own.name > *name;
        let peer = self.peers.entry(name.clone()).or_default();
        let dialling = peer.attempt.as_ref().is_some_and(|a| a.number.is_some());
        if dialling && own_is_greater {
            if let Some((before, _)) = peer.waiting.replace((c, *runtime)) {
                actions.push(Action::Answer(before, Verdict::Refuse(Refusal::Connected)));
            }
            return actions.push(Action::Answer(c, Verdict::Wait));
        }
        if let Some(number) = peer.attempt.take().and_then(|a| a.number) {
            actions.push(Action::Abandon(number));
        }
        actions.push(Action::Answer(c, Verdict::Ok));
        self.up(c, name.clone(), *runtime, actions);
    }
    fn refusal(&self, name: &NodeName, runtime: &[u8; 16], visits: bool) -> Option<Refusal> {
        let peer = self.peers.get(name);
        if self.closing {
            return Some(Refusal::Closing);
        }
        if visits {
            let is_busy = self.visits.len() >= VISITS_MAX || self.visits.values().any(|r| r == runtime);
            return is_busy.then_some(Refusal::Busy);
        }
        if *name == self.own.name || peer.is_some_and(|p| p.session.is_some_and(|(_, r)| r != *runtime)) {
            return Some(Refusal::NameTaken);
        }
        if self.outdated.iter().any(|(n, r)| n == name && r == runtime) {
            return Some(Refusal::Outdated);
        }
        (self.peers.len() >= SESSIONS_MAX && peer.is_none()).then_some(Refusal::Busy)
    }
    /// Whether a connection is older than the session with its peer. The peer has given it up for that: two that dial each
    /// other do, and what it says here was under way then. (Who has really lost the session tries again.)
    fn is_outrun(&self, c: Connection, name: &NodeName) -> bool {
        self.peers.get(name).is_some_and(|p| p.session.is_some() && c <= p.before)
    }
    /// Ends the session with a runtime, whatever its name.
    fn end_runtime(&mut self, runtime: [u8; 16], actions: &mut Vec<Action>) {
        let old = self.peers.iter().find(|(_, p)| p.session.is_some_and(|(_, r)| r == runtime));
        let Some((name, c)) = old.and_then(|(n, p)| Some((n.clone(), p.session?.0))) else { return };
        let why = "it has connected anew";
        actions.push(Action::End(c, why.into()));
        self.down(&name, why, actions);
    }
    fn up(&mut self, c: Connection, name: NodeName, runtime: [u8; 16], actions: &mut Vec<Action>) {
        if let Some(before) = self.last_runtime.insert(name.clone(), runtime)
            && before != runtime
        {
            self.outdated.push_back((name.clone(), before));
        }
        while self.outdated.len() > OUTDATED_MAX {
            self.outdated.pop_front();
        }
        while self.last_runtime.len() > OUTDATED_MAX {
            self.last_runtime.pop_first();
        }
        let before = self.next;
        let peer = self.peers.entry(name.clone()).or_default();
        (peer.session, peer.before) = (Some((c, runtime)), before);
        actions.push(Action::Up(c, name));
    }
    /// The handshake of an attempt has led to a session.
    pub fn established(&mut self, c: Connection, peer_hello: &Hello, actions: &mut Vec<Action>) {
        let Hello { name, runtime, .. } = peer_hello;
        let current = self.peers.get(name).is_some_and(|p| p.attempt.as_ref().is_some_and(|a| a.number == Some(c)));
        if !current || self.closing {
            return actions.push(Action::End(c, "of no use any more".into()));
        }
        if let Some(why) = self.refusal(name, runtime, false) {
            // Found out after the peer has said ok: the session never counts.
            actions.push(Action::End(c, why.to_string()));
            return self.give_up(name, &why.to_string(), actions);
        }
        self.end_runtime(*runtime, actions);
        if let Some(peer) = self.peers.get_mut(name) {
            peer.attempt = None;
            if let Some((other, _)) = peer.waiting.take() {
                actions.push(Action::Answer(other, Verdict::Refuse(Refusal::Connected)));
            }
        }
        self.up(c, name.clone(), *runtime, actions);
    }
    /// An attempt, or a connection from outside before its session stood, has failed. `random` decides the pause.
    pub fn failed(&mut self, c: Connection, failure: &Failure, now: Time, random: u64, actions: &mut Vec<Action>) {
        if let Some(peer) = self.peers.values_mut().find(|p| p.waiting.is_some_and(|(w, _)| w == c)) {
            peer.waiting = None;
            return;
        }
        self.visits.remove(&c);
        if let Some(peer) = self.peers.values_mut().find(|p| p.session.is_some_and(|(s, _)| s == c)) {
            // It had failed already when it was accepted. Whoever gave up another attempt for it does not ask again.
            peer.has_heir |= self.own.connects_all();
            return self.ended(c, &failure.to_string(), actions);
        }
        let attempting = |p: &Peer| p.attempt.as_ref().is_some_and(|a| a.number == Some(c));
        let Some(name) = self.peers.iter().find(|(_, p)| attempting(p)).map(|(n, _)| n.clone()) else { return };
        let Some(peer) = self.peers.get_mut(&name) else { return };
        if let Some((waiting, runtime)) = peer.waiting.take() {
            peer.attempt = None;
            actions.push(Action::Answer(waiting, Verdict::Ok));
            return self.up(waiting, name, runtime, actions);
        }
        let again = matches!(
            failure,
            Failure::Closed | Failure::Timeout | Failure::Refused(Refusal::Busy) | Failure::Refused(Refusal::Connected)
        );
        match &mut peer.attempt {
            Some(a) if again && a.tries < a.most => {
                let pause = (PAUSE.0 << a.tries.min(16)).min(PAUSE.1);
                a.number = None;
                // From half of it to one and a half.
                a.next = Some(now + pause / 2 + random % pause);
            }
            _ => self.give_up(&name, &failure.to_string(), actions),
        }
    }
    fn give_up(&mut self, name: &NodeName, why: &str, actions: &mut Vec<Action>) {
        if let Some(peer) = self.peers.get_mut(name) {
            peer.attempt = None;
        }
        actions.push(Action::Unreachable(name.clone(), why.into()));
        self.tell(name, why, actions);
    }
    /// A session has ended by itself.
    pub fn ended(&mut self, c: Connection, why: &str, actions: &mut Vec<Action>) {
        self.visits.remove(&c);
        let of = self.peers.iter().find(|(_, p)| p.session.is_some_and(|(s, _)| s == c)).map(|(n, _)| n.clone());
        let Some(name) = of else { return };
        let has_heir = self.peers.get_mut(&name).is_some_and(|p| std::mem::take(&mut p.has_heir));
        self.down(&name, why, actions);
        if has_heir && !self.closing {
            self.attempt(&name, TRIES_LISTED, actions);
        }
    }
    fn down(&mut self, name: &NodeName, why: &str, actions: &mut Vec<Action>) {
        if let Some(peer) = self.peers.get_mut(name) {
            peer.session = None;
        }
        self.tell(name, why, actions);
    }
    /// Tells who monitors a node, and forgets what is idle.
    fn tell(&mut self, name: &NodeName, why: &str, actions: &mut Vec<Action>) {
        actions.push(Action::NodeDown(name.clone(), why.into()));
        if self.peers.get(name).is_some_and(Peer::is_idle) {
            self.peers.remove(name);
        }
    }
    /// A process monitors a node, which is dialled if need be.
    pub fn monitor(&mut self, node: &NodeName, actions: &mut Vec<Action>) {
        if self.closing {
            self.tell(node, &Refusal::Closing.to_string(), actions);
        } else if *node != self.own.name {
            self.attempt(node, TRIES, actions);
        }
    }
    /// When [`Connections::timeout`] is to be called.
    pub fn next_timeout(&self) -> Option<Time> {
        let begins = (self.list_at.is_none() && self.lists(self.sessions())).then_some(0);
        self.peers.values().filter_map(|p| p.attempt.as_ref()?.next).chain(self.list_at).chain(begins).min()
    }
    fn sessions(&self) -> usize {
        self.peers.values().filter(|p| p.session.is_some()).count()
    }
    /// Whether one of so many peers is told of the others, now and then.
    fn lists(&self, sessions: usize) -> bool {
        sessions >= 2 && self.own.connects_all() && !self.closing
    }
    /// Whether nobody is dialled, now or later.
    #[cfg(test)]
    pub fn is_still(&self) -> bool {
        self.peers.values().all(|p| p.attempt.is_none())
    }
    /// Time has passed. `random` decides who is told of the others.
    pub fn timeout(&mut self, now: Time, random: u64, actions: &mut Vec<Action>) {
        self.list(now, random, actions);
        for (name, peer) in &mut self.peers {
            if let Some(a) = peer.attempt.as_mut().filter(|a| a.next.is_some_and(|t| t <= now)) {
                self.next += 1;
                (a.number, a.next, a.tries) = (Some(self.next), None, a.tries + 1);
                actions.push(Action::Dial(self.next, name.clone()));
            }
        }
    }
    /// Tells one of the peers of the others, now and then.
    fn list(&mut self, now: Time, random: u64, actions: &mut Vec<Action>) {
        let n = self.sessions();
        if !self.lists(n) {
            self.list_at = None;
        } else if self.list_at.is_none_or(|at| at <= now) {
            let mut sessions = self.peers.values().filter_map(|p| p.session);
            let told = sessions.nth((random % n as u64) as usize).filter(|_| self.list_at.is_some());
            actions.extend(told.map(|(c, _)| Action::List(c)));
            self.list_at = Some(now + LIST);
        }
    }
    /// The node leaves the network.
    pub fn close(&mut self, actions: &mut Vec<Action>) {
        self.closing = true;
        actions.extend(std::mem::take(&mut self.visits).into_keys().map(|c| Action::End(c, "shutdown".into())));
        for (name, peer) in std::mem::take(&mut self.peers) {
            if let Some(number) = peer.attempt.and_then(|a| a.number) {
                actions.push(Action::Abandon(number));
                actions.push(Action::Unreachable(name.clone(), Refusal::Closing.to_string()));
            }
            if let Some((c, _)) = peer.waiting {
                actions.push(Action::Answer(c, Verdict::Refuse(Refusal::Closing)));
            }
            if let Some((c, _)) = peer.session {
                actions.push(Action::End(c, "shutdown".into()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Limits;
    use super::super::hello::{VERSIONS, features, visitor_id};
    use super::*;

    fn name(text: &str) -> NodeName {
        NodeName::parse(text).expect("it is valid")
    }
    fn hello(of: &str, runtime: u8) -> Hello {
        let runtime = [runtime; 16];
        Hello { versions: VERSIONS, features: 1, name: name(of), runtime, creation: 1, limits: Limits::default() }
    }
    fn opening(of: &str, runtime: u8) -> Opening {
        Opening { hello: hello(of, runtime), dialled: name("b@h") }
    }
    fn after(f: impl FnOnce(&mut Vec<Action>)) -> Vec<Action> {
        let mut actions = Vec::new();
        f(&mut actions);
        actions
    }

    #[test]
    fn of_two_attempts_the_greater_names_goes_on() {
        // b meets a smaller name: b's attempt goes on, the other's waits.
        let mut b = Connections::new(hello("b@h", 2));
        assert_eq!(after(|x| b.connect(&name("a@h"), x)), [Action::Dial(2, name("a@h"))]);
        assert!(after(|x| b.connect(&name("a@h"), x)).is_empty());
        let c = b.number();
        assert_eq!(after(|x| b.asked(c, &opening("a@h", 1), x)), [Action::Answer(c, Verdict::Wait)]);
        let done = after(|x| b.established(2, &hello("a@h", 1), x));
        assert_eq!(done, [Action::Answer(c, Verdict::Refuse(Refusal::Connected)), Action::Up(2, name("a@h"))]);
        // The same, and b's attempt fails.
        let mut b = Connections::new(hello("b@h", 2));
        after(|x| b.connect(&name("a@h"), x));
        let c = b.number();
        after(|x| b.asked(c, &opening("a@h", 1), x));
        let done = after(|x| b.failed(2, &Failure::Closed, 0, 0, x));
        assert_eq!(done, [Action::Answer(c, Verdict::Ok), Action::Up(c, name("a@h"))]);
        // b meets a greater name: its own attempt is abandoned.
        let mut b = Connections::new(hello("b@h", 2));
        after(|x| b.connect(&name("c@h"), x));
        let c = b.number();
        let done = after(|x| b.asked(c, &opening("c@h", 3), x));
        assert_eq!(done, [Action::Abandon(2), Action::Answer(c, Verdict::Ok), Action::Up(c, name("c@h"))]);
        assert!(!b.is_attempting(2), "what it had dialled is not connected any more");
        assert_eq!(after(|x| b.established(2, &hello("c@h", 3), x)), [Action::End(2, "of no use any more".into())]);
    }
    #[test]
    fn an_attempt_that_the_peer_has_given_up_does_not_end_the_session() {
        // b has dialled, and a, who is smaller, at the same time: a gives up, and its hello comes after its ok.
        let mut b = Connections::new(hello("b@h", 2));
        after(|x| b.connect(&name("a@h"), x));
        let c = b.number();
        assert_eq!(after(|x| b.established(2, &hello("a@h", 1), x)), [Action::Up(2, name("a@h"))]);
        assert_eq!(
            after(|x| b.asked(c, &opening("a@h", 1), x)),
            [Action::Answer(c, Verdict::Refuse(Refusal::Connected))]
        );
        assert_eq!(b.session(&name("a@h")), Some(2));
        // One that was made later is meant.
        let d = b.number();
        let done = after(|x| b.asked(d, &opening("a@h", 1), x));
        assert!(matches!(
            &done[..],
            [Action::End(2, _), Action::NodeDown(..), Action::Answer(_, Verdict::Ok), Action::Up(..)]
        ));
    }
    #[test]
    fn a_new_connection_of_a_runtime_ends_the_old_one_first() {
        let mut b = Connections::new(hello("b@h", 2));
        let c = b.number();
        after(|x| b.asked(c, &opening("a@h", 1), x));
        assert!(after(|x| b.monitor(&name("a@h"), x)).is_empty());
        let d = b.number();
        let done = after(|x| b.asked(d, &opening("a@h", 1), x));
        let why = "it has connected anew".to_owned();
        let told = Action::NodeDown(name("a@h"), why.clone());
        assert_eq!(
            done,
            [Action::End(c, why), told, Action::Answer(d, Verdict::Ok), Action::Up(d, name("a@h"))],
            "all of the old before anything of the new"
        );
        // Under another name, too.
        let e = b.number();
        let done = after(|x| b.asked(e, &opening("z@h", 1), x));
        assert!(matches!(&done[0], Action::End(n, _) if *n == d));
        assert_eq!(b.nodes(), [name("z@h")]);
    }
    #[test]
    fn who_came_before_the_end_of_its_former_program_was_noticed_is_dialled() {
        let mut b = Connections::new(hello("b@h", 2));
        let c = b.number();
        after(|x| b.asked(c, &opening("a@h", 1), x));
        let d = b.number();
        let refused = [Action::Answer(d, Verdict::Refuse(Refusal::NameTaken)), Action::Probe(c)];
        assert_eq!(after(|x| b.asked(d, &opening("a@h", 9), x)), refused);
        let done = after(|x| b.ended(c, "cut", x));
        let [Action::NodeDown(..), Action::Dial(n, node)] = &done[..] else { panic!("{done:?}") };
        assert_eq!(*node, name("a@h"));
        assert_eq!(after(|x| b.established(*n, &hello("a@h", 9), x)), [Action::Up(*n, name("a@h"))]);
        // Once, and nobody whom this node does not want to be connected with.
        assert!(matches!(&after(|x| b.ended(*n, "cut", x))[..], [Action::NodeDown(..)]));
    }
    #[test]
    fn who_was_accepted_when_its_connection_had_failed_is_dialled() {
        let mut b = Connections::new(hello("b@h", 2));
        let c = b.number();
        after(|x| b.asked(c, &opening("a@h", 1), x));
        let done = after(|x| b.failed(c, &Failure::Closed, 0, 0, x));
        assert!(matches!(&done[..], [Action::NodeDown(..), Action::Dial(..)]), "{done:?}");
        assert_eq!(b.session(&name("a@h")), None);
    }
    #[test]
    fn now_and_then_one_of_the_nodes_hears_of_the_others() {
        let mut b = Connections::new(hello("b@h", 2));
        let (c, d) = (b.number(), b.number());
        after(|x| b.asked(c, &opening("a@h", 1), x));
        assert!(after(|x| b.timeout(0, 0, x)).is_empty() && b.next_timeout().is_none(), "there are no others");
        after(|x| b.asked(d, &opening("c@h", 3), x));
        assert_eq!(b.next_timeout(), Some(0), "it begins by itself");
        assert!(after(|x| b.timeout(SECOND, 0, x)).is_empty(), "who has just come was told");
        assert_eq!(b.next_timeout(), Some(SECOND + LIST));
        assert_eq!(after(|x| b.timeout(SECOND + LIST, 0, x)), [Action::List(c)]);
        assert_eq!(after(|x| b.timeout(SECOND + 2 * LIST, 1, x)), [Action::List(d)]);
        after(|x| b.ended(c, "lost", x));
        assert!(after(|x| b.timeout(SECOND + 3 * LIST, 0, x)).is_empty() && b.next_timeout().is_none());
    }
    #[test]
    fn a_name_belongs_to_who_is_connected_and_then_to_the_newest() {
        let mut b = Connections::new(hello("b@h", 2));
        let refused = |c, why| [Action::Answer(c, Verdict::Refuse(why))];
        after(|x| b.asked(10, &opening("a@h", 1), x));
        let taken = [refused(11, Refusal::NameTaken), [Action::Probe(10)]].concat();
        assert_eq!(after(|x| b.asked(11, &opening("a@h", 9), x)), taken);
        assert_eq!(after(|x| b.asked(12, &opening("b@h", 9), x)), refused(12, Refusal::NameTaken));
        let Some(Action::Dial(n, _)) = after(|x| b.ended(10, "lost", x)).pop() else { panic!("it is dialled") };
        assert_eq!(after(|x| b.established(n, &hello("a@h", 9), x)).len(), 1);
        after(|x| b.ended(n, "lost", x));
        assert_eq!(after(|x| b.asked(14, &opening("a@h", 1), x)), refused(14, Refusal::Outdated));
        assert_eq!(after(|x| b.asked(15, &opening("a@h", 9), x)).len(), 2);
    }
    #[test]
    fn a_visitor_is_in_no_list_and_ends_with_its_session() {
        let mut b = Connections::new(hello("b@h", 2));
        let visitor = |number| {
            let mut opening = opening("attach_1@localhost", 0);
            opening.hello.features = features::VISITOR;
            opening.hello.runtime = visitor_id(number).to_be_bytes();
            opening
        };
        let refused = |c, why| [Action::Answer(c, Verdict::Refuse(why))];
        assert_eq!(after(|x| b.asked(7, &visitor(1), x)), [Action::Answer(7, Verdict::Ok), Action::Visit(7)]);
        assert_eq!(after(|x| b.asked(8, &visitor(1), x)), refused(8, Refusal::Busy), "its number is in use");
        assert_eq!(after(|x| b.asked(9, &visitor(2), x)).len(), 2, "names of visitors need not differ");
        assert!(b.nodes().is_empty() && b.session(&name("attach_1@localhost")).is_none());
        assert!(after(|x| b.ended(7, "lost", x)).is_empty());
        assert_eq!(after(|x| b.asked(10, &visitor(1), x)).len(), 2);
        for i in 0..VISITS_MAX as u16 - 2 {
            assert_eq!(after(|x| b.asked(100 + u64::from(i), &visitor(100 + i), x)).len(), 2);
        }
        assert_eq!(after(|x| b.asked(11, &visitor(3), x)), refused(11, Refusal::Busy));
        let closed = after(|x| b.close(x));
        assert_eq!(closed.len(), VISITS_MAX);
        assert!(closed.iter().all(|a| matches!(a, Action::End(..))));
    }
    #[test]
    fn identities_of_visitors_are_theirs_alone() {
        let node = hello("b@h", 2);
        let mut opening = opening("attach_1@localhost", 1);
        opening.hello.features = features::VISITOR;
        assert_eq!(node.accept(&opening), Err(Refusal::Malformed), "a node's identity cannot be taken by a visitor");
        opening.hello.runtime = visitor_id(1).to_be_bytes();
        assert_eq!(node.accept(&opening), Ok(VERSIONS.1));
        opening.hello.features = 0;
        assert_eq!(node.accept(&opening), Err(Refusal::Malformed));
    }
    #[test]
    fn attempts_are_repeated_with_growing_pauses_and_then_given_up() {
        let mut b = Connections::new(hello("b@h", 2));
        let dialled = after(|x| b.monitor(&name("a@h"), x));
        let [Action::Dial(mut c, _)] = dialled[..] else { panic!("it is dialled") };
        let mut now = 0;
        for _ in 1..TRIES {
            assert!(after(|x| b.failed(c, &Failure::Closed, now, u64::MAX, x)).is_empty());
            let next = b.next_timeout().expect("it tries again");
            assert!(next > now);
            assert!(after(|x| b.timeout(next - 1, 0, x)).is_empty());
            now = next;
            let dialled = after(|x| b.timeout(now, 0, x));
            let [Action::Dial(n, _)] = dialled[..] else { panic!("it is dialled") };
            c = n;
        }
        let done = after(|x| b.failed(c, &Failure::Closed, now, 0, x));
        assert!(matches!(&done[..], [Action::Unreachable(..), Action::NodeDown(..)]));
        assert!(b.peers.is_empty() && b.next_timeout().is_none());
        // Another cookie is not tried twice.
        after(|x| b.connect(&name("a@h"), x));
        let done = after(|x| b.failed(b.next, &Failure::Cookie, 0, 0, x));
        assert!(matches!(&done[..], [Action::Unreachable(_, why), Action::NodeDown(..)] if why.starts_with("cookie?")));
    }
    #[test]
    fn a_node_that_is_monitored_while_this_one_closes_is_down() {
        let mut b = Connections::new(hello("b@h", 2));
        assert!(after(|x| b.monitor(&name("b@h"), x)).is_empty(), "as long as it is itself");
        after(|x| b.close(x));
        assert!(matches!(&after(|x| b.monitor(&name("a@h"), x))[..], [Action::NodeDown(..)]));
        assert!(b.peers.is_empty());
    }
    #[test]
    fn a_network_becomes_full_by_lists() {
        let mut b = Connections::new(hello("b@h", 2));
        after(|x| b.asked(10, &opening("a@h", 1), x));
        let list = ["a@h", "b@h", "c@h", "d@h"].map(name);
        let done = after(|x| b.listed(&list, x));
        assert!(matches!(&done[..], [Action::Dial(_, c), Action::Dial(_, d)] if c.short() == "c" && d.short() == "d"));
        let done = after(|x| b.close(x));
        assert_eq!(done.iter().filter(|a| matches!(a, Action::Abandon(_))).count(), 2);
        assert!(done.contains(&Action::End(10, "shutdown".into())));
        assert!(matches!(after(|x| b.connect(&name("a@h"), x))[..], [Action::Unreachable(..)]));
    }
}
