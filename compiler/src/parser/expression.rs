//! Expressions: operators by precedence, suffixes, constructors, function bodies.
//!
//! Journey: tokens -> **prototype**. Left-associative chains and suffixes are loops; only what nests in the text
//! recurses, and `enter_level` counts it.

use super::Parser;
use crate::codegen::expression::{Expression, Kind};
use crate::codegen::operator::{Binary, Unary};
use crate::codegen::{FIELDS_PER_FLUSH, MULTIPLE};
use crate::error::Result;
use crate::lexer::{Fixed, Name, Token};
use crate::opcode::{Instruction, Opcode};

/// Binds tighter than all binary operators but `^`.
const UNARY_PRIORITY: u8 = 12;

fn unary_operator(token: Token) -> Option<Unary> {
    Some(match token {
        Token::Fixed(Fixed::Not) => Unary::Not,
        Token::Byte(b'-') => Unary::Minus,
        Token::Byte(b'~') => Unary::BNot,
        Token::Byte(b'#') => Unary::Len,
        _ => return None,
    })
}

/// A binary operator with its priorities to the left and right; right-associative if the right one is smaller.
fn binary_operator(token: Token) -> Option<(Binary, u8, u8)> {
    Some(match token {
        Token::Byte(byte) => match byte {
            b'+' => (Binary::Add, 10, 10),
            b'-' => (Binary::Sub, 10, 10),
            b'*' => (Binary::Mul, 11, 11),
            b'%' => (Binary::Mod, 11, 11),
            b'^' => (Binary::Pow, 14, 13),
            b'/' => (Binary::Div, 11, 11),
            b'&' => (Binary::BAnd, 6, 6),
            b'|' => (Binary::BOr, 4, 4),
            b'~' => (Binary::BXor, 5, 5),
            b'<' => (Binary::Lt, 3, 3),
            b'>' => (Binary::Gt, 3, 3),
            _ => return None,
        },
        Token::Fixed(fixed) => match fixed {
            Fixed::IntegerDivide => (Binary::IDiv, 11, 11),
            Fixed::ShiftLeft => (Binary::Shl, 7, 7),
            Fixed::ShiftRight => (Binary::Shr, 7, 7),
            Fixed::Concat => (Binary::Concat, 9, 8),
            Fixed::Equal => (Binary::Eq, 3, 3),
            Fixed::LessEqual => (Binary::Le, 3, 3),
            Fixed::NotEqual => (Binary::Ne, 3, 3),
            Fixed::GreaterEqual => (Binary::Ge, 3, 3),
            Fixed::And => (Binary::And, 2, 2),
            Fixed::Or => (Binary::Or, 1, 1),
            _ => return None,
        },
        _ => return None,
    })
}

