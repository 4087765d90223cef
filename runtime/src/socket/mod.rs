//! Sockets, by the names and rules of LuaSocket (spec/socket.md): the modules `socket.core` and `socket`, `mime.core`, and TLS (ssl/).
//!
//! Journey: value -> **outside world** -> value. What a socket is to its process is in open, how its calls wait in wait, what a
//! stream's patterns mean in incoming, all without a thread for a connection. The module `socket` is Lua on top of the core
//! (socket.lua), as LuaSocket's own is.
//!
//! Always: a socket belongs to one process, and is closed with it. It cannot be sent, and a process that has one cannot
//! move; as an argument of `spawn` it is handed over (handover.rs).

// Before the modules, of which ssl has natives, too.
macro_rules! natives {
    ($($($name:literal),+ => $f:expr;)*) => {
        /// The functions and methods, some of them of several classes.
        pub(super) static NATIVES: &[Native] = &[$($(
            Native::steps($name, |vm, state| $crate::concurrent::in_process(vm).and_then(|()| $f(vm, state)))
        ),+),*];
    };
}

mod address;
mod class;
mod dns;
mod exception;
mod failure;
pub(crate) mod handover;
mod incoming;
mod mime;
mod mime_core;
mod open;
mod options;
mod receive;
mod select;
mod send;
mod ssl;
mod tcp;
mod timeouts;
mod udp;
mod wait;

pub use open::Sockets;

use crate::concurrent::{Chunk, open_chunk};
use class::{TCP, UDP};
use rlua_machine::stdlib::{field, library};
use rlua_machine::value::Value;
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Native, Result, Step};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::any::Any;
use std::time::Duration;

natives! {
    "socket.connect" => tcp::connect_new;
    "socket.gettime" => gettime;
    "socket.select" => select::select;
    "socket.skip" => skip;
    "socket.sleep" => sleep;
    "socket.tcp" => |vm, _| tcp::create(vm, None);
    "socket.tcp4" => |vm, _| tcp::create(vm, Some(open::Family::V4));
    "socket.tcp6" => |vm, _| tcp::create(vm, Some(open::Family::V6));
    "dns.getaddrinfo" => dns::getaddrinfo;
    "dns.gethostname" => dns::gethostname;
    "dns.getnameinfo" => dns::getnameinfo;
    "dns.tohostname" => dns::tohostname;
    "dns.toip" => dns::toip;
    "tcp:__gc", "ssl:__gc" => |vm, _| tcp::close(vm, &TCP, false);
    "tcp:__tostring", "ssl:__tostring", "udp:__tostring" => |vm, _| class::to_string(vm);
    "tcp:accept" => tcp::accept;
    "tcp:bind", "tcp:setsockname" => |vm, _| tcp::bind(vm);
    "tcp:close", "ssl:close" => |vm, _| tcp::close(vm, &TCP, true);
    "tcp:connect", "tcp:setpeername" => tcp::connect;
    "tcp:dirty", "ssl:dirty" => |vm, _| tcp::dirty(vm, &TCP);
    "tcp:getfamily", "ssl:getfamily" => |vm, _| tcp::getfamily(vm, &TCP);
    "tcp:getfd", "ssl:getfd" => |vm, _| tcp::getfd(vm, &TCP);
    "tcp:getoption", "ssl:getoption", "udp:getoption" => options::getoption;
    "tcp:getpeername", "ssl:getpeername" => |vm, _| tcp::getpeername(vm);
    "tcp:getsockname", "ssl:getsockname" => |vm, _| tcp::getsockname(vm, &TCP);
    "tcp:getstats", "ssl:getstats" => |vm, _| tcp::getstats(vm);
    "tcp:gettimeout", "ssl:gettimeout" => |vm, _| tcp::gettimeout(vm, &TCP);
    "tcp:listen" => |vm, _| tcp::listen(vm);
    "tcp:receive", "ssl:receive" => receive::receive;
    "tcp:send", "ssl:send" => send::send;
    "tcp:setoption", "ssl:setoption", "udp:setoption" => options::setoption;
    "tcp:setstats", "ssl:setstats" => |vm, _| tcp::setstats(vm);
    "tcp:settimeout", "ssl:settimeout" => |vm, _| tcp::settimeout(vm, &TCP);
    "tcp:shutdown", "ssl:shutdown" => |vm, _| tcp::shutdown(vm);
    "socket.udp" => |vm, _| udp::create(vm, None);
    "socket.udp4" => |vm, _| udp::create(vm, Some(open::Family::V4));
    "socket.udp6" => |vm, _| udp::create(vm, Some(open::Family::V6));
    "ssl:dohandshake" => ssl::dohandshake;
    "ssl:getalpn" => |vm, _| ssl::getalpn(vm);
    "ssl:getpeercertificate" => |vm, _| ssl::certificate::getpeercertificate(vm);
    "ssl:getpeerchain" => |vm, _| ssl::certificate::getpeerchain(vm);
    "ssl:getpeerverification" => |vm, _| ssl::getpeerverification(vm);
    "ssl:getsniname" => |vm, _| ssl::getsniname(vm);
    "ssl:info" => |vm, _| ssl::info(vm);
    "ssl:sni" => |vm, _| ssl::sni(vm);
    "ssl:want" => |vm, _| ssl::want(vm);
    "udp:__gc" => |vm, _| tcp::close(vm, &UDP, false);
    "udp:close" => |vm, _| tcp::close(vm, &UDP, true);
    "udp:dirty" => |vm, _| tcp::dirty(vm, &UDP);
    "udp:getfamily" => |vm, _| tcp::getfamily(vm, &UDP);
    "udp:getfd" => |vm, _| tcp::getfd(vm, &UDP);
    "udp:getpeername" => |vm, _| udp::getpeername(vm);
    "udp:getsockname" => |vm, _| tcp::getsockname(vm, &UDP);
    "udp:gettimeout" => |vm, _| tcp::gettimeout(vm, &UDP);
    "udp:receive" => udp::receive;
    "udp:receivefrom" => udp::receivefrom;
    "udp:send" => udp::send;
    "udp:sendto" => udp::sendto;
    "udp:setpeername" => |vm, _| udp::setpeername(vm);
    "udp:setsockname" => |vm, _| udp::setsockname(vm);
    "udp:settimeout" => |vm, _| tcp::settimeout(vm, &UDP);
}

