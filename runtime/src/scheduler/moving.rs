//! Processes that move away, and that come: the scheduler's part.
//!
//! Journey: a stopped process -> **held -> gone**, and **made -> entered -> running**. When which of it happens is decided in
//! migration/ and carried out by the node (node/transport/moves.rs, departure.rs, arrival.rs, handover.rs). What a small process is is
//! bytes before it is held. A large one is made bytes while they are sent: it stands still, and is out of its slot, until it goes on
//! or is gone.
//!
//! Always: of a process that moves, what comes waits in its inbox until it goes on here or what came follows it. A process
//! that has moved is in the table of guests, also where it was born, so that all that is sent to it goes through the node.

use super::Scheduler;
use super::slice::Outcome;
use crate::codec::ModuleSource;
use crate::migration::frozen::Fault;
use crate::node::later::{Later, Pieces};
use crate::node::name::NodeName;
use crate::node::signal::Contents;
use crate::node::ties::Tie;
use crate::process::Process;
use crate::process::context::context;
use crate::process::frozen::{Standing, Thawed, WHOLE, Written};
use crate::process::inbox::Delivered;
use crate::process::order;
use crate::process::signal::{Name, Signal, Wake};
use crate::process::slot::Slot;
use crate::sync::{Mutex, MutexGuard};
use rlua_machine::value::Pid;
use rlua_machine::vm::load::Module;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A process that is about to move, as bytes.
pub struct Parcel {
    /// Where to.
    pub node: NodeName,
    /// How often it will have moved then.
    pub epoch: u64,
    /// It, without its code.
    pub frozen: Contents<Pid>,
    /// What the other node may ask for.
    pub modules: Vec<Arc<Module>>,
}

/// A process that stands still while it is sent. Whoever takes it ends that.
pub(super) struct Sending(Mutex<Option<Standing<Box<Process>>>>);

