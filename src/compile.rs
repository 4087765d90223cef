//! `rlua-actor compile`: a program's bytecode as a file.
//!
//! Journey: source text -> prototype -> **bytes**. The file appears under its name only once it is complete: what was
//! there before stays as it is until then, and for good if anything fails.

use clap::Args;
use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
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
    file: String,
}

/// Compiles the program; the exit status.
pub fn run(arguments: Arguments) -> u8 {
    match compile(&arguments) {
        Ok(()) => 0,
        Err(message) => {
            crate::complain(&message);
            1
        }
    }
}

fn compile(arguments: &Arguments) -> Result<(), String> {
    let output = match &arguments.output {
        Some(output) => output.clone(),
        None if arguments.file == "-" => PathBuf::from("-"),
        None => Path::new(&arguments.file).with_extension("luac"),
    };
    let chunk = crate::load_program(&arguments.file)?;
    let bytes = rlua_compiler::dump(&chunk, arguments.strip);
    let result = if output == Path::new("-") {
        write_standard_output(&bytes)?
    } else {
        if is_same_file(&output, Path::new(&arguments.file)) {
            return Err(format!("{} is the program itself; name another file with -o", output.display()));
        }
        write_file(&output, &bytes)
    };
    result.map_err(|e| format!("cannot write {}: {}", output.display(), rlua_runtime::reason(&e)))
}

fn write_standard_output(bytes: &[u8]) -> Result<std::io::Result<()>, String> {
    let mut out = std::io::stdout().lock();
    if out.is_terminal() {
        return Err("bytecode is not for terminals; name a file with -o".to_string());
    }
    Ok(out.write_all(bytes).and_then(|()| out.flush()))
}

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
