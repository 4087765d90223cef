//! A message as a short text, for people: what it begins with.
//!
//! Journey: mailbox -> **text**. The beginning of the message's portable form is read without a machine: so it costs the same
//! for a message of any size, and nobody's heap is touched.
//!
//! Always: the text has at most as many bytes as were asked for, is one line, and has no control characters.

use super::super::code;
use super::super::wire::{Fault, Reader};
use super::portable::Walk;
use super::run::Run;
use super::{Form, Message, Source, more};
use rlua_machine::value::{Kind, Value};

/// Units of work for the beginning: values that are looked at.
const UNITS: usize = 512;
/// Tables in tables that are shown.
const DEPTH: usize = 3;
/// Bytes of a string that are shown.
const STRING: usize = 40;
/// What stands for what is left out.
const MORE: &str = "...";

impl Message {
    /// What it begins with, in at most so many bytes (and at least those of `...`).
    pub fn brief(&self, most: usize) -> String {
        let mut out = Out { text: String::new(), most: most.max(MORE.len()), is_full: false };
        let (system, value) = match &self.0 {
            Form::System(m) => (Some((m.0, m.1)), &m.2),
            _ => (None, self),
        };
        if let Some((name, from)) = system {
            out.put("{signal=");
            string(&mut out, name);
            out.put(&format!(", from={from}, reason="));
        }
        match &value.0 {
            Form::Small(v) => plain(&mut out, *v),
            Form::Short { len, bytes } => string(&mut out, &bytes[..*len as usize]),
            _ => {
                let none = Source { bytes: &[], modules: &[], pids: &[], local: true };
                let (mut walk, mut units) = (Walk::new(Vec::new()), UNITS);
                // What is in a mailbox is whole.
                let _ = walk.go_on_with(value, value.source().unwrap_or(none), &mut units);
                let source = Source { bytes: walk.written(), modules: &[], pids: walk.named(), local: false };
                // The beginning may end anywhere.
                if show(&mut Reader::new(source.bytes), &source, &mut out, 0).is_err() {
                    out.put(MORE);
                }
            }
        }
        if system.is_some() {
            out.put("}");
        }
        out.text
    }
}

/// A value of a process's heap, in a few words: what is in a table or behind a function is not looked at.
pub fn brief_value(v: Value, most: usize) -> String {
    let mut out = Out { text: String::new(), most: most.max(MORE.len()), is_full: false };
    match v.kind() {
        Kind::String(s) => string(&mut out, s.bytes()),
        Kind::Table(t) => out.put(&format!("table, length {}", t.length())),
        Kind::Closure(_) | Kind::Native(_) | Kind::NativeClosure(_) => out.put("function"),
        Kind::Userdata(_) | Kind::Light(_) => out.put("userdata"),
        Kind::Thread(_) => out.put("coroutine"),
        _ => plain(&mut out, v),
    }
    out.text
}

/// The text so far, and how long it may be.
struct Out {
    text: String,
    most: usize,
    is_full: bool,
}

impl Out {
    fn put(&mut self, part: &str) {
        if self.is_full {
            return;
        }
        self.text.push_str(part);
        if self.text.len() <= self.most {
            return;
        }
        self.is_full = true;
        let mut end = self.most - MORE.len();
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        self.text.truncate(end);
        self.text.push_str(MORE);
    }
}

