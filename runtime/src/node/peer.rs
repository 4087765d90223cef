//! A peer as long as one session lasts: the session, and what hangs on it.
//!
//! Journey: remote signal: route -> **session** -> transport -> **session** -> route. All that goes over a session passes
//! here, so that what hangs on it (ties.rs) is known when it is lost.
//!
//! Always: after [`Event::Lost`] nothing comes any more.

use super::Time;
use super::frame::Seal;
use super::name::NodeName;
use super::outgoing::{Made, Payer, Refused};
use super::session::{self, End, Sent, Session};
use super::signal::{Signal, sender};
use super::ties::Ties;
use crate::codec::ModuleSource;
use rlua_machine::value::{Pid, Runtime};

/// The peer of a session.
pub struct Peer {
    session: Session,
    ties: Ties,
}

/// What has happened.
#[derive(Debug)]
pub enum Event {
    /// A signal has arrived.
    Signal(Signal<Pid>),
    /// A signal that answers nothing of this session: it may be of one who has moved, and hang on another session.
    Unasked(Signal<Pid>),
    /// The node of a runtime.
    Met(Runtime, NodeName),
    /// A process that was suspended goes on.
    Resume(Pid),
    /// The session is over, and what hung on it.
    Lost(End, Box<Ties>),
}

impl Peer {
    /// At the beginning of a session.
    pub fn new(session: Session) -> Peer {
        Peer { session, ties: Ties::default() }
    }
    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }
    /// What hangs on the session.
    pub fn ties(&mut self) -> &mut Ties {
        &mut self.ties
    }
    /// Sends a signal; one that a process pays for may suspend it.
    pub fn send(
        &mut self,
        signal: Signal<Pid>,
        payer: Payer,
        node_of: &dyn Fn(Runtime) -> Option<NodeName>,
    ) -> Result<Sent, Refused> {
        if !self.session.has_ended() {
            self.ties.leaves(&signal);
        }
        self.session.send(sender(&signal), payer, signal, node_of)
    }
    /// As [`Session::receive`].
    pub fn receive(&mut self, bytes: &[u8], now: Time, modules: &dyn ModuleSource) {
        self.session.receive(bytes, now, modules);
    }
    /// The connection is lost.
    pub fn lost(&mut self, why: &str) {
        self.session.lost(why);
    }
    /// This side ends it.
    pub fn close(&mut self, why: &str) {
        self.session.close(why);
    }
    /// As [`Session::transmit`].
    pub fn transmit(&mut self, out: &mut Vec<u8>, budget: usize) {
        self.session.transmit(out, budget);
    }
    /// As [`Session::supply`].
    pub fn supply(&mut self, made: Made) {
        self.session.supply(made);
    }
    /// As [`Session::next_frame`].
    pub fn next_frame(&mut self, plain: &mut Vec<u8>) -> Option<Seal> {
        self.session.next_frame(plain)
    }
    /// Takes the signals that are the next things that have happened; and one after them that was not asked for.
    pub fn take_signals(&mut self, into: &mut Vec<Signal<Pid>>) -> Option<Signal<Pid>> {
        loop {
            let signal = self.session.poll_signal()?;
            if !self.ties.comes(&signal) {
                return Some(signal);
            }
            into.push(signal);
        }
    }
    /// As [`Session::probe`].
    pub fn probe(&mut self, now: Time) {
        self.session.probe(now);
    }
    /// When [`Peer::timeout`] is to be called.
    pub fn next_timeout(&self) -> Option<Time> {
        self.session.next_timeout()
    }
    /// Time has passed.
    pub fn timeout(&mut self, now: Time) {
        self.session.timeout(now);
    }
    /// What has happened and was not asked for yet.
    pub fn poll(&mut self) -> Option<Event> {
        Some(match self.session.poll()? {
            session::Event::Signal(s) if self.ties.comes(&s) => Event::Signal(s),
            session::Event::Signal(s) => Event::Unasked(s),
            session::Event::Met(runtime, node) => Event::Met(runtime, node),
            session::Event::Resume(pid) => Event::Resume(pid),
            session::Event::Ended(why) => Event::Lost(why, Box::new(std::mem::take(&mut self.ties))),
        })
    }
}
