//! What holds in the simulated network when all is quiet.
//!
//! Journey: none. All hosts are up, all reach each other, nothing new happens: then everybody has got the answers it waits
//! for, both ends of a link know of it, nothing is kept that nobody needs.

use super::super::super::name::NodeName;
use super::super::{Link, Online};
use super::ledger::Missing;
use super::program::Program;
use super::{Event, SECOND, World};
use crate::process::signal::Name;
use rlua_machine::value::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl World {
    pub(super) fn violation(&self, what: String) {
        self.common().ledger.violation(what);
    }
    fn programs(&self) -> Vec<Arc<Program>> {
        self.hosts.iter().filter_map(|h| h.program.clone()).collect()
    }
    /// On which host each process is.
    fn places(&self) -> BTreeMap<Pid, usize> {
        let programs = self.programs();
        let all = programs.iter().flat_map(|p| p.processes().keys().map(|pid| (*pid, p.host)).collect::<Vec<_>>());
        all.collect()
    }
    fn links_of(online: &Online) -> Vec<Arc<Link>> {
        let mut links: Vec<Arc<Link>> = online.table().links.values().cloned().collect();
        links.sort_by_key(|l| l.number);
        links
    }
    /// Ends a run: everything is well again, and then everything is looked at.
    pub(super) fn finish(&mut self) {
        self.trace(|| "all is well from now on".to_string());
        self.calm = true;
        self.heal();
        for i in 0..self.hosts.len() {
            self.soon(SECOND, Event::Start(i));
            self.soon(SECOND, Event::Rejoin(i));
        }
        // Until the last has noticed that a peer is gone without a word.
        self.run_until(self.now() + 2 * self.plan.keepalive + SECOND);
        self.settle();
        self.meet();
        self.check_quiet();
        for i in 0..self.hosts.len() {
            self.leave(i);
            let pause = self.below(SECOND);
            self.run_until(self.now() + pause);
        }
        self.settle();
        self.check_empty();
    }
    /// Waits until nothing but signs of life has been under way for longer than anything takes.
    fn settle(&mut self) {
        let mut quiet = 0;
        for _ in 0..300 {
            self.run_until(self.now() + SECOND);
            quiet = if self.is_quiet() { quiet + 1 } else { 0 };
            if quiet == 3 {
                return;
            }
        }
    }
    fn is_quiet(&self) -> bool {
        let idle = |program: &Arc<Program>| program.processes().values().all(|p| p.wants.is_none());
        let still = |i: usize| self.online(i).is_none_or(|o| o.waiting_for().is_empty() && o.is_still());
        self.programs().iter().all(idle) && (0..self.hosts.len()).all(still) && self.nobody_dials()
    }
    /// Everybody looks whether everybody else is there, one after the other: then all are connected.
    fn meet(&mut self) {
        for round in 1..self.hosts.len() {
            for program in self.programs() {
                let Some(online) = program.online() else { continue };
                let other = self.hosts[(program.host + round) % self.hosts.len()].name.clone();
                program.act(Pid::new(program.runtime, 1), |p, _| {
                    p.ask_node(&online, other, None);
                    None
                });
                self.look_soon(program.host);
            }
            self.settle();
        }
    }

    fn check_quiet(&mut self) {
        for program in self.programs() {
            let Some(online) = program.online() else {
                self.violation(format!("host {} is no node", program.host));
                continue;
            };
            for (pid, process) in program.processes().iter() {
                if let Some(wants) = &process.wants {
                    self.violation(format!("{pid} waits for ever: {wants:?}"));
                }
            }
            let missing = self.hosts.len() - 1 - online.nodes().len();
            if missing > 0 {
                self.violation(format!("{} is not connected with {missing} others: {:?}", online.name, online.nodes()));
            }
            for left in online.waiting_for() {
                self.violation(format!("{} still has {left}", online.name));
            }
        }
        self.check_places();
        self.check_names();
        self.check_relations();
        self.check_ties();
        self.check_node_monitors();
        self.check_losses();
    }
    /// Every process is in one place, unless it has ended or something was lost.
    fn check_places(&self) {
        let (mut seen, mut twice) = (BTreeSet::new(), Vec::new());
        for program in self.programs() {
            twice.extend(program.processes().keys().filter(|pid| !seen.insert(**pid)).copied());
        }
        let common = self.common();
        let ended = &common.ledger.ended;
        let nowhere = common.pids.iter().filter(|pid| !seen.contains(pid) && !ended.contains(pid));
        let nowhere: Vec<Pid> = nowhere.filter(|_| self.plan.faults == 0).copied().collect();
        let risen: Vec<Pid> = seen.iter().filter(|pid| ended.contains(pid)).copied().collect();
        drop(common);
        twice.iter().for_each(|pid| self.violation(format!("{pid} is on two hosts")));
        nowhere.iter().for_each(|pid| self.violation(format!("{pid} has not ended, and is nowhere")));
        risen.iter().for_each(|pid| self.violation(format!("{pid} has ended, and is somewhere")));
    }
    /// Names: one holder each, which knows of it, and all nodes agree.
    fn check_names(&self) {
        let mut holders: BTreeMap<Name, BTreeSet<Pid>> = BTreeMap::new();
        for program in self.programs() {
            let names = program.names();
            for (name, pid) in &names {
                holders.entry(name.clone()).or_default().insert(*pid);
            }
            let known =
                |name: &Name, pid: Pid| program.processes().get(&pid).is_some_and(|p| p.core.names().contains(name));
            for (name, pid) in names.iter().filter(|(name, pid)| !known(name, **pid)) {
                self.violation(format!("{pid} has the name {:?}, and does not know it", String::from_utf8_lossy(name)));
            }
            for (pid, process) in program.processes().iter() {
                for name in process.core.names().into_iter().filter(|n| names.get(n) != Some(pid)) {
                    self.violation(format!("{pid} believes to have the name {:?}", String::from_utf8_lossy(&name)));
                }
            }
        }
        if !self.plan.connects_all {
            return;
        }
        for (name, pids) in &holders {
            let text = String::from_utf8_lossy(name);
            if pids.len() > 1 {
                self.violation(format!("the name {text:?} is held by {pids:?}"));
            }
        }
        for program in self.programs() {
            let Some(online) = program.online() else { continue };
            for name in super::acts::NAMES {
                let (found, held) = (online.find_name(name), holders.get(name).and_then(|p| p.first().copied()));
                if found != held {
                    let text = String::from_utf8_lossy(name);
                    self.violation(format!(
                        "{} finds {found:?} for the name {text:?}, which is held by {held:?}",
                        online.name
                    ));
                }
            }
        }
    }
    /// Links and monitors: both ends know of them.
    fn check_relations(&self) {
        let programs = self.programs();
        let (mut links, mut watched, mut watchers) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut alive = BTreeSet::new();
        for program in &programs {
            for (pid, process) in program.processes().iter() {
                alive.insert(*pid);
                links.extend(process.core.links().into_iter().map(|other| (*pid, other)));
                watched.extend(process.core.all_watched().into_iter().map(|(other, id)| (*pid, other, id)));
                watchers.extend(process.core.all_watchers().into_iter().map(|(other, id)| (other, *pid, id)));
            }
        }
        for (a, b) in &links {
            if !links.contains(&(*b, *a)) {
                let state = if alive.contains(b) { "which lives and knows nothing of it" } else { "which has ended" };
                self.violation(format!("{a} is linked with {b}, {state}"));
            }
        }
        for (a, b, id) in &watched {
            if !watchers.contains(&(*a, *b, *id)) {
                let state = if alive.contains(b) { "which lives and knows nothing of it" } else { "which has ended" };
                self.violation(format!("{a} monitors {b} ({id}), {state}"));
            }
        }
        for (a, b, id) in &watchers {
            if !watched.contains(&(*a, *b, *id)) && alive.contains(a) {
                self.violation(format!("{b} believes that {a} monitors it ({id})"));
            } else if !alive.contains(a) {
                self.violation(format!("{b} believes that {a} monitors it ({id}), which has ended"));
            }
        }
    }
    /// What hangs on a session is what there is between processes of its two nodes, and no more.
    fn check_ties(&self) {
        let places = self.places();
        for program in self.programs() {
            let Some(online) = program.online() else { continue };
            let mut expected = BTreeSet::new();
            for (pid, process) in program.processes().iter() {
                let elsewhere = |other: &Pid| places.get(other) != Some(&program.host);
                expected.extend(
                    process.core.links().into_iter().filter(elsewhere).map(|other| format!("link {pid} {other}")),
                );
                let watched = process.core.all_watched().into_iter().filter(|(other, _)| elsewhere(other));
                expected.extend(watched.map(|(other, id)| format!("watching {pid} {other} {id}")));
                let watchers = process.core.all_watchers().into_iter().filter(|(other, _)| elsewhere(other));
                expected.extend(watchers.map(|(other, id)| format!("watched {pid} {other} {id}")));
            }
            let mut found = BTreeSet::new();
            for link in Self::links_of(&online) {
                found.extend(link.with_ties(|t| t.describe()).into_iter().flatten());
            }
            for tie in found.symmetric_difference(&expected) {
                let which = if found.contains(tie) { "a session keeps what is not there" } else { "no session keeps" };
                self.violation(format!("{}: {which}: {tie}", online.name));
            }
        }
    }
    fn check_node_monitors(&self) {
        let places = self.places();
        let online: Vec<Arc<Online>> = self.programs().iter().filter_map(|p| p.online()).collect();
        for online in &online {
            for watcher in online.watchers().all() {
                if !places.contains_key(&watcher) {
                    self.violation(format!(
                        "{} remembers that {watcher} monitors a node, which has ended",
                        online.name
                    ));
                }
            }
        }
        let left = |pid: Pid, node: &str| -> u32 { online.iter().map(|o| o.watchers().times(pid, node)).sum() };
        for program in self.programs() {
            for (pid, process) in program.processes().iter() {
                for (node, made) in &process.node_monitors {
                    let told = self.common().ledger.node_downs.get(&(*pid, node.clone())).copied().unwrap_or(0);
                    let left = left(*pid, node);
                    if told + left != *made {
                        self.violation(format!(
                            "{pid} monitors {node} {made} times, was told {told}, and {left} are left"
                        ));
                    }
                }
            }
        }
    }
    /// What was sent has come, or something was lost.
    fn check_losses(&self) {
        let common = self.common();
        let missing = common.ledger.missing(self.plan.faults > 0);
        let ended: BTreeSet<Pid> = common.ledger.ended.clone();
        let visited = common.ledger.visited.clone();
        let unsettled = common.ledger.unsettled.clone();
        let overtaken = common.ledger.overtaken.clone();
        drop(common);
        let places = self.places();
        let lost = self.network.lost_sessions;
        if self.plan.faults == 0 && lost > 0 {
            self.violation(format!("nothing was broken, and {lost} sessions were lost"));
        }
        if self.plan.faults == 0 && !(unsettled.is_empty() && overtaken.is_empty()) {
            self.violation(format!("nothing was broken, and somebody waited in vain: {unsettled:?} {overtaken:?}"));
        }
        for Missing { from, to, since, what } in missing {
            if ended.contains(&to) || !places.contains_key(&to) {
                continue;
            }
            // It goes from where its sender was then to places of its receiver, and is sent on from one of those to another.
            let there = visited.get(&to).cloned().unwrap_or_else(|| BTreeSet::from([places[&to]]));
            let lost = |at, host| {
                let mut ways = there.iter().chain([&host]).flat_map(|a| there.iter().map(move |b| (*a, *b)));
                ways.any(|(a, b)| a != b && self.network.lost_since(at, a, b))
            };
            // Or its sender went on though it had not come there, or others were let go that were held back on its way until it had.
            let is_there = |node: &NodeName| there.iter().any(|b| self.hosts[*b].name == *node);
            let left = |at, host| {
                unsettled.iter().any(|(t, pid, node)| *t >= at && *pid == from && is_there(node))
                    || overtaken.iter().any(|(t, pid, h)| *t >= at && *pid == to && (*h == host || there.contains(h)))
            };
            if !since.iter().any(|(at, host)| lost(*at, *host) || left(*at, *host)) {
                self.violation(format!("{what} of {from} for {to}, sent at {since:?} (time, host), has not come"));
            }
        }
    }
    fn check_empty(&self) {
        for i in 0..self.hosts.len() {
            let open = self.network.open(i);
            if open > 0 {
                self.violation(format!("host {i} has {open} connections when all have left"));
            }
        }
        for (name, online) in &self.network.former_nodes() {
            for left in online.leftovers() {
                self.violation(format!("{name} has left and still has {left}"));
            }
        }
    }
}

