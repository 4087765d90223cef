//! Programs that are frozen and thawed at every step, damaged bytes, messages and snapshots.

mod messages;
mod pieces;

use super::*;
use rlua_machine::value::{Kind, Pid, Runtime, Value};
use rlua_machine::vm::load::{Literals, Module};
use rlua_machine::vm::native::{ERROR, Native, Raise, Result, ResumeKind, Step};
use rlua_machine::vm::{Exit, LoadMode, Surroundings, Vm};
use std::any::Any;
use std::sync::Arc;

/// What surrounds a machine: what it printed.
struct Output(String);
impl Surroundings for Output {
    fn flush(&mut self) {}
}
fn output(vm: &mut Vm) -> Option<&mut String> {
    let host: &mut dyn Any = vm.surroundings();
    Some(&mut host.downcast_mut::<Output>()?.0)
}

// The few natives that the programs need.

fn text_of(vm: &mut Vm, v: Value) -> Vec<u8> {
    let mut text = Vec::new();
    match v.kind() {
        Kind::String(s) => text.extend_from_slice(s.bytes()),
        Kind::Integer(_) | Kind::Float(_) => rlua_machine::value::number::write_number(&mut text, v),
        Kind::Nil | Kind::Boolean(_) => text.extend_from_slice(format!("{v:?}").as_bytes()),
        _ => {
            let address = vm.heap.address_of(v);
            text.extend_from_slice(format!("{}: {address:#x}", v.type_name()).as_bytes());
        }
    }
    text
}
fn emit(vm: &mut Vm) -> Result<Value> {
    for i in 0..vm.count() {
        let v = vm.arg(i);
        let text = text_of(vm, v);
        if let Some(out) = output(vm) {
            out.push_str(&String::from_utf8_lossy(&text));
            out.push(' ');
        }
    }
    Ok(Value::NIL)
}
fn tostring(vm: &mut Vm) -> Result<Value> {
    let v = vm.arg(0);
    let text = text_of(vm, v);
    Ok(vm.heap.string(&text))
}
fn setmetatable(vm: &mut Vm) -> Result<Value> {
    let t = vm.check_table(0)?;
    let m = vm.arg(1).as_table();
    vm.set_metatable(t, m);
    Ok(vm.arg(0))
}
fn error(vm: &mut Vm) -> Result<Value> {
    let v = vm.arg(0);
    Err(vm.raise(v))
}
fn select(vm: &mut Vm, _: u32) -> Result<Step> {
    let n = vm.count();
    match vm.arg(0).as_integer() {
        Some(i) => Ok(Step::Return(n.saturating_sub(i.max(0) as usize))),
        None => vm.return_one(Value::integer(n as i64 - 1)),
    }
}
fn xpcall(vm: &mut Vm, state: u32) -> Result<Step> {
    match state {
        0 => {
            let f = vm.arg(0);
            vm.set_arg(2, f);
            vm.truncate(3);
            Ok(Step::CallWithHandler { function: 2, next: 1 })
        }
        _ => {
            vm.set_arg(1, Value::boolean(state & ERROR == 0));
            Ok(Step::Return(vm.count() - 1))
        }
    }
}
/// fold(n, f): f(f(f(0, 1), 2), 3)..., in steps, with its sum in a register and its state in a buffer.
fn fold(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == 0 {
        vm.check_integer(0)?;
        let b = vm.heap.buffer(rlua_machine::stdlib::NativeState::Bytes(b"abc".to_vec()));
        vm.set_arg(2, Value::integer(0));
        vm.set_arg(3, Value::integer(0));
        vm.set_arg(4, Value::buffer(b));
        vm.truncate(5);
        return Ok(Step::Again(1));
    }
    if state & 2 != 0 {
        let sum = vm.arg(5);
        vm.set_arg(2, sum);
        vm.truncate(5);
    }
    let i = vm.check_integer(3)? + 1;
    if i > vm.check_integer(0)? || vm.arg(4).as_buffer().is_none() {
        let sum = vm.arg(2);
        return vm.return_one(sum);
    }
    vm.set_arg(3, Value::integer(i));
    let (f, sum) = (vm.arg(1), vm.arg(2));
    vm.push(f);
    vm.push(sum);
    vm.push(Value::integer(i));
    Ok(Step::Call { function: 5, results: 1, next: 2, catch: false })
}
fn collect(_: &mut Vm, state: u32) -> Result<Step> {
    Ok(if state == 0 { Step::Collect(1) } else { Step::Return(0) })
}
fn co_create(vm: &mut Vm) -> Result<Value> {
    let f = vm.check_function(0)?;
    Ok(Value::thread(vm.new_coroutine(f)))
}
fn co_resume(vm: &mut Vm, _: u32) -> Result<Step> {
    if vm.arg(0).as_thread().is_none() {
        return Err(vm.type_error(0, "coroutine"));
    }
    Ok(Step::Resume(ResumeKind::Resume))
}
fn co_wrapped(vm: &mut Vm, _: u32) -> Result<Step> {
    let t = vm.native_upvalue(0);
    if t.as_thread().is_none() {
        return Err(vm.type_error(0, "coroutine"));
    }
    let n = vm.count();
    vm.push(Value::NIL);
    for i in (0..n).rev() {
        let v = vm.arg(i);
        vm.set_arg(i + 1, v);
    }
    vm.set_arg(0, t);
    Ok(Step::Resume(ResumeKind::Wrap))
}
static WRAPPED: Native = Native::yieldable("test.wrapped", co_wrapped);
fn co_wrap(vm: &mut Vm) -> Result<Value> {
    let f = vm.check_function(0)?;
    let t = Value::thread(vm.new_coroutine(f));
    Ok(Value::native_closure(vm.heap.native_closure(&WRAPPED, &[t])))
}
fn co_yield(_: &mut Vm, _: u32) -> Result<Step> {
    Ok(Step::Yield)
}
fn co_close(vm: &mut Vm, _: u32) -> Result<Step> {
    if vm.arg(0).as_thread().is_none() {
        return Err(vm.type_error(0, "coroutine"));
    }
    Ok(Step::CloseCoroutine)
}
fn co_status(vm: &mut Vm) -> Result<Value> {
    let Some(t) = vm.arg(0).as_thread() else { return Err(vm.type_error(0, "coroutine")) };
    let s = vm.coroutine_status(t);
    Ok(vm.heap.string(s.as_bytes()))
}
fn next(vm: &mut Vm, _: u32) -> Result<Step> {
    let t = vm.check_table(0)?;
    match t.next(vm.arg(1)) {
        Ok(Some((k, v))) => {
            vm.push(k);
            vm.push(v);
            Ok(Step::Return(2))
        }
        Ok(None) => vm.return_one(Value::NIL),
        Err(()) => Err::<Step, Raise>(vm.error("invalid key to 'next'")),
    }
}
fn ask(_: &mut Vm, _: u32) -> Result<Step> {
    Ok(Step::Request(7))
}

