//! Person-time of cells, as the effects of accounts change it.
//!
//! The time of a bucket is its pace times the effects of the *other* accounts that the person is
//! exposed to, their product held within limits. Cells hold the product of all effects, and the
//! account's own is taken out on reading. Where few accounts meet and no effect is extreme the
//! limits cannot be reached, and plain products do; elsewhere it takes logarithms.

use super::ahead::ahead;
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

    /// Whether the product of as many such effects as a sparse stratum has is within the limits.
    pub(super) fn is_moderate(self) -> bool {
        self.ln.abs() * SPARSE as f64 <= PRODUCT_MAX.ln()
    }
}

/// The times of strata of one kind.
pub(super) trait Times {
    /// Whether accounts that a whole stratum is exposed to are needed: their effect cancels, unless
    /// a limit is met.
    const THROUGHOUT: bool;

    /// Strata take a multiple of so many cells; those that fill up have a pace of 0.
    const LANES: usize;

    /// By the paces of cells.
    fn new(paces: Vec<f64>) -> Self;

    /// Loads the cells of items that are read next.
    fn fetch(&self, items: &[Item]);

    /// Time inside and outside of the account's exposure, its own effect left out.
    fn split(&self, item: &Item, own: Effect) -> (f64, f64);

    /// Changes the effect of the account on its cells.
    fn change(&mut self, item: &Item, from: Effect, to: Effect);
}

/// Paces times effects.
pub(super) struct Sparse(Vec<f64>);

/// Four bits as numbers, so that no branch is guessed wrong every other time.
const BITS: [[f64; 4]; 16] = {
    let mut bits = [[0.0; 4]; 16];
    let mut at = 0;
    while at < 64 {
        bits[at / 4][at % 4] = if (at / 4) >> (at % 4) & 1 == 1 { 1.0 } else { 0.0 };
        at += 1;
    }
    bits
};

impl Times for Sparse {
    const THROUGHOUT: bool = false;
    const LANES: usize = 4;

    fn new(paces: Vec<f64>) -> Self {
        Self(paces)
    }

    fn fetch(&self, items: &[Item]) {
        ahead(items.iter().map(|item| self.0[item.first as usize].to_bits()));
    }

    fn split(&self, item: &Item, own: Effect) -> (f64, f64) {
        let (mut inside, mut outside) = ([0.0; Self::LANES], [0.0; Self::LANES]);
        let mut exposed = item.exposed;
        for times in self.0[item.range()].chunks_exact(Self::LANES) {
            let bits = &BITS[(exposed & 15) as usize];
            for lane in 0..Self::LANES {
                let part = times[lane] * bits[lane];
                inside[lane] += part;
                outside[lane] += times[lane] - part;
            }
            exposed >>= Self::LANES;
        }
        let sum = |lanes: [f64; Self::LANES]| (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
        (sum(inside) / own.ratio, sum(outside))
    }

    fn change(&mut self, item: &Item, from: Effect, to: Effect) {
        let factor = to.ratio / from.ratio;
        for (place, time) in self.0[item.range()].iter_mut().enumerate() {
            *time *= if item.exposed >> place & 1 == 1 { factor } else { 1.0 };
        }
    }
}

/// Products as logarithms, which do not run over.
pub(super) struct Crowded(Vec<Cell>);

struct Cell {
    pace: f64,
    /// The logarithm of the product of effects.
    product: f64,
    /// The pace times the product, where that is within the limits.
    time: f64,
}

impl Times for Crowded {
    const THROUGHOUT: bool = true;
    const LANES: usize = 1;

    fn new(paces: Vec<f64>) -> Self {
        Self(paces.into_iter().map(|pace| Cell { pace, product: 0.0, time: pace }).collect())
    }

    fn fetch(&self, items: &[Item]) {
        ahead(items.iter().map(|item| self.0[item.first as usize].time.to_bits()));
    }

