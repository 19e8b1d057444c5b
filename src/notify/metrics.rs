//! What became of notifications, by sink.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

#[derive(Clone)]
pub struct Metrics {
    delivered: IntCounterVec,
    failures: IntCounterVec,
    dropped: IntCounterVec,
    queue: IntGaugeVec,
    limit: IntGaugeVec,
}

/// Those of one sink.
#[derive(Clone)]
pub(super) struct SinkMetrics {
    pub(super) delivered: IntCounter,
    pub(super) failures: IntCounter,
    pub(super) dropped: IntCounter,
    pub(super) queue: IntGauge,
    pub(super) limit: IntGauge,
}

impl Metrics {
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name, help| IntCounterVec::new(Opts::new(name, help), &["sink"]);
        let gauge = |name, help| IntGaugeVec::new(Opts::new(name, help), &["sink"]);
        let new = Self {
            delivered: counter("sillage_notifications_total", "Shifts delivered.")?,
            failures: counter(
                "sillage_notification_failures_total",
                "Failed attempts to deliver.",
            )?,
            dropped: counter(
                "sillage_notifications_dropped_total",
                "Shifts given up: refused by the receiver, or the oldest of a full queue.",
            )?,
            queue: gauge("sillage_notification_queue", "Shifts that wait to be delivered.")?,
            limit: gauge("sillage_notification_queue_limit", "Most shifts that may wait.")?,
        };
        registry.register(Box::new(new.delivered.clone()))?;
        registry.register(Box::new(new.failures.clone()))?;
        registry.register(Box::new(new.dropped.clone()))?;
        registry.register(Box::new(new.queue.clone()))?;
        registry.register(Box::new(new.limit.clone()))?;
        Ok(new)
    }

    pub(super) fn of(&self, sink: &str) -> SinkMetrics {
        SinkMetrics {
            delivered: self.delivered.with_label_values(&[sink]),
            failures: self.failures.with_label_values(&[sink]),
            dropped: self.dropped.with_label_values(&[sink]),
            queue: self.queue.with_label_values(&[sink]),
            limit: self.limit.with_label_values(&[sink]),
        }
    }
}
