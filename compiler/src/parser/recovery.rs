//! Going on after an error, to find the others.
//!
//! Journey: tokens -> **diagnostics**. The parser of [`compile`](crate::compile) stops at the first error. For
//! [`check`](crate::check) it notes the error, drops the statement it is in with all that this has opened, and goes on
//! at the next one; the code that it emits is thrown away. A loop, `if` or function whose head is wrong still gets its
//! block, so that each `end` finds its partner.
//!
//! Always: of two errors in one line of the text only the first is noted, unless a semicolon lies between them, and
//! what may be a mere consequence of an earlier error is not. Each error moves the parser by a token or leaves a
//! block, and looks ahead by a limited number of tokens, so the work is linear in the text.
//!
//! Not here: errors inside numerals and strings, after which the lexer itself goes on.

use super::{MAX_SOURCE, Parser, STACK_OVERFLOW};
use crate::codegen::NO_JUMP;
use crate::error::{CompileError, Diagnostic, Place, Result};
use crate::lexer::{Fixed, Name, Token};
use crate::number::is_space;
use std::collections::HashSet;

/// Tokens to look ahead for a `then`, `do` or `end`.
const LOOK_AHEAD: usize = 100;
/// Bytes of a comment of another language.
const MAX_COMMENT: usize = 2000;

/// Words that begin or end a block.
const BLOCK_WORDS: [&[u8]; 6] = [b"do", b"end", b"function", b"repeat", b"then", b"until"];

/// What is known about the errors so far.
pub(crate) struct Recovery {
    found: Vec<Diagnostic>,
    limit: usize,
    /// Where the last syntax error was, noted or not.
    last: Option<Place>,
    /// Whether a semicolon has ended the statement of the last error.
    separated: bool,
    /// Whether blocks may have lost their ends, so that an `end` or its absence proves nothing.
    structure_lost: bool,
    /// Whether to find no more.
    ended: bool,
    /// All that looks like a label in the text, once it was asked for.
    labels: Option<HashSet<Vec<u8>>>,
}

/// A point to which the parser can go back, in all but the text.
pub(super) struct Mark {
    /// Offset of the token there.
    start: usize,
    column: u32,
    enclosing: usize,
    blocks: usize,
    active: usize,
    variables: usize,
    gotos: usize,
    labels: usize,
    depth: u32,
    brackets: i32,
    open_ifs: u32,
    open_repeats: u32,
    /// What keyword the name there may be meant to be.
    misspelt: Misspelt,
}

/// Keywords that are often misspelt, or spelt as in another language.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Misspelt {
    None,
    ElseIf,
    Function,
}

// Noting errors.
impl<'s> Parser<'s> {
    pub fn check_text(source: &'s [u8], limit: usize) -> Vec<Diagnostic> {
        let mut parser = Parser::new(source, b"=");
        parser.lexer.tolerated = Some(Vec::new());
        parser.recovery = Some(Box::new(Recovery {
            found: Vec::new(),
            limit,
            last: None,
            separated: false,
            structure_lost: false,
            ended: limit == 0,
            labels: None,
        }));
        if source.len() > MAX_SOURCE {
            let _ = parser.report(parser.lexer.error(b"chunk is too large"));
        } else if let Err(error) = parser.main_function() {
            let _ = parser.report(error); // again, if it is what ended the search: that has no effect
        }
        parser.collect_tolerated();
        parser.recovery.map_or_else(Vec::new, |recovery| recovery.found)
    }

    /// Whether the code that comes out is thrown away.
    pub(crate) fn is_checking(&self) -> bool {
        self.recovery.is_some()
    }

    /// Notes a syntax error; returns it if parsing ends with it.
    pub(super) fn report(&mut self, error: Box<CompileError>) -> Result<()> {
        if self.recovery.is_none() {
            return Err(error);
        }
        self.collect_tolerated();
        self.note_syntax_error(&error);
        if error.message == STACK_OVERFLOW
            && let Some(recovery) = &mut self.recovery
        {
            recovery.ended = true; // noted or not: nothing deeper can be parsed
        }
        if self.recovery.as_ref().is_some_and(|r| r.ended) { Err(error) } else { Ok(()) }
    }