static NATIVES: [Native; 16] = [
    Native::leaf("test.emit", emit),
    Native::leaf("test.tostring", tostring),
    Native::leaf("test.setmetatable", setmetatable),
    Native::leaf("test.error", error),
    Native::steps("test.select", select),
    Native::yieldable("test.xpcall", xpcall),
    Native::steps("test.fold", fold),
    Native::steps("test.collect", collect),
    Native::leaf("test.create", co_create),
    Native::yieldable("test.resume", co_resume),
    Native::leaf("test.wrap", co_wrap),
    Native::yieldable("test.yield", co_yield),
    Native::yieldable("test.close", co_close),
    Native::leaf("test.status", co_status),
    Native::steps("test.next", next),
    Native::steps("test.ask", ask),
];

fn find_native(name: &str) -> Option<&'static Native> {
    let own = NATIVES.iter().chain([&WRAPPED, &PLACEHOLDER_USED]).find(|n| n.name == name);
    own.or_else(|| rlua_machine::stdlib::find_native(name))
}

fn machine() -> Vm {
    let mut vm = Vm::new(Box::new(Output(String::new())), find_native);
    rlua_machine::stdlib::open(&mut vm, true, &[]);
    let g = vm.globals();
    for n in &NATIVES {
        let name = n.name.strip_prefix("test.").expect("a test's native");
        g.set_field(&mut vm.heap, name.as_bytes(), Value::native(n)).expect("a small table");
    }
    vm
}

fn started(program: &str) -> Vm {
    let mut vm = machine();
    let env = Value::table(vm.globals());
    let f = vm.load(program.as_bytes(), b"=program", LoadMode::Text, Literals::Atoms, env);
    let f = f.unwrap_or_else(|e| panic!("{}", String::from_utf8_lossy(&e)));
    vm.start(f, &[Value::integer(10), Value::TRUE]);
    vm
}

/// As `started`, without a way to the outside: damaged bytes may call what they like.
fn confined(program: &str) -> Vm {
    let mut vm = started(program);
    let (globals, registry) = (vm.globals(), vm.registry());
    let loaded = registry.get_field(&mut vm.heap, b"_LOADED").as_table().expect("the libraries are open");
    for t in [globals, loaded] {
        for name in ["io", "os", "package", "print", "require", "dofile", "loadfile", "warn", "concurrent"] {
            t.set_field(&mut vm.heap, name.as_bytes(), Value::NIL).expect("a name");
        }
    }
    for (key, _) in registry.entries().collect::<Vec<_>>() {
        if key.as_string().is_some_and(|s| s.bytes() != b"_LOADED") {
            registry.set(&mut vm.heap, key, Value::NIL).expect("a key");
        }
    }
    // Most of what is left should be the program's own.
    for name in ["string", "table", "math", "utf8", "debug", "coroutine"] {
        if !program.contains(name) {
            for t in [globals, loaded] {
                t.set_field(&mut vm.heap, name.as_bytes(), Value::NIL).expect("a name");
            }
            if name == "string" {
                vm.set_string_metatable(None);
            }
        }
    }
    // Collected, since freezing finds what is dead in tables by its key.
    vm.collect_garbage();
    vm
}

