//! Figures of all processes at a look, and those of them that take most.
//!
//! Journey: process -> **figures** -> table. What the owners of processes have published is read, in pieces; no process is woken,
//! asked or kept from running for it. Only of the few that are reported is looked, under their slots' locks, where they are.
//! (The reader might expect questions, as `processinfo` asks: with 10,000 processes that would be 10,000 wakes.)
//!
//! Always: how much each has done since the last survey follows from a text that the last one has returned, so nothing is kept
//! between two.

use super::Scheduler;
use crate::codec::brief_value;
use crate::codec::wire::{Reader, Write};
use crate::process::context::{Context, context};
use crate::process::core::Time;
use crate::process::signal::Status;
use crate::process::slot::{CROWD, Instead, Slot};
use crate::process::waits::Waiting;
use rlua_machine::value::Pid;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Guests that are looked at in one go.
const PIECE: usize = 1024;
/// First byte of the text that a survey leaves for the next.
const VERSION: u8 = 2;

/// By what processes are chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Reductions since the last survey.
    Reductions,
    /// Bytes of heap and mailbox.
    Memory,
    /// Messages that wait.
    Mailbox,
    /// Age.
    Age,
    /// Age, of those of whom it is known for which processes they wait.
    Waits,
    /// Messages that have come since the last survey.
    Messages,
}

impl Order {
    /// The order of a word, as programs have it.
    pub fn of(word: &[u8]) -> Option<Order> {
        Some(match word {
            b"reductions" => Order::Reductions,
            b"memory" => Order::Memory,
            b"mailbox" => Order::Mailbox,
            b"age" => Order::Age,
            b"waits" => Order::Waits,
            b"messages" => Order::Messages,
            _ => return None,
        })
    }
}

/// A process at a moment.
pub struct Figures {
    /// The process.
    pub slot: Arc<Slot>,
    /// What it is doing.
    pub status: Status,
    /// Messages that wait.
    pub messages: u64,
    /// Bytes of heap and mailbox.
    pub bytes: u64,
    /// Reductions so far.
    pub reductions: u64,
    /// Those since the last survey.
    pub recent: u64,
    /// Messages that have come so far; none: it runs, and only itself knows.
    pub arrived: Option<u64>,
    /// Those since the last survey. Of one that runs they count at the next at which it does not.
    pub came: u64,
}

/// What can be seen of a process without asking it.
#[derive(Default)]
pub struct Glimpse {
    /// Its first name.
    pub name: Option<Arc<[u8]>>,
    /// `source:line` where it is; empty: it runs, or has not begun.
    pub place: Vec<u8>,
    /// The function there.
    pub function: Vec<u8>,
    /// What the oldest messages begin with.
    pub heads: Vec<String>,
    /// What it waits for.
    pub waits: Waiting,
    /// Linked processes, by age, if that was asked for.
    pub links: Vec<Pid>,
    /// Processes that it monitors, by age, likewise.
    pub monitors: Vec<Pid>,
    /// The functions that it is in, the innermost first, and their variables, likewise.
    pub frames: Vec<FrameSeen>,
    /// Who fills its mailbox, if it does not keep up, and which part of that, in percent.
    pub senders: Vec<(Pid, u64)>,
}

/// A function that a process is in.
#[derive(Default)]
pub struct FrameSeen {
    /// `source:line`.
    pub place: Vec<u8>,
    /// The function.
    pub function: Vec<u8>,
    /// Local variables, and what they hold in a few words.
    pub variables: Vec<(Vec<u8>, String)>,
}

impl Figures {
    /// Of one process; all its reductions count as recent. None: it has ended.
    pub fn of(slot: Arc<Slot>) -> Option<Figures> {
        let mut s = slot.lock();
        let status = super::status(s.inbox.state())?;
        let waiting = s.inbox.messages() as u64;
        let bytes = s.inbox.bytes() as u64 + slot.published.bytes.load(Relaxed) as u64;
        let taken = s.process.as_mut().map(|p| context(&mut p.vm).mailbox.next_number());
        let taken = taken.or_else(|| match &s.instead {
            Instead::Context(cx) => Some(cx.mailbox.next_number()),
            Instead::Birth(_) => Some(0),
            _ => None,
        });
        let arrived = taken.map(|taken| taken + waiting);
        drop(s);
        let messages = waiting + slot.published.messages.load(Relaxed) as u64;
        let reductions = slot.published.reductions.load(Relaxed);
        let came = arrived.unwrap_or(0);
        Some(Figures { slot, status, messages, bytes, reductions, recent: reductions, arrived, came })
    }
}

