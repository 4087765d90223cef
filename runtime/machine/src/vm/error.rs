//! Making error messages: positions, and which variable an operand was.
//!
//! Journey: frame -> error value. The words are the reference implementation's.

use super::Vm;
use super::debug::describe_register;
use super::metamethod::Event;
use super::native::Raise;
use super::thread::{Frame, FrameKind};
use super::work::COPIED;
use crate::value::Value;

impl Vm {
    /// `source:line: ` of a frame, or nothing for a native.
    pub(crate) fn position_of(&self, frame: *const Frame) -> Vec<u8> {
        // SAFETY: the caller gives a frame of a live coroutine.
        let f = unsafe { &*frame };
        let Some(p) = f.proto() else { return Vec::new() };
        let mut text = rlua_compiler::short_source(p.module().name());
        match p.canonical().line(f.current_pc()) {
            Some(line) => text.extend_from_slice(format!(":{line}: ").as_bytes()),
            // Code without lines.
            None => text.extend_from_slice(b":-1: "),
        }
        text
    }
    /// The frame at a level: 0 is the running native (or function), 1 its caller, and so on.
    pub(crate) fn frame_at(&self, level: usize) -> Option<*const Frame> {
        let count = self.frame_count();
        // A leaf native has no frame, but is level 0.
        let index = if self.leaf.is_null() { level } else { level.checked_sub(1)? };
        // SAFETY: below the number of frames.
        (index < count).then(|| unsafe { self.frame.sub(index) as *const Frame })
    }
    /// `source:line: ` of the function at a level (`luaL_where`).
    pub fn position(&self, level: usize) -> Vec<u8> {
        // SAFETY: a frame of the running coroutine.
        let has_line = |f: &*const Frame| unsafe {
            let f = &**f;
            f.proto().is_some_and(|p| p.canonical().line(f.current_pc()).is_some())
        };
        match self.frame_at(level).filter(has_line) {
            Some(f) => self.position_of(f),
            None => Vec::new(),
        }
    }
    pub(crate) fn position_of_caller(&self) -> Vec<u8> {
        self.position(1)
    }
    /// Raises a message with the position of the running Lua function (`luaG_runerror`).
    #[cold]
    pub(crate) fn runtime_error(&mut self, message: impl AsRef<[u8]>) -> Raise {
        let mut text = if self.leaf.is_null() && self.frame_count() > 0 {
            // SAFETY: there is a top frame.
            match unsafe { (*self.frame).kind } {
                FrameKind::Lua => self.position_of(self.frame),
                FrameKind::Native => Vec::new(),
            }
        } else {
            Vec::new()
        };
        text.extend_from_slice(message.as_ref());
        // Names were looked for in the code so far.
        let code = match self.frame_count() {
            0 => 0,
            // SAFETY: there is a top frame.
            _ => unsafe { (*self.frame).current_pc() },
        };
        self.pay(text.len() + code as usize * 4, COPIED);
        let v = self.heap.string(&text);
        self.raise(v)
    }
    /// ` (local 'x')` or the like for a register of the running Lua function, or nothing.
    fn variable(&self, register: Option<u32>) -> Vec<u8> {
        let (Some(r), true) = (register, self.frame_count() > 0) else { return Vec::new() };
        // SAFETY: there is a top frame.
        let f = unsafe { &*self.frame };
        match f.proto().and_then(|p| describe_register(p, f.current_pc(), r)) {
            Some((kind, name)) => {
                let mut text = format!(" ({kind} '").into_bytes();
                text.extend_from_slice(&name);
                text.extend_from_slice(b"')");
                text
            }
            None => Vec::new(),
        }
    }
    /// What an operand is called: the variable that the current instruction read it from.
    pub(crate) fn operand_name(&self, operand: Operand) -> Vec<u8> {
        match operand {
            Operand::Register(r) => self.variable(Some(r)),
            Operand::Upvalue(u) => {
                // SAFETY: there is a top frame: the instruction's.
                let name = unsafe { &*self.frame }
                    .proto()
                    .and_then(|p| p.canonical().upvalues.get(u as usize).map(|u| u.name.clone()));
                match name {
                    Some(n) if !n.is_empty() => {
                        let mut text = b" (upvalue '".to_vec();
                        text.extend_from_slice(&n);
                        text.extend_from_slice(b"')");
                        text
                    }
                    _ => Vec::new(),
                }
            }
            Operand::Constant(k) => {
                let k = k.as_string().map(|s| s.bytes().to_vec());
                match k {
                    Some(s) => {
                        let mut text = b" (constant '".to_vec();
                        text.extend_from_slice(&s);
                        text.extend_from_slice(b"')");
                        text
                    }
                    None => Vec::new(),
                }
            }
            Operand::Unknown => Vec::new(),
        }
    }
    /// `attempt to index a nil value (local 'x')`.
    #[cold]
    pub(crate) fn operand_error(&mut self, action: &str, v: Value, operand: Operand) -> Raise {
        let mut text = format!("attempt to {action} a ").into_bytes();
        text.extend_from_slice(&self.type_name_of(v));
        text.extend_from_slice(b" value");
        text.extend_from_slice(&self.operand_name(operand));
        self.runtime_error(text)
    }
    /// The error of an arithmetic or bitwise operation without a metamethod.
    #[cold]
    pub(crate) fn arith_error(&mut self, event: Event, a: (Value, Operand), b: (Value, Operand)) -> Raise {
        // The culprit is the first operand that is no number.
        let bad = if a.0.is_number() { b } else { a };
        if event.is_bitwise() {
            if a.0.is_number() && b.0.is_number() {
                let bad = if a.0.number_as_integer().is_none() { a } else { b };
                let mut text = b"number".to_vec();
                text.extend_from_slice(&self.operand_name(bad.1));
                text.extend_from_slice(b" has no integer representation");
                return self.runtime_error(text);
            }
            return self.operand_error("perform bitwise operation on", bad.0, bad.1);
        }
        self.operand_error("perform arithmetic on", bad.0, bad.1)
    }
    /// `attempt to compare two table values`.
    #[cold]
    pub fn compare_error(&mut self, a: Value, b: Value) -> Raise {
        let (x, y) = (self.type_name_of(a), self.type_name_of(b));
        let text = if x == y {
            [b"attempt to compare two ".as_slice(), &x, b" values"].concat()
        } else {
            [b"attempt to compare ".as_slice(), &x, b" with ", &y].concat()
        };
        // Natives (sort) report it without a position of their own, as the reference does through luaG_runerror.
        self.runtime_error(text)
    }
    /// The text of an error value as the reports of uncaught errors show it.
    pub fn error_text(&mut self, v: Value) -> Vec<u8> {
        if let Some(s) = v.as_string() {
            return s.bytes().to_vec();
        }
        if v.is_number() {
            let mut text = Vec::new();
            crate::value::number::write_number(&mut text, v);
            return text;
        }
        format!("(error object is a {} value)", v.type_name()).into_bytes()
    }
}

/// Where an instruction's operand came from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operand {
    /// A register.
    Register(u32),
    /// An upvalue.
    Upvalue(u32),
    /// A constant.
    Constant(Value),
    /// Not told.
    Unknown,
}
