//! What is exported of scoring: records in, events scored or rejected, times.
//!
//! Invariant: counted once a batch, by the thread that applied it; only owned partitions have a
//! watermark.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use prometheus::{
    Counter, CounterVec, Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec,
    Opts, Registry,
};

use super::campaigns::Campaigns;
use crate::model::{Kind, Reason};

const DELAY_SECONDS: [f64; 15] =
    [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];

/// The pipeline families that owner threads feed; cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    pub(super) topics: Arc<[TopicSeries]>,
    pub(super) events: Arc<[IntCounter]>,
    pub(super) rejected: Arc<[IntCounter]>,
    pub(super) late: IntCounter,
    pub(super) unpriced: IntCounter,
    pub(super) delay: Histogram,
    pub(super) campaigns: Campaigns,
    busy: CounterVec,
    watermark: GaugeVec,
}

/// The series of one topic.
pub(super) struct TopicSeries {
    pub(super) records: IntCounter,
    pub(super) bytes: IntCounter,
    unkeyed: IntCounter,
    is_unkeyed_said: AtomicBool,
    last_event: Gauge,
    last_event_ms: AtomicI64,
}

/// The watermark of one owned partition, exported while it is owned.
pub(super) struct WatermarkSeries {
    family: GaugeVec,
    gauge: Gauge,
    topic: Arc<str>,
    partition: String,
}

impl Metrics {
    pub fn register(registry: &Registry, topics: &[String]) -> prometheus::Result<Self> {
        let counters = |name: &str, help: &str, label: &str| {
            let family = IntCounterVec::new(opts(name, help), &[label])?;
            registry.register(Box::new(family.clone())).map(|()| family)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let family = GaugeVec::new(opts(name, help), labels)?;
            registry.register(Box::new(family.clone())).map(|()| family)
        };
        let records = counters("records_received_total", "Records received.", "topic")?;
        let bytes = counters("received_bytes_total", "Bytes of records received.", "topic")?;
        let unkeyed = counters(
            "unkeyed_records_total",
            "Events whose record is not keyed by their actor, so that sums may be wrong.",
            "topic",
        )?;
        let events = counters("events_total", "Events scored by kind.", "kind")?;
        let rejected = counters("events_rejected_total", "Records not scored.", "reason")?;
        let last_event =
            gauges("last_event_timestamp_seconds", "Largest event time seen.", &["topic"])?;
        let watermark = gauges(
            "watermark_timestamp_seconds",
            "Largest event time seen of the partition.",
            &["topic", "partition"],
        )?;
        let late =
            IntCounter::with_opts(opts("events_late_total", "Events scored behind a newer one."))?;
        registry.register(Box::new(late.clone()))?;
        let unpriced = IntCounter::with_opts(opts(
            "unpriced_values_total",
            "Amounts in a currency without a rate, which count 0.",
        ))?;
        registry.register(Box::new(unpriced.clone()))?;
        let delay =
            HistogramOpts::from(opts("event_delay_seconds", "Time from the event to its scoring."));
        let delay = Histogram::with_opts(delay.buckets(DELAY_SECONDS.to_vec()))?;
        registry.register(Box::new(delay.clone()))?;
        let busy = CounterVec::new(
            opts("apply_busy_seconds_total", "Time that a shard thread worked."),
            &["shard_thread"],
        )?;
        registry.register(Box::new(busy.clone()))?;
        let of_topic = |topic: &String| TopicSeries {
            records: records.with_label_values(&[topic]),
            bytes: bytes.with_label_values(&[topic]),
            unkeyed: unkeyed.with_label_values(&[topic]),
            is_unkeyed_said: AtomicBool::new(false),
            last_event: last_event.with_label_values(&[topic]),
            last_event_ms: AtomicI64::new(i64::MIN),
        };
        Ok(Self {
            topics: topics.iter().map(of_topic).collect(),
            events: Kind::ALL.iter().map(|k| events.with_label_values(&[k.as_str()])).collect(),
            rejected: Reason::ALL
                .iter()
                .map(|reason| rejected.with_label_values(&[reason.as_str()]))
                .collect(),
            late,
            unpriced,
            delay,
            campaigns: Campaigns::register(registry)?,
            busy,
            watermark,
        })
    }

    /// The same, counting these campaigns by name, and sales in these currencies.
    #[must_use]
    pub fn with_campaigns(self, names: &[String], rates: &BTreeMap<String, f64>) -> Self {
        Self { campaigns: self.campaigns.naming(names, rates), ..self }
    }

    /// Bytes of keys and payloads received, of all topics.
    #[must_use]
    pub fn received_bytes(&self) -> u64 {
        self.topics.iter().map(|topic| topic.bytes.get()).sum()
    }

    /// Events scored, of all kinds.
    #[must_use]
    pub fn scored(&self) -> u64 {
        self.events.iter().map(IntCounter::get).sum()
    }

    /// Records not scored, for any reason.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.rejected.iter().map(IntCounter::get).sum()
    }

    pub(super) fn busy(&self, thread: usize) -> Counter {
        self.busy.with_label_values(&[&thread.to_string()])
    }

    pub(super) fn watermark(&self, topic: &Arc<str>, partition: i32) -> WatermarkSeries {
        let partition = partition.to_string();
        WatermarkSeries {
            gauge: self.watermark.with_label_values(&[&**topic, &partition]),
            family: self.watermark.clone(),
            topic: Arc::clone(topic),
            partition,
        }
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(format!("sillage_{name}"), help)
}

impl TopicSeries {
    /// Counts events whose record is not keyed by their actor; the first are said.
    pub(super) fn unkeyed(&self, count: u64, topic: &str) {
        self.unkeyed.inc_by(count);
        if count > 0 && !self.is_unkeyed_said.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                topic,
                "records are not keyed by their actor, whose acts may then count more than once"
            );
        }
    }

    /// Moves the largest event time of the topic, which threads share.
    pub(super) fn saw(&self, time_ms: i64) {
        if self.last_event_ms.fetch_max(time_ms, Ordering::Relaxed) < time_ms {
            let largest = self.last_event_ms.load(Ordering::Relaxed);
            self.last_event.set(largest as f64 / 1e3);
        }
    }
}

impl WatermarkSeries {
    pub(super) fn set(&self, time_ms: i64) {
        self.gauge.set(time_ms as f64 / 1e3);
    }
}

impl Drop for WatermarkSeries {
    fn drop(&mut self) {
        // Already gone is as good.
        self.family.remove_label_values(&[&*self.topic, &self.partition]).unwrap_or_default();
    }
}