    /// Notes an error in a statement that is well formed, about this place; returns it if parsing ends with it.
    pub(super) fn complain(&mut self, mut error: Box<CompileError>, place: Place) -> Result<()> {
        if self.recovery.is_none() {
            return Err(error);
        }
        self.collect_tolerated();
        error.place = place;
        let is_doubtful = |r: &Recovery| {
            r.last.is_some_and(|last| place.line == last.line && place.start > last.start) && !r.separated
        };
        if !self.recovery.as_deref().is_some_and(is_doubtful) {
            self.note(&error);
        }
        if self.recovery.as_ref().is_some_and(|r| r.ended) { Err(error) } else { Ok(()) }
    }

    /// Notes what the lexer has found.
    fn collect_tolerated(&mut self) {
        let errors = match &mut self.lexer.tolerated {
            Some(tolerated) if !tolerated.is_empty() => std::mem::take(tolerated),
            _ => return,
        };
        for error in errors {
            self.note_syntax_error(&error);
        }
    }

    fn note_syntax_error(&mut self, error: &CompileError) {
        let Some(recovery) = &mut self.recovery else { return };
        let place = error.place;
        let is_new = match recovery.last {
            Some(last) if place.start <= last.start => false,
            Some(last) => place.line != last.line || recovery.separated,
            None => true,
        };
        if !is_new {
            return;
        }
        recovery.last = Some(place);
        recovery.separated = false;
        self.note(error);
    }

    fn note(&mut self, error: &CompileError) {
        let Some(recovery) = &mut self.recovery else { return };
        let message = self.lexer.bare_message(error);
        // After a limit is exceeded, every further variable exceeds it.
        let is_limit = message.starts_with(b"too many ");
        let what = |message: &[u8]| message.windows(6).position(|w| w == b" near ").unwrap_or(message.len());
        let is_known = |d: &Diagnostic| d.message[..what(&d.message)] == message[..what(&message)];
        if recovery.ended || is_limit && recovery.found.iter().any(is_known) {
            return;
        }
        let text = self.lexer.source();
        if message.starts_with(b"unfinished ") {
            // It has swallowed the rest of the line or of the text.
            let swallowed = self.lexer.text(error.place);
            let has = |word: &[u8]| swallowed.windows(word.len()).any(|w| w == word);
            recovery.structure_lost |= message.starts_with(b"unfinished long") || BLOCK_WORDS.iter().any(|w| has(w));
        }
        let is_break = |b: &u8| matches!(b, b'\n' | b'\r');
        let place = error.place;
        let line_start = text[..place.start].iter().rposition(is_break).map_or(0, |i| i + 1);
        let piece = &text[place.start..place.end.max(place.start)];
        let length = piece.iter().position(is_break).unwrap_or(piece.len());
        recovery.found.push(Diagnostic {
            line: place.line,
            column: (place.start - line_start) as u32 + 1, // the text's length is limited
            length: length as u32,
            message,
        });
        recovery.ended |= recovery.found.len() >= recovery.limit;
    }

    /// Whether a label that is missing may have been in a part of the text that was not understood.
    pub(super) fn is_lost_label(&mut self, name: Name) -> bool {
        let Some(recovery) = &mut self.recovery else { return false };
        if recovery.last.is_none() {
            return false;
        }
        if name == Name::BREAK {
            return true; // its loop
        }
        let labels = recovery.labels.get_or_insert_with(|| label_names(self.lexer.source()));
        labels.contains(&self.lexer.names.text(name)[..])
    }

    /// Whether blocks may have lost their ends.
    pub(super) fn is_structure_lost(&self) -> bool {
        self.recovery.as_ref().is_some_and(|recovery| recovery.structure_lost)
    }

    /// Where a statement or an `end` should be: a bracket there that closes one from outside the function says that its
    /// `end` is missing.
    fn doubt_structure(&mut self) {
        if matches!(self.token(), Token::Byte(b')' | b']' | b'}')) && self.lexer.brackets > 0 {
            self.lose_structure();
        }
    }

    fn lose_structure(&mut self) {
        if let Some(recovery) = &mut self.recovery {
            recovery.structure_lost = true;
        }
    }
}

