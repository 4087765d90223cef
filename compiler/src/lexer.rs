//! The lexer: bytes to tokens, one at a time, with one token of look-ahead.
//!
//! Journey: source text -> **tokens** -> prototype. `logos` finds what an element is and where it ends (names, reserved
//! words, numerals, operators, blanks); strings, long brackets and comments, whose errors quote what was read so far, are
//! read by hand from where it stops. It runs as a state machine, so a token of any length costs no stack.
//!
//! Always: `line` is the line where reading has come to, `last_line` that of the last token the parser consumed: the
//! first goes into error messages, the second into the line table of the code. Every distinct string exists once.
//!
//! Not here: the values of numerals (number.rs), what a token means (parser/).

use crate::codegen::push;
use crate::error::{CompileError, Place, Result, short_source};
use crate::number::{Number, hex_value, is_space, parse_number};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use logos::Logos;
use std::cell::OnceCell;
use std::hash::BuildHasher;
use std::sync::Arc;

/// A string of the source (name or literal), interned.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Name(u32);

impl Name {
    /// `_ENV`
    pub const ENV: Name = Name(0);
    /// `self`
    pub const SELF: Name = Name(1);
    /// `break`, which no label can be called.
    pub const BREAK: Name = Name(2);
    /// The hidden variables of loops.
    pub const FOR_STATE: Name = Name(3);
}

/// The texts of the names that are there from the beginning.
const FIRST: [&str; 4] = ["_ENV", "self", "break", "(for state)"];

/// The strings of a chunk.
pub(crate) struct Names {
    /// Their numbers, found by their texts.
    numbers: HashTable<Name>,
    texts: Vec<Arc<[u8]>>,
    /// Texts of the first names, made when they are asked for: a small chunk is soon compiled.
    first: [OnceCell<Arc<[u8]>>; FIRST.len()],
    /// Quick, and with a random seed, as the texts are whatever a source says.
    pub hasher: RandomState,
}

impl Names {
    fn new() -> Self {
        let first = [const { OnceCell::new() }; FIRST.len()];
        Names { numbers: HashTable::new(), texts: Vec::new(), first, hasher: RandomState::default() }
    }

    fn intern(&mut self, text: &[u8]) -> Name {
        // The other two of the first names are nothing that a source can say.
        match text {
            b"_ENV" => return Name::ENV,
            b"self" => return Name::SELF,
            _ => {}
        }
        let texts = &mut self.texts;
        let hash = self.hasher.hash_one(text);
        if let Some(&name) = self.numbers.find(hash, |&name| *texts[name.0 as usize - FIRST.len()] == *text) {
            return name;
        }
        let name = Name((FIRST.len() + texts.len()) as u32); // fewer than the bytes of the source, which are limited
        self.numbers.insert_unique(hash, name, |&name| self.hasher.hash_one(&*texts[name.0 as usize - FIRST.len()]));
        push(texts, text.into());
        name
    }

    pub fn text(&self, name: Name) -> &Arc<[u8]> {
        let number = name.0 as usize;
        match FIRST.get(number) {
            Some(text) => self.first[number].get_or_init(|| text.as_bytes().into()),
            None => &self.texts[number - FIRST.len()],
        }
    }
}

/// Declares [`Fixed`] with its texts, and [`Raw`], in which each of them is a pattern.
macro_rules! fixed {
    ($($name:ident = $text:literal),* $(,)?) => {
        /// A reserved word, or an operator of more than one byte.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Fixed {
            $($name),*
        }

        impl Fixed {
            /// As it is written.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Fixed::$name => $text),*
                }
            }
        }

        /// What `logos` recognises.
        #[derive(Logos, Clone, Copy)]
        #[logos(utf8 = false, skip r"[ \t\x0b\x0c]+")]
        enum Raw {
            #[regex(r"\r\n|\n\r|\r|\n")]
            NewLine,
            /// Its two signs.
            #[token("--")]
            Comment,
            #[regex(r"[A-Za-z_][A-Za-z0-9_]*")]
            Name,
            // All that could belong to one, and a letter, which makes `3x` one malformed numeral.
            #[regex(r"\.?0[xX]([pP][+\-]?|[0-9A-Fa-f.])*[A-Za-z_]?", priority = 20)]
            #[regex(r"\.?[0-9]([eE][+\-]?|[0-9A-Fa-f.])*[A-Za-z_]?", priority = 10)]
            Numeral,
            /// What a string begins with.
            #[regex(r#"["']"#)]
            Quote,
            /// What a long string begins with.
            #[regex(r"\[=*\[")]
            LongBracket,
            #[regex(r"\[=+")]
            BrokenLongBracket,
            $(#[token($text, |_| Fixed::$name)])*
            Fixed(Fixed),
            /// An operator of one byte, or nothing that Lua knows.
            #[regex(r"(?s-u:.)", priority = 0)]
            Byte,
        }
    };
}

