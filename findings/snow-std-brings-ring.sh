#!/bin/sh
# snow 0.10.0, default features off. Its feature `std`, which sounds like no more than the standard library, also switches
# on the optional dependencies ring and blake2 (a C compiler, two more implementations of what `use-sha2` and
# `use-chacha20poly1305` bring already): the dependencies are named in it without a question mark.
# Expected: with `std` the tree has one package more, snow's own needs. Seen: ring 0.17 and blake2 0.10 as well; without
# `std` neither, and the crate builds and works.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
echo 'fn main() {}' >src/main.rs
tree() {
    cat >Cargo.toml <<END
[package]
name = "finding"
version = "0.0.0"
edition = "2021"
[dependencies]
snow = { version = "=0.10.0", default-features = false, features = [$1"use-chacha20poly1305", "use-sha2", "use-curve25519"] }
END
    cargo tree --quiet --prefix none | cut -d' ' -f1 | sort -u | grep -xE 'ring|blake2' | tr '\n' ' '
}
with=$(tree '"std", ')
without=$(tree '' || true)
echo "with std: ${with:-nothing}; without: ${without:-nothing}"
[ "$with" = "blake2 ring " ] && [ -z "$without" ]
