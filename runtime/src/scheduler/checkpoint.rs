//! A checkpoint: a process stops, is written down, and goes on.
//!
//! Journey: a stopped process -> bytes -> **file**, and back. What is in the file and how it is sealed is decided in
//! migration/; here is the file system, to which the process's place at its worker is given up meanwhile.
//!
//! What is large is written while it is made, piece by piece, so that its bytes are never there beside its heap.
//!
//! Always: the file is whole or not there. What was at its path before stays until the new one is on the disk.

use super::Scheduler;
use crate::migration::checkpoint::{self, Sealing};
use crate::node::cookie::Key;
use crate::node::later::PIECE;
use crate::process::Process;
use crate::process::context::context;
use crate::process::frozen::{Standing, Thawed, WHOLE, Written};
use rlua_machine::stdlib::host::{Host, blocking_with_machine};
use rlua_machine::stdlib::io::reason;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

impl Scheduler {
    /// Writes the process that calls down in a file; why not, if it cannot be.
    pub(super) fn checkpoint(self: &Arc<Self>, p: &mut Process, path: &[u8]) -> Result<(), Vec<u8>> {
        let who = context(&mut p.vm).pid().to_string();
        let cannot = |why: &[u8]| [b"cannot freeze ", who.as_bytes(), b": ", why].concat();
        let (record, modules) = p.beside_machine().map_err(|why| cannot(&why))?;
        let path = Path::new(OsStr::from_bytes(path));
        blocking_with_machine(&mut p.vm, |vm| {
            let mut standing = Standing::new(vm);
            let written =
                standing.begin(record, Some(&modules), WHOLE).map_err(|e| cannot(e.to_string().as_bytes()))?;
            let key = self.cookie_key()?;
            let mut whole = match written {
                Written::Whole(bytes) => Some(bytes),
                Written::Long(_) => None,
            };
            let next = |out: &mut Vec<u8>| match whole.take() {
                Some(bytes) => {
                    *out = bytes;
                    true
                }
                None => standing.next(out, PIECE),
            };
            let done = write_whole(path, |file| write_sealed(file, &key, next));
            Ok(done.map_err(|e| format!("cannot write {}: {}", path.display(), reason(&e)))?)
        })
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
    /// It goes on.
    pub(crate) fn resume(self: &Arc<Self>, thawed: Thawed) {
        if thawed.gate_is_open {
            self.open_gate();
        }
        self.insert(&thawed.slot, thawed.process);
        if let Some(p) = &mut thawed.slot.lock().process {
            context(&mut p.vm).wait_on(thawed.wait_until);
        }
        self.begin(thawed.slot);
    }
}

/// Writes a sealed checkpoint, as it is made.
fn write_sealed(file: &mut File, key: &Key, mut next: impl FnMut(&mut Vec<u8>) -> bool) -> std::io::Result<()> {
    let mut sealing = Sealing::new(key);
    file.write_all(&Sealing::BEGINNING)?;
    let mut piece = Vec::new();
    while next(&mut piece) {
        sealing.update(&piece);
        file.write_all(&piece)?;
        piece.clear();
    }
    file.seek(SeekFrom::Start(Sealing::AT))?;
    file.write_all(&sealing.finish())
}
/// Writes a file beside the one that is meant, and puts it in its place when it is on the disk.
fn write_whole(path: &Path, write: impl FnOnce(&mut File) -> std::io::Result<()>) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let written = File::create(&beside).and_then(|mut file| {
        write(&mut file)?;
        file.sync_all()
    });
    let done = written.and_then(|()| std::fs::rename(&beside, path));
    if done.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    done
}
