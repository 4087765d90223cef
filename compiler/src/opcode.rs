//! The canonical instruction set: one annotated table, and the packing of an instruction into 32 bits.
//!
//! Journey: source text -> tokens -> **prototype**. These are the instructions a prototype holds. They are
//! what is hashed, verified, dumped and shipped, and what the pcs of frozen frames mean. The runtime makes a private
//! execution form of them at load, with the same pc numbering (runtime/src/vm/load.rs).
//!
//! The set follows the register machine of Lua 5.4's reference implementation closely, so that error messages,
//! hooks and limits come out the same. It differs in these points:
//!
//! * there are no follow-up instructions for arithmetic metamethods: the arithmetic instruction itself says all that
//!   its slow path needs (for the K and I forms, `k` says that the operands were swapped in the source);
//! * `x - 5` is `SUBK`, never `ADDI` with a negative number;
//! * `SHRI` with `k` set comes from `x << n` and holds `-n`: its metamethod is `__shl` with `n`.
//!
//! Formats (bit 0 is the lowest): `op` 0..7, `A` 7..15, then one of
//! `k` 15, `B` 16..24, `C` 24..32 | `Bx` 15..32 | `sBx` the same, excess 65535 | `Ax` 7..32 | `sJ` 7..32, excess 16777215.
//! `sB`/`sC` are `B`/`C` excess 127.
//!
//! Notation: `R[x]` register, `K[x]` constant, `U[x]` upvalue, `RK` is `K[C]` if `k` else `R[C]`, `pc` the
//! instruction after this one.

use serde::{Deserialize, Serialize};

/// A register index past which nothing can be encoded.
pub const MAX_REGISTERS: u32 = 255;
/// Largest `A`, `B`, `C`.
pub const MAX_ARG: u32 = 255;
/// Largest `Bx`.
pub const MAX_BX: u32 = (1 << 17) - 1;
/// Excess of `sBx`.
pub const OFFSET_SBX: i32 = (MAX_BX >> 1) as i32;
/// Largest `Ax`.
pub const MAX_AX: u32 = (1 << 25) - 1;
/// Excess of `sJ`.
pub const OFFSET_SJ: i32 = (MAX_AX >> 1) as i32;
/// Excess of `sB` and `sC`.
pub const OFFSET_SC: i32 = 127;

macro_rules! opcodes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal $format:ident $sets_a:literal;)+) => {
        /// An operation. The comment of each says what it does, in the notation of the module.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        #[repr(u8)]
        #[allow(clippy::upper_case_acronyms)]
        pub enum Opcode { $($(#[doc = $doc])+ $name,)+ }

        impl Opcode {
            /// All operations, in the order of their numbers.
            pub const ALL: &'static [Opcode] = &[$(Opcode::$name,)+];

            /// The name as the disassembler prints it.
            pub const fn name(self) -> &'static str {
                match self { $(Opcode::$name => $text,)+ }
            }

            /// How the operands are packed.
            pub const fn format(self) -> Format {
                match self { $(Opcode::$name => Format::$format,)+ }
            }

            /// Whether the instruction writes register `A` (as its only or first target).
            pub const fn sets_a(self) -> bool {
                match self { $(Opcode::$name => $sets_a,)+ }
            }
        }
    };
}

/// How an instruction packs its operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// `A`, `k`, `B`, `C`.
    ABC,
    /// `A`, `Bx`.
    ABx,
    /// `A`, `sBx`.
    AsBx,
    /// `Ax`.
    Ax,
    /// `sJ`.
    SJ,
}

