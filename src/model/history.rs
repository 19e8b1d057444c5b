//! What the people who convert did: the input of lift, as of the close of a bucket.
//!
//! Buckets are counted back from the last closed one, `closed`, which has age 0: bit `k` of a mask,
//! or place `k` of a list, is bucket `closed − k`.

use std::sync::Arc;

use super::AccountKey;

/// Buckets that a history looks back on: the bits of a mask.
pub const HISTORY: usize = 64;

/// The histories of one shard. Those of several shards hold different people, so they add up.
#[derive(Clone, Debug, Default)]
pub struct Histories {
    /// The last closed bucket.
    pub closed: u32,
    /// In no particular order; a segment is listed once.
    pub segments: Vec<SegmentHistories>,
    /// Names by the numbers that [`Acted`] uses.
    pub influencers: Vec<Arc<str>>,
}

/// A segment: counts over all of its people, and the histories of those who convert.
#[derive(Clone, Debug)]
pub struct SegmentHistories {
    pub segment: Arc<str>,
    /// People exposed to anyone, by age of the bucket.
    pub exposed: [u32; HISTORY],
    /// Those of them who converted in it.
    pub exposed_converted: [u32; HISTORY],
    /// People who converted, exposed or not.
    pub converted: [u32; HISTORY],
    /// In no particular order.
    pub people: Vec<History>,
    /// The acts of all people, those of one side by side.
    pub acts: Vec<Acted>,
}

/// A person in a segment with a conversion among the last [`HISTORY`] closed buckets.
#[derive(Clone, Copy, Debug)]
pub struct History {
    pub key: AccountKey,
    /// Buckets with a conversion.
    pub converted: u64,
    /// Capped units of acts on anyone, in quarters, two ages a byte, the younger in the low half.
    pub quarters: [u8; HISTORY / 2],
    /// Where in the segment's list its acts begin and end, see [`SegmentHistories::acts_of`].
    pub acts: (u32, u32),
}

/// The buckets in which a person acted (amplify or relate) on an influencer.
#[derive(Clone, Copy, Debug)]
pub struct Acted {
    pub influencer: u32,
    pub buckets: u64,
}

impl SegmentHistories {
    /// The acts of one of the segment's people.
    #[must_use]
    pub fn acts_of(&self, person: &History) -> &[Acted] {
        let (from, to) = person.acts;
        self.acts.get(from as usize..to as usize).unwrap_or_default()
    }
}

impl History {
    /// Units of acts on anyone in the bucket of age `age`, in quarters.
    #[must_use]
    pub fn quarters_at(&self, age: usize) -> u32 {
        self.quarters.get(age / 2).map_or(0, |pair| u32::from(pair >> (4 * (age % 2)) & 15))
    }
}
