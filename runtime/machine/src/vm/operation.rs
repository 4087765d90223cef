//! The slow paths of operations: what needs a metamethod, a conversion or an error.
//!
//! Journey: frame -> **value** (manual 2.4). A handler of execute/ that cannot go on by itself calls one of these; the
//! [`Act`] they make is carried out by [`Vm::drive`] (call.rs): the result is stored, or a metamethod is called whose
//! result will be.
//!
//! What always holds is in call.rs; the SAFETY comments refer to it by number. In all of these the top frame is a Lua
//! function's, its `pc` behind the instruction at hand.

use super::Vm;
use super::arith::{ArithError, arith};
use super::call::{Act, MAX_CHAIN};
use super::error::Operand;
use super::long::{self, LONG};
use super::metamethod::{Event, fast, name_address};
use super::native::Raise;
use super::thread::Continue;
use super::work::{COPIED, ELEMENTS, LEAF};
use crate::heap::Header;
use crate::value::{Ref, Table, Value, number, tag};

/// The message of an integer division by zero.
pub const DIVIDE_BY_ZERO: &str = "attempt to divide by zero";
/// The message of an integer modulo by zero.
pub const MODULO_BY_ZERO: &str = "attempt to perform 'n%0'";

/// Whether a metamethod is the string library's for this event.
fn is_of_strings(mm: Value, event: Event) -> bool {
    Vm::native_in(mm).and_then(|n| n.name.strip_prefix("string.")).is_some_and(|name| name == event.name())
}

/// The metamethod of an operation of which one operand is a table that has one, and the other is no string: the usual case
/// of operators that a program defines.
#[inline]
unsafe fn table_metamethod(event: Event, a: Value, b: Value) -> Option<Value> {
    let name = name_address(event);
    for v in [a, b] {
        if v.tag == tag::TABLE {
            // SAFETY: the tag says that it is a live table, whose metatable is live, too; names of events are atoms.
            unsafe {
                let meta = (*(v.bits as *const Table)).metatable.get();
                if !meta.is_null() {
                    let n = (*meta).find_str_node(&*name);
                    if !n.is_null() && !(*n).value().is_nil() {
                        return Some((*n).value());
                    }
                }
            }
        } else if !v.is_number() {
            return None;
        }
    }
    None
}

/// Longest string, in bytes.
pub const MAX_STRING: usize = (1 << 31) - 1;

impl Vm {
    // Each stores its result in register A of the current instruction, or sets up the call that will.

