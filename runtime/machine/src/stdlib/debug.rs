//! The debug library (manual 6.10).
//!
//! Journey: frame -> value.

use crate::value::{Closure, Kind, Ref, Value};
use crate::vm::debug::FrameView;
use crate::vm::hook::mask;
use crate::vm::load::Literals;
use crate::vm::native::{ERROR, Native, Result, Step};
use crate::vm::thread::Thread;
use crate::vm::work::COPIED;
use crate::vm::{LoadMode, Vm};

/// The library's functions.
pub static NATIVES: &[Native] = &[
    Native::steps("debug.debug", debug_),
    Native::steps("debug.gethook", gethook),
    Native::steps("debug.getinfo", getinfo),
    Native::steps("debug.getlocal", getlocal),
    Native::leaf("debug.getmetatable", getmetatable),
    Native::leaf("debug.getregistry", |vm| Ok(Value::table(vm.registry()))),
    Native::steps("debug.getupvalue", getupvalue),
    Native::steps("debug.getuservalue", getuservalue),
    Native::leaf("debug.setcstacklimit", setcstacklimit),
    Native::steps("debug.sethook", sethook),
    Native::steps("debug.setlocal", setlocal),
    Native::leaf("debug.setmetatable", setmetatable),
    Native::steps("debug.setupvalue", setupvalue),
    Native::leaf("debug.setuservalue", setuservalue),
    Native::steps("debug.traceback", traceback),
    Native::leaf("debug.upvalueid", upvalueid),
    Native::steps("debug.upvaluejoin", upvaluejoin),
];

/// Builds the library's table.
pub fn open(vm: &mut Vm) -> Value {
    Value::table(super::library(vm, NATIVES, "debug."))
}

/// The coroutine argument, if the first one is a coroutine, and where the others begin.
fn thread_argument(vm: &Vm) -> (Option<Ref<Thread>>, usize) {
    match vm.arg(0).as_thread() {
        Some(t) => (Some(t), 1),
        None => (None, 0),
    }
}
/// A view of a level: of the running coroutine, level 0 is the native itself.
fn level(vm: &mut Vm, t: Option<Ref<Thread>>, n: i32) -> Option<FrameView> {
    let n = usize::try_from(n).ok()?;
    vm.frame_view(t, n)
}

fn traceback(vm: &mut Vm, _: u32) -> Result<Step> {
    let (t, first) = thread_argument(vm);
    let message = vm.arg(first);
    if !message.is_nil() && !message.is_string() && !message.is_number() {
        return vm.return_one(message);
    }
    let text = match message.is_nil() {
        true => None,
        false => Some(vm.check_string(first)?.bytes().to_vec()),
    };
    let own = t.is_none_or(|t| t == vm.running().0);
    let n = vm.opt_int(first + 1, own as i32)?;
    let text = match usize::try_from(n) {
        Ok(n) => vm.traceback(t, text.as_deref(), n),
        Err(_) => vm.traceback(t, text.as_deref(), usize::MAX / 2),
    };
    let v = vm.heap.string(&text);
    vm.return_one(v)
}

