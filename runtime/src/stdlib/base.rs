//! Temporary.
use crate::value::Value;
use crate::vm::Vm;
use crate::vm::native::*;
fn next(vm: &mut Vm, _: u32) -> Result<Step> {
    let t = vm.check_table(0)?;
    match t.next(vm.arg(1)) {
        Ok(Some((k, v))) => { vm.push(k); vm.push(v); Ok(Step::Return(2)) }
        Ok(None) => vm.return_one(Value::NIL),
        Err(()) => Err(vm.error("invalid key to 'next'")),
    }
}
pub static NEXT: Native = Native::steps("next", next);
fn pairs(vm: &mut Vm, _: u32) -> Result<Step> {
    let t = vm.check_any(0)?;
    vm.push(Value::native(&NEXT)); vm.push(t); vm.push(Value::NIL);
    Ok(Step::Return(3))
}
fn print(vm: &mut Vm, _: u32) -> Result<Step> {
    for i in 0..vm.count() {
        let v = vm.arg(i);
        if i > 0 { print!("\t"); }
        if let Some(s) = v.as_string() { print!("{}", String::from_utf8_lossy(s.bytes())); }
        else if v.is_number() { let mut t = vec![]; crate::value::number::write_number(&mut t, v); print!("{}", String::from_utf8_lossy(&t)); }
        else { print!("{v:?}"); }
    }
    println!();
    Ok(Step::Return(0))
}
fn pcall(vm: &mut Vm, state: u32) -> Result<Step> {
    match state {
        0 => Ok(Step::Call { function: 0, results: -1, next: 1, catch: true }),
        1 => { let n = vm.count(); vm.push(Value::NIL); for i in (0..n).rev() { let v = vm.arg(i); vm.set_arg(i + 1, v); } vm.set_arg(0, Value::TRUE); Ok(Step::Return(n + 1)) }
        _ => { let e = vm.arg(0); vm.set_arg(0, Value::FALSE); vm.set_arg(1, e); Ok(Step::Return(2)) }
    }
}
fn clock(_: &mut Vm) -> Result<Value> { Ok(Value::float(0.0)) }
pub static ALL: [Native; 4] = [Native::steps("pairs", pairs), Native::steps("print", print), Native::yieldable("pcall", pcall), Native::leaf("clock", clock)];
