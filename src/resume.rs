//! `rlua-actor resume` and `rlua-actor inspect`: checkpoints.
//!
//! Journey: file -> **a process that goes on**, or a text about it.

use crate::output;
use clap::Args;
use rlua_runtime::{Config, Program};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// Arguments of `resume`.
#[derive(Args)]
pub struct Arguments {
    /// What `concurrent.checkpoint` has written
    #[arg(value_name = "FILE")]
    file: OsString,
    #[command(flatten)]
    node: crate::node::Options,
    /// Threads that run processes [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Memory for all processes together: bytes, or with K, M or G [default: 80% of what there is]
    #[arg(long, value_name = "SIZE", value_parser = crate::memory::parse)]
    max_memory: Option<usize>,
}

/// Goes on with a checkpoint; the exit status.
pub fn run(arguments: Arguments) -> u8 {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let config = Config {
        workers: arguments.workers.map_or(cores, usize::from),
        max_memory: arguments.max_memory.unwrap_or_else(crate::memory::default_limit),
        ..Config::default()
    };
    let file = match read(&arguments.file) {
        Ok(file) => file,
        Err(message) => return refuse(message),
    };
    let program = Program::new(config);
    program.set_node(arguments.node.settings());
    match program.resume(&file, Some(output::nobody_reads)) {
        Ok(status) => (status & 0xff) as u8,
        Err(why) => refuse([b"cannot resume ", arguments.file.as_bytes(), b": ", why.as_bytes()].concat()),
    }
}

/// Arguments of `inspect`.
#[derive(Args)]
pub struct InspectArguments {
    /// What `concurrent.checkpoint` has written
    #[arg(value_name = "FILE")]
    file: OsString,
    #[command(flatten)]
    node: crate::node::Options,
}

/// Shows what is in a checkpoint; the exit status.
pub fn inspect(arguments: InspectArguments) -> u8 {
    let text = read(&arguments.file).and_then(|file| {
        rlua_runtime::inspect(&file, &arguments.node.settings())
            .map_err(|why| [b"cannot inspect ", arguments.file.as_bytes(), b": ", why.as_bytes()].concat())
    });
    match text {
        Ok(text) => output::print(&text),
        Err(message) => refuse(message),
    }
}

fn read(path: &OsString) -> Result<Vec<u8>, Vec<u8>> {
    std::fs::read(path)
        .map_err(|e| [b"cannot read ", path.as_bytes(), b": ", rlua_runtime::reason(&e).as_bytes()].concat())
}
fn refuse(message: Vec<u8>) -> u8 {
    output::complain(message);
    1
}
