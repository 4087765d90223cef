//! The verifier: which chunks an interpreter may run without looking again.
//!
//! Journey: **prototype** -> the runtime's loader, for chunks from files, peers and snapshots. It checks every
//! instruction, reached or not, against its own operands and its neighbours; the only flow analysis is that of
//! to-be-closed variables at tail calls. (The reader might expect types of registers: none are assumed, every
//! instruction tests its operands' types when it runs.) spec/bytecode.md lists the rules opcode by opcode.
//!
//! Always: after [`verify`] has passed, every register an instruction touches exists, control stays inside the code,
//! constants are of the kind their instruction needs, and nothing captured outlives its frame unclosed. Time and
//! memory are bounded by a multiple of the chunk's size.
//!
//! Not here: bounds of the stack and of table sizes, which the runtime checks as it allocates.

use crate::codegen::is_test;
use crate::opcode::{Instruction, Opcode};
use crate::prototype::{Chunk, Constant, Prototype};
use std::fmt;

/// Why a chunk was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyError {
    /// Index of the prototype.
    pub prototype: u32,
    /// The instruction, or 0 if the fault is not in one.
    pub pc: u32,
    /// The rule that is broken.
    pub what: &'static str,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "prototype {}, instruction {}: {}", self.prototype, self.pc, self.what)
    }
}

impl std::error::Error for VerifyError {}

/// Checks that a chunk is safe to run.
///
/// ```
/// let mut chunk = rlua_compiler::compile(b"return 1", b"=x").unwrap();
/// assert!(rlua_compiler::verify(&chunk).is_ok());
/// chunk.prototypes[0].code.pop();
/// chunk.prototypes[0].code.pop();
/// assert!(rlua_compiler::verify(&chunk).is_err());
/// ```
pub fn verify(chunk: &Chunk) -> Result<(), VerifyError> {
    verify_tree(chunk)?;
    for (index, prototype) in chunk.prototypes.iter().enumerate() {
        let in_prototype = |(pc, what)| VerifyError { prototype: index as u32, pc: pc as u32, what };
        verify_debug_information(prototype).map_err(|what| in_prototype((0, what)))?;
        let checker = Checker::new(chunk, prototype).map_err(in_prototype)?;
        checker.check().map_err(in_prototype)?;
        checker.check_captures(chunk).map_err(in_prototype)?;
    }
    Ok(())
}

/// Per instruction of a prototype, the registers that closures may share with it when control arrives there, as a bit
/// set; none if control never does. Empty if no closure takes a register. The chunk must have been verified.
///
/// A frame that was thawed at an instruction may have open upvalues in these registers and no others.
pub fn captured_registers(chunk: &Chunk, index: u32) -> Vec<Option<[u64; 4]>> {
    let Some(prototype) = chunk.prototypes.get(index as usize) else {
        return Vec::new();
    };
    match Checker::new(chunk, prototype) {
        Ok(checker) => checker.captures(chunk),
        Err(_) => Vec::new(),
    }
}

/// The set without the registers from `first` up.
fn below(mut set: [u64; 4], first: u32) -> [u64; 4] {
    for register in first..256 {
        set[register as usize / 64] &= !(1 << (register % 64));
    }
    set
}

