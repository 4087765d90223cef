//! The open sockets of a process.
//!
//! Journey: value -> **outside world**. A socket's userdata has a number, by which its process finds it here; numbers are not
//! used again in this runtime, so that one which a frozen process brought from elsewhere means nothing.

use super::failure::CLOSED as CLOSED_TEXT;
use super::incoming::Incoming;
use super::ssl::Secured;
use super::timeouts::Timeouts;
use crate::process::core::Time;
use async_io::Async;
use socket2::{Domain, Protocol, SockAddr, Type};
use std::any::Any;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

/// Bits of a number that are a place in the list.
const PLACE_BITS: u32 = 24;
/// A closed socket's number.
pub const CLOSED: u64 = u64::MAX;

/// Internet or its sixth version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// Version 4.
    V4,
    /// Version 6.
    V6,
}

impl Family {
    /// That of an address.
    pub fn of(address: &SocketAddr) -> Family {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }
    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Family::V4 => "inet",
            Family::V6 => "inet6",
        }
    }
}

/// Whether it carries a stream or datagrams.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// TCP.
    Stream,
    /// UDP.
    Datagram,
}

/// A socket of the system, known to the reactor.
pub type Io = Async<socket2::Socket>;

/// A socket.
pub struct Socket {
    /// That of the system; none: it is made when its family is known.
    pub io: Option<Io>,
    /// What it carries.
    pub kind: Kind,
    /// The only family that it may have, or that which it has.
    pub family: Option<Family>,
    /// How long its calls wait.
    pub timeouts: Timeouts,
    /// What has come.
    pub incoming: Incoming,
    /// Bytes that were given to the program, and taken from it.
    pub received: u64,
    /// See above.
    pub sent: u64,
    /// When it was made, by the process's clock; the future is possible, since clocks differ.
    pub born: Time,
    /// It is connecting with the first of them, and is to try the others then.
    pub targets: VecDeque<SocketAddr>,
    /// The name by which it was connected.
    pub host: Option<Box<str>>,
    /// What encrypts it, if anything does.
    pub secured: Option<Box<Secured>>,
    /// What a protocol on top of it keeps with it.
    pub attached: Option<Box<dyn Any + Send>>,
}

impl Socket {
    /// One that the system knows nothing of yet.
    pub fn new(kind: Kind, family: Option<Family>, born: Time) -> Socket {
        Socket {
            io: None,
            kind,
            family,
            timeouts: Timeouts::default(),
            incoming: Incoming::default(),
            received: 0,
            sent: 0,
            born,
            targets: VecDeque::new(),
            host: None,
            secured: None,
            attached: None,
        }
    }
    /// One that the system has made.
    pub fn with_io(io: socket2::Socket, family: Option<Family>, born: Time) -> io::Result<Socket> {
        Ok(Socket { io: Some(Async::new(io)?), ..Socket::new(Kind::Stream, family, born) })
    }
    /// The system's, of this family, made now if there is none of that.
    pub fn io_of(&mut self, family: Family) -> io::Result<&Io> {
        if self.io.is_none() || self.family != Some(family) {
            let domain = if family == Family::V4 { Domain::IPV4 } else { Domain::IPV6 };
            let (kind, protocol) = match self.kind {
                Kind::Stream => (Type::STREAM, Protocol::TCP),
                Kind::Datagram => (Type::DGRAM, Protocol::UDP),
            };
            self.io = Some(Async::new(socket2::Socket::new(domain, kind, Some(protocol))?)?);
            self.family = Some(family);
        }
        Ok(self.io.as_ref().expect("it is made"))
    }
    /// As [`Socket::io_of`], of any family.
    pub fn any_io(&mut self) -> io::Result<&Io> {
        self.io_of(self.family.unwrap_or(Family::V4))
    }
    fn connected(&self) -> io::Result<&Io> {
        self.io.as_ref().ok_or_else(|| io::Error::other(CLOSED_TEXT))
    }
    /// What a connection has brought, of which nothing is its end. Never waits.
    pub fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match (&mut self.secured, &self.io) {
            (Some(secured), Some(io)) => secured.read(io.get_ref(), room),
            _ => self.connected()?.get_ref().read(room),
        }
    }
    /// Takes bytes to send: how many. Never waits.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match (&mut self.secured, &self.io) {
            (Some(secured), Some(io)) => secured.write(io.get_ref(), bytes),
            _ => self.connected()?.get_ref().write(bytes),
        }
    }
    /// Writes what was taken and is not with the system yet. Never waits.
    pub fn flush(&mut self) -> io::Result<()> {
        match (&mut self.secured, &self.io) {
            (Some(secured), Some(io)) => secured.flush(io.get_ref()),
            _ => Ok(()),
        }
    }
    /// Tells the peer that no more is sent, where that is to be told.
    pub fn announce_end(&mut self) {
        if let (Some(secured), Some(io)) = (&mut self.secured, &self.io) {
            secured.announce_end(io.get_ref());
        }
    }
    /// What connections come to, for another process, which shares it.
    pub fn share(&self) -> io::Result<Socket> {
        let io = match &self.io {
            Some(io) => Some(Async::new(io.get_ref().try_clone()?)?),
            None => None,
        };
        Ok(Socket { io, timeouts: self.timeouts, ..Socket::new(self.kind, self.family, self.born) })
    }
}

