//! The code generator: instructions, jump lists, registers and constants of the function being compiled.
//!
//! Journey: tokens -> **prototype**. The parser calls these functions as it reads; they work on the innermost
//! [`FunctionState`]. The discipline is the reference implementation's: registers are a stack, an expression stays
//! undecided (expression.rs) as long as it can, unresolved jumps are chained through their own offsets.
//!
//! Always: a jump list ends with an offset of -1, which no real jump can have; registers below `register_level` hold
//! local variables, those up to `free_register` hold temporaries.
//!
//! Not here: expressions (expression.rs), operators (operator.rs), folding (fold.rs), scopes (parser/scope.rs).

pub(crate) mod expression;
mod fold;
pub(crate) mod operator;

use crate::error::Result;
use crate::lexer::Name;
use crate::lines::Lines;
use crate::opcode::{Instruction, MAX_ARG, MAX_AX, MAX_BX, MAX_REGISTERS, OFFSET_SJ, Opcode};
use crate::parser::Parser;
use crate::parser::scope::Block;
use crate::prototype::{Constant, Prototype};
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// The end of a jump list.
pub(crate) const NO_JUMP: i32 = -1;
/// In TESTSET: the target is not known yet.
const NO_REGISTER: u32 = MAX_ARG;
/// As a number of results: as many as there are.
pub(crate) const MULTIPLE: i32 = -1;
/// Items of a table constructor that one SETLIST stores.
pub(crate) const FIELDS_PER_FLUSH: u32 = 50;

/// A function while it is being compiled.
pub(crate) struct FunctionState {
    /// What comes of it.
    pub prototype: Prototype,
    /// Its index in the chunk.
    pub index: usize,
    /// Its open blocks; the first is the body.
    pub blocks: Vec<Block>,
    /// First of its variables in `Parser::variables`.
    pub first_variable: usize,
    /// First of its labels in `Parser::labels`.
    pub first_label: usize,
    /// Number of active variables.
    pub active: usize,
    /// First free register.
    pub free_register: u32,
    /// Last pc that is a jump target: the instruction before it must not be merged with what follows.
    pub last_target: i32,
    /// Whether returns must close upvalues or variables.
    pub needs_close: bool,
    /// Names of its upvalues.
    pub upvalues: Vec<Name>,
    /// Where each constant is.
    constants: HashTable<u32>,
}

impl FunctionState {
    pub fn new(index: usize, line_defined: u32, first_variable: usize, first_label: usize) -> Self {
        FunctionState {
            prototype: Prototype {
                line_defined,
                last_line_defined: 0,
                parameters: 0,
                is_vararg: false,
                registers: 2,
                code: Vec::new(),
                constants: Vec::new(),
                upvalues: Vec::new(),
                nested: Vec::new(),
                lines: Lines::default(),
                locals: Vec::new(),
            },
            index,
            blocks: Vec::new(),
            first_variable,
            first_label,
            active: 0,
            free_register: 0,
            last_target: 0,
            needs_close: false,
            upvalues: Vec::new(),
            constants: HashTable::new(),
        }
    }

    /// pc of the next instruction.
    pub fn pc(&self) -> i32 {
        self.prototype.code.len() as i32 // the source's length is limited so that this fits
    }
}

/// Appends to a list of a prototype. A long one grows by much more than it has: room that is not used costs nothing, and what
/// it leaves behind when it grows can be more than the list.
#[inline(always)]
pub(crate) fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() == list.capacity() {
        grow(list);
    }
    list.push(item);
}
#[cold]
#[inline(never)]
fn grow<T>(list: &mut Vec<T>) {
    const LONG: usize = 4096;
    /// Of what is small, a function has that many at least.
    const FIRST: usize = 16;
    // If there is not so much, it grows as lists do.
    if list.len() < LONG || list.try_reserve_exact(7 * list.len()).is_err() {
        list.reserve(if size_of::<T>() <= 4 && list.is_empty() { FIRST } else { 1 });
    }
}

/// A constant to be: floats by their bits, so that integers stay apart from them.
#[derive(Clone, Copy)]
pub(crate) enum ConstantKey {
    Nil,
    Boolean(bool),
    Integer(i64),
    Float(u64),
    String(Name),
}

const fn with_a(i: Instruction, a: u32) -> Instruction {
    Instruction(i.0 & !(0xff << 7) | a << 7)
}

const fn with_b(i: Instruction, b: u32) -> Instruction {
    Instruction(i.0 & !(0xff << 16) | b << 16)
}

const fn with_c(i: Instruction, c: u32) -> Instruction {
    Instruction(i.0 & !(0xff << 24) | c << 24)
}

