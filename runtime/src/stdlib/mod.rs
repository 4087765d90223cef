//! The standard library.
pub mod base;
pub mod string;
pub mod table;
use crate::value::Value;
use crate::vm::Vm;
/// Opens the libraries.
pub fn open(vm: &mut Vm) {
    let g = vm.globals();
    for n in &base::ALL {
        g.set_field(&mut vm.heap, n.name.as_bytes(), Value::native(n)).unwrap();
    }
}