/// A fault and where it is.
type Fault = (usize, &'static str);
type Check = Result<(), &'static str>;

fn ensure(condition: bool, what: &'static str) -> Check {
    if condition { Ok(()) } else { Err(what) }
}

/// Nesting is a tree in index order, and upvalues exist where they are taken from.
fn verify_tree(chunk: &Chunk) -> Result<(), VerifyError> {
    let fault = |prototype: usize, what| Err(VerifyError { prototype: prototype as u32, pc: 0, what });
    let count = chunk.prototypes.len();
    if count == 0 {
        return fault(0, "a chunk has a main function");
    }
    if u32::try_from(count).is_err() {
        return fault(0, "too many prototypes");
    }
    let mut named = vec![false; count];
    named[0] = true;
    for (index, prototype) in chunk.prototypes.iter().enumerate() {
        for &nested in &prototype.nested {
            let nested = nested as usize;
            if nested <= index || nested >= count {
                return fault(index, "a nested prototype has a greater index than the one around it");
            }
            if named[nested] {
                return fault(nested, "a prototype is nested in one other only");
            }
            named[nested] = true;
            for upvalue in &chunk.prototypes[nested].upvalues {
                let limit = if upvalue.in_stack { prototype.registers.into() } else { prototype.upvalues.len() };
                if usize::from(upvalue.index) >= limit {
                    return fault(nested, "an upvalue comes from a register or upvalue of the enclosing prototype");
                }
            }
        }
    }
    match named.iter().position(|named| !named) {
        Some(index) => fault(index, "a prototype is nested in another"),
        None => Ok(()),
    }
}

/// Debug information fits the code, and no more variables are active at once than there are registers.
fn verify_debug_information(prototype: &Prototype) -> Check {
    let length = prototype.code.len();
    ensure(prototype.lines.is_empty() || prototype.lines.len() == length, "there is a line for each instruction")?;
    let mut changes = Vec::with_capacity(prototype.locals.len() * 2);
    for local in &prototype.locals {
        let in_order = local.start_pc <= local.end_pc && local.end_pc as usize <= length;
        ensure(in_order, "a local variable lives inside the code")?;
        changes.push((local.start_pc, 1));
        changes.push((local.end_pc, -1));
    }
    changes.sort_unstable(); // at the same pc, ends come before starts
    let mut active = 0;
    for (_, change) in changes {
        active += change;
        ensure(active <= i64::from(prototype.registers), "each active local variable has a register")?;
    }
    Ok(())
}

/// The check of one prototype's code.
struct Checker<'c> {
    prototype: &'c Prototype,
    code: &'c [Instruction],
    /// The operation of each instruction.
    ops: Vec<Opcode>,
    /// Whether returns must close something.
    needs_close: bool,
}

impl<'c> Checker<'c> {
    fn new(chunk: &Chunk, prototype: &'c Prototype) -> Result<Self, Fault> {
        let code = &prototype.code[..];
        if code.len() > i32::MAX as usize {
            return Err((0, "the code is too long"));
        }
        let mut ops = Vec::with_capacity(code.len());
        for (pc, i) in code.iter().enumerate() {
            ops.push(i.checked_opcode().ok_or((pc, "no such operation"))?);
        }
        let captured = prototype
            .nested
            .iter()
            .any(|&nested| chunk.prototypes[nested as usize].upvalues.iter().any(|upvalue| upvalue.in_stack));
        let needs_close = captured || ops.iter().any(|op| matches!(op, Opcode::Tbc | Opcode::TForPrep));
        Ok(Checker { prototype, code, ops, needs_close })
    }

    fn check(&self) -> Result<(), Fault> {
        let prototype = self.prototype;
        if prototype.registers < 2 {
            return Err((0, "there are two registers at least"));
        }
        if prototype.parameters > prototype.registers {
            return Err((0, "parameters are in registers"));
        }
        if prototype.upvalues.len() > 255 {
            return Err((0, "too many upvalues"));
        }
        let is_nan = |constant: &Constant| matches!(constant, Constant::Float(value) if value.is_nan());
        if prototype.constants.iter().any(is_nan) {
            return Err((0, "a constant is not a NaN"));
        }
        let Some(last) = self.ops.last() else {
            return Err((0, "there is code"));
        };
        if !matches!(last, Opcode::Return | Opcode::Return0 | Opcode::Return1) {
            return Err((self.code.len() - 1, "the last instruction is a RETURN"));
        }
        if prototype.is_vararg && self.ops[0] != Opcode::VarArgPrep {
            return Err((0, "a vararg function begins with VARARGPREP"));
        }
        for pc in 0..self.code.len() {
            self.check_operands(pc).map_err(|what| (pc, what))?;
            self.check_flow(pc).map_err(|what| (pc, what))?;
        }
        self.check_tail_calls()
    }

    fn op(&self, pc: usize) -> Option<Opcode> {
        self.ops.get(pc).copied()
    }