const fn with_k(i: Instruction, k: bool) -> Instruction {
    Instruction(i.0 & !(1 << 15) | (k as u32) << 15)
}

const fn with_opcode(i: Instruction, op: Opcode) -> Instruction {
    Instruction(i.0 & !0x7f | op as u32)
}

/// Whether an operation is a test, which a JMP follows.
pub(crate) const fn is_test(op: Opcode) -> bool {
    matches!(
        op,
        Opcode::Eq
            | Opcode::Lt
            | Opcode::Le
            | Opcode::EqK
            | Opcode::EqI
            | Opcode::LtI
            | Opcode::LeI
            | Opcode::GtI
            | Opcode::GeI
            | Opcode::Test
            | Opcode::TestSet
    )
}

// Instructions.
impl Parser<'_> {
    pub(crate) fn instruction(&self, pc: i32) -> Instruction {
        self.function.prototype.code[pc as usize]
    }

    pub(crate) fn set_instruction(&mut self, pc: i32, instruction: Instruction) {
        self.function.prototype.code[pc as usize] = instruction;
    }

    /// Appends an instruction, at the line of the last token consumed; returns its pc.
    pub(crate) fn emit(&mut self, instruction: Instruction) -> i32 {
        let pc = self.function.pc();
        push(&mut self.function.prototype.code, instruction);
        self.function.prototype.lines.push(self.lexer.last_line);
        pc
    }

    pub(crate) fn emit_abc(&mut self, op: Opcode, a: u32, b: u32, c: u32) -> i32 {
        self.emit(Instruction::abc(op, a, b, c, false))
    }

    /// Loads a constant.
    fn emit_constant(&mut self, register: u32, constant: u32) -> i32 {
        if constant <= MAX_BX {
            self.emit(Instruction::abx(Opcode::LoadK, register, constant))
        } else {
            let pc = self.emit(Instruction::abx(Opcode::LoadKX, register, 0));
            self.emit(Instruction::ax(Opcode::ExtraArg, constant));
            pc
        }
    }

    /// Sets registers to nil, in one instruction with a LOADNIL just before where the ranges touch.
    pub(crate) fn emit_nil(&mut self, first: u32, count: u32) {
        let mut first = first;
        let mut last = first + count - 1;
        if let Some(previous) = self.previous_instruction()
            && previous.opcode() == Opcode::LoadNil
        {
            let previous_first = previous.a();
            let previous_last = previous_first + previous.b();
            if (previous_first <= first && first <= previous_last + 1)
                || (first <= previous_first && previous_first <= last + 1)
            {
                first = first.min(previous_first);
                last = last.max(previous_last);
                let pc = self.function.pc() - 1;
                self.set_instruction(pc, Instruction::abc(Opcode::LoadNil, first, last - first, 0, false));
                return;
            }
        }
        self.emit_abc(Opcode::LoadNil, first, count - 1, 0);
    }

    /// The instruction before, unless a jump may come in between.
    fn previous_instruction(&self) -> Option<Instruction> {
        if self.function.pc() > self.function.last_target { self.function.prototype.code.last().copied() } else { None }
    }

    fn remove_last_instruction(&mut self) {
        self.function.prototype.code.pop();
        self.function.prototype.lines.pop();
    }

    /// Changes the line of the last instruction.
    pub(crate) fn fix_line(&mut self, line: u32) {
        self.function.prototype.lines.set_last(line);
    }

    pub(crate) fn emit_return(&mut self, first: u32, count: i32) {
        let op = match count {
            0 => Opcode::Return0,
            1 => Opcode::Return1,
            _ => Opcode::Return,
        };
        self.emit_abc(op, first, (count + 1) as u32, 0);
    }

    /// Fills in the sizes of a table constructor, known at its end.
    pub(crate) fn set_table_size(&mut self, pc: i32, register: u32, array_size: u32, hash_size: u32) {
        let hash_log = if hash_size == 0 { 0 } else { u32::BITS - (hash_size - 1).leading_zeros() + 1 };
        let (extra, low) = (array_size / (MAX_ARG + 1), array_size % (MAX_ARG + 1));
        self.set_instruction(pc, Instruction::abc(Opcode::NewTable, register, hash_log, low, extra > 0));
        self.set_instruction(pc + 1, Instruction::ax(Opcode::ExtraArg, extra));
    }

    /// Stores the registers above a table into it, after `stored` items; `count` may be [`MULTIPLE`].
    pub(crate) fn emit_set_list(&mut self, base: u32, stored: u32, count: i32) {
        let b = if count == MULTIPLE { 0 } else { count as u32 };
        if stored <= MAX_ARG {
            self.emit_abc(Opcode::SetList, base, b, stored);
        } else {
            let (extra, low) = (stored / (MAX_ARG + 1), stored % (MAX_ARG + 1));
            self.emit(Instruction::abc(Opcode::SetList, base, b, low, true));
            self.emit(Instruction::ax(Opcode::ExtraArg, extra));
        }
        self.function.free_register = base + 1;
    }

    /// The last pass over a function's code: the final forms of returns, and jumps to jumps made direct.
    pub(crate) fn finish_code(&mut self) -> Result<()> {
        let (needs_close, is_vararg) = (self.function.needs_close, self.function.prototype.is_vararg);
        let c = if is_vararg { u32::from(self.function.prototype.parameters) + 1 } else { 0 };
        for pc in 0..self.function.pc() {
            let mut i = self.instruction(pc);
            match i.opcode() {
                Opcode::Return0 | Opcode::Return1 if !needs_close && !is_vararg => {}
                op @ (Opcode::Return0 | Opcode::Return1 | Opcode::Return | Opcode::TailCall) => {
                    if op != Opcode::TailCall {
                        i = with_opcode(i, Opcode::Return);
                    }
                    self.set_instruction(pc, with_c(with_k(i, needs_close), c));
                }
                Opcode::Jmp => {
                    let target = self.final_target(pc);
                    self.fix_jump(pc, target)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn final_target(&self, pc: i32) -> i32 {
        let mut target = pc;
        // The bound ends the walk around a loop of jumps.
        for _ in 0..100 {
            let i = self.instruction(target);
            if i.opcode() != Opcode::Jmp {
                break;
            }
            target += i.sj_arg() + 1;
        }
        target
    }
}

// Jumps.
impl Parser<'_> {
    /// Emits a jump whose target is not known yet.
    pub(crate) fn emit_jump(&mut self) -> i32 {
        self.emit(Instruction::sj(Opcode::Jmp, NO_JUMP))
    }

    /// Emits a test and the jump that follows it; returns the jump.
    fn emit_test(&mut self, test: Instruction) -> i32 {
        self.emit(test);
        self.emit_jump()
    }

    /// The pc here, marked as a jump target.
    pub(crate) fn mark_target(&mut self) -> i32 {
        self.function.last_target = self.function.pc();
        self.function.last_target
    }

    /// The jump after this one in its list.
    fn next_jump(&self, pc: i32) -> i32 {
        match self.instruction(pc).sj_arg() {
            NO_JUMP => NO_JUMP,
            offset => pc + 1 + offset,
        }
    }

    fn fix_jump(&mut self, pc: i32, target: i32) -> Result<()> {
        let offset = target - (pc + 1);
        if !(-OFFSET_SJ..=MAX_AX as i32 - OFFSET_SJ).contains(&offset) {
            return Err(self.lexer.error_near(b"control structure too long"));
        }
        self.set_instruction(pc, Instruction::sj(Opcode::Jmp, offset));
        Ok(())
    }

    /// The jumps of two lists in one.
    ///
    /// A second list of one jump goes to the front: so a chain that grows by one jump at a time takes linear time.
    pub(crate) fn join_jumps(&mut self, first: i32, second: i32) -> Result<i32> {
        if second == NO_JUMP {
            return Ok(first);
        }
        if first == NO_JUMP {
            return Ok(second);
        }
        if self.next_jump(second) == NO_JUMP {
            self.fix_jump(second, first)?;
            return Ok(second);
        }
        let mut last = first;
        loop {
            match self.next_jump(last) {
                NO_JUMP => break,
                next => last = next,
            }
        }
        self.fix_jump(last, second)?;
        Ok(first)
    }

    /// pc of the test that controls a jump, or of the jump itself.
    fn jump_control(&self, pc: i32) -> i32 {
        if pc >= 1 && is_test(self.instruction(pc - 1).opcode()) { pc - 1 } else { pc }
    }

    /// Gives a TESTSET its target; without one, or if the value is already there, it becomes a TEST. Answers whether
    /// the jump's test was a TESTSET.
    fn patch_test(&mut self, jump: i32, register: u32) -> bool {
        let pc = self.jump_control(jump);
        let i = self.instruction(pc);
        if i.opcode() != Opcode::TestSet {
            return false;
        }
        let patched = if register != NO_REGISTER && register != i.b() {
            with_a(i, register)
        } else {
            Instruction::abc(Opcode::Test, i.b(), 0, 0, i.k())
        };
        self.set_instruction(pc, patched);
        true
    }

    /// Makes all tests of a list produce no value.
    fn remove_values(&mut self, mut list: i32) {
        while list != NO_JUMP {
            self.patch_test(list, NO_REGISTER);
            list = self.next_jump(list);
        }
    }

    /// Whether a list has a jump whose test does not produce the value.
    fn needs_value(&self, mut list: i32) -> bool {
        while list != NO_JUMP {
            if self.instruction(self.jump_control(list)).opcode() != Opcode::TestSet {
                return true;
            }
            list = self.next_jump(list);
        }
        false
    }

    /// Sends the jumps of a list to their targets: those with a value in `register` to one, the others to another.
    fn patch_list_to(&mut self, mut list: i32, value_target: i32, register: u32, target: i32) -> Result<()> {
        while list != NO_JUMP {
            let next = self.next_jump(list);
            let has_value = self.patch_test(list, register);
            self.fix_jump(list, if has_value { value_target } else { target })?;
            list = next;
        }
        Ok(())
    }

    pub(crate) fn patch_list(&mut self, list: i32, target: i32) -> Result<()> {
        self.patch_list_to(list, target, NO_REGISTER, target)
    }

    pub(crate) fn patch_to_here(&mut self, list: i32) -> Result<()> {
        let here = self.mark_target();
        self.patch_list(list, here)
    }
}

// Registers.
impl Parser<'_> {
    pub(crate) fn check_stack(&mut self, count: u32) -> Result<()> {
        let size = self.function.free_register + count;
        if size > u32::from(self.function.prototype.registers) {
            if size >= MAX_REGISTERS {
                return Err(self.lexer.error_near(b"function or expression needs too many registers"));
            }
            self.function.prototype.registers = size as u8;
        }
        Ok(())
    }

    pub(crate) fn reserve_registers(&mut self, count: u32) -> Result<()> {
        self.check_stack(count)?;
        self.function.free_register += count;
        Ok(())
    }

    /// Frees a register, unless a variable lives there.
    fn release_register(&mut self, register: u32) {
        if register >= self.active_registers() {
            self.function.free_register -= 1;
            debug_assert!(register == self.function.free_register, "temporaries are freed in stack order");
        }
    }

    fn release_registers(&mut self, first: u32, second: u32) {
        self.release_register(first.max(second));
        self.release_register(first.min(second));
    }
}

// Constants.
impl Parser<'_> {
    /// The index of a constant, which is added if it is new.
    fn constant(&mut self, key: ConstantKey) -> u32 {
        let (hash, known) = self.find_constant(key);
        if let Some(index) = known {
            return index;
        }
        let names = &self.lexer.names;
        let function = &mut self.function;
        let constants = &mut function.prototype.constants;
        let index = constants.len() as u32;
        let hash_of = |&index: &u32| names.hasher.hash_one(constant_bits(&constants[index as usize]));
        function.constants.insert_unique(hash, index, hash_of);
        let constant = match key {
            ConstantKey::Nil => Constant::Nil,
            ConstantKey::Boolean(value) => Constant::Boolean(value),
            ConstantKey::Integer(value) => Constant::Integer(value),
            ConstantKey::Float(bits) => Constant::Float(f64::from_bits(bits)),
            ConstantKey::String(name) => Constant::String(names.text(name).clone()),
        };
        push(constants, constant);
        index
    }

    /// The index of a constant if it fits an operand. One that would not is not added, as it may not be needed then.
    fn operand_constant(&mut self, key: ConstantKey) -> Option<u32> {
        let index = match self.function.prototype.constants.len() <= MAX_ARG as usize {
            true => self.constant(key),
            false => self.find_constant(key).1?,
        };
        (index <= MAX_ARG).then_some(index)
    }

    /// The hash of a constant, and its index if it is there.
    fn find_constant(&self, key: ConstantKey) -> (u64, Option<u32>) {
        let names = &self.lexer.names;
        let wanted = match key {
            ConstantKey::Nil => (0, 0),
            ConstantKey::Boolean(value) => (1, u64::from(value)),
            ConstantKey::Integer(value) => (2, value as u64),
            ConstantKey::Float(bits) => (3, bits),
            ConstantKey::String(name) => (4, names.text(name).as_ptr() as u64),
        };
        let hash = names.hasher.hash_one(wanted);
        let constants = &self.function.prototype.constants;
        let is_it = |&index: &u32| constant_bits(&constants[index as usize]) == wanted;
        (hash, self.function.constants.find(hash, is_it).copied())
    }
}

/// A kind and bits, the same for constants of a function that are one. Of a text there is one in a chunk, which is where it is.
fn constant_bits(constant: &Constant) -> (u8, u64) {
    match constant {
        Constant::Nil => (0, 0),
        Constant::Boolean(value) => (1, u64::from(*value)),
        Constant::Integer(value) => (2, *value as u64),
        Constant::Float(value) => (3, value.to_bits()),
        Constant::String(text) => (4, text.as_ptr() as u64),
    }
}
