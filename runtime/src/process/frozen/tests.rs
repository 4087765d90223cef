//! Whole processes as bytes that somebody has altered: each is refused, or runs without harm.
//!
//! Journey: a stopped process -> bytes -> **other bytes** -> an error, or a process that goes on. Below the seal of a
//! checkpoint, and what a node is offered. The same at random, for hours: fuzz/fuzz_targets/process.rs.

use super::*;
use crate::codec::NoModules;
use crate::concurrent;
use crate::scheduler::Config;
use rlua_machine::stdlib::{self, host};
use rlua_machine::value::Value;
use rlua_machine::vm::load::Literals;

/// A small process: a loop, a coroutine, an upvalue, a metatable, a string, a number of each kind, a message.
const PROGRAM: &str = "
    local c = require 'concurrent'
    local n, t = 1.5, setmetatable({ 7, k = 'v' }, { __index = function(_, k) return k end })
    local co = coroutine.wrap(function() while true do coroutine.yield(function() n = n + 1 return n end) end end)
    local f = co()
    c.send(c.self(), { c.self(), 'message' })
    for i = 1, 1000 do f() t[i % 3] = t[i] t[i] = nil end";

fn host_of(scheduler: &Arc<Scheduler>) -> Box<host::Host> {
    let mut host = host::with(stdlib::io::Files::new(None));
    host.outside = Some(Arc::new(crate::scheduler::Handle(scheduler.clone())));
    host
}
/// The process in the middle of its loop.
fn frozen(scheduler: &Arc<Scheduler>) -> Vec<u8> {
    let (_, context) = scheduler.new_process(None);
    let mut p = Process::new(Some(host_of(scheduler)), context, None);
    stdlib::open(&mut p.vm, false, &concurrent::MODULES);
    let globals = Value::table(p.vm.globals());
    let chunk = rlua_compiler::compile(PROGRAM.as_bytes(), b"=small").expect("it compiles");
    let chunk = rlua_compiler::undump(&rlua_compiler::dump(&chunk, true)).expect("it is one");
    let f = p.vm.load_module(&Module::new(chunk, Literals::Atoms), globals);
    p.vm.start(f, &[]);
    assert!(matches!(p.vm.run(60), Exit::Preempted), "it is in the middle");
    p.freeze().expect("it can be written down")
}
/// Thaws bytes, and lets what comes of them run for a while; whether anything has.
fn lives(scheduler: &Arc<Scheduler>, bytes: &[u8]) -> bool {
    let thawed = Process::thaw(bytes, &NoModules, scheduler, host_of(scheduler), Some(scheduler.new_pid()), true);
    let Ok(Thawed { mut process, .. }) = thawed else { return false };
    let vm = &mut process.vm;
    vm.heap.set_most(64 << 20);
    vm.collect_garbage();
    for i in 0..12 {
        match vm.run(if i < 6 { 1 } else { 50 }) {
            Exit::Preempted => {}
            Exit::Request(_) => vm.finish_request(&[]),
            Exit::Finished | Exit::Failed => break,
        }
    }
    vm.collect_garbage();
    context(&mut process.vm).end_wait();
    true
}

#[test]
fn every_change_of_a_byte_is_refused_or_harmless() {
    let scheduler = Scheduler::new(Config::default(), concurrent::find_native);
    let bytes = frozen(&scheduler);
    assert!(lives(&scheduler, &bytes), "it is sound as it is");
    assert!(bytes.len() < 4096, "{} bytes: a small one", bytes.len());
    let (mut tried, mut lived) = (0u32, 0u32);
    for i in 0..bytes.len() {
        assert!(!lives(&scheduler, &bytes[..i]), "cut at {i}");
        let was = bytes[i];
        for v in (0..=255).filter(|v| *v != was) {
            let mut altered = bytes.clone();
            altered[i] = v;
            let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| lives(&scheduler, &altered)));
            lived += u32::from(ran.unwrap_or_else(|_| panic!("byte {i} of {}: {was} -> {v}", bytes.len())));
            tried += 1;
        }
    }
    println!("{} bytes; {lived} of {tried} changes gave a process", bytes.len());
    assert!(lived > 0 && lived < tried / 2);
}

/// What a node answers that cannot take a process.
#[test]
fn what_cannot_be_taken_is_named() {
    let scheduler = Scheduler::new(Config::default(), concurrent::find_native);
    let bytes = frozen(&scheduler);
    let refusal = |bytes: &[u8]| {
        Process::thaw(bytes, &NoModules, &scheduler, host_of(&scheduler), None, false).err().map(|e| e.to_string())
    };
    assert_eq!(refusal(&bytes), None);
    let newer = [&[4], &bytes[1..]].concat();
    assert_eq!(refusal(&newer), Some("made by another version: expected 3, found 4".to_string()));
    let place = bytes.windows(14).position(|w| w == b"coroutine.wrap").expect("it is in the middle of one");
    let mut unknown = bytes.clone();
    unknown[place + 13] = b'q';
    assert_eq!(refusal(&unknown), Some("the native function 'coroutine.wraqped' is unknown here".to_string()));
    // Code is not asked for in a file.
    let mut p = Process::thaw(&bytes, &NoModules, &scheduler, host_of(&scheduler), None, false).expect("it is sound");
    let (record, _) = p.process.beside_machine_to_move(1).expect("it can be written down");
    let Ok(Written::Whole(without)) = Standing::new(p.process).begin(record, None, usize::MAX) else {
        panic!("it can be written down")
    };
    let why = refusal(&without).expect("its code is not there");
    assert!(why.contains("module"), "{why}");
}
