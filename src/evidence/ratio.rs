//! The rate ratio over strata of one person each, and its interval (Mantel and Haenszel 1959;
//! variance: Greenland and Robins 1985).

use crate::model::RateRatio;

/// Standard errors from the estimate to an end of a 95 % interval.
pub(super) const REACH: f64 = 1.96;

/// The widest interval, as a logarithm: `e^300` is still a number.
const SPREAD_MAX: f64 = 300.0;

/// A rate ratio and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ratio {
    pub estimate: f64,
    /// The logarithm of the interval's upper end over the estimate, above 0.
    pub spread: f64,
}

/// Sums over strata.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    exposed: f64,
    others: f64,
    variance: f64,
}

impl Sums {
    /// Adds a stratum: conversions and time inside and outside of the account's exposure.
    pub(super) fn add(&mut self, converted: (u8, u8), (inside, outside): (f64, f64)) {
        let all = (inside + outside).recip();
        let (inside, outside) = (inside * all, outside * all);
        let (while_exposed, else_) = (f64::from(converted.0), f64::from(converted.1));
        self.exposed += while_exposed * outside;
        self.others += else_ * inside;
        self.variance += (while_exposed + else_) * inside * outside;
    }

    /// Nothing if there is no conversion on one of the sides.
    pub(super) fn ratio(&self) -> Option<Ratio> {
        if self.exposed <= 0.0 || self.others <= 0.0 {
            return None;
        }
        let error = (self.variance / (self.exposed * self.others)).sqrt();
        let spread = (REACH * error).min(SPREAD_MAX);
        Some(Ratio { estimate: self.exposed / self.others, spread })
    }
}

impl Ratio {
    /// With its interval.
    pub(super) fn interval(self) -> RateRatio {
        let Self { estimate, spread } = self;
        let high = (estimate * spread.exp()).min(f64::MAX);
        RateRatio { estimate, low: estimate * (-spread).exp(), high }
    }

    /// Whether the interval leaves 1 out.
    pub(super) fn stands_out(self) -> bool {
        let RateRatio { low, high, .. } = self.interval();
        low > 1.0 || high < 1.0
    }

    /// The distance from 1 in widths of the interval, rounded so that ties are ties.
    pub(super) fn strength(self) -> f64 {
        (self.estimate.ln().abs() / self.spread * 1e9).round() / 1e9
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "ties must be exact")]

    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-12 * a.abs().max(b.abs())
    }

    #[test]
    fn one_stratum_is_the_plain_ratio_of_rates() {
        let mut sums = Sums::default();
        sums.add((6, 4), (2.0, 8.0));
        let ratio = sums.ratio().unwrap();
        // 6 in 2 against 4 in 8; var = (6 + 4)·2·8 / 10² over (6·8/10)·(4·2/10).
        assert!(close(ratio.estimate, 6.0), "{ratio:?}");
        assert!(close(ratio.spread, 1.96 * (1.6_f64 / (4.8 * 0.8)).sqrt()), "{ratio:?}");
        let RateRatio { estimate, low, high } = ratio.interval();
        assert!(close(low * high, estimate * estimate) && low < estimate);
    }

    #[test]
    fn strata_are_weighted_by_time_on_the_other_side() {
        let mut sums = Sums::default();
        sums.add((3, 1), (1.0, 1.0));
        sums.add((1, 2), (1.0, 3.0));
        assert!(close(sums.ratio().unwrap().estimate, (1.5 + 0.75) / (0.5 + 0.5)));
    }

    #[test]
    fn nothing_without_conversions_on_both_sides() {
        assert_eq!(Sums::default().ratio(), None);
        for converted in [(3, 0), (0, 3)] {
            let mut sums = Sums::default();
            sums.add(converted, (1.0, 1.0));
            assert_eq!(sums.ratio(), None, "{converted:?}");
        }
    }

    #[test]
    fn the_interval_is_finite_however_little_there_is() {
        let mut sums = Sums::default();
        sums.add((1, 0), (1.0, 1e-100));
        sums.add((0, 1), (1e-100, 1.0));
        let ratio = sums.ratio().unwrap();
        assert_eq!(ratio.spread, 300.0);
        let huge = Ratio { estimate: 1e250, ..ratio }.interval();
        assert!(huge.high.is_finite() && huge.low > 0.0);
    }

    #[test]
    fn an_interval_beside_one_stands_out() {
        let cases = [(2.0, 0.5, true), (2.0, 0.7, false), (0.5, 0.5, true), (0.5, 0.7, false)];
        for (estimate, spread, stands_out) in cases {
            let ratio = Ratio { estimate, spread };
            assert_eq!(ratio.stands_out(), stands_out, "{ratio:?}");
        }
    }

    #[test]
    fn strength_is_rounded() {
        let strength = |estimate: f64| Ratio { estimate, spread: 0.5 }.strength();
        assert_eq!(strength(2.0), strength(2.0 + 1e-11));
        assert_eq!(strength(2.0), strength(0.5));
        assert!(strength(2.0) < strength(2.0 + 1e-8));
    }
}