    fn split(&self, item: &Item, own: Effect) -> (f64, f64) {
        // Without its own effect a product is within the limits, too.
        let plain = PRODUCT_MAX.ln() - own.ln.abs();
        let mut sides = [0.0; 2];
        for (place, cell) in self.0[item.range()].iter().enumerate() {
            let exposed = item.exposed >> place & 1 == 1;
            let (own_ln, own_ratio) = if exposed { (own.ln, own.ratio) } else { (0.0, 1.0) };
            sides[usize::from(exposed)] += if cell.product.abs() <= plain {
                cell.time / own_ratio
            } else {
                cell.pace * within_limits(cell.product - own_ln)
            };
        }
        let [outside, inside] = sides;
        (inside, outside)
    }

    fn change(&mut self, item: &Item, from: Effect, to: Effect) {
        for (place, cell) in self.0[item.range()].iter_mut().enumerate() {
            if item.exposed >> place & 1 == 1 {
                cell.product += to.ln - from.ln;
                cell.time = cell.pace * within_limits(cell.product);
            }
        }
    }
}

fn within_limits(product: f64) -> f64 {
    let limit = PRODUCT_MAX.ln();
    product.clamp(-limit, limit).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All of `cells` cells.
    fn item(exposed: u64, cells: u8) -> Item {
        Item { exposed, first: 0, cells, converted: (0, 0) }
    }

    fn close((a, b): (f64, f64), (c, d): (f64, f64)) -> bool {
        (a / c - 1.0).abs() < 1e-12 && (b / d - 1.0).abs() < 1e-12
    }

    fn check<T: Times>() {
        let mut times = T::new(vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0]);
        let (one, other) = (item(0b1010_0110, 8), item(0b0000_1111, 8));
        let none = Effect::NONE;
        assert!(close(times.split(&one, none), (166.0, 89.0)));

        // Another's effect counts on the cells it is exposed in, on either side.
        let three = Effect::of(3.0);
        times.change(&other, none, three);
        assert!(close(times.split(&one, none), (6.0 * 3.0 + 160.0, 9.0 * 3.0 + 80.0)));
        // One's own does not.
        assert!(close(times.split(&other, three), (15.0, 240.0)));

        times.change(&other, three, Effect::of(0.5));
        assert!(close(times.split(&one, none), (6.0 * 0.5 + 160.0, 9.0 * 0.5 + 80.0)));
        times.change(&other, Effect::of(0.5), none);
        assert!(close(times.split(&one, none), (166.0, 89.0)));
    }

    #[test]
    fn effects_change_the_times_of_others() {
        check::<Sparse>();
        check::<Crowded>();
    }

    #[test]
    fn products_stay_within_limits() {
        for (ratio, limit) in [(1e60, 1e100), (1e-60, 1e-100)] {
            let mut times = Crowded::new(vec![2.0, 4.0]);
            let effect = Effect::of(ratio);
            let both = item(0b11, 2);
            times.change(&both, Effect::NONE, effect);
            times.change(&item(0b01, 2), Effect::NONE, effect);
            let first = item(0b01, 2);
            // Of two, one is left when the own is taken out.
            assert!(close(times.split(&first, effect), (2.0 * ratio, 4.0 * ratio)));
            // Of an account without effect, both count, up to the limit.
            assert!(close(times.split(&first, Effect::NONE), (2.0 * limit, 4.0 * ratio)));
            // The limit holds the product of the others, so that nothing is lost on the way back.
            times.change(&first, effect, Effect::NONE);
            assert!(close(times.split(&first, Effect::NONE), (2.0 * ratio, 4.0 * ratio)));
        }
    }

    #[test]
    fn sparse_strata_hold_moderate_effects_only() {
        for (ratio, moderate) in
            [(1.0, true), (1e4, true), (1e-4, true), (2e4, false), (5e-5, false)]
        {
            assert_eq!(Effect::of(ratio).is_moderate(), moderate, "{ratio}");
        }
    }
}
