//! Table access with metamethods for natives: each either is done, or is a call that the native asks for.
//!
//! Journey: frame -> value (manual 2.4). The native pushes what [`Access::Call`] names and returns `Step::Call`.

use super::Vm;
use super::metamethod::Event;
use super::native::Result;
use crate::value::Value;

/// The outcome of an access.
pub enum Access {
    /// Done; the value (nil for a store).
    Done(Value),
    /// The metamethod was pushed with its arguments; its register.
    Call(usize),
}

const MAX_CHAIN: usize = 2000;

fn pushed(vm: &mut Vm, f: Value, arguments: &[Value]) -> Access {
    let register = vm.count();
    vm.push(f);
    for &a in arguments {
        vm.push(a);
    }
    Access::Call(register)
}

/// `object[key]`.
pub fn index(vm: &mut Vm, mut object: Value, key: Value) -> Result<Access> {
    vm.pay_for_key(key);
    for hops in 0..MAX_CHAIN {
        vm.charge((hops > 1) as usize);
        let mm = match object.as_table() {
            Some(t) => {
                let v = t.get(key);
                if !v.is_nil() || t.metatable().is_none() {
                    return Ok(Access::Done(v));
                }
                let mm = vm.metamethod(object, Event::Index);
                if mm.is_nil() {
                    return Ok(Access::Done(Value::NIL));
                }
                mm
            }
            None => {
                let mm = vm.metamethod(object, Event::Index);
                if mm.is_nil() {
                    let text = [b"attempt to index a ".as_slice(), &vm.type_name_of(object), b" value"].concat();
                    return Err(vm.native_runtime_error(text));
                }
                mm
            }
        };
        if mm.is_function() {
            return Ok(pushed(vm, mm, &[object, key]));
        }
        object = mm;
    }
    Err(vm.native_runtime_error("'__index' chain too long; possible loop"))
}

/// `object[key] = value`.
pub fn new_index(vm: &mut Vm, mut object: Value, key: Value, value: Value) -> Result<Access> {
    vm.pay_for_key(key);
    for hops in 0..MAX_CHAIN {
        vm.charge((hops > 1) as usize);
        let mm = match object.as_table() {
            Some(t) => {
                let mm = if t.metatable().is_none() { Value::NIL } else { vm.metamethod(object, Event::NewIndex) };
                if mm.is_nil() || !t.get(key).is_nil() {
                    return match vm.raw_set_table(t, key, value) {
                        Ok(()) => Ok(Access::Done(Value::NIL)),
                        Err(e) => Err(vm.table_error(e, |vm, text| vm.error(text))),
                    };
                }
                mm
            }
            None => {
                let mm = vm.metamethod(object, Event::NewIndex);
                if mm.is_nil() {
                    let text = [b"attempt to index a ".as_slice(), &vm.type_name_of(object), b" value"].concat();
                    return Err(vm.native_runtime_error(text));
                }
                mm
            }
        };
        if mm.is_function() {
            return Ok(pushed(vm, mm, &[object, key, value]));
        }
        object = mm;
    }
    Err(vm.native_runtime_error("'__newindex' chain too long; possible loop"))
}

/// `#object`.
pub fn length(vm: &mut Vm, object: Value) -> Result<Access> {
    if let Some(s) = object.as_string() {
        return Ok(Access::Done(Value::integer(s.bytes().len() as i64)));
    }
    let mm = vm.metamethod(object, Event::Len);
    if mm.is_nil() {
        return match object.as_table() {
            Some(t) => Ok(Access::Done(Value::integer(t.length()))),
            None => {
                let text = [b"attempt to get length of a ".as_slice(), &vm.type_name_of(object), b" value"].concat();
                Err(vm.native_runtime_error(text))
            }
        };
    }
    Ok(pushed(vm, mm, &[object]))
}
