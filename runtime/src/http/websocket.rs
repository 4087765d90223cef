//! A WebSocket's protocol (RFC 6455): bytes and messages in, messages and bytes out.
//!
//! Journey: outside world -> bytes -> **message** -> bytes -> outside world. Pure: `tungstenite` is given a pipe of memory in the place of a
//! connection, and decides on frames, masks, fragments, pings and the handshake of the end; what is decided here is what ends it, with
//! which code. Sockets and waiting are for websocket.lua.
//!
//! Always: a message longer than allowed is refused before there is memory for it, fragments or not.

use std::io::{self, ErrorKind, Read, Write};
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Bytes, Error, Message, Utf8Bytes};

/// Bytes of a buffer that each connection keeps.
const BUFFER: usize = 2048;
/// Bytes of a reason at the end, and of a ping.
pub const MOST_REASON: usize = 123;
/// See above.
pub const MOST_PING: usize = 125;
/// What ended without a code, and what was cut: these two are never sent.
const NO_CODE: u16 = 1005;
const CUT: u16 = 1006;

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
    /// Was answered already.
    Ping,
    /// An answer to a ping, or none to any.
    Pong,
}

/// What has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A message.
    Message(Kind, Bytes),
    /// The end, with its code and reason. It comes again as often as it is asked for.
    Closed(u16, String),
}

/// Why a message cannot be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// It has ended, or is about to.
    Closed,
    /// A text is no UTF-8, from this byte on.
    NoText(usize),
    /// A ping or a reason is too long, in bytes.
    TooLong(usize),
    /// A code that may not be sent.
    Code(u16),
}

