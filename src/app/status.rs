//! What the daemon says of itself at `/api/v1/status`, and why it is not ready.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::{Map, Value, json};

use super::pulse::{Beat, stores};
use crate::clock;
use crate::ingest::format::Decoder;
use crate::ingest::kafka;
use crate::ingest::order::Watermark;
use crate::serve;

/// Shared by the pulse, which tells, and the server, which shows.
#[derive(Clone)]
pub(super) struct Account(Arc<Mutex<Told>>);

struct Told {
    started: Instant,
    beat: Beat,
    kafka: Option<kafka::Status>,
    decoder: Option<Arc<Decoder>>,
}

impl Account {
    #[must_use]
    pub(super) fn new() -> Self {
        let told =
            Told { started: clock::instant(), beat: Beat::default(), kafka: None, decoder: None };
        Self(Arc::new(Mutex::new(told)))
    }

    pub(super) fn follow(&self, kafka: kafka::Status) {
        self.told(|told| told.kafka = Some(kafka));
    }

    /// The decoder knows what was odd about all that was read.
    pub(super) fn ask(&self, decoder: Arc<Decoder>) {
        self.told(|told| told.decoder = Some(decoder));
    }

    pub(super) fn tell(&self, beat: Beat) {
        self.told(|told| told.beat = beat);
    }

    /// The largest event time that the last view knows of, ms since the Unix epoch.
    pub(super) fn newest_ms(&self) -> Option<i64> {
        self.told(|told| told.beat.cuts.iter().filter_map(|cut| cut.newest_ms).max())
    }

    /// What is shown at `/api/v1/status`.
    #[must_use]
    pub(super) fn status(&self) -> serve::Status {
        let account = self.clone();
        Arc::new(move || account.told(|told| told.describe()))
    }

    fn told<T>(&self, with: impl FnOnce(&mut Told) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for Account {
    fn default() -> Self {
        Self::new()
    }
}

impl Told {
    fn describe(&self) -> Map<String, Value> {
        let problem = self.kafka.as_ref().and_then(kafka::Status::problem);
        let usage = self.beat.usage();
        let state: Map<String, Value> = stores(&usage)
            .into_iter()
            .map(|(name, store)| {
                let shown = json!({
                    "entries": store.len, "bytes": store.bytes, "evicted": store.evicted,
                });
                (name.to_owned(), shown)
            })
            .collect();
        let partitions: Vec<Value> = self
            .beat
            .cuts
            .iter()
            .map(|cut| {
                json!({
                    "partition": cut.partition,
                    "newest": cut.newest_ms,
                    "watermark": match cut.watermark {
                        Watermark::At(time_ms) => json!(time_ms),
                        Watermark::Idle => json!("idle"),
                        Watermark::Unknown => Value::Null,
                    },
                    "caught_up": cut.caught_up,
                })
            })
            .collect();
        let described = json!({
            "uptime_seconds": (clock::instant() - self.started).as_secs(),
            "watermark": self.beat.watermark_ms(),
            "partitions": partitions,
            "restoring": self.beat.restoring,
            "kafka": {
                "problem": problem.as_ref().map(|problem| &problem.what),
                "since": problem.as_ref().map(|problem| problem.since_ms),
            },
            "currencies_mixed": self.decoder.as_ref().and_then(|decoder| decoder.mixed_currencies()),
            "state": state,
        });
        match described {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }
}
