#!/bin/bash
# async-io 2.6.0: Async::poll_readable may stay pending for ever for one who polls again some time after each wake, though the
# socket has bytes to read and the waker is called each time. The future that readable() gives is ready after two or three.
# What a reader would expect: that whoever is woken since the reactor has seen bytes is told so at the next poll.
#
# Both keep the number of the reactor's round at which they began to wait, and count an event as old that comes in that round.
# poll_readable takes the number anew at each poll: by then the reactor's own thread waits in the next round already, whose event it
# will count as old again. To try the read at each wake, or to await readable(), does without.
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
async-io = "=2.6.0"
TOML
cat >src/main.rs <<'RUST'
use async_io::Async;
use std::future::Future;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

struct Count(AtomicU32);
impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Polls again a while after each wake; at which poll it was ready, and how many wakes there were.
fn polls(mut poll: impl FnMut(&mut Context) -> Poll<std::io::Result<()>>) -> (Option<u32>, u32) {
    let count = Arc::new(Count(AtomicU32::new(0)));
    let waker = Waker::from(count.clone());
    for i in 1..=50 {
        if poll(&mut Context::from_waker(&waker)).is_ready() {
            return (Some(i), count.0.load(SeqCst));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    (None, count.0.load(SeqCst))
}

fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut writer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let reader = Async::new(listener.accept().unwrap().0).unwrap();
    // The reactor's own thread waits now.
    std::thread::sleep(Duration::from_millis(100));
    writer.write_all(b"x").unwrap();
    let (ready, wakes) = polls(|cx| reader.poll_readable(cx));
    println!("poll_readable: ready at poll {ready:?} of 50, wakes: {}", if wakes >= 40 { "at nearly each" } else { "few" });
    let mut readable = pin!(reader.readable());
    let (ready, _) = polls(|cx| readable.as_mut().poll(cx));
    println!("readable(): ready within four polls: {}", ready.is_some_and(|n| n <= 4));
}
RUST
cargo run --quiet >output
cat output
diff output - <<'TEXT'
poll_readable: ready at poll None of 50, wakes: at nearly each
readable(): ready within four polls: true
TEXT
