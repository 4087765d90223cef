//! Options: `setoption`, `getoption`.
//!
//! Journey: none of its own. In the root process they are the node's, in another one its own.

use super::shown;
use crate::process::context::context;
use crate::process::options::{KEYS, Setting, key};
use crate::process::trace::Tracing;
use rlua_machine::value::{Kind, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::Result;

fn key_argument(vm: &mut Vm) -> Result<usize> {
    let key = vm.check_string(0)?;
    match KEYS.iter().position(|k| k.as_bytes() == key.bytes()) {
        Some(i) => Ok(i),
        None => {
            let text =
                [b"unknown option '", key.bytes(), b"' (options are: ", KEYS.join(", ").as_bytes(), b")"].concat();
            Err(vm.arg_error(0, text))
        }
    }
}

pub(super) fn set(vm: &mut Vm) -> Result<Value> {
    let index = key_argument(vm)?;
    let cx = context(vm);
    let current = cx.scheduler.options.read().unwrap_or_else(|e| e.into_inner()).get(index);
    let v = vm.arg(1);
    let setting = match (current, v.kind()) {
        (Setting::Flag(_), Kind::Boolean(b)) => Setting::Flag(b),
        (Setting::Number(_), Kind::Integer(n)) if n >= 0 => Setting::Number(n as f64),
        (Setting::Number(_), Kind::Float(n)) if n >= 0.0 => Setting::Number(n),
        (current, _) => {
            let wanted = match current {
                Setting::Flag(_) => "boolean",
                Setting::Number(_) => "number that is not negative",
            };
            let what = format!("{wanted} expected for option '{}', got ", KEYS[index]);
            let got = if vm.count() < 2 { b"no value".to_vec() } else { shown(vm, v) };
            return Err(vm.arg_error(1, [what.as_bytes(), &got].concat()));
        }
    };
    let cx = context(vm);
    if cx.slot.is_root {
        cx.scheduler.set_option(index, setting);
    } else {
        cx.set_option(index, setting);
        cx.set_limits();
    }
    if let (key::DEBUG, Setting::Flag(lines)) = (index, setting) {
        let tracing = context(vm).tracing();
        context(vm).set_tracing(Tracing { lines, ..tracing });
    }
    if index == key::MAXHEAP {
        // It may be past the new limit already.
        let limit = context(vm).limit_bytes();
        vm.heap.set_most(limit);
        vm.request_stop();
    }
    Ok(Value::TRUE)
}

pub(super) fn get(vm: &mut Vm) -> Result<Value> {
    let index = key_argument(vm)?;
    Ok(match context(vm).option(index) {
        Setting::Flag(b) => Value::boolean(b),
        Setting::Number(n) if n.fract() == 0.0 && n < 1e15 => Value::integer(n as i64),
        Setting::Number(n) => Value::float(n),
    })
}