/// Figures of all processes together.
#[derive(Clone, Default, Debug)]
pub struct Totals {
    /// Processes.
    pub processes: u64,
    /// Those that wait for a worker, or for the gate.
    pub ready: u64,
    /// Those that a worker runs.
    pub running: u64,
    /// Those that wait.
    pub waiting: u64,
    /// Those in a call of the system.
    pub blocked: u64,
    /// Messages that wait.
    pub messages: u64,
    /// Bytes of heaps and mailboxes.
    pub bytes: u64,
    /// Reductions since the last survey.
    pub recent: u64,
    /// Messages that have come since then.
    pub came: u64,
    /// Nanoseconds since the last survey; none: there was none.
    pub elapsed: Option<Time>,
}

/// Reductions and messages of a process at the last survey.
type Then = (u64, u64);

/// A survey under way.
pub struct Survey {
    order: Order,
    most: usize,
    filter: Vec<u8>,
    /// What the last survey has left, and how far it is read.
    last: Vec<u8>,
    at: usize,
    /// The process that is next in it, and its reductions and messages then.
    known: Option<(u64, Then)>,
    last_guests: Option<HashMap<u64, Then>>,
    /// The serial number to go on with; none: the guests are next.
    from: Option<u64>,
    guests: Option<Vec<Pid>>,
    top: BinaryHeap<Reverse<Ranked>>,
    totals: Totals,
    seen: u64,
    last_serial: u64,
    left: Vec<u8>,
    left_guests: Vec<u8>,
}

/// A process by what it is chosen by; of two alike the older one.
struct Ranked {
    key: u64,
    age: Reverse<u64>,
    figures: Figures,
}
impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        (self.key, self.age) == (other.key, other.age)
    }
}
impl Eq for Ranked {}
impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.key, self.age).cmp(&(other.key, other.age))
    }
}