/// What a program printed and how it ended.
fn outcome(vm: &mut Vm, exit: Exit) -> String {
    let v = match exit {
        Exit::Failed => vec![vm.error_value()],
        _ => vm.results(),
    };
    let mut text = format!("{}| {exit:?}", output(vm).expect("the output"));
    for v in v {
        text.push_str(&format!(" {}", String::from_utf8_lossy(&text_of(vm, v))));
    }
    text
}

fn answer(vm: &mut Vm, exit: Exit) -> Option<Exit> {
    match exit {
        Exit::Preempted => None,
        Exit::Request(7) => {
            let v = vm.heap.string(b"an answer");
            vm.finish_request(&[v, Value::integer(1)]);
            None
        }
        exit => Some(exit),
    }
}

fn run_plainly(program: &str) -> String {
    let mut vm = started(program);
    loop {
        let exit = vm.run(1);
        if let Some(exit) = answer(&mut vm, exit) {
            return outcome(&mut vm, exit);
        }
    }
}

/// The process after a journey, with its code or to where its modules are known.
fn moved(mut vm: Vm, with_code: bool) -> Vm {
    let modules = vm.heap.modules().to_vec();
    let bytes = if with_code { freeze(&mut vm) } else { freeze_without_code(&mut vm) };
    let bytes = bytes.expect("a stopped process");
    if with_code {
        vm = pieces::compared(vm, true, &bytes);
    }
    let host = vm.take_surroundings();
    drop(vm);
    if with_code { thaw(&bytes, host, find_native, &NoModules) } else { thaw(&bytes, host, find_native, &modules) }
        .unwrap_or_else(|e| panic!("{e}"))
}

/// Runs a program unmoved, and frozen and thawed at every stop; both must end the same.
fn check(program: &str) -> String {
    let plain = run_plainly(program);
    let mut vm = started(program);
    for i in 0..200_000 {
        // Now with the code, now with the modules at hand.
        vm = moved(vm, i % 16 == 0);
        let exit = vm.run(1);
        if let Exit::Request(_) = exit {
            vm = moved(vm, true);
        }
        if let Some(exit) = answer(&mut vm, exit) {
            assert_eq!(outcome(&mut vm, exit), plain);
            return plain;
        }
    }
    panic!("the program does not end");
}

