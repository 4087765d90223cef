//! The operations of the execution form.
//!
//! One per canonical operation, but where a bit of the operand would cost a test at run time there are two (`K`: the
//! value is a constant; `0` and `1`: the `k` of a test; `F`: the constant is a float; `2`: it is a power of two; `Tag`, `Str`:
//! it is nil or a boolean, or a string); and pairs of operations that often follow each other.

macro_rules! ops {
    ($($name:ident => $handler:ident,)*) => {
        /// An operation of the execution form; its handler is in execute/.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        #[allow(missing_docs)]
        pub enum Op { $($name,)* }
        /// Calls a macro with the list of all operations and their handlers.
        macro_rules! with_ops {
            ($m:ident) => { $m! { $($name => $handler,)* } };
        }
        pub(crate) use with_ops;
    };
}

ops! {
    Move => op_move,
    LoadI => op_loadi,
    LoadF => op_loadf,
    LoadK => op_loadk,
    LoadKX => op_loadkx,
    LoadFalse => op_loadfalse,
    LFalseSkip => op_lfalseskip,
    LoadTrue => op_loadtrue,
    LoadNil => op_loadnil,
    GetUpval => op_getupval,
    SetUpval => op_setupval,
    GetTabUp => op_gettabup,
    GetTable => op_gettable,
    GetI => op_geti,
    GetField => op_getfield,
    SetTabUp => op_settabup,
    SetTabUpK => op_settabup_k,
    SetTable => op_settable,
    SetTableK => op_settable_k,
    SetI => op_seti,
    SetIK => op_seti_k,
    SetField => op_setfield,
    SetFieldK => op_setfield_k,
    NewTable => op_newtable,
    SelfK => op_self_k,
    SelfR => op_self_r,
    AddI => op_addi,
    AddK => op_addk,
    AddKF => op_addkf,
    SubK => op_subk,
    SubKF => op_subkf,
    MulK => op_mulk,
    MulKF => op_mulkf,
    ModK => op_modk,
    ModK2 => op_modk2,
    PowK => op_powk,
    DivK => op_divk,
    IDivK => op_idivk,
    IDivK2 => op_idivk2,
    BAndK => op_bandk,
    BOrK => op_bork,
    BXorK => op_bxork,
    ShrI => op_shri,
    ShlI => op_shli,
    Add => op_add,
    Sub => op_sub,
    Mul => op_mul,
    Mod => op_mod,
    Pow => op_pow,
    Div => op_div,
    IDiv => op_idiv,
    BAnd => op_band,
    BOr => op_bor,
    BXor => op_bxor,
    Shl => op_shl,
    Shr => op_shr,
    Unm => op_unm,
    BNot => op_bnot,
    Not => op_not,
    Len => op_len,
    Concat => op_concat,
    Close => op_close,
    Tbc => op_tbc,
    Jmp => op_jmp,
    JmpBack => op_jmp_back,
    Eq0 => op_eq0,
    Eq1 => op_eq1,
    Lt0 => op_lt0,
    Lt1 => op_lt1,
    Le0 => op_le0,
    Le1 => op_le1,
    EqK0 => op_eqk0,
    EqK1 => op_eqk1,
    EqTag0 => op_eqtag0,
    EqTag1 => op_eqtag1,
    EqStr0 => op_eqstr0,
    EqStr1 => op_eqstr1,
    EqI0 => op_eqi0,
    EqI1 => op_eqi1,
    LtI0 => op_lti0,
    LtI1 => op_lti1,
    LeI0 => op_lei0,
    LeI1 => op_lei1,
    GtI0 => op_gti0,
    GtI1 => op_gti1,
    GeI0 => op_gei0,
    GeI1 => op_gei1,
    Test0 => op_test0,
    Test1 => op_test1,
    TestSet0 => op_testset0,
    TestSet1 => op_testset1,
    Call => op_call,
    CallOpen => op_call_open,
    TailCall => op_tailcall,
    Return => op_return,
    Return0 => op_return0,
    Return1 => op_return1,
    ForLoop => op_forloop,
    ForPrep => op_forprep,
    TForPrep => op_tforprep,
    TForCall => op_tforcall,
    TForLoop => op_tforloop,
    SetList => op_setlist,
    Closure => op_closure,
    VarArg => op_vararg,
    VarArgPrep => op_varargprep,
    ExtraArg => op_extraarg,
    MoveMove => op_move_move,
    MoveCall => op_move_call,
    MoveLoadI => op_move_loadi,
    MoveLoadK => op_move_loadk,
    MoveGetTable => op_move_gettable,
    MoveGetField => op_move_getfield,
    MoveAddI => op_move_addi,
    GetUpvalMove => op_getupval_move,
    GetUpvalGetTable => op_getupval_gettable,
    GetUpvalGetField => op_getupval_getfield,
    GetUpvalGetUpval => op_getupval_getupval,
    GetUpvalAddI => op_getupval_addi,
    GetUpvalSubK => op_getupval_subk,
    GetUpvalAdd => op_getupval_add,
    GetUpvalLoadK => op_getupval_loadk,
    GetUpvalLoadI => op_getupval_loadi,
    GetUpvalMod => op_getupval_mod,
    LoadICall => op_loadi_call,
    LoadILoadI => op_loadi_loadi,
    LoadIMove => op_loadi_move,
    LoadKMove => op_loadk_move,
    LoadKCall => op_loadk_call,
    AddForLoop => op_add_forloop,
    AddReturn1 => op_add_return1,
    AddGetTable => op_add_gettable,
    MulAddC => op_mul_add_c,
    MulAddB => op_mul_add_b,
    MulSubC => op_mul_sub_c,
    MulSubB => op_mul_sub_b,
    MulMulB => op_mul_mul_b,
    AddAddB => op_add_add_b,
    SubAddB => op_sub_add_b,
    GetTableAdd => op_gettable_add,
    GetTableSub => op_gettable_sub,
    GetTableMul => op_gettable_mul,
    GetTableGetTable => op_gettable_gettable,
    GetTableTest0 => op_gettable_test0,
    GetTableTest1 => op_gettable_test1,
    SetTableForLoop => op_settable_forloop,
    SetTableKForLoop => op_settable_k_forloop,
    GetFieldGetField => op_getfield_getfield,
    GetFieldMove => op_getfield_move,
    GetFieldCall => op_getfield_call,
    GetFieldGetTable => op_getfield_gettable,
    GetTabUpGetField => op_gettabup_getfield,
    GetTabUpMove => op_gettabup_move,
    AddIJmpBack => op_addi_jmp_back,
    LoadTrueReturn1 => op_loadtrue_return1,
}

