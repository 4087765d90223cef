//! The rlua-actor runtime: Lua programs whose processes are Erlang's. Can be embedded without the command line.
//!
//! An embedder compiles a text with `rlua_compiler`, gives it to a [`Program`] under a [`Config`], and gets the exit
//! status:
//!
//! ```
//! use rlua_runtime::{Config, Program, Start};
//!
//! let text = b"
//!     local c = require 'concurrent'
//!     local parent = c.self()
//!     c.spawn(function() c.send(parent, 6 * 7) end)
//!     c.loop()
//!     os.exit(c.receive())
//! ";
//! let script = rlua_compiler::compile(text, b"=answer").expect("the program compiles");
//! let status = Program::new(Config::default()).run(Start { script: Some(script), ..Start::default() });
//! assert_eq!(status, 42);
//! ```
//!
//! The machine below (values, heap, interpreter, standard library: the crate rlua-machine) is not part of this interface,
//! nor are processes and their scheduler: a program is seen from outside.

/// A line on standard error. One that is closed is no reason to fail.
macro_rules! report {
    ($($part:tt)*) => {
        rlua_machine::report(format!($($part)*))
    };
}

// For the fuzz targets, which drive machines themselves.
mod cluster;
#[doc(hidden)]
pub mod codec;
mod concurrent;
#[doc(hidden)]
pub mod http;
#[doc(hidden)]
pub mod migration;
// For the fuzz targets, too.
#[doc(hidden)]
pub mod node;
mod observer;
mod process;
mod program;
mod scheduler;
mod socket;
mod sync;

/// Whether a text can be the name of a node: itself, or what is wrong with it.
///
/// # Errors
/// It is none.
pub fn check_node_name(text: &str) -> Result<String, String> {
    node::name::NodeName::parse(text).map(|n| n.as_str().to_string()).map_err(|e| e.to_string())
}

pub use cluster::Cluster;
/// Whether a character can be shown at a terminal: it neither moves the cursor nor changes the order of others.
pub use codec::is_shown;
#[doc(hidden)]
pub use concurrent::find_native;
pub(crate) use concurrent::know_libraries;
pub use migration::handover::Phase;
pub use migration::inspect::inspect;
pub use node::transport::{Settings as NodeSettings, list_port_mapper, run_port_mapper};
pub use observer::{Frame, Move, Observer, Question, Seen, Sender, Sight, Traffic, Variable};
pub use process::waits::cycles;
pub use program::{Interrupter, Program, Start};
/// For an allocator that keeps a reserve: says that it is being used. See the source for what follows from that.
pub use rlua_machine::heap::growth::set as set_zeroed_growth;
pub use rlua_machine::heap::reserve::is_used as reserve_is_used;
pub use rlua_machine::heap::surplus::{give_back, set as set_give_back};
pub use rlua_machine::stdlib::io::reason;
pub use rlua_machine::stdlib::source;
pub use rlua_machine::stdlib::standalone::{Action, Line, SHOW, Terminal};
pub use scheduler::{Config, Decision, DecisionKind, Event, Exploration, FreezeBudget, History, SLICE, Stress};