impl Online {
    /// What is waited for here.
    pub(super) fn waiting_for(&self) -> Vec<String> {
        let table = self.table();
        let mut all: Vec<String> = table.waiting.keys().map(|n| format!("signals that wait for {n}")).collect();
        all.extend(table.wanted.iter().map(|n| format!("a wish to be connected with {n}")));
        for link in table.links.values() {
            all.extend(link.lock().waiting_for().into_iter().map(|what| format!("{what} of {}", link.address)));
        }
        all.extend(self.unsettled_moves());
        all.extend(self.global.lock().unwrap_or_else(|e| e.into_inner()).iter().flat_map(|g| g.waiting_for()));
        all.sort();
        all
    }
    /// Whether it will do nothing by itself, but for telling others now and then which nodes it knows.
    fn is_still(&self) -> bool {
        let nobody_is_dialled = self.control.lock().unwrap_or_else(|e| e.into_inner()).is_still();
        let timeouts = [self.next_timeout_of_names(), self.next_timeout_of_moves()];
        nobody_is_dialled && timeouts.iter().all(Option::is_none)
    }
    /// What is left when it is no node any more.
    fn leftovers(&self) -> Vec<String> {
        let mut all = self.waiting_for();
        let table = self.table();
        for (what, n) in [
            ("connections", table.links.len()),
            ("nodes", table.by_name.len()),
            ("runtimes", table.by_runtime.len()),
            ("peers", self.control.lock().unwrap_or_else(|e| e.into_inner()).peers()),
        ] {
            if n > 0 {
                all.push(format!("{n} {what}"));
            }
        }
        all
    }
}
