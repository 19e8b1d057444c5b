//! Delivers shifts: to Alertmanager, a webhook, Slack, or whatever else implements [`Sink`].
//!
//! Invariant: who announces never waits for a receiver. Each sink has a queue of its own, bounded;
//! from it a shift goes once it was taken or refused for good, or, counted, to make room.

mod alertmanager;
mod config;
mod disk;
mod http;
mod metrics;
mod queue;
mod slack;
mod webhook;
mod worker;

#[cfg(test)]
mod tests;

pub use alertmanager::Alertmanager;
pub use config::{AlertmanagerConfig, Config, Hidden, KafkaConfig, SlackConfig, WebhookConfig};
pub use metrics::Metrics;
pub use slack::Slack;
pub use webhook::Webhook;

use std::fmt::Write as _;
use std::time::Duration;

use self::queue::Queue;
use self::worker::Worker;
use crate::clock;
use crate::model::Shift;

/// A receiver, spoken to by one thread.
pub trait Sink: Send {
    /// Hands one shift over and returns when it was taken.
    fn send(&mut self, shift: &Shift) -> Result<(), SendError>;
}

/// A shift was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// It may be the next time.
    #[error("it was not taken: {0}")]
    Again(String),
    /// Nor will it be: the receiver does not want it.
    #[error("it was refused: {0}")]
    Never(String),
}

/// A sink cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot use the queue {path}")]
    Queue { path: String, source: std::io::Error },
    #[error("cannot register the metrics of notifications")]
    Register(#[from] prometheus::Error),
}

/// The sinks that shifts are told to.
pub struct Notifier {
    config: Config,
    metrics: Metrics,
    sinks: Vec<Worker>,
}

impl Notifier {
    /// Without any sink yet.
    #[must_use]
    pub fn new(config: &Config, metrics: Metrics) -> Self {
        Self { config: config.clone(), metrics, sinks: Vec::new() }
    }

    /// Starts the sinks that speak HTTP, as configured.
    pub fn start_configured(&mut self) -> Result<(), Error> {
        let config = self.config.clone();
        if let Some(sink) = Alertmanager::configured(&config) {
            self.start("alertmanager", Box::new(sink))?;
        }
        if let Some(sink) = Webhook::configured(&config) {
            self.start("webhook", Box::new(sink))?;
        }
        if let Some(sink) = Slack::configured(&config) {
            self.start("slack", Box::new(sink))?;
        }
        Ok(())
    }

    /// Starts a sink, under the name that it has in metrics, logs and on disk. What its queue on
    /// disk holds from before is delivered first.
    pub fn start(&mut self, name: &'static str, sink: Box<dyn Sink>) -> Result<(), Error> {
        let queue = Queue::open(name, &self.config, &self.metrics)?;
        self.sinks.push(Worker::start(name, queue, sink, self.config.retry_max.0));
        Ok(())
    }

    /// Puts a shift into the queue of every sink, without waiting for any.
    pub fn tell(&self, shift: &Shift) {
        for sink in &self.sinks {
            sink.queue().push(shift.clone());
        }
    }

    /// Whether every thread still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.sinks.iter().all(Worker::is_alive)
    }

    /// Waits at most `patience` for what is queued, then ends. What a queue in memory still holds
    /// is lost and counted; a queue on disk keeps it.
    pub fn close(self, patience: Duration) {
        let deadline = clock::instant() + patience;
        for sink in &self.sinks {
            sink.queue().close(deadline);
        }
        for sink in self.sinks {
            sink.join(deadline + patience / 2);
        }
    }
}

/// Where people see more of a shift.
fn link(external_url: Option<&str>, shift: &Shift) -> Option<String> {
    let base = external_url?.trim_end_matches('/');
    let (segment, influencer) = (encoded(&shift.segment), encoded(&shift.influencer));
    Some(format!("{base}/?segment={segment}&influencer={influencer}"))
}

/// For the query of a URL.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a string takes all");
        }
    }
    out
}

/// Event time or wall time as RFC 3339.
fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |time| time.to_string())
}
