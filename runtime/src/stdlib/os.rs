//! The operating system (manual 6.9).
//!
//! Journey: value -> outside world.

use crate::value::{Kind, Ref, Table, Value};
use crate::vm::Vm;
use crate::vm::native::{Native, Raise, Result, Step};
use chrono::{DateTime, Datelike, Local, LocalResult, NaiveDate, TimeDelta, TimeZone, Timelike, Utc};

/// The library's functions.
pub static NATIVES: &[Native] = &[
    Native::leaf("os.clock", clock),
    Native::leaf("os.date", date),
    Native::leaf("os.difftime", difftime),
    Native::steps("os.execute", execute),
    Native::steps("os.exit", exit),
    Native::leaf("os.getenv", getenv),
    Native::steps("os.remove", remove),
    Native::steps("os.rename", rename),
    Native::leaf("os.setlocale", setlocale),
    Native::leaf("os.time", time),
    Native::leaf("os.tmpname", tmpname),
];

/// Builds the library's table.
pub fn open(vm: &mut Vm) -> Value {
    Value::table(super::library(vm, NATIVES, "os."))
}

fn clock(_: &mut Vm) -> Result<Value> {
    let used = cpu_time::ProcessTime::try_now().map_or(0.0, |t| t.as_duration().as_secs_f64());
    Ok(Value::float(used))
}
fn difftime(vm: &mut Vm) -> Result<Value> {
    let (a, b) = (vm.check_integer(0)?, vm.check_integer(1)?);
    Ok(Value::float(a as f64 - b as f64))
}
fn getenv(vm: &mut Vm) -> Result<Value> {
    let name = vm.check_string(0)?;
    let name = String::from_utf8_lossy(name.bytes()).into_owned();
    if name.is_empty() || name.contains(['=', '\0']) {
        return Ok(Value::NIL);
    }
    Ok(match std::env::var_os(&name) {
        Some(v) => vm.heap.string(v.as_encoded_bytes()),
        None => Value::NIL,
    })
}
fn exit(vm: &mut Vm, _: u32) -> Result<Step> {
    let status = match vm.arg(0).kind() {
        Kind::Nil | Kind::Boolean(true) => 0,
        Kind::Boolean(false) => 1,
        _ => vm.check_integer(0)? as i32 & 0xff,
    };
    let close = !vm.arg(1).is_false();
    let host = super::host::host(vm);
    host.exit = Some(status);
    host.close = close;
    Ok(Step::Request(u32::MAX))
}
fn execute(vm: &mut Vm, _: u32) -> Result<Step> {
    let Some(command) = vm.opt_string(0)? else { return vm.return_one(Value::TRUE) };
    let command = String::from_utf8_lossy(command.bytes()).into_owned();
    super::host::flush(vm);
    match std::process::Command::new("/bin/sh").arg("-c").arg(command).status() {
        Ok(status) => super::io::push_status(vm, status),
        Err(e) => super::io::push_failure(vm, None, &e),
    }
}
fn setlocale(vm: &mut Vm) -> Result<Value> {
    let locale = vm.opt_string(0)?;
    if let Some(category) = vm.opt_string(1)? {
        let known: [&[u8]; 6] = [b"all", b"collate", b"ctype", b"monetary", b"numeric", b"time"];
        if !known.contains(&category.bytes()) {
            let text = format!("invalid option '{}'", String::from_utf8_lossy(category.bytes()));
            return Err(vm.arg_error(1, text));
        }
    }
    Ok(match locale {
        None => vm.heap.name(b"C"),
        Some(s) if matches!(s.bytes(), b"" | b"C" | b"POSIX") => vm.heap.name(b"C"),
        Some(_) => Value::NIL,
    })
}
fn path_argument(vm: &mut Vm, i: usize) -> Result<String> {
    Ok(String::from_utf8_lossy(vm.check_string(i)?.bytes()).into_owned())
}
fn remove(vm: &mut Vm, _: u32) -> Result<Step> {
    let path = path_argument(vm, 0)?;
    let is_folder = std::fs::symlink_metadata(&path).is_ok_and(|m| m.is_dir());
    let done = if is_folder { std::fs::remove_dir(&path) } else { std::fs::remove_file(&path) };
    match done {
        Ok(()) => vm.return_one(Value::TRUE),
        Err(e) => super::io::push_failure(vm, Some(&path), &e),
    }
}
fn rename(vm: &mut Vm, _: u32) -> Result<Step> {
    let (from, to) = (path_argument(vm, 0)?, path_argument(vm, 1)?);
    match std::fs::rename(&from, &to) {
        Ok(()) => vm.return_one(Value::TRUE),
        // As the reference, which names neither file here.
        Err(e) => super::io::push_failure(vm, None, &e),
    }
}
fn tmpname(vm: &mut Vm) -> Result<Value> {
    match tempfile::Builder::new().prefix("lua_").tempfile().and_then(|f| f.keep().map_err(|e| e.error)) {
        Ok((_, path)) => Ok(vm.heap.string(path.as_os_str().as_encoded_bytes())),
        Err(_) => Err(vm.error("unable to generate a unique filename")),
    }
}

