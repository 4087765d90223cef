//! The transfer encodings of MIME (RFC 2045), a byte at a time: Base64 and quoted-printable, both ways, breaking of lines, and
//! what SMTP wants of dots.
//!
//! Journey: bytes -> **bytes**. Pure. What a filter cannot decide before it has seen more is its state, which is short; so any
//! pieces of a text give the same as the whole. The functions are those of LuaSocket's `mime.core` (mime_core.rs).

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// A filter whose state is bytes that were seen and not decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coding {
    /// Bytes to Base64.
    Base64,
    /// And back; what is none of its letters is passed over.
    FromBase64,
    /// Bytes to quoted-printable.
    Quoted,
    /// And back.
    FromQuoted,
}

/// Bytes of the longest state.
pub const STATE: usize = 4;

impl Coding {
    /// Takes a byte; `state` is what is undecided, `marker` what the end of a line becomes in quoted-printable.
    pub fn take(self, byte: u8, state: &mut Vec<u8>, marker: &[u8], out: &mut Vec<u8>) {
        match self {
            Coding::Base64 => {
                state.push(byte);
                if let [a, b, c] = state[..] {
                    let bits = u32::from(a) << 16 | u32::from(b) << 8 | u32::from(c);
                    out.extend([18, 12, 6, 0].map(|shift| BASE64[(bits >> shift & 63) as usize]));
                    state.clear();
                }
            }
            Coding::FromBase64 => {
                if sextet(byte).is_none() {
                    return;
                }
                state.push(byte);
                if let [_, _, c, d] = state[..] {
                    let bits = state.iter().fold(0u32, |bits, b| bits << 6 | sextet(*b).unwrap_or(0));
                    let valid = if c == b'=' { 1 } else { 3 - usize::from(d == b'=') };
                    out.extend_from_slice(&bits.to_be_bytes()[1..][..valid]);
                    state.clear();
                }
            }
            Coding::Quoted => {
                state.push(byte);
                quote_decided(state, marker, out);
            }
            Coding::FromQuoted => {
                state.push(byte);
                match state[..] {
                    [b'='] | [b'=', _] | [b'\r'] => return,
                    [b'=', b'\r', b'\n'] => {}
                    [b'=', high, low] => match (digit(high), digit(low)) {
                        (Some(high), Some(low)) => out.push(high << 4 | low),
                        _ => out.extend_from_slice(state),
                    },
                    [b'\r', b'\n'] => out.extend_from_slice(b"\r\n"),
                    [b'\t' | 32..=126] => out.push(byte),
                    _ => {}
                }
                state.clear();
            }
        }
    }
    /// Nothing comes any more.
    pub fn finish(self, state: &[u8], out: &mut Vec<u8>) {
        match self {
            Coding::Base64 => {
                if let [a] = state[..] {
                    out.extend([BASE64[usize::from(a >> 2)], BASE64[usize::from(a & 3) << 4], b'=', b'=']);
                } else if let [a, b] = state[..] {
                    let second = usize::from(a & 3) << 4 | usize::from(b >> 4);
                    let third = usize::from(b & 15) << 2;
                    out.extend([BASE64[usize::from(a >> 2)], BASE64[second], BASE64[third], b'=']);
                }
            }
            Coding::Quoted => {
                for &b in state {
                    if is_plain(b) { out.push(b) } else { quote(b, out) }
                }
                if !state.is_empty() {
                    out.extend_from_slice(b"=\r\n");
                }
            }
            Coding::FromBase64 | Coding::FromQuoted => {}
        }
    }
}
/// What letters stand for; padding counts, as nothing.
const SEXTETS: [u8; 256] = {
    let mut all = [NO_LETTER; 256];
    let mut i = 0;
    while i < BASE64.len() {
        all[BASE64[i] as usize] = i as u8;
        i += 1;
    }
    all[b'=' as usize] = 0;
    all
};
const NO_LETTER: u8 = 255;
fn sextet(byte: u8) -> Option<u32> {
    Some(SEXTETS[usize::from(byte)]).filter(|n| *n != NO_LETTER).map(u32::from)
}
fn digit(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|n| n as u8)
}
fn is_plain(byte: u8) -> bool {
    matches!(byte, 33..=60 | 62..=126)
}
fn quote(byte: u8, out: &mut Vec<u8>) {
    out.extend([b'=', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}
/// Writes what is decided: a blank before the end of a line is quoted, and that end is the marker.
fn quote_decided(state: &mut Vec<u8>, marker: &[u8], out: &mut Vec<u8>) {
    while let Some(&first) = state.first() {
        match (first, &state[1..]) {
            (b'\r', []) | (b' ' | b'\t', [] | [_]) => return,
            (b'\r', [b'\n', ..]) => {
                out.extend_from_slice(marker);
                return state.clear();
            }
            (b' ' | b'\t', [b'\r', b'\n']) => {
                quote(first, out);
                out.extend_from_slice(marker);
                return state.clear();
            }
            (b' ' | b'\t', _) => out.push(first),
            _ if is_plain(first) => out.push(first),
            _ => quote(first, out),
        }
        state.remove(0);
    }
}

/// A filter whose state is a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lines {
    /// Breaks lines; the state is how many bytes are left of this one.
    Wrap,
    /// The same in quoted-printable, where `=XX` stays together.
    WrapQuoted,
    /// Any ends of lines become the marker; the state is the last byte, if it may be half of one.
    Ends,
    /// A dot that begins a line is doubled; the state: 2 at the beginning of a line, 1 after a carriage return.
    Dots,
}

impl Lines {
    /// Takes a byte; `length` is that of lines.
    pub fn take(self, byte: u8, state: &mut i64, length: i64, marker: &[u8], out: &mut Vec<u8>) {
        match self {
            Lines::Wrap | Lines::WrapQuoted if byte == b'\r' => {}
            Lines::Wrap | Lines::WrapQuoted if byte == b'\n' => {
                out.extend_from_slice(b"\r\n");
                *state = length;
            }
            Lines::Wrap | Lines::WrapQuoted => {
                let (least, end) = match (self, byte) {
                    (Lines::Wrap, _) => (0, &b"\r\n"[..]),
                    (_, b'=') => (3, &b"=\r\n"[..]),
                    _ => (1, &b"=\r\n"[..]),
                };
                if *state <= least {
                    *state = length;
                    out.extend_from_slice(end);
                }
                out.push(byte);
                *state -= 1;
            }
            Lines::Ends => match (byte, *state) {
                (b'\r' | b'\n', last) if last == 13 || last == 10 => {
                    if last == i64::from(byte) {
                        out.extend_from_slice(marker);
                    }
                    *state = 0;
                }
                (b'\r' | b'\n', _) => {
                    out.extend_from_slice(marker);
                    *state = byte.into();
                }
                _ => {
                    out.push(byte);
                    *state = 0;
                }
            },
            Lines::Dots => {
                out.push(byte);
                *state = match byte {
                    b'\r' => 1,
                    b'\n' if *state == 1 => 2,
                    b'.' if *state == 2 => {
                        out.push(b'.');
                        0
                    }
                    _ => 0,
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(coding: Coding, text: &[u8], marker: &[u8]) -> Vec<u8> {
        let (mut state, mut out) = (Vec::new(), Vec::new());
        for &b in text {
            coding.take(b, &mut state, marker, &mut out);
            assert!(state.len() < STATE);
        }
        coding.finish(&state, &mut out);
        out
    }
    fn lines(filter: Lines, text: &[u8], mut state: i64, length: i64) -> (Vec<u8>, i64) {
        let mut out = Vec::new();
        text.iter().for_each(|&b| filter.take(b, &mut state, length, b"|", &mut out));
        (out, state)
    }

    #[test]
    fn base64() {
        // RFC 4648, section 10.
        let known =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")];
        for (text, coded) in known {
            assert_eq!(whole(Coding::Base64, text.as_bytes(), b""), coded.as_bytes());
            assert_eq!(whole(Coding::FromBase64, coded.as_bytes(), b""), text.as_bytes());
        }
        let all: Vec<u8> = (0..=255).collect();
        let mut coded = whole(Coding::Base64, &all, b"");
        coded.insert(7, b'\n');
        coded.insert(0, b'?');
        assert_eq!(whole(Coding::FromBase64, &coded, b""), all);
        assert_eq!(whole(Coding::FromBase64, b"Zm9", b""), b"", "half an atom is nothing");
    }
    #[test]
    fn quoted_printable() {
        let coded = |text: &[u8]| whole(Coding::Quoted, text, b"\r\n");
        assert_eq!(coded(b"a=b\r\n"), b"a=3Db\r\n");
        assert_eq!(coded(b"end \r\n"), b"end=20\r\n");
        assert_eq!(coded(b"in side\tx\r\n"), b"in side\tx\r\n");
        assert_eq!(coded(b"\xe4\n\r"), b"=E4=0A=0D=\r\n");
        assert_eq!(coded(b"last "), b"last=20=\r\n");
        assert_eq!(whole(Coding::Quoted, b"x\r\n", b"=0D=0A"), b"x=0D=0A");
        let back = |text: &[u8]| whole(Coding::FromQuoted, text, b"");
        assert_eq!(back(b"a=3Db=\r\nc\r\n"), b"a=bc\r\n");
        assert_eq!(back(b"=e4=XY\x01\x80t\t"), b"\xe4=XYt\t");
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(back(&coded(&all)), all);
    }
    #[test]
    fn lines_of_a_length() {
        assert_eq!(lines(Lines::Wrap, b"abcdefg", 3, 3), (b"abc\r\ndef\r\ng".to_vec(), 2));
        assert_eq!(lines(Lines::Wrap, b"ab\r\ncd", 3, 3), (b"ab\r\ncd".to_vec(), 1));
        assert_eq!(lines(Lines::WrapQuoted, b"ab=3Dcd", 6, 6), (b"ab=3D=\r\ncd".to_vec(), 4));
        assert_eq!(lines(Lines::WrapQuoted, b"abc=3D", 6, 6), (b"abc=\r\n=3D".to_vec(), 3));
    }
    #[test]
    fn ends_and_dots() {
        assert_eq!(lines(Lines::Ends, b"a\rb\nc\r\nd\n\re\n\nf", 0, 0), (b"a|b|c|d|e||f".to_vec(), 0));
        assert_eq!(lines(Lines::Ends, b"x\r", 0, 0), (b"x|".to_vec(), 13));
        assert_eq!(lines(Lines::Ends, b"\ny", 13, 0), (b"y".to_vec(), 0));
        assert_eq!(lines(Lines::Dots, b".a\r\n.b.\n.\r\n", 2, 0), (b"..a\r\n..b.\n.\r\n".to_vec(), 2));
    }
}
