//! Lua values: one 16-byte word pair each, and the objects they point to.
//!
//! Journey: prototype -> closure -> frame -> **value**. A [`Value`] is a whole-word tag and a whole-word payload (not
//! NaN boxing: Lua 5.4 needs all 64 bits of an integer). What an object pointer may be used for is the heap's rule
//! (heap/mod.rs): it is good until the next safepoint, and natives do not reach one while they run.
//!
//! Always: tags are ordered so that one unsigned compare answers the common questions (`tag <= FROZEN`: absent;
//! `tag <= FALSE`: false); the low four bits are the type; bit 6 says "an object of this process's heap", bit 5 "an
//! object outside every heap", bit 4 (with bit 5) "owned by a module, which must live as long as this is held".
//! `FROZEN` is never in a register: only table slots and upvalues may hold it.

pub mod function;
pub mod hash;
pub mod number;
pub mod pid;
pub mod string;
pub mod table;
pub mod userdata;

pub use function::{Closure, NativeClosure, Upvalue};
pub use pid::{Pid, Runtime};
pub use string::Str;
pub use table::Table;
pub use userdata::{Buffer, Userdata};

use crate::vm::native::Native;
use crate::vm::thread::Thread;
use std::ops::Deref;
use std::ptr::NonNull;

/// The tags; see the module's header for their order.
pub mod tag {
    /// nil
    pub const NIL: u64 = 0;
    /// A reference into a spawn snapshot that was not loaded yet.
    pub const FROZEN: u64 = 1;
    /// false
    pub const FALSE: u64 = 2;
    /// true
    pub const TRUE: u64 = 3;
    /// Integer; the payload is the number.
    pub const INT: u64 = 4;
    /// Float; the payload is its bits.
    pub const FLOAT: u64 = 5;
    /// Native function; the payload is a `&'static Native`.
    pub const NATIVE: u64 = 6;
    /// Process identifier; the payload is a [`super::Pid`].
    pub const PID: u64 = 7;
    /// Light userdata: an identity; the payload is a number.
    pub const LIGHT: u64 = 0x0c;
    /// String outside every heap that is never freed.
    pub const ATOM: u64 = 0x28;
    /// String of a module's constants.
    pub const MODULE_STRING: u64 = 0x38;
    /// String of this heap.
    pub const STRING: u64 = 0x48;
    /// Table.
    pub const TABLE: u64 = 0x49;
    /// Lua function.
    pub const CLOSURE: u64 = 0x4a;
    /// Native function with upvalues.
    pub const NATIVE_CLOSURE: u64 = 0x4b;
    /// Full userdata.
    pub const USERDATA: u64 = 0x4c;
    /// Coroutine.
    pub const THREAD: u64 = 0x4d;
    /// Variable of closures; never a Lua value.
    pub const UPVALUE: u64 = 0x4e;
    /// State of a native in progress; never a Lua value.
    pub const BUFFER: u64 = 0x4f;
    /// In a table node: the key was collected; its address remains for `next`.
    pub const DEAD_KEY: u64 = 0x0e;

    /// Bit of objects in this process's heap.
    pub const HEAP_BIT: u64 = 0x40;
    /// Bit of objects outside every heap.
    pub const OUTSIDE_BIT: u64 = 0x20;
    /// Bits of values that keep something alive: a heap object or a module.
    pub const KEEPS_BITS: u64 = 0x50;
    /// Low four bits of every string tag.
    pub const STRING_TYPE: u64 = 8;
}

/// A Lua value.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Value {
    /// One of [`tag`].
    pub tag: u64,
    /// The payload, whose meaning the tag says. An object pointer with a tag that lies is undefined behaviour.
    pub bits: u64,
}

/// A reference to an object of a heap. Good until the next safepoint of the process it belongs to.
pub struct Ref<T>(NonNull<T>);

