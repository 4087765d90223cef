//! A machine that cannot touch the world, and a bounded run of whatever is in it.
#![allow(dead_code)]

use rlua_machine::stdlib::{self, host};
use rlua_machine::value::Value;
use rlua_machine::vm::load::{Literals, Module};
use rlua_machine::vm::{Exit, LoadMode, Vm};
use rlua_runtime::codec::{NoModules, freeze, thaw};
use rlua_runtime::find_native;
use std::sync::Arc;

/// Globals that neither print nor open anything.
const BASE: &[&str] = &[
    "assert",
    "collectgarbage",
    "error",
    "getmetatable",
    "ipairs",
    "load",
    "next",
    "pairs",
    "pcall",
    "rawequal",
    "rawget",
    "rawlen",
    "rawset",
    "select",
    "setmetatable",
    "tonumber",
    "tostring",
    "type",
    "xpcall",
];

/// Bytes of a heap. A large one is collected again and again below, which takes many seconds with all that a fuzzer counts.
const MOST: usize = 64 << 20;

/// A machine without io, os and package, and without `string.rep`, which makes much of little.
pub fn machine() -> Vm {
    let mut vm = Vm::new(host::new(), find_native);
    vm.heap.set_limit(MOST);
    let g = vm.globals();
    for name in BASE {
        let native = stdlib::find_native(&format!("base.{name}")).or_else(|| stdlib::find_native(name));
        let native = native.unwrap_or_else(|| panic!("there is no native for {name}"));
        stdlib::field(&mut vm, g, name, Value::native(native));
    }
    let sethook = stdlib::find_native("debug.sethook").expect("the debug library has it");
    stdlib::field(&mut vm, g, "sethook", Value::native(sethook));
    let string = stdlib::string::open(&mut vm);
    if let Some(t) = string.as_table() {
        stdlib::string::metatable(&mut vm, t);
        stdlib::field(&mut vm, t, "rep", Value::NIL);
    }
    let coroutine = stdlib::coroutine::open(&mut vm);
    let table = stdlib::table::open(&mut vm);
    for (name, library) in [("string", string), ("coroutine", coroutine), ("table", table)] {
        stdlib::field(&mut vm, g, name, library);
    }
    vm
}

/// Names natives that the machine does not have: outside of a fuzzer that is a legal frozen process.
pub fn reaches_out(bytes: &[u8]) -> bool {
    [
        &b"os."[..],
        b"io.",
        b"package.",
        b"print",
        b"dofile",
        b"loadfile",
        b".rep",
        b"warn",
        b"debug.debug",
        b"standalone.",
    ]
    .iter()
    .any(|name| bytes.windows(name.len()).any(|w| w == *name))
}

/// A bounded run with collections in between and a journey through bytes at its end.
pub fn run(mut vm: Vm) {
    vm.collect_garbage();
    for i in 0..40 {
        let exit = vm.run(if i < 10 { 1 } else { 200 });
        match exit {
            Exit::Preempted => {}
            Exit::Request(_) => vm.finish_request(&[]),
            Exit::Finished | Exit::Failed => return,
        }
        if i % 4 == 0 {
            vm.collect_garbage();
        }
    }
    if let Ok(bytes) = freeze(&mut vm) {
        drop(vm);
        let again = thaw(&bytes, host::new(), find_native, &NoModules);
        let mut vm = again.unwrap_or_else(|e| panic!("a process that was frozen here is refused: {e}"));
        vm.run(200);
    }
}