    fn register(&self, register: u32) -> Check {
        ensure(register < self.prototype.registers.into(), "a register exists")
    }

    fn constant(&self, index: u32) -> Check {
        ensure((index as usize) < self.prototype.constants.len(), "a constant exists")
    }

    fn string(&self, index: u32) -> Check {
        let constant = self.prototype.constants.get(index as usize);
        ensure(matches!(constant, Some(Constant::String(_))), "the constant is a string")
    }

    fn upvalue(&self, index: u32) -> Check {
        ensure((index as usize) < self.prototype.upvalues.len(), "an upvalue exists")
    }

    /// Operand `C` of a store: constant or register.
    fn register_or_constant(&self, i: Instruction) -> Check {
        if i.k() { self.constant(i.c()) } else { self.register(i.c()) }
    }

    /// Registers, constants, upvalues and prototypes that an instruction names.
    fn check_operands(&self, pc: usize) -> Check {
        use Opcode as O;
        let i = self.code[pc];
        let (a, b, c) = (i.a(), i.b(), i.c());
        match self.ops[pc] {
            O::Move | O::Unm | O::BNot | O::Not | O::Len | O::TestSet | O::Eq | O::Lt | O::Le => {
                self.register(a)?;
                self.register(b)
            }
            O::LoadI
            | O::LoadF
            | O::LoadFalse
            | O::LFalseSkip
            | O::LoadTrue
            | O::LoadKX
            | O::Close
            | O::Tbc
            | O::EqI
            | O::LtI
            | O::LeI
            | O::GtI
            | O::GeI
            | O::Test
            | O::Return1 => self.register(a),
            O::LoadK => {
                self.register(a)?;
                self.constant(i.bx())
            }
            O::LoadNil => self.register(a + b),
            O::GetUpval | O::SetUpval => {
                self.register(a)?;
                self.upvalue(b)
            }
            O::GetTabUp => {
                self.register(a)?;
                self.upvalue(b)?;
                self.string(c)
            }
            O::GetI => {
                self.register(a)?;
                self.register(b)
            }
            O::GetField => {
                self.register(a)?;
                self.register(b)?;
                self.string(c)
            }
            O::SetTabUp => {
                self.upvalue(a)?;
                self.string(b)?;
                self.register_or_constant(i)
            }
            O::SetTable => {
                self.register(a)?;
                self.register(b)?;
                self.register_or_constant(i)
            }
            O::SetI => {
                self.register(a)?;
                self.register_or_constant(i)
            }
            O::SetField => {
                self.register(a)?;
                self.string(b)?;
                self.register_or_constant(i)
            }
            O::NewTable => {
                self.register(a)?;
                ensure(b <= 31, "the hash size is less than 2^31")
            }
            O::Self_ => {
                self.register(a + 1)?;
                self.register(b)?;
                if i.k() { self.string(c) } else { self.register(c) }
            }
            O::AddI | O::ShrI | O::ShlI => {
                self.register(a)?;
                self.register(b)
            }
            O::AddK | O::SubK | O::MulK | O::ModK | O::PowK | O::DivK | O::IDivK => {
                self.register(a)?;
                self.register(b)?;
                let constant = self.prototype.constants.get(c as usize);
                let is_number = matches!(constant, Some(Constant::Integer(_) | Constant::Float(_)));
                ensure(is_number, "the constant is a number")
            }
            O::BAndK | O::BOrK | O::BXorK => {
                self.register(a)?;
                self.register(b)?;
                let constant = self.prototype.constants.get(c as usize);
                ensure(matches!(constant, Some(Constant::Integer(_))), "the constant is an integer")
            }
            O::GetTable
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
            | O::Shr => {
                self.register(a)?;
                self.register(b)?;
                self.register(c)
            }
            O::Concat => {
                ensure(b >= 2, "two values at least are concatenated")?;
                self.register(a + b - 1)
            }
            O::EqK => {
                self.register(a)?;
                self.constant(b)
            }
            O::Call => {
                self.register(a + b.saturating_sub(1))?;
                self.register(a + c.saturating_sub(2))
            }
            O::TailCall => self.register(a + b.saturating_sub(1)),
            // The values, if there are any; `A` alone may be one past the last register.
            O::Return => {
                if b >= 2 {
                    self.register(a + b - 2)
                } else {
                    ensure(a <= self.prototype.registers.into(), "a register exists")
                }
            }
            O::Return0 | O::Jmp => Ok(()),
            O::ForLoop | O::ForPrep | O::TForPrep => self.register(a + 3),
            O::TForCall => {
                ensure(c >= 1, "an iterator gives one value at least")?;
                self.register(a + 3 + c.max(3))
            }
            O::TForLoop => self.register(a + 4),
            O::SetList => self.register(a + b),
            O::Closure => {
                self.register(a)?;
                ensure((i.bx() as usize) < self.prototype.nested.len(), "a nested prototype exists")
            }
            O::VarArg => {
                ensure(self.prototype.is_vararg, "VARARG is in a vararg function")?;
                self.register(a + c.saturating_sub(2))
            }
            O::VarArgPrep => {
                ensure(self.prototype.is_vararg && pc == 0, "VARARGPREP begins a vararg function")?;
                ensure(a == self.prototype.parameters.into(), "VARARGPREP knows the number of parameters")
            }
            O::ExtraArg => Ok(()),
        }
    }

