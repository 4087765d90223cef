//! UDP: datagrams.
//!
//! Journey: value -> **outside world** -> value. A datagram is sent and received as a whole or cut, never in pieces, so nothing
//! of it stays at the socket.

use super::address::{Purpose, push_name, resolve};
use super::class::{self, Class, socket_of};
use super::failure::{CLOSED, words};
use super::open::{Family, Kind, Socket};
use super::wait::{Direction, SYSTEM_CALL, Waiting, attempt, begin, until_ready};
use super::{refuse, succeed};
use crate::process::context::context;
use rlua_machine::value::{Ref, Userdata, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Result, Step};
use rlua_machine::vm::work::COPIED;
use rustix::net::{RecvFlags, SendFlags};
use socket2::SockAddr;
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;

/// Bytes of a datagram that are received, unless it is said how many (`_DATAGRAMSIZE`).
pub const DATAGRAM: usize = 8192;
/// Bytes of the longest datagram that there can be.
const LONGEST: usize = 65_535;
/// State: it goes on.
const LOOK: u32 = 1;

thread_local! {
    static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fn check_unconnected(vm: &mut Vm) -> Result<Ref<Userdata>> {
    class::check(vm, &[Class::UNCONNECTED], "udp{unconnected}").map(|(u, _)| u)
}
fn check_connected(vm: &mut Vm) -> Result<Ref<Userdata>> {
    class::check(vm, &[Class::CONNECTED], "udp{connected}").map(|(u, _)| u)
}

/// `udp()`, `udp4()`, `udp6()`.
pub(super) fn create(vm: &mut Vm, family: Option<Family>) -> Result<Step> {
    let now = context(vm).now();
    let mut socket = Box::new(Socket::new(Kind::Datagram, family, now));
    if let Some(family) = family
        && let Err(e) = socket.io_of(family)
    {
        return refuse(vm, &words(&e));
    }
    let v = class::make(vm, socket, Class::UNCONNECTED);
    vm.return_one(v)
}
/// `unconnected:setsockname(address, port)`.
pub(super) fn setsockname(vm: &mut Vm) -> Result<Step> {
    let u = check_unconnected(vm)?;
    match super::tcp::bind_to(vm, u, 1)? {
        Ok(()) => succeed(vm),
        Err(why) => refuse(vm, &why),
    }
}
/// `udp:setpeername(address, port)`: datagrams go there and come from there alone; `*`: no more.
pub(super) fn setpeername(vm: &mut Vm) -> Result<Step> {
    let u = class::check_any(vm, &class::UDP)?;
    if vm.check_string(1)?.bytes() == b"*" {
        if let Some(io) = socket_of(vm, &u).and_then(|s| s.io.as_ref()) {
            // Some systems disconnect and call it an error.
            let _ = rustix::net::connect_unspec(io);
        }
        class::change(vm, u, Class::UNCONNECTED);
        return succeed(vm);
    }
    let family = socket_of(vm, &u).and_then(|s| s.family);
    let found = match resolve(vm, 1, Purpose::Connect, Kind::Datagram, family)? {
        Ok(found) => found,
        Err(why) => return refuse(vm, &why),
    };
    vm.charge(SYSTEM_CALL);
    let Some(s) = socket_of(vm, &u) else { return refuse(vm, CLOSED) };
    let mut last = Err(io::Error::from(io::ErrorKind::AddrNotAvailable));
    for target in found {
        last = s.io_of(Family::of(&target)).and_then(|io| io.get_ref().connect(&SockAddr::from(target)));
        if last.is_ok() {
            class::change(vm, u, Class::CONNECTED);
            return succeed(vm);
        }
    }
    match last {
        Ok(()) => succeed(vm),
        Err(e) => refuse(vm, &words(&e)),
    }
}
/// `connected:getpeername()`.
pub(super) fn getpeername(vm: &mut Vm) -> Result<Step> {
    let u = check_connected(vm)?;
    super::tcp::name_of(vm, u, socket2::Socket::peer_addr)
}

/// Registers of sending: the socket, the data, the address if there is one; when the call is over.
const DATA: usize = 1;
const ENDS: usize = 4;
/// `connected:send(data)`.
pub(super) fn send(vm: &mut Vm, state: u32) -> Result<Step> {
    let u = check_connected(vm)?;
    send_datagram(vm, u, None, state)
}
/// `unconnected:sendto(data, address, port)`: an address in figures.
pub(super) fn sendto(vm: &mut Vm, state: u32) -> Result<Step> {
    let u = check_unconnected(vm)?;
    vm.check_string(DATA)?;
    let family = socket_of(vm, &u).and_then(|s| s.family);
    let to = match super::address::numeric(vm, 2, family)? {
        Ok(to) => to,
        Err(why) => return refuse(vm, why),
    };
    send_datagram(vm, u, Some(to), state)
}
fn send_datagram(vm: &mut Vm, u: Ref<Userdata>, to: Option<SocketAddr>, state: u32) -> Result<Step> {
    let id = u.resource.get();
    let data = vm.check_string(DATA)?;
    if state == 0 {
        let ends = begin(vm, id);
        vm.truncate(ENDS);
        vm.set_arg(ENDS, ends);
    }
    let Some(s) = socket_of(vm, &u) else { return refuse(vm, CLOSED) };
    let io = match to {
        Some(to) => s.io_of(s.family.unwrap_or(Family::of(&to))),
        None => s.any_io(),
    };
    let sent = match (io, to) {
        (Err(e), _) => Some(Err(e)),
        (Ok(io), Some(to)) => {
            attempt(|| rustix::net::sendto(io, data.bytes(), SendFlags::empty(), &to).map_err(io::Error::from))
        }
        (Ok(io), None) => attempt(|| io.get_ref().send(data.bytes())),
    };
    vm.charge(SYSTEM_CALL + data.bytes().len() / COPIED);
    let outcome = match sent {
        None => {
            let ends = vm.arg(ENDS);
            match until_ready(vm, id, Direction::Write, ends, LOOK)? {
                Waiting::Leave(step) => return Ok(step),
                Waiting::Over(why) => Err(why),
            }
        }
        Some(sent) => sent.map_err(|e| words(&e)),
    };
    context(vm).end_wait();
    match outcome {
        Ok(n) => vm.return_one(Value::integer(n as i64)),
        Err(why) => refuse(vm, &why),
    }
}

/// `udp:receive([size])`. Registers: the socket, the size; when the call is over.
pub(super) fn receive(vm: &mut Vm, state: u32) -> Result<Step> {
    let u = class::check_any(vm, &class::UDP)?;
    receive_datagram(vm, u, state, |_, _| Ok(Step::Return(1)))
}
/// `unconnected:receivefrom([size])`: the datagram, and whose it is.
pub(super) fn receivefrom(vm: &mut Vm, state: u32) -> Result<Step> {
    let u = check_unconnected(vm)?;
    receive_datagram(vm, u, state, |vm, from| match from {
        Some(from) => {
            push_name(vm, from)?;
            // Not the family.
            vm.truncate(vm.count() - 1);
            Ok(Step::Return(3))
        }
        None => Ok(Step::Return(1)),
    })
}
fn receive_datagram(
    vm: &mut Vm,
    u: Ref<Userdata>,
    state: u32,
    finish: impl FnOnce(&mut Vm, Option<SocketAddr>) -> Result<Step>,
) -> Result<Step> {
    let id = u.resource.get();
    if state == 0 {
        let size = vm.opt_integer(1, DATAGRAM as i64)?;
        let ends = begin(vm, id);
        vm.set_arg(1, Value::integer(size));
        vm.truncate(2);
        vm.set_arg(2, ends);
    }
    let size = usize::try_from(vm.check_integer(1)?).unwrap_or(0).min(LONGEST);
    ROOM.with_borrow_mut(|room| {
        room.resize(LONGEST, 0);
        let Some(s) = socket_of(vm, &u) else { return refuse(vm, CLOSED) };
        let got = match s.any_io() {
            Err(e) => Some(Err(e)),
            Ok(io) => {
                attempt(|| rustix::net::recvfrom(io, &mut room[..size], RecvFlags::empty()).map_err(io::Error::from))
            }
        };
        vm.charge(SYSTEM_CALL);
        let outcome = match got {
            None => {
                let ends = vm.arg(2);
                match until_ready(vm, id, Direction::Read, ends, LOOK)? {
                    Waiting::Leave(step) => return Ok(step),
                    Waiting::Over(why) => Err(why),
                }
            }
            Some(got) => got.map_err(|e| words(&e)),
        };
        context(vm).end_wait();
        let (n, from) = match outcome {
            Ok((n, _, from)) => (n, from.and_then(|from| SocketAddr::try_from(from).ok())),
            Err(why) => return refuse(vm, &why),
        };
        vm.pay(n, COPIED);
        let text = vm.heap.string(&room[..n.min(size)]);
        vm.push(text);
        finish(vm, from)
    })
}