fixed! {
    And = "and",
    Break = "break",
    Do = "do",
    Else = "else",
    ElseIf = "elseif",
    End = "end",
    False = "false",
    For = "for",
    Function = "function",
    Goto = "goto",
    If = "if",
    In = "in",
    Local = "local",
    Nil = "nil",
    Not = "not",
    Or = "or",
    Repeat = "repeat",
    Return = "return",
    Then = "then",
    True = "true",
    Until = "until",
    While = "while",
    IntegerDivide = "//",
    Concat = "..",
    Dots = "...",
    Equal = "==",
    GreaterEqual = ">=",
    LessEqual = "<=",
    NotEqual = "~=",
    ShiftLeft = "<<",
    ShiftRight = ">>",
    DoubleColon = "::",
}

/// A token.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Token {
    /// The end of the source.
    End,
    /// A reserved word or an operator of more than one byte.
    Fixed(Fixed),
    /// An operator of one byte, or a byte that Lua has no use for.
    Byte(u8),
    Name(Name),
    String(Name),
    Integer(i64),
    Float(f64),
}

impl Token {
    /// The token as messages name it when it is expected.
    pub fn describe(self) -> Vec<u8> {
        match self {
            Token::End => b"<eof>".to_vec(),
            Token::Fixed(fixed) => format!("'{}'", fixed.text()).into_bytes(),
            Token::Byte(byte @ b' '..=b'~') => vec![b'\'', byte, b'\''],
            Token::Byte(byte) => format!("'<\\{byte}>'").into_bytes(),
            Token::Name(_) => b"<name>".to_vec(),
            Token::String(_) => b"<string>".to_vec(),
            Token::Integer(_) => b"<integer>".to_vec(),
            Token::Float(_) => b"<number>".to_vec(),
        }
    }
}

/// Errors kept at a time while reading goes on.
const MAX_TOLERATED: usize = 1000;

/// A token and where it stands.
#[derive(Clone, Copy)]
struct Placed {
    token: Token,
    start: usize,
    end: usize,
    column: u32,
    /// Line where it starts.
    line: u32,
    /// Whether it is the first of its line.
    is_first: bool,
}

impl Placed {
    fn place(&self) -> Place {
        Place { start: self.start, end: self.end, line: self.line }
    }
}

/// Where a lexer stood, to go back to.
pub(crate) struct Saved<'s> {
    raw: logos::Lexer<'s, Raw>,
    current: Placed,
    ahead: Option<Placed>,
    line: u32,
    last_line: u32,
    line_start: usize,
    end_line: u32,
    previous: Place,
    brackets: i32,
    tolerated: usize,
}

/// The lexer and its look-ahead.
pub(crate) struct Lexer<'s> {
    source: &'s [u8],
    /// It stands where reading has come to.
    raw: logos::Lexer<'s, Raw>,
    /// The chunk's name.
    chunk_name: &'s [u8],
    /// The current token, or the element being read: what stands for it if it is malformed.
    current: Placed,
    ahead: Option<Placed>,
    /// Line where reading has come to.
    pub line: u32,
    /// Line of the last token that was consumed.
    pub last_line: u32,
    /// Offset where that line begins.
    line_start: usize,
    /// Line where the last element ended.
    end_line: u32,
    /// The last token that was consumed.
    pub previous: Place,
    /// Opening brackets consumed, less the closing ones.
    pub brackets: i32,
    /// Errors inside numerals and strings, if reading goes on after them (recovery.rs).
    pub tolerated: Option<Vec<CompileError>>,
    /// What a string literal has come to so far, with its delimiter.
    buffer: Vec<u8>,
    /// All strings of the chunk.
    pub names: Names,
}

