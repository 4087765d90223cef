//! A node ends, or the connection is cut, at every phase of a move: on sockets, with SIGKILL.
//!
//! Journey: a stopped process -> offer, ready, commit, running -> a process that goes on, or is lost. The program stops
//! itself at a phase (`--stop-at`, a hidden option), and then one of the two ends, or a proxy between them closes what
//! goes through it. In the end the process runs in exactly one place, or who monitors it has been told; never in two.

use crate::user::{Started, User, path, port, text};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};

/// Bytes of a large process that go through a proxy before it is told to let no more through.
const HALF: usize = 4 << 20;

const ORIGIN: [&str; 5] = ["Frozen", "Offered", "HeardReady", "Committed", "HeardRunning"];
const TARGET: [&str; 5] = ["HeardOffer", "Made", "HeardCommit", "Arrived", "Told"];

/// How many bytes may still go through proxies, and whether some wait.
#[derive(Clone)]
struct Gate(Arc<(Mutex<(usize, bool)>, Condvar)>);
impl Gate {
    fn new() -> Gate {
        Gate(Arc::new((Mutex::new((usize::MAX, false)), Condvar::new())))
    }
    fn pass(&self, bytes: usize) {
        let (lock, changed) = &*self.0;
        let mut state = lock.lock().expect("no panic");
        while state.0 < bytes {
            state.1 = true;
            changed.notify_all();
            state = changed.wait(state).expect("no panic");
        }
        state.0 -= if state.0 == usize::MAX { 0 } else { bytes };
    }
    /// So many more, and no others.
    fn set(&self, bytes: usize) {
        *self.0.0.lock().expect("no panic") = (bytes, false);
        self.0.1.notify_all();
    }
    /// Waits until they have passed, and others wait.
    fn wait(&self) {
        let state = self.0.0.lock().expect("no panic");
        drop(self.0.1.wait_while(state, |state| !state.1).expect("no panic"));
    }
}

