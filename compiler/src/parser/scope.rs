//! Names, blocks, labels: what is visible where, and in which register.
//!
//! Journey: tokens -> **prototype**. All variables of the open functions lie in one stack; a name is searched from
//! the innermost function outwards, and becomes an upvalue of each function on the way back in.
//!
//! Always: variables with a compile-time value occupy no register and have no debug information. Blocks note whether
//! a variable of theirs is captured or to be closed, and then end with CLOSE. A pending goto carries the level of
//! the block it has left, never the variables themselves, which may be gone.

use super::Parser;
use crate::codegen::FunctionState;
use crate::codegen::expression::{Expression, Kind};
use crate::error::{Place, Result};
use crate::lexer::Name;
use crate::opcode::Opcode;
use crate::prototype::{LocalVariable, UpvalueOrigin, VariableKind};

/// Local variables of one function.
const MAX_VARIABLES: usize = 200;
/// Upvalues of one function.
const MAX_UPVALUES: usize = 255;
/// Entries of the lists that the reference bounds by a short integer.
const MAX_ENTRIES: usize = i16::MAX as usize;

/// A declared variable.
pub(crate) struct Variable {
    pub name: Name,
    pub kind: VariableKind,
    /// Its register, once it is active and unless it is a compile-time constant.
    pub register: u32,
    /// Its debug information, likewise.
    pub local: usize,
    /// Its value, if it is a compile-time constant.
    pub value: Kind,
}

/// What a block is the body of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockKind {
    Plain,
    Loop,
}

/// An open block.
pub(crate) struct Block {
    kind: BlockKind,
    /// First label of it in `Parser::labels`.
    first_label: usize,
    /// First goto of it in `Parser::gotos`.
    first_goto: usize,
    /// Active variables outside of it.
    pub active: usize,
    /// Whether something of it must be closed at its end.
    pub has_upvalue: bool,
    /// Whether it is in the scope of a to-be-closed variable.
    pub inside_to_be_closed: bool,
}

/// A label.
pub(crate) struct Label {
    name: Name,
    line: u32,
    pc: i32,
    /// Active variables there.
    active: usize,
}

/// A jump whose label was not seen yet.
pub(crate) struct PendingJump {
    name: Name,
    line: u32,
    /// Its jump, or list of jumps.
    pc: i32,
    /// Active variables there, or at the end of the block it has left.
    active: usize,
    /// Registers that these variables occupy.
    registers: u32,
    /// Whether it leaves the scope of something to close.
    close: bool,
    /// The label's name in the `goto`, or `break`.
    place: Place,
}

