//! HTTP: the module `concurrent.http`, a server and a client on top of sockets (spec/http.md).
//!
//! Journey: outside world -> bytes -> **value** -> bytes -> outside world. Heads are parsed by natives (head.rs), which know no socket; all
//! else is Lua over the public functions of sockets and processes: what is read and when, bodies in pieces (stream.lua), the server with a
//! process for each connection (server.lua), the client (client.lua), WebSockets (websocket.rs, frames.rs, websocket.lua), and texts (text.lua).

mod frames;
#[doc(hidden)]
pub mod head;
#[doc(hidden)]
pub mod websocket;

use crate::concurrent::{Chunk, in_process, open_chunk};
use head::{Body, FIELDS, Head, Limits, Refusal, Room, Start};
use rlua_machine::stdlib::library;
use rlua_machine::value::{Ref, Table, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Native, Result, Step};
use rlua_machine::vm::work::{COPIED, SCANNED};
use std::mem::MaybeUninit;

/// The functions of the module `concurrent.http.core`.
static NATIVES: &[Native] = &[
    Native::steps("http.accept_key", |vm, _| frames::accept_key(vm)),
    Native::steps("http.await", |vm, state| in_process(vm).and_then(|()| frames::either(vm, state))),
    Native::steps("http.close", |vm, _| in_process(vm).and_then(|()| frames::close(vm))),
    Native::steps("http.event", |vm, _| in_process(vm).and_then(|()| frames::event(vm))),
    Native::steps("http.feed", |vm, _| in_process(vm).and_then(|()| frames::feed(vm))),
    Native::steps("http.mail", |vm, _| in_process(vm).and_then(|()| frames::mail(vm))),
    Native::steps("http.new_key", |vm, _| frames::new_key(vm)),
    Native::steps("http.outgoing", |vm, _| in_process(vm).and_then(|()| frames::outgoing(vm))),
    Native::steps("http.transmit", |vm, _| in_process(vm).and_then(|()| frames::transmit(vm))),
    Native::steps("http.upgrade", |vm, _| in_process(vm).and_then(|()| frames::upgrade(vm))),
    Native::steps("http.chunk", |vm, _| chunk(vm)),
    Native::steps("http.request", |vm, _| message(vm, head::request)),
    Native::steps("http.response", |vm, _| message(vm, head::response)),
];
static OPEN_CORE: Native =
    Native::leaf("package.open concurrent.http.core", |vm| Ok(Value::table(library(vm, NATIVES, "http."))));

/// Declares the modules that are Lua, and what opens them.
macro_rules! modules {
    ($($chunk:ident $open:ident $name:literal $file:literal;)*) => {
        $(static $chunk: Chunk = Chunk::new($name, include_str!($file));
        static $open: Native =
            Native::yieldable(concat!("package.open ", $name), |vm, state| open_chunk(vm, state, &$chunk));)*
        static OPENERS: &[&Native] = &[&OPEN_CORE, $(&$open),*];
    };
}
modules! {
    HTTP OPEN_HTTP "concurrent.http" "http.lua";
    TEXT OPEN_TEXT "concurrent.http.text" "text.lua";
    STREAM OPEN_STREAM "concurrent.http.stream" "stream.lua";
    WEBSOCKET OPEN_WEBSOCKET "concurrent.http.websocket" "websocket.lua";
    SERVER OPEN_SERVER "concurrent.http.server" "server.lua";
    CLIENT OPEN_CLIENT "concurrent.http.client" "client.lua";
}

/// The native with a stable name, of these modules.
pub(crate) fn find_native(name: &str) -> Option<&'static Native> {
    NATIVES.iter().chain(OPENERS.iter().copied()).find(|n| n.name == name)
}

/// Returns nil, a status, and what is wrong.
fn refuse(vm: &mut Vm, refusal: &Refusal) -> Result<Step> {
    let text = vm.heap.string(refusal.text.as_bytes());
    vm.push_all([Value::NIL, Value::integer(refusal.status.into()), text]);
    Ok(Step::Return(3))
}
/// A place in a string, counted from 1: how many bytes come before it.
fn place(vm: &mut Vm, i: usize, len: usize) -> Result<usize> {
    let n = vm.check_integer(i)?;
    match usize::try_from(n.wrapping_sub(1)) {
        Ok(before) if before <= len => Ok(before),
        _ => Err(vm.arg_error(i, "no place in the string")),
    }
}
fn size(vm: &mut Vm, i: usize) -> Result<usize> {
    let n = vm.check_integer(i)?;
    usize::try_from(n).map_err(|_| vm.arg_error(i, "a number of bytes or fields is not negative"))
}

