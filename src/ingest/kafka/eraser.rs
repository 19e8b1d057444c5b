//! Writes that an actor be erased into the log, so that whoever replays it erases too.
//!
//! Invariant: who asks hears where the event lies once the broker has it, or why it does not.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use serde_json::json;

use super::config::Config;
use super::consumer::Error;
use super::producer::{Outgoing, Producer, Receipts};
use crate::model::Position;

/// For the client to say that a record is lost, after its own patience.
const GRACE: Duration = Duration::from_secs(1);

pub struct Eraser {
    producer: Producer<Waiting>,
    topic: Arc<str>,
    brokers: String,
    patience: Duration,
    next: AtomicUsize,
}

/// Why an event is not known to be in the log.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EraseError {
    #[error("kafka at {brokers} refuses what is written to topic {topic}: {why}")]
    Refused { brokers: String, topic: Arc<str>, why: String },
    #[error("kafka at {brokers} did not take it into topic {topic}: {why}")]
    Away { brokers: String, topic: Arc<str>, why: String },
}

/// Partition and offset of a record, or why it was lost.
type Receipt = Result<(i32, i64), KafkaError>;

/// Where is told what became of the event with this ticket.
struct Told {
    ticket: usize,
    receipt: Receiver<Receipt>,
}

/// Those who wait to hear of a record, by its ticket.
#[derive(Default)]
struct Waiting(Mutex<HashMap<usize, SyncSender<Receipt>>>);

impl Eraser {
    /// Needs no broker to start; an event is given up after `patience`.
    pub fn start(config: &Config, patience: Duration) -> Result<Self, Error> {
        Ok(Self {
            producer: Producer::start(config, patience, Waiting::default())?,
            topic: config.erase_topic().into(),
            brokers: config.brokers.clone(),
            patience,
            next: AtomicUsize::new(0),
        })
    }

    /// Writes that `actor` is erased, as of `time_ms` and told apart by `id`, and waits for the
    /// broker. The event goes into each partition of its topic, since producers differ in where
    /// they put what the actor did; the position is that in the one that Java clients choose.
    pub fn erase(&self, actor: &str, time_ms: i64, id: &str) -> Result<Position, EraseError> {
        // A number would be read by its magnitude, which says little of a log that is old.
        let time = Timestamp::from_millisecond(time_ms).map(|time| time.to_string());
        let time = time.map_err(|error| self.away(&error))?;
        let event = json!({ "kind": "erase", "actor": actor, "time": time, "id": id });
        let event = event.to_string();
        let position = self.hear(self.send(actor, &event, None)?)?;
        let partitions = self.producer.partitions(&self.topic, self.patience);
        let others = (0..partitions.map_err(|error| self.failed(&error))?)
            .filter(|other| *other != position.partition);
        let sent: Vec<_> = others.map(|other| self.send(actor, &event, Some(other))).collect();
        for told in sent {
            self.hear(told?)?;
        }
        Ok(position)
    }

    fn send(&self, actor: &str, event: &str, partition: Option<i32>) -> Result<Told, EraseError> {
        let ticket = self.next.fetch_add(1, Ordering::Relaxed);
        let (tell, receipt) = mpsc::sync_channel(1);
        self.waiting().insert(ticket, tell);
        let sent = self.producer.try_send(&Outgoing {
            ticket,
            topic: &self.topic,
            partition,
            key: Some(actor.as_bytes()),
            payload: Some(event.as_bytes()),
            headers: &[],
        });
        sent.map_err(|full| {
            self.waiting().remove(&ticket);
            self.away(&full)
        })?;
        Ok(Told { ticket, receipt })
    }

    /// Waits for what became of an event.
    fn hear(&self, Told { ticket, receipt }: Told) -> Result<Position, EraseError> {
        match receipt.recv_timeout(self.patience + GRACE) {
            Ok(Ok((partition, offset))) => {
                Ok(Position { topic: Arc::clone(&self.topic), partition, offset })
            }
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(silent @ (RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected)) => {
                self.waiting().remove(&ticket);
                Err(self.away(&silent))
            }
        }
    }

    fn failed(&self, error: &KafkaError) -> EraseError {
        use RDKafkaErrorCode as Code;
        let refusals = [
            Code::TopicAuthorizationFailed,
            Code::ClusterAuthorizationFailed,
            Code::TransactionalIdAuthorizationFailed,
            Code::PolicyViolation,
            Code::InvalidRecord,
        ];
        if !error.rdkafka_error_code().is_some_and(|code| refusals.contains(&code)) {
            return self.away(error);
        }
        let (brokers, topic) = (self.brokers.clone(), Arc::clone(&self.topic));
        EraseError::Refused { brokers, topic, why: error.to_string() }
    }

    fn away(&self, why: &dyn std::error::Error) -> EraseError {
        let (brokers, topic) = (self.brokers.clone(), Arc::clone(&self.topic));
        EraseError::Away { brokers, topic, why: why.to_string() }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<usize, SyncSender<Receipt>>> {
        self.producer.receipts().waiting()
    }
}

impl Waiting {
    fn waiting(&self) -> MutexGuard<'_, HashMap<usize, SyncSender<Receipt>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, ticket: usize, receipt: Receipt) {
        let asked = self.waiting().remove(&ticket);
        if asked.is_none_or(|asked| asked.try_send(receipt).is_err()) {
            tracing::debug!(ticket, "nobody waits any more to hear of a record");
        }
    }
}

impl Receipts for Waiting {
    fn delivered(&self, ticket: usize, (partition, offset): (i32, i64)) {
        self.tell(ticket, Ok((partition, offset)));
    }

    fn lost(&self, ticket: usize, why: &KafkaError) {
        self.tell(ticket, Err(why.clone()));
    }
}
