//! The JSON API: what the view says, for programs and for the page.
//!
//! Invariant: an answer is made from one view, so that its numbers fit each other.

mod actor;
mod events;
mod influencer;
mod ranking;
mod segments;
mod shifts;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;

pub use self::actor::{Erase, EraseRefused};
pub(super) use self::events::FOLLOWERS_MAX;
use super::problem::Problem;
use super::routes::Shared;
use crate::model::SegmentStandings;
use crate::view::{self, View};

pub(super) const STATUS: &str = "/api/v1/status";
pub(super) const SEGMENTS: &str = "/api/v1/segments";
pub(super) const RANKING: &str = "/api/v1/segments/{segment}/ranking";
pub(super) const INFLUENCER: &str = "/api/v1/segments/{segment}/influencers/{influencer}";
pub(super) const ACTOR: &str = "/api/v1/actors/{actor}";
pub(super) const SHIFTS: &str = "/api/v1/shifts";
pub(super) const EVENTS: &str = "/api/v1/events";
pub(super) const OPENAPI: &str = "/api/v1/openapi.json";

/// Answers that are smaller are not worth compressing.
const COMPRESSED_FROM_BYTES: u16 = 4096;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route(STATUS, get(status))
        .route(SEGMENTS, get(segments::segments))
        .route(RANKING, get(ranking::ranking))
        .route(INFLUENCER, get(influencer::influencer))
        .route(ACTOR, delete(actor::erase))
        .route(SHIFTS, get(shifts::shifts))
        .route(OPENAPI, get(openapi))
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(COMPRESSED_FROM_BYTES)))
        // Behind the layer: what is compressed waits for more before it is sent.
        .route(EVENTS, get(events::events))
}

async fn status(State(shared): State<Shared>) -> Response {
    let view = shared.views.current();
    let causes = shared.readiness.causes();
    let mut said = Map::new();
    for (key, value) in [
        ("version", json!(shared.build.version)),
        ("revision", json!(shared.build.revision)),
        ("model", json!(view::MODEL)),
        ("ready", json!(causes.is_empty())),
        ("reasons", json!(causes)),
        ("as_of", json!(view.as_of_ms)),
        ("lift_as_of", json!(view.lift_as_of_ms)),
        ("complete", json!(view.complete)),
        ("view", json!(view.sequence)),
        ("view_age_seconds", json!(shared.exposition.view_age().as_secs_f64())),
        ("segments", json!(view.segments.len())),
    ] {
        said.insert(key.into(), value);
    }
    for (key, value) in (shared.status)() {
        said.entry(key).or_insert(value);
    }
    json_of(serde_json::to_vec(&Value::Object(said)).unwrap_or_default())
}

async fn openapi() -> Response {
    json_of(include_str!("openapi.json"))
}

/// What every answer about a segment begins with.
#[derive(Serialize)]
struct Head<'a> {
    segment: &'a str,
    /// T, ms since the Unix epoch.
    as_of: i64,
    /// The end of the last bucket that lift knows of, ms since the Unix epoch.
    lift_as_of: Option<i64>,
    model: &'static str,
    complete: bool,
    active_audience: f64,
    conversions: u64,
    organic_conversions: f64,
    organic_value: f64,
}

impl<'a> Head<'a> {
    fn new(view: &View, standings: &'a SegmentStandings) -> Self {
        Self {
            segment: &standings.segment,
            as_of: view.as_of_ms,
            lift_as_of: view.lift_as_of_ms,
            model: view::MODEL,
            complete: view.complete,
            active_audience: standings.active_audience,
            conversions: standings.conversions,
            organic_conversions: standings.organic_conversions,
            organic_value: standings.organic_value,
        }
    }
}

fn segment_of<'a>(view: &'a View, name: &str) -> Result<&'a SegmentStandings, Problem> {
    view.segment(name).ok_or_else(|| Problem::not_found(format!("there is no segment {name}")))
}

fn serialized(answer: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(answer).map_err(|error| {
        tracing::error!(%error, "cannot serialize an answer");
        Problem::internal()
    })
}

fn json_of(body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
