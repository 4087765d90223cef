//! The mathematical functions (manual 6.7).
//!
//! Journey: value. The state of the random generator is four integers in the registry, so it travels with its process.

use crate::value::{Kind, Ref, Table, Value, number};
use crate::vm::Vm;
use crate::vm::long;
use crate::vm::metamethod::Event;
use crate::vm::native::{Native, Result, Step};
use crate::vm::work::ELEMENTS;

/// The library's functions.
pub static NATIVES: &[Native] = &[
    Native::leaf("math.abs", abs),
    Native::leaf("math.acos", |vm| unary(vm, f64::acos)),
    Native::leaf("math.asin", |vm| unary(vm, f64::asin)),
    Native::leaf("math.atan", atan),
    Native::leaf("math.ceil", ceil),
    Native::leaf("math.cos", |vm| unary(vm, f64::cos)),
    Native::leaf("math.deg", |vm| unary(vm, |x| x * (180.0 / std::f64::consts::PI))),
    Native::leaf("math.exp", |vm| unary(vm, f64::exp)),
    Native::leaf("math.floor", floor),
    Native::leaf("math.fmod", fmod),
    Native::leaf("math.log", log),
    Native::steps("math.max", |vm, state| extreme(vm, state, true)),
    Native::steps("math.min", |vm, state| extreme(vm, state, false)),
    Native::steps("math.modf", modf),
    Native::leaf("math.rad", |vm| unary(vm, |x| x * (std::f64::consts::PI / 180.0))),
    Native::leaf("math.random", random),
    Native::steps("math.randomseed", randomseed),
    Native::leaf("math.cosh", |vm| unary(vm, f64::cosh)),
    Native::leaf("math.sinh", |vm| unary(vm, f64::sinh)),
    Native::leaf("math.tanh", |vm| unary(vm, f64::tanh)),
    Native::leaf("math.log10", |vm| unary(vm, f64::log10)),
    Native::leaf("math.pow", |vm| Ok(Value::float(vm.check_float(0)?.powf(vm.check_float(1)?)))),
    Native::steps("math.frexp", frexp),
    Native::leaf("math.ldexp", ldexp),
    Native::leaf("math.sin", |vm| unary(vm, f64::sin)),
    Native::leaf("math.sqrt", |vm| unary(vm, f64::sqrt)),
    Native::leaf("math.tan", |vm| unary(vm, f64::tan)),
    Native::leaf("math.tointeger", tointeger),
    Native::leaf("math.type", math_type),
    Native::leaf("math.ult", ult),
];

/// Builds the library's table.
pub fn open(vm: &mut Vm) -> Value {
    let t = super::library(vm, NATIVES, "math.");
    for (name, v) in [
        ("pi", Value::float(std::f64::consts::PI)),
        ("huge", Value::float(f64::INFINITY)),
        ("maxinteger", Value::integer(i64::MAX)),
        ("mininteger", Value::integer(i64::MIN)),
    ] {
        super::field(vm, t, name, v);
    }
    let atan = t.get_field(&mut vm.heap, b"atan");
    super::field(vm, t, "atan2", atan);
    Value::table(t)
}

