//! Made-up standings: what tests, benches and the example of the page show.
//!
//! Invariant: every field that can be shown is filled, so that nothing goes unseen for want of a
//! value.

use sillage::model::{
    Basis, Label, Lift, RING, RateRatio, Rule, SegmentStandings, Shift, ShiftId, Standing, Test,
};
use sillage::view::View;

pub(crate) fn view(sequence: u64, segments: Vec<SegmentStandings>) -> View {
    View {
        sequence,
        as_of_ms: 1_700_000_000_000,
        lift_as_of_ms: Some(1_699_920_000_000),
        complete: true,
        segments,
    }
}

/// A segment of influencers in the order of rank, by name and score.
pub(crate) fn segment(name: &str, ranked: &[(&str, f64)]) -> SegmentStandings {
    SegmentStandings {
        segment: name.into(),
        active_audience: 120.5,
        conversions: 975,
        organic_conversions: 1.5,
        organic_value: 30.0,
        influencers: ranked.iter().map(|(name, score)| standing(name, *score)).collect(),
    }
}

/// An influencer who is only passed on; what its conversions prove is shown and not scored.
pub(crate) fn standing(influencer: &str, score: f64) -> Standing {
    let lift = lift();
    Standing {
        influencer: influencer.into(),
        label: Label::Quiet,
        amplify_share: score / 100.0,
        relate_share: 0.0,
        outbound: 2.5,
        active_fans: 17,
        fans_by_bucket: ([1, 2, 3, 4, 5, 6, 7, 8], RING - 1),
        momentum: 1.25,
        exclusive_share: 0.25,
        attributed_conversions: 60.5,
        declared_conversions: 20.0,
        attributed_value: 1210.0,
        incremental_conversions: lift.incremental(1.9),
        incremental_low: lift.incremental(1.5),
        incremental_high: lift.incremental(2.4),
        proven_conversions: lift.proven(1.1),
        lift: lift.into(),
        amplify_points: score,
        relate_points: 0.0,
        convert_points: 0.0,
        score,
        followers_gained: 40,
        popularity: 12.5,
    }
}

fn lift() -> Lift {
    Lift {
        basis: Basis::SelfControlled,
        ratio: Some(RateRatio { estimate: 1.9, low: 1.5, high: 2.4 }),
        exposed_conversions: 120,
        exposed_buckets: 640,
        discovered: true,
        test: Some(Test { chance: 1e-6, place: 1, tested: 40 }),
        entangled_with: Some(["bob".into()].into()),
    }
}

/// A shift with a number for an id, an hour of event time after the one before.
#[allow(dead_code, reason = "not all who share this file show shifts")]
pub(crate) fn shift(number: u64) -> Shift {
    Shift {
        id: ShiftId(number),
        rule: Rule::ScoreRose,
        segment: "s".into(),
        influencer: format!("i{number}").into(),
        at_ms: 1_700_000_000_000 + i64::try_from(number).unwrap_or(0) * 3_600_000,
        before: Some(20.0),
        after: Some(31.5),
        previous: None,
        summary: format!("The influence of i{number} rose."),
    }
}
