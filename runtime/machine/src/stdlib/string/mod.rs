//! Strings (manual 6.4): the natives around the pure algorithms in pattern, format and pack.
//!
//! Journey: value. The natives by what they are about: bytes, search (patterns), formatted, packed; and here the list of
//! them, the metatable of strings with its arithmetic, and `dump`. Whatever takes time with the length of a string or a
//! format can be interrupted.

mod bytes;
pub mod format;
mod formatted;
pub mod pack;
mod packed;
pub mod pattern;
mod search;

pub use packed::PackState;
pub use search::PatternState;

use crate::value::{Kind, Ref, Table, Value, number};
use crate::vm::Vm;
use crate::vm::arith::ArithError;
use crate::vm::metamethod::Event;
use crate::vm::native::{Native, Result, Step};
use crate::vm::operation::{DIVIDE_BY_ZERO, MODULO_BY_ZERO};
use bytes::Mapping;

/// The library's functions, and the arithmetic of the string metatable.
pub static NATIVES: &[Native] = &[
    Native::steps("string.byte", bytes::byte),
    Native::quick("string.char", bytes::char_, bytes::char_steps),
    Native::leaf("string.dump", dump),
    Native::steps("string.find", |vm, s| search::find(vm, s, true)),
    Native::steps("string.format", formatted::format_),
    Native::leaf("string.gmatch", search::gmatch),
    Native::steps("string.gmatch_next", search::gmatch_next),
    Native::steps("string.gsub", search::gsub),
    Native::leaf("string.len", bytes::len),
    Native::quick("string.lower", |vm| bytes::map(vm, Mapping::Lower), |vm, s| bytes::map_steps(vm, s, Mapping::Lower)),
    Native::steps("string.match", |vm, s| search::find(vm, s, false)),
    Native::quick("string.pack", packed::pack_, packed::pack_steps),
    Native::quick("string.packsize", packed::packsize, packed::packsize_steps),
    Native::quick("string.rep", bytes::rep, bytes::rep_steps),
    Native::quick(
        "string.reverse",
        |vm| bytes::map(vm, Mapping::Reverse),
        |vm, s| bytes::map_steps(vm, s, Mapping::Reverse),
    ),
    Native::quick("string.sub", bytes::sub, bytes::sub_steps),
    Native::steps("string.unpack", packed::unpack),
    Native::quick("string.upper", |vm| bytes::map(vm, Mapping::Upper), |vm, s| bytes::map_steps(vm, s, Mapping::Upper)),
    Native::steps("string.__add", |vm, s| arithmetic(vm, s, Event::Add)),
    Native::steps("string.__sub", |vm, s| arithmetic(vm, s, Event::Sub)),
    Native::steps("string.__mul", |vm, s| arithmetic(vm, s, Event::Mul)),
    Native::steps("string.__mod", |vm, s| arithmetic(vm, s, Event::Mod)),
    Native::steps("string.__pow", |vm, s| arithmetic(vm, s, Event::Pow)),
    Native::steps("string.__div", |vm, s| arithmetic(vm, s, Event::Div)),
    Native::steps("string.__idiv", |vm, s| arithmetic(vm, s, Event::IDiv)),
    Native::steps("string.__unm", |vm, s| arithmetic(vm, s, Event::Unm)),
];

fn native(name: &str) -> &'static Native {
    NATIVES.iter().find(|n| n.name == name).expect("it is in the list")
}

/// Builds the library's table.
pub fn open(vm: &mut Vm) -> Value {
    let t = vm.heap.table_sized(0, NATIVES.len());
    for n in NATIVES {
        match n.name.strip_prefix("string.") {
            Some(name) if !name.starts_with("__") && name != "gmatch_next" => {
                super::field(vm, t, name, Value::native(n));
            }
            _ => {}
        }
    }
    Value::table(t)
}
/// Sets the metatable of strings.
pub fn metatable(vm: &mut Vm, library: Ref<Table>) {
    let t = vm.heap.table_sized(0, 9);
    super::field(vm, t, "__index", Value::table(library));
    for n in NATIVES {
        if let Some(name) = n.name.strip_prefix("string.")
            && name.starts_with("__")
        {
            super::field(vm, t, name, Value::native(n));
        }
    }
    vm.set_string_metatable(Some(t));
}

