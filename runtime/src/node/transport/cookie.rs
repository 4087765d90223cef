//! The file of the cookie: made at the first use, for its owner alone.
//!
//! Journey: none of its own. One user's nodes share the file, so they connect, and nobody else's do.

use super::super::cookie;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Name of the file in the user's home.
const NAME: &str = ".rlua-actor.cookie";

/// Where the cookie lies if nobody says otherwise.
fn default_path() -> Result<PathBuf, String> {
    match std::env::var_os("HOME").filter(|h| !h.is_empty()) {
        Some(home) => Ok(Path::new(&home).join(NAME)),
        None => Err("there is no HOME for the cookie's file: give it a place with --cookie-file".to_string()),
    }
}

/// The cookie of a file; one that is not there is made. Blocks for as long as the file system takes.
pub fn read(path: Option<&Path>) -> Result<Vec<u8>, String> {
    let path = match path {
        Some(path) => path.to_path_buf(),
        None => default_path()?,
    };
    let shown = path.display().to_string();
    let failed = |what: &str, e: std::io::Error| format!("cannot {what} the cookie's file {shown}: {}", reason(&e));
    for _ in 0..2 {
        match std::fs::File::open(&path) {
            Ok(file) => {
                let mode = file.metadata().map_err(|e| failed("read", e))?.permissions().mode();
                if mode & 0o077 != 0 {
                    return Err(format!("others can read the cookie's file {shown}: run chmod 600 {shown}"));
                }
                let mut bytes = Vec::new();
                let most = cookie::COOKIE_MAX as u64 + 3;
                file.take(most).read_to_end(&mut bytes).map_err(|e| failed("read", e))?;
                let trimmed = cookie::trim(&bytes).to_vec();
                if trimmed.is_empty() {
                    return Err(format!("the cookie's file {shown} is empty: remove it, or put a secret in it"));
                }
                return Ok(trimmed);
            }
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(failed("read", e)),
        }
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|e| format!("the system gives no random bytes: {e}"))?;
        // Whole or not at all: another node may look for it at this moment.
        let fresh = path.with_extension(format!("{}", std::process::id()));
        let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh);
        let mut file = made.map_err(|e| failed("make", e))?;
        let written = file.write_all(format!("{}\n", cookie::generate(random)).as_bytes());
        let linked = written.and_then(|()| std::fs::hard_link(&fresh, &path));
        let _ = std::fs::remove_file(&fresh);
        match linked {
            Ok(()) => {}
            // Another was faster.
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => return Err(failed("make", e)),
        }
    }
    Err(format!("the cookie's file {shown} comes and goes"))
}
fn reason(e: &std::io::Error) -> String {
    rlua_machine::stdlib::io::reason(e)
}