fn unary(vm: &mut Vm, f: fn(f64) -> f64) -> Result<Value> {
    Ok(Value::float(f(vm.check_float(0)?)))
}
fn abs(vm: &mut Vm) -> Result<Value> {
    // A string counts as a float here, whatever it says, as in the reference.
    match vm.arg(0).as_integer() {
        Some(n) => Ok(Value::integer(n.wrapping_abs())),
        None => Ok(Value::float(vm.check_float(0)?.abs())),
    }
}
fn atan(vm: &mut Vm) -> Result<Value> {
    let y = vm.check_float(0)?;
    let x = if vm.arg(1).is_nil() { 1.0 } else { vm.check_float(1)? };
    Ok(Value::float(y.atan2(x)))
}
fn rounded(f: f64) -> Value {
    number::float_to_integer(f).map_or(Value::float(f), Value::integer)
}
fn floor(vm: &mut Vm) -> Result<Value> {
    if let Some(n) = vm.arg(0).as_integer() {
        return Ok(Value::integer(n));
    }
    Ok(rounded(vm.check_float(0)?.floor()))
}
fn ceil(vm: &mut Vm) -> Result<Value> {
    if let Some(n) = vm.arg(0).as_integer() {
        return Ok(Value::integer(n));
    }
    Ok(rounded(vm.check_float(0)?.ceil()))
}
fn fmod(vm: &mut Vm) -> Result<Value> {
    if let (Some(x), Some(y)) = (vm.arg(0).as_integer(), vm.arg(1).as_integer()) {
        if y == 0 {
            return Err(vm.arg_error(1, "zero"));
        }
        return Ok(Value::integer(x.wrapping_rem(y)));
    }
    // The second first, as the reference.
    let y = vm.check_float(1)?;
    Ok(Value::float(vm.check_float(0)? % y))
}
fn log(vm: &mut Vm) -> Result<Value> {
    let x = vm.check_float(0)?;
    if vm.arg(1).is_nil() {
        return Ok(Value::float(x.ln()));
    }
    let base = vm.check_float(1)?;
    Ok(Value::float(if base == 2.0 {
        x.log2()
    } else if base == 10.0 {
        x.log10()
    } else {
        x.ln() / base.ln()
    }))
}
/// Bit of a state of `extreme`: the rest is the argument with which it goes on.
const GO_ON: u32 = 1 << 28;
/// The largest or smallest argument "according to the Lua operator `<`" (manual 6.7), which need not be numbers.
/// Registers: the arguments, with the best so far in register 0. State: the argument whose `__lt` answered.
fn extreme(vm: &mut Vm, state: u32, max: bool) -> Result<Step> {
    let n = vm.count();
    let mut i = 1;
    if state == 0 {
        if n == 0 {
            return Err(vm.arg_error(0, "value expected"));
        }
    } else if state & GO_ON != 0 {
        i = (state & !GO_ON) as usize;
    } else {
        i = state as usize;
        let answer = n.saturating_sub(1);
        let better = !vm.arg(answer).is_false();
        vm.truncate(answer);
        if better {
            vm.set_arg(0, vm.arg(i));
        }
        i += 1;
    }
    let n = vm.count();
    let mut best = vm.arg(0);
    let (first, most) = (i, vm.allowance(ELEMENTS));
    while i < n {
        if i - first == most {
            vm.pay(most, ELEMENTS);
            vm.set_arg(0, best);
            return Ok(Step::Again(i as u32 | GO_ON));
        }
        let v = vm.arg(i);
        let (small, large) = if max { (best, v) } else { (v, best) };
        let is_long = long::is_long_order(small, large);
        match if is_long { None } else { vm.compare(small, large, false) } {
            Some(better) => {
                vm.pay_for_key(small);
                if better {
                    best = v;
                }
            }
            None => {
                let mut mm = if is_long { long::operator(long::LESS) } else { vm.metamethod(small, Event::Lt) };
                if mm.is_nil() {
                    mm = vm.metamethod(large, Event::Lt);
                }
                if mm.is_nil() {
                    return Err(vm.compare_error(small, large));
                }
                vm.set_arg(0, best);
                vm.push(mm);
                vm.push(small);
                vm.push(large);
                return Ok(Step::Call { function: n, results: 1, next: i as u32, catch: false });
            }
        }
        i += 1;
    }
    vm.return_one(best)
}
fn modf(vm: &mut Vm, _: u32) -> Result<Step> {
    if let Some(n) = vm.arg(0).as_integer() {
        vm.push(Value::integer(n));
        vm.push(Value::float(0.0));
        return Ok(Step::Return(2));
    }
    let x = vm.check_float(0)?;
    let whole = x.trunc();
    let fraction = if x.is_infinite() { 0.0 } else { x - whole };
    vm.push(rounded(whole));
    vm.push(Value::float(fraction));
    Ok(Step::Return(2))
}
fn tointeger(vm: &mut Vm) -> Result<Value> {
    let v = vm.check_any(0)?;
    vm.pay_for_numeral(v);
    let n = if v.is_string() { vm.to_integer(v) } else { v.number_as_integer() };
    Ok(n.map_or(Value::NIL, Value::integer))
}
fn math_type(vm: &mut Vm) -> Result<Value> {
    let v = vm.check_any(0)?;
    Ok(match v.kind() {
        Kind::Integer(_) => vm.heap.name(b"integer"),
        Kind::Float(_) => vm.heap.name(b"float"),
        _ => Value::NIL,
    })
}
fn ult(vm: &mut Vm) -> Result<Value> {
    Ok(Value::boolean((vm.check_integer(0)? as u64) < vm.check_integer(1)? as u64))
}

// xoshiro256**, as the reference.

/// Where the registry keeps the generator's state: an integer, to be found fast.
const STATE: i64 = 3;

