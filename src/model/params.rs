//! The constants of the model, their defaults and the bounds within which the engine is exact.

use std::collections::BTreeMap;

const DAY_MS: i64 = 86_400_000;

/// Every constant of the model (SCORING; the same names as `PARAMS` of the reference).
#[derive(Clone, Debug, PartialEq)]
pub struct Params {
    /// Width of a bucket.
    pub bucket_ms: i64,
    /// Half-life `H` of credit.
    pub half_life_ms: i64,
    /// Exponent `p` that makes credit concave; units decay with half-life `p·H`.
    pub exponent: f64,
    /// Most units that one actor earns an influencer in a bucket.
    pub cap: f64,
    /// Most outbound units of an account in a bucket.
    pub outbound_cap: f64,
    /// Buckets that can still be added to; older events are `too_old`.
    pub ring_buckets: i64,
    /// Silent pseudo-audience `n0`, in fan-units.
    pub pseudo_audience: f64,
    pub weights: Weights,
    pub exposure_buckets: i64,
    /// Buckets over which fans are counted.
    pub active_buckets: i64,
    pub evidence_buckets: i64,
    pub level_buckets: i64,
    pub pace_conversions: f64,
    pub joint_passes: u32,
    pub false_discovery_rate: f64,
    pub margin: f64,
    pub min_conversions: f64,
    pub attribution_half_life_ms: i64,
    pub lookback_ms: i64,
    pub organic: f64,
    pub max_touches: u32,
    pub half_saturation: HalfSaturation,
    pub points: Points,
    /// How late an event may be without being counted as late.
    pub grace_ms: i64,
    /// Silence after which a run ends and segments are forgotten.
    pub retention_buckets: i64,
    pub currencies: BTreeMap<String, f64>,
    pub refund_window_ms: i64,
}

/// Units of one act, by kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    pub retweet: f64,
    pub quote: f64,
    pub share: f64,
    pub click: f64,
    pub reply: f64,
    pub mention: f64,
    pub like: f64,
    pub view: f64,
}

/// Where each part of the score reaches half of its points.
#[derive(Clone, Debug, PartialEq)]
pub struct HalfSaturation {
    pub amplify: f64,
    pub relate_in: f64,
    pub relate_out: f64,
    pub convert: f64,
    pub popularity: f64,
}

/// Most points of each part of the score.
#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    pub amplify: f64,
    pub relate: f64,
    pub convert: f64,
}

/// A constant outside of the bounds within which the engine is exact.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {value} is not allowed, it must be {allowed}")]
pub struct ParamsError {
    /// The key below `model`, such as `half_life_ms`.
    pub key: &'static str,
    pub value: String,
    pub allowed: String,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            bucket_ms: DAY_MS,
            half_life_ms: 7 * DAY_MS,
            exponent: 0.5,
            cap: 3.0,
            outbound_cap: 20.0,
            ring_buckets: 8,
            pseudo_audience: 25.0,
            weights: Weights::default(),
            exposure_buckets: 3,
            active_buckets: 7,
            evidence_buckets: 49,
            level_buckets: 12,
            pace_conversions: 10.0,
            joint_passes: 4,
            false_discovery_rate: 0.05,
            margin: 1.10,
            min_conversions: 5.0,
            attribution_half_life_ms: DAY_MS,
            lookback_ms: 7 * DAY_MS,
            organic: 0.5,
            max_touches: 16,
            half_saturation: HalfSaturation::default(),
            points: Points::default(),
            grace_ms: 600_000,
            retention_buckets: 64,
            currencies: BTreeMap::new(),
            refund_window_ms: 30 * DAY_MS,
        }
    }
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            retweet: 1.0,
            quote: 1.5,
            share: 1.0,
            click: 1.0,
            reply: 1.0,
            mention: 0.5,
            like: 1.0,
            view: 0.05,
        }
    }
}

impl Default for HalfSaturation {
    fn default() -> Self {
        Self { amplify: 0.05, relate_in: 0.03, relate_out: 3.0, convert: 0.02, popularity: 0.25 }
    }
}

impl Default for Points {
    fn default() -> Self {
        Self { amplify: 30.0, relate: 25.0, convert: 45.0 }
    }
}
