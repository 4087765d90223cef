#!/bin/sh
# postcard 1.1.3: `from_bytes` is content with bytes that go on after the value. A protocol that takes it for a check that a
# message is well formed lets anything follow; one that wants that has to use `take_from_bytes` and look at the rest.
# Expected: an error, as serde_json's from_slice gives. Seen: Ok.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat >Cargo.toml <<'END'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"
[dependencies]
postcard = { version = "=1.1.3", features = ["use-std"] }
END
cat >src/main.rs <<'END'
fn main() {
    let mut bytes = postcard::to_stdvec(&(7u32, "seven")).unwrap();
    bytes.extend_from_slice(b"and more");
    let whole: Result<(u32, &str), _> = postcard::from_bytes(&bytes);
    let (_, rest): ((u32, &str), &[u8]) = postcard::take_from_bytes(&bytes).unwrap();
    println!("from_bytes: {whole:?}; left by take_from_bytes: {}", rest.len());
}
END
seen=$(cargo run --quiet)
echo "$seen"
[ "$seen" = 'from_bytes: Ok((7, "seven")); left by take_from_bytes: 8' ]