const PROGRAMS: &[&str] = &[
    "local s = 0 for i = 1, 20 do s = s + i end return s, ...",
    "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end return fib(8)",
    // Varargs and open results.
    "local function f(...) local a, b = ... return select('#', ...), b, a, ... end
     local function g(...) return f(f(...)) end
     emit(g(1, 2, 3)) emit((g())) return select(2, g(nil, nil))",
    // Tables, order of pairs, deletion in a traversal with collections.
    "local t = {} for i = 1, 40 do t['k' .. i] = i; t[i * 3] = i; t[i + 0.5] = true end
     local o = {} for i = 1, 5 do local k = {} t[k] = i o[i] = k end
     for k, v in pairs(t) do emit(k) t[k] = nil if v == 7 then collect() end end
     for k in pairs(t) do emit('left', k) end
     return tostring(t), tostring(o[1]), #o",
    // Keys that were chosen to meet: a table with a hash key of its own. (The order is another each time.)
    "local t, n, s = {}, 0, 0 for i = 1, 40 do t[i * (66557611 << 25)] = i t['s' .. i] = 1 t[{}] = 1 end
     for k, v in pairs(t) do n = n + 1 s = s + v t[k] = nil if n % 20 == 0 then collect() end end
     return n, s, next(t)",
    "local t = {} for i = 1, 30 do t[{}] = i t['x' .. i] = i end
     local k, n = nil, 0
     repeat k = next(t, k) if k then t[k] = nil n = n + 1 collect() end until not k
     return n",
    // Coroutines, upvalues shared between them and open while they wait.
    "local n = 0
     local function counter() local c = 0 return function() c = c + 1 n = n + c return c end, function() return c end end
     local up, get = counter()
     local co1 = wrap(function(a) local mine = a for i = 1, 5 do up() mine = mine + yield(mine, function() mine = mine + 100 return mine end) end return 'done', mine end)
     local co2 = wrap(function() for i = 1, 5 do up() yield(get()) end end)
     local v, f = co1(1) emit(v, co2())
     emit(f()) emit(co1(5)) emit(co2()) emit(f(), n)
     emit(co1(7)) emit(co1(1)) emit(co1(1)) emit(co1(1))
     emit(pcall(co1))
     return n, get()",
    // Errors, handlers, pcall inside coroutines.
    "local function deep(n) if n == 0 then error('bottom') end return 1 + deep(n - 1) end
     emit(pcall(deep, 5)) emit(xpcall(function() return deep(3) end, function(m) emit('handling', m) return m .. '!' end))
     emit(xpcall(nil, function(m) return m end))
     local co = create(function() local ok, e = pcall(function() yield(1) error({}) end) yield(ok) error('end') end)
     emit(resume(co)) emit(resume(co)) emit(resume(co)) emit(status(co), resume(co)) emit(close(co))
     emit(pcall(function() local x = nil; return x.y end))
     error('final')",
    // To-be-closed variables on every way out.
    "local function closer(name) return setmetatable({}, { __close = function(_, e) emit('close', name, e) for i = 1, 3 do end end }) end
     do local a <close> = closer 'a' local b <close> = closer 'b' emit 'body' end
     local function f(...) local a <close> = closer 'f' return ... end
     emit(f(1, 2, 3))
     emit(pcall(function() local x <close> = closer 'x' local y <close> = closer 'y' error 'oops' end))
     emit(pcall(function() local x <close> = setmetatable({}, { __close = function() error 'in close' end }) local y <close> = closer 'y' error 'first' end))
     for i = 1, 2 do local z <close> = closer('z' .. i) if i == 2 then break end end
     local co = create(function() local c <close> = closer 'co' local up = 1 local f = function() up = up + 1 return up end yield(f) end)
     local _, g = resume(co) emit(g()) emit(close(co)) emit(g())
     local co2 = wrap(function() local c <close> = closer 'w' error 'w' end)
     emit(pcall(co2))
     for k, v in next, { 1, 2 }, nil, closer 'for' do emit(k, v) end
     return 1",
    // Metamethods in every position.
    "local mt = {} for _, e in pairs { '__add', '__concat', '__lt', '__le', '__eq', '__len', '__unm', '__index', '__call' } do
       mt[e] = function(a, b) for i = 1, 2 do end emit(e) if e == '__len' then return 3 end if e == '__concat' then return 'c' end if e == '__index' then return b end return 5 end end
     mt.__newindex = function(t, k, v) for i = 1, 2 do end emit('set', k, v) end
     local a, b = setmetatable({}, mt), setmetatable({}, mt)
     emit(a + 1, 1 + a, -a, #a, a .. 'x', 'x' .. a .. 'y' .. b, a.field, a[1], a(1), a == b, a ~= b)
     if a < b then emit 'less' end if not (a <= b) then emit 'no' end if a > 1 then emit 'greater' end
     a.x = 1 a[2] = 2 a[b] = 3
     local function tail(...) return a(...) end emit(tail(1, 2))
     for x in a do emit(x) break end",
    // Natives in progress, calling and being called.
    "emit(fold(5, function(a, b) local s = 0 for i = 1, b do s = s + i end return a + s end))
     emit(pcall(fold, 3, function(a, b) if b == 2 then error('in fold') end return a end))
     local co = wrap(function() return fold(2, function(a) yield(a) return a end) end)
     emit(pcall(co))
     emit(fold(2, function(a, b) return a + fold(2, function(c, d) return c + d end) end))
     emit(ask(), ask())
     return (ask())",
    // goto, nested loops, closures over loop variables, generic for over a closure.
    "local fs = {} for i = 1, 3 do local j = i * 2 fs[i] = function() j = j + i return j end if i == 2 then goto continue end emit(i) ::continue:: end
     emit(fs[1](), fs[2](), fs[2](), fs[3]())
     local i = 1 ::again:: local up = i local get = function() return up end if i < 4 then i = i + 1 fs[i] = get goto again end
     emit(fs[2](), fs[3](), fs[4]())
     local function range(n) local i = 0 return function() i = i + 1 if i <= n then return i end end end
     for x in range(4) do emit(x) end
     for x = 3, 1, -1 do emit(x) end for x = 1.0, 2, 0.5 do emit(x) end
     local s = 'a' while #s < 5 do s = s .. 'b' end return s, 1e300 * 10, -0.0, 0/0 ~= 0/0, math",
    // Finalizers.
    "local log = {} local mt = { __gc = function(o) log[#log + 1] = o.n for i = 1, 3 do end emit('gc', o.n) end }
     for i = 1, 4 do setmetatable({ n = i }, mt) end collect() for i = 1, 20 do end
     local keep = setmetatable({ n = 9 }, mt)
     local weak = setmetatable({ {}, keep }, { __mode = 'v' }) collect()
     emit(weak[1], weak[2] == keep, #log)
     return log[1], log[4], tostring(keep)",
    // Coroutines inside coroutines.
    "local function gen(n) return wrap(function() if n > 0 then for v in gen(n - 1) do yield(v) end end yield(n) end) end
     for v in gen(5) do emit(v) end
     local co co = wrap(function() emit(pcall(co)) yield(1) end) co()
     local self = create(function(c) emit(status(c)) yield() end) resume(self, self) emit(status(self)) resume(self) emit(status(self))",
    // The library's natives in progress.
    "local t = {} for i = 1, 20 do t[i] = (i * 7) % 11 end
     table.sort(t, function(a, b) local x = a > b return x end) emit(table.concat(t, ','))
     emit(pcall(table.sort, t, function(a, b) if a == 3 then error('in sort') end return a < b end))
     emit(('hello world'):gsub('%w+', function(w) local r = w:upper() return r end))
     emit(('a=1, b=2'):gsub('(%w+)=(%w+)', setmetatable({}, { __index = function(_, k) local r = k .. k return r end })))
     for k, v in ('x=1, y=2, z=3'):gmatch '(%w+)=(%w+)' do emit(k, v) end
     local proxy = setmetatable({}, { __index = function(_, i) if i <= 4 then return i * i end end, __len = function() local n = 4 return n end })
     emit(table.unpack(proxy)) emit(table.concat(proxy, '-')) for i, v in ipairs(proxy) do emit(v) end
     local named = setmetatable({}, { __tostring = function() local s = 'named' return s end })
     emit(string.format('%s %d %q', named, 7, 'x'), tostring(named))
     table.move(proxy, 1, 4, 2, t) emit(table.concat(t, ' '))
     emit(load('local a, b = ... return a + b, a .. b')(1, 2))
     emit(select('#', table.unpack({}, 1, 50)), string.rep('ab', 3, '-'), next({}), rawlen { 1, 2 }, rawequal(t, t))
     emit(pcall(string.rep)) emit(pcall(error, { 1 })) emit(xpcall(error, function(m) return m end, 'm'))
     local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) for i in co do emit(i) end
     emit(debug.traceback('here')) collectgarbage() emit(math.type(2^53), #debug.getinfo(1, 'S').source)
     return tostring(print):sub(1, 9)",
];

#[test]
fn programs_go_on_wherever_they_are_moved() {
    for p in PROGRAMS {
        let outcome = check(p);
        assert!(!outcome.contains("damaged"), "{outcome}");
    }
}

/// A small generator of random numbers.
struct Random(u64);
impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % below
    }
}

