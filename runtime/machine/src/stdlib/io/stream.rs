//! Streams: what an open file is, its buffer, and the standard streams.
//!
//! Journey: **bytes** -> outside world. A process's open files are a list, in which a file value holds an index; the
//! standard streams are shared by all processes of the program, behind locks. Nothing here knows a Lua value.

use super::super::host::{self, blocking};
use super::super::source;
use crate::vm::Vm;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, IsTerminal, Read, Seek, SeekFrom, Write};
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// A stream and what buffers it.
pub(super) enum Stream {
    Reader(BufReader<File>),
    Writer(Output<File>),
    /// Opened for both; not buffered, so that positions are always true.
    Both(File, Vec<u8>),
    PipeReader(BufReader<ChildStdout>, Program),
    PipeWriter(Output<ChildStdin>, Program),
    Stdin,
    Stdout,
    Stderr,
}

/// The program at the other end of a pipe. One whose pipe is dropped and not closed (its process was killed) is waited for
/// by those that come later: the system keeps what has ended until somebody has asked for its status.
pub(super) struct Program(Option<Child>);
static LEFT: Mutex<Vec<Child>> = Mutex::new(Vec::new());

impl Program {
    pub(super) fn new(child: Child) -> Program {
        wait_for_left(None);
        Program(Some(child))
    }
    pub(super) fn wait(mut self) -> std::io::Result<ExitStatus> {
        self.0.take().expect("it is waited for once").wait()
    }
}
impl Drop for Program {
    fn drop(&mut self) {
        if self.0.is_some() {
            wait_for_left(self.0.take());
        }
    }
}
fn wait_for_left(another: Option<Child>) {
    let mut left = LEFT.lock().unwrap_or_else(|e| e.into_inner());
    left.extend(another);
    left.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
}

/// When output is written out (`file:setvbuf`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Buffering {
    No,
    Line,
    Full,
}

/// Bytes of a stream's buffer. Each call of the system gives the worker's place away, so that few are better than small ones.
pub(super) const BUFFER: usize = 1 << 15;

/// An output behind a buffer.
pub(super) struct Output<W: Write> {
    pub(super) to: BufWriter<W>,
    buffering: Buffering,
}
impl<W: Write> Output<W> {
    pub(super) fn new(to: BufWriter<W>) -> Output<W> {
        Output { to, buffering: Buffering::Full }
    }
    /// Whether a write of so many bytes stays in the buffer.
    pub(super) fn has_room(&self, n: usize) -> bool {
        self.buffering == Buffering::Full && n < self.to.capacity() - self.to.buffer().len()
    }
    pub(super) fn set_buffering(&mut self, buffering: Buffering) -> std::io::Result<()> {
        self.buffering = buffering;
        if buffering == Buffering::Full { Ok(()) } else { self.to.flush() }
    }
    pub(super) fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
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
    pub(super) fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

/// Standard output of this OS process. Where nobody reads it any more, C programs get the signal SIGPIPE; this one does
/// what it was told for that case.
pub(super) struct StandardOutput {
    to: std::io::Stdout,
    when_closed: Option<fn()>,
}
impl StandardOutput {
    fn watched<T>(&self, outcome: std::io::Result<T>) -> std::io::Result<T> {
        if let (Err(e), Some(tell)) = (&outcome, self.when_closed)
            && e.kind() == std::io::ErrorKind::BrokenPipe
        {
            tell();
        }
        outcome
    }
}
impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.to.write(bytes);
        self.watched(written)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        let flushed = self.to.flush();
        self.watched(flushed)
    }
}

/// Writes a line of `print`: it is seen soon, even if the program goes on for long without another.
pub fn print_line(vm: &mut Vm, line: &[u8]) {
    // As the reference's print: a failed write is no error of the program's.
    let _ = write_stdout(vm, line);
    PRINTED.store(true, Ordering::Release);
}
/// Writes out what `print` has left in the buffer, at the end of a slice.
#[inline]
pub fn flush_printed(vm: &mut Vm) {
    if has_printed() && PRINTED.swap(false, Ordering::AcqRel) {
        blocking(vm, |host| host.files.flush());
    }
}
/// Whether there is something for [`flush_printed`] to do.
#[inline]
pub fn has_printed() -> bool {
    PRINTED.load(Ordering::Relaxed)
}
/// `print` has written since the last flush. The reference flushes every line; here the end of a slice does. One for all
/// programs of this OS process, which share its standard output: who flushes for another does no harm.
static PRINTED: AtomicBool = AtomicBool::new(false);
/// Writes to standard output.
pub fn write_stdout(vm: &mut Vm, bytes: &[u8]) -> std::io::Result<()> {
    let files = &host::host(vm).files;
    if files.write_stdout_now(bytes) {
        return Ok(());
    }
    blocking(vm, |host| lock(&host.files.standard.output).write_all(bytes))
}

