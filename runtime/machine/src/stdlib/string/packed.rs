//! `pack`, `packsize`, `unpack`: the natives around binary formats (manual 6.4.2).
//!
//! Journey: value. For short formats `pack` and `packsize` are leaves. A long one is read option by option, and what is
//! done goes to a buffer in a register while others have their turn.

use super::super::NativeState;
use super::super::text::{go_on, return_text};
use super::pack::{self, Culprit, Kind, Options, PackError, Place, Unpacked};
use super::start_position;
use crate::value::Value;
use crate::vm::Vm;
use crate::vm::native::{Raise, Result, Step};
use crate::vm::operation::MAX_STRING;
use crate::vm::work::COPIED;
use serde::{Deserialize, Serialize};

/// Options that are a reduction.
const OPTIONS: usize = 4;
/// Reductions' worth of work that a leaf does.
const LEAF: usize = 64;

/// A format in progress.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct PackState {
    place: Place,
    /// `pack`: the output, and the last argument in it.
    out: Vec<u8>,
    argument: usize,
    /// Zeros that are still to be written.
    zeros: usize,
    /// `packsize`: the sum; `unpack`: the position in the data.
    position: usize,
}
impl PackState {
    fn new(format: &[u8]) -> PackState {
        PackState { place: Place::new(format), out: Vec::new(), argument: 0, zeros: 0, position: 0 }
    }
}
fn keep(vm: &mut Vm, register: usize, state: PackState) {
    let b = vm.heap.buffer(NativeState::Pack(Box::new(state)));
    vm.set_arg(register, Value::buffer(b));
}
fn take(vm: &mut Vm, register: usize) -> Result<PackState> {
    let state = vm.arg(register).as_buffer().map(|b| {
        let mut state = NativeState::of(&b);
        std::mem::replace(&mut *state, NativeState::Bytes(Vec::new()))
    });
    match state {
        Some(NativeState::Pack(state)) => Ok(*state),
        _ => Err(vm.damaged()),
    }
}

fn pack_error(vm: &mut Vm, e: PackError, argument: usize) -> Raise {
    match e.culprit() {
        Culprit::Nobody => vm.error(e.message()),
        Culprit::Format => vm.arg_error(0, e.message()),
        Culprit::Value => vm.arg_error(argument, e.message()),
        Culprit::Data => vm.arg_error(1, e.message()),
    }
}

pub(super) fn pack_(vm: &mut Vm) -> Result<Option<Value>> {
    let f = vm.check_string(0)?;
    let mut state = PackState::new(f.bytes());
    // The reference keeps a mark behind the arguments: a missing one is nil to its messages.
    let arguments = vm.count();
    vm.push(Value::NIL);
    match pack_on(vm, &mut state, LEAF)? {
        (true, spent) if spent <= LEAF => {
            vm.charge(spent);
            Ok(Some(vm.heap.string(&state.out)))
        }
        _ => {
            vm.truncate(arguments);
            Ok(None)
        }
    }
}
/// State of `pack`: all is done, but that the output is no string yet.
const TEXT: u32 = 2;
/// Registers: format, arguments, nil, and the state.
pub(super) fn pack_steps(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == TEXT {
        return go_on(vm, TEXT);
    }
    let mut p = if state == 0 {
        let f = vm.check_string(0)?;
        vm.push(Value::NIL);
        PackState::new(f.bytes())
    } else {
        let register = vm.count().saturating_sub(1);
        let p = take(vm, register)?;
        vm.truncate(register);
        p
    };
    let allowed = vm.allowance(1);
    let (done, spent) = pack_on(vm, &mut p, allowed)?;
    vm.charge(spent);
    if done {
        return return_text(vm, p.out, None, TEXT);
    }
    let register = vm.count();
    keep(vm, register, p);
    Ok(Step::Again(1))
}
/// Packs for at most so many reductions: whether that was all, and how many it took.
fn pack_on(vm: &mut Vm, p: &mut PackState, allowed: usize) -> Result<(bool, usize)> {
    let f = vm.check_string(0)?;
    let mut options = Options::resume(f.bytes(), &p.place);
    let mut spent = 0;
    let mut items = 0;
    loop {
        if p.zeros > 0 {
            let n = p.zeros.min((allowed - spent.min(allowed)).max(1) * COPIED);
            p.out.resize(p.out.len() + n, 0);
            p.zeros -= n;
            spent += n / COPIED;
        }
        if spent >= allowed || p.zeros > 0 {
            p.place = options.place(f.bytes());
            return Ok((false, spent));
        }
        let item = match options.next_item(p.out.len()) {
            Ok(Some(item)) => item,
            Ok(None) => return Ok((true, spent)),
            Err(e) => return Err(pack_error(vm, e, p.argument)),
        };
        items += 1;
        spent += (items % OPTIONS == 0) as usize;
        let size = item.padding + item.size;
        if p.out.len() as u64 + size as u64 > MAX_STRING as u64 {
            return Err(vm.error("resulting string too large"));
        }
        vm.check_room(2 * (p.out.len() + size))?;
        if !item.has_value() {
            item.pack_nothing(&mut p.out);
            continue;
        }
        p.argument += 1;
        let (before, argument) = (p.out.len(), p.argument);
        let done = match item.kind {
            Kind::Integer | Kind::Unsigned => {
                let n = vm.check_integer(argument)?;
                item.pack_integer(n, &mut p.out)
            }
            Kind::Float => {
                let n = vm.check_float(argument)?;
                item.pack_float(n, &mut p.out);
                Ok(())
            }
            _ => {
                let s = vm.check_string(argument)?;
                vm.check_room(2 * (p.out.len() + s.bytes().len()))?;
                item.pack_string(s.bytes(), &mut p.out).map(|zeros| p.zeros = zeros)
            }
        };
        if let Err(e) = done {
            return Err(pack_error(vm, e, argument));
        }
        spent += (p.out.len() - before) / COPIED;
    }
}

