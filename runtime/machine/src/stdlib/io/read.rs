//! Reading: items by formats, and the iterators of `lines`.
//!
//! Journey: outside world -> bytes -> **value**.

use super::super::host::{Host, blocking, host};
use super::stream::{Ahead, Stream, lock};
use super::{CLOSED, Default, NATIVES, file_argument, open_argument, open_or_raise, push_failure, reason, the_file};
use crate::value::{Ref, Userdata, Value};
use crate::vm::Vm;
use crate::vm::native::{Result, Step};
use crate::vm::work::COPIED;
use std::io::{BufRead, Read};

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
        return match usize::try_from(vm.check_integer(i)?) {
            Ok(n) => Ok(Format::Bytes(n)),
            // To the reference it is a number past all memory.
            Err(_) => Err(vm.error_plain("not enough memory")),
        };
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
        Format::Number => bytes.iter().position(|c| !is_space(*c)).is_some_and(|i| bytes.len() - i > NUMERAL_MAX),
        Format::All => false,
    }
}
/// One item, in place of what `out` holds; false at the end of the file.
fn read_item(r: &mut dyn BufRead, format: Format, out: &mut Vec<u8>) -> std::io::Result<bool> {
    out.clear();
    match format {
        Format::Line { keep_end } => {
            let n = r.read_until(b'\n', out)?;
            if n == 0 {
                return Ok(false);
            }
            if !keep_end && out.last() == Some(&b'\n') {
                out.pop();
            }
        }
        Format::All => {
            r.read_to_end(out)?;
        }
        Format::Bytes(0) => {
            if r.fill_buf()?.is_empty() {
                return Ok(false);
            }
        }
        Format::Bytes(n) => {
            // Grows as bytes arrive, whatever was asked for.
            (r as &mut dyn Read).take(n as u64).read_to_end(out)?;
            if out.is_empty() {
                return Ok(false);
            }
        }
        Format::Number => read_numeral(r, out)?,
    }
    Ok(true)
}
/// Longest numeral that is read, in bytes, as in the reference.
const NUMERAL_MAX: usize = 200;
fn is_space(c: u8) -> bool {
    c.is_ascii_whitespace() || c == 0x0b
}
/// The longest prefix that looks like a numeral, as the reference reads it.
fn read_numeral(r: &mut dyn BufRead, out: &mut Vec<u8>) -> std::io::Result<()> {
    fn peek(r: &mut dyn BufRead) -> std::io::Result<Option<u8>> {
        Ok(r.fill_buf()?.first().copied())
    }
    struct Reading<'a> {
        r: &'a mut dyn BufRead,
        out: &'a mut Vec<u8>,
        too_long: bool,
    }
    impl Reading<'_> {
        fn accept(&mut self, test: impl Fn(u8) -> bool) -> std::io::Result<bool> {
            match peek(self.r)? {
                Some(c) if test(c) => {
                    if self.out.len() == NUMERAL_MAX {
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
    while peek(r)?.is_some_and(is_space) {
        r.consume(1);
    }
    let mut n = Reading { r, out, too_long: false };
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
    Ok(())
}
/// What reading some formats comes to.
enum Outcome {
    /// All results were pushed.
    Read,
    /// The system's error.
    Failed(std::io::Error),
    /// Others should have their turn; each format that is done has a result.
    More,
}
/// One item if what is buffered is enough for it, so that the system need not be asked.
fn read_buffered(host: &mut Host, index: u64, format: Format, text: &mut Vec<u8>) -> Option<std::io::Result<bool>> {
    match host.files.get(index)? {
        Stream::Reader(r) => is_buffered(r.buffer(), format).then(|| read_item(r, format, text)),
        Stream::PipeReader(r, _) => is_buffered(r.buffer(), format).then(|| read_item(r, format, text)),
        Stream::Stdin => {
            // Another process may be waiting in it for the system.
            let mut r = host.files.standard.input.try_lock().ok()?;
            is_buffered(r.buffer(), format).then(|| read_item(&mut *r, format, text))
        }
        _ => None,
    }
}
/// Bytes up to which what an item was read into is kept for the next one.
const TEXT_KEPT: usize = 1024;
/// Reductions for an item, besides its bytes.
const ITEM: usize = 4;

/// Reads the formats in registers `first..last`, a line if there are none, and pushes what was read.
fn read_formats(vm: &mut Vm, u: Ref<Userdata>, first: usize, last: usize) -> Result<Outcome> {
    let mut failure = None;
    let mut text = std::mem::take(&mut host(vm).files.text);
    let (mut spent, allowed) = (0, vm.allowance(1));
    for i in first..last.max(first + 1) {
        if spent >= allowed && failure.is_none() && i >= first + MAX_FORMATS {
            vm.charge(spent);
            return Ok(Outcome::More);
        }
        let format = if last == first { Format::Line { keep_end: false } } else { format_argument(vm, i)? };
        let index = u.resource.get();
        let item = match read_buffered(host(vm), index, format, &mut text) {
            Some(item) => item,
            None => blocking(vm, |host| {
                let standard = host.files.standard.clone();
                match host.files.get(index) {
                    Some(Stream::Stdin) => {
                        let _ = lock(&standard.output).flush();
                        read_item(&mut *lock(&standard.input), format, &mut text)
                    }
                    Some(Stream::Reader(r)) => read_item(r, format, &mut text),
                    Some(Stream::PipeReader(r, _)) => read_item(r, format, &mut text),
                    Some(Stream::Both(f, ahead)) => read_item(&mut Ahead(f, ahead), format, &mut text),
                    _ => Err(std::io::Error::from_raw_os_error(9)),
                }
            }),
        };
        let v = match item {
            // The whole rest is what a format is content with: the next one is looked at, as in the reference.
            Err(e) if matches!(format, Format::All) => {
                failure = Some(e);
                continue;
            }
            Err(e) => return Ok(Outcome::Failed(e)),
            Ok(false) => Value::NIL,
            Ok(true) => match format {
                Format::Number => match rlua_compiler::parse_number(&text) {
                    Some(rlua_compiler::Number::Integer(n)) => Value::integer(n),
                    Some(rlua_compiler::Number::Float(n)) => Value::float(n),
                    None => Value::NIL,
                },
                _ => {
                    spent += text.len() / COPIED;
                    vm.heap.string(&text)
                }
            },
        };
        spent += ITEM;
        vm.push(v);
        if v.is_nil() {
            break;
        }
    }
    if text.capacity() <= TEXT_KEPT {
        host(vm).files.text = text;
    }
    vm.charge(spent);
    Ok(match failure {
        Some(e) => Outcome::Failed(e),
        None => Outcome::Read,
    })
}
/// Registers: the file unless it is a default one, the formats, what was read. When it goes on the file is in register 0
/// anyway, and the state is the register above the formats.
pub(super) fn read(vm: &mut Vm, default: Default, state: u32) -> Result<Step> {
    let (u, first, mut last) = match state {
        0 => {
            let (u, first) = the_file(vm, default)?;
            (u, first, vm.count())
        }
        last => (file_argument(vm, 0)?, 1, last as usize),
    };
    let done = vm.count().saturating_sub(last);
    match read_formats(vm, u, first + done, last)? {
        Outcome::Read => Ok(Step::Return(vm.count() - last)),
        Outcome::Failed(e) => push_failure(vm, None, &e),
        Outcome::More => {
            if first == 0 {
                vm.insert(0, Value::userdata(u));
                last += 1;
            }
            Ok(Step::Again(last as u32))
        }
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
pub(super) fn io_lines(vm: &mut Vm, _: u32) -> Result<Step> {
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
pub(super) fn file_lines(vm: &mut Vm, _: u32) -> Result<Step> {
    open_argument(vm, 0)?;
    let file = vm.arg(0);
    let f = make_lines(vm, file, 1, false)?;
    vm.return_one(f)
}
pub(super) fn lines_next(vm: &mut Vm, _: u32) -> Result<Step> {
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
        // So few formats are read in one go.
        Outcome::Read | Outcome::More => {
            if !vm.arg(last).is_nil() {
                return Ok(Step::Return(vm.count() - last));
            }
            if to_close {
                let index = u.resource.replace(CLOSED);
                host(vm).files.take(index);
            }
            Ok(Step::Return(0))
        }
        Outcome::Failed(e) => Err(vm.error(reason(&e))),
    }
}