/// A table constructor under way.
struct Constructor {
    /// The last list item, not stored yet.
    item: Expression,
    /// Register of the table.
    table: u32,
    /// Number of `key = value` fields.
    hash_size: u32,
    /// Number of list items stored.
    stored: u32,
    /// Number of list items in registers or in `item`.
    pending: u32,
}

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Result<Expression> {
        self.sub_expression(0)
    }

    /// An expression whose binary operators all bind tighter than `limit`.
    fn sub_expression(&mut self, limit: u8) -> Result<Expression> {
        self.enter_level()?;
        let mut left = match unary_operator(self.token()) {
            Some(op) => {
                let line = self.lexer.line;
                self.lexer.advance()?;
                let mut operand = self.sub_expression(UNARY_PRIORITY)?;
                self.prefix(op, &mut operand, line)?;
                operand
            }
            None => self.simple_expression()?,
        };
        while let Some((op, left_priority, right_priority)) = binary_operator(self.token())
            && left_priority > limit
        {
            let line = self.lexer.line;
            self.lexer.advance()?;
            self.infix(op, &mut left)?;
            let mut right = self.sub_expression(right_priority)?;
            self.postfix(op, &mut left, &mut right, line)?;
        }
        self.leave_level();
        Ok(left)
    }

    fn simple_expression(&mut self) -> Result<Expression> {
        let kind = match self.token() {
            Token::Float(value) => Kind::Float(value),
            Token::Integer(value) => Kind::Integer(value),
            Token::String(name) => Kind::String(name),
            Token::Fixed(Fixed::Nil) => Kind::Nil,
            Token::Fixed(Fixed::True) => Kind::True,
            Token::Fixed(Fixed::False) => Kind::False,
            Token::Fixed(Fixed::Dots) => {
                if !self.function.prototype.is_vararg {
                    let error = self.lexer.error_near(b"cannot use '...' outside a vararg function");
                    self.complain(error, self.lexer.place())?;
                }
                Kind::VarArg(self.emit_abc(Opcode::VarArg, 0, 0, 1))
            }
            Token::Byte(b'{') => return self.constructor(),
            Token::Fixed(Fixed::Function) => {
                self.lexer.advance()?;
                return self.function_body(false, self.lexer.line);
            }
            _ => return self.suffixed_expression(),
        };
        self.lexer.advance()?;
        Ok(kind.into())
    }

    fn primary_expression(&mut self) -> Result<Expression> {
        match self.token() {
            Token::Byte(b'(') => {
                let line = self.lexer.line;
                self.lexer.advance()?;
                let mut e = self.expression()?;
                self.expect_closing(Token::Byte(b')'), Token::Byte(b'('), line)?;
                self.discharge_variable(&mut e);
                Ok(e)
            }
            Token::Name(name) => {
                self.lexer.advance()?;
                self.variable(name)
            }
            _ => Err(self.lexer.error_near(b"unexpected symbol")),
        }
    }

    /// A primary expression with its indices and calls.
    pub(super) fn suffixed_expression(&mut self) -> Result<Expression> {
        let mut e = self.primary_expression()?;
        loop {
            match self.token() {
                Token::Byte(b'.') => self.field_selector(&mut e)?,
                Token::Byte(b'[') => {
                    self.place_in_register_or_upvalue(&mut e)?;
                    let mut key = self.bracketed_key()?;
                    self.index(&mut e, &mut key)?;
                }
                Token::Byte(b':') => {
                    self.lexer.advance()?;
                    let key = self.expect_name()?;
                    self.emit_self(&mut e, key)?;
                    self.call(&mut e)?;
                }
                Token::Byte(b'(' | b'{') | Token::String(_) => {
                    self.place_in_next_register(&mut e)?;
                    self.call(&mut e)?;
                }
                _ => return Ok(e),
            }
        }
    }

    /// `.name` (or `:name` in the name of a function).
    pub(super) fn field_selector(&mut self, e: &mut Expression) -> Result<()> {
        self.place_in_register_or_upvalue(e)?;
        self.lexer.advance()?;
        let name = self.expect_name()?;
        self.index(e, &mut Kind::String(name).into())
    }

    /// `[key]`
    fn bracketed_key(&mut self) -> Result<Expression> {
        self.lexer.advance()?;
        let mut key = self.expression()?;
        self.settle(&mut key)?;
        self.expect(Token::Byte(b']'))?;
        Ok(key)
    }

    /// The arguments of a call to the function in the last register.
    fn call(&mut self, function: &mut Expression) -> Result<()> {
        let line = self.lexer.line;
        let Kind::Register(base) = function.kind else {
            debug_assert!(false, "a function to call is in a register");
            return Ok(());
        };
        let mut arguments: Expression = match self.token() {
            Token::Byte(b'(') => {
                self.lexer.advance()?;
                let arguments = if self.is(Token::Byte(b')')) {
                    Kind::Void.into()
                } else {
                    let (list, _) = self.expression_list()?;
                    if list.is_multiple() {
                        self.set_results(&list, MULTIPLE)?;
                    }
                    list
                };
                self.expect_closing(Token::Byte(b')'), Token::Byte(b'('), line)?;
                arguments
            }
            Token::Byte(b'{') => self.constructor()?,
            Token::String(name) => {
                self.lexer.advance()?;
                Kind::String(name).into()
            }
            _ => return Err(self.lexer.error_near(b"function arguments expected")),
        };
        let b = if arguments.is_multiple() {
            0
        } else {
            if arguments.kind != Kind::Void {
                self.place_in_next_register(&mut arguments)?;
            }
            self.function.free_register - base
        };
        *function = Kind::Call(self.emit_abc(Opcode::Call, base, b, 2)).into();
        self.fix_line(line);
        self.function.free_register = base + 1;
        Ok(())
    }

    /// One or more expressions; all but the last are in registers. Answers the last and their number.
    pub(super) fn expression_list(&mut self) -> Result<(Expression, usize)> {
        let mut count = 1;
        let mut e = self.expression()?;
        while self.accept(Token::Byte(b','))? {
            self.place_in_next_register(&mut e)?;
            e = self.expression()?;
            count += 1;
        }
        Ok((e, count))
    }

    fn constructor(&mut self) -> Result<Expression> {
        let line = self.lexer.line;
        let pc = self.emit_abc(Opcode::NewTable, 0, 0, 0);
        self.emit(Instruction::ax(Opcode::ExtraArg, 0));
        let table = self.function.free_register;
        let mut constructor = Constructor { item: Kind::Void.into(), table, hash_size: 0, stored: 0, pending: 0 };
        self.reserve_registers(1)?;
        self.expect(Token::Byte(b'{'))?;
        while !self.is(Token::Byte(b'}')) {
            self.close_item(&mut constructor)?;
            match self.token() {
                Token::Name(_) if self.lexer.peek()? == Token::Byte(b'=') => self.keyed_field(&mut constructor)?,
                Token::Byte(b'[') => self.keyed_field(&mut constructor)?,
                _ => {
                    constructor.item = self.expression()?;
                    constructor.pending += 1;
                }
            }
            if !self.accept(Token::Byte(b','))? && !self.accept(Token::Byte(b';'))? {
                break;
            }
        }
        self.expect_closing(Token::Byte(b'}'), Token::Byte(b'{'), line)?;
        self.last_item(&mut constructor)?;
        self.set_table_size(pc, table, constructor.stored, constructor.hash_size);
        Ok(Kind::Register(table).into())
    }

    fn keyed_field(&mut self, constructor: &mut Constructor) -> Result<()> {
        let free_register = self.function.free_register;
        let mut key = match self.token() {
            Token::Name(name) => {
                self.lexer.advance()?;
                Kind::String(name).into()
            }
            _ => self.bracketed_key()?,
        };
        constructor.hash_size += 1;
        self.expect(Token::Byte(b'='))?;
        let mut field = Kind::Register(constructor.table).into();
        self.index(&mut field, &mut key)?;
        let mut value = self.expression()?;
        self.store(&field, &mut value)?;
        self.function.free_register = free_register;
        Ok(())
    }

    /// Puts the last list item into a register, and stores the items once there are many.
    fn close_item(&mut self, constructor: &mut Constructor) -> Result<()> {
        if constructor.item.kind == Kind::Void {
            return Ok(());
        }
        self.place_in_next_register(&mut constructor.item)?;
        constructor.item.kind = Kind::Void;
        if constructor.pending == FIELDS_PER_FLUSH {
            self.emit_set_list(constructor.table, constructor.stored, constructor.pending as i32);
            constructor.stored += constructor.pending;
            constructor.pending = 0;
        }
        Ok(())
    }

    /// Stores the items that are left; the last may give any number of values.
    fn last_item(&mut self, constructor: &mut Constructor) -> Result<()> {
        if constructor.pending == 0 {
            return Ok(());
        }
        if constructor.item.is_multiple() {
            self.set_results(&constructor.item, MULTIPLE)?;
            self.emit_set_list(constructor.table, constructor.stored, MULTIPLE);
            constructor.pending -= 1; // it does not count for the table's size
        } else {
            if constructor.item.kind != Kind::Void {
                self.place_in_next_register(&mut constructor.item)?;
            }
            self.emit_set_list(constructor.table, constructor.stored, constructor.pending as i32);
        }
        constructor.stored += constructor.pending;
        Ok(())
    }

    /// The parameters and body of a function, up to and with its `end`.
    pub(super) fn function_body(&mut self, is_method: bool, line: u32) -> Result<Expression> {
        let nested_index = self.open_function(line)?;
        let mark = self.mark();
        if let Err(error) = self.function_head(is_method) {
            self.recover_parameters(error, &mark)?;
        }
        self.function_rest(nested_index, line)
    }

    fn function_head(&mut self, is_method: bool) -> Result<()> {
        self.expect(Token::Byte(b'('))?;
        if is_method {
            self.declare(Name::SELF)?;
            self.activate(1)?;
        }
        self.parameters()?;
        self.expect(Token::Byte(b')'))
    }

    /// The statements of a function and its `end`.
    pub(super) fn function_rest(&mut self, nested_index: u32, line: u32) -> Result<Expression> {
        self.statements()?;
        self.function.prototype.last_line_defined = self.lexer.line;
        self.close_block(Fixed::End, Fixed::Function, line)?;
        self.finish_function()?;
        let mut e = Kind::Relocatable(self.emit(Instruction::abx(Opcode::Closure, 0, nested_index))).into();
        self.place_in_next_register(&mut e)?;
        Ok(e)
    }

    fn parameters(&mut self) -> Result<()> {
        let mut count = 0;
        let mut is_vararg = false;
        if !self.is(Token::Byte(b')')) {
            loop {
                match self.token() {
                    Token::Name(name) => {
                        self.lexer.advance()?;
                        self.declare(name)?;
                        count += 1;
                    }
                    Token::Fixed(Fixed::Dots) => {
                        self.lexer.advance()?;
                        is_vararg = true;
                    }
                    _ => return Err(self.lexer.error_near(b"<name> or '...' expected")),
                }
                if is_vararg || !self.accept(Token::Byte(b','))? {
                    break;
                }
            }
        }
        self.activate(count)?;
        let parameters = self.function.active as u32;
        self.function.prototype.parameters = parameters as u8;
        if is_vararg {
            self.set_vararg(parameters);
        }
        self.reserve_registers(parameters)
    }
}
