//! `rlua-actor drain`: moves the processes of a node to others, so that it can be ended.
//!
//! Journey: **process of the node** -> migrate, of each other -> report on standard output. As `ps`, it visits the node and
//! has a function run there: drain/node.lua; drain/client.lua prints what that tells.

use crate::attach::{NODE, Target, visitor};
use crate::output;
use clap::Args;
use rlua_runtime::Start;

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
    let (program, actions) = visitor(&arguments.target);
    let script = rlua_compiler::compile(include_bytes!("drain/client.lua"), b"=client.lua");
    let own = include_bytes!("drain/node.lua").to_vec();
    let mut all = vec![arguments.target.node.into_bytes(), NODE.to_vec(), own];
    all.push(if arguments.stop { b"stop".to_vec() } else { Vec::new() });
    all.extend(arguments.to.into_iter().map(String::into_bytes));
    let start = Start {
        actions,
        script: Some(script.expect("a part of this program compiles")),
        name: b"drain".to_vec(),
        arguments: all,
        when_output_closed: Some(output::nobody_reads),
        ..Start::default()
    };
    (program.run(start) & 0xff) as u8
}
