//! The rlua-actor runtime: virtual machine, processes and libraries. Can be embedded without the command line.

pub mod codec;
pub mod concurrent;
pub mod heap;
pub mod process;
pub mod program;
pub mod scheduler;
pub mod stdlib;
pub mod value;
pub mod vm;
