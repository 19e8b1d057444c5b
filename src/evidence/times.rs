//! Person-time of cells, as the effects of accounts change it.
//!
//! The time of a bucket is its pace times the effects of the *other* accounts that the person is
//! exposed to, their product held within limits. Cells hold the product of all effects, and the
//! account's own is taken out on reading. Where few accounts meet and no effect is extreme the
//! limits cannot be reached, and plain products do; elsewhere it takes logarithms.

use super::strata::{Item, SPARSE};

/// The product of effects stays within `1e-100` and `1e100`.
const PRODUCT_MAX: f64 = 1e100;

/// By how much an account multiplies how often people convert.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Effect {
    ratio: f64,
    ln: f64,
}

impl Effect {
    /// That of an account whose effect is not established.
    pub(super) const NONE: Self = Self { ratio: 1.0, ln: 0.0 };

    pub(super) fn of(ratio: f64) -> Self {
        Self { ratio, ln: ratio.ln() }
    }

    /// Whether sparse strata can hold it: the product of all but one of [`SPARSE`] such effects is
    /// within the limits.
    pub(super) fn is_moderate(self) -> bool {
        self.ln.abs() * SPARSE as f64 <= PRODUCT_MAX.ln()
    }
}

/// The times of strata of one kind.
pub(super) trait Times {
    /// Whether accounts that a whole stratum is exposed to are needed: their effect cancels, until
    /// it meets a limit.
    const THROUGHOUT: bool;

    /// By the paces of cells.
    fn new(paces: Vec<f64>) -> Self;

    /// Time inside and outside of the account's exposure, its own effect left out.
    fn split(&self, item: &Item, own: Effect) -> (f64, f64);

    /// Changes the effect of the account on its cells.
    fn change(&mut self, item: &Item, from: Effect, to: Effect);
}

/// Paces times effects.
pub(super) struct Sparse(Vec<f64>);

impl Times for Sparse {
    const THROUGHOUT: bool = false;

    fn new(paces: Vec<f64>) -> Self {
        Self(paces)
    }

    fn split(&self, item: &Item, own: Effect) -> (f64, f64) {
        let (mut inside, mut outside) = (0.0, 0.0);
        for (place, time) in self.0[item.range()].iter().enumerate() {
            // All bits or none of it: a branch would be guessed wrong every other time.
            let part =
                f64::from_bits(time.to_bits() & 0_u64.wrapping_sub(item.exposed >> place & 1));
            inside += part;
            outside += time - part;
        }
        (inside / own.ratio, outside)
    }

    fn change(&mut self, item: &Item, from: Effect, to: Effect) {
        let factor = to.ratio / from.ratio;
        for (place, time) in self.0[item.range()].iter_mut().enumerate() {
            *time *= if item.exposed >> place & 1 == 1 { factor } else { 1.0 };
        }
    }
}

/// Paces, and logarithms of the products of effects.
pub(super) struct Crowded(Vec<(f64, f64)>);

impl Times for Crowded {
    const THROUGHOUT: bool = true;

    fn new(paces: Vec<f64>) -> Self {
        Self(paces.into_iter().map(|pace| (pace, 0.0)).collect())
    }

    fn split(&self, item: &Item, own: Effect) -> (f64, f64) {
        let limit = PRODUCT_MAX.ln();
        let (mut inside, mut outside) = (0.0, 0.0);
        for (place, (pace, product)) in self.0[item.range()].iter().enumerate() {
            if item.exposed >> place & 1 == 1 {
                inside += pace * (product - own.ln).clamp(-limit, limit).exp();
            } else {
                outside += pace * product.clamp(-limit, limit).exp();
            }
        }
        (inside, outside)
    }

    fn change(&mut self, item: &Item, from: Effect, to: Effect) {
        for (place, (_, product)) in self.0[item.range()].iter_mut().enumerate() {
            if item.exposed >> place & 1 == 1 {
                *product += to.ln - from.ln;
            }
        }
    }
}
