//! What the library's natives keep between their steps, besides the values in their registers.
//!
//! Journey: frame -> value. A [`Buffer`] in a register holds it, as something that the heap only knows to drop. It is an
//! enum that serialises; the reader might expect a Rust closure or future, which could not be frozen.

use super::string::{PackState, PatternState};
use super::table::SortState;
use crate::value::{Buffer, userdata};
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::cell::RefMut;

/// The state of a native in progress.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub enum NativeState {
    /// Output that is being collected.
    Bytes(Vec<u8>),
    /// `table.sort`: the ranges that are still to be sorted and the position in the current one.
    Sort(SortState),
    /// `string.find`, `match`, `gmatch`, `gsub`: the matcher.
    Pattern(Box<PatternState>),
    /// `string.pack`, `packsize`, `unpack`: the format.
    Pack(Box<PackState>),
}

impl userdata::State for NativeState {}

impl NativeState {
    /// What a buffer holds.
    ///
    /// # Panics
    /// If it is in use, or no state of this library.
    pub fn of(buffer: &Buffer) -> RefMut<'_, NativeState> {
        RefMut::map(buffer.state.borrow_mut(), |state| {
            let state: &mut dyn Any = &mut **state;
            state.downcast_mut().expect("buffers hold states of the library")
        })
    }
}
