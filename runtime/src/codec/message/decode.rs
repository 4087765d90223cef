//! The value of a message.
//!
//! Journey: mailbox -> receive -> **decode**. Containers are made before their contents and filled from a worklist. Bytes
//! from outside may say anything: what they announce is compared with what is left of them.

use super::super::wire::{Fault, Reader};
use super::super::{code, find_native};
use super::{DecodeError, Form, KEPT_BYTES, Message, classes, more};
use rlua_machine::stdlib::NativeState;
use rlua_machine::value::function::{NativeClosure, Upvalue};
use rlua_machine::value::string::{Str, find_atom};
use rlua_machine::value::{Closure, Pid, Ref, Table, Value, tag};
use rlua_machine::vm::Vm;
use rlua_machine::vm::load::Module;
use rlua_machine::vm::native::Native;
use std::cell::Cell;
use std::sync::Arc;

/// What is being filled.
enum Fill {
    Table { t: Ref<Table>, at: usize, array: usize, fields: usize, key: Option<Value> },
    Closure { c: Ref<Closure>, at: usize },
    Native { c: Ref<NativeClosure>, at: usize },
}

#[derive(Default)]
struct Decoder {
    objects: Vec<Value>,
    stack: Vec<Fill>,
}

thread_local! {
    /// Its buffers are used again.
    static DECODER: Cell<Option<Box<Decoder>>> = const { Cell::new(None) };
}

/// The value of a message that was made in this runtime, in a receiver's heap. A table of a class that the receiver has
/// not registered comes without its metatable, and one that came from outside and is damaged is nil; where that is not
/// good enough, [`try_decode_message`] tells.
pub fn decode_message(vm: &mut Vm, message: &Message) -> Value {
    decode(vm, message, false).unwrap_or(Value::NIL)
}

/// The value of a message, in a receiver's heap.
pub fn try_decode_message(vm: &mut Vm, message: &Message) -> Result<Value, DecodeError> {
    decode(vm, message, true)
}

fn decode(vm: &mut Vm, message: &Message, strict: bool) -> Result<Value, DecodeError> {
    let (bytes, modules, local): (&[u8], &[Arc<Module>], _) = match &message.0 {
        Form::Small(v) => return Ok(*v),
        Form::Short { len, bytes } => return Ok(vm.heap.string(&bytes[..*len as usize])),
        Form::Bytes(b) => (b, &[], true),
        Form::Graph(g) => (&g.0, &g.1, true),
        Form::Foreign(g) => (&g.0, &g.1, false),
        Form::System(m) => {
            // A reason is no system message itself, so this goes one deep.
            let reason = decode(vm, &m.2, strict)?;
            let name = vm.heap.atom(m.0);
            let t = vm.heap.table_sized(0, 3);
            for (key, v) in [("signal", name), ("from", Value::pid(m.1)), ("reason", reason)] {
                rlua_machine::stdlib::field(vm, t, key, v);
            }
            return Ok(Value::table(t));
        }
    };
    let mut d = DECODER.take().unwrap_or_default();
    let mut work = Work {
        d: &mut d,
        reader: Reader::new(bytes),
        budget: bytes.len(),
        modules,
        local,
        strict,
        error: None,
        kept: false,
    };
    let done = work.decode(vm).map_err(|what| work.error.take().unwrap_or(DecodeError::Damaged(what)));
    d.objects.clear();
    d.stack.clear();
    if (d.objects.capacity() + d.stack.capacity()) * 32 <= KEPT_BYTES {
        DECODER.set(Some(d));
    }
    done
}

struct Work<'m> {
    d: &'m mut Decoder,
    reader: Reader<'m>,
    /// Entries of tables that the rest may still announce.
    budget: usize,
    modules: &'m [Arc<Module>],
    /// It was made here: addresses are good.
    local: bool,
    /// A class that is not registered is an error.
    strict: bool,
    error: Option<DecodeError>,
    /// The heap keeps the modules already.
    kept: bool,
}

