//! From a verified chunk to code that runs: constants as values, instructions in execution form.
//!
//! Journey: prototype -> **closure**. A [`Module`] is a chunk made ready, immutable and shared by all processes. The
//! execution form has one 64-bit word per canonical instruction, at the same index, so that a pc means the same in
//! both: `op` in bits 0..8, `x` in 8..16, then three 16-bit operands `a`, `b`, `c`, where registers and constants are
//! byte offsets (index times 16). It may change with every release; nothing outside this folder knows it.
//!
//! Tests carry the target of the jump that follows them in `c`, unless it is a jump backwards or too far: then `c` is 0
//! and leads to that jump itself.

mod templates;

use super::Vm;
use super::op::{Op, When, pairs_of};
use crate::heap::surplus;
use crate::value::string::{Str, find_atom, make_atom};
use crate::value::table::Template;
use crate::value::{Kind, Value, tag};
use foldhash::fast::RandomState;
use rlua_compiler::opcode::{Instruction, Opcode};
use rlua_compiler::prototype::{Chunk, Constant, Prototype};
use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};
use templates::set_templates;
pub(super) use templates::template_at;

/// A prototype in execution form.
#[repr(C)]
pub struct Proto {
    /// Its instructions.
    pub code: *const u64,
    /// Its constants.
    pub k: *const Value,
    /// Registers it needs.
    pub registers: u32,
    /// Fixed parameters.
    pub parameters: u32,
    /// Whether it takes more arguments than that.
    pub is_vararg: bool,
    /// The module it belongs to.
    pub module: *const Module,
    /// Its number there.
    pub index: u32,
    /// The nested prototypes.
    pub(crate) nested: Box<[*const Proto]>,
    code_box: Box<[u64]>,
    k_box: Box<[Value]>,
    /// What constructors make, where EXTRAARG says ([`template_at`]).
    templates: Box<[Template]>,
}

/// A chunk made ready to run.
pub struct Module {
    /// The chunk without its constants: they are values of the execution form, and no large table is held twice.
    chunk: Chunk,
    hash: OnceLock<[u8; 32]>,
    protos: Box<[Proto]>,
    strings: Vec<*mut Str>,
    /// Whether its literals became atoms.
    atoms: bool,
}

// SAFETY: a module is immutable once `new` returns, its strings' hashes are computed, and all it points to it owns (or
// is an atom).
unsafe impl Send for Module {}
// SAFETY: as above.
unsafe impl Sync for Module {}

/// Instructions of one function from which on it is worth a look at what is left behind: its lists were long. It takes a page
/// fault for each page that is used again, so code of many functions, which leave little each, does without.
const LARGE: usize = 1 << 16;

/// What may become of a module's string literals.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Literals {
    /// Atoms: for files and built-in code, which are finite.
    Atoms,
    /// Strings that are freed with the module: for `load`, bytecode and what a peer sends.
    Owned,
}

