//! The handshake: from a fresh connection to a session, or to a reason that helps whoever runs the node.
//!
//! Journey: remote signal: connection -> **handshake** -> session. Noise, pattern NNpsk2: two short-lived keys and the
//! cookie's. Who does not know the cookie learns nothing but that this is a node, and can neither read nor forge. The
//! initiator sends its hello first: when that opens, the responder knows that the peer has the cookie. Then the
//! responder's side decides (connections.rs) between ok, wait and a refusal.
//!
//! Always: before it has shown the cookie a peer has sent 1 KiB at most and has had 5 s at most. A handshake that has
//! failed writes nothing any more.

use super::cookie::Key;
use super::frame::{Deframer, Limits, Opener, PAYLOAD_MAX, Sealer, TAG, transport};
use super::hello::{Hello, Opening, Refusal, Reply, common_version};
use super::name::NodeName;
use super::{SECOND, Time};
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::{Cipher, Dh, Hash, Random};
use snow::{Builder, HandshakeState, StatelessTransportState};
use std::collections::VecDeque;
use std::fmt;

/// The protocol's name in Noise.
const PATTERN: &str = "Noise_NNpsk2_25519_ChaChaPoly_SHA256";
/// What both sides mix in first: label and version of all that follows.
const PROLOGUE: &[u8] = b"rlua-actor node 1";
/// Bytes of each of the two messages of the handshake: a public key and a tag.
const MESSAGE: usize = 32 + TAG;
/// Bytes that a peer may send before it has shown the cookie.
pub const STRANGER_MAX: usize = 1024;
/// How long it may take to.
pub const STRANGER_TIME: Time = 5 * SECOND;
/// How long an initiator that was told to wait waits.
pub const WAIT_TIME: Time = 15 * SECOND;

/// Why a handshake has failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// What came does not open under the cookie's key.
    Cookie,
    /// The peer has closed the connection where it had to show the cookie.
    ClosedEarly,
    /// The peer has closed the connection later.
    Closed,
    /// The peer speaks another protocol.
    Stranger,
    /// It has taken too long.
    Timeout,
    /// The peer says no.
    Refused(Refusal),
    /// This node has said no.
    Refusing(Refusal),
    /// The peer's hello cannot be read, or it has sent something where it had to wait.
    Malformed,
    /// The node that has answered is another: its name.
    OtherName(NodeName),
    /// No connection to it can be made.
    Unreachable(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Failure::Cookie => f.write_str("cookie? (it seems to have another one)"),
            Failure::ClosedEarly => f.write_str("cookie? (it has closed the connection without an answer)"),
            Failure::Closed => f.write_str("it has closed the connection"),
            Failure::Stranger => f.write_str("what answers there is no node of this program"),
            Failure::Timeout => f.write_str("no answer in time"),
            Failure::Refused(why) => write!(f, "{why}"),
            Failure::Refusing(why) => write!(f, "refused: {}", why.of_the_other()),
            Failure::Malformed => f.write_str("its hello is malformed or of a newer protocol"),
            Failure::OtherName(name) => write!(f, "the node at that address is {name}"),
            Failure::Unreachable(why) => f.write_str(why),
        }
    }
}
impl std::error::Error for Failure {}

/// What has happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// At the responder: the peer has shown the cookie, and [`Handshake::answer`] is to be called, now or later.
    Asked(Opening),
    /// At the initiator: the peer has told it to wait for the peer's own attempt.
    Waiting,
    /// The session stands: [`Handshake::finish`] is to be called once all output has been taken.
    Established,
    /// It has failed: the connection is to be closed after all output.
    Failed(Failure),
}

/// What the responder's side has decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The session stands.
    Ok,
    /// Another answer will follow.
    Wait,
    /// No.
    Refuse(Refusal),
}

