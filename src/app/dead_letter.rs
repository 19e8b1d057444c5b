//! Where this daemon's rejected records go: a topic, a file, or nowhere.

use std::sync::Arc;

use prometheus::Registry;

use crate::config::Config;
use crate::ingest::dead_letter::{DeadLetters, FileSink, Sink, Writer};
use crate::ingest::kafka::TopicSink;
use crate::serve::exposition::{Exemplar, Exemplars};

/// Starts the thread that writes them, if they are to be kept.
pub(super) fn start(config: &Config, registry: &Registry) -> anyhow::Result<(DeadLetters, Writer)> {
    let sink: Option<Box<dyn Sink>> = match (&config.dead_letter.topic, &config.dead_letter.file) {
        (Some(topic), _) => Some(Box::new(TopicSink::start(&config.kafka, topic)?)),
        (None, Some(file)) => Some(Box::new(FileSink::open(file)?)),
        (None, None) => None,
    };
    Ok(DeadLetters::start(&config.dead_letter, sink, registry)?)
}

/// A record for each reason for which some were rejected, as an example of what is counted.
pub(super) fn exemplars(letters: &DeadLetters) -> Exemplars {
    let letters = letters.clone();
    Arc::new(move || {
        let latest = letters.latest().into_iter();
        let shown = latest.map(|(rejection, time_ms)| Exemplar {
            of: ("sillage_events_rejected_total", rejection.reason.as_str()),
            position: rejection.position,
            time_ms,
        });
        shown.collect()
    })
}
