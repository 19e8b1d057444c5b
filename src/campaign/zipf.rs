//! Draws from a Zipf distribution in constant time, by Vose's alias method.

/// Ranks 0, 1, … with weights 1, 2^−s, 3^−s, …
pub(super) struct Zipf {
    /// For each rank: the draw's lower half below which it stays, and the rank it goes to else.
    cells: Vec<(u32, u32)>,
}

impl Zipf {
    /// `exponent` 0 makes all ranks alike.
    pub(super) fn new(ranks: u32, exponent: f64) -> Self {
        // Rounded, so that a last bit in which platforms differ does not reach the table.
        let weight = |rank: u32| ((f64::from(rank) + 1.0).powf(-exponent) * 2e9).round().max(1.0);
        let weights: Vec<f64> = (0..ranks).map(weight).collect();
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        let mut cells: Vec<(u32, u32)> = (0..ranks).map(|rank| (u32::MAX, rank)).collect();
        let scaled = (0..ranks).zip(weights.into_iter().map(|weight| weight / mean));
        let (mut small, mut large): (Vec<_>, Vec<_>) = scaled.partition(|(_, x)| *x < 1.0);
        while let (Some((low, part)), Some((high, rest))) = (small.pop(), large.pop()) {
            if let Some(cell) = cells.get_mut(low as usize) {
                *cell = (threshold(part), high);
            }
            let left = (high, rest + part - 1.0);
            if left.1 < 1.0 { small.push(left) } else { large.push(left) }
        }
        Self { cells }
    }

    /// The rank that 64 random bits stand for.
    pub(super) fn rank(&self, bits: u64) -> u32 {
        let [upper, lower] = [bits >> 32, bits & u64::from(u32::MAX)];
        let at = (upper * self.cells.len() as u64) >> 32;
        let Some((stays_below, other)) = usize::try_from(at).ok().and_then(|at| self.cells.get(at))
        else {
            return 0;
        };
        if lower <= u64::from(*stays_below) { at as u32 } else { *other }
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "of a number in 0..1")]
fn threshold(part: f64) -> u32 {
    (part * f64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::Zipf;

    #[test]
    fn frequencies_follow_the_weights() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for (ranks, exponent) in [(1, 1.0), (10, 0.0), (10, 1.0), (100, 0.7)] {
            let zipf = Zipf::new(ranks, exponent);
            let mut counts = vec![0_u32; ranks as usize];
            let draws = 400_000;
            for _ in 0..draws {
                counts[zipf.rank(random.random()) as usize] += 1;
            }
            let weights = (1..=ranks).map(|rank| f64::from(rank).powf(-exponent));
            let sum: f64 = weights.clone().sum();
            for (rank, (count, weight)) in counts.iter().zip(weights).enumerate() {
                let expected = f64::from(draws) * weight / sum;
                let off = (f64::from(*count) - expected).abs();
                assert!(off < 5.0 * expected.sqrt(), "{rank} of {ranks}: {count}, not {expected}");
            }
        }
    }
}
