//! Cookies: the secret that nodes share, and the key that comes of it.
//!
//! Journey: remote signal: before the handshake. A cookie that this program made is `rlua-` and 64 hexadecimal digits:
//! 256 random bits, from which the key is one HMAC. Any other was thought of by somebody, and whoever took part in one
//! handshake could try all likely ones at leisure; so it goes through argon2id first (19 MiB, two passes), which takes
//! milliseconds once and makes each try as slow.
//!
//! Always: the same cookie gives the same key on every node, so no salt can be random. A cookie is never printed.

use argon2::{Algorithm, Argon2, Params, Version};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// What a generated cookie begins with.
const PREFIX: &str = "rlua-";
/// What keys are derived under; also the salt of argon2id.
const LABEL: &[u8] = b"rlua-actor node key 1";
/// Bytes below which a cookie is warned of.
const SHORT: usize = 16;
/// Bytes of the longest cookie: beyond, a wrong file was named.
pub const COOKIE_MAX: usize = 4096;
/// Of argon2id: KiB of memory, passes, lanes (what OWASP asks for at least).
const ARGON2: (u32, u32, u32) = (19_456, 2, 1);

/// What sessions are encrypted and authenticated under.
#[derive(Clone)]
pub struct Key(pub(super) [u8; 32]);

impl Key {
    /// Its bytes, to derive other keys from.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Key")
    }
}

/// Why there is no key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CookieError {
    /// Nothing in it.
    Empty,
    /// Longer than [`COOKIE_MAX`].
    Long,
    /// No memory for argon2id.
    Memory,
}

impl fmt::Display for CookieError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            CookieError::Empty => f.write_str("the cookie is empty"),
            CookieError::Long => write!(f, "the cookie has more than {COOKIE_MAX} bytes"),
            CookieError::Memory => write!(f, "no memory to derive a key from the cookie ({} MiB)", ARGON2.0 >> 10),
        }
    }
}
impl std::error::Error for CookieError {}

/// A cookie of 256 random bits.
pub fn generate(random: [u8; 32]) -> String {
    random.iter().fold(PREFIX.to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// Whether a cookie is one of [`generate`]: its bits need no argon2id.
pub fn is_generated(cookie: &[u8]) -> bool {
    let digits = cookie.strip_prefix(PREFIX.as_bytes());
    digits.is_some_and(|d| d.len() == 64 && d.iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b)))
}

/// Whether whoever runs the node is to be told that the cookie is short.
pub fn is_short(cookie: &[u8]) -> bool {
    cookie.len() < SHORT
}

/// What a cookie file holds, without the line end that editors add.
pub fn trim(file: &[u8]) -> &[u8] {
    let file = file.strip_suffix(b"\n").unwrap_or(file);
    file.strip_suffix(b"\r").unwrap_or(file)
}

/// The key of a cookie. Takes milliseconds for one that was not generated: once for a node, not for each session.
pub fn key(cookie: &[u8]) -> Result<Key, CookieError> {
    if cookie.is_empty() {
        return Err(CookieError::Empty);
    }
    if cookie.len() > COOKIE_MAX {
        return Err(CookieError::Long);
    }
    if is_generated(cookie) {
        return Ok(derive(cookie));
    }
    let (memory, passes, lanes) = ARGON2;
    let params = Params::new(memory, passes, lanes, Some(32)).expect("the parameters are allowed");
    let mut strong = [0; 32];
    let made = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(cookie, LABEL, &mut strong);
    made.map_err(|_| CookieError::Memory)?;
    Ok(derive(&strong))
}

fn derive(secret: &[u8]) -> Key {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret).expect("HMAC takes keys of every length");
    mac.update(LABEL);
    Key(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_decides_the_key() {
        let made = generate([0xab; 32]);
        assert_eq!(made.len(), 69);
        assert!(is_generated(made.as_bytes()) && !is_short(made.as_bytes()));
        assert!(!is_generated(&made.as_bytes()[..68]) && !is_generated(made.to_uppercase().as_bytes()));
        let keys = [made.as_bytes(), b"secret", b"Secret", b"secret\n"].map(|c| key(c).expect("it is a cookie").0);
        for (i, a) in keys.iter().enumerate() {
            assert!(keys[i + 1..].iter().all(|b| a != b));
        }
        assert_eq!(keys[1], key(trim(b"secret\r\n")).expect("it is a cookie").0);
        assert!(is_short(b"secret"));
        assert_eq!(key(b"").err(), Some(CookieError::Empty));
        assert_eq!(key(&[b'x'; COOKIE_MAX + 1]).err(), Some(CookieError::Long));
    }
    #[test]
    fn keys_are_the_same_for_ever() {
        let hex = |k: Key| k.0.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let generated = generate(std::array::from_fn(|i| i as u8));
        // From Python: hmac.new(cookie, label, "sha256"), and Argon2id of its package cryptography before that.
        assert_eq!(hex(key(generated.as_bytes()).expect("it is a cookie")), GENERATED);
        assert_eq!(hex(key(b"secret").expect("it is a cookie")), THOUGHT_OF);
    }
    const GENERATED: &str = "4200513857809bdd7cc765b6a1193eaa6ecb13e272e29218482504ebca461dbd";
    const THOUGHT_OF: &str = "59a59e4bdf374489e0a1377fa07abc0c060cb0ed5011de9a7be4370545637daa";
}
