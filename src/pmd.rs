//! `rlua-actor pmd`: the port mapper of a host.
//!
//! Journey: remote signal: name -> **port** -> connection.

use crate::output;
use clap::Args;

/// Arguments of `pmd`.
#[derive(Args)]
pub struct Arguments {
    /// Print the nodes of this host and their ports instead
    #[arg(long)]
    list: bool,
}

/// Runs the port mapper until it is ended; the exit status.
pub fn run(arguments: Arguments) -> u8 {
    let done = if arguments.list {
        rlua_runtime::list_port_mapper().map(|nodes| {
            let lines: String = nodes.iter().map(|(name, port)| format!("{name}\t{port}\n")).collect();
            output::print(&lines)
        })
    } else {
        rlua_runtime::run_port_mapper().map(|()| 0)
    };
    done.unwrap_or_else(|why| {
        output::complain(why);
        1
    })
}
