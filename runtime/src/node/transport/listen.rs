//! Becoming a node: a cookie, a socket, a name at the port mapper; and connections from outside.
//!
//! Journey: `init` -> **socket -> port mapper** -> connections. A node that loses the port mapper goes on, and takes its
//! place or registers again.

use super::super::frame::Limits;
use super::super::hello::{Hello, VERSIONS, features};
use super::super::mapper::{Access, Client, Reply, Request};
use super::super::name::NodeName;
use super::dial::Unanswered;
use super::mapper::Server;
use super::{Node, Online, Surroundings, dial, link};
use crate::process::signal::{Answer, Signal};
use crate::scheduler::Scheduler;
use async_net::{TcpListener, TcpStream};
use futures_lite::AsyncReadExt;
use rlua_machine::value::Pid;
use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

/// Pause before the port mapper is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a node tries to register before it gives up: a mapper may end as it is asked, and the one that takes its place, too.
const REGISTRATIONS: usize = 8;

/// Random bytes for one handshake.
pub fn random() -> Result<[u8; 32], String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| format!("the system gives no random bytes: {e}"))?;
    Ok(bytes)
}

impl Node {
    /// Becomes a node of this name; the asker is answered when it is one, or why not.
    pub fn init(&self, scheduler: &Arc<Scheduler>, name: NodeName, (asker, id): (Pid, u64)) -> Result<(), String> {
        if let Some(seat) = &scheduler.seat {
            let answer = Answer::Done(seat.become_node(scheduler, name));
            scheduler.route(asker, Signal::Reply { id, answer });
            return Ok(());
        }
        if scheduler.config.seed.is_some() {
            return Err("a program under --seed is no node: what comes from outside cannot be repeated (explore --nodes simulates a cluster)".into());
        }
        if let Some(online) = self.online() {
            return Err(format!("this runtime is the node {} already", online.name));
        }
        if self.starting.swap(true, Ordering::SeqCst) {
            return Err("an init is under way".into());
        }
        let scheduler = scheduler.clone();
        let settings = self.settings().clone();
        scheduler.clone().start_task(async move {
            let result = become_node(&scheduler, name, settings).await;
            scheduler.node.starting.store(false, Ordering::SeqCst);
            scheduler.route(asker, Signal::Reply { id, answer: Answer::Done(result) });
        });
        Ok(())
    }
    /// Makes the key of another cookie, and takes it; the asker is answered then, or why not.
    pub fn change_key(&self, scheduler: &Arc<Scheduler>, online: Arc<Online>, (asker, id): (Pid, u64)) {
        if scheduler.seat.is_some() {
            // All of a simulated cluster have one.
            scheduler.route(asker, Signal::Reply { id, answer: Answer::Done(Ok(())) });
            return;
        }
        let (scheduler, settings) = (scheduler.clone(), self.settings().clone());
        scheduler.clone().start_task(async move {
            let answer = Answer::Done(settings.key().map(|key| online.set_key(key)));
            scheduler.route(asker, Signal::Reply { id, answer });
        });
    }
}

/// The socket of a node, and its port.
async fn listen(name: &NodeName, settings: &super::Settings) -> Result<(TcpListener, u16), String> {
    let address = match settings.listen {
        Some(address) => address,
        None => dial::addresses(settings, name.host()).await?[0],
    };
    let is_named = name.host() != "localhost" && name.host().parse::<IpAddr>().is_err();
    let is_told = settings.listen.is_some() || settings.hosts.iter().any(|(host, _)| host == name.host());
    if address.is_loopback() && is_named && !is_told {
        let host = name.host();
        report!("rlua-actor: '{host}' is {address} here: other hosts do not reach this node (--host, --listen)");
    }
    let bound = TcpListener::bind((address, name.port().unwrap_or(0))).await;
    let listener = bound.map_err(|e| {
        let at = name.port().map_or(format!("{address}"), |p| format!("port {p} of {address}"));
        format!("cannot listen on {at}: {}", rlua_machine::stdlib::io::reason(&e))
    })?;
    let port = listener.local_addr().map_err(|e| rlua_machine::stdlib::io::reason(&e))?.port();
    Ok((listener, port))
}

