//! Sums of all shards for one moment: credit faded to it, counts and attributed shares as they are.
//!
//! Invariant: shards are added in one order, so that the last bit is stable.

use crate::engine::pow2;
use crate::model::{Attributed, Outbound, Params, RESIDUE, RING, RING_BUCKETS, SegmentSums, Sums};

/// The moment that standings are as of.
pub(super) struct Moment<'a> {
    pub(super) params: &'a Params,
    as_of_ms: i64,
    bucket: u32,
}

/// Sums of a slot over all shards, as of the moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Merged {
    pub(super) amplify: f64,
    pub(super) relate: f64,
    pub(super) popularity: f64,
    /// The part of amplify and relate from actors who act on others as well.
    shared: f64,
    /// Distinct actors of a bucket, by its age: the open one is 0.
    fans: [u64; RING],
    /// Distinct actors over the open bucket and the active ones before it.
    pub(super) active_fans: u64,
    pub(super) followers: u64,
    pub(super) attributed: Attributed,
}

impl<'a> Moment<'a> {
    pub(super) fn new(params: &'a Params, as_of_ms: i64) -> Self {
        let bucket = u32::try_from(as_of_ms / params.bucket_ms).unwrap_or_default();
        Self { params, as_of_ms, bucket }
    }

    /// What takes credit from a landmark to the moment.
    pub(super) fn factor(&self, landmark_ms: i64) -> f64 {
        pow2(landmark_ms - self.as_of_ms, self.params.half_life_ms)
    }

    /// `out` of one shard: the decayed units of the account's last run to the power of `p`.
    pub(super) fn outbound_credit(&self, own: &Outbound) -> f64 {
        let age = i64::from(self.bucket.saturating_sub(own.bucket));
        if own.units <= 0.0 || age > self.params.retention_buckets {
            return 0.0;
        }
        let since_ms = self.as_of_ms - i64::from(own.bucket) * self.params.bucket_ms;
        own.units.powf(self.params.exponent) * pow2(-since_ms, self.params.half_life_ms)
    }
}

impl Merged {
    /// Adds the sums of one shard; `factor` takes them from its landmark to the moment.
    pub(super) fn add(&mut self, sums: &Sums, factor: f64, moment: &Moment<'_>) {
        let mut credits = *sums;
        credits.drop_residues(RESIDUE / factor);
        self.amplify += credits.amplify * factor;
        self.relate += credits.relate * factor;
        self.popularity += credits.popularity * factor;
        if credits.amplify + credits.relate > 0.0 {
            self.shared += credits.shared * factor;
        }
        self.followers += u64::from(sums.followers);
        let active = u32::try_from(moment.params.active_buckets).unwrap_or_default();
        for (age, fans) in (0..RING_BUCKETS).zip(&mut self.fans) {
            let Some(bucket) = moment.bucket.checked_sub(age) else { break };
            if bucket > sums.newest_bucket {
                continue;
            }
            if sums.newest_bucket - bucket >= RING_BUCKETS {
                break;
            }
            let at = bucket as usize % RING;
            *fans += u64::from(sums.fans.acted[at]);
            if age <= active {
                self.active_fans += u64::from(sums.fans.latest[at]);
            }
        }
    }

    /// Adds what conversions of one shard give the slot.
    pub(super) fn attribute(&mut self, attributed: &Attributed) {
        self.attributed.touched += attributed.touched;
        self.attributed.declared += attributed.declared;
        self.attributed.value += attributed.value;
    }

    pub(super) fn is_negligible(&self) -> bool {
        self.followers == 0
            && self.amplify + self.relate + self.popularity <= 0.0
            && self.attributed == Attributed::default()
    }

    /// The part of the credit that is from actors who act on nobody else; 0 without credit.
    pub(super) fn exclusive_share(&self) -> f64 {
        let credit = self.amplify + self.relate;
        if credit > 0.0 { (1.0 - self.shared / credit).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Distinct actors of each active bucket that has ended, oldest first, and how many those are.
    pub(super) fn ended(&self, params: &Params) -> ([u64; RING], usize) {
        let active = usize::try_from(params.active_buckets).unwrap_or_default().min(RING - 1);
        let mut fans = [0; RING];
        for (n, value) in fans.iter_mut().take(active).enumerate() {
            *value = self.fans[active - n];
        }
        (fans, active)
    }
}

/// Adds the sums of a segment in one shard; `factor` takes its audience to the moment.
pub(super) fn add_segment(all: &mut SegmentSums, one: &SegmentSums, factor: f64) {
    all.active_audience += one.active_audience * factor;
    all.organic_conversions += one.organic_conversions;
    all.organic_value += one.organic_value;
}
