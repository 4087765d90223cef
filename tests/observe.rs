//! The web view as its users have it: a program with `--observe`, asked over loopback.
//!
//! Journey: request -> figures -> JSON, end to end. What the page makes of it in a browser is tests/observe/browser.mjs.

use crate::user::{Started, User, path, text};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

const PROGRAM: &str = "tests/nodes/observed.lua";

/// A program that is observed, its address and its token.
struct Observed {
    program: Started,
    address: String,
    token: String,
}

impl Observed {
    fn start(user: &User, arguments: &[&str]) -> Observed {
        let mut program = user.start(arguments);
        let mut errors = BufReader::new(program.child.stderr.take().expect("it is piped"));
        let mut line = String::new();
        errors.read_line(&mut line).expect("it can be read");
        let url = line.trim().strip_prefix("rlua-actor: observe at http://").expect("the URL comes first");
        let (address, token) = url.split_once('/').expect("a path follows");
        let (address, token) = (address.to_string(), token.trim_end_matches('/').to_string());
        assert_eq!(token.len(), 32);
        Observed { program, address, token }
    }
    /// All of the answer to these bytes.
    fn send(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout can be set");
        // It may answer, and close, before it has read all.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        text(&answer)
    }
    fn ask(&self, path: &str) -> String {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address).as_bytes())
    }
    fn get(&self, path: &str) -> String {
        self.ask(&format!("/{}/{path}", self.token))
    }
    fn look(&self, parameters: &str) -> Value {
        let answer = self.get(&format!("look?{parameters}"));
        let (head, body) = answer.split_once("\r\n\r\n").expect("a body follows");
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
        serde_json::from_str(body).expect("it is JSON")
    }
    /// Looks until something is seen.
    fn see(&self, parameters: &str, seen: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..2000 {
            last = self.look(parameters);
            if seen(&last) {
                return last;
            }
        }
        panic!("never seen, at last: {last}")
    }
}
/// The rows of all nodes.
fn rows(look: &Value) -> impl Iterator<Item = &Value> {
    look["nodes"].as_array().expect("nodes").iter().flat_map(|n| n["rows"].as_array().expect("rows"))
}
fn row<'v>(look: &'v Value, name: &str) -> Option<&'v Value> {
    rows(look).find(|r| r["name"] == name)
}

#[test]
fn a_program_that_is_no_node_is_seen() {
    let user = User::new("observe");
    let mut o = Observed::start(&user, &["run", "--observe", &path(PROGRAM), "100"]);
    assert_eq!(o.program.line(), "ready");
    let page = o.get("");
    assert!(page.contains("\r\nContent-Security-Policy: default-src 'none'; script-src 'self';"), "{page}");
    assert!(page.contains("<script src=\"page.js\" defer></script>"), "{page}");
    assert!(o.get("page.js").contains("\r\nContent-Type: text/javascript;"));
    assert!(o.get("page.css").contains("prefers-color-scheme: dark"));
    for file in ["page.html", "page.js", "page.css"] {
        let text = std::fs::read_to_string(path(&format!("src/observe/{file}"))).expect("it is there");
        for word in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "//cdn", "https://", " style="]
        {
            assert!(!text.contains(word), "{file} has {word}");
        }
    }

    // The crowd comes when all others are there.
    let is_crowded = |l: &Value| l["nodes"][0]["processes"].as_f64() > Some(100.0);
    o.see("by=reductions&most=2", |l| is_crowded(l) && row(l, "grinder").is_some());
    let seen = o.see("by=mailbox&most=1", |l| row(l, "sink").is_some_and(|r| r["mailbox"].as_f64() > Some(10.0)));
    let sink = row(&seen, "sink").expect("it was seen")["pid"].as_str().expect("a text").to_string();
    let seen = o.see(&format!("most=0&process={sink}"), |l| l["nodes"][0]["detail"]["heads"][0].is_string());
    let head = seen["nodes"][0]["detail"]["heads"][0].as_str().expect("a text");
    assert!(head.contains("cost") && head.contains("number"), "{head}");
    let seen = o.look("by=age&filter=onerror");
    assert!(rows(&seen).any(|r| r["name"] == "worker 3 <img src=x onerror=alert(1)>"), "{seen}");
    let seen = o.see("by=waits", |l| l["waits"]["circles"].as_array().is_some_and(|c| !c.is_empty()));
    let names: Vec<_> = seen["waits"]["circles"][0]["pids"].as_array().expect("pids").iter().collect();
    assert_eq!(names.len(), 2, "{seen}");
    assert_eq!(o.look("process=%3C0.999999%3E")["nodes"][0]["detail"], Value::Null);
}