impl Module {
    /// Makes a chunk ready. The chunk comes from the compiler or has passed the verifier.
    pub fn new(chunk: Chunk, literals: Literals) -> Arc<Module> {
        let mut module = Arc::new(Module {
            chunk,
            hash: OnceLock::new(),
            protos: Box::new([]),
            strings: Vec::new(),
            atoms: literals == Literals::Atoms,
        });
        let owner = Arc::as_ptr(&module);
        let m = Arc::get_mut(&mut module).expect("the module is not shared yet");
        let mut texts = Texts { owner, literals, own: Vec::new(), known: None };
        if m.chunk.prototypes.len() > 1 {
            texts.known = Some(Default::default());
        }
        let mut protos: Vec<Proto> = Vec::with_capacity(m.chunk.prototypes.len());
        for (index, p) in m.chunk.prototypes.iter_mut().enumerate() {
            // First, so that what follows can be where the constants were.
            let k_box: Box<[Value]> = std::mem::take(&mut p.constants)
                .into_iter()
                .map(|c| match c {
                    Constant::Nil => Value::NIL,
                    Constant::Boolean(b) => Value::boolean(b),
                    Constant::Integer(n) => Value::integer(n),
                    Constant::Float(n) => Value::float(n),
                    Constant::String(s) => texts.value(&s),
                })
                .collect();
            let mut code_box = translate(p, &k_box);
            let templates = set_templates(p, &k_box, &mut code_box);
            protos.push(Proto {
                code: code_box.as_ptr(),
                k: k_box.as_ptr(),
                registers: p.registers as u32,
                parameters: p.parameters as u32,
                is_vararg: p.is_vararg,
                module: owner,
                index: index as u32,
                nested: Box::new([]),
                code_box,
                k_box,
                templates,
            });
        }
        let mut protos = protos.into_boxed_slice();
        let first = protos.as_ptr();
        for (p, q) in protos.iter_mut().zip(&m.chunk.prototypes) {
            // In range: the compiler's or verifier's word.
            p.nested = q.nested.iter().map(|&n| first.wrapping_add(n as usize)).collect();
        }
        m.protos = protos;
        texts.own.shrink_to_fit();
        m.strings = texts.own;
        if m.chunk.prototypes.iter().any(|p| p.code.len() >= LARGE) {
            surplus::give_back();
        }
        module
    }
    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        let of = |p: &Proto| {
            let c = p.canonical();
            // An instruction, and its line.
            let code = size_of_val(&*p.code_box) + c.code.len() * (size_of::<Instruction>() + 1);
            let beside = size_of_val(&*p.k_box) + size_of_val(&*c.locals) + size_of_val(&*p.templates);
            size_of::<Proto>() + size_of::<Prototype>() + code + beside
        };
        // SAFETY: a module owns its strings.
        let strings = self.strings.iter().map(|&s| Str::layout(unsafe { (*s).len }).size());
        size_of::<Module>() + self.protos.iter().map(of).sum::<usize>() + strings.sum::<usize>()
    }
    /// The name of the chunk.
    pub fn name(&self) -> &Arc<[u8]> {
        &self.chunk.name
    }
    /// The chunk without constants.
    pub fn bare_chunk(&self) -> &Chunk {
        &self.chunk
    }
    /// The canonical form, with constants again.
    pub fn chunk(&self) -> Chunk {
        let mut chunk = self.chunk.clone();
        for (p, proto) in chunk.prototypes.iter_mut().zip(&self.protos) {
            p.constants = proto.constants().iter().map(|&k| constant(k)).collect();
        }
        chunk
    }
    /// The bytes of the chunk.
    pub fn dump(&self) -> Vec<u8> {
        rlua_compiler::dump(&self.chunk(), false)
    }
    /// The SHA-256 that names it.
    pub fn hash(&self) -> &[u8; 32] {
        self.hash.get_or_init(|| rlua_compiler::hash(&self.chunk()))
    }
    /// Whether its literals are atoms.
    pub fn literals(&self) -> Literals {
        if self.atoms { Literals::Atoms } else { Literals::Owned }
    }
    /// Its prototypes.
    pub fn protos(&self) -> &[Proto] {
        &self.protos
    }
    /// A prototype by its index.
    pub fn proto(&self, index: usize) -> Option<&Proto> {
        self.protos.get(index)
    }
}

impl Vm {
    /// Makes a function of a chunk, with the globals (or another table or value) as its first upvalue.
    pub fn load_module(&mut self, module: &Arc<Module>, env: Value) -> Value {
        let proto = module.proto(0).expect("a chunk has a main function");
        let count = proto.canonical().upvalues.len();
        self.heap.keep_module(module);
        let closure = self.heap.closure(proto, count);
        for i in 0..count {
            let u = self.heap.upvalue(if i == 0 { env } else { Value::NIL });
            closure.set_upvalue(i, u);
        }
        Value::closure(closure)
    }
    /// As [`Vm::load_module`], of what this process has compiled, and pays for.
    pub(crate) fn load_own(&mut self, module: &Arc<Module>, env: Value) -> Value {
        let function = self.load_module(module, env);
        self.heap.count_loaded(module);
        function
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        for &s in &self.strings {
            // SAFETY: processes keep a module while they hold one of its strings.
            unsafe { Str::free_shared(s) }
        }
    }
}

