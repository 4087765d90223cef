//! TCP: making, binding, connecting, accepting, and what is told of a socket.
//!
//! Journey: value -> **outside world**. Sending and receiving have files of their own.

use super::address::{Purpose, push_name, resolve, text_argument};
use super::class::{self, Class, Group, TCP, check_any, check_client, socket_of};
use super::failure::{CLOSED as CLOSED_TEXT, words};
use super::open::{CLOSED, Family, Kind, Socket, address};
use super::wait::{Direction, SYSTEM_CALL, Waiting, attempt, begin, until_ready};
use super::{refuse, succeed};
use crate::process::context::context;
use rlua_machine::value::{Ref, Userdata, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Result, Step};
use rustix::io::Errno;
use socket2::SockAddr;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd};

/// Connections that wait to be accepted, unless it is said how many.
const BACKLOG: i64 = 32;

/// `tcp()`, `tcp4()`, `tcp6()`.
pub(super) fn create(vm: &mut Vm, family: Option<Family>) -> Result<Step> {
    let now = context(vm).now();
    let mut socket = Box::new(Socket::new(Kind::Stream, family, now));
    if let Some(family) = family
        && let Err(e) = socket.io_of(family)
    {
        return refuse(vm, &words(&e));
    }
    let v = class::make(vm, socket, Class::MASTER);
    vm.return_one(v)
}
/// `master:bind(address, port)`.
pub(super) fn bind(vm: &mut Vm) -> Result<Step> {
    let (u, _) = class::check(vm, &[Class::MASTER], "tcp{master}")?;
    match bind_to(vm, u, 1)? {
        Ok(()) => succeed(vm),
        Err(why) => refuse(vm, &why),
    }
}
/// Binds a socket to the host and port in the registers from `host` on.
pub(super) fn bind_to(vm: &mut Vm, u: Ref<Userdata>, host: usize) -> Result<std::result::Result<(), String>> {
    let (kind, family) = socket_of(vm, &u).map_or((Kind::Stream, None), |s| (s.kind, s.family));
    let found = match resolve(vm, host, Purpose::Bind, kind, family)? {
        Ok(found) => found,
        Err(why) => return Ok(Err(why)),
    };
    vm.charge(SYSTEM_CALL);
    let Some(s) = socket_of(vm, &u) else { return Ok(Err(CLOSED_TEXT.to_string())) };
    let mut last = Err(io::Error::from(io::ErrorKind::AddrNotAvailable));
    for target in found {
        last = s.io_of(Family::of(&target)).and_then(|io| io.get_ref().bind(&SockAddr::from(target)));
        if last.is_ok() {
            break;
        }
    }
    Ok(last.map_err(|e| words(&e)))
}
/// `master:listen([backlog])`.
pub(super) fn listen(vm: &mut Vm) -> Result<Step> {
    let (u, _) = class::check(vm, &[Class::MASTER], "tcp{master}")?;
    let backlog = vm.opt_integer(1, BACKLOG)?.clamp(0, i32::MAX.into()) as i32;
    vm.charge(SYSTEM_CALL);
    let Some(s) = socket_of(vm, &u) else { return refuse(vm, CLOSED_TEXT) };
    match s.any_io().and_then(|io| io.get_ref().listen(backlog)) {
        Ok(()) => {
            class::change(vm, u, Class::SERVER);
            succeed(vm)
        }
        Err(e) => refuse(vm, &words(&e)),
    }
}

/// State: the process has waited for a connection.
const LOOK: u32 = 1;
/// `server:accept()`. Registers: the server; when the call is over.
pub(super) fn accept(vm: &mut Vm, state: u32) -> Result<Step> {
    let (u, _) = class::check(vm, &[Class::SERVER], "tcp{server}")?;
    let id = u.resource.get();
    if state == 0 {
        let ends = begin(vm, id);
        vm.truncate(1);
        vm.set_arg(1, ends);
        let cx = context(vm);
        if cx.slot.is_root {
            // A server that has much to accept never waits.
            cx.scheduler.open_gate();
        }
    }
    vm.charge(2 * SYSTEM_CALL);
    let now = context(vm).now();
    let Some(s) = socket_of(vm, &u) else { return refuse(vm, CLOSED_TEXT) };
    let family = s.family;
    let accepted = match s.any_io() {
        Ok(io) => attempt(|| match io.get_ref().accept() {
            // It has gone already.
            Err(e) if e.kind() == io::ErrorKind::ConnectionAborted => Err(io::ErrorKind::WouldBlock.into()),
            outcome => outcome,
        }),
        Err(e) => Some(Err(e)),
    };
    let made = match accepted {
        None => {
            let ends = vm.arg(1);
            return match until_ready(vm, id, Direction::Read, ends, LOOK)? {
                Waiting::Leave(step) => Ok(step),
                Waiting::Over(why) => refuse(vm, &why),
            };
        }
        Some(accepted) => accepted.and_then(|(io, _)| Socket::with_io(io, family, now)),
    };
    context(vm).end_wait();
    match made {
        Ok(socket) => {
            let v = class::make(vm, Box::new(socket), Class::CLIENT);
            vm.return_one(v)
        }
        Err(e) => refuse(vm, &words(&e)),
    }
}

