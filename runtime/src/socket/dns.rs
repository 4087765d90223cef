//! Names of hosts: `socket.dns`.
//!
//! Journey: value -> system -> **value**. All of these ask the system's resolver, in a call that others do not wait for.

use super::address::{AI_CANONNAME, lookup, text_argument};
use super::failure::{UNKNOWN_HOST, of_resolver, words};
use super::open::Family;
use super::refuse;
use dns_lookup::{AddrInfo, AddrInfoHints, get_hostname, getnameinfo as name_of};
use rlua_machine::stdlib::field;
use rlua_machine::stdlib::host::blocking;
use rlua_machine::value::{Ref, Table, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Result, Step};
use std::net::{IpAddr, SocketAddr};

const STREAM: i32 = 1;
// Of netdb.h.
const NI_NAMEREQD: i32 = if cfg!(target_os = "linux") { 8 } else { 4 };

fn hints(flags: i32) -> AddrInfoHints {
    AddrInfoHints { socktype: STREAM, flags, ..AddrInfoHints::default() }
}
fn append(vm: &mut Vm, t: Ref<Table>, text: &str) {
    let n = (1..).find(|&n| t.get_integer(n).is_nil()).unwrap_or(1);
    let v = vm.heap.string(text.as_bytes());
    t.set_integer(&mut vm.heap, n, v).expect("a small integer is a key");
}

/// `getaddrinfo(host)`: an array of `{ family, addr }`.
pub(super) fn getaddrinfo(vm: &mut Vm, _: u32) -> Result<Step> {
    let host = text_argument(vm, 0)?;
    match lookup(vm, Some(host), None, hints(0)) {
        Ok(found) => {
            let all = vm.heap.table_sized(found.len(), 0);
            for (found, i) in found.iter().zip(1..) {
                let one = vm.heap.table_sized(0, 2);
                let family = vm.heap.name(Family::of(&found.sockaddr).name().as_bytes());
                let address = vm.heap.string(found.sockaddr.ip().to_string().as_bytes());
                field(vm, one, "family", family);
                field(vm, one, "addr", address);
                all.set_integer(&mut vm.heap, i, Value::table(one)).expect("a small integer is a key");
            }
            vm.return_one(Value::table(all))
        }
        Err(why) => refuse(vm, &why),
    }
}
/// `gethostname()`.
pub(super) fn gethostname(vm: &mut Vm, _: u32) -> Result<Step> {
    match get_hostname() {
        Ok(name) => {
            let name = vm.heap.string(name.as_bytes());
            vm.return_one(name)
        }
        Err(e) => refuse(vm, &words(&e)),
    }
}
/// `getnameinfo(host, service)`: an array of names of the host, if one is given, and the name of the service.
pub(super) fn getnameinfo(vm: &mut Vm, _: u32) -> Result<Step> {
    let [host, service] = [0, 1].map(|i| (!vm.arg(i).is_nil()).then(|| text_argument(vm, i)).transpose());
    let (host, service) = (host?, service?);
    if host.is_none() && service.is_none() {
        return Err(vm.error("host and serv cannot be both nil"));
    }
    let (has_host, has_service) = (host.is_some(), service.is_some());
    let found = match lookup(vm, host, service, hints(0)) {
        Ok(found) => found,
        Err(why) => return refuse(vm, &why),
    };
    let named = blocking(vm, |_| found.iter().map(|a| name_of(&a.sockaddr, 0)).collect::<Vec<_>>());
    let all = vm.heap.table();
    let mut last = None;
    for (name, service) in named.into_iter().flatten() {
        if has_host {
            append(vm, all, &name);
        }
        last = Some(service);
    }
    vm.push(Value::table(all));
    match last.filter(|_| has_service) {
        Some(service) => {
            let service = vm.heap.string(service.as_bytes());
            vm.push(service);
            Ok(Step::Return(2))
        }
        None => Ok(Step::Return(1)),
    }
}

/// What the resolver knows of a host: its name, other names, its addresses in figures.
struct Host {
    name: String,
    alias: Vec<String>,
    addresses: Vec<IpAddr>,
}
impl Host {
    fn find(vm: &mut Vm, text: String) -> std::result::Result<Host, String> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            let found = blocking(vm, |_| name_of(&SocketAddr::new(ip, 0), NI_NAMEREQD));
            let (name, _) = found.map_err(|e| of_resolver(&e))?;
            return Ok(Host { name, alias: Vec::new(), addresses: vec![ip] });
        }
        let found = lookup(vm, Some(text.clone()), None, hints(AI_CANONNAME))?;
        let canonical = |a: &AddrInfo| a.canonname.clone();
        let name = found.iter().find_map(canonical).unwrap_or_else(|| text.clone());
        // As `gethostbyname`, which LuaSocket asks: version 4 alone, where there is one.
        let all: Vec<IpAddr> = found.iter().map(|a| a.sockaddr.ip()).collect();
        let fourth: Vec<IpAddr> = all.iter().copied().filter(IpAddr::is_ipv4).collect();
        let addresses = if fourth.is_empty() { all } else { fourth };
        let alias = if name == text { Vec::new() } else { vec![text] };
        Ok(Host { name, alias, addresses })
    }
    /// `{ name, alias, ip }`.
    fn push(&self, vm: &mut Vm) {
        let t = vm.heap.table_sized(0, 3);
        let name = vm.heap.string(self.name.as_bytes());
        field(vm, t, "name", name);
        let alias = vm.heap.table();
        self.alias.iter().for_each(|a| append(vm, alias, a));
        field(vm, t, "alias", Value::table(alias));
        let ip = vm.heap.table();
        self.addresses.iter().for_each(|a| append(vm, ip, &a.to_string()));
        field(vm, t, "ip", Value::table(ip));
        vm.push(Value::table(t));
    }
}
fn ask(vm: &mut Vm, first: impl Fn(&Host) -> Option<String>) -> Result<Step> {
    let text = text_argument(vm, 0)?;
    let host = match Host::find(vm, text) {
        Ok(host) => host,
        Err(why) => return refuse(vm, &why),
    };
    let Some(answer) = first(&host) else { return refuse(vm, UNKNOWN_HOST) };
    let answer = vm.heap.string(answer.as_bytes());
    vm.push(answer);
    host.push(vm);
    Ok(Step::Return(2))
}
/// `toip(host)`: its first address, and all that is known.
pub(super) fn toip(vm: &mut Vm, _: u32) -> Result<Step> {
    ask(vm, |host| host.addresses.first().map(IpAddr::to_string))
}
/// `tohostname(address)`: its name, and all that is known.
pub(super) fn tohostname(vm: &mut Vm, _: u32) -> Result<Step> {
    ask(vm, |host| Some(host.name.clone()))
}
