//! A message of a value.
//!
//! Journey: send -> **encode** -> mailbox. The graph is walked with a worklist; an error names the way from the message to
//! what cannot be sent.

use super::super::snapshot::placeholder_of;
use super::super::wire::Write;
use super::super::{Numbers, code, is_file, is_standard_stream};
use super::{Form, KEPT_BYTES, LONG, Message, NotSendable, classes, more, short};
use rlua_machine::stdlib::NativeState;
use rlua_machine::value::function::NativeClosure;
use rlua_machine::value::{Closure, Kind, Ref, Table, Value, tag};
use rlua_machine::vm::Vm;
use rlua_machine::vm::load::Module;
use rlua_machine::vm::native::Native;
use std::cell::Cell;
use std::sync::Arc;

/// What is being written.
enum Open {
    Table { t: Ref<Table>, array: usize, at: usize, key_written: bool },
    Closure { c: Ref<Closure>, at: usize },
    Native { c: Ref<NativeClosure>, at: usize },
}

#[derive(Default)]
struct Encoder {
    out: Vec<u8>,
    seen: Vec<u64>,
    /// Filled when there are too many to look through.
    numbers: Numbers,
    stack: Vec<Open>,
    modules: Vec<Arc<Module>>,
    portable: bool,
}

thread_local! {
    /// Its buffers are used again.
    static ENCODER: Cell<Option<Box<Encoder>>> = const { Cell::new(None) };
}

/// A message of a value, for a process of this runtime.
pub fn encode_message(vm: &Vm, v: Value) -> Result<Message, NotSendable> {
    match v.tag {
        tag::NIL | tag::FALSE | tag::TRUE | tag::INT | tag::FLOAT | tag::NATIVE | tag::PID | tag::ATOM => {
            return Ok(Message(Form::Small(v)));
        }
        tag::STRING | tag::MODULE_STRING => {
            if let Some(m) = v.as_string().and_then(|s| short(s.bytes())) {
                return Ok(m);
            }
        }
        _ => {}
    }
    with_encoder(vm, v, false, |e| {
        Message(if e.modules.is_empty() {
            Form::Bytes(e.out.as_slice().into())
        } else {
            Form::Graph(Arc::new((e.out.as_slice().into(), std::mem::take(&mut e.modules))))
        })
    })
}

/// The bytes of a value for [`Message::from_wire`] in another runtime, and the modules that they name by their places in
/// the list.
pub fn encode_portable_message(vm: &Vm, v: Value) -> Result<(Vec<u8>, Vec<Arc<Module>>), NotSendable> {
    with_encoder(vm, v, true, |e| (e.out.clone(), std::mem::take(&mut e.modules)))
}

fn with_encoder<T>(
    vm: &Vm,
    v: Value,
    portable: bool,
    finish: impl FnOnce(&mut Encoder) -> T,
) -> Result<T, NotSendable> {
    let mut e = ENCODER.take().unwrap_or_default();
    e.portable = portable;
    let done = e.encode(vm, v).map(|()| finish(&mut e));
    e.out.clear();
    e.seen.clear();
    e.stack.clear();
    e.modules.clear();
    if !e.numbers.is_empty() {
        e.numbers = Numbers::default();
    }
    if e.out.capacity() + (e.seen.capacity() + e.stack.capacity()) * 16 <= KEPT_BYTES {
        ENCODER.set(Some(e));
    }
    done
}

