//! Files (manual 6.8).
//!
//! Journey: value -> outside world. A file value holds an index into its process's [`Files`]; the standard streams are
//! shared by all processes of the program, behind locks. What a buffer can answer is done at once; the rest goes through
//! [`blocking`], so that a process that waits for a file or a terminal holds up no other.
//!
//! Always: what was written to standard output is flushed before anything is written to standard error, before standard
//! input is read, and at the end of the program.

mod read;
mod stream;

use super::host::blocking;
use crate::value::{Ref, Userdata, Value, number};
use crate::vm::Vm;
use crate::vm::native::{Native, Result, Step};
use crate::vm::work::COPIED;
use read::{file_lines, io_lines, lines_next, read};
use std::ffi::{OsStr, OsString};
use std::io::{BufReader, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::ExitStatus;
use stream::{BUFFER, Buffering, Output, Program, Stream, drop_ahead, lock, open_path, valid_mode};
pub use stream::{Files, flush_printed, has_printed, print_line, write_stdout};

/// The library's functions and the methods of files.
pub static NATIVES: &[Native] = &[
    Native::steps("io.close", close),
    Native::steps("io.flush", |vm, _| flush(vm, Default::Output)),
    Native::steps("io.input", |vm, _| default_file(vm, Default::Input)),
    Native::steps("io.lines", io_lines),
    Native::steps("io.open", open_file),
    Native::steps("io.output", |vm, _| default_file(vm, Default::Output)),
    Native::steps("io.popen", popen),
    Native::steps("io.read", |vm, s| read(vm, Default::Input, s)),
    Native::steps("io.tmpfile", tmpfile),
    Native::steps("io.type", type_),
    Native::steps("io.write", |vm, s| write(vm, Default::Output, s)),
    Native::steps("io.lines_next", lines_next),
    Native::steps("file:close", |vm, state| match vm.count() {
        0 => Err(vm.type_error(0, "FILE*")),
        _ => close(vm, state),
    }),
    Native::steps("file:flush", |vm, _| flush(vm, Default::None)),
    Native::steps("file:lines", file_lines),
    Native::steps("file:read", |vm, s| read(vm, Default::None, s)),
    Native::steps("file:seek", seek),
    Native::steps("file:setvbuf", setvbuf),
    Native::steps("file:write", |vm, s| write(vm, Default::None, s)),
    Native::steps("file:__gc", gc),
    Native::steps("file:__tostring", tostring),
];

/// Where a function without a file argument finds one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Default {
    Input,
    Output,
    None,
}
impl Default {
    fn key(self) -> &'static str {
        match self {
            Default::Input => "_IO_input",
            _ => "_IO_output",
        }
    }
}
/// A closed file's resource.
const CLOSED: u64 = u64::MAX;

