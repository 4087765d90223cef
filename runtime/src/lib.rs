//! The rlua-actor runtime: virtual machine, processes and libraries. Can be embedded without the command line.

/// A line on standard error. One that is closed is no reason to fail.
macro_rules! report {
    ($($part:tt)*) => {{
        use std::io::Write;
        // Nobody is left to be told.
        let _ = writeln!(std::io::stderr(), $($part)*);
    }};
}

pub mod codec;
pub mod concurrent;
pub mod heap;
pub mod process;
pub mod program;
pub mod scheduler;
pub mod stdlib;
pub mod value;
pub mod vm;