/// Whether all bytes of some options are options. Many are looked at together: nothing can interrupt this.
fn are_options(options: &[u8]) -> bool {
    let is_option = |b: u8| b"SlnrutLf".iter().fold(false, |any, &option| any | (b == option));
    options.chunks(256).all(|part| part.iter().fold(true, |all, &b| all & is_option(b)))
}
/// Registers from the top, while the active lines are entered: the table, that of the lines, the next instruction, the
/// function.
fn getinfo(vm: &mut Vm, state: u32) -> Result<Step> {
    if state != 0 {
        return active_lines(vm);
    }
    let (t, first) = thread_argument(vm);
    let options = vm.opt_string(first + 1)?;
    let options = options.as_ref().map_or(b"flnSrtu".as_slice(), |s| s.bytes());
    if options.first() == Some(&b'>') {
        return Err(vm.arg_error(first + 1, "invalid option '>'"));
    }
    if !are_options(options) {
        return Err(vm.arg_error(first + 1, "invalid option"));
    }
    vm.pay(options.len(), COPIED / 8);
    let what = vm.arg(first);
    let (view, function) = if what.is_function() {
        (None, what)
    } else {
        let n = vm.check_int(first)?;
        match level(vm, t, n) {
            Some(view) => (Some(view), view.function()),
            None => return vm.return_one(Value::NIL),
        }
    };
    let info = vm.heap.table();
    let has = |c: u8| memchr::memchr(c, options).is_some();
    let closure = function.as_closure();
    if has(b'S') {
        let (source, what, line, last) = match closure {
            Some(c) => {
                let p = c.proto().canonical();
                let source = c.proto().module().name().to_vec();
                let what = if p.line_defined == 0 { "main" } else { "Lua" };
                (source, what, p.line_defined as i64, p.last_line_defined as i64)
            }
            None => (b"=[C]".to_vec(), "C", -1, -1),
        };
        let short = rlua_compiler::short_source(&source);
        for (name, v) in [("source", &source), ("short_src", &short)] {
            let v = vm.heap.string(v);
            super::field(vm, info, name, v);
        }
        let what = vm.heap.name(what.as_bytes());
        super::field(vm, info, "what", what);
        super::field(vm, info, "linedefined", Value::integer(line));
        super::field(vm, info, "lastlinedefined", Value::integer(last));
    }
    if has(b'l') {
        let line = view.and_then(|v| v.current_line()).map_or(-1, |l| l as i64);
        super::field(vm, info, "currentline", Value::integer(line));
    }
    if has(b'u') {
        let (nups, parameters, vararg) = match function.kind() {
            Kind::Closure(c) => {
                let p = c.proto().canonical();
                (c.upvalue_count(), p.parameters as i64, p.is_vararg)
            }
            Kind::NativeClosure(c) => (c.upvalues().len(), 0, true),
            _ => (0, 0, true),
        };
        super::field(vm, info, "nups", Value::integer(nups as i64));
        super::field(vm, info, "nparams", Value::integer(parameters));
        super::field(vm, info, "isvararg", Value::boolean(vararg));
    }
    if has(b'n') {
        let (kind, name) = match view.and_then(|v| v.name()) {
            Some((kind, name)) => (kind, vm.heap.string(&name)),
            None => ("", Value::NIL),
        };
        let kind = vm.heap.name(kind.as_bytes());
        super::field(vm, info, "namewhat", kind);
        super::field(vm, info, "name", name);
    }
    if has(b't') {
        super::field(vm, info, "istailcall", Value::boolean(view.is_some_and(|v| v.is_tail_call())));
    }
    if has(b'r') {
        let (first, count) = view.and_then(|v| v.transfer()).unwrap_or((0, 0));
        super::field(vm, info, "ftransfer", Value::integer(first as i64));
        super::field(vm, info, "ntransfer", Value::integer(count as i64));
    }
    if has(b'f') {
        super::field(vm, info, "func", function);
    }
    if has(b'L') && closure.is_some() {
        let lines = vm.heap.table();
        super::field(vm, info, "activelines", Value::table(lines));
        for v in [Value::table(info), Value::table(lines), Value::integer(0), function] {
            vm.push(v);
        }
        return active_lines(vm);
    }
    vm.return_one(Value::table(info))
}
/// Enters the lines that have code.
fn active_lines(vm: &mut Vm) -> Result<Step> {
    let Some(first) = vm.count().checked_sub(4) else { return Err(vm.damaged()) };
    let (info, lines, at, c) = (vm.arg(first), vm.arg(first + 1), vm.arg(first + 2), vm.arg(first + 3));
    let (Some(lines), Some(at), Some(c)) = (lines.as_table(), at.as_integer(), c.as_closure()) else {
        return Err(vm.damaged());
    };
    let p = c.proto().canonical();
    let begin = usize::try_from(at).map_or(p.lines.len(), |at| at.min(p.lines.len()));
    let end = begin + vm.allowance(1).min(p.lines.len() - begin);
    let begin_shown = begin.max(p.is_vararg as usize);
    for line in p.lines.from(begin_shown).take(end.saturating_sub(begin_shown)) {
        // The lines of code are far fewer than a table can hold.
        let _ = lines.set_integer(&mut vm.heap, line as i64, Value::TRUE);
    }
    vm.charge(end - begin);
    if end == p.lines.len() {
        return vm.return_one(info);
    }
    vm.set_arg(first + 2, Value::integer(end as i64));
    Ok(Step::Again(1))
}

