//! What was planted in a world, and what came of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Rule, Shift};

const DAY_MS: i64 = 86_400_000;
/// What may be told of an account because it is proven.
const PROOF: [Rule; 5] =
    [Rule::LiftProven, Rule::LeaderChanged, Rule::TopEntered, Rule::ScoreRose, Rule::LabelChanged];

/// What was planted, and what came of it so far. Who is not listed has no effect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    pub events: u64,
    pub conversions: u64,
    /// Accounts without effect that people mention now and then: `friend0`, `friend1`, …
    #[serde(default)]
    pub bystanders: u32,
    pub accounts: Vec<AccountTruth>,
    /// What changes on a day, in no particular order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shifts: Vec<PlantedShift>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountTruth {
    pub name: String,
    pub story: String,
    /// What a touch multiplies the chance of a conversion by.
    pub rate_ratio: f64,
    /// Days after a touch on which it does, first and last; day 0 is that of the touch.
    pub effect_days: (u16, u16),
    /// Days of the campaign on which it can, from the first to before the second; nothing: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub works_within: Option<(u16, u16)>,
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

/// A change that is to be told, and what else follows from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlantedShift {
    pub account: String,
    pub segment: String,
    pub story: String,
    /// What it is to be told as, once.
    pub rule: Rule,
    /// What may be told of the account because of it, too.
    pub consequences: Vec<Rule>,
    /// When it begins, and until when it is to be told; ms since the Unix epoch.
    pub within_ms: (i64, i64),
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

impl PlantedShift {
    /// Whether `shift` tells it.
    #[must_use]
    pub fn is_told_by(&self, shift: &Shift) -> bool {
        shift.rule == self.rule && *shift.influencer == *self.account && self.covers(shift)
    }

    /// Whether `shift` follows from it: of the account itself, of who leads in its place, or of
    /// who leaves the top to it or takes its place there; or from an effect that is there until
    /// the change.
    #[must_use]
    pub fn explains(&self, shift: &Shift) -> bool {
        let brings = |rule| self.rule == rule || self.consequences.contains(&rule);
        let follows = *shift.influencer == *self.account && self.consequences.contains(&shift.rule);
        let succeeds = shift.previous.as_deref() == Some(&self.account) && brings(Rule::TopLeft);
        let moves_over = match shift.rule {
            Rule::TopLeft => brings(Rule::TopEntered),
            Rule::TopEntered => brings(Rule::TopLeft),
            _ => false,
        };
        let has_begun = shift.at_ms >= self.within_ms.0;
        *shift.segment == *self.segment
            && (has_begun && (follows || succeeds || moves_over) || self.is_proof(shift))
    }

    /// Whether `shift` follows from an effect that is to vanish, and was when no table of lifts had
    /// a day without it.
    fn is_proof(&self, shift: &Shift) -> bool {
        self.rule == Rule::LiftLost
            && *shift.influencer == *self.account
            && shift.at_ms < self.within_ms.0 + DAY_MS
            && PROOF.contains(&shift.rule)
    }

    fn covers(&self, shift: &Shift) -> bool {
        let (from_ms, until_ms) = self.within_ms;
        *shift.segment == *self.segment && (from_ms..until_ms).contains(&shift.at_ms)
    }
}
