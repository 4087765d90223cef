//! The basic functions (manual 6.1), and the older names `unpack` and `loadstring`.
//!
//! Journey: frame -> value. `pcall` and `xpcall` only say that they catch; the machine unwinds (vm/raise.rs).

use super::access::Access;
use super::load_chunk;
use super::source;
use crate::value::string::make_atom;
use crate::value::{Kind, Value, tag};
use crate::vm::load::Literals;
use crate::vm::long;
use crate::vm::metamethod::{Event, name_value};
use crate::vm::native::{ERROR, IPAIRS_NEXT, NEXT, Native, Result, Step};
use crate::vm::work::{COPIED, LEAF, SCANNED};
use crate::vm::{LoadMode, Vm};
use std::ffi::OsStr;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::OnceLock;

/// Runs the finalizers that wait; at the end of a process and in `collectgarbage`.
pub static RUN_FINALIZERS: Native = Native::yieldable("finalizers", run_finalizers);

/// The library's functions.
pub static NATIVES: &[Native] = &[
    Native::steps("assert", assert),
    Native::steps("collectgarbage", collectgarbage),
    Native::yieldable("dofile", dofile),
    Native::steps("error", error),
    Native::leaf("getmetatable", getmetatable),
    Native::steps("ipairs", ipairs),
    Native::steps("load", load),
    Native::steps("loadfile", loadfile),
    Native::steps("loadstring", load),
    Native::yieldable("pairs", pairs),
    Native::yieldable("pcall", pcall),
    Native::steps("print", print),
    Native::quick("rawequal", rawequal, rawequal_steps),
    Native::leaf("rawget", rawget),
    Native::leaf("rawlen", rawlen),
    Native::leaf("rawset", rawset),
    Native::steps("select", select),
    Native::leaf("setmetatable", setmetatable),
    Native::quick("tonumber", tonumber, tonumber_steps),
    Native::steps("tostring", tostring),
    Native::leaf("type", type_),
    Native::steps("warn", warn),
    Native::yieldable("xpcall", xpcall),
];

/// Sets the globals.
pub fn open(vm: &mut Vm) {
    let g = vm.globals();
    for n in NATIVES {
        super::field(vm, g, n.name, Value::native(n));
    }
    super::field(vm, g, "next", Value::native(&NEXT));
    super::field(vm, g, "_G", Value::table(g));
    let version = vm.heap.name(b"Lua 5.4");
    super::field(vm, g, "_VERSION", version);
    if let Some(n) = super::table::NATIVES.iter().find(|n| n.name == "table.unpack") {
        super::field(vm, g, "unpack", Value::native(n));
    }
}

fn assert(vm: &mut Vm, _: u32) -> Result<Step> {
    if !vm.check_any(0)?.is_false() {
        return Ok(Step::Return(vm.count()));
    }
    if vm.count() == 1 {
        return Err(vm.error("assertion failed!"));
    }
    // A text gets the caller's position, as from `error`.
    let v = vm.arg(1);
    match v.as_string() {
        Some(s) => Err(vm.error(s.bytes())),
        None => Err(vm.raise(v)),
    }
}

fn error(vm: &mut Vm, _: u32) -> Result<Step> {
    let level = vm.opt_int(1, 1)?;
    let v = vm.arg(0);
    if let (Some(s), true) = (v.as_string(), level > 0) {
        vm.pay(s.bytes().len(), COPIED);
        let position = vm.position(level as usize);
        let v = vm.heap.joined_string(&[&position, s.bytes()]);
        return Err(vm.raise(v));
    }
    Err(vm.raise(v))
}

// Calls that catch.

fn pcall(vm: &mut Vm, state: u32) -> Result<Step> {
    match state {
        0 => {
            vm.check_any(0)?;
            Ok(Step::Call { function: 0, results: -1, next: 1, catch: true })
        }
        1 => Ok(vm.return_with_first(Value::TRUE)),
        _ => Ok(vm.return_with_first(Value::FALSE)),
    }
}
fn xpcall(vm: &mut Vm, state: u32) -> Result<Step> {
    match state {
        0 => {
            vm.check_function(1)?;
            // f, handler, f, arguments: the handler stays in register 1.
            let f = vm.arg(0);
            vm.insert(2, f);
            Ok(Step::CallWithHandler { function: 2, next: 1 })
        }
        1 => {
            vm.set_arg(1, Value::TRUE);
            Ok(Step::Return(vm.count() - 1))
        }
        _ => {
            vm.set_arg(1, Value::FALSE);
            vm.truncate(3);
            Ok(Step::Return(2))
        }
    }
}

