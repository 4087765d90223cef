//! `rlua-actor ps`: the processes of a running node.
//!
//! Journey: **process of the node** -> message -> table on standard output.

use crate::attach::{Target, visit};
use clap::Args;

/// Arguments of `ps`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    target: Target,
    /// By what the table is sorted
    #[arg(long, value_name = "COLUMN", default_value = "pid",
        value_parser = ["pid", "name", "status", "current", "mailbox", "heap", "reductions"])]
    sort: String,
    /// Only the first so many
    #[arg(short = 'n', long = "number", value_name = "N")]
    number: Option<u32>,
    /// Print who waits for whom instead, at all nodes that are connected with it: circles, who holds up how many, and each
    #[arg(long, conflicts_with_all = ["sort", "number"])]
    waits: bool,
}

/// Prints the table; the exit status.
pub fn run(arguments: Arguments) -> u8 {
    if arguments.waits {
        return crate::top::print_waits(arguments.target);
    }
    let most = arguments.number.unwrap_or(u32::MAX).to_string();
    visit(arguments.target, "ps", include_bytes!("attach/ps.lua"), vec![arguments.sort.into_bytes(), most.into_bytes()])
}
