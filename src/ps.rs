//! `rlua-actor ps`: the processes of a running node.
//!
//! Journey: **process of the node** -> message -> table on standard output.

use crate::attach::{NODE, Target, visitor};
use crate::output;
use clap::Args;
use rlua_runtime::Start;

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
}

/// Prints the table; the exit status.
pub fn run(arguments: Arguments) -> u8 {
    let (program, actions) = visitor(&arguments.target);
    let script = rlua_compiler::compile(include_bytes!("attach/ps.lua"), b"=ps.lua");
    let most = arguments.number.unwrap_or(u32::MAX).to_string();
    let start = Start {
        actions,
        script: Some(script.expect("a part of this program compiles")),
        name: b"ps".to_vec(),
        arguments: vec![
            arguments.target.node.into_bytes(),
            NODE.to_vec(),
            arguments.sort.into_bytes(),
            most.into_bytes(),
        ],
        when_output_closed: Some(output::nobody_reads),
        ..Start::default()
    };
    (program.run(start) & 0xff) as u8
}
