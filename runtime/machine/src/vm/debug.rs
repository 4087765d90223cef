//! What code and frames tell about themselves: names of variables and functions, tracebacks.
//!
//! Journey: frame -> message. Names are found as the reference finds them: by looking backwards in the canonical code
//! for the instruction that set a register, so that they are the same, and missing in the same places.

use super::Vm;
use super::load::Proto;
use super::metamethod::Event;
use super::thread::{Continue, Frame, FrameKind, Status, Thread, flags};
use crate::value::{Ref, Value};
use rlua_compiler::opcode::{Instruction, Opcode};

/// Instructions of a function past which no names are looked for: that would take longer than anybody may wait.
const NAMED: u32 = 1 << 17;
/// Moves from register to register that are followed.
const MOVES: u32 = 16;

/// Kind (`local`, `global`, `field`, ...) and name of what a register holds at an instruction.
pub(crate) fn describe_register(p: &Proto, pc: u32, register: u32) -> Option<(&'static str, Vec<u8>)> {
    describe(p, pc, register, MOVES)
}
fn describe(p: &Proto, pc: u32, register: u32, moves: u32) -> Option<(&'static str, Vec<u8>)> {
    if pc > NAMED || moves == 0 {
        return None;
    }
    if let Some(name) = p.canonical().local_name(register + 1, pc) {
        return Some(("local", name.to_vec()));
    }
    let setter = find_setter(p, pc, register)?;
    let i = p.canonical().code[setter as usize];
    match i.opcode() {
        Opcode::Move if i.b() < i.a() => describe(p, setter, i.b(), moves - 1),
        Opcode::GetTabUp => {
            let name = constant_name(p, i.c());
            let kind = if upvalue_name(p, i.b()) == b"_ENV" { "global" } else { "field" };
            Some((kind, name))
        }
        Opcode::GetTable => {
            let kind = table_kind(p, setter, i.b(), moves - 1);
            let name = match describe(p, setter, i.c(), moves - 1) {
                Some(("constant", name)) => name,
                _ => b"?".to_vec(),
            };
            Some((kind, name))
        }
        Opcode::GetI => Some(("field", b"integer index".to_vec())),
        Opcode::GetField => Some((table_kind(p, setter, i.b(), moves - 1), constant_name(p, i.c()))),
        Opcode::GetUpval => Some(("upvalue", upvalue_name(p, i.b()).to_vec())),
        Opcode::LoadK | Opcode::LoadKX => {
            let index = if i.opcode() == Opcode::LoadK {
                i.bx()
            } else {
                p.canonical().code.get(setter as usize + 1)?.ax_arg()
            };
            p.text(index).map(|text| ("constant", text.to_vec()))
        }
        Opcode::Self_ => {
            let name = if i.k() {
                constant_name(p, i.c())
            } else {
                match describe(p, setter, i.c(), moves - 1) {
                    Some(("constant", name)) => name,
                    _ => b"?".to_vec(),
                }
            };
            Some(("method", name))
        }
        _ => None,
    }
}

/// What a function is, by the code that called it, or by where it is defined.
fn function_description(view: &FrameView) -> Vec<u8> {
    if let Some((kind, name)) = view.name() {
        return [kind.as_bytes(), b" '", &name, b"'"].concat();
    }
    let Some(p) = view.frame().proto() else { return b"?".to_vec() };
    let line = p.canonical().line_defined;
    if p.index == 0 && line == 0 {
        return b"main chunk".to_vec();
    }
    let source = rlua_compiler::short_source(p.module().name());
    [b"function <", &source[..], format!(":{line}>").as_bytes()].concat()
}

fn constant_name(p: &Proto, k: u32) -> Vec<u8> {
    p.text(k).unwrap_or(b"?").to_vec()
}
fn upvalue_name(p: &Proto, u: u32) -> &[u8] {
    match p.canonical().upvalues.get(u as usize) {
        Some(u) if !u.name.is_empty() => &u.name,
        _ => b"?",
    }
}
/// `global` if the table is a variable called `_ENV`.
fn table_kind(p: &Proto, pc: u32, register: u32, moves: u32) -> &'static str {
    match describe(p, pc, register, moves) {
        Some(("local" | "upvalue", name)) if name == b"_ENV" => "global",
        _ => "field",
    }
}