/// Programs whose frozen processes are the seeds of `thaw`.
pub const PROGRAMS: &[&str] = &[
    "local s = 0 for i = 1, 20 do s = s + i end return s, ...",
    "local t = {} for i = 1, 9 do t['k' .. i] = i; t[i * 3] = i; t[i + 0.5] = true end
     for k, v in pairs(t) do t[k] = nil if v == 7 then collectgarbage() end end return #t",
    "local n = 0 local function counter() local c = 0 return function() c = c + 1 n = n + c return c end end
     local up = counter()
     local co = coroutine.wrap(function(a) for i = 1, 5 do up() a = a + coroutine.yield(a, function() return a end) end end)
     co(1) co(2) for i = 1, 9 do up() end co(3) return n",
    "local function deep(n) if n == 0 then error('bottom') end return 1 + deep(n - 1) end
     pcall(deep, 5) xpcall(function() return deep(3) end, function(m) return m .. '!' end)
     local co = coroutine.create(function() pcall(function() coroutine.yield(1) error({}) end) coroutine.yield() end)
     coroutine.resume(co) coroutine.resume(co) return coroutine.close(co)",
    "local function closer(n) return setmetatable({}, { __close = function(_, e) for i = 1, 3 do n = n + 1 end end }) end
     local function f(...) local a <close> = closer(1) return ... end f(1, 2, 3)
     pcall(function() local x <close> = closer(2) error 'oops' end) for k in next, { 1, 2 }, nil, closer(3) do end",
    "local mt = {} for _, e in pairs { '__add', '__concat', '__lt', '__eq', '__len', '__index', '__call' } do
     mt[e] = function(a, b) for i = 1, 2 do end return e == '__len' and 3 or 'c' end end
     local a = setmetatable({}, mt) local _ = a + 1, #a, a .. 'x' .. a, a.f, a(1), a == {}, a < a return a",
    "table.sort({ 5, 3, 1, 4, 2 }, function(a, b) for i = 1, 2 do end return a < b end)
     local s = ('abc'):gsub('%w', function(c) for i = 1, 2 do end return c .. c end)
     for w in ('one two'):gmatch('%a+') do s = s .. w end return table.concat({ s, 1, 2.5 }, ',')",
    "local mt = { __gc = function(o) for i = 1, 3 do o.n = i end end } for i = 1, 4 do setmetatable({}, mt) end
     collectgarbage() local weak = setmetatable({ {}, mt }, { __mode = 'v' }) collectgarbage() return weak[1]",
    "local i = 1 local fs = {} ::again:: local up = i fs[i] = function() up = up + 1 return up end
     if i < 4 then i = i + 1 goto again end
     local function v(...) local a, b = ... return select('#', ...), b, a, ... end return v(v(fs[1](), fs[2](), nil))",
    "local n = 0 sethook(function(e, l) for i = 1, 2 do n = n + 1 end end, 'crl', 3)
     local t = setmetatable({}, { __index = function(t, k) return k end }) local s = t.x .. tostring(t.y)
     local co = coroutine.wrap(function(...) sethook(error, 'r') coroutine.yield(...) end) pcall(co, 1, 2)
     local function f(...) return ... end for i = 1, 3 do f(i, f(1, 2)) end sethook() return n",
    "local t = setmetatable({}, { __index = function(t, k) return t[k - 1] + t[k - 1] end }) t[0] = 1 return t[9]",
];

/// A machine that is about to run a program.
pub fn started(program: &str) -> Vm {
    let mut vm = machine();
    let env = Value::table(vm.globals());
    let f = vm.load(program.as_bytes(), b"=seed", LoadMode::Text, Literals::Atoms, env);
    let f = f.unwrap_or_else(|e| panic!("{}", String::from_utf8_lossy(&e)));
    vm.start(f, &[Value::integer(10), Value::TRUE]);
    vm
}

/// The modules of all programs, so that seeds need not carry their code.
pub fn modules() -> Vec<Arc<Module>> {
    let chunk = |p: &&str| rlua_compiler::compile(p.as_bytes(), b"=seed").expect("the programs compile");
    PROGRAMS.iter().map(|p| Module::new(chunk(p), Literals::Atoms)).collect()
}

/// The programs stopped at many places, with and without their code.
pub fn frozen() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for p in PROGRAMS {
        let mut vm = started(p);
        for stop in 0..60 {
            if !matches!(vm.run(1 + stop % 3), Exit::Preempted) {
                break;
            }
            all.push(rlua_runtime::codec::freeze_without_code(&mut vm).expect("a stopped process freezes"));
            if stop % 20 == 0 {
                all.push(freeze(&mut vm).expect("a stopped process freezes"));
            }
        }
    }
    all
}
