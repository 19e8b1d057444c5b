//! Where this daemon's rejected records go: a topic, a file, or nowhere.

use prometheus::Registry;

use crate::config::Config;
use crate::ingest::dead_letter::{DeadLetters, FileSink, Sink, Writer};
use crate::ingest::kafka::TopicSink;

/// Starts the thread that writes them, if they are to be kept.
pub(super) fn start(config: &Config, registry: &Registry) -> anyhow::Result<(DeadLetters, Writer)> {
    let sink: Option<Box<dyn Sink>> = match (&config.dead_letter.topic, &config.dead_letter.file) {
        (Some(topic), _) => Some(Box::new(TopicSink::start(&config.kafka, topic)?)),
        (None, Some(file)) => Some(Box::new(FileSink::open(file)?)),
        (None, None) => None,
    };
    Ok(DeadLetters::start(&config.dead_letter, sink, registry)?)
}