    #[inline]
    unsafe fn store(&mut self, v: Value) -> Act {
        // SAFETY: A of the instruction at hand is a register (the verifier).
        unsafe {
            let f = &*self.frame;
            *f.base.byte_add((*f.pc.sub(1) >> 16) as u16 as usize) = v;
            Act::Run
        }
    }
    /// `object[key]`.
    pub(crate) unsafe fn index(&mut self, mut object: Value, key: Value, mut name: Operand) -> Act {
        // SAFETY: a table is looked at behind its tag, and is live, as what leads to it is in use: a register, or the
        // one before it.
        unsafe {
            self.pay_for_key(key);
            for hops in 0..MAX_CHAIN {
                self.fuel -= (hops > 1) as i64;
                let mm;
                if object.tag == tag::TABLE {
                    let t = object.bits as *mut Table;
                    let v = (*t).get(key);
                    if !v.is_nil() {
                        return self.store(v);
                    }
                    mm = fast((*t).metatable.get(), Event::Index);
                    if mm.is_nil() {
                        return self.store(Value::NIL);
                    }
                } else {
                    mm = self.metamethod(object, Event::Index);
                    if mm.is_nil() {
                        return self.index_error(object, name);
                    }
                }
                if mm.is_function() {
                    return self.call_metamethod(mm, &[object, key], 1, Continue::Store);
                }
                object = mm;
                name = Operand::Unknown;
            }
            let raise = self.runtime_error("'__index' chain too long; possible loop");
            self.raised(raise)
        }
    }
    #[cold]
    unsafe fn index_error(&mut self, object: Value, operand: Operand) -> Act {
        let raise = self.operand_error("index", object, operand);
        self.raised(raise)
    }
    /// `object[key] = value`.
    pub(crate) unsafe fn new_index(&mut self, mut object: Value, key: Value, value: Value, mut name: Operand) -> Act {
        // SAFETY: as in `index`.
        unsafe {
            self.pay_for_key(key);
            for hops in 0..MAX_CHAIN {
                self.fuel -= (hops > 1) as i64;
                let mm;
                if object.tag == tag::TABLE {
                    let t = object.bits as *mut Table;
                    let meta = (*t).metatable.get();
                    mm = if meta.is_null() { Value::NIL } else { fast(meta, Event::NewIndex) };
                    if mm.is_nil() || !(*t).get(key).is_nil() {
                        return self.raw_set(Ref::new(t), key, value);
                    }
                } else {
                    mm = self.metamethod(object, Event::NewIndex);
                    if mm.is_nil() {
                        return self.index_error(object, name);
                    }
                }
                if mm.is_function() {
                    return self.call_metamethod(mm, &[object, key, value], 0, Continue::Discard);
                }
                object = mm;
                name = Operand::Unknown;
            }
            let raise = self.runtime_error("'__newindex' chain too long; possible loop");
            self.raised(raise)
        }
    }
    unsafe fn raw_set(&mut self, t: Ref<Table>, key: Value, value: Value) -> Act {
        match t.set(&mut self.heap, key, value) {
            Ok(()) => {
                if self.heap.wants_collection() {
                    self.interrupt();
                }
                Act::Run
            }
            Err(e) => {
                let raise = self.table_error(e, |vm, text| vm.runtime_error(text));
                self.raised(raise)
            }
        }
    }
    /// An arithmetic or bitwise operation whose fast path failed.
    pub(crate) unsafe fn arith_slow(&mut self, event: Event, a: (Value, Operand), b: (Value, Operand)) -> Act {
        // SAFETY: `store` and `call_metamethod` need the top frame to be at the instruction, which it is.
        unsafe {
            if let Some(mm) = table_metamethod(event, a.0, b.0) {
                return self.call_metamethod(mm, &[a.0, b.0], 1, Continue::Store);
            }
            self.pay_for_numeral(a.0);
            self.pay_for_numeral(b.0);
            let raise = match arith(event, a.0, b.0) {
                Ok(v) => return self.store(v),
                Err(ArithError::DivideByZero) => self.runtime_error(DIVIDE_BY_ZERO),
                Err(ArithError::ModuloByZero) => self.runtime_error(MODULO_BY_ZERO),
                Err(ArithError::Operands) => {
                    let mut mm = self.metamethod(a.0, event);
                    if mm.is_nil() {
                        mm = self.metamethod(b.0, event);
                    }
                    if mm.is_nil() {
                        self.arith_error(event, a, b)
                    } else {
                        // What converts strings is mostly the string library's metamethod. If it has a result, nobody
                        // sees whether it was called, but a hook.
                        if (a.0.is_string() || b.0.is_string())
                            && !self.hooked
                            && is_of_strings(mm, event)
                            && let Ok(v) = self.arith_coerced(event, a.0, b.0)
                        {
                            return self.store(v);
                        }
                        return self.call_metamethod(mm, &[a.0, b.0], 1, Continue::Store);
                    }
                }
            };
            self.raised(raise)
        }
    }
    /// `#v`.
    pub(crate) unsafe fn length_slow(&mut self, v: Value, operand: Operand) -> Act {
        // SAFETY: as in `arith_slow`.
        unsafe {
            if let Some(s) = v.as_string() {
                return self.store(Value::integer(s.bytes().len() as i64));
            }
            let mm = match v.as_table() {
                Some(t) => {
                    let mm = fast(t.metatable.get(), Event::Len);
                    if mm.is_nil() {
                        return self.store(Value::integer(t.length()));
                    }
                    mm
                }
                None => self.metamethod(v, Event::Len),
            };
            if mm.is_nil() {
                let raise = self.operand_error("get length of", v, operand);
                return self.raised(raise);
            }
            self.call_metamethod(mm, &[v, v], 1, Continue::Store)
        }
    }
    /// Decides the jump of the current comparison.
    unsafe fn decide(&mut self, truth: bool) -> Act {
        // SAFETY: the instruction at hand is a test, which a jump follows (the verifier), so that there is an
        // instruction after that.
        unsafe {
            let f = &mut *self.frame;
            let k = (*f.pc.sub(1) >> 8) as u8 != 0;
            if truth != k {
                f.pc = f.pc.add(1);
            }
            Act::Run
        }
    }
    /// `a == b` of the current instruction.
    pub(crate) unsafe fn equal_slow(&mut self, a: Value, b: Value) -> Act {
        // SAFETY: as in `decide`, which a comparison's continuations repeat.
        unsafe {
            if long::is_long(a, b) {
                return self.call_metamethod(long::operator(long::EQUAL), &[a, b], 1, Continue::Condition);
            }
            if a.raw_equals(b) {
                return self.decide(true);
            }
            if a.tag != b.tag || !matches!(a.tag, tag::TABLE | tag::USERDATA) {
                return self.decide(false);
            }
            let mut mm = self.metamethod(a, Event::Eq);
            if mm.is_nil() {
                mm = self.metamethod(b, Event::Eq);
            }
            if mm.is_nil() {
                return self.decide(false);
            }
            self.call_metamethod(mm, &[a, b], 1, Continue::Condition)
        }
    }
    /// `a < b` or `a <= b` of the current instruction.
    pub(crate) unsafe fn compare_slow(&mut self, a: Value, b: Value, or_equal: bool) -> Act {
        // SAFETY: as in `equal_slow`.
        unsafe {
            if long::is_long_order(a, b) {
                let which = if or_equal { long::LESS_EQUAL } else { long::LESS };
                return self.call_metamethod(long::operator(which), &[a, b], 1, Continue::Condition);
            }
            if let Some(answer) = self.compare(a, b, or_equal) {
                return self.decide(answer);
            }
            let event = if or_equal { Event::Le } else { Event::Lt };
            let mut mm = self.metamethod(a, event);
            if mm.is_nil() {
                mm = self.metamethod(b, event);
            }
            if mm.is_nil() && or_equal {
                // As the reference is built by default (LUA_COMPAT_LT_LE): not b < a.
                mm = self.metamethod(b, Event::Lt);
                if mm.is_nil() {
                    mm = self.metamethod(a, Event::Lt);
                }
                if !mm.is_nil() {
                    return self.call_metamethod(mm, &[b, a], 1, Continue::NotCondition);
                }
            }
            if mm.is_nil() {
                let raise = self.compare_error(a, b);
                return self.raised(raise);
            }
            self.call_metamethod(mm, &[a, b], 1, Continue::Condition)
        }
    }
    /// Concatenates `n` values from `a` up if that is short and all of them are strings and numbers; the result goes to `a`.
    #[inline(never)]
    pub(crate) unsafe fn concat_short(&mut self, a: *mut Value, n: usize) -> bool {
        // SAFETY: as in `concat` and `join`.
        unsafe {
            let mut total = 0;
            for i in 0..n {
                let v = *a.add(i);
                total += match v.as_string() {
                    Some(s) => s.len,
                    None if v.is_number() => 0,
                    None => return false,
                };
            }
            if total > LEAF {
                return false;
            }
            *a = self.join(a, n);
            if self.heap.wants_collection() {
                self.interrupt();
            }
            true
        }
    }
    /// Concatenates `total` values from `a` up; the result goes to `a`.
    pub(crate) unsafe fn concat(&mut self, a: *mut Value, mut total: usize) -> Act {
        // SAFETY: the operands are `total` registers from `a` on (the verifier; of a continuation, 4). The stack stays
        // where it is until a metamethod is called, and that ends it.
        unsafe {
            let is_text = |v: Value| v.is_string() || v.is_number();
            while total > 1 {
                let (x, y) = (*a.add(total - 2), *a.add(total - 1));
                if !is_text(x) || !is_text(y) {
                    let mut mm = self.metamethod(x, Event::Concat);
                    if mm.is_nil() {
                        mm = self.metamethod(y, Event::Concat);
                    }
                    if mm.is_nil() {
                        let first = is_text(x);
                        let (bad, slot) = if first { (y, a.add(total - 1)) } else { (x, a.add(total - 2)) };
                        let register = slot.offset_from((*self.frame).base) as u32;
                        let raise = self.operand_error("concatenate", bad, Operand::Register(register));
                        return self.raised(raise);
                    }
                    (*self.frame).state = total as u32 - 1;
                    return self.call_metamethod(mm, &[x, y], 1, Continue::Concat);
                }
                // As many texts as there are from the end.
                let mut n = 2;
                while n < total && is_text(*a.add(total - n - 1)) {
                    n += 1;
                }
                let first = a.add(total - n);
                if self.is_long_text(first, n) {
                    return self.concat_long(first, n, total - n + 1);
                }
                *first = self.join(first, n);
                total -= n - 1;
            }
            let f = &*self.frame;
            debug_assert_eq!(a, f.base.byte_add((*f.pc.sub(1) >> 16) as u16 as usize));
            if self.heap.wants_collection() {
                self.interrupt();
            }
            Act::Run
        }
    }
    /// Whether `n` strings and numbers take long to copy.
    #[inline]
    unsafe fn is_long_text(&self, first: *const Value, n: usize) -> bool {
        // SAFETY: as in `join`.
        unsafe { (0..n).map(|i| (*first.add(i)).as_string().map_or(0, |s| s.len)).sum::<usize>() > LONG }
    }
    /// Has `n` strings and numbers joined, which are the last of `left` operands once they are one.
    #[cold]
    unsafe fn concat_long(&mut self, first: *const Value, n: usize, left: usize) -> Act {
        // SAFETY: as in `join`; the frame on top is that of the instruction.
        unsafe {
            let operands: Vec<Value> = (0..n).map(|i| *first.add(i)).collect();
            let total = operands.iter().map(|v| match v.as_string() {
                Some(s) => s.len,
                None => number::number_text(*v).as_bytes().len(),
            });
            let total = total.sum();
            if total > MAX_STRING {
                let raise = self.runtime_error("string length overflow");
                return self.raised(raise);
            }
            if let Err(raise) = self.check_room(total) {
                return self.raised(raise);
            }
            (*self.frame).state = left as u32;
            self.call_metamethod(long::operator(long::CONCAT), &operands, 1, Continue::Concat)
        }
    }
    /// One string of `n` strings and numbers.
    unsafe fn join(&mut self, first: *const Value, n: usize) -> Value {
        // SAFETY: `n` operands from `first` are registers (the caller). Strings do not move or end while they are
        // joined: nothing collects before the next safepoint.
        unsafe {
            if n == 2
                && let (Some(x), Some(y)) = ((*first).as_string(), (*first.add(1)).as_string())
            {
                if x.len == 0 || y.len == 0 {
                    return *first.add((x.len == 0) as usize);
                }
                self.pay((x.len + y.len) & !(LEAF - 1), COPIED);
                return self.heap.joined_string(&[
                    std::slice::from_raw_parts(x.bytes().as_ptr(), x.len),
                    std::slice::from_raw_parts(y.bytes().as_ptr(), y.len),
                ]);
            }
            if n <= 8 {
                let mut parts: [&[u8]; 8] = [&[]; 8];
                let mut texts = [const { std::mem::MaybeUninit::<number::NumberText>::uninit() }; 8];
                let mut total = 0;
                for (i, (part, text)) in parts.iter_mut().zip(&mut texts).enumerate().take(n) {
                    let v = *first.add(i);
                    *part = match v.as_string() {
                        Some(s) => std::slice::from_raw_parts(s.bytes().as_ptr(), s.len),
                        None => text.write(number::number_text(v)).as_bytes(),
                    };
                    total += part.len();
                }
                if total > LEAF {
                    self.pay(total, COPIED);
                }
                return self.heap.joined_string(&parts[..n]);
            }
            let mut text = Vec::new();
            for i in 0..n {
                let v = *first.add(i);
                match v.as_string() {
                    Some(s) => text.extend_from_slice(s.bytes()),
                    None => text.extend_from_slice(number::number_text(v).as_bytes()),
                }
            }
            self.pay(text.len() + n * COPIED / ELEMENTS, COPIED);
            self.heap.string_with(text.len(), |to| to.copy_from_slice(&text))
        }
    }
    /// Marks a register of the top frame as to be closed (manual 3.3.8).
    pub(crate) unsafe fn mark_to_close(&mut self, slot: *mut Value) -> Result<(), Raise> {
        // SAFETY: `slot` is a register of the top frame; the running coroutine is live (1).
        unsafe {
            let v = *slot;
            if v.is_false() {
                return Ok(());
            }
            if self.metamethod(v, Event::Close).is_nil() {
                let f = &*self.frame;
                let register = slot.offset_from(f.base) as u32;
                let name = f
                    .proto()
                    .and_then(|p| {
                        // A variable that is the last of its block ends with this very instruction.
                        let (p, pc) = (p.canonical(), f.current_pc());
                        p.local_name(register + 1, pc).or_else(|| p.local_name(register + 1, pc + 1))
                    })
                    .unwrap_or(b"?")
                    .to_vec();
                let text = [b"variable '".as_slice(), &name, b"' got a non-closable value"].concat();
                return Err(self.runtime_error(text));
            }
            let index = slot.offset_from((*self.thread).stack) as u32;
            let list = &mut (*self.thread).to_close;
            // Ascending: bytecode that marks out of order has lost the claim of what lies above.
            while list.last().is_some_and(|&last| last >= index) {
                list.pop();
            }
            list.push(index);
            Ok(())
        }
    }
    /// Closes the next pending variable from `level` up; none if there is none left (upvalues are closed then).
    /// `keep` is how many values the current RETURN has.
    pub(crate) unsafe fn close_one(&mut self, level: *mut Value, keep: usize) -> Option<Act> {
        // SAFETY:
        // * `to_close` holds indices of slots of this stack.
        // * the call goes above the frame's registers and the values being returned, where there is room for it before
        //   it is written.
        unsafe {
            let t = self.thread;
            let limit = level.offset_from((*t).stack) as u32;
            match (*t).to_close.last() {
                Some(&index) if index >= limit => {
                    (*t).to_close.pop();
                    let slot = (*t).stack.add(index as usize);
                    (*t).close_upvalues(&mut self.heap, slot);
                    let object = *slot;
                    let mm = self.metamethod(object, Event::Close);
                    (*self.frame).state = keep as u32;
                    // Above the values that are being returned, which may lie past the frame's registers.
                    let free = self.free_slot().max(self.top);
                    self.top = free;
                    if self.ensure_slots(3).is_err() {
                        return Some(self.stack_overflow());
                    }
                    let function = self.top;
                    *function = mm;
                    *function.add(1) = object;
                    *function.add(2) = Value::NIL;
                    self.top = function.add(3);
                    Some(Act::Call { function, results: 0, then: Continue::CloseAgain })
                }
                _ => {
                    (*t).close_upvalues(&mut self.heap, level);
                    None
                }
            }
        }
    }
    /// Sets a table's metatable, and queues the table for its finalizer if it has one.
    pub fn set_metatable(&mut self, t: Ref<Table>, meta: Option<Ref<Table>>) {
        t.metatable.set(meta.map_or(std::ptr::null_mut(), Ref::as_ptr));
        self.heap.write_barrier(&t.header, meta.map_or(Value::NIL, Value::table));
        if let Some(m) = meta
            && !fast(m.as_ptr(), Event::Gc).is_nil()
        {
            self.heap.set_finalizable(t.as_ptr().cast::<Header>());
        }
    }
    /// Sets a userdata's metatable; as [`Vm::set_metatable`].
    pub fn set_userdata_metatable(&mut self, u: Ref<crate::value::Userdata>, meta: Option<Ref<Table>>) {
        u.metatable.set(meta.map_or(std::ptr::null_mut(), Ref::as_ptr));
        self.heap.write_barrier(&u.header, meta.map_or(Value::NIL, Value::table));
        if let Some(m) = meta
            && !fast(m.as_ptr(), Event::Gc).is_nil()
        {
            self.heap.set_finalizable(u.as_ptr().cast::<Header>());
        }
    }
}
