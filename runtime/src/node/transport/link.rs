//! One connection of the node: a handshake, then a session, between a socket and the rest of the node.
//!
//! Journey: remote signal: session -> **socket** -> session. Two tasks for each connection: one reads, one writes and
//! watches the time. What both of them, a sender, and whoever ends the connection touch is behind one lock.
//!
//! Always: what a session has to say is said in its order, by one thread at a time ([`Link::delivery`]); nothing is
//! routed while the inner lock is held.

use super::super::connections::Connection;
use super::super::handshake::{Failure, Handshake};
use super::super::held::Held;
use super::super::hello::{Hello, Refusal};
use super::super::name::NodeName;
use super::super::outgoing::{Payer, Refused};
use super::super::peer::Peer;
use super::super::session::{Sent, Session};
use super::super::signal::{Contents, Signal};
use super::super::ties::Ties;
use super::super::translate::Outgoing;
use super::super::{Time, handshake};
use super::Online;
use crate::scheduler::Scheduler;
use crate::sync::{Mutex, MutexGuard};
use async_net::TcpStream;
use futures_lite::{AsyncReadExt, AsyncWriteExt, future};
use rlua_machine::value::{Pid, Runtime};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Bytes that are read at a time.
const READ: usize = 64 << 10;
/// Bytes that are encrypted and written at a time.
const WRITE: usize = 128 << 10;

/// Bytes of code that is sent before it is asked for.
const SENT_ALONG: usize = 64 << 10;

/// A connection.
pub struct Link {
    /// Its number for life.
    pub number: Connection,
    /// Who is at the other end, for people.
    pub address: String,
    /// Held by who hands on what the session says.
    pub delivery: Mutex<()>,
    inner: Mutex<Inner>,
}

/// What is behind the lock.
pub struct Inner {
    /// How far it is.
    pub stage: Stage,
    /// Bytes for the socket that no session makes any more.
    out: Vec<u8>,
    writer: Option<Waker>,
    /// Senders that wait until less waits, and the numbers of their questions.
    suspended: HashMap<Pid, u64>,
    /// Signals that wait for code, and code that the peer may want.
    pub held: Held,
}

/// What a connection wants of its socket.
pub struct Turn {
    /// To be written.
    pub bytes: Vec<u8>,
    /// Nothing follows.
    pub over: bool,
    /// When to look again, though nothing has happened.
    pub next: Option<Time>,
}

/// How far a connection is.
pub enum Stage {
    /// Not known yet.
    Handshake(Box<Handshake>),
    /// A session.
    Session(Box<Peer>),
    /// Over; what is left to write is in `out`.
    Over,
}

impl Inner {
    fn wake(&mut self) {
        if let Some(w) = self.writer.take() {
            w.wake();
        }
    }
    /// The handshake has succeeded.
    pub fn become_session(&mut self, keepalive: Option<Time>, now: Time) {
        self.take_handshake_output();
        let Stage::Handshake(h) = std::mem::replace(&mut self.stage, Stage::Over) else { return };
        let limits = h.limits();
        let Some(established) = h.finish() else { return };
        self.stage = Stage::Session(Box::new(Peer::new(Session::new(established, limits, keepalive, now))));
        self.wake();
    }
    /// It is over.
    pub fn end(&mut self) {
        self.take_handshake_output();
        if let Stage::Session(p) = &mut self.stage {
            // Its last words.
            p.transmit(&mut self.out, WRITE);
        }
        self.stage = Stage::Over;
        self.wake();
    }
    /// All that waits is to be written before anything else.
    pub fn flush(&mut self) {
        if let Stage::Session(p) = &mut self.stage {
            p.transmit(&mut self.out, usize::MAX);
        }
    }
    fn take_handshake_output(&mut self) {
        if let Stage::Handshake(h) = &mut self.stage {
            self.out.extend(h.take_output());
        }
    }
    /// Does something with the handshake, and sees to its output.
    pub fn with_handshake(&mut self, f: impl FnOnce(&mut Handshake)) {
        if let Stage::Handshake(h) = &mut self.stage {
            f(h);
            self.take_handshake_output();
            self.wake();
        }
    }
    /// Sees to its times, and takes what is to be written next, if that is wanted.
    pub fn turn(&mut self, now: Time, writes: bool) -> Turn {
        let next = match &mut self.stage {
            Stage::Handshake(h) => {
                h.timeout(now);
                h.next_timeout()
            }
            Stage::Session(p) => {
                p.timeout(now);
                p.next_timeout()
            }
            Stage::Over => None,
        };
        self.take_handshake_output();
        let over = match &mut self.stage {
            Stage::Handshake(h) => h.has_failed(),
            Stage::Session(p) => p.session().has_ended(),
            Stage::Over => true,
        };
        let mut bytes = Vec::new();
        if writes {
            bytes = std::mem::take(&mut self.out);
            if let Stage::Session(p) = &mut self.stage
                && bytes.len() < WRITE
            {
                p.transmit(&mut bytes, WRITE);
            }
        }
        Turn { bytes, over, next }
    }
    /// What waits for the peer, or for something of it.
    #[cfg(test)]
    pub fn waiting_for(&self) -> Vec<String> {
        let mut all: Vec<String> = self.suspended.keys().map(|pid| format!("{pid} is suspended")).collect();
        match &self.stage {
            Stage::Handshake(_) => all.push("a handshake".to_string()),
            Stage::Session(p) if p.session().waiting() > 0 => all.push("bytes".to_string()),
            _ => {}
        }
        all
    }
    /// Who waits under which number.
    pub fn resumed(&mut self, pid: Pid) -> Option<u64> {
        self.suspended.remove(&pid)
    }
}

