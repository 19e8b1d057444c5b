//! How active a person is before a bucket: people are compared with themselves at the same level.

use super::window::{Window, ages};
use crate::model::{HISTORY, History, Params};

/// Levels of faded units are half powers of two, up to this one.
const HIGHEST: usize = 8;

/// Levels are passed from a hair below, so that rounding cannot decide.
const SLACK: f64 = 1e-9;

/// Bits of the number of active buckets among those that expose.
const COUNT_BITS: usize = 3;

/// The constants of levels.
pub(super) struct Levels {
    /// What is left of a unit after 1 bucket and more, the oldest first.
    fade: Vec<f64>,
    /// The faded units of the levels from 1.
    least: [f64; HIGHEST],
    exposure: u32,
    /// Buckets that a level of the window looks at.
    looked_at: u64,
}

/// A person's level in each bucket, by age.
pub(super) struct Activity {
    /// Units of the buckets before, faded.
    units: [f64; HISTORY],
    /// How many of the last few buckets before have an act, bit by bit.
    counts: [u64; COUNT_BITS],
}

impl Levels {
    pub(super) fn new(params: &Params, window: &Window) -> Self {
        let half_life = params.exponent * params.half_life_ms as f64;
        let faded = |k: i64| (-(k as f64) * params.bucket_ms as f64 / half_life).exp2();
        let back = usize::try_from(params.level_buckets).unwrap_or_default();
        let reach = (window.buckets() + back).min(HISTORY);
        let mut least = [0.0; HIGHEST];
        for (level, units) in (1..).zip(&mut least) {
            // Of 2·log2(1 + units) + slack ≥ level.
            *units = ((f64::from(level) - SLACK) / 2.0).exp2() - 1.0;
        }
        Self {
            fade: (1..=params.level_buckets).rev().map(faded).collect(),
            least,
            exposure: window.exposure(),
            looked_at: u64::MAX >> (HISTORY - reach),
        }
    }

    /// The activity of a person with acts in the buckets `active`.
    pub(super) fn activity(&self, history: &History, active: u64) -> Activity {
        let mut units = [0.0; HISTORY];
        let back = self.fade.len();
        for age in ages(active & self.looked_at) {
            let acted = f64::from(history.quarters_at(age)) / 4.0;
            // The buckets after the act, up to the youngest.
            let after = age.min(back);
            for (sum, left) in units[age - after..age].iter_mut().zip(&self.fade[back - after..]) {
                *sum += acted * left;
            }
        }
        let mut counts = [0; COUNT_BITS];
        for k in 1..=self.exposure {
            let mut carry = active >> k;
            for bits in &mut counts {
                (*bits, carry) = (*bits ^ carry, *bits & carry);
            }
        }
        Activity { units, counts }
    }

    /// The buckets of `among` with the level of the bucket of age `age`.
    pub(super) fn alike(&self, activity: &Activity, age: usize, among: u64) -> u64 {
        let same_count = activity.counts.iter().fold(among, |same, bits| {
            let all = if bits >> age & 1 == 1 { u64::MAX } else { 0 };
            same & !(bits ^ all)
        });
        let level = self.least.partition_point(|least| *least <= activity.units[age]);
        let from = if level == 0 { f64::NEG_INFINITY } else { self.least[level - 1] };
        let to = self.least.get(level).copied().unwrap_or(f64::INFINITY);
        ages(same_count)
            .filter(|age| (from..to).contains(&activity.units[*age]))
            .fold(0, |alike, age| alike | 1 << age)
    }
}

/// The buckets with units.
pub(super) fn active(history: &History) -> u64 {
    let mut active = 0;
    for (at, pair) in history.quarters.iter().enumerate() {
        let nibbles = u64::from(pair & 15 != 0) | u64::from(pair >> 4 != 0) << 1;
        active |= nibbles << (2 * at);
    }
    active
}
