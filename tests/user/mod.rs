//! A user of nodes, for tests: a home folder, a port mapper's port, programs that go on while others run.
//!
//! Journey: none. Each test has a user of its own, so that its nodes meet no others.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Ports of this program of tests: locked files, each of which stands for a block of ports, and what is left of the last.
static PORTS: Mutex<(Vec<File>, Range<u16>)> = Mutex::new((Vec::new(), 0..0));

/// How many users there have been.
static USERS: AtomicU64 = AtomicU64::new(0);

/// A port on which nobody listens, and that no other test is given.
///
/// It is below those that Linux gives to connections by itself (32,768 and more), or one of these might have it by the
/// time a node wants it.
pub fn port() -> u16 {
    const BLOCK: u16 = 64;
    let mut ports = PORTS.lock().expect("no panic");
    loop {
        if let Some(port) = ports.1.next() {
            // Who listened to find that out would do so for longer than it wants: until a program that another test starts at this
            // moment, and that has all its sockets at first, has begun.
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
                return port;
            }
            continue;
        }
        let (file, first) = (10_000..32_000)
            .step_by(usize::from(BLOCK))
            .find_map(|first| {
                let file = File::create(std::env::temp_dir().join(format!("rlua-test-ports-{first}"))).ok()?;
                file.try_lock().ok()?;
                Some((file, first))
            })
            .expect("there are ports");
        ports.0.push(file);
        ports.1 = first..first + BLOCK;
    }
}

/// A user with a home folder.
pub struct User {
    /// Where the cookie lies.
    pub home: PathBuf,
    /// The port mapper's.
    pub port: u16,
}

impl User {
    /// One whom no other test is.
    pub fn new(name: &str) -> User {
        // Two tests may have one name for theirs.
        let number = USERS.fetch_add(1, Relaxed);
        let home = std::env::temp_dir().join(format!("rlua-nodes-{name}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&home).expect("a folder can be made");
        User { home, port: port() }
    }
    /// The program under test.
    pub fn command(&self, arguments: &[&str]) -> Command {
        // What hangs is ended, and fails its test.
        let mut command = Command::new("timeout");
        command.args(["-k", "5", "100", env!("CARGO_BIN_EXE_rlua-actor")]);
        command.args(arguments).env("HOME", &self.home).env("RLUA_PMD_PORT", self.port.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
    /// A program that goes on.
    pub fn start(&self, arguments: &[&str]) -> Started {
        Started::new(self.command(arguments))
    }
    /// A program until its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("it runs")
    }
    /// A program whose input is this text.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().expect("it starts");
        // It may end before it has read all.
        let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
        child.wait_with_output().expect("it runs")
    }
    /// Waits until a node has its name.
    pub fn wait_for(&self, node: &str) {
        loop {
            let listed = self.run(&["pmd", "--list"]);
            if String::from_utf8_lossy(&listed.stdout).lines().any(|l| l.split('\t').next() == Some(node)) {
                return;
            }
            std::thread::yield_now();
        }
    }
}
impl Drop for User {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

/// A program that goes on.
pub struct Started {
    /// `timeout`, which has the program as its child.
    pub child: Child,
    out: BufReader<ChildStdout>,
}
impl Started {
    /// Starts it.
    pub fn new(mut command: Command) -> Started {
        let mut child = command.spawn().expect("it starts");
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        Started { child, out }
    }
    /// All that it writes from now on, line by line.
    pub fn take_output(&mut self) -> impl Iterator<Item = String> + Send + 'static {
        // Nothing else is read: an empty pipe of its own takes its place.
        let mut command = Command::new("true");
        let mut nothing = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let empty = BufReader::new(nothing.stdout.take().expect("it is piped"));
        let _ = nothing.wait();
        std::mem::replace(&mut self.out, empty).lines().map_while(Result::ok)
    }
    /// Its next line.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("it can be read");
        line.trim_end().to_string()
    }
    /// The number of the program itself.
    pub fn program(&self) -> String {
        let id = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).expect("it has a child");
        children.trim().to_string()
    }
    /// Ends it: what it has written on standard error.
    pub fn errors(mut self) -> String {
        let mut errors = self.child.stderr.take().expect("it is piped");
        drop(self);
        let mut all = String::new();
        errors.read_to_string(&mut all).expect("it can be read");
        all
    }
    /// What is left of its output, and its status.
    pub fn rest(mut self) -> (String, Option<i32>) {
        let mut all = String::new();
        while self.out.read_line(&mut all).expect("it can be read") > 0 {}
        (all, self.child.wait().expect("it ends").code())
    }
}
impl Drop for Started {
    fn drop(&mut self) {
        // `timeout` hands this on to the program; if both have ended already, to nobody.
        let _ = Command::new("kill").arg(self.child.id().to_string()).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }
}

/// A file of the repository.
pub fn path(file: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file).to_string_lossy().into_owned()
}
/// Output as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
