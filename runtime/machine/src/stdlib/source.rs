//! Reading programs from files and streams, which may be huge, endless, or no programs at all.
//!
//! Journey: **bytes** -> source text -> prototype. The reference compiles while it reads, and so meets the first error of
//! `/dev/zero` in its first byte. Here the text is there first; but now and then what has come so far is looked at, and
//! if nothing that may follow can mend it, it is enough.
//!
//! Always: what is returned is all there is, or a beginning for which the compiler has the same answer.

use std::fs::File;
use std::io::{Error, Read, Result};

/// Bytes of the largest program.
pub const MAX_BYTES: usize = 256 << 20;
/// Bytes after which the text so far is looked at. A program of more will be one.
const LOOKS: [usize; 2] = [64 << 10, 1 << 20];

/// Bytes of a file that is read to its end, whatever it begins with.
const SMALL: u64 = 16 << 20;

/// As [`read`], of a file. Of one that is on a disk and no larger than programs are, all is read at once.
pub fn read_file(mut file: File, limit: usize, is_enough: impl FnMut(&[u8]) -> bool) -> Result<Vec<u8>> {
    let known = file.metadata().ok().filter(|m| m.is_file() && m.len() <= SMALL && m.len() < limit as u64);
    let Some(m) = known else { return read(file, limit, is_enough) };
    let mut text = Vec::new();
    text.try_reserve_exact(m.len() as usize + 1)?; // one more to meet the end
    // It may grow meanwhile.
    file.by_ref().take(m.len() + 1).read_to_end(&mut text)?;
    if text.len() as u64 > m.len() {
        text.extend(read(file, limit - text.len(), |_| false)?);
    }
    Ok(text)
}

/// Reads a program of at most so many bytes. `is_enough` is asked about beginnings.
pub fn read(mut from: impl Read, limit: usize, mut is_enough: impl FnMut(&[u8]) -> bool) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    for end in LOOKS.into_iter().filter(|&n| n < limit).chain([limit]) {
        while text.len() < end {
            // As much again as there is: room that will hardly be needed is not asked for.
            let more = text.len().max(LOOKS[0]).min(end - text.len());
            text.try_reserve_exact(more)?;
            if from.by_ref().take(more as u64).read_to_end(&mut text)? < more {
                return Ok(text);
            }
        }
        if end < limit && is_enough(&text) {
            return Ok(text);
        }
    }
    match from.take(1).read_to_end(&mut Vec::new())? {
        0 => Ok(text),
        _ => Err(Error::from_raw_os_error(TOO_LARGE)),
    }
}
/// The system's number for "File too large".
const TOO_LARGE: i32 = 27;

/// Whether a program that begins so has an error, whatever follows.
pub fn is_hopeless(beginning: &[u8]) -> bool {
    let text = rlua_compiler::skip_shebang(beginning);
    if text.first() == Some(&0x1b) {
        return rlua_compiler::undump(text).is_err_and(|e| e != rlua_compiler::LoadError::Truncated);
    }
    // To where no name or number can be cut in two, and then what is never right outside of a string or comment.
    let Some(end) = memchr::memrchr2(b'\n', 0, text) else { return false };
    let error_before = |wrong: u8| {
        let attempt = [&text[..=end], &[wrong]].concat();
        rlua_compiler::compile(&attempt, b"=").err().map(|e| e.message).filter(|m| !m.ends_with(b"<eof>"))
    };
    let Some(first) = error_before(1) else { return false };
    if first.ends_with(b"'<\\1>'") && memchr::memchr(1, text).is_none() {
        return false;
    }
    // The same error before one and the other: it is not theirs.
    error_before(2) == Some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, Write};

    #[test]
    fn what_nothing_can_mend() {
        for text in [
            &b"\0"[..],
            b"x = = 1\n",
            b"\x89PNG\r\n",
            b"#!lua\n)\n",
            b"x = '\n",
            b"\x1bLua\x53",
            b"f(\n]\n",
            b"goto\n\n1\n",
            b"\x01\n",
        ] {
            assert!(is_hopeless(text), "{}", text.escape_ascii());
        }
        for text in [
            &b""[..],
            b"return 1\n",
            b"if x\n",
            b"x = 'a\\\n",
            b"x = [[\n",
            b"--[[ \0",
            b"goto later\n",
            b"x = 0x",
            b"f(\n",
            b"x = 'a\0",
            b"retu",
            b"#!lua",
            b"\x1bLua\x54\0\x19",
            b"for i = 1\n",
            b"'\\z\n",
        ] {
            assert!(!is_hopeless(text), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn files_are_read_to_their_end() {
        let read_whole = |text: &[u8], limit| {
            let mut file = tempfile::tempfile().expect("a file");
            file.write_all(text).and_then(|()| file.rewind()).expect("it is written");
            read_file(file, limit, |_| true)
        };
        for size in [0, 1, LOOKS[0], LOOKS[1] + 1] {
            let text = vec![b' '; size];
            assert_eq!(read_whole(&text, MAX_BYTES).expect("it ends"), text);
            assert!(size == 0 || read_whole(&text, size - 1).is_err() || size > LOOKS[0]);
        }
        // What is no file on a disk may have no end.
        let endless = File::open("/dev/zero").expect("it is there");
        assert_eq!(read_file(endless, MAX_BYTES, is_hopeless).expect("the first look").len(), LOOKS[0]);
    }

    #[test]
    fn no_more_is_read_than_needed() {
        let read_from = |from: &mut dyn Read, limit| read(from, limit, is_hopeless).map(|text| text.len());
        assert_eq!(read_from(&mut std::io::repeat(0), MAX_BYTES).expect("the first look"), LOOKS[0]);
        // What may yet be right is read to the limit.
        let error = read_from(&mut std::io::repeat(b' '), 20 << 20).expect_err("there is no end");
        assert_eq!(error.kind(), std::io::ErrorKind::FileTooLarge);
        for size in [0, 1, LOOKS[0] - 1, LOOKS[0], LOOKS[0] + 1, LOOKS[1], 3 << 20] {
            assert_eq!(read_from(&mut std::io::repeat(b' ').take(size as u64), MAX_BYTES).expect("it ends"), size);
            assert_eq!(read_from(&mut std::io::repeat(b' ').take(size as u64), size).expect("it ends"), size);
            assert!(size == 0 || read_from(&mut std::io::repeat(b' ').take(size as u64), size - 1).is_err());
        }
    }
}