opcodes! {
    /// `R[A] := R[B]`
    Move = "MOVE" ABC true;
    /// `R[A] := sBx` (integer)
    LoadI = "LOADI" AsBx true;
    /// `R[A] := sBx` (float)
    LoadF = "LOADF" AsBx true;
    /// `R[A] := K[Bx]`
    LoadK = "LOADK" ABx true;
    /// `R[A] := K[Ax of the EXTRAARG that follows]`
    LoadKX = "LOADKX" ABx true;
    /// `R[A] := false`
    LoadFalse = "LOADFALSE" ABC true;
    /// `R[A] := false; pc += 1`
    LFalseSkip = "LFALSESKIP" ABC true;
    /// `R[A] := true`
    LoadTrue = "LOADTRUE" ABC true;
    /// `R[A], ..., R[A+B] := nil`
    LoadNil = "LOADNIL" ABC true;
    /// `R[A] := U[B]`
    GetUpval = "GETUPVAL" ABC true;
    /// `U[B] := R[A]`
    SetUpval = "SETUPVAL" ABC false;
    /// `R[A] := U[B][K[C]]`, `K[C]` a string
    GetTabUp = "GETTABUP" ABC true;
    /// `R[A] := R[B][R[C]]`
    GetTable = "GETTABLE" ABC true;
    /// `R[A] := R[B][C]` (integer key)
    GetI = "GETI" ABC true;
    /// `R[A] := R[B][K[C]]`, `K[C]` a string
    GetField = "GETFIELD" ABC true;
    /// `U[A][K[B]] := RK`, `K[B]` a string
    SetTabUp = "SETTABUP" ABC false;
    /// `R[A][R[B]] := RK`
    SetTable = "SETTABLE" ABC false;
    /// `R[A][B] := RK` (integer key)
    SetI = "SETI" ABC false;
    /// `R[A][K[B]] := RK`, `K[B]` a string
    SetField = "SETFIELD" ABC false;
    /// `R[A] := {}`; `B` is log2(hash size)+1 or 0; array size is `C`, plus `256*Ax` if `k`. An EXTRAARG always follows
    NewTable = "NEWTABLE" ABC true;
    /// `R[A+1] := R[B]; R[A] := R[B][RK]`, the key a string
    Self_ = "SELF" ABC true;
    /// `R[A] := R[B] + sC`; `k`: the source had `sC + x`
    AddI = "ADDI" ABC true;
    /// `R[A] := R[B] + K[C]`, `K[C]` a number; `k`: operands swapped in the source
    AddK = "ADDK" ABC true;
    /// `R[A] := R[B] - K[C]`
    SubK = "SUBK" ABC true;
    /// `R[A] := R[B] * K[C]`; `k`: operands swapped in the source
    MulK = "MULK" ABC true;
    /// `R[A] := R[B] % K[C]`
    ModK = "MODK" ABC true;
    /// `R[A] := R[B] ^ K[C]`
    PowK = "POWK" ABC true;
    /// `R[A] := R[B] / K[C]`
    DivK = "DIVK" ABC true;
    /// `R[A] := R[B] // K[C]`
    IDivK = "IDIVK" ABC true;
    /// `R[A] := R[B] & K[C]`, `K[C]` an integer; `k`: operands swapped in the source
    BAndK = "BANDK" ABC true;
    /// `R[A] := R[B] | K[C]`, as BANDK
    BOrK = "BORK" ABC true;
    /// `R[A] := R[B] ~ K[C]`, as BANDK
    BXorK = "BXORK" ABC true;
    /// `R[A] := R[B] >> sC`; `k`: the source had `x << -sC`
    ShrI = "SHRI" ABC true;
    /// `R[A] := sC << R[B]`
    ShlI = "SHLI" ABC true;
    /// `R[A] := R[B] + R[C]`
    Add = "ADD" ABC true;
    /// `R[A] := R[B] - R[C]`
    Sub = "SUB" ABC true;
    /// `R[A] := R[B] * R[C]`
    Mul = "MUL" ABC true;
    /// `R[A] := R[B] % R[C]`
    Mod = "MOD" ABC true;
    /// `R[A] := R[B] ^ R[C]`
    Pow = "POW" ABC true;
    /// `R[A] := R[B] / R[C]`
    Div = "DIV" ABC true;
    /// `R[A] := R[B] // R[C]`
    IDiv = "IDIV" ABC true;
    /// `R[A] := R[B] & R[C]`
    BAnd = "BAND" ABC true;
    /// `R[A] := R[B] | R[C]`
    BOr = "BOR" ABC true;
    /// `R[A] := R[B] ~ R[C]`
    BXor = "BXOR" ABC true;
    /// `R[A] := R[B] << R[C]`
    Shl = "SHL" ABC true;
    /// `R[A] := R[B] >> R[C]`
    Shr = "SHR" ABC true;
    /// `R[A] := -R[B]`
    Unm = "UNM" ABC true;
    /// `R[A] := ~R[B]`
    BNot = "BNOT" ABC true;
    /// `R[A] := not R[B]`
    Not = "NOT" ABC true;
    /// `R[A] := #R[B]`
    Len = "LEN" ABC true;
    /// `R[A] := R[A] .. ... .. R[A+B-1]`, `B >= 2`
    Concat = "CONCAT" ABC true;
    /// close all upvalues and to-be-closed variables `>= R[A]`
    Close = "CLOSE" ABC false;
    /// mark `R[A]` as to be closed
    Tbc = "TBC" ABC false;
    /// `pc += sJ`
    Jmp = "JMP" SJ false;
    /// `if (R[A] == R[B]) ~= k then pc += 1`; a JMP follows every test
    Eq = "EQ" ABC false;
    /// `if (R[A] < R[B]) ~= k then pc += 1`
    Lt = "LT" ABC false;
    /// `if (R[A] <= R[B]) ~= k then pc += 1`
    Le = "LE" ABC false;
    /// `if (R[A] == K[B]) ~= k then pc += 1`
    EqK = "EQK" ABC false;
    /// `if (R[A] == sB) ~= k then pc += 1`; for EQI to GEI, `C` is 1 if the source had a float
    EqI = "EQI" ABC false;
    /// `if (R[A] < sB) ~= k then pc += 1`
    LtI = "LTI" ABC false;
    /// `if (R[A] <= sB) ~= k then pc += 1`
    LeI = "LEI" ABC false;
    /// `if (R[A] > sB) ~= k then pc += 1`
    GtI = "GTI" ABC false;
    /// `if (R[A] >= sB) ~= k then pc += 1`
    GeI = "GEI" ABC false;
    /// `if (not R[A]) == k then pc += 1`
    Test = "TEST" ABC false;
    /// `if (not R[B]) == k then pc += 1 else R[A] := R[B]`
    TestSet = "TESTSET" ABC true;
    /// `R[A], ..., R[A+C-2] := R[A](R[A+1], ..., R[A+B-1])`; `B` 0: arguments up to top; `C` 0: all results, sets top
    Call = "CALL" ABC true;
    /// `return R[A](R[A+1], ..., R[A+B-1])`; `k`: upvalues must be closed first. A RETURN follows
    TailCall = "TAILCALL" ABC true;
    /// `return R[A], ..., R[A+B-2]`; `B` 0: up to top; `k`: there are upvalues or variables to close
    Return = "RETURN" ABC false;
    /// `return` (function without varargs, nothing to close)
    Return0 = "RETURN0" ABC false;
    /// `return R[A]` (function without varargs, nothing to close)
    Return1 = "RETURN1" ABC false;
    /// update counters; `if loop continues then pc -= Bx`
    ForLoop = "FORLOOP" ABx true;
    /// `<check values, prepare counters>; if not to run then pc += Bx + 1`
    ForPrep = "FORPREP" ABx true;
    /// mark `R[A+3]` as to be closed; `pc += Bx`
    TForPrep = "TFORPREP" ABx false;
    /// `R[A+4], ..., R[A+3+C] := R[A](R[A+1], R[A+2])`
    TForCall = "TFORCALL" ABC false;
    /// `if R[A+4] ~= nil then { R[A+2] := R[A+4]; pc -= Bx }`. (`A` is that of the TFORCALL before it.)
    TForLoop = "TFORLOOP" ABx true;
    /// `R[A][C+i] := R[A+i], 1 <= i <= B`; `B` 0: up to top; `C` plus `256*Ax` of the EXTRAARG that follows if `k`
    SetList = "SETLIST" ABC false;
    /// `R[A] := closure(P[Bx])`
    Closure = "CLOSURE" ABx true;
    /// `R[A], ..., R[A+C-2] := varargs`; `C` 0: all of them, sets top
    VarArg = "VARARG" ABC true;
    /// adjust varargs; `A` is the number of fixed parameters. First instruction of a vararg function
    VarArgPrep = "VARARGPREP" ABC false;
    /// more bits (`Ax`) for the instruction before it
    ExtraArg = "EXTRAARG" Ax false;
}

