//! What stands in a process for what its spawner could not give it: a coroutine, an open file.
//!
//! Journey: spawn -> records -> **the child's heap**.

use rlua_machine::value::userdata::Userdata;
use rlua_machine::value::{Kind, Ref, Table, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::metamethod::{Event, name_value};
use rlua_machine::vm::native::{Native, Result as NativeResult};

/// Stands for something that a snapshot cannot hold: every use of it is an error that names it. To be printed is no use.
pub(super) fn placeholder(vm: &mut Vm, what: &[u8]) -> Value {
    let meta = placeholder_metatable(vm, what, b"");
    let u = vm.heap.userdata(u64::MAX, None);
    vm.set_userdata_metatable(u, Some(meta));
    Value::userdata(u)
}

/// The metatable of what stands for something. `hint`: what its errors end with.
pub fn placeholder_metatable(vm: &mut Vm, what: &[u8], hint: &[u8]) -> Ref<Table> {
    let (text, hint) = (vm.heap.string(what), vm.heap.string(hint));
    let f = Value::native_closure(vm.heap.native_closure(&PLACEHOLDER_USED, &[text, hint]));
    let meta = vm.heap.table();
    const EVENTS: [&str; 23] = [
        "__index",
        "__newindex",
        "__call",
        "__len",
        "__concat",
        "__add",
        "__sub",
        "__mul",
        "__div",
        "__mod",
        "__pow",
        "__idiv",
        "__band",
        "__bor",
        "__bxor",
        "__shl",
        "__shr",
        "__unm",
        "__bnot",
        "__lt",
        "__le",
        "__close",
        "__pairs",
    ];
    for event in EVENTS {
        rlua_machine::stdlib::field(vm, meta, event, f);
    }
    // `what` has its article, which would read ill in `number expected, got ...`.
    let bare = what.iter().position(|&b| b == b' ').map_or(what, |i| &what[i + 1..]);
    let name = vm.heap.string(&[b"unusable ", bare, SPAWNER].concat());
    rlua_machine::stdlib::field(vm, meta, "__name", name);
    meta
}

/// The metamethod of placeholders; its upvalues: what one stands for, and a hint.
pub static PLACEHOLDER_USED: Native = Native::leaf("concurrent.placeholder", placeholder_used);

/// Whose it is that a placeholder stands for.
const SPAWNER: &[u8] = b" of the spawning process";

/// What a userdata stands for, if it is a placeholder: `an open file of the spawning process`.
pub fn placeholder_of(u: &Userdata) -> Option<Vec<u8>> {
    // SAFETY: a metatable that is set is live as long as its userdata.
    let meta = unsafe { u.metatable.get().as_ref() }?;
    let Kind::NativeClosure(f) = meta.get(name_value(Event::Call)).kind() else { return None };
    let what = f.upvalues().first()?.get().as_string().filter(|_| std::ptr::eq(f.native(), &PLACEHOLDER_USED))?;
    Some([what.bytes(), SPAWNER].concat())
}

fn placeholder_used(vm: &mut Vm) -> NativeResult<Value> {
    let what = vm.native_upvalue(0).as_string().map_or(b"an object".to_vec(), |s| s.bytes().to_vec());
    let hint = vm.native_upvalue(1).as_string().map_or(Vec::new(), |s| s.bytes().to_vec());
    let text = [&what[..], SPAWNER, b" cannot be used in the spawned one", &hint].concat();
    Err(vm.error(text))
}
