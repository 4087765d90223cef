//! What the stand-alone interpreter does around a script: options in order, the script, the prompt (manual, section 7).
//!
//! Journey: source text -> closure -> frame. One native at the bottom of the root process does it all, so that a program
//! can be suspended and frozen between two options as anywhere else. What it has to do is a list in its first register:
//! texts of `-e`, modules of `-l`, the script.
//!
//! The prompt: a line is read while others run ([`blocking`]), from a terminal or from standard input, compiled as an
//! expression or else as statements, and asked to go on if it is incomplete; results are shown by show.lua. The end of
//! the input (Ctrl-D) in the middle of a statement ends the statement, with the error that it is; between two it ends the
//! prompt. An *evaluator* takes the place of running an input and showing its results: a prompt for what is elsewhere.

use super::host::{blocking, host};
use crate::value::{Ref, Table, Value};
use crate::vm::load::Literals;
use crate::vm::native::{ERROR, Native, Result, Step};
use crate::vm::{LoadMode, Vm};

/// One thing to do before the script.
#[derive(Clone, Debug)]
pub enum Action {
    /// Run a text (`-e`), under a chunk name.
    Execute {
        /// Source text.
        text: Vec<u8>,
        /// Chunk name, with its `=` or `@`.
        name: Vec<u8>,
    },
    /// Require a module and set a global to it (`-l`).
    Require {
        /// The global.
        global: Vec<u8>,
        /// The module.
        module: Vec<u8>,
    },
}

/// What a terminal gave.
pub enum Line {
    /// A line, without its end.
    Text(Vec<u8>),
    /// Ctrl-C.
    Interrupted,
    /// No more lines. What is written next begins a line of the screen.
    End,
}

/// Where the prompt reads lines, if not from standard input as it is.
pub trait Terminal: Send {
    /// Reads a line behind a prompt. `names` are what could be completed: globals, and fields behind dots and colons.
    fn read_line(&mut self, prompt: &str, names: Vec<String>) -> Line;
    /// A whole input was read: for the history.
    fn remember(&mut self, input: &[u8]);
    /// Takes what an evaluator has made of an input. False: it is to be written to standard output.
    fn show(&mut self, _text: &[u8]) -> bool {
        false
    }
}

/// The natives that this file adds.
pub static NATIVES: &[Native] = &[Native::steps("standalone.main", main), Native::steps("standalone.handler", handler)];

/// State: an option was done.
const NEXT: u32 = 0;
/// State: `require` of the option returned.
const REQUIRED: u32 = 1;
/// State: the script returned.
const SCRIPT_OVER: u32 = 2;
/// State: read a line.
const PROMPT: u32 = 3;
/// State: the input of the prompt ran.
const RAN: u32 = 4;
/// State: its results were shown.
const SHOWN: u32 = 5;
/// State: show.lua, or the evaluator's program, has returned its function.
const LOADED: u32 = 6;
/// State: an error value told its text.
const ERROR_TOLD: u32 = 7;

/// The main function's argument: everything that is to be done.
/// `evaluator`: a function that returns the one to call with each input of the prompt, if inputs are not run here.
pub fn plan(
    vm: &mut Vm,
    actions: &[Action],
    script: Value,
    arguments: &[Value],
    interactive: bool,
    evaluator: Value,
) -> Ref<Table> {
    let list = vm.heap.table();
    let add = |vm: &mut Vm, i: usize, v: Value| {
        list.set_integer(&mut vm.heap, i as i64, v).expect("a small integer is a key");
    };
    for (i, action) in actions.iter().enumerate() {
        let (first, second) = match action {
            Action::Execute { text, name } => (name, text),
            Action::Require { global, module } => (global, module),
        };
        let (first, second) = (vm.heap.string(first), vm.heap.string(second));
        let is_text = matches!(action, Action::Execute { .. });
        for (k, v) in [Value::boolean(is_text), first, second].into_iter().enumerate() {
            add(vm, i * 3 + k + 1, v);
        }
    }
    let all = vm.heap.table();
    for (i, &a) in arguments.iter().enumerate() {
        all.set_integer(&mut vm.heap, i as i64 + 1, a).expect("a small integer is a key");
    }
    let count = Value::integer(arguments.len() as i64);
    let fields = [("script", script), ("arguments", Value::table(all)), ("count", count), ("evaluator", evaluator)];
    for (name, v) in fields {
        super::field(vm, list, name, v);
    }
    super::field(vm, list, "interactive", Value::boolean(interactive));
    list
}
/// The native to start the root process with; its argument is a [`plan`].
pub fn main_function() -> Value {
    Value::native(&NATIVES[0])
}

