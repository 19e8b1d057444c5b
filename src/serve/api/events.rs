//! `GET /api/v1/events`: shifts as they are announced, as server-sent events that a reader can
//! resume from the last one it saw.
//!
//! Invariant: a reader has a place in the log and no buffer of its own. Who is so slow that the log
//! has forgotten the place is let go, and can come again; so is everyone when the server stops.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::shifts::Told;
use crate::model::Shift;
use crate::serve::problem::Problem;
use crate::serve::routes::Shared;
use crate::view::ShiftLog;

/// Followers at once; more are asked to come again.
pub(in crate::serve) const FOLLOWERS_MAX: usize = 64;
/// Between signs of life, which tell a reader and what is in between that nothing is broken.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Shifts that are written in one piece.
const CHUNK_SHIFTS: usize = 64;
const LAST_EVENT_ID: &str = "last-event-id";

struct Follower {
    log: ShiftLog,
    news: watch::Receiver<u64>,
    stop: watch::Receiver<bool>,
    place: u64,
    is_greeted: bool,
    _permit: OwnedSemaphorePermit,
}

pub(super) async fn events(
    State(shared): State<Shared>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let permit = Arc::clone(&shared.followers).try_acquire_owned().map_err(|_full| {
        let detail = format!("{FOLLOWERS_MAX} follow already");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    })?;
    let log = shared.shifts.clone();
    let place = match headers.get(LAST_EVENT_ID) {
        None => log.end(),
        Some(id) => {
            let id = id.to_str().ok().and_then(|id| id.parse().ok());
            let allowed = "last-event-id: it must be the id of a shift";
            let id = id.ok_or_else(|| Problem::bad_request(allowed))?;
            // Who saw one that is forgotten gets all that is not.
            log.behind(id).unwrap_or_else(|| log.start())
        }
    };
    let (news, stop) = (log.follow(), shared.stop.clone());
    let follower = Follower { log, news, stop, place, is_greeted: false, _permit: permit };
    let kind = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((kind, Body::new(Events(Box::pin(follower.next())))).into_response())
}

impl Follower {
    /// The next piece, and who asks for the one after it; nothing at the end.
    async fn next(mut self) -> Option<(Bytes, Self)> {
        if !std::mem::replace(&mut self.is_greeted, true) {
            return Some((Bytes::from_static(b"retry: 2000\n\n"), self));
        }
        loop {
            if *self.stop.borrow_and_update() {
                return None;
            }
            self.news.mark_unchanged();
            let shifts = self.log.from(self.place, CHUNK_SHIFTS)?;
            if !shifts.is_empty() {
                self.place += shifts.len() as u64;
                let text: String = shifts.iter().map(|shift| written(shift)).collect();
                return Some((text.into(), self));
            }
            tokio::select! {
                // The log outlives its followers, the server its own end.
                told = self.news.changed() => told.ok()?,
                told = self.stop.changed() => told.ok()?,
                () = tokio::time::sleep(HEARTBEAT) => {
                    return Some((Bytes::from_static(b":\n\n"), self));
                }
            }
        }
    }
}

fn written(shift: &Shift) -> String {
    // Of plain data, which JSON always takes; on one line.
    let data = serde_json::to_string(&Told::of(shift)).unwrap_or_default();
    format!("id: {}\nevent: shift\ndata: {data}\n\n", shift.id)
}

type Next = Pin<Box<dyn Future<Output = Option<(Bytes, Follower)>> + Send>>;

/// The body of the answer: one piece after the other, each made when there is room for it.
struct Events(Next);

impl hyper::body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = ready!(self.0.as_mut().poll(cx));
        Poll::Ready(next.map(|(piece, follower)| {
            self.0 = Box::pin(follower.next());
            Ok(Frame::data(piece))
        }))
    }
}
