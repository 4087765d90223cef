//! `setoption` and `getoption`.
//!
//! Journey: value -> **system** -> value. One list of options for both kinds of socket: what each may be set to, what for, and
//! how. Those that LuaSocket has besides (`bindtodevice` and the like) are refused as unknown.

use super::class::{Class, socket_of};
use super::failure::words;
use super::open::Io;
use super::refuse;
use super::wait::SYSTEM_CALL;
use rlua_machine::stdlib::field;
use rlua_machine::value::{Kind as ValueKind, Ref, Table, Userdata, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Result, Step};
use socket2::Socket as System;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// How an option's value looks in Lua, and how it is set and read.
enum Access {
    Flag(Option<fn(&System, bool) -> io::Result<()>>, Option<fn(&System) -> io::Result<bool>>),
    Number(Option<fn(&System, u32) -> io::Result<()>>, Option<fn(&System) -> io::Result<u32>>),
    /// `{ on, timeout }`.
    Linger,
    /// Why the last call failed.
    Error,
    /// The interface that multicasts leave by: an address, or `*`.
    Interface,
    /// `{ multiaddr, interface }`.
    Group(fn(&System, &Ipv4Addr, &Ipv4Addr) -> io::Result<()>),
    Group6(fn(&System, &Ipv6Addr, u32) -> io::Result<()>),
}
use Access::*;

/// Whose it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Tcp,
    Udp,
    Both,
}

fn seconds(n: u32) -> Duration {
    Duration::from_secs(n.into())
}
fn number_of(d: Duration) -> u32 {
    d.as_secs().min(u32::MAX.into()) as u32
}
fn size(n: u32) -> usize {
    n as usize
}
fn keepalive(change: impl Fn(socket2::TcpKeepalive) -> socket2::TcpKeepalive, s: &System) -> io::Result<()> {
    // Setting one of its times turns it on, which is not asked for.
    let was_on = s.keepalive()?;
    s.set_tcp_keepalive(&change(socket2::TcpKeepalive::new()))?;
    s.set_keepalive(was_on)
}

static ALL: &[(&str, Of, Access)] = &[
    ("keepalive", Of::Tcp, Flag(Some(System::set_keepalive), Some(System::keepalive))),
    ("reuseaddr", Of::Both, Flag(Some(System::set_reuse_address), Some(System::reuse_address))),
    ("reuseport", Of::Both, Flag(Some(System::set_reuse_port), Some(System::reuse_port))),
    ("tcp-nodelay", Of::Tcp, Flag(Some(System::set_tcp_nodelay), Some(System::tcp_nodelay))),
    (
        "tcp-keepidle",
        Of::Tcp,
        Number(Some(|s, n| keepalive(|k| k.with_time(seconds(n)), s)), Some(|s| s.tcp_keepalive_time().map(number_of))),
    ),
    (
        "tcp-keepintvl",
        Of::Tcp,
        Number(
            Some(|s, n| keepalive(|k| k.with_interval(seconds(n)), s)),
            Some(|s| s.tcp_keepalive_interval().map(number_of)),
        ),
    ),
    (
        "tcp-keepcnt",
        Of::Tcp,
        Number(Some(|s, n| keepalive(|k| k.with_retries(n), s)), Some(System::tcp_keepalive_retries)),
    ),
    ("ipv6-v6only", Of::Both, Flag(Some(System::set_only_v6), Some(System::only_v6))),
    ("linger", Of::Tcp, Linger),
    ("error", Of::Both, Error),
    (
        "recv-buffer-size",
        Of::Both,
        Number(Some(|s, n| s.set_recv_buffer_size(size(n))), Some(|s| s.recv_buffer_size().map(|n| n as u32))),
    ),
    (
        "send-buffer-size",
        Of::Both,
        Number(Some(|s, n| s.set_send_buffer_size(size(n))), Some(|s| s.send_buffer_size().map(|n| n as u32))),
    ),
    ("broadcast", Of::Udp, Flag(Some(System::set_broadcast), Some(System::broadcast))),
    ("ip-multicast-if", Of::Udp, Interface),
    ("ip-multicast-ttl", Of::Udp, Number(Some(System::set_multicast_ttl_v4), None)),
    ("ip-multicast-loop", Of::Udp, Flag(Some(System::set_multicast_loop_v4), Some(System::multicast_loop_v4))),
    ("ip-add-membership", Of::Udp, Group(System::join_multicast_v4)),
    ("ip-drop-membership", Of::Udp, Group(System::leave_multicast_v4)),
    ("ipv6-unicast-hops", Of::Udp, Number(Some(System::set_unicast_hops_v6), Some(System::unicast_hops_v6))),
    ("ipv6-multicast-hops", Of::Udp, Number(Some(System::set_multicast_hops_v6), Some(System::multicast_hops_v6))),
    ("ipv6-multicast-loop", Of::Udp, Flag(Some(System::set_multicast_loop_v6), Some(System::multicast_loop_v6))),
    ("ipv6-add-membership", Of::Udp, Group6(System::join_multicast_v6)),
    ("ipv6-drop-membership", Of::Udp, Group6(System::leave_multicast_v6)),
];