impl Work<'_> {
    fn decode(&mut self, vm: &mut Vm) -> Result<Value, Fault> {
        let root = self.value(vm)?;
        while let Some(top) = self.d.stack.last_mut() {
            match top {
                Fill::Table { t, at, array, .. } if *at < *array => {
                    let (t, i) = (*t, *at);
                    *at += 1;
                    let v = self.value(vm)?;
                    t.put_slot(i, v);
                }
                Fill::Table { t, key, fields, .. } => {
                    let t = *t;
                    let k = match key.take() {
                        Some(k) => k,
                        None if *fields == 0 => {
                            self.d.stack.pop();
                            continue;
                        }
                        None => {
                            *fields -= 1;
                            let depth = self.d.stack.len();
                            let k = self.value(vm)?;
                            if self.d.stack.len() > depth {
                                // The key is a container, whose contents come first.
                                if let Fill::Table { key, .. } = &mut self.d.stack[depth - 1] {
                                    *key = Some(k);
                                }
                                continue;
                            }
                            k
                        }
                    };
                    let v = self.value(vm)?;
                    t.set(&mut vm.heap, k, v).map_err(|e| e.message())?;
                }
                Fill::Native { c, at } => {
                    let (c, i) = (*c, *at);
                    *at += 1;
                    if i == c.count {
                        self.d.stack.pop();
                        continue;
                    }
                    let v = if self.reader.peek() == Some(more::BUFFER) { self.buffer(vm)? } else { self.value(vm)? };
                    c.upvalues()[i].set(v);
                }
                Fill::Closure { c, at } => {
                    let (c, i) = (*c, *at);
                    *at += 1;
                    if i == c.count {
                        self.d.stack.pop();
                        continue;
                    }
                    match self.reader.byte()? {
                        code::OBJECT => {
                            let u = self.object()?;
                            if u.tag != tag::UPVALUE {
                                return Err("an upvalue of a function is none");
                            }
                            // SAFETY: the tag says so, and the cell is in range.
                            unsafe { *c.cells().add(i) = u.bits as *mut Upvalue };
                        }
                        more::CELL => {
                            let u = vm.heap.upvalue(Value::NIL);
                            self.d.objects.push(Value::object(tag::UPVALUE, u.as_ptr()));
                            c.set_upvalue(i, u);
                            if self.reader.peek() == Some(more::GLOBALS) {
                                self.reader.byte()?;
                                u.set(Value::table(vm.globals()));
                            } else {
                                let v = self.value(vm)?;
                                u.set(v);
                            }
                        }
                        _ => return Err("an upvalue of a function is none"),
                    }
                }
            }
        }
        if self.reader.left() != 0 {
            return Err("there are bytes after the end");
        }
        Ok(root)
    }
    fn object(&mut self) -> Result<Value, Fault> {
        let n = self.reader.number()?;
        self.d.objects.get(usize::try_from(n).unwrap_or(usize::MAX)).copied().ok_or("no such object")
    }
    fn buffer(&mut self, vm: &mut Vm) -> Result<Value, Fault> {
        self.reader.byte()?;
        let damaged = "the state of a native function is damaged";
        let (state, rest): (NativeState, _) = postcard::take_from_bytes(self.reader.text()?).map_err(|_| damaged)?;
        if !rest.is_empty() {
            return Err(damaged);
        }
        Ok(Value::buffer(vm.heap.buffer(state)))
    }
    fn native(&mut self, vm: &Vm, code: u8) -> Result<&'static Native, Fault> {
        match code {
            // SAFETY: a message that was made here holds addresses of natives, which are static.
            more::NATIVE_ADDRESS if self.local => Ok(unsafe { &*(self.reader.word()? as *const Native) }),
            code::NATIVE => {
                let name = self.reader.text()?;
                find_native(vm.natives, name).ok_or_else(|| {
                    self.error = Some(DecodeError::UnknownNative(String::from_utf8_lossy(name).into_owned()));
                    "native"
                })
            }
            _ => Err("a native function has no name"),
        }
    }
    /// Takes entries from the budget.
    fn pay(&mut self) -> Result<usize, Fault> {
        match usize::try_from(self.reader.number()?) {
            Ok(n) if n <= self.budget => {
                self.budget -= n;
                Ok(n)
            }
            _ => Err("more things are announced than there are bytes"),
        }
    }
    /// The next value; a container is on the stack afterwards, to be filled.
    #[inline]
    fn value(&mut self, vm: &mut Vm) -> Result<Value, Fault> {
        Ok(match self.reader.byte()? {
            more::ATOM if self.local => Value::object(tag::ATOM, self.reader.word()? as *mut Str),
            code::INTEGER => Value::integer(self.reader.signed()?),
            code::NIL => Value::NIL,
            code::FALSE => Value::FALSE,
            code::TRUE => Value::TRUE,
            code::FLOAT => Value::float(f64::from_bits(self.reader.word()?)),
            code::PID => Value::pid(Pid::from_bits(self.reader.word()?)),
            c => self.other(vm, c)?,
        })
    }
    fn other(&mut self, vm: &mut Vm, c: u8) -> Result<Value, Fault> {
        Ok(match c {
            more::STRING => {
                let text = self.reader.text()?;
                let atom = if self.local || text.len() <= 1 { None } else { find_atom(text) };
                match atom {
                    Some(a) => Value::object(tag::ATOM, a),
                    None => vm.heap.string(text),
                }
            }
            more::LONG_STRING => {
                let text = self.reader.text()?;
                let v = vm.heap.string(text);
                self.d.objects.push(v);
                v
            }
            code::OBJECT => {
                let v = self.object()?;
                if v.tag == tag::UPVALUE {
                    return Err("an internal object is no value");
                }
                v
            }
            more::TABLE => self.table(vm, None)?,
            more::CLASS => {
                let name = self.reader.text()?;
                let key = vm.heap.string(name);
                match classes(vm).and_then(|c| c.get(key).as_table()) {
                    Some(m) => self.table(vm, Some(m))?,
                    None if !self.strict => self.table(vm, None)?,
                    None => {
                        self.error = Some(DecodeError::UnknownClass(String::from_utf8_lossy(name).into_owned()));
                        return Err("class");
                    }
                }
            }
            more::CLOSURE => {
                let module = self.reader.count_below(self.modules.len())?;
                let index = self.reader.number32()?;
                if !std::mem::replace(&mut self.kept, true) {
                    for m in self.modules {
                        vm.heap.keep_module(m);
                    }
                }
                let proto = self.modules[module].proto(index as usize).ok_or("no such prototype")?;
                // A cell takes a byte at least.
                let count = proto.canonical().upvalues.len();
                if count > self.reader.left() {
                    return Err("a length passes the end of the bytes");
                }
                let c = vm.heap.closure(proto, count);
                self.d.objects.push(Value::closure(c));
                self.d.stack.push(Fill::Closure { c, at: 0 });
                Value::closure(c)
            }
            more::NATIVE_CLOSURE => {
                let code = self.reader.byte()?;
                let native = self.native(vm, code)?;
                let count = self.reader.count()?;
                let c = vm.heap.native_closure(native, &vec![Value::NIL; count]);
                self.d.objects.push(Value::native_closure(c));
                self.d.stack.push(Fill::Native { c, at: 0 });
                Value::native_closure(c)
            }
            more::STREAM => {
                let index = self.reader.count_below(3)?;
                rlua_machine::stdlib::io::stream(vm, index as u64)
            }
            more::NATIVE_ADDRESS | code::NATIVE => Value::native(self.native(vm, c)?),
            _ => return Err("no such kind of value"),
        })
    }
    fn table(&mut self, vm: &mut Vm, meta: Option<Ref<Table>>) -> Result<Value, Fault> {
        let (array, fields) = (self.pay()?, self.pay()?);
        let t = vm.heap.table();
        if array | fields != 0 {
            let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            t.resize(&mut vm.heap, size(array), size(fields)).map_err(|e| e.message())?;
        }
        self.d.objects.push(Value::table(t));
        if let Some(m) = meta {
            vm.set_metatable(t, Some(m));
        }
        self.d.stack.push(Fill::Table { t, at: 0, array, fields, key: None });
        Ok(Value::table(t))
    }
}
