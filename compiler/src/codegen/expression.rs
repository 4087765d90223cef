//! Expressions while they are undecided, and how they come to rest in a register, a constant or a jump.
//!
//! Journey: tokens -> **prototype**. A descriptor says where a value is or which instruction will make it; the two
//! jump lists are the ways out of `and`, `or` and comparisons. The reader might expect a syntax tree: the descriptor
//! is all that is needed of one.
//!
//! Always: a descriptor in a register above the variables owns the top temporary. An undecided instruction
//! (`Relocatable`) has its target filled in when it is known.

use super::fold::float_to_integer;
use super::{ConstantKey, NO_JUMP, NO_REGISTER, with_a, with_c, with_k};
use crate::error::Result;
use crate::lexer::Name;
use crate::number::Number;
use crate::opcode::{Instruction, MAX_ARG, OFFSET_SBX, OFFSET_SC, Opcode};
use crate::parser::Parser;
use crate::prototype::Constant;

/// Longest string that a field access takes as a constant key; longer ones are not interned by the reference.
const MAX_SHORT_STRING: usize = 40;

/// What is known about an expression's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// No expression (an empty list).
    Void,
    Nil,
    True,
    False,
    Integer(i64),
    Float(f64),
    String(Name),
    /// A constant of the function.
    Constant(u32),
    /// In a fixed register.
    Register(u32),
    /// A local variable: index among the active ones of the function, and register.
    Local {
        variable: usize,
        register: u32,
    },
    Upvalue(u32),
    /// A compile-time constant: index in `Parser::variables`.
    CompileTime(usize),
    /// `R[table][R[key]]`
    Indexed {
        table: u32,
        key: u32,
    },
    /// `U[table][K[key]]`
    IndexedUpvalue {
        table: u32,
        key: u32,
    },
    /// `R[table][key]`
    IndexedInteger {
        table: u32,
        key: u32,
    },
    /// `R[table][K[key]]`
    IndexedField {
        table: u32,
        key: u32,
    },
    /// A comparison: the jump taken when it is true.
    Jump(i32),
    /// The instruction at this pc will put it into a register yet to be said.
    Relocatable(i32),
    /// The CALL at this pc.
    Call(i32),
    /// The VARARG at this pc.
    VarArg(i32),
}

/// An expression.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expression {
    pub kind: Kind,
    /// Jumps taken when it is true.
    pub on_true: i32,
    /// Jumps taken when it is false.
    pub on_false: i32,
}

impl From<Kind> for Expression {
    fn from(kind: Kind) -> Self {
        Expression { kind, on_true: NO_JUMP, on_false: NO_JUMP }
    }
}

impl Expression {
    pub fn has_jumps(&self) -> bool {
        self.on_true != self.on_false
    }

    /// Whether it can give any number of values.
    pub fn is_multiple(&self) -> bool {
        matches!(self.kind, Kind::Call(_) | Kind::VarArg(_))
    }

    /// Whether it can be assigned to (or is a compile-time constant, which is refused later).
    pub fn is_variable(&self) -> bool {
        matches!(self.kind, Kind::Local { .. } | Kind::Upvalue(_) | Kind::CompileTime(_)) || self.is_indexed()
    }

    pub fn is_indexed(&self) -> bool {
        matches!(
            self.kind,
            Kind::Indexed { .. }
                | Kind::IndexedUpvalue { .. }
                | Kind::IndexedInteger { .. }
                | Kind::IndexedField { .. }
        )
    }

    /// Its value, if it is a numeral.
    pub(super) fn numeral(&self) -> Option<Number> {
        match self.kind {
            _ if self.has_jumps() => None,
            Kind::Integer(value) => Some(Number::Integer(value)),
            Kind::Float(value) => Some(Number::Float(value)),
            _ => None,
        }
    }

    /// Its value, if it is an integer literal.
    pub(super) fn integer(&self) -> Option<i64> {
        match self.kind {
            Kind::Integer(value) if !self.has_jumps() => Some(value),
            _ => None,
        }
    }

