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
        let mut least = [0.0; HIGHEST];
        for (level, units) in (1..).zip(&mut least) {
            // Of 2·log2(1 + units) + slack ≥ level.
            *units = ((f64::from(level) - SLACK) / 2.0).exp2() - 1.0;
        }
        Self {
            fade: (1..=params.level_buckets).rev().map(faded).collect(),
            least,
            exposure: window.exposure(),
        }
    }

    /// The activity of a person with acts in the buckets `active`.
    pub(super) fn activity(&self, history: &History, active: u64) -> Activity {
        let mut units = [0.0; HISTORY];
        let back = self.fade.len();
        for age in ages(active) {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "halves are exact")]

    use super::*;
    use crate::model::AccountKey;

    /// Acts, an age, and the buckets alike.
    type Case<'a> = (&'a [(usize, u8)], usize, u64);

    /// A person with units, in quarters, in buckets by age.
    fn history(acts: &[(usize, u8)]) -> History {
        let mut quarters = [0; HISTORY / 2];
        for (age, units) in acts {
            quarters[age / 2] |= units << (4 * (age % 2));
        }
        History { key: AccountKey(1), converted: 0, quarters, acts: (0, 0) }
    }

    /// Units halve in one bucket; three buckets expose, levels look back on four.
    fn levels() -> Levels {
        let bucket_ms = 86_400_000;
        let params = Params { half_life_ms: 2 * bucket_ms, level_buckets: 4, ..Params::default() };
        Levels::new(&params, &Window::new(&params))
    }

    #[test]
    fn buckets_with_units_are_active() {
        let acts = [(0, 1), (1, 15), (6, 2), (63, 4)];
        assert_eq!(active(&history(&acts)), 1 << 63 | 0b100_0011);
        assert_eq!(active(&history(&[])), 0);
    }

    #[test]
    fn units_fade_over_the_buckets_that_a_level_looks_back_on() {
        let history = history(&[(10, 12), (2, 4)]);
        let found = levels().activity(&history, active(&history)).units;
        let mut expected = [0.0; HISTORY];
        expected[6..10].copy_from_slice(&[0.1875, 0.375, 0.75, 1.5]);
        expected[..2].copy_from_slice(&[0.25, 0.5]);
        assert_eq!(found, expected);
    }

    #[test]
    fn buckets_are_alike_by_faded_units_and_number_of_active_buckets() {
        let cases: [Case<'_>; 6] = [
            // 1.5, .75, .375 units make levels 2, 1 and 0; at 4 buckets nothing is exposed.
            (&[(10, 12)], 9, 1 << 9),
            (&[(10, 12)], 8, 1 << 8),
            (&[(10, 12)], 7, 1 << 7),
            // The same at another time is the same level.
            (&[(10, 12), (17, 12)], 9, 1 << 9 | 1 << 16),
            // As many units in two buckets are another level than in one.
            (&[(10, 12), (17, 8), (18, 8)], 9, 1 << 9 | 1 << 17),
            (&[(10, 12), (17, 8), (18, 8)], 16, 1 << 16),
        ];
        for (acts, age, alike) in cases {
            let history = history(acts);
            let active = active(&history);
            let levels = levels();
            let exposed = (1..=3).fold(0, |exposed, k| exposed | active >> k);
            let found = levels.alike(&levels.activity(&history, active), age, exposed);
            assert_eq!(found, alike, "{acts:?} {age}: {found:b}");
        }
    }

    #[test]
    fn a_level_begins_at_a_half_power_of_two() {
        let levels = levels();
        for level in 1..=HIGHEST {
            let exact = (level as f64 / 2.0).exp2() - 1.0;
            let (below, above) = (exact * (1.0 - 1e-8), exact * (1.0 - 1e-12));
            let of = |units: f64| levels.least.partition_point(|least| *least <= units);
            assert_eq!((of(below), of(above)), (level - 1, level));
        }
        assert_eq!(levels.least.partition_point(|least| *least <= 1e9), HIGHEST);
    }
}
