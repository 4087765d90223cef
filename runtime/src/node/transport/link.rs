//! One connection of the node: a handshake, then a session, between a socket and the rest of the node.
//!
//! Journey: remote signal: session -> **socket** -> session. What both the reader, a sender, and whoever ends the
//! connection touch is behind one lock. Who queues a signal on a worker marks the connection, and the worker writes when
//! its slice is over: all that the slice has sent leaves in one frame and one call of the system, and a lone signal waits
//! for nobody. (A task that writes, which the reader might expect, has to be woken for each of them.) There are two tasks
//! for each connection: one reads; one watches the time, and writes when the socket was full or no worker is at hand.
//!
//! Always: what a session has to say is said in its order, by one thread at a time ([`Link::delivery`]); nothing is
//! routed while the inner lock is held. One thread at a time writes ([`Writing::Busy`]), and encrypts without the lock.

use super::super::connections::Connection;
use super::super::eager::{Eager, LOOK};
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
use crate::scheduler::{Scheduler, idle, is_worker};
use crate::sync::{Mutex, MutexGuard};
use async_io::Async;
use futures_lite::future;
use rlua_machine::stdlib::io::reason;
use rlua_machine::value::{Pid, Runtime};
use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

/// Bytes that are read at a time.
const READ: usize = 64 << 10;
/// Reads in a row after which others have their turn.
const READS: u32 = 4;
/// Bytes that are encrypted and written at a time.
const WRITE: usize = 128 << 10;
/// Bytes that a worker writes before it leaves the rest to the connection's task.
const WRITES: usize = 512 << 10;
/// Bytes that the system holds for this side to read.
const UNREAD: usize = 1 << 20;
/// Bytes that it holds and has not sent.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: usize = 128 << 10;
/// Bytes that wait before the end of a slice is not waited for.
const ENOUGH: usize = 48 << 10;

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
    /// Something may come of processes that have gone on from there without it (paths.rs).
    pub(super) brings_late: AtomicBool,
    /// Bytes that the socket has taken, and given.
    sent: AtomicU64,
    received: AtomicU64,
    stream: OnceLock<Arc<Async<TcpStream>>>,
}

/// What has gone over a connection: bytes, encrypted.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    /// To the peer.
    pub sent: u64,
    /// From it.
    pub received: u64,
    /// Those that wait for it, not encrypted yet.
    pub waiting: u64,
}

impl Online {
    /// What has gone to the nodes with which it is connected, and come from them.
    pub fn traffic(&self) -> Vec<(NodeName, Traffic)> {
        let nodes = self.nodes();
        let links = self.table().by_name.clone();
        nodes.into_iter().filter_map(|node| links.get(&node).map(|link| (node, link.traffic()))).collect()
    }
}

/// What is behind the lock.
pub struct Inner {
    /// How far it is.
    pub stage: Stage,
    /// Bytes for the socket that no session makes any more.
    out: Vec<u8>,
    /// Encrypted bytes that come before all others, and a buffer for them.
    encrypted: Vec<u8>,
    /// A buffer for what is to be encrypted.
    plain: Vec<u8>,
    writing: Writing,
    /// Wakes the task that watches.
    writer: Option<Waker>,
    /// Senders that wait until less waits, and the numbers of their questions.
    suspended: HashMap<Pid, u64>,
    /// Signals that wait for code, and code that the peer may want.
    pub held: Held,
}

/// Who sees to it that what waits is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Writing {
    /// Nobody: nothing waits, or the task is woken.
    Idle,
    /// A worker, at the end of its slice.
    Marked,
    /// A thread that writes at this moment; it looks again before it is done.
    Busy,
    /// The task, when the socket has room.
    Full,
    /// Nobody any more: the socket has failed.
    Failed,
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

thread_local! {
    /// Connections for which a worker is to write at the end of its slice.
    static MARKED: RefCell<Vec<Arc<Link>>> = const { RefCell::new(Vec::new()) };
}