    /// Its value, if it is an integer literal that fits a signed 8-bit operand.
    pub(super) fn small_integer(&self) -> Option<i32> {
        self.integer().and_then(small)
    }

    /// Its value, if it is a numeral that fits a signed 8-bit operand, and whether it is a float.
    pub(super) fn small_number(&self) -> Option<(i32, bool)> {
        match self.numeral()? {
            Number::Integer(value) => Some((small(value)?, false)),
            Number::Float(value) => Some((small(float_to_integer(value)?)?, true)),
        }
    }
}

/// The value if it fits `sB` or `sC`.
pub(super) fn small(value: i64) -> Option<i32> {
    let range = -i64::from(OFFSET_SC)..=i64::from(MAX_ARG as i32 - OFFSET_SC);
    range.contains(&value).then_some(value as i32)
}

/// The value if it fits `sBx`.
fn fits_sbx(value: i64) -> Option<i32> {
    let range = -i64::from(OFFSET_SBX)..=i64::from(OFFSET_SBX) + 1;
    range.contains(&value).then_some(value as i32)
}

impl Parser<'_> {
    /// The value of a constant expression.
    pub(crate) fn constant_value(&self, e: &Expression) -> Option<Kind> {
        match e.kind {
            _ if e.has_jumps() => None,
            Kind::Nil | Kind::True | Kind::False | Kind::Integer(_) | Kind::Float(_) | Kind::String(_) => Some(e.kind),
            Kind::CompileTime(variable) => Some(self.variables[variable].value),
            _ => None,
        }
    }

    /// Fixes a multiple expression to give so many values (or [`super::MULTIPLE`]).
    pub(crate) fn set_results(&mut self, e: &Expression, count: i32) -> Result<()> {
        let c = (count + 1) as u32;
        match e.kind {
            Kind::Call(pc) => {
                let i = self.instruction(pc);
                self.set_instruction(pc, with_c(i, c));
            }
            Kind::VarArg(pc) => {
                let i = with_a(self.instruction(pc), self.function.free_register);
                self.set_instruction(pc, with_c(i, c));
                self.reserve_registers(1)?;
            }
            _ => debug_assert!(false, "only calls and varargs give several values"),
        }
        Ok(())
    }

    /// Fixes an expression to give one value.
    pub(crate) fn set_one_result(&mut self, e: &mut Expression) {
        match e.kind {
            Kind::Call(pc) => e.kind = Kind::Register(self.instruction(pc).a()),
            Kind::VarArg(pc) => {
                let i = self.instruction(pc);
                self.set_instruction(pc, with_c(i, 2));
                e.kind = Kind::Relocatable(pc);
            }
            _ => {}
        }
    }

    /// Makes the expression a value: no variable any more.
    pub(crate) fn discharge_variable(&mut self, e: &mut Expression) {
        e.kind = match e.kind {
            Kind::CompileTime(variable) => self.variables[variable].value,
            Kind::Local { register, .. } => Kind::Register(register),
            Kind::Upvalue(index) => Kind::Relocatable(self.emit_abc(Opcode::GetUpval, 0, index, 0)),
            Kind::IndexedUpvalue { table, key } => Kind::Relocatable(self.emit_abc(Opcode::GetTabUp, 0, table, key)),
            Kind::IndexedInteger { table, key } => {
                self.release_register(table);
                Kind::Relocatable(self.emit_abc(Opcode::GetI, 0, table, key))
            }
            Kind::IndexedField { table, key } => {
                self.release_register(table);
                Kind::Relocatable(self.emit_abc(Opcode::GetField, 0, table, key))
            }
            Kind::Indexed { table, key } => {
                self.release_registers(table, key);
                Kind::Relocatable(self.emit_abc(Opcode::GetTable, 0, table, key))
            }
            Kind::Call(_) | Kind::VarArg(_) => return self.set_one_result(e),
            kind => kind,
        };
    }

    /// Puts the value into a register; the jump lists stay. A comparison stays a jump.
    fn discharge_to(&mut self, e: &mut Expression, register: u32) {
        self.discharge_variable(e);
        match e.kind {
            Kind::Nil => self.emit_nil(register, 1),
            Kind::False => {
                self.emit_abc(Opcode::LoadFalse, register, 0, 0);
            }
            Kind::True => {
                self.emit_abc(Opcode::LoadTrue, register, 0, 0);
            }
            Kind::String(name) => {
                let constant = self.constant(ConstantKey::String(name));
                self.emit_constant(register, constant);
            }
            Kind::Constant(constant) => {
                self.emit_constant(register, constant);
            }
            Kind::Float(value) => match float_to_integer(value).and_then(fits_sbx) {
                Some(small) => {
                    self.emit(Instruction::asbx(Opcode::LoadF, register, small));
                }
                None => {
                    let constant = self.constant(ConstantKey::Float(value.to_bits()));
                    self.emit_constant(register, constant);
                }
            },
            Kind::Integer(value) => self.emit_integer(register, value),
            Kind::Relocatable(pc) => {
                let i = self.instruction(pc);
                self.set_instruction(pc, with_a(i, register));
            }
            Kind::Register(from) => {
                if from != register {
                    self.emit_abc(Opcode::Move, register, from, 0);
                }
            }
            _ => return,
        }
        e.kind = Kind::Register(register);
    }

    pub(crate) fn emit_integer(&mut self, register: u32, value: i64) {
        match fits_sbx(value) {
            Some(small) => {
                self.emit(Instruction::asbx(Opcode::LoadI, register, small));
            }
            None => {
                let constant = self.constant(ConstantKey::Integer(value));
                self.emit_constant(register, constant);
            }
        }
    }

    /// Puts the value into some register; the jump lists stay.
    pub(super) fn discharge_anywhere(&mut self, e: &mut Expression) -> Result<()> {
        if !matches!(e.kind, Kind::Register(_)) {
            self.reserve_registers(1)?;
            self.discharge_to(e, self.function.free_register - 1);
        }
        Ok(())
    }

    /// Frees the register of an expression.
    pub(super) fn release(&mut self, e: &Expression) {
        if let Kind::Register(register) = e.kind {
            self.release_register(register);
        }
    }

    pub(super) fn release_both(&mut self, first: &Expression, second: &Expression) {
        match (first.kind, second.kind) {
            (Kind::Register(a), Kind::Register(b)) => self.release_registers(a, b),
            _ => {
                self.release(first);
                self.release(second);
            }
        }
    }

    /// Puts the final value, with what the jump lists bring, into a register.
    fn place(&mut self, e: &mut Expression, register: u32) -> Result<()> {
        self.discharge_to(e, register);
        if let Kind::Jump(pc) = e.kind {
            e.on_true = self.join_jumps(e.on_true, pc)?;
        }
        if e.has_jumps() {
            let mut load_false = NO_JUMP;
            let mut load_true = NO_JUMP;
            if self.needs_value(e.on_true) || self.needs_value(e.on_false) {
                let over = if matches!(e.kind, Kind::Jump(_)) { NO_JUMP } else { self.emit_jump() };
                self.mark_target();
                load_false = self.emit_abc(Opcode::LFalseSkip, register, 0, 0);
                self.mark_target();
                load_true = self.emit_abc(Opcode::LoadTrue, register, 0, 0);
                self.patch_to_here(over)?;
            }
            let end = self.mark_target();
            self.patch_list_to(e.on_false, end, register, load_false)?;
            self.patch_list_to(e.on_true, end, register, load_true)?;
        }
        *e = Kind::Register(register).into();
        Ok(())
    }

    /// Puts the final value into the next free register.
    pub(crate) fn place_in_next_register(&mut self, e: &mut Expression) -> Result<()> {
        self.discharge_variable(e);
        self.release(e);
        self.reserve_registers(1)?;
        self.place(e, self.function.free_register - 1)
    }

    /// Puts the final value into some register, which is returned.
    pub(crate) fn place_in_register(&mut self, e: &mut Expression) -> Result<u32> {
        self.discharge_variable(e);
        if let Kind::Register(register) = e.kind {
            if !e.has_jumps() {
                return Ok(register);
            }
            if register >= self.active_registers() {
                self.place(e, register)?;
                return Ok(register);
            }
            // A variable's register cannot take what the jumps bring.
        }
        self.place_in_next_register(e)?;
        Ok(self.function.free_register - 1)
    }

    /// Puts the final value into some register, or leaves it in an upvalue.
    pub(crate) fn place_in_register_or_upvalue(&mut self, e: &mut Expression) -> Result<()> {
        if !matches!(e.kind, Kind::Upvalue(_)) || e.has_jumps() {
            self.place_in_register(e)?;
        }
        Ok(())
    }

    /// Makes the final value a register or a constant.
    pub(crate) fn settle(&mut self, e: &mut Expression) -> Result<()> {
        if matches!(e.kind, Kind::Jump(_)) || e.has_jumps() {
            self.place_in_register(e)?;
        } else {
            self.discharge_variable(e);
        }
        Ok(())
    }

    /// Makes the expression a constant of the function whose index fits 8 bits, if it can be one.
    pub(super) fn make_constant(&mut self, e: &mut Expression) -> Option<u32> {
        if e.has_jumps() {
            return None;
        }
        let index = match e.kind {
            Kind::True => self.operand_constant(ConstantKey::Boolean(true)),
            Kind::False => self.operand_constant(ConstantKey::Boolean(false)),
            Kind::Nil => self.operand_constant(ConstantKey::Nil),
            Kind::Integer(value) => self.operand_constant(ConstantKey::Integer(value)),
            Kind::Float(value) => self.operand_constant(ConstantKey::Float(value.to_bits())),
            Kind::String(name) => self.operand_constant(ConstantKey::String(name)),
            Kind::Constant(index) => Some(index).filter(|&index| index <= MAX_ARG),
            _ => None,
        }?;
        e.kind = Kind::Constant(index);
        Some(index)
    }

    /// Makes the expression an `RK` operand; answers the operand and whether it is a constant.
    pub(super) fn place_in_register_or_constant(&mut self, e: &mut Expression) -> Result<(u32, bool)> {
        match self.make_constant(e) {
            Some(index) => Ok((index, true)),
            None => Ok((self.place_in_register(e)?, false)),
        }
    }

    fn emit_abrk(&mut self, op: Opcode, a: u32, b: u32, e: &mut Expression) -> Result<()> {
        let (c, k) = self.place_in_register_or_constant(e)?;
        self.emit(Instruction::abc(op, a, b, c, k));
        Ok(())
    }

    /// Stores a value into a variable.
    pub(crate) fn store(&mut self, variable: &Expression, e: &mut Expression) -> Result<()> {
        match variable.kind {
            Kind::Local { register, .. } => {
                self.release(e);
                return self.place(e, register);
            }
            Kind::Upvalue(index) => {
                let register = self.place_in_register(e)?;
                self.emit_abc(Opcode::SetUpval, register, index, 0);
            }
            Kind::IndexedUpvalue { table, key } => self.emit_abrk(Opcode::SetTabUp, table, key, e)?,
            Kind::IndexedInteger { table, key } => self.emit_abrk(Opcode::SetI, table, key, e)?,
            Kind::IndexedField { table, key } => self.emit_abrk(Opcode::SetField, table, key, e)?,
            Kind::Indexed { table, key } => self.emit_abrk(Opcode::SetTable, table, key, e)?,
            _ => debug_assert!(self.is_checking(), "only variables are assigned to"),
        }
        self.release(e);
        Ok(())
    }

    /// Makes `e` the function of a call `e:key(`, with the object in the register after it.
    pub(crate) fn emit_self(&mut self, e: &mut Expression, key: Name) -> Result<()> {
        let object = self.place_in_register(e)?;
        self.release(e);
        let base = self.function.free_register;
        *e = Kind::Register(base).into();
        self.reserve_registers(2)?;
        let mut key = Kind::String(key).into();
        self.emit_abrk(Opcode::Self_, base, object, &mut key)?;
        self.release(&key);
        Ok(())
    }

    /// Makes `table` the expression `table[key]`. The table is in a register or an upvalue.
    pub(crate) fn index(&mut self, table: &mut Expression, key: &mut Expression) -> Result<()> {
        if let Kind::String(name) = key.kind {
            key.kind = Kind::Constant(self.constant(ConstantKey::String(name)));
        }
        let field = match key.kind {
            Kind::Constant(index) if !key.has_jumps() && index <= MAX_ARG => {
                match &self.function.prototype.constants[index as usize] {
                    Constant::String(text) if text.len() <= MAX_SHORT_STRING => Some(index),
                    _ => None,
                }
            }
            _ => None,
        };
        if let (Kind::Upvalue(table_index), Some(key)) = (table.kind, field) {
            table.kind = Kind::IndexedUpvalue { table: table_index, key };
            return Ok(());
        }
        let register = match table.kind {
            Kind::Local { register, .. } => register,
            _ => self.place_in_register(table)?,
        };
        table.kind = match (field, key.integer()) {
            (Some(key), _) => Kind::IndexedField { table: register, key },
            (None, Some(value @ 0..=255)) => Kind::IndexedInteger { table: register, key: value as u32 },
            _ => Kind::Indexed { table: register, key: self.place_in_register(key)? },
        };
        Ok(())
    }

    /// Inverts a comparison.
    pub(super) fn negate_condition(&mut self, jump: i32) {
        let pc = self.jump_control(jump);
        let i = self.instruction(pc);
        self.set_instruction(pc, with_k(i, !i.k()));
    }

    /// Emits a jump that is taken if the value is `condition`; a `not` just before is absorbed.
    fn jump_if(&mut self, e: &mut Expression, condition: bool) -> Result<i32> {
        if let Kind::Relocatable(pc) = e.kind {
            let i = self.instruction(pc);
            if i.opcode() == Opcode::Not {
                self.remove_last_instruction();
                return Ok(self.emit_test(Instruction::abc(Opcode::Test, i.b(), 0, 0, !condition)));
            }
        }
        self.discharge_anywhere(e)?;
        self.release(e);
        let Kind::Register(register) = e.kind else {
            debug_assert!(false, "the value was just put into a register");
            return Ok(NO_JUMP);
        };
        Ok(self.emit_test(Instruction::abc(Opcode::TestSet, NO_REGISTER, register, 0, condition)))
    }

    /// Goes on here if the value is true, else through `on_false`.
    pub(crate) fn go_if_true(&mut self, e: &mut Expression) -> Result<()> {
        self.discharge_variable(e);
        let jump = match e.kind {
            Kind::Jump(pc) => {
                self.negate_condition(pc);
                pc
            }
            Kind::Constant(_) | Kind::Float(_) | Kind::Integer(_) | Kind::String(_) | Kind::True => NO_JUMP,
            _ => self.jump_if(e, false)?,
        };
        e.on_false = self.join_jumps(e.on_false, jump)?;
        self.patch_to_here(e.on_true)?;
        e.on_true = NO_JUMP;
        Ok(())
    }

    /// Goes on here if the value is false, else through `on_true`.
    pub(crate) fn go_if_false(&mut self, e: &mut Expression) -> Result<()> {
        self.discharge_variable(e);
        let jump = match e.kind {
            Kind::Jump(pc) => pc,
            Kind::Nil | Kind::False => NO_JUMP,
            _ => self.jump_if(e, true)?,
        };
        e.on_true = self.join_jumps(e.on_true, jump)?;
        self.patch_to_here(e.on_false)?;
        e.on_false = NO_JUMP;
        Ok(())
    }
}
