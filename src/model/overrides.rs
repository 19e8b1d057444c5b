//! Constants of the model that a single segment has of its own.
//!
//! Invariant: what a segment does not say is as for all others.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HalfSaturation, Params};

/// What differs in a segment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SegmentParams {
    pub half_saturation: HalfSaturationOverride,
}

/// The half-saturations that differ; see [`HalfSaturation`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HalfSaturationOverride {
    pub amplify: Option<f64>,
    pub relate_in: Option<f64>,
    pub relate_out: Option<f64>,
    pub convert: Option<f64>,
    pub popularity: Option<f64>,
}

impl Params {
    /// The half-saturations that hold in a segment.
    #[must_use]
    pub fn half_saturation_in(&self, segment: &str) -> HalfSaturation {
        let all = &self.half_saturation;
        let Some(SegmentParams { half_saturation: own }) = self.segments.get(segment) else {
            return *all;
        };
        HalfSaturation {
            amplify: own.amplify.unwrap_or(all.amplify),
            relate_in: own.relate_in.unwrap_or(all.relate_in),
            relate_out: own.relate_out.unwrap_or(all.relate_out),
            convert: own.convert.unwrap_or(all.convert),
            popularity: own.popularity.unwrap_or(all.popularity),
        }
    }
}
