//! What the command line itself writes: on standard output what was asked for, on standard error what is wrong.
//!
//! Journey: the end of all of them. Names of files and messages are bytes: neither need be UTF-8.

use std::io::{ErrorKind, Write};

/// Writes to standard output; the exit status. That it could not be written is an error, as the output is what the
/// program was called for.
pub fn print(bytes: impl AsRef<[u8]>) -> u8 {
    let mut out = std::io::stdout().lock();
    status(out.write_all(bytes.as_ref()).and_then(|()| out.flush()))
}

/// The exit status after a write to standard output, which is reported if it failed.
pub fn status(written: std::io::Result<()>) -> u8 {
    match written {
        Ok(()) => 0,
        Err(e) => {
            if e.kind() == ErrorKind::BrokenPipe {
                nobody_reads();
            }
            complain(["cannot write standard output: ", &rlua_runtime::reason(&e)].concat());
            1
        }
    }
}

/// Ends this OS process as the signal SIGPIPE ends one that writes to a pipe which nobody reads: as `lua` ends, and the
/// programs that a shell user knows. The signal itself is ignored (the standard library of Rust does that), and stays
/// so: other pipes and sockets whose other end is closed must end nobody.
pub fn nobody_reads() {
    // It fails for a number that is no signal.
    let _ = signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGPIPE);
}

/// A line on standard error, whether or not somebody listens.
pub fn complain(message: impl AsRef<[u8]>) {
    let line = [b"rlua-actor: ", message.as_ref(), b"\n"].concat();
    let _ = std::io::stderr().write_all(&line);
}