/// Reads lines and runs them until one says `cont` or there are no more. State 1: a line has run.
fn debug_(vm: &mut Vm, state: u32) -> Result<Step> {
    if state & ERROR != 0 {
        let error = vm.arg(0);
        let text = vm.error_text(error);
        super::host::flush(vm);
        crate::report(text);
    }
    vm.truncate(0);
    // A prompt that nobody sees is no failure.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), b"lua_debug> ");
    let line = super::host::blocking(vm, |host| host.files.read_line())
        .map(|line| line.strip_suffix(b"\n").unwrap_or(&line).to_vec());
    let Some(line) = line.filter(|line| line != b"cont") else { return Ok(Step::Return(0)) };
    let globals = Value::table(vm.globals());
    match super::load_chunk(vm, &line, b"=(debug command)", LoadMode::Text, Literals::Owned, globals) {
        Ok(f) => {
            vm.push(f);
            Ok(Step::Call { function: 0, results: 0, next: 1, catch: true })
        }
        Err(message) => {
            crate::report(message);
            Ok(Step::Again(0))
        }
    }
}
/// The letters of the events, in the order in which `gethook` gives them.
const EVENTS: [(u8, u8); 3] = [(b'c', mask::CALL), (b'r', mask::RETURN), (b'l', mask::LINE)];

fn hooked_thread(vm: &Vm) -> (Ref<Thread>, usize) {
    let (t, first) = thread_argument(vm);
    (t.unwrap_or_else(|| vm.running().0), first)
}
fn sethook(vm: &mut Vm, _: u32) -> Result<Step> {
    let (thread, first) = hooked_thread(vm);
    if !vm.arg(first).is_nil() {
        vm.check_string(first + 1)?;
        vm.check_function(first)?;
    }
    // Programs that look for the reference's table of hooks find the same.
    let registry = vm.registry();
    let hooks = match registry.get_field(&mut vm.heap, b"_HOOKKEY").as_table() {
        Some(t) => t,
        None => {
            let t = vm.heap.table();
            let mode = vm.heap.name(b"k");
            super::field(vm, t, "__mode", mode);
            vm.set_metatable(t, Some(t));
            super::field(vm, registry, "_HOOKKEY", Value::table(t));
            t
        }
    };
    let function = vm.arg(first);
    if vm.raw_set_table(hooks, Value::thread(thread), function).is_err() {
        return Err(vm.error("table overflow"));
    }
    if vm.arg(first).is_nil() {
        vm.set_hook(thread, None);
        return Ok(Step::Return(0));
    }
    let letters = vm.check_string(first + 1)?;
    let function = vm.check_function(first)?;
    let count = vm.opt_int(first + 2, 0)?.max(0) as u32;
    let mut events = EVENTS.iter().filter(|(c, _)| letters.bytes().contains(c)).fold(0, |all, (_, bit)| all | bit);
    if count > 0 {
        events |= mask::COUNT;
    }
    vm.set_hook(thread, (events != 0).then_some((function, events, count)));
    Ok(Step::Return(0))
}
fn gethook(vm: &mut Vm, _: u32) -> Result<Step> {
    let (thread, _) = hooked_thread(vm);
    let Some(hook) = vm.hook(thread) else { return vm.return_one(Value::NIL) };
    let letters: Vec<u8> = EVENTS.iter().filter(|(_, bit)| hook.mask & bit != 0).map(|(c, _)| *c).collect();
    let letters = vm.heap.string(&letters);
    vm.push(hook.function);
    vm.push(letters);
    vm.push(Value::integer(hook.count as i64));
    Ok(Step::Return(3))
}
/// Kept for programs that call it: there is no limit of C's stack here. The answer is the reference's.
fn setcstacklimit(vm: &mut Vm) -> Result<Value> {
    vm.check_integer(0)?;
    Ok(Value::integer(200))
}

