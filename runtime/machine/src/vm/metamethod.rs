//! Metamethod events: their names, and finding a value's metamethod.
//!
//! Journey: frame -> value. A table used as a metatable remembers in its header's `flags` which of the first events it
//! lacks, so that the common "no metamethod" costs one test. Calling what is found is call.rs.

use super::Vm;
use crate::value::string::make_atom;
use crate::value::{Kind, Ref, Str, Table, Value, tag};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

/// An event (manual 2.4). Those before `Add` have an absence bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Event {
    Index,
    NewIndex,
    Gc,
    Mode,
    Len,
    Eq,
    Call,
    Close,
    Add,
    Sub,
    Mul,
    Mod,
    Pow,
    Div,
    IDiv,
    BAnd,
    BOr,
    BXor,
    Shl,
    Shr,
    Unm,
    BNot,
    Lt,
    Le,
    Concat,
    ToString,
    Name,
    Pairs,
    Metatable,
}

const NAMES: [&str; 29] = [
    "__index",
    "__newindex",
    "__gc",
    "__mode",
    "__len",
    "__eq",
    "__call",
    "__close",
    "__add",
    "__sub",
    "__mul",
    "__mod",
    "__pow",
    "__div",
    "__idiv",
    "__band",
    "__bor",
    "__bxor",
    "__shl",
    "__shr",
    "__unm",
    "__bnot",
    "__lt",
    "__le",
    "__concat",
    "__tostring",
    "__name",
    "__pairs",
    "__metatable",
];

impl Event {
    /// Whether it is a bitwise operation, which does not convert strings.
    pub fn is_bitwise(self) -> bool {
        use Event::*;
        matches!(self, BAnd | BOr | BXor | Shl | Shr | BNot)
    }
    /// The metatable's field.
    pub fn name(self) -> &'static str {
        NAMES[self as usize]
    }
}

/// The atom of an event's name.
#[inline]
pub fn name_value(event: Event) -> Value {
    struct Names([Value; 29]);
    // SAFETY: atoms are immutable and never freed.
    unsafe impl Send for Names {}
    // SAFETY: as above.
    unsafe impl Sync for Names {}
    static VALUES: OnceLock<Names> = OnceLock::new();
    let names = VALUES.get_or_init(|| {
        let names = Names(std::array::from_fn(|i| {
            Value::object(tag::ATOM, make_atom(NAMES[i].as_bytes()).expect("the atom table has room for the events"))
        }));
        for (address, name) in ADDRESSES.iter().zip(&names.0) {
            address.store(name.bits as *mut Str, Ordering::Relaxed);
        }
        names
    });
    names.0[event as usize]
}
/// Where the names are, once [`name_value`] has made them.
static ADDRESSES: [AtomicPtr<Str>; 29] = [const { AtomicPtr::new(std::ptr::null_mut()) }; 29];
/// The address of the atom of an event's name. Every machine has had the names made.
#[inline(always)]
pub(crate) fn name_address(event: Event) -> *const Str {
    ADDRESSES[event as usize].load(Ordering::Relaxed)
}

/// A metatable's field for an event that has an absence bit; remembers its absence.
#[inline(always)]
pub(crate) fn fast(meta: *mut Table, event: Event) -> Value {
    debug_assert!((event as u8) < 8);
    // SAFETY: `meta` is null or a live table.
    unsafe {
        if meta.is_null() || (*meta).header.flags.get() & (1 << event as u8) != 0 {
            return Value::NIL;
        }
        fast_miss(meta, event)
    }
}
#[inline(never)]
unsafe fn fast_miss(meta: *mut Table, event: Event) -> Value {
    // SAFETY: the caller has seen that `meta` is not null; a metatable is live as long as what has it.
    unsafe {
        let n = (*meta).find_str_node(&*name_address(event));
        let v = if n.is_null() { Value::NIL } else { (*n).value() };
        if v.is_nil() {
            let f = &(*meta).header.flags;
            f.set(f.get() | 1 << event as u8);
        }
        v
    }
}

impl Vm {
    /// The metatable of any value.
    pub fn metatable_of(&self, v: Value) -> Option<Ref<Table>> {
        let pointer = match v.kind() {
            Kind::Table(t) => t.metatable.get(),
            Kind::Userdata(u) => u.metatable.get(),
            Kind::String(_) => self.string_metatable(),
            Kind::Nil => self.type_metatables()[0],
            Kind::Boolean(_) => self.type_metatables()[1],
            Kind::Integer(_) | Kind::Float(_) => self.type_metatables()[2],
            Kind::Closure(_) | Kind::Native(_) | Kind::NativeClosure(_) => self.type_metatables()[3],
            Kind::Thread(_) => self.type_metatables()[4],
            Kind::Pid(_) => self.type_metatables()[5],
            Kind::Light(_) => std::ptr::null_mut(),
            Kind::Buffer(_) => std::ptr::null_mut(),
        };
        // SAFETY: metatables are live as long as what holds them; the per-type ones are roots.
        (!pointer.is_null()).then(|| unsafe { Ref::new(pointer) })
    }
    /// The metamethod of a value for an event, nil if there is none.
    pub fn metamethod(&self, v: Value, event: Event) -> Value {
        match self.metatable_of(v) {
            None => Value::NIL,
            Some(m) if (event as u8) < 8 => fast(m.as_ptr(), event),
            Some(m) => m.get(name_value(event)),
        }
    }
}
