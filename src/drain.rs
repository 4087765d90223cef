//! `rlua-actor drain`: moves the processes of a node to others, so that it can be ended.
//!
//! Journey: **process of the node** -> migrate, of each other -> report on standard output. As `ps`, it visits the node and
//! has a function run there: drain/node.lua; drain/client.lua prints what that tells.

use crate::attach::{Target, visit};
use clap::Args;

/// Arguments of `drain`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Where the processes go; may come more than once, then they are spread [default: the nodes with which it is connected]
    #[arg(long, value_name = "NAME@HOST", value_parser = rlua_runtime::check_node_name)]
    to: Vec<String>,
    /// End the node when nothing but its main script is left
    #[arg(long)]
    stop: bool,
}

/// Drains the node; the exit status.
pub fn run(arguments: Arguments) -> u8 {
    let mut all = vec![include_bytes!("drain/node.lua").to_vec()];
    all.push(if arguments.stop { b"stop".to_vec() } else { Vec::new() });
    all.extend(arguments.to.into_iter().map(String::into_bytes));
    visit(arguments.target, "drain", include_bytes!("drain/client.lua"), all)
}
