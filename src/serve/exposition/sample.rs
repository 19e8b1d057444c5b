//! Hand-made views for the tests of this part.

use crate::model::{Label, Lift, RING, SegmentStandings, Standing};
use crate::view::View;

pub(crate) fn view(sequence: u64, segments: Vec<SegmentStandings>) -> View {
    View { sequence, as_of_ms: 1_700_000_000_000, complete: true, segments }
}

/// A segment of influencers in the order of rank, by name and score.
pub(crate) fn segment(name: &str, ranked: &[(&str, f64)]) -> SegmentStandings {
    SegmentStandings {
        segment: name.into(),
        active_audience: 120.5,
        conversions: 4,
        organic_conversions: 1.5,
        organic_value: 30.0,
        influencers: ranked.iter().map(|(name, score)| standing(name, *score)).collect(),
    }
}

pub(crate) fn standing(influencer: &str, score: f64) -> Standing {
    Standing {
        influencer: influencer.into(),
        label: Label::Quiet,
        amplify_share: score / 100.0,
        relate_share: 0.0,
        outbound: 2.5,
        active_fans: 17,
        fans_by_bucket: ([1, 2, 3, 4, 5, 6, 7, 8], RING - 1),
        momentum: 1.25,
        exclusive_share: 0.0,
        attributed_conversions: 0.0,
        declared_conversions: 0.0,
        attributed_value: 0.0,
        lift: Lift::NONE,
        incremental_conversions: 0.0,
        incremental_low: 0.0,
        incremental_high: 0.0,
        proven_conversions: 0.0,
        amplify_points: score,
        relate_points: 0.0,
        convert_points: 0.0,
        score,
        followers_gained: 40,
        popularity: 12.5,
    }
}