impl Opcode {
    /// The operation with this number, if there is one.
    pub const fn from_number(number: u8) -> Option<Opcode> {
        if (number as usize) < Self::ALL.len() { Some(Self::ALL[number as usize]) } else { None }
    }
}

/// One instruction of the canonical form. May hold any 32 bits until the verifier has seen it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Instruction(pub u32);

impl Instruction {
    /// Packs the format ABC.
    pub const fn abc(op: Opcode, a: u32, b: u32, c: u32, k: bool) -> Self {
        debug_assert!(a <= MAX_ARG && b <= MAX_ARG && c <= MAX_ARG);
        Instruction(op as u32 | a << 7 | (k as u32) << 15 | b << 16 | c << 24)
    }
    /// Packs the format ABx.
    pub const fn abx(op: Opcode, a: u32, bx: u32) -> Self {
        debug_assert!(a <= MAX_ARG && bx <= MAX_BX);
        Instruction(op as u32 | a << 7 | bx << 15)
    }
    /// Packs the format AsBx.
    pub const fn asbx(op: Opcode, a: u32, sbx: i32) -> Self {
        Self::abx(op, a, (sbx + OFFSET_SBX) as u32)
    }
    /// Packs the format Ax.
    pub const fn ax(op: Opcode, ax: u32) -> Self {
        debug_assert!(ax <= MAX_AX);
        Instruction(op as u32 | ax << 7)
    }
    /// Packs the format sJ.
    pub const fn sj(op: Opcode, sj: i32) -> Self {
        Self::ax(op, (sj + OFFSET_SJ) as u32)
    }
    /// The operation, if the bits name one.
    pub const fn checked_opcode(self) -> Option<Opcode> {
        Opcode::from_number((self.0 & 0x7f) as u8)
    }
    /// The operation of an instruction that the code generator made or the verifier has passed.
    pub const fn opcode(self) -> Opcode {
        match self.checked_opcode() {
            Some(op) => op,
            None => panic!("an unverified instruction names no operation"),
        }
    }
    /// Operand `A`.
    pub const fn a(self) -> u32 {
        self.0 >> 7 & 0xff
    }
    /// Operand `B`.
    pub const fn b(self) -> u32 {
        self.0 >> 16 & 0xff
    }
    /// Operand `C`.
    pub const fn c(self) -> u32 {
        self.0 >> 24
    }
    /// Operand `k`.
    pub const fn k(self) -> bool {
        self.0 >> 15 & 1 != 0
    }
    /// Operand `B` as a signed number.
    pub const fn sb(self) -> i32 {
        self.b() as i32 - OFFSET_SC
    }
    /// Operand `C` as a signed number.
    pub const fn sc(self) -> i32 {
        self.c() as i32 - OFFSET_SC
    }
    /// Operand `Bx`.
    pub const fn bx(self) -> u32 {
        self.0 >> 15
    }
    /// Operand `sBx`.
    pub const fn sbx(self) -> i32 {
        self.bx() as i32 - OFFSET_SBX
    }
    /// Operand `Ax`.
    pub const fn ax_arg(self) -> u32 {
        self.0 >> 7
    }
    /// Operand `sJ`.
    pub const fn sj_arg(self) -> i32 {
        self.ax_arg() as i32 - OFFSET_SJ
    }
}
