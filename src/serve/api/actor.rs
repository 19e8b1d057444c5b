//! `DELETE /api/v1/actors/{actor}`: has an actor forgotten, by an event in the log.
//!
//! Invariant: the name is passed on and never kept, counted or logged.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::{json_of, serialized};
use crate::model::Position;
use crate::serve::problem::Problem;
use crate::serve::routes::{Shared, blocking};

/// Longest name of an actor, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// Writes that an actor be erased into the log, and waits until it is there.
pub type Erase = Arc<dyn Fn(&str) -> Result<Position, EraseRefused> + Send + Sync>;

/// Why an actor is not erased, in words for who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EraseRefused {
    /// Asking again changes nothing.
    Forbidden(String),
    /// It may be asked for again.
    Unavailable(String),
}

/// Where the event lies. Scores forget the actor as soon as it is read.
#[derive(Serialize)]
struct Erased<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
}

pub(super) async fn erase(
    State(shared): State<Shared>,
    actor: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(actor) = actor?;
    if !(1..=NAME_BYTES_MAX).contains(&actor.len()) {
        return Err(Problem::bad_request("the name of an actor has 1 to 256 bytes"));
    }
    let Some(erase) = shared.erase.clone() else {
        let detail = "erasing is not enabled here: serve.erase is false, because whoever reaches \
                      this address could erase anybody";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    };
    let body = blocking(move || {
        let position = erase(&actor)?;
        let Position { topic, partition, offset } = &position;
        serialized(&Erased { topic, partition: *partition, offset: *offset })
    });
    let mut response = json_of(body.await?);
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

impl From<EraseRefused> for Problem {
    fn from(refused: EraseRefused) -> Self {
        match refused {
            EraseRefused::Forbidden(why) => Self::new(StatusCode::FORBIDDEN, why),
            EraseRefused::Unavailable(why) => Self::new(StatusCode::SERVICE_UNAVAILABLE, why),
        }
    }
}
