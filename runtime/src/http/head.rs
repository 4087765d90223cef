//! Heads of HTTP/1 messages: bytes in, what they say out.
//!
//! Journey: outside world -> bytes -> **value**. Pure: the crate `httparse` finds the parts; what is decided here is what they mean
//! for the connection (RFC 9112): where the head ends, where the body will, whether another message may follow.
//!
//! Always: what two readers could understand differently is refused, since one of them may be a proxy that lets through what
//! the other takes for a second request: two lengths, a length and an encoding, an encoding that is not `chunked` alone. Nothing
//! is allocated here but what a refusal says. Not here: reading, and bodies (stream.lua).

use httparse::{Error, Header, ParserConfig, Status};
use memchr::{memchr, memchr_iter};
use std::fmt;
use std::mem::MaybeUninit;

/// Most fields of a head.
pub const FIELDS: usize = 128;
/// Most bytes of the line that begins a chunk.
pub const CHUNK_LINE: usize = 256;

/// What a head may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of its first line, with the end of the line.
    pub line: usize,
    /// Bytes of all of it.
    pub head: usize,
    /// Fields, [`FIELDS`] at the most.
    pub fields: usize,
}

/// Why a head is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status that a server answers it with.
    pub status: u16,
    /// What is wrong, for people.
    pub text: String,
}

/// Where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// After so many bytes.
    Length(u64),
    /// With the last chunk.
    Chunked,
    /// With the connection: of responses alone.
    UntilClosed,
}

/// Room for the fields of a head.
pub type Room<'b> = [MaybeUninit<Header<'b>>; FIELDS];

/// A head: `'b` are the bytes that it is of, `'r` is the room for its fields.
pub struct Head<'r, 'b> {
    /// Its first line.
    pub start: Start<'b>,
    /// HTTP/1.0 or HTTP/1.1.
    pub minor: u8,
    /// Its fields, as they were written.
    pub fields: &'r [Header<'b>],
    /// The bytes that it took, from the beginning of what was given.
    pub len: usize,
    /// Where its body ends.
    pub body: Body,
    /// Whether the connection stays for another message.
    pub keeps_alive: bool,
    /// The body comes when it is asked for (`Expect: 100-continue`).
    pub expects: bool,
}

/// The first line of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start<'b> {
    /// Of a request: method and target.
    Request(&'b str, &'b str),
    /// Of a response: status and reason.
    Response(u16, &'b str),
}

impl fmt::Debug for Head<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} 1.{} {:?} {}", self.start, self.minor, self.body, self.len)
    }
}

fn refuse<T>(status: u16, text: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { status, text: text.into() })
}

/// The bytes of a head at the beginning of some bytes, of which the first `seen` have been looked at before; none: there is more of
/// it to come. Empty lines may come before it.
///
/// # Errors
/// It is too long already, or cannot become one.
pub fn find(bytes: &[u8], seen: usize, limits: &Limits) -> Result<Option<usize>, Refusal> {
    let begins = bytes.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(bytes.len());
    let from = seen.saturating_sub(3).max(begins);
    let ends = memchr_iter(b'\n', &bytes[from..]).find_map(|i| {
        let rest = &bytes[from + i + 1..];
        let empty = if rest.starts_with(b"\n") { 1 } else { 2 };
        (empty == 1 || rest.starts_with(b"\r\n")).then_some(from + i + 1 + empty)
    });
    let line = memchr(b'\n', &bytes[begins..bytes.len().min(begins.saturating_add(limits.line))]);
    if line.is_none() && bytes.len() - begins >= limits.line {
        return refuse(414, format!("the first line has more than {} bytes", limits.line));
    }
    if ends.unwrap_or(bytes.len()) > limits.head {
        return refuse(431, format!("the head has more than {} bytes", limits.head));
    }
    match bytes.get(begins) {
        Some(b) if !b.is_ascii_graphic() => refuse(400, format!("this is not HTTP: it begins with byte {b:#04x}")),
        _ => Ok(ends),
    }
}

fn refusal(e: Error, limits: &Limits) -> Refusal {
    let (status, text) = match e {
        Error::TooManyHeaders => (431, format!("the head has more than {} fields", limits.fields)),
        Error::Version => (505, "the version is not HTTP/1.0 or HTTP/1.1".to_string()),
        Error::HeaderName => (400, "the name of a field has a character that it may not have".to_string()),
        Error::HeaderValue => (400, "the value of a field has a character that it may not have".to_string()),
        Error::NewLine => (400, "a line does not end where it should".to_string()),
        Error::Token => (400, "the first line has a character that it may not have".to_string()),
        Error::Status => (400, "the status is no number of three digits".to_string()),
    };
    Refusal { status, text }
}
fn room<'r, 'b>(room: &'r mut Room<'b>, limits: &Limits) -> &'r mut [MaybeUninit<Header<'b>>] {
    let n = limits.fields.min(room.len());
    &mut room[..n]
}

