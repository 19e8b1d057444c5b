//! Where an influencer stands in a segment at one moment: score, parts, evidence.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::lift::Lift;
use super::sums::RING;

/// One influencer in one segment. Field names are those of the reference, and of the API.
#[derive(Clone, Debug, Serialize)]
pub struct Standing {
    pub influencer: Arc<str>,
    pub label: Label,
    /// Share of the active audience that passes the influencer on, 0–1.
    pub amplify_share: f64,
    /// Share of the active audience that talks with the influencer, 0–1.
    pub relate_share: f64,
    /// The account's own acts on others, fan-units.
    pub outbound: f64,
    /// Distinct actors over the active buckets and the open one.
    pub active_fans: u64,
    /// Distinct actors of each of the last ended buckets, oldest first.
    #[serde(serialize_with = "active_only")]
    pub fans_by_bucket: ([u64; RING], usize),
    /// Fans of the last ended bucket over the mean of the active ones.
    pub momentum: f64,
    /// Part of the credit that is from actors who act on nobody else, 0–1.
    pub exclusive_share: f64,
    /// Conversions of the evidence window and the open buckets, by touches and by declaration.
    pub attributed_conversions: f64,
    /// Those of them that were declared by a target or a code.
    pub declared_conversions: f64,
    /// Their value, in the base currency.
    pub attributed_value: f64,
    /// Shared with the views before, until another bucket closes.
    pub lift: Arc<Lift>,
    pub incremental_conversions: f64,
    pub incremental_low: f64,
    pub incremental_high: f64,
    pub proven_conversions: f64,
    pub amplify_points: f64,
    pub relate_points: f64,
    pub convert_points: f64,
    /// Influence, 0–100: the sum of the three parts.
    pub score: f64,
    pub followers_gained: u64,
    /// Popularity, 0–100; never part of the score.
    pub popularity: f64,
}

/// What the two indices together say of an influencer (SCORING §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    Influential,
    Popular,
    Both,
    Emerging,
    Quiet,
    Insufficient,
}

/// A segment at one moment, its influencers in rank order.
#[derive(Clone, Debug)]
pub struct SegmentStandings {
    pub segment: Arc<str>,
    /// `U`, fan-units.
    pub active_audience: f64,
    pub conversions: u64,
    pub organic_conversions: f64,
    pub organic_value: f64,
    /// By score (rounded to 1e-9) descending, then name.
    pub influencers: Vec<Standing>,
}

impl Standing {
    /// Conversions attributed by touches alone.
    #[must_use]
    pub fn touched_conversions(&self) -> f64 {
        self.attributed_conversions - self.declared_conversions
    }
}

impl Label {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Influential => "influential",
            Self::Popular => "popular",
            Self::Both => "both",
            Self::Emerging => "emerging",
            Self::Quiet => "quiet",
            Self::Insufficient => "insufficient",
        }
    }
}

fn active_only<S: serde::Serializer>(
    (fans, active): &([u64; RING], usize),
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(fans.iter().take(*active))
}
