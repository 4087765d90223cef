//! The parser: one pass over the tokens that drives the code generator.
//!
//! Journey: tokens -> **prototype**. Recursive descent as in the reference implementation, whose order of checks
//! decides which error a text with several gets. What can be iterated is; what must recurse (blocks, expressions,
//! functions) counts its depth.
//!
//! Always: `function` is the innermost function, `enclosing` the ones around it, outermost first. A prototype gets
//! its index in the chunk where its text begins, so nested ones come after the one they stand in.
//!
//! Not here: names and blocks (scope.rs), expressions (expression.rs), statements (statement.rs), going on after an
//! error (recovery.rs).

mod expression;
mod recovery;
pub(crate) mod scope;
mod statement;

use crate::codegen::FunctionState;
use crate::error::Result;
use crate::lexer::{Fixed, Lexer, Name, Token};
use crate::opcode::{MAX_BX, Opcode};
use crate::prototype::{Chunk, Prototype, UpvalueOrigin, VariableKind};
use scope::{Label, PendingJump, Variable};

/// Instructions from which on a function's lists are made as small as they may be.
const SHRUNK: usize = 1000;
/// Nested statements and expressions; where the reference, called from a script, runs out of C stack.
const MAX_DEPTH: u32 = 198;
/// What is said at the depth after that.
const STACK_OVERFLOW: &[u8] = b"C stack overflow";
/// Length of the source in bytes. (The reference stops at `INT_MAX` lines or instructions.)
const MAX_SOURCE: usize = 1 << 30;

/// The state of a compilation.
pub(crate) struct Parser<'s> {
    pub lexer: Lexer<'s>,
    /// The function being compiled.
    pub function: FunctionState,
    /// The functions around it.
    pub enclosing: Vec<FunctionState>,
    /// The declared variables of all open functions.
    pub variables: Vec<Variable>,
    /// Jumps to labels not seen yet.
    pub gotos: Vec<PendingJump>,
    /// The visible labels.
    pub labels: Vec<Label>,
    /// Finished prototypes, by index.
    prototypes: Vec<Option<Prototype>>,
    depth: u32,
    /// Open `if` statements that may still have an `else`.
    open_ifs: u32,
    /// Open `repeat` statements.
    open_repeats: u32,
    /// How parsing goes on after errors, if it does.
    recovery: Option<Box<recovery::Recovery>>,
}

impl<'s> Parser<'s> {
    pub fn compile(source: &'s [u8], chunk_name: &'s [u8]) -> Result<Chunk> {
        let mut parser = Parser::new(source, chunk_name);
        if source.len() > MAX_SOURCE {
            return Err(parser.lexer.error(b"chunk is too large"));
        }
        parser.main_function()?;
        Ok(Chunk { name: chunk_name.into(), prototypes: parser.prototypes.into_iter().flatten().collect() })
    }

    fn new(source: &'s [u8], chunk_name: &'s [u8]) -> Self {
        Parser {
            lexer: Lexer::new(source, chunk_name),
            function: FunctionState::new(0, 0, 0, 0),
            enclosing: Vec::new(),
            variables: Vec::new(),
            gotos: Vec::new(),
            labels: Vec::new(),
            prototypes: vec![None],
            depth: 0,
            open_ifs: 0,
            open_repeats: 0,
            recovery: None,
        }
    }

    fn main_function(&mut self) -> Result<()> {
        self.enter_block(scope::BlockKind::Plain);
        self.set_vararg(0);
        self.function.upvalues.push(Name::ENV);
        self.function.prototype.upvalues.push(UpvalueOrigin {
            name: self.lexer.names.text(Name::ENV).clone(),
            in_stack: true,
            index: 0,
            kind: VariableKind::Regular,
        });
        if let Err(error) = self.lexer.advance() {
            self.report(error)?;
        }
        self.statements()?;
        if !self.is(Token::End) {
            self.recover_end_of_text()?;
        }
        self.finish_function()
    }

    fn set_vararg(&mut self, parameters: u32) {
        self.function.prototype.is_vararg = true;
        self.emit_abc(Opcode::VarArgPrep, parameters, 0, 0);
    }