thread_local! {
    /// The file of the last panic on a thread that thaws hostile bytes.
    static PANICKED_AT: std::cell::RefCell<String> = const { std::cell::RefCell::new(String::new()) };
}

/// Thaws bytes that may be anything, and runs what comes of them for a while.
#[allow(clippy::ptr_arg, reason = "a source of modules is a sized type")]
fn run_hostile(bytes: &[u8], modules: &Vec<Arc<Module>>) -> bool {
    let Ok(mut vm) = thaw(bytes, Box::new(Output(String::new())), find_native, modules) else { return false };
    vm.collect_garbage();
    for i in 0..30 {
        let run = std::panic::AssertUnwindSafe(|| vm.run(if i < 10 { 1 } else { 100 }));
        let exit = match std::panic::catch_unwind(run) {
            Ok(exit) => exit,
            // A native of the library found registers that it does not leave: that ends a process, and no more.
            Err(_) if PANICKED_AT.take().contains("/stdlib/") => return true,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        if answer(&mut vm, exit).is_some() {
            break;
        }
        if i % 3 == 0 {
            vm.collect_garbage();
        }
    }
    if let Ok(again) = freeze_without_code(&mut vm) {
        thaw(&again, Box::new(()), find_native, modules).unwrap_or_else(|e| panic!("{e}"));
    }
    vm.collect_garbage();
    true
}

#[test]
fn damaged_bytes_are_refused_or_run_safely() {
    let rounds: usize = std::env::var("CODEC_MUTATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    let mut random = Random(std::env::var("CODEC_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(1));
    let (mut lived, mut all) = (0, 0);
    let usual = std::panic::take_hook();
    let me = std::thread::current().id();
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
        if std::thread::current().id() == me && place.contains("/stdlib/") {
            if std::env::var_os("CODEC_SEED").is_some() {
                println!("library: {place}");
            }
            PANICKED_AT.replace(place);
        } else {
            usual(info);
        }
    }));
    for p in PROGRAMS {
        let mut vm = confined(p);
        loop {
            let exit = vm.run(1 + random.next(40) as i64);
            if matches!(exit, Exit::Finished | Exit::Failed) {
                break;
            }
            let bytes = freeze_without_code(&mut vm).expect("a stopped process");
            let modules = vm.heap.modules().to_vec();
            for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
                assert!(thaw(&bytes[..cut], Box::new(()), find_native, &modules).is_err());
            }
            for _ in 0..rounds {
                let mut bad = bytes.clone();
                // Most of the interest is past the directory.
                for _ in 0..1 + random.next(3) {
                    let i = if random.next(4) == 0 {
                        random.next(bad.len())
                    } else {
                        bad.len() / 2 + random.next(bad.len() / 2)
                    };
                    match random.next(5) {
                        0 => bad[i] ^= 1 << random.next(8),
                        1 => bad[i] = random.next(256) as u8,
                        2 => bad[i] = bad[i].wrapping_add(1),
                        3 => bad[i] = bad[i].wrapping_sub(1),
                        _ => bad[i] = bad[random.next(bad.len())],
                    }
                }
                if let Ok(path) = std::env::var("CODEC_LAST") {
                    std::fs::write(path, &bad).expect("a file for the last bytes");
                }
                lived += run_hostile(&bad, &modules) as usize;
                all += 1;
            }
            answer(&mut vm, exit);
        }
    }
    println!("{lived} of {all} ran");
    assert!(lived > 0 && lived < all);
}