/// All names after a `::`.
fn label_names(text: &[u8]) -> HashSet<Vec<u8>> {
    let mut names = HashSet::new();
    for (i, _) in text.windows(2).enumerate().filter(|(_, w)| w == b"::") {
        let rest = &text[i + 2..];
        let start = rest.iter().position(|&b| !is_space(b)).unwrap_or(rest.len());
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
        let length = rest[start..].iter().position(|b| !is_name(b)).unwrap_or(rest.len() - start);
        if length > 0 {
            names.insert(rest[start..start + length].to_vec());
        }
    }
    names
}

// Going back.
impl Parser<'_> {
    pub(super) fn mark(&self) -> Mark {
        let start = self.lexer.place();
        let misspelt = match (self.token(), self.lexer.text(start)) {
            _ if self.recovery.is_none() => Misspelt::None,
            (Token::Name(_), [b'e', b'l', ..]) if self.open_ifs > 0 => Misspelt::ElseIf,
            (Token::Name(_), b"def" | b"fn" | b"fun" | b"func" | [b'F' | b'f', _, _, _, .., b'n']) => {
                Misspelt::Function
            }
            _ => Misspelt::None,
        };
        Mark {
            start: start.start,
            column: self.lexer.token_column(),
            enclosing: self.enclosing.len(),
            blocks: self.function.blocks.len(),
            active: self.function.active,
            variables: self.variables.len(),
            gotos: self.gotos.len(),
            labels: self.labels.len(),
            depth: self.depth,
            brackets: self.lexer.brackets,
            open_ifs: self.open_ifs,
            open_repeats: self.open_repeats,
            misspelt,
        }
    }

    /// Closes all that was opened since the mark.
    pub(super) fn restore(&mut self, mark: &Mark) {
        while self.enclosing.len() > mark.enclosing
            && let Some(function) = self.enclosing.pop()
        {
            self.function = function;
        }
        self.function.blocks.truncate(mark.blocks);
        self.function.active = mark.active;
        self.variables.truncate(mark.variables);
        self.gotos.truncate(mark.gotos);
        self.labels.truncate(mark.labels);
        self.function.free_register = self.active_registers();
        self.depth = mark.depth;
        self.open_ifs = mark.open_ifs;
        self.open_repeats = mark.open_repeats;
    }
}