    /// Whether an instruction has no meaning without the one before it, so that control must come from there.
    fn is_bound(&self, pc: usize) -> bool {
        use Opcode as O;
        let follows_test = pc > 0 && is_test(self.ops[pc - 1]);
        match self.ops[pc] {
            O::ExtraArg | O::TForLoop => true,
            O::Jmp => follows_test,
            O::Call | O::TailCall | O::Return | O::SetList => self.code[pc].b() == 0,
            _ => false,
        }
    }

    /// A place where control may arrive from elsewhere than the instruction before.
    fn landing(&self, target: i64) -> Check {
        let Some(target) = usize::try_from(target).ok().filter(|&target| target < self.code.len()) else {
            return Err("a jump stays inside the code");
        };
        ensure(!self.is_bound(target), "a jump does not separate an instruction from the one it belongs to")?;
        ensure(self.ops[target] != Opcode::VarArgPrep, "VARARGPREP is not jumped to")
    }

    /// Where control goes, and what the neighbours must be.
    fn check_flow(&self, pc: usize) -> Check {
        use Opcode as O;
        let i = self.code[pc];
        let op = self.ops[pc];
        let here = pc as i64;
        let next = self.op(pc + 1);
        // What an instruction needs before it.
        let before = pc.checked_sub(1);
        match op {
            O::ExtraArg => {
                let owned = before.is_some_and(|pc| self.takes_extra_argument(pc));
                ensure(owned, "EXTRAARG follows LOADKX, NEWTABLE or SETLIST")?;
            }
            O::TForLoop => {
                let paired = before.is_some_and(|pc| self.ops[pc] == O::TForCall && self.code[pc].a() == i.a());
                ensure(paired, "TFORLOOP follows its TFORCALL")?;
            }
            O::Call | O::TailCall | O::SetList if i.b() == 0 => {
                let base = before.and_then(|pc| self.open_base(pc));
                ensure(base.is_some_and(|base| base > i.a()), "open operands follow open results")?;
            }
            O::Return if i.b() == 0 => {
                let base = before.and_then(|pc| self.open_base(pc));
                ensure(base.is_some_and(|base| base >= i.a()), "open operands follow open results")?;
            }
            _ => {}
        }
        // What an instruction needs after it.
        if self.takes_extra_argument(pc) {
            ensure(next == Some(O::ExtraArg), "an EXTRAARG follows")?;
            if op == O::LoadKX {
                self.constant(self.code[pc + 1].ax_arg())?;
            }
        }
        if self.open_base(pc).is_some() {
            let takes = matches!(next, Some(O::Call | O::TailCall | O::Return | O::SetList));
            ensure(takes && self.code[pc + 1].b() == 0, "open results are used at once")?;
        }
        match op {
            _ if is_test(op) => {
                ensure(next == Some(O::Jmp), "a JMP follows a test")?;
                self.landing(here + 2)?;
            }
            O::LFalseSkip => self.landing(here + 2)?,
            O::Jmp => self.landing(here + 1 + i64::from(i.sj_arg()))?,
            O::ForPrep => {
                let end = here + 1 + i64::from(i.bx());
                ensure(self.is_pair(here, O::ForPrep, end, O::ForLoop), "FORPREP and FORLOOP belong together")?;
                self.landing(end + 1)?;
            }
            O::ForLoop => {
                let start = here - i64::from(i.bx());
                ensure(self.is_pair(start, O::ForPrep, here, O::ForLoop), "FORPREP and FORLOOP belong together")?;
                self.landing(start + 1)?;
            }
            O::TForPrep => {
                let call = here + 1 + i64::from(i.bx());
                let paired = self.is_pair(here, O::TForPrep, call + 1, O::TForLoop);
                ensure(paired, "TFORPREP and TFORLOOP belong together")?;
                self.landing(call)?;
            }
            O::TForCall => ensure(next == Some(O::TForLoop), "a TFORLOOP follows TFORCALL")?,
            O::TForLoop => {
                let start = here - i64::from(i.bx());
                let paired = self.is_pair(start, O::TForPrep, here, O::TForLoop);
                ensure(paired, "TFORPREP and TFORLOOP belong together")?;
                self.landing(start + 1)?;
            }
            O::Return | O::TailCall => {
                ensure(i.k() || !self.needs_close, "a return closes what is captured")?;
                let is_vararg = self.prototype.is_vararg;
                let c = if is_vararg { u32::from(self.prototype.parameters) + 1 } else { 0 };
                ensure(i.c() == c, "a return knows the number of parameters of a vararg function")?;
                if op == O::TailCall {
                    ensure(next == Some(O::Return), "a RETURN follows a TAILCALL")?;
                }
            }
            O::Return0 | O::Return1 => {
                ensure(!self.prototype.is_vararg, "a short return is not in a vararg function")?;
                ensure(!self.needs_close, "a return closes what is captured")?;
            }
            _ => {}
        }
        Ok(())
    }