/// What the standard streams of all processes share.
pub(super) struct Standard {
    pub(super) input: Mutex<BufReader<std::io::Stdin>>,
    pub(super) output: Mutex<Output<StandardOutput>>,
}

/// The open files of a process.
pub struct Files {
    pub(super) standard: Arc<Standard>,
    /// The standard streams, and others; empty as long as none is used, as in most processes.
    open: Vec<Option<Stream>>,
    /// What an item is read into.
    pub(super) text: Vec<u8>,
}

pub(super) fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(|e| e.into_inner())
}

impl Files {
    /// The standard streams of this OS process. `when_closed` is called when nobody reads standard output any more, in the
    /// middle of a write; without it, or if it returns, that write fails as any other.
    pub fn new(when_closed: Option<fn()>) -> Files {
        let to = StandardOutput { to: std::io::stdout(), when_closed };
        let mut output = Output::new(BufWriter::with_capacity(BUFFER, to));
        if std::io::stdout().is_terminal() {
            output.buffering = Buffering::Line;
        }
        let input = BufReader::with_capacity(BUFFER, std::io::stdin());
        let standard = Arc::new(Standard { input: Mutex::new(input), output: Mutex::new(output) });
        Files { standard, open: Vec::new(), text: Vec::new() }
    }
    /// The same standard streams, no other files.
    pub fn child(&self) -> Files {
        Files { standard: self.standard.clone(), open: Vec::new(), text: Vec::new() }
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
    /// Reads a program of at most so many bytes from standard input. Blocks.
    pub fn read_program(&self, limit: usize) -> std::io::Result<Vec<u8>> {
        self.flush();
        source::read(&mut *lock(&self.standard.input), limit, source::is_hopeless)
    }
    /// Writes to standard output if that needs nothing but its buffer, which is nobody else's at the moment.
    fn write_stdout_now(&self, bytes: &[u8]) -> bool {
        match self.standard.output.try_lock() {
            Ok(mut output) if output.has_room(bytes.len()) => output.write_all(bytes).is_ok(),
            _ => false,
        }
    }
    fn list(&mut self) -> &mut Vec<Option<Stream>> {
        if self.open.is_empty() {
            self.open = vec![Some(Stream::Stdin), Some(Stream::Stdout), Some(Stream::Stderr)];
        }
        &mut self.open
    }
    pub(super) fn add(&mut self, stream: Stream) -> u64 {
        match self.list().iter().skip(3).position(Option::is_none) {
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
    /// Whether files besides the standard streams are open.
    pub fn has_open(&self) -> bool {
        self.open.iter().skip(3).any(Option::is_some)
    }
    /// Whether this one is, and no standard stream.
    pub fn is_open(&self, index: u64) -> bool {
        index >= 3 && self.open.get(index as usize).is_some_and(Option::is_some)
    }
    /// Takes a file from the list.
    pub(super) fn take(&mut self, index: u64) -> Option<Stream> {
        self.list().get_mut(index as usize).and_then(Option::take)
    }
    pub(super) fn get(&mut self, index: u64) -> Option<&mut Stream> {
        self.list().get_mut(index as usize)?.as_mut()
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
impl Default for Files {
    fn default() -> Self {
        Files::new(None)
    }
}
pub(super) fn valid_mode(mode: &[u8]) -> bool {
    let end = mode.iter().rposition(|&b| b != b'b').map_or(0, |i| i + 1);
    matches!(&mode[..end], b"r" | b"w" | b"a" | b"r+" | b"w+" | b"a+")
}
pub(super) fn open_path(path: &OsStr, mode: &[u8]) -> std::io::Result<Stream> {
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
        (b'r', _) => Stream::Reader(BufReader::with_capacity(BUFFER, file)),
        _ => Stream::Writer(Output::new(BufWriter::with_capacity(BUFFER, file))),
    })
}
/// Puts the position back to where the program is, past what was read ahead.
pub(super) fn drop_ahead(f: &mut File, ahead: &mut Vec<u8>) -> std::io::Result<()> {
    if !ahead.is_empty() {
        f.seek(SeekFrom::Current(-(ahead.len() as i64)))?;
        ahead.clear();
    }
    Ok(())
}
/// Reads ahead in a file that is open for both.
pub(super) struct Ahead<'a>(pub(super) &'a mut File, pub(super) &'a mut Vec<u8>);
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
