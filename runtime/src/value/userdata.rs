//! Userdata (values whose meaning a library knows) and buffers (what a native in progress keeps between its steps).
//!
//! Journey: value. A userdata holds an index into the process's table of resources, never a handle itself, so that a
//! process stays plain data. A [`Buffer`] holds a [`NativeState`], an enum that serialises; the reader might expect a
//! Rust closure or future there, which could not be frozen.

use super::Table;
use crate::heap::Header;
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};

/// A full userdata.
#[repr(C)]
pub struct Userdata {
    pub(crate) header: Header,
    pub(crate) metatable: Cell<*mut Table>,
    /// Index in the process's table of resources.
    pub resource: Cell<u64>,
    /// The Lua value associated with it (manual 4.1, user values). Files have none; its place in frozen processes is kept.
    pub(crate) user_value: Cell<super::Value>,
}

/// What a native function keeps between its steps, besides the values in its registers.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub enum NativeState {
    /// Output that is being collected.
    Bytes(Vec<u8>),
    /// `table.sort`: the ranges that are still to be sorted and the position in the current one.
    Sort(crate::stdlib::table::SortState),
    /// `string.find`, `match`, `gmatch`, `gsub`: the matcher.
    Pattern(Box<crate::stdlib::string::PatternState>),
}

/// An object of the heap that holds a native's state.
#[repr(C)]
pub struct Buffer {
    pub(crate) header: Header,
    /// The state.
    pub state: RefCell<NativeState>,
}
