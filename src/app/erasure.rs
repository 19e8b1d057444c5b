//! Erasing an actor over HTTP: the event goes into the log, and comes back like any other.

use std::sync::Arc;
use std::time::Duration;

use super::status::Account;
use crate::config::Config;
use crate::ingest::kafka::{EraseError, Eraser};
use crate::serve::{Erase, EraseRefused, Readiness};

/// For the broker to take an event; within the patience of who asks.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the server has actors erased, if it may.
pub(super) fn start(
    config: &Config,
    readiness: &Readiness,
    account: &Account,
) -> anyhow::Result<Option<Erase>> {
    if !config.serve.erase {
        return Ok(None);
    }
    let patience = PATIENCE.min(config.serve.request_timeout.0 / 2);
    let eraser = Eraser::start(&config.kafka, patience)?;
    let (readiness, account) = (readiness.clone(), account.clone());
    Ok(Some(Arc::new(move |actor| {
        // The event is as of the newest one read. While older ones are still to be read it would
        // come to lie behind newer ones, and might be too old by then.
        if let Some(cause) = readiness.causes().into_iter().next() {
            let why = format!("not ready: {}", cause.detail);
            return Err(EraseRefused::Unavailable(why));
        }
        let id = getrandom::u64().map_err(|error| {
            EraseRefused::Unavailable(format!("cannot draw an id for the event: {error}"))
        })?;
        let time_ms = account.newest_ms().unwrap_or_default();
        eraser.erase(actor, time_ms, &format!("erase-{id:016x}")).map_err(|error| match error {
            EraseError::Refused { .. } => EraseRefused::Forbidden(error.to_string()),
            EraseError::Away { .. } => EraseRefused::Unavailable(error.to_string()),
        })
    })))
}