enum State {
    /// Initiator: sent its key, waits for the responder's.
    KeySent(Box<HandshakeState>),
    /// Responder: waits for the initiator's key.
    KeyAwaited(Box<HandshakeState>),
    /// Responder: waits for the hello.
    HelloAwaited,
    /// Responder: was asked and has not answered. The version and the peer.
    Deciding(u16, Hello),
    /// Initiator: waits for the answer.
    AnswerAwaited,
    /// Both sides have said hello.
    Established(u16, Hello),
    Failed,
}

/// One side of a handshake.
pub struct Handshake {
    state: State,
    own: Hello,
    /// Whom the initiator has dialled.
    dialled: Option<NodeName>,
    ciphers: Option<(Sealer, Opener)>,
    deframer: Deframer,
    /// Bytes that have arrived before the cookie was shown.
    stranger_bytes: usize,
    deadline: Option<Time>,
    /// The initiator was told to wait.
    waiting: bool,
    out: Vec<u8>,
    events: VecDeque<Event>,
}

/// What a session is made of.
pub struct Established {
    /// Who the peer is.
    pub peer: Hello,
    /// Under which version.
    pub version: u16,
    pub(super) sealer: Sealer,
    pub(super) opener: Opener,
    /// Bytes that have arrived already.
    pub(super) deframer: Deframer,
}

/// The crypto of snow with random bytes that were given.
struct Given([u8; 32]);
/// Gives them once.
struct Once(Option<[u8; 32]>);

impl Random for Once {
    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), snow::Error> {
        match self.0.take() {
            Some(bytes) if to.len() == bytes.len() => {
                to.copy_from_slice(&bytes);
                Ok(())
            }
            _ => Err(snow::Error::Rng),
        }
    }
}
impl CryptoResolver for Given {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Once(Some(self.0))))
    }
    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        DefaultResolver.resolve_dh(choice)
    }
    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }
    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

fn noise<'k>(
    key: &'k Key,
    random: [u8; 32],
    build: fn(Builder<'k>) -> Result<HandshakeState, snow::Error>,
) -> Box<HandshakeState> {
    let pattern = PATTERN.parse().expect("snow knows the pattern");
    let builder = Builder::with_resolver(pattern, Box::new(Given(random)));
    let builder = builder.psk(2, &key.0).and_then(|b| b.prologue(PROLOGUE)).expect("each is set once");
    Box::new(build(builder).expect("the pattern needs no more"))
}

