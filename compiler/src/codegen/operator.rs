//! Operators: which instruction form an operation takes.
//!
//! Journey: tokens -> **prototype**. A binary operator is seen twice: [`Parser::infix`] before its second operand is
//! read, [`Parser::postfix`] after it.
//!
//! Always: where an operand is a numeral, it is kept one until here, so that K and I forms and folding can use it.
//!
//! Differs from the reference (see opcode.rs): no follow-up instruction for metamethods; `k` says that the operands
//! were swapped; subtraction of a constant is SUBK.

use super::expression::{Expression, Kind, small};
use super::{Opcode, fold, with_a, with_b};
use crate::error::Result;
use crate::number::Number;
use crate::opcode::{Instruction, OFFSET_SC};
use crate::parser::Parser;
use std::mem::swap;

/// A binary operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Binary {
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
    Concat,
    Eq,
    Lt,
    Le,
    Ne,
    Gt,
    Ge,
    And,
    Or,
}

/// A unary operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unary {
    Minus,
    BNot,
    Not,
    Len,
}

impl Binary {
    /// The form with two registers, and the form with a constant.
    fn opcodes(self) -> (Opcode, Option<Opcode>) {
        match self {
            Binary::Add => (Opcode::Add, Some(Opcode::AddK)),
            Binary::Sub => (Opcode::Sub, Some(Opcode::SubK)),
            Binary::Mul => (Opcode::Mul, Some(Opcode::MulK)),
            Binary::Mod => (Opcode::Mod, Some(Opcode::ModK)),
            Binary::Pow => (Opcode::Pow, Some(Opcode::PowK)),
            Binary::Div => (Opcode::Div, Some(Opcode::DivK)),
            Binary::IDiv => (Opcode::IDiv, Some(Opcode::IDivK)),
            Binary::BAnd => (Opcode::BAnd, Some(Opcode::BAndK)),
            Binary::BOr => (Opcode::BOr, Some(Opcode::BOrK)),
            Binary::BXor => (Opcode::BXor, Some(Opcode::BXorK)),
            Binary::Shl => (Opcode::Shl, None),
            Binary::Shr => (Opcode::Shr, None),
            Binary::Lt | Binary::Gt => (Opcode::Lt, None),
            Binary::Le | Binary::Ge => (Opcode::Le, None),
            Binary::Eq | Binary::Ne => (Opcode::Eq, None),
            Binary::Concat | Binary::And | Binary::Or => (Opcode::Concat, None),
        }
    }
}

/// Whether the operands stand in the instruction as in the source.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Kept,
    Swapped,
}

fn signed_operand(value: i32) -> u32 {
    (value + OFFSET_SC) as u32
}

impl From<Number> for Kind {
    fn from(number: Number) -> Self {
        match number {
            Number::Integer(value) => Kind::Integer(value),
            Number::Float(value) => Kind::Float(value),
        }
    }
}

