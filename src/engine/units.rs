//! Capped units of one actor: small integers by bucket, and their decayed total.
//!
//! Invariant: a bucket's count never exceeds its cap, and the total is exact in the order of
//! arrival, because weights are whole multiples of one unit step.

use super::columns::{Broken, narrow};
use super::decay::Decay;
use crate::model::{RING, RING_BUCKETS};

/// Counts of the [`RING`] buckets up to the newest, that of bucket `b` at `b mod RING`.
pub(super) trait Ring: Copy + Default {
    /// Units that one count stands for.
    const STEP: f64;
    /// Bits that a count takes.
    const BITS: u32;

    fn get(self, bucket: u32) -> u32;
    /// Adds to the count of a bucket, which must not outgrow its bits.
    fn add(&mut self, bucket: u32, more: u32);
    /// Makes room for the buckets after `newest`, `buckets` of them.
    fn clear_after(&mut self, newest: u32, buckets: u32);
    /// The counts as a number that has that of `newest` lowest.
    fn word(self, newest: u32) -> u64;
    fn from_word(word: u64, newest: u32) -> Result<Self, Broken>;
}

/// Quarters of a unit, a nibble a bucket: amplify and relate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Quarters(u32);

/// Steps of `1 / DENOMINATOR` of a unit, a byte a bucket: popularity and outbound acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Steps<const DENOMINATOR: u32>(u64);

/// Units of one run: what decays since `bucket`, and the buckets that can still be added to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Run<R> {
    /// Decayed units as of the start of `bucket`.
    pub(super) units: f64,
    pub(super) ring: R,
    /// The newest bucket with an act.
    pub(super) bucket: u32,
}

impl Quarters {
    /// Clears all counts unless they are to be kept.
    pub(super) const fn keep_if(&mut self, kept: bool) {
        self.0 *= kept as u32;
    }

    /// The counts, a nibble each, that of `newest` lowest.
    pub(super) const fn nibbles(self, newest: u32) -> u32 {
        self.0.rotate_right(4 * (newest % 8))
    }

    pub(super) const fn from_nibbles(nibbles: u32, newest: u32) -> Self {
        Self(nibbles.rotate_left(4 * (newest % 8)))
    }
}

impl Ring for Quarters {
    const STEP: f64 = 0.25;
    const BITS: u32 = 4;

    fn get(self, bucket: u32) -> u32 {
        self.0 >> (4 * (bucket % 8)) & 15
    }

    fn add(&mut self, bucket: u32, more: u32) {
        self.0 += more << (4 * (bucket % 8));
    }

    fn clear_after(&mut self, newest: u32, buckets: u32) {
        let cleared = if buckets >= 8 { u32::MAX } else { (1 << (4 * buckets)) - 1 };
        self.0 &= !cleared.rotate_left(4 * ((newest + 1) % 8));
    }

    fn word(self, newest: u32) -> u64 {
        self.nibbles(newest).into()
    }

    fn from_word(word: u64, newest: u32) -> Result<Self, Broken> {
        Ok(Self::from_nibbles(narrow(word)?, newest))
    }
}

impl<const DENOMINATOR: u32> Ring for Steps<DENOMINATOR> {
    const STEP: f64 = 1.0 / DENOMINATOR as f64;
    const BITS: u32 = 8;

    fn get(self, bucket: u32) -> u32 {
        u32::try_from(self.0 >> (8 * (bucket % 8)) & 0xff).unwrap_or_default()
    }

    fn add(&mut self, bucket: u32, more: u32) {
        self.0 += u64::from(more) << (8 * (bucket % 8));
    }

    fn clear_after(&mut self, newest: u32, buckets: u32) {
        let cleared = if buckets >= 8 { u64::MAX } else { (1 << (8 * buckets)) - 1 };
        self.0 &= !cleared.rotate_left(8 * ((newest + 1) % 8));
    }

    fn word(self, newest: u32) -> u64 {
        self.0.rotate_right(8 * (newest % 8))
    }

    fn from_word(word: u64, newest: u32) -> Result<Self, Broken> {
        Ok(Self(word.rotate_left(8 * (newest % 8))))
    }
}

/// How much one act weighs, and where the bucket's cap lies, in counts of the ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weight {
    pub(super) counts: u32,
    pub(super) cap: u32,
}