// Time.

fn time_field(vm: &mut Vm, t: Ref<Table>, name: &str, default: Option<i64>, delta: i64) -> Result<i64> {
    let v = t.get_field(&mut vm.heap, name.as_bytes());
    let n = match vm.to_integer(v) {
        Some(n) => n,
        None => {
            if !v.is_nil() {
                return Err(vm.error(format!("field '{name}' is not an integer")));
            }
            return match default {
                Some(d) => Ok(d),
                None => Err(vm.error(format!("field '{name}' missing in date table"))),
            };
        }
    };
    let fits = if n >= 0 { n - delta <= i32::MAX as i64 } else { i32::MIN as i64 + delta <= n };
    if !fits {
        return Err(vm.error(format!("field '{name}' is out-of-bound")));
    }
    Ok(n - delta)
}
fn time(vm: &mut Vm) -> Result<Value> {
    if vm.arg(0).is_nil() {
        return Ok(Value::integer(Utc::now().timestamp()));
    }
    let t = vm.check_table(0)?;
    let year = time_field(vm, t, "year", None, 1900)? + 1900;
    let month = time_field(vm, t, "month", None, 1)?;
    let day = time_field(vm, t, "day", None, 0)?;
    let hour = time_field(vm, t, "hour", Some(12), 0)?;
    let minute = time_field(vm, t, "min", Some(0), 0)?;
    let second = time_field(vm, t, "sec", Some(0), 0)?;
    // Normalise: months into years, all else as an offset from the month's first day.
    let (year, month) = (year + month.div_euclid(12), month.rem_euclid(12));
    let seconds = (day - 1) * 86400 + hour * 3600 + minute * 60 + second;
    let moment = i32::try_from(year)
        .ok()
        .and_then(|y| NaiveDate::from_ymd_opt(y, month as u32 + 1, 1))
        .and_then(|d| d.and_hms_opt(0, 0, 0))
        .and_then(|d| d.checked_add_signed(TimeDelta::seconds(seconds)));
    let unrepresentable = "time result cannot be represented in this installation";
    let Some(naive) = moment else { return Err(vm.error(unrepresentable)) };
    let wants_dst = t.get_field(&mut vm.heap, b"isdst");
    let local = match Local.from_local_datetime(&naive) {
        LocalResult::Single(d) => d,
        LocalResult::Ambiguous(a, b) => {
            if wants_dst.is_false() {
                b
            } else {
                a
            }
        }
        LocalResult::None => match Local.from_local_datetime(&(naive + TimeDelta::hours(1))) {
            LocalResult::Single(d) | LocalResult::Ambiguous(d, _) => d - TimeDelta::hours(1),
            LocalResult::None => return Err(vm.error(unrepresentable)),
        },
    };
    set_fields(vm, t, &local);
    Ok(Value::integer(local.timestamp()))
}
fn set_fields<T: TimeZone>(vm: &mut Vm, t: Ref<Table>, d: &DateTime<T>) {
    let fields = [
        ("year", d.year() as i64),
        ("month", d.month() as i64),
        ("day", d.day() as i64),
        ("hour", d.hour() as i64),
        ("min", d.minute() as i64),
        ("sec", d.second() as i64),
        ("yday", d.ordinal() as i64),
        ("wday", d.weekday().num_days_from_sunday() as i64 + 1),
    ];
    for (name, n) in fields {
        super::field(vm, t, name, Value::integer(n));
    }
    super::field(vm, t, "isdst", Value::FALSE);
}
fn date(vm: &mut Vm) -> Result<Value> {
    let format = match vm.opt_string(0)? {
        Some(s) => s.bytes().to_vec(),
        None => b"%c".to_vec(),
    };
    let seconds = if vm.arg(1).is_nil() { Utc::now().timestamp() } else { vm.check_integer(1)? };
    let (utc, format) = match format.strip_prefix(b"!") {
        Some(rest) => (true, rest),
        None => (false, format.as_slice()),
    };
    let Some(moment) = DateTime::<Utc>::from_timestamp(seconds, 0) else {
        return Err(vm.error("date result cannot be represented in this installation"));
    };
    if utc {
        format_date(vm, format, &moment, "GMT")
    } else {
        format_date(vm, format, &moment.with_timezone(&Local), "")
    }
}
fn format_date<T: TimeZone>(vm: &mut Vm, format: &[u8], d: &DateTime<T>, zone: &str) -> Result<Value>
where
    T::Offset: std::fmt::Display,
{
    if format.starts_with(b"*t") {
        let t = vm.heap.table_sized(0, 9);
        set_fields(vm, t, d);
        return Ok(Value::table(t));
    }
    let mut out = Vec::new();
    let mut i = 0;
    while i < format.len() {
        if format[i] != b'%' {
            out.push(format[i]);
            i += 1;
            continue;
        }
        let (conversion, size) = conversion_at(vm, &format[i..])?;
        i += size;
        let text = match conversion {
            'Z' if !zone.is_empty() => zone.to_string(),
            'c' => d.format("%a %b %e %H:%M:%S %Y").to_string(),
            'x' | 'D' => d.format("%m/%d/%y").to_string(),
            'X' | 'T' => d.format("%H:%M:%S").to_string(),
            'r' => d.format("%I:%M:%S %p").to_string(),
            'n' => "\n".into(),
            't' => "\t".into(),
            '%' => "%".into(),
            'E' => String::new(),
            c => d.format(&format!("%{c}")).to_string(),
        };
        out.extend_from_slice(text.as_bytes());
    }
    Ok(vm.heap.string(&out))
}
/// The conversion character at a `%`, and how long its specifier is. `E` and `O` modify some and change nothing here.
fn conversion_at(vm: &mut Vm, spec: &[u8]) -> std::result::Result<(char, usize), Raise> {
    const PLAIN: &[u8] = b"aAbBcCdDeFgGhHIjmMnprRStTuUVwWxXyYzZ%";
    match (spec.get(1), spec.get(2)) {
        (Some(c), _) if PLAIN.contains(c) => return Ok((*c as char, 2)),
        (Some(b'E'), Some(c)) if b"cCxXyY".contains(c) => return Ok((*c as char, 3)),
        (Some(b'O'), Some(c)) if b"deHImMSuUVwWy".contains(c) => return Ok((*c as char, 3)),
        _ => {}
    }
    let shown = if matches!(spec.get(1), Some(b'E' | b'O')) { 3 } else { 2 };
    let shown = String::from_utf8_lossy(&spec[..spec.len().min(shown)]).into_owned();
    Err(vm.arg_error(0, format!("invalid conversion specifier '{shown}'")))
}