/// The native with a stable name, of these modules.
pub(crate) fn find_native(name: &str) -> Option<&'static Native> {
    let singles = [&OPEN_CORE, &OPEN].into_iter();
    let own =
        NATIVES.iter().chain(exception::NATIVES).chain(mime_core::NATIVES).chain(singles).find(|n| n.name == name);
    own.or_else(|| ssl::find_native(name))
}

static OPEN_CORE: Native = Native::leaf("package.open socket.core", open_core);
static SOCKET: Chunk = Chunk::new("socket", include_str!("socket.lua"));
static OPEN: Native = Native::yieldable("package.open socket", |vm, state| open_chunk(vm, state, &SOCKET));

/// Makes the tables known that processes which come from elsewhere may have.
pub(crate) fn know_libraries(vm: &mut Vm) {
    class::make_all(vm);
    let dns = library(vm, NATIVES, "dns.");
    dns.share(&mut vm.heap, "socket.dns");
}
/// The table of `require 'socket.core'`.
fn open_core(vm: &mut Vm) -> Result<Value> {
    class::make_all(vm);
    let t = library(vm, NATIVES, "socket.");
    for n in exception::NATIVES {
        if let Some(name) = n.name.strip_prefix("socket.") {
            field(vm, t, name, Value::native(n));
        }
    }
    let dns = library(vm, NATIVES, "dns.");
    dns.share(&mut vm.heap, "socket.dns");
    field(vm, t, "dns", Value::table(dns));
    let version = vm.heap.atom(b"LuaSocket 3.1.0");
    field(vm, t, "_VERSION", version);
    field(vm, t, "_DEBUG", Value::FALSE);
    field(vm, t, "_DATAGRAMSIZE", Value::integer(udp::DATAGRAM as i64));
    field(vm, t, "_SOCKETINVALID", Value::integer(-1));
    Ok(Value::table(t))
}

/// What a protocol keeps with the connection that is the first argument; none: that is closed.
pub(crate) fn attached(vm: &mut Vm) -> Result<Option<&mut Option<Box<dyn Any + Send>>>> {
    let u = class::check_client(vm)?;
    Ok(class::socket_of(vm, &u).map(|s| &mut s.attached))
}
/// Whether a connection can be read.
pub(crate) enum Readiness {
    /// There is something, or it has ended.
    Ready,
    /// It is to be asked again.
    Perhaps,
    /// The process will be told.
    Told,
}
/// Whether the connection that is the first argument can be read.
pub(crate) fn readiness(vm: &mut Vm) -> Result<Readiness> {
    let u = class::check_client(vm)?;
    vm.charge(2 * wait::SYSTEM_CALL);
    let waker = wait::waker(vm);
    let Some(s) = class::socket_of(vm, &u).filter(|s| s.incoming.is_empty()) else { return Ok(Readiness::Ready) };
    let Some(io) = &s.io else { return Ok(Readiness::Ready) };
    let mut asked = [PollFd::new(io, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    // What cannot be asked is to be read, and says why then.
    if poll(&mut asked, Some(&now)) != Ok(0) {
        return Ok(Readiness::Ready);
    }
    Ok(match wait::register(io, wait::Direction::Read, &waker) {
        Ok(false) => Readiness::Told,
        Ok(true) => Readiness::Perhaps,
        Err(_) => Readiness::Ready,
    })
}

/// Pushes `nil, message`.
fn refuse(vm: &mut Vm, message: &str) -> Result<Step> {
    let text = vm.heap.string(message.as_bytes());
    vm.push(Value::NIL);
    vm.push(text);
    Ok(Step::Return(2))
}
/// What has succeeded returns 1.
fn succeed(vm: &mut Vm) -> Result<Step> {
    vm.return_one(Value::integer(1))
}

/// `gettime()`: seconds since 1970.
fn gettime(vm: &mut Vm, _: u32) -> Result<Step> {
    let now: Duration = crate::process::context::context(vm).scheduler.clock.since_1970();
    vm.return_one(Value::float(now.as_secs_f64()))
}
/// `sleep(seconds)`.
fn sleep(vm: &mut Vm, state: u32) -> Result<Step> {
    crate::concurrent::pause_for(vm, state, |vm| Ok(vm.check_float(0)?.max(0.0) * 1000.0))
}
/// `skip(n, ...)`: what comes after the first n of the others.
fn skip(vm: &mut Vm, _: u32) -> Result<Step> {
    let n = vm.check_integer(0)?;
    let others = vm.count().saturating_sub(1);
    let dropped = usize::try_from(n).unwrap_or(0).min(others);
    vm.pay_for_values(others);
    Ok(Step::Return(others - dropped))
}
