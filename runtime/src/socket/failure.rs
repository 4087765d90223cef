//! Why a call of a socket has failed, in LuaSocket's words.
//!
//! Journey: system -> **value**. Programs compare these texts (`err == 'timeout'`), so they are part of the interface; what has
//! none of LuaSocket's own is the system's text, as there.

use rlua_machine::stdlib::io::reason;
use rustix::io::Errno;
use std::io;

/// The peer sends no more, or the socket is closed.
pub const CLOSED: &str = "closed";
/// The time of the call is over.
pub const TIMEOUT: &str = "timeout";
/// A name stands for no address.
pub const UNKNOWN_HOST: &str = "host or service not provided, or not known";

/// An error of the system.
pub fn words(e: &io::Error) -> String {
    let known = match e.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::ADDRINUSE) => "address already in use",
        Some(Errno::ISCONN) => "already connected",
        Some(Errno::ACCESS) => "permission denied",
        Some(Errno::CONNREFUSED) => "connection refused",
        Some(Errno::CONNABORTED | Errno::CONNRESET | Errno::PIPE) => CLOSED,
        Some(Errno::TIMEDOUT) => TIMEOUT,
        _ => return reason(e),
    };
    known.to_string()
}

/// An error of a resolver.
pub fn of_resolver(e: &dns_lookup::LookupError) -> String {
    use dns_lookup::LookupErrorKind::*;
    let known = match e.kind() {
        Again => "temporary failure in name resolution",
        Badflags => "invalid value for ai_flags",
        Fail => "non-recoverable failure in name resolution",
        Family => "ai_family not supported",
        Memory => "memory allocation failure",
        NoName | NoData => UNKNOWN_HOST,
        Service => "service not supported for socket type",
        Socktype => "ai_socktype not supported",
        _ => return reason(&io::Error::other(e.to_string())),
    };
    known.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_compare_these() {
        let of = |e: Errno| words(&io::Error::from_raw_os_error(e.raw_os_error()));
        assert_eq!(of(Errno::CONNREFUSED), "connection refused");
        assert_eq!(of(Errno::PIPE), "closed");
        assert_eq!(of(Errno::CONNRESET), "closed");
        assert_eq!(of(Errno::ADDRINUSE), "address already in use");
        assert_eq!(of(Errno::ISCONN), "already connected");
        assert_eq!(of(Errno::NETUNREACH), "Network is unreachable");
    }
}
