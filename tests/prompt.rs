//! The prompt on a terminal that a test plays: what is asked for, and what becomes of a line, of Ctrl-C and of Ctrl-D.

use rlua_runtime::{Config, Line, Program, Start, Terminal};
use std::sync::{Arc, Mutex};

/// Types these lines, and notes what it was asked.
struct Typist {
    lines: std::vec::IntoIter<Line>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Terminal for Typist {
    fn read_line(&mut self, prompt: &str, _: Vec<String>) -> Line {
        self.seen.lock().expect("nobody panics with it").push(prompt.to_string());
        self.lines.next().unwrap_or(Line::End)
    }
    fn remember(&mut self, input: &[u8]) {
        let text = format!("remembered {}", input.escape_ascii());
        self.seen.lock().expect("nobody panics with it").push(text);
    }
}

/// The exit status, and what the terminal was asked.
fn session(lines: Vec<Line>) -> (i32, Vec<String>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let terminal = Typist { lines: lines.into_iter(), seen: seen.clone() };
    let start = Start { prompt: true, terminal: Some(Box::new(terminal)), ..Start::default() };
    let status = Program::new(Config::default()).run(start);
    let seen = seen.lock().expect("nobody panics with it").clone();
    (status, seen)
}
fn text(line: &str) -> Line {
    Line::Text(line.as_bytes().to_vec())
}

#[test]
fn an_end_in_the_middle_drops_the_statement_alone() {
    let (status, seen) = session(vec![
        text("x = 40"),
        text("for i = 1, 2 do"),
        Line::End,
        text("x = x +"),
        text("2"),
        text("f("),
        Line::End,
        text("os.exit(x)"),
    ]);
    assert_eq!(status, 42);
    let wanted = [
        "> ",
        "remembered x = 40",
        "> ",
        ">> ",
        "> ",
        ">> ",
        "remembered x = x +\\n2",
        "> ",
        ">> ",
        "> ",
        "remembered os.exit(x)",
    ];
    assert_eq!(seen, wanted);
}

#[test]
fn an_interrupt_drops_the_statement_alone() {
    let (status, seen) = session(vec![
        Line::Interrupted,
        text("if x then"),
        text("y = 1"),
        Line::Interrupted,
        text("os.exit(y == nil and 7 or 8)"),
    ]);
    assert_eq!(status, 7);
    assert_eq!(seen, ["> ", "> ", ">> ", ">> ", "> ", "remembered os.exit(y == nil and 7 or 8)"]);
}

#[test]
fn an_end_between_two_statements_ends_the_prompt() {
    assert_eq!(session(vec![Line::End]), (0, vec!["> ".to_string()]));
    // After an error, too: the error of a line is not that of the program.
    let (status, seen) = session(vec![text("error 'x'"), text("x ="), Line::End, Line::End, text("os.exit(3)")]);
    assert_eq!((status, seen.last().map(String::as_str)), (0, Some("> ")));
}

#[test]
fn prompts_of_the_programs_own() {
    let (_, seen) = session(vec![text("_PROMPT, _PROMPT2 = 'a ', 'b '"), text("do"), text("end")]);
    assert_eq!(seen[2..], ["a ", "b ", "remembered do\\nend", "a "]);
}
