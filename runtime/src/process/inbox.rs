//! What others may touch of a process: the queue of its signals, and whether it runs.
//!
//! Journey: signal: route -> **inbox** -> core. A pure state machine; slot.rs puts a lock round it, the scheduler does
//! what its answers ask for. (The reader might expect a channel with a waker: here the state that decides whether a
//! signal wakes the receiver and the queue itself are one thing, so that a wake can be neither lost nor doubled.)
//!
//! Always: a process is queued, being run, held, waiting, in a call of the system, ending, or dead, one of these; only
//! who moved it to `Queued` puts it in a run queue, once.

use super::account::Account;
use super::signal::Signal;
use crate::codec::Message;
use rlua_machine::value::Pid;

/// Where a process is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunState {
    /// In a run queue.
    Queued,
    /// A worker runs it.
    Running,
    /// Ready, but the gate is closed to it.
    Held,
    /// Waits for a signal, or for a message as well.
    Waiting {
        /// A message wakes it.
        messages: bool,
    },
    /// In a call of the system; its core is here for those who send it signals.
    Blocked,
    /// As `Blocked`, and in a run queue, so that its signals are handled.
    BlockedQueued,
    /// It moves to another node, or is about to run here after a move: what comes waits.
    Moving,
    /// It has ended and its links and monitors are being told.
    Telling,
    /// It has ended, and all have been told.
    Dead,
}

/// Signals for which an empty inbox keeps room at most.
const KEPT: usize = 256;
/// Bytes of a signal in a queue.
pub const SIGNAL_BYTES: usize = size_of::<Signal>();

/// The queue, the state and the limits.
// In this order, what each message touches lies together.
#[repr(C)]
#[derive(Debug)]
pub struct Inbox {
    state: RunState,
    /// Among the signals, or among those being handled, is one that may end the process.
    may_end: bool,
    /// Among the signals is one that ends it for certain: nothing that comes later is ever handled.
    killed: bool,
    /// A signal that is no message is among them.
    urgent: bool,
    /// It may run Lua although the gate is closed: its slice of a `step`.
    permit: bool,
    /// `OverLimit` was sent and not handled yet.
    warned: bool,
    /// A slice that a `step` let it have is under way.
    pub stepping: bool,
    /// Entries in run queues that are to be ignored: what they were for was seen to by others.
    stale: u32,
    /// Messages among the signals. (So many that more could not be counted take all memory there is.)
    messages: u32,
    /// Bytes of the signals.
    bytes: usize,
    signals: Signals,
    /// What the runtime's total knows of this process.
    pub account: Account,
    limits: Option<Box<Limits>>,
}

/// What deliveries are to keep.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Messages past which the process ends; 0: no limit.
    messages: usize,
    /// Bytes of heap and mailbox past which it ends; 0: no limit.
    bytes: usize,
    /// What comes is to be told (trace.rs).
    traced: bool,
}

/// Signals, oldest first. Most processes have one at a time, which lies here.
#[derive(Default, Debug)]
enum Signals {
    #[default]
    None,
    One(Signal),
    Many(Vec<Signal>),
}
const _: () = assert!(size_of::<Signals>() == size_of::<Signal>());

impl Signals {
    #[inline]
    fn is_empty(&self) -> bool {
        self.all().is_empty()
    }
    #[inline]
    fn all(&self) -> &[Signal] {
        match self {
            Signals::None => &[],
            Signals::One(signal) => std::slice::from_ref(signal),
            Signals::Many(list) => list,
        }
    }
    #[inline]
    fn push(&mut self, signal: Signal) {
        match self {
            Signals::None => *self = Signals::One(signal),
            Signals::One(_) => {
                let Signals::One(first) = std::mem::take(self) else { unreachable!("it was just seen") };
                *self = Signals::Many(vec![first, signal]);
            }
            Signals::Many(list) => list.push(signal),
        }
    }
    /// Takes all out, to the end of a list. An empty one is exchanged for them, so that both keep their room.
    fn take(&mut self, into: &mut Vec<Signal>) {
        match self {
            Signals::None => {}
            Signals::Many(list) if into.is_empty() && into.capacity() > 1 && into.capacity() <= KEPT => {
                std::mem::swap(list, into);
            }
            _ => match std::mem::take(self) {
                Signals::One(signal) => into.push(signal),
                Signals::Many(mut list) if into.is_empty() => std::mem::swap(&mut list, into),
                Signals::Many(mut list) => into.append(&mut list),
                Signals::None => {}
            },
        }
    }
    /// Takes the only one out, if it is one message, and there is no room for more.
    #[inline]
    fn take_message(&mut self) -> Option<Message> {
        if !matches!(self, Signals::One(Signal::Message(_))) {
            return None;
        }
        match std::mem::take(self) {
            Signals::One(Signal::Message(m)) => Some(m),
            _ => unreachable!("it was just seen"),
        }
    }
}

