//! Binary chunks: a chunk to bytes and back, and its name by content.
//!
//! Journey: **prototype** -> bytes -> prototype. The reference's header, which programs look at, then a mark and a
//! version of our own, and the chunk in the `postcard` format: the reference's instructions differ from ours. Behind
//! its header the reference finds a length that it refuses, so neither takes the other's code for its own.
//!
//! Always: what [`undump`] returns has passed [`verify`]. Decoding allocates no more than a bounded amount ahead of
//! the bytes it has read, whatever lengths they claim.

use crate::lines::Lines;
use crate::prototype::{Chunk, Prototype};
use crate::verify::{VerifyError, verify};
use sha2::{Digest, Sha256};
use std::fmt;

/// How a binary chunk of Lua 5.4 begins: signature, version, format, bytes that a transfer as text would change, the
/// sizes of an instruction, an integer and a float, and one of each (lundump.h).
const HEADER: &[u8] = b"\x1bLua\x54\x00\x19\x93\r\n\x1a\n\x04\x08\x08\x78\x56\0\0\0\0\0\0\0\0\0\0\0\x28\x77\x40";
/// What follows in ours: no upvalues and a name that is too long, to the reference.
const MARK: &[u8] = b"\0\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7fRLua";
/// Version of the format: of the header, the encoding and the instruction set.
const VERSION: u8 = 1;

/// Why a binary chunk was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// It ends too early.
    Truncated,
    /// It is no binary chunk.
    NotBinary,
    /// It is of another version of Lua or of our format.
    VersionMismatch,
    /// It is of another format.
    FormatMismatch,
    /// Its header is damaged.
    Corrupted,
    /// It is for a machine with other types, of this one for instance.
    Type(&'static str),
    /// It is the reference implementation's.
    Foreign,
    /// It is damaged.
    BadFormat,
    /// It decodes, but is not safe to run.
    Unsafe(VerifyError),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Truncated => f.write_str("bad binary format (truncated chunk)"),
            LoadError::NotBinary => f.write_str("bad binary format (not a binary chunk)"),
            LoadError::VersionMismatch => f.write_str("bad binary format (version mismatch)"),
            LoadError::FormatMismatch => f.write_str("bad binary format (format mismatch)"),
            LoadError::Corrupted => f.write_str("bad binary format (corrupted chunk)"),
            LoadError::Type(name) => write!(f, "bad binary format ({name} mismatch)"),
            LoadError::Foreign => f.write_str("bad binary format (bytecode of another Lua)"),
            LoadError::BadFormat => f.write_str("bad binary format (damaged chunk)"),
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
    let mut bytes = [HEADER, MARK, &[VERSION]].concat();
    let encoded = if strip { postcard::to_allocvec(&stripped(chunk)) } else { postcard::to_allocvec(chunk) };
    bytes.extend_from_slice(&encoded.expect("encoding plain data into a vector cannot fail"));
    bytes
}

fn stripped(chunk: &Chunk) -> Chunk {
    let mut chunk = Chunk { name: b"=?"[..].into(), prototypes: chunk.prototypes.clone() };
    for prototype in &mut chunk.prototypes {
        prototype.lines = Lines::default();
        prototype.locals = Vec::new();
        for upvalue in &mut prototype.upvalues {
            upvalue.name = b""[..].into();
        }
    }
    chunk
}

/// The chunk of these bytes, verified.
pub fn undump(bytes: &[u8]) -> Result<Chunk, LoadError> {
    if let Some(i) = bytes.iter().zip(HEADER).position(|(a, b)| a != b) {
        return Err(match i {
            0..4 => LoadError::NotBinary,
            4 => LoadError::VersionMismatch,
            5 => LoadError::FormatMismatch,
            12 => LoadError::Type("Instruction size"),
            13 => LoadError::Type("lua_Integer size"),
            14 => LoadError::Type("lua_Number size"),
            15..23 => LoadError::Type("integer format"),
            23.. => LoadError::Type("float format"),
            _ => LoadError::Corrupted,
        });
    }
    let rest = bytes.get(HEADER.len()..).unwrap_or_default();
    if rest.iter().zip(MARK).any(|(a, b)| a != b) {
        return Err(LoadError::Foreign);
    }
    let Some((&version, encoded)) = rest.get(MARK.len()..).and_then(<[u8]>::split_first) else {
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
