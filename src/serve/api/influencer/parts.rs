//! What an audience does: the parts amplify and relate, popularity, fans.

use serde::Serialize;

use super::Subject;
use super::words::percent;

#[derive(Serialize)]
pub(super) struct Contribution {
    pub(super) part: &'static str,
    pub(super) points: f64,
    pub(super) max_points: f64,
    pub(super) inputs: Vec<Input>,
    pub(super) explanation: String,
}

/// A number that goes into a part: `value / (value + half_saturation)` of it counts.
#[derive(Serialize)]
pub(super) struct Input {
    name: &'static str,
    value: f64,
    half_saturation: f64,
    saturation: f64,
}

/// Distinct actors of each ended bucket, oldest first.
#[derive(Serialize)]
pub(super) struct Fans {
    bucket_ms: i64,
    explanation: String,
}

pub(super) fn amplify(subject: &Subject<'_>) -> Contribution {
    let standing = subject.standing;
    let (max, half) = (subject.params.points.amplify, subject.half.amplify);
    let share = standing.amplify_share;
    let explanation = format!(
        "Those who pass {} on (retweet, quote, share, click) are {} of the active audience. With \
         {} an account has half of the {max} points; this gives {:.2}.",
        standing.influencer,
        percent(share),
        percent(half),
        standing.amplify_points,
    );
    Contribution {
        part: "amplify",
        points: standing.amplify_points,
        max_points: max,
        inputs: vec![Input::new("amplify_share", share, half)],
        explanation,
    }
}

pub(super) fn relate(subject: &Subject<'_>) -> Contribution {
    let standing = subject.standing;
    let max = subject.params.points.relate;
    let (name, outbound) = (&standing.influencer, standing.outbound);
    let explanation = if outbound > 0.0 {
        format!(
            "{} of the active audience talks with {name} (reply, mention), and {name}'s own acts on \
             others come to {outbound:.2} fan-units. A relationship takes both sides, so the two \
             are multiplied: {:.2} of {max} points.",
            percent(standing.relate_share),
            standing.relate_points,
        )
    } else {
        format!(
            "{} of the active audience talks with {name} (reply, mention), but {name} acts on \
             nobody. A relationship takes both sides: 0 of {max} points.",
            percent(standing.relate_share),
        )
    };
    Contribution {
        part: "relate",
        points: standing.relate_points,
        max_points: max,
        inputs: vec![
            Input::new("relate_share", standing.relate_share, subject.half.relate_in),
            Input::new("outbound", outbound, subject.half.relate_out),
        ],
        explanation,
    }
}

pub(super) fn popularity(subject: &Subject<'_>) -> Contribution {
    let (standing, half) = (subject.standing, subject.half.popularity);
    let saturation = standing.popularity / 100.0;
    // What the index was made from is not kept, and follows from it.
    let value = if saturation < 1.0 { half * saturation / (1.0 - saturation) } else { f64::MAX };
    let explanation = format!(
        "{} people of the segment began to follow {}; with likes and views that makes a popularity \
         of {:.1} of 100. It is not part of influence.",
        standing.followers_gained, standing.influencer, standing.popularity,
    );
    Contribution {
        part: "popularity",
        points: standing.popularity,
        max_points: 100.0,
        inputs: vec![Input { name: "popular_share", value, half_saturation: half, saturation }],
        explanation,
    }
}

pub(super) fn fans(subject: &Subject<'_>) -> Fans {
    let (standing, params) = (subject.standing, subject.params);
    let explanation = format!(
        "{} people acted on {} in the last {} buckets and the open one. Momentum is the last ended \
         bucket over the mean of those: {:.2}. {} of its credit is from people who act on nobody \
         else.",
        standing.active_fans,
        standing.influencer,
        params.active_buckets,
        standing.momentum,
        percent(standing.exclusive_share),
    );
    Fans { bucket_ms: params.bucket_ms, explanation }
}

impl Input {
    pub(super) fn new(name: &'static str, value: f64, half_saturation: f64) -> Self {
        Self { name, value, half_saturation, saturation: value / (value + half_saturation) }
    }
}