/// The strings of a module while it is made.
struct Texts {
    owner: *const Module,
    literals: Literals,
    /// Those that the module owns.
    own: Vec<*mut Str>,
    /// The same, so that each is there once, if there may be several of the same text: a prototype has one.
    known: Option<HashSet<OwnText, RandomState>>,
}

impl Texts {
    fn value(&mut self, text: &[u8]) -> Value {
        let atom = if self.literals == Literals::Atoms { make_atom(text) } else { find_atom(text) };
        if let Some(a) = atom {
            return Value::object(tag::ATOM, a);
        }
        if let Some(own) = self.known.as_ref().and_then(|known| known.get(text)) {
            return Value::object(tag::MODULE_STRING, own.0);
        }
        let own = Str::new_shared(text, self.owner.cast());
        self.own.push(own);
        if let Some(known) = &mut self.known {
            known.insert(OwnText(own));
        }
        Value::object(tag::MODULE_STRING, own)
    }
}

/// A module's string, which is found by its bytes.
struct OwnText(*mut Str);
impl Borrow<[u8]> for OwnText {
    fn borrow(&self) -> &[u8] {
        // SAFETY: a module that is being made frees none of its strings.
        unsafe { (*self.0).bytes() }
    }
}
impl Hash for OwnText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Borrow::<[u8]>::borrow(self).hash(state);
    }
}
impl PartialEq for OwnText {
    fn eq(&self, other: &Self) -> bool {
        Borrow::<[u8]>::borrow(self) == Borrow::<[u8]>::borrow(other)
    }
}
impl Eq for OwnText {}

/// The constant that became this value.
fn constant(v: Value) -> Constant {
    match v.kind() {
        Kind::Boolean(b) => Constant::Boolean(b),
        Kind::Integer(n) => Constant::Integer(n),
        Kind::Float(n) => Constant::Float(n),
        Kind::String(s) => Constant::String(s.bytes().into()),
        _ => Constant::Nil,
    }
}

impl Proto {
    /// The canonical form, but without constants.
    pub fn canonical(&self) -> &Prototype {
        &self.module().chunk.prototypes[self.index as usize]
    }
    /// The constants.
    pub fn constants(&self) -> &[Value] {
        &self.k_box
    }
    /// The text of a constant, if it is a string.
    pub fn text(&self, constant: u32) -> Option<&[u8]> {
        match self.k_box.get(constant as usize)?.kind() {
            // SAFETY: a module's strings, and atoms, live as long as its prototypes.
            Kind::String(s) => Some(unsafe { &*std::ptr::from_ref(s.bytes()) }),
            _ => None,
        }
    }
    /// The module it stands in.
    pub fn module(&self) -> &Module {
        // SAFETY: a module outlives its prototypes.
        unsafe { &*self.module }
    }
    /// Index in the module.
    pub fn index(&self) -> u32 {
        self.index
    }
}

fn word(op: Op, x: u8, a: u32, b: u32, c: u32) -> u64 {
    op as u64 | (x as u64) << 8 | (a as u16 as u64) << 16 | (b as u16 as u64) << 32 | (c as u16 as u64) << 48
}
fn word32(op: Op, a: u32, d: i32) -> u64 {
    op as u64 | (a as u16 as u64) << 16 | (d as u32 as u64) << 32
}

/// Entries of a table for which a constructor makes room, in code of whatever length.
const MOST_ENTRIES: u32 = 1 << 16;

