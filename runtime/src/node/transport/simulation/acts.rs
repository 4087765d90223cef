//! What the processes of the simulated network do: at random, what Lua's natives of concurrent/ do.
//!
//! Journey: signal: **act** -> core -> route, and remote signal: **act** -> node.

use super::super::super::name::NodeName;
use super::super::super::signal::{Body, Bytes, Target};
use super::super::super::{MILLISECOND, SECOND, translate};
use super::super::past::Past;
use super::super::{Online, Sending, Surroundings};
use super::program::{Process, Program, Want};
use super::{Event, World};
use crate::codec::Message;
use crate::process::inbox::RunState;
use crate::process::signal::{Question, Signal, Status};
use rlua_machine::value::Pid;
use std::sync::Arc;

/// Names that processes take.
pub const NAMES: [&[u8]; 3] = [b"red", b"green", b"blue"];

impl World {
    /// Some process does something.
    pub(super) fn act(&mut self) {
        let host = self.below(self.hosts.len() as u64) as usize;
        let Some(program) = self.hosts[host].program.clone() else { return };
        let mut idle: Vec<Pid> =
            program.processes().iter().filter(|(_, p)| p.wants.is_none()).map(|(pid, _)| *pid).collect();
        // One that has just come does not run yet.
        idle.retain(|pid| program.inner().inbox(*pid).is_some_and(|i| i.state() != RunState::Moving));
        let Some(&pid) = idle.get(self.below(idle.len().max(1) as u64) as usize) else { return };
        let other = self.some_pid();
        let node = self.hosts[self.below(self.hosts.len() as u64) as usize].name.clone();
        let choice = self.below(if self.plan.moves { 126 } else { 111 });
        self.trace(|| format!("{pid} acts: {choice}, with {other} or {node}"));
        let is_root = pid.serial() == 1;
        let name = NAMES[self.below(3) as usize];
        let size = match self.below(120) {
            0 => 300_000,
            1..=5 => 20_000,
            _ => self.below(100) as usize,
        };
        program.act(pid, |p, program| {
            let online = program.online();
            match (choice, online) {
                (0..=34, _) => p.send(program, other, size),
                (35..=38, Some(online)) => p.send_to_name(program, &online, node, name, size),
                (39..=48, _) => program.core(p, |core, effects| core.link(other, effects)),
                (49..=52, _) => program.core(p, |core, effects| core.unlink(other, effects)),
                (53..=62, _) => program.core(p, |core, effects| core.monitor(other, effects)),
                (63..=66, _) => _ = program.core(p, |core, effects| core.demonitor(other, effects)),
                (67..=70, _) => p.kill(program, other),
                (71..=73, _) if !is_root => return Some((Message::string(b"normal"), false)),
                (74..=75, _) if !is_root => return Some((Message::string(b"bad"), true)),
                (76..=79, _) if program.known_dead(other).is_none() => p.ask(program, other, Question::Alive),
                (80, _) if other.runtime() != program.runtime || program.may_be_elsewhere(other) => {
                    p.ask(program, other, Question::Info(Status::Unknown))
                }
                (81..=84, Some(online)) if online.name != node => {
                    p.spawn_at(&online, node, choice.is_multiple_of(2), choice >= 83);
                }
                (85..=88, _) => program.spawn(p, choice.is_multiple_of(2), choice >= 87),
                (89..=90, Some(online)) => {
                    online.monitor_node(pid, &node);
                    *p.node_monitors.entry(node.to_string()).or_default() += 1;
                }
                (91, Some(online)) if online.demonitor_node(pid, &node) => {
                    *p.node_monitors.entry(node.to_string()).or_default() -= 1;
                }
                (92..=93, Some(online)) if online.name != node => p.ask_node(&online, node, Some(name)),
                (94..=95, Some(online)) if online.name != node => p.ask_node(&online, node, None),
                (96..=97, online) => p.register(program, online.as_ref(), name, if choice == 96 { pid } else { other }),
                (98, online) => p.unregister(program, online.as_ref(), name),
                (100..=102, _) => p.interrupt(program, other),
                (99, _) => p.core.trapexit = true,
                (103..=106, _) => p.call(program, other, size),
                (107..=109, _) => p.answer(program, choice == 109),
                (110, _) => p.give_up(program),
                (111.., Some(online)) if online.name != node && !is_root => p.migrate(&online, node),
                _ => {}
            }
            None
        });
        self.look_soon(host);
        self.look_at_sessions(host);
    }
    /// Some process, mostly one of the latest.
    fn some_pid(&self) -> Pid {
        let mut common = self.common();
        let n = common.pids.len() as u64;
        let back = if common.random.one_in(3) { common.random.below(n) } else { common.random.below(n.min(12)) };
        common.pids[(n - 1 - back) as usize]
    }
    /// Something breaks.
    pub(super) fn fault(&mut self) {
        let hosts = self.hosts.len() as u64;
        let (a, b) = (self.below(hosts) as usize, self.below(hosts) as usize);
        match self.below(10) {
            0..=4 => self.cut(),
            5..=6 if a != b => {
                let time = (1 + self.below(3 * self.plan.keepalive / MILLISECOND)) * MILLISECOND;
                self.part(a, b, time);
            }
            7 => {
                let silent = self.one_in(2);
                self.crash(a, silent);
                self.soon(10 * SECOND, Event::Start(a));
            }
            8 => {
                // A host is alone.
                let time = (1 + self.below(3 * self.plan.keepalive / MILLISECOND)) * MILLISECOND;
                (0..self.hosts.len()).filter(|&b| b != a).for_each(|b| self.part(a, b, time));
            }
            _ => self.leave(a),
        }
    }
    /// A program calls `shutdown`, and `init` some time later.
    pub(super) fn leave(&mut self, host: usize) {
        let Some(program) = self.hosts[host].program.clone() else { return };
        let Some(online) = program.set_online(None) else { return };
        program.inner().past = Past::of_leaving(online.clone());
        self.trace(|| format!("host {host} leaves the network"));
        for peer in 0..self.hosts.len() {
            self.has_lost(host, peer);
        }
        online.close();
        program.inner().past = online.past();
        self.look_at_sessions(host);
        self.look_soon(host);
        if !self.calm {
            self.soon(5 * SECOND, Event::Rejoin(host));
        }
    }
}

