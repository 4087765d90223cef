//! Any bytes are a head, more to come, or refused, wherever they are cut; a head is no longer than its limits. A chunk's line likewise.
#![no_main]

mod seeds;

use libfuzzer_sys::fuzz_target;
use rlua_runtime::http::head::{self, Body, CHUNK_LINE, FIELDS, Limits};
use std::mem::MaybeUninit;

const LIMITS: Limits = Limits { line: 200, head: 1000, fields: 20 };

fn all_seeds() -> Vec<Vec<u8>> {
    [
        &b"GET /a?b HTTP/1.1\r\nHost: x\r\nConnection: close, x\r\n\r\n"[..],
        b"\r\nPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\nbody",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc",
        b"1a;x=y\r\n",
    ]
    .map(<[u8]>::to_vec)
    .to_vec()
}

fuzz_target!(init: seeds::write(all_seeds), |bytes: &[u8]| {
    if let Ok(Some((len, _))) = head::chunk(bytes) {
        assert!(len <= CHUNK_LINE && bytes[..len].ends_with(b"\n"));
    }
    let whole = head::find(bytes, 0, &LIMITS);
    // It does not matter how it comes.
    for cut in 0..bytes.len().min(1100) {
        match head::find(&bytes[..cut], 0, &LIMITS) {
            Ok(None) => assert_eq!(head::find(bytes, cut, &LIMITS), whole),
            Ok(found) => {
                assert_eq!(whole, Ok(found));
                break;
            }
            Err(_) => {
                assert!(whole.is_err());
                break;
            }
        }
    }
    let Ok(Some(len)) = whole else { return };
    assert!(len <= LIMITS.head);
    for parse in [head::request, head::response] {
        let mut room = [MaybeUninit::uninit(); FIELDS];
        if let Ok(head) = parse(&bytes[..len], &LIMITS, &mut room) {
            assert!(head.len == len && head.fields.len() <= LIMITS.fields);
            assert!(!matches!(head.body, Body::Length(n) if n > i64::MAX as u64));
            assert!(head.fields.iter().all(|f| !f.value.iter().any(|b| matches!(b, b'\r' | b'\n' | 0))));
        }
    }
});
