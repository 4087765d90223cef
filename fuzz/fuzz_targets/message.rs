//! Arbitrary bytes as a message from outside: refused, or received, matched, decoded in one go and in steps, used, sent on.
#![no_main]

#[path = "machine.rs"]
mod machine;
#[path = "seeds.rs"]
mod seeds;

use libfuzzer_sys::fuzz_target;
use rlua_machine::stdlib;
use rlua_machine::value::{Runtime, Value};
use rlua_machine::vm::load::{Literals, Module};
use rlua_machine::vm::{Exit, LoadMode, Vm};
use rlua_runtime::codec::{Arriving, DecodeError, Decoding, Matching, Message, Pattern, decode_message, encode_message};
use std::sync::{Arc, OnceLock};

/// What messages are made of; `m` is one.
const SENDERS: &[&str] = &[
    "m = { tag = 'ping', n = 1, list = { 1, 2, 3, 4, 500, -70000 }, floats = { 1.5, 2.5, 3.5, 4.5 }, x = { {}, { true, false } } }",
    "local n = 0 local function up() n = n + 1 return n end m = { up, function() return up() + n end, next, ('x'):rep(50) }",
    "local long = table.concat({ 'a', 'b' }, ('-'):rep(2) .. string.format('%050d', 1)) m = { [long] = long, { long } } m.me = m m[m] = m",
    "local k = { 1 } m = { [k] = { [k] = k }, g = string.gmatch('a b c', '%a'), [1.5] = 2, [-1] = 3, [true] = 'true' }",
    "m = { a = { b = { c = { d = { 'deep', n = 2.0 } } } }, wide = { 1 << 40, 2, 3, 4 }, mixed = { 1, 'x', 2.5, true } }",
    "m = ('x'):rep(200)",
];
/// What a receiver does with one.
const USE: &str = "
  local seen, n = {}, 0
  local function use(v)
    n = n + 1
    if n > 300 or seen[v] then return end
    local kind = type(v)
    if kind == 'table' then
      seen[v] = true
      for k, x in next, v do use(k) use(x) end
      v.new, v[#v + 1] = n, n
    elseif kind == 'function' then
      seen[v] = true
      pcall(v, n)
    else
      tostring(v)
    end
  end
  use(m)
  collectgarbage()
  return n";
const PATTERN: &str = "p = { tag = 'ping', list = { 1 }, a = { b = { c = { d = { 'deep' } } } } } p.x = p.list";

fn ran(program: &str) -> Vm {
    let mut vm = machine::machine();
    let rep = stdlib::find_native("string.rep").expect("the string library has it");
    let string = vm.globals().get_field(&mut vm.heap, b"string").as_table().expect("a library");
    stdlib::field(&mut vm, string, "rep", Value::native(rep));
    let env = Value::table(vm.globals());
    let f = vm.load(program.as_bytes(), b"=sender", LoadMode::Text, Literals::Atoms, env).expect("it compiles");
    vm.start(f, &[]);
    assert!(matches!(vm.run(100_000), Exit::Finished));
    vm
}
fn seeds() -> Vec<Vec<u8>> {
    let sent = |p: &&str| {
        let mut vm = ran(p);
        let m = vm.globals().get_field(&mut vm.heap, b"m");
        encode_message(&vm, m).expect("it can be sent").to_portable().bytes
    };
    SENDERS.iter().map(sent).collect()
}
/// The modules that bytes may name.
fn modules() -> &'static Vec<Arc<Module>> {
    static ALL: OnceLock<Vec<Arc<Module>>> = OnceLock::new();
    ALL.get_or_init(|| {
        let chunk = |p: &&str| rlua_compiler::compile(p.as_bytes(), b"=sender").expect("it compiles");
        SENDERS.iter().map(|p| Module::new(chunk(p), Literals::Atoms)).collect()
    })
}

/// What comes in parts, whose length is in the bytes.
fn in_parts(bytes: &[u8]) -> Result<Message, DecodeError> {
    let size = 1 + bytes.last().map_or(0, |b| usize::from(b % 16));
    let (mut arriving, mut came) = (Arriving::default(), Vec::new());
    for part in bytes.chunks(size) {
        came.extend_from_slice(part);
        arriving.look(&came, bytes.len(), modules(), &Runtime::find);
    }
    arriving.finish(came, modules(), &Runtime::find).map_err(|(e, _)| e)
}

fuzz_target!(
    init: seeds::write(seeds),
    |bytes: &[u8]| {
        if machine::reaches_out(bytes) {
            return;
        }
        let whole = Message::from_portable(bytes, modules(), &Runtime::find);
        let parts = in_parts(bytes);
        match (&whole, &parts) {
            (Ok(whole), Ok(parts)) => assert_eq!(whole.to_portable().bytes, parts.to_portable().bytes),
            (Err(whole), Err(parts)) => assert_eq!(whole.to_string(), parts.to_string()),
            _ => panic!("in parts it is another message"),
        }
        let Ok(message) = whole else { return };
        let again = Message::from_portable(&message.to_portable().bytes, modules(), &Runtime::find);
        let again = again.expect("what was let in can leave");
        let mut vm = ran(PATTERN);
        let p = vm.globals().get_field(&mut vm.heap, b"p").as_table().expect("a table");
        let mut pattern = Pattern::new(p);
        assert!(pattern.step(&mut { usize::MAX }).expect("it does not contain itself"));
        let fits = [&message, &again].map(|m| Matching::default().step(&pattern, m, &mut { usize::MAX }));
        assert_eq!(fits[0], fits[1]);
        let whole = decode_message(&mut vm, &message);
        let Some(mut decoding) = Decoding::new(&again) else { return };
        let g = vm.globals();
        let in_steps = loop {
            match decoding.step(&mut vm, &mut 4) {
                Ok(None) => {}
                Ok(Some(v)) => break Ok(v),
                Err(e) => break Err(e),
            }
            g.set_field(&mut vm.heap, b"m", decoding.root()).expect("a name");
            if bytes.len() % 4 == 0 {
                vm.collect_garbage();
            }
        };
        assert_eq!(whole.is_ok(), in_steps.is_ok());
        let Ok(v) = in_steps else { return };
        g.set_field(&mut vm.heap, b"m", v).expect("a name");
        // What came can be sent on.
        if let Ok(m) = encode_message(&vm, v) {
            Message::from_portable(&m.to_portable().bytes, &vm.heap.modules().to_vec(), &Runtime::find)
                .expect("what is sent is let in");
        }
        let env = Value::table(vm.globals());
        let f = vm.load(USE.as_bytes(), b"=use", LoadMode::Text, Literals::Atoms, env).expect("it compiles");
        vm.start(f, &[]);
        machine::run(vm);
    }
);
