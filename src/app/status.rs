//! What the daemon says of itself at `/api/v1/status`, and why it is not ready.

use std::fmt;
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
    speed: Speed,
}

/// How fast records are read, smoothed over some seconds.
#[derive(Default)]
struct Speed {
    read: u64,
    at: Option<Instant>,
    per_second: f64,
}

/// How far a catch-up has to go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CatchUp {
    pub(super) records: u64,
    /// At the speed of the last seconds; nothing while none is known.
    pub(super) seconds: Option<f64>,
}

impl Account {
    #[must_use]
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Told {
            started: clock::instant(),
            beat: Beat::default(),
            kafka: None,
            decoder: None,
            speed: Speed::default(),
        })))
    }

    pub(super) fn follow(&self, kafka: kafka::Status) {
        self.told(|told| told.kafka = Some(kafka));
    }

    /// The decoder knows what was odd about all that was read.
    pub(super) fn ask(&self, decoder: Arc<Decoder>) {
        self.told(|told| told.decoder = Some(decoder));
    }

    pub(super) fn tell(&self, beat: Beat) {
        self.told(|told| {
            told.speed.follow(beat.cuts.iter().map(|cut| cut.read).sum(), clock::instant());
            told.beat = beat;
        });
    }

    /// What is still to be read, and for how long.
    pub(super) fn catch_up(&self) -> CatchUp {
        self.told(|told| told.catch_up())
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

impl Speed {
    /// Half of it is that of the last seconds.
    const HALF_LIFE_SECONDS: f64 = 5.0;

    fn follow(&mut self, read: u64, now: Instant) {
        let before = std::mem::replace(&mut self.read, read);
        let Some(then) = self.at.replace(now) else { return };
        let seconds = (now - then).as_secs_f64();
        // Partitions that are given away take their counts along.
        let (Some(more), true) = (read.checked_sub(before), seconds > 0.0) else { return };
        let known = self.per_second > 0.0;
        let keep = if known { (-seconds / Self::HALF_LIFE_SECONDS).exp2() } else { 0.0 };
        self.per_second = keep * self.per_second + (1.0 - keep) * (more as f64 / seconds);
    }
}

impl fmt::Display for CatchUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records behind", self.records)?;
        match self.seconds {
            Some(seconds) => write!(f, ", about {:.0} s", seconds.ceil()),
            None => Ok(()),
        }
    }
}

impl Told {
    fn catch_up(&self) -> CatchUp {
        let records: u64 = self.beat.cuts.iter().map(|cut| cut.behind).sum();
        let speed = self.speed.per_second;
        CatchUp { records, seconds: (speed > 0.0).then(|| records as f64 / speed) }
    }

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
                    "restored_at": cut.restored_at,
                    "behind": cut.behind,
                    "complete": cut.complete,
                })
            })
            .collect();
        let catch_up = self.catch_up();
        let described = json!({
            "uptime_seconds": (clock::instant() - self.started).as_secs(),
            "watermark": self.beat.watermark_ms(),
            "partitions": partitions,
            "restoring": self.beat.restoring,
            "catch_up": {
                "records": catch_up.records,
                "seconds": catch_up.seconds,
                "records_per_second": self.speed.per_second,
            },
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
