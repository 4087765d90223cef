//! `rlua-actor node`, and the options of a program that becomes a node.
//!
//! Journey: none of its own: what is chosen before `init`.

use crate::output;
use clap::Args;
use rlua_runtime::{Action, Config, NodeSettings, Program, Start};
use std::net::IpAddr;
use std::path::PathBuf;

/// How nodes are reached: options of all that may be a node, or visits one.
#[derive(Args, Default, Clone)]
pub struct Reach {
    /// The file with the cookie that nodes share [default: ~/.rlua-actor.cookie, made at its first use]
    #[arg(long, value_name = "FILE")]
    cookie_file: Option<PathBuf>,
    /// The address of a host, before any other way to find it; may come more than once
    #[arg(long = "host", value_name = "HOST=ADDRESS", value_parser = host)]
    hosts: Vec<(String, IpAddr)>,
}

/// Options of all that may be a node.
#[derive(Args, Default, Clone)]
pub struct Options {
    #[command(flatten)]
    reach: Reach,
    /// The address that a node listens on [default: that of its name's host]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<IpAddr>,
}

fn host(text: &str) -> Result<(String, IpAddr), String> {
    let (host, address) = text.split_once('=').ok_or("HOST=ADDRESS expected")?;
    let address = address.parse().map_err(|_| format!("'{address}' is no address"))?;
    Ok((host.to_string(), address))
}

impl Reach {
    /// As the runtime takes them.
    pub fn settings(&self) -> NodeSettings {
        let Reach { cookie_file, hosts } = self.clone();
        NodeSettings { cookie_file, hosts, ..NodeSettings::default() }
    }
}
impl Options {
    /// As the runtime takes them.
    pub fn settings(&self) -> NodeSettings {
        NodeSettings { listen: self.listen, ..self.reach.settings() }
    }
    /// How it reaches others.
    pub fn reach(&self) -> Reach {
        self.reach.clone()
    }
}

/// Becomes a node, or ends the program.
pub fn becoming(name: &str) -> Action {
    let bytes: Vec<String> = name.bytes().map(|b| b.to_string()).collect();
    let text = format!(
        "local done, ok, why = pcall(require('concurrent').init, string.char({}))
         if not done then why = ok end
         if why then io.stderr:write('rlua-actor: ', why, '\\n') os.exit(1, true) end",
        bytes.join(", ")
    );
    Action::Execute { text: text.into_bytes(), name: b"=(node)".to_vec() }
}

/// Arguments of `node`.
#[derive(Args)]
pub struct Arguments {
    /// NAME@HOST, or NAME@HOST:PORT, which needs no port mapper
    #[arg(value_name = "NAME@HOST")]
    name: String,
    #[command(flatten)]
    options: Options,
    /// Threads that run processes [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    #[command(flatten)]
    observe: crate::observe::Observe,
}

/// A node until it is ended; the exit status.
pub fn run(arguments: Arguments) -> u8 {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let config = Config {
        workers: arguments.workers.map_or(cores, usize::from),
        max_memory: crate::memory::default_limit(),
        ..Config::default()
    };
    let program = Program::new(config);
    program.set_node(arguments.options.settings());
    if !arguments.observe.begin(&program, arguments.options.reach()) {
        return 1;
    }
    // The root answers spawns as long as it waits.
    let wait = b"local c = require 'concurrent' while true do c.receive() end".to_vec();
    let actions = vec![becoming(&arguments.name), Action::Execute { text: wait, name: b"=(node)".to_vec() }];
    let start = Start {
        actions,
        name: b"rlua-actor".to_vec(),
        environment: true,
        when_output_closed: Some(output::nobody_reads),
        ..Start::default()
    };
    (program.run(start) & 0xff) as u8
}
