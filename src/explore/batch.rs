//! Many seeds in one process of the system, one after the other, until one fails.
//!
//! Journey: seeds -> **runs** -> the first seed that fails. Its number is in a file before it begins, so that it is known whatever
//! becomes of this process.

use super::Nodes;
use rlua_runtime::Exploration;
use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// The exit status when a run takes too long.
const LATE: i32 = 3;

/// Runs seeds; 0 if none fails. A run that takes longer than `limit` ends this process.
pub fn run(seeds: Range<u64>, report: &Path, limit: Duration, cluster: Nodes, file: &[OsString]) -> u8 {
    let (over, is_over) = mpsc::channel();
    std::thread::spawn(move || {
        while is_over.recv_timeout(limit) != Err(RecvTimeoutError::Timeout) {}
        std::process::exit(LATE);
    });
    for seed in seeds {
        if std::fs::write(report, seed.to_string()).is_err() {
            return 1;
        }
        match super::program(file, cluster, seed, Exploration::default()) {
            Ok(0) => {}
            Ok(_) | Err(_) => return 1,
        }
        // The other thread is there as long as this one.
        let _ = over.send(());
    }
    0
}