impl Link {
    /// A connection whose handshake has begun.
    pub fn new(number: Connection, address: String, handshake: Handshake) -> Arc<Link> {
        let inner = Inner {
            stage: Stage::Handshake(Box::new(handshake)),
            out: Vec::new(),
            writer: None,
            suspended: HashMap::new(),
            held: Held::default(),
        };
        Arc::new(Link { number, address, delivery: Mutex::new(()), inner: Mutex::new(inner) })
    }
    /// Locks it.
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|e| e.into_inner())
    }
    /// Queues a signal. `wait`: its sender can wait, under this number of a question. None: there is no session.
    pub fn send(
        &self,
        (signal, modules): Outgoing,
        wait: Option<(Pid, u64)>,
        online: &Online,
    ) -> Option<Result<Sent, Refused>> {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let Stage::Session(peer) = &mut inner.stage else { return None };
        if peer.session().has_ended() {
            return None;
        }
        let payer = wait.map_or(Payer::Node, |(pid, _)| Payer::Process(pid));
        for module in &modules {
            // What waits already is not to become much more by what nobody has asked for.
            if peer.session().waiting() < SENT_ALONG && inner.held.passes(module.hash()) {
                let bytes = rlua_compiler::dump(module.chunk(), false);
                if bytes.len() < SENT_ALONG {
                    let code = Signal::Code { hash: *module.hash(), contents: Contents::new(bytes) };
                    // A session that has ended by it refuses what follows, too.
                    let _ = peer.send(code, Payer::Node, &|runtime| online.home(runtime));
                }
            }
        }
        let sent = peer.send(signal, payer, &|runtime| online.home(runtime));
        if let (Ok(Sent::Suspend), Some((pid, id))) = (&sent, wait) {
            inner.suspended.insert(pid, id);
        }
        inner.held.pin(modules);
        inner.wake();
        Some(sent)
    }
    /// Bytes have come.
    pub fn receive(&self, bytes: &[u8], now: Time) {
        let mut inner = self.lock();
        match &mut inner.stage {
            Stage::Handshake(h) => h.receive(bytes, now),
            Stage::Session(p) => p.receive(bytes, now),
            Stage::Over => {}
        }
        inner.with_handshake(|_| ());
        if matches!(&inner.stage, Stage::Session(p) if p.session().wants_to_write()) {
            inner.wake();
        }
    }
    /// It was closed by the other side, or has failed.
    pub fn closed(&self, why: &str) {
        let mut inner = self.lock();
        match &mut inner.stage {
            Stage::Handshake(h) => h.closed(),
            Stage::Session(p) => p.lost(why),
            Stage::Over => {}
        }
        inner.with_handshake(|_| ());
    }
    /// Does something with what hangs on the session; none: there is none.
    pub fn with_ties<T>(&self, f: impl FnOnce(&mut Ties) -> T) -> Option<T> {
        match &mut self.lock().stage {
            Stage::Session(p) => Some(f(p.ties())),
            _ => None,
        }
    }
    /// The runtime at the other end of the session.
    pub fn peer_runtime(&self) -> Option<Runtime> {
        match &self.lock().stage {
            Stage::Session(p) => p.session().peer().runtime(),
            _ => None,
        }
    }
    /// The node at the other end of the session.
    pub fn peer_name(&self) -> Option<NodeName> {
        match &self.lock().stage {
            Stage::Session(p) => Some(p.session().peer().name.clone()),
            _ => None,
        }
    }
    /// Who is at the other end of a session.
    pub fn peer(&self) -> Option<Hello> {
        match &self.lock().stage {
            Stage::Session(p) => Some(p.session().peer().clone()),
            Stage::Handshake(_) | Stage::Over => None,
        }
    }
    /// The next thing that has happened.
    pub fn poll(&self) -> Option<Happened> {
        let mut inner = self.lock();
        match &mut inner.stage {
            Stage::Handshake(h) => h.poll().map(Happened::Handshake),
            Stage::Session(p) => p.poll().map(Happened::Session),
            Stage::Over => None,
        }
    }
    /// Whether it has not shown the cookie.
    pub fn is_stranger(&self) -> bool {
        matches!(&self.lock().stage, Stage::Handshake(h) if h.is_stranger())
    }
    fn is_over(&self) -> bool {
        matches!(self.lock().stage, Stage::Over)
    }
}

