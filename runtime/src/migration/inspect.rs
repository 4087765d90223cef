//! What is in a checkpoint, for people: `rlua-actor inspect`.
//!
//! Journey: file -> **text**. The process is thawed, so all that `resume` would refuse is refused here, but it does not run.
//! A file that was made under another cookie is shown all the same, and said to be one.

use super::checkpoint;
use super::frozen::Read;
use crate::codec;
use crate::node::transport::Settings;
use rlua_machine::heap::ObjectKind;
use rlua_machine::stdlib::host;
use rlua_machine::value::Pid;
use std::fmt::Write;

/// A text about the process of a checkpoint, or why the file is none. Blocks for as long as reading the cookie takes.
pub fn inspect(file: &[u8], settings: &Settings) -> Result<Vec<u8>, String> {
    let (_, frozen) = checkpoint::split(file).map_err(|e| e.to_string())?;
    let sealed = settings.key().and_then(|key| checkpoint::open(&key, file).map(|_| ()).map_err(|e| e.to_string()));
    let read = Read::new(frozen, &codec::NoModules, None).map_err(|e| e.to_string())?;
    let machine = &frozen[read.machine..];
    crate::know_libraries();
    let vm = codec::thaw(machine, host::new(), crate::find_native, &codec::NoModules);
    let mut vm = vm.map_err(|e| e.to_string())?;
    let record = &read.record;
    let mut text = String::new();
    let line = |text: &mut String, name: &str, what: String| {
        let _ = writeln!(text, "{name:<12}{what}");
    };
    let main = if record.is_root { ", the main script's" } else { "" };
    line(&mut text, "process", format!("{}{main}", record.pid));
    let names: Vec<_> = record.names.iter().map(|n| String::from_utf8_lossy(&n.0).into_owned()).collect();
    if !names.is_empty() {
        line(&mut text, "names", names.join(", "));
    }
    line(&mut text, "seal", sealed.map_or_else(|why| why, |()| "of this cookie".to_string()));
    line(&mut text, "size", format!("{} bytes in the file, {} of heap", file.len(), vm.heap.bytes()));
    line(&mut text, "reductions", record.reductions.to_string());
    let bytes: usize = read.messages.iter().map(|(_, m)| m.size()).sum();
    line(&mut text, "mailbox", format!("{} messages, {bytes} bytes", read.messages.len()));
    let pids = |all: Vec<&Pid>| all.iter().map(|p| p.to_string()).collect::<Vec<_>>().join(" ");
    if !record.links.is_empty() {
        line(&mut text, "links", pids(record.links.iter().map(|l| &l.0).collect()));
    }
    if !record.watched.is_empty() {
        line(&mut text, "monitors", pids(record.watched.iter().map(|w| &w.0).collect()));
    }
    if let Some(ns) = record.remaining {
        line(&mut text, "waits", format!("for another {:.3} s at most", ns as f64 / 1e9));
    }
    let mut kinds = vm.heap.census();
    kinds.sort_by_key(|k| std::cmp::Reverse(k.2));
    text.push('\n');
    for (kind, n, bytes) in kinds {
        let _ = writeln!(text, "{n:>10} {:<12}{bytes:>12} bytes", name_of(kind, n));
    }
    let mut text = text.into_bytes();
    text.push(b'\n');
    text.extend_from_slice(&vm.traceback(None, None, 0));
    text.push(b'\n');
    Ok(text)
}

fn name_of(kind: ObjectKind, n: usize) -> &'static str {
    let (one, many) = match kind {
        ObjectKind::String => ("string", "strings"),
        ObjectKind::Table => ("table", "tables"),
        ObjectKind::Closure | ObjectKind::NativeClosure => ("function", "functions"),
        ObjectKind::Userdata => ("userdata", "userdata"),
        ObjectKind::Thread => ("coroutine", "coroutines"),
        ObjectKind::Upvalue => ("upvalue", "upvalues"),
        ObjectKind::Buffer => ("native state", "native states"),
    };
    if n == 1 { one } else { many }
}