/// The last instruction before `last` that set a register, if that is certain.
fn find_setter(p: &Proto, last: u32, register: u32) -> Option<u32> {
    let mut setter = None;
    let mut jump_target = 0;
    for pc in 0..last {
        let i = *p.canonical().code.get(pc as usize)?;
        let a = i.a();
        let changes = match i.opcode() {
            Opcode::LoadNil => a <= register && register <= a + i.b(),
            Opcode::TForCall => register >= a + 2,
            Opcode::Call | Opcode::TailCall => register >= a,
            Opcode::Jmp => {
                let destination = pc as i64 + 1 + i.sj_arg() as i64;
                if destination <= last as i64 && destination > jump_target {
                    jump_target = destination;
                }
                false
            }
            op => op.sets_a() && register == a,
        };
        if changes {
            setter = if (pc as i64) < jump_target { None } else { Some(pc) };
        }
    }
    setter
}

/// Kind and name of the function that an instruction calls.
pub(crate) fn called_name(p: &Proto, pc: u32) -> Option<(&'static str, Vec<u8>)> {
    let i: Instruction = *p.canonical().code.get(pc as usize)?;
    use Opcode::*;
    let event = match i.opcode() {
        Call | TailCall => return describe_register(p, pc, i.a()),
        TForCall => return Some(("for iterator", b"for iterator".to_vec())),
        Self_ | GetTabUp | GetTable | GetI | GetField => Event::Index,
        SetTabUp | SetTable | SetI | SetField => Event::NewIndex,
        AddI | AddK | Add => Event::Add,
        SubK | Sub => Event::Sub,
        MulK | Mul => Event::Mul,
        ModK | Mod => Event::Mod,
        PowK | Pow => Event::Pow,
        DivK | Div => Event::Div,
        IDivK | IDiv => Event::IDiv,
        BAndK | BAnd => Event::BAnd,
        BOrK | BOr => Event::BOr,
        BXorK | BXor => Event::BXor,
        Shl | ShlI => Event::Shl,
        Shr => Event::Shr,
        ShrI => {
            if i.k() {
                Event::Shl
            } else {
                Event::Shr
            }
        }
        Unm => Event::Unm,
        BNot => Event::BNot,
        Len => Event::Len,
        Concat => Event::Concat,
        Opcode::Eq | EqK | EqI => Event::Eq,
        Lt | LtI | GtI => Event::Lt,
        Le | LeI | GeI => Event::Le,
        Close | Return => Event::Close,
        _ => return None,
    };
    Some(("metamethod", event.name().as_bytes()[2..].to_vec()))
}

/// A frame seen from outside, for tracebacks and `debug.getinfo`.
#[derive(Clone, Copy)]
pub struct FrameView {
    pub(crate) frame: *const Frame,
    pub(crate) thread: *const Thread,
}