impl<'s> Lexer<'s> {
    pub fn new(source: &'s [u8], chunk_name: &'s [u8]) -> Self {
        let none = Placed { token: Token::End, start: 0, end: 0, column: 1, line: 1, is_first: false };
        Lexer {
            source,
            raw: Raw::lexer(source),
            chunk_name,
            current: none,
            ahead: None,
            line: 1,
            last_line: 1,
            line_start: 0,
            end_line: 0,
            previous: none.place(),
            brackets: 0,
            tolerated: None,
            buffer: Vec::new(),
            names: Names::new(),
        }
    }

    /// The current token.
    pub fn token(&self) -> Token {
        self.current.token
    }

    /// Consumes the current token.
    pub fn advance(&mut self) -> Result<()> {
        self.last_line = self.line;
        self.previous = self.current.place();
        match self.current.token {
            Token::Byte(b'(' | b'[' | b'{') => self.brackets += 1,
            Token::Byte(b')' | b']' | b'}') => self.brackets -= 1,
            _ => {}
        }
        if let Some(placed) = self.ahead.take() {
            self.current = placed;
            return Ok(());
        }
        self.scan()
    }

    /// Reads the next token, which becomes the current one.
    fn scan(&mut self) -> Result<()> {
        match self.read_token() {
            Ok(token) => self.current.token = token,
            Err(error) => {
                // If reading goes on nevertheless: a token that fits nowhere.
                self.current.token = Token::Byte(b' ');
                self.tolerate(error)?;
            }
        }
        self.current.end = self.offset();
        self.end_line = self.line;
        Ok(())
    }

    /// Where the current token stands.
    pub fn place(&self) -> Place {
        self.current.place()
    }

    /// The byte column of the current token.
    pub fn token_column(&self) -> u32 {
        self.current.column
    }

    /// Whether the current token is the first of its line.
    pub fn is_first(&self) -> bool {
        self.current.is_first
    }

