//! The operating system (manual 6.9).
//!
//! Journey: value -> outside world.

use super::NativeState;
use super::access::{self, Access};
use super::io::path_argument;
use crate::value::{Kind, Ref, Table, Value};
use crate::vm::Vm;
use crate::vm::native::{Native, Result, Step};
use crate::vm::work::COPIED;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The library's functions.
pub static NATIVES: &[Native] = &[
    Native::leaf("os.clock", clock),
    Native::quick("os.date", date, date_steps),
    Native::leaf("os.difftime", difftime),
    Native::steps("os.execute", execute),
    Native::steps("os.exit", exit),
    Native::leaf("os.getenv", getenv),
    Native::steps("os.remove", remove),
    Native::steps("os.rename", rename),
    Native::leaf("os.setlocale", setlocale),
    Native::steps("os.time", time),
    Native::leaf("os.tmpname", tmpname),
];

/// Builds the library's table.
pub fn open(vm: &mut Vm) -> Value {
    Value::table(super::library(vm, NATIVES, "os."))
}

fn clock(vm: &mut Vm) -> Result<Value> {
    if let Some(t) = super::host::host(vm).outside.as_ref().and_then(|o| o.virtual_time()) {
        return Ok(Value::float(t.as_secs_f64()));
    }
    let used = cpu_time::ProcessTime::try_now().map_or(0.0, |t| t.as_duration().as_secs_f64());
    Ok(Value::float(used))
}
fn difftime(vm: &mut Vm) -> Result<Value> {
    let (a, b) = (vm.check_integer(0)?, vm.check_integer(1)?);
    let distance = a.abs_diff(b) as f64;
    Ok(Value::float(if a < b { -distance } else { distance }))
}
fn getenv(vm: &mut Vm) -> Result<Value> {
    let name = vm.check_string(0)?;
    let name = name.bytes();
    vm.pay(name.len(), COPIED);
    if name.is_empty() || memchr::memchr2(b'=', 0, name).is_some() {
        return Ok(Value::NIL);
    }
    Ok(match std::env::var_os(OsStr::from_bytes(name)) {
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
    Ok(leave())
}
/// The request with which a native asks for the end of the program, as the host says.
pub const EXIT: u32 = u32::MAX;
/// The end of the program, as the host says.
pub(super) fn leave() -> Step {
    Step::Request(EXIT)
}
fn execute(vm: &mut Vm, _: u32) -> Result<Step> {
    if vm.opt_string(0)?.is_none() {
        return vm.return_one(Value::TRUE);
    }
    let command = path_argument(vm, 0)?;
    let status = super::host::blocking(vm, |host| {
        host.files.flush();
        std::process::Command::new("/bin/sh").arg("-c").arg(command).status()
    });
    match status {
        Ok(status) => super::io::push_status(vm, status),
        Err(e) => super::io::push_failure(vm, None, &e),
    }
}
fn setlocale(vm: &mut Vm) -> Result<Value> {
    let locale = vm.opt_string(0)?;
    if let Some(category) = vm.opt_string(1)? {
        let known: [&[u8]; 6] = [b"all", b"collate", b"ctype", b"monetary", b"numeric", b"time"];
        if !known.contains(&category.bytes()) {
            let text = [b"invalid option '", category.bytes(), b"'"].concat();
            return Err(vm.arg_error(1, text));
        }
    }
    Ok(match locale {
        None => vm.heap.name(b"C"),
        Some(s) if matches!(s.bytes(), b"" | b"C" | b"POSIX") => vm.heap.name(b"C"),
        Some(_) => Value::NIL,
    })
}
fn remove(vm: &mut Vm, _: u32) -> Result<Step> {
    let path = path_argument(vm, 0)?;
    let done = super::host::blocking(vm, |_| {
        let is_folder = std::fs::symlink_metadata(&path).is_ok_and(|m| m.is_dir());
        if is_folder { std::fs::remove_dir(&path) } else { std::fs::remove_file(&path) }
    });
    match done {
        Ok(()) => vm.return_one(Value::TRUE),
        Err(e) => super::io::push_failure(vm, Some(&path), &e),
    }
}
fn rename(vm: &mut Vm, _: u32) -> Result<Step> {
    let (from, to) = (refused_if_long(path_argument(vm, 0)?), refused_if_long(path_argument(vm, 1)?));
    match super::host::blocking(vm, |_| std::fs::rename(&from, &to)) {
        Ok(()) => vm.return_one(Value::TRUE),
        // As the reference, which names neither file here.
        Err(e) => super::io::push_failure(vm, None, &e),
    }
}
/// What no system takes for a path, cut to a length at which it is refused for the same reason: nobody has to copy it.
fn refused_if_long(mut path: OsString) -> OsString {
    const LONG: usize = 1 << 16;
    if path.len() > LONG {
        path = OsString::from_vec(path.as_bytes()[..LONG].to_vec());
    }
    path
}
fn tmpname(vm: &mut Vm) -> Result<Value> {
    let made = super::host::blocking(vm, |_| {
        tempfile::Builder::new().prefix("lua_").tempfile().and_then(|f| f.keep().map_err(|e| e.error))
    });
    match made {
        Ok((_, path)) => Ok(vm.heap.string(path.as_os_str().as_encoded_bytes())),
        Err(_) => Err(vm.error("unable to generate a unique filename")),
    }
}

// Time.

/// A moment taken apart, as C's `struct tm` has it.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    /// Days since Sunday.
    weekday: i64,
    /// Days since the first of January.
    yearday: i64,
    zone: Zone,
}
/// What a time zone says about a moment.
struct Zone {
    /// Seconds east of Greenwich.
    offset: i64,
    dst: bool,
    name: String,
}

const DAY: i64 = 86400;
/// Days in 400 years, after which the calendar repeats.
const CYCLE: i64 = 146_097;
/// The calendar of 2100 to 2500 stands for all that comes later, where the tables of time zones end.
const LATE: i64 = 4_102_444_800;

fn local_zone() -> TimeZone {
    TimeZone::try_system().unwrap_or(TimeZone::UTC)
}
fn zone_at(zone: &TimeZone, mut t: i64) -> Zone {
    if t > LATE {
        t = LATE + (t - LATE) % (CYCLE * DAY);
    }
    let moment = Timestamp::from_second(t).unwrap_or(Timestamp::MIN);
    let info = zone.to_offset_info(moment);
    Zone { offset: info.offset().seconds() as i64, dst: info.dst().is_dst(), name: info.abbreviation().to_string() }
}
/// Days from 1970-01-01 to a day of the proleptic Gregorian calendar; the month counts from 1.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day is the last one.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let yearday = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * CYCLE + year * 365 + year / 4 - year / 100 + yearday - 719_468
}
/// A moment taken apart; none if the year does not fit C's `int`.
fn civil(t: i64, zone: Zone) -> Option<Civil> {
    let t = t.checked_add(zone.offset)?;
    let (days, seconds) = (t.div_euclid(DAY), t.rem_euclid(DAY));
    let shifted = days + 719_468;
    let (era, day) = (shifted.div_euclid(CYCLE), shifted.rem_euclid(CYCLE));
    let year = (day - day / 1460 + day / 36524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + (month <= 2) as i64;
    i32::try_from(year - 1900).ok()?;
    Some(Civil {
        year,
        month,
        day,
        hour: seconds / 3600,
        minute: seconds / 60 % 60,
        second: seconds % 60,
        weekday: (days + 4).rem_euclid(7),
        yearday: days - days_from_civil(year, 1, 1),
        zone,
    })
}

/// The moment with a local time, given as seconds as if it were UTC; `dst` says which one is meant if it is known. As
/// glibc's `mktime`: a time that the zone skips, or one with the wrong `dst`, is taken with another offset of the zone.
fn moment(zone: &TimeZone, local: i64, dst: Option<bool>) -> i64 {
    let offset = |t: i64| zone_at(zone, t).offset;
    let early = local - offset(local - DAY);
    let late = local - offset(local + DAY);
    let fits = |t: i64| t + offset(t) == local;
    // Of two moments with this local time the later one; for none, the offset from before the gap.
    let found = if fits(late) { late } else { early };
    let Some(dst) = dst else { return found };
    if zone_at(zone, found).dst == dst {
        return found;
    }
    if fits(early) && zone_at(zone, early).dst == dst {
        return early;
    }
    // The nearest time within some years that has what was asked for, looked for in steps of about a week.
    const STEP: i64 = 601_200;
    const STEPS: i64 = 447;
    for i in 1..=STEPS {
        for t in [found - i * STEP, found + i * STEP] {
            let there = zone_at(zone, t);
            if there.dst == dst {
                return local - there.offset;
            }
        }
    }
    // The zone has none: an hour, as everywhere.
    if dst { found - 3600 } else { found + 3600 }
}

/// The fields of a date table, in the order in which they are read: the default, and what C's field counts from.
const FIELDS: [(&str, Option<i64>, i64); 6] = [
    ("year", None, 1900),
    ("month", None, 1),
    ("day", None, 0),
    ("hour", Some(12), 0),
    ("min", Some(0), 0),
    ("sec", Some(0), 0),
];

fn time_field(vm: &mut Vm, i: usize) -> Result<i64> {
    let (name, default, delta) = FIELDS[i];
    let v = vm.arg(i + 1);
    let n = match (vm.to_integer(v), default) {
        (Some(n), _) => n,
        _ if !v.is_nil() => return Err(vm.error(format!("field '{name}' is not an integer"))),
        (None, Some(n)) => n,
        (None, None) => return Err(vm.error(format!("field '{name}' missing in date table"))),
    };
    match n.checked_sub(delta) {
        Some(c) if i32::try_from(c).is_ok() => Ok(n),
        _ => Err(vm.error(format!("field '{name}' is out-of-bound"))),
    }
}
/// Registers: the table, then its fields as they are read. The state is the number of the next one.
fn time(vm: &mut Vm, state: u32) -> Result<Step> {
    if vm.arg(0).is_nil() {
        let now = now(vm);
        return vm.return_one(Value::integer(now));
    }
    let t = vm.check_table(0)?;
    if state == 0 {
        vm.truncate(1);
    }
    for i in state as usize..FIELDS.len() + 1 {
        if i > 0 {
            time_field(vm, i - 1)?;
        }
        let name = FIELDS.get(i).map_or("isdst", |f| f.0);
        let key = vm.heap.atom(name.as_bytes());
        match access::index(vm, Value::table(t), key)? {
            Access::Done(v) => vm.push(v),
            Access::Call(function) => {
                return Ok(Step::Call { function, results: 1, next: i as u32 + 1, catch: false });
            }
        }
    }
    let mut n = [0; FIELDS.len()];
    for (i, n) in n.iter_mut().enumerate() {
        *n = time_field(vm, i)?;
    }
    let [year, month, day, hour, minute, second] = n;
    let dst = vm.arg(FIELDS.len() + 1);
    let dst = if dst.is_nil() { None } else { Some(!dst.is_false()) };
    let (year, month) = (year + (month - 1).div_euclid(12), (month - 1).rem_euclid(12) + 1);
    let local = days_from_civil(year, month, 1) * DAY + (day - 1) * DAY + hour * 3600 + minute * 60 + second;
    let zone = local_zone();
    let at = moment(&zone, local, dst);
    match civil(at, zone_at(&zone, at)) {
        Some(d) => set_fields(vm, t, &d),
        None => return Err(vm.error("time result cannot be represented in this installation")),
    }
    vm.return_one(Value::integer(at))
}
fn set_fields(vm: &mut Vm, t: Ref<Table>, d: &Civil) {
    let fields = [
        ("year", d.year),
        ("month", d.month),
        ("day", d.day),
        ("hour", d.hour),
        ("min", d.minute),
        ("sec", d.second),
        ("yday", d.yearday + 1),
        ("wday", d.weekday + 1),
    ];
    for (name, n) in fields {
        super::field(vm, t, name, Value::integer(n));
    }
    super::field(vm, t, "isdst", Value::boolean(d.zone.dst));
}
fn now(vm: &mut Vm) -> i64 {
    match &super::host::host(vm).outside {
        Some(outside) => outside.since_1970().as_secs() as i64,
        None => Timestamp::now().as_second(),
    }
}
/// Reductions for a conversion of a date, and what a leaf spends.
const CONVERSION: usize = 4;
const LEAF_DATE: usize = 256;

/// The moment that the arguments name, taken apart, and where its format begins. Register 1 is the moment then.
fn date_argument(vm: &mut Vm, format: &[u8]) -> Result<(Civil, usize)> {
    let seconds = if vm.arg(1).is_nil() { now(vm) } else { vm.check_integer(1)? };
    let (zone, begin) = match format.first() {
        Some(b'!') => (Zone { offset: 0, dst: false, name: "GMT".into() }, 1),
        _ => (zone_at(&local_zone(), seconds), 0),
    };
    match civil(seconds, zone) {
        Some(d) => Ok((d, begin)),
        None => Err(vm.error("date result cannot be represented in this installation")),
    }
}
/// Appends a date, from an offset of its format on, for at most so many reductions; whether that was all.
fn put_date(vm: &mut Vm, d: &Civil, format: &[u8], offset: &mut usize, out: &mut Vec<u8>, most: usize) -> Result<bool> {
    let mut spent = 0;
    while let Some(rest) = format.get(*offset..).filter(|rest| !rest.is_empty()) {
        if spent >= most {
            vm.charge(spent);
            return Ok(false);
        }
        let plain = memchr::memchr(b'%', rest).unwrap_or(rest.len());
        if plain > 0 {
            out.extend_from_slice(&rest[..plain]);
            *offset += plain;
            spent += 1 + plain / COPIED;
            continue;
        }
        match conversion_at(rest) {
            Ok((conversion, size)) => {
                out.extend_from_slice(convert(d, conversion).as_bytes());
                *offset += size;
                spent += CONVERSION;
            }
            Err(shown) => {
                let text = [b"invalid conversion specifier '".as_slice(), shown, b"'"].concat();
                return Err(vm.arg_error(0, text));
            }
        }
    }
    vm.charge(spent);
    Ok(true)
}
fn date(vm: &mut Vm) -> Result<Option<Value>> {
    let given = vm.opt_string(0)?;
    let format = given.as_ref().map_or(b"%c".as_slice(), |s| s.bytes());
    let (d, mut offset) = date_argument(vm, format)?;
    if &format[offset..] == b"*t" {
        let t = vm.heap.table_sized(0, 9);
        set_fields(vm, t, &d);
        return Ok(Some(Value::table(t)));
    }
    let mut out = Vec::new();
    let done = put_date(vm, &d, format, &mut offset, &mut out, LEAF_DATE)?;
    Ok(done.then(|| vm.heap.string(&out)))
}
/// Registers: the format, the moment, the offset where it goes on, the output so far.
fn date_steps(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == 0 {
        if let Some(v) = date(vm)? {
            return vm.return_one(v);
        }
        let seconds = if vm.arg(1).is_nil() { now(vm) } else { vm.check_integer(1)? };
        let begin = vm.check_string(0)?.bytes().starts_with(b"!");
        vm.truncate(1);
        let buffer = vm.heap.buffer(NativeState::Bytes(Vec::new()));
        for v in [Value::integer(seconds), Value::integer(begin as i64), Value::buffer(buffer)] {
            vm.push(v);
        }
    }
    let format = vm.check_string(0)?;
    let (d, _) = date_argument(vm, format.bytes())?;
    let (Some(offset), Some(buffer)) = (vm.arg(2).as_integer(), vm.arg(3).as_buffer()) else {
        return Err(vm.damaged());
    };
    let mut offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let mut state = NativeState::of(&buffer);
    let NativeState::Bytes(out) = &mut *state else { return Err(vm.damaged()) };
    let most = vm.allowance(1);
    let done = put_date(vm, &d, format.bytes(), &mut offset, out, most)?;
    vm.check_room(2 * out.len())?;
    if done {
        vm.pay(out.len(), COPIED);
        let s = vm.heap.string(out);
        return vm.return_one(s);
    }
    vm.set_arg(2, Value::integer(offset as i64));
    Ok(Step::Again(1))
}
/// The conversion character at a `%`, and how long its specifier is, or what is wrong. `E` and `O` modify some and
/// change nothing here.
fn conversion_at(spec: &[u8]) -> std::result::Result<(u8, usize), &[u8]> {
    const PLAIN: &[u8] = b"aAbBcCdDeFgGhHIjmMnprRStTuUVwWxXyYzZ%";
    match (spec.get(1), spec.get(2)) {
        (Some(c), _) if PLAIN.contains(c) => return Ok((*c, 2)),
        (Some(b'E'), Some(c)) if b"cCxXyY".contains(c) => return Ok((*c, 3)),
        (Some(b'O'), Some(c)) if b"deHImMSuUVwWy".contains(c) => return Ok((*c, 3)),
        _ => {}
    }
    // The message shows all that follows, as the reference's.
    let end = memchr::memchr(0, spec).unwrap_or(spec.len());
    Err(&spec[..end])
}
/// One conversion of `strftime` in the locale "C".
fn convert(d: &Civil, conversion: u8) -> String {
    const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let (day, month) = (DAYS[d.weekday as usize], MONTHS[d.month as usize - 1]);
    let hour12 = (d.hour + 11) % 12 + 1;
    let half = if d.hour < 12 { "AM" } else { "PM" };
    match conversion {
        b'a' => day[..3].into(),
        b'A' => day.into(),
        b'b' | b'h' => month[..3].into(),
        b'B' => month.into(),
        b'c' => {
            let (day, month) = (&day[..3], &month[..3]);
            format!("{day} {month} {:2} {:02}:{:02}:{:02} {}", d.day, d.hour, d.minute, d.second, d.year)
        }
        b'C' => d.year.div_euclid(100).to_string(),
        b'd' => format!("{:02}", d.day),
        b'D' | b'x' => format!("{:02}/{:02}/{:02}", d.month, d.day, d.year.rem_euclid(100)),
        b'e' => format!("{:2}", d.day),
        b'F' => format!("{}-{:02}-{:02}", d.year, d.month, d.day),
        b'g' => format!("{:02}", iso_week(d).0.rem_euclid(100)),
        b'G' => iso_week(d).0.to_string(),
        b'H' => format!("{:02}", d.hour),
        b'I' => format!("{hour12:02}"),
        b'j' => format!("{:03}", d.yearday + 1),
        b'm' => format!("{:02}", d.month),
        b'M' => format!("{:02}", d.minute),
        b'n' => "\n".into(),
        b'p' => half.into(),
        b'r' => format!("{hour12:02}:{:02}:{:02} {half}", d.minute, d.second),
        b'R' => format!("{:02}:{:02}", d.hour, d.minute),
        b'S' => format!("{:02}", d.second),
        b't' => "\t".into(),
        b'T' | b'X' => format!("{:02}:{:02}:{:02}", d.hour, d.minute, d.second),
        b'u' => ((d.weekday + 6) % 7 + 1).to_string(),
        b'U' => format!("{:02}", (d.yearday + 7 - d.weekday) / 7),
        b'V' => format!("{:02}", iso_week(d).1),
        b'w' => d.weekday.to_string(),
        b'W' => format!("{:02}", (d.yearday + 7 - (d.weekday + 6) % 7) / 7),
        b'y' => format!("{:02}", d.year.rem_euclid(100)),
        b'Y' => d.year.to_string(),
        b'z' => {
            let minutes = d.zone.offset.abs() / 60;
            let sign = if d.zone.offset < 0 { '-' } else { '+' };
            format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
        }
        b'Z' => d.zone.name.clone(),
        _ => "%".into(),
    }
}
/// The year and number of the week by ISO 8601: it belongs to the year that has its Thursday.
fn iso_week(d: &Civil) -> (i64, i64) {
    let thursday = d.yearday + 3 - (d.weekday + 6) % 7;
    let length = |year| days_from_civil(year + 1, 1, 1) - days_from_civil(year, 1, 1);
    if thursday < 0 {
        (d.year - 1, (thursday + length(d.year - 1)) / 7 + 1)
    } else if thursday >= length(d.year) {
        (d.year + 1, 1)
    } else {
        (d.year, thursday / 7 + 1)
    }
}
