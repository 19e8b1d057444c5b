//! Decayed counts: every act counts, whoever does it and however often.

use super::Map;

/// Sums that fade, kept as of the first moment seen.
pub(super) struct Fading {
    half_life_ms: i64,
    base_ms: Option<i64>,
    sums: Map<u32, f64>,
}

impl Fading {
    pub(super) fn new(half_life_ms: i64) -> Self {
        Self { half_life_ms, base_ms: None, sums: Map::default() }
    }

    pub(super) fn add(&mut self, account: u32, time_ms: i64, weight: f64) {
        let base_ms = *self.base_ms.get_or_insert(time_ms);
        let growth = self.growth(base_ms, time_ms);
        *self.sums.entry(account).or_default() += weight * growth;
    }

    pub(super) fn as_of(&self, time_ms: i64) -> impl Iterator<Item = (u32, f64)> {
        let base_ms = self.base_ms.unwrap_or(time_ms);
        let factor = self.growth(base_ms, time_ms).recip();
        self.sums.iter().map(move |(account, sum)| (*account, sum * factor))
    }

    fn growth(&self, from_ms: i64, to_ms: i64) -> f64 {
        ((to_ms - from_ms) as f64 / self.half_life_ms as f64).exp2()
    }
}
