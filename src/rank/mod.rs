//! Merges the shards' sums, takes ratios last, and orders influencers.

use crate::engine::Shard;

/// The merged sums of all owned shards.
#[derive(Default)]
pub struct ScoreBook {}

impl ScoreBook {
    /// Takes over what changed in `shard` since its last publication.
    pub fn publish(&self, _partition: i32, _shard: &mut Shard) {}

    /// Drops a shard that is no longer owned, with all it had published.
    pub fn forget(&self, _partition: i32) {}
}
