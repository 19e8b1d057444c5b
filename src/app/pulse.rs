//! The beat of the daemon: once a tick every shard publishes, and a new picture is drawn.
//!
//! Invariant: a picture is drawn from what the shards published and nothing else; while one is
//! drawn the shards go on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

use super::owner::{Cut, Owners};
use crate::clock;
use crate::config::ViewClock;
use crate::engine::{Store, Usage};
use crate::ingest::order::Watermark;
use crate::rank::ScoreBook;
use crate::serve::exposition::Exposition;
use crate::view::View;

/// For a thread to answer: longer than any batch takes, short beside the patience of a reader.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Draws pictures.
pub(super) struct Pulse {
    book: Arc<ScoreBook>,
    exposition: Arc<Exposition>,
    clock: ViewClock,
    sequence: u64,
    /// The largest event time over the owned shards.
    newest_ms: Option<i64>,
    /// Partitions that were read to their ends, and have told all that it proves, since they were
    /// assigned.
    restored: BTreeSet<i32>,
    metrics: Metrics,
}

/// How far the shards are, as of a tick.
#[derive(Clone, Debug, Default)]
pub(super) struct Beat {
    pub cuts: Vec<Cut>,
    /// Partitions that have yet to be read to their ends once, and to tell what that proves.
    pub restoring: usize,
    /// Whether all partitions of the topics are owned.
    pub whole: bool,
}

struct Metrics {
    view_build_seconds: Histogram,
    publish_delay_seconds: Histogram,
    state_entries: GaugeVec,
    state_bytes: GaugeVec,
    state_evictions: IntCounterVec,
    unmatched_refunds: IntCounter,
    shards_restoring: IntGauge,
}

impl Pulse {
    /// `state_limit_bytes` is the configured bound on all shards together.
    pub(super) fn new(
        book: Arc<ScoreBook>,
        exposition: Arc<Exposition>,
        clock: ViewClock,
        registry: &Registry,
        state_limit_bytes: u64,
    ) -> prometheus::Result<Self> {
        let metrics = Metrics::register(registry, state_limit_bytes)?;
        Ok(Self {
            book,
            exposition,
            clock,
            sequence: 0,
            newest_ms: None,
            restored: BTreeSet::new(),
            metrics,
        })
    }

    /// Has every shard publish and draws the next picture. While Kafka is `away` no shard counts as
    /// idle: what it waits for may be there.
    pub(super) fn beat(&mut self, owners: &Owners, away: bool) -> Beat {
        let cuts = self.publish(owners, self.newest_ms.filter(|_| !away));
        let start = clock::instant();
        self.draw(&cuts);
        let now = clock::instant();
        self.metrics.view_build_seconds.observe((now - start).as_secs_f64());
        for fetched in cuts.iter().filter_map(|cut| cut.fetched_since) {
            self.metrics.publish_delay_seconds.observe((now - fetched).as_secs_f64());
        }
        self.metrics.usage(&cuts);
        self.restored.retain(|partition| cuts.iter().any(|cut| cut.partition == *partition));
        let restored = cuts.iter().filter(|cut| cut.caught_up && !cut.extracting);
        self.restored.extend(restored.map(|cut| cut.partition));
        let restoring = cuts.len() - self.restored.len();
        self.metrics.shards_restoring.set(i64::try_from(restoring).unwrap_or(i64::MAX));
        let whole = owners.own_all(cuts.len());
        Beat { cuts, restoring, whole }
    }

    /// Draws the last picture, of shards that have been drained.
    pub(super) fn last(&mut self, cuts: &[Cut]) {
        self.draw(cuts);
    }

    /// A second round tells of the own acts of influencers that another shard named in the first.
    fn publish(&self, owners: &Owners, newest_ms: Option<i64>) -> Vec<Cut> {
        let cuts = owners.tick(newest_ms, deadline());
        if !self.book.is_unsettled() || owners.stalled().is_some() {
            return cuts;
        }
        let mut again = owners.tick(newest_ms, deadline());
        for cut in &mut again {
            let before = cuts.iter().find(|before| before.partition == cut.partition);
            let fetched = before.and_then(|before| before.fetched_since);
            cut.fetched_since = fetched.or(cut.fetched_since);
        }
        again
    }

