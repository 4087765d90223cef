//! Requests for the web view, and what is answered: no socket, no clock.
//!
//! Journey: bytes -> **request** -> question. Whoever can reach the port may send anything: a head is of bounded length, who does not know
//! the token gets nothing, and a page of another site cannot make a browser ask under its name (the field `Host`).
//!
//! The token is the first part of the path, so that what the page refers to has it without being told; a token among the parameters would have
//! to be put into each reference.

use std::net::IpAddr;

/// Bytes of a request's head at most.
pub const HEAD: usize = 8 << 10;
/// Fields of it at most.
const FIELDS: usize = 64;
/// Parameters of a question at most.
const PARAMETERS: usize = 16;

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// A file of the page.
    File(&'static File),
    /// What is to be seen, under these parameters.
    Look(Vec<(String, String)>),
}

/// A file of the page.
#[derive(PartialEq, Eq, Debug)]
pub struct File {
    name: &'static str,
    /// Its type.
    pub media: &'static str,
    /// What is in it.
    pub text: &'static str,
}

/// All files: the first one is the page.
static FILES: &[File] = &[
    File { name: "", media: "text/html; charset=utf-8", text: include_str!("page.html") },
    File { name: "page.css", media: "text/css; charset=utf-8", text: include_str!("page.css") },
    File { name: "page.js", media: "text/javascript; charset=utf-8", text: include_str!("page.js") },
];

/// Why a request is refused: a status and a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused(pub u16, pub &'static str);

const NOT_HTTP: Refused = Refused(400, "this is no HTTP request");
const TOO_LONG: Refused = Refused(431, "the head of the request is too long");
const BAD_HOST: Refused = Refused(421, "the request names a host that is no address and not localhost");
const NO_TOKEN: Refused = Refused(403, "the token is missing or wrong: use the whole URL that the program has printed");
const NOT_HERE: Refused = Refused(404, "there is nothing under this name");
const NOT_GET: Refused = Refused(405, "only GET is answered");

/// The request whose head these bytes are. None: more of it has to come.
pub fn request(bytes: &[u8], token: &str, port: u16) -> Option<Result<Request, Refused>> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    match head.parse(bytes) {
        Ok(httparse::Status::Complete(n)) if n > HEAD => return Some(Err(TOO_LONG)),
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) if bytes.len() >= HEAD => return Some(Err(TOO_LONG)),
        Ok(httparse::Status::Partial) => return None,
        Err(httparse::Error::TooManyHeaders) => return Some(Err(TOO_LONG)),
        Err(_) => return Some(Err(NOT_HTTP)),
    }
    let mut hosts = head.headers.iter().filter(|f| f.name.eq_ignore_ascii_case("host"));
    let host = hosts.next().and_then(|f| std::str::from_utf8(f.value).ok());
    if hosts.next().is_some() || !host.is_some_and(|host| is_own(host.trim(), port)) {
        return Some(Err(BAD_HOST));
    }
    let (path, query) = head.path.unwrap_or_default().split_once('?').unwrap_or((head.path.unwrap_or_default(), ""));
    let (given, name) = path.strip_prefix('/').unwrap_or_default().split_once('/').unwrap_or_default();
    if !is_same(given.as_bytes(), token.as_bytes()) {
        return Some(Err(NO_TOKEN));
    }
    if head.method != Some("GET") {
        return Some(Err(NOT_GET));
    }
    if name == "look" {
        return Some(Ok(Request::Look(parameters(query))));
    }
    Some(FILES.iter().find(|f| f.name == name).map(Request::File).ok_or(NOT_HERE))
}

