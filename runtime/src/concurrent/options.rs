//! Options: `setoption`, `getoption`.
//!
//! Journey: none of its own. In the root process they are the node's, in another one its own.

use super::{Answer, go};
use crate::process::Process;
use crate::process::options::{KEYS, Setting};
use crate::scheduler::Scheduler;
use rlua_machine::value::{Kind, Value};
use rlua_machine::vm::native::Result;
use std::sync::Arc;

fn key_argument(p: &mut Process) -> Result<usize> {
    let key = p.vm.check_string(0)?;
    match KEYS.iter().position(|k| k.as_bytes() == key.bytes()) {
        Some(i) => Ok(i),
        None => {
            let text =
                format!("unknown option '{}' (options are: {})", String::from_utf8_lossy(key.bytes()), KEYS.join(", "));
            Err(p.vm.arg_error(0, text))
        }
    }
}

pub(super) fn set(scheduler: &Arc<Scheduler>, p: &mut Process) -> Result<Answer> {
    let key = key_argument(p)?;
    let current = scheduler.options.read().unwrap_or_else(|e| e.into_inner()).get(key);
    let setting = match (current, p.vm.arg(1).kind()) {
        (Setting::Flag(_), Kind::Boolean(b)) => Setting::Flag(b),
        (Setting::Number(_), Kind::Integer(n)) if n >= 0 => Setting::Number(n as f64),
        (Setting::Number(_), Kind::Float(n)) if n >= 0.0 => Setting::Number(n),
        (current, _) => {
            let wanted = match current {
                Setting::Flag(_) => "boolean",
                Setting::Number(_) => "number that is not negative",
            };
            let got = p.vm.type_name_of(p.vm.arg(1));
            let text = format!("{wanted} expected for option '{}', got {}", KEYS[key], String::from_utf8_lossy(&got));
            return Err(p.vm.arg_error(1, text));
        }
    };
    if p.slot.is_root {
        scheduler.options.write().unwrap_or_else(|e| e.into_inner()).set(key, setting);
    } else {
        p.options.set(key, setting);
    }
    if KEYS[key] == "maxmailbox" {
        let limit = super::option_number(scheduler, p, "maxmailbox") as usize;
        if !p.slot.is_root {
            p.slot.lock().max_mailbox = limit;
        }
    }
    go(p, Value::TRUE)
}

pub(super) fn get(scheduler: &Arc<Scheduler>, p: &mut Process) -> Result<Answer> {
    let key = key_argument(p)?;
    let v = match super::option(scheduler, p, KEYS[key]) {
        Setting::Flag(b) => Value::boolean(b),
        Setting::Number(n) if n.fract() == 0.0 && n < 1e15 => Value::integer(n as i64),
        Setting::Number(n) => Value::float(n),
    };
    go(p, v)
}
