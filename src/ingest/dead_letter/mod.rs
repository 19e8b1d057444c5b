//! Where records go that could not be scored: kept whole, with their address and the reason.
//!
//! Invariant: no record waits in memory beyond the queue's bounds, and each that is lost is counted.

mod config;
mod file;
mod latest;
mod metrics;
mod queue;

pub use config::{Config, OnFailure};
pub use file::FileSink;
pub use queue::{DeadLetters, Writer};

use crate::model::Rejection;

/// A record that was not scored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    pub rejection: Rejection,
    /// When it was rejected, ms since the Unix epoch.
    pub time_ms: i64,
    pub key: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
}

/// A place that dead letters are written to, by one thread.
pub trait Sink: Send {
    /// Writes all of `letters` and returns when they are there. After an error it is called again
    /// with the same letters, perhaps more behind them.
    fn write(&mut self, letters: &[DeadLetter]) -> Result<(), SinkError>;
}

/// Letters could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write dead letters to {to}")]
pub struct SinkError {
    pub to: String,
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl DeadLetter {
    fn bytes(&self) -> usize {
        let lengths = [&self.key, &self.payload].map(|part| part.as_ref().map_or(0, Vec::len));
        size_of::<Self>() + lengths.iter().sum::<usize>()
    }
}

#[cfg(test)]
mod tests;
