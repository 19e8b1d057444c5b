//! Feeds the broker on a thread of its own, at the pace of event time.
//!
//! Invariant: what was sent and not yet read fits the broker many times, so that it never drops
//! what the daemon has yet to read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::stream::{Event, Stream};
use crate::app::owner;
use crate::clock;
use crate::ingest::kafka;

/// The broker keeps 5 MiB a partition, and all may be of one.
const AHEAD_BYTES: u64 = 2 << 20;
/// How long a delivery may take, to a broker that is in this process.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest wait between two looks at whether to stop.
const LOOK: Duration = Duration::from_millis(20);

/// The thread that feeds, until [`Feed::end`].
pub(super) struct Feed {
    thread: JoinHandle<anyhow::Result<()>>,
    shared: Arc<Shared>,
}

/// How far the feed is.
#[derive(Clone)]
pub(super) struct Progress(Arc<Shared>);

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    /// Of keys and payloads.
    sent_bytes: AtomicU64,
    is_over: AtomicBool,
    lost: AtomicU64,
}

/// What the thread works with.
struct Feeder {
    producer: kafka::Producer<Receipts>,
    topic: &'static str,
    shared: Arc<Shared>,
    /// What the daemon has read.
    scoring: owner::Metrics,
    speed: f64,
    /// When the first event was sent, and its time.
    origin: Option<(Instant, i64)>,
}

struct Receipts(Arc<Shared>);

impl Feed {
    pub(super) fn start(
        stream: Stream,
        kafka: &kafka::Config,
        topic: &'static str,
        scoring: owner::Metrics,
    ) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared::default());
        let producer = kafka::Producer::start(kafka, PATIENCE, Receipts(Arc::clone(&shared)))?;
        let speed = stream.speed();
        let feeder =
            Feeder { producer, topic, shared: Arc::clone(&shared), scoring, speed, origin: None };
        let thread = thread::Builder::new()
            .name("feed".into())
            .spawn(move || feeder.run(stream))
            .context("cannot start the thread that feeds the broker")?;
        Ok(Self { thread, shared })
    }

    pub(super) fn progress(&self) -> Progress {
        Progress(Arc::clone(&self.shared))
    }

    /// Whether it ended before the stream did; [`Feed::end`] says why.
    pub(super) fn has_failed(&self) -> bool {
        self.thread.is_finished() && !self.progress().is_over()
    }

    /// Tells it to end, and waits for that at most so long: what reads standard input may not
    /// come back.
    pub(super) fn end(self, within: Duration) -> anyhow::Result<()> {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.thread.thread().unpark();
        let began = clock::instant();
        while !self.thread.is_finished() && began.elapsed() < within {
            thread::park_timeout(LOOK);
        }
        if !self.thread.is_finished() {
            tracing::debug!("the feed still waits for its input");
            return Ok(());
        }
        match self.thread.join() {
            Ok(fed) => fed,
            Err(_panic) => bail!("the thread that feeds the broker panicked"),
        }
    }
}

impl Progress {
    /// Whether all of the stream was delivered.
    pub(super) fn is_over(&self) -> bool {
        self.0.is_over.load(Ordering::SeqCst)
    }

    pub(super) fn sent_bytes(&self) -> u64 {
        self.0.sent_bytes.load(Ordering::SeqCst)
    }
}

impl Feeder {
    fn run(mut self, stream: Stream) -> anyhow::Result<()> {
        stream.pour(|event| self.take(event))?;
        if self.is_stopping() {
            self.producer.give_up();
            return Ok(());
        }
        if !self.producer.flush(PATIENCE) {
            bail!("the broker inside this process did not take all events in {PATIENCE:?}");
        }
        self.all_delivered()?;
        self.shared.is_over.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// What is lost is never read: who waits for it would wait for ever.
    fn all_delivered(&self) -> anyhow::Result<()> {
        match self.shared.lost.load(Ordering::SeqCst) {
            0 => Ok(()),
            lost => bail!("{lost} events were not delivered to the broker inside this process"),
        }
    }

    /// Sends an event when it is due; false if told to stop.
    fn take(&mut self, event: &Event<'_>) -> anyhow::Result<bool> {
        if let Some(time_ms) = event.time_ms {
            let (began, first_ms) = *self.origin.get_or_insert((clock::instant(), time_ms));
            let passed = time_ms.saturating_sub(first_ms).max(0) as f64 / 1e3 / self.speed;
            // What is due beyond that is not due today.
            let due = Duration::try_from_secs_f64(passed).unwrap_or(Duration::MAX);
            self.wait_while(|_| began.elapsed() < due);
        }
        self.wait_while(|feeder| {
            let sent = feeder.shared.sent_bytes.load(Ordering::SeqCst);
            let ahead = sent.saturating_sub(feeder.scoring.received_bytes());
            ahead > AHEAD_BYTES && feeder.all_delivered().is_ok()
        });
        let record = kafka::Outgoing {
            ticket: 0,
            topic: self.topic,
            partition: None,
            key: event.actor,
            payload: Some(event.payload),
            headers: &[],
        };
        let bytes = event.payload.len() + event.actor.map_or(0, <[u8]>::len);
        self.shared.sent_bytes.fetch_add(bytes as u64, Ordering::SeqCst);
        self.wait_while(|feeder| feeder.producer.try_send(&record).is_err());
        self.all_delivered()?;
        Ok(!self.is_stopping())
    }

    /// Waits in short steps, or until it is to stop.
    fn wait_while(&self, must_wait: impl Fn(&Self) -> bool) {
        while !self.is_stopping() && must_wait(self) {
            thread::park_timeout(LOOK);
        }
    }

    fn is_stopping(&self) -> bool {
        self.shared.stop.load(Ordering::SeqCst)
    }
}

impl kafka::Receipts for Receipts {
    fn delivered(&self, _ticket: usize, _at: (i32, i64)) {}

    fn lost(&self, _ticket: usize, why: &kafka::ClientError) {
        let is_first = self.0.lost.fetch_add(1, Ordering::SeqCst) == 0;
        if is_first && !self.0.stop.load(Ordering::SeqCst) {
            tracing::warn!(%why, "an event was not delivered");
        }
    }
}
