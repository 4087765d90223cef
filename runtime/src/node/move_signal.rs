//! What nodes tell each other about processes that move, or have: the wire form.
//!
//! Journey: remote signal: signal -> **wire form** -> frame -> session -> **wire form** -> signal. It is one signal of ./signal.rs, with
//! variants of its own, of which the same is true: a number never changes. What each is for stands in spec/protocol.md ("Moves").

use super::name::NodeName;
use super::signal::{Answer, Bytes, Contents, Question, Stamp};
use crate::process::signal::Bond;
use serde::{Deserialize, Serialize};

/// About a process that moves, or has (../migration/handover.rs, routes.rs).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum MoveSignal<P> {
    /// 0: a process that wants to move to the receiver.
    Offer {
        /// Made by the sender, greater each time: names the try in all that follows.
        number: u64,
        /// Which process.
        pid: P,
        /// How often it will have moved then.
        epoch: u64,
        /// The frozen process (spec/format.md, "A whole process"); no pids. Its code is asked for as that of messages.
        contents: Contents<P>,
    },
    /// 1: it was made, and waits for the commit.
    Ready {
        /// The offer's.
        number: u64,
        /// The process.
        pid: P,
    },
    /// 2: it was not.
    Refused {
        /// The offer's.
        number: u64,
        /// Why.
        why: Bytes,
    },
    /// 3: it is the receiver's.
    Commit {
        /// The offer's.
        number: u64,
        /// The process.
        pid: P,
        /// Its names, and since when, if they are global.
        names: Vec<(Bytes, Option<Stamp>)>,
        /// Nodes to which it may have sent from here: they say [`MoveSignal::Settled`].
        nodes: Vec<NodeName>,
        /// Nodes that it monitors, and how many times.
        watched: Vec<(NodeName, u32)>,
    },
    /// 4: it stays at the sender.
    Abort {
        /// The offer's.
        number: u64,
        /// The process.
        pid: P,
    },
    /// 5: it runs at the sender.
    Running {
        /// The offer's.
        number: u64,
    },
    /// 6: a process has moved; all that it has sent from the sender has come.
    Moved {
        /// Which.
        pid: P,
        /// How often it has moved.
        epoch: u64,
        /// Identity of the runtime where it is, big-endian.
        runtime: [u8; 16],
        /// The node of that.
        node: NodeName,
    },
    /// 7: [`MoveSignal::Moved`] has come from where the process was before.
    Settled {
        /// Which.
        pid: P,
        /// How often it has moved.
        epoch: u64,
    },
    /// 8: all that the sender, or who is named, has sent to a process by this path has been sent.
    Mark {
        /// To which process.
        pid: P,
        /// Identity of the runtime of who asks, big-endian.
        asker: [u8; 16],
        /// Made by that.
        id: u64,
    },
    /// 9: that mark has come to where the process is, or can come nowhere.
    Marked {
        /// The process.
        pid: P,
        /// The mark's.
        id: u64,
        /// How often the process had moved there; none: it can come nowhere.
        epoch: Option<u64>,
    },
    /// 10: a process that has moved has ended, or was lost on its way.
    Ended {
        /// Which.
        pid: P,
        /// How often it had moved.
        epoch: u64,
        /// It was lost: links and monitors with it are `noconnection`.
        lost: bool,
    },
    /// 11: a signal for a process that was at the sender.
    Forward {
        /// The process.
        to: P,
        /// The signal.
        carried: Carried<P>,
    },
    /// 12: after a session was lost, to the origin of a move that is ready: was it committed? The answer is
    /// [`MoveSignal::Commit`] and what followed it, or [`MoveSignal::Abort`].
    WasCommitted {
        /// The offer's.
        number: u64,
        /// The process.
        pid: P,
    },
    /// 13: after a session was lost, to the target of a move that was committed: does the process run? The answer is
    /// [`MoveSignal::Running`], [`MoveSignal::Refused`] if it never came, and none if it is ready and asks itself.
    DoesRun {
        /// The offer's.
        number: u64,
        /// The process.
        pid: P,
        /// How often it has moved.
        epoch: u64,
    },
    /// 14: where a process is that the receiver has sent to by the sender, or that goes on though the receiver has not answered
    /// [`MoveSignal::Moved`]. Nothing is answered.
    Found {
        /// Which.
        pid: P,
        /// How often it has moved.
        epoch: u64,
        /// Identity of the runtime where it is, big-endian.
        runtime: [u8; 16],
        /// The node of that.
        node: NodeName,
    },
    /// 15: before [`MoveSignal::Commit`], to who numbers paths: which were the last by which something has come to the process.
    Paths {
        /// The offer's.
        number: u64,
        /// The process.
        pid: P,
        /// Identities of the runtimes that have sent by them, and the number of each.
        heard: Vec<([u8; 16], u64)>,
    },
    /// 16: as [`MoveSignal::Forward`], to who numbers paths.
    ForwardBy {
        /// The process.
        to: P,
        /// Identities of the runtimes that have sent it on, the sender's last, and the number of the path of each.
        by: Vec<([u8; 16], u64)>,
        /// The signal.
        carried: Carried<P>,
    },
    /// 17: as [`MoveSignal::Found`], of a process at the sender that goes on though the receiver has not answered
    /// [`MoveSignal::Moved`], to who numbers paths: what it has sent before, and has not come yet, is to be lost.
    GoesOn {
        /// Which.
        pid: P,
        /// How often it has moved.
        epoch: u64,
    },
    /// 18: before [`MoveSignal::Commit`], to who passes on who has settled: of which nodes nothing else can be heard of that.
    Unheard {
        /// The offer's.
        number: u64,
        /// The process.
        pid: P,
        /// Those that tell the sender, if they are not connected with the receiver: it passes that on.
        relayed: Vec<NodeName>,
        /// Those that have not settled after the last move, and were not told that the process goes on: something may still be on its way to them.
        without: Vec<NodeName>,
    },
    /// 19: a node that is not connected with the receiver has told the sender [`MoveSignal::Settled`].
    Relayed {
        /// Of which process.
        pid: P,
        /// How often it has moved.
        epoch: u64,
        /// The node.
        node: NodeName,
    },
    /// 20: as [`MoveSignal::ForwardBy`], to who wants to know the sender of a message.
    ForwardOf {
        /// The process.
        to: P,
        /// As there.
        by: Vec<([u8; 16], u64)>,
        /// Who has sent it.
        from: P,
        /// How often that had moved.
        epoch: u64,
        /// The message.
        carried: Carried<P>,
    },
}

