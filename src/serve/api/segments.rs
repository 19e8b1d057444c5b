//! `GET /api/v1/segments`: which audiences there are, and who leads them.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::{json_of, serialized};
use crate::model::SegmentStandings;
use crate::serve::problem::Problem;
use crate::serve::routes::{Shared, blocking};
use crate::view::{self, View};

#[derive(Serialize)]
struct Audiences<'a> {
    as_of: i64,
    lift_as_of: Option<i64>,
    model: &'static str,
    complete: bool,
    segments: Vec<Summary<'a>>,
}

#[derive(Serialize)]
struct Summary<'a> {
    segment: &'a str,
    active_audience: f64,
    influencers: usize,
    /// The first of the ranking; null where nobody has influence.
    leader: Option<&'a str>,
    leader_score: Option<f64>,
    conversions: u64,
    organic_conversions: f64,
    organic_value: f64,
}

pub(super) async fn segments(State(shared): State<Shared>) -> Result<Response, Problem> {
    blocking(move || serialized(&of(&shared.views.current()))).await.map(json_of)
}

fn of(view: &View) -> Audiences<'_> {
    Audiences {
        as_of: view.as_of_ms,
        lift_as_of: view.lift_as_of_ms,
        model: view::MODEL,
        complete: view.complete,
        segments: view.segments.iter().map(summary).collect(),
    }
}

fn summary(standings: &SegmentStandings) -> Summary<'_> {
    let leader = standings.influencers.first().filter(|first| first.score > 0.0);
    Summary {
        segment: &standings.segment,
        active_audience: standings.active_audience,
        influencers: standings.influencers.len(),
        leader: leader.map(|first| &*first.influencer),
        leader_score: leader.map(|first| first.score),
        conversions: standings.conversions,
        organic_conversions: standings.organic_conversions,
        organic_value: standings.organic_value,
    }
}
