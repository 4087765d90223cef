//! What kinds of socket there are, as Lua sees them: LuaSocket's classes, each with a metatable.
//!
//! Journey: value. A userdata's class is its metatable, by its name; methods say which classes they are for.

use super::open::Socket;
use crate::codec::{SOCKETS, placeholder_metatable, socket_name};
use crate::process::context::context;
use rlua_machine::stdlib::field;
use rlua_machine::value::{Ref, Table, Userdata, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Result, Step};

/// A class, by its place among [`SOCKETS`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Class(usize);

impl Class {
    /// A TCP socket that is neither of the others yet.
    pub const MASTER: Class = Class(0);
    /// A connection.
    pub const CLIENT: Class = Class(1);
    /// What accepts connections.
    pub const SERVER: Class = Class(2);
    /// A UDP socket without a peer.
    pub const UNCONNECTED: Class = Class(3);
    /// A UDP socket with one.
    pub const CONNECTED: Class = Class(4);
    /// An encrypted connection.
    pub const SECURED: Class = Class(5);

    /// Whether it is of TCP.
    pub fn is_stream(self) -> bool {
        self.0 <= Class::SERVER.0 || self == Class::SECURED
    }
    fn name(self) -> &'static str {
        SOCKETS[self.0]
    }
    /// That of a value; none: it is no socket.
    pub fn of(v: Value) -> Option<(Ref<Userdata>, Class)> {
        let u = v.as_userdata()?;
        socket_name(&u).map(|n| (u, Class(n)))
    }
}

/// The registry's field of what stands in spawned processes for sockets.
const STAND_IN: &str = "socket{stand-in}";

/// Makes the metatables of all classes, if they are not there.
pub fn make_all(vm: &mut Vm) {
    let registry = vm.registry();
    for name in SOCKETS {
        if !registry.get_field(&mut vm.heap, name.as_bytes()).is_nil() {
            continue;
        }
        let (prefix, meta_prefix) = match &name[..3] {
            "tcp" => ("tcp:", "tcp:__"),
            "udp" => ("udp:", "udp:__"),
            _ => ("ssl:", "ssl:__"),
        };
        let methods = vm.heap.table_sized(0, 24);
        let meta = vm.heap.table_sized(0, 6);
        for n in super::NATIVES {
            if n.name.starts_with(meta_prefix) {
                field(vm, meta, &n.name[prefix.len()..], Value::native(n));
            } else if let Some(name) = n.name.strip_prefix(prefix) {
                field(vm, methods, name, Value::native(n));
            }
        }
        let gc = meta.get_field(&mut vm.heap, b"__gc");
        field(vm, meta, "__close", gc);
        let class = vm.heap.atom(name.as_bytes());
        field(vm, methods, "class", class);
        methods.share(&mut vm.heap, name);
        field(vm, meta, "__index", Value::table(methods));
        field(vm, meta, "__name", class);
        field(vm, registry, name, Value::table(meta));
    }
    if registry.get_field(&mut vm.heap, STAND_IN.as_bytes()).is_nil() {
        let stand_in = placeholder_metatable(vm, b"a socket", b" (as an argument of spawn it is handed over)");
        field(vm, registry, STAND_IN, Value::table(stand_in));
    }
}
fn metatable(vm: &mut Vm, class: Class) -> Option<Ref<Table>> {
    let registry = vm.registry();
    let mut found = registry.get_field(&mut vm.heap, class.name().as_bytes());
    if found.is_nil() {
        make_all(vm);
        found = registry.get_field(&mut vm.heap, class.name().as_bytes());
    }
    found.as_table()
}

/// Enters a socket; its value.
pub fn make(vm: &mut Vm, socket: Box<Socket>, class: Class) -> Value {
    let meta = metatable(vm, class);
    let id = context(vm).sockets().add(socket);
    let u = vm.heap.userdata(id, None);
    let registry = vm.registry();
    let stand_in = registry.get_field(&mut vm.heap, STAND_IN.as_bytes());
    u.user_value.set(stand_in);
    vm.set_userdata_metatable(u, meta);
    Value::userdata(u)
}
/// It is of another class from now on.
pub fn change(vm: &mut Vm, u: Ref<Userdata>, class: Class) {
    let meta = metatable(vm, class);
    vm.set_userdata_metatable(u, meta);
}

/// The first argument, which must be of one of these classes; `expected` is what errors call them.
pub fn check(vm: &mut Vm, classes: &[Class], expected: &str) -> Result<(Ref<Userdata>, Class)> {
    match Class::of(vm.arg(0)).filter(|(_, c)| classes.contains(c)) {
        Some(found) => Ok(found),
        None => Err(vm.arg_error(0, format!("{expected} expected"))),
    }
}
/// Classes that a method is for, and what errors call them.
pub struct Group(&'static [Class], &'static str);
/// All of TCP.
pub static TCP: Group = Group(&[Class::MASTER, Class::CLIENT, Class::SERVER, Class::SECURED], "tcp{any}");
/// All of UDP.
pub static UDP: Group = Group(&[Class::UNCONNECTED, Class::CONNECTED], "udp{any}");

/// A socket of a group.
pub fn check_any(vm: &mut Vm, group: &Group) -> Result<Ref<Userdata>> {
    check(vm, group.0, group.1).map(|(u, _)| u)
}
/// A connection, encrypted or not.
pub fn check_client(vm: &mut Vm) -> Result<Ref<Userdata>> {
    check(vm, &[Class::CLIENT, Class::SECURED], "tcp{client}").map(|(u, _)| u)
}
/// The socket behind a value, if it is open.
pub fn socket_of<'a>(vm: &'a mut Vm, u: &Userdata) -> Option<&'a mut Socket> {
    context(vm).sockets().get(u.resource.get())
}

/// `tostring(socket)`.
pub fn to_string(vm: &mut Vm) -> Result<Step> {
    let Some((u, class)) = Class::of(vm.arg(0)) else { return Err(vm.arg_error(0, "socket expected")) };
    let text = format!("{}: 0x{:x}", class.name(), vm.heap.address_of(Value::userdata(u)));
    let text = vm.heap.string(text.as_bytes());
    vm.return_one(text)
}