fn getlocal(vm: &mut Vm, _: u32) -> Result<Step> {
    let (t, first) = thread_argument(vm);
    let n = vm.check_int(first + 1)?;
    if vm.arg(first).is_function() {
        let name = match vm.arg(first).as_closure() {
            Some(c) if n > 0 => c.proto().canonical().local_name(n.min(256) as u32, 0).map(<[u8]>::to_vec),
            _ => None,
        };
        let v = name.map_or(Value::NIL, |n| vm.heap.string(&n));
        return vm.return_one(v);
    }
    let at = vm.check_int(first)?;
    let Some(view) = level(vm, t, at) else { return Err(vm.arg_error(first, "level out of range")) };
    vm.pay(view.locals(), COPIED / 16);
    match vm.local(view, n) {
        Some((name, v)) => {
            let name = vm.heap.string(&name);
            vm.push(name);
            vm.push(v);
            Ok(Step::Return(2))
        }
        None => vm.return_one(Value::NIL),
    }
}
fn setlocal(vm: &mut Vm, _: u32) -> Result<Step> {
    let (t, first) = thread_argument(vm);
    let at = vm.check_int(first)?;
    let n = vm.check_int(first + 1)?;
    let v = vm.check_any(first + 2)?;
    let Some(view) = level(vm, t, at) else { return Err(vm.arg_error(first, "level out of range")) };
    vm.pay(view.locals(), COPIED / 16);
    let thread = t.unwrap_or_else(|| vm.running().0);
    vm.heap.write_barrier(&thread.header, v);
    let name = match vm.set_local(view, n, v) {
        Some(name) => vm.heap.string(&name),
        None => Value::NIL,
    };
    vm.return_one(name)
}

