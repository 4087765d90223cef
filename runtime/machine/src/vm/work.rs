//! What work costs: reductions for bytes and elements.
//!
//! Journey: frame -> value. A slice is some thousands of reductions, each about the time of a call. What a native does
//! in bulk is charged at the rates below, so that a slice of it takes about as long as one of calls. A native does
//! what its [`Vm::allowance`] lets it, pays, and goes on after a [`Step::Again`] if there is more.
//!
//! [`Step::Again`]: super::native::Step::Again

use super::Vm;
use super::native::{Raise, Result};
use super::operation::MAX_STRING;
use crate::value::Value;

/// Bytes copied, filled, or compared as a whole.
pub const COPIED: usize = 256;
/// Bytes looked at or made one by one.
pub const SCANNED: usize = 16;
/// Elements of tables and values on the stack.
pub const ELEMENTS: usize = 8;

/// Bytes, and elements, that a leaf takes upon itself; past them it goes on as a state machine.
pub const LEAF: usize = 4096;
/// Reductions' worth of work in one go, whatever the slice.
const MOST: i64 = 4000;

impl Vm {
    /// Units of work that may be done now, `rate` of them a reduction; one reduction's worth at least.
    #[inline]
    pub fn allowance(&self, rate: usize) -> usize {
        self.fuel.clamp(1, MOST) as usize * rate
    }
    /// Charges for units of work; true if others should get their turn.
    #[inline]
    pub fn pay(&mut self, units: usize, rate: usize) -> bool {
        self.charge(units / rate)
    }
    /// Charges for a lookup by a key that may be a long string, whose bytes are hashed once, and compared with those of an
    /// equal one.
    #[inline]
    pub fn pay_for_key(&mut self, key: Value) {
        if let Some(s) = key.as_string()
            && s.len > LEAF
        {
            self.fuel -= (s.len / COPIED) as i64;
        }
    }
    /// Charges for a string that counts as a number.
    #[inline]
    pub fn pay_for_numeral(&mut self, v: Value) {
        self.pay_for_key(v);
    }
    /// Charges for values that are moved on the stack.
    #[inline]
    pub fn pay_for_values(&mut self, n: usize) {
        if n > 4 * ELEMENTS {
            self.fuel -= (n / ELEMENTS) as i64;
        }
    }
}

/// A long string that a native makes piece by piece, in two of its registers: the string, and how much of it is written.
pub struct Unfinished {
    register: usize,
    string: Value,
    at: usize,
    len: usize,
}

impl Vm {
    /// Begins a string of this length; registers past it are dropped.
    pub fn begin_string(&mut self, register: usize, len: usize) -> Result<Unfinished> {
        if len > MAX_STRING {
            return Err(self.error("resulting string too large"));
        }
        self.check_room(len)?;
        self.truncate(register);
        let string = self.heap.unfinished_string(len);
        self.set_arg(register, string);
        self.push(Value::integer(0));
        Ok(Unfinished { register, string, at: 0, len })
    }
    /// Goes on with it.
    pub fn unfinished(&mut self, register: usize) -> Result<Unfinished> {
        let (string, at) = (self.arg(register), self.arg(register + 1));
        let len = string.as_string().map(|s| s.bytes().len());
        match (len, at.as_integer().and_then(|n| usize::try_from(n).ok())) {
            (Some(len), Some(at)) if at <= len => Ok(Unfinished { register, string, at, len }),
            _ => Err(self.damaged()),
        }
    }
    /// The error of a native whose registers hold what no run of it left there: a damaged frozen process.
    #[cold]
    pub fn damaged(&mut self) -> Raise {
        self.error_plain("the state of a native function is damaged")
    }
}

impl Unfinished {
    /// How much is written.
    pub fn at(&self) -> usize {
        self.at
    }
    /// How much is not.
    pub fn left(&self) -> usize {
        self.len - self.at
    }
    /// Appends bytes.
    pub fn write(&mut self, vm: &mut Vm, bytes: &[u8]) -> Result<()> {
        if !vm.heap.write_string(self.string, self.at, bytes) {
            return Err(vm.damaged());
        }
        self.at += bytes.len();
        Ok(())
    }
    /// Keeps it in its registers until the native is entered again.
    pub fn keep(&self, vm: &mut Vm) {
        vm.set_arg(self.register + 1, Value::integer(self.at as i64));
    }
    /// The string, of which all is written.
    pub fn finish(self) -> Value {
        debug_assert_eq!(self.at, self.len);
        self.string
    }
}