/// One word per instruction.
fn translate(p: &Prototype, constants: &[Value]) -> Box<[u64]> {
    use Opcode as O;
    let code = &p.code;
    let extra = |i: usize| code.get(i + 1).map_or(0, |e| e.ax_arg());
    // Where the jump after a test leads, relative to that jump; 0 leads to the jump itself.
    let jump_after = |i: usize| -> u32 {
        match code.get(i + 1) {
            Some(j) if j.checked_opcode() == Some(O::Jmp) => {
                let s = j.sj_arg();
                if (0..i16::MAX as i32).contains(&s) { (s + 1) as u32 } else { 0 }
            }
            _ => 0,
        }
    };
    let reg = |r: u32| r * 16;
    // Sizes of constructors are hints, and bytecode may say anything. What is written down takes an instruction each.
    let most_entries = (code.len() as u32).clamp(MOST_ENTRIES, 1 << 24);
    // Arithmetic with a constant: an operation of its own for floats.
    let by_kind = |n: u32, integer: Op, float: Op| match constants.get(n as usize) {
        Some(k) if matches!(k.kind(), Kind::Float(_)) => float,
        _ => integer,
    };
    let power_of_two = |n: u32| match constants.get(n as usize)?.kind() {
        Kind::Integer(n) if n > 0 && n & (n - 1) == 0 => Some(n.trailing_zeros()),
        _ => None,
    };
    let mut words: Box<[u64]> = code
        .iter()
        .enumerate()
        .map(|(i, ins)| {
            let (a, b, c, k) = (reg(ins.a()), reg(ins.b()), reg(ins.c()), ins.k());
            let abc = |op: Op| word(op, k as u8, a, b, c);
            match ins.opcode() {
                O::Move => abc(Op::Move),
                O::LoadI => word32(Op::LoadI, a, ins.sbx()),
                O::LoadF => word32(Op::LoadF, a, ins.sbx()),
                O::LoadK => word32(Op::LoadK, a, reg(ins.bx()) as i32),
                O::LoadKX => word32(Op::LoadKX, a, reg(extra(i)) as i32),
                O::LoadFalse => abc(Op::LoadFalse),
                O::LFalseSkip => abc(Op::LFalseSkip),
                O::LoadTrue => abc(Op::LoadTrue),
                O::LoadNil => word(Op::LoadNil, 0, a, ins.b(), 0),
                O::GetUpval => word(Op::GetUpval, 0, a, ins.b() * 8, 0),
                O::SetUpval => word(Op::SetUpval, 0, a, ins.b() * 8, 0),
                O::GetTabUp => word(Op::GetTabUp, 0, a, ins.b() * 8, c),
                O::GetTable => abc(Op::GetTable),
                O::GetI => word(Op::GetI, 0, a, b, ins.c()),
                O::GetField => abc(Op::GetField),
                O::SetTabUp => word(if k { Op::SetTabUpK } else { Op::SetTabUp }, 0, ins.a() * 8, b, c),
                O::SetTable => abc(if k { Op::SetTableK } else { Op::SetTable }),
                O::SetI => word(if k { Op::SetIK } else { Op::SetI }, 0, a, ins.b(), c),
                O::SetField => abc(if k { Op::SetFieldK } else { Op::SetField }),
                O::NewTable => {
                    let array = ins.c() + if k { extra(i).wrapping_mul(256) } else { 0 };
                    op_new_table(a, ins.b().min(most_entries.next_power_of_two().ilog2() + 1), array.min(most_entries))
                }
                O::Self_ => abc(if k { Op::SelfK } else { Op::SelfR }),
                O::AddI => word(Op::AddI, k as u8, a, b, ins.sc() as u32),
                O::AddK => abc(by_kind(ins.c(), Op::AddK, Op::AddKF)),
                O::SubK => abc(by_kind(ins.c(), Op::SubK, Op::SubKF)),
                O::MulK => abc(by_kind(ins.c(), Op::MulK, Op::MulKF)),
                O::ModK => abc(if power_of_two(ins.c()).is_some() { Op::ModK2 } else { Op::ModK }),
                O::PowK => abc(Op::PowK),
                O::DivK => abc(Op::DivK),
                O::IDivK => match power_of_two(ins.c()) {
                    Some(shift) => word(Op::IDivK2, shift as u8, a, b, c),
                    None => abc(Op::IDivK),
                },
                O::BAndK => abc(Op::BAndK),
                O::BOrK => abc(Op::BOrK),
                O::BXorK => abc(Op::BXorK),
                O::ShrI => word(Op::ShrI, k as u8, a, b, ins.sc() as u32),
                O::ShlI => word(Op::ShlI, k as u8, a, b, ins.sc() as u32),
                O::Add => abc(Op::Add),
                O::Sub => abc(Op::Sub),
                O::Mul => abc(Op::Mul),
                O::Mod => abc(Op::Mod),
                O::Pow => abc(Op::Pow),
                O::Div => abc(Op::Div),
                O::IDiv => abc(Op::IDiv),
                O::BAnd => abc(Op::BAnd),
                O::BOr => abc(Op::BOr),
                O::BXor => abc(Op::BXor),
                O::Shl => abc(Op::Shl),
                O::Shr => abc(Op::Shr),
                O::Unm => abc(Op::Unm),
                O::BNot => abc(Op::BNot),
                O::Not => abc(Op::Not),
                O::Len => abc(Op::Len),
                O::Concat => word(Op::Concat, 0, a, ins.b(), 0),
                O::Close => abc(Op::Close),
                O::Tbc => abc(Op::Tbc),
                O::Jmp => {
                    let s = ins.sj_arg();
                    word32(if s < 0 { Op::JmpBack } else { Op::Jmp }, 0, s)
                }
                O::Eq => word(if k { Op::Eq1 } else { Op::Eq0 }, k as u8, a, b, jump_after(i)),
                O::Lt => word(if k { Op::Lt1 } else { Op::Lt0 }, k as u8, a, b, jump_after(i)),
                O::Le => word(if k { Op::Le1 } else { Op::Le0 }, k as u8, a, b, jump_after(i)),
                O::EqK => {
                    let (no, yes) = match constants.get(ins.b() as usize).map(|k| k.kind()) {
                        Some(Kind::Nil | Kind::Boolean(_)) => (Op::EqTag0, Op::EqTag1),
                        Some(Kind::String(_)) => (Op::EqStr0, Op::EqStr1),
                        _ => (Op::EqK0, Op::EqK1),
                    };
                    word(if k { yes } else { no }, k as u8, a, b, jump_after(i))
                }
                O::EqI => word(if k { Op::EqI1 } else { Op::EqI0 }, k as u8, a, ins.sb() as u32, jump_after(i)),
                O::LtI => word(if k { Op::LtI1 } else { Op::LtI0 }, k as u8, a, ins.sb() as u32, jump_after(i)),
                O::LeI => word(if k { Op::LeI1 } else { Op::LeI0 }, k as u8, a, ins.sb() as u32, jump_after(i)),
                O::GtI => word(if k { Op::GtI1 } else { Op::GtI0 }, k as u8, a, ins.sb() as u32, jump_after(i)),
                O::GeI => word(if k { Op::GeI1 } else { Op::GeI0 }, k as u8, a, ins.sb() as u32, jump_after(i)),
                O::Test => word(if k { Op::Test1 } else { Op::Test0 }, k as u8, a, 0, jump_after(i)),
                O::TestSet => word(if k { Op::TestSet1 } else { Op::TestSet0 }, k as u8, a, b, jump_after(i)),
                O::Call => {
                    let op = if ins.b() == 0 { Op::CallOpen } else { Op::Call };
                    word(op, ins.b() as u8, a, b, ins.c())
                }
                O::TailCall => word(Op::TailCall, k as u8, a, b, ins.c()),
                O::Return => word(Op::Return, k as u8, a, ins.b(), ins.c()),
                O::Return0 => abc(Op::Return0),
                O::Return1 => abc(Op::Return1),
                O::ForLoop => word32(Op::ForLoop, a, ins.bx() as i32),
                O::ForPrep => word32(Op::ForPrep, a, ins.bx() as i32),
                O::TForPrep => word32(Op::TForPrep, a, ins.bx() as i32),
                O::TForCall => word(Op::TForCall, 0, a, 0, ins.c()),
                O::TForLoop => word32(Op::TForLoop, a, ins.bx() as i32),
                O::SetList => {
                    let first = ins.c() + if k { extra(i).wrapping_mul(256) } else { 0 };
                    op_set_list(a, ins.b(), first, k)
                }
                O::Closure => word32(Op::Closure, a, ins.bx() as i32),
                O::VarArg => word(Op::VarArg, 0, a, 0, ins.c()),
                O::VarArgPrep => word(Op::VarArgPrep, 0, a, 0, 0),
                O::ExtraArg => word(Op::ExtraArg, 0, 0, 0, 0),
            }
        })
        .collect();
    fuse(&mut words);
    words
}
/// Puts the operations of pairs into the words of their first instructions. No operation that has a word of its own behind it
/// is part of a pair, and that word is none of an operation that is.
fn fuse(words: &mut [u64]) {
    let mut i = 0;
    while i + 1 < words.len() {
        let (first, second) = (words[i], words[i + 1]);
        let (a, b, c) = ((first >> 16) as u16, (second >> 32) as u16, (second >> 48) as u16);
        let found = pairs_of(first as u8).iter().find(|(_, two, when, _)| {
            let fits = match when {
                When::Always => true,
                When::B => b == a && c != a,
                When::C => c == a && b != a,
            };
            *two as u8 == second as u8 && fits
        });
        if let Some((.., pair)) = found {
            words[i] = first & !0xff | *pair as u64;
            i += 1;
        }
        i += 1;
    }
}

