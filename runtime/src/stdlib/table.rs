//! Temporary.
/// x
#[derive(serde::Serialize,serde::Deserialize,Clone,Debug)] pub struct SortState;
