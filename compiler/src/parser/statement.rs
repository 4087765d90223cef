//! Statements.
//!
//! Journey: tokens -> **prototype**. One function per statement, in the order of the manual (3.3).

use super::Parser;
use super::scope::BlockKind;
use crate::codegen::expression::{Expression, Kind};
use crate::codegen::{MULTIPLE, NO_JUMP};
use crate::error::{Place, Result};
use crate::lexer::{Fixed, Name, Token};
use crate::opcode::{Instruction, MAX_BX, Opcode};
use crate::prototype::VariableKind;

/// The two kinds of `for`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ForKind {
    Numeric,
    Generic,
}

/// A `for` up to its `do`.
struct ForHead {
    /// Register of the first hidden variable.
    base: u32,
    /// Line of the instructions at its end.
    line: u32,
    /// Variables that the program sees.
    variables: u32,
    kind: ForKind,
}

impl Parser<'_> {
    /// Whether the token ends a block; `until` ends one but keeps its scope open.
    pub(super) fn block_follows(&self, with_until: bool) -> bool {
        match self.token() {
            Token::Fixed(Fixed::Else | Fixed::ElseIf | Fixed::End) | Token::End => true,
            Token::Fixed(Fixed::Until) => with_until,
            _ => false,
        }
    }

    pub(super) fn statements(&mut self) -> Result<()> {
        while !self.block_follows(true) {
            let is_return = self.is(Token::Fixed(Fixed::Return));
            let mark = self.mark();
            if let Err(error) = self.statement() {
                self.recover(error, &mark)?;
            } else if is_return {
                break; // it must be the last statement
            }
        }
        Ok(())
    }

    fn statement(&mut self) -> Result<()> {
        let line = self.lexer.line;
        self.enter_level()?;
        match self.token() {
            Token::Byte(b';') => self.lexer.advance()?,
            Token::Fixed(Fixed::If) => self.if_statement(line)?,
            Token::Fixed(Fixed::While) => self.while_statement(line)?,
            Token::Fixed(Fixed::Do) => {
                self.lexer.advance()?;
                self.block()?;
                self.close_block(Fixed::End, Fixed::Do, line)?;
            }
            Token::Fixed(Fixed::For) => self.for_statement(line)?,
            Token::Fixed(Fixed::Repeat) => self.repeat_statement(line)?,
            Token::Fixed(Fixed::Function) => self.function_statement(line)?,
            Token::Fixed(Fixed::Local) => {
                self.lexer.advance()?;
                if self.is(Token::Fixed(Fixed::Function)) {
                    self.local_function()?;
                } else {
                    self.local_statement()?;
                }
            }
            Token::Fixed(Fixed::DoubleColon) => {
                self.lexer.advance()?;
                let name = self.expect_name()?;
                self.label_statement(name, line, self.lexer.previous)?;
            }
            Token::Fixed(Fixed::Return) => {
                self.lexer.advance()?;
                self.return_statement()?;
            }
            Token::Fixed(Fixed::Break) => {
                let line = self.lexer.line;
                self.lexer.advance()?;
                let jump = self.emit_jump();
                self.add_goto(Name::BREAK, line, jump)?;
            }
            Token::Fixed(Fixed::Goto) => {
                self.lexer.advance()?;
                let line = self.lexer.line;
                let name = self.expect_name()?;
                self.jump_to_label(name, line)?;
            }
            _ => self.expression_statement()?,
        }
        self.function.free_register = self.active_registers();
        self.leave_level();
        Ok(())
    }

    pub(super) fn block(&mut self) -> Result<()> {
        self.enter_block(BlockKind::Plain);
        self.statements()?;
        self.leave_block()?;
        Ok(())
    }

    /// A call or an assignment.
    fn expression_statement(&mut self) -> Result<()> {
        let start = self.lexer.place();
        let e = self.suffixed_expression()?;
        if self.is(Token::Byte(b'=')) || self.is(Token::Byte(b',')) {
            return self.assignment(e, self.from(start));
        }
        match e.kind {
            Kind::Call(_) => self.set_results(&e, 0),
            _ => Err(self.lexer.error_near(b"syntax error")),
        }
    }

    /// `a, b.c, ... = list`, after the first variable. (The reference recurses per variable; so does the depth here.)
    fn assignment(&mut self, first: Expression, place: Place) -> Result<()> {
        let mut variables = vec![first];
        self.check_target(&first, place)?;
        while self.accept(Token::Byte(b','))? {
            let start = self.lexer.place();
            let variable = self.suffixed_expression()?;
            let place = self.from(start);
            if !variable.is_indexed() {
                self.save_conflicting(&mut variables, &variable)?;
            }
            variables.push(variable);
            self.enter_level()?;
            self.check_target(&variable, place)?;
        }
        self.expect(Token::Byte(b'='))?;
        let (mut value, count) = self.expression_list()?;
        let mut last = variables.len();
        if count == variables.len() {
            self.set_one_result(&mut value);
            last -= 1;
            self.store(&variables[last], &mut value)?;
        } else {
            self.adjust_values(variables.len(), count, &mut value)?;
        }
        for variable in variables[..last].iter().rev() {
            let mut value = Kind::Register(self.function.free_register - 1).into();
            self.store(variable, &mut value)?;
        }
        for _ in 1..variables.len() {
            self.leave_level();
        }
        Ok(())
    }

    /// From the start of a place to the last token consumed.
    fn from(&self, start: Place) -> Place {
        Place { end: self.lexer.previous.end, ..start }
    }

    fn check_target(&mut self, e: &Expression, place: Place) -> Result<()> {
        if !e.is_variable() {
            return Err(self.lexer.error_near(b"syntax error"));
        }
        self.check_assignable(e, place)
    }

    /// If a variable that is assigned to serves as table or key in an earlier target, that one gets a copy.
    fn save_conflicting(&mut self, targets: &mut [Expression], variable: &Expression) -> Result<()> {
        let copy = self.function.free_register;
        let mut is_conflict = false;
        for target in targets {
            match (&mut target.kind, variable.kind) {
                (Kind::IndexedUpvalue { table, key }, Kind::Upvalue(index)) if *table == index => {
                    is_conflict = true;
                    target.kind = Kind::IndexedField { table: copy, key: *key };
                }
                (Kind::Indexed { table, key }, Kind::Local { register, .. }) => {
                    for place in [table, key] {
                        if *place == register {
                            is_conflict = true;
                            *place = copy;
                        }
                    }
                }
                (
                    Kind::IndexedInteger { table, .. } | Kind::IndexedField { table, .. },
                    Kind::Local { register, .. },
                ) if *table == register => {
                    is_conflict = true;
                    *table = copy;
                }
                _ => {}
            }
        }
        if !is_conflict {
            return Ok(());
        }
        match variable.kind {
            Kind::Local { register, .. } => self.emit_abc(Opcode::Move, copy, register, 0),
            Kind::Upvalue(index) => self.emit_abc(Opcode::GetUpval, copy, index, 0),
            _ => return Ok(()),
        };
        self.reserve_registers(1)
    }

    /// Makes `count` expressions, the last of which is `last`, give as many values as there are variables.
    fn adjust_values(&mut self, variables: usize, count: usize, last: &mut Expression) -> Result<()> {
        // Both are bounded: each variable and each expression but the last has a register or a depth.
        let needed = variables as i32 - count as i32;
        if last.is_multiple() {
            self.set_results(last, (needed + 1).max(0))?;
        } else {
            if last.kind != Kind::Void {
                self.place_in_next_register(last)?;
            }
            if needed > 0 {
                self.check_stack(needed as u32)?;
                self.emit_nil(self.function.free_register, needed as u32);
            }
        }
        if needed > 0 {
            self.reserve_registers(needed as u32)?;
        } else {
            self.function.free_register -= needed.unsigned_abs();
        }
        Ok(())
    }

    /// The condition of a loop: answers the jumps taken when it is false.
    fn condition(&mut self) -> Result<i32> {
        let mut e = self.expression()?;
        if e.kind == Kind::Nil {
            e.kind = Kind::False;
        }
        self.go_if_true(&mut e)?;
        Ok(e.on_false)
    }

    fn while_statement(&mut self, line: u32) -> Result<()> {
        let start = self.mark_target();
        let mark = self.mark();
        let exit = match self.while_head() {
            Ok(exit) => exit,
            Err(error) => {
                self.recover_head(error, &mark, Fixed::Do)?;
                self.enter_block(BlockKind::Loop);
                NO_JUMP
            }
        };
        self.block()?;
        let back = self.emit_jump();
        self.patch_list(back, start)?;
        self.close_block(Fixed::End, Fixed::While, line)?;
        self.leave_block()?;
        self.patch_to_here(exit)
    }

    fn while_head(&mut self) -> Result<i32> {
        self.lexer.advance()?;
        let exit = self.condition()?;
        self.enter_block(BlockKind::Loop);
        self.expect(Token::Fixed(Fixed::Do))?;
        Ok(exit)
    }

    fn repeat_statement(&mut self, line: u32) -> Result<()> {
        let start = self.mark_target();
        let mark = self.mark();
        self.enter_block(BlockKind::Loop);
        self.enter_block(BlockKind::Plain); // the condition sees the body's variables
        self.lexer.advance()?;
        self.open_repeats += 1;
        self.statements()?;
        self.open_repeats -= 1;
        if !self.close_block(Fixed::Until, Fixed::Repeat, line)? {
            self.restore(&mark);
            return Ok(());
        }
        let mut repeat = self.condition()?;
        let body_level = self.function.blocks.last().map_or(0, |block| block.active);
        if self.leave_block()? {
            // Going round again must close the body's upvalues, too.
            let exit = self.emit_jump();
            self.patch_to_here(repeat)?;
            let registers = self.register_level(body_level);
            self.emit_abc(Opcode::Close, registers, 0, 0);
            repeat = self.emit_jump();
            self.patch_to_here(exit)?;
        }
        self.patch_list(repeat, start)?;
        self.leave_block()?;
        Ok(())
    }

    fn if_statement(&mut self, line: u32) -> Result<()> {
        self.open_ifs += 1;
        let exits = self.if_branch(NO_JUMP)?;
        self.if_rest(exits, line)
    }

    /// An `if` after its first block.
    pub(super) fn if_rest(&mut self, mut exits: i32, line: u32) -> Result<()> {
        while self.is(Token::Fixed(Fixed::ElseIf)) {
            exits = self.if_branch(exits)?;
        }
        self.open_ifs -= 1;
        if self.accept(Token::Fixed(Fixed::Else))? {
            self.block()?;
        }
        self.close_block(Fixed::End, Fixed::If, line)?;
        self.patch_to_here(exits)
    }

    /// `if` or `elseif` with its block; answers the jumps to the end, with those given.
    fn if_branch(&mut self, mut exits: i32) -> Result<i32> {
        let mark = self.mark();
        let mut condition = match self.if_head() {
            Ok(condition) => condition,
            Err(error) => {
                self.recover_head(error, &mark, Fixed::Then)?;
                Kind::True.into()
            }
        };
        let skip = if self.is(Token::Fixed(Fixed::Break)) {
            // The condition itself jumps out.
            let line = self.lexer.line;
            self.go_if_false(&mut condition)?;
            self.lexer.advance()?;
            self.enter_block(BlockKind::Plain);
            self.add_goto(Name::BREAK, line, condition.on_true)?;
            while self.accept(Token::Byte(b';'))? {}
            if self.block_follows(false) {
                self.leave_block()?;
                return Ok(exits);
            }
            self.emit_jump()
        } else {
            self.go_if_true(&mut condition)?;
            self.enter_block(BlockKind::Plain);
            condition.on_false
        };
        self.statements()?;
        self.leave_block()?;
        if matches!(self.token(), Token::Fixed(Fixed::Else | Fixed::ElseIf)) {
            let exit = self.emit_jump();
            exits = self.join_jumps(exits, exit)?;
        }
        self.patch_to_here(skip)?;
        Ok(exits)
    }

    fn if_head(&mut self) -> Result<Expression> {
        self.lexer.advance()?;
        let condition = self.expression()?;
        self.expect(Token::Fixed(Fixed::Then))?;
        Ok(condition)
    }

    fn label_statement(&mut self, name: Name, line: u32, place: Place) -> Result<()> {
        self.expect(Token::Fixed(Fixed::DoubleColon))?;
        while matches!(self.token(), Token::Byte(b';') | Token::Fixed(Fixed::DoubleColon)) {
            self.statement()?;
        }
        self.check_new_label(name, place)?;
        let is_last = self.block_follows(false);
        self.add_label(name, line, is_last)?;
        Ok(())
    }

    fn for_statement(&mut self, line: u32) -> Result<()> {
        self.enter_block(BlockKind::Loop);
        let mark = self.mark();
        match self.for_head(line) {
            Ok(head) => self.for_body(head)?,
            Err(error) => {
                self.recover_head(error, &mark, Fixed::Do)?;
                self.block()?;
            }
        }
        self.close_block(Fixed::End, Fixed::For, line)?;
        self.leave_block()?;
        Ok(())
    }

    fn for_head(&mut self, line: u32) -> Result<ForHead> {
        self.lexer.advance()?;
        let name = self.expect_name()?;
        let head = match self.token() {
            Token::Byte(b'=') => self.numeric_for(name, line)?,
            Token::Byte(b',') | Token::Fixed(Fixed::In) => self.generic_for(name)?,
            _ => return Err(self.lexer.error_near(b"'=' or 'in' expected")),
        };
        self.expect(Token::Fixed(Fixed::Do))?;
        Ok(head)
    }

    fn numeric_for(&mut self, name: Name, line: u32) -> Result<ForHead> {
        let base = self.function.free_register;
        for name in [Name::FOR_STATE, Name::FOR_STATE, Name::FOR_STATE, name] {
            self.declare(name)?;
        }
        self.expect(Token::Byte(b'='))?;
        self.expression_to_next_register()?;
        self.expect(Token::Byte(b','))?;
        self.expression_to_next_register()?;
        if self.accept(Token::Byte(b','))? {
            self.expression_to_next_register()?;
        } else {
            self.emit_integer(self.function.free_register, 1);
            self.reserve_registers(1)?;
        }
        self.activate(3)?;
        Ok(ForHead { base, line, variables: 1, kind: ForKind::Numeric })
    }

    fn expression_to_next_register(&mut self) -> Result<()> {
        let mut e = self.expression()?;
        self.place_in_next_register(&mut e)
    }

    fn generic_for(&mut self, first: Name) -> Result<ForHead> {
        let base = self.function.free_register;
        for _ in 0..4 {
            self.declare(Name::FOR_STATE)?;
        }
        self.declare(first)?;
        let mut variables = 1;
        while self.accept(Token::Byte(b','))? {
            let name = self.expect_name()?;
            self.declare(name)?;
            variables += 1;
        }
        self.expect(Token::Fixed(Fixed::In))?;
        let line = self.lexer.line;
        let (mut last, count) = self.expression_list()?;
        self.adjust_values(4, count, &mut last)?;
        self.activate(4)?;
        self.mark_to_be_closed(); // the fourth
        self.check_stack(3)?; // for the call of the iterator
        Ok(ForHead { base, line, variables, kind: ForKind::Generic })
    }

    fn for_body(&mut self, head: ForHead) -> Result<()> {
        let ForHead { base, line, variables, kind } = head;
        let (prepare, continue_) = match kind {
            ForKind::Numeric => (Opcode::ForPrep, Opcode::ForLoop),
            ForKind::Generic => (Opcode::TForPrep, Opcode::TForLoop),
        };
        let prepare_pc = self.emit(Instruction::abx(prepare, base, 0));
        self.enter_block(BlockKind::Plain);
        self.activate(variables as usize)?;
        self.reserve_registers(variables)?;
        self.block()?;
        self.leave_block()?;
        let end = self.mark_target();
        self.fix_for_jump(prepare_pc, end - (prepare_pc + 1))?;
        if kind == ForKind::Generic {
            self.emit_abc(Opcode::TForCall, base, 0, variables);
            self.fix_line(line);
        }
        let loop_pc = self.emit(Instruction::abx(continue_, base, 0));
        self.fix_for_jump(loop_pc, loop_pc + 1 - (prepare_pc + 1))?;
        self.fix_line(line);
        Ok(())
    }

    fn fix_for_jump(&mut self, pc: i32, distance: i32) -> Result<()> {
        let distance = distance as u32;
        if distance > MAX_BX {
            return Err(self.lexer.error_near(b"control structure too long"));
        }
        let i = self.instruction(pc);
        self.set_instruction(pc, Instruction::abx(i.opcode(), i.a(), distance));
        Ok(())
    }

    fn function_statement(&mut self, line: u32) -> Result<()> {
        let (variable, is_method, place) = match self.function_name() {
            Ok(name) => name,
            Err(error) => return self.recover_nameless_function(error, line),
        };
        let mut body = self.function_body(is_method, line)?;
        self.check_assignable(&variable, place)?;
        self.store(&variable, &mut body)?;
        self.fix_line(line);
        Ok(())
    }

    /// The name of a function statement: the variable, whether the function is a method, where the name stands.
    fn function_name(&mut self) -> Result<(Expression, bool, Place)> {
        self.lexer.advance()?;
        let start = self.lexer.place();
        let name = self.expect_name()?;
        let mut variable = self.variable(name)?;
        while self.is(Token::Byte(b'.')) {
            self.field_selector(&mut variable)?;
        }
        let is_method = self.is(Token::Byte(b':'));
        if is_method {
            self.field_selector(&mut variable)?;
        }
        Ok((variable, is_method, self.from(start)))
    }

    fn local_function(&mut self) -> Result<()> {
        let line = self.lexer.line;
        let variable = match self.local_function_name() {
            Ok(variable) => variable,
            Err(error) => return self.recover_nameless_function(error, line),
        };
        self.function_body(false, self.lexer.line)?;
        // Debug information sees the variable only once it has its value.
        let start_pc = self.function.pc() as u32;
        self.function.prototype.locals[self.variables[variable].local].start_pc = start_pc;
        Ok(())
    }

    fn local_function_name(&mut self) -> Result<usize> {
        self.lexer.advance()?;
        let name = self.expect_name()?;
        let variable = self.declare(name)?;
        self.activate(1)?;
        Ok(variable)
    }

    fn attribute(&mut self) -> Result<VariableKind> {
        if !self.accept(Token::Byte(b'<'))? {
            return Ok(VariableKind::Regular);
        }
        let name = self.expect_name()?;
        let place = self.lexer.previous;
        self.expect(Token::Byte(b'>'))?;
        let text: &[u8] = self.lexer.names.text(name);
        match text {
            b"const" => Ok(VariableKind::Constant),
            b"close" => Ok(VariableKind::ToBeClosed),
            _ => {
                let error = self.lexer.error(&[b"unknown attribute '", text, b"'"].concat());
                self.complain(error, place)?;
                Ok(VariableKind::Regular)
            }
        }
    }

    fn local_statement(&mut self) -> Result<()> {
        let mut to_close = None; // active variables below the to-be-closed one
        let mut variables = 0;
        let last_variable = loop {
            let name = self.expect_name()?;
            let place = self.lexer.previous;
            let variable = self.declare(name)?;
            let kind = self.attribute()?;
            self.variables[variable].kind = kind;
            if kind == VariableKind::ToBeClosed {
                if to_close.is_some() {
                    let error = self.lexer.error(b"multiple to-be-closed variables in local list");
                    self.complain(error, place)?;
                }
                to_close = Some(self.function.active + variables);
            }
            variables += 1;
            if !self.accept(Token::Byte(b','))? {
                break variable;
            }
        };
        let (mut value, count) =
            if self.accept(Token::Byte(b'='))? { self.expression_list()? } else { (Kind::Void.into(), 0) };
        let constant = match self.variables[last_variable].kind {
            VariableKind::Constant if count == variables => self.constant_value(&value),
            _ => None,
        };
        if let Some(constant) = constant {
            self.variables[last_variable].kind = VariableKind::CompileTime;
            self.variables[last_variable].value = constant;
            self.activate(variables - 1)?;
            self.function.active += 1;
        } else {
            self.adjust_values(variables, count, &mut value)?;
            self.activate(variables)?;
        }
        if let Some(level) = to_close {
            self.mark_to_be_closed();
            let register = self.register_level(level);
            self.emit_abc(Opcode::Tbc, register, 0, 0);
        }
        Ok(())
    }

    fn return_statement(&mut self) -> Result<()> {
        let mut first = self.active_registers();
        let mut count = 0;
        if !self.block_follows(true) && !self.is(Token::Byte(b';')) {
            let (mut last, expressions) = self.expression_list()?;
            if last.is_multiple() {
                self.set_results(&last, MULTIPLE)?;
                if let Kind::Call(pc) = last.kind
                    && expressions == 1
                    && !self.inside_to_be_closed()
                {
                    let i = self.instruction(pc);
                    self.set_instruction(pc, Instruction::abc(Opcode::TailCall, i.a(), i.b(), i.c(), i.k()));
                }
                count = MULTIPLE;
            } else if expressions == 1 {
                first = self.place_in_register(&mut last)?;
                count = 1;
            } else {
                self.place_in_next_register(&mut last)?;
                count = expressions as i32;
            }
        }
        self.emit_return(first, count);
        self.accept(Token::Byte(b';'))?;
        Ok(())
    }
}