/// `x` is the size of the hash part as the canonical `B`; the array's is in the upper 32 bits. Both are bounded.
fn op_new_table(a: u32, hash: u32, array: u32) -> u64 {
    word32(Op::NewTable, a, array as i32) | (hash as u64) << 8
}
/// `x` is the count (0: up to top); the first index in the upper 31 bits, and bit 32 says that EXTRAARG follows.
fn op_set_list(a: u32, count: u32, first: u32, extra: bool) -> u64 {
    word32(Op::SetList, a, (first << 1 | extra as u32) as i32) | (count as u64) << 8
}

/// The canonical instruction an execution pc stands for.
pub(crate) fn canonical_instruction(p: &Proto, pc: u32) -> Option<Instruction> {
    p.canonical().code.get(pc as usize).copied()
}

/// How many registers of a function hold something at a safepoint before the instruction at `pc`: after an allocation,
/// or before a call or a jump back. `None`: that is not certain.
pub(crate) fn live_registers(p: &Proto, pc: usize) -> Option<usize> {
    use Opcode as O;
    let canonical = p.canonical();
    let code = &canonical.code;
    let (next, last) = (*code.get(pc)?, *code.get(pc.checked_sub(1)?)?);
    let made = match last.opcode() {
        O::Closure | O::SetList => last.a() + 1,
        O::ExtraArg => code.get(pc.checked_sub(2)?)?.a() + 1,
        _ => 0,
    };
    let read = match next.opcode() {
        O::Call | O::TailCall if next.b() != 0 => next.a() + next.b(),
        O::ForLoop | O::TForCall => next.a() + 4,
        O::TForLoop if last.opcode() == O::TForCall => next.a() + 4 + last.c(),
        O::Jmp if next.sj_arg() < 0 && !canonical.locals.is_empty() => {
            // Between two statements only variables count.
            canonical.locals.iter().filter(|l| l.start_pc <= pc as u32 && pc as u32 <= l.end_pc).count() as u32
        }
        _ if made > 0 => 0,
        _ => return None,
    };
    // A list that is being made, and what came before the new object, are below it.
    Some(made.max(read) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_put_together_again() {
        let source =
            b"local a = { 'x', 300000, 1.5, nil, true, x = 'x' } function f() return 'x', 'y', 0x7fffffffffff, -0.5 end
            return a == 'a string of more than forty bytes, which becomes none of the atoms', a == nil, a == false";
        let chunk = rlua_compiler::compile(source, b"=chunk").expect("it compiles");
        for literals in [Literals::Atoms, Literals::Owned] {
            let module = Module::new(chunk.clone(), literals);
            assert_eq!(module.chunk(), chunk);
            assert_eq!(module.dump(), rlua_compiler::dump(&chunk, false));
            assert_eq!(module.hash(), &rlua_compiler::hash(&chunk));
            assert_eq!(module.protos().len(), 2);
        }
    }
}
