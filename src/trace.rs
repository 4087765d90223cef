//! `rlua-actor trace`: what happens to a process of a running node, as lines or as a file for trace viewers.
//!
//! Journey: signal -> record -> message -> **line**. As `ps`, it visits the node: trace/node.lua has the process traced there, and
//! trace/client.lua writes what is told.

use crate::attach::{Target, visit};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `trace`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    target: Target,
    /// The process: its number there, or its name
    #[arg(value_name = "PID")]
    process: String,
    /// Write a file in the Trace Event Format instead, which chrome://tracing and Perfetto open; it is whole at any time
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// End after so many seconds [default: with the process]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    seconds: Option<u32>,
}

/// Traces until the process ends; the exit status.
pub fn run(arguments: Arguments) -> u8 {
    use std::os::unix::ffi::OsStringExt;
    let file = arguments.json.map_or(Vec::new(), |path| path.into_os_string().into_vec());
    let seconds = arguments.seconds.map_or(String::new(), |n| n.to_string());
    let node = include_bytes!("trace/node.lua").to_vec();
    let all = vec![node, arguments.process.into_bytes(), file, seconds.into_bytes()];
    visit(arguments.target, "trace", include_bytes!("trace/client.lua"), all)
}
