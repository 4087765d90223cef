//! The command line.
use rlua_runtime::vm::{Vm, Exit, LoadMode, load::Literals};
use rlua_runtime::value::Value;
fn main() {
    let path = std::env::args().nth(2).unwrap();
    let text = std::fs::read(&path).unwrap();
    let mut vm = Vm::new(rlua_runtime::stdlib::host::new());
    rlua_runtime::stdlib::open(&mut vm);
    let env = Value::table(vm.globals());
    let f = vm.load(rlua_compiler::skip_shebang(&text), format!("@{path}").as_bytes(), LoadMode::Both, Literals::Atoms, env).unwrap_or_else(|e| { eprintln!("{}", String::from_utf8_lossy(&e)); std::process::exit(1) });
    vm.start(f, &[]);
    loop {
        match vm.run(100000) {
            Exit::Preempted => {}
            Exit::Finished => { rlua_runtime::stdlib::host::flush(&mut vm); break }
            Exit::Failed => { let e = vm.error_value(); let t = vm.error_text(e); let t = vm.traceback(None, Some(&t), 0); rlua_runtime::stdlib::host::flush(&mut vm); eprintln!("rlua: {}", String::from_utf8_lossy(&t)); std::process::exit(1) }
            Exit::Request(_) => { let s = rlua_runtime::stdlib::host::exit_status(&mut vm); rlua_runtime::stdlib::host::flush(&mut vm); std::process::exit(s) }
        }
    }
}