/// Builds the library's table and the metatable of files.
pub fn open(vm: &mut Vm) -> Value {
    let t = vm.heap.table_sized(0, 14);
    let methods = vm.heap.table_sized(0, 8);
    let meta = vm.heap.table_sized(0, 6);
    for n in NATIVES {
        if let Some(name) = n.name.strip_prefix("io.").filter(|n| *n != "lines_next") {
            super::field(vm, t, name, Value::native(n));
        }
        if let Some(name) = n.name.strip_prefix("file:") {
            let to = if name.starts_with("__") { meta } else { methods };
            super::field(vm, to, name, Value::native(n));
            if name == "__gc" {
                super::field(vm, meta, "__close", Value::native(n));
            }
        }
    }
    methods.share(&mut vm.heap, "file");
    super::field(vm, meta, "__index", Value::table(methods));
    let name = vm.heap.atom(b"FILE*");
    super::field(vm, meta, "__name", name);
    let registry = vm.registry();
    super::field(vm, registry, "FILE*", Value::table(meta));
    for (i, name) in ["stdin", "stdout", "stderr"].into_iter().enumerate() {
        let f = Value::userdata(new_file(vm, i as u64));
        super::field(vm, t, name, f);
        if i < 2 {
            let default = if i == 0 { Default::Input } else { Default::Output };
            super::field(vm, registry, default.key(), f);
        }
    }
    Value::table(t)
}
fn new_file(vm: &mut Vm, resource: u64) -> Ref<Userdata> {
    let registry = vm.registry();
    let meta = registry.get_field(&mut vm.heap, b"FILE*").as_table();
    let u = vm.heap.userdata(resource, None);
    vm.set_userdata_metatable(u, meta);
    u
}
/// A standard stream as a file value, by its index, for a process that did not open it and will not finalize it.
pub fn stream(vm: &mut Vm, index: u64) -> Value {
    let registry = vm.registry();
    let meta = registry.get_field(&mut vm.heap, b"FILE*").as_table();
    Value::userdata(vm.heap.userdata(index, meta))
}
/// The text of an error of the system, as C's `strerror` has it.
pub fn reason(e: &std::io::Error) -> String {
    let text = e.to_string();
    match text.find(" (os error") {
        Some(i) => text[..i].to_string(),
        None => text,
    }
}
/// A file's name or a command, to its first zero byte, where it ends for the system.
pub(super) fn path_argument(vm: &mut Vm, i: usize) -> Result<OsString> {
    let s = vm.check_string(i)?;
    let bytes = s.bytes();
    vm.pay(bytes.len(), COPIED);
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    Ok(OsString::from_vec(bytes[..end].to_vec()))
}
/// Pushes `nil, "path: reason", number`.
pub fn push_failure(vm: &mut Vm, path: Option<&OsStr>, e: &std::io::Error) -> Result<Step> {
    let reason = reason(e);
    let text = match path {
        Some(p) => [p.as_bytes(), b": ", reason.as_bytes()].concat(),
        None => reason.into_bytes(),
    };
    let text = vm.heap.string(&text);
    vm.push(Value::NIL);
    vm.push(text);
    vm.push(Value::integer(e.raw_os_error().unwrap_or(0) as i64));
    Ok(Step::Return(3))
}
/// Pushes what a program's end is to Lua: `true or nil, "exit" or "signal", number`.
pub fn push_status(vm: &mut Vm, status: ExitStatus) -> Result<Step> {
    use std::os::unix::process::ExitStatusExt;
    let (what, n) = match status.code() {
        Some(code) => ("exit", code),
        None => ("signal", status.signal().unwrap_or(0)),
    };
    let what_value = vm.heap.name(what.as_bytes());
    vm.push(if status.success() { Value::TRUE } else { Value::NIL });
    vm.push(what_value);
    vm.push(Value::integer(n as i64));
    Ok(Step::Return(3))
}

/// Whether a value is a file, by its metatable.
fn as_file(vm: &mut Vm, v: Value) -> Option<Ref<Userdata>> {
    let u = v.as_userdata()?;
    let registry = vm.registry();
    let meta = registry.get_field(&mut vm.heap, b"FILE*").as_table()?;
    (vm.metatable_of(v) == Some(meta)).then_some(u)
}
fn file_argument(vm: &mut Vm, i: usize) -> Result<Ref<Userdata>> {
    let v = vm.arg(i);
    match as_file(vm, v) {
        Some(u) => Ok(u),
        None => Err(vm.type_error(i, "FILE*")),
    }
}
fn open_argument(vm: &mut Vm, i: usize) -> Result<Ref<Userdata>> {
    let u = file_argument(vm, i)?;
    if u.resource.get() == CLOSED {
        return Err(vm.error("attempt to use a closed file"));
    }
    Ok(u)
}
/// The file a function works on, and its first register after it.
fn the_file(vm: &mut Vm, default: Default) -> Result<(Ref<Userdata>, usize)> {
    if default == Default::None {
        return Ok((open_argument(vm, 0)?, 1));
    }
    let registry = vm.registry();
    let v = registry.get_field(&mut vm.heap, default.key().as_bytes());
    match as_file(vm, v) {
        Some(u) if u.resource.get() != CLOSED => Ok((u, 0)),
        _ => {
            let name = if default == Default::Input { "input" } else { "output" };
            Err(vm.error(format!("default {name} file is closed")))
        }
    }
}

