//! A whole program: the root process, its libraries, and the scheduler around it.
//!
//! Journey: source text -> prototype -> **closure** -> frame. This is the way in for an embedder: make a [`Program`],
//! give it a chunk, get the exit status.

use crate::concurrent::spawn::new_process;
use crate::process::Slot;
use crate::scheduler::{Config, Scheduler};
use crate::stdlib;
use crate::value::Value;
use crate::vm::Vm;
use crate::vm::load::{Literals, Module};
use rlua_compiler::prototype::Chunk;
use std::sync::Arc;

/// A program that is about to run.
pub struct Program {
    scheduler: Arc<Scheduler>,
}

/// What the main chunk is told.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// Name of the script: `arg[0]`.
    pub script: Vec<u8>,
    /// Its arguments: `...`, and `arg[1]` on.
    pub arguments: Vec<Vec<u8>>,
}

impl Program {
    /// A program under a configuration.
    pub fn new(config: Config) -> Program {
        Program { scheduler: Scheduler::new(config) }
    }
    /// Runs a chunk that was compiled or has passed the verifier as the main script; the exit status: 1 if the root
    /// process failed, what `os.exit` asked for, otherwise 0. Blocks until the program ends.
    pub fn run(self, chunk: Chunk, start: Start) -> i32 {
        let stress = &self.scheduler.config.stress;
        let mut vm = Vm::new(stdlib::host::new());
        vm.reload = stress.reload;
        if stress.collect {
            vm.heap.set_stress();
        }
        stdlib::open(&mut vm);
        let t = vm.heap.table();
        let mut values = Vec::new();
        let script = vm.heap.string(&start.script);
        t.set_integer(&mut vm.heap, 0, script).expect("a small integer is a key");
        for (i, a) in start.arguments.iter().enumerate() {
            let v = vm.heap.string(a);
            t.set_integer(&mut vm.heap, i as i64 + 1, v).expect("a small integer is a key");
            values.push(v);
        }
        let globals = vm.globals();
        stdlib::field(&mut vm, globals, "arg", Value::table(t));
        let chunk = vm.reloaded(chunk);
        let module = Module::new(chunk, Literals::Atoms);
        let main = vm.load_module(&module, Value::table(globals));
        vm.start(main, &values);
        let pid = self.scheduler.new_pid();
        let slot = Slot::new(pid, pid, true);
        self.scheduler.enter(new_process(slot, vm, None));
        let status = self.scheduler.run();
        self.scheduler.close();
        status
    }
}
