//! What was planted in a world, and what came of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What was planted, and what came of it so far. Who is not listed has no effect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    pub events: u64,
    pub conversions: u64,
    /// Accounts without effect that people mention now and then: `friend0`, `friend1`, …
    #[serde(default)]
    pub bystanders: u32,
    pub accounts: Vec<AccountTruth>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountTruth {
    pub name: String,
    pub story: String,
    /// What a touch multiplies the chance of a conversion by.
    pub rate_ratio: f64,
    /// Days after a touch on which it does, first and last; day 0 is that of the touch.
    pub effect_days: (u16, u16),
    pub fans: u32,
    /// Conversions on one of the three days after a touch.
    pub exposed_conversions: u64,
    /// Expected number of conversions that would not have been without the account.
    pub caused_conversions: f64,
    /// The same by segment of the person who converts; in two segments it counts in both.
    pub segments: BTreeMap<String, Planted>,
}

/// What came of an account in a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Planted {
    pub exposed_conversions: u64,
    pub caused_conversions: f64,
}

impl AccountTruth {
    #[must_use]
    pub fn has_effect(&self) -> bool {
        self.rate_ratio > 1.0
    }

    /// Notes a conversion of a person in `segments`, after touches that make it exposed, caused
    /// in part, or both.
    pub(super) fn note(&mut self, segments: &[&str], is_exposed: bool, is_effective: bool) {
        let exposed = u64::from(is_exposed);
        let caused = if is_effective { 1.0 - self.rate_ratio.recip() } else { 0.0 };
        self.exposed_conversions += exposed;
        self.caused_conversions += caused;
        for segment in segments {
            if !self.segments.contains_key(*segment) {
                self.segments.insert((*segment).to_owned(), Planted::default());
            }
            if let Some(planted) = self.segments.get_mut(*segment) {
                planted.exposed_conversions += exposed;
                planted.caused_conversions += caused;
            }
        }
    }
}
