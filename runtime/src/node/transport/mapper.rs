//! The port mapper's sockets: `rlua-actor pmd`, and the one inside a node when none answers.
//!
//! Journey: remote signal: name -> **port** -> connection. What is answered is decided in node/mapper.rs. It binds the
//! loopback address, where nodes of this host register; nodes of other hosts ask a front that is read only, on the public
//! address of a node.

use super::super::Time;
use super::super::mapper::{Access, Action, Client as Asker, Connection, Mapper, Reply, Request};
use super::dial;
use crate::sync::Mutex;
use async_net::{TcpListener, TcpStream};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Instant;

/// A port mapper with its connections.
pub struct Server {
    start: Instant,
    inner: Mutex<Inner>,
    spawn: Spawner,
}
struct Inner {
    mapper: Mapper,
    next: Connection,
    clients: HashMap<Connection, Client>,
    stopped: bool,
    keeper: Option<Waker>,
}
#[derive(Default)]
struct Client {
    out: VecDeque<u8>,
    closing: bool,
    writer: Option<Waker>,
}

/// Starts tasks.
pub type Spawner = Box<dyn Fn(Task) + Send + Sync>;
/// A task.
pub type Task = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// The socket of this host's port mapper, unless one has it already.
pub async fn bind() -> std::io::Result<TcpListener> {
    TcpListener::bind((IpAddr::V4(Ipv4Addr::LOCALHOST), dial::mapper_port())).await
}

