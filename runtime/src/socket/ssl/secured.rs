//! An encrypted connection: the state machine of `rustls` between a socket of the system and its program.
//!
//! Journey: outside world -> **bytes** -> value. It knows no process and never waits: what it reads and writes is a parameter, which
//! says `WouldBlock` where the shell (dohandshake, receive, send) is to wait.
//!
//! Always: what the program has sent is encrypted at once, and written before more is taken. A connection whose end the peer has not
//! announced has not ended but was cut, which is an error of its own: a part could be taken for all.

use super::config::{self, Config};
use super::words::words;
use crate::socket::failure::CLOSED;
use crate::socket::wait::Direction;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConnection, Connection, ProtocolVersion, ServerConnection};
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

/// What a program is told of a connection that was cut.
const CUT: &str = "unexpected eof while reading";

/// See above.
pub struct Secured {
    config: Config,
    /// Whom a client means.
    pub name: Option<String>,
    /// None: the handshake has not begun.
    connection: Option<Connection>,
    /// The handshake is over.
    is_established: bool,
}

fn broken(text: impl Into<String>) -> io::Error {
    io::Error::other(text.into())
}
fn closed() -> io::Error {
    broken(CLOSED)
}

impl Secured {
    /// One that is to be established; `name` is whom a client means, if that is known already.
    pub fn new(config: Config, name: Option<String>) -> Secured {
        Secured { config, name, connection: None, is_established: false }
    }
    /// A server shows clients the certificate of one of these configurations, by whom they mean; who means none of them is shown its own, or
    /// (`is_strict`) refused. False: it is no server's.
    pub fn choose(&mut self, names: Vec<(String, Config)>, is_strict: bool) -> bool {
        let Config::Server(own) = &self.config else { return false };
        self.config = Config::Server(Arc::new(config::by_name(own, names, is_strict)));
        true
    }
    fn begin(&mut self, address: &str) -> io::Result<&mut Connection> {
        let made = match &self.config {
            Config::Server(config) => ServerConnection::new(config.clone()).map(Connection::from),
            Config::Client(config) => {
                let name = self.name.as_deref().unwrap_or(address).to_string();
                let name = ServerName::try_from(name).map_err(|_| {
                    broken(format!("'{}' is no name of a host", self.name.as_deref().unwrap_or(address)))
                })?;
                ClientConnection::new(config.clone(), name).map(Connection::from)
            }
        };
        let made = made.map_err(|e| broken(e.to_string()))?;
        Ok(self.connection.insert(made))
    }
    /// Goes on with the handshake with a peer of an address: what the next step waits for; none: it is over.
    ///
    /// # Errors
    /// It has failed: why, with whom, and what may help.
    pub fn handshake(&mut self, mut io: impl Read + Write, address: &str, port: u16) -> io::Result<Option<Direction>> {
        let name = self.name.clone();
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self.begin(address)?,
        };
        let place = || match &name {
            Some(name) => format!("'{name}' ({address} port {port})"),
            None => format!("{address} port {port}"),
        };
        loop {
            while connection.wants_write() {
                match connection.write_tls(&mut io) {
                    Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(Some(Direction::Write)),
                    outcome => outcome?,
                };
            }
            if !connection.is_handshaking() {
                self.is_established = true;
                return Ok(None);
            }
            match connection.read_tls(&mut io) {
                Ok(0) => {
                    return Err(broken(format!(
                        "{} has closed the connection in the middle of the TLS handshake",
                        place()
                    )));
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(Some(Direction::Read)),
                outcome => outcome?,
            };
            if let Err(e) = connection.process_new_packets() {
                // The peer is told why, if it takes that at once.
                let _ = connection.write_tls(&mut io);
                return Err(broken(words(&e, &place())));
            }
        }
    }
    /// The connection, which is established.
    fn established(&mut self) -> io::Result<&mut Connection> {
        self.connection.as_mut().filter(|_| self.is_established).ok_or_else(closed)
    }
    /// What the peer has sent; of nothing it has announced the end.
    ///
    /// # Errors
    /// `WouldBlock`, or what ends it.
    pub fn read(&mut self, mut io: impl Read + Write, room: &mut [u8]) -> io::Result<usize> {
        let connection = self.established()?;
        loop {
            match connection.reader().read(room) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Err(broken(CUT)),
                outcome => return outcome,
            }
            connection.read_tls(&mut io)?;
            if let Err(e) = connection.process_new_packets() {
                let _ = connection.write_tls(&mut io);
                return Err(broken(words(&e, "the peer")));
            }
            // New keys, for instance. What the system does not take at once goes with the next that is sent.
            if connection.wants_write() {
                let _ = connection.write_tls(&mut io);
            }
        }
    }
    /// Takes bytes to send; how many.
    ///
    /// # Errors
    /// `WouldBlock`: what was taken before is not written yet.
    pub fn write(&mut self, mut io: impl Read + Write, bytes: &[u8]) -> io::Result<usize> {
        self.flush(&mut io)?;
        let connection = self.established()?;
        connection.writer().write(bytes)
    }
    /// Writes what was taken.
    ///
    /// # Errors
    /// `WouldBlock`: there is more of it.
    pub fn flush(&mut self, mut io: impl Read + Write) -> io::Result<()> {
        let connection = self.established()?;
        while connection.wants_write() {
            if connection.write_tls(&mut io)? == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }
    /// Announces the end of what is sent, if the system takes it.
    pub fn announce_end(&mut self, io: impl Read + Write) {
        if let Ok(connection) = self.established() {
            connection.send_close_notify();
            let _ = self.flush(io);
        }
    }

    // What is told of it.

    /// Whether the handshake has begun.
    pub fn has_begun(&self) -> bool {
        self.connection.is_some()
    }
    /// Whether the handshake is over.
    pub fn is_established(&self) -> bool {
        self.is_established
    }
    /// The version of the protocol, as LuaSec calls it, and the name of the cipher.
    pub fn about(&self) -> Option<(&'static str, String)> {
        let connection = self.connection.as_ref()?;
        let version = match connection.protocol_version()? {
            ProtocolVersion::TLSv1_2 => "TLSv1.2",
            ProtocolVersion::TLSv1_3 => "TLSv1.3",
            _ => return None,
        };
        let suite = format!("{:?}", connection.negotiated_cipher_suite()?.suite());
        Some((version, suite.replacen("TLS13_", "TLS_", 1)))
    }
    /// The certificates that the peer has shown, its own first.
    pub fn peers_certificates(&self) -> &[CertificateDer<'static>] {
        self.connection.as_ref().and_then(|c| c.peer_certificates()).unwrap_or_default()
    }
    /// The protocol that was agreed on for what is inside.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.connection.as_ref()?.alpn_protocol()
    }
    /// The name that a client has said it means.
    pub fn peers_name(&self) -> Option<&str> {
        match self.connection.as_ref()? {
            Connection::Server(c) => c.server_name(),
            Connection::Client(_) => self.name.as_deref(),
        }
    }
    /// What the next step of the handshake needs.
    pub fn wants(&self) -> &'static str {
        match &self.connection {
            Some(c) if c.wants_write() => "write",
            Some(c) if c.is_handshaking() && c.wants_read() => "read",
            _ => "nothing",
        }
    }
}