#[test]
fn replay() {
    let Ok(path) = std::env::var("CODEC_REPLAY") else { return };
    let bytes = std::fs::read(path).expect("the last bytes");
    let modules: Vec<_> = PROGRAMS.iter().flat_map(|p| started(p).heap.modules().to_vec()).collect();
    run_hostile(&bytes, &modules);
}

#[test]
fn deep_tables_and_long_lists_pass() {
    let mut vm = started(
        "local t = {} for i = 1, 50000 do t = { t } end list = nil for i = 1, 50000 do list = { next = list, [{}] = i } end
         root = t ask() local n = 0 while root[1] do root = root[1] n = n + 1 end
         local m = 0 while list do list = list.next m = m + 1 end emit(n, m)",
    );
    assert_eq!(vm.run(10_000_000), Exit::Request(7));
    let v = vm.globals().get_field(&mut vm.heap, b"root");
    let message = encode_message(&vm, v).expect("plain tables");
    let mut other = machine();
    let copy = decode_message(&mut other, &message).expect("made here");
    assert!(copy.as_table().is_some());
    let copy = messages::received(&message.to_portable()).expect("made here");
    assert!(decode_message(&mut other, &copy).is_ok());
    let s = snapshot(&mut vm, Value::NIL, &[v]);
    let mut child = Vm::new(Box::new(()), find_native);
    assert!(thaw_in_steps(s, &mut child, usize::MAX).1[0].as_table().is_some());
    let mut vm = moved(vm, true);
    vm.collect_garbage();
    vm.finish_request(&[]);
    let exit = vm.run(10_000_000);
    assert!(outcome(&mut vm, exit).starts_with("50000 50000"));
}

/// A table with a hash key is frozen with it, as it lies; with another one its keys would not be where they are.
#[test]
fn hash_keys_travel() {
    let mut vm = started("t = {} for i = 1, 40 do t[i * (66557611 << 25)] = i end");
    assert_eq!(vm.run(1), Exit::Preempted);
    let keyed = |vm: &mut Vm| {
        let globals = vm.globals();
        let t = globals.get_field(&mut vm.heap, b"t").as_table().expect("the program made it");
        let key = t.hash_key()?;
        Some((key.word(), t.entries().map(|(k, _)| k.as_integer()).collect::<Vec<_>>()))
    };
    while keyed(&mut vm).is_none() {
        assert_eq!(vm.run(1), Exit::Preempted, "the table gets a key");
    }
    let before = keyed(&mut vm);
    let bytes = freeze(&mut vm).expect("a stopped process");
    let mut thawed = thaw(&bytes, Box::new(Output(String::new())), find_native, &NoModules).expect("its own bytes");
    assert_eq!(keyed(&mut thawed), before);
    let exit = thawed.run(1_000_000);
    assert_eq!(outcome(&mut thawed, exit), "| Finished");
    let s = snapshot(&mut vm, Value::NIL, &[]);
    let mut child = Vm::new(Box::new(()), find_native);
    thaw_in_steps(s, &mut child, usize::MAX);
    assert_eq!(keyed(&mut child), before);
    let word = before.expect("it has a key").0.to_le_bytes();
    let places: Vec<usize> = (0..bytes.len() - 8).filter(|&i| bytes[i..i + 8] == word).collect();
    assert_eq!(places.len(), 1);
    let mut other = bytes.clone();
    other[places[0] + 3] ^= 0x10;
    let error = thaw(&other, Box::new(()), find_native, &NoModules).err().expect("the keys are elsewhere");
    assert!(error.to_string().contains("not where lookups find it"), "{error}");
    // Without the key, or with one for no nodes.
    for bits in [bytes[places[0] - 1] & !KEYED, KEYED, 0x80 | bytes[places[0] - 1]] {
        let mut other = bytes.clone();
        other[places[0] - 1] = bits;
        assert!(thaw(&other, Box::new(()), find_native, &NoModules).is_err());
    }
}