/// What a connection has to say.
pub enum Happened {
    /// Of its handshake.
    Handshake(handshake::Event),
    /// Of its session.
    Session(super::super::peer::Event),
}

/// Drives a connection until it is over.
pub async fn run(scheduler: Arc<Scheduler>, online: Arc<Online>, link: Arc<Link>, stream: TcpStream) {
    // Small frames leave at once; what waits, waits here, where it can still be overtaken.
    let _ = stream.set_nodelay(true);
    scheduler.start_task(write(scheduler.clone(), online.clone(), link.clone(), stream.clone()));
    read(online, link, stream).await;
}

async fn read(online: Arc<Online>, link: Arc<Link>, mut stream: TcpStream) {
    let mut buffer = vec![0; READ];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => link.closed("closed by the other side"),
            Ok(n) => link.receive(&buffer[..n], online.now()),
            Err(e) => link.closed(&rlua_machine::stdlib::io::reason(&e)),
        }
        online.drain(&link);
        if link.is_over() {
            break;
        }
    }
    link.lock().wake();
}

async fn write(scheduler: Arc<Scheduler>, online: Arc<Online>, link: Arc<Link>, mut stream: TcpStream) {
    let mut timer = None;
    loop {
        let (bytes, over) = poll_fn(|cx| watch(&scheduler, &link, &mut timer, true, cx)).await;
        online.drain(&link);
        if !bytes.is_empty() {
            let mut sent = std::pin::pin!(stream.write_all(&bytes));
            // Who does not read is noticed all the same.
            let done = poll_fn(|cx| {
                if let Poll::Ready(done) = sent.as_mut().poll(cx) {
                    return Poll::Ready(Some(done));
                }
                match watch(&scheduler, &link, &mut timer, false, cx) {
                    Poll::Ready(_) => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await;
            if let Some(Err(e)) = &done {
                link.closed(&rlua_machine::stdlib::io::reason(e));
            }
            online.drain(&link);
            if !matches!(done, Some(Ok(()))) {
                // It was cut off in a frame: nothing can follow.
                link.lock().end();
                break;
            }
        }
        if over {
            break;
        }
        future::yield_now().await;
    }
    let _ = stream.shutdown(Shutdown::Both);
}

/// Waits until there is something to write (if that is wanted) or the connection is over; sees to its times.
fn watch(
    scheduler: &Scheduler,
    link: &Link,
    timer: &mut Option<(Time, async_io::Timer)>,
    writes: bool,
    cx: &mut Context,
) -> Poll<(Vec<u8>, bool)> {
    loop {
        let now = scheduler.clock.now();
        let mut inner = link.lock();
        let turn = inner.turn(now, writes);
        if !turn.bytes.is_empty() || turn.over {
            return Poll::Ready((turn.bytes, turn.over));
        }
        inner.writer = Some(cx.waker().clone());
        drop(inner);
        let Some(next) = turn.next else { return Poll::Pending };
        if timer.as_ref().is_none_or(|(at, _)| *at != next) {
            let Some(at) = scheduler.clock.instant(next) else { return Poll::Pending };
            *timer = Some((next, async_io::Timer::at(at)));
        }
        if let Some((_, t)) = timer
            && Pin::new(t).poll(cx).is_pending()
        {
            return Poll::Pending;
        }
        *timer = None;
    }
}

/// How the end of a handshake is told to whoever runs the node; none: it is nothing to tell.
pub fn complaint(link: &Link, failure: &Failure) -> Option<String> {
    let comes_from_outside = matches!(&link.lock().stage, Stage::Handshake(h) if h.is_responder());
    Some(match failure {
        Failure::Closed | Failure::Refused(Refusal::Connected) | Failure::Refusing(Refusal::Connected) => return None,
        Failure::Refusing(why) => refused(link, why),
        Failure::Stranger if comes_from_outside => told(link, "it speaks another protocol"),
        other if comes_from_outside => told(link, &other.to_string()),
        other => format!("connection with {}: {other}", link.address),
    })
}
/// The same of a connection that this node refuses.
pub fn refused(link: &Link, why: &Refusal) -> String {
    told(link, &why.of_the_other())
}
fn told(link: &Link, why: &str) -> String {
    format!("refused a connection from {}: {why}", link.address)
}