// Tables.

fn pairs(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == 0 {
        let v = vm.check_any(0)?;
        let mm = vm.metamethod(v, Event::Pairs);
        if mm.is_nil() {
            vm.push(Value::native(&NEXT));
            vm.push(v);
            vm.push(Value::NIL);
            return Ok(Step::Return(3));
        }
        vm.truncate(1);
        vm.push(mm);
        vm.push(v);
        return Ok(Step::Call { function: 1, results: 3, next: 1, catch: false });
    }
    Ok(Step::Return(3))
}
fn ipairs(vm: &mut Vm, _: u32) -> Result<Step> {
    let v = vm.check_any(0)?;
    vm.push(Value::native(&IPAIRS_NEXT));
    vm.push(v);
    vm.push(Value::integer(0));
    Ok(Step::Return(3))
}
fn rawequal(vm: &mut Vm) -> Result<Option<Value>> {
    let (a, b) = (vm.check_any(0)?, vm.check_any(1)?);
    if long::is_long(a, b) {
        return Ok(None);
    }
    Ok(Some(Value::boolean(a.raw_equals(b))))
}
fn rawequal_steps(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == 0
        && let Some(v) = rawequal(vm)?
    {
        return vm.return_one(v);
    }
    long::equal(vm, state)
}
fn rawget(vm: &mut Vm) -> Result<Value> {
    let t = vm.check_table(0)?;
    let k = vm.check_any(1)?;
    vm.pay_for_key(k);
    Ok(t.get(k))
}
fn rawlen(vm: &mut Vm) -> Result<Value> {
    match vm.arg(0).kind() {
        Kind::Table(t) => Ok(Value::integer(t.length())),
        Kind::String(s) => Ok(Value::integer(s.bytes().len() as i64)),
        _ => Err(vm.type_error(0, "table or string")),
    }
}
fn rawset(vm: &mut Vm) -> Result<Value> {
    let t = vm.check_table(0)?;
    let (k, v) = (vm.check_any(1)?, vm.check_any(2)?);
    vm.pay_for_key(k);
    match vm.raw_set_table(t, k, v) {
        Ok(()) => Ok(Value::table(t)),
        Err(e) => Err(vm.table_error(e, |vm, text| vm.error_plain(text))),
    }
}
fn getmetatable(vm: &mut Vm) -> Result<Value> {
    let v = vm.check_any(0)?;
    Ok(match vm.metatable_of(v) {
        None => Value::NIL,
        Some(m) => {
            let protected = m.get(name_value(Event::Metatable));
            if protected.is_nil() { Value::table(m) } else { protected }
        }
    })
}
fn setmetatable(vm: &mut Vm) -> Result<Value> {
    let t = vm.check_table(0)?;
    let meta = match vm.arg(1).kind() {
        Kind::Nil if vm.count() > 1 => None,
        Kind::Table(m) => Some(m),
        _ => return Err(vm.type_error(1, "nil or table")),
    };
    if let Some(old) = t.metatable()
        && !old.get(name_value(Event::Metatable)).is_nil()
    {
        return Err(vm.error("cannot change a protected metatable"));
    }
    vm.set_metatable(t, meta);
    Ok(Value::table(t))
}
fn select(vm: &mut Vm, _: u32) -> Result<Step> {
    let n = vm.count() as i64;
    if vm.arg(0).as_string().is_some_and(|s| s.bytes() == b"#") {
        return vm.return_one(Value::integer(n - 1));
    }
    let i = vm.check_integer(0)?;
    let first = if i < 0 { n + i } else { i.min(n) };
    if first < 1 {
        return Err(vm.arg_error(0, "index out of range"));
    }
    Ok(Step::Return((n - first) as usize))
}

// Conversions.

