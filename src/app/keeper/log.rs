//! The log as snapshots are held against it: what Kafka says of it now.
//!
//! Invariant: questions are asked one at a time, because looking a record up moves the client.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::lock;
use crate::ingest::kafka::{ClientError, Probe};
use crate::snapshot::{LastRecord, Log, LogError, LogId};

pub struct KafkaLog {
    probe: Mutex<Probe>,
    topics: Vec<String>,
    /// By topic, as of the last assignment.
    ids: Mutex<BTreeMap<String, LogId>>,
}

impl KafkaLog {
    pub(super) fn new(probe: Probe, topics: Vec<String>) -> Self {
        Self { probe: Mutex::new(probe), topics, ids: Mutex::default() }
    }

    /// Asks again which logs the topics are.
    pub(super) fn refresh(&self) {
        let probe = lock(&self.probe);
        let cluster = probe.cluster();
        let id = |topic: &String| LogId { cluster: cluster.clone(), topic: probe.topic_id(topic) };
        let ids = self.topics.iter().map(|topic| (topic.clone(), id(topic))).collect();
        *lock(&self.ids) = ids;
    }
}

impl Log for KafkaLog {
    fn id(&self, topic: &str) -> Result<LogId, LogError> {
        Ok(lock(&self.ids).get(topic).cloned().unwrap_or_default())
    }

    fn bounds(&self, topic: &str, partition: i32) -> Result<(i64, i64), LogError> {
        lock(&self.probe).bounds(topic, partition).map_err(|error| said(&error))
    }

    fn record(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Result<Option<LastRecord>, LogError> {
        let found = lock(&self.probe).record(topic, partition, offset);
        let found = found.map_err(|error| said(&error))?;
        Ok(found.map(|found| {
            let (key, payload) = (found.key.as_deref(), found.payload.as_deref());
            LastRecord::new(found.offset, found.log_time_ms, key, payload)
        }))
    }
}

fn said(error: &ClientError) -> LogError {
    LogError(error.to_string())
}
