//! The influencers of all shards by name: a rank in the order of names stands for each.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::model::Histories;

/// Invariant: who has the smaller rank has the smaller name.
pub(super) struct Names<'a> {
    by_rank: Vec<&'a Arc<str>>,
    /// Of each shard, by its number of an influencer.
    ranks: Vec<Vec<u32>>,
}

/// The rank of influencers that nobody acted on.
const UNUSED: u32 = u32::MAX;

impl<'a> Names<'a> {
    pub(super) fn merged(shards: &[&'a Histories]) -> Self {
        // A shard knows many more influencers than those who convert act on.
        let mut ranks: Vec<_> = shards.iter().map(|shard| used(shard)).collect();
        let mut places = HashMap::with_hasher(FixedState::default());
        let mut first_seen = Vec::new();
        for (shard, ranks) in shards.iter().zip(&mut ranks) {
            let named = shard.influencers.iter().zip(ranks);
            for (name, rank) in named.filter(|(_, rank)| **rank != UNUSED) {
                let next = number(first_seen.len());
                *rank = *places.entry(&**name).or_insert(next);
                if *rank == next {
                    first_seen.push(name);
                }
            }
        }
        let mut order: Vec<_> = (0..number(first_seen.len())).collect();
        order.sort_unstable_by_key(|place| first_seen[*place as usize]);
        let mut rank_of = vec![UNUSED; order.len()];
        for (rank, place) in (0..).zip(&order) {
            rank_of[*place as usize] = rank;
        }
        for rank in ranks.iter_mut().flatten().filter(|rank| **rank != UNUSED) {
            *rank = rank_of[*rank as usize];
        }
        let by_rank = order.iter().map(|place| first_seen[*place as usize]).collect();
        Self { by_rank, ranks }
    }

    pub(super) fn len(&self) -> usize {
        self.by_rank.len()
    }

    pub(super) fn name(&self, rank: u32) -> &'a Arc<str> {
        self.by_rank[rank as usize]
    }

    /// By a shard's number of an influencer.
    pub(super) fn ranks_of(&self, shard: usize) -> &[u32] {
        &self.ranks[shard]
    }
}

/// 0 for influencers that somebody acted on, [`UNUSED`] for others.
fn used(shard: &Histories) -> Vec<u32> {
    let mut used = vec![UNUSED; shard.influencers.len()];
    for acted in shard.segments.iter().flat_map(|segment| &segment.acts) {
        used[acted.influencer as usize] = 0;
    }
    used
}

/// A count of things of which there are fewer than 2^32.
pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).expect("a table must have fewer than 2^32 rows")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Acted, HISTORY, SegmentHistories};

    fn shard(names: &[&str], acted: &[u32]) -> Histories {
        let segment = SegmentHistories {
            segment: "s".into(),
            exposed: [0; HISTORY],
            exposed_converted: [0; HISTORY],
            converted: [0; HISTORY],
            people: Vec::new(),
            acts: acted.iter().map(|n| Acted { influencer: *n, buckets: 1 }).collect(),
        };
        Histories {
            closed: 9,
            segments: vec![segment],
            influencers: names.iter().map(|name| Arc::from(*name)).collect(),
        }
    }

    #[test]
    fn names_are_ordered_over_all_shards_and_the_unused_left_out() {
        let one = shard(&["eve", "bob", "zoe"], &[0, 1, 0]);
        let two = shard(&["ada", "eve", "cyd"], &[2, 1]);
        let names = Names::merged(&[&one, &two]);
        let by_rank: Vec<&str> = names.by_rank.iter().map(|name| &***name).collect();
        assert_eq!(by_rank, ["bob", "cyd", "eve"]);
        assert_eq!(names.ranks_of(0), [2, 0, UNUSED]);
        assert_eq!(names.ranks_of(1), [UNUSED, 2, 1]);
        assert_eq!((names.len(), &**names.name(1)), (3, "cyd"));
    }
}
