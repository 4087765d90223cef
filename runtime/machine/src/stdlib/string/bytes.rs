//! `byte`, `char`, `len`, `lower`, `rep`, `reverse`, `sub`, `upper`: strings as bytes (manual 6.4).
//!
//! Journey: value. Each is a leaf for short strings. For long ones it is a state machine that makes the result in place,
//! piece by piece ([`Unfinished`](crate::vm::work::Unfinished)).

use super::{end_position, start_position};
use crate::value::{Ref, Str, Value};
use crate::vm::Vm;
use crate::vm::native::{Raise, Result, Step};
use crate::vm::operation::MAX_STRING;
use crate::vm::work::{COPIED, ELEMENTS, LEAF};

/// Bytes that are changed on their way.
const MAPPED: usize = 64;
/// Bytes of a piece.
const PIECE: usize = 4096;
/// The longest string that `sub` copies at once.
const COPY: usize = 16 * LEAF;

fn too_large(vm: &mut Vm) -> Raise {
    vm.error("resulting string too large")
}

pub(super) fn len(vm: &mut Vm) -> Result<Value> {
    Ok(Value::integer(vm.check_string(0)?.bytes().len() as i64))
}

/// The string, and the bytes that are wanted of it.
fn sub_range(vm: &mut Vm) -> Result<(Ref<Str>, usize, usize)> {
    let s = vm.check_string(0)?;
    let n = s.bytes().len();
    let i = start_position(vm.check_integer(1)?, n);
    let j = end_position(vm.opt_integer(2, -1)?, n);
    Ok((s, i - 1, j))
}
pub(super) fn sub(vm: &mut Vm) -> Result<Option<Value>> {
    let (s, from, to) = sub_range(vm)?;
    if from >= to {
        return Ok(Some(vm.heap.string(b"")));
    }
    let part = &s.bytes()[from..to];
    if part.len() == s.bytes().len() {
        return Ok(Some(vm.arg(0)));
    }
    if part.len() > LEAF {
        if part.len() > COPY {
            return Ok(None);
        }
        vm.pay(part.len(), COPIED);
    }
    Ok(Some(vm.heap.string(part)))
}
/// Registers: the string, where the part begins, not used, the result.
pub(super) fn sub_steps(vm: &mut Vm, state: u32) -> Result<Step> {
    let mut out = match state {
        0 => {
            if let Some(part) = sub(vm)? {
                return vm.return_one(part);
            }
            let (_, from, to) = sub_range(vm)?;
            vm.set_arg(1, Value::integer(from as i64));
            vm.begin_string(3, to - from)?
        }
        _ => vm.unfinished(3)?,
    };
    let s = vm.check_string(0)?;
    let from = usize::try_from(vm.check_integer(1)?).unwrap_or(usize::MAX);
    let todo = out.left().min(vm.allowance(COPIED));
    let part = from.checked_add(out.at()).and_then(|at| s.bytes().get(at..)?.get(..todo));
    let Some(part) = part else { return Err(vm.damaged()) };
    out.write(vm, part)?;
    vm.pay(todo, COPIED);
    if out.left() == 0 {
        return vm.return_one(out.finish());
    }
    out.keep(vm);
    Ok(Step::Again(1))
}

