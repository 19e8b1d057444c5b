//! Whether batches that do not say how large they are are unpacked at one go.
#![cfg(target_os = "linux")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::{ClientContext, Offset, Statistics, TopicPartitionList};

use crate::records::produce;
use crate::support::kafka::{Kafka, poll};

const RECORDS: usize = 20_000;

/// How often a batch did not fit in the room that was made for it.
#[derive(Default)]
struct Grown {
    records: AtomicU64,
    times: AtomicU64,
    /// Whether this is known of all records.
    is_said: AtomicBool,
}

impl ClientContext for Grown {
    fn stats(&self, said: Statistics) {
        let times = said.brokers.values().map(|broker| broker.zbuf_grow).sum();
        self.times.store(times, Ordering::Relaxed);
        if self.records.load(Ordering::Relaxed) == RECORDS as u64 {
            self.is_said.store(true, Ordering::Relaxed);
        }
    }
}

impl ConsumerContext for Grown {}

/// Of digits that zstd shrinks to a half, and of text that it shrinks to nothing: to a third.
fn records() -> Vec<(String, Vec<u8>)> {
    let scattered = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let record = |n: u64| {
        let (high, low) = (scattered(n), scattered(scattered(n) >> 7));
        ("actor".to_owned(), format!(r#"{{"kind":"like","id":"{high:016x}{low:016x}"}}"#).into())
    };
    (0..RECORDS as u64).map(record).collect()
}

#[test]
fn batches_are_unpacked_at_one_go() {
    let kafka = Kafka::shared();
    kafka.create_topic("unpacked", 1, &[]);
    produce(kafka, "unpacked", &records());
    let consumer: BaseConsumer<Grown> = ClientConfig::new()
        .set("bootstrap.servers", kafka.brokers())
        .set("group.id", "unpacked")
        .set("statistics.interval.ms", "100")
        .create_with_context(Grown::default())
        .expect("a consumer");
    let mut all = TopicPartitionList::new();
    all.add_partition_offset("unpacked", 0, Offset::Beginning).expect("an offset");
    consumer.assign(&all).expect("assigned");
    let grown = consumer.context();
    poll("statistics of all records", Duration::from_secs(30), || {
        while let Some(record) = consumer.poll(Duration::ZERO) {
            record.expect("a record");
            grown.records.fetch_add(1, Ordering::Relaxed);
        }
        grown.is_said.load(Ordering::Relaxed).then_some(())
    });
    assert_eq!(grown.times.load(Ordering::Relaxed), 0, "librdkafka's own guess is too small");
}
