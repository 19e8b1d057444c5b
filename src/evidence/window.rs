//! Which buckets are evidence, and which an act exposes its actor in: masks by the age of buckets,
//! bit 0 the last closed one.

use crate::model::{HISTORY, Params};

/// The buckets that evidence is taken from.
pub(super) struct Window {
    buckets: usize,
    exposure: u32,
    mask: u64,
}

impl Window {
    pub(super) fn new(params: &Params) -> Self {
        let buckets = usize::try_from(params.evidence_buckets).unwrap_or_default().min(HISTORY - 1);
        let exposure = u32::try_from(params.exposure_buckets).unwrap_or_default();
        Self { buckets, exposure, mask: (1 << buckets) - 1 }
    }

    pub(super) fn buckets(&self) -> usize {
        self.buckets
    }

    /// Buckets after which an act exposes its actor.
    pub(super) fn exposure(&self) -> u32 {
        self.exposure
    }

    /// What of a mask lies in the window.
    pub(super) fn within(&self, mask: u64) -> u64 {
        mask & self.mask
    }

    /// The buckets of the window that acts in `acts` expose in: the next few after each of them,
    /// not its own.
    pub(super) fn exposed(&self, acts: u64) -> u64 {
        self.within((1..=self.exposure).fold(0, |exposed, k| exposed | acts >> k))
    }
}

/// The ages in a mask, the youngest first.
pub(super) fn ages(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let age = mask.trailing_zeros();
        mask &= mask.wrapping_sub(1);
        (age < u64::BITS).then_some(age as usize)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(evidence_buckets: i64, exposure_buckets: i64) -> Window {
        Window::new(&Params { exposure_buckets, evidence_buckets, ..Params::default() })
    }

    #[test]
    fn an_act_exposes_in_the_buckets_after_its_own() {
        let cases = [
            // The last closed bucket has no bucket after it yet.
            (49, 3, 1 << 0, 0),
            (49, 3, 1 << 1, 0b1),
            (49, 3, 1 << 5, 0b1_1100),
            (49, 3, 1 << 5 | 1 << 6, 0b11_1100),
            // Acts before the window reach into it, those longer before do not.
            (49, 3, 1 << 49, 0b111 << 46),
            (49, 3, 1 << 51, 1 << 48),
            (49, 3, 1 << 52, 0),
            (49, 3, 1 << 63, 0),
            (60, 1, 1 << 60, 1 << 59),
            (1, 1, 1 << 1, 1),
        ];
        for (evidence, exposure, acts, exposed) in cases {
            let found = window(evidence, exposure).exposed(acts);
            assert_eq!(found, exposed, "{evidence} {exposure} {acts:b}: {found:b}");
        }
    }

    #[test]
    fn ages_are_the_bits_of_a_mask() {
        assert_eq!(ages(1 << 63 | 0b1001).collect::<Vec<_>>(), [0, 3, 63]);
        assert_eq!(ages(0).count(), 0);
        assert_eq!(ages(u64::MAX).count(), 64);
    }
}
