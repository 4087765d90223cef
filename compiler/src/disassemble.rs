//! The disassembler: a chunk as text, in the manner of `luac -l -l`.
//!
//! Journey: source text -> tokens -> **prototype**, seen from outside. For people and for tests that compare
//! generated code; nothing reads it back. It shows unverified chunks as well, as far as they make sense.

use crate::error::short_source;
use crate::opcode::{Format, Instruction, Opcode};
use crate::prototype::{Chunk, Constant, Prototype};
use std::fmt::Write;

/// The text form of a chunk: each prototype's instructions, then its constants, locals and upvalues.
///
/// ```
/// let chunk = rlua_compiler::compile(b"return 42", b"=x").unwrap();
/// assert!(rlua_compiler::disassemble(&chunk).contains("LOADI"));
/// ```
pub fn disassemble(chunk: &Chunk) -> String {
    let mut out = String::new();
    for (index, prototype) in chunk.prototypes.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = write_prototype(&mut out, chunk, index, prototype);
    }
    out
}

fn write_prototype(out: &mut String, chunk: &Chunk, index: usize, prototype: &Prototype) -> std::fmt::Result {
    let kind = if prototype.line_defined == 0 { "main" } else { "function" };
    let name = shown(&short_source(&chunk.name));
    writeln!(
        out,
        "\n{kind} <{name}:{},{}> ({} instructions, prototype {index})",
        prototype.line_defined,
        prototype.last_line_defined,
        prototype.code.len()
    )?;
    writeln!(
        out,
        "{}{} params, {} slots, {} upvalues, {} locals, {} constants, {} functions",
        prototype.parameters,
        if prototype.is_vararg { "+" } else { "" },
        prototype.registers,
        prototype.upvalues.len(),
        prototype.locals.len(),
        prototype.constants.len(),
        prototype.nested.len()
    )?;
    for (pc, &i) in prototype.code.iter().enumerate() {
        let line = prototype.lines.get(pc).map_or("-".to_string(), |line| line.to_string());
        let Some(op) = i.checked_opcode() else {
            writeln!(out, "\t{}\t[{line}]\t?{:#010x}", pc + 1, i.0)?;
            continue;
        };
        write!(out, "\t{}\t[{line}]\t{:<10}\t{}", pc + 1, op.name(), operands(op, i))?;
        let comment = comment(prototype, pc, op, i);
        if comment.is_empty() {
            writeln!(out)?;
        } else {
            writeln!(out, "\t; {comment}")?;
        }
    }
    writeln!(out, "constants ({}):", prototype.constants.len())?;
    for (index, constant) in prototype.constants.iter().enumerate() {
        let kind = match constant {
            Constant::Nil => "N",
            Constant::Boolean(_) => "B",
            Constant::Integer(_) => "I",
            Constant::Float(_) => "F",
            Constant::String(_) => "S",
        };
        writeln!(out, "\t{index}\t{kind}\t{}", constant_text(constant))?;
    }
    writeln!(out, "locals ({}):", prototype.locals.len())?;
    for (index, local) in prototype.locals.iter().enumerate() {
        let name = shown(&local.name);
        writeln!(out, "\t{index}\t{name}\t{}\t{}", u64::from(local.start_pc) + 1, u64::from(local.end_pc) + 1)?;
    }
    writeln!(out, "upvalues ({}):", prototype.upvalues.len())?;
    for (index, upvalue) in prototype.upvalues.iter().enumerate() {
        let name = if upvalue.name.is_empty() { "-".to_string() } else { shown(&upvalue.name) };
        writeln!(out, "\t{index}\t{name}\t{}\t{}", u8::from(upvalue.in_stack), upvalue.index)?;
    }
    Ok(())
}