/// State of connecting: the process has waited for it.
const CONNECTING: u32 = 2;
/// Registers of connecting, after the socket: when the call is over; why the last address would not do.
const ENDS: usize = 1;
const WHY: usize = 2;

/// `socket:connect(address, port)`.
pub(super) fn connect(vm: &mut Vm, state: u32) -> Result<Step> {
    let u = check_any(vm, &TCP)?;
    if state == 0 {
        let family = socket_of(vm, &u).and_then(|s| s.family);
        let found = resolve(vm, 1, Purpose::Connect, Kind::Stream, family)?;
        // Also if it fails: it may be connecting still.
        class::change(vm, u, Class::CLIENT);
        remember_host(vm, u)?;
        match found {
            Ok(found) => begin_connecting(vm, u, found),
            Err(why) => return refuse(vm, &why),
        }
    }
    match go_on_connecting(vm, u, state)? {
        Connecting::Leave(step) => Ok(step),
        Connecting::Done => succeed(vm),
        Connecting::Failed(why) => refuse(vm, &why),
    }
}
/// `connect(address, port[, local address[, local port[, family]]])`: a connection.
pub(super) fn connect_new(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == 0 {
        // The socket is in register 0 from now on.
        vm.insert(0, Value::NIL);
        let wanted = vm.opt_string(5)?.map_or(b"unspec".to_vec(), |s| s.bytes().to_vec());
        let family = match &wanted[..] {
            b"unspec" => None,
            b"inet" => Some(Family::V4),
            b"inet6" => Some(Family::V6),
            other => {
                let text = format!("invalid option '{}'", String::from_utf8_lossy(other));
                return Err(vm.arg_error(4, text));
            }
        };
        vm.check_string(1)?;
        vm.check_string(2)?;
        let now = context(vm).now();
        let socket = Box::new(Socket::new(Kind::Stream, family, now));
        let v = class::make(vm, socket, Class::MASTER);
        vm.set_arg(0, v);
        let Some((u, _)) = Class::of(v) else { unreachable!("it was just made") };
        if !vm.arg(3).is_nil() {
            if vm.arg(4).is_nil() {
                vm.set_arg(4, Value::integer(0));
            }
            if let Err(why) = bind_to(vm, u, 3)? {
                return give_up(vm, u, &why);
            }
        }
        let family = socket_of(vm, &u).and_then(|s| s.family);
        remember_host(vm, u)?;
        match resolve(vm, 1, Purpose::Connect, Kind::Stream, family)? {
            Ok(found) => begin_connecting(vm, u, found),
            Err(why) => return give_up(vm, u, &why),
        }
    }
    let u = check_any(vm, &TCP)?;
    match go_on_connecting(vm, u, state)? {
        Connecting::Leave(step) => Ok(step),
        Connecting::Done => {
            class::change(vm, u, Class::CLIENT);
            let v = Value::userdata(u);
            vm.return_one(v)
        }
        Connecting::Failed(why) => give_up(vm, u, &why),
    }
}
/// Keeps the name of the host in register 1: it is whom a TLS connection means. An address is known without.
fn remember_host(vm: &mut Vm, u: Ref<Userdata>) -> Result<()> {
    let name = text_argument(vm, 1)?;
    let is_name = name.parse::<std::net::IpAddr>().is_err();
    if let Some(s) = socket_of(vm, &u) {
        s.host = is_name.then(|| name.into());
    }
    Ok(())
}
fn give_up(vm: &mut Vm, u: Ref<Userdata>, why: &str) -> Result<Step> {
    let id = u.resource.replace(CLOSED);
    context(vm).sockets().take(id);
    refuse(vm, why)
}
fn begin_connecting(vm: &mut Vm, u: Ref<Userdata>, targets: Vec<std::net::SocketAddr>) {
    let ends = begin(vm, u.resource.get());
    vm.truncate(ENDS);
    vm.set_arg(ENDS, ends);
    if let Some(s) = socket_of(vm, &u) {
        s.targets = targets.into();
    }
}