/// Whether a browser that was given this host was not led here by a name which somebody else owns: an address, or `localhost`.
fn is_own(host: &str, port: u16) -> bool {
    let (name, given) = match host.rfind(':').filter(|&at| !host[at..].contains(']')) {
        Some(at) => (&host[..at], &host[at + 1..]),
        None => (host, "80"),
    };
    let address = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')).unwrap_or(name);
    given.parse() == Ok(port) && (name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok())
}
/// Whether two texts are the same, in a time that follows from their lengths alone.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (x, y)| all | (x ^ y)) == 0
}
/// Names and values behind the `?`.
fn parameters(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|p| !p.is_empty()).take(PARAMETERS);
    pairs.map(|p| p.split_once('=').unwrap_or((p, ""))).map(|(k, v)| (decoded(k), decoded(v))).collect()
}
/// A text without percent-coding; what is none of UTF-8 is replaced.
fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let coded = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let coded = coded.filter(|two| two.bytes().all(|c| c.is_ascii_hexdigit()));
        match (first, coded.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                rest = &after[2..];
            }
            (b'+', _) => {
                out.push(b' ');
                rest = after;
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A whole response. Nothing of it is kept, framed, or of any use to a page of another site; the page loads and runs what comes from here alone.
pub fn response(status: u16, media: &str, body: &[u8]) -> Vec<u8> {
    let reason = match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        _ => "Service Unavailable",
    };
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: {media}\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\n\
         Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
/// The response that says why there is no other.
pub fn refusal(Refused(status, why): Refused) -> Vec<u8> {
    response(status, "text/plain; charset=utf-8", format!("{why}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(line: &str, host: &str) -> Result<Request, Refused> {
        let text = format!("{line}\r\nHost: {host}\r\n\r\n");
        request(text.as_bytes(), "secret", 4100).expect("it is whole")
    }

    #[test]
    fn what_is_asked_for_is_found() {
        let page = ask("GET /secret/ HTTP/1.1", "127.0.0.1:4100");
        assert!(matches!(page, Ok(Request::File(f)) if f.media.starts_with("text/html")));
        assert_eq!(
            ask("GET /secret/look?by=memory&filter=a%20b+c%zz%ff HTTP/1.1", "localhost:4100"),
            Ok(Request::Look(vec![
                ("by".to_string(), "memory".to_string()),
                ("filter".to_string(), "a b c%zz\u{fffd}".to_string())
            ]))
        );
        assert_eq!(ask("GET /secret/passwd HTTP/1.1", "[::1]:4100"), Err(NOT_HERE));
        assert_eq!(ask("POST /secret/ HTTP/1.1", "[::1]:4100"), Err(NOT_GET));
    }
    #[test]
    fn without_the_token_there_is_nothing() {
        for path in ["/", "/secre/", "/secrets/", "/secret", "secret/", "//", "/Secret/look", "/%73ecret/", "*"] {
            assert_eq!(ask(&format!("GET {path} HTTP/1.1"), "127.0.0.1:4100"), Err(NO_TOKEN), "{path}");
        }
    }
    #[test]
    fn names_of_others_lead_nowhere() {
        for host in [
            "evil.example:4100",
            "127.0.0.1",
            "127.0.0.1:4101",
            "localhost.evil.example:4100",
            "",
            ":4100",
            "[::1",
            "[::1]",
        ] {
            assert_eq!(ask("GET /secret/ HTTP/1.1", host), Err(BAD_HOST), "{host}");
        }
        let two = b"GET /secret/ HTTP/1.1\r\nHost: localhost:4100\r\nHost: localhost:4100\r\n\r\n";
        assert_eq!(request(two, "secret", 4100), Some(Err(BAD_HOST)));
        assert_eq!(request(b"GET /secret/ HTTP/1.1\r\n\r\n", "secret", 4100), Some(Err(BAD_HOST)));
    }
    #[test]
    fn anything_may_come() {
        let whole = b"GET /secret/look HTTP/1.1\r\nHost: localhost:4100\r\nX: y\r\n\r\n";
        for n in 0..whole.len() {
            assert_eq!(request(&whole[..n], "secret", 4100), None, "{n}");
            let mut damaged = whole.to_vec();
            for byte in [0, b'\r', b'%', 0xff] {
                damaged[n] = byte;
                let _ = request(&damaged, "secret", 4100);
            }
        }
        let long = [b"GET / HTTP/1.1\r\nX: ", &vec![b'y'; HEAD][..]].concat();
        assert_eq!(request(&long, "secret", 4100), Some(Err(TOO_LONG)));
        let many = ["GET / HTTP/1.1\r\n", &"X: y\r\n".repeat(100)[..]].concat();
        assert_eq!(request(many.as_bytes(), "secret", 4100), Some(Err(TOO_LONG)));
        assert_eq!(request(b"\x16\x03\x01\x02\x00\x01", "secret", 4100), Some(Err(NOT_HTTP)));
    }
}
