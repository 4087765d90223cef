//! A whole program: the root process, its libraries, and the scheduler around it.
//!
//! Journey: source text -> prototype -> **closure** -> frame. This is the way in for an embedder: make a [`Program`],
//! give it a chunk, get the exit status.

use crate::concurrent;
use crate::node::transport::Settings as NodeSettings;
use crate::observer::Observer;
use crate::process::Process;
use crate::scheduler::{Config, Scheduler};
use rlua_compiler::prototype::Chunk;
use rlua_machine::stdlib;
use rlua_machine::stdlib::io::Files;
use rlua_machine::stdlib::standalone::{self, Action, Terminal};
use rlua_machine::value::Value;
use rlua_machine::vm::load::{Literals, Module};
use std::sync::Arc;

/// A program that is about to run: its root process, and whatever that spawns.
///
/// ```
/// use rlua_runtime::{Config, Program, Start};
///
/// let script = rlua_compiler::compile(b"assert(... == 'one' and arg[0] == 'check')", b"@check").expect("it compiles");
/// let start = Start {
///     script: Some(script),
///     name: b"check".to_vec(),
///     arguments: vec![b"one".to_vec()],
///     ..Start::default()
/// };
/// assert_eq!(Program::new(Config::default()).run(start), 0);
/// ```
pub struct Program {
    scheduler: Arc<Scheduler>,
}

/// What the root process does.
///
/// ```
/// use rlua_runtime::{Action, Config, Program, Start};
///
/// let set = Action::Execute { text: b"x = 20".to_vec(), name: b"=first".to_vec() };
/// let end = Action::Execute { text: b"os.exit(x + 1)".to_vec(), name: b"=then".to_vec() };
/// let start = Start { actions: vec![set, end], ..Start::default() };
/// assert_eq!(Program::new(Config::default()).run(start), 21);
/// ```
#[derive(Default)]
pub struct Start {
    /// Before the script, in this order.
    pub actions: Vec<Action>,
    /// The main script: a chunk that was compiled or has passed the verifier.
    pub script: Option<Chunk>,
    /// Name of the script: `arg[0]`.
    pub name: Vec<u8>,
    /// Its arguments: `...`, and `arg[1]` on.
    pub arguments: Vec<Vec<u8>>,
    /// What the command line had before the script's name: `arg[-1]` and down, the last one first.
    pub before: Vec<Vec<u8>>,
    /// Warnings are on from the start.
    pub warnings: bool,
    /// Whether the environment variable LUA_PATH counts.
    pub environment: bool,
    /// After all that, a prompt.
    pub prompt: bool,
    /// What is done with each input of the prompt in place of running it here: a chunk that returns a function, which is
    /// called with the input's text and may return a text to show.
    pub evaluator: Option<Chunk>,
    /// Where the prompt reads from, if not from standard input.
    pub terminal: Option<Box<dyn Terminal>>,
    /// Called when nobody reads standard output any more, in the middle of a write. The reference's programs are ended by
    /// the signal SIGPIPE then. Without it such a write fails as any other.
    pub when_output_closed: Option<fn()>,
}

/// Interrupts the root process of a running program: an error is raised in it, wherever it is.
///
/// ```
/// use rlua_runtime::{Config, Program, Start};
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use std::time::Duration;
///
/// let script = rlua_compiler::compile(b"while true do end", b"=endless").expect("it compiles");
/// let program = Program::new(Config::default());
/// let interrupter = program.interrupter();
/// let over = AtomicBool::new(false);
/// let status = std::thread::scope(|s| {
///     // Interrupts that come before the root process is there are nobody's.
///     s.spawn(|| {
///         while !over.load(Ordering::Relaxed) {
///             interrupter.interrupt();
///             std::thread::sleep(Duration::from_millis(10));
///         }
///     });
///     let status = program.run(Start { script: Some(script), ..Start::default() });
///     over.store(true, Ordering::Relaxed);
///     status
/// });
/// // Nothing in the program caught the error.
/// assert_eq!(status, 1);
/// ```
#[derive(Clone)]
pub struct Interrupter(Arc<Scheduler>);
impl Interrupter {
    /// Raises the error `interrupted!`. Does not block.
    pub fn interrupt(&self) {
        self.0.interrupt_root();
    }
}

