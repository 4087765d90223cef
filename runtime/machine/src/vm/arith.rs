//! Arithmetic and comparison without metamethods: the slow paths' first try, and what natives use.
//!
//! Journey: frame -> value (manual 3.4.1 to 3.4.4). The fast paths for two integers or two floats are in execute/;
//! here are all combinations, with the conversions of strings.

use super::Vm;
use super::metamethod::Event;
use crate::value::{Value, number, tag};
use std::cmp::Ordering;

/// Why an operation has no result of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArithError {
    /// An operand is not what the operation takes: try a metamethod.
    Operands,
    /// `n // 0` for integers.
    DivideByZero,
    /// `n % 0` for integers.
    ModuloByZero,
}

/// Applies an arithmetic or bitwise operation to numbers.
pub fn arith(event: Event, a: Value, b: Value) -> Result<Value, ArithError> {
    use Event::*;
    match event {
        BAnd | BOr | BXor | Shl | Shr | BNot => {
            let (Some(x), Some(y)) = (a.number_as_integer(), b.number_as_integer()) else {
                return Err(ArithError::Operands);
            };
            Ok(Value::integer(match event {
                BAnd => x & y,
                BOr => x | y,
                BXor => x ^ y,
                Shl => number::shift_left(x, y),
                Shr => number::shift_right(x, y),
                _ => !x,
            }))
        }
        Div | Pow => {
            let (Some(x), Some(y)) = (a.number_as_float(), b.number_as_float()) else {
                return Err(ArithError::Operands);
            };
            Ok(Value::float(if event == Div { x / y } else { number::pow(x, y) }))
        }
        _ => {
            if let (Some(x), Some(y)) = (a.as_integer(), b.as_integer()) {
                return Ok(Value::integer(match event {
                    Add => x.wrapping_add(y),
                    Sub => x.wrapping_sub(y),
                    Mul => x.wrapping_mul(y),
                    IDiv => number::int_floor_div(x, y).ok_or(ArithError::DivideByZero)?,
                    Mod => number::int_mod(x, y).ok_or(ArithError::ModuloByZero)?,
                    Unm => x.wrapping_neg(),
                    _ => return Err(ArithError::Operands),
                }));
            }
            let (Some(x), Some(y)) = (a.number_as_float(), b.number_as_float()) else {
                return Err(ArithError::Operands);
            };
            Ok(Value::float(match event {
                Add => x + y,
                Sub => x - y,
                Mul => x * y,
                IDiv => number::float_floor_div(x, y),
                Mod => number::float_mod(x, y),
                Unm => -x,
                _ => return Err(ArithError::Operands),
            }))
        }
    }
}

/// `a < b` or `a <= b` for two numbers.
pub fn compare_numbers(a: Value, b: Value, or_equal: bool) -> Option<bool> {
    let float = |v: Value| f64::from_bits(v.bits);
    Some(match (a.tag, b.tag) {
        (tag::INT, tag::INT) => {
            let (x, y) = (a.bits as i64, b.bits as i64);
            if or_equal { x <= y } else { x < y }
        }
        (tag::FLOAT, tag::FLOAT) => {
            if or_equal {
                float(a) <= float(b)
            } else {
                float(a) < float(b)
            }
        }
        (tag::INT, tag::FLOAT) => {
            if or_equal {
                number::int_le_float(a.bits as i64, float(b))
            } else {
                number::int_lt_float(a.bits as i64, float(b))
            }
        }
        (tag::FLOAT, tag::INT) => {
            if or_equal {
                number::float_le_int(float(a), b.bits as i64)
            } else {
                number::float_lt_int(float(a), b.bits as i64)
            }
        }
        _ => return None,
    })
}

impl Vm {
    /// `a < b` or `a <= b` for numbers and strings; none if a metamethod must decide.
    pub fn compare(&self, a: Value, b: Value, or_equal: bool) -> Option<bool> {
        if let Some(answer) = compare_numbers(a, b, or_equal) {
            return Some(answer);
        }
        // Strings compare byte by byte, as in the reference under the C locale.
        let order = a.as_string()?.bytes().cmp(b.as_string()?.bytes());
        Some(if or_equal { order != Ordering::Greater } else { order == Ordering::Less })
    }
    /// Arithmetic on numbers and on strings that convert to numbers.
    pub fn arith_coerced(&self, event: Event, a: Value, b: Value) -> Result<Value, ArithError> {
        match arith(event, a, b) {
            Err(ArithError::Operands) if (a.is_string() || b.is_string()) && !event.is_bitwise() => {
                match (self.to_number(a), self.to_number(b)) {
                    (Some(x), Some(y)) => arith(event, x, y),
                    _ => Err(ArithError::Operands),
                }
            }
            other => other,
        }
    }
}