impl Survey {
    /// A survey that is to report the first `most` processes by an order, of those whose pid, name or place contains `filter`.
    /// `last` is what the last one has left; anything else counts as nothing.
    pub fn new(order: Order, most: usize, filter: &[u8], last: &[u8], now: Time) -> Survey {
        let mut reader = Reader::new(last);
        let then = (reader.byte() == Ok(VERSION)).then(|| reader.number().ok()).flatten();
        let mut left = vec![VERSION];
        left.number(now);
        let mut survey = Survey {
            order,
            most,
            filter: filter.to_vec(),
            last: if then.is_some() { last.to_vec() } else { Vec::new() },
            at: reader.position(),
            known: Some((0, (0, 0))),
            last_guests: None,
            from: Some(0),
            guests: None,
            top: BinaryHeap::new(),
            totals: Totals { elapsed: then.map(|then| now.saturating_sub(then)), ..Totals::default() },
            seen: 0,
            last_serial: 0,
            left,
            left_guests: Vec::new(),
        };
        survey.next_known();
        survey
    }
    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.last.len() + self.left.capacity() + self.left_guests.capacity()
    }
    /// The next process of the last survey: serial numbers are written as differences, 0 ends them.
    fn next_known(&mut self) {
        let Some((serial, _)) = self.known.take() else { return };
        let mut reader = Reader::new(&self.last);
        reader.skip(self.at);
        let next = (reader.number(), reader.number(), reader.number());
        if let (Ok(by @ 1..), Ok(reductions), Ok(arrived)) = next {
            self.known = Some((serial.saturating_add(by), (reductions, arrived)));
            self.at = reader.position();
        }
    }
    /// What a process had done at the last survey, which has that in the order of serial numbers.
    fn then(&mut self, serial: u64) -> Then {
        while let Some((known, then)) = self.known {
            if known >= serial {
                return if known == serial { then } else { (0, 0) };
            }
            self.next_known();
        }
        (0, 0)
    }
    /// The same of a process that was born elsewhere: behind the 0 come bits, reductions, messages.
    fn guest_then(&mut self, pid: Pid) -> Then {
        while self.known.is_some() && self.last_guests.is_none() {
            self.next_known();
        }
        let (last, at) = (&self.last, self.at);
        let all = self.last_guests.get_or_insert_with(|| {
            let mut reader = Reader::new(last);
            reader.skip(at);
            let mut all = HashMap::new();
            if reader.number() == Ok(0) {
                while let (Ok(bits), Ok(reductions), Ok(arrived)) = (reader.number(), reader.number(), reader.number())
                {
                    all.insert(bits, (reductions, arrived));
                }
            }
            all
        });
        all.get(&pid.bits()).copied().unwrap_or_default()
    }
    /// Looks at a piece of the processes: how many; none: all have been looked at.
    pub fn step(&mut self, scheduler: &Scheduler) -> Option<usize> {
        if let Some(from) = self.from {
            let block = scheduler.table.next_slots(from);
            self.from = block.as_ref().map(|(_, next)| *next);
            let Some((slots, _)) = block else { return Some(0) };
            let n = slots.len();
            for slot in slots {
                self.look_at(slot, false);
            }
            return Some(n);
        }
        let mut guests = self.guests.take().unwrap_or_else(|| {
            let mut all = scheduler.table.guests();
            all.reverse();
            all
        });
        let piece = guests.split_off(guests.len().saturating_sub(PIECE));
        self.guests = Some(guests);
        if piece.is_empty() {
            return None;
        }
        for slot in piece.iter().rev().filter_map(|&pid| scheduler.table.guest(pid)) {
            self.look_at(slot, true);
        }
        Some(piece.len())
    }
    fn look_at(&mut self, slot: Arc<Slot>, is_guest: bool) {
        let Some(mut figures) = Figures::of(slot) else { return };
        let (pid, reductions) = (figures.slot.pid, figures.reductions);
        let then = if is_guest { self.guest_then(pid) } else { self.then(pid.serial()) };
        figures.recent = reductions.saturating_sub(then.0);
        let arrived = figures.arrived.unwrap_or(then.1);
        figures.came = arrived.saturating_sub(then.1);
        let left = if is_guest {
            self.left_guests.number(pid.bits());
            &mut self.left_guests
        } else {
            self.left.number(pid.serial() - self.last_serial);
            self.last_serial = pid.serial();
            &mut self.left
        };
        left.number(reductions);
        left.number(arrived);
        let Figures { status, messages, bytes, recent, came, .. } = figures;
        self.seen += 1;
        let t = &mut self.totals;
        t.processes += 1;
        t.messages += messages;
        t.bytes += bytes;
        t.recent += recent;
        t.came += came;
        match status {
            Status::Running => t.running += 1,
            Status::Waiting => t.waiting += 1,
            Status::Blocked => t.blocked += 1,
            Status::Ready | Status::Moving | Status::Unknown => t.ready += 1,
        }
        if self.most == 0 {
            return;
        }
        let key = match self.order {
            Order::Reductions => recent,
            Order::Memory => bytes,
            Order::Mailbox => messages,
            Order::Messages => came,
            Order::Age | Order::Waits => u64::MAX - self.seen,
        };
        let age = Reverse(self.seen);
        if self.top.len() == self.most
            && self.top.peek().is_some_and(|Reverse(least)| (key, age) < (least.key, least.age))
        {
            return;
        }
        if self.order == Order::Waits && !(figures.status == Status::Waiting && waits_for_somebody(&figures.slot)) {
            return;
        }
        if !self.filter.is_empty() && !fits(&figures.slot, &self.filter) {
            return;
        }
        self.top.push(Reverse(Ranked { key, age, figures }));
        if self.top.len() > self.most {
            self.top.pop();
        }
    }
    /// All together; the chosen ones, the first first; and what the next survey is to be given.
    pub fn finish(mut self) -> (Totals, Vec<Figures>, Vec<u8>) {
        self.left.byte(0);
        self.left.append(&mut self.left_guests);
        let chosen = self.top.into_sorted_vec().into_iter().map(|Reverse(r)| r.figures).collect();
        (self.totals, chosen, self.left)
    }
}

fn waits_for_somebody(slot: &Slot) -> bool {
    slot.lock().process.as_mut().is_some_and(|p| !p.waits().whom.is_empty())
}
fn fits(slot: &Slot, filter: &[u8]) -> bool {
    let contains = |text: &[u8]| text.windows(filter.len()).any(|part| part == filter);
    if contains(slot.pid.to_string().as_bytes()) {
        return true;
    }
    let g = glimpse(slot, 0, false);
    g.name.is_some_and(|name| contains(&name)) || contains(&g.place) || contains(&g.function)
}

