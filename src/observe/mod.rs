//! The web view, `--observe`: what `top` shows, and more, for a browser.
//!
//! Journey: **bytes** -> request -> question -> figures -> JSON -> page. Here are the socket and its threads; http.rs decides about
//! requests, look.rs gets what is to be seen, visitor.rs asks other nodes, page.* is what runs in the browser. One thread listens, and one
//! serves each connection, beside the program's workers: the view answers also when those are all busy, and while nobody asks there is one
//! thread that sleeps. (The reader might expect the runtime's own HTTP server: its processes would be among those that are seen.)
//!
//! Always: a bounded number of connections, each of which lasts a bounded time.

mod http;
mod look;
mod visitor;

use crate::node::Reach;
use crate::output;
use http::Request;
use look::Looker;
use rlua_runtime::Program;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Connections that are served at a time.
const CONNECTIONS: usize = 16;
/// What a client has for its request, and for taking the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a token.
const TOKEN: usize = 16;

/// The option.
#[derive(clap::Args, Default, Clone)]
pub struct Observe {
    /// Show what its processes do in a browser, under a URL that is printed on standard error. ADDR: an address, a port, or
    /// both [default: 127.0.0.1, a free port]. Whoever is given the URL sees all there is: over networks it is not encrypted
    #[arg(long, value_name = "ADDR", num_args = 0..=1, require_equals = true, default_missing_value = "127.0.0.1:0",
        value_parser = address)]
    observe: Option<SocketAddr>,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let whole = text.parse();
    let port = || text.parse().map(|port| SocketAddr::new(local, port));
    let host = || text.parse::<IpAddr>().map(|host| SocketAddr::new(host, 0));
    whole
        .or_else(|_| port())
        .or_else(|_| host())
        .map_err(|_| format!("'{text}' is no address: 127.0.0.1:4100, 4100 or 127.0.0.1 would be"))
}

impl Observe {
    /// Begins to serve, if that is asked for; false: it cannot be, and that was said.
    pub fn begin(&self, program: &Program, reach: Reach) -> bool {
        let Some(address) = self.observe else { return true };
        let listener = TcpListener::bind(address).and_then(|l| l.local_addr().map(|own| (l, own)));
        let (listener, own) = match listener {
            Ok(bound) => bound,
            Err(e) => {
                output::complain(format!("cannot observe at {address}: {}", rlua_runtime::reason(&e)));
                return false;
            }
        };
        let mut bytes = [0; TOKEN];
        if let Err(e) = getrandom::fill(&mut bytes) {
            output::complain(format!("cannot observe: there is no token: {e}"));
            return false;
        }
        let token: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        output::complain(format!("observe at http://{own}/{token}/"));
        let served = Arc::new(Served {
            token,
            port: own.port(),
            looker: Mutex::new(Looker::new(program.observer(), reach)),
            connections: AtomicUsize::new(0),
        });
        let begun = thread("observe", move || served.listen(&listener));
        if !begun {
            output::complain("cannot observe: the system has no thread for it");
        }
        begun
    }
}
fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> bool {
    std::thread::Builder::new().name(name.to_string()).stack_size(1 << 20).spawn(body).is_ok()
}

/// What all connections have in common.
struct Served {
    token: String,
    port: u16,
    looker: Mutex<Looker>,
    connections: AtomicUsize,
}

/// Counts a connection for as long as it is served.
struct Counted(Arc<Served>);
impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Served {
    fn listen(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            let Ok((stream, _)) = listener.accept() else {
                // Out of files: whoever has one will give it back.
                std::thread::sleep(Duration::from_millis(100));
                continue;
            };
            let open = self.connections.fetch_add(1, Ordering::AcqRel);
            let counted = Counted(self.clone());
            // One too many is told nothing: that would need a thread as well.
            if open < CONNECTIONS {
                thread("observe", move || {
                    // Who has gone away is not told anything.
                    let _ = counted.0.serve(stream);
                });
            }
        }
    }
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let until = Instant::now() + PATIENCE;
        let mut bytes = Vec::new();
        let asked = loop {
            if let Some(asked) = http::request(&bytes, &self.token, self.port) {
                break asked;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            stream.set_read_timeout(Some(left))?;
            let mut piece = [0; 2048];
            let room = piece.len().min(http::HEAD - bytes.len());
            match stream.read(&mut piece[..room])? {
                0 => return Ok(()),
                n => bytes.extend_from_slice(&piece[..n]),
            }
        };
        let is_refused = asked.is_err();
        let answer = match asked {
            Ok(Request::File(f)) => http::response(200, f.media, f.text.as_bytes()),
            Ok(Request::Look(parameters)) => {
                let json = self.looker.lock().unwrap_or_else(|e| e.into_inner()).look(&parameters);
                http::response(200, "application/json", &json)
            }
            Err(why) => http::refusal(why),
        };
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(&answer)?;
        if is_refused {
            // What is unread would have the system take the answer back.
            stream.shutdown(std::net::Shutdown::Write)?;
            stream.set_read_timeout(Some(Duration::from_millis(500)))?;
            let mut rest = [0; 4096];
            for _ in 0..64 {
                if stream.read(&mut rest)? == 0 {
                    break;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_short() {
        let of = |text| address(text).map(|a| a.to_string());
        assert_eq!(of("4100"), Ok("127.0.0.1:4100".to_string()));
        assert_eq!(of("0.0.0.0"), Ok("0.0.0.0:0".to_string()));
        assert_eq!(of("[::1]:80"), Ok("[::1]:80".to_string()));
        assert_eq!(of("::1"), Ok("[::1]:0".to_string()));
        for wrong in ["", "x", "70000", "localhost:1", "1.2.3.4:x"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