pub(super) fn packsize(vm: &mut Vm) -> Result<Option<Value>> {
    let f = vm.check_string(0)?;
    let (mut options, mut total) = (Options::new(f.bytes()), 0);
    match pack::packed_size(&mut options, &mut total, LEAF * OPTIONS) {
        Ok(true) => Ok(Some(Value::integer(total as i64))),
        Ok(false) => Ok(None),
        Err(e) => Err(pack_error(vm, e, 0)),
    }
}
/// Registers: format, the state.
pub(super) fn packsize_steps(vm: &mut Vm, state: u32) -> Result<Step> {
    let f = vm.check_string(0)?;
    let mut p = if state == 0 { PackState::new(f.bytes()) } else { take(vm, 1)? };
    let mut options = Options::resume(f.bytes(), &p.place);
    let allowed = vm.allowance(OPTIONS);
    match pack::packed_size(&mut options, &mut p.position, allowed) {
        Ok(true) => vm.return_one(Value::integer(p.position as i64)),
        Ok(false) => {
            p.place = options.place(f.bytes());
            vm.pay(allowed, OPTIONS);
            keep(vm, 1, p);
            Ok(Step::Again(1))
        }
        Err(e) => Err(pack_error(vm, e, 0)),
    }
}

/// Registers: format, data, initial position or the state, results.
pub(super) fn unpack(vm: &mut Vm, state: u32) -> Result<Step> {
    let f = vm.check_string(0)?;
    let s = vm.check_string(1)?;
    let n = s.bytes().len();
    let mut p = if state == 0 {
        let position = start_position(vm.opt_integer(2, 1)?, n) - 1;
        if position > n {
            return Err(vm.arg_error(2, "initial position out of string"));
        }
        vm.truncate(3);
        vm.set_arg(2, Value::NIL);
        PackState { position, ..PackState::new(f.bytes()) }
    } else {
        take(vm, 2)?
    };
    if p.position > n {
        return Err(vm.damaged());
    }
    let mut options = Options::resume(f.bytes(), &p.place);
    let allowed = vm.allowance(1);
    let (mut spent, mut items) = (0, 0);
    loop {
        if spent >= allowed {
            p.place = options.place(f.bytes());
            vm.charge(spent);
            keep(vm, 2, p);
            return Ok(Step::Again(1));
        }
        let item = match options.next_item(p.position) {
            Ok(Some(item)) => item,
            Ok(None) => break,
            Err(e) => return Err(pack_error(vm, e, 0)),
        };
        items += 1;
        spent += (items % OPTIONS == 0) as usize;
        let value = match item.unpack(s.bytes(), &mut p.position) {
            Ok(v) => v,
            Err(e) => return Err(pack_error(vm, e, 0)),
        };
        let Some(value) = value else { continue };
        if !vm.reserve(2) {
            return Err(vm.error("too many results"));
        }
        let v = match value {
            Unpacked::Integer(n) => Value::integer(n),
            Unpacked::Float(n) => Value::float(n),
            Unpacked::String(b) => {
                spent += b.len() / COPIED;
                vm.heap.string(b)
            }
        };
        vm.push(v);
    }
    vm.push(Value::integer(p.position as i64 + 1));
    vm.charge(spent);
    Ok(Step::Return(vm.count() - 3))
}
