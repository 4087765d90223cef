//! Which frames a coroutine may have: what the interpreter relies on, checked before it does.
//!
//! Journey: bytes -> **records of frames** -> frames. The list of rules stands in spec/bytecode.md, "Legal frames". The
//! code of a closure has passed the verifier; a frame is legal if the interpreter itself could have left it at its pc, as
//! far as registers, values above them and the callers' expectations go. (What values registers hold is not looked at:
//! every instruction tests its operands.)
//!
//! Always: strict rather than lenient. What is not in the list is refused.

use super::thaw::has_steps;
use super::wire::Fault;
use rlua_compiler::opcode::{Instruction, Opcode};
use rlua_machine::value::{Closure, Value, tag};
use rlua_machine::vm::call::{COLLECT, RAISE, RETURN};
use rlua_machine::vm::coroutine::{MAX_RESUMES, RESUME, RESUME_CLOSE};
use rlua_machine::vm::hook::Hook;
use rlua_machine::vm::load::Proto;
use rlua_machine::vm::native::ERROR;
use rlua_machine::vm::thread::{Continue, Frame, FrameKind, Status, flags};

/// A frame with indices for pointers.
#[derive(Clone, Copy)]
pub(crate) struct FrameRecord {
    pub kind: FrameKind,
    pub then: Continue,
    /// Lua: index of the next instruction. Native: a register.
    pub pc: u64,
    pub base: usize,
    pub results: i16,
    pub shift: u32,
    pub state: u32,
    pub flags: u32,
}

impl FrameRecord {
    /// The slot where results go.
    fn function_slot(&self) -> usize {
        self.base - 1 - self.shift as usize
    }
    /// The frame, in a stack for which it was found legal.
    ///
    /// # Safety
    /// `check` has passed, and the slots at `stack` are those it saw.
    pub unsafe fn frame(&self, stack: *mut Value) -> Frame {
        // SAFETY: `check` has found base and pc in range.
        unsafe {
            let base = stack.add(self.base);
            let (pc, k) = match proto_of(*base.sub(1)) {
                Some(p) if self.kind == FrameKind::Lua => (p.code.add(self.pc as usize), p.k),
                _ => (self.pc as *const u64, std::ptr::null()),
            };
            let FrameRecord { results, kind, then, shift, state, flags, .. } = *self;
            Frame { pc, base, k, results, kind, then, shift, state, flags }
        }
    }
}

/// A coroutine with numbers and indices for pointers.
pub(crate) struct ThreadRecord {
    pub number: u32,
    pub slots: usize,
    pub frame_count: usize,
    pub status: Status,
    pub failed: bool,
    pub closing: bool,
    pub no_yield: u32,
    pub depth: u32,
    pub resumer: Option<u32>,
    pub top: usize,
    pub frames: Vec<FrameRecord>,
    pub to_close: Vec<u32>,
    /// Slots with open upvalues, ascending.
    pub open: Vec<u32>,
    pub hook: Option<Box<Hook>>,
}

impl Default for ThreadRecord {
    fn default() -> Self {
        ThreadRecord {
            number: 0,
            slots: 0,
            frame_count: 0,
            status: Status::Dead,
            failed: false,
            closing: false,
            no_yield: 0,
            depth: 0,
            resumer: None,
            top: 0,
            frames: Vec::new(),
            to_close: Vec::new(),
            open: Vec::new(),
            hook: None,
        }
    }
}

/// What is known of the process as a whole.
pub(crate) struct Process {
    pub running: u32,
    pub in_finalizer: bool,
    pub exiting: bool,
}

type Check = Result<(), Fault>;

fn ensure(condition: bool, what: Fault) -> Check {
    if condition { Ok(()) } else { Err(what) }
}

/// Largest number of results that a native may want of what it calls.
const MAX_NATIVE_RESULTS: i16 = 250;