fn type_(vm: &mut Vm) -> Result<Value> {
    let v = vm.check_any(0)?;
    Ok(type_name_value(v))
}
/// The atom of a value's type name.
fn type_name_value(v: Value) -> Value {
    struct Names([Value; 16]);
    // SAFETY: atoms are immutable and never freed.
    unsafe impl Send for Names {}
    // SAFETY: as above.
    unsafe impl Sync for Names {}
    static NAMES: OnceLock<Names> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        Names(std::array::from_fn(|kind| {
            let name = Value { tag: kind as u64, bits: 0 }.type_name();
            Value::object(tag::ATOM, make_atom(name.as_bytes()).expect("the atom table has room for the types"))
        }))
    });
    names.0[(v.tag & 0xf) as usize]
}
fn tonumber(vm: &mut Vm) -> Result<Option<Value>> {
    if vm.arg(1).is_nil() {
        let v = vm.check_any(0)?;
        vm.pay_for_numeral(v);
        return Ok(Some(vm.to_number(v).unwrap_or(Value::NIL)));
    }
    let base = vm.check_integer(1)?;
    let Some(s) = vm.arg(0).as_string() else { return Err(vm.type_error(0, "string")) };
    if !(2..=36).contains(&base) {
        return Err(vm.arg_error(1, "base out of range"));
    }
    if s.bytes().len() > LEAF {
        return Ok(None);
    }
    let mut numeral = Numeral::default();
    numeral.read(s.bytes(), base, usize::MAX);
    Ok(Some(numeral.value()))
}
/// A numeral in some base that is being read.
#[derive(Default)]
struct Numeral {
    /// Bytes read.
    at: usize,
    part: Part,
    negative: bool,
    value: i64,
}
/// What was read last.
#[derive(Default, Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    #[default]
    Space,
    Sign,
    Digits,
    SpaceAfter,
    /// It is no numeral.
    Wrong,
}
impl Numeral {
    /// Reads at most so many bytes; whether that was all.
    fn read(&mut self, text: &[u8], base: i64, most: usize) -> bool {
        let rest = text.get(self.at..).unwrap_or_default();
        for &c in &rest[..rest.len().min(most)] {
            // C's `isspace` has the vertical tab, too.
            let space = c.is_ascii_whitespace() || c == 0x0b;
            self.part = match (self.part, (c as char).to_digit(36)) {
                (Part::Space, _) if space => Part::Space,
                (Part::Space, _) if c == b'-' || c == b'+' => {
                    self.negative = c == b'-';
                    Part::Sign
                }
                (Part::Space | Part::Sign | Part::Digits, Some(d)) if (d as i64) < base => {
                    self.value = self.value.wrapping_mul(base).wrapping_add(d as i64);
                    Part::Digits
                }
                (Part::Digits | Part::SpaceAfter, _) if space => Part::SpaceAfter,
                _ => {
                    self.part = Part::Wrong;
                    return true;
                }
            };
            self.at += 1;
        }
        self.at >= text.len()
    }
    fn value(&self) -> Value {
        match self.part {
            Part::Digits | Part::SpaceAfter => {
                Value::integer(if self.negative { self.value.wrapping_neg() } else { self.value })
            }
            _ => Value::NIL,
        }
    }
}
/// Registers: the text, the base, how much is read, which part, whether it is negative, the value so far.
fn tonumber_steps(vm: &mut Vm, state: u32) -> Result<Step> {
    const PARTS: [Part; 5] = [Part::Space, Part::Sign, Part::Digits, Part::SpaceAfter, Part::Wrong];
    let mut numeral = Numeral::default();
    if state == 0 {
        if let Some(v) = tonumber(vm)? {
            return vm.return_one(v);
        }
        vm.truncate(2);
    } else {
        let number = |i: usize| vm.arg(i).as_integer().unwrap_or(0);
        numeral = Numeral {
            at: number(2) as usize,
            part: PARTS.get(number(3) as usize).copied().unwrap_or_default(),
            negative: !vm.arg(4).is_false(),
            value: number(5),
        };
    }
    let (s, base) = (vm.check_string(0)?, vm.check_integer(1)?);
    let allowed = vm.allowance(SCANNED);
    vm.pay(allowed, SCANNED);
    if numeral.read(s.bytes(), base, allowed) {
        return vm.return_one(numeral.value());
    }
    vm.set_arg(2, Value::integer(numeral.at as i64));
    vm.set_arg(3, Value::integer(numeral.part as i64));
    vm.set_arg(4, Value::boolean(numeral.negative));
    vm.set_arg(5, Value::integer(numeral.value));
    Ok(Step::Again(1))
}
/// Begins to make a string of a value: done, or a call of its `__tostring`.
pub fn to_text(vm: &mut Vm, v: Value) -> Access {
    let mm = vm.metamethod(v, Event::ToString);
    if mm.is_nil() && v.is_string() {
        return Access::Done(v);
    }
    if !mm.is_nil() {
        let function = vm.count();
        vm.push(mm);
        vm.push(v);
        return Access::Call(function);
    }
    let text = super::string::basic_text(vm, v);
    Access::Done(vm.heap.string(&text))
}
/// Checks what a `__tostring` gave.
pub fn check_text(vm: &mut Vm, v: Value) -> Result<Value> {
    if v.is_string() {
        return Ok(v);
    }
    if v.is_number() {
        return Ok(vm.number_to_string(v));
    }
    Err(vm.error("'__tostring' must return a string"))
}
fn tostring(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == 0 {
        let v = vm.check_any(0)?;
        return match to_text(vm, v) {
            Access::Done(s) => vm.return_one(s),
            Access::Call(function) => Ok(Step::Call { function, results: 1, next: 1, catch: false }),
        };
    }
    let v = vm.arg(vm.count().saturating_sub(1));
    let s = check_text(vm, v)?;
    vm.return_one(s)
}