impl Handshake {
    /// The side that has connected. `random` is used for this connection alone.
    pub fn initiate(key: &Key, own: Hello, dialled: NodeName, random: [u8; 32], now: Time) -> Handshake {
        let mut state = noise(key, random, Builder::build_initiator);
        let mut message = [0; MESSAGE];
        let written = state.write_message(&[], &mut message);
        assert_eq!(written.ok(), Some(MESSAGE), "the first message has a fixed length and the random bytes suffice");
        let mut h = Handshake::new(State::KeySent(state), own, Some(dialled), now);
        h.write_plain(&message);
        h
    }
    /// The side that was connected to.
    pub fn accept(key: &Key, own: Hello, random: [u8; 32], now: Time) -> Handshake {
        Handshake::new(State::KeyAwaited(noise(key, random, Builder::build_responder)), own, None, now)
    }
    fn new(state: State, own: Hello, dialled: Option<NodeName>, now: Time) -> Handshake {
        Handshake {
            state,
            own,
            dialled,
            ciphers: None,
            deframer: Deframer::default(),
            stranger_bytes: 0,
            deadline: Some(now + STRANGER_TIME),
            waiting: false,
            out: Vec::new(),
            events: VecDeque::new(),
        }
    }
    /// What has happened and was not asked for yet.
    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
    /// Bytes for the peer.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }
    /// When [`Handshake::timeout`] is to be called.
    pub fn next_timeout(&self) -> Option<Time> {
        self.deadline
    }
    /// Time has passed.
    pub fn timeout(&mut self, now: Time) {
        if self.deadline.is_some_and(|d| d <= now) {
            self.fail(Failure::Timeout);
        }
    }
    /// The peer has closed the connection.
    pub fn closed(&mut self) {
        match self.state {
            State::HelloAwaited => self.fail(Failure::ClosedEarly),
            State::KeyAwaited(_) if self.stranger_bytes == 0 => self.fail(Failure::Closed),
            State::KeyAwaited(_) => self.fail(Failure::Stranger),
            State::Failed => {}
            _ => self.fail(Failure::Closed),
        }
    }
    /// Bytes from the peer.
    pub fn receive(&mut self, bytes: &[u8], now: Time) {
        if matches!(self.state, State::KeyAwaited(_) | State::HelloAwaited | State::KeySent(_)) {
            self.stranger_bytes += bytes.len();
            if self.is_responder() && self.stranger_bytes > STRANGER_MAX {
                return self.fail(Failure::Stranger);
            }
        }
        self.deframer.push(bytes);
        while self.step(now) {}
    }
    /// What this side accepts in a session.
    pub fn limits(&self) -> Limits {
        self.own.limits
    }
    /// Whether it has failed: its last output is to be written.
    pub fn has_failed(&self) -> bool {
        matches!(self.state, State::Failed)
    }
    /// At the responder: the peer has not shown the cookie.
    pub fn is_stranger(&self) -> bool {
        matches!(self.state, State::KeyAwaited(_) | State::HelloAwaited)
    }
    /// Whether this side was connected to.
    pub fn is_responder(&self) -> bool {
        self.dialled.is_none()
    }
    /// Handles the next message, if it has arrived.
    fn step(&mut self, now: Time) -> bool {
        let (least, most) = match &self.state {
            State::KeySent(_) | State::KeyAwaited(_) => (MESSAGE, MESSAGE),
            State::HelloAwaited => (TAG + 1, STRANGER_MAX),
            State::AnswerAwaited => (TAG + 1, PAYLOAD_MAX + TAG),
            State::Deciding(..) => {
                // Nothing but its end may come from who waits.
                if self.deframer.held() > 0 {
                    self.fail(Failure::Malformed);
                }
                return false;
            }
            State::Established(..) | State::Failed => return false,
        };
        let frame = match self.deframer.next(least, most) {
            Ok(Some(frame)) => frame.to_vec(),
            Ok(None) => return false,
            Err(_) => {
                self.fail(Failure::Stranger);
                return false;
            }
        };
        match std::mem::replace(&mut self.state, State::Failed) {
            State::KeySent(state) => self.second_message(state, &frame),
            State::KeyAwaited(state) => self.first_message(state, &frame),
            State::HelloAwaited => self.opening(&frame),
            State::AnswerAwaited => self.reply(&frame, now),
            State::Deciding(..) | State::Established(..) | State::Failed => {}
        }
        true
    }
    fn first_message(&mut self, mut state: Box<HandshakeState>, frame: &[u8]) {
        if state.read_message(frame, &mut [0; MESSAGE]).is_err() {
            // Its tag is under a key that anybody can make: no cookie is involved yet.
            return self.fail(Failure::Stranger);
        }
        let mut message = [0; MESSAGE];
        if state.write_message(&[], &mut message).is_err() {
            // A public key that leads to no secret.
            return self.fail(Failure::Stranger);
        }
        self.write_plain(&message);
        self.ciphers = Some(into_ciphers(state));
        self.state = State::HelloAwaited;
    }
    fn second_message(&mut self, mut state: Box<HandshakeState>, frame: &[u8]) {
        if state.read_message(frame, &mut [0; MESSAGE]).is_err() {
            return self.fail(Failure::Cookie);
        }
        self.ciphers = Some(into_ciphers(state));
        self.state = State::AnswerAwaited;
        if let Some(dialled) = self.dialled.clone() {
            let opening = Opening { hello: self.own.clone(), dialled };
            let bytes = postcard::to_stdvec(&opening).expect("a hello has a length");
            self.write_sealed(&bytes);
        }
    }
    fn opening(&mut self, frame: &[u8]) {
        let Some(plain) = self.open(frame) else { return self.fail(Failure::Cookie) };
        self.deadline = None;
        let opening = match postcard::from_bytes::<Opening>(&plain) {
            Ok(opening) => opening,
            Err(_) => return self.refuse(Refusal::Malformed, Failure::Malformed),
        };
        match self.own.accept(&opening) {
            Ok(version) => {
                self.state = State::Deciding(version, opening.hello.clone());
                self.events.push_back(Event::Asked(opening));
            }
            Err(why) => self.refuse(why.clone(), Failure::Refusing(why)),
        }
    }
    fn reply(&mut self, frame: &[u8], now: Time) {
        let Some(plain) = self.open(frame) else { return self.fail(Failure::Cookie) };
        match postcard::from_bytes::<Reply>(&plain) {
            Ok(Reply::Ok { hello, version }) => {
                let common = common_version(self.own.versions, hello.versions);
                if self.dialled.as_ref() != Some(&hello.name) {
                    return self.fail(Failure::OtherName(hello.name));
                }
                if hello.runtime == self.own.runtime || common != Some(version) || !hello.limits.are_possible() {
                    return self.fail(Failure::Malformed);
                }
                self.establish(version, hello);
            }
            Ok(Reply::Wait) => {
                if std::mem::replace(&mut self.waiting, true) {
                    return self.fail(Failure::Malformed);
                }
                self.deadline = Some(now + WAIT_TIME);
                self.events.push_back(Event::Waiting);
                self.state = State::AnswerAwaited;
            }
            Ok(Reply::Refused(why)) => self.fail(Failure::Refused(why)),
            Err(_) => self.fail(Failure::Malformed),
        }
    }
    /// The answer to [`Event::Asked`]; after a `Wait`, once more.
    pub fn answer(&mut self, verdict: Verdict) {
        let State::Deciding(version, peer) = &self.state else { return };
        let (version, peer) = (*version, peer.clone());
        match verdict {
            Verdict::Ok => {
                self.write_reply(&Reply::Ok { hello: self.own.clone(), version });
                self.establish(version, peer);
            }
            Verdict::Wait => self.write_reply(&Reply::Wait),
            Verdict::Refuse(why) => self.refuse(why.clone(), Failure::Refusing(why)),
        }
    }
    fn establish(&mut self, version: u16, peer: Hello) {
        self.deadline = None;
        self.state = State::Established(version, peer);
        self.events.push_back(Event::Established);
    }
    fn refuse(&mut self, why: Refusal, failure: Failure) {
        self.write_reply(&Reply::Refused(why));
        self.fail(failure);
    }
    fn fail(&mut self, failure: Failure) {
        self.deadline = None;
        self.state = State::Failed;
        self.events.push_back(Event::Failed(failure));
    }
    fn open(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        let (_, opener) = self.ciphers.as_mut()?;
        opener.open(frame).ok().map(<[u8]>::to_vec)
    }
    fn write_plain(&mut self, message: &[u8]) {
        self.out.extend_from_slice(&(message.len() as u16).to_be_bytes());
        self.out.extend_from_slice(message);
    }
    fn write_sealed(&mut self, payload: &[u8]) {
        if let Some((sealer, _)) = &mut self.ciphers {
            sealer.next_seal().seal(payload, &mut self.out);
        }
    }
    fn write_reply(&mut self, reply: &Reply) {
        let bytes = postcard::to_stdvec(reply).expect("a hello has a length");
        self.write_sealed(&bytes);
    }
    /// What the session is made of, after [`Event::Established`].
    pub fn finish(self) -> Option<Established> {
        let State::Established(version, peer) = self.state else { return None };
        let (sealer, opener) = self.ciphers?;
        Some(Established { peer, version, sealer, opener, deframer: self.deframer })
    }
}

fn into_ciphers(state: Box<HandshakeState>) -> (Sealer, Opener) {
    transport(StatelessTransportState::try_from(*state).expect("both messages were handled"))
}
