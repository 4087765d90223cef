#!/bin/bash
# piccolo 0.3.3, the last release: `a, b = b, a` gives both the same value, local variables and fields of a table alike.
# What a reader would expect: that all values are evaluated before any is assigned (Lua 5.4 manual, 3.3.3), so that it is a swap.
#
# Each value is evaluated when it is assigned, and the first assignment has taken the second one's away. Whoever compares with piccolo
# gets other answers from programs that count two variables on like this (two generations of a game of life, two numbers of a series).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2024"
[dependencies]
piccolo = "=0.3.3"
TOML
cat >src/main.rs <<'RUST'
use piccolo::{Closure, Executor, Lua};

fn main() {
    let program = "
        local a, b = 'one', 'two'
        a, b = b, a
        local t = { 'one', 'two' }
        t[1], t[2] = t[2], t[1]
        return a .. ' ' .. b .. ', ' .. t[1] .. ' ' .. t[2]
    ";
    let mut lua = Lua::full();
    let executor = lua.enter(|ctx| {
        let closure = Closure::load(ctx, None, program.as_bytes()).expect("it is Lua");
        ctx.stash(Executor::start(ctx, closure.into(), ()))
    });
    println!("{}", lua.execute::<String>(&executor).expect("it runs"));
}
RUST
seen=$(cargo run --quiet)
echo "seen: $seen"
if [ "$seen" != "two two, two two" ]; then
    echo "this has changed; a swap would be: two one, two one" >&2
    exit 1
fi
