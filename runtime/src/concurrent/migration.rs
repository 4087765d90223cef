//! Strong mobility: `checkpoint`.
//!
//! Journey: a stopped process -> bytes -> file. The native leaves the interpreter at the state in which a process that is
//! made from the file is entered; the one that goes on here is entered at another.

use super::{expected, may_wait, refuse};
use crate::process::context::{Leaving, context};
use rlua_machine::value::Value;
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Result, Step};

/// State: the process was made from the file.
const RESUMED: u32 = 1;
/// State: the file was written, or not.
pub(crate) const CHECKPOINT_WRITTEN: u32 = 2;

pub(super) fn checkpoint(vm: &mut Vm, state: u32) -> Result<Step> {
    match state {
        RESUMED => {
            let text = vm.heap.string(b"resumed");
            vm.return_one(text)
        }
        CHECKPOINT_WRITTEN => match context(vm).refused.take() {
            None => vm.return_one(Value::TRUE),
            Some(why) => refuse(vm, Value::NIL, why),
        },
        _ => {
            let Some(path) = vm.arg(0).as_string() else { return Err(expected(vm, 0, "path (a string)")) };
            let path = path.bytes().to_vec();
            if path.contains(&0) {
                return Err(vm.arg_error(0, "a path has no zero bytes"));
            }
            may_wait(vm)?;
            if vm.in_finalizer() {
                return Err(vm.error("cannot write a checkpoint inside a finalizer"));
            }
            context(vm).leaving = Some(Leaving::Checkpoint(path));
            Ok(Step::Request(RESUMED))
        }
    }
}