impl<T> Clone for Ref<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Ref<T> {}
impl<T> PartialEq for Ref<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T> Eq for Ref<T> {}
impl<T> std::hash::Hash for Ref<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state)
    }
}
impl<T> Deref for Ref<T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: a Ref is made from a live object only, and objects are freed at safepoints alone, past which no
        // Ref is kept (heap/mod.rs, rule 1).
        unsafe { self.0.as_ref() }
    }
}
impl<T> Ref<T> {
    /// Wraps a pointer.
    ///
    /// # Safety
    /// `pointer` is a live object of the running process's heap, or one outside every heap that its owner keeps.
    #[inline(always)]
    pub unsafe fn new(pointer: *mut T) -> Self {
        debug_assert!(!pointer.is_null());
        // SAFETY: a live object's address is not null.
        Ref(unsafe { NonNull::new_unchecked(pointer) })
    }
    /// The address.
    #[inline(always)]
    pub fn as_ptr(self) -> *mut T {
        self.0.as_ptr()
    }
}

/// A value taken apart.
#[derive(Clone, Copy)]
pub enum Kind {
    /// nil
    Nil,
    /// true or false
    Boolean(bool),
    /// Integer.
    Integer(i64),
    /// Float.
    Float(f64),
    /// String.
    String(Ref<Str>),
    /// Table.
    Table(Ref<Table>),
    /// Lua function.
    Closure(Ref<Closure>),
    /// Native function.
    Native(&'static Native),
    /// Native function with upvalues.
    NativeClosure(Ref<NativeClosure>),
    /// Full userdata.
    Userdata(Ref<Userdata>),
    /// Coroutine.
    Thread(Ref<Thread>),
    /// Process identifier.
    Pid(Pid),
    /// Light userdata.
    Light(u64),
    /// State of a native; only in the registers of one.
    Buffer(Ref<Buffer>),
}

impl Value {
    /// nil
    pub const NIL: Value = Value { tag: tag::NIL, bits: 0 };
    /// true
    pub const TRUE: Value = Value { tag: tag::TRUE, bits: 0 };
    /// false
    pub const FALSE: Value = Value { tag: tag::FALSE, bits: 0 };

    /// A boolean.
    #[inline(always)]
    pub const fn boolean(b: bool) -> Value {
        Value { tag: tag::FALSE + b as u64, bits: 0 }
    }
    /// An integer.
    #[inline(always)]
    pub const fn integer(n: i64) -> Value {
        Value { tag: tag::INT, bits: n as u64 }
    }
    /// A float.
    #[inline(always)]
    pub const fn float(n: f64) -> Value {
        Value { tag: tag::FLOAT, bits: n.to_bits() }
    }
    /// A native function.
    pub const fn native(native: &'static Native) -> Value {
        // The address is exposed through the tag alone; const evaluation keeps pointers apart from integers, so the
        // conversion goes through a union.
        union Bits {
            pointer: *const Native,
            bits: u64,
        }
        // SAFETY: both fields are 8 plain bytes on every target this project supports.
        Value { tag: tag::NATIVE, bits: unsafe { Bits { pointer: native }.bits } }
    }
    /// A process identifier.
    pub const fn pid(pid: Pid) -> Value {
        Value { tag: tag::PID, bits: pid.bits() }
    }
    /// An object of the kind that the tag says.
    #[inline(always)]
    pub fn object<T>(tag: u64, pointer: *mut T) -> Value {
        Value { tag, bits: pointer as u64 }
    }
    /// A table.
    #[inline(always)]
    pub fn table(t: Ref<Table>) -> Value {
        Value::object(tag::TABLE, t.as_ptr())
    }
    /// A Lua function.
    pub fn closure(c: Ref<Closure>) -> Value {
        Value::object(tag::CLOSURE, c.as_ptr())
    }
    /// A native function with upvalues.
    pub fn native_closure(c: Ref<NativeClosure>) -> Value {
        Value::object(tag::NATIVE_CLOSURE, c.as_ptr())
    }
    /// A userdata.
    pub fn userdata(u: Ref<Userdata>) -> Value {
        Value::object(tag::USERDATA, u.as_ptr())
    }
    /// A light userdata (manual 2.1), which stands for something by a number.
    pub fn light(identity: u64) -> Value {
        Value { tag: tag::LIGHT, bits: identity }
    }
    /// A coroutine.
    pub fn thread(t: Ref<Thread>) -> Value {
        Value::object(tag::THREAD, t.as_ptr())
    }
    /// The state of a native, to be kept in its registers.
    pub fn buffer(b: Ref<Buffer>) -> Value {
        Value::object(tag::BUFFER, b.as_ptr())
    }

