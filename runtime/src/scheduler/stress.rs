//! Test modes: a process goes on in a fresh heap made from its frozen bytes; long slices are reported.
//!
//! Journey: freezing, for tests. What hangs beside the machine (context, files) stays; in the move mode all but the files
//! goes the way that it goes to another node.

use super::Scheduler;
use crate::codec;
use crate::process::Process;
use crate::process::context::context;
use std::sync::atomic::Ordering;

impl Scheduler {
    /// Reports a slice of so many reductions, if it is longer than it may be.
    #[inline]
    pub(super) fn look_at_length(&self, p: &mut Process, used: u64) {
        if self.config.stress.long_slice.is_some_and(|most| used > most) {
            rlua_machine::stdlib::host::flush(&mut p.vm);
            let place = p.vm.where_it_is();
            report!("rlua-actor: a slice of {used} reductions ({})", String::from_utf8_lossy(&place));
        }
    }
    /// Freezes and thaws, if this safepoint is one of those that are used.
    pub(super) fn freeze_and_thaw(&self, p: &mut Process) {
        let Some(budget) = self.config.stress.freeze else { return };
        let n = context(&mut p.vm).reductions;
        let spent = self.frozen_bytes.load(Ordering::Relaxed);
        if n > budget.first && budget.every == 0 {
            // Past the first ones: at growing distances, further apart as the budget is used up.
            let step = 1 + n / 64 + if spent > budget.bytes { n * (spent / budget.bytes.max(1)) } else { 0 };
            if !n.is_multiple_of(step) {
                return;
            }
        }
        if self.config.stress.moves
            && !p.is_busy()
            && let Some(bytes) = p.move_in_place()
        {
            self.frozen_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
            return;
        }
        let bytes = match codec::freeze(&mut p.vm) {
            Ok(bytes) => bytes,
            // Nothing is left of it that could be frozen.
            Err(codec::FreezeError::Ended) => return,
            Err(e) => panic!("freeze mode: {e}"),
        };
        self.frozen_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let host = p.vm.take_surroundings();
        match codec::thaw(&bytes, host, p.vm.natives, &p.vm.heap.modules().to_vec()) {
            Ok(mut vm) => {
                context(&mut p.vm).leave_machine();
                vm.attached = std::mem::take(&mut p.vm.attached);
                self.config.set_up(&mut vm);
                p.vm = vm;
            }
            Err(e) => panic!("freeze mode: {e}"),
        }
    }
}
