//! Temporary.
pub mod format;
pub mod pack;
pub mod pattern;
/// x
#[derive(serde::Serialize,serde::Deserialize,Clone,Debug)] pub struct PatternState;