/// The head of a request in exactly these bytes, as [`find`] has found them.
///
/// # Errors
/// It is none, or such as is refused.
pub fn request<'r, 'b>(bytes: &'b [u8], limits: &Limits, fields: &'r mut Room<'b>) -> Result<Head<'r, 'b>, Refusal> {
    let mut parsed = httparse::Request::new(&mut []);
    let status = parsed.parse_with_uninit_headers(bytes, room(fields, limits)).map_err(|e| refusal(e, limits))?;
    let (Status::Complete(len), Some(method), Some(target), Some(minor)) =
        (status, parsed.method, parsed.path, parsed.version)
    else {
        return refuse(400, "the head ends before it should");
    };
    let fields: &'r [Header<'b>] = parsed.headers;
    let mut head = Head {
        start: Start::Request(method, target),
        minor,
        fields,
        len,
        body: Body::Length(0),
        keeps_alive: true,
        expects: false,
    };
    let mut seen = Seen::default();
    if len != bytes.len() || target.is_empty() {
        return refuse(400, "the head ends before it should");
    }
    seen.look(&head)?;
    head.body = match (seen.length, seen.is_chunked) {
        (Some(_), true) => return refuse(400, "both 'content-length' and 'transfer-encoding' say where the body ends"),
        (_, true) if minor == 0 => return refuse(400, "'transfer-encoding' in HTTP/1.0"),
        (_, true) => Body::Chunked,
        (length, false) => Body::Length(length.unwrap_or(0)),
    };
    if minor == 1 && seen.hosts != 1 {
        return refuse(400, format!("HTTP/1.1 needs one field 'host', and there are {}", seen.hosts));
    }
    head.keeps_alive = seen.keeps_alive(minor);
    head.expects = seen.expects && minor == 1 && head.body != Body::Length(0);
    Ok(head)
}

/// The head of a response in exactly these bytes. Where the body of an answer to HEAD ends, or of a status that has none, is for the
/// caller to know.
///
/// # Errors
/// It is none, or such as is refused.
pub fn response<'r, 'b>(bytes: &'b [u8], limits: &Limits, fields: &'r mut Room<'b>) -> Result<Head<'r, 'b>, Refusal> {
    let mut parsed = httparse::Response::new(&mut []);
    let status = ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, bytes, room(fields, limits));
    let (Status::Complete(len), Some(code), Some(minor)) =
        (status.map_err(|e| refusal(e, limits))?, parsed.code, parsed.version)
    else {
        return refuse(400, "the head ends before it should");
    };
    if len != bytes.len() {
        return refuse(400, "the head ends before it should");
    }
    let start = Start::Response(code, parsed.reason.unwrap_or(""));
    let fields: &'r [Header<'b>] = parsed.headers;
    let mut head = Head { start, minor, fields, len, body: Body::UntilClosed, keeps_alive: false, expects: false };
    let mut seen = Seen::default();
    seen.look(&head)?;
    head.body = match (seen.length, seen.is_chunked) {
        (_, true) => Body::Chunked,
        (Some(n), false) => Body::Length(n),
        (None, false) => Body::UntilClosed,
    };
    // With both it may be one of two.
    let is_clear = seen.length.is_none() || !seen.is_chunked;
    head.keeps_alive = seen.keeps_alive(minor) && is_clear;
    Ok(head)
}

/// What the fields say of the connection.
#[derive(Default)]
struct Seen {
    length: Option<u64>,
    is_chunked: bool,
    closes: bool,
    asks_to_stay: bool,
    expects: bool,
    hosts: usize,
}