impl FrameView {
    fn frame(&self) -> &Frame {
        // SAFETY: views are made and used within one native, during which no frame goes away.
        unsafe { &*self.frame }
    }
    /// The local variables that its function has in all its code, among which a name is looked for.
    pub fn locals(&self) -> usize {
        self.frame().proto().map_or(0, |p| p.canonical().locals.len())
    }
    /// The function.
    pub fn function(&self) -> Value {
        self.frame().function()
    }
    /// The line being executed, if it is known.
    pub fn current_line(&self) -> Option<u32> {
        let p = self.frame().proto()?;
        p.canonical().line(self.frame().current_pc())
    }
    /// Whether it was entered by a tail call.
    pub fn is_tail_call(&self) -> bool {
        self.frame().flags & flags::TAIL != 0
    }
    /// Kind and name of the function, by the code that called it.
    pub fn name(&self) -> Option<(&'static str, Vec<u8>)> {
        let f = self.frame();
        if f.then == Continue::Finalizer {
            return Some(("metamethod", b"__gc".to_vec()));
        }
        if f.then == Continue::Hook {
            return Some(("hook", b"?".to_vec()));
        }
        // SAFETY: the frames of a coroutine lie in one array.
        unsafe {
            if self.is_tail_call() || std::ptr::eq(self.frame, (*self.thread).frames) {
                return None;
            }
            let caller = &*self.frame.sub(1);
            let p = caller.proto()?;
            called_name(p, caller.current_pc())
        }
    }
    /// While a hook tells of its call or return: the first value that is handed over, and how many there are.
    pub fn transfer(&self) -> Option<(u32, u32)> {
        // SAFETY: a live coroutine; the frame above is one of its frames.
        unsafe {
            let t = &*self.thread;
            let hook = t.hook.as_deref().filter(|h| h.running)?;
            let above = self.frame.add(1);
            // Of the running coroutine, a native that asks is above.
            let exists = t.status == Status::Running || above <= t.frame.cast_const();
            (exists && (*above).then == Continue::Hook).then_some(hook.transfer)
        }
    }
    /// Number of extra arguments of a vararg function.
    pub fn extra_arguments(&self) -> usize {
        match self.frame().proto() {
            Some(p) if p.is_vararg => (self.frame().shift as usize).saturating_sub(p.parameters as usize + 1),
            _ => 0,
        }
    }
}

/// Places of tables that are a reduction to look through.
const PLACES_PAID: usize = 8;