// Going on.
impl Parser<'_> {
    /// After an error in the statement that began at the mark: to the next one.
    pub(super) fn recover(&mut self, error: Box<CompileError>, mark: &Mark) -> Result<()> {
        let place = error.place;
        self.report(error.clone())?;
        self.restore(mark);
        if place.start == mark.start {
            self.doubt_structure();
        }
        if place.start == mark.start && self.lexer.is_first() && self.skip_foreign_comment()? {
            return Ok(());
        }
        if mark.misspelt == Misspelt::Function && self.is_after_one_name(mark) {
            if let Err(error) = self.enter_level() {
                return self.report(error);
            }
            self.recover_nameless_function(error, place.line)?;
            self.restore(mark);
            return Ok(());
        }
        self.skip_statement(mark)
    }

    /// Skips a comment as other languages have them, if one begins here.
    fn skip_foreign_comment(&mut self) -> Result<bool> {
        let place = self.lexer.place();
        let rest = &self.lexer.source()[place.start..];
        let mut end = place.start;
        if rest.starts_with(b"/*") {
            let limit = rest.len().min(MAX_COMMENT);
            end += rest[..limit].windows(2).position(|w| w == b"*/").map_or(0, |i| i + 2);
        } else if !matches!(self.token(), Token::Fixed(Fixed::IntegerDivide) | Token::Byte(b'#')) {
            return Ok(false);
        }
        loop {
            self.lexer.advance()?;
            let here = self.lexer.place();
            if self.is(Token::End) || (here.line > place.line && here.start >= end) {
                return Ok(true);
            }
        }
    }

    /// Whether a second name, and that of a function, follows the one at the mark.
    fn is_after_one_name(&mut self, mark: &Mark) -> bool {
        let is_name = matches!(self.token(), Token::Name(_));
        is_name
            && self.lexer.previous.start == mark.start
            && matches!(self.lexer.peek(), Ok(Token::Byte(b'(' | b'.' | b':')))
    }

    /// Skips to where a statement may begin, or a block end. Consumes a token if none of the statement was.
    fn skip_statement(&mut self, mark: &Mark) -> Result<()> {
        if let Err(error) = self.enter_level() {
            return self.report(error);
        }
        let mut must_skip = self.lexer.place().start == mark.start;
        loop {
            let is_inside = self.lexer.brackets > mark.brackets;
            let is_first = self.lexer.is_first();
            match self.token() {
                Token::End | Token::Fixed(Fixed::End | Fixed::Else | Fixed::ElseIf | Fixed::Until) => break,
                Token::Byte(b';') if !is_inside => {
                    self.lexer.advance()?;
                    if let Some(recovery) = &mut self.recovery {
                        recovery.separated = true;
                    }
                    break;
                }
                Token::Fixed(Fixed::Function) => {
                    let next = self.lexer.peek()?;
                    if next == Token::Byte(b'(') {
                        // Its statements are as good as any, and its `end` must not end something else.
                        self.lexer.advance()?;
                        if let Err(error) = self.function_body(false, self.lexer.line) {
                            self.report(error)?;
                        }
                        let depth = self.depth;
                        self.restore(mark);
                        self.depth = depth;
                        must_skip = false;
                        continue;
                    }
                    if !must_skip && matches!(next, Token::Name(_)) {
                        break;
                    }
                }
                Token::Fixed(Fixed::Then) if self.starts_block() => {
                    self.lexer.advance()?;
                    if mark.misspelt != Misspelt::ElseIf {
                        self.recover_misspelt_if()?;
                    }
                    break;
                }
                _ if must_skip => {}
                Token::Fixed(
                    Fixed::Local | Fixed::Return | Fixed::Goto | Fixed::Break | Fixed::Repeat | Fixed::DoubleColon,
                ) => break,
                Token::Fixed(Fixed::If | Fixed::While | Fixed::For) => {
                    if is_first || self.finds_opener() {
                        break;
                    }
                    self.lose_structure();
                }
                Token::Fixed(Fixed::Do) if is_first || self.starts_block() => break,
                Token::Name(_) | Token::Byte(b'(' | b'$' | b'!' | b'?' | b'@' | b'\\' | b'`')
                    if is_first && self.lexer.token_column() <= mark.column =>
                {
                    break;
                }
                _ => {}
            }
            must_skip = false;
            self.lexer.advance()?;
        }
        self.depth = mark.depth;
        Ok(())
    }

    /// The block and the rest of what seems to be an `if` with the keyword misspelt, after its `then`.
    fn recover_misspelt_if(&mut self) -> Result<()> {
        let line = self.lexer.line;
        self.open_ifs += 1;
        self.block()?;
        self.if_rest(NO_JUMP, line)
    }

    /// Whether a `then` or `do` seems to start a block: it is the last word of its line, or an `end` follows in it.
    fn starts_block(&mut self) -> bool {
        let saved = self.lexer.save();
        let mut answer = false;
        for i in 0..LOOK_AHEAD {
            if self.lexer.advance().is_err() || self.is(Token::End) {
                break;
            }
            if self.lexer.is_first() {
                answer = i == 0;
                break;
            }
            if self.is(Token::Fixed(Fixed::End)) {
                answer = true;
                break;
            }
        }
        self.lexer.go_back(saved);
        answer
    }

    /// Whether the `then` or `do` of the current `if`, `while` or `for` is in sight.
    fn finds_opener(&mut self) -> bool {
        let saved = self.lexer.save();
        let found = self.lexer.advance().is_ok() && self.skip_to_opener(Fixed::Do);
        self.lexer.go_back(saved);
        found
    }

    /// Skips to a `then` or `do`, which becomes the current token; answers whether there is one in sight, before
    /// another statement.
    fn skip_to_opener(&mut self, opener: Fixed) -> bool {
        for _ in 0..LOOK_AHEAD {
            match self.token() {
                Token::Fixed(Fixed::Then | Fixed::Do) if !self.lexer.is_first() || self.is(Token::Fixed(opener)) => {
                    return true;
                }
                Token::Fixed(Fixed::Then | Fixed::Do | Fixed::Function) | Token::Byte(b';') => return false,
                _ if self.is_statement_keyword() => return false,
                _ => {}
            }
            if self.lexer.advance().is_err() {
                return false;
            }
        }
        false
    }

    /// Whether a statement or the end of a block begins here, for sure.
    fn is_statement_keyword(&self) -> bool {
        match self.token() {
            Token::End => true,
            Token::Fixed(word) => matches!(
                word,
                Fixed::Local
                    | Fixed::Return
                    | Fixed::Goto
                    | Fixed::Break
                    | Fixed::Repeat
                    | Fixed::DoubleColon
                    | Fixed::If
                    | Fixed::While
                    | Fixed::For
                    | Fixed::End
                    | Fixed::Else
                    | Fixed::ElseIf
                    | Fixed::Until
            ),
            _ => false,
        }
    }

    /// After an error in the head of an `if` or a loop: to its block.
    pub(super) fn recover_head(&mut self, error: Box<CompileError>, mark: &Mark, opener: Fixed) -> Result<()> {
        self.report(error)?;
        self.restore(mark);
        let saved = self.lexer.save();
        if self.skip_to_opener(opener) {
            return self.lexer.advance();
        }
        self.lexer.go_back(saved);
        self.skip_line()
    }

    /// Skips to the next line, or to a statement.
    fn skip_line(&mut self) -> Result<()> {
        while !self.lexer.is_first() && !self.is_statement_keyword() {
            self.lexer.advance()?;
        }
        Ok(())
    }

    /// After an error in the parameters of a function: to its statements.
    pub(super) fn recover_parameters(&mut self, error: Box<CompileError>, mark: &Mark) -> Result<()> {
        self.report(error)?;
        self.restore(mark);
        self.skip_parameters()
    }

    fn skip_parameters(&mut self) -> Result<()> {
        self.function.prototype.is_vararg = true; // it may have been
        while !self.lexer.is_first() && !self.is_statement_keyword() {
            if self.accept(Token::Byte(b')'))? {
                break;
            }
            self.lexer.advance()?;
        }
        Ok(())
    }

    /// After an error in the name of a function: its parameters and statements.
    pub(super) fn recover_nameless_function(&mut self, error: Box<CompileError>, line: u32) -> Result<()> {
        self.report(error)?;
        let nested_index = self.open_function(line)?;
        self.skip_parameters()?;
        self.function_rest(nested_index, line)?;
        Ok(())
    }

    /// Where a block should end and does not: reports it unless that may be a consequence, and goes on to its end.
    /// Answers whether that is there, and is consumed.
    pub(super) fn recover_block_end(&mut self, error: Box<CompileError>, token: Fixed) -> Result<bool> {
        if !self.is_structure_lost() {
            self.report(error)?;
            self.doubt_structure();
        }
        loop {
            match self.token() {
                Token::Fixed(text) if text == token => {
                    self.lexer.advance()?;
                    return Ok(true);
                }
                Token::End => {
                    self.lose_structure();
                    return Ok(false);
                }
                Token::Fixed(Fixed::End) => {
                    self.lexer.advance()?; // instead of `until`
                    return Ok(false);
                }
                Token::Fixed(Fixed::Until) if self.open_repeats > 0 => return Ok(false),
                Token::Fixed(Fixed::Else | Fixed::ElseIf) if self.open_ifs > 0 => return Ok(false),
                _ => self.skip_stray()?,
            }
        }
    }

    /// Where the text should end and does not.
    pub(super) fn recover_end_of_text(&mut self) -> Result<()> {
        while !self.is(Token::End) {
            let error = self.expected(Token::End);
            if !self.is_structure_lost() {
                self.report(error)?;
            }
            if self.block_follows(true) {
                self.lose_structure();
            }
            self.skip_stray()?;
        }
        Ok(())
    }

    /// Skips a word that ends no open block, or what follows a `return`, and the statements after it.
    fn skip_stray(&mut self) -> Result<()> {
        match self.token() {
            Token::Fixed(Fixed::ElseIf) => {
                let saved = self.lexer.save();
                self.lexer.advance()?;
                if self.skip_to_opener(Fixed::Then) {
                    self.lexer.advance()?;
                } else {
                    self.lexer.go_back(saved);
                    self.lexer.advance()?;
                }
            }
            Token::Fixed(Fixed::Until) => {
                self.lexer.advance()?;
                self.skip_line()?;
            }
            Token::Fixed(Fixed::End | Fixed::Else) => self.lexer.advance()?,
            _ if self.lexer.is_first() || self.is_statement_keyword() || self.is(Token::Fixed(Fixed::Function)) => {}
            _ => {
                let mut mark = self.mark();
                mark.column = u32::MAX;
                self.skip_statement(&mark)?;
            }
        }
        self.statements()
    }
}
