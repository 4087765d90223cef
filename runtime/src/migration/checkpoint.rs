//! Checkpoints: a frozen process in a file, sealed under the cookie.
//!
//! Journey: bytes -> **file** -> bytes. Whoever has the cookie may run code on the nodes anyway; whoever has not can make no
//! file that `resume` runs, and no change to one. Under the seal the bytes are believed no more than others.
//!
//! The file (spec/format.md, "A checkpoint"): a line that says what it is, a seal of 32 bytes, the frozen process.

use crate::node::cookie::Key;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// What a checkpoint begins with.
pub const MAGIC: &[u8] = b"rlua-actor checkpoint\n";
/// What the seal's key is derived under.
const LABEL: &[u8] = b"rlua-actor checkpoint key 1";
/// Bytes of the seal.
const SEAL: usize = 32;

/// Why a file is no checkpoint that may be resumed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It is something else.
    Other,
    /// Its seal is not that of its contents.
    Seal,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Fault::Other => "it is no checkpoint",
            Fault::Seal => "it was changed or cut off, or made under another cookie (--cookie-file names the cookie)",
        })
    }
}
impl std::error::Error for Fault {}

fn mac(key: &Key) -> Hmac<Sha256> {
    let new = |key: &[u8]| <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of every length");
    let mut derived = new(key.bytes());
    derived.update(LABEL);
    new(&derived.finalize().into_bytes())
}

/// Seals a frozen process, piece by piece.
pub struct Sealing(Hmac<Sha256>);

impl Sealing {
    /// What a file begins with whose seal is not known yet.
    pub const BEGINNING: [u8; MAGIC.len() + SEAL] = {
        let mut bytes = [0; MAGIC.len() + SEAL];
        let mut i = 0;
        while i < MAGIC.len() {
            bytes[i] = MAGIC[i];
            i += 1;
        }
        bytes
    };
    /// Where the seal is to be.
    pub const AT: u64 = MAGIC.len() as u64;

    /// With this key.
    pub fn new(key: &Key) -> Sealing {
        Sealing(mac(key))
    }
    /// These are the next bytes.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }
    /// That were all: the seal.
    pub fn finish(self) -> [u8; SEAL] {
        self.0.finalize().into_bytes().into()
    }
}

/// The file of a frozen process.
#[cfg(test)]
pub fn seal(key: &Key, frozen: &[u8]) -> Vec<u8> {
    let mut sealing = Sealing::new(key);
    frozen.chunks(3).for_each(|piece| sealing.update(piece));
    let mut file = [&Sealing::BEGINNING, frozen].concat();
    file[Sealing::AT as usize..][..SEAL].copy_from_slice(&sealing.finish());
    file
}

/// The frozen process of a file that somebody with this key has made.
pub fn open<'b>(key: &Key, file: &'b [u8]) -> Result<&'b [u8], Fault> {
    let (seal, frozen) = split(file)?;
    let mut mac = mac(key);
    mac.update(frozen);
    // In a time that does not tell where the two differ.
    mac.verify_slice(seal).map_err(|_| Fault::Seal)?;
    Ok(frozen)
}

/// Seal and frozen process of a file, of which nothing is known.
pub fn split(file: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    let rest = file.strip_prefix(MAGIC).ok_or(Fault::Other)?;
    rest.split_at_checked(SEAL).ok_or(Fault::Seal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::cookie::key;

    #[test]
    fn a_seal_holds_every_bit() {
        let (ours, other) = (key(b"ours").expect("a cookie"), key(b"other").expect("a cookie"));
        let file = seal(&ours, b"contents");
        assert_eq!(open(&ours, &file), Ok(&b"contents"[..]));
        assert_eq!(open(&other, &file), Err(Fault::Seal));
        for i in 0..file.len() {
            assert!(open(&ours, &file[..i]).is_err(), "cut at {i}");
            for bit in 0..8 {
                let mut changed = file.clone();
                changed[i] ^= 1 << bit;
                assert!(open(&ours, &changed).is_err(), "bit {bit} of byte {i}");
            }
        }
        assert_eq!(open(&ours, b"\x89PNG\r\n\x1a\n"), Err(Fault::Other));
    }
}
