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
