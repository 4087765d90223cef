//! Nodes: the protocol between runtimes, as state machines without a socket, a clock or a thread.
//!
//! Journey: remote signal: signal -> **outgoing -> frame -> session** -> transport -> **session -> frame** -> signal.
//! Bytes, times and random numbers are parameters; what is to be done comes out as values. The sockets round them, the
//! simulated network of the tests and the fuzz targets drive the same code. The reader might expect async functions
//! that read and write: then no test could choose the moment of each event. spec/protocol.md has every byte.
//!
//! Always: bytes from outside lead to a value or an error, never to a panic; nothing is allocated by a length before
//! that was compared with a limit; what a peer can make a node keep is bounded.

pub(crate) mod chance;
pub mod complaints;
pub mod connections;
pub mod cookie;
pub mod eager;
pub mod frame;
pub mod handshake;
pub mod held;
pub mod hello;
pub mod later;
pub mod mapper;
pub mod move_signal;
pub mod name;
pub mod names;
#[cfg(test)]
mod names_tests;
pub mod outgoing;
pub mod peer;
pub mod session;
pub mod signal;
#[cfg(test)]
mod tests;
pub mod ties;
pub mod translate;
pub mod transport;
mod watchers;

pub use crate::process::core::Time;

/// Nanoseconds of a second.
pub const SECOND: Time = 1_000_000_000;
/// Nanoseconds of a millisecond.
pub const MILLISECOND: Time = 1_000_000;
