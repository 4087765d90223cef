//! Long texts that natives have made: they become strings piece by piece.
//!
//! Journey: value. A native that has put its text together has it in a buffer; a string is one copy more. Of a short text
//! that is done at once.

use super::NativeState;
use crate::value::Value;
use crate::vm::Vm;
use crate::vm::native::{Result, Step};
use crate::vm::work::COPIED;

/// Bytes that are copied at once.
const SHORT: usize = 1 << 18;

/// Returns a text, and perhaps another value after it; the native may have to be entered once more at the state `next`, to
/// call [`go_on`].
pub fn return_text(vm: &mut Vm, text: Vec<u8>, other: Option<Value>, next: u32) -> Result<Step> {
    if text.len() <= SHORT {
        vm.pay(text.len(), COPIED);
        let v = vm.heap.string(&text);
        vm.push(v);
        return Ok(return_with(vm, other));
    }
    vm.truncate(0);
    let len = text.len();
    let buffer = vm.heap.buffer(NativeState::Bytes(text));
    vm.push(Value::buffer(buffer));
    let string = vm.begin_string(1, len)?;
    string.keep(vm);
    if let Some(v) = other {
        vm.push(v);
    }
    Ok(Step::Again(next))
}
/// Goes on with that. Registers: the text, the string, how much of it is written, the other value.
pub fn go_on(vm: &mut Vm, next: u32) -> Result<Step> {
    let Some(buffer) = vm.arg(0).as_buffer() else { return Err(vm.damaged()) };
    let mut string = vm.unfinished(1)?;
    let state = NativeState::of(&buffer);
    let NativeState::Bytes(text) = &*state else { return Err(vm.damaged()) };
    let piece = string.left().min(vm.allowance(COPIED));
    let Some(bytes) = text.get(string.at()..string.at() + piece) else { return Err(vm.damaged()) };
    string.write(vm, bytes)?;
    vm.pay(piece, COPIED);
    if string.left() > 0 {
        string.keep(vm);
        return Ok(Step::Again(next));
    }
    let other = (vm.count() > 3).then(|| vm.arg(3));
    vm.push(string.finish());
    Ok(return_with(vm, other))
}
fn return_with(vm: &mut Vm, other: Option<Value>) -> Step {
    match other {
        None => Step::Return(1),
        Some(v) => {
            vm.push(v);
            Step::Return(2)
        }
    }
}