/// What is asked of who delivers a signal.
#[derive(Debug)]
pub enum Delivered {
    /// Nothing.
    Queued,
    /// To put the process in a run queue.
    Wake,
    /// It has ended: the signal comes back.
    Refused(Signal),
}

/// What comes of a message that is given the simple way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Given {
    /// Nothing: it is a matter for [`Inbox::deliver`].
    Refused,
    /// It is here.
    Queued,
    /// It is here, and the process is to be put in a run queue.
    Wake,
    /// The process is being run from now on, by who delivers the message: it comes before all that arrives later.
    Begun,
}

/// What a process holds besides its inbox, as its owner has last said (slot.rs).
#[derive(Clone, Copy, Default, Debug)]
pub struct Held {
    /// Messages of the mailbox.
    pub messages: usize,
    /// Bytes of heap and mailbox.
    pub bytes: usize,
}

impl Default for Inbox {
    fn default() -> Self {
        Inbox::new()
    }
}

impl Inbox {
    /// The inbox of a process that is about to be queued for the first time.
    pub fn new() -> Inbox {
        Inbox {
            state: RunState::Queued,
            signals: Signals::None,
            may_end: false,
            killed: false,
            urgent: false,
            permit: false,
            messages: 0,
            bytes: 0,
            limits: None,
            stepping: false,
            warned: false,
            stale: 0,
            account: Account::default(),
        }
    }
    fn limits(&self) -> Limits {
        self.limits.as_deref().copied().unwrap_or(Limits { messages: 0, bytes: 0, traced: false })
    }
    /// Sets what deliveries are to keep: messages, and bytes of heap and mailbox, past which the process ends; 0: no limit.
    pub fn set_limits(&mut self, (messages, bytes): (usize, usize)) {
        let traced = self.limits().traced;
        self.limits = (traced || messages | bytes != 0).then(|| Box::new(Limits { messages, bytes, traced }));
    }
    /// Whether all that comes is to pass through [`super::context::Context::handle`], so that it can be told.
    pub fn set_traced(&mut self, traced: bool) {
        let Limits { messages, bytes, .. } = self.limits();
        self.limits = (traced || messages | bytes != 0).then(|| Box::new(Limits { messages, bytes, traced }));
    }
    /// Where the process is in its life.
    pub fn state(&self) -> RunState {
        self.state
    }
    /// Messages among the signals that wait.
    pub fn messages(&self) -> usize {
        self.messages as usize
    }
    /// Bytes of the signals that it has not taken out yet.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
    /// Whether signals wait.
    pub fn has_signals(&self) -> bool {
        !self.signals.is_empty()
    }
    /// Whether its end may be decided already, by a signal that it has not handled: who asks whether it lives has to ask it.
    pub fn may_be_ending(&self) -> bool {
        self.may_end || self.state == RunState::Telling
    }
    /// Takes a signal; limits are looked at with what the owner holds besides.
    pub fn deliver(&mut self, signal: Signal, held: Held) -> Delivered {
        match self.state {
            RunState::Dead => return Delivered::Refused(signal),
            // Who wants an answer gets it when all have been told: not the news that there is no such process first, and
            // then its exit signal.
            RunState::Telling if !signal.wants_answer() => return Delivered::Refused(signal),
            _ if self.killed && !signal.wants_answer() => return Delivered::Refused(signal),
            _ => {}
        }
        let is_message = signal.is_message();
        self.push(signal);
        if is_message {
            let messages = self.messages() + held.messages;
            let bytes = self.bytes + held.bytes;
            let Limits { messages: max_messages, bytes: max_bytes, traced } = self.limits();
            self.urgent |= traced;
            if max_messages > 0 && messages > max_messages {
                self.push(Signal::Kill { reason: Message::string(b"mailboxlimit"), limit: true });
            } else if max_bytes > 0 && bytes > max_bytes && !self.warned {
                self.warned = true;
                self.push(Signal::OverLimit);
            } else if self.state != (RunState::Waiting { messages: true }) {
                return Delivered::Queued;
            }
        }
        match self.state {
            RunState::Waiting { .. } | RunState::Held => self.state = RunState::Queued,
            RunState::Blocked => self.state = RunState::BlockedQueued,
            _ => return Delivered::Queued,
        }
        Delivered::Wake
    }
    /// Takes a message where that is simple: nothing is limited, nothing ends. If the process waits for one and `may_begin`
    /// says so, the message stays where it is.
    #[inline]
    pub fn deliver_message(&mut self, message: &mut Option<Message>, may_begin: bool) -> Given {
        let wakes = match self.state {
            RunState::Waiting { messages: true } => true,
            RunState::Queued | RunState::Running | RunState::Waiting { messages: false } => false,
            _ => return Given::Refused,
        };
        if self.killed || self.limits.is_some() {
            return Given::Refused;
        }
        if wakes {
            if may_begin && self.stale == 0 {
                debug_assert!(self.signals.is_empty(), "it waits for messages");
                self.state = RunState::Running;
                self.warned = false;
                return Given::Begun;
            }
            self.state = RunState::Queued;
        }
        if let Some(m) = message.take() {
            self.messages += 1;
            self.bytes += SIGNAL_BYTES + m.size();
            self.signals.push(Signal::Message(m));
        }
        if wakes { Given::Wake } else { Given::Queued }
    }
    fn push(&mut self, signal: Signal) {
        self.may_end |= signal.may_end();
        self.killed |= matches!(signal, Signal::Kill { .. });
        self.urgent |= !signal.is_message();
        self.messages += signal.is_message() as u32;
        self.bytes += SIGNAL_BYTES + signal.size();
        self.signals.push(signal);
    }
    /// Takes all signals out, oldest first, to the end of a list.
    pub fn take(&mut self, into: &mut Vec<Signal>) {
        self.signals.take(into);
        self.messages = 0;
        self.bytes = 0;
        self.urgent = false;
        self.warned = false;
    }
    /// A worker begins to run it, or to handle its signals while it is in a call of the system; whether it may run Lua
    /// although the gate is closed. None: it was queued for a reason that is gone.
    pub fn begin_slice(&mut self, into: &mut Vec<Signal>) -> Option<bool> {
        if self.stale > 0 {
            self.stale -= 1;
            return None;
        }
        match self.state {
            RunState::Queued => self.state = RunState::Running,
            RunState::BlockedQueued => {}
            _ => return None,
        }
        self.take(into);
        Some(std::mem::take(&mut self.permit))
    }
    /// As [`Inbox::begin_slice`], of a process that is queued because of one message, which is all that has come. None:
    /// nothing has changed.
    #[inline]
    pub fn begin_with_message(&mut self) -> Option<Message> {
        let is_plain = self.state == RunState::Queued && self.stale == 0 && !self.permit && !self.urgent;
        if !is_plain {
            return None;
        }
        let m = self.signals.take_message()?;
        self.state = RunState::Running;
        self.messages = 0;
        self.bytes = 0;
        self.warned = false;
        Some(m)
    }
    /// What was taken out is handled, and the process goes on.
    #[inline]
    pub fn survived(&mut self) {
        if self.signals.is_empty() {
            self.may_end = false;
        } else {
            self.may_end = self.signals.all().iter().any(Signal::may_end);
        }
    }
    /// A slice is over and the process is ready: it is to be queued.
    pub fn requeue(&mut self) {
        self.survived();
        self.state = RunState::Queued;
    }
    /// The process was ready, but may not run until the gate lets it; false: it has signals to handle, perhaps while it is
    /// in a call of the system, and is to be queued.
    pub fn hold(&mut self) -> bool {
        if self.state == RunState::BlockedQueued {
            return false;
        }
        self.survived();
        let held = !self.urgent;
        self.state = if held { RunState::Held } else { RunState::Queued };
        held
    }
    /// A slice is over and the process waits; false: something has come meanwhile, and it is to be queued.
    #[inline]
    pub fn wait(&mut self, messages: bool) -> bool {
        if matches!(self.signals, Signals::None) {
            debug_assert!(!self.urgent, "no signal is among none");
            self.may_end = false;
            self.state = RunState::Waiting { messages };
            return true;
        }
        self.wait_with_some(messages)
    }
    fn wait_with_some(&mut self, messages: bool) -> bool {
        self.survived();
        let goes_on = self.urgent || (messages && !self.signals.is_empty());
        // Who waits keeps no room.
        if matches!(&self.signals, Signals::Many(list) if list.is_empty()) {
            self.signals = Signals::None;
        }
        self.state = if goes_on { RunState::Queued } else { RunState::Waiting { messages } };
        !goes_on
    }
    /// The gate lets a held process run: for good, or for one slice. True: it is to be queued.
    pub fn let_run(&mut self, permit: bool) -> bool {
        if self.state != RunState::Held {
            return false;
        }
        self.state = RunState::Queued;
        self.permit = permit;
        true
    }
    /// It enters a call of the system; true: it has signals to handle, and is to be queued.
    pub fn block(&mut self) -> bool {
        self.state = if self.urgent { RunState::BlockedQueued } else { RunState::Blocked };
        self.urgent
    }
    /// Its signals were handled for it while it is in a call of the system; true: there are more.
    pub fn blocked_handled(&mut self) -> bool {
        self.survived();
        self.block()
    }
    /// The call of the system is over. False: the process was ended meanwhile.
    pub fn unblock(&mut self) -> bool {
        self.stale += (self.state == RunState::BlockedQueued) as u32;
        let alive = matches!(self.state, RunState::Blocked | RunState::BlockedQueued);
        if alive {
            self.state = RunState::Running;
        }
        alive
    }
    /// A slice is over, and the process moves away; or it has come, and waits for the right moment.
    pub fn begin_move(&mut self) {
        self.survived();
        self.state = RunState::Moving;
    }
    /// It goes on here, and is to be queued. False: it is not moving.
    pub fn end_move(&mut self) -> bool {
        let moving = self.state == RunState::Moving;
        if moving {
            self.state = RunState::Queued;
        }
        moving
    }
    /// Signals that have come since it stopped to move.
    pub fn waiting_to_follow(&self) -> Option<&[Signal]> {
        (self.state == RunState::Moving).then_some(self.signals.all())
    }
    /// The process has ended: from here on nobody reaches it. The signals that it will not handle.
    pub fn end(&mut self) -> Vec<Signal> {
        self.state = RunState::Telling;
        let mut left = Vec::new();
        self.take(&mut left);
        left
    }
    /// The process has ended, and there is nobody to be told. False: something has come.
    pub fn end_at_once(&mut self) -> bool {
        let is_alone = self.signals.is_empty();
        if is_alone {
            self.state = RunState::Dead;
        }
        is_alone
    }
    /// All have been told, and it is dead; questions that have come meanwhile are added to those that are answered last.
    /// Some: it is not dead yet, since something else has come, which it answers so first.
    pub fn bury(&mut self, own: Pid, questions: &mut Vec<Signal>) -> Option<Vec<(Pid, Signal)>> {
        if self.signals.is_empty() {
            self.state = RunState::Dead;
            return None;
        }
        let mut left = Vec::new();
        self.take(&mut left);
        questions.extend(left.extract_if(.., |s| matches!(s, Signal::Ask { .. })));
        if left.is_empty() {
            self.state = RunState::Dead;
            return None;
        }
        Some(left.into_iter().filter_map(|s| s.bounce(own)).collect())
    }
    /// The process has moved away: what has come for it.
    pub fn leave(&mut self) -> Vec<Signal> {
        self.state = RunState::Dead;
        let mut left = Vec::new();
        self.take(&mut left);
        left
    }
}

