//! The prompt's terminal: line editing, history, completion, Ctrl-C. Where standard input is none, the prompt reads it as
//! any program does, and there is nothing to edit.
//!
//! Journey: where source text comes from when a person types it. What is done with a line is in the runtime
//! (stdlib/standalone), as part of the root process.

use crate::output;
use rlua_runtime::{Interrupter, Line, Terminal};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use std::io::{ErrorKind, IsTerminal};
use std::path::PathBuf;

/// The terminal of this OS process, if standard input is one.
pub fn terminal() -> Option<Box<dyn Terminal>> {
    if !std::io::stdin().is_terminal() {
        return None;
    }
    Some(Box::new(Prompt { editor: None, history: history_file() }))
}
/// Says who is there.
pub fn greet() {
    let version = env!("CARGO_PKG_VERSION");
    output::print(format!("rlua-actor {version}: Lua 5.4 with processes. Ctrl-D or os.exit() ends it.\n"));
}
/// Ctrl-C, while something runs, raises an error in the root process; at the prompt it clears the line.
pub fn interrupt_by_keyboard(interrupter: Interrupter) {
    if let Err(e) = ctrlc::set_handler(move || interrupter.interrupt()) {
        output::complain(format!("Ctrl-C will end the program: {e}"));
    }
}
/// `$XDG_STATE_HOME/rlua-actor/history`, by default below `~/.local/state`; none where there is no home.
fn history_file() -> Option<PathBuf> {
    let state = match std::env::var_os("XDG_STATE_HOME").filter(|p| !p.is_empty()) {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(std::env::var_os("HOME").filter(|p| !p.is_empty())?).join(".local/state"),
    };
    Some(state.join("rlua-actor/history"))
}

/// Lines that the history keeps.
const HISTORY: usize = 1000;

struct Prompt {
    /// Made at the first line.
    editor: Option<Editor<Names, DefaultHistory>>,
    history: Option<PathBuf>,
}
impl Prompt {
    fn editor(&mut self) -> rustyline::Result<&mut Editor<Names, DefaultHistory>> {
        if self.editor.is_none() {
            let config = Config::builder()
                .max_history_size(HISTORY)?
                .history_ignore_dups(true)?
                .completion_type(CompletionType::List)
                .auto_add_history(false)
                .build();
            let mut editor = Editor::with_config(config)?;
            editor.set_helper(Some(Names(Vec::new())));
            if let Some(path) = &self.history {
                // The first time there is none.
                let _ = editor.load_history(path);
            }
            self.editor = Some(editor);
        }
        Ok(self.editor.as_mut().expect("it was just made"))
    }
}
impl Terminal for Prompt {
    fn read_line(&mut self, prompt: &str, names: Vec<String>) -> Line {
        let read = self.editor().and_then(|editor| {
            if let Some(helper) = editor.helper_mut() {
                helper.0 = names;
            }
            editor.readline(prompt)
        });
        match read {
            Ok(text) => Line::Text(text.into_bytes()),
            Err(ReadlineError::Interrupted) => Line::Interrupted,
            Err(ReadlineError::Eof) => Line::End,
            Err(ReadlineError::Io(e)) if e.kind() == ErrorKind::InvalidData => {
                output::complain("the line is dropped: it is not UTF-8");
                Line::Interrupted
            }
            Err(e) => {
                output::complain(format!("cannot read the terminal: {e}"));
                Line::End
            }
        }
    }
    fn remember(&mut self, input: &[u8]) {
        let (Some(editor), Ok(input)) = (&mut self.editor, std::str::from_utf8(input)) else { return };
        let added = editor.add_history_entry(input).unwrap_or(false);
        if let (true, Some(path)) = (added, &self.history) {
            // A history that cannot be kept is no reason to stop.
            if let Some(folder) = path.parent() {
                let _ = std::fs::create_dir_all(folder);
            }
            let _ = editor.append_history(path).or_else(|_| editor.save_history(path));
        }
    }
}

/// Completes the name before the cursor, with its dots and colons.
struct Names(Vec<String>);
impl Completer for Names {
    type Candidate = String;
    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':');
        let start =
            line[..at].rfind(|c| !is_part(c)).map_or(0, |i| i + line[i..].chars().next().map_or(1, char::len_utf8));
        let word = &line[start..at];
        if word.is_empty() {
            // Code is indented with it.
            return Ok((start, vec!["  ".to_string()]));
        }
        // Only to the next dot or colon: fields of fields come when that is typed.
        let found = self.0.iter().filter(|n| n.starts_with(word) && !n[word.len()..].contains(['.', ':']));
        Ok((start, found.cloned().collect()))
    }
}
impl Hinter for Names {
    type Hint = String;
}
impl Highlighter for Names {}
impl Validator for Names {}
impl Helper for Names {}
