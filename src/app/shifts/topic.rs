//! Shifts as records of a topic, keyed by segment, so that those of one segment stay in order.

use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::Duration;

use crate::ingest::kafka::{ClientError, Config, Error, Outgoing, Producer, Receipts};
use crate::model::Shift;
use crate::notify::{SendError, Sink};

/// For the client to say that a record is lost, after its own patience.
const GRACE: Duration = Duration::from_secs(2);

pub(super) struct Topic {
    producer: Producer<Told>,
    receipts: Receiver<(usize, Result<(), String>)>,
    to: String,
    patience: Duration,
    ticket: usize,
}

/// Passes on what became of a record.
struct Told(SyncSender<(usize, Result<(), String>)>);

impl Topic {
    /// Needs no broker to start.
    pub(super) fn start(config: &Config, topic: &str, patience: Duration) -> Result<Self, Error> {
        // One record is under way at a time; another may have been given up just before.
        let (told, receipts) = mpsc::sync_channel(16);
        let producer = Producer::start(config, patience, Told(told))?;
        Ok(Self { producer, receipts, to: topic.to_owned(), patience, ticket: 0 })
    }
}

impl Sink for Topic {
    fn send(&mut self, shift: &Shift) -> Result<(), SendError> {
        let payload = serde_json::to_vec(shift).map_err(|e| SendError::Never(e.to_string()))?;
        self.ticket += 1;
        let id = shift.id.to_string();
        let record = Outgoing {
            ticket: self.ticket,
            topic: &self.to,
            partition: None,
            key: Some(shift.segment.as_bytes()),
            payload: Some(&payload),
            headers: &[("id", &id), ("rule", shift.rule.as_str())],
        };
        self.producer.try_send(&record).map_err(|full| SendError::Again(full.to_string()))?;
        loop {
            match self.receipts.recv_timeout(self.patience + GRACE) {
                Ok((ticket, became)) if ticket == self.ticket => {
                    return became.map_err(SendError::Again);
                }
                // Of one that was given up before.
                Ok(_) => {}
                Err(silent) => return Err(SendError::Again(silent.to_string())),
            }
        }
    }
}

impl Told {
    fn tell(&self, ticket: usize, became: Result<(), String>) {
        if self.0.try_send((ticket, became)).is_err() {
            tracing::debug!(ticket, "nobody waits any more to hear of a shift's record");
        }
    }
}

impl Receipts for Told {
    fn delivered(&self, ticket: usize, _at: (i32, i64)) {
        self.tell(ticket, Ok(()));
    }

    fn lost(&self, ticket: usize, why: &ClientError) {
        self.tell(ticket, Err(why.to_string()));
    }
}