/// What becomes of a string's bytes.
#[derive(Clone, Copy)]
pub(super) enum Mapping {
    /// `string.upper`
    Upper,
    /// `string.lower`
    Lower,
    /// `string.reverse`
    Reverse,
}
impl Mapping {
    /// The bytes of the result from `at` on, as many as fit in `to`.
    fn fill(self, s: &[u8], at: usize, to: &mut [u8]) {
        match self {
            Mapping::Reverse => {
                let end = s.len() - at;
                to.copy_from_slice(&s[end - to.len()..end]);
                to.reverse();
            }
            _ => {
                to.copy_from_slice(&s[at..at + to.len()]);
                if matches!(self, Mapping::Upper) { to.make_ascii_uppercase() } else { to.make_ascii_lowercase() }
            }
        }
    }
}
pub(super) fn map(vm: &mut Vm, mapping: Mapping) -> Result<Option<Value>> {
    let s = vm.check_string(0)?;
    let n = s.bytes().len();
    if n > LEAF {
        return Ok(None);
    }
    Ok(Some(vm.heap.string_with(n, |to| mapping.fill(s.bytes(), 0, to))))
}
/// Registers: the string, the result.
pub(super) fn map_steps(vm: &mut Vm, state: u32, mapping: Mapping) -> Result<Step> {
    let s = vm.check_string(0)?;
    let s = s.bytes();
    if let Some(v) = map(vm, mapping)? {
        return vm.return_one(v);
    }
    let mut out = if state == 0 { vm.begin_string(1, s.len())? } else { vm.unfinished(1)? };
    if out.at() + out.left() != s.len() {
        return Err(vm.damaged());
    }
    let todo = out.left().min(vm.allowance(MAPPED));
    let mut buffer = [0; PIECE];
    let mut left = todo;
    while left > 0 {
        let piece = &mut buffer[..left.min(PIECE)];
        mapping.fill(s, out.at(), piece);
        out.write(vm, piece)?;
        left -= piece.len();
    }
    vm.pay(todo, MAPPED);
    if out.left() == 0 {
        return vm.return_one(out.finish());
    }
    out.keep(vm);
    Ok(Step::Again(1))
}

/// The unit that is repeated, with its separator, and the length of the result.
struct Repeated {
    s: Ref<Str>,
    separator: Option<Ref<Str>>,
    total: usize,
}
impl Repeated {
    fn of(vm: &mut Vm) -> Result<Repeated> {
        let s = vm.check_string(0)?;
        let n = vm.check_integer(1)?;
        let separator = vm.opt_string(2)?;
        if n <= 0 {
            return Ok(Repeated { s, separator, total: 0 });
        }
        let (l, d) = (s.bytes().len(), separator.map_or(0, |d| d.bytes().len()));
        let total = (l as u128 + d as u128) * n as u128 - d as u128;
        if total >= MAX_STRING as u128 {
            return Err(too_large(vm));
        }
        Ok(Repeated { s, separator, total: total as usize })
    }
    fn period(&self) -> usize {
        self.s.bytes().len() + self.separator.map_or(0, |d| d.bytes().len())
    }
    /// The longest piece of the result at `at` that lies in a row.
    fn piece_at(&self, at: usize) -> &[u8] {
        let at = at % self.period().max(1);
        match (self.s.bytes().get(at..), &self.separator) {
            (Some(rest), _) if !rest.is_empty() => rest,
            (_, Some(d)) => d.bytes().get(at - self.s.bytes().len()..).unwrap_or_default(),
            _ => &[],
        }
    }
}
pub(super) fn rep(vm: &mut Vm) -> Result<Option<Value>> {
    let repeated = Repeated::of(vm)?;
    let total = repeated.total;
    if total > LEAF {
        return Ok(None);
    }
    Ok(Some(match repeated.s.bytes() {
        _ if total == 0 => vm.heap.string(b""),
        [b] if total > 1 && repeated.period() == 1 => vm.heap.string_with(total, |to| to.fill(*b)),
        _ if total == 1 => vm.heap.string(&repeated.piece_at(0)[..1]),
        _ => vm.heap.string_with(total, |mut to| {
            let mut at = 0;
            while !to.is_empty() {
                let piece = repeated.piece_at(at);
                let piece = &piece[..piece.len().min(to.len())];
                let (head, rest) = to.split_at_mut(piece.len());
                head.copy_from_slice(piece);
                (at, to) = (at + piece.len(), rest);
            }
        }),
    }))
}
/// Registers: the string, how often, the separator, the result.
pub(super) fn rep_steps(vm: &mut Vm, state: u32) -> Result<Step> {
    let repeated = Repeated::of(vm)?;
    if let Some(v) = rep(vm)? {
        return vm.return_one(v);
    }
    let mut out = if state == 0 { vm.begin_string(3, repeated.total)? } else { vm.unfinished(3)? };
    let period = repeated.period();
    if period == 0 {
        return Err(vm.damaged());
    }
    // Short units are repeated in a block first, which is long enough wherever in a unit it is begun.
    let mut block = Vec::new();
    if period <= PIECE {
        block.reserve(PIECE + 2 * period);
        while block.len() < PIECE + period {
            block.extend_from_slice(repeated.piece_at(block.len()));
        }
    }
    let todo = out.left().min(vm.allowance(COPIED));
    let mut left = todo;
    while left > 0 {
        let piece = if block.is_empty() { repeated.piece_at(out.at()) } else { &block[out.at() % period..] };
        let piece = &piece[..piece.len().min(left)];
        out.write(vm, piece)?;
        left -= piece.len();
    }
    vm.pay(todo, COPIED);
    if out.left() == 0 {
        return vm.return_one(out.finish());
    }
    out.keep(vm);
    Ok(Step::Again(1))
}

