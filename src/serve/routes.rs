//! Every route of the server, and what all of them have in common: counted, bounded in time, and
//! refusing as problem JSON.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::{Semaphore, watch};
use tower_http::catch_panic::CatchPanicLayer;

use super::exposition::Exposition;
use super::health::{self, Readiness};
use super::instruments::{Build, Instruments};
use super::problem::Problem;
use super::reload::{self, Reload};
use super::{api, page, scrape};
use crate::clock;
use crate::model::Params;
use crate::view::{ShiftLog, Views};

/// What the handlers read.
pub(super) type Shared = Arc<Sources>;

pub(super) struct Sources {
    pub(super) views: Views,
    pub(super) shifts: ShiftLog,
    pub(super) params: Params,
    pub(super) readiness: Readiness,
    pub(super) status: Status,
    pub(super) erase: Option<api::Erase>,
    pub(super) reload: Reload,
    pub(super) build: Build,
    pub(super) exposition: Arc<Exposition>,
    pub(super) instruments: Instruments,
    pub(super) request_timeout: Duration,
    /// For each who follows events, which no timeout ends.
    pub(super) followers: Arc<Semaphore>,
    /// Told when the server is to stop.
    pub(super) stop: watch::Receiver<bool>,
}

/// What the daemon says of itself beyond what this part knows: an object whose members are added to
/// `/api/v1/status`.
pub type Status = Arc<dyn Fn() -> serde_json::Map<String, serde_json::Value> + Send + Sync>;

/// The paths that are served, as the label `handler` names them; all others are `other`.
pub(super) const PATHS: [&str; 13] = [
    page::PATH,
    scrape::PATH,
    "/-/healthy",
    "/-/ready",
    reload::PATH,
    api::STATUS,
    api::SEGMENTS,
    api::RANKING,
    api::INFLUENCER,
    api::ACTOR,
    api::SHIFTS,
    api::EVENTS,
    api::OPENAPI,
];

pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route(page::PATH, get(page::page))
        .route(scrape::PATH, get(scrape::metrics))
        .route("/-/healthy", get(health::healthy))
        .route("/-/ready", get(health::ready))
        .route(reload::PATH, post(reload::reload))
        .merge(api::routes())
        .fallback(no_such_path)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), answer))
        .with_state(shared)
}

async fn no_such_path(uri: Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} cannot be asked for with {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

/// Counts and times a request, and ends it when it takes too long.
async fn answer(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let start = clock::instant();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let limit = shared.request_timeout;
    let response = match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => {
            let detail = format!("no answer within {limit:?}");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response()
        }
    };
    let handler = path.as_ref().map_or("other", MatchedPath::as_str);
    let took = clock::instant().saturating_duration_since(start);
    shared.instruments.answered(handler, known(&method), response.status().as_u16(), took);
    response
}

/// The label of a method, from a closed set: anyone can send any word.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Makes a problem of a handler's panic.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a request panicked");
    Problem::internal().into_response()
}

/// Runs what may take long away from the threads that serve everyone.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => {
            tracing::error!(error = %failed, "a request failed");
            Err(Problem::internal())
        }
    }
}
