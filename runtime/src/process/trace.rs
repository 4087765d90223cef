//! What happens to a process, told as it happens: messages, signals, spawns, its end.
//!
//! Journey: signal: core -> **record** -> line, or message to who traces. A process that nobody traces pays nothing for it on the way
//! of a message: one that is traced has a mark among the limits of its inbox, so that no message comes the quick way, and believes that
//! no process is of its own runtime, so that it sends none the quick way.
//!
//! Always: a record is of bounded length. Who traces has so many of them waiting at most; what came on top is dropped and counted, and
//! the next record says how many.

use super::context::Context;
use super::signal::Signal;
use crate::codec::Message;
use rlua_machine::value::{Pid, Runtime};

/// Bytes of a value in a record.
const VALUE: usize = 200;
/// Messages that may wait for who traces.
const WAITING: usize = 10_000;
/// What the records that go to processes begin with.
const RECORD: &str = "{trace=";

/// How a process is traced.
#[derive(Clone, Copy, Default, Debug)]
pub struct Tracing {
    /// Lines on standard error.
    pub lines: bool,
    /// A process that is told.
    pub tracer: Option<Pid>,
    /// Records that it has not been told.
    pub dropped: u64,
}

/// The runtime of no process.
const NOWHERE: Runtime = Pid::from_bits(u64::MAX).runtime();

impl Context {
    /// Whether it is traced.
    #[inline(always)]
    pub fn is_traced(&self) -> bool {
        self.sends_to == NOWHERE
    }
    /// From now on it is traced so.
    pub fn set_tracing(&mut self, tracing: Tracing) {
        let is_on = tracing.lines || tracing.tracer.is_some();
        if !is_on && !self.is_traced() {
            return;
        }
        self.sends_to = if is_on { NOWHERE } else { self.scheduler.runtime };
        self.keep_tracing(tracing);
        self.slot.lock().inbox.set_traced(is_on);
    }
    /// What a native or a signal of this process has done.
    pub fn trace(&mut self, what: &str, other: Option<Pid>, value: Option<&Message>) {
        if self.is_traced() {
            let value = value.map(|m| m.brief(VALUE));
            self.record(what, other, &value.unwrap_or_default());
        }
    }
    /// What signals do that are about to be handled.
    #[cold]
    pub fn trace_arrivals(&mut self, signals: &[Signal]) {
        for signal in signals {
            match signal {
                Signal::Message(m) => {
                    let text = m.brief(VALUE);
                    // Two that trace each other would never be done.
                    if !text.starts_with(RECORD) {
                        self.record("received", None, &text);
                    }
                }
                signal => {
                    if let Some((what, from, value)) = shown(signal) {
                        self.record(&format!("was told: {what}"), from, &value);
                    }
                }
            }
        }
    }
    /// A signal for another process.
    #[cold]
    pub fn trace_signal(&mut self, to: Pid, signal: &Signal) {
        if let Some((what, _, value)) = shown(signal) {
            self.record(&format!("tells: {what}"), Some(to), &value);
        }
    }
    fn record(&mut self, what: &str, other: Option<Pid>, value: &str) {
        let mut tracing = self.tracing();
        let (time, own) = (self.scheduler.clock.since_1970(), self.pid());
        if tracing.lines {
            let (seconds, micros) = (time.as_secs(), time.subsec_micros());
            let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
            let other = other.map_or(String::new(), |pid| format!(" {pid}"));
            let between = if value.is_empty() { "" } else { " " };
            report!("{hours:02}:{minutes:02}:{:02}.{micros:06} {own} {what}{other}{between}{value}", seconds % 60);
        }
        let Some(tracer) = tracing.tracer else { return };
        let waiting = self.scheduler.slot(tracer).map(|slot| slot.messages());
        match waiting {
            // Who wanted to know has gone.
            None => {
                tracing.tracer = None;
                return self.set_tracing(tracing);
            }
            Some(n) if n >= WAITING => tracing.dropped += 1,
            Some(_) => {
                let (time, own) = (time.as_micros().to_string(), own.to_string());
                let (other, dropped) =
                    (other.map_or(String::new(), |pid| pid.to_string()), tracing.dropped.to_string());
                let record = Message::record(&[
                    (b"trace", what.as_bytes()),
                    (b"time", time.as_bytes()),
                    (b"pid", own.as_bytes()),
                    (b"other", other.as_bytes()),
                    (b"value", value.as_bytes()),
                    (b"dropped", dropped.as_bytes()),
                ]);
                tracing.dropped = 0;
                self.scheduler.route(tracer, Signal::Message(record));
            }
        }
        self.keep_tracing(tracing);
    }
}

/// A signal as records show it, with who sent it; none: it is no matter of processes.
fn shown(signal: &Signal) -> Option<(&'static str, Option<Pid>, String)> {
    Some(match signal {
        Signal::Exit { from, reason, normal: false } => ("exit", Some(*from), reason.brief(VALUE)),
        Signal::Exit { from, normal: true, .. } => ("normal exit", Some(*from), String::new()),
        Signal::Link { from } => ("link", Some(*from), String::new()),
        Signal::Unlink { from, .. } => ("unlink", Some(*from), String::new()),
        Signal::Monitor { from, .. } => ("monitor", Some(*from), String::new()),
        Signal::Demonitor { from, .. } => ("demonitor", Some(*from), String::new()),
        Signal::Down { from, reason, .. } => ("down", Some(*from), reason.brief(VALUE)),
        Signal::Kill { reason, .. } => ("kill", None, reason.brief(VALUE)),
        Signal::Interrupt => ("interrupt", None, String::new()),
        _ => return None,
    })
}
