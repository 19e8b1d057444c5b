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
    /// By the newest bucket with an act on a slot, from [`RING`] − 1 after the moment's backwards.
    shown: [Shown; 2 * RING - 1],
}

/// Which fans of a slot count, all bits of a place or none.
#[derive(Clone, Copy, Debug, Default)]
struct Shown {
    acted: [u32; RING],
    latest: [u32; RING],
}

/// What takes the credit of a shard from its landmark to the moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fading {
    pub(super) factor: f64,
    /// Credit that is less, as of the landmark, is a residue.
    least: f64,
}

/// Sums of a slot over all shards, as of the moment.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
pub(super) struct Merged {
    pub(super) amplify: f64,
    pub(super) relate: f64,
    pub(super) popularity: f64,
    /// The part of amplify and relate from actors who act on others as well.
    shared: f64,
    /// Distinct actors of bucket `b` at `b mod RING`.
    fans: [u32; RING],
    /// Distinct actors over the open bucket and the active ones before it.
    pub(super) active_fans: u64,
    pub(super) followers: u64,
    pub(super) attributed: Attributed,
}

const _: () = assert!(size_of::<Merged>() == 128, "merged sums must fit two cache lines");

impl<'a> Moment<'a> {
    pub(super) fn new(params: &'a Params, as_of_ms: i64) -> Self {
        let bucket = u32::try_from(as_of_ms / params.bucket_ms).unwrap_or_default();
        let active = u32::try_from(params.active_buckets).unwrap_or_default();
        let mut shown = [Shown::default(); 2 * RING - 1];
        for (back, shown) in (0..RING_BUCKETS * 2).zip(&mut shown) {
            // Ages that the ring of such a slot has, and the moment too.
            let ages = (back + 1).saturating_sub(RING_BUCKETS)..RING_BUCKETS.min(back + 1);
            for age in ages.filter(|age| *age <= bucket) {
                let at = (bucket - age) as usize % RING;
                shown.acted[at] = u32::MAX;
                shown.latest[at] = if age <= active { u32::MAX } else { 0 };
            }
        }
        Self { params, as_of_ms, bucket, shown }
    }

    pub(super) fn fading(&self, landmark_ms: i64) -> Fading {
        let factor = pow2(landmark_ms - self.as_of_ms, self.params.half_life_ms);
        Fading { factor, least: RESIDUE / factor }
    }

    /// Which fans count of a slot with its newest act in `newest`; nothing if none does.
    fn shown(&self, newest: u32) -> Option<&Shown> {
        let back = (self.bucket + RING_BUCKETS - 1).checked_sub(newest)?;
        self.shown.get(back as usize)
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
    /// Adds the sums of one shard.
    pub(super) fn add(&mut self, sums: &Sums, fading: Fading, moment: &Moment<'_>) {
        let mut credits = *sums;
        credits.drop_residues(fading.least);
        self.amplify += credits.amplify * fading.factor;
        self.relate += credits.relate * fading.factor;
        self.popularity += credits.popularity * fading.factor;
        let is_credited = credits.amplify + credits.relate > 0.0;
        self.shared += if is_credited { credits.shared * fading.factor } else { 0.0 };
        self.followers += u64::from(sums.followers);
        let Some(shown) = moment.shown(sums.newest_bucket) else { return };
        for ((fans, acted), shown) in self.fans.iter_mut().zip(sums.fans.acted).zip(shown.acted) {
            *fans += acted & shown;
        }
        let latest = sums.fans.latest.iter().zip(shown.latest);
        self.active_fans += latest.map(|(fans, shown)| u64::from(fans & shown)).sum::<u64>();
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
    pub(super) fn ended(&self, moment: &Moment<'_>) -> ([u64; RING], usize) {
        let active = u32::try_from(moment.params.active_buckets).unwrap_or_default();
        let active = active.min(RING_BUCKETS - 1);
        let mut fans = [0; RING];
        for (value, age) in fans.iter_mut().zip((1..=active).rev()) {
            *value = self.fans[moment.bucket.wrapping_sub(age) as usize % RING].into();
        }
        (fans, active as usize)
    }
}

/// Adds the sums of a segment in one shard; `factor` takes its audience to the moment.
pub(super) fn add_segment(all: &mut SegmentSums, one: &SegmentSums, factor: f64) {
    all.active_audience += one.active_audience * factor;
    all.organic_conversions += one.organic_conversions;
    all.organic_value += one.organic_value;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Fans;

    /// Of a bucket counts what the ring of the slot still has, up to the moment.
    #[test]
    fn fans_count_in_their_own_buckets() {
        let params = Params { active_buckets: 3, ..Params::default() };
        let buckets =
            (0..20_u32).flat_map(|bucket| (0..40_u32).map(move |newest| (bucket, newest)));
        for (bucket, newest_bucket) in buckets {
            let moment = Moment::new(&params, i64::from(bucket) * params.bucket_ms);
            let ring = newest_bucket.saturating_sub(RING_BUCKETS - 1)..=newest_bucket;
            let mut fans = Fans::default();
            for b in ring.clone() {
                let at = b as usize % RING;
                (fans.acted[at], fans.latest[at]) = (100 + b, 1 << (b % 16));
            }
            let sums = Sums { newest_bucket, fans, ..Sums::default() };
            let mut merged = Merged::default();
            merged.add(&sums, moment.fading(0), &moment);
            let kept = |age: u32| bucket.checked_sub(age).filter(|b| ring.contains(b));
            let ended = [3, 2, 1].map(|age| kept(age).map_or(0, |b| u64::from(100 + b)));
            let (shown, active) = merged.ended(&moment);
            assert_eq!(shown[..active], ended, "{bucket}: {sums:?}");
            let active_fans = (0..=3).filter_map(kept).map(|b| 1 << (b % 16)).sum::<u64>();
            assert_eq!(merged.active_fans, active_fans, "{bucket}: {sums:?}");
        }
    }
}
