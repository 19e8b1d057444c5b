//! The pure core: a shard holds the state of one partition and applies its interactions in order.
//!
//! Invariant: no clock, I/O, thread, randomness, Kafka or serde; what can be read is a function
//! of the interactions applied and the configuration.

use crate::model::{Batch, Params, Reason};

/// Bounds on what a shard keeps; everything that a bound takes is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of state, remembered ids included.
    pub memory_bytes: usize,
    /// Event time for which an `id` is remembered.
    pub dedup_window_ms: i64,
    /// Ids remembered at most.
    pub dedup_ids: usize,
}

/// What became of one interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Scored,
    /// Scored, and older than the newest event of its shard.
    ScoredLate,
    Rejected(Reason),
}

/// The state of one partition.
pub struct Shard {
    newest_ms: Option<i64>,
}

impl Shard {
    #[must_use]
    pub fn new(_params: &Params, _limits: &Limits) -> Self {
        Self { newest_ms: None }
    }

    /// Applies a batch in order and appends one outcome an interaction.
    pub fn apply(&mut self, batch: &Batch<'_>, outcomes: &mut Vec<Outcome>) {
        for interaction in batch.interactions() {
            self.newest_ms = self.newest_ms.max(Some(interaction.time_ms));
            outcomes.push(Outcome::Scored);
        }
    }

    /// The largest event time scored, ms since the Unix epoch.
    #[must_use]
    pub fn newest_ms(&self) -> Option<i64> {
        self.newest_ms
    }
}
