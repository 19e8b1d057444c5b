//! Writes records to topics: rejected ones to the dead letter, synthetic ones for a campaign.
//!
//! Invariant: what waits to be delivered is bounded, and of each record [`Receipts`] hears once
//! what became of it.

use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message as _, OwnedHeaders};
use rdkafka::producer::{
    BaseRecord, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer,
};

use super::config::Config;
use super::consumer::Error;
use crate::clock;

/// Bytes that may wait to be delivered.
const QUEUE_KBYTES: &str = "65536";
/// The largest record that the log may have given us, as far as we are concerned.
const RECORD_BYTES_MAX: &str = "100000000";

/// Hears what became of each record, by the ticket it went with; called on the producer's thread.
pub trait Receipts: Send + Sync + 'static {
    /// `at` is its partition and offset.
    fn delivered(&self, ticket: usize, at: (i32, i64));
    fn lost(&self, ticket: usize, why: &KafkaError);
}

/// A record to be written; without a partition, its key chooses it as Java clients do.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    pub ticket: usize,
    pub topic: &'a str,
    pub partition: Option<i32>,
    pub key: Option<&'a [u8]>,
    pub payload: Option<&'a [u8]>,
    pub headers: &'a [(&'a str, &'a str)],
}

/// Too much waits to be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the producer's queue is full")]
pub struct Full;

/// Delivers in the background; dropping it gives up what was not flushed.
pub struct Producer<R: Receipts>(ThreadedProducer<Context<R>>);

struct Context<R>(R);

impl<R: Receipts> Producer<R> {
    /// Needs no broker to start: records wait for one until their queue is full, each at most
    /// for `patience`, or what `message.timeout.ms` is configured to.
    pub fn start(config: &Config, patience: Duration, receipts: R) -> Result<Self, Error> {
        let mut client = config.client();
        let mut or_as_configured = |name: &str, value: &str| {
            if !config.properties.contains_key(name) {
                client.set(name, value);
            }
        };
        or_as_configured("compression.codec", "zstd");
        or_as_configured("linger.ms", "20");
        or_as_configured("partitioner", "murmur2_random");
        or_as_configured("queue.buffering.max.kbytes", QUEUE_KBYTES);
        or_as_configured("message.max.bytes", RECORD_BYTES_MAX);
        or_as_configured("message.timeout.ms", &patience.as_millis().to_string());
        client.set("acks", "all");
        client.create_with_context(Context(receipts)).map(Self).map_err(Error::Client)
    }

    /// Who hears what became of the records.
    #[must_use]
    pub fn receipts(&self) -> &R {
        &self.0.context().0
    }

    /// How many partitions a topic has, as a broker tells within `patience`.
    pub fn partitions(&self, topic: &str, patience: Duration) -> Result<i32, KafkaError> {
        let answer = self.0.client().fetch_metadata(Some(topic), patience)?;
        let of_topic = answer.topics().iter().find(|of| of.name() == topic);
        Ok(of_topic.map_or(0, |of| i32::try_from(of.partitions().len()).unwrap_or(i32::MAX)))
    }

    /// Hands a record over without waiting.
    pub fn try_send(&self, record: &Outgoing<'_>) -> Result<(), Full> {
        let mut out: BaseRecord<'_, [u8], [u8], usize> =
            BaseRecord::with_opaque_to(record.topic, record.ticket);
        out.partition = record.partition;
        out.key = record.key;
        out.payload = record.payload;
        if !record.headers.is_empty() {
            let headers = OwnedHeaders::new_with_capacity(record.headers.len());
            let add = |all: OwnedHeaders, (key, value): &(&str, &str)| {
                all.insert(Header { key, value: Some(*value) })
            };
            out.headers = Some(record.headers.iter().fold(headers, add));
        }
        match self.0.send(out) {
            Ok(()) => Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Err(Full),
            Err((error, _)) => {
                self.receipts().lost(record.ticket, &error);
                Ok(())
            }
        }
    }

    /// Hands a record over, waiting at most for `patience` for room.
    pub fn send(&self, record: &Outgoing<'_>, patience: Duration) -> Result<(), Full> {
        let began = clock::instant();
        loop {
            match self.try_send(record) {
                Err(Full) if began.elapsed() < patience => {
                    // Room comes with deliveries, which the producer's own thread serves.
                    std::thread::park_timeout(Duration::from_millis(2));
                }
                done => return done,
            }
        }
    }

    /// Waits until all is delivered or lost; false if that takes longer than `patience`.
    #[must_use]
    pub fn flush(&self, patience: Duration) -> bool {
        self.0.flush(patience).is_ok()
    }

    /// Records that wait to be delivered.
    #[must_use]
    pub fn waiting(&self) -> usize {
        usize::try_from(self.0.in_flight_count()).unwrap_or(0)
    }

    /// Gives up what waits; it is told as lost.
    pub fn give_up(&self) {
        self.0.purge(PurgeConfig::default().queue().inflight());
    }
}

impl<R: Receipts> ClientContext for Context<R> {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, line: &str) {
        tracing::debug!(target: "librdkafka", facility, "{line}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // Each record that suffers from it comes back on its own.
        tracing::debug!(%error, reason, "kafka producer");
    }
}

impl<R: Receipts> ProducerContext for Context<R> {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: usize) {
        match result {
            Ok(message) => self.0.delivered(ticket, (message.partition(), message.offset())),
            Err((error, _)) => self.0.lost(ticket, error),
        }
    }
}
