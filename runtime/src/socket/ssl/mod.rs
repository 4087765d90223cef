//! TLS, by the names of LuaSec (spec/socket.md): the modules `ssl` and `ssl.core`.
//!
//! Journey: value -> bytes -> **outside world** -> bytes -> value. A connection of TCP becomes an encrypted one, which is a socket like
//! others: it receives, sends, waits, is handed over and refuses to move as they do (receive.rs, send.rs, handover.rs). What is
//! encrypted is `rustls`'s to decide (secured.rs), what with is config.rs's, and ssl.lua checks parameters.

pub(super) mod certificate;
mod config;
mod secured;
mod words;

pub use secured::Secured;

use self::config::Config;
use super::class::{self, Class, socket_of};
use super::failure::CLOSED as CLOSED_TEXT;
use super::open::{CLOSED, address};
use super::refuse;
use super::wait::{Waiting, begin, until_ready};
use crate::concurrent::{Chunk, open_chunk};
use crate::process::context::context;
use rlua_machine::stdlib::host::blocking;
use rlua_machine::stdlib::library;
use rlua_machine::value::{Ref, Table, Userdata, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Native, Result, Step};
use rustls::pki_types::ServerName;

const BEGUN: &str = "the handshake has begun: sni comes before dohandshake";
/// Reductions of a step of a handshake: some hundred microseconds of arithmetic.
const HANDSHAKE: usize = 2000;

natives! {
    "ssl.configure" => |vm, _| configure(vm);
    "ssl.wrap" => |vm, _| wrap(vm);
    "x509:digest" => |vm, _| certificate::digest(vm);
    "x509:pem" => |vm, _| certificate::pem(vm);
}
static OPEN_CORE: Native = Native::leaf("package.open ssl.core", |vm| Ok(Value::table(library(vm, NATIVES, "ssl."))));
static SSL: Chunk = Chunk::new("ssl", include_str!("ssl.lua"));
static OPEN: Native = Native::yieldable("package.open ssl", |vm, state| open_chunk(vm, state, &SSL));

/// The native with a stable name, of these modules.
pub(super) fn find_native(name: &str) -> Option<&'static Native> {
    NATIVES.iter().chain([&OPEN_CORE, &OPEN]).find(|n| n.name == name)
}

fn id_argument(vm: &mut Vm, i: usize) -> Result<String> {
    let id = vm.check_string(i)?;
    Ok(String::from_utf8_lossy(id.bytes()).into())
}
/// `configure(id)`: reads the files of a context.
fn configure(vm: &mut Vm) -> Result<Step> {
    let id = id_argument(vm, 0)?;
    vm.charge(HANDSHAKE);
    match blocking(vm, |_| config::configure(&id)) {
        Ok(_) => vm.return_one(Value::TRUE),
        Err(why) => refuse(vm, &why),
    }
}
/// `wrap(client, id)`: an encrypted connection in the place of one of TCP, whose object is closed from then on.
fn wrap(vm: &mut Vm) -> Result<Step> {
    let (u, _) = class::check(vm, &[Class::CLIENT], "tcp{client}")?;
    let id = id_argument(vm, 1)?;
    if socket_of(vm, &u).is_none() {
        return refuse(vm, CLOSED_TEXT);
    }
    let config = match configuration(vm, &id) {
        Ok(config) => config,
        Err(why) => return refuse(vm, &why),
    };
    let taken = context(vm).sockets().take(u.resource.replace(CLOSED));
    let Some(mut socket) = taken else { return refuse(vm, CLOSED_TEXT) };
    let name = socket.host.take().map(String::from);
    socket.secured = Some(Box::new(Secured::new(config, name)));
    let v = class::make(vm, socket, Class::SECURED);
    vm.return_one(v)
}

fn check(vm: &mut Vm) -> Result<Ref<Userdata>> {
    class::check(vm, &[Class::SECURED], "SSL:Connection").map(|(u, _)| u)
}
fn secured<'a>(vm: &'a mut Vm, u: &Userdata) -> Option<&'a mut Secured> {
    socket_of(vm, u).and_then(|s| s.secured.as_deref_mut())
}