/// The coroutines that have resumed each other lead from the running one to that of the main function, and no other
/// coroutine runs.
pub(crate) fn check_chain(threads: &[ThreadRecord], process: &Process) -> Check {
    let find = |n: u32| threads.binary_search_by_key(&n, |t| t.number).map_err(|_| "a resumer is no coroutine");
    let mut chain = Vec::new();
    let mut next = Some(process.running);
    while let Some(n) = next {
        ensure(chain.len() <= MAX_RESUMES as usize + 1, "coroutines resume each other in a circle")?;
        chain.push(n);
        next = threads[find(n)?].resumer;
    }
    ensure(chain.last() == Some(&0), "the running coroutine is not the main one's")?;
    let mut finalizers = 0;
    for (i, &n) in chain.iter().enumerate() {
        let t = &threads[find(n)?];
        let status = if i == 0 { Status::Running } else { Status::Normal };
        ensure(t.status == status, "a coroutine's status contradicts its resumer")?;
        ensure(t.depth as usize == chain.len() - 1 - i, "a coroutine's depth contradicts its resumer")?;
        finalizers += t.frames.iter().filter(|f| f.then == Continue::Finalizer).count();
    }
    let on_chain = threads.iter().filter(|t| matches!(t.status, Status::Running | Status::Normal)).count();
    ensure(on_chain == chain.len(), "a coroutine runs that nobody has resumed")?;
    for t in threads {
        if matches!(t.status, Status::Suspended | Status::Dead) {
            ensure(t.resumer.is_none() && t.depth == 0, "a coroutine that does not run has a resumer")?;
            ensure(t.frames.iter().all(|f| f.then != Continue::Finalizer), "a finalizer is suspended")?;
        }
    }
    // (At the end of a process a native runs them, without such a frame.)
    ensure(finalizers <= process.in_finalizer as usize, "a finalizer runs or does not")
}

/// What is expected of a frame by its place.
enum Role<'f> {
    /// It is entered when the process goes on, with this top.
    Runs { top: usize },
    /// It has yielded.
    Yielded,
    /// It has resumed another coroutine.
    Resumes,
    /// It is kept for tracebacks alone.
    Ended,
    /// A hook has interrupted it, with this top; whether it was about to return.
    Hooked { top: usize, returns: bool },
    /// It waits for this frame.
    Waits(&'f FrameRecord),
}

