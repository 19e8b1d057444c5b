//! Numbers with 95 % intervals: of proportions (Wilson 1927), and of sums over seeds or days
//! (percentiles of a bootstrap, Efron 1979).

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Normal quantile of a 95 % interval.
const QUANTILE: f64 = 1.96;
const RESAMPLES: usize = 1_000;

/// A number and its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    pub value: f64,
    pub low: f64,
    pub high: f64,
    /// Cases, worlds or days that it rests on.
    pub of: u64,
}

/// The share of `hits` in `of` cases; nothing without a case.
#[must_use]
pub fn wilson(hits: u64, of: u64) -> Option<Estimate> {
    if of == 0 {
        return None;
    }
    let (n, share, squared) = (of as f64, hits as f64 / of as f64, QUANTILE * QUANTILE);
    let centre = (share + squared / (2.0 * n)) / (1.0 + squared / n);
    let spread = (share * (1.0 - share) / n + squared / (4.0 * n * n)).sqrt();
    let half = QUANTILE * spread / (1.0 + squared / n);
    let (low, high) = ((centre - half).max(0.0), (centre + half).min(1.0));
    Some(Estimate { value: share, low: low.min(share), high: high.max(share), of })
}

/// The sum of the first over the sum of the second, as it varies over worlds (or days).
#[must_use]
pub fn ratio(worlds: &[(f64, f64)]) -> Option<Estimate> {
    let pooled = |sum: (f64, f64)| (sum.1 > 0.0).then(|| sum.0 / sum.1);
    let add = |sum: (f64, f64), world: &(f64, f64)| (sum.0 + world.0, sum.1 + world.1);
    let value = pooled(worlds.iter().fold((0.0, 0.0), add))?;
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut draw = || {
        let one = |_| worlds.get(random.random_range(0..worlds.len()));
        pooled((0..worlds.len()).filter_map(one).fold((0.0, 0.0), add))
    };
    let mut drawn: Vec<f64> = (0..RESAMPLES).filter_map(|_| draw()).collect();
    drawn.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| drawn.get(place(share, drawn.len())).copied().unwrap_or(value);
    Some(Estimate { value, low: at(0.025), high: at(0.975), of: worlds.len() as u64 })
}

/// The median of numbers in order, between the two of them that hold it in 95 % of samples.
#[must_use]
pub fn median(sorted: &[f64]) -> Option<Estimate> {
    let last = sorted.len().checked_sub(1)?;
    let (middle, half) = (last as f64 / 2.0, QUANTILE * (sorted.len() as f64).sqrt() / 2.0);
    let at = |place: f64| sorted.get(nearest(place, last)).copied();
    let (low, high) = (at((middle - half).floor())?, at((middle + half).ceil())?);
    let value = f64::midpoint(at(middle.floor())?, at(middle.ceil())?);
    Some(Estimate { value, low, high, of: sorted.len() as u64 })
}

/// The mean over worlds (or days).
#[must_use]
pub fn mean(worlds: &[f64]) -> Option<Estimate> {
    ratio(&worlds.iter().map(|value| (*value, 1.0)).collect::<Vec<_>>())
}

fn place(share: f64, of: usize) -> usize {
    let last = of.saturating_sub(1);
    nearest(share * last as f64, last)
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list, not below 0"
)]
fn nearest(place: f64, last: usize) -> usize {
    (place.round().max(0.0) as usize).min(last)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "exact by construction")]

    use super::*;

    #[test]
    fn wilson_by_hand() {
        // 8 of 10, from the formula: centre 0.71678, half 0.22655.
        let eight = wilson(8, 10).unwrap();
        assert!((eight.low - 0.490_16).abs() < 1e-4 && (eight.high - 0.943_32).abs() < 1e-4);
        let none = wilson(0, 100).unwrap();
        assert!(none.low == 0.0 && (none.high - 0.036_99).abs() < 1e-4);
        assert_eq!(wilson(5, 5).unwrap().high, 1.0);
        assert_eq!(wilson(0, 0), None);
    }

    #[test]
    fn a_bootstrap_covers_the_mean_as_often_as_it_says() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let mut covered = 0;
        for _ in 0..200 {
            let sample: Vec<f64> = (0..40).map(|_| random.random::<f64>()).collect();
            let estimate = mean(&sample).unwrap();
            covered += u32::from(estimate.low <= 0.5 && 0.5 <= estimate.high);
        }
        assert!((180..=199).contains(&covered), "{covered} of 200");
    }

    #[test]
    fn a_median_lies_between_places_in_order() {
        let numbers = |count: u32| (1..=count).map(f64::from).collect::<Vec<_>>();
        let of = |count| median(&numbers(count)).map(|m| (m.low, m.value, m.high));
        // Of 20, the places from 6 to 15 hold it in 95.9 % of samples.
        assert_eq!(of(20), Some((6.0, 10.5, 15.0)));
        assert_eq!(of(1), Some((1.0, 1.0, 1.0)));
        assert_eq!(of(3), Some((1.0, 2.0, 3.0)));
        assert_eq!(of(0), None);
    }

    #[test]
    fn sums_come_before_ratios() {
        let worlds = [(1.0, 1.0), (0.0, 3.0)];
        let estimate = ratio(&worlds).unwrap();
        assert!((estimate.value - 0.25).abs() < 1e-12);
        assert!(estimate.low == 0.0 && (estimate.high - 1.0).abs() < 1e-12);
        assert_eq!(estimate, ratio(&worlds).unwrap());
        assert_eq!(ratio(&[]), None);
        assert_eq!(ratio(&[(1.0, 0.0)]), None);
        assert_eq!(mean(&[2.0]).unwrap(), Estimate { value: 2.0, low: 2.0, high: 2.0, of: 1 });
    }
}
