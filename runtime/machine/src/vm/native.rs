//! What a native function is, and how it sees its arguments.
//!
//! Journey: frame -> value. A native is a *leaf* (one result, calls nothing, cannot be suspended) or a *state machine*:
//! it does a step and says what it wants next ([`Step`]): to return, to have a function called, to be entered again. All
//! that it keeps between steps is in its registers (its frame's slots) and its state number. The reader might expect
//! closures or `async`: neither could be frozen.
//!
//! A leaf that may have much to do has a state machine beside it ([`Native::quick`]), to which it leaves that: so short
//! calls cost no frame, and nothing runs for long.
//!
//! For its author: registers are counted from 0, the arguments come first, [`Vm::push`] appends. When a called function
//! returns, its results lie where the function was and up, and the native is entered with the state it named. With
//! `catch`, an error enters it with `state | ERROR` and the error value as the only thing at that place. No collection runs
//! while a native runs, so values in Rust variables are safe until it returns a [`Step`] other than `Return`.

use super::Vm;
use super::access::{self, Access};
use super::work::COPIED;
use crate::value::hash::hash_bytes;
use crate::value::table::Entry;
use crate::value::{Closure, NativeClosure, Ref, Str, Table, Value, number, tag};

/// A Lua error is being raised; its value is in the [`Vm`].
#[derive(Debug, Clone, Copy)]
pub struct Raise;

/// Finds a native by its stable name: the list of all that a machine may hold is made by whoever makes the machine.
pub type Natives = fn(&str) -> Option<&'static Native>;

/// The result of whatever may raise a Lua error.
pub type Result<T> = std::result::Result<T, Raise>;

/// A native function.
pub struct Native {
    /// Its name, stable for ever, since frozen processes refer to it: `string.rep`, `file:read`.
    pub name: &'static str,
    /// What it does.
    pub function: Function,
    /// Whether `coroutine.yield` may suspend it while something that it called runs (as in the reference).
    pub yieldable: bool,
}

/// The code of a native function.
#[derive(Clone, Copy)]
pub enum Function {
    /// One result; calls nothing.
    Leaf(fn(&mut Vm) -> Result<Value>),
    /// A state machine; the number is its state, 0 at first.
    Steps(fn(&mut Vm, u32) -> Result<Step>),
    /// A leaf that may find that it needs more than a leaf can: none, and its registers as they were. Then the state
    /// machine does it.
    Quick(fn(&mut Vm) -> Result<Option<Value>>, fn(&mut Vm, u32) -> Result<Step>),
}

impl Native {
    /// A leaf.
    pub const fn leaf(name: &'static str, function: fn(&mut Vm) -> Result<Value>) -> Native {
        Native { name, function: Function::Leaf(function), yieldable: false }
    }
    /// A state machine that `yield` may not cross.
    pub const fn steps(name: &'static str, function: fn(&mut Vm, u32) -> Result<Step>) -> Native {
        Native { name, function: Function::Steps(function), yieldable: false }
    }
    /// A state machine that `yield` may cross.
    pub const fn yieldable(name: &'static str, function: fn(&mut Vm, u32) -> Result<Step>) -> Native {
        Native { name, function: Function::Steps(function), yieldable: true }
    }
    /// A leaf where that is enough, else a state machine that `yield` may not cross.
    pub const fn quick(
        name: &'static str,
        leaf: fn(&mut Vm) -> Result<Option<Value>>,
        steps: fn(&mut Vm, u32) -> Result<Step>,
    ) -> Native {
        Native { name, function: Function::Quick(leaf, steps), yieldable: false }
    }
    /// Its hash as a table key: the same on every machine.
    pub fn hash(&self) -> u32 {
        hash_bytes(self.name.as_bytes())
    }
}

/// `next`. It is here and not with its library since the interpreter knows it (TFORCALL).
pub static NEXT: Native = Native::steps("next", next);