impl Vm {
    /// The frame at a level of the running coroutine (0: the running native), or of another one.
    pub fn frame_view(&self, thread: Option<Ref<Thread>>, level: usize) -> Option<FrameView> {
        match thread {
            Some(t) if t.as_ptr() != self.thread => {
                (level < t.depth_of_frames())
                    // SAFETY: the coroutine is live, and has more frames than `level`.
                    .then(|| FrameView { frame: unsafe { t.frame.sub(level) }, thread: t.as_ptr() })
            }
            _ => self.frame_at(level).map(|frame| FrameView { frame, thread: self.thread }),
        }
    }
    /// Name of a function found in a loaded module's table (`string.rep`), as tracebacks give it.
    fn global_function_name(&mut self, f: Value) -> Option<Vec<u8>> {
        /// Places of the largest table that counts as a module's.
        const PLACES: usize = 1 << 15;
        let loaded = self.registry().get_field(&mut self.heap, b"_LOADED").as_table()?;
        let mut best: Option<Vec<u8>> = None;
        for (module, t) in loaded.entries() {
            let Some(module) = module.as_string() else { continue };
            if t.raw_equals(f) && t.is_function() {
                return Some(module.bytes().to_vec());
            }
            let Some(t) = t.as_table() else { continue };
            let places = t.array_part().len() + t.node_count();
            if places > PLACES {
                continue;
            }
            self.pay(places, PLACES_PAID);
            for (name, v) in t.entries() {
                let Some(name) = name.as_string() else { continue };
                if v.raw_equals(f) {
                    let full = if module.bytes() == b"_G" {
                        name.bytes().to_vec()
                    } else {
                        [module.bytes(), b".", name.bytes()].concat()
                    };
                    if module.bytes() == b"_G" {
                        return Some(full);
                    }
                    if best.as_ref().is_none_or(|b| full < *b) {
                        best = Some(full);
                    }
                }
            }
        }
        best
    }
    /// A traceback in the reference's form, from a level of a coroutine.
    pub fn traceback(&mut self, thread: Option<Ref<Thread>>, message: Option<&[u8]>, level: usize) -> Vec<u8> {
        let mut text = Vec::new();
        if let Some(m) = message {
            text.extend_from_slice(m);
            text.push(b'\n');
        }
        text.extend_from_slice(b"stack traceback:");
        let other = thread.filter(|t| t.as_ptr() != self.thread);
        let frames = match other {
            Some(t) => t.depth_of_frames(),
            None => self.frame_count() + !self.leaf.is_null() as usize,
        };
        // The main coroutine was called from outside, unless a native is there to stand for that.
        let whose = other.map_or(self.thread, Ref::as_ptr);
        // SAFETY: a live coroutine; its first frame, if it has one.
        let outside = whose == self.main && frames > 0 && unsafe { (*(*whose).frames).kind == FrameKind::Lua };
        let total = frames + outside as usize;
        let mut i = level;
        while i < total {
            let Some(view) = self.frame_view(thread, i) else {
                text.extend_from_slice(b"\n\t[C]: in ?");
                break;
            };
            if total - level > 22 && i == level + 10 {
                let skipped = total - level - 21;
                text.extend_from_slice(format!("\n\t...\t(skipping {skipped} levels)").as_bytes());
                i = total - 11;
                continue;
            }
            i += 1;
            text.extend_from_slice(b"\n\t");
            let p = view.frame().proto();
            match p {
                Some(p) => {
                    text.extend_from_slice(&rlua_compiler::short_source(p.module().name()));
                    match view.current_line() {
                        Some(line) => text.extend_from_slice(format!(":{line}: in ").as_bytes()),
                        None => text.extend_from_slice(b": in "),
                    }
                }
                None => text.extend_from_slice(b"[C]: in "),
            }
            if let Some(global) = self.global_function_name(view.function()) {
                text.extend_from_slice(b"function '");
                text.extend_from_slice(&global);
                text.push(b'\'');
            } else {
                text.extend_from_slice(&function_description(&view));
            }
            if view.is_tail_call() {
                text.extend_from_slice(b"\n\t(...tail calls...)");
            }
        }
        text
    }
    /// A number that is the same for the same variable only.
    pub fn upvalue_identity(&mut self, u: Ref<crate::value::Upvalue>) -> u32 {
        self.heap.serial_of(&u.header)
    }
    /// Name and place of the `n`-th local variable of a frame; negative: an extra argument.
    fn find_local(&self, view: FrameView, n: i32) -> Option<(Vec<u8>, *mut Value)> {
        let f = view.frame();
        // SAFETY: the slots lie between the frame's base and the end of what it uses.
        unsafe {
            if n < 0 {
                let extra = view.extra_arguments();
                let i = n.unsigned_abs() as usize;
                return (i <= extra).then(|| (b"(vararg)".to_vec(), f.base.sub(2 + extra - i)));
            }
            let i = u32::try_from(n).ok().filter(|&i| i >= 1)?;
            if let Some(p) = f.proto()
                && i <= p.registers
                && let Some(name) = p.canonical().local_name(i, f.current_pc())
            {
                return Some((name.to_vec(), f.base.add(i as usize - 1)));
            }
            // A register in use: up to the next frame's function, or the top.
            let t = &*view.thread;
            let (top_frame, top) =
                if std::ptr::eq(view.thread, self.thread) { (self.frame, self.top) } else { (t.frame, t.top) };
            let limit = if std::ptr::eq(view.frame, top_frame) {
                if f.proto().is_some() { t.extent_of(top_frame, top) } else { top }
            } else {
                (*view.frame.add(1)).function_slot()
            };
            if (i as isize) <= limit.offset_from(f.base) {
                let name: &[u8] = if f.proto().is_some() { b"(temporary)" } else { b"(C temporary)" };
                return Some((name.to_vec(), f.base.add(i as usize - 1)));
            }
            None
        }
    }
    /// Name and value of a local variable of a frame (`debug.getlocal`).
    pub fn local(&self, view: FrameView, n: i32) -> Option<(Vec<u8>, Value)> {
        let (name, slot) = self.find_local(view, n)?;
        // SAFETY: a view's coroutine is live.
        if view.frame().proto().is_none() && unsafe { (*view.thread).status == Status::Suspended } {
            // What a native that has yielded keeps is not for programs.
            return None;
        }
        // SAFETY: the slot is in the stack.
        let v = unsafe { *slot };
        Some((name, if v.as_buffer().is_some() { Value::NIL } else { v }))
    }
    /// Sets a local variable of a Lua function's frame; its name.
    pub fn set_local(&mut self, view: FrameView, n: i32, v: Value) -> Option<Vec<u8>> {
        let (name, slot) = self.find_local(view, n)?;
        // SAFETY: the slot is in the stack. Natives find any value where they left one, as after thawing; but what only
        // a native can read stays.
        unsafe {
            if (*slot).as_buffer().is_none() {
                *slot = v;
            }
        }
        Some(name)
    }
    /// Where the innermost Lua function of the running coroutine is: `source:line`.
    pub fn where_it_is(&self) -> Vec<u8> {
        let mut level = 0;
        while let Some(f) = self.frame_at(level) {
            let mut text = self.position_of(f);
            if !text.is_empty() {
                text.truncate(text.len() - 2);
                return text;
            }
            level += 1;
        }
        Vec::new()
    }
    /// The function in which [`Vm::where_it_is`] is, as tracebacks describe one that is in no module's table.
    pub fn function_it_is_in(&self) -> Vec<u8> {
        let mut level = 0;
        while let Some(view) = self.frame_view(None, level) {
            if view.frame().proto().is_some() {
                return function_description(&view);
            }
            level += 1;
        }
        Vec::new()
    }
    /// Shows the innermost Lua functions of the running coroutine, so many at most: where each is (`source:line`), what it is, and so
    /// many of its local variables. Of a function with very many of these none is shown: to find them takes long.
    pub fn see_frames(&self, most: usize, locals: i32, mut show: impl FnMut(Vec<u8>, Vec<u8>, Vec<(Vec<u8>, Value)>)) {
        const LONG: usize = 2000;
        let (mut level, mut seen) = (0, 0);
        while seen < most
            && let Some(view) = self.frame_view(None, level)
        {
            level += 1;
            if view.frame().proto().is_none() {
                continue;
            }
            seen += 1;
            let mut place = self.position_of(view.frame);
            place.truncate(place.len().saturating_sub(2));
            let of = if view.locals() > LONG { 0 } else { locals };
            let all = (1..=of).map_while(|n| self.local(view, n));
            // What has no name is in the middle of an expression.
            let variables = all.filter(|(name, _)| !name.starts_with(b"(")).collect();
            show(place, function_description(&view), variables);
        }
    }
    /// The message of `arg_error`, with the name of the function as its caller's code has it.
    pub(crate) fn argument_message(&mut self, mut i: usize, message: &[u8]) -> Vec<u8> {
        let function = if !self.leaf.is_null() {
            // SAFETY: the slot of the running leaf.
            unsafe { *self.leaf }
        } else if self.frame_count() > 0 {
            // SAFETY: there is a top frame.
            unsafe { (*self.frame).function() }
        } else {
            Value::NIL
        };
        let named = if !self.leaf.is_null() {
            // SAFETY: a leaf's caller is the top frame.
            match unsafe { self.frame.as_ref() } {
                Some(f) if self.frame_count() > 0 && f.kind == FrameKind::Lua => {
                    f.proto().and_then(|p| called_name(p, f.current_pc()))
                }
                _ => None,
            }
        } else {
            self.frame_view(None, 0).and_then(|v| v.name())
        };
        let mut text = Vec::new();
        if let Some(("method", name)) = &named {
            if i == 0 {
                text.extend_from_slice(b"calling '");
                text.extend_from_slice(name);
                text.extend_from_slice(b"' on bad self (");
                text.extend_from_slice(message);
                text.push(b')');
                return text;
            }
            i -= 1;
        }
        let name = match named {
            Some((_, name)) => name,
            None => self.global_function_name(function).unwrap_or_else(|| b"?".to_vec()),
        };
        text.extend_from_slice(format!("bad argument #{} to '", i + 1).as_bytes());
        text.extend_from_slice(&name);
        text.extend_from_slice(b"' (");
        text.extend_from_slice(message);
        text.push(b')');
        text
    }
}
