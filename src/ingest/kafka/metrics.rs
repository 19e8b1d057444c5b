//! What is exported of the way in: positions, lag, the group, the brokers.
//!
//! Invariant: only partitions that are owned have series; those of a partition go the moment its
//! [`PartitionSeries`] is dropped, and a late statistic cannot bring them back.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::{
    Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Statistics, TopicPartitionList};

/// The Kafka families of the catalogue; cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Families>);

struct Families {
    lag_records: IntGaugeVec,
    lag_seconds: GaugeVec,
    position: IntGaugeVec,
    committed: IntGaugeVec,
    high_watermark: IntGaugeVec,
    assigned: IntGaugeVec,
    rebalances: IntCounterVec,
    assignment_lost: IntCounter,
    commits: IntCounter,
    commit_failures: IntCounter,
    errors: IntCounterVec,
    broker_up: IntGaugeVec,
    broker_rtt: GaugeVec,
    prefetch: IntGauge,
    prefetch_limit: IntGauge,
    gap_records: IntCounterVec,
    owned: Mutex<BTreeSet<(Arc<str>, i32)>>,
    brokers: Mutex<BTreeSet<String>>,
}

/// The series of one owned partition.
pub struct PartitionSeries {
    families: Arc<Families>,
    topic: Arc<str>,
    partition: i32,
    lag_records: IntGauge,
    lag_seconds: Gauge,
    position: IntGauge,
    high_watermark: IntGauge,
}

/// How far a partition has been read.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Offset that is read next.
    pub position: i64,
    /// Offset behind the last record.
    pub high_watermark: Option<i64>,
    /// Whether the end was reached, whatever the offsets say: markers of transactions have some.
    pub at_end: bool,
    /// When the last record read was written, ms since the Unix epoch.
    pub log_time_ms: Option<i64>,
    pub now_ms: i64,
}

const PARTITION: &[&str] = &["topic", "partition"];
const TOPIC: &[&str] = &["topic"];

impl Metrics {
    pub fn register(registry: &Registry, topics: &[String]) -> prometheus::Result<Self> {
        let new = New(registry);
        let families = Families {
            lag_records: new.ints("consumer_lag_records", "Records not yet read.", PARTITION)?,
            lag_seconds: new.floats(
                "consumer_lag_seconds",
                "Age of the last record read while there are more, else 0.",
                PARTITION,
            )?,
            position: new.ints("position_offset", "Offset that is read next.", PARTITION)?,
            committed: new.ints("committed_offset", "Offset committed.", PARTITION)?,
            high_watermark: new.ints(
                "high_watermark_offset",
                "Offset behind the last record of the partition.",
                PARTITION,
            )?,
            assigned: new.ints("assigned_partitions", "Partitions owned.", TOPIC)?,
            rebalances: new.counters("rebalances_total", "Changes of assignment.", &["kind"])?,
            assignment_lost: new.counter(
                "assignment_lost_total",
                "Times the group did not answer within the session, or had moved on without us.",
            )?,
            commits: new.counter("commits_total", "Commits of offsets.")?,
            commit_failures: new
                .counter("commit_failures_total", "Commits of offsets that failed.")?,
            errors: new.counters("errors_total", "Errors of the client by code.", &["code"])?,
            broker_up: new.ints("broker_up", "Whether the broker is connected.", &["broker"])?,
            broker_rtt: new.floats("broker_rtt_seconds", "Mean round trip time.", &["broker"])?,
            prefetch: new.int("prefetch_bytes", "Bytes fetched and not yet read.")?,
            prefetch_limit: new.int("prefetch_limit_bytes", "Limit of the bytes prefetched.")?,
            gap_records: new.counters(
                "gap_records_total",
                "Records that were deleted before they were read.",
                TOPIC,
            )?,
            owned: Mutex::default(),
            brokers: Mutex::default(),
        };
        for kind in ["assign", "revoke", "lost"] {
            families.rebalances.with_label_values(&[kind]).reset();
        }
        for code in [RDKafkaErrorCode::AllBrokersDown, RDKafkaErrorCode::BrokerTransportFailure] {
            families.errors.with_label_values(&[&format!("{code:?}")]).reset();
        }
        for topic in topics {
            families.assigned.with_label_values(&[topic]).set(0);
            families.gap_records.with_label_values(&[topic]).reset();
        }
        Ok(Self(Arc::new(families)))
    }

