//! Looks things up in the log, beside the group: which log it is, how far it goes, one record.
//!
//! Invariant: it belongs to no group, so nothing that it reads moves anybody's position.

use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::config::Config;
use super::consumer::Error;
use super::topic_id::topic_id;
use crate::clock;

/// For a broker to answer one question.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);

/// A client that answers questions about the log.
pub struct Probe(BaseConsumer<Silent>);

/// Says nothing of errors that come between two questions: each question has its own, and an
/// outage would be told over and over, as one, when the next one is asked.
struct Silent;

/// One record, looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub offset: i64,
    /// ms since the Unix epoch, if the log says.
    pub log_time_ms: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
}

impl Probe {
    /// Needs no broker to start.
    pub fn new(config: &Config) -> Result<Self, Error> {
        config.probe().create_with_context(Silent).map(Self).map_err(Error::Client)
    }

    /// The id of the cluster, if its brokers tell.
    #[must_use]
    pub fn cluster(&self) -> Option<String> {
        self.0.client().fetch_cluster_id(ANSWER_WITHIN)
    }

    /// The id of a topic, if its brokers tell.
    #[must_use]
    pub fn topic_id(&self, topic: &str) -> Option<String> {
        let client = NonNull::new(self.0.client().native_ptr())?;
        topic_id(client, topic, ANSWER_WITHIN)
    }

    /// The first offset of the partition and the one behind its last record.
    pub fn bounds(&self, topic: &str, partition: i32) -> Result<(i64, i64), KafkaError> {
        self.0.fetch_watermarks(topic, partition, ANSWER_WITHIN)
    }

    /// The record at `offset`; nothing if the log no longer has it.
    pub fn record(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Result<Option<Found>, KafkaError> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(topic, partition, Offset::Offset(offset))?;
        self.0.assign(&list)?;
        let found = self.first_record();
        self.0.unassign()?;
        Ok(found?.filter(|found| found.offset == offset))
    }

    fn first_record(&self) -> Result<Option<Found>, KafkaError> {
        let began = clock::instant();
        while began.elapsed() < ANSWER_WITHIN {
            match self.0.poll(POLL) {
                None => {}
                Some(Ok(message)) => {
                    return Ok(Some(Found {
                        offset: message.offset(),
                        log_time_ms: message.timestamp().to_millis(),
                        key: message.key().map(<[u8]>::to_vec),
                        payload: message.payload().map(<[u8]>::to_vec),
                    }));
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(None),
                Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset))) => {
                    return Ok(None);
                }
                Some(Err(error)) => tracing::debug!(%error, "while a record is looked up"),
            }
        }
        Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut))
    }
}

impl ConsumerContext for Silent {}

impl ClientContext for Silent {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, line: &str) {
        tracing::debug!(target: "librdkafka", facility, "{line}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "while nothing is looked up");
    }
}
