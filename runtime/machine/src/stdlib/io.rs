//! Files (manual 6.8).
//!
//! Journey: value -> outside world. A file value holds an index into its process's [`Files`]; the standard streams are
//! shared by all processes of the program, behind locks. What a buffer can answer is done at once; the rest goes through
//! [`blocking`], so that a process that waits for a file or a terminal holds up no other.
//!
//! Always: what was written to standard output is flushed before anything is written to standard error, before standard
//! input is read, and at the end of the program.

use super::host::blocking;
use crate::value::{Ref, Userdata, Value, number};
use crate::vm::Vm;
use crate::vm::native::{Native, Result, Step};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, IsTerminal, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// The library's functions and the methods of files.
pub static NATIVES: &[Native] = &[
    Native::steps("io.close", close),
    Native::steps("io.flush", |vm, _| flush(vm, Default::Output)),
    Native::steps("io.input", |vm, _| default_file(vm, Default::Input)),
    Native::steps("io.lines", io_lines),
    Native::steps("io.open", open_file),
    Native::steps("io.output", |vm, _| default_file(vm, Default::Output)),
    Native::steps("io.popen", popen),
    Native::steps("io.read", |vm, _| read(vm, Default::Input)),
    Native::steps("io.tmpfile", tmpfile),
    Native::steps("io.type", type_),
    Native::steps("io.write", |vm, _| write(vm, Default::Output)),
    Native::steps("io.lines_next", lines_next),
    Native::steps("file:close", |vm, state| match vm.count() {
        0 => Err(vm.type_error(0, "FILE*")),
        _ => close(vm, state),
    }),
    Native::steps("file:flush", |vm, _| flush(vm, Default::None)),
    Native::steps("file:lines", file_lines),
    Native::steps("file:read", |vm, _| read(vm, Default::None)),
    Native::steps("file:seek", seek),
    Native::steps("file:setvbuf", setvbuf),
    Native::steps("file:write", |vm, _| write(vm, Default::None)),
    Native::steps("file:__gc", gc),
    Native::steps("file:__tostring", tostring),
];

/// A stream and what buffers it.
enum Stream {
    Reader(BufReader<File>),
    Writer(Output<File>),
    /// Opened for both; not buffered, so that positions are always true.
    Both(File, Vec<u8>),
    PipeReader(BufReader<ChildStdout>, Child),
    PipeWriter(Output<ChildStdin>, Child),
    Stdin,
    Stdout,
    Stderr,
}

/// When output is written out (`file:setvbuf`).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Buffering {
    No,
    Line,
    Full,
}