/// Registers: the string; then the first and last position, and from register 3 on the results.
pub(super) fn byte(vm: &mut Vm, state: u32) -> Result<Step> {
    let s = vm.check_string(0)?;
    let n = s.bytes().len();
    let (i, j);
    if state == 0 {
        let first = vm.opt_integer(1, 1)?;
        i = start_position(first, n);
        j = end_position(vm.opt_integer(2, first)?, n);
        if i > j {
            return Ok(Step::Return(0));
        }
        let count = j - i + 1;
        if !vm.reserve(count) {
            return Err(vm.error("string slice too long"));
        }
        if count <= LEAF {
            for &b in &s.bytes()[i - 1..j] {
                vm.push(Value::integer(b as i64));
            }
            vm.pay_for_values(count);
            return Ok(Step::Return(count));
        }
        vm.truncate(1);
        vm.set_arg(1, Value::integer(i as i64));
        vm.set_arg(2, Value::integer(j as i64));
    } else {
        i = vm.arg(1).as_integer().map_or(0, |i| i as usize);
        j = vm.arg(2).as_integer().map_or(0, |j| j as usize);
    }
    let have = vm.count().saturating_sub(3);
    let bytes = i.checked_sub(1).and_then(|i| s.bytes().get(i..j)?.get(have..));
    let Some(bytes) = bytes else { return Err(vm.damaged()) };
    if !vm.reserve(bytes.len()) {
        return Err(vm.error("string slice too long"));
    }
    let todo = bytes.len().min(vm.allowance(ELEMENTS));
    for &b in &bytes[..todo] {
        vm.push(Value::integer(b as i64));
    }
    vm.pay(todo, ELEMENTS);
    if todo == bytes.len() { Ok(Step::Return(have + todo)) } else { Ok(Step::Again(1)) }
}

/// The byte that an argument is.
#[inline]
fn byte_argument(vm: &mut Vm, i: usize) -> Result<u8> {
    match u8::try_from(vm.check_integer(i)?) {
        Ok(b) => Ok(b),
        Err(_) => Err(vm.arg_error(i, "value out of range")),
    }
}
pub(super) fn char_(vm: &mut Vm) -> Result<Option<Value>> {
    let n = vm.count();
    if n > LEAF / ELEMENTS {
        return Ok(None);
    }
    let mut text = [0; LEAF / ELEMENTS];
    for (i, b) in text[..n].iter_mut().enumerate() {
        *b = byte_argument(vm, i)?;
    }
    Ok(Some(vm.heap.string(&text[..n])))
}
/// Registers: the arguments, the result.
pub(super) fn char_steps(vm: &mut Vm, state: u32) -> Result<Step> {
    let (n, mut out);
    if state == 0 {
        n = vm.count();
        if let Some(s) = char_(vm)? {
            return vm.return_one(s);
        }
        out = vm.begin_string(n, n)?;
    } else {
        n = vm.count().saturating_sub(2);
        out = vm.unfinished(n)?;
    }
    let todo = out.left().min(vm.allowance(ELEMENTS));
    let mut buffer = [0; PIECE];
    let mut left = todo;
    while left > 0 {
        let piece = &mut buffer[..left.min(PIECE)];
        for (i, b) in piece.iter_mut().enumerate() {
            *b = byte_argument(vm, out.at() + i)?;
        }
        out.write(vm, piece)?;
        left -= piece.len();
    }
    vm.pay(todo, ELEMENTS);
    if out.left() == 0 {
        return vm.return_one(out.finish());
    }
    out.keep(vm);
    Ok(Step::Again(1))
}