/// Registers: table, key; 2: the position, if the way to the next entry is long.
fn next(vm: &mut Vm, state: u32) -> Result<Step> {
    let t = vm.check_table(0)?;
    let position = match state {
        0 => {
            let key = vm.arg(1);
            vm.pay_for_key(key);
            t.position_after(key)
        }
        _ => vm.arg(2).as_integer().and_then(|n| usize::try_from(n).ok()),
    };
    let Some(position) = position else { return Err(vm.error_plain("invalid key to 'next'")) };
    let most = vm.allowance(PLACES);
    match t.entry_within(position, most) {
        Entry::At { next, key, value } => {
            vm.pay(next - position, PLACES);
            vm.push(key);
            vm.push(value);
            Ok(Step::Return(2))
        }
        Entry::End => {
            vm.pay(t.places().saturating_sub(position), PLACES);
            vm.return_one(Value::NIL)
        }
        Entry::Further(position) => {
            vm.pay(most, PLACES);
            vm.set_arg(2, Value::integer(position as i64));
            Ok(Step::Again(1))
        }
    }
}
/// What `ipairs` iterates by, here for the same reason.
pub static IPAIRS_NEXT: Native = Native::steps("ipairs_next", ipairs_next);

fn ipairs_next(vm: &mut Vm, state: u32) -> Result<Step> {
    let v = if state == 0 {
        let i = vm.check_integer(1)?.wrapping_add(1);
        vm.set_arg(1, Value::integer(i));
        vm.truncate(2);
        let t = vm.arg(0);
        match access::index(vm, t, Value::integer(i))? {
            Access::Done(v) => v,
            Access::Call(function) => return Ok(Step::Call { function, results: 1, next: 1, catch: false }),
        }
    } else {
        vm.arg(2)
    };
    if v.is_nil() {
        return vm.return_one(Value::NIL);
    }
    vm.truncate(2);
    vm.push(v);
    Ok(Step::Return(2))
}
/// Empty places of a table that are a reduction to pass over.
pub(crate) const PLACES: usize = 16;

/// Added to a state number when the called function raised an error.
pub const ERROR: u32 = 1 << 31;

/// What a native wants next.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Return the last `n` registers.
    Return(usize),
    /// Call the function in register `function` with all registers above it as arguments; then go on at `next`.
    Call {
        /// Register of the function.
        function: usize,
        /// How many results it wants; -1: all.
        results: i16,
        /// State to go on with.
        next: u32,
        /// Whether errors come back, at `next | ERROR`.
        catch: bool,
    },
    /// As `Call` with `catch`; on an error the function in register 1 is first called with it, where it was raised.
    CallWithHandler {
        /// Register of the function.
        function: usize,
        /// State to go on with.
        next: u32,
    },
    /// Enter again at this state: a long native lets others run. Costs the reductions already charged.
    Again(u32),
    /// Run a whole collection, in pieces, then go on at this state.
    Collect(u32),
    /// Run a piece of a collection, of so many units of work, then go on at `next` with a boolean appended: whether a
    /// cycle has ended since the last one that was asked for.
    CollectPiece {
        /// Most units of work.
        units: usize,
        /// State to go on with.
        next: u32,
    },
    /// Suspend this coroutine; the registers are the values for its resumer. Resumed, the native returns what it is
    /// given.
    Yield,
    /// Resume the coroutine in register 0 with the registers above it.
    Resume(ResumeKind),
    /// Close the suspended or dead coroutine in register 0 (manual 6.2, `coroutine.close`).
    CloseCoroutine,
    /// The process waits, or asks its surroundings for something: leaves the interpreter with this request. Whoever
    /// fulfils it calls [`Vm::finish_request`], or enters the native again at the state.
    Request(u32),
}

/// How the outcome of a resumed coroutine is given to the resumer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResumeKind {
    /// `true` and the values, or `false` and the error.
    Resume,
    /// The values, or the error raised again (`coroutine.wrap`).
    Wrap,
}

impl Vm {
    // Registers.

