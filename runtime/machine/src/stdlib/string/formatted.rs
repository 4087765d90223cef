//! `string.format`: the native around the directives of `format` (manual 6.4).
//!
//! Journey: value. Between two pieces of the format, and within a `%q`, others get their turn: what is done then goes on
//! top of the registers, as it does when a `__tostring` is called. In the usual case nothing is put there.

use super::super::NativeState;
use super::super::access::Access;
use super::super::base::{check_text, to_text};
use super::super::text::{go_on, return_text};
use super::basic_text;
use super::format::{self, Conversion, Directive, Piece, Pieces};
use crate::value::{Kind, Value};
use crate::vm::Vm;
use crate::vm::native::{Result, Step};
use crate::vm::operation::MAX_STRING;
use crate::vm::work::COPIED;

/// What a piece costs in reductions, besides its bytes.
const PIECE: usize = 1;
/// Bytes of a `%q` that are a reduction.
const QUOTED: usize = 8;
/// Registers of what is kept: the output, the offset of the next piece, the last argument used, and how much of a `%q` is
/// done.
const KEPT: usize = 4;

/// What is done of a format.
struct Progress {
    out: Vec<u8>,
    /// Where the piece at hand begins.
    offset: usize,
    /// The last argument used; the format is number 0.
    argument: usize,
    /// Bytes of the argument that a `%q` has done.
    quoted: usize,
}
impl Progress {
    fn keep(self, vm: &mut Vm) {
        let b = vm.heap.buffer(NativeState::Bytes(self.out));
        vm.push(Value::buffer(b));
        for n in [self.offset, self.argument, self.quoted] {
            vm.push(Value::integer(n as i64));
        }
    }
    /// Takes what `keep` has pushed off the registers.
    fn take(vm: &mut Vm) -> Result<Progress> {
        let Some(first) = vm.count().checked_sub(KEPT) else { return Err(vm.damaged()) };
        let number = |i: usize| vm.arg(first + i).as_integer().and_then(|n| usize::try_from(n).ok());
        let numbers = (number(1), number(2), number(3));
        let (Some(b), (Some(offset), Some(argument), Some(quoted))) = (vm.arg(first).as_buffer(), numbers) else {
            return Err(vm.damaged());
        };
        let out = match &mut *NativeState::of(&b) {
            NativeState::Bytes(out) => std::mem::take(out),
            _ => Vec::new(),
        };
        vm.truncate(first);
        Ok(Progress { out, offset, argument, quoted })
    }
}

/// State: all is done, but that the output is no string yet.
const TEXT: u32 = 3;
/// Registers: format, arguments, what is kept. States: 0 begin, 1 go on, 2 the text of an argument is on top.
pub(super) fn format_(vm: &mut Vm, state: u32) -> Result<Step> {
    if state == TEXT {
        return go_on(vm, TEXT);
    }
    let mut text = None;
    let mut p = match state {
        0 => Progress { out: Vec::new(), offset: 0, argument: 0, quoted: 0 },
        1 => Progress::take(vm)?,
        _ => {
            let n = vm.count().saturating_sub(1);
            let v = vm.arg(n);
            text = Some(check_text(vm, v)?);
            vm.truncate(n);
            Progress::take(vm)?
        }
    };
    let f = vm.check_string(0)?;
    let allowed = vm.allowance(1);
    let mut spent = 0;
    loop {
        let mut pieces = Pieces::resume(f.bytes(), p.offset);
        let Some(piece) = pieces.next() else { break };
        if spent >= allowed {
            vm.charge(spent);
            p.keep(vm);
            return Ok(Step::Again(1));
        }
        let before = p.out.len();
        let mut rate = COPIED;
        match piece {
            Piece::Literal(bytes) => p.out.extend_from_slice(bytes),
            Piece::Directive(directive) => {
                let goes_on = p.quoted > 0 || text.is_some();
                p.argument += !goes_on as usize;
                if p.argument >= vm.count() {
                    return Err(vm.arg_error(p.argument, "no value"));
                }
                match put(vm, &directive, text.take(), (allowed - spent) * QUOTED, &mut p)? {
                    Put::Done => {}
                    Put::Some => {
                        vm.charge(spent + (p.out.len() - before) / QUOTED);
                        check_size(vm, &p.out)?;
                        p.keep(vm);
                        return Ok(Step::Again(1));
                    }
                    Put::Call(mm, object) => {
                        vm.charge(spent);
                        p.keep(vm);
                        let function = vm.count();
                        vm.push(mm);
                        vm.push(object);
                        return Ok(Step::Call { function, results: 1, next: 2, catch: false });
                    }
                }
                if directive.text() == b"%q" {
                    rate = QUOTED;
                }
            }
        }
        p.offset = pieces.offset();
        spent += PIECE + (p.out.len() - before) / rate;
        check_size(vm, &p.out)?;
    }
    vm.charge(spent);
    return_text(vm, p.out, None, TEXT)
}
fn check_size(vm: &mut Vm, out: &[u8]) -> Result<()> {
    if out.len() > MAX_STRING {
        return Err(vm.error("resulting string too large"));
    }
    // The output is one string more in the end.
    vm.check_room(2 * out.len())
}