/// Where other hosts look for the port mapper of this one; none if they cannot reach the node.
async fn public_address(name: &NodeName, settings: &super::Settings) -> Option<IpAddr> {
    let chosen = settings.listen.filter(|a| !a.is_unspecified());
    let all = match chosen {
        Some(address) => vec![address],
        None => dial::addresses(settings, name.host()).await.unwrap_or_default(),
    };
    all.into_iter().find(|a| !a.is_loopback())
}

async fn become_node(scheduler: &Arc<Scheduler>, name: NodeName, settings: super::Settings) -> Result<(), String> {
    let key = settings.key()?;
    let visits = scheduler.config.visitor;
    let listener = if visits { None } else { Some(listen(&name, &settings).await?) };
    let connects_all = !visits && scheduler.connects_all();
    let chosen = [(features::CONNECT_ALL, connects_all), (features::VISITOR, visits)];
    let hello = Hello {
        versions: VERSIONS,
        features: chosen.iter().filter(|(_, has)| *has).fold(features::ALL, |all, (bit, _)| all | bit),
        name: name.clone(),
        runtime: scheduler.runtime.id().to_be_bytes(),
        creation: scheduler.clock.since_1970().as_millis() as u64,
        limits: Limits::default(),
    };
    let online = Online::new(Box::new(scheduler.clone()), hello, key, settings);
    let past = std::mem::take(&mut *scheduler.node.past.lock().unwrap_or_else(|e| e.into_inner()));
    online.recall(past);
    if let Some((_, port)) = &listener
        && name.port().is_none()
    {
        let registration = online.register(scheduler, *port).await?;
        scheduler.start_task(online.clone().stay_registered(scheduler.clone(), *port, registration));
        if let Some(address) = public_address(&name, &online.settings).await {
            scheduler.start_task(online.clone().answer_others(scheduler.clone(), address));
        }
    }
    scheduler.runtime.set_name(Some(name.as_str().into()));
    *scheduler.node.online.write().unwrap_or_else(|e| e.into_inner()) = Some(online.clone());
    // After whoever registers now finds the node.
    online.adopt_names(scheduler.names.all().into_iter());
    if let Some((listener, _)) = listener {
        scheduler.start_task(online.clone().accept(scheduler.clone(), listener));
    }
    scheduler.start_task(online.look_after(scheduler.clone()));
    Ok(())
}

/// The connection that holds the name, and the mapper if it is one of this node.
struct Registration {
    stream: TcpStream,
    server: Option<Arc<Server>>,
}

