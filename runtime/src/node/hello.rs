//! Hellos: what two nodes tell each other of themselves before the first signal.
//!
//! Journey: remote signal: handshake -> **hello** -> session. The initiator's hello is the first encrypted frame, short
//! enough for the limit on what a stranger may send; the responder's answer says ok, wait or why not. What may be long,
//! the connected nodes and the names, follows as signals.

use super::frame::Limits;
use super::name::NodeName;
use rlua_machine::value::Runtime;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The versions of the protocol that this program speaks.
pub const VERSIONS: (u16, u16) = (2, 2);

/// Features: a bit each. A node uses one if both have it.
pub mod features {
    /// Keeps the network fully connected, and names global in it.
    pub const CONNECT_ALL: u64 = 1;
    /// A visitor (`attach`, `ps`): no node, has no name that others may dial and enters no table for longer than its
    /// session.
    pub const VISITOR: u64 = 2;
    /// Numbers its paths to processes that have moved.
    pub const PATHS: u64 = 4;
    /// Passes on to where a process is that others have settled after its move.
    pub const RELAYS: u64 = 8;
    /// Says who has sent a message that is sent on to a process that has moved.
    pub const SENDERS: u64 = 16;
    /// All that this program has besides those that are a choice.
    pub const ALL: u64 = PATHS | RELAYS | SENDERS;
}

/// The first 14 bytes of the identity of a visitor's runtime. A number of 16 bits follows, so that no number of visits
/// fills a node's list of runtimes.
const VISITOR_LABEL: &[u8; 14] = b"rlua-visitor 1";
/// Whether a runtime is a visitor, by its identity.
pub fn is_visitor(id: u128) -> bool {
    id.to_be_bytes().starts_with(VISITOR_LABEL)
}
/// Bits of the number, chosen at random, from which the serial numbers of a visitor's processes go up: so that a visitor
/// of the same identity has others.
pub const VISITOR_SERIAL_BITS: u32 = 40;

/// The identity of a visitor's runtime.
pub fn visitor_id(number: u16) -> u128 {
    let mut id = [0; 16];
    id[..14].copy_from_slice(VISITOR_LABEL);
    id[14..].copy_from_slice(&number.to_be_bytes());
    u128::from_be_bytes(id)
}

/// What a node tells of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// Oldest and newest version of the protocol that it speaks.
    pub versions: (u16, u16),
    /// Bits of [`features`].
    pub features: u64,
    /// Its name.
    pub name: NodeName,
    /// Its runtime's identity, big-endian.
    pub runtime: [u8; 16],
    /// When it became a node: milliseconds since 1970, for people.
    pub creation: u64,
    /// What it accepts.
    pub limits: Limits,
}

/// The first frame of the initiator.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Opening {
    /// Who it is.
    pub hello: Hello,
    /// Whom it has dialled.
    pub dialled: NodeName,
}

/// The first frames of the responder.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// 0: the session stands, under the version.
    Ok {
        /// Who it is.
        hello: Hello,
        /// The newest that both speak.
        version: u16,
    },
    /// 1: it has dialled at the same time and goes on with that; ok or why not follows.
    Wait,
    /// 2: no session.
    Refused(Refusal),
}

/// Why a node refuses a session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Refusal {
    /// 0: no version that both speak.
    Versions {
        /// The oldest and newest of who refuses.
        spoken: (u16, u16),
    },
    /// 1: the one that was dialled has another name.
    OtherName(NodeName),
    /// 2: both are the same runtime.
    Oneself,
    /// 3: another runtime of that name is connected.
    NameTaken,
    /// 4: another runtime has come under that name since.
    Outdated,
    /// 5: the session of the responder's own attempt stands.
    Connected,
    /// 6: it leaves the network.
    Closing,
    /// 7: it has as many sessions as it can bear.
    Busy,
    /// 8: its limits are none, or its hello contradicts itself.
    Malformed,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Refusal::Versions { spoken: (old, new) } => {
                write!(
                    f,
                    "it speaks versions {old} to {new} of the protocol, this node {} to {}",
                    VERSIONS.0, VERSIONS.1
                )
            }
            Refusal::OtherName(name) => write!(f, "the node at that address is {name}"),
            Refusal::Oneself => f.write_str("that is this node itself"),
            Refusal::NameTaken => f.write_str("another node of this node's name is connected there"),
            Refusal::Outdated => f.write_str("a newer node has taken this node's name"),
            Refusal::Connected => f.write_str("connected already"),
            Refusal::Closing => f.write_str("the node leaves the network"),
            Refusal::Busy => f.write_str("the node has too many connections"),
            Refusal::Malformed => f.write_str("the node says that it was sent a malformed hello"),
        }
    }
}
impl std::error::Error for Refusal {}

impl Refusal {
    /// The same, as who refuses tells it.
    pub fn of_the_other(&self) -> String {
        match self {
            Refusal::Versions { spoken: (old, new) } => {
                format!("it speaks none of the versions {old} to {new} of the protocol")
            }
            Refusal::OtherName(own) => format!("it looks for another node than {own}"),
            Refusal::Oneself => "it is this node itself".into(),
            Refusal::NameTaken => "another node of its name is connected, or this node has it".into(),
            Refusal::Outdated => "a newer node has taken its name".into(),
            Refusal::Connected => "it is connected already".into(),
            Refusal::Closing => "this node leaves the network".into(),
            Refusal::Busy => "there are too many connections".into(),
            Refusal::Malformed => "its hello is malformed".into(),
        }
    }
}

/// The newest version that two nodes speak.
pub fn common_version(a: (u16, u16), b: (u16, u16)) -> Option<u16> {
    let newest = a.1.min(b.1);
    (newest >= a.0.max(b.0)).then_some(newest)
}

impl Hello {
    /// Its runtime; none if this OS process has heard of too many.
    pub fn runtime(&self) -> Option<Runtime> {
        Runtime::find(u128::from_be_bytes(self.runtime))
    }
    /// Whether it is a visitor.
    pub fn visits(&self) -> bool {
        self.features & features::VISITOR != 0
    }
    /// Whether it keeps the network fully connected.
    pub fn connects_all(&self) -> bool {
        self.features & features::CONNECT_ALL != 0
    }
    /// Whether a session with the other is possible at all; the version.
    pub fn accept(&self, opening: &Opening) -> Result<u16, Refusal> {
        let other = &opening.hello;
        if other.runtime == self.runtime {
            return Err(Refusal::Oneself);
        }
        let is_visitor = other.runtime.starts_with(VISITOR_LABEL);
        if !other.limits.are_possible() || other.visits() != is_visitor {
            return Err(Refusal::Malformed);
        }
        if opening.dialled != self.name {
            return Err(Refusal::OtherName(self.name.clone()));
        }
        common_version(self.versions, other.versions).ok_or(Refusal::Versions { spoken: self.versions })
    }
}
