//! Programs that are frozen and thawed at every step, damaged bytes, messages and snapshots.

use super::*;
use crate::value::{Kind, Value};
use crate::vm::load::{Literals, Module};
use crate::vm::native::{ERROR, Native, Raise, Result, ResumeKind, Step};
use crate::vm::{Exit, LoadMode, Vm};
use std::sync::Arc;

// The few natives that the programs need.

fn text_of(vm: &mut Vm, v: Value) -> Vec<u8> {
    let mut text = Vec::new();
    match v.kind() {
        Kind::String(s) => text.extend_from_slice(s.bytes()),
        Kind::Integer(_) | Kind::Float(_) => crate::value::number::write_number(&mut text, v),
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
        if let Some(out) = vm.host.downcast_mut::<String>() {
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
        let b = vm.heap.buffer(crate::value::NativeState::Bytes(b"abc".to_vec()));
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

pub(super) fn find_native(name: &str) -> Option<&'static Native> {
    if name == WRAPPED.name {
        return Some(&WRAPPED);
    }
    NATIVES.iter().find(|n| n.name == name)
}

fn machine() -> Vm {
    let mut vm = Vm::new(Box::new(String::new()));
    crate::stdlib::open(&mut vm);
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

/// What a program printed and how it ended.
fn outcome(vm: &mut Vm, exit: Exit) -> String {
    let v = match exit {
        Exit::Failed => vec![vm.error_value()],
        _ => vm.results(),
    };
    let mut text = format!("{}| {exit:?}", vm.host.downcast_ref::<String>().expect("the output"));
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

/// The process after a journey; with the code unless the modules are given.
fn moved(mut vm: Vm, modules: Option<&Vec<Arc<Module>>>) -> Vm {
    let bytes = if modules.is_none() { freeze(&mut vm) } else { freeze_without_code(&mut vm) };
    let bytes = bytes.expect("a stopped process");
    let host = std::mem::replace(&mut vm.host, Box::new(()));
    drop(vm);
    match modules {
        Some(m) => thaw(&bytes, host, m),
        None => thaw(&bytes, host, &NoModules),
    }
    .unwrap_or_else(|e| panic!("{e}"))
}

/// Runs a program unmoved, and frozen and thawed at every stop; both must end the same.
fn check(program: &str) -> String {
    let plain = run_plainly(program);
    let mut vm = started(program);
    let modules = vm.heap.modules().to_vec();
    for i in 0..200_000 {
        // Now with the code, now with the modules at hand.
        vm = moved(vm, (i % 16 != 0).then_some(&modules));
        let exit = vm.run(1);
        if let Exit::Request(_) = exit {
            vm = moved(vm, None);
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

/// Thaws bytes that may be anything, and runs what comes of them for a while.
fn run_hostile(bytes: &[u8], modules: &Vec<Arc<Module>>) -> bool {
    let Ok(mut vm) = thaw(bytes, Box::new(String::new()), modules) else { return false };
    vm.collect_garbage();
    for i in 0..30 {
        let exit = vm.run(if i < 10 { 1 } else { 100 });
        if answer(&mut vm, exit).is_some() {
            break;
        }
        if i % 3 == 0 {
            vm.collect_garbage();
        }
    }
    if let Ok(again) = freeze_without_code(&mut vm) {
        thaw(&again, Box::new(()), modules).unwrap_or_else(|e| panic!("{e}"));
    }
    vm.collect_garbage();
    true
}

#[test]
fn damaged_bytes_are_refused_or_run_safely() {
    let rounds: usize = std::env::var("CODEC_MUTATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    let mut random = Random(std::env::var("CODEC_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(1));
    let (mut lived, mut all) = (0, 0);
    for p in PROGRAMS {
        let mut vm = started(p);
        let modules = vm.heap.modules().to_vec();
        loop {
            let exit = vm.run(1 + random.next(40) as i64);
            if matches!(exit, Exit::Finished | Exit::Failed) {
                break;
            }
            let bytes = freeze_without_code(&mut vm).expect("a stopped process");
            for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
                assert!(thaw(&bytes[..cut], Box::new(()), &modules).is_err());
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
fn look() {
    let Ok(path) = std::env::var("CODEC_LOOK") else { return };
    let bytes = std::fs::read(path).expect("the last bytes");
    let modules: Vec<_> = PROGRAMS.iter().flat_map(|p| started(p).heap.modules().to_vec()).collect();
    let mut vm = thaw(&bytes, Box::new(String::new()), &modules).unwrap();
    for n in 0..40 {
        let t = unsafe { &*vm.thread };
        println!("-- {n} thread {:p} top {}", t, unsafe { t.top.offset_from(t.stack) });
        for f in t.frame_slice() {
            println!(
                "{:?} {:?} base {} shift {} state {:x} flags {:x} res {} fn {:?} pc {}",
                f.kind,
                f.then,
                unsafe { f.base.offset_from(t.stack) },
                f.shift,
                f.state,
                f.flags,
                f.results,
                f.function().type_name(),
                f.current_pc()
            );
            if let Some(p) = f.proto() {
                let i = p.canonical().code[f.current_pc() as usize];
                println!("     {:?} {} {} {}", i.opcode(), i.a(), i.b(), i.c());
            }
        }
        let e = vm.run(1);
        println!("{e:?}");
        if answer(&mut vm, e).is_some() {
            break;
        }
    }
}
