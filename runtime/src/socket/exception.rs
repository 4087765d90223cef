//! LuaSocket's exceptions: `newtry` makes of a result `nil, why` an error that only `protect` catches, which makes it a result
//! again.
//!
//! Journey: value -> error -> value. The error's value is a table that holds the reason, with a metatable of the registry.

use rlua_machine::stdlib::field;
use rlua_machine::value::{Ref, Table, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{ERROR, Native, Result, Step};

/// The functions, and those that they return.
pub(super) static NATIVES: &[Native] = &[
    Native::leaf("socket.newtry", newtry),
    Native::leaf("socket.protect", protect),
    Native::steps("exception:try", attempt),
    Native::yieldable("exception:protected", protected),
];
static TRY: usize = 2;
static PROTECTED: usize = 3;

fn metatable(vm: &mut Vm) -> Ref<Table> {
    const NAME: &str = "socket{exception}";
    let registry = vm.registry();
    if let Some(found) = registry.get_field(&mut vm.heap, NAME.as_bytes()).as_table() {
        return found;
    }
    let made = vm.heap.table();
    field(vm, made, "__metatable", Value::FALSE);
    field(vm, registry, NAME, Value::table(made));
    made
}
/// `newtry([finalizer])`: a function that returns its arguments, or raises the second if the first is false.
fn newtry(vm: &mut Vm) -> Result<Value> {
    let finalizer = vm.arg(0);
    Ok(Value::native_closure(vm.heap.native_closure(&NATIVES[TRY], &[finalizer])))
}
/// State 1: the finalizer has returned.
fn attempt(vm: &mut Vm, state: u32) -> Result<Step> {
    let first = vm.arg(0);
    if state == 0 && !first.is_nil() && !first.is_false() {
        return Ok(Step::Return(vm.count()));
    }
    let finalizer = vm.native_upvalue(0);
    if state == 0 && !finalizer.is_nil() {
        vm.set_arg(2, finalizer);
        vm.truncate(3);
        return Ok(Step::Call { function: 2, results: 0, next: 1, catch: false });
    }
    let why = vm.arg(1);
    let wrapped = vm.heap.table_sized(1, 0);
    wrapped.set_integer(&mut vm.heap, 1, why).expect("a small integer is a key");
    let meta = metatable(vm);
    vm.set_metatable(wrapped, Some(meta));
    Err(vm.raise(Value::table(wrapped)))
}
/// `protect(function)`: the same function, which returns `nil, why` where a `try` in it fails.
fn protect(vm: &mut Vm) -> Result<Value> {
    let f = vm.arg(0);
    Ok(Value::native_closure(vm.heap.native_closure(&NATIVES[PROTECTED], &[f])))
}
/// State 1: the function has returned; with ERROR: it has not.
fn protected(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == 0 {
        let f = vm.native_upvalue(0);
        vm.insert(0, f);
        return Ok(Step::Call { function: 0, results: -1, next: 1, catch: true });
    }
    if state & ERROR == 0 {
        return Ok(Step::Return(vm.count()));
    }
    let error = vm.arg(0);
    let meta = metatable(vm);
    match error.as_table().filter(|t| t.metatable() == Some(meta)) {
        Some(wrapped) => {
            let why = wrapped.get_integer(1);
            vm.push(Value::NIL);
            vm.push(why);
            Ok(Step::Return(2))
        }
        None => Err(vm.raise(error)),
    }
}