/// Register: when the call is over. State: it goes on.
const ENDS: usize = 1;
const LOOK: u32 = 1;
/// `connection:dohandshake()`: true; or false and why.
pub(super) fn dohandshake(vm: &mut Vm, state: u32) -> Result<Step> {
    let u = check(vm)?;
    let id = u.resource.get();
    if state == 0 {
        let ends = begin(vm, id);
        vm.truncate(ENDS);
        vm.set_arg(ENDS, ends);
    }
    vm.charge(HANDSHAKE);
    let why = match socket_of(vm, &u) {
        None => CLOSED_TEXT.to_string(),
        Some(s) => {
            let peer = s.io.as_ref().and_then(|io| address(io.get_ref().peer_addr()).ok());
            let (place, port) = peer.map_or(("?".to_string(), 0), |a| (a.ip().to_string(), a.port()));
            match (&mut s.secured, &s.io) {
                (Some(secured), Some(io)) => match secured.handshake(io.get_ref(), &place, port) {
                    Ok(None) => {
                        context(vm).end_wait();
                        return vm.return_one(Value::TRUE);
                    }
                    Ok(Some(direction)) => {
                        let ends = vm.arg(ENDS);
                        match until_ready(vm, id, direction, ends, LOOK)? {
                            Waiting::Leave(step) => return Ok(step),
                            Waiting::Over(why) => why,
                        }
                    }
                    Err(e) => super::failure::words(&e),
                },
                _ => CLOSED_TEXT.to_string(),
            }
        }
    };
    context(vm).end_wait();
    let why = vm.heap.string(why.as_bytes());
    vm.push_all([Value::FALSE, why]);
    Ok(Step::Return(2))
}
/// The configuration of a context's id.
fn configuration(vm: &mut Vm, id: &str) -> std::result::Result<Config, String> {
    match config::known(id) {
        Some(config) => Ok(config),
        None => blocking(vm, |_| config::configure(id)),
    }
}
/// Whom clients may mean, and the contexts whose certificates they are shown then: those of an argument.
fn names_argument(vm: &mut Vm, i: usize, t: Ref<Table>) -> Result<std::result::Result<Vec<(String, Config)>, String>> {
    let (mut all, mut key) = (Vec::new(), Value::NIL);
    while let Ok(Some((k, v))) = t.next(key) {
        key = k;
        let id = v.as_table().map(|context| context.get_field(&mut vm.heap, b"id")).and_then(|v| v.as_string());
        let (Some(name), Some(id)) = (k.as_string(), id) else {
            return Err(vm.arg_error(i, "contexts by the names of hosts expected"));
        };
        let [name, id] = [name, id].map(|s| String::from_utf8_lossy(s.bytes()).into_owned());
        match configuration(vm, &id) {
            Ok(config @ Config::Server(_)) => all.push((name.to_ascii_lowercase(), config)),
            Ok(Config::Client(_)) => {
                return Err(vm.arg_error(i, format!("the context of '{name}' is none of a server")));
            }
            Err(why) => return Ok(Err(why)),
        }
    }
    Ok(Ok(all))
}
/// `connection:sni(name)`: whom a client means; `connection:sni(contexts[, strict])`: a server's certificates, by whom clients mean.
/// Before the handshake.
pub(super) fn sni(vm: &mut Vm) -> Result<Step> {
    let u = check(vm)?;
    if let Some(t) = vm.arg(1).as_table() {
        let is_strict = !vm.arg(2).is_false();
        let names = match names_argument(vm, 1, t)? {
            Ok(names) => names,
            Err(why) => return refuse(vm, &why),
        };
        return match secured(vm, &u) {
            None => refuse(vm, CLOSED_TEXT),
            Some(s) if s.has_begun() => refuse(vm, BEGUN),
            Some(s) => match s.choose(names, is_strict) {
                true => vm.return_one(Value::TRUE),
                false => refuse(vm, "contexts by names are for servers; a client says one name"),
            },
        };
    }
    let name = vm.check_string(1)?;
    let name = String::from_utf8_lossy(name.bytes()).to_string();
    if ServerName::try_from(name.as_str()).is_err() {
        return Err(vm.arg_error(1, "no name of a host"));
    }
    match secured(vm, &u) {
        None => refuse(vm, CLOSED_TEXT),
        Some(s) if s.has_begun() => refuse(vm, BEGUN),
        Some(s) => {
            s.name = Some(name);
            vm.return_one(Value::TRUE)
        }
    }
}
/// Returns a text, or nil.
fn text_or_nil(vm: &mut Vm, text: Option<Vec<u8>>) -> Result<Step> {
    let v = text.map_or(Value::NIL, |text| vm.heap.string(&text));
    vm.return_one(v)
}
/// `connection:getsniname()`.
pub(super) fn getsniname(vm: &mut Vm) -> Result<Step> {
    let u = check(vm)?;
    let name = secured(vm, &u).and_then(|s| s.peers_name()).map(|name| name.as_bytes().to_vec());
    text_or_nil(vm, name)
}
/// `connection:getalpn()`.
pub(super) fn getalpn(vm: &mut Vm) -> Result<Step> {
    let u = check(vm)?;
    let protocol = secured(vm, &u).and_then(|s| s.alpn()).map(<[u8]>::to_vec);
    text_or_nil(vm, protocol)
}
/// `connection:want()`.
pub(super) fn want(vm: &mut Vm) -> Result<Step> {
    let u = check(vm)?;
    let wanted = secured(vm, &u).map_or("nothing", |s| s.wants());
    text_or_nil(vm, Some(wanted.as_bytes().to_vec()))
}
/// `connection:getpeerverification()`: a connection that is established was verified as its context says.
pub(super) fn getpeerverification(vm: &mut Vm) -> Result<Step> {
    let u = check(vm)?;
    let is_established = secured(vm, &u).is_some_and(|s| s.is_established());
    vm.return_one(Value::boolean(is_established))
}
/// `connection:info([field])`: `protocol` and `cipher`, in a table or one of them.
pub(super) fn info(vm: &mut Vm) -> Result<Step> {
    let u = check(vm)?;
    let wanted = vm.opt_string(1)?;
    let about = secured(vm, &u).and_then(|s| s.about());
    let (protocol, cipher) = match about {
        Some((protocol, cipher)) => (vm.heap.string(protocol.as_bytes()), vm.heap.string(cipher.as_bytes())),
        None => (Value::NIL, Value::NIL),
    };
    let v = match wanted.as_ref().map(|s| s.bytes()) {
        Some(b"protocol") => protocol,
        Some(b"cipher") => cipher,
        Some(_) => Value::NIL,
        None => {
            let t = vm.heap.table_sized(0, 2);
            rlua_machine::stdlib::field(vm, t, "protocol", protocol);
            rlua_machine::stdlib::field(vm, t, "cipher", cipher);
            Value::table(t)
        }
    };
    vm.return_one(v)
}