    fn takes_extra_argument(&self, pc: usize) -> bool {
        match self.ops[pc] {
            Opcode::LoadKX | Opcode::NewTable => true,
            Opcode::SetList => self.code[pc].k(),
            _ => false,
        }
    }

    /// First register of the open results of an instruction, if it has such.
    fn open_base(&self, pc: usize) -> Option<u32> {
        let i = self.code[pc];
        match self.ops[pc] {
            Opcode::Call | Opcode::VarArg if i.c() == 0 => Some(i.a()),
            Opcode::TailCall => Some(i.a()),
            _ => None,
        }
    }

    /// Whether two instructions are the ends of one loop: same registers, each leading to the other.
    fn is_pair(&self, start: i64, start_op: Opcode, end: i64, end_op: Opcode) -> bool {
        let (Ok(start), Ok(end)) = (usize::try_from(start), usize::try_from(end)) else {
            return false;
        };
        if self.op(start) != Some(start_op) || self.op(end) != Some(end_op) {
            return false;
        }
        let (first, last) = (self.code[start], self.code[end]);
        let forward = start + 1 + first.bx() as usize + usize::from(start_op == Opcode::TForPrep);
        first.a() == last.a() && forward == end && start + last.bx() as usize == end
    }

    /// At a tail call no to-be-closed variable may be pending, since its frame is gone when the call returns.
    fn check_tail_calls(&self) -> Result<(), Fault> {
        let has_variable = self.ops.iter().any(|op| matches!(op, Opcode::Tbc | Opcode::TForPrep));
        if !has_variable || !self.ops.contains(&Opcode::TailCall) {
            return Ok(());
        }
        // Per instruction, the registers that may be pending, as a bit set; none if it was not reached.
        let mut pending: Vec<Option<[u64; 4]>> = vec![None; self.code.len()];
        pending[0] = Some([0; 4]);
        let mut work = vec![0];
        while let Some(pc) = work.pop() {
            let Some(mut set) = pending[pc] else { continue };
            let i = self.code[pc];
            match self.ops[pc] {
                Opcode::Tbc => set[i.a() as usize / 64] |= 1 << (i.a() % 64),
                Opcode::TForPrep => set[(i.a() as usize + 3) / 64] |= 1 << ((i.a() + 3) % 64),
                Opcode::Close => {
                    for register in i.a()..256 {
                        set[register as usize / 64] &= !(1 << (register % 64));
                    }
                }
                Opcode::TailCall if set != [0; 4] => {
                    return Err((pc, "no to-be-closed variable is pending at a tail call"));
                }
                _ => {}
            }
            for target in self.successors(pc).into_iter().flatten() {
                let merged = pending[target].map_or(set, |old| std::array::from_fn(|n| old[n] | set[n]));
                if pending[target] != Some(merged) {
                    pending[target] = Some(merged);
                    work.push(target);
                }
            }
        }
        Ok(())
    }