fn close(vm: &mut Vm, _: u32) -> Result<Step> {
    if vm.count() == 0 {
        let registry = vm.registry();
        let v = registry.get_field(&mut vm.heap, Default::Output.key().as_bytes());
        vm.push(v);
    }
    let u = open_argument(vm, 0)?;
    let index = u.resource.get();
    if index < 3 {
        // The standard streams stay open, as under the reference.
        super::host::flush(vm);
        let text = vm.heap.string(b"cannot close standard file");
        vm.push(Value::NIL);
        vm.push(text);
        return Ok(Step::Return(2));
    }
    u.resource.set(CLOSED);
    let files = &mut super::host::host(vm).files;
    let stream = files.take(index);
    finish(vm, stream)
}
fn finish(vm: &mut Vm, stream: Option<Stream>) -> Result<Step> {
    let outcome = blocking(vm, |_| match stream {
        Some(Stream::Writer(mut w)) => w.flush().map(|()| None),
        Some(Stream::PipeReader(r, child)) => {
            drop(r);
            child.wait().map(Some)
        }
        Some(Stream::PipeWriter(mut w, child)) => {
            let flushed = w.flush();
            drop(w);
            flushed.and_then(|()| child.wait().map(Some))
        }
        _ => Ok(None),
    });
    match outcome {
        Ok(None) => vm.return_one(Value::TRUE),
        Ok(Some(status)) => push_status(vm, status),
        Err(e) => push_failure(vm, None, &e),
    }
}
fn gc(vm: &mut Vm, _: u32) -> Result<Step> {
    let u = file_argument(vm, 0)?;
    let index = u.resource.get();
    if index >= 3 && index != CLOSED {
        u.resource.set(CLOSED);
        let files = &mut super::host::host(vm).files;
        let stream = files.take(index);
        finish(vm, stream)?;
    }
    Ok(Step::Return(0))
}
fn tostring(vm: &mut Vm, _: u32) -> Result<Step> {
    let u = file_argument(vm, 0)?;
    let text = if u.resource.get() == CLOSED {
        "file (closed)".to_string()
    } else {
        format!("file (0x{:x})", vm.heap.address_of(Value::userdata(u)))
    };
    let v = vm.heap.string(text.as_bytes());
    vm.return_one(v)
}
fn type_(vm: &mut Vm, _: u32) -> Result<Step> {
    let v = vm.check_any(0)?;
    let v = match as_file(vm, v) {
        None => Value::NIL,
        Some(u) if u.resource.get() == CLOSED => vm.heap.name(b"closed file"),
        Some(_) => vm.heap.name(b"file"),
    };
    vm.return_one(v)
}
fn add_file(vm: &mut Vm, stream: Stream) -> Ref<Userdata> {
    let index = super::host::host(vm).files.add(stream);
    new_file(vm, index)
}
fn open_file(vm: &mut Vm, _: u32) -> Result<Step> {
    let path = path_argument(vm, 0)?;
    let mode = vm.opt_string(1)?.map_or(b"r".to_vec(), |s| s.bytes().to_vec());
    if !valid_mode(&mode) {
        return Err(vm.arg_error(1, "invalid mode"));
    }
    match blocking(vm, |_| open_path(&path, &mode)) {
        Ok(stream) => {
            let u = add_file(vm, stream);
            vm.return_one(Value::userdata(u))
        }
        Err(e) => push_failure(vm, Some(&path), &e),
    }
}
fn tmpfile(vm: &mut Vm, _: u32) -> Result<Step> {
    match blocking(vm, |_| tempfile::tempfile()) {
        Ok(file) => {
            let u = add_file(vm, Stream::Both(file, Vec::new()));
            vm.return_one(Value::userdata(u))
        }
        Err(e) => push_failure(vm, None, &e),
    }
}
fn popen(vm: &mut Vm, _: u32) -> Result<Step> {
    use std::process::{Command, Stdio};
    let command = path_argument(vm, 0)?;
    let mode = vm.opt_string(1)?.map_or(b"r".to_vec(), |s| s.bytes().to_vec());
    if mode != b"r" && mode != b"w" {
        return Err(vm.arg_error(1, "invalid mode"));
    }
    super::host::flush(vm);
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(&command);
    let stream = blocking(vm, |_| {
        if mode == b"r" {
            shell.stdout(Stdio::piped()).spawn().map(|mut child| {
                let out = child.stdout.take().expect("it was piped");
                Stream::PipeReader(BufReader::with_capacity(BUFFER, out), Program::new(child))
            })
        } else {
            shell.stdin(Stdio::piped()).spawn().map(|mut child| {
                let input = child.stdin.take().expect("it was piped");
                Stream::PipeWriter(Output::new(BufWriter::with_capacity(BUFFER, input)), Program::new(child))
            })
        }
    });
    match stream {
        Ok(stream) => {
            let u = add_file(vm, stream);
            vm.return_one(Value::userdata(u))
        }
        Err(e) => push_failure(vm, Some(&command), &e),
    }
}
/// Opens the file that argument 0 names.
fn open_or_raise(vm: &mut Vm, mode: &[u8]) -> Result<Ref<Userdata>> {
    let path = path_argument(vm, 0)?;
    match blocking(vm, |_| open_path(&path, mode)) {
        Ok(stream) => Ok(add_file(vm, stream)),
        Err(e) => {
            let reason = reason(&e);
            let text = [b"cannot open file '", path.as_bytes(), b"' (", reason.as_bytes(), b")"].concat();
            Err(vm.error(text))
        }
    }
}
fn default_file(vm: &mut Vm, default: Default) -> Result<Step> {
    let registry = vm.registry();
    let v = vm.arg(0);
    if !v.is_nil() {
        let f = if v.is_string() || v.is_number() {
            open_or_raise(vm, if default == Default::Input { b"r" } else { b"w" })?
        } else {
            open_argument(vm, 0)?
        };
        super::field(vm, registry, default.key(), Value::userdata(f));
    }
    let v = registry.get_field(&mut vm.heap, default.key().as_bytes());
    vm.return_one(v)
}

