//! Selective receive by a table: whether all fields of a pattern are equal in a message.
//!
//! Journey: mailbox -> **receive**.

use super::message::decode;
use crate::codec::Message;
use rlua_machine::value::{Kind, Ref, Table, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::Result;

/// Fields and levels that a pattern may have.
const FIELDS: usize = 100_000;

/// Whether a message is one of those that are waited for.
pub(super) enum Verdict {
    /// It is; its value.
    Yes(Value),
    /// It is not.
    No,
}

/// Whether all fields of a pattern are equal in a message; nested tables alike.
pub(super) fn matches(vm: &mut Vm, pattern: Ref<Table>, m: &Message) -> Result<Verdict> {
    let v = decode(vm, m)?;
    match fields_match(pattern, v) {
        Some(true) => Ok(Verdict::Yes(v)),
        Some(false) => Ok(Verdict::No),
        None => Err(vm.arg_error(1, "the table to match has too many fields, or contains itself")),
    }
}
fn fields_match(pattern: Ref<Table>, v: Value) -> Option<bool> {
    let mut work = vec![(pattern, v)];
    let mut left = FIELDS;
    while let Some((pattern, v)) = work.pop() {
        let Some(t) = v.as_table() else { return Some(false) };
        for (key, wanted) in pattern.entries() {
            left = left.checked_sub(1)?;
            let found = t.get(key);
            match (wanted.kind(), found.kind()) {
                (Kind::Table(a), Kind::Table(_)) => work.push((a, found)),
                _ if wanted.raw_equals(found) => {}
                _ => return Some(false),
            }
        }
    }
    Some(true)
}
