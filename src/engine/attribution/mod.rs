//! To whom a conversion goes: the last touches before it, who is declared, or nobody (SCORING §5).
//!
//! Invariant: shares and the organic rest of a conversion add up to it, in each of its segments;
//! what is read is a sum over buckets that are open or in the evidence window.

mod ledger;
mod pending;
mod sales;

pub(super) use ledger::{Ledger, Method};
pub(super) use pending::{Pending, Waiting};
pub(super) use sales::{Sale, Sales};

use super::touches::Touch;
use crate::model::Params;

/// The constants of attribution.
pub(super) struct Terms {
    pub(super) grace_ms: i64,
    pub(super) refund_window_ms: i64,
    half_life_ms: i64,
    organic: f64,
}

/// How one conversion is split.
#[derive(Clone, Debug, Default)]
pub(super) struct Split {
    pub(super) method: Method,
    /// Influencers and their shares.
    pub(super) shares: Vec<(u32, f64)>,
    pub(super) organic: f64,
}

impl Terms {
    pub(super) const fn new(params: &Params) -> Self {
        Self {
            grace_ms: params.grace_ms,
            refund_window_ms: params.refund_window_ms,
            half_life_ms: params.attribution_half_life_ms,
            organic: params.organic,
        }
    }

    /// Splits a conversion at `time_ms` over the last touches before it: each weighs
    /// `w·2^(−age/half-life)`, and nobody weighs `organic`.
    pub(super) fn split(&self, time_ms: i64, touches: &[Touch]) -> Split {
        let weight = |touch: &Touch| {
            let age_ms = (time_ms - touch.time_ms()) as f64;
            touch.weight() * (-age_ms / self.half_life_ms as f64).exp2()
        };
        let weights: Vec<f64> = touches.iter().map(weight).collect();
        let total = self.organic + weights.iter().sum::<f64>();
        let shares = touches.iter().zip(weights).map(|(t, weight)| (t.influencer, weight / total));
        Split { method: Method::Touch, shares: shares.collect(), organic: self.organic / total }
    }
}

impl Split {
    pub(super) fn declared(influencer: u32) -> Self {
        Self { method: Method::Declared, shares: vec![(influencer, 1.0)], organic: 0.0 }
    }

    pub(super) const fn nobody() -> Self {
        Self { method: Method::Touch, shares: Vec::new(), organic: 1.0 }
    }
}
