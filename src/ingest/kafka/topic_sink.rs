//! Dead letters as records of a topic: key and bytes as they came, headers that say why.
//!
//! Invariant: a letter counts as written when the broker has it. One that the topic is too small
//! for is written without its payload, with a header that says so, rather than hold up the rest.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::config::Config;
use super::consumer::Error;
use super::producer::{Full, Outgoing, Producer, Receipts};
use crate::ingest::dead_letter::{DeadLetter, Sink, SinkError};

/// For the broker to take a letter.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct TopicSink {
    producer: Producer<Lost>,
    topic: String,
    brokers: String,
}

/// What was not delivered of the letters in hand.
#[derive(Default)]
struct Lost(Mutex<Losses>);

#[derive(Default)]
struct Losses {
    /// By their place among the letters.
    too_large: BTreeSet<usize>,
    why: Option<KafkaError>,
}

impl TopicSink {
    pub fn start(config: &Config, topic: &str) -> Result<Self, Error> {
        let producer = Producer::start(config, PATIENCE, Lost::default())?;
        Ok(Self { producer, topic: topic.to_owned(), brokers: config.brokers.clone() })
    }

    /// Sends letters and waits for what became of them; which ones were too large.
    fn deliver<'a>(
        &self,
        letters: impl Iterator<Item = (usize, &'a DeadLetter)>,
        whole: bool,
    ) -> Result<BTreeSet<usize>, SinkError> {
        *self.producer.receipts().losses() = Losses::default();
        for (ticket, letter) in letters {
            let sent = self.send(ticket, letter, whole);
            sent.map_err(|full| self.failed(full))?;
        }
        if !self.producer.flush(PATIENCE + Duration::from_secs(2)) {
            // Or else it would be written twice when the letters come again.
            self.producer.give_up();
        }
        let losses = std::mem::take(&mut *self.producer.receipts().losses());
        match losses.why {
            Some(why) => Err(self.failed(why)),
            None => Ok(losses.too_large),
        }
    }

    fn send(&self, ticket: usize, letter: &DeadLetter, whole: bool) -> Result<(), Full> {
        let position = &letter.rejection.position;
        let (partition, offset) = (position.partition.to_string(), position.offset.to_string());
        let mut headers = vec![
            ("reason", letter.rejection.reason.as_str()),
            ("topic", &*position.topic),
            ("partition", &partition),
            ("offset", &offset),
        ];
        let bytes = letter.payload.as_ref().map_or(0, Vec::len).to_string();
        if !whole {
            headers.push(("omitted_bytes", &bytes));
        }
        let record = Outgoing {
            ticket,
            topic: &self.topic,
            partition: None,
            key: letter.key.as_deref(),
            payload: letter.payload.as_deref().filter(|_| whole),
            headers: &headers,
        };
        self.producer.send(&record, PATIENCE)
    }

    fn failed(&self, source: impl std::error::Error + Send + Sync + 'static) -> SinkError {
        let to = format!("topic {} at {}", self.topic, self.brokers);
        SinkError { to, source: Box::new(source) }
    }
}

impl Sink for TopicSink {
    fn write(&mut self, letters: &[DeadLetter]) -> Result<(), SinkError> {
        let too_large = self.deliver(letters.iter().enumerate(), true)?;
        if too_large.is_empty() {
            return Ok(());
        }
        let again = letters.iter().enumerate().filter(|(at, _)| too_large.contains(at));
        self.deliver(again, false).map(|_| ())
    }
}

impl Lost {
    fn losses(&self) -> MutexGuard<'_, Losses> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Receipts for Lost {
    fn delivered(&self, _ticket: usize, _at: (i32, i64)) {}

    fn lost(&self, ticket: usize, why: &KafkaError) {
        let mut losses = self.losses();
        let too_large = KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge);
        if *why == too_large {
            losses.too_large.insert(ticket);
        } else {
            losses.why.get_or_insert_with(|| why.clone());
        }
    }
}