#[test]
fn what_is_not_for_strangers_is_refused() {
    let user = User::new("observe-refused");
    let o = Observed::start(&user, &["run", "--observe=127.0.0.1", &path(PROGRAM), "0"]);
    let status = |answer: String| answer.lines().next().unwrap_or_default().to_string();
    let no_token = "HTTP/1.1 403 Forbidden";
    for path in ["/", "/look", "/page.js", "/0123456789abcdef0123456789abcdef/", &format!("/{}", o.token)] {
        let answer = o.ask(path);
        assert!(answer.starts_with(no_token) && !answer.contains(&o.token), "{path}: {answer}");
    }
    let to = |host: &str, method: &str| {
        status(o.send(format!("{method} /{}/look HTTP/1.1\r\nHost: {host}\r\n\r\n", o.token).as_bytes()))
    };
    let port = o.address.rsplit(':').next().expect("a port");
    assert_eq!(to("evil.example", "GET"), "HTTP/1.1 421 Misdirected Request");
    assert_eq!(to(&format!("evil.example:{port}"), "GET"), "HTTP/1.1 421 Misdirected Request");
    assert_eq!(to(&format!("localhost:{port}"), "GET"), "HTTP/1.1 200 OK");
    assert_eq!(to(&o.address, "POST"), "HTTP/1.1 405 Method Not Allowed");
    assert_eq!(status(o.get("../../etc/passwd")), "HTTP/1.1 404 Not Found");

    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(1 << 20));
    assert_eq!(status(o.send(long.as_bytes())), "HTTP/1.1 431 Request Header Fields Too Large");
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(1000));
    assert_eq!(status(o.send(many.as_bytes())), "HTTP/1.1 431 Request Header Fields Too Large");
    // Random bytes, from a seed: whatever is answered, it goes on.
    let mut n = 7u64;
    for _ in 0..200 {
        let bytes: Vec<u8> = (0..300)
            .map(|_| {
                n = n.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (n >> 56) as u8
            })
            .collect();
        let answer = o.send(&bytes);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    // Who connects and says nothing takes no place from others for long.
    let silent: Vec<_> = (0..12).map(|_| TcpStream::connect(&o.address).expect("it listens")).collect();
    assert_eq!(o.look("")["nodes"].as_array().map(Vec::len), Some(1));
    drop(silent);
}

#[test]
fn a_port_in_use_is_said_before_anything_runs() {
    let user = User::new("observe-port");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let address = taken.local_addr().expect("it has one").to_string();
    let run = user.run(&["run", &format!("--observe={address}"), "-e", "print 'ran'"]);
    assert_eq!((run.status.code(), text(&run.stdout)), (Some(1), String::new()));
    assert!(text(&run.stderr).starts_with(&format!("rlua-actor: cannot observe at {address}: ")), "{run:?}");
    let run = user.run(&["run", "--observe=somewhere", "-e", "print 'ran'"]);
    assert_eq!(run.status.code(), Some(2), "{run:?}");
}

#[test]
fn other_nodes_are_seen_and_left_alone_afterwards() {
    let user = User::new("observe-nodes");
    let mut far = user.start(&["run", &path(PROGRAM), "10", "far@localhost"]);
    assert_eq!(far.line(), "ready");
    let mut o = Observed::start(&user, &["run", "--observe", &path(PROGRAM), "10", "near@localhost", "far@localhost"]);
    assert_eq!(o.program.line(), "ready");
    let seen = o.see("by=age&most=100", |l| rows(l).any(|r| r["name"] == "far far"));
    let names: Vec<_> = seen["nodes"].as_array().expect("nodes").iter().map(|n| n["name"].as_str()).collect();
    assert_eq!(names, [Some("near@localhost"), Some("far@localhost")]);
    let pid = row(&seen, "far far").expect("it was seen")["pid"].as_str().expect("a text").to_string();
    let seen = o.look(&format!("most=0&process={pid}"));
    assert_eq!(seen["nodes"][1]["detail"]["name"], "far far", "{seen}");
    let seen = o.look("node=far@localhost&most=100");
    assert_eq!(seen["nodes"][0]["rows"].as_array().map(Vec::len), Some(0));
    // Traffic of both, with each other.
    o.see("", |l| {
        l["nodes"][0]["nodes"][0]["sent"].as_f64() > Some(0.0) && l["nodes"][1]["nodes"][0]["name"] == "near@localhost"
    });
    let run = user.run(&["ps", "near@localhost"]);
    assert!(!text(&run.stdout).contains("node.lua"), "nothing runs in the observed node for it: {run:?}");
}
