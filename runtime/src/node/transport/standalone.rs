//! A port mapper without a node: `rlua-actor pmd`.
//!
//! Journey: remote signal: name -> **port** -> connection.

use super::super::mapper::{Access, Reply, Request};
use super::dial;
use super::mapper::{Server, ask_own, bind};
use async_executor::Executor;
use std::sync::Arc;

/// Answers on the port mapper's port (9634, or what RLUA_PMD_PORT says) until the program is ended. Blocks.
///
/// # Errors
/// The port is taken, by another port mapper or another program.
pub fn run_port_mapper() -> Result<(), String> {
    let executor = Arc::new(Executor::new());
    let spawner = executor.clone();
    let server = Server::new(Box::new(move |task| spawner.spawn(task).detach()));
    async_io::block_on(executor.run(async {
        let port = dial::mapper_port();
        let listener = bind().await;
        let why =
            |e| format!("cannot listen on port {port}: {} (rlua-actor pmd --list shows who is there)", reason(&e));
        server.serve(listener.map_err(why)?, Access::Full).await;
        Ok(())
    }))
}
fn reason(e: &std::io::Error) -> String {
    rlua_machine::stdlib::io::reason(e)
}

/// The nodes of this host and their ports, by name. Blocks for a few seconds at most.
///
/// # Errors
/// No port mapper runs, or another program answers on its port.
pub fn list_port_mapper() -> Result<Vec<(String, u16)>, String> {
    async_io::block_on(async {
        let replies = ask_own(&Request::List).await?;
        Ok(replies.into_iter().flat_map(|r| if let Reply::Names(names, _) = r { names } else { Vec::new() }).collect())
    })
}