    /// No call puts its function at or above a register that a closure shares: the closure could replace the function
    /// while it runs.
    fn check_captures(&self, chunk: &Chunk) -> Result<(), Fault> {
        for (pc, set) in self.captures(chunk).into_iter().enumerate() {
            let i = self.code[pc];
            let first = match self.ops[pc] {
                Opcode::Call => i.a(),
                Opcode::TForCall => i.a() + 4,
                _ => continue,
            };
            if set.is_some_and(|set| below(set, first) != set) {
                return Err((pc, "a called function is above the registers that closures share"));
            }
        }
        Ok(())
    }

    /// See [`captured_registers`].
    fn captures(&self, chunk: &Chunk) -> Vec<Option<[u64; 4]>> {
        let taken = |pc: usize| {
            let nested = self.prototype.nested[self.code[pc].bx() as usize];
            let origins = &chunk.prototypes[nested as usize].upvalues;
            origins.iter().filter(|origin| origin.in_stack)
        };
        let takes = (0..self.code.len()).any(|pc| self.ops[pc] == Opcode::Closure && taken(pc).next().is_some());
        if !takes {
            return Vec::new();
        }
        let mut open: Vec<Option<[u64; 4]>> = vec![None; self.code.len()];
        open[0] = Some([0; 4]);
        let mut work = vec![0];
        while let Some(pc) = work.pop() {
            let Some(mut set) = open[pc] else { continue };
            match self.ops[pc] {
                Opcode::Closure => {
                    for origin in taken(pc) {
                        set[origin.index as usize / 64] |= 1 << (origin.index % 64);
                    }
                }
                Opcode::Close => set = below(set, self.code[pc].a()),
                Opcode::TailCall => set = [0; 4],
                _ => {}
            }
            for target in self.successors(pc).into_iter().flatten() {
                let merged = open[target].map_or(set, |old| std::array::from_fn(|n| old[n] | set[n]));
                if open[target] != Some(merged) {
                    open[target] = Some(merged);
                    work.push(target);
                }
            }
        }
        open
    }

    /// Where control may go from an instruction. The flow has been checked, so these exist.
    fn successors(&self, pc: usize) -> [Option<usize>; 2] {
        use Opcode as O;
        let i = self.code[pc];
        let distance = i.bx() as usize;
        match self.ops[pc] {
            op if is_test(op) => [Some(pc + 1), Some(pc + 2)],
            O::LFalseSkip => [Some(pc + 2), None],
            O::Jmp => [usize::try_from(pc as i64 + 1 + i64::from(i.sj_arg())).ok(), None],
            O::ForPrep => [Some(pc + 1), Some(pc + 2 + distance)],
            O::TForPrep => [Some(pc + 1 + distance), None],
            O::ForLoop | O::TForLoop => [Some(pc + 1), Some(pc + 1 - distance)],
            O::Return | O::Return0 | O::Return1 => [None, None],
            _ => [Some(pc + 1), None],
        }
    }
}