impl Online {
    /// Ends when the node does.
    async fn ended(&self) {
        poll_fn(|cx| {
            let mut enders = self.enders.lock().unwrap_or_else(|e| e.into_inner());
            if self.over.load(Ordering::SeqCst) {
                return Poll::Ready(());
            }
            if !enders.iter().any(|w| w.will_wake(cx.waker())) {
                enders.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
    /// Gets the name at the port mapper of this host, which is started if there is none.
    async fn register(&self, scheduler: &Arc<Scheduler>, port: u16) -> Result<Registration, String> {
        let local = [IpAddr::V4(Ipv4Addr::LOCALHOST)];
        let mut server = None;
        let mut lost = None;
        for _ in 0..REGISTRATIONS {
            if server.is_none()
                && let Ok(listener) = super::mapper::bind().await
            {
                let starter = scheduler.clone();
                let started = Server::new(Box::new(move |task| starter.start_task(task)));
                scheduler.start_task(started.clone().serve(listener, Access::Full));
                server = Some(started);
            }
            let Ok(mut stream) = dial::connect(&local, dial::mapper_port()).await else { continue };
            let request = Request::Register { name: self.name.short().to_string(), runtime: self.hello.runtime, port };
            let mut client = Client::default();
            let failed = match dial::ask_mapper(&mut stream, &mut client, &request).await.map(|mut all| all.pop()) {
                Ok(Some(Reply::Registered)) => return Ok(Registration { stream, server }),
                Ok(Some(Reply::Taken)) => format!("the name '{}' is taken on this host", self.name.short()),
                Err(Unanswered::Lost(why)) => {
                    lost = Some(why);
                    continue;
                }
                Ok(Some(Reply::Refused(why))) | Err(Unanswered::Wrong(why)) => why,
                Ok(other) => format!("the port mapper answers {other:?}"),
            };
            if let Some(server) = server {
                server.stop();
            }
            return Err(failed);
        }
        if let Some(server) = server {
            server.stop();
        }
        let port = dial::mapper_port();
        Err(lost.unwrap_or_else(|| format!("no port mapper can be reached or started on port {port}")))
    }
    /// Keeps the name, or gets it back.
    async fn stay_registered(self: Arc<Self>, scheduler: Arc<Scheduler>, port: u16, mut registration: Registration) {
        let mut failures = 0;
        loop {
            let lost = async {
                let mut buffer = [0; 64];
                while matches!(registration.stream.read(&mut buffer).await, Ok(n) if n > 0) {}
            };
            futures_lite::future::or(lost, self.ended()).await;
            if let Some(server) = registration.server.take_if(|_| self.over.load(Ordering::SeqCst)) {
                server.stop();
            }
            loop {
                if self.over.load(Ordering::SeqCst) {
                    return;
                }
                match self.register(&scheduler, port).await {
                    Ok(again) => {
                        registration = again;
                        failures = 0;
                        break;
                    }
                    Err(why) => {
                        failures += 1;
                        // The first time it may be a mapper that is ending and knows of the name yet.
                        if failures == 2 {
                            report!(
                                "rlua-actor: the port mapper is lost, and the name with it: {why}; it is tried again"
                            );
                        }
                    }
                }
                let pause = async {
                    async_io::Timer::after(PAUSE).await;
                };
                futures_lite::future::or(pause, self.ended()).await;
            }
        }
    }
    /// Tells other hosts who has which port: the mapper itself is for this host alone. One node of a host does it.
    async fn answer_others(self: Arc<Self>, scheduler: Arc<Scheduler>, address: IpAddr) {
        let mut told = false;
        loop {
            match TcpListener::bind((address, dial::mapper_port())).await {
                Ok(listener) => {
                    let tasks = scheduler.clone();
                    let front = Server::front(Box::new(move |task| tasks.start_task(task)));
                    futures_lite::future::or(front.clone().serve(listener, Access::Read), self.ended()).await;
                    front.stop();
                }
                // Another node does it, as long as it lives.
                Err(e) if e.kind() == std::io::ErrorKind::AddrInUse => {}
                Err(e) => {
                    if !std::mem::replace(&mut told, true) {
                        let (port, why) = (dial::mapper_port(), rlua_machine::stdlib::io::reason(&e));
                        report!("rlua-actor: no port mapper for other hosts on port {port} of {address}: {why}");
                    }
                }
            }
            if self.over.load(Ordering::SeqCst) {
                return;
            }
            let pause = async {
                async_io::Timer::after(PAUSE).await;
            };
            futures_lite::future::or(pause, self.ended()).await;
        }
    }
    /// Takes connections from outside.
    async fn accept(self: Arc<Self>, scheduler: Arc<Scheduler>, listener: TcpListener) {
        loop {
            let ended = async {
                self.ended().await;
                None
            };
            let next = futures_lite::future::or(async { Some(listener.accept().await) }, ended).await;
            let Some(next) = next else { return };
            let (Ok((stream, address)), Ok(random)) = (next, random()) else {
                async_io::Timer::after(Duration::from_millis(100)).await;
                continue;
            };
            let link = self.accepted(address.to_string(), random);
            scheduler.start_task(link::run(scheduler.clone(), self.clone(), link, stream));
        }
    }
    /// Sees to what is wanted of connections, and to their pauses.
    async fn look_after(self: Arc<Self>, scheduler: Arc<Scheduler>) {
        let mut timer: Option<async_io::Timer> = None;
        loop {
            let mut looked = false;
            poll_fn(|cx| {
                if self.over.load(Ordering::SeqCst) || std::mem::replace(&mut looked, true) && self.is_wanted() {
                    return Poll::Ready(());
                }
                self.wakers.lock().unwrap_or_else(|e| e.into_inner()).push(cx.waker().clone());
                if self.is_wanted() {
                    return Poll::Ready(());
                }
                let Some(at) = self.looks_next().and_then(|t| scheduler.clock.instant(t)) else { return Poll::Pending };
                Pin::new(timer.insert(async_io::Timer::at(at))).poll(cx).map(|_| ())
            })
            .await;
            if self.over.load(Ordering::SeqCst) {
                return;
            }
            self.see_to_wanted();
        }
    }
}