// Output.

/// The longest line that is written at once, if others write, too.
const LINE: usize = 1 << 24;

/// Registers: the arguments. State: the argument at hand; with CALLED, its text is on top; with WRITING, it is the next to be
/// written.
fn print(vm: &mut Vm, state: u32) -> Result<Step> {
    const CALLED: u32 = 1 << 28;
    const WRITING: u32 = 1 << 27;
    let mut i = (state & (WRITING - 1)) as usize;
    if state & CALLED != 0 {
        let top = vm.count().saturating_sub(1);
        let v = vm.arg(top);
        let s = check_text(vm, v)?;
        vm.truncate(top);
        vm.set_arg(i, s);
        i += 1;
    }
    let n = vm.count();
    if state & WRITING == 0 {
        // All arguments become texts first, in their registers, so that nothing is written in half.
        let mut left = vm.allowance(1);
        while i < n {
            if left == 0 {
                return Ok(Step::Again(i as u32));
            }
            left -= 1;
            let v = vm.arg(i);
            if !v.is_string() {
                vm.charge(TEXT);
                left = left.saturating_sub(TEXT);
            }
            match to_text(vm, v) {
                Access::Done(s) => vm.set_arg(i, s),
                Access::Call(function) => {
                    return Ok(Step::Call { function, results: 1, next: i as u32 | CALLED, catch: false });
                }
            }
            i += 1;
        }
        vm.pay_for_values(n);
        i = 0;
    }
    let mut line = Vec::new();
    while i < n && line.len() < LINE {
        if i > 0 {
            line.push(b'\t');
        }
        if let Some(s) = vm.arg(i).as_string() {
            line.extend_from_slice(s.bytes());
        }
        i += 1;
    }
    let done = i >= n;
    if done {
        line.push(b'\n');
    }
    vm.pay(line.len(), COPIED);
    super::io::print_line(vm, &line);
    if done { Ok(Step::Return(0)) } else { Ok(Step::Again(i as u32 | WRITING)) }
}
/// Reductions for the text of a number, or of an object.
const TEXT: usize = 2;
fn warn(vm: &mut Vm, _: u32) -> Result<Step> {
    let mut text = Vec::new();
    vm.check_string(0)?;
    for i in 0..vm.count() {
        text.extend_from_slice(vm.check_string(i)?.bytes());
        vm.check_room(2 * text.len())?;
    }
    vm.pay_for_values(vm.count());
    vm.pay(text.len(), COPIED);
    if vm.count() == 1 && text.first() == Some(&b'@') {
        match text.as_slice() {
            b"@on" => vm.warnings = true,
            b"@off" => vm.warnings = false,
            _ => {}
        }
    } else if vm.warnings {
        super::host::flush(vm);
        crate::report([b"Lua warning: ".as_slice(), &text].concat());
    }
    Ok(Step::Return(0))
}