    /// Takes the value apart.
    pub fn kind(self) -> Kind {
        // SAFETY: in each arm the tag says what the payload points to, and the object is live (heap/mod.rs, rule 1).
        unsafe {
            match self.tag {
                tag::NIL => Kind::Nil,
                tag::FALSE => Kind::Boolean(false),
                tag::TRUE => Kind::Boolean(true),
                tag::INT => Kind::Integer(self.bits as i64),
                tag::FLOAT => Kind::Float(f64::from_bits(self.bits)),
                tag::NATIVE => Kind::Native(&*(self.bits as *const Native)),
                tag::PID => Kind::Pid(Pid::from_bits(self.bits)),
                tag::LIGHT => Kind::Light(self.bits),
                tag::ATOM | tag::MODULE_STRING | tag::STRING => Kind::String(Ref::new(self.bits as *mut Str)),
                tag::TABLE => Kind::Table(Ref::new(self.bits as *mut Table)),
                tag::CLOSURE => Kind::Closure(Ref::new(self.bits as *mut Closure)),
                tag::NATIVE_CLOSURE => Kind::NativeClosure(Ref::new(self.bits as *mut NativeClosure)),
                tag::USERDATA => Kind::Userdata(Ref::new(self.bits as *mut Userdata)),
                tag::THREAD => Kind::Thread(Ref::new(self.bits as *mut Thread)),
                tag::BUFFER => Kind::Buffer(Ref::new(self.bits as *mut Buffer)),
                _ => unreachable!("tag {:#x} in a register", self.tag),
            }
        }
    }
    /// Whether it is nil.
    #[inline(always)]
    pub fn is_nil(self) -> bool {
        self.tag == tag::NIL
    }
    /// Whether it is nil or false.
    #[inline(always)]
    pub fn is_false(self) -> bool {
        self.tag <= tag::FALSE
    }
    /// Whether it is a string.
    #[inline(always)]
    pub fn is_string(self) -> bool {
        self.tag & 0xf == tag::STRING_TYPE
    }
    /// Whether it is an integer or a float.
    #[inline(always)]
    pub fn is_number(self) -> bool {
        self.tag == tag::INT || self.tag == tag::FLOAT
    }
    /// Whether it is a function of any kind.
    pub fn is_function(self) -> bool {
        matches!(self.tag, tag::NATIVE | tag::CLOSURE | tag::NATIVE_CLOSURE)
    }
    /// The integer, if it is one (no conversion).
    #[inline(always)]
    pub fn as_integer(self) -> Option<i64> {
        (self.tag == tag::INT).then_some(self.bits as i64)
    }
    /// The string, if it is one (no conversion).
    #[inline(always)]
    pub fn as_string(self) -> Option<Ref<Str>> {
        // SAFETY: a string tag's payload is a live string.
        self.is_string().then(|| unsafe { Ref::new(self.bits as *mut Str) })
    }
    /// The table, if it is one.
    #[inline(always)]
    pub fn as_table(self) -> Option<Ref<Table>> {
        // SAFETY: the tag says so.
        (self.tag == tag::TABLE).then(|| unsafe { Ref::new(self.bits as *mut Table) })
    }
    /// The coroutine, if it is one.
    pub fn as_thread(self) -> Option<Ref<Thread>> {
        // SAFETY: the tag says so.
        (self.tag == tag::THREAD).then(|| unsafe { Ref::new(self.bits as *mut Thread) })
    }
    /// The userdata, if it is one.
    pub fn as_userdata(self) -> Option<Ref<Userdata>> {
        // SAFETY: the tag says so.
        (self.tag == tag::USERDATA).then(|| unsafe { Ref::new(self.bits as *mut Userdata) })
    }
    /// The pid, if it is one.
    pub fn as_pid(self) -> Option<Pid> {
        (self.tag == tag::PID).then_some(Pid::from_bits(self.bits))
    }
    /// The Lua function, if it is one.
    pub fn as_closure(self) -> Option<Ref<Closure>> {
        // SAFETY: the tag says so.
        (self.tag == tag::CLOSURE).then(|| unsafe { Ref::new(self.bits as *mut Closure) })
    }
    /// The native's state, if it is one.
    pub fn as_buffer(self) -> Option<Ref<Buffer>> {
        // SAFETY: the tag says so.
        (self.tag == tag::BUFFER).then(|| unsafe { Ref::new(self.bits as *mut Buffer) })
    }
    /// The number as a float, if it is a number (no conversion from strings).
    #[inline(always)]
    pub fn number_as_float(self) -> Option<f64> {
        match self.tag {
            tag::INT => Some(self.bits as i64 as f64),
            tag::FLOAT => Some(f64::from_bits(self.bits)),
            _ => None,
        }
    }
    /// An integer, or a float with an exact integer value, as an integer (manual 3.4.3).
    pub fn number_as_integer(self) -> Option<i64> {
        match self.tag {
            tag::INT => Some(self.bits as i64),
            tag::FLOAT => number::float_to_integer(f64::from_bits(self.bits)),
            _ => None,
        }
    }
    /// Name of the basic type, as `type` gives it.
    pub fn type_name(self) -> &'static str {
        match self.tag & 0xf {
            0 | 1 => "nil",
            2 | 3 => "boolean",
            4 | 5 => "number",
            6 | 10 | 11 => "function",
            7 | 12 => "userdata",
            8 => "string",
            9 => "table",
            13 => "thread",
            // An internal object. Only altered code, which reads registers that it never set, comes across one.
            _ => "userdata",
        }
    }
    /// Primitive equality (manual 3.4.4): no metamethods.
    #[inline]
    pub fn raw_equals(self, other: Value) -> bool {
        if self.tag == other.tag {
            if self.tag == tag::FLOAT {
                return f64::from_bits(self.bits) == f64::from_bits(other.bits);
            }
            // The payload of nil and booleans means nothing.
            if self.bits == other.bits || self.tag < tag::INT {
                return true;
            }
            return self.is_string() && self.string_equals(other);
        }
        if self.is_string() && other.is_string() {
            return self.bits == other.bits || self.string_equals(other);
        }
        match (self.kind_number(), other.kind_number()) {
            (Some(Ok(a)), Some(Err(b))) | (Some(Err(b)), Some(Ok(a))) => number::float_to_integer(b) == Some(a),
            _ => false,
        }
    }
    /// `Ok` an integer, `Err` a float.
    fn kind_number(self) -> Option<Result<i64, f64>> {
        match self.tag {
            tag::INT => Some(Ok(self.bits as i64)),
            tag::FLOAT => Some(Err(f64::from_bits(self.bits))),
            _ => None,
        }
    }
    #[inline(never)]
    fn string_equals(self, other: Value) -> bool {
        match (self.as_string(), other.as_string()) {
            (Some(a), Some(b)) => a.equals(&b),
            _ => false,
        }
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind() {
            Kind::Nil => f.write_str("nil"),
            Kind::Boolean(b) => write!(f, "{b}"),
            Kind::Integer(n) => write!(f, "{n}"),
            Kind::Float(n) => write!(f, "{n:?}"),
            Kind::String(s) => write!(f, "{:?}", String::from_utf8_lossy(s.bytes())),
            _ => f.write_str(self.type_name()),
        }
    }
}
