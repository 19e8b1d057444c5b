//! Forward decay: what a unit of an older bucket is worth, and the landmark that sums refer to.
//!
//! Invariant: time enters through bucket numbers only, so a sum does not depend on the order in
//! which its events arrived (Cormode et al. 2009).

use crate::model::{Params, RING, RING_BUCKETS};

/// Half-lives from a landmark to the next: `2^400` leaves a wide margin to overflow.
const LANDMARK_HALF_LIVES: i64 = 400;

/// `2^(ms / half_life)`: whole half-lives and the remainder apart, so that one half-life more is
/// exactly a factor of two.
#[must_use]
pub fn pow2(ms: i64, half_life_ms: i64) -> f64 {
    let (whole, rest) = (ms.div_euclid(half_life_ms), ms.rem_euclid(half_life_ms));
    let whole = i32::try_from(whole.clamp(-1100, 1100)).unwrap_or_default();
    (rest as f64 / half_life_ms as f64).exp2() * 2f64.powi(whole)
}

/// The constants of decay, and tables of what depends on whole buckets only.
pub(super) struct Decay {
    /// `2^(-k·B/Hc)`: what `k` buckets leave of a unit, for `k` up to the retention.
    fade: Vec<f64>,
    /// Buckets of silence after which a run ends.
    retention: u32,
    exponent: f64,
    /// Whether the exponent is one half, for which there is an instruction.
    square_root: bool,
    half_life_ms: i64,
    bucket_ms: i64,
    landmark_bucket: u32,
    /// Buckets from a landmark to the next.
    landmark_buckets: u32,
    /// `2^((b - landmark)·B/H)` of the buckets seen last, at `b mod RING`.
    weights: [(u32, f64); RING],
    newest_weight: f64,
}

impl Decay {
    pub(super) fn new(params: &Params) -> Self {
        let unit_half_life_ms = params.exponent * params.half_life_ms as f64;
        let fade: Vec<f64> = (0..=params.retention_buckets)
            .map(|k| (-(k as f64) * params.bucket_ms as f64 / unit_half_life_ms).exp2())
            .collect();
        Self {
            retention: u32::try_from(fade.len() - 1).expect("the retention must be a small number"),
            fade,
            exponent: params.exponent,
            square_root: params.exponent.to_bits() == 0.5_f64.to_bits(),
            half_life_ms: params.half_life_ms,
            bucket_ms: params.bucket_ms,
            landmark_bucket: 0,
            landmark_buckets: landmark_buckets(params),
            weights: [(u32::MAX, 0.0); RING],
            newest_weight: 1.0,
        }
    }

    /// Buckets of silence after which a run ends.
    pub(super) const fn retention(&self) -> u32 {
        self.retention
    }

    /// What `buckets` (at most the retention) leave of a unit.
    #[inline]
    pub(super) fn fade(&self, buckets: u32) -> f64 {
        self.fade[buckets as usize]
    }

    /// Fan-units of decayed units: `C^p`.
    pub(super) fn credit(&self, units: f64) -> f64 {
        if self.square_root { units.sqrt() } else { units.powf(self.exponent) }
    }

    /// The factor that refers credit as of the start of `bucket` to the landmark.
    #[inline]
    pub(super) fn weight(&self, bucket: u32) -> f64 {
        match self.weights[bucket as usize % RING] {
            (cached, weight) if cached == bucket => weight,
            _ => self.exact_weight(bucket),
        }
    }

    /// The same factor of the newest bucket.
    pub(super) const fn newest_weight(&self) -> f64 {
        self.newest_weight
    }

    /// Makes `bucket` the newest. Landmarks lie on a grid, so that they, and with them the last
    /// bit of a sum, do not depend on which event came first; when `bucket` is past the next one,
    /// gives the factor by which every sum must then be multiplied.
    pub(super) fn advance(&mut self, bucket: u32) -> Option<f64> {
        let landmark = bucket - bucket % self.landmark_buckets;
        let elapsed = self.since_landmark_ms(landmark);
        let moved = elapsed > 0;
        if moved {
            self.landmark_bucket = landmark;
        }
        for back in 0..RING_BUCKETS.min(bucket + 1) {
            let recent = bucket - back;
            self.weights[recent as usize % RING] = (recent, self.exact_weight(recent));
        }
        self.newest_weight = self.exact_weight(bucket);
        moved.then(|| pow2(-elapsed, self.half_life_ms))
    }

    /// The moment to which sums refer, ms since the Unix epoch.
    pub(super) fn landmark_ms(&self) -> i64 {
        i64::from(self.landmark_bucket) * self.bucket_ms
    }

    #[cold]
    #[inline(never)]
    fn exact_weight(&self, bucket: u32) -> f64 {
        pow2(self.since_landmark_ms(bucket), self.half_life_ms)
    }

    fn since_landmark_ms(&self, bucket: u32) -> i64 {
        (i64::from(bucket) - i64::from(self.landmark_bucket)) * self.bucket_ms
    }
}

/// Buckets from a landmark to the next: if possible a whole number of half-lives, so that moving
/// on to it does not touch the digits of a sum.
fn landmark_buckets(params: &Params) -> u32 {
    let (half_life_ms, bucket_ms) = (params.half_life_ms, params.bucket_ms);
    let (mut common, mut rest) = (half_life_ms, bucket_ms);
    while rest > 0 {
        (common, rest) = (rest, common % rest);
    }
    let whole = bucket_ms / common;
    let buckets = if whole <= LANDMARK_HALF_LIVES {
        half_life_ms / common * (LANDMARK_HALF_LIVES / whole)
    } else {
        LANDMARK_HALF_LIVES * half_life_ms / bucket_ms
    };
    u32::try_from(buckets).unwrap_or(u32::MAX).max(1)
}