/// What shows the results of a prompt's input: a chunk that returns a function of them.
pub const SHOW: &[u8] = include_bytes!("show.lua");

/// A message handler: adds a traceback (`lua.c` does the same).
fn handler(vm: &mut Vm, _: u32) -> Result<Step> {
    let error = vm.arg(0);
    let text = if error.is_string() || error.is_number() {
        vm.error_text(error)
    } else if vm.metamethod(error, crate::vm::metamethod::Event::ToString).is_nil() {
        format!("(error object is a {} value)", error.type_name()).into_bytes()
    } else {
        // The prompt asks it for its text.
        return vm.return_one(error);
    };
    let text = vm.traceback(None, Some(&text), 1);
    let v = vm.heap.string(&text);
    vm.return_one(v)
}

/// Registers: 0 the plan, 1 the message handler, 2 the number of the option or show.lua's function, 3 on: a call.
fn main(vm: &mut Vm, state: u32) -> Result<Step> {
    let Some(plan) = vm.arg(0).as_table() else { return Err(vm.error("the plan is damaged")) };
    match state {
        NEXT => {
            if vm.count() < 3 {
                vm.truncate(1);
                vm.push(Value::native(&NATIVES[1]));
                vm.push(Value::integer(0));
            }
            vm.truncate(3);
            next_option(vm, plan)
        }
        REQUIRED => {
            let n = vm.arg(2).as_integer().unwrap_or(1);
            let (name, module) = (plan.get_integer(n * 3 - 1), vm.arg(3));
            let globals = vm.globals();
            if name.is_string() {
                globals.set(&mut vm.heap, name, module).expect("a string is a key");
            }
            vm.truncate(3);
            Ok(Step::Again(NEXT))
        }
        SCRIPT_OVER => {
            if plan.get_field(&mut vm.heap, b"interactive").is_false() {
                return Ok(Step::Return(0));
            }
            if let Some(outside) = &host(vm).outside {
                outside.open_gate();
            }
            vm.truncate(3);
            let evaluator = plan.get_field(&mut vm.heap, b"evaluator");
            if evaluator.is_function() {
                vm.push(evaluator);
                return Ok(Step::Call { function: 3, results: 1, next: LOADED, catch: false });
            }
            let globals = Value::table(vm.globals());
            let show = vm.load(SHOW, b"=show", LoadMode::Text, Literals::Atoms, globals);
            match show {
                Ok(f) => vm.push(f),
                Err(message) => unreachable!("show.lua: {}", String::from_utf8_lossy(&message)),
            }
            Ok(Step::Call { function: 3, results: 1, next: LOADED, catch: false })
        }
        LOADED => {
            let show = vm.arg(3);
            vm.set_arg(2, show);
            vm.truncate(3);
            prompt(vm, plan)
        }
        PROMPT => {
            vm.truncate(3);
            prompt(vm, plan)
        }
        RAN => {
            // The results are shown, by a call that may fail as well.
            if vm.count() == 3 {
                return Ok(Step::Again(PROMPT));
            }
            if plan.get_field(&mut vm.heap, b"evaluator").is_function() {
                return Ok(Step::Again(SHOWN));
            }
            vm.push(Value::NIL);
            for i in (3..vm.count() - 1).rev() {
                let v = vm.arg(i);
                vm.set_arg(i + 1, v);
            }
            let show = vm.arg(2);
            vm.set_arg(3, show);
            Ok(Step::CallWithHandler { function: 3, next: SHOWN })
        }
        SHOWN => {
            if let Some(text) = vm.arg(3).as_string() {
                let line = [text.bytes(), b"\n"].concat();
                if host(vm).terminal.as_mut().is_some_and(|terminal| terminal.show(&line)) {
                    return Ok(Step::Again(PROMPT));
                }
                // As print: a closed output is no error.
                let _ = super::io::write_stdout(vm, &line);
            }
            Ok(Step::Again(PROMPT))
        }
        ERROR_TOLD => {
            let text = vm.arg(3);
            let text = vm.error_text(text);
            super::host::flush(vm);
            crate::report(text);
            Ok(Step::Again(PROMPT))
        }
        _ if state & ERROR != 0 && !vm.arg(3).is_string() && state & !ERROR != ERROR_TOLD => {
            let error = vm.arg(3);
            let tostring = super::find_native("tostring").expect("the base library has it");
            vm.set_arg(3, Value::native(tostring));
            vm.push(error);
            Ok(Step::Call { function: 3, results: 1, next: ERROR_TOLD, catch: true })
        }
        _ if state & ERROR != 0 => main(vm, ERROR_TOLD),
        _ => Err(vm.error("the state of the main function is damaged")),
    }
}
fn next_option(vm: &mut Vm, plan: Ref<Table>) -> Result<Step> {
    let n = vm.arg(2).as_integer().unwrap_or(0) + 1;
    vm.set_arg(2, Value::integer(n));
    let (is_text, first, second) = (plan.get_integer(n * 3 - 2), plan.get_integer(n * 3 - 1), plan.get_integer(n * 3));
    if is_text.is_nil() {
        let script = plan.get_field(&mut vm.heap, b"script");
        if !script.is_function() {
            return Ok(Step::Again(SCRIPT_OVER));
        }
        vm.push(script);
        let arguments = plan.get_field(&mut vm.heap, b"arguments").as_table();
        let count = plan.get_field(&mut vm.heap, b"count").as_integer().unwrap_or(0);
        for i in 1..=count.min(200_000) {
            let v = arguments.map_or(Value::NIL, |t| t.get_integer(i));
            vm.push(v);
        }
        return Ok(Step::Call { function: 3, results: 0, next: SCRIPT_OVER, catch: false });
    }
    let (Some(first), Some(text)) = (first.as_string(), second.as_string()) else {
        return Err(vm.error("the plan is damaged"));
    };
    if is_text.is_false() {
        let globals = vm.globals();
        let require = globals.get_field(&mut vm.heap, b"require");
        vm.push(require);
        vm.push(second);
        return Ok(Step::Call { function: 3, results: 1, next: REQUIRED, catch: false });
    }
    let (text, name) = (text.bytes().to_vec(), first.bytes().to_vec());
    let globals = Value::table(vm.globals());
    match vm.load(&text, &name, LoadMode::Text, Literals::Atoms, globals) {
        Ok(f) => vm.push(f),
        Err(message) => {
            // No function has failed: there is nothing to trace back.
            super::host::flush(vm);
            crate::report([b"rlua-actor: ".as_slice(), &message].concat());
            let host = host(vm);
            (host.exit, host.close) = (Some(1), true);
            return Ok(super::os::leave());
        }
    }
    Ok(Step::Call { function: 3, results: 0, next: NEXT, catch: false })
}

