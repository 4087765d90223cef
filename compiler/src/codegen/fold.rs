//! Constant folding: arithmetic on two numerals, done by the compiler.
//!
//! Journey: tokens -> **prototype**. The rules are the reference's: nothing is folded that could raise an error
//! (division by zero, bitwise operations on numbers without an integer value), and no result that is a NaN or a float
//! zero, whose sign a constant table could lose.

use super::operator::Binary;
use crate::number::Number;

/// The value of a binary operation on two numerals, if it may be folded.
pub(super) fn binary(op: Binary, left: Number, right: Number) -> Option<Number> {
    use Number::{Float, Integer};
    let result = match op {
        Binary::BAnd | Binary::BOr | Binary::BXor | Binary::Shl | Binary::Shr => {
            let (a, b) = (to_integer(left)?, to_integer(right)?);
            Integer(match op {
                Binary::BAnd => a & b,
                Binary::BOr => a | b,
                Binary::BXor => a ^ b,
                Binary::Shl => shift_left(a, b),
                _ => shift_left(a, b.checked_neg().unwrap_or(i64::MAX)),
            })
        }
        Binary::Div | Binary::IDiv | Binary::Mod if to_float(right) == 0.0 => return None,
        Binary::Div => Float(to_float(left) / to_float(right)),
        Binary::Pow => Float(power(to_float(left), to_float(right))),
        Binary::Add | Binary::Sub | Binary::Mul | Binary::IDiv | Binary::Mod => match (left, right) {
            (Integer(a), Integer(b)) => Integer(match op {
                Binary::Add => a.wrapping_add(b),
                Binary::Sub => a.wrapping_sub(b),
                Binary::Mul => a.wrapping_mul(b),
                Binary::IDiv => floor_divide(a, b),
                _ => modulo(a, b),
            }),
            _ => {
                let (a, b) = (to_float(left), to_float(right));
                Float(match op {
                    Binary::Add => a + b,
                    Binary::Sub => a - b,
                    Binary::Mul => a * b,
                    Binary::IDiv => (a / b).floor(),
                    _ => float_modulo(a, b),
                })
            }
        },
        _ => return None,
    };
    keep(result)
}

/// The negated numeral, if it may be folded.
pub(super) fn negate(value: Number) -> Option<Number> {
    keep(match value {
        Number::Integer(value) => Number::Integer(value.wrapping_neg()),
        Number::Float(value) => Number::Float(-value),
    })
}

/// The numeral with its bits inverted, if it may be folded.
pub(super) fn invert(value: Number) -> Option<Number> {
    Some(Number::Integer(!to_integer(value)?))
}

fn keep(result: Number) -> Option<Number> {
    match result {
        Number::Float(value) if value.is_nan() || value == 0.0 => None,
        result => Some(result),
    }
}

fn to_float(value: Number) -> f64 {
    match value {
        Number::Integer(value) => value as f64,
        Number::Float(value) => value,
    }
}

/// The integer of exactly this value.
fn to_integer(value: Number) -> Option<i64> {
    match value {
        Number::Integer(value) => Some(value),
        Number::Float(value) => float_to_integer(value),
    }
}

/// The integer of exactly this value, if there is one.
pub(super) fn float_to_integer(value: f64) -> Option<i64> {
    const LIMIT: f64 = 9223372036854775808.0;
    (value.floor() == value && (-LIMIT..LIMIT).contains(&value)).then_some(value as i64)
}

fn shift_left(value: i64, by: i64) -> i64 {
    match by {
        0..=63 => ((value as u64) << by) as i64,
        -63..0 => (value as u64 >> -by) as i64,
        _ => 0,
    }
}

fn floor_divide(a: i64, b: i64) -> i64 {
    let quotient = a.wrapping_div(b);
    if a.wrapping_rem(b) != 0 && (a ^ b) < 0 { quotient - 1 } else { quotient }
}

fn modulo(a: i64, b: i64) -> i64 {
    let rest = a.wrapping_rem(b);
    if rest != 0 && (rest ^ b) < 0 { rest + b } else { rest }
}

fn float_modulo(a: f64, b: f64) -> f64 {
    let rest = a % b;
    if (rest > 0.0 && b < 0.0) || (rest < 0.0 && b > 0.0) { rest + b } else { rest }
}

fn power(a: f64, b: f64) -> f64 {
    if b == 2.0 { a * a } else { a.powf(b) }
}