fn getmetatable(vm: &mut Vm) -> Result<Value> {
    let v = vm.check_any(0)?;
    Ok(vm.metatable_of(v).map_or(Value::NIL, Value::table))
}
fn setmetatable(vm: &mut Vm) -> Result<Value> {
    let v = vm.arg(0);
    let meta = match vm.arg(1).kind() {
        Kind::Nil if vm.count() > 1 => None,
        Kind::Table(m) => Some(m),
        _ => return Err(vm.type_error(1, "nil or table")),
    };
    match v.kind() {
        Kind::Table(t) => vm.set_metatable(t, meta),
        Kind::Userdata(u) => vm.set_userdata_metatable(u, meta),
        _ => vm.set_type_metatable(v, meta),
    }
    Ok(v)
}
fn upvalue_name(c: Ref<Closure>, i: usize) -> Vec<u8> {
    let name = &c.proto().canonical().upvalues[i].name;
    // Code without names.
    if name.is_empty() { b"(no name)".to_vec() } else { name.to_vec() }
}
fn getupvalue(vm: &mut Vm, _: u32) -> Result<Step> {
    let n = vm.check_int(1)?;
    let f = vm.check_function(0)?;
    let found = match f.kind() {
        Kind::Closure(c) if n >= 1 && n as u64 <= c.upvalue_count() as u64 => {
            let i = n as usize - 1;
            Some((upvalue_name(c, i), c.upvalue(i).get()))
        }
        Kind::NativeClosure(c) if n >= 1 && n as u64 <= c.upvalues().len() as u64 => {
            let v = c.upvalues()[n as usize - 1].get();
            // A native's own state is not for programs.
            Some((Vec::new(), if v.as_buffer().is_some() { Value::NIL } else { v }))
        }
        _ => None,
    };
    match found {
        Some((name, v)) => {
            let name = vm.heap.string(&name);
            vm.push(name);
            vm.push(v);
            Ok(Step::Return(2))
        }
        None => Ok(Step::Return(0)),
    }
}
fn setupvalue(vm: &mut Vm, _: u32) -> Result<Step> {
    let v = vm.check_any(2)?;
    let n = vm.check_int(1)?;
    let f = vm.check_function(0)?;
    match f.kind() {
        Kind::Closure(c) if n >= 1 && n as u64 <= c.upvalue_count() as u64 => {
            let i = n as usize - 1;
            c.upvalue(i).set(v);
            vm.heap.write_barrier(&c.upvalue(i).header, v);
            let name = vm.heap.string(&upvalue_name(c, i));
            vm.return_one(name)
        }
        // The upvalues of natives are their own.
        _ => Ok(Step::Return(0)),
    }
}
fn upvalue_argument(vm: &mut Vm, f: usize, n: usize) -> Result<Option<Ref<crate::value::Upvalue>>> {
    let i = vm.check_int(n)?;
    let c = vm.check_function(f)?;
    Ok(match c.kind() {
        Kind::Closure(c) if i >= 1 && i as u64 <= c.upvalue_count() as u64 => Some(c.upvalue(i as usize - 1)),
        _ => None,
    })
}
fn upvalueid(vm: &mut Vm) -> Result<Value> {
    let found = upvalue_argument(vm, 0, 1)?;
    Ok(match (found, vm.arg(0).kind()) {
        (Some(u), _) => Value::light(vm.upvalue_identity(u) as u64),
        (None, Kind::NativeClosure(c)) => {
            // Such upvalues are nobody else's: the function and the number tell them apart.
            let i = vm.check_int(1)?;
            if i < 1 || i as u64 > c.upvalues().len() as u64 {
                return Ok(Value::NIL);
            }
            let function = vm.heap.address_of(vm.arg(0));
            Value::light(function << 8 | i as u64)
        }
        _ => Value::NIL,
    })
}
fn upvaluejoin(vm: &mut Vm, _: u32) -> Result<Step> {
    // The index is looked at before the kind of function, as in the reference.
    for f in [0, 2] {
        let n = vm.check_int(f + 1)?;
        let count = match vm.check_function(f)?.kind() {
            Kind::Closure(c) => c.upvalue_count(),
            Kind::NativeClosure(c) => c.upvalues().len(),
            _ => 0,
        };
        if n < 1 || n as u64 > count as u64 {
            return Err(vm.arg_error(f + 1, "invalid upvalue index"));
        }
    }
    let mut closures = [0, 2].map(|i| vm.arg(i).as_closure().ok_or(i)).into_iter();
    let (Some(Ok(f1)), Some(Ok(f2))) = (closures.next(), closures.next()) else {
        let i = if vm.arg(0).as_closure().is_none() { 0 } else { 2 };
        return Err(vm.arg_error(i, "Lua function expected"));
    };
    let (n1, n2) = (vm.check_int(1)?, vm.check_int(3)?);
    let u = f2.upvalue(n2 as usize - 1);
    f1.set_upvalue(n1 as usize - 1, u);
    vm.heap.write_barrier(&f1.header, Value::object(crate::value::tag::UPVALUE, u.as_ptr()));
    Ok(Step::Return(0))
}
fn getuservalue(vm: &mut Vm, _: u32) -> Result<Step> {
    // Files, the only userdata there are, have none.
    vm.opt_integer(1, 1)?;
    vm.return_one(Value::NIL)
}
fn setuservalue(vm: &mut Vm) -> Result<Value> {
    // In the reference's order.
    vm.opt_integer(2, 1)?;
    if vm.arg(0).as_userdata().is_none() {
        return Err(vm.type_error(0, "userdata"));
    }
    vm.check_any(1)?;
    Ok(Value::NIL)
}