/// How a connection comes along.
enum Connecting {
    Leave(Step),
    Done,
    Failed(String),
}
fn go_on_connecting(vm: &mut Vm, u: Ref<Userdata>, state: u32) -> Result<Connecting> {
    let id = u.resource.get();
    let mut is_under_way = state == CONNECTING;
    loop {
        vm.charge(SYSTEM_CALL);
        let Some(s) = socket_of(vm, &u) else { return Ok(Connecting::Failed(CLOSED_TEXT.to_string())) };
        let Some(&target) = s.targets.front() else {
            let why = vm.arg(WHY).as_string().map_or(String::new(), |s| String::from_utf8_lossy(s.bytes()).into());
            context(vm).end_wait();
            return Ok(Connecting::Failed(why));
        };
        let outcome = if is_under_way { s.any_io().and_then(is_connected) } else { begin_with(s, target) };
        match outcome {
            Ok(true) => {
                s.targets.clear();
                context(vm).end_wait();
                return Ok(Connecting::Done);
            }
            Ok(false) => {
                let ends = vm.arg(ENDS);
                match until_ready(vm, id, Direction::Write, ends, CONNECTING)? {
                    Waiting::Leave(step) => return Ok(Connecting::Leave(step)),
                    Waiting::Over(why) => {
                        if let Some(s) = socket_of(vm, &u) {
                            s.targets.clear();
                        }
                        return Ok(Connecting::Failed(why));
                    }
                }
            }
            Err(e) => {
                s.targets.pop_front();
                if !s.targets.is_empty() {
                    // Some systems connect no socket a second time.
                    s.io = None;
                }
                is_under_way = false;
                let why = vm.heap.string(words(&e).as_bytes());
                vm.set_arg(WHY, why);
                context(vm).end_wait();
            }
        }
    }
}
/// Begins to connect; true: it is.
fn begin_with(s: &mut Socket, target: std::net::SocketAddr) -> io::Result<bool> {
    let io = s.io_of(Family::of(&target))?;
    match attempt(|| io.get_ref().connect(&SockAddr::from(target))) {
        None => Ok(false),
        Some(Err(e)) if e.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()) => Ok(false),
        Some(outcome) => outcome.map(|()| true),
    }
}
/// Whether it is connected, or still connecting.
fn is_connected(io: &super::open::Io) -> io::Result<bool> {
    if let Some(e) = io.get_ref().take_error()? {
        return Err(e);
    }
    match io.get_ref().peer_addr() {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotConnected => Ok(false),
        Err(e) => Err(e),
    }
}

/// `socket:close()`, and what closes it otherwise.
pub(super) fn close(vm: &mut Vm, group: &Group, answers: bool) -> Result<Step> {
    let u = check_any(vm, group)?;
    let id = u.resource.replace(CLOSED);
    if context(vm).has_socket(id) {
        if let Some(mut s) = context(vm).sockets().take(id) {
            s.announce_end();
        }
        vm.charge(SYSTEM_CALL);
    }
    if answers { succeed(vm) } else { Ok(Step::Return(0)) }
}
/// `client:shutdown([mode])`.
pub(super) fn shutdown(vm: &mut Vm) -> Result<Step> {
    let u = check_client(vm)?;
    let mode = vm.opt_string(1)?.map_or(b"both".to_vec(), |s| s.bytes().to_vec());
    let how = match &mode[..] {
        b"receive" => Shutdown::Read,
        b"send" => Shutdown::Write,
        b"both" => Shutdown::Both,
        other => {
            let text = format!("invalid option '{}'", String::from_utf8_lossy(other));
            return Err(vm.arg_error(1, text));
        }
    };
    vm.charge(SYSTEM_CALL);
    if let Some(s) = socket_of(vm, &u).filter(|_| how != Shutdown::Read) {
        s.announce_end();
    }
    if let Some(io) = socket_of(vm, &u).and_then(|s| s.io.as_ref()) {
        // One whose peer has gone needs none.
        let _ = io.get_ref().shutdown(how);
    }
    succeed(vm)
}

// What is told of a socket.

