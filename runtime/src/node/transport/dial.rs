//! From a node's name to a connection: its host's address, its port, its socket.
//!
//! Journey: remote signal: name -> **address -> socket** -> handshake.

use super::super::connections::Connection;
use super::super::handshake::Failure;
use super::super::mapper::{Client, Fault, Reply, Request};
use super::super::name::NodeName;
use super::{Online, Settings, link};
use crate::scheduler::Scheduler;
use async_net::TcpStream;
use futures_lite::{AsyncReadExt, AsyncWriteExt, future};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// How long a connection, or an answer of a port mapper, may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The port of the port mapper.
pub fn mapper_port() -> u16 {
    let set = std::env::var("RLUA_PMD_PORT").ok().and_then(|p| p.parse().ok()).filter(|&p| p != 0);
    set.unwrap_or(super::super::mapper::PORT)
}

/// Gives up after a time.
pub async fn within<T, E: From<String>>(time: Duration, f: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let late = async {
        async_io::Timer::after(time).await;
        Err("no answer in time".to_string().into())
    };
    future::or(f, late).await
}
fn reason(e: std::io::Error) -> String {
    rlua_machine::stdlib::io::reason(&e)
}

/// Addresses of a host, those given for it first.
pub async fn addresses(settings: &Settings, host: &str) -> Result<Vec<IpAddr>, String> {
    if let Some((_, address)) = settings.hosts.iter().find(|(h, _)| h == host) {
        return Ok(vec![*address]);
    }
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    if host == "localhost" {
        return Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]);
    }
    let found = async_net::resolve((host, 0)).await;
    let found = found.map_err(|_| format!("unknown host '{host}' (--host {host}=ADDRESS gives it one)"))?;
    let mut all: Vec<IpAddr> = found.into_iter().map(|a| a.ip()).collect();
    all.dedup();
    if all.is_empty() { Err(format!("host '{host}' has no address")) } else { Ok(all) }
}

/// Connects to the first of some addresses that answers.
pub async fn connect(addresses: &[IpAddr], port: u16) -> Result<TcpStream, String> {
    let mut last = "no address".to_string();
    for &ip in addresses {
        let tried =
            within(PATIENCE, async { TcpStream::connect(SocketAddr::new(ip, port)).await.map_err(reason) }).await;
        match tried {
            Ok(stream) => return Ok(stream),
            Err(why) => last = format!("port {port} of {ip}: {why}"),
        }
    }
    Err(last)
}

/// Why a port mapper has not answered.
pub enum Unanswered {
    /// The connection is lost, as when the program that the mapper is in ends: another may be there already.
    Lost(String),
    /// It is late, or no port mapper.
    Wrong(String),
}
impl From<String> for Unanswered {
    fn from(why: String) -> Unanswered {
        Unanswered::Wrong(why)
    }
}
impl From<Unanswered> for String {
    fn from(unanswered: Unanswered) -> String {
        let (Unanswered::Lost(why) | Unanswered::Wrong(why)) = unanswered;
        why
    }
}

/// Asks a port mapper one thing.
pub async fn ask_mapper(
    stream: &mut TcpStream,
    client: &mut Client,
    request: &Request,
) -> Result<Vec<Reply>, Unanswered> {
    let bytes = client.request(request);
    let wrong = |e: Fault| format!("port {}: {e}", mapper_port());
    let lost = |why| Unanswered::Lost(format!("port {} has closed the connection{why}", mapper_port()));
    within(PATIENCE, async {
        stream.write_all(&bytes).await.map_err(|e| lost(format!(": {}", reason(e))))?;
        let mut buffer = [0; 4096];
        let mut replies = Vec::new();
        loop {
            while let Some(reply) = client.reply().map_err(wrong)? {
                let more = matches!(reply, Reply::Names(_, false));
                replies.push(reply);
                if !more {
                    return Ok(replies);
                }
            }
            match stream.read(&mut buffer).await {
                Ok(0) => return Err(lost(String::new())),
                Ok(n) => client.receive(&buffer[..n]).map_err(wrong)?,
                Err(e) => return Err(lost(format!(": {}", reason(e)))),
            }
        }
    })
    .await
}

async fn reach(online: &Online, node: &NodeName) -> Result<TcpStream, String> {
    let addresses = addresses(&online.settings, node.host()).await?;
    let port = match node.port() {
        Some(port) => port,
        None => {
            let mapper = connect(&addresses, mapper_port()).await;
            let mut mapper = mapper.map_err(|why| format!("no port mapper on host '{}' ({why})", node.host()))?;
            let found = ask_mapper(&mut mapper, &mut Client::default(), &Request::Find(node.short().into())).await?;
            match &found[..] {
                [Reply::Found { port, .. }] => *port,
                [Reply::Refused(why)] => return Err(why.clone()),
                _ => return Err(format!("no node '{}' on host '{}'", node.short(), node.host())),
            }
        }
    };
    connect(&addresses, port).await
}

/// One attempt to reach a node, until its connection is over.
pub async fn dial(scheduler: Arc<Scheduler>, online: Arc<Online>, c: Connection, node: NodeName) {
    let random = super::listen::random();
    let stream = match (reach(&online, &node).await, random) {
        (Ok(stream), Ok(random)) => (stream, random),
        (Err(why), _) | (_, Err(why)) => return online.attempt_failed(c, Failure::Unreachable(why)),
    };
    let (stream, random) = stream;
    if let Some(link) = online.connected(c, &node, random) {
        link::run(scheduler, online, link, stream).await;
    }
}