    pub(super) fn partition(&self, topic: &Arc<str>, partition: i32) -> PartitionSeries {
        let number = partition.to_string();
        let labels = [&**topic, number.as_str()];
        let families = &self.0;
        if families.owned().insert((Arc::clone(topic), partition)) {
            families.assigned.with_label_values(&[&**topic]).inc();
        }
        PartitionSeries {
            lag_records: families.lag_records.with_label_values(&labels),
            lag_seconds: families.lag_seconds.with_label_values(&labels),
            position: families.position.with_label_values(&labels),
            high_watermark: families.high_watermark.with_label_values(&labels),
            families: Arc::clone(families),
            topic: Arc::clone(topic),
            partition,
        }
    }

    pub(super) fn set_prefetch_limit(&self, bytes: u64) {
        self.0.prefetch_limit.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    pub(super) fn rebalanced(&self, kind: &str) {
        self.0.rebalances.with_label_values(&[kind]).inc();
        if kind == "lost" {
            self.0.assignment_lost.inc();
        }
    }

    /// Counts an error by its code, which librdkafka names in a closed set.
    pub fn error(&self, code: RDKafkaErrorCode) {
        self.0.errors.with_label_values(&[&format!("{code:?}")]).inc();
    }

    /// Offsets were committed; those of a partition that is no longer owned are not shown.
    pub(super) fn committed(&self, offsets: &TopicPartitionList) {
        self.0.commits.inc();
        let owned = self.0.owned();
        for at in offsets.elements() {
            let Some(offset) = at.offset().to_raw() else { continue };
            if owned.contains(&(Arc::from(at.topic()), at.partition())) {
                let labels = [at.topic(), &at.partition().to_string()];
                self.0.committed.with_label_values(&labels).set(offset);
            }
        }
    }

    pub(super) fn commit_failed(&self) {
        self.0.commit_failures.inc();
    }

    /// Records of a topic were deleted before they were read.
    pub fn gap(&self, topic: &str, records: u64) {
        self.0.gap_records.with_label_values(&[topic]).inc_by(records);
    }

    pub(super) fn observe(&self, statistics: &Statistics) {
        self.observe_brokers(statistics);
        let families = &self.0;
        let partitions = || statistics.topics.values().flat_map(|t| t.partitions.values());
        let waiting: u64 = partitions().map(|partition| partition.fetchq_size).sum();
        families.prefetch.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        let owned = families.owned();
        for (topic, partition) in owned.iter() {
            let of_topic = statistics.topics.get(&**topic);
            let Some(seen) = of_topic.and_then(|t| t.partitions.get(partition)) else { continue };
            if seen.committed_offset >= 0 {
                let labels = [&**topic, &partition.to_string()];
                families.committed.with_label_values(&labels).set(seen.committed_offset);
            }
        }
    }
}

impl Metrics {
    fn observe_brokers(&self, statistics: &Statistics) {
        let families = &self.0;
        // Brokers of the seed list have no id; they count until the cluster named its own.
        let named = statistics.brokers.values().any(|broker| broker.nodeid >= 0);
        let mut seen = BTreeSet::new();
        for broker in statistics.brokers.values() {
            let real = broker.source == "configured" || broker.source == "learned";
            if !real || (named && broker.nodeid < 0) {
                continue;
            }
            let labels = [broker.nodename.as_str()];
            families.broker_up.with_label_values(&labels).set((broker.state == "UP").into());
            if let Some(rtt) = &broker.rtt {
                families.broker_rtt.with_label_values(&labels).set(rtt.avg as f64 / 1e6);
            }
            seen.insert(broker.nodename.clone());
        }
        let mut before = families.brokers.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in before.difference(&seen) {
            families.broker_up.remove_label_values(&[gone]).unwrap_or_default();
            families.broker_rtt.remove_label_values(&[gone]).unwrap_or_default();
        }
        *before = seen;
    }
}

impl Families {
    fn owned(&self) -> MutexGuard<'_, BTreeSet<(Arc<str>, i32)>> {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartitionSeries {
    pub fn set(&self, progress: &Progress) {
        self.position.set(progress.position);
        let high_watermark = progress.high_watermark.unwrap_or(progress.position);
        self.high_watermark.set(high_watermark);
        let behind = high_watermark.saturating_sub(progress.position).max(0);
        let lag = if progress.at_end { 0 } else { behind };
        self.lag_records.set(lag);
        let age_ms = progress.log_time_ms.map_or(0, |at| progress.now_ms.saturating_sub(at));
        self.lag_seconds.set(if lag == 0 { 0.0 } else { age_ms.max(0) as f64 / 1e3 });
    }
}

impl Drop for PartitionSeries {
    fn drop(&mut self) {
        let families = &self.families;
        let mut owned = families.owned();
        if !owned.remove(&(Arc::clone(&self.topic), self.partition)) {
            return;
        }
        families.assigned.with_label_values(&[&*self.topic]).dec();
        let number = self.partition.to_string();
        let labels = [&*self.topic, number.as_str()];
        let ints = [
            &families.lag_records,
            &families.position,
            &families.committed,
            &families.high_watermark,
        ];
        // A series that was never set is not there to be removed.
        for gone in ints.map(|family| family.remove_label_values(&labels)) {
            gone.unwrap_or_default();
        }
        families.lag_seconds.remove_label_values(&labels).unwrap_or_default();
    }
}

/// Makes and registers families whose names begin alike.
struct New<'a>(&'a Registry);