impl Process {
    /// `send(pid, message)`.
    pub(super) fn send(&mut self, program: &Arc<Program>, to: Pid, size: usize) {
        let from = self.core.pid();
        let (number, m) = {
            let mut common = program.common();
            let from_here = (common.now, program.host);
            common.ledger.message(from, Some(to), size, from_here)
        };
        let route = |m: Message| {
            let sent = match program.online() {
                Some(online) => online.send_on(from, to, Signal::Message(m)),
                None => Err(Signal::Message(m)),
            };
            if !sent.unwrap_or_else(|m| program.route(to, m)) {
                program.common().ledger.failed(number);
            }
        };
        if to.runtime() == program.runtime {
            return route(m);
        }
        match program.online() {
            Some(online) if online.has_moved(to) => route(m),
            Some(online) => self.send_elsewhere(program, &online, None, Some(to), Target::Pid(to), &m, number),
            None => route(m),
        }
    }
    /// `send({ name, node }, message)`.
    fn send_to_name(&mut self, program: &Arc<Program>, online: &Arc<Online>, node: NodeName, name: &[u8], size: usize) {
        if online.name == node {
            return;
        }
        let from = self.core.pid();
        let (number, m) = {
            let mut common = program.common();
            let from_here = (common.now, program.host);
            common.ledger.message(from, None, size, from_here)
        };
        self.send_elsewhere(program, online, Some(node), None, Target::Name(Bytes(name.to_vec())), &m, number);
    }
    #[expect(clippy::too_many_arguments, reason = "those of the native, and the book")]
    pub(super) fn send_elsewhere(
        &mut self,
        program: &Arc<Program>,
        online: &Arc<Online>,
        node: Option<NodeName>,
        pid: Option<Pid>,
        to: Target<Pid>,
        m: &Message,
        number: u64,
    ) {
        let (id, from) = (self.core.next_id(), self.core.pid());
        match online.send(node, pid, translate::message(from, to, m.to_portable()), (from, id)) {
            Sending::Sent => {}
            Sending::Wait => self.wants = Some((id, Want::Sent(number))),
            Sending::Failed(_) => program.common().ledger.failed(number),
        }
    }
    /// `concurrent.call(pid, request)`, without waiting.
    fn call(&mut self, program: &Arc<Program>, to: Pid, size: usize) {
        let (own, id) = (self.core.pid(), self.core.next_id());
        if to == own {
            return;
        }
        program.common().ledger.calls.push((own, id));
        program.core(self, |core, effects| core.call(id, to, None, effects));
        self.core.keep_call();
        self.send(program, to, size);
    }
    /// `concurrent.reply(call, value)`: of one that came to it, or for another.
    fn answer(&mut self, program: &Arc<Program>, for_another: bool) {
        let from = self.core.pid();
        let calls = program.common().ledger.calls.clone();
        let own: Vec<(Pid, u64)> = self.core.all_watchers().into_iter().filter(|c| calls.contains(c)).collect();
        let call = if for_another { calls.last().copied() } else { own.iter().min().copied() };
        let Some((to, id)) = call.filter(|(to, _)| *to != from) else { return };
        let over = self.core.answers(to, id);
        let value = Message::string(b"answer");
        let signal = Signal::Response { from, id, over, refused: false, value: value.clone() };
        let mut common = program.common();
        let from_here = (common.now, program.host);
        common.ledger.sent(to, &signal, from_here);
        drop(common);
        match program.online().filter(|online| to.runtime() != program.runtime && !online.has_moved(to)) {
            Some(online) => {
                let asker = (from, self.core.next_id());
                let out = translate::response(from, to, id, over, false, value.to_portable());
                match online.send(None, Some(to), out, asker) {
                    Sending::Wait => self.wants = Some((asker.1, Want::Answer(None))),
                    Sending::Failed(_) => program.common().ledger.refused(to, &signal),
                    Sending::Sent => {}
                }
            }
            None => _ = program.route(to, signal),
        }
    }
    /// A time of a call is over.
    fn give_up(&mut self, program: &Arc<Program>) {
        let Some((id, ..)) = self.core.calls().into_iter().next() else { return };
        program.core(self, |core, effects| core.give_up_call(id, effects));
    }
    fn kill(&mut self, program: &Arc<Program>, to: Pid) {
        let reason = Message::string(b"killed");
        if to.serial() == 1 || to == self.core.pid() {
            return;
        }
        match program.online() {
            Some(online) if to.runtime() != program.runtime => _ = online.kill(self.core.pid(), to, &reason),
            _ => _ = program.route(to, Signal::Kill { reason, limit: false }),
        }
    }
    /// `interrupt(pid)`.
    fn interrupt(&mut self, program: &Arc<Program>, to: Pid) {
        match program.online() {
            Some(online) if to.runtime() != program.runtime => _ = online.interrupt(self.core.pid(), to),
            _ => _ = program.route(to, Signal::Interrupt),
        }
    }
    /// `spawn(node, 'body')`, and its like.
    pub(super) fn spawn_at(&mut self, online: &Arc<Online>, node: NodeName, link: bool, monitored: bool) {
        let parent = self.core.pid();
        let monitor = monitored.then(|| self.core.next_id());
        let id = self.core.next_id();
        self.core.spawns(id, link, monitor);
        self.wants = Some((id, Want::Spawned));
        let body = Body::Named(Bytes(b"body".to_vec()));
        let out = translate::spawn(parent, id, body, link, monitor, &Message::string(b"arguments"));
        online.spawn(node, out, (parent, id));
    }
    /// `register(name, pid)`.
    pub(super) fn register(&mut self, program: &Arc<Program>, online: Option<&Arc<Online>>, name: &[u8], pid: Pid) {
        if program.find_name(name).is_some() {
            return;
        }
        let is_here = program.holds(pid);
        let asker = (self.core.pid(), self.core.next_id());
        match online {
            Some(online) if is_here && online.names_are_global() => online.register_name(name, pid, asker),
            Some(online) if !is_here => online.request_name(name, pid, true, asker),
            _ if pid == self.core.pid() => {
                // As long as this is no node, its own list decides.
                self.core.add_name(name.into());
                return program.keep_name(name, pid);
            }
            _ => return,
        }
        self.wants = Some((asker.1, Want::Answer(None)));
    }
    /// `unregister(name)`.
    pub(super) fn unregister(&mut self, program: &Arc<Program>, online: Option<&Arc<Online>>, name: &[u8]) {
        let Some(holder) = program.find_name(name) else { return };
        match online {
            _ if program.holds(holder) => {
                let had = Program::free_name(program, name, holder);
                if had && holder == self.core.pid() {
                    self.core.remove_name(name);
                } else if had {
                    program.route(holder, Signal::Unnamed(name.into()));
                }
            }
            Some(online) => {
                let asker = (self.core.pid(), self.core.next_id());
                self.wants = Some((asker.1, Want::Answer(None)));
                online.request_name(name, holder, false, asker);
            }
            None => {}
        }
    }
    /// `isnodealive(node)`, or who has a name there.
    pub(super) fn ask_node(&mut self, online: &Arc<Online>, node: NodeName, name: Option<&[u8]>) {
        let id = self.core.next_id();
        self.wants = Some((id, Want::Answer(None)));
        online.ask(node, name, (self.core.pid(), id));
    }
    /// `migrate(node)`: when they are connected, it moves.
    pub(super) fn migrate(&mut self, online: &Arc<Online>, node: NodeName) {
        let id = self.core.next_id();
        self.wants = Some((id, Want::Move(node.clone())));
        online.ask(node, None, (self.core.pid(), id));
    }
}