/// The text of a value without regard to `__tostring` (but to `__name`).
pub fn basic_text(vm: &mut Vm, v: Value) -> Vec<u8> {
    match v.kind() {
        Kind::Nil => b"nil".to_vec(),
        Kind::Boolean(b) => b.to_string().into_bytes(),
        Kind::Integer(_) | Kind::Float(_) => number::number_text(v).as_bytes().to_vec(),
        Kind::String(s) => s.bytes().to_vec(),
        Kind::Pid(pid) => pid.to_string().into_bytes(),
        _ => {
            let mut text = vm.own_name(v).unwrap_or_else(|| v.type_name().as_bytes().to_vec());
            let address = vm.heap.address_of(v);
            text.extend_from_slice(format!(": 0x{address:x}").as_bytes());
            text
        }
    }
}

/// A start position as `string.sub` and its kin take it: from 1, negative from the end.
fn start_position(i: i64, len: usize) -> usize {
    if i > 0 {
        i as usize
    } else if i == 0 || i < -(len as i64) {
        1
    } else {
        (len as i64 + i + 1) as usize
    }
}
/// An end position, at most `len`.
fn end_position(i: i64, len: usize) -> usize {
    if i > len as i64 {
        len
    } else if i >= 0 {
        i as usize
    } else if i < -(len as i64) {
        0
    } else {
        (len as i64 + i + 1) as usize
    }
}
/// Code past which `dump` announces that it takes long, in instructions and constants.
const LONG_CODE: usize = 4096;

fn dump(vm: &mut Vm) -> Result<Value> {
    let f = vm.check_function(0)?;
    let strip = !vm.arg(1).is_false();
    let Some(c) = f.as_closure() else { return Err(vm.error("unable to dump given function")) };
    let p = c.proto();
    let m = p.module();
    let bytes =
        |_: &mut _| rlua_compiler::extract(&m.chunk(), p.index()).map(|chunk| rlua_compiler::dump(&chunk, strip));
    let size: usize = m.protos().iter().map(|p| p.canonical().code.len() + p.constants().len()).sum();
    vm.charge(size);
    let host = super::host::host(vm);
    let bytes = if size > LONG_CODE { super::host::blocking(vm, bytes) } else { bytes(host) };
    match bytes {
        Some(bytes) => Ok(vm.heap.string(&bytes)),
        None => Err(vm.error("unable to dump given function")),
    }
}

// Arithmetic of strings. Instructions have it done without a call where they can (vm/operation.rs).

fn arithmetic(vm: &mut Vm, state: u32, event: Event) -> Result<Step> {
    if state != 0 {
        return Ok(Step::Return(1));
    }
    let (a, b) = (vm.arg(0), vm.arg(1));
    // One operand alone counts twice, and what changes its sign is the last one, as in the reference.
    let second = if vm.count() == 1 { a } else { b };
    let outcome = match event {
        Event::Unm if vm.to_number(a).is_none() => Err(ArithError::Operands),
        Event::Unm => vm.arith_coerced(event, second, second),
        _ => vm.arith_coerced(event, a, second),
    };
    match outcome {
        Ok(v) => vm.return_one(v),
        Err(ArithError::DivideByZero) => Err(vm.error_plain(DIVIDE_BY_ZERO)),
        Err(ArithError::ModuloByZero) => Err(vm.error_plain(MODULO_BY_ZERO)),
        Err(ArithError::Operands) => {
            let mm = if b.is_string() { Value::NIL } else { vm.metamethod(b, event) };
            if mm.is_nil() {
                let (verb, x, y) = (&event.name()[2..], a.type_name(), b.type_name());
                return Err(vm.error(format!("attempt to {verb} a '{x}' with a '{y}'")));
            }
            vm.truncate(0);
            for v in [a, b, mm, a, b] {
                vm.push(v);
            }
            Ok(Step::Call { function: 2, results: 1, next: 1, catch: false })
        }
    }
}
