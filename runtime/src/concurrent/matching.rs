//! Selective receive by a table: whether all fields of a pattern are equal in a message.
//!
//! Journey: mailbox -> **receive**.

use crate::codec::Message;
use rlua_machine::value::{Kind, Ref, Table, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::Result;

/// Fields and levels that a pattern may have.
const FIELDS: usize = 100_000;

/// Whether all fields of a pattern are equal in a message; nested tables alike.
pub(super) fn matches(vm: &mut Vm, pattern: Ref<Table>, m: &Message) -> Result<bool> {
    let v = match crate::codec::decode_message(vm, m) {
        Ok(v) => v,
        Err(e) => return Err(vm.error(e.to_string())),
    };
    match fields_match(pattern, v) {
        Some(yes) => Ok(yes),
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