impl Seen {
    fn look(&mut self, head: &Head<'_, '_>) -> Result<(), Refusal> {
        for field in head.fields {
            let value = field.value.trim_ascii();
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            // Few lengths of names are looked at closely.
            match field.name.len() {
                4 if is("host") => self.hosts += 1,
                6 if is("expect") => {
                    if !value.eq_ignore_ascii_case(b"100-continue") {
                        return refuse(417, "an 'expect' that is not '100-continue'");
                    }
                    self.expects = true;
                }
                10 if is("connection") => {
                    for option in value.split(|b| *b == b',').map(<[u8]>::trim_ascii) {
                        self.closes |= option.eq_ignore_ascii_case(b"close");
                        self.asks_to_stay |= option.eq_ignore_ascii_case(b"keep-alive");
                    }
                }
                14 if is("content-length") => {
                    if self.length.is_some() {
                        return refuse(400, "more than one 'content-length'");
                    }
                    self.length = Some(length(value)?);
                }
                17 if is("transfer-encoding") => {
                    if self.is_chunked || !value.eq_ignore_ascii_case(b"chunked") {
                        return refuse(501, "a 'transfer-encoding' that is not 'chunked'");
                    }
                    self.is_chunked = true;
                }
                _ => {}
            }
        }
        Ok(())
    }
    fn keeps_alive(&self, minor: u8) -> bool {
        !self.closes && (minor == 1 || self.asks_to_stay)
    }
}
/// A `content-length`: digits alone. One that is past all numbers is the greatest.
fn length(value: &[u8]) -> Result<u64, Refusal> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return refuse(400, "a 'content-length' that is no number");
    }
    let most = i64::MAX as u64;
    let add = |n: u64, digit: &u8| n.saturating_mul(10).saturating_add(u64::from(digit - b'0')).min(most);
    Ok(value.iter().fold(0, add))
}