/// Pushes what the system says of one of its ends.
pub(super) fn name_of(vm: &mut Vm, u: Ref<Userdata>, of: fn(&socket2::Socket) -> io::Result<SockAddr>) -> Result<Step> {
    let found = match socket_of(vm, &u).and_then(|s| s.io.as_ref()) {
        Some(io) => address(of(io.get_ref())),
        None => Err(io::Error::from_raw_os_error(Errno::BADF.raw_os_error())),
    };
    match found {
        Ok(address) => push_name(vm, address),
        Err(e) => refuse(vm, &words(&e)),
    }
}
/// `socket:getpeername()`.
pub(super) fn getpeername(vm: &mut Vm) -> Result<Step> {
    let u = check_any(vm, &TCP)?;
    name_of(vm, u, socket2::Socket::peer_addr)
}
/// `socket:getsockname()`.
pub(super) fn getsockname(vm: &mut Vm, group: &Group) -> Result<Step> {
    let u = check_any(vm, group)?;
    name_of(vm, u, socket2::Socket::local_addr)
}
/// `socket:getfamily()`.
pub(super) fn getfamily(vm: &mut Vm, group: &Group) -> Result<Step> {
    let u = check_any(vm, group)?;
    let is_sixth = socket_of(vm, &u).is_some_and(|s| s.family == Some(Family::V6));
    let name = vm.heap.name(if is_sixth { b"inet6" } else { b"inet4" });
    vm.return_one(name)
}
/// `socket:getfd()`: the system's number; -1: it has none.
pub(super) fn getfd(vm: &mut Vm, group: &Group) -> Result<Step> {
    let u = check_any(vm, group)?;
    let io = socket_of(vm, &u).and_then(|s| s.io.as_ref());
    let fd = io.map_or(-1, |io| io.as_fd().as_raw_fd());
    vm.return_one(Value::integer(fd.into()))
}
/// `socket:dirty()`: whether something has come that was not asked for yet.
pub(super) fn dirty(vm: &mut Vm, group: &Group) -> Result<Step> {
    let u = check_any(vm, group)?;
    let is_dirty = socket_of(vm, &u).is_some_and(|s| !s.incoming.is_empty());
    vm.return_one(Value::boolean(is_dirty))
}
/// `client:getstats()`: bytes received and sent, age in seconds.
pub(super) fn getstats(vm: &mut Vm) -> Result<Step> {
    let u = check_client(vm)?;
    let now = context(vm).now();
    let stats = socket_of(vm, &u).map(|s| (s.received, s.sent, now.wrapping_sub(s.born) as i64));
    let (received, sent, age) = stats.unwrap_or_default();
    vm.push(Value::integer(received as i64));
    vm.push(Value::integer(sent as i64));
    vm.push(Value::float(age as f64 / 1e9));
    Ok(Step::Return(3))
}
/// `client:setstats([received[, sent[, age]]])`.
pub(super) fn setstats(vm: &mut Vm) -> Result<Step> {
    let u = check_client(vm)?;
    let now = context(vm).now();
    let numbers = [1, 2, 3].map(|i| if vm.arg(i).is_nil() { Ok(None) } else { vm.check_float(i).map(Some) });
    let [received, sent, age] = numbers;
    let (received, sent, age) = (received?, sent?, age?);
    if let Some(s) = socket_of(vm, &u) {
        s.received = received.map_or(s.received, |n| n as u64);
        s.sent = sent.map_or(s.sent, |n| n as u64);
        s.born = age.map_or(s.born, |age| now.wrapping_sub((age * 1e9) as i64 as u64));
    }
    succeed(vm)
}
/// `socket:settimeout(seconds[, mode])`.
pub(super) fn settimeout(vm: &mut Vm, group: &Group) -> Result<Step> {
    let u = check_any(vm, group)?;
    let seconds = if vm.arg(1).is_nil() { -1.0 } else { vm.check_float(1)? };
    let mode = vm.opt_string(2)?.and_then(|s| s.bytes().first().copied());
    if !matches!(mode, None | Some(b'b' | b't' | b'r')) {
        return Err(vm.arg_error(2, "invalid timeout mode"));
    }
    if let Some(s) = socket_of(vm, &u) {
        let which = if matches!(mode, Some(b't' | b'r')) { &mut s.timeouts.total } else { &mut s.timeouts.block };
        *which = seconds;
    }
    succeed(vm)
}
/// `socket:gettimeout()`: block and total.
pub(super) fn gettimeout(vm: &mut Vm, group: &Group) -> Result<Step> {
    let u = check_any(vm, group)?;
    let timeouts = socket_of(vm, &u).map(|s| s.timeouts).unwrap_or_default();
    vm.push(Value::float(timeouts.block));
    vm.push(Value::float(timeouts.total));
    Ok(Step::Return(2))
}