/// Processes are written by their identities, and a table of them lies as it lay.
#[test]
fn bytes_are_given_back_while_they_are_read() {
    let mut vm =
        started("t = {} for i = 1, 30000 do t[i] = { i, 'a string that is number ' .. i } end ask() return #t");
    assert_eq!(vm.run(10_000_000), Exit::Request(7));
    let bytes = freeze(&mut vm).expect("a stopped process");
    assert!(bytes.len() > 1 << 20, "{}", bytes.len());
    let mut spent = bytes.clone();
    let mut thawed =
        thaw_spent(&mut spent, Box::new(Output(String::new())), find_native, &NoModules).expect("its own bytes");
    assert_eq!(spent != bytes, cfg!(target_os = "linux"));
    drop(spent);
    let mut other = thaw(&bytes, Box::new(Output(String::new())), find_native, &NoModules).expect("its own bytes");
    let again = [&mut thawed, &mut other].map(|vm| freeze(vm).expect("a stopped process"));
    assert!(again[0] == again[1]);
}
#[test]
fn pids_travel_by_identity() {
    let mut vm = started("t = {} ask() return t");
    assert_eq!(vm.run(1000), Exit::Request(7));
    let runtimes = [1, 2, 3].map(|n| Runtime::find(n << 100 | 5).expect("there is room"));
    let t = vm.globals().get_field(&mut vm.heap, b"t").as_table().expect("a table");
    for i in 0..60 {
        let pid = Pid::new(runtimes[i % 3], i as u64 / 2);
        t.set(&mut vm.heap, Value::pid(pid), Value::integer(i as i64)).expect("a key");
    }
    let layout = |t: &rlua_machine::value::Table| {
        t.node_part().iter().map(|n| (n.key_bits, n.value_bits, n.next)).collect::<Vec<_>>()
    };
    let before = layout(&t);
    let bytes = freeze(&mut vm).expect("a stopped process");
    let id = (3u128 << 100 | 5).to_le_bytes();
    assert!(bytes.windows(16).any(|w| w == id));
    let mut thawed = thaw(&bytes, Box::new(Output(String::new())), find_native, &NoModules).expect("its own bytes");
    let t = thawed.globals().get_field(&mut thawed.heap, b"t").as_table().expect("a table");
    assert_eq!(layout(&t), before);
    // Another identity lies elsewhere.
    let mut other = bytes.clone();
    let at = bytes.windows(16).position(|w| w == id).expect("it is there");
    other[at] ^= 1;
    assert!(thaw(&other, Box::new(()), find_native, &NoModules).is_err());
}

/// A snapshot, taken so many units of work at a time.
fn snapshot_in_steps(vm: &mut Vm, body: Value, arguments: &[Value], units: usize) -> Snapshot {
    let mut capture = Capture::new(vm, body, arguments.into());
    loop {
        if let Some(s) = capture.step(vm, &mut { units }) {
            return s;
        }
    }
}
fn snapshot(vm: &mut Vm, body: Value, arguments: &[Value]) -> Snapshot {
    snapshot_in_steps(vm, body, arguments, usize::MAX)
}
/// The body and arguments of a snapshot, thawed so many units of work at a time.
fn thaw_in_steps(s: Snapshot, vm: &mut Vm, units: usize) -> (Value, Arguments) {
    let mut thawing = Thawing::new(s);
    loop {
        if let Some(done) = thawing.step(vm, &mut { units }) {
            return done;
        }
    }
}

/// Large tables go in pieces, with what was deleted from them, what has a finalizer, and modules; in whatever steps.
#[test]
fn snapshots_in_steps() {
    let mut parent = started(
        "local t = {} for i = 1, 20000 do t[i] = { i } t['key ' .. i] = i end
         for i = 1, 20000, 2 do t['key ' .. i] = nil end
         local kept = t['key 2'] gone = 0
         local n = 0 for i = 1, 5000 do t[i] = setmetatable({ i }, { __gc = function() gone = gone + 1 end }) end
         list = t
         function body(t) local n, m = 0, 0 for k, v in pairs(t) do n = n + 1 if type(v) == 'table' then m = m + v[1] end end
           local g = gone list = nil for i = 1, 5000 do t[i] = nil end collectgarbage() return n, m, t['key 1'], t['key 2'], gone - g end
         emit('made')",
    );
    assert_eq!(parent.run(100_000_000), Exit::Finished);
    let body = parent.globals().get_field(&mut parent.heap, b"body");
    let list = parent.globals().get_field(&mut parent.heap, b"list");
    for units in [1, 100, 5000, usize::MAX] {
        let s = snapshot_in_steps(&mut parent, body, &[list], units);
        let mut child = Vm::new(Box::new(Output(String::new())), find_native);
        let (body, arguments) = thaw_in_steps(s, &mut child, units);
        child.start(body, &arguments);
        let exit = child.run(100_000_000);
        assert_eq!(outcome(&mut child, exit), "| Finished 30000 200010000 nil 2 5000", "{units} units");
    }
    // One that is not thawed to its end.
    let s = snapshot(&mut parent, body, &[list]);
    let mut child = Vm::new(Box::new(()), find_native);
    let mut thawing = Thawing::new(s);
    assert!(thawing.step(&mut child, &mut 30_000).is_none());
    let mut turns = 0;
    while !thawing.release(5000) {
        turns += 1;
    }
    assert!((2..20).contains(&turns), "{turns} turns");
}