/// What can be seen of these processes without asking them, and how many names that took.
pub fn glimpses(scheduler: &Scheduler, chosen: &[Figures], heads: usize, ties: bool) -> (Vec<Glimpse>, usize) {
    let mut glimpses: Vec<_> = chosen.iter().map(|f| glimpse(&f.slot, heads, ties)).collect();
    for (f, g) in chosen.iter().zip(&mut glimpses).filter(|(f, _)| f.messages > CROWD as u64) {
        g.senders = scheduler.lately().senders(f.slot.pid);
        g.senders.truncate(SENDERS);
    }
    // Who runs at this moment can be seen by nobody; names are known elsewhere, too.
    if chosen.iter().zip(&glimpses).all(|(_, g)| !g.place.is_empty() || g.name.is_some()) {
        return (glimpses, 0);
    }
    let mut names = HashMap::new();
    for (name, pid) in scheduler.names.all() {
        names.entry(pid).or_insert(name);
    }
    for (f, g) in chosen.iter().zip(&mut glimpses) {
        g.name = g.name.take().or_else(|| names.get(&f.slot.pid).cloned());
    }
    (glimpses, names.len())
}
/// What can be seen of a process while nobody runs it: under the slot's lock, for as long as it takes to describe a frame and
/// so many messages.
pub fn glimpse(slot: &Slot, heads: usize, ties: bool) -> Glimpse {
    let of = |cx: &Context| {
        let (links, monitors) = if ties { (cx.core.links(), cx.core.watched()) } else { Default::default() };
        let heads = cx.mailbox.all().take(heads).map(|(_, m)| m.brief(HEAD)).collect();
        Glimpse { name: cx.core.first_name(), heads, links, monitors, ..Glimpse::default() }
    };
    let mut s = slot.lock();
    if let Some(p) = &mut s.process {
        let (place, function, waits) = (p.vm.where_it_is(), p.vm.function_it_is_in(), p.waits());
        let mut frames = Vec::new();
        if ties {
            p.vm.see_frames(FRAMES, VARIABLES, |place, function, variables| {
                let shown = |(name, v): (Vec<u8>, _)| (name, brief_value(v, VARIABLE));
                frames.push(FrameSeen { place, function, variables: variables.into_iter().map(shown).collect() });
            });
        }
        return Glimpse { place, function, waits, frames, ..of(context(&mut p.vm)) };
    }
    match &s.instead {
        Instead::Context(cx) => of(cx),
        Instead::Birth(birth) if ties && birth.is_linked => Glimpse { links: vec![slot.parent], ..Glimpse::default() },
        _ => Glimpse::default(),
    }
}
/// Bytes of a message's short form, and of a variable's.
const HEAD: usize = 200;
const VARIABLE: usize = 120;
/// Frames that are shown, variables of each, and senders.
const FRAMES: usize = 16;
const VARIABLES: i32 = 24;
const SENDERS: usize = 5;

impl Scheduler {
    /// A process sends one here a message: noted if that one does not keep up. (Who sends the quick way is told how many wait.)
    pub(crate) fn crowds(&self, from: Pid, to: Pid) {
        let messages = self.table.with(to, |slot| slot.published.messages.load(Relaxed)).unwrap_or(0);
        if messages > CROWD {
            self.lately().crowds(from, to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a survey of processes with these serial numbers and reductions reports: serial numbers and what was done since the
    /// last; and what it leaves.
    fn survey(all: &[(u64, u64)], order: Order, most: usize, last: &[u8]) -> (Vec<(u64, u64)>, Vec<u8>) {
        let runtime = rlua_machine::value::Runtime::find(77).expect("there is room");
        let mut s = Survey::new(order, most, b"", last, 5);
        for &(serial, reductions) in all {
            let pid = Pid::new(runtime, serial);
            let slot = Slot::new(pid, pid, false, Instead::Nothing);
            slot.published.reductions.store(reductions, Relaxed);
            s.look_at(slot, false);
        }
        assert_eq!(s.totals.processes, all.len() as u64);
        let (totals, chosen, left) = s.finish();
        assert_eq!(totals.elapsed.is_some(), last.first() == Some(&VERSION) && last.len() > 1);
        (chosen.iter().map(|f| (f.slot.pid.serial(), f.recent)).collect(), left)
    }

    #[test]
    fn what_was_done_since_the_last_survey_decides() {
        let (chosen, left) = survey(&[(1, 10), (2, 500), (5, 20), (3000, 20)], Order::Reductions, 3, b"");
        assert_eq!(chosen, [(2, 500), (5, 20), (3000, 20)], "of two alike the older one comes first");
        // One has ended, one is new, one has done something.
        let now = [(2, 500), (5, 25), (9, 3), (3000, 20)];
        let (chosen, _) = survey(&now, Order::Reductions, 2, &left);
        assert_eq!(chosen, [(5, 5), (9, 3)]);
        let (chosen, _) = survey(&now, Order::Age, 9, &left);
        assert_eq!(chosen, [(2, 0), (5, 5), (9, 3), (3000, 0)]);
        assert_eq!(survey(&now, Order::Reductions, 0, &left).0, []);
        // What was not left by a survey, or is damaged, is no reason to fail.
        for i in 0..left.len() {
            survey(&now, Order::Reductions, 2, &left[..i]);
            let mut damaged = left.clone();
            damaged[i] ^= 0x81;
            damaged.truncate(left.len() - i % 3);
            survey(&now, Order::Reductions, 2, &damaged);
        }
    }
}
