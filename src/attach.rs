//! `rlua-actor attach`: a prompt inside a running node. And what `ps`, `drain` and the web view have in common with it: a program of the runtime that
//! visits the node, and has Lua functions run there.
//!
//! Journey: input -> message -> **process of the node** -> message -> output. The node needs nothing for it but to take
//! spawns: attach/node.lua has what runs there, attach/prompt.lua what runs here.

use crate::{output, repl};
use clap::Args;
use rlua_runtime::{Action, Config, NodeSettings, Program, Start};

/// What runs in the node.
const NODE: &[u8] = include_bytes!("attach/node.lua");

/// Arguments of `attach`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    target: Target,
}

/// The node, and how it is reached.
#[derive(Args)]
pub struct Target {
    /// The node: NAME@HOST, or NAME@HOST:PORT
    #[arg(value_name = "NAME@HOST", value_parser = rlua_runtime::check_node_name)]
    pub node: String,
    #[command(flatten)]
    options: crate::node::Reach,
}

/// A program that visits nodes, and its first actions.
pub fn visitor(settings: NodeSettings) -> (Program, Vec<Action>) {
    let config = Config { visitor: true, max_memory: crate::memory::default_limit(), ..Config::default() };
    let program = Program::new(config);
    program.set_node(settings);
    let text = include_bytes!("attach/advice.lua").to_vec();
    (program, vec![Action::Execute { text, name: b"=advice.lua".to_vec() }])
}

/// As [`visitor`], with what a tool begins with (attach/visit.lua).
pub fn visiting(target: &Target) -> (Program, Vec<Action>) {
    let (program, mut actions) = visitor(target.options.settings());
    let text = include_bytes!("attach/visit.lua").to_vec();
    actions.push(Action::Execute { text, name: b"=visit.lua".to_vec() });
    (program, actions)
}

/// Visits a node for a tool (attach/visit.lua) whose script gets the node, the text of [`NODE`] and these arguments; the exit
/// status.
pub fn visit(target: Target, tool: &str, script: &[u8], arguments: Vec<Vec<u8>>) -> u8 {
    let (program, actions) = visiting(&target);
    let script = rlua_compiler::compile(script, format!("={tool}.lua").as_bytes());
    let start = Start {
        actions,
        script: Some(script.expect("a part of this program compiles")),
        name: tool.as_bytes().to_vec(),
        arguments: [vec![target.node.into_bytes(), NODE.to_vec()], arguments].concat(),
        when_output_closed: Some(output::nobody_reads),
        ..Start::default()
    };
    (program.run(start) & 0xff) as u8
}

/// A prompt until its input ends; the exit status.
pub fn run(arguments: Arguments) -> u8 {
    let (program, actions) = visitor(arguments.target.options.settings());
    let terminal = repl::terminal();
    if terminal.is_some() {
        output::print(format!(
            "rlua-actor {}: a prompt inside {}. help() tells what there is; Ctrl-D leaves, the node goes on.\n",
            env!("CARGO_PKG_VERSION"),
            arguments.target.node
        ));
    }
    repl::interrupt_by_keyboard(program.interrupter());
    let prompt = rlua_compiler::compile(include_bytes!("attach/prompt.lua"), b"=prompt.lua");
    let start = Start {
        actions,
        evaluator: Some(prompt.expect("a part of this program compiles")),
        name: b"attach".to_vec(),
        arguments: vec![arguments.target.node.into_bytes(), NODE.to_vec(), rlua_runtime::SHOW.to_vec()],
        prompt: true,
        terminal,
        when_output_closed: Some(output::nobody_reads),
        ..Start::default()
    };
    (program.run(start) & 0xff) as u8
}