// Variables.
impl Parser<'_> {
    fn function_at(&mut self, level: usize) -> &mut FunctionState {
        if level == self.enclosing.len() { &mut self.function } else { &mut self.enclosing[level] }
    }

    /// Registers that the first so many active variables occupy.
    pub(crate) fn register_level(&self, active: usize) -> u32 {
        let first = self.function.first_variable;
        let variables = &self.variables[first..first + active];
        match variables.iter().rev().find(|v| v.kind != VariableKind::CompileTime) {
            Some(variable) => variable.register + 1,
            None => 0,
        }
    }

    /// Registers that the active variables occupy.
    pub(crate) fn active_registers(&self) -> u32 {
        self.register_level(self.function.active)
    }

    /// Declares a variable, which is not active yet; returns its index in `variables`.
    pub(super) fn declare(&mut self, name: Name) -> Result<usize> {
        let index = self.variables.len();
        if index + 1 - self.function.first_variable > MAX_VARIABLES {
            return Err(self.limit_error(&self.function, "local variables", MAX_VARIABLES));
        }
        self.check_entries(index, "local variables")?;
        let kind = VariableKind::Regular;
        self.variables.push(Variable { name, kind, register: 0, local: 0, value: Kind::Void });
        Ok(index)
    }

    fn check_entries(&self, count: usize, what: &str) -> Result<()> {
        if count >= MAX_ENTRIES {
            let message = format!("too many {what} (limit is {MAX_ENTRIES})");
            return Err(self.lexer.error_without_place(message.as_bytes()));
        }
        Ok(())
    }

    /// Starts the scope of the next declared variables.
    pub(super) fn activate(&mut self, count: usize) -> Result<()> {
        for register in (self.active_registers()..).take(count) {
            let index = self.function.first_variable + self.function.active;
            let local = self.function.prototype.locals.len();
            self.check_entries(local, "local variables")?;
            let variable = &mut self.variables[index];
            variable.register = register;
            variable.local = local;
            let name = self.lexer.names.text(variable.name).clone();
            let start_pc = self.function.pc() as u32;
            self.function.prototype.locals.push(LocalVariable { name, start_pc, end_pc: 0 });
            self.function.active += 1;
        }
        Ok(())
    }

    /// Ends the scope of the variables above a level.
    fn deactivate(&mut self, active: usize) {
        let end_pc = self.function.pc() as u32;
        let first = self.function.first_variable;
        for variable in &self.variables[first + active..first + self.function.active] {
            if variable.kind != VariableKind::CompileTime {
                self.function.prototype.locals[variable.local].end_pc = end_pc;
            }
        }
        self.variables.truncate(first + active);
        self.function.active = active;
    }

    /// The variable of this name, or `_ENV.name`.
    pub(super) fn variable(&mut self, name: Name) -> Result<Expression> {
        if let Some(kind) = self.resolve(name)? {
            return Ok(kind.into());
        }
        // The main function always has _ENV as an upvalue.
        let mut environment: Expression = self.resolve(Name::ENV)?.unwrap_or(Kind::Nil).into();
        self.place_in_register_or_upvalue(&mut environment)?;
        self.index(&mut environment, &mut Kind::String(name).into())?;
        Ok(environment)
    }

    fn resolve(&mut self, name: Name) -> Result<Option<Kind>> {
        let innermost = self.enclosing.len();
        let mut level = innermost;
        let mut found = loop {
            if let Some(kind) = self.search_variable(level, name) {
                if let Kind::Local { variable, .. } = kind
                    && level != innermost
                {
                    self.mark_captured(level, variable);
                }
                break kind;
            }
            if let Some(index) = self.function_at(level).upvalues.iter().position(|&upvalue| upvalue == name) {
                break Kind::Upvalue(index as u32);
            }
            if level == 0 {
                return Ok(None);
            }
            level -= 1;
        };
        while level < innermost && !matches!(found, Kind::CompileTime(_)) {
            level += 1;
            found = Kind::Upvalue(self.add_upvalue(level, name, found)?);
        }
        Ok(Some(found))
    }

    fn search_variable(&mut self, level: usize, name: Name) -> Option<Kind> {
        let (first, active) = {
            let function = self.function_at(level);
            (function.first_variable, function.active)
        };
        let variable = self.variables[first..first + active].iter().rposition(|v| v.name == name)?;
        let found = &self.variables[first + variable];
        Some(match found.kind {
            VariableKind::CompileTime => Kind::CompileTime(first + variable),
            _ => Kind::Local { variable, register: found.register },
        })
    }

    /// Adds to a function an upvalue for a variable or upvalue of the function around it.
    fn add_upvalue(&mut self, level: usize, name: Name, from: Kind) -> Result<u32> {
        if self.function_at(level).prototype.upvalues.len() >= MAX_UPVALUES {
            let function = if level == self.enclosing.len() { &self.function } else { &self.enclosing[level] };
            return Err(self.limit_error(function, "upvalues", MAX_UPVALUES));
        }
        let (in_stack, index, kind) = match from {
            Kind::Local { variable, register } => {
                let first = self.function_at(level - 1).first_variable;
                (true, register, self.variables[first + variable].kind)
            }
            Kind::Upvalue(index) => {
                let outer = &self.function_at(level - 1).prototype.upvalues[index as usize];
                (false, index, outer.kind)
            }
            _ => (false, 0, VariableKind::Regular),
        };
        let text = self.lexer.names.text(name).clone();
        let function = self.function_at(level);
        function.upvalues.push(name);
        function.prototype.upvalues.push(UpvalueOrigin { name: text, in_stack, index: index as u8, kind });
        Ok(function.upvalues.len() as u32 - 1)
    }

    /// Notes in the block of a variable that it is captured.
    fn mark_captured(&mut self, level: usize, variable: usize) {
        let function = self.function_at(level);
        if let Some(block) = function.blocks.iter_mut().rev().find(|block| block.active <= variable) {
            block.has_upvalue = true;
        }
        function.needs_close = true;
    }

    /// Notes in the current block that it has a to-be-closed variable.
    pub(super) fn mark_to_be_closed(&mut self) {
        if let Some(block) = self.function.blocks.last_mut() {
            block.has_upvalue = true;
            block.inside_to_be_closed = true;
        }
        self.function.needs_close = true;
    }

    /// Refuses an assignment to a constant.
    pub(super) fn check_assignable(&mut self, e: &Expression, place: Place) -> Result<()> {
        let name = match e.kind {
            Kind::CompileTime(variable) => self.variables[variable].name,
            Kind::Local { variable, .. } => {
                let variable = &self.variables[self.function.first_variable + variable];
                if variable.kind == VariableKind::Regular {
                    return Ok(());
                }
                variable.name
            }
            Kind::Upvalue(index) => {
                let upvalue = &self.function.prototype.upvalues[index as usize];
                if upvalue.kind == VariableKind::Regular {
                    return Ok(());
                }
                return self.complain(self.constant_error(&upvalue.name), place);
            }
            _ => return Ok(()),
        };
        self.complain(self.constant_error(self.lexer.names.text(name)), place)
    }

    fn constant_error(&self, name: &[u8]) -> Box<crate::CompileError> {
        self.lexer.error(&[b"attempt to assign to const variable '", name, b"'"].concat())
    }
}