impl Server {
    /// A mapper that begins now.
    pub fn new(spawn: Spawner) -> Arc<Server> {
        Server::of(Mapper::new(0), spawn)
    }
    /// A front for other hosts.
    pub fn front(spawn: Spawner) -> Arc<Server> {
        Server::of(Mapper::front(), spawn)
    }
    fn of(mapper: Mapper, spawn: Spawner) -> Arc<Server> {
        let inner = Inner { mapper, next: 0, clients: HashMap::new(), stopped: false, keeper: None };
        Arc::new(Server { start: Instant::now(), inner: Mutex::new(inner), spawn })
    }
    fn now(&self) -> Time {
        self.start.elapsed().as_nanos() as Time
    }
    fn lock(&self) -> crate::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|e| e.into_inner())
    }
    /// Ends it: all connections are closed.
    pub fn stop(&self) {
        let mut inner = self.lock();
        inner.stopped = true;
        for client in inner.clients.values_mut() {
            client.closing = true;
            client.wake();
        }
        if let Some(w) = inner.keeper.take() {
            w.wake();
        }
    }
    /// Answers on a socket until the mapper is stopped.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, access: Access) {
        loop {
            let next = futures_lite::future::or(async { Some(listener.accept().await) }, self.stopped()).await;
            match next {
                None => return,
                Some(Ok((stream, _))) => {
                    let c = self.enter(access);
                    (self.spawn)(Box::pin(self.clone().write(c, stream.clone())));
                    (self.spawn)(Box::pin(self.clone().read(c, stream)));
                }
                // Out of descriptors, say: those that are open go on.
                Some(Err(_)) => {
                    async_io::Timer::after(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }
    async fn stopped<T>(&self) -> Option<T> {
        let mut timer: Option<async_io::Timer> = None;
        poll_fn(|cx| {
            let mut inner = self.lock();
            if inner.stopped {
                return Poll::Ready(());
            }
            inner.keeper = Some(cx.waker().clone());
            drop(inner);
            // Who is silent is dropped.
            loop {
                let now = self.now();
                let actions = &mut Vec::new();
                let next = {
                    let mut inner = self.lock();
                    inner.mapper.timeout(now, actions);
                    inner.mapper.next_timeout()
                };
                self.carry_out(actions);
                let Some(next) = next else { return Poll::Pending };
                let t = timer.insert(async_io::Timer::at(self.start + std::time::Duration::from_nanos(next)));
                if std::pin::Pin::new(t).poll(cx).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await;
        None
    }
    fn enter(&self, access: Access) -> Connection {
        let now = self.now();
        let mut actions = Vec::new();
        let mut inner = self.lock();
        inner.next += 1;
        let c = inner.next;
        inner.clients.insert(c, Client::default());
        inner.mapper.connected(c, access, now, &mut actions);
        if let Some(w) = inner.keeper.take() {
            w.wake();
        }
        drop(inner);
        self.carry_out(&mut actions);
        c
    }
    fn carry_out(&self, actions: &mut Vec<Action>) {
        for action in actions.drain(..) {
            match action {
                Action::Write(c, bytes) => {
                    if let Some(client) = self.lock().clients.get_mut(&c) {
                        client.out.extend(bytes);
                        client.wake();
                    }
                }
                Action::Close(c) => {
                    if let Some(client) = self.lock().clients.get_mut(&c) {
                        client.closing = true;
                        client.wake();
                    }
                }
                Action::Dial(..) | Action::Ask(..) => unreachable!("who reads waits for the answer"),
            }
        }
    }
    async fn read(self: Arc<Self>, c: Connection, mut stream: TcpStream) {
        let mut buffer = [0; 1024];
        loop {
            let read = stream.read(&mut buffer).await;
            let mut actions = Vec::new();
            let now = self.now();
            match read {
                Ok(n) if n > 0 => self.lock().mapper.receive(c, &buffer[..n], now, &mut actions),
                _ => break,
            }
            for action in actions {
                let mut next = Vec::new();
                match action {
                    Action::Dial(c, port) => {
                        let listens = somebody_listens(port).await;
                        self.lock().mapper.dialled(c, listens, self.now(), &mut next);
                    }
                    Action::Ask(c, request) => {
                        let replies = ask_own(&request).await;
                        self.lock().mapper.answered(c, replies, &mut next);
                    }
                    other => next.push(other),
                }
                self.carry_out(&mut next);
            }
            if self.lock().clients.get(&c).is_none_or(|c| c.closing) {
                break;
            }
        }
        let mut inner = self.lock();
        inner.mapper.closed(c);
        if let Some(mut client) = inner.clients.remove(&c) {
            client.wake();
        }
    }
    async fn write(self: Arc<Self>, c: Connection, mut stream: TcpStream) {
        loop {
            let bytes: Option<Vec<u8>> = poll_fn(|cx| {
                let mut inner = self.lock();
                let Some(client) = inner.clients.get_mut(&c) else { return Poll::Ready(None) };
                if !client.out.is_empty() {
                    return Poll::Ready(Some(client.out.drain(..).collect()));
                }
                if client.closing {
                    return Poll::Ready(None);
                }
                client.writer = Some(cx.waker().clone());
                Poll::Pending
            })
            .await;
            match bytes {
                Some(bytes) if stream.write_all(&bytes).await.is_ok() => {}
                _ => break,
            }
        }
        let _ = stream.shutdown(Shutdown::Both);
    }
}
/// Whether there is a listener on a port, at any address of this host.
async fn somebody_listens(port: u16) -> bool {
    if dial::connect(&[IpAddr::V4(Ipv4Addr::LOCALHOST)], port).await.is_ok() {
        return true;
    }
    // No other socket can have a port at all addresses while a listener has it at one.
    for all in [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)] {
        if TcpListener::bind((all, port)).await.is_err_and(|e| e.kind() == ErrorKind::AddrInUse) {
            return true;
        }
    }
    false
}
/// Asks this host's mapper.
pub async fn ask_own(request: &Request) -> Result<Vec<Reply>, String> {
    let mapper = dial::connect(&[IpAddr::V4(Ipv4Addr::LOCALHOST)], dial::mapper_port()).await;
    let mut mapper = mapper.map_err(|why| format!("no port mapper runs on this host ({why})"))?;
    Ok(dial::ask_mapper(&mut mapper, &mut Asker::default(), request).await?)
}

impl Client {
    fn wake(&mut self) {
        if let Some(w) = self.writer.take() {
            w.wake();
        }
    }
}