/// A value that is no object.
fn plain(out: &mut Out, v: Value) {
    match v.kind() {
        Kind::Nil => out.put("nil"),
        Kind::Boolean(b) => out.put(if b { "true" } else { "false" }),
        Kind::Integer(n) => out.put(&n.to_string()),
        Kind::Float(n) => out.put(&format!("{n:?}")),
        Kind::Pid(pid) => out.put(&pid.to_string()),
        Kind::Native(native) => out.put(&format!("function {}", native.name)),
        Kind::String(s) => string(out, s.bytes()),
        _ => out.put("?"),
    }
}
fn string(out: &mut Out, text: &[u8]) {
    let cut = &text[..text.len().min(STRING)];
    out.put("'");
    for c in String::from_utf8_lossy(cut).chars() {
        match c {
            '\n' => out.put("\\n"),
            '\'' | '\\' => out.put(&format!("\\{c}")),
            c if is_shown(c) => out.put(c.encode_utf8(&mut [0; 4])),
            _ => out.put("?"),
        }
    }
    out.put(if cut.len() < text.len() { "...'" } else { "'" });
}
/// Whether a character can be shown to people: neither moves the cursor nor changes the order of others.
pub fn is_shown(c: char) -> bool {
    !(c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'))
}
/// A field's name, without quotes if it needs none.
fn key(r: &mut Reader, source: &Source, out: &mut Out, depth: usize) -> Result<(), Fault> {
    if r.peek() == Some(more::STRING) {
        r.byte()?;
        let text = r.text()?;
        let is_name = text.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
            && text.len() <= STRING
            && text.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
        if let Some(name) = std::str::from_utf8(text).ok().filter(|_| is_name) {
            out.put(name);
            return Ok(());
        }
        out.put("[");
        string(out, text);
    } else {
        out.put("[");
        show(r, source, out, depth)?;
    }
    out.put("]");
    Ok(())
}
/// Shows the next value of portable bytes, which may end too early: an error then.
fn show(r: &mut Reader, source: &Source, out: &mut Out, depth: usize) -> Result<(), Fault> {
    let c = r.byte()?;
    match c {
        code::NIL => out.put("nil"),
        code::FALSE => out.put("false"),
        code::TRUE => out.put("true"),
        code::INTEGER => plain(out, Value::integer(r.signed()?)),
        code::FLOAT => plain(out, Value::float(f64::from_bits(r.word()?))),
        code::PID => {
            let n = r.count_below(source.pids.len())?;
            plain(out, Value::pid(source.pids[n]));
        }
        code::NATIVE => {
            let name = r.text()?;
            out.put("function ");
            string(out, name);
        }
        code::OBJECT => {
            r.number()?;
            out.put("<again>");
        }
        more::STRING | more::LONG_STRING => {
            let n = r.number()? as usize;
            let there = r.left().min(n);
            let text = r.run(there)?;
            string(out, text);
            if there < n && depth > 0 {
                return Err("what follows is not there");
            }
        }
        more::TABLE => table(r, source, out, depth)?,
        more::CLASS => {
            let name = r.text()?;
            string(out, name);
            table(r, source, out, depth)?;
        }
        more::CLOSURE => {
            out.put("function");
            return Err("its variables follow");
        }
        more::STREAM => {
            r.number()?;
            out.put("file");
        }
        _ => return Err("that is not shown"),
    }
    Ok(())
}
fn table(r: &mut Reader, source: &Source, out: &mut Out, depth: usize) -> Result<(), Fault> {
    let (mut items, fields) = (r.number()?, r.number()?);
    if depth == DEPTH && items + fields > 0 {
        out.put("{");
        return Err("it is too deep");
    }
    out.put("{");
    let mut is_first = true;
    let mut next = |out: &mut Out| {
        if !std::mem::take(&mut is_first) {
            out.put(", ");
        }
        !out.is_full
    };
    while items > 0 {
        if let Some(run) = Run::read(r, source, items as usize)? {
            for i in 0..run.len() {
                if !next(out) {
                    return Err("there is no room");
                }
                plain(out, run.item(i));
            }
            items = items.saturating_sub(run.len().max(1) as u64);
            continue;
        }
        if !next(out) {
            return Err("there is no room");
        }
        show(r, source, out, depth + 1)?;
        items -= 1;
    }
    for _ in 0..fields {
        if !next(out) {
            return Err("there is no room");
        }
        key(r, source, out, depth + 1)?;
        out.put("=");
        show(r, source, out, depth + 1)?;
    }
    out.put("}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rlua_machine::value::Pid;

    #[test]
    fn a_message_is_shown_in_one_line() {
        assert_eq!(Message::string(b"a\nb'\x1b[2J").brief(80), "'a\\nb\\'?[2J'");
        let long = Message::string(&[b'x'; 100_000]).brief(80);
        assert_eq!(long, format!("'{}...'", "x".repeat(40)));
        assert_eq!(Message::string("aaaäaaa".as_bytes()).brief(8), "'aaa...");
        let down = Message::system(b"DOWN", Pid::from_bits(4), Message::string(b"normal"));
        assert!(down.brief(80).starts_with("{signal='DOWN', from=<"), "{}", down.brief(80));
        assert!(down.brief(80).ends_with(".4>, reason='normal'}"));
        let record = Message::record(&[(b"kind", b"job"), (b"a b", b"\xe2\x80\xaex")]);
        assert_eq!(record.brief(80), "{kind='job', ['a b']='?x'}");
    }
}
