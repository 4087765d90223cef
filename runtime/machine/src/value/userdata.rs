//! Userdata (values whose meaning a library knows) and buffers (what a native in progress keeps between its steps).
//!
//! Journey: value. A userdata holds an index into the process's table of resources, never a handle itself, so that a
//! process stays plain data. What a [`Buffer`] holds is its owner's business: the library's states are an enum of its own
//! (stdlib/state.rs).

use super::Table;
use crate::heap::Header;
use std::any::Any;
use std::cell::{Cell, RefCell};

/// A full userdata.
#[repr(C)]
pub struct Userdata {
    /// What every object begins with.
    pub header: Header,
    /// The metatable, or null.
    pub metatable: Cell<*mut Table>,
    /// Index in the process's table of resources.
    pub resource: Cell<u64>,
    /// The Lua value associated with it (manual 4.1, user values). Files have none; its place in frozen processes is kept.
    pub user_value: Cell<super::Value>,
}

/// What a native function keeps between its steps, besides the values in its registers. Plain data: it holds no reference
/// to an object, since nobody traces it, and moves between threads with its heap.
pub trait State: Any + Send {}

/// An object of the heap that holds a native's state.
#[repr(C)]
pub struct Buffer {
    pub(crate) header: Header,
    /// The state.
    pub(crate) state: RefCell<Box<dyn State>>,
}