// Collection.

/// State of `collectgarbage("step")`.
const STEP: u32 = 2;
/// Units of work of a step of no size, and of one piece.
const STEP_UNITS: usize = 2000;

fn collectgarbage(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == STEP {
        // Registers of a step: units of work left; whether a cycle has ended.
        let left = vm.arg(0).as_integer().unwrap_or(0);
        let ended = !vm.arg(1).is_false();
        if !ended && left > 0 {
            if vm.fuel_left() <= 0 {
                return Ok(Step::Again(STEP));
            }
            vm.truncate(1);
            vm.set_arg(0, Value::integer(left.saturating_sub(STEP_UNITS as i64)));
            return Ok(Step::CollectPiece { units: (left as usize).min(STEP_UNITS), next: STEP });
        }
        vm.set_arg(0, Value::boolean(ended));
    }
    if state != 0 {
        // A collection or a step was run; then the finalizers, then 0 or what is in register 0.
        return match run_finalizers(vm, state)? {
            Step::Return(_) if matches!(vm.arg(0).kind(), Kind::Boolean(_)) => vm.return_one(vm.arg(0)),
            Step::Return(_) => vm.return_one(Value::integer(0)),
            Step::Call { function, results, catch, .. } => Ok(Step::Call { function, results, next: 1, catch }),
            other => Ok(other),
        };
    }
    let option = match vm.opt_string(0)? {
        None => b"collect".to_vec(),
        Some(s) => s.bytes().to_vec(),
    };
    let option = option.as_slice();
    // How many numbers an option takes; zero stands for each that is missing.
    let numbers = match option {
        b"collect" | b"stop" | b"restart" | b"count" | b"isrunning" => 0,
        b"step" | b"setpause" | b"setstepmul" => 1,
        b"generational" => 2,
        b"incremental" => 3,
        _ => {
            let text = [b"invalid option '".as_slice(), option, b"'"].concat();
            return Err(vm.arg_error(0, text));
        }
    };
    let mut n = [0; 3];
    for (i, n) in n.iter_mut().take(numbers).enumerate() {
        *n = vm.opt_int(i + 1, 0)?;
    }
    if vm.in_finalizer() {
        // The collector does not do two things at a time.
        return vm.return_one(Value::NIL);
    }
    let result = match option {
        b"collect" => return Ok(Step::Collect(1)),
        b"step" => {
            // As if so many KiB had been allocated.
            let units = (n[0].max(0) as i64 * 1024 / 8).max(STEP_UNITS as i64);
            vm.truncate(0);
            vm.push(Value::integer(units));
            return Ok(Step::Again(STEP));
        }
        b"count" => Value::float(vm.heap.bytes() as f64 / 1024.0),
        b"isrunning" => Value::boolean(!vm.heap.is_stopped()),
        b"stop" => {
            vm.heap.set_stopped(true);
            Value::integer(0)
        }
        b"restart" => {
            vm.heap.set_stopped(false);
            Value::integer(0)
        }
        b"setpause" => {
            let old = vm.heap.pause;
            vm.heap.pause = as_parameter(n[0]);
            Value::integer(old as i64)
        }
        b"setstepmul" => Value::integer(set_step_multiplier(vm, n[0])),
        _ => {
            if numbers == 3 && n[0] != 0 {
                vm.heap.pause = as_parameter(n[0]);
            }
            if numbers == 3 && n[1] != 0 {
                set_step_multiplier(vm, n[1]);
            }
            // One collector; the mode is only remembered, for who asks.
            let registry = vm.registry();
            let old = registry.get_field(&mut vm.heap, b"collector");
            let new = vm.heap.name(option);
            super::field(vm, registry, "collector", new);
            if old.is_nil() { vm.heap.name(b"incremental") } else { old }
        }
    };
    vm.return_one(result)
}
/// A parameter as the reference's collector keeps it: a quarter of it in a byte.
fn as_parameter(n: i32) -> u32 {
    ((n / 4) as u8) as u32 * 4
}
/// Kept for who asks: a collection is done in one go. The old one.
fn set_step_multiplier(vm: &mut Vm, n: i32) -> i64 {
    let registry = vm.registry();
    let old = registry.get_field(&mut vm.heap, b"setstepmul").as_integer().unwrap_or(100);
    super::field(vm, registry, "setstepmul", Value::integer(as_parameter(n) as i64));
    old
}
fn run_finalizers(vm: &mut Vm, state: u32) -> Result<Step> {
    if state & ERROR != 0 {
        let v = vm.arg(vm.count().saturating_sub(1));
        vm.warn_of_finalizer(v);
    }
    vm.truncate(1);
    vm.set_in_finalizer(true);
    while let Some(object) = vm.heap.take_finalizable() {
        let mm = vm.metamethod(object, Event::Gc);
        if !mm.is_nil() {
            // What cannot be called fails, with a warning.
            let function = vm.count();
            vm.push(mm);
            vm.push(object);
            return Ok(Step::Call { function, results: 0, next: 1, catch: true });
        }
    }
    vm.set_in_finalizer(false);
    Ok(Step::Return(0))
}

