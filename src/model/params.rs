//! The constants of the model, their defaults and the bounds within which the engine is exact.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::SegmentParams;

const DAY_MS: i64 = 86_400_000;

/// Every constant of the scoring model. Weights are policy, not science: see docs/scoring.md.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Width of a bucket, the grain of time in which acts are capped.
    #[schemars(schema_with = "millis")]
    pub bucket_ms: i64,
    /// Half-life of credit: after it, what a fan did counts half.
    #[schemars(schema_with = "millis")]
    pub half_life_ms: i64,
    /// Exponent that makes a fan's credit concave, 0.1 to 1; units fade with exponent times the
    /// half-life.
    pub exponent: f64,
    /// Most units that one actor earns an influencer in a bucket, a multiple of 1/4 up to 3.75.
    pub cap: f64,
    /// Most units of an account's own acts on others in a bucket, a multiple of 1/4 up to 63.75.
    pub outbound_cap: f64,
    /// Buckets that can still be added to; older events are rejected as `too_old`.
    pub ring_buckets: i64,
    /// Silent pseudo-audience in fan-units, so that 3 of 4 does not beat 300 of 1000.
    pub pseudo_audience: f64,
    /// Units of one act, by its kind.
    pub weights: Weights,
    /// Buckets for which an act may move a later conversion.
    pub exposure_buckets: i64,
    /// Ended buckets over which fans and momentum are counted.
    pub active_buckets: i64,
    /// Ended buckets from which lift is computed.
    pub evidence_buckets: i64,
    /// Buckets that an actor's level of activity looks back on.
    pub level_buckets: i64,
    /// Pseudo-conversions that steady the pace of a bucket.
    pub pace_conversions: f64,
    /// Passes in which the effects of accounts are separated.
    pub joint_passes: u32,
    /// Accounts wrongly called proven, on average, of those called so.
    pub false_discovery_rate: f64,
    /// Rate ratio above which an effect counts as proven.
    pub margin: f64,
    /// Exposed conversions that an account needs to be tested.
    pub min_conversions: f64,
    /// Half-life of a touch in attribution.
    #[schemars(schema_with = "millis")]
    pub attribution_half_life_ms: i64,
    /// How long before a conversion a touch counts.
    #[schemars(schema_with = "millis")]
    pub lookback_ms: i64,
    /// Weight of nobody in attribution.
    pub organic: f64,
    /// Touches that share a conversion at most.
    pub max_touches: u32,
    /// Where each part of the score reaches half of its points.
    pub half_saturation: HalfSaturation,
    /// Half-saturations of single segments where they differ, such as
    /// `{vip: {half_saturation: {convert: 0.05}}}`.
    pub segments: BTreeMap<String, SegmentParams>,
    /// Most points of each part of the score; together at most 100.
    pub points: Points,
    /// How late an event may be; a bucket is closed when its end is this long ago.
    #[schemars(schema_with = "millis")]
    pub grace_ms: i64,
    /// Silence, in buckets, after which an actor starts from zero and its segments are forgotten.
    pub retention_buckets: i64,
    /// Currency code to its rate in the base currency, such as {EUR: 1.08}; other currencies
    /// count 0. Without any, amounts are taken as they come.
    pub currencies: BTreeMap<String, f64>,
    /// How long after a sale a refund takes it back.
    #[schemars(schema_with = "millis")]
    pub refund_window_ms: i64,
}

/// Units of one act, by kind: amplify and relate in multiples of 1/4, like and view of 1/20.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Weights {
    /// Amplify.
    pub retweet: f64,
    /// Amplify.
    pub quote: f64,
    /// Amplify.
    pub share: f64,
    /// Amplify; not an outbound act.
    pub click: f64,
    /// Relate.
    pub reply: f64,
    /// Relate.
    pub mention: f64,
    /// Popularity only.
    pub like: f64,
    /// Popularity only.
    pub view: f64,
}

/// Where each part of the score reaches half of its points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HalfSaturation {
    /// Share of the audience that amplifies.
    pub amplify: f64,
    /// Share of the audience that talks with the account.
    pub relate_in: f64,
    /// The account's own acts on others, fan-units.
    pub relate_out: f64,
    /// Proven conversions per conversion of the segment.
    pub convert: f64,
    /// Followers gained, likes and views per fan-unit of the audience.
    pub popularity: f64,
}

/// Most points of each part of the score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Points {
    /// For being passed on.
    pub amplify: f64,
    /// For talking with the audience, both ways.
    pub relate: f64,
    /// For proven conversions.
    pub convert: f64,
}

/// A constant outside of the bounds within which the engine is exact.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {value} is not allowed, it must be {allowed}")]
pub struct ParamsError {
    /// The key below `model`, such as `half_life_ms`.
    pub key: String,
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
            segments: BTreeMap::new(),
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

/// Whole milliseconds; the configuration file may write a duration instead.
fn millis(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["integer", "string"], "format": "ms" })
}