impl Parser<'_> {
    /// Applies a unary operator.
    pub(crate) fn prefix(&mut self, op: Unary, e: &mut Expression, line: u32) -> Result<()> {
        self.discharge_variable(e);
        let (opcode, folded) = match op {
            Unary::Minus => (Opcode::Unm, e.numeral().and_then(fold::negate)),
            Unary::BNot => (Opcode::BNot, e.numeral().and_then(fold::invert)),
            Unary::Len => (Opcode::Len, None),
            Unary::Not => return self.emit_not(e),
        };
        if let Some(value) = folded {
            e.kind = value.into();
            return Ok(());
        }
        let register = self.place_in_register(e)?;
        self.release(e);
        e.kind = Kind::Relocatable(self.emit_abc(opcode, 0, register, 0));
        self.fix_line(line);
        Ok(())
    }

    fn emit_not(&mut self, e: &mut Expression) -> Result<()> {
        match e.kind {
            Kind::Nil | Kind::False => e.kind = Kind::True,
            Kind::Constant(_) | Kind::Float(_) | Kind::Integer(_) | Kind::String(_) | Kind::True => {
                e.kind = Kind::False;
            }
            Kind::Jump(pc) => self.negate_condition(pc),
            _ => {
                self.discharge_anywhere(e)?;
                self.release(e);
                let Kind::Register(register) = e.kind else {
                    debug_assert!(false, "the value was just put into a register");
                    return Ok(());
                };
                e.kind = Kind::Relocatable(self.emit_abc(Opcode::Not, 0, register, 0));
            }
        }
        swap(&mut e.on_true, &mut e.on_false);
        self.remove_values(e.on_false);
        self.remove_values(e.on_true);
        Ok(())
    }

    /// Brings the first operand into the form that its operator needs, before the second is read.
    pub(crate) fn infix(&mut self, op: Binary, e: &mut Expression) -> Result<()> {
        self.discharge_variable(e);
        match op {
            Binary::And => self.go_if_true(e)?,
            Binary::Or => self.go_if_false(e)?,
            Binary::Concat => self.place_in_next_register(e)?,
            Binary::Eq | Binary::Ne => {
                if e.numeral().is_none() {
                    self.place_in_register_or_constant(e)?;
                }
            }
            Binary::Lt | Binary::Le | Binary::Gt | Binary::Ge => {
                if e.small_number().is_none() {
                    self.place_in_register(e)?;
                }
            }
            _ => {
                if e.numeral().is_none() {
                    self.place_in_register(e)?;
                }
            }
        }
        Ok(())
    }

    /// Finishes a binary operation: `left` becomes its result.
    pub(crate) fn postfix(
        &mut self,
        op: Binary,
        left: &mut Expression,
        right: &mut Expression,
        line: u32,
    ) -> Result<()> {
        self.discharge_variable(right);
        if let (Some(a), Some(b)) = (left.numeral(), right.numeral())
            && let Some(value) = fold::binary(op, a, b)
        {
            left.kind = value.into();
            return Ok(());
        }
        match op {
            Binary::And => {
                right.on_false = self.join_jumps(right.on_false, left.on_false)?;
                *left = *right;
                Ok(())
            }
            Binary::Or => {
                right.on_true = self.join_jumps(right.on_true, left.on_true)?;
                *left = *right;
                Ok(())
            }
            Binary::Concat => {
                self.place_in_next_register(right)?;
                self.emit_concat(left, right, line);
                Ok(())
            }
            Binary::Add | Binary::Mul => {
                let mut order = Order::Kept;
                if left.numeral().is_some() {
                    swap(left, right);
                    order = Order::Swapped;
                }
                match right.small_integer() {
                    Some(value) if op == Binary::Add => {
                        self.emit_binary(left, right, Opcode::AddI, signed_operand(value), order, line)
                    }
                    _ => self.emit_arithmetic(op, left, right, order, line),
                }
            }
            Binary::Sub | Binary::Div | Binary::IDiv | Binary::Mod | Binary::Pow => {
                self.emit_arithmetic(op, left, right, Order::Kept, line)
            }
            Binary::BAnd | Binary::BOr | Binary::BXor => {
                let mut order = Order::Kept;
                if matches!(left.kind, Kind::Integer(_)) {
                    swap(left, right);
                    order = Order::Swapped;
                }
                if matches!(right.kind, Kind::Integer(_)) {
                    self.emit_arithmetic(op, left, right, order, line)
                } else {
                    self.emit_registers(op, left, right, order, line)
                }
            }
            Binary::Shl => {
                if let Some(value) = left.small_integer() {
                    swap(left, right);
                    return self.emit_binary(left, right, Opcode::ShlI, signed_operand(value), Order::Kept, line);
                }
                // The negated number must fit as well, since that is what the instruction holds.
                match right.small_integer().and_then(|value| small(-i64::from(value))) {
                    Some(negated) => {
                        let operand = signed_operand(negated);
                        self.emit_binary(left, right, Opcode::ShrI, operand, Order::Swapped, line)
                    }
                    None => self.emit_registers(op, left, right, Order::Kept, line),
                }
            }
            Binary::Shr => match right.small_integer() {
                Some(value) => self.emit_binary(left, right, Opcode::ShrI, signed_operand(value), Order::Kept, line),
                None => self.emit_registers(op, left, right, Order::Kept, line),
            },
            Binary::Eq | Binary::Ne => self.emit_equality(op, left, right),
            Binary::Gt | Binary::Ge => {
                swap(left, right);
                self.emit_order(op, left, right)
            }
            Binary::Lt | Binary::Le => self.emit_order(op, left, right),
        }
    }

    /// `left .. right`; with a concatenation as `right`, one instruction does both.
    fn emit_concat(&mut self, left: &Expression, right: &Expression, line: u32) {
        let Kind::Register(first) = left.kind else {
            debug_assert!(false, "operands of a concatenation are in registers");
            return;
        };
        match self.previous_instruction() {
            Some(i) if i.opcode() == Opcode::Concat => {
                self.release(right);
                let pc = self.function.pc() - 1;
                self.set_instruction(pc, with_b(with_a(i, first), i.b() + 1));
            }
            _ => {
                self.emit_abc(Opcode::Concat, first, 2, 0);
                self.release(right);
                self.fix_line(line);
            }
        }
    }

    /// Emits an operation whose second operand is decided.
    fn emit_binary(
        &mut self,
        left: &mut Expression,
        right: &Expression,
        opcode: Opcode,
        operand: u32,
        order: Order,
        line: u32,
    ) -> Result<()> {
        let register = self.place_in_register(left)?;
        let pc = self.emit(Instruction::abc(opcode, 0, register, operand, order == Order::Swapped));
        self.release_both(left, right);
        left.kind = Kind::Relocatable(pc);
        self.fix_line(line);
        Ok(())
    }

    /// Emits an operation with a constant as second operand, if it is one and fits, else with two registers.
    fn emit_arithmetic(
        &mut self,
        op: Binary,
        left: &mut Expression,
        right: &mut Expression,
        order: Order,
        line: u32,
    ) -> Result<()> {
        if right.numeral().is_some()
            && let Some(opcode) = op.opcodes().1
            && let Some(constant) = self.make_constant(right)
        {
            return self.emit_binary(left, right, opcode, constant, order, line);
        }
        self.emit_registers(op, left, right, order, line)
    }

    fn emit_registers(
        &mut self,
        op: Binary,
        left: &mut Expression,
        right: &mut Expression,
        order: Order,
        line: u32,
    ) -> Result<()> {
        if order == Order::Swapped {
            swap(left, right);
        }
        let register = self.place_in_register(right)?;
        self.emit_binary(left, right, op.opcodes().0, register, Order::Kept, line)
    }

    /// `<`, `<=`, and, with the operands swapped by the caller, `>`, `>=`.
    fn emit_order(&mut self, op: Binary, left: &mut Expression, right: &mut Expression) -> Result<()> {
        let is_less = matches!(op, Binary::Lt | Binary::Gt);
        let (register, operand, is_float, opcode) = if let Some((value, is_float)) = right.small_number() {
            let opcode = if is_less { Opcode::LtI } else { Opcode::LeI };
            (self.place_in_register(left)?, signed_operand(value), is_float, opcode)
        } else if let Some((value, is_float)) = left.small_number() {
            let opcode = if is_less { Opcode::GtI } else { Opcode::GeI };
            (self.place_in_register(right)?, signed_operand(value), is_float, opcode)
        } else {
            (self.place_in_register(left)?, self.place_in_register(right)?, false, op.opcodes().0)
        };
        self.release_both(left, right);
        let test = Instruction::abc(opcode, register, operand, is_float.into(), true);
        left.kind = Kind::Jump(self.emit_test(test));
        Ok(())
    }

    fn emit_equality(&mut self, op: Binary, left: &mut Expression, right: &mut Expression) -> Result<()> {
        if !matches!(left.kind, Kind::Register(_)) {
            swap(left, right); // the constant goes second
        }
        let register = self.place_in_register(left)?;
        let (operand, is_float, opcode) = match right.small_number() {
            Some((value, is_float)) => (signed_operand(value), is_float, Opcode::EqI),
            None => match self.place_in_register_or_constant(right)? {
                (constant, true) => (constant, false, Opcode::EqK),
                (other, false) => (other, false, Opcode::Eq),
            },
        };
        self.release_both(left, right);
        let test = Instruction::abc(opcode, register, operand, is_float.into(), op == Binary::Eq);
        left.kind = Kind::Jump(self.emit_test(test));
        Ok(())
    }
}