impl Weight {
    /// The counts that an act adds to those of its bucket.
    pub(super) fn added(self, before: u32) -> u32 {
        self.cap.min(before + self.counts).saturating_sub(before)
    }
}

/// Adds an act in `bucket` to a ring and gives the units that it adds under the cap.
pub(super) fn add_capped<R: Ring>(ring: &mut R, bucket: u32, weight: Weight) -> f64 {
    let before = ring.get(bucket);
    let added = weight.cap.min(before + weight.counts) - before;
    ring.add(bucket, added);
    f64::from(added) * R::STEP
}

/// The units of acts that are all in a ring, but for rounding; `fade` as in [`Decay`].
pub(super) fn units_of<R: Ring>(ring: R, newest: u32, fade: &[f64]) -> f64 {
    // What follows the newest bucket in a ring is the oldest.
    let counts = ring.word(newest.wrapping_add(1));
    let oldest_first = (0..RING_BUCKETS).map(|at| counts >> (R::BITS * at) & ((1 << R::BITS) - 1));
    let units = oldest_first.zip(fade.iter().take(RING).rev()).map(|(n, fade)| n as f64 * fade);
    units.sum::<f64>() * R::STEP
}

impl<R: Ring> Run<R> {
    /// Adds an act and gives the credit gained, referred to the landmark.
    pub(super) fn act(&mut self, bucket: u32, weight: Weight, decay: &Decay) -> f64 {
        self.advance(bucket, decay);
        let before = self.units;
        self.add(bucket, weight, decay);
        (decay.credit(self.units) - decay.credit(before)) * decay.weight(self.bucket)
    }

    /// Adds an act in a bucket not after its newest.
    pub(super) fn add(&mut self, bucket: u32, weight: Weight, decay: &Decay) {
        let added = add_capped(&mut self.ring, bucket, weight);
        self.units += added * decay.fade(self.bucket - bucket);
    }

    /// Moves on to `bucket` if it is newer; a silence beyond the retention starts a new run.
    pub(super) fn advance(&mut self, bucket: u32, decay: &Decay) {
        // Without a branch where nothing has elapsed, which cannot be foreseen.
        let elapsed = bucket.saturating_sub(self.bucket);
        if elapsed > decay.retention() {
            *self = Self { bucket, ..Self::default() };
        } else {
            self.units *= decay.fade(elapsed);
            self.ring.clear_after(self.bucket, elapsed);
            self.bucket += elapsed;
        }
    }

    /// The credit of the run so far, referred to the landmark.
    pub(super) fn credit(&self, decay: &Decay) -> f64 {
        decay.credit(self.units) * decay.weight(self.bucket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts<R: Ring>(ring: R) -> Vec<u32> {
        (0..8).map(|bucket| ring.get(bucket)).collect()
    }

    #[test]
    fn moving_on_clears_only_the_buckets_skipped() {
        for newest in 0..24 {
            for elapsed in 0..12 {
                let (mut nibbles, mut bytes) = (Quarters::default(), Steps::<20>::default());
                for back in 0..8 {
                    nibbles.add(newest + 8 - back, 9 + back % 7);
                    bytes.add(newest + 8 - back, 200 + back);
                }
                let (old_nibbles, old_bytes) = (nibbles, bytes);
                nibbles.clear_after(newest + 8, elapsed);
                bytes.clear_after(newest + 8, elapsed);
                for bucket in newest + 9..newest + 17 {
                    let kept = u32::from(bucket - (newest + 8) > elapsed);
                    assert_eq!(nibbles.get(bucket), kept * old_nibbles.get(bucket));
                    assert_eq!(bytes.get(bucket), kept * old_bytes.get(bucket));
                }
            }
        }
    }

    #[test]
    fn a_bucket_stops_at_its_cap() {
        let mut ring = Quarters::default();
        let weight = Weight { counts: 4, cap: 12 };
        let added: Vec<f64> = (0..5).map(|_| add_capped(&mut ring, 3, weight)).collect();
        assert_eq!(added, [1.0, 1.0, 1.0, 0.0, 0.0]);
        assert_eq!(counts(ring), [0, 0, 0, 12, 0, 0, 0, 0]);
    }
}
