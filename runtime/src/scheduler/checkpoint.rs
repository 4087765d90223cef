//! A checkpoint: a process stops, is written down, and goes on.
//!
//! Journey: a stopped process -> bytes -> **file**, and back. What is in the file and how it is sealed is decided in
//! migration/; here is the file system, to which the process's place at its worker is given up meanwhile.
//!
//! Always: the file is whole or not there. What was at its path before stays until the new one is on the disk.

use super::Scheduler;
use crate::migration::checkpoint;
use crate::node::cookie::Key;
use crate::process::Process;
use crate::process::context::context;
use crate::process::frozen::Thawed;
use rlua_machine::stdlib::host::{Host, blocking};
use rlua_machine::stdlib::io::reason;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

impl Scheduler {
    /// Writes the process that calls down in a file; why not, if it cannot be.
    pub(super) fn checkpoint(self: &Arc<Self>, p: &mut Process, path: &[u8]) -> Result<(), Vec<u8>> {
        self.takes_long(p.vm.heap.bytes());
        let frozen = p.freeze().map_err(|why| {
            let who = context(&mut p.vm).pid().to_string();
            [b"cannot freeze ", who.as_bytes(), b": ", &why].concat()
        })?;
        let scheduler = self.clone();
        let path = Path::new(OsStr::from_bytes(path));
        let written = blocking(&mut p.vm, |_| {
            let sealed = checkpoint::seal(&scheduler.cookie_key()?, &frozen);
            write_whole(path, &sealed).map_err(|e| format!("cannot write {}: {}", path.display(), reason(&e)))
        });
        written.map_err(String::into_bytes)
    }
    /// The key of the cookie that this program's nodes and checkpoints are made under. Blocks for as long as its file
    /// takes; it is made if it is not there.
    pub(crate) fn cookie_key(&self) -> Result<Key, String> {
        self.node.settings().clone().key()
    }
    /// The process of a checkpoint, under a new pid, as the root of this program; nobody that it knew can be reached.
    pub(crate) fn resumed(self: &Arc<Self>, file: &[u8], host: Box<Host>) -> Result<Thawed, String> {
        let frozen = checkpoint::open(&self.cookie_key()?, file).map_err(|e| e.to_string())?;
        let known = &crate::codec::NoModules;
        let thawed = Process::thaw(frozen, known, self, host, Some(self.new_pid()), true);
        let mut thawed = thawed.map_err(|e| e.to_string())?;
        let cx = context(&mut thawed.process.vm);
        let mut lost = cx.core.loses_all();
        cx.handle(&mut lost);
        Ok(thawed)
    }
}

/// Writes a file beside the one that is meant, and puts it in its place when it is on the disk.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let written = std::fs::File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let done = written.and_then(|()| std::fs::rename(&beside, path));
    if done.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    done
}