// Loading.

/// Loads what the mode in register `mode` allows, any string that may hold a `t` and a `b`.
fn load_in_mode(
    vm: &mut Vm,
    text: &[u8],
    name: &[u8],
    mode: usize,
    env: Value,
) -> Result<std::result::Result<Value, Vec<u8>>> {
    if let Some(mode) = vm.opt_string(mode)? {
        let (letter, kind) = if text.first() == Some(&0x1b) { (b'b', "binary") } else { (b't', "text") };
        if !mode.bytes().contains(&letter) {
            let message = format!("attempt to load a {kind} chunk (mode is '");
            return Ok(Err([message.as_bytes(), mode.bytes(), b"')"].concat()));
        }
    }
    Ok(load_chunk(vm, text, name, LoadMode::Both, Literals::Owned, env))
}
/// Registers of `load` with a reader: function, name, mode, env, a buffer with the text so far, and the reader's call.
fn load(vm: &mut Vm, state: u32) -> Result<Step> {
    use super::NativeState;
    if state == 0 {
        if vm.arg(0).is_string() || vm.arg(0).is_number() {
            let s = vm.check_string(0)?;
            // The reference looks at the mode first.
            vm.opt_string(2)?;
            let name = vm.opt_string(1)?.unwrap_or(s);
            return finish_load(vm, s.bytes(), name.bytes());
        }
        // The reference looks at the mode before the function.
        vm.opt_string(2)?;
        vm.opt_string(1)?;
        vm.check_function(0)?;
        if vm.count() < 4 {
            // Whether an environment was given is told by the buffer's place.
            vm.set_arg(2, vm.arg(2));
            let given = vm.count();
            vm.set_arg(3, Value::NIL);
            vm.set_arg(4, Value::integer(given as i64));
        } else {
            vm.truncate(4);
            vm.push(Value::integer(4));
        }
        let buffer = vm.heap.buffer(NativeState::Bytes(Vec::new()));
        vm.push(Value::buffer(buffer));
    } else {
        let piece = vm.arg(vm.count().saturating_sub(1));
        if state & ERROR != 0 {
            vm.push(Value::NIL);
            vm.push(piece);
            return Ok(Step::Return(2));
        }
        let buffer = vm.arg(5).as_buffer().expect("register 5 holds the text");
        let end = match piece.kind() {
            Kind::Nil => true,
            Kind::String(s) => {
                let mut all = s.bytes().len();
                if let NativeState::Bytes(text) = &mut *NativeState::of(&buffer) {
                    text.extend_from_slice(s.bytes());
                    all = text.len();
                }
                vm.pay(s.bytes().len(), COPIED);
                vm.check_room(2 * all)?;
                s.bytes().is_empty()
            }
            Kind::Integer(_) | Kind::Float(_) => {
                if let NativeState::Bytes(text) = &mut *NativeState::of(&buffer) {
                    crate::value::number::write_number(text, piece);
                }
                false
            }
            _ => {
                let text = [vm.position(1), b"reader function must return a string".to_vec()].concat();
                let message = vm.heap.string(&text);
                vm.push(Value::NIL);
                vm.push(message);
                return Ok(Step::Return(2));
            }
        };
        if end {
            let text = match &mut *NativeState::of(&buffer) {
                NativeState::Bytes(text) => std::mem::take(text),
                _ => Vec::new(),
            };
            let name = match vm.opt_string(1)? {
                Some(n) => n.bytes().to_vec(),
                None => b"=(load)".to_vec(),
            };
            let given = vm.arg(4).as_integer().unwrap_or(0) as usize;
            vm.truncate(given);
            return finish_load(vm, &text, &name);
        }
    }
    vm.truncate(6);
    let f = vm.arg(0);
    vm.push(f);
    Ok(Step::Call { function: 6, results: 1, next: 1, catch: true })
}
fn finish_load(vm: &mut Vm, text: &[u8], name: &[u8]) -> Result<Step> {
    vm.pay(name.len(), COPIED);
    let env = if vm.count() > 3 { vm.arg(3) } else { Value::table(vm.globals()) };
    // A chunk's name is a C string in the reference.
    let name = &name[..memchr::memchr(0, name).unwrap_or(name.len())];
    match load_in_mode(vm, text, name, 2, env)? {
        Ok(f) => vm.return_one(f),
        Err(message) => {
            let message = vm.heap.string(&message);
            vm.push(Value::NIL);
            vm.push(message);
            Ok(Step::Return(2))
        }
    }
}
/// Reads a file for `loadfile`, `dofile` and `require`, or standard input: its text without a first line that starts with
/// `#`, or why it cannot be read. An error is raised if there is no room for it.
pub fn read_source(vm: &mut Vm, path: Option<&[u8]>) -> Result<std::result::Result<Vec<u8>, Vec<u8>>> {
    let limit = vm.heap.room().min(source::MAX_BYTES);
    let read = super::host::blocking(vm, |host| match path {
        None => host.files.read_program(limit).map_err(|e| ("read", e)),
        Some(path) => File::open(OsStr::from_bytes(path))
            .map_err(|e| ("open", e))
            .and_then(|file| source::read_file(file, limit, source::is_hopeless).map_err(|e| ("read", e))),
    });
    Ok(match read {
        Ok(text) => Ok(rlua_compiler::skip_shebang(&text).to_vec()),
        Err((what, e)) => {
            let no_room = e.kind() == ErrorKind::FileTooLarge && limit < source::MAX_BYTES;
            if no_room || e.kind() == ErrorKind::OutOfMemory {
                vm.check_room(usize::MAX)?;
            }
            let (path, reason) = (path.unwrap_or(b"stdin"), super::io::reason(&e));
            Err([b"cannot ", what.as_bytes(), b" ", path, b": ", reason.as_bytes()].concat())
        }
    })
}
/// Loads the file that register 0 names, or standard input, in the mode of register 1.
fn load_path(vm: &mut Vm, env: Value) -> Result<std::result::Result<Value, Vec<u8>>> {
    let path = match vm.opt_string(0)? {
        Some(_) => Some(super::io::path_argument(vm, 0)?.into_vec()),
        None => None,
    };
    match read_source(vm, path.as_deref())? {
        Ok(text) => {
            let name = path.map_or(b"=stdin".to_vec(), |path| [b"@".as_slice(), &path].concat());
            load_in_mode(vm, &text, &name, 1, env)
        }
        Err(message) => Ok(Err(message)),
    }
}
fn loadfile(vm: &mut Vm, _: u32) -> Result<Step> {
    let env = if vm.count() > 2 { vm.arg(2) } else { Value::table(vm.globals()) };
    match load_path(vm, env)? {
        Ok(f) => vm.return_one(f),
        Err(message) => {
            let message = vm.heap.string(&message);
            vm.push(Value::NIL);
            vm.push(message);
            Ok(Step::Return(2))
        }
    }
}
fn dofile(vm: &mut Vm, state: u32) -> Result<Step> {
    if state != 0 {
        return Ok(Step::Return(vm.count()));
    }
    let env = Value::table(vm.globals());
    vm.truncate(1);
    match load_path(vm, env)? {
        Ok(f) => {
            vm.truncate(0);
            vm.push(f);
            Ok(Step::Call { function: 0, results: -1, next: 1, catch: false })
        }
        Err(message) => {
            let message = vm.heap.string(&message);
            Err(vm.raise(message))
        }
    }
}
