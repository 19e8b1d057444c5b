//! `GET /api/v1/segments/{segment}/influencers/{influencer}`: a score taken apart, each part with
//! what went in, where it saturates, and a sentence.

mod conversions;
mod parts;
#[cfg(test)]
mod tests;
mod words;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Serialize;

use self::conversions::{Attribution, Discovery};
use self::parts::{Contribution, Fans};
use super::{Head, json_of, segment_of, serialized};
use crate::model::{HalfSaturation, Params, SegmentStandings, Standing};
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
    discovery: Discovery,
    attribution: Attribution,
    fans: Fans,
}

/// What an explanation is made from.
struct Subject<'a> {
    standing: &'a Standing,
    segment: &'a SegmentStandings,
    params: &'a Params,
    /// Those that hold in the segment.
    half: HalfSaturation,
    /// Whether there is evidence at all.
    is_lift_known: bool,
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
    segment: &'a SegmentStandings,
    (rank, standing): (usize, &'a Standing),
    params: &Params,
) -> Explained<'a> {
    let half = params.half_saturation_in(&segment.segment);
    let is_lift_known = view.lift_as_of_ms.is_some();
    let subject = Subject { standing, segment, params, half, is_lift_known };
    Explained {
        head: Head::new(view, segment),
        rank,
        total: segment.influencers.len(),
        standing,
        parts: [parts::amplify(&subject), parts::relate(&subject), conversions::part(&subject)],
        popularity_evidence: parts::popularity(&subject),
        discovery: conversions::discovery(&subject),
        attribution: conversions::attribution(&subject),
        fans: parts::fans(&subject),
    }
}