/// What has become of a directive.
enum Put {
    Done,
    /// A part of it is in the output.
    Some,
    /// A `__tostring` and its argument: its text is needed.
    Call(Value, Value),
}
/// Puts an argument into the output; of a `%q` at most so many bytes.
fn put(vm: &mut Vm, directive: &Directive, text: Option<Value>, most: usize, p: &mut Progress) -> Result<Put> {
    let (argument, out) = (p.argument, &mut p.out);
    macro_rules! spec {
        () => {
            match directive.spec() {
                Ok(s) => s,
                Err(e) => return Err(vm.error(e.message())),
            }
        };
    }
    let conversion = match directive.conversion() {
        Ok(c) => c,
        Err(e) => return Err(vm.error(e.message())),
    };
    match conversion {
        Conversion::Char => {
            let s = spec!();
            let n = vm.check_integer(argument)?;
            format::format_char(&s, n, out);
        }
        Conversion::Integer => {
            let n = vm.check_integer(argument)?;
            format::format_integer(&spec!(), n, out);
        }
        Conversion::Float => {
            if directive.is_checked_first() {
                spec!();
            }
            let n = vm.check_float(argument)?;
            format::format_float(&spec!(), n, out);
        }
        Conversion::Pointer => {
            let v = vm.arg(argument);
            let s = spec!();
            let address = match v.kind() {
                Kind::Nil | Kind::Boolean(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Pid(_) => None,
                _ => Some(vm.heap.address_of(v)),
            };
            format::format_pointer(&s, address, out);
        }
        Conversion::Quoted => {
            let v = vm.arg(argument);
            if directive.text() != b"%q" {
                return Err(vm.error("specifier '%q' cannot have modifiers"));
            }
            match v.kind() {
                Kind::String(s) => match format::quote_string(s.bytes(), p.quoted, most, out) {
                    Some(done) => {
                        p.quoted = done;
                        return Ok(Put::Some);
                    }
                    None => p.quoted = 0,
                },
                Kind::Integer(n) => format::quote_integer(n, out),
                Kind::Float(n) => format::quote_float(n, out),
                Kind::Nil | Kind::Boolean(_) => {
                    let text = basic_text(vm, v);
                    out.extend_from_slice(&text);
                }
                _ => return Err(vm.arg_error(argument, "value has no literal form")),
            }
        }
        Conversion::String => {
            let s = match text {
                Some(s) => s,
                None => {
                    let (v, registers) = (vm.arg(argument), vm.count());
                    match to_text(vm, v) {
                        Access::Done(s) => s,
                        Access::Call(_) => {
                            let call = Put::Call(vm.arg(registers), vm.arg(registers + 1));
                            vm.truncate(registers);
                            return Ok(call);
                        }
                    }
                }
            };
            let s = s.as_string().expect("a text is a string");
            if directive.is_bare() {
                out.extend_from_slice(s.bytes());
            } else {
                if memchr::memchr(0, s.bytes()).is_some() {
                    return Err(vm.arg_error(argument, "string contains zeros"));
                }
                vm.pay(s.bytes().len(), 4 * COPIED);
                format::format_string(&spec!(), s.bytes(), out);
            }
        }
    }
    Ok(Put::Done)
}
