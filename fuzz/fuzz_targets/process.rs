//! Any bytes are a whole process, as it moves or lies in a checkpoint below its seal, or are refused; what is let in runs
//! without harm, its messages are received, and it can move on.
#![no_main]

mod machine;
mod seeds;

use libfuzzer_sys::fuzz_target;
use rlua_machine::stdlib::host;
use rlua_machine::value::{Pid, Runtime};
use rlua_machine::vm::load::Module;
use rlua_runtime::codec::{self, Message};
use rlua_runtime::migration::frozen::{CallRecord, Choice, EndingRecord, Read, Record};
use rlua_runtime::node::signal::Bytes;
use std::sync::{Arc, OnceLock};

fn seeds() -> Vec<Vec<u8>> {
    let runtime = Runtime::find(7).expect("there is room");
    let pid = |n| Pid::new(runtime, n);
    let message = |text: &[u8]| Bytes(Message::string(text).to_portable().bytes);
    let whole = |machine: Vec<u8>| {
        let record = Record {
            pid: pid(1),
            parent: pid(2),
            is_root: false,
            gate_was_open: true,
            epoch: 3,
            now: 1 << 40,
            reductions: 1000,
            options: vec![(0, Choice::Flag(true)), (8, Choice::Number(1e6))],
            links: vec![(pid(3), true, 0), (pid(4), false, 5)],
            watchers: vec![(pid(5), 6)],
            watched: vec![(pid(6), 7)],
            names: vec![b"name"[..].into()],
            last_id: 9,
            waiting: Some((8, false, true)),
            remaining: Some(1 << 30),
            asked: Some((9, pid(7))),
            spawning: Some((9, true, Some(4))),
            progress: 2,
            ending: Some(EndingRecord { reason: message(b"why"), abnormal: true, stage: 1, budget: 10, remaining: 20 }),
            reported: false,
            messages: vec![(3, message(b"a")), (5, message(&[b'x'; 100]))],
            next_message: 6,
            wanted_by: Some((pid(8), 3)),
            calls: vec![
                CallRecord { id: 7, peer: pid(9), deadline: Some(1 << 41), outcome: None },
                CallRecord { id: 8, peer: pid(9), deadline: None, outcome: Some((1, message(b"no"))) },
            ],
            current_call: Some(7),
            more_spawning: vec![(6, false, None)],
        };
        record.write(&[], machine)
    };
    machine::frozen().into_iter().map(whole).collect()
}

fuzz_target!(init: seeds::write(seeds), |bytes: &[u8]| {
    static MODULES: OnceLock<Vec<Arc<Module>>> = OnceLock::new();
    let modules = MODULES.get_or_init(machine::modules);
    if machine::reaches_out(bytes) {
        return;
    }
    let renamed = (bytes.len() % 2 == 0).then(|| Pid::new(Runtime::find(9).expect("there is room"), 1));
    let Ok(read) = Read::new(bytes, modules, renamed) else { return };
    let renamed = renamed.map(|new| (read.old, new));
    let vm = codec::thaw_renamed(&bytes[read.machine..], host::new(), rlua_runtime::find_native, modules, renamed);
    let Ok(mut vm) = vm else { return };
    for (_, m) in &read.messages {
        // It may name what is not of this machine.
        let _ = codec::decode_message(&mut vm, m);
    }
    machine::run(vm);
});
