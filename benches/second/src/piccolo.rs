//! Runs a Lua file under piccolo, as `lua` would: `piccolo FILE ARGUMENTS`. For comparisons alone.
//!
//! What piccolo lacks and the benchmark programs use is supplied as far as a few lines do: `arg`, `tonumber` of one
//! argument, and `string.format` with `%d`, `%s`, `%f`, `%x` and `%%` (zeros, width and precision, no other flags). `print`
//! is ours too, since piccolo's own shows floats in Rust's way. Nothing else: a program that needs more (methods of strings,
//! patterns, `table.sort`, `table.concat`, `coroutine.wrap`, `next`) ends with an error, and the comparison says so.
//!
//! The allocator is that of rlua-actor, so that two machines are compared and not two allocators.

#[expect(dead_code, reason = "what only the program needs")]
#[path = "../../../src/mimalloc.rs"]
mod mimalloc;

use piccolo::{
    Callback, CallbackReturn, Closure, Context, Error, Executor, IntoValue, Lua, StaticError, Table, Value, Variadic,
    io,
};
use std::fs::File;
use std::io::Write;
use std::iter::Peekable;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(file) = arguments.first() else {
        eprintln!("usage: piccolo FILE ARGUMENTS");
        return ExitCode::from(2);
    };
    match run(file, &arguments[1..]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("piccolo: {e}");
            ExitCode::FAILURE
        }
    }
}
fn run(file: &str, arguments: &[String]) -> Result<(), StaticError> {
    let mut lua = Lua::full();
    let executor = lua.try_enter(|ctx| {
        supply(ctx, file, arguments)?;
        let closure = Closure::load(ctx, Some(file), io::buffered_read(File::open(file)?)?)?;
        let values: Vec<Value> = arguments.iter().map(|a| a.clone().into_value(ctx)).collect();
        Ok(ctx.stash(Executor::start(ctx, closure.into(), Variadic(values))))
    })?;
    lua.execute(&executor)
}
fn supply<'gc>(ctx: Context<'gc>, file: &str, arguments: &[String]) -> Result<(), Error<'gc>> {
    let arg = Table::new(&ctx);
    for (i, a) in [file].into_iter().chain(arguments.iter().map(String::as_str)).enumerate() {
        arg.set(ctx, i as i64, a.to_owned().into_value(ctx))?;
    }
    ctx.set_global("arg", arg)?;
    let print = Callback::from_fn(&ctx, |_, _, mut stack| {
        let line: Vec<Vec<u8>> = stack.drain(..).map(shown).collect();
        let mut line = line.join(&b'\t');
        line.push(b'\n');
        std::io::stdout().write_all(&line)?;
        Ok(CallbackReturn::Return)
    });
    ctx.set_global("print", print)?;
    let tonumber = Callback::from_fn(&ctx, |ctx, _, mut stack| {
        let v: Value = stack.consume(ctx)?;
        let number = match v {
            Value::Integer(_) | Value::Number(_) => v,
            Value::String(s) => match std::str::from_utf8(s.as_bytes()).map(str::trim) {
                Ok(s) => match (s.parse::<i64>(), s.parse::<f64>()) {
                    (Ok(i), _) => Value::Integer(i),
                    (_, Ok(f)) => Value::Number(f),
                    _ => Value::Nil,
                },
                Err(_) => Value::Nil,
            },
            _ => Value::Nil,
        };
        stack.replace(ctx, number);
        Ok(CallbackReturn::Return)
    });
    ctx.set_global("tonumber", tonumber)?;
    let format = Callback::from_fn(&ctx, |ctx, _, mut stack| {
        let values: Vec<Value> = stack.drain(..).collect();
        match formatted(&values) {
            Ok(text) => {
                stack.replace(ctx, ctx.intern(&text));
                Ok(CallbackReturn::Return)
            }
            Err(e) => Err(e.into_value(ctx).into()),
        }
    });
    let Value::Table(string) = ctx.get_global("string") else { unreachable!("piccolo has the table `string`") };
    string.set(ctx, "format", format)?;
    Ok(())
}

/// As `tostring` shows it.
fn shown(v: Value) -> Vec<u8> {
    match v {
        Value::Number(f) => shown_float(f).into_bytes(),
        _ => {
            let mut text = Vec::new();
            v.display(&mut text).expect("a vector takes all");
            text
        }
    }
}
/// `%.14g`, with `.0` behind what looks like an integer.
fn shown_float(f: f64) -> String {
    const DIGITS: i32 = 14;
    if !f.is_finite() {
        return if f.is_nan() {
            "nan"
        } else if f > 0.0 {
            "inf"
        } else {
            "-inf"
        }
        .to_owned();
    }
    let scientific = format!("{f:.*e}", DIGITS as usize - 1);
    let (mantissa, exponent) = scientific.split_once('e').expect("an exponent");
    let exponent: i32 = exponent.parse().expect("a number");
    let without_zeros =
        |s: &str| if s.contains('.') { s.trim_end_matches('0').trim_end_matches('.').to_owned() } else { s.to_owned() };
    if !(-4..DIGITS).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", without_zeros(mantissa), exponent.abs());
    }
    let text = without_zeros(&format!("{f:.*}", (DIGITS - 1 - exponent) as usize));
    if text.contains('.') { text } else { text + ".0" }
}
fn digits(bytes: &mut Peekable<impl Iterator<Item = u8>>) -> usize {
    let mut n = 0;
    while let Some(d) = bytes.next_if(u8::is_ascii_digit) {
        n = n * 10 + (d - b'0') as usize;
    }
    n
}
/// `string.format` of these arguments.
fn formatted(values: &[Value]) -> Result<Vec<u8>, String> {
    let Some(Value::String(format)) = values.first() else { return Err("format: string expected".to_owned()) };
    let mut values = values[1..].iter();
    let mut bytes = format.as_bytes().iter().copied().peekable();
    let mut text = Vec::new();
    while let Some(b) = bytes.next() {
        if b != b'%' {
            text.push(b);
            continue;
        }
        let has_zeros = bytes.next_if_eq(&b'0').is_some();
        let width = digits(&mut bytes);
        let precision = bytes.next_if_eq(&b'.').map(|_| digits(&mut bytes));
        let kind = bytes.next();
        if kind == Some(b'%') {
            text.push(b'%');
            continue;
        }
        let v = *values.next().ok_or("format: no value")?;
        let integer = || v.to_integer().ok_or("format: number has no integer representation");
        let one = match kind {
            Some(b'd') => integer()?.to_string().into_bytes(),
            Some(b'x') => format!("{:x}", integer()?).into_bytes(),
            Some(b'f') => {
                format!("{:.*}", precision.unwrap_or(6), v.to_number().ok_or("format: number expected")?).into_bytes()
            }
            Some(b's') => shown(v),
            _ => return Err(format!("format: '%{}' is not supplied", kind.map_or(' ', char::from))),
        };
        let fill = if has_zeros { b'0' } else { b' ' };
        text.extend(std::iter::repeat_n(fill, width.saturating_sub(one.len())));
        text.extend(one);
    }
    Ok(text)
}
