//! Fewer decisions that still bring about the same failure (Zeller's delta debugging).
//!
//! Journey: a schedule that fails -> **one that fails with fewer decisions** -> a diagram. Pure: whether some of them fail is asked.

use rlua_runtime::Decision;

/// Leaves decisions out as long as it fails without them. `fails` runs some of them: what was decided then if it has failed the
/// same way, `Some(None)` if it has not, none if it is to be left at that.
pub fn shrink(
    all: Vec<Decision>,
    fails: &mut impl FnMut(&[Decision]) -> Option<Option<Vec<Decision>>>,
) -> Vec<Decision> {
    let mut kept = all;
    // Most failures need few of very many.
    let mut parts = 1;
    while !kept.is_empty() {
        let size = kept.len().div_ceil(parts);
        let mut from = 0;
        let mut has_shrunk = false;
        while from < kept.len() {
            let to = (from + size).min(kept.len());
            let fewer: Vec<Decision> = kept[..from].iter().chain(&kept[to..]).copied().collect();
            match fails(&fewer) {
                None => return kept,
                // What a decision does depends on those before it: some may have done nothing.
                Some(Some(left)) => {
                    has_shrunk = true;
                    kept = if left.len() <= fewer.len() { left } else { fewer };
                }
                Some(None) => from = to,
            }
        }
        if size == 1 && !has_shrunk {
            break;
        }
        parts = if size == 1 { kept.len().max(1) } else { (parts * 2).min(kept.len().max(1)) };
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use rlua_runtime::DecisionKind;

    fn decisions(n: u64) -> Vec<Decision> {
        (1..=n).map(|at| Decision { at, kind: DecisionKind::Process, value: 1 }).collect()
    }
    fn fails_with(needed: &[u64]) -> impl FnMut(&[Decision]) -> Option<Option<Vec<Decision>>> {
        move |some| {
            let has = |n: &u64| some.iter().any(|d| d.at == *n);
            Some(needed.iter().all(has).then(|| some.to_vec()))
        }
    }
    #[test]
    fn what_is_needed_is_left() {
        for needed in [&[][..], &[1], &[7], &[200], &[3, 150], &[1, 2, 3, 199, 200], &[20, 60, 100, 140, 180]] {
            let mut tries = 0;
            let mut fails = fails_with(needed);
            let left = shrink(decisions(200), &mut |some| {
                tries += 1;
                fails(some)
            });
            assert_eq!(left.iter().map(|d| d.at).collect::<Vec<_>>(), needed);
            assert!(tries < 200, "{tries} tries for {needed:?}");
        }
    }
    #[test]
    fn it_is_left_at_what_it_is_when_time_is_over() {
        let mut tries = 0;
        let left = shrink(decisions(64), &mut |some| {
            tries += 1;
            (tries < 5).then(|| some.iter().any(|d| d.at == 60).then(|| some.to_vec()))
        });
        assert!(left.iter().any(|d| d.at == 60) && left.len() < 64);
    }
}
