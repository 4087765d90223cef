//! `rlua-actor compile`: a program's bytecode as a file.
//!
//! Journey: source text -> prototype -> **bytes**. The file appears under its name only once it is complete: what was
//! there before stays as it is until then, and for good if anything fails.

use crate::output;
use crate::program::{self, STANDARD_INPUT};
use clap::Args;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Arguments of `compile`.
#[derive(Args)]
pub struct Arguments {
    /// Where the bytecode goes, - for standard output [default: FILE with the extension .luac]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Leave out the names of variables and the line numbers: smaller, but errors no longer say where they are
    #[arg(short, long)]
    strip: bool,
    /// The program, or - for standard input (its bytecode then goes to standard output, unless -o says otherwise)
    file: OsString,
}

/// Compiles the program; the exit status.
pub fn run(arguments: Arguments) -> u8 {
    compile(&arguments).unwrap_or_else(|message| {
        output::complain(message);
        1
    })
}

fn compile(arguments: &Arguments) -> Result<u8, Vec<u8>> {
    let to = match &arguments.output {
        Some(to) => to.clone(),
        None if arguments.file == STANDARD_INPUT => PathBuf::from(STANDARD_OUTPUT),
        None => Path::new(&arguments.file).with_extension("luac"),
    };
    let chunk = program::load(&arguments.file)?;
    let bytes = rlua_compiler::dump(&chunk, arguments.strip);
    if to == Path::new(STANDARD_OUTPUT) {
        if std::io::stdout().is_terminal() {
            return Err(b"bytecode is not for terminals; name a file with -o".to_vec());
        }
        return Ok(output::print(bytes));
    }
    let name = to.as_os_str().as_bytes();
    if is_same_file(&to, Path::new(&arguments.file)) {
        return Err([name, b" is the program itself; name another file with -o"].concat());
    }
    match write_file(&to, &bytes) {
        Ok(()) => Ok(0),
        Err(e) => Err([b"cannot write ", name, b": ", rlua_runtime::reason(&e).as_bytes()].concat()),
    }
}
/// The name that stands for standard output.
const STANDARD_OUTPUT: &str = "-";

fn is_same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Writes a file beside its place and moves it there. What is no regular file, such as a pipe, is written to as it is.
fn write_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // A symbolic link stays one: the file that it names is replaced.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let old = std::fs::metadata(&path).ok();
    if old.as_ref().is_some_and(|old| !old.is_file()) {
        return OpenOptions::new().write(true).open(&path)?.write_all(bytes);
    }
    let (mut file, temporary) = create_beside(&path)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| old.map_or(Ok(()), |old| file.set_permissions(old.permissions())))
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&temporary, &path));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// A new file in the same folder, so that it can be moved in one step.
fn create_beside(path: &Path) -> std::io::Result<(File, PathBuf)> {
    let mut attempt = 0;
    loop {
        let temporary = path.with_file_name(format!(".rlua-actor-{}-{attempt}.tmp", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Ok(file) => return Ok((file, temporary)),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && attempt < 100 => attempt += 1,
            Err(e) => return Err(e),
        }
    }
}