/// What stands for the connection.
#[derive(Default)]
struct Pipe {
    incoming: Vec<u8>,
    /// How many of them are read.
    at: usize,
    is_over: bool,
    outgoing: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let rest = &self.incoming[self.at..];
        if rest.is_empty() {
            return if self.is_over { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        let n = rest.len().min(room.len());
        room[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        if self.at == self.incoming.len() {
            (self.incoming, self.at) = (Vec::new(), 0);
        }
        Ok(n)
    }
}
impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// See above.
pub struct Machine {
    context: WebSocketContext,
    pipe: Pipe,
    closed: Option<(u16, String)>,
}

impl Machine {
    /// That of one side, whose peer's messages may have so many bytes.
    pub fn new(is_server: bool, most: usize) -> Machine {
        let role = if is_server { Role::Server } else { Role::Client };
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(most))
            .max_frame_size(Some(most.max(MOST_PING)));
        Machine { context: WebSocketContext::new(role, Some(config)), pipe: Pipe::default(), closed: None }
    }
    /// Bytes have come from the peer.
    pub fn receive(&mut self, bytes: &[u8]) {
        if self.closed.is_none() {
            self.pipe.incoming.extend_from_slice(bytes);
        }
    }
    /// The peer sends no more.
    pub fn end_of_input(&mut self) {
        self.pipe.is_over = true;
    }
    /// What has come next; none: more bytes are needed.
    pub fn event(&mut self) -> Option<Event> {
        if let Some((code, reason)) = &self.closed {
            return Some(Event::Closed(*code, reason.clone()));
        }
        loop {
            let (code, reason) = match self.context.read(&mut self.pipe) {
                Ok(Message::Text(text)) => return Some(Event::Message(Kind::Text, text.into())),
                Ok(Message::Binary(bytes)) => return Some(Event::Message(Kind::Binary, bytes)),
                Ok(Message::Ping(bytes)) => {
                    self.flush();
                    return Some(Event::Message(Kind::Ping, bytes));
                }
                Ok(Message::Pong(bytes)) => return Some(Event::Message(Kind::Pong, bytes)),
                Ok(Message::Frame(_)) => continue,
                Ok(Message::Close(frame)) => {
                    // What answers it.
                    self.flush();
                    frame.map_or((NO_CODE, String::new()), |f| (f.code.into(), f.reason.as_str().to_string()))
                }
                Err(Error::Io(e)) if e.kind() == ErrorKind::WouldBlock => return None,
                Err(e) => self.failed(&e),
            };
            self.pipe.incoming = Vec::new();
            self.closed = Some((code, reason.clone()));
            return Some(Event::Closed(code, reason));
        }
    }
    /// The peer does not keep to the protocol: it is told why.
    fn failed(&mut self, e: &Error) -> (u16, String) {
        let code = match e {
            Error::Capacity(_) => CloseCode::Size,
            Error::Utf8(_) => CloseCode::Invalid,
            Error::Protocol(_) if !self.pipe.is_over => CloseCode::Protocol,
            _ => return (CUT, "the connection was cut".to_string()),
        };
        let mut reason = e.to_string();
        reason.truncate(reason.floor_char_boundary(MOST_REASON));
        let _ = self.context.close(&mut self.pipe, Some(CloseFrame { code, reason: reason.clone().into() }));
        (code.into(), reason)
    }
    fn flush(&mut self) {
        // A server's last answer comes with the error that nothing may follow it.
        let _ = self.context.flush(&mut self.pipe);
    }
    /// Takes a message to send.
    ///
    /// # Errors
    /// Why it cannot be sent.
    pub fn send(&mut self, kind: Kind, bytes: &[u8]) -> Result<(), Refusal> {
        let message = match kind {
            Kind::Text => {
                let text = std::str::from_utf8(bytes).map_err(|e| Refusal::NoText(e.valid_up_to()))?;
                Message::Text(Utf8Bytes::from(text))
            }
            Kind::Binary => Message::Binary(Bytes::copy_from_slice(bytes)),
            Kind::Ping | Kind::Pong if bytes.len() > MOST_PING => return Err(Refusal::TooLong(bytes.len())),
            Kind::Ping => Message::Ping(Bytes::copy_from_slice(bytes)),
            Kind::Pong => Message::Pong(Bytes::copy_from_slice(bytes)),
        };
        if self.closed.is_some() || !self.context.can_write() {
            return Err(Refusal::Closed);
        }
        self.context.write(&mut self.pipe, message).map_err(|_| Refusal::Closed)?;
        self.flush();
        Ok(())
    }
    /// Begins the end: what the peer answers is [`Event::Closed`].
    ///
    /// # Errors
    /// It cannot end so.
    pub fn close(&mut self, code: u16, reason: &str) -> Result<(), Refusal> {
        if reason.len() > MOST_REASON {
            return Err(Refusal::TooLong(reason.len()));
        }
        let allowed = CloseCode::from(code);
        if !allowed.is_allowed() {
            return Err(Refusal::Code(code));
        }
        if self.closed.is_some() || !self.context.can_write() {
            return Err(Refusal::Closed);
        }
        let _ = self.context.close(&mut self.pipe, Some(CloseFrame { code: allowed, reason: reason.into() }));
        Ok(())
    }
    /// What is to be sent to the peer.
    pub fn take_outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pipe.outgoing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(most: usize) -> (Machine, Machine) {
        (Machine::new(true, most), Machine::new(false, most))
    }
    /// Hands over all that one has for the other, in pieces of so many bytes; what that makes of it.
    fn hand(from: &mut Machine, to: &mut Machine, size: usize) -> Vec<Event> {
        let mut events = Vec::new();
        for piece in from.take_outgoing().chunks(size) {
            to.receive(piece);
            while let Some(event) = to.event() {
                let is_end = matches!(event, Event::Closed(..));
                events.push(event);
                if is_end {
                    break;
                }
            }
        }
        events
    }
    fn message(kind: Kind, bytes: &[u8]) -> Event {
        Event::Message(kind, Bytes::copy_from_slice(bytes))
    }
    /// What a server makes of some bytes.
    fn of(bytes: &[u8]) -> Option<u16> {
        let (mut server, _) = pair(16);
        server.receive(bytes);
        match server.event() {
            Some(Event::Closed(code, _)) => Some(code),
            _ => None,
        }
    }

    #[test]
    fn messages_both_ways_in_any_pieces() {
        for size in [1, 2, 7, 5000] {
            let (mut server, mut client) = pair(1 << 20);
            let long = vec![7; 70_000];
            client.send(Kind::Text, "ä text".as_bytes()).expect("it is open");
            client.send(Kind::Binary, &long).expect("it is open");
            client.send(Kind::Ping, b"p").expect("it is open");
            let events = hand(&mut client, &mut server, size);
            let expected =
                [message(Kind::Text, "ä text".as_bytes()), message(Kind::Binary, &long), message(Kind::Ping, b"p")];
            assert!(events == expected, "in pieces of {size}");
            assert_eq!(hand(&mut server, &mut client, size), [message(Kind::Pong, b"p")]);
            server.send(Kind::Text, b"").expect("it is open");
            assert_eq!(hand(&mut server, &mut client, size), [message(Kind::Text, b"")]);
        }
    }
    #[test]
    fn an_end_is_answered() {
        let (mut server, mut client) = pair(100);
        client.close(4001, "enough").expect("it is open");
        assert_eq!(client.send(Kind::Text, b"x"), Err(Refusal::Closed));
        let end = Event::Closed(4001, "enough".to_string());
        assert_eq!(hand(&mut client, &mut server, 3).last(), Some(&end));
        assert_eq!(server.event(), Some(end.clone()), "as often as it is asked for");
        assert_eq!(server.send(Kind::Text, b"x"), Err(Refusal::Closed));
        assert_eq!(hand(&mut server, &mut client, 3).last(), Some(&end));
    }
    #[test]
    fn what_cannot_be_sent() {
        let (mut server, _) = pair(100);
        assert_eq!(server.send(Kind::Text, b"ab\xff"), Err(Refusal::NoText(2)));
        assert_eq!(server.send(Kind::Ping, &[0; 126]), Err(Refusal::TooLong(126)));
        assert_eq!(server.close(1005, ""), Err(Refusal::Code(1005)));
        assert_eq!(server.close(1000, &"x".repeat(124)), Err(Refusal::TooLong(124)));
        assert!(server.take_outgoing().is_empty());
    }
    #[test]
    fn what_is_refused_and_how() {
        assert_eq!(of(&[0x81, 0x00]), Some(1002), "a client masks");
        assert_eq!(of(&[0xf1, 0x80, 0, 0, 0, 0]), Some(1002), "bits that mean nothing");
        assert_eq!(of(&[0x83, 0x80, 0, 0, 0, 0]), Some(1002), "no such kind");
        assert_eq!(of(&[0x80, 0x80, 0, 0, 0, 0]), Some(1002), "it continues nothing");
        assert_eq!(of(&[0x81, 0x81, 0, 0, 0, 0, 0xff]), Some(1007), "no UTF-8");
        assert_eq!(
            of(&[0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
            Some(1009),
            "too long"
        );
        let fragment = |opcode| [&[opcode, 0x89, 0, 0, 0, 0][..], &[b'x'; 9]].concat();
        assert_eq!(of(&[fragment(0x01), fragment(0x80)].concat()), Some(1009), "too long in all");
        let (mut server, mut client) = pair(16);
        client.receive(&[0x81, 0x80, 0, 0, 0, 0]);
        assert!(matches!(client.event(), Some(Event::Closed(1002, _))), "a server does not mask");
        server.end_of_input();
        assert!(matches!(server.event(), Some(Event::Closed(1006, _))), "it was cut");
    }
}
