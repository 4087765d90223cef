//! Prototypes: what the compiler makes of a chunk, and what is hashed, verified, dumped and shipped.
//!
//! Journey: source text -> tokens -> **prototype** -> closure. A [`Chunk`] holds all prototypes of one source
//! text in one flat list; a prototype names its nested ones by index. (The reader might expect a tree: a list needs no
//! recursion to walk, drop or decode, whatever a hostile file says.) A prototype's name in the whole system is the
//! chunk's SHA-256 and its index there.
//!
//! Always: the main function is prototype 0; a nested prototype has a greater index than the one it stands in, and is
//! named by exactly one other. The verifier (verify.rs) checks this for chunks that were not compiled here.

use crate::lines::Lines;
use crate::opcode::Instruction;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// All prototypes of one source text. Immutable once made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chunk {
    /// The chunk's name as `load` takes it: `@file`, `=name` or the source text itself.
    pub name: Arc<[u8]>,
    /// Its prototypes; the main function is the first.
    pub prototypes: Vec<Prototype>,
}

/// One function.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Prototype {
    /// Line where the function begins; 0 for the main function.
    pub line_defined: u32,
    /// Line of its `end`; 0 for the main function.
    pub last_line_defined: u32,
    /// Number of fixed parameters.
    pub parameters: u8,
    /// Whether it takes `...`.
    pub is_vararg: bool,
    /// Number of registers it needs; at least 2.
    pub registers: u8,
    /// The instructions.
    pub code: Vec<Instruction>,
    /// The constants.
    pub constants: Vec<Constant>,
    /// Where each upvalue of a new closure comes from.
    pub upvalues: Vec<UpvalueOrigin>,
    /// Indices in the chunk of the prototypes that CLOSURE names.
    pub nested: Vec<u32>,
    /// Line of each instruction; empty if the debug information was stripped.
    pub lines: Lines,
    /// Local variables, in the order of their start, for messages and the debug library; empty if stripped.
    pub locals: Vec<LocalVariable>,
}

/// A constant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Constant {
    /// `nil`
    Nil,
    /// `true` or `false`
    Boolean(bool),
    /// An integer.
    Integer(i64),
    /// A float; never a NaN.
    Float(f64),
    /// A string of any bytes.
    String(Arc<[u8]>),
}

/// Where a new closure finds an upvalue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpvalueOrigin {
    /// The variable's name; empty if stripped.
    pub name: Arc<[u8]>,
    /// In the enclosing function's registers (`index` is one), or among its upvalues.
    pub in_stack: bool,
    /// Register or upvalue index in the enclosing function.
    pub index: u8,
    /// What kind of variable it is.
    pub kind: VariableKind,
}

/// The attribute of a local variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VariableKind {
    /// No attribute.
    Regular,
    /// `<const>`
    Constant,
    /// `<close>`
    ToBeClosed,
    /// `<const>` with a value known at compile time; occupies no register.
    CompileTime,
}

/// A local variable's name and the instructions in which it lives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocalVariable {
    /// Its name; hidden ones are called `(for state)` and the like.
    pub name: Arc<[u8]>,
    /// First instruction where it is active.
    pub start_pc: u32,
    /// First instruction where it is dead.
    pub end_pc: u32,
}

impl Prototype {
    /// Name of the `n`-th (from 1) local variable that is active at `pc`.
    pub fn local_name(&self, mut n: u32, pc: u32) -> Option<&[u8]> {
        for local in &self.locals {
            if local.start_pc > pc {
                break;
            }
            if pc < local.end_pc {
                n -= 1;
                if n == 0 {
                    return Some(&local.name);
                }
            }
        }
        None
    }

    /// Line of an instruction, if it is known.
    pub fn line(&self, pc: u32) -> Option<u32> {
        self.lines.get(pc as usize)
    }
}

impl std::fmt::Debug for Prototype {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "prototype of lines {}..{}", self.line_defined, self.last_line_defined)
    }
}