// Blocks.
impl Parser<'_> {
    pub(super) fn enter_block(&mut self, kind: BlockKind) {
        self.function.blocks.push(Block {
            kind,
            first_label: self.labels.len(),
            first_goto: self.gotos.len(),
            active: self.function.active,
            has_upvalue: false,
            inside_to_be_closed: self.inside_to_be_closed(),
        });
    }

    pub(super) fn inside_to_be_closed(&self) -> bool {
        self.function.blocks.last().is_some_and(|block| block.inside_to_be_closed)
    }

    /// Ends a block; answers whether something of it had to be closed.
    pub(super) fn leave_block(&mut self) -> Result<bool> {
        let Some((active, is_loop, has_upvalue, first_label, first_goto)) = self
            .function
            .blocks
            .last()
            .map(|b| (b.active, b.kind == BlockKind::Loop, b.has_upvalue, b.first_label, b.first_goto))
        else {
            debug_assert!(false, "blocks are left as often as they are entered");
            return Ok(false);
        };
        let is_body = self.function.blocks.len() == 1;
        let registers = self.register_level(active);
        self.deactivate(active);
        let mut closed = false;
        if is_loop {
            closed = self.add_label(Name::BREAK, 0, false)?;
        }
        if !closed && !is_body && has_upvalue {
            self.emit_abc(Opcode::Close, registers, 0, 0);
        }
        self.function.free_register = registers;
        self.labels.truncate(first_label);
        self.function.blocks.pop();
        if is_body {
            let undefined: Vec<PendingJump> = self.gotos.drain(first_goto..).collect();
            for pending in &undefined {
                if !self.is_lost_label(pending.name) {
                    self.complain(self.undefined_goto(pending), pending.place)?;
                }
            }
            return Ok(has_upvalue);
        }
        for pending in &mut self.gotos[first_goto..] {
            if pending.registers > registers {
                pending.close |= has_upvalue;
            }
            pending.active = active;
            pending.registers = registers;
        }
        Ok(has_upvalue)
    }

    fn undefined_goto(&self, pending: &PendingJump) -> Box<crate::CompileError> {
        let line = pending.line;
        if pending.name == Name::BREAK {
            return self.lexer.error(format!("break outside loop at line {line}").as_bytes());
        }
        let name: &[u8] = self.lexer.names.text(pending.name);
        let place = format!("' for <goto> at line {line}");
        self.lexer.error(&[b"no visible label '", name, place.as_bytes()].concat())
    }
}

