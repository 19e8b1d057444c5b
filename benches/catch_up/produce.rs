//! Fills topics, keyed by actor as users are asked to.
#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};

use sillage::campaign::{Load, LoadEvent};

/// Produces to one topic; what was sent is delivered at the latest by [`Producer::flush`].
pub(crate) struct Producer {
    client: ThreadedProducer<DefaultProducerContext>,
    topic: &'static str,
    actor: Vec<u8>,
    payload: Vec<u8>,
}

impl Producer {
    pub(crate) fn new(brokers: &str, topic: &'static str) -> Self {
        let client = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("compression.codec", "zstd")
            .set("linger.ms", "20")
            .set("batch.size", "1000000")
            .set("partitioner", "murmur2_random")
            .set("queue.buffering.max.messages", "500000")
            .create()
            .expect("a producer");
        Self { client, topic, actor: Vec::new(), payload: Vec::new() }
    }

    pub(crate) fn send_load(&mut self, event: &LoadEvent) {
        self.actor.clear();
        self.payload.clear();
        event.write_actor(&mut self.actor);
        event.write_json(true, &mut self.payload);
        self.send(&self.actor, &self.payload);
    }

    pub(crate) fn send(&self, actor: &[u8], payload: &[u8]) {
        let mut record = BaseRecord::to(self.topic).key(actor).payload(payload);
        while let Err((error, back)) = self.client.send(record) {
            let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
            assert_eq!(error, full, "cannot produce");
            std::thread::park_timeout(Duration::from_millis(5));
            record = back;
        }
    }

    pub(crate) fn flush(&self) {
        self.client.flush(Duration::from_mins(2)).expect("flushed");
    }
}

/// Produces a whole load.
pub(crate) fn fill(brokers: &str, topic: &'static str, load: Load) {
    let mut producer = Producer::new(brokers, topic);
    load.generate().for_each(|event| producer.send_load(&event));
    producer.flush();
}