/// When two operations make a pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum When {
    /// Whenever the second follows the first.
    Always,
    /// If the first's result is operand `b` of the second, and not `c`.
    B,
    /// If it is operand `c`, and not `b`.
    C,
}
/// Pairs (execute/fused.rs): the first operation, the second, when, and what they make. Those of a first operation stand
/// together.
pub(crate) static PAIRS: &[(Op, Op, When, Op)] = &[
    (Op::Move, Op::Move, When::Always, Op::MoveMove),
    (Op::Move, Op::Call, When::Always, Op::MoveCall),
    (Op::Move, Op::LoadI, When::Always, Op::MoveLoadI),
    (Op::Move, Op::LoadK, When::Always, Op::MoveLoadK),
    (Op::Move, Op::GetTable, When::Always, Op::MoveGetTable),
    (Op::Move, Op::GetField, When::Always, Op::MoveGetField),
    (Op::Move, Op::AddI, When::Always, Op::MoveAddI),
    (Op::GetUpval, Op::Move, When::Always, Op::GetUpvalMove),
    (Op::GetUpval, Op::GetTable, When::Always, Op::GetUpvalGetTable),
    (Op::GetUpval, Op::GetField, When::Always, Op::GetUpvalGetField),
    (Op::GetUpval, Op::GetUpval, When::Always, Op::GetUpvalGetUpval),
    (Op::GetUpval, Op::AddI, When::Always, Op::GetUpvalAddI),
    (Op::GetUpval, Op::SubK, When::Always, Op::GetUpvalSubK),
    (Op::GetUpval, Op::Add, When::Always, Op::GetUpvalAdd),
    (Op::GetUpval, Op::LoadK, When::Always, Op::GetUpvalLoadK),
    (Op::GetUpval, Op::LoadI, When::Always, Op::GetUpvalLoadI),
    (Op::GetUpval, Op::Mod, When::Always, Op::GetUpvalMod),
    (Op::LoadI, Op::Call, When::Always, Op::LoadICall),
    (Op::LoadI, Op::LoadI, When::Always, Op::LoadILoadI),
    (Op::LoadI, Op::Move, When::Always, Op::LoadIMove),
    (Op::LoadK, Op::Move, When::Always, Op::LoadKMove),
    (Op::LoadK, Op::Call, When::Always, Op::LoadKCall),
    (Op::Add, Op::ForLoop, When::Always, Op::AddForLoop),
    (Op::Add, Op::Return1, When::Always, Op::AddReturn1),
    (Op::Add, Op::GetTable, When::Always, Op::AddGetTable),
    (Op::Add, Op::Add, When::B, Op::AddAddB),
    (Op::Mul, Op::Add, When::C, Op::MulAddC),
    (Op::Mul, Op::Add, When::B, Op::MulAddB),
    (Op::Mul, Op::Sub, When::C, Op::MulSubC),
    (Op::Mul, Op::Sub, When::B, Op::MulSubB),
    (Op::Mul, Op::Mul, When::B, Op::MulMulB),
    (Op::Sub, Op::Add, When::B, Op::SubAddB),
    (Op::GetTable, Op::Add, When::C, Op::GetTableAdd),
    (Op::GetTable, Op::Sub, When::C, Op::GetTableSub),
    (Op::GetTable, Op::Mul, When::C, Op::GetTableMul),
    (Op::GetTable, Op::GetTable, When::Always, Op::GetTableGetTable),
    (Op::GetTable, Op::Test0, When::Always, Op::GetTableTest0),
    (Op::GetTable, Op::Test1, When::Always, Op::GetTableTest1),
    (Op::SetTable, Op::ForLoop, When::Always, Op::SetTableForLoop),
    (Op::SetTableK, Op::ForLoop, When::Always, Op::SetTableKForLoop),
    (Op::GetField, Op::GetField, When::Always, Op::GetFieldGetField),
    (Op::GetField, Op::Move, When::Always, Op::GetFieldMove),
    (Op::GetField, Op::Call, When::Always, Op::GetFieldCall),
    (Op::GetField, Op::GetTable, When::Always, Op::GetFieldGetTable),
    (Op::GetTabUp, Op::GetField, When::Always, Op::GetTabUpGetField),
    (Op::GetTabUp, Op::Move, When::Always, Op::GetTabUpMove),
    (Op::AddI, Op::JmpBack, When::Always, Op::AddIJmpBack),
    (Op::LoadTrue, Op::Return1, When::Always, Op::LoadTrueReturn1),
];
/// Where the pairs of each first operation begin and end.
static PAIRS_OF: [(u8, u8); 256] = {
    let mut all = [(0, 0); 256];
    let mut i = 0;
    while i < PAIRS.len() {
        let place = &mut all[PAIRS[i].0 as usize];
        assert!(place.1 == 0 || place.1 as usize == i, "pairs of a first operation stand together");
        if place.1 == 0 {
            place.0 = i as u8;
        }
        place.1 = i as u8 + 1;
        i += 1;
    }
    all
};
/// The pairs whose first operation this is.
#[inline]
pub(crate) fn pairs_of(first: u8) -> &'static [(Op, Op, When, Op)] {
    let (start, end) = PAIRS_OF[first as usize];
    &PAIRS[start as usize..end as usize]
}
/// For each operation itself, or the first of the pair that it is.
pub(crate) static UNFUSED: [u8; 256] = {
    let mut all = [0; 256];
    let mut i = 0;
    while i < 256 {
        all[i] = i as u8;
        i += 1;
    }
    let mut i = 0;
    while i < PAIRS.len() {
        all[PAIRS[i].3 as usize] = PAIRS[i].0 as u8;
        i += 1;
    }
    all
};