fn seed_state(n1: u64, n2: u64) -> [u64; 4] {
    let mut s = [n1, 0xff, n2, 0];
    for _ in 0..16 {
        next(&mut s);
    }
    s
}
fn next(s: &mut [u64; 4]) -> u64 {
    let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
    let t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s[3].rotate_left(45);
    result
}
fn state_table(vm: &mut Vm) -> Option<Ref<Table>> {
    vm.registry().get_integer(STATE).as_table()
}
fn load(vm: &mut Vm) -> [u64; 4] {
    match state_table(vm) {
        Some(t) => std::array::from_fn(|i| t.get_integer(i as i64 + 1).as_integer().unwrap_or(1) as u64),
        None => {
            let (a, b) = super::random_seed(vm);
            let s = seed_state(a, b);
            store(vm, s);
            s
        }
    }
}
fn store(vm: &mut Vm, s: [u64; 4]) {
    let t = match state_table(vm) {
        Some(t) => t,
        None => {
            let t = vm.heap.table_sized(4, 0);
            let registry = vm.registry();
            registry.set_integer(&mut vm.heap, STATE, Value::table(t)).expect("a small integer is a key");
            t
        }
    };
    for (i, n) in s.into_iter().enumerate() {
        t.set_integer(&mut vm.heap, i as i64 + 1, Value::integer(n as i64)).expect("a small integer is a key");
    }
}
/// A number in 0..=limit without bias, as the reference's `project`.
fn project(mut random: u64, limit: u64, s: &mut [u64; 4]) -> u64 {
    if limit & limit.wrapping_add(1) == 0 {
        return random & limit;
    }
    let mask = u64::MAX >> limit.leading_zeros();
    loop {
        random &= mask;
        if random <= limit {
            return random;
        }
        random = next(s);
    }
}
fn random(vm: &mut Vm) -> Result<Value> {
    let (low, high) = match vm.count() {
        0 => {
            let mut s = load(vm);
            let r = next(&mut s);
            store(vm, s);
            return Ok(Value::float((r >> 11) as f64 * (0.5 / (1u64 << 52) as f64)));
        }
        1 => {
            let high = vm.check_integer(0)?;
            if high == 0 {
                let mut s = load(vm);
                let r = next(&mut s);
                store(vm, s);
                return Ok(Value::integer(r as i64));
            }
            (1, high)
        }
        2 => (vm.check_integer(0)?, vm.check_integer(1)?),
        _ => return Err(vm.error("wrong number of arguments")),
    };
    if low > high {
        return Err(vm.arg_error(0, "interval is empty"));
    }
    let mut s = load(vm);
    let r = next(&mut s);
    let n = project(r, (high as u64).wrapping_sub(low as u64), &mut s);
    store(vm, s);
    Ok(Value::integer(n.wrapping_add(low as u64) as i64))
}
/// A number as a fraction from 0.5 to 1 and a power of two. As the reference has it for older programs
/// (LUA_COMPAT_MATHLIB), like the five functions around it in the list.
fn frexp(vm: &mut Vm, _: u32) -> Result<Step> {
    let x = vm.check_float(0)?;
    let (fraction, exponent) = if x == 0.0 || !x.is_finite() {
        (x, 0)
    } else {
        // Subnormal numbers have no implicit bit; made larger they do.
        let (x, shift) = if x.is_subnormal() { (x * 2f64.powi(64), 64) } else { (x, 0) };
        let bits = x.to_bits();
        let exponent = (bits >> 52 & 0x7ff) as i64 - 1022;
        (f64::from_bits(bits & !(0x7ff << 52) | 1022 << 52), exponent - shift)
    };
    vm.push(Value::float(fraction));
    vm.push(Value::integer(exponent));
    Ok(Step::Return(2))
}
fn ldexp(vm: &mut Vm) -> Result<Value> {
    let mut x = vm.check_float(0)?;
    let mut exponent = vm.check_int(1)?.clamp(-5000, 5000);
    // In steps that stay in range, so that only the last one rounds.
    while exponent > 1000 {
        x *= 2f64.powi(1000);
        exponent -= 1000;
    }
    while exponent < -1000 && x != 0.0 && x.abs() > 2f64.powi(-20) {
        x *= 2f64.powi(-1000);
        exponent += 1000;
    }
    Ok(Value::float(if exponent < -1000 { 0.0 * x } else { x * 2f64.powi(exponent) }))
}
fn randomseed(vm: &mut Vm, _: u32) -> Result<Step> {
    let (a, b) = if vm.count() == 0 {
        super::random_seed(vm)
    } else {
        let a = vm.check_integer(0)? as u64;
        (a, vm.opt_integer(1, 0)? as u64)
    };
    store(vm, seed_state(a, b));
    vm.push(Value::integer(a as i64));
    vm.push(Value::integer(b as i64));
    Ok(Step::Return(2))
}
