//! What conversions prove of an influencer: the result of comparing people with themselves
//! (SCORING §6).

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;
use serde::Serialize;

/// How often people convert after acting on an influencer, beside how often the same people, as
/// active, convert after acting on others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lift {
    pub basis: Basis,
    /// Nothing where the basis is insufficient.
    #[serde(flatten)]
    pub ratio: Option<RateRatio>,
    /// Conversions in buckets exposed to the influencer.
    pub exposed_conversions: u64,
    /// Buckets in which people who convert are exposed to the influencer.
    pub exposed_buckets: u64,
    /// Whether the effect stands out among all that were looked at.
    pub discovered: bool,
    /// How it was tested against the others; nothing where there was too little to test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<Test>,
    /// Influencers acted on in over 90 % of the same buckets, by name: of these two nobody can
    /// tell which it is. Nothing where the effect is not established.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entangled_with: Option<Arc<[Arc<str>]>>,
}

/// A rate ratio with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RateRatio {
    #[serde(rename = "rate_ratio")]
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
}

/// One of many tests (Benjamini & Hochberg 1995, weighted: Genovese et al. 2006).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Test {
    /// `p / v`: the chance of such a ratio without an effect, over the weight of the account.
    pub chance: f64,
    /// Place in the order of chances, from 1.
    pub place: u64,
    /// Accounts tested.
    pub tested: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// People compared with themselves.
    SelfControlled,
    /// Too little to compare: nothing is claimed.
    Insufficient,
}

/// The lifts of all segments as of the close of a bucket.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The end of the last closed bucket, ms since the Unix epoch.
    pub as_of_ms: i64,
    pub segments: HashMap<Arc<str>, SegmentEvidence, FixedState>,
}

#[derive(Clone, Debug, Default)]
pub struct SegmentEvidence {
    /// `Y`: people and buckets of the window with a conversion.
    pub conversions: u64,
    /// By name; who is not listed has [`Lift::NONE`].
    pub influencers: HashMap<Arc<str>, Lift, FixedState>,
}

impl Lift {
    /// The lift of an influencer of whom no conversion tells anything.
    pub const NONE: Self = Self {
        basis: Basis::Insufficient,
        ratio: None,
        exposed_conversions: 0,
        exposed_buckets: 0,
        discovered: false,
        test: None,
        entangled_with: None,
    };

    /// Conversions that would not have happened without the influencer, were the rate ratio
    /// `ratio`: `y · max(0, 1 − 1/ratio)`.
    #[must_use]
    pub fn incremental(&self, ratio: f64) -> f64 {
        self.exposed_conversions as f64 * (1.0 - ratio.recip()).max(0.0)
    }

    /// The part of its conversions that counts as proven: `y · max(0, 1 − margin/low)` of a
    /// discovered influencer, else 0.
    #[must_use]
    pub fn proven(&self, margin: f64) -> f64 {
        let low = self.ratio.filter(|_| self.discovered).map(|ratio| ratio.low);
        low.map_or(0.0, |low| self.incremental(low / margin))
    }
}