    /// The text of a place.
    pub fn text(&self, place: Place) -> &'s [u8] {
        &self.source[place.start..place.end]
    }

    /// The whole text.
    pub fn source(&self) -> &'s [u8] {
        self.source
    }

    /// An error's message without its place in front.
    pub fn bare_message(&self, error: &CompileError) -> Vec<u8> {
        let place = [&short_source(self.chunk_name)[..], format!(":{}: ", error.line).as_bytes()].concat();
        error.message.strip_prefix(&place[..]).unwrap_or(&error.message).to_vec()
    }

    pub fn save(&self) -> Saved<'s> {
        Saved {
            raw: self.raw.clone(),
            current: self.current,
            ahead: self.ahead,
            line: self.line,
            last_line: self.last_line,
            line_start: self.line_start,
            end_line: self.end_line,
            previous: self.previous,
            brackets: self.brackets,
            tolerated: self.tolerated.as_ref().map_or(0, Vec::len),
        }
    }

    pub fn go_back(&mut self, saved: Saved<'s>) {
        self.raw = saved.raw;
        self.current = saved.current;
        self.ahead = saved.ahead;
        self.line = saved.line;
        self.last_line = saved.last_line;
        self.line_start = saved.line_start;
        self.end_line = saved.end_line;
        self.previous = saved.previous;
        self.brackets = saved.brackets;
        if let Some(tolerated) = &mut self.tolerated {
            tolerated.truncate(saved.tolerated);
        }
    }

    /// The token after the current one.
    pub fn peek(&mut self) -> Result<Token> {
        if let Some(placed) = self.ahead {
            return Ok(placed.token);
        }
        let current = self.current;
        let scanned = self.scan();
        let ahead = std::mem::replace(&mut self.current, current);
        scanned?;
        self.ahead = Some(ahead);
        Ok(ahead.token)
    }

    /// An error at the current token, which the message quotes.
    pub fn error_near(&self, what: &[u8]) -> Box<CompileError> {
        let text = |text: &[u8]| {
            let end = text.iter().position(|&b| b == 0).unwrap_or(text.len()); // formatted as a C string there
            [b"'", &text[..end], b"'"].concat()
        };
        let source = &self.source[self.current.start..self.current.end];
        let near = match self.current.token {
            Token::Name(_) | Token::Integer(_) | Token::Float(_) => text(source),
            Token::String(name) => {
                // The reference quotes its buffer: delimiters, and between them the value of the string.
                let delimiter = match source.first() {
                    Some(b'[') => source[1..].iter().position(|&b| b == b'[').map_or(0, |i| i + 2),
                    _ => 1,
                };
                let value = self.names.text(name);
                text(&[&source[..delimiter], value, &source[source.len() - delimiter..]].concat())
            }
            Token::Byte(0) => return self.error(what), // where the reference takes it for no token
            token => token.describe(),
        };
        self.error_at(&[what, b" near ", &near].concat(), self.current.place())
    }

    /// An error that quotes no token.
    pub fn error(&self, what: &[u8]) -> Box<CompileError> {
        self.error_at(what, self.current.place())
    }

    /// An error whose message says no place: the limits that the reference checks outside its parser.
    pub fn error_without_place(&self, what: &[u8]) -> Box<CompileError> {
        let column = self.current.column;
        Box::new(CompileError { message: what.to_vec(), line: self.line, column, place: self.current.place() })
    }

    fn error_at(&self, what: &[u8], place: Place) -> Box<CompileError> {
        let message = [&short_source(self.chunk_name)[..], format!(":{}: ", self.line).as_bytes(), what].concat();
        Box::new(CompileError { message, line: self.line, column: self.current.column, place })
    }

    /// An error in the lexical element that starts at `start`, quoting `near`.
    fn lexical_error(&self, what: &str, near: &[u8]) -> Box<CompileError> {
        let end = near.iter().position(|&b| b == 0).unwrap_or(near.len());
        self.error_at(&[what.as_bytes(), b" near '", &near[..end], b"'"].concat(), self.place_read())
    }

    /// The element being read, as far as it was read.
    fn place_read(&self) -> Place {
        Place { end: self.offset(), ..self.current.place() }
    }

    /// Keeps an error after which reading can go on, if that is wanted.
    fn tolerate(&mut self, error: Box<CompileError>) -> Result<()> {
        match &mut self.tolerated {
            Some(tolerated) if tolerated.len() < MAX_TOLERATED => tolerated.push(*error),
            Some(_) => {}
            None => return Err(error),
        }
        Ok(())
    }

    /// Reads an element that is a token. What is known of it before it is read becomes that of the current token.
    fn read_token(&mut self) -> Result<Token> {
        loop {
            let raw = self.raw.next();
            let span = self.raw.span();
            self.current.start = span.start;
            self.current.column = (span.start - self.line_start) as u32 + 1; // the source's length is limited
            self.current.line = self.line;
            self.current.is_first = self.line != self.end_line;
            let Some(raw) = raw else {
                return Ok(Token::End);
            };
            return Ok(match raw.unwrap_or(Raw::Byte) {
                Raw::NewLine => {
                    self.start_line(span.end);
                    continue;
                }
                Raw::Comment => {
                    self.skip_comment()?;
                    continue;
                }
                Raw::Fixed(fixed) => Token::Fixed(fixed),
                Raw::Name => Token::Name(self.names.intern(self.raw.slice())),
                Raw::Byte => Token::Byte(self.source[span.start]),
                Raw::Numeral => self.read_numeral()?,
                Raw::Quote => Token::String(self.read_string(self.source[span.start])?),
                Raw::LongBracket => {
                    self.buffer.clear();
                    self.read_long_bracket(span.len() - 2, "string")?;
                    Token::String(self.names.intern(&self.buffer))
                }
                Raw::BrokenLongBracket => {
                    return Err(self.lexical_error("invalid long string delimiter", self.raw.slice()));
                }
            });
        }
    }

    /// The value of a numeral.
    fn read_numeral(&mut self) -> Result<Token> {
        let text = self.raw.slice();
        Ok(match parse_number(text) {
            Some(Number::Integer(value)) => Token::Integer(value),
            Some(Number::Float(value)) => Token::Float(value),
            None => {
                self.tolerate(self.lexical_error("malformed number", text))?;
                Token::Integer(0)
            }
        })
    }

    fn start_line(&mut self, offset: usize) {
        self.line = self.line.saturating_add(1);
        self.line_start = offset;
    }

    /// Where reading has come to.
    fn offset(&self) -> usize {
        self.raw.span().end
    }

    /// The text that was not read yet.
    fn rest(&self) -> &'s [u8] {
        self.raw.remainder()
    }

    fn peek_byte(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// Skips a line break at the current offset, if there is one: one of `\n`, `\r`, `\r\n`, `\n\r`.
    fn skip_line_break(&mut self) -> bool {
        let length = match self.rest() {
            [b'\r', b'\n', ..] | [b'\n', b'\r', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => return false,
        };
        self.raw.bump(length);
        self.start_line(self.offset());
        true
    }

    fn skip_comment(&mut self) -> Result<()> {
        let rest = self.rest();
        if let [b'[', after @ ..] = rest {
            let level = after.iter().take_while(|&&b| b == b'=').count();
            if after.get(level) == Some(&b'[') {
                self.raw.bump(level + 2);
                return self.read_long_bracket(level, "comment");
            }
        }
        let length = rest.iter().position(|&b| b == b'\n' || b == b'\r').unwrap_or(rest.len());
        self.raw.bump(length);
        Ok(())
    }

    /// Reads the inside of a long bracket up to and with its end into the buffer.
    fn read_long_bracket(&mut self, level: usize, what: &str) -> Result<()> {
        let is_comment = what == "comment";
        let first_line = self.line;
        self.skip_line_break();
        loop {
            let rest = self.rest();
            let plain = rest.iter().position(|b| matches!(b, b']' | b'\n' | b'\r'));
            let Some(plain) = plain else {
                let message = format!("unfinished long {what} (starting at line {first_line}) near <eof>");
                self.raw.bump(rest.len());
                return Err(self.error_at(message.as_bytes(), self.place_read()));
            };
            if !is_comment {
                self.buffer.extend_from_slice(&rest[..plain]);
            }
            self.raw.bump(plain);
            if self.skip_line_break() {
                if !is_comment {
                    self.buffer.push(b'\n');
                }
                continue;
            }
            // A `]`: it ends the bracket if `level` signs and another `]` follow; that one may begin the real end.
            let signs = self.rest()[1..].iter().take_while(|&&b| b == b'=').count();
            let closes = signs == level && self.rest().get(1 + signs) == Some(&b']');
            if closes {
                self.raw.bump(signs + 2);
                return Ok(());
            }
            if !is_comment {
                self.buffer.extend_from_slice(&self.rest()[..=signs]);
            }
            self.raw.bump(signs + 1);
        }
    }

    /// Moves the next byte to the buffer.
    fn keep(&mut self) {
        if let Some(byte) = self.peek_byte() {
            self.buffer.push(byte);
            self.raw.bump(1);
        }
    }

    /// The error of an escape sequence: quotes the string up to and with the byte that does not fit.
    fn escape_error(&self, what: &str) -> Box<CompileError> {
        let next = self.peek_byte();
        let near: Vec<u8> = self.buffer.iter().copied().chain(next).collect();
        let mut error = self.lexical_error(what, &near);
        error.place.end += usize::from(next.is_some());
        error
    }

    fn read_string(&mut self, delimiter: u8) -> Result<Name> {
        self.buffer.clear();
        self.buffer.push(delimiter);
        loop {
            let rest = self.rest();
            let plain =
                rest.iter().position(|&b| b == delimiter || matches!(b, b'\\' | b'\n' | b'\r')).unwrap_or(rest.len());
            self.buffer.extend_from_slice(&rest[..plain]);
            self.raw.bump(plain);
            match self.peek_byte() {
                None => return Err(self.error_at(b"unfinished string near <eof>", self.place_read())),
                Some(b'\n' | b'\r') => {
                    return Err(self.lexical_error("unfinished string", &self.buffer));
                }
                Some(b'\\') => {
                    let (start, line) = (self.offset(), self.line);
                    if let Err(mut error) = self.read_escape() {
                        error.place = Place { start, line, ..error.place };
                        self.tolerate(error)?;
                    }
                }
                Some(_) => {
                    self.raw.bump(1);
                    return Ok(self.names.intern(&self.buffer[1..]));
                }
            }
        }
    }

    /// Reads an escape sequence. The buffer holds its text while it is being read, for error messages.
    fn read_escape(&mut self) -> Result<()> {
        let start = self.buffer.len();
        self.keep(); // the backslash
        let Some(letter) = self.peek_byte() else {
            return Ok(()); // the string is unfinished, which the caller finds
        };
        let value = match letter {
            b'a' => 0x07,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 0x0b,
            b'\\' | b'"' | b'\'' => letter,
            b'x' => {
                self.keep();
                let high = self.read_hex_digit()?;
                let low = self.read_hex_digit()?;
                self.buffer.truncate(start);
                self.buffer.push(high << 4 | low);
                return Ok(());
            }
            b'u' => {
                let code = self.read_code_point()?;
                self.buffer.truncate(start);
                push_utf8(&mut self.buffer, code);
                return Ok(());
            }
            b'\n' | b'\r' => {
                self.skip_line_break();
                self.buffer.truncate(start);
                self.buffer.push(b'\n');
                return Ok(());
            }
            b'z' => {
                self.buffer.truncate(start);
                self.raw.bump(1);
                while let Some(byte) = self.peek_byte().filter(|&b| is_space(b)) {
                    if byte == b'\n' || byte == b'\r' {
                        self.skip_line_break();
                    } else {
                        self.raw.bump(1);
                    }
                }
                return Ok(());
            }
            b'0'..=b'9' => {
                let mut value = 0u32;
                for _ in 0..3 {
                    let Some(digit @ b'0'..=b'9') = self.peek_byte() else {
                        break;
                    };
                    value = value * 10 + u32::from(digit - b'0');
                    self.keep();
                }
                let Ok(value) = u8::try_from(value) else {
                    return Err(self.escape_error("decimal escape too large"));
                };
                self.buffer.truncate(start);
                self.buffer.push(value);
                return Ok(());
            }
            _ => return Err(self.escape_error("invalid escape sequence")),
        };
        self.raw.bump(1);
        self.buffer.truncate(start);
        self.buffer.push(value);
        Ok(())
    }

    fn read_hex_digit(&mut self) -> Result<u8> {
        match self.peek_byte().and_then(hex_value) {
            Some(value) => {
                self.keep();
                Ok(value)
            }
            None => Err(self.escape_error("hexadecimal digit expected")),
        }
    }

    /// The number in `u{XXX}`.
    fn read_code_point(&mut self) -> Result<u32> {
        self.keep(); // the `u`
        if self.peek_byte() != Some(b'{') {
            return Err(self.escape_error("missing '{'"));
        }
        self.keep();
        let mut code = u32::from(self.read_hex_digit()?);
        while let Some(digit) = self.peek_byte().and_then(hex_value) {
            if code > 0x7fff_ffff >> 4 {
                return Err(self.escape_error("UTF-8 value too large"));
            }
            code = code << 4 | u32::from(digit);
            self.keep();
        }
        if self.peek_byte() != Some(b'}') {
            return Err(self.escape_error("missing '}'"));
        }
        self.keep();
        Ok(code)
    }
}

/// Appends a code of up to 31 bits in the original, longer form of UTF-8.
fn push_utf8(out: &mut Vec<u8>, code: u32) {
    if code < 0x80 {
        out.push(code as u8);
        return;
    }
    // Continuation bytes hold six bits each; the first byte holds what is left beside its mark.
    let continuation_count = match code {
        ..0x800 => 1,
        0x800..0x1_0000 => 2,
        0x1_0000..0x20_0000 => 3,
        0x20_0000..0x400_0000 => 4,
        _ => 5,
    };
    let mark = 0xffu8 << (7 - continuation_count);
    out.push(mark | (code >> (6 * continuation_count)) as u8);
    for i in (0..continuation_count).rev() {
        out.push(0x80 | (code >> (6 * i) & 0x3f) as u8);
    }
}
