//! `client:send(data[, first[, last]])`.
//!
//! Journey: value -> **outside world**. The string is written as it lies in its register, in pieces; what the system does not
//! take at once waits there with the process. What is encrypted is taken at once, and has left when the call returns.

use super::class::{check_client, socket_of};
use super::failure::{CLOSED, words};
use super::wait::{Direction, SYSTEM_CALL, Waiting, attempt, begin, has_moved, until_ready};
use rlua_machine::value::Value;
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Result, Step};
use rlua_machine::vm::work::COPIED;

/// Bytes of one write.
const PIECE: usize = 256 << 10;
/// Registers: the socket, the data, bytes that are sent or left out before, where the last one ends; when the call is over.
const DATA: usize = 1;
const AT: usize = 2;
const END: usize = 3;
const ENDS: usize = 4;
/// State: it goes on.
const LOOK: u32 = 1;

/// What i and j of a substring mean for a string of so many bytes: how many come before it, and where it ends.
fn bounds(first: i64, last: i64, len: usize) -> (usize, usize) {
    let len = len as i64;
    let first = if first < 0 { len.saturating_add(first).saturating_add(1) } else { first };
    let last = if last < 0 { len.saturating_add(last).saturating_add(1) } else { last };
    ((first.max(1) - 1).max(0) as usize, last.min(len).max(0) as usize)
}

/// See above.
pub(super) fn send(vm: &mut Vm, state: u32) -> Result<Step> {
    let u = check_client(vm)?;
    let id = u.resource.get();
    let data = vm.check_string(DATA)?;
    if state == 0 {
        let (first, last) = (vm.opt_integer(2, 1)?, vm.opt_integer(3, -1)?);
        let (before, end) = bounds(first, last, data.bytes().len());
        let ends = begin(vm, id);
        vm.truncate(AT);
        vm.set_arg(ENDS, ends);
        vm.set_arg(AT, Value::integer(before as i64));
        vm.set_arg(END, Value::integer(end as i64));
    }
    let place = |vm: &mut Vm, register| vm.arg(register).as_integer().and_then(|n| usize::try_from(n).ok());
    let (Some(mut at), Some(end)) = (place(vm, AT), place(vm, END)) else { return Err(vm.damaged()) };
    let end = end.min(data.bytes().len());
    let why = loop {
        let Some(s) = socket_of(vm, &u).filter(|s| s.io.is_some()) else {
            break (at < end).then(|| CLOSED.to_string());
        };
        let piece = &data.bytes()[at.min(end)..end.min(at + PIECE)];
        match attempt(|| if piece.is_empty() { s.flush().map(|()| 0) } else { s.write(piece) }) {
            Some(Ok(_)) if piece.is_empty() => break None,
            Some(Ok(n)) => {
                at += n;
                s.sent += n as u64;
                has_moved(vm);
                vm.set_arg(AT, Value::integer(at as i64));
                if vm.charge(SYSTEM_CALL + n / COPIED) && at < end {
                    return Ok(Step::Again(LOOK));
                }
            }
            Some(Err(e)) => break Some(words(&e)),
            None => {
                vm.charge(SYSTEM_CALL);
                let ends = vm.arg(ENDS);
                match until_ready(vm, id, Direction::Write, ends, LOOK)? {
                    Waiting::Leave(step) => return Ok(step),
                    Waiting::Over(why) => break Some(why),
                }
            }
        }
    };
    let sent = Value::integer(at as i64);
    match why {
        None => vm.push_all([sent, Value::NIL, Value::NIL]),
        Some(why) => {
            let why = vm.heap.string(why.as_bytes());
            vm.push_all([Value::NIL, why, sent]);
        }
    }
    Ok(Step::Return(3))
}

#[cfg(test)]
mod tests {
    use super::bounds;

    #[test]
    fn parts_of_a_string() {
        assert_eq!(bounds(1, -1, 5), (0, 5));
        assert_eq!(bounds(2, 4, 5), (1, 4));
        assert_eq!(bounds(-2, -1, 5), (3, 5));
        assert_eq!(bounds(-9, 9, 5), (0, 5));
        assert_eq!(bounds(0, 0, 5), (0, 0));
        assert_eq!(bounds(4, 2, 5), (3, 2));
        assert_eq!(bounds(i64::MIN, i64::MAX, 5), (0, 5));
        assert_eq!(bounds(i64::MAX, i64::MIN, 5), (i64::MAX as usize - 1, 0));
    }
}