    /// Starts a nested function; returns its index among those of the enclosing function.
    fn open_function(&mut self, line: u32) -> Result<u32> {
        let nested_index = self.function.prototype.nested.len() as u32;
        if nested_index >= MAX_BX {
            let message = format!("too many functions (limit is {MAX_BX})");
            return Err(self.lexer.error_without_place(message.as_bytes()));
        }
        let index = self.prototypes.len();
        self.prototypes.push(None);
        self.function.prototype.nested.push(index as u32);
        let function = FunctionState::new(index, line, self.variables.len(), self.labels.len());
        self.enclosing.push(std::mem::replace(&mut self.function, function));
        self.enter_block(scope::BlockKind::Plain);
        Ok(nested_index)
    }

    /// Ends the innermost function and goes back to the one around it.
    fn finish_function(&mut self) -> Result<()> {
        let first = self.active_registers();
        self.emit_return(first, 0);
        self.leave_block()?;
        self.finish_code()?;
        let outer = self.enclosing.pop().unwrap_or_else(|| FunctionState::new(0, 0, 0, 0));
        let mut function = std::mem::replace(&mut self.function, outer);
        let p = &mut function.prototype;
        // What a large function has too much would be there as long as the program runs. (Constants become values.)
        if p.code.len() > SHRUNK {
            p.code.shrink_to_fit();
            p.lines.shrink_to_fit();
        }
        self.prototypes[function.index] = Some(function.prototype);
        Ok(())
    }

    fn enter_level(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth >= MAX_DEPTH {
            return Err(self.lexer.error_without_place(STACK_OVERFLOW));
        }
        Ok(())
    }

    fn leave_level(&mut self) {
        self.depth -= 1;
    }

    /// The error of a limit per function.
    fn limit_error(&self, function: &FunctionState, what: &str, limit: usize) -> Box<crate::CompileError> {
        let place = match function.prototype.line_defined {
            0 => "main function".to_string(),
            line => format!("function at line {line}"),
        };
        self.lexer.error_near(format!("too many {what} (limit is {limit}) in {place}").as_bytes())
    }
}

// Tokens.
impl Parser<'_> {
    fn token(&self) -> Token {
        self.lexer.token()
    }

    fn is(&self, token: Token) -> bool {
        self.lexer.token() == token
    }

    /// Consumes the token if it is this one.
    fn accept(&mut self, token: Token) -> Result<bool> {
        if self.is(token) {
            self.lexer.advance()?;
            return Ok(true);
        }
        Ok(false)
    }

    fn expected(&self, token: Token) -> Box<crate::CompileError> {
        self.lexer.error_near(&[&token.describe()[..], b" expected"].concat())
    }

    fn check(&self, token: Token) -> Result<()> {
        if self.is(token) { Ok(()) } else { Err(self.expected(token)) }
    }

    fn expect(&mut self, token: Token) -> Result<()> {
        self.check(token)?;
        self.lexer.advance()
    }

    /// Expects the token that closes `opening` of the given line.
    fn expect_closing(&mut self, token: Token, opening: Token, line: u32) -> Result<()> {
        if self.accept(token)? {
            return Ok(());
        }
        Err(self.unclosed(token, opening, line))
    }

    /// Expects the end of a block; answers whether it was there, or else one had to be imagined (recovery.rs).
    fn close_block(&mut self, token: Fixed, opening: Fixed, line: u32) -> Result<bool> {
        if self.accept(Token::Fixed(token))? {
            return Ok(true);
        }
        self.recover_block_end(self.unclosed(Token::Fixed(token), Token::Fixed(opening), line), token)
    }

    fn unclosed(&self, token: Token, opening: Token, line: u32) -> Box<crate::CompileError> {
        if line == self.lexer.line {
            return self.expected(token);
        }
        let place = format!(" at line {line})");
        let parts = [&token.describe()[..], b" expected (to close ", &opening.describe(), place.as_bytes()];
        self.lexer.error_near(&parts.concat())
    }

    fn expect_name(&mut self) -> Result<Name> {
        match self.token() {
            Token::Name(name) => {
                self.lexer.advance()?;
                Ok(name)
            }
            _ => Err(self.expected(Token::Name(Name::ENV))),
        }
    }
}