/// Checks one coroutine. `slots` are those in use. Gives the number of slots that its frames may come to use.
pub(crate) fn check(t: &ThreadRecord, slots: &[Value], process: &Process) -> Result<usize, Fault> {
    ensure(t.top <= slots.len(), "a stack's top is past its end")?;
    ensure(t.status != Status::Dead || !t.failed || t.top >= 1, "a failed coroutine has an error")?;
    ensure(t.status != Status::Dead || !t.closing, "a coroutine that is dead is not being closed")?;
    if t.frames.is_empty() {
        let may = match t.status {
            Status::Suspended => t.top >= 1 && !t.closing && !t.failed,
            Status::Running => t.number == 0 && t.top >= 1 && !t.closing && !process.exiting,
            Status::Normal => false,
            Status::Dead => true,
        };
        ensure(may, "a coroutine without frames is fresh or dead")?;
        ensure(
            t.to_close.is_empty() && t.open.is_empty() && t.no_yield == 0,
            "a coroutine without frames has variables",
        )?;
        return Ok(slots.len());
    }
    ensure(t.status != Status::Dead || t.failed, "a dead coroutine with frames has failed")?;
    // Past the top of a native function the collector clears the stack.
    let last = t.frames.last().expect("there are frames");
    ensure(last.kind == FrameKind::Lua || t.top >= last.base, "a native function's registers are below the top")?;
    let (mut no_yield, mut hooks) = (0u32, 0);
    let mut extent = slots.len();
    for f in &t.frames {
        ensure(f.base > f.shift as usize && f.base <= slots.len(), "a frame's registers are in the stack")?;
    }
    for pair in t.frames.windows(2) {
        ensure(pair[1].function_slot() >= pair[0].base, "a frame is above its caller's registers")?;
    }
    check_first(t, &t.frames[0], process)?;
    for (i, f) in t.frames.iter().enumerate() {
        ensure(f.results >= -1 && f.results <= 254, "too many results are wanted")?;
        let role = match t.frames.get(i + 1) {
            Some(next) => match next.then {
                Continue::Handler => {
                    ensure(next.results == 1, "a message handler has one result")?;
                    Role::Waits(next)
                }
                Continue::Finalizer => {
                    let below = next.function_slot().checked_sub(1).ok_or("a finalizer keeps the top below it")?;
                    let top = slots[below].as_integer().and_then(|n| usize::try_from(n).ok());
                    let Some(top) = top.filter(|&top| top <= below) else {
                        return Err("a finalizer keeps the top below it");
                    };
                    ensure(next.results == 0, "a finalizer has no result")?;
                    ensure(below >= f.base, "a finalizer is above the registers")?;
                    Role::Runs { top }
                }
                Continue::Hook => {
                    ensure(next.results == 0, "a hook has no result")?;
                    let below = next.function_slot().checked_sub(3).ok_or("a hook keeps the top below it")?;
                    let number = |i: usize| slots[below + i].as_integer().and_then(|n| usize::try_from(n).ok());
                    let top = number(0).filter(|&top| top <= below).ok_or("a hook keeps the top below it")?;
                    ensure(below >= f.base && top >= t.frames[0].base, "a hook is above the registers")?;
                    let values = number(1);
                    if let Some(first) = values {
                        let n = number(2).ok_or("a hook keeps the values that are returned")?;
                        let end = first.checked_add(n).filter(|&end| end <= below);
                        ensure(end.is_some() && first + 1 >= f.base, "a hook keeps the values that are returned")?;
                    }
                    hooks += 1;
                    Role::Hooked { top, returns: values.is_some() }
                }
                Continue::Coroutine => return Err("a coroutine has one first frame"),
                _ => Role::Waits(next),
            },
            None => match t.status {
                Status::Running => Role::Runs { top: t.top },
                Status::Suspended => Role::Yielded,
                Status::Normal => Role::Resumes,
                Status::Dead => Role::Ended,
            },
        };
        match f.kind {
            FrameKind::Lua => {
                let Some(p) = proto_of(slots[f.base - 1]) else { return Err("a frame's function is no Lua function") };
                let end = f.base + p.registers as usize;
                extent = extent.max(end);
                if let (Role::Runs { .. } | Role::Hooked { .. }, Some(next)) = (&role, t.frames.get(i + 1)) {
                    ensure(next.function_slot() > end, "a finalizer is above the registers")?;
                }
                check_lua(f, p, &role, slots.len())?;
            }
            FrameKind::Native => {
                check_native(f, slots[f.base - 1], &role, slots.len())?;
                no_yield += (f.flags & flags::NO_YIELD != 0) as u32;
            }
        }
        if f.then == Continue::Native {
            extent = extent.max(f.function_slot() + f.results.max(0) as usize);
        }
        no_yield += matches!(f.then, Continue::Finalizer | Continue::Hook | Continue::Handler) as u32;
    }
    ensure(hooks == 0 || (hooks == 1 && t.hook.is_some()), "one hook runs")?;
    ensure(no_yield == t.no_yield, "natives that may not be suspended are counted")?;
    let windows = windows(t, slots);
    ensure(t.to_close.windows(2).all(|w| w[0] < w[1]), "variables to be closed are in order")?;
    ensure(inside(&t.to_close, &windows), "a variable to be closed is a register")?;
    ensure(inside(&t.open, &windows), "an open variable is a register")?;
    check_captures(t, slots)?;
    Ok(extent)
}

/// The bottom frame.
fn check_first(t: &ThreadRecord, f: &FrameRecord, process: &Process) -> Check {
    match f.then {
        Continue::Coroutine => {
            ensure(f.function_slot() == 0 && f.results == -1, "a coroutine's function is in its first slot")
        }
        Continue::CloseUnwind => {
            ensure(t.closing || process.exiting, "nothing is being closed")?;
            ensure(f.results == 0 && f.function_slot() >= 1, "a handler of a variable keeps the error below it")
        }
        _ => Err("the first frame waits for another"),
    }
}

fn proto_of(v: Value) -> Option<&'static Proto> {
    // SAFETY: a closure's tag; its prototype belongs to a module that the heap keeps. The lifetime is a lie that the
    // callers of this file do not use past the check.
    (v.tag == tag::CLOSURE).then(|| unsafe { &*(*(v.bits as *const Closure)).proto })
}

