//! Distinct actors of a slot by bucket.
//!
//! Invariant: an actor counts once in each bucket in which it acts, and once by its latest.

use crate::model::{RING, RING_BUCKETS, Sums};

/// Counts an actor's act in `bucket` into the fans of a slot.
/// `moved_from` is the actor's newest bucket before: `None` without any.
pub(super) fn count_fan(sums: &mut Sums, bucket: u32, first: bool, latest: Latest) {
    if bucket > sums.newest_bucket {
        let skipped = (bucket - sums.newest_bucket).min(RING_BUCKETS);
        for back in 0..skipped {
            let at = (bucket - back) as usize % RING;
            (sums.fans.acted[at], sums.fans.latest[at]) = (0, 0);
        }
        sums.newest_bucket = bucket;
    }
    let at = bucket as usize % RING;
    sums.fans.acted[at] += u32::from(first);
    sums.fans.latest[at] += u32::from(!matches!(latest, Latest::Unmoved));
    // Without a branch: whether it moved cannot be foreseen.
    let (moved, before) = match latest {
        Latest::MovedFrom(before) => (true, before),
        _ => (false, bucket),
    };
    let kept = u32::from(sums.newest_bucket - before < RING_BUCKETS);
    sums.fans.latest[before as usize % RING] -= u32::from(moved) * kept;
}

/// How an act moved the newest bucket in which its actor acted on the slot's influencer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Latest {
    Unmoved,
    First,
    MovedFrom(u32),
}

impl Latest {
    /// Takes an actor's act back out of the counts, when the actor is erased.
    pub(super) fn forget(sums: &mut Sums, bucket: u32) {
        if sums.newest_bucket - bucket < RING_BUCKETS {
            sums.fans.latest[bucket as usize % RING] -= 1;
        }
    }
}
