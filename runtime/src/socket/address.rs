//! Hosts and ports to addresses.
//!
//! Journey: value -> **addresses** -> system. What is an address in figures is none of the resolver's business; a name is
//! looked up as a call of the system that may take long, which others do not wait for.

use super::failure::{UNKNOWN_HOST, of_resolver};
use super::open::{Family, Kind};
use dns_lookup::{AddrInfo, AddrInfoHints, getaddrinfo};
use rlua_machine::stdlib::host::blocking;
use rlua_machine::value::Value;
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Result, Step};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

// Of netdb.h, the same on Linux, macOS and the BSDs.
const AI_PASSIVE: i32 = 1;
pub const AI_CANONNAME: i32 = 2;
const SOCK_STREAM: i32 = 1;
const SOCK_DGRAM: i32 = 2;

/// What addresses are for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// To listen, or to receive: `*` and the empty name are all interfaces.
    Bind,
    /// To reach a peer.
    Connect,
}

/// The addresses of a host (register `host`) and a port (the one after it), of a family if one is wanted, best first; or why
/// there are none.
pub fn resolve(
    vm: &mut Vm,
    host: usize,
    purpose: Purpose,
    kind: Kind,
    family: Option<Family>,
) -> Result<std::result::Result<Vec<SocketAddr>, String>> {
    let name = text_argument(vm, host)?;
    let service = text_argument(vm, host + 1)?;
    if let Some(address) = in_figures(&name, &service, purpose, family) {
        return Ok(Ok(vec![address]));
    }
    let name = (purpose == Purpose::Connect || name != "*").then_some(name);
    let hints = AddrInfoHints {
        socktype: if kind == Kind::Stream { SOCK_STREAM } else { SOCK_DGRAM },
        address: family.map_or(0, |f| if f == Family::V4 { libc_inet() } else { libc_inet6() }),
        flags: if purpose == Purpose::Bind { AI_PASSIVE } else { 0 },
        ..AddrInfoHints::default()
    };
    Ok(lookup(vm, name, Some(service), hints).map(|all| all.into_iter().map(|a| a.sockaddr).collect()))
}
/// Asks the system's resolver, which may take long.
pub fn lookup(
    vm: &mut Vm,
    host: Option<String>,
    service: Option<String>,
    hints: AddrInfoHints,
) -> std::result::Result<Vec<AddrInfo>, String> {
    let found = blocking(vm, |_| {
        getaddrinfo(host.as_deref(), service.as_deref(), Some(hints)).map(|all| all.flatten().collect::<Vec<_>>())
    });
    found.map_err(|e| of_resolver(&e))
}
fn libc_inet() -> i32 {
    i32::from(socket2::Domain::IPV4)
}
fn libc_inet6() -> i32 {
    i32::from(socket2::Domain::IPV6)
}
/// An address that needs no resolver.
fn in_figures(name: &str, service: &str, purpose: Purpose, family: Option<Family>) -> Option<SocketAddr> {
    let port = service.parse().ok()?;
    let ip = match name {
        "*" if purpose == Purpose::Bind && family == Some(Family::V6) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        "*" if purpose == Purpose::Bind => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        _ => name.parse().ok()?,
    };
    let address = SocketAddr::new(ip, port);
    family.is_none_or(|f| f == Family::of(&address)).then_some(address)
}
/// As [`resolve`], of figures alone.
pub fn numeric(
    vm: &mut Vm,
    host: usize,
    family: Option<Family>,
) -> Result<std::result::Result<SocketAddr, &'static str>> {
    let (name, service) = (text_argument(vm, host)?, text_argument(vm, host + 1)?);
    Ok(in_figures(&name, &service, Purpose::Connect, family).ok_or(UNKNOWN_HOST))
}
/// A name or number for the resolver. What is no text, or has a zero in it, is no name of anything: it is looked up as such.
pub fn text_argument(vm: &mut Vm, i: usize) -> Result<String> {
    let s = vm.check_string(i)?;
    if s.bytes().len() > MOST_TEXT {
        return Err(vm.arg_error(i, "name too long"));
    }
    Ok(String::from_utf8_lossy(s.bytes()).replace('\0', "\u{fffd}"))
}
/// Bytes of the longest name that is looked up: DNS has 253.
const MOST_TEXT: usize = 1024;

/// Pushes `address, port, family`.
pub fn push_name(vm: &mut Vm, address: SocketAddr) -> Result<Step> {
    let ip = vm.heap.string(address.ip().to_string().as_bytes());
    let family = vm.heap.name(Family::of(&address).name().as_bytes());
    vm.push(ip);
    vm.push(Value::integer(address.port().into()));
    vm.push(family);
    Ok(Step::Return(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_need_no_resolver() {
        let of = |name, service, purpose, family| in_figures(name, service, purpose, family).map(|a| a.to_string());
        use Purpose::*;
        assert_eq!(of("127.0.0.1", "80", Connect, None).as_deref(), Some("127.0.0.1:80"));
        assert_eq!(of("::1", "80", Connect, None).as_deref(), Some("[::1]:80"));
        assert_eq!(of("*", "0", Bind, None).as_deref(), Some("0.0.0.0:0"));
        assert_eq!(of("*", "0", Bind, Some(Family::V6)).as_deref(), Some("[::]:0"));
        assert_eq!(of("*", "80", Connect, None), None);
        assert_eq!(of("::1", "80", Connect, Some(Family::V4)), None);
        assert_eq!(of("localhost", "80", Connect, None), None);
        assert_eq!(of("127.0.0.1", "http", Connect, None), None);
        assert_eq!(of("127.0.0.1", "65536", Connect, None), None);
    }
}