fn check_lua(f: &FrameRecord, p: &Proto, role: &Role, slots: usize) -> Check {
    use Opcode as O;
    let code: &[Instruction] = &p.canonical().code;
    ensure(f.flags & !(flags::TAIL | flags::SEEN) == 0, "a Lua function's frame catches nothing")?;
    ensure(f.pc <= code.len() as u64, "a frame's pc is in the code")?;
    let pc = f.pc as usize;
    let registers = p.registers as usize;
    // A vararg function moves in its first instruction; if that fails, it has not.
    let ended = matches!(role, Role::Ended) || matches!(role, Role::Waits(next) if next.then == Continue::Handler);
    let moved = f.shift > p.parameters;
    let shift_fits = if p.is_vararg && pc > 0 { moved || (ended && pc == 1 && f.shift == 0) } else { f.shift == 0 };
    ensure(shift_fits, "a vararg function is above its arguments")?;
    let done = || pc.checked_sub(1).map(|i| code[i]).ok_or("a frame waits before its first instruction");
    match role {
        Role::Yielded | Role::Resumes => Err("a native function yields or resumes"),
        Role::Hooked { top, returns } => {
            let i = done()?;
            let is_return = matches!(i.opcode(), O::Return | O::Return0 | O::Return1);
            // What lies above the registers for this instruction is still there.
            let open = match i.opcode() {
                O::Call | O::TailCall | O::Return | O::SetList if i.b() == 0 => *top > f.base + i.a() as usize,
                O::ExtraArg => false,
                _ => true,
            };
            let returns = !returns || is_return;
            ensure(open && returns && (!p.is_vararg || pc >= 2), "a hook has interrupted no such instruction")
        }
        Role::Ended => ensure(pc >= 1, "a frame ended before its first instruction"),
        Role::Runs { top } => {
            if pc == 0 {
                return ensure(f.state as usize <= slots - f.base, "a function's arguments are in the stack");
            }
            ensure(pc < code.len(), "a frame's pc is in the code")?;
            let next = code[pc];
            let again = match next.opcode() {
                O::Call | O::TailCall if next.b() == 0 => *top > f.base + next.a() as usize,
                O::Call | O::TailCall | O::ForLoop | O::TForCall | O::TForLoop => true,
                O::Jmp => next.sj_arg() < 0,
                _ => false,
            };
            let last = code[pc - 1];
            let allocated = match last.opcode() {
                O::Closure => true,
                O::SetList => !last.k(),
                O::ExtraArg => pc >= 2 && matches!(code[pc - 2].opcode(), O::NewTable | O::SetList),
                _ => false,
            };
            // What the instruction before leaves for this one alone is not there any more.
            let bound = match next.opcode() {
                O::ExtraArg => true,
                O::Return | O::SetList => next.b() == 0,
                _ => false,
            };
            ensure(again || (allocated && !bound), "a frame's pc is no place to go on")
        }
        Role::Waits(next) => {
            if next.then == Continue::Handler {
                return ensure(pc >= 1, "a frame failed before its first instruction");
            }
            let i = done()?;
            let above = f.base + registers;
            let slot = next.function_slot();
            let a = i.a() as usize;
            match next.then {
                Continue::Plain => {
                    let (at, results) = match i.opcode() {
                        O::Call => (a, i.c() as i32 - 1),
                        O::TailCall => (a, -1),
                        O::TForCall => (a + 4, i.c() as i32),
                        _ => return Err("a caller's instruction is no call"),
                    };
                    ensure(slot == f.base + at, "a called function is where its caller put it")?;
                    ensure(next.results as i32 == results, "a caller's results are those of its instruction")
                }
                Continue::Store => {
                    let stores = matches!(
                        i.opcode(),
                        O::GetTabUp | O::GetTable | O::GetI | O::GetField | O::Self_ | O::Unm | O::BNot | O::Len
                    ) || is_arithmetic(i.opcode());
                    ensure(stores && next.results == 1 && slot == above, "a metamethod's result has a register")
                }
                Continue::Condition | Continue::NotCondition => {
                    let compares =
                        matches!(i.opcode(), O::Eq | O::EqK | O::Lt | O::Le | O::LtI | O::LeI | O::GtI | O::GeI);
                    ensure(compares && next.results == 1 && slot == above, "a metamethod's result is a comparison's")
                }
                Continue::Discard => {
                    let sets = matches!(i.opcode(), O::SetTabUp | O::SetTable | O::SetI | O::SetField);
                    ensure(sets && next.results == 0 && slot == above, "a metamethod's result is not wanted")
                }
                Continue::Concat => {
                    let concat = i.opcode() == O::Concat && f.state >= 1 && f.state < i.b();
                    ensure(concat && next.results == 1 && slot == above, "a metamethod's result is concatenated")
                }
                Continue::CloseAgain => {
                    let keep = match i.opcode() {
                        O::Close => f.state == 0,
                        O::Return => i.k() && (i.b() == 0 || f.state == i.b() - 1),
                        _ => false,
                    };
                    let kept = f.base as u64 + a as u64 + f.state as u64;
                    let fits = slot >= above && kept <= slot as u64;
                    ensure(keep && fits && next.results == 0, "a handler of a variable is above what is returned")
                }
                Continue::Native | Continue::CloseUnwind => Err("a native function waits for this"),
                Continue::Handler | Continue::Finalizer | Continue::Coroutine | Continue::Hook => {
                    Err("a frame waits for no other")
                }
            }
        }
    }
}