// Output.

/// Arguments that are written together, however long they take, and bytes that are enough.
const TOGETHER: usize = 256;
const BATCH: usize = 1 << 24;

/// Registers: the file unless it is a default one, the arguments. When it goes on the file is in register 0 anyway, and the
/// next argument's number is above the arguments.
/// Writes arguments that are few, short, and find room in the file's buffer: reductions that this costs. None, and nothing
/// is done, if they are not such.
fn write_short(vm: &mut Vm, index: u64, first: usize) -> Option<usize> {
    let n = vm.count();
    let mut most = 0;
    if n - first > TOGETHER {
        return None;
    }
    for i in first..n {
        let v = vm.arg(i);
        most += match v.as_string() {
            Some(s) => s.bytes().len(),
            None if v.is_number() => number::NumberText::CAPACITY,
            None => return None,
        };
    }
    if most > BATCH {
        return None;
    }
    for i in first..n {
        let v = vm.arg(i);
        let files = &mut super::host::host(vm).files;
        let Some(Stream::Writer(w)) = files.get(index) else { return None };
        if i == first && !w.has_room(most) {
            return None;
        }
        // There is room: it is not written to the system, and cannot fail.
        match v.as_string() {
            Some(s) => w.write_all(s.bytes()),
            None => {
                let text = number::number_text(v);
                w.write_all(without_point(text.as_bytes()))
            }
        }
        .ok()?;
    }
    Some(n - first + most / COPIED)
}
/// As C's printf writes a float: one that is whole has no point.
fn without_point(number: &[u8]) -> &[u8] {
    number.strip_suffix(b".0").unwrap_or(number)
}
fn write(vm: &mut Vm, default: Default, state: u32) -> Result<Step> {
    let (u, first, begin, n);
    if state == 0 {
        (u, first) = the_file(vm, default)?;
        (begin, n) = (first, vm.count());
        if let Some(spent) = write_short(vm, u.resource.get(), first) {
            vm.charge(spent);
            return vm.return_one(Value::userdata(u));
        }
    } else {
        (u, first, n) = (file_argument(vm, 0)?, 1, vm.count().saturating_sub(1));
        begin = vm.arg(n).as_integer().and_then(|n| usize::try_from(n).ok()).unwrap_or(n);
    }
    let (mut text, mut wrong) = (Vec::new(), None);
    let (mut spent, allowed) = (0, vm.allowance(1));
    let mut next = n;
    for i in begin..n {
        if (spent + text.len() / COPIED >= allowed && i >= begin + TOGETHER) || text.len() >= BATCH {
            next = i;
            break;
        }
        let v = vm.arg(i);
        spent += 1;
        if v.is_number() {
            text.extend_from_slice(without_point(number::number_text(v).as_bytes()));
            continue;
        }
        match vm.check_string(i) {
            Ok(s) => text.extend_from_slice(s.bytes()),
            // What stands before it is written, as in the reference.
            Err(raise) => {
                wrong = Some(raise);
                break;
            }
        }
    }
    let index = u.resource.get();
    let files = &mut super::host::host(vm).files;
    let outcome = match files.get(index) {
        // Nothing can be written to a file that is only read.
        _ if text.is_empty() => Ok(()),
        Some(Stream::Stdout) => write_stdout(vm, &text),
        Some(Stream::Writer(w)) if w.has_room(text.len()) => w.write_all(&text),
        Some(Stream::PipeWriter(w, _)) if w.has_room(text.len()) => w.write_all(&text),
        _ => blocking(vm, |host| {
            let standard = host.files.standard.clone();
            match host.files.get(index) {
                Some(Stream::Stderr) => {
                    let _ = lock(&standard.output).flush();
                    std::io::stderr().write_all(&text)
                }
                Some(Stream::Writer(w)) => w.write_all(&text),
                Some(Stream::Both(f, ahead)) => drop_ahead(f, ahead).and_then(|()| f.write_all(&text)),
                Some(Stream::PipeWriter(w, _)) => w.write_all(&text),
                _ => Err(std::io::Error::from_raw_os_error(9)),
            }
        }),
    };
    vm.charge(spent + text.len() / COPIED);
    match (outcome, wrong) {
        (_, Some(raise)) => Err(raise),
        (Ok(()), _) if next < n => {
            let shift = (first == 0) as usize;
            if shift > 0 {
                vm.insert(0, Value::userdata(u));
            }
            vm.set_arg(n + shift, Value::integer((next + shift) as i64));
            Ok(Step::Again(1))
        }
        (Ok(()), _) => vm.return_one(Value::userdata(u)),
        (Err(e), _) => push_failure(vm, None, &e),
    }
}
fn flush(vm: &mut Vm, default: Default) -> Result<Step> {
    let (u, _) = the_file(vm, default)?;
    let index = u.resource.get();
    let outcome = blocking(vm, |host| {
        let standard = host.files.standard.clone();
        match host.files.get(index) {
            Some(Stream::Stdout) => lock(&standard.output).flush(),
            Some(Stream::Writer(w)) => w.flush(),
            Some(Stream::PipeWriter(w, _)) => w.flush(),
            _ => Ok(()),
        }
    });
    match outcome {
        Ok(()) => vm.return_one(Value::TRUE),
        Err(e) => push_failure(vm, None, &e),
    }
}
fn setvbuf(vm: &mut Vm, _: u32) -> Result<Step> {
    let u = open_argument(vm, 0)?;
    let mode = vm.check_string(1)?;
    let mode = match mode.bytes() {
        b"no" => Buffering::No,
        b"line" => Buffering::Line,
        b"full" => Buffering::Full,
        other => {
            let text = [b"invalid option '", other, b"'"].concat();
            return Err(vm.arg_error(1, text));
        }
    };
    // The size is the buffer's own business.
    vm.opt_integer(2, 0)?;
    let index = u.resource.get();
    let done = blocking(vm, |host| {
        let standard = host.files.standard.clone();
        match host.files.get(index) {
            Some(Stream::Stdout) => lock(&standard.output).set_buffering(mode),
            Some(Stream::Writer(w)) => w.set_buffering(mode),
            Some(Stream::PipeWriter(w, _)) => w.set_buffering(mode),
            _ => Ok(()),
        }
    });
    match done {
        Ok(()) => vm.return_one(Value::TRUE),
        Err(e) => push_failure(vm, None, &e),
    }
}
fn seek(vm: &mut Vm, _: u32) -> Result<Step> {
    let u = open_argument(vm, 0)?;
    let whence = vm.opt_string(1)?.map_or(b"cur".to_vec(), |s| s.bytes().to_vec());
    let offset = vm.opt_integer(2, 0)?;
    let to = match whence.as_slice() {
        b"set" => SeekFrom::Start(offset.max(0) as u64),
        b"cur" => SeekFrom::Current(offset),
        b"end" => SeekFrom::End(offset),
        _ => {
            let text = [b"invalid option '", whence.as_slice(), b"'"].concat();
            return Err(vm.arg_error(1, text));
        }
    };
    let outcome = if whence == b"set" && offset < 0 {
        Err(std::io::Error::from_raw_os_error(22))
    } else {
        let index = u.resource.get();
        blocking(vm, |host| match host.files.get(index) {
            Some(Stream::Reader(r)) => r.seek(to),
            Some(Stream::Writer(w)) => w.to.seek(to),
            Some(Stream::Both(f, ahead)) => drop_ahead(f, ahead).and_then(|()| f.seek(to)),
            _ => Err(std::io::Error::from_raw_os_error(29)),
        })
    };
    match outcome {
        Ok(n) => vm.return_one(Value::integer(n as i64)),
        Err(e) => push_failure(vm, None, &e),
    }
}