/// A signal on its way to a process that has moved.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Carried<P> {
    /// 0: a message.
    Message(Contents<P>),
    /// 1: as [`Signal::Exit`].
    Exit {
        /// Which has ended.
        from: P,
        /// It only drops the link.
        normal: bool,
        /// The reason.
        contents: Contents<P>,
    },
    /// 2: as [`Signal::Link`].
    Link(P),
    /// 3: as [`Signal::Unlink`].
    Unlink(P, u64),
    /// 4: as [`Signal::UnlinkAck`].
    UnlinkAck(P, u64),
    /// 5: as [`Signal::Monitor`].
    Monitor(P, u64),
    /// 6: as [`Signal::Demonitor`].
    Demonitor(P, u64),
    /// 7: as [`Signal::Down`].
    Down {
        /// Which has ended.
        from: P,
        /// The monitor's id.
        id: u64,
        /// The reason.
        contents: Contents<P>,
    },
    /// 8: as [`Signal::Kill`].
    Kill(Contents<P>),
    /// 9: as [`Signal::Ask`].
    Ask(P, u64, Question),
    /// 10: as [`Signal::Answer`].
    Answer(u64, Answer<P>),
    /// 11: as [`Signal::Spawned`].
    Spawned(u64, Result<P, Bytes>),
    /// 12: as [`Signal::Interrupt`].
    Interrupt,
    /// 13: as [`Signal::Tied`].
    Tied(P, Bond),
    /// 14: as [`Signal::Response`].
    Response {
        /// By whom.
        from: P,
        /// The call's.
        id: u64,
        /// The monitor goes with it.
        over: bool,
        /// There is no answer.
        refused: bool,
        /// What is answered, or why not.
        contents: Contents<P>,
    },
}