impl Sending {
    fn lock(&self) -> MutexGuard<'_, Option<Standing<Box<Process>>>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}
impl Pieces for Sending {
    fn next(&self, out: &mut Vec<u8>, about: usize) -> bool {
        let mut standing = self.lock();
        let Some(standing) = &mut *standing else { return false };
        // A bug of ours makes the other node refuse what it gets, and ends nothing here.
        std::panic::catch_unwind(AssertUnwindSafe(|| standing.next(out, about))).unwrap_or(false)
    }
}

/// Large processes that move.
#[derive(Default)]
pub(super) struct AllSending(Mutex<HashMap<Pid, Arc<Sending>>>);

impl AllSending {
    fn lock(&self) -> MutexGuard<'_, HashMap<Pid, Arc<Sending>>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
    fn insert(&self, pid: Pid, standing: Standing<Box<Process>>) -> Arc<Sending> {
        let sending = Arc::new(Sending(Mutex::new(Some(standing))));
        self.lock().insert(pid, sending.clone());
        sending
    }
    /// It is sent no more, wherever that has come to.
    fn take(&self, pid: Pid) -> Option<Box<Process>> {
        let sending = self.lock().remove(&pid)?;
        let standing = sending.lock().take();
        standing.map(Standing::into_process)
    }
    /// At the end of the program.
    pub fn clear(&self) {
        let all = std::mem::take(&mut *self.lock());
        all.values().for_each(|sending| drop(sending.lock().take()));
    }
}

/// What is left here of a process that has moved.
pub struct Departed {
    /// What has come for it since it stopped.
    pub signals: Vec<Signal>,
    /// How it is tied to which others.
    pub ties: Vec<(Pid, Tie)>,
    /// Its names.
    pub names: Vec<Name>,
    /// How often it has moved now.
    pub epoch: u64,
    /// Who is to be woken.
    pub wakes: Option<(Pid, Signal)>,
}

/// Whether a signal is of this runtime alone, and a process that leaves gets another where it goes if it has to.
pub(super) fn is_of_here(signal: &Signal) -> bool {
    matches!(signal, Signal::Timeout { .. } | Signal::OverLimit | Signal::Arrived { .. } | Signal::Trace { .. })
}

impl Scheduler {
    /// The slot of a process that is here.
    pub(crate) fn slot(&self, pid: Pid) -> Option<Arc<Slot>> {
        let own = if pid.runtime() == self.runtime { self.table.find(pid) } else { None };
        own.or_else(|| self.table.guest(pid))
    }
    /// Whether a process is here, as far as is known: one that was born here may have ended.
    pub(crate) fn holds(&self, pid: Pid) -> bool {
        self.node.moved_to(pid).unwrap_or(pid.runtime()) == self.runtime
    }
    /// Gives a process a message of another, wherever it is: whoever sends that on is told who has sent it.
    pub(crate) fn send_on(self: &Arc<Self>, from: Pid, to: Pid, message: Signal) -> bool {
        let Some(online) = self.node.online().filter(|online| online.has_moved(to)) else {
            return self.route(to, message);
        };
        self.tell_history(|h, at| h.sent(at, to, &message, self.natives));
        online.send_on(from, to, message).unwrap_or_else(|message| self.route(to, message))
    }
    /// Whether a process of this runtime has moved, or one of another may be anywhere.
    pub(crate) fn may_be_elsewhere(&self, pid: Pid) -> bool {
        self.node.moved_to(pid).is_some() || pid.runtime() != self.runtime && self.table.guest(pid).is_none()
    }
    /// Sends a process off that wants to move; it goes on if that cannot be done.
    pub(super) fn set_off(self: &Arc<Self>, slot: Arc<Slot>, mut process: Box<Process>, node: NodeName) {
        let pid = slot.pid;
        let epoch = context(&mut process.vm).epoch() + 1;
        self.takes_long(process.vm.heap.bytes());
        // A bug of ours ends the process, not the node.
        let (record, modules) =
            match std::panic::catch_unwind(AssertUnwindSafe(|| process.beside_machine_to_move(epoch))) {
                Ok(Ok(beside)) => beside,
                Ok(Err(why)) => return self.cannot_leave(slot, process, &why),
                Err(thrown) => return self.slice_thrown(Some(slot), process, thrown),
            };
        let mut standing = Standing::new(process);
        let written = std::panic::catch_unwind(AssertUnwindSafe(|| standing.begin(record, None, WHOLE)));
        let mut s = slot.lock();
        s.inbox.begin_move();
        let frozen = match written {
            Ok(Ok(Written::Whole(bytes))) => {
                s.process = Some(standing.into_process());
                Contents::new(bytes)
            }
            Ok(Ok(Written::Long(len))) => {
                Contents::made_later(Later { len, pieces: self.sending.insert(pid, standing) })
            }
            Ok(Err(why)) => {
                drop(s);
                return self.cannot_leave(slot, standing.into_process(), why.to_string().as_bytes());
            }
            Err(thrown) => {
                drop(s);
                return self.slice_thrown(Some(slot), standing.into_process(), thrown);
            }
        };
        drop(s);
        self.send_off(pid, Parcel { node, epoch, frozen, modules });
    }
    /// It goes on, since it cannot be written down.
    fn cannot_leave(self: &Arc<Self>, slot: Arc<Slot>, process: Box<Process>, why: &[u8]) {
        let pid = slot.pid;
        let why = [b"cannot migrate ", pid.to_string().as_bytes(), b": ", why].concat();
        let mut s = slot.lock();
        s.process = Some(process);
        s.inbox.begin_move();
        drop(s);
        self.stays(pid, why);
    }
    /// Moves a process that another wants to move, if it is time. None: it goes on.
    pub(super) fn move_as_ordered(self: &Arc<Self>, p: &mut Process, may_run: bool) -> Option<Outcome> {
        if !context(&mut p.vm).is_ordered() {
            return None;
        }
        if p.is_busy() {
            if !may_run {
                context(&mut p.vm).refuse_order(order::NOT_BORN.to_string());
            }
            return None;
        }
        // May take long, and what ends it come meanwhile.
        rlua_machine::stdlib::io::flush_printed(&mut p.vm);
        let cx = context(&mut p.vm);
        if !cx.is_at_rest() {
            return None;
        }
        if cx.ending.is_some() {
            cx.refuse_order(order::IS_ENDING.to_string());
            return None;
        }
        Some(Outcome::Moving(cx.core.order.as_ref()?.node.clone()))
    }
    /// Whether a process could move, or what holds it.
    pub(super) fn hindrance(&self, p: &mut Process) -> Result<(), Vec<u8>> {
        let busy = p.is_busy();
        let cx = context(&mut p.vm);
        let who = cx.pid().to_string();
        let why = if let Some(why) = cx.hindrance() {
            why
        } else if busy && !self.gate_is_open() {
            order::NOT_BORN
        } else if busy {
            // It moves when that is done.
            return Ok(());
        } else {
            return p.check_outside().map_err(|why| [b"cannot migrate ", who.as_bytes(), b": ", &why].concat());
        };
        Err(format!("cannot migrate {who}: {why}").into_bytes())
    }
    /// Sends the parcel of a process that was stopped; it goes on if that cannot be done.
    fn send_off(self: &Arc<Self>, pid: Pid, parcel: Parcel) {
        let begun = match self.node.online() {
            Some(online) => online.begin_move(pid, parcel),
            None => Err("this runtime is not a node".to_string()),
        };
        if let Err(why) = begun {
            self.goes_on(pid, why);
        }
    }
    /// A process that was to move goes on here.
    pub(crate) fn goes_on(self: &Arc<Self>, pid: Pid, why: String) {
        self.stays(pid, why.into_bytes());
    }
    fn stays(self: &Arc<Self>, pid: Pid, why: Vec<u8>) {
        let Some(slot) = self.slot(pid) else { return };
        let stood = self.sending.take(pid);
        let mut s = slot.lock();
        s.process = stood.or_else(|| s.process.take());
        if !s.inbox.end_move() {
            return;
        }
        if let Some(p) = &mut s.process {
            let cx = context(&mut p.vm);
            match cx.core.order.take() {
                // It tells by itself: here a lock may be held.
                Some(order) => cx.urgent.push(order.refused(String::from_utf8_lossy(&why).into_owned())),
                None => {
                    cx.set_refused(Some(why));
                    p.waiting = None;
                    p.vm.continue_request(crate::concurrent::MIGRATE_REFUSED);
                }
            }
        }
        drop(s);
        self.enqueue(slot);
    }
    /// A process leaves for good: it is nobody's here any more. Err: it has to stay, because of what has come for it.
    pub(crate) fn departs(self: &Arc<Self>, pid: Pid) -> Result<Departed, String> {
        let Some(slot) = self.slot(pid) else { return Err("it is not here".to_string()) };
        let mut s = slot.lock();
        let Some(signals) = s.inbox.waiting_to_follow() else { return Err("it does not move".to_string()) };
        let follows = |s: &Signal| is_of_here(s) || crate::node::translate::carry(s).is_some();
        if !signals.iter().all(follows) {
            return Err("it was given a name, or asked for something, meanwhile".to_string());
        }
        let signals = s.inbox.leave();
        let freed = s.inbox.account.close();
        let process = s.process.take();
        drop(s);
        let process = process.or_else(|| self.sending.take(pid));
        let Some(mut process) = process else { return Err("it is not here".to_string()) };
        if !self.table.remove_guest(pid) {
            self.table.remove(pid);
        }
        if let Some(freed) = freed {
            self.memory.note(&slot, freed);
        }
        let cx = context(&mut process.vm);
        cx.end_wait();
        let mut ties = cx.core.ties();
        ties.extend(cx.asked().map(|(id, whom)| (whom, Tie::Asked(id))));
        let (names, epoch) = (cx.core.names(), cx.epoch() + 1);
        // Its finalizers are the other's to run.
        drop(process);
        let was_last = self.live.fetch_sub(1, Ordering::AcqRel) == 1;
        let wakes = self.root().filter(|_| was_last).map(|root| (root, Signal::Wake(Wake::Loop)));
        let signals = signals.into_iter().filter(|s| !is_of_here(s)).collect();
        Ok(Departed { signals, ties, names, epoch, wakes })
    }
    /// The process of a parcel, of which nothing is believed, and which is of no use afterwards unless a module is unknown. It
    /// does not run.
    pub(crate) fn unpack(self: &Arc<Self>, frozen: &mut [u8], modules: &dyn ModuleSource) -> Result<Thawed, Fault> {
        let room = self.config.max_memory.saturating_sub(self.memory_in_use());
        if frozen.len() > room {
            return Err(Fault::NoRoom);
        }
        self.takes_long(frozen.len());
        let host = self.surroundings();
        let mut thawed = Process::thaw_spent(frozen, modules, self, host)?;
        let vm = &mut thawed.process.vm;
        match vm.heap.bytes() + context(vm).mailbox.bytes() > room {
            true => Err(Fault::NoRoom),
            false => Ok(thawed),
        }
    }
    /// Enters a process that has come; it does not run yet, and what comes for it waits. What it is tied to.
    pub(crate) fn arrives(self: &Arc<Self>, mut thawed: Thawed) -> Vec<(Pid, Tie)> {
        let cx = context(&mut thawed.process.vm);
        let limits = cx.limits();
        for name in &thawed.names {
            cx.core.add_name(name.clone());
        }
        let mut ties = cx.core.ties();
        ties.extend(cx.asked().map(|(id, whom)| (whom, Tie::Asked(id))));
        self.live.fetch_add(1, Ordering::AcqRel);
        let mut s = thawed.slot.lock();
        s.inbox.begin_move();
        s.inbox.set_limits(limits);
        drop(s);
        self.table.insert_guest(thawed.slot.clone());
        context(&mut thawed.process.vm).wait_on(thawed.wait_until);
        thawed.slot.lock().process = Some(thawed.process);
        ties
    }
    /// A process that has come runs from now on.
    pub(crate) fn starts(self: &Arc<Self>, pid: Pid) {
        let Some(slot) = self.table.guest(pid) else { return };
        let mut s = slot.lock();
        let moving = s.inbox.end_move();
        let tells = s.process.as_mut().is_some_and(|p| !context(&mut p.vm).urgent.is_empty());
        drop(s);
        if moving {
            if self.gate.is_open() || tells {
                self.enqueue(slot);
            } else {
                self.hold(slot);
            }
        }
    }
    /// Gives a process here a signal, whatever the node thinks of where it is; Err: it is not here.
    pub(crate) fn deliver_here(self: &Arc<Self>, to: Pid, signal: Signal) -> Result<(), Signal> {
        let Some(slot) = self.slot(to) else { return Err(signal) };
        match slot.deliver(signal) {
            (Delivered::Refused(signal), _) => Err(signal),
            (delivered, grown) => {
                self.see_to_delivered(slot, matches!(delivered, Delivered::Wake), grown);
                Ok(())
            }
        }
    }
    /// A process that had moved has ended here.
    pub(super) fn guest_ended(&self, pid: Pid) {
        if let Some(online) = self.node.online() {
            online.process_ended(pid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::context::Wait;
    use crate::scheduler::Config;
    use rlua_machine::stdlib::{self, host};
    use rlua_machine::value::Value;
    use rlua_machine::vm::LoadMode;
    use rlua_machine::vm::load::Literals;

    /// A process in the middle of a program.
    fn process_of(scheduler: &Arc<Scheduler>, program: &[u8], reductions: i64) -> (Arc<Slot>, Box<Process>) {
        let (slot, cx) = scheduler.new_process(None);
        let mut host = host::with(stdlib::io::Files::new(None));
        host.outside = Some(Arc::new(crate::scheduler::Handle(scheduler.clone())));
        let mut p = Process::new(Some(host), cx, None);
        stdlib::open(&mut p.vm, false, &crate::concurrent::MODULES);
        let globals = Value::table(p.vm.globals());
        let f = p.vm.load(program, b"=program", LoadMode::Text, Literals::Atoms, globals).expect("it is a program");
        p.vm.start(f, &[]);
        p.vm.run(reductions);
        (slot, p)
    }

    /// The time of a wait that is over while the process is ready to run, and is not here yet, ends that wait when it is.
    #[test]
    fn a_wait_that_is_over_on_the_way_ends() {
        let with = |seed| Config { seed: Some(seed), ..Config::default() };
        let [there, scheduler] = [1, 2].map(|seed| Scheduler::new(with(seed), crate::concurrent::find_native));
        for (left, passes) in [(1000, 2_000), (0, 0), (1_000_000_000, 2_000)] {
            let (slot, mut p) = process_of(&there, b"while true do end", 100);
            let cx = context(&mut p.vm);
            let until = cx.now() + left;
            assert!(!cx.wait_until(Wait::Message, Some(until)));
            let mut bytes = p.freeze().expect("it can be written down");
            context(&mut p.vm).end_wait();
            let thawed = scheduler.unpack(&mut bytes, &crate::codec::NoModules).expect("it is sound");
            scheduler.clock.jump(scheduler.clock.now() + passes);
            scheduler.look_at_timers();
            scheduler.arrives(thawed);
            // What is due by now is told now, and waits with all that comes until the process may run.
            scheduler.look_at_timers();
            let here = scheduler.slot(slot.pid).expect("it is here");
            let is_due = left <= passes;
            let told = |s: &[Signal]| s.iter().filter(|s| matches!(s, Signal::Timeout { .. })).count();
            assert_eq!(told(here.lock().inbox.waiting_to_follow().expect("it does not run yet")), usize::from(is_due));
            scheduler.clock.jump(scheduler.clock.now() + left);
            scheduler.look_at_timers();
            assert_eq!(told(here.lock().inbox.waiting_to_follow().expect("it does not run yet")), 1);
        }
        scheduler.close();
    }
    /// A process that is taken back while it is sent is as it was, and no more of it is sent.
    #[test]
    fn who_is_taken_back_is_sent_no_more() {
        let scheduler = Scheduler::new(Config::default(), crate::concurrent::find_native);
        let program = b"t = {} for i = 1, 200000 do t[i] = { 'item ' .. i } end while true do end";
        let (slot, mut p) = process_of(&scheduler, program, 10_000_000);
        let before = p.freeze().expect("it can be written down");
        for pieces in [0, 1, 7] {
            let (record, modules) = p.beside_machine().expect("it can be written down");
            let mut standing = Standing::new(p);
            let Ok(Written::Long(len)) = standing.begin(record, Some(&modules), WHOLE) else { panic!("it is large") };
            assert!(len as usize > WHOLE);
            let sending = scheduler.sending.insert(slot.pid, standing);
            let mut sent = Vec::new();
            for _ in 0..pieces {
                assert!(sending.next(&mut sent, 100_000));
            }
            p = scheduler.sending.take(slot.pid).expect("it is being sent");
            assert!(!sending.next(&mut sent, 100_000) && scheduler.sending.take(slot.pid).is_none());
            // But for the time.
            let machine = |bytes: &[u8]| bytes[bytes.len() - 4_000_000..].to_vec();
            assert!(machine(&p.freeze().expect("it can be written down")) == machine(&before));
        }
        context(&mut p.vm).end_wait();
    }
}
