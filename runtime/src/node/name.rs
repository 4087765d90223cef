//! Names of nodes: `name@host`, or `name@host:port` for a node that is reached without a port mapper.
//!
//! Journey: remote signal: whom to dial. A name is for display and for dialling; who a node is, the identity of its
//! runtime says. A name has one spelling: ports without leading zeros, IPv6 addresses in brackets. Case is kept and
//! counts, since Lua compares names as strings.
//!
//! Always: what a `NodeName` holds can be printed on one line and put in a file's name: letters, digits and `_-.:[]@`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::net::Ipv6Addr;
use std::sync::Arc;

/// Bytes of the longest name, with host and port.
pub const NAME_MAX: usize = 255;
/// Bytes of the longest part before the `@`.
pub const SHORT_MAX: usize = 63;
/// Bytes of the longest label of a host name (RFC 1035).
const LABEL_MAX: usize = 63;

/// A valid name of a node.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(Arc<str>);

/// Why a text is no name of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameError {
    /// Longer than [`NAME_MAX`], or its first part than [`SHORT_MAX`].
    Long,
    /// No `@`.
    NoHost,
    /// The part before the `@`.
    Short,
    /// The part after it.
    Host,
    /// What follows the colon.
    Port,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            NameError::Long => "the name is too long",
            NameError::NoHost => "'name@host' or 'name@host:port' expected",
            NameError::Short => "the part before '@' must be a letter, then letters, digits and '_'",
            NameError::Host => "the part after '@' must be a host name or an address ('[...]' for IPv6)",
            NameError::Port => "the port must be a number from 1 to 65535",
        })
    }
}
impl std::error::Error for NameError {}

impl NodeName {
    /// Reads `name@host` or `name@host:port`.
    pub fn parse(text: &str) -> Result<NodeName, NameError> {
        if text.len() > NAME_MAX {
            return Err(NameError::Long);
        }
        let (short, rest) = text.split_once('@').ok_or(NameError::NoHost)?;
        check_short(short)?;
        let (host, port) = split_port(rest);
        check_host(host)?;
        port.map_or(Ok(()), check_port)?;
        Ok(NodeName(text.into()))
    }
    /// The same of bytes, as Lua's strings are.
    pub fn parse_bytes(text: &[u8]) -> Result<NodeName, NameError> {
        // What is not UTF-8 is in no valid name; which part it is in, the replaced text tells.
        NodeName::parse(&String::from_utf8_lossy(&text[..text.len().min(NAME_MAX + 1)]))
    }
    /// The part before the `@`.
    pub fn short(&self) -> &str {
        self.0.split_once('@').map_or(&*self.0, |(short, _)| short)
    }
    /// The host, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        let host = split_port(self.0.split_once('@').map_or("", |(_, rest)| rest)).0;
        host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host)
    }
    /// The port on which it listens, if the name has one: then no port mapper is asked.
    pub fn port(&self) -> Option<u16> {
        split_port(self.0.split_once('@')?.1).1?.parse().ok()
    }
    /// All of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a port mapper knows a node by: the part before the `@`.
pub fn check_short(short: &str) -> Result<(), NameError> {
    if short.len() > SHORT_MAX {
        return Err(NameError::Long);
    }
    let mut bytes = short.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic());
    if first && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') { Ok(()) } else { Err(NameError::Short) }
}

/// Divides `host:port`; the colons in brackets belong to the host.
fn split_port(rest: &str) -> (&str, Option<&str>) {
    match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (rest, None),
    }
}

fn check_host(host: &str) -> Result<(), NameError> {
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']').ok_or(NameError::Host)?;
        return address.parse::<Ipv6Addr>().map(|_| ()).map_err(|_| NameError::Host);
    }
    let label = |l: &str| {
        let inner = l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        inner && !l.is_empty() && l.len() <= LABEL_MAX && !l.starts_with('-') && !l.ends_with('-')
    };
    if host.split('.').all(label) { Ok(()) } else { Err(NameError::Host) }
}

fn check_port(port: &str) -> Result<(), NameError> {
    let digits = port.bytes().all(|b| b.is_ascii_digit()) && !port.starts_with('0');
    if digits && port.parse::<u16>().is_ok() { Ok(()) } else { Err(NameError::Port) }
}

impl Serialize for NodeName {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}
impl<'de> Deserialize<'de> for NodeName {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<NodeName, D::Error> {
        NodeName::parse(<&str>::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}
impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let parts = |text: &str| {
            let n = NodeName::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(n.to_string(), text);
            (n.short().to_owned(), n.host().to_owned(), n.port())
        };
        assert_eq!(parts("ping@gaia"), ("ping".into(), "gaia".into(), None));
        assert_eq!(parts("p_1@gaia.example.org:4000"), ("p_1".into(), "gaia.example.org".into(), Some(4000)));
        assert_eq!(parts("a@127.0.0.1"), ("a".into(), "127.0.0.1".into(), None));
        assert_eq!(parts("a@[::1]"), ("a".into(), "::1".into(), None));
        assert_eq!(parts("a@[fe80::2]:65535"), ("a".into(), "fe80::2".into(), Some(65535)));
    }
    #[test]
    fn what_is_no_name_is_refused() {
        for (text, error) in [
            ("", NameError::NoHost),
            ("ping", NameError::NoHost),
            ("@host", NameError::Short),
            ("1a@host", NameError::Short),
            ("a b@host", NameError::Short),
            ("a\n@host", NameError::Short),
            ("ä@host", NameError::Short),
            ("a@", NameError::Host),
            ("a@b@c", NameError::Host),
            ("a@..", NameError::Host),
            ("a@../etc", NameError::Host),
            ("a@host..org", NameError::Host),
            ("a@.host", NameError::Host),
            ("a@host\n", NameError::Host),
            ("a@-host", NameError::Host),
            ("a@::1", NameError::Host),
            ("a@[::1", NameError::Host),
            ("a@[host]", NameError::Host),
            ("a@host:", NameError::Port),
            ("a@host:0", NameError::Port),
            ("a@host:080", NameError::Port),
            ("a@host:+80", NameError::Port),
            ("a@host:65536", NameError::Port),
        ] {
            assert_eq!(NodeName::parse(text), Err(error), "{text:?}");
            assert_eq!(NodeName::parse_bytes(text.as_bytes()), Err(error), "{text:?}");
        }
        assert_eq!(NodeName::parse(&format!("a@{}", "h.".repeat(200))), Err(NameError::Long));
        assert_eq!(NodeName::parse(&format!("{}@h", "a".repeat(64))), Err(NameError::Long));
        assert!(NodeName::parse_bytes(b"a@\xff").is_err());
    }
    #[test]
    fn a_name_from_the_wire_is_checked() {
        let bytes = postcard::to_stdvec("a@host\n").expect("a text is encoded");
        assert!(postcard::from_bytes::<NodeName>(&bytes).is_err());
        let bytes = postcard::to_stdvec(&NodeName::parse("a@host").expect("it is valid")).expect("a name is encoded");
        assert_eq!(bytes, b"\x06a@host");
    }
}
