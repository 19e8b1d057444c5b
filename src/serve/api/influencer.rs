//! `GET /api/v1/segments/{segment}/influencers/{influencer}`: a score taken apart, each part with
//! what went in, where it saturates, and a sentence.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Serialize;

use super::{Head, json_of, segment_of, serialized};
use crate::model::{Basis, Params, SegmentStandings, Standing};
use crate::serve::problem::Problem;
use crate::serve::routes::{Shared, blocking};
use crate::view::View;

#[derive(Serialize)]
struct Explained<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    rank: usize,
    /// Influencers of the segment.
    total: usize,
    #[serde(flatten)]
    standing: &'a Standing,
    /// They add up to the score.
    parts: [Contribution; 3],
    /// Beside the score, never in it.
    popularity_evidence: Contribution,
    fans: Fans,
}

#[derive(Serialize)]
struct Contribution {
    part: &'static str,
    points: f64,
    max_points: f64,
    inputs: Vec<Input>,
    explanation: String,
}

/// A number that goes into a part: `value / (value + half_saturation)` of it counts.
#[derive(Serialize)]
struct Input {
    name: &'static str,
    value: f64,
    half_saturation: f64,
    saturation: f64,
}

/// Distinct actors of each ended bucket, oldest first.
#[derive(Serialize)]
struct Fans {
    bucket_ms: i64,
    explanation: String,
}

pub(super) async fn influencer(
    State(shared): State<Shared>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    let Path((segment, name)) = path?;
    let answer = move || {
        let view = shared.views.current();
        let standings = segment_of(&view, &segment)?;
        let (rank, standing) = standings.find(&name).ok_or_else(|| {
            Problem::not_found(format!("there is no influencer {name} in segment {segment}"))
        })?;
        serialized(&explained(&view, standings, (rank, standing), &shared.params))
    };
    blocking(answer).await.map(json_of)
}

fn explained<'a>(
    view: &View,
    standings: &'a SegmentStandings,
    (rank, standing): (usize, &'a Standing),
    params: &Params,
) -> Explained<'a> {
    Explained {
        head: Head::new(view, standings),
        rank,
        total: standings.influencers.len(),
        standing,
        parts: [
            amplify(standing, params),
            relate(standing, params),
            convert(standing, standings, params),
        ],
        popularity_evidence: popularity(standing, params),
        fans: fans(standing, params),
    }
}

fn amplify(standing: &Standing, params: &Params) -> Contribution {
    let (max, half) = (params.points.amplify, params.half_saturation.amplify);
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

fn relate(standing: &Standing, params: &Params) -> Contribution {
    let (max, half) = (params.points.relate, &params.half_saturation);
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
            Input::new("relate_share", standing.relate_share, half.relate_in),
            Input::new("outbound", outbound, half.relate_out),
        ],
        explanation,
    }
}

fn convert(standing: &Standing, standings: &SegmentStandings, params: &Params) -> Contribution {
    let (max, half) = (params.points.convert, params.half_saturation.convert);
    let proven = standing.proven_conversions;
    let share = proven / (standings.conversions as f64 + params.pseudo_audience);
    let name = &standing.influencer;
    let explanation = if proven > 0.0 {
        format!(
            "At least {proven:.1} conversions would not have happened without {name}: {} of those \
             of the segment, {:.2} of {max} points.",
            percent(share),
            standing.convert_points,
        )
    } else {
        let why = match standing.lift.basis {
            Basis::Insufficient => "there is too little to compare",
            Basis::SelfControlled => "the difference may be chance",
        };
        format!("No conversion is proven to be {name}'s doing ({why}): 0 of {max} points.")
    };
    Contribution {
        part: "convert",
        points: standing.convert_points,
        max_points: max,
        inputs: vec![Input::new("proven_share", share, half)],
        explanation,
    }
}

fn popularity(standing: &Standing, params: &Params) -> Contribution {
    let half = params.half_saturation.popularity;
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

fn fans(standing: &Standing, params: &Params) -> Fans {
    let explanation = format!(
        "{} people acted on {} in the last {} buckets and the open one. Momentum is the last ended \
         bucket over the mean of those: {:.2}.",
        standing.active_fans, standing.influencer, params.active_buckets, standing.momentum,
    );
    Fans { bucket_ms: params.bucket_ms, explanation }
}

impl Input {
    fn new(name: &'static str, value: f64, half_saturation: f64) -> Self {
        Self { name, value, half_saturation, saturation: value / (value + half_saturation) }
    }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::exposition::sample;

    fn said(change: impl FnOnce(&mut Standing)) -> serde_json::Value {
        let mut segment = sample::segment("s", &[("ana", 20.0)]);
        change(&mut segment.influencers[0]);
        let view = sample::view(1, vec![]);
        let of = explained(&view, &segment, (1, &segment.influencers[0]), &Params::default());
        serde_json::to_value(of).unwrap()
    }

    #[test]
    fn inputs_and_saturation_give_the_points() {
        let said = said(|standing| {
            standing.amplify_share = 0.05;
            standing.amplify_points = 15.0;
            standing.relate_share = 0.03;
            standing.outbound = 3.0;
            standing.relate_points = 12.5;
        });
        let (amplify, relate) = (&said["parts"][0], &said["parts"][1]);
        assert_eq!(amplify["inputs"][0]["saturation"], 0.5);
        assert_eq!(amplify["max_points"], 30.0);
        let product = relate["inputs"].as_array().unwrap().iter();
        let product: f64 = product.map(|i| i["saturation"].as_f64().unwrap()).product();
        assert!((relate["max_points"].as_f64().unwrap() * product.sqrt() - 12.5).abs() < 1e-9);
        let sentence = amplify["explanation"].as_str().unwrap();
        assert!(sentence.contains("5.00 % of the active audience"), "{sentence}");
        assert!(sentence.ends_with("this gives 15.00."), "{sentence}");
    }

    #[test]
    fn sentences_say_what_is_missing() {
        let said = said(|standing| standing.outbound = 0.0);
        let sentence = said["parts"][1]["explanation"].as_str().unwrap();
        assert!(sentence.contains("ana acts on nobody"), "{sentence}");
        let sentence = said["parts"][2]["explanation"].as_str().unwrap();
        assert!(sentence.contains("too little to compare"), "{sentence}");
        let sentence = said["popularity_evidence"]["explanation"].as_str().unwrap();
        assert!(sentence.ends_with("It is not part of influence."), "{sentence}");
    }
}