/// What the system may not have an address for.
pub fn address(of: io::Result<SockAddr>) -> io::Result<SocketAddr> {
    of?.as_socket().ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))
}

/// All of a process.
#[derive(Default)]
pub struct Sockets {
    all: Vec<Option<(u64, Box<Socket>)>>,
    free: Vec<usize>,
    /// Tells the process that one of them may be ready.
    pub waker: Option<Waker>,
}

impl Sockets {
    /// Enters one; its number.
    pub fn add(&mut self, socket: Box<Socket>) -> u64 {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let place = self.free.pop().unwrap_or_else(|| {
            self.all.push(None);
            self.all.len() - 1
        });
        let id = LAST.fetch_add(1, Ordering::Relaxed) << PLACE_BITS | place as u64;
        self.all[place] = Some((id, socket));
        id
    }
    fn place(&self, id: u64) -> Option<usize> {
        let place = (id & ((1 << PLACE_BITS) - 1)) as usize;
        matches!(self.all.get(place), Some(Some((found, _))) if *found == id).then_some(place)
    }
    /// Whether there is one of a number.
    pub fn has(&self, id: u64) -> bool {
        self.place(id).is_some()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.free.len() == self.all.len()
    }
    /// The one of a number.
    pub fn get(&mut self, id: u64) -> Option<&mut Socket> {
        let place = self.place(id)?;
        self.all[place].as_mut().map(|(_, socket)| &mut **socket)
    }
    /// As [`Sockets::get`], to be looked at.
    pub fn look(&self, id: u64) -> Option<&Socket> {
        let place = self.place(id)?;
        self.all[place].as_ref().map(|(_, socket)| &**socket)
    }
    /// The number of the one that the system knows by a number of its own.
    pub fn with_fd(&self, fd: i64) -> Option<u64> {
        let has_it = |s: &Socket| s.io.as_ref().is_some_and(|io| i64::from(io.as_fd().as_raw_fd()) == fd);
        self.all.iter().flatten().find(|(_, s)| has_it(s)).map(|(id, _)| *id)
    }
    /// Takes one out: dropped, it is closed.
    pub fn take(&mut self, id: u64) -> Option<Box<Socket>> {
        let place = self.place(id)?;
        self.free.push(place);
        self.all[place].take().map(|(_, socket)| socket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_means_one_socket_for_ever() {
        let mut sockets = Sockets::default();
        let new = || Box::new(Socket::new(Kind::Stream, None, 0));
        assert!(sockets.is_empty() && !sockets.has(0) && !sockets.has(CLOSED));
        let (a, b) = (sockets.add(new()), sockets.add(new()));
        assert!(sockets.has(a) && sockets.has(b) && a != b);
        assert!(sockets.take(a).is_some() && sockets.take(a).is_none());
        let c = sockets.add(new());
        assert!(!sockets.has(a) && sockets.has(c), "its place is used again, its number is not");
        assert_eq!(sockets.all.len(), 2);
        assert!(sockets.take(b).is_some() && sockets.take(c).is_some() && sockets.is_empty());
    }
}
