//! What has come over a connection and was not asked for yet, and the patterns by which it is asked for.
//!
//! Journey: packet -> **bytes** -> value. Pure: bytes go in, and what a pattern may take of them comes out; who reads the
//! connection and makes the string is the shell (receive.rs). The patterns are LuaSocket's: a line, a number of bytes, all.
//!
//! Always: a byte is looked at once while a line is waited for, however small the pieces are in which it comes.

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pattern {
    /// Up to the next line feed, which is not part of it; no carriage return in it is.
    Line,
    /// Until the peer sends no more.
    All,
    /// So many bytes; of none it is asked whether there is one.
    Count(usize),
}

/// What of the bytes that are there becomes a string.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Extent {
    /// Bytes that it is made of.
    pub bytes: usize,
    /// Of them, carriage returns that are left out.
    pub returns: usize,
    /// Bytes after them that are dropped with it: the end of the line.
    pub end: usize,
}

impl Extent {
    /// How long the string is.
    pub fn len(&self) -> usize {
        self.bytes - self.returns
    }
}

/// Bytes that have come.
#[derive(Default, Debug)]
pub struct Incoming {
    bytes: Vec<u8>,
    /// Those before it are taken.
    first: usize,
    /// Bytes from `first` on that have no end of a line in them, and the carriage returns among those.
    searched: usize,
    returns: usize,
}

/// Room that is kept for what comes next.
const KEPT: usize = 16 << 10;

