//! What is exported of snapshots.

use std::time::Duration;

use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

use crate::clock;
use crate::snapshot::{Header, SaveError, Unfit};

const REFUSED: [&str; 8] =
    ["corrupt", "version", "broken", "foreign", "model", "key", "beyond_end", "unreadable"];

/// The families of snapshots; they exist also where none are written.
#[derive(Clone)]
pub struct Metrics {
    written: IntCounter,
    failures: IntCounterVec,
    refused: IntCounterVec,
    duration: Histogram,
    bytes: IntGauge,
    last_success: GaugeVec,
    restore: Gauge,
}

impl Metrics {
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let opts = |name: &str, help: &str| Opts::new(format!("sillage_{name}"), help);
        let duration = HistogramOpts::new(
            "sillage_snapshot_duration_seconds",
            "Time to encode a snapshot, with rests where nobody waits for it, and make it durable.",
        )
        .buckets(vec![0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0]);
        let metrics = Self {
            written: IntCounter::with_opts(opts("snapshots_total", "Snapshots made durable."))?,
            failures: IntCounterVec::new(
                opts("snapshot_failures_total", "Snapshots that could not be written."),
                &["reason"],
            )?,
            refused: IntCounterVec::new(
                opts("snapshots_refused_total", "Snapshots that were found and not used."),
                &["reason"],
            )?,
            duration: Histogram::with_opts(duration)?,
            bytes: IntGauge::with_opts(opts("snapshot_bytes", "Size of the last snapshot."))?,
            last_success: GaugeVec::new(
                opts(
                    "snapshot_last_success_timestamp_seconds",
                    "When the last snapshot of the partition was made durable.",
                ),
                &["topic", "partition"],
            )?,
            restore: Gauge::with_opts(opts(
                "restore_duration_seconds",
                "Time to find and restore the snapshots of the last assignment.",
            ))?,
        };
        registry.register(Box::new(metrics.written.clone()))?;
        registry.register(Box::new(metrics.failures.clone()))?;
        registry.register(Box::new(metrics.refused.clone()))?;
        registry.register(Box::new(metrics.duration.clone()))?;
        registry.register(Box::new(metrics.bytes.clone()))?;
        registry.register(Box::new(metrics.last_success.clone()))?;
        registry.register(Box::new(metrics.restore.clone()))?;
        for reason in SaveError::LABELS {
            metrics.failures.with_label_values(&[reason]).reset();
        }
        for reason in REFUSED {
            metrics.refused.with_label_values(&[reason]).reset();
        }
        Ok(metrics)
    }

    pub(super) fn saved(&self, header: &Header, bytes: usize, took: Duration) {
        self.written.inc();
        self.duration.observe(took.as_secs_f64());
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        let partition = header.origin.partition.to_string();
        for topic in &header.origin.topics {
            let series = self.last_success.with_label_values(&[topic, &partition]);
            series.set(clock::wall_ms() as f64 / 1e3);
        }
    }

    pub(super) fn failed(&self, error: &SaveError) {
        self.failures.with_label_values(&[error.label()]).inc();
    }

    pub(super) fn refused(&self, unfit: &Unfit) {
        self.refused.with_label_values(&[unfit.label()]).inc();
    }

    pub(super) fn restored(&self, took: Duration) {
        self.restore.set(took.as_secs_f64());
    }

    /// Drops the series of a partition that is no longer owned.
    pub(super) fn forget(&self, topics: &[String], partition: i32) {
        let partition = partition.to_string();
        for topic in topics {
            // One that was never set is not there to be removed.
            self.last_success.remove_label_values(&[topic, &partition]).unwrap_or_default();
        }
    }
}