/// Writes what was queued on this thread.
#[inline]
pub fn write_marked() {
    if MARKED.with_borrow(|m| !m.is_empty()) {
        let mut marked = MARKED.take();
        for link in marked.drain(..) {
            link.pump();
        }
        MARKED.with_borrow_mut(|m| {
            if m.is_empty() {
                *m = marked;
            }
        });
    }
}

impl Inner {
    fn peer_name(&self) -> Option<NodeName> {
        match &self.stage {
            Stage::Session(p) => Some(p.session().peer().name.clone()),
            _ => None,
        }
    }
    fn wake(&mut self) {
        if let Some(w) = self.writer.take() {
            w.wake();
        }
    }
    /// Whether there is something that can be written.
    fn wants_to_write(&self) -> bool {
        !self.encrypted.is_empty()
            || !self.out.is_empty()
            || matches!(&self.stage, Stage::Session(p) if p.session().wants_to_write())
    }
    /// Whether nothing will follow what waits.
    fn is_over(&self) -> bool {
        match &self.stage {
            Stage::Handshake(h) => h.has_failed(),
            Stage::Session(p) => p.session().has_ended(),
            Stage::Over => true,
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
    /// Sees to its times, and takes what is to be written next, if that is wanted: for whoever has no socket that can be
    /// full.
    pub fn turn(&mut self, now: Time, writes: bool) -> Turn {
        let next = self.time(now);
        let over = self.is_over();
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
    /// Whether the session has something to say.
    fn has_said(&self) -> bool {
        matches!(&self.stage, Stage::Session(p) if p.session().has_events())
    }
    /// Sees to its times; when to do so again.
    fn time(&mut self, now: Time) -> Option<Time> {
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
        next
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
            encrypted: Vec::new(),
            plain: Vec::new(),
            writing: Writing::Idle,
            writer: None,
            suspended: HashMap::new(),
            held: Held::default(),
        };
        let (sent, received) = (AtomicU64::new(0), AtomicU64::new(0));
        let (delivery, inner, stream) = (Mutex::new(()), Mutex::new(inner), OnceLock::new());
        let brings_late = AtomicBool::new(false);
        Arc::new(Link { number, address, delivery, inner, brings_late, sent, received, stream })
    }
    /// Locks it.
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|e| e.into_inner())
    }
    /// Queues a signal. `wait`: its sender can wait, under this number of a question. None: there is no session.
    pub fn send(
        self: &Arc<Self>,
        out: Outgoing,
        wait: Option<(Pid, u64)>,
        online: &Online,
    ) -> Option<Result<Sent, Refused>> {
        #[cfg(test)]
        online.trace(self, || self.peer_name(), "sends", &out.0);
        let payer = wait.map_or(Payer::Node, |(pid, _)| Payer::Process(pid));
        self.send_locked(self.lock(), out, payer, wait, online)
    }
    /// Queues what a process is, or what follows it: as much as there is, since it can neither wait nor be left out.
    pub fn send_along(self: &Arc<Self>, out: Outgoing, with: Pid, online: &Online) -> bool {
        #[cfg(test)]
        online.trace(self, || self.peer_name(), "sends", &out.0);
        matches!(self.send_locked(self.lock(), out, Payer::Process(with), None, online), Some(Ok(_)))
    }
    /// As [`Link::send`], if that is still right at the moment at which it is queued; else it comes back.
    pub fn send_if(
        self: &Arc<Self>,
        out: Outgoing,
        wait: Option<(Pid, u64)>,
        online: &Online,
        is_right: impl Fn() -> bool,
    ) -> Result<Option<Result<Sent, Refused>>, Box<Outgoing>> {
        let locked = self.lock();
        if !is_right() {
            return Err(Box::new(out));
        }
        #[cfg(test)]
        online.trace(self, || locked.peer_name(), "sends", &out.0);
        let payer = wait.map_or(Payer::Node, |(pid, _)| Payer::Process(pid));
        Ok(self.send_locked(locked, out, payer, wait, online))
    }
    fn send_locked(
        self: &Arc<Self>,
        mut locked: MutexGuard<'_, Inner>,
        (signal, modules): Outgoing,
        payer: Payer,
        wait: Option<(Pid, u64)>,
        online: &Online,
    ) -> Option<Result<Sent, Refused>> {
        let inner = &mut *locked;
        let Stage::Session(peer) = &mut inner.stage else { return None };
        if peer.session().has_ended() {
            return None;
        }
        for module in &modules {
            // What waits already is not to become much more by what nobody has asked for.
            if peer.session().waiting() < SENT_ALONG && inner.held.passes(module.hash()) {
                let bytes = module.dump();
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
        match inner.writing {
            Writing::Idle if is_worker() => {
                inner.writing = Writing::Marked;
                MARKED.with_borrow_mut(|m| m.push(self.clone()));
            }
            Writing::Idle => inner.wake(),
            Writing::Marked | Writing::Busy | Writing::Full | Writing::Failed => {}
        }
        let waiting = if let Stage::Session(p) = &inner.stage { p.session().waiting() } else { 0 };
        if waiting >= ENOUGH && inner.writing == Writing::Marked {
            drop(locked);
            self.pump();
        }
        Some(sent)
    }
    /// Bytes have come.
    pub fn receive(&self, bytes: &[u8], now: Time, online: &Online) {
        self.received.fetch_add(bytes.len() as u64, Relaxed);
        let mut inner = self.lock();
        match &mut inner.stage {
            Stage::Handshake(h) => h.receive(bytes, now),
            Stage::Session(p) => p.receive(bytes, now, online),
            Stage::Over => {}
        }
        inner.with_handshake(|_| ());
        if matches!(&inner.stage, Stage::Session(p) if p.session().has_to_answer()) {
            inner.wake();
        }
    }
    /// Its peer has to say something soon.
    pub fn probe(&self, now: Time) {
        let mut inner = self.lock();
        if let Stage::Session(p) = &mut inner.stage {
            p.probe(now);
        }
        inner.wake();
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
        inner.wake();
    }
    /// Writes what waits, until there is nothing, the socket is full, or others are to have their turn: then the task goes
    /// on. Nothing is done if somebody writes already.
    fn pump(&self) {
        let Some(stream) = self.stream.get() else { return };
        let mut inner = self.lock();
        if !matches!(inner.writing, Writing::Idle | Writing::Marked) {
            return;
        }
        inner.writing = Writing::Busy;
        let (mut bytes, mut plain) = (std::mem::take(&mut inner.encrypted), std::mem::take(&mut inner.plain));
        let mut written = 0;
        let then = loop {
            bytes.append(&mut inner.out);
            while bytes.len() < WRITE {
                let Stage::Session(p) = &mut inner.stage else { break };
                if let Some(wanted) = p.session().wanted() {
                    // Takes a while, and a lock of its own.
                    drop(inner);
                    let made = wanted.make();
                    inner = self.lock();
                    if let Stage::Session(p) = &mut inner.stage {
                        p.supply(made);
                    }
                    continue;
                }
                let Some(seal) = p.next_frame(&mut plain) else { break };
                drop(inner);
                seal.seal(&plain, &mut bytes);
                inner = self.lock();
            }
            if bytes.is_empty() || written >= WRITES {
                break Writing::Idle;
            }
            drop(inner);
            let taken = (&mut stream.get_ref()).write(&bytes);
            self.sent.fetch_add(*taken.as_ref().unwrap_or(&0) as u64, Relaxed);
            inner = self.lock();
            match taken {
                Ok(n) if n == bytes.len() => {
                    written += n;
                    bytes.clear();
                }
                Ok(n) => {
                    bytes.drain(..n);
                    break Writing::Full;
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => break Writing::Full,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => {
                    match &mut inner.stage {
                        Stage::Handshake(h) => h.closed(),
                        Stage::Session(p) => p.lost(&reason(&e)),
                        Stage::Over => {}
                    }
                    bytes.clear();
                    break Writing::Failed;
                }
            }
        };
        // A long signal has left much room behind.
        plain.clear();
        (inner.encrypted, inner.plain, inner.writing) = (bytes, plain, then);
        // The task hands on who goes on, waits for room, and writes the last words.
        if then != Writing::Idle || written > 0 && inner.has_said() || inner.wants_to_write() || inner.is_over() {
            inner.wake();
        }
    }
    /// The socket has room again.
    fn has_room(&self) {
        let mut inner = self.lock();
        if inner.writing == Writing::Full {
            inner.writing = Writing::Idle;
        }
    }
    fn is_full(&self) -> bool {
        self.lock().writing == Writing::Full
    }
    /// Takes the signals that have come and nothing else, as far as they come one after the other. Whether signals of the
    /// peer wait for code; and a signal that followed and answers nothing that is waited for in this session.
    pub fn take_signals(&self, into: &mut Vec<Signal<Pid>>) -> (bool, Option<Signal<Pid>>) {
        let mut inner = self.lock();
        let unasked = match &mut inner.stage {
            Stage::Session(p) => p.take_signals(into),
            Stage::Handshake(_) | Stage::Over => None,
        };
        (inner.held.is_waiting(), unasked)
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
    /// What has gone over it.
    pub fn traffic(&self) -> Traffic {
        let waiting = match &self.lock().stage {
            Stage::Session(p) => p.session().waiting() as u64,
            _ => 0,
        };
        Traffic { sent: self.sent.load(Relaxed), received: self.received.load(Relaxed), waiting }
    }
    /// The node at the other end of the session.
    pub fn peer_name(&self) -> Option<NodeName> {
        self.lock().peer_name()
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
    /// Whether nothing that comes matters any more.
    fn is_over(&self) -> bool {
        self.lock().is_over()
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
pub async fn run(scheduler: Arc<Scheduler>, online: Arc<Online>, link: Arc<Link>, stream: async_net::TcpStream) {
    let stream: Arc<Async<TcpStream>> = stream.into();
    keep_short(stream.get_ref());
    let stream = link.stream.get_or_init(|| stream).clone();
    scheduler.start_task(write(scheduler.clone(), online.clone(), link.clone(), stream.clone()));
    read(online, link, stream).await;
}

/// Small frames leave at once; what waits, waits in the session, where it can still be overtaken, and not in the system:
/// what is in there is before all that is sent later. (The system's own choice is several megabytes on each side. So a
/// connection carries [`UNREAD`] in the time that a packet takes to the peer and back, and no more.) A system that refuses
/// is a slower one.
fn keep_short(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_recv_buffer_size(UNREAD);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = socket.set_tcp_notsent_lowat(UNSENT as u32);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = socket.set_send_buffer_size(UNREAD);
}

async fn read(online: Arc<Online>, link: Arc<Link>, stream: Arc<Async<TcpStream>>) {
    let mut buffer = vec![0; READ];
    let (mut in_a_row, mut eager) = (0, Eager::default());
    // Since when there is nothing, and since when that is looked at again and again.
    let (mut since, mut looking) = (None, None);
    loop {
        let read = (&mut stream.get_ref()).read(&mut buffer);
        match &read {
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(e) => link.closed(&reason(e)),
            Ok(0) => link.closed("closed by the other side"),
            Ok(n) => {
                let now = online.now();
                let looked = looking.take().is_some();
                if let Some(since) = since.take() {
                    eager.came(now.saturating_sub(since), looked);
                }
                link.receive(&buffer[..*n], now, &online);
            }
        }
        if !matches!(&read, Err(e) if e.kind() == ErrorKind::WouldBlock) {
            online.drain(&link);
        }
        if link.is_over() {
            break;
        }
        if read.is_ok_and(|n| n == buffer.len()) {
            // There is more, probably; but what has come is to be handled, too.
            in_a_row += 1;
            if u32::is_multiple_of(in_a_row, READS) {
                future::yield_now().await;
            }
            continue;
        }
        let now = online.now();
        since.get_or_insert(now);
        if eager.looks() {
            if looking.is_none_or(|began| now.saturating_sub(began) < LOOK) {
                idle().await;
                looking.get_or_insert_with(|| online.now());
                continue;
            }
            looking = None;
            eager.failed();
        }
        if readable(&stream).await.is_err() {
            link.closed("the system does not watch it any more");
        }
    }
    link.lock().wake();
}

/// Waits until the reactor says that there is something to read. Whoever is woken looks: the reactor counts an event as old that
/// its own thread reads while it waits already, and a worker that comes to its tasks late would be told of nothing else, again and
/// again.
async fn readable(stream: &Async<TcpStream>) -> std::io::Result<()> {
    let mut has_waited = false;
    poll_fn(|cx| if std::mem::replace(&mut has_waited, true) { Poll::Ready(Ok(())) } else { stream.poll_readable(cx) })
        .await
}

async fn write(scheduler: Arc<Scheduler>, online: Arc<Online>, link: Arc<Link>, stream: Arc<Async<TcpStream>>) {
    let mut timer = None;
    loop {
        let over = poll_fn(|cx| watch(&scheduler, &link, &mut timer, true, cx)).await;
        online.drain(&link);
        link.pump();
        online.drain(&link);
        if link.is_full() {
            // Who does not read is noticed all the same.
            let mut writable = stream.writable();
            let room = poll_fn(|cx| match Pin::new(&mut writable).poll(cx) {
                Poll::Ready(room) => Poll::Ready(room.is_ok()),
                Poll::Pending => watch(&scheduler, &link, &mut timer, false, cx).map(|_| false),
            })
            .await;
            online.drain(&link);
            if !room {
                // It was cut off in a frame: nothing can follow.
                link.lock().end();
                break;
            }
            link.has_room();
        }
        if over {
            break;
        }
        future::yield_now().await;
    }
    let _ = stream.get_ref().shutdown(Shutdown::Both);
}

/// Waits until the connection is over (true), or there is something to hand on or, if that is wanted, to write; sees to its
/// times.
fn watch(
    scheduler: &Scheduler,
    link: &Link,
    timer: &mut Option<(Time, async_io::Timer)>,
    writes: bool,
    cx: &mut Context,
) -> Poll<bool> {
    loop {
        let mut inner = link.lock();
        let next = inner.time(scheduler.clock.now());
        let over = inner.is_over();
        // Whoever is writing wakes this task if it is to go on.
        if inner.writing != Writing::Busy {
            let waits = match inner.writing {
                Writing::Idle => inner.has_said() || inner.wants_to_write(),
                // For room.
                Writing::Full => true,
                Writing::Marked | Writing::Busy | Writing::Failed => inner.has_said(),
            };
            if over || writes && waits {
                return Poll::Ready(over);
            }
        }
        inner.writer = Some(cx.waker().clone());
        drop(inner);
        let Some(next) = next else { return Poll::Pending };
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::pin::pin;
    use std::sync::mpsc;

    /// Tells of each wake.
    struct Tells(mpsc::SyncSender<()>);
    impl std::task::Wake for Tells {
        fn wake(self: Arc<Self>) {
            let _ = self.0.try_send(());
        }
    }

    /// A worker with much to do polls long after the wake.
    #[test]
    fn who_is_woken_reads() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut writer = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        let reader = Async::new(listener.accept().expect("it has come").0).expect("a socket");
        let (tells, told) = mpsc::sync_channel(1);
        let waker = Waker::from(Arc::new(Tells(tells)));
        let mut cx = Context::from_waker(&waker);
        for _ in 0..20 {
            let mut waits = pin!(readable(&reader));
            if waits.as_mut().poll(&mut cx).is_pending() {
                writer.write_all(b"x").expect("it is open");
                told.recv().expect("its sender is kept");
                assert!(waits.as_mut().poll(&mut cx).is_ready());
            }
            while reader.get_ref().read(&mut [0; 8]).is_ok_and(|n| n > 0) {}
        }
    }
}