/// The socket in register 0, made if there is none yet, and the option that register 1 names, if it can be had (`wants`).
fn find(vm: &mut Vm, wants: fn(&Access) -> bool) -> Result<(Ref<Userdata>, &'static Access)> {
    let Some((u, class)) = Class::of(vm.arg(0)) else { return Err(vm.arg_error(0, "socket expected")) };
    let own = if class.is_stream() { Of::Tcp } else { Of::Udp };
    let name = vm.check_string(1)?;
    let known = ALL
        .iter()
        .find(|(n, of, access)| n.as_bytes() == name.bytes() && (*of == own || *of == Of::Both) && wants(access));
    match known {
        Some((_, _, access)) => Ok((u, access)),
        None => {
            let shown = String::from_utf8_lossy(&name.bytes()[..name.bytes().len().min(35)]).into_owned();
            Err(vm.arg_error(1, format!("unsupported option `{shown}'")))
        }
    }
}
fn io_of<'a>(vm: &'a mut Vm, u: &Userdata) -> io::Result<&'a Io> {
    let closed = || io::Error::from(io::ErrorKind::NotConnected);
    socket_of(vm, u).ok_or_else(closed)?.any_io()
}

/// `socket:setoption(name, value)`.
pub(super) fn setoption(vm: &mut Vm, _: u32) -> Result<Step> {
    let can_set = |a: &Access| !matches!(a, Flag(None, _) | Number(None, _) | Error);
    let (u, access) = find(vm, can_set)?;
    vm.charge(SYSTEM_CALL);
    let set = match access {
        Flag(set, _) => {
            let v = vm.arg(2);
            if !matches!(v.kind(), ValueKind::Boolean(_)) {
                return Err(vm.type_error(2, "boolean"));
            }
            let set = set.expect("it can be set");
            io_of(vm, &u).and_then(|io| set(io.get_ref(), !v.is_false()))
        }
        Number(set, _) => {
            let n = vm.check_integer(2)?.clamp(0, i32::MAX.into()) as u32;
            let set = set.expect("it can be set");
            io_of(vm, &u).and_then(|io| set(io.get_ref(), n))
        }
        Linger => {
            let t = vm.check_table(2)?;
            let on = t.get_field(&mut vm.heap, b"on");
            if !matches!(on.kind(), ValueKind::Boolean(_)) {
                return Err(vm.arg_error(2, "boolean 'on' field expected"));
            }
            let timeout = t.get_field(&mut vm.heap, b"timeout");
            let Some(timeout) = vm.to_number(timeout).and_then(|n| n.number_as_float()) else {
                return Err(vm.arg_error(2, "number 'timeout' field expected"));
            };
            let linger = (!on.is_false()).then(|| Duration::from_secs(timeout as u16 as u64));
            io_of(vm, &u).and_then(|io| io.get_ref().set_linger(linger))
        }
        Interface => {
            let text = vm.check_string(2)?;
            let Some(ip) = address(text.bytes()) else { return Err(vm.arg_error(2, "ip expected")) };
            io_of(vm, &u).and_then(|io| io.get_ref().set_multicast_if_v4(&ip))
        }
        Group(change) => {
            let t = vm.check_table(2)?;
            let (Some(group), Some(interface)) = (text_field(vm, t, b"multiaddr"), text_field(vm, t, b"interface"))
            else {
                return Err(vm.arg_error(2, "strings 'multiaddr' and 'interface' expected"));
            };
            let (Some(group), Some(interface)) = (address(&group), address(&interface)) else {
                return Err(vm.arg_error(2, "invalid ip address in 'multiaddr' or 'interface'"));
            };
            io_of(vm, &u).and_then(|io| change(io.get_ref(), &group, &interface))
        }
        Group6(change) => {
            let t = vm.check_table(2)?;
            let group = text_field(vm, t, b"multiaddr").and_then(|s| String::from_utf8(s).ok()?.parse().ok());
            let Some(group) = group else { return Err(vm.arg_error(2, "invalid 'multiaddr' ip address")) };
            let interface = t.get_field(&mut vm.heap, b"interface");
            let Some(interface) = (if interface.is_nil() { Some(0) } else { vm.to_integer(interface) }) else {
                return Err(vm.arg_error(2, "number 'interface' field expected"));
            };
            io_of(vm, &u).and_then(|io| change(io.get_ref(), &group, interface as u32))
        }
        Error => unreachable!("it cannot be set"),
    };
    match set {
        Ok(()) => super::succeed(vm),
        Err(_) => refuse(vm, "setsockopt failed"),
    }
}
fn text_field(vm: &mut Vm, t: Ref<Table>, name: &[u8]) -> Option<Vec<u8>> {
    Some(t.get_field(&mut vm.heap, name).as_string()?.bytes().to_vec())
}
fn address(text: &[u8]) -> Option<Ipv4Addr> {
    if text == b"*" {
        return Some(Ipv4Addr::UNSPECIFIED);
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// `socket:getoption(name)`.
pub(super) fn getoption(vm: &mut Vm, _: u32) -> Result<Step> {
    let can_get = |a: &Access| !matches!(a, Flag(_, None) | Number(_, None) | Group(_) | Group6(_));
    let (u, access) = find(vm, can_get)?;
    vm.charge(SYSTEM_CALL);
    let found = match access {
        Flag(_, get) => {
            let get = get.expect("it can be read");
            io_of(vm, &u).and_then(|io| get(io.get_ref())).map(Value::boolean)
        }
        Number(_, get) => {
            let get = get.expect("it can be read");
            io_of(vm, &u).and_then(|io| get(io.get_ref())).map(|n| Value::integer(n.into()))
        }
        Linger => match io_of(vm, &u).and_then(|io| io.get_ref().linger()) {
            Ok(linger) => {
                let t = vm.heap.table_sized(0, 2);
                field(vm, t, "on", Value::boolean(linger.is_some()));
                field(vm, t, "timeout", Value::integer(linger.map_or(0, number_of).into()));
                Ok(Value::table(t))
            }
            Err(e) => Err(e),
        },
        Error => match io_of(vm, &u).and_then(|io| io.get_ref().take_error()) {
            Ok(None) => Ok(Value::NIL),
            Ok(Some(e)) => Ok(vm.heap.string(words(&e).as_bytes())),
            Err(e) => Err(e),
        },
        Interface => match io_of(vm, &u).and_then(|io| io.get_ref().multicast_if_v4()) {
            Ok(ip) => Ok(vm.heap.string(ip.to_string().as_bytes())),
            Err(e) => Err(e),
        },
        Group(_) | Group6(_) => unreachable!("it cannot be read"),
    };
    match found {
        Ok(v) => vm.return_one(v),
        Err(_) => refuse(vm, "getsockopt failed"),
    }
}