impl Incoming {
    /// Whether nothing is there.
    pub fn is_empty(&self) -> bool {
        self.first == self.bytes.len()
    }
    /// How much is there.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.first
    }
    /// What is there.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.first..]
    }
    /// Something has come.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.first > self.len() {
            self.bytes.drain(..self.first);
            self.first = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }
    /// Takes so many bytes away.
    pub fn skip(&mut self, n: usize) {
        self.first += n.min(self.len());
        (self.searched, self.returns) = (0, 0);
        if self.is_empty() {
            self.first = 0;
            if self.bytes.capacity() > KEPT { self.bytes = Vec::new() } else { self.bytes.clear() }
        }
    }
    /// The process will wait: nothing is kept for what may not come for long.
    pub fn rests(&mut self) {
        if self.is_empty() {
            self.bytes = Vec::new();
        }
    }
    /// What fulfils the pattern, if all of it is there; looks at `most` bytes at most, of which it says how many they were.
    pub fn find(&mut self, pattern: Pattern, most: usize) -> (Option<Extent>, usize) {
        match pattern {
            Pattern::All => (None, 0),
            Pattern::Count(n) => {
                let is_there = n <= self.len() && !self.is_empty();
                (is_there.then_some(Extent { bytes: n, ..Extent::default() }), 0)
            }
            Pattern::Line => {
                let new = &self.bytes[self.first + self.searched..];
                let new = &new[..new.len().min(most)];
                let at = memchr::memchr(b'\n', new);
                let line = &new[..at.unwrap_or(new.len())];
                let returns = memchr::memchr_iter(b'\r', line).count();
                let looked_at = line.len();
                self.searched += looked_at;
                self.returns += returns;
                let found = Extent { bytes: self.searched, returns: self.returns, end: 1 };
                (at.map(|_| found), looked_at)
            }
        }
    }
    /// Whether all that is there was looked at for a line that has not ended.
    pub fn is_searched(&self) -> bool {
        self.searched == self.len()
    }
    /// All that is there, for a pattern that will not be fulfilled. Of a line, all was looked at ([`Incoming::find`]).
    pub fn part(&self, pattern: Pattern) -> Extent {
        let returns = if pattern == Pattern::Line { self.returns } else { 0 };
        Extent { bytes: self.len(), returns, end: 0 }
    }
    /// The next bytes of a string of `left` source bytes, at most so many of them, without carriage returns if there are any
    /// to be left out; how many source bytes they were.
    pub fn piece(&self, left: usize, most: usize, leaves_out: bool, into: &mut Vec<u8>) -> usize {
        let source = &self.rest()[..left.min(most).min(self.len())];
        if leaves_out {
            into.extend(source.iter().filter(|&&b| b != b'\r'));
        } else {
            into.extend_from_slice(source);
        }
        source.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes what a pattern finds, as the shell does.
    fn take(incoming: &mut Incoming, pattern: Pattern) -> Option<Vec<u8>> {
        let extent = loop {
            match incoming.find(pattern, 3) {
                (Some(extent), _) => break extent,
                (None, looked_at) if looked_at == 0 || incoming.is_searched() => return None,
                _ => {}
            }
        };
        Some(take_extent(incoming, extent))
    }
    fn take_extent(incoming: &mut Incoming, extent: Extent) -> Vec<u8> {
        let mut text = Vec::new();
        incoming.piece(extent.bytes, usize::MAX, extent.returns > 0, &mut text);
        assert_eq!(text.len(), extent.len());
        incoming.skip(extent.bytes + extent.end);
        text
    }

    #[test]
    fn a_line_comes_in_any_pieces() {
        let stream = b"one\r\n\ntwo \r words\nthree";
        for size in 1..stream.len() {
            let mut incoming = Incoming::default();
            let mut lines = Vec::new();
            for piece in stream.chunks(size) {
                incoming.push(piece);
                while let Some(line) = take(&mut incoming, Pattern::Line) {
                    lines.push(line);
                }
            }
            assert_eq!(lines, [b"one".to_vec(), b"".to_vec(), b"two  words".to_vec()], "in pieces of {size}");
            assert_eq!(incoming.part(Pattern::Line), Extent { bytes: 5, returns: 0, end: 0 });
            assert_eq!(incoming.rest(), b"three");
        }
    }
    #[test]
    fn what_is_left_of_a_line_has_no_carriage_return() {
        let mut incoming = Incoming::default();
        incoming.push(b"half\r");
        assert_eq!(take(&mut incoming, Pattern::Line), None);
        let part = incoming.part(Pattern::Line);
        assert_eq!(take_extent(&mut incoming, part), b"half");
        assert!(incoming.is_empty());
        // With another pattern it is as it came.
        incoming.push(b"half\r");
        assert_eq!(take(&mut incoming, Pattern::Line), None);
        let part = incoming.part(Pattern::All);
        assert_eq!(take_extent(&mut incoming, part), b"half\r");
    }
    #[test]
    fn a_number_of_bytes_is_all_or_nothing() {
        let mut incoming = Incoming::default();
        assert_eq!(take(&mut incoming, Pattern::Count(0)), None, "nothing has come");
        incoming.push(b"abc");
        assert_eq!(take(&mut incoming, Pattern::Count(0)), Some(Vec::new()));
        assert_eq!(take(&mut incoming, Pattern::Count(4)), None);
        assert_eq!(take(&mut incoming, Pattern::Count(2)), Some(b"ab".to_vec()));
        incoming.push(b"def");
        assert_eq!(take(&mut incoming, Pattern::Count(4)), Some(b"cdef".to_vec()));
        assert!(incoming.is_empty());
    }
    #[test]
    fn patterns_follow_each_other() {
        let mut incoming = Incoming::default();
        incoming.push(b"12\nab\ncd");
        assert_eq!(take(&mut incoming, Pattern::Line), Some(b"12".to_vec()));
        assert_eq!(take(&mut incoming, Pattern::Count(3)), Some(b"ab\n".to_vec()));
        assert_eq!(take(&mut incoming, Pattern::All), None);
        assert_eq!(take(&mut incoming, Pattern::Line), None);
        incoming.push(b"\n");
        assert_eq!(take(&mut incoming, Pattern::Line), Some(b"cd".to_vec()));
    }
    #[test]
    fn a_line_that_was_given_up_is_looked_at_anew() {
        let mut incoming = Incoming::default();
        incoming.push(b"abc");
        assert_eq!(take(&mut incoming, Pattern::Line), None);
        assert_eq!(take(&mut incoming, Pattern::Count(1)), Some(b"a".to_vec()));
        incoming.push(b"d\n");
        assert_eq!(take(&mut incoming, Pattern::Line), Some(b"bcd".to_vec()));
    }
    #[test]
    fn nothing_is_kept_for_long() {
        let mut incoming = Incoming::default();
        incoming.push(&vec![b'x'; 1 << 20]);
        incoming.skip(1 << 20);
        assert_eq!(incoming.bytes.capacity(), 0);
        incoming.push(b"few");
        incoming.skip(3);
        assert!(incoming.bytes.capacity() > 0);
        incoming.rests();
        assert_eq!(incoming.bytes.capacity(), 0);
        // What is taken off the front is given back as more comes.
        for _ in 0..10_000 {
            incoming.push(&[b'y'; 100]);
            incoming.skip(99);
        }
        assert_eq!(incoming.len(), 10_000);
        assert!(incoming.bytes.capacity() < 100_000);
    }
}