/// Of what a process that ends has not handled, it still handles what is left here; the questions are answered last.
pub fn take_questions(unhandled: &mut Vec<Signal>) -> Vec<Signal> {
    if unhandled.is_empty() {
        return Vec::new();
    }
    let questions = unhandled.extract_if(.., |s| matches!(s, Signal::Ask { .. })).collect();
    unhandled.retain(|s| !s.is_message() && !s.may_end());
    questions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Signal {
        Signal::Message(Message::string(b"m"))
    }
    fn link() -> Signal {
        Signal::Link { from: Pid::from_bits(9) }
    }
    fn kill() -> Signal {
        Signal::Kill { reason: Message::string(b"killed"), limit: false }
    }
    fn run(i: &mut Inbox) -> Vec<Signal> {
        let mut all = Vec::new();
        i.begin_slice(&mut all);
        all
    }

    #[test]
    fn a_signal_wakes_once() {
        let mut i = Inbox::new();
        assert!(run(&mut i).is_empty());
        assert!(i.wait(true));
        assert!(matches!(i.deliver(message(), Held::default()), Delivered::Wake));
        assert!(matches!(i.deliver(message(), Held::default()), Delivered::Queued));
        assert_eq!(run(&mut i).len(), 2);
        assert!(matches!(i.deliver(message(), Held::default()), Delivered::Queued));
        assert!(!i.wait(true), "what came during the slice is not missed");
    }
    #[test]
    fn a_sleeper_is_woken_by_signals_alone() {
        let mut i = Inbox::new();
        run(&mut i);
        assert!(i.wait(false));
        assert!(matches!(i.deliver(message(), Held::default()), Delivered::Queued));
        assert!(matches!(i.deliver(link(), Held::default()), Delivered::Wake));
        assert_eq!(run(&mut i).len(), 2);
    }
    #[test]
    fn one_message_goes_the_quick_way_and_nothing_else_does() {
        let text = || Some(Message::string(b"m"));
        let mut i = Inbox::new();
        assert!(i.begin_with_message().is_none(), "nothing has come");
        run(&mut i);
        assert!(i.wait(true));
        assert!(i.deliver_message(&mut text(), false) == Given::Wake);
        assert_eq!((i.messages(), i.bytes()), (1, SIGNAL_BYTES));
        assert!(i.begin_with_message().is_some());
        assert_eq!((i.state(), i.messages(), i.bytes()), (RunState::Running, 0, 0));
        // While it runs nobody is woken, and what came is not missed.
        assert!(i.deliver_message(&mut text(), true) == Given::Queued);
        assert!(!i.wait(true));
        // Two, or something else among them.
        assert!(i.deliver_message(&mut text(), true) == Given::Queued);
        assert!(i.begin_with_message().is_none());
        assert_eq!(run(&mut i).len(), 2);
        assert!(i.wait(true));
        assert!(matches!(i.deliver(link(), Held::default()), Delivered::Wake));
        assert!(i.begin_with_message().is_none());
        assert_eq!(run(&mut i).len(), 1);
        // A sleeper keeps it; limits and ends are looked at the long way.
        assert!(i.wait(false));
        assert!(i.deliver_message(&mut text(), true) == Given::Queued);
        i.set_limits((1, 0));
        assert!(i.deliver_message(&mut text(), true) == Given::Refused);
        i.set_limits((0, 0));
        assert!(matches!(i.deliver(kill(), Held::default()), Delivered::Wake));
        assert!(i.deliver_message(&mut text(), true) == Given::Refused);
    }
    #[test]
    fn who_sends_a_message_may_run_the_receiver_that_waits() {
        let text = || Some(Message::string(b"m"));
        let mut i = Inbox::new();
        run(&mut i);
        assert!(i.wait(true));
        let mut kept = text();
        assert!(i.deliver_message(&mut kept, true) == Given::Begun && kept.is_some());
        assert_eq!((i.state(), i.has_signals()), (RunState::Running, false));
        // What comes before it runs, and after.
        assert!(matches!(i.deliver(link(), Held::default()), Delivered::Queued));
        assert!(i.deliver_message(&mut text(), true) == Given::Queued);
        // It is queued after all.
        i.requeue();
        assert_eq!(run(&mut i).len(), 2);
        assert!(i.wait(false));
        assert!(i.deliver_message(&mut text(), true) == Given::Queued, "it sleeps");
    }
    #[test]
    fn limits_reach_a_sleeper() {
        let mut i = Inbox::new();
        i.set_limits((2, 0));
        run(&mut i);
        assert!(i.wait(false));
        assert!(matches!(i.deliver(message(), Held::default()), Delivered::Queued));
        assert!(matches!(i.deliver(message(), Held { messages: 1, bytes: 0 }), Delivered::Wake));
        assert!(i.may_be_ending());
        assert!(matches!(i.deliver(message(), Held::default()), Delivered::Refused(_)));
    }
    #[test]
    fn after_a_kill_nothing_is_taken_but_what_is_answered() {
        let mut i = Inbox::new();
        run(&mut i);
        assert!(i.wait(true));
        assert!(matches!(i.deliver(kill(), Held::default()), Delivered::Wake));
        assert!(matches!(i.deliver(message(), Held::default()), Delivered::Refused(_)));
        let ask = Signal::Ask { from: Pid::from_bits(3), id: 1, question: super::super::signal::Question::Alive };
        assert!(matches!(i.deliver(ask.clone(), Held::default()), Delivered::Queued));
        assert_eq!(run(&mut i).len(), 2);
        assert!(i.end().is_empty());
        assert!(matches!(i.deliver(ask.clone(), Held::default()), Delivered::Queued));
        assert!(matches!(i.deliver(link(), Held::default()), Delivered::Queued));
        assert!(matches!(i.deliver(message(), Held::default()), Delivered::Refused(_)));
        let (own, mut questions) = (Pid::from_bits(4), Vec::new());
        let first = i.bury(own, &mut questions);
        assert!(first.is_some_and(|answers| answers.len() == 1), "a link is answered before it is dead");
        assert!(matches!(i.deliver(ask, Held::default()), Delivered::Queued));
        assert!(i.bury(own, &mut questions).is_none());
        assert_eq!(questions.len(), 2);
        assert!(matches!(i.deliver(link(), Held::default()), Delivered::Refused(_)));
    }
    #[test]
    fn one_entry_in_a_queue_is_one_slice() {
        let mut i = Inbox::new();
        run(&mut i);
        assert!(!i.block());
        assert!(matches!(i.deliver(link(), Held::default()), Delivered::Wake));
        // The call is over before a worker has come to the entry; the slice is over before that, too.
        assert!(i.unblock());
        i.requeue();
        let mut signals = Vec::new();
        assert_eq!(i.begin_slice(&mut signals), None, "the entry of the call");
        assert_eq!(i.begin_slice(&mut signals), Some(false));
        assert_eq!(signals.len(), 1);
        signals.clear();
        assert_eq!(i.begin_slice(&mut signals), None);
    }
    #[test]
    fn the_gate_does_not_hold_a_process_in_a_call() {
        let mut i = Inbox::new();
        run(&mut i);
        assert!(!i.block());
        assert!(matches!(i.deliver(link(), Held::default()), Delivered::Wake));
        assert!(!i.hold(), "its signals are handled");
        assert_eq!(run(&mut i).len(), 1);
        assert!(!i.blocked_handled());
        assert!(i.unblock());
    }
    #[test]
    fn a_held_process_handles_signals() {
        let mut i = Inbox::new();
        run(&mut i);
        assert!(i.hold());
        assert!(matches!(i.deliver(message(), Held::default()), Delivered::Queued));
        assert!(matches!(i.deliver(link(), Held::default()), Delivered::Wake));
        run(&mut i);
        assert!(i.hold());
        assert!(i.let_run(true));
        let mut none = Vec::new();
        assert_eq!(i.begin_slice(&mut none), Some(true), "one slice of a step");
    }
}