/// The line that begins a chunk: its bytes and those of the chunk; none: there is more of it to come.
///
/// # Errors
/// It is none.
pub fn chunk(bytes: &[u8]) -> Result<Option<(usize, u64)>, Refusal> {
    let known = &bytes[..bytes.len().min(CHUNK_LINE)];
    if known.first().is_some_and(|b| !b.is_ascii_hexdigit()) {
        // `httparse` would take no digits for 0, the end of a body.
        return refuse(400, "a chunk does not begin with its length");
    }
    match httparse::parse_chunk_size(known) {
        Ok(Status::Complete((len, size))) if size <= i64::MAX as u64 => Ok(Some((len, size))),
        Ok(Status::Partial) if known.len() < CHUNK_LINE => Ok(None),
        Ok(Status::Partial) => refuse(400, format!("the line before a chunk has more than {CHUNK_LINE} bytes")),
        Ok(Status::Complete(_)) | Err(_) => refuse(400, "a chunk does not begin with its length"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { line: 64, head: 400, fields: 5 };

    fn with_request<T>(text: &str, f: impl FnOnce(Result<Head<'_, '_>, Refusal>) -> T) -> T {
        let mut room = [MaybeUninit::uninit(); FIELDS];
        let bytes = text.as_bytes();
        match find(bytes, 0, &LIMITS) {
            Ok(Some(len)) => f(request(&bytes[..len], &LIMITS, &mut room)),
            Ok(None) => panic!("{text:?} has no end"),
            Err(refusal) => f(Err(refusal)),
        }
    }
    fn refused(text: &str) -> u16 {
        with_request(text, |head| head.expect_err(text).status)
    }
    /// The body, whether the connection stays, and whether the body waits.
    fn connection(text: &str) -> (Body, bool, bool) {
        with_request(text, |head| head.map(|h| (h.body, h.keeps_alive, h.expects)).expect(text))
    }
    fn with_response<T>(text: &str, f: impl FnOnce(Result<Head<'_, '_>, Refusal>) -> T) -> T {
        let mut room = [MaybeUninit::uninit(); FIELDS];
        f(response(text.as_bytes(), &LIMITS, &mut room))
    }

    #[test]
    fn a_request() {
        let text = "\r\nGET /a?b HTTP/1.1\r\nHost: x\r\nX-Two:  words here \r\n\r\nrest";
        with_request(text, |head| {
            let head = head.expect("it is one");
            assert_eq!((head.start, head.minor, head.len), (Start::Request("GET", "/a?b"), 1, text.len() - 4));
            let fields: Vec<_> = head.fields.iter().map(|f| (f.name, f.value.trim_ascii())).collect();
            assert_eq!(fields, [("Host", &b"x"[..]), ("X-Two", b"words here")]);
        });
    }
    #[test]
    fn an_end_is_found_wherever_it_is_cut() {
        for text in ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\n\nGET / HTTP/1.0\n\n"] {
            for first in 0..text.len() {
                assert_eq!(find(&text.as_bytes()[..first], 0, &LIMITS), Ok(None), "{first} bytes of {text:?}");
                assert_eq!(find(text.as_bytes(), first, &LIMITS), Ok(Some(text.len())), "after {first} of {text:?}");
            }
        }
    }
    #[test]
    fn limits_hold_before_the_end_and_at_it() {
        let status = |text: &str| find(text.as_bytes(), 0, &LIMITS).map_err(|r| r.status);
        assert_eq!(status(&"G".repeat(63)), Ok(None));
        assert_eq!(status(&"G".repeat(64)), Err(414));
        assert_eq!(status(&format!("{}\r\n\r\n", "G".repeat(64))), Err(414));
        let long = format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(381));
        assert_eq!((status(&long), status(&format!("{long}z"))), (Ok(None), Err(431)));
        assert_eq!(status(&"\r\n".repeat(201)), Err(431));
        let with = |n: usize| format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "a: b\r\n".repeat(n - 1));
        assert_eq!(connection(&with(5)).0, Body::Length(0));
        assert_eq!(refused(&with(6)), 431);
    }
    #[test]
    fn what_is_no_request() {
        for (text, status) in [
            ("\x16\x03\x01\r\n\r\n", 400),
            ("hello\r\n\r\n", 400),
            ("GET /\r\n\r\n", 400),
            ("GET  HTTP/1.1\r\nHost: x\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: x\0\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: x\r\nExpect: more\r\n\r\n", 417),
        ] {
            assert_eq!(refused(text), status, "{text:?}");
        }
    }
    #[test]
    fn a_body_ends_in_one_way_alone() {
        let body = |fields: &str| connection(&format!("POST / HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n")).0;
        assert_eq!(body("Content-Length: 17"), Body::Length(17));
        assert_eq!(body("content-length: 99999999999999999999999999"), Body::Length(i64::MAX as u64));
        assert_eq!(body("Transfer-Encoding: Chunked"), Body::Chunked);
        let status = |fields: &str| refused(&format!("POST / HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n"));
        for wrong in ["-1", "+1", "0x10", "1 2", "1, 1", "", "1e3"] {
            assert_eq!(status(&format!("Content-Length: {wrong}")), 400, "{wrong:?}");
        }
        assert_eq!(status("Content-Length: 1\r\nContent-Length: 1"), 400);
        assert_eq!(status("Content-Length: 1\r\nTransfer-Encoding: chunked"), 400);
        assert_eq!(status("Transfer-Encoding: gzip, chunked"), 501);
        assert_eq!(status("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 501);
        assert_eq!(refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
    }
    #[test]
    fn whether_the_connection_stays() {
        let stays = |line: &str| connection(&format!("GET / {line}\r\n\r\n")).1;
        assert!(stays("HTTP/1.1\r\nHost: x"));
        assert!(!stays("HTTP/1.1\r\nHost: x\r\nConnection: foo, CLOSE"));
        assert!(!stays("HTTP/1.0"));
        assert!(stays("HTTP/1.0\r\nConnection: Keep-Alive"));
    }
    #[test]
    fn who_waits_to_be_asked_has_a_body() {
        let waits = |line: &str| connection(&format!("POST / {line}\r\nExpect: 100-Continue\r\n\r\n")).2;
        assert!(waits("HTTP/1.1\r\nHost: x\r\nContent-Length: 1"));
        assert!(!waits("HTTP/1.1\r\nHost: x"));
        assert!(!waits("HTTP/1.0\r\nContent-Length: 1"));
    }
    #[test]
    fn responses() {
        let said = |h: Head<'_, '_>| match h.start {
            Start::Response(code, reason) => ((code, reason.to_string()), h.body, h.keeps_alive),
            Start::Request(..) => panic!("it is a response"),
        };
        let body = |text: &str| with_response(text, |head| head.map(said).map_err(|r| r.status));
        let ok = (200, "OK".to_string());
        assert_eq!(body("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n"), Ok((ok.clone(), Body::Length(3), true)));
        assert_eq!(body("HTTP/1.0 200 OK\r\n\r\n"), Ok((ok.clone(), Body::UntilClosed, false)));
        let both = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n";
        assert_eq!(body(both), Ok((ok, Body::Chunked, false)));
        assert_eq!(body("HTTP/1.1 204\r\n\r\n"), Ok(((204, String::new()), Body::UntilClosed, true)));
        assert_eq!(body("HTTP/1.1 20x OK\r\n\r\n"), Err(400));
    }
    #[test]
    fn chunks() {
        assert_eq!(chunk(b"1a;name=value\r\n..."), Ok(Some((15, 26))));
        assert_eq!(chunk(b"0\r\n\r\n"), Ok(Some((3, 0))));
        assert_eq!(chunk(b""), Ok(None));
        assert_eq!(chunk(b"1a"), Ok(None));
        assert_eq!(chunk(b"1a\r"), Ok(None));
        for wrong in [&b"x\r\n"[..], b"-1\r\n", b"\r\n", b"1\rx", b"fffffffffffffffff\r\n", b"ffffffffffffffff\r\n"] {
            assert!(chunk(wrong).is_err(), "{:?}", wrong.escape_ascii().to_string());
        }
        let long = [b"1;", &[b'x'; CHUNK_LINE - 2][..]].concat();
        assert!(chunk(&long).is_err() && chunk(&long[1..]).is_err() && chunk(&long[..255]).is_ok());
    }
}