/// All that is on its way to a node.
struct Proxy {
    open: Arc<Mutex<Vec<TcpStream>>>,
}
impl Proxy {
    /// From an address that nobody has to a node on this host.
    fn new(host: &str, port: u16, gate: &Gate) -> Proxy {
        let open: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let listener = TcpListener::bind((host, port)).expect("nobody listens there");
        let (all, gate) = (open.clone(), gate.clone());
        std::thread::spawn(move || {
            for from in listener.incoming().flatten() {
                let Ok(to) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                for (mut a, mut b) in [(from.try_clone(), to.try_clone()), (to.try_clone(), from.try_clone())]
                    .map(|(a, b)| (a.expect("it is open"), b.expect("it is open")))
                {
                    all.lock().expect("no panic").push(a.try_clone().expect("it is open"));
                    let gate = gate.clone();
                    std::thread::spawn(move || {
                        let mut bytes = [0; 4096];
                        while let Ok(n @ 1..) = a.read(&mut bytes) {
                            gate.pass(n);
                            if b.write_all(&bytes[..n]).is_err() {
                                break;
                            }
                        }
                        let _ = b.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        Proxy { open }
    }
    /// Closes all connections.
    fn cut(&self) {
        for stream in self.open.lock().expect("no panic").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// One of the two nodes.
struct Side {
    started: Started,
}
/// What has a line to say, and the line.
type Said = (&'static str, String);

struct Case<'a> {
    user: &'a User,
    names: [String; 2],
    lines: Receiver<Said>,
    says: Sender<Said>,
    said: Mutex<Vec<Said>>,
    /// Both proxies.
    wire: [Proxy; 2],
    gate: Gate,
    stop_at: &'a str,
}

impl<'a> Case<'a> {
    fn new(user: &'a User, stop_at: &'a str) -> Case<'a> {
        let ports = [port(), port()];
        let names = [format!("origin@here:{}", ports[0]), format!("target@there:{}", ports[1])];
        let gate = Gate::new();
        let wire = [Proxy::new("127.0.0.3", ports[0], &gate), Proxy::new("127.0.0.2", ports[1], &gate)];
        let (says, lines) = channel();
        Case { user, names, lines, says, said: Mutex::default(), wire, gate, stop_at }
    }
    fn start(&self, who: &'static str, stops: bool) -> Side {
        self.start_script(who, who, stops)
    }
    fn start_script(&self, who: &'static str, script: &str, stops: bool) -> Side {
        let mut arguments =
            vec!["run", "--listen", "127.0.0.1", "--host", "here=127.0.0.3", "--host", "there=127.0.0.2"];
        if stops {
            arguments.extend(["--stop-at", self.stop_at]);
        }
        let script = path(&format!("tests/handover/{script}.lua"));
        let i = usize::from(who == "target");
        arguments.extend([script.as_str(), &self.names[i], &self.names[1 - i]]);
        let mut command = self.user.command(&arguments);
        command.stdin(Stdio::piped());
        let mut started = Started::new(command);
        let first = if who == "target" { started.line() } else { String::new() };
        if who == "target" && first != "ready" {
            panic!("{arguments:?} {:?}", started.rest());
        }
        let (says, lines) = (self.says.clone(), started.take_output());
        std::thread::spawn(move || {
            for line in lines {
                let _ = says.send((who, line));
            }
        });
        Side { started }
    }
    /// The first line that begins so, of all that was said and will be.
    fn wait_for(&self, who: &[&str], what: &[&str]) -> Said {
        let mut said = self.said.lock().expect("no panic");
        let fits = |(w, line): &&Said| who.contains(w) && what.iter().any(|start| line.starts_with(start));
        loop {
            if let Some(fit) = said.iter().find(fits) {
                return fit.clone();
            }
            let next = self.lines.recv_timeout(std::time::Duration::from_secs(60));
            let Ok(next) = next else { panic!("{}: {said:?} and nothing more", self.stop_at) };
            said.push(next);
        }
    }
    /// How many processes named so are at a node.
    fn count(&self, i: usize) -> usize {
        let hosts = ["--host", "here=127.0.0.3", "--host", "there=127.0.0.2"];
        let arguments: Vec<&str> = ["ps"].into_iter().chain(hosts).chain([self.names[i].as_str()]).collect();
        let ps = self.user.run(&arguments);
        assert_eq!(text(&ps.stderr), "", "{}", self.stop_at);
        text(&ps.stdout).lines().filter(|l| l.contains("mover")).count()
    }
}
impl Side {
    /// Writes a line for it to read.
    fn tell(&mut self, line: &str) {
        writeln!(self.started.child.stdin.as_mut().expect("it is piped"), "{line}").expect("it reads");
    }
    fn signal(&self, signal: &str) {
        let done = Command::new("kill").args([signal, &self.started.program()]).status().expect("there is kill");
        assert!(done.success());
    }
    /// Waits until it has stopped, and lets it go on.
    fn go_on(&self) {
        let stat = format!("/proc/{}/stat", self.started.program());
        let state = || std::fs::read_to_string(&stat).expect("it is there");
        while !state().rsplit(") ").next().is_some_and(|s| s.starts_with('T')) {
            std::thread::yield_now();
        }
        self.signal("-CONT");
    }
    fn kill(self) {
        self.signal("-KILL");
    }
}

fn phases() -> impl Iterator<Item = (&'static str, &'static str)> {
    ORIGIN.map(|p| ("origin", p)).into_iter().chain(TARGET.map(|p| ("target", p)))
}
/// Both nodes, one of them stopped at the phase.
fn stopped<'a>(user: &'a User, at: &str, phase: &'a str) -> (Case<'a>, Side, Side) {
    let case = Case::new(user, phase);
    let target = case.start("target", at == "target");
    let origin = case.start("origin", at == "origin");
    let (_, line) = case.wait_for(&[at], &["stopped"]);
    assert_eq!(line, format!("stopped at {phase}"));
    (case, origin, target)
}

#[test]
fn the_origin_is_killed() {
    let user = User::new("kill-origin");
    for (at, phase) in phases() {
        let (case, origin, target) = stopped(&user, at, phase);
        origin.kill();
        if at == "target" {
            target.go_on();
        }
        let origin = case.start("origin-again", false);
        let (_, line) = case.wait_for(&["target"], &["runs", "told"]);
        let runs = usize::from(line.starts_with("runs"));
        assert_eq!((case.count(0), case.count(1)), (0, runs), "{phase}: {line}");
        drop(origin);
    }
}

#[test]
fn the_target_is_killed() {
    let user = User::new("kill-target");
    for (at, phase) in phases() {
        let (case, origin, target) = stopped(&user, at, phase);
        target.kill();
        if at == "origin" {
            origin.go_on();
        }
        let target = case.start("target", false);
        let (_, line) = case.wait_for(&["origin"], &["runs", "told"]);
        let runs = usize::from(line.starts_with("runs"));
        assert_eq!((case.count(0), case.count(1)), (runs, 0), "{phase}: {line}");
        drop(target);
    }
}

/// The connection is cut, and there is another soon: the process runs here or there, and nobody is told but of a loss of
/// what ran at the other node by then.
#[test]
fn the_connection_is_cut() {
    let user = User::new("cut");
    for (at, phase) in phases() {
        let (case, origin, target) = stopped(&user, at, phase);
        case.wire.iter().for_each(Proxy::cut);
        if at == "origin" {
            origin.go_on()
        } else {
            target.go_on()
        }
        let (who, line) = case.wait_for(&["origin", "target"], &["runs"]);
        let here = usize::from(who == "origin");
        assert_eq!((case.count(0), case.count(1)), (here, 1 - here), "{phase}: {line}");
    }
}

/// Both nodes, and a large process in the middle of being sent, which it is while it is written down: no more is let through.
fn half_sent(user: &User) -> (Case<'_>, Side, Side) {
    let case = Case::new(user, "half of it is sent");
    let target = case.start("target", false);
    let mut origin = case.start_script("origin", "large", false);
    case.wait_for(&["origin"], &["ready"]);
    case.gate.set(HALF);
    origin.tell("go");
    case.gate.wait();
    (case, origin, target)
}

/// What is sent to it meanwhile follows it.
#[test]
fn a_large_process_moves() {
    let user = User::new("large");
    let (case, mut origin, target) = half_sent(&user);
    origin.tell("meanwhile");
    case.gate.set(usize::MAX);
    let (_, line) = case.wait_for(&["origin", "target"], &["runs"]);
    assert_eq!(line, format!("runs\t{}\ttrue\tnil\ttrue", case.names[1]));
    assert_eq!(case.wait_for(&["origin", "target"], &["got", "told"]), ("target", "got\tmeanwhile".to_string()));
    assert_eq!((case.count(0), case.count(1)), (0, 1));
    drop(target);
}
#[test]
fn a_large_process_is_killed_on_its_way() {
    let user = User::new("large-killed");
    let (case, mut origin, target) = half_sent(&user);
    origin.tell("end");
    case.gate.set(usize::MAX);
    for who in ["origin", "target"] {
        assert_eq!(case.wait_for(&[who], &["told"]).1, "told\tenough");
    }
    assert_eq!((case.count(0), case.count(1)), (0, 0));
    drop((origin, target));
}
/// It goes on where it is, as it was, and can move again.
#[test]
fn a_large_process_stays_when_the_connection_is_lost() {
    let user = User::new("large-cut");
    let (case, mut origin, target) = half_sent(&user);
    origin.tell("meanwhile");
    case.wire.iter().for_each(Proxy::cut);
    let (_, line) = case.wait_for(&["origin", "target"], &["runs"]);
    let own = format!("runs\t{}\tnil\t", case.names[0]);
    assert!(line.starts_with(&own) && line.ends_with("the connection was lost\ttrue"), "{line}");
    assert_eq!(case.wait_for(&["origin", "target"], &["got"]), ("origin", "got\tmeanwhile".to_string()));
    case.gate.set(usize::MAX);
    assert_eq!((case.count(0), case.count(1)), (1, 0));
    case.said.lock().expect("no panic").clear();
    origin.tell("go");
    let (_, line) = case.wait_for(&["origin", "target"], &["runs"]);
    assert_eq!(line, format!("runs\t{}\ttrue\tnil\ttrue", case.names[1]));
    drop(target);
}
#[test]
fn a_large_process_stays_when_the_target_is_killed() {
    let user = User::new("large-target");
    let (case, origin, target) = half_sent(&user);
    target.kill();
    case.gate.set(usize::MAX);
    let (_, line) = case.wait_for(&["origin"], &["runs"]);
    let own = format!("runs\t{}\tnil\t", case.names[0]);
    assert!(line.starts_with(&own) && line.ends_with("\ttrue"), "{line}");
    drop(origin);
}
