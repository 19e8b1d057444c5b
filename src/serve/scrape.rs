//! `GET /metrics`: negotiates, lets the exposition write away from the async threads, and sends
//! its pieces without copying them.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::exposition;
use super::problem::Problem;
use super::routes::{Shared, blocking};

pub(super) const PATH: &str = "/metrics";

pub(super) async fn metrics(
    State(shared): State<Shared>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let format = exposition::format(&joined(&headers, &header::ACCEPT));
    let compressed = exposition::gzip(&joined(&headers, &header::ACCEPT_ENCODING));
    let pieces = blocking(move || {
        let instruments = &shared.instruments;
        instruments.ready.set(i64::from(shared.readiness.is_ready()));
        shared.exposition.observe(shared.views.current());
        instruments.view_age.set(shared.exposition.view_age().as_secs_f64());
        shared.exposition.scrape(format, compressed).map_err(|error| {
            tracing::error!(%error, "cannot compress the metrics");
            Problem::internal()
        })
    })
    .await?;
    let mut response = Body::new(Pieces::from(pieces)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
    if compressed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// The values of a header that may be sent in several lines.
fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let lines: Vec<_> = headers.get_all(name).iter().filter_map(|v| v.to_str().ok()).collect();
    lines.join(",")
}

/// A body of pieces that are there already.
struct Pieces(VecDeque<Bytes>);

impl From<Vec<Bytes>> for Pieces {
    fn from(pieces: Vec<Bytes>) -> Self {
        Self(pieces.into_iter().filter(|piece| !piece.is_empty()).collect())
    }
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|piece| piece.len() as u64).sum())
    }
}