    /// Number of registers in use; at first the number of arguments.
    #[inline(always)]
    pub fn count(&self) -> usize {
        // SAFETY: both point into the running stack, base below top.
        unsafe { self.top.offset_from(self.base) as usize }
    }
    /// A register, or nil past the last one.
    #[inline(always)]
    pub fn arg(&self, i: usize) -> Value {
        // SAFETY: below top.
        if i < self.count() { unsafe { *self.base.add(i) } } else { Value::NIL }
    }
    /// Sets a register, and those before it that are not yet in use to nil.
    #[inline]
    pub fn set_arg(&mut self, i: usize, v: Value) {
        if self.count() <= i {
            self.fill_registers(i + 1);
        }
        // SAFETY: below top.
        unsafe { *self.base.add(i) = v }
    }
    #[inline(never)]
    fn fill_registers(&mut self, n: usize) {
        while self.count() < n {
            self.push(Value::NIL);
        }
    }
    /// The registers, if there are so many.
    #[inline(always)]
    pub fn registers<const N: usize>(&self) -> Option<[Value; N]> {
        // SAFETY: N values from `base` on are below top.
        (self.count() == N).then(|| unsafe { *self.base.cast::<[Value; N]>() })
    }
    /// Appends a register.
    #[inline]
    pub fn push(&mut self, v: Value) {
        if self.top >= self.stack_end {
            self.grow_for_native(1);
        }
        // SAFETY: there is a slot (SLACK above stack_end at the least).
        unsafe {
            *self.top = v;
            self.top = self.top.add(1);
        }
    }
    /// Appends some registers.
    #[inline]
    pub fn push_all<const N: usize>(&mut self, values: [Value; N]) {
        // SAFETY: both point into the running stack; below its end there is a slot for each value.
        unsafe {
            if self.stack_end.offset_from(self.top) < N as isize {
                self.grow_for_native(N);
            }
            self.top.cast::<[Value; N]>().write(values);
            self.top = self.top.add(N);
        }
    }
    /// Keeps only the first `n` registers.
    #[inline]
    pub fn truncate(&mut self, n: usize) {
        if n < self.count() {
            // SAFETY: below top.
            self.top = unsafe { self.base.add(n) };
        }
    }
    /// Puts a register in before the one numbered `i`; those from there on move up.
    pub fn insert(&mut self, i: usize, v: Value) {
        self.push(v);
        let n = self.count().saturating_sub(1);
        if i < n {
            // SAFETY: registers 0 to n are in use; those moved stay among them.
            unsafe {
                let at = self.base.add(i);
                std::ptr::copy(at, at.add(1), n - i);
                *at = v;
            }
            self.pay_for_values(n - i);
        }
    }
    /// Makes sure that `n` more registers can be pushed; false if the stack would overflow.
    pub fn reserve(&mut self, n: usize) -> bool {
        // SAFETY: pointer distance within one allocation.
        let room = unsafe { self.stack_end.offset_from(self.top) };
        if room >= n as isize {
            return true;
        }
        if self.slots_used() + n > super::thread::MAX_SLOTS {
            return false;
        }
        self.grow_for_native(n);
        true
    }
    /// The running native function, if it has upvalues.
    #[inline(always)]
    fn running_closure(&self) -> Option<Ref<NativeClosure>> {
        // SAFETY: the function is below the registers, and its tag says what it is.
        unsafe {
            let function = *self.base.sub(1);
            (function.tag == tag::NATIVE_CLOSURE).then(|| Ref::new(function.bits as *mut NativeClosure))
        }
    }
    /// The running native function's upvalues.
    #[inline]
    pub fn native_upvalue(&self, i: usize) -> Value {
        self.running_closure().and_then(|c| c.upvalues().get(i).map(|u| u.get())).unwrap_or(Value::NIL)
    }
    /// Sets one of the running native function's upvalues.
    #[inline]
    pub fn set_native_upvalue(&mut self, i: usize, v: Value) {
        if let Some(c) = self.running_closure()
            && let Some(u) = c.upvalues().get(i)
        {
            u.set(v);
            self.heap.write_barrier(&c.header, v);
        }
    }
    /// A leaf that is not enough ([`Native::quick`]) asks its surroundings for something, as by [`Step::Request`], and is a
    /// state machine from then on. It returns none after this.
    #[inline]
    pub fn ask_as_leaf(&mut self, request: u32) {
        self.asked = Some(request);
    }
    /// Returns one value from a state machine.
    pub fn return_one(&mut self, v: Value) -> Result<Step> {
        self.push(v);
        Ok(Step::Return(1))
    }
    /// Returns a value and all registers after it, the value taking the function's own slot.
    pub fn return_with_first(&mut self, v: Value) -> Step {
        // SAFETY: the slot below the registers is the native's own function, which is not needed any more.
        unsafe { *self.base.sub(1) = v };
        Step::Return(self.count() + 1)
    }
    /// Sets a table's entry without metamethods.
    pub fn raw_set_table(
        &mut self,
        t: Ref<Table>,
        key: Value,
        v: Value,
    ) -> std::result::Result<(), crate::value::table::TableError> {
        t.set(&mut self.heap, key, v)
    }
    /// Raises a message as the machine does while a native runs: without a position.
    pub fn native_runtime_error(&mut self, message: impl AsRef<[u8]>) -> Raise {
        self.runtime_error(message)
    }
    /// Raises a message as it is.
    pub fn error_plain(&mut self, message: &str) -> Raise {
        let v = self.heap.string(message.as_bytes());
        self.raise(v)
    }
    /// Charges reductions; true if the native should let others run (`Step::Again`).
    #[inline]
    pub fn charge(&mut self, reductions: usize) -> bool {
        self.fuel -= reductions.min(1 << 30) as i64;
        self.fuel <= 0
    }