/// Reads until there is something to run, or no more.
fn prompt(vm: &mut Vm, plan: Ref<Table>) -> Result<Step> {
    // What was read so far, and why that is no statement yet.
    let mut input: Vec<u8> = Vec::new();
    let mut incomplete: Option<Vec<u8>> = None;
    loop {
        match (read_line(vm, incomplete.is_none()), incomplete.take()) {
            (Line::Text(text), before) => {
                if before.is_some() {
                    input.push(b'\n');
                }
                input.extend_from_slice(&text);
            }
            (Line::Interrupted, _) => {
                input.clear();
                continue;
            }
            (Line::End, Some(message)) => {
                // As under the reference: there will be no more of this statement, but there may be others.
                super::host::flush(vm);
                crate::report(message);
                input.clear();
                continue;
            }
            (Line::End, None) => {
                let runs_here = plan.get_field(&mut vm.heap, b"evaluator").is_nil();
                if runs_here && host(vm).terminal.is_none() {
                    let _ = super::io::write_stdout(vm, b"\n");
                }
                return Ok(Step::Return(0));
            }
        }
        if input.trim_ascii().is_empty() {
            input.clear();
            continue;
        }
        let globals = Value::table(vm.globals());
        // `=x` is an old way to ask for a value.
        let expression = input.strip_prefix(b"=").unwrap_or(&input);
        let value = [b"return ", expression].concat();
        let is_incomplete = |message: &[u8]| message.ends_with(b"near <eof>");
        let outcome = match vm.load(&value, b"=stdin", LoadMode::Text, Literals::Atoms, globals) {
            Ok(f) => Ok(f),
            Err(first) => match vm.load(&input, b"=stdin", LoadMode::Text, Literals::Atoms, globals) {
                // More of either may follow.
                Err(second) if is_incomplete(&second) => {
                    incomplete = Some(second);
                    continue;
                }
                Err(_) if is_incomplete(&first) => {
                    incomplete = Some(first);
                    continue;
                }
                outcome => outcome,
            },
        };
        if let Some(terminal) = &mut host(vm).terminal {
            terminal.remember(&input);
        }
        match outcome {
            Ok(f) => {
                if plan.get_field(&mut vm.heap, b"evaluator").is_function() {
                    let evaluate = vm.arg(2);
                    vm.push(evaluate);
                    let text = vm.heap.string(&input);
                    vm.push(text);
                } else {
                    vm.push(f);
                }
                return Ok(Step::CallWithHandler { function: 3, next: RAN });
            }
            Err(message) => {
                super::host::flush(vm);
                crate::report(message);
                input.clear();
            }
        }
    }
}
/// The next line, the first of an input or a later one.
fn read_line(vm: &mut Vm, first: bool) -> Line {
    if host(vm).terminal.is_none() {
        return match blocking(vm, |host| host.files.read_line()) {
            Some(line) => Line::Text(line.strip_suffix(b"\n").unwrap_or(&line).to_vec()),
            None => Line::End,
        };
    }
    let prompt = prompt_text(vm, first);
    let names = names(vm);
    blocking(vm, |host| {
        host.files.flush();
        host.terminal.as_mut().map_or(Line::End, |terminal| terminal.read_line(&prompt, names))
    })
}
/// The prompt, or what a program has set in its place.
fn prompt_text(vm: &mut Vm, first: bool) -> String {
    let globals = vm.globals();
    let (name, default) = if first { ("_PROMPT", "> ") } else { ("_PROMPT2", ">> ") };
    match globals.get_field(&mut vm.heap, name.as_bytes()).as_string() {
        Some(s) => String::from_utf8_lossy(s.bytes()).into_owned(),
        None => default.to_string(),
    }
}
/// What completion offers: the globals, and the fields of those that are tables, two levels deep.
fn names(vm: &mut Vm) -> Vec<String> {
    const MAX: usize = 5000;
    fn add(out: &mut Vec<String>, prefix: &str, t: Ref<Table>, depth: usize, root: Ref<Table>) {
        for (k, v) in t.entries() {
            let Some(name) = k.as_string().and_then(|s| std::str::from_utf8(s.bytes()).ok().map(str::to_string)) else {
                continue;
            };
            let is_name = name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
                && !name.starts_with(|c: char| c.is_ascii_digit());
            if !is_name || out.len() >= MAX {
                continue;
            }
            let full = format!("{prefix}{name}");
            if v.is_function() && depth > 0 {
                // A method can be called with a colon.
                out.push(format!("{}:{name}", prefix.trim_end_matches('.')));
            }
            if let Some(inner) = v.as_table()
                && inner != root
                && depth < 2
            {
                add(out, &format!("{full}."), inner, depth + 1, root);
            }
            out.push(full);
        }
    }
    let mut out = Vec::new();
    let globals = vm.globals();
    add(&mut out, "", globals, 0, globals);
    for word in [
        "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
        "not", "or", "repeat", "return", "then", "true", "until", "while",
    ] {
        out.push(word.to_string());
    }
    out.sort();
    out.dedup();
    out
}