fn is_arithmetic(op: Opcode) -> bool {
    use Opcode as O;
    matches!(
        op,
        O::AddI
            | O::AddK
            | O::SubK
            | O::MulK
            | O::ModK
            | O::PowK
            | O::DivK
            | O::IDivK
            | O::BAndK
            | O::BOrK
            | O::BXorK
            | O::ShrI
            | O::ShlI
            | O::Add
            | O::Sub
            | O::Mul
            | O::Mod
            | O::Pow
            | O::Div
            | O::IDiv
            | O::BAnd
            | O::BOr
            | O::BXor
            | O::Shl
            | O::Shr
    )
}

fn check_native(f: &FrameRecord, function: Value, role: &Role, slots: usize) -> Check {
    use flags::*;
    ensure(matches!(function.tag, tag::NATIVE | tag::NATIVE_CLOSURE), "a frame's function is no native function")?;
    ensure(f.shift == 0, "a native function does not move")?;
    let fails = matches!(role, Role::Ended) || matches!(role, Role::Waits(next) if next.then == Continue::Handler);
    let hooked = match role {
        Role::Runs { top } | Role::Hooked { top, .. } => *top >= f.base && (f.state == 0 || has_steps(function)),
        _ => false,
    };
    if !has_steps(function) {
        return ensure((hooked || fails) && f.flags == 0 && f.pc == 0, "a leaf is never suspended");
    }
    ensure(f.flags & !(CATCH | HANDLER | NO_YIELD | UNWINDING) == 0, "no such flags of a frame")?;
    ensure(f.flags & HANDLER == 0 || f.flags & (CATCH | UNWINDING) != 0, "a message handler is a catcher's")?;
    ensure(f.flags & HANDLER == 0 || f.base + 2 <= slots, "a message handler is in register 1")?;
    let catches = f.flags & (CATCH | UNWINDING) != 0;
    ensure(catches || f.pc == 0, "a frame that catches nothing has no place for errors")?;
    match role {
        Role::Runs { top } => {
            let n = (f.state & 0xffff) as usize;
            ensure(f.flags == 0, "a native function that runs waits for nothing")?;
            ensure(*top >= f.base, "a native function's registers are below the top")?;
            let count = top - f.base;
            let fits = match f.state & COLLECT {
                0 => true,
                _ if f.state & ERROR != 0 => false,
                COLLECT => true,
                RETURN => n <= count,
                _ => count >= 1,
            };
            ensure(fits, "a native function returns what it has")
        }
        Role::Hooked { returns, .. } => {
            ensure(f.flags == 0 && hooked, "a native function that was hooked waits for nothing")?;
            ensure(*returns || f.state == 0, "a native function is hooked at its beginning or end")
        }
        Role::Yielded => ensure(f.flags == 0, "a native function that yields waits for nothing"),
        Role::Resumes => {
            ensure(f.flags == 0, "a native function that resumes catches nothing")?;
            ensure((RESUME..=RESUME_CLOSE).contains(&f.state), "a native function has resumed another coroutine")
        }
        Role::Ended => ensure(f.flags == 0, "a native function that failed waits for nothing"),
        Role::Waits(next) => {
            let slot = next.function_slot();
            ensure(f.state < RAISE, "a native function that waits goes on at a state of its own")?;
            ensure(!catches || f.pc <= (slot - f.base) as u64, "an error has a register")?;
            match next.then {
                Continue::Handler => Ok(()),
                Continue::Native => {
                    ensure(f.flags & UNWINDING == 0, "a native function waits for one thing")?;
                    ensure(next.results <= MAX_NATIVE_RESULTS, "too many results are wanted")?;
                    ensure(!catches || f.pc == (slot - f.base) as u64, "an error goes where the function was")
                }
                Continue::CloseUnwind => {
                    ensure(f.flags & CATCH == 0, "a native function waits for one thing")?;
                    let fits = f.flags & UNWINDING != 0 && next.results == 0 && slot > f.base;
                    ensure(fits && f.pc < (slot - f.base) as u64, "a handler of a variable keeps the error below it")
                }
                _ => Err("a Lua function waits for this"),
            }
        }
    }
}