    // Arguments, with the reference's messages (lauxlib). `i` counts from 0, messages from 1.

    /// Any value must be there.
    pub fn check_any(&mut self, i: usize) -> Result<Value> {
        if i >= self.count() {
            return Err(self.arg_error(i, "value expected"));
        }
        Ok(self.arg(i))
    }
    /// An integer, or what converts to one.
    #[inline]
    pub fn check_integer(&mut self, i: usize) -> Result<i64> {
        let v = self.arg(i);
        if v.tag == tag::INT {
            return Ok(v.bits as i64);
        }
        self.check_integer_slow(i)
    }
    #[inline(never)]
    fn check_integer_slow(&mut self, i: usize) -> Result<i64> {
        let v = self.arg(i);
        self.pay_for_numeral(v);
        if let Some(n) = self.to_integer(v) {
            return Ok(n);
        }
        if self.to_number(v).is_some() {
            return Err(self.arg_error(i, "number has no integer representation"));
        }
        Err(self.type_error(i, "number"))
    }
    /// An integer, or a default if it is nil or absent.
    pub fn opt_integer(&mut self, i: usize, default: i64) -> Result<i64> {
        if self.arg(i).is_nil() { Ok(default) } else { self.check_integer(i) }
    }
    /// An integer where the reference takes an `int` of C: the lower half.
    pub fn check_int(&mut self, i: usize) -> Result<i32> {
        Ok(self.check_integer(i)? as i32)
    }
    /// As [`Vm::check_int`], or a default if it is nil or absent.
    pub fn opt_int(&mut self, i: usize, default: i32) -> Result<i32> {
        if self.arg(i).is_nil() { Ok(default) } else { self.check_int(i) }
    }
    /// A number (integer or float value), or a string that converts.
    pub fn check_number(&mut self, i: usize) -> Result<Value> {
        let v = self.arg(i);
        if v.is_number() {
            return Ok(v);
        }
        self.pay_for_numeral(v);
        match self.to_number(v) {
            Some(n) => Ok(n),
            None => Err(self.type_error(i, "number")),
        }
    }
    /// A number as a float.
    #[inline]
    pub fn check_float(&mut self, i: usize) -> Result<f64> {
        let v = self.arg(i);
        if v.tag == tag::FLOAT {
            return Ok(f64::from_bits(v.bits));
        }
        let n = self.check_number(i)?;
        Ok(n.number_as_float().expect("check_number gives a number"))
    }
    /// A string, or a number, which becomes one (also in its register).
    #[inline]
    pub fn check_string(&mut self, i: usize) -> Result<Ref<Str>> {
        match self.arg(i).as_string() {
            Some(s) => Ok(s),
            None => self.check_string_slow(i),
        }
    }
    #[inline(never)]
    fn check_string_slow(&mut self, i: usize) -> Result<Ref<Str>> {
        let v = self.arg(i);
        if v.is_number() {
            let s = self.number_to_string(v);
            self.set_arg(i, s);
            return Ok(s.as_string().expect("made a string"));
        }
        Err(self.type_error(i, "string"))
    }
    /// A string, or none if the argument is nil or absent.
    pub fn opt_string(&mut self, i: usize) -> Result<Option<Ref<Str>>> {
        if self.arg(i).is_nil() { Ok(None) } else { self.check_string(i).map(Some) }
    }
    /// A table.
    pub fn check_table(&mut self, i: usize) -> Result<Ref<Table>> {
        match self.arg(i).as_table() {
            Some(t) => Ok(t),
            None => Err(self.type_error(i, "table")),
        }
    }
    /// A function.
    pub fn check_function(&mut self, i: usize) -> Result<Value> {
        let v = self.arg(i);
        if v.is_function() { Ok(v) } else { Err(self.type_error(i, "function")) }
    }
    /// A Lua function.
    pub fn check_closure(&mut self, i: usize) -> Result<Ref<Closure>> {
        match self.arg(i).as_closure() {
            Some(c) => Ok(c),
            None => Err(self.type_error(i, "Lua function")),
        }
    }