/// The operands that the operation uses; `k` after a number marks a constant or a flag.
fn operands(op: Opcode, i: Instruction) -> String {
    use Opcode as O;
    let (a, b, c) = (i.a(), i.b(), i.c());
    let k = if i.k() { "k" } else { "" };
    match op {
        O::LoadFalse | O::LFalseSkip | O::LoadTrue | O::LoadKX | O::Close | O::Tbc | O::Return1 | O::VarArgPrep => {
            format!("{a}")
        }
        O::Return0 => String::new(),
        O::Move | O::LoadNil | O::GetUpval | O::SetUpval | O::Unm | O::BNot | O::Not | O::Len | O::Concat => {
            format!("{a} {b}")
        }
        O::VarArg | O::TForCall => format!("{a} {c}"),
        O::AddI | O::ShrI | O::ShlI => format!("{a} {b} {}{k}", i.sc()),
        O::Eq | O::Lt | O::Le | O::EqK => format!("{a} {b} {}", u8::from(i.k())),
        O::EqI | O::LtI | O::LeI | O::GtI | O::GeI => format!("{a} {} {}", i.sb(), u8::from(i.k())),
        O::Test => format!("{a} {}", u8::from(i.k())),
        O::TestSet => format!("{a} {b} {}", u8::from(i.k())),
        _ => match op.format() {
            Format::ABC => format!("{a} {b} {c}{k}"),
            Format::ABx => format!("{a} {}", i.bx()),
            Format::AsBx => format!("{a} {}", i.sbx()),
            Format::Ax => format!("{}", i.ax_arg()),
            Format::SJ => format!("{}", i.sj_arg()),
        },
    }
}

fn comment(prototype: &Prototype, pc: usize, op: Opcode, i: Instruction) -> String {
    use Opcode as O;
    let constant = |index: u32| prototype.constants.get(index as usize).map_or("?".to_string(), constant_text);
    let upvalue = |index: u32| match prototype.upvalues.get(index as usize) {
        Some(upvalue) if !upvalue.name.is_empty() => shown(&upvalue.name),
        _ => "-".to_string(),
    };
    let stored = || {
        if i.k() { format!(" {}", constant(i.c())) } else { String::new() }
    };
    let target = |distance: i64| format!("to {}", pc as i64 + 2 + distance);
    match op {
        O::LoadK => constant(i.bx()),
        O::LoadKX => prototype.code.get(pc + 1).map_or(String::new(), |extra| constant(extra.ax_arg())),
        O::GetUpval | O::SetUpval => upvalue(i.b()),
        O::GetTabUp => format!("{} {}", upvalue(i.b()), constant(i.c())),
        O::GetField => constant(i.c()),
        O::SetTabUp => format!("{} {}{}", upvalue(i.a()), constant(i.b()), stored()),
        O::SetField => format!("{}{}", constant(i.b()), stored()),
        O::SetTable | O::SetI | O::Self_ => stored().trim_start().to_string(),
        O::EqK => constant(i.b()),
        O::AddK | O::SubK | O::MulK | O::ModK | O::PowK | O::DivK | O::IDivK | O::BAndK | O::BOrK | O::BXorK => {
            constant(i.c())
        }
        O::Jmp => target(i.sj_arg().into()),
        O::ForLoop | O::TForLoop => target(-i64::from(i.bx())),
        O::ForPrep => target(i64::from(i.bx()) + 1),
        O::TForPrep => target(i.bx().into()),
        O::Closure => match prototype.nested.get(i.bx() as usize) {
            Some(index) => format!("prototype {index}"),
            None => "?".to_string(),
        },
        O::Call => {
            let count = |n: u32, none: &str| match n.checked_sub(1) {
                Some(n) => n.to_string(),
                None => none.to_string(),
            };
            format!("{} in {} out", count(i.b(), "all"), count(i.c(), "all"))
        }
        _ => String::new(),
    }
}

fn constant_text(constant: &Constant) -> String {
    match constant {
        Constant::Nil => "nil".to_string(),
        Constant::Boolean(value) => value.to_string(),
        Constant::Integer(value) => value.to_string(),
        Constant::Float(value) => format!("{value:?}"),
        Constant::String(text) => format!("\"{}\"", text.escape_ascii()),
    }
}

/// A name as text: what is not UTF-8 or would move the cursor is escaped.
fn shown(name: &[u8]) -> String {
    let mut out = String::new();
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
        }
        // Writing to a string cannot fail.
        let _ = write!(out, "{}", chunk.invalid().escape_ascii());
    }
    out
}
