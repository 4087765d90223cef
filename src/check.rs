//! `rlua-actor check`: the errors of programs, without running them.
//!
//! Journey: source text -> **diagnostics** -> lines for people. Every error is a line that editors can parse
//! (`file:line:column: message`), the line of the program, and a mark under the piece that is wrong.
//!
//! Always: what is shown of the program is safe to print and stays in its columns, whatever bytes it has. Its name is
//! shown as it is: whoever opens the file needs it.

use crate::program;
use clap::Args;
use rlua_compiler::Diagnostic;
use rlua_runtime::source::is_hopeless;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write as _;

/// Errors shown of one file.
const LIMIT: usize = 100;
/// Cells of a terminal that a line of the program may take.
const WIDTH: usize = 100;
/// Cells of them that are kept before the mark.
const BEFORE: usize = 60;
/// Cells from one tab stop to the next.
const TAB: usize = 4;
/// Characters of a message, which may quote a long token.
const MESSAGE: usize = 200;

/// Arguments of `check`.
#[derive(Args)]
pub struct Arguments {
    /// Programs (source text); - for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<OsString>,
}

/// Checks the files; the exit status.
pub fn run(arguments: Arguments) -> u8 {
    let mut status = 0;
    let mut error_output = std::io::stderr().lock();
    for path in &arguments.files {
        let report = match program::read(path, is_enough) {
            Ok(text) => report(program::shown(path), &text),
            Err(message) => [b"rlua-actor: ".as_slice(), &message, b"\n"].concat(),
        };
        if !report.is_empty() {
            status = 1;
            let _ = error_output.write_all(&report);
        }
    }
    status
}

/// Whether the report about a text that begins so does not depend on how it goes on.
fn is_enough(beginning: &[u8]) -> bool {
    if is_bytecode(beginning) || (looks_binary(beginning) && is_hopeless(beginning)) {
        return true;
    }
    // What may come of the cut: an error at the end, and labels that are still missing.
    let is_certain = |d: &&Diagnostic| !d.message.ends_with(b"<eof>") && !d.message.starts_with(b"no visible label");
    let Some(end) = memchr::memrchr(b'\n', beginning) else { return false };
    let found = rlua_compiler::check(rlua_compiler::skip_shebang(&beginning[..=end]), 2 * LIMIT);
    found.iter().filter(is_certain).count() > LIMIT
}

fn is_bytecode(text: &[u8]) -> bool {
    rlua_compiler::skip_shebang(text).starts_with(b"\x1b")
}

/// Whether there are zero bytes where a text would have its first lines.
fn looks_binary(text: &[u8]) -> bool {
    let text = rlua_compiler::skip_shebang(text);
    text[..text.len().min(4096)].contains(&0)
}

/// The report about a file; empty if all is well.
fn report(name: &[u8], text: &[u8]) -> Vec<u8> {
    let about_all = |what: &[u8]| [b"rlua-actor: ", name, b": ", what, b"\n"].concat();
    if is_bytecode(text) {
        return about_all(b"this is bytecode; check reads source text");
    }
    let is_binary = looks_binary(text);
    let text = rlua_compiler::skip_shebang(text);
    let mut found = rlua_compiler::check(text, LIMIT + 1);
    if !found.is_empty() && is_binary {
        return about_all(b"this is a binary file, not Lua");
    }
    let is_cut = found.len() > LIMIT;
    found.truncate(LIMIT);
    let mut out = Vec::new();
    for diagnostic in &found {
        out.extend_from_slice(name);
        out.extend_from_slice(show(text, diagnostic).as_bytes());
    }
    if is_cut {
        out.extend_from_slice(name);
        out.extend_from_slice(format!(": more than {LIMIT} errors; the others are not shown\n").as_bytes());
    }
    out
}

/// What follows the file's name.
fn show(text: &[u8], diagnostic: &Diagnostic) -> String {
    let mut out = String::new();
    let line = nth_line(text, diagnostic.line);
    let start = (diagnostic.column as usize - 1).min(line.len());
    let end = (start + diagnostic.length as usize).min(line.len());
    let column = characters(&line[..start]).count() + 1;
    let mut message: String = characters(&diagnostic.message).map(|c| c.shown(None)).take(MESSAGE + 1).collect();
    if message.chars().count() > MESSAGE {
        message = message.chars().take(MESSAGE - 3).chain("...".chars()).collect();
    }
    let number = diagnostic.line.to_string();
    let (shown, before, marked) = excerpt(line, start, end);
    let _ = writeln!(out, ":{number}:{column}: {message}");
    let _ = writeln!(out, " {number} |{}{shown}", if shown.is_empty() { "" } else { " " });
    let _ = writeln!(out, " {:1$} | {2:3$}{4}", "", number.len(), "", before, "^".repeat(marked.max(1)));
    out
}

