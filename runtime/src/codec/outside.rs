//! What a process holds that lies outside its heap, and where: the reason why it cannot be frozen for elsewhere.
//!
//! Journey: a stopped process -> **what it holds** -> bytes. Open files, but for the standard streams, which are everywhere, and
//! sockets. The search is done only if there is one at all, and goes breadth first, so that the shortest way to it is named: first
//! variables of functions that run, then globals.
//!
//! Always: a file or socket that nothing leads to is no reason; it is closed with the heap that is left behind.

use super::{Numbers, is_file, socket_name};
use crate::codec::message::write_key;
use rlua_machine::stdlib::host::host;
use rlua_machine::value::{Kind, Ref, Value, tag};
use rlua_machine::vm::Vm;
use rlua_machine::vm::thread::Thread;

/// How a value was come to.
enum Way {
    Named(&'static str, Vec<u8>),
    /// What is in a table under a key.
    Field(Value),
    Key,
    Metatable,
    UserValue,
}

struct Search {
    /// Values that were come to: where from, and how.
    found: Vec<(Value, Option<usize>, Way)>,
    seen: Numbers,
}

/// `upvalue 'log' holds an open file`, or nothing: it holds none. Sockets are not the machine's: whoever has them says whether
/// there are any, and whether one of a number is open.
pub fn held_outside(vm: &mut Vm, has_sockets: bool, is_open: impl Fn(&mut Vm, u64) -> bool) -> Option<Vec<u8>> {
    if !host(vm).files.has_open() && !has_sockets {
        return None;
    }
    vm.save_thread();
    let mut s = Search { found: Vec::new(), seen: Numbers::default() };
    // SAFETY: the running coroutine is live, as are those that have resumed it.
    let running = unsafe { Ref::new(vm.thread) };
    s.thread(vm, None, running);
    s.reach(None, Way::Named("the globals", Vec::new()), Value::table(vm.globals()));
    s.reach(None, Way::Named("the registry", Vec::new()), Value::table(vm.registry()));
    let mut next = 0;
    while next < s.found.len() {
        let v = s.found[next].0;
        if let Kind::Userdata(u) = v.kind() {
            let resource = u.resource.get();
            if is_file(&u) && host(vm).files.is_open(resource) {
                return Some([&s.path(next)[..], b" holds an open file"].concat());
            }
            if socket_name(&u).is_some() && is_open(vm, resource) {
                return Some([&s.path(next)[..], b" holds an open socket"].concat());
            }
        }
        s.expand(vm, next, v);
        next += 1;
    }
    None
}

impl Search {
    fn reach(&mut self, from: Option<usize>, way: Way, v: Value) {
        let has_parts = v.tag & tag::HEAP_BIT != 0 && !v.is_string();
        if has_parts && self.seen.insert(v.bits, 0).is_none() {
            self.found.push((v, from, way));
        }
    }
    fn thread(&mut self, vm: &Vm, from: Option<usize>, t: Ref<Thread>) {
        let mut level = 0;
        while let Some(view) = vm.frame_view(Some(t), level) {
            let mut n = 1;
            while let Some((name, v)) = vm.local(view, n) {
                self.reach(from, Way::Named("local", name), v);
                n += 1;
            }
            for n in 1..=view.extra_arguments() {
                if let Some((name, v)) = vm.local(view, -(n as i32)) {
                    self.reach(from, Way::Named("local", name), v);
                }
            }
            self.reach(from, Way::Named("function", Vec::new()), view.function());
            level += 1;
        }
        // What natives keep, and the frames of a coroutine's other end.
        for &v in t.slots(t.slots_in_use()) {
            self.reach(from, Way::Named("a stack", Vec::new()), v);
        }
        if !t.resumer.is_null() {
            // SAFETY: who has resumed a live coroutine is live.
            let resumer = unsafe { Ref::new(t.resumer) };
            self.reach(from, Way::Named("coroutine", Vec::new()), Value::thread(resumer));
        }
    }
    fn expand(&mut self, vm: &Vm, at: usize, v: Value) {
        let from = Some(at);
        match v.kind() {
            Kind::Table(t) => {
                for (k, v) in t.entries() {
                    self.reach(from, Way::Field(k), v);
                    self.reach(from, Way::Key, k);
                }
                let metatable = t.metatable.get();
                if !metatable.is_null() {
                    // SAFETY: a metatable that is set is live as long as its table.
                    self.reach(from, Way::Metatable, Value::table(unsafe { Ref::new(metatable) }));
                }
            }
            Kind::Closure(c) => {
                for i in 0..c.upvalue_count() {
                    let name = c.proto().canonical().upvalues[i].name.to_vec();
                    self.reach(from, Way::Named("upvalue", name), c.upvalue(i).get());
                }
            }
            Kind::NativeClosure(c) => {
                for u in c.upvalues() {
                    self.reach(from, Way::Named("upvalue", Vec::new()), u.get());
                }
            }
            Kind::Userdata(u) => self.reach(from, Way::UserValue, u.user_value.get()),
            Kind::Thread(t) => self.thread(vm, from, t),
            _ => {}
        }
    }
    /// `global 'log'`, `local 'job.files[1]'`, `upvalue 'f', upvalue 'log'`.
    fn path(&self, at: usize) -> Vec<u8> {
        let mut steps = Vec::new();
        let mut next = Some(at);
        while let Some(i) = next {
            steps.push(i);
            next = self.found[i].1;
        }
        let mut text: Vec<u8> = Vec::new();
        let mut open = false;
        for i in steps.into_iter().rev() {
            match &self.found[i].2 {
                Way::Named(what, name) => {
                    if std::mem::take(&mut open) {
                        text.push(b'\'');
                    }
                    if !text.is_empty() {
                        text.extend_from_slice(b", ");
                    }
                    text.extend_from_slice(what.as_bytes());
                    if !name.is_empty() {
                        text.extend_from_slice(b" '");
                        text.extend_from_slice(name);
                        open = true;
                    }
                }
                Way::Field(key) => {
                    if text == b"the globals" {
                        text = b"global '".to_vec();
                        open = true;
                        let mut name = Vec::new();
                        write_key(&mut name, *key);
                        text.extend_from_slice(name.strip_prefix(b".").unwrap_or(&name));
                        continue;
                    }
                    if !open {
                        text.extend_from_slice(b" '");
                        open = true;
                    }
                    write_key(&mut text, *key);
                }
                Way::Key => text.extend_from_slice(b"'s key"),
                Way::Metatable => text.extend_from_slice(b"'s metatable"),
                Way::UserValue => text.extend_from_slice(b"'s user value"),
            }
        }
        if open {
            text.push(b'\'');
        }
        text
    }
}