    fn draw(&mut self, cuts: &[Cut]) {
        self.newest_ms = cuts.iter().filter_map(|cut| cut.newest_ms).max();
        let newest_ms = self.newest_ms.unwrap_or_default();
        let at_end = !cuts.is_empty() && cuts.iter().all(|cut| cut.caught_up);
        let as_of_ms = match self.clock {
            ViewClock::Wall if at_end && newest_ms > 0 => newest_ms.max(clock::wall_ms()),
            ViewClock::Wall | ViewClock::Log => newest_ms,
        };
        self.sequence += 1;
        let segments = self.book.standings(as_of_ms);
        self.exposition.publish(View {
            sequence: self.sequence,
            as_of_ms,
            lift_as_of_ms: self.book.lift_as_of_ms(),
            complete: cuts.iter().all(|cut| cut.complete),
            segments,
        });
    }
}

fn deadline() -> Instant {
    clock::instant() + ANSWER_WITHIN
}

impl Beat {
    /// Whether all partitions are owned and were read to their ends once: what a part of the
    /// audience does is no news of the whole.
    #[must_use]
    pub(super) fn is_live(&self) -> bool {
        self.restoring == 0 && self.whole
    }

    /// The watermark that holds the others back, ms since the Unix epoch.
    #[must_use]
    pub(super) fn watermark_ms(&self) -> Option<i64> {
        let known = self.cuts.iter().filter_map(|cut| match cut.watermark {
            Watermark::At(time_ms) => Some(time_ms),
            Watermark::Unknown | Watermark::Idle => None,
        });
        known.min()
    }

    /// What all shards hold, and what limits took of them.
    #[must_use]
    pub(super) fn usage(&self) -> Usage {
        usage(&self.cuts)
    }
}

fn usage(cuts: &[Cut]) -> Usage {
    cuts.iter().fold(Usage::default(), |sum, cut| sum + cut.usage)
}

impl Metrics {
    fn register(registry: &Registry, state_limit_bytes: u64) -> prometheus::Result<Self> {
        let store = |name, help| GaugeVec::new(Opts::new(name, help), &["store"]);
        let seconds = |name, help, buckets: &[f64]| {
            Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))
        };
        let limit = Gauge::new("sillage_state_limit_bytes", "Bound on the state of all shards.")?;
        limit.set(state_limit_bytes as f64);
        registry.register(Box::new(limit))?;
        Ok(Self {
            view_build_seconds: registered(
                registry,
                seconds(
                    "sillage_view_build_seconds",
                    "Time to merge and rank a view, write it if it is scraped, and publish it.",
                    &[0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0],
                )?,
            )?,
            publish_delay_seconds: registered(
                registry,
                seconds(
                    "sillage_publish_delay_seconds",
                    "From the fetch of a record to the view that shows it, of each shard's oldest.",
                    &[0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 10.0],
                )?,
            )?,
            state_entries: registered(
                registry,
                store("sillage_state_entries", "Entries held, by store.")?,
            )?,
            state_bytes: registered(
                registry,
                store("sillage_state_bytes", "Memory held, by store.")?,
            )?,
            state_evictions: registered(
                registry,
                IntCounterVec::new(
                    Opts::new("sillage_state_evictions_total", "Entries that a limit took."),
                    &["store", "reason"],
                )?,
            )?,
            unmatched_refunds: registered(
                registry,
                IntCounter::new(
                    "sillage_refunds_unmatched_total",
                    "Refunds of a sale that is not known.",
                )?,
            )?,
            shards_restoring: registered(
                registry,
                IntGauge::new(
                    "sillage_shards_restoring",
                    "Shards not yet read to the end of their partition.",
                )?,
            )?,
        })
    }

    fn usage(&self, cuts: &[Cut]) {
        // A shard that was revoked takes its count along.
        let unmatched: u64 = cuts.iter().map(|cut| cut.unmatched_refunds).sum();
        self.unmatched_refunds.inc_by(unmatched.saturating_sub(self.unmatched_refunds.get()));
        let usage = usage(cuts);
        for (name, store) in stores(&usage) {
            self.state_entries.with_label_values(&[name]).set(store.len as f64);
            self.state_bytes.with_label_values(&[name]).set(store.bytes as f64);
            let evictions = self.state_evictions.with_label_values(&[name, "memory"]);
            evictions.inc_by(store.evicted.saturating_sub(evictions.get()));
        }
    }
}

/// The stores by their names in metrics and status.
#[must_use]
pub(super) fn stores(usage: &Usage) -> [(&'static str, Store); 7] {
    [
        ("actors", usage.actors),
        ("entries", usage.entries),
        ("slots", usage.slots),
        ("ids", usage.ids),
        ("touches", usage.touches),
        ("sales", usage.sales),
        ("waiting", usage.waiting),
    ]
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> prometheus::Result<C> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}