// Labels and gotos.
impl Parser<'_> {
    fn find_label(&self, name: Name) -> Option<&Label> {
        self.labels[self.function.first_label..].iter().find(|label| label.name == name)
    }

    pub(super) fn check_new_label(&mut self, name: Name, place: Place) -> Result<()> {
        let Some(label) = self.find_label(name) else {
            return Ok(());
        };
        let text: &[u8] = self.lexer.names.text(name);
        let what = format!("' already defined on line {}", label.line);
        let error = self.lexer.error(&[b"label '", text, what.as_bytes()].concat());
        if self.is_structure_lost() { Ok(()) } else { self.complain(error, place) }
    }

    /// Adds a jump (or list of jumps) to a label that comes later; its name is the token before the current one.
    pub(super) fn add_goto(&mut self, name: Name, line: u32, pc: i32) -> Result<()> {
        self.check_entries(self.gotos.len(), "labels/gotos")?;
        let (active, registers) = (self.function.active, self.active_registers());
        let place = self.lexer.previous;
        self.gotos.push(PendingJump { name, line, pc, active, registers, close: false, place });
        Ok(())
    }

    /// `goto name`
    pub(super) fn jump_to_label(&mut self, name: Name, line: u32) -> Result<()> {
        let Some(label) = self.find_label(name) else {
            let pc = self.emit_jump();
            return self.add_goto(name, line, pc);
        };
        let (target, active) = (label.pc, label.active);
        let registers = self.register_level(active);
        if self.active_registers() > registers {
            self.emit_abc(Opcode::Close, registers, 0, 0);
        }
        let jump = self.emit_jump();
        self.patch_list(jump, target)
    }

    /// Adds a label here and solves the gotos of this block that wait for it; answers whether a CLOSE was emitted.
    /// `is_last` says that nothing follows in the block, so that its variables are out of scope.
    pub(super) fn add_label(&mut self, name: Name, line: u32, is_last: bool) -> Result<bool> {
        self.check_entries(self.labels.len(), "labels/gotos")?;
        let pc = self.mark_target();
        let block = self.function.blocks.last();
        let first_goto = block.map_or(self.gotos.len(), |block| block.first_goto);
        let active = match block {
            Some(block) if is_last => block.active,
            _ => self.function.active,
        };
        self.labels.push(Label { name, line, pc, active });
        let waiting: Vec<PendingJump> = self.gotos.extract_if(first_goto.., |goto| goto.name == name).collect();
        let mut close = false;
        for goto in waiting {
            if goto.active < active {
                let error = self.jump_into_scope(&goto);
                if !self.is_structure_lost() {
                    self.complain(error, goto.place)?;
                }
                continue;
            }
            close |= goto.close;
            self.patch_list(goto.pc, pc)?;
        }
        if close {
            // Unlike the reference, which at a last label keeps open what the gotos have left behind.
            let registers = self.register_level(active);
            self.emit_abc(Opcode::Close, registers, 0, 0);
        }
        Ok(close)
    }

    fn jump_into_scope(&self, goto: &PendingJump) -> Box<crate::CompileError> {
        let variable = &self.variables[self.function.first_variable + goto.active];
        let name: &[u8] = self.lexer.names.text(goto.name);
        let place = format!("> at line {} jumps into the scope of local '", goto.line);
        let variable: &[u8] = self.lexer.names.text(variable.name);
        self.lexer.error(&[b"<goto ", name, place.as_bytes(), variable, b"'"].concat())
    }
}