type Parse = for<'r, 'b> fn(&'b [u8], &Limits, &'r mut Room<'b>) -> std::result::Result<Head<'r, 'b>, Refusal>;

/// `request(text, from, seen, line, head, fields)`: the head of a request that begins at `from`, of which everything before `seen` was
/// looked at in vain; the others are limits. Where its body begins, method, target, the minor version, fields, the bytes of its
/// body (-1: it is chunked), whether the connection stays, whether the body is to be asked for. False: more has to come.
/// `response(...)`: status and reason instead of method and target; a body of -2 ends with the connection.
fn message(vm: &mut Vm, parse: Parse) -> Result<Step> {
    let text = vm.check_string(0)?;
    let all = text.bytes();
    let from = place(vm, 1, all.len())?;
    let seen = place(vm, 2, all.len())?.saturating_sub(from);
    let limits = Limits { line: size(vm, 3)?, head: size(vm, 4)?, fields: size(vm, 5)?.min(FIELDS) };
    // No more than that is looked at, or copied.
    let bytes = &all[from..all.len().min(from.saturating_add(limits.head).saturating_add(1))];
    let found = match head::find(bytes, seen.min(bytes.len()), &limits) {
        Ok(found) => found,
        Err(refusal) => return refuse(vm, &refusal),
    };
    vm.pay(found.unwrap_or(bytes.len()).saturating_sub(seen), SCANNED);
    let Some(len) = found else { return vm.return_one(Value::FALSE) };
    let mut room = [MaybeUninit::uninit(); FIELDS];
    match parse(&bytes[..len], &limits, &mut room) {
        Ok(head) => give(vm, &head, from + len),
        Err(refusal) => refuse(vm, &refusal),
    }
}
fn give(vm: &mut Vm, head: &Head<'_, '_>, end: usize) -> Result<Step> {
    let fields = vm.heap.table_sized(0, head.fields.len());
    for field in head.fields {
        enter(vm, fields, field.name, field.value.trim_ascii())?;
    }
    let (first, second) = match head.start {
        Start::Request(method, target) => (vm.heap.string(method.as_bytes()), vm.heap.string(target.as_bytes())),
        Start::Response(status, reason) => (Value::integer(status.into()), vm.heap.string(reason.as_bytes())),
    };
    let body = match head.body {
        Body::Length(n) => n as i64,
        Body::Chunked => -1,
        Body::UntilClosed => -2,
    };
    vm.push_all([
        Value::integer(end as i64 + 1),
        first,
        second,
        Value::integer(head.minor.into()),
        Value::table(fields),
        Value::integer(body),
        Value::boolean(head.keeps_alive),
        Value::boolean(head.expects),
    ]);
    Ok(Step::Return(8))
}
/// Enters a field by its name in small letters. One that comes again is one with the first, as RFC 9110 has it; of `set-cookie` there is
/// an array, since its values cannot be told apart in one.
fn enter(vm: &mut Vm, fields: Ref<Table>, name: &str, value: &[u8]) -> Result<()> {
    let mut short = [0; 32];
    let long;
    let lower = match short.get_mut(..name.len()) {
        Some(room) => {
            room.copy_from_slice(name.as_bytes());
            room.make_ascii_lowercase();
            &*room
        }
        None => {
            long = name.to_ascii_lowercase();
            long.as_bytes()
        }
    };
    let key = vm.heap.string(lower);
    let before = fields.get(key);
    let v = match before.as_string() {
        None => vm.heap.string(value),
        Some(first) => {
            let between: &[u8] = if lower == b"cookie" { b"; " } else { b", " };
            let joined = [first.bytes(), between, value].concat();
            vm.pay(joined.len(), COPIED);
            vm.heap.string(&joined)
        }
    };
    let v = match (lower, before.as_table()) {
        (b"set-cookie", Some(list)) => {
            let n = list.length();
            list.set_integer(&mut vm.heap, n + 1, v).map_err(|_| vm.out_of_memory())?;
            return Ok(());
        }
        (b"set-cookie", None) => {
            let list = vm.heap.table_sized(1, 0);
            list.set_integer(&mut vm.heap, 1, v).map_err(|_| vm.out_of_memory())?;
            Value::table(list)
        }
        _ => v,
    };
    fields.set(&mut vm.heap, key, v).map_err(|_| vm.out_of_memory())
}

/// `chunk(text, from)`: the bytes of the chunk whose line begins there, and where it begins itself. False: more has to come.
fn chunk(vm: &mut Vm) -> Result<Step> {
    let text = vm.check_string(0)?;
    let from = place(vm, 1, text.bytes().len())?;
    match head::chunk(&text.bytes()[from..]) {
        Ok(None) => vm.return_one(Value::FALSE),
        Ok(Some((len, bytes))) => {
            vm.push(Value::integer(bytes as i64));
            vm.push(Value::integer((from + len) as i64 + 1));
            Ok(Step::Return(2))
        }
        Err(refusal) => refuse(vm, &refusal),
    }
}
