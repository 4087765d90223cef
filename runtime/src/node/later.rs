//! Contents of long signals: bytes that are there, and bytes that are made when they can be sent.
//!
//! Journey: remote signal: signal -> **queue** -> items of a frame. All that a large process is would take as much memory again as the
//! process. So it is promised by its length, and made piece by piece, as the connection takes it.
//!
//! Always: what was promised is sent. If nobody makes the rest any more, since what it was to be made of is needed elsewhere, zeros
//! are sent instead, and whoever has promised does not mean it any more. Nothing is made before there is room in a frame.

use super::signal::Contents;
use std::fmt;
use std::sync::Arc;

/// Bytes that are made ahead.
pub const PIECE: usize = 128 << 10;

/// Makes bytes piece by piece.
pub trait Pieces: Send + Sync {
    /// Appends the next ones, about as many as that if there are so many left. False: nobody makes any more.
    fn next(&self, out: &mut Vec<u8>, about: usize) -> bool;
}

/// So many bytes that are still to be made.
#[derive(Clone)]
pub struct Later {
    /// How many.
    pub len: u64,
    /// By whom.
    pub pieces: Arc<dyn Pieces>,
}

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} bytes", self.len)
    }
}
/// Nobody else makes the same.
impl PartialEq for Later {
    fn eq(&self, other: &Later) -> bool {
        Arc::ptr_eq(&self.pieces, &other.pieces)
    }
}
impl Eq for Later {}

/// Contents that wait.
#[derive(Default)]
pub struct Body {
    bytes: Vec<u8>,
    /// Of them, those that have left.
    gone: usize,
    /// Of the whole, what has not left.
    left: u64,
    /// Who makes what is not there.
    pieces: Option<Arc<dyn Pieces>>,
}

impl Body {
    /// The contents of a signal, if they are not short.
    pub fn of<P>(contents: &mut Contents<P>, short: usize) -> Option<Body> {
        if let Some(Later { len, pieces }) = contents.later.take() {
            return Some(Body { left: len, pieces: Some(pieces), ..Body::default() });
        }
        let is_long = contents.bytes.0.len() > short;
        let bytes = is_long.then(|| std::mem::take(&mut contents.bytes.0))?;
        Some(Body { left: bytes.len() as u64, bytes, ..Body::default() })
    }
    /// What has not left.
    pub fn left(&self) -> u64 {
        self.left
    }
    fn there(&self) -> usize {
        self.bytes.len() - self.gone
    }
    /// Who is to make more before a part of so many bytes can leave.
    pub fn wants(&self, part: usize) -> Option<&Arc<dyn Pieces>> {
        self.pieces.as_ref().filter(|_| (self.there() as u64) < self.left.min(part as u64))
    }
    /// What was made, and whether more can be.
    pub fn supply(&mut self, made: &[u8], more: bool) {
        self.bytes.drain(..self.gone);
        self.gone = 0;
        self.bytes.extend_from_slice(&made[..made.len().min(self.left as usize - self.bytes.len())]);
        self.pieces.take_if(|_| !more);
    }
    /// The next part: so many bytes, or all that are left. Here they are made, if nobody has done that before.
    pub fn part(&mut self, most: usize) -> &[u8] {
        while let Some(pieces) = self.wants(most) {
            let mut made = Vec::new();
            let more = pieces.next(&mut made, PIECE);
            self.supply(&made, more);
        }
        let n = self.left.min(most as u64) as usize;
        if self.there() < n {
            self.supply(&[], false);
            self.bytes.resize(n, 0);
        }
        let from = self.gone;
        self.gone += n;
        self.left -= n as u64;
        &self.bytes[from..from + n]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Counts, up to a number.
    struct Counts(AtomicUsize, usize);
    impl Pieces for Counts {
        fn next(&self, out: &mut Vec<u8>, about: usize) -> bool {
            let from = self.0.load(Ordering::Relaxed);
            let to = (from + about).min(self.1);
            out.extend((from..to).map(|i| (i % 251) as u8 + 1));
            self.0.store(to, Ordering::Relaxed);
            to > from
        }
    }
    fn body(len: usize, made: usize) -> Body {
        let later = Later { len: len as u64, pieces: Arc::new(Counts(AtomicUsize::new(0), made)) };
        Body::of(&mut Contents::<u64>::made_later(later), 0).expect("it is long")
    }
    fn all(mut body: Body, part: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while body.left() > 0 {
            let n = body.part(part).to_vec();
            assert!(body.bytes.len() <= PIECE + 2 * part, "{} bytes are there", body.bytes.len());
            all.extend(n);
        }
        all
    }

    #[test]
    fn what_was_promised_is_sent() {
        let expected = |len: usize, made: usize| -> Vec<u8> {
            (0..len).map(|i| if i < made { (i % 251) as u8 + 1 } else { 0 }).collect()
        };
        let len = 3 * PIECE + 17;
        for made in [0, 5, PIECE, len - 1, len, len + PIECE] {
            assert!(all(body(len, made), 1000) == expected(len, made), "{made} of {len}");
        }
    }
    #[test]
    fn what_is_made_ahead_is_not_made_again() {
        let mut body = body(PIECE + 9, PIECE + 9);
        while let Some(pieces) = body.wants(1000).cloned() {
            let mut made = Vec::new();
            let more = pieces.next(&mut made, 1500);
            body.supply(&made, more);
        }
        assert_eq!(body.part(1000)[999], (999 % 251) as u8 + 1);
        assert!(body.wants(500).is_none() && body.wants(501).is_some());
        assert_eq!(all(body, 700).len(), PIECE + 9 - 1000);
    }
}