    // Conversions (manual 3.4.3).

    /// The number a value is, or that a string converts to.
    pub fn to_number(&self, v: Value) -> Option<Value> {
        match v.tag {
            tag::INT | tag::FLOAT => Some(v),
            _ => {
                let s = v.as_string()?;
                Some(match rlua_compiler::parse_number(s.bytes())? {
                    rlua_compiler::Number::Integer(n) => Value::integer(n),
                    rlua_compiler::Number::Float(n) => Value::float(n),
                })
            }
        }
    }
    /// The integer a value is or converts to exactly.
    pub fn to_integer(&self, v: Value) -> Option<i64> {
        self.to_number(v)?.number_as_integer()
    }
    /// The string of a number, as `tostring` gives it.
    pub fn number_to_string(&mut self, v: Value) -> Value {
        let mut text = Vec::with_capacity(24);
        number::write_number(&mut text, v);
        self.heap.string(&text)
    }

    // Errors.

    /// Raises a value.
    pub fn raise(&mut self, v: Value) -> Raise {
        self.error = v;
        Raise
    }
    /// Raises a message with the position of the Lua function that called the running native (`luaL_error`).
    pub fn error(&mut self, message: impl AsRef<[u8]>) -> Raise {
        let position = self.position_of_caller();
        let v = self.heap.joined_string(&[&position, message.as_ref()]);
        self.pay(message.as_ref().len(), COPIED);
        self.raise(v)
    }
    /// `bad argument #i to 'f' (message)`.
    #[cold]
    pub fn arg_error(&mut self, i: usize, message: impl AsRef<[u8]>) -> Raise {
        let text = self.argument_message(i, message.as_ref());
        self.error(text)
    }
    /// `bad argument #i to 'f' (expected expected, got ...)`.
    #[cold]
    pub fn type_error(&mut self, i: usize, expected: &str) -> Raise {
        let v = self.arg(i);
        let got = match self.own_name(v) {
            Some(name) => name,
            None if i >= self.count() => b"no value".to_vec(),
            None if v.tag == tag::LIGHT => b"light userdata".to_vec(),
            None => v.type_name().as_bytes().to_vec(),
        };
        let mut text = format!("{expected} expected, got ").into_bytes();
        text.extend_from_slice(&got);
        self.arg_error(i, text)
    }
    /// The type of a value as messages of operations name it: `__name` of a table's or userdata's metatable if that is a
    /// string.
    pub fn type_name_of(&self, v: Value) -> Vec<u8> {
        let own = if matches!(v.tag, tag::TABLE | tag::USERDATA) { self.own_name(v) } else { None };
        own.unwrap_or_else(|| v.type_name().as_bytes().to_vec())
    }
    /// `__name` of the metatable of any value, if that is a string.
    pub fn own_name(&self, v: Value) -> Option<Vec<u8>> {
        self.metamethod(v, super::metamethod::Event::Name).as_string().map(|name| name.bytes().to_vec())
    }
}