/// A line of the text, counted as the language does: `\n`, `\r` and pairs of the two end one.
fn nth_line(text: &[u8], line: u32) -> &[u8] {
    let mut rest = text;
    let mut left = line - 1;
    loop {
        let end = rest.iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(rest.len());
        if left == 0 || end == rest.len() {
            return &rest[..end];
        }
        let is_pair = matches!(rest[end..], [b'\n', b'\r', ..] | [b'\r', b'\n', ..]);
        rest = &rest[end + 1 + usize::from(is_pair)..];
        left -= 1;
    }
}

/// What to show of a line whose bytes from `start` to `end` are to be marked; the cells before the mark, and its own.
fn excerpt(line: &[u8], start: usize, end: usize) -> (String, usize, usize) {
    // All that can be visible, as text of a known width; a line may have millions of bytes.
    let first = start.saturating_sub(4 * WIDTH);
    let last = line.len().min(start + 4 * WIDTH);
    let mut cells: Vec<(String, usize)> = Vec::new(); // a character, and how many cells it takes
    let (mut offset, mut width, mut before, mut until) = (first, 0, 0, None);
    for character in characters(&line[first..last]) {
        if offset <= start {
            before = width;
        }
        if offset >= end && until.is_none() {
            until = Some(width);
        }
        let shown = character.shown(Some(width));
        let cell_count = character.width(width);
        cells.push((shown, cell_count));
        width += cell_count;
        offset += character.length();
    }
    if start >= offset {
        before = width;
    }
    let mut marked = until.unwrap_or(width).saturating_sub(before);
    let is_cut = first > 0 || last < line.len() || width > WIDTH;
    if !is_cut {
        let shown: String = cells.into_iter().map(|(shown, _)| shown).collect();
        return (shown.trim_end().to_string(), before, marked);
    }
    let from = before.saturating_sub(BEFORE);
    let (mut shown, mut position, mut skipped, mut taken) = (String::new(), 0, 0, 0);
    let mut is_end_cut = last < line.len();
    for (text, cell_count) in &cells {
        if position < from {
            skipped += cell_count;
        } else if taken + cell_count > WIDTH {
            is_end_cut = true;
            break;
        } else {
            shown.push_str(text);
            taken += cell_count;
        }
        position += cell_count;
    }
    let mut before = before - skipped.min(before);
    marked = marked.min(taken.saturating_sub(before));
    if skipped > 0 || first > 0 {
        shown.insert_str(0, "...");
        before += 3;
    }
    if is_end_cut {
        shown.push_str("...");
    }
    (shown.trim_end().to_string(), before, marked)
}

/// A character, or a byte that is none.
#[derive(Clone, Copy)]
enum Character {
    Text(char),
    Byte(u8),
}

/// The characters of bytes that need not be UTF-8.
fn characters(bytes: &[u8]) -> impl Iterator<Item = Character> {
    bytes.utf8_chunks().flat_map(|chunk| {
        let text = chunk.valid().chars().map(Character::Text);
        text.chain(chunk.invalid().iter().map(|&b| Character::Byte(b)))
    })
}

impl Character {
    /// Bytes in the text.
    fn length(self) -> usize {
        match self {
            Character::Text(c) => c.len_utf8(),
            Character::Byte(_) => 1,
        }
    }

    /// Fit to print: tabs become spaces, if the number of cells before is given; what a terminal would obey is escaped.
    fn shown(self, cells_before: Option<usize>) -> String {
        match (self, cells_before) {
            (Character::Text('\t'), Some(before)) => " ".repeat(TAB - before % TAB),
            (Character::Text(c), _) if c.is_ascii_control() => match c {
                '\n' => "\\n".to_string(),
                '\r' => "\\r".to_string(),
                '\t' => "\\t".to_string(),
                _ => format!("\\x{:02x}", c as u32),
            },
            (Character::Text(c), _) if c.is_control() || is_invisible(c) => format!("\\u{{{:x}}}", c as u32),
            (Character::Text(c), _) => c.to_string(),
            (Character::Byte(b), _) => format!("\\x{b:02x}"),
        }
    }

    /// Cells that it takes when shown after so many.
    fn width(self, before: usize) -> usize {
        match self {
            Character::Text(c) if is_combining(c) => 0,
            Character::Text(c) if is_wide(c) => 2,
            _ => self.shown(Some(before)).chars().count(),
        }
    }
}

/// Characters that change the direction of text, or cannot be seen.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

fn is_combining(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}')
}

/// The scripts and pictures that take two cells; near enough.
fn is_wide(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{303e}' | '\u{3041}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1f64f}' | '\u{1f680}'..='\u{1f6ff}' | '\u{1f900}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}')
}