impl Program {
    /// A program under a configuration.
    pub fn new(config: Config) -> Program {
        concurrent::know_libraries();
        Program { scheduler: Scheduler::new(config, concurrent::find_native) }
    }
    /// How it is to be a node, should it become one (`concurrent.init`).
    pub fn set_node(&self, settings: NodeSettings) {
        *self.scheduler.node.settings() = settings;
    }
    /// What another thread can interrupt it with.
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(self.scheduler.clone())
    }
    /// What another thread can look at it with.
    pub fn observer(&self) -> Observer {
        Observer::new(self.scheduler.clone())
    }
    /// Runs the root process, and what it spawns; the exit status: 1 if the root process failed, what `os.exit` asked
    /// for, otherwise 0. Blocks until the program ends. A thread that is in a call of the system then, such as reading a
    /// terminal, stays in it.
    pub fn run(self, start: Start) -> i32 {
        let files = Files::new(start.when_output_closed);
        let streams = files.child();
        let scheduler = self.scheduler.clone();
        scheduler.set_files(files.child());
        let status = self.scheduler.run(move || enter_root(&scheduler, start, files));
        self.scheduler.close();
        streams.flush_at_end();
        status
    }
}

impl Program {
    /// Goes on with the process of a checkpoint (`concurrent.checkpoint`), as the root of this program; the exit status, or
    /// why the file is refused. Blocks as [`Program::run`] does.
    pub fn resume(self, file: &[u8], when_output_closed: Option<fn()>) -> Result<i32, String> {
        let files = Files::new(when_output_closed);
        let streams = files.child();
        let scheduler = self.scheduler.clone();
        scheduler.set_files(files.child());
        let host = scheduler.surroundings_with(files);
        let thawed = scheduler.resumed(file, host)?;
        let status = self.scheduler.run(move || scheduler.resume(thawed));
        self.scheduler.close();
        streams.flush_at_end();
        Ok(status)
    }
}

/// Makes the root process and enters it.
pub(crate) fn enter_root(scheduler: &Arc<Scheduler>, start: Start, files: Files) {
    let mut host = scheduler.surroundings_with(files);
    host.terminal = start.terminal;
    let (slot, context) = scheduler.new_process(None);
    let mut process = Process::new(Some(host), context, None);
    let vm = &mut process.vm;
    vm.warnings = start.warnings;
    stdlib::open(vm, start.environment, &concurrent::MODULES);
    let globals = vm.globals();
    let [script, evaluator] = [start.script, start.evaluator].map(|chunk| match chunk {
        Some(chunk) => {
            let chunk = vm.reloaded(chunk);
            vm.load_module(&Module::new(chunk, Literals::Atoms), Value::table(globals))
        }
        None => Value::NIL,
    });
    let t = vm.heap.table();
    let mut values = Vec::new();
    let negative = start.before.iter().rev().zip(1i64..).map(|(a, i)| (-i, a));
    let positive = start.arguments.iter().zip(1i64..).map(|(a, i)| (i, a));
    for (i, text) in negative.chain([(0, &start.name)]).chain(positive) {
        let v = vm.heap.string(text);
        t.set_integer(&mut vm.heap, i, v).expect("a small integer is a key");
        if i > 0 {
            values.push(v);
        }
    }
    stdlib::field(vm, globals, "arg", Value::table(t));
    let plan = standalone::plan(vm, &start.actions, script, &values, start.prompt, evaluator);
    vm.start(standalone::main_function(), &[Value::table(plan)]);
    scheduler.enter(slot, process);
}