/// Open variables are in registers that closures can share at the frame's pc, so that no call to come puts its function
/// where a closure could replace it.
fn check_captures(t: &ThreadRecord, slots: &[Value]) -> Check {
    let mut i = t.frames.len();
    // From the top down, each variable with the frame whose registers it is among.
    let mut known: Option<(*const Proto, Vec<Option<[u64; 4]>>)> = None;
    for &slot in t.open.iter().rev() {
        while i > 0 && t.frames[i - 1].base > slot as usize {
            i -= 1;
        }
        let Some(f) = i.checked_sub(1).map(|i| &t.frames[i]) else { return Ok(()) };
        let Some(p) = proto_of(slots[f.base - 1]) else { continue };
        let next = t.frames.get(i).map(|next| next.then);
        let ended = next == Some(Continue::Handler) || (next.is_none() && t.status == Status::Dead);
        if f.kind != FrameKind::Lua || ended {
            continue;
        }
        if known.as_ref().is_none_or(|k| !std::ptr::eq(k.0, p)) {
            known = Some((p, rlua_compiler::captured_registers(p.module().bare_chunk(), p.index())));
        }
        let (_, sets) = known.as_ref().expect("just set");
        // A handler's instruction will be executed again.
        let again = matches!(next, Some(Continue::CloseAgain | Continue::Hook));
        let pc = f.pc as usize - again as usize;
        let set = sets.get(pc).copied().flatten().unwrap_or_default();
        let register = slot as usize - f.base;
        ensure(set[register / 64] & 1 << (register % 64) != 0, "an open variable is a register that closures share")?;
    }
    Ok(())
}

/// Where variables of closures and variables to be closed may be, ascending.
fn windows(t: &ThreadRecord, slots: &[Value]) -> Vec<(usize, usize)> {
    let mut all = Vec::with_capacity(t.frames.len() + 1);
    let Some(first) = t.frames.first() else { return all };
    if first.then == Continue::CloseUnwind {
        // Frames that are gone left them.
        all.push((0, first.function_slot() - 1));
    }
    for (i, f) in t.frames.iter().enumerate() {
        let end = t.frames.get(i + 1).map(|next| match next.then {
            Continue::CloseUnwind => next.function_slot() - 1,
            _ => next.function_slot(),
        });
        match proto_of(slots[f.base - 1]) {
            Some(p) if f.kind == FrameKind::Lua => {
                let registers = f.base + p.registers as usize;
                all.push((f.base, end.map_or(registers, |end| end.min(registers))));
            }
            _ if f.flags & flags::UNWINDING != 0 => all.push((f.base, end.unwrap_or(f.base))),
            _ => {}
        }
    }
    all
}

/// Whether each of some ascending slots is in a window.
fn inside(points: &[u32], windows: &[(usize, usize)]) -> bool {
    let mut rest = windows.iter();
    let mut window = (0, 0);
    points.iter().all(|&p| {
        while p as usize >= window.1 {
            match rest.next() {
                Some(&w) => window = w,
                None => return false,
            }
        }
        p as usize >= window.0
    })
}
