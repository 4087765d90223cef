//! What a program remembers of moves while it is no node.
//!
//! Journey: none. A node that leaves (`shutdown`) may be one again (`init`). Processes of others that live in its program are still
//! there, and its own may be elsewhere; numbers that were used in questions to others must not be used again.

use super::paths::Heard;
use super::{Node, Online};
use crate::migration::routes::Place;
use rlua_machine::value::{Pid, Runtime};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What is remembered.
#[derive(Default)]
pub struct Past {
    /// A node that is leaving: until it has, it knows best.
    leaving: Option<Arc<Online>>,
    /// Where processes are that have moved.
    places: BTreeMap<Pid, Place>,
    /// Processes that have ended, and how often they had moved: what is heard of earlier moves brings none of them back.
    ends: Vec<(Pid, u64)>,
    /// By which paths something has come to those that are here.
    heard: HashMap<Pid, Heard>,
    last_move: u64,
    last_mark: u64,
}

impl Past {
    /// Of a node that is leaving.
    pub fn of_leaving(online: Arc<Online>) -> Past {
        Past { leaving: Some(online), ..Past::default() }
    }
    /// The node that is leaving.
    pub fn leaving(&self) -> Option<Arc<Online>> {
        self.leaving.clone()
    }
    /// The runtime where a process was that had moved.
    pub fn runtime_of(&self, pid: Pid) -> Option<Runtime> {
        self.places.get(&pid).map(|p| p.runtime)
    }
}

impl Online {
    /// As [`Node::moved_to`].
    pub fn moved_to(&self, pid: Pid) -> Option<Runtime> {
        self.has_moved(pid).then(|| self.runtime_of(pid))
    }
    /// What is to be remembered of it: it has closed.
    pub(super) fn past(&self) -> Past {
        let mut moves = self.moves();
        let heard = std::mem::take(&mut moves.heard);
        let places = moves.routes.places().collect();
        let ends = moves.routes.ends().collect();
        Past { leaving: None, places, ends, heard, last_move: moves.handover.last(), last_mark: moves.routes.last() }
    }
    /// What its program remembers of the node that it was before.
    pub(super) fn recall(&self, past: Past) {
        let own = self.program.runtime();
        let mut moves = self.moves();
        moves.handover.go_on_from(past.last_move);
        moves.routes.go_on_from(past.last_mark);
        moves.heard = past.heard;
        for (pid, place) in past.places {
            if place.runtime != own || self.program.is_here(pid) {
                moves.routes.recall(pid, place);
                self.any_moved.store(true, Ordering::Release);
            } else {
                // It has ended since.
                moves.routes.remember_end(pid, place.epoch, None);
            }
        }
        past.ends.into_iter().for_each(|(pid, epoch)| moves.routes.remember_end(pid, epoch, None));
    }
}

impl Node {
    /// The runtime where a process is that has moved, as far as is known; none: it was never heard that it has.
    pub fn moved_to(&self, pid: Pid) -> Option<Runtime> {
        if let Some(online) = self.online() {
            return online.moved_to(pid);
        }
        let past = self.past.lock().unwrap_or_else(|e| e.into_inner());
        match past.leaving() {
            None => past.runtime_of(pid),
            Some(online) => {
                drop(past);
                online.moved_to(pid)
            }
        }
    }
}
