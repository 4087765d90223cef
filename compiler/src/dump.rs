//! Binary chunks: a chunk to bytes and back, and its name by content.
//!
//! Journey: **prototype** -> bytes -> prototype. A header (`ESC RLua` and a version) and the chunk in the `postcard`
//! format. The reader might expect the reference's binary format: its instructions differ from ours, so that would
//! only look compatible.
//!
//! Always: what [`undump`] returns has passed [`verify`]. Decoding allocates no more than a bounded amount ahead of
//! the bytes it has read, whatever lengths they claim.

use crate::prototype::{Chunk, Prototype};
use crate::verify::{VerifyError, verify};
use sha2::{Digest, Sha256};
use std::fmt;

/// How a binary chunk begins.
const MAGIC: &[u8] = b"\x1bRLua";
/// Version of the format: of the header, the encoding and the instruction set.
const VERSION: u8 = 1;

/// Why a binary chunk was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// It ends too early.
    Truncated,
    /// It is of another version of the format.
    VersionMismatch,
    /// It is no binary chunk, or damaged.
    BadFormat,
    /// It decodes, but is not safe to run.
    Unsafe(VerifyError),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Truncated => f.write_str("truncated precompiled chunk"),
            LoadError::VersionMismatch => f.write_str("version mismatch"),
            LoadError::BadFormat => f.write_str("bad binary format"),
            LoadError::Unsafe(error) => write!(f, "bad binary format ({error})"),
        }
    }
}

impl std::error::Error for LoadError {}

/// The bytes of a chunk; `strip` leaves out lines and names.
///
/// ```
/// let chunk = rlua_compiler::compile(b"return 1", b"=x").unwrap();
/// let bytes = rlua_compiler::dump(&chunk, false);
/// assert_eq!(rlua_compiler::undump(&bytes).unwrap(), chunk);
/// ```
pub fn dump(chunk: &Chunk, strip: bool) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.push(VERSION);
    let encoded = if strip { postcard::to_allocvec(&stripped(chunk)) } else { postcard::to_allocvec(chunk) };
    bytes.extend_from_slice(&encoded.expect("encoding plain data into a vector cannot fail"));
    bytes
}

fn stripped(chunk: &Chunk) -> Chunk {
    let mut chunk = Chunk { name: b"=?"[..].into(), prototypes: chunk.prototypes.clone() };
    for prototype in &mut chunk.prototypes {
        prototype.lines = Vec::new();
        prototype.locals = Vec::new();
        for upvalue in &mut prototype.upvalues {
            upvalue.name = b""[..].into();
        }
    }
    chunk
}

/// The chunk of these bytes, verified.
pub fn undump(bytes: &[u8]) -> Result<Chunk, LoadError> {
    let common = bytes.len().min(MAGIC.len());
    if bytes[..common] != MAGIC[..common] {
        return Err(LoadError::BadFormat);
    }
    let Some((&version, encoded)) = bytes[common..].split_first() else {
        return Err(LoadError::Truncated);
    };
    if version != VERSION {
        return Err(LoadError::VersionMismatch);
    }
    // serde grows a vector from a bounded size, not from the length that the bytes claim.
    let (chunk, rest): (Chunk, _) = postcard::take_from_bytes(encoded).map_err(|error| match error {
        postcard::Error::DeserializeUnexpectedEnd => LoadError::Truncated,
        _ => LoadError::BadFormat,
    })?;
    if !rest.is_empty() {
        return Err(LoadError::BadFormat);
    }
    verify(&chunk).map_err(LoadError::Unsafe)?;
    Ok(chunk)
}

/// A chunk's name in the whole system: SHA-256 over its unstripped bytes.
pub fn hash(chunk: &Chunk) -> [u8; 32] {
    Sha256::digest(dump(chunk, false)).into()
}

/// The chunk whose main function is the given prototype, with what is nested in it: what `string.dump` writes.
/// `None` if there is no such prototype. The chunk must have been verified.
pub fn extract(chunk: &Chunk, index: u32) -> Option<Chunk> {
    let mut prototypes: Vec<Prototype> = vec![chunk.prototypes.get(index as usize)?.clone()];
    let mut next = 0;
    while let Some(prototype) = prototypes.get(next) {
        // Breadth first: new indices are greater than those of the enclosing prototype here, too.
        let nested = prototype.nested.clone();
        let first = prototypes.len() as u32;
        if prototypes.len() + nested.len() > chunk.prototypes.len() {
            return None; // not a tree, so not verified
        }
        for &old in &nested {
            prototypes.push(chunk.prototypes.get(old as usize)?.clone());
        }
        prototypes[next].nested = (first..first + nested.len() as u32).collect();
        next += 1;
    }
    Some(Chunk { name: chunk.name.clone(), prototypes })
}
