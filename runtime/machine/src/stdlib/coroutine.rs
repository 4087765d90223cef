//! Coroutines (manual 6.2). The switches themselves are the machine's (vm/coroutine.rs).
//!
//! Journey: frame -> value.

use crate::value::{Ref, Value};
use crate::vm::Vm;
use crate::vm::native::{Native, Result, ResumeKind, Step};
use crate::vm::thread::Thread;

/// The library's functions.
pub static NATIVES: &[Native] = &[
    Native::yieldable("coroutine.close", close),
    Native::leaf("coroutine.create", create),
    Native::leaf("coroutine.isyieldable", is_yieldable),
    Native::yieldable("coroutine.resume", resume),
    Native::steps("coroutine.running", running),
    Native::leaf("coroutine.status", status),
    Native::leaf("coroutine.wrap", wrap),
    Native::yieldable("coroutine.yield", |_, _| Ok(Step::Yield)),
];
/// The function that `wrap` makes; its upvalue is the coroutine.
pub static WRAPPED: Native = Native::yieldable("coroutine.wrapped", wrapped);

/// Builds the library's table.
pub fn open(vm: &mut Vm) -> Value {
    Value::table(super::library(vm, NATIVES, "coroutine."))
}

fn thread(vm: &mut Vm) -> Result<Ref<Thread>> {
    match vm.arg(0).as_thread() {
        Some(t) => Ok(t),
        None => Err(vm.type_error(0, "thread")),
    }
}
fn create(vm: &mut Vm) -> Result<Value> {
    let f = vm.check_function(0)?;
    Ok(Value::thread(vm.new_coroutine(f)))
}
fn resume(vm: &mut Vm, _: u32) -> Result<Step> {
    thread(vm)?;
    Ok(Step::Resume(ResumeKind::Resume))
}
fn wrap(vm: &mut Vm) -> Result<Value> {
    let f = vm.check_function(0)?;
    let co = Value::thread(vm.new_coroutine(f));
    Ok(Value::native_closure(vm.heap.native_closure(&WRAPPED, &[co])))
}
fn wrapped(vm: &mut Vm, _: u32) -> Result<Step> {
    let co = vm.native_upvalue(0);
    vm.insert(0, co);
    Ok(Step::Resume(ResumeKind::Wrap))
}
fn status(vm: &mut Vm) -> Result<Value> {
    let t = thread(vm)?;
    let text = vm.coroutine_status(t);
    Ok(vm.heap.name(text.as_bytes()))
}
fn is_yieldable(vm: &mut Vm) -> Result<Value> {
    if vm.count() > 0 {
        let t = thread(vm)?;
        return Ok(Value::boolean(vm.may_yield(t)));
    }
    Ok(Value::boolean(vm.is_yieldable()))
}
fn running(vm: &mut Vm, _: u32) -> Result<Step> {
    let (t, main) = vm.running();
    vm.push(Value::thread(t));
    vm.push(Value::boolean(main));
    Ok(Step::Return(2))
}
fn close(vm: &mut Vm, _: u32) -> Result<Step> {
    thread(vm)?;
    Ok(Step::CloseCoroutine)
}