impl New<'_> {
    fn opts(name: &str, help: &str) -> Opts {
        Opts::new(format!("sillage_kafka_{name}"), help)
    }

    fn ints(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        let family = IntGaugeVec::new(Self::opts(name, help), labels)?;
        self.0.register(Box::new(family.clone()))?;
        Ok(family)
    }

    fn floats(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<GaugeVec> {
        let family = GaugeVec::new(Self::opts(name, help), labels)?;
        self.0.register(Box::new(family.clone()))?;
        Ok(family)
    }

    fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> prometheus::Result<IntCounterVec> {
        let family = IntCounterVec::new(Self::opts(name, help), labels)?;
        self.0.register(Box::new(family.clone()))?;
        Ok(family)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        let counter = IntCounter::with_opts(Self::opts(name, help))?;
        self.0.register(Box::new(counter.clone()))?;
        Ok(counter)
    }

    fn int(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        let gauge = IntGauge::with_opts(Self::opts(name, help))?;
        self.0.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exported(registry: &Registry) -> String {
        prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("text")
    }

    #[test]
    fn the_series_of_a_revoked_partition_are_gone_at_once() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry, &["t".into()]).expect("registered");
        let topic = Arc::from("t");
        let series = metrics.partition(&topic, 3);
        let progress = Progress {
            position: 5,
            high_watermark: Some(9),
            at_end: false,
            log_time_ms: Some(1_000),
            now_ms: 3_500,
        };
        series.set(&progress);
        let text = exported(&registry);
        assert!(text.contains("lag_records{partition=\"3\",topic=\"t\"} 4"), "{text}");
        assert!(text.contains("lag_seconds{partition=\"3\",topic=\"t\"} 2.5"), "{text}");
        assert!(text.contains("assigned_partitions{topic=\"t\"} 1"), "{text}");
        series.set(&Progress { at_end: true, ..progress });
        assert!(exported(&registry).contains("lag_seconds{partition=\"3\",topic=\"t\"} 0"));
        drop(series);
        let text = exported(&registry);
        assert!(!text.contains("partition=\"3\""), "{text}");
        assert!(text.contains("assigned_partitions{topic=\"t\"} 0"), "{text}");
        assert!(text.contains("sillage_kafka_commit_failures_total 0"), "{text}");
    }
}