impl<P> MoveSignal<P> {
    pub(super) fn map<Q, E>(self, f: &mut impl FnMut(P) -> Result<Q, E>) -> Result<MoveSignal<Q>, E> {
        use MoveSignal::*;
        Ok(match self {
            Offer { number, pid, epoch, contents } => Offer { number, pid: f(pid)?, epoch, contents: contents.map(f)? },
            Ready { number, pid } => Ready { number, pid: f(pid)? },
            Refused { number, why } => Refused { number, why },
            Commit { number, pid, names, nodes, watched } => Commit { number, pid: f(pid)?, names, nodes, watched },
            Abort { number, pid } => Abort { number, pid: f(pid)? },
            Running { number } => Running { number },
            Moved { pid, epoch, runtime, node } => Moved { pid: f(pid)?, epoch, runtime, node },
            Settled { pid, epoch } => Settled { pid: f(pid)?, epoch },
            Mark { pid, asker, id } => Mark { pid: f(pid)?, asker, id },
            Marked { pid, id, epoch } => Marked { pid: f(pid)?, id, epoch },
            Ended { pid, epoch, lost } => Ended { pid: f(pid)?, epoch, lost },
            Forward { to, carried } => Forward { to: f(to)?, carried: carried.map(f)? },
            ForwardBy { to, by, carried } => ForwardBy { to: f(to)?, by, carried: carried.map(f)? },
            GoesOn { pid, epoch } => GoesOn { pid: f(pid)?, epoch },
            Unheard { number, pid, relayed, without } => Unheard { number, pid: f(pid)?, relayed, without },
            ForwardOf { to, by, from, epoch, carried } => {
                ForwardOf { to: f(to)?, by, from: f(from)?, epoch, carried: carried.map(f)? }
            }
            Relayed { pid, epoch, node } => Relayed { pid: f(pid)?, epoch, node },
            Paths { number, pid, heard } => Paths { number, pid: f(pid)?, heard },
            WasCommitted { number, pid } => WasCommitted { number, pid: f(pid)? },
            DoesRun { number, pid, epoch } => DoesRun { number, pid: f(pid)?, epoch },
            Found { pid, epoch, runtime, node } => Found { pid: f(pid)?, epoch, runtime, node },
        })
    }
}
impl<P> Carried<P> {
    pub(super) fn map<Q, E>(self, f: &mut impl FnMut(P) -> Result<Q, E>) -> Result<Carried<Q>, E> {
        use Carried::*;
        Ok(match self {
            Message(c) => Message(c.map(f)?),
            Exit { from, normal, contents } => Exit { from: f(from)?, normal, contents: contents.map(f)? },
            Link(from) => Link(f(from)?),
            Unlink(from, id) => Unlink(f(from)?, id),
            UnlinkAck(from, id) => UnlinkAck(f(from)?, id),
            Monitor(from, id) => Monitor(f(from)?, id),
            Demonitor(from, id) => Demonitor(f(from)?, id),
            Down { from, id, contents } => Down { from: f(from)?, id, contents: contents.map(f)? },
            Kill(c) => Kill(c.map(f)?),
            Ask(from, id, question) => Ask(f(from)?, id, question),
            Answer(id, answer) => Answer(id, answer.map(f)?),
            Spawned(id, Ok(child)) => Spawned(id, Ok(f(child)?)),
            Spawned(id, Err(why)) => Spawned(id, Err(why)),
            Interrupt => Interrupt,
            Tied(from, bond) => Tied(f(from)?, bond),
            Response { from, id, over, refused, contents } => {
                Response { from: f(from)?, id, over, refused, contents: contents.map(f)? }
            }
        })
    }
    pub(super) fn contents_mut(&mut self) -> Option<&mut Contents<P>> {
        match self {
            Carried::Answer(_, super::signal::Answer::Info(c)) => Some(c),
            other => other.message_mut(),
        }
    }
    /// The message that is carried, or what a signal that is carried tells.
    pub fn message_mut(&mut self) -> Option<&mut Contents<P>> {
        match self {
            Carried::Message(c)
            | Carried::Kill(c)
            | Carried::Exit { contents: c, .. }
            | Carried::Down { contents: c, .. }
            | Carried::Response { contents: c, .. } => Some(c),
            _ => None,
        }
    }
}