impl Encoder {
    fn encode(&mut self, vm: &Vm, v: Value) -> Result<(), NotSendable> {
        self.put(vm, v)?;
        while let Some(top) = self.stack.last_mut() {
            let next = match top {
                Open::Table { t, array, at, key_written } => {
                    if at < array {
                        *at += 1;
                        Some(t.array_part()[*at - 1])
                    } else if *key_written {
                        *key_written = false;
                        *at += 1;
                        Some(t.node_part()[*at - 1 - *array].value())
                    } else {
                        let nodes = t.node_part();
                        let mut i = *at - *array;
                        while i < nodes.len() && nodes[i].value().is_nil() {
                            i += 1;
                        }
                        *at = i + *array;
                        *key_written = i < nodes.len();
                        nodes.get(i).map(|n| n.key())
                    }
                }
                Open::Native { c, at } => {
                    *at += 1;
                    c.upvalues().get(*at - 1).map(|u| u.get())
                }
                Open::Closure { c, at } => {
                    if *at == c.count {
                        None
                    } else {
                        let u = c.upvalue(*at);
                        *at += 1;
                        if let Err(n) = self.number(u.as_ptr() as u64) {
                            self.out.byte(code::OBJECT);
                            self.out.number(n as u64);
                            continue;
                        }
                        self.out.byte(more::CELL);
                        let v = u.get();
                        if v.as_table() == Some(vm.globals()) {
                            self.out.byte(more::GLOBALS);
                            continue;
                        }
                        Some(v)
                    }
                }
            };
            match next {
                Some(v) => self.put(vm, v)?,
                None => {
                    self.stack.pop();
                }
            }
        }
        Ok(())
    }
    /// Numbers an object; `Err` is the number it has already.
    #[inline]
    fn number(&mut self, address: u64) -> Result<(), u32> {
        const FEW: usize = 8;
        if self.seen.len() <= FEW {
            if let Some(i) = self.seen.iter().position(|&a| a == address) {
                return Err(i as u32);
            }
        } else {
            if self.numbers.is_empty() {
                self.numbers.extend(self.seen.iter().enumerate().map(|(i, &a)| (a, i as u32)));
            }
            match self.numbers.entry(address) {
                std::collections::hash_map::Entry::Occupied(e) => return Err(*e.get()),
                std::collections::hash_map::Entry::Vacant(e) => e.insert(self.seen.len() as u32),
            };
        }
        self.seen.push(address);
        Ok(())
    }
    fn put(&mut self, vm: &Vm, v: Value) -> Result<(), NotSendable> {
        match v.tag {
            tag::NIL => self.out.byte(code::NIL),
            tag::FALSE => self.out.byte(code::FALSE),
            tag::TRUE => self.out.byte(code::TRUE),
            tag::INT => {
                self.out.byte(code::INTEGER);
                self.out.signed(v.bits as i64);
            }
            tag::FLOAT => {
                self.out.byte(code::FLOAT);
                self.out.run(&v.bits.to_le_bytes());
            }
            tag::PID => {
                self.out.byte(code::PID);
                self.out.run(&v.bits.to_le_bytes());
            }
            tag::ATOM if !self.portable => {
                self.out.byte(more::ATOM);
                self.out.run(&v.bits.to_le_bytes());
            }
            tag::ATOM | tag::STRING | tag::MODULE_STRING => self.string(v),
            tag::NATIVE => self.native(Vm::native_in(v).expect("a native")),
            tag::TABLE | tag::CLOSURE | tag::NATIVE_CLOSURE => {
                if let Err(n) = self.number(v.bits) {
                    self.out.byte(code::OBJECT);
                    self.out.number(n as u64);
                    return Ok(());
                }
                match v.kind() {
                    Kind::Table(t) => self.table(vm, t)?,
                    Kind::Closure(c) => {
                        let module = self.module(vm, c.proto().module());
                        self.out.byte(more::CLOSURE);
                        self.out.number(module as u64);
                        self.out.number(c.proto().index() as u64);
                        self.stack.push(Open::Closure { c, at: 0 });
                    }
                    Kind::NativeClosure(c) => {
                        self.out.byte(more::NATIVE_CLOSURE);
                        self.native(c.native());
                        self.out.number(c.count as u64);
                        self.stack.push(Open::Native { c, at: 0 });
                    }
                    _ => unreachable!("the tag is one of three"),
                }
            }
            tag::BUFFER => {
                let b = v.as_buffer().expect("the tag says so");
                match postcard::to_allocvec(&*NativeState::of(&b)) {
                    Ok(bytes) => {
                        self.out.byte(more::BUFFER);
                        self.out.text(&bytes);
                    }
                    Err(_) => return Err(self.refuse(b"a native function in progress", b"")),
                }
            }
            tag::THREAD => return Err(self.refuse(b"a coroutine", b"")),
            tag::USERDATA if v.as_userdata().is_some_and(|u| is_standard_stream(&u)) => {
                self.out.byte(more::STREAM);
                self.out.number(v.as_userdata().expect("the tag says so").resource.get());
            }
            tag::USERDATA => {
                let u = v.as_userdata().expect("the tag says so");
                return Err(match placeholder_of(&u) {
                    Some(what) => self.refuse(&what, b""),
                    None if is_file(&u) => self.refuse(b"an open file", b""),
                    None => self.refuse(b"a userdata", b""),
                });
            }
            tag::LIGHT => return Err(self.refuse(b"a light userdata", b"")),
            // The tags that are left never stand in a slot of a table, function or message.
            _ => unreachable!("tag {:#x} in a message", v.tag),
        }
        Ok(())
    }
    #[inline]
    fn string(&mut self, v: Value) {
        let s = v.as_string().expect("the tag says so");
        if s.len > LONG {
            if let Err(n) = self.number(v.bits) {
                self.out.byte(code::OBJECT);
                return self.out.number(n as u64);
            }
            self.out.byte(more::LONG_STRING);
        } else {
            self.out.byte(more::STRING);
        }
        self.out.text(s.bytes());
    }
    fn native(&mut self, n: &'static Native) {
        if self.portable {
            self.out.byte(code::NATIVE);
            self.out.text(n.name.as_bytes());
        } else {
            self.out.byte(more::NATIVE_ADDRESS);
            self.out.run(&(n as *const Native as u64).to_le_bytes());
        }
    }
    fn module(&mut self, vm: &Vm, module: &Module) -> usize {
        if let Some(i) = self.modules.iter().position(|m| std::ptr::eq(&**m, module)) {
            return i;
        }
        let kept = vm.heap.module_at(module);
        self.modules.push(kept.expect("a heap keeps the modules of its functions").clone());
        self.modules.len() - 1
    }
    #[inline]
    fn table(&mut self, vm: &Vm, t: Ref<Table>) -> Result<(), NotSendable> {
        match t.metatable() {
            None => self.out.byte(more::TABLE),
            Some(m) => match classes(vm).and_then(|c| c.get(Value::table(m)).as_string()) {
                Some(name) => {
                    self.out.byte(more::CLASS);
                    self.out.text(name.bytes());
                }
                None => {
                    return Err(self.refuse(b"a table with a metatable", b"; register it with concurrent.metatable"));
                }
            },
        }
        let items = t.array_part();
        let mut array = items.len();
        while array > 0 && items[array - 1].is_nil() {
            array -= 1;
        }
        let fields = t.node_part().iter().filter(|n| n.value_tag as u64 != tag::NIL).count();
        self.out.number(array as u64);
        self.out.number(fields as u64);
        self.stack.push(Open::Table { t, array, at: 0, key_written: false });
        Ok(())
    }
    /// The error, with the way from the message to what is being written.
    #[cold]
    fn refuse(&self, what: &[u8], advice: &[u8]) -> NotSendable {
        let mut text = [b"cannot send ".as_slice(), what, b" (at "].concat();
        let mut path = b"message".to_vec();
        for open in &self.stack {
            match open {
                // A key itself is being written.
                Open::Table { key_written: true, .. } => path.extend_from_slice(b"'s key"),
                Open::Table { at, array, .. } if at <= array => {
                    path.extend_from_slice(format!("[{at}]").as_bytes());
                }
                Open::Table { t, at, array, .. } => write_key(&mut path, t.node_part()[at - array - 1].key()),
                Open::Closure { c, at } => {
                    path.extend_from_slice(b"'s upvalue '");
                    let name = c.proto().canonical().upvalues.get(at - 1).map(|u| u.name.clone());
                    path.extend_from_slice(name.as_deref().unwrap_or(b"?"));
                    path.push(b'\'');
                }
                Open::Native { at, .. } => path.extend_from_slice(format!("'s upvalue {at}").as_bytes()),
            }
        }
        text.extend_from_slice(&path);
        text.push(b')');
        text.extend_from_slice(advice);
        NotSendable(text)
    }
}

/// `.name`, `[n]` or `["x y"]`.
fn write_key(path: &mut Vec<u8>, key: Value) {
    match key.as_string() {
        Some(s) => {
            let name = s.bytes();
            let plain = name.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
                && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
            if plain {
                path.push(b'.');
                path.extend_from_slice(name);
            } else {
                path.extend_from_slice(b"[\"");
                for &b in name.iter().take(40) {
                    if matches!(b, b'"' | b'\\') {
                        path.push(b'\\');
                    }
                    path.push(b);
                }
                path.extend_from_slice(if name.len() > 40 { b"...\"]" } else { b"\"]" });
            }
        }
        None => {
            path.push(b'[');
            match key.kind() {
                Kind::Integer(_) | Kind::Float(_) => rlua_machine::value::number::write_number(path, key),
                Kind::Boolean(b) => path.extend_from_slice(if b { b"true" } else { b"false" }),
                _ => path.extend_from_slice(key.type_name().as_bytes()),
            }
            path.push(b']');
        }
    }
}