#[test]
fn children_begin_where_their_spawner_was() {
    let mut parent = started(
        "local log, co = {}, coroutine.create(function() end)
         local Point = setmetatable({}, { __call = function(c, x) return setmetatable({ x = x }, c) end }) Point.__index = Point
         function Point:double() return self.x * 2 end
         local p = Point(21) count = 0
         local function up() count = count + 1 log[#log + 1] = count return count end up()
         local keys = {} local k1, k2 = {}, {} keys[k1] = 'one' keys[k2] = 'two' keys[co] = 'co' emit(tostring(k1))
         function body(arg, same) arg.seen = true
           emit(p:double(), getmetatable(p) == Point, up(), up(), log[3], count)
           emit(arg == same, keys[k1], keys[k2], tostring(k1), require 'string' == string, ('x'):rep(2))
           for k, v in pairs(keys) do emit(v) end
           emit(pcall(coroutine.resume, co)) emit(pcall(function() return co.x end)) emit(pcall(function() return #(file or co) end))
           return _G == _ENV, keys[co], arg.seen, type(io.stdout), getmetatable('').__index == string end
         arg = {} body_result = nil",
    );
    assert_eq!(parent.run(1_000_000), Exit::Finished);
    let body = parent.globals().get_field(&mut parent.heap, b"body");
    let arg = parent.globals().get_field(&mut parent.heap, b"arg");
    let snapshots = [1, usize::MAX].map(|units| snapshot_in_steps(&mut parent, body, &[arg, arg], units));
    // Later writes of the spawner stay its own.
    let g = parent.globals();
    g.set_field(&mut parent.heap, b"count", Value::integer(100)).expect("a name");
    parent.collect_garbage();
    drop(parent);
    for (s, units) in snapshots.into_iter().zip([usize::MAX, 1]) {
        let mut child = Vm::new(Box::new(Output(String::new())), find_native);
        child.heap.set_stress(rlua_machine::heap::Stress::Whole);
        let (body, arguments) = thaw_in_steps(s, &mut child, units);
        child.start(body, &arguments);
        let mut child = moved(child, false);
        let exit = child.run(1_000_000);
        assert_eq!(
            outcome(&mut child, exit),
            "42 true 2 3 3 3 true one two table: 0x550000000020 true xx one two co \
             false bad argument #1 to 'coroutine.resume' (thread expected, got unusable coroutine of the spawning process) \
             false program:11: a coroutine of the spawning process cannot be used in the spawned one \
             false program:11: a coroutine of the spawning process cannot be used in the spawned one \
             | Finished true co true userdata true"
        );
    }
}

/// Prints times: `CODEC_TIMES=1 cargo test --release -p rlua-runtime codec::tests::times -- --nocapture`.
#[test]
fn times() {
    if std::env::var_os("CODEC_TIMES").is_none() {
        return;
    }
    fn time(what: &str, n: u32, mut f: impl FnMut()) {
        f();
        let best = (0..5)
            .map(|_| {
                let start = std::time::Instant::now();
                (0..n).for_each(|_| f());
                start.elapsed() / n
            })
            .min();
        println!("{what}: {best:?}");
    }
    let mut vm = started("m = { tag = 'ping', n = 1, from = 5 } function f() return m end ask()");
    vm.run(10_000);
    let bytes = freeze_without_code(&mut vm).expect("a stopped process");
    let modules = vm.heap.modules().to_vec();
    println!("an idle process: {} bytes", bytes.len());
    time("freeze", 1000, || drop(freeze_without_code(&mut vm)));
    time("freeze with code", 1000, || drop(freeze(&mut vm)));
    time("thaw", 1000, || drop(thaw(&bytes, Box::new(()), find_native, &modules)));
    let v = vm.globals().get_field(&mut vm.heap, b"m");
    v.as_table()
        .expect("a table")
        .set_field(&mut vm.heap, b"from", Value::pid(rlua_machine::value::Pid::from_bits(7)))
        .expect("a name");
    let mut to = machine();
    time("a small table, encode", 100_000, || drop(encode_message(&vm, v)));
    let message = encode_message(&vm, v).expect("plain");
    time("a small table, decode", 10_000, || {
        drop(decode_message(&mut to, &message));
    });
    to.collect_garbage();
    time("a small table, both, with collections", 100_000, || {
        let message = encode_message(&vm, v).expect("plain");
        drop(decode_message(&mut to, &message));
        if to.heap.wants_collection() {
            to.collect_garbage();
        }
    });
    time("an integer, both", 100_000, || {
        drop(decode_message(&mut to, &encode_message(&vm, Value::integer(1)).expect("plain")));
    });
    let f = vm.globals().get_field(&mut vm.heap, b"f");
    println!("a snapshot: {} objects", snapshot(&mut vm, f, &[]).objects());
    time("snapshot", 1000, || drop(snapshot(&mut vm, f, &[])));
    time("a snapshot, thawed, and both dropped", 1000, || {
        let s = snapshot(&mut vm, f, &[]);
        let mut child = Vm::new(Box::new(()), find_native);
        thaw_in_steps(s, &mut child, usize::MAX);
    });
    time("an empty machine, made and dropped", 1000, || drop(Vm::new(Box::new(()), find_native)));
}
