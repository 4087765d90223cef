//! Selective receive by a table: the search for a message that fits.
//!
//! Journey: mailbox -> **receive**. Messages are compared as they lie in the mailbox (codec/message/pattern.rs); only the one
//! that fits becomes a value. The search goes on in steps, and where it is follows from the number of a message.

use crate::codec::{Cyclic, Matching, Pattern};
use crate::process::context::{Progress, Search, context};
use rlua_machine::value::{Ref, Table, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::Result;

/// What a search has come to.
pub(super) enum Found {
    /// The message of this number fits.
    Message(u64),
    /// No message before this number does, and there are no more.
    Nothing(u64),
    /// It goes on from this number.
    Further(u64),
}

/// How many messages memory is ahead.
const AHEAD: usize = 8;
/// Units of work to pass over a message.
const MESSAGE: usize = 8;

/// Looks for a message that fits a table from a number on, for so many units of work. A search that does not end with a
/// message is kept by the process under the number that is in `register`.
pub(super) fn find(
    vm: &mut Vm,
    pattern: Ref<Table>,
    mut number: u64,
    register: usize,
    units: &mut usize,
) -> Result<Found> {
    let heap_bytes = vm.heap.bytes();
    let kept = vm.arg(register);
    let cx = context(vm);
    let mut search = match cx.take_progress(kept) {
        Some(Progress::Search(search)) => search,
        _ => {
            let matching = Matching::default();
            Box::new(Search { pattern: Pattern::new(pattern), is_ready: false, matching })
        }
    };
    let mut found = Found::Further(number);
    if !search.is_ready {
        match search.pattern.step(units) {
            Ok(done) => search.is_ready = done,
            Err(Cyclic) => return Err(vm.arg_error(1, "the table to match contains itself")),
        }
    }
    if search.is_ready {
        let mut place = cx.mailbox.place_at_or_after(number);
        let mut polled = false;
        found = loop {
            let Some((n, m)) = cx.mailbox.at_place(place) else {
                if polled {
                    break Found::Nothing(number);
                }
                polled = true;
                cx.poll(heap_bytes);
                continue;
            };
            if let Some((_, ahead)) = cx.mailbox.at_place(place + AHEAD) {
                ahead.look_ahead();
            }
            match search.matching.step(&search.pattern, m, units) {
                Some(true) => return Ok(Found::Message(n)),
                Some(false) => {
                    (place, number) = (place + 1, n + 1);
                    *units = units.saturating_sub(MESSAGE);
                }
                None => break Found::Further(n),
            }
        };
    }
    let kept: Value = cx.keep_progress(Progress::Search(search));
    vm.set_arg(register, kept);
    Ok(found)
}