/// An output behind a buffer.
struct Output<W: Write> {
    to: BufWriter<W>,
    buffering: Buffering,
}
impl<W: Write> Output<W> {
    fn new(to: BufWriter<W>) -> Output<W> {
        Output { to, buffering: Buffering::Full }
    }
    /// Whether a write of so many bytes stays in the buffer.
    fn has_room(&self, n: usize) -> bool {
        self.buffering == Buffering::Full && n < self.to.capacity() - self.to.buffer().len()
    }
    fn set_buffering(&mut self, buffering: Buffering) -> std::io::Result<()> {
        self.buffering = buffering;
        if buffering == Buffering::Full { Ok(()) } else { self.to.flush() }
    }
    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let end = match self.buffering {
            Buffering::Full => 0,
            Buffering::Line => memchr::memrchr(b'\n', bytes).map_or(0, |i| i + 1),
            Buffering::No => bytes.len(),
        };
        if end > 0 {
            self.to.write_all(&bytes[..end])?;
            self.to.flush()?;
        }
        self.to.write_all(&bytes[end..])
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

/// Writes a line of `print`: it is seen soon, even if the program goes on for long without another.
pub fn print_line(vm: &mut Vm, line: &[u8]) {
    // As C's print: a closed pipe is no error of the program's.
    let _ = write_stdout(vm, line);
    PRINTED.store(true, Ordering::Release);
}
/// Writes out what `print` has left in the buffer, at the end of a slice.
#[inline]
pub fn flush_printed(vm: &mut Vm) {
    if PRINTED.load(Ordering::Relaxed) && PRINTED.swap(false, Ordering::AcqRel) {
        blocking(vm, |host| host.files.flush());
    }
}
/// `print` has written since the last flush. The reference flushes every line; here the end of a slice does. One for all
/// programs of this OS process, which share its standard output: who flushes for another does no harm.
static PRINTED: AtomicBool = AtomicBool::new(false);
/// Writes to standard output.
pub fn write_stdout(vm: &mut Vm, bytes: &[u8]) -> std::io::Result<()> {
    let files = &super::host::host(vm).files;
    if files.write_stdout_now(bytes) {
        return Ok(());
    }
    blocking(vm, |host| lock(&host.files.standard.output).write_all(bytes))
}

/// What the standard streams of all processes share.
struct Standard {
    input: Mutex<BufReader<std::io::Stdin>>,
    output: Mutex<Output<std::io::Stdout>>,
}

/// The open files of a process.
pub struct Files {
    standard: Arc<Standard>,
    open: Vec<Option<Stream>>,
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(|e| e.into_inner())
}

impl Files {
    /// The standard streams of this OS process.
    pub fn new() -> Files {
        let mut output = Output::new(BufWriter::with_capacity(1 << 15, std::io::stdout()));
        if std::io::stdout().is_terminal() {
            output.buffering = Buffering::Line;
        }
        let input = BufReader::new(std::io::stdin());
        let standard = Arc::new(Standard { input: Mutex::new(input), output: Mutex::new(output) });
        Files { standard, open: standard_streams() }
    }
    /// The same standard streams, no other files.
    pub fn child(&self) -> Files {
        Files { standard: self.standard.clone(), open: standard_streams() }
    }
    /// Writes out what is buffered for standard output.
    pub fn flush(&self) {
        // An error here has nobody to go to; the next write will meet it again.
        let _ = lock(&self.standard.output).flush();
    }
    /// Writes out what is buffered for standard output, unless a thread that nobody waits for is in the middle of that.
    pub fn flush_at_end(&self) {
        if let Ok(mut output) = self.standard.output.try_lock() {
            // Nobody is left who could be told.
            let _ = output.flush();
        }
    }
    /// Reads a line of standard input, with its end; none at the end. Blocks.
    pub fn read_line(&self) -> Option<Vec<u8>> {
        self.flush();
        let mut line = Vec::new();
        lock(&self.standard.input).read_until(b'\n', &mut line).ok().filter(|&n| n > 0).map(|_| line)
    }
    /// Reads the rest of standard input. Blocks.
    pub fn read_stdin(&self) -> std::io::Result<Vec<u8>> {
        self.flush();
        let mut text = Vec::new();
        lock(&self.standard.input).read_to_end(&mut text)?;
        Ok(text)
    }
    /// Writes to standard output if that needs nothing but its buffer, which is nobody else's at the moment.
    fn write_stdout_now(&self, bytes: &[u8]) -> bool {
        match self.standard.output.try_lock() {
            Ok(mut output) if output.has_room(bytes.len()) => output.write_all(bytes).is_ok(),
            _ => false,
        }
    }
    fn add(&mut self, stream: Stream) -> u64 {
        match self.open.iter().skip(3).position(Option::is_none) {
            Some(i) => {
                self.open[i + 3] = Some(stream);
                i as u64 + 3
            }
            None => {
                self.open.push(Some(stream));
                self.open.len() as u64 - 1
            }
        }
    }
    fn get(&mut self, index: u64) -> Option<&mut Stream> {
        self.open.get_mut(index as usize)?.as_mut()
    }
    /// Writes out all open files, at the end of a process.
    pub fn flush_all(&mut self) {
        for stream in self.open.iter_mut().flatten() {
            let _ = match stream {
                Stream::Writer(w) => w.flush(),
                Stream::PipeWriter(w, _) => w.flush(),
                _ => Ok(()),
            };
        }
        self.flush();
    }
}
impl std::default::Default for Files {
    fn default() -> Self {
        Files::new()
    }
}
fn standard_streams() -> Vec<Option<Stream>> {
    vec![Some(Stream::Stdin), Some(Stream::Stdout), Some(Stream::Stderr)]
}

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
/// A standard stream as a file value, by its index.
pub fn stream(vm: &mut Vm, index: u64) -> Value {
    Value::userdata(new_file(vm, index))
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
    let stream = files.open.get_mut(index as usize).and_then(Option::take);
    finish(vm, stream)
}
fn finish(vm: &mut Vm, stream: Option<Stream>) -> Result<Step> {
    let outcome = blocking(vm, |_| match stream {
        Some(Stream::Writer(mut w)) => w.flush().map(|()| None),
        Some(Stream::PipeReader(r, mut child)) => {
            drop(r);
            child.wait().map(Some)
        }
        Some(Stream::PipeWriter(mut w, mut child)) => {
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
        let stream = files.open.get_mut(index as usize).and_then(Option::take);
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
fn valid_mode(mode: &[u8]) -> bool {
    let end = mode.iter().rposition(|&b| b != b'b').map_or(0, |i| i + 1);
    matches!(&mode[..end], b"r" | b"w" | b"a" | b"r+" | b"w+" | b"a+")
}
fn open_path(path: &OsStr, mode: &[u8]) -> std::io::Result<Stream> {
    let plus = mode.contains(&b'+');
    let mut options = File::options();
    match mode[0] {
        b'r' => options.read(true).write(plus),
        b'w' => options.write(true).create(true).truncate(true).read(plus),
        _ => options.append(true).create(true).read(plus),
    };
    let mut file = options.open(path)?;
    if mode[0] == b'a' && !plus {
        // `seek` tells the end before anything is written. What has no positions refuses: no harm.
        let _ = file.seek(SeekFrom::End(0));
    }
    Ok(match (mode[0], plus) {
        (_, true) => Stream::Both(file, Vec::new()),
        (b'r', _) => Stream::Reader(BufReader::new(file)),
        _ => Stream::Writer(Output::new(BufWriter::new(file))),
    })
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
    let stream = if mode == b"r" {
        shell.stdout(Stdio::piped()).spawn().map(|mut child| {
            let out = child.stdout.take().expect("it was piped");
            Stream::PipeReader(BufReader::new(out), child)
        })
    } else {
        shell.stdin(Stdio::piped()).spawn().map(|mut child| {
            let input = child.stdin.take().expect("it was piped");
            Stream::PipeWriter(Output::new(BufWriter::new(input)), child)
        })
    };
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

fn write(vm: &mut Vm, default: Default) -> Result<Step> {
    let (u, first) = the_file(vm, default)?;
    let mut text = Vec::new();
    for i in first..vm.count() {
        let v = vm.arg(i);
        if v.is_number() {
            // As C's printf: a float that is whole has no point here.
            let number = number::number_text(v);
            let bytes = number.as_bytes();
            text.extend_from_slice(bytes.strip_suffix(b".0").unwrap_or(bytes));
        } else {
            text.extend_from_slice(vm.check_string(i)?.bytes());
        }
    }
    let index = u.resource.get();
    let files = &mut super::host::host(vm).files;
    let outcome = match files.get(index) {
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
    match outcome {
        Ok(()) => vm.return_one(Value::userdata(u)),
        Err(e) => push_failure(vm, None, &e),
    }
}
/// Puts the position back to where the program is, past what was read ahead.
fn drop_ahead(f: &mut File, ahead: &mut Vec<u8>) -> std::io::Result<()> {
    if !ahead.is_empty() {
        f.seek(SeekFrom::Current(-(ahead.len() as i64)))?;
        ahead.clear();
    }
    Ok(())
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
            let text = format!("invalid option '{}'", String::from_utf8_lossy(other));
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
            let text = format!("invalid option '{}'", String::from_utf8_lossy(&whence));
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

// Input.

/// Reads ahead in a file that is open for both.
struct Ahead<'a>(&'a mut File, &'a mut Vec<u8>);
impl Read for Ahead<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let n = self.fill_buf()?.read(to)?;
        self.consume(n);
        Ok(n)
    }
}
impl BufRead for Ahead<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if self.1.is_empty() {
            let mut chunk = [0; 4096];
            let n = self.0.read(&mut chunk)?;
            self.1.extend_from_slice(&chunk[..n]);
        }
        Ok(self.1)
    }
    fn consume(&mut self, n: usize) {
        self.1.drain(..n);
    }
}
/// What a format asks for.
#[derive(Clone, Copy)]
enum Format {
    Line { keep_end: bool },
    All,
    Number,
    Bytes(usize),
}
fn format_argument(vm: &mut Vm, i: usize) -> Result<Format> {
    let v = vm.arg(i);
    if v.is_number() {
        let n = vm.check_integer(i)?;
        return Ok(Format::Bytes(n.max(0) as usize));
    }
    let s = vm.check_string(i)?;
    let s = s.bytes().strip_prefix(b"*").unwrap_or(s.bytes());
    match s.first() {
        Some(b'n') => Ok(Format::Number),
        Some(b'l') => Ok(Format::Line { keep_end: false }),
        Some(b'L') => Ok(Format::Line { keep_end: true }),
        Some(b'a') => Ok(Format::All),
        _ => Err(vm.arg_error(i, "invalid format")),
    }
}
/// Whether the bytes that are in a buffer are enough for an item.
fn is_buffered(bytes: &[u8], format: Format) -> bool {
    match format {
        Format::Line { .. } => memchr::memchr(b'\n', bytes).is_some(),
        Format::Bytes(n) => n <= bytes.len() && !bytes.is_empty(),
        Format::All | Format::Number => false,
    }
}
/// One item; none at the end of the file.
fn read_item(r: &mut dyn BufRead, format: Format) -> std::io::Result<Option<Vec<u8>>> {
    let mut out = Vec::new();
    match format {
        Format::Line { keep_end } => {
            let n = r.read_until(b'\n', &mut out)?;
            if n == 0 {
                return Ok(None);
            }
            if !keep_end && out.last() == Some(&b'\n') {
                out.pop();
            }
        }
        Format::All => {
            r.read_to_end(&mut out)?;
        }
        Format::Bytes(0) => {
            if r.fill_buf()?.is_empty() {
                return Ok(None);
            }
        }
        Format::Bytes(n) => {
            // Grows as bytes arrive, whatever was asked for.
            (r as &mut dyn Read).take(n as u64).read_to_end(&mut out)?;
            if out.is_empty() {
                return Ok(None);
            }
        }
        Format::Number => return read_numeral(r).map(Some),
    }
    Ok(Some(out))
}
/// The longest prefix that looks like a numeral, at most 200 bytes, as the reference reads it.
fn read_numeral(r: &mut dyn BufRead) -> std::io::Result<Vec<u8>> {
    fn peek(r: &mut dyn BufRead) -> std::io::Result<Option<u8>> {
        Ok(r.fill_buf()?.first().copied())
    }
    struct Reading<'a> {
        r: &'a mut dyn BufRead,
        out: Vec<u8>,
        too_long: bool,
    }
    impl Reading<'_> {
        fn accept(&mut self, test: impl Fn(u8) -> bool) -> std::io::Result<bool> {
            match peek(self.r)? {
                Some(c) if test(c) => {
                    if self.out.len() == 200 {
                        self.too_long = true;
                        return Ok(false);
                    }
                    self.out.push(c);
                    self.r.consume(1);
                    Ok(true)
                }
                _ => Ok(false),
            }
        }
        fn digits(&mut self, hex: bool) -> std::io::Result<usize> {
            let mut n = 0;
            while self.accept(|c| if hex { c.is_ascii_hexdigit() } else { c.is_ascii_digit() })? {
                n += 1;
            }
            Ok(n)
        }
    }
    while peek(r)?.is_some_and(|c| c.is_ascii_whitespace() || c == 0x0b) {
        r.consume(1);
    }
    let mut n = Reading { r, out: Vec::new(), too_long: false };
    n.accept(|c| c == b'+' || c == b'-')?;
    let (mut hex, mut count) = (false, 0);
    if n.accept(|c| c == b'0')? {
        if n.accept(|c| c == b'x' || c == b'X')? {
            hex = true;
        } else {
            count = 1;
        }
    }
    count += n.digits(hex)?;
    if n.accept(|c| c == b'.')? {
        count += n.digits(hex)?;
    }
    if count > 0 && n.accept(|c| if hex { c | 32 == b'p' } else { c | 32 == b'e' })? {
        n.accept(|c| c == b'+' || c == b'-')?;
        n.digits(false)?;
    }
    if n.too_long {
        // Too long for the reference's buffer: it fails.
        n.out.clear();
    }
    Ok(n.out)
}
/// Reads the formats in registers `first..last` and pushes what was read; the count, or the system's error.
fn read_formats(
    vm: &mut Vm,
    u: Ref<Userdata>,
    first: usize,
    last: usize,
) -> Result<std::result::Result<usize, std::io::Error>> {
    let mut count = 0;
    for i in first..last.max(first + 1) {
        let format = if last == first { Format::Line { keep_end: false } } else { format_argument(vm, i)? };
        let index = u.resource.get();
        let item = match super::host::host(vm).files.get(index) {
            Some(Stream::Reader(r)) if is_buffered(r.buffer(), format) => read_item(r, format),
            Some(Stream::PipeReader(r, _)) if is_buffered(r.buffer(), format) => read_item(r, format),
            _ => blocking(vm, |host| {
                let standard = host.files.standard.clone();
                match host.files.get(index) {
                    Some(Stream::Stdin) => {
                        let _ = lock(&standard.output).flush();
                        read_item(&mut *lock(&standard.input), format)
                    }
                    Some(Stream::Reader(r)) => read_item(r, format),
                    Some(Stream::PipeReader(r, _)) => read_item(r, format),
                    Some(Stream::Both(f, ahead)) => read_item(&mut Ahead(f, ahead), format),
                    _ => Err(std::io::Error::from_raw_os_error(9)),
                }
            }),
        };
        let v = match item {
            Err(e) => return Ok(Err(e)),
            Ok(None) => Value::NIL,
            Ok(Some(text)) => match format {
                Format::Number => match rlua_compiler::parse_number(&text) {
                    Some(rlua_compiler::Number::Integer(n)) => Value::integer(n),
                    Some(rlua_compiler::Number::Float(n)) => Value::float(n),
                    None => Value::NIL,
                },
                _ => vm.heap.string(&text),
            },
        };
        vm.push(v);
        count += 1;
        if v.is_nil() {
            break;
        }
    }
    Ok(Ok(count))
}
fn read(vm: &mut Vm, default: Default) -> Result<Step> {
    let (u, first) = the_file(vm, default)?;
    let last = vm.count();
    match read_formats(vm, u, first, last)? {
        Ok(n) => Ok(Step::Return(n)),
        Err(e) => push_failure(vm, None, &e),
    }
}
/// Most formats that `lines` takes, as in the reference.
const MAX_FORMATS: usize = 250;
/// The iterator's upvalues: the file, whether to close it at the end, the number of formats, the formats.
fn make_lines(vm: &mut Vm, f: Value, first: usize, to_close: bool) -> Result<Value> {
    if vm.count().saturating_sub(first) > MAX_FORMATS {
        return Err(vm.arg_error(MAX_FORMATS + 1, "too many arguments"));
    }
    let formats = vm.count().saturating_sub(first);
    let mut upvalues = vec![f, Value::boolean(to_close), Value::integer(formats as i64)];
    upvalues.extend((first..vm.count()).map(|i| vm.arg(i)));
    let n = NATIVES.iter().find(|n| n.name == "io.lines_next").expect("it is in the list");
    Ok(Value::native_closure(vm.heap.native_closure(n, &upvalues)))
}
fn io_lines(vm: &mut Vm, _: u32) -> Result<Step> {
    if vm.count() == 0 {
        vm.push(Value::NIL);
    }
    if vm.arg(0).is_nil() {
        let registry = vm.registry();
        let v = registry.get_field(&mut vm.heap, Default::Input.key().as_bytes());
        vm.set_arg(0, v);
        let u = open_argument(vm, 0)?;
        let f = make_lines(vm, Value::userdata(u), 1, false)?;
        return vm.return_one(f);
    }
    let file = Value::userdata(open_or_raise(vm, b"r")?);
    let f = make_lines(vm, file, 1, true)?;
    vm.push(f);
    vm.push(Value::NIL);
    vm.push(Value::NIL);
    vm.push(file);
    Ok(Step::Return(4))
}
fn file_lines(vm: &mut Vm, _: u32) -> Result<Step> {
    open_argument(vm, 0)?;
    let file = vm.arg(0);
    let f = make_lines(vm, file, 1, false)?;
    vm.return_one(f)
}
fn lines_next(vm: &mut Vm, _: u32) -> Result<Step> {
    let Some(u) = vm.native_upvalue(0).as_userdata() else { return Err(vm.error("file is already closed")) };
    if u.resource.get() == CLOSED {
        return Err(vm.error("file is already closed"));
    }
    let to_close = !vm.native_upvalue(1).is_false();
    let formats = vm.native_upvalue(2).as_integer().unwrap_or(0) as usize;
    vm.truncate(0);
    // Messages count the formats from 2, as after a file.
    vm.push(Value::userdata(u));
    for i in 0..formats {
        let v = vm.native_upvalue(i + 3);
        vm.push(v);
    }
    let last = vm.count();
    match read_formats(vm, u, 1, last)? {
        Ok(n) => {
            if !vm.arg(last).is_nil() {
                return Ok(Step::Return(n));
            }
            if to_close {
                let index = u.resource.replace(CLOSED);
                if let Some(slot) = super::host::host(vm).files.open.get_mut(index as usize) {
                    *slot = None;
                }
            }
            vm.return_one(Value::NIL)
        }
        Err(e) => Err(vm.error(reason(&e))),
    }
}
